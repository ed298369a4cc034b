"""nn.fit in native code does what it does in eager mode: every optimiser, loss, schedule, penalty, Dropout."""

import random
import sys

import pytest

import nn
from engine import Value, exp, tanh, where

RNG = random.Random(3)
X = [[RNG.uniform(-1, 1) for _ in range(3)] for _ in range(37)]
SIGNS = [1.0 if a * b > c / 3 else -1.0 for a, b, c in X]
CLASSES = [0 if a > 0.3 else 1 if b > 0.0 else 2 for a, b, _ in X]
NUMBERS = [[a - b, a * c] for a, b, c in X]
PROBABILITIES = [[0.2, 0.5, 0.3] if a > 0.0 else [0.6, 0.3, 0.1] for a, _, _ in X]


def trained(backend, y, outputs, net=None, **options):
    """(history, parameters, trainer) of a short training."""
    net = net() if net else nn.MLP(3, [5, outputs], activation="tanh", seed=0)
    options = {"loss": "mse", "epochs": 3, "batch_size": 8, "seed": 4, "progress": False, **options}
    trainer = nn.Trainer(net, X, y, backend=backend, **options)
    return trainer.run(), [p.data for p in net.parameters()], trainer


def assert_same(y, outputs, **options):
    (history, parameters, eager), (native_history, native, jit) = (
        trained(backend, y, outputs, **options) for backend in ("eager", "jit")
    )
    assert native == pytest.approx(parameters, rel=1e-9, abs=1e-11)
    assert list(history) == list(native_history)
    for name, xs in history.items():
        assert native_history[name] == pytest.approx(xs, rel=1e-9)
    assert jit.random.getstate() == eager.random.getstate()
    assert jit.optimizer.steps == eager.optimizer.steps
    assert jit.optimizer.lr == eager.optimizer.lr
    for a, b in zip(jit.optimizer.states, eager.optimizer.states):
        assert a == pytest.approx(b, rel=1e-8, abs=1e-12)
    return jit


@pytest.mark.parametrize("optimizer", sorted(nn.optim.OPTIMISERS))
def test_every_optimiser_steps_alike(optimizer):
    assert_same(NUMBERS, 2, optimizer=optimizer)


@pytest.mark.parametrize(
    ("loss", "y", "outputs"),
    [
        ("mse", NUMBERS, 2),
        ("mae", NUMBERS, 2),
        ("huber", NUMBERS, 2),
        ("binary_cross_entropy", [(s + 1) / 2 for s in SIGNS], 1),
        ("cross_entropy", CLASSES, 3),
        ("hinge", SIGNS, 1),
        ("kl_divergence", PROBABILITIES, 3),
        (lambda outputs, t: where(outputs > t, exp(outputs - t), tanh(t - outputs)), SIGNS, 1),
    ],
)
def test_every_loss_is_the_same(loss, y, outputs):
    assert_same(y, outputs, loss=loss, optimizer="sgd")


def test_the_test_of_losses_knows_all_of_them():
    assert set(nn.losses.LOSSES) == {
        "mse", "mae", "huber", "binary_cross_entropy", "cross_entropy", "hinge", "kl_divergence"
    }  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"schedule": "cosine"},
        {"schedule": lambda t: 1.0 / (1.0 + t)},
        {"penalty": nn.l2(0.01)},
        {"penalty": [nn.l1(0.01), lambda net: 0.1 * net.parameters()[0]]},
        {"clip_value": 0.01},
        {"accumulate": 2},
        {"batch_size": None},
        {"batch_size": 64},
        {"validation": 0.3, "early_stopping": 1, "epochs": 8},
        {"validation": (X[:5], NUMBERS[:5]), "metrics": {"first": lambda t, p: t[0][0] - p[0][0]}},
        {"optimizer": lambda net: nn.SGD(net, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01)},
    ],
)
def test_every_option_means_the_same(options):
    assert_same(NUMBERS, 2, **{"optimizer": "sgd", **options})


def test_metrics_are_of_the_outputs_before_each_update():
    assert_same(CLASSES, 3, loss="cross_entropy", metrics="accuracy", validation=0.25, optimizer="adam")


def with_dropout():
    return nn.Sequential(
        nn.Layer(3, 6, seed=0),
        nn.Dropout(0.4, seed=1),
        nn.Layer(6, 4, seed=2),
        nn.Dropout(0.2, seed=1),
        nn.Layer(4, 2, seed=3),
    )


def test_dropout_draws_the_same_masks():
    assert_same(NUMBERS, 2, net=with_dropout, optimizer="sgd")


def test_frozen_layers_stay_and_may_be_freed_between_epochs():
    def net():
        net = nn.MLP(3, [5, 2], activation="tanh", seed=0)
        net.layers[0].trainable = False
        return net

    def free(trainer):
        trainer.net.layers[0].trainable = trainer.epoch >= 2

    assert_same(NUMBERS, 2, net=net, optimizer="adam", callbacks=free)


def test_weights_edited_in_a_callback_are_used():
    def edit(trainer):
        trainer.net.parameters()[0].data = 0.25

    assert_same(NUMBERS, 2, optimizer="sgd", callbacks=edit)


def test_a_training_goes_on_from_the_state_of_an_eager_one():
    _, want, _ = trained("eager", NUMBERS, 2, epochs=4)
    half = trained("eager", NUMBERS, 2, epochs=2)[2]
    net = nn.MLP(3, [5, 2], activation="tanh", seed=9)
    rest = nn.Trainer(net, X, NUMBERS, loss="mse", epochs=4, batch_size=8, seed=4, progress=False, backend="jit")
    rest.load_state(half.state())
    rest.run()
    assert [p.data for p in net.parameters()] == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip_norm": 1.0}, "clip_norm"),
        ({"loss": lambda outputs, t: outputs[0] * 2.0 if outputs[0] > 0 else outputs[0] * 0.5}, "bool"),
        ({"callbacks": type("Batches", (), {"on_batch_end": lambda self, trainer: None})()}, "on_batch_end"),
    ],
)
def test_what_does_not_compile_is_named_and_auto_falls_back_with_a_line(options, message, capsys):
    with pytest.raises(ValueError, match=message):
        trained("jit", NUMBERS, 2, **options)
    _, automatic, _ = trained("auto", NUMBERS, 2, **options)
    assert message in capsys.readouterr().err
    _, eager, _ = trained("eager", NUMBERS, 2, **options)
    assert automatic == eager


def test_a_missing_llvmlite_makes_auto_eager(monkeypatch, capsys):
    from engine.compiler import machine

    machine.llvm.cache_clear()
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    try:
        _, automatic, _ = trained("auto", NUMBERS, 2)
        with pytest.raises(ImportError, match="llvmlite"):
            trained("jit", NUMBERS, 2)
    finally:
        machine.llvm.cache_clear()
    assert "llvmlite" in capsys.readouterr().err
    assert automatic == trained("eager", NUMBERS, 2)[1]


def test_a_loss_that_diverges_ends_the_training():
    with pytest.warns(RuntimeWarning, match="smaller learning rate"):
        history, _, _ = trained("jit", NUMBERS, 2, optimizer=lambda net: nn.SGD(net, lr=1e200), epochs=50)
    assert len(history["epoch"]) < 50


def test_a_wrong_step_count_is_caught(monkeypatch):
    from engine.compiler.training import TrainingLoop

    original = TrainingLoop.run

    def late(self, order=None, *, settings=(), **more):
        return original(self, order, settings=[[lr, step + 1.0] for lr, step in settings], **more)

    monkeypatch.setattr(TrainingLoop, "run", late)
    with pytest.raises(AssertionError):
        assert_same(NUMBERS, 2, optimizer="adam")
    assert Value
