"""What explain says is what backward does: the same sums to the bit, and numbers that agree to their last digit."""

import gc
import re
import struct
import xml.etree.ElementTree as ET
from fractions import Fraction
from math import isfinite

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from test_formula import HOSTILE, assert_balanced, graphs, snapshot
from test_partial_formulas import row  # noqa: F401  a fixture

import engine
import nn
from engine import TABLE, Value, detect_anomaly, dot, explain, gradients, no_grad, relu, topological_order, total
from engine.formulas.chain import chain_rule
from engine.formulas.notation import number_text

ROWS = tuple(sorted(TABLE))


def bits(x):
    return "nan" if x != x else struct.pack("d", x)


def example():
    """The expression of micrograd's lecture, at its numbers."""
    a, b, c, f = [Value(x, label=n) for n, x in {"a": 2.0, "b": -3.0, "c": 10.0, "f": -2.0}.items()]
    e = a * b
    d = e + c
    root = d * f
    e.label, d.label, root.label = "e", "d", "L"
    return root, a


# The data ------------------------------------------------------------------------------------------------------------


@given(graphs(rows=ROWS))
def test_sums_are_the_bits_that_backward_computes_at_every_node(root):
    chains = chain_rule(root)
    root.backward()
    assert list(chains) == topological_order(root)[::-1]
    for v, chain in chains.items():
        note(f"{v!r} {chain}")
        assert bits(chain.sum) == bits(v.grad)


@given(st.lists(st.floats(-1e3, 1e3), min_size=3))
def test_many_paths_are_added_in_the_order_of_backward(factors):
    x = Value(0.1, label="x")
    root = x * x
    for c in factors:
        root = root + x * c
    found = chain_rule(root)[x].sum
    root.backward()
    assert bits(found) == bits(x.grad)


@given(graphs(rows=ROWS))
def test_there_is_one_path_for_each_edge_and_its_numbers_are_those_of_the_engine(root):
    chains = chain_rule(root, 0.75)
    edges = {(v, i): a for v in chains for i, a in enumerate(v.args) if isinstance(a, Value)}
    found = {(p.user, p.edge): v for v, chain in chains.items() for p in chain.paths}
    assert found == edges
    assert chains[root].sum == 0.75
    for chain in chains.values():
        for p in chain.paths:
            assert bits(p.adjoint) == bits(chains[p.user].sum)
            assert bits(p.local) == bits(engine.partials(p.user)[p.edge])
            assert bits(p.product) == bits(p.adjoint * p.local if p.connected else 0.0)


def test_the_chain_rule_of_several_roots_is_that_of_their_sum():
    x = Value(3.0)
    y = x * x
    z = y * 2.0
    chains = chain_rule([y, z])
    assert (chains[z].sum, chains[y].sum, chains[x].sum) == (1.0, 3.0, 18.0)
    assert [p.data for p in chains[x].paths] == [3.0, 3.0]


@given(graphs(rows=ROWS, most=8))
def test_explaining_changes_nothing_and_is_the_same_inside_any_context(root):
    root.backward()
    before = snapshot(root)
    once = str(explain(root)), explain(root).to_latex(), explain(root).to_html()
    with engine.scope("somewhere"), no_grad(), detect_anomaly():
        again = str(explain(root)), explain(root).to_latex(), explain(root).to_html()
    assert once == again
    assert all(a is b or a == b for x, y in zip(before, snapshot(root)) for a, b in zip(x[1:], y[1:]))


# The lines -----------------------------------------------------------------------------------------------------------


def test_the_lines_of_the_lecture():
    root, a = example()
    assert str(explain(root, a)) == (
        "dL/da = dL/de·∂e/∂a = −2.0·(−3.0) = 6.0\n    e = a · b, so ∂e/∂a = b = −3.0"  #
    )
    assert str(explain(root)).split("\n") == [
        "dL/dL = 1.0",
        "dL/df = dL/dL·∂L/∂f = 1.0·4.0 = 4.0",
        "    L = d · f, so ∂L/∂f = d = 4.0",
        "dL/dd = dL/dL·∂L/∂d = 1.0·(−2.0) = −2.0",
        "    L = d · f, so ∂L/∂d = f = −2.0",
        "dL/dc = dL/dd·∂d/∂c = −2.0·1.0 = −2.0",
        "    d = e + c, so ∂d/∂c = 1.0",
        "dL/de = dL/dd·∂d/∂e = −2.0·1.0 = −2.0",
        "    d = e + c, so ∂d/∂e = 1.0",
        "dL/db = dL/de·∂e/∂b = −2.0·2.0 = −4.0",
        "    e = a · b, so ∂e/∂b = a = 2.0",
        "dL/da = dL/de·∂e/∂a = −2.0·(−3.0) = 6.0",
        "    e = a · b, so ∂e/∂a = b = −3.0",
    ]


def test_two_uses_are_two_paths_and_a_sum():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    c, d = a * b, a * a
    root = c + d
    c.label, d.label, root.label = "c", "d", "L"
    assert str(explain(root, a)).split("\n") == [
        "dL/da = dL/dd·∂d/∂(1st a) + dL/dd·∂d/∂(2nd a) + dL/dc·∂c/∂a",
        "    = 1.0·2.0 + 1.0·2.0 + 1.0·(−3.0)",
        "    = 2.0 + 2.0 + (−3.0)",
        "    = 1.0",
        "    d = a · a, so ∂d/∂(1st a) = a = 2.0",
        "    d = a · a, so ∂d/∂(2nd a) = a = 2.0",
        "    c = a · b, so ∂c/∂a = b = −3.0",
    ]


def test_edges_that_are_not_taken_are_said():
    x, y = Value(-2.0, label="x"), Value(1.0, label="y")
    h = x * y
    r = relu(h)
    h.label, r.label = "h", "r"
    lines = str(explain(r)).split("\n")
    assert lines[1:3] == [
        "dr/dh = 0.0: no path to it is taken",
        "    r = relu(h), so ∂r/∂h = [h > 0] = 0.0: not taken",
    ]
    assert "    h = x · y, so ∂h/∂x = y = 1.0: behind a branch not taken" in lines
    total_ = r + x
    total_.label = "L"
    assert str(explain(total_, x)).split("\n") == [
        "dL/dx = dL/dL·∂L/∂x = 1.0·1.0 = 1.0",
        "    L = r + x, so ∂L/∂x = 1.0",
        "    h = x · y, so ∂h/∂x = y = 1.0: behind a branch not taken",
    ]


def test_a_node_that_the_root_does_not_depend_on():
    root, _ = example()
    assert str(explain(root, Value(1.0, label="z"))) == "dL/dz = 0.0: L does not depend on it"


def test_many_paths_show_the_first_and_the_sum_is_of_all():
    x = Value(1.0, label="x")
    root = total([x * float(i) for i in range(1, 97)])
    text = str(explain(root, x))
    assert text.count("… 84 more terms") == 3
    assert f"= {sum(range(1, 97))}.0\n" in text
    assert text.count(", so ") == 12
    whole = str(explain(root, x, terms=None))
    assert "more term" not in whole and whole.count(", so ") == 96
    assert "… 93 more terms" in str(explain(root, x, terms=3))
    assert "… 1 more term\n" in str(explain(root, x, terms=95))


def test_many_nodes_show_the_first_and_say_how_to_see_the_others():
    v = Value(1.0, label="x")
    for _ in range(300):
        v = engine.sin(v)
    text = str(explain(v, names={}))
    assert text.count("dv300/dv300 = 1") == 1
    assert text.endswith("… 201 more nodes: explain(root, node) for one of them, explain(root, nodes=None) for all")
    assert "more nodes" not in str(explain(v, nodes=None))


def test_unlabelled_nodes_get_names_that_no_label_has():
    a = Value(2.0, label="v1")
    root = engine.exp(a * a)
    assert "dv3/dv1 = dv3/dv2·∂v2/∂(1st v1)" in str(explain(root, names={}))
    assert "droot/dv1 = droot/dv2·∂v2/∂(1st v1)" in str(explain(root))


def test_unlabelled_nodes_are_called_by_the_callers_variables():
    x, w = Value(2.0), [Value(3.0), Value(-1.0)]
    z = w[0] * x + w[1]
    loss = engine.exp(z)
    assert "dloss/dw[0] = dloss/dv1·∂v1/∂w[0]" in str(explain(loss, w[0]))
    assert "dloss/dv1 = dloss/dz·∂z/∂v1" in str(explain(loss))
    assert "dL/dw = dL/dv2·∂v2/∂w" in str(explain(loss, w[0], names={"L": loss, "w": w[0]}))
    assert [v.label for v in (x, *w, z, loss)] == [""] * 5  # nothing is written to the graph
    w[1].label = "z"
    assert "dloss/dv2 = dloss/dloss·∂loss/∂v2" in str(explain(loss, z))  # a label keeps its name
    with pytest.raises(TypeError, match="names takes a mapping of names to Values, got 3"):
        explain(loss, names=3)


def test_parameters_are_called_by_their_path_in_the_module():
    network = nn.MLP(2, [2, 1], seed=1)
    neuron = network.layers[0].neurons[1]
    y = network([1.0, 2.0])
    text = str(explain(y, neuron.b))
    assert text.startswith("dy/dl0.n1.b = ")  # as in the picture
    assert "l0.n1.w[0] · 1 + l0.n1.w[1] · 2 + l0.n1.b" in text
    bias = neuron.b
    assert str(explain(y, bias)).startswith("dy/dbias = ")
    first, last = network.layers
    alone = last(first([1.0, 2.0]))
    twice = [str(explain(alone, layer.neurons[0].w[0])).partition(" = ")[0] for layer in (first, last)]
    assert sorted(twice) == ["dalone/dneurons[0].w[0]", "dalone/dneurons[0].w[0]_2"]  # the path of two leaves
    assert "dalone/dneurons[1].b" in str(explain(alone, neuron.b, names={"alone": alone}))


def test_naming_by_variables_keeps_no_graph_alive_and_leaves_locals_alone():
    mine = locals()
    mine["kept"] = 1
    root = Value(2.0) * 3.0
    explain(root)
    assert mine["kept"] == 1
    del mine

    def dropped():
        gone = Value(2.0) * 3.0
        explain(gone)
        engine.draw(gone)
        engine.steps(gone)
        before = sum(isinstance(o, Value) for o in gc.get_objects())
        del gone
        return before - sum(isinstance(o, Value) for o in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        assert dropped() == 2
    finally:
        gc.enable()


def equations(text):
    """The lines of an explanation as (chain-rule line, its other lines), one pair for each node, line breaks undone."""
    blocks = []
    for line in text.split("\n"):
        if not line.startswith(" "):
            blocks.append([line, []])
        elif line.startswith(("    = ", "    + ")) and not blocks[-1][1]:
            blocks[-1][0] += " " + line.strip()
        elif line.startswith("        "):
            blocks[-1][1][-1] += " " + line.strip()
        else:
            blocks[-1][1].append(line.strip())
    return blocks


def printed(text):
    """A printed number, or a product of them."""
    return [Fraction(x.strip("()").replace("−", "-")) for x in text.split("·")]


@given(graphs(rows=ROWS))
def test_printed_numbers_agree_with_the_engine_to_their_last_digit_and_lines_keep_to_80_columns(root):
    explanation = explain(root, nodes=None, terms=None)
    text = str(explanation)
    for line in text.split("\n"):
        assert len(line) <= 80 or not re.search(" [=+] ", line[6:])
    root.backward()
    order = topological_order(root)[::-1]
    blocks = equations(text)
    assert len(blocks) == len(order)
    for v, (line, details) in zip(order[1:], blocks[1:]):
        note(line)
        paths = [p for p in explanation.chains[v].paths if p.connected]
        sides = line.split(": ")[0].split(" = ")
        assert sides[-1] == number_text(v.grad)
        assert len(sides) == (2 if not paths else 4 if len(paths) == 1 else 5)
        if not paths:
            continue
        numbers = [[p.adjoint, p.local] for p in paths]
        if all(isfinite(x) and abs(x) < 1e300 for pair in numbers for x in pair):
            for found, pair in zip(sides[2].split(" + "), numbers, strict=True):
                for a, b in zip(printed(found), pair, strict=True):
                    assert abs(a - Fraction(b)) <= Fraction(5, 10_000) * abs(Fraction(b))
        for p in paths:
            assert any(d.split(": ")[0].endswith(f" = {number_text(p.local)}") for d in details)


def test_explain_takes_values():
    root, a = example()
    for arguments, message in [
        (([root],), "explain takes a Value as root, got .*; for several, call it once for each"),
        ((2.0,), "explain takes a Value as root, got 2.0"),
        ((None,), "explain takes a Value as root, got None"),
        ((root, "a"), "explain takes a Value as node, got 'a'"),
        ((root, [a]), "explain takes a Value as node, got"),
    ]:
        with pytest.raises(TypeError, match=message):
            explain(*arguments)


def test_explain_is_found_in_engine_and_its_graph_is_freed_without_the_collector():
    def alive():
        return sum(type(o).__name__ in ("Explanation", "Path", "Op", "Value") for o in gc.get_objects())

    assert engine.explain is explain
    gc.collect()
    gc.disable()
    try:
        before = alive()
        root, a = example()
        explanation = explain(root)
        assert str(explanation) and explanation.to_latex() and explanation.to_html() and alive() > before
        del explanation, root, a
        assert alive() == before
    finally:
        gc.enable()


# Notebooks -----------------------------------------------------------------------------------------------------------

CORE = {
    "math", "mfrac", "mi", "mn", "mo", "mrow", "msub", "msup", "msqrt", "mroot", "mtext", "div", "ul", "li", "p",
}  # fmt: skip


def assert_plain(html):
    for element in ET.fromstring(html).iter():
        assert element.tag in CORE
        assert element.attrib == ({"displaystyle": "true"} if element.tag == "math" else {})  # fractions of full size


@given(graphs(rows=ROWS, most=8))
def test_a_notebook_gets_plain_mathml_and_text(root):
    bundle = explain(root)._repr_mimebundle_()
    assert bundle.keys() == {"text/plain", "text/html"}
    assert bundle["text/plain"] == str(explain(root))
    assert_plain(bundle["text/html"])
    assert_balanced(explain(root).latex())


def test_mathml_says_the_same_numbers_as_text():
    root, a = example()
    html = "".join(ET.fromstring(explain(root, a).to_html()).itertext())
    assert html == "dLda =dLde·∂e∂a =−2.0·(−3.0) =6.0e =a·b, so ∂e∂a =b =−3.0"


def test_latex_lines():
    root, a = example()
    assert explain(root, a).to_latex() == (
        "\\begin{aligned}\n"
        r"\frac{\mathrm{d}L}{\mathrm{d}a} &= \frac{\mathrm{d}L}{\mathrm{d}e} \cdot \frac{\partial e}{\partial a} \\"
        "\n"
        r"&= -2.0 \cdot \left(-3.0\right) \\"
        "\n&= 6.0 \\\\\n"
        r"\frac{\partial e}{\partial a} &= b = -3.0 \quad \text{since } e = a \cdot b"
        "\n\\end{aligned}"
    )


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_labels_break_no_explanation(text):
    a, b = Value(-2.0, label=text), Value(3.0, label="b")
    c = a * b
    c.label = text + "c"
    root = relu(c) + a
    root.label = text + "L"
    for explanation in (explain(root), explain(root, Value(1.0, label=text))):
        assert_balanced(explanation.to_latex())
        assert_plain(explanation.to_html())
        out = str(explanation) + explanation.to_latex() + explanation.to_html()
        assert not any((ord(ch) < 32 and ch != "\n") or ch in "\x7f\x85\u2028\u202e\u2066\u2069\ufeff" for ch in out)
        out.encode()


# Size ----------------------------------------------------------------------------------------------------------------


def test_work_grows_with_the_graph_and_not_faster(monkeypatch):
    """Counted, not timed: partials asked for, formulas made."""
    from engine.formulas import chain, explanation

    calls = {"partials": 0, "formulas": 0}
    real_partials, real_formulas = chain.partials, explanation.partial_formulas

    def counted_partials(v):
        calls["partials"] += 1
        return real_partials(v)

    def counted_formulas(*args):
        calls["formulas"] += 1
        return real_formulas(*args)

    monkeypatch.setattr(chain, "partials", counted_partials)
    monkeypatch.setattr(explanation, "partial_formulas", counted_formulas)
    v = x = Value(0.5, label="x")
    for _ in range(20_000):
        v = v * 0.999 + x
    str(explain(v, x))
    assert calls == {"partials": 40_000, "formulas": 12}
    calls.update(partials=0, formulas=0)
    str(explain(v))
    assert calls == {"partials": 40_000, "formulas": 99}  # of the 100 nodes shown the root has no users
    calls.update(partials=0, formulas=0)
    ws = [Value(0.1, label=f"w{i}") for i in range(2_000)]
    str(explain(dot(ws, [1.0] * 2_000), nodes=None))
    assert calls == {"partials": 1, "formulas": 1}


def test_gradient_graphs_are_explained():
    x = Value(3.0, label="x")
    (first,) = gradients(engine.tanh(x) * x, [x])
    explanation = explain(first, x)
    (second,) = gradients(first, [x])
    assert explanation.chains[x].sum == pytest.approx(second.data, rel=1e-15)


def test_a_row_added_at_run_time_is_explained(row):  # noqa: F811  the fixture
    cube = row("cube", lambda x: x * x * x, lambda x, y: 3.0 * x**2, text="{0:5}**3", tex="{0:5}^{3}", binding=4)
    x = Value(2.0, label="x")
    y = cube(x)
    y.label = "y"
    assert str(explain(y, x)) == "dy/dx = dy/dy·∂y/∂x = 1.0·12.0 = 12.0\n    y = x³, so ∂y/∂x = 3 · x² = 12.0"
