"""Backpropagation: reverse accumulation over a topological order.

Griewank & Walther, Evaluating Derivatives (2nd ed., 2008), section 3.2. Differs from the book in two things: adjoints
of inner nodes are local to a call, so a graph may be swept any number of times; and where a row selects, an edge whose
partial is exactly 0 is not connected, so that a branch not taken never contributes 0·inf.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any

from . import context, readings
from .anomaly import AnomalyError, watched
from .arguments import real, shown
from .conversion import no_gradient, number
from .rule import UNREACHED, Node
from .traversal import connected_edges


def backward(root: Node, gradient: float = 1.0) -> None:
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
    if not isinstance(root, Node):
        raise TypeError(
            f"backward takes a Value, got {shown(root)}; of several losses call it on each, or on their sum"
        )
    gradient = number(gradient, "backward", "a real number as gradient")
    readings.check(root, "backward()")
    swept(root, gradient)


_sweeping = threading.RLock()  # while a graph is swept, the grad slots of leaves that others may share are marks
if hasattr(os, "register_at_fork"):  # a child begins with no sweep half done, and the lock free
    os.register_at_fork(before=_sweeping.acquire, after_in_parent=_sweeping.release, after_in_child=_sweeping.release)


def swept(root: Node, gradient: float, read: Iterable[Node] | None = None) -> list[float]:
    """The adjoints of some nodes, where leaves keep the gradients that they had; None: those of all leaves are added."""
    stack, order, leaves, before = [root], list[Node](), list[Node](), list[float]()
    with _sweeping:
        try:
            zero = _marked_order(stack, order, leaves, before)
            root.grad = gradient
            _sweep(order, zero)
            found = [0.0 if v.grad is zero else v.grad for v in (leaves if read is None else read)]
            _set_grads(leaves, _sums(leaves, before, found) if read is None else before)
            return found
        except BaseException:
            _set_grads(leaves, before)
            _set_grads(order + [v for v in stack if v.op is not None], repeat(UNREACHED))
            raise


def _marked_order(stack: list[Node], order: list[Node], leaves: list[Node], before: list[float]) -> float:
    """The inner nodes of `topological_order`, faster: the grad slot is the mark, and marking is the reset.

    Leaves are listed with their gradients as they were, then reset too. The mark is -0.0, since -0.0 + g is g exactly.
    """
    zero, opened = float("-0"), float("-0")
    walked = set[int]()  # lists of operands with nothing left below: those that nodes share are walked once or twice
    pop, push = stack.pop, stack.append
    while stack:
        v = pop()
        grad = v.grad
        if grad is opened:
            v.grad = zero
            order.append(v)
            continue
        if grad is zero:
            continue
        op = v.op
        if op is None:
            leaves.append(v)
            before.append(grad)
            v.grad = zero
            continue
        v.grad = opened
        push(v)  # it waits below its arguments
        if op.kind == 2:
            a, b = v._a, v._b
            if b.__class__ is not float and b.grad is not zero:
                push(b)
            if a.__class__ is not float and a.grad is not zero:
                push(a)
        elif op.kind == 1:
            push(v._a)
        else:
            for arg in reversed(v._a):
                if arg.__class__ is tuple:
                    below = [] if id(arg) in walked else [a for a in reversed(arg) if a.grad is not zero]
                    stack += below
                    if not below:
                        walked.add(id(arg))
                elif arg.__class__ is not float and arg.__class__ is not list and arg.grad is not zero:
                    push(arg)
    return zero


def _sweep(order: list[Node], zero: float) -> None:
    """Push each node's adjoint into its arguments, users first."""
    watching = context.active and context.watching()
    users_first: Iterator[Any] = watched(reversed(order), zero) if watching else reversed(order)
    while True:
        try:
            for v in users_first:
                g = v.grad
                if g is zero:  # behind a branch not taken
                    v.grad = 0.0
                else:
                    v.op.push(v, g)
            return
        except AnomalyError:
            raise
        except (ArithmeticError, ValueError):  # where Python is not IEEE: again, on Values, whose operators are
            push(v, g)  # then on with the nodes that are left


def push(v: Node, gradient: float) -> None:
    """Add `gradient` times each partial of one node to the arguments' `.grad`: one step of backward by hand."""
    for a, p in connected_edges(v):
        a.grad += gradient * p


def _sums(leaves: list[Node], before: list[float], found: list[float]) -> list[float]:
    """What is found added to the gradients of leaves; a TypeError where one that was set by hand is no real number."""
    try:
        after = [g if old is UNREACHED else old + g for g, old in zip(found, before)]
    except (TypeError, OverflowError):
        raise no_gradient(leaves, before) from None
    if set(map(type, after)) - {float} and any(real(g) is None for g in before):
        raise no_gradient(leaves, before)
    return after


def _set_grads(nodes: list[Node], grads: Iterable[float]) -> None:
    # One call into C, which no KeyboardInterrupt can enter: all are set, or none.
    deque(map(setattr, nodes, repeat("grad"), grads), 0)
