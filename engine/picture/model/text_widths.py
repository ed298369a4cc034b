"""Widths of text, known before anything is drawn, so that no layout program has to measure a font.

The widths are those of Adobe's Helvetica and Courier (AFM files, 1/1000 em), which the fonts of a browser's default
stack share (Arial, Liberation Sans). Characters outside ASCII are estimated, on the wide side.
"""

import unicodedata

SANS, BOLD, MONO = "sans", "bold", "mono"

_REGULAR = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 "
    "584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667 "
    "611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 "
    "722 500 500 500 334 260 334 584"
)
_BOLD = (
    "278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 333 333 584 "
    "584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 722 667 611 722 667 944 667 667 "
    "611 333 278 333 584 556 333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 611 389 556 333 611 556 "
    "778 556 556 500 389 280 389 584"
)
_SYMBOLS = {"·": 333, "−": 584, "∂": 510, "–": 556, "…": 1000, "²": 333, "³": 333, "√": 560, "∞": 720, "\u00a0": 278}
_WIDTHS = {
    face: {chr(32 + i): int(w) for i, w in enumerate(table.split())} | _SYMBOLS
    for face, table in ((SANS, _REGULAR), (BOLD, _BOLD))
}
MONO_WIDTH = 0.605


def text_width(text: str, size: float, face: str = SANS) -> float:
    """The width of one line of text.

    Args:
        text: the line.
        size: font size in pixels.
        face: SANS, BOLD or MONO.

    Returns:
        Pixels.

    >>> round(text_width("data", 10), 2)
    19.46
    """
    if face == MONO:
        return sum(MONO_WIDTH if c.isascii() else max(MONO_WIDTH, _other(c) if _wide(c) else 0) for c in text) * size
    table = _WIDTHS[face]
    return sum(table[c] / 1000 if c in table else _other(c) for c in text) * size


def _wide(c: str) -> bool:
    return unicodedata.east_asian_width(c) in "WF"


def _other(c: str) -> float:
    if unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0.0
    return 1.3 if _wide(c) else 0.667


def clipped(text: str, width: float, size: float, face: str = SANS) -> str:
    """`text`, or as much of its beginning as fits `width` pixels with an ellipsis after it."""
    if len(text) <= width and text_width(text, size, face) <= width:
        return text
    used = text_width("…", size, face)
    for end, c in enumerate(text):
        used += text_width(c, size, face)
        if used > width:
            return text[:end].rstrip() + "…"
    return text
