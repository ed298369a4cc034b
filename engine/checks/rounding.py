"""How far floats may be from the reference of a row: the accuracy contract.

In units of 2^-53: relatively, and where the formula of a row adds terms that may cancel, at arguments that are themselves
moved by some units. The figures were found by measuring a million points a row, then doubled
(tests/checks/test_rounding.py). A row that users add may say its own, as `rounding=(units, moved)`.
"""

from collections.abc import Sequence

from ..rule import BUILT_IN, Op
from .balls import LARGEST, TINY, UNIT, Ball, BallOperand, arb
from .enclosures import CONDITIONS, Enclosure, Partial, enclosure

CORRECT = frozenset(
    ("add", "sub", "mul", "div", "square", "reciprocal", "sqrt", "gap", "fma")
)  # exact where a float holds the result
SELECTING = frozenset(
    ("neg", "identity", "abs", "relu", "maximum", "minimum", "clip", "where", "edge", "sole")
)  # no rounding at all
ROUNDING: dict[str, tuple[float, float]] = {
    **dict.fromkeys(SELECTING, (0.0, 0.0)),
    **dict.fromkeys(CORRECT, (2.0, 0.0)),
    **dict.fromkeys(("exp", "log", "sin", "cos"), (2.0, 0.0)),
    **dict.fromkeys(
        ("over", "silu", "gelu", "sinc", "logaddexp", "logaddexp2", "logsubexp", "dot", "total", "mean", "logsumexp"),
        (10.0, 2.0),
    ),
}
BUILT_IN_ROUNDING, OTHER_ROUNDING = (10.0, 0.0), (16.0, 2.0)
PARTIAL_UNITS = 10.0  # partials are short formulas, also of the rows that round once
EXACT_PARTIALS = SELECTING | frozenset(
    ("add", "sub", "mul", "dot", "total", "gap", "fma")
)  # an operand, or a whole number

_relative: dict[float, Ball] = {}


def around_one(units: float) -> Ball:
    """The ball around 1 with a radius of some units of rounding."""
    if units not in _relative:
        _relative[units] = arb(1, units * UNIT)
    return _relative[units]


def rounding(row: Op) -> tuple[float, float]:
    """(units of the result, units of the arguments) by which floats may miss the reference of a row."""
    if row.rounding is not None:
        return row.rounding
    return ROUNDING.get(row.name, BUILT_IN_ROUNDING if row.name in BUILT_IN else OTHER_ROUNDING)


def moved(args: Sequence[BallOperand], units: float) -> list[BallOperand]:
    """The arguments, each within some units; a list of n terms also takes the rounding of n additions."""
    return [[e * around_one(units + len(a)) for e in a] if isinstance(a, list) else a * around_one(units) for a in args]


def rounded(x: Ball, units: float, underflow: Ball = TINY) -> Ball:
    """All that float arithmetic may make of x with an error of some units of rounding; an exact 0 stays."""
    return x if not units or x.is_zero() else x * around_one(units) + underflow


def underflow(args: Sequence[BallOperand]) -> Ball:
    """What is lost below the normal floats: TINY, times what a very large or very small operand may make of it."""
    factor = arb(1)
    for a in args:
        for e in a if isinstance(a, list) else (a,):
            size = abs(e)
            if size > 1e7 and size <= LARGEST:
                factor = max(factor, size.upper())
            elif size > 0 and size < 1e-7:
                factor = max(factor, (1 / size).upper())
    return TINY if factor == 1 else TINY * factor


def rounded_number(x: float) -> Ball:
    """A constant of a graph of derivatives, such as π/180 in the rule of deg2rad: itself, or what it was rounded from."""
    exact = arb(x)
    return exact if exact.bits() <= 20 or not exact.is_finite() else exact * around_one(4.0)


def is_float(x: Ball) -> bool:
    """Whether a ball is one single number that a float holds, which no correct rounding changes."""
    return bool(x.is_exact()) and x.bits() <= 53 and (x.is_zero() or bool(1e-290 <= abs(x) <= LARGEST))


def float_enclosure(row: Op, args: Sequence[BallOperand], wanted: Sequence[bool]) -> Enclosure:
    """`enclosure`, widened by the rounding of floats: every value and partial that a correct engine may compute."""
    if row.name in CONDITIONS:
        return enclosure(row, args, wanted)
    units, shift = rounding(row)
    value, partials, kink = enclosure(row, moved(args, shift) if shift else args, wanted)
    slack = underflow(args)
    if not (row.name in CORRECT and is_float(value)):
        value = rounded(value, units, slack)
    return Enclosure(value, [_widened(p, row, slack) for p in partials], kink)


def _widened(p: Partial, row: Op, slack: Ball) -> Partial:
    if p is None or row.name in EXACT_PARTIALS:
        return p
    if isinstance(p, list):
        return [rounded(e, PARTIAL_UNITS, slack) for e in p]
    return rounded(p, max(PARTIAL_UNITS, rounding(row)[0]), slack)
