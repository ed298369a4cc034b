"""Widths of text, known before anything is drawn, so that no layout program has to measure a font.

The widths are those of Adobe's Helvetica and Courier (AFM files, 1/1000 em), which the fonts of a browser's default
stack share (Arial, Liberation Sans), and of DejaVu Sans (its hmtx table), the widest that stands in for them.
Characters outside ASCII are estimated, on the wide side.
"""

import unicodedata
from math import ceil

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
_DEJAVU = (
    "318 401 460 838 636 950 780 275 390 390 500 838 318 361 318 337 636 636 636 636 636 636 636 636 636 636 337 337 838 "
    "838 838 531 1000 684 686 698 770 632 575 775 752 295 295 656 557 863 748 787 603 787 695 635 611 732 684 989 685 611 "
    "685 390 337 390 838 500 500 613 635 550 635 615 352 635 634 278 278 579 278 974 634 612 635 635 411 521 392 634 592 "
    "818 592 592 525 636 337 636 838"
)
_DEJAVU_BOLD = (
    "348 456 521 838 696 1002 872 306 457 457 523 838 380 415 380 365 696 696 696 696 696 696 696 696 696 696 400 400 838 "
    "838 838 580 1000 774 762 734 830 683 683 821 837 372 372 775 637 995 837 850 733 850 770 720 682 812 774 1103 771 "
    "724 725 457 365 457 838 500 500 675 716 593 716 678 435 716 712 343 343 665 343 1042 712 687 716 716 493 595 478 712 "
    "652 924 645 652 582 712 365 712 838"
)
_SYMBOLS = {
    "·": 333, "−": 584, "∂": 510, "–": 556, "…": 1000, "²": 333, "³": 333, "√": 560, "∞": 720, "←": 1000, "→": 1000,
    "\u00a0": 278,
}  # fmt: skip
_DEJAVU_SYMBOLS = {"·": 380, "−": 838, "∂": 544, "–": 556, "²": 438, "³": 438, "√": 667, "∞": 833, "\u00a0": 348}


def _ascii(widths: str) -> dict[str, int]:
    return {chr(32 + i): int(w) for i, w in enumerate(widths.split())}


_WIDTHS = {
    face: {c: w / 1000 for c, w in (_ascii(widths) | _SYMBOLS).items()}
    for face, widths in ((SANS, _REGULAR), (BOLD, _BOLD))
}
_FALLBACK = {SANS: _ascii(_DEJAVU) | _DEJAVU_SYMBOLS, BOLD: _ascii(_DEJAVU_BOLD) | _DEJAVU_SYMBOLS}
MONO_WIDTH = 0.605
HINTED = 1.035  # where a renderer sets each character at whole pixels, as Chromium does on Linux


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
    try:
        return sum(map(table.__getitem__, text)) * size
    except KeyError:
        return sum([table[c] if c in table else _other(c) for c in text]) * size


def widest(text: str, size: float, face: str = SANS) -> float:
    """The width of one line of text where no font of the default stack is installed, but for DejaVu Sans.

    >>> round(widest("data", 10), 2)
    23.32
    """
    table = _FALLBACK[SANS if face == SANS else BOLD]  # numbers too, where no font has digits of one width
    fallback = sum(table.get(c, 1000 * max(0.8, _other(c))) for c in text) * HINTED * size / 1000
    return max(text_width(text, size, face), fallback)


def pixels(width: float) -> int:
    """Whole pixels that hold a width: as many on every Python, whose sums of floats may differ in the last digit.

    >>> pixels(139.00000000000003), pixels(139.2)
    (139, 140)
    """
    return ceil(round(width, 6))


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


def lines_of(text: str, width: float, size: float) -> list[str]:
    """A text in lines of at most `width` pixels, as far as its words allow.

    >>> lines_of("one two three", 50, 10)
    ['one two', 'three']
    """
    lines: list[str] = []
    for word in text.split():
        if lines and widest(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
