"""Arguments: what is asked of an argument in nn, beside what `engine.arguments` asks: is it a number, a row, a name?

A question is answered here without an error, so that who asks can say what is legal in its own words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, SupportsIndex, TypeGuard, TypeVar

from engine import Value

T = TypeVar("T")
Number = float | Value
Inputs = Number | Iterable[Number]  # of a Module: one, or a row


def shape(x: object) -> tuple[int, ...] | None:
    """The shape of an array; None of what has none."""
    found: tuple[int, ...] | None = getattr(x, "shape", None)
    return found


def is_whole(x: object) -> TypeGuard[SupportsIndex]:
    """Whether x is a whole number, and neither True nor False nor an array."""
    return hasattr(x, "__index__") and not isinstance(x, bool) and not shape(x)


def is_row(x: object) -> TypeGuard[Iterable[object]]:
    """Whether x has elements in an order: no text, no set, no dict."""
    return isinstance(x, Iterable) and not isinstance(x, (str, bytes, dict, set, frozenset))


def is_alone(x: object) -> bool:
    """Whether x is one Value, which NumPy may have put into an array of shape ()."""
    if x.__class__ is Value:
        return True
    return getattr(x, "shape", None) == () and getattr(getattr(x, "dtype", None), "kind", "") == "O"


def is_missing(x: object) -> bool:
    """Whether x stands for a number that is missing: None, or pandas' NA."""
    return x is None or type(x).__name__ in ("NAType", "NaTType")


def plain(x: Any) -> Any:
    """Arrays, frames, sparse matrices and tuples as lists, NumPy's numbers as Python's; all else as it is."""
    if x.__class__ is float or x.__class__ is list:
        return x
    if callable(getattr(x, "toarray", None)):  # SciPy's sparse matrices
        x = x.toarray()
    if callable(getattr(x, "to_numpy", None)):  # pandas, polars
        x = x.to_numpy()
    if hasattr(x, "shape") and callable(getattr(x, "tolist", None)):
        return x.tolist()
    return list(x) if isinstance(x, tuple) else x


def several(x: T | list[T] | tuple[T, ...]) -> list[T]:
    """One thing, or a list of them, as a list.

    >>> from nn.arguments import several
    >>> several("accuracy"), several((1, 2))
    (['accuracy'], [1, 2])
    """
    return list(x) if isinstance(x, (list, tuple)) else [x]


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of a message about a name that is wrong: the one that was meant, if any is near."""
    import difflib  # when a name is wrong

    near = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean {near[0]!r}?" if near else ""
