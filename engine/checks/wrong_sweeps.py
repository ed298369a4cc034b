"""Wrong sweeps and what they give: an engine whose rules are right and whose gradients are not is matched with them.

Each imitation takes a tape with its exact partials and makes one classic mistake; where the leaves' gradients come out
as the engine's, the mistake has a name.
"""

from collections.abc import Callable, Sequence
from math import isclose

from .ball_replay import BallReplay

Partials = list[list[tuple[int, float]]]  # for each node its edges: where to, and the partial
Sweep = Callable[[Partials], list[float]]


def diagnosis(replay: BallReplay, got: Sequence[tuple[int, float]]) -> str:
    """The mistake that explains the gradients of some nodes, in words; "" where none of the known ones does.

    Args:
        replay: the tape in balls.
        got: (position on the tape, the engine's gradient) of some nodes.
    """
    partials = [[(e.source, float(e.partial.mid())) for e in edges if e.connected] for edges in replay.edges]
    if all(g == 0.0 for _, g in got):
        return "every gradient is 0: backward reaches nothing"
    alike = []
    for why, sweep in IMITATIONS:
        found = sweep(partials)
        if all(isclose(found[i], g, rel_tol=1e-9, abs_tol=1e-12) for i, g in got):
            alike.append(why)
    if alike:
        return "; or ".join(dict.fromkeys(alike))  # a small graph may not tell them apart
    right = _in_order(partials, range(len(partials) - 1, -1, -1))
    ratios = {round(g / right[i], 9) for i, g in got if right[i]}
    if len(ratios) == 1:
        return f"every gradient is {ratios.pop():g} times what it should be: the seed, or a state kept between calls"
    return ""


def _in_order(partials: Partials, order: Sequence[int], once: bool = False, add: bool = True) -> list[float]:
    found = [0.0] * len(partials)
    found[-1] = 1.0
    for i in order:
        edges = list(dict(partials[i]).items()) if once else partials[i]
        for source, p in edges:
            found[source] = found[source] + found[i] * p if add else found[i] * p
    return found


def _overwriting(partials: Partials) -> list[float]:
    return _in_order(partials, range(len(partials) - 1, -1, -1), add=False)


def _overwriting_depth_first(partials: Partials) -> list[float]:
    return _in_order(partials, _depth_first(partials)[::-1], add=False)


def _edges_once(partials: Partials) -> list[float]:
    return _in_order(partials, range(len(partials) - 1, -1, -1), once=True)


def _depth_first(partials: Partials) -> list[int]:
    """Arguments before users, as a recursive sort with a visited set has them."""
    order, seen, stack = [], set(), [(len(partials) - 1, False)]
    while stack:
        i, done = stack.pop()
        if done:
            order.append(i)
        elif i not in seen:
            seen.add(i)
            stack.append((i, True))
            stack.extend([(s, False) for s, _ in reversed(partials[i])])
    return order


def _as_discovered(partials: Partials, breadth: bool) -> list[float]:
    """Nodes in the order in which a search from the output meets them, which is no topological order."""
    order, seen, queue = [], {len(partials) - 1}, [len(partials) - 1]
    while queue:
        i = queue.pop(0 if breadth else -1)
        order.append(i)
        for source, _ in partials[i]:
            if source not in seen:
                seen.add(source)
                queue.append(source)
    return _in_order(partials, order)


def _preorder(partials: Partials) -> list[float]:
    order, seen, stack = [], set(), [len(partials) - 1]
    while stack:
        i = stack.pop()
        if i not in seen:
            seen.add(i)
            order.append(i)
            stack.extend([s for s, _ in reversed(partials[i])])
    return _in_order(partials, order)


def _without_visited_set(partials: Partials, recursive: bool) -> list[float]:
    """Every path is walked; each visit passes on all that has arrived so far."""
    found = [0.0] * len(partials)
    found[-1] = 1.0
    stack, budget = [len(partials) - 1], 20_000
    while stack and budget:
        budget -= 1
        i = stack.pop(-1 if recursive else 0)
        for source, p in partials[i]:
            found[source] += found[i] * p
        stack.extend([s for s, _ in (reversed(partials[i]) if recursive else partials[i])])
    return found


def _listed_twice(partials: Partials) -> list[float]:
    """A sort without a visited set: shared nodes stand in the order as often as they are reached."""
    order, stack, budget = [], [(len(partials) - 1, False)], 20_000
    while stack and budget:
        budget -= 1
        i, done = stack.pop()
        if done:
            order.append(i)
        else:
            stack.append((i, True))
            stack.extend([(s, False) for s, _ in reversed(partials[i])])
    return _in_order(partials, order[::-1])


def _first_user_only(partials: Partials, last: bool) -> list[float]:
    """A shared node takes the contribution of one user and skips the others."""
    found, taken = [0.0] * len(partials), set()
    found[-1] = 1.0
    for i in range(len(partials) - 1, -1, -1):
        for source, p in reversed(partials[i]) if last else partials[i]:
            if source not in taken:
                taken.add(source)
                found[source] += found[i] * p
    return found


def _shared_skipped(partials: Partials) -> list[float]:
    uses = [0] * len(partials)
    for edges in partials:
        for source, _ in edges:
            uses[source] += 1
    found = [0.0] * len(partials)
    found[-1] = 1.0
    for i in range(len(partials) - 1, -1, -1):
        for source, p in partials[i]:
            if uses[source] == 1:
                found[source] += found[i] * p
    return found


IMITATIONS: list[tuple[str, Sweep]] = [
    ("the sweep overwrites a gradient where it should add to it (= in place of +=)", _overwriting),
    ("the sweep overwrites a gradient where it should add to it (= in place of +=)", _overwriting_depth_first),
    ("two edges from the same operand are counted once (operands kept in a set)", _edges_once),
    ("shared nodes are skipped", _shared_skipped),
    ("a shared node keeps the contribution of one user only", lambda p: _first_user_only(p, False)),
    ("a shared node keeps the contribution of one user only", lambda p: _first_user_only(p, True)),
    ("nodes are swept before all their users (not a topological order)", lambda p: _as_discovered(p, True)),
    ("nodes are swept before all their users (not a topological order)", lambda p: _as_discovered(p, False)),
    ("nodes are swept before all their users (not a topological order)", _preorder),
    ("shared nodes are swept more than once (no visited set)", _listed_twice),
    ("shared nodes are swept more than once (no visited set)", lambda p: _without_visited_set(p, True)),
    ("shared nodes are swept more than once (no visited set)", lambda p: _without_visited_set(p, False)),
]
