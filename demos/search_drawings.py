"""What two searches for hyperparameters found, drawn with matplotlib."""

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from demos import charts
from demos.drawings import BLUE, FAINT, INK, ORANGE

Configuration = dict[str, Any]
Tried = list[tuple[Configuration, float]]  # configurations, each with its log loss, in the order of the search
COLOURS = {"Optuna": BLUE, "scikit-learn": ORANGE}
MARKERS = {"relu": "o", "tanh": "s", "sigmoid": "^"}


def written(configuration: Configuration) -> str:
    """A configuration in a line."""
    return ", ".join(f"{name} {x:.2g}" if isinstance(x, float) else f"{name} {x}" for name, x in configuration.items())


def page(figure: Figure, tried: Mapping[str, Tried], usual: float, importances: Mapping[str, float]) -> None:
    """How far each search came, which choices mattered to Optuna, and all that was tried by learning rate."""
    searches, choices, rates = figure.subplots(1, 3, width_ratios=[3, 2, 3])
    for who, trials in tried.items():
        losses, numbers = [loss for _, loss in trials], range(1, len(trials) + 1)
        searches.scatter(numbers, losses, s=14, color=COLOURS[who], alpha=0.45, linewidths=0)
        searches.step(numbers, list(accumulate(losses, min)), where="post", color=COLOURS[who], label=who)
    charts.titled(searches, "The best so far", xlabel="configuration", ylabel="log loss, cross-validated", yscale="log")
    searches.xaxis.get_major_locator().set_params(integer=True)
    searches.legend(facecolor="white", edgecolor="none", labelcolor=INK, fontsize=9, loc="upper right")
    charts.level(searches, usual, "as it comes")

    charts.titled(choices, "What mattered (Optuna)", xlabel="share of the variance it explains")
    names = list(importances)[::-1]
    choices.barh(range(len(names)), [importances[name] for name in names], color=BLUE, height=0.45)
    for k, name in enumerate(names):
        text = f"{name}  {importances[name]:.0%}"
        choices.annotate(text, (0.0, k + 0.225), (3, 3), textcoords="offset points", va="bottom", color=INK, fontsize=9)
    choices.set(yticks=[], xlim=(0.0, 1.0), ylim=(-0.6, max(len(names), 1) - 0.2))

    for who, trials in tried.items():
        for activation, marker in MARKERS.items():
            points = [(x["learning_rate_init"], loss) for x, loss in trials if x["activation"] == activation]
            places = [r for r, _ in points], [loss for _, loss in points]
            rates.scatter(*places, s=26, color=COLOURS[who], marker=marker, alpha=0.75, linewidths=0)
    for activation, marker in MARKERS.items():
        rates.scatter([], [], color=INK, marker=marker, s=26, linewidths=0, label=activation)
    charts.titled(rates, "All that was tried", xlabel="learning rate", xscale="log", yscale="log")
    rates.sharey(searches)
    rates.legend(frameon=False, labelcolor=INK, fontsize=9)
    for axes in (searches, rates):
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
