"""The order that rolls: the same program, whatever way its sums were written.

1. Roots keep creation order: effects, values used more than once, and every sum (how often a sum is used may differ at
   the edges of a loop). Any other value, and a sum whose only use is an effect or a function of one argument, sits just
   before that use.
2. A sum is `move first; (term; add)*`, running sum on the left. If the first term is itself computed the sum starts from
   -0.0, which is exact: -0.0 + x is x for every x. Every reduction is then a whole loop, nothing peeled.
3. A dot is such a sum, and stays one item. Only where one of its operands is a term of nothing else, and sits before its
   own use, is it written out: then it has no more products than there are instructions beside it.
4. So does a pass over a list. What another one makes for it alone sits in its rounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from .passes import ADDS, OP_OF, REST, RUNNING, Pass, Passes
from .trace import EFFECTS, LIST, VALUE, Instruction, Trace, spaced

HOLDING = frozenset(("accumulate", "output", "fill", "dot", "gated"))  # of more operands they are several instructions


class Dot(NamedTuple):
    """The running sum of products, from the number just before it on: `(mul; add)*`, or `(mul; where; add)*`.

    Attributes:
        ws, xs: the operands, ranges where they advance evenly.
        cs: the conditions, likewise; empty: none.
        zero: what stands in place of a product whose condition is 0.
    """

    ws: Sequence[int]
    xs: Sequence[int]
    cs: Sequence[int]
    zero: int

    @property
    def round(self) -> int:
        """How many instructions a product takes."""
        return 3 if self.cs else 2

    @property
    def length(self) -> int:
        """How many instructions there are."""
        return self.round * len(self.ws)

    def instructions(self, at: int) -> Iterator[Instruction]:
        """They, if the first comes at a position."""
        for k, (w, x) in enumerate(zip(self.ws, self.xs)):
            before = (at - 1) * 8 + VALUE
            yield "mul", (w, x), 0
            if self.cs:
                yield "where", (self.cs[k], at * 8 + VALUE, self.zero), 0
            at += self.round
            yield "add", (before, (at - 2) * 8 + VALUE), 0


class Products(NamedTuple):
    """What writes g*x for each x of a list: `(mul; effect)*`, or `(mul; where; effect)*`.

    Attributes:
        effect, target: what it does with them, and where with the first.
        g: the number.
        xs: the list, a range where it advances evenly.
        c: the condition, or None.
        zero: as for `Dot`.
    """

    effect: str
    target: int
    g: int
    xs: Sequence[int]
    c: int | None
    zero: int

    @property
    def round(self) -> int:
        """How many instructions a product takes."""
        return 2 if self.c is None else 3

    @property
    def length(self) -> int:
        """How many instructions there are."""
        return self.round * len(self.xs)

    def instructions(self, at: int) -> Iterator[Instruction]:
        """They, if the first comes at a position."""
        for k, x in enumerate(self.xs):
            yield "mul", (self.g, x), 0
            if self.c is not None:
                yield "where", (self.c, at * 8 + VALUE, self.zero), 0
            at += self.round
            yield self.effect, ((at - 2) * 8 + VALUE,), self.target + k


class Sums(NamedTuple):
    """What writes the sum of g*x for each place of lists x: `(move; (mul; add)*; effect)*`, or with conditions; where it begins
    with two numbers of each place, `(move; add; (mul; add)*; effect)*`.

    Attributes:
        effect, target: what it does with them, and where with the first.
        gs, cs: the operands of each sum, and the conditions, none or as many.
        rows: the lists x, one for each g.
        start, zero: what a sum starts from; and as for `Dot`.
        before: two lists of what each begins with instead, or none.
    """

    effect: str
    target: int
    gs: Sequence[int]
    cs: Sequence[int]
    rows: Sequence[Sequence[int]]
    start: int
    zero: int
    before: Sequence[Sequence[int]] = ()

    @property
    def round(self) -> int:
        """How many instructions a sum takes."""
        return 2 + (1 if self.before else 0) + (3 if self.cs else 2) * len(self.gs)

    @property
    def length(self) -> int:
        """How many instructions there are."""
        return self.round * len(self.rows[0])

    def sum(self, k: int, at: int) -> list[tuple[Instruction | Dot, int]]:
        """(instruction or dot, its position) of a sum, if the first of the first sum comes at a position."""
        at += k * self.round
        dot = Dot(self.gs, spaced(tuple([row[k] for row in self.rows])), self.cs, self.zero)
        end = at + self.round - 1
        effect = self.effect, ((end - 1) * 8 + VALUE,), self.target + k
        if not self.before:
            return [(("move", (self.start,), 0), at), (dot, at + 1), (effect, end)]
        one, two = [a[k] for a in self.before]
        add = "add", (at * 8 + VALUE, two), 0
        return [(("move", (one,), 0), at), (add, at + 1), (dot, at + 2), (effect, end)]

    def instructions(self, at: int) -> Iterator[Instruction]:
        """They, if the first comes at a position."""
        for k in range(len(self.rows[0])):
            for item, place in self.sum(k, at):
                yield from item.instructions(place) if isinstance(item, Dot) else (item,)


class Fill(NamedTuple):
    """What sets outputs side by side to a number.

    Attributes:
        target: the first of them.
        number: the operand.
        length: how many there are.
    """

    target: int
    number: int
    length: int

    def instructions(self, at: int) -> Iterator[Instruction]:
        """They."""
        return (("output", (self.number,), self.target + k) for k in range(self.length))


WHOLE = (Dot, Products, Sums, Fill, Pass)  # items that are several instructions

# A program in order; the index of a value is its position among the flat instructions.
Whole = Dot | Products | Sums | Fill | Pass
Ordered = list[Instruction | Whole]


def flat(code: Ordered) -> Iterator[Instruction]:
    """The instructions of a program, those of its dots among them."""
    at = 0
    for item in code:
        if isinstance(item, WHOLE):
            yield from item.instructions(at)
            at += item.length
        else:
            yield item
            at += 1


def positions(code: Ordered) -> list[int]:
    """Where each item of a program begins among the flat instructions, and where the program ends."""
    return [*accumulate([1 if item.__class__ is tuple else item.length for item in code], initial=0)]  # type: ignore[union-attr]


def canonical(trace: Trace) -> Ordered:
    """The live instructions of a trace in the order that rolls."""
    return _Order(trace).placed()


def _values(operands: Sequence[int]) -> Iterator[int]:
    """Which instructions make the operands of a list."""
    if operands[0] & 7 != VALUE and isinstance(operands, range):
        return iter(())
    return (a >> 3 for a in operands if a & 7 == VALUE)


class _Order:
    """Instructions on their way into order: those of the trace rewritten in place, and others behind them."""

    def __init__(self, trace: Trace) -> None:
        self.trace, self.code = trace, list(trace.code)
        self.values = [list(_values(operands)) for operands in trace.lists]
        self.spine: set[int] = set()  # running sums inside of others
        self._write_passes(self._count_uses())
        self._write_sums()

    def _count_uses(self) -> dict[int, int]:
        """Count how often values are used; the passes that are, and how many rounds they have."""
        code = self.code
        live, uses, readers = [False] * len(code), [0] * len(code), [0] * len(self.values)
        passes = dict[int, int]()
        for i in range(len(code) - 1, -1, -1):
            op, args, _ = code[i]
            if op in EFFECTS:
                live[i] = True
            if op in OP_OF and True in live[i : i + (count := self._rounds(args))]:
                live[i : i + count] = [True] * count
            if live[i]:
                # Of many operands it is many instructions, in which the operands are the same.
                rounds = 2 if op in OP_OF or (op in EFFECTS and op in HOLDING and len(args) > 1) else 1
                for a in args:
                    if a & 7 == VALUE:
                        live[a >> 3] = True
                        uses[a >> 3] += rounds
                    elif a & 7 == LIST:
                        if not readers[a >> 3]:
                            for e in self.values[a >> 3]:
                                live[e] = True
                        readers[a >> 3] += 1 if op in OP_OF else rounds
                if op in OP_OF or op in RUNNING:
                    passes[i] = self._rounds(args)
        for elements, count in zip(self.values, readers):
            for e in elements if count else ():
                uses[e] += count
        self.live, self.uses, self.readers = live, uses, readers
        # lists of which an operand is used nowhere else
        self.lonely = [
            count == 1 and any(uses[e] == 1 and code[e][0] not in ADDS for e in elements)
            for elements, count in zip(self.values, readers)
        ]
        return passes

    def _rounds(self, args: Sequence[int]) -> int:
        """How many rounds a pass has."""
        return max([len(self.trace.lists[a >> 3]) for a in args if a & 7 == LIST])

    def _write_passes(self, found: Mapping[int, int]) -> None:
        """Rewrite the passes, of so many rounds, that are not to stay whole."""
        self.passes = Passes(self.code, self.trace.lists, self.values, self.uses, self.readers, found)
        for i, count in found.items():
            op, args, _ = self.code[i]
            if i in self.passes.whole:
                continue
            if op in OP_OF:
                columns = [self.trace.lists[a >> 3] if a & 7 == LIST else [a] * count for a in args]
                self.code[i : i + count] = [(OP_OF[op], given, 0) for given in zip(*columns)]
            elif op == "highest":
                top = args[0]
                for x in self.trace.lists[args[1] >> 3]:
                    top = self._append("maximum", (top, x))
                self.code[i] = self.code[top >> 3]

    def _append(self, op: str, args: tuple[int, ...]) -> int:
        self.code.append((op, args, 0))
        self.uses.append(1)
        return (len(self.code) - 1) * 8 + VALUE

    def _is_computed_here(self, a: int) -> bool:
        return a & 7 == VALUE and self.uses[a >> 3] == 1

    def _is_running(self, a: int) -> bool:
        return self._is_computed_here(a) and self.code[a >> 3][0] in ADDS

    def _write_sums(self) -> None:
        """Rewrite chains of additions in place."""
        for i in range(len(self.trace.code)):
            op, args, _ = self.code[i]
            if op not in ADDS or not self.live[i]:
                continue
            if op == "total":
                self._write_total(i)
            elif op != "add":
                self._write_dot(i)
            else:
                self.code[i] = ("add", self._added(*args), 0)

    def _added(self, a: int, b: int) -> tuple[int, int]:
        """The operands of an addition, the running sum first."""
        if self._is_running(b) and not self._is_running(a):
            a, b = b, a
        elif self._is_computed_here(a) and not self._is_computed_here(b) and not self._is_running(a):
            a, b = b, a  # start from the leaf
        return self._start(a), b

    def _start(self, a: int) -> int:
        """The running sum that begins with an operand."""
        if self._is_running(a):
            self.spine.add(a >> 3)
        elif self._is_computed_here(a):
            a = self._append("add", (self._append("move", (self.trace.constant(-0.0),)), a))
            self.spine.add(a >> 3)
        else:
            a = self._append("move", (a,))
        return a

    def _write_total(self, i: int) -> None:
        op, (total, a), _ = self.code[i]
        if i in self.passes.whole:
            self.code[i] = (op, (self._start(total), a), 0)
            return
        for x in self.trace.lists[a >> 3]:
            added = self._added(total, x)
            total = self._append("add", added)
        self.code[i] = ("add", added, 0)

    def _write_dot(self, i: int) -> None:
        op, (total, *lists), _ = self.code[i]
        total = self._start(total)
        if not any(self.lonely[a >> 3] for a in lists):
            self.code[i] = (op, (total, *lists), 0)
            return
        for w, x, *c in zip(*[self.trace.lists[a >> 3] for a in lists]):
            self.spine.add(total >> 3)
            term = self._append("mul", (w, x))
            term = self._append("where", (c[0], term, self.trace.constant(0.0))) if c else term
            total = self._append("add", (total, term))
        self.code[i] = self.code[total >> 3]

    def placed(self) -> Ordered:
        """The items, each behind what it reads."""
        code, uses = self.code, self.uses
        alone = [False] * len(code)  # read by something that reads nothing else
        for i in range(len(self.trace.code)):
            args = code[i][1]
            if self.live[i] and len(args) == 1 and args[0] & 7 == VALUE:
                alone[args[0] >> 3] = True
        inside = [
            uses[i] == 1 and op not in EFFECTS and (op not in ADDS or i in self.spine or alone[i])
            for i, (op, _, _) in enumerate(code)
        ]
        place, lists = [0] * len(code), dict[int, Sequence[int]]()  # operands, in the program
        result: Ordered = []
        at = 0

        def operands(a: int) -> Sequence[int]:
            if a not in lists:
                found = self.trace.lists[a >> 3]
                if self.values[a >> 3]:
                    found = spaced(tuple([place[e >> 3] if e & 7 == VALUE else e for e in found]))
                lists[a] = found
            return lists[a]

        stack: list[int] = []
        for root in range(len(self.trace.code)):
            if not self.live[root] or inside[root] or code[root] == REST:
                continue
            stack.append(root)
            while stack:
                i = stack.pop()
                if i >= 0:
                    op, args, target = code[i]
                    before = len(stack)
                    for a in reversed(args):
                        if a & 7 == VALUE and inside[a >> 3]:
                            if len(stack) == before:
                                stack.append(~i)
                            stack.append(a >> 3)
                    if len(stack) > before:
                        continue
                else:
                    i = ~i
                    op, args, target = code[i]
                if i in self.passes.whole:
                    behind, made = self.passes.rounds(i, place, operands)
                    result += [*behind, made]
                    first, at = at + made.round - 1, at + len(behind) + made.length
                    if op in OP_OF:  # its numbers are what ends each of the rounds
                        place[i : i + made.rounds] = range(first * 8 + VALUE, at * 8 + VALUE, made.round * 8)
                        continue
                elif len(args) > 1 and op in HOLDING:
                    given = [operands(a) if a & 7 == LIST else place[a >> 3] if a & 7 == VALUE else a for a in args]
                    whole = self._whole(op, given, target)
                    at += whole.length
                    result.append(whole)
                else:
                    at += 1
                    if len(args) == 2:
                        a, b = args
                        args = (place[a >> 3] if a & 7 == VALUE else a, place[b >> 3] if b & 7 == VALUE else b)
                    else:
                        args = tuple([place[a >> 3] if a & 7 == VALUE else a for a in args])
                    result.append((op, args, target))
                place[i] = (at - 1) * 8 + VALUE
        return result

    def _whole(self, op: str, args: Sequence[Any], target: int) -> Whole:
        """The item for an instruction of lists."""
        constant = self.trace.constant
        if op == "fill":
            return Fill(target, args[0], int(self.trace.constants[args[1] >> 3]))
        if op not in EFFECTS:
            _, ws, xs, *gates = args
            return Dot(ws, xs, gates[0] if gates else (), constant(0.0) if gates else 0)
        if args[0].__class__ is int:
            g, xs, *c = args
            return Products(op, target, g, xs, c[0] if c else None, constant(0.0) if c else 0)
        gs, *rows = args
        cs = rows.pop(0) if (len(rows) - len(gs)) % 2 else ()
        rows, before = rows[: len(gs)], rows[len(gs) :]
        return Sums(op, target, gs, cs, rows, constant(-0.0), constant(0.0) if cs else 0, before)
