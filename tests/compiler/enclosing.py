"""The balls in which compiled numbers must lie: the replay of engine.checks, with the rounding of a compiled program.

A row may err by its stated ulps where the compiler states some, else by the accuracy contract of engine.checks, in
units of the precision in which the program computes. Fused multiply-adds round less and so stay inside. A sum over a
batch may be taken in any order: an addition errs by a unit of the sum so far, which is no more than all terms are long.
"""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from flint import arb, ctx

from engine import Value
from engine.checks import Graph
from engine.checks.ball_replay import BallReplay, FlatGraph, edges, operands, wanted
from engine.checks.balls import TINY, UNIT
from engine.checks.enclosures import CONDITIONS, enclosure
from engine.checks.graph import Step
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
    """A tape in balls that hold whatever a compiled program may compute.

    Args:
        tape: the graph, at numbers of the type.
        precision: the type.
        number: the ball of a constant.
    """

    def __init__(self, tape, precision, number=arb):
        self.tape, self.precision = tape, precision
        self.values, self.edges, self.kinks = [], [], set()
        given = set(tape.leaves)
        for i, (row, args) in enumerate(zip(tape.rows, tape.args)):
            if row is None:
                self.values.append((arb if i in given else number)(tape.nodes[i].data))
                self.edges.append([])
                continue
            value, partials, kink = self._row(row, operands(args, self.values, number), wanted(args))
            self.values.append(value)
            self.edges.append(edges(row, args, partials))
            if kink:
                self.kinks.add(i)

    def _row(self, row, args, asked):
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
        return value, partials, kink

    def adjoints(self, seed=None):
        """The derivative of the output with respect to each node, None where it is not connected."""
        once, found = self.precision.once, [None] * len(self.values)
        found[-1] = arb(1) if seed is None else seed
        for i in range(len(found) - 1, -1, -1):
            if found[i] is None:
                continue
            for source, p, connected in self.edges[i]:
                if connected:
                    c, before = once(found[i] * p), found[source]
                    found[source] = c if before is None else once(before + c)
        return found

    def overflows(self):
        """Is some number on the way beyond the type, so that nan or an infinity is right?"""
        limit, adjoints = self.precision.largest / 16.0, self.adjoints()
        reached = [i for i, a in enumerate(adjoints) if a is not None]
        balls = [a for a in adjoints if a is not None] + [self.values[i] for i in reached]
        balls += [e.partial for i in reached for e in self.edges[i] if e.connected]
        return any(not b.is_finite() or abs(b).upper() > limit for b in balls)


@contextmanager
def precise():
    """Balls of 128 bits."""
    before, ctx.prec = ctx.prec, 128
    try:
        yield
    finally:
        ctx.prec = before


def balls_of(function, point, precision, seed=None, number=arb):
    """(replay, [the ball of the value, of each derivative]) of a function of Values at a point."""
    leaves = [Value(x) for x in point]
    root = function(leaves)
    replay = CompiledReplay(FlatGraph(root, leaves), precision, number)
    adjoints = replay.adjoints(seed)
    return replay, [replay.values[-1], *[_found(adjoints, place) for place in replay.tape.leaves]]


def _found(adjoints, place):
    found = None if place is None else adjoints[place]
    return arb(0) if found is None else found


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

    return Graph(map(number, graph.inputs), [Step(s.op, tuple(map(number, s.operands))) for s in graph.steps])
