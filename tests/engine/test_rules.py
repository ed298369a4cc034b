"""Laws over the rows of the table: each is as accurate as it states, total, and zero where it says that it is.

A new row needs no new test: it is here because it is in the table.
"""

import functools
import itertools
import math

import accuracy
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import INF, LEAST, MOST, NAN, SPECIAL, any_float, applied, hexes, operand_count

import engine
from engine import TABLE, Value, derivative, gradients, hessian, jit, partials, value_and_grad

ROWS = list(TABLE.values())
CONDITIONS = {  # rows of constant partials 0, with NumPy's name or formula for them
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "step": lambda x: np.heaviside(x, 0.0),
    "above": lambda a, b: np.heaviside(a - b, 0.5) if a != b else 0.5,
    "inside": lambda x, low, high: NAN if x != x or low != low or high != high else low <= x <= high,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "round": np.rint,
    "floor_divide": np.floor_divide,
    "isfinite": np.isfinite,
    "held": np.positive,
    "top": lambda *xs: NAN if any(x != x for x in xs) else max(xs),
}
FORWARD = {  # rows whose forward NumPy has under another name, or with another nan rule
    "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "identity": np.positive,
    "relu": lambda x: np.maximum(x, 0.0),
}  # fmt: skip


def within_its_bounds(row, points=10, seed=accuracy.SEED):
    exceeding, _ = accuracy.EXCEPTIONS.get(row.name, ((), ""))
    for order, ((error, args, which), bound) in enumerate(zip(accuracy.worst(row, points, seed), accuracy.BOUNDS)):
        assert order in exceeding or error <= bound, (
            f"{row.name}, order {order}, derivative {which}: {error:.3g} ulps at {args}"
        )


@pytest.mark.parametrize("row", accuracy.measured_rows(), ids=repr)
def test_value_and_partials_are_within_4_and_16_ulps_of_the_reference(row):
    within_its_bounds(row)
    within_its_bounds(row, points=4, seed="another")


def test_every_row_has_a_reference_or_is_a_condition():
    for row in ROWS:
        constant = all(p == 0.0 for p in row.partials if not callable(p)) and not any(map(callable, row.partials))
        assert (row.reference is None) == constant == (row.name in CONDITIONS), row


def test_at_most_five_rows_exceed_their_bounds_and_the_table_says_why():
    stated = accuracy.stated()
    assert list(stated) == [row.name for row in accuracy.measured_rows()]
    for name, found in stated.items():
        exceeding = {order for order, (e, b) in enumerate(zip(found, accuracy.BOUNDS)) if e > b}
        assert exceeding <= accuracy.EXCEPTIONS.get(name, (set(), ""))[0], name
    assert len(accuracy.EXCEPTIONS) <= 5
    for name, (_, reason) in accuracy.EXCEPTIONS.items():
        assert reason in accuracy.TABLE_FILE.read_text(encoding="utf-8"), name


def test_the_table_of_accuracy_is_of_these_rows():
    # The first of its points again; another C library may be an ulp or two off.
    stated = accuracy.stated()
    for row in accuracy.measured_rows():
        for (error, *_), said in zip(accuracy.worst(row, 4, accuracy.SEED), stated[row.name]):
            assert error <= 1.01 * said + 2.0, row


def test_exact_derivatives_are_exact():
    # The oracle itself, at points where the answer is known by other means.
    x = 0.75
    exact = accuracy.Exact(TABLE["tanh"], [x])
    with mpmath.workdps(60):
        y = mpmath.tanh(x)
        assert abs(exact.first(0) - (1 - y**2)) < mpmath.mpf(10) ** -55
        assert abs(exact.second(0, 0) + 2 * y * (1 - y**2)) < mpmath.mpf(10) ** -55
        exact = accuracy.Exact(TABLE["mul"], [3.0, 1e-300])
        assert exact.second(0, 1) == 1
        assert exact.second(1, 1) == 0


def condition_is_numpys(name, xs):
    row = TABLE[name]
    args = xs if row.lists else xs[: row.arity]
    with np.errstate(all="ignore"):
        want = float(CONDITIONS[name](*args))
        if name == "above" and any(x != x for x in args):
            want = NAN
    got = row(args) if row.lists else row(*args)
    assert got == want or (got != got and want != want)
    assert math.copysign(1.0, got) == math.copysign(1.0, want) or got != got or name == "sign"


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_are_numpys(name):
    for xs in itertools.product(SPECIAL, repeat=3):
        condition_is_numpys(name, list(xs))

    @settings(max_examples=20)
    @given(st.lists(any_float | st.integers(-3, 3).map(float), min_size=3, max_size=3))
    def law(xs):
        condition_is_numpys(name, xs)

    law()


def value_is_numpys(row, args):
    ufunc = FORWARD.get(row.name) or getattr(np, row.name)
    with np.errstate(all="ignore"):
        want = float(ufunc(*map(np.float64, args)))
    got = row(*args)
    if row.name == "power" and args == (-INF, 0.5):
        want = INF  # as C's pow; NumPy takes the root
    if row.name == "hypot" and any(a != a for a in args) and INF in map(abs, args):
        want = INF
    assert (got != got and want != want) or math.isclose(got, want, rel_tol=1e-13, abs_tol=1e-320), (args, got, want)


OF_THEIR_OWN = ("mean", "where", "sign", "floor_divide", "sinc")  # NumPy has no such function, or other digits


@pytest.mark.parametrize(
    "row",
    [r for r in ROWS if not r.lists and r.name not in OF_THEIR_OWN and (r.name in FORWARD or hasattr(np, r.name))],
    ids=repr,
)
def test_values_at_every_operand_are_numpys(row):
    """Signs of infinities, overflow, nan: whatever IEEE says. Digits are another test's business."""
    for args in itertools.product(SPECIAL, repeat=row.arity):
        value_is_numpys(row, args)

    @settings(max_examples=20)
    @given(st.tuples(*[any_float] * row.arity))
    def law(args):
        value_is_numpys(row, args)

    law()


def is_total(row, operands):
    """Nothing raises and all stays float: forward, partials, backward, gradients, and gradients of those."""
    y = applied(row, operands)
    assert y.__class__ is float
    leaves = [Value(x) for x in operands]
    root = applied(row, leaves)
    assert hexes([root.data]) == hexes([y])
    assert all(p.__class__ is float for p in partials(root))
    root.backward()
    assert all(v.grad.__class__ is float for v in leaves)
    for g in gradients(root, leaves):
        assert g.data.__class__ is float
        g.backward()
        for h in gradients(g, leaves):
            assert h.data.__class__ is float
    assert all(v.grad.__class__ is float for v in leaves)


WIDEST = max(map(operand_count, ROWS))


@given(st.lists(any_float, min_size=WIDEST, max_size=WIDEST))
def test_no_row_raises_or_leaves_float_for_any_operands(drawn):
    """Each row at numbers of its own among those drawn: drawing takes longer than a row."""
    for k, row in enumerate(ROWS):
        is_total(row, [drawn[(k + i) % WIDEST] for i in range(operand_count(row))])


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_no_row_raises_at_the_ends_of_the_floats(row):
    count = operand_count(row)
    ends = [0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, LEAST, -LEAST, MOST, -MOST]
    for k, x in enumerate(ends):
        is_total(row, [x] * count)
        is_total(row, [ends[(k + 3 * i) % len(ends)] for i in range(count)])
        is_total(row, [x] + [1.0] * (count - 1))
        is_total(row, [-2.0] * (count - 1) + [x])


@pytest.mark.parametrize("name", ["total", "mean", "logsumexp", "dot"])
def test_empty_lists_have_the_value_of_an_empty_sum(name):
    row = TABLE[name]
    want = {"total": 0.0, "logsumexp": -INF, "dot": 0.0}.get(name, NAN)
    got = row(*[[] for _ in range(row.lists)])
    assert got == want or (got != got and want != want)


# Arguments in which a row is linear, and the bounds of clip, where PyTorch has 0 too.
NOT_NAN = {("mul", 0), ("mul", 1), ("div", 0), ("where", 1), ("where", 2), ("edge", 1), ("edge", 2), ("leaky_relu", 1)}
NOT_NAN |= {("elu", 1), ("clip", 1), ("clip", 2), ("nan_to_num", 0)}
NOT_NAN |= {("share", 0), ("fma", 0), ("fma", 1), ("xlogy", 0), ("xlog1py", 0)}


@pytest.mark.parametrize("row", [r for r in ROWS if r.reference and not r.lists], ids=repr)
def test_the_derivative_at_nan_is_nan_in_every_mode(row):
    for other, (i, p) in itertools.product([0.5, 2.0, 3.0], enumerate(row.partials)):
        if not callable(p) or (row.name, i) in NOT_NAN:
            continue
        xs = [other] * row.arity
        xs[i] = NAN
        leaves = [Value(x) for x in xs]
        y = row(*leaves)
        y.backward()
        assert math.isnan(y.data) and math.isnan(leaves[i].grad)
        assert math.isnan(gradients(y, leaves)[i].data)


# Derivatives of high order ---------------------------------------------------------------------------------------------

POINTS = {"arccosh": (1.5, 3.0), "arcsin": (1e-20, 0.3, -0.75), "arccos": (1e-20, 0.3), "arctanh": (1e-20, 0.3, -0.75)}
# Not those of SUMS, whose terms cancel.
SMOOTH = [r for r in ROWS if r.arity == 1 and not r.lists and r.reference and r.kink is None]
SMOOTH = [r for r in SMOOTH if r.name not in ("gelu", "silu", "nan_to_num")]


@pytest.mark.parametrize("row", SMOOTH, ids=repr)
def test_derivatives_of_order_2_to_5_keep_their_digits(row):
    """mpmath's Taylor series of the reference at 120 digits, relative to the size of the derivatives near the point."""
    for x in POINTS.get(row.name, (1e-20, 0.3, 2.0) if row.domain[0] != (0.0, INF) else (0.3, 2.0)):
        if not row.domain[0][0] < x < row.domain[0][1]:
            continue
        with mpmath.workdps(240):
            exact = mpmath.taylor(functools.partial(accuracy.reference_at, row.reference), mpmath.mpf(x), 6)
            want = [c * mpmath.factorial(k) for k, c in enumerate(exact)]
        for n in (2, 3, 4, 5):
            got = derivative(row, n)(x)
            scale = abs(want[n]) if abs(x) < 1e-9 else max(map(abs, want[1:]))
            assert abs(got - want[n]) <= 1e-12 * scale + 1e-250, (n, x, got, float(want[n]))


def test_high_derivatives_of_the_angle_near_the_axes():
    for x in (1e-20, -1e-10):
        for n, coefficient in ((2, -2.0), (4, 24.0), (6, -720.0)):
            assert derivative(engine.arctan, n)(x) == pytest.approx(coefficient * x, rel=1e-14)
    third = derivative(lambda b: derivative(lambda a: engine.arctan2(a, b))(1.0), 2)
    assert third(1e-20) == pytest.approx(-6e-20, rel=1e-14)
    for f, ends in ((engine.arcsin, (INF, -INF)), (engine.arccos, (-INF, INF)), (engine.arctanh, (INF, -INF))):
        for x, want in zip((1.0, -1.0), ends):
            assert derivative(f, 2)(x) == hessian(f)(x) == jit(derivative(f, 2))(x) == want
    assert (
        derivative(engine.arccosh, 2)(1.0)
        == hessian(engine.arccosh)(1.0)
        == jit(derivative(engine.arccosh, 2))(1.0)
        == -INF
    )


@given(
    st.sampled_from(["leaky_relu", "elu"]), st.sampled_from([-0.0, 0.0, -1.0, 2.0]), st.sampled_from([0.01, 1.0, -0.5])
)
def test_hessians_of_leaky_activations_are_symmetric(name, x, slope):
    (_, a), (b, _) = hessian(lambda v: TABLE[name](v[0], v[1]))([x, slope])
    assert a == b == (0.0 if x > 0.0 else 1.0 if name == "leaky_relu" else math.exp(x))


def test_a_power_of_nan_has_one_derivative():
    x, n = Value(NAN), Value(1.0)
    y = x**n
    y.backward()
    assert (x.grad, gradients(y, [x])[0].data) == (1.0, 1.0)  # as PyTorch and JAX
    assert jit(value_and_grad(lambda x, n: x**n, (0, 1)))(NAN, 1.0)[1][0] == 1.0


def test_sinc_is_0_at_whole_numbers_and_numpys_between():
    assert [engine.sinc(x) for x in (0.0, 1.0, -2.0, 1e300)] == [1.0, 0.0, 0.0, 0.0]
    for x in (0.25, -0.5, 0.8, 1e-9):
        assert engine.sinc(x) == pytest.approx(float(np.sinc(x)), rel=1e-15)
    assert math.isnan(engine.sinc(INF))
    taylor = [1.0, 0.0, -(math.pi**2) / 3, 0.0, math.pi**4 / 5, 0.0, -(math.pi**6) / 7]  # PyTorch's second is 0 at 0
    assert [derivative(engine.sinc, n)(0.0) for n in range(7)] == pytest.approx(taylor, rel=1e-15)
