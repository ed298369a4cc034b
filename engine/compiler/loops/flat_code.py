"""The instructions of a program one by one, as arrays: what a rolled program is compared with that nobody rolled."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ..front.order import WHOLE, Dot, Fill, Ordered, Products, Sums, Whole, positions
from ..front.passes import Beside, Pass
from ..front.trace import CONSTANT, VALUE
from .program import Polynomial, Statement
from .spans import Nest, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNUSED = -1  # in place of an operand that an op does not have
SHORT = 2**20  # instructions up to which all are compared at once
LARGE = 2**28  # instructions from which on operands may not be 32 bits, as they are where there are millions


class FlatCode:
    """A program, written out.

    Args:
        code: it.
        constants: the numbers of its trace.

    Attributes:
        ops: which op each instruction is, a number by its name: `numbers` says them.
        constants: the numbers.
    """

    def __init__(self, code: Ordered, constants: Sequence[float]) -> None:
        import numpy as np

        self._code, self._starts = code, positions(code)
        self.numbers: dict[str, int] = {}
        self.constants = np.array(constants, float)
        self.ops = np.zeros(self._starts[-1], np.int16)
        single = [(at, *item) for at, item in zip(self._starts, code) if item.__class__ is tuple]
        self.ops[np.array([at for at, *_ in single], int)] = [self.number(op) for _, op, *_ in single]
        for at, item in zip(self._starts, code):
            if isinstance(item, WHOLE):
                ops = [self.number(op) for op in _round_of(item)]
                self.ops[at : at + item.length].reshape(-1, len(ops))[:] = ops
        self._part: Part | None = None

    def part(self, begin: int, end: int) -> Part:
        """The instructions from one to another, and maybe some around them; of a short program all."""
        found, starts = self._part, self._starts
        if starts[-1] <= SHORT:
            begin, end = 0, starts[-1]
        if found is None or not found.first <= begin <= end <= found.end:
            i, k = max(bisect_right(starts, begin) - 1, 0), bisect_left(starts, end)
            found = self._part = None  # before there is another one
            found = self._part = Part(self, self._code[i:k], starts[i : k + 1])
        return found

    def number(self, op: str) -> int:
        """That of an op."""
        return self.numbers.setdefault(op, len(self.numbers))


class Part:
    """Instructions of a program, one after the other.

    Args:
        whole: the program.
        code, starts: the items that they are, and where each begins; and where the last one ends.

    Attributes:
        first, end: where they begin and end.
        args: the operands of each, one row an operand, as in a trace.
        targets: where each writes.
    """

    def __init__(self, whole: FlatCode, code: Ordered, starts: Sequence[int]) -> None:
        import numpy as np

        self.first, self.end = starts[0], starts[-1]
        self._ops, self._numbers, self._constants = whole.ops[self.first : self.end], whole.numbers, whole.constants
        single = [(at, *item) for at, item in zip(starts, code) if item.__class__ is tuple]
        columns = [*zip_longest(*[args for _, _, args, _ in single], fillvalue=UNUSED)]
        width, length = max(3, len(columns)), self.end - self.first
        kind = np.int32 if len(whole.ops) < LARGE else np.int64
        self.targets = np.zeros(length, kind)
        self.args = np.full((width, length), UNUSED, kind)
        at = np.array([at for at, _, _, _ in single], int) - self.first
        self.targets[at] = [target for _, _, _, target in single]
        for k, column in enumerate(columns):
            self.args[k, at] = column
        dots: dict[tuple[int, int], list[tuple[int, Dot]]] = {}
        for place, item in zip(starts, code):
            if isinstance(item, Dot):
                dots.setdefault((len(item.ws), len(item.cs)), []).append((place, item))
            elif isinstance(item, Products):
                self._products(place, item)
            elif isinstance(item, Sums):
                self._sums(place, item)
            elif isinstance(item, Pass):
                self._pass(place, item)
            elif isinstance(item, Fill):
                at = place + np.arange(item.length)
                self._put(at, item.number)
                self.targets[at - self.first] = range(item.target, item.target + item.length)
        for alike in dots.values():
            places, found = np.array([place for place, _ in alike]), [dot for _, dot in alike]
            ws, xs, cs = (np.array([_array(getattr(dot, name)) for dot in found]) for name in ("ws", "xs", "cs"))
            self._dots(places, ws, xs, cs, found[0].zero)

    def has(self, statement: Statement, nest: Nest, table: NDArray[np.float64]) -> bool:
        """Is an instruction of a rolled program there, with its operands, in all rounds of the loops around it?"""
        span = Span(statement.out + Polynomial.constant(-self.first), nest, whole=True)
        rounds, count = span.rounds, len(statement.args)
        same = _are_equal(span.of(self._ops), self._numbers.get(statement.op, UNUSED))
        same = same and _are_equal(span.of(self.targets), statement.target.evaluated(rounds))
        for (space, index), found in zip(statement.args, self.args):
            place, there = index.evaluated(rounds), span.of(found)
            if space == CONSTANT and same:
                same = _are_equal(there & 7, CONSTANT)
                same = same and _are_equal(table[place].view("i8"), self._constants[there >> 3].view("i8"))
            elif same:
                same = _are_equal(there, place * 8 + space)
        return same and all(_are_equal(span.of(found), UNUSED) for found in self.args[count:])

    def _put(self, at: Any, *args: Any) -> None:
        """Write the operands of instructions."""
        for k, operands in enumerate(args):
            self.args[k, at - self.first] = operands

    def _pass(self, place: int, item: Pass) -> None:
        import numpy as np

        begins = place + item.round * np.arange(item.rounds)
        for k, (_, args) in enumerate(item.body):
            given = [
                (begins + a.offset) * 8 + VALUE if isinstance(a, Beside) else a if isinstance(a, int) else [*a]
                for a in args
            ]
            self._put(begins + k, *given)

    def _products(self, place: int, item: Products) -> None:
        import numpy as np

        at = place + item.round * np.arange(len(item.xs))
        self._put(at, item.g, _array(item.xs))
        if item.c is not None:
            self._put(at + 1, item.c, at * 8 + VALUE, item.zero)
        self._write(at + item.round - 1, item.target)

    def _sums(self, place: int, item: Sums) -> None:
        import numpy as np

        at = place + item.round * np.arange(len(item.rows[0]))
        self._put(at, _array(item.before[0]) if item.before else item.start)
        if item.before:
            self._put(at + 1, at * 8 + VALUE, _array(item.before[1]))
        xs = np.array([_array(row) for row in item.rows]).T
        gs, cs = (np.broadcast_to(_array(a), (len(at), len(a))) for a in (item.gs, item.cs))
        self._dots(at + (2 if item.before else 1), gs, xs, cs, item.zero)
        self._write(at + item.round - 1, item.target)

    def _write(self, at: NDArray[np.int64], target: int) -> None:
        self._put(at, (at - 1) * 8 + VALUE)
        self.targets[at - self.first] = range(target, target + len(at))

    def _dots(self, places: NDArray[np.int64], ws: NDArray[np.int64], xs: NDArray[np.int64], cs: NDArray[np.int64],
              zero: int) -> None:  # fmt: skip
        """Write dots of one length at places."""
        import numpy as np

        length = 3 if cs.size else 2
        at = places[:, None] + length * np.arange(ws.shape[1])
        self._put(at, ws, xs)
        if cs.size:
            self._put(at + 1, cs, at * 8 + VALUE, zero)
        end = at + length - 1
        self._put(end, (at - 1) * 8 + VALUE, (end - 1) * 8 + VALUE)


def _round_of(item: Whole) -> list[str]:
    """The ops of a round of an item."""
    if isinstance(item, Pass):
        return [op for op, _ in item.body]
    if isinstance(item, Fill):
        return ["output"]
    if isinstance(item, Products):
        return ["mul", *(["where"] if item.c is not None else []), item.effect]
    product = ["mul", "where", "add"] if item.cs else ["mul", "add"]
    if isinstance(item, Dot):
        return product
    return ["move", *(["add"] if item.before else []), *product * len(item.gs), item.effect]


def _are_equal(a: Any, b: Any) -> bool:
    """Are all of these numbers the same? Counting those that are not is quicker than `all`, which passes through Python."""
    import numpy as np

    return not np.count_nonzero(a != b)


def _array(operands: Sequence[int]) -> NDArray[np.int64]:
    """A list of operands."""
    import numpy as np

    if isinstance(operands, range):
        return np.arange(operands.start, operands.stop, operands.step)
    return np.array(operands, int)
