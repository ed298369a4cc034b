"""The incomplete gamma and beta functions beside flint's, eager and compiled: the contract that their rows state, and their ends."""

import math
import pickle
import random
from functools import cache

import flint
import pytest
import scipy.special
from coefficients import temme

import engine
from engine import Value, betainc, derivative, gammainc, gammaincc, grad, incomplete, jit, special, value_and_grad, vmap
from engine.checks import check_gradients

INF, NAN = math.inf, math.nan
UNIT = 2.0**-53
STEP = flint.arb(2) ** -160


@pytest.fixture(autouse=True)
def precision():
    with flint.ctx.workprec(1400):  # P is 1 - Q, and may be 1e-290
        yield


EXACT = {
    "gammainc": lambda a, x: 1 - x.gamma_upper(a, 1),
    "gammaincc": lambda a, x: x.gamma_upper(a, 1),
    "gamma_density": lambda a, x: ((a - 1) * x.log() - x - a.lgamma()).exp(),
    "betainc": lambda a, b, x: x.beta_lower(a, b, 1),
    "beta_density": lambda a, b, x: (
        (a - 1) * x.log() + (b - 1) * (1 - x).log() + (a + b).lgamma() - a.lgamma() - b.lgamma()
    ).exp(),
}


def row_of(name):
    return engine.untabled.untabled(name, int(name.endswith("density")))


def units(name, numbers, got):
    """How many units a float is off, of those that the row grants, arguments moved as it says; nan where y is no normal float."""
    y = exact(name, numbers, flint.ctx.prec)
    if not 1e-290 < abs(y) < 1e300:
        return 0.0
    granted, moved = row_of(name).rounding
    error = abs(flint.arb(got) - y)
    if not error <= granted * UNIT * abs(y):  # else that is few enough, wherever the arguments are
        error -= moved * UNIT * slack(name, numbers, flint.ctx.prec)
    return float(error / (abs(y) * UNIT)) / granted


@cache
def exact(name, numbers, precision):
    """The value to so many bits."""
    return EXACT[name](*map(flint.arb, numbers))


@cache
def slack(name, numbers, precision):
    """What it moves by where the arguments do, for each relative step of 1."""
    y, xs = exact(name, numbers, precision), [flint.arb(x) for x in numbers]
    moved = (EXACT[name](*xs[:i], x * (1 + STEP), *xs[i + 1 :]) for i, x in enumerate(xs))
    return sum((abs((z - y) / STEP) for z in moved), flint.arb(0))


def points(rng, a):
    xs = [abs(a + rng.gauss(0.0, 3.0) * math.sqrt(a)) for _ in range(12)] + [
        a * 10.0 ** rng.uniform(-1.0, 1.0) for _ in range(6)
    ]
    return [x for x in [*xs, *[10.0 ** rng.uniform(-8.0, 2.9) for _ in range(6)]] if 0.0 < x < 1e8]


def test_the_table_is_what_its_command_writes():
    assert temme() == incomplete.TEMME


@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "gamma_density"])
def test_the_incomplete_gamma_functions_are_flints(name):
    rng = random.Random(name)
    for a in (
        1e-12,
        0.02,
        0.5,
        1.0,
        7.9,
        8.1,
        62.0,
        99.0,
        101.0,
        3000.0,
        1e6,
        *[10.0 ** rng.uniform(-3.0, 4.0) for _ in range(25)],
    ):
        for x in points(rng, a):
            assert units(name, (a, x), row_of(name)(a, x)) <= 1.0, (a, x)


@pytest.mark.parametrize("a", [0.02, 3.5, 101.0, 3000.0])
def test_compiled_they_keep_the_same_contract(a, request):
    if a != 3.5:  # which stays in line
        request.getfixturevalue("outlined")
    xs = points(random.Random(a), a)
    compiled = jit(vmap(lambda x: (*value_and_grad(lambda x: gammainc(a, x))(x), gammaincc(a, x))))
    for x, y, slope, upper in zip(xs, *compiled(xs)):
        assert units("gammainc", (a, x), y) <= 1.0, x
        assert units("gamma_density", (a, x), slope) <= 1.0, x
        assert units("gammaincc", (a, x), upper) <= 1.0, x


def places(rng, a, b):
    mean, width = a / (a + b), math.sqrt(a * b / (a + b + 1.0)) / (a + b)
    xs = [mean + width * rng.gauss(0.0, 3.0) for _ in range(5)] + [rng.random() for _ in range(3)]
    xs += [10.0 ** rng.uniform(-8.0, 0.0) for _ in range(3)] + [1.0 - 10.0 ** rng.uniform(-8.0, 0.0) for _ in range(3)]
    return [x for x in xs if 0.0 < x < 1.0]


def test_the_incomplete_beta_function_is_flints():
    rng = random.Random(0)
    sizes = [(1e-10, 2.0), (0.3, 1e-9), (1e-4, 1e-4), (0.02, 7.0), (1e4, 0.1)]
    sizes += [(10.0 ** rng.uniform(-3.0, 2.0), 10.0 ** rng.uniform(-3.0, 2.0)) for _ in range(40)]
    with flint.ctx.workprec(500):
        for a, b in sizes:
            for x in places(rng, a, b):
                assert units("betainc", (a, b, x), betainc(a, b, x)) <= 1.0, (a, b, x)
                assert units("beta_density", (a, b, x), row_of("beta_density")(a, b, x)) <= 1.0, (a, b, x)


@pytest.mark.parametrize(("a", "b"), [(0.3, 0.02), (0.5, 40.0), (3.0, 7.0), (60.0, 0.7), (70.0, 20.0)])
def test_compiled_it_keeps_the_same_contract(a, b, request):
    if a != 3.0:  # which stays in line
        request.getfixturevalue("outlined")
    xs = places(random.Random(a), a, b)
    with flint.ctx.workprec(500):
        for x, y, slope in zip(xs, *jit(vmap(value_and_grad(lambda x: betainc(a, b, x))))(xs)):
            assert units("betainc", (a, b, x), y) <= 1.0, x
            assert units("beta_density", (a, b, x), slope) <= 1.0, x


@pytest.mark.parametrize(("a", "b"), [(700.0, 1500.0), (1e4, 5.0), (1e6, 1e6), (3.0, 1e6), (2e5, 30.0), (1e5, 0.01)])
def test_large_parameters_are_scipys(a, b):
    rng = random.Random(a)
    for x in places(rng, a, b):
        if (want := float(scipy.special.betainc(a, b, x))) > 1e-280:
            assert betainc(a, b, x) == pytest.approx(want, rel=1e-10), x


@pytest.mark.usefixtures("outlined")
def test_the_ends_of_beta_are_scipys_eager_and_compiled():
    xs = [0.0, -0.0, 1.0, INF, -1.0, 1.5, NAN, 5e-324]
    for a, b, slopes in (
        (0.5, 2.0, [INF, 0.0]),
        (1.0, 3.0, [3.0, 0.0]),
        (20.0, 0.3, [0.0, INF]),
        (9.0, 1.0, [0.0, 9.0]),
    ):
        found = [betainc(a, b, x) for x in xs]
        assert repr(found[:7]) == repr([0.0, 0.0, 1.0, NAN, NAN, NAN, NAN]) and 0.0 <= found[7] < 1e-150
        assert [grad(lambda x, a=a, b=b: betainc(a, b, x))(x) for x in (0.0, 1.0)] == slopes
        compiled = jit(vmap(lambda x, a=a, b=b: betainc(a, b, x)))(xs)
        assert repr(compiled[:7]) == repr(found[:7]) and compiled[7] == pytest.approx(found[7], rel=1e-12)


def test_a_coefficient_that_is_off_by_a_hair_is_caught(monkeypatch):
    *rows, last = incomplete.TEMME
    monkeypatch.setattr(incomplete, "TEMME", (*rows, (*last[:-1], last[-1] * (1.0 + 1e-12))))
    with pytest.raises(AssertionError):
        test_the_incomplete_gamma_functions_are_flints("gammainc")
    *rows, last = special.STIRLING
    monkeypatch.setattr(incomplete, "STIRLING", (*rows, last * (1.0 + 1e-9)))
    with pytest.raises(AssertionError):
        test_the_incomplete_beta_function_is_flints()


@pytest.mark.usefixtures("outlined")
def test_ends_are_scipys_eager_and_compiled():
    xs = [0.0, -0.0, INF, -1.0, -INF, NAN, 5e-324, 1.7e308]
    for a, slope_at_0 in ((0.5, INF), (1.0, 1.0), (200.0, 0.0), (1e308, 0.0)):
        lower, upper = ([f(a, x) for x in xs] for f in (gammainc, gammaincc))
        assert repr(lower[:6]) == repr([0.0, 0.0, 1.0, NAN, NAN, NAN])
        assert repr(upper[:6]) == repr([1.0, 1.0, 0.0, NAN, NAN, NAN])
        assert (lower[7], upper[7]) == (1.0, 0.0)
        assert [grad(lambda x, a=a: gammainc(a, x))(x) for x in (0.0, INF)] == [slope_at_0, 0.0]
        for found, eager in zip(jit(vmap(lambda x, a=a: (gammainc(a, x), gammaincc(a, x))))(xs), (lower, upper)):
            assert repr(found[:6]) == repr(eager[:6]) and found[6:] == pytest.approx(eager[6:], rel=1e-14)


def test_all_orders_in_x_are_differentiated_at_the_end_too():
    assert [derivative(lambda x: gammainc(1.0, x), n)(0.0) for n in range(5)] == [0.0, 1.0, -1.0, 1.0, -1.0]
    assert [derivative(lambda x: gammainc(3.0, x), n)(0.0) for n in range(5)] == [0.0, 0.0, 0.0, 1.0, -3.0]
    for a in (0.3, 2.5, 150.0):
        for x in (0.7 * a, 1.2 * a):
            check_gradients(lambda x, a=a: gammainc(a, x) * x, x, order=2, modes=("reverse", "forward"))
    # I_x(3, 2) = 4x³ - 3x⁴
    for x, wanted in ((0.0, [0.0, 0.0, 0.0, 24.0, -72.0]), (1.0, [1.0, 0.0, -12.0, -48.0, -72.0])):
        assert [derivative(lambda x: betainc(3.0, 2.0, x), n)(x) for n in range(5)] == pytest.approx(wanted, abs=1e-12)
    for a, b in ((0.3, 0.4), (2.5, 1.0), (15.0, 40.0)):
        check_gradients(lambda x, a=a, b=b: betainc(a, b, x) * x, 0.3, order=2, modes=("reverse", "forward"))
    x = Value(0.5)
    y = gammaincc(2.0, x)
    assert pickle.loads(pickle.dumps(y)).op is y.op
    y.backward()
    assert x.grad == pytest.approx(-0.5 * math.exp(-0.5), rel=1e-15)


@pytest.mark.parametrize("a", [0.0, -1.0, NAN, INF, "2", None, Value(2.0), [1.0]])
def test_a_is_a_number_above_0_by_which_nothing_is_differentiated(a):
    for f in (gammainc, gammaincc):
        with pytest.raises((TypeError, ValueError), match=f"{f.__name__} takes a number above 0 as a, got"):
            f(a, 1.5)
    for one, other in ((a, 2.0), (2.0, a)):
        with pytest.raises((TypeError, ValueError), match="betainc takes a number above 0, up to 1e.06, as"):
            betainc(one, other, 0.5)
    with pytest.raises(TypeError, match="differentiated in x alone, so give a float, in jit by static_argnames"):
        grad(gammainc)(2.0, 1.5)
    assert jit(gammainc, static_argnames=("a",))(2.0, 1.5) == pytest.approx(gammainc(2.0, 1.5), rel=1e-15)
    assert jit(vmap(lambda x: gammaincc(2, x)), backend="numpy")([1.5, 3.0]) == [
        gammaincc(2.0, 1.5),
        gammaincc(2.0, 3.0),
    ]
