"""Boxes and edges: what every picture, player and text is made of."""

from dataclasses import dataclass, field

from ...context import Scope
from ...formulas.chain import Path
from ...value import Value


@dataclass(slots=True, eq=False)
class Arrow:
    """An arrow from argument to result.

    Attributes:
        id: "e5".
        source, target: boxes.
        paths: the edges of the graph that it stands for.
        local: ∂target/∂source; None where that is no single number.
        product: what flows back along it; None where nothing can.
        plain: it is one edge of the graph, between two nodes.
    """

    id: str
    source: "Box"
    target: "Box"
    paths: list[Path]
    local: float | None
    product: float | None
    plain: bool

    @property
    def taken(self) -> bool:
        """Whether a gradient can flow back along it."""
        return self.product is not None


@dataclass(slots=True, eq=False)
class Box:
    """A node, or a group of nodes.

    Attributes:
        id: "n3" for a node, "g3" for a group: 3 is the place of its last node in topological order.
        kind: parameter, input, op, group, inputs, stub, tag.
        name: what formulas call it, no other box of the picture by the same.
        full: the name with its whole path.
        value: the node, or the one output of a group; None for a group with several.
        members: the nodes it stands for.
        outputs: those of them that other boxes use.
        parameters: the parameters that it holds, if it is a group.
        scope: the closed scope, if it is a group.
        scopes: the open scopes around it, outermost first.
    """

    id: str
    kind: str
    value: Value | None
    members: list[Value]
    outputs: list[Value]
    is_root: bool
    parameters: list[Value] = field(default_factory=list)
    scope: Scope | None = None
    scopes: tuple[Scope, ...] = ()
    name: str = ""
    full: str = ""

    @property
    def node(self) -> Value:
        """The value of a box that has one."""
        if self.value is None:
            raise TypeError(f"box {self.id} holds {len(self.outputs)} outputs, not one")
        return self.value
