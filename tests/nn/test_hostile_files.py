"""Files that someone else wrote, cut or made up: refused in words, and harmless."""

import gzip
import io
import json
import os
import pickle
import struct
import sys
import threading
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import numpy as safetensors_numpy
from test_files import Run, network_bits

import nn
from nn.files import container
from nn.files.container import digest, parsed
from nn.files.saving import LARGEST


def packed(header, data=b"", size=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def forged(model, tensors=None, trainer=None, **metadata):
    """A file with a right checksum, as somebody who knows the format would make it."""
    arrays = {k: np.asarray(x, "<f8") for k, x in ({"w": [1.0]} if tensors is None else tensors).items()}
    metadata = {
        "format": "chainrule",
        "version": "1",
        "model": model if isinstance(model, str) else json.dumps(model),
        **metadata,
    }
    if trainer is not None:
        metadata["trainer"] = trainer
    metadata["sha256"] = digest(metadata, {k: x.tobytes() for k, x in arrays.items()})
    return safetensors_numpy.save(arrays, metadata)


ONE = {"class": "MLP", "arguments": {"nin": 1, "nouts": [1]}}
ONE_NUMBERS = {"layers.0.neurons.0.w": [1.0], "layers.0.neurons.0.b": [2.0]}


def good():
    return forged(ONE, ONE_NUMBERS)


def test_a_forged_file_is_read_where_it_is_a_network(tmp_path):
    (tmp_path / "net").write_bytes(good())
    assert nn.load(tmp_path / "net").state() == {"layers.0.neurons.0.w.0": 1.0, "layers.0.neurons.0.b": 2.0}


class Payload:
    def __reduce__(self):
        return os.system, ("echo ran > ran.txt",)


def zipped(blob):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        z.writestr("archive/data.pkl", blob)
    return file.getvalue()


def described(**change):
    about = {"dtype": "F64", "shape": [1], "data_offsets": [0, 8], **change}
    return packed({"__metadata__": {"format": "chainrule", "version": "1", "model": "{}"}, "w": about}, b"\0" * 8)


def mlp(**arguments):
    return forged({"class": "MLP", "arguments": arguments})


def row_in_row(n):
    return '{"class": "Sequential", "arguments": {"layers": [' * n + '{"function": "softmax"}' + "]}}" * n


ours = {"format": "chainrule", "version": "1", "model": "{}"}
HOSTILE = {
    "empty": b"",
    "seven bytes": b"\0" * 7,
    "only zeros": b"\0" * 1000,
    "header of 2^64 bytes": b"\xff" * 100,
    "header longer than the file": packed(ours, size=10**9),
    "cut in the header": good()[:40],
    "cut in the numbers": good()[:-1],
    "more at the end": good() + b"\0",
    "a pickle that runs a command": pickle.dumps(Payload()),
    "a pickle in a zip, as torch saves": zipped(pickle.dumps(Payload())),
    "gzip": gzip.compress(good()),
    "a page of HTML": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "JSON": json.dumps({"w": [1.0]}).encode(),
    "header not UTF-8": packed(b'{"\xff\xfe": 1}'),
    "header a list": packed([1, 2]),
    "header nested 100,000 deep": packed(b"[" * 100_000 + b"]" * 100_000),
    "header with a key twice": packed(b'{"__metadata__":{"format":"chainrule","version":"1","model":"{}"},"w":{},"w":{}}'),
    "another program's safetensors": safetensors_numpy.save({"w": np.ones(3)}),
    "of a later version": forged(ONE, ONE_NUMBERS, version="2"),
    "without checksum": safetensors_numpy.save({"w": np.ones(1)}, ours),
    "one number changed": good()[:-1] + b"\x41",
    "float32": described(dtype="F32", data_offsets=[0, 4]),
    "unknown dtype": described(dtype="OBJ"),
    "shape of 2^63": described(shape=[2**63]),
    "negative shape": described(shape=[-1]),
    "shape no list": described(shape="[1]"),
    "tensor about nothing": packed({"__metadata__": ours, "w": None}),
    "offsets backwards": described(data_offsets=[8, 0]),
    "offsets beyond the file": described(data_offsets=[0, 2**40]),
    "overlapping tensors": packed(
        {"__metadata__": ours, **{k: {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]} for k in "ab"}}, b"\0" * 8
    ),
    "metadata not text": packed({"__metadata__": {**ours, "model": {"class": "MLP"}}}),
    "model no JSON": forged("import os"),
    "model nested 100,000 deep": forged("[" * 100_000 + "]" * 100_000),
    "model a number of 5,000 digits": forged("9" * 5000),
    "model of a class outside nn": forged({"class": "os.system", "arguments": {"command": "echo ran > ran.txt"}}),
    "model of an attribute of nn": forged({"class": "save", "arguments": {"path": "ran.txt", "model": 1}}),
    "class no text": forged({"class": ["MLP"], "arguments": {}}),
    "a network of 10^18 parameters": mlp(nin=10**9, nouts=[10**9]),
    "a network of more digits than fit": mlp(nin=10**300, nouts=[1]),
    "a network of no layers": mlp(nin=1, nouts=[]),
    "a network of negative width": mlp(nin=-2, nouts=[-1]),
    "a width that is text": mlp(nin="1" * 10**6, nouts=[10**9]),
    "widths that repeat a list": forged({"class": "Layer", "arguments": {"nin": 10**9, "nout": [1, 2]}}),
    "an activation that is an expression": forged(
        {"class": "Layer", "arguments": {"nin": 1, "nout": 1, "activation": "__import__('os').system('echo ran > ran.txt')"}},
        {"neurons.0.w": [1.0], "neurons.0.b": [2.0]},
    ),
    "an argument that no class has": forged({**ONE, "arguments": {**ONE["arguments"], "exec": "1"}}, {"a": [1.0], "b": [2.0]}),
    "an argument that is not for files": forged({**ONE, "arguments": {**ONE["arguments"], "rng": "os.urandom"}}, {"a": [1.0], "b": [2.0]}),
    "a row of 1,000 layers in layers": forged(row_in_row(1000)),
    "a row of what is no layer": forged({"class": "Sequential", "arguments": {"layers": [1, "Layer", None]}}),
    "layers that are one text": forged({"class": "Sequential", "arguments": {"layers": "Layer"}}),
    "a function that is no operation": forged({"class": "Sequential", "arguments": {"layers": [{"function": "detect_anomaly"}]}}, {}),
    "a function alone": forged({"function": "softmax"}, {}),
    "frozen what is not there": forged({"class": "Dropout", "arguments": {"rate": 0.5}, "frozen": ["__class__"]}, {}),
    "frozen a number": forged({"class": "Dropout", "arguments": {"rate": 0.5}, "frozen": 3}, {}),
    "a rate that is no number": forged({"class": "Dropout", "arguments": {"rate": {}}}, {}),
    "a tutorial's network of no layers": forged({"class": "NeuralNetwork", "arguments": {"layers": []}}, {}),
    "a tutorial's network whose layers are a dict": forged({"class": "NeuralNetwork", "arguments": {"layers": {}}}, {}),
    "a tutorial's network of 10^18 parameters": forged({"class": "NeuralNetwork", "arguments": {"layers": [10**9, 10**9]}}),
    "a tutorial's network with callbacks of text": forged(
        {"class": "NeuralNetwork", "arguments": {"layers": [1, 1], "callbacks": ["os.system"]}}, {"a": [1.0], "b": [2.0]}
    ),
    "a tutorial's network whose loss is an expression": forged(
        {"class": "NeuralNetwork", "arguments": {"layers": [1, 1], "loss": "__import__('os')"}}, {"a": [1.0], "b": [2.0]}
    ),
    "arguments no dict": forged({"class": "MLP", "arguments": [1, [1]]}),
    "as many numbers under other names": forged(
        {"class": "MLP", "arguments": {"nin": 1, "nouts": [1]}}, {"../../etc/passwd": [1.0], "__class__": [2.0]}
    ),
    "a header of 90 MB": packed(b"[" + b"[]," * 30_000_000 + b"[]]"),
    "a header of many names for nothing": packed({"__metadata__": ours, **{f"w{'x' * 99}{k}": None for k in range(20_000)}}),
    "a key twice in the metadata": packed(json.dumps({"__metadata__": ours}).replace('"model"', '"version": "1", "model"').encode()),
}  # fmt: skip
WITH_NUMBERS = {**ONE_NUMBERS, "trainer:0": [float(k) for k in range(20_000)], "trainer:1": [0.5]}
STATES = {
    "refers to nothing": '{"$tensor": "trainer:9"}',
    "nested 100,000 deep": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "columns of 0": '{"$tensor": "trainer:0", "columns": 0}',
    "one tensor twice": '{"a": {"$tensor": "trainer:0"}, "b": {"$tensor": "trainer:0"}}',
    "one tensor 20,000 times": json.dumps({"history": [{"$tensor": "trainer:0"}] * 20_000}),
    "whole numbers that are none": '{"$tensor": "trainer:1", "whole": true}',
    "whole numbers and columns": '{"$tensor": "trainer:0", "whole": true, "columns": 2}',
    "whole, or not": '{"$tensor": "trainer:0", "whole": 1}',
}  # fmt: skip

watched = threading.local()
DANGEROUS = (
    "exec",
    "compile",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "subprocess.Popen",
    "pickle.find_class",
    "marshal.loads",
)


def watch(event, args):
    seen = getattr(watched, "seen", None)
    if seen is not None and event in DANGEROUS:
        seen.append(event)


sys.addaudithook(watch)


@pytest.fixture
def nothing_runs(tmp_path, monkeypatch):
    """Fails the test where something ran or was written; the first load, which imports, comes before."""
    nn.save(tmp_path / "good", nn.MLP(1, [1], seed=0))
    nn.load(tmp_path / "good")
    monkeypatch.chdir(tmp_path)
    before = set(os.listdir())
    watched.seen = seen = []
    yield
    watched.seen = None
    assert seen == [] and set(os.listdir()) - before <= {"hostile"}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_words_and_nothing_runs(tmp_path, nothing_runs, name):
    (tmp_path / "hostile").write_bytes(HOSTILE[name])
    for into in (None, nn.MLP(1, [1], seed=0)):
        before = into and network_bits(into)
        with pytest.raises(ValueError, match=r"^load takes a file that save wrote, got '.*hostile': (?s:.)+") as caught:
            nn.load(tmp_path / "hostile", into)
        assert len(str(caught.value)) < 600
        by_checksum = name in (
            "without checksum",
            "one number changed",
        )  # the others are found before, or in spite of it
        assert ("checksum" in str(caught.value)) == by_checksum
        assert (into and network_bits(into)) == before


@pytest.mark.parametrize("name", STATES)
def test_a_hostile_state_of_a_trainer_is_read_only_where_one_is_wanted_and_refused_then(tmp_path, name):
    (tmp_path / "hostile").write_bytes(forged(ONE, WITH_NUMBERS, trainer=STATES[name]))
    net = nn.MLP(1, [1], seed=0)
    trainer = nn.Trainer(net, [[0.0], [1.0]], [0.0, 1.0], loss="mse", progress=False)
    before = repr(trainer.state())
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="^load takes a file that save wrote, got '.*hostile': its "):
            nn.load(tmp_path / "hostile", trainer=trainer)
        assert repr(trainer.state()) == before
        assert nn.load(tmp_path / "hostile").state() == {"layers.0.neurons.0.w.0": 1.0, "layers.0.neurons.0.b": 2.0}
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


def test_save_writes_no_header_that_load_would_not_read():
    with pytest.raises(ValueError, match="save takes names and settings that are short beside the numbers, got 2"):
        container.packed({"model": "x" * 2**21}, {"w": [1.0]})
    assert len(container.packed({"model": "x" * 2**21}, {"w": [1.0] * 2**15})) > 2**21


def test_a_state_of_many_whole_numbers_is_small_and_comes_back(tmp_path):
    net = nn.MLP(1, [1], seed=0)
    order = list(range(100_000)) + [2**53, -(2**53), 2**53 + 1, 2**99]
    run = Run(net, {"order": order[:-2], "large": order, "mixed": [1] * 20 + [True]})
    nn.save(tmp_path / "run", net, run)
    assert (tmp_path / "run").stat().st_size < 17 * len(order)
    again = Run(nn.MLP(1, [1], seed=1), {})
    nn.load(tmp_path / "run", trainer=again)
    assert {k: x for k, x in again.kept.items() if k != "net"} == run.kept
    assert all(type(i) is int for i in again.kept["order"]) and again.kept["mixed"][-1] is True


def test_there_are_more_than_30_hostile_files():
    assert len(HOSTILE) > 30


def test_pickles_among_them_do_run_where_they_are_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    watched.seen = seen = []
    pickle.loads(HOSTILE["a pickle that runs a command"])
    watched.seen = None
    assert (tmp_path / "ran.txt").exists() and "os.system" in seen


def test_what_is_no_plain_file_is_refused_at_once(tmp_path):
    with pytest.raises(ValueError, match="no plain file"):
        nn.load(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="no plain file"):
            nn.load(tmp_path / "pipe")
        with pytest.raises(ValueError, match="no plain file"):
            nn.load("/dev/zero")


def test_a_file_too_large_is_not_read(tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(2**40)  # a hole: it takes no room
    with pytest.raises(ValueError, match=f"a file of up to {LARGEST} bytes, got '.*large' of {2**40}"):
        nn.load(tmp_path / "large")


def test_a_file_cut_off_anywhere_is_refused(tmp_path):
    nn.save(tmp_path / "net", nn.MLP(2, [2, 1], seed=0))
    whole = (tmp_path / "net").read_bytes()
    for n in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:n])
        with pytest.raises(ValueError, match="load takes a file that save wrote"):
            nn.load(tmp_path / "cut")


@given(st.data())
def test_a_file_changed_anywhere_is_refused_or_says_the_same(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("net") / "net"
    nn.save(path, nn.MLP(2, [2, 1], seed=0))
    blob = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    said = parsed(path.read_bytes())
    path.write_bytes(blob)
    try:
        nn.load(path)
    except ValueError as error:
        assert str(error).startswith("load takes a file that save wrote")
    else:
        assert parsed(bytes(blob)) == said


numbers = st.integers(-2, 5) | st.sampled_from([2**31, 2**63, 2**64, 10**30, 1.5, True])
words = st.sampled_from(["MLP", "Layer", "Neuron", "class", "arguments", "nin", "nouts", "nout", "activation", "relu", "w", "F64",
                         "dtype", "shape", "data_offsets", "__metadata__", "format", "chainrule", "version", "1", "model", "seed"])  # fmt: skip
anything = st.recursive(
    st.none() | numbers | words | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=5), inner, max_size=5),
    max_leaves=15,
)
recipes = st.fixed_dictionaries(
    {
        "class": words,
        "arguments": st.fixed_dictionaries(
            {},
            optional={
                k: anything | numbers | st.lists(numbers, max_size=3)
                for k in ("nin", "nout", "nouts", "activation", "seed")
            },
        ),
    }
)


@settings(max_examples=300)
@given(
    st.one_of(
        anything.map(packed),
        st.tuples(anything, anything).map(
            lambda t: packed({"__metadata__": {**ours, "model": t[0]}, "w": t[1]}, b"\0" * 8)
        ),
        st.builds(
            forged,
            anything | recipes,
            st.dictionaries(words, st.lists(st.floats(), max_size=4), max_size=3),
            st.none() | anything.map(json.dumps),
        ),
        st.binary(max_size=200),
        st.binary(max_size=200).map(packed),
    )
)
def test_fuzzed_headers_are_refused_in_words(tmp_path_factory, blob):
    path = tmp_path_factory.mktemp("fuzz") / "net"
    path.write_bytes(blob)
    try:
        net = nn.load(path)
    except ValueError as error:
        assert str(error).startswith("load takes a file that save wrote")
    else:  # it happens to be a network
        assert isinstance(net, nn.Module) and net.parameter_count <= len(blob)
