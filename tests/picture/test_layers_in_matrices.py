"""A layer in matrices: its formula, the numbers it was given, and the Jacobian along an arrow are those of its nodes."""

import math

import pytest
from drawn import Drawn, built_in_scopes, page_data
from hypothesis import event, given, settings
from hypothesis import strategies as st
from strategies import moderate, tapes

import nn
from engine import Value, draw, partials, sigmoid, tanh, topological_order, total
from engine.picture.model import layers
from engine.picture.model.layers import chains_inside, partials_taken

SLOPES = {
    "relu": lambda z: float(z > 0.0),
    "tanh": lambda z: 1.0 - math.tanh(z) ** 2,
    "sigmoid": lambda z: math.exp(-z) / (1.0 + math.exp(-z)) ** 2,
}
NAMES = {"relu": "relu", "tanh": "tanh", "sigmoid": "σ"}
places = st.lists(st.sampled_from(["", "a", "a.x", "a.y", "b", "b.x"]), max_size=8)


def by_layer(net, x, **options):
    L = (net(x) - 1.0) ** 2
    L.label = "L"
    L.backward()
    model = draw(L, level="layer", **options).model
    return model, {b.name: b for b in model.boxes}


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_a_dense_layer_says_its_formula_and_the_arrow_into_it_its_jacobian(activation):
    net = nn.MLP(2, [5, 4, 1], activation=activation, seed=1)
    model, boxes = by_layer(net, [0.5, -1.0])
    f = NAMES[activation]
    assert boxes["layers[0]"].expression == f"{f}(z0), z0 = W0·x + b0"
    assert boxes["layers[1]"].expression == f"{f}(z1), z1 = W1·layers[0] + b1"
    assert boxes["layers[2]"].expression == "W2·layers[1] + b2"
    hidden = [v.data for v in boxes["layers[0]"].outputs]
    zs = [sum(w.data * x for w, x in zip(n.w, hidden)) + n.b.data for n in net.layers[1].neurons]
    entries = [SLOPES[activation](z) * w.data for z, n in zip(zs, net.layers[1].neurons) for w in n.w]
    (e,) = model.ins[boxes["layers[1]"]]
    assert (e.symbol, e.formula) == ("∂layers[1]/∂layers[0]", f"diag({f}′(z1))·W1")
    assert e.jacobian[:2] == (4, 5) and e.size == "4 × 5, norm "
    assert e.jacobian.norm == pytest.approx(math.hypot(*entries), rel=1e-12)
    (e,) = model.ins[boxes["layers[2]"]]
    assert (e.symbol, e.formula, e.jacobian[:2]) == ("∂layers[2]/∂layers[1]", "W2", (1, 4))
    assert e.jacobian.norm == pytest.approx(math.hypot(*[w.data for w in net.layers[2].neurons[0].w]), rel=1e-12)


def test_an_input_alone_has_its_column_of_the_weights():
    net, xs = nn.MLP(2, [3, 1], activation="tanh", seed=1), [Value(0.5, label="a"), Value(-1.0, label="b")]
    model, boxes = by_layer(net, xs)
    for k, x in enumerate(xs):
        (e,) = [e for e in model.ins[boxes["layers[0]"]] if e.source.value is x]
        zs = [sum(w.data * v.data for w, v in zip(n.w, xs)) for n in net.layers[0].neurons]
        entries = [SLOPES["tanh"](z) * n.w[k].data for z, n in zip(zs, net.layers[0].neurons)]
        assert (e.formula, e.jacobian[:2]) == (f"diag(tanh′(z0))·W0[:, {k}]", (3, 1))
        assert e.jacobian.norm == pytest.approx(math.hypot(*entries), rel=1e-12)


def test_the_jacobian_stands_on_the_picture_and_in_its_words():
    L = nn.MLP(2, [16, 16, 1], seed=0)([0.5, -1.0])
    L.backward()
    drawn = Drawn(draw(L, uid="t", names={"L": L}).svg, "t")
    (edge,) = [e for e in drawn.edges.values() if e.lines and e.lines[0] == "∂layers[1]/∂layers[0]"]
    assert edge.lines[1] == "= diag(relu′(z1))·W1"
    assert edge.lines[2].startswith("16 × 16, norm ")
    (box,) = [b for b in drawn.boxes.values() if b.name == "layers[0]"]
    assert "= relu(z0), z0 = W0·x + b0" in box.title
    chain = "dL/dlayers[0] = (∂layers[1]/∂layers[0])ᵀ·dL/dlayers[1]"
    assert box.title.endswith(chain)
    picture = draw(L, names={"L": L})
    assert chain in str(picture) and "layers[0] = relu(z0), z0 = W0·x + b0" in str(picture)
    (node,) = [n for n in page_data(picture.player().html)["nodes"] if n["label"] == "layers[0]"]
    assert "layers[0] = relu(z0), z0 = W0·x + b0" in node["panels"]["forward"]
    assert chain in node["panels"]["backward"] and node["lines"]["backward"] == f"{chain}: 16 gradients"


@settings(max_examples=50)
@given(tapes(moderate), places, st.sampled_from(["neuron", "layer", 0, 1]))
def test_a_jacobian_is_what_the_nodes_inside_multiply_and_gives_what_flows(tape, where, level):
    root = built_in_scopes(tape, where)[-1]
    root.backward()
    order = topological_order(root)
    model = draw(root, level=level, names={}).model
    for e in model.arrows:
        if e.jacobian is None:
            continue
        inside, source = set(e.target.members), (e.source.leaf or e.source).outputs or [e.source.value]
        entries = []
        for a in source:
            tangent = {a: 1.0}  # forward mode, from one value into the group alone
            for v in (v for v in order if v in inside):
                edges = [(x, p) for x, p in zip(v.args, partials(v)) if isinstance(x, Value) and x in tangent]
                tangent[v] = sum(tangent[x] * p for x, p in edges if p or not v.op.selects)
            entries += [tangent[v] for v in e.target.outputs]
        assert (e.jacobian.rows, e.jacobian.columns) == (len(e.target.outputs), len(source))
        want = math.hypot(*entries)
        if math.isfinite(want) and want > 1e-150:
            event("a norm")
            assert e.jacobian.norm == pytest.approx(want, rel=1e-6)
        rows = chains_inside(e.target.outputs, e.target.members, partials_taken(model.sweep), model.sweep.index)
        outer = [
            sum(u.product for u in model.sweep.uses[v] if u.user not in inside) + model.sweep.seeds.get(v, 0.0)
            for v in e.target.outputs
        ]
        for a in source:
            flows = [u.product for u in model.sweep.uses[a] if u.user in inside]
            terms = [g * row.get(a, 0.0) for g, row in zip(outer, rows)]
            if all(map(math.isfinite, [*terms, *flows])):
                size = math.fsum(map(abs, [*terms, *flows]))
                assert abs(math.fsum(terms) - math.fsum(flows)) <= 1e-6 * size + 1e-290


class Residual(nn.Module):
    def __init__(self):
        self.w = [Value(0.5), Value(-0.25), Value(0.125)]

    def forward(self, xs):
        return [tanh(self.w[0] * xs[0] + xs[1]) + xs[0], tanh(self.w[1] * xs[0] + self.w[2] * xs[1])]


class Mixed(nn.Module):
    def __init__(self):
        self.one, self.other = nn.Neuron(2, activation="tanh", seed=0), nn.Neuron(2, activation="sigmoid", seed=1)

    def forward(self, xs):
        return [self.one(xs), self.other(xs)]


class Twice(nn.Module):
    def __init__(self):
        self.layer = nn.Layer(2, 2, activation="tanh", seed=0)

    def forward(self, xs):
        return [sigmoid(y) for y in self.layer(xs)]


@pytest.mark.parametrize("module", [Residual, Mixed, Twice])
def test_what_is_no_dense_layer_has_no_matrix_formula(module):
    xs = [Value(0.3, label="p"), Value(-0.7, label="q")]
    L = total(module()(xs))
    L.backward()
    model = draw(L, level=0, names={}).model
    groups = [b for b in model.boxes if b.kind == "group"]
    assert groups and not any(b.expression for b in groups)
    assert all(e.formula is None for e in model.arrows if e.jacobian is not None)


def test_a_jacobian_that_is_too_large_says_so_and_costs_little(monkeypatch):
    monkeypatch.setattr(layers, "MOST_PARTIALS", 100)
    net = nn.MLP(2, [16, 16, 1], seed=0)
    model, boxes = by_layer(net, [0.5, -1.0])
    (e,) = model.ins[boxes["layers[1]"]]
    assert e.symbol == "∂layers[1]/∂layers[0]" and e.jacobian == (16, 16, None)
    assert (e.size, e.number) == ("16 × 16, too large for its norm", None)


# Numbers given -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["neuron", "layer", 0])
def test_plain_numbers_that_a_network_was_called_on_are_a_box_at_every_level(level):
    L = nn.MLP(2, [3, 1], seed=0)([0.5, -1.0])
    L.backward()
    picture = draw(L, level=level, uid="t")
    (x,) = [b for b in picture.model.boxes if b.kind == "given"]
    assert x.given == (0.5, -1.0) and x.dashed and x.name == "x"
    users = {e.target.name for e in picture.model.outs[x]}
    assert len(users) == (3 if level == "neuron" else 1)
    assert "[0.5, −1.0]" in picture.svg and "x ([0.5, −1.0])" in str(picture)
    data = page_data(picture.player().html)
    assert x.id in {n["id"] for n in data["nodes"]} and x.id not in {s.get("node") for s in data["steps"]}


def test_a_module_that_multiplies_weights_by_plain_numbers_shows_them_too():
    class Line(nn.Module):
        def __init__(self):
            self.w = [Value(2.0), Value(3.0)]

        def forward(self, xs):
            return tanh(self.w[0] * xs[0] + self.w[1] * xs[1])

    y = Line()([0.25, 4.0]) * 3.0
    assert [b.given for b in draw(y, level=0).model.boxes if b.given] == [(0.25, 4.0)]


def test_many_given_numbers_are_a_strip():
    y = nn.MLP(12, [3, 1], seed=0)([0.1 * i for i in range(12)])
    picture = draw(y, level="layer", uid="t")
    (x,) = [b for b in picture.model.boxes if b.kind == "given"]
    assert (x.counts, len(x.spread)) == ("12 numbers", 12)
    assert picture.svg.count("strip_d") >= 12


def test_inputs_that_are_values_are_named_in_the_formula():
    xs = [Value(0.5, label="p"), Value(-1.0, label="q")]
    _, boxes = by_layer(nn.MLP(2, [3, 1], seed=0), xs)
    assert boxes["layers[0]"].expression == "relu(z0), z0 = W0·[p, q] + b0"
    many = [Value(0.1 * i, label=f"p{i}") for i in range(12)]
    _, boxes = by_layer(nn.MLP(12, [3, 1], seed=0), many)
    assert boxes["layers[0]"].expression == "relu(z0), z0 = W0·(p0 … p11) + b0"
    letters = {"W1": Value(1.0), "b1": Value(2.0)}
    net = nn.MLP(2, [3, 1], seed=0)
    L = net([0.5, 1.0]) * letters["W1"] + letters["b1"]
    model = draw(L, level="layer", names=letters | {"L": L}).model
    (box,) = [b for b in model.boxes if b.name == "layers[1]"]
    assert box.expression == "W1_2·layers[0] + b1_2"  # the letters of a reader's own nodes stay theirs
