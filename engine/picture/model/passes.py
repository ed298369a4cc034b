"""A run of a graph as data: each value forward, each gradient backward, with its equation and its numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...formulas.naming import callers_variables, variable_names
from ...formulas.notation import number_text
from ...value import Value
from .level import model_of, roots_of


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """One path of a chain-rule sum.

    Attributes:
        user: the node through which the gradient comes.
        formula: the local derivative as text.
        adjoint: the gradient of the user.
        partial: the local derivative.
        product: adjoint · partial.
    """

    user: Value
    formula: str
    adjoint: float
    partial: float
    product: float


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step of a run.

    Attributes:
        phase: "forward" or "backward".
        node: the Value that is computed, or whose gradient is gathered.
        name: what it is called.
        equation: the line: z = s + b = −0.5 + 0.7 = 0.2, or dL/dz = dL/dn·∂n/∂z = −1.605·0.961 = −1.543.
        result: the data, or the gradient.
        products: backward, one for each path.
    """

    phase: str
    node: Value
    name: str
    equation: str
    result: float
    products: tuple[Product, ...] = ()

    def __str__(self) -> str:
        return f"{self.phase:8}  {self.equation}"

    def __repr__(self) -> str:
        return f"<{self.phase} step: {self.equation}>"


def steps(root: Value | Iterable[Value], *, names: Mapping[str, object] | None = None) -> list[Step]:
    """The forward pass, then the backward pass, of a graph: what its player shows, as data.

    Nothing in the graph is changed; a backward need not have run.

    Args:
        root: a Value, or a list of them.
        names: variables to name nodes by, instead of the caller's.

    Returns:
        A list of Steps: results in topological order, then gradients in the reverse of it.

    >>> from engine import Value, steps
    >>> a, b = Value(2.0), Value(-3.0)
    >>> L = a * b
    >>> for step in steps(L):
    ...     print(step)
    forward   L = a · b = 2.0 · (−3.0) = −6.0
    backward  dL/dL = 1.0
    backward  dL/db = dL/dL·∂L/∂b = 1.0·2.0 = 2.0
    backward  dL/da = dL/dL·∂L/∂a = 1.0·(−3.0) = −3.0
    """
    given = variable_names(callers_variables(1) if names is None else names)
    model = model_of(roots_of(root, "steps"), "full", force=True, given=given, complete=True)
    found = [
        Step("forward", b.node, b.name, f"{b.name} = {b.expression} = {b.numbers} = {number_text(b.data)}", b.data)
        for b in model.boxes
        if b.kind == "op"
    ]
    for b in reversed(model.boxes):
        if b.kind != "tag":
            products = [
                Product(e.target.node, e.formula or number_text(e.local), e.target.total, e.local, e.product)
                for e in model.outs[b]
                if e.product is not None and e.local is not None
            ]
            found.append(Step("backward", b.node, b.name, b.chain, b.total, tuple(products)))
    return found
