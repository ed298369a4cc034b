"""Distance: how far apart rounds are at most that have to do with each other, told by what the nodes of one round read.

It is what `reach` asks first. In most programs a look at what each round makes would find nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...rule import TABLE, Op
from ..front.trace import CONSTANT, IDENTITIES, VALUE
from .recognition import Recogniser

Operand = Any  # a Value that has an op or none, a number, or a list of these


class Rounds(NamedTuple):
    """Nodes that are alike, round by round."""

    start: int
    period: int
    rounds: int


class Items(NamedTuple):
    """Nodes as the items of a program: what must be equal in all rounds as a shape, what must advance as numbers.

    Attributes:
        nodes: they.
        own: the leaves that are differentiated, as operands, in sets or ranges.
        numbers: what constants are. They are numbered as they come, so that what they are does not matter.
    """

    nodes: Recogniser
    own: Sequence[Collection[int]]
    numbers: list[float]


def distance(record: Items, loops: Sequence[Rounds], data: Mapping[int, Mapping[int, Operand]]) -> int | None:
    """No less than how many rounds apart those are that have to do with each other, where what the nodes read tells it;
    None where that takes a look at each.

    Where a round reads leaves that no other reads, nodes of its own, what all rounds read and its running sum, what it makes
    is its own or the same in all rounds; unless something outside makes it, too.

    Args:
        record: the nodes.
        loops, data: as for `reach`.
    """
    items, own, numbers = record
    seen, alike = _Reads(items, loops, data, numbers), _Alike(items, data, numbers)
    of_data = dict[int, object]()
    for i, given in data.items():
        home = seen.home(i)
        if home is None or any(of_data.setdefault(id(a), home[:2]) != home[:2] for a in given.values()):
            return None
    slots = [first for start, period, _ in loops for first in range(start, start + period)]
    if not all(seen.take_in(first) for first in slots):
        return None
    in_rounds = bytearray(len(items.ids))
    for start, period, rounds in loops:
        in_rounds[start : start + period * rounds] = b"\1" * (period * rounds)
    for i in [i for i, inside in enumerate(in_rounds) if not inside]:
        found = list(_operands(items, i))
        seen.fixed.update([_codes(space, places) for space, places in found if space not in (VALUE, CONSTANT)])
        reads = any(space == VALUE and any(in_rounds[k] for k in places) for space, places in found)
        if reads and any(alike.may_be_one(i, first) for first in slots):
            return None
    read_in = dict[int, tuple[int, int]]()
    for which, places, step in seen.moving:
        for r in range(loops[which].rounds):
            if any(read_in.setdefault(k + r * step, (which, r)) != (which, r) for k in places):
                return None
    fixed = any(_meets(codes, read_in) for codes in (*own, *seen.fixed))
    return None if fixed else seen.furthest


class _Reads:
    """What rounds read, as far as it is looked at.

    Attributes:
        fixed: leaves that are the same in all rounds, as operands.
        moving: (which loop, leaves that its first round reads, as operands, their step from round to round).
    """

    def __init__(self, items: Recogniser, loops: Sequence[Rounds], data: Mapping[int, Mapping[int, Operand]],
                 numbers: Sequence[float]) -> None:  # fmt: skip
        self._items, self._loops, self._data, self._numbers = items, loops, data, numbers
        self._apart = dict[tuple[int, int], int]()
        self._known = dict[tuple[int, range, int], bool]()  # lists that a node of a loop read: do they vary?
        self._varying = set[tuple[int, int]]()  # nodes that depend on leaves of their round
        self._has_sums = False
        self.fixed, self.moving = set[range](), set[tuple[int, range, int]]()

    @property
    def furthest(self) -> int:
        """How many rounds apart those are at most that read of each other."""
        return self._has_sums + sum(map(abs, self._apart.values()))

    def home(self, k: int) -> tuple[int, int, int] | None:
        """The loop of a node, its round, and which of its nodes it is."""
        for which, (start, period, rounds) in enumerate(self._loops):
            if start <= k < start + period * rounds:
                return which, (k - start) // period, (k - start) % period
        return None

    def take_in(self, first: int) -> bool:
        """A node of a first round; is it like what `distance` says?"""
        items, home = self._items, self.home(first)
        lists = [
            part for part in items.shapes.keys[items.ids[first]] if part.__class__ is tuple and part[:1] != ("row",)
        ]
        if home is None or any({CONSTANT} < {*part} for part in lists):
            return False  # some of a list are numbers, which may differ
        which, _, slot = home
        after = first + self._loops[which].period
        varies, is_sum = list[bool](), False
        for (space, places), (_, then) in zip(_operands(items, first), _operands(items, after)):
            step = then.start - places.start
            varies.append(False)
            if space == CONSTANT:
                continue
            if len(then) != len(places) or then.step != places.step:
                return False
            if space != VALUE and step:
                self.moving.add((which, _codes(space, places), step * 8))
                varies[-1] = True
            elif space != VALUE:
                self.fixed.add(_codes(space, places))
            else:
                known = self._known.get((which, then, step))
                if known is not None:  # a list that many nodes read
                    varies[-1] = known
                    continue
                homes = [self.home(k) for k in then]
                for found in homes:
                    if found == (which, 0, slot) and step == self._loops[which].period:
                        is_sum = True
                    elif not self._reads(which, found, step):
                        return False
                    varies[-1] = varies[-1] or (found is not None and (found[0], found[2]) in self._varying)
                if len(then) > 1 and all(found is None or found[:2] != (which, 0) for found in homes):
                    self._known[which, then, step] = varies[-1]
        if self._does_vary(first, varies):
            self._varying.add((which, slot))
        self._has_sums = self._has_sums or is_sum
        return (which, slot) in self._varying or not is_sum

    def _does_vary(self, first: int, varies: Sequence[bool]) -> bool:
        """Does what a node makes, where these of its operands do? x**0 is 1, and a choice between equals is none."""
        name, data = self._items.shapes.keys[self._items.ids[first]][0].name, self._data.get(first, {})
        if name not in ("power", "where", "edge"):
            return any(varies) or bool(data)
        varies = [v or k in data for k, v in enumerate(varies)]
        if name == "power":
            *_, (space, places) = _operands(self._items, first)
            return varies[1] or (
                varies[0] and space != VALUE and (space != CONSTANT or self._numbers[places[0]] != 0.0)
            )
        return sum(varies) > 1

    def _reads(self, which: int, found: tuple[int, int, int] | None, step: int) -> bool:
        """A node of a second round reads one; may it?"""
        if found is None:
            return not step
        other, r, _ = found
        if step != self._loops[other].period:
            return False
        return r == 1 if other == which else self._apart.setdefault((which, other), r - 1) == r - 1


class _Alike:
    """Nodes that may make the same."""

    def __init__(self, items: Recogniser, data: Mapping[int, object], numbers: Sequence[float]) -> None:
        self._items, self._data, self._numbers = items, data, numbers

    def may_be_one(self, i: int, k: int) -> bool:
        """May what a node makes be made by one of these, and not by one that it reads? They are of one op, and so are their
        operands, or one of them may be written otherwise."""
        one, other = self._op(i), self._op(k)
        if one is None or (other is None and one.name in IDENTITIES):
            return True
        mine, those = list(_operands(self._items, i)), list(_operands(self._items, k))
        if one is not other or len(mine) != len(those) or self._row(i) is not self._row(k):
            return one is other
        ways = (those, those[::-1]) if len(those) == 2 else (those,)
        return any(all(map(self._may_be_read, mine, way)) for way in ways)

    def _may_be_read(self, one: tuple[int, range], other: tuple[int, range]) -> bool:
        if len(one[1]) != len(other[1]):
            return False
        ops = {self._op(k) if space == VALUE else space for space, places in (one, other) for k in places[:1]}
        return None in ops or len(ops) == 1 or len(one[1]) > 1

    def _op(self, i: int) -> Op | None:
        """That of a node; None where it may be written as another, see IDENTITIES."""
        op = self._row(i)
        if op.name not in IDENTITIES:
            return op
        operands = list(_operands(self._items, i))[op.name in ("sub", "div") :]
        constants = [repr(self._numbers[k[0]]) for space, k in operands if space == CONSTANT and i not in self._data]
        if op.name == "power" and constants == ["2.0"]:
            return TABLE["mul"]
        return None if op.name not in NEUTRAL or not NEUTRAL[op.name].isdisjoint(constants) else op

    def _row(self, i: int) -> Op:
        op: Op = self._items.shapes.keys[self._items.ids[i]][0]
        return op


NEUTRAL = {"add": {"-0.0"}, "sub": {"0.0", "-0.0"}, "mul": {"1.0", "-1.0"}, "div": {"1.0"}}  # what makes them another


def _codes(space: int, places: range) -> range:
    """The operands for places in a space."""
    return range(places.start * 8 + space, places.stop * 8 + space, places.step * 8)


def _meets(codes: Collection[int], others: Collection[int]) -> bool:
    """Are some of these among others?"""
    few, many = (codes, others) if len(codes) <= len(others) else (others, codes)
    return any(k in many for k in few)


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
