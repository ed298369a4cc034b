"""The second witness: Taylor series of the whole function, from the elementary functions alone.

Each argument becomes a point plus a direction times t; one pass over the graph in series arithmetic gives the value and
the derivatives along the direction to any order. Mixed derivatives come by polarisation. No partial of any kind is
used. Griewank & Walther, Evaluating Derivatives (2008), chapter 13.
"""

import math
from collections.abc import Mapping, Sequence

from ..rule import Op
from .ball_replay import FlatGraph
from .balls import ARITHMETIC, NOTHING, Ball, Operand, Quantity, arb, arb_series, constant, precision, reference
from .branching import branches
from .enclosures import CONDITIONS

FIRST_PRECISION, LAST_PRECISION = 192, 16384


class KinkError(ArithmeticError):
    """The function has a kink at the very point."""


class TaylorDerivatives:
    """The exact derivatives of a graph at its leaves."""

    def __init__(self, graph: FlatGraph) -> None:
        self._graph = graph

    def directional(self, direction: Mapping[int, float], order: int, radius: float = 0.0) -> list[Ball]:
        """The value and the derivatives to an order along a direction, as balls.

        Args:
            direction: the steps of some leaves, by their position in the graph.
            order: the highest derivative.
            radius: how wide the last ball may be; the precision rises until it is narrower.

        Returns:
            order + 1 balls; not finite where a derivative does not exist, or is beyond the highest precision.

        Raises:
            KinkError: the point lies on a kink, or no precision tells on which side.
        """
        bits = FIRST_PRECISION
        while True:
            with precision(bits):
                found = self._once(direction, order)
                last = found[-1]
                if last.is_finite() and last.rad() <= max(radius, float(abs(last).upper()) * 2.0**-100, 2.0**-1070):
                    return found
            if bits >= LAST_PRECISION:
                return found
            bits = min(LAST_PRECISION, bits * (4 if last.is_finite() or bits > FIRST_PRECISION else 16))

    def _once(self, direction: Mapping[int, float], order: int) -> list[Ball]:
        def leaf(i: int) -> Quantity:
            x = arb(self._graph.nodes[i].data)
            return arb_series([x, direction[i]], order + 1) if i in direction else x

        y = self._graph.output(leaf, self._row, arb)
        if y.__class__ is not arb_series:
            return [y] + [arb(0) if y.is_finite() else NOTHING] * order
        return [y[k] * math.factorial(k) if k < y.prec else NOTHING for k in range(order + 1)]

    @staticmethod
    def _row(row: Op, args: Sequence[Operand]) -> Quantity:
        if row.name in CONDITIONS:
            y = CONDITIONS[row.name](*[[constant(e) for e in a] if a.__class__ is list else constant(a) for a in args])
            if row.kink is not None and not y.is_exact() and y.is_finite():
                raise KinkError(row.name)
            return y
        if row.kink is None:
            return reference(row)(ARITHMETIC, *args)
        found, _ = branches(reference(row), args)
        if len(found) > 1:
            raise KinkError(row.name)
        return found[0]

    def mixed(self, direction: Mapping[int, float], leaf: int, order: int, radius: float = 0.0) -> Ball:
        """The derivative of order `order`: `order - 1` times along a direction, then with respect to one leaf.

        By polarisation: 2 D²f[d, e] = D²f[d+e] - D²f[d] - D²f[e], and
        6 D³f[d, d, e] = D³f[d+e] - D³f[d-e] - 2 D³f[e].
        """
        if order > 1 and not direction:
            return arb(0)
        if order == 1 or set(direction) <= {leaf}:
            scale = direction.get(leaf, 1.0) ** (order - 1) if order > 1 else 1.0
            return self.directional({leaf: 1.0}, order, radius)[-1] * scale

        def along(sign: float, only: bool = False) -> Ball:
            moved = {} if only else dict(direction)
            if sign:
                moved[leaf] = moved.get(leaf, 0.0) + sign
            return self.directional(moved, order, radius / 8.0)[-1]

        if order == 2:
            return (along(1.0) - along(0.0) - along(1.0, True)) / 2
        return (along(1.0) - along(-1.0) - 2 * along(1.0, True)) / 6
