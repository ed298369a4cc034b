"""A picture on a machine with DejaVu alone, which is wider than all that pages ask for: every text is inside its box."""

from pathlib import Path

import matplotlib
import pytest
from conftest import FLAGS, program
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from test_picture_files import neuron
from test_picture_shows import loss_of, recurrent

from engine import Value, draw, tanh

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
MACHINES = {
    "its three faces": ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"],
    "one face": ["DejaVuSans.ttf"],
}


def long_names():
    a, b = Value(-1234.5, label="a rather long name"), Value(-0.00098765, label="WWWWWWWWWW")
    c = tanh(a * b) - a
    c.label = "mmmmmmmmmmmmmmmm"
    c.backward()
    return c


GRAPHS = {
    "neuron": lambda: draw(neuron()),
    "network": lambda: draw(loss_of([2, 3, 2, 1]), level="full"),
    "by neuron": lambda: draw(loss_of([2, 3, 2, 1]), level="neuron"),
    "by layer": lambda: draw(loss_of([2, 16, 16, 1]), level="layer"),
    "shared weights": lambda: draw(recurrent(6)),
    "long names": lambda: draw(long_names()),
    "to the right": lambda: draw(neuron(), rankdir="LR"),
}


@pytest.fixture(scope="module", params=MACHINES)
def machine(request, tmp_path_factory):
    """A browser that sees the fonts of a machine alone."""
    home = tmp_path_factory.mktemp("fonts")
    for name in MACHINES[request.param]:
        (home / name).symlink_to(FONTS / name)
    (home / "fonts.conf").write_text(f"<fontconfig><dir>{home}</dir><cachedir>{home}/cache</cachedir></fontconfig>")
    options = Options()
    options.binary_location = program("CHROMIUM", "chromium", "chromium-browser", "google-chrome")
    for flag in [*FLAGS.split(), f"--user-data-dir={home}/profile"]:
        options.add_argument(flag.replace("|", " "))
    service = Service(program("CHROMEDRIVER", "chromedriver"), env={"FONTCONFIG_FILE": str(home / "fonts.conf")})
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


OUTSIDE = """
    const svg = document.querySelector("svg"), found = [], rect = e => e.getBoundingClientRect();
    const inside = (a, b) => a.left >= b.left && a.right <= b.right && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
    const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom - 3 <= b.top || b.bottom - 3 <= a.top;
    const said = t => `${t.textContent} (${Math.round(rect(t).right - rect(t).left)} px)`;
    const boxes = [...document.querySelectorAll(".node .box")];
    for (const box of boxes) {
        const texts = [...box.parentNode.querySelectorAll("text")];
        for (const t of texts) if (!inside(rect(t), rect(box))) found.push(said(t) + " leaves its box");
        for (const t of texts) for (const u of texts)
            if (t !== u && !apart(rect(t), rect(u))) found.push(said(t) + " is on " + said(u));
    }
    for (const t of document.querySelectorAll(".cluster text"))
        if (!inside(rect(t), rect(t.parentNode.querySelector("rect")))) found.push(said(t) + " leaves its frame");
    for (const t of document.querySelectorAll("text"))
        if (!inside(rect(t), rect(svg))) found.push(said(t) + " leaves the picture");
    const labels = [...document.querySelectorAll(".edge text")];
    for (const t of labels) for (const box of boxes)
        if (!apart(rect(t), rect(box))) found.push(said(t) + " is on a box");
    return [found, document.querySelectorAll("text").length];
"""


@pytest.mark.parametrize("graph", GRAPHS)
def test_every_text_is_inside_its_box_where_dejavu_is_the_only_font(machine, tmp_path, graph):
    (tmp_path / "x.html").write_text(f"<!doctype html><meta charset=utf-8><body style='margin:0'>{GRAPHS[graph]().svg}")
    machine.get((tmp_path / "x.html").as_uri())
    outside, texts = machine.execute_script(OUTSIDE)
    assert texts > 10
    assert outside == []
