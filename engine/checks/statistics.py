"""What random graphs are like: how often each op, sharing, depth and kinks occur."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..arguments import listed, shown
from ..rule import Op
from ..value import Value
from .ball_replay import BallReplay, FlatGraph
from .balls import PRECISION, precision
from .graph import Graph


@dataclass
class Distribution:
    """Shares in a number of graphs.

    Attributes:
        count: how many graphs there were.
        ops: the share of graphs with each op.
        shared: the share with an inner node, or an input, that is used more than once.
        kinks: the share whose output meets a kink at the point.
        depth: how many graphs have each depth below their output.
    """

    count: int = 0
    ops: dict[str, float] = field(default_factory=dict)
    shared: float = 0.0
    kinks: float = 0.0
    depth: Counter[int] = field(default_factory=Counter)

    def __str__(self) -> str:
        deep = sorted(self.depth.elements())
        lines = [
            f"{self.count} graphs",
            f"shared nodes {self.shared:7.1%}",
            f"at a kink    {self.kinks:7.1%}",
            f"depth        {deep[len(deep) // 2]} in the median, {deep[-1]} at most",
        ]
        shares = sorted(self.ops.items(), key=lambda item: -item[1])
        cells = [f"{name:<14}{share:6.1%}" for name, share in shares]
        lines += ["   ".join(cells[i : i + 3]) for i in range(0, len(cells), 3)]
        return "\n".join(lines)


def distribution(graphs: Iterable[Graph]) -> Distribution:
    """The distribution of some graphs; print it for a table.

    >>> from engine.checks import distribution, random_graphs
    >>> found = distribution(random_graphs(500, seed=0))
    >>> found.count, found.shared > 0.3
    (500, True)
    """
    found, ops, shared, kinks = Distribution(), Counter[str](), 0, 0
    with precision(PRECISION):
        for graph in listed("distribution", "graphs", graphs, "a list of Graphs"):
            if not isinstance(graph, Graph):
                raise TypeError(f"distribution takes Graphs, got {shown(graph)}")
            found.count += 1
            ops.update({step.op for step in graph.steps})
            shared += any(n > 1 for n in graph.uses())
            output = graph(*map(Value, graph.inputs))
            if isinstance(output, Value):
                flat = FlatGraph(output, [])
                kinks += bool(BallReplay(flat).kinks_met())
                found.depth[_depth(flat)] += 1
    if not found.count:
        raise ValueError("distribution takes at least one Graph, got none")
    found.ops = {name: n / found.count for name, n in ops.items()}
    found.shared, found.kinks = shared / found.count, kinks / found.count
    return found


def _depth(graph: FlatGraph) -> int:
    def above(row: Op, below: Sequence[int | list[int]]) -> int:
        return 1 + max([d for a in below for d in (a if isinstance(a, list) else [a])])

    return graph.output(lambda i: 0, above, lambda number: 0)
