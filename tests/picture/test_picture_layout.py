"""The layout programs: one that hangs, crashes or babbles gives a clear error in time; without one the rest works."""

import os
import re
import stat
import sys
import xml.etree.ElementTree as ET

import pytest
from test_picture_shows import loss_of

import nn
from engine import Value, draw, explain, steps
from engine.picture import LayoutError
from engine.picture.drawing import layout
from engine.picture.drawing.dot import RANKDIRS, skeleton
from engine.picture.drawing.wrapping import wrapped


def small():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    root = a * b + a
    root.backward()
    return root


def test_boxes_do_not_overlap_and_edges_end_at_their_boxes():
    svg = draw(loss_of([2, 3, 2, 1]), level="full", uid="t").svg
    rects = {}
    for g in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}g"):
        if "node" in g.get("class", "").split():
            r = next(e for e in g if e.get("class") == "box")
            x, y, w, h = (float(r.get(k)) for k in ("x", "y", "width", "height"))
            rects[g.get("id")] = (x, y, x + w, y + h)
            for text in g.findall("{http://www.w3.org/2000/svg}text"):
                assert x <= float(text.get("x")) <= x + w
                assert y <= float(text.get("y")) <= y + h
    boxes = list(rects.values())
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a[2] <= b[0] + 0.2 or b[2] <= a[0] + 0.2 or a[3] <= b[1] + 0.2 or b[3] <= a[1] + 0.2


def fake_dot(tmp_path, monkeypatch, script):
    path = tmp_path / "dot"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.delenv("CHAINRULE_DOT", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


def test_a_program_that_hangs_is_stopped_in_the_set_time(tmp_path, monkeypatch):
    ends = tmp_path / "ends"
    fake_dot(
        tmp_path, monkeypatch, f"exec '{sys.executable}' -c 'import time; time.sleep(60); open(\"{ends}\", \"w\")'"
    )
    with pytest.raises(LayoutError, match=r"lays out in 0\.5 s, and this one took longer.*timeout="):
        draw(small(), timeout=0.5).svg  # noqa: B018  reading it draws it
    assert not ends.exists()  # nobody waited for the minute that the program takes


@pytest.mark.parametrize("timeout", [float("inf"), 1e12, 3e6])
def test_any_time_may_be_allowed(timeout):
    assert draw(small(), timeout=timeout).svg.startswith("<svg")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'Segmentation fault' >&2; exit 139", "ended with status 139 and no drawing: Segmentation fault"),
        ("kill -9 $$", "ended with status -9 and no drawing"),
        ("cat >/dev/null; echo '<svg>'", "gave something else"),
        ("cat >/dev/null; echo '{}'", "gave something else"),
        ('cat >/dev/null; echo \'{"bb": "0,0,1"}\'', "gave something else"),
        ('cat >/dev/null; echo \'{"bb": "0,0,9,9", "objects": []}\'', "n0 has no place"),
        ("cat >/dev/null; printf '\\377\\376'", "gave something else"),
        ("exit 0", "ended with status 0 and no drawing"),
    ],
)
def test_a_program_that_fails_is_named_with_what_it_said(tmp_path, monkeypatch, script, message):
    fake_dot(tmp_path, monkeypatch, script)
    with pytest.raises(LayoutError, match=re.escape(message)) as raised:
        draw(small()).svg  # noqa: B018  reading it draws it
    assert "pip install graphviz-pure" in str(raised.value)


def test_a_drawing_after_a_complaint_is_taken(tmp_path, monkeypatch):
    fake_dot(tmp_path, monkeypatch, f"{layout.layout_program()} -Kdot \"$@\"; echo 'Warning: no font' >&2; exit 1")
    assert draw(small()).svg.endswith("</svg>\n")


def test_without_a_program_everything_but_the_drawing_works(tmp_path, monkeypatch):
    monkeypatch.delenv("CHAINRULE_DOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(layout, "_installed_by_pip", lambda: None)
    root = small()
    picture = draw(root, names={})
    with pytest.raises(LayoutError, match=r"found no `dot`.*pip install graphviz-pure"):
        picture.svg  # noqa: B018  reading it draws it
    assert picture.dot.startswith("digraph")
    assert "∂" in str(picture)
    assert steps(root)
    assert "∂" in str(explain(root))
    assert picture.latex()
    shown = root._repr_mimebundle_()["text/html"]
    assert "pip install graphviz-pure" in shown
    assert "<pre>" in shown
    for name in ("x.svg", "x.png", "x.html"):
        with pytest.raises(LayoutError):
            picture.save(tmp_path / name)
    assert not list(tmp_path.iterdir())  # nothing half-written


def test_the_program_of_pip_is_used_where_the_system_has_none(tmp_path, monkeypatch):
    monkeypatch.delenv("CHAINRULE_DOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "graphviz-pure" in layout.layout_program()
    assert draw(small()).svg.endswith("</svg>\n")


def test_a_file_that_is_no_program_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DOT", str(tmp_path / "nowhere"))
    with pytest.raises(LayoutError, match="nowhere gave"):
        draw(small()).svg  # noqa: B018  reading it draws it


@pytest.mark.parametrize("rankdir", RANKDIRS)
@pytest.mark.parametrize("count", [3, 8, 16, 32])
def test_the_neurons_of_a_layer_stand_in_their_order(count, rankdir):
    inputs = [Value(0.5, label="x"), Value(-1.0, label="y")]
    for x in (inputs, [0.5, -1.0]):
        L = nn.MLP(2, [count, count, 1], seed=0)(x) ** 2
        picture = draw(L, level="neuron", rankdir=rankdir)
        layers = {}
        for b in picture.model.boxes:
            if b.kind == "group":
                x, y = picture.drawing.layout.nodes[f"{picture.uid}_{b.id}"]
                place = (round(x), y) if rankdir in ("LR", "RL") else (round(y), x)  # as one reads
                layers.setdefault(b.scopes[-1].path, []).append((place, int(b.name.rpartition("[")[2][:-1])))
        assert len(layers) == 3
        for neurons in layers.values():
            assert [i for _, i in sorted(neurons)] == list(range(len(neurons)))
            assert len({place for place, _ in neurons}) == len(neurons)


@pytest.mark.parametrize("rankdir", RANKDIRS)
@pytest.mark.parametrize("sizes", [[3, 1], [4, 3, 1], [8, 8, 1]])
def test_open_neurons_of_a_layer_stand_in_their_order_too(sizes, rankdir):
    L = nn.MLP(2, sizes, seed=0)([0.5, Value(-1.0)]) ** 2
    drawing = draw(L, level="full", rankdir=rankdir).drawing
    layers = {}
    for name, place in drawing.layout.clusters.items():
        found = re.fullmatch(r"cluster_layers_(\d+)_neurons_(\d+)", name)
        if found:
            layers.setdefault(found[1], []).append((place[rankdir in ("LR", "RL")], int(found[2])))
    assert max(map(len, layers.values())) == max(sizes)
    for neurons in layers.values():
        assert [i for _, i in sorted(neurons)] == list(range(len(neurons)))


def edges_of(box):
    x, y, width, height = box
    return x, y, x + width, y + height


def inside(a, b):
    return b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3]


def apart(a, b):
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@pytest.mark.parametrize("sizes", [[24, 24, 1], [40, 1], [9, 9, 9, 1], [60, 60, 1]], ids=str)
def test_a_wide_layer_stands_in_rows_of_a_width_that_is_read(sizes):
    root = nn.MLP(4, sizes, seed=0)([Value(0.1 * i, label=f"x{i}") for i in range(4)]) ** 2
    root.backward()
    picture = draw(root, level="neuron", names={})
    drawing, there = picture.drawing, picture.drawing.layout
    assert drawing.width <= 1200
    boxes = {}
    for b, content in drawing.typeset.contents.items():
        x, y = there.nodes[f"{picture.uid}_{b.id}"]
        boxes[b] = edges_of((x - content.width / 2, y - content.height / 2, content.width, content.height))
    frames = {s: edges_of(there.clusters[f"cluster_{word}"]) for s, (word, _) in picture.model.clusters.items()}
    assert len(frames) == len(sizes) + 1 - (sizes[-1] == 1)  # of the net, and of each layer of more than a neuron
    things = list(boxes.values())
    assert all(apart(a, b) for i, a in enumerate(things) for b in things[:i])
    page = (-1.0, -1.0, there.width + 1.0, there.height + 1.0)
    for b, place in boxes.items():
        assert inside(place, page)
        assert all(inside(place, frame) if s in b.scopes else apart(place, frame) for s, frame in frames.items())
    for s, frame in frames.items():
        assert inside(frame, page)
        assert all(inside(frame, f) if f is frames[t] and t is s.parent else True for t, f in frames.items())
        assert all(apart(frame, f) for t, f in frames.items() if t is not s and t.parent is s.parent)
    for e in picture.model.arrows:
        curve = there.edges[f"{picture.uid}_{e.id}"]
        (x0, y0), (x1, y1) = curve.points[0], curve.tip
        assert boxes[e.source][0] <= x0 <= boxes[e.source][2] and y0 == pytest.approx(boxes[e.source][3])
        assert boxes[e.target][0] <= x1 <= boxes[e.target][2] and y1 == pytest.approx(boxes[e.target][1])
        assert y0 < y1


def leaves_of_a_tree():
    found = [Value(0.1 * i) for i in range(60)]
    while len(found) > 1:
        found = [a * b for a, b in zip(found[::2], found[1::2])] + found[len(found) // 2 * 2 :]
    return found[0]


def two_towers():
    nets = [nn.MLP(2, [12, 1], seed=seed) for seed in (0, 1)]
    return nets[0]([0.5, 1.0]) * nets[1]([1.0, -0.5])


@pytest.mark.parametrize(("made", "level"), [(leaves_of_a_tree, "full"), (two_towers, "neuron"), (two_towers, "full")])
def test_what_would_be_parted_from_its_own_stays_in_one_row(made, level):
    picture = draw(made(), level=level, names={})
    there = layout.laid_out(skeleton(picture.drawing.typeset))
    assert there.width > 1100 and wrapped(picture.drawing.typeset, there) is there


def test_where_arrows_have_words_or_run_sideways_nothing_is_moved():
    root = nn.MLP(1, [9, 1], seed=0)([Value(0.5, label="x")])
    labelled, sideways = (
        draw(root, level="neuron", names={}),
        draw(two_towers(), level="neuron", rankdir="LR", names={}),
    )
    assert labelled.model.labels
    for picture in (labelled, sideways):
        there = layout.laid_out(skeleton(picture.drawing.typeset))
        assert there.width > 1100 and wrapped(picture.drawing.typeset, there) is there


def test_a_renderer_stands_for_the_program_and_draws_the_same(monkeypatch):
    program, asked = layout.program_output, []

    def renderer(dot, wanted):
        asked.append(wanted)
        monkeypatch.setattr(layout, "_renderer", None)
        try:
            return program(dot, wanted, 20.0).decode()
        finally:
            layout.use_renderer(renderer)

    x = Value(2.0, label="x")
    native = draw(x * x, uid="u").svg
    monkeypatch.setattr(layout, "_renderer", None)  # as it is again when the test ends
    layout.use_renderer(renderer)
    assert draw(x * x, uid="u").svg == native
    assert set(asked) == {"json0"}
    layout.use_renderer(lambda dot, wanted: "no drawing")
    with pytest.raises(LayoutError, match="the renderer gave something else"):
        _ = draw(x * x).svg
    with pytest.raises(TypeError, match="use_renderer takes a function"):
        layout.use_renderer("dot")
