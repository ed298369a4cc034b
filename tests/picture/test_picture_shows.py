"""What a picture says in particular cases: accumulated and foreign gradients, edited data, names, kinds, limits, levels."""

import itertools
import math
import re
import xml.etree.ElementTree as ET

import pytest
from drawn import Drawn, page_data

import engine
import nn
from engine import Scope, Value, dot, draw, draw_dot, explain, gradients, relu, scope, steps, tanh, total, trace, where
from engine.picture import LayoutError
from engine.picture.model.sentences import legend_rows

UID = "t"


def drawn(root, **options):
    return Drawn(draw(root, uid=UID, **options).svg, UID)


def by_name(picture):
    return {b.name: (key, b) for key, b in picture.boxes.items()}


# Gradients that are not from here -------------------------------------------------------------------------------------


def test_a_gradient_accumulated_over_two_losses_says_how_much_is_from_here():
    a = Value(2.0, label="a")
    first, second = a * 3.0, a * 4.0
    first.backward()
    second.backward()
    key, box = by_name(drawn(second))["a"]
    assert box.cells["g"] == "7.0"
    assert box.cells["h"] == "4.0"
    assert "grad holds 7.0, of which from root 4.0" in box.title
    assert drawn(second).rows(key) == ["= 1.0·4.0"]


def test_a_node_swept_from_another_root_only_says_so():
    a = Value(2.0, label="a")
    (a * 3.0).backward()
    other = a * 4.0
    _, box = by_name(drawn(other))["a"]
    assert box.cells["g"] == "3.0"
    assert "h" not in box.cells
    assert "from another backward" in box.title
    assert not [k for k in box.cells if k.startswith("c")]


def test_a_part_of_a_swept_graph_shows_the_gradients_that_flowed_through_it():
    x = Value(0.5, label="x")
    z = tanh(x)
    z.label = "z"
    (z * z).backward()
    picture = drawn(z)
    _key, box = by_name(picture)["x"]
    assert by_name(picture)["z"][1].cells["g"] == box_text(2 * z.data)
    assert "h" not in box.cells
    assert "grad x = grad z·∂z/∂x" in box.title


def box_text(x):
    from engine.formulas.formula import number_text

    return number_text(x)


def test_a_backward_with_another_seed_is_shown_with_it():
    a = Value(2.0, label="a")
    y = a * 3.0
    y.backward(gradient=5.0)
    picture = drawn(y)
    assert picture.rows(by_name(picture)["a"][0]) == ["= 5.0·3.0"]
    assert by_name(picture)["a"][1].cells["g"] == "15.0"


def test_a_leaf_edited_after_the_forward_pass_shows_what_it_was_used_as():
    a = Value(2.0, label="a")
    y = a * a
    y.backward()
    a.data = 5.0
    _, box = by_name(drawn(y))["a"]
    assert (box.cells["d"], box.cells["u"]) == ("5.0", "2.0")
    assert "used here as 2.0" in box.title


def test_zero_gradients_print_zero_and_unreached_ones_a_dash():
    a, b = Value(-1.0, label="a"), Value(2.0, label="b")
    y = relu(a) + b
    y.backward()
    found = by_name(drawn(y))
    assert found["a"][1].cells["g"] == "0.0"
    assert found["a"][1].cells["c0"] == "= 0.0 not taken"
    y.zero_grad()
    assert by_name(drawn(y))["a"][1].cells["g"] == "–"


def test_a_branch_not_taken_is_faint_and_contributes_nothing():
    x, a, b = (Value(v, label=n) for v, n in ((0.0, "x"), (2.0, "a"), (3.0, "b")))
    y = where(x > 0.0, engine.log(x) * a, b)
    y.backward()
    picture = draw(y, uid=UID)
    edges = {
        e.paths[0].user.op.name + str(e.paths[0].edge): picture_edge
        for e, picture_edge in zip(picture.model.arrows, Drawn(picture.svg, UID).edges.values())
    }
    assert "off" in edges["where1"].classes
    assert "(not taken)" in edges["where1"].title
    assert "pos" in edges["where2"].classes
    assert a.grad == 0.0
    assert "nan" not in str(picture)


def test_infinite_and_nan_numbers_are_drawn_as_such():
    x = Value(0.0, label="x")
    y = 1.0 / x - 1.0 / x
    y.backward()
    picture = drawn(y)
    texts = {c for b in picture.boxes.values() for c in b.cells.values()}
    assert "∞" in texts
    assert "nan" in texts
    data = page_data(draw(y).player().html)
    assert "Infinity" in {n["data"] for n in data["nodes"]}


# Names and kinds ------------------------------------------------------------------------------------------------------


def test_labels_come_before_variables_and_variables_before_numbers():
    a, hidden = Value(1.0, label="alpha"), [Value(2.0), Value(3.0)]
    z = a * hidden[0] * hidden[1]
    picture = draw(z, uid=UID)  # here, where the variables are
    names = set(by_name(Drawn(picture.svg, UID)))
    assert names == {"alpha", "hidden[0]", "hidden[1]", "v1", "z"}
    assert z.label == ""


def test_equal_labels_are_told_apart():
    x, y = Value(2.0, label="x"), Value(3.0, label="x")
    assert {"x", "x_2"} <= set(by_name(drawn(x * y)))


class Neuron:
    """As nn's modules: parameters and modules by path, a scope of its own class for each call."""

    def named_modules(self):
        return [("", self)]

    def __init__(self, weights):
        self.w = [Value(w) for w in weights]

    def named_parameters(self):
        return [(f"w.{i}", w) for i, w in enumerate(self.w)]


class ModuleScope(Scope):
    __slots__ = ("module",)

    def __init__(self, name, module):
        super().__init__(name)
        self.module = module


class Layer:
    def __init__(self, sizes):
        self.neurons = [Neuron([0.1 * (i + 1) * (-1) ** j for j in range(sizes[0])]) for i in range(sizes[1])]

    def named_modules(self):
        return [("", self), *((f"neurons.{i}", n) for i, n in enumerate(self.neurons))]

    def named_parameters(self):
        return [(f"neurons.{i}.{k}", p) for i, n in enumerate(self.neurons) for k, p in n.named_parameters()]


def network(xs, sizes):
    for i, shape in enumerate(itertools.pairwise(sizes)):
        layer = Layer(shape)
        with scope(ModuleScope(f"layers.{i}", layer)):
            out = []
            for j, n in enumerate(layer.neurons):
                with scope(ModuleScope(f"neurons.{j}", n)):
                    z = n.w[0] * xs[0]
                    for w, x in zip(n.w[1:], xs[1:]):
                        z = z + w * x
                    out.append(tanh(z))
        xs = out
    return xs


def loss_of(sizes):
    xs = [Value(0.5 * (i + 1), label=f"x{i}") for i in range(sizes[0])]
    out = network(xs, sizes)
    y = Value(1.0, label="y")
    d = out[0] - y
    d.label = "d"
    loss = d * d
    loss.label = "L"
    loss.backward()
    return loss


def test_a_leaf_of_a_module_is_a_parameter_named_by_its_path():
    loss = loss_of([2, 1])
    picture = drawn(loss, level="full")
    kinds = {b.name: b.classes for b in picture.boxes.values()}
    assert "parameter" in kinds["w[0]"]
    assert "dashed" not in kinds["w[0]"]
    assert {"input", "dashed"} <= kinds["x0"]
    assert "layers[0].neurons[0].w[1]" in by_name(picture)["w[1]"][1].title


def test_parameters_of_two_neurons_that_share_a_name_get_longer_ones_alike():
    picture = drawn(loss_of([2, 2, 1]), level="full")
    assert {"l0.n0.w[0]", "l0.n1.w[0]", "l1.n0.w[0]"} <= set(by_name(picture))


def test_a_dead_neuron_has_the_derivative_zero_and_is_not_taken():
    x, w = Value(-1.0, label="x"), Value(2.0, label="w")
    with scope("neuron"):
        out = relu(w * x)
    root = out * 3.0
    root.backward()
    picture = draw(root, level="neuron", uid=UID)
    edges = Drawn(picture.svg, UID).edges
    for e in picture.model.arrows[:2]:
        assert (e.local, e.product) == (0.0, None)
        assert edges[e.id].lines[1] == "= 0.0"
        assert "off" in edges[e.id].classes
        assert edges[e.id].title.endswith("(not taken)")


def test_a_root_that_is_a_leaf_is_one_box():
    assert len(drawn(Value(2.0, label="a")).boxes) == 1


# Levels and limits ----------------------------------------------------------------------------------------------------


def test_a_wide_network_is_shown_by_layer_and_says_so():
    picture = draw(loss_of([2, 16, 16, 1]), uid=UID)
    groups = [b for b in picture.model.boxes if b.kind == "group"]
    assert len(groups) == 3
    assert len(picture.model.boxes) == 8
    n = len(picture.model.sweep.order)
    assert picture.model.caption == (
        f'{n} nodes, shown by layer: level="neuron" for more, expand="layers.0" for one, .player() for each step'
    )
    assert picture.model.caption in str(picture).replace("\n", " ")
    lines = re.findall('<text class="t caption"[^>]*>([^<]*)<', picture.svg)
    assert set(" ".join(lines).replace("&quot;", '"').split()) == set(picture.model.caption.split())
    assert "16 neurons · 32 parameters" in picture.svg
    assert "256 edges" in picture.svg


def test_a_network_by_neuron_keeps_the_chain_rule_on_every_edge():
    sizes = [2, 3, 2, 1]
    picture = draw(loss_of(sizes), level="neuron")
    groups = [b for b in picture.model.boxes if b.kind == "group"]
    assert len(groups) == 6
    for b in groups:
        (y,) = b.outputs
        assert len(picture.model.ins[b]) == len(b.parameters)
        want = sorted(w.data * (1.0 - y.data**2) for w in b.parameters)  # ∂tanh(w·x)/∂x_i = w_i·(1 − y²)
        assert sorted(e.local for e in picture.model.ins[b]) == pytest.approx(want, rel=1e-9)


def test_negative_factors_after_the_first_stand_in_parentheses():
    a, b, c = (Value(x, label=n) for x, n in ((2.0, "a"), (-3.0, "b"), (-1.0, "c")))
    root = (a * b) * c + a * c
    root.backward()
    picture = drawn(root, names={})
    assert picture.rows(by_name(picture)["a"][0]) == ["= 1.0·(−1.0)", "+ (−1.0)·(−3.0)"]
    assert "= 1.0·(−1.0) + (−1.0)·(−3.0) = 2.0" in by_name(picture)["a"][1].title


def test_expand_opens_one_module():
    picture = draw(loss_of([2, 16, 16, 1]), level="layer", expand="layers.2")
    titles = {b.name for b in picture.model.boxes if b.kind == "group"}
    assert titles == {"layers[0]", "layers[1]", "l2.neurons[0]"}
    with pytest.raises(ValueError, match=r"paths of Modules \('layers\.0'.*got 'layers\.9'"):
        draw(loss_of([2, 2, 1]), expand="layers.9")


def test_a_dot_unfolds_into_products_and_sums_with_the_same_bits():
    ws, xs = [Value(0.1 * i) for i in range(1, 5)], [Value(1.0 / i) for i in range(1, 5)]
    z = dot(ws, xs, 0.25)
    z.label = "z"
    root = tanh(z)
    root.backward()
    folded, unfolded = draw(root), draw(root, expand="z")
    assert len(folded.model.boxes) == 10
    assert len(unfolded.model.boxes) == 10 + 4 + 3
    ops = {b.value.op.name for b in unfolded.model.boxes if b.kind == "op"}
    assert ops == {"mul", "add", "tanh"}
    shown = {b.name: b for b in unfolded.model.boxes}
    assert shown["z"].value.data == z.data
    assert shown["z"].value.grad == z.grad
    assert all(shown[f"ws[{i}]"].value is ws[i] for i in range(4))
    assert [unfolded.model.sweep.sum(shown[f"ws[{i}]"].value) for i in range(4)] == [w.grad for w in ws]
    assert "from root" not in unfolded.svg
    assert {b.name for b in draw(root, expand="dot").model.boxes} == set(shown)


def test_total_and_mean_unfold_too():
    xs = [Value(float(i), label=f"x{i}") for i in range(1, 4)]
    for row in (total, engine.mean):
        y = row(xs)
        y.label = "y"
        y.backward()
        model = draw(y, expand="y").model
        assert model.sweep.roots[0].data == y.data
        assert all(not b.note or b.kind == "input" for b in model.boxes)
        y.zero_grad()
    assert next(b.name for b in draw(total([xs[0]]), expand="total", names={}).model.boxes) == "x1"


def test_a_long_graph_without_modules_shows_what_is_nearest_the_root_and_a_stub():
    x = Value(0.5, label="x")
    v = x
    for _ in range(500):
        v = v * 1.001
    v.backward()
    picture = draw(v)
    stubs = [b for b in picture.model.boxes if b.kind == "stub"]
    assert [b.name for b in stubs] == ["… 461 more nodes"]
    assert len(picture.model.boxes) == 41
    assert "501 nodes: the 40 boxes nearest v" in picture.model.caption
    assert picture.model.labels


def test_up_to_eighty_boxes_without_modules_are_drawn_whole_with_formulas_on_pointing():
    v = Value(0.5, label="x")
    for _ in range(60):
        v = v * 1.001
    picture = draw(v)
    assert len(picture.model.boxes) == 61
    assert not picture.model.labels
    assert "point at an edge" in picture.model.caption
    assert not any(e.lines for e in Drawn(draw(v, uid=UID).svg, UID).edges.values())


def test_a_caption_asks_for_force_where_the_level_it_names_needs_it():
    wide = nn.MLP(2, [500, 1], seed=0)([1.0, 2.0])
    by_neuron, by_layer = draw(wide, level="neuron").model.caption, draw(wide, level="layer").model.caption
    assert 'level="full", force=True and .save("graph.html") for all' in by_neuron
    assert 'level="neuron" for more' in by_layer  # 500 boxes
    assert "force" not in draw(nn.MLP(2, [100, 1], seed=0)([1.0, 2.0]), level="neuron").model.caption


def test_more_than_two_thousand_boxes_need_force():
    v = Value(0.5, label="x")
    for _ in range(2001):
        v = v * 1.001
    with pytest.raises(ValueError, match=r"up to 2,000 boxes, got 2,002 at level='full'.*force=True"):
        draw(v, level="full")
    assert len(draw(v, level="full", force=True).model.boxes) == 2002


def test_a_hundred_thousand_nodes_are_drawn():
    v = Value(0.5, label="x")
    for _ in range(100_000):
        v = v * 1.0000001
    v.backward()
    picture = draw(v)
    assert len(picture.model.boxes) == 41
    assert len(picture.svg) < 100_000


def recurrent(times):
    """A recurrent net of three cells whose weights are shared over time."""
    weights = {n: Value(0.1 * (i + 1), label=n) for i, n in enumerate(["u0", "u1", "u2", "w0", "w1", "w2"])}
    h = [Value(0.0, label=f"h{i}") for i in range(3)]
    for t in range(times):
        x = Value(math.sin(t), label=f"x_{t}")
        with scope(f"steps.{t}"):
            h = [tanh(weights[f"u{i}"] * x + weights[f"w{i}"] * h[i] + h[i - 1] * 0.1) for i in range(3)]
    loss = total(h)
    loss.label = "L"
    loss.backward()
    return loss


@pytest.mark.parametrize("level", ["auto", "full"])
def test_a_recurrent_net_of_shared_weights_draws_with_reference_tags(level):
    loss = recurrent(15)
    picture = draw(loss, level=level)
    assert 280 < len(picture.model.sweep.order) < 310
    tags = [b for b in picture.model.boxes if b.kind == "tag"]
    assert tags
    assert picture.svg.count('class="node tag') == len(tags)
    shown = Drawn(draw(loss, level=level, uid=UID).svg, UID).boxes
    assert all(shown[b.id].title == shown[b.leaf.id].title and "not taken" not in shown[b.id].title for b in tags)
    for e in picture.model.arrows:  # each use is still an edge of its own, and starts beside its user
        if e.source.kind == "tag":
            assert e.source.scopes == e.target.scopes
    # The rows of a tagged leaf still sum to its gradient.
    for b in picture.model.boxes:
        if b.kind == "input" and b.name.startswith("u"):
            assert sum(e.product for e in picture.model.outs[b]) == pytest.approx(b.value.grad, rel=1e-12)


def test_many_inputs_alike_are_one_box():
    xs = [Value(0.1 * i) for i in range(12)]
    out = network(xs, [12, 3, 1])
    picture = draw(out[0], level="layer", names={})
    (box,) = [b for b in picture.model.boxes if b.kind == "inputs"]
    assert len(box.outputs) == 12
    assert "12 inputs" in picture.svg


def test_an_mlp_by_layer_is_small():
    svg = draw(loss_of([2, 16, 16, 1])).svg
    assert len(svg.encode()) < 60_000


# Higher derivatives, several roots -------------------------------------------------------------------------------------


def test_a_gradient_is_a_graph_that_is_drawn_like_any():
    x = Value(0.7, label="x")
    (slope,) = gradients(tanh(x) ** 3, [x])
    slope.backward()
    picture = draw(slope)
    shown = by_name(Drawn(draw(slope, uid=UID).svg, UID))
    assert "x" in shown
    assert len(picture.model.boxes) > 5


def test_several_roots_are_drawn_together():
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    y1, y2 = a * b, a + b
    y1.backward()
    y2.backward()
    picture = drawn([y1, y2])
    assert len([b for b in picture.boxes.values() if "root" in b.classes]) == 2
    key, box = by_name(picture)["a"]
    assert box.cells["g"] == "4.0"
    assert sorted(picture.rows(key)) == ["+ 1.0·3.0", "= 1.0·1.0"]


# micrograd's names, arguments, errors ------------------------------------------------------------------------------------


def test_micrograds_calls_work():
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    c = a * b + a
    nodes, edges = trace(c)
    assert len(nodes) == 4
    assert len(edges) == 4
    picture = draw_dot(c)
    assert "rankdir=LR" in picture.dot
    assert "<svg" in draw_dot(c, format="svg", rankdir="TB").svg


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "fine"}, "draw takes level 'auto', 'full', 'neuron', 'layer' or a depth from 0, got 'fine'"),
        ({"level": -1}, "got -1"),
        ({"theme": "blue"}, "draw takes 'auto', 'light' or 'dark' as theme, got 'blue'"),
        ({"rankdir": "up"}, "draw takes one of TB, LR, BT, RL as rankdir, got 'up'"),
        ({"uid": '"><script>'}, "draw takes as uid a word"),
    ],
)
def test_arguments_that_are_not_legal_are_named(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        draw(Value(1.0) * 2.0, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expand": 3}, "draw takes expand as a list of paths and names, got 3"),
        ({"expand": [3]}, "draw takes expand as a list of paths and names, got [3]"),
        ({"timeout": "x"}, "draw takes a positive number of seconds as timeout, got 'x'"),
        ({"timeout": -1}, "draw takes a positive number of seconds as timeout, got -1"),
        ({"names": 3}, "names takes a mapping of names to Values, got 3"),
    ],
)
def test_arguments_of_another_type_are_named(options, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        draw(Value(1.0) * 2.0, **options)


@pytest.mark.parametrize("root", [3.0, None, [], [Value(1.0), 2.0], "L"])
def test_what_is_no_value_is_refused(root):
    with pytest.raises(TypeError, match="trace takes a Value or a list of Values"):
        engine.trace(root)
    with pytest.raises(TypeError, match="takes a Value or a list of Values"):
        draw(root)
    with pytest.raises(TypeError, match="takes a Value or a list of Values"):
        steps(root)


def test_layout_errors_are_runtime_errors():
    assert issubclass(LayoutError, RuntimeError)


def test_a_player_shows_the_gradients_of_its_own_graph_whatever_backward_has_left():
    a = Value(2.0, label="a")
    y = a * a
    fresh = page_data(draw(y).player().html)
    y.backward()
    y.backward()
    again = page_data(draw(y).player().html)
    for data in (fresh, again):
        assert {n["label"]: n["grad"] for n in data["nodes"]} == {"a": 4.0, "y": 1.0}
    y.zero_grad()
    assert "backward has not run" in draw(y).player().html


# The legend ----------------------------------------------------------------------------------------------------------


def test_the_legend_has_the_signs_that_the_picture_has_and_no_others():
    a, b = Value(2.0), Value(-3.0)
    L = a * b
    assert [row.sign for row in legend_rows(draw(L).model)] == ["input", "∂", "–"]
    L.backward()
    assert [row.sign for row in legend_rows(draw(L).model)] == ["input", "∂", "=", "d", "pos", "neg", "wide"]
    assert [row.sign for row in legend_rows(draw(b).model)] == ["input"]  # it is no root with a gradient of 1
    net = nn.MLP(2, [2, 1], seed=0)
    out = net([1.0, 2.0])
    out.backward()
    assert {row.sign for row in legend_rows(draw(out).model)} >= {"parameter", "∂", "d"}
    assert "strip" in {row.sign for row in legend_rows(draw(loss_of([2, 16, 16, 1])).model)}


def test_the_legend_says_why_an_arrow_is_faint():
    a, b = Value(-1.0), Value(2.0)
    L = relu(a) * b
    L.backward()
    assert "off" in {row.sign for row in legend_rows(draw(L).model)}
    M = a * b
    M.backward()
    assert "off" not in {row.sign for row in legend_rows(draw(M).model)}


def legend_of(svg):
    """The words of a drawn legend; [] where there is none."""
    found = ET.fromstring(svg).findall(".//{http://www.w3.org/2000/svg}g[@class='legend']/")
    return [t.text for t in found if t.tag.endswith("text")]


def test_a_static_picture_says_what_its_signs_mean():
    a, b, c = Value(2.0), Value(-3.0), Value(1.0)
    before, L = legend_of(draw(a * b + c).svg), a * b + c
    assert before == ["input", "∂", "along this arrow alone", "–", "not known before backward"]
    L.backward()
    picture = draw(L)
    words = [row.words for row in legend_rows(picture.model) if row.sign != "d"]  # of which a picture shows no sign
    assert [w for w in legend_of(picture.svg) if len(w) > 5] == words[1:]
    assert "adds to the gradient" not in picture.player().drawing.body()  # the page has its own


def test_a_small_picture_has_no_legend():
    a, b = Value(2.0), Value(-3.0)
    L = a * b
    L.backward()
    assert legend_of(draw(L).svg) == []


@pytest.mark.parametrize("rankdir", ["TB", "LR"])
def test_a_legend_makes_a_picture_hardly_wider_and_stands_beneath_it(rankdir):
    a, b, c = Value(2.0), Value(-3.0), Value(1.0)
    L = a * b + c
    L.backward()
    drawing = draw(L, rankdir=rankdir).drawing
    assert drawing.width <= max(drawing.layout.width, 330) + 24
    width, height = drawing.whole
    for t in ET.fromstring(drawing.svg()).iter("{http://www.w3.org/2000/svg}text"):
        assert 0 < float(t.get("y")) < height
    legend = ET.fromstring(drawing.svg()).find(".//{http://www.w3.org/2000/svg}g[@class='legend']")
    tops = [float(t.get("y")) - 10 for t in legend.findall("{http://www.w3.org/2000/svg}text")]
    assert min(tops) > max(y for _, y in drawing.layout.nodes.values()) + 30


# One name, everywhere -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["full", "neuron", "layer", 0])
def test_nodes_without_a_name_are_numbered_without_holes_and_alike_in_all_that_is_printed(level):
    loss = loss_of([2, 4, 4, 1])
    picture = draw(loss * 2.0 + 1.0, level=level, names={})
    numbered = [b.name for b in picture.model.boxes if re.fullmatch(r"v\d+", b.name)]
    assert sorted(numbered, key=lambda name: int(name[1:])) == [f"v{i + 1}" for i in range(len(numbered))]
    if level != "full":
        assert numbered == sorted(numbered, key=lambda name: int(name[1:]))  # in the order of the picture
    explained = str(explain(picture.model.sweep.roots[0], nodes=None, names={}))
    names = {b.value: b.name for b in picture.model.boxes if b.kind in ("op", "parameter")}
    root = picture.model.root_name
    assert names and all(f"d{root}/d{name} = " in explained for name in names.values())


# Words ----------------------------------------------------------------------------------------------------------------


def test_a_row_has_the_colour_of_the_arrow_whose_share_it_is():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    L = a * b + a * a
    L.backward()
    model = draw(L).model
    rows = {b.name: list(zip(b.rows, b.tones)) for b in model.boxes}
    assert rows["a"] == [("= 1.0·2.0", "pos"), ("+ 1.0·2.0", "pos"), ("+ 1.0·(−3.0)", "neg")]
    assert [e.tone for b in model.boxes if b.name == "a" for e in model.outs[b]] == ["pos", "pos", "neg"]
    assert re.search(r'class="c r neg"[^>]*>\+ 1\.0·\(−3\.0\)<', draw(L).svg)


def test_the_root_says_its_derivative_by_itself_and_other_starts_say_what_they_were_given():
    x = Value(2.0, label="x")
    L = x * 3.0
    L.label = "L"
    L.backward()
    assert by_name(drawn(L))["L"][1].cells["c0"] == "dL/dL = 1"
    pair = drawn([L, x * L])
    assert "given to backward" in pair.boxes[by_name(pair)["L"][0]].title
    everything = draw(L).svg + draw(L).player().html + str(draw(L)) + draw(L).latex() + draw([L, x * L]).svg
    assert not re.search(r"\bseed|from here|length of the", everything)


def test_a_module_whose_result_has_a_name_is_called_by_it_and_its_derivative_is_that_of_the_module():
    net, x = nn.MLP(2, [8, 8, 1], seed=0), Value(1.0, label="x")
    y = net([x, x])
    L = (y - 1.0) ** 2
    L.backward()
    picture = draw(L, level=0)
    box = next(b for b in picture.model.boxes if b.kind == "group")
    assert (box.name, box.function) == ("y", "MLP")
    assert [e.symbol for e in picture.model.ins[box]] == ["∂MLP/∂x"]
    assert {e.symbol for e in picture.model.outs[box]} == {"∂v1/∂y"}
    assert "y\u00a0= MLP(…)" in {b.head for b in Drawn(draw(L, level=0, uid=UID).svg, UID).boxes.values()}


def test_the_player_has_the_words_of_the_legend():
    a, b = Value(2.0), Value(-3.0)
    picture = draw(a * b)
    model = picture._model_of(picture._roots, given={}, complete=True)
    page = picture.player().html
    for row in legend_rows(model):
        assert row.words in page or row.sign == "=", row


def test_a_picture_asks_for_some_numbers_and_shows_the_others():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    y = a * b
    y.label = "y"
    picture = draw(y, names={})
    asking = picture.asking({(y, 0): "?"}, {a: "?", y: "1.0"})
    assert ("∂y/∂a = ?" in asking.svg, "∂y/∂b = a = 2.0" in asking.svg, "∂y/∂a = b" in asking.svg) == (
        True,
        True,
        False,
    )
    assert (
        asking.drawing.text
        == "y = a · b = −6.0; dy/dy = 1.0. b = −3.0; dy/db is not known before backward. a = 2.0; dy/da = ?."
    )
    assert "∂y/∂a = b = −3.0" in picture.svg  # the picture itself is as it was
    y.backward()
    with pytest.raises(ValueError, match="asking takes a graph before backward"):
        draw(y, names={}).asking({}, {})


def test_a_player_opens_at_a_step():
    y = Value(2.0, label="a") * 3.0
    assert '"first": 2' in draw(y).player(2).html.replace('"first":2', '"first": 2')
    with pytest.raises(ValueError, match="player takes a whole number from 0 as step, got -1"):
        draw(y).player(-1)
