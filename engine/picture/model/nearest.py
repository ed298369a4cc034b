"""The nodes nearest the roots of a large graph, chosen by counting, before anything is worked out for the others."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from ...formulas.graph_names import LARGE
from ...value import Value

LARGE_CALLED = 30_000  # nodes, where calls of one Module share a box
MANY = 5  # calls of a Module from which they share a box

Thing = TypeVar("Thing")


def nearest_first(
    roots: Iterable[Thing], uses: Mapping[Thing, int], arguments: Callable[[Thing], Iterable[Thing]], limit: int
) -> dict[Thing, None]:
    """The first `limit` things from the roots down, none before all of its uses."""
    shown: dict[Thing, None] = {}
    waiting: dict[Thing, int] = {}
    queue = deque(dict.fromkeys(r for r in roots if not uses[r]))
    while queue and len(shown) < limit:
        thing = queue.popleft()
        shown[thing] = None
        for a in arguments(thing):
            waiting[a] = waiting.get(a, uses[a]) - 1
            if not waiting[a]:
                queue.append(a)
    return shown


class Nearest:
    """What is shown of a large graph, and how much lies behind it.

    Attributes:
        shown: the nodes nearest the roots, none before all of its users, so that each chain rule shown is whole.
        behind: for each node that is used by those shown and not shown itself, the first of them that depends on it.
        counts: for each of these how many nodes are not shown and behind it first.
        size: how many nodes there are.
    """

    def __init__(self, uses: dict[Value, int], roots: Sequence[Value], limit: int) -> None:
        self.size = len(uses)
        self.shown = nearest_first(roots, uses, _arguments, limit)
        self.behind: dict[Value, Value] = {}
        self.counts: dict[Value, int] = {}
        seen: dict[Value, int] = {}
        left = {a for v in self.shown for a in _arguments(v) if a not in self.shown}
        for v in self.shown:
            first = [a for a in dict.fromkeys(_arguments(v)) if a not in self.shown]
            before = len(seen)
            _count_uses(dict.fromkeys([a for a in first if a not in seen], 1), seen)
            if len(seen) > before:
                self.counts[v] = len(seen) - before
                edge = [a for a in left if a in seen]
                self.behind.update(dict.fromkeys(edge, v))
                left.difference_update(edge)


def nearest(roots: Sequence[Value], limit: int, most: int) -> Nearest | None:
    """What is shown of a graph that is large and of too many parts, whatever is closed; else None.

    Args:
        roots: the Values whose graph it is.
        limit: how many nodes to show.
        most: how many parts, outermost calls of Modules and nodes outside of all, are not too many.
    """
    uses: dict[Value, int] = {}
    _count_uses(dict.fromkeys(roots, 0), uses)
    if len(uses) <= LARGE or not _has_more_parts(uses, most, len(uses) <= LARGE_CALLED):
        return None
    return Nearest(uses, roots, limit)


def _has_more_parts(nodes: dict[Value, int], most: int, folds: bool) -> bool:
    """Whether there are more than `most`; not where many are calls of one Module, and these are to share a box."""
    parts: set[object] = set()
    calls: dict[int, int] = {}
    for v in nodes:
        if v.op is not None:
            part: object = v
            around = v.scope
            while around is not None:
                part, around = around, around.parent
            if part not in parts:
                parts.add(part)
                module = id(getattr(part, "module", part))
                calls[module] = calls.get(module, 0) + 1
                if folds and calls[module] == MANY:
                    return False
    return len(parts) > most


def _arguments(v: Value) -> list[Value]:
    return [a for a in v.args if isinstance(a, Value)]


def _count_uses(found: dict[Value, int], uses: dict[Value, int]) -> None:
    """Add to uses some nodes, and all that is below them, each with how often it is used."""
    uses.update(found)
    stack = list(found)
    while stack:
        v = stack.pop()
        for a in (v._b, v._a) if v.op is not None and v.op.kind == 2 else v.args:
            if a.__class__ is Value:
                if a in uses:
                    uses[a] += 1
                else:
                    uses[a] = 1
                    stack.append(a)
