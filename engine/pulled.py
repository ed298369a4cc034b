"""Adjoints that are pulled: in a trace each is a sum over uses, written where it is first needed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from operator import is_
from typing import Any

from . import context
from .dot_uses import FEWEST, Gates, Run, Shared, Use, beside, other
from .edges import Inner, check_unchanged, graph_partial
from .gated import GATED, Products, Scatter, gates
from .guards import Guard, Guards, Number, guarded_contribution
from .leaves import is_row
from .lists import DOT, TAKE
from .taking import Table, Taken, tables
from .value import Value

Edge = tuple[int, Inner, Number, int, int | None]  # a Use, and the place in the argument if it is a list
Lists = dict[tuple[Value, int], Sequence[Number]]  # the partials of lists, made once


class Pull:
    """Adjoints as sums over uses, each written where it is first needed, in the order in which backward adds them.

    Pushing would interleave the partial sums of many nodes; written this way a sum is one run of instructions, which
    the compiler finds again as a loop. What dots pass on to a list that they share is a dot again.

    Args:
        needed: the Values that lead to what is asked for.
        inner: those of them that pass an adjoint on.
    """

    def __init__(self, needed: set[Value], inner: set[Value]) -> None:
        self.seeds: dict[Value, Number] = {}
        self.adjoints: dict[Value, Number | None] = {}
        self.guards = Guards()
        self._needed, self._inner = needed, inner
        self._uses: dict[Value, list[Edge]] = {}
        self._shared: dict[tuple[Value, ...], Shared] = {}  # the uses of lists by dots
        self._uses_of: dict[int, list[Use] | None] = {}  # those of a list by its identity; None: it is not to be shared
        self._asked: dict[int, bool] = {}  # lists by their identity
        self._columns: dict[int, bool] = {}  # those of which entries are taken, likewise
        self._rows: list[tuple[Value, ...]] = []  # lists of leaves
        self._takes: list[Taken] = []  # entries of lists of leaves
        self._squares: list[tuple[Number, Inner]] = []  # sums of squares of leaves, and what comes to them
        self._unchanged: set[tuple[int, int]] = set()  # lists and their data that were compared
        self._answers, self._adds = context.recorder().answers, context.recorder().adds
        self._at_once = context.recording() and not context.watching()
        self._places: dict[Value, list[tuple[Shared, int]]] = {}  # where in such lists Values are
        self._lists: Lists = {}
        self._gates = dict[Value, Gates]()
        self._now = 0

    def pass_on(self, v: Inner, g: Number) -> None:
        """Note what gets something of the adjoint of a node."""
        check_unchanged(v, self._unchanged)
        operands = v._operands()[0]
        if v.op is DOT and self._begins(v):
            self._squares.append((g, v))
            operands = operands[2:]
        for i, a in enumerate(operands, len(v._operands()[0]) - len(operands)):
            self._now += 1
            if a.__class__ is tuple:
                if v.op is GATED and i == 0:
                    continue
                if (v.op is DOT or v.op is GATED) and (uses := self._share(a)) is not None:
                    uses.append((self._now, v, g, i))
                elif v.op is TAKE and self._scatters(a):
                    self._takes.append(Taken(self._now, v, g))
                elif self._reads(a):
                    for k, e in enumerate(a):
                        if e in self._needed:
                            self._uses.setdefault(e, []).append((self._now, v, g, i, k))
            elif a.__class__ is Value and a in self._needed:
                self._uses.setdefault(a, []).append((self._now, v, g, i, None))

    def _begins(self, v: Inner) -> bool:
        """Is what comes by a sum of squares the first that comes to leaves, so that their sums may start from it?"""
        first = self._answers and self._at_once and not (self._shared or self._takes)
        if not first or self.guards.of(v) is not None:
            return False
        a, b, _ = v._a
        if type(a) is not tuple or type(b) is not tuple or len(a) < FEWEST or not all(map(is_, a, b)):
            return False
        if not self._reads(a):
            return False
        before = {e for _, other in self._squares for e in other._a[0]}
        others = (self._inner, self._uses.keys(), self.seeds.keys(), before)
        return len({*a}) == len(a) and all(other.isdisjoint(a) for other in others)

    def _reads(self, a: tuple[Value, ...]) -> bool:
        """Is something of a list asked for? Many nodes share one."""
        if id(a) not in self._asked:
            self._asked[id(a)] = not self._needed.isdisjoint(a)
        return self._asked[id(a)]

    def _scatters(self, a: tuple[Value, ...]) -> bool:
        """May what comes to one of a list by an index be added where it is answered?"""
        if id(a) not in self._columns:
            apart = (self._answers or self._adds) and self._at_once and type(self._needed) is set and len(a) >= FEWEST
            self._columns[id(a)] = apart and self._needed.issuperset(a) and self._inner.isdisjoint(a)
        return self._columns[id(a)]

    def _share(self, a: tuple[Value, ...]) -> list[Use] | None:
        """The uses of a list by dots; None where not all of it is asked for."""
        if id(a) in self._uses_of:
            return self._uses_of[id(a)]
        uses = None
        if len(a) >= FEWEST and self._needed.issuperset(a):
            shared = self._shared.get(a)
            if shared is None:
                shared = self._shared[a] = Shared()
                if self._at_once and (is_row(a) or self._inner.isdisjoint(a)):
                    self._rows.append(a)
                else:
                    self._place(a)
            uses = shared.uses
        self._uses_of[id(a)] = uses
        return uses

    def _place(self, a: tuple[Value, ...]) -> None:
        shared = self._shared[a]  # found once: a hash of a list goes over all of it
        for k, e in enumerate(a):
            self._places.setdefault(e, []).append((shared, k))

    def found(self, wrt: Sequence[Value]) -> list[Value | Products]:
        """The adjoints of what is asked for, in order; those of a list that one dot reads, and nothing else, at once."""
        wrt = wrt.as_tuple() if is_row(wrt) and wrt.is_whole else list(wrt)
        taken_from = self._tables(wrt) if self._takes else []
        rows, found, starts = self._side_by_side(wrt), dict[int, Products](), self._starts(wrt)
        whole = {id(a) for a in rows.values()}
        for a in self._rows:
            if id(a) not in whole:
                self._place(a)
        occupied = {*self._uses, *self._places, *self.seeds}
        taken = sorted([k for v, k in wrt.source.places.items() if v in occupied]) if is_row(wrt) else list[int]()
        for at, a in list(rows.items()):
            free = bisect_left(taken, at) == bisect_left(taken, at + len(a)) if is_row(a) else occupied.isdisjoint(a)
            if not free or (made := self._products(a, starts)) is None:
                self._place(a)
            else:
                found[at] = made
        self._rows = [a for at, a in rows.items() if at in found]
        in_rows = {v for a in self._rows for v in a} if starts else set[Value]()
        self.seeds.update({v: x + x for v, x in starts.items() if v not in in_rows})
        if taken_from:  # of others no Values are made for this
            occupied.update(self._places, *self._rows)
        begins = {table.first: table for table in taken_from}
        for at, table in begins.items():
            if occupied.isdisjoint(wrt[at : table.end]):
                found[at] = self._scatter(table, wrt, [])
        result, at, begun = list[Value | Products](), 0, dict[int, tuple[Table, int]]()
        while at < len(wrt):
            if at in begins and not isinstance(found.get(at), Scatter):
                begun[begins[at].end] = begins[at], len(result)
            made = found.get(at)
            x = self(wrt[at]) if made is None else made
            result.append(x if isinstance(x, (Value, Products)) else Value(0.0 if x is None else x))
            at += 1 if made is None else len(made)
            if at in begun:
                table, begin = begun[at]
                result[begin:] = [self._scatter(table, wrt, result[begin:])]
        return result

    def _starts(self, wrt: Sequence[Value]) -> dict[Value, Value]:
        """What comes twice to leaves before all else: by the square of each."""
        found = dict[Value, Value]()
        for g, v in self._squares:
            squared = {*v._a[0]}
            if is_row(wrt):
                places = wrt.source.places
                xs = tuple(sorted(squared.intersection(places), key=places.__getitem__))
            else:
                xs = tuple([x for x in wrt if x in squared])
            made = [g * x for x in xs]
            found.update(zip(xs, made))
            context.recorder().starts.append((g, xs, made))
        return found

    def _tables(self, wrt: Sequence[Value]) -> list[Table]:
        """Those of which entries are taken after all else that comes to them; other uses of lists by indices are noted one by
        one."""
        last = {v: edges[-1][0] for v, edges in self._uses.items()}
        for a, shared in self._shared.items():
            last.update({v: max(shared.uses[-1][0], last.get(v, 0)) for v in a})
        found = [
            table for table in tables(self._takes, wrt, self._rows)
            if max([last.get(v, 0) for v in wrt[table.first : table.end]]) < table.uses[0].now
        ]  # fmt: skip
        if (
            self._adds
        ):  # to what came from other examples: in the order of eager mode, a row that an example takes twice included
            found = [
                table for table in found
                if len(table.uses[0].list) >= self._adds
                and not any(v in last or v in self.seeds for v in wrt[table.first : table.end])
            ]  # fmt: skip
        whole = {key for table in found for key in table.columns}
        alone = [use for use in self._takes if id(use.list) not in whole]
        for now, v, g in alone:
            for k, e in enumerate(v._a[0]):
                self._uses.setdefault(e, []).append((now, v, g, 0, k))
        for e in {e for use in alone for e in use.list}:
            self._uses[e].sort(key=lambda edge: edge[0])
        return found

    def _scatter(self, table: Table, wrt: Sequence[Value], before: list[Value | Products]) -> Scatter:
        """What comes to a table, of what else comes to it."""
        first, end, columns, uses = table
        gs: tuple[Any, ...] = tuple([use.g for use in uses])
        places = tuple([use.node._a[1] for use in uses])
        targets = {key: range(r.start - first, r.stop - first, r.step) for key, r in columns.items()}
        apart = partial(self._apart, table, wrt)
        return Scatter(gs, places, [targets[id(use.list)] for use in uses], end - first, before, apart)

    def _apart(self, table: Table, wrt: Sequence[Value], k: int) -> Value:
        """What comes to one of the Values of a table, as a node."""
        at = table.first + k
        while self._rows:
            self._place(self._rows.pop())
        total = self(wrt[at])
        for use in table.uses:
            column = table.columns[id(use.list)]
            if at in column:
                p = _edge_partial(use.node, 0, column.index(at), self._lists)
                _, term = guarded_contribution(TAKE, use.g, p, self.guards.of(use.node))
                total = term if total is None or term is None else total + term
        return total if isinstance(total, Value) else Value(0.0 if total is None else total)

    def _side_by_side(self, wrt: Sequence[Value]) -> dict[int, tuple[Value, ...]]:
        """The lists that one dot reads and that stand so in what is asked for, by where that is."""
        if len(self._needed) != len(wrt) + len(self._inner):
            return {}
        starts = dict[int, tuple[Value, ...]]()
        if is_row(wrt):
            starts = {at: a for a in self._rows if (at := wrt.source.beginning(a)) is not None}
        else:
            firsts = {a[0]: a for a in self._rows}
            for at, v in enumerate(wrt if firsts else ()):
                if v in firsts and wrt[at : at + len(firsts[v])] == list(firsts[v]):
                    starts[at] = firsts[v]
        rows, end = dict[int, tuple[Value, ...]](), 0
        for at in sorted(starts):
            if at >= end and (len(self._shared[starts[at]].uses) == 1 or self._answers):
                rows[at], end = starts[at], at + len(starts[at])
        return rows

    def _products(self, a: tuple[Value, ...], starts: Mapping[Value, Value]) -> Products | None:
        """The adjoints of a list that one dot reads, or many, which may start from something; None where they are not alike."""
        begun = [starts[v] for v in a if v in starts] if starts else []
        if begun and (len(begun) < len(a) or len(self._shared[a].uses) == 1):
            return None
        if len(self._shared[a].uses) > 1:
            return self._sums(a, tuple(begun))
        ((_, user, g, i),) = self._shared[a].uses
        xs, guard = beside(user, i), self.guards.of(user)
        if (
            not isinstance(g, Value)
            or self._gates_of(user) is not None
            or xs.__class__ is not tuple
            or (guard is not None and not isinstance(guard[0], Value))
        ):
            return None
        return Products(g, xs, user._x[other(user, i)], *((None, False) if guard is None else (guard[0], not guard[1])))

    def _sums(self, a: tuple[Value, ...], starts: tuple[Value, ...]) -> Products | None:
        """The adjoints of a list that many dots read; None where they are not alike."""
        run, *more = self._runs_of(self._shared[a])
        return run.sums(starts) if not more and run.is_dot else None

    def __call__(self, v: Value) -> Number | None:
        """The adjoint of a Value, once all that reads it has passed on its own."""
        if v in self.adjoints:
            return self.adjoints[v]
        total = self.seeds.get(v)
        several: list[Guard] = [] if total is None else [None]
        for part in self._parts(v):
            if isinstance(part, tuple):
                run, k = part
                if v in self._inner:
                    several.append(run.guard(k))
                total = run.sum(k, total)
                continue
            for _, user, g, i, j in part:
                if user.op is GATED and j is not None:
                    cs = self._gates_of(user)
                    edge_guard = self.guards.of(user) if cs is None else self.guards.behind(user, cs[j])
                    op, p = DOT, beside(user, i)[j]
                else:
                    op, p, edge_guard = user.op, _edge_partial(user, i, j, self._lists), self.guards.of(user)
                if edge_guard is None and p.__class__ is Value and not op.selects:
                    term: Number | None = g * p  # as it is below, in less time
                else:
                    edge_guard, term = guarded_contribution(op, g, p, edge_guard)
                if term is not None:
                    several.append(edge_guard)
                    total = term if total is None else total + term
        self.adjoints[v] = total
        self.guards.set(v, several)
        return total

    def _parts(self, v: Value) -> Iterator[list[Edge] | tuple[Run, int]]:
        """The uses of a Value in order: edges, and runs with its place in their list."""
        edges, places = self._uses.pop(v, []), self._places.get(v, [])
        if not places:
            yield edges
            return
        if len(places) == 1 and not edges:
            ((shared, k),) = places
            if len(shared.uses) == 1:
                yield [(*shared.uses[0], k)]
            else:
                yield from self._dots(shared, k)
            return
        # In the order of the uses; a list whose uses are not one after the other among them is taken apart.
        stretches: list[tuple[int, int, Any]] = [(edge[0], edge[0], edge) for edge in edges]
        stretches += [(uses[0][0], uses[-1][0], (shared, k)) for shared, k in places if (uses := shared.uses)]
        stretches.sort(key=lambda stretch: stretch[:2])
        if any(last >= first for (_, last, _), (first, _, _) in pairwise(stretches)):
            edges += [(*use, k) for shared, k in places for use in shared.uses]
            yield sorted(edges, key=lambda edge: (edge[0], edge[4] or 0))
            return
        for _, _, part in stretches:
            if len(part) == 2:
                yield from self._dots(*part)
            else:
                yield [part]

    def _dots(self, shared: Shared, k: int) -> Iterator[list[Edge] | tuple[Run, int]]:
        """The uses of a list by dots, as its k-th operand has them."""
        for run in self._runs_of(shared):
            yield (run, k) if run.is_dot else [(*use, k) for use in run.uses]

    def _gates_of(self, user: Inner) -> Gates:
        """The conditions of the products of a user of lists, looked for once."""
        if user not in self._gates:
            self._gates[user] = gates(user)
        return self._gates[user]

    def _runs_of(self, shared: Shared) -> list[Run]:
        """The uses of a list, cut where the guards are of another kind."""
        uses = shared.uses
        if sum([len(run.uses) for run in shared.runs]) < len(uses):
            others = [beside(user, i) for _, user, _, i in uses]
            conditions = [self._gates_of(user) for _, user, _, _ in uses]
            kinds = [self.guards.kind(user) if cs is None else True for (_, user, _, _), cs in zip(uses, conditions)]
            if any(conditions):
                kinds = [None if kind is None else True for kind in kinds]
            cuts = [n for n in range(len(uses)) if not n or kinds[n] != kinds[n - 1]]
            shared.runs = [
                Run(uses[m:n], others[m:n], self.guards, conditions[m:n], kinds[m])
                for m, n in zip(cuts, [*cuts[1:], len(uses)])
            ]
        return shared.runs


def _edge_partial(v: Inner, i: int, k: int | None, lists: Lists) -> Number:
    """The partial of one edge, a Value or a number; `lists` keeps those of whole lists, which are made once."""
    p = v.op.partials[i]
    if isinstance(p, float):
        return p
    if k is None:
        found: Number = graph_partial(p, v)
        return found
    if (v, i) not in lists:
        lists[v, i] = graph_partial(p, v)
    return lists[v, i][k]
