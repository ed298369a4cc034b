"""Loops in a flat trace, found again: nested loop recognition.

Ketterlin & Clauss, Prediction and trace compression of data access addresses through nested loop recognition (CGO
2008). A stack of items is kept; when its last three blocks of k items have one shape and equal differences they fold
into a loop, and when the block after a loop is what the loop predicts, the loop grows. A loop is an item too, its vector
`[count] + first + step (+ second)`, so trip counts and strides may advance in an outer loop. What differs from the
paper: once a loop grows, all its further rounds are found by one vectorised test; and in triangular nests positions are
quadratic, so there four blocks with constant second difference fold, and the short first rounds are taken in backwards.
A dot comes as the loop that it is.
"""

from __future__ import annotations

from itertools import accumulate
from sys import maxsize

from .shapes import Endings, LoopShape, Positions, Shapes, advanced

WINDOW = maxsize  # the longest loop body looked for, in items


class Single:
    """An instruction on the stack."""

    __slots__ = ("shape", "vector")

    def __init__(self, shape: int, vector: list[int]) -> None:
        self.shape, self.vector = shape, vector


class Loop:
    """A loop on the stack: its rounds' vectors are first, first + step, …"""

    shape: int
    __slots__ = ("body", "sizes", "first", "step", "second", "count", "shape", "round", "_next", "_vector")  # fmt: skip

    def __init__(self, shapes: Shapes, body: tuple[int, ...], sizes: tuple[int, ...], first: list[int], step: list[int],
                 second: list[int] | None, count: int) -> None:  # fmt: skip
        self.body, self.sizes = body, sizes
        self.shape = shapes.id(LoopShape(body, sizes, second is not None))
        self.round = 0, -1  # items of the program in the last round, and in the one before
        self.set(first, step, second, count)

    def set(self, first: list[int], step: list[int], second: list[int] | None, count: int) -> None:
        """Change the rounds."""
        self.first, self.step, self.second, self.count = first, step, second, count
        self._next: list[int] | None = None
        self._vector: list[int] | None = None

    def grow(self, rounds: int) -> None:
        """Take in rounds that are as predicted."""
        self.count += rounds
        self._vector = None
        if self._next is not None and self.second is None and rounds == 1:
            self._next = [x + s for x, s in zip(self._next, self.step)]
        else:
            self._next = None

    @property
    def next(self) -> list[int]:
        """What the vectors of a further round would be."""
        if self._next is None:
            self._next = advanced(self.first, self.step, self.second, self.count)
        return self._next

    @property
    def vector(self) -> list[int]:
        """Trip count, then what the rounds are made from."""
        if self._vector is None:
            self._vector = [self.count, *self.first, *self.step, *(self.second or ())]
        return self._vector


Item = Single | Loop


class Recogniser:
    """The stack, and the program as integer arrays: for each item a shape and a vector, these end to end.

    Args:
        shapes: what the shapes mean.
        ids: the shape of each item.
        numbers: their vectors `[position, target, operands…]`.
        starts: where each begins, and where the last ends.
        loops: those items that are loops already.
        window: the longest loop body looked for.
    """

    def __init__(self, shapes: Shapes, ids: Positions, numbers: Positions, starts: Positions, loops: dict[int, Loop],
                 window: int) -> None:  # fmt: skip
        self.shapes, self.ids, self.numbers, self.starts, self.loops = shapes, ids, numbers, starts, loops
        self.window = window
        self.stack: list[Item] = []
        self.at = 0
        self._begins: list[int] = []  # where in the program what is on the stack begins
        self._loops: list[int] = []  # where on the stack loops are
        self._due: dict[int, list[int]] = {}  # by the length of the stack: the loops that may have a next round then
        self._endings = Endings()
        self._uneven = False  # has a loop been seen whose trip count advances?

    def run(self) -> list[Item]:
        """Read the whole program; returns the items it rolls into."""
        while self.at < len(self.ids):
            self._begins[len(self.stack) :] = [self.at]  # a loop begins where the items do that it takes in
            self._push(self.loops.get(self.at) or Single(int(self.ids[self.at]), self._vectors(self.at).tolist()))
            self.at += 1
            while self._extend() or self._fold():
                self._jump()
        return self.stack

    def _vectors(self, first: int, count: int = 1) -> Positions:
        """Those of some items, in one."""
        return self.numbers[self.starts[first] : self.starts[first + count]]

    def _push(self, item: Item) -> None:
        n = len(self.stack)
        if isinstance(item, Loop):
            self._loops.append(n)
            self._due.setdefault(n + 1 + len(item.body), []).append(n)
        self.stack.append(item)
        self._endings.push(item.shape)

    def _cut(self, n: int) -> None:
        for at in range(len(self.stack) - 1, n - 1, -1):
            item = self.stack[at]
            if isinstance(item, Loop):
                self._loops.pop()
                self._due[at + 1 + len(item.body)].pop()
        self._endings.cut(n)
        del self.stack[n:]

    def _jump(self) -> None:
        """All further rounds of the last loop: one follows where its second difference with the two before it is 0."""
        loop = self.stack[-1]
        if not isinstance(loop, Loop) or loop.second is not None or loop.round[0] != loop.round[1]:
            return
        size, start, width = loop.round[0], self.at, 8
        if (
            self.ids[start - size : start] != self.ids[start - 2 * size : start - size]
        ).any():  # rounds written otherwise
            return
        while True:
            m = min(width, (len(self.ids) - self.at) // size)
            if not m:
                break
            other = self.ids[self.at : self.at + m * size] != self.ids[self.at - size : self.at + (m - 1) * size]
            alike = int(other.argmax()) // size if other.any() else m
            now, last, before = (self._vectors(self.at - d * size, alike * size) for d in (0, 1, 2))
            wrong = (now - 2 * last + before).reshape(alike, -1).any(1) if alike else other[:0]
            good = int(wrong.argmax()) if wrong.any() else alike
            self.at += good * size
            if good < m:
                break
            width *= 2
        if self.at > start:
            loop.grow((self.at - start) // size)

    def _extend(self) -> bool:
        """Let a loop take in the items after it, if they are its next round."""
        stack, n = self.stack, len(self.stack)
        for q in reversed(self._due.get(n, ())):
            loop = stack[q]
            if not isinstance(loop, Loop) or any(x.shape != s for x, s in zip(reversed(stack), reversed(loop.body))):
                continue
            if [x for item in stack[q + 1 :] for x in item.vector] == loop.next:
                loop.round = self.at - self._begins[q + 1], loop.round[0]
                self._cut(q + 1)
                loop.grow(1)
                return True
        return False

    def _fold(self) -> bool:
        """Make a loop of the last blocks, if they advance regularly."""
        stack, n = self.stack, len(self.stack)
        endings = self._endings
        for k in endings.periods():
            if 3 * k > n or k > self.window:
                break
            if not stack[-1].shape == stack[-1 - k].shape == stack[-1 - 2 * k].shape:
                continue
            if not endings.hash(n - k, n) == endings.hash(n - 2 * k, n - k) == endings.hash(n - 3 * k, n - 2 * k):
                continue
            rounds = self._rounds(k)
            if rounds is not None and self._blocks_alike(k, rounds[3]):
                first, step, second, count = rounds
                body, sizes = zip(*[(item.shape, len(item.vector)) for item in stack[n - k :]])
                loop = Loop(self.shapes, body, sizes, first, step, second, count)
                last, before = self._begins[n - k], self._begins[n - 2 * k]
                loop.round = self.at - last, last - before
                self._cut(n - count * k)
                if self._is_uneven(loop):
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

    def _is_uneven(self, loop: Loop) -> bool:
        """Do the trip counts of loops in it advance?"""
        counts = [loop.step[0], *[loop.step[at] for at in accumulate(loop.sizes[:-1])]]
        return any(step and isinstance(self.shapes.keys[s], LoopShape) for s, step in zip(loop.body, counts))

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
