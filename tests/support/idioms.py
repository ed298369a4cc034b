"""The table of `notebooks/coming_from.md`: its rows, and how a cell is run."""

import ast
import re
from pathlib import Path

import engine
import nn
from engine import Value
from nn.weights import slots

TABLE = (Path(__file__).parents[2] / "notebooks" / "coming_from.md").read_text(encoding="utf-8")
X, Y = [[0.0, 0.5], [1.0, -1.0], [0.25, 2.0], [-1.5, 0.75], [2.0, 2.0], [0.5, -0.25], [1.5, 0.0], [-0.5, 1.0]], [0, 1, 2, 0, 1, 2, 0, 1]  # fmt: skip


def rows():
    """(framework, its cell, our cell) for each row."""
    found, framework = [], ""
    for line in TABLE.splitlines():
        cells = re.fullmatch(r"\| ?(\S.*?)? ?\| `(.+)` \| `(.+)` \|", line)
        if cells:
            framework = cells[1] or framework
            found.append((framework, cells[2], cells[3]))
    return found


def run(cell, names):
    """Run a cell where these names mean something; the value of its last expression, or None."""
    body = ast.parse(cell).body
    last = ast.Expression(body.pop().value) if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), cell, "exec"), names)
    return None if last is None else eval(compile(last, cell, "eval"), names)


def ours():
    """What the names in our cells mean: a small network, its loss and an optimiser."""
    net = nn.MLP(2, [4, 3], activation="tanh", seed=0)
    w = Value(0.5)
    loss = nn.cross_entropy([net(x) for x in X], Y) + w * w * w
    return {
        "nn": nn,
        "engine": engine,
        "net": net,
        "X": X,
        "y": Y,
        "x": X[1],
        "w": w,
        "loss": loss,
        "optimizer": nn.Adam(net, lr=0.01),
        "f": lambda x: x * x * x,
        "cost": lambda net: nn.cross_entropy([net(x) for x in X], Y),
    }


def numbers(net):
    """The parameters of a network in Keras' order."""
    return [v.data for slot in slots(net) for v in slot.values]
