"""Private training on XLA: batches of any size, filled up to few sizes with what counts for nothing."""

import math
import random

import numpy as np
import pytest

import nn

rng = random.Random(0)
X = [[rng.gauss(0.0, 1.0) for _ in range(3)] for _ in range(24)]
LABELS = [int(x[0] + 0.5 * x[1] > 0.0) for x in X]


@pytest.mark.parametrize(("size", "options"), [(6, {"metrics": "accuracy", "penalty": nn.l2(0.01)}), (1, {})])
def test_private_training_is_that_of_eager_mode(size, options, capsys):
    found = []
    for backend, dtype in (("eager", None), ("xla", "float64")):
        net = nn.Sequential(
            nn.Layer(3, 4, activation="tanh", seed=0), nn.Dropout(0.2), nn.Layer(4, 1, activation="identity", seed=1)
        )
        history = nn.fit(
            net, X, LABELS, loss="binary_cross_entropy", epochs=3, batch_size=size, seed=3, progress=False,
            private=nn.Privacy(clip=0.5, delta=1e-3), backend=backend, dtype=dtype, **options,
        )  # fmt: skip
        found.append((history, np.array([p.data for p in net.parameters()])))
    (history, weights), (other, other_weights) = found
    assert all(np.allclose(history[name], other[name], rtol=0.0, atol=1e-10) for name in history)
    assert np.abs(weights - other_weights).max() < 1e-10
    assert math.isfinite(other["epsilon"][-1])


def test_a_batch_of_nearly_all_examples_is_one_update(monkeypatch, capsys):
    monkeypatch.setattr("nn.training.run.sampled", lambda numbers, rate, rng: list(numbers)[:22])
    found = []
    for backend, dtype in (("eager", None), ("xla", "float64")):
        net = nn.MLP(3, [2, 1], seed=0)
        nn.fit(net, X, LABELS, loss="binary_cross_entropy", batch_size=12, epochs=2, seed=0, progress=False,
               private=nn.Privacy(delta=1e-3), backend=backend, dtype=dtype)  # fmt: skip
        found.append([p.data for p in net.parameters()])
    assert found[1] == pytest.approx(found[0], abs=1e-12)
