"""Reach: how many rounds of a loop it takes to see all that rounds have to do with each other.

Rounds that read the same Value add up to one adjoint. Where those are far apart, as rounds 0 and 12 are that read
x[i] * x[i + 12], a few rounds do not show it. So it is with what is made twice, in rounds that are far apart or outside of
them: that is one instruction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

from ...leaves import Needed
from ...value import Value
from ..front.recorder import Recorder, origin
from ..front.trace import CONSTANT, PARAMETER, Trace
from .distance import Items, Operand, Rounds, distance

Numbers = tuple[int, ...]
WIDE = 4  # leaves a node from which on they are not looked at one by one


def reach(
    items: Items, nodes: Sequence[Operand], loops: Sequence[Rounds], data: Mapping[int, Mapping[int, Operand]],
    recorder: Recorder, leaves: set[Value],
) -> int | None:  # fmt: skip
    """How many rounds apart those are at most that read or make the same, or no less; None where no few rounds tell.

    Args:
        items: the nodes, as items of a program.
        nodes: all, in order.
        loops: the rounds among them, first to last.
        data: what stands in place of numbers, by the number of a node, and which of its operands it is.
        recorder: where they were recorded.
        leaves: what is differentiated.
    """
    found = distance(items, loops, data)
    if found is None and not (isinstance(leaves, Needed) and len(leaves) > WIDE * len(nodes)):
        return _of_all(nodes, loops, data, recorder, leaves)
    return found


def _of_all(
    nodes: Sequence[Operand], loops: Sequence[Rounds], data: Mapping[int, Mapping[int, Operand]], recorder: Recorder,
    leaves: set[Value],
) -> int | None:  # fmt: skip
    """How many rounds apart those are, by a look at each."""
    same, outside, own, at = _Same(nodes, data, recorder, leaves), list[Operand](), set[int](), 0
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
                others = [read for read in column if read is not one]
                if others and any(
                    (x & 7 == CONSTANT or x == two[n]) and any(read[n] != x for read in others)
                    for n, x in enumerate(one)
                ):
                    return None  # what is the same in the first rounds is another in a later one
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


class _Same:
    """Numbers for what is computed, the same for the same: as an instruction's operands where rows have no lists.

    Attributes:
        numbers: of nodes and leaves.
        read: of a node, and then of each of its operands.
        differentiated: those of leaves that are.
    """

    def __init__(self, nodes: Sequence[Operand], data: Mapping[int, Mapping[int, Operand]], recorder: Recorder,
                 leaves: set[Value]) -> None:  # fmt: skip
        self.numbers, self.differentiated = dict[Operand, int](), set[int]()
        numbers, self._own = self.numbers, leaves
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
            if v.op.lists and all(x & 7 == CONSTANT for xs in args for x in xs):
                number = self._trace.constant(v._data)
            elif v.op.lists:
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
        leaf = origin(a)
        if leaf not in self.numbers:
            self.numbers[leaf] = next(self._leaves)
        self.numbers[a] = self.numbers[leaf]
        if leaf is not a or a in self._own:
            self.differentiated.add(self.numbers[a])
        return self.numbers[a]
