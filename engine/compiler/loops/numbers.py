"""Numbers of a record: computed anew of other arguments, and its gradient, to be compared with what native code computes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...leaves import Row, Source, is_row
from ...lists import DOT
from ...traversal import connected_edges
from ...value import Value
from ..front.recorder import IDENTITY, origin
from .distance import Operand

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def renew(nodes: Sequence[Operand]) -> None:
    """Compute the nodes of a record anew, from what the numbers of its leaves are now; dots of rows as arrays."""
    numbers = _Numbers(nodes)
    for v in nodes:
        op, a = v.op, v._a
        if op is DOT and (is_row(a[0]) or is_row(a[1])):
            ws, xs, y = numbers.array(a[0], v._x[0]), numbers.array(a[1], v._x[1]), numbers.of(a[2], v._x[2])
            v._x, v._data = (ws, xs, y), y + float(ws @ xs)
            continue
        if op.kind > 2:
            v._x = tuple([numbers.listed(e, x) if e.__class__ is tuple else numbers.of(e, x) for e, x in zip(a, v._x)])
            v._data = op.forward(*v._x)
            continue
        if a.__class__ is Value:
            v._x = a._data if a.op is not IDENTITY else numbers.number(a)
        if op.kind == 1:
            v._data = op.forward(v._x)
            continue
        a = v._b
        if a.__class__ is Value:
            v._y = a._data if a.op is not IDENTITY else numbers.number(a)
        v._data = op.forward(v._x, v._y)


class _Numbers:
    """What the numbers of operands are now; lists that nodes share are read once."""

    def __init__(self, nodes: Sequence[Operand]) -> None:
        self._known = set(nodes)
        self._lists: dict[int, list[float]] = {}  # by id
        self._arrays: dict[int, NDArray[np.float64]] = {}
        self._whole: dict[Source, NDArray[np.float64]] = {}

    def number(self, a: Operand) -> float:
        """That of a Value."""
        if a.op is IDENTITY and a not in self._known:  # a leaf of a transform
            a._x = a._data = origin(a, self._known)._data
        data: float = a._data
        return data

    def of(self, a: Operand, x: Any) -> Any:
        """That of an operand, which was x."""
        return self.number(a) if a.__class__ is Value else x

    def listed(self, a: Operand, x: Any) -> Any:
        """Those of a list."""
        if a.__class__ is not tuple:
            return x
        found = self._lists.get(id(a))
        if found is None:
            found = a.numbers() if is_row(a) else [e._data if e.op is not IDENTITY else self.number(e) for e in a]
            self._lists[id(a)] = found
        return found

    def array(self, a: Operand, x: Any) -> NDArray[np.float64]:
        """Those of a list as an array."""
        import numpy as np

        if is_row(a):
            if a.source not in self._whole:
                self._whole[a.source] = np.array(a.source.numbers)
            return self._whole[a.source][_slice(a)]
        if id(a) not in self._arrays:
            self._arrays[id(a)] = np.array(self.listed(a, x))
        return self._arrays[id(a)]


def gradient(nodes: Sequence[Operand], root: Value, source: Source) -> list[float]:
    """The derivatives of the last of some nodes, which were computed anew, by leaves that are not made.

    Args:
        nodes: those of the record, in order.
        root: what is differentiated.
        source: the leaves.
    """
    import numpy as np

    known, found = set(nodes), np.zeros(len(source))
    adjoints = defaultdict[Operand, float](float)
    of_lists: dict[int, NDArray[np.float64]] = {}
    places: defaultdict[Operand, list[tuple[NDArray[np.float64], int]]] = defaultdict(list)  # where in lists Values are

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
