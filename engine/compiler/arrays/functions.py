"""The functions that a text of arrays is written in: rows of the table elementwise, and what goes along an axis.

On NumPy a row that has no function here runs its own forward on one element after the other: slower, and eager mode's bits.
XLA has none such: `missing` says which row that is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...rule import TABLE, Op
from .rows import Rows

Numbers = Any  # an array, or a number of the library's

# Rows that NumPy has under the same name or another.
SAME = ("copysign", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "arcsin", "arccos",
    "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "hypot", "floor", "ceil", "trunc",
    "maximum", "minimum", "fmod", "power", "abs", "square")  # fmt: skip


def functions(rows: Mapping[str, Op], library: str = "numpy") -> dict[str, Callable[..., Numbers]]:
    """By name, what a text may call.

    Args:
        rows: those of a program, a user's own among them.
        library: "numpy" or "xla".
    """
    if library == "xla":
        from .xla import numpy, special

        np, known = numpy(), special()
    else:
        import numpy as np

        known = {}
    known = {**{name: getattr(np, name) for name in SAME}, **known, **Rows(np).named()}

    def elementwise(row: Op) -> Callable[..., Numbers]:
        each = np.frompyfunc(row.forward, len(row.partials), 1)
        return lambda *args: np.asarray(each(*args), np.result_type(*args, np.float32))

    for name, row in {**TABLE, **rows}.items():
        if row.lists:
            continue
        if TABLE.get(name) is not row or name not in known:
            if library == "xla":
                known.pop(name, None)
            else:
                known[name] = elementwise(row)
    return known
