"""Notebooks in JupyterLite, as `python -m notebooks site --lite` builds it: every cell runs in the page, and no host is asked."""

import filecmp
import json
import re
import threading

import nbformat
import pytest
from conftest import fresh
from playground_page import asked_of, until
from selenium.webdriver.common.by import By
from test_live_view import leave, ready, run_all

from demos.playground.server import server
from notebooks.execution import VARIES, notebooks, said, tidied
from notebooks.website.lite.bundle import build
from notebooks.website.lite.course import address

SHEET = "window.jupyterapp.shell.currentWidget.context.model.sharedModel"


@pytest.fixture(scope="module")
def lite(tmp_path_factory):
    out = tmp_path_factory.mktemp("course") / "lite"
    build(out)
    return out


def test_two_builds_are_the_same_bytes(lite, tmp_path):
    build(tmp_path / "lite")
    names = [path.relative_to(lite) for path in lite.rglob("*") if path.is_file()]
    assert sorted(names) == sorted(p.relative_to(tmp_path / "lite") for p in tmp_path.glob("lite/**/*") if p.is_file())
    other = [n for n in names if not filecmp.cmp(lite / n, tmp_path / "lite" / n, shallow=False)]
    assert len(names) > 200 and other == []


@pytest.fixture(scope="module")
def base(lite):
    """The address of the build on a server, its application open to this test."""
    settings = lite / "jupyter-lite.json"
    kept = settings.read_text()
    opened = json.loads(kept)
    opened["jupyter-config-data"]["exposeAppInBrowser"] = True
    settings.write_text(json.dumps(opened))
    with server(lite) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()
        thread.join()
    settings.write_text(kept)


def cells(driver):
    """The code cells of the open notebook, with their outputs."""
    book = nbformat.reads(driver.execute_script(f"return JSON.stringify({SHEET}.toJSON())"), 4)
    return [cell for cell in tidied(book).cells if cell.cell_type == "code"]


def ran(driver):
    waits = "return [...document.querySelectorAll('.jp-InputPrompt')].some(e => e.textContent.includes('*'))"
    return ready(driver) and not driver.execute_script(waits)


def words(outputs):
    """What outputs say, but for a pixel more or less by another Graphviz."""
    return [re.sub(r"min-width:\d+px", "", line) for line in said(outputs)]


def test_every_cell_runs_and_says_what_it_says_at_home(base, chromium):
    [path] = notebooks(["03"])  # which has pictures, players, a live view and a drill
    fresh(chromium, 1200, 1000)
    chromium.get(base + address(path))
    until(chromium, lambda d: d.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-CodeCell"))
    until(chromium, ready)
    chromium.execute_script(f"{SHEET}.cells.forEach(c => c.setOutputs?.([]))")
    run_all(chromium)
    until(chromium, ran)
    there = cells(chromium)
    at_home = [c for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
    leave(chromium)
    assert asked_of(chromium, base) == []
    compared = [k for k, cell in enumerate(at_home) if VARIES not in cell.metadata.get("tags", [])]
    assert len(there) == len(at_home) and len(compared) > 10
    assert [words(there[k].outputs) for k in compared] == [words(at_home[k].outputs) for k in compared]
    assert not [output for cell in there for output in cell.outputs if output.output_type == "error"]
