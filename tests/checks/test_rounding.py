"""The accuracy contract of the checks: each row stays within half of what it is allowed.

`python -m tests.checks.test_rounding 15000` measures a million points over the table and prints the units that each row
needed, beside those that the contract grants.
"""

import math
import random
import sys

import pytest

try:
    from accuracy import point
except ImportError:  # as a module of the repository
    from tests.support.accuracy import point

from engine import Value
from engine.checks.balls import TINY, UNIT, arb, ctx
from engine.checks.enclosures import CONDITIONS, enclosure
from engine.checks.rounding import EXACT_PARTIALS, PARTIAL_UNITS, moved, rounding, underflow
from engine.rule import TABLE
from engine.traversal import _partial

ROWS = [row for row in TABLE.values() if row.name not in CONDITIONS]


def units(ball, x, slack=TINY):
    """How many units of rounding a float is outside a ball, relative to the smallest number in it."""
    away = float((abs(arb(x) - ball.mid()) - ball.rad() - slack.rad()).upper())
    size = float(abs(ball).lower())
    return 0.0 if away <= 0.0 else away / max(size * UNIT, 2.0**-1074)


def needed(row, count, rng):
    """(units of the value, units of the partials) that a row's floats need at random points of its domain."""
    most = [0.0, 0.0]
    for _ in range(count):
        args = [float(rng.randrange(2)), 2.0, 3.0] if row.name in ("where", "edge") else point(row, rng)
        balls = [[arb(e) for e in a] if isinstance(a, list) else arb(a) for a in args]
        shift = rounding(row)[1]
        exact = enclosure(row, moved(balls, shift) if shift else balls, [True] * row.arity)
        y = Value._node(row, [Value(args[0])] if row.kind == 1 else args)
        got = [y.data, *[_partial(p, args, y) for p in row.partials]]
        for k, (g, b) in enumerate(zip(got, [exact.value, *exact.partials])):
            balls_of = b if isinstance(b, list) else [b]
            for x, ball in zip(g if isinstance(g, list) else [g] * len(balls_of), balls_of):
                if ball.is_finite() and math.isfinite(x):
                    most[min(k, 1)] = max(most[min(k, 1)], units(ball, x, underflow(balls)))
    return most


@pytest.fixture(autouse=True)
def precision():
    before, ctx.prec = ctx.prec, 400
    yield
    ctx.prec = before


def granted(row):
    value = rounding(row)[0]
    return value, 0.0 if row.name in EXACT_PARTIALS else max(PARTIAL_UNITS, value)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_a_row_needs_at_most_half_of_what_the_contract_grants(row):
    value, partials = needed(row, 100, random.Random(row.name))
    assert value <= granted(row)[0] / 2
    assert partials <= granted(row)[1] / 2


def test_units_are_counted_from_the_edge_of_the_ball():
    assert units(arb(1), 1.0) == 0.0
    assert units(arb(1), 1.0 + 4.0 * UNIT) == pytest.approx(4.0)
    assert units(arb(1, 4.0 * UNIT), 1.0 + 4.0 * UNIT) == 0.0


def main(count):
    """Print the units needed, row by row."""
    ctx.prec = 400
    for row in ROWS:
        value, partials = needed(row, count, random.Random(row.name))
        print(
            f"{row.name:<12} value {value:6.2f} of {granted(row)[0]:4.0f}, partials {partials:6.2f} of {granted(row)[1]:4.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]))
