"""A newcomer's first path in Firefox: type, run, drag, step, break it, mend it, share."""

import re

import pytest
from firefox import Firefox
from playground_page import (
    FRAME,
    ended,
    in_frame,
    labels,
    one,
    printed,
    ready,
    says,
    served,
    state,
    until,
    write,
    wrong,
)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from engine import Value, tanh

PROGRAM = """from engine import Value, tanh
w = Value(0.5, label="w")
print("w is", w.data)
L = (tanh(w * 2.0) - 1.0) ** 2
L"""
COUNT = "return document.querySelector('.count').textContent"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    driver = Firefox(tmp_path_factory.mktemp("profile"))
    try:
        with served(tmp_path_factory.mktemp("built")) as address:
            driver.base = address
            driver.get(address)
            yield driver
    finally:
        driver.quit()


def test_a_picture_stands_before_python_does(page):
    until(page, lambda d: d.find_elements(By.CSS_SELECTOR, FRAME))
    until(page, lambda d: labels(d))
    assert in_frame(page, FRAME, COUNT) == "backward 5/5"
    ready(page)


def test_a_program_is_typed_run_and_drawn(page):
    write(page, "#code", "")
    code = one(page, "#code")
    code.send_keys(PROGRAM)
    code.send_keys(Keys.CONTROL, Keys.ENTER)
    ended(page)
    assert (printed(page), wrong(page)) == ("w is 0.5", "")
    says(page, "w", "data 0.5")


def test_a_slider_is_dragged_and_every_number_follows(page):
    slider = one(page, "#expression .leaf [type=range]")
    ActionChains(page).click_and_hold(slider).move_by_offset(30, 0).move_by_offset(10, 0).release().perform()
    w = float(one(page, "#expression input[name='w']").get_attribute("value"))
    assert w != 0.5
    says(page, "w", f"data {w:.4g}")
    says(page, "L", f"{((tanh(Value(w) * 2.0) - 1.0) ** 2).data:.4g}")


def test_the_player_steps_with_the_keyboard_and_its_buttons(page):
    page.switch_to.frame(one(page, FRAME))
    try:
        before = page.execute_script(COUNT)
        one(page, "[data-do=previous]").click()
        assert page.execute_script(COUNT) != before
        one(page, "[data-do=next]").click()
        assert page.execute_script(COUNT) == before
        one(page, "body").send_keys(Keys.ARROW_LEFT)
        assert page.execute_script(COUNT) != before
    finally:
        page.switch_to.default_content()


def test_a_broken_program_is_told_and_mended(page):
    write(page, "#code", PROGRAM.replace("tanh(w", "tanh(u"))
    one(page, "#expression .run").click()
    ended(page)
    assert wrong(page) == "Line 4, NameError: name 'u' is not defined"
    assert "old" in one(page, "#expression .live").get_attribute("class")
    write(page, "#code", PROGRAM)
    one(page, "#expression .run").click()
    ended(page)
    assert not one(page, "#expression .error").is_displayed()
    says(page, "w", "data 0.5")


def test_a_shared_link_waits_for_run_and_shows_the_same(page):
    field = one(page, "#expression input[name='w']")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("0.25")
    says(page, "w", "data 0.25")
    one(page, "#share").click()
    until(page, lambda d: state(d) in ("Link copied", "The link is in the address bar"))
    link = page.current_url
    page.get("about:blank")
    page.get(link)
    ready(page)
    assert one(page, "#code").get_attribute("value") == PROGRAM and one(page, "#expression .came").is_displayed()
    assert not page.find_elements(By.CSS_SELECTOR, FRAME)
    one(page, "#expression .run").click()
    ended(page)
    says(page, "w", "data 0.25")


def test_the_console_says_nothing_and_no_other_host_is_asked(page):
    assert page.complaints() == []
    asked = page.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert len(asked) > 8 and not [url for url in asked if not url.startswith((page.base, "blob:", "data:"))]
    page.get("data:text/html,<script>console.error('said'); throw new Error('thrown')</script>")
    until(page, lambda d: {"said", "thrown"} == set(re.findall("said|thrown", str(d.complaints()))))
