"""Opacus, PyTorch's library for private training, agrees on ε and on what each example's gradient becomes."""

import warnings

import numpy as np
import pytest
import torch

import nn

with warnings.catch_warnings():  # of its own, at import
    warnings.simplefilter("ignore")
    from opacus import GradSampleModule
    from opacus.accountants import RDPAccountant
    from opacus.optimizers import DPOptimizer


def of_opacus(rate, noise, updates, delta):
    accountant = RDPAccountant()
    accountant.history = [(noise, rate, updates)]
    return accountant.get_epsilon(delta)


@pytest.mark.parametrize(
    ("rate", "noise", "updates", "delta"),
    [(256 / 60000, 1.1, 60 * 235, 1e-5), (0.01, 4.0, 10_000, 1e-5), (0.2, 2.0, 300, 1e-4)],
    ids=["MNIST, 60 epochs", "Abadi et al. (2016), figure 2", "a few hundred examples"],
)
def test_epsilon_is_that_of_opacus(rate, noise, updates, delta):
    ours = nn.Privacy(noise=noise, delta=delta).epsilon(rate, updates)
    assert ours == pytest.approx(of_opacus(rate, noise, updates, delta), rel=1e-9)


def test_where_the_accountant_leaves_orders_out_epsilon_is_a_little_larger_and_never_less():
    for rate, noise, updates, delta in ((0.1, 1.5, 300, 1e-4), (0.05, 1.0, 1000, 1e-5), (0.5, 4.0, 80, 1e-3)):
        theirs = of_opacus(rate, noise, updates, delta)
        assert theirs < nn.Privacy(noise=noise, delta=delta).epsilon(rate, updates) < 1.005 * theirs


@pytest.mark.filterwarnings("ignore:.*[Hh]ook")  # PyTorch of how Opacus listens
@pytest.mark.parametrize("backend", ["eager", "jit", "numpy"])
def test_a_step_moves_the_weights_as_opacus_does(backend):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)) * np.exp(rng.normal(size=(20, 1))), rng.normal(size=(20, 1))
    net = nn.MLP(3, [5, 1], activation="tanh", seed=0)
    linear = [torch.nn.Linear(3, 5, dtype=torch.float64), torch.nn.Linear(5, 1, dtype=torch.float64)]
    with torch.no_grad():
        for module, layer in zip(linear, net.layers):
            module.weight.copy_(
                torch.tensor([[w.data for w in neuron.w] for neuron in layer.neurons], dtype=torch.float64)
            )
            module.bias.copy_(torch.tensor([neuron.b.data for neuron in layer.neurons], dtype=torch.float64))
    model = GradSampleModule(torch.nn.Sequential(linear[0], torch.nn.Tanh(), linear[1]))
    plain = torch.optim.SGD(model.parameters(), lr=0.5)
    optimizer = DPOptimizer(plain, noise_multiplier=0.0, max_grad_norm=0.7, expected_batch_size=20)
    for _ in range(3):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(torch.tensor(X)), torch.tensor(y)).backward()
        optimizer.step()
    nn.fit(
        net, X, y, loss="mse", optimizer=nn.SGD(net, lr=0.5), epochs=3, batch_size=None, backend=backend, progress=False,
        private=nn.Privacy(clip=0.7, noise=0.0, delta=1e-3),
    )  # fmt: skip
    for module, layer in zip(linear, net.layers):
        weights = np.array([[w.data for w in neuron.w] for neuron in layer.neurons])
        assert np.abs(module.weight.detach().numpy() - weights).max() < 1e-12
        assert np.abs(module.bias.detach().numpy() - [neuron.b.data for neuron in layer.neurons]).max() < 1e-12
