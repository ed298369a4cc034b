"""Shortening: of a function of many rounds, which a transform differentiates inside, one of a few."""

from __future__ import annotations

from ..value import Value
from .front.recorder import Recorder, Run
from .loops.members import NotUniformError
from .loops.rounds import Family

MANY = 4  # differentiated numbers a node: with more their gradients are few pieces, and a few examples no shorter
FEW = range(4, 9)  # the numbers of rounds of programs; from three that grow evenly that of many rounds is read off
FEWER = 3  # rounds of a program that confirms what the first of these says of it: then that one is enough


def few_of(family: Family) -> list[int]:
    """How many rounds those members have of which the program is read off."""
    return [n for n in FEW if n > family.reach]


def has_many_nodes(recorder: Recorder, run: Run) -> bool:
    """Is what a transform differentiates more than a few nodes on many numbers?"""
    return MANY * len(recorder.nodes) >= len(run.leaves)


class Shortening:
    """The first function of many rounds that a transform differentiates while a record is made becomes one of a few.

    Attributes:
        family: the functions of fewer rounds; None while there is none.
        other: was the function another one in a later record?
        numbers: what the transform found that depends on no argument.
    """

    def __init__(self) -> None:
        self.family: Family | None = None
        self.other, self.numbers = False, list[float]()
        self._rounds = self._calls = self._at = self._tried = 0

    def begin(self, rounds: int) -> None:
        """The function is recorded again, and is to have so many rounds."""
        self._rounds, self._calls, self.numbers = rounds, 0, []

    def __call__(self, recorder: Recorder, run: Run) -> Run:
        """The call of the function that a transform differentiates."""
        self._calls += 1
        root, is_new = run.out.leaves[0], self.family is None
        if is_new and self._is_long(recorder, run):
            found = Family(recorder, root, run.leaves)
            if found.count:
                self.family, self._at, self._rounds = found, self._calls, few_of(found)[0]
        if self.family is None or self._calls != self._at:
            return run
        try:
            family = self.family if is_new else self.family.again(recorder, root)
            shorter, nodes = family.member(self._rounds)
        except NotUniformError:
            self.other = True
            if is_new:
                self.family.withdraw()
                self.family = None
            return run
        made, live = recorder.nodes, set(family.nodes)
        first = next(k for k, v in enumerate(made) if v in live)
        recorder.nodes = [*made[:first], *nodes, *[v for v in made[first:] if v not in live]]
        found = run.returning(shorter)
        found.numbers = self.numbers
        return found

    def _is_long(self, recorder: Recorder, run: Run) -> bool:
        """May it have many rounds? It is not looked at again before there is twice as much of it."""
        long = len(recorder.nodes) > 2 * self._tried and len(run.out.leaves) == 1 and not run.is_plain
        if not long or run.out.leaves[0].__class__ is not Value or not has_many_nodes(recorder, run):
            return False
        self._tried = len(recorder.nodes)
        return True
