"""Files: written aside and moved into place, and the formats that another program makes."""

import os
import secrets
from collections.abc import Callable
from typing import Any

from .fonts import Fonts, cairo_width, fitting_fonts
from .layout import INSTALL, LayoutError, program_output


def saved(path: "str | os.PathLike[str]", content: bytes) -> str:
    """Write a file whole or not at all.

    Raises:
        OSError: the folder is not there, or not writable.
    """
    there = os.path.expanduser(os.fspath(path))
    if "\0" in there:
        raise ValueError(f"save takes a path without null characters, got {there!r:.80}")
    folder, name = os.path.split(os.path.abspath(there))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"save takes a file in a folder that exists, got {there!r}; make {folder!r} first")
    if os.path.isdir(there):
        raise IsADirectoryError(f"save takes the path of a file, got the folder {there!r}")
    aside = os.path.join(folder, f".{name[:40]}.{secrets.token_hex(4)}")
    try:
        with open(aside, "xb") as f:
            f.write(content)
        os.replace(aside, there)
    except BaseException as e:
        if os.path.exists(aside):
            os.unlink(aside)
        if isinstance(e, OSError):  # of the path that was given, not of the one aside
            why = f"save takes a path that can be written to, got {there!r:.200}: {e.strerror}"
            raise type(e)(e.errno, f"{why}; try another folder or name") from None
        raise
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
