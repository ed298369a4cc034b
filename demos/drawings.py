"""What a classifier learned, drawn with matplotlib in the colours of the engine's pictures."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")  # draws to files, without a screen

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from nn import Module, plot_saliency
from nn.canvas import FAINT, INK, MUTED, restyle
from nn.canvas import NEGATIVE as ORANGE
from nn.canvas import POSITIVE as BLUE

COLUMNS, MOST = 8, 24


def curves(figure: Figure, history: Mapping[str, Sequence[float]], best: Mapping[str, Any] | None = None) -> None:
    """Loss and accuracy over the epochs of a history that `nn.fit` returned, and the epoch whose weights were kept."""
    left, right = figure.subplots(1, 2)
    epochs = history["epoch"]
    # The training loss is a mean over its epoch, so it belongs to the middle of it.
    left.plot([e - 0.5 for e in epochs], history["loss"], color=ORANGE, marker=".", label="training")
    left.plot(epochs, history["val_loss"], color=BLUE, marker=".", label="validation")
    left.set_title("Loss (cross-entropy)", loc="left", color=INK, weight="bold")
    left.set_yscale("log")
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.yaxis.set_major_formatter("{x:g}")
    left.yaxis.set_minor_formatter(NullFormatter())
    for name, colour in (("accuracy", ORANGE), ("val_accuracy", BLUE)):
        right.plot(epochs, [100.0 * x for x in history[name]], color=colour, marker=".")
    right.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
    right.yaxis.set_major_formatter("{x:.0f} %")
    for axes in (left, right):
        restyle(axes)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(color=FAINT, linewidth=0.6)
    title = "Accuracy"
    if best is not None and best["epoch"] in epochs:
        k = list(epochs).index(best["epoch"])
        kept = 100.0 * history["val_accuracy"][k]
        title += f": {kept:.1f} % in epoch {best['epoch']}, the best"
        for axes, y in ((left, history["val_loss"][k]), (right, kept)):
            axes.plot(best["epoch"], y, "o", color=BLUE, markersize=9, mfc="white", mew=2, label="best, kept")
    left.legend(frameon=False, labelcolor=INK)
    right.set_title(title, loc="left", color=INK, weight="bold")


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
    columns = max(4, math.ceil(len(shown) / rows))
    figure.set_size_inches(columns * 1.25, rows * 2.0 + 0.9)
    extent = f"; the {MOST} surest mistakes" if len(mistakes) > MOST else ""
    title = f"{len(mistakes)} of {len(images)} held-out digits are read wrongly{extent}"
    figure.suptitle(title, color=INK, weight="bold", fontsize=11)
    grid = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[3, 1] * rows)
    for i in range(rows * columns):
        pixels, bars = grid[2 * (i // columns)][i % columns], grid[2 * (i // columns) + 1][i % columns]
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
    figure.supxlabel("probability of 0 to 9: blue the right digit, orange the one read", fontsize=9, color=MUTED)


def confusion(figure: Figure, right: Sequence[int], read: Sequence[int]) -> None:
    """The confusion matrix, by scikit-learn; no number where it is 0."""
    from sklearn.metrics import ConfusionMatrixDisplay

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
    axes.set(xlabel="read as", ylabel="is")
    axes.set_title(f"{correct} of {len(right)} held-out digits read right", color=INK, weight="bold", fontsize=11)
    axes.spines[:].set_color(FAINT)
    axes.tick_params(length=0)


def saliency(figure: Figure, net: Module, image: Sequence[float]) -> None:
    """An image, and which pixels speak for the two likeliest digits."""
    zs = [z.data for z in net(image)]
    first, second = sorted(range(len(zs)), key=lambda d: -zs[d])[:2]
    scale = sum(math.exp(z - zs[first]) for z in zs)
    pixels, *others = figure.subplots(1, 3)
    pixels.imshow([image[k : k + 8] for k in range(0, 64, 8)], cmap="gray_r", vmin=0.0, vmax=1.0)
    pixels.set(xticks=[], yticks=[])
    pixels.spines[:].set_color(FAINT)
    pixels.set_title("A held-out image", loc="left", color=INK, weight="bold")
    for axes, d, call in zip(others, (first, second), ("Read as", "Next would be")):
        plot_saliency(net, image, output=d, ax=axes)
        axes.set_title(f"{call} {d}: {math.exp(zs[d] - zs[first]) / scale:.1%}", loc="left", color=INK, weight="bold")
        axes.set_xlabel(f"∂z{d}/∂pixel")
    text = "blue: more ink here speaks for the digit; orange: against it; the line surrounds the ink"
    figure.supxlabel(text, fontsize=10, color=MUTED)
