"""What a reader may open and close in a picture: each closed Module, and the frame of each open one."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from ...context import Scope
from ...formulas.naming import bracketed
from .boxes import PictureModel
from .clusters import WIDEST_TITLE, module_word
from .safety import plain
from .text_widths import clipped


class Turn(NamedTuple):
    """A change of what is closed.

    Attributes:
        element: what is turned, as the end of its id in a drawing: the box of a closed Module, or the frame of an open one.
        name: "Open layers.0", "Close layers.0".
        height: of the Module.
        closed: what is closed then.
    """

    element: str
    name: str
    height: int
    closed: frozenset[Scope]


def turns(model: PictureModel) -> list[Turn]:
    """The changes of one Module, or of many calls of it that share a box; none where a part of the graph is left out."""
    tree, closed = model.tree, model.closed
    if tree is None or model.hidden:
        return []
    inner: dict[Scope | None, list[Scope]] = {}
    for s in tree.chains:
        inner.setdefault(s.parent, []).append(s)
    direct = {v.scope for v in model.sweep.order if v.op is not None}
    found = []
    for b in model.boxes:
        held = {s for v in b.members for s in tree.chain(v) if s in closed} if b.scope is not None else set()
        if held and b.scope is not None:
            after = (closed - held) | _inside(held, inner, direct)
            found.append(Turn(b.id, f"Open {_word(b.scope)}", tree.heights[b.scope], after))
    for s, (word, _) in model.clusters.items():
        if s.parent in model.clusters and s.parent not in direct and len(inner[s.parent]) == 1:
            continue  # the frame around it holds the same
        calls = max(b.calls for b in model.boxes if s in b.scopes)
        module, depth = getattr(s, "module", None), len(tree.chains[s])
        alike = {
            t
            for t, chain in tree.chains.items()
            if t is s
            or (calls > 1 and module is not None and getattr(t, "module", None) is module and len(chain) == depth)
        }
        after = frozenset(c for c in closed if alike.isdisjoint(tree.chains[c])) | alike
        found.append(Turn(f"g_{word}", f"Close {_word(s)}", tree.heights[s], after))
    return found


def _inside(
    held: Collection[Scope], inner: Mapping[Scope | None, list[Scope]], direct: Collection[Scope | None]
) -> frozenset[Scope]:
    """What is closed in these once they are open; of what holds one thing only, that is opened too."""
    while held:
        within = [t for s in held for t in inner.get(s, ())]
        if len(within) != len(held) or any(s in direct for s in held):
            return frozenset(within)
        held = within
    return frozenset()


def _word(scope: Scope) -> str:
    return clipped(plain(bracketed(scope.path)), WIDEST_TITLE, 11) or module_word(scope)
