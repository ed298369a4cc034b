"""explain: the chain rule of a Value in words, and a function or a Module in matrices."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from .arguments import shown, whole
from .formulas.explanation import NODES, TERMS, Explanation
from .formulas.naming import callers_variables, variable_names
from .traversal import topological_order
from .value import Value

if TYPE_CHECKING:
    from .compiler.explanation import MatrixExplanation


@overload
def explain(
    root: Value, node: Value | None = None, *, terms: int | None = TERMS, nodes: int | None = NODES,
    names: Mapping[str, object] | None = None,
) -> Explanation: ...  # fmt: skip


@overload
def explain(
    root: Callable[..., object], *args: object, argnums: int | Sequence[int] | None = None
) -> "MatrixExplanation": ...


def explain(
    root: Any, *args: Any, node: Value | None = None, terms: int | None = TERMS, nodes: int | None = NODES,
    names: Mapping[str, object] | None = None, argnums: int | Sequence[int] | None = None,
) -> Any:  # fmt: skip
    """The chain rule at one node of a graph, or at all; and of a function or a Module the formulas in matrices.

    explain(L, a) says what each path contributes to dL/da, and why; explain(L) does so for all nodes. `dL/da` is how L
    changes with a through all paths, the gradient; `∂c/∂a` is the derivative of one op, all else held. Nodes without a
    label are called by the caller's variables, parameters else by their path in the Module.

    explain(f, x, …) says what a function computes of arguments like these, in matrices, and its gradients: the scalar
    loops are run once, and the matrix products looked for in them. `∂L/∂W` is the gradient by all of W, L what f
    returns; a Module, or a function of several results, returns y, and L is any number computed from it. Sums that are no
    product of matrices are written with an index an axis, from 0.

    Args:
        root: the Value that is differentiated; or a function, also a Module, or what `vmap` makes of one.
        args: the Value by which, without it all nodes below the root, users first; or the arguments of the function.
        node: the same Value by name.
        terms: how many paths of a node are written out; None for all. Sums are always of all.
        nodes: how many nodes are written out where no node is given; None for all.
        names: variables to name nodes by, instead of the caller's.
        argnums: by which arguments of a function; without it by the Modules among them, else by all.

    Returns:
        An explanation: `print` it, leave it as the last line of a notebook cell, or ask for `to_latex()`; that of a
        function has the array program as `arrays`.

    Raises:
        TypeError, ValueError: root or node is no Value, terms or nodes no whole number from 1; a function's loops are no
            arrays, which names its line.

    >>> from engine import Value, explain, tanh
    >>> a, b = Value(2.0), Value(3.0)
    >>> c = a * b
    >>> L = c * a
    >>> print(explain(L, a))
    dL/da = dL/dL·∂L/∂a + dL/dc·∂c/∂a = 1.0·6.0 + 2.0·3.0 = 6.0 + 6.0 = 12.0
        L = c · a, so ∂L/∂a = c = 6.0
        c = a · b, so ∂c/∂a = b = 3.0
    >>> def layer(W, b, x):
    ...     return [tanh(sum(w * xk for w, xk in zip(row, x)) + bias) for row, bias in zip(W, b)]
    >>> print(explain(layer, [[1.0, 2.0, 3.0]] * 4, [0.0] * 4, [1.0, 0.5, 0.0]))
    layer: W 4×3, b 4, x 3; L is any number computed from y
    t0 = W·x + b
    y = tanh(t0)
    d = ∂L/∂y ⊙ sech²(t0)
    ∂L/∂W = d·xᵀ
    ∂L/∂b = d
    ∂L/∂x = Wᵀ·d
    """
    if callable(root) and not isinstance(root, Value):
        from .compiler.explanation import matrix_explanation

        return matrix_explanation(root, args, argnums)
    if len(args) > 1 or (args and node is not None):
        raise TypeError(f"explain takes one Value as node, got {shown(args)}; call it once for each")
    node = args[0] if args else node
    for what, v in (("root", root), ("node", node)):
        if not isinstance(v, Value) and (v is not None or what == "root"):
            raise TypeError(f"explain takes a Value as {what}, got {shown(v)}; for several, call it once for each")
    terms = None if terms is None else whole("explain", "terms", terms, least=1)
    nodes = None if nodes is None else whole("explain", "nodes", nodes, least=1)
    variables = variable_names(callers_variables(1) if names is None else names)
    order = topological_order(root)
    if node is not None:
        return Explanation(root, [node], 0, terms, variables)
    shown_nodes = order[::-1][:nodes]
    return Explanation(root, shown_nodes, len(order) - len(shown_nodes), terms, variables)
