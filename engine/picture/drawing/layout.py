"""Where boxes and edges go: one call of Graphviz's `dot`, which reads sizes and edges and never a word of the user's.

The system's `dot` is used where there is one, else the program that the package graphviz-pure installs. Either is asked
for coordinates only (`-Tjson0`); the drawing is ours. Coordinates are points of 1/72 inch, read as pixels, y downwards.
"""

import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from ...arguments import shown

Point = tuple[float, float]

INSTALL = (
    "install Graphviz (https://graphviz.org) or `pip install graphviz-pure`; the DOT text (.dot), the terminal picture "
    "(print), explain and steps work without"
)


LONGEST = 1e6  # seconds that a system call can wait for; more is no limit

Renderer = Callable[[str, str], str]  # (DOT text, a Graphviz format) -> what Graphviz makes of it
_renderer: Renderer | None = None


class LayoutError(RuntimeError):
    """No layout program was found, or it failed or took too long; the message says what to do."""


@dataclass(slots=True)
class Curve:
    """An edge: cubic Bézier points (1 + 3k of them), where its arrow ends, and the centre of its label."""

    points: list[Point]
    tip: Point
    label: Point | None


@dataclass(slots=True)
class Layout:
    """Sizes and places of a whole drawing: centres of nodes, curves of edges, rectangles of clusters, by name."""

    width: float
    height: float
    nodes: dict[str, Point]
    edges: dict[str, Curve]
    clusters: dict[str, tuple[float, float, float, float]]


def use_renderer(renderer: Renderer | None) -> None:
    """Let a function lay out all graphs from now on, where no program can be started: in a browser.

    Args:
        renderer: a function (DOT text, a Graphviz format such as "json0") -> text; None for a program again.

    >>> from engine import Value, draw
    >>> from engine.picture import use_renderer
    >>> use_renderer(lambda dot, format: '{"bb": "0,0,90,60", "objects": [{"name": "one_n0", "pos": "45,30"}]}')
    >>> draw(Value(2.0, label="a"), uid="one").drawing.layout.nodes
    {'one_n0': (45.0, 30.0)}
    >>> use_renderer(None)
    """
    global _renderer
    if renderer is not None and not callable(renderer):
        raise TypeError(f"use_renderer takes a function of (DOT text, format), or None, got {shown(renderer)}")
    _renderer = renderer


def layout_program() -> str:
    """The path of a `dot` program: $CHAINRULE_DOT, `dot` on the PATH, or graphviz-pure's.

    Raises:
        LayoutError: there is none.
    """
    exe = os.environ.get("CHAINRULE_DOT") or shutil.which("dot") or _installed_by_pip()
    if exe is None:
        raise LayoutError(f"draw takes a layout program, found no `dot`; {INSTALL}")
    return exe


def _installed_by_pip() -> str | None:
    name = "graphviz-pure" + (".exe" if os.name == "nt" else "")
    places = [os.path.join(sysconfig.get_path("scripts"), name)]
    try:  # a virtual environment's scripts are often not on the PATH; `pip --target` puts them elsewhere again
        package = metadata.distribution("graphviz-pure")
        places = [str(f.locate()) for f in package.files or () if f.name == name] + places
        places += [str(package.locate_file(f"{folder}/{name}")) for folder in ("bin", "Scripts")]
    except metadata.PackageNotFoundError:
        pass
    return next((os.path.realpath(p) for p in places if os.path.isfile(p)), shutil.which(name))


def program_output(dot: str, format: str, timeout: float) -> bytes:
    """What the layout program makes of DOT text.

    Args:
        dot: the text of a graph.
        format: a Graphviz format, such as "json0" or "png".
        timeout: seconds.

    Raises:
        LayoutError: no program, no output, or no end within the time.
    """
    if _renderer is not None:
        return _renderer(dot, format).encode()
    exe = layout_program()
    try:
        done = subprocess.run(  # noqa: S603  a layout program found by name, no shell; the graph is its standard input
            [exe, "-Kdot", f"-T{format}"],
            input=dot.encode(),
            capture_output=True,
            timeout=min(timeout, LONGEST),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LayoutError(
            f"draw takes graphs that {exe} lays out in {timeout:g} s, and this one took longer; draw less "
            '(level="layer", a smaller graph) or allow more time with timeout='
        ) from None
    except OSError as e:
        raise LayoutError(f"draw takes a layout program that runs, but {exe} gave: {e}; {INSTALL}") from None
    # dot exits with 1 after a complete drawing that had one bad label, so the output is judged, not the exit status.
    if not done.stdout.strip():
        said = done.stderr.decode("utf-8", "replace").strip()
        raise LayoutError(
            f"draw takes a layout program that answers, but {exe} ended with status {done.returncode} and no drawing"
            f"{': ' + said[:300] if said else ''}; {INSTALL}"
        )
    return done.stdout


def check_timeout(who: str, timeout: object) -> None:
    """Raise a ValueError where `timeout` is no positive number of seconds."""
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout > 0:
        raise ValueError(f"{who} takes a positive number of seconds as timeout, got {shown(timeout)}")


def laid_out(dot: str, timeout: float = 20.0) -> Layout:
    """Coordinates for a graph in DOT whose edges carry an `id`.

    >>> from engine.picture.drawing.layout import laid_out
    >>> there = laid_out('digraph { a [shape=box fixedsize=true width=1 height=1]; a -> b [id=e0] }')
    >>> sorted(there.nodes), list(there.edges)
    (['a', 'b'], ['e0'])
    """
    raw = program_output(dot, "json0", timeout)
    try:
        drawn = json.loads(raw)
        left, bottom, right, top = map(float, drawn["bb"].split(","))
        flip = top + bottom

        def point(text: str) -> Point:
            x, y = text.split(",")[-2:]
            return float(x) - left, flip - float(y)

        there = Layout(right - left, top - bottom, {}, {}, {})
        for o in drawn.get("objects", ()):
            if "bb" in o:
                x0, y0, x1, y1 = map(float, o["bb"].split(","))
                there.clusters[o["name"]] = (x0 - left, flip - y1, x1 - x0, y1 - y0)
            elif "pos" in o:  # else a row of boxes
                there.nodes[o["name"]] = point(o["pos"])
        for e in [e for e in drawn.get("edges", ()) if "id" in e]:  # others only keep boxes in their order
            *ends, _ = parts = e["pos"].split()
            tip = next((point(p) for p in ends if p.startswith("e,")), None)
            points = [point(p) for p in parts if p[:2] not in ("e,", "s,")]
            label = point(e["lp"]) if "lp" in e else None
            there.edges[e["id"]] = Curve(points, tip or points[-1], label)
    except (ValueError, KeyError, TypeError) as e:
        who = layout_program() if _renderer is None else "the renderer"
        raise LayoutError(
            f"draw takes a layout program that answers in Graphviz's JSON, but {who} gave something else "
            f"({type(e).__name__}); {INSTALL}"
        ) from None
    return there
