"""The chain rule of one graph, without touching it: every use of every node, its local derivative, every adjoint.

The sums are those of `backward`, to the last bit: the same order of nodes, edges and additions. The adjoint of a root is
its `.grad` where a backward has reached it, so that a part of a swept graph shows the gradients that flowed through it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..backprop import partials, topological_order
from ..value import UNREACHED, Value


@dataclass(slots=True)
class Use:
    """One edge, seen from its argument.

    Attributes:
        user: the node that uses it.
        arg: its place among the user's arguments, lists laid flat.
        partial: the local derivative.
        data: the argument's data as it was at forward time.
        taken: whether a gradient can flow: False where a row selects and its partial is exactly 0.
    """

    user: Value
    arg: int
    partial: float
    data: float
    taken: bool


class Flow:
    """Order, uses and adjoints below some roots.

    Attributes:
        order: all nodes, arguments first.
        index: their places in it.
        uses: for each node its edges, in the order in which `backward` adds their products.
        seeds: the adjoint that each root starts with.
        adjoints: the derivative for each node that the sweep reaches; a node missing here is behind a branch not taken.
        swept: a backward has reached a root, so that gradients are shown.
    """

    def __init__(self, roots: Sequence[Value]) -> None:
        self.roots = list(dict.fromkeys(roots))
        self.order = topological_order(self.roots)
        self.index = {v: i for i, v in enumerate(self.order)}
        self.swept = any(r.grad is not UNREACHED for r in self.roots)
        self.seeds = {r: r.grad if r.grad is not UNREACHED else 1.0 for r in self.roots}
        if self.swept:
            self.seeds = {r: s for r, s in self.seeds.items() if r.grad is not UNREACHED}
        self.uses: dict[Value, list[Use]] = {v: [] for v in self.order}
        self.adjoints = self._sweep()

    def _sweep(self) -> dict[Value, float]:
        adjoints = dict(self.seeds)
        for v in reversed(self.order):
            if v.op is None:
                continue
            g, selects = adjoints.get(v), v.op.selects
            for i, ((a, x), p) in enumerate(zip(v._edges(), partials(v))):
                if p is None or not isinstance(a, Value):
                    continue
                taken = g is not None and (p != 0.0 or not selects)
                self.uses[a].append(Use(v, i, p, x, taken))
                if taken and g is not None:
                    adjoints[a] = adjoints.get(a, -0.0) + g * p
        return adjoints

    def product(self, use: Use) -> float | None:
        """What flows back along an edge; None where nothing can."""
        g = self.adjoints.get(use.user)
        return g * use.partial if use.taken and g is not None else None

    def sum(self, v: Value) -> float:
        """The derivative of the roots with respect to a node, 0.0 where nothing reaches it."""
        return self.adjoints.get(v, 0.0)
