"""Arguments and results as trees: floats, lists, tuples, dicts, NumPy arrays and Modules, laid flat and put back.

A leaf that is no number (text, None, a bool, a function) belongs to the structure. Every call of a compiled function
comes through here to find its program, so this asks for a key and for speed, where `engine.trees` asks for messages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from random import Random
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from ..value import Value

_FUNCTIONS = (FunctionType, MethodType, BuiltinFunctionType, ModuleType, type)
Rebuild = Callable[[Sequence[Any]], Any]


class Flat:
    """A tree laid flat.

    Attributes:
        leaves: its numbers: floats, Values and arrays.
        key: equal for trees of one structure; the numbers are not in it.
        rebuild: leaves -> the tree.
    """

    def __init__(self, leaves: list[Any], key: Hashable, rebuild: Rebuild) -> None:
        self.leaves, self.key, self.rebuild = leaves, key, rebuild


def flat(tree: Any, who: str = "jit") -> Flat:
    """Lay a tree flat."""
    leaves: list[Any] = []
    key, rebuild = _flatten(tree, leaves, who)
    return Flat(leaves, key, lambda xs: rebuild(iter(xs)))


def _flatten(tree: Any, leaves: list[Any], who: str) -> tuple[Hashable, Callable[[Any], Any]]:
    kind = tree.__class__
    if kind is float or kind is int or kind is Value:
        leaves.append(tree)
        return "n", next
    if kind is list or kind is tuple or (isinstance(tree, tuple) and hasattr(tree, "_fields")):
        parts = [_flatten(x, leaves, who) for x in tree]
        inner = [r for _, r in parts]
        make = kind._make if hasattr(kind, "_fields") else kind
        return (kind, *[k for k, _ in parts]), lambda xs: make([r(xs) for r in inner])
    if isinstance(tree, dict):
        parts = [_flatten(x, leaves, who) for x in tree.values()]
        names, inner = list(tree), [r for _, r in parts]
        return (dict, *zip(names, [k for k, _ in parts])), lambda xs: dict(zip(names, [r(xs) for r in inner]))
    if hasattr(tree, "_flatten"):
        own, rebuild = tree._flatten()
        leaves.extend(own)
        count = len(own)
        return ("module", _module_key(tree), count), lambda xs: rebuild([next(xs) for _ in range(count)])
    if hasattr(tree, "__array__") and hasattr(tree, "dtype"):
        return _flatten_array(tree, leaves, who)
    if not _is_constant(tree):
        what = "a list of what it yields" if hasattr(tree, "__next__") else "its numbers"
        hint = f"return {what}" if who != "jit" else f"pass {what}, or name its argument in static_argnames"
        raise TypeError(
            f"{who} takes numbers, lists, tuples, dicts, arrays and Modules, got {tree!r:.60} of type {kind.__name__}; {hint}"
        )
    return ("static", kind, tree), lambda xs: tree


def _is_constant(x: Any) -> bool:
    """Is it equal only to what is the same for good? An object that is equal to itself alone may change."""
    kind = x.__class__
    if kind.__hash__ is object.__hash__:
        return x is None or x is ... or kind is object or callable(x) or isinstance(x, ModuleType)
    try:
        hash(x)
    except TypeError:
        return False
    return True


def _module_key(module: Any) -> Hashable:
    """What a Module is besides its numbers: its class and settings, those of Modules inside included."""
    parts: list[Any] = []
    stack = [module]
    seen = set()
    while stack:
        x = stack.pop()
        if id(x) in seen:
            continue
        if isinstance(x, (list, tuple, deque)):
            parts.append((type(x), len(x)))
            stack.extend(x)
        elif isinstance(x, dict):
            parts.append(tuple(map(repr, x)))
            stack.extend(x.values())
        elif hasattr(x, "_flatten"):
            seen.add(id(x))
            parts.append(type(x))
            stack.append(_attributes(x))
        elif isinstance(x, Value):
            parts.append("n")
        elif isinstance(x, (str, int, float, bool, type(None), *_FUNCTIONS)):
            parts.append(x)
        elif hasattr(x, "tobytes") and hasattr(x, "dtype"):
            objects = x.dtype.kind == "O"
            parts.append((type(x), x.shape, x.dtype.str, None if objects else x.tobytes()))
            stack.extend(x.ravel().tolist() if objects else ())
        elif isinstance(x, set):
            parts.append((set, frozenset(x)))
        elif _is_constant(x) and not callable(x):
            parts.append((type(x), x))
        else:  # an object, of which public attributes are settings; those of a generator say what it drew
            seen.add(id(x))
            parts.append(x if callable(x) else type(x))
            settings = {k: y for k, y in _attributes(x).items() if k[0] != "_"}
            if settings and not isinstance(x, Random):
                stack.append(settings)
    return tuple(parts)


def _attributes(x: Any) -> dict[str, Any]:
    """The attributes of an object by name, the public ones in slots too."""
    held: dict[str, Any] = getattr(x, "__dict__", {})
    slots = _slots(x.__class__)
    return {**held, **{k: getattr(x, k) for k in slots if hasattr(x, k)}} if slots else held


@cache
def _slots(kind: type) -> tuple[str, ...]:
    named = [c.__dict__.get("__slots__", ()) for c in kind.__mro__]
    return tuple([k for names in named for k in ((names,) if isinstance(names, str) else names) if k[0] != "_"])


def _flatten_array(array: Any, leaves: list[Any], who: str) -> tuple[Hashable, Callable[[Any], Any]]:
    import numpy as np

    array = np.asarray(array)
    if array.dtype.kind == "b" and array.ndim == 0:
        flag = bool(array)
        return ("static", bool, flag), lambda xs: flag
    if array.dtype.kind not in "fiubO":
        raise TypeError(f"{who} takes arrays of real numbers, got one of {array.dtype}; convert it with astype(float)")
    if array.ndim == 0:
        leaves.append(array.item())
        return "n", next
    leaves.append(array)
    return ("array", array.shape), next
