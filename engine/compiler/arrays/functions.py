"""The functions that a text of arrays is written in, on NumPy: rows of the table elementwise, and what goes along an axis.

A row that has no function here runs its own forward on one element after the other: slower, and eager mode's bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...rule import TABLE, Op

Numbers = Any  # an array, or a number of NumPy's

# Rows that NumPy has under the same name or another.
SAME = {name: name for name in ("copysign", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt",
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arccosh",
    "arctanh", "hypot", "floor", "ceil", "trunc", "maximum", "minimum", "fmod", "power", "abs", "square")}  # fmt: skip


def functions(rows: Mapping[str, Op]) -> dict[str, Callable[..., Numbers]]:
    """By name, what a text may call.

    Args:
        rows: those of a program, a user's own among them.
    """
    import numpy as np

    from .numpy_rows import WRITTEN

    def elementwise(row: Op) -> Callable[..., Numbers]:
        each = np.frompyfunc(row.forward, len(row.partials), 1)
        return lambda *args: np.asarray(each(*args), np.result_type(*args, np.float32))

    found: dict[str, Callable[..., Numbers]] = {}
    for name, row in {**TABLE, **rows}.items():
        if row.lists:
            continue
        if TABLE.get(name) is not row:
            found[name] = elementwise(row)
        elif name in SAME:
            found[name] = getattr(np, name)
        elif name not in WRITTEN:
            found[name] = elementwise(row)
    return {**found, **WRITTEN}
