"""Passes over lists: an op of each operand of a list, or a running number on its way through one, as one instruction.

In a trace `each op` makes as many numbers as the lists are long: its own and those of the empty instructions behind it.
`total` and `highest` make one, from a start through a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from typing import NamedTuple

from ...rule import TABLE
from .trace import CONSTANT, LIST, VALUE, Instruction, Trace, spaced

# What an instruction does for each of a list.
OP_OF = {f"each {name}": name for name in ("equal", "sub", "mul", "exp", "where")}
REST = ("", (), 0)  # in place of the instructions of the others
ADDS = frozenset(("add", "dot", "gated", "total"))
RUNNING = {"total": "add", "highest": "maximum"}  # what these do in each round
FEWEST = 4  # operands from which on a pass is one: so many rounds are found as a loop, also behind a first one


class Beside(NamedTuple):
    """An operand of a pass: an instruction of the same round, or the one before the round.

    Attributes:
        offset: where, counted from the first of the round.
    """

    offset: int


BEFORE = Beside(-1)
Given = int | Sequence[int] | Beside  # an operand: the same in all rounds, one for each, or beside
Body = list[tuple[str, Sequence[Given]]]  # the instructions of a round under way
Lists = Callable[[int], Sequence[int]]  # the operands of a list, in place


class Pass(NamedTuple):
    """Rounds of a few instructions, for each place of some lists.

    Attributes:
        body: the ops of a round and their operands.
        rounds: how many rounds there are.
    """

    body: Sequence[tuple[str, Sequence[Given]]]
    rounds: int

    @property
    def round(self) -> int:
        """How many instructions a round takes."""
        return len(self.body)

    @property
    def length(self) -> int:
        """How many instructions there are."""
        return len(self.body) * self.rounds

    def instructions(self, at: int) -> Iterator[Instruction]:
        """They, if the first comes at a position."""
        for k in range(self.rounds):
            for op, args in self.body:
                yield op, tuple([
                    (at + a.offset) * 8 + VALUE if isinstance(a, Beside) else a if isinstance(a, int) else a[k]
                    for a in args
                ]), 0  # fmt: skip
            at += len(self.body)


class Passes:
    """Which passes of a trace stay whole: their operands are there before them, or are made for them alone, in their rounds.
    Those of an op of which single numbers sit before their own use do not.

    Args:
        code, lists, values: the instructions, the lists of operands, and which instructions make these.
        uses, readers: how often instructions and lists are used.
        found: the passes, and how many rounds they have.

    Attributes:
        whole: those that stay whole.
        inside: by the list, the pass that makes it in the rounds of another one.
    """

    def __init__(self, code: Sequence[Instruction], lists: Sequence[Sequence[int]], values: Sequence[Sequence[int]],
                 uses: Sequence[int], readers: Sequence[int], found: Mapping[int, int]) -> None:  # fmt: skip
        self._code, self._lists, self._values, self._uses, self._readers = code, lists, values, uses, readers
        self._rounds = found
        self._made = {i * 8 + VALUE: i for i in found if code[i][0] in OP_OF}
        self.inside = dict[int, int]()
        order = sorted(found)
        self.whole = set[int]()
        for i in order:
            if all(self._is_ready(a >> 3, i) for a in code[i][1] if a & 7 == LIST):
                self.whole.add(i)
        read = [(i, a >> 3) for i in order for a in code[i][1] if a & 7 == LIST]
        users = {self.inside[a]: i for i, a in read if a in self.inside}
        for i in reversed(order):
            apart = code[i][0] in OP_OF and min(uses[i : i + found[i]]) > 1
            if not (users[i] in self.whole if i in users else apart or code[i][0] in RUNNING):
                self.whole.discard(i)

    def _is_ready(self, a: int, reader: int) -> bool:
        """Is all of a list there before a pass, or made in its rounds?"""
        op, args, _ = self._code[reader]
        operands, uses = self._lists[a], self._uses
        even = isinstance(operands, range) and operands.step == 8 and self._readers[a] == 1
        head = self._made.get(operands[0]) if even else None
        if head is not None and len(operands) == self._rounds[head] and max(uses[head : head + len(operands)]) == 1:
            self.inside[a] = head
            return op != "highest" and head in self.whole
        moves = op == "total" or len(args) == 1  # sums that nothing else reads, too
        return not any(uses[e] == 1 and (moves or self._code[e][0] not in ADDS) for e in self._values[a])

    def rounds(self, i: int, place: Sequence[int], operands: Lists) -> tuple[list[Instruction], Pass]:
        """(what comes before a pass, the pass), where values and lists are in place."""
        op, args, _ = self._code[i]
        if op == "highest":
            start, xs = args[0], operands(args[1])
            return [("maximum", (start, xs[0]), 0)], Pass([("maximum", (BEFORE, spaced(xs[1:])))], len(xs) - 1)
        body: Body = []
        if op == "total":
            added = self._term(args[1], body, place, operands)
            body.append(("add", (BEFORE, added)))
        else:
            self._write(i, body, place, operands)
        return [], Pass(body, self._rounds[i])

    def _term(self, a: int, body: Body, place: Sequence[int], operands: Lists) -> Given:
        """An operand in the rounds of a pass, in which it may have to be made."""
        if a & 7 != LIST:
            return place[a >> 3] if a & 7 == VALUE else a
        if a >> 3 not in self.inside:
            return operands(a)
        self._write(self.inside[a >> 3], body, place, operands)
        return Beside(len(body) - 1)

    def _write(self, head: int, body: Body, place: Sequence[int], operands: Lists) -> None:
        """Put down what a pass does in its rounds."""
        name, given, _ = self._code[head]
        body.append((OP_OF[name], [self._term(a, body, place, operands) for a in given]))


def each(t: Trace, name: str, *args: int | Sequence[int]) -> Sequence[int]:
    """The operands for an op of each of some lists, and of operands that are the same for all."""
    row, rounds = TABLE[name], max([len(a) for a in args if not isinstance(a, int)])
    each, found = f"each {name}", _listed(t, args)
    first = None if found is None else t.seen(each, found)
    if first is None:
        alone = [*zip(*[[a] * rounds if isinstance(a, int) else a for a in args])]
        factors = [t.number(a) for a in args if isinstance(a, int)] if name == "mul" else ()
        if (
            found is None
            or not {1.0, -1.0}.isdisjoint(factors)
            or any(t.seen(name, given) is not None for given in alone)
        ):
            return [t.emit(row, given) for given in alone]
        first = t.put(each, found, name)
        t.code.extend([REST] * (rounds - 1))
        t.note(name, alone, range(first, first + 8 * rounds, 8))
    return range(first, first + 8 * rounds, 8)


def total(t: Trace, xs: Sequence[int], start: int) -> int:
    """The operand for a sum, left to right from a start on."""
    return _running(t, "total", xs, start)


def highest(t: Trace, xs: Sequence[int]) -> int:
    """The operand for the largest of a list."""
    return _running(t, "highest", xs, t.constant(-inf))


def is_highest(t: Trace, operand: int, xs: Sequence[int]) -> bool:
    """Is an operand the largest of a list?"""
    if operand & 7 == VALUE and t.code[operand >> 3][0] == "highest":
        return [*t.lists[t.code[operand >> 3][1][1] >> 3]] == [*xs]
    taken: int | None = t.constant(-inf)
    for x in xs:
        taken = None if taken is None else t.seen("maximum", (taken, x))
    return taken == operand


def _running(t: Trace, name: str, xs: Sequence[int], start: int) -> int:
    found = _listed(t, (start, xs))
    if found is None:
        for x in xs:
            start = t.emit(TABLE[RUNNING[name]], (start, x))
        return start
    known = t.seen(name, found)
    return t.put(name, found, RUNNING[name]) if known is None else known


def _listed(t: Trace, args: Sequence[int | Sequence[int]]) -> tuple[int, ...] | None:
    """Operands, with those for lists; None where one of these is short, or has a constant or an operand twice in it."""
    found = []
    for a in args:
        if isinstance(a, int):
            found.append(a)
            continue
        some = a[:1] if isinstance(a, range) else a
        if len(a) < FEWEST or any(e & 7 == CONSTANT for e in some) or len({*some}) < len(some):
            return None
        listed = t.listed(a)
        if listed is None:
            return None
        found.append(listed)
    return tuple(found)
