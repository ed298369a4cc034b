"""A newcomer's walk: step by step through five graphs, in pages and in JupyterLab, at three widths, light and dark.

At every step the box of the step is in view with nothing on it, and no text is cut off or leaves its box.
"""

import nbformat
import pytest
from conftest import PATIENCE, faults, media
from jupyter import environment, serving
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from test_live_view import enter, leave, run_all
from test_picture_files import fresh, neuron, training
from test_picture_shows import loss_of, recurrent

from engine import Value, draw, film, tanh

WIDTHS, THEMES, HEIGHT = (400, 800, 1280), ("light", "dark"), 800
PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}

# Goes through every k-th step by the slider; gives (step, what is wrong) for all that is. Words stand where they are
# read: in their box, in the panel, in a button. `seen` is the part of this page that a reader sees;
# a page that a live view makes as high as it likes may have its equation below, and its graph a little smaller.
WALK = """
const [seen, every, own, done] = arguments, wrong = [], $ = s => [...document.querySelectorAll(s)];
const slider = document.querySelector(".slider input"), stage = document.querySelector(".graph");
const inside = (r, [x0, y0, x1, y1], slack) => r.left >= x0 - slack && r.top >= y0 - slack && r.right <= x1 + slack && r.bottom <= y1 + slack;
const corners = r => [r.left, r.top, r.right, r.bottom], frame = () => new Promise(r => requestAnimationFrame(() => setTimeout(r, 0)));
const words = e => e.textContent.trim().slice(0, 40);
function look(step) {
  const say = what => wrong.push([step, what]);
  const now = $(".node.now .box").map(b => b.getBoundingClientRect()), room = corners(stage.getBoundingClientRect());
  if (step && !document.querySelector(".player.film") && now.length !== 1) say(`${now.length} boxes are marked`);
  for (const r of now) {
    if (!inside(r, room, 0.5) || !inside(r, seen, 0.5)) say(`the box is out of view: ${corners(r)} of ${room}, ${seen}`);
    for (const [x, y] of [[r.left + 9, r.top + 9], [r.right - 9, r.top + 9], [r.left + 9, r.bottom - 9], [r.right - 9, r.bottom - 9]])
      if (!document.elementFromPoint(x, y)?.closest(".node.now")) say("something lies on the box");
  }
  for (const node of $(".node")) {
    const box = node.querySelector(".box").getBoundingClientRect();
    if (!box.width || !(box.right > room[0] && box.left < room[2] && box.bottom > room[1] && box.top < room[3])) continue;
    for (const t of node.querySelectorAll("text")) if (!inside(t.getBoundingClientRect(), corners(box), 1.5)) say(`leaves its box: ${words(t)}`);
    if (own && Math.min(...[...node.querySelectorAll("text")].map(t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a)) < 7.9) say("is too small to read");
  }
  for (const e of $(".bar button, .bar output, .bar input, .say, .say *:not(math *), .legend, .ledger li"))
    if (e.offsetWidth && !e.matches(".sr") && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline") say(`is cut off: ${words(e)}`);
  for (const e of $(".say math, .say p, .say li")) {
    const panel = document.querySelector(".say").getBoundingClientRect();
    if (!inside(e.getBoundingClientRect(), corners(panel), 1)) say(`leaves the panel: ${words(e)}`);
  }
  for (const e of own ? $(".say .eq") : []) if (e.getBoundingClientRect().bottom > seen[3] + 0.5 && !e.closest("ul, .later")) say(`the equation is out of view: ${words(e)}`);
  if (document.documentElement.scrollWidth > innerWidth) say("the page is wider than the window");
}
(async () => {
  document.activeElement?.blur();
  await frame();
  for (let i = 0; i <= Number(slider.max); i += every) {
    slider.value = i;
    slider.dispatchEvent(new Event("input"));
    await frame();
    look(i);
  }
  done(wrong.slice(0, 20));
})();
"""


def five():
    """What a newcomer draws: an expression, a neuron, weights that are shared, a network by layer, a graph node by node."""
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    return {
        "5 nodes": draw(tanh(a * b + a), names={}),
        "13 nodes": draw(neuron(), names={}),
        "shared weights": draw(recurrent(4), level="full"),
        "983 nodes by layer": draw(loss_of([2, 16, 16, 1])),
        "2,000 nodes": draw(ladder(2_000), level="full", timeout=60, names={}),
    }


def ladder(nodes, wide=10):
    """As many nodes, in rows of ten: each from the one above it and that one's neighbour."""
    row = [Value(0.1 * (i + 1), label=f"x{i}") for i in range(wide)]
    made = wide
    while made < nodes - 2 * wide:
        row = [row[i] * row[(i + 1) % wide] if i % 3 else tanh(row[i]) for i in range(wide)]
        made += wide
    end = row[0]
    for v in row[1:]:
        end = end + v
    return end


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Addresses of the pages by name."""
    folder, found = tmp_path_factory.mktemp("walk"), {}
    made = {name: picture.player() for name, picture in five().items()} | {"film": film(training(20, fresh()))}
    for i, (name, page) in enumerate(made.items()):
        path = folder / f"{i}.html"
        path.write_text(page.html, "utf-8")
        found[name] = path.as_uri()
    return found


def window(browser, width, height=HEIGHT):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.fixture
def sized(browser):
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def walk(browser, seen, steps, own=True):
    """What is wrong at any of about as many steps."""
    last = int(browser.execute_script("return document.querySelector('.slider input').max"))
    return browser.execute_async_script(WALK, seen, max(1, last // steps), own)


@pytest.mark.parametrize(
    "name", [*("5 nodes", "13 nodes", "shared weights", "983 nodes by layer", "2,000 nodes"), "film"]
)
def test_every_step_is_in_view_and_can_be_read(sized, pages, name, keep):
    sized.get(pages[name])
    for width in WIDTHS:
        for theme in THEMES:
            window(sized, width)
            media(sized, theme, motion="reduce")
            steps = 12 if name == "2,000 nodes" else 40
            assert walk(sized, [0, 0, width, HEIGHT], steps if theme == "light" else steps // 5) == [], (
                name,
                width,
                theme,
            )
            paper = sized.execute_script("return getComputedStyle(document.querySelector('.player')).backgroundColor")
            assert paper == PAPER[theme]
            if name != "2,000 nodes" and (width, theme) in ((400, "dark"), (1280, "light")):
                assert faults(sized) == [], (name, width, theme)
            keep(f"walk-{name.replace(' ', '-')}-{width}-{theme}")


# In JupyterLab --------------------------------------------------------------------------------------------------------

CELLS = [
    "from engine import Value, draw, film, tanh\nimport nn\nx, w, b, y = Value(2.0), Value(-0.5), Value(0.7), Value(1.0)\n"
    "z = w * x + b\nn = tanh(z)\nL = (n - y) ** 2\nL.backward()",
    "L",
    "draw(L).player()",
    "draw((nn.MLP(2, [16, 16, 1], seed=0)([1.0, 2.0]) - y) ** 2).player()",
    "def losses():\n    for _ in range(3):\n        loss = (tanh(w * x + b) - y) ** 2\n        loss.backward()\n        yield loss\n"
    "        w.data -= 0.1 * w.grad",
    "film(losses())",
    "draw(L).live()",
]
PLACE = """
const f = arguments[0], s = document.querySelector(".jp-WindowedPanel-outer"), room = s.getBoundingClientRect();
s.scrollTop += f.getBoundingClientRect().top - room.top;
const r = f.getBoundingClientRect();
return [Math.max(room.left, 0) - r.left, room.top - r.top, Math.min(room.right, innerWidth) - r.left, Math.min(room.bottom, innerHeight) - r.top];
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory, chromium):
    root = tmp_path_factory.mktemp("walk-lab")
    env = environment(root)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, root / "work" / "walk.ipynb")
    with serving("jupyterlab", root, env) as base:
        enter(chromium, f"{base}/lab/workspaces/walk/tree/walk.ipynb?token=t")
        chromium.execute_script("window.jupyterapp.commands.execute('application:toggle-left-area')")
        run_all(chromium)
        WebDriverWait(chromium, PATIENCE).until(lambda d: len(frames(d)) == 4)
        yield chromium
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        media(chromium)
        leave(chromium)


def frames(driver):
    return [f for f in driver.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output iframe") if f.is_displayed()]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_step_is_in_view_in_jupyterlab(lab, width, theme, keep):
    window(lab, width)
    media(lab, theme, motion="reduce")
    picture = lab.find_element(By.CSS_SELECTOR, ".jp-OutputArea-output img")
    right = "return arguments[0].getBoundingClientRect().right - arguments[0].closest('.jp-WindowedPanel-outer').getBoundingClientRect().right"
    lab.execute_script("arguments[0].scrollIntoView()", picture)
    keep(f"walk-lab-picture-{width}-{theme}")
    assert lab.execute_script(right, picture) <= 12, "more than its margin is cut off"
    for i, frame in enumerate(frames(lab)):
        live = "shown" in frame.get_attribute("class")
        seen = lab.execute_script(PLACE, frame)
        keep(f"walk-lab-{i}-{width}-{theme}")
        lab.switch_to.frame(frame)
        try:
            assert walk(lab, seen, 20, own=not live) == [], (i, width, theme)
            assert (width, theme) != (1280, "dark") or faults(lab) == []
        finally:
            lab.switch_to.default_content()
    assert (width, theme) != (1280, "dark") or faults(lab, ".chainrule-live") == []
