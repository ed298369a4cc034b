"""Arguments and results as trees: floats, lists, tuples, dicts, NumPy arrays and Modules, laid flat and put back.

A leaf that is no number (text, None, a bool, a function) belongs to the structure. Every call of a compiled function
comes through here to find its program, so this asks for a key and for speed, where `engine.transforms.trees` asks for messages.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from types import ModuleType
from typing import Any

from ...arguments import shown
from ...conversion import operand
from ...transforms.trees import container
from ...value import Value
from .keys import attributes, exact, is_hashable

LARGE = 100_000  # places of a tree from which on it is asked whether it ends

Leaf = Any  # a float, a Value, or an array of them
Building = (
    tuple[Callable[[list[Leaf]], object], int] | None
)  # how what holds so many places is built; None for a number


class Flat:
    """A tree laid flat.

    Args:
        tree: anything.
        who: is named where it is no tree of numbers.

    Attributes:
        leaves: its numbers: floats, Values and arrays.
        key: equal for trees of one structure; the numbers are not in it.
        holds_values: is one of the numbers a Value, those of Modules aside?
        modules: the Modules in it.

    Raises:
        TypeError: something in it is neither a number nor always the same.
        ValueError: it contains itself.
    """

    __slots__ = ("_steps", "_who", "holds_values", "key", "leaves", "modules")

    def __init__(self, tree: object, who: str = "jit") -> None:
        leaves: list[Leaf] = []
        key: list[Hashable] = []
        steps: list[Building] = []
        self.leaves, self.modules, self.holds_values, self._steps, self._who = leaves, list[Leaf](), False, steps, who
        most = LARGE
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
                key.append((kind, len(x)))
                steps.append((kind, len(x)))
                stack.extend(x[::-1])
            elif kind is dict:
                keys = tuple(x)
                key.append((dict, keys if all(k.__class__ is str for k in keys) else exact(keys)))
                steps.append((partial(_dict, keys), len(keys)))
                stack.extend(reversed(x.values()))
            elif kind is str or kind is bool or x is None:
                key.append(("static", kind, x))
                steps.append((_same(x), 0))
            elif hasattr(x, "dtype") and hasattr(x, "__array__"):
                key.append(self._array(x))
            else:
                found, inside = self._level(x, kind)
                key.append(found)
                stack.extend(inside)
            if len(steps) > most:
                most *= 10
                _refuse_endless(tree, who)
        self.key: Hashable = tuple(key)

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
        level = container(x)
        if level is None:
            self._steps.append((_same(x), 0))
            return ("static", exact(_constant(x, self._who))), ()
        count = len(level.children)
        self._steps.append((level.build, count))
        if hasattr(kind, "_flatten"):  # a Module: its numbers are floats and Values
            self.modules.append(x)
            self.leaves.extend(level.children)
            self._steps.extend([None] * count)
            return ("module", exact(x, numbers=False), count), ()
        settings = attributes(x), getattr(x, "default_factory", None)
        return (kind, count, exact((tuple(level.keys), *settings), numbers=False)), reversed(level.children)

    def numbers(self) -> list[float]:
        """All numbers, in order."""
        found: list[float] = []
        for x in self.leaves:
            if hasattr(x, "shape"):
                found.extend(x.ravel().astype(float).tolist())
            else:
                found.append(x._data if x.__class__ is Value else float(x))
        return found

    def rebuild(self, leaves: Sequence[Leaf]) -> Any:
        """The tree with other leaves."""
        rest, built = list(leaves), list[Leaf]()
        for step in reversed(self._steps):
            if step is None:
                built.append(rest.pop())
            else:
                build, count = step
                children = built[: -count - 1 : -1] if count else []
                del built[len(built) - count :]
                built.append(build(children))
        return built[0]


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
