"""A dot is compiled as one item, a loop from the start, and gives the program and the bits of its products and sums."""

import math
import os
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import numbers_read, numbers_written, run_tape, unrolled, without_constants
from strategies import hexes, moderate
from test_recognition import chained, mlp_trace

from engine import Value, abs, dot, gated, grad, jit, mean, relu, square, total, where
from engine.adjoints import gradient_lists
from engine.compiler.front import order, trace
from engine.compiler.front.order import Dot, Products, canonical, flat
from engine.compiler.front.recorder import Recorder
from engine.compiler.front.trace import INPUT
from engine.compiler.front.transcription import transcribed
from engine.compiler.loops import program
from engine.compiler.loops.folding import Occurrences
from engine.compiler.loops.rolling import rolled
from engine.gated import GATED
from engine.pulled import Pull

STEPS = st.tuples(
    st.sampled_from(["dot", "dot", "gated", "relu", "mul", "add"]),
    st.lists(st.integers(0, 40) | moderate, min_size=1, max_size=13),
)


def function_of(steps):
    """Nodes of nodes, by how far back they are: dots of lists of every kind, that overlap, repeat and hold numbers."""

    def f(xs):
        nodes = list(xs)
        for name, operands in steps:
            found = [nodes[-1 - x % len(nodes)] if x.__class__ is int else x for x in operands]
            if name == "dot":
                n = len(found) // 2
                nodes.append(dot(found[:n], found[n : 2 * n], found[-1]))
            elif name == "gated":
                n = len(found) // 3
                right = [xs[0], *found[2 * n + 1 : 3 * n]][:n]  # around numbers alone there is no guard
                nodes.append(GATED(found[:n], found[n : 2 * n], right, found[-1]))
            elif name == "relu":
                nodes.append(relu(found[0]))
            else:
                a, b = found[0], found[-1]
                nodes.append(a * b if name == "mul" else a + b)
        return nodes[len(xs) :]

    return f


def traced(f, xs):
    recorder = Recorder()
    leaves = [recorder.parameter(x, i) for i, x in enumerate(xs)]
    found = recorder.run(lambda: f(leaves))
    return transcribed(recorder, [("output", v, i) for i, v in enumerate(found)]), len(found)


def eager(f, xs):
    return [v.data if v.__class__ is Value else float(v) for v in f([Value(x) for x in xs])]


@settings(max_examples=300)
@given(st.lists(STEPS, min_size=1, max_size=8), st.lists(moderate, min_size=4, max_size=12))
def test_trace_order_and_rolling_of_dots_keep_every_bit(steps, xs):
    f = function_of(steps)
    instructions, count = traced(f, xs)
    code = canonical(instructions)
    items, shapes = rolled(code)
    assert list(unrolled(items, shapes)) == without_constants(flat(code))
    body = program.program(items, shapes)
    table = Occurrences(body, code, instructions.constants).tabulated()
    written = numbers_written(code, instructions.constants)
    assert numbers_read(body, table) == written
    for version in (instructions.code, flat(code)):
        results = run_tape(version, instructions, {1: xs})
        assert hexes([results["output", i] for i in range(count)]) == hexes(eager(f, xs))


@settings(max_examples=40)
@given(st.lists(STEPS, min_size=1, max_size=8), st.lists(moderate, min_size=4, max_size=12))
def test_native_code_of_dots_has_the_bits_of_eager_mode(steps, xs):
    f = function_of(steps)
    assert hexes(jit(f, contract=False)(xs)) == hexes(eager(f, xs))


def printed(instructions):
    code = canonical(instructions)
    body = program.program(*rolled(code))
    return program.text(body, Occurrences(body, code, instructions.constants).tabulated())


@pytest.mark.parametrize("widths", [[3, 3, 1], [6, 12, 9, 1], [20, 7, 5, 2], [3, 40, 1]])
def test_a_dot_is_compiled_to_the_program_of_its_chain(widths):
    whole, chain = (printed(mlp_trace(widths, form)) for form in (dot, chained))
    assert whole == chain


def forward(width, neurons):
    def f(ps):
        xs = [relu(p) for p in ps[:width]]
        return [
            dot(ps[k : k + width], xs, ps[k + width]) for k in range(width, (width + 1) * neurons + width, width + 1)
        ]

    return traced(f, [0.1 * i for i in range(width + (width + 1) * neurons)])[0]


def test_the_items_of_a_layer_do_not_grow_with_the_products_of_a_neuron():
    narrow, wide = (canonical(forward(width, 4)) for width in (8, 80))
    assert [item.__class__ for item in narrow[8:]] == [item.__class__ for item in wide[80:]]
    assert sum(isinstance(item, Dot) for item in wide) == 4
    assert len(wide) == 80 + 4 * 3


def test_a_term_of_one_dot_alone_stays_inside_its_loop():
    def f(ps):
        return [dot([relu(p) for p in ps[:6]], ps[6:12], ps[12])]

    text = printed(traced(f, [0.5] * 13)[0])
    (loop,) = text.split("for ")[1:]
    assert "relu" in loop
    assert "*" in loop


@pytest.mark.parametrize("broken", ["start", "spacing", "sharing"])
def test_a_planted_bug_in_the_order_of_dots_is_caught(monkeypatch, broken):
    """A start left out, uneven operands taken for even ones, and two dots of the same lists taken for one."""
    if broken == "start":
        monkeypatch.setattr(order._Order, "_start", lambda self, a: self._append("move", (self.trace.constant(0.0),)))
    elif broken == "spacing":
        even = lambda operands: range(operands[0], operands[0] + 8 * len(operands), 8)  # noqa: E731
        monkeypatch.setattr(trace, "spaced", even)
    else:
        right = trace.Trace.sum_of_products

        def careless(self, start, *lists):
            return right(self, self.constant(0.0), *lists)

        monkeypatch.setattr(trace.Trace, "sum_of_products", careless)

    def f(ps):
        return [dot(ps[:3], [ps[0], ps[4], ps[2]], ps[3]), dot(ps[:3], [ps[0], ps[4], ps[2]], ps[4])]

    xs = [1.0, 2.0, 3.0, 4.0, 5.0]
    instructions, _ = traced(f, xs)
    results = run_tape(flat(canonical(instructions)), instructions, {1: xs})
    assert [results["output", i] for i in range(2)] != eager(f, xs)


# What dots pass on to lists of weights: products side by side, in one piece where nothing else reads the list --------------

ACTIVATIONS = {"relu": relu, "abs": abs, "where": lambda y: where(y > 0.5, y * y, 3.0), "none": lambda y: y}
ROWS = st.tuples(
    st.sampled_from([0, 0, 0, 0, 1, 2, 9]),
    st.integers(3, 6),
    st.lists(st.integers(0, 8), min_size=7, max_size=7)
    | st.lists(st.integers(0, 8) | moderate, min_size=7, max_size=7),
    st.sampled_from(sorted(ACTIVATIONS)),
)
WEIGHTS = st.lists(moderate | st.sampled_from([0.0, 1e200, math.inf]), min_size=12, max_size=30)


def rows_of(steps):
    """Dots of weights that stand side by side with nodes and numbers; some rows overlap, or are read again."""

    def f(ps):
        nodes, at = ps[:5], 5
        for back, width, others, activation in steps:
            at = at - back if 0 <= at - back <= len(ps) - width else 5
            ws, at = ps[at : at + width], at + width
            *xs, b = [nodes[-1 - x % len(nodes)] if x.__class__ is int else x for x in others]
            nodes.append(ACTIVATIONS[activation](dot(ws, xs[:width], b)))
        return total(nodes[5:])

    return f


def stepped(f):
    return lambda ps: [p - 0.1 * g for p, g in zip(ps, grad(f)(ps))]


MANY = int(os.environ.get("MANY", "1"))
USES = {"gradient": grad, "step": stepped}


def plus_zero(xs):
    return hexes([float(x) + 0.0 for x in xs])


@settings(max_examples=150 * MANY)
@given(st.lists(ROWS, min_size=1, max_size=6), WEIGHTS, st.sampled_from(sorted(USES)))
def test_gradients_of_rows_of_weights_keep_every_bit(steps, ps, use):
    f = USES[use](rows_of(steps))
    instructions, count = traced(f, ps)
    code = canonical(instructions)
    results = run_tape(flat(code), instructions, {1: ps})
    assert plus_zero([results["output", i] for i in range(count)]) == plus_zero(f(ps))
    items, shapes = rolled(code)
    assert list(unrolled(items, shapes)) == without_constants(flat(code))


@settings(max_examples=15 * MANY)
@given(st.lists(ROWS, min_size=1, max_size=6), WEIGHTS, st.sampled_from(sorted(USES)))
def test_native_gradients_of_rows_of_weights_have_the_bits_of_eager_mode(steps, ps, use):
    f = USES[use](rows_of(steps))
    assert plus_zero(jit(f, contract=False)(ps)) == plus_zero(f(ps))


@pytest.mark.parametrize("broken", ["reads", "guards", "order"])
def test_a_planted_bug_in_rows_of_weights_is_caught(monkeypatch, broken):
    """Other uses of a list are passed over, products go unguarded, or all of them are the first."""
    if broken == "reads":
        monkeypatch.setattr(Pull, "_place", lambda self, a: None)
    elif broken == "guards":
        right = gated.Products.__init__
        monkeypatch.setattr(
            gated.Products, "__init__", lambda self, g, xs, vals, c, spare: right(self, g, xs, vals, None, False)
        )
    else:
        instructions = Products.instructions
        first = lambda self, at: instructions(self._replace(xs=[self.xs[0]] * len(self.xs)), at)  # noqa: E731
        monkeypatch.setattr(Products, "instructions", first)
    law = test_gradients_of_rows_of_weights_keep_every_bit.hypothesis.inner_test
    ps = [math.inf, 0.5, -1.5, 2.0, 0.25, -1.0, *[0.3 * k for k in range(24)]]
    steps = [
        (0, 4, [4, 3, 2, 1, 0, 1, 2], "where"),
        (0, 4, [3, 2, 4, 1, 0, 0, 1], "relu"),
        (2, 4, [1, 2, 3, 0, 3, 2, 1], "abs"),
    ]
    with pytest.raises(AssertionError):
        law(steps, ps, "gradient")


def test_the_gradient_of_a_wide_layer_is_an_item_a_neuron():
    recorder = Recorder()
    ps = recorder.row([0.1] * (4 * 31))
    xs = recorder.row([0.5] * 30, space=INPUT)
    ys = recorder.run(lambda: [dot(ps[k : k + 30], xs, ps[k + 30]) for k in range(0, 124, 31)])
    loss = recorder.run(lambda: gradient_lists(total(map(square, ys)), ps, recorder.parameter(1.0, 124)))
    effects, at = [], 0
    for g in loss:
        effects.append(("accumulate", g, at))
        at += len(g) if isinstance(g, gated.Products) else 1
    code = canonical(transcribed(recorder, effects))
    assert sum(isinstance(item, Products) for item in code) == 4
    assert at == len(ps)
    assert len(code) < 40


def net_of(widths, activation):
    def loss(ps, xs):
        row, at = xs, 0
        for a, b in pairwise(widths):
            row = [
                activation(dot(ps[at + k * (a + 1) : at + k * (a + 1) + a], row, ps[at + k * (a + 1) + a]))
                for k in range(b)
            ]
            at += (a + 1) * b
        return dot(row, row)

    return loss


def squared_slope(f):
    return lambda ps, rows: total([square(g) for g in grad(f)(ps, rows)])


@pytest.mark.parametrize("activation", [relu, abs])
@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_through_lists_that_dots_share_have_the_bits_of_eager_mode(activation, order):
    """Adjoints of lists are sums of dots, with the guards of relus in them in a trace and not in eager mode.

    Eager mode writes no dead path of a gradient's graph, so that the second sweep meets the others in another order.
    """
    widths, rng = [4, 5, 4, 3], random.Random(3)  # three and more uses of each list
    loss = net_of(widths, activation)

    def batch(ps, rows):
        return mean([loss(ps, row) for row in rows])

    f = batch
    for _ in range(order - 1):
        f = squared_slope(f)
    ps = [rng.uniform(-1.0, 1.0) for _ in range(sum((a + 1) * b for a, b in pairwise(widths)))]
    rows = [[rng.choice([0.0, 1.0, rng.uniform(-1.0, 1.0)]) for _ in range(4)] for _ in range(5)]
    derivative = grad(f)
    native, wanted = jit(derivative, contract=False)(ps, rows), derivative(ps, rows)
    if activation is relu and order == 2:
        assert native == pytest.approx(wanted, rel=1e-13, abs=1e-13)
    else:
        assert hexes([x + 0.0 for x in native]) == hexes([x + 0.0 for x in wanted])
    assert len(set(wanted)) > 40
