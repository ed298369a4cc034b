"""Random graphs: eager mode, the interpreted trace and native code agree. MANY=50 for a long run."""

import math
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import numbers_read, numbers_written, run_tape, unrolled, without_constants
from strategies import any_float, applied, built, hexes, tapes
from test_rows import EXACT

from engine import TABLE, Value, gradients, jit, logsumexp, vmap
from engine.compiler.front.order import canonical, flat
from engine.compiler.front.recorder import Recorder
from engine.compiler.front.transcription import transcribed
from engine.compiler.loops.folding import Occurrences, folded
from engine.compiler.loops.program import program
from engine.compiler.loops.rolling import rolled

MANY = int(os.environ.get("MANY", "1"))
ARITHMETIC = [
    "add",
    "sub",
    "mul",
    "div",
    "neg",
    "sqrt",
    "abs",
    "maximum",
    "minimum",
    "relu",
    "where",
    "less",
    "dot",
    "total",
]
SMOOTH = [*ARITHMETIC, "exp", "tanh", "sin", "cos", "sigmoid", "softplus", "log1p", "logsumexp", "square", "arctan"]


def function_of(tape):
    """The tape as a function of its leaves: the last value and its gradient."""

    def f(*leaves):
        nodes = list(leaves)
        for name, operands in tape.steps:
            found = [nodes[-min(o, len(nodes))] if isinstance(o, int) else o for o in operands]
            if not any(isinstance(o, Value) for o in found):
                found[0] = nodes[-1]
            nodes.append(applied(TABLE[name], found))
        return [nodes[-1], *gradients(nodes[-1], leaves)]

    return f


def eager(tape):
    """The last value of a tape and its gradient, by backward."""
    leaves, nodes = built(tape)
    nodes[-1].backward()
    return [nodes[-1].data, *[v.grad for v in leaves]]


def plus_zero(xs):
    """With one sign of zero: a branch not taken gives 0.0 or -0.0 times what was not connected."""
    return [x + 0.0 for x in xs]


@settings(max_examples=400 * MANY)
@given(tapes(rows=ARITHMETIC, max_steps=25))
def test_trace_order_and_rolling_keep_every_bit(tape):
    recorder = Recorder()
    leaves = [recorder.parameter(x, i) for i, x in enumerate(tape.leaves)]
    found = recorder.run(lambda: function_of(tape)(*leaves))
    instructions = transcribed(recorder, [("output", v, i) for i, v in enumerate(found)])
    want = hexes(plus_zero(eager(tape)))
    for trace in (instructions, folded(instructions, set()) or instructions):
        code = canonical(trace)
        items, shapes = rolled(code)
        assert list(unrolled(items, shapes)) == without_constants(flat(code))
        body, constants = program(items, shapes), trace.constants
        table = Occurrences(body, code, constants).tabulated()
        stand, read = numbers_written(code, constants), numbers_read(body, table)
        assert hexes([read[place] for place in stand]) == hexes(stand.values())
        for version in (trace.code, flat(code)):
            results = run_tape(version, trace, {1: tape.leaves})
            assert hexes(plus_zero([results["output", i] for i in range(len(found))])) == want


@settings(max_examples=60 * MANY)
@given(tapes(rows=ARITHMETIC, max_steps=25))
def test_without_contraction_native_code_has_the_bits_of_eager_mode(tape):
    got = jit(function_of(tape), contract=False)(*tape.leaves)
    assert hexes(plus_zero(got)) == hexes(plus_zero(eager(tape)))


@settings(max_examples=15 * MANY)
@given(tapes(rows=EXACT, max_steps=15), st.lists(st.lists(any_float, min_size=3, max_size=3), min_size=1, max_size=37))
def test_without_contraction_each_lane_has_the_bits_of_eager_mode_at_any_numbers(tape, points):
    points = [tape.leaves, *[p[: len(tape.leaves)] for p in points[1:]]]
    function = function_of(tape)
    got = jit(vmap(lambda leaves: function(*leaves)), contract=False)(points)
    for example, point in zip(got, points):
        assert hexes(plus_zero(example)) == hexes(plus_zero(eager(tape._replace(leaves=point))))


@settings(max_examples=15 * MANY)
@given(tapes(rows=sorted(TABLE), numbers=any_float, max_steps=4))
def test_without_contraction_nan_and_infinities_stand_in_the_same_places(tape):
    for got, want in zip(jit(function_of(tape), contract=False)(*tape.leaves), eager(tape)):
        assert math.isnan(got) == math.isnan(want)
        if math.isinf(got) or math.isinf(want):
            assert got == want


@settings(max_examples=60 * MANY)
@given(tapes(rows=SMOOTH, numbers=st.floats(-3.0, 3.0), max_steps=15), st.booleans())
def test_native_code_agrees_with_eager_mode(tape, contract):
    got = jit(function_of(tape), contract=contract)(*tape.leaves)
    want = eager(tape)
    _, nodes = built(tape)
    largest = (
        max(abs(v.data) for v in nodes if math.isfinite(v.data)) if any(math.isfinite(v.data) for v in nodes) else 1.0
    )
    finite = all(math.isfinite(v.data) and abs(v.data) < 1e6 for v in nodes)
    if not finite or not all(math.isfinite(w) and abs(w) < 1e6 for w in want) or near_a_kink(nodes):
        return
    for w, g in zip(want, got):
        assert math.isclose(w, g, rel_tol=1e-9, abs_tol=1e-9 * max(largest, 1.0)), (want, got)


def near_a_kink(nodes):
    """Would rounding decide which side of a kink is taken, or divide by next to nothing?"""
    for v in nodes:
        if v.op is None:
            continue
        _, numbers = v._operands()
        if v.op.kink is not None and abs(v.op.kink(*numbers)) < 1e-6:
            return True
        if (v.op.name == "div" and abs(numbers[1]) < 1e-3) or (v.op.name == "sqrt" and numbers[0] < 1e-3):
            return True
        if v.op.name == "log1p" and numbers[0] < -0.999:
            return True
    return False


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("apart", [1.0, 11.5, 40.0])
def test_logsumexp_keeps_what_small_terms_add_to_a_largest_one_near_zero(apart, dtype):
    got = jit(lambda xs: logsumexp(xs), dtype=dtype)([0.0, -apart, -apart])
    assert math.isclose(got, math.log1p(2.0 * math.exp(-apart)), rel_tol=1e-15 if dtype == "float64" else 1e-6)
