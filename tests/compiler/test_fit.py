"""nn.fit in native code does what it does in eager mode: every optimiser, loss, schedule, penalty, Dropout."""

import os
import random
import sys

import pytest

import nn
from engine import Value, exp, tanh, where

MANY = int(os.environ.get("MANY", "1"))
unoptimised = pytest.mark.usefixtures("unoptimised")  # every optimiser and loss by itself has all of LLVM's passes
RNG = random.Random(3)
X = [[RNG.uniform(-1, 1) for _ in range(3)] for _ in range(37)]
SIGNS = [1.0 if a * b > c / 3 else -1.0 for a, b, c in X]
CLASSES = [0 if a > 0.3 else 1 if b > 0.0 else 2 for a, b, _ in X]
NUMBERS = [[a - b, a * c] for a, b, c in X]
PROBABILITIES = [[0.2, 0.5, 0.3] if a > 0.0 else [0.6, 0.3, 0.1] for a, _, _ in X]


class OwnStep(nn.SGD):
    """An optimiser that looks at all parameters at once."""

    def step(self):
        super().step()
        largest = max(abs(p.data) for p in self.parameters)
        for p in self.parameters:
            p.data /= max(largest, 1.0)


def trained(backend, y, outputs, net=None, **options):
    """(history, parameters, trainer) of a short training."""
    net = net() if net else nn.MLP(3, [5, outputs], activation="tanh", seed=0)
    options = {"loss": "mse", "epochs": 3, "batch_size": 8, "seed": 4, "progress": False, **options}
    trainer = nn.Trainer(net, X, y, backend=backend, **options)
    return trainer.run(), [p.data for p in net.parameters()], trainer


def assert_same(y, outputs, **options):
    history, parameters, eager = trained("eager", y, outputs, **options)
    for backend in ("numpy", "jit"):
        other_history, other, compiled = trained(backend, y, outputs, **options)
        assert other == pytest.approx(parameters, rel=1e-9, abs=1e-11)
        assert list(history) == list(other_history)
        for name, xs in history.items():
            assert other_history[name] == pytest.approx(xs, rel=1e-9)
        assert compiled.random.getstate() == eager.random.getstate()
        assert compiled.optimizer.steps == eager.optimizer.steps
        assert compiled.optimizer.lr == eager.optimizer.lr
        for a, b in zip(compiled.optimizer.states, eager.optimizer.states):
            assert a == pytest.approx(b, rel=1e-8, abs=1e-12)
    return compiled


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


@unoptimised
@pytest.mark.parametrize(
    "options",
    [
        {"schedule": "cosine"},
        {"schedule": lambda t: 1.0 / (1.0 + t)},
        {"penalty": nn.l2(0.01)},
        {"penalty": [nn.l1(0.01), lambda net: 0.1 * net.parameters()[0]]},
        {"clip_value": 0.01},
        {"clip_norm": 0.3},
        {"clip_norm": 0.3, "clip_value": 0.2, "accumulate": 3, "penalty": nn.l2(0.05)},
        {"clip_norm": 1e6, "optimizer": "adam"},
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


@unoptimised
def test_metrics_are_of_the_outputs_before_each_update():
    assert_same(CLASSES, 3, loss="cross_entropy", metrics="accuracy", validation=0.25, optimizer="adam")


@unoptimised
def test_the_evaluation_is_compiled_once():
    trainer = trained("jit", NUMBERS, 2, validation=0.3, epochs=4)[2]
    assert len(trainer._backend.native._evaluate.compilations) == 1


def with_dropout():
    return nn.Sequential(
        nn.Layer(3, 6, seed=0),
        nn.Dropout(0.4, seed=1),
        nn.Layer(6, 4, seed=2),
        nn.Dropout(0.2, seed=1),
        nn.Layer(4, 2, seed=3),
    )


@unoptimised
def test_dropout_draws_the_same_masks():
    assert_same(NUMBERS, 2, net=with_dropout, optimizer="sgd")


@unoptimised
def test_a_dropout_that_is_called_twice_draws_twice():
    class Twice(nn.Module):
        def __init__(self):
            self.inner, self.dropout = nn.Layer(3, 3, activation="tanh", seed=0), nn.Dropout(0.4, seed=1)
            self.last = nn.Layer(3, 2, activation="identity", seed=2)

        def forward(self, x):
            once = self.dropout(self.inner(x))
            return self.last(self.dropout(self.inner(once)))

    assert_same(NUMBERS, 2, net=Twice, optimizer="sgd")


@unoptimised
def test_dropout_may_be_switched_off_by_a_callback():
    def switch(trainer):
        trainer.net.layers[1].rate = 0.0 if trainer.epoch == 1 else 0.5

    assert_same(NUMBERS, 2, net=with_dropout, optimizer="sgd", epochs=4, callbacks=switch)


class Batches:
    """Looks at everything after each update, and does something to it."""

    def __init__(self, act=lambda trainer: None):
        self.seen, self.act = [], act

    def on_batch_end(self, trainer):
        first = trainer.optimizer.parameters[0].data
        gradients = [p.grad for p in trainer.optimizer.parameters]
        self.seen.append(
            (trainer.epoch, trainer.update, first, trainer.optimizer.steps, trainer.optimizer.lr, *gradients)
        )
        self.act(trainer)


def halve(trainer):
    trainer.optimizer.lr *= 0.5


def shift(trainer):
    trainer.net.parameters()[3].data += 0.125


def stop(trainer):
    trainer.stop = (trainer.epoch, trainer.update) == (1, 2)


def stop_at_the_end(trainer):
    trainer.stop = trainer.update == 5


@unoptimised
@pytest.mark.parametrize("act", [lambda trainer: None, halve, shift, stop, stop_at_the_end])
@pytest.mark.parametrize("net", [None, with_dropout])
def test_a_callback_after_each_batch_sees_and_changes_what_it_would_in_eager_mode(act, net):
    seen = []
    for backend in ("eager", "jit"):
        batches = Batches(act)
        history, parameters, trainer = trained(
            backend,
            NUMBERS,
            2,
            net=net,
            optimizer="momentum",
            clip_norm=0.4,
            callbacks=batches,
            metrics={"first": lambda t, p: p[0][0]},
        )
        seen.append([*parameters, *history["loss"], *history["first"], trainer.epoch, trainer.update])
        seen[-1] += [number for row in batches.seen for number in row]
    assert len(seen[0]) > 50
    assert seen[1] == pytest.approx(seen[0], rel=1e-9, abs=1e-11)


@unoptimised
def test_an_interrupt_in_a_callback_ends_the_training_after_it(capsys):
    def interrupt(trainer):
        if (trainer.epoch, trainer.update) == (0, 2):
            trainer.interrupted = True

    batches = Batches(interrupt)
    _, _, trainer = trained("jit", NUMBERS, 2, callbacks=batches)
    assert [row[:2] for row in batches.seen] == [(0, 1), (0, 2)]
    assert (trainer.epoch, trainer.update, trainer.interrupted) == (0, 2, True)
    assert "after update 2 of 5" in capsys.readouterr().err
    trainer.run()
    assert trainer.epoch == 3


def test_a_kl_divergence_with_probabilities_of_0_compiles():
    some = [[0.0, 1.0, 0.0] if a > 0.0 else [0.5, 0.0, 0.5] for a, _, _ in X]
    assert_same(some, 3, loss="kl_divergence", optimizer="sgd", validation=0.3)


LETTERS = [[i % 5, (3 * i + 1) % 5, i * i % 5] for i in range(37)]


def with_embedding():
    return nn.Sequential(nn.Embedding(5, 2, seed=0), nn.Layer(6, 3, activation="identity", seed=1))


@unoptimised
def test_an_embedding_trains_alike(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "X", LETTERS)
    assert_same(CLASSES, 3, net=with_embedding, loss="cross_entropy", optimizer="adam", validation=0.3)


@pytest.mark.parametrize("number", [7, -1, 0.5])
def test_a_number_without_a_row_ends_a_native_training(number, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "X", [*LETTERS[:-1], [0, number, 1]])
    for backend in ("eager", "jit"):
        with pytest.raises(ValueError, match=f"whole numbers from 0 to 4, got {number}"):
            trained(backend, CLASSES, 3, net=with_embedding, loss="cross_entropy")


@unoptimised
def test_frozen_layers_stay_and_may_be_freed_between_epochs():
    def net():
        net = nn.MLP(3, [5, 2], activation="tanh", seed=0)
        net.layers[0].trainable = False
        return net

    def free(trainer):
        trainer.net.layers[0].trainable = trainer.epoch >= 2

    assert_same(NUMBERS, 2, net=net, optimizer="adam", callbacks=free)


@unoptimised
def test_weights_edited_in_a_callback_are_used():
    def edit(trainer):
        trainer.net.parameters()[0].data = 0.25

    assert_same(NUMBERS, 2, optimizer="sgd", callbacks=edit)


@unoptimised
def test_a_training_goes_on_from_the_state_of_an_eager_one():
    _, want, _ = trained("eager", NUMBERS, 2, epochs=4)
    half = trained("eager", NUMBERS, 2, epochs=2)[2]
    net = nn.MLP(3, [5, 2], activation="tanh", seed=9)
    rest = nn.Trainer(net, X, NUMBERS, loss="mse", epochs=4, batch_size=8, seed=4, progress=False, backend="jit")
    rest.load_state(half.state())
    rest.run()
    assert [p.data for p in net.parameters()] == pytest.approx(want, rel=1e-9)


class Noisy(nn.Module):
    """Draws from a generator that is not Dropout's."""

    def __init__(self):
        self.layer, self.noise = nn.Layer(3, 2, activation="identity", seed=0), random.Random(0)

    def forward(self, x):
        return self.layer([a + self.noise.gauss(0.0, 0.1) for a in x])


@unoptimised
@pytest.mark.parametrize("update", [1, 4, 7, 10])
def test_a_native_training_resumes_with_the_same_bits(update):
    options = {
        "optimizer": "adam", "schedule": "one_cycle", "clip_norm": 0.5, "penalty": nn.l2(1e-3), "validation": 0.2,
        "early_stopping": 3, "metrics": {"first": lambda t, p: p[0][0]}, "epochs": 4,
    }  # fmt: skip
    _, whole, one = trained("jit", NUMBERS, 2, net=with_dropout, **options)
    states = []

    def stop_and_keep(trainer):
        trainer.stop = len(states) == 0 and 4 * trainer.epoch + trainer.update == update
        if trainer.stop:
            states.append(trainer.state())

    trained("jit", NUMBERS, 2, net=with_dropout, callbacks=Batches(stop_and_keep), **options)
    fresh = {"loss": "mse", "batch_size": 8, "seed": 4, "progress": False, "backend": "jit", **options}
    rest = nn.Trainer(with_dropout(), X, NUMBERS, **fresh)
    rest.load_state(states[0])
    assert rest.run() == one.history
    assert [p.data for p in rest.net.parameters()] == whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": lambda ys, t: ys[0] * ys[1] if ys[0] > 0 else ys[0] + ys[1]}, "bool"),
        ({"optimizer": lambda net: OwnStep(net, lr=0.1)}, "a step of its own"),
    ],
)
def test_what_does_not_compile_is_named_and_auto_falls_back_with_a_line(options, message, capsys):
    with pytest.raises(ValueError, match=message):
        trained("jit", NUMBERS, 2, **options)
    _, automatic, _ = trained("auto", NUMBERS, 2, **options)
    assert message in capsys.readouterr().err
    _, eager, _ = trained("eager", NUMBERS, 2, **options)
    assert automatic == eager


def test_a_network_with_a_generator_of_its_own_stays_eager(capsys):
    with pytest.raises(ValueError, match="differently from call to call"):
        trained("jit", NUMBERS, 2, net=Noisy)
    trained("auto", NUMBERS, 2, net=Noisy)
    assert "differently from call to call" in capsys.readouterr().err


def test_a_missing_llvmlite_makes_auto_numpy(monkeypatch, capsys):
    from engine.compiler.llvm import processor

    processor.llvm.cache_clear()
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    try:
        _, automatic, _ = trained("auto", NUMBERS, 2)
        with pytest.raises(ImportError, match="llvmlite"):
            trained("jit", NUMBERS, 2)
        on_numpy = trained("numpy", NUMBERS, 2)[1]
        _, eager, _ = trained("auto", NUMBERS, 2, loss=lambda ys, t: ys[0] if ys[0] > 0 else ys[1])
    finally:
        processor.llvm.cache_clear()
    said = capsys.readouterr().err.splitlines()
    assert "trains on NumPy" in said[0] and "llvmlite" in said[0]
    assert "trains in eager mode" in said[-1] and "bool" in said[-1]
    assert automatic == on_numpy
    assert eager == trained("eager", NUMBERS, 2, loss=lambda ys, t: ys[0] if ys[0] > 0 else ys[1])[1]


@unoptimised
def test_a_loss_that_diverges_ends_the_training():
    with pytest.warns(RuntimeWarning, match="smaller learning rate"):
        history, _, _ = trained("jit", NUMBERS, 2, optimizer=lambda net: nn.SGD(net, lr=1e200), epochs=50)
    assert len(history["epoch"]) < 50


PENALTIES = {"none": None, "l1": nn.l1(0.01), "l2": nn.l2(0.02), "both": [nn.l1(0.01), nn.l2(0.02, biases=True)]}
SCHEDULES = [None, *sorted(nn.schedules.SCHEDULES)]
# Every pair of optimiser and schedule, and of either with each penalty, meets; MANY=2 runs every triple.
TRIPLES = [
    (optimizer, schedule, penalty)
    for i, optimizer in enumerate(sorted(nn.optim.OPTIMISERS))
    for j, schedule in enumerate(SCHEDULES)
    for k, penalty in enumerate(PENALTIES)
    if MANY > 1 or (i + j) % len(PENALTIES) == k
]


@unoptimised
@pytest.mark.parametrize(("optimizer", "schedule", "penalty"), TRIPLES)
def test_every_optimiser_schedule_and_penalty_train_alike(optimizer, schedule, penalty):
    """To 1e-9: sums over a batch run in another order, 1e-16 a step, and steps divided by small moments magnify it."""
    options = {"optimizer": optimizer, "schedule": schedule, "penalty": PENALTIES[penalty]}
    assert_same(NUMBERS, 2, net=lambda: nn.MLP(3, [2, 2], activation="tanh", seed=0), epochs=5, **options)


@unoptimised
def test_a_penalty_left_out_is_caught(monkeypatch):
    from nn.training.traced import TracedRun

    monkeypatch.setattr(TracedRun, "penalty", lambda self, ps: 0.0 * ps[0])
    with pytest.raises(AssertionError):
        assert_same(NUMBERS, 2, optimizer="sgd", penalty=nn.l2(0.01))


@unoptimised
def test_a_norm_of_too_few_gradients_is_caught(monkeypatch):
    from engine.compiler import training_code

    original = training_code.TrainingCode._measured
    monkeypatch.setattr(
        training_code.TrainingCode,
        "_measured",
        lambda self, *rest: (
            setattr(self, "_count", self._count - 1),
            original(self, *rest),
            setattr(self, "_count", self._count + 1),
        )[1],
    )
    with pytest.raises(AssertionError):
        assert_same(NUMBERS, 2, optimizer="sgd", clip_norm=0.3)


@unoptimised
def test_a_wrong_step_count_is_caught(monkeypatch):
    from engine.compiler.training_loop import TrainingLoop

    original = TrainingLoop.run

    def late(self, order=None, *, settings=(), **more):
        return original(self, order, settings=[[lr, step + 1.0] for lr, step in settings], **more)

    monkeypatch.setattr(TrainingLoop, "run", late)
    with pytest.raises(AssertionError):
        assert_same(NUMBERS, 2, optimizer="adam")
    assert Value


@unoptimised
def test_while_it_compiles_the_bar_says_so(capsys):
    said = {}
    for shown in (True, False):
        nn.fit(nn.MLP(2, [2, 1], seed=0), [[0.0, 1.0]], [1.0], loss="mse", epochs=1, progress=shown, backend="jit")
        said[shown] = capsys.readouterr().err
    assert said[True].index("compiling") < said[True].index("1/1")
    assert said[False] == ""


@pytest.mark.parametrize("backend", ["jit", "numpy"])
@pytest.mark.parametrize(
    "tied", [lambda a, b: b.reverse(), lambda a, b: a.__setitem__(0, b[1])], ids=["reversed", "another"]
)
def test_a_callback_may_tie_weights_otherwise(backend, tied):
    def trained(backend):
        net, epochs = nn.MLP(2, [3, 1], activation="tanh", seed=0), []
        a, b, _ = [neuron.w for neuron in net.layers[0].neurons]
        a[0] = b[0]

        def after(trainer):
            epochs.append(trainer.epoch)
            if len(epochs) == 2:
                tied(a, b)

        optimizer = nn.SGD(net, lr=0.1)
        X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
        nn.fit(
            net,
            X,
            y,
            loss="mse",
            optimizer=optimizer,
            epochs=4,
            seed=0,
            callbacks=[after],
            backend=backend,
            progress=False,
        )
        return [*net.state().values()]

    assert trained(backend) == pytest.approx(trained("eager"), rel=1e-12)
