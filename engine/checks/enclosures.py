"""The value and the partials of a row on balls, by its reference alone."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import NamedTuple

from ..rule import Op
from .balls import ARITHMETIC, NOTHING, Ball, Operand, Quantity, Reference, arb, arb_series, constant, reference
from .branching import branches, hull

# Conditions: rows that are constant between their jumps ----------------------------------------------------------------


def _when(above: Callable[[Ball, Ball], bool], below: Callable[[Ball, Ball], bool]) -> Callable[..., Ball]:
    def condition(a: Ball, b: Ball) -> Ball:
        return arb(1) if above(a, b) else arb(0) if below(a, b) else arb(0.5, 0.5)

    return condition


def _above(a: Ball, b: Ball) -> Ball:
    if a.is_exact() and b.is_exact() and a == b:
        return arb(0.5)
    return arb(1) if a > b else arb(0) if a < b else arb(0.5, 0.5)


def _inside(x: Ball, low: Ball, high: Ball) -> Ball:
    if x < low or x > high:
        return arb(0)
    return arb(1) if x >= low and x <= high else arb(0.5, 0.5)


_less = _when(lambda a, b: a < b, lambda a, b: a >= b)
_less_equal = _when(lambda a, b: a <= b, lambda a, b: a > b)
_equal = _when(lambda a, b: a == b, lambda a, b: a < b or a > b)


def _round(x: Ball) -> Ball:
    if not x.is_finite():
        return NOTHING
    up = (x + 0.5).floor()
    return up - 1 if x.is_exact() and up - x == 0.5 and not (up / 2).is_integer() else up


CONDITIONS: dict[str, Callable[..., Ball]] = {
    "less": _less,
    "less_equal": _less_equal,
    "greater": lambda a, b: _less(b, a),
    "greater_equal": lambda a, b: _less_equal(b, a),
    "equal": _equal,
    "not_equal": lambda a, b: 1 - _equal(a, b),
    "step": lambda x: _less(arb(0), x),
    "above": _above,
    "inside": _inside,
    "sign": lambda x: arb(0) if x.is_zero() else arb(1) if x > 0 else arb(-1) if x < 0 else arb(0, 1),
    "floor": lambda x: x.floor() if x.is_finite() else NOTHING,
    "ceil": lambda x: x.ceil() if x.is_finite() else NOTHING,
    "trunc": lambda x: (
        (x.floor() if x > 0 else x.ceil() if x < 0 else x.floor().union(x.ceil())) if x.is_finite() else NOTHING
    ),
    "round": _round,
    "floor_divide": lambda a, b: (a / b).floor() if (a / b).is_finite() else NOTHING,
    "isfinite": lambda x: arb(1) if x.is_finite() else NOTHING,
    "held": lambda x: x,
    "top": lambda xs: reduce(arb.max, xs),
}


def _jumps(row: Op, args: Sequence[Ball]) -> bool:
    """Whether the operands of a condition touch its jump."""
    if row.name in ("floor", "ceil", "trunc", "floor_divide"):
        return bool((args[0] / args[1] if row.arity > 1 else args[0]).contains_integer())
    if row.name == "round":
        return bool((args[0] + 0.5).contains_integer())
    difference = row.kink(*args) if row.kink is not None else arb(1)
    return bool(difference.contains(0)) if difference.is_finite() else False


# Rows ----------------------------------------------------------------------------------------------------------------


Partial = Ball | list[Ball] | None  # of an argument, of a list, of one that is not asked for


class Enclosure(NamedTuple):
    """The value of a row at some operands, its partials (one an argument, a list for a list), and whether a kink is
    touched: then they enclose what is on both sides."""

    value: Ball
    partials: list[Partial]
    kink: bool


# The lists of the table, whose partials by series would cost the square of their length.
LISTS: dict[str, Callable[..., tuple[Ball, list[Partial]]]] = {
    "dot": lambda ws, xs, b: (b + ARITHMETIC.fdot(ws, xs), [xs, ws, arb(1)]),
    "total": lambda xs: (ARITHMETIC.fsum(xs), [[arb(1)] * len(xs)]),
    "mean": lambda xs: (ARITHMETIC.fsum(xs) / len(xs), [[arb(1) / len(xs)] * len(xs)]),
}


def enclosure(row: Op, args: Sequence[Operand], wanted: Sequence[bool]) -> Enclosure:
    """The value of a row on balls, and its partials by those arguments for which they are wanted."""
    condition = CONDITIONS.get(row.name)
    if condition is not None:
        zeros = [([arb(0)] * len(a) if a.__class__ is list else arb(0)) if w else None for a, w in zip(args, wanted)]
        return Enclosure(condition(*args), zeros, _jumps(row, args))
    if row.name in LISTS and row.lists:
        return Enclosure(*LISTS[row.name](*args), False)
    function = reference(row)
    if row.kink is not None and row not in _straight:
        return _branching_enclosure(row, function, args, wanted)
    value: Ball | None = None
    partials: list[Partial] = []
    for i, a in enumerate(args):
        if not wanted[i]:
            partials.append(None)
            continue
        listed = a.__class__ is list
        along = [function(ARITHMETIC, *_along(args, i, k)) for k in (range(len(a)) if listed else [None])]
        slopes = [_slope(y) for y in along]
        partials.append(slopes if listed else slopes[0])
        value = constant(along[-1]) if along else value
    if value is None:
        value = function(ARITHMETIC, *args)
    return Enclosure(value, partials, False)


def _along(args: Sequence[Operand], i: int, k: int | None = None) -> list[Operand]:
    """The arguments with one of them a variable."""
    moved = list(args)
    if k is None:
        moved[i] = arb_series([args[i], 1], 2)
    else:
        moved[i] = [*args[i][:k], arb_series([args[i][k], 1], 2), *args[i][k + 1 :]]
    return moved


def _slope(y: Quantity) -> Ball:
    if y.__class__ is not arb_series:
        return arb(0) if y.is_finite() else NOTHING
    return y[1] if y.prec > 1 else NOTHING


_straight: set[Op] = set()  # rows with a kink whose references ask no comparison, such as hypot


def _branching_enclosure(row: Op, function: Reference, args: Sequence[Operand], wanted: Sequence[bool]) -> Enclosure:
    values, asked = branches(function, args)
    if not asked:
        _straight.add(row)
    partials: list[Partial] = [
        hull([_slope(y) for y in branches(function, _along(args, i))[0]]) if w else None for i, w in enumerate(wanted)
    ]
    return Enclosure(hull(values), partials, len(values) > 1)
