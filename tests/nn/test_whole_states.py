"""What sets much sets all or nothing: wherever Ctrl-C is pressed, and whatever a state holds that it should not."""

import copy
import json
import math
from functools import cache
from importlib import import_module

import pytest
from ctrl_c import pressed_at_each_call
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
import nn
from engine import Value

X = [[(i * 7 % 13) / 13.0 - 0.5, (i * 5 % 11) / 11.0 - 0.5] for i in range(12)]
Y = [int(a * b > 0.0) for a, b in X]
ROOMS = [
    "engine.assignment",
    "engine.backprop",
    "engine.value",
    *(f"nn.{n}" for n in "files.saving matrices module network optimiser training.trainer weights".split()),
]
FILES = [import_module(name).__file__ for name in ROOMS]


def net(seed):
    return nn.MLP(2, [2, 1], activation="tanh", seed=seed)


def trainer(seed=0, epochs=4, stop=None, **more):
    def on_batch_end(made):
        made.stop = made.epoch * 2 + made.update == stop

    callback = type("Stop", (), {"on_batch_end": staticmethod(on_batch_end)})
    model = net(seed)
    return nn.Trainer(
        model, X, Y, loss="binary_cross_entropy", optimizer=nn.Adam(model, lr=0.05), epochs=epochs, batch_size=5,
        seed=seed, validation=0.25, metrics="accuracy", early_stopping=9, schedule="cosine", progress=False,
        callbacks=callback(), **more,
    )  # fmt: skip


def half_trained(seed=0):
    made = trainer(seed, stop=5)
    made.run()
    return made


# Ctrl-C --------------------------------------------------------------------------------------------------------------


def stepping():
    model = net(0)
    optimiser = nn.Adam(model)
    for k, p in enumerate(model.parameters()):
        p.grad = float(k + 1)
    return optimiser.step, lambda: (model.state(), optimiser.state())


def loading_an_optimiser():
    model, other = net(0), net(1)
    optimiser, trained = nn.Adam(model), nn.Adam(other, lr=0.5)
    for p in other.parameters():
        p.grad = 1.0
    trained.step()
    return lambda: optimiser.load_state(trained.state()), optimiser.state


def loading_a_module():
    model, state = net(0), net(1).state()
    return lambda: model.load_state(state), model.state


def setting_weights():
    model, weights = net(0), net(1).get_weights()
    return lambda: model.set_weights(weights), model.state


def writing_a_matrix():
    layer = nn.Layer(2, 3, seed=0)
    return lambda: layer.W.__setitem__(..., [[1.0, 2.0]] * 3), layer.state


def descending():
    network = nn.NeuralNetwork([2, 2, 1], seed=0)
    network.backward(X[:2], Y[:2])

    def state():
        return (
            [W.tolist() for W in network.W],
            [d.tolist() for d in network.dW + network.db],
            network.optimizer.state(),
        )

    return lambda: network.backward(X[2:4], Y[2:4]), state


@cache
def half_trained_state():
    """To be copied."""
    return half_trained().state()


def loading_a_trainer():
    made, state = trainer(1), copy.deepcopy(half_trained_state())
    return lambda: made.load_state(state), made.state


def loading_a_file(folder):
    made = trainer(1)
    if not (folder / "half").exists():
        source = half_trained()
        nn.save(folder / "half", source.net, source)
    return lambda: nn.load(folder / "half", trainer=made), made.state


SETS = [
    stepping, loading_an_optimiser, loading_a_module, setting_weights, writing_a_matrix, descending, loading_a_trainer,
    loading_a_file,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # by Ctrl-C before its block
@pytest.mark.parametrize("prepared", SETS, ids=[f.__name__ for f in SETS])
def test_all_is_set_or_nothing_wherever_ctrl_c_is_pressed(prepared, tmp_path):
    made = (lambda: prepared(tmp_path)) if prepared is loading_a_file else prepared
    act, state = made()
    before = repr(state())
    act()
    after, seen, runs = repr(state()), set(), []

    def anew():
        runs[:] = made()

    presses = 0
    for _ in pressed_at_each_call(lambda: runs[0](), *FILES, before=anew):
        presses += 1
        found = repr(runs[1]())
        assert found in (before, after)
        seen.add(found)
    assert presses > 2 and before != after


def test_an_edit_in_one_step_reaches_what_was_read_before():
    neuron = nn.Neuron(2, activation="identity", seed=0)
    neuron([1.0, 1.0])
    neuron.set_weights([[[1.0], [2.0]], [3.0]])
    assert neuron([1.0, 1.0]).data == 6.0


def test_inside_jit_a_step_is_refused_as_any_edit_is():
    layer = nn.Layer(1, 1, seed=0)

    def edits(x):
        layer.load_state(dict.fromkeys(layer.state(), 0.0))
        return x * layer.neurons[0].w[0]

    with pytest.raises(TypeError, match="jit takes functions"):
        engine.jit(edits)(1.0)


# States with something wrong in them ---------------------------------------------------------------------------------

HALF = half_trained().state()
WRONG = {
    "epoch": [-5, 2.5, None, "2", 10**400, 1, math.nan],
    "update": [-1, 99, None, 1.5, True],
    "lr": [math.nan, -0.1, 0.0, math.inf, None, "0.1", 10**400],
    "seed": [-1, 1.5, None, "0"],
    "sum": [None, "1", 1j, 10**400],
    "random": [None, [], [3, [1], None], [3, ["x"] * 625, None], [4, HALF["random"][1], None], "text"],
    "order": [[0] * 9, [*HALF["order"][:-1], 99], HALF["order"][:-1], [0.5] * 9, None, "012345678", [-1] * 9, []],
    "predicted": [None, ["x"], [None] * 5, [1j], [0.5] * 99, []],
    "history": [{}, None, [], {**HALF["history"], "loss": [0.5]}, {**HALF["history"], "loss": ["x", "y"]}],
    "best": [1, {}, {**HALF["best"], "epoch": 99}, {**HALF["best"], "parameters": [1.0]}, {**HALF["best"], "value": None}],
    "net": [{}, None, dict.fromkeys(HALF["net"]), {**HALF["net"], "more": 1.0}],
    "optimizer": [
        {}, None, {**HALF["optimizer"], "lr": math.nan}, {**HALF["optimizer"], "steps": -1},
        {**HALF["optimizer"], "states": [[0.0]]}, {**HALF["optimizer"], "states": None},
        {**HALF["optimizer"], "steps": 1.5}, {**HALF["optimizer"], "beta1": 1.0},
    ],
}  # fmt: skip
BAD = [(name, k) for name, xs in WRONG.items() for k in range(len(xs))]


def refused_whole(made, load, state):
    before = repr(made.state())
    with pytest.raises((TypeError, ValueError), match="takes"):
        load(state)
    assert repr(made.state()) == before


@pytest.mark.parametrize(("name", "k"), BAD, ids=[f"{name} {k}" for name, k in BAD])
def test_a_trainer_takes_no_state_with_a_bad_field_and_keeps_its_own(name, k):
    made = trainer(1)
    refused_whole(made, made.load_state, {**copy.deepcopy(HALF), name: WRONG[name][k]})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60)
@given(st.sampled_from(sorted(HALF)), anything)
def test_any_field_of_a_state_is_taken_as_it_is_meant_or_refused_whole(name, x):
    made = trainer(1)
    before = repr(made.state())
    try:
        made.load_state({**copy.deepcopy(HALF), name: x})
    except (TypeError, ValueError):
        assert repr(made.state()) == before
    else:
        json.dumps(made.state())
        assert made.state()["epoch"] == 2
        made.run()


@settings(max_examples=60)
@given(st.sampled_from(["steps", "states", "lr", "momentum", "nesterov", "weight_decay"]), anything)
def test_an_optimiser_takes_any_field_as_it_is_meant_or_refuses_the_state_whole(name, x):
    p = Value(1.0)
    optimiser = nn.SGD([p], momentum=0.5, nesterov=True)
    before = optimiser.state()
    try:
        optimiser.load_state({**before, name: x})
    except (TypeError, ValueError):
        assert optimiser.state() == before
    else:
        p.grad = 0.5
        optimiser.step()
        assert isinstance(p.data, float) and optimiser.steps >= 1


def test_a_whole_state_is_taken():
    made = trainer(1)
    made.load_state(copy.deepcopy(HALF))
    assert repr(made.state()) == repr(HALF)
