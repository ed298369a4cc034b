"""Each output alone in a frame of another origin, where it can reach neither page nor neighbours: Colab's way.

VS Code gives outputs less room (a page of their own, scripts allowed), so what works here works there.
"""

import html
import re

import nbformat
import pytest
from conftest import PATIENCE, media
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from engine import Value, explain
from notebooks.execution import notebooks

PATHS = notebooks()
PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}
schemes = pytest.mark.parametrize("scheme", ["light", "dark"])
# What a frame shows: images (name, real and shown width, how opaque they are at the edge), formulas, height.
SHOWN = """
    const edge = image => {
        const context = Object.assign(document.createElement("canvas"), {width: 50, height: 50}).getContext("2d");
        context.drawImage(image, 0, 0);
        return context.getImageData(40, 2, 1, 1).data[3];
    };
    const images = [...document.images].filter(i => i.checkVisibility());
    return images.every(i => i.complete) && document.readyState === "complete" && {
        images: images.map(i => [i.alt, i.naturalWidth, i.getBoundingClientRect().width, edge(i)]),
        formulas: [...document.querySelectorAll("math")].map(m => m.getBoundingClientRect().width),
        overlaps: [...document.querySelectorAll("mfrac")].filter((f, k, all) => all.slice(0, k).some(g => {
            const [a, b] = [f, g].map(x => x.getBoundingClientRect());
            return !g.contains(f) && a.left < b.right && b.left < a.right && a.top < b.bottom + 2 && b.top < a.bottom + 2;
        })).length,
        fractions: [...document.querySelectorAll("mfrac")].map(f => f.getBoundingClientRect().height),
        height: document.body.getBoundingClientRect().height,
    }"""
LISTEN = "<script>window.heard = []; addEventListener('message', e => heard.push(String(e.data)))</script>"


def outputs(path):
    """Each HTML output of a notebook."""
    cells = [c for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
    return [o.data["text/html"] for c in cells for o in c.outputs if "text/html" in o.get("data", {})]


@pytest.fixture
def frames(browser, tmp_path):
    """Opens a page with a frame for each text; the frames. What one says to the page, or asks of the network, is a fault."""

    def opened(texts, scheme="light"):
        media(browser, scheme)
        frame = '<iframe sandbox="allow-scripts" width="900" height="1000" srcdoc="{}"></iframe>'
        document = "<!doctype html><meta charset=utf-8><body>{}"
        page = tmp_path / "page.html"
        body = "".join(frame.format(html.escape(document.format(text))) for text in texts)
        page.write_text(document.format(LISTEN + body), "utf-8")
        browser.get(page.as_uri())
        return browser.find_elements(By.CSS_SELECTOR, "body > iframe")

    yield opened
    browser.switch_to.default_content()
    assert browser.execute_script("return window.heard") == []


def shown(browser, frame):
    """What an output shows; the browser stays in its frame."""
    browser.switch_to.default_content()
    browser.switch_to.frame(frame)
    return WebDriverWait(browser, PATIENCE).until(lambda driver: driver.execute_script(SHOWN) or None)


@schemes
@pytest.mark.parametrize("path", PATHS, ids=[p.stem for p in PATHS])
def test_each_output_of_a_notebook_stands_alone(browser, frames, path, scheme):
    texts = outputs(path)
    for text, frame in zip(texts, frames(texts, scheme)):
        found = shown(browser, frame)
        players = browser.find_elements(By.TAG_NAME, "iframe")
        assert len(found["images"]) + len(found["formulas"]) + len(players) > 0
        assert found["height"] > 20
        for alt, natural, width, opaque in found["images"]:
            assert len(alt.split()) > 2
            assert natural >= 50
            assert width >= 50
            assert opaque == 255, (
                "a picture brings its own paper: the theme of the page may be another than the system's"
            )
        assert all(width > 5 for width in found["formulas"])
        assert all(height > 25 for height in found["fractions"])  # two lines of letters of full size
        assert not found["overlaps"]
        assert len(players) == text.count("<iframe")
        for player in players:
            assert player.is_displayed()
            browser.switch_to.frame(player)
            assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == PAPER[scheme]
            (assert_steps if browser.find_elements(By.CSS_SELECTOR, ".slider") else assert_slides)(browser)
            browser.switch_to.parent_frame()


def assert_slides(browser):
    """A slider leads through all charts of its page, one at a time, and says each."""
    slider, said = (browser.find_element(By.TAG_NAME, tag) for tag in ("input", "output"))
    seen = []
    for _ in range(int(slider.get_attribute("max")) + 1):
        [image] = [i for i in browser.find_elements(By.TAG_NAME, "img") if i.is_displayed()]
        assert image.get_attribute("alt") == said.text == slider.get_attribute("aria-valuetext")
        seen.append((said.text, image.size["width"], image.size["height"]))
        slider.send_keys(Keys.ARROW_RIGHT)
    assert len({text for text, _, _ in seen}) == len(seen) > 1
    assert len({(width, height) for _, width, height in seen}) == 1, "nothing jumps"
    assert browser.execute_script("return document.documentElement.scrollHeight <= innerHeight"), "all is in view"


def assert_steps(browser):
    """Buttons, slider and keys of a player, or of a film, lead from its first step to its last."""
    count, slider = (browser.find_element(By.CSS_SELECTOR, s) for s in (".count", ".slider input"))
    start, last = slider.get_attribute("value"), slider.get_attribute("max")
    assert int(last) > int(start)
    first = count.text

    def pressed(name):
        browser.find_element(By.CSS_SELECTOR, f"[data-do={name}]").click()
        return slider.get_attribute("value"), count.text

    forward = pressed("next")
    assert forward[0] == str(int(start) + 1)
    assert forward[1] != first
    assert pressed("previous") == (start, first)
    assert pressed("last")[0] == last
    at_end = browser.find_element(By.CSS_SELECTOR, ".graph").text
    assert pressed("first") == (start, first)
    assert browser.find_element(By.CSS_SELECTOR, ".graph").text != at_end
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ARROW_RIGHT)
    assert (slider.get_attribute("value"), count.text) == forward
    slider.send_keys(Keys.END)
    assert slider.get_attribute("value") == last


def test_the_course_has_players_and_formulas_to_try():
    texts = [text for path in PATHS for text in outputs(path)]
    assert len(re.findall("<iframe", "".join(texts))) >= 2
    assert sum("<math" in text for text in texts) >= 4


# What is a fault here is seen ------------------------------------------------------------------------------------------

REACHES = {
    "page": "parent.document.title",
    "memory": "localStorage.length",
    "neighbour": "document.getElementById('made-by-another-output').textContent",
    "library": "require(['jupyter'])",
}


@pytest.mark.parametrize("script", REACHES.values(), ids=REACHES)
def test_a_script_that_reaches_out_of_its_frame_is_seen(browser, frames, script):
    frames([f"<p>text</p><script>{script}</script>", "<p id=made-by-another-output>"])
    log = WebDriverWait(browser, PATIENCE).until(lambda driver: driver.get_log("browser") or None)
    assert [entry["level"] for entry in log] == ["SEVERE"]


def test_what_is_asked_of_the_network_is_seen(browser, frames):
    frames(['<img alt="not there" src="https://example.org/x.png">'])
    log = WebDriverWait(browser, PATIENCE).until(lambda driver: driver.get_log("browser") or None)
    assert "example.org" in log[0]["message"]


def test_a_picture_without_paper_is_seen(browser, frames):
    svg = "<svg xmlns='http://www.w3.org/2000/svg' width='60' height='60'><text y='30'>black</text></svg>"
    [frame] = frames([f'<img alt="" src="data:image/svg+xml,{svg.replace("<", "%3C")}">'])
    assert shown(browser, frame)["images"] == [["", 60, 60, 0]]


def test_a_fraction_too_small_to_read_is_seen(browser, frames):
    explained = next(text for path in PATHS for text in outputs(path) if "<mfrac>" in text)
    whole, small = frames([explained, explained.replace(' displaystyle="true"', "")])
    assert min(shown(browser, whole)["fractions"]) > 25 > max(shown(browser, small)["fractions"])


def test_fractions_of_two_lines_that_overlap_are_seen(browser, frames):
    a = Value(2.0)
    lines = f'<div style="line-height:1.4">{explain(a * (3.0 * a), a).to_html()}</div>'  # as hosts have it
    apart, close = frames([lines, lines.replace("<p>", "").replace("</p>", "")])
    assert (shown(browser, apart)["overlaps"], shown(browser, close)["overlaps"] > 0) == (0, True)
