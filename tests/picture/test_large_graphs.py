"""A large graph is drawn in little time: what is shown is decided by counting, and nothing is worked out for the rest."""

import base64
import math
import random
import re

import pytest
from drawn import Tags, page_data
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
from engine import Value, draw, film, sin, total
from engine.picture.model import nearest
from engine.picture.model.level import model_of


def recurrence(length, x=None):
    """y = 0.999·y + x, again and again: two nodes a step, and a leaf that all share."""
    x = Value(0.5, label="x") if x is None else x
    y = Value(1.0, label="y")
    for _ in range(length):
        y = y * 0.999 + x
    return y


def random_graph(rng, length):
    nodes = [Value(rng.uniform(-1.0, 1.0)) for _ in range(4)]
    for _ in range(length):
        a, b = rng.choice(nodes[-6:]), rng.choice(nodes)
        kind = rng.randrange(4)
        nodes.append(a + b if kind == 0 else a * b if kind == 1 else sin(a) if kind == 2 else total([a, b, nodes[-1]]))
    return nodes[-1]


def test_of_200_000_nodes_only_what_is_shown_is_worked_out(monkeypatch):
    """How long it takes stands in tests/benchmarks/engine.py; here, how many nodes are asked what they are."""
    asked, edges = [], Value._edges
    monkeypatch.setattr(Value, "_edges", lambda self: asked.append(1) or edges(self))
    root = recurrence(100_000)
    for show in (lambda root: draw(root).svg, lambda root: str(root._repr_mimebundle_())):
        asked.clear()
        shown = show(root)
        assert len(asked) < 10_000 and len(shown) < 500_000
    assert "200,002 nodes" in draw(root).model.caption


def test_what_is_behind_is_counted_and_named():
    model = draw(recurrence(10_000)).model
    stubs = [b for b in model.boxes if b.kind == "stub"]
    whole = [b for b in model.boxes if b.kind not in ("stub", "tag")]
    hidden = sum(int(b.name.split()[1].replace(",", "")) for b in stubs)
    assert len(whole) == 40 and hidden + 40 == 20_002
    assert model.caption == "20,002 nodes: the 40 boxes nearest v20001; draw another for what is before it"


@pytest.mark.parametrize("length", [300, 15_000])
def test_no_arrow_goes_round_in_what_is_left_out(length):
    model = draw(random_graph(random.Random(0), length)).model
    assert model.hidden and any(e.source.kind == "stub" for e in model.arrows)
    assert all(e.target.kind != "stub" for e in model.arrows)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(150, 400), st.booleans())
def test_gradients_and_numbers_near_the_root_are_those_of_the_whole_graph(seed, length, swept):
    root = random_graph(random.Random(seed), length)
    if swept:
        root.backward()
    near = nearest.nearest
    patch = pytest.MonkeyPatch()
    try:
        patch.setattr(nearest, "LARGE", 10**9)
        whole = model_of([root], level="full", force=True)
        patch.setattr(nearest, "LARGE", 0)
        part = model_of([root])
    finally:
        patch.undo()
    assert near is nearest.nearest
    if not part.sweep.is_part:  # of few parts
        assert len(whole.sweep.order) <= 80
        return
    assert part.sweep.size == len(whole.sweep.order)
    shown = {b.value: b for b in part.boxes if b.value is not None and b.kind != "tag"}
    all_of_it = {b.value: b for b in whole.boxes if b.value is not None and b.kind != "tag"}
    assert len(shown) == len([b for b in part.boxes if b.value is not None and b.kind != "tag"]) <= 40
    for v in shown:
        assert part.sweep.sum(v) == whole.sweep.sum(v) or math.isnan(whole.sweep.sum(v))
        assert len(part.sweep.uses[v]) == len(whole.sweep.uses[v])  # none before all of its users
        assert shown[v].grad == all_of_it[v].grad or math.isnan(all_of_it[v].grad)
    counted = sum(int(b.name.split()[1].replace(",", "")) for b in part.boxes if b.kind == "stub")
    assert counted == part.sweep.size - len(shown) == part.hidden


def test_a_large_graph_of_few_modules_is_shown_by_module():
    class Recurrence(nn.Module):
        def __init__(self):
            self.w = Value(0.5)

        def forward(self, x):
            for _ in range(6_000):
                x = sin(x * self.w)
            return x

    model = draw(Recurrence()(Value(1.0))).model
    assert [b.kind for b in model.boxes if b.kind == "group"] == ["group"] and "shown by" in model.caption


def test_a_large_graph_of_many_calls_of_one_module_is_shown_whole():
    net = nn.MLP(2, [8, 1], seed=0)
    model = draw(total([net([0.001 * i, -0.5]) ** 2 for i in range(700)])).model
    assert model.sweep.size > nearest.LARGE and not model.hidden
    assert {b.calls for b in model.boxes if b.scope is not None} == {700}


def test_players_films_and_text_of_large_graphs_show_the_same_part():
    x = Value(0.5, label="x")
    first, second = recurrence(6_000, x), recurrence(6_000, x)
    picture = draw(first)
    assert "12,002 nodes" in picture.player().html
    assert "more nodes" in str(picture)
    frames = film([first, second])
    assert "12,002 nodes" in frames.html
    second.backward()
    boxes = [b for b in draw(second).model.boxes if b.value is second]
    assert len(boxes) == 1


# In a notebook --------------------------------------------------------------------------------------------------------


def network_loss():
    L = (nn.MLP(2, [16, 16, 1], seed=0)([0.5, -1.0]) - 1.0) ** 2
    L.label = "L"
    L.backward()
    return L


def still(shown):
    return base64.b64decode(re.search('src="data:image/svg[^,]*,([^"]*)"', shown)[1]).decode()


def test_a_picture_that_is_read_at_once_is_an_image_in_a_notebook():
    shown = draw(network_loss()).html
    assert shown.startswith("<img alt=") and len(shown) < 50_000


def test_a_wide_picture_is_a_page_in_a_notebook_with_an_image_where_scripts_are_stripped():
    picture = draw(network_loss(), level="neuron")
    shown = picture.html
    assert Tags(shown).count.get("iframe") == 1 and len(shown.encode()) <= 500_000
    page = re.search('srcdoc="([^"]*)"', shown)[1].replace("&quot;", '"').replace("&amp;", "&")
    data = page_data(page)
    assert len(data["nodes"]) == 36 and data["first"] >= len(data["steps"]) - 1  # as drawn: all is known
    assert 'class="node' in still(shown) and 'alt="Computation graph of L, 404 nodes' in shown


def test_a_page_in_a_notebook_opens_after_the_forward_pass_where_no_backward_has_run():
    L = (nn.MLP(2, [16, 16, 1], seed=0)([0.5, -1.0]) - 1.0) ** 2
    page = re.search('srcdoc="([^"]*)"', draw(L, level="neuron").html)[1].replace("&quot;", '"').replace("&amp;", "&")
    data = page_data(page)
    assert data["steps"][data["first"]]["phase"] == "forward"
    assert data["steps"][data["first"] + 1]["phase"] == "backward"


def test_a_picture_too_large_for_a_notebook_says_what_to_do_and_shows_a_smaller_one():
    shown = draw(network_loss(), level="full").html
    assert shown.startswith("<p>404 boxes are too many for a notebook.") and len(shown) < 50_000
    assert 'draw(…, level=&#39;full&#39;).save("graph.html")' in shown
    assert "layers[1]" in still(shown)


def test_a_long_page_holds_its_data_compressed_and_a_short_one_as_it_is():
    small, large = draw(network_loss()).player().html, draw(network_loss(), level="neuron").player().html
    assert '"version":1' in small and '"version":1' not in large
    assert page_data(small)["version"] == page_data(large)["version"] == 1
    assert len(large) < 300_000


def test_a_box_adds_little_to_a_long_page():
    """1.1 kB, most of it the drawing: a page of 10,000 boxes is of 11 MB."""

    def size(boxes):
        y = Value(0.5)
        for _ in range(boxes - 1):
            y = sin(y)
        return len(draw(y, level="full").player().html.encode())

    assert size(300) - size(150) < 1_500 * 150


def loss_over_examples():
    net = nn.MLP(2, [4, 1], seed=0)
    return total([net([0.1 * i, -0.2 * i]) ** 2 for i in range(20)])


@pytest.mark.parametrize("root", [network_loss, loss_over_examples, lambda: random_graph(random.Random(0), 200)])
@pytest.mark.parametrize("level", ["auto", "neuron", "layer", 0])
def test_what_a_caption_says_one_can_do_shows_more(root, level):
    root = root()
    picture = draw(root, level=level)
    caption = picture.model.caption
    for how in re.findall(r'(level|expand)="([^"]+)"', caption):
        more = draw(root, **{"level": level} | dict([how]))
        assert len(more.model.boxes) > len(picture.model.boxes)
    assert ".player()" in caption or "graph.html" in caption or not caption
