"""Faults planted one at a time: each must be caught, and each by its name."""

import math

import planting
import pytest
from checks import scalar

import engine
from engine import Value, backprop, edges, ieee
from engine.checks import GradientError, check_gradients
from engine.rule import TABLE


def report_of(f, at, **settings):
    with pytest.raises(GradientError) as caught:
        check_gradients(f, at, save=False, **settings)
    return caught.value.report


def call(name, *fixed, count=1):
    row = TABLE[name]
    if row.lists == 1:
        return lambda a, b: row([a, b]) * 3.0
    if row.lists == 2:
        return lambda a, b: row([a, b], [b, 2.0 * a], 0.5) * 3.0
    return (lambda x: 3.0 * row(x, *fixed)) if count == 1 else (lambda a, b: 3.0 * row(a, b, *fixed))


e = engine
# (op, which partial, the wrong rule, point, fixed arguments)
RULES = {
    "sign of sub": ("sub", 1, 1.0, (0.5, 2.0), ()),
    "sign of cos": ("cos", 0, lambda x, y: e.sin(x), (0.5,), ()),
    "arguments of mul swapped": ("mul", 0, lambda a, b, y: a, (0.5, 2.0), ()),
    "arguments of div swapped": ("div", 0, lambda a, b, y: 1.0 / a, (0.5, 2.0), ()),
    "div forgets its square": ("div", 1, lambda a, b, y: -1.0 / b, (0.5, 2.0), ()),
    "power forgets n": ("power", 0, lambda x, n, y: x ** (n - 1.0), (0.5, 3.0), ()),
    "power forgets the logarithm": ("power", 1, lambda x, n, y: y, (0.5, 3.0), ()),
    "silu drops a term": ("silu", 0, lambda x, y: e.sigmoid(x), (0.5,), ()),
    "gelu drops a term": ("gelu", 0, lambda x, y: e.normal_cdf(x), (0.5,), ()),
    "tan drops a term": ("tan", 0, lambda x, y: y**2, (0.5,), ()),
    "log1p as log": ("log1p", 0, lambda x, y: 1.0 / x, (0.5,), ()),
    "log2 in base e": ("log2", 0, lambda x, y: 1.0 / x, (0.5,), ()),
    "exp2 in base e": ("exp2", 0, lambda x, y: y, (0.5,), ()),
    "erf without its constant": ("erf", 0, lambda x, y: e.gauss(x), (0.5,), ()),
    "arcsin with a plus": ("arcsin", 0, lambda x, y: 1.0 / e.sqrt(1.0 + x * x), (0.5,), ()),
    "arccosh with a plus": ("arccosh", 0, lambda x, y: 1.0 / e.sqrt(x * x + 1.0), (1.5,), ()),
    "logaddexp swapped": ("logaddexp", 0, lambda a, b, y: e.sigmoid(b - a), (0.5, 2.0), ()),
    "leaky_relu forgets its slope": ("leaky_relu", 0, lambda x, slope, y: e.step(x), (-0.5, 0.1), ()),
    "elu forgets alpha": ("elu", 0, lambda x, alpha, y: e.where(e.step(x), 1.0, e.exp(x)), (-0.5, 2.0), ()),
    "dot takes its weights": ("dot", 0, lambda ws, xs, b, y: ws, (0.5, 2.0), ()),
    "mean forgets the count": ("mean", 0, lambda xs, y: [1.0] * len(xs), (0.5, 2.0), ()),
    "logsumexp is not normalised": ("logsumexp", 0, lambda xs, y: [e.exp(x) for x in xs], (0.5, 2.0), ()),
    "total halves": ("total", 0, lambda xs, y: [0.5] * len(xs), (0.5, 2.0), ()),
    "exp off by 1e-12": ("exp", 0, lambda x, y: y * (1.0 + 1e-12), (0.5,), ()),
    "deg2rad rounded": ("deg2rad", 0, 0.0174533, (0.5,), ()),
    "sqrt where 0.5 is 2": ("sqrt", 0, lambda x, y: 2.0 / y, (0.5,), ()),
    "relu is 1 at its kink": ("relu", 0, lambda x, y: e.greater_equal(x, 0.0), (0.0,), ()),
    "abs is 1 at its kink": ("abs", 0, lambda x, y: 2.0 * e.greater_equal(x, 0.0) - 1.0, (0.0,), ()),
    "maximum gives a tie to one": ("maximum", 0, lambda a, b, y: e.greater_equal(a, b), (2.0, 2.0), ()),
    "minimum gives a tie to one": ("minimum", 1, lambda a, b, y: e.less(b, a), (2.0, 2.0), ()),
    "clip is 0 at its bound": ("clip", 0, lambda x, lo, hi, y: e.less(lo, x) * e.less(x, hi), (1.0,), (0.0, 1.0)),
    "sqrt is 0 at 0": ("sqrt", 0, lambda x, y: e.where(x, 0.5 / y, 0.0), (0.0,), ()),
    "power is nan in n at 0": ("power", 1, lambda x, n, y: y * e.log(x), (0.0, 2.0), ()),
    "hypot is nan at the origin": ("hypot", 0, lambda a, b, y: a / y, (0.0, 0.0), ()),
    "reciprocal is 0 at 0": ("reciprocal", 0, lambda x, y: e.where(x, -y * y, 0.0), (0.0,), ()),
}  # fmt: skip


@pytest.mark.parametrize("fault", RULES)
def test_a_wrong_partial_is_caught_and_named(fault, monkeypatch):
    name, i, wrong, at, fixed = RULES[fault]
    row = TABLE[name]
    check_or_edge(call(name, *fixed, count=len(at)), at)
    partials = list(row.partials)
    partials[i] = wrong
    planting.row(name, partials=tuple(partials))(monkeypatch)
    report = report_of(call(name, *fixed, count=len(at)), at)
    assert (report.blame.op, report.blame.part) == (name, "partial")
    assert report.verdicts["wrong"]


def check_or_edge(f, at):
    """The same check passes while the rule is right."""
    assert check_gradients(f, at, save=False).ok


INACCURATE = {
    "tanh' as 1 - y*y": ("tanh", lambda x, y: 1.0 - y * y, 20.0),
    "sigmoid' as y*(1 - y)": ("sigmoid", lambda x, y: y * (1.0 - y), 40.0),
    "erf' by a plain exp(-x*x)": ("erf", lambda x, y: 2.0 / math.sqrt(math.pi) * e.exp(-x * x), 20.3),
}


@pytest.mark.parametrize("fault", INACCURATE)
def test_a_rule_that_loses_its_digits_is_inaccurate_and_named(fault, monkeypatch):
    name, wrong, at = INACCURATE[fault]
    planting.row(name, partials=(wrong,))(monkeypatch)
    report = report_of(call(name), at)
    assert (report.blame.op, report.blame.part) == (name, "partial")
    assert report.verdicts["inaccurate"]
    assert not report.verdicts["wrong"]


def test_a_derivative_of_order_3_is_compared_with_the_taylor_series(monkeypatch):
    # Factors that cancel make the ball, too, wider than the derivative: 1.6e-19, and 2.4e-19 is exact.
    def verdicts(n):
        report = check_gradients(lambda x: e.derivative(e.arctan)(x), 1e-20, order=3, save=False)
        return [f.verdict for f in report.findings if f.order == n]

    assert verdicts(3) == ["ok"]
    partials = (lambda a, b, y: (e.over(b, a) - y) * (e.over(b, a) + y), TABLE["over"].partials[1])
    planting.row("over", partials=partials)(monkeypatch)
    assert (verdicts(2), verdicts(3)) == (["ok"], ["inconclusive"])


FORWARD = {
    "expm1 by subtraction": ("expm1", lambda x: math.exp(x) - 1.0, 1e-9),
    "log1p by addition": ("log1p", lambda x: math.log(1.0 + x), 1e-9),
    "sin in single precision": ("sin", lambda x: math.sin(x) * (1.0 + 1e-8), 0.5),
    "softplus that overflows": ("softplus", lambda x: ieee.log(1.0 + ieee.exp(x)), 1000.0),
    "relu that leaks": ("relu", lambda x: x if x > 0.0 else 1e-6 * x, -0.5),
}


@pytest.mark.parametrize("fault", FORWARD)
def test_a_wrong_forward_is_caught_and_named(fault, monkeypatch):
    name, wrong, at = FORWARD[fault]
    monkeypatch.setattr(TABLE[name], "forward", wrong)
    report = report_of(lambda x: TABLE[name](x) * 3.0, at)  # a call of the op reads the row
    assert (report.blame.op, report.blame.part) == (name, "value")


SECOND = {
    "sech2 loses its sign": ("sech2", lambda x, y: 2.0 * y * e.tanh(x), lambda x: e.tanh(x) * x, "sech2"),
    "exp' is a constant": (
        "exp",
        lambda x, y: y.detach() if isinstance(y, Value) else y,
        lambda x: e.exp(x) * x,
        "exp",
    ),
    "sin' forgets x": (
        "sin",
        lambda x, y: Value(math.cos(x.data)) if isinstance(x, Value) else math.cos(x),
        lambda x: e.sin(x) * x,
        "sin",
    ),
}


@pytest.mark.parametrize("fault", SECOND)
def test_a_fault_of_the_second_derivative_alone_is_caught_and_named(fault, monkeypatch):
    name, wrong, f, guilty = SECOND[fault]
    planting.row(name, partials=(wrong,))(monkeypatch)
    assert check_gradients(f, 0.7, save=False).ok
    report = report_of(f, 0.7, order=2)
    assert report.blame.op == guilty
    assert report.blame.part in ("partial", "second derivative")


TRAVERSALS = {
    "overwrites": "overwrites",
    "no_visited_set": "swept more than once",
    "sorted_without_visited_set": "swept more than once",
    "breadth_first": "not a topological order",
    "preorder": "not a topological order",
    "edges_in_a_set": "counted once",
    "skips_shared": "shared nodes are skipped",
    "first_user_only": "one user only",
    "seeds_two": "2 times",
    "reaches_nothing": "reaches nothing",
    "keeps_momentum": "kept between calls",
    "warms_up": "kept between calls",
}

SHARED = {  # a graph in which the mistake shows
    "skips_shared": lambda x, y: (lambda h: h.exp() + h)(x.sin()) + y.exp(),
    "edges_in_a_set": lambda x, y: (x * x).sin() + y * x,
    "breadth_first": lambda x, y: (lambda h: h.exp().sin().exp() + h * y)((x * y).sin()),
    "preorder": lambda x, y: (lambda h: h.exp().sin().exp() + h * y)((x * y).sin()),
}


def shared(x, y):
    h = (x * y).sin()
    g = h.exp() + h * x
    return g * g.tanh() + g


@pytest.mark.parametrize("mistake", TRAVERSALS)
def test_a_wrong_traversal_is_caught_and_named(mistake):
    f = SHARED.get(mistake, shared)
    assert check_gradients(f, (0.5, 2.0), engine=scalar.engine(), save=False).ok
    report = report_of(f, (0.5, 2.0), engine=scalar.engine(mistake))
    assert report.blame.part == "traversal"
    assert TRAVERSALS[mistake] in report.blame.why


def test_a_wrong_rule_of_another_engine_is_named():
    class Wrong(scalar.Node):
        def tanh(self):
            y = math.tanh(self.data)
            return Wrong(y, (self,), (1.0 - y,))

    report = report_of(lambda x: x.tanh(), 0.7, engine=scalar.engine()._replace(make=Wrong))
    assert (report.blame.op, report.blame.part) == ("tanh", "partial")


def test_an_inaccurate_rule_of_another_engine_is_reported_and_passes():
    class Rounded(scalar.Node):
        def tanh(self):
            y = math.tanh(self.data)
            return Rounded(y, (self,), (1.0 - y * y,))

    report = check_gradients(lambda x: x.tanh(), 20.0, engine=scalar.engine()._replace(make=Rounded))
    assert report.verdicts["inaccurate"]
    assert report.ok


def test_a_fault_of_forward_mode_alone_is_caught():
    def wrong_jvp(f, point, tangent):
        return engine.jvp(f, tuple(point), tuple(tangent))[1] * (1.0 + 1e-9)

    theirs = engine.checks.CHAINRULE._replace(name="theirs", jvp=wrong_jvp)
    assert check_gradients(lambda x: engine.exp(x), 0.5, engine=theirs, save=False).ok
    report = report_of(lambda x: engine.exp(x), 0.5, engine=theirs, modes=("reverse", "forward"))
    assert {f.mode for f in report.findings if f.verdict == "wrong"} == {"forward"}


def test_a_stale_saved_operand_is_named(monkeypatch):
    def f(x):
        h = x * x
        y = engine.exp(h)
        y._x = 0.0  # what was saved at forward time is lost
        return y

    report = report_of(f, 0.5)
    assert (report.blame.op, report.blame.part) == ("exp", "saved operand")


SWEEPS = {
    "drops the second operand": lambda a, p, g, k: 0.0 if k else g * p,
    "adds twice": lambda a, p, g, k: 2.0 * g * p,
}


@pytest.mark.parametrize("fault", SWEEPS)
def test_a_wrong_sweep_of_our_own_is_caught(fault, monkeypatch):
    def sweep(order, zero):
        for v in reversed(order):
            g = v.grad
            for k, (a, p) in enumerate(backprop.connected_edges(v)):
                a.grad += SWEEPS[fault](a, p, g, k)

    monkeypatch.setattr(backprop, "_sweep", sweep)
    report = report_of(shared, (0.5, 2.0))
    assert report.blame.part == "traversal"


def test_a_wrong_graph_of_gradients_is_caught(monkeypatch):
    planting.edited(edges, "pushed", "g * p if p.__class__ is Value", "g if p.__class__ is Value")(monkeypatch)
    assert check_gradients(shared, (0.5, 2.0), save=False).ok
    report = report_of(shared, (0.5, 2.0), order=2)
    assert report.blame.part in ("traversal", "second derivative")


def test_a_gradient_graph_that_is_cut_from_its_leaves_is_caught(monkeypatch):
    monkeypatch.setattr(
        "engine.checks.check.gradients", lambda root, wrt: [Value(g.data) for g in engine.gradients(root, wrt)]
    )
    report = report_of(lambda x: engine.sin(x) * x, 0.5, order=2)
    assert {f.order for f in report.findings if f.verdict == "wrong"} == {2}


def test_another_engine_whose_sums_have_no_fixed_order_is_noted_and_passes():
    calls = []

    def grads(output, leaves):
        calls.append(1)
        return [g * (1.0 + 2.0**-52 * (len(calls) % 2)) for g in scalar.Sweep()(output, leaves)]

    report = check_gradients(shared, (0.5, 2.0), engine=scalar.engine()._replace(grads=grads), save=False)
    assert report.ok
    assert "no fixed order" in str(report)
