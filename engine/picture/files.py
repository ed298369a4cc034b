"""Files: written aside and moved into place, and the formats that another program makes."""

import os
import tempfile
from typing import Any

from .layout import INSTALL, LayoutError, program_output


def saved(path: Any, content: bytes) -> str:
    """Write a file whole or not at all.

    Raises:
        OSError: the folder is not there, or not writable.
    """
    path = os.fspath(path)
    folder, name = os.path.split(os.path.abspath(path))
    handle, aside = tempfile.mkstemp(prefix=f".{name[:40]}.", dir=folder)
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(content)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(aside, 0o666 & ~umask)  # as open() would have made it
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
    return path


def raster(svg: str, dot: str, kind: str, timeout: float) -> bytes:
    """PNG or PDF: by cairosvg from our own drawing where it is installed, else by the layout program from the DOT text.

    Raises:
        LayoutError: neither can.
    """
    try:
        import cairosvg
    except (ImportError, OSError):  # OSError: the package without the cairo library
        pass
    else:
        convert = cairosvg.svg2png if kind == "png" else cairosvg.svg2pdf
        made = convert(bytestring=svg.encode(), **({"scale": 2.0} if kind == "png" else {}))
        return bytes(made)
    try:
        made = program_output(dot, kind, timeout)
    except LayoutError as e:
        raise LayoutError(
            f"save takes .{kind} with cairosvg (`pip install chainrule[pdf]`) or a Graphviz that writes {kind}; {e}"
        ) from None
    start = b"\x89PNG" if kind == "png" else b"%PDF"
    if not made.startswith(start):
        raise LayoutError(f"save takes .{kind} with cairosvg (`pip install chainrule[pdf]`); the layout program wrote no {kind}; {INSTALL}")
    return made
