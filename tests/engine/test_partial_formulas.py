"""Formulas of local derivatives mean what the sweep multiplies by, and say no more than is needed."""

import math
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from reading import close, evaluated
from test_formula import ROWS, label, operands

import engine
from engine import TABLE, Value, dot, partials, tanh, topological_order
from engine.formulas.folding import Folder
from engine.formulas.formula import partial_formulas, to_latex, to_mathml, to_text

PARTIALS_WITHIN = {  # ulps where 8 are not enough
    "over": 2**12,  # cancellation of b/hypot - a/hypot near the diagonal, and a formula of its own below
    "unit": 64,
    "erfcx": 2**12,  # above 0, where the formula cancels, a polynomial has run
    "sinc": 2**12,  # near 0, where the formula cancels, its Taylor series has run
}


WRITTEN = sorted(set(ROWS) - {"edge", "share"})  # those are written as one of their operands alone
NICE = (-2.0, -1.0, -0.5, 0.25, 0.5, 1.0, 2.0)
# An operand, before it is known what it may be: a nice number, or a part of the way; and whether it is a number, at 0.
OPERAND = st.tuples(st.integers(0, 41) | st.floats(2.0**-52, 1.0 - 2.0**-53), st.integers(0, 3))


def node(row, drawn):
    """A node of one row, its operands in the domain; some of them numbers, and some the same Value."""
    made = {}

    def operand(low, high, n, place, kind):
        nice = [x for x in NICE if low < x < high]
        x = low + (high - low) * place if isinstance(place, float) else nice[place % len(nice)]
        x = x if low < x < high and abs(x) > 1e-3 else nice[0]
        return made.setdefault(x, Value(x, label=n)) if kind else x

    intervals = [i for k, i in enumerate(row.domain) for _ in range(1 + (k < int(row.lists)))]
    each = [operand(max(a, -3.0), min(b, 3.0), n, *d) for (a, b), n, d in zip(intervals, "abcde", drawn)]
    if all(isinstance(e, float) for e in each):
        each[0] = Value(each[0], label="a")
    v = row(*operands(row, each))
    v.label = "y"
    return v


@given(st.lists(OPERAND, min_size=5, max_size=5))
def test_partial_formulas_of_every_row_evaluate_to_its_partials(drawn):
    """Each row at operands of its own among those drawn: drawing takes longer than a row."""
    for k, name in enumerate(WRITTEN):
        v = node(TABLE[name], [drawn[(k + i) % 5] for i in range(5)])
        known = {a: a.label or f"n{i}" for i, a in enumerate(v.args) if isinstance(a, Value)} | {v: "y"}
        env = {n: w.data for w, n in known.items()}
        formulas, numbers = partial_formulas(v, known.get), partials(v)
        assert [f is None for f in formulas] == [p is None for p in numbers] and len(formulas) == len(v.args)
        size = 1.0 if name in ("unit", "over", "arctanh", "arcsin", "arccos", "arccosh", "sinc", "erfcx") else 0.0
        for formula, p in zip(formulas, numbers):
            if formula is not None:
                right = close(evaluated(formula, env), p, PARTIALS_WITHIN.get(name, 8), size)
                assert right, (name, formula, env, p)


def test_known_partial_formulas():
    a, b = Value(0.5, label="a"), Value(3.0, label="b")
    where, relu, maximum = engine.where, engine.relu, engine.maximum
    cases = [
        (a * b, ["b", "a"], ["b", "a"]),
        (a * a, ["a", "a"], ["a", "a"]),
        (a**2, ["2*a", None], ["2 · a", None]),
        (a**3, ["3*a**2", None], ["3 · a²", None]),
        (a**1, ["1", None], ["1", None]),
        (a**0, ["0", None], ["0", None]),
        (a**-1, ["-a**(-2)", None], ["−a⁻²", None]),
        (a**b, ["b*a**(b - 1)", "y*log(a)"], ["b · a^(b − 1)", "y · ln(a)"]),
        (2**a, [None, "0.6931471805599453*y"], [None, "0.6931 · y"]),
        (a / b, ["1/b", "-y/b"], ["1/b", "−y/b"]),
        (a / 4, ["0.25", None], ["0.25", None]),
        (a - b, ["1", "-1"], ["1", "−1"]),
        (tanh(a), ["sech2(a)"], ["sech²(a)"]),
        (engine.exp(a), ["y"], ["y"]),
        (engine.reciprocal(a), ["-y**2"], ["−y²"]),
        (engine.arctan(a), ["1/(1 + a**2)"], ["1/(1 + a²)"]),
        (engine.cos(a), ["-sin(a)"], ["−sin(a)"]),
        (engine.sigmoid(a), ["sigmoid(a)*sigmoid(-a)"], ["σ(a) · σ(−a)"]),
        (relu(a), ["[a > 0]"], ["[a > 0]"]),
        (where(a > b, a, 2.0), ["0", "where(c, 1, 0)", None], ["0", "where(c, 1, 0)", None]),
        (maximum(a, b), ["above(a, b)", "above(b, a)"], ["above(a, b)", "above(b, a)"]),
        (dot([a, b], [b, 2.0], 1.0), ["b", "k", "a", "b", None], ["b", "k", "a", "b", None]),
        (engine.mean([a, b, a]), ["0.3333333333333333"] * 3, ["0.3333"] * 3),
        (engine.logsumexp([a, b]), ["exp(a - y)", "exp(b - y)"], ["exp(a − y)", "exp(b − y)"]),
    ]
    for v, text, pretty in cases:
        name = {a: "a", b: "b", v: "y"}

        def named(u, name=name):
            return name.get(u) or ("c" if u.op else "k")

        assert partial_formulas(v, named) == text
        assert partial_formulas(v, named, "unicode") == pretty


@st.composite
def sums(draw):
    """A random graph of arithmetic that is full of ones, zeros, signs and equal nodes."""
    tape = [Value(1.75, label="x"), Value(-0.375, label="y")]
    for _ in range(draw(st.integers(1, 12))):
        name = draw(st.sampled_from(["add", "sub", "mul", "div", "neg", "power", "where", "over"]))
        a = draw(st.sampled_from(tape))
        b = draw(st.sampled_from([*tape, 0.0, 1.0, -1.0, 2.0, -2.0]))
        if name == "power":
            v = a ** draw(st.sampled_from([-1.0, 0.0, 1.0, 2.0, 3.0]))
        elif name == "where":
            v = TABLE["where"](draw(st.sampled_from([0.0, 1.0, tape[0]])), a, b)
        elif name == "neg":
            v = -a
        else:
            v = TABLE[name](*draw(st.permutations([a, b])))
        if 1e-4 < abs(v.data) < 1e4 or v.data == 0.0:
            tape.append(v)
    return tape


@given(sums())
def test_folding_keeps_the_value(tape):
    x, y, root = *tape[:2], tape[-1]
    folded = Folder({x, y}).folded(root)
    note(f"{to_text(root)}\n\n{to_text(folded) if isinstance(folded, Value) else folded}")
    size = max(abs(v.data) for v in topological_order(root))
    assert close(float(folded), root.data, 2**14, size)


def test_known_foldings():
    x, y = Value(3.0, label="x"), Value(2.0, label="y")
    cases = [
        (1.0 * x, "x"), (x * 1.0, "x"), (x * -1.0, "-x"), (0.0 + x, "x"), (x - 0.0, "x"), (0.0 - x, "-x"), (x / 1.0, "x"),
        (x * 2.0, "2*x"), (x * x, "x**2"), (TABLE["neg"](-x), "x"), (-x * -y, "x*y"), (-x * y, "-x*y"), (x * -y, "-x*y"),
        (x + -y, "x - y"), (x - -y, "x + y"), (x + -2.0, "x - 2"), (x + y * -2.0, "x - 2*y"), (x - y * -2.0, "x + 2*y"),
        (-x / y, "-x/y"), (x / -y, "-x/y"), (-x / -y, "x/y"), (-(2.0 * x), "-2*x"), (-(1.0 / x), "-1/x"),
        (-2.0 * -x, "2*x"), (x**1.0 * y, "x*y"), (TABLE["where"](1.0, x, y), "x"), (TABLE["where"](0.0, x, y), "y"),
        (TABLE["sin"](x) * TABLE["sin"](x), "sin(x)**2"), (TABLE["over"](1.0, x), "1/(1 + x**2)"),
    ]  # fmt: skip
    for v, text in cases:
        assert to_text(Folder({x, y}).folded(v)) == text
    for v, number in [(x * 0.0, 0.0), (0.0 / x, 0.0), (x**0.0, 1.0), (-1.0 * (0.0 * x + 2.0), -2.0)]:
        assert Folder({x, y}).folded(v) == number


def test_a_wrong_partial_is_printed_as_it_ran(row):
    """The formula is the rule that ran: nobody wrote this one down as text."""
    halved = row("halved", lambda x: 0.5 * x * x, lambda x, y: x + 1.0 - 0.0 * x)
    x = Value(2.0, label="x")
    assert partial_formulas(halved(x), label) == ["x + 1"]


def test_a_rule_that_leaves_the_table_prints_its_number(row):
    gamma = row("gamma_of", lambda x: math.gamma(x), lambda x, y: math.gamma(x) * 0.5)
    sharp = row("sharp", lambda x: x, lambda x, y: math.log(x - 10.0) if x > 3 else math.acos(x + 4.0))
    x = Value(3.0, label="x")
    assert partial_formulas(gamma(x), label) == ["1"]
    with pytest.raises(ValueError):
        partials(sharp(x))


@pytest.fixture
def row():
    """`engine.op`, whose rows are gone after the test."""
    before = set(TABLE)
    yield engine.op
    for name in TABLE.keys() - before:
        del TABLE[name]
        if hasattr(Value, name):
            delattr(Value, name)


def test_a_row_added_at_run_time_is_printed_in_all_styles(row):
    cube = row("cube", lambda x: x * x * x, lambda x, y: 3.0 * x**2, text="{0:5}**3", tex="{0:5}^{3}", binding=4)
    plain = row("my_soft", lambda x: x, lambda x, y: cube(x))
    x = Value(2.0, label="x1")
    v = plain(cube(x + 1) * 2)
    assert to_text(v) == "my_soft((x1 + 1)**3*2)"
    assert to_text(v, "unicode") == "my_soft((x1 + 1)³ · 2)"
    assert to_latex(v) == r"\operatorname{my\_soft}\left(\left(x_{1} + 1\right)^{3} \cdot 2\right)"
    ET.fromstring(to_mathml(v))
    assert partial_formulas(plain(x), label, "unicode") == ["x1³"]
    assert partial_formulas(cube(x), label) == ["3*x1**2"]


def test_a_tex_that_this_reader_does_not_know_still_gives_well_formed_mathml(row):
    for i, tex in enumerate(
        [r"\weird{{0:0}}_{{", r"{0:0}^", r"\frac{{0:0}}", r"\sqrt[", "<b>&{0:0}", r"\text{a & b} {0:0}"]
    ):
        odd = row(f"odd{i}", lambda x: x, 1.0, tex=tex)
        ET.fromstring(to_mathml(odd(Value(2.0, label="x"))))


def test_a_partial_that_doubles_itself_is_cut_short(row):
    def doubling(x, y):
        for _ in range(60):
            x = x * y + x
        return x

    grown = row("grown", lambda x: x, doubling)
    (formula,) = partial_formulas(grown(Value(0.5, label="x")), label)
    assert len(formula) < 50_000 and "…" in formula
