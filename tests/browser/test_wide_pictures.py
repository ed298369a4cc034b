"""A picture wider than its page is scrolled, not shrunk to a hairline: in the pages that nbconvert and JupyterLab make."""

import re

import nbconvert
import nbformat
import pytest
from test_picture_files import neuron

from engine import Value, draw, total


def wide():
    root = total([Value(float(i)) for i in range(60)])
    root.backward()
    return draw(root, level="full")


@pytest.mark.parametrize("made", [wide, lambda: draw(neuron())], ids=["wide", "narrow"])
@pytest.mark.parametrize("page", [400, 1000])
def test_a_picture_keeps_a_readable_size(browser, tmp_path, shot, made, page):
    picture = made()
    image = re.search("<img[^>]*>", picture.html)[0]  # of a wide one what is left where scripts are stripped
    output = nbformat.v4.new_output("execute_result", data={"text/html": image}, execution_count=1)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("L", outputs=[output], execution_count=1)])
    html, _ = nbconvert.HTMLExporter(embed_images=True).from_notebook_node(book)
    (tmp_path / "x.html").write_text(html)
    browser.set_window_size(page, 900)
    browser.get((tmp_path / "x.html").as_uri())
    shown, ratio, sideways, scrolled = browser.execute_script("""
        const i = document.images[0], r = i.getBoundingClientRect();
        let area = i.parentElement;
        while (area && area.scrollWidth <= area.clientWidth + 1) area = area.parentElement;
        return [r.width, r.width / r.height, document.documentElement.scrollWidth - innerWidth, area && area.className]""")
    width, height = picture.drawing.whole
    assert shown >= 0.8 * width - 1
    assert ratio == pytest.approx(width / height, rel=0.01)
    if shown > page:  # it is the output that is scrolled, not the page
        assert sideways <= 0
        assert "jp-" in scrolled
    shot(f"nbconvert-{made.__name__.strip('<>')}-{page}")
    browser.get_log("browser")  # the template's own scripts come from the network, which is not there
