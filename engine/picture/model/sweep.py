"""The chain rule of what a picture shows: every use of every node, every adjoint, and where the sweep began.

The adjoint of a root is its `.grad` where a backward has reached it, so that a part of a swept graph shows the gradients
that flowed through it.
"""

from collections.abc import Sequence

from ...backprop import topological_order
from ...formulas.chain import chains
from ...value import UNREACHED, Value
from .nearest import Nearest


class Sweep:
    """Order, uses and adjoints below some roots, of a large graph near them.

    Attributes:
        order: all nodes, arguments first; of a large graph those that are shown, and those that these use.
        size: how many nodes there are.
        index: their places in it.
        uses: for each node a path for each edge to a user, in the order in which `backward` adds their products.
        seeds: the adjoint that each root starts with.
        adjoints: the derivative for each node that the sweep reaches; a node missing here is behind a branch not taken.
        swept: a backward has reached a root, so that gradients are shown.
    """

    def __init__(self, roots: Sequence[Value], near: Nearest | None = None) -> None:
        stop = {} if near is None else near.behind
        self.roots = list(dict.fromkeys(roots))
        self.order = topological_order(self.roots, stop)
        self.size = len(self.order) if near is None else near.size
        self.index = {v: i for i, v in enumerate(self.order, self.size - len(self.order))}
        self.seeds = {r: r.grad for r in self.roots if r.grad is not UNREACHED}
        self.swept = bool(self.seeds)
        if not self.swept:
            self.seeds = dict.fromkeys(self.roots, 1.0)
        found = chains(self.order, self.seeds, stop)
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
