"""What a training is easily asked for by mistake, or without being said clearly: the answer is right, or an error says why."""

import random
from functools import partial

import numpy as np
import pytest

import nn

rng = random.Random(7)
X = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(12)]
LABELS = [int(a > b) for a, b in X]
SUMS = [a - 2 * b for a, b in X]


def fit(model, y=LABELS, loss="binary_cross_entropy", **options):
    options = {"epochs": 3, "batch_size": 4, "seed": 0, "progress": False, **options}
    return nn.fit(model, X, y, loss=loss, **options)


def line(outputs=1):
    return nn.MLP(2, [outputs], seed=0)


# Metrics -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs", [1, 2])
def test_accuracy_takes_a_probability_as_the_class_that_it_makes_more_likely(outputs):
    soft, hard = [[[0.1, 0.9][t]] * outputs for t in LABELS], [[t] * outputs for t in LABELS]
    model = nn.MLP(2, [outputs], init=lambda rng, nin, nout: 0.0, seed=0)
    for neuron in model.layers[0].neurons:
        neuron.w[0].data, neuron.w[1].data = 9.0, -9.0  # says what LABELS say
    barely = {"epochs": 1, "optimizer": nn.SGD(model, lr=1e-9), "metrics": "accuracy"}
    assert fit(model, soft, **barely)["accuracy"] == fit(model, hard, **barely)["accuracy"] == [1.0]


@pytest.mark.parametrize(
    "loss", ["mse", lambda z, t: nn.binary_cross_entropy(z, t, label_smoothing=0.1)], ids=["mse", "a function"]
)
def test_accuracy_is_refused_where_predictions_are_no_classes(loss):
    with pytest.raises(ValueError, match="fit takes accuracy where the loss is one of classes, got the loss"):
        fit(line(), loss=loss, metrics="accuracy")
    near = {"near": lambda true, predicted: sum(abs(t - p) < 0.5 for t, p in zip(true, predicted)) / len(true)}
    assert fit(line(), SUMS, "mse", metrics=near, epochs=1)["near"][0] >= 0.0
    bound = partial(nn.binary_cross_entropy, label_smoothing=0.1)
    assert fit(line(), loss=bound, metrics="accuracy") == fit(
        line(), loss=bound, metrics={"accuracy": lambda true, predicted: sum(map(int.__eq__, true, predicted)) / 12}
    )


def test_two_metrics_of_one_name_are_refused_since_only_one_would_be_kept():
    with pytest.raises(ValueError, match="fit takes metrics of different names, got two called '<lambda>'"):
        fit(line(), metrics=[lambda true, predicted: 1.0, lambda true, predicted: 2.0])


# Early stopping ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["eager", "jit"])
def test_early_stopping_restores_the_best_weights_of_a_training_that_diverged(backend):
    model, kept = line(), []

    def explode(trainer):
        kept.append(model.state())
        if trainer.epoch == 3:
            trainer.optimizer.lr = 1e200

    with pytest.warns(RuntimeWarning, match="whose loss is"):
        history = fit(model, SUMS, "mse", epochs=20, callbacks=explode, early_stopping=10, backend=backend)
    best = min(range(3), key=history["loss"].__getitem__)
    assert len(history["loss"]) == 4 and model.state() == kept[best]


@pytest.mark.parametrize("name", ["accuracy", "val_accuracy"])
def test_early_stopping_on_the_smallest_accuracy_is_refused(name):
    options = {"metrics": "accuracy", "validation": 0.25}
    with pytest.raises(ValueError, match=f"EarlyStopping takes mode='max' to monitor '{name}'"):
        fit(line(), early_stopping=nn.EarlyStopping(2, monitor=name), **options)
    stopping = nn.EarlyStopping(2, monitor=name, mode="max")
    assert len(fit(line(), early_stopping=stopping, **options)["loss"]) == 3


# Numbers -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["epochs", "batch_size", "accumulate", "seed"])
def test_an_array_is_no_whole_number(name):
    with pytest.raises(TypeError, match=f"fit takes a whole number from . as {name}, got array"):
        fit(line(), **{name: np.array([3])})


# Resuming ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["eager", "jit"])
def test_a_learning_rate_that_a_callback_lowers_stays_so_when_the_training_is_resumed(backend):
    def trainer(*callbacks):
        model = line()
        return nn.Trainer(
            model, X, SUMS, loss="mse", optimizer=nn.SGD(model, lr=0.1), epochs=4, batch_size=4, seed=0,
            progress=False, callbacks=[lambda t: setattr(t.optimizer, "lr", t.optimizer.lr * 0.5), *callbacks],
            backend=backend,
        )  # fmt: skip

    whole, states = trainer(lambda t: states.append(t.state())), []
    whole.run()
    resumed = trainer()
    resumed.load_state(states[1])
    resumed.run()
    assert resumed.net.state() == whole.net.state()
    paused = trainer(lambda t: setattr(t, "stop", t.epoch == 2))
    paused.run()
    paused.run()
    assert paused.net.state() == whole.net.state()
