"""The edges of a node on Values: their partials, and adjoints pushed along them, as `backward` does it on floats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby, repeat
from math import copysign
from typing import Any, Generic, TypeVar

from .by_number import BY_NUMBER
from .guards import Guard, Number, either_guard, guarded_contribution, times
from .leaves import is_row
from .lists import DOT, Operands, dot, dot_node, read_operands
from .ops import power
from .rule import Formula
from .value import Value

Use = TypeVar("Use")
Inner = Any  # a Value that is known to have an op


class Leading:
    """What leads to some Values.

    Args:
        order: the nodes below the roots, in order.
        wrt: the Values.

    Attributes:
        needed: they, and the nodes that depend on them.
        inner: these nodes, in order.
        is_closed: do these read no other Values, and nor does what is made of their partials?
    """

    def __init__(self, order: Iterable[Inner], wrt: Sequence[Value]) -> None:
        self.inner: list[Inner] = []
        self.needed = needed = set(wrt)
        self.is_closed = True
        known = set[int]()  # lists that are needed as a whole
        add, append = needed.add, self.inner.append
        for v in order:
            kind, a = v.op.kind, v._a
            if kind == 3:
                if not reads(v, needed):
                    continue
                if self.is_closed:
                    self.is_closed = _reads_only(v, needed, known)
            else:
                b = v._b if kind == 2 else 0.0
                if a.__class__ is Value and a in needed:
                    if b.__class__ is Value and b not in needed:
                        self.is_closed = False
                elif b.__class__ is Value and b in needed:
                    if a.__class__ is Value:
                        self.is_closed = False
                else:
                    continue
            add(v)
            append(v)

    def partial(self, p: Formula, v: Inner) -> Any:
        """A partial of a node of lists, on its operands."""
        try:
            return p(*v._a, v)
        except (ArithmeticError, ValueError):
            return self.partial_on_values(p, v)

    def partial_on_values(self, p: Formula, v: Inner) -> Any:
        """A partial of a node where it has Values of its own."""
        self.is_closed = False
        return partial_on_values(p, v)


def pushed(
    roots: list[Value],
    seeds: Sequence[Number],
    wrt: Sequence[Value],
    leading: Leading,
    unchanged: bool,
    as_it_is: bool,
) -> list[Value]:
    """The adjoints of some Values by the nodes below the roots.

    Sums come about in the order of `backward`, product by product, those that dots pass on to a list as dots.

    Args:
        leading: what leads to the Values.
        unchanged: no leaf was edited since.
        as_it_is: the graph is for the numbers of its leaves alone: edges are cut by value, and none is guarded.
    """
    needed = leading.needed
    sums, known = _Sums(leading, as_it_is), set[tuple[int, int]]()
    adjoints, guards, home = sums.adjoints, sums.guards, sums.home
    for r, seed in zip(roots, seeds):
        adjoints[r] = adjoints[r] + seed if r in adjoints else seed
    for v in reversed(leading.inner):
        if home and v in home:
            sums.close(home[v])
        g = adjoints.get(v)
        if g is None:
            continue
        op, guard = v.op, guards.get(v) if guards else None
        args, then = ((v._a, v._b), (v._x, v._y)) if op.kind == 2 else v._operands()
        if op.lists and not unchanged:
            check_unchanged(v, known)
        for a, x, p in zip(args, then, BY_NUMBER.get(op, op.partials) if as_it_is else op.partials):
            if a.__class__ is not Value:
                if a.__class__ is tuple:
                    sums.push_list(v, a, p, g)
                continue
            if a._data is not x:
                check_unchanged(v, known)
            if a not in needed:
                continue
            if home and a in home:
                sums.close(home[a])
            if p.__class__ is not float:
                try:
                    p = p(*args, v)
                except (ArithmeticError, ValueError):
                    p = leading.partial_on_values(p, v)
            if as_it_is and op.selects and not (p._data if p.__class__ is Value else p):
                continue
            if guard is None and (as_it_is or not op.selects):
                if g.__class__ is Value:
                    term = g * p if p.__class__ is Value else times(g, p)
                else:
                    term = p if g == 1.0 else times(g, p)
                total = adjoints.get(a)
                adjoints[a] = term if total is None else total + term
                if guards:
                    guards.pop(a, None)
            else:
                sums.push_guarded(a, *guarded_contribution(op, g, p, guard))
    for a in list(sums.uses):
        sums.close(a)
    return [x if isinstance(x, Value) else Value(x) for x in [adjoints.get(v, 0.0) for v in wrt]]


def _reads_only(v: Inner, these: AbstractSet[Value], known: set[int]) -> bool:
    """Are all Values among the operands of a node of these? Lists in `known` are, and others come to them."""
    for a in v._a:
        if a.__class__ is tuple:
            if id(a) not in known:
                if not these >= set(a):
                    return False
                known.add(id(a))
        elif a.__class__ is Value and a not in these:
            return False
    return True


def are_conditional(order: list[Inner]) -> bool:
    """Have some nodes fewer edges, or simpler ones, in a graph that is for the numbers of its leaves alone?"""
    ops = {v.op for v in order}
    if any(op.selects or (op in BY_NUMBER and op is not power) for op in ops):
        return True
    return power in ops and any(v.op is power and v._b.__class__ is Value for v in order)


def reads(v: Inner, these: AbstractSet[Value]) -> bool:
    """Is one of these among the operands of a node?"""
    for a in v._operands()[0]:
        if not these.isdisjoint(a) if a.__class__ is tuple else a.__class__ is Value and a in these:
            return True
    return False


class Waiting(Generic[Use]):
    """What comes to whole lists of Values, until one of them is asked for or gets something else.

    Attributes:
        home: the list that a Value waits in.
        uses: what came to each such list.
    """

    def __init__(self) -> None:
        self.home = dict[Value, tuple[Value, ...]]()
        self.uses = dict[tuple[Value, ...], list[Use]]()

    def opened(self, a: tuple[Value, ...]) -> list[Use]:
        """What came to a list, to go on with."""
        if a not in self.uses:
            while not self.home.keys().isdisjoint(a):
                self.close(next(self.home[e] for e in a if e in self.home))
            self.home.update(dict.fromkeys(a, a))
            self.uses[a] = []
        return self.uses[a]

    def close(self, a: tuple[Value, ...]) -> None:
        """Pass on what came to a list to its Values."""
        uses = self.uses.pop(a)
        for e in a:
            del self.home[e]
        self.pass_on(a, uses)

    def pass_on(self, a: tuple[Value, ...], uses: list[Use]) -> None:
        """Add what came to a list to what its Values have."""
        raise NotImplementedError


class _Sums(Waiting[tuple[Number, Operands]]):
    """Adjoints as they come about; to lists come the adjoints of dots, with their other lists.

    Attributes:
        adjoints: those that are written.
        guards: those of them that have one.
    """

    def __init__(self, leading: Leading, as_it_is: bool) -> None:
        super().__init__()
        self.adjoints = dict[Value, Number]()
        self.guards = dict[Value, Guard]()
        self._leading, self._needed, self._as_it_is = leading, leading.needed, as_it_is

    def push_list(self, v: Inner, a: tuple[Value, ...], p: Formula | float, g: Number) -> None:
        """What a node passes on to one of its lists."""
        needed, op, guard = self._needed, v.op, self.guards.get(v)
        if needed.isdisjoint(a):
            return
        if op is DOT and guard is None and not isinstance(p, float) and self._is_whole(a):
            self.opened(a).append((g, read_operands(p(*v._a, v), p(*v._x, v._data))))
            return
        for e, q in zip(a, repeat(p) if isinstance(p, float) else self._leading.partial(p, v)):
            if e in needed:
                if e in self.home:
                    self.close(self.home[e])
                if not self._as_it_is:
                    self.push_guarded(e, *guarded_contribution(op, g, q, guard))
                elif not op.selects or (q._data if isinstance(q, Value) else q):
                    self.push_guarded(e, None, times(g, q))

    def _is_whole(self, a: tuple[Value, ...]) -> bool:
        """Is all of a list asked for, and no Value in it twice? Then a guard of one of them is none: what comes has none."""
        if a in self.uses:
            return True
        whole = self._needed.issuperset(a) and len(set(a)) == len(a)
        for e in a if whole and self.guards else ():
            self.guards.pop(e, None)
        return whole

    def pass_on(self, a: tuple[Value, ...], uses: list[tuple[Number, Operands]]) -> None:
        """Write the sums of what dots passed on: those with lists of Values, or of numbers, in a row as a dot."""
        adjoints = self.adjoints
        for _, alike in groupby(uses, lambda use: use[1]._args.__class__):
            (g, first), *more = run = [*alike]
            twice = len(more) == 1 and more[0][0] is g and _alike(first._args, more[0][1]._args)  # of dot(v, v)
            if not more or twice:
                for e, x in zip(a, first):
                    term = times(g, x)
                    total = adjoints[e] + term if e in adjoints else term
                    adjoints[e] = total + term if more else total
                continue
            gs = Operands([g for g, _ in run])
            for e, column, numbers in zip(a, zip(*[xs for _, xs in run]), zip(*[xs._vals for _, xs in run])):
                xs, start = [*numbers], adjoints.get(e, -0.0)
                if gs._args.__class__ is tuple or column[0].__class__ is Value:
                    others = column if column[0].__class__ is Value else xs
                    adjoints[e] = dot_node(gs._args, gs._vals, others, xs, start)
                else:
                    adjoints[e] = dot(gs, xs, start)

    def push_guarded(self, a: Value, guard: Guard, term: Number | None) -> None:
        """Add what comes along an edge that is guarded, or not connected."""
        if term is None:
            return
        if a in self.adjoints:
            self.adjoints[a] = self.adjoints[a] + term
            guard = either_guard(self.guards.pop(a, None), guard)
        else:
            self.adjoints[a] = term
        if guard is not None:
            self.guards[a] = guard


def _alike(a: Sequence[Number], b: Sequence[Number]) -> bool:
    """Are two lists the same, or of the same Values?"""
    return a is b or (a.__class__ is tuple and a == b)


def graph_partial(p: Formula, v: Value) -> Any:
    """A partial on the graph's own Values; where Python is not IEEE on the numbers among them, on Values alone."""
    args, _ = v._operands()
    try:
        return p(*args, v)
    except (ArithmeticError, ValueError):
        return partial_on_values(p, v)


def partial_on_values(p: Formula, v: Value) -> Any:
    """A partial on Values alone, those of the graph and others in place of its numbers."""
    args, _ = v._operands()
    return p(
        *[[Value(e) for e in a] if a.__class__ is list else Value(a) if a.__class__ is float else a for a in args],
        v,
    )


def check_unchanged(v: Inner, known: set[tuple[int, int]]) -> None:
    """Raise where the data of a leaf is not what it was; the lists in `known` were looked at, and others come to them."""
    for given, then in zip(*v._operands()):
        if given.__class__ is Value:
            changed = [] if given._data is then else [(given, then)]
        elif given.__class__ is not tuple or is_row(given) or (id(given), id(then)) in known:
            continue  # a row is of a trace, where none is changed
        else:
            changed = [(a, x) for a, x in zip(given, then) if a._data is not x]
            if not changed:
                known.add((id(given), id(then)))
        for a, x in changed:
            if not _same(a._data, x):
                raise RuntimeError(
                    f"gradients takes a graph as it was computed, but the data of {a!r} was {x} then; build the graph "
                    "again"
                )


def _same(x: float, y: float) -> bool:
    return (x == y and copysign(1.0, x) == copysign(1.0, y)) or (x != x and y != y)
