"""Keras' own layers have the weights of get_weights, in its order and shapes, and the same outputs with them."""

import os

os.environ["KERAS_BACKEND"] = "torch"  # read when keras is imported

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
from engine import Value

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")  # Keras' own

TOLERANCE = 1e-5  # Keras calculates in float32, whatever its layers hold
ACTIVATIONS = {name: name for name in ("relu", "elu", "selu", "sigmoid", "tanh", "softplus", "silu", "gelu")}
ACTIVATIONS |= {"identity": "linear", "leaky_relu": lambda x: keras.activations.leaky_relu(x, negative_slope=0.01)}


def dense(width, activation="identity"):
    return keras.layers.Dense(width, activation=ACTIVATIONS[activation], bias_initializer="normal")


def sequential(nin, *layers):
    return keras.Sequential([keras.Input((nin,)), *layers])


def outputs(model, X):
    return keras.ops.convert_to_numpy(model(np.array(X, float))).tolist()


def ours(net, X):
    return [[y.data for y in out] if isinstance(out, list) else [out.data] for out in map(net.eval(), X)]


def assert_same(net, model, X):
    for mine, theirs in zip(ours(net, X), outputs(model, X)):
        assert mine == pytest.approx(theirs, rel=TOLERANCE, abs=TOLERANCE)


def test_every_activation_is_compared():
    assert ACTIVATIONS.keys() == nn.ACTIVATIONS.keys()


@settings(max_examples=25)
@given(
    st.integers(1, 4),
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.sampled_from(sorted(ACTIVATIONS)),
    st.integers(0, 99),
)
def test_weights_travel_both_ways(nin, widths, activation, seed):
    net = nn.MLP(nin, widths, activation=activation, seed=seed)
    model = sequential(nin, *[dense(n, activation) for n in widths[:-1]], dense(widths[-1]))
    theirs = model.get_weights()
    assert [a.shape for a in net.get_weights()] == [a.shape for a in theirs]
    X = np.random.default_rng(seed).normal(size=(3, nin)).tolist()
    net.set_weights(theirs)
    assert_same(net, model, X)
    for mine, array in zip(net.get_weights(), theirs):
        np.testing.assert_array_equal(mine, array)  # float32 are exact in float64
    other = nn.MLP(nin, widths, activation=activation, seed=seed + 1)
    for p in other.parameters():
        p.data += 0.25
    model.set_weights(other.get_weights())
    assert_same(other, model, X)


def test_dropout_has_no_weights_and_a_layer_norm_its_gain_before_its_bias():
    net = nn.Sequential(
        nn.Layer(3, 4, activation="tanh", seed=0),
        nn.Dropout(0.5, seed=0),
        nn.LayerNorm(4, epsilon=1e-3),
        nn.Layer(4, 2, activation="identity", seed=1),
    )
    for k, p in enumerate(net.parameters()):
        p.data = 0.1 * k - 1.0
    norm = keras.layers.LayerNormalization(epsilon=1e-3)
    model = sequential(3, dense(4, "tanh"), keras.layers.Dropout(0.5), norm, dense(2))
    model.set_weights(net.get_weights())
    assert_same(net, model, [[0.1, 0.2, 0.3], [1.0, -1.0, 2.0]])


def test_an_embedding_is_its_table():
    net = nn.Sequential(nn.Embedding(7, 2, seed=0), nn.Layer(6, 1, activation="identity", seed=1))
    embedding = keras.layers.Embedding(7, 2)
    model = keras.Sequential([keras.Input((3,), dtype="int64"), embedding, keras.layers.Flatten(), dense(1)])
    model.set_weights(net.get_weights())
    X = [[0, 6, 3], [3, 3, 3]]
    theirs = keras.ops.convert_to_numpy(model(np.array(X))).tolist()
    assert ours(net, X) == [pytest.approx(row, rel=TOLERANCE) for row in theirs]


def test_what_a_module_holds_itself_comes_before_the_modules_inside_it_as_in_keras():
    class Scaled(nn.Module):
        def __init__(self):
            self.layer = nn.Layer(2, 3, seed=0)
            self.scale = Value(2.0)

    @keras.saving.register_keras_serializable()
    class Theirs(keras.layers.Layer):
        def build(self, shape):
            self.layer = dense(3)
            self.layer.build(shape)
            self.scale = self.add_weight(shape=())

    theirs = Theirs()
    theirs.build((None, 2))
    assert [a.shape for a in Scaled().get_weights()] == [np.shape(a) for a in theirs.get_weights()]


def test_a_network_of_the_tutorials_takes_weights_of_keras():
    network = nn.NeuralNetwork([3, 4, 2], seed=0)
    model = sequential(3, dense(4, "tanh"), dense(2), keras.layers.Softmax())
    network.set_weights(model.get_weights())
    X = [[0.5, -1.0, 2.0], [0.0, 0.0, 0.0]]
    np.testing.assert_allclose(network.predict(X), outputs(model, X), rtol=TOLERANCE)


def test_keras_own_variables_are_taken_as_they_are():
    model = sequential(2, dense(3, "tanh"))
    net = nn.Layer(2, 3, activation="tanh", seed=0)
    net.set_weights([keras.ops.convert_to_numpy(v) for v in model.weights])
    before = net.state()
    net.set_weights(model.weights)  # tensors that PyTorch keeps gradients of
    assert net.state() == before
