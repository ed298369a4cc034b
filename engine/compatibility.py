"""Compatibility: what NumPy calls on Values, alone and in arrays of objects, and others' names for what they have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import eq, ne
from typing import TYPE_CHECKING, Any, ClassVar

from . import ops
from .arguments import nearest, shown
from .backprop import push
from .rule import TABLE, Node

__all__ = ["Absent", "Told"]

NAMES = {  # NumPy's names of rows that the table calls otherwise
    "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div", "negative": "neg", "positive": "identity",
    "absolute": "abs", "fabs": "abs", "float_power": "power", "degrees": "rad2deg", "radians": "deg2rad", "conjugate": "identity", "rint": "round",
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
    **dict.fromkeys(("gammaln", "loggamma"), "lgamma"), "betaln": "lbeta", "psi": "digamma",
    "igamma": "gammainc", "igammac": "gammaincc", "regularized_incomplete_beta": "betainc",
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
            f"Value takes a number and a str as its label, got {shown(text)}{', …' * (op is not None)}; "
            "what has children is made by an operation on them: engine.op adds one, with its derivative"
        )
    return "" if text is None else str(text)


# Attributes ----------------------------------------------------------------------------------------------------------


def _all(names: str, text: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), text)


OF_VALUE = {  # what others call an attribute of a Value, and what is written here
    **_all("backwards backprop backpropagate", "backward()"),
    **_all("gradient gradients derivative", "grad, which backward() fills in"),
    **_all("value val numpy tolist", "data, the number"),
    **_all("zero_gradient zero_gradients zero_grads zero_grad_", "zero_grad()"),
    **_all("requires_grad requires_grad_", "nothing instead: each Value has a gradient, and what detach() gives passes none on"),
    **_all("name", "label"),
    **_all("children parents operands inputs", "args"),
    **_all("draw plot show graph visualize", "engine.draw(v)"),
}  # fmt: skip
_SHOW = "show view display open render"
OF_PICTURE = {
    **_all(_SHOW, 'save("graph.html"), a page for the browser; print it in a terminal, end a notebook cell with it'),
    **_all("export write savefig to_svg to_png to_file", 'save("graph.svg"), or another ending'),
    **_all("step steps play animate animation", "player()"),
    **_all("to_latex tex", "latex()"),
    **_all("source", "dot"),
}
OF_PAGE = {**_all(_SHOW, 'save("graph.html") and open that in a browser, or end a notebook cell with it')}


class Told:
    """Says what is written here where an attribute is asked for that others have, or that is misspelt.

    >>> from engine import Value, draw
    >>> draw(Value(2.0) + 1).export
    Traceback (most recent call last):
    AttributeError: Picture has no 'export'; write save("graph.svg"), or another ending
    """

    _written: ClassVar[Mapping[str, str]] = {}

    if not TYPE_CHECKING:  # or every attribute would be there, for types

        def __getattr__(self, name):
            if name[0] != "_" and not hasattr(type(self), name):
                written = type(self)._written.get(name)
                if written is not None:
                    raise AttributeError(absent(type(self), name, written))
                near = nearest(name, [n for n in dir(self) if n[0] != "_"])
                if near:
                    raise AttributeError(f"{type(self).__name__} has no {name!r}{near}")
            return object.__getattribute__(self, name)  # raises as Python does


class Absent:
    """An attribute that others have: as `Told`, where attributes are read too often for a __getattr__.

    It stands behind whatever a subclass, an instance or another base has by the name.

    >>> from engine import Value
    >>> Value(2.0).backwards()
    Traceback (most recent call last):
    AttributeError: Value has no 'backwards'; write backward()
    """

    def __init__(self, holder: type, name: str, written: str) -> None:
        self._holder, self._name, self._written = holder, name, written

    def __get__(self, x: object | None, owner: type) -> object:
        try:
            return getattr(super(self._holder, owner if x is None else x), self._name)
        except AttributeError:
            raise AttributeError(absent(owner, self._name, self._written)) from None


def absent(owner: type, name: str, written: str) -> str:
    """The message about an attribute that others have."""
    return f"{owner.__name__} has no {name!r}; write {written}"
