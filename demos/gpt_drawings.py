"""Where a GPT looks, drawn with matplotlib."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from demos.drawings import INK, MUTED
from nn.canvas import restyle, shades


def attention(figure: Figure, name: str, weights: Sequence[Sequence[Sequence[Any]]]) -> None:
    """For each head a row for each place of a name: how much it looks at which of the letters up to there."""
    letters = ["·", *name]
    grid = figure.subplots(1, len(weights[0]), sharey=True)
    for head, axes in enumerate(grid):
        shown = [[float(w) if k <= place else float("nan") for k, w in enumerate(heads[head])]
                 for place, heads in enumerate(weights)]  # fmt: skip
        image = axes.imshow(shown, cmap=shades(), vmin=0.0, vmax=1.0)
        axes.set_xticks(range(len(letters)), letters, family="monospace")
        axes.set_yticks(range(len(letters)), [f"·{name[:k]}" for k in range(len(letters))], family="monospace")
        axes.set_title(f"head {head + 1}", loc="left", color=INK, fontsize=10)
        restyle(axes)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    grid[0].set_ylabel("read so far", color=MUTED)
    bar = figure.colorbar(image, ax=grid.tolist(), shrink=0.8, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    figure.suptitle(f"Where the GPT looks to say which letter follows, while it reads {name.capitalize()}", color=INK)
    figure.supxlabel("letters that each head can look at; ·: the stop before a name", fontsize=9, color=MUTED)
