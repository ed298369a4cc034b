"""The instructions of a program one by one, as arrays: what a rolled program is compared with that nobody rolled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ..front.order import Dot, Fill, Ordered, Products, Sums, positions
from ..front.passes import Beside, Pass
from ..front.trace import CONSTANT, VALUE
from .program import Statement
from .spans import Nest, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNUSED = -1  # in place of an operand that an op does not have
LARGE = 2**28  # instructions from which on operands may not be 32 bits, as they are where there are millions


class FlatCode:
    """A program, written out.

    Args:
        code: it.
        constants: the numbers of its trace.

    Attributes:
        ops: which op each instruction is, a number by its name: `numbers` says them.
        args: the operands of each, one row an operand, as in a trace.
        targets: where each writes.
        constants: the numbers.
    """

    def __init__(self, code: Ordered, constants: Sequence[float]) -> None:
        import numpy as np

        *starts, length = positions(code)
        self.numbers: dict[str, int] = {}
        self.constants = np.array(constants, float)
        single = [(at, *item) for at, item in zip(starts, code) if item.__class__ is tuple]
        columns = [*zip_longest(*[args for _, _, args, _ in single], fillvalue=UNUSED)]
        width = max(3, len(columns))
        kind = np.int32 if length < LARGE else np.int64
        self.ops, self.targets = np.zeros(length, np.int16), np.zeros(length, kind)
        self.args = np.full((width, length), UNUSED, kind)
        at = np.array([at for at, _, _, _ in single], int)
        self.ops[at] = [self._number(op) for _, op, _, _ in single]
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
                self._put("output", at, item.number)
                self.targets[at] = range(item.target, item.target + item.length)
        for alike in dots.values():
            places, found = np.array([place for place, _ in alike]), [dot for _, dot in alike]
            ws, xs, cs = (np.array([_array(getattr(dot, name)) for dot in found]) for name in ("ws", "xs", "cs"))
            self._dots(places, ws, xs, cs, found[0].zero)

    def has(self, statement: Statement, nest: Nest, table: NDArray[np.float64]) -> bool:
        """Is an instruction of a rolled program there, with its operands, in all rounds of the loops around it?"""
        span, count = Span(statement.out, nest, whole=True), len(statement.args)
        rounds = span.rounds
        same = (span.of(self.ops) == self.numbers.get(statement.op, UNUSED)).all()
        same = same and (span.of(self.targets) == statement.target.evaluated(rounds)).all()
        for (space, index), found in zip(statement.args, self.args):
            place, there = index.evaluated(rounds), span.of(found)
            if space == CONSTANT and same:
                same = (there & 7 == CONSTANT).all()
                same = same and (table[place].view("i8") == self.constants[there >> 3].view("i8")).all()
            elif same:
                same = (there == place * 8 + space).all()
        return bool(same and all((span.of(found) == UNUSED).all() for found in self.args[count:]))

    def _number(self, op: str) -> int:
        return self.numbers.setdefault(op, len(self.numbers))

    def _put(self, op: str, at: Any, *args: Any) -> None:
        """Write instructions at places, of one op."""
        self.ops[at] = self._number(op)
        for k, operands in enumerate(args):
            self.args[k, at] = operands

    def _pass(self, place: int, item: Pass) -> None:
        import numpy as np

        begins = place + item.round * np.arange(item.rounds)
        for k, (op, args) in enumerate(item.body):
            given = [
                (begins + a.offset) * 8 + VALUE if isinstance(a, Beside) else a if isinstance(a, int) else [*a]
                for a in args
            ]
            self._put(op, begins + k, *given)

    def _products(self, place: int, item: Products) -> None:
        import numpy as np

        at = place + item.round * np.arange(len(item.xs))
        self._put("mul", at, item.g, _array(item.xs))
        if item.c is not None:
            self._put("where", at + 1, item.c, at * 8 + VALUE, item.zero)
        self._write(item.effect, at + item.round - 1, item.target)

    def _sums(self, place: int, item: Sums) -> None:
        import numpy as np

        at = place + item.round * np.arange(len(item.rows[0]))
        self._put("move", at, item.start)
        xs = np.array([_array(row) for row in item.rows]).T
        gs, cs = (np.broadcast_to(_array(a), (len(at), len(a))) for a in (item.gs, item.cs))
        self._dots(at + 1, gs, xs, cs, item.zero)
        self._write(item.effect, at + item.round - 1, item.target)

    def _write(self, effect: str, at: NDArray[np.int64], target: int) -> None:
        self._put(effect, at, (at - 1) * 8 + VALUE)
        self.targets[at] = range(target, target + len(at))

    def _dots(self, places: NDArray[np.int64], ws: NDArray[np.int64], xs: NDArray[np.int64], cs: NDArray[np.int64],
              zero: int) -> None:  # fmt: skip
        """Write dots of one length at places."""
        import numpy as np

        length = 3 if cs.size else 2
        at = places[:, None] + length * np.arange(ws.shape[1])
        self._put("mul", at, ws, xs)
        if cs.size:
            self._put("where", at + 1, cs, at * 8 + VALUE, zero)
        end = at + length - 1
        self._put("add", end, (at - 1) * 8 + VALUE, (end - 1) * 8 + VALUE)


def _array(operands: Sequence[int]) -> NDArray[np.int64]:
    """A list of operands."""
    import numpy as np

    if isinstance(operands, range):
        return np.arange(operands.start, operands.stop, operands.step)
    return np.array(operands, int)
