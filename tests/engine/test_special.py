"""The gamma functions beside flint's, where the laws over rows do not come: next to zeros, below 0, at high orders."""

import math
import pickle
import random

import flint
import pytest
from coefficients import tables

import engine
from engine import Value, derivative, gradients, jit, polygamma, special, vmap


@pytest.fixture(autouse=True)
def precision():
    with flint.ctx.workprec(400):
        yield


def psi(n, x):
    a = flint.arb(x)
    if n == 0:
        return a.digamma()
    if x > 0.0:
        return (-1) ** (n + 1) * math.factorial(n) * flint.arb(n + 1).zeta(a)
    shift = math.ceil(-x) + 1  # by the recurrence
    return (
        (-1) ** (n + 1)
        * math.factorial(n)
        * (sum(((a + k) ** -(n + 1) for k in range(shift)), flint.arb(0)) + flint.arb(n + 1).zeta(a + shift))
    )


EXACT = {
    "gamma": lambda x: flint.arb(x).gamma(),
    "lgamma": lambda x: abs(flint.arb(x).gamma()).log() if x < 0.0 else flint.arb(x).lgamma(),
    "digamma": lambda x: psi(0, x),
    "trigamma": lambda x: psi(1, x),
}


def ulps(got, exact):
    return float(abs(flint.arb(got) - exact)) / math.ulp(float(exact))


def test_the_tables_are_what_their_command_writes():
    for name, numbers in tables().items():
        assert list(getattr(special, name)) == numbers


@pytest.mark.parametrize("name", EXACT)
def test_no_digit_is_lost_next_to_zeros_and_poles(name):
    rng, f = random.Random(name), getattr(engine, name)
    for zero in (1.0, 2.0, special.DIGAMMA_ROOT[0], 0.0, 1e-300):
        for _ in range(60):
            x = zero + 10.0 ** rng.uniform(-17.0, -0.5) * rng.choice([1.0, -1.0])
            exact = EXACT[name](x) if x > 0.0 else None
            if exact is not None and exact != 0 and abs(exact) < 1e308:
                assert ulps(f(x), exact) <= 4.0, x
    assert engine.lgamma(1.0) == engine.lgamma(2.0) == 0.0
    assert [engine.gamma(float(n)) for n in (1, 2, 3, 4, 5)] == [1.0, 1.0, 2.0, 6.0, 24.0]


def test_a_coefficient_that_is_off_by_a_hair_is_caught(monkeypatch):
    for name, table in (("gamma", "GAMMA"), ("lgamma", "LOG_GAMMA"), ("digamma", "DIGAMMA_AT_ROOT")):
        with monkeypatch.context() as planted, pytest.raises(AssertionError):
            *more, last = getattr(special, table)
            planted.setattr(special, table, (*more, last * (1.0 + 2.0**-49)))
            test_no_digit_is_lost_next_to_zeros_and_poles(name)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.usefixtures("outlined")
def test_below_0_the_functions_are_those_of_the_reflection(name):
    rng, f = random.Random(name), getattr(engine, name)
    xs = [-rng.uniform(0.0, 8.0) for _ in range(60)] + [-rng.uniform(8.0, 180.0) for _ in range(40)]
    for x, compiled in zip(xs, jit(vmap(f))(xs)):
        exact = EXACT[name](x)
        size = {"lgamma": abs(engine.lgamma(-x)) + 8.0, "digamma": 8.0}.get(name, 0.0)  # of the terms that cancel
        for got in (f(x), compiled):
            assert float(abs(flint.arb(got) - exact)) <= 16.0 * math.ulp(max(abs(float(exact)), size)), (x, got)


@pytest.mark.parametrize("n", [2, 3, 4, 7, 12, 30, 150, 160])
@pytest.mark.usefixtures("outlined")
def test_polygamma_of_any_order_is_hurwitzs_zeta_function(n):
    rng = random.Random(n)
    xs = [rng.uniform(0.05, 40.0) for _ in range(60)] + [10.0 ** rng.uniform(-8.0, 9.0) for _ in range(20)]
    xs += [10.0 ** rng.uniform(1.0, 2.3) for _ in range(20)]  # up to where the series begins, for high orders, too
    xs += [-rng.uniform(0.1, 6.0) for _ in range(20)] if n < 5 else []
    exact = {x: y for x in xs if 1e-300 < abs(y := psi(n, x)) < 1e300}
    for x, compiled in zip(exact, jit(vmap(lambda x: polygamma(n, x)))(list(exact))):
        for got in (polygamma(n, x), compiled):
            assert ulps(got, exact[x]) <= 8.0 + n * (4.0 if x < 0.0 else 1.0), (x, got)


def test_polygamma_is_its_own_derivative_of_the_next_order():
    for n in range(5):
        assert derivative(engine.digamma, n)(0.7) == polygamma(n, 0.7)
        x = Value(0.7)
        assert gradients(polygamma(n, x), [x])[0].data == polygamma(n + 1, 0.7)
    assert ulps(derivative(lambda x: polygamma(160, x))(130.0), psi(161, 130.0)) <= 170.0
    assert polygamma(0, Value(2.0)).op is engine.digamma and polygamma(1, Value(2.0)).op is engine.trigamma
    node = polygamma(3, Value(2.0))
    slope = gradients(engine.erfinv(x), [x])[0]
    assert pickle.loads(pickle.dumps(slope)).op is slope.op
    assert pickle.loads(pickle.dumps(node)).op is node.op


@pytest.mark.parametrize("x", [0.0, -0.0, -1.0, -2.0, math.inf, -math.inf, math.nan])
def test_ends_and_poles_are_the_same_compiled(x):
    for f in (*[getattr(engine, name) for name in EXACT], lambda x: polygamma(2, x), lambda x: polygamma(3, x)):
        assert repr(jit(f)(x)) == repr(f(x))


def test_ends_and_poles_are_scipys():
    inf, nan = math.inf, math.nan
    xs = [0.0, -0.0, -1.0, inf, -inf, nan]
    assert repr([engine.gamma(x) for x in xs]) == repr([inf, -inf, nan, inf, nan, nan])
    assert repr([engine.lgamma(x) for x in xs]) == repr([inf, inf, inf, inf, inf, nan])
    assert repr([engine.digamma(x) for x in xs]) == repr([-inf, inf, nan, inf, nan, nan])
    assert repr([engine.trigamma(x) for x in xs]) == repr([inf, inf, inf, 0.0, nan, nan])
    assert engine.gamma(171.6) < inf and engine.gamma(171.7) == inf and engine.gamma(-200.5) == 0.0


@pytest.mark.parametrize("n", [-1, 161, 2.0, True, Value(2.0), "2"])
def test_the_order_is_a_whole_number_that_is_given_beforehand(n):
    with pytest.raises((TypeError, ValueError), match="polygamma takes a whole number from 0 to 160 as n, got"):
        polygamma(n, 1.5)
    with pytest.raises(TypeError, match="polygamma takes a whole number"):
        jit(polygamma)(2, 1.5)
    assert jit(polygamma, static_argnames=("n",))(2, 1.5) == pytest.approx(polygamma(2, 1.5), rel=1e-14)


@pytest.mark.usefixtures("outlined")
def test_inverses_of_the_error_functions_keep_their_digits_to_the_ends():
    rng = random.Random(0)
    root_pi = flint.arb.pi().sqrt()
    cases = [
        (
            engine.erfinv,
            flint.arb.erfinv,
            1,
            [rng.choice([-1, 1]) * (1.0 - 10.0 ** rng.uniform(-15, 0)) for _ in range(60)],
        )
    ]
    tiny = [10.0 ** rng.uniform(-320, 0) for _ in range(60)] + [2.0 - 10.0 ** rng.uniform(-15, 0) for _ in range(20)]
    cases.append((engine.erfcinv, flint.arb.erfcinv, -1, tiny))
    for f, exact, sign, xs in cases:
        with flint.ctx.workprec(3000):
            ys = [exact(flint.arb(x)) for x in xs]
            slopes = [sign * (y * y).exp() * root_pi / 2 for y in ys]
        compiled = jit(vmap(engine.value_and_grad(f)))(xs)
        for x, y, slope, value, gradient in zip(xs, ys, slopes, *compiled):
            assert ulps(f(x), y) <= 4.0 and ulps(value, y) <= 4.0, x
            if abs(slope) < 1e307:
                assert ulps(engine.grad(f)(x), slope) <= 4.0 and ulps(gradient, slope) <= 6.0, x


def test_erfcx_neither_overflows_nor_underflows_and_its_slope_does_not_cancel():
    xs = [1e-3, 0.1, 1.0, 5.0, 9.999, 10.001, 25.0, 27.0, 100.0, -0.5, -3.0, -25.5]
    with flint.ctx.workprec(3000):
        ys = [(flint.arb(x) ** 2).exp() * flint.arb(x).erfc() for x in xs]
        slopes = [2 * flint.arb(x) * y - 2 / flint.arb.pi().sqrt() for x, y in zip(xs, ys)]
    for x, y, slope, value, gradient in zip(xs, ys, slopes, *jit(vmap(engine.value_and_grad(engine.erfcx)))(xs)):
        assert ulps(engine.erfcx(x), y) <= 4.0 and ulps(value, y) <= 4.0, x
        assert ulps(engine.grad(engine.erfcx)(x), slope) <= 4.0 and ulps(gradient, slope) <= 6.0, x
    assert engine.erfcx(1e300) == pytest.approx(1e-300 / math.sqrt(math.pi), rel=1e-15)


def test_beta_and_its_logarithm_with_their_gradients():
    for a, b in ((0.5, 0.25), (3.0, 7.5), (40.0, 2.0), (150.0, 90.0)):
        x, y = flint.arb(a), flint.arb(b)
        exact = x.lgamma() + y.lgamma() - (x + y).lgamma()
        assert engine.lbeta(a, b) == pytest.approx(float(exact), rel=1e-13)
        assert engine.beta(a, b) == pytest.approx(float(exact.exp()), rel=1e-12)
        slope = float(x.digamma() - (x + y).digamma())
        assert engine.grad(engine.lbeta)(a, b) == pytest.approx(slope, rel=1e-13)
        assert jit(engine.grad(engine.beta))(a, b) == pytest.approx(slope * float(exact.exp()), rel=1e-12)


def test_a_star_import_leaves_pythons_round_in_its_place():
    names = {}
    exec("from engine import *", names)
    assert "round" not in names and names["ceil"] is engine.ceil
    assert engine.round(2.5) == Value(2.5).round().data == 2.0
