"""The player: one page that steps through the forward and the backward pass, with all it needs inside it."""

from collections.abc import Callable, Mapping
from functools import partial
from heapq import heappop, heappush
from typing import NamedTuple

from ...formulas.notation import number_text
from ..drawing.svg import Drawing
from ..model.boxes import Arrow, Box, PictureModel
from ..model.clusters import counted
from ..model.grouping import View
from ..model.opening import turns
from ..model.safety import json_number, json_text, plain, xml
from .animation import page_steps
from .equations import Equations, backward_line, forward_line
from .page import TALLEST, Page, packed, page_of, part, untitled

Draw = Callable[[PictureModel], Drawing]
Way = tuple[
    str, str, str, int
]  # a Turn's element, kind and name; the view that it leads to, 0 for the first, -1 to be asked for

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
        "group": [plain(s.path) for s in b.scopes],
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


def _tick(model: PictureModel) -> str:
    """Where on the slider forward ends."""
    phases = [phase for phase, _ in page_steps(model)]
    return f"{(phases.count('forward') + 0.5) / max(1, len(phases) - 1):.4f}"


class Room(NamedTuple):
    """What a page has room for, beside the view asked for: views, boxes and arrows of one and of all; and characters in all."""

    views: int
    parts: int
    all_parts: int
    characters: int


NOTEBOOK = Room(4, 80, 200, 100_000)  # some tenths of a second, as for all that a cell shows
FILE = Room(24, 400, 1800, 2_000_000)
LARGEST = 20_000  # nodes of a graph that is opened and closed


def player_page(
    drawing: Drawing, theme: str, note: str = "", first: int = 0, room: Room | None = None, draw: Draw | None = None,
    around: bool = False, focus: str = "",
) -> str:  # fmt: skip
    """The page of a player.

    Args:
        drawing, theme: what is shown first, and in which colours.
        note: beside the legend.
        first: the step at which it opens.
        room, draw: for the views with other Modules closed, and what draws them; None for a page with none.
        around: a page around this one is asked for such views.
        focus: the button of a Module that has the keyboard's focus then.
    """
    data = data_of(drawing.model, drawing.uid, first)

    def page(data: dict[str, object], **holes: str) -> str:
        return page_of(
            drawing, theme, data, xml(drawing.title), "player.js", "step",
            KIND=" side" if drawing.width <= SIDE_WIDTH else "", TICK=_tick(drawing.model),
            PANEL=PANEL, FIND=FIND, ROLE="group", LEGEND=LEGEND + (f"<span>{xml(note)}</span>" if note else ""),
            **holes,
        )  # fmt: skip

    alone, more = page(data), part("turns.js")
    if around and (asked := [(*t[:3], -1) for t in turns(drawing.model)]):
        return page(data | {"turns": asked, "focus": focus}, MORE=more)
    if room is None or draw is None:
        return alone
    left = room.characters - len(alone) - len(more)
    ways, views = _views(drawing, room._replace(characters=left), draw) if left > 0 else ([], "")
    return page(data | {"turns": ways}, VIEWS=views, MORE=more) if views else alone


def _views(drawing: Drawing, room: Room, draw: Draw) -> tuple[list[Way], str]:
    """(what the first view opens and closes, the other views as a `<script>`): those of the largest Modules first."""
    drawings, parts, used = {drawing.model.view: drawing}, 0, 0
    at, sheets = drawing.model.at, []
    coming = [] if at is None or drawing.model.sweep.size > LARGEST else _ahead(drawing.model, 1, 0)
    tried = set(drawings)
    while coming and at is not None and len(drawings) <= room.views and len(tried) <= 2 * room.views:
        _, away, _, there = heappop(coming)
        if there in tried:
            continue
        tried.add(there)
        model = at(there, min(room.parts, room.all_parts - parts))
        if model is None:
            continue
        drawn = draw(model)
        sheet = {"svg": untitled(drawn), "width": drawn.width, "height": drawn.height}
        sheet |= {"side": drawn.width <= SIDE_WIDTH, "tick": _tick(model)}
        view = {"data": data_of(model, drawing.uid), "sheet": sheet}
        used += len(packed(json_text(view), -1))
        if used > room.characters:
            break
        parts += len(model.boxes) + len(model.arrows)
        drawings[there] = drawn
        sheets.append(view)
        for turn in _ahead(model, away + 1, len(tried)):
            heappush(coming, turn)
    places = {there: i for i, there in enumerate(drawings)}
    ways = [_ways(d.model, places) for d in drawings.values()]
    texts = [packed(json_text(v | {"data": v["data"] | {"turns": w}}), -1) for v, w in zip(sheets, ways[1:])]
    script = f'<script type="application/json" id="{drawing.uid}_views">{json_text(texts)}</script>'
    return ways[0], script if texts else ""


def _ways(model: PictureModel, places: Mapping[View, int]) -> list[Way]:
    return [(*t[:3], places[t.view]) for t in turns(model) if t.view in places]


def _ahead(model: PictureModel, away: int, nth: int) -> list[tuple[int, int, tuple[int, int], View]]:
    """The views one turn from a model, in the order in which they are wanted."""
    return sorted((-t.height, away, (nth, i), t.view) for i, t in enumerate(turns(model)))


class Player(Page):
    """A step player: `.html` is one self-contained page; a notebook shows it, `.save("x.html")` writes it."""

    _for_others = "; for others draw(...).save"

    def __init__(self, drawing: Drawing, theme: str, note: str, first: int, draw: Draw) -> None:
        self._page = partial(player_page, drawing, theme, note, first, draw=draw)
        super().__init__(partial(self._page, room=NOTEBOOK), drawing, theme)

    def _file(self) -> str:
        return self._page(room=FILE)

    def _heights(self) -> tuple[int, int]:
        height = self.drawing.height
        beside = max(height, 420) + 140 if self.drawing.width <= SIDE_WIDTH else height + 420
        return min(beside, TALLEST), min(height + 420, TALLEST)

    def __repr__(self) -> str:
        return f"<player: {self.drawing.title}>"
