"""Plain states as JSON, with their lists of numbers beside it: what a trainer's `state()` becomes in a file.

A list of floats is moved to a tensor and stands as {"$tensor": name}, a list of equally long lists of floats as
{"$tensor": name, "columns": length}, one of whole numbers as {"$tensor": name, "whole": true}; a float that JSON has no
number for as {"$float": "nan"}. Tuples become lists. Each tensor stands once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import index

from engine.arguments import shown

from ..arguments import is_whole

Tensors = dict[str, list[float]]


def encoded(x: object, tensors: Tensors, where: str) -> object:
    """A plain state as JSON can say it, its lists of floats moved to `tensors`; messages call x what `where` says.

    >>> from nn.files.encoding import encoded
    >>> tensors = {}
    >>> encoded({"loss": [0.5, 0.25], "epoch": 2}, tensors, "state"), tensors
    ({'loss': {'$tensor': 'trainer:0'}, 'epoch': 2}, {'trainer:0': [0.5, 0.25]})
    """
    if x is None or isinstance(x, (bool, str)):
        return x
    if isinstance(x, float):
        x = float(x)
        return x if math.isfinite(x) else {"$float": repr(x)}
    if is_whole(x):
        return index(x)
    if isinstance(x, Mapping):
        for k in x:
            if not isinstance(k, str) or k.startswith("$"):
                raise TypeError(f"save takes a trainer whose {where} has text as keys, without $, got {shown(k)}")
        return {k: encoded(y, tensors, f"{where}[{k!r}]") for k, y in x.items()}
    if isinstance(x, (list, tuple)):
        rows, columns = (x, {}) if not _equal_rows(x) else ([y for row in x for y in row], {"columns": len(x[0])})
        if rows and all(isinstance(y, float) for y in rows):
            name = f"trainer:{len(tensors)}"
            tensors[name] = list(rows)
            return {"$tensor": name, **columns}
        if len(x) > 8 and all(y.__class__ is int and abs(y) <= 2**53 for y in x):  # what floats hold exactly
            name = f"trainer:{len(tensors)}"
            tensors[name] = [float(y) for y in x]
            return {"$tensor": name, "whole": True}
        return [encoded(y, tensors, f"{where}[{i}]") for i, y in enumerate(x)]
    raise TypeError(f"save takes a trainer whose {where} is plain: dict, list, number, text or None, got {shown(x)}")


def _equal_rows(x: Sequence[Sequence[object]]) -> bool:
    """Whether x is a table: lists, all of one length."""
    return all(isinstance(row, (list, tuple)) for row in x) and len({len(row) for row in x}) == 1 and bool(x[0])


def decoded(x: object, tensors: Tensors) -> object:
    """What `encoded` was given, tuples as lists.

    Raises:
        ValueError: x was not made by it, or with other tensors.
    """
    return _decoded(x, dict(tensors))


def _decoded(x: object, left: Tensors) -> object:
    if isinstance(x, list):
        return [_decoded(y, left) for y in x]
    if not isinstance(x, dict):
        return x
    if x.keys() == {"$float"} and x["$float"] in ("nan", "inf", "-inf"):
        return float(x["$float"])
    name = x.get("$tensor")
    if isinstance(name, str) and name in left and x.keys() <= {"$tensor", "columns", "whole"}:
        numbers, columns = (
            list(left.pop(name)),
            x.get("columns"),
        )  # once: a short text could ask for much, again and again
        if x.get("whole") is True and columns is None and all(n.is_integer() for n in numbers):
            return [int(n) for n in numbers]
        if columns is None and "whole" not in x:
            return numbers
        if isinstance(columns, int) and columns > 0 and "whole" not in x and len(numbers) % columns == 0:
            return [numbers[i : i + columns] for i in range(0, len(numbers), columns)]
    if any(k.startswith("$") for k in x):
        raise ValueError("its state refers to no tensor, or to one twice")
    return {k: _decoded(y, left) for k, y in x.items()}
