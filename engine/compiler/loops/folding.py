"""Constants, once the loops are known.

The numbers that a function brought along stand apart in its trace: folded by value before the loops are found, data
with a 1.0 or a 0.0 in it, or with equal entries, would be a program that differs from round to round, and would not roll.
So the trace is rolled with each of them standing for nothing but its place. Then it is known which are the same in every
round of all loops around them: these are folded by value (x*1.0 is x, equal terms are shared), and what remains is read
from tables.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from struct import pack, unpack
from typing import TYPE_CHECKING

from ..front.order import HOLDING, WHOLE, Dot, Fill, Ordered, Products, Sums, Whole, positions
from ..front.passes import OP_OF, REST, Pass, each, highest, total
from ..front.reductions import LIST_OPS, scaled
from ..front.trace import COMMUTATIVE, CONSTANT, EFFECTS, LIST, VALUE, Instruction, Trace
from .program import For, Node, Polynomial, Statement
from .shapes import Positions
from .spans import Rounds, rounds_inside

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Occurrences:
    """The constants of a rolled program, operand by operand.

    Args:
        body: the program.
        code: what it was rolled from.
        constants: the numbers of the trace.

    Attributes:
        length: how many instructions those are, flat.
    """

    def __init__(self, body: Sequence[Node], code: Ordered, constants: Sequence[float]) -> None:
        import numpy as np

        self._body, self._code, self._constants = body, code, constants
        self._numbers, self._starts = np.array(constants, float), positions(code)
        self._edges, self.length = np.array(self._starts, int), self._starts[-1]
        self._found: dict[tuple[Statement, int], Positions] = {}
        self._table: list[float] = []
        self._bases: dict[bytes, int] = {}
        self._rounds: dict[For, Rounds] = {}
        self._sole = _sole(code, constants)

    def varying(self) -> set[int]:
        """Which constants of the trace are not the same in every round of the loops around them."""
        found = set[int]()
        for statement, k, around in self._operands():
            if around and self._sole[statement.op, k] is None:
                indices = self._indices(statement, k, around)
                if not _same(self._numbers[indices]):
                    found.update(indices.tolist())
        return found

    def tabulated(self) -> list[float]:
        """A table of the numbers, and written into the program where in it each operand is found."""
        import numpy as np

        for statement, k, around in list(self._operands()):
            sole = self._sole[statement.op, k]
            if sole is not None:
                statement.args[k] = CONSTANT, Polynomial.constant(self._base(sole))
                continue
            if not around:
                place = statement.out.number() or 0
                i = bisect_right(self._starts, place) - 1
                offset = place - self._starts[i]
                first, step, rounds = _place(self._code[i], offset, k)
                number = self._constants[first + offset // rounds * step]
                statement.args[k] = CONSTANT, Polynomial.constant(self._base(pack("d", number)))
                continue
            numbers = self._numbers[self._indices(statement, k, around)]
            counts = [loop.count.number() for loop in around]
            if _same(numbers):
                index = Polynomial.constant(self._base(numbers[:1].tobytes()))
            elif None in counts:  # rounds of several lengths: by the place in the trace
                places = self._positions(statement, around)
                first = int(places.min())
                spread = np.zeros(int(places.max()) - first + 1)
                spread[places - first] = numbers
                index = statement.out + Polynomial.constant(self._base(spread.tobytes()) - first)
            else:
                index = self._along(numbers.reshape([n for n in counts if n is not None]), around)
            statement.args[k] = CONSTANT, index
        return self._table

    def _along(self, numbers: NDArray[np.float64], around: Sequence[For]) -> Polynomial:
        """The index of numbers that a nest of loops reads; what a loop does not change is written down once."""
        bits, kept = numbers.view("i8"), list[For]()
        for axis, loop in reversed(list(enumerate(around))):
            first = bits.take([0], axis)
            if (bits == first).all():
                bits = first
            else:
                kept.insert(0, loop)
        shape = [n for n in bits.shape if n > 1]
        index = Polynomial.constant(self._base(bits.tobytes()))
        for i, loop in enumerate(kept):
            index = index + Polynomial({((loop.variable, 1),): prod(shape[i + 1 :])})
        return index

    def _base(self, numbers: bytes) -> int:
        """Where in the table numbers stand; the same ones stand there once."""
        found = self._bases.get(numbers)
        if found is None:
            found = self._bases[numbers] = len(self._table)
            self._table.extend(unpack(f"{len(numbers) // 8}d", numbers))
        return found

    def _indices(self, statement: Statement, k: int, around: Sequence[For]) -> Positions:
        """Which constant of the trace an operand is, round by round."""
        import numpy as np

        if (statement, k) in self._found:
            return self._found[statement, k]
        places = self._positions(statement, around)
        items, at, which = np.unique(
            np.searchsorted(self._edges, places, "right") - 1, return_index=True, return_inverse=True
        )
        offsets = places - self._edges[items][which]
        of_items = [_place(self._code[i], o, k) for i, o in zip(items.tolist(), offsets[at].tolist())]
        first, step, rounds = np.array(of_items, int)[which].T
        found: Positions = first + offsets // rounds * step
        return self._found.setdefault((statement, k), found)

    def _positions(self, statement: Statement, around: Sequence[For]) -> Positions:
        import numpy as np

        rounds: Rounds = {}
        for loop in around:
            if loop not in self._rounds:
                self._rounds[loop] = rounds_inside(loop, rounds)
            rounds = self._rounds[loop]
        return np.atleast_1d(np.asarray(statement.out.evaluated(rounds), int))

    def _operands(self) -> Iterator[tuple[Statement, int, list[For]]]:
        """(instruction, which of its operands is a constant, the loops around it)."""
        stack: list[tuple[Sequence[Node], list[For]]] = [(self._body, [])]
        while stack:
            body, around = stack.pop()
            for n in body:
                if isinstance(n, For):
                    stack.append((n.body, [*around, n]))
                else:
                    yield from ((n, k, around) for k, (space, _) in enumerate(n.args) if space == CONSTANT)


def _sole(code: Ordered, constants: Sequence[float]) -> dict[tuple[str, int], bytes | None]:
    """The bits of the number that is the k-th operand of all instructions of an op, where that is a constant; None: of several."""
    found = dict[tuple[str, int], bytes | None]()

    single = dict[tuple[str, int], set[int]]()

    def note(op: str, k: int, operands: Iterable[int]) -> None:
        for a in operands:
            if a & 7 == CONSTANT and found.get((op, k), b"") is not None:
                number = pack("d", constants[a >> 3])
                if found.setdefault((op, k), number) != number:
                    found[op, k] = None

    for item in code:
        if not isinstance(item, WHOLE):
            op, args, _ = item
            for k, a in enumerate(args):
                if a & 7 == CONSTANT:
                    single.setdefault((op, k), set()).add(a)
            continue
        if isinstance(item, Fill):
            note("output", 0, (item.number,))
            continue
        if isinstance(item, Pass):
            for name, operands_of in item.body:
                for k, given in enumerate(operands_of):
                    note(name, k, (given,) if isinstance(given, int) else ())
            continue
        note("where", 2, (item.zero,))
        if isinstance(item, Dot):
            for k, operands in enumerate((item.ws, item.xs)):
                note("mul", k, operands if operands[0] & 7 == CONSTANT else ())
            note("where", 0, item.cs if item.cs and item.cs[0] & 7 == CONSTANT else ())
        if isinstance(item, Sums) and not item.before:
            note("move", 0, (item.start,))
    for (op, k), those in single.items():
        note(op, k, those)
    return found


def _place(item: Instruction | Whole, offset: int, k: int) -> tuple[int, int, int]:
    """The constant that is the k-th operand of an instruction, or of one of a dot in its first round; by how much it
    advances from round to round, and of how many instructions these are."""
    if isinstance(item, Sums):  # none but what a sum starts from, and the one behind a condition
        return (item.zero if offset % item.round else item.start) >> 3, 0, 1
    if isinstance(item, Products):
        return item.zero >> 3, 0, 1
    if isinstance(item, Fill):
        return item.number >> 3, 0, 1
    if isinstance(item, Pass):
        given = item.body[offset % item.round][1][k]
        return (given >> 3 if isinstance(given, int) else 0), 0, 1  # no list holds a constant
    if not isinstance(item, Dot):
        return item[1][k] >> 3, 0, 1
    if offset % item.round == 1 and k == 2:
        return item.zero >> 3, 0, item.round
    operands = item.cs if offset % item.round else (item.ws, item.xs)[k]
    return operands[0] >> 3, (operands[1] - operands[0]) >> 3, item.round


def _same(numbers: NDArray[np.float64]) -> bool:
    """Are all equal, bit by bit?"""
    bits = numbers.view("i8")
    return bool((bits == bits[0]).all())


def folded(trace: Trace, varying: set[int]) -> Trace | None:
    """The trace with its constants folded by value, but for some; None where that changes nothing."""
    if trace.apart <= varying or not _changes(trace, varying):
        return None
    new = Trace()
    new.rows = trace.rows
    places: list[int] = []
    lists: dict[int, Sequence[int]] = {}

    def listed(a: int) -> Sequence[int]:
        if a not in lists:
            old = trace.lists[a >> 3]
            fixed = isinstance(old, range) and old[0] & 7 not in (VALUE, CONSTANT)
            lists[a] = old if fixed else tuple([placed(e) for e in old])
        return lists[a]

    def placed(a: int) -> int:
        if a & 7 == VALUE:
            return places[a >> 3]
        if a & 7 != CONSTANT:
            return a
        number = trace.constants[a >> 3]
        return new.constant_apart(number) if a >> 3 in varying else new.constant(number)

    for op, args, target in trace.code:
        if (op, args) == REST[:2]:
            continue  # a number of a pass, which were all put down at once
        if op in OP_OF:
            places += each(new, OP_OF[op], *[listed(a) if a & 7 == LIST else placed(a) for a in args])
        elif op in ("total", "highest"):
            operands = listed(args[1])
            places.append(total(new, operands, placed(args[0])) if op == "total" else highest(new, operands))
        elif op in ("dot", "gated"):
            start, ws, xs, *cs = args
            places.append(LIST_OPS[op](new, *[listed(a) for a in (*cs, ws, xs)], placed(start)))
        elif op in EFFECTS:
            places.append(len(new.code) * 8 + VALUE)
            if op not in HOLDING or op == "fill":
                new.code.append((op, tuple([placed(a) for a in args]), target))
            elif args[0] & 7 == LIST:
                new.sums(op, target, [listed(a) for a in args])
            elif len(args) > 1:
                g, xs, *cs = args
                scaled(new, op, target, placed(g), listed(xs), [placed(c) for c in cs])
            else:
                new.effect(op, placed(args[0]), target)
        else:
            places.append(new.emit(trace.rows[op], tuple([placed(a) for a in args])))
    new.bare = {placed(a) for a in trace.bare}
    return None if _alike(trace.code, new.code) else new


def _changes(trace: Trace, varying: set[int]) -> bool:
    """May a trace change where constants are folded by value, but for some? Only where a number stands that an identity
    knows, or chooses, or where two instructions become equal; and nobody looks into lists."""
    free = trace.apart - varying
    special = {i for i in free if trace.constants[i] in (0.0, 1.0, -1.0, 2.0)}
    of_constants = any(operands[0] & 7 == CONSTANT for operands in trace.lists)
    seen = set[object]()  # instructions of such numbers
    for op, args, _ in trace.code:
        if not args or (len(args) < 3 and args[0] & 7 != CONSTANT != args[-1] & 7 and not of_constants):
            continue
        constants = [a >> 3 for a in args if a & 7 == CONSTANT]
        looked_into = of_constants and (not constants or (op in LIST_OPS and not free.isdisjoint(constants)))
        if looked_into and any(a & 7 == LIST and trace.lists[a >> 3][0] & 7 == CONSTANT for a in args):
            return True
        if not constants:
            continue
        if op in ("where", "edge") and args[0] & 7 == CONSTANT:
            return True
        if free.isdisjoint(constants):
            continue
        known = op not in LIST_OPS and not special.isdisjoint(constants)  # no identity is of a dot's start
        if known or len(constants) == len(args):
            return True
        if op not in EFFECTS:
            operands = tuple([trace.shared(a) if a & 7 == CONSTANT and a >> 3 in free else a for a in args])
            key = op, frozenset(operands) if op in COMMUTATIVE else operands
            if key in seen or trace.seen(op, operands) is not None:
                return True
            seen.add(key)
    return False


def _alike(code: Sequence[Instruction], other: Sequence[Instruction]) -> bool:
    """Are two codes the same but for which constants stand in them?"""
    return len(code) == len(other) and all(
        op == op_too and all(a == b or a & b & 7 == b & 7 == CONSTANT for a, b in zip(args, args_too))
        for (op, args, _), (op_too, args_too, _) in zip(code, other)
    )
