"""What a classifier of images learned, drawn with matplotlib."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")  # draws to files, without a screen

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from sklearn.metrics import ConfusionMatrixDisplay

BLUE, ORANGE, INK, MUTED, FAINT = "#0a5ea8", "#a84300", "#1c2128", "#57606b", "#d5dae1"
COLUMNS, MOST = 8, 24


def curves(figure: Figure, history: Sequence[Any], goal: float) -> None:
    """Loss and held-out accuracy over the epochs, and the accuracy that is wanted."""
    left, right = figure.subplots(1, 2)
    epochs = [e.number for e in history]
    # The training loss is a mean over its epoch, so it belongs to the middle of it.
    left.plot([e - 0.5 for e in epochs], [e.loss for e in history], color=ORANGE, marker=".", label="training")
    left.plot(epochs, [e.held_out_loss for e in history], color=BLUE, marker=".", label="held out")
    left.set(title="Loss (cross-entropy)", yscale="log")
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.yaxis.set_major_formatter("{x:g}")
    left.yaxis.set_minor_formatter(NullFormatter())
    left.legend(frameon=False, labelcolor=INK)
    accuracies = [100.0 * e.accuracy for e in history]
    right.plot(epochs, accuracies, color=BLUE, marker=".")
    right.set(title="Held-out accuracy", ylim=(min([80.0, *(accuracies[1:] or accuracies)]) - 2.0, 100.5))
    right.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
    right.axhline(100.0 * goal, color=MUTED, linewidth=0.8, linestyle="--")
    beside = {"textcoords": "offset points", "ha": "right"}
    right.annotate(f"goal {100.0 * goal:.0f} %", (epochs[-1], 100.0 * goal), (4, -14), color=MUTED, **beside)
    right.annotate(f"{accuracies[-1]:.1f} %", (epochs[-1], accuracies[-1]), (4, 7), color=BLUE, weight="bold", **beside)
    right.yaxis.set_major_formatter("{x:.0f} %")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(color=FAINT, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)


def wrong(figure: Figure, images: Sequence[Any], right: Sequence[int], outputs: Sequence[Sequence[float]]) -> None:
    """A page of images that are read wrongly, the surest mistakes first, with the probability of each digit."""
    mistakes = []
    for image, label, zs in zip(images, right, outputs):
        scale = sum(math.exp(z - max(zs)) for z in zs)
        ps = [math.exp(z - max(zs)) / scale for z in zs]
        if ps.index(max(ps)) != label:
            mistakes.append((image, label, ps))
    mistakes.sort(key=lambda m: -max(m[2]))
    shown = mistakes[:MOST]
    rows = max(1, math.ceil(len(shown) / COLUMNS))
    figure.set_size_inches(COLUMNS * 1.25, rows * 2.0 + 0.7)
    extent = f"; the {MOST} surest mistakes" if len(mistakes) > MOST else ""
    figure.suptitle(f"{len(mistakes)} of {len(images)} held-out digits are read wrongly{extent}", color=INK)
    grid = figure.subplots(2 * rows, COLUMNS, squeeze=False, height_ratios=[3, 1] * rows)
    for i in range(rows * COLUMNS):
        pixels, bars = grid[2 * (i // COLUMNS)][i % COLUMNS], grid[2 * (i // COLUMNS) + 1][i % COLUMNS]
        if i >= len(shown):
            pixels.set_axis_off()
            bars.set_axis_off()
            continue
        image, label, ps = shown[i]
        read = ps.index(max(ps))
        pixels.imshow([image[k : k + 8] for k in range(0, 64, 8)], cmap="gray_r", vmin=0.0, vmax=1.0)
        pixels.set(xticks=[], yticks=[])
        pixels.spines[:].set_color(FAINT)
        pixels.set_title(f"{label} read as {read}", fontsize=9, color=INK)
        bars.bar(range(10), ps, color=[BLUE if d == label else ORANGE if d == read else MUTED for d in range(10)])
        bars.set(ylim=(0.0, 1.0), xticks=[label, read], yticks=[])
        bars.tick_params(length=0, labelsize=8, pad=1)
        bars.spines[["top", "left", "right"]].set_visible(False)
        bars.spines["bottom"].set_color(FAINT)
    figure.supxlabel("bars: probability of 0 to 9; blue the right digit, orange the one read", fontsize=9, color=MUTED)


def confusion(figure: Figure, right: Sequence[int], read: Sequence[int]) -> None:
    """The confusion matrix, by scikit-learn; no number where it is 0."""
    axes = figure.subplots()
    shown = ConfusionMatrixDisplay.from_predictions(
        right, read, labels=range(10), ax=axes, cmap="Blues", colorbar=False, text_kw={"fontsize": 10}
    )
    for i, row in enumerate(shown.text_):
        for j, text in enumerate(row):
            if text.get_text() == "0":
                text.set_text("")
            elif i != j:
                text.set(color=ORANGE, weight="bold")
    correct = sum(map(int.__eq__, right, read))
    axes.set(title=f"{correct} of {len(right)} held-out digits read right", xlabel="read as", ylabel="is")
    axes.spines[:].set_color(FAINT)
    axes.tick_params(length=0)
