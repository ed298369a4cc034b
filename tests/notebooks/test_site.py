"""The site: every public name on it, no dead link, nothing of another host, and built whole or not at all."""

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from demos.playground import TABS
from demos.playground.tabs.examples import EXAMPLES
from notebooks.execution import notebooks
from notebooks.website import build as building
from notebooks.website import pages, reference

pytestmark = pytest.mark.xdist_group("site")  # which is built once
LOADED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("object", "data"), ("link", "href")}


class Page(HTMLParser):
    """What a page links, loads and can be linked at."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.anchors = [], [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors.update(v for k, v in attrs if k in ("id", "name") and v)
        self.loads += [v for k, v in attrs if (tag, k) in LOADED and v and not v.startswith("data:")]
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "made"
    building.build(out, playground=False, repository="somebody/chainrule")
    return out


@pytest.fixture(scope="module")
def read(site):
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_public_name_is_in_the_reference(site):
    inventory = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    described = {line.split(" ")[0] for line in zlib.decompress(inventory).decode().splitlines()}
    things = {f"{package}.{name}" for placed in reference._placed().values() for package, name in placed}
    assert things <= described
    again = reference.public_names() - things  # of another package: engine.draw is engine.picture.draw
    assert {name.rpartition(".")[2] for name in again} <= {name.rpartition(".")[2] for name in things}


def test_no_link_within_the_site_is_dead(site, read):
    dead = []
    for path, page in read.items():
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = read[there].anchors if there in read else set()
            if not there.exists() or (parts.fragment and there in read and unquote(parts.fragment) not in anchors):
                dead.append((str(path.relative_to(site)), link))
    assert not dead
    assert sum(len(page.links) for page in read.values()) > 1000


def test_pages_load_nothing_from_another_host(site, read):
    loaded = [link for page in read.values() for link in page.loads]
    assert len(loaded) > 100
    assert not [link for link in loaded if urlsplit(link).scheme or link.startswith("//")]
    sheets = "".join(path.read_text() for path in site.rglob("*.css"))
    assert not re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", sheets)


def test_each_notebook_has_its_outputs_and_its_button(site):
    for path in building.Path(pages.HERE).parent.glob("[0-9]*.ipynb"):
        text = (site / "course" / f"{path.stem}.html").read_text()
        assert f"github/somebody/chainrule/blob/main/notebooks/{path.name}" in text
        assert "data:image/" in text or "_images/" in text


def test_the_margin_lists_each_notebook_once_by_its_number(site):
    text = (site / "gallery.html").read_text()
    listed = re.findall(r'<a class="reference internal" href="course/(\d\d)_\w+\.html(#[^"]*)?">(\d+) · ', text)
    assert [(number, anchor, int(said)) for number, anchor, said in listed] == [
        (path.name[:2], "", int(path.name[:2])) for path in notebooks()
    ]
    assert len(re.findall(r'href="course/\d\d_', text)) == len(listed)


def test_names_that_a_docstring_tells_together_are_names_and_no_type(site):
    texts = {path.name: path.read_text() for path in (site / "reference").glob("*.html")}
    assert "<strong>low/high</strong>" in texts["checks.html"]
    assert not [name for name, text in texts.items() if re.search(r"<em>\w+,</em>", text)]
    assert not [name for name, text in texts.items() if "Alias for field number" in text]


def test_what_the_page_on_gpus_says_runs(capsys):
    """On NumPy: it is the same program of arrays, and the tests of XLA are elsewhere."""
    text = (pages.HERE / "gpu.md").read_text()
    codes = re.findall(r"```python\n(.*?)```", text, re.S)
    for code in codes:
        assert code.count('"xla"') == 1
        exec(code.replace('"xla"', '"numpy"').replace("512", "64"), {})
    loss, step = capsys.readouterr().out.splitlines()
    assert float(loss) < 2.0 and step == "(0.0, [2.0, 1.0])"


def test_what_a_step_on_many_machines_costs_is_what_the_page_says(capsys):
    text = (pages.HERE / "machines.md").read_text()
    script, parts, code = re.findall(r"```python\n(.*?)```", text, re.S)
    compile(script + parts, "train.py", "exec")
    exec(code, {})
    assert f"```\n{capsys.readouterr().out}```" in text


def test_a_button_opens_what_the_playground_has():
    tried = {number: pages.playground_state(number) for number in pages.TRIED}
    assert list(tried) == [path.name[:2] for path in notebooks()]
    assert {state["tab"] for state in tried.values()} <= set(TABS)
    packed = pages._packed(tried["03"])
    blob = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
    assert json.loads(zlib.decompress(blob, -15)) == {
        "tab": "expression",
        "code": dict(EXAMPLES)["One value, two paths"],
    }


def test_what_an_example_of_the_reference_draws_stands_under_it(site):
    text = (site / "reference" / "pictures.html").read_text()
    shown = re.findall(r'<img alt="([^"]*)" src="([^"]*/engine\.draw-0\.svg)"', text)
    assert [alt for alt, _ in shown] == ["Computation graph of L, 3 nodes"]
    svg = (site / "reference" / shown[0][1]).read_text()
    assert "−6.0" in svg and "prefers-color-scheme" not in svg
    assert all("drawn" in i for i in re.findall(r' id="([^"]+)"', svg))  # the same in the next build
    assert text.index("print") < text.index(shown[0][1])


def test_every_picture_of_the_readme_is_in_the_gallery(site):
    shown = (site / "gallery.html").read_text()
    for name in re.findall(r"demos/pictures/(\S+?)\"", Path(pages.ROOT / "README.md").read_text()):
        assert name in shown


def test_every_planted_bug_is_on_the_page_of_promises(site):
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", (site / "promises.html").read_text(), re.S)
    said = [re.findall(r"<p>(.*?)</p>", row, re.S) for row in rows[1:]]
    assert len(said) == (pages.ROOT / "tests/test_planted_bugs.py").read_text().count("\n    Planted(")
    assert all(bug and law for bug, law in said)


def test_a_folder_that_is_no_site_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"takes a folder that is empty, or a site, got .*; try another --out"):
        building.build(tmp_path, playground=False)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_warning_of_sphinx_leaves_the_old_site(site, tmp_path, monkeypatch, capfd):
    there = tmp_path / "made"
    there.mkdir()
    (there / "searchindex.js").write_text("old")
    monkeypatch.setattr(pages.reference, "pages", dict)  # the index leads to pages that are not there
    monkeypatch.setattr(pages, "notebooks", list)
    assert building.main(["--out", str(there), "--without-playground"]) == 1
    assert "the site was not built: Sphinx warned" in capfd.readouterr().err
    assert [p.name for p in there.iterdir()] == ["searchindex.js"]


def test_a_new_public_name_without_a_room_stops_the_build():
    with pytest.raises(ValueError, match=r"no page for engine\.new of engine\.attic; add engine\.attic to a room"):
        reference._page("engine", "new", type("New", (), {"__module__": "engine.attic"}))
