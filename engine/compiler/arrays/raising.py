"""From the words of a program to arrays, asked for from the results on.

An operand is asked for as a lattice of positions: a start, and a stride along each axis. The statements that make these are
found by the polynomials of their loops; where all agree in what they do and read, whatever loop they stand in, the lattice
is one array, made by one op of other lattices. So it does not matter where a loop was found to begin, or whether a round
was left before it.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import pairwise
from math import prod
from typing import NamedTuple

from ..front.trace import INPUT, PARAMETER, VALUE
from ..loops.program import loops_of
from .cutting import Known, edges_of, kind_of, lattice_of, period, row_along, say_flat_part
from .fitting import Slot, fitted, slots
from .nesting import CUT, Carrying
from .ordering import CycleError, ordered
from .producers import Piece, Producers, at_rounds
from .program import Affine, Array, Axis, NotRaisedError, Number, Operand, Read, part_of
from .recurrences import Lattice, RecurrenceError, carrying, every_round
from .words import Words

MOST = 2000  # arrays that a program may need


class Given(NamedTuple):
    """An argument.

    Attributes:
        name: of it.
        space, first, size: where its numbers are.
        shape: of an array or nested lists of one length; None: it is a Module, whose arrays show in how it is read.
    """

    name: str
    space: int
    first: int
    size: int
    shape: tuple[int, ...] | None


class Result(NamedTuple):
    """A result.

    Attributes:
        first, size: which outputs.
        shape: of an array or nested lists of one length; None: of what else holds numbers.
        like: the argument whose structure it has, or None.
        summed: is it a sum over the examples?
        gradient: is it one, so that its name is d before that of what it is by?
        places: (start, sizes, strides) of the arrays that it is to be, among these outputs; empty: as `shape` and `like` say.
    """

    first: int
    size: int
    shape: tuple[int, ...] | None
    like: Given | None
    summed: bool = False
    gradient: bool = False
    places: Sequence[tuple[int, tuple[int, ...], tuple[int, ...]]] = ()


def raised(words: Words, given: Sequence[Given], outputs: Sequence[Result]) -> Raising:
    """The arrays of a program.

    Args:
        words: the program.
        given: the arguments.
        outputs: the results.
    """
    serial, made = carrying(words.body), list[Array]()
    try:
        return _attempted(words, given, outputs, serial, made)
    except NotRaisedError:
        if not serial or len(made) > MOST:
            raise
        return _attempted(words, given, outputs, set(), made)  # round by round


def _attempted(words: Words, given: Sequence[Given], outputs: Sequence[Result], serial: set[int],
               made: list[Array]) -> Raising:  # fmt: skip
    alone = set[int | Lattice]()
    while len(alone) < MOST:
        try:
            raising = Raising(words, given, outputs, alone, serial, made)
            raising.check_cycles()
            return raising
        except RecurrenceError as found:
            alone.add(found.rounds)
    raise NotRaisedError("too many of its rounds feed each other")


class Raising:
    """See `raised`.

    Attributes:
        results: the arrays that are returned, by result.
    """

    def __init__(self, words: Words, given: Sequence[Given], outputs: Sequence[Result],
                 alone: set[int | Lattice], serial: set[int], made: list[Array]) -> None:  # fmt: skip
        self._words, self._given, self._alone, self._serial = words, given, alone, serial - alone
        self._producers = Producers(words.body)
        self._every_one = made  # of all attempts
        self._every = {loop.variable for loop in loops_of(words.body)}
        self._known = {VALUE: Known(), PARAMETER: Known(), INPUT: Known()}
        self.examples: Axis | None = None
        self._pending: list[Array] = []
        self._of_given: dict[Array, Given] = {}
        self._joins = {PARAMETER: Known(), INPUT: Known()}  # of arguments, laid flat or side by side
        self._whole: dict[Given, Array] = {}
        self._rounds: dict[tuple[int, Lattice], Array] = {}  # by statement, all rounds of loops that carry a state
        self._along: dict[Array, dict[int, Axis]] = {}
        self._now: Array | None = None
        self.results: list[list[Array]] = []
        for out in outputs:
            self.results.append(self._result(out))
            self._work()

    @property
    def arguments(self) -> dict[Array, Given]:
        """The arrays that are read of arguments, and which these are."""
        return self._of_given

    def blocks(self, g: Given) -> list[Array]:
        """The arrays that were read of an argument."""
        return [a for a, of in self._of_given.items() if of is g]

    def _result(self, out: Result) -> list[Array]:
        """The arrays of a result: of the numbers of a Module as they are read of it."""
        first = self._words.first + out.first
        if out.places:
            return [self._new(VALUE, first + at, steps, [Axis(n) for n in sizes]) for at, sizes, steps in out.places]
        if out.like is not None:
            blocks = sorted(self.blocks(out.like), key=lambda a: a.start)
            starts = [first + block.start - out.like.first for block in blocks]
            if sum(prod(block.shape) for block in blocks) == out.size:
                return [self._new(VALUE, at, b.strides, [Axis(n) for n in b.shape]) for at, b in zip(starts, blocks)]
        shape = (out.size,) if out.shape is None else out.shape
        strides = [prod(shape[k + 1 :]) for k in range(len(shape))]
        return [self._new(VALUE, first, strides, [Axis(n) for n in shape])]

    def _new(self, space: int, start: int, strides: Sequence[int], axes: Sequence[Axis]) -> Array:
        array = Array(space, start, strides, axes)
        self._known[space].add(array)
        if space == VALUE:
            array.demander = self._now
            self._pending.append(array)
            self._every_one.append(array)
            if len(self._every_one) > MOST + MOST // 2:
                raise NotRaisedError(f"it takes more than {MOST} arrays", self._now.place if self._now else None)
        return array

    def _work(self) -> None:
        while self._pending:
            self._now = self._pending.pop()
            self._define(self._now)
        self._now = None

    # What an array is --------------------------------------------------------------------------------------------------

    def _define(self, array: Array) -> None:
        apart = array.lattice in self._alone
        loops = self._every if apart else self._alone
        pieces = self._producers.pieces(array.start, array.strides, array.shape, loops, self._serial)
        array.place = self._words.places[at_rounds(pieces[0].statement.out, pieces[0].env)]
        if not self._serial.isdisjoint(v for p in pieces for v in p.env) and array not in self._along:
            if len(pieces) == 1:
                array.become("move", [self._every_round(array, pieces[0])])
            elif not self._flattened(array, pieces):
                self._cut(array, pieces)
            return
        if array not in self._along:
            self._check_recurrence(array)
        found = [slots(p) for p in pieces]
        if len(set(map(kind_of, pieces))) == 1 and not (apart and array.axes):
            operands = [fitted(self._words, array, pieces, [of[k] for of in found]) for k in range(len(found[0]))]
            if None not in operands:
                self._made(array, pieces[0].statement.op, [x for x in operands if x is not None])
                return
        if not self._flattened(array, pieces):
            self._cut(array, pieces)

    def _every_round(self, array: Array, piece: Piece) -> Read:
        """Where an array lies in what its statement makes in all rounds of a loop that carries a state."""
        loops = self._producers.at(array.start)[2]
        found = every_round(array, piece, loops, self._serial, self._alone)
        if found is None:
            raise RecurrenceError(next(loop.variable for loop in loops if loop.variable in self._serial))
        key = id(piece.statement), (found.start, found.strides, tuple([a.size for a in found.axes]))
        if key not in self._rounds:
            self._rounds[key] = self._new(VALUE, found.start, found.strides, found.axes)
            self._along[self._rounds[key]] = found.along
        return Read(self._rounds[key], found.places)

    def _made(self, array: Array, op: str, operands: Sequence[tuple[Slot, Affine | Number]]) -> None:
        """Say what makes an array."""
        array.op = "move" if op == "output" else op
        counts = {s.size for s, _ in operands if s.size}
        array.over = [Axis(counts.pop())] if counts else []
        for slot, index in operands:
            if isinstance(index, Number):
                if slot.size and not isinstance(index.value, float):
                    index.axes = [*index.axes, *array.over]
                array.args.append(index)
                continue
            if slot.size > 1:
                index = Affine(index.start, {**index.slopes, array.over[0]: slot.step})
            array.args.append(self._read(slot.space, index))

    def _flattened(self, array: Array, pieces: Sequence[Piece]) -> bool:
        """Is an array one of an axis more, laid flat, in whose rounds the same is done?"""
        for a, axis in enumerate(array.axes):
            row = row_along(array, pieces, a)
            length = period(row)
            if length:
                outer, inner = Axis(axis.size // length), Axis(length)
                slopes = {x: s for x, s in zip(array.axes, array.strides) if x is not axis}
                slopes |= {outer: array.strides[a] * length, inner: array.strides[a]}
                array.op, array.along, array.over = "flattened", a, [outer, inner]
                array.args.append(self._read(VALUE, Affine(array.start, slopes), apart=True))
                return True
        return False

    def _cut(self, array: Array, pieces: Sequence[Piece]) -> None:
        """An array of parts, cut where what is done changes."""
        serial = not self._serial.isdisjoint(v for p in pieces for v in p.env)
        a, edges = edges_of(array, pieces, serial)
        array.op, array.along = "concatenation", a
        for first, end in pairwise([*edges, array.axes[a].size]):
            inner = {x: s for x, s in zip(array.axes, array.strides) if x is not array.axes[a]}
            array.edges.append(first)
            start = array.start + first * array.strides[a]
            if end - first > 1:
                inner[Axis(end - first)] = array.strides[a]
            array.args.append(self._read(VALUE, Affine(start, inner), apart=True))

    def _check_recurrence(self, array: Array) -> None:
        """Raise where an array is asked for by what itself needs, some rounds later."""
        above = array.demander
        while above is not None and array.strides:
            if above.strides == array.strides and above.op != "concatenation":
                rest, moved = above.start - array.start, 0
                for stride, axis in zip(array.strides, array.axes):
                    k = int(rest / stride)
                    rest -= k * stride
                    if abs(k) >= axis.size:
                        break
                    moved = moved or (stride if k else 0)
                else:
                    if moved and not rest:
                        self._refuse_to_join(above, moved, self._serial)
            above = above.demander

    def check_cycles(self) -> None:
        """Raise where an array is made of itself: rounds that feed each other stand in it."""
        for array in self._known[VALUE].arrays:
            array.args = [part_of(a) if isinstance(a, Read) else a for a in array.args]
        if self._serial:
            results = [a for arrays in self.results for a in arrays]
            Carrying(self._known[VALUE], self._joins.values(), self._along, results).carry()
        try:
            ordered([a for arrays in self.results for a in arrays])
        except CycleError as error:
            depth = {v: k for a in error.arrays for k, v in enumerate(self._along.get(a, ())) if k}
            if depth:  # loops that are no loops in each other
                raise RecurrenceError(max(depth, key=lambda v: depth[v])) from None
            reads = [
                (array, place.plain() is None or place.ends()[1] < axis.size - 1, stride)
                for reader, array in zip(error.arrays, [*error.arrays[1:], error.arrays[0]])
                for a in reader.args
                if isinstance(a, Read) and a.array is array
                for place, axis, stride in zip(a.places, array.axes, array.strides)
            ]
            reads.sort(key=lambda read: not read[1])
            for array, _, stride in reads:
                self._refuse_to_join(array, stride)
            for array, _, _ in reads:
                if array.lattice not in self._alone:
                    raise RecurrenceError(array.lattice) from None
            raise NotRaisedError("its rounds feed each other in no regular way", error.arrays[0].place) from None

    def _refuse_to_join(self, array: Array, stride: int, joined: Set[int] = frozenset()) -> None:
        """Take the loop that runs along an axis of an array round by round, but for some."""
        for k in range(array.shape[array.strides.index(stride)] - 1):
            one, before, _ = self._producers.at(array.start + k * stride)
            other, after, _ = self._producers.at(array.start + (k + 1) * stride)
            moved = [v for v in before if after.get(v) != before[v]]
            if one is other and moved and moved[0] not in self._alone | joined:
                raise RecurrenceError(moved[0])

    # Operands ----------------------------------------------------------------------------------------------------------

    def _read(self, space: int, index: Affine, apart: bool = False) -> Operand:
        """The array that holds what an index stands for, and where in it that is."""
        whole, above = set[Array](), self._now if apart else None
        while above is not None:  # what is cut is made of its parts, and not the other way round
            whole.add(above)
            above = above.demander
        size, rank = prod(a.size for a in index.slopes), len(index.slopes)
        apart = apart or bool(self._serial)  # else all that rounds make could come from what is made of it
        for array in self._known[space].around(*index.ends()):
            # A part is read of what is made as one, or is no larger: else two that are cut could be parts of each other.
            if not apart or array.op not in CUT or (prod(array.shape) <= size and len(array.axes) >= rank):
                places = array.located(index) if array not in whole else None
                if places is not None:
                    return Read(array, places)
        if space in (PARAMETER, INPUT):
            return self._argument(space, index)
        start, strides, axes, places = lattice_of(index)
        array = self._new(space, start, strides, axes)
        return Read(array, places)

    def _argument(self, space: int, index: Affine) -> Operand:
        low, high = index.ends()
        owners = [g for g in self._given if g.space == space and g.first <= low < g.first + g.size]
        if high >= owners[0].first + owners[0].size:
            return self._joined(space, index)
        g = owners[0]
        if g.shape is None:
            start, strides, axes, places = lattice_of(index)
            return Read(self._block(g, start, strides, axes), places)
        array = self._whole.get(g)
        if array is None:
            strides = [prod(g.shape[k + 1 :]) for k in range(len(g.shape))]
            array = self._whole[g] = self._block(g, g.first, strides, [Axis(n) for n in g.shape])
        found = array.located(index)
        return self._joined(space, index, array) if found is None else Read(array, found)

    def _block(self, g: Given, start: int, strides: Sequence[int], axes: Sequence[Axis]) -> Array:
        array = self._new(g.space, start, strides, axes)
        array.op, array.name = "argument", g.name
        self._of_given[array] = g
        return array

    def _joined(self, space: int, index: Affine, whole: Array | None = None) -> Read:
        """What is read across the rows of an argument, or of several, laid flat or else side by side."""
        for array in self._joins[space].around(*index.ends()):
            found = array.located(index)
            if found is not None:
                return Read(array, found)
        start, strides, axes, places = lattice_of(index)
        array = Array(VALUE, start, strides, axes)
        self._joins[space].add(array)
        here = Affine(start, dict(zip(axes, strides)))
        if whole is None or not say_flat_part(array, whole, here):
            outer, slope = axes[0], strides[0]
            array.op, array.edges = "concatenation", list(range(outer.size))
            inner = dict(zip(axes[1:], strides[1:]))
            array.args = [self._read(space, Affine(start + k * slope, inner)) for k in range(outer.size)]
        return Read(array, places)
