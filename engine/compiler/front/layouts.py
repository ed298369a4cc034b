"""Layouts: what a Module is besides its numbers, worked out once and kept while it stands."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Iterable, Sequence
from types import MappingProxyType
from typing import Any

from ...value import Value
from .keys import exact
from .outside import Watch, user_classes

MOST = 8  # Modules whose layout is kept, the latest

_UNSEEN: tuple[type, ...] = (
    MappingProxyType,
    type({}.keys()),
    type({}.values()),
)  # what holds things and is not looked into
_PLAIN = {str, int, float, bool, type(None), Value}


class Key:
    """A long key whose hash is worked out once."""

    __slots__ = ("_hash", "_parts")

    def __init__(self, parts: Hashable) -> None:
        self._parts, self._hash = parts, hash(parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return other.__class__ is Key and self._parts == other._parts


class Layout(Watch):
    """What a Module is besides its numbers.

    Args:
        module: anything that can be flattened.

    Attributes:
        key: equal where a program made for one Module is right for another.
        leaves: its numbers, as Values.
        classes: those of the user's that say how it computes.
        lasts: does it follow from what is looked at alone, so that it is right while `is_current`?
    """

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.lasts, self._met, self.classes = True, list[Value](), set[type]()
        parts = exact(module, numbers=False, watch=self)
        leaves, _ = module._flatten()
        self.leaves = tuple([v if v.__class__ is Value else Value(v) for v in leaves])
        self.key = Key((parts, _which(self._met, self.leaves)))
        self._met = []
        if self.lasts:
            self.begun()

    def hold(self, x: Any) -> bool:
        """Look at what a container holds."""
        says = True
        if hasattr(type(x), "_flatten"):
            says = getattr(x, "_is_what_it_holds", bool)()
        elif isinstance(x, (set, frozenset)):
            says = set(map(type, x)) <= _PLAIN
        self.lasts = self.lasts and says and not isinstance(x, _UNSEEN)
        self.look_at(x)
        return True

    def meet(self, values: Iterable[Value]) -> None:
        """Values that the Module holds."""
        self._met += values

    def read(self, x: object) -> list[object]:
        """What classes read is looked at by who calls it."""
        self.classes.update(user_classes(x))
        return []

    def is_opaque(self, x: object) -> bool:
        """Everything is looked into."""
        return False


def _which(met: Sequence[Value], leaves: Sequence[Value]) -> Hashable:
    """Which of the numbers of a Module each Value is that it holds, itself where it is none; None where each is another one."""
    each = set(leaves)
    if len(met) == len(each) and not each.difference(met):
        return None
    places = dict(zip(leaves, range(len(leaves))))
    return tuple([places.get(v, v) for v in met])


_kept: dict[int, tuple[weakref.ref[Any], Layout]] = {}  # by the id of the Module, which is not kept alive


def _forgetting(number: int) -> Callable[[object], object]:
    """What forgets a Module that is gone, also while Python ends, when this module's names are gone too."""
    kept = _kept
    return lambda _: kept.pop(number, None)


def layout_of(module: Any) -> Layout:
    """What a Module is now besides its numbers; or anything else that can be flattened."""
    number = id(module)
    found, layout = _kept.get(number, (None, None))
    if found is None or layout is None or found() is not module or not layout.is_current():
        layout = Layout(module)
        if layout.lasts:
            _kept[number] = weakref.ref(module, _forgetting(number)), layout
            for old in list(_kept)[:-MOST]:
                _kept.pop(old, None)
    return layout
