"""Traversal: the nodes below a root, arguments before users, and the edges of each with their partials."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypeVar

from . import context, readings
from .arguments import shown
from .conversion import unboxed
from .rule import Formula, Node

N = TypeVar("N", bound=Node)


def topological_order(root: N | Iterable[N], stop: Collection[N] = ()) -> list[N]:
    """The nodes below one root, or a list of roots, arguments before users, each once.

    The order is that of a depth-first walk, first argument first; it depends on nothing but the graph.

    Args:
        root: a Value, or a list of Values.
        stop: a set of nodes to list as if they were leaves.

    Returns:
        A list of Values, leaves included, that ends with the (last) root.

    >>> from engine import Value, topological_order
    >>> a = Value(2.0, label="a")
    >>> [v.data for v in topological_order(a * a + a)]
    [2.0, 4.0, 6.0]
    """
    order: list[N] = []
    done: set[N] = set()
    opened: set[N] = set()
    stack = values_of(root, "topological_order")[::-1]
    if not isinstance(stop, (set, frozenset, dict)):
        stop = frozenset(values_of(stop, "topological_order"))
    while stack:
        v = stack.pop()
        if v in done:
            continue
        if v in opened or v.op is None or v in stop:
            done.add(v)
            order.append(v)
        else:
            opened.add(v)
            stack.append(v)
            for a in reversed(v._operands()[0]):
                if a.__class__ is tuple:
                    stack += [e for e in reversed(a) if e not in done]
                elif isinstance(a, Node) and a not in done:
                    stack.append(a)
    return order


def inner_order(roots: Iterable[N], stop: Collection[N] = ()) -> list[N]:
    """The nodes of `topological_order` that have an op, without those in `stop`. A list of leaves is looked at once."""
    order: list[N] = []
    seen: set[object] = set()
    finished: set[int] = set()  # lists that hold nothing more, by identity
    stack: list[Any] = [v for v in roots if v.op is not None and v not in stop][::-1]
    pop, push = stack.pop, stack.append
    while stack:
        v = pop()
        if v is None:  # all below the next is listed
            order.append(pop())
            continue
        if v in seen:
            continue
        seen.add(v)
        push(v)
        push(None)
        if v.op.kind == 1:
            below = [v._a]
        elif v.op.kind == 2:
            below = [v._b, v._a]
        else:
            below = _flat(v, finished, seen, stop)
        for a in below:
            if a.__class__ is not float and a.op is not None and a not in seen and a not in stop:
                push(a)
    return order


def _flat(v: Any, finished: set[int], seen: Collection[object], stop: Collection[object]) -> list[Any]:
    """The operands of a node, last first, without lists of numbers and those that hold nothing more."""
    below: list[Any] = []
    for a in reversed(v._a):
        if a.__class__ is tuple:
            known = id(a) in finished or type(a) is not tuple  # or a row of leaves
            inside = [] if known else [e for e in reversed(a) if e.op is not None and e not in seen and e not in stop]
            below += inside
            if not inside:
                finished.add(id(a))
        elif a.__class__ is not list:
            below.append(a)
    return below


def values_of(vs: object, who: str) -> list[Any]:
    """A list of Values from one or an iterable of them, or a TypeError in the user's terms."""
    given = unboxed(vs)
    if isinstance(given, Node):
        return [given]
    many = hasattr(given, "__iter__") and not isinstance(given, str) and getattr(given, "shape", None) != ()
    found = list(map(unboxed, given)) if many else [given]
    for v in found:
        if not isinstance(v, Node):
            raise TypeError(f"{who} takes a Value or a list of Values, got {shown(v)}")
    return found


def partials(v: Node) -> tuple[float | None, ...]:
    """The local derivatives of a node, one an edge, in the order of `v.args`; None for an operand that is a number.

    >>> from engine import Value, partials
    >>> partials(Value(3.0) * Value(4.0))
    (4.0, 3.0)
    """
    if not isinstance(v, Node):
        raise TypeError(f"partials takes a Value, got {shown(v)}")
    if context.active:
        context.refuse(v, "partials()")
    args, vals = v._operands()
    flat: list[float | None] = []
    for a, x, p in zip(args, vals, v.op.partials if v.op is not None else ()):
        if isinstance(a, Node):
            flat.append(_partial(p, vals, v))
        elif a.__class__ is tuple:
            ps = _partial(p, vals, v)
            flat.extend(ps if ps.__class__ is list else [ps] * len(a))
        else:
            flat.extend([None] * (len(x) if x.__class__ is list else 1))
    return tuple(flat)


def _partial(p: Formula | float, vals: Sequence[object], v: Node) -> Any:
    """A partial at a node: a float, or a list of them; where Python is not IEEE it runs again, on Values, which are."""
    if isinstance(p, float):
        return p
    try:
        q = p(*vals, v._data)
    except (ArithmeticError, ValueError):
        leaf: Any = v.__class__
        again = [[leaf(e) for e in x] if x.__class__ is list else leaf(x) for x in vals]
        with context.quiet():  # detect_anomaly is to name this node, not an op of its partial
            q = readings.Call("partials", ()).run(p, *again, leaf(v._data))  # for numbers only: no warnings
    return [float(e) for e in q] if q.__class__ in (list, tuple) else float(q)


def connected_edges(v: N) -> list[tuple[N, float]]:
    """(argument, partial) for each edge that carries a derivative."""
    op = v.op
    if op is not None and op.kind < 3 and not op.selects and not context.active:  # as below, in half the time
        args, vals = v._operands()
        try:
            kind = v.__class__
            pairs = [(a, p) for a, p in zip(args, op.partials) if a.__class__ is kind]
            return [(a, p if p.__class__ is float else float(p(*vals, v._data))) for a, p in pairs]
        except (ArithmeticError, ValueError):
            pass
    selects = op is not None and op.selects
    return [
        (a, p)
        for (a, _), p in zip(v._edges(), partials(v))
        if isinstance(a, v.__class__) and p is not None and (p or not selects)
    ]
