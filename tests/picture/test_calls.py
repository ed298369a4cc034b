"""Calls of one Module on many examples are one box, any one can be opened, and the chain rule stays true."""

import math
import random
import re

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import nn
from engine import Value, draw, film, mean, sin, tanh, topological_order, total
from engine.picture.model.opening import turns
from engine.picture.player.player import data_of


def examples(count, seed=1):
    rng = random.Random(seed)
    return [([rng.uniform(-1, 1), rng.uniform(-1, 1)], rng.choice([-1.0, 1.0])) for _ in range(count)]


def loss_over(count, summed=mean, net=None):
    net = net or nn.MLP(2, [4, 1], seed=0)
    L = summed([(net(x) - y) ** 2 for x, y in examples(count)])
    L.label = "L"
    L.backward()
    return L


def assert_true(model):
    """Each node is in one box, no box depends on itself, and what stands on its arrows sums to its gradient."""
    place = {b: i for i, b in enumerate(model.boxes)}
    held = [v for b in model.boxes if b.kind not in ("tag", "given") for v in b.members]
    assert len(held) == len(set(held))
    absorbed = {p for b in model.boxes for p in b.parameters}
    assert model.hidden or absorbed.union(held) == set(model.sweep.order)
    for e in model.arrows:
        assert e.target.kind == "tag" or place[e.target] > place[e.source.leaf or e.source]
    for b in model.boxes:
        inside = set(b.members)
        if b.kind in ("tag", "given") or any(u.user in inside for v in b.outputs for u in model.sweep.uses[v]):
            continue
        flows = [e.product for e in model.outs[b] if e.taken] + [model.sweep.seeds.get(v, 0.0) for v in b.outputs]
        totals = [model.sweep.sum(v) for v in b.outputs]
        if all(map(math.isfinite, [*flows, *totals])):
            size = math.fsum(map(abs, [u.product for v in b.outputs for u in model.sweep.uses[v]])) + 1e-300
            assert abs(math.fsum(flows) - math.fsum(totals)) <= 1e-9 * size + 1e-9 * math.fsum(map(abs, totals))


@pytest.mark.parametrize("count", [5, 11, 20])
@pytest.mark.parametrize("summed", [mean, total, sum])
def test_calls_on_many_examples_are_one_box(count, summed):
    model = draw(loss_over(count, summed), level=0).model
    assert_true(model)
    (net,) = [b for b in model.boxes if b.scope is not None]
    assert (net.name, net.calls, len(net.outputs)) == ("MLP", count, count)
    assert net.counts == f"2 layers · 17 parameters · 9 operations · {count} calls"
    assert len(model.boxes) == 5  # numbers, network, difference, square, sum
    (e,) = model.outs[net]
    assert e.symbol == f"Σ over {count} examples"
    assert e.product == pytest.approx(sum(v.grad for v in net.outputs), rel=1e-12)


def test_the_picture_by_layer_says_matrices_for_each_example():
    picture = draw(loss_over(20), level="layer", uid="t")
    boxes = {b.name: b for b in picture.model.boxes}
    assert boxes["layers[0]"].expression == "relu(z0), z0 = W0·x + b0"
    (e,) = picture.model.ins[boxes["layers[1]"]]
    assert (e.symbol, e.formula, e.size) == ("∂layers[1]/∂layers[0]", "W1", "1 × 4, for each of 20 examples")
    assert boxes["x"].counts == "20 × 2 numbers"
    assert "MLP × 20" in picture.svg and "Layer × 20" in picture.svg
    (differences,) = [b for b in picture.model.boxes if " = layers[1][0] − " in b.counts]
    assert re.fullmatch(r"20 nodes, the first v\d+ = layers\[1\]\[0\] − .*", differences.counts)


def test_parameters_hold_the_sum_over_all_examples():
    net = nn.MLP(2, [4, 1], seed=0)
    model = draw(loss_over(20, net=net), level="layer").model
    (box,) = [b for b in model.boxes if b.name == "layers[0]"]
    assert box.steepness == pytest.approx(math.hypot(*[p.grad for n in net.layers[0].neurons for p in (*n.w, n.b)]))


@pytest.mark.parametrize("level", [0, "layer", "neuron", "auto"])
@pytest.mark.parametrize("summed", [mean, sum])
def test_any_one_of_the_calls_can_be_opened(level, summed):
    root = loss_over(20, summed)
    model = draw(root, level=level, expand=["MLP[3]"]).model
    assert_true(model)
    assert "MLP[3]" in {title for _, title in model.clusters.values()}
    one = [b for b in model.boxes if b.kind == "op" and b.node.op.name == "sub"]
    assert [b.calls for b in model.boxes if b.calls > 1 and b.scope is not None] and len(one) == 1
    others = {b.calls for b in model.boxes if b.calls > 1 and b.kind != "given"}
    assert others == {19}
    third = [v for v in topological_order(root) if v.op is not None and v.op.name == "sub"][3]
    assert one[0].node is third


def test_a_call_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"got 'MLP\[20\]'"):
        draw(loss_over(20), expand="MLP[20]")
    with pytest.raises(ValueError, match=r"paths of Modules \('MLP\[19\]', 'layers\.0'"):
        draw(loss_over(20), expand="MPL")


def test_few_calls_keep_boxes_of_their_own():
    model = draw(loss_over(4), level=0).model
    assert all(b.calls == 1 for b in model.boxes)
    assert len([b for b in model.boxes if b.scope is not None]) == 4


def test_calls_that_follow_one_another_are_not_one_box():
    cell, h = nn.Layer(1, 1, activation="tanh", seed=0), Value(0.5, label="h")
    for _ in range(8):
        h = sin(cell([h]))
    h.backward()
    model = draw(h, level=0).model
    assert_true(model)
    assert all(b.calls == 1 for b in model.boxes)


def test_what_only_some_of_many_calls_are_for_comes_after_them_all():
    first, second = nn.Neuron(1, activation="tanh", seed=0), nn.Neuron(2, activation="sigmoid", seed=1)
    x = Value(0.5, label="x")
    calls = [first([x])]
    L = x
    for _ in range(4):  # too few to be one box; the last call of `first` is made after three of them
        calls.append(first([x]))
        L = L + second([calls[0], calls[-1]])
    L.backward()
    model = draw(L, level="neuron", names={"L": L}).model
    assert_true(model)
    assert sorted(b.calls for b in model.boxes if b.scope is not None) == [1, 1, 1, 1, 5]


def test_what_is_made_of_other_things_is_not_alike():
    net = nn.MLP(2, [4, 1], seed=0)
    L = total([(net(x) - y) ** 2 for x, y in examples(20)] + [p**2 for p in net.parameters()])
    L.backward()
    model = draw(L, level=0).model
    assert_true(model)
    assert sorted(b.calls for b in model.boxes if b.calls > 1 and b.kind == "group") == [17, 20, 20, 20]
    (parameters,) = [b for b in model.boxes if b.kind == "parameters"]
    assert len(parameters.outputs) == 17 and not parameters.dashed
    assert all(e.symbol.endswith("edges") for e in model.outs[parameters])  # over parameters, not over examples


def test_a_long_sum_of_what_is_not_alike_is_not_folded():
    xs = [Value(float(i), label=f"x{i}") for i in range(6)]
    other = sin(xs[0]) + xs[1] * xs[2] + tanh(xs[3]) + xs[4] * 2.0 + xs[5] ** 3
    L = loss_over(6) + other
    L.backward()
    model = draw(L, level=0, names={"L": L}).model
    assert_true(model)
    assert sum(b.kind == "op" and b.node.op.name == "add" for b in model.boxes) == 5


def test_the_whole_graph_is_there_at_level_full():
    model = draw(loss_over(8), level="full").model
    assert {b.kind for b in model.boxes} <= {"op", "parameter", "tag"} and not model.hidden


def test_pictures_players_and_films_of_many_calls_agree():
    net = nn.MLP(2, [4, 1], seed=0)
    picture = draw(loss_over(20, net=net), level=0)
    assert "MLP" in picture.player().html and "20 calls" in str(picture)
    frames = film([loss_over(20, net=net), loss_over(20, net=net)])
    assert "× 20" in frames.html


@st.composite
def graphs_of_calls(draw_):
    """Calls of two Modules and operations, on any of what there is."""
    first, second = nn.Neuron(1, activation="tanh", seed=0), nn.Neuron(2, activation="sigmoid", seed=1)
    nodes = [Value(draw_(st.floats(-1, 1))) for _ in range(draw_(st.integers(1, 6)))]
    for kind in draw_(st.lists(st.sampled_from(["one", "two", "mul", "add", "tanh", "sub"]), min_size=1, max_size=12)):
        back = draw_(st.integers(1, 12))
        for i in range(draw_(st.sampled_from([1, 6, 7]))):
            a, b = nodes[-1 - i % len(nodes)], nodes[-min(back, len(nodes))]
            made = {
                "one": lambda a=a: first([a]), "two": lambda a=a, b=b: second([a, b]), "mul": lambda a=a, b=b: a * b,
                "add": lambda a=a, b=b: a + b, "tanh": lambda a=a: tanh(a), "sub": lambda a=a: a - 0.5,
            }  # fmt: skip
            nodes.insert(len(nodes) - i, made[kind]())
    root = draw_(st.sampled_from([total, sum]))(nodes[-draw_(st.integers(1, 16)) :])
    return root if root.op is not None else root * 1.0


@settings(max_examples=100)
@given(graphs_of_calls(), st.sampled_from(["neuron", 0, "auto"]))
def test_the_chain_rule_stays_true_whatever_calls_are_made_of(root, level):
    root.backward()
    model = draw(root, level=level, names={}).model
    event(f"{max((b.calls for b in model.boxes), default=1) > 1}: calls together")
    if not model.hidden:
        assert_true(model)


def test_the_panel_of_many_calls_says_how_one_of_them_is_opened():
    root = loss_over(20)
    panels = [n["panels"]["forward"] for n in data_of(draw(root, level="layer", names={}).model, "t")["nodes"]]
    paths = {m for text in panels for m in re.findall(r'expand="(\S+)"\) opens one of the 20', text)}
    assert paths
    for path in paths:
        assert path.endswith("[0]")
        draw(root, level="layer", expand=path.removesuffix("[0]") + "[3]", names={})  # as it says, and any other


@pytest.mark.parametrize("level", [0, "layer", "neuron"])
def test_what_a_reader_opens_and_closes_stays_true_and_can_be_turned_back(level):
    """Of many calls one stands beside the others: it opens, gives its place to the next, and goes back among them."""
    first = draw(loss_over(6), level=level, names={}).model
    assert {t.kind for t in turns(first)} >= {"one", "open"}
    seen, coming, kinds = {first.view}, [first], set()
    while coming and len(seen) < 30:
        model = coming.pop(0)
        ways = turns(model)
        assert len({t[:2] for t in ways}) == len(ways)
        for t in ways:
            other = first.at(t.view, 10**9)
            assert_true(other)
            kinds.add(t.kind)
            backs = {u.kind for u in turns(other) if u.view == model.view}
            assert backs >= {"one": {"close"}, "before": {"after"}, "after": {"before"}}.get(t.kind, set())
            if t.view not in seen:
                seen.add(t.view)
                coming.insert(0 if t.kind in ("one", "after") else len(coming), other)
    assert kinds == {"open", "close", "one", "before", "after"}


def test_the_fourth_of_many_calls_is_opened_as_expand_opens_it():
    root = loss_over(20)
    model = draw(root, level=0, names={}).model
    for kind in ("one", "after", "after", "after"):
        [turn] = [t for t in turns(model) if t.kind == kind]
        model = model.at(turn.view, 10**9)
    asked = draw(root, level=0, expand="MLP[3]", names={}).model
    assert model.view == asked.view and turn.name == "Open MLP[3]"
    assert [b.id for b in model.boxes] == [b.id for b in asked.boxes]
    assert "MLP[3]" in {title for _, title in model.clusters.values()}


def test_a_module_called_many_times_has_one_frame_whatever_is_open_in_it():
    model = draw(loss_over(20), level="neuron", names={}).model
    turn = next(t for t in turns(model) if t.name == "Open layers[0].neurons[0]")
    titles = [title for _, title in model.at(turn.view, 10**9).clusters.values()]
    assert set(titles) == {"MLP × 20", "layers[0]  Layer × 20", "layers[0].neurons[0]  Neuron × 20"}
