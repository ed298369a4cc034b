"""Sums of guarded products as one node: what a compiled function makes of the adjoint of a list that dots share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import compress, repeat
from math import isfinite, nan
from operator import mul as times
from typing import Any

from . import context
from .ieee import COMPENSATES
from .lists import Operands
from .ops import identity, mul, where
from .rule import UNREACHED, Op, new
from .value import Value


def gated_sum(cs: Sequence[float], ws: Sequence[float], xs: Sequence[float], b: float) -> float:
    """b + w1*x1 + w2*x2 + …, left to right, with 0 in place of a product whose c is 0."""
    if not COMPENSATES:  # as below in a third of the time: a 0 changes nothing but the sign of another
        y = sum(map(times, compress(ws, cs), compress(xs, cs)), b)
        return y if all(cs) else y + 0.0
    for c, w, x in zip(cs, ws, xs):
        b += w * x if c else 0.0
    return b


def _beside(cs: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """The partials of a list: what stands beside it, and 0 behind a closed condition."""
    return [where(c, x, 0.0) for c, x in zip(cs, others)]


# In traces alone. What is differentiated by hand, in `adjoints` and `tangents`, stays whole there.
GATED = Op(
    "gated", gated_sum,
    (0.0, lambda cs, ws, xs, b, y: _beside(cs, xs), lambda cs, ws, xs, b, y: _beside(cs, ws), 1.0), text="gated({0:0}, {1:0}, {2:0}, {3:0})",
    tex=r"\operatorname{gated}\left({0:0}, {1:0}, {2:0}, {3:0}\right)", binding=5, domain=((-1.0, 1.0),) * 4, kink=None,
    reference=None, selects=True, lists=3, defaults=(),
)  # fmt: skip


def gates(v: Value) -> tuple[Value, ...] | None:
    """The conditions of the products of a dot or of a sum of guarded ones; None where there are none, or none is needed, as
    around finite numbers."""
    if v.op is not GATED or (v._a[2].__class__ is list and all(map(isfinite, v._a[2]))):
        return None
    conditions: tuple[Value, ...] = v._a[0]
    return conditions


def gated(cs: Operands, ws: Operands, xs: Operands, b: float | Value, spare: bool) -> Value:
    """GATED of operands that are read.

    Args:
        cs, ws, xs, b: the operands.
        spare: do the conditions change a number only where a product overflows?
    """
    v = new(Value)
    v._x = cs._vals, ws._vals, xs._vals, b._data if isinstance(b, Value) else b
    v._a = cs._args, ws._args, xs._args, b
    v._data = gated_sum(*v._x)
    v.grad = UNREACHED
    v.op = GATED
    v._about = None
    made: Value = context.record(v)
    if spare:
        context.recorder().spare.add(made)
    return made


class Products:
    """g*x for each x of a list; in a trace also behind a condition, 0 where that is.

    Attributes:
        g, xs, c: the operands; c is None without a condition.
        spare: as for `gated`.
        nodes: they, as soon as somebody wants them one by one.
    """

    __slots__ = ("_vals", "c", "g", "nodes", "spare", "xs")

    def __init__(self, g: Value, xs: tuple[Value, ...], vals: Sequence[float], c: Value | None, spare: bool) -> None:
        self.g, self.xs, self._vals, self.c, self.spare = g, xs, vals, c, spare
        self.nodes: list[Value] = []

    def __len__(self) -> int:
        return len(self.xs)

    def operands(self) -> list[Value]:
        """What they are made of."""
        return [self.g, *self.xs] if self.c is None else [self.g, self.c, *self.xs]

    def depending(self, known: Mapping[Value, bool]) -> list[bool]:
        """Which of them depend on something, where that is known of the operands."""
        if known[self.g] or (self.c is not None and known[self.c]):
            return [True] * len(self)
        return [known[v] for v in self.xs]

    def values(self, recorder: Any = None) -> list[Value]:
        """They, as nodes; in a trace its recorder knows that they are made alike."""
        if not self.nodes:
            g, c, y = self.g, self.c, self.g._data
            gs, cs = (g,), (c,)
            for x, number in zip(self.xs, self._vals):
                v = new(Value)
                v.grad = UNREACHED
                v._about = None
                if c is None:
                    v.op = mul
                    v._a, v._b, v._x, v._y = g, x, y, number
                    v._data = y * number
                else:
                    v.op = GATED
                    v._a = cs, gs, (x,), -0.0
                    v._x = [c._data], [y], [number], -0.0
                    v._data = y * number if c._data else 0.0
                self.nodes.append(v)
            if (recorder := recorder or (context.recorder() if context.active else None)) is not None:
                recorder.record_products(self)
        return self.nodes


class Sums(Products):
    """g1*x1 + g2*x2 + … for each place of lists x1, x2, … that are of one length: what a compiled function answers, and
    nobody else reads.

    Args:
        gs, xs: the operands.
        cs: the conditions of the products, or None.
        spare: as for `gated`.
        sum: (place) -> the node.
        starts: what each of them is added to, twice; empty: nothing.
    """

    __slots__ = ("cs", "gs", "lists", "starts", "sum")

    def __init__(self, gs: tuple[Value, ...], xs: Sequence[tuple[Value, ...]], cs: tuple[Value, ...] | None, spare: bool,
                 sum: Callable[[int], Any], starts: tuple[Value, ...] = ()) -> None:  # fmt: skip
        self.gs, self.cs, self.lists, self.spare, self.sum, self.starts = gs, cs, xs, spare, sum, starts
        self.nodes = []

    def __len__(self) -> int:
        return len(self.lists[0])

    def listed(self) -> Sequence[tuple[Value, ...]]:
        """The lists of operands: g, the conditions, each x, and the starts as often as they are added."""
        starts = (self.starts, self.starts) if self.starts else ()
        return self.gs, *([] if self.cs is None else [self.cs]), *self.lists, *starts

    def operands(self) -> list[Value]:
        """Nobody asks: they depend on what is from outside."""
        return []

    def depending(self, known: Mapping[Value, bool]) -> list[bool]:
        """All of them do."""
        return [True] * len(self)

    def values(self, recorder: Any = None) -> list[Value]:
        """What stands for them until they are one instruction, or `expand` makes them nodes."""
        if not self.nodes:
            self.nodes += map(Value, repeat(nan, len(self)))
            (recorder or context.recorder()).products.update(dict.fromkeys(self.nodes, self))
        return self.nodes

    def expand(self) -> None:
        """Make them nodes."""
        for k, v in enumerate(self.nodes):
            node = self.sum(k)
            v._fill(identity, (node,), (node._data,))


class Scatter(Sums):
    """What comes to lists of Values, side by side, of which entries are taken by indices: something, and then g at each of
    these.

    Args:
        gs: what comes by each index.
        places: the indices.
        targets: for each of them, where among the Values those of its list are.
        size: how many Values there are.
        before: what else comes to them; empty: 0 to all.
        sum: as for `Sums`.
    """

    __slots__ = ("before", "places", "size", "targets")

    def __init__(self, gs: tuple[Value, ...], places: tuple[Value, ...], targets: Sequence[range], size: int,
                 before: Sequence[Value | Products], sum: Callable[[int], Any]) -> None:  # fmt: skip
        super().__init__(gs, (), None, False, sum)
        self.places, self.targets, self.size, self.before = places, targets, size, before

    def __len__(self) -> int:
        return self.size

    def listed(self) -> Sequence[tuple[Value, ...]]:
        """g and the indices."""
        return self.gs, self.places
