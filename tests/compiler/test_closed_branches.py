"""Where 0 would meet an infinity behind a branch that is closed, native training does what eager training does.

That is what `backward` promises, since a branch that is not taken contributes nothing; PyTorch and JAX have nan there.
"""

import math
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import applied, moderate, tapes
from test_compiled_training import eager_training, momentum, sgd

from engine import TABLE, Value, clip, exp, grad, gradients, jit, leaky_relu, maximum, relu, square, tanh, vmap, where
from engine.compiler.front.trace import Trace
from engine.compiler.llvm.vectors import ir
from engine.compiler.training_code import TrainingCode
from engine.compiler.training_loop import TrainingLoop

MANY = int(os.environ.get("MANY", "1"))
INF = math.inf


def closed(w, x):
    return relu(w * exp(x))


def test_a_product_behind_relu_that_overflows_has_no_gradient():
    g = grad(closed, (0, 1))
    assert g(-1.0, 800.0) == jit(g)(-1.0, 800.0) == jit(g, contract=False)(-1.0, 800.0) == (0.0, 0.0)
    assert jit(vmap(g))([-1.0, 1.0, -1.0], [800.0, 0.0, 0.0]) == ([0.0, 1.0, 0.0], [0.0, 1.0, 0.0])
    assert g(1.0, 800.0) == jit(g)(1.0, 800.0) == (INF, INF)  # taken


CLOSED = {
    "relu": closed,
    "relu of a dot": lambda w, x: relu(w * exp(x) + w * x),
    "relu of relu": lambda w, x: relu(w * relu(exp(x))),
    "relu of tanh": lambda w, x: relu(tanh(w * exp(x))),
    "relu of leaky_relu": lambda w, x: relu(leaky_relu(w * exp(x))),
    "maximum": lambda w, x: maximum(w * exp(x), 0.5),
    "clip": lambda w, x: clip(w * exp(x), -1.0, 1.0),
    "where": lambda w, x: where(w > 0.0, w * exp(x), 0.5),
}
PARTLY = [[800.0, 1.0], [1.0, 2.0], [INF, 1.0], [3.0, 1.0]]


@pytest.mark.parametrize(
    ("batch", "dtype", "contract"), [(24, "float64", True), (3, "float64", False), (1, "float32", True)]
)
@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.usefixtures("unoptimised")
def test_training_goes_on_where_a_closed_branch_is_infinite(name, batch, dtype, contract):
    def loss(ps, e):
        return CLOSED[name](ps[0], e[0]) + square(ps[1] * e[1] - 1.0)

    rows, order, rates = np.array(PARTLY * 6), list(range(24)) * 3, [[0.01]] * 99
    loop = TrainingLoop(
        loss,
        momentum,
        [-1.0, 0.5],
        rows,
        slots=1,
        settings=1,
        batch=batch,
        dtype=dtype,
        contract=contract,
        checked=True,
    )
    losses = loop.run(epochs=3, settings=[0.01])
    want, want_losses = eager_training(loss, momentum, [-1.0, 0.5], rows, batch, order, rates, 1)
    tolerance = 1e-11 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(loop.parameters, want, rtol=tolerance)
    np.testing.assert_allclose(losses.ravel(), want_losses, rtol=tolerance, atol=tolerance)
    again = loop.prepared(settings=[0.01])  # one call from Python an epoch
    again()
    want, _ = eager_training(loss, momentum, [-1.0, 0.5], rows, batch, list(range(24)) * 4, rates, 1)
    np.testing.assert_allclose(loop.parameters, want, rtol=tolerance)


def test_a_training_without_infinities_never_asks_for_the_guards():
    calls = []

    def loss(ps, e):
        calls.append(ps)
        return closed(ps[0], e[0]) + square(ps[1] * e[1] - 1.0)

    loop = TrainingLoop(loss, sgd, [-1.0, 0.5], [[1.0, 1.0], [1.0, 2.0]], settings=1)
    loop.run(epochs=3, settings=[0.1])
    assert loop._code.bare and len(calls) == 1
    loop.examples[0, 0] = 800.0
    loop.run(epochs=3, settings=[0.1])
    assert len(calls) == 2
    assert loop.parameters[0] == -1.0


def test_steps_with_an_infinity_are_the_same_in_slices_of_any_size():
    rows, rates = np.array(PARTLY * 2), [0.1]
    loops = [
        TrainingLoop(lambda ps, e: closed(ps[0], e[0]) + square(ps[1] * e[1] - 1.0), sgd, [-1.0, 0.5], rows, settings=1, batch=2)
        for _ in range(3)
    ]  # fmt: skip
    loops[0].run(epochs=8, settings=rates)
    for _ in range(8):
        loops[1].run(settings=rates)
        for start in range(0, 8, 2):
            loops[2].run([start, start + 1], settings=rates)
    assert loops[0].parameters.tolist() == loops[1].parameters.tolist() == loops[2].parameters.tolist()


@pytest.mark.parametrize("flat", [0.2, 0.8])
def test_a_hinge_loss_leaves_out_flat_examples_that_are_infinite(flat):
    x = np.where(np.arange(100) < flat * 100, INF, np.linspace(-1.0, 0.5, 100))
    rows = np.column_stack([x, np.ones(100)])

    def loss(ps, e):
        return relu(1.0 - e[1] * (ps[0] * e[0] + ps[1]))

    loop = TrainingLoop(loss, sgd, [1.0, 0.1], rows, settings=1)
    assert loop._code.packs and loop._code.bare
    losses = loop.run(epochs=20, settings=[0.01])
    want, want_losses = eager_training(loss, sgd, [1.0, 0.1], rows, 100, list(range(100)) * 20, [[0.01]] * 20, 0)
    np.testing.assert_allclose(loop.parameters, want, rtol=1e-11)
    np.testing.assert_allclose(losses.ravel(), want_losses, rtol=1e-11)


def test_where_a_nan_would_not_be_seen_the_guards_are_kept():
    def loss(ps, e):
        (slope,) = gradients(closed(ps[0], e[0]), [ps[0]])
        return where(slope >= 0.0, square(ps[0] - 2.0), square(ps[0] + 2.0))  # nan is on neither side

    loop = TrainingLoop(loss, sgd, [-1.0], [[800.0], [1.0]], settings=1)
    assert not loop._code.bare
    loop.run(settings=[0.1])
    want, _ = eager_training(loss, sgd, [-1.0], np.array([[800.0], [1.0]]), 2, [0, 1], [[0.1]], 0)
    np.testing.assert_allclose(loop.parameters, want, rtol=1e-12)


ROWS = (
    "add sub mul neg square relu leaky_relu abs maximum minimum clip where total dot exp tanh sqrt reciprocal".split()
)
endless = moderate | st.sampled_from([INF, -INF, 800.0, -800.0, 1e308, 0.0, -0.0])


def loss_of(tape):
    def loss(ps, e):
        nodes = [*[x if isinstance(x, Value) else Value(x) for x in e], *ps]
        for name, operands in tape.steps:
            found = [nodes[-min(o, len(nodes))] if isinstance(o, int) else o for o in operands]
            if not any(isinstance(o, Value) for o in found):
                found[0] = nodes[-1]
            nodes.append(applied(TABLE[name], found))
        return nodes[-1]

    return loss


@settings(max_examples=25 * MANY)
@given(
    tapes(rows=ROWS, max_steps=8),
    st.lists(endless, min_size=2, max_size=2),
    st.lists(st.lists(endless, min_size=2, max_size=2), min_size=1, max_size=9),
)
def test_training_a_random_graph_at_any_numbers_is_eager_training(tape, ps, rows):
    loss = loss_of(tape)
    loop = TrainingLoop(loss, sgd, ps, rows, settings=1, batch=3, contract=False)
    losses = loop.run(epochs=2, settings=[0.1])
    order = [*range(len(rows))]
    batches = [order[i : i + 3] for _ in range(2) for i in range(0, len(rows), 3)]
    want, want_losses = list(ps), []
    for batch in batches:
        want, step = eager_training(loss, sgd, want, np.array(rows), 3, batch, [[0.1]], 0)
        want_losses += step
    np.testing.assert_allclose(loop.parameters, want, rtol=1e-9)
    np.testing.assert_allclose(losses.ravel(), want_losses, rtol=1e-9)


def test_this_law_finds_training_that_never_asks_for_the_guards(monkeypatch):
    monkeypatch.setattr(TrainingCode, "_is_nan", lambda *_: ir.IntType(1)(0))
    with pytest.raises(AssertionError):
        test_training_goes_on_where_a_closed_branch_is_infinite("relu", 3, "float64", True)


def test_a_nan_that_would_be_lost_is_found_on_the_tape(monkeypatch):
    monkeypatch.setattr(Trace, "shows_bare", lambda self: True)
    with pytest.raises(AssertionError):
        test_where_a_nan_would_not_be_seen_the_guards_are_kept()
