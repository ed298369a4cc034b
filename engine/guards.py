"""Guards: what keeps a gradient that is a graph right at other leaf values, where `backprop` cuts an edge by value."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from itertools import repeat
from math import isfinite
from operator import is_

from . import context, ops
from .rule import UNREACHED, Op, new
from .value import Value

Number = float | Value
Guard = tuple[Number, bool] | None  # see guarded_contribution


class Fixed(int):
    """When a leaf was made, on which graphs stand that have no guards, since they are for its number alone."""


def check_free(who: str, leaf: Value) -> None:
    """Raise where a graph may be for a leaf's own number alone."""
    if isinstance(leaf._made_in, Fixed):
        raise ValueError(
            f"{who} takes leaves that may have other numbers, got one that a transform gives its function: gradients of "
            "it leave out what is 0 at its number; call the function with other numbers, or take gradients of a Value"
        )


def guarded_contribution(op: Op, g: Number, p: Number, guard: Guard) -> tuple[Guard, Number | None]:
    """(guard, adjoint) that one edge passes on. A guard is (condition, strict): a Value that is 0 where no path is
    connected, and whether the path leads through a `where`, behind which anything may be infinite."""
    recorder = context.recorder() if context.active else None
    by_value = recorder is None or (p.__class__ is float and any(map(is_, op.partials, repeat(p))))
    if op.selects:
        if isinstance(p, float) and by_value:
            if p == 0.0:
                return None, None
        else:
            condition = p if guard is None else where(guard[0], p, 0.0)
            strict = op.name in ("where", "edge") or (guard is not None and guard[1])
            return (condition, strict), where(condition, _times(g, p, by_value), 0.0)
    product = _times(g, p, by_value)
    if guard is not None and (isinstance(p, Value) or not (by_value and isfinite(p))):
        product = where(guard[0], product, 0.0)
        if recorder is not None:
            if not isinstance(p, Value):
                recorder.doubtful.add(product)
            elif not guard[1] and op.name in FINITE:
                recorder.spare.add(product)
    return guard, product


def either_guard(guard: Guard, other: Guard) -> Guard:
    """The guard of a node that two edges reach."""
    if guard is None or other is None:
        return None
    return where(guard[0], 1.0, other[0]), guard[1] or other[1]


def both(c: Number, d: Number) -> Number:
    """A condition that is 0 where one of two is."""
    if c is d or (isinstance(c, Value) and c.op is ops.where and c._a[0] is d and _is_one_or_zero(*c._a[1:])):
        return d
    return where(c, d, 0.0)


class Guards:
    """Those of Values, each made when someone asks.

    Args:
        leaves: have none.
    """

    def __init__(self, leaves: Iterable[Value] = ()) -> None:
        self._of: dict[Value, Guard] = dict.fromkeys(leaves)
        self._waiting = dict[Value, dict[Guard, None]]()  # several, of which each may be open
        self._either = dict[tuple[Guard, ...], Guard]()
        self._both = dict[tuple[Number, Number], Number]()

    def __contains__(self, v: Value) -> bool:
        return v in self._of or v in self._waiting

    def set(self, v: Value, several: Iterable[Guard]) -> None:
        """A Value is reached by several edges; by none, it has no guard."""
        self._waiting[v] = dict.fromkeys(several)

    def add(self, v: Value, several: Iterable[Guard]) -> None:
        """And by others."""
        self._waiting[v].update(dict.fromkeys(several))

    def of(self, v: Value) -> Guard:
        """That of a Value."""
        if v in self._waiting:
            self._of[v] = self.either(self._waiting.pop(v))
        return self._of[v]

    def either(self, guards: Iterable[Guard]) -> Guard:
        """The guard of what several edges reach, or none."""
        several = tuple(dict.fromkeys(guards))
        if several not in self._either:
            self._either[several] = None if None in several or not several else reduce(either_guard, several)
        return self._either[several]

    def kind(self, v: Value) -> bool | None:
        """None: a Value has no guard; else whether it is strict."""
        several = self._waiting.get(v, (self._of.get(v),))
        strict = [guard is not None and guard[1] for guard in several]
        return None if None in several or not strict else any(strict)

    def behind(self, v: Value, c: Value) -> tuple[Number, bool]:
        """The guard of what is behind a condition, and reaches on along an edge from a Value."""
        guard = self.of(v)
        if guard is None:
            return c, True
        key = guard[0], c
        if key not in self._both:
            self._both[key] = both(*key)
        return self._both[key], True


def _is_one_or_zero(x: Number, y: Number) -> bool:
    return x.__class__ is float is y.__class__ and (x, y) == (1.0, 0.0)


READ = {float, Value}


def where(c: Number, x: Number, y: Number) -> Number:
    """The op of this name, in half the time where nothing has to be read."""
    kinds = {c.__class__, x.__class__, y.__class__}
    if Value not in kinds or not kinds <= READ:
        found: Number = ops.where(c, x, y)
        return found
    vals = tuple([a._data if isinstance(a, Value) else a for a in (c, x, y)])
    v = new(Value)
    v._data, v.grad, v._about = ops.where.forward(*vals), UNREACHED, None
    v.op, v._a, v._x = ops.where, (c, x, y), vals
    return context.record(v) if context.active else v


def _times(g: Number, p: Number, by_value: bool) -> Number:
    """g*p. While a function is compiled, 1 and 0 among the numbers it brought along are no exceptions, or no two rounds of
    a loop would be alike; they are folded when the loops are known."""
    return times(g, p) if by_value else g * p


def times(g: Number, p: Number) -> Number:
    """g*p, and no node for a factor 1."""
    if p.__class__ is float and p == 1.0:
        return g
    if g.__class__ is float and g == 1.0:
        return p
    if p.__class__ is float and p == -1.0:
        return -g
    return g * p


# Rows whose partials are finite at finite arguments: behind relu and its like the adjoint is 0, and so are their products
# without a guard, unless a number overflows. Others (1/x at 0) would often give 0·inf.
FINITE = frozenset((
    "add", "sub", "mul", "neg", "identity", "sin", "cos", "tanh", "sigmoid", "softplus", "logsigmoid", "dot", "total",
    "mean", "relu", "leaky_relu", "abs",
))  # fmt: skip
