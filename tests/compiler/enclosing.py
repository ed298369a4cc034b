"""The balls in which compiled numbers must lie: the replay of engine.checks, with the rounding of a compiled program.

A row may err by its stated ulps where the compiler states some, else by the accuracy contract of engine.checks, in
units of the precision in which the program computes. Fused multiply-adds round less and so stay inside. A sum over a
batch may be taken in any order: an addition errs by a unit of the sum so far, which is no more than all terms are long.
"""

from typing import NamedTuple

import numpy as np
from flint import arb

from engine import Value
from engine.checks import Graph
from engine.checks.ball_replay import BallReplay, FlatGraph
from engine.checks.balls import PRECISION, TINY, UNIT
from engine.checks.balls import precision as bits
from engine.checks.enclosures import CONDITIONS, Enclosure, enclosure
from engine.checks.graph import GraphStep
from engine.checks.rounding import CORRECT, EXACT_PARTIALS, PARTIAL_UNITS, moved, rounding, underflow
from engine.compiler.llvm.elementary import ULPS


class Precision(NamedTuple):
    """A type of floats: units of engine.checks in a unit of its own, what is lost below its normal numbers, its largest."""

    dtype: str
    units: float
    tiny: object
    largest: float
    bits: int

    def stated(self, row):
        """(units of the result, units of the arguments) by which a compiled row may miss its reference."""
        units, shift = rounding(row)
        if row.name in ULPS:  # an ulp is at most two units of rounding
            units = 2.0 * ULPS[row.name][self.dtype == "float32"]
        return units, shift

    def rounded(self, x, units, slack=None):
        """All that rounding by some units may make of a ball; an exact 0 stays."""
        if not units or x.is_zero():
            return x
        return x * arb(1, units * self.units * UNIT) + self.tiny * (1 if slack is None else slack)

    def holds_exactly(self, x):
        """Is the ball one number, and one of this type?"""
        small = 2.0**24 * float(abs(self.tiny).upper())
        return x.is_exact() and x.bits() <= self.bits and (x.is_zero() or bool(small <= abs(x) <= self.largest))

    def number(self, x):
        """A constant: itself where it is short, else what it was rounded from, such as π/180."""
        return arb(x) if arb(x).bits() <= 20 or not arb(x).is_finite() else self.rounded(arb(x), 4.0)

    def once(self, x):
        """A product, quotient or sum as it may be rounded."""
        return x if self.holds_exactly(x) else self.rounded(x, 2.0)


DOUBLE = Precision("float64", 1.0, TINY, float(np.finfo("float64").max), 53)
SINGLE = Precision("float32", 2.0**29, arb(0, 2.0**-125), float(np.finfo("float32").max), 24)
PRECISIONS = {"float64": DOUBLE, "float32": SINGLE}


class CompiledReplay(BallReplay):
    """A graph in balls that hold whatever a compiled program may compute.

    Args:
        graph: the graph, at numbers of the type.
        precision: the type.
        number: the ball of a constant.
    """

    def __init__(self, graph, precision, number=arb):
        self.precision, self._given = precision, set(graph.leaves)
        super().__init__(graph, number)

    def leaf(self, i, number):
        """A leaf that is no argument is a constant of the program."""
        return (arb if i in self._given else number)(self.graph.nodes[i].data)

    def enclosure(self, row, args, asked):
        """The value and the partials of a row by the program."""
        precision = self.precision
        if row.name in CONDITIONS:
            return enclosure(row, args, asked)
        units, shift = precision.stated(row)
        value, partials, kink = enclosure(row, moved(args, shift * precision.units) if shift else args, asked)
        slack = abs(underflow(args)).upper() / abs(TINY).upper()
        if not (row.name in CORRECT and precision.holds_exactly(value)):
            value = precision.rounded(value, units, slack)
        if row.name not in EXACT_PARTIALS:
            most = max(PARTIAL_UNITS, rounding(row)[0])
            partials = [
                p if p is None
                else [precision.rounded(e, most, slack) for e in p] if p.__class__ is list
                else precision.rounded(p, most, slack)
                for p in partials
            ]  # fmt: skip
        return Enclosure(value, partials, kink)

    def once(self, x):
        """A product or a sum by the program."""
        return self.precision.once(x)

    def beyond(self):
        """Is some number on the way beyond the type, so that nan or an infinity is right?"""
        return self.overflows(self.precision.largest / 16.0)


def precise():
    """Balls as `check_gradients` has them."""
    return bits(PRECISION)


def balls_of(function, point, precision, seed=None, number=arb):
    """(replay, [the ball of the value, of each derivative]) of a function of Values at a point."""
    leaves = [Value(x) for x in point]
    root = function(leaves)
    replay = CompiledReplay(FlatGraph(root, leaves), precision, number)
    return replay, [replay.values[-1], *replay.gradient(seed)]


def summed(terms, counts, precision):
    """The ball of a sum in any order, the k-th term counts[k] times."""
    total, size, n = arb(0), arb(0), sum(counts)
    for term, count in zip(terms, counts):
        total, size = total + count * term, size + count * abs(term).upper()
    if n > 1:
        total = total + size * arb(0, (n - 1) * 1.01 * precision.units * UNIT) + n * precision.tiny
    return total


def as_numbers(graph, dtype):
    """The graph with inputs and constants that the type holds."""
    kind = np.dtype(dtype).type

    def number(a):
        return tuple(map(number, a)) if isinstance(a, tuple) else float(kind(a)) if isinstance(a, float) else a

    return Graph(map(number, graph.inputs), [GraphStep(s.op, tuple(map(number, s.operands))) for s in graph.steps])
