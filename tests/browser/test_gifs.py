"""The animated image of a player and of a film: frames are the steps, in the colours of the page."""

import re

import numpy as np
import pytest
from PIL import Image
from test_picture_files import fresh, neuron, training
from test_picture_shows import loss_of, recurrent

import nn
from engine import Value, draw, film
from engine.picture.drawing.theme import DARK, LIGHT
from engine.picture.player.animation import player_frames

SCALE, NARROWEST = 1.5, 360


def place(made, x, y):
    """Where a point of the layout is in the image, in pixels of the drawing: narrow ones stand in the middle."""
    return x + made.drawing._dx + max(0, NARROWEST - made.drawing.width) / 2, y + made.drawing._dy


def tip(made, e):
    """A rectangle about the end of an arrow's line."""
    x, y = place(made, *made.drawing.layout.edges[f"{made.drawing.uid}_{e.id}"].points[-1])
    return x - 2, y - 2, x + 2, y + 2


def frames(path):
    """(pixels, milliseconds) of each frame, decoded in turn."""
    with Image.open(path) as image:
        assert image.info["loop"] == 0  # forever
        found = []
        for i in range(image.n_frames):
            image.seek(i)
            found.append((np.asarray(image.convert("RGB")).astype(int), image.info["duration"]))
        return found


def box(made, name):
    """The rectangle of a box, within its border."""
    b = next(b for b in made.drawing.model.boxes if b.name == name)
    content = made.drawing.typeset.contents[b]
    x, y = place(made, *made.drawing.layout.nodes[f"{made.drawing.uid}_{b.id}"])
    return x - content.width / 2 + 3, y - content.height / 2 + 3, x + content.width / 2 - 3, y + content.height / 2 - 3


def share(pixels, place, colour):
    """How much of a rectangle has a colour."""
    left, top, right, bottom = (round(SCALE * x) for x in place)
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return (abs(pixels[top:bottom, left:right] - rgb) <= 2).all(axis=2).mean()


def square():
    a = Value(-1.5, label="a")
    L = a * a
    L.label = "L"
    return L


@pytest.mark.parametrize(("root", "theme", "colours"), [(neuron, "auto", LIGHT), (square, "dark", DARK)])
def test_a_player_is_saved_as_its_steps(tmp_path, root, theme, colours):
    made = draw(root(), theme=theme).player()
    path = tmp_path / "neuron.gif"
    assert made.save(path) == str(path)
    assert path.stat().st_size < 400_000
    shown = frames(path)
    results = [b.name for b in made.drawing.model.boxes if b.kind == "op"]
    order = ["start", *results, *(b.name for b in reversed(made.drawing.model.boxes))]
    assert len(shown) == len(order) == (21 if root is neuron else 4)
    for i, (name, (pixels, milliseconds)) in enumerate(zip(order, shown)):
        assert 900 <= milliseconds <= 4000
        for other in {*order} - {"start"}:  # the box of the step, and no other, is marked
            assert (share(pixels, box(made, other), colours["highlight"]) > 0.4) == (other == name), (i, other)
        for result in results:  # a value is read once it has been computed
            known = order.index(result) <= i
            assert (share(pixels, box(made, result), colours["ink"]) > 0.005) == known, (i, result)
        for e in made.drawing.model.arrows:  # an arrow has its sign once its argument has its gradient
            got = order.index(e.source.name, len(results) + 1) <= i
            sign = colours["positive" if e.product > 0 else "negative"]
            assert (share(pixels, tip(made, e), sign) > 0.1) == got, (i, e.line)
    assert shown[-1][1] > 2 * shown[1][1]  # the whole is looked at for longer


def test_the_band_of_a_player_says_each_step(tmp_path, monkeypatch):
    from engine.picture.player import animation

    said = []
    monkeypatch.setattr(animation, "gif", lambda images, *_: said.extend(image.decode() for image in images) or b"GIF")
    draw(neuron()).player().save(tmp_path / "x.gif")
    assert "Forward computes the values" in said[0]
    assert "z = s + b = −0.5 + 0.7 = 0.2<" in said[4]
    assert "backward 13 of 13<" in said[-1]
    assert "dL/dw1 = dL/dp1·∂p1/∂w1 = −1.543·2.0 = −3.085<" in said[-1]
    said.clear()
    film(training(3, fresh())).save(tmp_path / "x.gif")
    assert re.findall(r'class="words"[^>]*>([^<]*)<', said[0])[1].startswith(
        "w ← w − 0.5·dL/dw = "
    )  # on a line of its own
    said.clear()
    net = nn.MLP(2, [3, 3, 1], seed=0)
    out = net([0.5, -1.0])
    out.backward()
    draw(out, level="layer").player().save(tmp_path / "x.gif")
    texts = [" ".join(re.findall(r'class="words"[^>]*>([^<]*)<', svg)) for svg in said]
    assert any(t.startswith("layers[0] = relu(") for t in texts)
    assert any(t.startswith("dout/dlayers[0] = (∂layers[1]/∂layers[0])ᵀ·dout/dlayers[1]") for t in texts)


def test_a_film_is_saved_as_its_steps(tmp_path):
    made = film(training(12, fresh()))
    path = tmp_path / "training.gif"
    made.save(path)
    shown = frames(path)
    assert len(shown) == 12
    assert path.stat().st_size < 400_000
    (first, short), (last, long) = shown[0], shown[-1]
    assert long > short
    arrow = next(e for e in made.drawing.model.arrows if e.source.name == "b")
    signs = [shot.data["arrows"][arrow.id][0] for shot in made.frames]
    assert {*signs} == {"pos", "neg"}
    for (pixels, _), sign in zip(shown, signs):
        assert share(pixels, tip(made, arrow), LIGHT["positive" if sign == "pos" else "negative"]) > 0.1
    left, top, right, bottom = (round(SCALE * x) for x in box(made, "w"))
    assert (first[top:bottom, left:right] != last[top:bottom, left:right]).any()


GRAPHS = {
    "neuron": lambda: draw(neuron()),
    "by layer": lambda: draw(loss_of([2, 16, 16, 1]), level="layer"),
    "shared weights": lambda: draw(recurrent(6)),
    "a part": lambda: draw(loss_of([2, 3, 2, 1]), level="neuron"),
}


@pytest.mark.parametrize("graph", GRAPHS)
def test_each_frame_shows_what_the_page_shows_at_its_step(browser, tmp_path, graph):
    made = GRAPHS[graph]().player()
    made.save(tmp_path / "x.html")
    browser.get((tmp_path / "x.html").as_uri())
    seen = browser.execute_script("""
        const marks = ["pend", "got", "now", "forth"], found = [], next = document.querySelector("[data-do=next]");
        for (let i = 0; i < arguments[0]; i++) {
            const step = {marks: {}, cells: {}};
            for (const e of document.querySelectorAll(".graph .node[id], .graph .edge[id]"))
                step.marks[e.id] = marks.filter(m => e.classList.contains(m));
            for (const t of document.querySelectorAll(".graph text[id$=_d], .graph text[id$=_g]"))
                step.cells[t.id] = t.textContent;
            found.push(step);
            next.click();
        }
        return found""", len(player_frames(made.drawing.model)))  # fmt: skip
    uid, leaves = made.drawing.uid, {b.id for b in made.drawing.model.boxes if b.leaf is not None}
    for i, (step, frame) in enumerate(zip(seen, player_frames(made.drawing.model))):
        for key, marks in frame.marks.items():
            if key not in leaves:  # a reference is as its leaf in an image, and still in the page
                assert {*marks.split()} == {*step["marks"][f"{uid}_{key}"]}, (i, key)
        for key, (text, _) in frame.cells.items():
            assert step["cells"].get(f"a_{uid}_{key}", text) == text, (i, key)
