"""What an object is besides its numbers, as a key: equal where a program made for one is right for the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from functools import cache, partial
from numbers import Number
from random import Random
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Protocol

from ...lists import Operands
from ...value import Value

_SEQUENCES = (list, tuple, deque)
_NAMED = (FunctionType, BuiltinFunctionType, ModuleType, type)  # what is the same only as itself


class KeyReader(Protocol):
    """Who is told what a key is made of, and says where to go on."""

    def hold(self, x: object) -> bool:
        """Look at what a container holds; False where that is too much."""

    def meet(self, values: Iterable[Value]) -> None:
        """These are met, where it does not count which they are."""

    def read(self, x: object) -> list[object]:
        """What there is to be seen besides containers and attributes."""

    def is_opaque(self, x: object) -> bool:
        """Is an object's inside its library's?"""


def exact(x: Any, numbers: bool = True, watch: KeyReader | None = None) -> Hashable:
    """A key that tells apart what Python calls equal but a function may not: 1, 1.0 and True; 0.0 and -0.0; nan is nan.

    It goes into containers, Modules and objects, so that what changes in them changes it.

    Args:
        x: anything.
        numbers: whether it counts which Values, Modules and objects there are, not just what they are made of.
        watch: is told what there is, and says where to go on: into what functions and classes read, not into what
            belongs to libraries.
    """
    parts: list[Hashable] = []
    stack = [x]
    seen: dict[int, int] = {}
    met: list[object] = []  # which keeps what was made on the way, so that no two things have one id
    while stack:
        x = stack.pop()
        kind = x.__class__
        if kind is str or x is None:
            parts.append(x)
        elif kind is bool or kind is int:
            parts.append((kind, x))
        elif kind is Value:
            parts.append(x if numbers else "n")
            if watch is not None and not numbers:
                watch.meet([x])
        elif kind is float or isinstance(x, Number):
            parts.append((kind, repr(x)))
        elif kind is Operands:  # Values that are there anyway, as they were read last
            parts.append(kind)
        elif isinstance(x, _NAMED):
            parts.append(x)
            if watch is not None and id(x) not in seen:
                seen[id(x)] = len(met)
                met.append(x)
                stack.extend(watch.read(x))
        elif id(x) in seen:
            parts.append(("again", seen[id(x)]))
        elif kind is list and not numbers and set(map(type, x)) == {Value}:
            parts.append(("n", len(x)))
            if watch is not None:
                watch.hold(x)
                watch.meet(x)
        else:
            seen[id(x)] = len(met)
            met.append(x)
            if watch is not None and not watch.hold(x):
                parts.append((kind, len(x) if hasattr(kind, "__len__") else None))
            else:
                part, inside = _parts(x, kind, numbers, watch)
                parts.extend(part)
                stack.extend(inside)
    return tuple(parts)


def _parts(x: Any, kind: type, numbers: bool, watch: KeyReader | None) -> tuple[Iterable[Hashable], Iterable[object]]:
    """(what a container or an object adds to a key, where to go on)."""
    if isinstance(x, _SEQUENCES):
        return [(kind, len(x))], x
    if isinstance(x, dict):
        if all(k.__class__ is str for k in x):
            return [(kind, *x)], x.values()
        return [(kind, len(x))], [*x.values(), *x]
    if isinstance(x, (set, frozenset)):
        return [(kind, frozenset([exact(y, numbers) for y in x]))], ()
    if isinstance(x, (bytes, bytearray)):
        return [(kind, bytes(x))], ()
    if hasattr(x, "tobytes") and hasattr(x, "dtype"):
        objects = x.dtype.kind == "O"
        return [(kind, x.shape, x.dtype.str, None if objects else x.tobytes())], x.ravel().tolist() if objects else ()
    if isinstance(x, MethodType):
        return (), [x.__func__, x.__self__]
    if kind is partial:
        return [partial], [x.func, x.args, x.keywords]
    closed = isinstance(x, Random) or (watch is not None and watch.is_opaque(x))
    held = {} if closed else attributes(x)  # those of a generator say what it drew
    itself = [x if is_hashable(x) else None] if numbers or not _is_made_of(x, held) else []
    return [kind, *itself], [*([] if watch is None else watch.read(x)), held]


def _is_made_of(x: object, held: dict[str, object]) -> bool:
    """Is an object what its attributes say? A Module is, and a generator as far as a program is concerned."""
    if hasattr(x, "_flatten") or isinstance(x, Random):
        return True
    return bool(held) and type(x).__hash__ is object.__hash__ and not callable(x)


def is_hashable(x: object) -> bool:
    """Can it be a key?"""
    try:
        hash(x)
    except TypeError:
        return False
    return True


def attributes(x: Any) -> dict[str, object]:
    """The attributes of an object by name, those in slots too."""
    held: dict[str, object] = getattr(x, "__dict__", {})
    slots = _slots(x.__class__)
    return {**held, **{k: getattr(x, k) for k in slots if hasattr(x, k)}} if slots else held


@cache
def _slots(kind: type) -> tuple[str, ...]:
    found: list[str] = []
    for c in kind.__mro__:
        names = c.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            private = name[:2] == "__" != name[-2:]
            found.append(f"_{c.__name__.lstrip('_')}{name}" if private else name)  # as Python mangles it
    return tuple([name for name in found if name not in ("__dict__", "__weakref__")])


def is_generator(x: object) -> bool:
    """Does it draw random numbers?"""
    return isinstance(x, Random) or numpys_bits(x) is not None


def numpys_bits(x: object) -> Any:
    """What a generator of NumPy draws from; None for all else."""
    if not type(x).__module__.startswith("numpy.random"):
        return None
    return next((found for name in ("bit_generator", "_bit_generator") if (found := getattr(x, name, None))), None)
