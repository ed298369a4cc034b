"""Kinds of constants: which numbers of a function are nothing but where they stand, until the loops are known.

Where all numbers in places of a kind are equal they are so in every loop, and can be folded at once. A kind that is rare
may be the first round of a loop, which is to look like the others.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import isfinite
from struct import pack
from typing import Any

from ...rule import Op
from ...value import Value

Kind = tuple[Hashable, ...]  # a row, which of its arguments, what all of them are
Place = tuple[Op, Sequence[Any], int]  # the row of a node, its arguments, which of them


class Kinds:
    """The kinds of places where constants stand, and what they are there."""

    def __init__(self) -> None:
        self._counts: dict[Kind, list[int]] = {}  # how many, and whether they differ
        self._first: dict[Kind, bytes] = {}
        self._infinite = set[Kind]()  # where one of them is not finite

    def note(self, number: float, place: Place) -> None:
        """A constant stands there."""
        kind, bits = _kind(*place), pack("d", number)
        for some in (kind, kind[:2]):
            counts = self._counts.setdefault(some, [0, 0])
            counts[0] += 1
            counts[1] |= self._first.setdefault(some, bits) != bits
        if not isfinite(number):
            self._infinite.add(kind)

    def stand_apart(self, place: Place) -> bool:
        """Are constants of its kind not to be folded by value yet?"""
        kind = _kind(*place)
        if kind not in self._counts:
            return False
        (count, differ), (every, any_differ) = self._counts[kind], self._counts[kind[:2]]
        return bool(any_differ) and bool(differ or 4 * count < every)

    def is_finite(self, row: Op, args: Sequence[Any]) -> bool:
        """Are the numbers finite by which what is behind a guard, an argument of its node, was multiplied?"""
        product = args[1]
        place = (product.op, product._operands()[0], 1) if product.__class__ is Value and product.op else (row, args, 1)
        return _kind(*place) not in self._infinite


def _kind(row: Op, args: Sequence[Any], k: int) -> Kind:
    """The kind of place that an argument of a node is."""
    return row, k, *[a.op if a.__class__ is Value else a.__class__ for a in args]
