"""A row added at run time is eager, a method, differentiable to any order, printed, pickled, under every law."""

import inspect
import pickle

import numpy as np
import pytest
from strategies import forward_sweep

import engine
from engine import TABLE, Value, explain, gradients, partials, where
from engine.formulas.formula import to_latex, to_text


@pytest.fixture
def added():
    """engine.op, undone afterwards."""
    before = set(TABLE)
    yield engine.op
    for name in set(TABLE) - before:
        del TABLE[name]
        if name in Value.__dict__:
            delattr(Value, name)


@pytest.fixture
def cube(added):
    return added(
        "cube", lambda x: x * x * x, lambda x, y: 3.0 * x**2, text="{0:5}**3", tex="{0:5}^3", binding=4, doc="x cubed."
    )


def test_it_is_eager_a_method_and_a_function_of_engine(cube):
    x = Value(2.0)
    assert cube(2.0) == 8.0
    assert cube(2).__class__ is float
    assert [cube(x).data, x.cube().data, engine.cube(x).data] == [8.0, 8.0, 8.0]
    assert x.cube().op is cube is TABLE["cube"]
    assert cube.__doc__ == Value.cube.__doc__ == "x cubed."
    assert "cube" in dir(engine)


def test_it_is_differentiable_to_any_order(cube):
    x = Value(2.0)
    y = cube(x)
    y.backward()
    assert x.grad == 12.0
    assert partials(y) == (12.0,)
    orders = [y]
    for _ in range(4):
        orders.append(gradients(orders[-1], [x])[0])
    assert [v.data for v in orders] == [8.0, 12.0, 12.0, 6.0, 0.0]
    assert forward_sweep(y, [x], [1.0]) == 12.0


def test_it_is_printed(cube):
    x = Value(2.0, label="x")
    y = cube(x + 1.0)
    y.label = "y"
    assert to_text(y) == "(x + 1)**3"
    assert to_latex(y) == r"\left(x + 1\right)^3"
    y.backward()
    assert "dy/dx = dy/dv1·∂v1/∂x = 27.0·1.0 = 27.0" in str(explain(y, x))


def test_it_is_pickled_by_name(cube):
    y = pickle.loads(pickle.dumps(cube(Value(2.0))))
    assert y.op is cube
    assert pickle.loads(pickle.dumps(cube)) is cube


def test_numpy_ufuncs_of_its_name_are_it(added):
    row = added("sinc_", lambda x: x, 1.0)
    assert row(np.float64(2.0)) == 2.0
    cosine = added("spacing", lambda x: 0.0, 0.0)  # a ufunc that the table has not
    assert np.spacing(Value(2.0)).op is cosine


def test_rows_of_two_and_three_arguments_and_of_lists(added):
    area = added("area", lambda a, b: 0.5 * a * b, lambda a, b, y: 0.5 * b, lambda a, b, y: 0.5 * a)
    mix = added(
        "mix",
        lambda a, b, t: a + t * (b - a),
        lambda a, b, t, y: 1.0 - t,
        lambda a, b, t, y: t,
        lambda a, b, t, y: b - a,
    )
    norm1 = added("norm1", lambda xs: sum(map(abs, xs), 0.0), lambda xs, y: [engine.sign(x) for x in xs], lists=1)
    a, b = Value(3.0), Value(4.0)
    y = area(a, b) + mix(a, b, 0.25) + norm1([a, -b, 1.0])
    y.backward()
    assert y.data == 6.0 + 3.25 + 8.0
    assert (a.grad, b.grad) == (2.0 + 0.75 + 1.0, 1.5 + 0.25 + 1.0)
    assert [g.data for g in gradients(y, [a, b])] == [a.grad, b.grad]
    assert a.area(b).data == 6.0
    assert a.mix(b, 0.25).data == 3.25


def test_defaults_fill_the_last_arguments(added):
    scaled = added("scaled", lambda x, k: x * k, lambda x, k, y: k, lambda x, k, y: x, defaults=(2.0,))
    assert scaled(3.0) == 6.0
    assert Value(3.0).scaled().data == 6.0
    assert Value(3.0).scaled(5.0).data == 15.0
    assert scaled(Value(3.0)).data == 6.0


def test_a_row_that_selects_cuts_what_it_does_not_choose(added):
    first = added("first", lambda a, b: a, 1.0, 0.0, selects=True)
    a, b = Value(2.0), Value(0.0)
    first(a, engine.sqrt(b)).backward()
    assert (a.grad, b.grad) == (1.0, 0.0)
    y = first(a, engine.sqrt(b))
    assert [g.data for g in gradients(y, [a, b])] == [1.0, 0.0]


def test_a_number_is_the_partial_of_every_element_of_a_list(added):
    summed = added("summed", lambda xs: sum(xs, 0.0), 1.0, lists=1)
    chosen = added("chosen", lambda xs, x: x, 0.0, 1.0, lists=1, selects=True)
    a, b = Value(2.0), Value(0.0)
    y = summed([a, b, 3.0, a]) + chosen([engine.sqrt(b)], a)
    y.backward()
    assert (a.grad, b.grad) == (3.0, 1.0)
    assert [g.data for g in gradients(y, [a, b])] == [3.0, 1.0]


def test_a_partial_may_use_where_and_ieee_division(added):
    sinc = added(
        "sine_over", lambda x: engine.sin(x) / x if x else 1.0,
        lambda x, y: where(engine.not_equal(x, 0.0), (engine.cos(x) - y) / x, 0.0),
    )  # fmt: skip
    x = Value(0.0)
    sinc(x).backward()
    assert x.grad == 0.0
    assert gradients(sinc(x), [x])[0].data == 0.0


def test_a_row_may_be_defined_again(added, cube):
    again = added("cube", lambda x: x**3, lambda x, y: 3.0 * x * x)
    assert TABLE["cube"] is again
    assert Value(2.0).cube().op is again


@pytest.mark.parametrize(
    "name", ["exp", "add", "data", "grad", "backward", "op", "label", "args", "zero_grad", "detach"]
)
def test_names_that_mean_something_are_refused(added, name):
    before = dict(TABLE)
    with pytest.raises(ValueError, match=f"op takes a .*, got '{name}'"):
        added(name, lambda x: x, 1.0)
    assert before == TABLE


def test_a_refused_row_leaves_no_method(added):
    with pytest.raises(ValueError, match="engine does not use"):
        added("gradients", lambda x: x, 1.0)
    assert not hasattr(Value, "gradients")


def test_every_row_shows_its_name():
    assert repr(TABLE["exp"]) == "<op exp>"
    assert all(row.__doc__ and row.__name__ == name for name, row in TABLE.items())
    assert not [name for name, row in TABLE.items() if row.__doc__ == f"The op {name}."]


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("exp", "(x, /)"), ("add", "(x1, x2, /)"), ("power", "(x, n, /)"), ("clip", "(x, low, high, /)"),
        ("leaky_relu", "(x, slope=0.01, /)"), ("where", "(c, a, b, /)"), ("mean", "(xs, /)"), ("floor", "(x, /)"),
    ],
)  # fmt: skip
def test_the_signature_of_a_row_names_its_arguments(name, signature):
    assert str(inspect.signature(TABLE[name])) == signature


@pytest.mark.parametrize(
    "facts, says",
    [
        ({"text": 5}, "op 'odd' takes text as text, got 5"),
        ({"tex": b"x"}, "op 'odd' takes text as tex, got b'x'"),
        ({"domain": None}, "op 'odd' takes numbers (low, high), or such a pair for each argument as domain, got None"),
        ({"domain": (1.0, 0.0)}, "op 'odd' takes low below high as domain, got (1.0, 0.0)"),
        ({"lists": "x"}, "op 'odd' takes a whole number from 0 to 1 as lists, got 'x'"),
        ({"defaults": None}, "op 'odd' takes a list of numbers as defaults, got None"),
        ({"defaults": (1.0, 2.0)}, "op 'odd' takes defaults of its last arguments, got 2 for 1"),
        ({"selects": "no"}, "op 'odd' takes True or False as selects, got 'no'"),
        ({"binding": 9}, "op 'odd' takes a whole number from 1 to 5 as binding, got 9"),
    ],
)
def test_what_a_row_says_of_itself_is_checked_when_it_is_added(facts, says):
    with pytest.raises((TypeError, ValueError)) as caught:
        engine.op("odd", lambda x: x, 1.0, **facts)
    assert str(caught.value) == says and "odd" not in TABLE


@pytest.mark.parametrize("returned", [None, 1j, True, "1", Value(1.0)])
def test_a_row_that_returns_no_number_is_refused_when_it_is_added(returned):
    with pytest.raises(TypeError, match="op 'odd' takes a forward function that returns a float, got"):
        engine.op("odd", lambda x: returned, 1.0)
    with pytest.raises(TypeError, match="op 'odd' takes a partial that returns a float, got"):
        engine.op("odd", lambda x: x, lambda x, y: returned)
    assert "odd" not in TABLE
