"""The live view in a real JupyterLab: run the cells, move the sliders, read the page, edit a leaf, compare with the engine."""

import math
import time

import nbformat
import pytest
from conftest import PATIENCE, fresh, media
from jupyter import environment, serving
from selenium.common.exceptions import (
    NoSuchElementException,
    NoSuchFrameException,
    NoSuchWindowException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

import engine

CELLS = [
    "from engine import Value, draw, tanh\nx, w, b = Value(2.0), Value(-0.5), Value(0.7)\nz = w * x + b\nL = tanh(z)",
    "view = draw(L).live()\nview",
    "print(view.values)",
]
TRAINING = [
    "import nn\nX, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]\nnet = nn.MLP(2, [4, 1], activation='tanh', seed=0)\n"
    "training = nn.training_view(neuron='layers.0.neurons.1', seconds=0.5)\ntraining",
    "history = nn.fit(net, X, y, loss='binary_cross_entropy', epochs=40, seed=0, view=training, progress=False)",
    "print('rate', net.layers[0].neurons[0].b.data, training._rate, len(history['loss']))",
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    root = tmp_path_factory.mktemp("lab")
    env = environment(root)
    for name, cells in (("live", CELLS), ("training", TRAINING)):
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(book, root / "work" / f"{name}.ipynb")
    with serving("jupyterlab", root, env) as address:
        yield address


@pytest.fixture(scope="module")
def lab(base, chromium):
    enter(chromium, f"{base}/lab/workspaces/live/tree/live.ipynb?token=t")
    chromium.execute_script("window.jupyterapp.commands.execute('application:toggle-left-area')")
    run_all(chromium)
    shown = ".chainrule-live iframe.shown"
    WebDriverWait(chromium, PATIENCE).until(lambda d: d.find_elements(By.CSS_SELECTOR, shown))
    yield chromium
    leave(chromium)


@pytest.fixture(scope="module")
def course(base, chromium):
    """A training that has begun, in another notebook; its tests come last, and in order."""
    leave(chromium)
    enter(chromium, f"{base}/lab/workspaces/training/tree/training.ipynb?token=t")
    run_all(chromium)
    WebDriverWait(chromium, PATIENCE).until(lambda d: said(d).startswith("epoch "))
    yield chromium
    leave(chromium)


def enter(driver, address):
    """Open a notebook in JupyterLab and wait for its kernel."""
    fresh(driver, 1300, 1500)
    driver.get(address)
    wait = WebDriverWait(driver, PATIENCE)
    wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-CodeCell"))
    wait.until(ready)


def leave(driver):
    """Go to an empty page; a notebook with changes would ask first."""
    save = "return window.jupyterapp ? window.jupyterapp.commands.execute('docmanager:save').then(() => true) : true"
    driver.switch_to.default_content()
    driver.execute_script(save)
    driver.get("about:blank")


def ready(driver):
    """Whether the kernel answers; says yes to what JupyterLab asks before."""
    for e in driver.find_elements(By.CSS_SELECTOR, ".jp-Dialog button.jp-mod-accept"):
        e.click()
    status = "return window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status"
    return driver.execute_script(status) == "idle"


def run_all(driver):
    driver.execute_script("window.jupyterapp.commands.execute('notebook:run-all-cells')")


def on_page(driver, read):
    """What `read(driver)` gives inside the player's frame, which a new one may replace meanwhile."""

    def tried(d):
        try:
            d.switch_to.frame(d.find_element(By.CSS_SELECTOR, ".chainrule-live iframe.shown"))
            return [read(d)]
        except (StaleElementReferenceException, NoSuchElementException, NoSuchFrameException, NoSuchWindowException):
            return None
        finally:
            d.switch_to.default_content()

    return WebDriverWait(driver, PATIENCE).until(tried)[0]


def numbers(driver):
    """(data, grad) by name, as the picture shows them at the step it stands at."""
    script = (
        "return Object.fromEntries([...document.querySelectorAll('.node')].map(n => [n.getAttribute('aria-label')"
        ".split(/[,=]/)[0].trim(), n.getAttribute('aria-label')]))"
    )
    found = on_page(driver, lambda d: d.execute_script(script))
    return {
        name: tuple(read(part) for part in text.split(", data ")[1].split(", grad ")) for name, text in found.items()
    }


def read(text):
    return None if text == "not known yet" else float(text.replace("\u2212", "-"))


def at(driver, step):
    def slide(d):
        slider = d.find_element(By.CSS_SELECTOR, ".slider input")
        d.execute_script(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", slider, step
        )
        return d.find_element(By.CSS_SELECTOR, ".count").text

    return on_page(driver, slide)


def field(driver, name):
    return driver.find_element(By.CSS_SELECTOR, f".chainrule-live input[name='{name}']")


def expected(x, w, b):
    x, w, b = engine.Value(x), engine.Value(w), engine.Value(b)
    z = w * x + b
    L = engine.tanh(z)
    L.backward()
    return {"x": x, "w": w, "b": b, "z": z, "L": L}


def agrees(driver, x, w, b):
    there = numbers(driver)
    return all(
        math.isclose(there[name][0], v.data, rel_tol=5e-4) and math.isclose(there[name][1], v.grad, rel_tol=5e-4)
        for name, v in expected(x, w, b).items()
    )


def count(driver):
    return on_page(driver, lambda d: d.find_element(By.CSS_SELECTOR, ".count").text)


def boxes(driver):
    """(left, top, right, bottom) of each box in the pixels of the window, and the part of the window that shows cells."""
    script = (
        "return [...document.querySelectorAll('.node .box')].map(b => b.getBoundingClientRect())"
        ".map(r => [r.left, r.top, r.right, r.bottom])"
    )
    place = (
        "const s = document.querySelector('.jp-WindowedPanel-outer').getBoundingClientRect();"
        "const f = document.querySelector('.chainrule-live iframe.shown').getBoundingClientRect();"
        "return [f.left, f.top, s.left, s.top, s.right, s.bottom]"
    )
    driver.execute_script("document.querySelector('.chainrule-live').scrollIntoView()")
    found = on_page(driver, lambda d: d.execute_script(script))
    x, y, *cells = driver.execute_script(place)
    return [[r[0] + x, r[1] + y, r[2] + x, r[3] + y] for r in found], cells


def slide(driver, name, numbers):
    """Drag a slider over numbers, one in each frame of the window, and wait until the last is dragged to."""
    driver.execute_async_script(
        """
        const [name, numbers, done] = arguments;
        const slider = document.querySelector(`.chainrule-live input[name="${name}"]`).closest(".leaf").querySelector("[type=range]");
        (function next() {
          if (numbers.length === 0) return done();
          slider.value = numbers.shift();
          slider.dispatchEvent(new Event("input"));
          requestAnimationFrame(next);
        })();""",
        name,
        numbers,
    )


def test_an_edit_sends_numbers_and_no_other_page():
    x, w = engine.Value(2.0, label="x"), engine.Value(-0.5, label="w")
    view = engine.draw(w * x).live()
    first, page = view.fresh, view.page
    assert view.step == 4
    view.edits = {"ticket": 0.5, "numbers": {"w": 0.25}}
    assert (view.answered, view.page, view.values) == (0.5, page, {"w": 0.25, "x": 2.0})
    assert view.fields == [["w", "0.25", "-0.5"], ["x", "2.0", "2.0"]]
    assert [n["data"] for n in view.fresh["nodes"]] != [n["data"] for n in first["nodes"]]
    view.edits = {"ticket": 0.75, "numbers": {"w": "no number"}}
    assert (view.answered, view.values["w"]) == (0.75, 0.25)
    assert view.message


@pytest.mark.parametrize("size", [(1300, 1500), (1280, 900), (800, 900), (400, 800)])
def test_it_opens_at_the_last_step_with_every_box_in_view(lab, keep, size):
    if size == (1300, 1500):
        assert count(lab) == "backward 6/6"
        assert agrees(lab, 2.0, -0.5, 0.7)
    lab.set_window_size(*size)

    def fits(driver):
        found, (left, top, right, bottom) = boxes(driver)
        assert len(found) == 6
        return all(left <= x and top <= y and u <= right and v <= bottom for x, y, u, v in found)

    try:
        WebDriverWait(lab, PATIENCE).until(fits)
        keep(f"live-lab-{size[0]}")
    finally:
        lab.set_window_size(1300, 1500)


def test_boxes_stay_where_they_are_whatever_the_numbers(lab):
    lab.execute_script("document.querySelector('.chainrule-live iframe.shown').dataset.first = 'yes'")
    places = []
    for x in (-2.0, 0.5, 1.25, 0.7071, -0.125):
        slide(lab, "b", [x])
        WebDriverWait(lab, PATIENCE).until(lambda d, x=x: numbers(d)["b"][0] == pytest.approx(x, abs=0.02))
        assert agrees(lab, 2.0, -0.5, float(field(lab, "b").get_attribute("value")))
        places.append(boxes(lab))
    assert all(p == places[0] for p in places)
    assert lab.find_elements(By.CSS_SELECTOR, ".chainrule-live iframe.shown[data-first]"), "another page was loaded"


def test_a_dragged_slider_shows_numbers_on_the_way_and_ends_at_the_last(lab):
    watch = (
        "window.seen = []; const cell = [...document.querySelectorAll('.node')].find(n => "
        "n.getAttribute('aria-label').startsWith('w,')).querySelector('.d');"
        "new MutationObserver(() => window.seen.push(cell.textContent)).observe(cell, {characterData: true, childList: true})"
    )
    on_page(lab, lambda d: d.execute_script(watch))
    shown = set[str]()
    for _ in range(5):  # a slow machine shows less of a drag, but not nothing
        for path in ([0.2], [round(0.2 + k / 100, 2) for k in range(81)]):
            on_page(lab, lambda d: d.execute_script("window.seen = []"))
            slide(lab, "w", path)
            WebDriverWait(lab, PATIENCE).until(lambda d, end=path[-1]: numbers(d)["w"][0] == end)
        shown = max(shown, set(on_page(lab, lambda d: d.execute_script("return window.seen"))), key=len)
        if len(shown) > 10:
            break
    assert len(shown) > 4, "the picture stood still while the slider moved"
    assert agrees(lab, 2.0, 1.0, float(field(lab, "b").get_attribute("value")))


def test_reset_puts_back_the_numbers_of_the_graph(lab):
    lab.find_element(By.CSS_SELECTOR, ".chainrule-live form button").click()
    WebDriverWait(lab, PATIENCE).until(lambda d: agrees(d, 2.0, -0.5, 0.7))
    assert [float(field(lab, n).get_attribute("value")) for n in "xwb"] == [2.0, -0.5, 0.7]


def test_the_slider_steps_and_the_numbers_are_the_engines(lab, keep):
    assert at(lab, 0) == "start · 0/9"
    assert numbers(lab)["L"] == (None, None)
    assert at(lab, 3) == "forward 3/3"
    assert numbers(lab)["L"][1] is None
    assert at(lab, 9) == "backward 6/6"
    assert agrees(lab, 2.0, -0.5, 0.7)
    keep("live-lab")


def test_an_edited_leaf_recomputes_the_whole_picture_at_the_same_step(lab):
    at(lab, 9)
    w = field(lab, "w")
    w.send_keys(Keys.CONTROL, "a")
    w.send_keys("0.25")
    WebDriverWait(lab, PATIENCE).until(lambda d: numbers(d)["w"][0] == 0.25)
    assert count(lab) == "backward 6/6"
    assert agrees(lab, 2.0, 0.25, 0.7)


def test_the_keyboard_changes_a_number_and_the_focus_stays(lab):
    x = field(lab, "x")
    x.click()
    before = float(x.get_attribute("value"))
    x.send_keys(Keys.ARROW_UP)
    WebDriverWait(lab, PATIENCE).until(lambda d: numbers(d)["x"][0] == pytest.approx(before + 0.05))
    assert lab.switch_to.active_element == x
    slider = x.find_element(By.XPATH, "../../input")
    slider.send_keys(Keys.ARROW_RIGHT)
    WebDriverWait(lab, PATIENCE).until(lambda d: numbers(d)["x"][0] == pytest.approx(before + 0.1))
    assert lab.switch_to.active_element == slider


def test_a_saved_notebook_keeps_the_picture_beside_the_view(lab):
    style = "return [...document.querySelectorAll('.chainrule-still')].map(e => [e.querySelector('img').src.length, e.offsetHeight])"
    ((size, height),) = lab.execute_script(style)
    assert size > 1000
    assert height == 0, "it is shown twice"


def test_what_is_no_number_is_marked_and_changes_nothing(lab):
    b = field(lab, "b")
    before = numbers(lab)["b"]
    b.send_keys(Keys.CONTROL, "a")
    b.send_keys(Keys.BACKSPACE)
    WebDriverWait(lab, PATIENCE).until(lambda d: field(d, "b").get_attribute("aria-invalid") == "true")
    assert numbers(lab)["b"] == before
    b.send_keys("0.7")
    WebDriverWait(lab, PATIENCE).until(lambda d: field(d, "b").get_attribute("aria-invalid") == "false")


def test_the_view_is_dark_where_the_reader_is(lab, keep):
    def shades():
        read = "return arguments[0].map(s => getComputedStyle(document.querySelector(s))[arguments[1]])"
        fields = [".chainrule-live", ".chainrule-live input"]
        page = on_page(lab, lambda d: d.execute_script(read, ["body", ".node .box"], "backgroundColor"))
        return [*lab.execute_script(read, fields, "backgroundColor"), page[0]]

    try:
        media(lab, "dark")
        dark = shades()
        keep("live-lab-dark")
    finally:
        media(lab)
    assert dark == ["rgb(20, 24, 29)", "rgb(38, 45, 54)", "rgb(20, 24, 29)"]
    assert shades() == ["rgb(255, 255, 255)", "rgb(241, 244, 248)", "rgb(255, 255, 255)"]


def said(driver):
    return "".join(e.text for e in driver.find_elements(By.CSS_SELECTOR, ".chainrule-training [role=status]"))


def epoch(driver):
    return int(said(driver).split()[1])


def press(driver, text):
    buttons = driver.find_elements(By.CSS_SELECTOR, ".chainrule-training button")
    next(b for b in buttons if b.text == text).click()


def test_a_training_is_paused_goes_on_by_one_epoch_and_takes_another_rate(course, keep):
    """While the cell that trains runs; a look stays for half a second, so that a slow machine presses in time."""
    course.execute_script("document.querySelector('.chainrule-training').scrollIntoView()")
    WebDriverWait(course, PATIENCE).until(
        lambda d: [b for b in d.find_elements(By.CSS_SELECTOR, ".chainrule-training button") if b.is_enabled()]
    )
    press(course, "Pause")
    WebDriverWait(course, PATIENCE).until(
        lambda d: d.find_element(By.CSS_SELECTOR, ".chainrule-training button").text == "Go on"
    )
    last = None
    while last != epoch(course):  # the epoch at work ends
        last = epoch(course)
        time.sleep(1.5)
    assert last < 40
    for k in (1, 2):
        press(course, "One epoch")
        WebDriverWait(course, PATIENCE).until(lambda d, k=k: epoch(d) == last + k)
    assert len(course.find_elements(By.CSS_SELECTOR, ".chainrule-training .curve")) == 1
    assert course.find_elements(By.CSS_SELECTOR, ".chainrule-training .border")
    keep("training-lab-paused")
    rate = course.find_element(By.CSS_SELECTOR, ".chainrule-training input[name=rate]")
    assert float(rate.get_attribute("value")) == 0.01
    rate.send_keys(Keys.CONTROL, "a")
    rate.send_keys("0.5")
    course.find_element(By.CSS_SELECTOR, ".chainrule-training option[value='0']").click()
    press(course, "Go on")
    WebDriverWait(course, PATIENCE).until(lambda d: said(d).startswith("epoch 40 of 40, loss 0."))


def test_a_training_view_shows_the_end_and_keeps_it_as_pictures(course, keep):
    printed = "return [...document.querySelectorAll('.jp-OutputArea-output pre')].map(e => e.textContent).filter(t => t.startsWith('rate'))"
    ((_, _, rate, epochs),) = [
        t.split() for t in WebDriverWait(course, PATIENCE).until(lambda d: d.execute_script(printed))
    ]
    assert (float(rate), int(epochs)) == (0.5, 40)
    image = course.find_element(By.CSS_SELECTOR, ".chainrule-training figure img")
    assert "dL/dw[0] = dL/d" in image.get_attribute("alt")
    assert course.execute_script("return arguments[0].naturalWidth", image) > 100
    kept = course.execute_script(
        "return [...document.querySelectorAll('.chainrule-still')].map(e => [e.offsetHeight, ...[...e.querySelectorAll('img')].map(i => i.alt)])"
    )
    (still,) = [k for k in kept if "epoch" in str(k)]
    assert still[0] == 0, "it is shown twice"
    assert "epoch 40 of 40" in still[1]
    assert "dL/dw[0] = dL/d" in still[2]
    keep("training-lab")


def test_the_console_is_clean(course):
    others = ("favicon", "pyodide-kernel-extension")  # JupyterLite's extension, which JupyterLab finds and cannot load
    severe = [e["message"] for e in course.get_log("browser") if e["level"] == "SEVERE"]
    ours = [message for message in severe if not any(other in message for other in others)]
    assert ours == []
