"""Rounds: a function of many examples as the same function of a few.

What is made of a record later (adjoints, instructions, loops) repeats itself as the record does. So where a record is
rounds of one loop, all alike, to the last operand, only some of them are differentiated and put down; the program for all
is read off programs for a few, see `extension`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from copy import copy

from ...ieee import total
from ...leaves import Needed, is_row
from ...rule import TABLE, UNREACHED, Op, new
from ...value import Value
from ..front.recorder import IDENTITY, Recorder, origin
from ..front.trace import CONSTANT, VALUE, spaced
from .distance import Items, Operand, Rounds
from .reach import reach
from .recognition import WINDOW, Loop, Recogniser
from .shapes import LoopShape, Positions, Shapes

FEWEST = 16  # rounds from which on some of them stand for all
FARTHEST = 5  # so many rounds may those be apart that read the same
EDGE = 2  # so many rounds at either end may be read by what is in no round

MEAN = TABLE["mean"]
# The mean of a list of which some stand here: what it is divided by is said.
SHARE = Op(
    "mean", lambda xs, n: total(xs) / n, (lambda xs, n, y: [1.0 / n] * len(xs), 0.0), text="", tex="", binding=5,
    domain=((-1.0, 1.0),) * 2, kink=None, reference=None, selects=False, lists=1, defaults=(),
)  # fmt: skip


class NotUniformError(Exception):
    """The function of a few examples is not defined."""


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
        return _Member(self.nodes, self._place, self._loops, dropped, self._data, self._recorder).of(self._root)

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


def _made_like(v: Operand, op: Op, given: Sequence[Operand], data: Sequence[Operand]) -> Value:
    """A node of other operands, made where another one was."""
    copy: Operand = new(Value)
    copy._data, copy.grad, copy._about = op.forward(*data), UNREACHED, v._about
    copy._fill(op, given, data)
    node: Value = copy
    return node


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
                    live.update(a)
                    live.update([origin(e) for e in a if e.op is None or e.op is IDENTITY])
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
            found = tuple([operands[e] if e in operands else operand(e) for e in a])
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


class _Member:
    """One of a family on its way: nodes that are the same, and copies of those that read something else.

    Args:
        nodes, place: all nodes, and where each is.
        loops: what loses rounds.
        dropped: how many.
        data: what stands in place of numbers, see `_Data`.
        recorder: where they were recorded.
    """

    def __init__(self, nodes: Sequence[Operand], place: dict[Value, int], loops: Sequence[Rounds], dropped: int,
                 data: dict[int, dict[int, Operand]], recorder: Recorder) -> None:  # fmt: skip
        self._nodes, self._place, self._loops, self._dropped, self._data = nodes, place, loops, dropped, data
        self._recorder = recorder
        self._new: dict[Value, Value] = {}
        self._lists: dict[int, tuple[Sequence[Operand], list[int] | None]] = {}

    def of(self, root: Value) -> tuple[Value, list[Value]]:
        """(the root, the nodes)."""
        found, at = list[Value](), 0
        for start, period, rounds in self._loops:
            found += [self._copied(v, False) for v in self._nodes[at:start]]
            at = start + period * (rounds - self._dropped)
            found += [self._copied(v, True) for v in self._nodes[start:at]]
            at = start + period * rounds
        found += [self._copied(v, False) for v in self._nodes[at:]]
        return self._kept(root, False), found

    def _round(self, a: Value) -> tuple[Rounds, int] | None:
        """The loop that a node is in, and in which round."""
        i = self._place.get(a)
        if i is None:
            return None
        for loop in self._loops:
            if loop.start <= i < loop.start + loop.period * loop.rounds:
                return loop, (i - loop.start) // loop.period
        return None

    def _kept(self, a: Operand, inside: bool) -> Operand:
        """What stands in place of an operand; inside a round, or outside of all."""
        if a.__class__ is not Value:
            return a
        found = self._round(a)
        if found is not None:
            (_, period, rounds), i = found
            if i >= rounds - EDGE:
                a = self._nodes[self._place[a] - self._dropped * period]
            elif i >= rounds - self._dropped or (i > EDGE and not inside):
                raise NotUniformError
        return self._new.get(a, a)

    def _stays(self, v: Operand, inside: bool) -> bool:
        """Does nothing stand in place of the operands of a node that reads no lists?"""
        a, b = v._a, v._b if v.op.kind == 2 else None
        return self._kept(a, inside) is a and self._kept(b, inside) is b

    def _kept_list(self, given: Sequence[Operand], inside: bool) -> tuple[Sequence[Operand], list[int] | None]:
        """(what stands in place of a list, which places of it these are where some are dropped)."""
        if is_row(given):
            return given.as_tuple(), None
        if id(given) in self._lists:
            return self._lists[id(given)]
        rounds = [self._round(a) for a in given] if given.__class__ is tuple else []
        found = [r for r in rounds if r is not None]
        kept: list[int] | None = None
        if len({i for _, i in found}) > self._dropped:
            kept = self._shortened(given, rounds)
            result: Sequence[Operand] = tuple([self._new.get(given[k], given[k]) for k in kept])
        else:
            result = tuple([self._kept(a, inside) for a in given]) if found or given.__class__ is tuple else given
        if kept is None and result == given:
            result = given
        self._lists[id(given)] = result, kept
        return result, kept

    def _shortened(self, given: Sequence[Value], rounds: Sequence[tuple[Rounds, int] | None]) -> list[int]:
        """Which places of a list stay that runs over the rounds of a loop."""
        runs = [r for r in rounds if r is not None]
        (loop, first), (_, last) = min(runs, key=lambda r: r[1]), max(runs, key=lambda r: r[1])
        inside: dict[int, list[int]] = {}
        for k, r in enumerate(rounds):
            if r is not None:
                if r[0] is not loop:
                    raise NotUniformError
                inside.setdefault(r[1], []).append(k)
        within = [k for places in inside.values() for k in places]
        slots = [[(self._place[given[k]] - loop.start) % loop.period for k in inside[r]] for r in inside]
        order = list(inside)
        behind = loop.rounds - 1 - last
        if (
            first > EDGE
            or behind > EDGE
            or order not in (list(range(first, last + 1)), list(range(last, first - 1, -1)))
            or any(s != slots[0] for s in slots)
            or max(within) - min(within) >= len(within)  # others are between them
        ):
            raise NotUniformError
        end = loop.rounds - self._dropped - behind
        return [k for k, r in enumerate(rounds) if r is None or r[1] < end]

    def _check_even(self, given: Sequence[Operand], kept: Sequence[int]) -> None:
        """Refuse a list whose places that are dropped do not go on as those before, in the order of the rounds."""
        places = set(kept)
        dropped = [k for k in range(len(given)) if k not in places]
        width, rest = divmod(len(dropped), self._dropped)
        before = range(dropped[0] - 2 * width, dropped[0])
        step = width if before.start >= 0 and places.issuperset(before) else -width
        codes = [self._code(a) for a in given]
        for k in dropped:
            if rest or not 0 <= k - 2 * step < len(codes):
                raise NotUniformError
            one, two, three = codes[k - 2 * step], codes[k - step], codes[k]
            if one[0] != two[0] or two[0] != three[0] or one[1] - 2 * two[1] + three[1]:
                raise NotUniformError

    def _code(self, a: Operand) -> tuple[bytes | int, int]:
        """(what must be the same, what must advance evenly) of a number, a leaf, or a node in no round."""
        number = self._recorder.constant(a)
        if number is not None:
            return array("d", [number]).tobytes(), 0
        operand = self._recorder.operands.get(origin(a, self._recorder.operands))
        return (id(a), 0) if operand is None else (operand & 7, operand >> 3)

    def _copied(self, v: Operand, inside: bool) -> Value:
        """A node, or another one of other operands."""
        leaves = self._data.get(self._place[v], {})
        if not leaves and v.op.kind < 3 and self._stays(v, inside):
            same: Value = v
            return same
        args, vals = v._operands()
        given, data, shorter = list(args), list(vals), list[list[int]]()
        for k, a in enumerate(args):
            if k in leaves:
                given[k] = leaves[k]
            elif a.__class__ is tuple:
                given[k], places = self._kept_list(a, inside)
                if places is not None:
                    shorter.append(places)
                if given[k] is not a:
                    data[k] = [e._data for e in given[k]]
            elif a.__class__ is Value:
                given[k] = self._kept(a, inside)
                if given[k] is not a:
                    data[k] = given[k]._data
        node: Value = v
        if all(a is b for a, b in zip(args, given)):
            return node
        op = v.op
        if shorter:
            if any(places != shorter[0] for places in shorter):
                raise NotUniformError
            whole = len(args[0])
            for k in range(op.lists):
                if given[k] is args[k]:
                    whole_list = tuple(args[k]) if is_row(args[k]) else args[k]
                    self._check_even(whole_list, shorter[0])
                    given[k] = type(whole_list)([whole_list[j] for j in shorter[0]])
                    data[k] = [vals[k][j] for j in shorter[0]]
            if op is MEAN:
                op, given, data = SHARE, [*given, float(whole)], [*data, float(whole)]
        node = self._new[v] = _made_like(v, op, given, data)
        return node
