"""The notebooks as pages, opened from disk without a network, with scripts and without."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PATIENCE, faults
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PATHS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
OURS = ["--TemplateExporter.extra_template_basedirs=notebooks", "--template=page"]
PLAIN = [p.stem for p in PATHS if p.stem[:2] in ("00", "01", "03", "08")]  # every kind of output is in one of them
each = pytest.mark.parametrize("name", [p.stem for p in PATHS])


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """Folders with all notebooks as HTML: with the template of this project, and four as nbconvert has it."""

    def written(folder, options, paths=PATHS):
        command = [sys.executable, "-m", "nbconvert", "--to", "html", "--log-level=WARN", *options]
        command += [f"--output-dir={folder}", *map(str, paths)]
        done = subprocess.run(command, cwd=NOTEBOOKS.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "alternative text" not in done.stderr.lower(), done.stderr
        return folder

    return {
        "page": written(tmp_path_factory.mktemp("page"), OURS),
        "plain": written(tmp_path_factory.mktemp("plain"), [], [p for p in PATHS if p.stem in PLAIN]),
    }


def shown(browser):
    """The images that a reader sees, once they have loaded: alternative text and size."""
    script = """
        const found = [...document.querySelectorAll("main img")].filter(i => i.checkVisibility());
        return found.every(i => i.complete) && found.map(i => [i.alt, i.naturalWidth, i.getBoundingClientRect().width])
    """
    return WebDriverWait(browser, PATIENCE).until(lambda driver: driver.execute_script(script) or None)


def requests(browser):
    log = [json.loads(e["message"])["message"] for e in browser.get_log("performance")]
    sent = [m["params"]["request"]["url"] for m in log if m["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if not url.startswith(("file:", "data:", "about:"))]


@each
def test_a_page_is_accessible_whole_and_asks_for_nothing(pages, browser, shot, name):
    browser.get((pages["page"] / f"{name}.html").as_uri())
    pictures = shown(browser)
    assert pictures
    assert [alt for alt, natural, width in pictures if len(alt.split()) < 3 or natural < 50 or width < 50] == []
    assert faults(browser) == []
    assert requests(browser) == []
    solutions = browser.find_elements(By.CSS_SELECTOR, "details")
    exercises = (NOTEBOOKS / f"{name}.ipynb").read_text("utf-8").count('"### Exercise ')
    assert len(solutions) == exercises >= 2
    for details in solutions:
        code = details.find_element(By.CSS_SELECTOR, ".highlight")
        assert not code.is_displayed()
        details.find_element(By.TAG_NAME, "summary").click()
        assert code.is_displayed()
        assert "check_answer" in code.text
    shot(f"notebook-{name}")


@each
def test_a_page_without_scripts_shows_the_same_text_and_pictures(pages, browser, shot, name):
    address = (pages["page"] / f"{name}.html").as_uri()
    browser.get(address)
    text, pictures = browser.find_element(By.TAG_NAME, "main").text, shown(browser)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(address)
        assert browser.find_element(By.TAG_NAME, "main").text == text
        assert shown(browser) == pictures
        shot(f"notebook-{name}-without-scripts")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("name", PLAIN)
def test_nbconverts_own_page_has_no_faults_but_those_of_its_theme(pages, browser, name):
    browser.get((pages["plain"] / f"{name}.html").as_uri())
    assert shown(browser)
    script = "for (const e of document.querySelectorAll(arguments[0])) e.remove()"
    browser.execute_script(script, ".jp-InputPrompt, .jp-OutputPrompt, .jp-InputArea .highlight, details .highlight")
    browser.execute_script(
        "for (const a of document.links) a.style.textDecoration = 'underline'"
    )  # its links are blue only
    assert faults(browser) == []
    browser.get_log("browser")  # its own scripts come from the network, which is not there
