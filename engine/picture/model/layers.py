"""What a closed Module computes, in matrices: a dense layer's formula, the numbers it was given, and Jacobians.

All is read from the nodes: a layer is dense because its values are, whatever its class is called.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ...context import Scope
from ...formulas.chain import Sweep
from ...rule import Op
from ...value import Value

Partials = Mapping[Value, Sequence[tuple[Value, float]]]  # for each node its arguments, with ∂node/∂argument
MOST_PARTIALS = 20_000  # multiplied for one Jacobian; a layer has as many as weights


class Jacobian(NamedTuple):
    """∂target/∂source of several values by several.

    Attributes:
        rows, columns: how many values the target and the source have.
        norm: the square root of the sum of the squares of its entries; None where it is too large to be computed.
    """

    rows: int
    columns: int
    norm: float | None


def partials_taken(sweep: Sweep) -> Partials:
    """The local derivatives of a graph along all edges that a gradient can take, by user."""
    found: dict[Value, list[tuple[Value, float]]] = {}
    for a, paths in sweep.uses.items():
        for u in paths:
            if u.local != 0.0 or u.user.op is None or not u.user.op.selects:
                found.setdefault(u.user, []).append((a, u.local))
    return found


def chain_inside(out: Value, inside: set[Value], partials: Partials, index: Mapping[Value, int]) -> dict[Value, float]:
    """∂out/∂v for all that `out` is computed from by the nodes of a group, by the chain rule inside it."""
    cone, stack = {out}, [out]
    while stack:
        for a, _ in partials.get(stack.pop(), ()):
            if a in inside and a not in cone:
                cone.add(a)
                stack.append(a)
    adjoints, found = {out: 1.0}, dict[Value, float]()
    for v in sorted(cone, key=index.__getitem__, reverse=True):
        for a, p in partials.get(v, ()):
            there = adjoints if a in inside else found
            there[a] = there.get(a, -0.0) + adjoints[v] * p
    return found


def chains_inside(
    outputs: Sequence[Value], members: Sequence[Value], partials: Partials, index: Mapping[Value, int]
) -> list[dict[Value, float]]:
    """The same for each output of a group; of several, none where that would be too much work."""
    inside, found, done = set(members), list[dict[Value, float]](), 0
    for out in outputs:
        found.append(chain_inside(out, inside, partials, index))
        done += len(found[-1])
        if done > MOST_PARTIALS and len(outputs) > 1:
            return []
    return found


def jacobian(rows: Sequence[Mapping[Value, float]], outputs: Sequence[Value], by: Sequence[Value]) -> Jacobian:
    """The Jacobian of the outputs of a group by some values, of the rows that `chains_inside` gives."""
    entries = [row[v] for row in rows for v in by if v in row]
    return Jacobian(len(outputs), len(by), math.hypot(*entries) if rows else None)


class Dense(NamedTuple):
    """A dense layer: activation(W·x + b).

    Attributes:
        activation: a row of one argument; None where there is none.
        inputs: the Values or the numbers that are x.
        bias: whether there is one.
    """

    activation: Op | None
    inputs: Sequence[Value] | Sequence[float]
    bias: bool


def dense(members: Sequence[Value], outputs: Sequence[Value]) -> Dense | None:
    """The dense layer that some nodes are, if all of them are one."""
    inside, found, count = set(members), None, 0
    for out in outputs:
        z, activation = out, None
        if out.op is not None and out.op.kind == 1 and (a := out._operands()[0][0]) in inside:
            z, activation = a, out.op
        if z.op is None or z.op.name != "dot":
            return None
        ws, xs, b = z._operands()[0]
        if not isinstance(ws, tuple) or any(w.op is not None for w in ws):
            return None
        here = Dense(activation, xs, isinstance(b, Value))
        if found is not None and (here[::2] != found[::2] or not _are_same(xs, found.inputs)):
            return None
        found, count = found or here, count + (2 if activation else 1)
    return found if count == len(members) else None


def _are_same(xs: Sequence[object], ys: Sequence[object]) -> bool:
    if isinstance(xs, list) or isinstance(ys, list):
        return xs == ys
    return xs is ys or (len(xs) == len(ys) and all(x is y for x, y in zip(xs, ys)))


def given_numbers(members: Iterable[Value]) -> list[tuple[float, ...]]:
    """The plain numbers that weights are multiplied by inside a group: the inputs of a network that was called on such.

    Each is what one `dot` was given, or one after another the products of one call.
    """
    found: dict[tuple[float, ...], None] = {}
    products: dict[Scope | None, list[float]] = {}
    for v in members:
        if v.op is None or v.op.name not in ("dot", "mul"):
            continue
        a, x = v._operands()[0][:2]
        if v.op.name == "dot" and isinstance(a, tuple) != isinstance(x, tuple):
            found[tuple(a if isinstance(x, tuple) else x)] = None
        elif v.op.name == "mul":
            weight, number = (x, a) if isinstance(x, Value) else (a, x)
            if isinstance(weight, Value) and weight.op is None and isinstance(number, float):
                products.setdefault(v.scope, []).append(number)
    found.update(dict.fromkeys(map(tuple, products.values())))
    return list(found)
