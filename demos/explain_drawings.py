"""Chain-rule paths from an image through hidden neurons to a logit, drawn with matplotlib."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from demos import charts
from demos.drawings import BLUE, FAINT, INK, MUTED, ORANGE
from nn.canvas import colour_bar, signs

NEURONS_AT, LOGIT_AT, MIDDLE = 10.6, 14.2, 3.5  # in pixels, from the left edge of the image; the middle row


def page(
    figure: Figure, image: Sequence[float], digit: int, paths: Sequence[Any], count: int, zs: Sequence[float]
) -> None:
    """The largest paths, and beside them what each pixel adds by all of its paths, and all ten logits."""
    left, right = figure.subfigures(1, 2, width_ratios=[9, 4])
    network(left.subplots(), image, digit, paths, count)
    top, bottom = right.subplots(2, 1, height_ratios=[3, 2])
    sums = [0.0] * len(image)
    for path in paths:
        sums[path.pixel] += path.product
    most = max(map(abs, sums), default=0.0) or 1.0
    grid = [sums[i : i + 8] for i in range(0, 64, 8)]
    colour_bar(top, top.imshow(grid, cmap=signs(), vmin=-most, vmax=most), "added to the logit")
    charts.titled(top, f"What each pixel adds to {digit}", xticks=[], yticks=[])
    top.spines[:].set_visible(False)
    bottom.bar(range(10), zs, color=[BLUE if d == digit else MUTED for d in range(10)])
    bottom.axhline(0.0, color=MUTED, linewidth=0.8)
    charts.titled(bottom, "The ten logits", xticks=range(10), xlabel="digit")


def network(axes: Any, image: Sequence[float], digit: int, paths: Sequence[Any], count: int) -> None:
    """Image, neurons and logit, with a line for each path; the wider, the larger the product along it."""
    rows = [image[i : i + 8] for i in range(0, 64, 8)]
    axes.imshow(rows, cmap="gray_r", vmin=0.0, vmax=1.8)
    axes.add_patch(Rectangle((-0.5, -0.5), 8.0, 8.0, fill=False, edgecolor=FAINT))
    axes.set(xlim=(-0.7, LOGIT_AT + 0.9), ylim=(7.8, -0.8))
    by_neuron: dict[int, float] = defaultdict(float)
    for path in paths:
        by_neuron[path.neuron] += path.product
    order = sorted(by_neuron)
    places = {k: (NEURONS_AT, -0.5 + 8.0 * (i + 0.5) / len(order)) for i, k in enumerate(order)}
    widest = max([abs(path.product) for path in paths], default=1.0)
    for path in reversed(paths[:count]):
        x, y = places[path.neuron]
        size, colour = abs(path.product) / widest, BLUE if path.product > 0.0 else ORANGE
        axes.plot(
            [path.pixel % 8, x], [path.pixel // 8, y], color=colour, linewidth=0.4 + 4.0 * size, alpha=0.25 + 0.6 * size
        )
    strongest = max(map(abs, by_neuron.values()), default=1.0)
    for k, (x, y) in places.items():
        size, colour = abs(by_neuron[k]) / strongest, BLUE if by_neuron[k] > 0.0 else ORANGE
        axes.plot(
            [x, LOGIT_AT], [y, MIDDLE], color=colour, linewidth=0.4 + 5.0 * size, alpha=0.3 + 0.6 * size, zorder=1
        )
        axes.plot(x, y, "o", markersize=19, mfc="white", mec=colour, mew=1.5)
        axes.annotate(f"h{k}", (x, y), ha="center", va="center_baseline", fontsize=8, color=INK)
        beside = {"xytext": (13, 9), "textcoords": "offset points", "fontsize": 8, "color": colour}
        behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5}
        axes.annotate(f"{by_neuron[k]:+.2f}".replace("-", "−"), (x, y), bbox=behind, **beside)
    axes.plot(LOGIT_AT, MIDDLE, "o", markersize=34, mfc="white", mec=INK, mew=1.8)
    axes.annotate(
        str(digit), (LOGIT_AT, MIDDLE), ha="center", va="center_baseline", fontsize=15, weight="bold", color=INK
    )
    charts.titled(
        axes, f"The {min(count, len(paths))} largest of {len(paths)} paths from pixels to the logit of {digit}"
    )
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_xlabel("blue raises the logit, orange lowers it; numbers: by all paths through a neuron")
