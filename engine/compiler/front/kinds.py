"""Kinds of constants: which numbers of a function are nothing but where they stand, until the loops are known.

Where all numbers in places of a kind are equal they are so in every loop, and can be folded at once. A kind that is rare
may be the first round of a loop, which is to look like the others.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import isfinite
from struct import Struct
from typing import Any

from ...rule import Op
from ...value import Value

Kind = tuple[Hashable, ...]  # a row, which of its arguments, what all of them are
Place = tuple[Op, Sequence[Any], int]  # the row of a node, its arguments, which of them


_bits = Struct("d").pack


class Kinds:
    """The kinds of places where constants stand, and what they are there."""

    def __init__(self) -> None:
        self._bits: dict[Kind, dict[bytes, int]] = {}  # how many are which
        self._apart: dict[Kind, bool] = {}
        self._infinite = set[Kind]()  # where one of them is not finite

    def note(self, number: float, place: Place, times: int = 1) -> None:
        """A constant stands there, and in so many such places."""
        kind, bits = _kind(*place), _bits(number)
        found = self._bits.get(kind)
        if found is None:
            found = self._bits[kind] = {}
        found[bits] = found.get(bits, 0) + times
        if not isfinite(number):
            self._infinite.add(kind)

    def stand_apart(self, place: Place) -> bool:
        """Are constants of its kind not to be folded by value yet?"""
        kind = _kind(*place)
        if kind not in self._apart:
            self._apart[kind] = self._are_apart(kind)
        return self._apart[kind]

    def _are_apart(self, kind: Kind) -> bool:
        alike = [found for other, found in self._bits.items() if other[:2] == kind[:2]]
        if kind not in self._bits or len({bits for found in alike for bits in found}) == 1:
            return False
        mine = self._bits[kind]
        return len(mine) > 1 or 4 * sum(mine.values()) < sum([n for found in alike for n in found.values()])

    def is_finite(self, row: Op, args: Sequence[Any]) -> bool:
        """Are the numbers finite by which what is behind a guard, an argument of its node, was multiplied?"""
        product = args[1]
        place = (product.op, product._operands()[0], 1) if product.__class__ is Value and product.op else (row, args, 1)
        return _kind(*place) not in self._infinite


def _kind(row: Op, args: Sequence[Any], k: int) -> Kind:
    """The kind of place that an argument of a node is."""
    return row, k, *[a.op if a.__class__ is Value else a.__class__ for a in args]
