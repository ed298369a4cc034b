"""Examples in an array, perhaps on a disk: read row by row, as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from ..arguments import plain
from ..data import Row, numbers
from .targets import Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")
Array = Any  # of NumPy's, of numbers
Index = Any  # a number, a slice, an array of numbers
Read = Any  # what there is at an index
BLOCK = 4096  # rows that are read at a time


class Stored(Sequence[T]):
    """Rows or targets in an array, perhaps on a disk, read as they are asked for.

    Args:
        table: the array.
        read: what makes one of what it holds, as numbers or lists, and of its place.
    """

    def __init__(self, table: Array, read: Callable[[Target, int], T]) -> None:
        self.table, self._read = table, read

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, i: Index) -> Read:
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        return self._read(plain(self.table[i]), int(i))


def is_stored(x: object) -> TypeGuard[Array]:
    """Whether x is an array of numbers that can be read row by row."""
    kind = getattr(getattr(x, "dtype", None), "kind", "")
    return hasattr(x, "__array_interface__") and kind in ("b", "i", "u", "f") and bool(getattr(x, "shape", ()))


def stored_rows(who: str, X: Array) -> Stored[Row]:
    """The examples of an array."""
    if X.ndim < 2 or not X.size:
        raise ValueError(f"{who} takes rows of numbers in X, one an example, got an array of shape {X.shape}")
    return Stored(X, lambda row, i: numbers(who, row, f"row {i} of X"))


def check_part(X: Sequence[Row], y: Sequence[Target], process: int, processes: int) -> None:
    """Read what this process is to see that all are numbers and targets: one part of as many as there are processes."""
    import numpy as np

    count = len(X)
    begin, end = process * count // processes, (process + 1) * count // processes
    for first in range(begin, end, BLOCK):
        last = min(end, first + BLOCK)
        if not (isinstance(X, Stored) and np.isfinite(X.table[first:last]).all()):
            for i in range(first, last):
                X[i]
        for i in range(first, last):
            y[i]


class Table:
    """The examples as rows of numbers, made when they are asked for.

    Args:
        X, y: the examples.
        row: what makes the numbers of one, masks aside.
        masks: how many there are; each is 1 until it is set.
        filled: whether a last column says which rows count, and one row more, the last, does not.
    """

    def __init__(self, X: Sequence[Row], y: Sequence[Target], row: Callable[[Row, Target], list[float]], masks: int,
                 filled: bool = False) -> None:  # fmt: skip
        self._X, self._y, self._row, self._ones, self._filled = X, y, row, [1.0] * masks, filled
        self._masks: dict[int, Sequence[float]] = {}
        self.columns = len(self._made(0)) - masks - filled
        self.shape = len(X) + filled, self.columns + masks + filled

    def __len__(self) -> int:
        return self.shape[0]

    def _made(self, i: int) -> list[float]:
        known = i if i < len(self._X) else 0
        row = [*self._row(self._X[known], self._y[known]), *self._masks.get(known, self._ones)]
        return [*row, float(known == i)] if self._filled else row

    def __getitem__(self, i: Index) -> NDArray[np.float64]:
        import numpy as np

        return np.array(self._made(int(i)) if np.ndim(i) == 0 else [self._made(k) for k in np.asarray(i).tolist()])

    def __setitem__(self, at: tuple[int, slice], masks: Sequence[float]) -> None:
        self._masks[at[0]] = masks
