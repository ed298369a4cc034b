"""Partials by the numbers of their arguments: of graphs that are for the numbers of their leaves alone.

Conditions are decided there, so that they are no nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fabs, isfinite
from typing import Any

from .ieee import total
from .ops import abs, clip, log, logsumexp, maximum, minimum, power, relu, where
from .rule import TABLE, Op
from .value import Value

Number = Any  # a float or a Value


def _number(x: Number) -> float:
    return x if x.__class__ is float else x._data


def _slope_of_power(x: Number, n: Number, y: Value) -> Number:
    """By x."""
    if n.__class__ is float and n - 1.0 + 1.0 == n:
        return power.partials[0](x, n, y)
    exponent = _number(n)
    if exponent == 0.0:
        return n * (y / x if fabs(_number(x)) > 1e-308 else 0.0)
    if exponent - 1.0 + 1.0 != exponent and 1e-308 <= y._data <= 1e308:
        return n * y / x
    return n * x ** (n - 1.0)


def _slope_by_exponent(x: Number, n: Number, y: Value) -> Number:
    return 0.0 if _number(x) == 0.0 <= _number(n) else y * log(x)


def _shares(xs: Sequence[Number], y: Value) -> Any:
    if not isfinite(y._data):
        return logsumexp.partials[0](xs, y)
    powers = [(x - y).exp() for x in xs]
    whole = total([p._data for p in powers])
    return powers if whole == 1.0 else [p / whole for p in powers]


def _of_numbers(partial: Any) -> Any:
    return lambda *args: partial(*map(_number, args))


BY_NUMBER: dict[Op, tuple[Any, ...]] = {
    power: (_slope_of_power, _slope_by_exponent),
    logsumexp: (_shares,),
    **{
        row: tuple([p if p.__class__ is float else _of_numbers(p) for p in row.partials])
        for row in (where, TABLE["edge"], maximum, minimum, clip, abs, relu)
    },
}
