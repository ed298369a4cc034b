"""What the speller of names learned, drawn with matplotlib."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from demos.charts import titled
from demos.drawings import BLUE, FAINT, INK, MUTED, ORANGE

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
    titled(axes, "Bits a letter on validation names", xlabel="epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.margins(y=0.15)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.legend(frameon=False, labelcolor=INK)


def letters(figure: Figure, alphabet: str, table: Sequence[Sequence[Any]]) -> None:
    """The rows of the embedding, on the plane in which they lie widest apart (principal components)."""
    axes = figure.subplots()
    rows = np.array([[v.data for v in row] for row in table])
    centred = rows - rows.mean(0)
    _, widths, directions = np.linalg.svd(centred, full_matrices=False)
    places = centred @ directions[:2].T
    share = (widths[:2] ** 2).sum() / (widths**2).sum()
    colours = [ORANGE if letter in VOWELS else MUTED if letter == "." else BLUE for letter in alphabet]
    titled(axes, "Letters as the network places them")
    axes.scatter(*places.T, s=14, color=colours)
    axes.margins(0.08)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set(xlabel="first principal axis", ylabel="second principal axis")
    figure.draw_without_rendering()  # lays the page out, so that it is known how far apart points are
    to_data = axes.transData.inverted().transform
    seats = to_data(apart(axes.transData.transform(places), 15.0 * figure.dpi / 72.0))
    for letter, colour, seat, place in zip(alphabet.replace(".", "·"), colours, seats, places):
        axes.plot(*zip(seat, place), color=FAINT, linewidth=0.8, zorder=1)
        axes.text(*seat, letter, color=colour, fontsize=13, weight="bold", ha="center", va="center", in_layout=False)
    about = f"orange: a e i o u y; ·: end of a name; the plane holds {share:.0%} of the variance"
    figure.supxlabel(about, color=MUTED, fontsize=9)


def apart(places: Any, least: float) -> Any:
    """Seats for letters near their points, at least about `least` from each other and half of that from any point."""
    seats = places + np.array([0.0, 0.75 * least])
    for _ in range(200):
        for others, room in ((seats, least), (places, 0.7 * least)):
            away = seats[:, None] - others[None]
            far = np.linalg.norm(away, axis=2)
            push = np.where((far > 0.0) & (far < room), room - far, 0.0) / np.maximum(far, 1e-9)
            seats = seats + 0.25 * (push[:, :, None] * away).sum(1)
    return seats


def expected(figure: Figure, alphabet: str, name: str, rows: Sequence[Sequence[float]]) -> None:
    """A row for each letter of a name: how probable each letter was before it came."""
    axes = figure.subplots()
    image = axes.imshow(np.sqrt(rows), cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for k, letter in enumerate(name):
        j = alphabet.index(letter)
        axes.add_patch(Rectangle((j - 0.5, k - 0.5), 1.0, 1.0, fill=False, edgecolor=ORANGE, linewidth=1.6))
        axes.text(len(alphabet) - 0.2, k, f"{rows[k][j]:.0%}", color=ORANGE, va="center", weight="bold")
    title = f"What the network expects while it reads {name[:-1].capitalize()}, a name that it never saw"
    axes.set_title(title, loc="left", color=INK, weight="bold", fontsize=11)
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
