"""What the nodes of a graph are called in all that is printed of it: label, else variable, else path in its Module, else v1.

Pictures at every level of detail, the player, the explanation and the terminal share these names, and no two things have
the same one, nor are they written the same in mathematics: one symbol means one thing.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache

from ..context import Scope
from ..value import Value
from .mathml import clean
from .naming import Spelled, bracketed, subscripted

SMALL = 40, 60  # nodes and edges: of a larger graph pictures close Modules
LARGE = 10_000  # nodes: of a larger graph a picture may know the last part only; of others all is known in a moment


def suffixes(path: str) -> list[str]:
    """Ever longer names for a path: its last part, then with the initials around it, then all of it.

    >>> suffixes("layers.0.neurons.3.w.1")
    ['w[1]', 'n3.w[1]', 'l0.n3.w[1]', 'layers[0].neurons[3].w[1]']
    """
    whole = bracketed(path)
    *around, last = whole.split(".")
    short = list(map(_initial, around))
    return list(dict.fromkeys([".".join([*short[i:], last]) for i in range(len(short), -1, -1)] + [whole]))


@lru_cache(1000)  # the parts of many paths are the same
def _initial(part: str) -> str:
    return re.sub(r"[\[\]]", "", re.sub(r"^(\w)\w*", r"\1", part))


class GraphNames:
    """Unique names for the nodes of a graph, and for the calls of Modules that made them.

    Nodes without a name are v1, v2, … in order. Of a graph that pictures do not show whole those outside of Modules
    come first, since these are left when Modules are closed; of a very large one each has the number of its place.

    Args:
        order: the nodes, arguments first.
        given: names for nodes, of lower rank than labels: one that is also a label is not used.
        first: nodes that get the names they ask for before others.
        parameters: for each parameter its path in its Module.
        scopes: the calls of Modules, outer ones first.
        size: how many nodes the graph has, where `order` is its last part.
        fit: what becomes of a name before it is compared with others.

    Attributes:
        found: the names.
        full: for things with a path all of it, for others their names.
        numbered: the nodes that are called v1, v2, ….

    >>> from engine import Value, topological_order
    >>> x, y = Value(2.0, label="x"), Value(3.0, label="x")
    >>> list(GraphNames(topological_order((x * y) * 5.0)).found.values())
    ['x', 'x_2', 'v1', 'v2']
    """

    def __init__(
        self,
        order: Collection[Value],
        given: Mapping[Value, str] | None = None,
        *,
        first: Iterable[Value] = (),
        parameters: Mapping[Value, str] | None = None,
        scopes: Iterable[Scope] = (),
        size: int = 0,
        fit: Callable[[str], str] = clean,
    ) -> None:
        self.found: dict[Value | Scope, str] = {}
        self.full: dict[Value | Scope, str] = {}
        self.numbered: set[Value] = set()
        self._fit, self._used, self._last = fit, set[str](), dict[str, int]()
        self._read = set[tuple[str, str]]()  # the names as mathematics writes them
        given, parameters, scopes = given or {}, parameters or {}, list(scopes)
        labels = {v.label for v in order}
        asked = {v: v.label or given.get(v, "") for v in (*first, *order)}
        asked = {v: name for v, name in asked.items() if name and (v.label or name not in labels)}
        self._asked = set(map(fit, asked.values()))
        for v, name in asked.items():
            self.add(v, [name])
        placed: dict[str, list[Value | Scope]] = {}
        for v in order:
            if v in parameters and v not in self.found:
                placed.setdefault(parameters[v], []).append(v)
        for s in scopes:
            placed.setdefault(scope_path(s), []).append(s)
        self._add_together(placed)
        self._number(order, scopes, size or len(order))

    def __getitem__(self, thing: Value | Scope) -> str:
        return self.found[thing]

    def is_free(self, name: str) -> bool:
        """Whether nothing is called so, nor written so."""
        return name not in self._used and subscripted(name) not in self._read

    def add(self, thing: Value | Scope, choices: Iterable[str], full: str = "") -> str:
        """Give a thing the first of some names that is free, else the first with a number after it."""
        first = name = ""
        for choice in choices:
            name = self._fit(choice) or "�"
            if name not in self._used:
                break
            first = first or name
        else:
            n = self._last.get(first, 1) + 1
            while self._reads_alike(first, n):
                n += 1
            self._last[first] = n
            name = f"{first}_{n}"
        if subscripted(name) in self._read:
            name = Spelled(name)
        self._used.add(name)
        self._read.add(subscripted(name))
        self.found[thing] = name
        self.full[thing] = full or name
        return name

    def of(self, twins: Iterable[tuple[Value, Value]], scopes: Iterable[Scope]) -> "GraphNames":
        """The same names for another graph, of nodes with those of this graph that they stand for, and its scopes."""
        names = GraphNames((), fit=self._fit)
        names._used, names._last, names._read = self._used.copy(), self._last.copy(), self._read.copy()
        for v, twin in twins:
            names.found[v], names.full[v] = self.found[twin], self.full[twin]
            if twin in self.numbered:
                names.numbered.add(v)
            s, t = v.scope, twin.scope
            while s is not None and t is not None and s not in names.found:
                names.found[s], names.full[s] = self.found[t], self.full[t]
                s, t = s.parent, t.parent
        for s in scopes:
            if s not in names.found:
                names.add(s, suffixes(scope_path(s)))
        return names

    def _reads_alike(self, stem: str, n: int) -> bool:
        """Whether something is, or will be, called what mathematics writes as the stem with this index."""
        alike = f"{stem}{n}", f"{stem}_{n}", f"{stem}[{n}]"
        return any(name in self._used or name in self._asked for name in alike)

    def _add_together(self, placed: Mapping[str, list[Value | Scope]]) -> None:
        """Name the things at many paths alike: where two would share a name, all of their kind take a longer one."""
        choices = {path: suffixes(path) for path in placed}
        kind = {path: re.sub(r"\d+", "", names[0]) for path, names in choices.items()}
        length = dict.fromkeys(placed, 0)
        while True:
            sharing: dict[str, list[str]] = {}
            for path, things in placed.items():
                sharing.setdefault(choices[path][length[path]], []).extend([path] * len(things))
            clashing = {kind[path] for paths in sharing.values() if len(paths) > 1 for path in paths}
            longer = [path for path in placed if kind[path] in clashing and length[path] + 1 < len(choices[path])]
            if not longer:
                break
            for path in longer:
                length[path] += 1
        for path, things in placed.items():
            for thing in things:
                self.add(thing, choices[path][length[path] :], choices[path][-1])

    def _number(self, order: Collection[Value], scopes: Iterable[Scope], size: int) -> None:
        unnamed = [v for v in order if v not in self.found]
        self.numbered.update(unnamed)
        if size > LARGE:
            for i, v in enumerate(order, size - len(order)):
                if v not in self.found:
                    self.add(v, [f"v{i}"])
            return
        edges = sum(a.__class__ is Value for v in order for a in v.args)
        if size > SMALL[0] or edges > SMALL[1]:
            depth: dict[Scope | None, int] = {None: 0}
            for s in scopes:
                depth[s] = depth[s.parent] + 1
            unnamed.sort(key=lambda v: depth.get(v.scope, 0))
        n = 0
        for v in unnamed:
            n += 1
            while self._reads_alike("v", n):
                n += 1
            self.found[v] = self.full[v] = f"v{n}"
        self._used.update([self.found[v] for v in unnamed])
        self._read.update([("v", self.found[v][1:]) for v in unnamed])


def scope_path(scope: Scope) -> str:
    """The path of a call, or for an outermost one the class of its Module."""
    return scope.path or type(getattr(scope, "module", scope)).__name__
