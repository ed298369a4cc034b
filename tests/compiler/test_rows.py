"""Every row of the table, compiled: values, first and second derivatives at ordinary points and edges."""

import itertools
import math

import numpy as np
import pytest
from strategies import applied, operand_count

import engine
from engine import TABLE, Value, gradients, jit
from engine.compiler.llvm import lowering

NUMBERS = [-math.inf, -1e308, -1000.0, -20.0, -2.0, -1.0, -0.5, -1e-300, -0.0, 0.0, 1e-300, 0.3, 0.5, 1.0, 2.0, 3.0]
NUMBERS += [19.0, 40.0, 709.5, 1000.0, 1e200, math.inf, math.nan]
FEW = [-math.inf, -2.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 40.0, 1e200, math.inf, math.nan]
BUILT_IN = sorted(TABLE)
# + - * / and sqrt, and rows made of nothing else or of comparisons: the bits of eager mode.
EXACT = {"add", "sub", "mul", "div", "neg", "abs", "square", "reciprocal", "sqrt", "identity", "maximum", "minimum"}
EXACT |= {"clip", "relu", "leaky_relu", "where", "edge", "less", "less_equal", "greater", "greater_equal", "equal"}
EXACT |= {"not_equal", "step", "above", "inside", "sign", "floor", "ceil", "deg2rad", "rad2deg", "dot", "total", "mean"}
EXACT |= {
    "trunc",
    "round",
    "fma",
    "rsqrt",
    "remainder",
    "fmod",
    "ieee_remainder",
    "floor_divide",
    "copysign",
    "nan_to_num",
    "isfinite",
    "gap",
    "held",
    "share",
    "sole",
    "top",
}


def points(row):
    n = operand_count(row)
    choices = NUMBERS if n == 1 else FEW if n == 2 else FEW[1::3] if n == 3 else [-0.5, 0.0, 3.0, math.inf]
    return list(itertools.product(choices, repeat=n))[:700]


def to_second_order(row):
    """Value, gradient and second derivatives, as a flat list of Values."""

    def f(*xs):
        y = applied(row, xs)
        first = gradients(y, xs)
        return [y, *first, *[h for g in first for h in gradients(g, xs)]]

    return f


def apart(a, b, eps):
    """The distance in units of eps, relative; infinite where one is nan or infinite and the other not."""
    if math.isnan(a) or math.isnan(b):
        return 0.0 if math.isnan(a) == math.isnan(b) else math.inf
    if math.isinf(a) or math.isinf(b) or a == b:
        return 0.0 if a == b else math.inf
    return abs(a - b) / max(abs(a), abs(b), 1e-290 if eps < 1e-10 else 1e-30) / eps


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_row_and_its_derivatives_agree_with_eager_mode(name):
    row = TABLE[name]
    f = to_second_order(row)
    exactly, contracted = jit(f, contract=False), jit(f)
    value_bound = 0.0 if name in EXACT else 8.0
    for point in points(row):
        want = [v.data for v in f(*[Value(x) for x in point])]
        got = exactly(*point)
        assert apart(want[0], got[0], 2.0**-53) <= value_bound, (point, want[0], got[0])
        if name in EXACT:
            assert repr(want[0]) == repr(got[0]) or want[0] == got[0] == 0.0, point
        derivatives = list(zip(want[1:], got[1:]))
        largest = max([abs(x) for x, _ in derivatives if math.isfinite(x)], default=0.0)
        for w, g in derivatives:  # cancellation magnifies the last digit of hypot and its kind
            close = abs(w - g) <= 2.0**-44 * largest if math.isfinite(w) and math.isfinite(g) else False
            assert close or apart(w, g, 2.0**-53) <= 64.0, (point, w, g)
        for w, g in zip(want, contracted(*point)):
            if math.isfinite(w) and max(map(abs, point)) < 1e100:
                assert apart(w, g, 2.0**-53) <= 128.0 or abs(w - g) <= 2.0**-40 * largest, (point, w, g)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_row_in_float32_is_right_to_float32(name):
    row = TABLE[name]
    f = jit(lambda *xs: applied(row, xs), dtype="float32")
    for point in points(row)[::5]:
        rounded = [
            float(np.float32(x)) if abs(x) < 1e38 else math.copysign(math.inf, x) if x == x else x for x in point
        ]
        with np.errstate(over="ignore"):
            want = float(np.float32(applied(row, rounded)))
        if name == "nan_to_num" and math.isinf(want):
            want = math.copysign(float(np.finfo(np.float32).max), want)
        if any(0.0 < abs(x) < 1e-30 or 1e30 < abs(x) < math.inf for x in [*rounded, want]):
            continue  # where float32 overflows or loses digits inside
        assert apart(want, f(*rounded), 2.0**-24) <= 16.0 or abs(want - f(*rounded)) < 1e-6, point


def test_a_row_added_by_a_user_is_compiled_from_its_forward():
    cube = engine.op("cube_for_jit", lambda x: x * x * x, lambda x, y: 3.0 * x**2)
    try:
        f = jit(engine.value_and_grad(cube))
        assert f(2.0) == (8.0, 12.0)
        both = engine.op("half_wave", lambda x: engine.maximum(x, 0.0) * engine.sin(x), lambda x, y: engine.cos(x))
        assert jit(both)(1.0) == pytest.approx(math.sin(1.0), abs=1e-15)
    finally:
        for name in ("cube_for_jit", "half_wave"):
            TABLE.pop(name, None)
            delattr(Value, name)


def test_a_row_whose_forward_branches_is_refused_in_the_users_terms():
    hard = engine.op("hard_for_jit", lambda x: x if x > 0 else 0.1 * x, lambda x, y: 1.0)
    sine = engine.op("sine_for_jit", lambda x: math.sin(x), lambda x, y: engine.cos(x))
    try:
        with pytest.raises(TypeError, match="hard_for_jit.*branches"):
            jit(hard)(1.0)
        with pytest.raises(TypeError, match="sine_for_jit.*function of floats"):
            jit(sine)(1.0)
    finally:
        for name in ("hard_for_jit", "sine_for_jit"):
            TABLE.pop(name)
            delattr(Value, name)


def test_a_wrong_lowering_is_caught(monkeypatch):
    monkeypatch.setitem(lowering.FORMULAS, "step", lambda k, x: k.flag(k.compare(">=", x, 0.0)))
    with pytest.raises(AssertionError):
        test_a_row_and_its_derivatives_agree_with_eager_mode("step")
    monkeypatch.setitem(lowering.FORMULAS, "softplus", lambda k, x: k.apply("log", 1.0 + k.apply("exp", x)))
    with pytest.raises(AssertionError):
        test_a_row_and_its_derivatives_agree_with_eager_mode("softplus")
