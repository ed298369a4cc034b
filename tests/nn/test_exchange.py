"""Weights as arrays, and doors to other frameworks: what can be told without them."""

import sys

import idioms
import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
import nn
from engine import Value
from nn.activations import ELU, LeakyReLU, Softplus, TanhGELU
from nn.exchange.steps import Dense, Nonlinearity, inputs_of, outputs_of, steps
from nn.files.recipes import network
from nn.weights import slots

matplotlib.use("agg")

# Weights as lists of arrays --------------------------------------------------------------------------------------------


def net():
    return nn.MLP(2, [3, 1], seed=0)


def test_a_kernel_has_a_row_for_each_input_and_a_column_for_each_neuron():
    layer = nn.Layer(2, 3, seed=0)
    for j, n in enumerate(layer.neurons):
        n.w[0].data, n.w[1].data, n.b.data = 10.0 + j, 20.0 + j, 30.0 + j
    kernel, bias = layer.get_weights()
    assert kernel.tolist() == [[10.0, 11.0, 12.0], [20.0, 21.0, 22.0]]
    assert bias.tolist() == [30.0, 31.0, 32.0]
    assert kernel.dtype == bias.dtype == np.float64


@given(st.integers(1, 4), st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(0, 9))
def test_weights_that_are_set_are_those_that_are_got_and_share_nothing(nin, widths, seed):
    rng = np.random.default_rng(seed)
    model = nn.MLP(nin, widths, seed=seed)
    given = [rng.normal(size=a.shape) for a in model.get_weights()]
    model.set_weights(given)
    for mine, array in zip(model.get_weights(), given):
        np.testing.assert_array_equal(mine, array)
    outputs = list(model.state().values())
    for array in [*given, *model.get_weights()]:
        array[...] = np.nan
    assert list(model.state().values()) == outputs
    X = rng.normal(size=(4, nin))
    h = X
    for k, (W, b) in enumerate(zip(model.get_weights()[::2], model.get_weights()[1::2])):
        h = h @ W + b
        h = np.maximum(h, 0.0) if k < len(widths) - 1 else h
    ours = [model(x) for x in X]
    ours = [[y.data for y in out] if isinstance(out, list) else [out.data] for out in ours]
    np.testing.assert_allclose(ours, h, rtol=1e-12, atol=1e-12)


KINDS = {
    "lists": lambda a: a.tolist(),
    "float32": lambda a: a.astype(np.float32),
    "integers": lambda a: np.arange(a.size).reshape(a.shape),
    "objects": lambda a: a.astype(object),
    "read-only": lambda a: np.broadcast_to(0.5, a.shape),
    "Fortran order": np.asfortranarray,
    "bools": lambda a: a > 0.0,
    "nan and infinities": lambda a: np.full(a.shape, np.nan),
}


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_every_kind_are_set_to_their_numbers(kind):
    model = net()
    given = [KINDS[kind](a) for a in model.get_weights()]
    model.set_weights(given)
    for mine, array in zip(model.get_weights(), given):
        np.testing.assert_array_equal(mine, np.array(array, float))


W = [np.ones((2, 3)), np.ones(3), np.ones((3, 1)), np.ones(1)]
WRONG = [
    (W[:3], ValueError, "set_weights of MLP takes 4 arrays, got 3; the bias of layers.1 (1,) missing"),
    ([*W, 1.0], ValueError, "set_weights of MLP takes 4 arrays, got 5; array 4 is one too many"),
    (
        [W[0].T, *W[1:]],
        ValueError,
        "set_weights of MLP takes an array of shape (2, 3) as the kernel of layers.0, array 0, got one of shape (3, 2); "
        "a kernel has a row for each input: transpose it, as PyTorch's weight.T",
    ),
    (
        [*W[:3], np.ones((1, 1))],
        ValueError,
        "set_weights of MLP takes an array of shape (1,) as the bias of layers.1, array 3, got one of shape (1, 1)",
    ),
    (
        [*W[:3], ["one"]],
        TypeError,
        "set_weights of MLP takes an array of shape (1,) as the bias of layers.1, array 3, got what is no array of real "
        "numbers: ['one']",
    ),
    (
        [*W[:3], [1j]],
        TypeError,
        "set_weights of MLP takes an array of shape (1,) as the bias of layers.1, array 3, got what is no array of real "
        "numbers: [1j]",
    ),
    (
        [*W[:2], [[1.0], [2.0, 3.0], [4.0]], W[3]],
        TypeError,
        "set_weights of MLP takes an array of shape (3, 1) as the kernel of layers.1, array 2, got what is no array of "
        "real numbers: [[1.0], [2.0, 3.0], [4.0]]",
    ),
    (
        {"kernel": W[0]},
        TypeError,
        "set_weights of MLP takes a list of arrays such as get_weights() returns, got {'kernel': array([[1., 1., 1.],\n       [1., 1., 1.]])}",
    ),
    (3, TypeError, "set_weights of MLP takes a list of arrays such as get_weights() returns, got 3"),
    (W[3], TypeError, "set_weights of MLP takes a list of arrays such as get_weights() returns, got array([1.])"),
]


@pytest.mark.parametrize("given, error, message", WRONG)
def test_wrong_weights_name_the_layer_and_change_nothing(given, error, message):
    model = net()
    before = model.state()
    with pytest.raises(error) as caught:
        model.set_weights(given)
    assert str(caught.value) == message
    assert model.state() == before


def test_parameters_of_ones_own_are_arrays_of_their_shapes_before_the_modules_inside():
    class Own(nn.Module):
        def __init__(self):
            self.layer = nn.Layer(1, 2, seed=0)
            self.scale = Value(3.0)
            self.grid = [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]]
            self.uneven = [[Value(5.0)], [Value(6.0), Value(7.0)]]
            self.named = {"a": Value(8.0), "b": 0.5}

    own = Own()
    assert [np.array(a).tolist() for a in own.get_weights()[:6]] == [3.0, [[1.0, 2.0], [3.0, 4.0]], [5.0], [6.0, 7.0], 8.0, own.layer.W[...].T.tolist()]  # fmt: skip
    own.set_weights([a + 1.0 for a in own.get_weights()])
    assert (own.scale.data, own.grid[1][0].data, own.uneven[1][1].data, own.named["a"].data) == (4.0, 4.0, 8.0, 9.0)
    with pytest.raises(ValueError, match=r"shape \(2, 2\) as grid of Own: 13 parameters"):
        own.set_weights([3.0, [1.0, 2.0], *own.get_weights()[2:]])


def test_a_neuron_alone_is_a_layer_of_one():
    assert [a.shape for a in nn.Neuron(3, seed=0).get_weights()] == [(3, 1), (1,)]


def test_shared_layers_are_listed_once_and_shared_parameters_must_agree():
    layer = nn.Layer(2, 2, seed=0)
    assert len(nn.Sequential(layer, layer).get_weights()) == 2
    other = nn.Layer(2, 2, seed=1)
    other.neurons[0].w = layer.neurons[0].w
    both = nn.Sequential(layer, other)
    given = both.get_weights()
    both.set_weights(given)
    before = both.state()
    given[2] = given[2] + 1.0
    with pytest.raises(ValueError, match=r"one number for a shared parameter, got .* in the kernel of layers\.1"):
        both.set_weights(given)
    assert both.state() == before


def test_the_tutorials_network_has_the_same_arrays():
    network = nn.NeuralNetwork([2, 3, 2], seed=0)
    np.testing.assert_array_equal(network.get_weights()[0], network.W[0][...].T)
    twin = nn.NeuralNetwork([2, 3, 2], seed=1)
    twin.set_weights(network.get_weights())
    np.testing.assert_array_equal(twin.predict([[0.5, 2.0]]), network.predict([[0.5, 2.0]]))


# Networks as a row of steps --------------------------------------------------------------------------------------------


def test_a_network_is_read_step_by_step():
    net = nn.Sequential(
        nn.Sequential(nn.Layer(2, 3, activation="tanh", seed=0), nn.Dropout(0.5, seed=0)),
        nn.MLP(3, [4, 4], seed=0),
        nn.LayerNorm(4),
        nn.Activation("identity"),
        engine.softmax,
    )
    found = steps("to_torch", net)
    assert [(type(s).__name__, s.path) for s in found] == [
        ("Dense", "layers.0.layers.0"),
        ("Nonlinearity", "layers.0.layers.0"),
        ("Dropping", "layers.0.layers.1"),
        ("Dense", "layers.1.layers.0"),
        ("Nonlinearity", "layers.1.layers.0"),
        ("Dense", "layers.1.layers.1"),
        ("Normalization", "layers.2"),
        ("Nonlinearity", "layers.4"),
    ]
    assert [s.function for s in found if isinstance(s, Nonlinearity)] == ["tanh", "relu", "softmax"]
    assert found[0].weights[1] is net[0][0].neurons[1].w
    assert (inputs_of(found), outputs_of(found)) == (2, 4)


def test_widths_are_told_where_they_are_fixed():
    table = nn.Sequential(nn.Embedding(5, 2, seed=0), nn.Dropout(0.1, seed=0), nn.Layer(6, 1, seed=0))
    assert (inputs_of(steps("x", table)), outputs_of(steps("x", table))) == (3, 1)
    assert inputs_of(steps("x", nn.Activation("relu"))) is None
    assert outputs_of(steps("x", nn.Embedding(5, 2, seed=0))) is None
    assert inputs_of(steps("x", nn.Sequential(nn.Dropout(0.5, seed=0), nn.LayerNorm(3)))) == 3


class Residual(nn.Module):
    def __init__(self):
        self.layer = nn.Layer(2, 2, seed=0)

    def forward(self, x):
        return [a + b for a, b in zip(x, self.layer(x))]


class Renamed(nn.MLP):
    """Its forward is an MLP's."""


def mixed():
    layer = nn.Layer(2, 2, activation="relu", seed=0)
    layer.neurons[1].activation = "tanh"
    return layer


def uneven():
    layer = nn.Layer(2, 2, seed=0)
    layer.neurons[1].w.append(Value(0.0))
    return layer


def replaced_forward():
    layer = nn.Layer(2, 1, seed=0)
    layer.forward = lambda x: 0.0
    return layer


UNREADABLE = [
    (lambda: 3, TypeError, "to_torch takes a Module or a NeuralNetwork, got 3"),
    (
        lambda: nn.Sequential(nn.Layer(2, 2, seed=0), Residual()),
        TypeError,
        "to_torch takes networks of nn's own layers in a row, got Residual at layers.1, whose forward is its own; write "
        "its parts as an nn.Sequential",
    ),
    (Residual, TypeError, "to_torch takes networks of nn's own layers in a row, got Residual, whose forward is its own; write its parts as an nn.Sequential"),
    (replaced_forward, TypeError, "to_torch takes networks of nn's own layers in a row, got Layer, whose forward is its own; write its parts as an nn.Sequential"),
    (mixed, ValueError, "to_torch takes one activation for all neurons of a layer, got 'relu', 'tanh' in the layer"),
    (uneven, ValueError, "to_torch takes neurons of 2 inputs in the layer, got one of 3"),
    (
        lambda: nn.Sequential(nn.Layer(2, 3, seed=0), nn.Layer(2, 1, seed=0)),
        ValueError,
        "to_torch takes steps that fit together, got 3 numbers for layers.1, which takes 2",
    ),
    (
        lambda: nn.Sequential(nn.Embedding(5, 2, seed=0), nn.Layer(3, 1, seed=0)),
        ValueError,
        "to_torch takes steps that fit together, got rows of 2 numbers for layers.1, which takes 3",
    ),
    (
        lambda: nn.Sequential(nn.Layer(2, 3, seed=0), nn.Embedding(5, 2, seed=0)),
        ValueError,
        "to_torch takes an Embedding as the first step only, got one at layers.1",
    ),
]  # fmt: skip


@pytest.mark.parametrize("make, error, message", UNREADABLE)
def test_what_is_no_row_of_steps_is_refused_with_its_place(make, error, message):
    with pytest.raises(error) as caught:
        steps("to_torch", make())
    assert str(caught.value) == message


def test_a_class_with_an_inherited_forward_is_what_it_inherits():
    assert type(steps("to_torch", Renamed(2, [3, 1], seed=0))[0]) is Dense


@pytest.mark.parametrize("name, package, advice", [
    ("to_torch", "torch", "to_torch takes PyTorch, which is not installed; pip install torch"),
    ("from_torch", "torch", "from_torch takes PyTorch, which is not installed; pip install torch"),
    ("to_onnx", "onnx", "to_onnx takes onnx, which is not installed; pip install -e \".[onnx]\" in the folder of chainrule"),
])  # fmt: skip
def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch, name, package, advice):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError) as caught:
        getattr(nn, name)(net(), *(["net.onnx"] if name == "to_onnx" else []))
    assert str(caught.value) == advice


# Activations with numbers of their own -----------------------------------------------------------------------------------


@pytest.mark.parametrize("variant, known, xs", [
    (LeakyReLU(0.01), "leaky_relu", [-2.0, 0.0, 3.0]),
    (ELU(1.0), "elu", [-2.0, 0.0, 3.0]),
    (Softplus(1.0, 40.0), "softplus", [-2.0, 0.0, 3.0, 39.0, 50.0]),
])  # fmt: skip
def test_variants_with_the_usual_numbers_are_the_usual_activations(variant, known, xs):
    for x in xs:
        ours, theirs = Value(x), Value(x)
        y, t = variant(ours), getattr(theirs, known)()
        y.backward()
        t.backward()
        assert (y.data, ours.grad) == (t.data, theirs.grad)


def test_a_variant_is_straight_bent_or_steep_as_its_numbers_say():
    assert LeakyReLU(0.5)(-4.0) == -2.0
    assert ELU(3.0)(-1e3) == -3.0
    assert Softplus(2.0, 4.0)(2.5) == 2.5
    assert Softplus(2.0, 4.0)(1.5) == pytest.approx(np.log1p(np.exp(3.0)) / 2.0)
    assert TanhGELU()(0.7) == pytest.approx(engine.gelu(0.7), abs=1e-3)
    assert TanhGELU()(0.7) != engine.gelu(0.7)
    assert repr(nn.Layer(2, 3, activation=LeakyReLU(0.2), seed=0)) == "Layer(2, 3, activation=LeakyReLU(slope=0.2))"


# The table of notebooks/coming_from.md --------------------------------------------------------------------------------------------------


def fresh():
    """The parameters and the network that idioms.ours starts from, and its gradients."""
    names = idioms.ours()
    names["loss"].backward()
    return idioms.numbers(names["net"]), names


def moved(names, step):
    """Whether the network's parameters are where a step takes those it started from."""
    start, before = fresh()
    gradients = [v.grad for slot in slots(before["net"]) for v in slot.values]
    return idioms.numbers(names["net"]) == pytest.approx([step(p, g) for p, g in zip(start, gradients)], rel=1e-9)


def adam(p, g):
    return p - 0.01 * g / (abs(g) + 1e-8)


def searched(search):
    search.estimator.max_iter = 1
    return search.fit(idioms.X * 3, idioms.Y * 3).best_params_["alpha"] in (0.0, 0.1)


# What the value of each of our cells must be, by the cell of the other framework.
IDIOMS = {
    "MLP(2, [16, 16, 1])": lambda v, names: v.parameter_count == 337 and min(v.state().values()) < -0.9,
    "for p in net.parameters(): p.data -= 0.1 * p.grad": lambda v, names: moved(names, lambda p, g: p - 0.1 * g),
    "draw_dot(loss)": lambda v, names: repr(v).startswith("<picture of "),
    "nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3))": lambda v, names: repr(v) == "MLP(2, [8, 3], activation='tanh')",
    "F.cross_entropy(net(X), y)": lambda v, names: v.data == names["loss"].data - 0.125,
    "torch.optim.Adam(net.parameters(), lr=0.01)": lambda v, names: v.parameters == names["net"].parameters(),
    "optimizer.zero_grad(); loss.backward(); optimizer.step()": lambda v, names: moved(names, adam),
    "torch.autograd.grad(loss, [w], create_graph=True)": lambda v, names: v[0].data == 0.75 and engine.gradients(v[0], [names["w"]])[0].data == 3.0,
    "with torch.no_grad(): z = net(x)": lambda v, names: all(y.op is None for y in names["z"]),
    "loss.item()": lambda v, names: type(v) is float,
    "torch.eq(w, w.detach())": lambda v, names: v.data == 1.0 and v.op is engine.TABLE["equal"],
    "net.load_state_dict(net.state_dict())": lambda v, names: moved(names, lambda p, g: p),
    "torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)": lambda v, names: len(v["loss"]) == 10,
    "model.fit(X, y, epochs=5, validation_split=0.25)": lambda v, names: len(v["val_loss"]) == 5,
    "model.set_weights(model.get_weights())": lambda v, names: moved(names, lambda p, g: p),
    "EarlyStopping(patience=5, restore_best_weights=True)": lambda v, names: v == nn.EarlyStopping(5, restore=True),
    "model.summary()": lambda v, names: "27 parameters, 27 of them trainable" in v,
    "jax.grad(f)(3.0)": lambda v, names: v == 27.0,
    "jax.hessian(f)(3.0)": lambda v, names: v == 18.0,
    "jax.jit(jax.value_and_grad(f))(3.0)": lambda v, names: tuple(v) == (27.0, 27.0),
    "jax.vmap(f)(jnp.array([1.0, 2.0]))": lambda v, names: list(v) == [1.0, 8.0],
    "jax.grad(cost)(params)": lambda v, names: idioms.numbers(v) == pytest.approx([p.grad for s in slots(fresh()[1]["net"]) for p in s.values]),
    "MLPClassifier((16,), max_iter=50).fit(X, y)": lambda v, names: v.score(names["X"], names["y"]) > 0.4,
    'GridSearchCV(MLPClassifier(), {"alpha": [0.0, 0.1]})': lambda v, names: searched(v),
}  # fmt: skip


def test_every_row_of_the_readmes_table_is_checked():
    assert [there for _, there, _ in idioms.rows()] == list(IDIOMS)
    assert {framework for framework, _, _ in idioms.rows()} == {"micrograd", "PyTorch", "Keras", "JAX", "scikit-learn"}


@pytest.mark.parametrize("row", idioms.rows(), ids=lambda row: row[1])
def test_our_cell_of_the_readmes_table_does_what_the_other_does(row, capsys):
    from sklearn.model_selection import GridSearchCV

    from nn.sklearn import NetworkClassifier

    _, there, here = row
    names = idioms.ours() | {"GridSearchCV": GridSearchCV, "NetworkClassifier": NetworkClassifier}
    if "backward" not in there:
        names["loss"].backward()
    assert IDIOMS[there](idioms.run(here, names), names)


@pytest.mark.parametrize(
    "activation", [LeakyReLU(0.2), ELU(0.5), Softplus(2.0, 20.0), TanhGELU(), engine.logsigmoid], ids=str
)
def test_networks_with_such_activations_are_saved_and_built_again(tmp_path, activation):
    for model in (
        nn.MLP(2, [3, 1], activation=activation, seed=0),
        nn.Sequential(nn.Layer(2, 3, seed=0), nn.Activation(activation), nn.Neuron(3, activation=activation, seed=1)),
        nn.NeuralNetwork([2, 3, 1], activation=activation, seed=0),
    ):
        nn.save(tmp_path / "net", model)
        twin = nn.load(tmp_path / "net")
        assert repr(twin) == repr(model)
        for ours, theirs in zip(model.get_weights(), twin.get_weights()):
            np.testing.assert_array_equal(ours, theirs)
        call = model.predict if isinstance(model, nn.NeuralNetwork) else model
        again = twin.predict if isinstance(model, nn.NeuralNetwork) else twin
        assert np.array(call([0.5, -1.0]), float) == np.array(again([0.5, -1.0]), float)


@pytest.mark.parametrize("said", [
    {"variant": "eval", "numbers": []}, {"variant": "LeakyReLU", "numbers": []}, {"variant": "LeakyReLU", "numbers": ["x"]},
    {"variant": "LeakyReLU", "numbers": 3}, {"variant": ["LeakyReLU"], "numbers": [1]}, {"function": "exit"}, {"function": []},
    {"function": "tanh", "numbers": [1]}, {}, {"variant": "TanhGELU", "numbers": [1.0]}, {"variant": "ELU", "numbers": [1.0, 2.0]},
])  # fmt: skip
def test_a_recipe_with_no_such_activation_is_refused(said):
    layer = {"class": "Layer", "arguments": {"nin": 2, "nout": 1, "activation": said}}
    for recipe in (layer, {"class": "Sequential", "arguments": {"layers": [layer]}}):
        with pytest.raises(ValueError, match="^a recipe takes "):
            network(recipe, 3)
