"""What the demo privacy draws: errors and attack without and with privacy, and what each ε costs."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from demos import charts
from demos.drawings import BLUE, FAINT, INK, MUTED, ORANGE

Array = Any


def most_told(epsilon: float, delta: float, accused: Array) -> Array:
    """No attack finds more of those learned from, where it accuses so many others: Kairouz, Oh & Viswanath (2015)."""
    up = math.exp(epsilon) * accused + delta
    down = 1.0 - math.exp(-epsilon) * (1.0 - delta - accused)
    return np.minimum(1.0, np.minimum(up, down))


def draw(figure: Figure, found: Sequence[Any], base: float, delta: float) -> None:
    """Errors and attack without and with privacy; and beside them, what accuracy each ε costs."""
    left, right = figure.subfigures(1, 2, width_ratios=[2, 1])
    axes = left.subplots(2, 2, sharey="row")
    most = max(float(net.outside.max()) for net in found[:2])
    for column, net, colour in zip(axes.T, found, (ORANGE, BLUE)):
        errors_of(column[0], net, most, colour)
        roc_of(column[1], net, colour, delta)
    column = right.subplots(2, 1, sharex=True)
    trade(column, found, base)


def errors_of(axes: Any, net: Any, most: float, colour: str) -> None:
    """How large the errors are, about patients that were learned from and about others."""
    bins = np.linspace(0.0, most, 31)
    for errors, name, style in (
        (net.inside, "learned from", {"color": colour, "alpha": 0.75}),
        (net.outside, "others", {"histtype": "step", "color": INK, "linewidth": 1.3}),
    ):
        axes.hist(errors, bins, weights=np.full(len(errors), 1.0 / len(errors)), label=name, **style)
    epsilon = "ε = ∞" if math.isinf(net.epsilon) else f"ε = {net.epsilon:.1f}"
    charts.titled(
        axes,
        f"{net.title}, {epsilon}: RMSE {net.error:.0f}",
        xlabel="error of the disease's progression",
        xlim=(0.0, most),
    )
    axes.set_yscale("log")
    axes.set_ylim(0.005, 1.2)
    axes.set_ylabel("part of the patients" if axes.get_subplotspec().is_first_col() else "")
    axes.legend(frameon=False, labelcolor=INK, fontsize=9, loc="upper right")


def roc_of(axes: Any, net: Any, colour: str, delta: float) -> None:
    """How many of each the attack accuses, by its limit; and what no attack at all can do."""
    line = np.linspace(0.0, 1.0, 201)
    if math.isfinite(net.epsilon):
        bound = most_told(net.epsilon, delta, line)
        axes.fill_between(line, bound, 1.02, color=FAINT, linewidth=0, label="no attack whatever gets here")
    axes.plot(line, line, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="guessing")
    axes.plot(*net.roc, color=colour, linewidth=2.0, label="the attack")
    charts.titled(
        axes, f"who was learned from? {net.area:.0%} of pairs right", xlabel="others that are accused", xlim=(0.0, 1.0),
        ylim=(0.0, 1.02),
    )  # fmt: skip
    axes.set_ylabel("learned from and accused" if axes.get_subplotspec().is_first_col() else "")
    axes.legend(frameon=False, labelcolor=INK, fontsize=9, loc="lower right")


def trade(axes: Any, found: Sequence[Any], base: float) -> None:
    """What the attack gains, and what the network knows of other patients, by ε."""
    heart, *private = [found[0], *sorted(found[1:], key=lambda net: net.epsilon)]
    epsilons = [net.epsilon for net in private]
    above, below = axes
    for panel, number, title in (
        (above, lambda net: net.advantage, "what the attack gains, by ε"),
        (below, lambda net: net.error, "RMSE of the others, by ε"),
    ):
        panel.plot(epsilons, [number(net) for net in private], color=BLUE, marker="o", linewidth=1.6)
        charts.titled(panel, title, xscale="log", xticks=epsilons, xticklabels=[f"{x:.1f}" for x in epsilons])
        panel.minorticks_off()
        charts.level(panel, number(heart), "learned by heart", ORANGE)
        panel.grid(axis="y", color=FAINT, linewidth=0.6)
    charts.level(below, base, "always the mean")
    above.set_ylim(-0.03, 1.0)
    errors = [base, *[net.error for net in found]]
    below.set(xlabel="ε", ylim=(0.8 * min(errors), 1.1 * max(errors)))
