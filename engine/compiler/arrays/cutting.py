"""How lattices of positions are found, and cut: where what is done changes, and which rounds repeat."""

from __future__ import annotations

from collections.abc import Sequence

from ..front.trace import CONSTANT
from .producers import Piece
from .program import Affine, Array, Axis, NotRaisedError, Read


class Known:
    """Arrays of one space, found by where they begin and end."""

    def __init__(self) -> None:
        self.arrays = list[Array]()
        # By the size of what they reach over, and about where, (number, start, end) of each.
        self._near: dict[int, dict[int, list[tuple[int, int, int]]]] = {}

    def add(self, array: Array) -> None:
        """Know one more."""
        start, end = array.start, array.end
        level = (end - start).bit_length()
        self._near.setdefault(level, {}).setdefault(start >> level, []).append((len(self.arrays), start, end))
        self.arrays.append(array)

    def around(self, low: int, high: int) -> list[Array]:
        """Those that begin no later and end no earlier, in the order in which they came to be known."""
        found = list[int]()
        for level, places in self._near.items():
            for near in (places.get(low >> level, ()), places.get((low >> level) - 1, ())):
                found += [k for k, start, end in near if start <= low and high <= end]
        return [self.arrays[k] for k in sorted(found)]


def say_flat_part(array: Array, whole: Array, index: Affine) -> bool:
    """Say what an index is of an array where two of its axes, laid flat, are one of its own."""
    for at, (axis, slope) in enumerate(index.slopes.items()):
        for stride in whole.strides:
            length = stride // abs(slope)
            if stride % slope == 0 and 1 < length < axis.size and axis.size % length == 0:
                outer, inner = Axis(axis.size // length), Axis(length)
                slopes = {a: s for a, s in index.slopes.items() if a is not axis}
                places = whole.located(Affine(index.start, {**slopes, outer: slope * length, inner: slope}))
                if places is not None:
                    array.op, array.args, array.over, array.along = (
                        "flattened",
                        [Read(whole, places)],
                        [outer, inner],
                        at,
                    )
                    return True
    return False


def lattice_of(index: Affine) -> tuple[int, list[int], list[Axis], list[Affine]]:
    """(start, strides, axes, where along these) of an array that an index runs through, the longest stride first."""
    low, _ = index.ends()
    order = sorted(index.slopes.items(), key=lambda item: -abs(item[1]))
    strides, axes, places = list[int](), list[Axis](), list[Affine]()
    for axis, slope in order:
        stride = abs(slope)
        place = Affine(0 if slope > 0 else axis.size - 1, {axis: 1 if slope > 0 else -1})
        if strides and strides[-1] % stride == 0 and strides[-1] < stride * axis.size:
            # Windows: two axes that overlap are one.
            factor = strides[-1] // stride
            size = (axes[-1].size - 1) * factor + axis.size
            before = places[-1]
            merged = Affine(
                before.start * factor + place.start, {a: s * factor for a, s in before.slopes.items()} | place.slopes
            )
            strides[-1], axes[-1], places[-1] = stride, Axis(size), merged
            continue
        strides.append(stride)
        axes.append(Axis(axis.size))
        places.append(place)
    return low, strides, axes, places


def splits(pieces: Sequence[Piece], a: int, edge: int) -> bool:
    """Does no piece reach over an edge?"""
    return all(not (p.offset[a] < edge < p.offset[a] + p.sizes[a]) for p in pieces)


def kind_of(piece: Piece) -> tuple[object, ...]:
    """What a piece does, of what spaces, of lists of what length."""
    return (piece.statement.op, *[CONSTANT if isinstance(space, bytes) else space for space, _ in piece.statement.args])


def row_along(array: Array, pieces: Sequence[Piece], a: int) -> list[tuple[int, tuple[int, ...]]]:
    """(length, statements) of the pieces along an axis; empty where they are no grid."""
    rows: dict[object, list[tuple[int, int]]] = {}
    for p in sorted(pieces, key=lambda p: p.offset[a]):
        beside = p.offset[:a], p.offset[a + 1 :], p.sizes[:a], p.sizes[a + 1 :]
        rows.setdefault(beside, []).append((p.sizes[a], id(p.statement)))
    lengths = {tuple([n for n, _ in row]) for row in rows.values()}
    if len(lengths) != 1 or sum(lengths.pop()) != array.shape[a]:
        return []
    return [(column[0][0], tuple([statement for _, statement in column])) for column in zip(*rows.values())]


def period(row: Sequence[tuple[int, tuple[int, ...]]]) -> int:
    """The length of the rounds in which pieces repeat; 0: they do not, or are one element each."""
    for n in range(1, len(row) // 2 + 1):
        if len(row) % n == 0 and row[n:] == row[:-n]:
            length = sum(size for size, _ in row[:n])
            return length if length > 1 else 0
    return 0


def edges_of(array: Array, pieces: Sequence[Piece], serial: bool) -> tuple[int, list[int]]:
    """(the axis along which an array is cut, where its parts begin).

    Args:
        array: what is made of several pieces.
        pieces: they.
        serial: are they made in rounds that feed each other?

    Raises:
        NotRaisedError: it cannot be cut.
    """
    if len(pieces) == 1:
        raise NotRaisedError("its indices do not advance evenly", array.place)
    found = [sorted({p.offset[a] for p in pieces if splits(pieces, a, p.offset[a])}) for a in range(len(array.axes))]
    # What a round puts side by side is made by several; each of them is what it was before the loop, then what rounds made.
    a = max(range(len(found)), key=lambda a: (len(found[a]) > 1, a if serial else -len(found[a])))
    edges = found[a]
    if len(edges) < 2:
        raise NotRaisedError("its loops are cut in no regular way", array.place)
    row, kinds = row_along(array, pieces, a), {id(p.statement): kind_of(p) for p in pieces}
    if period(row[1:]):
        return a, edges[:2]
    if period(row[:-1]):
        return a, [0, edges[-1]]
    if row:
        done = [[kinds[x] for x in statements] for _, statements in row]
        apart = [edge for edge, before, here in zip(edges[1:], done, done[1:]) if before != here]
        return a, [0, *apart] if apart else edges
    return a, edges
