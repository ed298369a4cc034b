"""The player: one page that steps through the forward and the backward pass, with all it needs inside it."""

from typing import Any

from ...formulas.notation import number_text
from ..drawing.svg import Drawing
from ..model.assembly import PictureModel
from ..model.boxes import Arrow, Box
from ..model.safety import json_number, xml
from ..model.sentences import box_expression, chain_rows, edge_text, with_numbers
from .equations import Equations
from .page import Page, page_of

SIDE_WIDTH = 620  # pixels of a graph up to which the panel stands on its right
PANEL = (
    '<div class="panel"><div class="say" aria-live="polite"></div>'
    '<ol class="ledger" aria-label="Every line so far" tabindex="0"></ol></div>'
)
LEGEND = (
    '<span><s></s>parameter</span><span><s class="dashed"></s>input</span><span>– not known yet</span>'
    "<span>four significant digits</span>"
)


def steps_of(model: PictureModel) -> list[tuple[str, Box | None]]:
    """The order of a run: the start, each result forward, each gradient backward."""
    results = [b for b in model.boxes if b.kind in ("op", "group")]
    gathered = [b for b in reversed(model.boxes) if b.kind not in ("stub", "tag")]
    return [("start", None), *(("forward", b) for b in results), *(("backward", b) for b in gathered)]


def data_of(model: PictureModel, uid: str, first: int = 0) -> dict[str, Any]:
    """All that the page shows, as one JSON value: full numbers, and every string as it is printed."""
    panels = Equations(model)
    boxes = [b for b in model.boxes if b.kind != "tag"]
    return {
        "version": 1,
        "uid": uid,
        "root": model.box(model.sweep.roots[-1]).id,
        "start": _start(model),
        "first": first,
        "nodes": [_node(model, panels, b) for b in boxes],
        "edges": [_edge(model, panels, e) for e in model.arrows],
        "steps": [{"phase": phase} if b is None else {"phase": phase, "node": b.id} for phase, b in steps_of(model)],
    }


def _start(model: PictureModel) -> str:
    leaves = sum(b.kind in ("input", "parameter") for b in model.boxes)
    names = ", ".join(xml(model.name(r)) for r in model.sweep.roots[:4])
    return f"<b>{names}</b> from {leaves} input{'s' * (leaves != 1)} and parameters"


def _node(model: PictureModel, panels: Equations, b: Box) -> dict[str, Any]:
    v = b.value
    grad = model.sweep.sum(v) if v is not None else None
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


def _edge(model: PictureModel, panels: Equations, e: Arrow) -> dict[str, Any]:
    text = edge_text(model, e)
    return {
        "id": e.id,
        "src": e.source.id if e.source.kind != "tag" else e.source.id.rpartition("_")[0],
        "dst": e.target.id,
        "arg": e.paths[0].edge,
        "count": len(e.paths),
        "formula": text.formula,
        "local": json_number(e.local),
        "local_text": number_text(e.local) if e.local is not None else "",
        "contribution": json_number(e.product),
        "contribution_text": number_text(e.product) if e.product is not None else "",
        "line": text.line,
        "panel": panels.edge(e),
    }


def player_page(drawing: Drawing, theme: str, note: str = "", first: int = 0) -> str:
    """The page of a player; it opens at the step `first`."""
    data = data_of(drawing.model, drawing.uid, first)
    forward = sum(s["phase"] == "forward" for s in data["steps"])
    return page_of(
        drawing, theme, data, xml(drawing.title), "player.js", "step",
        KIND=" side" if drawing.width <= SIDE_WIDTH else "", TICK=f"{(forward + 0.5) / max(1, len(data['steps']) - 1):.4f}",
        PANEL=PANEL, ROLE="group", LEGEND=LEGEND + (f"<span>{xml(note)}</span>" if note else ""),
    )  # fmt: skip


class Player(Page):
    """A step player: `.html` is one self-contained page; a notebook shows it, `.save("x.html")` writes it."""

    _for_others = "; for others draw(...).save"

    def _heights(self) -> tuple[int, int]:
        height = self.drawing.height
        return max(height, 420) + 140 if self.drawing.width <= SIDE_WIDTH else height + 420, height + 420

    def __repr__(self) -> str:
        return f"<player: {self.drawing.title}>"
