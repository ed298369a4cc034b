"""Activations: each function of `nn` with its derivative on one sheet, formulas and numbers by the engine.

No derivative is typed here: `Value.backward` computes it, `engine.formulas.formula` prints the rule that ran, and central
differences, (f(x + h) − f(x − h)) / 2h, are the baseline that it is held against.
"""

import argparse
import math
import textwrap

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import nn
from demos.folder import Folder
from engine import Value
from engine.formulas.formula import partial_formulas
from nn.activations import activation_function
from nn.canvas import FAINT, INK, NEGATIVE, POSITIVE

LOW, HIGH, STEPS = -4.0, 4.0, 800
DEPTH = 10  # layers that a gradient goes back through


def run(options: argparse.Namespace) -> int:
    """Print what is to be known of each, and draw the sheet; the exit status."""
    folder = Folder(options.out)
    # Between the points of the grid that the picture uses: no point is the kink at 0, where there is no derivative.
    xs = [LOW + (HIGH - LOW) * (k + 0.5) / STEPS for k in range(STEPS)]
    print(f"{'':11}{'dy/dx':41}{'largest':>9}{'at −4':>9}{'at 4':>9}   largest after {DEPTH} layers")
    worst = 0.0
    for name in nn.ACTIVATIONS:
        slopes = [slope(name, x) for x in xs]
        worst = max([worst, *[abs(s - difference(name, x)) for s, x in zip(slopes, xs)]])
        steepest = max(slopes, key=abs)
        ends = f"{slope(name, LOW):9.4f}{slope(name, HIGH):9.4f}"
        print(f"{name:11}{formula(name):41}{steepest:9.4f}{ends}   {steepest**DEPTH:.2g}")
    print(f"\nThe largest difference from central differences, at {STEPS} points each: {worst:.1e}.\n")
    folder.draw("activations.png", (14.5, 7.4), sheet)
    return 0


def output(name: str, x: float) -> tuple[Value, Value]:
    """(x, y = f(x)) as Values; the identity makes no node of its own."""
    function = activation_function(name)
    node = Value(x, label="x")
    return node, node if function is None else function(node)


def slope(name: str, x: float) -> float:
    """The derivative, by the engine."""
    node, y = output(name, x)
    y.backward()
    return node.grad


def difference(name: str, x: float) -> float:
    """The derivative, by a central difference whose step balances truncation and rounding."""
    h = (3.0 * math.ulp(1.0)) ** (1.0 / 3.0)
    return (output(name, x + h)[1].data - output(name, x - h)[1].data) / (2.0 * h)


def formula(name: str) -> str:
    """The rule that ran, printed by running it on a name."""
    node, y = output(name, 0.5)
    if y is node:
        return "1"
    return str(partial_formulas(y, lambda v: "x" if v is node else "y", "unicode")[0])


def sheet(figure: Figure) -> None:
    """All of them on one scale, each with its derivative's formula and what it is for."""
    grid = figure.subplots(2, math.ceil(len(nn.ACTIVATIONS) / 2), sharex=True, sharey=True)
    for axes, name in zip(grid.flat, nn.ACTIVATIONS):
        nn.plot_activation(name, axes, low=LOW, high=HIGH)
        axes.get_legend().remove()  # one for all, below
        axes.set_title(f"{name}\n", loc="left", color=INK, weight="bold")
        above = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": 8.5}
        axes.annotate(f"dy/dx = {formula(name)}", (0, 1), (0, 5), color=POSITIVE, **above)
        axes.set(xlabel=textwrap.fill(nn.ACTIVATIONS[name], 42), xlim=(LOW, HIGH), ylim=(-2.1, 4.1))
        axes.xaxis.label.set_size(8.5)
        axes.grid(color=FAINT, linewidth=0.5)
    handles = [Line2D([], [], color=INK, linewidth=2.4, label="y, the activation of x")]
    for colour, label in ((POSITIVE, "dy/dx, its derivative"), (NEGATIVE, "dy/dx where it is negative")):
        handles.append(Line2D([], [], color=colour, linewidth=2.2, linestyle=(0, (4, 1.5)), label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, labelcolor=INK)
