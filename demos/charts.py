"""Charts that several demos draw: lines by epoch, signed bars, points with the names that there is room for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.transforms import Bbox

from demos.drawings import BLUE, FAINT, INK, MUTED, ORANGE
from nn.canvas import colour_bar, restyle, signs

COLOURS = (BLUE, ORANGE, "#2f7d4f", "#7b4fa3", MUTED)  # of series, told apart in grey too where the lines differ


def titled(axes: Any, title: str, **settings: Any) -> None:
    """Give Axes the style of all charts, a title, and what `Axes.set` takes: xlabel, ylabel, limits, scales."""
    restyle(axes)
    axes.set_title(title, loc="left", color=INK, weight="bold", fontsize=11)
    axes.set(**settings)


def lines(axes: Any, series: Mapping[str, Sequence[float]], colours: Sequence[str] = COLOURS, dashed: str = "") -> None:
    """A line for each series, a number an epoch from 1 on, with a legend; dashed, and its end marked, what runs along another."""
    marker = "." if max(map(len, series.values())) < 50 else ""
    for (name, numbers), colour in zip(series.items(), colours):
        style: dict[str, Any] = {"marker": marker, "linewidth": 1.6}
        if name == dashed:
            style = {"marker": "o", "markevery": [-1], "linewidth": 3.0, "linestyle": (0, (1.2, 1.2)), "zorder": 3}
        axes.plot(range(1, 1 + len(numbers)), numbers, color=colour, label=name, **style)
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, labelcolor=INK, fontsize=9)


def level(axes: Any, y: float, text: str, colour: str = MUTED) -> None:
    """A dashed line at a baseline, with its name on the right, above it."""
    axes.axhline(y, color=colour, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    beside = {"xytext": (-2, 3), "textcoords": "offset points", "ha": "right", "va": "bottom", "fontsize": 9}
    axes.annotate(text, (1.0, y), xycoords=axes.get_yaxis_transform(), color=colour, **beside)


def signed_bars(axes: Any, numbers: Sequence[float], names: Sequence[str], fontsize: float = 8.0) -> None:
    """A bar for each number, from the bottom up, blue to the right or orange to the left, its name across the middle."""
    axes.barh(range(len(numbers)), numbers, color=[BLUE if x > 0.0 else ORANGE for x in numbers])
    for k, (x, name) in enumerate(zip(numbers, names)):
        side = {"xytext": (-4, 0), "ha": "right"} if x > 0.0 else {"xytext": (4, 0), "ha": "left"}
        beside = {"textcoords": "offset points", "va": "center_baseline", "parse_math": False, **side}
        axes.annotate(name, (0.0, k), fontsize=fontsize, color=INK, **beside)
    axes.set(yticks=[], ylim=(-1, len(numbers)))
    axes.spines["left"].set_visible(False)


def named_points(
    axes: Any, places: Any, names: Sequence[str], sizes: Any, numbers: Any, scale: str, fontsize: float = 7.0
) -> None:
    """Points coloured by a signed number; those that come first keep their names where names would overlap."""
    most = max(map(abs, numbers), default=1.0)
    style = {"cmap": signs(), "vmin": -most, "vmax": most, "edgecolors": MUTED, "linewidths": 0.4}
    colour_bar(axes, axes.scatter(places[:, 0], places[:, 1], s=sizes, c=numbers, **style), scale)
    axes.margins(x=0.1)
    style = {"textcoords": "offset points", "parse_math": False, "in_layout": False, "fontsize": fontsize, "color": INK}
    axes.figure.draw_without_rendering()  # lays the page out, so that it is known where points are and how wide names
    radii = [0.5 * float(size) ** 0.5 for size in sizes]  # scatter takes areas
    taken = [_around(axes, place, radius) for place, radius in zip(places, radii)]
    for k, (name, place) in enumerate(zip(names, places)):
        own = taken[k]
        for text in _beside(axes, name, place, radii[k] + 2.0, style):
            box = text.get_window_extent()
            inside = axes.bbox.x0 < box.x0 and box.x1 < axes.bbox.x1
            if inside and not any(box.overlaps(other) for other in taken if other is not own):
                taken.append(box)
                break
            text.remove()


def _beside(axes: Any, name: str, place: Any, gap: float, style: Mapping[str, Any]) -> Iterator[Any]:
    """The name to the right of its point, to the left, above and below."""
    for x, y, ha, va in (
        (gap, 0, "left", "center_baseline"),
        (-gap, 0, "right", "center_baseline"),
        (0, gap, "center", "bottom"),
        (0, -gap, "center", "top"),
    ):
        yield axes.annotate(name, place, (x, y), ha=ha, va=va, **style)


def _around(axes: Any, place: Any, radius: float) -> Bbox:
    """The square around a point, in pixels."""
    x, y = axes.transData.transform(place)
    r = radius * axes.figure.dpi / 72.0
    return Bbox([[x - r, y - r], [x + r, y + r]])
