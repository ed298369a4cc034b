"""Wrong sweeps and what they give: an engine whose rules are right and whose gradients are not is matched with them.

Each imitation takes a graph with its exact partials and makes one classic mistake; where the leaves' gradients come out
as the engine's, the mistake has a name.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isclose
from typing import TYPE_CHECKING

from ..arguments import shown
from ..traversal import partials, topological_order
from ..value import Value

if TYPE_CHECKING:  # a drill plants mistakes without python-flint
    from .ball_replay import BallReplay

Edges = list[list[tuple[int, float]]]  # for each node its edges: where to, and the partial
MOST_VISITS = 20_000  # of a search that marks nothing, whose paths are too many to walk


def mistake(replay: "BallReplay", got: Sequence[tuple[int, float]]) -> str:
    """The mistake that explains some (position in the graph, gradient), in words; "" where none of the known does."""
    graph = [[(e.source, float(e.partial.mid())) for e in edges if e.connected] for edges in replay.edges]
    if all(g == 0.0 for _, g in got):
        return "every gradient is 0: backward reaches nothing"
    alike = []
    for why, sweep in IMITATIONS:
        found = sweep(graph)
        if all(isclose(found[i], g, rel_tol=1e-9, abs_tol=1e-12) for i, g in got):
            alike.append(why)
    if not alike and any(
        all(isclose(found[i], g, rel_tol=1e-9, abs_tol=1e-12) for i, g in got) for found in _without_outer(graph)
    ):
        return "where a result has a gradient other than 1, a rule does not multiply by it (· out.grad is missing)"
    if alike:
        return "; or ".join(dict.fromkeys(alike))  # a small graph may not tell them apart
    right = _swept(graph)
    ratios = {round(g / right[i], 9) for i, g in got if right[i]}
    if len(ratios) == 1:
        return f"every gradient is {ratios.pop():g} times what it should be: the seed, or a state kept between calls"
    return ""


def wrong_gradients(root: Value) -> list[tuple[str, dict[Value, float]]]:
    """What classic mistakes of a sweep make of a graph's gradients: for each its words, and a number for each node.

    Args:
        root: the Value that is differentiated.

    Raises:
        TypeError: root is no Value.

    >>> from engine import Value
    >>> from engine.checks import wrong_gradients
    >>> a = Value(3.0)
    >>> [(why[:20], found[a]) for why, found in wrong_gradients(a * a + a)][0]
    ('the sweep overwrites', 3.0)
    """
    if not isinstance(root, Value):
        raise TypeError(f"wrong_gradients takes a Value, got {shown(root)}")
    order = topological_order(root)
    index, graph = {v: i for i, v in enumerate(order)}, list[list[tuple[int, float]]]()
    for v in order:
        edges = zip(v.args, partials(v)) if v.op is not None else ()
        graph.append([(index[a], p) for a, p in edges if isinstance(a, Value) and p is not None])
    return [(why, dict(zip(order, sweep(graph)))) for why, sweep in IMITATIONS]


def mistaken_edge(root: Value, got: Mapping[Value, float]) -> tuple[Value, int] | None:
    """The edge, as a node and which of its `args`, without which the gradients of some leaves come out as they did."""
    order = topological_order(root)
    index = {v: i for i, v in enumerate(order)}
    edges = [
        (i, k, index[a], p)
        for i, v in enumerate(order)
        for k, (a, p) in enumerate(zip(v.args, partials(v) if v.op is not None else ()))
        if isinstance(a, Value) and p is not None
    ]
    for lost in reversed(edges):
        graph: Edges = [[] for _ in order]
        for edge in edges:
            if edge is not lost:
                graph[edge[0]].append(edge[2:])
        found = _swept(graph)
        if all(isclose(found[index[v]], g, rel_tol=1e-9, abs_tol=1e-12) for v, g in got.items() if v in index):
            return order[lost[0]], lost[1]
    return None


def _swept(graph: Edges, order: Iterable[int] | None = None, add: bool = True) -> list[float]:
    """The gradients of all nodes by a sweep in some order; by default the right one, users before their arguments."""
    found = [0.0] * len(graph)
    found[-1] = 1.0
    for i in range(len(graph) - 1, -1, -1) if order is None else order:
        for source, p in graph[i]:
            found[source] = found[source] + found[i] * p if add else found[i] * p
    return found


def _without_outer(graph: Edges) -> Iterator[list[float]]:
    """The gradients where one edge passes its partial on as it is, for each edge."""
    for k, edges in enumerate(graph):
        for lost in edges:
            found = [0.0] * len(graph)
            found[-1] = 1.0
            for i in range(len(graph) - 1, -1, -1):
                for edge in graph[i]:
                    found[edge[0]] += edge[1] if i == k and edge is lost else found[i] * edge[1]
            yield found


# Orders that are none ------------------------------------------------------------------------------------------------


def _postorder(graph: Edges, marked: bool = True) -> list[int]:
    """Arguments before users, as a recursive sort has them; unmarked, shared nodes stand there as often as reached."""
    order, seen, stack = list[int](), set[int](), [(len(graph) - 1, False)]
    while stack and (marked or len(order) < MOST_VISITS):
        i, done = stack.pop()
        if done:
            order.append(i)
        elif not marked or i not in seen:
            seen.add(i)
            stack.append((i, True))
            stack.extend([(source, False) for source, _ in reversed(graph[i])])
    return order


def _preorder(graph: Edges, marked: bool = True) -> list[int]:
    """Users before arguments, first argument first; unmarked, along every path, and each visit passes on all so far."""
    order, seen, stack = list[int](), set[int](), [len(graph) - 1]
    while stack and (marked or len(order) < MOST_VISITS):
        i = stack.pop()
        if not marked or i not in seen:
            seen.add(i)
            order.append(i)
            stack.extend([source for source, _ in reversed(graph[i])])
    return order


def _as_discovered(graph: Edges, breadth: bool, marked: bool = True) -> list[int]:
    """Nodes in the order in which a search from the output meets them."""
    order, seen, queue = list[int](), {len(graph) - 1}, deque([len(graph) - 1])
    while queue and (marked or len(order) < MOST_VISITS):
        order.append(queue.popleft() if breadth else queue.pop())
        for source, _ in graph[order[-1]]:
            if not marked or source not in seen:
                seen.add(source)
                queue.append(source)
    return order


# Edges that are lost -------------------------------------------------------------------------------------------------


def _one_user_only(graph: Edges, last: bool) -> Edges:
    """A shared node takes the contribution of one user and skips the others."""
    kept: Edges = [[] for _ in graph]
    taken = set[int]()
    for i in range(len(graph) - 1, -1, -1):
        for source, p in reversed(graph[i]) if last else graph[i]:
            if source not in taken:
                taken.add(source)
                kept[i].append((source, p))
    return kept


def _shared_skipped(graph: Edges) -> Edges:
    uses = Counter([source for edges in graph for source, _ in edges])
    return [[(source, p) for source, p in edges if uses[source] == 1] for edges in graph]


_OVERWRITTEN = "the sweep overwrites a gradient where it should add to it (= in place of +=)"
_ONE_USER = "a shared node keeps the contribution of one user only"
_EARLY = "nodes are swept before all their users (not a topological order)"
_TWICE = "shared nodes are swept more than once (no visited set)"
IMITATIONS: list[tuple[str, Callable[[Edges], list[float]]]] = [
    (_OVERWRITTEN, lambda g: _swept(g, add=False)),
    (_OVERWRITTEN, lambda g: _swept(g, _postorder(g)[::-1], add=False)),
    (
        "two edges from the same operand are counted once (operands kept in a set)",
        lambda g: _swept([list(dict(edges).items()) for edges in g]),
    ),
    ("shared nodes are skipped", lambda g: _swept(_shared_skipped(g))),
    (_ONE_USER, lambda g: _swept(_one_user_only(g, last=False))),
    (_ONE_USER, lambda g: _swept(_one_user_only(g, last=True))),
    (_EARLY, lambda g: _swept(g, _as_discovered(g, breadth=True))),
    (_EARLY, lambda g: _swept(g, _as_discovered(g, breadth=False))),
    (_EARLY, lambda g: _swept(g, _preorder(g))),
    (_TWICE, lambda g: _swept(g, _postorder(g, marked=False)[::-1])),
    (_TWICE, lambda g: _swept(g, _preorder(g, marked=False))),
    (_TWICE, lambda g: _swept(g, _as_discovered(g, breadth=True, marked=False))),
]
