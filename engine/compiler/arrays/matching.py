"""Whether an array outside of a loop is some of what one of its rounds makes: operands and their places, compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .program import Affine, Array, Axis, Number, Operand, Read, composed, is_same, number_of


class Element(NamedTuple):
    """What is read of an array of a loop in one round.

    Attributes:
        array, round: which, in which round.
        places: where along its other axes.
    """

    array: Array
    round: int
    places: list[Affine]


At = tuple[Array, int]  # an array of a loop in one of its rounds


class Claim(NamedTuple):
    """That an array outside is some of an array of the loop in one round, whose places are in axes of the other."""

    element: Element
    other: Array


class Extent:
    """How far the rounds of a loop's arrays reach, and what the rounds outside of it are.

    Attributes:
        first, end: of each array its first round, and that behind its last.
        starts: what was there before the first, in the axes of the array.
        known: arrays outside that are some of an array of the loop in one round.
    """

    def __init__(self, first: dict[Array, int], end: dict[Array, int], starts: dict[At, Operand],
                 known: dict[Array, Element]) -> None:  # fmt: skip
        self.first, self.end, self.starts, self.known = first, end, starts, known

    def copy(self) -> Extent:
        """One that may be changed."""
        return Extent(dict(self.first), dict(self.end), dict(self.starts), dict(self.known))


def is_equal(a: Operand, b: Operand) -> bool:
    """Are two operands the same everywhere?"""
    if isinstance(a, Number) or isinstance(b, Number):
        both = isinstance(a, Number) and isinstance(b, Number) and not a.axes and not b.axes
        return both and repr(number_of(a)) == repr(number_of(b))
    return a.array is b.array and all(map(is_same, a.places, b.places))


def before_rounds(read: Read) -> Operand:
    """Of what a state was before the rounds of its scan, that itself."""
    array = read.array
    along = read.places[array.along] if array.op == "scan" else Affine(0)
    if array.op != "scan" or along.slopes or not 0 <= along.start < array.edges[-1]:
        return read
    k = max(k for k, edge in enumerate(array.edges) if edge <= along.start)
    part, env = array.args[k], dict(zip(array.axes, read.places))
    if isinstance(part, Number):
        return part
    env |= {x: Affine(along.start - array.edges[k]) for x in part.axes if x not in array.axes}
    return Read(part.array, [composed(p, env) for p in part.places])


def latest(keys: Iterable[At]) -> list[At]:
    """The latest last."""
    return sorted(keys, key=lambda key: key[1])


def claim_of(element: Element, others: Sequence[Axis], operand: Operand) -> Claim | None:
    """That an array, which an operand reads, is some of an element's; None where that cannot be told.

    Args:
        element: what the operand is.
        others: the axes of its array but that of the rounds.
        operand: of whose array the rest is taken to stand beside what is read, as it does there.
    """
    if not isinstance(operand, Read):
        return None
    fixed = [k for k, (p, x) in enumerate(zip(element.places, others)) if not p.slopes and x.size > 1]
    places, open_ones = list(element.places), {k for k, p in enumerate(element.places) if p.slopes}
    for p, y in zip(operand.places, operand.array.axes):
        if y.size == 1:
            continue
        side = [k for k in open_ones if places[k].slopes.keys() == p.slopes.keys()] if p.slopes else fixed[:1]
        if len(side) != 1 or len(p.slopes) > 1:
            return None
        k = side[0]
        (x,) = p.slopes or (y,)
        turn = places[k].slopes.get(x, 1) * p.slopes.get(x, 1)
        if abs(turn) != 1:
            return None
        places[k] = Affine(places[k].start - turn * p.start, {y: turn})
        if places[k].ends()[0] < 0 or places[k].ends()[1] >= others[k].size:
            return None
        open_ones.discard(k)
        fixed = fixed if p.slopes else fixed[1:]
    read_whole = all(not p.slopes or p.ends() == (0, y.size - 1) for p, y in zip(operand.places, operand.array.axes))
    if open_ones or (fixed and not read_whole):
        return None
    return Claim(Element(element.array, element.round, places), operand.array)


def back(axes: Sequence[Axis], places: Sequence[Affine]) -> dict[Axis, Affine] | None:
    """What the axes of places are in those along which they run, all of it, from either end; None: they are no such."""
    env = dict[Axis, Affine]()
    for y, p in zip(axes, places):
        for x, slope in p.slopes.items():
            from_end = slope == -1 and p.start == y.size - 1
            if x in env or x.size != y.size or len(p.slopes) > 1 or not (from_end or p.plain() is x):
                return None
            env[x] = Affine(y.size - 1, {y: -1}) if from_end else Affine(0, {y: 1})
    return env


def inverse(axes: Sequence[Axis], places: Sequence[Affine], operand: Operand) -> Operand | None:
    """What an array is if some of its elements, which must be all, are an operand."""
    env = back(axes, places)
    if env is None or any(not p.slopes and x.size > 1 for p, x in zip(places, axes)):
        return None
    if any(x not in env for x in operand.axes):
        return None
    if isinstance(operand, Number):
        return operand if not operand.axes else None
    return Read(operand.array, [composed(p, env) for p in operand.places])
