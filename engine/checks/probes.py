"""One rule at a time, outside its graph: what another engine gives for a single op, and what a partial's own
derivative is."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

from ..adjoints import gradients
from ..backprop import topological_order
from ..ops import Op
from ..value import Value
from .balls import Ball, arb
from .engines import Engine
from .replay import Replay, Tape
from .rounding import rounded_number
from .rules import Fault, close, expected, faults, fits, holds
from .witness import KinkError, Witness


def adds_right(engine: Engine) -> bool:
    """Whether the gradients of x + y are 1 and 1: if not, the sweep is wrong whatever the rules are."""
    leaves = [engine.make(0.5), engine.make(2.0)]
    return [float(g) for g in engine.grads(engine.fn("add")(*leaves), leaves)] == [1.0, 1.0]


def engine_faults(engine: Engine, tape: Tape, mode: str = "reverse") -> Iterator[Fault]:
    """The rules of another engine that are wrong at the operands of a graph, each tried alone."""
    for v in tape.nodes:
        if v.op is not None:
            found: list[Fault] = []
            with contextlib.suppress(Exception):  # an op that the engine cannot differentiate alone tells nothing
                found = list(_probe(engine, v, v.op, mode))
            yield from found


def _probe(engine: Engine, v: Value, row: Op, mode: str) -> Iterator[Fault]:
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
    tape = Tape(alone, variables)
    witness = Witness(tape)
    places = [place for place in tape.leaves if place is not None]
    slopes = gradients(alone, variables)
    for i, slope in enumerate(slopes):
        if slope.op is None and slope not in variables:
            got, balls, kinks = [0.0] * len(variables), [arb(0)] * len(variables), False
        else:
            second = Tape(slope, variables)
            replay = Replay(second, rounded_number)
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
