"""The oracle on trial: what its balls hold, what they leave out, and what it says where mathematics is silent."""

import math
import random

import mpmath
import planting
import pytest
from accuracy import point
from hypothesis import given

import engine
from engine import TABLE, Value
from engine.checks import GradientError, check_gradients, graphs, random_graphs, taylor
from engine.checks.ball_replay import BallReplay, FlatGraph
from engine.checks.balls import arb, ctx
from engine.checks.conventions import CONVENTIONS, convention
from engine.checks.enclosures import CONDITIONS, LISTS, enclosure
from engine.checks.faults import agrees, expected, faults, holds
from engine.checks.rounding import float_enclosure
from engine.checks.taylor import TaylorDerivatives

ROWS = [row for name, row in TABLE.items() if name not in CONDITIONS]
names = [row.name for row in ROWS]


@pytest.fixture(autouse=True)
def precision():
    before, ctx.prec = ctx.prec, 128
    yield
    ctx.prec = before


def balls_of(args):
    return [[arb(e) for e in a] if isinstance(a, list) else arb(a) for a in args]


@pytest.mark.parametrize("row", ROWS, ids=names)
def test_no_rule_of_the_table_is_outside_its_ball(row):
    rng = random.Random(row.name)
    for _ in range(150):
        args = [rng.choice([0.0, 1.0]), 2.0, 3.0] if row.name in ("where", "edge") else point(row, rng)
        leaves = [[Value(e) for e in a] if isinstance(a, list) else Value(a) for a in args]
        assert list(faults([row(*leaves)])) == []


class Elementary:
    """mpmath as a row's reference wants it, at 60 digits."""

    def __getattr__(self, name):
        return getattr(mpmath.mp, name)

    def erfcinv(self, x):
        return mpmath.erfinv(1 - x)


@pytest.mark.parametrize("row", [r for r in ROWS if not r.lists and r.name != "edge"], ids=lambda r: r.name)
def test_balls_hold_what_mpmath_says(row):
    rng = random.Random(row.name)
    for _ in range(10):
        args = [float(rng.randrange(2)), 2.0, 3.0] if row.name == "where" else point(row, rng)
        if not all(1e-3 < abs(x) < 30.0 for x in args):
            continue
        with mpmath.workdps(60):
            f = row.reference
            exact = [mpmath.mpf(x) for x in args]
            value = getattr(Elementary(), f)(*exact) if isinstance(f, str) else f(Elementary(), *exact)
            text = mpmath.nstr(mpmath.mpf(value), 45)
        found = enclosure(row, balls_of(args), [True] * row.arity).value
        assert (found + arb(0, 1e-30) * (1 + abs(found))).contains(arb(text))


def test_the_ball_of_a_derivative_is_narrow():
    x = Value(0.5)
    y = engine.tanh(x * x) + engine.exp(x)
    (ball,) = [BallReplay(FlatGraph(y, [x])).adjoints()[0]]
    assert 0.0 < float(ball.rad()) / float(abs(ball).lower()) < 40 * 2.0**-53


@pytest.mark.parametrize("name", LISTS)
def test_the_partials_of_lists_are_those_of_their_series(name):
    row = TABLE[name]
    args = balls_of([[0.5, 2.0, -1.0], [3.0, 0.25, 1.5], 0.75][: row.arity])
    short = enclosure(row, args, [True] * row.arity)
    short_cut = LISTS.pop(name)
    try:
        long = enclosure(row, args, [True] * row.arity)
    finally:
        LISTS[name] = short_cut
    assert short.value.overlaps(long.value)
    for a, b in zip(short.partials, long.partials):
        for p, q in zip(a if isinstance(a, list) else [a], b if isinstance(b, list) else [b]):
            assert p.overlaps(q)


def test_taylor_series_give_mixed_derivatives_to_order_three():
    x, y = Value(0.5), Value(2.0)
    z = engine.exp(x * y) * y  # d/dx = y² e, d²/dxdx = y³ e, d²/dxdy = (2y + xy²) e, d³/dxdxdy = (3y² + xy³) e
    graph = FlatGraph(z, [x, y])
    i, j = graph.leaves
    witness, e1 = TaylorDerivatives(graph), arb(1).exp()
    assert witness.mixed({i: 1.0}, i, 2).overlaps(8 * e1)
    assert witness.mixed({i: 1.0}, j, 2).overlaps(6 * e1)
    assert witness.mixed({i: 1.0}, i, 3).overlaps(16 * e1)
    assert witness.mixed({i: 1.0}, j, 3).overlaps(16 * e1)


def chaos(x):
    """Its slope is below 1e8, of which not a digit is known."""
    y = engine.exp(engine.exp(engine.exp(x)))
    return engine.sin(y) / y


@pytest.mark.parametrize(("f", "at"), [(chaos, 2.5), (engine.log, -1.0)])
def test_precision_rises_to_the_highest_and_no_further(f, at, monkeypatch):
    x, asked, precision = Value(at), [], taylor.precision
    graph = FlatGraph(f(x), [x])
    monkeypatch.setattr(taylor, "precision", lambda bits: asked.append(bits) or precision(bits))
    slope = TaylorDerivatives(graph).directional({graph.leaves[0]: 1.0}, 1)[-1]
    assert not slope.is_finite() or slope.contains(0)
    assert asked == sorted(set(asked)) and asked[-1] == taylor.LAST_PRECISION


# The contract at kinks and edges ---------------------------------------------------------------------------------------

INF, NAN = math.inf, math.nan
CELLS = [
    ("power", (0.0, 0.0)), ("power", (0.0, 1.0)), ("power", (0.0, 2.0)), ("power", (0.0, -1.0)), ("power", (0.0, 0.5)),
    ("sqrt", (0.0,)), ("sqrt", (-0.0,)), ("sqrt", (-1.0,)), ("cbrt", (0.0,)), ("reciprocal", (0.0,)),
    ("reciprocal", (-0.0,)), ("div", (1.0, 0.0)), ("div", (0.0, 0.0)), ("div", (1.0, -0.0)), ("log", (0.0,)),
    ("log", (-1.0,)), ("log2", (0.0,)), ("log10", (0.0,)), ("log1p", (-1.0,)), ("log1p", (-2.0,)), ("relu", (0.0,)),
    ("relu", (-0.0,)), ("relu", (NAN,)), ("abs", (0.0,)), ("maximum", (2.0, 2.0)), ("maximum", (INF, INF)),
    ("maximum", (NAN, 1.0)), ("maximum", (1.0, NAN)), ("minimum", (2.0, 2.0)), ("clip", (0.0, 0.0, 1.0)),
    ("clip", (1.0, 0.0, 1.0)), ("hypot", (0.0, 0.0)), ("arctan2", (0.0, 0.0)), ("arcsin", (1.0,)), ("arccos", (1.0,)),
    ("arccosh", (1.0,)), ("arctanh", (1.0,)), ("arctanh", (-1.0,)), ("logaddexp", (INF, 0.0)),
    ("logaddexp", (-INF, -INF)), ("leaky_relu", (0.0, 0.1)), ("elu", (0.0, 2.0)), ("selu", (0.0,)),
    ("where", (0.0, 2.0, 3.0)), ("where", (1.0, 2.0, 3.0)), ("unit", (0.0, 0.0)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args"), CELLS)
def test_the_engine_keeps_the_contract_at_edges(name, args):
    agreed = convention(name, args)
    assert agreed is not None
    leaves = [Value(x) for x in args]
    output = TABLE[name](*leaves)
    assert agrees(agreed[0], output.data)
    for p, q in zip(agreed[1], engine.partials(output)):
        assert p is None or agrees(p, q)


def test_conventions_hold_at_exceptional_points_only():
    for name in CONVENTIONS.keys() - {"where", "edge"}:
        row = TABLE[name]
        args = [0.5 if low < 0.5 < high else 1.5 if low < 1.5 < high else -1.5 for low, high in row.domain]
        if row.arity == 2:
            args[1] += 0.25
        assert convention(name, args) is None, name


def test_an_infinity_is_right_where_floats_overflow_and_wrong_elsewhere():
    assert holds(arb(10) ** 400, INF)
    assert not holds(arb(1), INF)
    assert not holds(arb(1), NAN)


def test_a_branch_that_is_not_taken_contributes_nothing_to_any_order():
    for f in (
        lambda x: engine.where(x > 0, engine.sqrt(x), 0.0),
        lambda x: engine.where(x > 0, x * engine.log(x), 0.0),
    ):
        report = check_gradients(f, 0.0, order=2, modes=("reverse", "forward"))
        assert {f.got for f in report.findings} == {0.0}
        report = check_gradients(f, -1.0, order=2, modes=("reverse", "forward"))
        assert {f.got for f in report.findings} == {0.0}
        assert set(report.verdicts) == {"ok"}


# Verdicts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "at", "verdict"),
    [
        (lambda x: x.exp(), 0.5, "ok"),
        (lambda x: x.relu(), 0.0, "kink"),
        (lambda x: engine.maximum(x, x * 1.0), 2.0, "kink"),
        (lambda x: engine.where(x > 1.0, x, 2.0), 1.0, "kink"),
        (lambda x: 1.0 / x, 0.0, "singular"),
        (lambda x: engine.log(x), 0.0, "singular"),
        (lambda x: engine.exp(x) / engine.exp(x), 1000.0, "singular"),
        (lambda x: engine.sin(engine.exp(engine.exp(x))), 4.0, "inconclusive"),
    ],
    ids=["smooth", "relu", "tie", "condition", "pole", "log", "overflow", "chaos"],
)
def test_verdicts_say_what_kind_of_point_it_is(f, at, verdict):
    assert verdict in check_gradients(f, at).verdicts


def test_rules_are_certified_also_where_the_ball_of_the_whole_is_too_wide(monkeypatch):
    f = lambda x: engine.sin(engine.exp(engine.exp(x)))  # noqa: E731  the same function twice
    planting.row("sin", partials=(lambda x, y: engine.cos(x) * (1.0 + 1e-9),))(monkeypatch)
    with pytest.raises(GradientError) as caught:
        check_gradients(f, 4.0, save=False)
    assert caught.value.report.blame.op == "sin"


# False alarms, and the smallest errors that are seen -----------------------------------------------------------------------


def test_no_false_alarm_on_random_graphs():
    seen = 0
    for graph in random_graphs(2000, seed=7, max_ops=40):
        verdicts = check_gradients(graph, save=False).verdicts
        seen += verdicts["inconclusive"] / sum(verdicts.values())
    assert seen < 0.02 * 2000


@given(graphs(max_ops=8))
def test_no_false_alarm_in_any_mode_and_order(graph):
    report = check_gradients(graph, order=2, modes=("reverse", "forward"), save=False)
    assert report.verdicts["wrong"] == report.verdicts["inaccurate"] == 0


SMOOTH = [r for r in ROWS if r.name not in ("edge",) and any(p != 0.0 for p in r.partials)]


def scaled(p, factor):
    if isinstance(p, float):
        return p * factor
    return lambda *args: [q * factor for q in found] if isinstance(found := p(*args), list) else found * factor


@pytest.mark.parametrize("factor", [1.0 + 1e-8, 1.0 + 1e-12])
@pytest.mark.parametrize("row", SMOOTH, ids=lambda r: r.name)
def test_a_rule_that_is_scaled_by_a_hair_is_seen_at_its_own_operands(row, factor, monkeypatch):
    rng, caught, asked = random.Random(row.name), 0, 0
    right = row.partials
    for _ in range(40):
        args = [float(rng.randrange(2)), 2.0, 3.0] if row.name == "where" else point(row, rng)
        leaves = [[Value(e) for e in a] if isinstance(a, list) else Value(a) for a in args]
        node = row(*leaves)
        exact = [p for p in expected(row, node._operands()[1], [True] * row.arity)[1] if p is not None]
        if any(1e-290 < abs(p) < 1e308 for p in exact):  # a larger one is inf, scaled or not
            asked += 1
            monkeypatch.setattr(row, "partials", tuple(scaled(p, factor) for p in right))
            caught += bool(list(faults([node])))
            monkeypatch.setattr(row, "partials", right)
    assert asked
    assert caught >= 0.9 * asked


def test_float_enclosures_keep_exact_results_exact():
    add = float_enclosure(TABLE["sub"], [arb(1), arb(1)], [True, True])
    assert add.value.is_zero()
    assert [float(p) for p in add.partials] == [1.0, -1.0]
