"""Uses of lists of operands by dots, and what comes to all the operands of a list by those that stand one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .edges import Inner
from .gated import Sums, gated
from .guards import Guard, Guards, Number, where
from .leaves import Columns
from .lists import DOT, Operands, dot
from .value import Value

Use = tuple[int, Inner, Number, int]  # when, by which node, its adjoint, as which argument
Gates = tuple[Value, ...] | None  # the conditions of the products of a sum, see `gated`
FEWEST = 3  # uses from which on their sum is a dot


class Run:
    """Uses of a list of operands by dots, one after the other: its k-th operand gets g1*m1[k] + g2*m2[k] + …

    Attributes:
        uses: those uses.
        strict: how they are guarded, see `guarded_contribution`; None: not at all.
        is_dot: is that written as one node?
        others: the lists m that the dots have beside it, entry by entry.
    """

    def __init__(
        self, uses: list[Use], others: list[Sequence[Number]], guards: Guards, cs: list[Gates], strict: bool | None
    ) -> None:
        self.uses, self.others, self.strict, self._guards, self._gates = uses, Columns(others), strict, guards, cs
        self._lists = others
        self._gs = Operands([g for _, _, g, _ in uses])
        self._alike = not any(cs)  # are the guards for all operands?
        self._guard: Guard = None
        self._cs: Operands | None = None
        if strict is not None and self._alike:
            several = self._guards_of(0)
            self._guard, self._cs = guards.either(several), Operands([c for c, _ in several])
        self.is_dot = len(uses) >= FEWEST

    def sum(self, k: int, total: Number | None) -> Number:
        """What comes to the k-th operand, added to a total."""
        column, start = Operands(self.others[k]), -0.0 if total is None else total
        if self.strict is None:
            found: Number = dot(self._gs, column, start)
            return found
        if self._cs is not None:
            return gated(self._cs, self._gs, column, start, not self.strict)
        cs = [c for c, _ in self._guards_of(k)]
        if total is None and all(c is cs[0] for c in cs):
            return where(cs[0], dot(self._gs, column, -0.0), 0.0)
        return gated(Operands(cs), self._gs, column, start, False)

    def sums(self, starts: tuple[Value, ...]) -> Sums | None:
        """What comes to all the operands, to each after a number twice; None where there are numbers among what they are made of."""
        if not self._alike:
            return None
        gs: Any = self._gs._args
        cs: Any = None if self._cs is None else self._cs._args
        lists: Sequence[Any] = self._lists
        if any(a.__class__ is not tuple for a in (gs, *lists, *([] if cs is None else [cs]))):
            return None
        return Sums(
            gs, lists, cs, self.strict is False,
            lambda k: self.sum(k, starts[k] + starts[k] if starts else None), starts,
        )  # fmt: skip

    def guard(self, k: int) -> Guard:
        """That of what comes to the k-th operand."""
        return self._guard if self._alike else self._guards.either(self._guards_of(k))

    def _guards_of(self, k: int) -> list[Any]:
        found = self._guards
        return [
            found.of(user) if cs is None else found.behind(user, cs[k])
            for (_, user, _, _), cs in zip(self.uses, self._gates)
        ]


class Shared:
    """The uses of a list of operands by dots, and these cut into runs as soon as someone asks."""

    __slots__ = ("runs", "uses")

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.runs: list[Run] = []


def other(v: Inner, i: int) -> int:
    """Which argument of a dot, or of a sum of guarded products, is the list beside one."""
    return 1 - i if v.op is DOT else 3 - i


def beside(v: Inner, i: int) -> Sequence[Number]:
    """That list."""
    found: Sequence[Number] = v._a[other(v, i)]
    return found
