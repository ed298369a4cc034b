"""The second witness: Taylor series of the whole function, from the elementary functions alone.

Each argument becomes a point plus a direction times t; one pass over the graph in series arithmetic gives the value and
the derivatives along the direction to any order. Mixed derivatives come by polarisation. No partial of any kind is
used. Griewank & Walther, Evaluating Derivatives (2008), chapter 13.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .ball_replay import FlatGraph, operands
from .balls import ARITHMETIC, NOTHING, Ball, arb, arb_series, constant, ctx, reference
from .branching import branches
from .enclosures import CONDITIONS

FIRST_PRECISION, LAST_PRECISION = 192, 16384


class KinkError(ArithmeticError):
    """The function has a kink at the very point."""


class TaylorDerivatives:
    """The exact derivatives of a tape at its leaves.

    Args:
        tape: the graph.
    """

    def __init__(self, tape: FlatGraph) -> None:
        self._tape = tape

    def directional(self, direction: Mapping[int, float], order: int, radius: float = 0.0) -> list[Ball]:
        """The value and the derivatives to an order along a direction, as balls.

        Args:
            direction: the steps of some leaves, by their position on the tape.
            order: the highest derivative.
            radius: how wide the last ball may be; the precision rises until it is narrower.

        Returns:
            order + 1 balls; not finite where a derivative does not exist, or is beyond the highest precision.

        Raises:
            KinkError: the point lies on a kink, or no precision tells on which side.
        """
        before, precision = ctx.prec, FIRST_PRECISION
        try:
            while True:
                ctx.prec = precision
                found = self._once(direction, order)
                last = found[-1]
                if last.is_finite() and last.rad() <= max(radius, float(abs(last).upper()) * 2.0**-100, 2.0**-1070):
                    return found
                if precision >= LAST_PRECISION:
                    return found
                precision *= 4 if last.is_finite() or precision > FIRST_PRECISION else 16
        finally:
            ctx.prec = before

    def _once(self, direction: Mapping[int, float], order: int) -> list[Ball]:
        tape = self._tape
        values: list[Any] = []
        for i, (row, args) in enumerate(zip(tape.rows, tape.args)):
            if row is None:
                x = arb(tape.nodes[i].data)
                values.append(arb_series([x, direction[i]], order + 1) if i in direction else x)
            else:
                values.append(self._row(row, operands(args, values, arb), order))
        y = values[-1]
        if y.__class__ is not arb_series:
            return [y] + [arb(0) if y.is_finite() else NOTHING] * order
        return [y[k] * math.factorial(k) if k < y.prec else NOTHING for k in range(order + 1)]

    @staticmethod
    def _row(row: Any, args: Sequence[Any], order: int) -> Any:
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
