"""Files of networks: bit-exact, whole or not at all, and nothing in a file can harm."""

import base64
import json
import math
import os
import struct
import threading
import time

import numpy as np
import pytest
import safetensors
from hypothesis import example, given
from hypothesis import strategies as st

import nn
from engine import Value, softmax
from engine.writing import STALE
from nn.files.encoding import decoded, encoded
from nn.files.recipes import CLASSES, network

# The same bits -------------------------------------------------------------------------------------------------------


def bits(x):
    return struct.pack("<d", x)


def network_bits(model):
    return {path: bits(x) for path, x in model.state().items()}


def outputs(model, x):
    y = model(x)
    return [v.data for v in y] if isinstance(y, list) else y.data


any_float = st.integers(0, 2**64 - 1).map(lambda n: struct.unpack("<d", struct.pack("<Q", n))[0])


@given(st.lists(any_float, min_size=9, max_size=9))
@example(
    [
        -0.0,
        math.inf,
        -math.inf,
        math.nan,
        5e-324,
        1.7976931348623157e308,
        0.1,
        struct.unpack("<d", b"\1" * 6 + b"\xf4\xff")[0],
        0.0,
    ]
)
def test_every_float_comes_back_to_the_bit(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("net") / "net.safetensors"
    net = nn.MLP(2, [2, 1], seed=0)
    for p, x in zip(net.parameters(), numbers):
        p.data = x
    nn.save(path, net)
    assert network_bits(nn.load(path)) == network_bits(net)


@pytest.mark.parametrize("activation", nn.ACTIVATIONS)
@pytest.mark.parametrize(
    "make",
    [
        lambda a: nn.MLP(3, [4, 2], activation=a, seed=1),
        lambda a: nn.MLP(3, [1], activation=a, seed=1),
        lambda a: nn.Layer(3, 2, activation=a, seed=1),
        lambda a: nn.Neuron(3, activation=a, seed=1),
    ],
)
def test_a_network_is_built_again_as_it_was(tmp_path, make, activation):
    net = make(activation)
    nn.save(tmp_path / "net", net)
    twin = nn.load(tmp_path / "net")
    x = [0.5, -1.25, 2.0]
    assert repr(twin) == repr(net) and type(twin) is type(net) and twin.seed == net.seed
    assert network_bits(twin) == network_bits(net) and outputs(twin, x) == outputs(net, x)


def block():
    return nn.Sequential(
        nn.Embedding(5, 2, seed=3),
        nn.LayerNorm(4, epsilon=1e-3),
        nn.Sequential(nn.Layer(4, 3, activation="gelu", seed=1), nn.Dropout(0.25, seed=4)),
        nn.Layer(3, 2, activation="identity", seed=2),
        softmax,
    )


def test_blocks_are_built_again_as_they_were(tmp_path):
    net = block().eval()
    net.layers[2].layers[0].trainable = False
    nn.save(tmp_path / "net", net)
    twin = nn.load(tmp_path / "net")
    assert repr(twin) == repr(net) and network_bits(twin) == network_bits(net)
    assert [m.training for _, m in twin.named_modules()] == [False] * len(list(net.named_modules()))
    assert [p for p, m in twin.named_modules() if not m.trainable] == ["layers.2.layers.0"]
    assert outputs(twin, [1, 4]) == outputs(net, [1, 4])
    nn.save(tmp_path / "net", net.train())
    twin = nn.load(tmp_path / "net")
    assert twin.training and [outputs(twin, [1, 4]) for _ in range(3)] == [
        outputs(net, [1, 4]) for _ in range(3)
    ]  # the masks of the same seed


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.NeuralNetwork([2, 4, 1], seed=1),
        lambda: nn.NeuralNetwork([2, 4, 3], alpha=0.5, activation="relu", loss="mse", batch_size=2, validation=0.25),
        lambda: nn.NeuralNetwork([2, 2], output="softmax", seed=3),
    ],
)
def test_a_neural_network_is_built_again_as_it_was(tmp_path, make):
    network = make()
    network.train([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0] if network.layers[-1] < 3 else np.eye(4)[:, :3], 3, 0)
    nn.save(tmp_path / "net", network)
    twin = nn.load(tmp_path / "net")
    assert isinstance(twin, nn.NeuralNetwork) and repr(twin) == repr(network) and twin.seed == network.seed
    assert (twin.batch_size, twin.validation) == (network.batch_size, network.validation)
    assert (twin.predict([[0.5, -1.0]]) == network.predict([[0.5, -1.0]])).all()
    other = nn.NeuralNetwork(network.layers)
    assert nn.load(tmp_path / "net", other) is other and network_bits(other.model) == network_bits(network.model)


@pytest.mark.parametrize("foreign", [{"callbacks": ["os.system"]}, {"rng": None}, {"init": "zeros"}, {"exec": "1"}])
def test_a_recipe_takes_the_arguments_that_save_writes_and_no_others(foreign):
    arguments = {"layers": [1, 1]}
    assert repr(network({"class": "NeuralNetwork", "arguments": arguments}, 2)).startswith("NeuralNetwork([1, 1]")
    with pytest.raises(ValueError, match="takes no 'callbacks'|takes the arguments of its class"):
        network({"class": "NeuralNetwork", "arguments": {**arguments, **foreign}}, 2)


def test_every_module_class_of_nn_has_a_recipe():
    classes = {
        c for c in (getattr(nn, name) for name in nn.__all__) if isinstance(c, type) and issubclass(c, nn.Module)
    }
    assert classes - {nn.Module} <= set(CLASSES.values())


class Scaled(nn.Module):
    def __init__(self):
        self.scale = Value(2.0)
        self.net = nn.MLP(2, [3, 1], seed=0)
        self.by_name = {"a": Value(1.0), "b": [Value(3.0), Value(4.0)]}

    def forward(self, x):
        return self.scale * self.net(x)


def test_a_class_of_the_users_is_filled_and_never_built(tmp_path):
    model, twin = Scaled(), Scaled()
    for i, p in enumerate(model.parameters()):
        p.data = float(i)
    nn.save(tmp_path / "net", model)
    with pytest.raises(
        ValueError, match=r"the class Scaled, which only your code can build; build it, then load\(path, into="
    ):
        nn.load(tmp_path / "net")
    assert nn.load(tmp_path / "net", twin) is twin
    assert network_bits(twin) == network_bits(model)


def square_plus(x):
    return x * x + 1.0


def own_activation(net):
    net.layers[0].neurons[1].activation = square_plus


def other_activation(net):
    net.layers[0].neurons[2].activation = "tanh"


def tied_weights(net):
    net.layers[0].neurons[0].w[0] = net.layers[0].neurons[1].w[0]


def neuron_taken_out(net):
    del net.layers[0].neurons[0]


def layer_added(net):
    net.extra = nn.Layer(1, 1, seed=0)


@pytest.mark.parametrize("edit", [own_activation, other_activation, tied_weights, neuron_taken_out, layer_added])
def test_an_edited_network_is_not_built_as_another(tmp_path, edit):
    net, twin = nn.MLP(2, [3, 1], seed=0), nn.MLP(2, [3, 1], seed=1)
    edit(net)
    edit(twin)
    nn.save(tmp_path / "net", net)
    with pytest.raises(ValueError, match="only your code can build"):
        nn.load(tmp_path / "net")
    nn.load(tmp_path / "net", twin)
    assert network_bits(twin) == network_bits(net)


def test_the_file_is_what_its_page_says(tmp_path):
    net = nn.MLP(2, [3, 1], seed=0)
    nn.save(tmp_path / "net.safetensors", net)
    with safetensors.safe_open(tmp_path / "net.safetensors", "np") as file:
        assert file.metadata().keys() == {"format", "version", "model", "sha256"}
        assert json.loads(file.metadata()["model"]) == {
            "class": "MLP",
            "arguments": {"nin": 2, "nouts": [3, 1], "activation": "relu", "seed": 0},
        }
        w = [[p.data for p in neuron.w] for neuron in net.layers[0].neurons]
        assert [file.get_tensor(f"layers.0.neurons.{i}.w").tolist() for i in range(3)] == w
        assert file.get_tensor("layers.1.neurons.0.b").tolist() == [0.0]


# What 0.1.0 wrote of Neuron(2, seed=1).
WRITTEN_BEFORE = (
    "WAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJjaGFpbnJ1bGUiLCJ2ZXJzaW9uIjoiMSIsIm1vZGVsIjoie1wiY2xhc3NcIjogXC"
    "JOZXVyb25cIiwgXCJhcmd1bWVudHNcIjoge1wibmluXCI6IDIsIFwiYWN0aXZhdGlvblwiOiBcInJlbHVcIiwgXCJzZWVkXCI6IDF9fSIsInNo"
    "YTI1NiI6IjRkZTJmMTdlMzU2MzZhYWI5YjdhZjNjODY3OTQ5ODM0NTY1OGQ1YjA4YTU3MDA0ZDA5NzEyNDhiNjVlODRhNzMifSwidyI6eyJkdH"
    "lwZSI6IkY2NCIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzAsMTZdfSwiYiI6eyJkdHlwZSI6IkY2NCIsInNoYXBlIjpbMV0sImRhdGFf"
    "b2Zmc2V0cyI6WzE2LDI0XX19ICAgIBip3r79Q/S/jZVkNblB8z8AAAAAAAAAAA=="
)


def test_a_file_of_the_first_version_is_read_and_is_the_one_that_is_written_now(tmp_path):
    (tmp_path / "before").write_bytes(base64.b64decode(WRITTEN_BEFORE))
    neuron = nn.load(tmp_path / "before")
    assert [w.data for w in neuron.w] == [w.data for w in nn.Neuron(2, seed=1).w]
    nn.save(tmp_path / "now", neuron)
    assert (tmp_path / "now").read_bytes() == (tmp_path / "before").read_bytes()


def test_the_same_network_is_the_same_file(tmp_path):
    for name in "ab":
        nn.save(tmp_path / name, block())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# Errors change nothing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, [4, 1]), (3, [3, 1]), (2, [3, 3, 1]), (2, [3])])
def test_a_file_of_another_shape_is_refused_and_nothing_changes(tmp_path, shape):
    nn.save(tmp_path / "net", nn.MLP(2, [3, 1], seed=0))
    other = nn.MLP(*shape, seed=1)
    before = network_bits(other)
    with pytest.raises(ValueError, match=r"it has \d+ numbers for 'layers.*, and MLP\(.* takes \d+"):
        nn.load(tmp_path / "net", into=other)
    assert network_bits(other) == before


@pytest.mark.parametrize("model", [None, 3, "net", [1.0], nn.MLP, Value(1.0)])
def test_what_is_no_network_is_not_saved(tmp_path, model):
    with pytest.raises(TypeError, match="save takes a Module or a NeuralNetwork, got "):
        nn.save(tmp_path / "net", model)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_or_folder_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="load takes the path of a file, got '.*gone', where there is none"):
        nn.load(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match="save takes the path of a file in a folder that exists, got '.*net'"):
        nn.save(tmp_path / "gone" / "net", nn.MLP(2, [1], seed=0))
    with pytest.raises(IsADirectoryError, match="save takes the path of a file, got the folder"):
        nn.save(tmp_path, nn.MLP(2, [1], seed=0))


class Run:
    """A trainer, as far as save and load know one."""

    def __init__(self, net, state):
        self.net, self.kept = net, state

    def state(self):
        return self.kept

    def load_state(self, state):
        self.kept = state
        if state.get("odd"):
            raise KeyError("odd")


def test_a_trainer_of_another_kind_is_refused_and_nothing_changes(tmp_path):
    net = nn.MLP(2, [1], seed=0)
    nn.save(tmp_path / "odd", net, Run(net, {"odd": 1}))
    nn.save(tmp_path / "plain", net)
    other = nn.MLP(2, [1], seed=1)
    run, before = Run(other, {"epoch": 3}), network_bits(other)
    with pytest.raises(ValueError, match="a file of the same kind of trainer"):
        nn.load(tmp_path / "odd", trainer=run)
    with pytest.raises(ValueError, match=r"without one; write save\(path, model, trainer\)"):
        nn.load(tmp_path / "plain", trainer=run)
    with pytest.raises(ValueError, match="save takes a network and its own trainer"):
        nn.save(tmp_path / "both", net, run)
    assert network_bits(other) == before and run.kept == {"epoch": 3} and not (tmp_path / "both").exists()


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | any_float | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(any_float, max_size=5)
        | st.lists(st.lists(any_float, min_size=2, max_size=2), max_size=3)
        | st.dictionaries(st.text().filter(lambda k: k[:1] != "$"), inner, max_size=4)
    ),
    max_leaves=20,
)


def same(x, y):
    if isinstance(x, float):
        return isinstance(y, float) and (bits(x) == bits(y) or (x != x and y != y))
    if isinstance(x, list):
        return isinstance(y, list) and len(x) == len(y) and all(map(same, x, y))
    if isinstance(x, dict):
        return isinstance(y, dict) and list(x) == list(y) and all(same(x[k], y[k]) for k in x)
    return type(x) is type(y) and x == y


@given(plain)
@example([[], []])
@example([[1.0], [2.0, 3.0]])
@example({"nan": [math.nan, 1.0], "inf": math.inf})
def test_a_plain_state_comes_back_the_same(x):
    tensors = {}
    assert same(x, decoded(json.loads(json.dumps(encoded(x, tensors, "state"), allow_nan=False)), tensors))


@pytest.mark.parametrize("x", [{1: 2}, {"a": {"$tensor": 1}}, [object()], {"a": {1.0}}, b"", 1j, np.ones(2)])
def test_what_is_not_plain_is_refused_with_its_place(x):
    with pytest.raises(TypeError, match="save takes a trainer whose state"):
        encoded(x, {}, "state")


# Whole or not at all -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call, stop):
    path = tmp_path / "net"
    nn.save(path, nn.MLP(2, [1], seed=0))
    before = path.read_bytes()

    def fails(*args):
        raise stop

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fails)
        with pytest.raises(type(stop)):
            nn.save(path, nn.MLP(2, [1], seed=1))
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["net"]


def test_everything_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append(("fsync", os.fstat(fd).st_size)), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append(("replace", os.path.getsize(a))), replace(a, b)))
    nn.save(tmp_path / "net", nn.MLP(2, [1], seed=0))
    size = os.path.getsize(tmp_path / "net")
    assert done[:2] == [("fsync", size), ("replace", size)]
    assert [what for what, _ in done[2:]] == ["fsync"] * (os.name == "posix")  # the folder


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    os.symlink(tmp_path / "real" / "net", tmp_path / "net")
    nn.save(tmp_path / "net", nn.MLP(2, [1], seed=0))
    assert (tmp_path / "net").is_symlink() and os.listdir(tmp_path / "real") == ["net"]


def test_what_a_killed_save_left_goes_with_a_later_one(tmp_path):
    old, new, other = (tmp_path / name for name in (".chainrule-00.part", ".chainrule-01.part", ".other.part"))
    for file in (old, new, other):
        file.write_bytes(b"half")
    long_ago = time.time() - STALE - 60.0
    os.utime(old, (long_ago, long_ago))
    os.utime(other, (long_ago, long_ago))
    nn.save(tmp_path / "net", nn.MLP(2, [1], seed=0))
    assert sorted(os.listdir(tmp_path)) == [".chainrule-01.part", ".other.part", "net"]


def test_savers_at_the_same_time_leave_one_whole_file(tmp_path):
    nets = [nn.MLP(2, [8, 1], seed=i) for i in range(4)]
    failures = []

    def saves(net):
        try:
            for _ in range(10):
                nn.save(tmp_path / "net", net)
                nn.load(tmp_path / "net")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=saves, args=(net,)) for net in nets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and os.listdir(tmp_path) == ["net"]
    assert network_bits(nn.load(tmp_path / "net")) in [network_bits(net) for net in nets]
