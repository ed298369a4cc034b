"""Each rule of a graph on its own: is this value, is this partial right at the operands it saw?

A rule that is wrong is found here whatever the rest of the graph does to it, and by name: in the graph, alone on another
engine, and as a graph of its own, where the question is what a partial's own derivative is.
"""

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..adjoints import gradients
from ..rule import Op
from ..traversal import partials as engine_partials
from ..traversal import topological_order
from ..value import Value
from .ball_replay import BallReplay, FlatGraph
from .balls import LARGEST, Ball, arb
from .conventions import convention
from .engines import Adapter
from .rounding import float_enclosure, rounded_number
from .taylor import KinkError, TaylorDerivatives

OVERFLOWS = LARGEST / 16
Expected = Ball | float | None  # a float where a convention holds, None where nothing is known


@dataclass
class Fault:
    """What is wrong, and where.

    Attributes:
        part: "value", "partial", "saved operand", "adjoint", "second derivative", or where no node is to blame
            "traversal".
        node: the Value at which it is.
        argument: the position of the edge in `node.args`, for a partial.
        got: what the engine has.
        ball: what it may be; a float where a convention says it.
        inaccurate: it is no more than a few ulps of the rule's largest value away.
        why: a clause that says it in words.
    """

    part: str
    node: Value | None
    argument: int | None
    got: float
    ball: Ball | float
    inaccurate: bool
    why: str

    @property
    def op(self) -> str:
        """The name of the op to blame, "" where there is none."""
        return self.node.op.name if self.node is not None and self.node.op is not None else ""


def holds(ball: Ball, x: float) -> bool:
    """Whether a float lies in a ball; where floats overflow, or a step towards the ball does, nan and infinities do."""
    if math.isfinite(x):
        return bool(ball.contains(arb(x)))
    return bool(abs(ball).upper() > OVERFLOWS)


def close(ball: Ball, x: float) -> bool:
    """Whether a float is within 16 units of rounding of a ball, counted at the size of the ball or at 1."""
    if not (math.isfinite(x) and ball.is_finite()):
        return False
    return bool((ball + arb(0, 16.0 * 2.0**-53) * (1 + abs(ball))).contains(arb(x)))


def faults(nodes: Sequence[Value]) -> Iterator[Fault]:
    """What is wrong with the rules of some nodes, arguments first: saved operands, values, partials."""
    for v in nodes:
        if v.op is not None:
            yield from _faults_of_node(v, v.op)


def _faults_of_node(v: Value, row: Op) -> Iterator[Fault]:
    args, vals = v._operands()
    for i, (a, x) in enumerate(v._edges()):
        if isinstance(a, Value) and a._data != x and (x == x or a._data == a._data):
            yield Fault("saved operand", v, i, x, arb(a._data), False, "is not the value of the node it stands for")
    value, partials = expected(row, vals, [isinstance(a, (Value, tuple)) for a in args])
    yield from _misfit("value", v, None, v._data, value)
    for i, (p, right) in enumerate(zip(engine_partials(v), partials)):
        if p is not None:
            yield from _misfit("partial", v, i, p, right)


def _misfit(part: str, v: Value, argument: int | None, got: float, right: Expected) -> Iterator[Fault]:
    """The fault of a number that is not what is expected of a row."""
    if right is not None and not (agrees(right, got) if isinstance(right, float) else holds(right, got)):
        inaccurate = not isinstance(right, float) and close(right, got)
        why = "the forward function is wrong" if part == "value" else "the partial is wrong"
        yield Fault(part, v, argument, got, right, inaccurate, why)


def agrees(agreed: float, x: float) -> bool:
    """Whether a number is what a convention says, to a few ulps where that is finite."""
    if not math.isfinite(agreed):
        return x == agreed or (agreed != agreed and x != x)
    return abs(agreed - x) <= 8.0 * math.ulp(agreed)


def expected(
    row: Op, vals: Sequence[float | list[float]], asked: Sequence[bool]
) -> tuple[Expected, Sequence[Expected]]:
    """What a row should give at float operands: a ball, a float where a convention holds, None where nothing is known.

    Returns:
        (value, partials with one entry an operand).
    """
    flat = [x for a in vals for x in (a if isinstance(a, list) else [a])]
    agreed = None if row.lists else convention(row.name, flat)
    if agreed is not None:
        return agreed[0], [p if w else None for p, w in zip(agreed[1], asked)]
    if not all(map(math.isfinite, flat)):
        return None, [None] * len(flat)
    balls = [[arb(e) for e in a] if isinstance(a, list) else arb(a) for a in vals]
    value, partials, _ = float_enclosure(row, balls, asked)
    laid = list[Ball | None]()
    for a, p in zip(vals, partials):
        laid += p if isinstance(p, list) else [p] * (len(a) if isinstance(a, list) else 1)
    known = [p if p is not None and p.is_finite() else None for p in (value, *laid)]
    return known[0], known[1:]


# Alone ---------------------------------------------------------------------------------------------------------------


def adds_right(engine: Adapter) -> bool:
    """Whether the gradients of x + y are 1 and 1: if not, the sweep is wrong whatever the rules are."""
    leaves = [engine.make(0.5), engine.make(2.0)]
    return [float(g) for g in engine.grads(engine.fn("add")(*leaves), leaves)] == [1.0, 1.0]


def engine_faults(engine: Adapter, graph: FlatGraph, mode: str = "reverse") -> Iterator[Fault]:
    """The rules of another engine that are wrong at the operands of a graph, each tried alone."""
    for v in graph.nodes:
        if v.op is not None:
            found: list[Fault] = []
            with contextlib.suppress(Exception):  # an op that the engine cannot differentiate alone tells nothing
                found = list(_faults_of_engine(engine, v, v.op, mode))
            for fault in found:
                fault.ball = arb(fault.ball)  # what is our convention is a number to others
                fault.inaccurate = close(fault.ball, fault.got)
            yield from found


def _faults_of_engine(engine: Adapter, v: Value, row: Op, mode: str) -> Iterator[Fault]:
    args, vals = v._operands()
    flat = [x for a, x in v._edges() if isinstance(a, Value)]

    def alone(*leaves: object) -> object:
        rest = iter(leaves)
        filled = [
            [next(rest) if isinstance(e, Value) else y for e, y in zip(a, x)] if isinstance(a, tuple)
            else next(rest) if isinstance(a, Value) else x
            for a, x in zip(args, vals)
        ]  # fmt: skip
        return engine.fn(row.name)(*filled)

    leaves = [engine.make(x) for x in flat]
    output = alone(*leaves)
    value, partials = expected(row, vals, [isinstance(a, (Value, tuple)) for a in args])
    wrong = list(_misfit("value", v, None, float(engine.value(output)), value))
    if wrong:
        yield from wrong
        return
    if mode == "forward" and engine.jvp is not None:
        got = [engine.jvp(alone, flat, [float(k == j) for j in range(len(flat))]) for k in range(len(flat))]
    else:
        got = list(engine.grads(output, leaves))
    places = [k for k, (a, _) in enumerate(v._edges()) if isinstance(a, Value)]
    for k, g in zip(places, got):
        yield from _misfit("partial", v, k, float(g), partials[k])


def second_faults(nodes: Sequence[Value]) -> Iterator[Fault]:
    """The rows whose partials, as graphs, have the wrong derivative."""
    tried = set[tuple[Op | float, ...]]()
    for v in nodes:
        if v.op is None or all(isinstance(p, float) for p in v.op.partials) or v.op.lists:
            continue
        vals = v._operands()[1]
        if (v.op, *vals) not in tried and all(map(math.isfinite, vals)):
            tried.add((v.op, *vals))
            yield from _second_faults_of_row(v, v.op, vals)


def _second_faults_of_row(v: Value, row: Op, vals: Sequence[float]) -> Iterator[Fault]:
    asked = [k for k, a in enumerate(v._operands()[0]) if isinstance(a, Value)]
    leaves = [Value(x) if k in asked else x for k, x in enumerate(vals)]
    alone = row(*leaves)
    variables = [leaf for leaf in leaves if isinstance(leaf, Value)]
    graph = FlatGraph(alone, variables)
    taylor = TaylorDerivatives(graph)
    places = [place for place in graph.leaves if place is not None]
    for i, slope in enumerate(gradients(alone, variables)):
        if slope.op is None and slope not in variables:
            got, balls, kinks = [0.0] * len(variables), [arb(0)] * len(variables), False
        else:
            replay = BallReplay(FlatGraph(slope, variables), rounded_number)
            got, balls = [g.data for g in gradients(slope, variables)], replay.gradient()
            kinks = bool(replay.kinks_met())
        for place, g, ball in zip(places, got, balls):
            try:
                exact = taylor.mixed({places[i]: 1.0}, place, 2)
            except KinkError:
                continue
            if not exact.is_finite() or not ball.is_finite() or not math.isfinite(g):
                continue
            blameless = all(f.op == row.name for f in faults(topological_order(slope)))
            if blameless and (not exact.overlaps(ball) or (not kinks and not holds(ball, g))):
                why = "as a graph has a wrong derivative"
                yield Fault("second derivative", v, asked[i], g, exact, close(exact, g), why)
                return
