"""The other frameworks' cells of notebooks/coming_from.md run as they stand, and give what our cells give."""

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"  # read when keras is imported

import jax
import jax.numpy as jnp
import keras
import micrograd.nn
import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

import nn
from engine import Value
from nn.sklearn import NetworkClassifier

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import idioms

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword",  # Keras' own
    "ignore:Stochastic Optimizer",  # 50 epochs are few
)
F = torch.nn.functional


def pytorch():
    net = nn.to_torch(idioms.ours()["net"])
    X, y = torch.tensor(idioms.X, dtype=torch.float64), torch.tensor(idioms.Y)
    w = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    names = {"torch": torch, "nn": torch.nn, "F": F, "net": net, "X": X, "y": y, "x": X[1], "w": w}
    return names | {
        "optimizer": torch.optim.Adam(net.parameters(), lr=0.01),
        "loss": F.cross_entropy(net(X), y) + w * w * w,
    }


def scalars():
    net = micrograd.nn.MLP(2, [3, 1])
    names = {
        "MLP": micrograd.nn.MLP,
        "net": net,
        "loss": net([1.0, 2.0]),
        "draw_dot": lambda loss: loss._op,
    }  # of a notebook
    names["loss"].backward()
    return names


def model():
    layers = keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(3)
    made = keras.Sequential([keras.Input((2,)), *layers])
    made.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    names = {"model": made, "X": np.array(idioms.X), "y": np.array(idioms.Y)}
    return names | {"EarlyStopping": keras.callbacks.EarlyStopping}


def arrays():
    params = [jnp.array(a) for a in idioms.ours()["net"].get_weights()]

    def cost(params):
        h = jnp.tanh(jnp.array(idioms.X) @ params[0] + params[1])
        return -jax.nn.log_softmax(h @ params[2] + params[3])[jnp.arange(8), jnp.array(idioms.Y)].mean()

    return {"jax": jax, "jnp": jnp, "f": lambda x: x * x * x, "cost": cost, "params": params}


def estimators():
    return {"MLPClassifier": MLPClassifier, "GridSearchCV": GridSearchCV, "X": idioms.X, "y": idioms.Y}


THERE = {"micrograd": scalars, "PyTorch": pytorch, "Keras": model, "JAX": arrays, "scikit-learn": estimators}


def floats(x):
    """The numbers of a result, in order; those of a network are its parameters."""
    if x is None:
        return []
    if isinstance(x, nn.Module):
        return idioms.numbers(x)
    if isinstance(x, torch.nn.Module):
        return floats(nn.from_torch(x))
    if isinstance(x, (list, tuple)):
        return [n for y in x for n in floats(y)]
    if isinstance(x, Value):
        return [x.data]
    try:
        return np.array(x.detach() if isinstance(x, torch.Tensor) else x, float).ravel().tolist()
    except (TypeError, ValueError):
        return []


RANDOM = (
    "MLP(",
    "Sequential(",
    "clip",
    "model",
    "EarlyStopping",
    "MLPClassifier",
    "draw",
    "for p in",
)  # or nothing to compare


def left(value, names):
    """What a cell made and what it changed, as numbers."""
    return [*floats(value), *floats(names.get("z")), *floats(names.get("net"))]


def both(row):
    """What each cell leaves: (value, names) of theirs and of ours."""
    framework, there, here = row
    theirs = THERE[framework]()
    ours = idioms.ours() | {"GridSearchCV": GridSearchCV, "NetworkClassifier": NetworkClassifier}
    if here.endswith(".step()") and "backward" not in here:  # of a loss that went back before the cell
        ours["loss"].backward()
    return (idioms.run(there, theirs), theirs), (idioms.run(here, ours), ours)


@pytest.mark.parametrize("row", idioms.rows(), ids=lambda row: row[1])
def test_both_cells_of_every_row_run(row, capsys):
    both(row)


@pytest.mark.parametrize(
    "row",
    [row for row in idioms.rows() if row[0] in ("PyTorch", "JAX") and not any(r in row[1] for r in RANDOM)],
    ids=lambda row: row[1],
)
def test_both_cells_leave_the_same_numbers(row):
    theirs, (value, names) = both(row)
    if row[0] == "JAX":
        assert floats(theirs[0]) == pytest.approx(floats(value), rel=1e-5)  # in float32
    else:
        assert left(*theirs) == pytest.approx(left(value, names), rel=1e-9)
    assert left(*theirs)


@pytest.mark.parametrize(
    "row", [row for row in idioms.rows() if row[1].startswith(("MLP(", "nn.Sequential("))], ids=lambda row: row[1]
)
def test_both_cells_make_networks_of_the_same_size(row):
    (theirs, _), (ours, _) = both(row)
    sizes = [getattr(p, "numel", lambda: 1)() for p in theirs.parameters()]
    assert ours.parameter_count == sum(sizes)
