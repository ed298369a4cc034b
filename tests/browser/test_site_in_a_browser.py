"""The site as a reader opens it, from a disk, without server and network."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import PATIENCE, faults, media
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from notebooks.website.build import build


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "made"
    build(out, playground=False)
    return out


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def served(site):
    """The address of the site on a server of this machine: axe reads style sheets, which it may not from a disk."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_search_finds_a_function_and_leads_to_it(browser, site):
    browser.get((site / "index.html").as_uri())
    field = browser.find_element(By.NAME, "q")
    field.send_keys("jacobian")
    field.submit()
    wait = WebDriverWait(browser, PATIENCE)
    wait.until(lambda b: "finished" in b.find_element(By.ID, "search-results").text)
    links = browser.find_elements(By.CSS_SELECTOR, "#search-results li a")
    found = {link.text: link for link in links}
    found["engine.jacobian"].click()
    wait.until(lambda b: "reference/transforms.html" in b.current_url)
    assert browser.find_element(By.ID, "engine.jacobian").is_displayed()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", ["course/03_chain_rule", "reference/operations"])
def test_pages_ask_nobody_and_axe_finds_nothing_serious(browser, served, shot, scheme, page):
    media(browser, scheme)
    browser.get(f"{served}/{page}.html")
    asked = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert not [name for name in asked if not name.startswith((served, "data:"))]
    assert not [fault for fault in faults(browser) if fault[0] in ("serious", "critical")]
    shot(f"site-{page.replace('/', '-')}-{scheme}")


@pytest.mark.parametrize("page", ["index", "course/03_chain_rule", "reference/operations"])
def test_a_page_is_no_wider_than_a_phone(browser, site, shot, page):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    try:
        browser.get((site / f"{page}.html").as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
        shot(f"site-{page.replace('/', '-')}-phone")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
