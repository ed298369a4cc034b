"""A system Graphviz and graphviz-pure give the same picture; CI installs the first."""

import shutil
import xml.etree.ElementTree as ET
from collections import Counter

import pytest
from drawn import Drawn
from test_picture_shows import loss_of, recurrent

from engine import draw
from engine.picture.drawing import layout


def system_dot():
    found = shutil.which("dot")
    assert found, "the tests take a system Graphviz (apt install graphviz)"
    return found


def pip_dot():
    found = layout._installed_by_pip()
    assert found, "the tests take graphviz-pure, which the project depends on"
    return found


@pytest.mark.parametrize("options", [{"level": "full"}, {"level": "neuron"}, {"level": "layer"}, {"rankdir": "LR"}])
def test_both_programs_give_the_same_elements_and_texts(monkeypatch, options):
    root = loss_of([2, 3, 2, 1])
    drawn = []
    for program in (system_dot(), pip_dot()):
        monkeypatch.setenv("CHAINRULE_DOT", program)
        svg = draw(root, uid="t", **options).svg
        elements = ET.fromstring(svg)
        counts = Counter(e.tag for e in elements.iter())
        texts = sorted("".join(e.itertext()) for e in elements.iter("{http://www.w3.org/2000/svg}text"))
        drawn.append((counts, texts, Drawn(svg, "t").edges.keys()))
    assert drawn[0] == drawn[1]


def test_both_programs_draw_the_dot_text_alike(monkeypatch):
    text = draw(loss_of([2, 3, 1]), level="full", uid="t").dot
    counts = []
    for program in (system_dot(), pip_dot()):
        monkeypatch.setenv("CHAINRULE_DOT", program)
        svg = layout.program_output(text, "svg", 60).decode()
        tags = Counter(e.tag for e in ET.fromstring(svg).iter())
        counts.append({t: n for t, n in tags.items() if t.endswith(("}text", "}path", "}g"))})
    assert counts[0] == counts[1]


def test_both_programs_lay_out_shared_weights(monkeypatch):
    counts = []
    for program in (system_dot(), pip_dot()):
        monkeypatch.setenv("CHAINRULE_DOT", program)
        counts.append(Counter(e.tag for e in ET.fromstring(draw(recurrent(15), level="full", uid="t").svg).iter()))
    assert counts[0] == counts[1]
