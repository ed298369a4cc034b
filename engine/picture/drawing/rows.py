"""What stands in each box and beside each edge, row by row, with its size: drawn as DOT by `dot`, as SVG by `svg`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...formulas.notation import number_text
from ..model.assembly import PictureModel
from ..model.boxes import Arrow, Box
from ..model.sentences import EdgeText, box_expression, chain_rows, counts, data_note, edge_text, gradient_note, tone
from ..model.text_widths import BOLD, MONO, SANS, clipped, text_width

PAD_X, PAD_TOP, PAD_BOTTOM = 9.0, 5.0, 6.0
FONTS = {
    "h": (14, BOLD), "x": (12, SANS), "k": (10, SANS), "m": (10, SANS), "d": (12, MONO), "g": (12, MONO), "c": (10, MONO),
    "t": (11, SANS), "l": (11, SANS), "v": (11, BOLD),
}  # fmt: skip
HEIGHTS = {"h": 19.0, "d": 16.0, "g": 16.0, "c": 13.0, "t": 15.0, "m": 14.0, "strip": 16.0}
WIDEST_EXPRESSION = 190.0
STRIP, CELL, GAP = 16, 9.0, 2.0  # cells a row of a strip, their width, the space between
MOST_CELLS = 64
LABEL_GAP = 8  # between an edge and its label
SLACK = 8.0  # between a word and the number to its right


@dataclass(slots=True)
class Cell:
    """A run of text: its class, its sign class, and the key by which a player finds it."""

    text: str
    kind: str
    tone: str = ""
    key: str = ""

    @property
    def width(self) -> float:
        """Pixels."""
        size, face = FONTS[self.kind]
        return text_width(self.text, size, face)


@dataclass(slots=True)
class BoxRow:
    """One line of a box: cells from the left, cells at the right edge, or a strip of coloured cells."""

    kind: str
    left: list[Cell] = field(default_factory=list)
    right: Cell | None = None
    strip: list[str] | None = None

    @property
    def width(self) -> float:
        """Pixels, without the padding of the box."""
        width = sum(c.width for c in self.left)
        if self.right is not None:
            width += self.right.width + (SLACK if self.left else 0.0)
        if self.strip is not None:
            width += SLACK + min(STRIP, len(self.strip)) * (CELL + GAP) - GAP
        return width

    @property
    def height(self) -> float:
        """Pixels."""
        return HEIGHTS["strip" if self.strip is not None else self.kind]


@dataclass(slots=True)
class Content:
    """A box's rows and size in pixels."""

    rows: list[BoxRow]
    width: float
    height: float


def box_content(model: PictureModel, b: Box) -> Content:
    """The rows of a box."""
    if b.kind in ("tag", "stub"):
        rows = [BoxRow("t", [Cell(b.name, "t")])]
    elif b.value is not None:
        rows = _one_value(model, b)
    else:
        rows = _many_values(model, b)
    room = max(r.width for r in rows)
    height = sum(r.height for r in rows) + PAD_TOP + PAD_BOTTOM
    return Content(rows, math.ceil(room + 2 * PAD_X), math.ceil(height if len(rows) > 1 else rows[0].height + 7))


def _head(name: str, more: str, kind: str) -> BoxRow:
    return BoxRow("h", [Cell(name, "h"), Cell(clipped(more, WIDEST_EXPRESSION, *FONTS[kind]), kind)])


def _one_value(model: PictureModel, b: Box) -> list[BoxRow]:
    v = b.node
    if b.kind == "op":
        rows = [_head(b.name, f"\u00a0= {box_expression(model, v)}", "x")]
    elif b.kind == "group":
        rows = [_head(b.name, _module_name(b), "k"), BoxRow("t", [Cell(counts(model, b), "t")])]
    else:
        rows = [_head(b.name, f"\u00a0\u00a0{b.kind}", "k")]
    rows.append(BoxRow("d", [Cell("data", "m")], Cell(number_text(model.data(v)), "d", "", "d")))
    used = data_note(model, v)
    if used is not None:
        rows.append(BoxRow("c", [Cell("used as", "m")], Cell(used, "c", "", "u")))
    grad = model.gradient(v)
    text = number_text(grad) if grad is not None else "–"
    rows.append(BoxRow("g", [Cell("grad", "m")], Cell(text, "g", tone(grad), "g")))
    note = gradient_note(model, b)
    if note is not None:
        here = Cell(number_text(note[1]), "c", tone(note[1]), "h") if note[1] is not None else None
        rows.append(BoxRow("c", [Cell(note[0], "m")], here))
    if model.shows_flow and grad is not None:
        rows += [BoxRow("c", [], Cell(text, "c", "", f"c{i}")) for i, text in enumerate(chain_rows(model, b))]
    rows += _length(model, b)
    return rows


def _many_values(model: PictureModel, b: Box) -> list[BoxRow]:
    vs = b.outputs
    if b.kind == "inputs":
        rows = [_head(b.name, f"\u00a0\u00a0{len(vs):,} inputs", "k")]
    else:
        rows = [_head(b.name, _module_name(b), "k"), BoxRow("t", [Cell(counts(model, b), "t")])]
    rows += _strips("data", [model.data(v) for v in vs])
    grads = [model.gradient(v) for v in vs]
    if all(g is None for g in grads):
        rows.append(BoxRow("g", [Cell("grad", "m")], Cell("–", "g", "", "g")))
    else:
        rows += _strips("grad", [0.0 if g is None else g for g in grads])
    return rows + _length(model, b)


def _module_name(b: Box) -> str:
    module = type(getattr(b.scope, "module", None)).__name__
    return f"\u00a0\u00a0{module}" if module not in ("NoneType", b.name.partition("_")[0]) else ""


def _length(model: PictureModel, b: Box) -> list[BoxRow]:
    grads = [g for p in b.parameters if (g := model.gradient(p)) is not None]
    if not grads:
        return []
    return [
        BoxRow(
            "m", [Cell("length of the parameter gradient", "m")], Cell(number_text(math.hypot(*grads)), "c", "", "n")
        )
    ]


def _strips(word: str, xs: Sequence[float]) -> list[BoxRow]:
    """Up to 64 cells, whose colour is the sign and whose strength, in four steps, the square root of the size."""
    largest = max([abs(x) for x in xs if math.isfinite(x)], default=0.0)
    cells = [_heat(x, largest) for x in xs[:MOST_CELLS]]
    rows = [
        BoxRow(word[0], [Cell(word if i == 0 else "", "m")], None, cells[i : i + STRIP])
        for i in range(0, len(cells), STRIP)
    ]
    if len(xs) > MOST_CELLS:
        rows.append(BoxRow("m", [Cell(f"and {len(xs) - MOST_CELLS:,} more", "m")]))
    return rows


def _heat(x: float, largest: float) -> str:
    if x == 0.0 or x != x:
        return "zero"
    share = abs(x) / largest if largest > 0.0 and abs(x) < math.inf else 1.0
    return f"{'p' if x > 0 else 'n'}{min(4, 1 + int(4 * math.sqrt(share)))}"


# Edges ---------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Label:
    """The words beside an edge: one or two lines of cells, and their size."""

    text: EdgeText
    lines: list[list[Cell]]
    width: float
    height: float


def edge_labels(model: PictureModel) -> dict[Arrow, Label]:
    """The labels of the edges that show one: none in a large picture, and none that would say `1 edge`."""
    shown = [e for e in model.arrows if e.local is not None or len(e.paths) > 1]
    return {e: edge_label(model, e) for e in shown} if model.labels else {}


def edge_label(model: PictureModel, e: Arrow) -> Label:
    """The label of an edge: `∂p1/∂w1 = x1` above `= 2.0`; one line where the derivative is 1 or −1."""
    text = edge_text(model, e)
    first = text.symbol if text.formula is None else f"{text.symbol} = {text.formula}"
    lines = [[Cell(clipped(first, WIDEST_EXPRESSION, 11), "l")]]
    if text.number is not None:
        lines.append([Cell("= ", "l"), Cell(text.number, "v", "", "l")])
    width = max(sum(c.width for c in line) for line in lines)
    return Label(text, lines, math.ceil(width + 2), 13.0 * len(lines) + 5)


def edge_width(e: Arrow, largest: float) -> float:
    """Stroke width: 1.2 to 3.8 by the square root of what flows."""
    if e.product is None or not largest > 0.0 or e.product != e.product:
        return 1.2
    return round(1.2 + 2.6 * math.sqrt(min(1.0, abs(e.product) / largest)), 2)


def edge_tone(model: PictureModel, e: Arrow) -> str:
    """The class of an edge: the sign of what flows, `off` where nothing can or it is 0, none before backward."""
    if not e.taken:
        return "off"
    if not model.shows_flow or e.local is None:
        return ""
    return tone(e.product) or ("off" if e.product == 0.0 else "")


def largest_product(model: PictureModel) -> float:
    """The largest finite flow along one drawn edge, to which the widths of all are in proportion."""
    if not model.shows_flow:
        return 0.0
    return max(
        [abs(e.product) for e in model.arrows if e.product is not None and math.isfinite(e.product)], default=0.0
    )
