"""Modules and layers: what they are made of, what they compute, the paths of what they make, and bad input."""

import copy
import inspect
import json
import os
import pickle
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine import Value, dot, no_grad, scope, topological_order
from nn import ACTIVATIONS, MLP, Adam, Layer, Module, Neuron, cross_entropy
from nn.activations import activation_function

POINT = [0.5, -1.0]


def test_the_signature_of_a_module_class_is_that_of_its_init():
    class Scaled(Module):
        def __init__(self, scale, *, shift=0.0):
            self.scale = Value(scale)

    assert str(inspect.signature(Scaled)) == "(scale, *, shift=0.0)"
    assert list(inspect.signature(MLP).parameters)[:3] == ["nin", "nouts", "activation"]
    assert str(inspect.signature(Module)) == "()"


def numbers(module):
    return [p.data for p in module.parameters()]


class Tied(Module):
    """One matrix used twice, a Module in a dict, Values in a tuple, and things that are no parameters."""

    def __init__(self):
        self.shared = [[Value(0.5), Value(-0.25)], [Value(1.5), Value(2.0)]]
        self.again = self.shared
        self.parts = {"first": Neuron(2, seed=3), "rest": [Layer(2, 2, seed=4)]}
        self.scales = (Value(3.0), self.shared[0][0])
        self.rate = 0.01
        self.name = "tied"
        self.last = None

    def forward(self, x):
        y = [dot(row, x) for row in self.shared]
        self.last = y[0]
        self.input = Value(1.0)
        return self.parts["first"](y) * self.scales[0] + sum(self.parts["rest"][0](x))


# What Modules are made of --------------------------------------------------------------------------------------------


def test_micrograd_names_work():
    net = MLP(2, [16, 16, 1], seed=0)
    assert len(net.parameters()) == net.parameter_count == 337
    neuron = net.layers[0].neurons[0]
    assert len(neuron.w) == 2
    assert neuron.b.data == 0.0
    assert neuron.parameters() == [*neuron.w, neuron.b]
    assert [n.nonlin for layer in net.layers for n in layer.neurons] == [True] * 32 + [False]
    assert isinstance(net(POINT), Value)
    assert isinstance(Layer(2, 1, seed=0)(POINT), Value)
    assert isinstance(Neuron(2, nonlin=False, seed=0)(POINT), Value)
    assert len(Layer(2, 3, nonlin=False, seed=0)(POINT)) == 3
    net(POINT).backward()
    net.zero_grad()
    assert all(repr(p) == f"Value(data={p.data}, grad=–)" for p in net.parameters())


def test_a_network_is_the_formula_written_by_hand():
    net = MLP(3, [4, 2], activation="tanh", seed=5)
    x = [0.3, -0.7, 1.1]
    hidden = [np.tanh(n.b.data + sum(w.data * a for w, a in zip(n.w, x))) for n in net.layers[0].neurons]
    expected = [n.b.data + sum(w.data * h for w, h in zip(n.w, hidden)) for n in net.layers[1].neurons]
    assert [y.data for y in net(x)] == pytest.approx(expected, rel=1e-14)


def test_a_neuron_is_one_sum_and_one_activation():
    order = topological_order(Neuron(5, activation="tanh", seed=0)([Value(1.0)] * 5))
    assert [v.op.name for v in order if v.op] == ["dot", "tanh"]
    order = topological_order(Neuron(5, activation="identity", seed=0)([1.0] * 5))
    assert [v.op.name for v in order if v.op] == ["dot"]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_the_row_of_its_name(name):
    neuron = Neuron(1, activation=name, init="uniform", seed=1)
    z = 0.7 * neuron.w[0].data
    assert neuron([0.7]).data == (z if name == "identity" else engine.TABLE[name](z))


def test_an_activation_may_be_any_function_of_a_value():
    neuron = Neuron(1, activation=lambda z: z * z + 1.0, init=lambda rng, nin, nout: 2.0, seed=0)
    assert neuron([3.0]).data == 37.0
    assert MLP(1, [2, 1], activation=engine.tanh, seed=0)(1.0).data != 0.0


def test_parameters_are_found_in_any_container_once_each_in_order():
    model = Tied()
    names = [name for name, _ in model.named_parameters()]
    assert names == [
        "shared.0.0", "shared.0.1", "shared.1.0", "shared.1.1",
        "parts.first.w.0", "parts.first.w.1", "parts.first.b",
        "parts.rest.0.neurons.0.w.0", "parts.rest.0.neurons.0.w.1", "parts.rest.0.neurons.0.b",
        "parts.rest.0.neurons.1.w.0", "parts.rest.0.neurons.1.w.1", "parts.rest.0.neurons.1.b",
        "scales.0",
    ]  # fmt: skip
    assert len(set(map(id, model.parameters()))) == len(names) == model.parameter_count
    assert [name for name, _ in model.named_modules()] == [
        "", "parts.first", "parts.rest.0", "parts.rest.0.neurons.0", "parts.rest.0.neurons.1"
    ]  # fmt: skip


@pytest.mark.parametrize("context", [no_grad, lambda: scope("x")])
def test_what_a_call_keeps_on_a_module_is_no_parameter(context):
    model = Tied()
    before = model.parameters()
    with context():
        model(POINT)
    assert model.last is not None
    assert list(map(id, model.parameters())) == list(map(id, before))


def test_a_new_value_in_a_parameters_place_is_a_parameter():
    net = MLP(2, [3, 1], seed=0)
    net.layers[0].neurons[1].w[0] = w = Value(9.0)
    net.layers[1].neurons[0].b = b = Value(8.0)
    net.layers.append(Layer(1, 2, seed=1))
    assert any(p is w for p in net.parameters())
    assert any(p is b for p in net.parameters())
    assert net.parameter_count == 13 + 4


def test_modules_that_contain_each_other_are_walked_once():
    outer, inner = Module(), Neuron(2, seed=0)
    outer.inner, inner.outer = inner, outer
    inner.list = [inner]
    inner.list.append(inner.list)
    assert [name for name, _ in outer.named_modules()] == ["", "inner"]
    assert outer.parameter_count == 3


def test_a_module_written_as_in_micrograd_works():
    class Old(Module):
        def __init__(self):
            self.w = [Value(1.0), Value(2.0)]

        def __call__(self, x):
            return sum((wi * xi for wi, xi in zip(self.w, x)), Value(0.0))

    class Net(Module):
        def __init__(self):
            self.old = Old()

        def forward(self, x):
            return self.old(x)

    assert Net()([3.0, 4.0]).data == 11.0
    assert Net().parameter_count == 2


def test_reprs_are_constructor_calls_or_list_what_is_inside():
    assert repr(MLP(2, [16, 1], seed=0)) == "MLP(2, [16, 1], activation='relu')"
    assert repr(MLP(2, [1], activation="tanh", seed=0)) == "MLP(2, [1])"
    assert repr(Layer(2, 3, activation="tanh", seed=0)) == "Layer(2, 3, activation='tanh')"
    assert repr(Neuron(2, nonlin=False, seed=0)) == "Neuron(2, activation='identity')"
    assert "14 parameters" in repr(Tied())
    assert "parts: {'first': Neuron(2, activation='relu')" in repr(Tied())


def test_a_forward_may_take_more_arguments():
    class Gated(Module):
        def __init__(self):
            self.w = Value(2.0)

        def forward(self, x, gate, scale=1.0):
            return self.w * x * gate * scale

    y = Gated()(3.0, 5.0, scale=7.0)
    assert y.data == 210.0
    assert type(y.scope.module) is Gated


# Inputs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x",
    [
        (0.5, -1.0),
        [Value(0.5), -1],
        np.array(POINT),
        np.array(POINT, np.float32),
        np.array([1, 0, -2, 0])[::2] * np.array([0.5, 0.5]),
        np.array([Value(0.5), Value(-1.0)]),
        (a for a in POINT),
        engine.Operands(POINT),
        np.array(POINT).tolist(),
    ],
    ids=lambda x: type(x).__name__,
)
def test_inputs_may_be_any_row_of_numbers(x):
    assert MLP(2, [3, 1], seed=0)(x).data == MLP(2, [3, 1], seed=0)(POINT).data


def test_read_only_and_integer_arrays_work():
    x = np.array([1, 0])
    x.flags.writeable = False
    assert MLP(2, [3, 1], seed=0)(x).data == MLP(2, [3, 1], seed=0)([1.0, 0.0]).data


def test_gradients_flow_to_inputs():
    x = [Value(0.5), Value(-1.0)]
    neuron = Neuron(2, activation="identity", seed=0)
    neuron(x).backward()
    assert [a.grad for a in x] == [w.data for w in neuron.w]
    assert [w.grad for w in neuron.w] == POINT


def test_a_layer_of_one_neuron_feeds_the_next():
    assert len(MLP(1, [1, 3], seed=0)(2.0)) == 3


def test_editing_a_leaf_after_the_call_leaves_the_gradient_as_it_was():
    x, neuron = Value(2.0), Neuron(1, activation="identity", seed=0)
    y = neuron([x])
    x.data = 100.0
    y.backward()
    assert neuron.w[0].grad == 2.0


# Randomness ----------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits_in_two_processes():
    code = "import nn; print([x.hex() for x in nn.MLP(3, [4, 2], init='normal', seed=7).state().values()])"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": h}, check=True, capture_output=True
        ).stdout
        for h in ("1", "2")
    }
    assert len(seen) == 1
    assert [x.hex() for x in MLP(3, [4, 2], init="normal", seed=7).state().values()] == eval(seen.pop())


def test_without_a_seed_networks_differ_and_their_seed_makes_them_again():
    a, b = MLP(2, [3, 1]), MLP(2, [3, 1])
    assert numbers(a) != numbers(b)
    assert numbers(MLP(2, [3, 1], seed=a.seed)) == numbers(a)
    assert numbers(Neuron(2, seed=(n := Neuron(2)).seed)) == numbers(n)


def test_a_given_generator_is_used_and_no_other_is_touched():
    import random

    before = random.getstate()
    a = MLP(2, [3, 1], rng=random.Random(4))
    assert numbers(a) == numbers(MLP(2, [3, 1], seed=4))
    assert a.seed is None
    assert numbers(MLP(2, [3, 1], rng=np.random.default_rng(4))) != numbers(a)
    assert random.getstate() == before


# State ---------------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(), min_size=9, max_size=9))
def test_a_state_comes_back_to_the_last_bit(xs):
    net = MLP(2, [2, 1], seed=0)
    for p, x in zip(net.parameters(), xs):
        p.data = x
    for keep in (lambda s: json.loads(json.dumps(s)), lambda s: pickle.loads(pickle.dumps(s)), dict):
        twin = MLP(2, [2, 1], seed=1)
        twin.load_state(keep(net.state()))
        assert [x.hex() for x in numbers(twin)] == [x.hex() for x in numbers(net)]


def test_a_state_that_does_not_fit_changes_nothing():
    net = MLP(2, [2, 1], seed=0)
    before = numbers(net)
    state = MLP(2, [2, 1], seed=1).state()
    for bad in (
        {k: v for k, v in state.items() if k != "layers.1.neurons.0.b"},
        {**state, "layers.9.b": 0.0},
        {**state, "layers.1.neurons.0.b": "1.0"},
        MLP(2, [3, 1], seed=1).state(),
    ):
        with pytest.raises((TypeError, ValueError), match="load_state of MLP takes"):
            net.load_state(bad)
        assert numbers(net) == before


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_modules_are_copied_and_pickled_with_what_they_share(again):
    model = Tied()
    twin = again(model)
    assert numbers(twin) == numbers(model)
    assert not {id(p) for p in twin.parameters()} & {id(p) for p in model.parameters()}
    assert twin.again is twin.shared
    assert twin(POINT).data == model(POINT).data


# Learning ------------------------------------------------------------------------------------------------------------


def test_a_network_learns_xor():
    X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    net = MLP(2, [8, 2], activation="tanh", seed=0)
    optimiser = Adam(net, lr=0.05)
    for _ in range(100):
        loss = cross_entropy([net(x) for x in X], y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.data < 0.05
    assert [max((0, 1), key=lambda k: net(x)[k].data) for x in X] == y


# Bad input -----------------------------------------------------------------------------------------------------------

FRAME = SimpleNamespace(shape=(1, 2), tolist=lambda: [[1.0, 2.0]])
BAD = {
    "too few inputs": (lambda: MLP(64, [16, 10], seed=0)([0.0] * 63), ValueError, "layers.0 takes 64 inputs, got 63"),
    "too many inputs": (lambda: Layer(2, 3, seed=0)([1, 2, 3]), ValueError, "Layer(2, 3, activation='relu') takes 2 inputs, got 3"),
    "neuron width": (lambda: Neuron(2, seed=0)([]), ValueError, "Neuron(2, activation='relu') takes 2 inputs, got 0"),
    "a lone number for two": (lambda: MLP(2, [1], seed=0)(1.0), ValueError, "layers.0 takes 2 inputs, got 1"),
    "layers that do not fit": (lambda: bent()(POINT), ValueError, "layers.1 takes 4 inputs, got 3"),
    "a batch": (lambda: MLP(2, [1], seed=0)(np.zeros((5, 2))), ValueError, "layers.0 takes 2 inputs, got an array of shape (5, 2); call it on one row at a time"),
    "a frame": (lambda: MLP(2, [1], seed=0)(FRAME), ValueError, "got an array of shape (1, 2)"),
    "a list of rows": (lambda: MLP(2, [1], seed=0)([[1.0, 2.0], [1.0, 2.0]]), TypeError, "[1.0, 2.0]"),
    "a zero-dimensional array": (lambda: MLP(2, [1], seed=0)(np.array(1.0)), ValueError, "got an array of shape ()"),
    "text": (lambda: MLP(2, [1], seed=0)("12"), TypeError, "layers.0 takes a list of 2 inputs, numbers or Values, got '12'"),
    "a dict": (lambda: MLP(2, [1], seed=0)({"a": 1, "b": 2}), TypeError, "takes a list of 2 inputs"),
    "a set": (lambda: MLP(2, [1], seed=0)({1.0, 2.0}), TypeError, "takes a list of 2 inputs"),
    "None": (lambda: MLP(2, [1], seed=0)(None), TypeError, "got None"),
    "text inside": (lambda: MLP(2, [1], seed=0)([1.0, "2"]), TypeError, "'2'"),
    "None inside": (lambda: MLP(2, [1], seed=0)([1.0, None]), TypeError, "None"),
    "complex inside": (lambda: MLP(2, [1], seed=0)([1.0, 2j]), TypeError, "2j"),
    "no layers": (lambda: MLP(2, []), ValueError, "MLP takes at least one layer size in nouts, got []; for one output write [1]"),
    "a number of layers": (lambda: MLP(2, 3), TypeError, "MLP takes a list of layer sizes, [1] for one layer, as nouts, got 3"),
    "text of layers": (lambda: MLP(2, "16"), TypeError, "MLP takes a list of layer sizes"),
    "zero neurons": (lambda: MLP(2, [0, 1]), ValueError, "MLP takes whole numbers from 1 as nouts, got 0"),
    "negative inputs": (lambda: MLP(-2, [1]), ValueError, "MLP takes whole numbers from 1 as nin, got -2"),
    "half a neuron": (lambda: Layer(2, 1.5), TypeError, "Layer takes whole numbers from 1 as nout, got 1.5"),
    "a bool of neurons": (lambda: Neuron(True), TypeError, "Neuron takes whole numbers from 1 as nin, got True"),
    "unknown activation": (lambda: MLP(2, [1], activation="rleu"), ValueError, f"activation takes one of {', '.join(ACTIVATIONS)}, or a function of a Value, got 'rleu'; did you mean 'relu'?"),
    "another name of an activation": (lambda: Neuron(2, activation="Linear"), ValueError, "did you mean 'identity'?"),
    "nothing like an activation": (lambda: Neuron(2, activation="qqq"), ValueError, "got 'qqq'"),
    "a number as activation": (lambda: Neuron(2, activation=3), TypeError, "activation takes a name or a function of a Value, got 3"),
    "an activation as nonlin": (lambda: Neuron(2, "tanh"), TypeError, "Neuron takes True or False as nonlin, got 'tanh'; write activation='tanh'"),
    "two activations": (lambda: Neuron(2, nonlin=False, activation="relu"), ValueError, "Neuron takes nonlin=False or an activation, got both"),
    "unknown init": (lambda: MLP(2, [1], init="he_unifrom"), ValueError, "init takes one of zeros, uniform, normal"),
    "nearest init": (lambda: MLP(2, [1], init="he_unifrom"), ValueError, "got 'he_unifrom'; did you mean 'he_uniform'?"),
    "a number as init": (lambda: MLP(2, [1], init=0.5), TypeError, "init takes a name or a function (rng, inputs, outputs) -> weight, got 0.5"),
    "rng and seed": (lambda: MLP(2, [1], rng=np.random.default_rng(0), seed=1), ValueError, "takes rng or seed, got both"),
    "a number as rng": (lambda: MLP(2, [1], rng=3), TypeError, "rng takes a generator such as random.Random(0), got 3; for a number use seed="),
    "text as seed": (lambda: MLP(2, [1], seed="3"), TypeError, "a network takes a whole number from 0 as seed, got '3'"),
    "half a seed": (lambda: MLP(2, [1], seed=0.5), TypeError, "a network takes a whole number from 0 as seed, got 0.5"),
    "a negative seed": (lambda: MLP(2, [1], seed=-1), ValueError, "a network takes a whole number from 0 as seed, got -1"),
    "no forward": (lambda: Module()(1.0), TypeError, "Module takes no calls: define forward(self, x) in the class"),
    "a list as state": (lambda: MLP(1, [1], seed=0).load_state([1.0]), TypeError, "load_state of MLP takes a dict"),
    "a state that lacks one": (lambda: MLP(1, [1], seed=0).load_state({"layers.0.neurons.0.b": 0.0}), ValueError, "misses 'layers.0.neurons.0.w.0'"),
    "a state with one more": (lambda: MLP(1, [1], seed=0).load_state({**MLP(1, [1], seed=0).state(), "w": 0.0}), ValueError, "has the unknown 'w'"),
}  # fmt: skip


def bent():
    net = MLP(2, [4, 1], seed=0)
    net.layers[0] = Layer(2, 3, seed=0)
    return net


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_the_users_terms(case):
    act, error, says = BAD[case]
    with pytest.raises(error, match=re.escape(says)) as caught:
        act()
    assert type(caught.value) is error
    assert "/engine/" not in str(caught.value)


def test_the_legal_activations_are_rows_of_the_table():
    assert set(ACTIVATIONS) <= set(engine.TABLE)
    assert activation_function("identity") is None
