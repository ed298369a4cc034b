"""Boxes and arrows with their words and numbers: what every picture, player and text is made of.

`assembly` makes them, `sentences` gives them their words, both before anything is drawn; what draws only reads them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ...context import Scope
from ...formulas.chain import Path, Sweep
from ...formulas.graph_names import GraphNames
from ...value import Value
from .grouping import ScopeTree, View
from .layers import Dense, Jacobian


@dataclass(slots=True, eq=False)
class Arrow:
    """An arrow from argument to result.

    Attributes:
        id: "e5".
        source, target: boxes.
        paths: the edges of the graph that it stands for.
        local: ∂target/∂source, by this edge alone; None where that is no single number.
        product: what flows back along it; None where nothing can.
        plain: it is one edge of the graph, between two nodes.
        place: 1st, 2nd, … where the op takes the source more than once.
        jacobian: of several values by several, where it has been worked out.
        symbol: ∂p1/∂w1, or "16 edges".
        formula: the local derivative as text; None where it is a whole group's, or would repeat the number.
        number: the local derivative, or the norm of the Jacobian; None where the formula is 1 or −1.
        size: of the Jacobian, as words before its norm.
        line: all of these as a sentence.
        tone: the sign of what flows: pos, neg; off where nothing can or it is 0; "" before backward.
        width: of the stroke, 1.2 to 3.8 pixels by the square root of what flows.
    """

    id: str
    source: "Box"
    target: "Box"
    paths: list[Path]
    local: float | None
    product: float | None
    plain: bool
    jacobian: Jacobian | None = None
    place: str = ""
    symbol: str = ""
    formula: str | None = None
    number: str | None = None
    size: str = ""
    line: str = ""
    tone: str = ""
    width: float = 1.2

    @property
    def taken(self) -> bool:
        """Whether a gradient can flow back along it."""
        return self.product is not None


@dataclass(slots=True, eq=False)
class Box:
    """A node, or a group of nodes.

    Attributes:
        id: "n3" for a node, "g3" for a group: 3 is the place of its last node in topological order.
        kind: parameter, input, op, group, inputs, parameters, given, stub, tag.
        value: the node, or the one output of a group; None for a group with several.
        members: the nodes it stands for.
        outputs: those of them that other boxes use.
        leaf: the box that a tag stands for.
        parameters: the parameters that it holds, if it is a group.
        calls: of how many calls of one Module it is, or of how many nodes alike around them.
        given: the plain numbers that it stands for, which are no nodes.
        dense, letters: of a dense layer its parts, and what its formula calls W, x, b and W·x + b.
        scope: the closed scope, if it is a group.
        scopes: the open scopes around it, outermost first.
        name: what formulas call it, no other box of the picture by the same.
        full: the name with its whole path.
        function: what the derivatives of a group are those of: its Module; else the name.
        counts: what is in a group: 16 neurons · 48 parameters · 80 operations.
        data: what the value holds, or held when it was used.
        grad: what its `.grad` holds, or would after backward; None before any backward.
        unknown: what stands for a gradient that is not known.
        total: the derivative of the roots by it, as it flows in this graph.
        seed: the adjoint that it starts with, if it is a root.
        spread: of several outputs data and grad, each.
        steepness: how large the gradients of its parameters are, the root of the sum of their squares; None without any.
        expression, numbers: an op, or a dense layer, in the names of its arguments, and an op in their data.
        used: the data that a leaf had when it was used, where it has been changed since.
        note, here: where `grad` is not what flows here, words, and for some what does.
        derivative: dL/dw1; "grad w1" for other seeds or roots.
        rows: under its gradient, where what flows is shown: one product a use, or two and a count.
        tones: for each row the sign of its product, as a tone.
        chain: the same as a line, in matrices for several values: dL/dw1 = dL/dp1·∂p1/∂w1 = −1.543·2.0 = −3.085.
        line: all that it says, as one sentence: its tooltip, and its part of the alternative text.
    """

    id: str
    kind: str
    value: Value | None
    members: list[Value]
    outputs: list[Value]
    is_root: bool
    leaf: "Box | None" = None
    parameters: list[Value] = field(default_factory=list)
    calls: int = 1
    given: tuple[float, ...] = ()
    dense: Dense | None = None
    letters: tuple[str, str, str, str] = ("W", "x", "b", "z")
    scope: Scope | None = None
    scopes: tuple[Scope, ...] = ()
    name: str = ""
    full: str = ""
    function: str = ""
    counts: str = ""
    data: float = 0.0
    grad: float | None = None
    unknown: str = "–"
    total: float = 0.0
    seed: float | None = None
    spread: list[tuple[float, float | None]] = field(default_factory=list)
    steepness: float | None = None
    expression: str = ""
    numbers: str = ""
    used: str = ""
    note: str = ""
    here: float | None = None
    derivative: str = ""
    rows: list[str] = field(default_factory=list)
    tones: list[str] = field(default_factory=list)
    chain: str = ""
    line: str = ""

    @property
    def node(self) -> Value:
        """The value of a box that has one."""
        if self.value is None:
            raise TypeError(f"box {self.id} holds {len(self.outputs)} outputs, not one")
        return self.value

    @property
    def dashed(self) -> bool:
        """Whether its border is: it is no result and no parameter."""
        return self.kind in ("input", "inputs", "given", "stub", "tag")

    @property
    def is_leaf(self) -> bool:
        """Whether nothing is computed in it."""
        return self.kind in ("input", "inputs", "given", "parameter", "parameters", "tag")


@dataclass(slots=True, eq=False)
class PictureModel:
    """A graph as boxes and arrows, at one level of detail: what a picture, its player and its text all show.

    Attributes:
        sweep: the graph and its chain rule.
        boxes: arguments before results; tags last.
        arrows: one for each use between nodes; one for two boxes where one of them is a group.
        ins, outs: for each box the arrows to and from it; those from it in the order in which backward adds.
        roots: the boxes of the roots.
        names: what the nodes of the graph are called, and the Modules that made them.
        name: a function from a node to what formulas call it, fixed for those that are boxes or arguments of such.
        clusters: for each open scope with more than one box a word for its id, and its title.
        labels: arrows show their formulas, not only where a reader points at them.
        shows_flow: gradients that flow in this graph are shown: after a backward from a root, or in a player.
        hidden: how many nodes are behind stubs.
        height: of the scopes that are closed.
        caption: what is hidden and how to see it, or "".
        tree, view: the Modules that made the graph, and what of it shares boxes.
        parameters: those of these Modules, with their paths.
        at: the same graph, by the same names, in another view; None if it has more boxes and arrows than are asked for.
    """

    sweep: Sweep
    boxes: list[Box]
    arrows: list[Arrow]
    # Kept here: if boxes held their arrows, and arrows their boxes, a drawn graph would outlive its last use.
    ins: dict[Box, list[Arrow]]
    outs: dict[Box, list[Arrow]]
    roots: list[Box]
    names: GraphNames
    name: Callable[[Value], str]
    clusters: dict[Scope, tuple[str, str]]
    labels: bool
    shows_flow: bool
    hidden: int
    height: int = -1
    caption: str = ""
    tree: ScopeTree | None = None
    view: View = field(default_factory=View)
    parameters: Mapping[Value, str] = field(default_factory=dict)
    at: "Callable[[View, int], PictureModel | None] | None" = None

    @property
    def root_name(self) -> str:
        """What the first root is called."""
        return self.name(self.sweep.roots[0])

    @property
    def by_root(self) -> bool:
        """Whether the derivatives are those of the first root, as dL/da: it alone is one, and starts with 1."""
        return len(self.sweep.roots) == 1 and list(self.sweep.seeds.values()) == [1.0]
