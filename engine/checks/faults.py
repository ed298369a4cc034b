"""Each rule of a graph on its own: is this value, is this partial right at the operands it saw?

A rule that is wrong is found here whatever the rest of the graph does to it, and by name: in the graph, alone on another
engine, and as a graph of its own, where the question is what a partial's own derivative is.
"""

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..adjoints import gradients
from ..backprop import partials as engine_partials
from ..backprop import topological_order
from ..ops import Op
from ..value import Value
from .ball_replay import BallReplay, FlatGraph
from .balls import LARGEST, Ball, arb
from .conventions import convention
from .engines import AnyEngine
from .rounding import float_enclosure, rounded_number
from .taylor import KinkError, TaylorDerivatives

OVERFLOWS = LARGEST / 16


@dataclass
class Fault:
    """What is wrong, and where.

    Attributes:
        part: "value", "partial", "saved operand", "adjoint", "second derivative", or where no node is to blame
            "traversal".
        node: the Value at which it is.
        argument: the position of the edge in `node.args`, for a partial.
        got: what the engine has.
        ball: what it may be.
        inaccurate: it is no more than a few ulps of the rule's largest value away.
        why: a clause that says it in words.
    """

    part: str
    node: Value | None
    argument: int | None
    got: float
    ball: Ball
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
        if a.__class__ is Value and a._data != x and (x == x or a._data == a._data):
            yield Fault("saved operand", v, i, x, arb(a._data), False, "is not the value of the node it stands for")
    exact, partials = expected(row, vals, [a.__class__ is Value or a.__class__ is tuple for a in args])
    if exact is not None and not fits(exact, v._data):
        yield Fault("value", v, None, v._data, exact, _close(exact, v._data), "the forward function is wrong")
    for i, (p, ball) in enumerate(zip(engine_partials(v), partials)):
        if p is not None and ball is not None and not fits(ball, p):
            yield Fault("partial", v, i, p, ball, _close(ball, p), "the partial is wrong")


def fits(expected: Any, x: float) -> bool:
    """Whether a number is what is expected of a row: in the ball, or what the convention says."""
    return agrees(expected, x) if expected.__class__ is float else holds(expected, x)


def agrees(agreed: float, x: float) -> bool:
    """Whether a number is what a convention says, to a few ulps where that is finite."""
    if not math.isfinite(agreed):
        return x == agreed or (agreed != agreed and x != x)
    return abs(agreed - x) <= 8.0 * math.ulp(agreed)


def _close(expected: Any, x: float) -> bool:
    return expected.__class__ is not float and close(expected, x)


def expected(row: Op, vals: Sequence[Any], asked: Sequence[bool]) -> tuple[Any, list[Any]]:
    """What a row should give at float operands: a ball, a float where a convention holds, None where nothing is known.

    Returns:
        (value, partials with one entry an operand).
    """
    flat = [x for a in vals for x in (a if a.__class__ is list else [a])]
    count = len(flat)
    agreed = None if row.lists else convention(row.name, vals)
    if agreed is not None:
        return agreed[0], [p if w else None for p, w in zip(agreed[1], asked)]
    if not all(map(math.isfinite, flat)):
        return None, [None] * count
    balls = [[arb(e) for e in a] if a.__class__ is list else arb(a) for a in vals]
    value, partials, _ = float_enclosure(row, balls, asked)
    laid: list[Any] = []
    for a, p in zip(vals, partials):
        if a.__class__ is list:
            laid.extend(p if p is not None else [None] * len(a))
        else:
            laid.append(p)
    return (value if value.is_finite() else None), [p if p is not None and p.is_finite() else None for p in laid]


# Alone ---------------------------------------------------------------------------------------------------------------


def adds_right(engine: AnyEngine) -> bool:
    """Whether the gradients of x + y are 1 and 1: if not, the sweep is wrong whatever the rules are."""
    leaves = [engine.make(0.5), engine.make(2.0)]
    return [float(g) for g in engine.grads(engine.fn("add")(*leaves), leaves)] == [1.0, 1.0]


def engine_faults(engine: AnyEngine, tape: FlatGraph, mode: str = "reverse") -> Iterator[Fault]:
    """The rules of another engine that are wrong at the operands of a graph, each tried alone."""
    for v in tape.nodes:
        if v.op is not None:
            found: list[Fault] = []
            with contextlib.suppress(Exception):  # an op that the engine cannot differentiate alone tells nothing
                found = list(_probe(engine, v, v.op, mode))
            yield from found


def _probe(engine: AnyEngine, v: Value, row: Op, mode: str) -> Iterator[Fault]:
    args, vals = v._operands()
    asked = [isinstance(a, (Value, tuple)) for a in args]
    value, partials = expected(row, vals, asked)
    flat: list[float] = []
    for a, x in zip(args, vals):
        flat.extend(x if isinstance(a, tuple) else [x] if isinstance(a, Value) else [])

    def alone(*leaves: Any) -> Any:
        rest = iter(leaves)
        filled = [
            [next(rest) for _ in x] if isinstance(a, tuple) else next(rest) if isinstance(a, Value) else x
            for a, x in zip(args, vals)
        ]
        return engine.fn(row.name)(*filled)

    leaves = [engine.make(x) for x in flat]
    output = alone(*leaves)
    number = float(engine.value(output))
    if value is not None and not fits(value, number):
        yield Fault(
            "value", v, None, number, _ball(value), close(_ball(value), number), "the forward function is wrong"
        )
        return
    if mode == "forward" and engine.jvp is not None:
        got = [float(engine.jvp(alone, flat, [float(k == j) for j in range(len(flat))])) for k in range(len(flat))]
    else:
        got = [float(g) for g in engine.grads(output, leaves)]
    mine = [p for p, (a, _) in zip(partials, v._edges()) if isinstance(a, Value)]
    places = [k for k, (a, _) in enumerate(v._edges()) if isinstance(a, Value)]
    for k, p, g in zip(places, mine, got):
        if p is not None and not fits(p, g):
            yield Fault("partial", v, k, g, _ball(p), close(_ball(p), g), "the partial is wrong")


def _ball(value: Any) -> Ball:
    return arb(value) if isinstance(value, float) else value


def second_faults(nodes: Sequence[Value]) -> Iterator[Fault]:
    """The rows whose partials, as graphs, have the wrong derivative."""
    tried: set[tuple[Any, ...]] = set()
    for v in nodes:
        if v.op is None or all(isinstance(p, float) for p in v.op.partials) or v.op.lists:
            continue
        vals = v._operands()[1]
        if (v.op, *vals) not in tried and all(map(math.isfinite, vals)):
            tried.add((v.op, *vals))
            yield from _second_faults_of_row(v, v.op, vals)


def _second_faults_of_row(v: Value, row: Op, vals: Sequence[float]) -> Iterator[Fault]:
    asked = [isinstance(a, Value) for a in v._operands()[0]]
    leaves = [Value(x) if w else x for x, w in zip(vals, asked)]
    alone = row(*leaves)
    variables = [leaf for leaf in leaves if isinstance(leaf, Value)]
    tape = FlatGraph(alone, variables)
    witness = TaylorDerivatives(tape)
    places = [place for place in tape.leaves if place is not None]
    slopes = gradients(alone, variables)
    for i, slope in enumerate(slopes):
        if slope.op is None and slope not in variables:
            got, balls, kinks = [0.0] * len(variables), [arb(0)] * len(variables), False
        else:
            second = FlatGraph(slope, variables)
            replay = BallReplay(second, rounded_number)
            adjoints = replay.adjoints()
            kinks = bool(replay.kinks_met())
            got = [g.data for g in gradients(slope, variables)]
            found = [adjoints[p] if p is not None else None for p in second.leaves]
            balls = [arb(0) if b is None else b for b in found]
        for j, (g, ball) in enumerate(zip(got, balls)):
            try:
                exact = witness.mixed({places[i]: 1.0}, places[j], 2)
            except KinkError:
                continue
            if not exact.is_finite() or not ball.is_finite() or not math.isfinite(g):
                continue
            bad_rule = next((f for f in faults(topological_order(slope)) if f.op != row.name), None)
            if bad_rule is None and (not exact.overlaps(ball) or (not kinks and not holds(ball, g))):
                places_of = [k for k, w in enumerate(asked) if w]
                why = "as a graph has a wrong derivative"
                yield Fault("second derivative", v, places_of[i], g, exact, close(exact, g), why)
                return
