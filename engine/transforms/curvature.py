"""The Hessian times a tangent in two sweeps over one graph, on floats: forward over reverse, with no graph of the gradient.

Forward each node gets its tangent, and each edge its partial, made on the graph's own Values: where that is a number or
an operand, nothing is made. Backward each node has an adjoint and the tangent of it, by the product rule. Griewank &
Walther, Evaluating Derivatives (2nd ed., 2008), section 5.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

from ..edges import Inner, graph_partial
from ..guards import Number
from ..traversal import connected_edges, inner_order
from ..value import Value

Edge = tuple[Value, float, Value | None]  # (argument, partial, the Value of the partial if it can change)
Tangents = dict[Value, float | None]  # None: it does not depend on what has a tangent


def hessian_product(root: Value, leaves: Sequence[Value], seeds: Sequence[float]) -> list[float]:
    """The second derivatives of a root with respect to some leaves, times a tangent of these leaves."""
    tangents: Tangents = dict(zip(leaves, seeds))
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
    args = v._operands()[0]
    for a, p in zip(args, v.op.partials):
        if a.__class__ is Value:
            if tangents.get(a) is None:
                continue
            if p.__class__ is not float:
                p = graph_partial(p, v)
            edges.append((a, p._data, p) if p.__class__ is Value else (a, p, None))
        elif a.__class__ is tuple and any(tangents.get(e) is not None for e in a):
            ps = repeat(p) if p.__class__ is float else graph_partial(p, v)
            edges += [
                (e, q._data, q) if isinstance(q, Value) else (e, q, None)
                for e, q in zip(a, ps)
                if tangents.get(e) is not None
            ]
    return [edge for edge in edges if edge[1]] if v.op.selects else edges


def _sum(edges: Sequence[Edge] | Sequence[tuple[Value, float]], tangents: Tangents) -> float | None:
    """The tangent that comes along some edges."""
    found = None
    for edge in edges:
        tangent = tangents[edge[0]]
        if tangent is not None:
            term = tangent * edge[1]
            found = term if found is None else found + term
    return found


def _tangent(p: Value, tangents: Tangents) -> float | None:
    """The tangent of a partial, through the nodes that it was made of."""
    stack: list[Inner] = [p]
    while stack:
        v = stack[-1]
        args = v._operands()[0] if v.op is None or v.op.kind < 3 else v.args
        below = [a for a in args if a.__class__ is Value and a not in tangents]
        if below:
            stack += below
        else:
            tangents[stack.pop()] = _along(v, args, tangents)
    return tangents[p]


def _along(v: Inner, args: Sequence[Number], tangents: Tangents) -> float | None:
    """The tangent of a node that a partial was made of; of most rows without a list of their edges."""
    if v.op is None:
        return None
    if v.op.kind < 3 and not v.op.selects:
        vals, found = v._operands()[1], None
        try:
            for a, p in zip(args, v.op.partials):
                if a.__class__ is Value and (tangent := tangents[a]) is not None:
                    term = tangent * (p if p.__class__ is float else float(p(*vals, v._data)))
                    found = term if found is None else found + term
            return found
        except (ArithmeticError, ValueError):
            pass
    return _sum(connected_edges(v), tangents)
