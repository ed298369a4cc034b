"""A saved SVG where no page is: librsvg and cairosvg, which know few rules and no variables, as Chromium shows it."""

import base64
import io
import itertools
from pathlib import Path

import cairocffi
import cairosvg
import numpy as np
import pytest
import pyvips
from conftest import media
from PIL import Image
from test_picture_files import neuron
from test_picture_shows import loss_of

from engine import draw
from engine.picture import LayoutError
from engine.picture.drawing.theme import DARK, LIGHT

SCALE = 2  # or no pixel of a small letter would have its colour


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def by_librsvg(svg):
    return pixels(pyvips.Image.svgload_buffer(svg.encode(), scale=SCALE).write_to_buffer(".png"))


def by_cairosvg(svg):
    return pixels(cairosvg.svg2png(bytestring=svg.encode(), scale=SCALE))


@pytest.fixture
def by_chromium(browser, tmp_path):
    def rendered(svg, scheme="light"):
        media(browser, scheme)
        (tmp_path / "x.svg").write_text(svg)
        (tmp_path / "x.html").write_text(
            "<!doctype html><link rel=icon href=data:,><body style='margin:0'><img src='x.svg'>"
        )
        browser.get((tmp_path / "x.html").as_uri())
        width, height = browser.execute_script("const i = document.images[0]; return [i.naturalWidth, i.naturalHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": SCALE}
        made = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        return pixels(base64.b64decode(made["data"]))

    return rendered


def rgb(colour):
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def share(picture, place, colour, spread=3):
    """How much of a rectangle has a colour, up to `spread` in each channel."""
    left, top, right, bottom = (round(SCALE * x) for x in place)
    return (abs(picture[top:bottom, left:right] - rgb(colour)) <= spread).all(axis=2).mean()


def places(drawing):
    """(rectangle, colour word, least share) of what must be seen, and where: paper, boxes, edges, numbers by sign."""
    dx, dy = drawing._dx, drawing._dy
    for b in drawing.model.boxes:
        content, (x, y) = drawing.typeset.contents[b], drawing.layout.nodes[f"{drawing.uid}_{b.id}"]
        left, top = x + dx - content.width / 2, y + dy - content.height / 2
        box = (left + 2, top + 2, left + content.width - 2, top + content.height - 2)
        yield box, "leaf" if b.is_leaf else "node", 0.4
        yield box, "muted", 0.001
        yield box, "ink", 0.001
        if b.grad:
            yield box, "positive" if b.grad > 0 else "negative", 0.001
    for e in drawing.model.arrows:
        curve = drawing.layout.edges[f"{drawing.uid}_{e.id}"]
        x, y = curve.points[-1]
        here = (x + dx - 2, y + dy - 2, x + dx + 2, y + dy + 2)
        yield here, {"pos": "positive", "neg": "negative", "off": "faint", "": "line"}[e.tone], 0.15
    yield (1, drawing.height / 2, 9, drawing.height / 2 + 9), "paper", 1.0


GRAPHS = {"a neuron": (neuron, "full"), "a network by layer": (lambda: loss_of([2, 16, 16, 1]), "layer")}


@pytest.mark.parametrize(
    ("theme", "graph"), [*itertools.product(["auto"], GRAPHS), ("light", "a neuron"), ("dark", "a neuron")]
)
def test_a_saved_picture_has_its_colours_in_every_renderer(by_chromium, tmp_path, theme, graph):
    root, level = GRAPHS[graph][0](), GRAPHS[graph][1]
    picture = draw(root, level=level, theme=theme)
    svg = Path(picture.save(tmp_path / "saved.svg")).read_text()
    plain = DARK if theme == "dark" else LIGHT
    shown = {
        "librsvg": (by_librsvg(svg), plain),
        "cairosvg": (by_cairosvg(svg), plain),
        "Chromium, light": (by_chromium(svg), plain),
        "Chromium, dark": (by_chromium(svg, "dark"), LIGHT if theme == "light" else DARK),
    }
    for renderer, (image, colours) in shown.items():
        for place, word, least in places(picture.drawing):
            assert share(image, place, colours[word]) >= least, (renderer, place, word)


@pytest.mark.parametrize("kind", ["png", "pdf"])
@pytest.mark.parametrize("error", [MemoryError(), cairocffi.CairoError("cairo returned CAIRO_STATUS_NO_MEMORY", 1)])
def test_what_cairo_cannot_draw_is_said_in_words(tmp_path, monkeypatch, kind, error):
    def fail(**_):
        raise error

    monkeypatch.setattr(cairosvg, f"svg2{kind}", fail)
    with pytest.raises(
        LayoutError, match=rf"save takes .* as \.{kind}, but of \d+ by \d+ .*(MEMORY|no memory).*; save \.svg"
    ):
        draw(neuron()).save(tmp_path / f"x.{kind}")
    assert not list(tmp_path.iterdir())
