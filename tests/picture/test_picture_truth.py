"""True pictures: on random graphs, at each level of collapse, what is drawn is what the engine computed."""

import math
import os
import re
from dataclasses import fields

import pytest
from drawn import Drawn, built_in_scopes, number, page_data, rounding, row_product, state
from hypothesis import event, given, settings
from hypothesis import strategies as st
from reading import close, evaluated, from_unicode
from strategies import moderate, nice, tapes

from engine import TABLE, Value, draw, partials, steps, topological_order
from engine.formulas.chain import Sweep
from engine.formulas.formula import number_text
from engine.picture.model.assembly import Assembly
from engine.picture.model.sentences import START

# CHAINRULE_PICTURES=2000 runs the full count.
GRAPHS = int(os.environ.get("CHAINRULE_PICTURES", "50"))
places = st.lists(st.sampled_from(["", "a", "a.x", "a.y", "b", "b.x"]), max_size=8)
LEVELS = ["full", "neuron", "layer", 0, 1]


def swept(tape, where=()):
    nodes = built_in_scopes(tape, where)
    root = nodes[-1]
    root.backward()
    return root, topological_order(root)


def words(model):
    """All that the boxes and arrows of a picture say, numbers to the bit."""
    things = [*model.boxes, *model.arrows]
    return [[repr(x) for f in fields(t) if isinstance(x := getattr(t, f.name), (str, float))] for t in things]


def assert_sums(total, products, slack=1e-9):
    """A sum of floats, up to rounding; what is not finite on one side is not finite on the other."""
    if not all(map(math.isfinite, [*products, total])):
        event("not finite")
        found = sum(products)
        assert (found == total or found != found) if not math.isfinite(total) or not math.isfinite(found) else True
        return
    assert abs(math.fsum(products) - total) <= math.fsum(slack * abs(x) for x in [*products, total]) + 5e-324


@settings(max_examples=GRAPHS)
@given(tapes(moderate))
def test_a_full_picture_shows_every_node_and_every_use_with_the_engines_numbers(tape):
    root, order = swept(tape)
    picture = draw(root, level="full", uid="t", names={})
    drawn = Drawn(picture.svg, "t")
    assert len(drawn.boxes) == len(order)
    for i, v in enumerate(order):
        cells = drawn.boxes[f"n{i}"].cells
        assert cells["d"] == number_text(v.data)
        assert cells["g"] == number_text(v.grad)
    uses = [(a, v, k) for v in order for k, a in enumerate(v.args) if isinstance(a, Value)]
    assert len(drawn.edges) == len(uses)
    index = {v: i for i, v in enumerate(order)}
    edges = page_data(picture.player().html)["edges"]
    assert sorted((e["src"], e["dst"], e["arg"]) for e in edges) == sorted(
        (f"n{index[a]}", f"n{index[v]}", k) for a, v, k in uses
    )


@settings(max_examples=GRAPHS)
@given(tapes(nice, rows=TABLE.keys() - {"edge", "share"}, max_steps=8))  # written as an operand alone
def test_every_edge_formula_evaluates_to_the_number_beside_it(tape):
    root, order = swept(tape)
    picture = draw(root, level="full", names={})
    data = page_data(picture.player().html)
    drawn = Drawn(draw(root, level="full", uid="t", names={}).svg, "t")
    env = {f"v{i}": v.data for i, v in enumerate(order)} | {n["label"]: float(n["data"]) for n in data["nodes"]}
    for e in data["edges"]:
        local = float(e["local"])
        if e["formula"] is not None and not {"…", "∞"} & set(e["formula"]):
            formula = from_unicode(e["formula"])
            value = evaluated(formula, env)
            many_digits = re.search(r"\d\.\d{3}", e["formula"])  # a constant is printed to four
            # Where terms cancel, as near 0 in sinc's (cos πx − y)/x, a last bit of an argument makes as much.
            nudged = [
                evaluated(formula, env | {name: math.nextafter(env[name], math.inf)}) for name in env if name in formula
            ]
            bits = max([abs(other - value) for other in nudged if math.isfinite(other - value)], default=0.0)
            exact = close(value, local, 64, abs(local)) or abs(value - local) <= 64 * bits
            # At exceptional points a rule is not the quotient it is written as, and folding takes 0·nan for 0.
            exceptional = not math.isfinite(value) or not math.isfinite(local)
            assert exact or exceptional or (many_digits and abs(value - local) <= 2e-3 * abs(local)), e
        if picture.model.labels:
            lines = drawn.edges[e["id"]].lines
            said = lines[0].split(" = ", 1)[1] if " = " in lines[0] else None
            assert said is None or said == e["formula"] or said.endswith("…")
            if len(lines) > 1:
                assert lines[1] == f"= {number_text(local)}"
            else:
                assert number(said) == local


@settings(max_examples=GRAPHS)
@given(tapes(moderate), places, st.sampled_from(LEVELS))
def test_every_chain_row_sums_to_the_gradient_shown_at_each_level(tape, where, level):
    root, _order = swept(tape, where)
    picture = draw(root, level=level, uid="t", names={})
    drawn, data = Drawn(picture.svg, "t"), page_data(picture.player().html)
    assert {n["id"] for n in data["nodes"]} == {k for k in drawn.boxes if "_" not in k}
    by_id = {n["id"]: n for n in data["nodes"]}
    event(f"level {level}, {sum(n['kind'] == 'group' for n in data['nodes'])} groups")
    for n in data["nodes"]:
        if n["grad"] is None:
            continue
        out = [e for e in data["edges"] if e["src"] == n["id"] and e["contribution"] is not None]
        seed = [1.0] if n["id"] == data["root"] else []
        grad = float(n["grad"])
        assert_sums(grad, seed + [float(e["contribution"]) for e in out])
        for e in out:
            if e["local"] is not None:
                adjoint, local = float(by_id[e["dst"]]["grad"]), float(e["local"])
                assert_sums(float(e["contribution"]), [adjoint * local], 1e-6)
        # As printed: within the rounding of the last digits.
        assert drawn.boxes[n["id"]].cells["g"] == number_text(grad)
        rows = drawn.rows(n["id"])
        assert rows == n["rows"]
        if rows and "…" not in rows[-1] and rows != [START] and rows != ["= 0.0 not taken"]:
            parts = [row_product(r) for r in rows]
            if all(math.isfinite(p) for p, _ in parts) and math.isfinite(grad) and abs(grad) > 1e-300:
                slack = sum(error for _, error in parts) + rounding(grad)
                assert abs(sum(p for p, _ in parts) - grad) <= slack + 1e-300


@settings(max_examples=GRAPHS)
@given(tapes(moderate), places, st.sampled_from(LEVELS))
def test_a_group_of_one_output_has_the_derivative_of_its_inner_chain(tape, where, level):
    root, order = swept(tape, where)
    model = draw(root, level=level, names={}).model
    for e in model.arrows:
        if e.local is None or e.plain or e.target.kind != "group":
            continue
        event("collapsed derivative")
        inside = set(e.target.members)
        tangent = {e.source.value: 1.0}  # forward mode, from the source into the group alone
        for v in (v for v in order if v in inside):
            edges = [(a, p) for a, p in zip(v.args, partials(v)) if isinstance(a, Value) and a in tangent]
            tangent[v] = sum(tangent[a] * p for a, p in edges if p or not v.op.selects)
        want = tangent[e.target.value]
        if math.isfinite(want) and math.isfinite(e.local):
            size = max(abs(want), abs(e.local))
            assert abs(want - e.local) <= 1e-6 * size + 1e-300 or size < 1e-290


@settings(max_examples=GRAPHS)
@given(tapes(moderate), places, st.booleans(), st.sampled_from(LEVELS))
def test_drawing_changes_nothing_in_the_graph_and_adds_nothing_to_the_model(tape, where, backward, level):
    nodes = built_in_scopes(tape, where)
    if backward:
        nodes[-1].backward()
    before = state(nodes)
    picture = draw(nodes[-1], level=level)
    said = words(picture.model)
    for made in (
        picture.svg,
        picture.dot,
        picture.player().html,
        picture.latex(),
        str(picture),
        picture.html,
        steps(nodes[-1]),
    ):
        assert made
    assert state(nodes) == before
    assert words(picture.model) == said


@settings(max_examples=GRAPHS)
@given(tapes(moderate))
def test_before_backward_no_gradient_is_shown(tape):
    root = built_in_scopes(tape, ())[-1]
    drawn = Drawn(draw(root, level="full", uid="t").svg, "t")
    assert {b.cells["g"] for b in drawn.boxes.values()} == {"–"}
    assert all(not drawn.rows(key) for key in drawn.boxes)
    assert all(not e.classes & {"pos", "neg"} and e.width == 1.2 for e in drawn.edges.values())


@settings(max_examples=GRAPHS)
@given(tapes(moderate))
def test_the_sweep_has_the_bits_of_backward(tape):
    root, order = swept(tape)
    sweep = Sweep([root])
    for v in order:
        want = v.grad
        assert repr(sweep.sum(v)) == repr(want) or (sweep.sum(v) == want == 0.0)


@settings(max_examples=GRAPHS)
@given(tapes(moderate))
def test_steps_are_the_run_in_order_with_the_engines_numbers(tape):
    root, order = swept(tape)
    run = steps(root)
    forward = [s for s in run if s.phase == "forward"]
    backward = [s for s in run if s.phase == "backward"]
    assert [s.node for s in forward if s.node.op is None] == []
    assert list(map(id, (s.node for s in forward))) == [id(v) for v in order if v.op is not None]
    assert list(map(id, (s.node for s in backward))) == [id(v) for v in reversed(order)]
    for s in forward:
        assert repr(s.result) == repr(s.node.data)
        assert s.equation.endswith(f" = {number_text(s.node.data)}")
        assert repr(s) == f"<forward step: {s.equation}>"  # a list of steps is read at the prompt
    for s in backward:
        assert repr(s.result) == repr(s.node.grad) or s.result == s.node.grad == 0.0
        if s.products:
            assert_sums(s.result, [p.product for p in s.products] + [1.0] * (s.node is root))


# Planted bugs, kept: each must be caught by a law above ---------------------------------------------------------------


def a_tape():
    a, b = Value(2.0), Value(-3.0)
    c = a * b
    root = (c + a) * c
    root.backward()
    return root


def test_a_wrong_partial_in_the_picture_is_caught(monkeypatch):
    from engine.formulas import chain

    right = chain.partials
    monkeypatch.setattr(chain, "partials", lambda v: tuple(p if p is None else p * 1.001 for p in right(v)))
    drawn = Drawn(draw(a_tape(), level="full", uid="t").svg, "t")
    shown = [(drawn.boxes[k].cells["g"], drawn.rows(k)) for k in drawn.boxes]
    wrong = [
        rows
        for grad, rows in shown
        if rows
        and "·" in rows[0]
        and abs(sum(row_product(r)[0] for r in rows) - number(grad)) > 2e-4 * abs(number(grad))
    ]
    assert wrong or any("h" in b.cells for b in drawn.boxes.values())


def test_a_lost_use_is_caught(monkeypatch):
    kept = Assembly._arrows
    monkeypatch.setattr(Assembly, "_arrows", lambda self: list(kept(self))[1:])
    root = a_tape()
    data = page_data(draw(root, level="full").player().html)
    n = next(n for n in data["nodes"] if n["id"] == "n0")
    with pytest.raises(AssertionError):
        assert_sums(float(n["grad"]), [e["contribution"] for e in data["edges"] if e["src"] == "n0"])


def test_a_square_is_two_edges():
    a = Value(3.0, label="a")
    root = a * a
    root.backward()
    drawn = Drawn(draw(root, uid="t").svg, "t")
    assert len(drawn.edges) == 2
    assert drawn.rows("n0") == ["= 1.0·3.0", "+ 1.0·3.0"]
    assert drawn.boxes["n0"].cells["g"] == "6.0"
    assert re.search(r"droot/da = .* = 1.0·3.0 \+ 1.0·3.0 = 6.0", drawn.boxes["n0"].title)
