"""The arguments of a function that vmap made, where its examples can go in the lanes of vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .front.flattening import Flat


class MappedExamples:
    """The arguments of a mapped call: one Flat for what is handed on whole, the examples as the rows of a table.

    Attributes:
        axes: of each argument, 0 where it is mapped, or None.
        whole: the arguments that are not mapped.
        table: one row an example.
        examples: for each mapped argument, the Flat of its first example.
        arrays: was an array mapped?
        alike: are all examples of an argument of one structure?
        holds_values: is one of the numbers a Value, those of Modules aside?
        modules: the Modules among the arguments, of examples those of the first.
        classes: the user's that say how these compute.
        key: equal for calls of one structure and as many examples.
    """

    def __init__(self, args: Sequence[Any], axes: Sequence[int | None]) -> None:
        import numpy as np

        self.axes = axes
        self.whole = Flat(tuple([a for a, axis in zip(args, axes) if axis is None]))
        mapped = [a for a, axis in zip(args, axes) if axis is not None]
        self.arrays = any(hasattr(a, "shape") for a in mapped)
        self.alike, self.holds_values, self.modules = True, self.whole.holds_values, [*self.whole.modules]
        columns = []
        self.examples: list[Flat] = []
        for a in mapped:
            if hasattr(a, "shape"):
                self.examples.append(Flat(a[0]))
                columns.append(np.asarray(a, float).reshape(len(a), -1))
                continue
            every = Flat(a)
            if len(every.key) == 1 and not every.holds_values:  # lists of numbers, of one shape
                self.examples.append(Flat(a[0]))
                columns.append(np.array(every.leaves[0]).reshape(len(a), -1))
            else:
                rows = [Flat(x) for x in a]
                self.holds_values = self.holds_values or any(row.holds_values for row in rows)
                if any(row.key != rows[0].key for row in rows):
                    self.alike = False
                    return
                self.examples.append(rows[0])
                self.modules += rows[0].modules
                columns.append(np.array([row.numbers() for row in rows]).reshape(len(rows), -1))
        self.table = np.concatenate(columns, 1)
        self.classes = self.whole.classes.union(*[example.classes for example in self.examples])
        self.key = (self.whole.key, tuple(s.key for s in self.examples), tuple(axes), self.arrays)

    def call(
        self, f: Callable[..., object], whole: Sequence[object], examples: Sequence[Sequence[object]],
        prepared: Callable[[Any], Any],
    ) -> object:  # fmt: skip
        """f of the arguments in their places, of other leaves, prepared."""
        rest = iter(self.whole.rebuild(whole))
        mapped = iter([example.rebuild(leaves) for example, leaves in zip(self.examples, examples)])
        return f(*prepared([next(rest) if axis is None else next(mapped) for axis in self.axes]))


def mapped_axes(
    args: Sequence[Any], kwargs: Mapping[str, object], in_axes: object, out_axes: object
) -> list[int | None] | None:
    """The axes of a call that runs in lanes: axis 0 of arrays and lists, or None; None where it takes the plain way."""
    axes: list[Any] = list(in_axes) if isinstance(in_axes, (list, tuple)) else [in_axes] * len(args)
    if kwargs or len(axes) != len(args) or out_axes != 0 or isinstance(out_axes, bool):
        return None
    mapped = [a for a, axis in zip(args, axes) if axis == 0 and not isinstance(axis, bool)]
    if not mapped or any(axis not in (0, None) for axis in axes):
        return None
    for a in mapped:
        is_array = hasattr(a, "shape") and a.ndim > 0 and a.dtype.kind in "fiu"
        if not (is_array or isinstance(a, list)) or not len(a) or len(a) != len(mapped[0]):
            return None
    return axes
