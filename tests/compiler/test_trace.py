"""What a trace holds: live instructions, shared and folded, and never one side of a branch."""

import inspect
import math
import re

import numpy as np
import pytest

import engine
from engine import Value, grad, jit, no_grad, relu, sin, where
from engine.compiler.front import trace
from engine.compiler.front.recorder import Recorder, TraceError
from engine.compiler.front.transcription import transcribed
from engine.compiler.loops.folding import folded


def traced(f, *args):
    """The instructions of f, as (op, operands) with operands spelled out."""
    recorder = Recorder()
    xs = [recorder.parameter(x, i) for i, x in enumerate(args)]
    record = transcribed(recorder, [("output", recorder.run(lambda: f(*xs)), 0)])
    record = folded(record, set()) or record  # as outside loops
    names = {1: "p", 0: "v"}

    def name(a):
        return record.constants[a >> 3] if a & 7 == 3 else f"{names[a & 7]}{a >> 3}"

    return [(op, *map(name, operands)) for op, operands, _ in record.code]


def test_dead_code_is_dropped():
    def f(x):
        sin(x)
        return x * x

    assert traced(f, 2.0) == [("mul", "p0", "p0"), ("output", "v0")]


def test_equal_terms_are_shared_and_products_commute():
    assert traced(lambda x, y: x * y + y * x, 2.0, 3.0) == [
        ("mul", "p0", "p1"),
        ("add", "v0", "v0"),
        ("output", "v1"),
    ]


def test_constants_fold_and_keep_the_sign_of_zero():
    def f(x):
        return (Value(2.0) * 3.0 + 1.0) * x + Value(0.0) * -1.0

    assert traced(f, 5.0)[0] == ("mul", 7.0, "p0")
    kept = traced(f, 5.0)
    assert kept == [("mul", 7.0, "p0"), ("output", "v0")]  # + -0.0 is no change


@pytest.mark.parametrize(
    ("f", "same"),
    [
        (lambda x: x * 1.0, True),
        (lambda x: 1.0 * x, True),
        (lambda x: x + -0.0, True),
        (lambda x: x - 0.0, True),
        (lambda x: x / 1.0, True),
        (lambda x: engine.neg(engine.neg(x)), True),
        (lambda x: x**1, True),
        (lambda x: x + 0.0, False),  # -0.0 + 0.0 is 0.0
        (lambda x: x * 0.0, False),  # nan, infinities and signs
        (lambda x: x - x, False),
        (lambda x: 0.0 - x, False),
    ],
)
def test_only_identities_that_hold_for_every_number_are_applied(f, same):
    last = traced(f, 3.0)[-1]
    assert (last == ("output", "p0")) == same
    compiled = jit(f)
    for x in (0.0, -0.0, 1.5, math.inf, -math.inf, math.nan):
        assert repr(compiled(x)) == repr(f(Value(x)).data)


@pytest.mark.parametrize(
    ("f", "how"),
    [
        (lambda x: x if x > 0 else -x, "bool()"),
        (lambda x: float(x), "float()"),
        (lambda x: int(x), "int()"),
        (lambda x: x.data, ".data"),
        (lambda x: math.exp(x), "float()"),
        (lambda x: round(x * 2.0), "round()"),
        (lambda x: f"{x:.2f}", "format()"),
        (lambda x: max(x, 2.0), "bool()"),
        (lambda x: (x * x).backward(), "backward()"),
        (lambda x: grad(lambda z: z * z if z > 1 else z)(x), "bool()"),
    ],
)
def test_asking_a_traced_value_for_its_number_names_the_line(f, how):
    with pytest.raises(TraceError) as caught:
        jit(f)(1.5)
    line = inspect.getsourcelines(f)[1]
    assert how in str(caught.value)
    assert f"{__file__}:{line}" in str(caught.value)


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda x: [x for _ in range(x)], (3.0,)),
        (lambda xs, i: [x * 2.0 for x in xs][i], ([1.0, 2.0], 1)),
        (lambda xs, i: np.array([x * 2.0 for x in xs.tolist()], object)[i], (np.arange(3.0), 1)),
        (lambda xs, i: xs[1:i], ([1.0, 2.0], 1)),
        (lambda x: {1.0: x}[x], (1.0,)),
    ],
)
def test_a_traced_value_in_the_place_of_a_whole_number_names_the_line_and_the_remedy(f, args):
    with pytest.raises(TraceError, match="static_argnames") as caught:
        jit(f)(*args)
    assert f"{__file__}:{inspect.getsourcelines(f)[1]}" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_other_mistakes_stay_what_they_are():
    with pytest.raises(TypeError, match="'str' object cannot be interpreted as an integer"):
        jit(lambda x: [x for _ in range("3")])(1.0)
    with pytest.raises(KeyError, match="b"):
        jit(lambda p: p["b"])({"a": 1.0})
    with pytest.raises(IndexError, match="out of range"):
        jit(lambda xs: xs[5])([1.0])


@pytest.mark.parametrize(
    ("f", "remedy"),
    [
        (lambda x: math.exp(x), "engine.exp for math.exp"),
        (lambda x: np.array([x, x], dtype=float), "engine's functions in place of math's"),
        (lambda x: x * int(x), "engine.floor"),
        (lambda x: f"{x:.1f}", "print it outside"),
        (lambda x: x.data * 2.0, "the Value itself"),
    ],
)
def test_each_mistake_has_its_own_remedy(f, remedy):
    with pytest.raises(TraceError, match=remedy):
        jit(f)(1.5)


def test_functions_of_numpy_on_lists_and_arrays_are_traced():
    assert jit(lambda x: np.exp([x, x]))(0.5).tolist() == [math.exp(0.5)] * 2
    assert jit(lambda x: np.sum(np.array([x, 2.0 * x]) ** 2))(1.5) == 11.25


def test_the_error_names_the_remedy():
    with pytest.raises(TypeError, match="engine.where, maximum"):
        jit(lambda x: 1.0 if x > 0 else 2.0)(1.0)
    with pytest.raises(TypeError, match="value_and_grad"):
        jit(lambda x: (x * x).backward())(1.0)


def test_a_branch_on_constants_is_no_branch():
    def f(x):
        a = Value(3.0)
        return x * a if a > 2.0 else x

    assert jit(f)(2.0) == 6.0


def test_where_takes_both_sides():
    f = jit(lambda x: where(x > 0.0, x, -2.0 * x))
    assert (f(3.0), f(-3.0)) == (3.0, 6.0)


def test_a_branch_not_taken_contributes_nothing_to_the_gradient():
    f = jit(grad(lambda x: where(x > 0.0, engine.sqrt(x), 0.0)))
    assert f(0.0) == 0.0
    assert f(4.0) == 0.25


def test_no_grad_and_detach_keep_the_value_and_cut_the_gradient():
    def f(x):
        with no_grad():
            y = x * x
        return y * x + x.detach() * x

    g = jit(engine.value_and_grad(f))
    assert g(3.0) == (36.0, 12.0)
    assert g(2.0) == (12.0, 6.0)


def test_a_transform_under_no_grad_is_compiled_and_not_baked_in():
    def f(x):
        with no_grad():
            slope = grad(lambda z: z**3)(x)
        return slope * x

    g = jit(engine.value_and_grad(f))
    assert g(2.0) == (24.0, 12.0)
    assert g(3.0) == (81.0, 27.0)


def test_values_from_outside_are_read_again_at_each_call():
    w = Value(2.0)
    f = jit(lambda x: relu(x * w))
    assert f(3.0) == 6.0
    w.data = 5.0
    assert f(3.0) == 15.0


def test_a_value_computed_outside_is_refused():
    w = Value(2.0) * 3.0
    with pytest.raises(TypeError, match="pass it as an argument"):
        jit(lambda x: x * w)(1.0)


def test_a_failed_trace_leaves_no_context_behind():
    with pytest.raises(TraceError):
        jit(lambda x: float(x))(1.0)
    assert not engine.context.active
    assert float(Value(2.0)) == 2.0


def test_the_gradient_behind_relu_is_one_choice():
    program = jit(grad(lambda x: 3.0 * engine.sin(relu(x)))).lower(1.0).program
    assert "step" not in program
    assert program.count("greater") == program.count("where") == 1


def sums_behind_relus(x, w):
    hidden = [relu(x * w), relu(x + w), relu(w - x)]
    return relu(1.0 - 2.0 * relu(hidden[0] * w + hidden[1] * x + hidden[2]) - hidden[1])


def two_ways(x, w):
    h = relu(x)
    return relu(3.0 - relu(2.0 * h - 1.0) * w - relu(0.75 - h))


def test_conditions_behind_the_same_relu_are_joined_before_it():
    program = jit(grad(two_ways)).lower(0.5, 1.0).program
    joined = re.findall(r"where\((\S+), 1.0, (\S+)\)", program)
    behind = re.findall(r"(\S+) = where\(\S+, \S+, 0.0\)", program)
    assert joined
    assert not {v for pair in joined for v in pair} & set(behind)


EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 1e308, math.inf, -math.inf, math.nan, 5e-324)


@pytest.mark.parametrize(
    "f", [sums_behind_relus, two_ways, lambda x, w: relu(x) * w, lambda x, w: relu(relu(x * w) * x) + x]
)
def test_choices_behind_relu_change_no_bit_at_zeros_infinities_and_nan(f, monkeypatch):
    derivative = grad(f, argnums=[0, 1])
    rewritten = jit(derivative, contract=False)
    rewritten.lower(1.0, 1.0)
    monkeypatch.setattr(trace, "_gated", lambda *args: None)
    monkeypatch.setattr(trace, "_either", lambda *args: None)
    plain = jit(derivative, contract=False)
    assert plain.lower(1.0, 1.0).program != rewritten.lower(1.0, 1.0).program
    for x in EDGES:
        for w in EDGES:
            assert list(map(repr, rewritten(x, w))) == list(map(repr, plain(x, w))), (x, w)
