"""Unrolling is the inverse of rolling, always; and what is regular does roll."""

import itertools
import os
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference import unrolled

from engine import TABLE, dot, exp, gradients, maximum, relu, sigmoid, sin, square, tanh, total, where
from engine.compiler.compilation import Compilation
from engine.compiler.front.order import canonical, flat
from engine.compiler.front.recorder import Recorder
from engine.compiler.front.trace import INPUT, PARAMETER
from engine.compiler.front.transcription import transcribed
from engine.compiler.llvm.processor import Target, processor
from engine.compiler.loops import program, recognition, rolling
from engine.compiler.loops.rolling import rolled

MANY = int(os.environ.get("MANY", "1"))


def round_trip(code):
    items, shapes = rolled(code)
    return list(unrolled(items, shapes))


def written(code):
    return program.size(program.program(*rolled(code)))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), max_size=60))
def test_any_sequence_of_instructions_survives(pairs):
    code = [(op, (i * 8 + PARAMETER,), 0) for op, i in pairs]
    assert round_trip(code) == code


@st.composite
def nests(draw):
    """A trace of nested, possibly triangular loops with affine operands and stray instructions among them."""

    def body(depth):
        choice = st.tuples(st.sampled_from(["add", "mul"]), *[st.integers(-3, 6)] * 6)
        if depth < 3:
            choice |= st.tuples(st.just("for"), st.integers(0, 6), st.booleans())
        statements = draw(st.lists(choice, min_size=1, max_size=3))
        return [(s, body(depth + 1)) if s[0] == "for" else s for s in statements]

    code = []

    def run(statements, indices):
        for s in statements:
            if len(code) > 400:
                return
            if s[0].__class__ is tuple:
                (_, count, triangular), inner = s
                for i in range(count + (indices[-1] if triangular and indices else 0)):
                    run(inner, [*indices, i])
            else:
                op, a, b, *strides = s
                x, y = (
                    abs(base + sum(c * i for c, i in zip(cs, reversed(indices))))
                    for base, cs in ((a, strides[:2]), (b, strides[2:]))
                )
                code.append((op, (x * 8 + PARAMETER, y * 8 + INPUT), 0))

    run(body(0), [])
    return code


@given(nests())
def test_nested_and_triangular_loops_survive(code):
    assert round_trip(code) == code


def mlp(widths):
    """The canonical trace of an MLP's gradient, one example."""
    return canonical(mlp_trace(widths))


def mlp_trace(widths, sum_of_products=dot):
    recorder = Recorder()
    count = sum((a + 1) * b for a, b in itertools.pairwise(widths))
    ps = [recorder.parameter(0.1 + 0.01 * i, i) for i in range(count)]
    xs = [recorder.parameter(0.3, i, INPUT) for i in range(widths[0])]

    def run():
        row, at = xs, 0
        for a, b in itertools.pairwise(widths):
            outputs = []
            for _ in range(b):
                outputs.append(tanh(sum_of_products(ps[at : at + a], row, ps[at + a])))
                at += a + 1
            row = outputs
        return gradients(row[0], ps)

    found = recorder.run(run)
    return transcribed(recorder, [("accumulate", g, i) for i, g in enumerate(found)])


def chained(ws, xs, b):
    for w, x in zip(ws, xs):
        b = b + w * x
    return b


def products_first(ws, xs, b):
    for p in [w * x for w, x in zip(ws, xs)]:
        b = b + p
    return b


def from_the_right(ws, xs, b):
    for w, x in zip(ws, xs):
        b = w * x + b
    return b


@pytest.mark.parametrize("neuron", [dot, chained, products_first, from_the_right])
def test_a_network_rolls_to_the_same_size_at_any_width_however_its_neuron_is_written(neuron):
    sizes = [
        written(canonical(mlp_trace(widths, neuron))) for widths in ([6, 12, 9, 1], [9, 24, 12, 1], [12, 40, 30, 1])
    ]
    assert len(set(sizes)) == 1
    assert sizes[0] < 60


def test_triangular_loops_roll_whatever_the_size():
    def trace(n):
        recorder = Recorder()
        ps = [recorder.parameter(0.1, i) for i in range(n + n * n)]

        def run():
            q = [relu(p) for p in ps[:n]]
            total = None
            for i in range(n):
                row = ps[0]
                for j in range(i + 1):
                    row = row + exp(q[i] * q[j]) * ps[n + i * n + j]
                total = tanh(row) if total is None else total + tanh(row)
            return total

        return canonical(transcribed(recorder, [("output", recorder.run(run), 0)]))

    codes = [trace(n) for n in (9, 12, 17)]
    assert [round_trip(code) for code in codes] == [list(flat(code)) for code in codes]
    sizes = {written(code) for code in codes}
    assert len(sizes) == 1
    assert sizes.pop() < 25


def test_recognition_takes_time_proportional_to_the_trace():
    """Rows compared while rolling grow no faster than the trace."""
    compared = []

    class Counting(recognition.Recogniser):
        def _blocks_alike(self, k, blocks):
            compared.append(k * blocks)
            return super()._blocks_alike(k, blocks)

    def work(n):
        compared.clear()
        code = [(("add", "mul", "sub")[(i * i) % 3], ((i * i % 97) * 8 + 1, (i * 7 % 89) * 8 + 1), 0) for i in range(n)]
        original, rolling.Recogniser = rolling.Recogniser, Counting
        try:
            assert round_trip(code) == code
        finally:
            rolling.Recogniser = original
        return sum(compared)

    assert work(2000) < 3 * work(1000) + 1000


def test_a_planted_bug_in_the_fold_is_caught(monkeypatch):
    """With the test of constant differences left out, unrolling gives another trace."""

    def careless(self, k):
        stack, n = self.stack, len(self.stack)
        first = [x for item in stack[n - 3 * k : n - 2 * k] for x in item.vector]
        after = [x for item in stack[n - 2 * k : n - k] for x in item.vector]
        return first, [y - x for x, y in zip(first, after)], None, 3

    monkeypatch.setattr(recognition.Recogniser, "_rounds", careless)
    code = [("add", ((i * i) * 8 + 1,), 0) for i in range(9)]
    assert round_trip(code) != code


def test_the_rolled_program_prints_the_loops():
    text = program.text(program.program(*rolled(mlp([4, 8, 8, 1]))), [1.0, -0.0])
    assert "for i0 in range(8):" in text
    assert "g[" in text and "+= " in text


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 500), st.integers(0, 99))
@example(48, 0)
@example(500, 0)
def test_a_round_of_any_length_is_found_and_twice_the_rounds_are_read_in_the_same_steps(length, seed):
    rng = random.Random(seed)
    body = [(rng.choice(("add", "mul", "sub")), rng.randrange(10**9), rng.randrange(4)) for _ in range(length)]
    steps = []

    class Counting(recognition.Recogniser):
        def _push(self, item):
            steps.append(item)
            super()._push(item)

    def read(rounds):
        steps.clear()
        code = [(op, ((a + r * s) * 8 + 1,) * 2, 0) for r in range(rounds) for op, a, s in body]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rolling, "Recogniser", Counting)
            items = rolled(code)
        assert list(unrolled(*items)) == code
        return program.size(program.program(*items)), len(steps)

    assert read(16) == read(8)


# No cliff: whatever a loop does, more rounds of it are the same program ------------------------------------------------------

FUNCTIONS = [sin, tanh, sigmoid, relu, TABLE["abs"], square]


def body_of(rng, length):
    """A function of weights and inputs: a loop over the inputs with so many operations of every kind on some numbers of state,
    and what each round made before."""
    width = rng.randint(1, 4)
    kinds = ("function", "function", "+", "*", "-", "dot", "total", "where", "maximum")
    steps = [(rng.choice(kinds), [rng.randrange(100) for _ in range(2 * width + 2)]) for _ in range(length)]
    apply = {
        "function": lambda k, a, x: FUNCTIONS[k % len(FUNCTIONS)](a[0]),
        "+": lambda k, a, x: a[0] + a[1],
        "*": lambda k, a, x: a[0] * a[1],
        "-": lambda k, a, x: a[0] - a[1],
        "dot": lambda k, a, x: dot(a[:width], a[width : 2 * width], a[-1]),
        "total": lambda k, a, x: total(a),
        "where": lambda k, a, x: where(a[0] > 0.1, a[1], x),
        "maximum": lambda k, a, x: maximum(a[0], a[1]),
    }

    def f(weights, inputs):
        state = weights[:width]
        for x in inputs:
            nodes = [*weights[width:], *state, x]
            for kind, places in steps:
                nodes.append(apply[kind](places[1], [nodes[-1 - k % len(nodes)] for k in places], x))
            state = nodes[-width:]
        return total(state)

    return f


def written_of(f, rounds, with_gradient):
    recorder = Recorder()
    ws, xs = recorder.row([0.1 * i for i in range(8)]), recorder.row([0.01 * i for i in range(rounds)], space=INPUT)

    def run():
        y = f(ws, xs)
        return [y, *(gradients(y, ws) if with_gradient else ())]

    trace = transcribed(recorder, [("output", v, i) for i, v in enumerate(recorder.run(run))])
    stages = Compilation(Target("float64", True, False, processor(None)))
    stages.place(trace)
    return stages.written, stages.instructions


@settings(max_examples=10 * MANY, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.booleans())
def test_twice_the_rounds_of_a_loop_are_the_same_program(seed, length, with_gradient):
    f = body_of(random.Random(seed), length)
    (written, instructions), (again, twice) = (written_of(f, rounds, with_gradient) for rounds in (24, 48))
    assert again == written
    assert twice < 2.2 * instructions
