"""Members: the function of fewer rounds, made of the nodes of that of many.

Rounds in the middle are dropped. What reads the last ones reads those that are the last then, and a list over the rounds of
a loop is shorter.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from ...ieee import total
from ...leaves import is_row
from ...rule import TABLE, UNREACHED, Op, new
from ...value import Value
from ..front.recorder import Recorder, origin
from .distance import Operand, Rounds

EDGE = 2  # so many rounds at either end may be read by what is in no round

MEAN = TABLE["mean"]
# The mean of a list of which some stand here: what it is divided by is said.
SHARE = Op(
    "mean", lambda xs, n: total(xs) / n, (lambda xs, n, y: [1.0 / n] * len(xs), 0.0), text="", tex="", binding=5,
    domain=((-1.0, 1.0),) * 2, kink=None, reference=None, selects=False, lists=1, defaults=(),
)  # fmt: skip


class NotUniformError(Exception):
    """The function of a few examples is not defined."""


class Member:
    """One of a family on its way: nodes that are the same, and copies of those that read something else.

    Args:
        nodes, place: all nodes, and where each is.
        loops: what loses rounds.
        dropped: how many.
        data: what stands in place of numbers, by the number of a node, and which of its operands it is.
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


def _made_like(v: Operand, op: Op, given: Sequence[Operand], data: Sequence[Operand]) -> Value:
    """A node of other operands, made where another one was."""
    copy: Operand = new(Value)
    copy._data, copy.grad, copy._about = op.forward(*data), UNREACHED, v._about
    copy._fill(op, given, data)
    node: Value = copy
    return node
