"""Values among NumPy numbers and arrays: operators from both sides, functions, and arrays of Values."""

import math

import numpy as np
import pytest

import engine
from engine import TABLE, Value


def test_a_numpy_scalar_times_a_value_is_a_value():
    v = Value(3.0)
    y = np.float64(2.0) * v
    assert (y.__class__, y.data, y.op) == (Value, 6.0, TABLE["mul"])
    y.backward()
    assert v.grad == 2.0


UFUNCS = [name for name in sorted(TABLE) if isinstance(getattr(np, name, None), np.ufunc)]


@pytest.mark.parametrize("name", UFUNCS)
def test_ufuncs_of_the_tables_names_are_its_rows(name):
    row = TABLE[name]
    args = [Value(0.5), 0.25, 0.75][: row.arity]
    y = getattr(np, name)(*args)
    assert (y.__class__, y.op) == (Value, row)
    if row.arity > 1:
        many = getattr(np, name)(args[0], np.array([0.1, 0.2]))
        assert [(e.op, e.data) for e in many] == [(row, row(0.5, 0.1)), (row, row(0.5, 0.2))]


@pytest.mark.parametrize(
    "name", [n for n in UFUNCS if TABLE[n].arity == 1 and n not in ("sign", "floor", "ceil", "trunc", "isfinite")]
)
def test_ufuncs_of_object_arrays_differentiate(name):
    # Here NumPy asks the methods of the elements, not us: sign, floor, ceil and trunc make numbers of them; isfinite is refused.
    x = 1.5 if name == "arccosh" else 0.5
    xs = np.array([Value(x), Value(x)])
    y = getattr(np, name)(xs)[1]
    assert y.data == TABLE[name](x)
    y.backward()
    v = Value(x)
    TABLE[name](v).backward()
    assert xs[1].grad == pytest.approx(v.grad)


def test_ufuncs_of_other_names_are_rows_too():
    v = Value(-2.0)
    names = {np.subtract: "sub", np.multiply: "mul", np.true_divide: "div", np.float_power: "power"}
    for ufunc, name in names.items():
        assert ufunc(v, 3.0).op is TABLE[name]
    for ufunc, name in {np.negative: "neg", np.absolute: "abs", np.fabs: "abs", np.degrees: "rad2deg"}.items():
        assert ufunc(v).op is TABLE[name]


def test_arrays_of_values_compute_and_differentiate():
    xs = np.array([Value(1.0), Value(2.0)])
    y = (np.exp(xs) * np.array([1.0, 10.0])).sum()
    y.backward()
    assert [x.grad for x in xs] == [np.exp(1.0), 10.0 * np.exp(2.0)]
    assert (xs @ np.array([3.0, 4.0])).data == 11.0
    xs += 1.0
    assert [x.data for x in xs] == [2.0, 3.0]
    xs *= Value(2.0)
    assert [x.data for x in xs] == [4.0, 6.0]
    out = np.empty(2, object)
    assert np.add(xs, Value(1.0), out=out) is out
    assert out[0].data == 5.0


def test_inside_object_arrays_numpy_compares_by_itself():  # a limit that the docstring of Value tells
    xs = np.array([Value(2.0), Value(-3.0)])
    larger = np.maximum(xs, 0.0)
    assert larger[0] is xs[0]
    assert larger[1] == 0.0
    assert larger[1].__class__ is float
    assert list(np.sign(xs)) == [1, -1]
    assert np.maximum(xs[0], 0.0).op is TABLE["maximum"]
    assert [engine.sign(x).op for x in xs] == [TABLE["sign"]] * 2
    tied = np.array([Value(1.0), Value(1.0)])
    assert np.max(tied) is tied[0] and np.min(tied) is tied[0]
    with np.errstate(invalid="ignore"):
        assert np.max(np.array([Value(math.nan), Value(1.0)])).data == 1.0  # engine.maximum: nan
        assert math.isnan(np.max(np.array([Value(1.0), Value(math.nan)])).data)
    with pytest.raises(TypeError, match="float_power"):
        np.float_power(tied, 2.0)


def test_numpy_names_that_are_not_those_of_the_table_work_on_arrays_of_values():
    xs = np.array([Value(90.0), Value(-3.0)])
    for name, row in (("degrees", "rad2deg"), ("radians", "deg2rad"), ("fabs", "abs")):
        assert [y.op for y in getattr(np, name)(xs)] == [TABLE[row]] * 2
        assert getattr(np, name)(xs[0]).op is TABLE[row]
    assert np.float_power(xs[1], 3.0).data == -27.0 and np.float_power(xs[1], np.array([2.0]))[0].data == 9.0
    assert xs[0].conjugate() is xs[0]
    ys = [Value(x) for x in (1.0, 2.0, 6.0)]
    engine.total([np.var(ys), np.std(np.array(ys))]).backward()
    # 2(x - mean)/n, and that over twice the deviation, which is sqrt(14/3)
    assert [y.grad for y in ys] == pytest.approx([d * (1.0 + 0.5 / math.sqrt(14 / 3)) for d in (-4 / 3, -2 / 3, 2.0)])


def test_lists_arrays_and_generators_of_values_are_lists_of_operands():
    xs = [Value(1.0), Value(3.0)]
    for many in (xs, tuple(xs), np.array(xs), (x for x in xs)):
        assert engine.mean(many).data == 2.0
    assert engine.total(np.array([1.0, 2.0])) == 3.0
    assert engine.dot(np.array([1.0, 2.0]), xs).data == 7.0
