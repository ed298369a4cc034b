"""The gradient of a layer's weights as one contraction: g[j, k] += the sum over the examples of a[j] * b[k].

Its free axes are two loops, of which the inner one walks through gradients that lie side by side; the examples are summed.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..front.trace import INPUT, MEMORY
from ..loops.placement import Placement, Source
from ..loops.program import For, Polynomial, Statement

LEAST = 64  # rounds of the inner loop from which on its panels pay


@dataclass(frozen=True, slots=True, eq=False)
class Contraction:
    """What is known of it.

    Attributes:
        rows, columns: the loops over j and over k.
        left, right: where a[j] and b[k] are.
        target: which gradient.
    """

    rows: For
    columns: For
    left: Source
    right: Source
    target: Polynomial

    @property
    def shape(self) -> tuple[int, int]:
        """Rounds of the two loops."""
        return self.rows.count.number() or 0, self.columns.count.number() or 0

    @property
    def first_input(self) -> int | None:
        """Which input b[0] is, if b[k] are inputs side by side; else None."""
        if not isinstance(self.right, tuple) or self.right[0] != INPUT:
            return None
        side_by_side = Polynomial({((self.columns.variable, 1),): 1})
        return (self.right[1] + Polynomial({m: -c for m, c in side_by_side.items()})).number()

    @property
    def first_target(self) -> int | None:
        """Which gradient g[0, 0] is, if rows are one after another, each as far from the one before; else None."""
        j, k = self.rows.variable, self.columns.variable
        known = {((j, 1),), ((k, 1),), ()}
        return self.target.get((), 0) if set(self.target) <= known and self.step >= self.shape[1] else None

    @property
    def step(self) -> int:
        """How far it is from one row of gradients to the next."""
        return self.target.get(((self.rows.variable, 1),), 0)

    @property
    def end(self) -> int:
        """Behind which gradient it ends, if it has a first."""
        return (self.first_target or 0) + self.step * (self.shape[0] - 1) + self.shape[1]


def contraction_of(rows: For, columns: For, placement: Placement) -> Contraction | None:
    """A loop in another as a contraction; None where it is none, or too small for panels to pay."""
    if len(columns.body) != 2 or rows.count.number() is None or (columns.count.number() or 0) < LEAST:
        return None
    product, effect = columns.body
    if not (isinstance(product, Statement) and product.op == "mul" and placement.store[product] is None):
        return None
    if not (isinstance(effect, Statement) and placement.sources[effect] == [product] and effect.op == "accumulate"):
        return None
    j, k = rows.variable, columns.variable
    if not _is_walk(effect.target, k, j) or effect.target.get(((k, 1),)) != 1:
        return None
    for left, right in (placement.sources[product], placement.sources[product][::-1]):
        here, there = (_place(placement, source) for source in (left, right))
        if here is None or there is None or there[0] not in (INPUT, MEMORY):
            continue
        if not here[1].uses(k) and not there[1].uses(j) and _is_walk(there[1], k):
            return Contraction(rows, columns, left, right, effect.target)
    return None


def _place(placement: Placement, source: Source) -> tuple[int, Polynomial] | None:
    """(space, index) of what is in memory, its slot for a value."""
    if not isinstance(source, tuple):
        return None
    space, index = source
    return space, placement.slots[index.key()] if space == MEMORY else index


def _is_walk(p: Polynomial, variable: int, *others: int) -> bool:
    """Is it linear in a loop variable, and free of products with it?"""
    mine = [mono for mono in p if any(v == variable for v, _ in mono)]
    return mine == [((variable, 1),)]
