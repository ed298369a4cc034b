"""A derivative that reading a number would lose: inside a transform refused, outside warned about, never lost in silence."""

import asyncio
import io
import math
import statistics
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine import Value, derivative, grad, hessian, hvp, jacfwd, jacobian, jit, jvp, value_and_grad, vjp, vmap
from engine.checks import check_gradients
from engine.readings import ReadingError, running
from tests.support.functions import FUNCTIONS

X = 2.37


def number(y):
    return y.item() if getattr(y, "shape", None) == () and not isinstance(y, Value) else y


def slope_by_differences(f, x, h=1e-3):
    """f'(x) from f on floats, exact for polynomials of degree 4."""
    near = [float(f(x + k * h)) for k in (-2, -1, 1, 2)]
    return (near[0] - 8.0 * near[1] + 8.0 * near[2] - near[3]) / (12.0 * h)


# A table of functions --------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")  # NumPy's and pandas' own about arrays of objects
@pytest.mark.parametrize("transform", [grad, lambda f: jit(grad(f))], ids=["grad", "jit"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_function_of_others_does_to_a_derivative_is_right_or_raised(name, transform):
    def f(x):
        return x * number(FUNCTIONS[name](x))  # a second factor: a lost gradient leaves a part of it

    try:
        found = transform(f)(X)
    except ReadingError as refusal:
        assert "x.detach() or x.data" in str(refusal) and ("use " in str(refusal) or "show it" in str(refusal))
        assert str(Path(__file__).parents[1] / "support" / "functions.py") in str(refusal) or __file__ in str(refusal)
    except Exception:  # of theirs, which have no use for a Value
        return
    else:
        assert found == pytest.approx(slope_by_differences(f, X), rel=1e-7, abs=1e-7)


MAY_BE_APPLIED = """np.sin np.tanh np.degrees np.radians np.fabs np.float_power np.polyval np.var np.std np.where np.clip
    np.mean np.dot np.einsum np.linalg.norm np.trapezoid np.squeeze np.asarray math.prod abs max sorted sum""".split()
MUST_BE_REFUSED = (
    """math.sin math.hypot math.dist math.fsum float int round format f-string np.interp np.gradient
    np.full_like statistics.fmean""".split()
    + ["np.array of floats", "array[i] = x", "% formatting", "pd.Series.astype"]
)


@pytest.mark.parametrize("name", [*MAY_BE_APPLIED, "np.degrees of an array", "np.fabs of an array", "a branch"])
def test_what_can_be_differentiated_is(name):
    assert grad(lambda x: number(FUNCTIONS[name](x)))(X) == pytest.approx(slope_by_differences(FUNCTIONS[name], X))


@pytest.mark.parametrize("name", MUST_BE_REFUSED)
def test_what_reads_numbers_is_refused(name):
    with pytest.raises(ReadingError, match="^grad takes functions that compute with Values, got "):
        grad(FUNCTIONS[name])(X)


# Every transform -------------------------------------------------------------------------------------------------------

TRANSFORMS = {
    "grad": lambda f: grad(f)(1.0),
    "grad of a list": lambda f: grad(lambda xs: f(xs[1]))([1.0, 1.0]),
    "grad of an array": lambda f: grad(lambda xs: f(xs[1]))(np.ones(2)),
    "grad of a Value": lambda f: grad(f)(Value(1.0)),
    "value_and_grad": lambda f: value_and_grad(f)(1.0),
    "vjp": lambda f: vjp(f, 1.0)[1](1.0),
    "jvp": lambda f: jvp(f, (1.0,), (1.0,)),
    "jacobian": lambda f: jacobian(f)(1.0),
    "jacfwd": lambda f: jacfwd(f)(1.0),
    "hessian": lambda f: hessian(f)(1.0),
    "hvp": lambda f: hvp(f, (1.0,), (1.0,)),
    "derivative": lambda f: derivative(f)(1.0),
    "vmap": lambda f: vmap(f)([Value(1.0)]),
    "vmap, handed on": lambda f: vmap(lambda x, w: f(w), in_axes=(0, None))([1.0], Value(1.0)),
    "vmap of grad": lambda f: vmap(grad(f))([1.0]),
    "grad of vmap": lambda f: grad(lambda xs: engine.total(vmap(f)(xs)))([1.0, 1.0]),
    "check_gradients": lambda f: check_gradients(f, 1.0),
    "check_gradients, forward": lambda f: check_gradients(f, 1.0, order=2, modes=("forward",)),
    "jit": lambda f: jit(f)(1.0),
}
READERS = {
    "math.sin": (lambda x: x * math.sin(x), "engine.sin"),
    "math.asin, by a node": (lambda x: x * math.asin(x * 0.5), "engine.arcsin"),
    "float": (lambda x: x * float(x), "engine.sin for math.sin"),
    "int": (lambda x: x * int(x), "engine.floor"),
    "round": (lambda x: x * round(x, 3), "engine.floor"),
    "format": (lambda x: x * float(f"{x:.17g}"), "x.data"),
    "np.interp": (lambda x: x * np.interp(x, [0.0, 1.0], [1.0, 3.0]), "x.data"),
    "a method of a box": (lambda x: x * float(np.asarray(x)), "x.detach()"),
    "a class": (lambda x: x * Wrapped(x), "give that itself"),
    "backward": (lambda x: ((x * x).backward(), x * x.grad)[1], "engine.grad"),
    "a new data": (lambda x: (setattr(x, "data", 3.0), x * x)[1], "new Value"),
}


class Wrapped:
    def __init__(self, value):
        self.value = value

    def __float__(self):
        return float(self.value)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_every_transform_refuses_every_reading_and_says_what_to_do(transform, reader):
    f, says = READERS[reader]
    with pytest.raises(TypeError) as caught:
        TRANSFORMS[transform](f)
    if transform != "jit":
        assert says in str(caught.value)
    assert not running


def test_the_reproduction_of_the_sine_has_its_derivative_with_the_function_of_the_table():
    with pytest.raises(TypeError, match=r"grad .* math\.sin .* use engine\.sin; .* x\.detach\(\) or x\.data$"):
        grad(lambda x: x * math.sin(x))(1.0)
    assert grad(lambda x: x * engine.sin(x))(1.0) == pytest.approx(1.3817732906760363, rel=1e-15)  # sin 1 + cos 1


def test_a_branch_a_print_and_a_number_on_purpose_are_no_readings():
    out = io.StringIO()

    def f(x):
        print(x, f"{x}", repr(x), [x], file=out)
        if x > 0.0 and x and not x < 1.0:
            return x * x.data + max(x, 1.0) + x.detach() + float(x.detach()) + math.sin(x.data)
        return -x

    assert grad(f)(3.0) == 4.0 and grad(f)(-3.0) == -1.0  # x.data + 1
    assert out.getvalue().count("Value(data=3.0") == 4


def test_what_does_not_depend_on_the_inputs_may_be_read():
    w = Value(2.0)
    assert grad(lambda x: x * float(w) * float(w * w) * int(Value(3.0)) * round(w, 1))(5.0) == 48.0
    assert grad(lambda x, y: x * float(y))(5.0, 3.0) == 3.0
    assert grad(lambda x, y: x * float(y))(5.0, Value(3.0)) == 3.0
    assert vmap(lambda x: x * float(w))([1.0]) == [2.0]


def test_where_a_partial_is_nought_by_its_rule_nothing_is_lost():
    table = [10.0, 20.0, 30.0]
    assert grad(lambda x: x * table[int(engine.floor(x))])(1.5) == 20.0
    assert grad(lambda x: x * float(x > 1.0) + x * float(engine.sign(-x)))(1.5) == 0.0


def test_an_outer_input_is_not_read_in_an_inner_transform():
    with pytest.raises(TypeError, match="engine.sin"):
        grad(lambda x: grad(lambda y: y * math.sin(x))(2.0))(1.0)
    with pytest.raises(TypeError, match="engine.sin"):
        grad(lambda x: x * math.sin(grad(lambda y: y * x)(2.0)))(1.0)
    with pytest.raises(TypeError, match="engine.sin"):
        grad(lambda x: grad(lambda y: math.sin(y) * y)(x))(1.0)
    assert grad(lambda x: x * float(grad(lambda y: y * y)(2.0)))(1.0) == 4.0
    assert grad(lambda x: grad(lambda y: y * engine.sin(x))(2.0))(1.0) == math.cos(1.0)


def test_a_compiled_function_is_not_given_an_input_behind_its_back():
    inner = jit(lambda y: y * engine.exp(y))
    assert grad(inner)(0.5) == pytest.approx(1.5 * math.exp(0.5), rel=1e-15)
    with pytest.raises(TypeError, match="pass it to the compiled function as an argument"):
        grad(lambda x: x * jit(lambda y: y * x)(2.0))(3.0)


def test_numbers_are_read_again_when_the_call_is_over():
    kept = []
    grad(lambda x: (kept.append(x * 1.0), x * x)[1])(3.0)
    assert float(kept[0]) == 3.0 and not running
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: 1 // 0)(3.0)
    assert not running


def test_another_thread_and_another_task_may_read():
    seen = []

    def f(x):
        thread = threading.Thread(target=lambda: seen.append(float(Value(1.0) * 2.0)))
        thread.start()
        thread.join()
        return x * x

    assert grad(f)(3.0) == 6.0 and seen == [2.0]

    async def reader(v):
        return float(v)

    async def both():
        return await asyncio.gather(reader(Value(2.0) * 1.0), reader(Value(3.0)))

    assert asyncio.run(both()) == [2.0, 3.0]


def test_constants_that_are_read_again_and_again_are_walked_once(monkeypatch):
    steps = 0
    operands = Value._operands

    def counted(v):
        nonlocal steps
        steps += 1
        return operands(v)

    def f(x):
        c = Value(1.0)
        for _ in range(2000):
            c = c * 1.0
            float(c)
        return x * float(c)

    monkeypatch.setattr(Value, "_operands", counted)
    assert grad(f)(1.0) == 1.0
    assert steps < 3 * 2000


DEPTHS = st.recursive(
    st.just("x"),
    lambda inner: st.tuples(st.sampled_from(["list", "tuple", "dict", "box", "array"]), inner),
    max_leaves=4,
)


def wrapped(tree, v):
    if tree == "x":
        return v
    kind, inner = tree
    x = wrapped(inner, v)
    return {"list": [x], "tuple": (x,), "dict": {"k": x}}.get(kind) or objects(x, () if kind == "box" else (1,))


def objects(x, shape):
    array = np.empty(shape, object)
    array[(0,) * len(shape)] = x
    return array


def taken(tree, held):
    while tree != "x":
        kind, tree = tree
        held = held["k"] if kind == "dict" else held[()] if kind == "box" else held[0]
    return held


@given(DEPTHS, st.sampled_from([grad, jacobian, hessian, lambda f: jit(grad(f))]))
def test_however_an_input_is_packed_its_number_is_not_read(tree, transform):
    assert transform(lambda x: taken(tree, wrapped(tree, x)) ** 2)(3.0) in (6.0, 2.0)
    with pytest.raises(TypeError):
        transform(lambda x: x * math.exp(taken(tree, wrapped(tree, x))))(3.0)


# Outside of transforms -------------------------------------------------------------------------------------------------


def test_a_function_of_math_on_a_node_warns_and_names_that_of_the_table():
    w, v = Value(0.5), Value(0.5)
    with pytest.warns(UserWarning, match=r"^math\.tanh reads .* use engine\.tanh; .* write \.data$") as caught:
        y = math.tanh(w * 2.0) * v
    y.backward()
    assert w.grad == 0.0 and caught[0].filename == __file__
    from math import atan2 as angle

    with pytest.warns(UserWarning, match="angle reads"):
        angle(w * 2.0, 1.0)


def test_it_warns_however_often_python_has_run_the_line():
    w = Value(0.5)
    for _ in range(50):  # CPython calls by another instruction when a line is warm
        with pytest.warns(UserWarning, match=r"^math\.tanh reads"):
            math.tanh(w * 2.0)


def test_it_warns_once_a_line():
    w = Value(0.5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            math.exp(w * 2.0)
        math.exp(w * 2.0)
    assert len(caught) == 2


def test_reading_for_people_is_quiet():
    w = Value(0.5)
    loss = w * 2.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [float(loss), int(loss), round(loss, 2), f"{loss:.2f}", "%.1f" % loss] == [1.0, 1, 1.0, "1.00", "1.0"]  # noqa: UP031
        assert math.isfinite(loss) and math.isclose(loss, 1.0) and math.floor(loss) == 1
        assert math.sin(loss.data) == math.sin(1.0) and math.sin(w) == math.sin(0.5)
        assert list(map(float, [loss])) == [1.0] and statistics.fmean([loss]) == 1.0
        assert np.asarray([loss], float).tolist() == [1.0] and bool(loss)
        with engine.no_grad():
            assert math.sin(w * 2.0) == math.sin(1.0)
        exec("import math\nassert math.isnan(x) is False", {"x": loss})
        print(loss, file=io.StringIO())
