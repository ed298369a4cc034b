"""A trace as words: what a list op computes is one instruction, and so is a sum.

`front.order` writes sums out, since native code runs them round by round. Here `dot`, `total`, `logsumexp` and their like
stay what they are, a chain of additions becomes such a word too, and the words are rolled as the instructions are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from struct import pack
from typing import NamedTuple

from ...rule import TABLE
from ..front.reductions import LIST_OPS
from ..front.trace import CONSTANT, EFFECTS, LIST, VALUE, Trace
from ..loops.program import Node, program
from ..loops.recognition import WINDOW, Recogniser
from ..loops.shapes import Shapes

STEP = -1  # in place of a space: how the list before it advances
LEAST = 3  # terms from which on a chain of additions is a sum
MOST = 4  # stretches of its terms that are written one by one
CHAINS = {"add": "total", "where": "any"}  # what a chain of an op is called; `where(x, 1, y)` is x or y


class Words(NamedTuple):
    """A program of words.

    Attributes:
        body: its loops. Of the operands of a statement, `space & 7` is where it is and `space >> 3` how long the list is, with
            a `STEP` behind it; 0: it is no list. Bytes are a number that is the same in all rounds.
        numbers: those that are not, by position and operand, of a list all of them.
        first: the position of the first output; the others follow it.
        targets: what each of them is written to; sums come before what is written out.
        places: by position, which instruction of the trace it came from.
    """

    body: list[Node]
    numbers: dict[tuple[int, int], tuple[float, ...]]
    first: int
    targets: list[int]
    places: list[int]


def _word(name: str) -> Callable[..., int]:
    def put(t: Trace, *given: int | Sequence[int]) -> int:
        flat = [e for a in given for e in ([a] if isinstance(a, int) else a)]
        lists = [a for a in given if not isinstance(a, int)]
        if not all(lists) or all(e & 7 == CONSTANT for e in flat):
            return LIST_OPS[name](t, *given)
        args = []
        for a in given:
            if isinstance(a, int):
                args.append(a)
            else:
                args.append(len(t.lists) * 8 + LIST)
                t.lists.append(tuple(a))
        if name in TABLE:
            t.rows[name] = TABLE[name]
        t.code.append((name, tuple(args), 0))
        return (len(t.code) - 1) * 8 + VALUE

    return put


# For each row of lists, what is put on a trace of words.
WORDS: dict[str, Callable[..., int]] = {name: _word(name) for name in LIST_OPS}


def words(trace: Trace) -> Words:
    """The words of a trace, rolled."""
    return _Writing(trace).written()


class _Writing:
    """Words on their way into order: as in `front.order`, but that sums are whole."""

    def __init__(self, trace: Trace) -> None:
        self.trace, self.code = trace, trace.code
        count = len(self.code)
        self.live, self.uses = [False] * count, [0] * count
        self.listed = [False] * count  # read from a list
        self.terms: dict[int, list[int]] = {}  # of each sum that is more than an addition
        self.hidden = set[int]()  # additions inside of sums, and products whose factors are read instead
        self._count_uses()
        self._find_sums()
        self.shapes = Shapes()
        self.ids, self.numbers, self.starts, self.places = list[int](), list[int](), [0], list[int]()
        self.varying: dict[tuple[int, int], tuple[float, ...]] = {}
        self.place: dict[int, int] = {}  # operands, in the program

    def _count_uses(self) -> None:
        for i in range(len(self.code) - 1, -1, -1):
            op, args, _ = self.code[i]
            self.live[i] = self.live[i] or op in EFFECTS
            if not self.live[i]:
                continue
            for a in args:
                for e in self.trace.lists[a >> 3] if a & 7 == LIST else (a,):
                    if e & 7 == VALUE:
                        self.live[e >> 3] = True
                        self.uses[e >> 3] += 1
                        self.listed[e >> 3] |= a & 7 == LIST

    def _is(self, operand: int, op: str) -> bool:
        """Is it this op, for this one reader?"""
        i = operand >> 3
        return operand & 7 == VALUE and self.uses[i] == 1 and not self.listed[i] and self.code[i][0] == op

    def _links(self, i: int, op: str) -> tuple[int, ...]:
        """What a link of a chain holds together; empty: it is none."""
        args = self.code[i][1]
        if op == "where":
            return args[::2] if self.trace.number(args[1]) == 1.0 else ()
        return args

    def _find_sums(self) -> None:
        for i in range(len(self.code) - 1, -1, -1):
            op = self.code[i][0]
            if not self.live[i] or i in self.hidden or op not in CHAINS or not self._links(i, op):
                continue
            terms, stack, inner = list[int](), [i * 8 + VALUE], list[int]()
            while stack:
                operand = stack.pop()
                links = self._links(operand >> 3, op) if operand >> 3 == i or self._is(operand, op) else ()
                if links and operand & 7 == VALUE:
                    inner.append(operand >> 3)
                    stack.extend(reversed(links))
                else:
                    terms.append(operand)
            if len(terms) >= LEAST:
                self.terms[i] = terms
                self.hidden.update(inner[1:])

    def _below(self, i: int) -> Iterator[int]:
        """The instructions that are read by one alone and come just before it."""
        args = self.terms.get(i, self.code[i][1])
        for a in args:
            if a & 7 == VALUE and self._is_inside(a >> 3):
                if i in self.terms and self._is_product(i, a):
                    yield from (e >> 3 for e in self.code[a >> 3][1] if e & 7 == VALUE and self._is_inside(e >> 3))
                else:
                    yield a >> 3

    def _is_product(self, i: int, term: int) -> bool:
        """Is a term of a sum a product, whose factors are read instead?"""
        return self.code[i][0] == "add" and self._is(term, "mul")

    def _is_inside(self, i: int) -> bool:
        op = self.code[i][0]
        return (
            self.uses[i] == 1 and not self.listed[i] and op not in WORDS and op not in EFFECTS and i not in self.terms
        )

    def written(self) -> Words:
        """All of them."""
        import numpy as np

        effects = []
        products = {t >> 3 for i, terms in self.terms.items() for t in terms if self._is_product(i, t)}
        skipped = self.hidden | products
        for root in range(len(self.code)):
            if not self.live[root] or root in skipped:
                continue
            if self.code[root][0] in EFFECTS:
                effects.append(root)
            if self._is_inside(root):
                continue
            self._place_from(root)
        writes = [write for i in effects for write in self._writes(i)]
        first = len(self.places)
        writes.sort(key=lambda write: (self.code[write[1]][0] == "output", write[0]))
        for _, i, operand in writes:
            self._put(i, "output", [operand])
        items = Recogniser(
            self.shapes, np.array(self.ids, int), np.array(self.numbers, int), np.array(self.starts, int), {}, WINDOW
        ).run()
        return Words(program(items, self.shapes), self.varying, first, [t for t, _, _ in writes], self.places)

    def _writes(self, i: int) -> list[tuple[int, int, int]]:
        """(target, instruction, operand) of what an effect writes; products side by side are made here."""
        _, (a, *products), target = self.code[i]
        if not products:
            return [(target, i, self._now(a))]
        found = []
        xs, *c = products
        for k, x in enumerate(self.trace.lists[xs >> 3]):
            made = self._put(i, "mul", [self._now(a), self._now(x)]) * 8 + VALUE
            if c:
                made = self._put(i, "where", [self._now(c[0]), made, self.trace.constant(0.0)]) * 8 + VALUE
            found.append((target + k, i, made))
        return found

    def _place_from(self, root: int) -> None:
        stack = [root]
        while stack:
            i = stack.pop()
            if i >= 0:
                stack.append(~i)
                stack.extend(reversed(list(self._below(i))))
            elif self.code[~i][0] not in EFFECTS:
                self.place[~i] = self._written(~i) * 8 + VALUE

    def _now(self, operand: int) -> int:
        return self.place[operand >> 3] if operand & 7 == VALUE else operand

    def _written(self, i: int) -> int:
        op, args, _ = self.code[i]
        if i in self.terms and op == "where":
            return self._put(i, "any", [[self._now(a) for a in self.terms[i]]])
        if i in self.terms:
            return self._sum(i, self.terms[i])
        lists = self.trace.lists
        return self._put(
            i, op, [[self._now(e) for e in lists[a >> 3]] if a & 7 == LIST else self._now(a) for a in args]
        )

    def _put(self, i: int, op: str, given: Sequence[int | Sequence[int]]) -> int:
        """Write one item; a list that does not advance evenly is first moved together."""
        given = [a if isinstance(a, int) or _even(a) else self._together(i, a) for a in given]
        at = len(self.places)
        key: list[object] = [op]
        vector = [at, 0]
        for k, a in enumerate(given):
            first, count = (a, 0) if isinstance(a, int) else (a[0], len(a))
            numbers = [self.trace.constants[e >> 3] for e in ([a] if isinstance(a, int) else a) if e & 7 == CONSTANT]
            if count == 0 and numbers and first >> 3 not in self.trace.apart:
                key.append(pack("d", numbers[0]))
                vector.append(0)
                continue
            if numbers:
                self.varying[at, k] = tuple(numbers)
            key.append(count * 8 + (first & 7))
            vector.append(0 if numbers else first >> 3)
            if not isinstance(a, int):
                key.append(STEP)
                vector.append(0 if numbers or count == 1 else (a[1] >> 3) - (first >> 3))
        self.ids.append(self.shapes.id(tuple(key)))
        self.numbers.extend(vector)
        self.starts.append(len(self.numbers))
        self.places.append(i)
        return at

    def _together(self, i: int, operands: Sequence[int]) -> list[int]:
        return [self._put(i, "move", [a]) * 8 + VALUE for a in operands]

    def _sum(self, i: int, terms: Sequence[int]) -> int:
        """A chain of additions: stretches of terms, or of products, that advance evenly are one word each."""
        factors = [self._factors(t) for t in terms if self.trace.number(t) != 0.0]  # Python's sum starts with one
        stretches, at = list[list[tuple[int, ...]]](), 0
        while at < len(factors):
            stretch = _longest(factors, at)
            stretches.append(stretch if len(stretch) >= LEAST else factors[at : at + 1])
            at += len(stretches[-1])
        if _are_rounds(stretches):
            values = [self._put(i, ("move", "mul")[len(term) - 1], term) * 8 + VALUE for term in factors]
            return self._put(i, "total", [values])
        total: int | None = None
        for stretch in stretches:
            columns = [list(column) for column in zip(*stretch)]
            if len(stretch) == 1:
                alone = stretch[0]
                made = alone[0] if len(alone) == 1 else self._put(i, "mul", alone) * 8 + VALUE
                total = made if total is None else self._put(i, "add", [total, made]) * 8 + VALUE
            elif len(columns) == 2:
                start = self.trace.constant(0.0) if total is None else total
                total = self._put(i, "dot", [*columns, start]) * 8 + VALUE
            else:
                made = self._put(i, "total", columns) * 8 + VALUE
                total = made if total is None else self._put(i, "add", [total, made]) * 8 + VALUE
        return (total or 0) >> 3

    def _factors(self, term: int) -> tuple[int, ...]:
        args = self.code[term >> 3][1] if self._is(term, "mul") else (term,)
        return tuple([self._now(a) for a in args])


def _even(operands: Sequence[int]) -> bool:
    """Are they constants, or of one space and advance by a constant step?"""
    spaces = {a & 7 for a in operands}
    steps = {b - a for a, b in pairwise(operands)}
    return spaces == {CONSTANT} or (len(spaces) == 1 and len(steps) <= 1)


def _longest(factors: Sequence[tuple[int, ...]], at: int) -> list[tuple[int, ...]]:
    """The stretch of terms, or of products whatever the order of their factors, that advances evenly from a place on."""
    best = [factors[at]]
    first, second = factors[at], factors[at + 1] if at + 1 < len(factors) else ()
    if len(first) != len(second):
        return best
    for turned in {second, second[::-1]}:
        if any(_space(a, b) is None for a, b in zip(first, turned)):
            continue
        found, step = [first, turned], [b - a for a, b in zip(first, turned)]
        for pair in factors[at + 2 :]:
            due = tuple([a + s for a, s in zip(found[-1], step)])
            fits = [p for p in (pair, pair[::-1]) if len(p) == len(due) and _follows(p, due)]
            if not fits:
                break
            found.append(fits[0])
        best = max(best, found, key=len)
    return best


def _are_rounds(stretches: Sequence[list[tuple[int, ...]]]) -> bool:
    """Are they the rounds of a loop: many, or some as long as each other that advance evenly?"""
    if len(stretches) < LEAST or len(stretches) > MOST:
        return len(stretches) > MOST
    starts = [stretch[0] for stretch in stretches]
    return len({len(s) for s in stretches}) == 1 < len(stretches[0]) and len(_longest(starts, 0)) == len(starts)


def _space(a: int, b: int) -> int | None:
    """The space of both; None where they differ."""
    return a & 7 if a & 7 == b & 7 else None


def _follows(pair: Sequence[int], due: Sequence[int]) -> bool:
    return all(a == d or a & d & 7 == d & 7 == a & 7 == CONSTANT for a, d in zip(pair, due))
