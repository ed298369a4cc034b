"""Which nodes share a box: the scopes of Modules, and the level at which they are closed.

A Module call gives all nodes it makes one Scope, whose parent is the call around it. A scope's height is 0 where no
other lies inside it (a neuron), 1 where only such lie inside (a layer), and so on. A picture closes some scopes: the
nodes of a closed scope, and of all within it, are one box.
"""

from collections.abc import Iterable, Sequence

from ...arguments import shown
from ...context import Scope
from ...formulas.naming import scopes_of
from ...value import Value

Level = str | int
LEVELS = ("auto", "full", "neuron", "layer")


class ScopeTree:
    """The scopes that made the nodes of a graph.

    Attributes:
        chains: for each scope itself and those around it, outermost first.
        heights: for each scope how many layers of scopes lie inside it.
    """

    def __init__(self, nodes: Iterable[Value]) -> None:
        self.chains: dict[Scope, tuple[Scope, ...]] = {}
        self.heights: dict[Scope, int] = {}
        for scope in scopes_of(nodes):
            around = () if scope.parent is None else self.chains[scope.parent]
            self.chains[scope] = (*around, scope)
            for height, s in enumerate((scope, *reversed(around))):
                self.heights[s] = max(self.heights.get(s, 0), height)

    def chain(self, v: Value) -> tuple[Scope, ...]:
        """The scopes around a node, outermost first."""
        return self.chains[v.scope] if v.scope is not None else ()

    def closed(self, level: Level, expand: Sequence[str] = ()) -> frozenset[Scope]:
        """The scopes to close.

        Args:
            level: "full" closes none, "neuron" those of height 0, "layer" those of height 1 and single neurons outside
                a layer; a number closes the scopes that lie that deep.
            expand: paths of scopes to leave open, with all around them; what they contain is closed instead.

        Raises:
            ValueError: there is no such level.
        """
        if isinstance(level, str) and level == "full":
            return frozenset()
        if isinstance(level, str) and level in ("neuron", "layer"):
            return self.closed_at(("neuron", "layer").index(level), expand)
        if isinstance(level, int) and not isinstance(level, bool) and level >= 0:
            return self._opened({s for s, c in self.chains.items() if len(c) == level + 1}, expand)
        raise ValueError(f"draw takes level {', '.join(map(repr, LEVELS))} or a depth from 0, got {shown(level)}")

    def closed_at(self, height: int, expand: Sequence[str] = ()) -> frozenset[Scope]:
        """The outermost scopes up to a height."""
        low = {s for s, h in self.heights.items() if h <= height}
        return self._opened({s for s in low if s.parent not in low}, expand)

    def _opened(self, closed: set[Scope], expand: Sequence[str]) -> frozenset[Scope]:
        if not expand:
            return frozenset(closed)
        opened = {
            s
            for s in self.chains
            if any(path == s.path or path.startswith(s.path + ".") or not s.path for path in expand)
        }
        result = set()
        for chain in self.chains.values():
            inside = False
            for s in chain:
                inside = inside or s in closed
                if inside and s not in opened:
                    result.add(s)
                    break
        return frozenset(result)

    @property
    def paths(self) -> list[str]:
        """The paths that `expand` may name."""
        return list(dict.fromkeys(s.path for s in self.chains if s.path))

    @property
    def top(self) -> int:
        """The greatest height, -1 without scopes."""
        return max(self.heights.values(), default=-1)
