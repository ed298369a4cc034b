"""The playground, built and served for the tests of its tabs: one build, one server and one page for each file."""

import re
import threading
from contextlib import contextmanager

from conftest import PATIENCE, fresh, media
from selenium.common.exceptions import (
    NoSuchElementException,
    NoSuchFrameException,
    NoSuchWindowException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from demos.playground import TABS
from demos.playground.bundle import build
from demos.playground.server import server

FRAME = "#expression iframe.shown"


@contextmanager
def served(folder):
    """The address of a page that is built into a folder."""
    build(folder / "playground", TABS)
    with server(folder / "playground") as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()
        thread.join()


@contextmanager
def visited(chromium, address, height=900, tab="expression"):
    """The page, its Python ready, at one of its tabs; tests go on from one to the next as a visit does."""
    fresh(chromium)
    flat(chromium, 1280, height)
    chromium.get(address)
    ready(chromium)
    one(chromium, f"#tab-{tab}").click()
    yield chromium
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def until(driver, true, seconds=PATIENCE):
    return WebDriverWait(driver, seconds, 0.05).until(true)


def one(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def state(driver):
    return one(driver, "#state").text


def ready(driver):
    until(driver, lambda d: state(d).startswith("Python 3."))


def in_frame(driver, selector, script, *given):
    """What a script gives inside a frame."""
    driver.switch_to.frame(one(driver, selector))
    try:
        return driver.execute_script(script, *given)
    finally:
        driver.switch_to.default_content()


def write(driver, selector, text):
    """Put a text into a field, as typing does."""
    script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
    driver.execute_script(script, one(driver, selector), text)


def choose(driver, selector, value):
    script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change', {bubbles: true}))"
    driver.execute_script(script, one(driver, selector), str(value))


def asked_of(driver, base):
    """The addresses of other hosts that were asked for something since the log was read last."""
    import json

    entries = [json.loads(e["message"])["message"] for e in driver.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in entries if e["method"] == "Network.requestWillBeSent"]
    own = ("blob:", "data:", "about:", "chrome:")  # the last: the page that Chromium starts with
    return [url for url in urls if not url.startswith((base, *own))]


def complaints(driver):
    """What the console says that is no mere information."""
    return [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def flat(driver, width, height, scheme="light"):
    """A window of another size, in a scheme of colours."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    media(driver, scheme)


def ended(page):
    until(page, lambda d: one(d, "#expression .stop").get_attribute("disabled"))


def labels(page):
    """What each box says of itself, by its name; nothing while one page takes another's place."""
    read = "return [...document.querySelectorAll('.node')].map(n => n.getAttribute('aria-label'))"
    try:
        found = in_frame(page, FRAME, read)
    except (NoSuchElementException, StaleElementReferenceException, NoSuchFrameException, NoSuchWindowException):
        return {}
    return {re.split("[,=]", text)[0].strip(): text for text in found if text}


def turned(page, name, then):
    """Press the button of a Module in the picture, and wait until there is the one that turns it back."""
    script = (
        "const b = [...document.querySelectorAll('.turn')].find(b => b.getAttribute('aria-label') === arguments[0]);"
        "b?.dispatchEvent(new MouseEvent('click', {bubbles: true})); return b !== undefined"
    )
    assert in_frame(page, FRAME, script, name)
    until(page, lambda d: then in turns(d))


def turns(page):
    """What the picture's buttons open and close."""
    read = "return [...document.querySelectorAll('.turn')].map(b => b.getAttribute('aria-label'))"
    try:
        return in_frame(page, FRAME, read)
    except (NoSuchElementException, StaleElementReferenceException, NoSuchFrameException, NoSuchWindowException):
        return []


def says(page, name, words):
    """Wait until a box says this of itself."""
    until(page, lambda d: words in labels(d).get(name, ""))


def printed(page):
    return one(page, "#expression .printed pre").text


def wrong(page):
    return one(page, "#expression .error").text
