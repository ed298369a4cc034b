"""A graph replayed in balls: all values and derivatives that a correct engine can compute for it.

Each value and each partial is widened by the rounding of its own row, each product and each sum of the chain rule by
theirs. The result holds the exact derivative; whatever lies outside is an error. Rump, Verification methods (2010),
section 11, on enclosing derivatives.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..backprop import topological_order
from ..ops import Op
from ..value import Value
from .balls import Ball, arb
from .enclosures import CONDITIONS
from .rounding import float_enclosure, is_float, rounded

Argument = Any  # an int for a node of the tape, a float for a number, a list of them for a list


class FlatGraph:
    """A graph as flat lists, arguments before users; the output is last.

    Attributes:
        nodes: the Values it was recorded from.
        rows: the op of each node, None for a leaf.
        args: for each node its arguments: the position of a node as int, a number as float, a list as list of them.
        leaves: the positions of the leaves that are differentiated.
    """

    def __init__(self, root: Value, leaves: Sequence[Value]) -> None:
        self.nodes = topological_order(root)
        place = {v: i for i, v in enumerate(self.nodes)}
        self.rows: list[Op | None] = [v.op for v in self.nodes]
        self.args = [[_argument(a, place) for a in v._operands()[0]] for v in self.nodes]
        self.leaves = [place.get(leaf) for leaf in leaves]

    def __len__(self) -> int:
        return len(self.nodes)

    def run(self, inputs: Mapping[int, Any], function: Callable[[str], Callable[..., Any]]) -> Any:
        """The output at other leaves, made by other functions of the same names: another engine, or series."""
        values: list[Any] = []
        for i, (row, args) in enumerate(zip(self.rows, self.args)):
            if row is None:
                values.append(inputs[i] if i in inputs else self.nodes[i].data)
            else:
                values.append(function(row.name)(*operands(args, values, float)))
        return values[-1]


def _argument(a: Any, place: Mapping[Value, int]) -> Argument:
    if a.__class__ is Value:
        return place[a]
    return [_argument(e, place) for e in a] if a.__class__ in (tuple, list) else a


def operands(args: Sequence[Argument], values: Sequence[Any], number: Callable[[float], Any]) -> list[Any]:
    """The arguments of a node of a tape, looked up."""
    found: list[Any] = []
    for a in args:
        if a.__class__ is int:
            found.append(values[a])
        elif a.__class__ is list:
            found.append([values[e] if e.__class__ is int else number(e) for e in a])
        else:
            found.append(number(a))
    return found


def wanted(args: Sequence[Argument]) -> list[bool]:
    """For each argument whether a node is among it, so that its partial counts."""
    return [a.__class__ is int or (a.__class__ is list and any(e.__class__ is int for e in a)) for a in args]


class BallEdge(NamedTuple):
    """One operand of a node: where it is, its partial, and whether it is connected."""

    source: int
    partial: Ball
    connected: bool


def edges(row: Op, args: Sequence[Argument], partials: Sequence[Any]) -> list[BallEdge]:
    """The edges of a node, lists laid flat."""
    found = []
    for a, p in zip(args, partials):
        if a.__class__ is int:
            found.append(BallEdge(a, p, not (row.selects and p.is_zero())))
        elif a.__class__ is list and p is not None:
            found.extend(
                [BallEdge(e, q, not (row.selects and q.is_zero())) for e, q in zip(a, p) if e.__class__ is int]
            )
    return found


class BallReplay:
    """A tape in balls.

    Args:
        tape: the graph.
        number: makes the ball of a constant.

    Attributes:
        values: the ball of each node.
        edges: the edges of each node, with their partials as balls.
        kinks: the positions of nodes whose operands touch a kink.
    """

    def __init__(self, tape: FlatGraph, number: Callable[[float], Ball] = arb) -> None:
        self.tape = tape
        self.values: list[Ball] = []
        self.edges: list[list[BallEdge]] = []
        self.kinks: set[int] = set()
        for i, (row, args) in enumerate(zip(tape.rows, tape.args)):
            if row is None:
                self.values.append(arb(tape.nodes[i].data))
                self.edges.append([])
                continue
            value, partials, kink = float_enclosure(row, operands(args, self.values, number), wanted(args))
            self.values.append(value)
            self.edges.append(edges(row, args, partials))
            if kink:
                self.kinks.add(i)

    def adjoints(self, seed: Ball | None = None) -> list[Ball | None]:
        """The derivative of the output with respect to each node; None where it is not connected."""
        found: list[Ball | None] = [None] * len(self.values)
        found[-1] = arb(1) if seed is None else seed
        for i in range(len(found) - 1, -1, -1):
            g = found[i]
            if g is None:
                continue
            for source, p, connected in self.edges[i]:
                if connected:
                    c, before = product(g, p), found[source]
                    found[source] = c if before is None else added(before, c)
        return found

    def tangent(self, direction: Mapping[int, Ball]) -> Ball:
        """The derivative of the output in a direction: a number for each of some leaves."""
        found: list[Ball | None] = [direction.get(i) for i in range(len(self.values))]
        for i, edges_of in enumerate(self.edges):
            for source, p, connected in edges_of:
                t = found[source]
                if connected and t is not None:
                    c, before = product(t, p), found[i]
                    found[i] = c if before is None else added(before, c)
        last = found[-1]
        return arb(0) if last is None else last

    def size(self) -> list[float]:
        """For each node the sum over all paths of the absolute product: the size its derivative could have."""
        found = [0.0] * len(self.values)
        found[-1] = 1.0
        for i in range(len(found) - 1, -1, -1):
            for source, p, connected in self.edges[i]:
                if connected and found[i]:
                    found[source] += found[i] * float(abs(p).upper())
        return found

    def kinks_met(self) -> list[int]:
        """The positions of nodes on a kink that the output depends on: branches not taken are left out."""
        if not self.kinks:
            return []
        reached = [False] * len(self.values)
        reached[-1] = True
        for i in range(len(reached) - 1, -1, -1):
            if reached[i]:
                for k, (source, _, connected) in enumerate(self.edges[i]):
                    if connected or self._decides(self.tape.rows[i], k):
                        reached[source] = True
        return [i for i in sorted(self.kinks) if reached[i]]

    @staticmethod
    def _decides(row: Op | None, k: int) -> bool:
        return row is not None and (row.name in CONDITIONS or (row.name in ("where", "edge") and k == 0))


def product(g: Ball, p: Ball) -> Ball:
    """A step of the chain rule as floats may compute it."""
    c = g * p
    return c if is_float(c) else rounded(c, 2.0)


def added(a: Ball, b: Ball) -> Ball:
    """A sum of two contributions as floats may compute it."""
    c = a + b
    return c if is_float(c) else rounded(c, 2.0)
