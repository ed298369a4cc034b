"""Printed formulas mean what was computed: text reads back to the same bits, partials to the local derivatives."""

import math
import xml.etree.ElementTree as ET
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st
from matplotlib.mathtext import MathTextParser
from reading import bits, close, evaluated, from_mathml, from_unicode

import engine
from engine import TABLE, Value, detect_anomaly, dot, gradients, no_grad, tanh, topological_order, total
from engine.formulas.formula import expression, partial_formulas, to_latex, to_mathml, to_text
from engine.formulas.graph_names import GraphNames
from engine.formulas.naming import name_text, names, partial_derivative, places, total_derivative
from engine.formulas.notation import STYLES, number_text

ROWS = sorted(TABLE)
label = Value.label.fget

# Rows that are written as another formula than the one they run, which is why they are rows of their own.
WRITTEN_DIFFERENTLY = {
    "unit": "a/hypot(a, b) does not say that it is 0 at the origin and that nothing overflows",
    "over": "a/(a**2 + b**2) rounds twice more and overflows; the row divides by hypot two times",
    "square": "x*x is written x**2, and math.pow need not round as a product does",
    "edge": "only its formula is written, not the value at the exceptional point",
    "logistic_pdf": "sigmoid(x)*sigmoid(-x) is two exponentials, and the row is made of one",
    "share": "b is not written, since it is 1 but for rounding",
    "gap": "a - b does not say that it is 0 where both are inf",
}
SAME_BITS = tuple(r for r in ROWS if r not in WRITTEN_DIFFERENTLY)


def operands(row, each):
    """The operands of a row from a flat list: first its lists, of two elements, then the others."""
    each, lists = list(each), int(row.lists)
    return [each[2 * i : 2 * i + 2] for i in range(lists)] + each[2 * lists : lists + row.arity]


def width(row):
    return row.arity + int(row.lists)


def around(outer, place, inner):
    """(node, environment): one row around another, at one of its places."""
    leaves = [Value(x, label=n) for x, n in zip([0.75, 0.625, 1.25, 0.5, 1.5, 0.875], "abcdfg")]
    zero = [Value(0.0, label="z")]  # the condition of `edge`, of which only the formula is written
    one = [leaves[1], Value(1.0, label="o")]  # what `share` divides, and by what, which is not written
    each = {"edge": zero + leaves, "share": [*one]}.get(outer.name, leaves)[: width(outer)]
    each[place] = inner(*operands(inner, {"edge": zero + leaves, "share": one}.get(inner.name, leaves[1:])))
    return outer(*operands(outer, each)), {v.label: v.data for v in leaves}


def pairs(name):
    """Every row at every place of one row."""
    places = range(name == "edge", 1 if name == "share" else width(TABLE[name]))
    return [(place, inner) for inner in TABLE.values() for place in places]


NUMBER = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 3.0]), st.floats(-4.0, 4.0), st.floats(allow_nan=False)
)


@st.composite
def graphs(draw, rows=SAME_BITS, most=12):
    """A random graph as a flat tape: each op takes operands from anywhere before it, so that nodes are shared."""
    tape = [Value(draw(NUMBER), label=f"x{i}") for i in range(draw(st.integers(1, 3)))] + [Value(draw(NUMBER))]
    for _ in range(draw(st.integers(1, most))):
        row = TABLE[draw(st.sampled_from(rows))]
        each = []
        for _ in range(width(row)):
            back = draw(st.integers(-2, len(tape) - 1))
            each.append(tape[-1 - back] if back >= 0 else draw(NUMBER))
        if row.name == "greater":  # [x > 0] is read as `step`, which differs at nan
            each = [Value(e) if isinstance(e, float) else e for e in each]
        v = row(*operands(row, each))
        tape.append(v if isinstance(v, Value) else Value(v))
    return tape[-1]


def environment(root):
    known = GraphNames(topological_order(root)).found
    return {name: v.data for v, name in known.items() if v.op is None and v.label}


# Text reads back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROWS)
def test_text_of_every_row_around_every_row_reads_back_the_same_bits(name):
    for place, inner in pairs(name):
        v, env = around(TABLE[name], place, inner)
        text = to_text(v)
        found = evaluated(text, env)
        if {name, inner.name} & WRITTEN_DIFFERENTLY.keys():
            assert close(found, v.data, 64), (text, found, v.data)
        else:
            assert bits(found) == bits(v.data), (text, found, v.data)


@given(graphs())
def test_text_of_any_graph_reads_back_the_same_bits(root):
    text = to_text(root)
    note(text)
    assert bits(evaluated(text, environment(root))) == bits(root.data)


@given(graphs(most=6), st.data())
def test_text_of_gradient_graphs_reads_back_the_same_bits(root, data):
    leaves = [v for v in topological_order(root) if v.op is None and v.label]
    assume(leaves)
    (first,) = gradients(root, [data.draw(st.sampled_from(leaves))])
    (second,) = gradients(first, [leaves[0]])
    for graph in (first, second):
        used = {v.op.name for v in topological_order(graph) if v.op}
        assume(not used & WRITTEN_DIFFERENTLY.keys())
        text = to_text(graph)
        note(text)
        assert bits(evaluated(text, environment(graph))) == bits(graph.data)


def test_second_derivatives_print():
    x = Value(3.0, label="x")
    (first,) = gradients(x**3, [x])
    (second,) = gradients(first, [x])
    assert to_text(first) == "3*x**2"
    assert evaluated(to_text(second), {"x": 3.0}) == 18.0


@pytest.mark.parametrize(
    "x", [0.1, -0.0, 0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 1e15, -2.0]
)
def test_a_number_in_text_reads_back_the_same_bits(x):
    assert bits(evaluated(to_text(Value(x)), {})) == bits(x)
    v = TABLE["where"](Value(0.0, label="a"), 1.0, x)
    assert bits(evaluated(to_text(v), {"a": 0.0})) == bits(x)


def test_a_rule_that_divides_by_the_number_zero_runs_in_gradient_graphs():
    x = Value(2.0, label="x")
    (first,) = gradients(x / 0.0, [x])
    assert first.data == math.inf


def test_leaves_without_a_label_are_floats_in_text():
    v = Value(123456789012345.0) * Value(987654321098765.0) + 1
    assert to_text(v) == "123456789012345.0*987654321098765.0 + 1"
    assert bits(evaluated(to_text(v), {})) == bits(v.data)


def test_text_tells_of_the_numbers_at_forward_time():
    a = Value(2.0)
    v = a * a
    a.data = 5.0
    assert to_text(v) == "2.0*2.0"


def test_a_node_used_more_than_once_has_a_line_of_its_own():
    c = Value(1.0, label="c")
    for _ in range(40):
        c = c + c
    lines = to_text(c).split("\n")
    assert len(lines) == 40
    assert lines[0] == "v1 = c + c" and lines[-1] == "v39 + v39"
    assert evaluated(to_text(c), {"c": 1.0}) == 2.0**40


def test_a_label_names_the_line_of_a_shared_node_and_two_equal_labels_are_told_apart():
    a, b = Value(2.0, label="a"), Value(3.0, label="a")
    d = a * b
    d.label = "d"
    assert to_text(d + d) == "d = a*a_2\nd + d"


def test_names_of_nodes_without_a_label_keep_clear_of_labels():
    a, v1 = Value(2.0, label="v2"), Value(3.0, label="v1")
    s = a + v1
    assert to_text(s * s) == "v3 = v2 + v1\nv3*v3"
    leaves = [Value(1.0, label=n) for n in ("x", "x", "x_2", "x")]
    assert list(GraphNames(leaves).found.values()) == ["x", "x_3", "x_2", "x_4"]


def test_a_name_that_is_made_up_is_no_symbol_of_another():
    """x_2 and x2, v1 and v[1] are one symbol each in mathematics."""
    x, twin, x2, v, other = (Value(2.0 + i, label=name) for i, name in enumerate(["x", "x", "x2", "v[1]", "v_3"]))
    root = (x * twin * x2 + v) * other
    known = GraphNames(topological_order(root)).found
    assert [known[leaf] for leaf in (x, twin, x2, v, other)] == ["x", "x_3", "x2", "v[1]", "v_3"]
    for style in ("latex", "mathml"):
        assert len({name_text(name, style) for name in known.values()}) == len(known)


def test_deep_chains_break_into_lines_and_every_style_stays_linear():
    x = Value(1.0, label="x")
    v = x
    sizes = []
    for n in (2_000, 2_000, 4_000):
        for _ in range(n):
            v = TABLE["sin"](v)
        sizes.append([len(to_text(v)), len(to_latex(v)), len(to_mathml(v))])
        assert max(map(len, to_text(v).split("\n"))) < 50 * len("sin()") + 20
    for small, large in zip(sizes[1], sizes[2]):
        assert 1.8 < large / small < 2.3


# What is seen in the other styles ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROWS)
def test_mathml_of_every_row_around_every_row_is_seen_to_have_the_same_value(name):
    for place, inner in pairs(name):
        v, env = around(TABLE[name], place, inner)
        seen = from_mathml(to_mathml(v))
        assert close(evaluated(seen, env), v.data, 2**16, 1e-3), (seen, v.data)


@pytest.mark.parametrize("name", ROWS)
def test_unicode_of_every_row_around_every_row_is_seen_to_have_the_same_value(name):
    for place, inner in pairs(name):
        if name == inner.name == "abs":
            continue  # bars do not say which of them opens
        v, env = around(TABLE[name], place, inner)
        seen = from_unicode(to_text(v, "unicode"))
        assert close(evaluated(seen, env), v.data, 64, 1e-3), (seen, v.data)


@given(graphs())
def test_latex_has_balanced_braces_and_mathml_is_well_formed(root):
    assert_balanced(to_latex(root))
    ET.fromstring(to_mathml(root))


def test_matplotlib_reads_the_latex_of_every_row():
    read = MathTextParser("path").parse
    for name in ROWS:
        v, _ = around(TABLE[name], name == "edge", TABLE["div"])
        read(f"${to_latex(v)}$")
        for formula in partial_formulas(v, lambda a: a.label or "k", "latex"):
            read(f"${formula}$")


def assert_balanced(latex):
    depth, lefts, i = 0, 0, 0
    while i < len(latex):
        if latex[i] == "\\":
            lefts += latex.startswith(r"\left", i) - latex.startswith(r"\right", i)
            i += 2
            continue
        depth += (latex[i] == "{") - (latex[i] == "}")
        assert depth >= 0, latex
        i += 1
    assert depth == lefts == 0, latex


def test_known_notations():
    a, b, x1 = Value(2.0, label="a"), Value(3.0, label="b"), Value(0.5, label="x1")
    cases = [
        (a * x1, "a*x1", "a · x1", r"a \cdot x_{1}"),
        (a - (b - x1), "a - (b - x1)", "a − (b − x1)", r"a - \left(b - x_{1}\right)"),
        (-(a * b), "-a*b", "−a · b", r"-a \cdot b"),
        (a * -b, "a*(-b)", "a · (−b)", r"a \cdot \left(-b\right)"),
        (a + -b, "a + (-b)", "a + (−b)", r"a + \left(-b\right)"),
        ((-a) ** 2, "(-a)**2", "(−a)²", r"\left(-a\right)^{2}"),
        (a**-1, "a**(-1)", "a⁻¹", "a^{-1}"),
        (a**b**x1, "a**(b**x1)", "a^(b^x1)", "a^{b^{x_{1}}}"),
        (a / b, "a/b", "a/b", r"\frac{a}{b}"),
        ((a / b) ** 2, "(a/b)**2", "(a/b)²", r"\left(\frac{a}{b}\right)^{2}"),
        (a * 1e-5 + 0.25, "a*1e-05 + 0.25", "a · 1.0e−5 + 0.25", r"a \cdot \left(1.0 \cdot 10^{-5}\right) + 0.25"),
        (tanh(a) * 0.3333333333333333, "tanh(a)*0.3333333333333333", "tanh(a) · 0.3333", r"\tanh\left(a\right) \cdot 0.3333"),
        (dot([a, b], [x1, 2.0], 1.0), "dot([a, b], [x1, 2.0], 1)", "a · x1 + b · 2.0 + 1", r"a \cdot x_{1} + b \cdot 2.0 + 1"),
        (dot([a], [-b]), "dot([a], [-b], 0)", "a · (−b)", r"a \cdot \left(-b\right)"),
        (total([a, b]) * 2, "total([a, b])*2", "(a + b) · 2", r"\left(a + b\right) \cdot 2"),
        (engine.relu(a > b), "relu([a > b])", "relu([a > b])", r"\operatorname{relu}\left([a > b]\right)"),
        (engine.exp(a) ** 2, "exp(a)**2", "exp(a)²", r"\left(e^{a}\right)^{2}"),
        (engine.expm1(a) * b, "expm1(a)*b", "expm1(a) · b", r"\left(e^{a} - 1\right) \cdot b"),
        (engine.sech2(a), "sech2(a)", "sech²(a)", r"\operatorname{sech}^2\left(a\right)"),
    ]  # fmt: skip
    for v, text, pretty, latex in cases:
        assert (to_text(v), to_text(v, "unicode"), to_latex(v)) == (text, pretty, latex)


def test_known_mathml():
    a, w1 = Value(2.0, label="a"), Value(3.0, label="w1")
    cases = [
        (a / w1, "<mfrac><mi>a</mi><msub><mi>w</mi><mn>1</mn></msub></mfrac>"),
        (a**2, "<msup><mi>a</mi><mn>2</mn></msup>"),
        (engine.sqrt(a), "<msqrt><mi>a</mi></msqrt>"),
        (engine.exp(-a), "<msup><mi>e</mi><mrow><mo>−</mo><mi>a</mi></mrow></msup>"),
        (abs(a), "<mrow><mo>|</mo><mi>a</mi><mo>|</mo></mrow>"),
        (a > 1, "<mrow><mo>[</mo><mi>a</mi><mo>&gt;</mo><mn>1</mn><mo>]</mo></mrow>"),
    ]
    for v, mathml in cases:
        assert to_mathml(v) == f'<math display="block">{mathml}</math>'


def test_a_long_list_is_elided_in_expressions_and_whole_in_text():
    ws = [Value(float(i), label=f"w{i}") for i in range(100)]
    xs = [Value(float(i), label=f"x{i}") for i in range(100)]
    v = dot(ws, xs)
    assert expression(v, label, "unicode") == "w0 · x0 + w1 · x1 + w2 · x2 + … + w99 · x99"
    assert expression(v, label).count("w") == 100
    assert len(to_text(v)) < 2_000


# Numbers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (2.0, "2.0"), (0.70710678, "0.7071"), (-3.0851, "−3.085"), (0.0, "0.0"), (-0.0, "0.0"), (math.nan, "nan"),
        (math.inf, "∞"), (-math.inf, "−∞"), (1.2344e-5, "1.234e−5"), (1e-4, "0.0001"), (9.99999e-5, "0.0001"),
        (0.00012345678, "0.0001235"), (999999.0, "999999.0"), (999999.6, "1.0e6"), (1e6, "1.0e6"), (-2.5e300, "−2.5e300"),
        (12345.678, "12346.0"), (0.99999, "1.0"), (9.9996, "10.0"), (99.994, "99.99"), (5e-324, "4.941e−324"),
        (1234.5678, "1235.0"), (100.0, "100.0"),
    ],
)  # fmt: skip
def test_known_number_texts(x, text):
    assert number_text(x) == text


@given(st.floats())
def test_number_text_has_a_dot_and_four_digits_that_are_right(x):
    text = number_text(x)
    if math.isfinite(x):
        assert "." in text and "-" not in text
        assert abs(Fraction(text.replace("−", "-")) - Fraction(x)) <= Fraction(5, 10_000) * abs(Fraction(x))
        assert sum(c.isdigit() for c in text.split("e")[0].lstrip("−0.")) <= 7
    else:
        assert text in ("nan", "∞", "−∞")


# Nothing changes -----------------------------------------------------------------------------------------------------


def snapshot(root):
    return [
        (v, bits(v.data), id(v.grad), v.label, v.scope, v.op, v._about, *map(repr, v._operands()))
        for v in topological_order(root)
    ]


def printed(root):
    out = [to_text(root), to_latex(root), to_mathml(root)]
    for v in topological_order(root):
        out += [expression(v, lambda a: a.label or "k", style) for style in STYLES]
        out += [partial_formulas(v, lambda a: a.label or "k", style) for style in STYLES]
    return out


@given(graphs(rows=tuple(ROWS), most=6))
def test_printing_changes_nothing_and_is_the_same_inside_any_context(root):
    root.backward()
    before = snapshot(root)
    once = printed(root)
    with engine.scope("somewhere"), no_grad(), detect_anomaly():
        again = printed(root)
    assert once == again
    assert all(a is b or a == b for x, y in zip(before, snapshot(root)) for a, b in zip(x[1:], y[1:]))
    assert engine.context.innermost() is None and engine.context.recording()


# Names ---------------------------------------------------------------------------------------------------------------


def test_names_labels_values_by_their_variables():
    a, b, w = Value(1.0), Value(2.0, label="mine"), [Value(3.0), [Value(4.0), Value(5.0)]]
    layer, grid = {"b": Value(6.0), 1: Value(7.0)}, np.array([[Value(8.0), Value(9.0)]])
    space = {"w_first": w, "a": a, "b": b, "w": w, "layer": layer, "grid": grid, "_hidden": Value(1.0), "n": 3}
    space |= {"In": ["a"], "Out": {1: Value(0.0)}}  # a notebook's history
    given_names = names(space)
    assert a.label == "a" and b.label == "mine"
    assert [v.label for v in (w[0], *w[1])] == ["w_first[0]", "w_first[1][0]", "w_first[1][1]"]
    assert (layer["b"].label, layer[1].label) == ("layer['b']", "layer[1]")
    assert [v.label for v in grid[0]] == ["grid[0, 0]", "grid[0, 1]"]
    assert space["_hidden"].label == space["Out"][1].label == ""
    assert given_names == {v.label: v for v in (a, w[0], *w[1], *layer.values(), *grid[0])}


def test_a_variable_of_its_own_comes_before_a_place_in_a_list():
    a = Value(1.0)
    assert list(names({"inputs": [a], "a": a})) == ["a"]


def test_names_takes_a_mapping():
    with pytest.raises(TypeError, match=r"names takes a mapping .*locals\(\)"):
        names([Value(1.0)])


def test_style_takes_one_of_four():
    with pytest.raises(ValueError, match="style takes 'text', 'unicode', 'latex', 'mathml', got 'html'"):
        expression(Value(1.0) + 1, label, "html")


@pytest.mark.parametrize(
    ("name", "latex", "mathml"),
    [
        ("x", "x", "<mi>x</mi>"),
        ("p2", "p_{2}", "<msub><mi>p</mi><mn>2</mn></msub>"),
        ("w[0]", "w_{0}", "<msub><mi>w</mi><mn>0</mn></msub>"),
        ("W[0][1]", "W_{0,1}", "<msub><mi>W</mi><mn>0,1</mn></msub>"),
        ("W[0, 1]", "W_{0,1}", "<msub><mi>W</mi><mn>0,1</mn></msub>"),
        ("x_3", "x_{3}", "<msub><mi>x</mi><mn>3</mn></msub>"),
        ("loss", r"\mathit{loss}", "<mi>loss</mi>"),
        ("hidden12", r"\mathit{hidden}_{12}", "<msub><mi>hidden</mi><mn>12</mn></msub>"),
        ("my label", r"\mathit{my\ label}", "<mi>my label</mi>"),
        ("2", "2", "<mi>2</mi>"),
        ("a<b", r"\mathit{a{<}b}", "<mi>a&lt;b</mi>"),
    ],
)
def test_known_names(name, latex, mathml):
    assert name_text(name, "latex") == latex
    assert name_text(name, "mathml") == mathml
    assert name_text(name, "text") == name_text(name, "unicode") == name


# Hostile labels ------------------------------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>", "]]>", "&", "&amp;", "<", ">", '"', "'", "`", "\\", "\\\\", "{", "}", "{}", "}{", "$",
    "$$x$$", "%", "#", "_", "__x__", "^", "~", "\\input{/etc/passwd}", "\\end{aligned}", "\\newcommand", "a\nb", "a\r\nb",
    "a\tb", "\0", "\x1b[31mred", "\u202eevil", "\u2066x\u2069", "\ufeff", "\ud800", "\uffff", "\u2028", "🙂👩\u200d🚀",
    "漢字", "é", "x" * 10_000, " ", "{0:0}", "{+ x +}", "\\left(", "]]><!--", "<![CDATA[", "a = b", "a, b", "w[0", "∂",
    "\x85", "\x7f", "١٢", "x²",
]  # fmt: skip


def test_there_are_enough_hostile_labels():
    assert len(set(HOSTILE)) >= 40


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_labels_break_nothing(text):
    a, b = Value(2.0, label=text), Value(3.0, label="b")
    c = a * b
    c.label = text + "c"
    root = c / c + a**2
    latex, mathml, plain = to_latex(root), to_mathml(root), to_text(root)
    assert_balanced(latex)
    harmless = latex.replace("&=", "").replace(r"&\phantom", "")
    for i, character in enumerate(harmless):
        if character in "&%$#" and text != "x":
            assert harmless[i - 1] == "\\", latex
    for command in (r"\input", r"\newcommand", r"\end{aligned}\mathit", r"\left(c"):
        assert command not in latex
    tags = {e.tag for e in ET.fromstring(mathml).iter()}
    assert tags <= {"math", "mtable", "mtr", "mtd", "mrow", "mi", "mo", "mn", "msup", "msub", "mfrac"}
    assert len(plain.split("\n")) == 2
    for out in (latex.replace("\n", ""), mathml, plain.replace("\n", "")):
        assert not any(ord(ch) < 32 or ch in "\x7f\x85\u2028\u202e\u2066\u2069\ufeff\ud800\uffff" for ch in out)
        out.encode()


# Derivatives ---------------------------------------------------------------------------------------------------------


def test_a_derivative_of_what_is_called_dy_dx_is_a_second_one():
    assert total_derivative("dy/dx", "x", "unicode") == "d²y/dx²"
    assert total_derivative("d²y/dx²", "x", "unicode") == "d³y/dx³"
    assert total_derivative("dy/dx", "a", "unicode") == "d(dy/dx)/da"
    assert total_derivative("dy/dx", "dy/dx", "unicode") == "d(dy/dx)/d(dy/dx)"
    assert total_derivative("dy/dx", "x", "latex") == r"\frac{\mathrm{d}^{2}y}{\mathrm{d}x^{2}}"
    assert partial_derivative("dy/dx", "v4", "unicode") == "∂(dy/dx)/∂v4"
    assert partial_derivative("L", "w[0, 1]", "unicode") == "∂L/∂w[0, 1]"
    for odd in ("", "d", "/d", "d/d", "dy/d", "d⁹y/dx⁹", "/dx", "y/dx", "²/d²"):
        assert total_derivative(odd, "x", "unicode").startswith("d")


def test_an_operand_that_is_taken_twice_is_told_apart_in_every_style():
    assert partial_derivative("v1", "x", "unicode", "2nd") == "∂v1/∂(2nd x)"
    assert partial_derivative("v1", "x", "latex", "1st").endswith(r"{\partial \left(\text{1st }x\right)}")
    x = Value(2.0)
    assert places(engine.total([x] * 23))[10:13] == ["11th", "12th", "13th"]
    assert places(engine.total([x] * 23))[-3:] == ["21st", "22nd", "23rd"]
    assert places(x * Value(2.0)) == ["", ""]


def test_a_power_of_one_is_its_base():
    a = Value(3.0, label="a")
    assert [expression(a**1, lambda v: v.label, style) for style in STYLES] == ["a**1", "a", "a", "<mi>a</mi>"]
