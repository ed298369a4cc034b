"""The Hessian times a tangent in two sweeps over one graph, on floats: forward over reverse, with no graph of the gradient.

Forward each node gets its tangent, and each edge its partial, made on the graph's own Values: where that is a number or
an operand, nothing is made. Backward each node has an adjoint and the tangent of it, by the product rule. Griewank &
Walther, Evaluating Derivatives (2nd ed., 2008), section 5.4.

Where tangents are Values, what depends on them is a graph: a node for the tangent of each node, and one for that of its
adjoint. Each is a sum of products with numbers, and so a dot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

from ..edges import Inner, Waiting, graph_partial
from ..guards import Number
from ..lists import DOT, dot, dot_node
from ..ops import BY_NUMBER
from ..traversal import connected_edges, inner_order
from ..value import Value

Edge = tuple[Value, float, Value | None]  # (argument, partial, the Value of the partial if it can change)
Tangent = Any  # a float or a Value; None where there is none
Tangents = dict[Value, Tangent]  # numbers; None: it does not depend on what has a tangent


def hessian_product(root: Value, leaves: Sequence[Value], seeds: Sequence[Number]) -> Sequence[Number]:
    """The second derivatives of a root with respect to some leaves, times a tangent of these leaves."""
    tangents: Tangents = dict(zip(leaves, seeds))
    if any(isinstance(s, Value) for s in seeds):
        return _graph_of_product(root, leaves, tangents)
    steps = _forward(root, tangents)
    adjoints: dict[Value, float] = {root: 1.0}
    turned: dict[Value, float] = {}  # the tangents of adjoints
    while steps:
        v, edges = steps.pop()
        g, h = adjoints.get(v), turned.get(v)
        if g is None:  # behind a branch not taken
            continue
        for a, x, p in edges:
            total = adjoints.get(a)
            adjoints[a] = g * x if total is None else total + g * x
            if h is not None:
                turned[a] = turned[a] + h * x if a in turned else h * x
            if p is None:
                continue
            change = tangents[p] if p in tangents else _tangent(p, tangents)
            if change is not None:
                turned[a] = turned[a] + g * change if a in turned else g * change
    return [turned.get(leaf, 0.0) for leaf in leaves]


def _forward(root: Value, tangents: Tangents) -> list[tuple[Value, list[Edge]]]:
    """The nodes that depend on what has a tangent, arguments first, with their connected edges; fills in tangents."""
    steps: list[tuple[Value, list[Edge]]] = []
    for v in inner_order([root]):
        edges = _edges(v, tangents)
        tangents[v] = _sum(edges, tangents)
        if edges:
            steps.append((v, edges))
    return steps


def _edges(v: Inner, tangents: Tangents) -> list[Edge]:
    """The edges of a node to what has a tangent, lists laid flat, without those that a row which selects cuts."""
    edges: list[Edge] = []
    op = v.op
    args = (v._a, v._b) if op.kind == 2 else (v._a,) if op.kind == 1 else v._a
    for a, p in zip(args, BY_NUMBER.get(op, op.partials)):
        if a.__class__ is Value:
            if tangents.get(a) is None:
                continue
            if p.__class__ is not float:
                try:
                    p = p(*args, v)
                except (ArithmeticError, ValueError):
                    p = graph_partial(p, v)
            edges.append((a, p._data, p) if p.__class__ is Value else (a, p, None))
        elif a.__class__ is tuple and any(tangents.get(e) is not None for e in a):
            ps = repeat(p) if p.__class__ is float else graph_partial(p, v)
            edges += [
                (e, q._data, q) if isinstance(q, Value) else (e, q, None)
                for e, q in zip(a, ps)
                if tangents.get(e) is not None
            ]
    return [edge for edge in edges if edge[1]] if op.selects else edges


def _sum(edges: Sequence[Edge] | Sequence[tuple[Value, float]], tangents: Tangents) -> Tangent:
    """The tangent that comes along some edges."""
    found = None
    for edge in edges:
        tangent = tangents[edge[0]]
        if tangent is not None:
            term = tangent * edge[1]
            found = term if found is None else found + term
    return found


def _tangent(p: Value, tangents: Tangents) -> Tangent:
    """The tangent of a partial, through the nodes that it was made of."""
    stack: list[Inner] = [p]
    while stack:
        v = stack[-1]
        op = v.op
        args = () if op is None else (v._a, v._b) if op.kind == 2 else (v._a,) if op.kind == 1 else v.args
        below = [a for a in args if a.__class__ is Value and a not in tangents]
        if below:
            stack += below
        else:
            tangents[stack.pop()] = _along(v, args, tangents)
    return tangents[p]


def _along(v: Inner, args: Sequence[Number], tangents: Tangents) -> Tangent:
    """The tangent of a node that a partial was made of; of most rows without a list of their edges."""
    if v.op is None:
        return None
    op = v.op
    if op.kind < 3 and not op.selects:
        vals, found = (v._x, v._y) if op.kind == 2 else (v._x,), None
        try:
            for a, p in zip(args, op.partials):
                if a.__class__ is Value and (tangent := tangents[a]) is not None:
                    term = tangent * (p if p.__class__ is float else float(p(*vals, v._data)))
                    found = term if found is None else found + term
            return found
        except (ArithmeticError, ValueError):
            pass
    return _sum(connected_edges(v), tangents)


# On tangents that are Values ------------------------------------------------------------------------------------------

Sides = tuple[list[Tangent], list[Tangent]]  # the tangents of the two lists of a dot, [] where they have none


def _graph_of_product(root: Value, leaves: Sequence[Value], tangents: Tangents) -> list[Number]:
    """`hessian_product` where some tangents are Values."""
    steps: list[tuple[Inner, list[Edge], Sides | None]] = []
    v: Inner
    for v in inner_order([root]):
        sides = _sides(v, tangents) if v.op is DOT else None
        edges = _edges(v, tangents) if sides is None else []
        if sides is not None:
            tangents[v] = _dot_tangent(v, sides, tangents)
        elif edges:
            tangents[v] = _sum_of([x for a, p, _ in edges for x in (tangents[a], p)])
        if edges or sides is not None:
            steps.append((v, edges, sides))
    adjoints, turned = {root: 1.0}, _Turned()
    while steps:
        v, edges, sides = steps.pop()
        g, h = adjoints.get(v), turned.found(v)
        if g is None:  # behind a branch not taken
            continue
        if sides is not None:
            _push_dot(v, sides, g, h, adjoints, turned)
            start = v._a[2]
            edges = [(start, 1.0, None)] if start.__class__ is Value and tangents.get(start) is not None else []
        for a, x, p in edges:
            adjoints[a] = adjoints[a] + g * x if a in adjoints else g * x
            products = turned.products(a)
            if h is not None:
                products += h, x
            change = None if p is None else tangents[p] if p in tangents else _tangent(p, tangents)
            if change is not None:
                products += change, g
    return [0.0 if h is None else h for h in map(turned.found, leaves)]


def _sum_of(products: list[Tangent]) -> Tangent:
    """t1*x1 + t2*x2 + … of [t1, x1, t2, x2, …]; None of none."""
    if len(products) > 4:
        return _dot(products[::2], products[1::2])
    found = None
    for t, x in zip(products[::2], products[1::2]):
        term = t if x == 1.0 else t * x
        found = term if found is None else found + term
    return found


def _dot(ts: Sequence[Tangent], xs: Sequence[float], start: Number = -0.0) -> Tangent:
    numbers = [*xs]
    try:
        return dot_node(tuple(ts), [t._data for t in ts], numbers, numbers, start)
    except AttributeError:  # some are floats
        return dot(ts, numbers, start)


def _sides(v: Inner, tangents: Tangents) -> Sides | None:
    """The tangents of the lists of a dot; None where some of a list have one and some not, or one is in it twice."""
    found: list[list[Tangent]] = []
    for a in v._a[:2]:
        ts = [*map(tangents.get, a)] if a.__class__ is tuple else []
        without = [t is None for t in ts]
        if all(without):
            ts = []
        elif any(without) or len(set(a)) < len(a):
            return None
        found.append(ts)
    return found[0], found[1]


def _dot_tangent(v: Inner, sides: Sides, tangents: Tangents) -> Tangent:
    found = tangents.get(v._a[2]) if v._a[2].__class__ is Value else None
    for ts, partial in zip(sides, v.op.partials):
        if ts:
            found = _dot(ts, partial(*v._x, v._data), -0.0 if found is None else found)
    return found


def _push_dot(
    v: Inner, sides: Sides, g: float, h: Number | None, adjoints: dict[Value, float], turned: _Turned
) -> None:
    for a, ts, changes, partial in zip(v._a, sides, sides[::-1], v.op.partials):
        if not ts:
            continue
        xs = partial(*v._x, v._data)
        for e, x in zip(a, xs):
            adjoints[e] = adjoints[e] + g * x if e in adjoints else g * x
        uses = turned.opened(a)
        if h is not None:
            uses.append((repeat(h), xs))
        if changes:
            uses.append((changes, repeat(g)))


class _Turned(Waiting[tuple[Iterable[Number], Iterable[float]]]):
    """The tangents of adjoints as they come about; to lists come two whose products do, one of them maybe one number."""

    def __init__(self) -> None:
        super().__init__()
        self._products: dict[Value, list[Number]] = {}  # as `_sum_of` takes them

    def products(self, a: Value) -> list[Number]:
        """Those of one Value, to go on with."""
        if self.home and a in self.home:
            self.close(self.home[a])
        return self._products.setdefault(a, [])

    def found(self, a: Value) -> Tangent:
        """The tangent of an adjoint; None where there is none."""
        return _sum_of(self.products(a))

    def pass_on(self, a: tuple[Value, ...], uses: list[tuple[Iterable[Number], Iterable[float]]]) -> None:
        """Write the sums of what came to a list."""
        if uses:
            columns = zip(zip(*[ts for ts, _ in uses]), zip(*[xs for _, xs in uses]))
            for e, (ts, xs) in zip(a, columns):
                products = self._products.get(e)
                if products:
                    self._products[e] = [_dot(ts, xs, _sum_of(products)), 1.0]
                else:
                    self._products[e] = [ts[0] * xs[0] if len(ts) == 1 else _dot(ts, xs), 1.0]
