"""Rounds: a function of many examples as the same function of a few.

What is made of a record later (adjoints, instructions, loops) repeats itself as the record does. So where a record is
rounds of one loop, all alike, to the last operand, only some of them are differentiated and put down; the program for all
is read off programs for a few, see `extension`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any

from ...leaves import Needed, is_row
from ...value import Value
from ..front.recorder import IDENTITY, Recorder, origin
from ..front.trace import CONSTANT, VALUE, spaced
from .distance import Items, Operand, Rounds
from .members import EDGE, Member, NotUniformError
from .reach import reach
from .recognition import WINDOW, Loop, Recogniser
from .shapes import LoopShape, Positions, Shapes

FEWEST = 16  # rounds from which on some of them stand for all
FARTHEST = 5  # so many rounds may those be apart that read the same


class Family:
    """The functions of fewer examples that belong to one.

    Args:
        recorder: the record of the one.
        root: what it returns.
        leaves: what is differentiated.

    Attributes:
        nodes: those of the one, in order.
        count: how many rounds its longest loop has; 0 without a loop that is worth it.
        reach: how far apart rounds are that have to do with each other.
    """

    def __init__(self, recorder: Recorder, root: Value, leaves: Iterable[Value]) -> None:
        self.count, self.reach, self._root = 0, 0, root
        self.nodes = nodes = _live(recorder.nodes, root)
        self._place = {v: i for i, v in enumerate(nodes)}
        if recorder.products or recorder.spare or recorder.doubtful or root not in self._place:
            return
        differentiated = Needed(leaves.source) if is_row(leaves) else set(leaves)
        items = _items(nodes, recorder, differentiated)
        loops = list(_loops(items.nodes)) if _may_repeat(items.nodes.ids) else []
        longest = max(loops, key=lambda loop: loop.period * loop.rounds, default=Rounds(0, 0, 0))
        if longest.rounds >= FEWEST and 2 * longest.period * longest.rounds > len(nodes):
            self._loops = [loop for loop in loops if abs(loop.rounds - longest.rounds) <= EDGE]
            self._recorder, self._captured = recorder, len(recorder.captured)
            self.count, self._data = longest.rounds, _Data(nodes, self._loops, recorder).leaves
            found = reach(items, nodes, self._loops, self._data, recorder, differentiated)
            if found is None or found > FARTHEST:
                self.withdraw()
                self.count = 0
            else:
                self.reach = found

    def member(self, count: int) -> tuple[Value, list[Value]]:
        """(what the function of so many rounds returns, its nodes).

        Raises:
            NotUniformError: there is none.
        """
        dropped = self.count - count
        return Member(self.nodes, self._place, self._loops, dropped, self._data, self._recorder).of(self._root)

    def again(self, recorder: Recorder, root: Value) -> Family:
        """This one, of the same function in another record.

        Raises:
            NotUniformError: it is another function.
        """
        other = copy(self)
        other._root, other.nodes = root, _live(recorder.nodes, root)
        other._place = {v: i for i, v in enumerate(other.nodes)}
        if [v.op for v in other.nodes] != [v.op for v in self.nodes]:
            raise NotUniformError
        return other

    def withdraw(self) -> None:
        """Numbers that stood for all rounds are numbers again."""
        if self.count:
            for v in self._recorder.captured[self._captured :]:
                del self._recorder.operands[v]
            del self._recorder.captured[self._captured :]


def _live(nodes: Iterable[Operand], root: Value) -> list[Value]:
    """The nodes below a root, in order; below a leaf of a transform those of what it stands for."""
    live, walked, found = {root, origin(root)}, set[int](), list[Value]()
    for v in reversed(list(nodes)):
        if v in live:
            found.append(v)
            for a in (v._a, v._b) if v.op.kind == 2 else v._operands()[0]:
                if a.__class__ is Value:
                    if a not in live:
                        live.add(a)
                        if a.op is None or a.op is IDENTITY:
                            live.add(origin(a))
                elif a.__class__ is tuple and id(a) not in walked and not is_row(a):
                    walked.add(id(a))
                    fresh = [e for e in a if e not in live]
                    live.update(fresh)
                    live.update([origin(e) for e in fresh if e.op is None or e.op is IDENTITY])
    found.reverse()
    return found


def _items(nodes: Sequence[Operand], recorder: Recorder, leaves: set[Value]) -> Items:
    """The nodes as the items of a program."""
    import numpy as np

    shapes, ids, numbers, starts = Shapes(), list[int](), list[int](), [0]
    operands, lists, constants = dict(recorder.operands), dict[int, tuple[object, list[int]]](), list[float]()
    own = {operands[v] for v in leaves if v in operands}
    whole = [leaves.operands()] if isinstance(leaves, Needed) else []

    def operand(a: Operand) -> int:
        """That of what is met for the first time."""
        number = recorder.constant(a)
        if number is not None:
            constants.append(number)
            return (len(constants) - 1) * 8 + CONSTANT
        leaf = origin(a, operands)
        operands[a] = found = operands[leaf] if leaf in operands else recorder.captured_operand(leaf)
        if leaf is not a:
            own.add(found)
        return found

    def listed(a: Sequence[Operand]) -> tuple[object, list[int]]:
        if is_row(a):
            found: Sequence[int] = a.operands()
        elif a.__class__ is tuple:
            known: Any = tuple(map(operands.get, a))
            found = tuple([operand(e) if x is None else x for e, x in zip(a, known)]) if None in known else known
        else:
            found = tuple(map(operand, a))
        even = (found if isinstance(found, range) else spaced(found)) if len(found) > 2 else None
        if isinstance(even, range):
            return ("row", even[0] & 7, len(a)), [even[0] >> 3, even.step >> 3]
        return tuple([e & 7 for e in found]), [e >> 3 for e in found]

    for i, v in enumerate(nodes):
        op = v.op
        key: list[object] = [op]
        numbers.append(i)
        for a in (v._a, v._b) if op.kind == 2 else v._a if op.kind > 2 else (v._a,):
            if a.__class__ is Value:
                known = operands[a] if a in operands else operand(a)
            elif a.__class__ is tuple or a.__class__ is list:
                if id(a) not in lists:
                    lists[id(a)] = listed(a)
                shape, found = lists[id(a)]
                key.append(shape)
                numbers += found
                continue
            else:
                known = operand(a)
            key.append(known & 7)
            numbers.append(known >> 3)
        operands[v] = i * 8 + VALUE
        ids.append(shapes.id(tuple(key)))
        starts.append(len(numbers))
    items = Recogniser(shapes, np.array(ids, int), np.array(numbers, int), np.array(starts, int), {}, WINDOW)
    return Items(items, [own, *whole], constants)


def _may_repeat(ids: Positions) -> bool:
    """May a loop of many rounds take up half of the items? Then what stands in the middle stands there again, near by."""
    middle, length, found = len(ids) // 2, min(32, len(ids) // 8), ids.tobytes()
    for first in (middle, middle - length):
        part, at = ids[first : first + length].tobytes(), first * ids.itemsize
        if found.find(part, at + 1) >= 0 or found.find(part, 0, at + len(part) - 1) >= 0:
            return True
    return False


def _loops(items: Recogniser) -> Iterable[Rounds]:
    """The outermost loops that advance evenly, as long as they are: recognition may begin one in the middle of a round."""

    def alike(i: int, period: int) -> bool:
        """Is this node in the round before one, and that before another?"""
        j, k = i + period, i + 2 * period
        if i < 0 or k >= len(items.ids) or not items.ids[i] == items.ids[j] == items.ids[k]:
            return False
        a, b, c = (items.numbers[items.starts[n] : items.starts[n + 1]] for n in (i, j, k))
        return not (a - 2 * b + c).any()

    for item in items.run():
        if isinstance(item, Loop) and item.second is None:
            at, shape = 0, items.shapes.keys[item.body[0]]
            while isinstance(shape, LoopShape):
                at, shape = at + 1, items.shapes.keys[shape.body[0]]
            start, period = item.first[at], item.step[at]
            end = start + item.count * period
            if (items.ids[start : end - period] != items.ids[start + period : end]).any():
                continue  # loops in its rounds grow, and others shrink
            while alike(start - 1, period):
                start -= 1
            while alike(end - 2 * period, period):
                end += 1
            yield Rounds(start, period, (end - start) // period)


class _Data:
    """Numbers that the function brought along, and that are not the same in every round: leaves stand in their place, as if
    they had been passed.

    Attributes:
        leaves: by the number of a node, and which of its operands it is: a Value, or a tuple of them.
    """

    def __init__(self, nodes: Sequence[Operand], loops: Sequence[Rounds], recorder: Recorder) -> None:
        self.leaves: dict[int, dict[int, Operand]] = {}
        self._recorder, self._lists = recorder, dict[int, tuple[object, Operand]]()
        for start, period, rounds in loops:
            differ: list[tuple[int, int]] = []
            for first in range(start, start + period):
                for k, a in enumerate(nodes[first]._operands()[0]):
                    bits = self._bits(a)
                    if bits is not None:
                        of_all = [v._operands()[0][k] for v in nodes[first : first + period * rounds : period]]
                        if any(x is not a and self._bits(x) != bits for x in of_all):
                            differ.append((first, k))
            for r in range(rounds):
                for first, k in differ:
                    i = first + r * period
                    self.leaves.setdefault(i, {})[k] = self._leaf(nodes[i]._operands()[0][k])

    def _bits(self, a: Operand) -> bytes | None:
        """Those of an operand that is a number or a list of numbers; None for any other."""
        given = a if a.__class__ is list or a.__class__ is tuple else (a,)
        if not given or is_row(a) or (a.__class__ is tuple and a[0].op is not None):
            return None
        numbers = [x for x in map(self._recorder.constant, given) if x is not None]
        return array("d", numbers).tobytes() if len(numbers) == len(given) else None

    def _leaf(self, a: Operand) -> Operand:
        """What stands for an operand: a list has one, however many nodes share it."""
        if id(a) not in self._lists or a.__class__ is float:
            many = a.__class__ is list or a.__class__ is tuple
            found = [Value(x._data if x.__class__ is Value else x) for x in (a if many else (a,))]
            for v in found:
                v._made_in = 0  # older than any call, as what is passed is
                self._recorder.captured_operand(v)
            self._lists[id(a)] = a, tuple(found) if many else found[0]
        return self._lists[id(a)][1]
