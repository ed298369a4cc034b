"""The edges of the rows, cell by cell: value, first and second derivative, in every mode.

Infinities, nan, integers and 0.5 compare exactly, other numbers within 4 ulps of the 50-digit value of the derivative;
the sign of a zero only where the table writes it. ANY is not promised.
"""

import math
from collections import namedtuple

import mpmath
import pytest
from strategies import INF, NAN, forward_sweep

import engine
from engine import (
    Value,
    abs,
    arccosh,
    arcsin,
    arctan2,
    arctanh,
    cbrt,
    clip,
    exp,
    exp10,
    fma,
    gradients,
    hypot,
    log,
    log1mexp,
    log1p,
    logaddexp,
    logexpm1,
    logsubexp,
    maximum,
    minimum,
    reciprocal,
    relu,
    rsqrt,
    sigmoid,
    softplus,
    sqrt,
    step,
    tanh,
    where,
    xlog1py,
    xlogy,
)
from engine.transforms.forward import derivative, hvp, jvp

ANY = object()
mp = mpmath.mp.clone()
mp.dps = 50
sech2_20, sigmoid_m40 = mp.sech(20) ** 2, 1 / (1 + mp.exp(40))

Case = namedtuple("Case", "name f at value firsts second")


def one(name, f, at, value, first, second):
    """A function of one argument at one or several points."""
    return [Case(f"{name} at {x}", f, (x,), value, (first,), second) for x in (at if isinstance(at, list) else [at])]


def two(name, f, at, value, firsts, second):
    return [Case(f"{name} at {at}", f, at, value, firsts, second)]


def quotient(x, y):
    return x / y


def raised(x, y):
    return x**y


CASES = [
    *one("x**0", lambda x: x**0, 0.0, 1, 0, 0),
    *one("x**0.0", lambda x: x**0.0, 0.0, 1, 0, 0),
    *one("x**0", lambda x: x**0, [1e-310, -2.0, 1e300], 1, 0, 0),
    *one("x**2", lambda x: x**2, 0.0, 0, 0, 2),
    *one("x**2", lambda x: x**2, 1e200, INF, 2e200, 2),
    *one("sqrt", sqrt, 0.0, 0, INF, -INF),
    *one("x**0.5", lambda x: x**0.5, 0.0, 0, INF, -INF),
    *one("sqrt", sqrt, -0.0, "-0.0", -INF, ANY),
    *one("1/x", lambda x: 1 / x, 0.0, INF, -INF, INF),
    *one("1/x", lambda x: 1 / x, -0.0, -INF, -INF, -INF),
    *one("reciprocal", reciprocal, 0.0, INF, -INF, INF),
    *one("reciprocal", reciprocal, -0.0, -INF, -INF, -INF),
    *one("x**-1", lambda x: x**-1, 0.0, INF, -INF, INF),
    *one("x**-1", lambda x: x**-1, -0.0, -INF, -INF, -INF),
    *one("sqrt", sqrt, -1.0, NAN, NAN, NAN),
    *one("x**0.5", lambda x: x**0.5, -1.0, NAN, NAN, NAN),
    *two("x**y", raised, (0.0, 0.0), 1, (0, 0), 0),
    *two("x**y", raised, (0.0, 1.0), 0, (1, 0), 0),
    *two("x**y", raised, (0.0, 2.0), 0, (0, 0), 2),
    *two("x**y", raised, (0.0, -1.0), INF, (-INF, -INF), INF),
    *two("x**y", raised, (-2.0, 2.0), 4, (-4, NAN), 2),
    *one("x**2", lambda x: x**2, -2.0, 4, -4, 2),
    *two("x/y", quotient, (1.0, 0.0), INF, (INF, -INF), 0),
    *two("x/y", quotient, (0.0, 0.0), NAN, (INF, NAN), 0),
    *one("log", log, 0.0, -INF, INF, -INF),
    *one("log", log, -1.0, NAN, -1, -1),
    *one("log1p", log1p, -1.0, -INF, INF, -INF),
    *one("exp", exp, 1000.0, INF, INF, INF),
    *one("exp", exp, -1000.0, 0, 0, 0),
    *one("tanh", tanh, 20.0, 1, sech2_20, -2 * mp.tanh(20) * sech2_20),
    *one("tanh", tanh, 1000.0, 1, 0, 0),
    *one("sigmoid", sigmoid, -1000.0, 0, 0, 0),
    *one("sigmoid", sigmoid, 40.0, 1, sigmoid_m40 * (1 - sigmoid_m40), -sigmoid_m40 * (1 - sigmoid_m40) * mp.tanh(20)),
    *one("softplus", softplus, 1000.0, 1000, 1, 0),
    *one("softplus", softplus, -1000.0, 0, 0, 0),
    *one("relu", relu, [0.0, -0.0], 0, 0, 0),
    *one("relu", relu, NAN, NAN, NAN, ANY),
    *one("step", step, NAN, NAN, 0, 0),
    *one("abs", abs, [0.0, -0.0], 0, 0, 0),
    *two("maximum", maximum, (3.0, 3.0), 3, (0.5, 0.5), 0),
    *two("maximum", maximum, (INF, INF), INF, (0.5, 0.5), 0),
    *two("minimum", minimum, (3.0, 3.0), 3, (0.5, 0.5), 0),
    *one("maximum(x, x)", lambda x: maximum(x, x), [3.0, INF], ANY, 1, 0),
    *two("maximum", maximum, (NAN, 1.0), NAN, (NAN, NAN), ANY),
    *two("maximum", maximum, (1.0, NAN), NAN, (NAN, NAN), ANY),
    *two("minimum", minimum, (1.0, NAN), NAN, (NAN, NAN), ANY),
    *two("clip", clip, (-1.0, -1.0, 2.0), -1, (1, 0, 0), 0),
    *two("clip", clip, (2.0, -1.0, 2.0), 2, (1, 0, 0), 0),
    *two("clip", clip, (-3.0, -1.0, 2.0), -1, (0, 1, 0), 0),
    *two("clip", clip, (5.0, -1.0, 2.0), 2, (0, 0, 1), 0),
    # Low above high: high, as NumPy, PyTorch and JAX have it.
    *[c for x in (0.5, -1.0, 2.0, 0.0, 1.0) for c in two("clip", clip, (x, 1.0, 0.0), 0, (0, 0, 1), 0)],
    *two("hypot", hypot, (0.0, 0.0), 0, (0, 0), ANY),
    *two("arctan2", arctan2, (0.0, 0.0), 0, (NAN, NAN), ANY),
    *two("arctan2", arctan2, (1e200, 1e200), mp.pi / 4, (mp.mpf("5e-201"), -mp.mpf("5e-201")), ANY),
    *two("arctan2", arctan2, (1e-200, 1e-200), mp.pi / 4, (mp.mpf("5e199"), -mp.mpf("5e199")), ANY),
    *one("arcsin", arcsin, 1.0, mp.pi / 2, INF, ANY),
    *one("arccosh", arccosh, 1.0, 0, INF, ANY),
    *one("arctanh", arctanh, 1.0, INF, INF, ANY),
    *one("cbrt", cbrt, 0.0, 0, INF, ANY),
    *two("logaddexp", logaddexp, (INF, 0.0), INF, (1, 0), ANY),
    *two("logaddexp", logaddexp, (-INF, -INF), -INF, (NAN, NAN), ANY),
    *two("logsubexp", logsubexp, (INF, 0.0), INF, (1, 0), ANY),
    *two("logsubexp", logsubexp, (0.0, -INF), 0, (1, 0), ANY),
    *two("logsubexp", logsubexp, (2.0, 2.0), -INF, (-INF, -INF), ANY),
    *two("logsubexp", logsubexp, (-INF, -INF), -INF, (NAN, NAN), ANY),
    *one("log1mexp", log1mexp, 0.0, -INF, INF, -INF),
    *one("log1mexp", log1mexp, [800.0, INF], 0, 0, 0),
    *one("log1mexp", log1mexp, -1.0, NAN, ANY, ANY),
    *one("logexpm1", logexpm1, 0.0, -INF, INF, ANY),
    *one("logexpm1", logexpm1, 1e300, 1e300, 1, 0),
    *two("xlogy", xlogy, (0.0, 0.0), 0, (-INF, 0), 0),
    *two("xlogy", xlogy, (0.0, 2.0), 0, (mp.log(2), 0), 0),
    *two("xlogy", xlogy, (0.0, -1.0), 0, (NAN, 0), 0),
    *two("xlogy", xlogy, (0.0, NAN), NAN, (NAN, NAN), ANY),
    *two("xlog1py", xlog1py, (0.0, -1.0), 0, (-INF, 0), 0),
    *one("rsqrt", rsqrt, 0.0, INF, -INF, INF),
    *one("rsqrt", rsqrt, -1.0, NAN, NAN, NAN),
    *one("round", engine.round, [-0.25, -0.5], "-0.0", 0, 0),
    *one("round", engine.round, [1.5, 2.5], 2, 0, 0),
    *one("erfinv", engine.erfinv, 1.0, INF, INF, INF),
    *one("erfinv", engine.erfinv, -1.0, -INF, INF, -INF),
    *one("erfinv", engine.erfinv, 0.0, 0, 0.8862269254527580, 0),
    *one("erfinv", engine.erfinv, 1.5, NAN, NAN, NAN),
    *one("erfcinv", engine.erfcinv, 0.0, INF, -INF, INF),
    *one("erfcinv", engine.erfcinv, 2.0, -INF, -INF, -INF),
    *one("erfcinv", engine.erfcinv, 1.0, 0, -0.8862269254527580, 0),
    *one("erfcinv", engine.erfcinv, -0.5, NAN, NAN, NAN),
    *one("erfcx", engine.erfcx, 0.0, 1, -1.1283791670955126, 2),
    *one("erfcx", engine.erfcx, -30.0, INF, -INF, INF),
    *one("erfcx", engine.erfcx, INF, 0, 0, 0),
    *one("gamma", engine.gamma, 0.0, INF, -INF, ANY),
    *one("gamma", engine.gamma, -1.0, NAN, NAN, NAN),
    *one("lgamma", engine.lgamma, 0.0, INF, -INF, INF),
    *one("digamma", engine.digamma, 0.0, -INF, INF, -INF),
    *one("trigamma", engine.trigamma, [INF], 0, 0, 0),
    *two("fma", fma, (1e300, 1e300, -INF), -INF, (1e300, 1e300, 1), 0),
    *two("fma", fma, (1e200, 1e200, -1e300), INF, (1e200, 1e200, 1), 0),
    *two("fma", fma, (1.0 + 2.0**-30, 1.0 - 2.0**-30, -1.0), -(2.0**-60), (1.0 - 2.0**-30, 1.0 + 2.0**-30, 1), 0),
    *one("exp10", exp10, [400.0, INF], INF, INF, INF),
    *one("where(x > 0, sqrt x, 0)", lambda x: where(x > 0, sqrt(x), 0.0), 0.0, 0, 0, 0),
    *one("where(x > 0, x*log x, 0)", lambda x: where(x > 0, x * log(x), 0.0), 0.0, 0, 0, 0),
    *one("where(x > 0, x/x, 0)", lambda x: where(x > 0, x / x, 0.0), 0.0, 0, 0, 0),
    *one("relu(1/x) at -inf", lambda x: relu(1 / x), -0.0, 0, 0, 0),
    *one("where(x > 1, x*x, sqrt(-x)) at a nan", lambda x: where(x > 1, x * x, sqrt(-x)), 2.0, 4, 4, 2),
    *one("a constant", lambda x: 7.0, 2.0, 7, 0, 0),
]


def holds(got, want):
    if want is ANY:
        return True
    if want == "-0.0":
        return got == 0.0 and math.copysign(1.0, got) < 0.0
    if isinstance(want, mp.mpf):
        return math.isfinite(got) and mp.fabs(mp.mpf(got) - want) <= 4 * math.ulp(float(want))
    if want != want:
        return got != got
    if isinstance(want, float) and want not in (0.5, INF, -INF):
        return math.fabs(got - want) <= 4 * math.ulp(want)
    return got == want


def run(case):
    xs = [Value(x) for x in case.at]
    y = case.f(*xs)
    return xs, y if isinstance(y, Value) else Value(y)


def slice_of(case, i):
    """The function of argument i alone: forward mode multiplies a tangent 0 of another by its partial, as IEEE does."""
    return lambda x: case.f(*case.at[:i], x, *case.at[i + 1 :])


def cell(case):
    """Every way to the value and to the derivatives: (what, got, want)."""
    xs, y = run(case)
    yield "value", y.data, case.value
    y.backward()
    firsts = gradients(y, xs)
    for i, (x, g, want) in enumerate(zip(xs, firsts, case.firsts)):
        yield f"backward {i}", x.grad, want
        yield f"gradients {i}", g.data, want
        yield f"forward {i}", forward_sweep(y, [x], [1.0]), want
        yield f"jvp {i}", float(jvp(slice_of(case, i), (case.at[i],), (1.0,))[1]), want
    (second,) = gradients(firsts[0], xs[:1])
    yield "gradients of gradients", second.data, case.second
    yield "forward over reverse", forward_sweep(firsts[0], xs[:1], [1.0]), case.second
    xs[0].zero_grad()
    firsts[0].backward()
    yield "backward of gradients", xs[0].grad, case.second
    along = slice_of(case, 0)
    yield "hvp", hvp(along, case.at[:1], (1.0,)), case.second
    yield "jvp of jvp", float(jvp(lambda x: jvp(along, (x,), (1.0,))[1], case.at[:1], (1.0,))[1]), case.second


def hold(case):
    wrong = [f"{what}: {got!r}, not {want}" for what, got, want in cell(case) if not holds(got, want)]
    assert not wrong, f"{case.name}: {'; '.join(wrong)}"


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_edge_holds_in_every_mode(case):
    hold(case)


def test_condition_of_where_has_no_derivative():
    c, a, b = Value(1.0), Value(2.0), Value(3.0)
    y = where(c, a, b)
    y.backward()
    assert (c.grad, a.grad, b.grad) == (0.0, 1.0, 0.0)


def test_the_first_power_partial_can_be_differentiated_in_a_zero_exponent():
    x, n = Value(2.0), Value(0.0)
    (slope,) = gradients(x**n, [x])
    assert gradients(slope, [n])[0].data == 0.5
    (slope,) = gradients(x**n, [n])
    assert gradients(slope, [x])[0].data == 0.5


@pytest.mark.parametrize("in_x, exponent", [(1, 0.0), (2, 0.0), (2, 1.0), (3, 2.0)])
@pytest.mark.parametrize("in_n", [1, 2, 3])
def test_partials_of_power_where_an_exponent_becomes_0_can_be_differentiated_in_it_again(in_x, in_n, exponent):
    with mpmath.workdps(60):
        want = float(mpmath.diff(lambda x, n: x**n, (0.75, exponent), (in_x, in_n)))
    x, n = Value(0.75), Value(exponent)
    y = x**n
    for v in [x] * in_x + [n] * in_n:
        (y,) = gradients(y, [v])
    assert y.data == pytest.approx(want, rel=1e-12)
    in_a_transform = derivative(lambda n: derivative(lambda x: x**n, in_x)(0.75), in_n)(exponent)
    assert in_a_transform == pytest.approx(want, rel=1e-12)
