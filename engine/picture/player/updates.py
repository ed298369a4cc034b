"""Updates: how the leaves of a film move from frame to frame; where it is gradient descent, its rate and its numbers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

from ...formulas.notation import factor, number_text

MOST_LINES = 8


@dataclass(slots=True)
class Leaf:
    """A leaf of a frame: its name, the name of its derivative, its number and its gradient."""

    name: str
    derivative: str
    data: float
    grad: float


@dataclass(slots=True)
class Update:
    """What happens after a frame: the rate, or "" where there is none, and a line for each leaf that moves."""

    rate: str
    lines: list[str]


def updates(frames: Sequence[Sequence[Leaf]]) -> list[Update]:
    """For each frame but the last what was done to its leaves.

    A leaf is said to descend where every frame's number is the one before less rate · gradient, with one rate for all
    leaves of a frame; a single leaf must have the same rate throughout, or any movement would be such a descent.

    Args:
        frames: for each frame its leaves, in one order.

    >>> from engine.picture.player.updates import Leaf, updates
    >>> w, v = Leaf("w", "dL/dw", 1.0, -4.0), Leaf("w", "dL/dw", 1.5, -2.0)
    >>> updates([[w], [v]])
    [Update(rate='0.125', lines=['w ← w − 0.125·dL/dw = 1.0 − 0.125·(−4.0) = 1.5'])]
    """
    moved = [k for k in range(len(frames[0])) if any(a[k].data != b[k].data for a, b in pairwise(frames))]
    pairs = [[(a[k], b[k]) for k in moved] for a, b in pairwise(frames)]
    usual = Counter(f"{r:.6g}" for pair in pairs for a, b in pair if (r := _rate(a, b)) > 0.0).most_common(1)
    rates = [_shared(pair, float(usual[0][0]) if usual else 0.0) for pair in pairs]
    descend = [i for i in range(len(moved)) if all(_fits(*pair[i], r) for pair, r in zip(pairs, rates))]
    known = [r for r in rates if r > 0.0]
    if len(descend) == 1 and max(known, default=0.0) > min(known, default=0.0) * (1.0 + 1e-6):
        descend = []
    if descend:
        return [Update(number_text(r), _cut([_descent(*pair[i], r) for i in descend])) for pair, r in zip(pairs, rates)]
    return [Update("", _cut([f"{a.name}: {number_text(a.data)} → {number_text(b.data)}" for a, b in p])) for p in pairs]


def _rate(a: Leaf, b: Leaf) -> float:
    """The rate that moves a leaf as it moved; 0 where none does."""
    rate = (a.data - b.data) / a.grad if a.grad != 0.0 else 0.0
    return rate if isfinite(rate) and rate > 0.0 else 0.0


def _shared(pair: Sequence[tuple[Leaf, Leaf]], usual: float) -> float:
    """The rate of a frame: one that fits most of its leaves, the usual one before others."""
    found = sorted([(_rate(a, b), abs(a.data - b.data)) for a, b in pair], key=lambda f: -f[1])
    near = [r for r, _ in found if abs(r - usual) <= 1e-5 * usual]
    choices = [*near, *(r for r, _ in found)][:MOST_LINES]
    return max(choices, key=lambda r: sum(r > 0.0 and _fits(a, b, r) for a, b in pair), default=0.0)


def _fits(a: Leaf, b: Leaf, rate: float) -> bool:
    step = rate * a.grad
    return abs(a.data - step - b.data) <= 1e-6 * abs(step) + 1e-15 * max(abs(a.data), abs(b.data))


def _descent(a: Leaf, b: Leaf, rate: float) -> str:
    r, x = number_text(rate), number_text(a.data)
    return f"{a.name} ← {a.name} − {r}·{a.derivative} = {x} − {r}·{factor(a.grad)} = {number_text(b.data)}"


def _cut(lines: list[str]) -> list[str]:
    return lines if len(lines) <= MOST_LINES else [*lines[:MOST_LINES], f"… and {len(lines) - MOST_LINES} more"]
