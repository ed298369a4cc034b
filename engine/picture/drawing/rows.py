"""What stands in each box and beside each arrow, row by row, with its size: drawn as DOT by `dot`, as SVG by `svg`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...formulas.notation import number_text
from ..model.boxes import Arrow, Box, PictureModel
from ..model.sentences import tone
from ..model.text_widths import BOLD, MONO, SANS, clipped, pixels, text_width, widest

PAD_X, PAD_TOP, PAD_BOTTOM = 9.0, 5.0, 6.0
FONTS = {
    "h": (14, BOLD), "x": (12, SANS), "k": (10, SANS), "m": (10, SANS), "d": (12, MONO), "g": (12, MONO), "c": (10, MONO),
    "t": (11, SANS), "l": (11, SANS), "v": (11, BOLD),
}  # fmt: skip
HEIGHTS = {"h": 19.0, "d": 16.0, "g": 16.0, "c": 13.0, "t": 15.0, "m": 14.0, "strip": 16.0}
WIDEST_EXPRESSION = 190.0
WIDEST_COUNTS = 320.0
STRIP, CELL, GAP = 16, 9.0, 2.0  # cells a row of a strip, their width, the space between
MOST_CELLS = 64
LABEL_GAP = 8  # between an arrow and its label
SLACK = 8.0  # between a word and the number to its right
LEAST = 3.0  # of padding and slack that the widest fonts leave


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

    @property
    def widest(self) -> float:
        """Pixels, where only a wide font is installed."""
        size, face = FONTS[self.kind]
        return widest(self.text, size, face)


@dataclass(slots=True)
class BoxRow:
    """One line of a box: cells from the left, cells at the right edge, or a strip of coloured cells."""

    kind: str
    left: list[Cell] = field(default_factory=list)
    right: Cell | None = None
    strip: list[str] | None = None
    columns: int = 0  # of the strip, of which a row may be the last, shorter one

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
    def room(self) -> float:
        """Pixels of a box that holds it, also where only a wide font is installed."""
        cells = [*self.left, self.right] if self.right is not None else self.left
        sides = 2 if self.left and self.right is not None else 1
        return max(self.width + 2 * PAD_X, sum(c.widest for c in cells) + LEAST + sides * PAD_X)

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


@dataclass(slots=True)
class Label:
    """The words beside an arrow, as a sentence and as one or two lines of cells, and their size."""

    sentence: str
    lines: list[list[Cell]]
    width: float
    height: float


class Typeset:
    """A model with its words set in rows, and so with the size of all that is drawn.

    Attributes:
        model: boxes and arrows.
        uid: the prefix of all ids.
        rankdir: TB, LR, BT or RL.
        contents: for each box its rows.
        labels: for each arrow that shows one its label: none in a large picture, and none that would say `1 edge`.
    """

    def __init__(self, model: PictureModel, uid: str, rankdir: str = "TB") -> None:
        self.model, self.uid, self.rankdir = model, uid, rankdir
        self.contents = {b: box_content(b) for b in model.boxes}
        shown = [e for e in model.arrows if e.local is not None or len(e.paths) > 1] if model.labels else []
        self.labels = {e: arrow_label(e) for e in shown}


def box_content(b: Box) -> Content:
    """The rows of a box."""
    rows = list(_rows(b))
    height = sum(r.height for r in rows) + PAD_TOP + PAD_BOTTOM if len(rows) > 1 else rows[0].height + 7
    return Content(rows, pixels(max(r.room for r in rows)), pixels(height))


def _rows(b: Box) -> list[BoxRow]:
    if b.kind in ("tag", "stub"):
        return [BoxRow("t", [Cell(b.name, "t")])]
    more, kind = f"\u00a0\u00a0{b.kind}", "k"
    if b.kind == "op":
        more, kind = f"\u00a0= {b.expression}", "x"
    elif b.kind == "inputs":
        more = f"\u00a0\u00a0{len(b.outputs):,} inputs"
    elif b.kind == "given":
        more = "\u00a0\u00a0given" + f", {b.counts}" * (not b.counts.startswith("["))
    elif b.kind == "group":
        module = type(getattr(b.scope, "module", None)).__name__
        words = [module] * (module not in ("NoneType", b.name.partition("_")[0])) + [f"× {b.calls:,}"] * (b.calls > 1)
        more = "\u00a0\u00a0" + " ".join(words)
        if b.function != b.name:
            more, kind = f"\u00a0= {b.function}(…)", "x"
    rows = [BoxRow("h", [Cell(b.name, "h"), Cell(clipped(more, WIDEST_EXPRESSION, *FONTS[kind]), kind)])]
    if b.kind == "group":
        rows.append(BoxRow("t", [Cell(clipped(b.counts, WIDEST_COUNTS, 11), "t")]))
        if b.expression:
            rows.append(BoxRow("t", [Cell(f"= {b.expression}", "t")]))
    rows += _one_value(b) if b.value is not None else _many_values(b)
    if b.steepness is not None:
        length = Cell(number_text(b.steepness), "c", "", "n")
        rows.append(BoxRow("m", [Cell("size of all parameter gradients", "m")], length))
    return rows


def _one_value(b: Box) -> list[BoxRow]:
    rows = [BoxRow("d", [Cell("data", "m")], Cell(number_text(b.data), "d", "", "d"))]
    if b.used:
        rows.append(BoxRow("c", [Cell("used as", "m")], Cell(b.used, "c", "", "u")))
    text = number_text(b.grad) if b.grad is not None else b.unknown
    rows.append(BoxRow("g", [Cell("grad", "m")], Cell(text, "g", tone(b.grad), "g")))
    if b.note:
        here = Cell(number_text(b.here), "c", tone(b.here), "h") if b.here is not None else None
        rows.append(BoxRow("c", [Cell(b.note, "m")], here))
    lines = [(text, "c", sign) for text, sign in zip(b.rows, b.tones)]
    return rows + [BoxRow("c", [], Cell(*line, f"c{i}")) for i, line in enumerate(lines)]


def _many_values(b: Box) -> list[BoxRow]:
    if b.given and b.counts.startswith("["):
        return [BoxRow("d", [Cell("data", "m")], Cell(b.counts, "d", "", "v"))]
    rows = _strips("data", [data for data, _ in b.spread])
    if b.given:
        return rows
    if all(grad is None for _, grad in b.spread):
        return [*rows, BoxRow("g", [Cell("grad", "m")], Cell("–", "g", "", "g"))]
    return rows + _strips("grad", [grad or 0.0 for _, grad in b.spread])


def _strips(word: str, xs: Sequence[float]) -> list[BoxRow]:
    """Up to 64 cells, whose colour is the sign and whose strength, in four steps, the square root of the size."""
    largest = max([abs(x) for x in xs if math.isfinite(x)], default=0.0)
    cells = [_heat(x, largest) for x in xs[:MOST_CELLS]]
    rows = [
        BoxRow(word[0], [Cell(word if i == 0 else "", "m")], None, cells[i : i + STRIP], min(STRIP, len(cells)))
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


def arrow_label(e: Arrow) -> Label:
    """The label of an arrow: `∂p1/∂w1 = x1` above `= 2.0`; one line where the derivative is 1 or −1."""
    said = [e.symbol if e.formula is None else f"{e.symbol} = {e.formula}"]
    if e.jacobian is not None and e.formula is not None:
        said = [e.symbol, f"= {e.formula}"]
    lines = [[Cell(clipped(words, WIDEST_EXPRESSION, 11), "l")] for words in said]
    if e.number is not None:
        number = [Cell(e.size, "l"), Cell(e.number, "v")] if e.size else [Cell(f"= {e.number}", "v")]
        lines.append(number)  # a film changes its last cell
    elif e.size:
        lines.append([Cell(e.size, "l")])
    width = max(max(sum(c.width for c in line) + 2, sum(c.widest for c in line) - LEAST) for line in lines)
    return Label(e.line, lines, pixels(width), 13.0 * len(lines) + 5)
