"""Spans: the positions of a trace that an index takes, over the rounds of the loops around it.

Where an index advances evenly, in loops whose counts are numbers, its positions are a lattice: a table is read and written
there through its first position, its steps and their counts, and nobody lists them. Loops that it does not depend on change
nothing, and do not count.
"""

from __future__ import annotations

from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, TypeVar

from .program import For, Polynomial
from .shapes import Flags, Positions
from .slots import Access

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Rounds = dict[int, Positions]  # the values of the loop variables around, round by round
Entry = TypeVar("Entry", bound="np.generic")


class Nest:
    """The loops around a node.

    Args:
        outer: those around the innermost one; None: there is none at all.
        loop: the innermost one.
    """

    def __init__(self, outer: Nest | None = None, loop: For | None = None) -> None:
        self._outer = outer
        self.loops: list[For] = [*(outer.loops if outer else ()), *([loop] if loop else ())]
        self._spread = dict[tuple[int, ...], tuple[tuple[int, ...], Rounds]]()

    @cached_property
    def rounds(self) -> Rounds:
        """All rounds, one after the other."""
        return {} if self._outer is None else rounds_inside(self.loops[-1], self._outer.rounds)

    @cached_property
    def counts(self) -> dict[int, int] | None:
        """By loop variable how many rounds there are; None where they differ."""
        counts = {loop.variable: loop.count.number() for loop in self.loops}
        return None if None in counts.values() else {v: n for v, n in counts.items() if n is not None}

    def spread(self, used: tuple[int, ...]) -> tuple[tuple[int, ...], Rounds]:
        """(how many rounds there are of some of the loops, whose counts are numbers, their variables over that shape)."""
        import numpy as np

        if used not in self._spread:
            shape = tuple([(self.counts or {})[v] for v in used])
            axes = [[-1 if w == v else 1 for w in used] for v in used]
            self._spread[used] = shape, {v: np.arange(n).reshape(axis) for v, n, axis in zip(used, shape, axes)}
        return self._spread[used]

    @property
    def innermost(self) -> For | None:
        """The one around the node, if there is one."""
        return self.loops[-1] if self.loops else None


class Span:
    """Where an index leads.

    Args:
        index: it.
        nest: the loops around it.
        whole: are all of them to be in its shape?

    Attributes:
        shape: how many rounds there are of each loop that it depends on; of loops whose counts differ all in one.
        rounds: the loop variables, to be spread over that shape.
    """

    def __init__(self, index: Polynomial, nest: Nest, whole: bool = False) -> None:
        self._index = index
        counts = nest.counts
        self._is_even = counts is not None and all(not mono or (len(mono) == 1 and mono[0][1] == 1) for mono in index)
        if counts is None:
            self.rounds = nest.rounds
            self.shape: tuple[int, ...] = (len(next(iter(nest.rounds.values()))),)
            return
        self.shape, self.rounds = nest.spread(tuple([v for v, n in counts.items() if whole or not n or index.uses(v)]))

    @property
    def size(self) -> int:
        """How many rounds those are."""
        return prod(self.shape)

    def positions(self) -> Positions:
        """All of them."""
        import numpy as np

        return np.broadcast_to(np.asarray(self._index.evaluated(self.rounds), dtype=np.int64), self.shape)

    def of(self, table: NDArray[Entry]) -> NDArray[Entry]:
        """The entries of a table, where they are if that is even."""
        import numpy as np

        if not self._is_even or not self.size:
            found: NDArray[Entry] = table[self.positions()]
            return found
        width = table.itemsize
        steps = [self._index[((v, 1),)] * width for v in self.rounds]
        return np.ndarray(self.shape, table.dtype, table, self._index.get((), 0) * width, steps)

    def fill(self, table: NDArray[Entry], entry: Positions | bool) -> None:
        """Write into a table."""
        if self._is_even and self.size:
            self.of(table)[...] = entry
        else:
            table[self.positions()] = entry

    def round_of(self, loop: For) -> Positions:
        """The variable of a loop around, to be spread over the shape."""
        import numpy as np

        return self.rounds.get(loop.variable, np.zeros((), np.int64))

    def last(self, loop: For) -> Flags:
        """Which rounds are the last of a loop."""
        import numpy as np

        return np.broadcast_to(self.round_of(loop) == loop.count.evaluated(self.rounds) - 1, self.shape)

    def access(self) -> Access:
        """The index, its positions and the loop variables, to be spread over their shape."""
        return Access(self._index, self.positions(), self.rounds)


def rounds_inside(loop: For, rounds: Rounds) -> Rounds:
    """The values of the loop variables in a loop, from those around it."""
    import numpy as np

    length = len(next(iter(rounds.values()))) if rounds else 1
    counts = np.broadcast_to(np.asarray(loop.count.evaluated(rounds)), (length,))
    inner = {v: np.repeat(a, counts) for v, a in rounds.items()}
    total = int(counts.sum())
    inner[loop.variable] = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    return inner
