"""Deferred: a Module whose attributes are there when one of them is first read.

A compiled step returns a Module of gradients at each call, hundreds of Values that often nobody reads. What it returns is
a Module of the right class that knows how to fill itself. Whatever can be read of it fills it first, so that only the
time tells: attributes, `vars`, copies and pickles.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from engine import Value
from engine.assignment import leaves_of_now

from .pattern import Pattern
from .structure import attributes
from .twin import SideBySide, rebuilt

T = TypeVar("T")

_PENDING = "_pending"  # the attribute of a Module that is not filled yet: a function that finds its attributes
_filling = threading.RLock()
if hasattr(os, "register_at_fork"):  # a child begins with nothing half filled, and the lock free
    os.register_at_fork(before=_filling.acquire, after_in_parent=_filling.release, after_in_child=_filling.release)


class Numbers(Protocol):
    """An array, as far as it is known here."""

    def tolist(self) -> list[Any]:
        """What is in it."""


class _Plain:
    """Has the `__dict__` that all objects have."""


_dict: Any = vars(_Plain)["__dict__"]


class Deferred(_Plain):
    """What may be filled when it is first read."""

    def __delattr__(self, name: str) -> None:
        _filled(self)
        super().__delattr__(name)

    def __getstate__(self) -> object:
        _filled(self)
        return super().__getstate__()

    if not TYPE_CHECKING:  # which would take any attribute for one that is there

        def __getattr__(self, name):
            _filled(self)
            return type(self).__getattribute__(self, name)

        @property
        def __dict__(self):
            return _filled(self)

        @__dict__.setter
        def __dict__(self, held):
            _dict.__set__(self, held)


def _filled(x: object) -> dict[str, object]:
    """The attributes of a Module, found now if they were not; what was set meanwhile stays."""
    held: dict[str, object] = _dict.__get__(x)
    if _PENDING in held:
        with _filling:
            held = _dict.__get__(x)
            if _PENDING in held:
                find: Any = held[_PENDING]
                whole = {**find(x), **held}
                del whole[_PENDING]
                _dict.__set__(x, whole)
                return whole
    return held


def later(module: T, leaves: Sequence[Value]) -> Callable[[Numbers], T]:
    """A function that makes Modules like one, with what an array holds in the places of its leaves; floats as Values.

    What changes in the Module afterwards does not count.
    """
    pattern, kind, held = Pattern(module, leaves), type(module), attributes(module)
    passes = _passes_here(kind, held.keys() - pattern.shared.keys()) and _dict.__get__(module).keys() == held.keys()
    if not (passes and pattern.known):  # then it is what is to be kept as it is
        own = [*map(object.__new__, repeat(Value, len(leaves)))]  # nobody reads what they hold
        template = rebuilt(module, SideBySide(leaves, own))
        if not passes:
            return lambda numbers: rebuilt(template, dict(zip(own, _values(numbers, leaves_of_now()), strict=True)))
        pattern = Pattern(template, own)

    def made(numbers: Numbers) -> T:
        leaves = leaves_of_now()  # what reads the Module first, as a transform may, is not what made it
        x = object.__new__(kind)
        _dict.__set__(x, {**pattern.shared, _PENDING: lambda x: pattern.attributes(_values(numbers, leaves), x)})
        return x

    return made


def _values(numbers: Numbers, leaves: Callable[[Iterable[float]], list[Value]]) -> list[Any]:
    found = numbers.tolist()
    return leaves(found) if found and found[0].__class__ is float else found


def _passes_here(kind: type, names: Iterable[str]) -> bool:
    """Does whatever reads attributes of these names, where they are not there yet, come to `Deferred`?"""
    wanted = dict.fromkeys(("__getattr__", "__delattr__", "__getstate__"), Deferred) | {"__getattribute__": object}
    ours = all(getattr(kind, name) is getattr(owner, name) for name, owner in wanted.items())
    first = next(vars(c)["__dict__"] for c in kind.__mro__ if "__dict__" in vars(c))
    return ours and first is vars(Deferred)["__dict__"] and not any(hasattr(kind, name) for name in names)
