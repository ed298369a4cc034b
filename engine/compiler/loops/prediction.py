"""Prediction: what the program of many rounds is, as the program of a few says and that of fewer confirms.

Rounds are alike. So in a program of more rounds nothing is new: loops over rounds are longer, what is behind them stands
further behind, and what was the last round of a few is the last of many. That leaves nothing to fit; and a program of fewer
rounds, in which nobody looked for loops, must be what is said of it, to the last operand.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ..front.trace import CONSTANT, VALUE
from .extension import Rolled, extended
from .flat_code import FlatCode, Part
from .program import For, Node, Polynomial, Statement, loops_of
from .spans import Nest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EDGE = 2  # so many rounds more or fewer may a loop over rounds have

Places = Mapping[For, int]  # by loop, one of its rounds
Made = tuple[Statement, Places]  # an instruction, in which rounds of the loops around it


class _NotPredictedError(Exception):
    """The program says nothing of others, or something else than is the case."""


def predicted(program: Rolled, rounds: int, fewer: FlatCode, few: int, count: int) -> Rolled | None:
    """The program of so many rounds; None where it is not sure.

    Args:
        program: that of some.
        rounds: of how many.
        fewer: that of fewer, as it is.
        few: of how many that is.
        count: how many rounds it shall be of.
    """
    for at_once in (False, True):
        with suppress(_NotPredictedError):
            both, of = [program, _Prediction(program, rounds, fewer, few, at_once).next()], (rounds, rounds + 1)
            that = extended(both, of, few)
            if that is not None and _is_that(that, fewer):
                return extended(both, of, count)
    return None


class _Layout:
    """Where the instructions of a program stand, when its loops have so many rounds.

    Attributes:
        first: where an item begins, in the first rounds of the loops around it.
        length: how many instructions a round of a loop is.
        end: how many all are.
    """

    def __init__(self, body: Sequence[Node], counts: Mapping[For, int]) -> None:
        self._body, self._counts = body, counts
        self.first, self.length = dict[Node, int](), dict[For, int]()
        self.end = self._laid(body, 0)

    def _laid(self, body: Sequence[Node], at: int) -> int:
        for n in body:
            self.first[n] = at
            if isinstance(n, For):
                self.length[n] = self._laid(n.body, at) - at
                at += self._counts[n] * self.length[n]
            else:
                at += 1
        return at

    def made(self, place: int) -> Made:
        """What stands at a place."""
        body, found = self._body, dict[For, int]()
        if not 0 <= place < self.end:
            raise _NotPredictedError
        while True:
            n = body[bisect_right(body, place, key=self.first.__getitem__) - 1]
            if isinstance(n, Statement):
                return n, found
            found[n] = (place - self.first[n]) // self.length[n]
            place, body = place - found[n] * self.length[n], n.body

    def place(self, statement: Statement, rounds: Places) -> int:
        """Where an instruction stands in some rounds."""
        return self.first[statement] + sum([self.length[loop] * i for loop, i in rounds.items()])


class _Prediction:
    """What a program of some rounds says of others. It takes the loops over rounds for those of which the program of fewer
    has fewer, and where this cannot be told, for all that are as long, or none."""

    def __init__(self, program: Rolled, rounds: int, fewer: FlatCode, few: int, at_once: bool) -> None:
        self._body, self._table = program.body, program.table
        self._rounds, self._fewer, self._few, self._at_once = rounds, fewer, few, at_once
        self._counts = {loop: self._number(loop.count) for loop in loops_of(program.body)}
        self._grows = dict[For, bool]()
        if self._end(program.body, 0) != len(fewer.ops):
            raise _NotPredictedError
        self._here = _Layout(program.body, self._counts)
        self._after, self._there = self._layout(1), self._layout(few - rounds)

    @staticmethod
    def _number(count: Polynomial) -> int:
        number = count.number()
        if not number:
            raise _NotPredictedError
        return number

    def _end(self, body: Sequence[Node], at: int) -> int:
        """Where a body ends in the program of fewer rounds, by its ops; which loops are shorter there is noted."""
        ops = self._fewer.ops
        for n in body:
            if isinstance(n, Statement):
                if at >= len(ops) or ops[at] != self._fewer.numbers.get(n.op):
                    raise _NotPredictedError
                at += 1
                continue
            count, size = self._counts[n], self._end(n.body, at) - at
            found, shorter = ops[at : at + count * size], count - (self._rounds - self._few)
            is_whole = len(found) == count * size and bool((found.reshape(count, size) == found[:size]).all())
            self._grows[n] = abs(count - self._rounds) <= EDGE and shorter > 0 and (self._at_once or not is_whole)
            at += (shorter if self._grows[n] else count) * size
        return at

    def _layout(self, more: int) -> _Layout:
        """That of more rounds, or fewer."""
        return _Layout(self._body, {loop: n + more * self._grows[loop] for loop, n in self._counts.items()})

    def next(self) -> Rolled:
        """The program of one round more."""
        return Rolled(self._items(self._body, ()), self._after.end, self._table)

    def _items(self, body: Sequence[Node], around: tuple[For, ...]) -> list[Node]:
        found = list[Node]()
        for n in body:
            if isinstance(n, For):
                loop = For(n.variable, n.count + Polynomial.constant(self._grows[n]))
                loop.body = self._items(n.body, (*around, n))
                found.append(loop)
                continue
            if n.out != _index(around, self._here.first[n], self._here.length):
                raise _NotPredictedError
            out, there = _index(around, self._after.first[n], self._after.length), self._there.first[n]
            part = self._fewer.part(there, there + 1)
            args = [
                (space, self._read(index, around) if space == VALUE
                 else self._constant(index, around) if space == CONSTANT
                 else self._given(index, around, int(part.args[k, there - part.first]) >> 3))
                for k, (space, index) in enumerate(n.args)
            ]  # fmt: skip
            target = self._given(n.target, around, int(part.targets[there - part.first]))
            found.append(Statement(n.op, out, target, args))
        return found

    def _constant(self, index: Polynomial, around: Sequence[For]) -> Polynomial:
        """Where a number stands that is the same in all rounds."""
        if any(self._grows[loop] and index.uses(loop.variable) for loop in around):
            raise _NotPredictedError
        return index

    def _given(self, index: Polynomial, around: Sequence[For], there: int) -> Polynomial:
        """Where a number is that the function is given, or that it returns; in the first rounds of fewer it is there. It is
        where it was, but that of the last round where this comes first."""
        start, steps = _parts(index, around)
        if start == there:
            return index
        back = [-step for loop, step in steps.items() if self._grows[loop]]
        moved, rest = divmod(start - there, self._rounds - self._few)
        if rest or moved not in (*back, sum(back)):
            raise _NotPredictedError
        return index + Polynomial.constant(moved)

    def _read(self, index: Polynomial, around: Sequence[For]) -> Polynomial:
        """Where the value is that an instruction reads."""
        start, steps = _parts(index, around)
        statement, rounds = self._here.made(start)
        after = {loop: self._here.made(start + step) for loop, step in steps.items() if step}
        late = dict[For, bool]()  # is it by the last round that a round is counted, where there are more?
        for loop, i in rounds.items():
            turns = [
                found[loop] - i for around_it, (s, found) in after.items() if s is statement and self._grows[around_it]
            ]
            turn = sum(turns)
            late[loop] = turn < 0 or (turn == 0 and 2 * i >= self._counts[loop])

        def moved(made: Made) -> int:
            statement, rounds = made
            return self._after.place(statement, {
                loop: i + (self._grows[loop] and late.get(loop, 2 * i >= self._counts[loop]))
                for loop, i in rounds.items()
            })  # fmt: skip

        found = moved((statement, rounds))
        return _polynomial(found, {loop: moved(made) - found for loop, made in after.items()})


def _parts(index: Polynomial, around: Sequence[For]) -> tuple[int, dict[For, int]]:
    """(an index in the first rounds of the loops around, its steps from round to round)."""
    steps = {loop: index.get(((loop.variable, 1),), 0) for loop in around}
    if len(index) != (() in index) + sum([step != 0 for step in steps.values()]):
        raise _NotPredictedError
    return index.get((), 0), steps


def _polynomial(start: int, steps: Mapping[For, int]) -> Polynomial:
    found = Polynomial({((loop.variable, 1),): step for loop, step in steps.items() if step})
    return found + Polynomial.constant(start)


def _index(around: Sequence[For], start: int, lengths: Mapping[For, int]) -> Polynomial:
    return _polynomial(start, {loop: lengths[loop] for loop in around})


def _is_that(program: Rolled, code: FlatCode) -> bool:
    """Is a program these very instructions?"""
    import numpy as np

    if program.length != len(code.ops):
        return False
    table = np.array(program.table, float)
    layout = _Layout(program.body, {loop: loop.count.number() or 0 for loop in loops_of(program.body)})
    ends = [*[layout.first[n] for n in program.body[1:]], layout.end]
    nest = Nest()
    return layout.end == program.length and all(
        _is_there(n, nest, code.part(layout.first[n], end), table) for n, end in zip(program.body, ends)
    )


def _is_there(n: Node, nest: Nest, part: Part, table: NDArray[np.float64]) -> bool:
    """Is an item of a program what stands there?"""
    if not isinstance(n, For):
        return part.has(n, nest, table)
    inside = Nest(nest, n)
    return all(_is_there(m, inside, part, table) for m in n.body)
