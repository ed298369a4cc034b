"""Derivatives that are taken inside of a compiled function are those of eager mode."""

import math
import warnings
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import (
    Value,
    abs,
    clip,
    dot,
    grad,
    gradients,
    greater,
    guards,
    hvp,
    jit,
    leaky_relu,
    log,
    maximum,
    reciprocal,
    relu,
    tanh,
    total,
    value_and_grad,
    where,
)
from engine.compiler.front.recorder import Recorder
from tests.engine.test_transforms import LISTS, cases, close, graph_path_sum

WIDE = [0.5] * 300  # leaves beside those of a small function: a gradient of more numbers than there are nodes


def recorded(f, xs, tangent):
    """The numbers of hvp of f, in a trace."""
    recorder = Recorder()
    given = recorder.row([*xs, *WIDE])
    along = [*tangent, *[0.0] * len(WIDE)]
    found = recorder.run(lambda: hvp(lambda ys: f(ys[: len(xs)]), (given,), (along,)))
    assert len(recorder.nodes) and {float(x) for x in found[len(xs) :]} == {0.0}
    return [float(x) for x in found[: len(xs)]]


@given(cases(max_steps=10))
def test_hvp_of_many_leaves_is_what_it_is_of_few(case):
    """In a trace it is the gradient of a slope there; rows that select, kinks, infinities and nan included."""
    f, xs, tangent, _ = case
    leaves = [Value(x) for x in xs]
    scale = graph_path_sum(gradients(f(leaves), leaves), leaves, [1.0] * len(xs)) * (1.0 + max(map(math.fabs, tangent)))
    for x, y in zip(recorded(f, xs, tangent), hvp(f, (xs,), (tangent,))):
        assert close(x, y, scale) or (x != x and y != y)


@pytest.mark.parametrize("f", LISTS.values(), ids=LISTS)
def test_hvp_of_lists_among_many_leaves(f):
    xs, tangent = [0.7, -0.3, 0.4], [1.0, -2.0, 0.5]
    assert recorded(f, xs, tangent) == pytest.approx(hvp(f, (xs,), (tangent,)), rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("methods", [False, True])
def test_what_a_program_of_a_few_is_compared_with_is_computed_of_numbers(methods):
    """No graph is made then; where a function asks for Values, it gets them."""
    kinds = []

    def loss(w, xs):
        kinds.append(type(xs[0]))
        return total([dot(w, [x.tanh() if methods else x * x, 1.0]) ** 2 for x in xs])

    def step(w, xs):
        value, slopes = value_and_grad(loss)(w, xs)
        return value, [a - 0.1 * b for a, b in zip(w, slopes)]

    compiled, w, xs = jit(step), [0.3, -0.2], [0.01 * k - 0.3 for k in range(60)]
    given = [Value(x) for x in xs] if methods else xs
    value, slopes = step(w, given)
    kinds.clear()
    found = compiled(w, xs)
    assert found[0] == pytest.approx(float(value), rel=1e-12)
    assert found[1] == pytest.approx([float(x) for x in slopes], rel=1e-12)
    assert kinds[0] is Value and kinds[-1] is (Value if methods else float)


def test_numbers_that_a_program_is_compared_at_bring_no_warnings():
    """NumPy warns of a logarithm of what is negative: the user's numbers are not, those that are compared at may be."""

    def step(w, xs):
        return value_and_grad(lambda w: total([dot(w, [np.log(x), x]) ** 2 for x in xs]))(w)

    w, xs = [0.3, -0.2], np.linspace(0.1, 2.0, 60)
    value, slopes = step(w, xs)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = jit(lambda w, xs: step(w, xs))(w, xs)
    assert not told
    assert (found[0], *found[1]) == pytest.approx((value, *slopes), rel=1e-12)


def test_derivatives_by_very_many_numbers_are_told_to_compile_slowly(monkeypatch, caplog):
    monkeypatch.setattr("engine.compiler.front.recorder.SLOW", 40)
    step = value_and_grad(lambda w, x: dot(w, x) ** 2)

    def told(f, count):
        caplog.clear()
        jit(f)([0.1] * count, [0.2] * count)
        return [r.getMessage() for r in caplog.records if "jit(value_and_grad(loss)) alone" in r.getMessage()]

    with caplog.at_level("WARNING", logger="engine.jit"):
        assert not told(step, 40)
        assert not told(lambda w, x: step(w, x), 39)
        (message,) = told(lambda w, x: step(w, x), 40)
    assert "by 40 numbers" in message


def net(activations, widths, examples):
    """The error of a net over some examples, as a function of its weights in a list, and how many there are."""
    sizes = [*zip(widths, widths[1:])]

    def loss(ws):
        outputs, at, layers = [], 0, []
        for n, m in sizes:
            layers.append([(ws[k : k + n], ws[k + n]) for k in range(at, at + m * (n + 1), n + 1)])
            at += m * (n + 1)
        for x in examples:
            for activation, layer in zip(activations, layers):
                x = [activation(dot(row, x, bias)) for row, bias in layer]
            outputs += [v * v for v in x]
        return total(outputs)

    return loss, sum([m * (n + 1) for n, m in sizes])


SELECTING = {  # each of slopes of moderate size where it is open
    "relu": relu,
    "tanh": tanh,
    "relu times": lambda x: relu(x) * x,
    "where": lambda x: where(greater(x, 0.0), x * x, 0.5 * x),
    "log": lambda x: where(greater(x, 0.5), log(x), 0.0),
    "pole": lambda x: where(greater(abs(x), 0.5), reciprocal(x), 0.0) * relu(x),
    "leaky_relu": leaky_relu,
    "maximum": lambda x: maximum(x, 0.2),
    "clip": lambda x: clip(x, -0.5, 0.5),
}
SECOND = {
    "hvp": lambda f, along: lambda ws: hvp(f, (ws,), (along,)),
    "grad of grad": lambda f, along: grad(lambda ws: dot(grad(f)(ws), along)),
    "of squares": lambda f, along: grad(lambda ws: total([g * g for g in grad(f)(ws)])),
}


@st.composite
def nets(draw):
    widths = draw(st.lists(st.integers(1, 5), min_size=3, max_size=4))
    activations = [draw(st.sampled_from([*SELECTING])) for _ in widths[1:]]
    numbers = st.sampled_from([0.0, 1.0]) | st.floats(-2, 2)  # what overflows does so in one order of products alone
    examples = draw(
        st.lists(st.lists(st.floats(-2, 2), min_size=widths[0], max_size=widths[0]), min_size=1, max_size=4)
    )
    f, count = net([SELECTING[name] for name in activations], widths, examples)
    free = draw(st.none() | st.lists(st.booleans(), min_size=count, max_size=count))
    xs = draw(st.lists(numbers, min_size=count, max_size=count))
    if free is None:
        return f, xs

    def of_some(ys):
        rest = iter(ys)
        return f([next(rest) if moves else x for moves, x in zip(free, xs)])

    return of_some, [x for moves, x in zip(free, xs) if moves]


def second_derivatives(way, f, xs, is_traced):
    """By one of the ways, in eager mode or in a trace."""
    along = [0.5 + (7 * k % 5) for k in range(len(xs))]
    g = SECOND[way](f, along)
    if not is_traced:
        return [float(x) for x in g(xs)]
    recorder = Recorder()
    given = recorder.row(xs)
    return [float(x) for x in recorder.run(lambda: g(given))]


def law_of_nets(case):
    f, xs = case
    for way in SECOND if xs else ():
        want, found = (second_derivatives(way, f, xs, is_traced) for is_traced in (False, True))
        assert found == pytest.approx(want, rel=1e-9, abs=1e-9, nan_ok=True), way


test_second_derivatives_behind_closed_branches_are_those_of_eager_mode = settings(max_examples=50)(
    given(nets())(law_of_nets)
)


@pytest.mark.parametrize(("kept", "seed"), [(0, 1), (1, 52)])
def test_products_that_overflow_are_behind_each_of_two_conditions(kept, seed, monkeypatch):
    """The planted fault looks at one of them alone."""
    draw = Random(seed)
    f, count = net([relu] * 3, [2, 3, 3, 1], [[1.0, -1.0], [0.5, 1.0], [-1.0, -0.5]])
    huge = [-1e160, 1e160, 1.0, -1.0, 0.5, 2.0]
    case = f, [draw.choice(huge) if draw.random() < 0.3 else draw.gauss(0, 1) for _ in range(count)]
    law_of_nets(case)
    monkeypatch.setattr(guards, "both", lambda *conditions: conditions[kept])
    with pytest.raises(AssertionError):
        law_of_nets(case)


@pytest.mark.parametrize("way", ["hvp", "grad of grad"])
def test_second_derivatives_of_a_relu_net_are_loops_of_any_length_and_width(way):
    def written(width, count):
        examples = [[math.sin(k + 3 * j) for k in range(3)] for j in range(count)]
        f, size = net([relu] * 3, [3, width, width, 1], examples)
        xs = [math.cos(1.7 * k) for k in range(size)]
        return jit(SECOND[way](f, [math.sin(k) for k in range(size)])).lower(xs).written

    assert written(6, 5) == written(9, 8)


@pytest.mark.parametrize("way", ["hvp", "grad of grad"])
def test_products_behind_relu_are_few_nodes_when_they_are_differentiated(way):
    """Sums of them stay whole: beside tanh, a relu takes a few nodes more, and no product one of its own."""

    def nodes(activation):
        examples = [[math.sin(k + 3 * j) for k in range(3)] for j in range(20)]
        f, size = net([activation] * 3, [3, 16, 16, 1], examples)
        recorder = Recorder()
        given = recorder.row([math.cos(1.7 * k) for k in range(size)])
        recorder.run(lambda: SECOND[way](f, [1.0] * size)(given))
        return len(recorder.nodes)

    assert nodes(relu) < 3 * nodes(tanh)
