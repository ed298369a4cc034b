"""Arguments and results as trees: floats, lists, tuples, dicts, NumPy arrays and Modules, laid flat and put back.

A leaf that is no number (text, None, a bool, a function) belongs to the structure. Every call of a compiled function
comes through here to find its program, so this asks for a key and for speed, where `engine.transforms.trees` asks for messages.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from types import ModuleType
from typing import Any

from ...arguments import shown
from ...conversion import operand
from ...transforms.trees import container
from ...value import Value
from .keys import attributes, exact, is_hashable

LARGE = 100_000  # places of a tree from which on it is asked whether it ends

Building = tuple[Callable[[list[Any]], Any], int] | None  # how what holds so many places is built; None for a number


class Flat:
    """A tree laid flat.

    Attributes:
        leaves: its numbers: floats, Values and arrays.
        key: equal for trees of one structure; the numbers are not in it.
        holds_values: is one of the numbers a Value, those of Modules aside?
        modules: the Modules in it.
    """

    __slots__ = ("_steps", "holds_values", "key", "leaves", "modules")

    def __init__(
        self, leaves: list[Any], key: Hashable, steps: list[Building], holds_values: bool, modules: list[Any]
    ) -> None:
        self.leaves, self.key, self.holds_values, self.modules = leaves, key, holds_values, modules
        self._steps = steps

    def numbers(self) -> list[float]:
        """All numbers, in order."""
        found: list[float] = []
        for x in self.leaves:
            if hasattr(x, "shape"):
                found.extend(x.ravel().astype(float).tolist())
            else:
                found.append(x._data if x.__class__ is Value else float(x))
        return found

    def rebuild(self, leaves: Sequence[Any]) -> Any:
        """The tree with other leaves."""
        rest, built = list(leaves), list[Any]()
        for step in reversed(self._steps):
            if step is None:
                built.append(rest.pop())
            else:
                build, count = step
                children = built[: -count - 1 : -1] if count else []
                del built[len(built) - count :]
                built.append(build(children))
        return built[0]


def flat(tree: Any, who: str = "jit") -> Flat:
    """Lay a tree flat.

    Raises:
        TypeError: something in it is neither a number nor always the same.
        ValueError: it contains itself.
    """
    leaves: list[Any] = []
    key: list[Any] = []
    steps: list[Building] = []
    modules: list[Any] = []
    holds_values, most = False, LARGE
    stack = [tree]
    while stack:
        x = stack.pop()
        kind = x.__class__
        if kind is float:
            leaves.append(x)
            key.append("n")
            steps.append(None)
        elif kind is int:
            leaves.append(operand(x, who))
            key.append("n")
            steps.append(None)
        elif kind is Value:
            holds_values = True
            leaves.append(x)
            key.append("n")
            steps.append(None)
        elif kind is list or kind is tuple:
            key.append((kind, len(x)))
            steps.append((kind, len(x)))
            stack.extend(x[::-1])
        elif kind is dict:
            keys = tuple(x)
            key.append((dict, keys if _is_plain(keys) else exact(keys)))
            steps.append((partial(_dict, keys), len(keys)))
            stack.extend(reversed(x.values()))
        elif kind is str or kind is bool or x is None:
            key.append(("static", kind, x))
            steps.append((_same(x), 0))
        elif hasattr(x, "dtype") and hasattr(x, "__array__"):
            found = _array(x, who)
            if found.__class__ is bool:
                key.append(("static", bool, found))
                steps.append((_same(found), 0))
            else:
                holds_values = (
                    holds_values
                    or found.__class__ is Value
                    or getattr(getattr(found, "dtype", None), "kind", "") == "O"
                )
                leaves.append(found)
                key.append(("array", found.shape) if hasattr(found, "shape") else "n")
                steps.append(None)
        else:
            level = container(x)
            if level is None:
                key.append(("static", exact(_constant(x, who))))
                steps.append((_same(x), 0))
            elif hasattr(kind, "_flatten"):  # a Module: its numbers are floats and Values
                modules.append(x)
                leaves.extend(level.children)
                key.append(("module", exact(x, numbers=False), len(level.children)))
                steps.append((level.build, len(level.children)))
                steps.extend([None] * len(level.children))
            else:  # a class of its own of lists, tuples or dicts
                settings = attributes(x), getattr(x, "default_factory", None)
                key.append((kind, len(level.children), exact((tuple(level.keys), *settings), numbers=False)))
                steps.append((level.build, len(level.children)))
                stack.extend(reversed(level.children))
        if len(steps) > most:
            most *= 10
            _refuse_endless(tree, who)
    return Flat(leaves, tuple(key), steps, holds_values, modules)


def _is_plain(keys: Sequence[Any]) -> bool:
    """Are all of them text, so that equal ones are the same?"""
    return all(k.__class__ is str for k in keys)


def _dict(keys: Sequence[Any], children: list[Any]) -> dict[Any, Any]:
    return dict(zip(keys, children))


def _same(x: Any) -> Callable[[list[Any]], Any]:
    return lambda _: x


def _constant(x: Any, who: str) -> Any:
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


def _array(array: Any, who: str) -> Any:
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


def _refuse_endless(tree: Any, who: str) -> None:
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
