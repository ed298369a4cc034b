"""A graph as boxes and edges, at one level of detail: what a picture, its player and its text all show.

A closed group with one output is one box whose edges carry ∂out/∂in from the chain inside it, so the chain rule holds
between boxes as it does between nodes. A group with several outputs shows counts, and its edges the sum of what flows
through them.
"""

import math
from collections.abc import Callable, Iterator

from ...context import Scope
from ...formulas.chain import Path
from ...formulas.formula import partial_formulas
from ...formulas.naming import bracketed
from ...value import UNREACHED, Value
from .box_names import Names, suffixes
from .boxes import Arrow, Box
from .clusters import clusters, tags
from .grouping import ScopeTree
from .partition import Bundle, Key, Partition
from .sweep import Sweep

MOST_BOXES, MOST_EDGES = 40, 60  # beyond these, formulas of edges show on pointing only


class PictureModel:
    """The boxes and edges of a picture.

    Args:
        sweep: the graph and its chain rule.
        tree: its scopes.
        partition: which nodes share a box.
        choices: for a node the names it may have, best first.
        parameters: for each parameter its path in its Module.
        complete: gradients are shown as backward would give them, though none has run.
        replayed: data are shown as they were when they were used.

    Attributes:
        boxes: arguments before results; tags last.
        edges: one for each use between nodes; one for two boxes where one of them is a group.
        ins, outs: for each box the edges to and from it; those from it in the order in which backward adds.
        labels: edges show their formulas, not only where a reader points at them.
        caption: what is hidden and how to see it, or "".
    """

    def __init__(
        self,
        sweep: Sweep,
        tree: ScopeTree,
        partition: Partition,
        choices: Callable[[Value], list[str]],
        parameters: dict[Value, str],
        complete: bool = False,
        replayed: bool = False,
    ) -> None:
        self.sweep, self.tree, self.partition, self.parameters = sweep, tree, partition, parameters
        self.names = Names()
        self.caption = ""
        self.height = -1  # of the scopes that are closed
        self.complete, self.replayed = complete, replayed
        self._choices = choices
        self._box: dict[Key, Box] = {}
        self._behind: dict[Box, int] = {}
        self._formulas: dict[Value, list[str | None]] = {}
        self.boxes = self._boxes()
        self._name_boxes()
        self.arrows = list(self._edges())
        # Kept here: if boxes held their edges, and edges their boxes, a drawn graph would outlive its last use.
        self.ins: dict[Box, list[Arrow]] = {b: [] for b in self.boxes}
        self.outs: dict[Box, list[Arrow]] = {b: [] for b in self.boxes}
        for e in self.arrows:
            self.outs[e.source].append(e)
            self.ins[e.target].append(e)
        for b in self.boxes:  # the order in which backward adds
            self.outs[b].sort(key=lambda e: (-sweep.index[e.paths[0].user], e.paths[0].edge))
        whole = [b for b in self.boxes if b.kind != "stub"]
        among = [e for e in self.arrows if e.source.kind != "stub"]
        self.labels = len(whole) <= MOST_BOXES and len(among) <= MOST_EDGES
        self.by_root = len(sweep.roots) == 1 and list(sweep.seeds.values()) == [1.0]
        tagged = tags(self.boxes, self.ins, self.outs)
        self.boxes += tagged
        self.ins.update((b, []) for b in tagged)
        self.outs.update((b, []) for b in tagged)
        self.clusters = clusters(self.boxes)

    # Boxes -----------------------------------------------------------------------------------------------------------

    def _boxes(self) -> list[Box]:
        sweep, keys, roots = self.sweep, self.partition.keys, set(self.sweep.roots)
        members: dict[Key, list[Value]] = {}
        for v in sweep.order:
            if v in keys:
                members.setdefault(keys[v], []).append(v)
        for key, them in members.items():
            value, outputs = None, them
            if key.__class__ is Value:
                value = them[0]
                kind = "op" if value.op is not None else "parameter" if value in self.parameters else "input"
            else:
                kind = key.kind if isinstance(key, Bundle) else "group"
                outputs = [v for v in them if v in roots or any(keys[u.user] is not key for u in sweep.uses[v])]
                if kind == "group" and len(outputs) == 1:
                    value = outputs[0]
            prefix = "n" if key.__class__ is Value else "g"
            box = Box(f"{prefix}{sweep.index[them[-1]]}", kind, value, them, outputs, any(v in roots for v in them))
            if isinstance(key, Scope):
                box.scope, box.scopes = key, self.tree.chains[key][:-1]
                box.parameters = self.partition.absorbed.get(key, [])
            elif kind == "op":
                box.scopes = self.tree.chain(them[0])
            elif kind == "parameter":
                box.scopes = self._common_scopes(them[0])
            if isinstance(key, Bundle):
                self._behind[box] = key.count
            self._box[key] = box
        return sorted(self._box.values(), key=lambda b: sweep.index[b.members[-1]])

    def _common_scopes(self, v: Value) -> tuple[Scope, ...]:
        """The open scopes that hold every use of a leaf."""
        chains = []
        for u in self.sweep.uses[v]:
            key, chain = self.partition.keys[u.user], self.tree.chain(u.user)
            chains.append(chain[: chain.index(key)] if isinstance(key, Scope) else chain)
        return tuple(level[0] for level in zip(*chains) if all(s is level[0] for s in level))

    def box(self, v: Value) -> Box:
        """The box that a node is in."""
        return self._box[self.partition.keys[v]]

    def untagged(self, b: Box) -> Box:
        """The box of a leaf that a tag stands for."""
        return self.box(b.members[0]) if b.kind == "tag" else b

    # Names -----------------------------------------------------------------------------------------------------------

    def _name_boxes(self) -> None:
        labelled = {v: self._choices(v) for v in self.sweep.roots}
        placed: dict[Value | Scope, list[str]] = {}
        for b in self.boxes:
            v = b.value
            if b.scope is not None:
                path = b.scope.path or type(getattr(b.scope, "module", b.scope)).__name__
                placed[b.scope] = suffixes(path)
            if v is not None and (b.scope is None or v.label):
                choices = self._choices(v)
                (labelled if len(choices) == 1 else placed).setdefault(v, choices)
        for v, choices in labelled.items():
            self.names.add(v, choices)
        self.names.add_together(placed)
        for b in self.boxes:
            v = b.value
            if b.kind == "stub":
                n = self._behind[b]
                b.name = b.full = f"… {n:,} more node{'s' * (n != 1)}"
            elif b.kind == "inputs":
                b.name = b.full = self._choices(b.members[0])[0] + " … " + self._choices(b.members[-1])[0]
            elif b.scope is not None:
                b.name, b.full = self.names[b.scope], self.names.full[b.scope]
                if v is not None and v not in self.names:
                    self.names.alias(v, b.name)
            elif v is not None:
                b.name, b.full = self.names[v], self.names.full[v]

    def name(self, v: Value) -> str:
        """What formulas call a node."""
        if v not in self.names:
            b = self.box(v) if v in self.partition.keys else None
            if (
                b is not None
                and b.scope is not None
                and b.value is None
                and not v.label
                and any(o is v for o in b.outputs)
            ):
                place = next(i for i, o in enumerate(b.outputs) if o is v)
                self.names.alias(v, f"{self.names[b.scope]}[{place}]")
            else:
                self.names.add(v, self._choices(v), bracketed(self.parameters.get(v, "")))
        return self.names[v]

    @property
    def root_name(self) -> str:
        """What the first root is called."""
        return self.name(self.sweep.roots[0])

    def derivative(self, v: Value) -> str:
        """The derivative of the root with respect to a node, as text: ∂L/∂a; `grad a` for other seeds or roots."""
        return f"∂{self.root_name}/∂{self.name(v)}" if self.by_root else f"grad {self.name(v)}"

    # Edges -----------------------------------------------------------------------------------------------------------

    def _edges(self) -> Iterator[Arrow]:
        sweep, n = self.sweep, 0
        arrows: dict[tuple[int, int], tuple[Box, Box, list[Path]]] = {}
        into: dict[Value, list[tuple[Box, Box, list[Path]]]] = {}
        for v, key in self.partition.keys.items():
            source = self._box[key]
            for u in sweep.uses[v]:
                target = self.box(u.user)
                if target is source:
                    continue
                # Between nodes, and from a group's one output, each use is an arrow; else there is one for the pair.
                if source.value is not None and target.kind == "op":
                    into.setdefault(u.user, []).append((source, target, [u]))
                    continue
                pair = (id(source), id(target))
                if pair not in arrows:
                    arrows[pair] = source, target, []
                    into.setdefault(target.outputs[-1], []).append(arrows[pair])
                arrows[pair][2].append(u)
        inner: dict[Box, dict[Value, float]] = {}
        for v in sorted(into, key=sweep.index.__getitem__):
            for source, target, uses in sorted(into[v], key=lambda t: t[2][0].edge if t[1].kind == "op" else 0):
                plain = source.value is not None and target.kind == "op"
                local = uses[0].local if plain else None
                if not plain and source.value is not None and target.value is not None:
                    if target not in inner:
                        inner[target] = self._inner_chain(target)
                    local = inner[target].get(source.value, 0.0)  # 0 where no path inside is taken
                products = [u.product for u in uses if u.connected]
                product = math.fsum(products) if products and all(map(math.isfinite, products)) else sum(products)
                if local is not None and not plain:
                    local = self._checked(local, target, products, product)
                yield Arrow(f"e{n}", source, target, uses, local, product if products else None, plain)
                n += 1

    def _inner_chain(self, group: Box) -> dict[Value, float]:
        """∂out/∂v for all that a group with one output is computed from, by the chain rule inside it."""
        sweep, inside = self.sweep, set(group.members)
        adjoints = {group.outputs[0]: 1.0}
        found: dict[Value, float] = {}
        order = sorted(inside, key=sweep.index.__getitem__, reverse=True)
        uses: dict[Value, list[tuple[Value, float]]] = {v: [] for v in order}
        for a in {a for v in order for a in v.args if a.__class__ is Value}:
            for u in sweep.uses[a]:
                if u.user in inside and (u.local != 0.0 or not getattr(u.user.op, "selects", False)):
                    uses[u.user].append((a, u.local))
        for v in order:
            g = adjoints.get(v)
            if g is None:
                continue
            for a, p in uses[v]:
                there = adjoints if a in inside else found
                there[a] = there.get(a, -0.0) + g * p
        return found

    def _checked(self, local: float, target: Box, products: list[float], product: float) -> float | None:
        """`local` if adjoint · local is what flows, as it is but for overflow: else no equation is shown."""
        if target.value is None or target.value not in self.sweep.adjoints:
            return local
        claimed = self.sweep.adjoints[target.value] * local
        if claimed == product or (claimed != claimed and product != product):
            return local
        return local if abs(claimed - product) <= 1e-6 * abs(product) and products else None

    # What boxes say --------------------------------------------------------------------------------------------------

    def data(self, v: Value) -> float:
        """The data a box shows: what the node holds, or held when it was used."""
        uses = self.sweep.uses[v] if self.replayed else None
        return uses[0].data if uses else v.data

    def gradient(self, v: Value) -> float | None:
        """The gradient a box shows: what `.grad` holds; None before any backward."""
        if self.complete:
            return self.sweep.sum(v)
        return None if v.grad is UNREACHED else v.grad

    def explained(self, v: Value) -> bool:
        """Whether the chain rule of this graph gives the gradient shown, up to rounding."""
        shown, here = self.gradient(v), self.sweep.sum(v)
        if shown is None or shown == here or (shown != shown and here != here):
            return True
        scale = math.fsum(abs(u.product) for u in self.sweep.uses[v] if math.isfinite(u.product))
        return abs(shown - here) <= 1e-12 * scale

    @property
    def shows_flow(self) -> bool:
        """Whether gradients that flow in this graph are shown: after a backward from a root, or in a player."""
        return self.complete or self.sweep.swept

    def partial_formula(self, v: Value, arg: int) -> str:
        """The local derivative of one edge as Unicode text; all of a node's are made once."""
        if v not in self._formulas:
            self._formulas[v] = partial_formulas(v, self.name, "unicode")
        return self._formulas[v][arg] or ""

    def child_scope(self, v: Value, scope: Scope) -> Scope | None:
        """The scope directly inside `scope` that made a node."""
        chain = self.tree.chain(v)
        i = chain.index(scope) + 1
        return chain[i] if i < len(chain) else None
