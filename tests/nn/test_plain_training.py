"""Eager training on plain floats: to the bit what Values give, and Values wherever a network or a loss is not standard."""

import random

import pytest

import nn
from engine import AnomalyError, Value, detect_anomaly, dot, tanh
from nn.losses import LOSSES
from nn.training import eager
from nn.training.plain import PlainNet, plain

RANDOM = random.Random(5)
X = [[RANDOM.choice([0.0, -0.0, RANDOM.gauss(0.0, 1.0)]) for _ in range(3)] for _ in range(14)]
TARGETS = {
    "binary_cross_entropy": lambda k: k % 2,
    "cross_entropy": lambda k: k % 3,
    "hinge": lambda k: 1 if k % 2 else -1,
    "kl_divergence": lambda k: [(0.2, 0.8, 0.0), (0.5, 0.25, 0.25)][k % 2],
}
OPTIONS = {
    "epochs": 3,
    "batch_size": 4,
    "seed": 1,
    "metrics": (),
    "validation": 0.2,
    "progress": False,
    "backend": "eager",
}


def y_of(loss):
    return [TARGETS.get(loss, lambda k: 0.1 * k)(k) for k in range(len(X))]


def width_of(loss):
    return 3 if loss in ("cross_entropy", "kl_divergence") else 1


def layers(activation, *widths):
    return [
        nn.Layer(n, m, activation=activation if k < len(widths) - 2 else "identity", seed=k)
        for k, (n, m) in enumerate(zip(widths, widths[1:]))
    ]


def trained(make, loss, monkeypatch, by_values, **options):
    """(all numbers of a training as text, how many batches were plain)."""
    seen, batches = [], []

    class Reader:
        def on_batch_end(self, trainer):
            seen.extend(p.grad.hex() for p in trainer.optimizer.parameters)

    assign = PlainNet.assign
    with monkeypatch.context() as patch:
        patch.setattr(PlainNet, "assign", lambda self, fresh: batches.append(fresh) or assign(self, fresh))
        if by_values:
            patch.setattr(eager, "plain", lambda *_: None)
        net = make()
        trainer = nn.Trainer(
            net, X, y_of(loss if isinstance(loss, str) else ""), loss=loss,
            callbacks=Reader(), **{**OPTIONS, **options},
        )  # fmt: skip
        trainer.run()
    numbers = [
        x.hex() for xs in (trainer.history.values(), [net.state().values()]) for row in xs for x in map(float, row)
    ]
    return seen + numbers, len(batches)


def assert_same(make, loss, monkeypatch, **options):
    ours, batches = trained(make, loss, monkeypatch, by_values=False, **options)
    theirs, none = trained(make, loss, monkeypatch, by_values=True, **options)
    assert ours == theirs
    assert none == 0
    return batches


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", nn.ACTIVATIONS)
def test_floats_give_the_bits_of_values(activation, loss, monkeypatch):
    batches = assert_same(lambda: nn.MLP(3, [5, 4, width_of(loss)], activation=activation, seed=2), loss, monkeypatch)
    assert batches or loss in ("hinge", "mae")  # whose adjoints may be 0


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (lambda: nn.Sequential(*layers("relu", 3, 1, 6, 1)), {}),  # a layer of one neuron hands on its output alone
        (lambda: nn.Sequential(nn.Dropout(0.3), *layers("relu", 3, 8, 1)), {}),
        (lambda: nn.Sequential(layers("tanh", 3, 8, 8)[0], nn.Dropout(0.5), nn.MLP(8, [4, 1], seed=4)), {}),
        (lambda: nn.MLP(3, [6, 1], seed=0), {"batch_size": 3, "accumulate": 2, "optimizer": "adamw"}),
        (
            lambda: nn.MLP(3, [6, 1], seed=0),
            {"clip_norm": 0.1, "schedule": "one_cycle", "metrics": {"furthest": lambda y, said: max(map(abs, said))}},
        ),
        (lambda: nn.MLP(3, [1], activation="gelu", seed=0), {"batch_size": None, "optimizer": "momentum"}),
    ],
)
def test_they_do_with_dropout_and_with_every_option(make, options, monkeypatch):
    assert assert_same(make, "mse", monkeypatch, **options) > 0


class Doubled(nn.Layer):
    def forward(self, x):
        return [2.0 * y for y in super().forward(x)]


def tied():
    net = nn.MLP(3, [3, 3, 1], seed=0)
    net.layers[1].neurons[0].w = net.layers[0].neurons[0].w
    return net


def patched():
    net = nn.MLP(3, [4, 1], seed=0)
    neuron = net.layers[0].neurons[2]
    neuron.forward = lambda x: 2.0 * dot(neuron.w, x, neuron.b)
    return net


@pytest.mark.parametrize(
    ("make", "loss", "options"),
    [
        (lambda: nn.Sequential(Doubled(3, 4, seed=0), nn.Layer(4, 1, activation="identity", seed=1)), "mse", {}),
        (tied, "mse", {}),
        (patched, "mse", {}),
        (lambda: nn.MLP(3, [4, 1], activation=tanh, seed=0), "mse", {}),
        (lambda: nn.Sequential(*layers("relu", 3, 4, 4), nn.LayerNorm(4), nn.Layer(4, 1, seed=3)), "mse", {}),
        (lambda: nn.MLP(3, [4, 1], seed=0), "mse", {"penalty": nn.l2(0.01)}),
        (lambda: nn.MLP(3, [4, 1], seed=0), lambda y, t: 0.0 * y, {}),  # is it flat, or not connected?
        (lambda: nn.MLP(3, [4, 1], seed=0), lambda y, t: (y - Value(t)) ** 2, {}),  # a leaf of its own
    ],
)
def test_what_is_not_standard_takes_values(make, loss, options, monkeypatch):
    assert assert_same(make, loss, monkeypatch, **options) == 0


def test_a_subset_of_the_parameters_takes_values(monkeypatch):
    net = nn.MLP(3, [4, 1], seed=0)
    assert plain(net, net.parameters()) is not None
    assert plain(net, net.layers[1].parameters()) is None


def overflowing(net):
    for neuron in net.layers[0].neurons:
        neuron.b.data = neuron.w[0].data = 1.7e308


def overflowing_backward(net):
    for p in net.parameters():
        p.data = 0.0
    for layer in net.layers[1:]:
        for neuron in layer.neurons:
            for w in neuron.w:
                w.data = 1e200


@pytest.mark.parametrize("spoil", [overflowing, overflowing_backward])
def test_an_anomaly_is_named_as_values_name_it(spoil, monkeypatch):
    said = []
    options = {**OPTIONS, "validation": None, "callbacks": lambda trainer: spoil(trainer.net)}
    for by_values in (False, True):
        monkeypatch.setattr(eager, "plain", (lambda *_: None) if by_values else plain)
        net = nn.MLP(3, [4, 4, 1], activation="identity", seed=0)
        with detect_anomaly(), pytest.raises(AnomalyError) as raised:
            nn.fit(net, [[1.0] * 3] * 8, y_of("mse")[1:9], loss="mae", **options)
        said.append(str(raised.value))
    assert said[0] == said[1]


def test_dropout_draws_once_where_values_take_over(monkeypatch):
    """A batch that is begun on floats and ended on Values has the masks of Values alone."""

    def make():
        hidden, last = layers("relu", 3, 6, 1)
        return nn.Sequential(hidden, nn.Dropout(0.5), last)

    assert assert_same(make, lambda y, t: (0.0 if t > 0.6 else 1.0) * y, monkeypatch) == 0
