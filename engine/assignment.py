"""Assignment: many numbers set in one step, all or none of them; and leaves for many numbers, as old as they are said to be."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import chain, repeat
from operator import setitem

from . import context
from .conversion import number
from .value import Value

__all__ = ["assign", "leaves_of_now"]


def assign(leaves: Iterable[Value], numbers: Iterable[float], more: Iterable[tuple[object, str, object]] = ()) -> None:
    """Set the data of leaves, and attributes of other objects, in a step that no KeyboardInterrupt can enter.

    Args:
        leaves: the Values to set.
        numbers: a float for each.
        more: (object, attribute, what it is set to), already checked: no property or descriptor is asked.

    >>> from engine import Value
    >>> from engine.assignment import assign
    >>> a, b = Value(1.0), Value(2.0)
    >>> assign([a, b], [3.0, 4.0])
    >>> a.data, b.data
    (3.0, 4.0)
    """
    leaves, more = list(leaves), list(more)
    if context.active:
        for v in leaves:
            context.refuse(v, "setting .data")
    numbers = [x if x.__class__ is float else number(x, "data", "a real number") for x in numbers]
    stores = [*[vars(holder) for holder, _, _ in more], vars(context)]
    names = [*[name for _, name, _ in more], "edits"]
    contents = [*[x for _, _, x in more], object()]
    # One call into C: all are set, or none.
    deque(chain(map(setattr, leaves, repeat("_data"), numbers), map(setitem, stores, names, contents)), 0)


def leaves_of_now() -> Callable[[Iterable[float]], list[Value]]:
    """A function that makes leaves for numbers, whenever it is called as if it were now.

    A transform, or a trace, that runs when it is called takes them for the caller's, as it would if they were there.

    >>> from engine.assignment import leaves_of_now
    >>> leaves = leaves_of_now()
    >>> leaves([1.0, 2.0])
    [Value(data=1.0, grad=–), Value(data=2.0, grad=–)]
    """
    calls = context.calls

    def made(numbers: Iterable[float]) -> list[Value]:
        found = list(map(Value, numbers))
        deque(map(setattr, found, repeat("_made_in"), repeat(calls)), 0)
        return found

    return made
