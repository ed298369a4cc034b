"""The player and the film in a real browser, from disk: every step, every number, keys, slider, themes, widths, access."""

import json
import re

import pytest
from conftest import faults, media
from drawn import page_data
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from test_picture_files import fresh, neuron, training
from test_picture_shows import loss_of, recurrent

from engine import Value, draw, film, steps
from engine.formulas.formula import number_text


@pytest.fixture
def player(browser, tmp_path):
    """Opens the player of a picture from a file; returns its data."""

    def open_page(made, fragment=""):
        html = made.html
        path = tmp_path / "page.html"
        path.write_text(html)
        browser.get("about:blank")
        browser.get(path.as_uri() + fragment)
        return page_data(html)

    return open_page


def read(browser):
    """What the page shows: cells by node and key, counter, panel, visible ledger lines."""
    return browser.execute_script("""
        const seen = el => getComputedStyle(el).visibility !== "hidden";
        const cells = {};
        for (const t of document.querySelectorAll(".graph text[id^=a_]")) cells[t.id] = seen(t) ? t.textContent : null;
        return {cells, count: document.querySelector(".count").textContent,
                panel: document.querySelector(".say")?.textContent,
                ledger: [...document.querySelectorAll(".ledger li")].filter(l => !l.hidden).map(l => l.innerText),
                now: [...document.querySelectorAll(".node.now, .edge.now")].map(g => g.id),
                slider: document.querySelector("input[type=range]").value}""")


def press(browser, key):
    ActionChains(browser).send_keys(key).perform()


def cell(data, node, key):
    return f"a_{data['uid']}_{node}_{key}"


def requests(browser):
    """Every address the browser asked for."""
    log = [json.loads(e["message"])["message"] for e in browser.get_log("performance")]
    return [m["params"]["request"]["url"] for m in log if m["method"] == "Network.requestWillBeSent"]


def assert_step(data, shown, i):
    """At step i exactly what has been computed is shown."""
    done = data["steps"][: i + 1]
    forward = {s["node"] for s in done if s["phase"] == "forward"}
    backward = {s["node"] for s in done if s["phase"] == "backward"}
    results = {s["node"] for s in data["steps"] if s["phase"] == "forward"}
    for n in data["nodes"]:
        if n["data"] is None:
            continue
        known = n["id"] in forward or n["id"] not in results
        assert shown["cells"][cell(data, n["id"], "d")] == (n["data_text"] if known else "–")
        assert shown["cells"][cell(data, n["id"], "g")] == (n["grad_text"] if n["id"] in backward else "–")
        for k, row in enumerate(n["rows"]):
            assert shown["cells"][cell(data, n["id"], f"c{k}")] == (row if n["id"] in backward else None)
    assert shown["slider"] == str(i)
    step = data["steps"][i]
    if "node" in step:
        assert f"{data['uid']}_{step['node']}" in shown["now"]


def test_every_step_by_keyboard_shows_what_has_been_computed_so_far(browser, player):
    root = neuron()
    data = player(draw(root).player())
    assert len(data["steps"]) == 1 + 7 + 13
    for i in range(len(data["steps"])):
        assert_step(data, read(browser), i)
        press(browser, Keys.ARROW_RIGHT)
    assert_step(data, read(browser), len(data["steps"]) - 1)
    for i in reversed(range(len(data["steps"]))):
        assert_step(data, read(browser), i)
        press(browser, Keys.ARROW_LEFT)
    press(browser, Keys.END)
    assert read(browser)["count"] == "backward 13/13"
    press(browser, Keys.HOME)
    assert read(browser)["count"] == "start · 0/20"


def test_every_step_by_slider_and_by_button(browser, player):
    data = player(draw(neuron()).player())
    slider = browser.find_element(By.CSS_SELECTOR, "input[type=range]")
    for i in range(1, len(data["steps"])):
        slider.send_keys(Keys.ARROW_RIGHT)
        assert_step(data, read(browser), i)
    buttons = {b.get_attribute("data-do"): b for b in browser.find_elements(By.CSS_SELECTOR, "button")}
    for name, want in (("first", 0), ("next", 1), ("next", 2), ("previous", 1), ("last", 20), ("last", 20)):
        buttons[name].click()
        assert_step(data, read(browser), want)


def test_the_numbers_of_the_page_are_the_engines(browser, player):
    root = neuron()
    data = player(draw(root).player(), "#step=end")
    shown = read(browser)
    by_label = {n["label"]: n for n in data["nodes"]}
    for step in steps(root):
        v, n = step.node, by_label[step.name]
        assert float(n["data"]) == v.data
        assert float(n["grad"]) == v.grad
        assert shown["cells"][cell(data, n["id"], "d")] == number_text(v.data)
        assert shown["cells"][cell(data, n["id"], "g")] == number_text(v.grad)
    assert shown["ledger"][-1] == "dL/dw1 = −1.543·2.0 = −3.085"
    assert len(shown["ledger"]) == 13


def test_the_panel_says_the_equation_of_the_step(browser, player):
    player(draw(neuron()).player(), "#step=4")
    said = re.sub(r"\s+", "", read(browser)["panel"])
    assert "z=s+b" in said
    assert "=−0.5+0.7" in said
    assert "=0.2" in said
    player(draw(neuron()).player(), "#step=end")
    said = re.sub(r"\s+", "", read(browser)["panel"])
    assert "=−1.543·2.0" in said
    assert "=−3.085" in said


def test_a_shared_weight_is_gathered_as_a_sum(browser, player):
    a = Value(3.0, label="a")
    player(draw(a * a, names={}).player(), "#step=end")
    said = read(browser)["panel"]
    assert "a is used 2 times: one product for each path, then the sum." in said
    assert "=3.0+3.0" in re.sub(r"\s+", "", said)


def test_play_runs_to_the_end_and_space_stops_it(browser, player):
    data = player(draw(Value(2.0, label="a") * 3.0).player())
    browser.execute_script("""
        window.ticks = [];
        const real = window.setInterval;""")
    press(browser, Keys.SPACE)
    button = browser.find_element(By.CSS_SELECTOR, "[data-do=play]")
    assert button.text == "Pause"
    press(browser, Keys.SPACE)
    assert button.text == "Play"
    button.click()
    browser.execute_async_script("""
        const done = arguments[0], look = () => document.querySelector("[data-do=play]").textContent === "Play" ? done() : setTimeout(look, 50);
        look();""")
    assert_step(data, read(browser), len(data["steps"]) - 1)


def test_clicks_hover_and_focus(browser, player, shot):
    data = player(draw(neuron()).player(), "#step=end")
    uid = data["uid"]
    by_label = {n["label"]: n["id"] for n in data["nodes"]}
    browser.find_element(By.CSS_SELECTOR, f"#{uid}_{by_label['z']} .box").click()
    assert read(browser)["count"] == "backward 5/13"
    edge = next(e for e in data["edges"] if e["src"] == by_label["n"])
    ActionChains(browser).move_to_element(browser.find_element(By.CSS_SELECTOR, f"#{uid}_{edge['id']} .hit")).perform()
    assert "Edge n → d" in read(browser)["panel"]
    shot("hover-edge")
    ActionChains(browser).move_to_element(browser.find_element(By.CSS_SELECTOR, ".count")).perform()
    assert "Backward · z" in read(browser)["panel"]
    browser.find_elements(By.CSS_SELECTOR, ".ledger li:not([hidden])")[0].click()
    assert read(browser)["count"] == "backward 1/13"
    # By keyboard: Tab to a box, Enter goes to its step, arrows down walk over edges too.
    browser.execute_script("arguments[0].focus()", browser.find_element(By.ID, f"{uid}_{by_label['d']}"))
    press(browser, Keys.ENTER)
    assert read(browser)["count"] == "backward 2/13"
    press(browser, Keys.ARROW_DOWN)
    assert browser.execute_script("return document.activeElement.classList.contains('edge')")


def test_the_fragment_names_a_step(browser, player):
    for fragment, count in (
        ("#step=0", "start · 0/20"),
        ("#step=15", "backward 8/13"),
        ("#step=end", "backward 13/13"),
        ("#step=99", "backward 13/13"),
    ):
        player(draw(neuron()).player(), fragment)
        assert read(browser)["count"] == count


def test_nothing_is_asked_of_the_network(browser, player):
    for made in (draw(neuron()).player(), film(training(3, fresh()))):
        player(made, "#step=end")
        press(browser, Keys.HOME)
        assert [u for u in requests(browser) if not u.startswith(("file:", "about:", "data:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [420, 1000])
def test_the_page_fits_and_is_shown_in_both_themes(browser, player, shot, scheme, width):
    media(browser, scheme)
    browser.set_window_size(max(width, 500), 1000)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        for fragment in ("#step=4", "#step=end"):
            player(draw(neuron()).player(), fragment)
            paper = browser.execute_script("return getComputedStyle(document.querySelector('.player')).backgroundColor")
            assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]
            assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
            shot(f"player-{scheme}-{width}{fragment.replace('#', '-').replace('=', '-')}")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("width", [400, 800, 1000])
@pytest.mark.parametrize("make", [lambda: draw(neuron()).player(), lambda: film(training(3, fresh()))])
def test_a_frame_is_as_high_as_what_is_in_it(browser, tmp_path, make, width):
    path = tmp_path / "page.html"
    frame = make()._repr_mimebundle_()["text/html"]
    path.write_text(f"<!doctype html><meta charset=utf-8><body style='margin:0'><main style='width:{width}px'>{frame}")
    browser.get(path.as_uri())
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    size = "const d = document.documentElement; return [innerWidth, innerHeight, d.scrollHeight]"
    following = browser.find_element(By.CSS_SELECTOR, "[data-do=next]")
    while following.get_attribute("aria-disabled") == "false":
        seen, room, needed = browser.execute_script(size)
        assert seen == width
        assert needed <= room
        following.click()
    browser.switch_to.default_content()


def test_motion_stops_where_the_reader_wants_none(browser, player):
    def moving():
        return browser.execute_script("return document.getAnimations().filter(a => a.animationName).length")

    player(draw(neuron()).player(), "#step=15")
    assert moving() > 0
    media(browser, motion="reduce")
    player(draw(neuron()).player(), "#step=15")
    assert moving() == 0


def test_printing_leaves_the_controls_out(browser, player, shot):
    player(draw(neuron()).player(), "#step=end")
    media(browser, kind="print")
    assert not browser.find_element(By.CSS_SELECTOR, ".bar").is_displayed()
    assert browser.find_element(By.CSS_SELECTOR, ".graph svg").is_displayed()
    shot("print")


def test_the_layout_never_moves_between_steps(browser, player):
    data = player(draw(neuron()).player())
    places = []
    for _ in data["steps"]:
        places.append(
            browser.execute_script(
                "return [...document.querySelectorAll('.graph .box')].map(r => { const b = r.getBBox(); return [b.x, b.y, b.width, b.height]; })"
            )
        )
        press(browser, Keys.ARROW_RIGHT)
    assert all(p == places[0] for p in places)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("fragment", ["#step=0", "#step=5", "#step=end"])
def test_axe_finds_no_fault(browser, player, scheme, fragment):
    media(browser, scheme)
    player(draw(neuron()).player(), fragment)
    assert faults(browser) == []


def test_axe_finds_no_fault_in_a_network_by_layer_and_in_a_film(browser, player, shot):
    player(draw(loss_of([2, 16, 16, 1])).player(), "#step=end")
    assert faults(browser) == []
    shot("layers")
    player(film(training(20, fresh())), "#step=end")
    assert faults(browser) == []
    shot("film")


def test_a_collapsed_graph_steps_group_by_group(browser, player):
    data = player(draw(loss_of([2, 16, 16, 1])).player())
    kinds = {n["id"]: n["kind"] for n in data["nodes"]}
    assert [kinds[s["node"]] for s in data["steps"] if s["phase"] == "forward"] == [
        "group",
        "group",
        "group",
        "op",
        "op",
    ]
    for i in range(len(data["steps"])):
        assert_step(data, read(browser), i)
        press(browser, Keys.ARROW_RIGHT)


def test_many_boxes_are_one_tab_stop(browser, player):
    v = Value(0.5, label="x")
    for _ in range(50):
        v = v * 1.01
    player(draw(v).player())
    assert browser.execute_script("return document.querySelectorAll('.node[tabindex=\"0\"]').length") == 1
    browser.execute_script("document.querySelector('.node[tabindex=\"0\"]').focus()")
    first = browser.execute_script("return document.activeElement.id")
    press(browser, Keys.ARROW_DOWN)
    assert browser.execute_script("return document.activeElement.id") != first
    assert browser.execute_script("return document.querySelectorAll('.graph [tabindex=\"0\"]').length") == 1


def test_a_graph_with_reference_tags_steps_too(browser, player, shot):
    data = player(draw(recurrent(6)).player(), "#step=end")
    assert_step(data, read(browser), len(data["steps"]) - 1)
    shot("recurrent")


def test_a_film_shows_the_numbers_of_each_frame_and_never_moves(browser, player):
    weights, kept = fresh(), []

    def watched():
        for loss in training(20, weights):
            kept.append((loss.data, [(w.data, w.grad) for w in weights]))
            yield loss

    made = film(watched())
    data = player(made)
    ids = {b.name: b.id for b in made.drawing.model.boxes}
    places = []
    for i, (loss, leaves) in enumerate(kept):
        shown = read(browser)
        assert shown["count"] == f"step {i + 1}/20 · L = {number_text(loss)}"
        for name, (x, g) in zip("wb", leaves):
            assert shown["cells"][f"a_{data['uid']}_{ids[name]}_d"] == number_text(x)
            assert shown["cells"][f"a_{data['uid']}_{ids[name]}_g"] == number_text(g)
        places.append(
            browser.execute_script(
                "return [...document.querySelectorAll('.graph .box')].map(r => { const b = r.getBBox(); return [b.x, b.y, b.width, b.height]; })"
            )
        )
        press(browser, Keys.ARROW_RIGHT)
    assert len(places) == 20
    assert all(p == places[0] for p in places)


def test_no_text_of_the_static_picture_leaves_its_box(browser, tmp_path, shot):
    for name, root, options in (
        ("neuron", neuron(), {}), ("mlp", loss_of([2, 16, 16, 1]), {}), ("neurons", loss_of([2, 4, 1]), {"level": "neuron"}),
        ("full", loss_of([2, 2, 1]), {"level": "full"}),
    ):  # fmt: skip
        picture = draw(root, **options)
        (tmp_path / "x.html").write_text(f"<!doctype html><meta charset=utf-8><body style='margin:0'>{picture.svg}")
        browser.get((tmp_path / "x.html").as_uri())
        outside = browser.execute_script("""
            return [...document.querySelectorAll(".node")].flatMap(g => {
                const box = g.querySelector(".box").getBBox();
                return [...g.querySelectorAll("text")].filter(t => {
                    const b = t.getBBox();
                    return b.x < box.x + 2 || b.x + b.width > box.x + box.width - 2 || b.y + b.height > box.y + box.height + 2;
                }).map(t => t.textContent);
            })""")
        assert outside == []
        shot(f"static-{name}")


def test_hostile_labels_run_nothing(browser, player):
    from hostile import LABELS
    from test_picture_safety import graph

    for label in LABELS[:8] + LABELS[34:]:
        player(draw(graph(label), level="full", names={}).player(), "#step=end")
        for _ in range(4):
            press(browser, Keys.ARROW_LEFT)
        assert browser.execute_script("return document.querySelectorAll('script').length") == 3  # data, views, ours
        assert (
            browser.execute_script(
                "return document.querySelectorAll('img, iframe, .say script, .ledger script').length"
            )
            == 0
        )
