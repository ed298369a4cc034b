"""Compatibility: what NumPy calls on Values, alone and in arrays of objects, and micrograd's names for what they have."""

from __future__ import annotations

from collections.abc import Iterable
from operator import eq, ne
from typing import Any

from . import ops
from .arguments import nearest
from .backprop import push
from .rule import TABLE, Node

NAMES = {  # NumPy's names of rows that the table calls otherwise
    "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div", "negative": "neg", "positive": "identity",
    "absolute": "abs", "fabs": "abs", "float_power": "power", "degrees": "rad2deg", "radians": "deg2rad", "conjugate": "identity",
}  # fmt: skip
OF_PYTHON = {
    "equal": lambda a, b: eq(*_value_first(a, b)), "not_equal": lambda a, b: ne(*_value_first(a, b)),
    "divmod": lambda a, b: (ops.floor_divide(a, b), ops.remainder(a, b)),
}  # fmt: skip


def ufunc(self: Node, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """A NumPy ufunc of one of the table's names: its row, elementwise; `equal` and `not_equal` are == and !=."""
    name = NAMES.get(ufunc.__name__, ufunc.__name__)
    row = OF_PYTHON.get(name) or TABLE.get(name)
    if row is None:
        raise TypeError(
            f"numpy.{ufunc.__name__} takes no Values: the table has no row of this name; engine.op adds one"
        )
    if method != "__call__" or kwargs.keys() - {"out"}:
        raise TypeError(f"numpy.{ufunc.__name__} takes Values in plain calls only, got {method} with {sorted(kwargs)}")
    import numpy as np

    boxes = []
    for a in inputs:
        box = a if isinstance(a, np.ndarray) else np.empty((), object)
        if box is not a:
            box[()] = a
        boxes.append(box.astype(object))
    with np.errstate(all="ignore"):  # IEEE here, without NumPy's warnings
        answer = np.frompyfunc(row, len(inputs), ufunc.nout)(*boxes, **kwargs)
    # A mask of identities selects from arrays, as NumPy's own comparison of object arrays does.
    masks = name in OF_PYTHON and isinstance(answer, np.ndarray) and bool in map(type, answer.flat)
    return answer.astype(bool) if masks else answer


def _value_first(a: object, b: object) -> tuple[object, object]:
    """Operands of a symmetric operator: a number of NumPy that comes first would ask NumPy again."""
    return (a, b) if isinstance(a, Node) else (b, a)


OTHER_NAMES = {  # what others have by another name, and what is written here
    **dict.fromkeys(("Tensor", "tensor", "Variable", "Scalar", "Parameter"), "Value"),
    **dict.fromkeys(("MLP", "Layer", "Neuron", "Module", "SGD", "Adam", "fit", "mse", "cross_entropy"), "nn.{name}"),
    **dict.fromkeys(("plot", "show", "graph", "draw_graph", "visualize"), "draw"),
    "sum": "total", "max": "maximum", "min": "minimum", "pow": "power",
}  # fmt: skip


def name_here(name: str, names: Iterable[str]) -> str:
    """The end of a message about a name that engine has not."""
    said = OTHER_NAMES.get(name) or NAMES.get(name)
    if said:
        return f"; write {said.format(name=name) if said.startswith('nn.') else 'engine.' + said}"
    return "" if name.startswith("_") else nearest(name, names)


SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "relu": "ReLU"}  # micrograd's


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
