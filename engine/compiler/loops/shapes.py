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
