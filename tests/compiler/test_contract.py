"""The accuracy contract of the checks holds for each compiled row, in the units of its type: values and partials.

`python -m tests.compiler.test_contract 20000` prints the units that each compiled row needed beside what is granted.
"""

import math
import random
import sys
from pathlib import Path

import numpy as np
import pytest

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

from accuracy import point
from enclosing import PRECISIONS
from flint import arb, ctx
from strategies import applied, operand_count

from engine import TABLE, gradients, jit, vmap
from engine.checks.balls import TINY, UNIT
from engine.checks.enclosures import CONDITIONS, enclosure
from engine.checks.rounding import EXACT_PARTIALS, PARTIAL_UNITS, moved, underflow
from engine.compiler.llvm import lowering
from engine.rule import BUILT_IN

ROWS = sorted(name for name in BUILT_IN if name not in CONDITIONS)
DTYPES = list(PRECISIONS)


def flat_point(row, rng, dtype):
    """Operands in the row's domain, one after the other, as numbers of the type."""
    kind = np.dtype(dtype).type
    while True:
        args = [float(rng.randrange(2)), 2.0, 3.0] if row.name in ("where", "edge") else point(row, rng)
        laid = [e for a in args for e in (a[:2] if isinstance(a, list) else [a])]
        if dtype == "float32" and not all(x == 0.0 or 1e-18 < abs(x) < 1e18 for x in laid):
            continue
        return [float(kind(x)) for x in laid]


def expected(row, laid, precision):
    """(the balls of the value and of each partial without rounding, what underflow may take)."""
    balls = [arb(x) for x in laid]
    args = [balls[2 * k : 2 * k + 2] for k in range(row.lists)] + balls[2 * row.lists :]
    shift = precision.stated(row)[1]
    exact = enclosure(row, moved(args, shift * precision.units) if shift else args, [True] * row.arity)
    partials = [p for ps in exact.partials for p in (ps if isinstance(ps, list) else [ps])]
    slack = precision.tiny * (abs(underflow(args)).upper() / abs(TINY).upper())
    return [exact.value, *partials], slack


def units(ball, x, slack, precision):
    """How many units of rounding a float is outside a ball, relative to the smallest number in it."""
    away = float((abs(arb(x) - ball.mid()) - ball.rad() - slack.rad()).upper())
    size = float(abs(ball).lower())
    return 0.0 if away <= 0.0 else away / max(size * UNIT * precision.units, 2.0**-1074)


def needed(name, dtype, count):
    """(units of the value, units of the partials) that a compiled row needs at random points of its domain."""
    row, rng, precision = TABLE[name], random.Random(name), PRECISIONS[dtype]
    points = [flat_point(row, rng, dtype) for _ in range(count)]

    def f(xs):
        y = applied(row, xs)
        return [y, *gradients(y, list(xs))]

    most, limit = [0.0, 0.0], precision.largest / 16.0
    for laid, found in zip(points, jit(vmap(f), dtype=dtype)(points)):
        wanted, slack = expected(row, laid, precision)
        for k, (x, ball) in enumerate(zip(found, wanted)):
            if ball.is_finite() and abs(ball).upper() < limit:
                most[min(k, 1)] = max(most[min(k, 1)], units(ball, x, slack, precision) if x == x else math.inf)
    assert len(points[0]) == operand_count(row)
    return most


def granted(name, dtype):
    row = TABLE[name]
    value = PRECISIONS[dtype].stated(row)[0]
    return value, 0.0 if name in EXACT_PARTIALS else max(PARTIAL_UNITS, value)


@pytest.fixture(autouse=True)
def precision():
    before, ctx.prec = ctx.prec, 400
    yield
    ctx.prec = before


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ROWS)
def test_a_compiled_row_needs_no_more_than_the_contract_grants(name, dtype):
    value, partials = needed(name, dtype, 60)
    assert value <= granted(name, dtype)[0]
    assert partials <= granted(name, dtype)[1]


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("silu", lambda k, x: x * k.apply("sigmoid", x) * (1.0 + 2.0**-48)),
        ("normal_cdf", lambda k, x: 0.5 * k.apply("erfc", -x * math.sqrt(0.5))),
        ("sigmoid", lambda k, x: 1.0 / (1.0 + k.apply("exp", -x)) - 1e-17),
    ],
)
def test_a_formula_that_loses_digits_is_caught(name, planted, monkeypatch):
    monkeypatch.setitem(lowering.FORMULAS, name, planted)
    assert needed(name, "float64", 200)[0] > granted(name, "float64")[0]


def main(count):
    """Print the units needed, row by row."""
    ctx.prec = 400
    for name in ROWS:
        cells = []
        for dtype in DTYPES:
            for got, most in zip(needed(name, dtype, count), granted(name, dtype)):
                cells.append(f"{got:6.2f} of {most:4.1f}{' !' if got > most else ''}")
        columns = ("float64 value", "partials", "float32 value", "partials")
        print(f"{name:<12} {'   '.join(map(' '.join, zip(columns, cells)))}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
