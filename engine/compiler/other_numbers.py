"""Other numbers: what a compiled function is called with to see that it computes what the function does."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from random import Random
from typing import TYPE_CHECKING, Any

from ..leaves import Leaves
from ..value import Value
from .front.flattening import Flat, numbers_of
from .llvm.native_code import Numbers
from .places import Results

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NOT_TAKEN = TypeError, ValueError, ArithmeticError  # by what a function says that it does not take some numbers

Other = Callable[[Numbers, Numbers], Numbers]  # (numbers, as many between 0 and 1) -> numbers to compare at
OTHERS: tuple[Other, ...] = (  # any of their size; where a function does not take all, some near them
    lambda x, u: (2.0 * u - 1.0) * (abs(x) + (x == 0.0)),
    lambda x, u: x * (0.75 + 0.5 * u) + (x == 0.0) * (0.1 * u),
    lambda x, u: x,
)


def results_of(returned: object) -> Numbers:
    """Those in a tree."""
    import numpy as np

    return np.array([x._data if isinstance(x, Value) else x for x in Results(returned).leaves], float)


def are_close(found: Numbers, expected: Numbers, digits: float, where: NDArray[np.bool_]) -> bool:
    """Are numbers others, to some digits?"""
    import numpy as np

    found, expected = found[: len(expected)][where], expected[where]
    least = digits * 1e-4 * np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    return bool(np.allclose(found, expected, digits, least, equal_nan=True))


def give(leaves: Any, numbers: list[float]) -> None:
    """Leaves get other numbers."""
    if type(leaves) is Leaves:
        leaves.row.source.give(numbers)
        return
    made = leaves.ravel().tolist() if hasattr(leaves, "shape") else [leaves] if leaves.__class__ is Value else leaves
    for v, x in zip(made, numbers):
        v._data = x


def with_others(given: Flat, other: Other, large: int) -> Flat:
    """Arguments like these with other numbers; the leaves of Modules of so many are not made."""
    import numpy as np

    draw, changed = Random(0).random, copy(given)  # noqa: S311  no secret

    def like(x: Any) -> Any:
        before = np.array(numbers_of(x), float)
        numbers = other(before, np.array([draw() for _ in before])).tolist()
        if x.__class__ is tuple and len(x) < large:
            return tuple(map(Value, numbers))
        if hasattr(x, "shape"):
            return np.reshape(numbers, x.shape)
        return numbers if x.__class__ is list or x.__class__ is tuple else numbers[0]

    changed.leaves = [like(x) for x in given.leaves]
    return changed
