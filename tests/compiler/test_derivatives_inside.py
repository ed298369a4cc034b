"""Derivatives that are taken inside of a compiled function are those of eager mode."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given

from engine import Value, dot, gradients, hvp, jit, total, value_and_grad
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
