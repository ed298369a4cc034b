"""Data: examples and targets as plain lists of numbers, read from lists, arrays, frames and sparse matrices.

Everything is checked here, once and before training: what is no finite number is named with its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from math import inf, isfinite, isinf
from typing import Any, cast

from engine.arguments import real, shown

from .arguments import is_missing, is_row, plain
from .init import Generator

Row = list[Any]  # numbers, or lists of them to any depth
DEEPEST = 20  # levels of a row
_PLAIN = {float, int}
_FILL = "; fill or drop such examples first"


def rows(who: str, X: object, name: str = "X") -> list[Row]:
    """The examples of X, a list of numbers each, all of one shape and finite; who and name are for messages.

    X is lists of numbers, a NumPy array, a pandas frame, a SciPy sparse matrix, or an iterable of rows.
    """
    columns = list(getattr(X, "columns", ()))
    listed = _listed(who, X, name)
    if not listed:
        raise ValueError(f"{who} takes at least one example in {name}, got none")
    read: list[Row] = []
    width: int | None = None
    for i, row in enumerate(listed):
        row = plain(row)
        if not isinstance(row, list):
            if _is_number(row):
                hint = f"; for one example write [{name}], for examples of one number [[x] for x in {name}]"
                raise ValueError(f"{who} takes rows of numbers in {name}, got the number {shown(row)} as row {i}{hint}")
            raise TypeError(f"{who} takes rows of numbers in {name}, got {shown(row)} as row {i}")
        if width is None:
            width = len(row)
            if not row:
                raise ValueError(f"{who} takes at least one number in each row of {name}, got an empty row")
        if len(row) != width:
            raise ValueError(
                f"{who} takes rows of one length in {name}, got {width} numbers in row 0, {len(row)} in row {i}"
            )
        read.append(numbers(who, row, f"row {i} of {name}", columns))
    return read


def rows_or_row(who: str, X: object) -> tuple[list[Row], bool]:
    """(the examples of X, whether X was one row alone)."""
    listed = plain(X)
    listed = list(listed) if is_row(listed) else X
    alone = isinstance(listed, list) and bool(listed) and not is_listed(listed[0])
    return rows(who, [listed] if alone else X if hasattr(X, "columns") else listed), alone


def is_listed(x: object) -> bool:
    """Whether x is no single number, but a list, an array or the like of them."""
    return isinstance(x, (list, tuple)) or (
        hasattr(x, "__len__") and not isinstance(x, (str, bytes)) and getattr(x, "shape", (0,)) != ()
    )


def targets(who: str, y: object, count: int, name: str = "y") -> list[object]:
    """The targets of y, as many as there are examples: numbers and labels as they are, rows as lists."""
    listed = _listed(who, y, name)
    if len(listed) != count:
        raise ValueError(f"{who} takes one target in {name} for each of {count} examples, got {len(listed)}")
    return [plain(t) for t in listed]


def permutation(count: int, rng: Generator) -> list[int]:
    """The numbers from 0 in random order, from `rng.random()` alone, whose sequence is the same on every Python.

    Fisher and Yates, as Durstenfeld put it (Algorithm 235, 1964).
    """
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        j = int(rng.random() * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def evenly(count: int, most: int) -> list[int]:
    """The places of up to `most` of so many examples, evenly spaced."""
    chosen = min(count, most)
    return [k * count // chosen for k in range(chosen)]


def check_order(who: str, X: object, y: object, name: str = "y") -> None:
    """Refuse frames with the same index in another order: rows are paired by place, not by label."""
    ours: Any
    theirs: Any
    ours, theirs = [getattr(frame, "index", None) for frame in (X, y)]
    if not (hasattr(ours, "sort_values") and hasattr(theirs, "sort_values")) or ours.equals(theirs):
        return
    try:
        same = ours.sort_values().equals(theirs.sort_values())
    except TypeError:  # labels that cannot be sorted
        return
    if same:
        raise ValueError(
            f"{who} takes {name} in the order of X, got the same index in another order; write {name}.loc[X.index], or "
            f"{name}.to_numpy() if they are meant to be paired by place"
        )


def numbers(who: str, row: Sequence[object], where: str, columns: Sequence[object] = (), depth: int = 0) -> Row:
    """A row as floats; rows inside it likewise, of one length. Columns have the names that are given, or numbers."""
    if depth > DEEPEST:
        place = where.rpartition(" in ")[2]
        raise ValueError(
            f"{who} takes rows of up to {DEEPEST} levels, got a deeper one, or one that contains itself, as {place}"
        )
    if _PLAIN.issuperset(map(type, row)):
        with suppress(OverflowError):  # what is no finite number is named below
            floats = list(map(float, cast("Sequence[float]", row)))
            if all(map(isfinite, floats)):
                return floats
    read: Row = []
    for j, x in enumerate(row):
        if x.__class__ is not float:
            x = plain(x)
            if isinstance(x, list):
                if read and not (isinstance(read[0], list) and len(read[0]) == len(x)):
                    raise ValueError(f"{who} takes rows of one shape, got another at {j} in {where}")
                read.append(numbers(who, x, f"{j} in {where}", depth=depth + 1))
                continue
            x = number(who, x, _place(j, where, columns))
            if read and isinstance(read[0], list):
                raise ValueError(f"{who} takes rows of one shape, got a number at {j} in {where}")
        elif not isfinite(x):
            raise ValueError(_not_finite(who, x, _place(j, where, columns)))
        read.append(x)
    return read


def number(who: str, x: object, where: str) -> float:
    """One number as a finite float."""
    if not _is_number(x):
        text = isinstance(x, (str, bytes))
        hint = "; turn text and categories into numbers first" if text else _FILL if is_missing(x) else ""
        raise TypeError(f"{who} takes real numbers, got {shown(x)} in {where}{hint}")
    found = real(x)
    if found is None:
        raise TypeError(f"{who} takes real numbers, got {shown(x)} in {where}")
    if isinf(found) and x not in (inf, -inf):
        raise ValueError(f"{who} takes numbers that fit a float (up to 1.8e308), got a larger one in {where}")
    if not isfinite(found):
        raise ValueError(_not_finite(who, found, where))
    return found


def _not_finite(who: str, x: float, where: str) -> str:
    return f"{who} takes finite numbers, got {x} in {where}{_FILL}"


def _place(j: int, where: str, columns: Sequence[object]) -> str:
    return f"column {repr(columns[j])[:60] if len(columns) else j} of {where}"


def _is_number(x: object) -> bool:
    return real(x) is not None


def _listed(who: str, x: object, name: str) -> list[object]:
    x = plain(x)
    if isinstance(x, list):
        return x
    if not is_row(x):
        raise TypeError(f"{who} takes a list, an array or a frame as {name}, got {shown(x)}")
    return list(x)
