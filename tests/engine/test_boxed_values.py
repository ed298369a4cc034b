"""A Value that NumPy put into an array of shape () is that Value: asarray, squeeze and where box it so."""

import math
import operator
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
import nn
from engine import TABLE, Operands, Value, grad
from engine.checks import check_gradients
from tests.support.strategies import any_float, applied, hexes, moderate, operand_count


def boxed(x):
    box = np.empty((), object)
    box[()] = x
    return box


def bare(v):
    return v


def in_a_box_that_holds_a_box(v):
    outer = np.empty((), object)
    outer.fill(boxed(v))
    return outer


BOXES = [boxed, np.asarray, np.squeeze, lambda v: np.where(True, v, 0.0), lambda v: np.array([v], object).reshape(())]


def leaf(x):
    return x.item() if isinstance(x, np.ndarray) else x


def slope(f, x):
    """The derivative of f(v, box of v) by backward."""
    v = Value(x)
    y = leaf(f(v, np.asarray(v)))
    y.backward()
    return v.grad


def test_the_reproduction_of_the_product_and_of_the_polynomial():
    v = Value(3.0)
    (v * np.asarray(v)).backward()
    assert v.grad == 6.0  # 2v
    assert grad(lambda x: np.polyval([1.0, 2.0, 3.0], x))(2.0) == 6.0  # 2x + 2
    report = check_gradients(lambda x: np.polyval([1.0, 2.0, 3.0], x), 2.0)
    assert report.verdicts == {"ok": 2} and report.root.data == 11.0


ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge]


@given(st.sampled_from(ARITHMETIC + COMPARISONS), st.sampled_from(BOXES), any_float, any_float)
def test_every_operator_takes_a_box_on_both_sides(act, box, x, y):
    a, b = Value(x), Value(y)
    expected = act(a, b)
    expected.backward()
    value, slopes = hexes([expected.data]), hexes([a.grad, b.grad])
    pairs = [(a, box(b)), (box(a), b)]
    if act not in COMPARISONS:  # between two arrays of objects NumPy compares by itself
        pairs.append((box(a), box(b)))
    for left, right in pairs:
        a.zero_grad()
        b.zero_grad()
        with np.errstate(all="ignore"):
            found = leaf(act(left, right))
        found.backward()
        assert hexes([found.data, a.grad, b.grad]) == [*value, *slopes]
    for name in (f"__{act.__name__}__", f"__r{act.__name__}__"):
        method = getattr(Value, name, None)
        if method is not None:
            assert method(a, box(b)).args in ((a, b), (b, a))


def test_a_value_is_the_one_in_its_box_and_no_other():
    v = Value(2.0)
    assert (v == np.asarray(v)) is True and (v != np.asarray(v)) is False
    assert (v == np.asarray(Value(2.0))) is False


@given(st.sampled_from(sorted(TABLE)), st.data())
def test_every_row_takes_boxes_for_its_operands(name, data):
    row, n = TABLE[name], operand_count(TABLE[name])
    numbers = data.draw(st.lists(moderate, min_size=n, max_size=n))
    wrap = data.draw(st.lists(st.sampled_from([bare, *BOXES, in_a_box_that_holds_a_box]), min_size=n, max_size=n))
    plain = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    plain[data.draw(st.integers(0, n - 1))] = False
    results = []
    for boxes in (False, True):
        leaves = [Value(x) for x in numbers]
        out = applied(row, [x if p else w(v) if boxes else v for x, p, w, v in zip(numbers, plain, wrap, leaves)])
        out.backward()
        results.append((hexes([out.data]), hexes([v.grad for v in leaves]), [v in out.args for v in leaves]))
    assert results[0] == results[1]


CASES = {
    "dot": (lambda v, b: engine.dot([b, 2.0], [1.0, b], b), 4.0),
    "dot, its start alone": (lambda v, b: engine.dot([1.0], [2.0], b), 1.0),
    "total of boxes alone": (lambda v, b: engine.total([b, b]), 2.0),
    "total of an array of objects": (lambda v, b: engine.total(np.array([v, v])), 2.0),
    "mean": (lambda v, b: engine.mean([b, 1.0]), 0.5),
    "softmax": (lambda v, b: engine.softmax([b, 3.0])[0], 0.25),
    "log_softmax": (lambda v, b: engine.log_softmax((b, 3.0))[0], 0.5),
    "Operands": (lambda v, b: engine.dot(Operands([b]), Operands([b])), 6.0),
    "Operands read again": (lambda v, b: engine.dot(Operands([1.0]).current([b]), [b]), 6.0),
    "squeeze": (lambda v, b: v * np.squeeze(v), 6.0),
    "where": (lambda v, b: v * np.where(v > 0.0, v, 0.0), 6.0),
    "a box times a box": (lambda v, b: b * b, 6.0),
    "a ufunc": (lambda v, b: np.multiply(v, b), 6.0),
    "an array times a box": (lambda v, b: (np.array([v, 1.0]) * b)[0], 6.0),
    "gradients": (lambda v, b: engine.gradients(v * v, [b], gradient=b)[0], 12.0),
    "gradients of a list": (lambda v, b: engine.gradients([np.asarray(v * v)], b, gradient=[b])[0], 12.0),
    "an adjoint of vjp": (lambda v, b: engine.vjp(lambda x: x * x, 3.0)[1](b)[0], 6.0),
    "an adjoint of vjp, nested": (lambda v, b: engine.vjp(lambda x: [x, (x * x,)], 3.0)[1]([0.0, (b,)])[0], 6.0),
    "a tangent of jvp": (lambda v, b: engine.jvp(lambda x: x * x, (3.0,), (b,))[1], 6.0),
    "an argument of jvp": (lambda v, b: engine.jvp(lambda x: x * x, (b,), (1.0,))[1], 2.0),
    "an argument of grad": (lambda v, b: grad(lambda x: x * x)(b), 2.0),
    "an argument of derivative": (lambda v, b: engine.derivative(lambda x: x**3, 2)(b), 6.0),
    "an argument of jit": (lambda v, b: engine.jit(lambda x: x * x)(b), 6.0),
    "in an argument of jit": (lambda v, b: engine.jit(lambda p: p["w"][0] * 2.0)({"w": [b]}), 2.0),
    "an example of vmap": (lambda v, b: engine.total(engine.vmap(lambda x: np.asarray(x * x))([b, v])), 12.0),
    "vmap over an array": (lambda v, b: engine.total(engine.vmap(lambda x: np.asarray(x * x))(np.array([v, v]))), 12.0),
    "a neuron": (lambda v, b: nn.Neuron(1, init=two, nonlin=False)([b]), 2.0),
    "a neuron of one input": (lambda v, b: nn.Neuron(1, init=two, nonlin=False)(b), 2.0),
    "a net": (lambda v, b: nn.MLP(2, [3, 1], init=two)([b, 1.0]), 12.0),
    "an activation": (lambda v, b: nn.Activation("relu")(b), 1.0),
    "activations": (lambda v, b: nn.Activation("relu")([b])[0], 1.0),
    "dropout": (lambda v, b: nn.Dropout(0.0)(b), 1.0),
    "mse": (lambda v, b: nn.losses.mse(b, 1.0), 4.0),
    "mse of lists": (lambda v, b: nn.losses.mse([b, 3.0], [1.0, b]), 2.0),
    "binary cross-entropy": (lambda v, b: nn.losses.binary_cross_entropy(b, 1), -1.0 / (1.0 + math.exp(3.0))),
    "cross-entropy": (lambda v, b: nn.losses.cross_entropy([b, 3.0], 1), 0.5),
    "cross-entropy of rows": (lambda v, b: nn.losses.cross_entropy([[b, 3.0]], [1]), 0.5),
    "hinge": (lambda v, b: nn.losses.hinge(b, -1), 1.0),
}


def two(rng, inputs, outputs):
    return 2.0


@pytest.mark.parametrize("case", CASES)
def test_a_box_is_its_value_everywhere(case):
    f, expected = CASES[case]
    assert slope(f, 3.0) == pytest.approx(expected, abs=1e-12)


RETURNED = {
    "grad": (lambda f: grad(f)(3.0), 27.0),
    "grad of an array": (lambda f: grad(f)(np.array(3.0)), 27.0),
    "value_and_grad": (lambda f: engine.value_and_grad(f)(3.0), (27.0, 27.0)),
    "jacobian": (lambda f: engine.jacobian(lambda x: [f(x), x])(3.0), [27.0, 1.0]),
    "jacfwd": (lambda f: engine.jacfwd(f)(3.0), 27.0),
    "hessian": (lambda f: engine.hessian(f)(3.0), 18.0),
    "hvp": (lambda f: engine.hvp(f, (3.0,), (1.0,)), 18.0),
    "jvp": (lambda f: engine.jvp(f, (3.0,), (1.0,)), (27.0, 27.0)),
    "vjp": (lambda f: engine.vjp(f, 3.0)[1](np.array(1.0)), (27.0,)),
    "vjp, a float": (lambda f: engine.vjp(f, 3.0)[1](1.0), (27.0,)),
    "derivative": (lambda f: engine.derivative(f, 3)(3.0), 6.0),
    "vmap": (lambda f: engine.vmap(grad(f))([3.0]), [27.0]),
    "jit": (lambda f: engine.jit(f)(3.0), 27.0),
    "jit of grad": (lambda f: engine.jit(grad(f))(3.0), 27.0),
    "jit, nested": (lambda f: engine.jit(lambda x: {"y": [f(x)]})(3.0), {"y": [27.0]}),
    "jit of vmap": (lambda f: engine.jit(engine.vmap(f))(np.array([3.0])).tolist(), [27.0]),
    "replay": (lambda f: engine.replay(f(x := Value(2.0)), {x: np.asarray(Value(3.0))}), 27.0),
    "replay of a list": (lambda f: engine.replay([f(x := Value(2.0))], {x: np.array(3.0)}), [27.0]),
}


@pytest.mark.parametrize("case", RETURNED)
def test_a_function_may_return_a_box(case):
    act, expected = RETURNED[case]
    assert act(lambda x: np.asarray(x * x * x)) == expected
    assert act(lambda x: x * np.squeeze(x) * np.asarray(x)) == expected


def test_graphs_are_walked_from_a_box():
    v = Value(2.0)
    y = v * v
    assert engine.topological_order(np.asarray(y)) == engine.topological_order([np.asarray(y)]) == [v, y]


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda b: Value(b), "Value takes a real number, got Value("),
        (lambda b: engine.total(b), "total takes a list of numbers and Values, got array("),
        (lambda b: engine.total([np.asarray("text", object)]), "total takes real numbers and Values, got 'text'"),
        (lambda b: Value(2.0) * np.asarray(None), "mul takes real numbers and Values, got None"),
        (lambda b: Value(2.0) * np.asarray(1j, object), "mul takes real numbers and Values, got 1j"),
        (lambda b: engine.tanh(boxed({})), "tanh takes real numbers and Values, got {}"),
    ],
)
def test_a_box_of_anything_else_is_refused_for_what_it_holds(act, says):
    with pytest.raises(TypeError, match="^" + re.escape(says)):
        act(np.asarray(Value(1.0)))
