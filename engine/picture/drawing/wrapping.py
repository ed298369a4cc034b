"""Wide layers in rows: a layout whose long ranks of Modules are set like lines of text, on a page that can be read."""

from itertools import pairwise

from ..model.boxes import Box
from ..model.text_widths import widest
from .layout import Curve, Layout, Point
from .rows import Typeset

WIDEST = 1100.0  # pixels of a line
GAP, LEADING, FRAME = 14.0, 26.0, 10.0  # pixels between boxes, between lines of one rank, around a frame
ARROW = 7.0  # pixels that the head of an arrow takes


def wrapped(typeset: Typeset, layout: Layout) -> Layout:
    """The layout with each rank of Modules that is wider than a line in several, its arrows drawn anew.

    It is as it was where that would part what belongs together: where frames stand side by side, where what is wide are
    no Modules, such as the leaves of a tree, and where arrows have words.
    """
    if typeset.model.labels or typeset.rankdir != "TB" or layout.width <= WIDEST:
        return layout
    ranks: dict[int, list[Box]] = {}
    for b in typeset.model.boxes:
        ranks.setdefault(round(_centre(typeset, layout, b)[1]), []).append(b)
    places: dict[Box, Point] = {}
    shifts: dict[Box, tuple[float, float]] = {}  # down, of the first line and of the last
    down, bottom = 0.0, 0.0
    for middle in sorted(ranks):
        rank = sorted(ranks[middle], key=lambda b: _centre(typeset, layout, b)[0])
        lines = _lines(typeset, rank)
        if lines is None:
            return layout
        high = max(typeset.contents[b].height for b in rank)
        for n, line in enumerate(lines):
            x, y = -_length(typeset, line) / 2, middle + down + n * (high + LEADING)
            for b in line:
                width = typeset.contents[b].width
                places[b] = x + width / 2, y
                x += width + GAP
        more = (len(lines) - 1) * (high + LEADING)
        shifts.update(dict.fromkeys(rank, (down, down + more)))
        down += more
        bottom = middle + down + high / 2
    return _laid(typeset, layout, places, shifts, max(bottom, layout.height + down))


def _centre(typeset: Typeset, layout: Layout, b: Box) -> Point:
    return layout.nodes[f"{typeset.uid}_{b.id}"]


def _length(typeset: Typeset, line: list[Box]) -> float:
    return sum(typeset.contents[b].width + GAP for b in line) - GAP


def _lines(typeset: Typeset, rank: list[Box]) -> list[list[Box]] | None:
    """A rank in lines of as many boxes each, or one; None where it cannot be parted."""
    frames = sorted({b.scopes for b in rank}, key=len)
    if any(b[: len(a)] != a for a, b in pairwise(frames)):
        return None
    length = _length(typeset, rank)
    if length <= WIDEST:
        return [rank]
    if len(frames) > 1 or any(b.kind != "group" for b in rank):
        return None
    per = max(1, int(WIDEST // max(typeset.contents[b].width + GAP for b in rank)))
    per = -(-len(rank) // -(-len(rank) // per))  # the last line is nearly as long as the others
    return [rank[i : i + per] for i in range(0, len(rank), per)]


def _laid(
    typeset: Typeset, layout: Layout, places: dict[Box, Point], shifts: dict[Box, tuple[float, float]], height: float
) -> Layout:
    """The layout of boxes that have new places: frames around them, arrows between them."""
    model, uid = typeset.model, typeset.uid
    half = {b: typeset.contents[b].width / 2 for b in places}
    spans: dict[str, tuple[float, float, float, float]] = {}
    deepest = max(len(b.scopes) for b in places)
    for scope, (word, title) in model.clusters.items():
        held = [b for b in places if scope in b.scopes]
        if f"cluster_{word}" in layout.clusters and held:
            _, y, _, h = layout.clusters[f"cluster_{word}"]
            depth = held[0].scopes.index(scope)
            left = min(places[b][0] - half[b] for b in held) - FRAME * (deepest - depth)
            right = max(places[b][0] + half[b] for b in held) + FRAME * (deepest - depth)
            top, low = y + min(shifts[b][0] for b in held), y + h + max(shifts[b][1] for b in held)
            spans[f"cluster_{word}"] = left, top, max(right - left, widest(title, 11) + 24), low - top
    left = min([places[b][0] - half[b] for b in places] + [span[0] for span in spans.values()])
    right = max([places[b][0] + half[b] for b in places] + [span[0] + span[2] for span in spans.values()])
    new = Layout(right - left, height, {}, {}, {k: (x - left, y, w, h) for k, (x, y, w, h) in spans.items()})
    new.nodes.update((f"{uid}_{b.id}", (x - left, y)) for b, (x, y) in places.items())
    for e in model.arrows:
        (x0, y0), (x1, y1) = places[e.source], places[e.target]
        start, tip = y0 + typeset.contents[e.source].height / 2, y1 - typeset.contents[e.target].height / 2
        bend = (start + tip) / 2
        points = [(x0 - left, start), (x0 - left, bend), (x1 - left, bend), (x1 - left, tip - ARROW)]
        new.edges[f"{uid}_{e.id}"] = Curve(points, (x1 - left, tip), None)
    return new
