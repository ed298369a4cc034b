"""What the translator learned, drawn with matplotlib."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from demos.drawings import BLUE, FAINT, INK, MUTED, ORANGE
from demos.phrases import tokens
from nn.canvas import restyle, shades

GOAL = 0.95


def exactness(figure: Figure, shares: Mapping[str, Sequence[float]]) -> None:
    """The share of validation pairs that are right in every place, after each epoch."""
    axes = figure.subplots()
    for (kind, ys), colour in zip(shares.items(), (BLUE, ORANGE)):
        axes.plot(range(1, len(ys) + 1), ys, color=colour, marker="o", label=kind)
    axes.axhline(GOAL, color=MUTED, linestyle="--", linewidth=0.8)
    axes.text(0.005, GOAL + 0.015, f"goal {GOAL:.0%}", color=MUTED, ha="left", transform=axes.get_yaxis_transform())
    axes.set(title="Validation pairs translated without a mistake", xlabel="epoch", ylim=(-0.02, 1.03))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color=FAINT, linewidth=0.6)
    restyle(axes)
    axes.legend(frameon=False, labelcolor=INK, loc="center right")


def attention(figure: Figure, examples: Sequence[tuple[str, str, Any]]) -> None:
    """For each example (phrase, answer, weights) where the network looked to write each character."""
    columns = [[*tokens(phrase), "(end)"] for phrase, _, _ in examples]
    grid = figure.subplots(1, len(examples), squeeze=False, width_ratios=list(map(len, columns)))
    for axes, names, (phrase, answer, weights) in zip(grid[0], columns, examples):
        last = len(names) - 1  # beyond it is what fills a phrase up
        rows = [[float(weight) for weight in row] for row in weights[: len(answer)]]
        shown = [[*row[:last], sum(row[last:])] for row in rows]
        image = axes.imshow(shown, cmap=shades(), vmin=0.0, vmax=1.0, aspect="auto")
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(answer)), answer, family="monospace", weight="bold", fontsize=12)
        axes.set_title(phrase, loc="left", color=INK, fontsize=10)
        restyle(axes)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    grid[0][0].set_ylabel("written, from top to bottom")
    bar = figure.colorbar(image, ax=grid[0].tolist(), shrink=0.8, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    figure.suptitle("Where the network looks while it writes", color=INK)
