"""The chain rule as data: for each node of a graph its paths to the root, and their sum.

Reverse accumulation as in `backprop`: the same order of nodes, edges and additions, so the same bits. Everything that it
multiplies and adds is kept, and nothing is written on the graph.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from ..conversion import number
from ..rule import UNREACHED
from ..traversal import partials, topological_order, values_of
from ..value import Value

__all__ = ["Chain", "Path", "Sweep", "chain_rule", "chains"]


class Path:
    """One way from a root to a node: the last edge of it, and what backward multiplies there.

    Attributes:
        user: the node that uses this one as an argument.
        edge: which of `user.args` it is.
        adjoint: the derivative of the root with respect to the user.
        local: the derivative of the user with respect to this argument.
        data: the argument's data as it was at forward time.
        product: adjoint times local, what this path adds to the gradient; 0.0 where it is not connected.
        connected: False where the user selects another argument, or is itself behind one that was not taken.
    """

    __slots__ = ("adjoint", "connected", "data", "edge", "local", "product", "user")

    def __init__(self, user: Value, edge: int, adjoint: float, local: float, data: float, connected: bool) -> None:
        self.user, self.edge, self.adjoint, self.local, self.data = user, edge, adjoint, local, data
        self.connected = connected
        self.product = adjoint * local if connected else 0.0

    def __repr__(self) -> str:
        return f"Path(edge={self.edge}, adjoint={self.adjoint}, local={self.local}, product={self.product})"


class Chain(NamedTuple):
    """The chain rule at one node: a path for each use, in the order in which backward adds them, and their sum."""

    paths: list[Path]
    sum: float


def chain_rule(root: Value | Iterable[Value], gradient: float = 1.0) -> dict[Value, Chain]:
    """The chain rule at every node below a root, users before arguments; the graph and its `.grad` stay as they are.

    Args:
        root: the Value that is differentiated, or a list of Values, for the derivatives of their sum.
        gradient: its adjoint.

    Returns:
        A Chain for each node; its sum is the derivative of the root with respect to that node, the same bits that
        `backward` would compute. A root's sum starts from `gradient`.

    >>> from engine import Value
    >>> from engine.formulas.chain import chain_rule
    >>> a = Value(3.0)
    >>> chain_rule(a * a)[a]
    Chain(paths=[Path(edge=0, adjoint=1.0, local=3.0, product=3.0), Path(edge=1, adjoint=1.0, local=3.0, product=3.0)], sum=6.0)
    """
    roots = values_of(root, "chain_rule")
    return chains(topological_order(roots), dict.fromkeys(roots, number(gradient, "chain_rule")))


def chains(order: list[Value], seeds: Mapping[Value, float], stop: Container[Value] = ()) -> dict[Value, Chain]:
    """`chain_rule` over a topological order that is known, from the adjoint that each root starts with.

    Args:
        stop: nodes to take as leaves.
    """
    paths: dict[Value, list[Path]] = {v: [] for v in reversed(order)}
    found: dict[Value, Chain] = {}
    for v, into in paths.items():
        connected, adjoint = v in seeds, seeds.get(v, -0.0)  # -0.0 + g is g exactly
        for path in into:
            if path.connected:
                connected, adjoint = True, adjoint + path.product
        adjoint = adjoint if connected else 0.0
        found[v] = Chain(into, adjoint)
        if v.op is None or v in stop:
            continue
        for i, ((a, x), p) in enumerate(zip(v._edges(), partials(v))):
            if isinstance(a, Value) and p is not None:
                paths[a].append(Path(v, i, adjoint, p, x, connected and (p != 0.0 or not v.op.selects)))
    return found


class Sweep:
    """A backward sweep as data: order, uses and adjoints below some roots.

    The adjoint of a root is its `.grad` where a backward has reached it, so that a part of a swept graph has the gradients
    that flowed through it.

    Args:
        roots: where it starts.
        stop: nodes to take as leaves, of a graph that is too large to be swept whole.
        size: how many nodes such a graph has.

    Attributes:
        order: all nodes, arguments first; of a large graph those above `stop`, and those that these use.
        size: how many nodes there are.
        index: their places in it.
        uses: for each node a path for each edge to a user, in the order in which `backward` adds their products.
        seeds: the adjoint that each root starts with.
        adjoints: the derivative for each node that the sweep reaches; a node missing here is behind a branch not taken.
        swept: a backward has reached a root.
    """

    def __init__(self, roots: Sequence[Value], stop: Mapping[Value, object] | None = None, size: int = 0) -> None:
        self.roots = list(dict.fromkeys(roots))
        self.order = topological_order(self.roots, stop or {})
        self.size = size or len(self.order)
        self.index = {v: i for i, v in enumerate(self.order, self.size - len(self.order))}
        self.seeds = {r: r.grad for r in self.roots if r.grad is not UNREACHED}
        self.swept = bool(self.seeds)
        if not self.swept:
            self.seeds = dict.fromkeys(self.roots, 1.0)
        found = chains(self.order, self.seeds, stop or {})
        self.uses = {v: chain.paths for v, chain in found.items()}
        self.adjoints = {
            v: chain.sum for v, chain in found.items() if v in self.seeds or any(p.connected for p in chain.paths)
        }

    @property
    def is_part(self) -> bool:
        """Whether the graph is a large one, known near its roots only."""
        return len(self.order) < self.size

    def sum(self, v: Value) -> float:
        """The derivative of the roots with respect to a node, 0.0 where nothing reaches it."""
        return self.adjoints.get(v, 0.0)
