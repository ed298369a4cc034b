"""Networks of nn, certified end to end: every activation, loss and initialiser."""

import random

import planting
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from engine import Value
from engine.checks import GradientError, check_gradients, values

TARGETS = {  # a legal target for two outputs
    "mse": [0.5, -1.0], "mae": [0.5, -1.0], "huber": [0.5, -3.0], "hinge": [1.0, -1.0], "binary_cross_entropy": [1.0, 0.0],
    "cross_entropy": 1, "kl_divergence": [0.25, 0.75],
}  # fmt: skip


def networks():
    return st.builds(
        nn.MLP,
        st.just(2),
        st.sampled_from([[2], [3, 2], [2, 3, 2]]),
        activation=st.sampled_from(sorted(nn.ACTIVATIONS)),
        init=st.sampled_from(sorted(set(nn.INITIALISERS) - {"constant"})),
        seed=st.integers(0, 1000),
    )


def test_every_loss_has_a_target_here():
    assert set(TARGETS) == set(nn.LOSSES)


@given(networks(), st.sampled_from(sorted(TARGETS)), st.tuples(values(), values()))
def test_networks_have_certified_gradients(network, loss, inputs):
    def f(net, xs):
        return getattr(nn, loss)(net(xs), TARGETS[loss])

    report = check_gradients(f, (network, list(inputs)), save=False)
    assert report.ok


@pytest.mark.parametrize("activation", sorted(nn.ACTIVATIONS))
def test_second_derivatives_of_networks_in_both_modes(activation):
    network = nn.MLP(2, [2, 1], activation=activation, seed=3)
    report = check_gradients(lambda xs: network(xs), ([0.5, -1.5],), order=2, modes=("reverse", "forward"), save=False)
    assert report.verdicts["ok"] == len(report.findings)


def test_a_wrong_rule_is_found_inside_a_network(monkeypatch):
    planting.row("tanh", partials=(lambda x, y: 1.0 - y,))(monkeypatch)
    network = nn.MLP(2, [3, 1], activation="tanh", seed=random.Random(0).randrange(10))
    with pytest.raises(GradientError) as caught:
        check_gradients(lambda net: net([0.5, -1.5]), network, save=False)
    assert caught.value.report.blame.op == "tanh"


def test_parameters_are_named_in_a_report():
    network = nn.MLP(1, [1], seed=0)
    report = check_gradients(lambda net, x: net([x]), (network, 0.5), save=False)
    assert report.subject.names[-1] == "x"
    assert len(report.findings) == 1 + len(network.parameters()) + 1
    assert all(isinstance(p, Value) for p in network.parameters())
