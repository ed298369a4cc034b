"""Charts: a matplotlib figure as one image with alternative text, which every host of notebooks shows."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from engine.arguments import listed, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 100
COLOURS = 96  # of the palette: a third of the bytes of a full-colour PNG


class Chart:
    """A figure as an `<img>`: what `chart` returns, for the last line of a cell.

    Attributes:
        png: the image.
        alt: what it shows, in words.
        width, height: pixels.
    """

    def __init__(self, png: bytes, alt: str, width: int, height: int) -> None:
        self.png, self.alt, self.width, self.height = png, alt, width, height

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        data = base64.b64encode(self.png).decode()
        alt = escape(self.alt)
        return {
            "text/html": f'<img alt="{alt}" width="{self.width}" src="data:image/png;base64,{data}">',
            "text/plain": repr(self),
        }

    def __repr__(self) -> str:
        return f"<chart: {self.alt}>"


def chart(axes: Axes | Figure | Iterable[Axes], alt: str) -> Chart:
    """A figure as a static image with alternative text; the figure itself is closed.

    Text for `alt` cannot be kept beside `image/png` in a way that all hosts read, so the image is HTML, as `draw`'s is.

    Args:
        axes: Axes, a list or array of them, or a Figure.
        alt: what the picture shows, in a sentence: the finding, not the kind of plot.

    Returns:
        A Chart.

    Raises:
        TypeError: neither Axes nor a Figure.
        ValueError: `alt` says nothing.

    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import nn
    >>> chart(nn.plot_activation("tanh"), "tanh rises from -1 to 1; its slope is largest at 0")
    <chart: tanh rises from -1 to 1; its slope is largest at 0>
    """
    if not isinstance(alt, str) or len(alt.split()) < 3:
        raise ValueError(f"chart takes as alt a sentence that says what is to be seen, got {alt!r:.60}")
    first: Any = axes
    while not hasattr(first, "savefig") and not hasattr(first, "get_figure"):
        inside = listed("chart", "axes", first, "Axes, a list of Axes, or a Figure")
        if not inside or inside[0] is first:
            raise TypeError(f"chart takes Axes, a list of Axes, or a Figure as axes, got {shown(axes)}")
        first = inside[0]
    figure = first if hasattr(first, "savefig") else first.get_figure()
    from matplotlib import pyplot
    from PIL import Image  # matplotlib's own dependency

    file = io.BytesIO()
    figure.savefig(file, dpi=DPI, format="png", facecolor="white", bbox_inches="tight")
    pyplot.close(figure)
    image = Image.open(file).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small = io.BytesIO()
    image.save(small, "png", optimize=True)
    return Chart(small.getvalue(), alt, image.width, image.height)
