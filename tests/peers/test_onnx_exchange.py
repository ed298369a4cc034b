"""Networks as ONNX files: onnx.checker accepts them, and onnxruntime gives the same outputs.

To 1e-10 in float64, to 1e-5 where onnxruntime has float32 kernels only, of the sum of absolute contributions.
"""

import doctest
import os

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
import nn
from engine import Value, partials, topological_order
from nn.activations import ELU, LeakyReLU, Softplus, TanhGELU
from nn.exchange import onnx as onnx_graph
from nn.files import saving

DOUBLE = ["identity", "relu", "leaky_relu", "sigmoid", "tanh", "silu", LeakyReLU(0.2), TanhGELU()]
SINGLE = ["elu", "selu", "softplus", "gelu", engine.logsigmoid, ELU(0.3), Softplus(1.0, 20.0), Softplus(2.0, 1.5)]
SATURATING = frozenset(nn.ACTIVATIONS) | {"logsigmoid"}


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def sum_of_contributions(y):
    """|value| summed over all products and sums that lead to a node.

    A slope counts as at least 1, and elu and selu too: onnxruntime writes them exp(x) - 1.
    """
    sizes = {}
    for v in topological_order(y):
        parts = []
        if v.op is not None:
            for a, p in zip(v.args, partials(v)):
                if isinstance(a, Value):
                    parts.append(sizes[a] * max(abs(p or 0.0), float(v.op.name in SATURATING)))
        sizes[v] = max(abs(v.data), sum(parts), float(v.op is not None and v.op.name in ("elu", "selu")))
    return sizes[y]


def assert_same(net, path, X, dtype="float64", tolerance=None):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    run = session(path)
    (read,), (made,) = run.get_inputs(), run.get_outputs()
    assert (read.name, made.name) == ("x", "y")
    whole = read.type == "tensor(int64)"
    assert whole or read.type == made.type == f"tensor({'double' if dtype == 'float64' else 'float'})"
    tolerance = tolerance or (1e-10 if dtype == "float64" else 1e-5)
    floor = (
        0.0 if dtype == "float64" else float(np.finfo(np.float32).tiny)
    )  # below it float32 has few digits, then none
    (theirs,) = run.run(None, {"x": np.array(X, np.int64 if whole else dtype)})
    net.eval()
    for x, row in zip(X, theirs.tolist()):
        out = net(x if whole else [Value(a) for a in x])
        out = out if isinstance(out, list) else [out]
        assert len(out) == len(row)
        for y, z in zip(out, row):
            assert abs(y.data - z) <= tolerance * sum_of_contributions(y) + floor
    return model


numbers = st.floats(-2.0, 2.0)


@st.composite
def networks(draw, activations):
    width = nin = draw(st.integers(1, 4))
    layers = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["layer", "layer", "norm", "dropout", "activation", "nested"]))
        activation = draw(st.sampled_from(activations))
        if kind in ("layer", "nested"):
            nout = draw(st.integers(1, 4))
            layer = nn.Layer(width, nout, activation=activation, init="zeros", seed=0)
            layers.append(nn.Sequential(layer, nn.Dropout(0.5, seed=0)) if kind == "nested" else layer)
            width = nout
        elif kind == "norm":
            layers.append(nn.LayerNorm(width, draw(st.sampled_from([0.01, 0.1]))))
        elif kind == "dropout":
            layers.append(nn.Dropout(0.3, seed=0))
        else:
            layers.append(nn.Activation(activation))
    if width > 1:
        layers += draw(st.sampled_from([[], [], [engine.softmax], [engine.log_softmax]]))
    net = nn.Sequential(*layers)
    for p in net.parameters():
        p.data = draw(numbers)
    return net, draw(st.lists(st.lists(numbers, min_size=nin, max_size=nin), min_size=1, max_size=4))


@settings(max_examples=80)
@given(networks(DOUBLE))
def test_networks_of_float64_kernels_agree_to_1e_10(tmp_path_factory, case):
    net, X = case
    path = tmp_path_factory.getbasetemp() / "double.onnx"
    nn.to_onnx(net, path)
    assert_same(net, path, X)


@settings(max_examples=60)
@given(networks([*DOUBLE, *SINGLE]))
def test_networks_in_float32_agree_to_1e_5(tmp_path_factory, case):
    net, X = case
    path = tmp_path_factory.getbasetemp() / "single.onnx"
    nn.to_onnx(net, path, dtype="float32")
    X = [[float(np.float32(a)) for a in x] for x in X]
    net.load_state({name: float(np.float32(p)) for name, p in net.state().items()})
    assert_same(net, path, X, "float32")


EDGES = [0.0, -0.0, 1.0, -1.0, 1e-8, -1e-8, 1e-3, 9.5, 19.9, 20.1, 40.0, 700.0, -8.0, -20.0, -40.0, -700.0]


@pytest.mark.parametrize("activation", DOUBLE, ids=str)
def test_every_activation_of_float64_agrees_at_its_edges(tmp_path, activation):
    net = nn.Sequential(nn.Activation(activation))
    nn.to_onnx(net, tmp_path / "net.onnx")
    assert_same(net, tmp_path / "net.onnx", [[x] for x in EDGES], tolerance=1e-12)


@pytest.mark.parametrize("activation", [*DOUBLE, *SINGLE], ids=str)
def test_every_activation_of_float32_agrees_at_its_edges(tmp_path, activation):
    net = nn.Sequential(nn.Activation(activation))
    nn.to_onnx(net, tmp_path / "net.onnx", dtype="float32")
    assert_same(net, tmp_path / "net.onnx", [[float(np.float32(x))] for x in EDGES], "float32")


def test_every_activation_is_compared():
    names = {a for a in [*DOUBLE, *SINGLE] if isinstance(a, str)}
    assert names == set(nn.ACTIVATIONS)


@pytest.mark.parametrize("activation", SINGLE, ids=str)
def test_where_float64_has_no_kernels_it_is_float32_unless_asked(tmp_path, activation):
    net = nn.Sequential(nn.Layer(2, 3, activation=activation, seed=0), nn.Layer(3, 2, activation="tanh", seed=1))
    path = tmp_path / "net.onnx"
    nn.to_onnx(net, path)
    assert_same(net, path, [[0.5, -1.0], [2.0, 0.25]], "float32")
    with pytest.raises(ValueError, match=r"to_onnx takes dtype='float64' where .* at layers\.0; leave dtype out"):
        nn.to_onnx(net, tmp_path / "other.onnx", dtype="float64")
    assert os.listdir(tmp_path) == ["net.onnx"]


def test_onnxruntime_has_no_float64_kernels_for_what_is_written_in_float32(tmp_path):
    """When this fails, onnxruntime has learned one: move it from _SINGLE to _DOUBLE."""
    for activation in ("elu", "selu", "softplus", "gelu"):
        graph = onnx_graph._GrowingGraph(onnx, double=True)
        found = onnx_graph.steps("to_onnx", nn.Layer(2, 3, activation=activation, seed=0))
        for step in found:
            graph.add(step)
        onnx.save(graph.model(found, "net", ""), tmp_path / "net.onnx")
        with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented, match="Could not find an impl"):
            session(tmp_path / "net.onnx")


@pytest.mark.parametrize("count", [1, 2, 257])
def test_any_number_of_examples_is_taken(tmp_path, count):
    net = nn.MLP(3, [4, 2], activation="tanh", seed=0)
    nn.to_onnx(net, tmp_path / "net.onnx")
    run = session(tmp_path / "net.onnx")
    assert [i.shape for i in run.get_inputs()] == [["batch", 3]]
    assert [o.shape for o in run.get_outputs()] == [["batch", 2]]
    X = np.random.default_rng(0).normal(size=(count, 3))
    assert_same(net, tmp_path / "net.onnx", X.tolist())


def test_embeddings_take_whole_numbers(tmp_path):
    net = nn.Sequential(nn.Embedding(5, 2, seed=0), nn.Layer(6, 3, activation="tanh", seed=1), engine.softmax)
    nn.to_onnx(net, tmp_path / "net.onnx")
    assert_same(net, tmp_path / "net.onnx", [[0, 4, 4], [1, 2, 3]])
    assert session(tmp_path / "net.onnx").get_inputs()[0].shape == ["batch", 3]
    nn.to_onnx(nn.Embedding(5, 2, seed=0), tmp_path / "table.onnx")
    assert_same(nn.Embedding(5, 2, seed=0), tmp_path / "table.onnx", [[0, 4, 4], [1, 2, 3]])


@pytest.mark.parametrize("output, count", [("sigmoid", 1), ("softmax", 3), ("identity", 2)])
def test_the_tutorials_network_goes_with_its_output_function(tmp_path, output, count):
    network = nn.NeuralNetwork([2, 4, count], output=output, seed=0)
    nn.to_onnx(network, tmp_path / "net.onnx")
    X = np.array([[0.5, 1.0], [2.0, -1.0]])
    np.testing.assert_allclose(session(tmp_path / "net.onnx").run(None, {"x": X})[0], network.predict(X), rtol=1e-12)


def test_dropout_hands_on_also_of_a_network_in_training(tmp_path):
    net = nn.Sequential(nn.Layer(2, 3, seed=0), nn.Dropout(0.9, seed=0)).train()
    nn.to_onnx(net, tmp_path / "net.onnx")
    assert net.training
    model = assert_same(net, tmp_path / "net.onnx", [[1.0, 2.0]])
    assert [n.op_type for n in model.graph.node] == ["Gemm", "Relu"]
    nn.to_onnx(nn.Dropout(0.5, seed=0), tmp_path / "alone.onnx")
    assert_same(nn.Dropout(0.5, seed=0), tmp_path / "alone.onnx", [[1.0, 2.0, 3.0]])


def test_the_file_says_who_made_it_and_what_it_is(tmp_path):
    net = nn.Sequential(nn.Layer(2, 3, activation="gelu", seed=0), nn.LayerNorm(3), nn.Layer(3, 1, seed=1))
    nn.to_onnx(net, tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    assert model.producer_name == "chainrule"
    assert (model.ir_version, [(o.domain, o.version) for o in model.opset_import]) == (8, [("", 17)])
    assert model.doc_string == repr(net)
    assert {t.name for t in model.graph.initializer} >= {"layers.0.W", "layers.0.b", "layers.1.gain", "layers.2.W"}


def test_a_layer_used_twice_is_held_once(tmp_path):
    layer = nn.Layer(2, 2, activation="tanh", seed=0)
    net = nn.Sequential(layer, nn.LayerNorm(2, 0.1), layer)
    nn.to_onnx(net, tmp_path / "net.onnx")
    model = assert_same(net, tmp_path / "net.onnx", [[0.5, -1.0]])
    assert [t.name for t in model.graph.initializer if t.name.endswith(".W")] == ["layers.0.W"]


def test_the_same_network_is_the_same_bytes(tmp_path):
    net = nn.MLP(2, [3, 1], activation="leaky_relu", seed=0)
    for name in ("a", "b"):
        nn.to_onnx(net, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_was_there_stays_when_something_goes_wrong(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"before")

    def full(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(saving.os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        nn.to_onnx(nn.MLP(2, [1], seed=0), path)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["net.onnx"]


def wavy(x):
    return x.sin()


def test_wrong_arguments_are_refused_and_nothing_is_written(tmp_path):
    net = nn.MLP(2, [3, 1], seed=0)
    path = tmp_path / "net.onnx"
    with pytest.raises(ValueError, match="to_onnx takes 'float64' or 'float32' as dtype, got 'half'"):
        nn.to_onnx(net, path, dtype="half")
    with pytest.raises(
        ValueError, match=r"takes activations that ONNX has too, identity, relu, .*, got <function wavy"
    ):
        nn.to_onnx(nn.MLP(2, [3, 1], activation=wavy, seed=0), path)
    with pytest.raises(FileNotFoundError, match="to_onnx takes the path of a file in a folder that exists"):
        nn.to_onnx(net, tmp_path / "missing" / "net.onnx")
    net.layers[0].neurons[0].w[0].data = 1e39
    with pytest.raises(ValueError, match=r"fit float32, up to 3.4e38, got a larger one in layers\.0\.W"):
        nn.to_onnx(net, path, dtype="float32")
    assert os.listdir(tmp_path) == []


def test_numbers_that_are_not_finite_are_written_as_they_are(tmp_path):
    net = nn.Layer(1, 3, activation="identity", seed=0)
    for n, x in zip(net.neurons, (float("nan"), float("inf"), 2.0)):
        n.w[0].data = x
    for dtype in ("float64", "float32"):
        nn.to_onnx(net, tmp_path / "net.onnx", dtype=dtype)
        (y,) = session(tmp_path / "net.onnx").run(None, {"x": np.array([[1.0]], dtype)})
        np.testing.assert_array_equal(y, [[np.nan, np.inf, 2.0]])


def test_the_example_of_the_docstring_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = nn.to_onnx.__doc__.replace("  # doctest: +SKIP", "")
    runner, out = doctest.DocTestRunner(), []
    runner.run(doctest.DocTestParser().get_doctest(text, {}, "to_onnx", None, 0), out=out.append)
    assert runner.summarize(verbose=False).attempted >= 6
    assert not out, "".join(out)


def test_an_activation_that_is_nearly_the_same_would_be_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_graph, "KAPPA", 0.0447151)
    with pytest.raises(AssertionError):
        test_every_activation_of_float64_agrees_at_its_edges(tmp_path, TanhGELU())
    with pytest.raises(AssertionError):
        net = nn.Layer(2, 2, activation="tanh", seed=0)
        nn.to_onnx(net, tmp_path / "net.onnx")
        net.neurons[1].w[0].data *= 1 + 1e-9
        assert_same(net, tmp_path / "net.onnx", [[1.0, 2.0], [-1.0, 0.5]])
