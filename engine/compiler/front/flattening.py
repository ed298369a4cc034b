"""Arguments and results as trees: floats, lists, tuples, dicts, NumPy arrays and Modules, laid flat and put back.

A leaf that is no number (text, None, a bool, a function) belongs to the structure. Every call of a compiled function
comes through here to find its program, so this asks for a key and for speed, where `engine.transforms.trees` asks for
messages: nested lists of numbers are read level by level, in C.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from types import ModuleType
from typing import Any

from ...arguments import shown
from ...conversion import operand
from ...leaves import Leaves
from ...transforms.trees import container
from ...value import Value
from .keys import attributes, exact, is_hashable
from .layouts import layout_of
from .outside import exact_of_constant

LARGE = 100_000  # places of a tree from which on it is asked whether it ends

DEEPEST = 8  # levels of nested lists that are read as one block

Leaf = Any  # a float, a Value, an array or a list of them, or a tuple of Values
Levels = tuple[tuple[type[list[Any]] | type[tuple[Any, ...]], int], ...]
# How what holds so many places is built, or a leaf alone; None for a number.
Building = tuple[Callable[[list[Leaf]], object], int] | Callable[[Leaf], object] | None


def _like(module: Any, known: Sequence[Value]) -> Callable[[Any], object]:
    """A function that builds Modules like one, of which these are the leaves."""

    def build(leaves: Any) -> object:
        holds = getattr(module, "_is_what_it_holds", bool)()
        rebuild = module._rebuilding(known) if holds else module._flatten()[1]
        built: object = rebuild(leaves)
        if isinstance(leaves, Leaves):
            leaves.module = built, module
        return built

    return build


class Flat:
    """A tree laid flat.

    Args:
        tree: anything.
        who: is named where it is no tree of numbers.
        maker: of a Module and its leaves, makes Modules like it of theirs.

    Attributes:
        leaves: its numbers: floats and Values; those of an array as an array, those of nested lists as one list, those of
            a Module as a tuple.
        key: equal for trees of one structure; the numbers are not in it.
        holds_values: is one of the numbers a Value, those of Modules aside?
        modules: the Modules in it.
        classes: the user's that say how these compute.

    Raises:
        TypeError: something in it is neither a number nor always the same.
        ValueError: it contains itself.
    """

    __slots__ = ("_maker", "_steps", "_who", "classes", "holds_values", "key", "leaves", "modules")

    def __init__(self, tree: object, who: str = "jit",
                 maker: Callable[[Any, Sequence[Value]], Callable[[Any], object]] = _like) -> None:  # fmt: skip
        leaves: list[Leaf] = []
        key: list[Hashable] = []
        steps: list[Building] = []
        self.leaves, self.modules, self.holds_values, self._steps, self._who = leaves, list[Leaf](), False, steps, who
        self._maker, self.classes = maker, set[type]()
        most, wasted, ndarray = LARGE, 0, getattr(sys.modules.get("numpy"), "ndarray", None)
        stack: list[Any] = [tree]
        while stack:
            x = stack.pop()
            kind = x.__class__
            if kind is float:
                leaves.append(x)
                key.append("n")
                steps.append(None)
            elif kind is int or kind is Value:
                self.holds_values = self.holds_values or kind is Value
                leaves.append(operand(x, who))
                key.append("n")
                steps.append(None)
            elif kind is list or kind is tuple:
                levels, flat, kinds = _levels(x) if wasted < LARGE else _NO_BLOCK
                numbers = flat if kinds == _FLOAT else self._numbers(flat, kinds)
                if numbers:
                    leaves.append(numbers)
                    key.append(levels)
                    steps.append(partial(_nested, levels))
                else:
                    wasted += len(flat)
                    key.append((kind, len(x)))
                    steps.append((kind, len(x)))
                    stack.extend(x[::-1])
            elif kind is dict:
                keys = tuple(x)
                key.append((dict, keys if set(map(type, keys)) <= _NAMES else exact(keys)))
                steps.append((partial(_dict, keys), len(keys)))
                stack.extend(reversed(x.values()))
            elif kind is ndarray and x.shape and x.dtype.kind in _REAL:
                leaves.append(x)
                key.append(("array", x.shape))
                steps.append(None)
            elif kind is str or kind is bool or x is None:
                key.append(("static", kind, x))
                steps.append((_same(x), 0))
            elif not hasattr(kind, "_flatten") and hasattr(x, "dtype") and hasattr(x, "__array__"):
                key.append(self._array(x))
            else:
                found, inside = self._level(x, kind)
                key.append(found)
                stack.extend(inside)
            if len(steps) > most:
                most *= 10
                _refuse_endless(tree, who)
        self.key = tuple(key)

    def _numbers(self, flat: Sequence[Any], kinds: set[type]) -> list[Leaf]:
        """The entries of nested lists as floats and Values, if all are numbers; else none."""
        if not kinds <= _NUMBERS and not all(map(_is_number, flat)):
            return []
        if kinds <= _FLOATS:
            with suppress(OverflowError):  # of which `operand` says what is too large
                return [*map(float, flat)]
        self.holds_values = self.holds_values or Value in kinds
        return [operand(x, self._who) for x in flat]

    def _array(self, x: object) -> Hashable:
        """Take in an array; the key of it."""
        found = _array(x, self._who)
        if found.__class__ is bool:
            self._steps.append((_same(found), 0))
            return "static", bool, found
        self.leaves.append(found)
        self._steps.append(None)
        if found.__class__ is Value or (hasattr(found, "dtype") and found.dtype.kind == "O"):
            self.holds_values = True
        return ("array", found.shape) if hasattr(found, "shape") else "n"

    def _level(self, x: Any, kind: type) -> tuple[Hashable, Iterable[object]]:
        """Take in a Module, a container of a class of its own, or a constant: (the key of it, where to go on)."""
        if hasattr(kind, "_flatten"):  # a Module: its numbers are Values
            layout = layout_of(x)
            self.modules.append(x)
            self.classes |= layout.classes
            self.leaves.append(layout.leaves)
            self._steps.append(self._maker(x, layout.leaves))
            return ("module", layout.key, len(layout.leaves)), ()
        level = container(x)
        if level is None:
            self._steps.append((_same(x), 0))
            return ("static", exact_of_constant(_constant(x, self._who))), ()
        count = len(level.children)
        self._steps.append((level.build, count))
        settings = attributes(x), getattr(x, "default_factory", None)
        return (kind, count, exact((tuple(level.keys), *settings), numbers=False)), reversed(level.children)

    def numbers(self) -> list[float]:
        """All numbers, in order."""
        return [*chain.from_iterable(map(numbers_of, self.leaves))]

    def rebuild(self, leaves: Sequence[Leaf]) -> Any:
        """The tree with other leaves."""
        steps, built = self._steps, list[Leaf]()
        if len(steps) == 1 and steps[0] is None:
            return leaves[0]
        rest = list(leaves)
        for step in reversed(steps):
            if step is None:
                built.append(rest.pop())
            elif isinstance(step, tuple):
                build, count = step
                children = built[: -count - 1 : -1] if count else []
                del built[len(built) - count :]
                built.append(build(children))
            else:
                built.append(step(rest.pop()))
        return built[0]


def numbers_of(x: Leaf) -> list[float]:
    """Those of a leaf, in order."""
    if x.__class__ is float:
        return [x]
    if hasattr(x, "shape"):
        found: list[float] = x.ravel().astype(float).tolist()
        return found
    entries: Sequence[Any] = [x] if x.__class__ is Value else x
    return [e._data if e.__class__ is Value else e for e in entries]


_NAMES = {str}
_ROWS: set[type] = {list, tuple}
_ENTRIES: set[type] = {float, int, Value, list, tuple}
_NO_BLOCK: tuple[Levels, list[Any], set[type]] = (), [], {object}
_FLOAT, _FLOATS, _NUMBERS, _REAL = {float}, {float, int}, {float, int, Value}, ("f", "i", "u")


def _is_number(x: object) -> bool:
    """Is it an entry of a block: a float, an int, a Value, or one of NumPy's numbers?"""
    return type(x) in _NUMBERS or (
        getattr(x, "shape", None) == () and getattr(getattr(x, "dtype", 0), "kind", "") in _REAL
    )


def _levels(x: list[Any] | tuple[Any, ...]) -> tuple[Levels, list[Any], set[type]]:
    """(class and length of each level, all entries, their classes) of nested lists or tuples that have one length a level."""
    if not x or not all(y.__class__ in _ENTRIES or _is_number(y) for y in (x[-1], x[0])):
        return _NO_BLOCK
    levels: list[Any] = []
    flat, kind = [x], x.__class__
    while True:
        lengths = set(map(len, flat))
        length = lengths.pop()
        large = len(flat) * length > LARGE and len(set(map(id, flat))) < len(flat)  # it may contain itself
        if lengths or large or len(levels) == DEEPEST:
            return tuple(levels), flat, {kind}
        levels.append((kind, length))
        flat = list(chain.from_iterable(flat))
        kinds = set(map(type, flat))
        if len(kinds) != 1 or not kinds <= _ROWS:
            return tuple(levels), flat, kinds
        (kind,) = kinds


def _nested(levels: Levels, flat: list[Leaf]) -> object:
    """Nested lists of entries."""
    for kind, n in reversed(levels[1:]):
        rows = [flat[i : i + n] for i in range(0, len(flat), n)]
        flat = rows if kind is list and type(flat) is list else [*map(kind, rows)]
    return levels[0][0](flat)


def _dict(keys: Sequence[object], children: list[Leaf]) -> dict[object, Leaf]:
    return dict(zip(keys, children))


def _same(x: object) -> Callable[[list[Leaf]], object]:
    return lambda _: x


def _constant(x: object, who: str) -> object:
    """x, if it is the same for good. An object that is equal to itself alone may change."""
    kind = x.__class__
    if kind.__hash__ is object.__hash__:
        constant = x is ... or kind is object or callable(x) or isinstance(x, ModuleType)
    else:
        constant = is_hashable(x)
    if not constant:
        what = "a list of what it yields" if hasattr(x, "__next__") else "its numbers"
        hint = f"return {what}" if who != "jit" else f"pass {what}, or name its argument in static_argnames"
        raise TypeError(
            f"{who} takes numbers, lists, tuples, dicts, arrays and Modules, got {shown(x)} of type {kind.__name__}; {hint}"
        )
    return x


def _array(array: Any, who: str) -> Leaf:
    """An array of floats, one of objects if Values are in it; of no dimensions the number, Value or bool alone."""
    import numpy as np

    array = np.asarray(array)
    if array.dtype.kind not in "fiubO":
        raise TypeError(f"{who} takes arrays of real numbers, got one of {array.dtype}; convert it with astype(float)")
    if array.ndim == 0:
        alone = array.item()
        return alone if array.dtype.kind == "b" else operand(alone, who)
    if array.dtype.kind != "O":
        return array
    entries = [operand(x, who) for x in array.ravel().tolist()]
    if any(x.__class__ is Value for x in entries):
        return array
    return np.array(entries, float).reshape(array.shape)


def _refuse_endless(tree: object, who: str) -> None:
    """Raise where a tree contains itself."""
    stack, opened, ended = [(tree, False)], set[int](), set[int]()
    while stack:
        x, done = stack.pop()
        if done:
            opened.discard(id(x))
            ended.add(id(x))
        elif isinstance(x, (list, tuple, dict)) and id(x) not in ended:
            if id(x) in opened:
                raise ValueError(f"{who} takes trees that end, got one that contains itself: {shown(x)}")
            opened.add(id(x))
            stack.append((x, True))
            stack.extend([(y, False) for y in (x.values() if isinstance(x, dict) else x)])
