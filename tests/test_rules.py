"""Laws over the rows of the table: each is as accurate as it states, total, and zero where it says that it is.

A new row needs no new test: it is here because it is in the table.
"""

import math

import accuracy
import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import INF, LEAST, MOST, NAN, SPECIAL, any_float, applied, hexes, operand_count

from engine import TABLE, Value, gradients, partials

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
@given(st.lists(any_float | st.integers(-3, 3).map(float), min_size=3, max_size=3))
@example([0.0, -0.0, 0.0])
@example([NAN, 1.0, 2.0])
@example([1.0, NAN, 2.0])
@example([1.0, 1.0, NAN])
@example([INF, INF, INF])
def test_conditions_are_numpys(name, xs):
    condition_is_numpys(name, xs)


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


@pytest.mark.parametrize(
    "row", [r for r in ROWS if not r.lists and (r.name in FORWARD or hasattr(np, r.name))], ids=repr
)
@given(st.data())
def test_values_at_every_operand_are_numpys(row, data):
    """Signs of infinities, overflow, nan: whatever IEEE says. Digits are another test's business."""
    args = data.draw(st.tuples(*[st.sampled_from(SPECIAL) | any_float] * row.arity))
    if row.name in ("mean", "where", "sign"):
        return
    value_is_numpys(row, args)


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


@pytest.mark.parametrize("row", ROWS, ids=repr)
@settings(max_examples=40)
@given(st.data())
def test_no_row_raises_or_leaves_float_for_any_operands(row, data):
    count = operand_count(row)
    is_total(row, data.draw(st.lists(any_float, min_size=count, max_size=count)))


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
