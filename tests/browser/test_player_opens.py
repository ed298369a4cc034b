"""A player opens and closes Modules: the page carries what is drawn then, and the step stays where it was."""

import re

import pytest
from conftest import PATIENCE, faults, media
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from test_player_moves import boxes, count, press

from engine import draw, mean
from engine.picture.player.player import player_page
from nn import MLP


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The README's network by layer, as a file and as a notebook's frame."""
    folder = tmp_path_factory.mktemp("opens")
    made = draw((MLP(2, [16, 16, 1])([1.0, -2.0]) - 1.0) ** 2, level="layer", names={}).player()
    made.save(folder / "net.html")
    frame = made._repr_mimebundle_()["text/html"]
    (folder / "frame.html").write_text(
        f"<!doctype html><html lang=en><title>x</title><meta charset=utf-8><body>{frame}"
    )
    return folder


@pytest.fixture
def net(browser, folder):
    media(browser, motion="reduce")
    browser.get((folder / "net.html").as_uri())
    return browser


def turns(browser):
    """What can be opened and closed, by the names of its buttons."""
    script = "return [...document.querySelectorAll('.turn[role=button]')].map(b => [b.getAttribute('aria-label'), b])"
    return dict(browser.execute_script(script))


def turn(browser, name, how="click"):
    button = WebDriverWait(browser, PATIENCE).until(lambda b: turns(b).get(name))
    if how == "click":
        ActionChains(browser).move_to_element(button).click().perform()
    else:
        browser.execute_script("arguments[0].focus()", button)
        press(browser, how)
    WebDriverWait(browser, PATIENCE).until(lambda b: name not in turns(b) and turns(b))


def here(browser):
    """The box of the step, and what the slider says of it."""
    label = browser.find_element(By.CSS_SELECTOR, ".node.now").get_attribute("aria-label")
    return label, browser.find_element(By.CSS_SELECTOR, ".slider input").get_attribute("aria-valuetext")


def names(browser):
    script = "return [...document.querySelectorAll('.node .h')].map(e => e.textContent)"
    return browser.execute_script(script)


@pytest.mark.parametrize("how", ["click", Keys.ENTER, " "])
def test_a_layer_opens_and_closes(net, how):
    before, step = boxes(net), count(net)
    assert turns(net).keys() >= {"Open layers[0]", "Open layers[1]", "Open layers[2]"}
    turn(net, "Open layers[0]", how)
    assert len(boxes(net)) >= len(before) + 15
    assert sum("neurons" in name for name in names(net)) == 16
    assert net.switch_to.active_element.get_attribute("aria-label") == "Close layers[0]"
    assert "Open layers[0]" not in turns(net)
    turn(net, "Close layers[0]", how)
    assert boxes(net) == before
    assert count(net) == step
    assert net.switch_to.active_element.get_attribute("aria-label") == "Open layers[0]"


def test_one_call_of_many_opens_beside_the_others_and_gives_its_place_to_the_next(browser, tmp_path, shot):
    net = MLP(2, [3, 1], seed=0)
    L = mean([(net([0.1 * i, 1.0 - 0.2 * i]) - 0.5) ** 2 for i in range(8)])
    draw(L, level=0, names={}).player().save(tmp_path / "calls.html")
    browser.get((tmp_path / "calls.html").as_uri())
    before = boxes(browser)
    turn(browser, "Open MLP[0]")
    assert browser.switch_to.active_element.get_attribute("aria-label") == "Close MLP[0]"
    turn(browser, "Open MLP[1]", Keys.ENTER)
    turn(browser, "Open MLP[2]", Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("aria-label") == "Open MLP[3]"
    assert turns(browser).keys() >= {"Close MLP[2]", "Open MLP[1]"}
    assert "7 calls" in browser.find_element(By.CSS_SELECTOR, ".graph").text
    assert not faults(browser)
    shot("player-one-call")
    turn(browser, "Close MLP[2]")
    assert boxes(browser) == before


def test_layers_are_open_side_by_side(net):
    for name in ("Open layers[0]", "Open layers[1]", "Open layers[2]"):
        turn(net, name)
    assert turns(net).keys() >= {"Close layers[0]", "Close layers[1]"}
    turn(net, "Close layers[1]")
    assert turns(net).keys() >= {"Close layers[0]", "Open layers[1]"}


def test_the_step_stays_at_its_box(net):
    press(net, Keys.END)
    for _ in range(2):
        press(net, Keys.ARROW_LEFT)
    label, words = here(net)
    assert words.startswith("backward")
    turn(net, "Open layers[2]")
    assert here(net)[1].startswith("backward")
    assert here(net)[0].rpartition("data")[2] == label.rpartition("data")[2]  # its output: the same value and gradient
    turn(net, "Close layers[2]")
    assert here(net) == (label, words)


def test_a_step_inside_of_a_module_that_closes_goes_to_its_box(net):
    turn(net, "Open layers[0]")
    for _ in range(3):
        press(net, Keys.ARROW_RIGHT)
    assert "neurons" in here(net)[0]
    turn(net, "Close layers[0]")
    label, words = here(net)
    assert label.startswith("layers[0]")
    assert words == "forward 1/5"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_opened_page_has_no_faults_for_readers_of_any_kind(net, shot, scheme):
    media(net, scheme, "reduce")
    assert not faults(net)
    shot(f"player-closed-{scheme}")
    turn(net, "Open layers[0]")
    assert not faults(net)
    shot(f"player-opened-{scheme}")


def test_a_notebook_opens_it_in_its_frame(browser, folder):
    browser.get((folder / "frame.html").as_uri())
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    before = boxes(browser)
    turn(browser, "Open layers[0]")
    assert len(boxes(browser)) >= len(before) + 15
    turn(browser, "Close layers[0]")
    assert boxes(browser) == before
    browser.switch_to.default_content()


@pytest.mark.parametrize(("plays", "key", "told"), [(False, Keys.ARROW_RIGHT, 1), (True, "", 0)], ids=["key", "play"])
def test_what_was_closed_hears_no_key_and_no_longer_plays(browser, folder, plays, key, told):
    browser.get((folder / "frame.html").as_uri())
    browser.execute_script("window.told = 0; addEventListener('message', () => { told += 1; })")
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    for name in ("Open layers[0]", "Close layers[0]"):
        WebDriverWait(browser, PATIENCE).until(lambda b, name=name: turns(b).get(name))
        if plays:
            browser.find_element(By.CSS_SELECTOR, "[data-do=play]").click()
        turn(browser, name)
    browser.switch_to.default_content()
    browser.execute_async_script("window.told = 0; setTimeout(arguments[0], 300)")
    browser.execute_script("window.told = 0")
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    press(browser, key)
    browser.execute_async_script("setTimeout(arguments[0], 1400)")
    browser.switch_to.default_content()
    assert browser.execute_script("return told") == told  # a page tells each step that it shows


def test_the_panel_of_what_can_be_opened_here_names_its_button(net, browser, folder, tmp_path):
    said = "return document.querySelector('.say').textContent"
    press(net, Keys.ARROW_RIGHT)
    assert net.execute_script(said).endswith("The + at its corner opens it.")
    press(net, Keys.END)
    assert "expand=" not in net.execute_script(said)
    closed = draw((MLP(2, [16, 16, 1])([1.0, -2.0]) - 1.0) ** 2, level="layer", names={})
    (tmp_path / "live.html").write_text(player_page(closed.drawing, "auto"))  # without views, as in a live view
    browser.get((tmp_path / "live.html").as_uri() + "#step=1")
    assert browser.execute_script(said).endswith('draw(…, expand="layers.0") opens it.')


def test_the_address_keeps_the_step_and_what_is_open(net):
    def address(b):
        return b.execute_script("return location.hash")

    def slider(b):
        return b.execute_script("return document.querySelector('.slider input').value")

    turn(net, "Open layers[0]")
    turn(net, "Open layers[2]")
    for _ in range(3):
        press(net, Keys.ARROW_RIGHT)
    WebDriverWait(net, PATIENCE).until(lambda b: re.fullmatch(rf"#step={slider(b)}&view=\d+", address(b)))
    before, step, there = boxes(net), count(net), here(net)
    net.refresh()
    WebDriverWait(net, PATIENCE).until(lambda b: "Close layers[2]" in turns(b))
    assert (boxes(net), count(net), here(net)) == (before, step, there)
    net.execute_script("location.hash = '#step=end'")  # as in the address bar
    WebDriverWait(net, PATIENCE).until(lambda b: "Open layers[2]" in turns(b))
    assert here(net)[1].startswith("backward 5/5")
    net.execute_script("location.hash = '#step=2&view=999'")  # of another page
    WebDriverWait(net, PATIENCE).until(lambda b: here(b)[1].startswith("forward 2/5"))
    assert "Open layers[0]" in turns(net)
