"""Without NumPy, safetensors, tqdm and llvmlite, as in a web page: what can be done is done, and the rest is told."""

import os
import subprocess
import sys
from pathlib import Path

import nn

ROOT = Path(__file__).parents[2]
BLOCKED = """
import sys
sys.modules.update(dict.fromkeys(("numpy", "safetensors", "tqdm", "llvmlite")))
import engine, nn
"""


def without(program):
    """What a program prints where these packages are missing."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCKED + program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


TRAINED = """
X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1, 0, 1]
net = nn.MLP(2, [3, 2], activation="tanh", seed=0)
nn.fit(net, X, y, loss="cross_entropy", epochs=3, progress=False)
network = nn.NeuralNetwork([2, 3, 1], seed=0)
network.train(X, y, epochs=3, displayUpdate=3)
found = network.predict(X), network.predict(X[0]), network.W[0].grad, network.dW[0]
"""


def test_a_net_is_trained_and_predicts_as_with_numpy():
    here = {"nn": nn}
    exec(TRAINED, here)
    expected = [x.tolist() for x in here["found"]]
    found = without(f"{TRAINED}print([*found] == {expected!r}, net.state() == {here['net'].state()!r})")
    assert found.splitlines()[-1] == "True True"


def test_a_file_is_written_to_the_byte_and_reading_one_says_what_it_takes(tmp_path):
    nn.save(tmp_path / "here", nn.MLP(2, [3, 1], seed=0))
    program = f"""
import os
os.chdir({os.fspath(tmp_path)!r})
nn.save("there", nn.MLP(2, [3, 1], seed=0))
try: nn.load("there")
except ImportError as error: print(error)
"""
    assert without(program) == "load takes safetensors and NumPy to read a file; pip install safetensors\n"
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()


def test_what_compiles_says_that_it_takes_llvmlite():
    program = """
try: engine.jit(lambda x: x * x)(2.0)
except ImportError as error: print(error)
"""
    assert without(program).startswith("jit takes llvmlite; install it with: pip install")
