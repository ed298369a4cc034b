"""Where the numbers of arguments and results are in the arrays that native code reads and writes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, Protocol

from ..assignment import leaves_of_now
from ..gated import Products
from ..transforms.batching import stacked
from ..transforms.trees import array
from ..value import Value
from .front.flattening import Flat, Leaf
from .llvm.native_code import Numbers, aligned
from .llvm.objects import values_into

MODULE = (-1,)  # the shape of the numbers of a Module that is returned
Pieces = list[tuple[int, int, tuple[int, ...] | None]]
Reading = Callable[[Any], bool]  # takes in the numbers of an argument, if it is like the one before


class Reader(Protocol):
    """Reads arguments that are like one.

    Attributes:
        count: of its numbers.
    """

    count: int

    def into(self, place: Numbers) -> Reading:
        """What writes the numbers of an argument there."""


def pieces(leaves: Sequence[Leaf], module: tuple[int, ...] = ()) -> Pieces:
    """(first, last, shape) for each leaf of a tree, among all its numbers.

    The shape of a number alone is None, that of a list of numbers (), that of the numbers of a Module is said.
    """
    found: Pieces = []
    last = 0
    for x in leaves:
        shape = () if x.__class__ is list else module if x.__class__ is tuple else getattr(x, "shape", None)
        first, last = last, last + (1 if shape is None else x.size if hasattr(x, "shape") else len(x))
        found.append((first, last, shape))
    return found


def _later(module: Any, leaves: Sequence[Value]) -> Callable[[Any], object]:
    """A function that builds Modules like one, of which these are the leaves, of arrays; in its own time if it can."""
    if hasattr(module, "_later"):
        found: Callable[[Any], object] = module._later(leaves)
        return found
    _, rebuild = module._flatten()
    return lambda numbers: rebuild(numbers.tolist())


class Results:
    """What a function returned: a tree, and where its numbers are among the outputs.

    Attributes:
        leaves: the numbers.
        key: equal for trees of one structure.
        pieces: where those of each leaf of the tree are.
        rebuild: the tree, of other leaves.
        has_numbers, is_number: is one of the leaves a number that is in no array, and is that all?
        in_columns: can it be made of columns, one a number, where it was computed for many examples?
    """

    def __init__(self, returned: object) -> None:
        result = Flat(returned, "jit, as results,", _later)
        self.rebuild, self.key = result.rebuild, result.key
        self.leaves: list[object] = []
        self.pieces = pieces(result.leaves, MODULE)
        for x, (_, _, shape) in zip(result.leaves, self.pieces):
            self.leaves.extend([x] if shape is None else x.ravel().tolist() if hasattr(x, "shape") else x)
        shapes = [shape for _, _, shape in self.pieces]
        self.has_numbers = None in shapes or () in shapes
        self.is_number = shapes == [None] and self.rebuild([1.5]) == 1.5

        self.in_columns = all(map(_is_mapped, result.key)) and all(hasattr(m, "_later") for m in result.modules)
        result.leaves, result.modules = [], []  # below them is the whole graph

    def effects(self, pieces: Sequence[object] | None = None) -> list[tuple[str, object, int]]:
        """What to write where; in place of the last leaf what it consists of, if that is said."""
        return outputs(self.leaves if pieces is None else [*self.leaves[: self.pieces[-1][0]], *pieces])


def outputs(leaves: Sequence[object]) -> list[tuple[str, object, int]]:
    """What to write where, of numbers and products side by side."""
    at = accumulate([len(x) if isinstance(x, Products) else 1 for x in leaves], initial=0)
    return [("output", x, i) for x, i in zip(leaves, at)]


def _is_mapped(part: Any) -> bool:
    """Does vmap go into a level of a result, by what it is in the key? Not into lists; and what is no number is repeated."""
    head = part[0]
    if head.__class__ is tuple:
        return all(kind is tuple for kind, _ in part)
    if head == "static":
        return bool(part[1:] == (type(None), None))
    return part == "n" or head in ("array", "module") or (isinstance(head, type) and not issubclass(head, list))


def columns(out: Numbers, shape: tuple[int, ...] | None, arrays: bool) -> Leaf:
    """A leaf of the result for many examples, of one row for each of its numbers, as eager vmap returns it."""
    if shape is None:
        return out[0].astype(float) if arrays else out[0].tolist()
    if shape == MODULE:
        return Columns(out, arrays)
    if shape == ():
        return [columns(row[None], None, arrays) for row in out]
    return out.T.copy().reshape(out.shape[1], *shape)


def mapped_results(results: Results, out: Numbers, arrays: bool) -> object:
    """Results for many examples, of one row for each of their numbers, as eager vmap returns them."""
    import numpy as np

    if results.is_number:
        return out[0].copy() if arrays else out[0].tolist()
    if results.in_columns:
        return results.rebuild([columns(out[i:k], shape, arrays) for i, k, shape in results.pieces])
    rows = np.ascontiguousarray(out.T)
    found = []
    for row in rows.tolist() if results.has_numbers else rows:
        leaves = [
            np.asarray(row[first:last], out.dtype).reshape(shape)
            if shape
            else row[first:last]
            if shape == ()
            else row[first]
            for first, last, shape in results.pieces
        ]
        found.append(results.rebuild(leaves))
    return stacked(found, arrays)


class Columns:
    """The numbers of a Module for many examples.

    Args:
        rows: one row a number.
        arrays: do they come back in arrays?
    """

    def __init__(self, rows: Numbers, arrays: bool) -> None:
        self._rows, self._arrays, self._leaves = rows, arrays, leaves_of_now()

    def tolist(self) -> list[Leaf]:
        """For each number of the Module its Values, in a list or an array."""
        return [array(x, (len(x),)) if self._arrays else x for row in self._rows.tolist() for x in [self._leaves(row)]]


class Spaces:
    """The arrays of one call.

    Args:
        sizes: how many parameters, outputs and numbers in memory there are.
        dtype: "float64" or "float32".
        given, results: the pieces of the arguments, and of what comes back.

    Attributes:
        addresses: where each array is.
        parameters, outputs: the first two of them.
    """

    def __init__(self, sizes: Sequence[int], dtype: str, given: Pieces, results: Pieces) -> None:
        # The addresses are of these.
        self._arrays = self.parameters, self.outputs, _ = [aligned(max(size, 1), dtype) for size in sizes]
        self.addresses = [x.ctypes.data for x in self._arrays]
        self._reader: Reader | None = None  # of arguments that are built like those before
        self._reading: Callable[[Any], bool] | None = None
        self._into = [writer(self.parameters[first:last], shape) for first, last, shape in given]
        self._values = values_into(self.parameters[given[-1][0] : given[-1][1]])
        self._out = [_reader(self.outputs[first:last], shape) for first, last, shape in results]

    def write(self, leaves: Sequence[Leaf]) -> None:
        """Put the numbers of arguments where native code finds them."""
        for write, x in zip(self._into, leaves):
            write(x if x.__class__ is not tuple else [v._data for v in x])

    def write_last(self, leaf: tuple[Value, ...]) -> None:
        """Put the last of them there."""
        if not self._values(leaf):
            self._into[-1]([v._data for v in leaf])

    def take_in(self, args: object, reader: Reader) -> bool:
        """Put the numbers of arguments where native code finds them, if they are like those that are read so."""
        if self._reading is None or self._reader is not reader:
            self._reader, self._reading = reader, reader.into(self.parameters)
        return self._reading(args)

    def read(self) -> list[Leaf]:
        """The leaves of the result."""
        return [read() for read in self._out]


def writer(place: Numbers, shape: tuple[int, ...] | None) -> Callable[[Leaf], object]:
    """What puts a leaf of some shape, as in `Pieces`, where native code finds it."""
    if shape or place.dtype != float:
        return partial(place.reshape(shape or -1).__setitem__, ...)
    pack = struct.Struct(f"{len(place)}d").pack_into  # twice as fast as NumPy
    buffer = place.data
    return partial(pack, buffer, 0) if shape is None else lambda numbers: pack(buffer, 0, *numbers)


def _reader(place: Numbers, shape: tuple[int, ...] | None) -> Callable[[], Leaf]:
    if shape:
        return place.reshape(shape).copy
    return partial(place.item, 0) if shape is None else place.tolist
