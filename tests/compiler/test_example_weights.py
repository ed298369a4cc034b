"""A factor on the gradient of each example, before they are summed: as if each had been computed alone, in eager mode."""

from functools import partial

import numpy as np
import pytest

import nn
from engine import TrainingLoop, Value, exp, square
from nn.updates import norm_factor

RATE, LENGTH = 0.25, 0.5
SHORT = partial(norm_factor, most=LENGTH)


class Twice(nn.Module):
    """A network whose first layer is used twice, as a recurrent one is, and whose weights stand in two dots each."""

    def __init__(self, seed):
        self.inner = nn.Layer(3, 3, activation="tanh", seed=seed)
        self.outer = nn.Layer(3, 1, activation="identity", seed=seed + 1)

    def forward(self, x):
        return self.outer(self.inner(self.inner(x)))


NETS = {
    "one neuron": lambda: nn.MLP(3, [1], seed=0),
    "tanh": lambda: nn.MLP(3, [5, 4, 1], activation="tanh", seed=1),
    "relu": lambda: nn.MLP(3, [16, 16, 1], seed=2),
    "normed": lambda: nn.Sequential(
        nn.Layer(3, 6, seed=3), nn.LayerNorm(6), nn.Layer(6, 1, activation="identity", seed=4)
    ),
    "twice": lambda: Twice(5),
}


def loop_of(net, rows, loss, weight=SHORT, **options):
    own, rebuild = net._flatten()
    return TrainingLoop(
        lambda ps, e: loss(rebuild(ps)(e[:-1]), e[-1]), lambda p, g, slots, settings: (p - RATE * g, slots),
        [p.data for p in own], rows, weight=weight, **options,
    )  # fmt: skip


def gradients(net, parameters, rows, loss):
    """That of each example, a row."""
    own = net.parameters()
    for p, x in zip(own, parameters):
        p.data = float(x)
    found = []
    for row in rows.tolist():
        net.zero_grad()
        loss(net(row[:-1]), row[-1]).backward()
        found.append([p.grad for p in own])
    return np.array(found)


def cut(gradients, length=LENGTH):
    lengths = np.sqrt((gradients**2).sum(1, keepdims=True))
    return gradients * np.minimum(length / (lengths + 1e-6), 1.0)


def trained(net, rows, loss, batch, expected, rule=cut):
    """The parameters after an epoch in eager mode."""
    p = np.array([p.data for p in net.parameters()])
    for start in range(0, len(rows), batch):
        some = rows[start : start + batch]
        p = p - RATE * rule(gradients(net, p, some, loss)).sum(0) / (expected or len(some))
    return p


def data(count, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, 4)) * np.exp(rng.normal(size=(count, 1)))  # some are cut, some are not
    rows[:, -1] = np.sign(rows[:, -1])
    return rows


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
@pytest.mark.parametrize(
    ("name", "loss", "batch", "expected"),
    [*[(name, nn.mse, 8, 9.0) for name in ("one neuron", "relu", "normed", "twice")], ("tanh", nn.hinge, 40, None)],
)
def test_each_gradient_is_scaled_before_the_sum(name, loss, batch, expected, backend):
    net, rows = NETS[name](), data(50)
    loop = loop_of(net, rows, loss, batch=batch, expected=expected, backend=backend)
    start = loop.parameters.copy()
    loop.run()
    right = trained(net, rows, loss, batch, expected)
    assert np.abs(loop.parameters - right).max() < 1e-13
    whole = trained(net, rows, loss, batch, expected, rule=lambda gradients: gradients)
    assert np.abs(whole - right).max() > 1e-3 * np.abs(start - right).max(), "some gradients are longer"


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_parameters_that_are_made_when_someone_looks_at_them_are_none_the_worse(backend, monkeypatch):
    monkeypatch.setattr("engine.compiler.training_functions.MANY", 10)
    net, rows = NETS["relu"](), data(20)
    loop = loop_of(net, rows, nn.mse, batch=8, backend=backend)
    loop.run()
    assert np.abs(loop.parameters - trained(net, rows, nn.mse, 8, None)).max() < 1e-13


@pytest.mark.parametrize("options", [{"contract": False}, {"dtype": "float32"}, {"threads": 2}, {"batch": 1}], ids=str)
def test_however_it_is_compiled(options):
    net, rows = NETS["relu"](), data(20, seed=1)
    loop = loop_of(net, rows, nn.mse, **options)
    loop.run()
    error = np.abs(loop.parameters - trained(net, rows, nn.mse, options.get("batch", 20), None)).max()
    assert error < (1e-6 if options.get("dtype") else 1e-13)


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_a_penalty_is_not_scaled_and_what_the_sum_is_divided_by_can_be_set(backend):
    net, rows = NETS["tanh"](), data(12)
    loop = loop_of(
        net, rows, nn.mse, penalty=lambda ps: 0.5 * sum(square(p) for p in ps), expected=5.0, backend=backend
    )
    start = loop.parameters.copy()
    loop.run()
    wanted = cut(gradients(net, start, rows, nn.mse)).sum(0)
    assert np.abs(loop.gradients - (wanted / 5.0 + start)).max() < 1e-13
    loop.expected = np.inf
    between = loop.parameters.copy()
    loop.run([3])
    assert loop.gradients.tolist() == between.tolist(), "of no example"


def test_a_gradient_too_long_for_its_square_is_still_cut():
    loop = TrainingLoop(
        lambda p, e: p[0] * e[0], lambda p, g, slots, settings: (p - g, slots), [0.0], [[1e200], [-1e200], [3.0], [0.0]],
        weight=partial(norm_factor, most=1.0), batch=1,
    )  # fmt: skip
    moved = []
    for k in range(4):
        loop.run([k])
        moved.append(abs(float(loop.gradients[0])))
    assert moved[:2] == [0.0, 0.0], "no square is that large: nothing rather than too much"
    assert moved[2] == pytest.approx(1.0, abs=1e-6)
    assert moved[3] == 0.0


def test_where_a_guard_was_left_out_and_something_overflows_the_step_is_done_again_with_it():
    """Behind a closed relu 0·inf is no gradient; bare code meets nan there and stops."""

    def loss(p, e):
        return square((p[0] * e[0] * exp(p[1] * e[1])).relu() - e[2])

    rows = [[1.0, 1.0, 2.0], [-1.0, 800.0, 0.0]]
    loop = TrainingLoop(
        loss, lambda p, g, slots, settings: (p - g, slots), [0.5, 1.0], rows,
        weight=partial(norm_factor, most=1.0),
    )  # fmt: skip
    loop.run([0])
    alone = loop.gradients.copy()
    loop.parameters[:] = [0.5, 1.0]
    p = [Value(0.5), Value(1.0)]
    loss(p, rows[1]).backward()
    loop.run([0, 1])
    assert [v.grad for v in p] == [0.0, 0.0]
    assert np.abs(2.0 * loop.gradients - alone - [v.grad for v in p]).max() < 1e-13


@pytest.mark.parametrize("weight", [3.0, lambda squares: "one", lambda squares: [squares]], ids=["3.0", "text", "list"])
def test_a_weight_that_is_no_function_to_a_number_is_refused(weight):
    with pytest.raises(TypeError, match="TrainingLoop takes .*weight"):
        loop_of(NETS["one neuron"](), data(3), nn.mse, weight=weight)


@pytest.mark.parametrize("expected", [0.0, -1.0, float("nan"), "many"])
def test_an_expected_number_of_examples_is_positive(expected):
    with pytest.raises((TypeError, ValueError), match="TrainingLoop takes a positive number as expected"):
        loop_of(NETS["one neuron"](), data(3), nn.mse, expected=expected)
    with pytest.raises(ValueError, match="where it was made with one"):
        loop_of(NETS["one neuron"](), data(3), nn.mse).expected = 2.0
