"""The fonts that a converter really has, chosen so that text keeps inside the boxes that were made for it.

A browser walks down a list of families. cairo takes the first and replaces it in silence, often by a wider one, so the
families are tried here against the widths that the boxes were sized with.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..model.metrics import BOLD, MONO, SANS, text_width

FAMILIES = {
    SANS: ("Helvetica", "Arial", "Liberation Sans", "Nimbus Sans", "Arimo", "sans-serif"),
    MONO: ("Menlo", "DejaVu Sans Mono", "Liberation Mono", "Courier New", "Courier", "monospace"),
}
SAMPLE = "length of the parameter gradient = 0.123456789"
ALIKE = 0.02  # a fiftieth wider is less than the padding of a box; a proportional font in place of Menlo is further off


@dataclass(frozen=True, slots=True)
class Fonts:
    """One family for words, one for numbers, and the factor on all font sizes."""

    sans: str
    mono: str
    scale: float


def fitting_fonts(width: Callable[[str, bool, str], float]) -> Fonts:
    """The first families whose text is as wide as expected; where there are none, the narrowest, made smaller.

    Args:
        width: a function of (family, bold, text) that gives the width at size 1.

    >>> fitting_fonts(lambda family, bold, text: 0.6 * len(text)).mono
    'Menlo'
    """
    chosen, largest = {}, 1.0
    for face, families in FAMILIES.items():
        ratios = {
            family: [
                width(family, bold, SAMPLE) / text_width(SAMPLE, 1.0, BOLD if bold and face == SANS else face)
                for bold in (False, True)
            ]
            for family in families
        }
        alike = [family for family in families if all(abs(r - 1.0) <= ALIKE for r in ratios[family])]
        chosen[face] = alike[0] if alike else min(families, key=lambda family: max(ratios[family]))
        if not alike:
            largest = max(largest, *ratios[chosen[face]])
    return Fonts(chosen[SANS], chosen[MONO], 1.0 / largest)


def cairo_width(family: str, bold: bool, text: str) -> float:
    """How wide cairo sets `text` at size 1, in the family or in what it puts in its place."""
    import cairocffi

    context = cairocffi.Context(cairocffi.ImageSurface(cairocffi.FORMAT_A8, 1, 1))
    context.select_font_face(
        family, cairocffi.FONT_SLANT_NORMAL, cairocffi.FONT_WEIGHT_BOLD if bold else cairocffi.FONT_WEIGHT_NORMAL
    )
    context.set_font_size(100)
    return float(context.text_extents(text)[4]) / 100
