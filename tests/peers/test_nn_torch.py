"""PyTorch in float64 agrees on networks, losses, their gradients, and the steps of optimisers."""

import math
import random

import pytest
import torch

import nn
from engine import Value
from nn import MLP, SGD, Adam, AdamW, binary_cross_entropy, cross_entropy, hinge, mse

TOLERANCE = 1e-12
ACTIVATIONS = {
    "relu": torch.nn.ReLU(), "tanh": torch.nn.Tanh(), "sigmoid": torch.nn.Sigmoid(), "silu": torch.nn.SiLU(),
    "gelu": torch.nn.GELU(), "elu": torch.nn.ELU(), "selu": torch.nn.SELU(), "leaky_relu": torch.nn.LeakyReLU(),
    "softplus": torch.nn.Softplus(),
}  # fmt: skip


def tensor(x):
    return torch.tensor(x, dtype=torch.float64)


def twin(net, activation):
    """The same network in PyTorch."""
    modules = []
    for layer in net.layers:
        linear = torch.nn.Linear(layer.nin, len(layer.neurons), dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(tensor([[w.data for w in n.w] for n in layer.neurons]))
            linear.bias.copy_(tensor([n.b.data for n in layer.neurons]))
        modules += [linear, ACTIVATIONS[activation]]
    return torch.nn.Sequential(*modules[:-1])


def gradients(model):
    """PyTorch's gradients in the order of our parameters."""
    found = []
    for linear in list(model)[::2]:
        for ws, b in zip(linear.weight.grad.tolist(), linear.bias.grad.tolist()):
            found += [*ws, b]
    return found


def near(ours, theirs):
    """Equal to 1e-12 of the largest; each gradient here is a sum of a few hundred paths of that size at most."""
    scale = max(map(abs, theirs))
    return max(abs(a - b) for a, b in zip(ours, theirs)) <= TOLERANCE * scale


LOSSES = {
    "mse": (mse, torch.nn.functional.mse_loss, lambda rng: [rng.gauss(0, 1) for _ in range(4)], tensor),
    "binary": (
        binary_cross_entropy,
        torch.nn.functional.binary_cross_entropy_with_logits,
        lambda rng: [rng.choice([0.0, 1.0, 0.3]) for _ in range(4)],
        tensor,
    ),
    "classes": (cross_entropy, torch.nn.functional.cross_entropy, lambda rng: rng.randrange(4), torch.tensor),
    "distributions": (
        cross_entropy,
        torch.nn.functional.cross_entropy,
        lambda rng: [0.5, 0.25, 0.125, 0.125],
        tensor,
    ),
    "hinge": (
        hinge,
        lambda y, t: torch.relu(1 - t * y).mean(),
        lambda rng: [rng.choice([-1.0, 1.0]) for _ in range(4)],
        tensor,
    ),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_networks_losses_and_gradients_agree(name, activation):
    loss, their_loss, target, to_tensor = LOSSES[name]
    for seed in range(5):
        rng = random.Random(seed)
        net = MLP(5, [7, 6, 4], activation=activation, seed=seed)
        for p in net.parameters():
            p.data += rng.gauss(0, 0.1)
        model = twin(net, activation)
        X = [[rng.gauss(0, 1) for _ in range(5)] for _ in range(8)]
        targets = [target(rng) for _ in X]
        ours = loss([net(x) for x in X], targets)
        theirs = their_loss(model(tensor(X)), to_tensor(targets))
        assert ours.data == pytest.approx(theirs.item(), rel=TOLERANCE)
        ours.backward()
        theirs.backward()
        assert near([p.grad for p in net.parameters()], gradients(model))


OPTIMISERS = {
    "sgd": (SGD, torch.optim.SGD, {"lr": 0.1}),
    "momentum": (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "nesterov": (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "decay": (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.01}),
    "adam": (Adam, torch.optim.Adam, {"lr": 0.01}),
    "adam with other betas": (Adam, torch.optim.Adam, {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-6}),
    "adam with decay": (Adam, torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.1}),
    "adamw": (AdamW, torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
}


@pytest.mark.parametrize("name", ["Adam", "AdamW", "RMSprop", "Adagrad"])
def test_a_gradient_of_0_over_an_epsilon_of_0_is_nan_alike(name):
    ours, theirs = [Value(1.0), Value(1.0)], tensor([1.0, 1.0]).requires_grad_()
    optimiser = getattr(nn, name)(ours, lr=0.1, epsilon=0.0)
    their_optimiser = getattr(torch.optim, name)([theirs], lr=0.1, eps=0.0)
    for gs in ([0.0, 0.5], [0.0, -0.25]):
        for p, g in zip(ours, gs):
            p.grad = g
        theirs.grad = tensor(gs)
        optimiser.step()
        their_optimiser.step()
    assert [p.data for p in ours] == pytest.approx(theirs.tolist(), rel=TOLERANCE, nan_ok=True)
    assert math.isnan(ours[0].data) and math.isfinite(ours[1].data)


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("scheduled", [False, True])
def test_a_hundred_recorded_gradients_move_parameters_alike(name, scheduled):
    cls, their_cls, options = OPTIMISERS[name]
    rng = random.Random(1)
    start = [rng.gauss(0, 3) for _ in range(20)]
    recorded = [[rng.gauss(0, 1) * 10.0 ** rng.uniform(-6, 3) for _ in start] for _ in range(100)]
    ours, theirs = [Value(x) for x in start], tensor(start).requires_grad_()
    names = {"eps": "epsilon"}
    mine = {names.get(k, k): v for k, v in options.items() if k != "betas"}
    if "betas" in options:
        mine["beta1"], mine["beta2"] = options["betas"]
    optimiser, their_optimiser = cls(ours, **mine), their_cls([theirs], **options)
    for k, gs in enumerate(recorded):
        if scheduled:
            optimiser.lr = their_optimiser.param_groups[0]["lr"] = options["lr"] / (1 + k)
        for p, g in zip(ours, gs):
            p.grad = g
        theirs.grad = tensor(gs)
        optimiser.step()
        their_optimiser.step()
        for p, x in zip(ours, theirs.tolist()):
            assert p.data == pytest.approx(x, rel=TOLERANCE)


def test_a_short_training_ends_in_the_same_place():
    rng = random.Random(0)
    X = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(16)]
    labels = [rng.randrange(3) for _ in X]
    net = MLP(3, [5, 3], activation="tanh", seed=0)
    model = twin(net, "tanh")
    optimiser, theirs = Adam(net, lr=0.02), torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(30):
        for o, loss in (
            (optimiser, lambda: cross_entropy([net(x) for x in X], labels)),
            (theirs, lambda: torch.nn.functional.cross_entropy(model(tensor(X)), torch.tensor(labels))),
        ):
            o.zero_grad()
            loss().backward()
            o.step()
    final = [p for linear in list(model)[::2] for ws, b in zip(linear.weight.tolist(), linear.bias.tolist()) for p in (*ws, b)]  # fmt: skip
    assert [p.data for p in net.parameters()] == pytest.approx(final, rel=1e-9)
