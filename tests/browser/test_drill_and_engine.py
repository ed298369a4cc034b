"""The playground's tabs "A drill" and "Your own engine" in a browser, from the keyboard."""

import json
from fractions import Fraction

import pytest
from conftest import faults
from playground_page import asked_of, choose, complaints, flat, in_frame, one, served, until, visited, write
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from demos.playground.tabs.engines import ENGINES
from nn.course.drills import drill, fields
from nn.course.typed import written

INPUTS = "#drill .sheet input"


@pytest.fixture(scope="module")
def page(tmp_path_factory, chromium):
    with served(tmp_path_factory.mktemp("built")) as address, visited(chromium, address, tab="drill") as page:
        page.address = address
        yield page


def inputs(page):
    return page.find_elements(By.CSS_SELECTOR, INPUTS)


def named(page):
    """What the fields that are seen are called."""
    script = "return [...document.querySelectorAll(arguments[0])].map(f => f.getAttribute('aria-label').split(',')[0])"
    return page.execute_script(script, INPUTS)


def said(page, tab="drill"):
    return one(page, f"#{tab} .said").text


def tally(page):
    return [int(one(page, f"#drill .{name}").text) for name in ("score", "streak", "best")]


def answered(page, i, text):
    """Type an answer into a field, press Enter, and wait until it is marked."""
    field, before = inputs(page)[i], one(page, "#drill .said").text
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text, Keys.ENTER)
    until(page, lambda d: {"right", "wrong"} & set(field.get_attribute("class").split()) and said(page) != before)
    return said(page)


def problem(page, level, seed):
    """Choose a problem; its fields, in their order."""
    choose(page, "#drill-level", level)
    choose(page, "#drill-seed", seed)
    asked = drill(level, seed)
    until(page, lambda d: one(d, "#drill").get_attribute("aria-busy") is None and named(page) == asked.fields)
    return fields(asked.problem)


def test_a_first_problem_is_filled_in_from_the_keyboard(page):
    right = [written(f.right) for f in fields(drill(1, 0).problem)]
    assert answered(page, 0, right[0]) == "∂L/∂a is right."
    until(page, lambda d: d.switch_to.active_element == inputs(page)[1])
    assert answered(page, 1, right[1]) == "All is right. The next one waits."
    assert tally(page) == [2, 2, 2]
    assert page.switch_to.active_element == one(page, "#drill .next")
    page.switch_to.active_element.send_keys(Keys.ENTER)
    until(page, lambda d: one(d, "#drill-seed").get_attribute("value") == "1" and inputs(page)[0].is_enabled())


def test_three_wrong_answers_are_told_which_idea_gives_them_and_the_player_shows_the_step(page):
    asked = problem(page, 4, 7)
    chains = drill(4, 7).problem.chains
    shared = next(i for i, f in enumerate(asked) if f.node.op is None and len(chains[chain_node(chains, f)].paths) > 1)
    paths = chains[chain_node(chains, asked[shared])].paths
    lost = written(Fraction(float(asked[shared].right) - paths[0].product))
    assert "a path is forgotten, the one along ∂" in answered(page, shared, lost)
    assert one(page, "#drill .shows h2").text.startswith(f"The step to look at: {asked[shared].name} = ")
    name = asked[shared].node.label
    until(
        page,
        lambda d: (
            in_frame(d, "#drill iframe", "return document.querySelector('.say h2')?.textContent")
            == f"Backward · {name}"
        ),
    )
    assert inputs(page)[shared].get_attribute("aria-invalid") == "true"
    assert "the sign is the other way round" in answered(page, shared, written(-asked[shared].right))
    other = problem(page, 1, 3)
    product = drill(1, 3).problem.root.args
    assert "own value" in answered(page, 0, written(Fraction(product[0].data)))
    until(
        page,
        lambda d: (
            in_frame(d, "#drill iframe", "return document.querySelector('.say h2')?.textContent") == "Forward · L"
        ),
    )
    assert tally(page)[1:] == [0, 2]
    assert answered(page, 0, written(other[0].right)) == f"{other[0].name} is right."
    assert tally(page)[1] == 0  # it was not the first answer
    assert "takes a number such as" in answered(page, 1, "x")


def chain_node(chains, field):
    return next(v for v in chains if v.label == field.node.label)


def test_a_link_brings_the_same_problem_and_a_reload_keeps_the_score(page):
    asked = problem(page, 9, 12)
    score = tally(page)
    page.execute_async_script("playground.keep().then(arguments[0])")
    link = page.current_url
    page.get("about:blank")
    page.get(link)
    until(page, lambda d: named(page) == [f.name for f in asked])
    assert tally(page) == score
    assert json.loads(page.execute_script("return localStorage.getItem('chainrule drill')")) == dict(
        zip(("score", "streak", "best"), score)
    )
    third = next(i for i, f in enumerate(asked) if f.right == Fraction(1, 2) or f.right.denominator > 1)
    assert "is right" in answered(page, third, str(asked[third].right))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing_in_a_drill(page, width, scheme, keep):
    flat(page, width, 900, scheme)
    problem(page, 8, 3)
    answered(page, 4, "77")
    keep(f"drill-{width}-{scheme}")
    assert faults(page) == []
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    flat(page, 1280, 900)


# Checks --------------------------------------------------------------------------------------------------------------------


def test_a_program_that_imports_the_checks_has_them(page):
    one(page, "#tab-expression").click()
    write(page, "#code", "from engine.checks import check_gradients\nprint(check_gradients(lambda x: x * x, 3.0))")
    one(page, "#expression .run").click()
    until(page, lambda d: one(d, "#expression .run").is_enabled())
    assert one(page, "#expression .printed pre").text == "f at (3.0): 2 ok"


# Your own engine -----------------------------------------------------------------------------------------------------------


def checked(page):
    one(page, "#engine .check").click()
    until(page, lambda d: one(d, "#engine .check").is_enabled() and said(page, "engine"))
    return said(page, "engine")


def test_a_planted_bug_is_caught_drawn_and_marked_in_its_line(page):
    one(page, "#tab-engine").click()
    choose(page, "#engine-example", 1)
    words = checked(page)
    assert "your engine has 1.0 as dy/dx0, and 2.0 is right" in words and "(= in place of +=)" in words
    assert one(page, "#engine figure img").get_attribute("alt") == words
    assert "%23d00000" in one(page, "#engine figure img").get_attribute("src")
    assert one(page, "#engine .lines b").text == "8"


def test_an_engine_of_ones_own_is_checked_from_the_keyboard_mended_and_right(page):
    bad = ENGINES[0][1].replace("math.tanh(self.data)", "math.tanh(self.dat)")
    write(page, "#engine-code", bad)
    one(page, "#engine-code").send_keys(Keys.CONTROL, Keys.ENTER)
    until(page, lambda d: "has no attribute 'dat'" in said(page, "engine"))
    assert said(page, "engine").startswith("Line 30 of your engine: AttributeError")
    assert one(page, "#engine .lines b").text == "30"
    write(page, "#engine-code", ENGINES[0][1])
    assert checked(page).startswith("All gradients are right, proved on")
    assert "repeated backward" in one(page, "#engine .notes").text
    assert not one(page, "#engine figure").is_displayed()


def test_an_engine_that_does_not_end_is_stopped(page):
    write(page, "#engine-code", "while True:\n    pass")
    one(page, "#engine .check").click()
    until(page, lambda d: said(page, "engine") == "Checking…")
    one(page, "#engine .stop").click()
    until(page, lambda d: said(page, "engine").startswith("Stopped."))
    choose(page, "#engine-example", 4)
    assert "your rule has 6.0 as ∂y/∂x0, and 12.0 is right" in checked(page)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing_in_ones_own_engine(page, width, scheme, keep):
    flat(page, width, 900, scheme)
    keep(f"engine-{width}-{scheme}")
    assert faults(page) == []
    assert page.execute_script("return document.documentElement.scrollWidth") <= width


def test_an_engine_that_came_with_a_link_is_shown_and_waits(page):
    code = "raise SystemExit  # <img src=x onerror=alert(1)>"
    write(page, "#engine-code", code)
    page.execute_async_script("playground.keep().then(arguments[0])")
    link = page.current_url
    page.get("about:blank")
    page.get(link)
    until(page, lambda d: one(d, "#engine-code").get_attribute("value") == code)
    assert one(page, "#engine .came").is_displayed() and said(page, "engine") == ""
    assert page.find_elements(By.CSS_SELECTOR, "#engine .editor img") == []


def test_nothing_was_asked_of_another_host_and_the_console_is_clean(page):
    assert [url for url in asked_of(page, page.address) if not url.startswith("chrome:")] == []
    assert complaints(page) == []
