"""A real Chromium, without network. Its driver and it are found on the PATH, or by CHROMIUM and CHROMEDRIVER.

Screenshots go to build/browser, to be looked at.
"""

import base64
import os
import shutil
import sys
from importlib import resources
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

HERE = Path(__file__).parent
SHOTS = HERE.parents[1] / "build" / "browser"
sys.path.insert(0, str(HERE.parent / "picture"))  # the graphs and readers of tests/picture

PATIENCE = 240  # seconds for what comes at last: a machine may be slow, and busy
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars "
    # Sandboxed frames stay in the page's process, or the log would not hold what goes wrong in them.
    "--disable-features=IsolateSandboxedIframes "
    # Any name resolves to nothing: a page that asks the network for something fails its test.
    "--host-resolver-rules=MAP|*|~NOTFOUND|,|EXCLUDE|127.0.0.1 --force-device-scale-factor=1"
)


def program(variable, *names):
    found = os.environ.get(variable) or next(filter(None, map(shutil.which, names)), None)
    assert found, f"the browser tests take {names[0]} on the PATH, or its path in {variable}"
    return found


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    options = Options()
    options.binary_location = program("CHROMIUM", "chromium", "chromium-browser", "google-chrome")
    for flag in FLAGS.split():
        options.add_argument(flag.replace("|", " "))
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(program("CHROMEDRIVER", "chromedriver")))
    driver.set_script_timeout(PATIENCE)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium):
    """The browser as a reader has it: 1000 by 1000, light, motion allowed; its log is empty when a test ends."""
    fresh(chromium)
    yield chromium
    errors = [entry for entry in chromium.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert not errors


def fresh(driver, width=1000, height=1000):
    """Leave nothing of the tests before: their page, frame, pointer, colours, size of window, and what was logged."""
    driver.switch_to.default_content()
    driver.get("about:blank")
    ActionChains(driver).reset_actions()  # offsets count from the corner, not from where the pointer was left
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.set_window_size(width, height)
    media(driver)
    for log in ("browser", "performance"):
        driver.get_log(log)


def still(driver, read):
    """Wait until what a script reads is the same in ten frames one after another."""
    script = """
        const done = arguments[0], read = () => { %s };
        let last, times = 0;
        (function look() {
          const now = JSON.stringify(read());
          times = now === last ? times + 1 : 0;
          last = now;
          times < 10 ? requestAnimationFrame(look) : done();
        })();"""
    driver.execute_async_script(script % read)


AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def faults(driver, where="document"):
    """What axe-core finds in a page, or in what a CSS selector names: how much it matters, the rule, the element."""
    driver.execute_script(
        AXE + "; axe.configure({allowedOrigins: ['<unsafe_all_origins>']})"
    )  # a sandboxed frame has none
    context = where if where == "document" else f"'{where}'"
    found = driver.execute_async_script(f"const done = arguments[0]; axe.run({context}).then(done)")
    return [(v["impact"], v["id"], n["html"][:200]) for v in found["violations"] for n in v["nodes"]]


def media(driver, scheme="light", motion="no-preference", kind=""):
    features = [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": motion}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": kind, "features": features})


@pytest.fixture
def keep(chromium):
    """Keeps a screenshot of the whole page under a name."""

    def keep(name):
        SHOTS.mkdir(parents=True, exist_ok=True)
        height = chromium.execute_script("return document.documentElement.scrollHeight")
        width = chromium.execute_script("return window.innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        made = chromium.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        (SHOTS / f"{name}.png").write_bytes(base64.b64decode(made["data"]))

    return keep


@pytest.fixture
def shot(browser, keep):
    return keep
