"""Numbers of a record: computed anew of other arguments, and its gradient, to be compared with what native code computes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ...leaves import Row, Source, is_row
from ...lists import DOT
from ...traversal import connected_edges
from ...value import Value
from ..front.recorder import IDENTITY, origin
from .distance import Operand


def renew(nodes: Sequence[Operand]) -> None:
    """Compute the nodes of a record anew, from what the numbers of its leaves are now; dots of rows as arrays."""
    import numpy as np

    known = set(nodes)
    lists: dict[int, list[float]] = {}  # by id: what dots share they share again
    arrays, whole = dict[int, Any](), dict[Source, Any]()

    def number(a: Operand) -> float:
        if a.op is IDENTITY and a not in known:  # a leaf of a transform
            a._x = a._data = origin(a, known)._data
        data: float = a._data
        return data

    def listed(a: Operand, x: Any) -> Any:
        """The numbers of a list."""
        if a.__class__ is not tuple:
            return x
        found = lists.get(id(a))
        if found is None:
            found = a.numbers() if is_row(a) else [e._data if e.op is not IDENTITY else number(e) for e in a]
            lists[id(a)] = found
        return found

    def array(a: Operand, x: Any) -> Any:
        """Those as an array."""
        if is_row(a):
            if a.source not in whole:
                whole[a.source] = np.array(a.source.numbers)
            return whole[a.source][_slice(a)]
        if id(a) not in arrays:
            arrays[id(a)] = np.array(listed(a, x))
        return arrays[id(a)]

    for v in nodes:
        op = v.op
        if op is DOT and (is_row(v._a[0]) or is_row(v._a[1])):
            (ws, xs, b), (_, _, y) = v._a, v._x
            y = number(b) if b.__class__ is Value else y
            v._x = array(ws, v._x[0]), array(xs, v._x[1]), y
            v._data = y + float(v._x[0] @ v._x[1])
            continue
        if op.kind > 2:
            found = list[Operand]()
            for a, x in zip(v._a, v._x):
                if a.__class__ is tuple:
                    x = listed(a, x)
                elif a.__class__ is Value:
                    x = number(a)
                found.append(x)
            v._x = tuple(found)
            v._data = op.forward(*found)
            continue
        a = v._a
        if a.__class__ is Value:
            v._x = a._data if a.op is not IDENTITY else number(a)
        if op.kind == 1:
            v._data = op.forward(v._x)
            continue
        a = v._b
        if a.__class__ is Value:
            v._y = a._data if a.op is not IDENTITY else number(a)
        v._data = op.forward(v._x, v._y)


def gradient(nodes: Sequence[Operand], root: Value, source: Source) -> list[float]:
    """The derivatives of the last of some nodes, which were computed anew, by leaves that are not made.

    Args:
        nodes: those of the record, in order.
        root: what is differentiated.
        source: the leaves.
    """
    import numpy as np

    known, found = set(nodes), np.zeros(len(source))
    adjoints, of_lists = defaultdict[Operand, float](float), dict[int, Any]()
    places = defaultdict[Operand, list[tuple[Any, int]]](list)  # where in lists Values are

    def known_as(a: Operand) -> Operand:
        return origin(a, known) if a.op is IDENTITY and a not in known else a

    def add(a: Operand, terms: Any) -> None:
        """To the adjoints of a list, or a Value."""
        if is_row(a):
            found[_slice(a)] += terms
        elif a.__class__ is tuple:
            if id(a) not in of_lists:
                of_lists[id(a)] = np.zeros(len(a))
                for k, e in enumerate(a):
                    if e.op is not None or e in source.places:
                        places[known_as(e)].append((of_lists[id(a)], k))
            of_lists[id(a)] += terms
        elif a.__class__ is Value:
            adjoints[known_as(a)] += terms

    def adjoint(v: Operand) -> float:
        return adjoints.pop(v, 0.0) + sum([float(array[k]) for array, k in places.pop(v, ())])

    add(root, 1.0)
    for v in reversed(nodes):
        g = adjoint(v)
        if v.op is DOT and v._x[0].__class__ is np.ndarray:
            if g:
                (ws, xs, b), (wd, xd, _) = v._a, v._x
                add(ws, g * xd)
                add(xs, g * wd)
                add(b, g)
        elif g:
            for a, p in connected_edges(v):
                add(a, g * p)
    for v, k in source.places.items():
        found[k] += adjoint(v)
    made: list[float] = found.tolist()
    return made


def _slice(a: Row) -> slice:
    """Where a row is among the leaves."""
    r = a.places
    return slice(r.start, r.stop if r.stop >= 0 else None, r.step)
