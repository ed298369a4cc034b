"""Training: the same bits by seed, after a stop, and as a loop written by hand; what each option does."""

import json
import math
import random
import signal
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

import nn
from engine import mean, square
from nn.data import permutation

rng = random.Random(5)
X = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(23)]
LABELS = [int(a * b > 0) for a, b in X]
SUMS = [a - 2 * b for a, b in X]


def net(seed=0):
    return nn.MLP(2, [5, 1], activation="tanh", seed=seed)


def dropping(outputs=3):
    return nn.Sequential(
        nn.Layer(2, 6, seed=1), nn.Dropout(0.3, seed=2), nn.Layer(6, outputs, activation="identity", seed=3)
    )


def fit(model, y=LABELS, loss="binary_cross_entropy", **options):
    options = {"epochs": 3, "batch_size": 4, "seed": 0, "progress": False, **options}
    return nn.fit(model, X, y, loss=loss, **options)


def bits(model):
    return [p.data.hex() for p in model.parameters()]


# The same bits ---------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    first, again, other = net(), net(), net()
    assert fit(first) == fit(again)
    fit(other, seed=1)
    assert bits(first) == bits(again) != bits(other)


def test_without_a_seed_a_fresh_one_is_kept_that_repeats_the_training():
    first, again = net(), net()
    trainer = nn.Trainer(first, X, LABELS, loss="binary_cross_entropy", epochs=2, batch_size=4, progress=False)
    trainer.run()
    fit(again, epochs=2, seed=trainer.seed)
    assert bits(first) == bits(again)


def test_fit_is_the_loop_that_one_writes_by_hand():
    ours, by_hand = net(), net()
    fit(ours, SUMS, "mse", optimizer=nn.SGD(ours, lr=0.05, momentum=0.9))
    optimiser, shuffling = nn.SGD(by_hand, lr=0.05, momentum=0.9), random.Random(0)
    for _ in range(3):
        order = permutation(len(X), shuffling)
        for start in range(0, len(X), 4):
            batch = order[start : start + 4]
            by_hand.zero_grad()
            mean([nn.mse(by_hand(X[i]), SUMS[i]) for i in batch]).backward()
            optimiser.step()
    assert bits(ours) == bits(by_hand)


def test_every_example_is_used_once_an_epoch():
    seen = []

    def loss(output, target):
        seen.append(target)
        return square(output - target)

    fit(net(), SUMS, loss, epochs=2)
    seen = seen[-2 * len(X) :]
    assert sorted(seen[: len(X)]) == sorted(seen[len(X) :]) == sorted(SUMS)
    assert seen[: len(X)] != seen[len(X) :]


@given(st.integers(0, 200), st.integers(0, 2**32))
def test_a_permutation_holds_each_number_once(count, seed):
    order = permutation(count, random.Random(seed))
    assert sorted(order) == list(range(count))


def test_permutations_are_even():
    # 24 orders of 4 in 24,000 draws: chi-squared with 23 degrees of freedom is below 49.7 with probability 0.999.
    draw, counts = random.Random(1), {}
    for _ in range(24_000):
        order = tuple(permutation(4, draw))
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24
    assert sum((n - 1000) ** 2 / 1000 for n in counts.values()) < 49.7


@pytest.mark.parametrize(("batch_size", "accumulate"), [(1, 4), (2, 3), (4, 2), (5, 2), (3, 100)])
def test_accumulated_batches_are_one_large_batch(batch_size, accumulate):
    small, large = net(), net()
    options = {"optimizer": "nesterov", "penalty": nn.l2(0.01), "clip_norm": 0.5}
    history = fit(small, batch_size=batch_size, accumulate=accumulate, **options)
    assert history["loss"] == pytest.approx(
        fit(large, batch_size=batch_size * accumulate, **options)["loss"], rel=1e-12
    )
    for p, q in zip(small.parameters(), large.parameters()):
        assert p.data == pytest.approx(q.data, rel=1e-11, abs=1e-13)


# Resumed ---------------------------------------------------------------------------------------------------------------


class Stop:
    """Ends the training after so many updates."""

    def __init__(self, updates):
        self.left = updates

    def on_batch_end(self, trainer):
        self.left -= 1
        if self.left <= 0:
            trainer.stop = True


def trainer(callbacks=(), optimizer="adam"):
    model = dropping()
    made = nn.Trainer(
        model,
        X,
        [i % 3 for i in range(len(X))],
        loss="cross_entropy",
        optimizer=optimizer,
        epochs=4,
        batch_size=3,
        seed=7,
        validation=0.2,
        metrics="accuracy",
        schedule="one_cycle",
        early_stopping=nn.EarlyStopping(2),
        clip_norm=1.0,
        penalty=nn.l1(1e-3),
        progress=False,
        callbacks=callbacks,
    )
    return made, model


def same_bits_when_resumed_after(updates, optimizer="adam"):
    whole, net_whole = trainer(optimizer=optimizer)
    whole.run()
    first, _ = trainer([Stop(updates)], optimizer)
    first.run()
    saved = json.loads(json.dumps(first.state()))
    second, net_second = trainer(optimizer=optimizer)
    second.load_state(saved)
    second.run()
    return bits(net_whole) == bits(net_second) and whole.history == second.history


@settings(max_examples=8)
@given(st.integers(1, 24), st.sampled_from(["adam", "momentum", "rmsprop", "adagrad", "adamw", "nesterov"]))
def test_a_training_resumed_after_any_update_gives_the_same_bits(updates, optimizer):
    assert same_bits_when_resumed_after(updates, optimizer)


@pytest.mark.parametrize("lost", ["random", "optimizer", "order", "sum", "predicted", "update", "best"])
def test_the_law_of_resuming_finds_each_part_of_the_state_that_is_lost(lost, monkeypatch):
    whole = nn.Trainer.state

    def without(self):
        state, fresh = whole(self), whole(trainer()[0])
        return {**state, lost: fresh[lost]}

    monkeypatch.setattr(nn.Trainer, "state", without)
    try:
        same = same_bits_when_resumed_after(9)
    except (ValueError, IndexError, ZeroDivisionError):
        same = False  # found at once
    assert not same


def test_a_state_of_another_training_is_refused_and_nothing_changes():
    ours, model = trainer()
    other = nn.Trainer(net(), X, LABELS, loss="binary_cross_entropy", seed=0, progress=False)
    before = ours.state()
    for state in (
        other.state(),
        {**before, "net": {}},
        {**before, "optimizer": {}},
        {**before, "random": [3, [1], None]},
    ):
        with pytest.raises(ValueError, match="load_state|state vector"):
            ours.load_state(state)
        assert ours.state() == before
    with pytest.raises(TypeError, match="takes a dict"):
        ours.load_state(3)
    with pytest.raises(ValueError, match="without 'net'"):
        ours.load_state({})


def test_a_training_can_be_asked_for_more_epochs():
    ours, longer = net(), net()
    whole = nn.Trainer(longer, X, LABELS, loss="binary_cross_entropy", epochs=4, seed=0, progress=False)
    half = nn.Trainer(ours, X, LABELS, loss="binary_cross_entropy", epochs=2, seed=0, progress=False)
    half.run()
    half.epochs = 4
    assert half.run() == whole.run()
    assert bits(ours) == bits(longer)


# Interrupted -----------------------------------------------------------------------------------------------------------


def interrupting(after):
    calls = [0]

    def loss(outputs, target):
        calls[0] += 1
        if calls[0] == after:
            signal.raise_signal(signal.SIGINT)
        return nn.cross_entropy(outputs, int(target))

    return loss


@pytest.mark.parametrize("after", [1, 2, 30, 40])
def test_ctrl_c_returns_what_there_is_says_so_and_can_be_gone_on_from(after, capsys):
    def training(loss):
        model = dropping()
        return nn.Trainer(
            model, X, [i % 3 for i in range(len(X))], loss=loss, epochs=3, batch_size=4, seed=1, progress=False
        )

    whole = training(interrupting(0))
    whole.run()
    stopped = training(interrupting(after))
    handler = signal.getsignal(signal.SIGINT)
    history = stopped.run()
    assert stopped.interrupted
    assert signal.getsignal(signal.SIGINT) is handler
    assert len(history["loss"]) == (after - 1) // len(X)
    assert f"interrupted after update {((after - 1) % len(X)) // 4} of 6 in epoch" in capsys.readouterr().err
    assert all(math.isfinite(p.data) and p.grad == 0.0 for p in stopped.net.parameters())
    stopped.run()
    assert not stopped.interrupted
    assert bits(stopped.net) == bits(whole.net)
    assert stopped.history == whole.history


def test_a_second_ctrl_c_ends_it_at_once():
    def loss(output, target):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")

    trainer = nn.Trainer(net(), X, LABELS, loss=interrupting_twice(loss), epochs=1, seed=0, progress=False)
    trainer.run()
    assert trainer.interrupted


def interrupting_twice(loss):
    return lambda output, target: loss(output, target)


def test_an_error_in_a_loss_leaves_no_gradients_behind_and_the_dropout_its_generator():
    model = dropping(1)
    generator = model[1].rng

    def loss(output, target):
        if target == SUMS[3]:
            raise LookupError("mine")
        return square(output - target)

    with pytest.raises(LookupError, match="mine"):
        fit(model, SUMS, loss)
    assert all(p.grad == 0.0 for p in model.parameters())
    assert model[1].rng is generator


# Validation, metrics, early stopping ------------------------------------------------------------------------------------


def test_held_out_examples_are_never_trained_on():
    trained = set()
    model = net()

    def loss(output, target):
        if model.training:
            trained.add(target)
        return square(output - target)

    history = fit(model, SUMS, loss, validation=0.25)
    assert len(trained) == len(X) - round(0.25 * len(X))
    assert len(history["val_loss"]) == 3


def test_the_validation_loss_is_the_mean_loss_in_evaluation_mode():
    model = dropping(1)
    history = fit(model, SUMS, "mse", validation=(X[:5], SUMS[:5]))
    assert not model.training
    expected = statistics.fmean([(model(x).data - t) ** 2 for x, t in zip(X[:5], SUMS[:5])])
    assert history["val_loss"][-1] == pytest.approx(expected, rel=1e-12)


def test_the_loss_of_an_epoch_is_the_mean_over_its_examples_without_the_penalty():
    model = net()
    start = statistics.fmean([nn.mse(model(x), t).data for x, t in zip(X, SUMS)])
    history = fit(model, SUMS, "mse", epochs=1, optimizer=lambda m: nn.SGD(m, lr=1e-12), penalty=nn.l2(3.0))
    assert history["loss"] == [pytest.approx(start, rel=1e-9)]


def test_metrics_of_scikit_learn_take_true_and_predicted_classes():
    model = net()
    metrics = {"accuracy": accuracy_score, "f1": f1_score}
    history = fit(model, metrics=metrics, validation=(X, LABELS), epochs=20)
    assert list(history) == ["epoch", "loss", "accuracy", "f1", "val_loss", "val_accuracy", "val_f1"]
    predicted = [int(model(x).data > 0) for x in X]
    assert history["val_accuracy"][-1] == accuracy_score(LABELS, predicted)
    assert history["val_f1"][-1] == f1_score(LABELS, predicted)
    assert fit(net(), metrics="accuracy", epochs=20)["accuracy"] == history["accuracy"]


@pytest.mark.parametrize(
    ("loss", "y", "expected"),
    [
        ("cross_entropy", [[1, 0, 0]] * 3 + [[0, 0, 1]] * 20, {0, 1, 2}),
        ("hinge", [1 if t else -1 for t in LABELS], {-1, 1}),
        ("binary_cross_entropy", LABELS, {0, 1}),
    ],
)
def test_predictions_are_classes_as_the_targets_name_them(loss, y, expected):
    kept = []

    def metric(true, predicted):
        kept.extend([*true, *predicted])
        return 0.0

    model = nn.MLP(2, [3 if loss == "cross_entropy" else 1], seed=0)
    fit(model, y, loss, metrics={"m": metric})
    assert set(kept) <= expected
    assert all(type(k) is int for k in kept)


def scripted(losses):
    """A trainer whose validation loss follows a script, whatever is learned."""
    left = iter(losses)

    def loss(output, target):
        return 0.0 * output + (next(left) if target == 99.0 else 1.0)

    return loss


def test_early_stopping_waits_and_puts_the_best_weights_back():
    script = [5.0, 4.0, 4.5, 3.0, 3.5, 3.2, 3.1, 2.0]
    model, kept = nn.MLP(2, [1], seed=0), []

    def loss(output, target):
        if model.training:
            return square(output - target)
        return 0.0 * output + script[len(kept)]

    history = fit(
        model,
        SUMS,
        loss,
        epochs=8,
        validation=(X[:1], [0.0]),
        early_stopping=3,
        callbacks=lambda trainer: kept.append(bits(model)),
    )
    assert history["val_loss"] == script[:7]
    assert bits(model) == kept[3]


def test_early_stopping_by_a_metric_that_grows_and_without_restoring():
    scores = iter([0.1, 0.5, 0.5, 0.55, 0.52, 0.9])
    stopping = nn.EarlyStopping(2, monitor="score", mode="max", min_change=0.1, restore=False)
    model, kept = net(), []
    history = fit(
        model,
        epochs=6,
        metrics={"score": lambda true, predicted: next(scores)},
        early_stopping=stopping,
        callbacks=lambda trainer: kept.append(bits(model)),
    )
    assert history["score"] == [0.1, 0.5, 0.5, 0.55]
    assert bits(model) == kept[-1]


def test_nan_is_never_better():
    stopping = nn.EarlyStopping(1)
    assert not stopping.better(math.nan, 1.0)
    assert stopping.better(1.0, math.nan)


def test_a_loss_that_explodes_ends_the_training_with_a_warning():
    model = net()
    with pytest.warns(
        RuntimeWarning, match=r"fit stopped in epoch \d, whose loss is (nan|inf); try a smaller"
    ) as caught:
        history = fit(model, [1e200 * t for t in SUMS], "mse", optimizer=lambda m: nn.SGD(m, lr=1e10), epochs=50)
    assert len(history["loss"]) < 50
    assert caught[0].filename == __file__


def test_one_class_alone_gives_a_warning_at_the_users_line():
    with pytest.warns(UserWarning, match="got 23 examples of one class in y, 1") as caught:
        fit(net(), [1] * 23)
    assert caught[0].filename == __file__
