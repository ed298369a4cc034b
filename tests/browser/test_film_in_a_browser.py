"""A film in a browser: beside the graph the loss so far, the rate, and the step that comes with its numbers."""

import pytest
from conftest import PATIENCE, media
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait
from test_picture_files import fresh, training
from test_picture_shows import loss_of

from engine import film

STEPS = 13  # odd, so that one is the middle
FITS = """
const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1;
const say = document.querySelector('.say');
return [...say.querySelectorAll('svg, p, li')].every(e => inside(e.getBoundingClientRect(), say.getBoundingClientRect()))
    && say.scrollWidth <= say.clientWidth && document.documentElement.scrollWidth <= innerWidth;
"""


@pytest.fixture
def shown(browser, tmp_path):
    made = film(training(STEPS, fresh()), uid="t")
    made.save(tmp_path / "film.html")
    browser.get((tmp_path / "film.html").as_uri())
    return made


def at(browser, i):
    script = (
        "const s = document.querySelector('.slider input'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))"
    )
    browser.execute_script(script, i)


def text(browser, selector):
    return browser.execute_script("return document.querySelector(arguments[0]).textContent", selector)


def test_each_step_says_its_rate_and_its_updates_and_is_marked_on_the_curve(browser, shown):
    places = []
    for i, update in enumerate(shown.updates):
        at(browser, i)
        assert text(browser, ".updates") == "".join(update.lines)
        assert (update.rate == "0.5") == ("learning rate 0.5" in text(browser, ".rule")) == (i < STEPS - 1)
        dot = browser.find_element(By.CSS_SELECTOR, ".curve circle")
        places.append((float(dot.get_attribute("cx")), float(dot.get_attribute("cy"))))
    line = browser.find_element(By.CSS_SELECTOR, ".curve .line").get_attribute("d")
    on_line = [tuple(map(float, p.split())) for p in line.replace("M", "L").split("L")[1:]]
    assert on_line == [pytest.approx(p, abs=0.06) for p in places]
    losses = [f.data["height"] for f in shown.frames]
    heights = [y for _, y in places]  # downwards
    assert sorted(range(STEPS), key=lambda i: losses[i]) == sorted(range(STEPS), key=lambda i: -heights[i])


def test_a_press_on_the_curve_goes_to_its_step(browser, shown):
    curve = browser.find_element(By.CSS_SELECTOR, ".curve")
    curve.click()  # its middle
    assert text(browser, ".count").startswith(f"step {1 + round((STEPS - 1) / 2)}/{STEPS}")


def test_it_plays_at_the_speed_that_is_chosen_and_pauses(browser, shown):
    script = "window.waits = []; const set = window.setInterval; window.setInterval = (f, ms) => { window.waits.push(ms); return set(f, ms); }"
    browser.execute_script(script)
    play = browser.find_element(By.CSS_SELECTOR, "[data-do=play]")
    play.click()
    Select(browser.find_element(By.CSS_SELECTOR, ".speed select")).select_by_visible_text("4×")
    assert browser.execute_script("return window.waits") == [400, 100]
    WebDriverWait(browser, PATIENCE).until(lambda d: not text(d, ".count").startswith("step 1/"))
    if play.text == "Pause":
        play.click()
    assert play.text == "Play"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 800, 1280])
def test_what_it_says_is_within_its_panel(browser, shown, shot, width, scheme):
    media(browser, scheme)
    browser.set_window_size(width, 900)
    at(browser, 3)
    assert browser.execute_script(FITS)
    shot(f"film-{scheme}-{width}")


HIDDEN = """
const map = document.querySelector('.map'), style = getComputedStyle(map), m = map.getBoundingClientRect();
if (style.display === 'none' || style.visibility === 'hidden') return [];
return [...document.querySelectorAll('.node')].filter(e => {
    const b = e.getBoundingClientRect();
    return b.left < m.right && b.right > m.left && b.top < m.bottom && b.bottom > m.top;
}).map(e => e.textContent);
"""


def test_the_map_of_a_narrow_film_covers_no_box(browser, tmp_path):
    film([loss_of([2, 4, 1])], level="full").save(tmp_path / "film.html")
    browser.set_window_size(400, 700)
    browser.get((tmp_path / "film.html").as_uri())
    seen = set()
    for x, y in [(0, 0), (60, 0), (-60, 90), (-200, 0), (300, 200), (0, -400), (0, 160)]:
        script = "const g = document.querySelector('.graph'); g.scrollTo(g.scrollLeft + arguments[0], g.scrollTop + arguments[1])"
        browser.execute_script(script, x, y)
        browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        assert not browser.execute_script(HIDDEN), (x, y)
        seen.add(
            browser.execute_script(
                "const s = getComputedStyle(document.querySelector('.map')); return s.display + s.visibility"
            )
        )
    assert "blockvisible" in seen  # where there is room it is there
