"""fit in native code agrees with eager mode, or says that it does not compile; "auto" trains wherever eager mode does."""

import random
from collections import namedtuple
from types import SimpleNamespace

import numpy as np
import pytest

import nn
from engine import Value, relu, square, where

pytestmark = pytest.mark.usefixtures("unoptimised")  # test_fit has all of LLVM's passes

RNG = random.Random(3)
X = [[RNG.uniform(-1, 1) for _ in range(3)] for _ in range(37)]
Y = [a * b - c for a, b, c in X]
BACKENDS = ["eager", "jit", "auto"]
Outputs = namedtuple("Outputs", "a b")


class Shaped(nn.Module):
    """Outputs in some shape."""

    def __init__(self, shape):
        self.net, self.shape = nn.MLP(3, [3, 2], seed=0), shape

    def forward(self, x):
        return self.shape(*self.net(x))


SHAPES = {
    "list": lambda a, b: [a, b],
    "tuple": lambda a, b: (a, b),
    "namedtuple": Outputs,
    "dict": lambda a, b: {"a": a, "b": b},
    "nested": lambda a, b: [[a], (b,)],
    "array": lambda a, b: np.array([a, b]),
    "matrix": lambda a, b: np.array([[a], [b]]),
    "arrays": lambda a, b: [np.array(a), np.array(b)],
    "object": lambda a, b: SimpleNamespace(a=a, b=b),
    "generator": lambda a, b: (y for y in (a, b)),
    "alone": lambda a, b: a + b,
    "boxed": lambda a, b: np.array(a + b),
    "with text": lambda a, b: [a, "text", b],
}


def values(outputs):
    """The Values of outputs in any shape."""
    if outputs.__class__ is Value:
        return [outputs]
    if isinstance(outputs, str):
        return []
    if isinstance(outputs, np.ndarray):
        return outputs.ravel().tolist()
    inside = vars(outputs).values() if isinstance(outputs, SimpleNamespace) else outputs
    return [v for y in (inside.values() if isinstance(inside, dict) else inside) for v in values(y)]


def squared(outputs, t):
    first, *more = values(outputs)
    loss = square(first - t)
    for y in more:
        loss = loss + square(y - t)
    return loss


def trained(backend, net=None, **options):
    """(history, parameters, trainer)."""
    net = net() if net else nn.MLP(3, [4, 1], activation="tanh", seed=0)
    options = {
        "loss": squared,
        "optimizer": "sgd",
        "epochs": 3,
        "batch_size": 8,
        "seed": 4,
        "progress": False,
        **options,
    }
    trainer = nn.Trainer(net, X, Y, backend=backend, **options)
    return trainer.run(), [p.data for p in net.parameters()], trainer


def assert_same(first, second, exactly=False):
    for name, xs in first[0].items():
        assert second[0][name] == (xs if exactly else pytest.approx(xs, rel=1e-9))
    assert second[1] == (first[1] if exactly else pytest.approx(first[1], rel=1e-9, abs=1e-11))
    assert second[2].random.getstate() == first[2].random.getstate()


@pytest.mark.parametrize("validation", [None, 0.3])
@pytest.mark.parametrize("shape", SHAPES)
def test_outputs_of_any_shape_train_alike(shape, validation):
    runs = [trained(backend, lambda: Shaped(SHAPES[shape]), validation=validation) for backend in BACKENDS]
    assert_same(runs[0], runs[1])
    assert_same(runs[1], runs[2], exactly=True)
    assert runs[2][2]._backend.native is not None


# What a callback changes ---------------------------------------------------------------------------------------------


def setting(change):
    def callback(trainer):
        if trainer.epoch == 1:
            change(trainer)

    return callback


class Leaky(nn.Module):
    """A Module with settings of every kind."""

    def __init__(self):
        self.net, self.slope, self.more = nn.MLP(3, [4, 1], activation="tanh", seed=0), 0.1, {"offset": [0.0]}
        self.config = SimpleNamespace(scale=1.0)

    def forward(self, x):
        y = self.net(x) * self.config.scale + self.more["offset"][0]
        return where(y > 0.0, y, self.slope * y)


def activated(net, activation):
    for neuron in net.layers[0].neurons:
        neuron.activation = activation


CHANGES = {
    "accumulate": lambda t: setattr(t, "accumulate", 3),
    "batch_size": lambda t: setattr(t, "batch_size", 5),
    "all in a batch": lambda t: setattr(t, "batch_size", None),
    "objective": lambda t: setattr(t, "objective", t.objective._replace(loss=lambda outputs, y: squared(outputs, 2.0 * y))),
    "activation": lambda t: activated(t.net.net, "relu"),
    "activation by a function": lambda t: activated(t.net.net, lambda v: relu(v) * 0.5),
    "number": lambda t: setattr(t.net, "slope", 0.5),
    "minus zero": lambda t: setattr(t.net, "slope", -0.0),
    "object": lambda t: setattr(t.net.config, "scale", 2.0),
    "list": lambda t: t.net.more["offset"].__setitem__(0, 0.25),
    "strength": lambda t: setattr(t.penalties[0], "strength", 0.2),
    "penalties": lambda t: t.penalties.append(nn.l1(0.1)),
    "clip_value": lambda t: setattr(t, "clip_value", 0.01),
    "clip_norm": lambda t: setattr(t, "clip_norm", 0.01),
    "momentum": lambda t: setattr(t.optimizer, "momentum", 0.5),
    "schedule": lambda t: setattr(t, "schedule", lambda time: 0.5),
}  # fmt: skip


@pytest.mark.parametrize("when", ["epoch", "batch"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_a_callback_changes_counts_as_in_eager_mode(change, when):
    class Inside:
        def on_batch_end(self, trainer):
            if (trainer.epoch, trainer.update) == (1, 2):
                CHANGES[change](trainer)

    def run(backend):
        return trained(
            backend, Leaky, epochs=4, validation=0.2, penalty=nn.l2(0.01), optimizer="momentum",
            callbacks=setting(CHANGES[change]) if when == "epoch" else Inside(),
        )  # fmt: skip

    eager, native = run("eager"), run("jit")
    assert_same(eager, native)
    unchanged = trained("eager", Leaky, epochs=4, validation=0.2, penalty=nn.l2(0.01), optimizer="momentum")
    assert eager[1] != unchanged[1]


# What does not compile -----------------------------------------------------------------------------------------------


class Odd(nn.Module):
    """Runs on numbers alone; on traced Values it raises."""

    def __init__(self, error):
        self.net, self.error = nn.MLP(3, [4, 1], activation="tanh", seed=0), error

    def forward(self, x):
        if any(a.__class__ is Value for a in x):
            raise self.error
        return self.net(x)


ERRORS = [
    ValueError("mine"),
    KeyError("mine"),
    RecursionError("mine"),
    ZeroDivisionError("mine"),
    AssertionError("mine"),
]


@pytest.mark.parametrize("error", [*ERRORS, NotImplementedError("mine")], ids=lambda e: type(e).__name__)
def test_whatever_is_raised_while_compiling_is_told_and_auto_trains(error, capsys):
    eager, auto = (trained(backend, lambda: Odd(error)) for backend in ("eager", "auto"))
    assert_same(eager, auto, exactly=True)
    assert "fit trains in eager mode: " in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"fit takes backend='jit' where all compiles: .*mine"):
        trained("jit", lambda: Odd(error))


def test_what_is_wrong_in_eager_mode_too_is_told_there(capsys):
    for backend in BACKENDS:
        with pytest.raises(ValueError, match="Neuron takes 3 inputs|takes 2 inputs"):
            trained(backend, lambda: nn.Sequential(nn.Layer(3, 3, seed=0), nn.Layer(2, 1, seed=0)))


class Drawing(nn.Module):
    def __init__(self):
        self.net, self.rng, self.dropout = nn.MLP(3, [4, 1], seed=0), random.Random(5), nn.Dropout(0.2, seed=3)

    def forward(self, x):
        return self.net(self.dropout([a + self.rng.gauss(0.0, 0.1) for a in x]))


def test_falling_back_draws_nothing_and_leaves_the_network_as_it_was(capsys):
    for training in (True, False):
        states = []
        for backend in ("eager", "auto"):
            net = Drawing().train(training)
            nn.Trainer(net, X, Y, loss=squared, seed=4, progress=False, backend=backend)
            states.append(
                [random.getstate(), str(np.random.get_state()), net.rng.getstate(), net.dropout.rng.getstate()]
            )
            states[-1] += [m.training for _, m in net.named_modules()]
        assert states[0] == states[1]
    assert "Dropout aside" in capsys.readouterr().err
    assert_same(trained("eager", Drawing), trained("auto", Drawing), exactly=True)


@pytest.mark.parametrize(
    "source",
    [random, random.Random(1), np.random, np.random.default_rng(1)],
    ids=["python", "own", "numpy", "Generator"],
)
@pytest.mark.parametrize("place", ["loss", "penalty", "rarely"])
def test_random_losses_and_penalties_are_refused(source, place, capsys):
    options = {
        "loss": {"loss": lambda outputs, t: squared(outputs, t) * (1.0 + source.random())},
        "penalty": {"penalty": [nn.l2(0.1), lambda net: square(net.parameters()[0]) * source.random()]},
        "rarely": {"loss": lambda outputs, t: squared(outputs, t) * (2.0 if source.random() > 0.999999 else 1.0)},
    }[place]
    with pytest.raises(ValueError, match=r"answers differently from call to call, .* draw from a .*random"):
        trained("jit", **options)
    _, _, trainer = trained("auto", **options)
    assert trainer._backend.native is None and "call to call" in capsys.readouterr().err


def test_a_loss_that_counts_is_refused():
    calls = []

    def loss(outputs, t):
        calls.append(t)
        return squared(outputs, t) * len(calls)

    with pytest.raises(ValueError, match="answers differently from call to call"):
        trained("jit", loss=loss)


def branching(v):
    return v if v > 0.0 else v * 0.5


def test_what_no_longer_compiles_goes_on_in_eager_mode_with_a_line(capsys):
    def change(trainer):
        activated(trainer.net, branching)

    eager, auto = (trained(b, callbacks=setting(change), epochs=4, validation=0.2) for b in ("eager", "auto"))
    assert_same(eager, auto)
    assert auto[2]._backend.native is None
    assert capsys.readouterr().err.count("fit trains in eager mode: jit takes functions") == 1
    with pytest.raises(ValueError, match=r"fit takes backend='jit' where all compiles: .* bool\(\)"):
        trained("jit", callbacks=setting(change))


def test_an_evaluation_that_does_not_compile_is_eager_with_a_line(capsys):
    class Branches(nn.Module):
        def __init__(self):
            self.net = nn.MLP(3, [4, 1], activation="tanh", seed=0)

        def forward(self, x):
            y = self.net(x)
            return y if self.training else branching(y)

    eager, auto = (trained(b, Branches, validation=0.2) for b in ("eager", "auto"))
    assert_same(eager, auto)
    assert capsys.readouterr().err.count("fit trains in eager mode") == 1
    with pytest.raises(ValueError, match="where all compiles"):
        trained("jit", Branches, validation=0.2)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("wrong", [None, [], "text", [1.0], 1.0, Value(2.0)], ids=lambda x: type(x).__name__)
def test_a_penalty_that_is_constant_or_no_number_is_refused_alike(wrong, backend):
    with pytest.raises((TypeError, ValueError), match="takes a penalty that (returns a Value|depends on .*), got"):
        trained(backend, penalty=[nn.l2(0.1), lambda net: wrong])


def test_metrics_of_outputs_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="metrics of outputs that are no list of numbers"):
        trained("jit", lambda: Shaped(SHAPES["dict"]), metrics={"first": lambda t, p: 0.0})
