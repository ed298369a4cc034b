"""Programs of a few rounds, extended to many: what is the same in all of them, or grows evenly with the rounds."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from ..front.trace import EFFECTS
from .program import For, Node, Polynomial, Statement


class _NotEvenError(Exception):
    """The programs do not grow evenly."""


SCALE, LARGEST = 2.0**20, 2.0**32  # sums of numbers that are whole in this unit, and smaller, are exact


class Rolled(NamedTuple):
    """A rolled program.

    Attributes:
        body: it.
        length: of how many instructions.
        table: its constants.
    """

    body: list[Node]
    length: int
    table: list[float]


def extended(few: Sequence[Rolled], rounds: Sequence[int], count: int) -> Rolled | None:
    """The program of so many rounds; None where these do not grow evenly.

    Args:
        few: programs of some fewer; where evenness is to be no guess, three.
        rounds: how many each is of.
        count: how many rounds it shall be of.
    """
    growth = _Growth(rounds, count)
    try:
        body, length = growth.body([p.body for p in few]), growth.number([p.length for p in few])
        return Rolled(body, length, growth.table([p.table for p in few]))
    except _NotEvenError:
        return None


class _Growth:
    """How what is of some numbers of rounds goes on."""

    def __init__(self, rounds: Sequence[int], count: int) -> None:
        self._rounds, self._count = rounds, count

    def number(self, ns: Sequence[int]) -> int:
        """An integer."""
        if ns.count(ns[0]) == len(ns):  # as most are
            return ns[0]
        rounds = self._rounds
        step, rest = divmod(ns[1] - ns[0], rounds[1] - rounds[0])
        if rest or any(n != ns[0] + step * (r - rounds[0]) for n, r in zip(ns, rounds)):
            raise _NotEvenError
        return ns[0] + step * (self._count - rounds[0])

    def table(self, tables: Sequence[list[float]]) -> list[float]:
        """Constants. One that grows is a sum over the rounds that was worked out: where that is exact, it goes on."""
        if len({len(table) for table in tables}) > 1:
            raise _NotEvenError
        found = []
        for xs in zip(*tables):
            if len({array("d", [x]).tobytes() for x in xs}) == 1:
                found.append(xs[0])
                continue
            wholes = [int(x * SCALE) if abs(x) < LARGEST else 0 for x in xs]
            last = self.number(wholes) / SCALE
            if any(n / SCALE != x for n, x in zip(wholes, xs)) or abs(last) >= LARGEST:
                raise _NotEvenError
            found.append(last)
        return found

    def index(self, ps: Sequence[Polynomial]) -> Polynomial:
        """A polynomial."""
        if ps.count(ps[0]) == len(ps):
            return ps[0]
        found = {m: self.number([p.get(m, 0) for p in ps]) for m in dict.fromkeys([m for p in ps for m in p])}
        return Polynomial({m: c for m, c in found.items() if c})

    def body(self, found: Sequence[Sequence[Node]]) -> list[Node]:
        """Items, one after the other."""
        if any(len(body) != len(found[0]) for body in found):
            raise _NotEvenError
        return [n for ns in zip(*found) if (n := self._node(ns)) is not None]

    def _node(self, ns: Sequence[Node]) -> Node | None:
        loops = [n for n in ns if isinstance(n, For)]
        if len(loops) == len(ns):
            loop = For(loops[0].variable, self.index([n.count for n in loops]))
            count = loop.count.number()
            loop.body = self.body([n.body for n in loops])
            if count is not None and count < 1:
                # What examples that are left out would have returned: where all are there, none of it is.
                if count < 0 or not all(isinstance(n, Statement) and n.op in EFFECTS for n in loop.body):
                    raise _NotEvenError
                return None
            return loop
        ss = [n for n in ns if isinstance(n, Statement)]
        if len(ss) < len(ns) or len({(s.op, *[space for space, _ in s.args]) for s in ss}) > 1:
            raise _NotEvenError
        args = [(operands[0][0], self.index([p for _, p in operands])) for operands in zip(*[s.args for s in ss])]
        return Statement(ss[0].op, self.index([s.out for s in ss]), self.index([s.target for s in ss]), args)
