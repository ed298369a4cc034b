"""Which objects there are, as bytes: two tuples of the same objects, in the same order, have equal ones."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable


def of_each(things: tuple[object, ...]) -> bytes:
    """The ids of objects."""
    return array("Q", map(id, things)).tobytes()


def _in_memory() -> Callable[[tuple[object, ...]], bytes]:
    """A function that answers the same in a tenth of the time: CPython's tuples hold addresses, and its ids are those."""
    if sys.implementation.name != "cpython":
        return of_each
    try:
        from ctypes import string_at
    except ImportError:
        return of_each
    offset, size = tuple.__basicsize__, tuple.__itemsize__

    def addresses(things: tuple[object, ...]) -> bytes:
        return string_at(id(things) + offset, len(things) * size)

    some = tuple([object() for _ in range(5)])
    return addresses if addresses(some) == of_each(some) else of_each


addresses = _in_memory()
