"""The drawing: an SVG of our own, from the rows of the boxes and the coordinates of the layout.

Colours are classes, and dark ones stand in a media query, so one file is light and dark; ids are word characters behind a prefix of the
picture's own; every box and edge has its sentence as a `<title>`, which is its tooltip and its accessible name.
"""

from collections.abc import Iterable
from itertools import pairwise
from math import hypot

from ...context import Scope
from ..model.boxes import Arrow, Box
from ..model.clusters import counted
from ..model.safety import xml
from ..model.text_widths import lines_of, widest
from .dot import skeleton
from .export import Fonts
from .layout import INSTALL, Curve, Layout, LayoutError, Point, laid_out
from .legend import NARROWEST, Legend
from .rows import CELL, GAP, LABEL_GAP, PAD_TOP, PAD_X, STRIP, BoxRow, Cell, Label, Typeset
from .theme import style_sheet
from .wrapping import wrapped

MARGIN = 12.0
MOST_TURNED = 1_000  # boxes that are laid out again where their frames stand in reversed order
LONGEST_TEXT = 20_000  # characters of the alternative text


class Drawing:
    """A model with its layout.

    Args:
        typeset: boxes and arrows with their words, and the prefix of all ids.
        timeout: seconds that the layout may take.

    Raises:
        LayoutError: no layout program was found, or it failed or took too long.
    """

    def __init__(self, typeset: Typeset, timeout: float) -> None:
        model, uid, layout = typeset.model, typeset.uid, laid_out(skeleton(typeset), timeout)
        if len(model.boxes) <= MOST_TURNED and _is_turned(typeset, layout):
            layout = laid_out(skeleton(typeset, turned=True), timeout)
        layout = wrapped(typeset, layout)
        self.model, self.uid, self.typeset, self.layout = model, uid, typeset, layout
        lost = [b.id for b in model.boxes if f"{uid}_{b.id}" not in layout.nodes]
        lost += [e.id for e in model.arrows if f"{uid}_{e.id}" not in layout.edges]
        if lost:
            raise LayoutError(
                f"draw takes a layout program that places everything, but {lost[0]} has no place; {INSTALL}"
            )
        self._caption = lines_of(model.caption, max(layout.width, NARROWEST), 11)
        caption = max([widest(line, 11) for line in self._caption], default=0.0)
        self.legend = Legend(model, max(layout.width, caption))
        self.width = round(max(layout.width, caption, self.legend.width) + 2 * MARGIN)
        self.height = round(layout.height + 2 * MARGIN + (5 + 15 * len(self._caption) if self._caption else 0))
        self._dx = (self.width - layout.width) / 2
        self._dy = MARGIN

    @property
    def whole(self) -> tuple[int, int]:
        """Width and height with the legend."""
        return self.width, self.height + round(self.legend.height)

    def svg(self, theme: str = "auto", fonts: Fonts | None = None, bare: bool = False) -> str:
        """A file of its own: style, paper, drawing, legend, alternative text.

        Args:
            theme: auto, light or dark.
            fonts: for converters, which read no list of families.
            bare: without the legend.
        """
        width, height = (self.width, self.height) if bare else self.whole
        legend = "" if bare else self.legend.svg(MARGIN, self.height - 6)
        style = style_sheet(f"#{self.uid}", theme, fonts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" id="{self.uid}" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" aria-labelledby="{self.uid}_title {self.uid}_desc">'
            f'<title id="{self.uid}_title">{xml(self.title)}</title><desc id="{self.uid}_desc">{xml(self.text)}</desc>'
            f'<style>{style}</style><rect class="paper" width="{width}" height="{height}" rx="8"/>'
            f"{self.body()}{legend}</svg>\n"
        )

    @property
    def title(self) -> str:
        """One line: what is drawn."""
        roots = self.model.sweep.roots
        names = ", ".join(self.model.name(r) for r in roots[:4]) + (", …" if len(roots) > 4 else "")
        return f"Computation graph of {names}, {counted(self.model.sweep.size, 'node')}"

    @property
    def text(self) -> str:
        """The alternative text: every box with its chain-rule line."""
        lines = [b.line + "." for b in reversed(self.model.boxes) if b.kind != "tag"]
        if self.model.caption:
            lines.append(self.model.caption + ".")
        text = " ".join(lines)
        return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"

    def body(self) -> str:
        """Clusters, edges, boxes and caption, without what surrounds them."""
        parts = [*self._clusters(), *map(self._edge, self.model.arrows), *map(self._box, self.model.boxes)]
        for i, line in enumerate(reversed(self._caption)):
            x, y = MARGIN, self.height - MARGIN + 1 - 15 * i
            parts.append(f'<text class="t caption" x="{_n(x)}" y="{_n(y)}">{xml(line)}</text>')
        return "".join(parts)

    # Parts -----------------------------------------------------------------------------------------------------------

    def _clusters(self) -> Iterable[str]:
        places, right = self.layout.clusters, self._label_ends()
        found = []
        for scope, (word, title) in self.model.clusters.items():
            if f"cluster_{word}" in places:
                x, y, w, h = places[f"cluster_{word}"]
                w = min(max(w, right.get(scope, 0.0) - x), w + MARGIN - 4)  # the layout lets labels cross the frame
                found.append(((x, y, w, h), word, title))
        for (x, y, w, h), word, title in sorted(found, key=lambda f: -f[0][2] * f[0][3]):  # larger ones behind
            x, y = x + self._dx, y + self._dy
            yield (
                f'<g class="cluster" id="{self.uid}_g_{word}"><rect x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" '
                f'height="{_n(h)}" rx="10"/><text class="t" x="{_n(x + 8)}" y="{_n(y + 15)}">{xml(title)}</text></g>'
            )

    def _label_ends(self) -> dict[Scope, float]:
        """For each open scope how far right the labels of the edges inside it reach."""
        ends: dict[Scope, float] = {}
        for e, label in self.typeset.labels.items():
            centre = self.layout.edges[f"{self.uid}_{e.id}"].label
            for s, t in zip(e.source.scopes, e.target.scopes):
                if s is t and centre is not None:
                    ends[s] = max(ends.get(s, 0.0), centre[0] + (LABEL_GAP + label.width) / 2 + 5)
        return ends

    def _box(self, b: Box) -> str:
        content = self.typeset.contents[b]
        cx, cy = self.layout.nodes[f"{self.uid}_{b.id}"]
        x, y = cx + self._dx - content.width / 2, cy + self._dy - content.height / 2
        classes = ["node", b.kind]
        classes += [name for name, holds in (("leaf", b.is_leaf), ("dashed", b.dashed), ("root", b.is_root)) if holds]
        radius = 6 if b.kind == "tag" else 8
        w, h = content.width, content.height
        ghost = (
            f'<path class="ghost" d="M{_n(x + 7)} {_n(y + h)}v3h{_n(w - 4)}v-{_n(h - 4)}h-3"/>'
            if b.kind in ("group", "inputs")
            else ""
        )
        out = [
            f'<g class="{" ".join(classes)}" id="{self.uid}_{b.id}"><title>{xml(b.line)}</title>{ghost}'
            f'<rect class="box" x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}" rx="{radius}"/>'
        ]
        top = y + (PAD_TOP if len(content.rows) > 1 else 3.0)
        for row in content.rows:
            out.append(self._row(row, b, x, top, w))
            top += row.height
        return "".join([*out, "</g>"])

    def _row(self, row: BoxRow, b: Box, x: float, top: float, width: float) -> str:
        base = top + row.height - (5.0 if row.kind == "h" else 4.0)
        out = []
        if row.left and any(c.text for c in row.left):
            first, *more = row.left
            named = f' id="a_{self.uid}_{b.id}_x"' if row.kind == "h" and b.kind == "op" else ""
            rest = "".join(f'<tspan class="{c.kind}"{named}>{xml(c.text)}</tspan>' for c in more if c.text)
            out.append(f'<text class="{first.kind}" x="{_n(x + PAD_X)}" y="{_n(base)}">{xml(first.text)}{rest}</text>')
        if row.right is not None:
            c = row.right
            out.append(
                f'<text class="{_class(c)}" id="a_{self.uid}_{b.id}_{c.key}" x="{_n(x + width - PAD_X)}" y="{_n(base)}">'
                f"{xml(c.text)}</text>"
            )
        if row.strip is not None:
            left = x + width - PAD_X - row.columns * (CELL + GAP) + GAP
            if row.columns < STRIP:
                left = x + PAD_X + 24
            out += [
                f'<rect class="{kind} strip_{row.kind}{" r" if row.kind == "g" else ""}" x="{_n(left + i * (CELL + GAP))}" y="{_n(top + 2)}" width="{CELL:.0f}" height="12" rx="1.5"/>'
                for i, kind in enumerate(row.strip)
            ]
        return "".join(out)

    def _edge(self, e: Arrow) -> str:
        curve, label = self.layout.edges[f"{self.uid}_{e.id}"], self.typeset.labels.get(e)
        classes = (f"{e.tone} " if e.tone else "") + "edge" + (" dashed" if e.source.kind == "stub" else "")
        style = f' style="stroke-width:{e.width:g}px"' if e.width != 1.2 else ""
        out = [
            f'<g class="{classes}" id="{self.uid}_{e.id}"><title>{xml(label.sentence if label is not None else e.line)}</title>'
            f'<path d="{self._path(curve)}"{style}/><polygon points="{self._arrow_head(curve, e.width)}"/>'
        ]
        if label is not None and curve.label is not None:
            out.append(self._label(e, label, curve.label))
        return "".join([*out, "</g>"])

    def _label(self, e: Arrow, label: Label, centre: Point) -> str:
        x = centre[0] + self._dx + (LABEL_GAP - 2 - label.width) / 2
        y = centre[1] + self._dy - label.height / 2 + 11  # room is left below, where an arrow may run
        out = []
        for i, line in enumerate(label.lines):
            name = f' id="a_{self.uid}_{e.id}_l{i}"'  # of what may change from frame to frame
            last = line[-1]
            before = "".join(xml(c.text) for c in line[:-1])
            text = f'<tspan class="v"{name}>{xml(last.text)}</tspan>' if last.kind == "v" else xml(last.text)
            outer = name if last.kind != "v" else ""
            out.append(f'<text class="l"{outer} x="{_n(x)}" y="{_n(y + 13 * i)}">{before}{text}</text>')
        return "".join(out)

    def _path(self, curve: Curve) -> str:
        points = [(x + self._dx, y + self._dy) for x, y in curve.points]
        start, *rest = points
        out = [f"M{_n(start[0])} {_n(start[1])}"]
        if len(rest) % 3:
            return out[0] + "".join(f"L{_n(x)} {_n(y)}" for x, y in rest)
        out += ["C" + " ".join(f"{_n(x)} {_n(y)}" for x, y in rest[i : i + 3]) for i in range(0, len(rest), 3)]
        return "".join(out)

    def _arrow_head(self, curve: Curve, width: float) -> str:
        (x0, y0), (x1, y1) = curve.points[-1], curve.tip
        dx, dy = x1 - x0, y1 - y0
        length = hypot(dx, dy) or 1.0
        ux, uy = dx / length, dy / length
        half = 2.4 + 0.55 * width
        x0, y0, x1, y1 = x0 + self._dx, y0 + self._dy, x1 + self._dx, y1 + self._dy
        corners = [(x1, y1), (x0 - uy * half, y0 + ux * half), (x0 + uy * half, y0 - ux * half)]
        return " ".join(f"{_n(x)},{_n(y)}" for x, y in corners)


def _is_turned(typeset: Typeset, layout: Layout) -> bool:
    """Whether open Modules side by side, as the neurons of a layer, stand in reversed order."""
    rows: dict[tuple[Scope | None, str], list[tuple[int, tuple[float, float, float, float]]]] = {}
    for scope, (word, _) in typeset.model.clusters.items():
        stem = scope.path.rstrip("0123456789")
        if stem != scope.path and f"cluster_{word}" in layout.clusters:
            place = layout.clusters[f"cluster_{word}"]
            rows.setdefault((scope.parent, stem), []).append((int(scope.path[len(stem) :]), place))
    across, along = (0, 1) if typeset.rankdir in ("TB", "BT") else (1, 0)
    order = 0
    for row in rows.values():
        row.sort()
        for (_, a), (_, b) in pairwise(row):
            beside = a[along] < b[along] + b[along + 2] and b[along] < a[along] + a[along + 2]
            order += beside * (1 if a[across] < b[across] else -1)
    return order < 0


def _class(c: Cell) -> str:
    found = c.kind if c.kind != "c" or c.key == "u" else "c r"  # r: known after backward only
    return f"{found} {c.tone}" if c.tone else found


def _n(x: float) -> str:
    """A coordinate: one decimal."""
    return f"{x:.1f}".removesuffix(".0")
