"""Losses: known answers, exact derivatives, extreme logits, shapes, and bad input."""

import functools
import math
import re

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import engine
from engine import Value, grad, gradients, log_softmax, replay, softmax
from nn import binary_cross_entropy, cross_entropy, hinge, kl_divergence, mse

logit = st.floats(-30, 30)
logits = st.lists(logit, min_size=1, max_size=6)


def test_known_answers():
    assert mse([1.0, 2.0, 3.0], [1.0, 0.0, 6.0]) == 13.0 / 3.0
    assert mse(3.0, 1) == 4.0
    assert binary_cross_entropy(0.0, 1) == math.log(2.0)
    assert binary_cross_entropy([0.0, 0.0], [0.25, 1]) == math.log(2.0)
    assert cross_entropy([0.0] * 4, 2) == math.log(4.0)
    assert cross_entropy([0.0, math.log(3.0)], 0) == pytest.approx(math.log(4.0), rel=1e-15)
    assert hinge([2.0, 0.5, -1.0], [1, 1, 1]) == 2.5 / 3.0
    assert hinge(-3.0, -1) == 0.0


def test_a_loss_of_numbers_is_a_number_and_of_values_a_value():
    for loss, y, t in ((mse, 1.0, 2.0), (binary_cross_entropy, 1.0, 1), (hinge, 1.0, 1)):
        assert type(loss(y, t)) is type(loss([y], [t])) is float
        assert type(loss(Value(y), t)) is Value
    assert type(cross_entropy([1.0, 2.0], 0)) is float
    assert type(cross_entropy([Value(1.0), 2.0], 0)) is Value
    assert type(mse(1.0, Value(2.0))) is Value


@given(logit, st.sampled_from([0, 1, 0.0, 1.0, 0.25]))
def test_binary_cross_entropy_is_the_likelihood_to_the_last_digits(z, t):
    with mpmath.workdps(60):
        p = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
        exact = -(t * mpmath.log(p) + (1 - t) * mpmath.log(1 - p))
        assert binary_cross_entropy(z, t) == pytest.approx(float(exact), rel=4e-16)
        x = Value(z)
        binary_cross_entropy(x, t).backward()
        slope = -t * (1 - p) + (1 - t) * p
        assert x.grad == pytest.approx(float(slope), rel=1e-15, abs=2e-16 if t == 0.25 else 0.0)


@given(logits, st.data())
def test_cross_entropy_has_softmax_less_the_target_as_gradient(zs, data):
    label = data.draw(st.integers(0, len(zs) - 1))
    xs = [Value(z) for z in zs]
    loss = cross_entropy(xs, label)
    loss.backward()
    with mpmath.workdps(60):
        es = [mpmath.exp(mpmath.mpf(z)) for z in zs]
        assert loss.data == pytest.approx(float(mpmath.log(mpmath.fsum(es)) - mpmath.mpf(zs[label])), abs=2e-14)
        for k, x in enumerate(xs):
            assert x.grad == pytest.approx(float(es[k] / mpmath.fsum(es) - (k == label)), rel=2e-14, abs=2e-15)


@given(logits, st.data())
def test_a_class_is_the_distribution_that_is_all_on_it(zs, data):
    label = data.draw(st.integers(0, len(zs) - 1))
    certain = [float(k == label) for k in range(len(zs))]
    assert cross_entropy(zs, certain) == pytest.approx(cross_entropy(zs, label), abs=1e-14)


@given(logit, st.booleans())
def test_two_classes_are_one_logit(z, t):
    assert cross_entropy([0.0, z], int(t)) == pytest.approx(binary_cross_entropy(z, t), abs=1e-14)


@given(st.lists(st.tuples(logit, st.sampled_from([-1, 1])), min_size=1, max_size=6))
def test_a_batch_is_the_mean_of_its_examples(pairs):
    ys, ts = [y for y, _ in pairs], [t for _, t in pairs]
    n = len(pairs)
    assert hinge(ys, ts) == pytest.approx(sum(map(hinge, ys, ts)) / n, abs=1e-13)
    assert mse(ys, ts) == pytest.approx(sum(map(mse, ys, ts)) / n, rel=1e-13)
    rows = [[y, 0.0, 1.0] for y in ys]
    labels = [t + 1 for t in ts]
    assert cross_entropy(rows, labels) == pytest.approx(sum(map(cross_entropy, rows, labels)) / n, abs=1e-13)


@pytest.mark.parametrize("z", [1e4, 1e308, -1e4, -1e308])
def test_extreme_logits_give_finite_losses_and_gradients(z):
    for t in (0, 1):
        for loss in (lambda x, t=t: binary_cross_entropy(x, t), lambda x, t=t: cross_entropy([0.0, x], t)):
            x = Value(z)
            y = loss(x)
            y.backward()
            wrong = (z > 0) != (t == 1)
            assert y.data == (abs(z) if wrong else 0.0)
            assert x.grad == ((1.0 if z > 0 else -1.0) if wrong else 0.0)


def test_second_derivatives_are_those_of_the_formulas():
    z = 0.3
    s = 1 / (1 + math.exp(-z))
    assert grad(grad(lambda x: binary_cross_entropy(x, 1)))(z) == pytest.approx(s * (1 - s), rel=1e-14)
    assert grad(grad(lambda x: cross_entropy([x, 0.0], 1)))(z) == pytest.approx(s * (1 - s), rel=1e-14)
    assert grad(grad(lambda x: mse(x, 5.0)))(z) == 2.0


def test_targets_may_be_values_so_that_a_recorded_loss_holds_for_other_targets():
    z, t = Value(0.5), Value(1.0)
    for loss, other in ((binary_cross_entropy, 0.25), (mse, 7.0), (hinge, -1.0)):
        root = loss(z, t)
        assert replay(root, {t: other}) == pytest.approx(loss(0.5, other), rel=1e-15)
        (slope,) = gradients(root, [z])
        x = Value(0.5)
        loss(x, other).backward()
        assert replay(slope, {t: other}) == pytest.approx(x.grad, rel=1e-14)


def test_arrays_nested_lists_and_columns_are_taken_as_they_are():
    Y, T = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1, 2], [3, 6]])
    assert mse(Y, T) == mse(Y.tolist(), T.tolist()) == mse(tuple(Y), list(T)) == 1.0
    assert cross_entropy(Y, np.array([0, 1])) == cross_entropy(Y.tolist(), [0, 1])
    assert cross_entropy(np.array([[Value(1.0), Value(2.0)]]), [np.int64(1)]).data == cross_entropy([1.0, 2.0], 1)
    assert binary_cross_entropy(np.array([0.5]), np.array([True])) == binary_cross_entropy(0.5, 1)


BAD = {
    "fewer targets": (lambda: mse([1.0, 2.0], [1.0]), ValueError, "mse takes targets of the shape of the outputs, got a list of 1 for a list of 2"),
    "one target for many": (lambda: mse([1.0, 2.0], 1.0), ValueError, "mse takes targets of the shape of the outputs, got one number for a list of 2"),
    "a column for a row": (lambda: mse(np.zeros((2, 1)), np.zeros(2)), ValueError, "got one number for a list of 1"),
    "nothing": (lambda: mse([], []), ValueError, "mse takes at least one output, got none"),
    "text": (lambda: mse(["1.0"], [1.0]), TypeError, "mse takes numbers and Values, in lists or arrays, got '1.0'"),
    "None": (lambda: mse([1.0], [None]), TypeError, "mse takes numbers and Values, in lists or arrays, got None"),
    "complex": (lambda: hinge([1j], [1]), TypeError, "hinge takes numbers and Values, in lists or arrays, got 1j"),
    "a probability above 1": (lambda: binary_cross_entropy(0.0, 1.5), ValueError, "binary_cross_entropy takes targets from 0 to 1, got 1.5"),
    "a target of nan": (lambda: binary_cross_entropy(0.0, math.nan), ValueError, "binary_cross_entropy takes targets from 0 to 1, got nan"),
    "targets -1 and 1": (lambda: binary_cross_entropy([0.0], [-1]), ValueError, "got -1"),
    "hinge of 0": (lambda: hinge([1.0], [0]), ValueError, "hinge takes targets -1 and 1, got 0.0; for 0 and 1 use 2*t - 1"),
    "a class too large": (lambda: cross_entropy([1.0, 2.0], 2), ValueError, "cross_entropy takes classes from 0 to 1, got 2"),
    "a negative class": (lambda: cross_entropy([1.0, 2.0], -1), ValueError, "cross_entropy takes classes from 0 to 1, got -1"),
    "a class of float": (lambda: cross_entropy([1.0, 2.0], 1.0), TypeError, "cross_entropy takes the number of a class or a list of probabilities, got 1.0"),
    "a class of text": (lambda: cross_entropy([[1.0, 2.0]], ["1"]), TypeError, "got '1'"),
    "a class of bool": (lambda: cross_entropy([1.0, 2.0], True), TypeError, "got True"),
    "one logit": (lambda: cross_entropy(1.0, 0), TypeError, "cross_entropy takes a list of logits, one a class, got 1.0"),
    "no logits": (lambda: cross_entropy([], 0), ValueError, "cross_entropy takes at least one logit, got an empty list"),
    "no logits in an example": (lambda: cross_entropy([[]], [0]), ValueError, "cross_entropy takes as many logits for each example, got 0"),
    "ragged logits": (lambda: cross_entropy([[1.0, 2.0], [1.0]], [0, 0]), ValueError, "cross_entropy takes as many logits for each example, got 1, 2"),
    "fewer classes than examples": (lambda: cross_entropy([[1.0, 2.0]] * 3, [0, 1]), ValueError, "cross_entropy takes as many targets as examples, got 2 for 3"),
    "one class for a batch": (lambda: cross_entropy([[1.0, 2.0]] * 3, 0), ValueError, "cross_entropy takes as many targets as examples, got one for 3"),
    "too few probabilities": (lambda: cross_entropy([1.0, 2.0], [1.0]), ValueError, "cross_entropy takes a probability for each class, got 1 for 2 logits"),
    "a probability of -1": (lambda: cross_entropy([1.0, 2.0], [-1.0, 2.0]), ValueError, "cross_entropy takes probabilities from 0 to 1, got -1.0"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_the_users_terms(case):
    act, error, says = BAD[case]
    with pytest.raises(error, match=re.escape(says)):
        act()


# Huge logits, infinite logits, weights of 0 ----------------------------------------------------------------------------


@functools.cache
def of_logits(n, label):
    """What depends on the differences of n logits alone, and the same compiled."""
    even = [1.0 / n] * n

    def f(zs):
        weighted = cross_entropy(zs, label, label_smoothing=0.1, class_weights=[2.0] * n)
        return [
            [cross_entropy(zs, label), cross_entropy(zs, even), kl_divergence(zs, even), weighted],
            [softmax(zs), log_softmax(zs)],
            engine.grad(lambda zs: cross_entropy(zs, label))(zs),
        ]

    return f, engine.jit(f)


@settings(max_examples=50)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=4), st.sampled_from([0.0, 1e3, 1e9, 1e16, -1e17, 1e17]))
def test_a_number_added_to_all_logits_changes_nothing(steps, shift):
    near, far = [16.0 * k for k in steps], [16.0 * k + shift for k in steps]  # floats, also next to 1e17
    label = len(steps) // 2
    f, compiled = of_logits(len(steps), label)
    want, got = np.array(flatten(f(near))), np.array(flatten(compiled(far)))
    assert flatten(f(far)) == want.tolist()
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-300)
    assert sum(softmax(far)) == pytest.approx(1.0, abs=len(steps) * 2.0**-52)
    with mpmath.workdps(120):
        exact = mpmath.log(sum(mpmath.exp(z - near[label]) for z in near))
    assert cross_entropy(far, label) == pytest.approx(float(exact), rel=1e-14, abs=1e-300)


def flatten(tree):
    return [x for e in tree for x in flatten(e)] if isinstance(tree, list) else [float(tree)]


def test_huge_logits_have_the_losses_of_their_differences():
    assert softmax([1e17, 1e17]) == [0.5, 0.5]
    assert cross_entropy([1e17] * 2, 1) == cross_entropy([1e17] * 2, [0.0, 1.0]) == math.log(2.0)
    assert kl_divergence([1e17] * 2, [0.5, 0.5]) == 0.0
    assert softmax([Value(1e308), Value(-1e308)])[0].data == 1.0


INFINITE = st.just(-math.inf) | st.floats(-20, 20)


@settings(max_examples=40)
@given(
    st.lists(INFINITE, min_size=2, max_size=4),
    st.integers(0, 3),
    st.sampled_from(["label", "one-hot", "weights", "kl"]),
)
@example([1.0, 2.0, -math.inf], 1, "one-hot")
@example([-math.inf, 2.0, -math.inf], 1, "weights")
def test_a_masked_class_takes_no_part(logits, label, how):
    label %= len(logits)
    logits[label] = 1.5
    kept = [k for k, z in enumerate(logits) if z > -math.inf]
    hot = [float(k == label) for k in range(len(logits))]
    weights = [3.0 * (z > -math.inf) for z in logits]

    def loss(zs, ts):
        if how == "label":
            return cross_entropy(zs, label)
        if how == "weights":
            return cross_entropy(zs, label, class_weights=weights)
        return kl_divergence(zs, ts) if how == "kl" else cross_entropy(zs, ts)

    rest = [mpmath.exp(logits[k]) for k in kept]  # without the masked classes
    size = 3.0 if how == "weights" else 1.0
    want = size * float(mpmath.log(sum(rest)) - 1.5)
    slopes = [
        size * (float(mpmath.exp(z) / sum(rest)) - (k == label)) if k in kept else 0.0 for k, z in enumerate(logits)
    ]
    leaves = [Value(z) for z in logits]
    y = loss(leaves, hot)
    y.backward()
    both = engine.value_and_grad(loss)
    for value, grads in (
        (y.data, [v.grad for v in leaves]),
        (y.data, [g.data for g in engine.gradients(y, leaves)]),
        both(logits, hot),
        engine.jit(both)(logits, hot),  # the targets, too, are known only when it runs
    ):
        assert value == pytest.approx(want, rel=1e-13, abs=1e-14)
        assert list(grads) == pytest.approx(slopes, rel=1e-13, abs=1e-14)
        assert all(g == 0.0 for k, g in enumerate(grads) if k not in kept)


@pytest.mark.parametrize(
    "options",
    [{}, {"class_weights": [2.0, 2.0]}, {"class_weights": [0.0, 2.0]}, {"class_weights": [2.0, 0.0]}],
    ids=str,
)
@pytest.mark.parametrize(("z", "t"), [(-math.inf, 0.0), (math.inf, 1.0)])
def test_a_sure_and_right_yes_or_no_costs_nothing(z, t, options):
    def loss(z, t):
        return binary_cross_entropy(z, t, **options)

    v = Value(z)
    y = loss(v, t)
    y.backward()
    assert (y.data, v.grad) == (0.0, 0.0)
    for f in (engine.value_and_grad(loss, (0, 1)), engine.jit(engine.value_and_grad(loss, (0, 1)))):
        value, (slope, by_target) = f(z, t)
        assert (value, slope) == (0.0, 0.0)
        assert not math.isnan(by_target)


def test_weights_of_0_leave_a_graph_and_the_slope_of_a_target_of_0():
    y = cross_entropy([Value(1.0), Value(2.0)], 1, class_weights=[1.0, 0.0])
    assert isinstance(y, Value) and y.data == 0.0
    assert isinstance(binary_cross_entropy(Value(1.0), 1, class_weights=[1.0, 0.0]), Value)
    ts = [Value(0.0), Value(1.0)]
    cross_entropy([1.0, 2.0], ts).backward()
    assert [t.grad for t in ts] == pytest.approx([-q for q in log_softmax([1.0, 2.0])])
