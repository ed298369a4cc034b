"""What a training is easily asked for by mistake, or without being said clearly: the answer is right, or an error says why."""

import random

import pytest

import nn

rng = random.Random(7)
X = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(12)]
LABELS = [int(a > b) for a, b in X]
SUMS = [a - 2 * b for a, b in X]


def fit(model, y=LABELS, loss="binary_cross_entropy", **options):
    options = {"epochs": 3, "batch_size": 4, "seed": 0, "progress": False, **options}
    return nn.fit(model, X, y, loss=loss, **options)


def line(outputs=1):
    return nn.MLP(2, [outputs], seed=0)


# Metrics -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs", [1, 2])
def test_accuracy_takes_a_probability_as_the_class_that_it_makes_more_likely(outputs):
    soft, hard = [[[0.1, 0.9][t]] * outputs for t in LABELS], [[t] * outputs for t in LABELS]
    model = nn.MLP(2, [outputs], init=lambda rng, nin, nout: 0.0, seed=0)
    for neuron in model.layers[0].neurons:
        neuron.w[0].data, neuron.w[1].data = 9.0, -9.0  # says what LABELS say
    barely = {"epochs": 1, "optimizer": nn.SGD(model, lr=1e-9), "metrics": "accuracy"}
    assert fit(model, soft, **barely)["accuracy"] == fit(model, hard, **barely)["accuracy"] == [1.0]
