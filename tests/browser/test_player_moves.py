"""A player's graph moves: wheel, pinch, drag, keys, buttons, search and map; and what a page without scripts says."""

import re

import pytest
from conftest import media, still
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from test_newcomers_walk import ladder
from test_picture_shows import loss_of

from engine import draw

CONTROL = 2
PLACES = """
    const page = document.querySelector("iframe")?.getBoundingClientRect().top;
    return [scrollY, page, ...[...document.querySelectorAll(".node .box")].map(b => [b.getBoundingClientRect().x, b.getBoundingClientRect().y])];
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network node by node, wider and higher than the window; the same in a frame; and a graph of 600 nodes."""
    folder = tmp_path_factory.mktemp("moves")
    made = draw(loss_of([2, 4, 4, 1]), level="full").player()
    made.save(folder / "net.html")
    frame = made._repr_mimebundle_()["text/html"]
    (folder / "frame.html").write_text(f"<!doctype html><meta charset=utf-8><body>{frame}<div style='height:3000px'>")
    draw(ladder(600), level="full", names={}).player().save(folder / "long.html")
    return folder


@pytest.fixture
def net(browser, folder):
    return opened(browser, folder / "net.html")


def opened(browser, path):
    media(browser, motion="reduce")
    browser.get(path.as_uri())
    return browser


def boxes(browser):
    """(left, top, width) of each box by its name."""
    script = """
        return Object.fromEntries([...document.querySelectorAll(".node:not(.tag)")].map(n => {
            const r = n.querySelector(".box").getBoundingClientRect();
            return [n.getAttribute("aria-label")?.split(/,| =/)[0], [r.left, r.top, r.width]];
        }))"""
    return browser.execute_script(script)


def stage(browser):
    return browser.execute_script(
        "const r = document.querySelector('.graph').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]"
    )


def wheel(browser, x, y, dx=0, dy=0, modifiers=0):
    event = {"type": "mouseWheel", "x": x, "y": y, "deltaX": dx, "deltaY": dy, "modifiers": modifiers}
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", event)
    still(browser, PLACES)


def press(browser, key):
    ActionChains(browser).send_keys(key).perform()


def count(browser):
    return browser.find_element(By.CSS_SELECTOR, ".count").text


def test_ctrl_and_the_wheel_zoom_about_the_pointer(net):
    name, (left, top, width) = next((n, b) for n, b in boxes(net).items() if 100 < b[0] < 700 and 100 < b[1] < 400)
    wheel(net, left, top, dy=-100, modifiers=CONTROL)
    after = boxes(net)[name]
    assert after[2] > 1.2 * width
    assert after[:2] == pytest.approx([left, top], abs=1.5)
    wheel(net, left, top, dy=100, modifiers=CONTROL)
    assert boxes(net)[name] == pytest.approx([left, top, width], abs=2.5)


def test_alone_in_its_window_the_wheel_pans(net):
    before = boxes(net)
    wheel(net, 500, 300, dx=60, dy=40)
    moved = {name: (b[0] - boxes(net)[name][0], b[1] - boxes(net)[name][1]) for name, b in before.items()}
    assert all(d == pytest.approx((60, 40), abs=1) for d in moved.values())


def test_in_a_frame_the_wheel_scrolls_the_page_around_it(browser, folder):
    opened(browser, folder / "frame.html")
    frame = browser.find_element(By.TAG_NAME, "iframe")

    def there():
        browser.switch_to.frame(frame)
        found = boxes(browser)
        browser.switch_to.default_content()
        return found

    before = there()
    wheel(browser, 500, 300, dy=120)
    assert browser.execute_script("return scrollY") > 60
    assert there() == before
    wheel(browser, 500, 200, dx=80)
    name = next(iter(before))
    assert before[name][0] - there()[name][0] == pytest.approx(80, abs=1)


def test_a_drag_pans_and_is_no_click(net):
    before, step = boxes(net), count(net)
    left, top, *_ = stage(net)
    name, (x, y, _) = next((n, b) for n, b in before.items() if b[0] > left + 150 and b[1] > top + 100 and b[1] < 400)
    drag = ActionChains(net).move_by_offset(int(x) + 20, int(y) + 12).click_and_hold()
    drag.move_by_offset(-30, -10).move_by_offset(-30, -20).release().perform()
    still(net, PLACES)
    after = boxes(net)
    assert [after[name][0] - x, after[name][1] - y] == pytest.approx([-60, -30], abs=1)
    assert count(net) == step


def test_two_fingers_zoom(net):
    name, (left, top, width) = next((n, b) for n, b in boxes(net).items() if 100 < b[0] < 700 and 100 < b[1] < 400)

    def touch(kind, apart):
        points = [{"x": left + s * apart, "y": top, "id": i} for i, s in enumerate((-1, 1))] if apart else []
        net.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 30)
    for apart in (40, 50, 60):
        touch("touchMove", apart)
    touch("touchEnd", 0)
    assert boxes(net)[name] == pytest.approx([left, top, 2 * width], rel=0.15, abs=4)


@pytest.mark.parametrize("how", ["keys", "buttons"])
def test_plus_minus_and_fit(net, how):
    def act(key, name):
        if how == "keys":
            press(net, key)
        else:
            net.find_element(By.CSS_SELECTOR, f"[data-zoom={name}]").click()
        return boxes(net)

    first = boxes(net)
    name = next(iter(first))
    assert act("+", "in")[name][2] == pytest.approx(1.25 * first[name][2], rel=0.01)
    assert act("-", "out")[name][2] == pytest.approx(first[name][2], rel=0.01)
    left, top, width, height = stage(net)
    for x, y, w in act("0", "fit").values():
        assert left <= x and x + w <= left + width + 1
        assert top <= y <= top + height
    assert not net.find_element(By.CSS_SELECTOR, ".map").is_displayed()


def test_the_map_moves_the_graph(net):
    before = boxes(net)
    net.find_element(By.CSS_SELECTOR, ".map").click()
    assert boxes(net) != before
    press(net, Keys.ARROW_RIGHT)
    left, top, width, height = stage(net)
    box = net.find_element(By.CSS_SELECTOR, ".node.now .box").rect
    assert left <= box["x"] and box["x"] + box["width"] <= left + width
    assert top <= box["y"] and box["y"] + box["height"] <= top + height


def test_search_goes_from_name_to_name(net):
    field = net.find_element(By.CSS_SELECTOR, "[type=search]")
    found = net.find_element(By.CSS_SELECTOR, ".found")
    field.send_keys("l1.n2", Keys.ENTER)
    total = int(found.text.removeprefix("1 of "))
    assert total >= 4
    seen = set()
    for i in range(total):
        assert found.text == f"{i + 1} of {total}"
        pointed = net.find_element(By.CSS_SELECTOR, ".node.point")
        assert "l1.n2" in pointed.get_attribute("aria-label")
        seen.add(pointed.get_attribute("id"))
        field.send_keys(Keys.ENTER)
    assert len(seen) == total
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("no box", Keys.ENTER)
    assert found.text == "no such name"
    step = count(net)
    field.send_keys(Keys.HOME, Keys.ARROW_LEFT, " ", "+")
    assert count(net) == step, "keys in the field have gone to a step"


def test_of_a_large_graph_only_what_is_in_view_is_in_the_document_and_all_of_it_can_be_found(browser, folder):
    opened(browser, folder / "long.html")
    there = "return document.querySelectorAll('.graph .node').length"
    for _ in range(3):
        assert 1 < browser.execute_script(there) < 200
        press(browser, Keys.ARROW_RIGHT)
        wheel(browser, 500, 300, dy=300)
    browser.find_element(By.CSS_SELECTOR, "[type=search]").send_keys("v300", Keys.ENTER)
    left, top, width, height = stage(browser)
    box = browser.find_element(By.CSS_SELECTOR, ".node.now .box").rect
    assert top <= box["y"] and box["y"] + box["height"] <= top + height
    assert count(browser).startswith("forward")
    browser.find_element(By.CSS_SELECTOR, "[data-zoom=fit]").click()
    assert browser.execute_script(there) == 1
    assert browser.find_element(By.CSS_SELECTOR, ".outline .box").is_displayed()
    pixels = """return [...document.querySelectorAll(".outline path")].map(
        line => parseFloat(getComputedStyle(line).strokeWidth) * line.getScreenCTM().a)"""
    assert browser.execute_script(pixels) == pytest.approx([1, 1], abs=0.02)


def test_what_has_left_the_document_is_printed_in_the_order_of_the_drawing(browser, folder):
    opened(browser, folder / "long.html")
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    shown = browser.execute_script(
        "return [...document.querySelectorAll('.graph :is(.node, .edge, .cluster)')].map(e => e.id)"
    )
    drawn = re.findall(
        r'<g class="(?:\w+ )?(?:node|edge|cluster)\b[^>]* id="(\w+)"', (folder / "long.html").read_text("utf-8")
    )
    assert len(drawn) > 1_500
    assert shown == drawn
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert browser.execute_script("return document.querySelectorAll('.graph .node').length") < 200


def test_with_motion_the_graph_glides_to_the_step(browser, folder):
    opened(browser, folder / "net.html")
    media(browser)
    moved = 0
    for _ in range(12):
        before = boxes(browser)
        press(browser, Keys.ARROW_RIGHT)
        still(browser, PLACES)
        moved += boxes(browser) != before
        left, top, width, height = stage(browser)
        box = browser.find_element(By.CSS_SELECTOR, ".node.now .box").rect
        assert left <= box["x"] and box["x"] + box["width"] <= left + width
        assert top <= box["y"] and box["y"] + box["height"] <= top + height
    assert moved > 2


def test_without_scripts_the_page_says_why_its_buttons_are_dead(browser, folder):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get((folder / "net.html").as_uri())
        assert "Scripts are off" in browser.find_element(By.CSS_SELECTOR, "noscript .note").text
        assert browser.find_element(By.CSS_SELECTOR, ".graph .node .g").is_displayed()
        assert all(row.is_displayed() for row in browser.find_elements(By.CSS_SELECTOR, ".node .c")[:5])
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
