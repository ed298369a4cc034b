"""What a wide layer contracts.

The gradient of its weights, g[j, k] += the sum over the examples of a[j] * b[k]: its free axes are two loops, of which the
inner one walks through gradients that lie side by side; the examples are summed. And its weighted sums of inputs, z[j] = b[j]
+ the sum over k of w[j, k] * x[k]: the inner loop is summed, the examples are free.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..front.trace import CONSTANT, INPUT, MEMORY, PARAMETER
from ..loops.placement import Carried, Placement, Source
from ..loops.program import For, Polynomial, Statement

LEAST = 64  # rounds of the inner loop from which on its panels pay


@dataclass(frozen=True, slots=True, eq=False)
class _Nest:
    """A loop in another.

    Attributes:
        rows, columns: the loops over j and over k.
    """

    rows: For
    columns: For

    @property
    def shape(self) -> tuple[int, int]:
        """Rounds of the two loops."""
        return self.rows.count.number() or 0, self.columns.count.number() or 0


@dataclass(frozen=True, slots=True, eq=False)
class Contraction(_Nest):
    """What is known of a gradient of weights.

    Attributes:
        left, right: where a[j] and b[k] are.
        target: which gradient.
    """

    left: Source
    right: Source
    target: Polynomial

    @property
    def first_input(self) -> int | None:
        """Which input b[0] is, if b[k] are inputs side by side; else None."""
        return _first_input(self.right, self.columns)

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


@dataclass(frozen=True, slots=True, eq=False)
class WeightedSums(_Nest):
    """What is known of weighted sums.

    Attributes:
        product, total: the instructions of the inner loop.
        weight: which parameter w[j, k] is.
        start: where b[j] is.
        first_input: which input x[0] is; the others lie behind it.
    """

    product: Statement
    total: Statement
    weight: Polynomial
    start: Source
    first_input: int


def weighted_sums_of(rows: For, columns: For, placement: Placement) -> WeightedSums | None:
    """A loop in another as weighted sums of inputs; None where they are none."""
    if len(columns.body) != 2 or rows.count.number() is None or columns.count.number() is None:
        return None
    product, total = columns.body
    if not (isinstance(product, Statement) and isinstance(total, Statement)):
        return None
    carried = placement.facts[columns].carried
    start = carried.get(total)
    if isinstance(start, Statement) and start.op == "move":
        (start,) = placement.sources[start]
    if (product.op, total.op) != ("mul", "add") or not isinstance(start, tuple) or len(carried) > 1:
        return None
    if placement.store[product] is not None or placement.store[total] is not None:
        return None
    j, k = rows.variable, columns.variable
    if placement.sources[total] != [Carried(total, columns), product] or start[0] not in (PARAMETER, CONSTANT):
        return None
    for weight, x in (placement.sources[product], placement.sources[product][::-1]):
        first = _first_input(x, columns)
        if first is None or not isinstance(weight, tuple) or weight[0] != PARAMETER:
            continue
        known = {((j, 1),), ((k, 1),), ()}
        if set(weight[1]) <= known and set(start[1]) <= known and weight[1].get(((k, 1),)) == 1:
            return WeightedSums(rows, columns, product, total, weight[1], start, first)
    return None


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


def _first_input(source: Source, columns: For) -> int | None:
    """Which input the first round of a loop reads, if all read inputs side by side; else None."""
    if not isinstance(source, tuple) or source[0] != INPUT:
        return None
    return (source[1] + Polynomial({((columns.variable, 1),): -1})).number()


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
