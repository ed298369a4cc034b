"""In all that is printed of one graph one symbol has one value, and every equation is true of the numbers it gives."""

import json
import math
import os
import re
from html import unescape

import pytest
from drawn import built_in_scopes
from equations import Claims, plain, sides_of
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st
from strategies import Tape, nice, tapes

import nn
from engine import TABLE, Value, draw, explain, gradients, steps, tanh, total
from engine.formulas import explanation, graph_names, naming
from engine.picture.drawing.rows import Typeset
from engine.picture.model import sentences
from engine.picture.model.assembly import Assembly
from engine.picture.player.player import data_of

# CHAINRULE_PICTURES=2000 runs the full count.
GRAPHS = int(os.environ.get("CHAINRULE_PICTURES", "50"))
LEVELS = ["full", "neuron", "layer", 0, 1]
ROWS = TABLE.keys() - {"edge", "share"}  # which are written as one of their operands alone
places = st.lists(st.sampled_from(["", "a", "a.x", "a.y", "b", "b.x"]), max_size=8)


def no_negative_zero(nodes):
    """Whether printed numbers tell all: -0.0 is printed 0.0, and arctan2 or a reciprocal answer otherwise there."""
    return not any(v.data == 0.0 and math.copysign(1.0, v.data) < 0.0 for v in nodes)


def claims(root, levels=LEVELS):
    """All that is printed of a graph, read."""
    said = Claims()
    for level in levels:
        picture = draw(root, level=level, names={})
        read_picture(said, picture, f"level {level}")
    for step in steps(root, names={}):
        said.unicode(step.equation, "steps")
    if isinstance(root, Value):
        read_explanation(said, explain(root, nodes=None, names={}))
    return said


def read_picture(said, picture, where):
    model = picture.model
    for b in model.boxes:
        if b.value is not None:
            said.data.update((plain(model.name(v)), v.data) for v in (b.value, *arguments(b.value)))
    for b in model.boxes:
        if b.value is None or b.kind == "tag":
            continue
        read_sentence(said, model, b, where)
        for e in model.ins[b]:
            if e.local is not None:
                said.unicode(e.line, f"{where}, arrow")
        if model.shows_flow and b.rows and b.rows != ["= 0.0 not taken"] and "given" not in "".join(b.rows):
            own = b.rows[0].partition(" = ")[2] if b.rows[0][0] == "d" else " ".join(b.rows).removeprefix("= ")
            said.unicode(f"{b.derivative} = {own} = {b.chain.rpartition(' = ')[2]}", f"{where}, rows")
    for label in Typeset(model, "t").labels.values():
        text = " ".join("".join(c.text for c in line) for line in label.lines)
        if " = " in text and not re.search(r"…|norm|×", text):
            said.unicode(text, f"{where}, label")
    read_tree(said, str(picture), where)
    for row in picture.latex().split("\n")[1:-2]:
        said.latex(row.removesuffix(r" \\"), f"{where}, LaTeX")
    read_player(said, data_of(model, "t"), where)


def arguments(v):
    return [a for a in v.args if isinstance(a, Value)]


def read_sentence(said, model, b, where):
    """The line of a box, which is its tooltip and its part of the alternative text."""
    first, *rest = b.line.split("; ")
    first = b.name + first.removeprefix(b.full)
    if b.kind == "group" and b.expression:  # of vectors, after the number
        first = " = ".join(first.split(" = ")[:2])
    said.unicode(re.sub(r" \(\d.*$", "", first), f"{where}, box")
    for part in rest:
        if held := re.fullmatch(r"grad holds (\S+), (?:of which )?from (?:\S+|this graph) (\S+)", part):
            said.number(b.derivative, held[2], f"{where}, box")
        elif "not known before" not in part:
            said.unicode(part, f"{where}, box")


def read_tree(said, text, where):
    lines = []
    for line in text.split("\n"):
        if re.match(r" +[=+] ", line):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.strip())
    for line in lines:
        if head := re.fullmatch(r"(\S+ = [^…]*?)  +data +(\S+)  grad .*", line):
            said.unicode(f"{head[1]} = {head[2]}", f"{where}, terminal")
        elif re.match(r"([d∂]|grad )\S+( from \S+| from this graph)? = ", line) and not line.endswith("…"):
            said.unicode(line, f"{where}, terminal")


def read_player(said, data, where):
    for n in data["nodes"]:
        if n["grad"] is None:
            continue
        for panel in n["panels"].values():
            read_panel(said, panel, where)
        for line in n["lines"].values():
            said.unicode(unescape(re.sub("<[^>]+>", "", line)), f"{where}, ledger")
    for e in data["edges"]:
        if e["local"] is not None:
            said.unicode(e["line"], f"{where}, arrow")
            read_panel(said, e["panel"], where)


def read_panel(said, html, where):
    """Formulas in a panel: those that start with a sign of equality go on where the last ended."""
    pieces = []
    for inside in re.findall(r"<math[^>]*>(.*?)</math>", html):
        sides = sides_of(inside)
        if sides[0]:
            if pieces:
                said.mathml(pieces, f"{where}, MathML")
            pieces = sides
        else:
            pieces += sides[1:]
    if pieces:
        said.mathml(pieces, f"{where}, MathML")


def read_explanation(said, explanation):
    lines = []
    for line in str(explanation).split("\n"):
        if (re.match(r" +(?:[=+] |.*so ∂.*)", line) and re.match(r" +[=+] ", line)) or (
            lines and lines[-1].endswith(", so")
        ):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.strip())
    for line in lines:
        for equation in line.split(", so "):
            said.unicode(equation, "explain")
    for block in explanation.to_latex().split("\n\n"):
        rows = " ".join(block.split("\n")[1:-1]).replace(r"\\ &= ", "= ").split(r" \\ ")
        for row in rows:
            said.latex(row, "explain, LaTeX")
    for part in re.findall(r"<div><p>.*?</p>|<li>.*?</li>", explanation.to_html()):
        for equation in part.partition(": ")[0].split(", so "):
            read_summands(said, equation)


def read_summands(said, html):
    sides = []
    for inside in re.findall(r"<math[^>]*>(.*?)</math>", html):
        inside = inside.removeprefix("<mrow></mrow>")  # gives the sign room on its left
        found = [side for side in sides_of(inside) if side]
        if inside.startswith("<mo>+"):
            sides[-1] += found.pop(0)
        sides += found
    if len(sides) > 1:
        said.mathml(sides, "explain, MathML")


# The law -------------------------------------------------------------------------------------------------------------


@settings(max_examples=GRAPHS)
@example(Tape([-2.0], [("rad2deg", [1]), ("softplus", [1])]), [], "full", False)  # ln(1 + exp(-115)), read as floats
@example(Tape([-2.0], [("lgamma", [1]), ("floor_divide", [2, 1])]), [], "full", False)  # ⌊-2/inf⌋ is -1
@given(tapes(nice, rows=ROWS, max_steps=8), places, st.sampled_from(LEVELS), st.booleans())
def test_one_symbol_has_one_value_and_every_equation_is_true(tape, where, level, accumulated):
    nodes = built_in_scopes(tape, where)
    assume(no_negative_zero(nodes))
    if accumulated:
        (nodes[0] * 3.0).backward()
    nodes[-1].backward()
    said = claims(nodes[-1], dict.fromkeys(["full", level]))
    event(f"{len(said.sides) // 50 * 50} equations")
    said.assert_true()


@settings(max_examples=GRAPHS)
@given(tapes(nice, rows=ROWS, max_steps=8), places, st.sampled_from(LEVELS), st.sampled_from([None, 1.0, 2.0]))
def test_it_holds_of_several_roots_and_of_other_gradients_at_the_start(tape, where, level, start):
    nodes = built_in_scopes(tape, where)
    assume(no_negative_zero(nodes))
    roots = [nodes[-1], nodes[-2]] if start != 2.0 else [nodes[-1]]
    if start is not None:
        (nodes[-1] * start + nodes[-2]).backward()
    said = claims(roots, dict.fromkeys(["full", level]))
    said.assert_true()


ALIKE = [
    "x1",
    "x_1",
    "x[1]",
    "x",
    "W[0][1]",
    "W[0, 1]",
    "1st x",
    "1st x1",
    "2nd v1",
    "v1",
    "v_1",
    "v[2]",
    "x_1_2",
    "x1_2",
]


def assert_no_two_are_written_the_same(root, level):
    model = draw(root, level=level, names={}).model
    explained = explain(root, names={})._names
    for style in ("unicode", "latex", "mathml"):
        meant = {}
        for b in model.boxes:
            if b.value is not None and b.leaf is None:
                said = naming.name_text(model.name(b.value), style), naming.total_derivative("L", b.name, style)
                assert [meant.setdefault(symbol, b) for symbol in said] == [b, b], (said, style)
        for e in model.arrows:
            if e.local is not None:
                said = naming.partial_derivative(e.target.function, e.source.name, style, e.place)
                edge = e.target, e.source.leaf or e.source, e.place
                assert meant.setdefault(said, edge) == edge, (said, style)
        whose = {}
        for v, name in explained.found.items():
            assert whose.setdefault(naming.name_text(name, style), v) is v, (name, style)


@settings(max_examples=GRAPHS)
@given(
    tapes(nice, rows=ROWS, max_steps=8), places, st.sampled_from(LEVELS), st.lists(st.sampled_from(ALIKE), max_size=12)
)
def test_no_two_symbols_of_one_graph_are_written_the_same(tape, where, level, labels):
    nodes = built_in_scopes(tape, where)
    for v, label in zip(nodes, labels):
        v.label = label
    nodes[-1].backward()
    assert_no_two_are_written_the_same(nodes[-1], level)


def three_of_one_subscript():
    x, first, second, third = (Value(n + 2.0, label=name) for n, name in enumerate(["x", "x1", "x_1", "1st x"]))
    return total([first * second, x, x, third])


def test_what_would_be_one_subscript_is_spelled_out_wherever_it_is_printed():
    root = three_of_one_subscript()
    root.backward()
    picture = draw(root, names={})
    for text in (picture.latex(), explain(root, names={}).to_latex()):
        assert r"\partial x_{1}" in text and r"\partial \mathit{x\_1}" in text
        assert r"\left(\text{1st }x\right)" in text and r"\text{“}\mathit{1st\ x}\text{”}" in text
    for text in (picture.player().html, explain(root, names={}).to_html()):
        for name in ("<msub><mi>x</mi><mn>1</mn></msub>", "<mi>x_1</mi>", "<mo>“</mo><mi>1st x</mi><mo>”</mo>"):
            assert name in text or json.dumps(name, ensure_ascii=False)[1:-1].replace("<", r"\u003c") in text, name
    assert "∂x_1" in str(picture) and "∂x1" in str(picture)  # as they were labelled


def test_a_subscript_that_two_share_is_caught(monkeypatch):
    monkeypatch.setattr(graph_names, "Spelled", str)
    with pytest.raises(AssertionError, match="x_"):
        assert_no_two_are_written_the_same(three_of_one_subscript(), "full")


def test_a_label_that_reads_as_the_mark_of_an_operand_is_caught(monkeypatch):
    monkeypatch.setattr(naming, "_ORDINAL", re.compile("never"))
    naming._held.cache_clear()
    x = Value(3.0, label="x")
    with pytest.raises(AssertionError, match="1st"):
        assert_no_two_are_written_the_same(total([x, x, Value(2.0, label="1st x")]), "full")
    naming._held.cache_clear()


class Residual(nn.Module):
    def __init__(self):
        self.inner = nn.Neuron(1, activation="tanh", seed=1)

    def forward(self, x):
        return self.inner([x]) + x


def square():
    x = Value(3.0, label="x")
    return x * x


def difference():
    x = Value(3.0, label="x")
    return x - x


def two_paths():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    return a * b + a * a


def used_at_the_end_too():
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    return a * b * a


def residual():
    y = Residual()(Value(0.5, label="x"))
    y.label = "y"
    return y * y


def network():
    out = nn.MLP(2, [3, 1], activation="tanh", seed=0)([Value(1.0, label="x1"), Value(2.0, label="x2")])
    return (out - 1.0) ** 2


def examples():
    net = nn.MLP(2, [2, 1], seed=0)
    return sum((net(x) - y) ** 2 for x, y in [([0.0, 1.0], 1.0), ([1.0, 1.0], 0.0), ([2.0, -1.0], 1.0)])


def second_derivative():
    x = Value(0.5, label="x")
    (slope,) = gradients(tanh(x * x), [x])
    slope.label = "dy/dx"
    return slope


def slope_of_a_square():
    x = Value(0.5, label="x")
    (slope,) = gradients(x**2, [x])
    slope.label = "dy/dx"
    return slope


CASES = [
    square,
    difference,
    two_paths,
    used_at_the_end_too,
    residual,
    network,
    examples,
    second_derivative,
    slope_of_a_square,
]
SOURCES = {
    "box", "arrow", "rows", "label", "terminal", "LaTeX", "MathML", "ledger", "steps", "explain",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_lessons_graphs_say_nothing_twice_at_all_levels(case):
    root = case()
    root.backward()
    said = claims(root)
    assert said.where == SOURCES  # all of them were read
    said.assert_true()
    left_out = [sides for sides in said.sides if None in sides]
    assert len(left_out) <= len(said.sides) / 4


# Planted bugs, kept: each must be caught by the law -------------------------------------------------------------------


def lies(case):
    root = case()
    root.backward()
    with pytest.raises(AssertionError) as caught:
        claims(root).assert_true()
    return str(caught.value)


def test_one_letter_for_the_gradient_and_for_one_edge_is_caught(monkeypatch):
    for style, sign in naming._PARTIAL.items():
        monkeypatch.setitem(naming._D, style, sign)
    assert "/∂a is 12.0 in" in lies(used_at_the_end_too)


def test_operands_that_are_not_told_apart_are_caught(monkeypatch):
    monkeypatch.setattr(sentences, "places", lambda v: [""] * len(v.args))
    assert "∂v1/∂x is" in lies(difference)


def test_a_group_whose_derivative_is_written_as_that_of_its_last_op_is_caught(monkeypatch):
    name = Assembly._name_boxes

    def misnamed(self, boxes):
        name(self, boxes)
        for b in boxes:
            b.function = b.name

    monkeypatch.setattr(Assembly, "_name_boxes", misnamed)
    assert "∂y/∂x is" in lies(residual)


def test_a_wrong_sum_is_caught(monkeypatch):
    right = sentences._product
    monkeypatch.setattr(sentences, "_product", lambda e, first: right(e, first) + "·1.01")
    assert " is " in lies(two_paths)


def test_a_wrong_formula_is_caught(monkeypatch):
    right = explanation.partial_formulas
    monkeypatch.setattr(explanation, "partial_formulas", lambda *args: right(*args)[::-1])
    assert "explain" in lies(two_paths)
