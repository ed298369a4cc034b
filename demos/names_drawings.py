"""What the speller of names learned, drawn with matplotlib."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from demos.drawings import BLUE, FAINT, INK, MUTED, ORANGE
from nn.canvas import restyle

VOWELS = "aeiouy"


def curve(figure: Figure, bits: Sequence[float], counted: float) -> None:
    """Bits a letter after each epoch, and the line of the counts."""
    axes = figure.subplots()
    epochs = range(1, len(bits) + 1)
    axes.plot(epochs, bits, color=BLUE, marker="o", label="network")
    axes.axhline(counted, color=ORANGE, linestyle="--", label="counts of letter pairs")
    for y, colour in ((counted, ORANGE), *[(last, BLUE) for last in bits[-1:]]):
        above = {"textcoords": "offset points", "ha": "center", "weight": "bold"}
        axes.annotate(f"{y:.3f}", (max(1, len(bits)), y), (0, 6), color=colour, **above)
    axes.set(title="Bits a letter on validation names", xlabel="epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.margins(y=0.15)
    axes.grid(color=FAINT, linewidth=0.6)
    restyle(axes)
    axes.legend(frameon=False, labelcolor=INK)


def letters(figure: Figure, alphabet: str, table: Sequence[Sequence[Any]]) -> None:
    """The rows of the embedding, on the plane in which they lie widest apart (principal components)."""
    axes = figure.subplots()
    rows = np.array([[v.data for v in row] for row in table])
    centred = rows - rows.mean(0)
    _, widths, directions = np.linalg.svd(centred, full_matrices=False)
    places = centred @ directions[:2].T
    share = (widths[:2] ** 2).sum() / (widths**2).sum()
    axes.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0)
    axes.axvline(0.0, color=FAINT, linewidth=0.8, zorder=0)
    for letter, (x, y) in zip(alphabet, places):
        colour = ORANGE if letter in VOWELS else MUTED if letter == "." else BLUE
        shown = "·" if letter == "." else letter
        axes.text(x, y, shown, color=colour, fontsize=17, weight="bold", ha="center", va="center")
    axes.update_datalim(places)
    axes.margins(0.08)
    axes.autoscale_view()
    axes.set(title="Letters as the network places them", xticks=[], yticks=[])
    axes.set_xlabel(f"orange: a e i o u y; ·: end of a name. The plane holds {share:.0%} of the variance.", color=MUTED)
    axes.spines[:].set_color(FAINT)


def expected(figure: Figure, alphabet: str, name: str, rows: Sequence[Sequence[float]]) -> None:
    """A row for each letter of a name: how probable each letter was before it came."""
    axes = figure.subplots()
    image = axes.imshow(np.sqrt(rows), cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for k, letter in enumerate(name):
        j = alphabet.index(letter)
        axes.add_patch(Rectangle((j - 0.5, k - 0.5), 1.0, 1.0, fill=False, edgecolor=ORANGE, linewidth=1.6))
        axes.text(len(alphabet) - 0.2, k, f"{rows[k][j]:.0%}", color=ORANGE, va="center", weight="bold")
    axes.set(title=f"What the network expects while it reads {name[:-1].capitalize()}, a name that it never saw")
    axes.set_xticks(range(len(alphabet)), ["·", *alphabet[1:]])
    axes.set_yticks(range(len(name)), [f"{name[:k].capitalize()}_" for k in range(len(name))], family="monospace")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(
        "orange: the letter that came, and how probable the network held it; ·: end of the name", color=MUTED
    )
    bar = figure.colorbar(image, ax=axes, pad=0.09, shrink=0.8, ticks=[0.0, 0.1**0.5, 0.5, 1.0])
    bar.ax.set_yticklabels(["0 %", "10 %", "25 %", "100 %"])
    bar.outline.set_visible(False)
