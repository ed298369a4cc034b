"""Sums of squares: where a function ends with that of its leaves, as an L2 term is written, it is the dot that it adds up to.

Most nodes of a few examples would be of such a term.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import is_
from typing import Any

from ...lists import DOT
from ...rule import TABLE
from ...value import Value

LEAST = 16  # squares from which on they are looked for
LAST = 8  # so many nodes may come after their sum
ADD, MUL, TOTAL = (TABLE[name] for name in ("add", "mul", "total"))


def gathered(nodes: list[Value], leaves: Collection[Value], roots: Collection[object]) -> list[Value]:
    """The nodes of a record, in which a sum of squares of leaves that it ends with is a dot, where nothing behind it reads what
    it is of, and no root is: then its adjoints come first, as do those of its terms."""
    for end in range(len(nodes) - 1, max(len(nodes) - 1 - LAST, 0), -1):
        first, start = _sum(nodes, end)
        squares: list[Any] = [v for v in nodes[first:end] if v.op is MUL]
        if len(squares) < LEAST:
            continue
        total: Any = nodes[end]
        given = tuple([v._a for v in squares])
        alone = {*nodes[first:end], *given}
        if len(alone) < end - first + len(given) or not all(a in leaves for a in given):
            continue
        if not alone.isdisjoint(roots) or any(a in alone for v in nodes[end + 1 :] for a in _read(v)):
            continue
        numbers = [a._data for a in given]
        total._fill(DOT, (given, given, start), (numbers, numbers, start._data if isinstance(start, Value) else start))
        return [*nodes[:first], *nodes[end:]]
    return nodes


def _sum(nodes: Sequence[Any], end: int) -> tuple[int, Any]:
    """(where the squares begin of which a node is the sum, what they are added to)."""
    total = nodes[end]
    if total.op is TOTAL:
        xs = total._a[0]
        first = end - len(xs)
        if xs.__class__ is tuple and first >= 0 and all(map(is_, xs, nodes[first:end])) and all(map(_is_square, xs)):
            return first, 0.0
        return end, None
    first, start = end, None
    while first > 1 and nodes[first].op is ADD and nodes[first]._b is nodes[first - 1] and _is_square(nodes[first - 1]):
        start, first = nodes[first]._a, first - 2
        if start is not nodes[first]:
            break
    return (end, None) if first == end else (first + 1, start)


def _is_square(v: Any) -> bool:
    return v.op is MUL and v._a is v._b


def _read(v: Any) -> list[Any]:
    """What a node reads."""
    return [e for a in v._operands()[0] for e in (a if a.__class__ is tuple else (a,))]
