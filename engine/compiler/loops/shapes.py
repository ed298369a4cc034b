"""What two items of a trace have in common where they are rounds of one loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Positions: TypeAlias = "NDArray[np.int64]"
Flags: TypeAlias = "NDArray[np.bool_]"


def advanced(first: list[int], step: list[int], second: list[int] | None, n: int) -> list[int]:
    """The vector of a round: first + n*step, and for a quadratic one + binomial(n, 2)*second."""
    if second is None:
        return [f + n * s for f, s in zip(first, step)]
    m = n * (n - 1) // 2
    return [f + n * s + m * t for f, s, t in zip(first, step, second)]


class LoopShape(NamedTuple):
    """What must be equal for two loops to be rounds of one: the shapes in it, the sizes of their vectors."""

    body: tuple[int, ...]
    sizes: tuple[int, ...]
    quadratic: bool


Key = tuple[Any, ...]  # an op and the spaces of its operands, or a LoopShape


class Shapes:
    """Numbers for shapes: what must be equal for two items to be rounds of one loop."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self._ids: dict[Key, int] = {}

    def id(self, key: Key) -> int:
        """The number of a shape; equal keys have one number."""
        found = self._ids.get(key)
        if found is None:
            found = self._ids[key] = len(self.keys)
            self.keys.append(key)
        return found

    def unrolled(self, shape: int, vector: list[int]) -> Iterator[tuple[int, list[int]]]:
        """The instructions that an item stands for, in order."""
        stack = [(shape, vector)]
        while stack:
            shape, vector = stack.pop()
            key = self.keys[shape]
            if not isinstance(key, LoopShape):
                yield shape, vector
                continue
            body, sizes, quadratic = key
            m = sum(sizes)
            first, step = vector[1 : 1 + m], vector[1 + m : 1 + 2 * m]
            second = vector[1 + 2 * m :] if quadratic else None
            rounds = []
            for n in range(vector[0]):
                v, o = advanced(first, step, second, n), 0
                for s, size in zip(body, sizes):
                    rounds.append((s, v[o : o + size]))
                    o += size
            stack.extend(reversed(rounds))


# A round that ends with some item is as long as it is to where the same shapes ended before. So many shapes are compared by
# their hash: four for a short round, more for a long one; and no more than so many places are looked at.
ENDINGS = (4, 48)
TRIES = 24
BASE, MODULUS = 1_000_003, 2**61 - 1


class Endings:
    """The shapes on a stack, by the hashes of stretches of them."""

    def __init__(self) -> None:
        self._hashes, self._powers = [0], [1]  # of all shapes up to each
        self._places: list[dict[int, list[int]]] = [{} for _ in ENDINGS]  # where a stretch ends, by its hash
        self._same: list[list[list[int]]] = []  # for each item on the stack, those that end as it does

    def push(self, shape: int) -> None:
        """An item of this shape comes onto the stack."""
        n = len(self._same)
        self._hashes.append((self._hashes[-1] * BASE + shape + 1) % MODULUS)
        if len(self._powers) == n + 1:
            self._powers.append(self._powers[n] * BASE % MODULUS)
        self._same.append(
            [
                places.setdefault(self.hash(n + 1 - m, n + 1), [])
                for m, places in zip(ENDINGS, self._places)
                if m <= n + 1
            ]
        )
        for same in self._same[n]:
            same.append(n)

    def cut(self, n: int) -> None:
        """Only the first n items stay."""
        for same in reversed(self._same[n:]):
            for places in same:
                places.pop()
        del self._same[n:], self._hashes[n + 1 :]

    def hash(self, start: int, end: int) -> int:
        """What is equal for equal shapes, of a stretch of the stack."""
        return (self._hashes[end] - self._hashes[start] * self._powers[end - start]) % MODULUS

    def periods(self) -> Iterator[int]:
        """How long a round may be that ends here, the shortest first: as far back as the same shapes stand."""
        n = len(self._same)
        yield from range(1, ENDINGS[0])
        for m, most, same in zip(ENDINGS, [*ENDINGS[1:], n], self._same[-1]):
            for place in same[-2 : -2 - TRIES : -1]:
                if m <= n - 1 - place < most:
                    yield n - 1 - place
