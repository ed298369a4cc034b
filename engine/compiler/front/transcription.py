"""From a record to a trace: the nodes that the effects of a function need, as instructions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from math import isfinite
from operator import eq, is_
from typing import Any

from ...gated import GATED, Products, Scatter, Sums
from ...leaves import is_row
from ...lists import DOT
from ...rule import Op
from ...value import Value
from .kinds import Kinds, Place
from .passes import each
from .recorder import IDENTITY, Recorder, Starts
from .reductions import LIST_OPS, scaled
from .trace import MUL, SHORTEST, VALUE, Trace

Write = tuple[str, Any, int]  # an effect; a Value, a number, or products side by side; the (first) target


def transcribed(recorder: Recorder, effects: Iterable[Write], bare: bool = False,
                list_ops: Mapping[str, Callable[..., int]] = LIST_OPS) -> Trace:  # fmt: skip
    """The instructions that effects need, in order; bare, without the spare guards: where one of them matters, an effect is
    nan. What is put down for rows of lists is the caller's."""
    return _Transcription(recorder, list(effects), bare, list_ops).trace


class _Transcription:
    """The trace under way, and what is known of the record."""

    def __init__(self, recorder: Recorder, effects: Sequence[Write], bare: bool,
                 list_ops: Mapping[str, Callable[..., int]]) -> None:  # fmt: skip
        self.trace = trace = Trace()
        self._recorder, self._operands, self._kinds = recorder, recorder.operands, Kinds()
        self._list_ops = list_ops
        self._spare, self._bare = recorder.spare if bare else set[Value](), bare
        self._lists: dict[int, Sequence[int]] = {}  # by the identity of a node's list, which many nodes share
        self._rows: dict[int, tuple[object, range | None]] = {}  # lists of leaves, by identity
        self._constants: dict[int, tuple[object, bool]] = {}  # lists by identity, and are there constants in them?
        writes, live = self._needed(effects)
        passes = self._passes(live)
        nodes = self._written(live)
        operands, put, spare, doubtful = self._operands, self._put, self._spare, recorder.doubtful
        for v, row, args in nodes:
            if v in passes:
                g, xs, made = passes[v]
                operands.update(zip(made, each(trace, "mul", put(g, (row, args, 0)), self._listed(xs))))
                continue
            if (doubtful or spare) and (
                (v in spare and row is not DOT) or (v in doubtful and self._kinds.is_finite(row, args))
            ):
                operands[v] = put(args[1], (row, args, 1))
            elif row.kind == 2:
                a, b = args
                one = operands[a] if a in operands else put(a, (row, args, 0))
                operands[v] = trace.emit(row, (one, operands[b] if b in operands else put(b, (row, args, 1))))
            elif row.name in list_ops:
                given = [
                    (self._listed if isinstance(a, (list, tuple)) else put)(a, (row, args, k))
                    for k, a in enumerate(args)
                ]
                operands[v] = list_ops[row.name](trace, *given)
            else:
                several = [operands[a] if a in operands else put(a, (row, args, k)) for k, a in enumerate(args)]
                operands[v] = trace.emit(row, tuple(several))
            if v in spare:
                trace.bare.add(operands[v])
        for op, x, target in writes:
            if x.__class__ is Sums:
                trace.sums(op, target, [self._listed(a) for a in x.listed()])
            elif x.__class__ is Scatter:
                if op == "output" and not x.before:
                    trace.fill(target, trace.constant(0.0), len(x))
                for g, i, targets in zip(x.gs, x.places, x.targets):
                    trace.scatter(op, put(g), put(i), targets[0] + target, targets)
            elif x.__class__ is Products:
                c = [] if x.c is None or (bare and x.spare) else [put(x.c)]
                scaled(trace, op, target, put(x.g), self._listed(x.xs), c)
            else:
                trace.effect(op, put(x), target)

    # What is needed ----------------------------------------------------------------------------------------------------

    def _needed(self, effects: Sequence[Write]) -> tuple[list[Write], set[Value]]:
        """(the effects, with products that nothing else reads as one, the nodes that they need)."""
        writes = self._writes(effects)
        live, found = self._live(writes), list[Write]()
        for op, x, target in writes:
            if x.__class__ is Products and x.nodes and not live.isdisjoint(x.nodes):
                live.update(x.nodes)
                found += [(op, v, target + k) for k, v in enumerate(x.nodes)]
            else:
                found.append((op, x, target))
        return found, live

    def _writes(self, effects: Sequence[Write]) -> list[Write]:
        """The effects, with those of products that are written side by side as one."""
        found, at, products = list[Write](), 0, self._recorder.products
        while at < len(effects):
            op, x, target = effects[at]
            if not isinstance(x, Products):
                made = products.get(x) if x.__class__ is Value else None
                part = effects[at : at + len(made)] if made is not None else []
                if made is not None and self._is_whole(op, made) and _writes_out(part, op, made, target):
                    found += self._before(op, made, target)
                    found.append((op, made, target))
                    at += len(made)
                    continue
                if isinstance(made, Sums) and x.op is None:
                    self._recorder.resumed(made.expand)
                found.append((op, x, target))
            elif self._is_whole(op, x):
                found += self._before(op, x, target)
                found.append((op, x, target))
            else:
                found += [(op, v, target + k) for k, v in enumerate(x.values(self._recorder))]
                if isinstance(x, Sums):
                    self._recorder.resumed(x.expand)
            at += 1
        return found

    def _before(self, op: str, made: Products, target: int) -> list[Write]:
        """The effects that come before what is added at indices."""
        before = made.before if isinstance(made, Scatter) else ()
        places = accumulate([len(x) if isinstance(x, Products) else 1 for x in before], initial=target)
        return self._writes([(op, x, at) for x, at in zip(before, places)])

    def _is_whole(self, op: str, made: Products) -> bool:
        """Can products be one instruction? Among their operands are no constants, which are looked at one by one."""
        if isinstance(made, Scatter) and self._list_ops is not LIST_OPS:
            return False
        if isinstance(made, Sums):
            return (not made.nodes or made.nodes[0].op is None) and not any(map(self._has_constants, made.listed()))
        return (
            len(made) >= SHORTEST
            and (op == "accumulate" or not (self._bare and made.spare))
            and not any(self._has_constants(a) for a in ((made.g,), made.xs, () if made.c is None else (made.c,)))
        )

    def _has_constants(self, a: tuple[Value, ...]) -> bool:
        if id(a) not in self._constants:
            row = self._row(a)
            self._constants[id(a)] = a, row is None and any(self._recorder.constant(x) is not None for x in _leaves(a))
        return self._constants[id(a)][1]

    def _live(self, writes: Sequence[Write]) -> set[Value]:
        """The nodes that the effects need."""
        live, walked = set[Value](), set[int]()  # lists, by identity: many nodes share one
        pending: list[Any] = []
        given: Sequence[Any] = [a for _, x, _ in writes for a in (self._read(x) if isinstance(x, Products) else (x,))]
        while True:
            for a in given:
                if a.__class__ is Value:
                    if a.op is not None and a not in live:
                        live.add(a)
                        pending.append(a)
                elif a.__class__ is tuple and id(a) not in walked and self._row(a) is None:
                    walked.add(id(a))
                    fresh = [e for e in a if e.op is not None and e not in live]
                    live.update(fresh)
                    pending += fresh
            if not pending:
                return live
            v = pending.pop()
            op = v.op
            given = (v._a, v._b) if op.kind == 2 else (v._a,) if op.kind == 1 else v._a
            if v in self._spare:
                given = given[1:] if op is GATED else given[1:2]

    def _read(self, x: Products) -> Sequence[Any]:
        if isinstance(x, Sums):
            return x.listed()
        return (x.g, x.xs) if x.c is None or (self._bare and x.spare) else (x.g, x.xs, x.c)

    def _passes(self, live: set[Value]) -> dict[Value, Starts]:
        """The products that sums start from, by the first of them, which alone is left to be written."""
        found = {}
        for g, xs, made in self._recorder.starts if self._list_ops is LIST_OPS else ():
            if live.issuperset(made):
                live.difference_update(made[1:])
                number = self._recorder.constant(g)
                if number is not None:
                    self._kinds.note(number, (MUL, (g, xs[0]), 0), 2 * len(made) - 1)  # each comes twice
                found[made[0]] = g, xs, made
        return found

    def _written(self, live: set[Value]) -> list[tuple[Value, Op, Sequence[Any]]]:
        """(node, row, operands) of each in order, and the constants among them are noted. A sum of products needs no guards
        where they are spare, and around finite numbers."""
        found, operands, spare, lists = list[tuple[Value, Op, Sequence[Any]]](), self._operands, self._spare, set[int]()
        note = self._kinds.note
        v: Any
        for v in self._recorder.nodes:
            row = v.op
            if row is None or v not in live:
                continue
            args: Sequence[Any]
            if row.kind == 2:
                args = v._a, v._b
            elif row.kind == 1:
                args = (v._a,)
            else:
                args = v._a
                if row is GATED and (v in spare or (args[2].__class__ is list and all(map(isfinite, args[2])))):
                    row, args = DOT, args[1:]
            found.append((v, row, args))
            for k, a in enumerate(args):
                if a.__class__ is float:
                    note(a, (row, args, k))
                elif a.__class__ is not Value or ((a.op is None or a.op is IDENTITY) and a not in operands):
                    self._note(row, args, k, lists)
        return found

    def _note(self, row: Op, args: Sequence[Any], k: int, lists: set[int]) -> None:
        """Note the constants that an operand is, or a list of them that was not looked at yet."""
        a = args[k]
        whole = isinstance(a, (list, tuple))
        if whole:
            if id(a) in lists or (a.__class__ is tuple and self._row(a) is not None):
                return
            lists.add(id(a))
        for x in _leaves(a) if whole else (a,):
            number = self._recorder.constant(x)
            if number is not None:
                self._kinds.note(number, (row, args, k))

    # Operands ----------------------------------------------------------------------------------------------------------

    def _put(self, a: Any, place: Place | None = None) -> int:
        """The operand for a Value or a number that is no node of the trace."""
        recorder, trace = self._recorder, self.trace
        number = a if a.__class__ is float else recorder.constant(a)
        if number is not None:
            alone = place is None or self._kinds.stand_apart(place)
            return trace.constant_apart(number) if alone else trace.constant(number)
        known = self._operands.get(a)
        while known is None and a.op is IDENTITY:
            a = a._a
            known = self._operands.get(a)
        return recorder.captured_operand(a) if known is None else known

    def _listed(self, a: Sequence[Any], place: Place | None = None) -> Sequence[int]:
        """The operands for a list."""
        found = self._lists.get(id(a)) or (self._row(a) if a.__class__ is tuple else None)
        if found is None:
            operands, put = self._operands, self._put
            found = tuple([operands[e] if e in operands else put(e, place) for e in a])
        self._lists[id(a)] = found
        return found

    def _row(self, a: tuple[Value, ...]) -> range | None:
        """The operands for leaves that stand one after the other, or evenly spaced, where they were made; looked for once."""
        if id(a) not in self._rows:
            self._rows[id(a)] = a, self._found_row(a)
        return self._rows[id(a)][1]

    def _found_row(self, a: tuple[Value, ...]) -> range | None:
        if len(a) < SHORTEST:
            return None
        if is_row(a):
            return a.operands()
        operands = self._operands
        while a[0].op is IDENTITY and a[0] not in operands:
            if any(v.op is not IDENTITY for v in a):
                return None
            a = tuple([v._a for v in a])
        first, second = operands.get(a[0]), operands.get(a[1])
        if first is None or second is None or first & 7 == VALUE or second == first or (second - first) & 7:
            return None
        found = range(first, first + (second - first) * len(a), second - first)
        return found if all(map(eq, map(operands.get, a), found)) else None


def _leaves(a: Sequence[Any]) -> Sequence[Any]:
    """What may be a constant in a list."""
    return [x for x in a if x.op is None or x.op is IDENTITY] if a.__class__ is tuple else a


def _writes_out(part: Sequence[Write], op: str, made: Products, target: int) -> bool:
    """Do effects write products side by side, from a target on?"""
    return (
        len(part) == len(made)
        and all(map(is_, [x for _, x, _ in part], made.nodes))
        and [(op, k) for op, _, k in part] == [(op, k) for k in range(target, target + len(made))]
    )
