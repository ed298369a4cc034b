"""The boxes and arrows of a graph, and their names, at one level of detail.

A closed group with one output is one box whose arrows carry ∂out/∂in from the chain inside it, so the chain rule holds
between boxes as it does between nodes. A group with several outputs shows counts, and its arrows the sum of what flows
through them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from ...context import Scope
from ...formulas.chain import Path, Sweep
from ...formulas.graph_names import SMALL, GraphNames, scope_path
from ...formulas.naming import bracketed
from ...value import Value
from .boxes import Arrow, Box, PictureModel
from .clusters import clusters, contents, counted, tags
from .grouping import Bundle, Key, Partition, ScopeTree
from .layers import Partials, chains_inside, dense, given_numbers, jacobian, partials_taken
from .safety import plain

MOST_BOXES, MOST_ARROWS = SMALL  # beyond these, formulas of arrows show on pointing only


class Assembly:
    """Makes the boxes and arrows of a picture, without their words.

    Args:
        sweep: the graph and its chain rule.
        tree: its scopes.
        partition: which nodes share a box.
        names: what nodes are called, and the Modules that made them.
        parameters: for each parameter its path in its Module.
    """

    def __init__(
        self, sweep: Sweep, tree: ScopeTree, partition: Partition, names: GraphNames, parameters: Mapping[Value, str]
    ) -> None:
        self._sweep, self._tree, self._partition, self._parameters = sweep, tree, partition, parameters
        self._names = names
        self._called: dict[Value, str] = {}  # in this picture by another name: by that of a group
        self._box: dict[Key, Box] = {}
        self._letters: dict[str, int] = {}  # names of what is no node, and how many have each
        self._given: list[Box] = []  # boxes of plain numbers, by these, and with the boxes that take them
        self._giver: dict[tuple[object, ...], Box] = {}
        self._takers: list[tuple[Box, Box]] = []

    def model(self, shows_flow: bool) -> PictureModel:
        """What was made; `shows_flow` as there."""
        sweep, boxes = self._sweep, self._boxes()
        self._name_boxes(boxes)
        arrows = list(self._arrows())
        ins: dict[Box, list[Arrow]] = {b: [] for b in boxes}
        outs: dict[Box, list[Arrow]] = {b: [] for b in boxes}
        for e in arrows:
            outs[e.source].append(e)
            ins[e.target].append(e)
        for b in boxes:  # the order in which backward adds
            outs[b].sort(key=lambda e: (-sweep.index[e.paths[0].user], e.paths[0].edge))
        whole = sum(b.kind != "stub" for b in boxes)
        labels = whole <= MOST_BOXES and sum(e.source.kind != "stub" for e in arrows) <= MOST_ARROWS
        tagged = tags(boxes, ins, outs)
        boxes += tagged
        ins.update((b, []) for b in tagged)
        outs.update((b, []) for b in tagged)
        apart = self._partition.view.apart
        roots = list(dict.fromkeys(map(self._box_of, sweep.roots)))
        called = {s: f"{word}[{i}]" for word, ss in self._tree.calls.items() for i, s in enumerate(ss) if s in apart}
        return PictureModel(
            sweep, boxes, arrows, ins, outs, roots, self._names, self._name, clusters(boxes, called), labels, shows_flow,
            self._partition.hidden,
        )  # fmt: skip

    # Boxes -----------------------------------------------------------------------------------------------------------

    def _boxes(self) -> list[Box]:
        sweep, keys, roots = self._sweep, self._partition.keys, set(self._sweep.roots)
        members: dict[Key, list[Value]] = {}
        for v in sweep.order:
            if v in keys:
                members.setdefault(keys[v], []).append(v)
        for key, them in members.items():
            value, outputs, kind = None, them, "group"
            if isinstance(key, Value):
                value = key
                kind = "op" if key.op is not None else "parameter" if key in self._parameters else "input"
            elif isinstance(key, Bundle) and key.kind in ("inputs", "parameters", "stub"):
                kind = key.kind
            else:
                outputs = [v for v in them if v in roots or any(keys[u.user] is not key for u in sweep.uses[v])]
                value = outputs[0] if len(outputs) == 1 else None
            prefix = "n" if isinstance(key, Value) else "g"
            box = Box(f"{prefix}{sweep.index[them[-1]]}", kind, value, them, outputs, any(v in roots for v in them))
            if kind == "group":
                self._fill(box, key)
            elif isinstance(key, Bundle) and kind == "stub":
                box.name = f"… {counted(key.count, 'more node')}"
            elif kind == "op":
                box.scopes = self._tree.chain(them[0])
            elif kind == "parameter":
                box.scopes = self._common_scopes(them[0])
            self._box[key] = box
        return self._given + [self._box[key] for key in self._partition.order()]

    def _fill(self, b: Box, key: Key) -> None:
        """What is in a group: its scopes, parameters and counts, its layer, and the plain numbers that it was given."""
        tree, units = self._tree, list(key.units) if isinstance(key, Bundle) else [key]
        b.calls = len(units) or 1
        if units and isinstance(units[0], Scope):
            b.scope = next(s for s in tree.chain(b.members[0]) if s in units)  # as nodes alike around it have theirs
            b.scopes = tree.chains[b.scope][:-1]
            b.parameters = self._partition.absorbed.get(key, [])
            if tree.heights[b.scope] or len(b.outputs) > b.calls:  # the numbers of one neuron are no matrices
                calls = [(b.members, b.outputs)] if b.calls == 1 else list(self._by_call(b, units))
                layers = [dense(members, outputs) for members, outputs in calls]
                kinds = {layer and layer[::2] for layer in layers}
                b.dense = layers[0] if len(kinds) == 1 else None
        else:
            b.scopes = tree.chain(b.members[0])
        b.counts = contents(b, tree) if units else f"a sum, of {counted(len(b.members), 'addition')}"
        numbers = given_numbers(b.members)
        together = [tuple(x for xs in numbers for x in xs)] if b.calls > 1 and numbers else numbers
        for xs in together:
            box = next((self._giver[xs] for xs in (xs, *numbers) if xs in self._giver), None)
            if box is None:
                box = Box(f"i{len(self._given)}", "given", None, [], [], False, given=xs)
                box.calls = len(numbers) if b.calls > 1 else 1
                self._given.append(box)
            self._giver.update(dict.fromkeys([xs, *numbers] if b.calls > 1 else [xs], box))
            self._takers.append((box, b))

    def _by_call(self, b: Box, units: Sequence[Key]) -> Iterator[tuple[list[Value], list[Value]]]:
        """The members and the outputs of each call."""
        call: dict[Key, tuple[list[Value], list[Value]]] = {unit: ([], []) for unit in units}
        outputs = set(b.outputs)
        for v in b.members:
            unit = next(s for s in self._tree.chain(v) if s in call)
            call[unit][0].append(v)
            if v in outputs:
                call[unit][1].append(v)
        yield from call.values()

    def _common_scopes(self, v: Value) -> tuple[Scope, ...]:
        """The open scopes that hold every use of a leaf."""
        chains = []
        for u in self._sweep.uses[v]:
            key, chain = self._partition.keys[u.user], self._tree.chain(u.user)
            closed = dict.fromkeys(key.units if isinstance(key, Bundle) else [key])
            chains.append(chain[: next((i for i, s in enumerate(chain) if s in closed), None)])
        return tuple(level[0] for level in zip(*chains) if all(s is level[0] for s in level))

    def _box_of(self, v: Value) -> Box:
        return self._box[self._partition.keys[v]]

    # Names -----------------------------------------------------------------------------------------------------------

    def _name_boxes(self, boxes: list[Box]) -> None:
        names = self._names
        for b in boxes:
            v = b.value
            if b.kind in ("inputs", "parameters") or (b.kind == "group" and b.scope is None and v is None):
                b.name = b.full = b.function = f"{names[b.members[0]]} … {names[b.members[-1]]}"
            elif b.scope is not None:
                b.name, b.full = self._scope_names(b.scope, b.calls)
                b.function = b.name
                if v is None:
                    places = ((o, f"{b.name}[{i}]") for i, o in enumerate(b.outputs) if o in names.numbered)
                    self._called.update((o, place) for o, place in places if names.is_free(place))
                elif v in names.numbered:
                    self._called[v] = b.name
                else:
                    b.name, b.full = names[v], f"{names[v]} = {b.full}(…)"
            elif v is not None:
                b.name = b.function = names[v]
                b.full = plain(names.full[v])
        for b in self._given:
            b.name = b.full = b.function = self._letter("x")
        letters: dict[int, tuple[str, str]] = {}
        for b in sorted(boxes, key=lambda b: -b.calls):
            if b.dense is not None:
                path = b.scope.path if b.scope is not None else ""
                digits = path[len(path.rstrip("0123456789")) :]
                module = id(getattr(b.scope, "module", b))  # calls of one have the same weights
                if module not in letters:
                    letters[module] = self._letter("W" + digits), self._letter("b" + digits)
                w, c = letters[module]
                b.letters = w, self._inputs_of(b), c, self._letter("z" + digits)

    def _scope_names(self, scope: Scope, calls: int) -> tuple[str, str]:
        """What a call is called, short and in full; many together as the first of all."""
        first = scope
        if calls > 1:
            first = self._tree.calls[bracketed(scope_path(scope))][0]
            first = (
                scope
                if first in self._box or self._partition.view.apart.intersection(self._tree.chains[first])
                else first
            )
        return self._names[first], plain(self._names.full[first])

    def _letter(self, name: str) -> str:
        """The name, or with a number after it, for what is no node."""
        n = self._letters.get(name, 0) + 1
        while not self._names.is_free(found := name if n == 1 else f"{name}_{n}"):
            n += 1
        self._letters[name] = n
        return found

    def _inputs_of(self, b: Box) -> str:
        """What the inputs of a dense layer are called."""
        given = tuple(b.dense.inputs) if b.dense is not None else ()
        if given in self._giver:
            return self._giver[given].name
        xs = [x for x in given if isinstance(x, Value)]
        boxes = {self._box[self._partition.keys[x]] for x in xs if x in self._partition.keys}
        if len(boxes) == 1 and ((box := boxes.pop()).calls > 1 or list(map(id, box.outputs)) == list(map(id, xs))):
            return f"({box.name})" if " " in box.name else box.name
        names = [self._name(x) for x in xs]
        return f"[{', '.join(names if len(names) <= 3 else [names[0], '…', names[-1]])}]"

    def _name(self, v: Value) -> str:
        return self._called.get(v) or self._names[v]

    # Arrows ----------------------------------------------------------------------------------------------------------

    def _arrows(self) -> Iterator[Arrow]:
        sweep, n = self._sweep, 0
        pairs: dict[tuple[Box, Box], tuple[Box, Box, list[Path]]] = {}
        into: dict[Value, list[tuple[Box, Box, list[Path]]]] = {}
        for v, key in self._partition.keys.items():
            source = self._box[key]
            for u in sweep.uses[v]:
                target = self._box_of(u.user)
                if target is source or source.kind == target.kind == "stub":  # what is left out has no order
                    continue
                # Between nodes, and from a group's one output, each use is an arrow; else there is one for the pair.
                if source.value is not None and target.kind == "op":
                    into.setdefault(u.user, []).append((source, target, [u]))
                    continue
                if (source, target) not in pairs:
                    pairs[source, target] = source, target, []
                    into.setdefault(target.outputs[-1], []).append(pairs[source, target])
                pairs[source, target][2].append(u)
        inner: dict[Box, list[dict[Value, float]]] = {}
        for v in sorted(into, key=sweep.index.__getitem__):
            for source, target, paths in sorted(into[v], key=lambda t: t[2][0].edge if t[1].kind == "op" else 0):
                plain = source.value is not None and target.kind == "op"
                local = paths[0].local if plain else None
                products = [u.product for u in paths if u.connected]
                product = math.fsum(products) if products and all(map(math.isfinite, products)) else sum(products)
                arrow = Arrow(f"e{n}", source, target, paths, local, product if products else None, plain)
                if not plain and "stub" not in (source.kind, target.kind):
                    single = max(source.calls, target.calls) == 1  # else a matrix for each call: no norm is shown
                    if single and target not in inner:
                        inner[target] = chains_inside(target.outputs, target.members, self._partials, sweep.index)
                    rows = inner[target] if single else []
                    if source.value is not None and target.value is not None:
                        local = rows[0].get(source.value, 0.0)  # 0 where no path inside is taken
                        arrow.local = self._checked(local, target.value, products, product)
                    else:
                        arrow.jacobian = jacobian(rows, target.outputs, source.outputs)
                yield arrow
                n += 1
        for box, target in self._takers:
            path = Path(target.outputs[-1], -1, 0.0, 0.0, 0.0, False)  # no gradient flows to a plain number
            yield Arrow(f"e{n}", box, target, [path], None, None, False)
            n += 1

    @cached_property
    def _partials(self) -> Partials:
        return partials_taken(self._sweep)

    def _checked(self, local: float, target: Value, products: list[float], product: float) -> float | None:
        """`local` if adjoint · local is what flows, as it is but for overflow: else no equation is shown."""
        if target not in self._sweep.adjoints:
            return local
        claimed = self._sweep.adjoints[target] * local
        if claimed == product or (claimed != claimed and product != product):
            return local
        return local if abs(claimed - product) <= 1e-6 * abs(product) and products else None
