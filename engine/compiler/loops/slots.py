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


def slots_of(stored: Sequence[Positions], accesses: Sequence[Access]) -> tuple[dict[Key, Polynomial], int]:
    """(the slot for each index, how many slots).

    Args:
        stored: for each instruction whose value is stored, at which positions of the trace.
        accesses: what is written and read; each position that is read is stored.
    """
    import numpy as np

    where = np.sort(np.concatenate([np.zeros(0, np.int64), *stored]))
    where = where[np.diff(where, prepend=-1) != 0]
    maker = np.zeros(len(where), np.int64)
    for k, positions in enumerate(stored):
        maker[np.searchsorted(where, positions)] = k
    group = np.arange(len(stored))
    found = [np.searchsorted(where, access.positions) for access in accesses]
    for at in found:
        met = np.zeros(len(stored), bool)
        met[maker[at]] = True
        together = sorted(set(group[met].tolist()))
        if len(together) > 1:
            group[np.isin(group, together)] = together[0]
    spread: set[int] = set()
    while True:
        slot, size = _numbered(where, group[maker], spread)
        slots: dict[Key, Polynomial] = {}
        before = len(spread)
        for access, at in zip(accesses, found):
            key = access.place.key()
            if key in slots and not access.rounds:
                continue
            if access.place.number() is None:
                fitted = access.place.fitted(slot[at], access.rounds)
            else:
                fitted = Polynomial.constant(int(slot[at].max(initial=0)))
            if fitted is None or slots.get(key, fitted) != fitted:
                spread.add(int(group[maker[at.flat[0]]]))
            else:
                slots[key] = fitted
        if len(spread) == before:
            return slots, size


def _numbered(where: Positions, group: Positions, spread: set[int]) -> tuple[Positions, int]:
    """(the slot of each position, how many), groups one after another."""
    import numpy as np

    slot, size = np.zeros(len(where), np.int64), 0
    order = np.argsort(group, kind="stable")
    borders = np.flatnonzero(np.diff(group[order])) + 1
    for places in np.split(order, borders) if len(where) else []:
        found = np.arange(len(places))
        if spread and int(group[places[0]]) in spread:
            mine = where[places]
            found = (mine - mine[0]) // max(1, int(np.gcd.reduce(np.diff(mine))))
        slot[places] = size + found
        size += int(found[-1]) + 1
    return slot, size
