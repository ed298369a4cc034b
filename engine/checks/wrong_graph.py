"""A graph on which another engine is wrong: what it has and should have, in words, and drawn with the edge to blame in red."""

from math import isclose

from ..formulas.chain import chain_rule
from ..formulas.formula import to_text
from ..formulas.notation import number_text
from ..picture.picture import draw
from ..traversal import topological_order
from ..value import Value
from .graph import Graph
from .report import Finding, Report
from .wrong_sweeps import mistaken_edge

DIGITS = 1e-9  # that a right gradient may be off by: what an engine loses, but no mistake of its rules
UID, RED = "engine", "#d00000"


def differs(f: Finding) -> bool:
    """Whether a number is wrong in more than its last digits."""
    return not (f.ball.is_finite() and abs(f.got - float(f.ball.mid())) <= DIGITS * (1.0 + abs(float(f.ball.mid()))))


class WrongGraph:
    """A graph on which an engine is wrong, and the edge to blame.

    Attributes:
        root, leaves: the graph on our own Values.
        edges: those to blame, each as a node and which of its `args`.
        op: the op to blame, "" for the sweep.
    """

    def __init__(self, graph: Graph, report: Report) -> None:
        self.leaves = [Value(x, label=f"x{i}") for i, x in enumerate(graph.inputs)]
        self.root: Value = graph(*self.leaves)
        self.root.label = self.root.label or "y"
        self.report, self.blame = report, report.blame
        self.got = {f.argument: f.got for f in report.findings if f.order == 1 and f.mode == "reverse"}
        self._chains = chain_rule(self.root)
        self.node, self.edges = self._guilty()
        user = self.node if self.node is not None or not self.edges else self.edges[0][0]
        self.op = user.op.name if user is not None and user.op is not None else ""

    def _right(self, leaf: Value) -> float:
        return self._chains[leaf].sum if leaf in self._chains else 0.0

    def _wrong(self) -> list[Value]:
        """The leaves whose gradient is not right."""
        return [
            leaf for leaf in self.leaves
            if (got := self.got.get(leaf.label or "")) is not None
            and not isclose(got, self._right(leaf), rel_tol=DIGITS, abs_tol=DIGITS)
        ]  # fmt: skip

    def _guilty(self) -> tuple[Value | None, list[tuple[Value, int]]]:
        """(the node whose rule is to blame, the edges)."""
        blame = self.blame
        if blame is not None and blame.node is not None:
            node = topological_order(self.root)[topological_order(self.report.root).index(blame.node)]
            return node, [(node, blame.argument)] if blame.argument is not None else []
        lost = mistaken_edge(
            self.root, {leaf: self.got[leaf.label or ""] for leaf in self.leaves if leaf.label in self.got}
        )
        if lost is not None:
            return None, [lost]
        return None, [
            (p.user, p.edge) for leaf in self._wrong() if leaf in self._chains for p in self._chains[leaf].paths
        ]

    def _exact(self) -> str:
        ball = self.blame.ball if self.blame is not None else 0.0
        return number_text(ball if isinstance(ball, float) else float(ball.mid()))

    @property
    def says(self) -> str:
        """What the engine gives, and what it should."""
        *before, last = to_text(self.root, "unicode").split("\n")
        formula = "; ".join([*before, f"{self.root.label} = {last}"])
        where = f"In {formula} at {', '.join(f'{v.label} = {number_text(v.data)}' for v in self.leaves)},"
        value = next((f for f in self.report.findings if f.order == 0), None)
        if value is not None and self.blame is not None and self.blame.part == "value":
            right = number_text(self.root.data)
            return f"{where} your engine has {number_text(value.got)} as {self.root.label}, and {right} is right."
        if not self._wrong() and self.edges and self.blame is not None:
            node, k = self.edges[0]
            edge = f"∂{node.label or 'y'}/∂{getattr(node.args[k], 'label', None) or 'its operand'}"
            return f"{where} your rule has {number_text(self.blame.got)} as {edge}, and {self._exact()} is right."
        if not self._wrong():
            return f"{where} your engine is wrong."
        leaf = self._wrong()[0]
        given, right = number_text(self.got[leaf.label or ""]), number_text(self._right(leaf))
        return f"{where} your engine has {given} as d{self.root.label}/d{leaf.label}, and {right} is right."

    def svg(self) -> str:
        """The graph with the engine's numbers where they are wrong, and what is to blame in red."""
        grads = {v: number_text(chain.sum) for v, chain in self._chains.items()}
        for leaf in self._wrong():
            grads[leaf] = f"{number_text(self.got[leaf.label or ''])}, not {grads.get(leaf, '0.0')}"
        words = {}
        if self.node is not None and self.blame is not None:
            words = {edge: f"{number_text(self.blame.got)}, not {self._exact()}" for edge in self.edges}
        picture = draw(self.root, names={}, uid=UID).asking(words, grads)
        arrows = [e.id for e in picture.model.arrows if e.plain and (e.paths[0].user, e.paths[0].edge) in self.edges]
        boxes = [b.id for b in picture.model.boxes if b.value is self.node and self.node is not None and not arrows]
        red = [
            f"#{UID} #{UID}_{e} path{{stroke:{RED};stroke-width:3px}}#{UID} #{UID}_{e} polygon{{fill:{RED}}}"
            for e in arrows
        ]
        red += [f"#{UID} #{UID}_{b} .box{{stroke:{RED};stroke-width:3px}}" for b in boxes]
        head, _, tail = picture.svg.rpartition("</svg>")
        return f"{head}<style>{''.join(red)}</style></svg>{tail}"
