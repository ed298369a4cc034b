"""Rounds that feed each other: what a loop makes in all of its rounds, and which of it is a state that it carries on.

An array that holds what was there before a loop, and behind it what each of its rounds made, is a `scan`: its parts are those
of a concatenation, and the last of them is made from the array itself, some rounds before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from ..front.trace import VALUE
from ..loops.program import For, Node, Statement
from .producers import Env, Piece, Producers, at_rounds, position_of
from .program import Affine, Array, Axis, Read, composed

HOPS = 4  # from round to round that show that there are as many as rounds


def carrying(body: Sequence[Node]) -> set[int]:
    """The variables of the loops that carry a state: what a round makes goes into what a later one makes of it."""
    producers, found = Producers(body), set[int]()
    stack: list[tuple[Node, Env]] = [(n, {}) for n in body]
    while stack:
        node, env = stack.pop()
        if isinstance(node, For):
            count = at_rounds(node.count, env)
            inside = {**env, node.variable: max(count - 1, 0)}
            stack += [(n, inside) for n in node.body]
            if count > 1 and _carries(node, inside, producers):
                found.add(node.variable)
    return found


def _carries(loop: For, env: Env, producers: Producers) -> bool:
    """Do rounds of a loop feed each other: is the last made of one before, that of one before it, and so on?"""
    v, first = loop.variable, position_of(loop, {**env, loop.variable: 0})
    layer = {at_rounds(s.out, e) for at_end in (False, True) for s, e in _statements(loop.body, env, at_end)}
    for _ in range(min(env[v], HOPS)):
        stack, seen, before = list(layer), set(layer), set[int]()
        while stack:
            statement, inside, _ = producers.at(stack.pop())
            for position in _positions(statement, inside):
                if position >= first and producers.at(position)[1][v] < inside[v]:
                    before.add(position)
                elif position >= first and position not in seen:
                    seen.add(position)
                    stack.append(position)
        if not before:
            return False
        layer = before
    return True


def _statements(body: Sequence[Node], env: Env, at_end: bool) -> Iterator[tuple[Statement, Env]]:
    """The instructions of a round, in the first or last round of each loop inside."""
    stack: list[tuple[Node, Env]] = [(n, env) for n in body]
    while stack:
        node, inside = stack.pop()
        if isinstance(node, Statement):
            yield node, inside
            continue
        count = at_rounds(node.count, inside)
        stack += [(n, {**inside, node.variable: count - 1 if at_end else 0}) for n in node.body if count > 0]


def _positions(statement: Statement, env: Env) -> Iterator[int]:
    """Values that an instruction reads: of a list the first, the last and one between."""
    args = iter(statement.args)
    for space, index in args:
        if isinstance(space, bytes):
            continue
        step = at_rounds(next(args)[1], env) if space >> 3 else 0
        if space & 7 == VALUE:
            start = at_rounds(index, env)
            last = max((space >> 3) - 1, 0)
            yield from {start, start + step * (last // 2), start + step * last}


class Rounds(NamedTuple):
    """All that a statement makes in a loop that carries a state.

    Attributes:
        start, strides, axes: the lattice.
        places: where along each of its axes a box of it lies.
        along: the axes of loops that carry a state, by variable, the outermost first.
    """

    start: int
    strides: tuple[int, ...]
    axes: list[Axis]
    places: list[Affine]
    along: dict[int, Axis]


def every_round(
    array: Array, piece: Piece, loops: Sequence[For], serial: Set[int], alone: Set[object]
) -> Rounds | None:
    """All rounds of the loop of a box, and of the loops inside of it; None where they are no lattice.

    Args:
        array: the box.
        piece: what makes it.
        loops: those of the statement, the outermost first.
        serial: variables of loops that carry a state.
        alone: of loops that are taken round by round.
    """
    out, env = piece.statement.out, dict(piece.env)
    first = min(k for k, loop in enumerate(loops) if loop.variable in serial)
    inner = [loop for loop in loops[first:] if loop.variable not in alone]
    mine = {loop.variable for loop in inner}
    moving = mine | {v for delta in piece.deltas for v in delta}
    indices = [out, *[loop.count for loop in inner]]
    if any(
        sum(v in moving for v, _ in mono) > 1 or any(v in mine and n > 1 for v, n in mono)
        for p in indices
        for mono in p
    ):
        return None
    if any(loop.count.uses(v) for loop in inner for v in moving):
        return None
    sides = list[tuple[int, Axis, Affine]]()
    along = dict[int, Axis]()
    for loop in inner:
        v = loop.variable
        slopes = {axis: delta[v] for axis, delta in zip(array.axes, piece.deltas) if v in delta}
        axis, stride = Axis(at_rounds(loop.count, env)), at_rounds(out, {**env, v: env[v] + 1}) - at_rounds(out, env)
        if axis.size > 1:
            sides.append((stride, axis, Affine(env[v], slopes)))
            if v in serial:
                along[v] = axis
    for axis, stride, delta in zip(array.axes, array.strides, piece.deltas):
        if axis.size > 1 and mine.isdisjoint(delta):
            sides.append((stride, Axis(axis.size), Affine(0, {axis: 1})))
        elif axis.size > 1 and len(delta) > 1:
            return None
    sides.sort(key=lambda side: -side[0])
    start = at_rounds(out, {**env, **dict.fromkeys(mine, 0)})
    strides = tuple([stride for stride, _, _ in sides])
    return Rounds(start, strides, [axis for _, axis, _ in sides], [place for *_, place in sides], along)


Lattice = tuple[int, tuple[int, ...], tuple[int, ...]]  # start, strides, sizes


class RecurrenceError(Exception):
    """Rounds that feed each other: of a loop, by its variable, or elements of a lattice."""

    def __init__(self, rounds: int | Lattice) -> None:
        super().__init__("rounds feed each other")
        self.rounds = rounds


class NoScanError(Exception):
    """A loop whose rounds feed each other in no way that a scan has."""


class Recurrence:
    """Arrays that feed each other from round to round.

    Args:
        group: they.
        along: the axis of the loop, of all that are its rounds: of the group or not.

    Attributes:
        rounds: how many there are.
        time: along which axis of each array of the group they run.
        states: the arrays that were there before the loop, and behind that are made by it.
    """

    def __init__(self, group: Sequence[Array], along: Mapping[Array, Axis]) -> None:
        self.group, self.mine = list(group), set(group)
        self.time = {array: axis for array, axis in along.items() if array in self.mine}
        self.states = list[Array]()
        if not self.time:
            raise NoScanError
        self.rounds = next(iter(self.time.values())).size
        self._find_times()
        for array in self.group:
            if array.op == "concatenation" and array.axes[array.along] is self.time.get(array):
                self._make_state(array)
        self._check()

    def _find_times(self) -> None:
        """Say along which axis the rounds run, for all that is read."""
        stack = list(self.time)
        while stack:
            array = stack.pop()
            axes = {self.time[array]}
            if array.op == "concatenation" and array.axes[array.along] in axes:
                axes = {x for a in array.args for x in a.axes if x not in array.axes}
            for a in array.args:
                if isinstance(a, Read) and a.array in self.mine:
                    found = [k for k, p in enumerate(a.places) if not axes.isdisjoint(p.slopes)]
                    if len(found) != 1 or list(a.places[found[0]].slopes.values()) != [1]:
                        raise NoScanError
                    axis = a.array.axes[found[0]]
                    if a.array not in self.time:
                        self.time[a.array] = axis
                        stack.append(a.array)
                    elif self.time[a.array] is not axis:
                        raise NoScanError

    def _make_state(self, array: Array) -> None:
        """What was there before the loop, and what all rounds but the last made, are a state; with the last."""
        self._splice(array)
        last, before = array.args[-1], array.args[:-1]
        if not isinstance(last, Read) or any(isinstance(a, Read) and a.array in self.mine for a in before):
            raise NoScanError
        axis, along = self.time[last.array], Axis(self.rounds)
        k = last.array.axes.index(axis)
        if last.places[k].start:
            raise NoScanError
        self._lengthen(last.array)
        last.places[k] = Affine(0, {along: 1})
        array.op, array.axes[array.along] = "scan", Axis(array.edges[-1] + self.rounds)
        self.time[array] = array.axes[array.along]
        self.states.append(array)
        plain = [p.plain() for p in last.places]
        if any(p is None or p.size != x.size for p, x in zip(plain, last.array.axes)):
            array.args[-1] = Read(
                self._part(array, along, last), [Affine(0, {x: 1}) for x in self._sides(array, along)]
            )

    def _splice(self, array: Array) -> None:
        """What is behind the first rounds of a state may be a state itself: its parts are those of the other."""
        while isinstance(last := array.args[-1], Read) and last.array in self.mine:
            inner, axis = last.array, self.time[last.array]
            if inner.op not in ("concatenation", "scan") or inner.axes[inner.along] is not axis:
                break
            if last.places[inner.along].start:
                raise NoScanError
            env, edge = dict(zip(inner.axes, last.places)), array.edges.pop()
            array.args.pop()
            for part, at in zip(inner.args, inner.edges):
                own = {x: Affine(0, {Axis(x.size): 1}) for x in part.axes if x not in inner.axes}
                if isinstance(part, Read):
                    part = Read(part.array, [composed(p, env | own) for p in part.places])
                array.args.append(part)
                array.edges.append(edge + at)

    def _lengthen(self, array: Array) -> None:
        """Let what puts arrays of a round side by side do so in all rounds, where it does in some."""
        stack = [array]
        while stack:
            array = stack.pop()
            axis = self.time[array]
            if axis.size == self.rounds:
                continue
            if array.op not in ("concatenation", "move") or array.axes[array.along] is axis:
                raise NoScanError
            axis.size = self.rounds
            for a in array.args:
                if isinstance(a, Read):
                    if any(axis in p.slopes and p.ends()[1] >= x.size for p, x in zip(a.places, a.array.axes)):
                        raise NoScanError
                    stack += [a.array] if a.array in self.mine else []

    def _part(self, state: Array, along: Axis, last: Read) -> Array:
        """Of what a round makes, that which a state is made of, as an array of its own."""
        axes = [Axis(x.size) for x in self._sides(state, along)]
        part = Array(state.space, -1, (), axes)
        part.place, env = state.place, {x: Affine(0, {y: 1}) for x, y in zip(self._sides(state, along), axes)}
        part.become("move", [Read(last.array, [composed(p, env) for p in last.places])])
        self.group.append(part)
        self.mine.add(part)
        self.time[part] = axes[state.along]
        return part

    def _sides(self, state: Array, along: Axis) -> list[Axis]:
        return [along if k == state.along else x for k, x in enumerate(state.axes)]

    def _check(self) -> None:
        """Raise where a round reads what is not there yet."""
        for array in self.group:
            if array not in self.time or (array not in self.states and self.time[array].size != self.rounds):
                raise NoScanError
            for a in array.args:
                if isinstance(a, Read) and a.array in self.mine and array not in self.states:
                    start = a.places[a.array.axes.index(self.time[a.array])].start
                    if not 0 <= start <= (a.array.edges[-1] if a.array in self.states else 0):
                        raise NoScanError
        if not self.states:
            raise NoScanError
