"""The array program: what its arrays are made of.

Every index of every operand is affine in axes, so that a slice, a transpose, a reversed axis and a window of a convolution
are one thing, a `Read`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


EXAMPLES = 2**40  # the size of the axis of examples, of which there may be any number


class NotRaisedError(NotImplementedError):
    """What a program does is no array program of reasonable length.

    Attributes:
        place: an instruction of the trace where that shows; None: it is too long as a whole.
        takes: which functions would have been one.
    """

    def __init__(self, message: str, place: int | None = None,
                 takes: str = "functions whose loops are alike from round to round") -> None:  # fmt: skip
        super().__init__(message)
        self.place, self.takes = place, takes


class Axis:
    """An index that runs from 0 to size - 1; equal to itself alone."""

    def __init__(self, size: int) -> None:
        self.size = size


class Affine:
    """An index: a start, and a slope along each axis."""

    __slots__ = ("start", "slopes")

    def __init__(self, start: int, slopes: dict[Axis, int] | None = None) -> None:
        self.start, self.slopes = start, {a: s for a, s in (slopes or {}).items() if s and a.size > 1}

    def ends(self) -> tuple[int, int]:
        """The least and the largest."""
        reach = [s * (a.size - 1) for a, s in self.slopes.items()]
        return self.start + sum(min(r, 0) for r in reach), self.start + sum(max(r, 0) for r in reach)

    def turned(self, axis: Axis) -> Affine:
        """With an axis run through from its end."""
        s = self.slopes.get(axis, 0)
        return Affine(self.start + s * (axis.size - 1), {**self.slopes, axis: -s}) if s else self

    def seen_from_the_end(self, axis: Axis) -> Affine:
        """The same place of an axis that is turned round."""
        return Affine(axis.size - 1 - self.start, {a: -s for a, s in self.slopes.items()})

    def plain(self) -> Axis | None:
        """The axis that it is, from 0 on, one by one."""
        if self.start == 0 and len(self.slopes) == 1:
            ((axis, slope),) = self.slopes.items()
            return axis if slope == 1 else None
        return None


class Number:
    """A number, or one an element of some axes."""

    def __init__(self, value: float | NDArray[np.float64], axes: Sequence[Axis] = ()) -> None:
        self.value, self.axes = value, list(axes)


class Read:
    """Elements of an array.

    Attributes:
        array: which.
        places: the index along each of its axes.
    """

    def __init__(self, array: Array, places: Sequence[Affine]) -> None:
        self.array, self.places = array, list(places)

    @property
    def axes(self) -> list[Axis]:
        """Those that it runs along, in the order of the array's."""
        return list(dict.fromkeys(a for p in self.places for a in p.slopes))


Operand = Read | Number


class Array:
    """A named array.

    Attributes:
        axes: its axes.
        op: what makes an element: a row of the table, a list op over the axis `over`, "dot" (of two factors, and a start),
            "concatenation" of parts along an axis, "flattened" of two axes into one, "argument", or "sum" over examples.
        args: of what.
        over: the axis that is used up.
        start, strides: the lattice of positions that it stands for, in its space.
        name, gradient_of: for the reader, and the name of what it is a gradient by.
        along, edges: the number of the axis of a concatenation, or of a flattened one, and where along it each part begins.
    """

    def __init__(self, space: int, start: int, strides: Sequence[int], axes: Sequence[Axis]) -> None:
        self.space, self.start, self.strides, self.axes = space, start, tuple(strides), list(axes)
        self.op, self.args, self.over, self.name, self.along = "", list[Operand](), list[Axis](), "", 0
        self.edges, self.gradient_of = list[int](), ""
        self.place = -1  # an instruction of the trace that made it
        self.demander: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of its axes."""
        return tuple([a.size for a in self.axes])

    @property
    def lattice(self) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """Start, strides and sizes."""
        return self.start, self.strides, self.shape

    @property
    def end(self) -> int:
        """The last position of the lattice."""
        return self.start + sum(s * (a.size - 1) for s, a in zip(self.strides, self.axes))

    @property
    def lengths(self) -> list[int]:
        """Of the parts of a concatenation."""
        ends = [*self.edges[1:], self.axes[self.along].size]
        return [end - edge for edge, end in zip(self.edges, ends)]

    def reverse(self) -> None:
        """Join the parts of a concatenation from the last to the first."""
        lengths = self.lengths[::-1]
        self.args.reverse()
        self.edges = [sum(lengths[:k]) for k in range(len(lengths))]

    def become(self, op: str, args: Sequence[Operand]) -> None:
        """Be made by an op of other operands, over no axis."""
        self.op, self.args, self.over = op, list(args), []

    def located(self, index: Affine) -> list[Affine] | None:
        """Where along each axis an index of the space is; None where it is not in the array."""
        low, high = index.ends()
        rest, slopes, places = low - self.start, dict(index.slopes), list[Affine]()
        if rest < 0 or high > self.end:
            return None
        for stride, axis in zip(self.strides, self.axes):
            first, rest = divmod(rest, stride)
            mine = {a: s for a, s in slopes.items() if abs(s) >= stride}
            if any(s % stride for s in mine.values()):
                return None
            slopes = {a: s for a, s in slopes.items() if a not in mine}
            found = Affine(first, {a: s // stride for a, s in mine.items()})
            found = Affine(first - sum(min(0, s * (a.size - 1)) for a, s in found.slopes.items()), found.slopes)
            if found.ends()[1] >= axis.size:
                return None
            places.append(found)
        return places if not rest and not slopes else None


def composed(place: Affine, env: dict[Axis, Affine]) -> Affine:
    """An index, with others for some of its axes."""
    start, slopes = place.start, dict[Axis, int]()
    for axis, slope in place.slopes.items():
        inner = env.get(axis) or Affine(0, {axis: 1})
        start += slope * inner.start
        for a, s in inner.slopes.items():
            slopes[a] = slopes.get(a, 0) + slope * s
    return Affine(start, slopes)


def rounds_of(place: Affine, length: int) -> tuple[Affine, Affine] | None:
    """An index of a flattened axis as (round, place in it); None where it runs over the end of one."""
    outer = {a: s // length for a, s in place.slopes.items() if s % length == 0}
    inner = Affine(place.start % length, {a: s for a, s in place.slopes.items() if a not in outer})
    low, high = inner.ends()
    return (Affine(place.start // length, outer), inner) if low >= 0 and high < length else None


def part_of(read: Read) -> Read:
    """The same elements, read of the part of a concatenation that they are in, if it is one, or of what was flattened.

    Parts of each other end where they began: `ordered` finds that they are a cycle.
    """
    seen = set[tuple[object, ...]]()
    while read.array.op in ("concatenation", "flattened"):
        here = (read.array, *[p.start for p in read.places])
        if here in seen:
            break
        seen.add(here)
        array, along = read.array, read.places[read.array.along]
        if array.op == "flattened":
            (grid,), rounds = array.args, rounds_of(along, array.over[1].size)
            if rounds is None or not isinstance(grid, Read):
                break
            env = dict(zip(array.axes, read.places)) | dict(zip(array.over, rounds))
            read = Read(grid.array, [composed(p, env) for p in grid.places])
            continue
        low, high = along.ends()
        k = sum(edge <= low for edge in array.edges) - 1
        end = array.edges[k + 1] if k + 1 < len(array.edges) else array.axes[array.along].size
        part = array.args[k]
        if high >= end or not isinstance(part, Read):
            break
        env = dict(zip(array.axes, read.places))
        inside = Affine(along.start - array.edges[k], along.slopes)
        env.update({a: inside for a in part.axes if a not in array.axes})
        read = Read(part.array, [composed(p, env) for p in part.places])
    return read


def through(operand: Operand) -> Operand:
    """What an operand reads in the end, past arrays that only hand on."""
    while isinstance(operand, Read) and operand.array.op in ("move", "flattened"):
        array, (inner,) = operand.array, operand.array.args
        env = dict(zip(array.axes, operand.places))
        if isinstance(inner, Number):
            return inner if not inner.axes else operand
        if array.op == "flattened":
            rounds = rounds_of(operand.places[array.along], array.over[1].size)
            if rounds is None:
                return operand
            env |= dict(zip(array.over, rounds))
        operand = Read(inner.array, [composed(p, env) for p in inner.places])
    return operand


def renamed(operand: Operand, axes: Mapping[Axis, Axis]) -> Operand:
    """The same along other axes."""
    if isinstance(operand, Number):
        return Number(operand.value, [axes.get(x, x) for x in operand.axes])
    return Read(
        operand.array, [Affine(p.start, {axes.get(x, x): s for x, s in p.slopes.items()}) for p in operand.places]
    )


def whole(array: Array) -> Read:
    """All elements of an array."""
    return Read(array, [Affine(0, {a: 1}) for a in array.axes])


def number_of(operand: object) -> float | None:
    """The number that it is everywhere."""
    return operand.value if isinstance(operand, Number) and isinstance(operand.value, float) else None


def is_same(a: Affine, b: Affine | None) -> bool:
    """Are two indices the same everywhere?"""
    return b is not None and a.start == b.start and a.slopes == b.slopes
