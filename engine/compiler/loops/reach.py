"""Reach: how many rounds of a loop it takes to see all that rounds have to do with each other.

Rounds that read the same Value add up to one adjoint. Where those are far apart, as rounds 0 and 12 are that read
x[i] * x[i + 12], a few rounds do not show it; and no number of them less than all shows a Value that one far round reads
as others do who are no such rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

from ...value import Value


class Rounds(NamedTuple):
    """Nodes that are alike, round by round."""

    start: int
    period: int
    rounds: int


def reach(nodes: Sequence[Any], loops: Sequence[Rounds]) -> float:
    """How many rounds apart those are at most that read the same Value, or what one makes; inf where no few rounds tell.

    Args:
        nodes: all, in order.
        loops: the rounds among them, first to last.
    """
    home, outside, at = dict[Value, int](), list[Any](), 0
    for start, period, rounds in loops:
        outside += nodes[at:start]
        at = start + period * rounds
        home.update([(v, i // period) for i, v in enumerate(nodes[start:at])])
    outside += nodes[at:]
    # As if the first round made or read them, too: there the few are as the many.
    fixed = set[Value](outside).union(*[_read(v) for v in outside])
    spans, farthest = dict[Value, tuple[int, int]](), 0
    for start, period, rounds in loops:
        for first in range(start, start + period):
            before, after = _read(nodes[first]), _read(nodes[first + period])
            moving = [k for k, a in enumerate(before) if a is not after[k]]
            fixed.update([a for k, a in enumerate(before) if a is after[k]])
            leaves = [before[k].op is None for k in moving]
            for i in range(rounds) if moving else ():
                read = _read(nodes[first + i * period])
                if [read[k].op is None for k in moving] != leaves:
                    return inf  # rounds of what is differentiated go on in others
                for k in moving:
                    low, high = spans.get(read[k], (i, i))
                    spans[read[k]] = min(low, i), max(high, i)
    for a, (low, high) in spans.items():
        if a.op is not None:
            made = home.get(a, 0 if a in fixed else low)
            farthest = max(farthest, high - min(low, made), made - low)
    return farthest


def _read(v: Any) -> list[Any]:
    """The Values that a node reads."""
    found = []
    for a in v._operands()[0]:
        if a.__class__ is Value:
            found.append(a)
        elif a.__class__ is tuple:
            found += a
    return found
