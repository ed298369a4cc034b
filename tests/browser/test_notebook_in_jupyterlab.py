"""Notebook 03 in a real JupyterLab: readable before anything runs; run all, step, edit an input, compare with the engine."""

import math
import shutil
from pathlib import Path

import pytest
from conftest import PATIENCE
from jupyter import environment, serving
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from test_live_view import at, enter, field, leave, numbers, run_all

import engine

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "03_chain_rule.ipynb"
STEPS = 14


@pytest.fixture(scope="module")
def lab(tmp_path_factory, chromium):
    """The notebook as it is kept; it is not trusted."""
    root = tmp_path_factory.mktemp("course")
    env = environment(root)
    shutil.copy(NOTEBOOK, root / "work" / "03.ipynb")
    with serving("jupyterlab", root, env) as base:
        enter(chromium, f"{base}/lab/workspaces/course/tree/03.ipynb?token=t")
        yield chromium
        leave(chromium)


def expected(**inputs):
    v = {name: engine.Value(x) for name, x in inputs.items()}
    v["s"] = v["w"] * v["x"]
    v["z"] = v["s"] + v["b"]
    v["n"] = engine.tanh(v["z"])
    v["e"] = v["n"] - v["y"]
    v["L"] = v["e"] ** 2
    v["L"].backward()
    return v


def agrees(driver, **inputs):
    there = numbers(driver)
    return all(
        math.isclose(there[name][0], v.data, rel_tol=1e-3) and math.isclose(there[name][1], v.grad, rel_tol=1e-3)
        for name, v in expected(**inputs).items()
    )


def rendered(driver, selector, count):
    """As many elements at least; JupyterLab renders what is out of sight when it has time."""

    def there(d):
        found = d.find_elements(By.CSS_SELECTOR, selector)
        return found if len(found) >= count else None

    return WebDriverWait(driver, PATIENCE).until(there)


def test_before_anything_runs_pictures_are_shown_and_solutions_fold(lab, keep):
    show = "arguments[0].scrollIntoView({block: 'center'})"
    folded = rendered(lab, ".jp-Notebook details", 2)
    pictures = rendered(lab, ".jp-OutputArea-output img", 3)
    for picture in pictures:
        lab.execute_script(show, picture)
        WebDriverWait(lab, PATIENCE).until(
            lambda d, p=picture: d.execute_script("return arguments[0].naturalWidth", p) > 100
        )
        assert picture.get_attribute("alt").startswith("Computation graph of L")
    assert len(folded) == 2
    lab.execute_script(show, folded[0])
    code = folded[0].find_element(By.TAG_NAME, "pre")
    assert not code.is_displayed()
    folded[0].find_element(By.TAG_NAME, "summary").click()
    assert code.is_displayed()
    keep("notebook-03-lab")


def test_run_all_step_and_edit(lab, keep):
    run_all(lab)
    wait = WebDriverWait(lab, PATIENCE)
    wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, ".chainrule-live iframe.shown"))
    assert at(lab, 0) == f"start · 0/{STEPS}"
    assert numbers(lab)["L"] == (None, None)
    assert at(lab, STEPS) == "backward 9/9"
    start = {"x": 2.0, "w": -0.5, "b": 0.7, "y": 1.0}
    assert agrees(lab, **start)
    w = field(lab, "w")
    w.send_keys(Keys.CONTROL, "a")
    w.send_keys("0.25")
    wait.until(lambda d: numbers(d)["w"][0] == 0.25)
    assert agrees(lab, **start | {"w": 0.25})
    assert not agrees(lab, **start)
    keep("notebook-03-lab-live")


def test_no_cell_failed_and_the_console_is_clean(lab):
    cells = "return window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.filter(c => c.cell_type == 'code')"
    read = ".map(c => [c.execution_count, c.outputs.map(o => o.output_type + (o.name ?? ''))])"
    ran = WebDriverWait(lab, PATIENCE).until(lambda d: finished(d.execute_script(cells + read)))
    kinds = {kind for _, outputs in ran for kind in outputs}
    assert kinds <= {"streamstdout", "execute_result", "display_data"}
    severe = [e["message"] for e in lab.get_log("browser") if e["level"] == "SEVERE"]
    others = ("favicon", "pyodide-kernel-extension")  # JupyterLite's extension, which JupyterLab finds and cannot load
    assert [message for message in severe if not any(other in message for other in others)] == []


def finished(ran):
    return ran if all(count for count, _ in ran) else None
