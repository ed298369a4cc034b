"""Files: pictures on the disk, and the formats that another program makes."""

import os
from collections.abc import Callable
from typing import Any

from ...writing import write_whole
from .fonts import Fonts, cairo_width, fitting_fonts
from .layout import INSTALL, LayoutError, program_output


def saved(path: "str | os.PathLike[str]", content: bytes) -> str:
    """Write a file whole or not at all.

    Raises:
        OSError: the folder is not there, or not writable, or the path is no file's.
    """
    there = os.path.expanduser(os.fspath(path))
    if "\0" in there:
        raise ValueError(f"save takes a path without null characters, got {there!r:.80}")
    write_whole("save", there, content)
    return there


def converted(svg: Callable[[Fonts], str], dot: str, kind: str, timeout: float) -> bytes:
    """PNG or PDF: by cairosvg from our own drawing where it is installed, else by the layout program from the DOT text.

    Raises:
        LayoutError: neither can.
    """
    try:
        import cairosvg
    except (ImportError, OSError):  # OSError: the package without the cairo library
        pass
    else:
        source = svg(fitting_fonts(cairo_width)).encode()
        made: Any = (
            cairosvg.svg2png(bytestring=source, scale=2.0) if kind == "png" else cairosvg.svg2pdf(bytestring=source)
        )
        return bytes(made)
    start = b"\x89PNG" if kind == "png" else b"%PDF"
    try:
        made = program_output(dot, kind, timeout)
    except LayoutError as e:
        made, why = b"", str(e)
    else:
        why = f"the layout program wrote something else; {INSTALL}"
    if not made.startswith(start):
        raise LayoutError(
            f"save takes .{kind} with cairosvg (`pip install chainrule[pdf]`) or a Graphviz that writes {kind}: {why}"
        )
    return bytes(made)
