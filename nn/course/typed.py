"""Numbers as people type them, read exactly, and compared to the digits given."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from math import floor, isclose

from engine.arguments import is_number, shown

DIGITS = 3  # significant ones that a rounded answer must have
AS_ANSWER = "a number such as 2, −0.5 or 1/3 as answer"
MINUS = re.compile("[−–—‒‐‑﹣－]")
NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,2}))?")


def typed(number: object) -> tuple[Fraction, int | None]:
    """(an answer as a fraction, its decimals where it was typed with a point), from a number or as people type one.

    >>> typed("−1/3"), typed("−.5"), typed("0,25")
    ((Fraction(-1, 3), None), (Fraction(-1, 2), 1), (Fraction(1, 4), 2))
    """
    if isinstance(number, (int, Fraction)) and not isinstance(number, bool):
        return Fraction(number), None
    if isinstance(number, str):
        return _read(number)
    if not is_number(number):
        raise TypeError(f"drill takes {AS_ANSWER}, got {shown(number)}")
    x = float(number)
    if x - x != 0.0:
        raise ValueError(f"drill takes {AS_ANSWER}, got {shown(number)}")
    near = Fraction(x).limit_denominator(1000)
    if isclose(near, x, rel_tol=1e-9, abs_tol=1e-12):
        return near, None
    return Fraction(repr(x)), _decimals(Decimal(repr(x)))


def _read(text: str) -> tuple[Fraction, int | None]:
    plain = MINUS.sub("-", "".join(text.split())).replace(",", ".").lower()
    top, slash, bottom = plain.partition("/")
    over, under = _decimal(top), _decimal(bottom) if slash else Decimal(1)
    if over is None or not under:
        raise ValueError(f"drill takes {AS_ANSWER}, got {shown(text)}")
    return Fraction(over) / Fraction(under), None if slash else _decimals(over)


def _decimals(x: Decimal) -> int | None:
    return -min(0, int(x.as_tuple().exponent)) or None


def _decimal(word: str) -> Decimal | None:
    found = NUMBER.fullmatch(word)
    return Decimal(word) if found and (found[2] or found[3]) and len(word) <= 40 else None


def agrees(given: Fraction, digits: int | None, exact: Fraction) -> bool:
    """Whether an answer is a number: exactly, or to the decimals given, rounded or cut, if they are enough of them."""
    if given == exact:
        return True
    return digits is not None and _to(digits, given, exact) and abs(given) * 10**digits >= 10 ** (DIGITS - 1)


def nearly(given: Fraction, digits: int | None, exact: Fraction) -> bool:
    """Whether it is one to the decimals given, be they ever so few."""
    return digits is not None and given != 0 and _to(digits, given, exact)


def _to(digits: int, given: Fraction, exact: Fraction) -> bool:
    size = abs(exact) * 10**digits
    near = (floor(size), floor(size + Fraction(1, 2)))
    return (given < 0) == (exact < 0) and abs(given) * 10**digits in near


def written(x: Fraction) -> str:
    """A number as it is filled in: 2, −0.75, 1/3.

    >>> written(Fraction(-3, 4)), written(Fraction(1, 3))
    ('−0.75', '1/3')
    """
    text = f"{float(x):.3f}".rstrip("0").rstrip(".") if 1000 % x.denominator == 0 else str(x)
    return text.replace("-", "−")
