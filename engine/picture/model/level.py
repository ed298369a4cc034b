"""The choice of a level of detail, and the sentence that says what it hides."""

from collections.abc import Callable, Mapping, Sequence

from ...arguments import shown
from ...context import Scope
from ...formulas.chain import Sweep
from ...formulas.graph_names import GraphNames
from ...formulas.naming import parameter_paths
from ...value import Value
from .assembly import MOST_ARROWS, MOST_BOXES, Assembly
from .boxes import Box, PictureModel
from .calls import fold
from .clusters import module_word
from .grouping import Level, Partition, ScopeTree, View
from .nearest import MANY, Nearest, nearest
from .safety import plain
from .sentences import finish
from .text_widths import clipped, text_width
from .unfolding import UNFOLDABLE, Unfolded

HARD_LIMIT = 2000  # boxes
HOVERED = 80  # boxes of a graph that is drawn whole, formulas on pointing only, where no Modules make groups
WIDEST = 1100.0  # pixels of one rank, by estimate
LONGEST = 150.0  # pixels of a name at 14 px, bold


def model_of(
    roots: Sequence[Value],
    level: Level = "auto",
    expand: Sequence[str] = (),
    force: bool = False,
    given: Mapping[Value, str] | None = None,
    complete: bool = False,
    replayed: bool = False,
    like: PictureModel | None = None,
) -> PictureModel:
    """The boxes and arrows of a graph, finished: what draws it only reads.

    Args:
        roots: the Values whose graph it is.
        level, expand, force: as in `draw`.
        given: names of nodes, of lower rank than their labels.
        complete: show gradients as backward would give them.
        replayed: show data as they were when they were used.
        like: a model of a graph of the same shape, whose level is taken.
    """
    expand = [expand] if isinstance(expand, str) else list(expand)
    auto = isinstance(level, str) and level == "auto"
    near = nearest(roots, MOST_BOXES, HOVERED) if auto and not expand and (like is None or like.sweep.is_part) else None
    sweep = Sweep(roots) if near is None else Sweep(roots, near.behind, near.size)
    choice = _Choice(sweep, expand, given or {}, complete, like)
    if like is not None and not like.hidden and choice.knows(like.view):
        model = choice.in_view(like.view, like.height)
    else:
        model = choice.near(near) if near is not None else choice.auto() if auto else choice.at(level, force)
    return _finished(choice, complete, replayed, model)


def _finished(choice: "_Choice", complete: bool, replayed: bool, model: PictureModel) -> PictureModel:
    finish(model, complete, replayed)

    def at(view: View, most: int) -> PictureModel | None:
        other = choice.within(view, most)
        return None if other is None else _finished(choice, complete, replayed, other)

    model.at = at
    return model


def roots_of(root: object, who: str) -> list[Value]:
    """The roots that a function was given: a Value, or a list of them."""
    if isinstance(root, Value):
        return [root]
    roots = list(root) if isinstance(root, (list, tuple)) else []
    if not roots or not all(isinstance(r, Value) for r in roots):
        hint = "; call it, and give what it returns" if callable(root) else ""
        raise TypeError(f"{who} takes a Value or a list of Values, got {shown(root)}{hint}")
    return roots


class _Choice:
    def __init__(
        self, sweep: Sweep, expand: list[str], given: Mapping[Value, str], complete: bool, like: PictureModel | None
    ) -> None:
        self._sweep, self._complete = sweep, complete
        self._heights = range(-1, 1000) if like is None else (like.height,)
        self._tree = ScopeTree(sweep.order)
        self._parameters = parameter_paths(self._tree.chains, sweep.index)
        self._names = GraphNames(
            sweep.order, given, first=sweep.roots, parameters=self._parameters, scopes=self._tree.chains,
            size=sweep.size, fit=_fitted,
        )  # fmt: skip
        self._unfold(expand)
        self._expand = self._paths(expand)
        if like is not None:
            self._names = like.names.of(zip(self._sweep.order, like.sweep.order), self._tree.chains)
            twins, paths = dict(zip(like.sweep.order, self._sweep.order)), like.parameters
            self._parameters = {twins[v]: path for v, path in paths.items() if v in twins}

    # What to open ----------------------------------------------------------------------------------------------------

    def _unfold(self, expand: Sequence[str]) -> None:
        able = [v for v in self._sweep.order if v.op is not None and v.op.name in UNFOLDABLE] if expand else []
        chosen = {v for v in able if v.op is not None and (v.op.name in expand or self._names[v] in expand)}
        self._nodes = {self._names[v] for v in able} | {v.op.name for v in able if v.op is not None}
        if chosen:
            graph = Unfolded(self._sweep, chosen)
            self._sweep = Sweep(graph.roots)
            self._tree = ScopeTree(self._sweep.order)
            self._names = self._names.of(
                [(v, graph.origin.get(v, v)) for v in self._sweep.order if v not in graph.made], self._tree.chains
            )
            for v, name in graph.made.items():
                self._names.add(v, [name])

    def _paths(self, expand: Sequence[str]) -> list[str]:
        paths = [e for e in expand if e not in self._nodes]
        known, apart = self._tree.paths, set[Scope]()
        for path in paths:
            word, _, number = path.removesuffix("]").rpartition("[")
            calls = self._tree.calls.get(word, [])
            if path not in known and number.isdecimal() and int(number) < len(calls) > 1:
                apart.add(calls[int(number)])
            elif path not in known:
                many = [f"{word}[{len(them) - 1}]" for word, them in self._tree.calls.items() if len(them) > 1]
                able = many[:1] + known
                there = ", ".join(map(repr, able[:8])) + (", …" if len(able) > 8 else "")
                raise ValueError(
                    f"draw takes in expand paths of Modules ({there or 'this graph has none'}) "
                    f"and names of dot, total and mean nodes, got {path!r}"
                )
        self._apart = frozenset(apart)
        return [path for path in paths if path in known]

    # Levels ----------------------------------------------------------------------------------------------------------

    def _partition(self, view: View) -> Partition:
        partition = Partition(self._sweep, self._tree, view, self._parameters)
        if view.closed:
            fold(partition, self._tree)
            partition.merge_inputs()
        return partition

    def _model(self, partition: Partition, height: int = -1) -> PictureModel:
        assembly = Assembly(self._sweep, self._tree, partition, self._names, self._parameters)
        model = assembly.model(self._complete or self._sweep.swept)
        model.tree, model.view, model.parameters = self._tree, partition.view, self._parameters
        model.height, model.caption = height, _caption(model, self._tree, self._asked, not self._complete)
        return model

    def _view(self, level: Level) -> View:
        return self._tree.view(level, self._expand, self._apart)

    def _asked(self, level: Level) -> str:
        """How a level is asked for: with force where it has more boxes than are drawn without."""
        n = self._partition(self._view(level)).size()[0] if self._sweep.size > HARD_LIMIT else 0
        return f'level="{level}"{", force=True" * (n > HARD_LIMIT)}'

    def auto(self) -> PictureModel:
        """The finest level that stays readable; without one, the boxes nearest the root at the coarsest."""
        top = self._tree.top
        heights = self._heights[: top + 2] if isinstance(self._heights, range) else self._heights
        for height in heights:
            partition = self._partition(self._tree.view_at(height, self._expand, self._apart))
            boxes, edges = partition.size()
            if boxes <= MOST_BOXES and edges <= MOST_ARROWS:
                model = self._model(partition, height)
                if height == heights[-1] or _widest_rank(model) <= WIDEST:
                    return model
        if boxes > HOVERED or (boxes > MOST_BOXES and top >= 0):
            partition.keep(MOST_BOXES)
        return self._model(partition, height)

    def knows(self, view: View) -> bool:
        """Whether the Modules of a view made this graph."""
        return view.closed | view.apart <= self._tree.chains.keys()

    def in_view(self, view: View, height: int) -> PictureModel:
        """The graph in a view of it."""
        return self._model(self._partition(view), height)

    def within(self, view: View, most: int) -> PictureModel | None:
        """The graph in a view, if it has no more boxes and arrows than `most` there."""
        partition = self._partition(view)
        return self._model(partition) if sum(partition.size()) <= most else None

    def near(self, near: Nearest) -> PictureModel:
        """The nodes nearest the roots."""
        partition = self._partition(View())
        partition.keep_near(near)
        return self._model(partition)

    def at(self, level: Level, force: bool) -> PictureModel:
        partition = self._partition(self._view(level))
        boxes, _ = partition.size()
        if boxes > HARD_LIMIT and not force:
            raise ValueError(
                f"draw takes up to {HARD_LIMIT:,} boxes, got {boxes:,} at level={level!r}; leave level at 'auto', or "
                "pass force=True and a longer timeout="
            )
        return self._model(partition)


def _fitted(name: str) -> str:
    return clipped(plain(name).strip(), LONGEST, 14)


def _caption(model: PictureModel, tree: ScopeTree, asked: Callable[[Level], str], still: bool) -> str:
    n, size = f"{model.sweep.size:,} nodes", model.sweep.size
    saved = ' and .save("graph.html")' if size > HOVERED else ""
    steps = [".player() for each step"] if still else []  # a player says nothing of players
    if model.hidden:
        shown = sum(b.kind != "stub" for b in model.boxes)
        more = f"{asked('full')}{saved} for all" if size <= HARD_LIMIT else "draw another for what is before it"
        return f"{n}: the {shown} boxes nearest {model.root_name}; {more}"
    closed = [b.scope for b in model.boxes if b.scope is not None]
    if closed:
        words = list(dict.fromkeys(map(module_word, closed)))
        height = max(tree.heights[s] for s in closed)
        if height:
            more = f"{asked('neuron' if height == 1 else 'layer')} for more"
        else:
            more = f"{asked('full')}{saved} for all"
        able = [f"{word}[0]" for word, calls in tree.calls.items() if len(calls) >= MANY and not model.view.apart]
        able += [s.path for s in closed if s.path]
        one = [f'expand="{able[0]}" for one'] if able else []
        more = ", ".join([more, *one, *steps])
        return f"{n}, shown by {words[0] if len(words) == 1 else 'module'}: {more}"
    return f"{n}: {', or '.join(['point at an edge for its formula', *steps])}" if not model.labels else ""


def _widest_rank(model: PictureModel) -> float:
    """The width of the widest rank, by estimate: boxes at equal distance from the leaves, and their labels."""
    rank: dict[Box, int] = {}
    widths: dict[int, float] = {}
    for b in reversed(model.boxes):
        rank[b] = max([rank.get(e.target, 0) + 1 for e in model.outs[b]], default=0)
        edges = sum(90.0 for e in model.outs[b] if e.local is not None)
        width = max(100.0 + text_width(b.name, 14) * (b.kind == "group"), edges)
        widths[rank[b]] = widths.get(rank[b], 0.0) + width + 14.0
    return max(widths.values(), default=0.0)
