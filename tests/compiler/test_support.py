"""Examples whose loss is flat are left out of the backward pass, and nothing but the order of sums changes."""

import os

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_compiled_training import count, eager_training, momentum, network, sgd
from test_levels import HERE

import engine
import nn
from engine import exp, maximum, mean, relu, sigmoid, square, tanh
from engine.compiler.llvm import support_vectors
from engine.compiler.training_loop import TrainingLoop

MANY = int(os.environ.get("MANY", "1"))

LOSSES = {
    "hinge": relu,
    "squared hinge": lambda z: square(relu(z)),
    "scaled": lambda z: 3.0 * relu(z) / 4.0,
    "negative": lambda z: -relu(z),
    "mean of one": lambda z: mean([relu(z)]),
}
NOT_FLAT = {
    "with an offset": lambda z: relu(z) + 1.0,
    "one less": lambda z: 1.0 - relu(z),
    "behind exp": lambda z: exp(relu(z)),
    "under the bar": lambda z: 1.0 / (1.0 + relu(z)),
    "two of them": lambda z: relu(z) + relu(2.0 - z),
    "maximum, whose partials at a tie are a half": lambda z: maximum(z, 0.0),
    "endless": lambda z: float("inf") * relu(z),
    "undefined": lambda z: relu(z) / float("nan"),
    "over zero": lambda z: relu(z) / 0.0,
    "smooth": lambda z: engine.softplus(z),
}


def margin_loss(shape, widths, act=tanh):
    forward = network(widths, act)

    def loss(ps, row):
        (score,) = forward(ps, row[: widths[0]])
        return shape(row[-1] - row[-2] * score)

    return loss


def problem(widths, examples, flat, seed):
    """Rows (inputs, sign, margin): a margin far below every score makes an example flat, one far above makes it count."""
    rng = np.random.default_rng(seed)
    margins = np.where(rng.permutation(examples) < flat * examples, -1e3, 1e3)
    rows = np.column_stack([rng.normal(size=(examples, widths[0])), rng.choice([-1.0, 1.0], examples), margins])
    return rows, rng.normal(size=count(widths)) * 0.7


@pytest.mark.usefixtures("unoptimised")
@settings(max_examples=12 * MANY)
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=2),
    st.integers(40, 300),
    st.integers(40, 300),
    st.sampled_from([0.0, 0.3, 0.5, 0.51, 0.9, 0.99, 1.0]),
    st.sampled_from(sorted(LOSSES)),
    st.integers(0, 99),
    st.sampled_from(HERE),
)
@example([2, 3], 100, 100, 0.5, "hinge", 0, "native")
@example([2, 3], 300, 300, 1.0, "hinge", 0, "native")
def test_training_without_flat_examples_is_eager_training(widths, examples, batch, flat, shape, seed, cpu):
    widths = [*widths, 1]
    rows, ps = problem(widths, examples, flat, seed)
    loss = margin_loss(LOSSES[shape], widths)
    loop = TrainingLoop(loss, momentum, ps, rows, slots=1, settings=1, batch=batch, checked=True, cpu=cpu)
    assert loop._code.packs or min(examples, batch) <= 5 * loop._code.lanes
    order = np.random.default_rng(seed).permutation(examples)
    losses = loop.run(order, settings=[1e-6])
    want, want_losses = eager_training(loss, momentum, ps, rows, batch, order, [[1e-6]] * len(losses[0]), 1)
    np.testing.assert_allclose(loop.parameters, want, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(losses[0], want_losses, rtol=1e-11)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_whole_training_with_a_hinge_loss_is_eager_training(dtype):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(150, 2))
    rows = np.column_stack([x, np.sign(x[:, 0] + 0.3 * x[:, 1]), np.ones(150)])
    widths, ps = [2, 4, 1], rng.normal(size=17)
    loss = margin_loss(relu, widths)
    loop = TrainingLoop(loss, sgd, ps, rows, settings=1, dtype=dtype)
    losses = loop.run(epochs=60, settings=[0.5])
    want, want_losses = eager_training(loss, sgd, ps, rows, 150, list(range(150)) * 60, [[0.5]] * 60, 0)
    assert want_losses[-1] < 0.1 * want_losses[0]  # most examples are flat in the end
    tolerance = 1e-9 if dtype == "float64" else 1e-3
    np.testing.assert_allclose(losses[:, 0], want_losses, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(loop.parameters, want, rtol=tolerance, atol=tolerance)


def test_it_runs_in_slices_of_any_size_with_the_same_bits():
    rows, ps = problem([2, 3, 1], 120, 0.8, 0)
    rows[:, -1] = 1.0
    loops = [TrainingLoop(margin_loss(relu, [2, 3, 1]), sgd, ps, rows, settings=1) for _ in range(2)]
    loops[0].run(epochs=50, settings=[0.3])
    for _ in range(50):
        loops[1].run(settings=[0.3])
    assert loops[0].parameters.tolist() == loops[1].parameters.tolist()


def test_an_example_on_the_edge_counts_as_eager_mode_counts_it():
    rows = np.tile([[1.0, 1.0, 0.0]], (64, 1))  # relu at 0 exactly, where its derivative is 0
    loop = TrainingLoop(lambda ps, row: relu(row[2] - row[1] * (ps[0] * row[0])), sgd, [0.0], rows, settings=1)
    assert loop.run(settings=[1.0]).tolist() == [[0.0]]
    assert loop.parameters.tolist() == [0.0]


def test_where_all_examples_are_flat_gradients_are_zero_as_in_eager_mode():
    rows, ps = problem([2, 3, 1], 100, 1.0, 0)
    loop = TrainingLoop(margin_loss(relu, [2, 3, 1]), sgd, ps, rows, settings=1)
    assert {str(x) for x in [*loop.run(settings=[0.1])[0].tolist(), *loop.gradients.tolist()]} == {"0.0"}


def test_a_loss_that_is_nan_counts():
    rows, ps = problem([2, 3, 1], 100, 1.0, 0)
    rows[7, 0] = np.nan
    loop = TrainingLoop(margin_loss(relu, [2, 3, 1]), sgd, ps, rows, settings=1)
    assert loop._code.packs
    assert np.isnan(loop.run(settings=[0.1])).all()
    assert np.isnan(loop.parameters).any()


@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize("shape", NOT_FLAT)
def test_a_loss_that_is_not_flat_needs_all_examples(shape):
    rows, ps = problem([2, 3, 1], 100, 0.9, 0)
    loss = margin_loss(NOT_FLAT[shape], [2, 3, 1], sigmoid)
    loop = TrainingLoop(loss, sgd, ps, rows, settings=1)
    assert not loop._code.packs


def with_output(widths, forward=None):
    forward = forward or network(widths, tanh)

    def loss(ps, row):
        (score,) = forward(ps, row[: widths[0]])
        return relu(row[-1] - row[-2] * score), [score, row[0]]

    return loss


@pytest.mark.parametrize("flat", [0.3, 0.9])
def test_outputs_of_flat_examples_are_kept(flat):
    rows, ps = problem([2, 3, 1], 100, flat, 0)
    loop = TrainingLoop(with_output([2, 3, 1]), sgd, ps, rows, settings=1, checked=True)
    assert loop._code.packs
    loop.run(settings=[0.1])
    want, _ = eager_training(margin_loss(relu, [2, 3, 1]), sgd, ps, rows, 100, list(range(100)), [[0.1]], 0)
    np.testing.assert_allclose(loop.parameters, want, rtol=1e-11, atol=1e-11)
    scores = [[float(y) for y in with_output([2, 3, 1])(ps.tolist(), row)[1]] for row in rows.tolist()]
    np.testing.assert_allclose(loop.outputs[0], scores, rtol=1e-12)


def test_outputs_made_of_the_loss_need_all_examples():
    rows, ps = problem([2, 3, 1], 100, 0.9, 0)

    def loss(ps, row):
        z = relu(row[3] - row[2] * network([2, 3, 1], tanh)(ps, row[:2])[0])
        return z, [exp(z)]

    loop = TrainingLoop(loss, sgd, ps, rows, settings=1, checked=True)
    assert not loop._code.packs
    loop.run(settings=[0.1])
    assert (loop.outputs[0] >= 1.0).all()


@pytest.mark.parametrize("score", [lambda p, row: row[0], lambda p, row: (p[0] * row[0]).detach()])
def test_a_hinge_loss_that_depends_on_no_parameter_has_no_gradient(score):
    rows, _ = problem([2, 3, 1], 100, 0.7, 0)

    def loss(p, row):
        return relu(row[3] - row[2] * score(p, row))

    loop = TrainingLoop(loss, sgd, [2.0], rows, settings=1, checked=True)
    want = np.mean([float(loss([engine.Value(2.0)], row)) for row in rows.tolist()])
    np.testing.assert_allclose(loop.run(settings=[0.1]), [[want]], rtol=1e-12)
    assert loop.parameters.tolist() == [2.0]


def test_sums_in_order_need_all_examples():
    rows, ps = problem([2, 3, 1], 100, 0.9, 0)
    assert not TrainingLoop(margin_loss(relu, [2, 3, 1]), sgd, ps, rows, settings=1, contract=False)._code.packs


def test_the_hinge_loss_of_nn_is_flat():
    net = nn.MLP(2, [3, 1], activation="tanh", seed=0)
    leaves = [p.data for p in net.parameters()]

    def loss(ps, row):
        _, rebuild = net._flatten()
        return nn.hinge(rebuild(ps)(row[:2]), row[2])

    rows, _ = problem([2, 3, 1], 100, 0.9, 0)
    assert TrainingLoop(loss, sgd, leaves, rows, settings=1)._code.packs


@pytest.mark.parametrize("fault", ["mask", "place"])
def test_a_fault_in_packing_is_found(fault, monkeypatch):
    whole = support_vectors.SupportVectors._visited

    def faulty(self, b, visit):
        if fault == "mask":
            self._mask = lambda b, left: self._e.vectors.compare("<", 0.0, 1.0)
        if fault == "place":
            return whole(self, b, lambda chosen, first, before: visit(chosen, first, first))
        return whole(self, b, visit)

    monkeypatch.setattr(support_vectors.SupportVectors, "_visited", faulty)
    rows, ps = problem([2, 3, 1], 101, 0.7, 0)  # no multiple of any number of lanes
    loss = margin_loss(relu, [2, 3, 1])
    loop = TrainingLoop(loss, sgd, ps, rows, settings=1)
    loop.run(settings=[0.1])
    want, _ = eager_training(loss, sgd, ps, rows, 101, list(range(101)), [[0.1]], 0)
    assert not np.allclose(loop.parameters, want, rtol=1e-11, atol=1e-11)
