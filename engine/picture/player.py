"""The player: one page that steps through the forward and the backward pass, with all it needs inside it."""

import base64
from functools import cache
from importlib import resources
from typing import Any

from ..notation import number_text
from .boxes import Box, Edge
from .files import saved
from .lines import box_expression, chain_rows, edge_text, with_numbers
from .model import Model
from .panels import Panels
from .safety import json_number, json_text, xml
from .svg import Drawing
from .theme import HALO, STYLE, colour_rules

SIDE_WIDTH = 620  # pixels of a graph up to which the panel stands on its right


def steps_of(model: Model) -> list[tuple[str, Box | None]]:
    """The order of a run: the start, each result forward, each gradient backward."""
    results = [b for b in model.boxes if b.kind in ("op", "group")]
    gathered = [b for b in reversed(model.boxes) if b.kind not in ("stub", "tag")]
    return [("start", None), *(("forward", b) for b in results), *(("backward", b) for b in gathered)]


def data_of(model: Model, uid: str, first: int = 0) -> dict[str, Any]:
    """All that the page shows, as one JSON value: full numbers, and every string as it is printed."""
    panels = Panels(model)
    boxes = [b for b in model.boxes if b.kind != "tag"]
    return {
        "version": 1,
        "uid": uid,
        "root": model.box(model.flow.roots[-1]).id,
        "start": _start(model),
        "first": first,
        "nodes": [_node(model, panels, b) for b in boxes],
        "edges": [_edge(model, panels, e) for e in model.edges],
        "steps": [{"phase": phase} if b is None else {"phase": phase, "node": b.id} for phase, b in steps_of(model)],
    }


def _start(model: Model) -> str:
    leaves = sum(b.kind in ("input", "parameter") for b in model.boxes)
    names = ", ".join(xml(model.name(r)) for r in model.flow.roots[:4])
    return f"<b>{names}</b> from {leaves} input{'s' * (leaves != 1)} and parameters"


def _node(model: Model, panels: Panels, b: Box) -> dict[str, Any]:
    v = b.value
    grad = model.flow.sum(v) if v is not None else None
    is_op = b.kind == "op" and v is not None
    return {
        "id": b.id,
        "label": b.name,
        "full": b.full,
        "kind": b.kind,
        "op": v.op.name if v is not None and v.op is not None else None,
        "expr": box_expression(model, v) if is_op and v is not None else "",
        "numbers": with_numbers(v) if is_op and v is not None else "",
        "data": json_number(v.data) if v is not None else None,
        "data_text": number_text(model.data(v)) if v is not None else "",
        "grad": json_number(grad),
        "grad_text": number_text(grad) if grad is not None else "",
        "rows": chain_rows(model, b),
        "group": [s.path for s in b.scopes],
        "panels": {"forward": panels.forward(b), "backward": panels.backward(b)},
        "lines": {"forward": panels.forward_line(b), "backward": panels.backward_line(b)},
    }


def _edge(model: Model, panels: Panels, e: Edge) -> dict[str, Any]:
    text = edge_text(model, e)
    return {
        "id": e.id,
        "src": e.source.id if e.source.kind != "tag" else e.source.id.rpartition("_")[0],
        "dst": e.target.id,
        "arg": e.uses[0].edge,
        "count": len(e.uses),
        "formula": text.formula,
        "local": json_number(e.local),
        "local_text": number_text(e.local) if e.local is not None else "",
        "contribution": json_number(e.product),
        "contribution_text": number_text(e.product) if e.product is not None else "",
        "line": text.line,
        "panel": panels.edge(e),
    }


@cache
def part(name: str) -> str:
    """A file of the page."""
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def player_page(drawing: Drawing, theme: str, note: str = "", first: int = 0) -> str:
    """The page, as HTML that needs nothing else; it opens at the step `first`."""
    model, uid = drawing.model, drawing.uid
    data = data_of(model, uid, first)
    forward = sum(s["phase"] == "forward" for s in data["steps"])
    holes = {
        "SCHEME": "light dark" if theme == "auto" else theme,
        "TITLE": xml(drawing.title),
        "UID": uid,
        "SIDE": " side" if drawing.width <= SIDE_WIDTH else "",
        "TICK": f"{(forward + 0.5) / max(1, len(data['steps']) - 1):.4f}",
        "WIDTH": str(drawing.width),
        "HEIGHT": str(drawing.height),
        "THEME": colour_rules(":root", theme) + STYLE.replace("HALO", HALO),
        "CSS": part("player.css"),
        "JS": part("player.js"),
        "NOTE": f"<span>{xml(note)}</span>" if note else "",
        "SVG": drawing.body(),
        "DATA": json_text(data),
    }
    page = part("player.html")
    pieces = page.split("%")  # holes are words between percent signs; nothing that fills one is read again
    return "".join(holes[p] if i % 2 else p for i, p in enumerate(pieces))


class Player:
    """A step player: `.html` is one self-contained page; a notebook shows it, `.save("x.html")` writes it."""

    def __init__(self, html: str, drawing: Drawing, svg: str) -> None:
        self.html, self.drawing, self.svg = html, drawing, svg

    def save(self, path: Any) -> str:
        """Write the page.

        Args:
            path: where to, ending in .html; a file that is there is replaced once the new one is whole.

        Returns:
            The path.

        Raises:
            ValueError: another ending.
        """
        if not str(path).lower().endswith((".html", ".htm")):
            raise ValueError(f"save takes a path that ends in .html, got {str(path)!r}; for others draw(...).save")
        return saved(path, self.html.encode())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": framed(self.html, self.drawing, self.svg), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<player: {self.drawing.title}>"


def framed(html: str, drawing: Drawing, svg: str) -> str:
    """A page in a frame of its own, and the picture where a notebook strips the frame: never inline."""
    uid = drawing.uid
    side = drawing.width <= SIDE_WIDTH
    height = max(drawing.height, 420 if side else 0) + (140 if side else 420)
    return (
        f'<div class="vz-{uid}"><style>.vz-{uid}>img{{display:none}}</style>{image(drawing, svg)}'
        f'<iframe sandbox="allow-scripts" title="{xml(drawing.title)}" srcdoc="{html.replace("&", "&amp;").replace(chr(34), "&quot;")}" '
        f'style="width:100%;height:{height}px;border:0"></iframe></div>'
    )


def image(drawing: Drawing, svg: str) -> str:
    """An SVG as an `<img>` that holds it: it survives where a notebook strips style, script and inline SVG."""
    data = base64.b64encode(svg.encode()).decode()
    alt = xml(f"{drawing.title}. {drawing.text}")
    return f'<img alt="{alt}" width="{drawing.width}" src="data:image/svg+xml;base64,{data}">'
