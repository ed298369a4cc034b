"""Scans of what feeds itself from round to round: of loops in each other the innermost first."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from math import prod

from .cutting import Known
from .grouping import parts_apart, rows_apart
from .ordering import components, times
from .parts import drop_idle_axes, joined, share
from .peeling import Peeled
from .program import Affine, Array, Axis, Read, through
from .recurrences import NoScanError, Recurrence, RecurrenceError
from .sums import gridded

CUT = frozenset(("", "concatenation", "flattened"))  # what arrays are that are made of others, or may come to be


class Carrying:
    """The arrays of a program, of which scans are made.

    Args:
        known: the arrays that are computed.
        joins: those of arguments, laid flat or side by side.
        along: of each array the axes of its loops that carry a state, by variable, the outermost first.
        results: the arrays that are returned.
    """

    def __init__(
        self, known: Known, joins: Iterable[Known], along: dict[Array, dict[int, Axis]], results: Sequence[Array]
    ) -> None:
        self._known, self._joins, self._along, self._results = known, list(joins), along, results

    def _read_of_larger(self) -> None:
        """What lies in a larger array is read of that."""
        known = self._known
        for array in known.arrays:
            index = Affine(array.start, dict(zip(array.axes, array.strides)))
            for other in known.around(array.start, array.end) if array.op not in CUT else ():
                places = other.located(index) if prod(other.shape) > prod(array.shape) and other.op not in CUT else None
                if places is not None and array not in self._along:
                    array.become("move", [Read(other, places)])
                    break
        for joins in self._joins:
            for array in joins.arrays:
                index = Affine(array.start, dict(zip(array.axes, array.strides)))
                for other in joins.around(array.start, array.end):
                    places = other.located(index) if prod(other.shape) > prod(array.shape) else None
                    if places is not None:
                        array.become("move", [Read(other, places)])
                        break
        for array in known.arrays:
            array.args = [through(a) for a in array.args]

    def carry(self) -> None:
        """Do it."""
        for array in self._known.arrays:
            array.args = [through(a) for a in array.args]
        done = set[tuple[int, Array]]()
        results = self._results
        self._read_of_larger()
        drop_idle_axes([a for g in components(results) for a in g], results)
        share([a for g in components(results) for a in g], results)
        self._lay_out(a for g in components(results) for a in g)
        kept = {*results, *self._along}
        for apart in (parts_apart, rows_apart):
            self._known.arrays += apart([a for g in components(results) for a in g], kept)
        while True:
            found = next(self._carrying(results, done), None)
            if found is None:
                break
            v, group = found
            done.update((v, a) for a in group)
            try:
                along = {a: axes[v] for a, axes in self._along.items() if axes.get(v) in a.axes}
                peeled = Peeled(Recurrence(group, along), along, components(results))
                peeled.take_in()
                done.update((v, a) for a in peeled.write())
            except NoScanError:
                raise RecurrenceError(v) from None
            for array in [a for g in components(results) for a in g]:
                array.args = [through(a) for a in array.args]
                joined(array)
            for array in self._known.arrays:
                array.args = [through(a) for a in array.args]
            if not all(map(_is_whole, components(results))):
                raise RecurrenceError(v)
        for group in components(results):
            loops = [v for a in group for v in self._along.get(a, ())]
            if len(group) > 1 and loops and len(times(group)) < len(group):  # some of it has no rounds
                raise RecurrenceError(loops[0])

    def _carrying(
        self, results: Sequence[Array], done: Container[tuple[int, Array]]
    ) -> Iterator[tuple[int, list[Array]]]:
        """What feeds itself in the rounds of a loop, and its variable: of loops in each other the innermost first."""
        for group in components(results):
            depth = {v: k for a in group for k, v in enumerate(self._along.get(a, ()))} if len(group) > 1 else {}
            for v in sorted(depth, key=lambda v: -depth[v]):
                inner = [group] if not depth[v] else components(group, set(group), self._in_one_round(v))
                for some in inner:
                    mine = len(some) > 1 and any(v in self._along.get(a, ()) for a in some)
                    if mine and not any((v, a) in done for a in some):
                        yield v, some

    def _in_one_round(self, v: int) -> Callable[[Array, Read], bool]:
        """Is it what a round of another loop reads of a round before it?"""

        def is_before(array: Array, read: Read) -> bool:
            along = self._along.get(read.array, {}) if array.op == "concatenation" else {}
            axes = read.array.axes
            outer = [read.places[axes.index(x)] for u, x in along.items() if u != v and x in axes]
            return any(x not in array.axes for p in outer for x in p.slopes)

        return is_before

    def _lay_out(self, arrays: Iterable[Array]) -> None:
        """Do what is done to all elements before they are laid flat, so that rows are read as rows."""
        for array in list(arrays):
            grid = gridded(array) if array.op not in CUT else None
            if grid is not None:
                self._known.arrays.append(grid)
                if array in self._along:
                    rest = [x for k, x in enumerate(grid.axes) if k not in (array.along, array.along + 1)]
                    own = dict(zip([x for x in array.axes if x is not array.axes[array.along]], rest))
                    self._along[grid] = {v: own[x] for v, x in self._along[array].items() if x in own}
            for made in self._known.arrays if grid is not None else ():
                made.args = [through(a) for a in made.args]


def _is_whole(group: Sequence[Array]) -> bool:
    """Is all there that arrays read, and are states those of rounds?"""
    if len(group) == 1 and group[0].op == "scan":
        return False
    reads = [a for array in group for a in array.args if isinstance(a, Read)]
    return all(p.ends()[0] >= 0 and p.ends()[1] < x.size for r in reads for p, x in zip(r.places, r.array.axes))
