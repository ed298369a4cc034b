"""The legend of a static picture: the signs that occur in it and their words, small, in lines beneath the drawing."""

from collections.abc import Iterator
from math import inf

from ..model.boxes import PictureModel
from ..model.safety import xml
from ..model.sentences import LegendRow, legend_rows
from ..model.text_widths import widest

FEWEST_BOXES = 4  # smaller pictures are read without
NARROWEST = 330.0  # pixels, on which two signs stand side by side
SIZE, LINE, SAMPLE, GAP = 10, 17.0, 20.0, 14.0  # pixels: letters, a line, a sign with the space after it, between signs
TEXTS = {"∂": "∂", "=": "= …·…", "–": "–"}  # signs that are letters


class Legend:
    """Signs with their words, set in lines.

    Args:
        model: whose signs.
        width: pixels that a line may take.

    Attributes:
        width, height: pixels that it takes; 0 in a small picture.
    """

    def __init__(self, model: PictureModel, width: float) -> None:
        self._lines: list[list[tuple[LegendRow, float]]] = []
        self.width = 0.0
        rows = [row for row in legend_rows(model) if row.sign != "d"] if len(model.boxes) >= FEWEST_BOXES else []
        x = inf  # where a sign would stand
        for row in rows:
            taken = _sample(row.sign) + widest(row.words, SIZE)
            if x + taken > max(width, NARROWEST):
                self._lines.append([])
                x = 0.0
            self._lines[-1].append((row, x))
            self.width = max(self.width, x + taken)
            x += taken + GAP
        self.height = LINE * len(self._lines) + 4 if self._lines else 0.0

    def svg(self, left: float, top: float) -> str:
        """Its elements, from a corner on."""
        out: list[str] = []
        for i, line in enumerate(self._lines):
            base = top + LINE * (i + 1) - 4
            for row, x in line:
                out += _sign(row.sign, left + x, base)
                out.append(
                    f'<text class="m" x="{left + x + _sample(row.sign):.1f}" y="{base:g}">{xml(row.words)}</text>'
                )
        return f'<g class="legend">{"".join(out)}</g>' if out else ""


def _sample(sign: str) -> float:
    """Pixels from a sign's left end to its words."""
    return widest(TEXTS[sign], SIZE) + 5 if sign in TEXTS else SAMPLE + 5


def _sign(sign: str, x: float, base: float) -> Iterator[str]:
    middle = base - 3.5
    if sign in TEXTS:
        yield f'<text class="m s" x="{x:.1f}" y="{base:g}">{TEXTS[sign]}</text>'
    elif sign in ("parameter", "input"):
        kind = "leaf" if sign == "parameter" else "leaf dashed"
        yield f'<g class="{kind}"><rect class="box" x="{x + 0.5:.1f}" y="{base - 9:g}" width="19" height="10" rx="3"/></g>'
    elif sign == "wide":
        yield f'<g class="edge"><polygon points="{x:.1f},{middle - 0.6:g} {x + SAMPLE:.1f},{middle - 1.9:g} {x + SAMPLE:.1f},{middle + 1.9:g} {x:.1f},{middle + 0.6:g}"/></g>'
    elif sign == "strip":
        for i, tone in enumerate(("p2", "p4")):
            yield f'<rect class="{tone}" x="{x + 10 * i:.1f}" y="{base - 9:g}" width="9" height="10" rx="1.5"/>'
    else:
        yield f'<g class="{sign} edge"><path d="M{x:.1f} {middle:g}h{SAMPLE:g}" style="stroke-width:2.5px"/></g>'
