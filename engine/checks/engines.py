"""The door for other engines: four functions, and every check runs on them.

An adapter says how a leaf is made, what number a node holds, what the derivatives of an output are, and which function
stands for an op of the table.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from ..arguments import function, shown, text
from ..rule import TABLE
from ..value import Value

Node = TypeVar("Node")  # what an engine computes with
Operation = Callable[..., Any]  # an op: nodes and floats in, a node out

OPERATORS: dict[str, Operation] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "power": operator.pow,
    "neg": operator.neg,
    "identity": lambda x: x,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1.0 / x,
    "total": lambda xs: sum(xs[1:], xs[0]),
    "dot": lambda ws, xs, b: sum((w * x for w, x in zip(ws, xs)), b),
    "mean": lambda xs: sum(xs[1:], xs[0]) / len(xs),
}


def operators_and_methods(name: str) -> Operation:
    """An op by Python's operators where it is one, else as a method of its first operand."""
    if name in OPERATORS:
        return OPERATORS[name]
    return lambda x, *rest: getattr(x, name)(*rest)


class Engine(NamedTuple, Generic[Node]):
    """An autograd engine as the checks see it.

    Attributes:
        name: its name in messages.
        make: a float in, a leaf out.
        value: a node in, its number out.
        grads: (output, leaves) in, the derivatives of the output out, from one backward on a fresh graph.
        fn: the name of an op of the table in, a function of nodes and floats out; by default Python's operators, and
            methods of that name.
        jvp: (function of nodes, point, tangent) in, the derivative along the tangent out; None without forward mode.
        backward: (output,) in: one backward, which adds to what the leaves hold; with `grad` it lets
            `check_lifecycle` look at repeated calls.
        grad: a leaf in, the number it holds out.
        args: a node in, its operands out, in order; None where they cannot be seen.

    >>> ours = Engine("chainrule", Value, float, lambda y, xs: (y.backward(), [x.grad for x in xs])[1])
    >>> ours.grads(ours.fn("exp")(x := ours.make(0.0)), [x])
    [1.0]
    """

    name: str
    make: Callable[[float], Node]
    value: Callable[[Node], float]
    grads: Callable[[Node, Sequence[Node]], Sequence[float]]
    fn: Callable[[str], Operation] = operators_and_methods
    jvp: Callable[[Operation, Sequence[float], Sequence[float]], float] | None = None
    backward: Callable[[Node], object] | None = None
    grad: Callable[[Node], float] | None = None
    args: Callable[[Node], Sequence[object]] | None = None


Adapter = Engine[Any]  # an engine of any nodes


def adapter(who: str, engine: object) -> Adapter:
    """The engine, after its functions were found to be functions; `who` asks, for messages."""
    if not isinstance(engine, Engine):
        raise TypeError(f"{who} takes an engine.checks.Engine as engine, got {shown(engine)}; see help(Engine)")
    text("Engine", "name", engine.name)
    for name, f in engine._asdict().items():
        if name != "name" and (f is not None or name in ("make", "value", "grads", "fn")):
            function("Engine", name, f)
    return engine


def accumulating(who: str, engine: Engine[Node]) -> tuple[Callable[[Node], object], Callable[[Node], float]]:
    """(backward, grad) of an engine that has both."""
    adapter(who, engine)
    if engine.backward is None or engine.grad is None:
        raise ValueError(f"{who} takes an Engine with backward= and grad=, got {engine.name} without")
    return engine.backward, engine.grad


def _grads(output: Value, leaves: Sequence[Value]) -> list[float]:
    for leaf in leaves:
        leaf.zero_grad()
    output.backward()
    return [leaf.grad for leaf in leaves]


def _jvp(function: Operation, point: Sequence[float], tangent: Sequence[float]) -> float:
    from ..transforms.forward import jvp

    return float(jvp(function, tuple(point), tuple(tangent))[1])


CHAINRULE = Engine(
    name="chainrule",
    make=Value,
    value=float,
    grads=_grads,
    fn=TABLE.__getitem__,
    jvp=_jvp,
    backward=lambda output: output.backward(),
    grad=lambda leaf: leaf.grad,
    args=lambda node: node.args,
)
