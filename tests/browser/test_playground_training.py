"""The playground's tab "A net that learns": a newcomer's path, and its numbers beside those of the same training here."""

import pytest
from conftest import faults
from playground_page import (
    asked_of,
    choose,
    complaints,
    flat,
    in_frame,
    one,
    served,
    until,
    visited,
    write,
)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from demos.playground.tabs import training

FRAME = "#training .picture iframe.shown"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    with served(tmp_path_factory.mktemp("built")) as address:
        yield address


@pytest.fixture(scope="module")
def page(base, chromium):
    """The tab, its net made."""
    with visited(chromium, base, 1100, "training") as page:
        settled(page)
        yield page


def settled(page):
    """Wait until nothing is asked of Python, and a neuron can be stepped through."""
    quiet = "return !playground.python.busy && document.querySelector('#training .count').textContent !== ''"
    seen = "#training .picture iframe:not(.shown)"
    until(
        page,
        lambda d: (
            d.execute_script(quiet)
            and d.find_elements(By.CSS_SELECTOR, FRAME)
            and not d.find_elements(By.CSS_SELECTOR, seen)
        ),
    )


def status(page):
    return one(page, "#training .status").text


def epochs(page):
    text = status(page)
    return int(text.split()[1]) if text.startswith("Epoch") else 0


def kept(page):
    """The tab's state, as its link has it."""
    return page.execute_script("return playground.tabs.get('training').state()")


def units(page):
    return page.find_elements(By.CSS_SELECTOR, "#training .unit")


def pixels(page, selector):
    """The picture in a canvas, to be compared with another."""
    return page.execute_script("return document.querySelector(arguments[0]).toDataURL()", selector)


def test_it_begins_with_points_a_net_and_a_boundary(page):
    assert status(page) == "Untrained: press Train." and one(page, "#training .count").text == "17 parameters"
    assert len(units(page)) == 5 and len(page.find_elements(By.CSS_SELECTOR, "#training .sets button")) == 4
    assert kept(page)["data"] == "ring" and kept(page)["layers"] == [4]
    assert len(page.find_elements(By.CSS_SELECTOR, "#training .columns svg path")) == 12


def test_an_epoch_learns_what_the_same_epoch_learns_here(page):
    for k in range(3):
        one(page, "#training .one").click()
        until(page, lambda d, k=k: epochs(d) == k + 1)
    settled(page)
    points = training.built()["sets"]["ring"]
    here = training.Training(kept(page) | {"points": points})
    here.train(1e9, 3)
    _, loss, held, right = here.curve[-1]
    assert status(page) == f"Epoch 3 · loss {loss:.3g} · held out {held:.3g}, {round(100 * right)} % right"
    picture = here.view("layers.0.neurons.0", 0).picture()
    labels = in_frame(
        page, FRAME, "return [...document.querySelectorAll('.node')].map(n => n.getAttribute('aria-label'))"
    )
    for box in picture.model.boxes[:5]:
        assert any(f"data {box.data:.4g}".replace("-", "−") in label for label in labels), box.name


def test_it_trains_until_it_is_paused_and_all_that_it_shows_moves(page):
    before = [
        pixels(page, "#training .plane"),
        pixels(page, "#training .curve"),
        pixels(page, "#training .unit canvas"),
    ]
    one(page, "#training .go").click()
    until(page, lambda d: epochs(d) > 40 and d.find_elements(By.CSS_SELECTOR, "#training .picture img"))
    assert one(page, "#training .go").text == "Pause"
    one(page, "#training .go").click()
    settled(page)
    at = epochs(page)
    after = [pixels(page, "#training .plane"), pixels(page, "#training .curve"), pixels(page, "#training .unit canvas")]
    assert all(a != b for a, b in zip(before, after))
    assert int(status(page).split(", ")[1].split()[0]) > 90
    page.execute_async_script("setTimeout(arguments[0], 200)")
    assert epochs(page) == at and one(page, "#training .go").text == "Train"


def test_a_neuron_and_a_point_are_chosen_and_stepped_through(page):
    units(page)[2].click()
    settled(page)
    assert kept(page)["neuron"] == "layers.0.neurons.2" and units(page)[2].get_attribute("aria-pressed") == "true"
    choose(page, "#t-example", 7)
    settled(page)
    step = "document.querySelector('[data-do=first]').click(); document.querySelector('[data-do=next]').click(); return document.querySelector('.count').textContent"
    until(page, lambda d: in_frame(d, FRAME, step) == "forward 1/3")


def test_a_weight_of_the_neuron_is_dragged_and_the_net_says_something_else(page):
    before, at = pixels(page, "#training .plane"), status(page)
    names = [label.text for label in page.find_elements(By.CSS_SELECTOR, "#training .picture .leaf label")]
    assert names == ["w[0]", "w[1]", "b"]
    write(page, "#training .picture input[name='b']", "-2.5")
    until(page, lambda d: pixels(d, "#training .plane") != before)
    read = "return [...document.querySelectorAll('.node')].map(n => n.getAttribute('aria-label'))"
    until(page, lambda d: any(text.startswith("b, parameter, data −2.5") for text in in_frame(d, FRAME, read)))
    assert status(page) == at


def test_points_are_added_by_click_and_by_keyboard_and_taken_back(page):
    plane, before = one(page, "#training .plane"), len(training.built()["sets"]["ring"])
    one(page, "#training [name=t-class][value='0']").click()
    ActionChains(page).move_to_element_with_offset(plane, -150, 150).click().perform()
    settled(page)
    state_now = kept(page)
    assert len(state_now["data"]) == before + 1
    x, y, k, held = state_now["data"][-1]
    assert x < -2.5 and y < -2.5 and (k, held) == (0, 0)
    plane.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_UP, Keys.ENTER)
    settled(page)
    assert len(kept(page)["data"]) == before + 2
    one(page, "#training .undo").click()
    one(page, "#training .undo").click()
    settled(page)
    assert len(kept(page)["data"]) == before
    one(page, "#training .clear").click()
    until(page, lambda d: "no point" in one(d, "#training .error").text)
    one(page, "#training .sets button[data-set=corners]").click()
    settled(page)
    assert kept(page)["data"] == "corners" and not one(page, "#training .error").is_displayed()


def test_layers_and_neurons_are_added_and_taken_by_buttons(page):
    one(page, "#training .deeper").click()
    one(page, "#training [aria-label='More neurons in layer 1']").click()
    one(page, "#training [aria-label='Fewer neurons in layer 0']").click()
    settled(page)
    assert kept(page)["layers"] == [3, 5] and len(units(page)) == 9
    assert one(page, "#training .count").text == f"{3 * 3 + 4 * 5 + 6} parameters"
    assert page.switch_to.active_element.get_attribute("aria-label") == "Fewer neurons in layer 0"
    assert status(page) == "Untrained: press Train."


def test_every_setting_trains(page):
    for name, value in {
        "loss": "hinge",
        "optimiser": "momentum",
        "penalty": "l2",
        "batch": "30",
        "activation": "relu",
    }.items():
        choose(page, f"#t-{name}", value)
    settled(page)
    one(page, "#training .one").click()
    until(page, lambda d: epochs(d) == 1)
    assert not one(page, "#training .error").is_displayed()


def test_a_link_holds_net_points_settings_and_what_is_chosen(page):
    """What a link keeps, shown in a page that has something else; that a link comes whole is tested with an expression."""
    units(page)[1].click()
    settled(page)
    before, link = kept(page), page.execute_script("return JSON.stringify(playground.tabs.get('training').state())")
    one(page, "#training .fresh").click()
    one(page, "#training .deeper").click()
    one(page, "#training .sets button[data-set=spiral]").click()
    choose(page, "#t-loss", "mse")
    settled(page)
    assert kept(page) != before
    again = "const tab = playground.tabs.get('training'); tab.open(JSON.parse(arguments[0])); tab.shown().then(arguments[1])"
    page.execute_async_script(again, link)
    settled(page)
    assert kept(page) == before
    assert status(page) == "Untrained: press Train."


@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(1280, 1100, "light"), (1280, 1100, "dark"), (390, 844, "dark")]
)
def test_a_page_of_any_width_and_scheme_fits_and_is_for_all_readers(page, keep, width, height, scheme):
    flat(page, width, height, scheme)
    try:
        page.execute_async_script("setTimeout(arguments[0], 300)")
        keep(f"playground-training-{width}-{scheme}")
        assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert [f for f in faults(page) if f[0] in ("serious", "critical")] == []
    finally:
        flat(page, 1280, 1100)


def test_nothing_was_said_in_the_console_and_no_other_host_was_asked(page, base):
    assert complaints(page) == []
    assert asked_of(page, base) == []
