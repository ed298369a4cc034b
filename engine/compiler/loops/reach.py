"""Reach: how many rounds of a loop it takes to see all that rounds have to do with each other.

Rounds that read the same Value add up to one adjoint. Where those are far apart, as rounds 0 and 12 are that read
x[i] * x[i + 12], a few rounds do not show it. So it is with what is made twice, in rounds that are far apart or outside of
them: that is one instruction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from ...value import Value
from ..front.recorder import IDENTITY, Recorder
from ..front.trace import CONSTANT, IDENTITIES, PARAMETER, VALUE, Trace
from .recognition import Recogniser

Operand = Any  # a Value that has an op or none, a number, or a list of these
Numbers = tuple[int, ...]


class Rounds(NamedTuple):
    """Nodes that are alike, round by round."""

    start: int
    period: int
    rounds: int


def reach(
    nodes: Sequence[Operand], loops: Sequence[Rounds], data: Mapping[int, Mapping[int, Operand]], recorder: Recorder
) -> int | None:
    """How many rounds apart those are at most that read or make the same; None where no few rounds tell.

    Args:
        nodes: all, in order.
        loops: the rounds among them, first to last.
        data: what stands in place of numbers, by the number of a node, and which of its operands it is.
        recorder: where they were recorded.
    """
    same, outside, own, at = _Same(nodes, data, recorder), list[Operand](), set[int](), 0
    for start, period, rounds in loops:
        outside += nodes[at:start]
        at = start + period * rounds
        own.update([same.numbers[v] for v in nodes[start:at]])
    outside += nodes[at:]
    # A list of data is read as it is; of other data there may be slopes, which rounds may make as well.
    made, fixed = {same.numbers[v] for v in outside}, set[int]()
    for v in outside:
        for a in same.read[v][1:]:
            fixed.update(a if len(a) == 1 else [x for x in a if x in own or x in same.differentiated])
    spans, met = dict[int, tuple[int, int]](), set[tuple[int, ...]]()
    for start, period, rounds in loops:
        for first in range(start, start + period):
            of_all = [same.read[v] for v in nodes[first : start + period * rounds : period]]
            for k, column in enumerate(zip(*of_all)):
                one, two, *_ = column
                whole = tuple(map(id, column))
                if len(one) > 1 and whole in met:  # lists that many nodes share
                    continue
                met.add(whole)
                if any(x & 7 == CONSTANT and any(read[n] != x for read in column) for n, x in enumerate(one)):
                    return None
                if k:
                    fixed.update([x for x, y in zip(one, two) if x == y])
                elif one == two:
                    made.update(one)
                for n in [n for n in range(len(one)) if one[n] != two[n]] if one is not two else ():
                    found = [read[n] for read in column]
                    if not (same.differentiated.isdisjoint(found) or same.differentiated.issuperset(found)):
                        return None  # what is differentiated goes on in what is not
                    for i, x in enumerate(found):
                        low, high = spans.get(x, (i, i))
                        spans[x] = (low if low < i else i), (high if high > i else i)
    # What others make or read, too, is as if the first round did: there the few are as the many.
    return max(
        [high - (0 if x in made or (x in fixed and x not in own) else low) for x, (low, high) in spans.items()] or [0]
    )


def are_apart(items: Recogniser, loop: Rounds, data: Mapping[int, Mapping[int, Operand]], own: set[int]) -> bool:
    """Is it sure that `reach` is 0? Where a round reads leaves that no other reads, nodes of its own and what all rounds
    read, what it makes is its own or the same in all rounds; unless something outside makes it, too.

    Args:
        items: the nodes.
        loop: the only rounds.
        data: as for `reach`.
        own: the leaves that are differentiated, as operands.
    """
    import numpy as np

    start, period, rounds = loop
    nodes = range(start, start + period * rounds)
    read_in = dict[int, int]()
    for i, given in data.items():
        if any(read_in.setdefault(id(a), (i - start) // period) != (i - start) // period for a in given.values()):
            return False
    fixed, moving = set(own), set[tuple[int, range, int]]()
    for i in (*range(start), *range(nodes.stop, len(items.ids))):
        for space, places in _operands(items, i):
            if space == VALUE and any(k in nodes for k in places) and _may_be_made(items, i, nodes[:period]):
                return False
            fixed.update([k * 8 + space for k in places if space != VALUE])
    for first in nodes[:period]:
        if any(part.__class__ is tuple and {CONSTANT} < {*part} for part in items.shapes.keys[items.ids[first]]):
            return False  # some of a list are numbers, which may differ
        for (space, places), (_, then) in zip(_operands(items, first), _operands(items, first + period)):
            step = then.start - places.start
            if space == VALUE and any(k in nodes for k in places):
                if step != period or any(k not in nodes[:period] for k in places):
                    return False
            elif step and space != CONSTANT:
                moving.add((space, places, step))
            elif space != CONSTANT:
                fixed.update([k * 8 + space for k in places])
            if space != CONSTANT and [k + step for k in places] != [*then]:
                return False
    if any(space == VALUE for space, _, _ in moving):
        return False
    codes, which = list[int](), list[int]()
    for space, places, step in moving:
        found = np.add.outer(np.arange(rounds) * step, np.array(places)) * 8 + space
        codes += found.ravel().tolist()
        which += np.repeat(np.arange(rounds), len(places)).tolist()
    leaves = {*codes}
    return len({*zip(codes, which)}) == len(leaves) and fixed.isdisjoint(leaves)


def _operands(items: Recogniser, i: int) -> Iterator[tuple[int, range]]:
    """The operands of a node: a space, and where in it they are."""
    rest = iter(items.numbers[items.starts[i] + 1 : items.starts[i + 1]].tolist())
    for part in items.shapes.keys[items.ids[i]][1:]:
        if part.__class__ is tuple and part[:1] == ("row",):
            first, step = next(rest), next(rest)
            yield part[1], range(first, first + step * part[2], step)
        else:
            for space in part if part.__class__ is tuple else (part,):
                at = next(rest)
                yield space, range(at, at + 1)


def _may_be_made(items: Recogniser, i: int, rounds: Iterable[int]) -> bool:
    """May a node make what one of others makes? It has the same op, of as many operands, or both may be written otherwise."""
    op, *parts = items.shapes.keys[items.ids[i]]
    mine = op, [*map(_length, parts)]
    for k in rounds:
        other, *those = items.shapes.keys[items.ids[k]]
        if mine == (other, [*map(_length, those)]) or {op.name, other.name} <= IDENTITIES.keys():
            return True
    return False


def _length(part: Any) -> int:
    return 1 if part.__class__ is not tuple else part[2] if part[:1] == ("row",) else len(part)


class _Same:
    """Numbers for what is computed, the same for the same: as an instruction's operands where rows have no lists.

    Attributes:
        numbers: of nodes and leaves.
        read: of a node, and then of each of its operands.
        differentiated: those of leaves that are.
    """

    def __init__(self, nodes: Sequence[Operand], data: Mapping[int, Mapping[int, Operand]], recorder: Recorder) -> None:
        self.numbers, self.differentiated = dict[Operand, int](), set[int]()
        numbers = self.numbers
        self._recorder, self._trace, self._rows = recorder, Trace(), dict[tuple[Operand, ...], int]()
        self._lists, self._leaves = dict[int, tuple[object, Numbers]](), count(PARAMETER, 8)
        self.read: dict[Operand, list[Numbers]] = {}
        for i, v in enumerate(nodes):
            given = v._operands()[0]
            if i in data:
                given = [data[i].get(k, a) for k, a in enumerate(given)]
            args = [
                (numbers[a] if a in numbers else self._of(a),)
                if a.__class__ is Value or a.__class__ is float
                else self._listed(a)
                for a in given
            ]
            if v.op.lists:
                number = self._rows.setdefault((v.op, *args), next(self._leaves))
            else:
                number = self._trace.emit(v.op, tuple([x for (x,) in args]))
            numbers[v], self.read[v] = number, [(number,), *args]

    def _listed(self, a: Operand) -> Numbers:
        if id(a) not in self._lists:
            self._lists[id(a)] = a, tuple(map(self._of, a))
        return self._lists[id(a)][1]

    def _of(self, a: Operand) -> int:
        """The number of an operand."""
        if a.__class__ is Value and a in self.numbers:
            return self.numbers[a]
        number = self._recorder.constant(a)
        if number is not None:
            return self._trace.constant(number)
        leaf = a
        while leaf.op is IDENTITY:
            leaf = leaf._a
        if leaf not in self.numbers:
            self.numbers[leaf] = next(self._leaves)
        self.numbers[a] = self.numbers[leaf]
        if leaf is not a:
            self.differentiated.add(self.numbers[a])
        return self.numbers[a]
