"""The Hessian times a tangent in two sweeps over one graph, on floats: forward over reverse, with no graph of the gradient.

Forward each node gets its tangent, and each edge its partial and the tangent of that. Of most rows a function of floats finds
them, see `second_partials`; of the others they are made on the graph's own Values: where a partial is a number or an operand,
nothing is made. Backward each node has an adjoint and the tangent of it, by the product rule. Griewank & Walther, Evaluating
Derivatives (2nd ed., 2008), section 5.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

from .. import ieee
from ..by_number import BY_NUMBER
from ..context import active, record
from ..edges import Inner, graph_partial
from ..guards import Number
from ..lists import DOT, dot, dot_node
from ..ops import mul
from ..rule import UNREACHED, new
from ..traversal import connected_edges, inner_order
from ..value import Value
from .second_partials import changes

Edge = tuple[Value, float, Value | None]  # (argument, partial, the Value of the partial if it can change)
Tangent = Any  # a float or a Value; None where there is none
Tangents = dict[Value, Tangent]  # None: it does not depend on what has a tangent
Step = tuple[
    Inner, Sequence[tuple[Value, float, Tangent]]
]  # (node, (argument, partial, tangent of that) for each edge)


def hessian_product(root: Value, leaves: Sequence[Value], seeds: Sequence[float]) -> list[float]:
    """The second derivatives of a root with respect to some leaves, times a tangent of these leaves."""
    steps = _forward(root, dict(zip(leaves, seeds)))
    adjoints: dict[Value, float] = {root: 1.0}
    turned: dict[Value, float] = {}  # the tangents of adjoints
    while steps:
        v, edges = steps.pop()
        g, h = adjoints.get(v), turned.get(v)
        if g is None:  # behind a branch not taken
            continue
        for a, x, change in edges:
            adjoints[a] = adjoints.get(a, -0.0) + g * x
            if h is not None:
                turned[a] = turned.get(a, -0.0) + h * x
            if change is not None:
                turned[a] = turned.get(a, -0.0) + g * change
    return [turned.get(leaf, 0.0) for leaf in leaves]


def _forward(root: Value, tangents: Tangents) -> list[Step]:
    """The nodes that depend on what has a tangent, arguments first, with their connected edges; fills in tangents."""
    steps: list[Step] = []
    v: Inner
    for v in inner_order([root]):
        op, a = v.op, v._a
        try:
            if op.kind < 3:
                b = v._b if op.kind == 2 else None
                s = tangents.get(a) if a.__class__ is Value else None
                t = tangents.get(b) if b.__class__ is Value else None
                if s is None is t:
                    tangents[v] = None
                    continue
                if (known := changes.of(op, s is not None, t is not None, b)) is not None:
                    moving = (s, a) if t is None else (t, b) if s is None else (s, t, a, b)
                    data = (v._x, v._data) if b is None else (v._x, v._y, v._data)
                    tangents[v], edges = known(*data, *moving)
                    steps.append((v, edges))
                    continue
            elif op is DOT:
                tangents[v], edges = _of_dot(v, tangents)
                if edges:
                    steps.append((v, edges))
                continue
        except (ArithmeticError, ValueError):
            pass  # where Python is not IEEE: on Values, whose operators are
        found = connected(v, tangents)
        tangents[v] = _sum(found, tangents)
        if found:
            steps.append((v, [(e, x, None if p is None else tangent_of(p, tangents)) for e, x, p in found]))
    return steps


def _of_dot(v: Inner, tangents: Tangents) -> tuple[Tangent, list[tuple[Value, float, Tangent]]]:
    """The tangent of a dot, and its edges to what has one: that of the partial along an edge is that of the other operand."""
    (ws, xs, start), (wd, xd, _) = v._a, v._x
    ss, ts = [[*map(tangents.get, a)] if a.__class__ is tuple else [None] * len(a) for a in (ws, xs)]
    edges = [(w, x, t) for w, s, x, t in zip(ws, ss, xd, ts) if s is not None]
    edges += [(x, w, s) for x, s, w, t in zip(xs, ss, wd, ts) if t is not None]
    if start.__class__ is Value and tangents.get(start) is not None:
        edges.append((start, 1.0, None))
    return _sum(edges, tangents), edges


def connected(v: Inner, tangents: Tangents) -> list[Edge]:
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
    products = [x for edge in edges if tangents[edge[0]] is not None for x in (tangents[edge[0]], edge[1])]
    return sum_of(products)


def tangent_of(p: Value, tangents: Tangents) -> Tangent:
    """The tangent of a partial, through the nodes that it was made of."""
    if p in tangents:
        return tangents[p]
    stack: list[Inner] = [p]
    while stack:
        v = stack[-1]
        op = v.op
        args = () if op is None else (v._a, v._b) if op.kind == 2 else (v._a,) if op.kind == 1 else v.args
        waits = False
        for a in args:
            if a.__class__ is Value and a not in tangents:
                stack.append(a)
                waits = True
        if not waits:
            tangents[stack.pop()] = _along(v, args, tangents)
    return tangents[p]


def _along(v: Inner, args: Sequence[Number], tangents: Tangents) -> Tangent:
    """The tangent of a node that a partial was made of; of most rows without a list of their edges."""
    if v.op is None:
        return None
    op = v.op
    if op.kind < 3 and not op.selects:
        data = (v._x, v._y, v._data) if op.kind == 2 else (v._x, v._data)
        s = t = None
        x = y = 0.0
        try:
            for a, p in zip(args, op.partials):
                if a.__class__ is Value and (tangent := tangents[a]) is not None:
                    s, x, t, y = t, y, tangent, p if p.__class__ is float else float(p(*data))
            if s is not None:
                return sum_of_two(s, x, t, y)
            return t if t is None else product(t, y)
        except (ArithmeticError, ValueError):
            pass
    return _sum(connected_edges(v), tangents)


def sum_of(products: list[Tangent]) -> Tangent:
    """t1*x1 + t2*x2 + … of [t1, x1, t2, x2, …], a dot where tangents are Values; None of none."""
    if not products:
        return None
    if len(products) == 2:
        return product(*products)
    if len(products) == 4:
        return sum_of_two(*products)
    return dot_of(products[::2], products[1::2])


def product(t: Tangent, x: float) -> Tangent:
    """t*x, and no node for a factor 1."""
    if x == 1.0:
        return t
    if t.__class__ is float:
        return t * x
    v = new(Value)  # the operator of Value, in less time
    v._data = t._data * x
    v.grad = UNREACHED
    v.op = mul
    v._a, v._b, v._x, v._y = t, x, t._data, x
    v._about = None
    return record(v) if active else v


def sum_of_two(s: Tangent, x: float, t: Tangent, y: float) -> Tangent:
    """s*x + t*y."""
    if s.__class__ is float or t.__class__ is float:
        return s * x + t * y
    if x == 1.0 == y:
        return s + t
    v = new(Value)  # `dot_node`, in half the time
    numbers = [x, y]
    v._x = [s._data, t._data], numbers, -0.0
    v._a = (s, t), numbers, -0.0
    v._data = s._data * x + t._data * y
    v.grad = UNREACHED
    v.op = DOT
    v._about = None
    return record(v) if active else v


def dot_of(ts: Sequence[Tangent], xs: Sequence[float], start: Number = -0.0) -> Tangent:
    """start + t1*x1 + t2*x2 + …"""
    numbers = [*xs]
    if ts[0].__class__ is float and start.__class__ is float and all(t.__class__ is float for t in ts):
        return ieee.dot(ts, numbers, start)
    try:
        return dot_node(tuple(ts), [t._data for t in ts], numbers, numbers, start)
    except AttributeError:  # some are floats
        return dot(ts, numbers, start)
