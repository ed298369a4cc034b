"""Schedules, clipping, penalties, freezing, and what else a training is asked for."""

import math
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.datasets import make_moons
from sklearn.metrics import accuracy_score
from test_training import LABELS, SUMS, X, bits, fit, net

import nn
from engine import Value
from nn.updates import clipped_by_norm, clipped_by_value

# Schedules, clipping, penalties, freezing -------------------------------------------------------------------------------


def test_the_learning_rate_follows_the_schedule_and_is_as_before_at_the_end():
    model, rates = net(), []
    optimiser = nn.SGD(model, lr=0.5)

    class Watch:
        def on_batch_end(self, trainer):
            rates.append(trainer.optimizer.lr)

    fit(model, optimizer=optimiser, schedule=lambda t: 1.0 / (1.0 + t), callbacks=[Watch()])
    assert rates == [0.5 * (1.0 / (1.0 + (epoch + k / 6))) for epoch in range(3) for k in range(6)]
    assert optimiser.lr == 0.5


@example([5e-324, 1.0], 0.5)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(1e-3, 1e3))
def test_clipped_gradients_stay_within_the_limit_and_point_the_same_way(gradients, most):
    by_value = clipped_by_value(gradients, most)
    assert all(abs(g) <= most for g in by_value)
    assert [g for g in by_value if abs(g) < most] == [g for g in gradients if abs(g) < most]
    by_norm = clipped_by_norm(gradients, most)
    norm = math.sqrt(sum(g * g for g in gradients))
    assert math.sqrt(sum(g * g for g in by_norm)) <= most * (1 + 1e-12) or norm <= most
    if norm < most * (1 - 1e-9) - 1e-6:
        assert by_norm == gradients
    largest = max(gradients, key=abs)
    if abs(largest) > 1e-300:
        factor = by_norm[gradients.index(largest)] / largest
        assert by_norm == pytest.approx([factor * g for g in gradients], rel=1e-9, abs=1e-200)


def test_fit_clips_what_the_optimiser_sees():
    model, norms, largest = net(), [], []

    class Watch:
        def on_batch_end(self, trainer):
            gradients = [p.grad for p in model.parameters()]
            norms.append(math.hypot(*gradients))
            largest.append(max(map(abs, gradients)))

    fit(model, [100 * t for t in SUMS], "mse", clip_norm=0.1, callbacks=Watch())
    assert max(norms) <= 0.1
    assert max(norms) > 0.0999
    fit(model, [100 * t for t in SUMS], "mse", clip_value=0.01, callbacks=Watch())
    assert max(largest[18:]) == 0.01


def test_an_l2_penalty_is_weight_decay_of_twice_its_strength_with_sgd_but_not_with_adam():
    def trained(penalty, make):
        model = net()
        fit(model, SUMS, "mse", penalty=penalty, optimizer=make)
        return [p.data for p in model.parameters()]

    decayed = trained(None, lambda m: nn.SGD(m, lr=0.1, weight_decay=0.02))
    penalised = trained(nn.l2(0.01, biases=True), lambda m: nn.SGD(m, lr=0.1))
    assert penalised == pytest.approx(decayed, rel=1e-12)
    assert trained(nn.l2(0.01), lambda m: nn.SGD(m, lr=0.1)) != pytest.approx(decayed, rel=1e-12)  # biases are skipped
    assert trained(nn.l2(0.01, biases=True), nn.Adam) != pytest.approx(
        trained(None, lambda m: nn.AdamW(m, weight_decay=0.02)), rel=1e-6
    )


@pytest.mark.parametrize(
    ("penalty", "slope"), [(nn.l1(0.5), lambda w: math.copysign(0.5, w)), (nn.l2(0.5), lambda w: w)]
)
def test_a_penalty_pushes_on_weights_and_not_on_biases(penalty, slope):
    model = nn.Sequential(nn.Layer(2, 3, seed=0), nn.LayerNorm(3))
    penalty(model).backward()
    for path, p in model.named_parameters():
        assert p.grad == (slope(p.data) if ".w." in path else 0.0)


def test_l1_makes_weights_zero_that_say_nothing():
    inputs = [[x, random.Random(i).uniform(-1, 1)] for i, (x, _) in enumerate(X)]
    model = nn.MLP(2, [1], seed=0)
    nn.fit(model, inputs, [3 * x for x, _ in inputs], loss="mse", penalty=nn.l1(0.1), optimizer=lambda m: nn.SGD(m, lr=0.1),
           epochs=150, schedule="cosine", seed=0, progress=False)  # fmt: skip
    strong, weak = [w.data for w in model.layers[0].neurons[0].w]
    assert strong > 2.5
    assert abs(weak) < 0.02


def test_frozen_modules_keep_their_parameters_until_they_are_thawed():
    model = net()
    optimiser = nn.Adam(model)
    model.layers[0].trainable = False
    before = bits(model)
    fit(model, optimizer=optimiser, clip_norm=1.0)
    after = bits(model)
    assert after[:15] == before[:15]
    assert all(a != b for a, b in zip(after[15:], before[15:]))
    model.layers[0].trainable = True
    fit(model, optimizer=optimiser)
    assert all(a != b for a, b in zip(bits(model)[:15], before[:15]))


# Around it -------------------------------------------------------------------------------------------------------------


def test_callbacks_are_called_in_order_and_may_end_the_training():
    events = []

    class Told:
        def on_train_begin(self, trainer):
            events.append("begin")

        def on_batch_end(self, trainer):
            events.append("batch")

        def on_epoch_end(self, trainer):
            events.append(trainer.epoch)
            trainer.stop = trainer.epoch == 2

        def on_train_end(self, trainer):
            events.append("end")

    history = fit(net(), batch_size=12, callbacks=[Told(), lambda trainer: events.append("function")], epochs=9)
    assert events == ["begin", "batch", "batch", 1, "function", "batch", "batch", 2, "function", "end"]
    assert history["epoch"] == [1, 2]


def test_the_bar_shows_updates_and_losses_and_is_silent_when_not_wanted(capsys):
    fit(net(), progress=True, metrics="accuracy")
    shown = capsys.readouterr()
    assert "18/18" in shown.err
    assert "accuracy" in shown.err
    assert shown.out == ""
    fit(net(), progress=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("optimizer", [*nn.OPTIMISERS, None])
def test_every_optimiser_learns_by_name(optimizer):
    history = fit(nn.MLP(2, [1], seed=0), SUMS, "mse", optimizer=optimizer, epochs=12)
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("schedule", nn.SCHEDULES)
def test_every_schedule_trains_by_name(schedule):
    history = fit(nn.MLP(2, [1], seed=0), SUMS, "mse", schedule=schedule, optimizer="momentum", epochs=8)
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize(
    ("loss", "y", "outputs"),
    [
        ("mse", SUMS, 1),
        ("mae", [[t, -t] for t in SUMS], 2),
        ("huber", SUMS, 1),
        ("binary_cross_entropy", LABELS, 1),
        ("cross_entropy", LABELS, 2),
        ("hinge", [2 * t - 1 for t in LABELS], 1),
        ("kl_divergence", [[0.9, 0.1] if t else [0.2, 0.8] for t in LABELS], 2),
    ],
)
def test_every_loss_trains_by_name(loss, y, outputs):
    history = fit(nn.MLP(2, [6, outputs], seed=0), y, loss, epochs=10)
    assert history["loss"][-1] < history["loss"][0]


def test_updates_schedules_and_clipping_run_on_recorded_values_too():
    t = Value(3.0)
    for name, make in nn.SCHEDULES.items():
        schedule = make(8.0)
        for x in (0.0, 0.8, 3.0, 7.9, 8.0, 9.5):
            assert float(schedule(Value(x))) == schedule(x), name
    assert nn.schedules.cosine(8.0)(t).op is not None
    for optimiser in {type(make([Value(1.0)])) for make in nn.OPTIMISERS.values()}:
        made = optimiser([Value(1.0)])
        fixed = {**made.hyperparameters, "step": 2}
        state = tuple([0.3] * len(made.initial))
        floats = optimiser.update(1.5, -0.5, state, **fixed)
        values = optimiser.update(Value(1.5), Value(-0.5), tuple(map(Value, state)), **fixed)
        assert values[0].op is not None
        assert [float(values[0]), *map(float, values[1])] == [floats[0], *floats[1]], optimiser
    clipped = clipped_by_norm([Value(3.0), Value(4.0)], 1.0)
    assert [c.data for c in clipped] == clipped_by_norm([3.0, 4.0], 1.0)


def test_moons_are_learned():
    # tests/benchmarks/training.py has the mean of 5 seeds on 1,000 held-out points.
    X, y = make_moons(600, noise=0.1, random_state=0)
    net = nn.MLP(2, [8, 8, 1], activation="tanh", seed=0)
    nn.fit(net, X[:200], y[:200], loss="binary_cross_entropy", optimizer=lambda m: nn.Adam(m, lr=0.03), epochs=40,
           batch_size=16, schedule="cosine", seed=0, progress=False)  # fmt: skip
    assert accuracy_score(y[200:], [net(x).data > 0 for x in X[200:]]) >= 0.99
