"""Arguments that are built like those of an earlier call, read into the arrays of native code.

A loop calls a function with arguments of one structure. To see that it is the one takes less than to work out which it is.
"""

from __future__ import annotations

import sys
from itertools import chain
from typing import Any

from .front.flattening import Flat
from .front.layouts import layout_of
from .llvm.native_code import Numbers
from .llvm.objects import nested_list, values_into
from .llvm.unpacking import Unpacking
from .places import Reader, Reading, pieces, writer

DEEPEST = 16  # levels of containers of arrays and Modules
_CONTAINERS = list, tuple, dict
_PLAIN: set[type] = {float, str, bool, type(None), *_CONTAINERS}


class _Block:
    """Reads a tree of floats."""

    def __init__(self, tree: object) -> None:
        flat = Flat(tree)
        numbers = flat.numbers()
        self.count = len(numbers)
        sizes = [len(x) if x.__class__ is list else None for x in flat.leaves]
        rebuilt = lambda x: flat.rebuild([x if n is None else [x] * n for n in sizes])  # noqa: E731
        self._unpacking = Unpacking(tree, rebuilt, numbers)

    def into(self, place: Numbers) -> Reading:
        return self._unpacking.reading(place.ctypes.data)


class _Array:
    """Reads an array of real numbers."""

    def __init__(self, like: Any) -> None:
        self._kind, self._shape, self._dtype, self.count = like.__class__, like.shape, like.dtype, like.size

    def into(self, place: Numbers) -> Reading:
        kind, shape, dtype, write = self._kind, self._shape, self._dtype, place.reshape(self._shape).__setitem__

        def read(x: Any) -> bool:
            if x.__class__ is not kind or x.shape != shape or x.dtype is not dtype:
                return False
            write(..., x)
            return True

        return read


class _Module:
    """Reads the numbers of a Module."""

    def __init__(self, module: Any) -> None:
        layout = layout_of(module)
        self._kind, self._key, self.count = module.__class__, layout.key, len(layout.leaves)

    def into(self, place: Numbers) -> Reading:
        write, write_values = writer(place, ()), values_into(place)

        def read(x: Any) -> bool:
            if x.__class__ is not self._kind:
                return False
            layout = layout_of(x)
            if layout.key is not self._key:
                if layout.key != self._key or len(layout.leaves) != self.count:
                    return False
                self._key = layout.key
            if not write_values(layout.leaves):
                write([v._data for v in layout.leaves])
            return True

        return read


class _Other:
    """Reads anything, as a first call does."""

    def __init__(self, tree: object) -> None:
        flat = Flat(tree)
        self._key, self._pieces = flat.key, pieces(flat.leaves)
        self.count = self._pieces[-1][1] if self._pieces else 0

    def into(self, place: Numbers) -> Reading:
        writers = [writer(place[first:last], shape) for first, last, shape in self._pieces]

        def read(tree: object) -> bool:
            try:
                flat = Flat(tree)
            except (TypeError, ValueError):
                return False
            if flat.key != self._key or flat.holds_values:
                return False
            for write, leaf in zip(writers, flat.leaves):
                write(leaf if leaf.__class__ is not tuple else [v._data for v in leaf])
            return True

        return read


class Container:
    """Reads what a list, a tuple or a dict of names holds; what stands side by side there and is of floats alone, at once.

    Args:
        holder: one like those that are to be read.
        dtype: "float64" or "float32".
        level: how many containers are around it.
    """

    def __init__(self, holder: Any, dtype: str, level: int = 0) -> None:
        self._kind, self._length = holder.__class__, len(holder)
        self._keys = [*holder] if self._kind is dict else None
        inside = holder if self._keys is None else tuple(holder.values())
        double = dtype == "float64"
        lists = [nested_list(x) if double and x.__class__ in (list, tuple) else None for x in inside]
        plain = [*[double and found is None and _is_plain(x) for x, found in zip(inside, lists)], False]
        first = 0
        self._parts: list[tuple[int | slice, Reader]] = []
        while first < len(inside):
            last = plain.index(False, first)
            if last > first:
                self._parts.append((slice(first, last), _block(inside[first:last])))
            if last < len(inside):
                self._parts.append((last, lists[last] or _reader(inside[last], dtype, level + 1)))
            first = last + 1
        self.count = sum([reader.count for _, reader in self._parts])

    def into(self, place: Numbers) -> Reading:
        """What writes the numbers of an argument there."""
        kind, length, keys, first = self._kind, self._length, self._keys, 0
        parts: list[tuple[int | slice, Reading]] = []
        for where, reader in self._parts:
            parts.append((where, reader.into(place[first : first + reader.count])))
            first += reader.count

        def read(x: Any) -> bool:
            if x.__class__ is not kind or len(x) != length:
                return False
            if keys is not None:
                if [*x] != keys or not _has_names(x):
                    return False
                x = tuple(x.values())
            for where, reads in parts:  # noqa: SIM110  # in less time than `all` takes
                if not reads(x[where]):
                    return False
            return True

        return read


def _reader(x: Any, dtype: str, level: int) -> Reader:
    if hasattr(x.__class__, "_flatten"):
        return _Module(x)
    if x.__class__ in _CONTAINERS and level < DEEPEST and _has_names(x) and not _is_numbers(x):
        return Container(x, dtype, level)
    if x.__class__ is getattr(sys.modules.get("numpy"), "ndarray", None) and x.shape and x.dtype.kind in "fiu":
        return _Array(x)
    return _Other(x)


def _block(tree: Any) -> Reader:
    try:
        return _Block(tree)
    except ValueError:
        return _Other(tree)


def _is_numbers(x: Any) -> bool:
    """Is it of numbers that are read in one block, or nested lists of such?"""
    return len(Flat(x).key) == 1


def _has_names(x: Any) -> bool:
    return x.__class__ is not dict or set(map(type, x)) <= {str}


def _is_plain(x: object) -> bool:
    """Is it made of floats, text, bools and None, in lists, tuples and dicts of names?"""
    level = [x]
    while level:
        if not set(map(type, level)) <= _PLAIN:
            return False
        holders: list[Any] = [y for y in level if y.__class__ in _CONTAINERS]
        if not all(map(_has_names, holders)):
            return False
        level = [*chain.from_iterable([y.values() if y.__class__ is dict else y for y in holders])]
    return True
