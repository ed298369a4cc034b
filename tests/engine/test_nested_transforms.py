"""Transforms inside transforms, and around Values from outside: none takes another's variables for its own."""

import functools
import threading

import pytest

import engine
from engine import (
    Value,
    derivative,
    detect_anomaly,
    dot,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jvp,
    log,
    no_grad,
    sin,
    sqrt,
    total,
    value_and_grad,
    vjp,
)
from engine.transforms import linearization
from engine.traversal import inner_order


def test_perturbations_are_not_confused():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(2.0) == 1.0
    assert grad(lambda x: grad(lambda y: x * y)(x))(3.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(x))(3.0) == 6.0
    assert derivative(lambda x: x * derivative(lambda y: x + y)(1.0))(2.0) == 1.0


def pushed(f):
    return lambda x: jvp(f, (x,), (1.0,))[1]


def pulled(f):
    return lambda x: vjp(f, x)[1](1.0)[0]


MODES = {"grad": grad, "jvp": pushed, "vjp": pulled, "jacfwd": jacfwd, "derivative": derivative}


@pytest.mark.parametrize("outermost", MODES)
@pytest.mark.parametrize("outer", MODES)
@pytest.mark.parametrize("innermost", MODES)
def test_three_modes_nest_in_any_order(outermost, outer, innermost):
    a, b, c = MODES[outermost], MODES[outer], MODES[innermost]
    assert a(lambda x: x * b(lambda y: x + y)(1.0))(2.0) == 1.0
    assert a(lambda x: x * b(lambda y: x * y * y)(x))(3.0) == 54.0  # of 2x³
    assert a(lambda x: b(lambda y: c(lambda z: x * y**2 * z**3)(y))(x))(2.0) == 48.0 * 2.0**3  # of 12x⁴
    assert a(b(c(lambda x: x**5)))(2.0) == 240.0
    assert a(lambda x: b(lambda y: y**2)(3.0) * x)(5.0) == 6.0
    assert a(lambda x: b(lambda y: c(lambda z: x * y * z)(1.0))(1.0))(7.0) == 1.0


def test_a_transform_inside_leaves_the_gradients_of_an_outer_graph_alone():
    w = Value(2.0)
    loss = w**2
    loss.backward()
    grad(lambda x: x * loss)(3.0)
    jvp(lambda x: x * loss, (3.0,), (1.0,))
    jacobian(lambda x: [x * loss, loss])(3.0)
    assert (w.grad, loss.grad) == (4.0, 1.0)


def test_answers_are_floats_unless_a_value_from_outside_is_in_them():
    v = Value(2.0)
    assert type(grad(lambda x: x**2)(3.0)) is float
    assert type(grad(lambda x: x**2)(v)) is Value
    assert type(grad(lambda x: 3.0 * x)(v)) is float, "the derivative of 3x depends on no x"
    assert type(grad(lambda x: v * x)(3.0)) is Value, "closed over"
    assert type(grad(lambda x: v + x)(3.0)) is float
    assert type(grad(lambda x: x * v.detach())(3.0)) is float, "made inside: a constant"
    assert type(grad(lambda x: x * Value(3.0))(2.0)) is float
    assert type(grad(lambda x: dot([x, 1.0], [2.0, 3.0]) + total([x, 1.0]))(2.0)) is float
    value, gradient = value_and_grad(lambda x: x + v)(3.0)
    assert (type(value), type(gradient)) == (Value, float)
    assert [type(x) for x in grad(lambda xs: xs[0] * v + xs[1])([1.0, 2.0])] == [Value, float]
    assert [type(x) for x in jvp(lambda x: x * 2.0, (3.0,), (v,))] == [float, Value]
    assert type(vjp(lambda x: x * 2.0, 3.0)[1](v)[0]) is Value
    assert all(type(x) is Value for row in hessian(lambda xs: xs[0] ** 3 * xs[1] ** 3)([v, 1.0]) for x in row)
    assert type(grad(lambda x: grad(lambda y: y**3)(v) * x)(3.0)) is Value, "an answer that depends on what is older"
    assert type(grad(lambda x: x / 0.0)(v)) is float, "made of Values, as Python does not divide by 0"
    assert [type(x) for x in grad(lambda xs: dot(xs, [Value(3.0) * 2.0, Value(4.0)]))([v, v])] == [float, float]
    assert grad(lambda x: v)(1.0) == 0.0
    assert vjp(lambda x: v, 1.0)[0] is v


@pytest.mark.parametrize(
    "gradient", [grad(lambda x: x**3), jacfwd(lambda x: x**3), pushed(lambda x: x**3), derivative(lambda x: x**3)]
)
def test_outer_derivatives_flow_through_values_given_and_closed_over(gradient):
    v = Value(2.0)
    g = gradient(v)
    assert g.data == 12.0
    g.backward()
    assert v.grad == 12.0
    w = Value(5.0)
    g = grad(lambda x: w**2 * x)(3.0)
    assert g.data == 25.0
    g.backward()
    assert w.grad == 10.0
    t = Value(3.0)
    jvp(lambda x: x**2, (2.0,), (t,))[1].backward()
    assert t.grad == 4.0
    vjp(lambda x: x**2, 2.0)[1](t)[0].backward()
    assert t.grad == 8.0


def test_gradient_descent_on_gradient_descent():
    """The derivative of a trained weight with respect to the learning rate, against the formula."""

    def trained(rate):
        w = 1.0
        for _ in range(3):
            w = w - rate * grad(lambda p: p**2)(w)
        return w

    assert grad(trained)(0.1) == pytest.approx(3 * (1 - 0.2) ** 2 * -2)


def test_steps_of_an_outer_loop_do_not_walk_the_steps_before(monkeypatch):
    walked = []

    def counted(*args):
        order = inner_order(*args)
        walked[-1] += len(order)
        return order

    monkeypatch.setattr(linearization, "inner_order", counted)
    w = Value(1.0)
    for _ in range(50):
        walked.append(0)
        w = w - 0.1 * grad(lambda p: p**2 + sin(p))(w)
    assert max(walked) == max(walked[:2]) > 0, "the work of a step does not grow with the steps behind it"


def test_under_no_grad_answers_are_floats():
    v, w = Value(2.0), Value(5.0)
    with no_grad():
        assert grad(lambda x: x**3 * w)(v) == 60.0
        found = [
            grad(lambda x: x**3)(v),
            grad(lambda x: x * w)(3.0),
            jvp(lambda x: x * w, (v,), (1.0,))[1],
            vjp(lambda x: [x * w, x], v)[1]([1.0, 1.0])[0],
            vjp(lambda x: [x * x, x], v)[1]([1.0, 1.0])[0],
            derivative(lambda x: x**3, 2)(v),
            hvp(lambda x: x**3, (v,), (1.0,)),
        ]
    assert [type(x) for x in found] == [float] * 7
    assert found == [12.0, 5.0, 5.0, 6.0, 5.0, 12.0, 12.0]
    assert grad(lambda x: x * no_grad()(lambda: x * 1.0)())(3.0) == 3.0, "inside, it makes a constant"
    assert (v.grad, w.grad) == (0.0, 0.0)


def test_a_pullback_may_be_called_again_and_under_no_grad():
    _, pullback = vjp(lambda x, y: [x * y, x], 2.0, 3.0)
    assert pullback([1.0, 0.0]) == (3.0, 2.0)
    assert pullback([1.0, 0.0]) == (3.0, 2.0)
    with no_grad():
        assert pullback([1.0, 10.0]) == (13.0, 2.0)


def test_an_adjoint_made_after_the_call_is_differentiated_through_the_pullback():
    _, pullback = vjp(lambda x, y: [x**3 * y, x], 2.0, 5.0)

    def pulled(a):
        dx, dy = pullback([a**2, 1.0])
        return dx + dy  # a²·(3x²y + x³) + 1

    assert grad(pulled)(3.0) == 2.0 * 3.0 * 68.0
    assert jvp(pulled, (3.0,), (1.0,)) == (9.0 * 68.0 + 1.0, 2.0 * 3.0 * 68.0)
    assert hessian(pulled)(3.0) == 2.0 * 68.0
    late = Value(3.0)
    dx, dy = pullback([late, 0.0])
    assert (dx.data, dy.data) == (180.0, 24.0)
    dx.backward()
    assert late.grad == 60.0
    (same,) = vjp(lambda x: x, 2.0)[1](late)
    assert same is late


def test_threads_do_not_take_each_others_values_for_constants():
    wrong = []

    def work(n):
        for i in range(200):
            v = Value(float(i))
            if type(g := grad(lambda x: grad(lambda y: y * y * x)(v))(3.0)) is not Value or g.data != 2.0 * i:  # noqa: B023
                wrong.append((n, i))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_anomalies_are_found_in_transforms():
    with detect_anomaly(), pytest.raises(engine.AnomalyError, match="log gave -inf"):
        grad(log)(0.0)
    with detect_anomaly(), pytest.raises(engine.AnomalyError, match="sqrt has the partial inf"):
        grad(sqrt)(0.0)


# The laws find planted bugs ------------------------------------------------------------------------------------------


def test_the_nesting_test_finds_leaves_that_are_shared(monkeypatch):
    def shared(self, *args, **kwargs):
        right(self, *args, **kwargs)
        # As if the transform had differentiated with respect to the caller's own Value.
        own = [x for tree in self.inputs for x in tree.leaves]
        self._leaves = [x if x.__class__ is Value else v for x, v in zip(own, self._leaves)]
        self._linked = set()

    right = linearization.Linearization.__init__
    monkeypatch.setattr(linearization.Linearization, "__init__", shared)
    with pytest.raises(AssertionError):
        test_perturbations_are_not_confused()


def test_a_wrapper_of_a_gradient_is_no_gradient():
    """The gradient of a gradient by one number is a product with the Hessian; what has the attributes of one is not."""
    slope = grad(lambda x: x**3)
    assert grad(slope)(2.0) == grad(slope)(2) == 12.0
    assert grad(functools.wraps(slope)(lambda x: 2.0 * slope(x)))(2.0) == 24.0
    assert grad(grad(lambda x, y: x**3 * y**2), 1)(2.0, 5.0) == 120.0
    assert grad(grad(slope))(2.0) == 6.0
    w = Value(5.0)
    curvature = grad(grad(lambda x: x**3 * w))(2.0)
    curvature.backward()
    assert (curvature.data, w.grad) == (60.0, 12.0)


def test_of_a_dot_a_gradient_that_depends_on_no_older_value_is_a_number():
    w, given = Value(2.0), [Value(1.0), Value(3.0), Value(4.0)]
    found = grad(lambda xs: dot([w * 1.0, *given[1:]], xs))([5.0, 6.0, 7.0])
    assert [type(x) for x in found] == [Value] * 3
    found = grad(lambda xs: dot([w * 1.0, Value(3.0), Value(4.0)], xs))([5.0, 6.0, 7.0])
    assert [x if type(x) is float else x.data for x in found] == [2.0, 3.0, 4.0]
    assert [type(x) for x in found] == [Value, float, float]
    assert grad(lambda xs: dot(xs, [Value(1.0), Value(3.0), Value(4.0)]))([5.0, 6.0, 7.0]) == [1.0, 3.0, 4.0]


@pytest.mark.parametrize("f, want", [(lambda x: sqrt(x) * x, 0.75e150), (lambda x: sqrt(x) ** 2, 0.0)])
def test_the_gradient_of_a_gradient_is_in_range_where_the_second_derivatives_of_its_factors_are_not(f, want):
    assert grad(grad(f))(1e-300) == pytest.approx(want, rel=1e-14)


def weighted(f, weights, seen):
    """The sum of the gradient of f times weights, as a function; notes the rows that the gradient is made of."""

    def through(xs):
        found = grad(f)(xs)
        seen.update(v.op.name for v in inner_order([g for g in found if isinstance(g, Value)]))
        return dot(found, weights)

    return through


def dot_with_itself(xs):
    return dot(xs, xs)


CONDITIONAL = {
    lambda xs: xs[0] ** xs[1]: {"identity", "power", "sub", "mul", "log"},
    lambda xs: engine.maximum(xs[0], xs[1]) * xs[0]: {"identity", "maximum", "add"},
    lambda xs: engine.logsumexp([xs[0], xs[1] + 1.0]): {"identity", "logsumexp", "sub", "exp", "add"},
}


@pytest.mark.parametrize("f", CONDITIONAL)
def test_a_gradient_for_numbers_alone_has_no_nodes_for_conditions(f):
    seen, at_values = set(), set()
    grad(weighted(f, [0.3, 0.7], seen))([2.0, 1.5])
    assert seen <= CONDITIONAL[f] | {"div"}
    grad(weighted(f, [0.3, 0.7], at_values))([Value(2.0), Value(1.5)])
    assert at_values & {"edge", "where", "gap"}


def test_the_gradient_of_a_dot_of_a_list_with_itself_is_its_double():
    seen = set()
    assert grad(weighted(dot_with_itself, [0.5, 0.25, 1.0], seen))([2.0, 3.0, 4.0]) == [1.0, 0.5, 2.0]
    assert seen == {"identity", "add"}


@pytest.mark.parametrize(
    "at", [(2.0, 1.5), (2.0, 0.0), (0.0, 2.0), (0.0, 0.0), (-2.0, 3.0), (1e300, 0.3), (0.3, 0.3), (1e308, 10.0)]
)
@pytest.mark.parametrize("f", CONDITIONAL)
def test_second_derivatives_are_the_same_with_and_without_conditions(f, at):
    along = grad(weighted(f, [0.3, 0.7], set()))
    want = repr([x.data for x in along([Value(x) for x in at])])
    assert repr(along(list(at))) == want
