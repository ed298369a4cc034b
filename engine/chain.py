"""The chain rule as data: for each node of a graph its paths to the root, and their sum.

Reverse accumulation as in `backprop`, with everything it multiplies and adds kept, and nothing written on the graph.
"""

from functools import reduce
from operator import add
from typing import NamedTuple

from . import context, ops
from .backprop import partials, topological_order
from .formula import Name, partial_formulas
from .value import Value

__all__ = ["Chain", "Path", "chain_rule"]


class Path:
    """One way from a root to a node: the last edge of it, and what backward multiplies there.

    Attributes:
        user: the node that uses this one as an argument.
        edge: which of `user.args` it is.
        adjoint: the derivative of the root with respect to the user.
        local: the derivative of the user with respect to this argument.
        product: adjoint times local, what this path adds to the gradient; 0.0 where it is not connected.
        connected: False where the user selects another argument, or is itself behind one that was not taken.
    """

    __slots__ = ("adjoint", "connected", "edge", "local", "product", "user")

    def __init__(self, user: Value, edge: int, adjoint: float, local: float, connected: bool) -> None:
        self.user, self.edge, self.adjoint, self.local, self.connected = user, edge, adjoint, local, connected
        self.product = adjoint * local if connected else 0.0

    def formula(self, name: Name, style: str = "unicode") -> str:
        """The local derivative as a formula. For all edges of one user, `partial_formulas` is the cheaper way."""
        return partial_formulas(self.user, name, style)[self.edge] or ""

    def __repr__(self) -> str:
        return f"Path(edge={self.edge}, adjoint={self.adjoint}, local={self.local}, product={self.product})"


class Chain(NamedTuple):
    """The chain rule at one node: a path for each use, in the order in which backward adds them, and their sum."""

    paths: list[Path]
    sum: float


def chain_rule(root: Value, gradient: float = 1.0) -> dict[Value, Chain]:
    """The chain rule at every node below a root, users before arguments; the graph and its `.grad` stay as they are.

    Args:
        root: the Value that is differentiated.
        gradient: its adjoint.

    Returns:
        A Chain for each node; its sum is the derivative of the root with respect to that node, the same bits that
        `backward` would compute. The root has no paths, and `gradient` as its sum.

    >>> from engine import Value
    >>> from engine.chain import chain_rule
    >>> a = Value(3.0)
    >>> chain_rule(a * a)[a]
    Chain(paths=[Path(edge=0, adjoint=1.0, local=3.0, product=3.0), Path(edge=1, adjoint=1.0, local=3.0, product=3.0)], sum=6.0)
    """
    gradient = ops.number(gradient, "chain_rule")
    paths: dict[Value, list[Path]] = {v: [] for v in reversed(topological_order(root))}
    chains: dict[Value, Chain] = {}
    for v, into in paths.items():
        reached = [p.product for p in into if p.connected]
        adjoint = reduce(add, reached) if reached else gradient if v is root else 0.0
        chains[v] = Chain(into, adjoint)
        if v.op is None:
            continue
        connected = bool(reached) or v is root
        with context.quiet():
            local = partials(v)
        for i, (a, p) in enumerate(zip(v.args, local)):
            if isinstance(a, Value) and p is not None:
                taken = connected and (p != 0.0 or not v.op.selects)
                paths[a].append(Path(v, i, adjoint, p, taken))
    return chains
