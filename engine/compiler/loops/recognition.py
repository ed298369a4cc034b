"""Loops in a flat trace, found again: nested loop recognition.

Ketterlin & Clauss, Prediction and trace compression of data access addresses through nested loop recognition (CGO
2008). A stack of items is kept; when its last three blocks of k items have one shape and equal differences they fold
into a loop, and when the block after a loop is what the loop predicts, the loop grows. A loop is an item too, its vector
`[count] + first + step (+ second)`, so trip counts and strides may advance in an outer loop. What differs from the
paper: once a loop grows, all its further rounds are found by one vectorised test; and in triangular nests positions are
quadratic, so there four blocks with constant second difference fold, and the short first rounds are taken in backwards.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..front.trace import Instruction
from .shapes import LoopShape, Positions, Shapes, advanced

WINDOW = 48  # the longest loop body looked for, in items


class Single:
    """An instruction on the stack."""

    __slots__ = ("shape", "vector")
    length = 1

    def __init__(self, shape: int, vector: list[int]) -> None:
        self.shape, self.vector = shape, vector


class Loop:
    """A loop on the stack: its rounds' vectors are first, first + step, …"""

    shape: int
    __slots__ = ("body", "sizes", "first", "step", "second", "count", "next", "shape", "uneven", "round", "_vector")

    def __init__(
        self, shapes: Shapes, items: list[Item], first: list[int], step: list[int], second: list[int] | None, count: int
    ):
        self.body = tuple(item.shape for item in items)
        self.sizes = tuple(len(item.vector) for item in items)
        self.shape = shapes.id(LoopShape(self.body, self.sizes, second is not None))
        offsets = [sum(self.sizes[:k]) for k in range(len(items))]
        self.uneven = any(isinstance(item, Loop) and step[o] for item, o in zip(items, offsets))
        lengths = [item.length for item in items]
        even = not self.uneven and second is None and None not in lengths
        self.round = sum([n for n in lengths if n]) if even else None  # instructions in a round
        self.set(first, step, second, count)

    def set(self, first: list[int], step: list[int], second: list[int] | None, count: int) -> None:
        """Change the rounds."""
        self.first, self.step, self.second, self.count = first, step, second, count
        self.next = advanced(first, step, second, count)
        self._vector: list[int] | None = None

    def grow(self, rounds: int) -> None:
        """Take in rounds that are as predicted."""
        self.count += rounds
        self._vector = None
        if self.second is None and rounds == 1:
            self.next = [x + s for x, s in zip(self.next, self.step)]
        else:
            self.next = advanced(self.first, self.step, self.second, self.count)

    @property
    def vector(self) -> list[int]:
        """Trip count, then what the rounds are made from."""
        if self._vector is None:
            self._vector = [self.count, *self.first, *self.step, *(self.second or ())]
        return self._vector

    @property
    def length(self) -> int | None:
        """Instructions it stands for; None where rounds differ in length."""
        return None if self.round is None else self.round * self.count


Item = Single | Loop


class Recogniser:
    """The stack, and the trace as integer arrays: a shape and a row `[position, target, operands…]` an instruction."""

    def __init__(self, shapes: Shapes, ids: Positions, rows: Positions, widths: dict[int, int], window: int):
        self.shapes, self.ids, self.rows, self.widths, self.window = shapes, ids, rows, widths, window
        self.stack: list[Item] = []
        self.at = 0
        self._loops: list[int] = []  # where on the stack loops are
        self._where: dict[int, list[int]] = {}  # where on the stack a shape is
        self._uneven = False  # has a loop been seen whose trip count advances?

    def run(self) -> list[Item]:
        """Read the whole trace; returns the items it rolls into."""
        while self.at < len(self.ids):
            shape = int(self.ids[self.at])
            self._push(Single(shape, self.rows[self.at, : self.widths[shape]].tolist()))
            self.at += 1
            while self._extend() or self._fold():
                self._jump()
        return self.stack

    def _push(self, item: Item) -> None:
        if isinstance(item, Loop):
            self._loops.append(len(self.stack))
        self._where.setdefault(item.shape, []).append(len(self.stack))
        self.stack.append(item)

    def _cut(self, n: int) -> None:
        for item in self.stack[n:]:
            self._where[item.shape].pop()
        del self.stack[n:]
        while self._loops and self._loops[-1] >= n:
            self._loops.pop()

    def _jump(self) -> None:
        """All further rounds of the last loop: one follows where its second difference with the two before it is 0."""
        loop = self.stack[-1]
        if not isinstance(loop, Loop) or not loop.round:
            return
        size, start, width = loop.round, self.at, 8
        while True:
            m = min(width, (len(self.ids) - self.at) // size)
            if not m:
                break
            now, last, before = (slice(self.at - d * size, self.at + (m - d) * size) for d in (0, 1, 2))
            wrong = (self.ids[now] != self.ids[last]) | (self.rows[now] - 2 * self.rows[last] + self.rows[before]).any(
                1
            )
            good = int(wrong.argmax()) // size if wrong.any() else m
            self.at += good * size
            if good < m:
                break
            width *= 2
        if self.at > start:
            loop.grow((self.at - start) // size)

    def _extend(self) -> bool:
        """Let a loop take in the items after it, if they are its next round."""
        stack, n = self.stack, len(self.stack)
        for q in reversed(self._loops):
            k = n - 1 - q
            if k > self.window:
                break
            loop = stack[q]
            if not k or not isinstance(loop, Loop) or len(loop.body) != k or stack[-1].shape != loop.body[-1]:
                continue
            if any(stack[q + 1 + j].shape != loop.body[j] for j in range(k)):
                continue
            if [x for item in stack[q + 1 :] for x in item.vector] == loop.next:
                self._cut(q + 1)
                loop.grow(1)
                return True
        return False

    def _fold(self) -> bool:
        """Make a loop of the last blocks, if they advance regularly."""
        stack, n = self.stack, len(self.stack)
        same = self._where[stack[-1].shape]
        for place in range(len(same) - 2, -1, -1):
            k = n - 1 - same[place]
            if k > self.window or 3 * k > n:
                break
            if self._blocks_alike(k, 3):
                rounds = self._rounds(k)
                if rounds is not None:
                    first, step, second, count = rounds
                    loop = Loop(self.shapes, stack[n - k :], first, step, second, count)
                    self._cut(n - count * k)
                    if loop.uneven:
                        self._uneven = True
                        self._absorb(loop)
                    self._push(loop)
                    return True
        return False

    def _blocks_alike(self, k: int, blocks: int) -> bool:
        stack, n = self.stack, len(self.stack)
        for j in range(n - 1, n - 1 - k, -1):
            shape = stack[j].shape
            for d in range(1, blocks):
                if stack[j - d * k].shape != shape:
                    return False
        return True

    def _rounds(self, k: int) -> tuple[list[int], list[int], list[int] | None, int] | None:
        """(first, step, second, count) of a loop made of the last three or four blocks of k items."""
        if self._evenly_spaced(k):
            a, b = self._block(k, 3), self._block(k, 2)
            return a, [y - x for x, y in zip(a, b)], None, 3
        if 4 * k > len(self.stack) or not (self._uneven or self._counts_differ(k)) or not self._blocks_alike(k, 4):
            return None
        z, a, b, c = (self._block(k, d) for d in (4, 3, 2, 1))
        second = [p - 2 * q + r for p, q, r in zip(z, a, b)]
        if any(s - 3 * r + 3 * q - p for p, q, r, s in zip(z, a, b, c)):
            return None
        return z, [y - x for x, y in zip(z, a)], second, 4

    def _block(self, k: int, d: int) -> list[int]:
        """The vectors of the d-th block of k items from the end, in one."""
        n = len(self.stack)
        return [x for item in self.stack[n - d * k : n - (d - 1) * k] for x in item.vector]

    def _evenly_spaced(self, k: int) -> bool:
        """Do the last three blocks of k items advance by equal differences?"""
        stack, n = self.stack, len(self.stack)
        for j in range(n - 1, n - 1 - k, -1):
            for x, y, z in zip(stack[j].vector, stack[j - k].vector, stack[j - 2 * k].vector):
                if x - 2 * y + z:
                    return False
        return True

    def _counts_differ(self, k: int) -> bool:
        """Do trip counts differ between the last two blocks? Then positions advance quadratically."""
        stack, n = self.stack, len(self.stack)
        for q in reversed(self._loops):
            if q < n - k:
                return False
            loop, before = stack[q], stack[q - k]
            if isinstance(loop, Loop) and isinstance(before, Loop) and loop.count != before.count:
                return True
        return False

    def _absorb(self, loop: Loop) -> None:
        """Take in the first rounds of a triangular loop, which were too short to look like rounds."""
        while True:
            before = advanced(loop.first, loop.step, loop.second, -1)
            offsets = [sum(loop.sizes[:k]) for k in range(len(loop.body))]
            if any(isinstance(self.shapes.keys[s], LoopShape) and before[o] < 0 for s, o in zip(loop.body, offsets)):
                return
            want = [
                pair
                for s, o, size in zip(loop.body, offsets, loop.sizes)
                for pair in self.shapes.unrolled(s, before[o : o + size])
            ]
            have: list[tuple[int, list[int]]] = []
            n = len(self.stack)
            while n and len(have) < len(want):
                n -= 1
                have[:0] = list(self.shapes.unrolled(self.stack[n].shape, self.stack[n].vector))
            if not want or have != want:
                return
            self._cut(n)
            loop.set(before, [y - x for x, y in zip(before, loop.first)], loop.second, loop.count + 1)


def rolled(code: Sequence[Instruction], window: int = WINDOW) -> tuple[list[Item], Shapes]:
    """The items that a trace rolls into, and what their shapes mean: an op and the spaces of its operands."""
    import numpy as np

    shapes = Shapes()
    ids = np.empty(len(code), np.int64)
    widest = max([len(args) for _, args, _ in code], default=0)
    rows = np.zeros((len(code), 2 + widest), np.int64)
    rows[:, 0] = np.arange(len(code))
    rows[:, 1] = [target for _, _, target in code]
    for k in range(widest):
        rows[:, 2 + k] = [args[k] >> 3 if k < len(args) else 0 for _, args, _ in code]
    widths: dict[int, int] = {}
    for i, (op, args, _) in enumerate(code):
        shape = shapes.id((op, *[a & 7 for a in args]))
        widths[shape] = 2 + len(args)
        ids[i] = shape
    return Recogniser(shapes, ids, rows, widths, window).run(), shapes
