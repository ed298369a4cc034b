"""What the playground's tabs answer, and its build, without a browser and without a network."""

import hashlib
import io
import json
import math
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request

import pytest

import nn
from demos.__main__ import main
from demos.playground import TABS, answers, fetching
from demos.playground.bundle import build
from demos.playground.server import Files
from demos.playground.tabs import expression, training
from demos.playground.tabs.examples import EXAMPLES

POINTS = [[1.0, 0.5, 1, 0], [-1.0, 0.25, 0, 0], [0.5, -2.0, 1, 0], [-2.0, -1.5, 0, 1], [2.0, 2.0, 1, 1]]
GIVEN = {
    "points": POINTS, "layers": [3], "activation": "tanh", "loss": "binary_cross_entropy", "optimiser": "sgd", "rate": 0.1,
    "penalty": "none", "strength": "0.01", "batch": "0", "seed": 4,
}  # fmt: skip

# An expression -------------------------------------------------------------------------------------------------------


def ran(code, **more):
    """The answer of a run, and all that was told before it."""
    told = []
    given = json.dumps({"code": code, **more})
    answer = json.loads(answers.answer("expression.run", given, told.append))
    return answer, "".join(json.loads(t)["printed"] for t in told)


def test_there_are_twelve_examples_and_more_and_each_fits_the_editor():
    assert len(EXAMPLES) >= 12 and len({name for name, _ in EXAMPLES}) == len(EXAMPLES)
    assert all(len(line) <= 44 for _, code in EXAMPLES for line in code.splitlines())


@pytest.mark.parametrize(("name", "code"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_runs_and_is_drawn(name, code):
    answer, _ = ran(code)
    assert (answer["error"], answer["live"]["message"]) == (None, "")
    assert answer["live"]["page"].startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("code", "line", "kind", "text"),
    [
        ("x = 1\ny = x + z", 2, "NameError", "name 'z' is not defined"),
        ("def f():\n    return 1 / 0\n\nf()", 2, "ZeroDivisionError", "division by zero"),
        ("x = (1,", 1, "SyntaxError", "'(' was never closed"),
        ("from engine import Value\nValue('x')", 2, "TypeError", "Value takes a real number, got 'x'"),
        ("raise SystemExit('bye')", 1, "SystemExit", "bye"),
    ],
)
def test_an_error_is_told_in_the_line_of_the_program(code, line, kind, text):
    answer, _ = ran(code)
    assert (answer["error"]["line"], answer["error"]["kind"], answer["live"]) == (line, kind, None)
    assert answer["error"]["text"].startswith(text)


def test_what_a_program_prints_comes_before_its_answer_and_not_without_end():
    answer, printed = ran("print('one')\n2 + 2")
    assert (printed, answer["live"], answer["note"]) == ("one\n4\n", None, expression.NOTHING)
    _, printed = ran("for _ in range(30000): print('again and again')")
    assert printed.endswith("… and what comes after is not shown\n") and len(printed) < 101_000


@pytest.mark.parametrize("last", ["", "y\n", "[x, y]\n", "draw(y, level='full')\n"])
def test_the_last_value_is_drawn_however_it_is_named(last):
    answer, _ = ran(f"from engine import Value, draw\nx = Value(2.0)\ny = x * 3.0\n{last}")
    assert [name for name, *_ in answer["live"]["fields"]] == ["x"]


def test_numbers_and_step_of_a_link_are_taken_as_far_as_they_are_any():
    code = "from engine import Value\nx = Value(2.0)\ny = x * x\ny"
    answer, _ = ran(code, values={"x": 5.0, "nobody": 1.0, "y": "text"}, step=1)
    assert (answer["live"]["fields"], answer["live"]["step"]) == ([["x", "5.0", "2.0"]], 1)
    answer, _ = ran(code, values="no dict", step="no number")
    assert (answer["live"]["fields"], answer["live"]["step"]) == ([["x", "2.0", "2.0"]], 3)


def test_an_edit_answers_numbers_and_another_page_only_where_one_is_needed():
    ran("from engine import Value\nx = Value(2.0)\ny = x * x\ny")
    told = expression.edit({"numbers": {"x": 3.0}, "ticket": 0.5})
    assert "page" not in told and told["answered"] == 0.5
    assert [n["data"] for n in told["fresh"]["nodes"]] == [3.0, 9.0]
    assert "page" in expression.edit({"numbers": {"x": -1.234e-55}, "ticket": 0.5})
    assert "nobody" in expression.edit({"numbers": {"nobody": 3.0}, "ticket": 0.75})["message"]


# A net that learns ---------------------------------------------------------------------------------------------------


def made(**more):
    answer = training.make({**GIVEN, **more})
    assert "error" not in answer, answer
    return training._training


@pytest.mark.parametrize("loss", training.LOSSES)
@pytest.mark.parametrize("layers", [[], [3], [2, 2]])
def test_its_gradients_are_those_of_backward(loss, layers):
    t = made(loss=loss, layers=layers)
    for x, y, k, _ in POINTS:
        L = nn.losses.LOSSES[loss](t.net([x, y]), training.LOSSES[loss][k])
        t.net.zero_grad()
        L.backward()
        told = t.gradients[k](x, y, *[p.data for p in t.parameters])
        assert told == pytest.approx([L.data, *[p.grad for p in t.parameters]], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("penalty", ["none", "l1", "l2"])
def test_it_trains_as_a_trainer_does(penalty):
    t = made(penalty=penalty)
    t.train(1e9, 5)
    net = nn.MLP(2, [3, 1], activation="tanh", seed=4)
    X, y = [p[:2] for p in POINTS if not p[3]], [p[2] for p in POINTS if not p[3]]
    extra = [] if penalty == "none" else [training.PENALTIES[penalty](0.01)]
    history = nn.fit(
        net, X, y, loss="binary_cross_entropy", optimizer=nn.SGD(net, lr=0.1), epochs=5, batch_size=None, penalty=extra,
        progress=False, seed=0,
    )  # fmt: skip
    assert [p.data for p in t.parameters] == pytest.approx([p.data for p in net.parameters()], rel=1e-12)
    if penalty == "none":
        assert [row[1] for row in t.curve] == pytest.approx(history["loss"], rel=1e-12)


def test_what_is_shown_is_what_the_net_says():
    t = made()
    told = t.look()
    side = told["side"]
    assert len(told["hidden"]) == 3 and all(len(column) == side * side for column in [*told["hidden"], told["output"]])
    x = training.EDGE * (2.0 * 0.5 / side - 1.0)
    share = 1.0 / (1.0 + math.exp(-t.net([x, -x]).data))
    assert told["output"][0] == round(100.0 * (2.0 * share - 1.0))
    assert told["weights"][0][0] == [*(w.data for w in t.net.layers[0].neurons[0].w), t.net.layers[0].neurons[0].b.data]


def test_held_out_points_are_never_learned_from():
    t = made()
    assert len(t.examples) == 3 and len(t.held) == 2
    t.train(1e9, 3)
    before = [p.data for p in t.parameters]
    other = made(points=[p if not p[3] else [0.1, 0.1, 0, 1] for p in POINTS])
    other.train(1e9, 3)
    assert [p.data for p in other.parameters] == before
    assert other.curve[-1][2] != t.curve[-1][2]


def test_points_and_settings_change_and_the_weights_stay():
    t = made()
    t.train(1e9, 2)
    before = [p.data for p in t.parameters]
    assert "error" not in training.change({**GIVEN, "loss": "hinge", "rate": 0.5, "points": POINTS[:2]})
    assert ([p.data for p in t.parameters], t.epoch, t.optimiser.lr) == (before, 2, 0.5)


@pytest.mark.parametrize("neuron", ["layers.0.neurons.2", "layers.1.neurons.0"])
def test_a_neuron_on_a_point_is_its_graph_at_these_numbers(neuron):
    t = made()
    picture = t.view(neuron, 1).picture()
    path, _, k = neuron.rpartition(".neurons.")
    mine = t.net.layers[int(path[-1])].neurons[int(k)]
    assert [b.data for b in picture.model.boxes if b.name.startswith("w[")] == [w.data for w in mine.w]
    answer = training.see({"neuron": neuron, "example": 1, "moving": False})
    assert answer["live"]["page"].startswith("<!doctype html>")
    assert "<svg" in training.see({"neuron": neuron, "example": 99, "moving": True})["svg"]


def test_a_weight_that_is_dragged_is_the_nets_own_and_the_graph_is_that_of_the_net():
    t = made()
    training.see({"neuron": "layers.0.neurons.1", "example": 1, "moving": False})
    told = training.weigh({"numbers": {"w[0]": 0.75, "b": -2.0}, "ticket": 0.5})
    neuron = t.net.layers[0].neurons[1]
    assert (neuron.w[0].data, neuron.b.data) == (0.75, -2.0) and told["live"]["answered"] == 0.5
    assert told["net"]["weights"][0][1] == [0.75, neuron.w[1].data, -2.0]
    z = next(b for b in t.view("layers.0.neurons.1", 1).picture().model.boxes if b.name == "z")
    assert z.data == next(v.data for v in training._seen[0].graph.values() if v.label == "z")


@pytest.mark.parametrize(
    "wrong",
    [
        {"layers": [99]}, {"layers": [1] * 9}, {"layers": "no list"}, {"points": [[1, 2]]}, {"points": [["a", "b", 1, 0]]},
        {"points": [[1.0, 2.0, 7, 0]]}, {"activation": "nonsense"}, {"loss": "nonsense"}, {"optimiser": "nonsense"},
        {"rate": -1.0}, {"seed": "no number"}, {"batch": "many"}, {"penalty": "nonsense"},
    ],
)  # fmt: skip
def test_what_a_link_says_wrong_is_answered_in_words(wrong):
    made()
    answer = training.make({**GIVEN, **wrong})
    assert answer["error"] and "output" not in answer


def test_without_points_it_says_what_to_do():
    made(points=[])
    assert "click into the plane" in training.train({"ms": 1, "most": 1})["error"]
    assert "no point" in training.see({"neuron": "layers.0.neurons.0", "example": 0, "moving": False})["error"]


def test_the_four_sets_are_the_same_each_time_and_in_the_plane():
    sets = training.built()["sets"]
    assert sets == training.built()["sets"] and len(sets) == 4
    for points in sets.values():
        assert all(abs(x) <= training.EDGE and abs(y) <= training.EDGE for x, y, *_ in points)
        assert 0.2 < sum(held for *_, held in points) / len(points) < 0.3
        assert {k for _, _, k, held in points if held} == {0, 1}


WITHOUT = """
import sys
sys.platform = "emscripten"
sys.modules.update(dict.fromkeys(("numpy", "tqdm", "safetensors", "llvmlite")))
import nn
net = nn.MLP(2, [3, 1], activation="tanh", seed=4)
X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
print(nn.fit(net, X, y, loss="binary_cross_entropy", epochs=3, seed=0, validation=0.25, metrics="accuracy")["loss"])
"""


def test_a_net_is_trained_without_numpy_and_tqdm_as_in_a_browsers_python():
    with_numpy = "\n".join(line for line in WITHOUT.splitlines() if "sys." not in line).replace(
        "metrics", "progress=False, metrics"
    )
    run = [
        subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
        for code in (WITHOUT, with_numpy)
    ]
    assert [r.stderr for r in run] == ["", ""]
    assert run[0].stdout == run[1].stdout != ""


def test_what_is_not_there_in_a_browser_is_said_in_words():
    answer, _ = ran("raise ModuleNotFoundError('No module named numpy', name='numpy')")
    assert answer["error"]["text"] == "this page has no numpy; what needs it runs in Python on your own machine"


# Building ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """An archive on a host that is up, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as packed:
        info = tarfile.TarInfo("package/a.js")
        info.size = 5
        packed.addfile(info, io.BytesIO(b"hello"))
    blob, asked = file.getvalue(), []
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: asked.append(url) or io.BytesIO(blob))
    entry = {"url": "https://host.invalid/a.tgz", "sha256": hashlib.sha256(blob).hexdigest(), "licence": "MIT"}
    return {**entry, "takes": {"package/a.js": "b.js"}}, asked


def test_a_file_is_fetched_once_and_kept(archive):
    entry, asked = archive
    assert fetching.fetched(entry) == fetching.fetched(entry) == {"b.js": b"hello"}
    assert len(asked) == 1


def test_a_file_with_another_hash_is_not_used_and_one_that_changed_in_the_cache_is_fetched_again(archive):
    entry, asked = archive
    with pytest.raises(fetching.FetchError, match="takes https://host.invalid/a.tgz with the SHA-256"):
        fetching.fetched({**entry, "sha256": "0" * 64})
    fetching.fetched(entry)
    [kept] = fetching.cache().iterdir()
    kept.write_bytes(b"broken")
    assert fetching.fetched(entry) == {"b.js": b"hello"}
    assert len(asked) == 3


def test_without_a_network_it_says_what_to_do(archive, monkeypatch):
    entry, _ = archive

    def down(url, timeout):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", down)
    with pytest.raises(fetching.FetchError, match=r"cannot fetch it: no route to host. Run this again with a network"):
        fetching.fetched(entry)


def test_every_file_of_others_is_pinned_by_https_and_hash():
    archives = [a for use in fetching.foreign().values() for a in use]
    assert all(a["url"].startswith("https://") and len(a["sha256"]) == 64 and a["licence"] for a in archives)


def test_a_build_that_fails_leaves_what_was_there_and_a_folder_of_others_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "demos.playground.bundle.fetched", lambda archive: dict.fromkeys(archive["takes"].values(), b"x")
    )
    page = tmp_path / "page"
    build(page, {})
    before = {path.name: path.read_bytes() for path in page.iterdir() if path.is_file()}
    monkeypatch.setattr("demos.playground.bundle._page", lambda tabs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build(page, {})
    assert {path.name: path.read_bytes() for path in page.iterdir() if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["page"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="takes a folder that is empty, or holds a playground"):
        build(tmp_path / "mine", {})
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_the_command_builds_into_its_folder_and_says_what_is_wrong(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "demos.playground.bundle.fetched", lambda archive: dict.fromkeys(archive["takes"].values(), b"x")
    )
    assert main(["playground", "--no-open", "--out", str(tmp_path)]) == 0
    assert f"  {tmp_path / 'playground'}\n" in capsys.readouterr().out
    page = (tmp_path / "playground" / "index.html").read_text("utf-8")
    assert page.count('role="tab"') == len(TABS) and "%" not in page.replace("%3", "").replace("%23", "")
    (tmp_path / "playground" / "chainrule.zip").unlink()
    assert main(["playground", "--no-open", "--out", str(tmp_path)]) == 1
    assert "takes a folder that is empty, or holds a playground" in capsys.readouterr().err


def test_what_is_served_has_the_types_that_browsers_run():
    kinds = Files.extensions_map
    assert (kinds[".mjs"], kinds[".wasm"]) == ("text/javascript; charset=utf-8", "application/wasm")


def test_an_answer_is_json_or_an_error_and_nothing_between():
    with pytest.raises(KeyError):
        answers.answer("expression.exec", "{}")
    with pytest.raises(ModuleNotFoundError):
        answers.answer("nowhere.run", "{}")
