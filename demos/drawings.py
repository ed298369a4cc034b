"""What a classifier learned, drawn with matplotlib in the colours of the engine's pictures."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # draws to files, without a screen

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from PIL import Image

from nn import Module, plot_saliency
from nn.canvas import FAINT, INK, MUTED, restyle, signs
from nn.canvas import NEGATIVE as ORANGE
from nn.canvas import POSITIVE as BLUE

COLUMNS, MOST = 8, 24


def curves(figure: Figure, history: Mapping[str, Sequence[float]]) -> None:
    """Loss and accuracy over the epochs of a history that `nn.fit` returned."""
    left, right = figure.subplots(1, 2)
    epochs = history["epoch"]
    left.plot(epochs, history["loss"], color=ORANGE, marker=".", label="learned from, mean over the epoch")
    left.plot(epochs, history["val_loss"], color=BLUE, marker=".", label="held out, after it")
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
    left.legend(frameon=False, labelcolor=INK)
    right.set_title("Accuracy", loc="left", color=INK, weight="bold")


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
        axes.set_xlabel(f"dz{d}/dpixel")
    text = "blue: more ink here speaks for the digit; orange: against it; the line surrounds the ink"
    figure.supxlabel(text, fontsize=10, color=MUTED)


def grid(points: Sequence[Sequence[float]], side: int) -> list[list[float]]:
    """side × side points, row by row from below, that cover some points with a margin."""
    xs, ys = (_ticks([p[k] for p in points], side) for k in (0, 1))
    return [[x, y] for y in ys for x in xs]


def _ticks(numbers: Sequence[float], side: int) -> list[float]:
    low, high = min(numbers) - 0.4, max(numbers) + 0.4
    return [low + (high - low) * i / (side - 1) for i in range(side)]


class Boundary:
    """A classifier of points in the plane, drawn at several times of its training.

    Args:
        points, labels: the points, and 0 or 1 for each.
        history: of the training, as `nn.fit` returned it.
        side: the probabilities are those of the points of `grid(points, side)`.
    """

    def __init__(
        self, points: Sequence[Sequence[float]], labels: Sequence[int], history: Mapping[str, Any], side: int
    ) -> None:
        self.points, self.labels, self.history, self.side = points, labels, history, side
        self.xs, self.ys = (_ticks([p[k] for p in points], side) for k in (0, 1))

    def draw_strip(self, figure: Figure, shown: Sequence[tuple[int, Sequence[float]]]) -> None:
        """Six of the times, and the loss below."""
        count = min(6, len(shown))
        chosen = [shown[round(k * (len(shown) - 1) / max(1, count - 1))] for k in range(count)]
        places = [[0, 1, 2], [3, 4, 5], ["loss"] * 3]
        cells = figure.subplot_mosaic(places, height_ratios=[1.1, 1.1, 1])
        for k in range(6):
            if k < count:
                self._draw_plane(cells[k], *chosen[k])
            else:
                cells[k].set_axis_off()
        self._draw_loss(cells["loss"], [epoch for epoch, _ in chosen], len(self.history["epoch"]))

    def animate(self, shown: Sequence[tuple[int, Sequence[float]]], path: Path) -> None:
        """A GIF of all times, the loss up to each beside it; it stays a while on the last."""
        pages = []
        for epoch, ps in shown:
            figure = Figure(figsize=(9, 4.2), layout="constrained")
            left, right = figure.subplots(1, 2)
            self._draw_plane(left, epoch, ps)
            self._draw_loss(right, [epoch], epoch)
            drawn = io.BytesIO()
            figure.savefig(drawn, dpi=90, format="png")
            pages.append(Image.open(drawn).convert("RGB"))
        times = [160] * (len(pages) - 1) + [2000]  # milliseconds
        pages[0].save(path, format="GIF", save_all=True, append_images=pages[1:], duration=times, loop=0)

    def _draw_plane(self, axes: Any, epoch: int, ps: Sequence[float]) -> None:
        rows = [ps[i : i + self.side] for i in range(0, len(ps), self.side)]
        extent = (self.xs[0], self.xs[-1], self.ys[0], self.ys[-1])
        colours = {"cmap": signs(), "vmin": 0.0, "vmax": 1.0, "alpha": 0.5}
        axes.imshow(rows, origin="lower", extent=extent, interpolation="bilinear", **colours)
        if min(ps) < 0.5 < max(ps):
            axes.contour(self.xs, self.ys, rows, levels=[0.5], colors=[INK], linewidths=1.8)
        for label, colour in ((0, ORANGE), (1, BLUE)):
            of = [p for p, t in zip(self.points, self.labels) if t == label]
            axes.scatter([p[0] for p in of], [p[1] for p in of], s=12, color=colour, edgecolors="white", linewidths=0.5)
        axes.set(xticks=[], yticks=[], aspect="equal")
        axes.spines[:].set_visible(False)
        right = f": {self.history['val_accuracy'][epoch - 1]:.0%} right" if epoch else ": untrained"
        axes.set_title(f"epoch {epoch}{right}", loc="left", color=INK, weight="bold", fontsize=10)

    def _draw_loss(self, axes: Any, marked: Sequence[int], until: int) -> None:
        restyle(axes)
        losses, epochs = self.history["val_loss"], self.history["epoch"]
        for name, colour, label in (("loss", ORANGE, "training"), ("val_loss", BLUE, "held out")):
            axes.plot(epochs, self.history[name], color=FAINT)
            axes.plot(epochs[:until], self.history[name][:until], color=colour, label=label)
        marked = [e for e in marked if e]
        axes.plot(marked, [losses[e - 1] for e in marked], "o", color=BLUE, markersize=8, mfc="white", mew=2)
        axes.set_title("Loss (binary cross-entropy)", loc="left", color=INK, weight="bold", fontsize=10)
        axes.set_xlabel("epoch")
        axes.set_xlim(0, max([1, *epochs]) + 1)
        axes.set_ylim(0.0, 1.05 * max([0.1, *self.history["loss"], *losses]))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(color=FAINT, linewidth=0.6)
        axes.legend(frameon=False, labelcolor=INK, loc="upper right")
