"""A page: one HTML file with all it needs inside it, which a notebook shows in a frame of its own."""

import base64
import os
import re
import zlib
from collections.abc import Callable
from functools import cache, cached_property
from importlib import resources

from ...compatibility import OF_PAGE, Told
from ..drawing.export import saved
from ..drawing.svg import Drawing
from ..drawing.theme import HALO, STYLE, colour_rules
from ..model.safety import json_text, xml
from .animation import Frame, animated, player_frames

LEAST_SCALE = 0.8  # of a picture, where its letters are still read
LONGEST_DATA = 100_000  # characters that stand on a page as they are
TALLEST = 640  # pixels of a frame: a notebook's window shows all of it, and what is larger is panned in it
WIDE = 820  # pixels of a frame from which a panel may stand beside the graph, as page.css has it


@cache
def part(name: str) -> str:
    """A file of the page, without its indents and its lines of comment: a notebook keeps a copy for each player."""
    return re.sub(r"(?m)^ *//.*\n|^ +(?=\S)", "", resources.files(__package__).joinpath(name).read_text("utf-8"))


def page_of(
    drawing: Drawing, theme: str, data: object, title: str, script: str, step: str, style: str = "", **holes: str
) -> str:
    """The page of a drawing, as HTML that needs nothing else.

    Args:
        drawing, theme: what is shown, and in which colours.
        data: what the script reads.
        title: what the page is called, as HTML.
        script: the file that is run after page.js and stage.js.
        step: what the bar calls a step.
        style: rules beside those of all pages.
        **holes: what else fills the holes of page.html.
    """
    holes |= {
        "SCHEME": "light dark" if theme == "auto" else theme,
        "TITLE": title,
        "UID": drawing.uid,
        "step": step,
        "Step": step.capitalize(),
        "WIDTH": str(drawing.width),
        "HEIGHT": str(drawing.height),
        "THEME": colour_rules(":root", theme) + STYLE + HALO,
        "CSS": part("page.css") + style,
        "FIND": holes.get("FIND", ""),
        "VIEWS": holes.get("VIEWS", ""),
        "BAR": part("page.js"),
        "STAGE": part("stage.js"),
        "JS": part(script) + holes.get("MORE", ""),
        "SVG": untitled(drawing),
        "DATA": packed(json_text(data)),
    }
    pieces = part("page.html").split("%")  # holes are words between percent signs; nothing that fills one is read again
    return "".join(holes[p] if i % 2 else p for i, p in enumerate(pieces))


def untitled(drawing: Drawing) -> str:
    """What is drawn, without the tooltips of the static picture: a page says more."""
    return re.sub("(?s)<title>.*?</title>", "", drawing.body())


def packed(text: str, longest: int = LONGEST_DATA) -> str:
    """JSON as it is, or where it is long, as most of a page's formulas are alike, compressed to a tenth."""
    return text if len(text) <= longest else base64.b64encode(zlib.compress(text.encode(), 9)).decode()


class Page(Told):
    """A page of a drawing: `.html` is self-contained; a notebook shows it, `.save("x.html")` writes it."""

    _written = OF_PAGE
    _for_others = ""  # what to do about other formats

    def __init__(self, made: Callable[[], str], drawing: Drawing, theme: str) -> None:
        self._made, self.drawing, self._theme = made, drawing, theme

    @cached_property
    def html(self) -> str:
        """The page, as a notebook shows it."""
        return self._made()

    def _file(self) -> str:
        """The page, as a file holds it."""
        return self.html

    @property
    def svg(self) -> str:
        """The picture, which stands for the page where a notebook strips it."""
        return self.drawing.svg(self._theme)

    def save(self, path: "str | os.PathLike[str]") -> str:
        """Write the page, or its steps as an animated image for places that show no HTML.

        Args:
            path: where to, ending in .html or .gif; a file that is there is replaced once the new one is whole.

        Returns:
            The path.

        Raises:
            ValueError: another ending; too many steps for an image, or too large a graph.
            ModuleNotFoundError: a .gif without cairosvg (the extra pdf).
        """
        if str(path).lower().endswith(".gif"):
            advice = "save .html, which has no such limit, or show less"
            return saved(path, animated(self.drawing, self._theme, self._frames(), advice))
        if not str(path).lower().endswith((".html", ".htm")):
            raise ValueError(f"save takes a path that ends in .html or .gif, got {str(path)!r}{self._for_others}")
        return saved(path, self._file().encode())

    def _frames(self) -> list[Frame]:
        """What an animated image of the page shows."""
        return player_frames(self.drawing.model)

    def _heights(self) -> tuple[int, int]:
        """Pixels that the page takes: in a wide frame, and in one of less than WIDE pixels."""
        return (min(self.drawing.height + 160, TALLEST),) * 2

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self.framed(image(self.drawing, self._theme)), "text/plain": repr(self)}

    def framed(self, still: str) -> str:
        """The page in a frame, and an `<img>` that stands for it where a notebook strips the frame: never inline."""
        # The rule for narrow frames asks for the width of this div, which is that of the frame and decides in the page too.
        of, (wide, narrow) = f".vz-{self.drawing.uid}", self._heights()
        stacked = f"{of}{{container-type:inline-size}}@container(max-width:{WIDE - 1}px){{{of}>iframe{{height:{narrow}px!important}}}}"
        return (
            f'<div class="{of[1:]}"><style>{of}>img{{display:none}}{stacked if narrow != wide else ""}</style>'
            f'{still}<iframe sandbox="allow-scripts" title="{xml(self.drawing.title)}" '
            f'srcdoc="{self.html.replace("&", "&amp;").replace(chr(34), "&quot;")}" '
            f'style="width:100%;height:{wide}px;border:0"></iframe></div>'
        )


def image(drawing: Drawing, theme: str) -> str:
    """A drawing as an `<img>` that holds its SVG: it survives where a notebook strips style, script and inline SVG."""
    data = base64.b64encode(drawing.svg(theme).encode()).decode()
    alt = xml(f"{drawing.title}. {drawing.text}")
    # Hosts shrink images to the page; from this width on they scroll.
    style = f"min-width:{LEAST_SCALE * drawing.width:.0f}px"
    return f'<img alt="{alt}" width="{drawing.width}" style="{style}" src="data:image/svg+xml;base64,{data}">'
