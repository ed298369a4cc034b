"""Integer arguments as indices: rows of arguments that take one, and what each call is checked for.

Python asks an index for its number, which a trace does not know. So where a function asks, it is traced again with lists
and arrays whose `rows[i]` is `engine.take(rows, i)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from ...lists import take
from ...value import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Rows(list[Any]):
    """A list that takes a traced index; what reads its class sees a list."""

    __class__ = property(lambda self: list)  # a class of its own to Python alone

    def __getitem__(self, i: Any) -> Any:
        if i.__class__ is Value:
            return take(self, i)
        found = super().__getitem__(i)
        return Rows(found) if i.__class__ is slice else found


class FixedRows(tuple[Any, ...]):
    """A tuple that takes a traced index; what reads its class sees a tuple."""

    __slots__ = ()
    __class__ = property(lambda self: tuple)  # a class of its own to Python alone

    def __getitem__(self, i: Any) -> Any:
        if i.__class__ is Value:
            return take(self, i)
        found = super().__getitem__(i)
        return FixedRows(found) if i.__class__ is slice else found


@cache
def array_rows() -> type[NDArray[np.object_]]:
    """The class of arrays that take a traced index, or a list or an array of them, along the first axis."""
    import numpy as np

    class ArrayRows(np.ndarray[Any, np.dtype[np.object_]]):
        def __getitem__(self, key: Any) -> Any:
            first, *rest = key if key.__class__ is tuple else (key,)
            if first.__class__ is Value:
                found = take(self, first)
                return found[tuple(rest)] if rest else found
            if isinstance(first, (list, np.ndarray)):
                places = np.asarray(first, object)
                if any(i.__class__ is Value for i in places.ravel().tolist()):
                    found = np.empty(places.shape + self.shape[1:], object)
                    for at in np.ndindex(places.shape):
                        found[at] = take(self, places[at])
                    return found[(*[slice(None)] * places.ndim, *rest)]
            return super().__getitem__(key)

    return ArrayRows


AS_ROWS: dict[type, type] = {list: Rows, tuple: FixedRows}
AS_LISTS: dict[type, type] = {Rows: list, FixedRows: tuple, list: list, tuple: tuple}


def with_sequences(tree: Any, kinds: Mapping[type, type]) -> Any:
    """A tree of lists, tuples and dicts, those of some classes made those of others."""
    order, stack, built = list[Any](), [tree], list[Any]()
    while stack:
        x = stack.pop()
        order.append(x)
        stack.extend(x if type(x) in kinds else x.values() if type(x) is dict else ())
    for x in reversed(order):
        kind = type(x)
        if kind in kinds or kind is dict:
            children = built[len(built) - len(x) :]
            del built[len(built) - len(x) :]
            x = kinds[kind](children) if kind in kinds else dict(zip(x, children))
        built.append(x)
    return built[0]


class NoRowError(IndexError):
    """An index names no row.

    Attributes:
        example: where the index is among the examples, if there are some.
    """

    example: int | None = None


class Bounds:
    """Which numbers are indices, and into how many rows.

    Args:
        who: is named where one is none.
        found: the least index and the number of rows, by operand.
        space: the space of the operands that count.
    """

    def __init__(self, who: str, found: Mapping[int, tuple[int, int]], space: int) -> None:
        import numpy as np

        mine = {operand >> 3: limits for operand, limits in found.items() if operand & 7 == space}
        self._who, self._places = who, np.array(list(mine), int)
        self._limits = np.array(list(mine.values()), float).reshape(-1, 2).T

    def check(self, numbers: NDArray[np.floating[Any]]) -> None:
        """Raise a NoRowError where a number, along the last axis, is no whole one that counts rows; nan is none."""
        if not len(self._places):
            return
        given, (least, rows) = numbers[..., self._places], self._limits
        wrong = (given != given.round()) | ~(given >= least) | ~(given < rows)
        if wrong.any():
            *_, k = at = tuple([int(x[0]) for x in wrong.nonzero()])
            error = NoRowError(
                f"{self._who} takes whole numbers from {least[k]:.0f} to {rows[k] - 1:.0f} as indices of {rows[k]:.0f} "
                f"rows, got {str(given[at]).removesuffix('.0')}"
            )
            error.example = at[0] if len(at) > 1 else None
            raise error
