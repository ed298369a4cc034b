"""Reductions of lists are compiled as the loops they are, in time that grows with their length and not faster."""

from contextlib import contextmanager
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import numbers_read, numbers_written, run_tape, unrolled, without_constants
from strategies import hexes, moderate
from test_dots import eager, traced

from engine import (
    Value,
    dot,
    exp,
    grad,
    jit,
    log_softmax,
    logsumexp,
    mean,
    softmax,
    square,
    tanh,
    total,
    value_and_grad,
)
from engine.compiler.front import passes
from engine.compiler.front.order import canonical, flat
from engine.compiler.front.passes import Pass
from engine.compiler.front.trace import PARAMETER
from engine.compiler.loops import program
from engine.compiler.loops.flat_code import FlatCode
from engine.compiler.loops.folding import Occurrences, folded
from engine.compiler.loops.rolling import rolled

FUNCTIONS = {
    "a dot of a list with itself": lambda xs: dot(xs, xs),
    "two dots around a sum": lambda xs: dot(xs, xs[::-1]) * total(xs) + dot(xs, xs),
    "mean and logsumexp of what dots read": lambda xs: dot(xs, xs) + mean(xs) * logsumexp(xs),
}
REDUCTIONS = {
    "total": total,
    "mean": mean,
    "logsumexp": logsumexp,
    "logsumexp of a layer": lambda xs: logsumexp([tanh(x) for x in xs]),
    "softmax": lambda xs: dot(softmax(xs), xs),
    "log_softmax": lambda xs: mean([square(x) for x in log_softmax(xs)]),
    "logsumexp beside softmax": lambda xs: logsumexp(xs) + square(softmax(xs)[1]),
}
STEPS = st.tuples(
    st.sampled_from(["total", "mean", "logsumexp", "softmax", "log_softmax", "dot", "exp", "times", "picked", "twice"]),
    st.lists(st.integers(0, 30) | st.sampled_from([0.0, 1.0, -0.0]) | moderate, min_size=1, max_size=9),
)
NUMBERS = moderate | st.sampled_from([0.0, -0.0, 1.0, inf, -inf, nan, 800.0])


@contextmanager
def without_passes():
    """Reductions are put down one instruction after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "FEWEST", inf)
        yield


def function_of(steps):
    """Reductions of nodes, by how far back they are: lists that overlap, repeat, and hold numbers."""

    def f(xs):
        nodes = list(xs)
        for name, operands in steps:
            found = [nodes[-1 - x % len(nodes)] if x.__class__ is int else x for x in operands]
            if name in ("total", "mean", "logsumexp"):
                nodes.append({"total": total, "mean": mean, "logsumexp": logsumexp}[name](found))
            elif name in ("softmax", "log_softmax"):
                nodes += (softmax if name == "softmax" else log_softmax)(found)
            elif name == "dot":
                nodes.append(dot(found, found[::-1], found[0]))
            elif name == "twice":
                nodes.append(total(xs) + logsumexp(found + found[:1]) + logsumexp(xs) + softmax(xs)[-1])
            elif name == "picked":
                nodes.append(found[0] + 0.0)
            else:
                nodes += [exp(x) for x in found] if name == "exp" else [x * found[0] for x in found]
        return nodes[len(xs) :]

    return f


@settings(max_examples=200)
@given(st.lists(STEPS, min_size=1, max_size=5), st.lists(NUMBERS, min_size=4, max_size=9))
def test_trace_order_and_rolling_of_reductions_keep_every_bit(steps, xs):
    f = function_of(steps)
    instructions, count = traced(f, xs)
    with without_passes():
        scalars, _ = traced(f, xs)
    results = run_tape(scalars.code, scalars, {PARAMETER: xs})
    expected = hexes([results["output", k] for k in range(count)])
    for trace in (instructions, folded(instructions, set()) or instructions):
        code = canonical(trace)
        items, shapes = rolled(code)
        assert list(unrolled(items, shapes)) == without_constants(flat(code))
        body = program.program(items, shapes)
        table = Occurrences(body, code, trace.constants).tabulated()
        written = numbers_written(code, trace.constants)
        assert {k: hexes([x]) for k, x in numbers_read(body, table).items()} == {
            k: hexes([x]) for k, x in written.items()
        }
        for tape in (trace.code, flat(code)):
            results = run_tape(tape, trace, {PARAMETER: xs})
            assert hexes([results["output", k] for k in range(count)]) == expected
        found = FlatCode(code, trace.constants)
        names = {n: op for op, n in found.numbers.items()}
        part = found.part(0, len(found.ops))
        args = [tuple([a for a in column if a >= 0]) for column in part.args.T.tolist()]
        assert list(zip([names[k] for k in found.ops], args, part.targets.tolist())) == list(flat(code))


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=3), st.lists(NUMBERS, min_size=4, max_size=7))
def test_gradients_of_reductions_have_the_bits_of_one_instruction_after_the_other(steps, xs):
    f = function_of(steps)

    def loss(xs):
        return total(f(xs))

    found = jit(grad(loss), contract=False)(xs)
    with without_passes():
        assert hexes(found) == hexes(jit(grad(lambda xs: loss(xs)), contract=False)(xs))


@pytest.mark.parametrize("f", [total, mean], ids=["total", "mean"])
@given(st.lists(NUMBERS, max_size=9))
def test_sums_have_the_bits_of_eager_mode(f, xs):
    instructions, _ = traced(lambda xs: [f(xs)], xs)
    results = run_tape(instructions.code, instructions, {PARAMETER: xs})
    assert hexes([results["output", 0]]) == hexes(eager(lambda xs: [f(xs)], xs))


@pytest.mark.parametrize("f", REDUCTIONS.values(), ids=REDUCTIONS.keys())
@pytest.mark.parametrize("transform", [lambda f: f, value_and_grad], ids=["function", "gradient"])
def test_twice_as_many_terms_are_as_many_instructions(f, transform):
    sizes = [len(jit(transform(f)).lower([0.1 * k for k in range(n)]).program.splitlines()) for n in (32, 64, 128)]
    assert sizes[0] == sizes[1] == sizes[2]


@pytest.mark.parametrize("f", [total, mean, logsumexp])
def test_a_reduction_is_a_few_instructions_before_loops_are_looked_for(f):
    """Where its operands are there before it."""
    sizes = [len(canonical(traced(lambda xs: [f(xs)], [0.1 * k for k in range(n)])[0])) for n in (8, 16)]
    assert sizes[0] == sizes[1] < 30


def test_what_is_made_for_one_pass_alone_sits_in_its_rounds():
    code = canonical(traced(lambda xs: [logsumexp(xs)], [0.5, 1.0, 2.0, 3.0])[0])
    assert [[op for op, _ in item.body] for item in code if isinstance(item, Pass)] == [
        ["maximum"],
        ["equal"],
        ["add"],
        ["sub", "exp", "where", "add"],
    ]


def test_what_softmax_and_logsumexp_have_in_common_is_computed_once():
    xs = [0.5, 1.0, 2.0, 3.0]
    instructions, _ = traced(lambda xs: [logsumexp(xs), *softmax(xs)], xs)
    code = [*flat(canonical(instructions))]
    assert [op for op, _, _ in code].count("exp") == 4
    results = run_tape(code, instructions, {PARAMETER: xs})
    assert [results["output", k] for k in range(5)] == [logsumexp(xs), *softmax(xs)]


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_each_operand_is_looked_up_a_few_times_however_long_the_list(f, monkeypatch):
    hashes = [0]

    def counted(v):
        hashes[0] += 1
        return id(v)

    found = []
    with monkeypatch.context() as patch:
        patch.setattr(Value, "__hash__", counted)
        for n in (200, 400):
            hashes[0] = 0
            jit(value_and_grad(f))([0.5 + k / n for k in range(n)])
            found.append(hashes[0])
    assert found[0] > 200
    assert found[1] < 2.2 * found[0]
