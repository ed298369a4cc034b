"""First nan: where the first nan or infinity of a graph came from, and the part of the graph that shows it."""

from __future__ import annotations

import re
from math import isfinite
from typing import NamedTuple

from engine import Value, partials, topological_order

from ..arguments import Number
from ..module import Module
from .findings import Symptom


class Origin(NamedTuple):
    """The first place in a graph that is not finite."""

    node: Value  # that it happens at: all it is made from is finite, or it is a leaf
    number: float  # the nan or infinity
    what: str  # "value", or "partial", or "gradient" (a partial times the adjoint overflows)
    argument: int | None = None  # for a partial or gradient, which of the node's arguments it is about, from 0


def origin(root: Value) -> Origin | None:
    """The first node whose value is not finite; else, backward having run, the first partial or gradient; else None.

    First means in the order of computation: arguments before users forward, users before arguments backward.
    """
    order = topological_order(root)
    for v in order:
        if not isfinite(v.data):
            return Origin(v, v.data, "value")
    for v in reversed(order):
        if v.op is None:
            continue
        for i, p in enumerate(partials(v)):
            if p is None or (p == 0.0 and v.op.selects):
                continue
            for what, number in (("partial", p), ("gradient", p * v.grad)):
                if not isfinite(number):
                    return Origin(v, number, what, i)
    return None


WIDE = 8  # a weighted sum of more products is shown by its
KEPT = 4  # most telling ones; the others are added up


def cut_out(node: Value, names: dict[Value, str], size: int = 4) -> Value:
    """A copy of a node and of up to `size` inner nodes below it, nearest first; what lies further below becomes leaves.

    A wide weighted sum keeps few products. Values without a label get one of the names.
    """
    kept, level = {node}, [node]
    while level:
        below = []
        for v in level:
            for a in dict.fromkeys(v.args):
                if isinstance(a, Value) and a.op is not None and a not in kept and len(kept) < size:
                    kept.add(a)
                    below.append(a)
        level = below
    made: dict[Value, Value] = {}
    for v in topological_order(node):
        if v in kept:
            made[v] = _again(v, made, names)
            made[v].label = v.label
    return made[node]


def _again(v: Value, made: dict[Value, Value], names: dict[Value, str]) -> Value:
    """The op of a node on copies of its arguments; those that are not made yet are leaves."""

    def twin(a: Number) -> Number:
        if not isinstance(a, Value):
            return a
        if a not in made:
            made[a] = Value(a.data, label=a.label or names.get(a, ""))
        return made[a]

    op = v.op
    if op is None:
        return Value(v.data)
    args = list(v.args)
    if op.name == "dot" and len(args) // 2 > WIDE:
        args = _narrowed(args)
    flat = [twin(a) for a in args]
    count = (len(flat) - (op.arity - op.lists)) // op.lists if op.lists else 0
    lists = [flat[k * count : (k + 1) * count] for k in range(op.lists)]
    again: Value = op(*lists, *flat[op.lists * count :])
    return again


def finding_of_origin(root: Value, model: Module, line: str = "") -> Symptom:
    """What is said about a loss that is not finite, or whose gradients are not, backward having run.

    The line is where the user's code made the node, if that is known.
    """
    paths = {p: path for path, p in model.named_parameters()}
    names = {p: _short(path) for p, path in paths.items()}
    first = origin(root)
    if first is None:  # each example's gradient is finite, their sum is not
        message = "the sum of the examples' gradients overflows"
        return Symptom("not finite", "", float("inf"), message, _REMEDIES["overflow"])
    node, number, what, argument = first
    if node.op is None:
        broken = [p for p in paths if not isfinite(p.data)]
        name = paths.get(node, node.label or "a constant")
        count = f"{len(broken):,} of {len(paths):,} parameters are not finite, first " if node in paths else ""
        message = f"{count}{name} = {number}; every output that it reaches is nan"
        user = next((v for v in topological_order(root) if node in v.args), None)
        part = None if user is None else cut_out(user, names)
        remedy = _REMEDIES["leaf"]
        return Symptom("not finite", _layer(name if node in paths else ""), number, message, remedy, part)
    scope = node.scope.path if node.scope is not None else ""
    numbers = [a.data if isinstance(a, Value) else a for a in node.args]
    shown = ", ".join([f"{x:.6g}" for x in numbers[:4]]) + (", …" if len(numbers) > 4 else "")
    happened = {
        "value": f"gave {number} for {shown}",
        "partial": f"has the partial {number} to its argument {(argument or 0) + 1} at {shown}",
        "gradient": f"passes back the gradient {number}: a partial times {node.grad:.4g} overflows",
    }[what]
    place = scope or ("the loss" if node.scope is None else "the network")
    message = f"{node.op.name} in {place} {happened}{line and f' ({line})'}; all that follows is not finite"
    remedy = _REMEDIES.get(node.op.name, _REMEDIES["overflow"])
    return Symptom("not finite", _layer(scope), number, message, remedy, cut_out(node, names))


def _narrowed(args: list[Number]) -> list[Number]:
    """The operands of a dot with few products: those that are not finite, then the largest; the bias takes the rest."""
    n = len(args) // 2
    numbers = [a.data if isinstance(a, Value) else a for a in args]
    products = [w * x for w, x in zip(numbers[:n], numbers[n : 2 * n])]
    telling = sorted(range(n), key=lambda i: (isfinite(products[i]), -abs(products[i]) if isfinite(products[i]) else 0))
    kept = sorted(telling[:KEPT])
    rest = Value(sum([products[i] for i in telling[KEPT:]], numbers[-1]), label="others")
    return [*[args[i] for i in kept], *[args[n + i] for i in kept], rest]


def _short(path: str) -> str:
    """layers.0.neurons.3.w.1 as l0.n3.w[1]."""
    parts = re.sub(r"\.(\d+)", r"[\1]", path).split(".")
    return ".".join([*[re.sub(r"^(\w)\w*|[\[\]]", r"\1", part) for part in parts[:-1]], parts[-1]])


def _layer(path: str) -> str:
    return path.partition(".neurons.")[0]


_AWAY = "keep its argument away from 0: add a small constant, or use "
_REMEDIES = {
    "leaf": "training diverged: start again with a learning rate ten times smaller, or clip_norm=1.0; "
    "engine.detect_anomaly() names the step that breaks",
    "log": _AWAY + "a loss from logits (cross_entropy, binary_cross_entropy), log_softmax or log1p",
    "div": _AWAY + "where(x, a / x, 0.0)",
    "sqrt": _AWAY + "square where you can",
    "power": _AWAY + "a whole exponent",
    "exp": "use softmax, logsumexp or softplus, which do not overflow, or scale inputs to mean 0 and deviation 1",
    "overflow": "numbers overflow: scale inputs to mean 0 and deviation 1, start from smaller weights, "
    "lower the learning rate, or clip_norm=1.0",
}
