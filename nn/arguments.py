"""Arguments: what is asked of an argument in nn, beside what `engine.arguments` asks: is it a number, a row, a name?

A question is answered without an error, so that who asks can say what is legal in its own words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, SupportsIndex, TypeGuard, TypeVar

from engine import Operands, Value
from engine.arguments import is_number, shown

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


# Numbers and Values, alone and in lists ---------------------------------------------------------------------------------


def pairs(who: str, outputs: object, targets: object) -> list[tuple[Number, Number]]:
    """(output, target) for each number of two nested lists of the same shape."""
    found = list(_matching(who, outputs, targets))
    if not found:
        raise ValueError(f"{who} takes at least one output, got none")
    return found


def _matching(who: str, outputs: object, targets: object) -> Iterator[tuple[Number, Number]]:
    stack = [(outputs, targets)]
    while stack:
        y, t = stack.pop()
        ys, ts = elements(y), elements(t)
        if ys is None and ts is None:
            yield scalar(who, y), scalar(who, t)
        elif ys is None or ts is None or len(ys) != len(ts):
            check_first(who, "outputs", outputs, targets)
            got = ["one number" if xs is None else f"a list of {len(xs)}" for xs in (ts, ys)]
            raise ValueError(f"{who} takes targets of the shape of the outputs, got {got[0]} for {got[1]}")
        else:
            stack.extend(reversed(list(zip(ys, ts))))


def check_first(who: str, name: str, outputs: object, targets: object) -> None:
    """Refuse what are targets by all signs in the place of the outputs: numbers from 0 to 1, or fewer levels of lists,
    where the second argument has Values."""
    first, second = _numbers(outputs), _numbers(targets)
    if any(y.__class__ is Value for y in first) or not any(t.__class__ is Value for t in second):
        return
    if _depth(outputs) < _depth(targets) or all(is_number(y) and 0.0 <= y <= 1.0 for y in first):
        raise TypeError(
            f"{who} takes {name} first, then targets, got numbers and then Values; write {who}({name}, targets), or "
            f"make Values of the {name} too"
        )


def _numbers(x: object) -> list[object]:
    """What is in nested lists, each of which is looked into once: a list may hold itself."""
    found, stack, seen = [], [x], {}
    while stack:
        y = stack.pop()
        inside = elements(y)
        if inside is None:
            found.append(y)
        elif id(y) not in seen:
            seen[id(y)] = y  # kept, so that no other takes its id
            stack += inside
    return found


def _depth(x: object) -> float:
    """How many levels of lists there are, without end in a list that begins with itself."""
    seen: dict[int, object] = {}
    while inside := elements(x):
        if id(x) in seen:
            return math.inf
        seen[id(x)], x = x, inside[0]
    return len(seen)


def elements(x: object) -> list[object] | None:
    """The elements of a list, tuple, range, array or frame; None for anything else."""
    read = list(x) if isinstance(x, range) else plain(x)
    return read if isinstance(read, list) else None


def scalar(who: str, x: Any) -> Number:
    """One number or Value, as it is."""
    if x.__class__ is Value or x.__class__ is float:
        return x
    if not is_number(x):
        raise TypeError(f"{who} takes numbers and Values, in lists or arrays, got {shown(x)}")
    return Operands([x])[0]
