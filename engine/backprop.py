"""Topological order and reverse accumulation.

Griewank & Walther, Evaluating Derivatives (2nd ed., 2008), section 3.2. Differs from the book in two things: adjoints
of inner nodes are local to a call, so a graph may be swept any number of times; and where a row selects, an edge whose
partial is exactly 0 is not connected, so that a branch not taken never contributes 0·inf.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from itertools import repeat
from math import copysign, isfinite
from typing import Any

from . import context
from .ops import Op, mul, number, where
from .value import UNREACHED, Value

Guard = tuple[Value, bool] | None  # see guarded_contribution
Inner = Any  # a Value that is known to have an op


def topological_order(root: Value | Iterable[Value], stop: Collection[Value] = ()) -> list[Value]:
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
    order: list[Value] = []
    done: set[Value] = set()
    opened: set[Value] = set()
    stack = _values(root, "topological_order")[::-1]
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
            stack.extend([a for a in reversed(v.args) if isinstance(a, Value) and a not in done])
    return order


def _values(vs: Any, who: str) -> list[Value]:
    """A list of Values from one or an iterable of them, or a TypeError in the user's terms."""
    if isinstance(vs, Value):
        return [vs]
    listed: list[Any] = list(vs) if hasattr(vs, "__iter__") and not isinstance(vs, str) else [vs]
    for v in listed:
        if not isinstance(v, Value):
            raise TypeError(f"{who} takes a Value or a list of Values, got {v!r:.60}")
    return listed


# Backward on floats --------------------------------------------------------------------------------------------------


def backward(root: Value, gradient: float = 1.0) -> None:
    """Fill in `.grad` below a root: leaves accumulate, inner nodes hold the adjoint of this call.

    Args:
        root: the Value to differentiate.
        gradient: its adjoint, the number to start from.

    An interrupted call leaves the gradients of leaves as they were.

    >>> from engine import Value
    >>> a = Value(3.0)
    >>> (a**3).backward()
    >>> a.grad
    27.0
    """
    if root.__class__ is not Value:
        raise TypeError(f"backward takes a Value, got {root!r:.60}; of several losses call it on each, or on their sum")
    gradient = number(gradient, "backward", "a real number as gradient")
    if context.active:
        context.refuse(root, "backward()")
    if root.op is None:
        root.grad += gradient
        return
    stack, order = [root], list[Value]()
    leaves, before = list[Value](), list[float]()
    try:
        zero = _marked_order(stack, order, leaves, before)
        root.grad = gradient
        if context.active and context.local.state.anomaly:
            _watched_sweep(order, zero)
        else:
            _sweep(order, zero)
        after = [0.0 if v.grad is zero else v.grad for v in leaves]
        after = [g if old is UNREACHED else old + g for g, old in zip(after, before)]
        _set_grads(leaves, after)
    except BaseException:
        _set_grads(leaves, before)
        _set_grads(order + [v for v in stack if v.op is not None], repeat(UNREACHED))
        raise


def _set_grads(nodes: list[Value], grads: Iterable[float]) -> None:
    # One call into C, which no KeyboardInterrupt can enter: all are set, or none.
    deque(map(setattr, nodes, repeat("grad"), grads), 0)


def _marked_order(stack: list[Inner], order: list[Inner], leaves: list[Value], before: list[float]) -> float:
    """The inner nodes of `topological_order`, faster: the grad slot is the mark, and marking is the reset.

    Leaves are listed with their gradients as they were, then reset too. The mark is -0.0, since -0.0 + g is g exactly.
    """
    zero, opened = float("-0"), float("-0")
    walked = set[int]()  # lists of operands with nothing left below: those that nodes share are walked once or twice
    pop, push, emit, leaf, was = stack.pop, stack.append, order.append, leaves.append, before.append
    while stack:
        v = pop()
        if v.grad is opened:
            v.grad = zero
            emit(v)
        while v.grad is not zero:  # down the first arguments; what comes later waits on the stack
            kind = v.op.kind
            if kind == 2:
                a, b = v._a, v._b
                down = None
                # A leaf is listed once, where it is met: b's turn is after a's.
                if b.__class__ is Value and b.grad is not zero:
                    if b.op is not None:
                        v.grad = opened
                        push(v)
                        down = b
                    else:
                        leaf(b)
                        was(b.grad)
                        b.grad = zero
                if a.__class__ is Value and a.grad is not zero:
                    if a.op is not None:
                        if down is None:
                            v.grad = opened
                            push(v)
                        else:
                            push(b)
                        down = a
                    else:
                        leaf(a)
                        was(a.grad)
                        a.grad = zero
                if down is None:
                    v.grad = zero
                    emit(v)
                else:
                    v = down
            elif kind == 1:
                a = v._a
                if a.grad is zero:
                    v.grad = zero
                    emit(v)
                elif a.op is not None:
                    v.grad = opened
                    push(v)
                    v = a
                else:
                    leaf(a)
                    was(a.grad)
                    a.grad = v.grad = zero
                    emit(v)
            else:
                v.grad = opened
                push(v)
                depth = len(stack)
                for arg in reversed(v._a):
                    if arg.__class__ is tuple:
                        if id(arg) in walked:
                            continue
                        top = len(stack)
                        for a in reversed(arg):
                            if a.grad is not zero:
                                if a.op is not None:
                                    push(a)
                                else:
                                    leaf(a)
                                    was(a.grad)
                                    a.grad = zero
                        if len(stack) == top:
                            walked.add(id(arg))
                    elif arg.__class__ is Value and arg.grad is not zero:
                        if arg.op is not None:
                            push(arg)
                        else:
                            leaf(arg)
                            was(arg.grad)
                            arg.grad = zero
                if len(stack) == depth:
                    pop()
                    v.grad = zero
                    emit(v)
                else:
                    v = pop()
    return zero


def _sweep(order: list[Inner], zero: float) -> None:
    """Push each node's adjoint into its arguments, users first. All partials of a node come before any addition."""
    users_first = reversed(order)
    while True:
        try:
            for v in users_first:
                g = v.grad
                if g is zero:  # behind a branch not taken
                    v.grad = 0.0
                    continue
                op = v.op
                kind = op.kind
                if kind == 2:
                    a, b = v._a, v._b
                    p, q = op.partials
                    if a.__class__ is Value:
                        if p.__class__ is not float:
                            p = p(v._x, v._y, v._data)
                        if b.__class__ is Value:
                            if q.__class__ is not float:
                                q = q(v._x, v._y, v._data)
                            if p or not op.selects:
                                a.grad += g * p
                            if q or not op.selects:
                                b.grad += g * q
                        elif p or not op.selects:
                            a.grad += g * p
                    else:
                        if q.__class__ is not float:
                            q = q(v._x, v._y, v._data)
                        if q or not op.selects:
                            b.grad += g * q
                elif kind == 1:
                    (p,) = op.partials
                    if p.__class__ is not float:
                        p = p(v._x, v._data)
                    if p or not op.selects:
                        v._a.grad += g * p
                elif op.arity == 3 and op.lists == 2 and not op.selects:  # dot: the loop below, without its frames
                    (ws, xs, b), (wd, xd, bd), (p, q, r) = v._a, v._x, op.partials
                    if ws.__class__ is tuple:
                        p = p(wd, xd, bd, v._data)
                    if xs.__class__ is tuple:
                        q = q(wd, xd, bd, v._data)
                    if b.__class__ is Value and r.__class__ is not float:
                        r = r(wd, xd, bd, v._data)
                    if ws.__class__ is tuple:
                        for e, x in zip(ws, p):
                            e.grad += g * x
                    if xs.__class__ is tuple:
                        for e, x in zip(xs, q):
                            e.grad += g * x
                    if b.__class__ is Value:
                        b.grad += g * r
                elif op.lists and not op.selects:
                    vals, y = v._x, v._data
                    ps = [
                        p
                        if p.__class__ is float or (a.__class__ is not tuple and a.__class__ is not Value)
                        else p(*vals, y)
                        for a, p in zip(v._a, op.partials)
                    ]
                    for a, p in zip(v._a, ps):
                        if a.__class__ is tuple:
                            for e, q in zip(a, p):
                                e.grad += g * q
                        elif a.__class__ is Value:
                            a.grad += g * p
                else:
                    push(v, g)
            return
        except (ArithmeticError, ValueError):  # where Python is not IEEE: again, on Values, whose operators are
            push(v, g)


def push(v: Value, gradient: float) -> None:
    """Add `gradient` times each partial of one node to the arguments' `.grad`: one step of backward by hand."""
    if v.op is None:
        return
    for a, p in connected_edges(v):
        a.grad += gradient * p


def partials(v: Value) -> tuple[float | None, ...]:
    """The local derivatives of a node, one an edge, in the order of `v.args`; None for an operand that is a number.

    >>> from engine import Value, partials
    >>> partials(Value(3.0) * Value(4.0))
    (4.0, 3.0)
    """
    if not isinstance(v, Value):
        raise TypeError(f"partials takes a Value, got {v!r:.60}")
    if context.active:
        context.refuse(v, "partials()")
    args, vals = v._operands()
    flat: list[float | None] = []
    for a, x, p in zip(args, vals, v.op.partials if v.op is not None else ()):
        if a.__class__ is Value:
            flat.append(_partial(p, vals, v._data))
        elif a.__class__ is tuple:
            ps = _partial(p, vals, v._data)
            flat.extend(ps if ps.__class__ is list else [ps] * len(a))
        else:
            flat.extend([None] * (len(x) if x.__class__ is list else 1))
    return tuple(flat)


def _partial(p: Any, vals: Sequence[Any], y: float) -> Any:
    if p.__class__ is float:
        return p
    try:
        q = p(*vals, y)
    except (ArithmeticError, ValueError):
        with context.quiet():  # detect_anomaly is to name this node, not an op of its partial
            q = p(*[[Value(e) for e in x] if x.__class__ is list else Value(x) for x in vals], Value(y))
    return [float(e) for e in q] if q.__class__ in (list, tuple) else float(q)


def connected_edges(v: Value) -> list[tuple[Value, float]]:
    """(argument, partial) for each edge that carries a derivative."""
    selects = v.op is not None and v.op.selects
    return [
        (a, p) for a, p in zip(v.args, partials(v)) if isinstance(a, Value) and p is not None and (p or not selects)
    ]


def _watched_sweep(order: list[Value], zero: float) -> None:
    """`_sweep` under detect_anomaly: the first partial or contribution that is nan or infinite raises."""
    for v in reversed(order):
        g = v.grad
        if g is zero:
            v.grad = 0.0
            continue
        for i, (a, p) in enumerate(connected_edges(v)):
            for what, x in (("has the partial", p), ("passes back the gradient", g * p)):
                if not isfinite(x):
                    where_to = f" to argument {i + 1}{f' ({a.label})' if a.label else ''}"
                    raise context.AnomalyError(context.anomaly_message(v, f"{what} {x}{where_to}"))
        push(v, g)


# Gradients as graphs -------------------------------------------------------------------------------------------------


def gradients(root: Value | Sequence[Value], wrt: Iterable[Value], gradient: Any = 1.0) -> list[Value]:
    """The derivatives of a root with respect to Values, as Values: graphs that can be differentiated and replayed.

    The partials of the table run on the graph's own Values. `.grad` is neither read nor written. What would be cut by
    value in `backward` is guarded by `where` here, so that the graph holds at other leaf values too.

    Args:
        root: a Value, or a list of Values.
        wrt: a list of Values, leaves or inner nodes.
        gradient: the adjoint of the root, a number or a Value; for a list of roots one for all, or a list of them.

    Returns:
        A list of Values, one for each of `wrt`; 0.0 where the root does not depend on it.

    Raises:
        RuntimeError: the data of a leaf was changed after the forward pass.
        TypeError: root or an element of wrt is no Value.
        ValueError: not as many gradients as roots.

    >>> from engine import Value, gradients
    >>> x = Value(3.0)
    >>> (first,) = gradients(x**3, [x])
    >>> (second,) = gradients(first, [x])
    >>> first.data, second.data
    (27.0, 18.0)
    """
    if isinstance(wrt, Value):
        raise TypeError(f"gradients takes a list of Values to differentiate by, got {wrt!r:.60}; put it in a list")
    roots, wrt = _values(root, "gradients"), _values(wrt, "gradients")
    return graph_sweep(topological_order(roots), roots, _seeds(gradient, root, len(roots)), wrt)


def _seeds(gradient: Any, root: Any, count: int) -> list[Any]:
    if isinstance(gradient, Value) or not hasattr(gradient, "__iter__") or isinstance(gradient, str):
        gradient = [gradient] * count
    elif isinstance(root, Value):
        raise TypeError(f"gradients takes one gradient for one root, got {gradient!r:.60}")
    seeds = [g if isinstance(g, Value) else number(g, "gradients") for g in gradient]
    if len(seeds) != count:
        raise ValueError(f"gradients takes as many gradients as roots, got {len(seeds)} and {count}")
    return seeds


def graph_sweep(order: list[Value], roots: list[Value], seeds: list[Any], wrt: list[Value]) -> list[Value]:
    """`gradients` over a topological order that is known."""
    needed, inner = set(wrt), set[Value]()
    for v in order:
        if v.op is not None and any(a.__class__ is Value and a in needed for a in v.args):
            needed.add(v)
            inner.add(v)
    pull = _Pull()
    for r, seed in zip(roots, seeds):
        pull.seeds[r] = pull.seeds[r] + seed if r in pull.seeds else seed
    for v in reversed(order):
        if v in inner and pull(v) is not None:
            for a, i, k in _needed_edges(v, needed):
                pull.uses.setdefault(a, []).append((v, i, k))
    found = [pull(w) for w in wrt]
    return [g if g.__class__ is Value else Value(0.0 if g is None else g) for g in found]


class _Pull:
    """Adjoints as sums over uses, each written where it is first needed, in the order in which backward adds them.

    Pushing would interleave the partial sums of many nodes; written this way a sum is one run of instructions, which
    the compiler finds again as a loop.
    """

    def __init__(self) -> None:
        self.seeds: dict[Value, Any] = {}
        self.uses: dict[Value, list[tuple[Inner, int, int | None]]] = {}
        self.adjoints: dict[Value, Any] = {}
        self.guards: dict[Value, Guard] = {}
        self._lists: dict[tuple[Value, int], Any] = {}

    def __call__(self, v: Value) -> Any:
        if v in self.adjoints:
            return self.adjoints[v]
        total = self.seeds.get(v)
        guard: Guard = None
        for user, i, k in self.uses.pop(v, ()):
            p = self._edge_partial(user, i, k)
            edge_guard, term = guarded_contribution(user.op, self.adjoints[user], p, self.guards[user])
            if term is not None:
                guard = edge_guard if total is None else either_guard(guard, edge_guard)
                total = term if total is None else total + term
        self.adjoints[v], self.guards[v] = total, guard
        return total

    def _edge_partial(self, user: Inner, i: int, k: int | None) -> Any:
        p = user.op.partials[i]
        if p.__class__ is float:
            return p
        if k is None:
            return graph_partial(p, user._operands()[0], user)
        if (user, i) not in self._lists:
            self._lists[user, i] = graph_partial(p, user._operands()[0], user)
        return self._lists[user, i][k]


def _needed_edges(v: Inner, needed: set[Value]) -> list[tuple[Value, int, int | None]]:
    """(argument, which argument, place in it if it is a list) for the edges that lead to what is asked for."""
    edges: list[tuple[Value, int, int | None]] = []
    for i, a in enumerate(v._operands()[0]):
        if a.__class__ is tuple:
            edges.extend([(e, i, k) for k, e in enumerate(a) if e in needed])
        elif a.__class__ is Value and a in needed:
            edges.append((a, i, None))
    if edges:
        _check_unchanged(v)
    return edges


def graph_edges(v: Inner, needed: set[Value]) -> list[tuple[Value, Any]]:
    """(argument, partial as a Value or number) for the edges that lead to what is asked for."""
    args, _ = v._operands()
    edges: list[tuple[Value, Any]] = []
    for a, p in zip(args, v.op.partials):
        if a.__class__ is tuple:
            if any(e in needed for e in a):
                ps = graph_partial(p, args, v) if p.__class__ is not float else [p] * len(a)
                edges.extend([(e, q) for e, q in zip(a, ps) if e in needed])
        elif a.__class__ is Value and a in needed:
            edges.append((a, p if p.__class__ is float else graph_partial(p, args, v)))
    if edges:
        _check_unchanged(v)
    return edges


def _check_unchanged(v: Inner) -> None:
    for a, x in v._edges():
        if isinstance(a, Value) and a._data is not x and not _same(a._data, x):
            raise RuntimeError(
                f"gradients takes a graph as it was computed, but the data of {a!r} was {x} then; build the graph again"
            )


def graph_partial(p: Any, args: tuple[Any, ...], v: Value) -> Any:
    """A partial on the graph's own Values; where Python is not IEEE on the numbers among them, on Values alone."""
    try:
        return p(*args, v)
    except (ArithmeticError, ValueError):
        return p(
            *[[Value(e) for e in a] if a.__class__ is list else Value(a) if a.__class__ is float else a for a in args],
            v,
        )


def _same(x: float, y: float) -> bool:
    return (x == y and copysign(1.0, x) == copysign(1.0, y)) or (x != x and y != y)


def guarded_contribution(op: Op, g: Any, p: Any, guard: Guard) -> tuple[Guard, Any]:
    """(guard, adjoint) that one edge passes on. A guard is (condition, strict): a Value that is 0 where no path is
    connected, and whether the path leads through a `where`, behind which every product is guarded."""
    if op.selects:
        if p.__class__ is float:
            if p == 0.0:
                return None, None
        else:
            condition = p if guard is None else where(guard[0], p, 0.0)
            strict = op.name in ("where", "edge") or (guard is not None and guard[1])
            return (condition, strict), where(condition, _times(g, p), 0.0)
    product = _times(g, p)
    if guard is not None and p.__class__ is Value and (guard[1] or op.name not in FINITE):
        product = where(guard[0], product, 0.0)
    return guard, product


def either_guard(guard: Guard, other: Guard) -> Guard:
    """The guard of a node that two edges reach."""
    if guard is None or other is None:
        return None
    return where(guard[0], 1.0, other[0]), guard[1] or other[1]


def _times(g: Any, p: Any) -> Any:
    if p.__class__ is float and p == 1.0:
        return g
    if g.__class__ is float and g == 1.0:
        return p
    if p.__class__ is float and p == -1.0:
        return -g
    return mul(g, p)


# Rows whose partials are finite at finite arguments: behind relu and its like their products need no guard, since the
# adjoint is 0 there. Others (1/x at 0) would give 0·inf.
FINITE = frozenset((
    "add", "sub", "mul", "neg", "identity", "sin", "cos", "tanh", "sigmoid", "softplus", "logsigmoid", "dot", "total",
    "mean", "relu", "leaky_relu", "abs",
))  # fmt: skip


def _backward(self: Value) -> None:
    """Push this node's gradient into its arguments: micrograd's name for one step by hand."""
    push(self, self.grad)


for _name, _method in {"backward": backward, "_backward": _backward}.items():
    setattr(Value, _name, _method)
