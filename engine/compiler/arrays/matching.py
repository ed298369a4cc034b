"""Whether an array outside of a loop is some of what one of its rounds makes: operands and their places, compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .program import Affine, Array, Axis, Number, Operand, Read, composed, is_same, number_of, part_of


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

    def take_in(self, element: Element, other: Array) -> None:
        """An array outside is some of one of the loop, whose rounds reach as far now."""
        array, t, _ = element
        self.known[other] = element
        self.first[array], self.end[array] = min(self.first[array], t), max(self.end[array], t + 1)


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


class LoopArrays:
    """The arrays of a loop, whose rounds are compared with arrays outside of it.

    Args:
        time: of each its axis of the rounds.
        made: what each state is made of.
    """

    def __init__(self, time: Mapping[Array, Axis], made: Mapping[Array, Array]) -> None:
        self._time, self._made = time, made

    def others(self, array: Array) -> list[Axis]:
        """The axes but that of the rounds."""
        return [x for x in array.axes if x is not self._time[array]]

    def whole(self, array: Array, t: int) -> Element:
        """All that an array makes in a round."""
        return Element(array, t, [Affine(0, {x: 1}) for x in self.others(array)])

    def element(self, read: Read, e: Extent, raw: bool = False) -> Element | None:
        """Which array of the loop is read, in which one round; raw: what is handed on as that."""
        array, places = read.array, read.places
        if array in e.known:
            made, t, others = e.known[array]
            env = dict(zip(array.axes, places))
            return Element(made, t, [composed(p, env) for p in others])
        if array in self._made:
            made, last = self._made[array], array.args[-1]
            t = places[array.along].start - array.edges[-1]
            if places[array.along].slopes or not isinstance(last, Read):
                return None
            env = dict(zip(array.axes, places))
            others = [p for p, x in zip(last.places, made.axes) if x is not self._time[made]]
            found = Element(made, t, [composed(p, env) for p in others])
            return found if raw else self.source(found, e)
        if array in self._time:
            k = array.axes.index(self._time[array])
            return None if places[k].slopes else Element(array, places[k].start, [*places[:k], *places[k + 1 :]])
        return None

    def source(self, element: Element, e: Extent, of: bool = False) -> Element:
        """Of what a part of an array hands on, where that comes from, of what there was before too or not."""
        array, t, places = element
        (read, *_) = array.args
        if array.op != "move" or not isinstance(read, Read) or (not of and (array, t) in e.starts):
            return element
        env = dict(zip(self.others(array), places))
        others = [p for p, x in zip(read.places, read.array.axes) if x is not self._time[read.array]]
        return Element(read.array, t, [composed(p, env) for p in others])

    def news(
        self, element: Element, other: Array, e: Extent, opens: bool
    ) -> tuple[dict[At, Operand], list[Claim]] | None:
        """What there was before the first round, and what else there must be, if an array is this; None: it is not.

        Args:
            element: of an array of the loop, its places in axes of the other.
            other: an array outside.
            e: what is known.
            opens: may there be something new?
        """
        array, t = element[:2]
        env = self._axes(element, other)
        if env is None:
            return None
        found, claims = dict[At, Operand](), list[Claim]()
        for a, b in zip(array.args, other.args):
            if isinstance(a, Number):
                if not is_equal(a, b):
                    return None
                continue
            here = part_of(Read(a.array, [composed(p, env) for p in a.places]))
            read = self.element(here, e)
            if read is None:
                at = [composed(p, {self._time[array]: Affine(t)}) for p in a.places]
                if not (is_equal(here, b) or is_equal(before_rounds(here), b)) or any(
                    p.ends()[0] < 0 or p.ends()[1] >= x.size for p, x in zip(at, a.array.axes)
                ):
                    return None
                continue
            if self.reads(read, b, e, found):
                continue
            if not opens or read.round >= 0 or read[:2] in e.starts or read[:2] in found:
                return None
            start, claim = (
                inverse(self.others(read.array), read.places, b),
                claim_of(read, self.others(read.array), b),
            )
            handed = self.element(here, e, raw=True) if claim is None or claim.other.op != read.array.op else None
            if start is None and handed is not None:
                start, read = inverse(self.others(handed.array), handed.places, b), handed
            if start is not None and read.round < e.first[read.array]:
                found[read.array, read.round] = start
            elif claim is not None:
                claims.append(claim)
            else:
                return None
        return found, claims

    def _axes(self, element: Element, other: Array) -> dict[Axis, Affine] | None:
        """For each axis of an array of a loop, what it is in those of another that does the same; None: it does not."""
        array, t, others = element
        if array.op != other.op or len(array.args) != len(other.args):
            return None
        if [x.size for x in array.over] != [x.size for x in other.over]:
            return None
        env = dict(zip(self.others(array), others)) | {x: Affine(0, {y: 1}) for x, y in zip(array.over, other.over)}
        env[self._time[array]] = Affine(t)
        if array.op in ("concatenation", "flattened", "scan"):
            along = env[array.axes[array.along]].plain()
            if array.edges != other.edges or along is not other.axes[other.along]:
                return None
            for a, b in zip(array.args, other.args) if array.op != "flattened" else ():
                parts, its = ([x for x in o.axes if x not in of.axes] for o, of in ((a, array), (b, other)))
                if len(parts) != len(its) and b.axes:
                    return None
                env |= {x: Affine(0, {y: 1}) for x, y in zip(parts, its)}
        return env

    def reads(self, element: Element, operand: Operand, e: Extent, news: Mapping[At, Operand]) -> bool:
        """Is an operand what is known to be read of the loop?"""
        found = self.element(operand, e) if isinstance(operand, Read) else None
        if found is not None:
            return found[:2] == element[:2] and all(map(is_same, found.places, element.places))
        start = e.starts.get(element[:2]) or news.get(element[:2])
        if start is None:
            return False
        env = dict(zip(self.others(element.array), element.places))
        at = Read(start.array, [composed(p, env) for p in start.places]) if isinstance(start, Read) else start
        return is_equal(at, operand)
