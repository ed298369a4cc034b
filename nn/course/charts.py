"""Charts: a matplotlib figure as one image with alternative text, which every host of notebooks shows; and several
behind a slider, where a host allows it."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from engine.arguments import listed, shown, text

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
        return {"text/html": self.img(), "text/plain": repr(self)}

    def img(self, attributes: str = "") -> str:
        """The `<img>`, with further attributes."""
        data = base64.b64encode(self.png).decode()
        return f'<img alt="{escape(self.alt)}" width="{self.width}"{attributes} src="data:image/png;base64,{data}">'

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
        raise ValueError(f"chart takes as alt a sentence that says what is to be seen, got {shown(alt)}")
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


_PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>body{{margin:0;background:#fff;color:#1b1f24;font:15px system-ui,sans-serif}}@media(prefers-color-scheme:dark){{body{{
background:#14181d;color:#e8ebef;color-scheme:dark}}}}img{{display:block;max-width:100%;height:auto}}
[hidden]{{display:none}}p{{margin:0}}input{{width:min(100%,26em);height:2em;accent-color:#3987e5}}</style>
{images}<label>{title}<br><input type="range" min="0" max="{last}" value="0"></label><p><output>{said}</output></p>
<script>const images=[...document.images],slider=document.querySelector("input");slider.oninput=()=>{{images.forEach((x,k)=>
x.hidden=k!=slider.value);const said=images[slider.value].alt;document.querySelector("output").textContent=said;
slider.setAttribute("aria-valuetext",said)}};slider.oninput()</script>"""


class Slides:
    """Charts behind a slider: what `slides` returns, for the last line of a cell.

    Attributes:
        charts: a Chart for each position; the last one stands for all where a host allows no pages.
        title: what the slider moves.
    """

    def __init__(self, charts: list[Chart], title: str) -> None:
        self.charts, self.title = charts, title

    @property
    def html(self) -> str:
        """One page that needs nothing else."""
        first, *rest = self.charts
        images = first.img() + "".join([chart.img(" hidden") for chart in rest])
        return _PAGE.format(title=escape(self.title), images=images, last=len(rest), said=escape(first.alt))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        page, last = self.html, self.charts[-1]  # as players are shown: the image is there where the frame is stripped
        name = "vz-" + hashlib.sha256(page.encode()).hexdigest()[:8]
        frame = (
            f'<iframe sandbox="allow-scripts" title="{escape(self.title)}" srcdoc="{escape(page)}" '
            f'style="width:100%;height:{max(chart.height for chart in self.charts) + 90}px;border:0"></iframe>'
        )
        html = f'<div class="{name}"><style>.{name}>img{{display:none}}</style>{last.img()}{frame}</div>'
        return {"text/html": html, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<slides: {self.title}, {len(self.charts)} charts>"


def slides(charts: Iterable[Chart], title: str) -> Slides:
    """Charts behind a slider, in their order; a host that allows no pages shows the last one.

    Args:
        charts: what `chart` returned for each position; its `alt` is read out as the position.
        title: what the slider moves.

    Raises:
        TypeError, ValueError: something is no Chart, or there is none.

    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import nn
    >>> two = [chart(nn.plot_activation(name), f"{name} and its slope") for name in ("relu", "tanh")]
    >>> slides(two, "which activation")
    <slides: which activation, 2 charts>
    """
    found = listed("slides", "charts", charts, "a list of charts")
    for one in found:
        if not isinstance(one, Chart):
            raise TypeError(f"slides takes charts, such as chart(axes, alt) returns, got {shown(one)}")
    if not found:
        raise ValueError("slides takes at least one chart, got none")
    return Slides(found, text("slides", "title", title))
