"""A graph replayed in balls: all values and derivatives that a correct engine can compute for it.

Each value and each partial is widened by the rounding of its own row, each product and each sum of the chain rule by
theirs. The result holds the exact derivative; whatever lies outside is an error. Rump, Verification methods (2010),
section 11, on enclosing derivatives.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from ..rule import Op
from ..traversal import topological_order
from ..value import Value
from .balls import Ball, BallOperand, arb
from .enclosures import CONDITIONS, Enclosure, Partial
from .rounding import float_enclosure, is_float, rounded

Argument = int | float | list[int | float]  # an int for a node of the graph, a float for a number, a list for a list
X = TypeVar("X")


class FlatGraph:
    """A graph as flat lists, arguments before users; the output is last.

    Attributes:
        nodes: the Values it was recorded from.
        rows: the op of each node, None for a leaf.
        args: the arguments of each node.
        leaves: the positions of the leaves that are differentiated; None for one that the output does not use.
    """

    def __init__(self, root: Value, leaves: Sequence[Value]) -> None:
        self.nodes = topological_order(root)
        place = {v: i for i, v in enumerate(self.nodes)}
        self.rows = [v.op for v in self.nodes]
        self.args = [[_argument(a, place) for a in v._operands()[0]] for v in self.nodes]
        self.leaves = [place.get(leaf) for leaf in leaves]

    def output(
        self, leaf: Callable[[int], X], node: Callable[[Op, list[X | list[X]]], X], number: Callable[[float], X]
    ) -> X:
        """The output in another arithmetic: how a leaf, a node of some operands and a constant are made in it."""
        values: list[X] = []
        for i, (row, args) in enumerate(zip(self.rows, self.args)):
            values.append(leaf(i) if row is None else node(row, operands(args, values, number)))
        return values[-1]


def _argument(
    a: Value | float | tuple[Value | float, ...] | list[Value | float], place: Mapping[Value, int]
) -> Argument:
    if isinstance(a, Value):
        return place[a]
    return [place[e] if isinstance(e, Value) else e for e in a] if isinstance(a, (tuple, list)) else a


def operands(args: Sequence[Argument], values: Sequence[X], number: Callable[[float], X]) -> list[X | list[X]]:
    """The arguments of a node, looked up."""

    def one(a: int | float) -> X:
        return values[a] if isinstance(a, int) else number(a)

    return [[one(e) for e in a] if isinstance(a, list) else one(a) for a in args]


def wanted(args: Sequence[Argument]) -> list[bool]:
    """For each argument whether a node is among it, so that its partial counts."""
    return [any(isinstance(e, int) for e in (a if isinstance(a, list) else [a])) for a in args]


class BallEdge(NamedTuple):
    """One operand of a node: where it is, its partial, and whether it is connected."""

    source: int
    partial: Ball
    connected: bool


def edges(row: Op, args: Sequence[Argument], partials: Sequence[Partial]) -> list[BallEdge]:
    """The edges of a node, lists laid flat."""
    found = []
    for a, p in zip(args, partials):
        pairs = zip(a, p) if isinstance(a, list) and isinstance(p, list) else [(a, p)]
        for e, q in pairs:
            if isinstance(e, int) and isinstance(q, arb):
                found.append(BallEdge(e, q, not (row.selects and q.is_zero())))
    return found


class BallReplay:
    """A graph in balls.

    Args:
        graph: the graph.
        number: makes the ball of a constant.

    Attributes:
        values: the ball of each node.
        edges: the edges of each node, with their partials as balls.
        kinks: the positions of nodes whose operands touch a kink.
    """

    def __init__(self, graph: FlatGraph, number: Callable[[float], Ball] = arb) -> None:
        self.graph = graph
        self.values: list[Ball] = []
        self.edges: list[list[BallEdge]] = []
        self.kinks: set[int] = set()
        for i, (row, args) in enumerate(zip(graph.rows, graph.args)):
            if row is None:
                self.values.append(self.leaf(i, number))
                self.edges.append([])
                continue
            value, partials, kink = self.enclosure(row, operands(args, self.values, number), wanted(args))
            self.values.append(value)
            self.edges.append(edges(row, args, partials))
            if kink:
                self.kinks.add(i)

    # What another arithmetic than that of floats does otherwise ----------------------------------------------------

    def leaf(self, i: int, number: Callable[[float], Ball]) -> Ball:
        """The ball of a leaf."""
        return arb(self.graph.nodes[i].data)

    def enclosure(self, row: Op, args: Sequence[BallOperand], asked: Sequence[bool]) -> Enclosure:
        """The value and the partials of a row as they may be computed."""
        return float_enclosure(row, args, asked)

    def once(self, x: Ball) -> Ball:
        """A product or a sum of the chain rule as it may be rounded."""
        return x if is_float(x) else rounded(x, 2.0)

    # The chain rule ----------------------------------------------------------------------------------------------------

    def _upwards(self) -> Iterator[tuple[int, int, BallEdge]]:
        """(position of the user, which of its edges, edge), users before their arguments."""
        for i in range(len(self.edges) - 1, -1, -1):
            for k, edge in enumerate(self.edges[i]):
                yield i, k, edge

    def _sum(self, x: Ball | None, y: Ball) -> Ball:
        return y if x is None else self.once(x + y)

    def adjoints(self, seed: Ball | None = None) -> list[Ball | None]:
        """The derivative of the output with respect to each node; None where it is not connected."""
        found: list[Ball | None] = [None] * len(self.values)
        found[-1] = arb(1) if seed is None else seed
        for i, _, edge in self._upwards():
            g = found[i]
            if edge.connected and g is not None:
                found[edge.source] = self._sum(found[edge.source], self.once(g * edge.partial))
        return found

    def gradient(self, seed: Ball | None = None) -> list[Ball]:
        """The derivative of the output with respect to each leaf; 0 where it is not in the graph, or not connected."""
        adjoints = self.adjoints(seed)
        return [arb(0) if i is None or (g := adjoints[i]) is None else g for i in self.graph.leaves]

    def tangent(self, direction: Mapping[int, Ball]) -> Ball:
        """The derivative of the output in a direction: a number for each of some leaves."""
        found = [direction.get(i) for i in range(len(self.values))]
        for i, found_edges in enumerate(self.edges):
            for edge in found_edges:
                t = found[edge.source]
                if edge.connected and t is not None:
                    found[i] = self._sum(found[i], self.once(t * edge.partial))
        last = found[-1]
        return arb(0) if last is None else last

    def sizes(self) -> list[float]:
        """For each leaf the sum over all paths of the absolute product: the size its derivative could have."""
        found = [0.0] * len(self.values)
        found[-1] = 1.0
        for i, _, edge in self._upwards():
            if edge.connected and found[i]:
                found[edge.source] += found[i] * float(abs(edge.partial).upper())
        return [0.0 if i is None else found[i] for i in self.graph.leaves]

    def kinks_met(self) -> list[int]:
        """The positions of nodes on a kink that the output depends on: branches not taken are left out."""
        if not self.kinks:
            return []
        reached = {len(self.values) - 1}
        for i, k, edge in self._upwards():
            if i in reached and (edge.connected or self._decides(i, k)):
                reached.add(edge.source)
        return sorted(self.kinks & reached)

    def _decides(self, i: int, k: int) -> bool:
        """Whether a node's edge says which branch is taken."""
        row = self.graph.rows[i]
        return row is not None and (row.name in CONDITIONS or (row.name in ("where", "edge") and k == 0))

    def overflows(self, limit: Ball) -> bool:
        """Whether some number on the way is beyond a limit, so that a correct engine may give nan or inf."""
        adjoints = self.adjoints()
        reached = [i for i, a in enumerate(adjoints) if a is not None]
        balls = [a for a in adjoints if a is not None] + [self.values[i] for i in reached]
        balls += [e.partial for i in reached for e in self.edges[i] if e.connected]
        return any(not b.is_finite() or abs(b).upper() > limit for b in balls)
