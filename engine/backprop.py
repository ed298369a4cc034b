"""Topological order and reverse accumulation.

Griewank & Walther, Evaluating Derivatives (2nd ed., 2008), section 3.2. Differs from the book in two things: adjoints
of inner nodes are local to a call, so a graph may be swept any number of times; and where a row selects, an edge whose
partial is exactly 0 is not connected, so that a branch not taken never contributes 0·inf.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from itertools import repeat
from math import isfinite
from typing import Any

from . import context, readings
from .arguments import real, shown
from .ops import number, unboxed
from .value import UNREACHED, Value

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
            stack.extend([a for a in reversed(v.args) if isinstance(a, Value) and a not in done])
    return order


def values_of(vs: Any, who: str) -> list[Value]:
    """A list of Values from one or an iterable of them, or a TypeError in the user's terms."""
    vs = unboxed(vs)
    if isinstance(vs, Value):
        return [vs]
    many = hasattr(vs, "__iter__") and not isinstance(vs, str) and getattr(vs, "shape", None) != ()
    listed: list[Any] = list(map(unboxed, vs)) if many else [vs]
    for v in listed:
        if not isinstance(v, Value):
            raise TypeError(f"{who} takes a Value or a list of Values, got {shown(v)}")
    return listed


def backward(root: Value, gradient: float = 1.0) -> None:
    """Fill in `.grad` below a root: leaves accumulate, inner nodes hold the adjoint of this call.

    Args:
        root: the Value to differentiate.
        gradient: its adjoint, the number to start from.

    An interrupted call leaves the gradients of leaves as they were. Calls in several threads wait for each other, so
    that those whose graphs share leaves add up; other uses of a leaf's `.grad` meanwhile are not safe.

    >>> from engine import Value
    >>> a = Value(3.0)
    >>> (a**3).backward()
    >>> a.grad
    27.0
    """
    if root.__class__ is not Value:
        raise TypeError(
            f"backward takes a Value, got {shown(root)}; of several losses call it on each, or on their sum"
        )
    gradient = number(gradient, "backward", "a real number as gradient")
    if context.active:
        context.refuse(root, "backward()")
    if readings.running:
        readings.refuse(root, "backward()")
    with _sweeping:
        _swept(root, gradient)


_sweeping = threading.RLock()  # while a graph is swept, the grad slots of leaves that others may share are marks
if hasattr(os, "register_at_fork"):  # a child begins with no sweep half done, and the lock free
    os.register_at_fork(before=_sweeping.acquire, after_in_parent=_sweeping.release, after_in_child=_sweeping.release)


def _swept(root: Value, gradient: float) -> None:
    if root.op is None:
        _set_grads([root], _sums([root], [root.grad], [gradient]))
        return
    stack, order = [root], list[Value]()
    leaves, before = list[Value](), list[float]()
    try:
        zero = _marked_order(stack, order, leaves, before)
        root.grad = gradient
        if context.active and context.watching():
            _watched_sweep(order, zero)
        else:
            _sweep(order, zero)
        after = [0.0 if v.grad is zero else v.grad for v in leaves]
        _set_grads(leaves, _sums(leaves, before, after))
    except BaseException:
        _set_grads(leaves, before)
        _set_grads(order + [v for v in stack if v.op is not None], repeat(UNREACHED))
        raise


def _sums(leaves: list[Value], before: list[Any], found: list[float]) -> list[float]:
    """What is found added to the gradients of leaves; a TypeError where one that was set by hand is no real number."""
    try:
        after = [g if old is UNREACHED else old + g for g, old in zip(found, before)]
    except (TypeError, OverflowError):
        raise _no_number(leaves, before) from None
    if set(map(type, after)) - {float} and any(real(g) is None for g in before):
        raise _no_number(leaves, before)
    return after


def _no_number(leaves: list[Value], before: list[Any]) -> TypeError:
    """What is wrong where a gradient that was set by hand cannot be added to."""
    given = [(v, g) for v, g in zip(leaves, before) if g is not UNREACHED and g.__class__ is not float]
    v, found = next(((v, g) for v, g in given if not isfinite(real(g) or 0.0) or real(g) is None), given[0])
    leaf = f"the leaf {v.label!r:.60}" if v.label else f"a leaf of data {v._data}"
    return TypeError(f"backward takes numbers as grad to add to, got {shown(found)} on {leaf}; zero_grad() resets it")


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
        raise TypeError(f"partials takes a Value, got {shown(v)}")
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
        again = [[Value(e) for e in x] if x.__class__ is list else Value(x) for x in vals]
        with context.quiet():  # detect_anomaly is to name this node, not an op of its partial
            q = readings.Call("partials", ()).run(p, *again, Value(y))  # numbers are all that is wanted: no warnings
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


def _backward(self: Value) -> None:
    """Push this node's gradient into its arguments: micrograd's name for one step by hand."""
    push(self, self.grad)


for _name, _method in {"backward": backward, "_backward": _backward}.items():
    setattr(Value, _name, _method)
