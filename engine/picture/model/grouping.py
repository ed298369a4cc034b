"""Which nodes share a box: those of a closed scope of Modules, many inputs alike, and what is left out.

A Module call gives all nodes it makes one Scope, whose parent is the call around it. A scope's height is 0 where no
other lies inside it (a neuron), 1 where only such lie inside (a layer), and so on. A picture closes some scopes: the
nodes of a closed scope, and of all within it, are one box.

A key stands for a box: a node is its own key, a closed Scope that of its nodes, a Bundle that of many inputs or of nodes
beyond the limit.
"""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import dropwhile
from typing import NamedTuple

from ...arguments import shown
from ...context import Scope
from ...formulas.chain import Sweep
from ...formulas.graph_names import scope_path
from ...formulas.naming import bracketed, scopes_of
from ...value import Value
from .nearest import Nearest, nearest_first

Level = str | int
LEVELS = ("auto", "full", "neuron", "layer")
MERGED_INPUTS = 8  # more inputs than this that feed the same groups are one box


class View(NamedTuple):
    """What of a graph shares boxes.

    Attributes:
        closed: scopes that are a box each.
        apart: calls of many that are shown beside the others of their Modules.
    """

    closed: frozenset[Scope] = frozenset()
    apart: frozenset[Scope] = frozenset()


class ScopeTree:
    """The scopes that made the nodes of a graph.

    Attributes:
        chains: for each scope itself and those around it, outermost first.
        heights: for each scope how many layers of scopes lie inside it.
        calls: those of each Module, by its path or its class.
    """

    def __init__(self, nodes: Iterable[Value]) -> None:
        self.chains: dict[Scope, tuple[Scope, ...]] = {}
        self.heights: dict[Scope, int] = {}
        self.calls: dict[str, list[Scope]] = {}
        for scope in scopes_of(nodes):
            around = () if scope.parent is None else self.chains[scope.parent]
            self.chains[scope] = (*around, scope)
            if getattr(scope, "module", None) is not None:
                self.calls.setdefault(bracketed(scope_path(scope)), []).append(scope)
            for height, s in enumerate((scope, *reversed(around))):
                self.heights[s] = max(self.heights.get(s, 0), height)

    def chain(self, v: Value) -> tuple[Scope, ...]:
        """The scopes around a node, outermost first."""
        return self.chains[v.scope] if v.scope is not None else ()

    def view(self, level: Level, expand: Sequence[str] = (), apart: frozenset[Scope] = frozenset()) -> View:
        """What a level of detail closes.

        Args:
            level: "full" closes none, "neuron" those of height 0, "layer" those of height 1 and single neurons outside
                a layer; a number closes the scopes that lie that deep.
            expand: paths of scopes to leave open, with all around them; what they contain is closed instead.
            apart: calls to leave open.

        Raises:
            ValueError: there is no such level.
        """
        if isinstance(level, str) and level == "full":
            return View(apart=apart)
        if isinstance(level, str) and level in ("neuron", "layer"):
            return self.view_at(("neuron", "layer").index(level), expand, apart)
        if isinstance(level, int) and not isinstance(level, bool) and level >= 0:
            return self._opened({s for s, c in self.chains.items() if len(c) == level + 1}, expand, apart)
        raise ValueError(f"draw takes level {', '.join(map(repr, LEVELS))} or a depth from 0, got {shown(level)}")

    def view_at(self, height: int, expand: Sequence[str] = (), apart: frozenset[Scope] = frozenset()) -> View:
        """That which closes the outermost scopes up to a height."""
        low = {s for s, h in self.heights.items() if h <= height}
        return self._opened({s for s in low if s.parent not in low}, expand, apart)

    def _opened(self, closed: set[Scope], expand: Sequence[str], apart: frozenset[Scope]) -> View:
        if not expand and not apart:
            return View(frozenset(closed))
        opened = apart | {
            s
            for s in self.chains
            if any(path == s.path or path.startswith(s.path + ".") or not s.path for path in expand)
        }
        within = [dropwhile(lambda s: s not in closed, chain) for chain in self.chains.values()]
        outermost = [next((s for s in chain if s not in opened), None) for chain in within]
        return View(frozenset(s for s in outermost if s is not None), apart)

    @property
    def paths(self) -> list[str]:
        """The paths that `expand` may name."""
        return list(dict.fromkeys(s.path for s in self.chains if s.path))

    @property
    def top(self) -> int:
        """The greatest height, -1 without scopes."""
        return max(self.heights.values(), default=-1)


class Bundle:
    """Nodes drawn as one box though no scope holds them.

    Attributes:
        kind: "inputs", "parameters", "stub"; "calls" of one Module, nodes "alike" around these, or a "sum".
        count: of nodes behind a stub.
        units: the keys that calls, and nodes alike, had before.
    """

    __slots__ = ("count", "kind", "units")

    def __init__(self, kind: str, count: int = 0, units: Mapping["Key", None] | None = None) -> None:
        self.kind = kind
        self.count = count
        self.units = units or {}


Key = Value | Scope | Bundle


class Partition:
    """The key of each node.

    Attributes:
        keys: for each node that is drawn, alone or with others, its key.
        view: what shares boxes.
        absorbed: for each closed scope the parameters that only closed scopes use, this one among them.
        hidden: how many nodes are behind stubs.
    """

    def __init__(self, sweep: Sweep, tree: ScopeTree, view: View, parameters: Collection[Value]) -> None:
        self.sweep, self.parameters, self.view = sweep, parameters, view
        self.keys: dict[Value, Key] = {}
        self.absorbed: dict[Key, list[Value]] = {}
        self.hidden = 0
        outer = {s: next((c for c in chain if c in view.closed), None) for s, chain in tree.chains.items()}
        members: dict[Scope, list[Value]] = {}
        for v in sweep.order:
            scope = outer[v.scope] if v.op is not None and v.scope is not None else None
            self.keys[v] = v if scope is None else scope
            if scope is not None:
                members.setdefault(scope, []).append(v)
        inside = []
        for v in parameters:
            users = list(dict.fromkeys(self.keys[u.user] for u in sweep.uses[v]))
            if users and not any(u.__class__ is Value for u in users):
                inside.append(v)
                for u in users:
                    self.absorbed.setdefault(u, []).append(v)
        for v in inside:
            del self.keys[v]
        for scope, them in members.items():
            if len(them) == 1 and scope not in self.absorbed:  # a Module of one node is that node
                self.keys[them[0]] = them[0]

    def size(self) -> tuple[int, int]:
        """How many boxes and edges there are, for a choice of level."""
        pairs, edges = set(), 0
        for v, key in self.keys.items():
            for u in self.sweep.uses[v]:
                user = self.keys[u.user]
                if key.__class__ is Value and user.__class__ is Value:
                    edges += 1
                elif user is not key:
                    pairs.add((id(key), id(user)))
        return len({id(k) for k in self.keys.values()}), edges + len(pairs)

    def merge_inputs(self) -> None:
        """Give many leaves that feed the same groups, and nothing else, one key."""
        alike: dict[frozenset[int], list[Value]] = {}
        for v, key in self.keys.items():
            if key is v and v.op is None and v not in self.sweep.seeds:
                users = [self.keys[u.user] for u in self.sweep.uses[v]]
                if users and not any(u.__class__ is Value for u in users):
                    alike.setdefault(frozenset(map(id, users)), []).append(v)
        for leaves in alike.values():
            if len(leaves) > MERGED_INPUTS:
                bundle = Bundle("inputs")
                for v in leaves:
                    self.keys[v] = bundle

    def keep(self, limit: int) -> None:
        """Keep the boxes nearest the roots, none before all of its users, so that each chain rule shown is whole.

        What is left out goes to a stub beside the first box that depends on it.
        """
        users, args = self.dependencies()
        roots = [self.keys[r] for r in self.sweep.roots]
        self._cut(nearest_first(roots, {k: len(them) for k, them in users.items()}, args.__getitem__, limit))

    def dependencies(self) -> tuple[dict[Key, dict[Key, frozenset[int]]], dict[Key, list[Key]]]:
        """(for each key those that use it, a node with the operands that it is there; for each key those it uses)."""
        users: dict[Key, dict[Key, frozenset[int]]] = {}
        for v, key in self.keys.items():
            there = users.setdefault(key, {})
            for u in self.sweep.uses[v]:
                user = self.keys[u.user]
                if user is not key:
                    lists = u.user.op is not None and u.user.op.lists
                    place = 0 if user is not u.user or lists else u.edge
                    there[user] = there.get(user, frozenset()) | {place}
        args: dict[Key, list[Key]] = {k: [] for k in users}
        for key, there in users.items():
            for user in there:
                args[user].append(key)
        return users, args

    def order(self) -> list[Key]:
        """The keys, each after those that it uses, and as their last nodes were made where that leaves a choice."""
        users, args = self.dependencies()
        last = {self.keys[v]: i for i, v in enumerate(self.sweep.order) if v in self.keys}
        stubs = {key for key in args if isinstance(key, Bundle) and key.kind == "stub"}  # use one another in any order
        missing = {key: 0 if key in stubs else len(them) for key, them in args.items()}
        ready = [i for key, i in last.items() if not missing[key]]
        key_at = {i: key for key, i in last.items()}
        heapify(ready)
        found: list[Key] = []
        while ready:
            found.append(key := key_at[heappop(ready)])
            for user in users[key]:
                missing[user] -= 1
                if not missing[user]:
                    heappush(ready, last[user])
        return list(dict.fromkeys([*found, *last]))  # none is lost, should scopes ever use one another

    def keep_near(self, near: Nearest) -> None:
        """Keep what is near the roots of a large graph, as `keep`."""
        stubs = {by: Bundle("stub", n) for by, n in near.counts.items()}
        for v, by in near.behind.items():
            self.keys[v] = stubs[by]
        self.hidden = sum(near.counts.values())

    def _cut(self, shown: Container[Key]) -> None:
        stubs: dict[Key, Bundle] = {}
        owner: dict[Value, Key] = {}
        for v in reversed(self.sweep.order):
            key = self.keys.get(v)
            if key is None:
                continue
            if key in shown:
                by: Key = key
            else:
                by = owner.get(v, v)
                stub = self.keys[v] = stubs.setdefault(by, Bundle("stub"))
                stub.count += 1
                self.hidden += 1
            for a in v.args:
                if a.__class__ is Value:
                    owner.setdefault(a, by)
