"""What the pieces of an array read, as one operand each: numbers, or one index over the whole lattice."""

from __future__ import annotations

from collections.abc import Sequence
from struct import unpack
from typing import NamedTuple

from ..front.trace import CONSTANT
from .producers import Piece, at_rounds
from .program import Affine, Array, Number
from .words import Words


class Slot(NamedTuple):
    """An operand of a piece: a number of its own, or an index, of a list with a step and a count."""

    space: int
    size: int
    start: int
    slopes: tuple[int | None, ...]  # None: the box is one round long there
    step: int
    number: float | None
    which: int


def slots(piece: Piece) -> list[Slot]:
    """The operands of a piece."""
    found = list[Slot]()
    args = iter(piece.statement.args)
    for space, index in args:
        which = len(found)
        if isinstance(space, bytes):
            found.append(Slot(CONSTANT, 0, 0, (), 0, float(unpack("d", space)[0]), which))
        else:
            start, slopes = piece.affine(index)
            known = tuple([s if n > 1 else None for s, n in zip(slopes, piece.sizes)])
            step = 0
            if space >> 3:
                _, p = next(args)
                step = at_rounds(p, piece.env)
            found.append(Slot(space & 7, space >> 3, start, known, step, None, which))
    return found


def fitted(
    words: Words, array: Array, pieces: Sequence[Piece], slots: Sequence[Slot]
) -> tuple[Slot, Affine | Number] | None:
    """An operand as one index over the whole lattice; None where the pieces read different things."""
    if slots[0].space == CONSTANT:
        return slots[0], _numbers(words, array, pieces, slots)
    if len({s.step for s in slots if s.size > 1}) > 1:
        return None
    slopes = list[int]()
    for a in range(len(array.axes)):
        known = {s.slopes[a] for s in slots if s.slopes[a] is not None}
        if len(known) > 1:
            return None
        slopes.append(known.pop() or 0 if known else _between(pieces, slots, a))
    starts = {s.start - sum(o * k for o, k in zip(p.offset, slopes)) for p, s in zip(pieces, slots)}
    if len(starts) > 1:
        return None
    return slots[0], Affine(starts.pop(), dict(zip(array.axes, slopes)))


def _numbers(words: Words, array: Array, pieces: Sequence[Piece], slots: Sequence[Slot]) -> Number:
    """The constants that an operand is, over the lattice."""
    import numpy as np

    count = slots[0].size
    if all(s.number is not None for s in slots):
        values = np.array([s.number for s in slots])
        if len(set(values.view("i8").tolist())) == 1:
            return Number(float(values[0]))
    whole = np.empty((*array.shape, *([count] if count else [])))
    for p, s in zip(pieces, slots):
        box = tuple([slice(o, o + n) for o, n in zip(p.offset, p.sizes)])
        if s.number is not None:
            whole[box] = s.number
            continue
        start, steps = p.affine(p.statement.out)
        at = np.array(start)
        for step, n in zip(steps, p.sizes):
            at = np.add.outer(at, step * np.arange(n))
        numbers = [words.numbers[x, s.which] for x in at.ravel().tolist()]
        whole[box] = np.array(numbers).reshape((*p.sizes, *([count] if count else [])))
    bits = whole.ravel().view("i8")
    if (bits == bits[0]).all():
        return Number(float(whole.flat[0]))
    return Number(whole, array.axes)


def _between(pieces: Sequence[Piece], slots: Sequence[Slot], a: int) -> int:
    """The slope along an axis on which all boxes are one round long, from two that differ in it alone."""
    corners: dict[tuple[int, ...], tuple[int, int]] = {}
    for p, s in zip(pieces, slots):
        rest = (*p.offset[:a], *p.offset[a + 1 :])
        if rest in corners and corners[rest][0] != p.offset[a]:
            at, start = corners[rest]
            return (s.start - start) // (p.offset[a] - at)
        corners.setdefault(rest, (p.offset[a], s.start))
    return 0
