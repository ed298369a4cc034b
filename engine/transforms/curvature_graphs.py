"""The Hessian times a tangent that is made of Values: what `curvature` does on floats, as a graph.

Adjoints, partials and how these change are floats here too; a node is made for the tangent of each node that some partial
changes with, and for that of each adjoint. Each is a sum of products with numbers, and so a dot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import compress, repeat
from math import isfinite
from operator import add
from typing import Any, TypeVar

from ..edges import Inner, Waiting
from ..guards import Number
from ..lists import DOT, dot_node
from ..traversal import inner_order
from ..value import Value
from .curvature import Tangent, Tangents, connected, dot_of, product, sum_of, sum_of_two, tangent_of
from .second_partials import curvatures

X = TypeVar("X")
Rates = Sequence[tuple[Value, float | None]]  # (an operand, how a partial changes with it)
CONSTANT: Rates = ()
Edge = tuple[Value, float, Rates | Value]  # (argument, partial, how that changes, or the Value of it)
Mask = Sequence[bool] | None  # which of a list; None: all
Sides = list[
    tuple[tuple[Value, ...], list[float], Sequence[Value | None]]
]  # (what moves of a list, its partials, those of them that move)


def graph_of_product(root: Value, leaves: Sequence[Value], seeds: Sequence[Number]) -> list[Number]:
    """The second derivatives of a root with respect to some leaves, times a tangent of these leaves."""
    found = _Sweep(root, dict(zip(leaves, seeds)), curvatures.of).found(leaves)
    if all(map(isfinite, [x._data if x.__class__ is Value else x for x in found])):
        return found
    # Else a factor may have been out of range, and not what it makes: again, without writing how partials change.
    return _Sweep(root, dict(zip(leaves, seeds)), lambda *_: None).found(leaves)


class _Sweep:
    """Forward for the edges of each node, then backward.

    Args:
        root: the node.
        tangents: those of leaves; those of nodes come to them when they are asked for.
        written: what finds the functions that are written of rows.
    """

    def __init__(self, root: Value, tangents: Tangents, written: Callable[..., Any]) -> None:
        self._tangents, self._written = tangents, written
        self._columns = dict[tuple[Value, ...], tuple[tuple[Tangent, ...], list[float] | None]]()  # see _column
        self._edges = dict[Inner, Sequence[Edge]]()  # of the nodes that leaves move, arguments first
        self._sides = dict[Inner, Sides]()  # of dots
        self._known = dict[int, tuple[tuple[Value, ...] | None, Mask]]()  # what moves of lists, by their identity
        self._adjoints = {root: 1.0}
        moving: Tangents = dict.fromkeys(tangents, 1.0)
        for v in inner_order([root]):
            edges = self._read(v, moving)
            if edges or v in self._sides:
                moving[v] = 1.0
                self._edges[v] = edges

    def found(self, leaves: Sequence[Value]) -> list[Number]:
        """The tangents of the adjoints of leaves."""
        adjoints, tangents, turned = self._adjoints, self._tangents, _Turned()
        products, home = turned.products, turned.home
        for v, edges in reversed(self._edges.items()):
            g = adjoints.get(v)
            if g is None:  # behind a branch not taken
                continue
            if home and v in home:
                turned.close(home[v])
            h = sum_of(products[v]) if v in products else None
            if v in self._sides:
                self._push_lists(self._sides[v], g, h, turned)
            for a, x, rates in edges:
                adjoints[a] = adjoints.get(a, -0.0) + g * x
                if h is None and rates.__class__ is tuple and not rates:
                    continue
                if home and a in home:
                    turned.close(home[a])
                found = products.get(a)
                if found is None:
                    found = products[a] = []
                if h is not None:
                    found += h, x
                if isinstance(rates, Value):
                    self._tangent(v)
                    if (change := tangent_of(rates, tangents)) is not None:
                        found += change, g
                    continue
                for e, rate in rates:
                    if rate is not None:
                        found += tangents[e] if e in tangents else self._tangent(e), g * rate
        for these in [*turned.uses]:
            turned.close(these)
        answers = [sum_of(products.get(v, [])) for v in leaves]
        return [0.0 if h is None else h for h in answers]

    def _push_lists(self, sides: Sides, g: float, h: Tangent, turned: _Turned) -> None:
        adjoints = self._adjoints
        for a, xs, others in sides:
            for e, x in () if self._edges.keys().isdisjoint(a) else zip(a, xs):  # nobody asks for those of leaves
                adjoints[e] = adjoints.get(e, -0.0) + g * x
            uses = turned.opened(a)
            if h is not None:
                uses.append((repeat(h), xs))
            if others:
                along = self._along(others)
                turned.has_holes = turned.has_holes or others.__class__ is list
                uses.append((along, repeat(2.0 * g if others is a else g)))  # of dot(v, v) twice

    def _along(self, a: Sequence[Value | None]) -> Sequence[Tangent]:
        """The tangents of a list; None where one does not move."""
        if a.__class__ is list:
            return [None if e is None else self._tangent(e) for e in a]
        for e in a if a not in self._columns else ():
            self._tangent(e)
        return self._column(a)[0]

    def _column(self, a: Any) -> tuple[tuple[Tangent, ...], list[float] | None]:
        """(the tangents of a list, all of which are known, their data or None where some are numbers)."""
        if a not in self._columns:
            tangents = self._tangents
            ts = tuple([tangents[e] for e in a])
            only = all(t.__class__ is Value for t in ts)
            self._columns[a] = ts, [t._data for t in ts] if only else None
        return self._columns[a]

    def _tangent(self, v: Inner) -> Tangent:
        """The tangent of a node."""
        tangents, columns, stack = self._tangents, self._columns, [v]
        while stack:
            v = stack[-1]
            if v in tangents:
                stack.pop()
                continue
            edges, sides = self._edges[v], self._sides.get(v, ())
            if len(edges) == 2 and not sides:
                (a, x, _), (b, y, _) = edges
                s, t = tangents.get(a), tangents.get(b)
                if s is not None is not t:
                    tangents[v] = sum_of_two(s, x, t, y)
                    continue
                if t is None:
                    stack.append(b)
                if s is None:
                    stack.append(a)
                continue
            if len(edges) == 1 and not sides:
                ((a, x, _),) = edges
                t = tangents.get(a)
                if t is None:
                    stack.append(a)
                else:
                    tangents[v] = product(t, x)
                continue
            missing = [a for a, _, _ in edges if a not in tangents]
            for these, _, _ in sides:
                missing += [] if these in columns else [e for e in these if e not in tangents]
            if missing:
                stack += missing
                continue
            found = sum_of([x for a, p, _ in edges for x in (tangents[a], p)])
            for these, xs, _ in sides:
                ts, data = self._column(these)
                start = -0.0 if found is None else found
                found = dot_of(ts, xs, start) if data is None else dot_node(ts, data, xs, xs, start)
            tangents[v] = found
        return tangents[v]

    def _read(self, v: Inner, moving: Tangents) -> Sequence[Edge]:
        """The edges of a node to what moves, but those to whole lists of dots."""
        op, a = v.op, v._a
        try:
            if op.kind < 3:
                b = v._b if op.kind == 2 else None
                first, second = a.__class__ is Value and a in moving, b.__class__ is Value and b in moving
                if not (first or second):
                    return ()
                if (known := self._written(op, first, second, b)) is not None:
                    data = (v._x, v._data) if b is None else (v._x, v._y, v._data)
                    edges: Sequence[Edge] = known(*data, *((a, b) if first and second else (a,) if first else (b,)))
                    return _as_one(edges) if a is b else edges
        except (ArithmeticError, ValueError):
            pass  # where Python is not IEEE: on Values, whose operators are
        if op is not DOT:
            return [(e, x, CONSTANT if p is None else p) for e, x, p in connected(v, moving)]
        (ws, xs, start), (wd, xd, _) = v._a, v._x
        found: list[Edge] = [(start, 1.0, CONSTANT)] if start.__class__ is Value and start in moving else []
        if sides := self._lists_of(v, moving):
            self._sides[v] = sides
            return found
        for a, others, numbers in ((ws, xs, xd), (xs, ws, wd)):
            if a.__class__ is tuple:
                pairs = zip(a, numbers, others)
                found += [
                    (e, x, ((o, 1.0),) if o.__class__ is Value and o in moving else ())
                    for e, x, o in pairs
                    if e in moving
                ]
        return found

    def _lists_of(self, v: Inner, moving: Tangents) -> Sides:
        """What moves of the lists of a dot; nothing where one is in a list twice."""
        (ws, xs, _), (wd, xd, _) = v._a, v._x
        (mine, first), (yours, second) = [self._moving(a, moving) for a in (ws, xs)]
        if mine is None or yours is None:
            return []
        if mine and yours and ws == xs:
            return [(mine, [2.0 * x for x in _chosen(xd, first)], mine)]
        sides: Sides = [(mine, _chosen(xd, first), _chosen(_holed(xs, second), first) if yours else ())] if mine else []
        if yours:
            sides.append((yours, _chosen(wd, second), _chosen(_holed(ws, first), second) if mine else ()))
        return sides

    def _moving(self, a: Any, moving: Tangents) -> tuple[tuple[Value, ...] | None, Mask]:
        """(those of a list that move, which they are if not all do); None where one is in it twice."""
        if a.__class__ is not tuple:
            return (), None
        if id(a) not in self._known:  # a dot comes after all that it reads
            keys = moving.keys()
            if keys >= (once := set(a)):
                self._known[id(a)] = (a if len(once) == len(a) else None), None
            else:
                mask = [e in keys for e in a]
                these = tuple(compress(a, mask))
                self._known[id(a)] = (these if len(set(these)) == len(these) else None), mask
        return self._known[id(a)]


def _chosen(xs: Sequence[X], mask: Mask) -> Any:
    return xs if mask is None else [*compress(xs, mask)]


def _holed(xs: Sequence[X], mask: Mask) -> Sequence[X | None]:
    return xs if mask is None else [x if moves else None for x, moves in zip(xs, mask)]


def _as_one(edges: Sequence[Any]) -> Sequence[Edge]:
    """Two edges to one argument."""
    (a, x, first), (_, y, second) = edges
    rates = [rate for _, rate in (*first, *second) if rate is not None]
    return ((a, x + y, ((a, reduce(add, rates)),) if rates else CONSTANT),)


class _Turned(Waiting[tuple[Iterable[Number], Iterable[float]]]):
    """The tangents of adjoints as they come about; to lists come two whose products do, one of them maybe one number.

    Attributes:
        products: what came to Values, as `sum_of` takes it.
        has_holes: may there be None among the tangents of a list?
    """

    def __init__(self) -> None:
        super().__init__()
        self.products: dict[Value, list[Tangent]] = {}
        self.has_holes = False

    def pass_on(self, a: tuple[Value, ...], uses: list[tuple[Iterable[Number], Iterable[float]]]) -> None:
        """Go on with what came to a list."""
        first = [next(ts) for ts, _ in uses if isinstance(ts, repeat)]
        alike = len(first) == len(uses)  # each a number: all products have them
        columns: Iterable[Sequence[Tangent]] = repeat(tuple(first)) if alike else zip(*[ts for ts, _ in uses])
        data = [t._data for t in first if t.__class__ is Value] if alike else []
        for e, ts, xs in zip(a, columns, zip(*[xs for _, xs in uses])):
            if self.has_holes and not alike:
                moves = [t is not None for t in ts]
                ts, xs = tuple(compress(ts, moves)), tuple(compress(xs, moves))
                if not ts:
                    continue
            t, x = ts[0], xs[0]
            if len(xs) > 1:
                numbers = [*xs]
                t, x = dot_node(ts, data, numbers, numbers) if len(data) == len(xs) else dot_of(ts, numbers), 1.0
            if e in self.products:
                self.products[e] += t, x
            else:
                self.products[e] = [t, x]
