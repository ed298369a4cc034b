"""The edges of a node on Values: their partials, and adjoints pushed along them, as `backward` does it on floats."""

from __future__ import annotations

from collections.abc import Sequence
from math import copysign
from typing import Any

from . import context
from .guards import Guard, Number, either_guard, guarded_contribution, times
from .leaves import is_row
from .rule import Formula
from .value import Value

Inner = Any  # a Value that is known to have an op


def pushed(order: list[Value], roots: list[Value], seeds: Sequence[Number], wrt: Sequence[Value]) -> list[Value] | None:
    """The adjoints of some Values by the nodes below the roots, in order; None in a trace, or where a node has lists.

    Sums come about in the order of `backward`, product by product; each is of the same nodes as in `adjoints`.
    """
    if context.active and context.recorder() is not None:
        return None
    needed, inner = set(wrt), list[Inner]()
    v: Inner
    for v in order:
        if v.op.lists:
            return None
        if reads(v, needed):
            needed.add(v)
            inner.append(v)
    adjoints, guards = dict[Value, Number](), dict[Value, Guard]()  # a guard that is None is left out
    for r, seed in zip(roots, seeds):
        adjoints[r] = adjoints[r] + seed if r in adjoints else seed
    for v in reversed(inner):
        g = adjoints.get(v)
        if g is None:
            continue
        op, (args, then), guard = v.op, v._operands(), guards.get(v)
        for a, x, p in zip(args, then, op.partials):
            if a.__class__ is not Value:
                continue
            if a._data is not x:
                check_unchanged(v, set())
            if a not in needed:
                continue
            if p.__class__ is not float:
                p = graph_partial(p, v)
            if guard is None and not op.selects:
                term = times(g, p)
                total = adjoints.get(a)
                adjoints[a] = term if total is None else total + term
                if guards:
                    guards.pop(a, None)
            else:
                _push_guarded(a, *guarded_contribution(op, g, p, guard), adjoints, guards)
    return [x if isinstance(x, Value) else Value(x) for x in [adjoints.get(v, 0.0) for v in wrt]]


def reads(v: Inner, these: set[Value]) -> bool:
    """Is one of these among the operands of a node?"""
    for a in v._operands()[0]:
        if not these.isdisjoint(a) if a.__class__ is tuple else a.__class__ is Value and a in these:
            return True
    return False


def _push_guarded(
    a: Value, guard: Guard, term: Number | None, adjoints: dict[Value, Number], guards: dict[Value, Guard]
) -> None:
    """Add to an adjoint what comes along an edge that is guarded, or not connected."""
    if term is None:
        return
    if a in adjoints:
        adjoints[a] = adjoints[a] + term
        guard = either_guard(guards.pop(a, None), guard)
    else:
        adjoints[a] = term
    if guard is not None:
        guards[a] = guard


def graph_partial(p: Formula, v: Value) -> Any:
    """A partial on the graph's own Values; where Python is not IEEE on the numbers among them, on Values alone."""
    args, _ = v._operands()
    try:
        return p(*args, v)
    except (ArithmeticError, ValueError):
        return p(
            *[[Value(e) for e in a] if a.__class__ is list else Value(a) if a.__class__ is float else a for a in args],
            v,
        )


def check_unchanged(v: Inner, known: set[tuple[int, int]]) -> None:
    """Raise where the data of a leaf is not what it was; the lists in `known` were looked at, and others come to them."""
    for given, then in zip(*v._operands()):
        if given.__class__ is Value:
            changed = [] if given._data is then else [(given, then)]
        elif given.__class__ is not tuple or is_row(given) or (id(given), id(then)) in known:
            continue  # a row is of a trace, where none is changed
        else:
            changed = [(a, x) for a, x in zip(given, then) if a._data is not x]
            if not changed:
                known.add((id(given), id(then)))
        for a, x in changed:
            if not _same(a._data, x):
                raise RuntimeError(
                    f"gradients takes a graph as it was computed, but the data of {a!r} was {x} then; build the graph "
                    "again"
                )


def _same(x: float, y: float) -> bool:
    return (x == y and copysign(1.0, x) == copysign(1.0, y)) or (x != x and y != y)
