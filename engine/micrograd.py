"""micrograd's names for what Values have under others, and what is said where its way of making nodes is tried."""

from __future__ import annotations

from .backprop import push
from .rule import Node

SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "relu": "ReLU"}


def children(v: Node) -> set[Node]:
    """`_prev`: the nodes among the arguments; numbers are none here."""
    return {a for a, _ in v._edges() if isinstance(a, Node)}


def operation(v: Node) -> str:
    """`_op`: the operation, in micrograd's notation."""
    if v.op is None:
        return ""
    if v.op.name == "power" and v._b.__class__ is float:
        return f"**{v._b:g}"
    return SYMBOLS.get(v.op.name, v.op.name)


def push_once(v: Node) -> None:
    """`_backward`: push this node's gradient into its arguments."""
    push(v, v.grad)


def label(text: object, op: object = None) -> str:
    """A label as text; a TypeError that says how nodes are made where it is what micrograd calls the children."""
    if op is not None or isinstance(text, (tuple, list, set, frozenset, Node)):
        raise TypeError(
            f"Value takes a number and a str as its label, got {text!r:.60}{', …' * (op is not None)}; "
            "what has children is made by an operation on them: engine.op adds one, with its derivative"
        )
    return "" if text is None else str(text)
