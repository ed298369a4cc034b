"""The player: one page that steps through the forward and the backward pass, with all it needs inside it."""

from ...formulas.notation import number_text
from ..drawing.svg import Drawing
from ..model.boxes import Arrow, Box, PictureModel
from ..model.clusters import counted
from ..model.safety import json_number, xml
from .animation import page_steps
from .equations import Equations, backward_line, forward_line
from .page import TALLEST, Page, page_of

SIDE_WIDTH = 620  # pixels of a graph up to which the panel stands on its right
PANEL = (
    '<div class="panel"><div class="say" aria-live="polite"></div>'
    '<ol class="ledger" aria-label="Every line so far" tabindex="0"></ol></div>'
)
FIND = (
    '<input type="search" placeholder="Find a name" aria-label="Find a box by its name" title="Enter goes to it" '
    'spellcheck="false"><output class="found" aria-live="polite"></output>'
)
LEGEND = (
    '<span>d through all paths: the gradient</span><span><s></s>parameter</span><span><s class="dashed"></s>input</span><span>– not known yet</span>'
    "<span>four significant digits</span>"
)


def data_of(model: PictureModel, uid: str, first: int = 0) -> dict[str, object]:
    """All that the page shows, as one JSON value: full numbers, and every string as it is printed."""
    say = Equations(model)
    boxes = [b for b in model.boxes if b.kind != "tag"]
    return {
        "version": 1,
        "uid": uid,
        "root": model.roots[-1].id,
        "start": _start(model),
        "first": first,
        "nodes": [_node(say, b) for b in boxes],
        "edges": [_edge(say, e) for e in model.arrows],
        "steps": [{"phase": phase} | ({} if b is None else {"node": b.id}) for phase, b in page_steps(model)],
    }


def _start(model: PictureModel) -> str:
    names = ", ".join(xml(model.name(r)) for r in model.sweep.roots[:4])
    parameters = len({v for b in model.boxes for v in (b.members if b.kind == "parameter" else b.parameters)})
    inputs = sum(len(b.outputs) if b.kind == "inputs" else b.kind == "input" for b in model.boxes)
    given = sum(len(b.given) for b in model.boxes)
    leaves = ((inputs, "input"), (given, "given number"), (parameters, "parameter"))
    of = " and ".join(counted(n, word) for n, word in leaves if n)
    if model.hidden:
        return f"<b>{names}</b>, the end of a graph of {counted(model.sweep.size, 'node')}"
    return f"<b>{names}</b>, computed from {of}"


def _node(say: Equations, b: Box) -> dict[str, object]:
    v = b.value
    return {
        "id": b.id,
        "label": b.name,
        "full": b.full,
        "kind": b.kind,
        "op": v.op.name if v is not None and v.op is not None else None,
        "expr": b.expression,
        "numbers": b.numbers,
        "data": json_number(b.data) if v is not None else None,
        "data_text": number_text(b.data) if v is not None else "",
        "grad": json_number(b.total) if v is not None else None,
        "grad_text": number_text(b.total) if v is not None else "",
        "rows": b.rows,
        "group": [s.path for s in b.scopes],
        "panels": {"forward": say.forward(b), "backward": say.backward(b)},
        "lines": {"forward": forward_line(b), "backward": backward_line(b)},
    }


def _edge(say: Equations, e: Arrow) -> dict[str, object]:
    return {
        "id": e.id,
        "src": (e.source.leaf or e.source).id,
        "dst": e.target.id,
        "arg": e.paths[0].edge,
        "count": len(e.paths),
        "formula": e.formula,
        "local": json_number(e.local),
        "local_text": number_text(e.local) if e.local is not None else "",
        "contribution": json_number(e.product),
        "contribution_text": number_text(e.product) if e.product is not None else "",
        "line": e.line,
        "panel": say.arrow(e),
    }


def player_page(drawing: Drawing, theme: str, note: str = "", first: int = 0) -> str:
    """The page of a player; it opens at the step `first`."""
    data = data_of(drawing.model, drawing.uid, first)
    phases = [phase for phase, _ in page_steps(drawing.model)]
    tick = (phases.count("forward") + 0.5) / max(1, len(phases) - 1)
    return page_of(
        drawing, theme, data, xml(drawing.title), "player.js", "step",
        KIND=" side" if drawing.width <= SIDE_WIDTH else "", TICK=f"{tick:.4f}",
        PANEL=PANEL, FIND=FIND, ROLE="group", LEGEND=LEGEND + (f"<span>{xml(note)}</span>" if note else ""),
    )  # fmt: skip


class Player(Page):
    """A step player: `.html` is one self-contained page; a notebook shows it, `.save("x.html")` writes it."""

    _for_others = "; for others draw(...).save"

    def _heights(self) -> tuple[int, int]:
        height = self.drawing.height
        beside = max(height, 420) + 140 if self.drawing.width <= SIDE_WIDTH else height + 420
        return min(beside, TALLEST), min(height + 420, TALLEST)

    def __repr__(self) -> str:
        return f"<player: {self.drawing.title}>"
