"""Without NumPy, as in a web page: what can, works on lists; what cannot says what is missing and how it is installed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nn.matrices import _listed, numbers_and_shape

ROOT = Path(__file__).parents[2]
ABSENT = ("numpy", "tqdm", "safetensors", "llvmlite", "matplotlib", "torch", "onnx", "anywidget")
BARE = f"""
import json, sys, traceback, types
sys.modules.update(dict.fromkeys({ABSENT}))
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests" / "support")!r}]
"""
SWEEP = """
import nn
model = {name: None for name in ("fit", "predict", "score")}
nn.sklearn = sys.modules["nn.sklearn"] = types.SimpleNamespace(
    NetworkClassifier=type("NetworkClassifier", (), model), NetworkRegressor=type("NetworkRegressor", (), model)
)  # the one module that is about scikit-learn, and NumPy
import engine_exemplars, nn_exemplars
from exemplar import EXEMPLARS

raw, tried = {}, 0
for name, exemplar in EXEMPLARS.items():
    if name.startswith(("nn.sklearn", "engine.checks")):  # Hypothesis takes None for NumPy itself
        continue
    tried += 1
    try:
        call, _ = exemplar.made()
        call.then(call.function(*call.args, **call.named))
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1].filename
        inside = "/engine/" in last or "/nn/" in last
        if inside and (" takes " not in str(error) and " needs " not in str(error)):
            raw[name] = f"{type(error).__name__}: {error}"
print("\\n" + json.dumps([tried, raw]))
"""
WORKS = """
import nn
net = nn.MLP(2, [2, 1], seed=0)
kernel, bias = net.get_weights()[:2]
net.set_weights([[[1.0, 2.0], [3.0, 4.0]], [0.5, 0.25], *net.get_weights()[2:]])
tutorial = nn.NeuralNetwork([2, 2, 1], seed=0)
before = tutorial.predict([[0.0, 1.0], [1.0, 0.0]])
tutorial.backward([[0.0, 1.0], [1.0, 0.0]], [1.0, 0.0], before)
said = []
for wrong in (lambda: net.set_weights([[[1.0, 2.0, 3.0]], [0.5]]), lambda: net.set_weights([[[1.0], [2.0, 3.0]], *net.get_weights()[1:]]),
              lambda: tutorial.backward([[0.0, 1.0]], [1.0], [5.0]), lambda: net.layers[0].W[0], lambda: net.layers[0].W @ [1.0, 1.0]):
    try: wrong()
    except Exception as error: said.append(f"{type(error).__name__}: {error}")
print(json.dumps([kernel, bias, net.state(), tutorial.predict([[0.0, 1.0], [1.0, 0.0]]) != before, said, repr(net.layers[0].W)]))
"""


def told(program, folder):
    ran = subprocess.run(
        [sys.executable, "-c", BARE + program], capture_output=True, text=True, cwd=folder, timeout=120
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout.splitlines()[-1])


def test_whatever_is_called_works_or_says_what_is_missing(tmp_path):
    tried, raw = told(SWEEP, tmp_path)
    assert tried > 150 and raw == {}


def test_weights_are_lists_and_the_tutorials_network_learns(tmp_path):
    kernel, bias, state, moved, said, shown = told(WORKS, tmp_path)
    assert (len(kernel), len(kernel[0]), len(bias)) == (2, 2, 2)
    assert (state["layers.0.neurons.1.w.0"], state["layers.0.neurons.0.b"]) == (2.0, 0.5) and moved
    assert [text.split(":")[0] for text in said] == [
        "ValueError",
        "TypeError",
        "ValueError",
        *["ModuleNotFoundError"] * 2,
    ]
    assert "takes 4 arrays, got 2" in said[0] and "no array of real numbers" in said[1] and "other numbers" in said[2]
    assert all("W takes NumPy, which is not installed; pip install numpy" in text for text in said[3:])
    assert shown == "W([[1.0, 3.0], [2.0, 4.0]])"


@pytest.mark.parametrize("given", [[[1, 2, 3], [4, 5, 6]], [], [[], []], 2.5, [True], [[[1.0]]]])
def test_lists_are_read_as_numpy_reads_them(given):
    assert _listed(given) == numbers_and_shape(given)


@pytest.mark.parametrize("wrong", [[[1.0], [2.0, 3.0]], ["a"], [1.0, [2.0]], [2j], {1: 2}])
def test_what_is_no_array_of_numbers_is_none_either_way(wrong):
    for read in (_listed, numbers_and_shape):
        with pytest.raises((TypeError, ValueError)):
            read(wrong)


def test_a_list_that_holds_itself_is_no_array():
    ring = []
    ring.append(ring)
    with pytest.raises(TypeError):
        _listed(ring)
