"""Real front ends: JupyterLab and Notebook 7 show the player where a notebook is trusted, the picture where it is not."""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from conftest import PATIENCE, fresh
from jupyter import environment, serving
from nbclient import NotebookClient
from nbformat.sign import NotebookNotary
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

CELLS = [
    "from engine import Value, draw, tanh\nx, w, b = Value(2.0), Value(-0.5), Value(0.7)\nz = w * x + b\nL = tanh(z)\nL.backward()",
    "L",
    "draw(L).player()",
]
# A workspace of its own for each notebook, or JupyterLab opens those of the test before as well.
APPS = {"lab": ("jupyterlab", "lab/workspaces/{stem}/tree/{name}"), "notebook": ("notebook", "notebooks/{name}")}


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A Jupyter of its own: no settings, no memory of trust."""
    root = tmp_path_factory.mktemp("jupyter")
    env = environment(root)
    before = dict(os.environ)
    os.environ.update(env)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    NotebookClient(book, timeout=120, kernel_name="python3").execute()
    nbformat.write(book, root / "work" / "trusted.ipynb")
    notary = NotebookNotary(data_dir=str(root / "data_dir"))
    notary.sign(book)
    notary.store.close()
    book.metadata["title"] = "the same, unsigned"
    nbformat.write(book, root / "work" / "untrusted.ipynb")
    os.environ.clear()
    os.environ.update(before)
    return root, env, book


@pytest.fixture(scope="session", params=sorted(APPS))
def server(request, home):
    root, env, _ = home
    module, path = APPS[request.param]
    with serving(module, root, env) as base:
        yield request.param, lambda name: f"{base}/{path.format(name=name, stem=name[:-6])}?token=t"


def outputs(chromium, address):
    """The output areas of a notebook once it is shown."""
    fresh(chromium, 1200, 1400)
    chromium.get(address)

    def shown(driver):
        found = driver.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output img")
        return len(found) >= 2 and driver.find_elements(By.CSS_SELECTOR, ".jp-OutputArea")

    WebDriverWait(chromium, PATIENCE).until(shown)
    for e in chromium.find_elements(By.CSS_SELECTOR, ".jp-Dialog button.jp-mod-accept"):
        e.click()
    found = chromium.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output")
    return [e for e in found if e.is_displayed() and e.find_elements(By.TAG_NAME, "img")]


def drawn(chromium, image):
    """Whether an image has loaded and has a size; it may take a moment."""
    size = "const i = arguments[0]; return i.complete && i.naturalWidth > 100 && i.getBoundingClientRect().width > 100"
    return WebDriverWait(chromium, PATIENCE).until(lambda driver: driver.execute_script(size, image))


def test_trusted_shows_the_picture_and_the_player(chromium, server, keep):
    name, address = server
    picture, player = outputs(chromium, address("trusted.ipynb"))
    assert drawn(chromium, picture.find_element(By.TAG_NAME, "img"))
    assert not player.find_element(By.TAG_NAME, "img").is_displayed()
    frame = player.find_element(By.TAG_NAME, "iframe")
    assert frame.is_displayed()
    assert frame.size["width"] > 600
    chromium.switch_to.frame(frame)
    try:
        assert chromium.find_element(By.CSS_SELECTOR, ".count").text == "start · 0/9"
        chromium.find_element(By.CSS_SELECTOR, "[data-do=last]").click()
        assert chromium.find_element(By.CSS_SELECTOR, ".count").text == "backward 6/6"
        assert (
            "dL/dw"
            in chromium.find_element(By.CSS_SELECTOR, ".ledger li.now")
            .get_attribute("textContent")
            .replace("\u2009", "")[:6]
        )
    finally:
        chromium.switch_to.default_content()
    keep(f"{name}-trusted")


def test_untrusted_shows_the_pictures_and_no_jumble(chromium, server, keep):
    name, address = server
    found = outputs(chromium, address("untrusted.ipynb"))
    assert len(found) == 2
    for output in found:
        assert drawn(chromium, output.find_element(By.TAG_NAME, "img"))
        assert not output.find_elements(By.TAG_NAME, "iframe")
        assert output.text.strip() in ("", "[2]:", "[3]:")  # no style sheet, no legend, no numbers as loose text
    keep(f"{name}-untrusted")


def test_nbconvert_keeps_picture_and_player(home, browser, shot):
    root, env, book = home
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "trusted.ipynb", "--output", "page.html"],
        cwd=root / "work", env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (root / "work" / "page.html").read_text()
    assert page.count('alt="Computation graph of L, 6 nodes') == 2
    browser.get((root / "work" / "page.html").as_uri())
    frame = browser.find_element(By.TAG_NAME, "iframe")
    assert frame.is_displayed()
    browser.switch_to.frame(frame)
    assert browser.find_element(By.CSS_SELECTOR, ".count").text.startswith("start")
    browser.switch_to.default_content()
    shot("nbconvert")
    browser.get_log("browser")  # the template's own scripts come from the network, which is not there


def test_outputs_are_html_and_text_of_a_modest_size(home):
    *_, book = home
    shown = [o["data"] for c in book.cells for o in c["outputs"]]
    assert [sorted(d) for d in shown] == [["text/html", "text/plain"]] * 2
    assert all(len(d["text/html"]) < 500_000 for d in shown)
    assert shown[0]["text/plain"].startswith("Value(data=")
    alt = re.search(r'alt="([^"]*)"', shown[0]["text/html"])[1]
    assert "dL/dw" in alt  # nodes bear the notebook's names
