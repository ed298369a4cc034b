"""detect_anomaly names op, operands, label and line of the first number that is not finite, however deep."""

import re
import sys

import numpy as np
import pytest

import engine
from engine import AnomalyError, Value, arctan2, detect_anomaly, dot, exp, gradients, log, no_grad, sqrt, where

DEPTH = 1000


def deep(v):
    for _ in range(DEPTH // 2):
        v = v + 1.0
        v = v - 1.0
    return v


def line():
    return f"line {__file__}:{sys._getframe(1).f_lineno}"


def raised(build, backward=True):
    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        root = build()
        if backward:
            root.backward()
    return str(caught.value)


def test_a_nan_in_forward():
    x = Value(-1.0, label="x")
    at = []

    def build():
        h = deep(x)
        h.label = "h"
        at.append(line()); y = log(h)  # fmt: skip  # noqa: E702
        return deep(y)

    assert raised(build, backward=False) == f"log gave nan for h = -1.0; {at[0]}"


def test_an_overflow_in_forward():
    x = Value(1000.0, label="x")
    at = []

    def build():
        h = deep(x)
        at.append(line()); y = exp(h)  # fmt: skip  # noqa: E702
        return deep(y)

    assert raised(build, backward=False) == f"exp gave inf for unnamed = 1000.0; {at[0]}"


def test_an_overflow_of_two_operands_names_both():
    a = Value(1e200, label="a")
    at = []

    def build():
        at.append(line()); return a * a * 1e200  # fmt: skip  # noqa: E702

    assert raised(build, backward=False) == f"mul gave inf for a = 1e+200, a = 1e+200; {at[0]}"


def test_an_infinite_partial_in_backward():
    x = Value(0.0, label="x")
    at = []

    def build():
        h = deep(x)
        h.label = "h"
        at.append(line()); y = sqrt(h)  # fmt: skip  # noqa: E702
        y.label = "root"
        return deep(y)

    assert raised(build) == f"sqrt (label 'root') has the partial inf to argument 1 (h) for h = 0.0; {at[0]}"
    assert x.grad == 0.0


def test_a_nan_partial_in_backward():
    x = Value(0.0, label="x")
    at = []

    def build():
        h = deep(x)
        at.append(line()); y = arctan2(h, x)  # fmt: skip  # noqa: E702
        return deep(y)

    assert raised(build) == f"arctan2 has the partial nan to argument 1 for unnamed = 0.0, x = 0.0; {at[0]}"


def test_an_overflow_of_the_gradient_in_backward():
    x = Value(1e-300, label="x")
    at = []

    def build():
        at.append(line()); y = x * 1e200  # fmt: skip  # noqa: E702
        for _ in range(DEPTH):
            y = y * 1.0
        return y * 1e200

    assert raised(build) == f"mul passes back the gradient inf to argument 1 (x) for x = 1e-300, 1e+200; {at[0]}"


def test_a_partial_inside_a_list_of_operands():
    ws = [Value(1.0, label="w0"), Value(2.0, label="w1")]
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"dot gave inf for w0 = 1.0, w1 = 2.0, 1.0, inf, 0.0"):
        dot(ws, [1.0, float("inf")]).backward()


def test_a_branch_not_taken_is_no_anomaly_in_backward():
    x = Value(0.0)
    with detect_anomaly():
        where(x > 0, sqrt(x), 0.0).backward()
        engine.relu(x).backward()
    assert x.grad == 0.0


def test_an_anomaly_leaves_the_gradients_of_leaves_as_they_were():
    x, y = Value(0.0), Value(3.0)
    (y * 2.0).backward()
    with detect_anomaly(), pytest.raises(AnomalyError):
        (y * y + sqrt(x)).backward()
    assert (x.grad, y.grad) == (0.0, 2.0)
    (y * y + sqrt(x)).backward()
    assert (x.grad, y.grad) == (float("inf"), 8.0)


def test_finite_work_is_the_same_with_and_without():
    def step():
        x = Value(0.3, label="x")
        y = deep(exp(x) * x + sqrt(x)) / (x + 2.0)
        y.backward()
        return y.data, x.grad, gradients(y, [x])[0].data

    with detect_anomaly():
        watched = step()
    assert watched == step()


def test_it_ends_with_its_block_also_after_an_error():
    with pytest.raises(AnomalyError), detect_anomaly():
        log(Value(-1.0))
    assert log(Value(-1.0)).data != log(Value(-1.0)).data
    assert not engine.context.active


def test_it_is_a_decorator_and_nests():
    @detect_anomaly()
    def f(x):
        with detect_anomaly():
            pass
        return log(x)

    with pytest.raises(AnomalyError, match="log gave -inf"):
        f(Value(0.0))
    with no_grad(), pytest.raises(AnomalyError, match="log gave -inf"):
        f(Value(0.0))


def test_a_graph_built_before_is_named_without_a_line():
    y = sqrt(Value(0.0, label="x"))
    with detect_anomaly(), pytest.raises(AnomalyError, match="line unknown: build the graph under detect_anomaly too"):
        y.backward()


def test_the_line_is_the_users_also_through_methods_and_numpy():
    for f in (lambda x: x.log(), lambda x: np.log(x), lambda x: 1 / x, engine.reciprocal):
        with detect_anomaly(), pytest.raises(AnomalyError) as caught:
            f(Value(0.0))
        assert re.search(rf"line {re.escape(__file__)}:\d+$", str(caught.value))
