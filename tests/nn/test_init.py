"""Initialisers: their distributions at a stated significance, their fans, and their bits.

Each distribution is tested once on 20,000 draws of a fixed seed, by Kolmogorov and Smirnov's test; a right initialiser
would fail one seed in a thousand, and seeds are fixed, so that a failure means a change.
"""

import math
import random

import pytest
from scipy import stats

from nn import INITIALISERS, Layer, Neuron, init

SIGNIFICANCE = 1e-3
DRAWS = 20_000


def drawn(initialiser, inputs=30, outputs=20, seed=0, n=DRAWS):
    rng = random.Random(seed)
    return [initialiser(rng, inputs, outputs) for _ in range(n)]


def uniform(limit):
    return stats.uniform(-limit, 2 * limit)


DISTRIBUTIONS = {
    "uniform": (init.uniform(), uniform(1.0)),
    "uniform from 2 to 5": (init.uniform(2.0, 5.0), stats.uniform(2.0, 3.0)),
    "normal": (init.normal(), stats.norm()),
    "normal about 3": (init.normal(3.0, 0.5), stats.norm(3.0, 0.5)),
    "glorot_uniform": (init.glorot_uniform(), uniform(math.sqrt(6 / 50))),
    "glorot_normal": (init.glorot_normal(), stats.norm(0.0, math.sqrt(2 / 50))),
    "he_uniform": (init.he_uniform(), uniform(math.sqrt(6 / 30))),
    "he_normal": (init.he_normal(), stats.norm(0.0, math.sqrt(2 / 30))),
    "lecun_uniform": (init.lecun_uniform(), uniform(math.sqrt(3 / 30))),
    "lecun_normal": (init.lecun_normal(), stats.norm(0.0, math.sqrt(1 / 30))),
    "he_normal with gain 2": (init.he_normal(2.0), stats.norm(0.0, 2 * math.sqrt(2 / 30))),
    "glorot_uniform with gain 2": (init.glorot_uniform(2.0), uniform(2 * math.sqrt(6 / 50))),
}


def test_every_initialiser_is_tested():
    assert set(INITIALISERS) - {"zeros", "constant"} <= set(DISTRIBUTIONS)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_draws_have_the_distribution(name):
    initialiser, distribution = DISTRIBUTIONS[name]
    assert stats.kstest(drawn(initialiser), distribution.cdf).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_test_would_see_a_scale_that_is_wrong_by_a_tenth(name):
    initialiser, distribution = DISTRIBUTIONS[name]
    middle = distribution.mean()
    wrong = [middle + 1.1 * (x - middle) for x in drawn(initialiser)]
    assert stats.kstest(wrong, distribution.cdf).pvalue < SIGNIFICANCE


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_draws_are_independent_of_the_draw_before(name):
    xs = drawn(DISTRIBUTIONS[name][0], seed=1)
    assert stats.pearsonr(xs[:-1], xs[1:]).pvalue > SIGNIFICANCE
    assert stats.spearmanr([abs(x) for x in xs[:-1]], [abs(x) for x in xs[1:]]).pvalue > SIGNIFICANCE


def test_he_and_lecun_look_at_inputs_only_and_glorot_at_both():
    def size(name, inputs, outputs):
        return max(map(abs, drawn(INITIALISERS[name](), inputs, outputs, n=50)))

    for name in ("he_uniform", "he_normal", "lecun_uniform", "lecun_normal"):
        assert size(name, 30, 20) == size(name, 30, 500)
        assert size(name, 30, 20) == pytest.approx(2 * size(name, 120, 20))
    for name in ("glorot_uniform", "glorot_normal"):
        assert size(name, 30, 20) == size(name, 20, 30) == pytest.approx(2 * size(name, 100, 100))


def test_a_layer_hands_both_its_widths_to_the_initialiser():
    seen = []

    def spy(rng, inputs, outputs):
        seen.append((inputs, outputs))
        return 0.5

    layer = Layer(3, 2, init=spy, seed=0)
    assert seen == [(3, 2)] * 6
    assert [w.data for n in layer.neurons for w in n.w] == [0.5] * 6
    assert [n.b.data for n in layer.neurons] == [0.0, 0.0]


def test_relu_starts_with_he_and_others_with_glorot():
    def weights(**kw):
        return [w.data for w in Neuron(5, seed=2, nout=3, **kw).w]

    assert weights(activation="relu") == weights(activation="relu", init="he_uniform")
    assert weights(activation="tanh") == weights(activation="tanh", init="glorot_uniform")
    assert weights(nonlin=False) == weights(nonlin=False, init=init.glorot_uniform())
    assert weights(init=init.he_normal) == weights(init="he_normal") == weights(init=init.he_normal())


def test_constants_are_constant():
    assert set(drawn(init.zeros(), n=10)) == {0.0}
    assert set(drawn(init.constant(0.5), n=10)) == {0.5}


def test_the_bits_of_a_seed_are_fixed_for_ever():
    # random.Random(0) begins with 0.8444218515250481, 0.7579544029403025 on every Python.
    first, second = 0.8444218515250481, 0.7579544029403025
    assert drawn(init.uniform(), n=2) == [2.0 * first - 1.0, 2.0 * second - 1.0]
    assert drawn(init.normal(), n=1) == [math.sqrt(-2.0 * math.log(1.0 - first)) * math.cos(2.0 * math.pi * second)]
    assert [w.data.hex() for w in Neuron(2, seed=0).w] == [w.data.hex() for w in Neuron(2, rng=random.Random(0)).w]


def test_normal_draws_use_no_state_but_the_generators():
    rng = random.Random(3)
    a = [init.normal()(rng, 1, 1) for _ in range(3)]
    rng = random.Random(3)
    first = init.normal()(rng, 1, 1)
    state = rng.getstate()
    rest = [init.normal()(rng, 1, 1) for _ in range(2)]
    rng.setstate(state)
    assert [first, *rest] == a == [first, *[init.normal()(rng, 1, 1) for _ in range(2)]]


def test_the_extreme_draws_of_a_generator_give_finite_weights():
    class Fixed:
        def __init__(self, x):
            self.x = x

        def random(self):
            return self.x

    for x in (0.0, 1.0 - 2.0**-53):
        for make in INITIALISERS.values():
            if make is not init.constant:
                assert math.isfinite(make()(Fixed(x), 3, 4))


BAD = {
    "low above high": (lambda: init.uniform(1.0, -1.0), ValueError, "uniform takes low up to high, got 1.0 and -1.0"),
    "infinite low": (
        lambda: init.uniform(-math.inf, 1.0),
        ValueError,
        "uniform takes a finite number as low, got -inf",
    ),
    "a std below 0": (lambda: init.normal(0.0, -1.0), ValueError, "normal takes a std from 0, got -1.0"),
    "text as mean": (lambda: init.normal("0"), TypeError, "normal takes a finite number as mean, got '0'"),
    "nan": (lambda: init.constant(math.nan), ValueError, "constant takes a finite number as value, got nan"),
    "a gain of 0": (lambda: init.he_normal(0.0), ValueError, "he_normal takes a positive number as gain, got 0.0"),
    "None": (lambda: init.glorot_uniform(None), TypeError, "glorot_uniform takes a positive number as gain, got None"),
    "constant without its number": (lambda: Neuron(1, init=init.constant), TypeError, "write constant(0.5)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_the_users_terms(case):
    act, error, says = BAD[case]
    with pytest.raises(error) as caught:
        act()
    assert says in str(caught.value)
