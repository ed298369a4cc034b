"""Plots: what an engine of scalars can show of a network, as matplotlib Axes.

Blue is positive, orange negative, as in the engine's pictures; orange crosses also mark units that are dead. Each
function draws into `ax` where one is given, else into a new figure, and returns the Axes, for titles and
`.figure.savefig`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from math import nan, sqrt
from typing import TYPE_CHECKING

from engine import TABLE, Op, Value, explain, partials, total
from engine.arguments import listed, named, number

from ..activations import ACTIVATIONS
from ..arguments import plain
from ..canvas import FAINT, INK, MUTED, NEGATIVE, NEGATIVES, POSITIVE, POSITIVES, axes_for, pyplot_for, shades
from ..data import check_order, evenly, rows, targets
from ..diagnosis.diagnose import examples_of
from ..diagnosis.observation import UnitLayer, observation
from ..module import Module, module_of
from ..network import NeuralNetwork
from ..training.objective import LossFunction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXAMPLES = 200  # are looked at
BINS = 28


def plot_activation(name: str, ax: Axes | None = None, *, low: float = -4.0, high: float = 4.0) -> Axes:
    """An activation's value and derivative, both as its row of the table gives them.

    Args:
        name: a name from `nn.ACTIVATIONS`.
        ax: matplotlib Axes to draw into; new ones if left out.
        low, high: the ends of the horizontal axis.

    Returns:
        The Axes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there is no activation of this name, or low is not below high.

    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from nn import plot_activation
    >>> plot_activation("tanh").get_title(loc="left")
    'tanh'
    """
    named("plot_activation", "name", name, [n for n in ACTIVATIONS if n in TABLE])
    low, high = number("plot_activation", "low", low), number("plot_activation", "high", high)
    if not low < high:
        raise ValueError(f"plot_activation takes low below high, both finite, got {low} and {high}")
    ax = axes_for("plot_activation", ax, (5.6, 4.2))
    row = TABLE[name]
    xs = [low + (high - low) * k / 400 for k in range(401)]
    nodes = [row(Value(x)) for x in xs]
    slopes = [partials(v)[0] or 0.0 for v in nodes]
    kinks = [k for k in range(401) if xs[k] == 0.0] if row.kink is not None and _jumps(row) else []
    ax.axhline(0.0, color=FAINT, linewidth=1, zorder=0)
    ax.axvline(0.0, color=FAINT, linewidth=1, zorder=0)
    function, derivative = _written(name)
    ax.plot(xs, [v.data for v in nodes], color=INK, linewidth=2.4, label=f"y = {function}")
    if kinks:  # a derivative that jumps is drawn as two pieces
        k = kinks[0]
        xs, slopes = [*xs[:k], 0.0, 0.0, *xs[k + 1 :]], [*slopes[:k], slopes[k - 1], nan, *slopes[k + 1 :]]
    label = f"dy/dx = {derivative}"
    for colour, sign in ((POSITIVE, 1.0), (NEGATIVE, -1.0)):
        piece = [p if p * sign > 0.0 or (p == 0.0 and sign > 0.0) else nan for p in slopes]
        if any(p == p for p in piece):
            ax.plot(xs, piece, color=colour, linewidth=2.2, linestyle=(0, (4, 1.5)), label=label)
        label = "where it is negative"
    ax.set_title(name, loc="left", color=INK, fontweight="bold")
    ax.set_xlabel("x")
    ax.set_xlim(low, high)
    ax.legend(frameon=False, loc="upper left", labelcolor=INK)
    return ax


def _jumps(row: Op) -> bool:
    """Whether the derivative of a row differs on both sides of 0."""
    below, above = (partials(row(Value(x)))[0] or 0.0 for x in (-1e-9, 1e-9))
    return abs(above - below) > 1e-3


def _written(name: str) -> tuple[str, str]:
    """(the function, its derivative) as the engine prints them."""
    x = Value(0.5, label="x")
    y = TABLE[name](x)
    y.label = "y"
    function, _, derivative = str(explain(y, x)).rpartition("\n")[2].strip().partition(", so ∂y/∂x = ")
    return function.removeprefix("y = "), derivative.rpartition(" = ")[0] or derivative


def plot_gradient_flow(
    net: Module | NeuralNetwork, X: object, y: object, *, loss: str | LossFunction | None = None, ax: Axes | None = None
) -> Axes:
    """How large gradients are in each layer: the line that shrinks or explodes on its way back to the input.

    A dot is one example: the length of the derivative of its loss by all weighted sums of a layer. The line is their
    root mean square, with the factor from layer to layer. Where it is 0 a cross stands at the bottom.

    Args:
        net: a Module or a NeuralNetwork; it is not changed.
        X: the examples; of more than 200 every so many are taken.
        y: a target for each.
        loss: as for `nn.diagnose`.
        ax: matplotlib Axes to draw into; new ones if left out.

    Returns:
        The Axes.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError, ValueError: an argument is not one of these, or an output or gradient is not finite.

    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from nn import MLP
    >>> from nn import plot_gradient_flow
    >>> ax = plot_gradient_flow(MLP(2, [3, 1], seed=0), [[0.0, 1.0], [1.0, 0.0]], [0, 1])
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['layers.0', 'layers.1']
    """
    who = "plot_gradient_flow"
    layers = _observed(who, net, X, y, loss)
    ax = axes_for(who, ax, (max(4.8, 1.05 * len(layers) + 1.6), 4.2))
    lengths = [[sqrt(sum([g * g for g in gs])) for gs in zip(*[u.gradients for u in layer.units])] for layer in layers]
    means = [layer.gradient for layer in layers]
    positive = [g for gs in lengths for g in gs if g > 0.0]
    lowest = min(positive, default=0.1)
    ax.set_yscale("log")
    for k, gs in enumerate(lengths):
        spread = [k + 0.28 * ((i * 0.618034) % 1.0 - 0.5) for i in range(len(gs))]
        shown = [(x, g) for x, g in zip(spread, gs) if g > 0.0]
        ax.scatter([x for x, _ in shown], [g for _, g in shown], s=9, color=POSITIVES[0], alpha=0.7, linewidths=0)
    ax.plot(range(len(layers)), [g or nan for g in means], color=POSITIVE, linewidth=2.4, marker="o", markersize=7)
    highest = max(positive, default=0.1)
    ax.set_ylim(min(lowest / 3.0, highest / 100.0), 2.0 * highest)
    silent = [k for k, g in enumerate(means) if g == 0.0]
    floor = ax.get_xaxis_transform()
    ax.plot(silent, [0.0] * len(silent), "X", color=NEGATIVE, markersize=11, clip_on=False, transform=floor, zorder=3)
    for k in silent:
        ax.annotate("0", (k, 0.0), (0, 10), floor, "offset points", ha="center", color=NEGATIVE, fontweight="bold")
    for k in range(1, len(layers)):
        if means[k] and means[k - 1]:
            where = k - 0.5, sqrt(means[k] * means[k - 1])
            text = f"×{means[k - 1] / means[k]:.2g}"
            ax.annotate(text, where, (0, 12), textcoords="offset points", ha="center", color=INK, fontsize=9)
    ax.set_xticks(range(len(layers)), [layer.path for layer in layers])
    if len(layers) > 6:
        ax.tick_params(axis="x", labelrotation=30)
    ax.set_xlim(-0.5, len(layers) - 0.5)
    ax.set_ylabel("length of dloss/d(weighted sums)")
    ax.set_xlabel("← gradients flow this way")
    ax.set_title("Gradient flow", loc="left", color=INK, fontweight="bold")
    ax.grid(axis="y", color=FAINT, linewidth=0.6)
    ax.set_axisbelow(True)
    return ax


def plot_activations(
    net: Module | NeuralNetwork, X: object, *, axes: Axes | Iterable[Axes] | None = None
) -> list[Axes]:
    """What each unit hands on, over the examples: one histogram a unit, side by side, one Axes a layer.

    The darker, the more examples. A unit that is flat on all examples is dead, and crossed out.

    Args:
        net: a Module or a NeuralNetwork; it is not changed.
        X: the examples; of more than 200 every so many are taken.
        axes: matplotlib Axes to draw into, one a layer; new ones if left out.

    Returns:
        A list of Axes, one a layer.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError, ValueError: an argument is not one of these, or an output is not finite.

    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from nn import MLP
    >>> from nn import plot_activations
    >>> [ax.get_title(loc="left") for ax in plot_activations(MLP(2, [3, 1], seed=0), [[0.0, 1.0], [1.0, 0.0]])]
    ['layers.0: relu', 'layers.1: identity']
    """
    who = "plot_activations"
    layers = _observed(who, net, X)
    if axes is None:
        widths = [max(1.6, min(6.0, 0.22 * len(layer.units))) for layer in layers]
        pyplot = pyplot_for(who)
        size = sum(widths) + 0.9 * len(layers), 3.8
        figure, grid = pyplot.subplots(
            1, len(layers), figsize=size, width_ratios=widths, squeeze=False, layout="constrained"
        )
        axes = list(grid[0])
        figure.set_facecolor("white")
    given = listed(who, "axes", plain(axes), "matplotlib Axes") if isinstance(axes, Iterable) else [axes]
    if len(given) != len(layers):
        raise ValueError(f"{who} takes one Axes a layer, {len(layers)}, got {len(given)}")
    drawn = [axes_for(who, ax, (4.8, 3.8)) for ax in given]
    for layer, ax in zip(layers, drawn):
        _draw_histograms(layer, ax)
    drawn[0].set_ylabel("output")
    return drawn


def _draw_histograms(layer: UnitLayer, ax: Axes) -> None:
    outputs = [u.outputs for u in layer.units]
    low, high = min(map(min, outputs)), max(map(max, outputs))
    if high / BINS == low / BINS:  # numbers that are the same, of any size
        low, high = low - max(0.5, abs(low) / BINS), high + max(0.5, abs(high) / BINS)
    step = high / BINS - low / BINS
    counts = [[0.0] * len(outputs) for _ in range(BINS)]
    for j, ys in enumerate(outputs):
        for y in ys:
            counts[min(int((y - low) / step), BINS - 1)][j] += 1.0 / len(ys)
    darkness = [[sqrt(c) for c in line] for line in counts]  # few examples stay visible beside a bin with nearly all
    extent = (-0.5, len(outputs) - 0.5, low, high)
    ax.imshow(darkness, cmap=shades(), vmin=0.0, vmax=1.0, origin="lower", aspect="auto", extent=extent)
    if low < 0.0 < high:
        ax.axhline(0.0, color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)))
    for j in range(1, len(outputs)):
        ax.axvline(j - 0.5, color="white", linewidth=1.5)
    dead = layer.dead
    for j in dead:
        ax.axvspan(j - 0.5, j + 0.5, color=NEGATIVES[0], alpha=0.45, linewidth=0)
    ax.plot(dead, [(low + high) / 2.0] * len(dead), "x", color=NEGATIVE, markersize=9, markeredgewidth=2.2)
    ax.set_title(f"{layer.path}: {layer.activation}", loc="left", color=INK, fontweight="bold", fontsize=10)
    note = f"{len(dead)} of {len(outputs)} units dead" if dead else f"{len(outputs)} unit{'s' * (len(outputs) != 1)}"
    ax.set_xlabel(note, color=NEGATIVE if dead else MUTED)
    ax.set_xticks([0, len(outputs) - 1] if len(outputs) > 1 else [0])


def _observed(
    who: str, net: Module | NeuralNetwork, X: object, y: object = None, loss: str | LossFunction | None = None
) -> list[UnitLayer]:
    """What the layers of a network did; without targets, for the sum of its outputs."""
    model = copy.deepcopy(module_of(who, net)).eval()
    xs = rows(who, X)
    chosen = evenly(len(xs), EXAMPLES)
    if y is None:
        xs = [xs[k] for k in chosen]
        seen = observation(model, xs, xs, lambda z, t: total(z if isinstance(z, list) else [z]))
    else:
        check_order(who, X, y)
        ts = targets(who, y, len(xs))
        goal, xs, ts = examples_of(who, net, model, [xs[k] for k in chosen], [ts[k] for k in chosen], loss)
        seen = observation(model, xs, ts, goal.loss)
    if seen.broken is not None:
        raise ValueError(f"{who} takes a network whose outputs and gradients are finite; nn.diagnose tells where not")
    if not seen.layers:
        raise ValueError(f"{who} takes a network with Neurons or activations, got {type(model).__name__} without")
    return seen.layers
