"""How a row and a number are written: as Python text, Unicode, LaTeX and MathML.

A row says its notation once, as templates: `text` for Python, `tex` for LaTeX. Unicode is the first with its signs
exchanged, MathML the second, parsed. A template's hole `{1:2}` takes argument 1, in parentheses where that binds
looser than level 2; `{+ … +}` is written once for each element of the lists inside it, with ` + ` between.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from ..rule import ATOM, POWER, PRODUCT, SIGN, SUM, Op
from .mathml import HOLE, mathml_from_tex

STYLES = ("text", "unicode", "latex", "mathml")
DOTS = {"text": "…", "unicode": "…", "latex": r"\dots", "mathml": "<mo>…</mo>"}


class Part(NamedTuple):
    """A piece of a formula, how tightly it binds, whether it starts with a minus, and whether it is the number 0."""

    text: str
    binding: int = ATOM
    signed: bool = False
    zero: bool = False


Operand = Part | list[Part]


# Numbers -------------------------------------------------------------------------------------------------------------


@lru_cache(10_000)  # a picture says each number in many places
def number_text(x: float) -> str:
    """A number as pictures and chain-rule lines show it: four significant digits, always with a dot.

    Integer parts are written out up to a million; zero is `0.0` whatever its sign.

    >>> from engine.formulas.notation import number_text
    >>> [number_text(x) for x in (2.0, 0.70710678, -3.085, 12345.6, 1.234e-5, -1e6, float("-inf"))]
    ['2.0', '0.7071', '−3.085', '12346.0', '1.234e−5', '−1.0e6', '−∞']
    """
    if x != x:
        return "nan"
    size = abs(x)
    if size == math.inf:
        text = "∞"
    elif size == 0.0:
        return "0.0"
    else:
        digits, _, power = f"{size:.3e}".partition("e")
        exponent = int(power)
        if exponent < -4 or (exponent > 4 and round(size) >= 1_000_000):
            text = f"{_with_dot(digits)}e{exponent}".replace("-", "−")
        else:
            text = _with_dot(f"{size:.{max(0, 3 - exponent)}f}")
    return "−" + text if x < 0.0 else text


def _with_dot(digits: str) -> str:
    if "." not in digits:
        return digits + ".0"
    digits = digits.rstrip("0")
    return digits + "0" if digits.endswith(".") else digits


def constant(x: float, style: str = "text", whole: bool = True) -> Part:
    """A number as an operand: in text the shortest digits that read back the same, elsewhere four if there are many.

    `whole` writes integers without `.0`.
    """
    if whole and abs(x) < 1e15 and x == int(x) and (x != 0.0 or math.copysign(1.0, x) > 0.0):
        digits = str(int(x))
    else:
        digits = repr(x)
    if style == "text":
        signed = digits[0] == "-"
        return Part(digits, SIGN if signed else ATOM, signed, x == 0.0)
    if "e" in digits or "n" in digits or len(digits.lstrip("-")) > 7:  # also inf and nan
        digits = number_text(x)
    return _digits_part(digits.replace("-", "−"), style)._replace(zero=x == 0.0)


@lru_cache(10_000)  # a picture says each number in many places
def number_part(x: float, style: str) -> Part:
    """What `number_text` gives, in any style."""
    return _digits_part(number_text(x), style)


def factor(x: float, first: bool = False, style: str = "unicode") -> str:
    """A number inside a product or sum: in parentheses where it is negative and not first."""
    part = number_part(x, style)
    return part.text if first or not part.signed else in_parentheses(part.text, style)


def _digits_part(digits: str, style: str) -> Part:
    signed = digits[0] == "−"
    size, _, exponent = digits.lstrip("−").partition("e")
    binding = SIGN if signed else PRODUCT if exponent and style in ("latex", "mathml") else ATOM
    if style == "latex":
        size = {"∞": r"\infty", "nan": r"\mathrm{nan}"}.get(size, size)
        if exponent:
            size = rf"{size} \cdot 10^{{{exponent.replace('−', '-')}}}"
        return Part("-" + size if signed else size, binding, signed)
    if style == "mathml":
        size = "<mi>∞</mi>" if size == "∞" else f"<mn>{size}</mn>"
        if exponent:
            size += f"<mo>·</mo><msup><mn>10</mn><mn>{exponent}</mn></msup>"
        if signed or exponent:
            size = f"<mrow>{'<mo>−</mo>' * signed}{size}</mrow>"
        return Part(size, binding, signed)
    return Part(digits, binding, signed)


# Templates -----------------------------------------------------------------------------------------------------------

_SERIES = re.compile(r"\{\+ (.*?) \+\}")
_CALL = re.compile(r"\w+\(\{\d:0\}(?:, \{\d:0\})*\)")
_SERIES_HOLE = 9  # the argument that stands for a series

# What no exchange of signs gives. None of these is a derivative: they are other ways to write a row.
_UNICODE = {
    "abs": ("|{0:0}|", ATOM), "floor": ("⌊{0:0}⌋", ATOM), "ceil": ("⌈{0:0}⌉", ATOM), "sqrt": ("√({0:0})", ATOM),
    "cbrt": ("∛({0:0})", ATOM), "sech2": ("sech²({0:0})", ATOM), "sigmoid": ("σ({0:0})", ATOM),
    "logistic_pdf": ("σ({0:0}) · σ(−{0:2})", PRODUCT), "logsigmoid": ("ln σ({0:0})", ATOM), "log": ("ln({0:0})", ATOM),
    "dot": ("{+ {0:2} · {1:4} +} + {2:1}", SUM), "total": ("{+ {0:1} +}", SUM),
}  # fmt: skip
_SIGNS = [("**", "^"), ("*", " · "), ("<=", "≤"), (">=", "≥"), ("!=", "≠"), ("==", "="), ("-", "−")]
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


class _CutTemplate(NamedTuple):
    """A template cut up: what is before its first hole, then (argument, level, what follows) for each hole."""

    before: str
    holes: tuple[tuple[int, int, str], ...]
    binding: int
    series: "_CutTemplate | None"


def _template(op: Op, style: str) -> tuple[str, int]:
    if style in ("text", "unicode"):
        call = _CALL.fullmatch(op.text) is not None
        if style == "unicode" and op.name in _UNICODE:
            return _UNICODE[op.name]
        return op.text, ATOM if call else op.binding
    # A fraction holds together: only as a base does it want parentheses.
    return op.tex, POWER if _is_fraction(op.tex) else op.binding


def _is_fraction(tex: str) -> bool:
    depth, closed = 0, 0
    for i, c in enumerate(tex):
        depth += (c == "{") - (c == "}")
        closed += c == "}" and depth == 0
        if closed == 2:
            return tex.startswith(r"\frac{") and i == len(tex) - 1
    return False


@cache
def _layout(op: Op, style: str, absent: tuple[int, ...]) -> _CutTemplate:
    template, binding = _template(op, style)
    for i in absent:
        template = template.replace(f" + {{{i}:1}}", "")
    summand = _SERIES.search(template)
    if summand:
        template = template.replace(summand[0], f"{{{_SERIES_HOLE}:1}}")
    series = _cut(summand[1], PRODUCT, style, None) if summand else None
    return _cut(template, binding, style, series)


def _cut(template: str, binding: int, style: str, series: _CutTemplate | None) -> _CutTemplate:
    if style == "mathml":
        template = mathml_from_tex(template)
    before, *rest = HOLE.split(template)
    literals = [before, *rest[2::3]]
    if style == "unicode":
        literals = [_exchanged(text) for text in literals]
    holes = [(int(i), int(level), after) for i, level, after in zip(rest[::3], rest[1::3], literals[1:])]
    return _CutTemplate(literals[0], tuple(holes), binding, series)


def _exchanged(text: str) -> str:
    text = re.sub(r"\*\*(\d)", lambda m: m[1].translate(_RAISED), text)
    for old, new in _SIGNS:
        text = text.replace(old, new)
    return text


# Writing -------------------------------------------------------------------------------------------------------------


def written(op: Op, operands: Sequence[Operand], style: str, elide: bool = False) -> Part:
    """The notation of a row around its operands; a list that is elided shows its first elements and its last."""
    if op.name == "power" and style != "text":
        base, exponent = operands
        if exponent == constant(1.0, style):
            return _joined(base, style, elide)
        raised = _raised(base, exponent) if style == "unicode" else None
        if raised:
            return raised
    absent: tuple[int, ...] = ()
    if op.lists and style != "text":
        absent = tuple([i for i, p in enumerate(operands) if isinstance(p, Part) and p.zero])
    layout = _layout(op, style, absent)
    if not layout.before and len(layout.holes) == 1 and not layout.holes[0][2]:  # `edge` is its formula
        (i, _, _), *_ = layout.holes
        if i != _SERIES_HOLE:
            return _joined(operands[i], style, elide)
    return _filled(layout, operands, style, elide)


def _filled(layout: _CutTemplate, operands: Sequence[Operand], style: str, elide: bool) -> Part:
    out = [layout.before]
    leading = layout.before.replace("<mrow>", "") == ""
    signed = layout.before.replace("<mrow>", "").startswith(("-", "−", "<mo>−"))
    for i, level, after in layout.holes:
        if i == _SERIES_HOLE and layout.series is not None:
            part = _series(layout.series, operands, style, elide)
        else:
            part = _joined(operands[i], style, elide)
        text = part.text
        if part.binding < level or (part.signed and level > SUM and not leading):
            text = in_parentheses(text, style)
        elif leading:
            signed = part.signed
        out += text, after
        leading = False
    return Part("".join(out), layout.binding, signed)


def _series(summand: _CutTemplate, operands: Sequence[Operand], style: str, elide: bool) -> Part:
    lists = [operands[i] for i, _, _ in summand.holes]
    count = max([len(p) for p in lists if isinstance(p, list)], default=0)
    if not count:
        return constant(0.0, style)
    terms = []
    for k in _shown(count, elide):
        row = [p[k or 0] if isinstance(p, list) else p for p in operands]
        terms.append(Part(DOTS[style]) if k is None else _filled(summand, row, style, elide))
    texts = [in_parentheses(t.text, style) if n and t.signed else t.text for n, t in enumerate(terms)]
    if style == "mathml":
        return Part(f"<mrow>{'<mo>+</mo>'.join(texts)}</mrow>" if len(texts) > 1 else texts[0], SUM, terms[0].signed)
    return Part(" + ".join(texts), SUM, terms[0].signed)


def _joined(operand: Operand, style: str, elide: bool) -> Part:
    """An operand; a list in brackets."""
    if isinstance(operand, Part):
        return operand
    texts = [DOTS[style] if k is None else operand[k].text for k in _shown(len(operand), elide)]
    if style == "mathml":
        return Part(f"<mrow><mo>[</mo>{'<mo>,</mo>'.join(texts)}<mo>]</mo></mrow>")
    return Part(f"[{', '.join(texts)}]")


def _shown(count: int, elide: bool) -> list[int | None]:
    return [0, 1, 2, None, count - 1] if elide and count > 6 else [*range(count)]


def _raised(base: Operand, exponent: Operand) -> Part | None:
    """x², x⁻¹: a power whose exponent is a small integer."""
    if not isinstance(base, Part) or not isinstance(exponent, Part):
        return None
    digits = exponent.text.replace("−", "-")
    if re.fullmatch(r"-?\d\d?", digits) is None:
        return None
    text = base.text if base.binding == ATOM else in_parentheses(base.text, "unicode")
    return Part(text + digits.translate(_RAISED), POWER)


def in_parentheses(text: str, style: str) -> str:
    """A piece of a formula in parentheses."""
    if style == "mathml":
        return f"<mrow><mo>(</mo>{text}<mo>)</mo></mrow>"
    return rf"\left({text}\right)" if style == "latex" else f"({text})"


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    marks = ("Mn", "Me", "Cf")  # these take none; wide letters take two
    return sum([0 if unicodedata.category(c) in marks else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text])
