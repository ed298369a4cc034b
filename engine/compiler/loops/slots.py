"""Slots: where in memory the values are that are stored, as polynomials of the loop variables.

What an instruction makes lies side by side, round by round, as vectors want it. Where one index reads what several
instructions made, these lie together in the order of the trace; and where that order has gaps that differ, so that the index
is no polynomial any more, they lie as far apart as in the trace, in steps that all of them share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .program import Key, Polynomial
from .shapes import Positions


class Access(NamedTuple):
    """An index (`place`) that is written or read, its values round by round, and those of the loop variables, to be spread
    over their shape."""

    place: Polynomial
    positions: Positions
    rounds: Mapping[int, Positions]


def slots_of(stored: Sequence[Positions], accesses: Sequence[Access], length: int) -> tuple[dict[Key, Polynomial], int]:
    """(the slot for each index, how many slots).

    Args:
        stored: for each instruction whose value is stored, at which positions of the trace.
        accesses: what is written and read; each position that is read is stored.
        length: of the trace.
    """
    import numpy as np

    maker = np.zeros(length, np.int64)
    for k, positions in enumerate(stored):
        maker[positions] = k
    group = np.arange(len(stored))
    for access in accesses:
        met = np.zeros(len(stored), bool)
        met[maker[access.positions]] = True
        together = np.unique(group[met])
        if len(together) > 1:
            group[np.isin(group, together)] = together[0]
    where = np.unique(np.concatenate([np.zeros(0, np.int64), *stored]))
    spread: set[int] = set()
    while True:
        slot, size = _numbered(where, group[maker[where]], spread, length)
        slots: dict[Key, Polynomial] = {}
        before = len(spread)
        for access in accesses:
            key = access.place.key()
            if key in slots and not access.rounds:
                continue
            number = access.place.number()
            if number is None:
                fitted = access.place.fitted(slot[access.positions], access.rounds)
            else:
                fitted = Polynomial.constant(int(slot[number]))
            if fitted is None or slots.get(key, fitted) != fitted:
                spread.add(int(group[maker[access.positions.flat[0]]]))
            else:
                slots[key] = fitted
        if len(spread) == before:
            return slots, size


def _numbered(where: Positions, group: Positions, spread: set[int], length: int) -> tuple[Positions, int]:
    """(the slot of each position, how many), groups one after another."""
    import numpy as np

    slot, size = np.zeros(length, np.int64), 0
    order = np.argsort(group, kind="stable")
    borders = np.flatnonzero(np.diff(group[order])) + 1
    for mine in np.split(where[order], borders) if len(where) else []:
        found = np.arange(len(mine))
        if spread and int(group[np.searchsorted(where, mine[0])]) in spread:
            found = (mine - mine[0]) // max(1, int(np.gcd.reduce(np.diff(mine))))
        slot[mine] = size + found
        size += int(found[-1]) + 1
    return slot, size
