"""Canvas: how the plots of nn look: the colours of the engine's pictures, on white, in matplotlib."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from engine.arguments import install_line, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap

POSITIVE, NEGATIVE = "#0a5ea8", "#a84300"  # the sign of a gradient or weight; orange crosses also mark what is dead
INK, MUTED, FAINT, ZERO = "#1c2128", "#57606b", "#d5dae1", "#f4f6f8"
POSITIVES = ("#a9cbe8", "#5f9fd3", POSITIVE)
NEGATIVES = ("#f3bd97", "#dd8445", NEGATIVE)


def pyplot_for(who: str) -> ModuleType:
    """matplotlib's pyplot; an ImportError that says how to install it."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError(f"{who} takes matplotlib to draw; {install_line('plots')}") from None
    return pyplot


def axes_for(who: str, ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The Axes given, or those of a new figure of so many inches, in the style of all plots."""
    pyplot = pyplot_for(who)
    if ax is None:
        figure, ax = pyplot.subplots(figsize=size, layout="constrained")
        figure.set_facecolor("white")
    if not hasattr(ax, "get_xticklabels"):
        raise TypeError(f"{who} takes matplotlib Axes as ax, got {shown(ax)}")
    restyle(ax)
    return ax


def restyle(ax: Axes) -> None:
    """Give Axes the colours and the two spines of all plots."""
    ax.set_facecolor("white")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(MUTED)
    ax.tick_params(colors=MUTED, labelcolor=INK)
    ax.xaxis.label.set_color(MUTED)
    ax.yaxis.label.set_color(MUTED)


def colour_bar(ax: Axes, image: ScalarMappable, label: str) -> None:
    """The scale of an image's colours, beside it."""
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.85, pad=0.03)
    bar.outline.set_visible(False)
    bar.set_label(label, color=MUTED)
    bar.ax.tick_params(colors=MUTED, labelcolor=INK)


def shades() -> Colormap:
    """The colours of a share from 0 to 1."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("chainrule_share", [ZERO, *POSITIVES])


def signs() -> Colormap:
    """The colours of a number by its sign: orange, white at 0, blue."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("chainrule_sign", [*NEGATIVES[::-1], "#ffffff", *POSITIVES])
