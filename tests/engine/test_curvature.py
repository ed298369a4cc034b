"""Products with the Hessian, on floats and along Values: by functions that are written of rows, or as without them."""

import itertools
import math

import pytest
from planting import edited, row

from engine import TABLE, Value, dot, grad, hessian, hvp, logsumexp, op, sin, tanh
from engine.transforms import curvature, curvature_graphs, second_partials

POINTS = [0.0, -0.0, 1.0, -1.0, -3.0, 0.5, 0.3, 2.0, 1e-160, 1e200, math.inf, -math.inf, math.nan]
ROWS = [row for row in TABLE.values() if row.kind < 3 and not row.selects]
TINY = 1e-150  # below, numbers have few digits


def programs(row):
    """(function of a list, point, tangent): a row at many points, its operands Values, numbers, or one Value."""
    if row.kind == 1:
        return [(lambda xs: row(xs[0]), [x], [t]) for x in POINTS for t in (1.0, 0.0, -2.0)]
    found = []
    for x, y in itertools.product(POINTS[::2], POINTS[::2] + POINTS[1:4:2]):
        found += [(lambda xs: row(*xs), [x, y], t) for t in ([1.0, -2.0], [0.0, 1.0])]
        found += [(lambda xs, y=y: row(xs[0], y), [x], [1.5]), (lambda xs, x=x: row(x, xs[0]), [y], [1.5])]
        found.append((lambda xs: row(xs[0], xs[0]), [x], [1.5]))
    return found


def products(f, xs, tangent):
    def scaled(xs):
        return f(xs) * 1.5

    along = hvp(scaled, (xs,), ([Value(t) for t in tangent],))
    return hvp(scaled, (xs,), (tangent,)), [float(x) for x in along]


def same(x, y):
    return x == y or (x != x and y != y)


def alike(x, y, scale):
    return same(x, y) or math.fabs(x - y) <= 1e-12 * max(math.fabs(x), math.fabs(y), scale) + TINY


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_what_is_written_of_a_row_is_what_the_row_gives(row, monkeypatch):
    """On floats to the bit, at edges, infinities and nan too; along Values, where terms are added in another order."""
    found = [products(*program) for program in programs(row)]
    monkeypatch.setattr(second_partials.Rates, "of", lambda *_: None)
    for (f, xs, tangent), (floats, along) in zip(programs(row), found):
        want, want_along = products(f, xs, tangent)
        assert all(map(same, floats, want)), (xs, tangent, floats, want)
        size = max([math.fabs(x) for x in want if math.isfinite(x)], default=0.0)
        scale = 1.0 if row.name == "unit" else size  # x/hypot(x, x) is constant: its terms cancel
        assert all(map(alike, along, want_along, [scale] * len(xs))), (xs, tangent, along, want_along)


def test_most_rows_are_written():
    assert all(second_partials.changes.of(row, True, row.kind == 2, None) for row in ROWS)


EDGES = {
    "0**2, and by the exponent": (lambda xs: xs[0] ** xs[1], [0.0, 2.0], [[2.0, 0.0], [0.0, 0.0]]),
    "(-2)**3 of a number": (lambda xs: xs[0] ** 3.0, [-2.0], [[-12.0]]),
    "(-2)**4 of Values, by the base": (lambda xs: xs[0] ** Value(4.0), [-2.0], [[48.0]]),
    "x**0": (lambda xs: xs[0] ** 0.0, [0.0], [[0.0]]),
    "x**0 of a Value, by both": (lambda xs: xs[0] ** xs[1], [2.0, 0.0], [[0.0, 0.5], [0.5, math.log(2.0) ** 2]]),
    "0**1": (lambda xs: xs[0] ** 1.0 + xs[0] ** 2.0, [0.0], [[2.0]]),
    "2**n": (lambda xs: 2.0 ** xs[0], [3.0], [[8.0 * math.log(2.0) ** 2]]),
    "x**0.3 far out": (lambda xs: (xs[0] * 1e100) ** 0.3, [1.0], [[1e30 * 0.3 * -0.7]]),
    "a kink": (lambda xs: abs(xs[0]) * xs[0] + xs[0] ** 2, [0.0], [[2.0]]),
    "copysign with -0.0": (lambda xs: TABLE["copysign"](xs[0] ** 2, -0.0), [1.5], [[-2.0]]),
    "copysign with 0.0": (lambda xs: TABLE["copysign"](xs[0] ** 2, 0.0), [1.5], [[2.0]]),
}


@pytest.mark.parametrize("f, xs, want", EDGES.values(), ids=EDGES)
def test_second_derivatives_at_edges(f, xs, want):
    assert [pytest.approx(line, rel=1e-12) for line in want] == hessian(f)(xs)
    for i, line in enumerate(want):
        unit = [float(i == k) for k in range(len(xs))]
        assert hvp(f, (xs,), (unit,)) == pytest.approx(line, rel=1e-12)
        along = hvp(f, (xs,), ([Value(t) for t in unit],))
        assert [float(x) for x in along] == pytest.approx(line, rel=1e-12)
        through = grad(lambda x, unit=unit: sum([g * u for g, u in zip(grad(f)(x), unit)]))(xs)
        assert through == pytest.approx(line, rel=1e-12)


def test_few_exponents_have_functions_of_their_own(monkeypatch):
    monkeypatch.setattr(second_partials, "MOST", len(second_partials.changes) + 2)
    for k in range(20):
        n = 3.0 + k / 8.0
        assert hvp(lambda x, n=n: x**n, (2.0,), (1.0,)) == pytest.approx(n * (n - 1.0) * 2.0 ** (n - 2.0), rel=1e-12)
    assert len(second_partials.changes) <= second_partials.MOST + 2


def test_partials_of_users_may_ask_for_the_number_of_their_operands():
    """What is written of a row is for all numbers: a row of the user's is read anew at each node."""
    bent = op("bent", lambda x: x * x if x > 1.0 else x, lambda x, y: 2.0 * x if x > 1.0 else 1.0)
    for x, want in ((0.5, 0.0), (3.0, 2.0), (0.5, 0.0)):
        assert hvp(bent, (x,), (1.0,)) == want
        assert float(hvp(bent, (x,), (Value(1.0),))) == want


def test_a_row_that_is_changed_for_a_while_leaves_nothing_behind():
    def both():
        return hvp(sin, (0.5,), (1.0,)), hvp(tanh, (0.5,), (1.0,))

    second_partials.changes.clear()
    with pytest.MonkeyPatch.context() as patch:
        row("cos", partials=(lambda x, y: sin(x),))(patch)
        row("tanh", partials=(lambda x, y: 2.0 * y,))(patch)
        wrong = both()
    right = both()
    for part in ({"partials": (5.0,)}, {"forward": lambda x: 7.0}):
        second_partials.changes.clear()
        with pytest.MonkeyPatch.context() as patch:
            row("cos", **part)(patch)
            both()
        assert both() == right
    assert wrong == pytest.approx((math.sin(0.5), 4.0 * math.tanh(0.5)))
    assert right == pytest.approx((-math.sin(0.5), -2.0 * math.tanh(0.5) / math.cosh(0.5) ** 2))


def test_the_second_product_is_made_of_one_node_for_each_tangent_and_each_adjoint():
    """Along Values a product of n numbers has about two nodes a step; and it can be differentiated in the tangent."""

    def f(xs):
        y = xs[0]
        for x in xs[1:]:
            y = sin(y) * x
        return y

    xs, seeds = [0.3 + k / 50.0 for k in range(20)], [Value(0.1 * k - 1.0) for k in range(20)]
    found = hvp(f, (xs,), (seeds,))
    nodes, stack = set(), [x for x in found if x.op is not None]
    while stack:
        v = stack.pop()
        if v not in nodes and v.op is not None:
            nodes.add(v)
            stack += [a for a in v.args if isinstance(a, Value)]
    assert len(nodes) <= 2 * 2 * 19 + 20
    found[3].backward()
    assert [t.grad for t in seeds] == pytest.approx(hessian(f)(xs)[3], rel=1e-12, abs=1e-15)


PLANTS = {
    "the tangent of the adjoint": (curvature, "hessian_product", "turned.get(a, -0.0) + h * x", "turned.get(a, -0.0)"),
    "the change of the partial": (curvature, "hessian_product", "+ g * change", "+ 0.0 * change"),
    "a change of it that is written": (second_partials, "_changes", "text.tangent(p)", "None"),
    "that of a list": (curvature, "tangent_of", "_along(v, args, tangents)", "None"),
    "along Values, the tangent of the adjoint": (curvature_graphs, "_Sweep", "found += h, x", "found += h, 0.0"),
    "along Values, a change that is 0 of a partial that is not": (curvature_graphs, "_Sweep", "rates.__class__ is tuple and not rates", "not rates"),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTS)
def test_half_of_the_product_rule_is_not_enough(planted):
    halved = op("halved", lambda x: 0.5 * x * x, lambda x, y: x)

    def agree():
        for f, xs in (
            (lambda x: sin(x[0] * x[1]), [2.0, 3.0]),
            (lambda x: logsumexp(x) ** 2, [2.0, 3.0]),
            (lambda x: halved(x[0]) + dot([x[0], Value(2.0)], [x[1], Value(3.0)]), [0.0, 1.5]),
        ):
            for i, line in enumerate(hessian(f)(xs)):
                unit = [float(i == k) for k in range(2)]
                along = hvp(f, (xs,), ([Value(t) for t in unit],))
                assert hvp(f, (xs,), (unit,)) == pytest.approx(line)
                assert [float(x) for x in along] == pytest.approx(line)

    agree()
    for rates in (second_partials.changes, second_partials.curvatures):
        rates.clear()
    with pytest.MonkeyPatch.context() as patch:
        edited(*PLANTS[planted])(patch)
        patch.setattr(second_partials.changes, "_write", second_partials._changes)
        with pytest.raises(AssertionError):
            agree()
    for rates in (second_partials.changes, second_partials.curvatures):
        rates.clear()
