"""The sources that Sphinx reads: the course with its outputs, the reference, the how-to pages and the gallery."""

from __future__ import annotations

import base64
import json
import re
import shutil
import zlib
from collections.abc import Collection
from pathlib import Path

import nbformat

from demos.playground.tabs.examples import EXAMPLES
from notebooks.execution import notebooks

from . import reference
from .lite.course import address

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
IMAGE = re.compile(r'<img src="([^"]*)" alt="([^"]*)"[^>]*>')
PICTURES = "demos/pictures"


def write_sources(folder: Path, playground: bool, repository: str, lite: Collection[Path] = ()) -> None:
    """Every source, in an empty folder.

    Args:
        folder: where to.
        playground: the page is beside the site, so that buttons lead to it.
        repository: `owner/name` at GitHub, where Colab finds the notebooks; "" for none.
        lite: notebooks that run in JupyterLite, which is beside the site.
    """
    for page in HERE.glob("*.md"):
        shutil.copy(page, folder)
    shutil.copy(HERE / "conf.py", folder)
    shutil.copytree(HERE / "static", folder / "static")
    shutil.copytree(ROOT / PICTURES, folder / "static" / "pictures")
    (folder / "course").mkdir()
    for path in notebooks():
        book = nbformat.read(path, 4)
        here = f"../lite/{address(path)}" if path in lite else ""
        _link(book, path.stem, playground, repository, here)
        nbformat.write(book, folder / "course" / path.name)
    (folder / "course" / "coming_from.md").write_text((ROOT / "notebooks" / "coming_from.md").read_text())
    written = {
        **reference.pages(),
        "add_an_op": _add_an_op(),
        "check": _check(),
        "gallery": _gallery(),
        "promises": _promises(),
    }
    written["changes"] = (ROOT / "CHANGELOG.md").read_text()
    written["index"] = _index((HERE / "index.md").read_text(), playground, bool(lite))
    for name, text in written.items():
        there = folder / f"{name}.md"
        there.parent.mkdir(exist_ok=True)
        there.write_text(text)


TRIED = {  # what a notebook's button opens in the playground: an example by its title, or a tab
    "00": "micrograd's expression",
    "01": "Newton's method",
    "02": "a · b + c",
    "03": "One value, two paths",
    "04": "engine",
    "05": "A neuron",
    "06": "training",
    "07": "Vanishing in a chain of tanh",
    "08": "Softmax and cross-entropy",
    "09": "Attention for two tokens",
    "10": "training",
    "11": "engine",
    "12": "A second derivative",
}


def playground_state(number: str) -> dict[str, str]:
    """What the address of the playground says for a notebook."""
    tried, programs = TRIED[number], dict(EXAMPLES)
    return {"tab": "expression", "code": programs[tried]} if tried in programs else {"tab": tried}


def _packed(state: dict[str, str]) -> str:
    """As `demos/playground/page/link.js` reads it."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    blob = deflate.compress(json.dumps(state).encode()) + deflate.flush()
    return base64.urlsafe_b64encode(blob).decode().rstrip("=")


def _link(book: nbformat.NotebookNode, stem: str, playground: bool, repository: str, here: str) -> None:
    """Buttons under the title; links that leave the course lead to where they are on the site."""
    buttons = []
    if here:
        buttons.append(f'<a class="button" href="{here}">Run it here</a>')
    if playground:
        there = f"../playground/index.html#{_packed(playground_state(stem[:2]))}"
        buttons.append(f'<a class="button" href="{there}">Open in the playground</a>')
    if repository:
        colab = f"https://colab.research.google.com/github/{repository}/blob/main/notebooks/{stem}.ipynb"
        buttons.append(f'<a class="button" href="{colab}">Open in Colab</a>')
    title, _, rest = book.cells[0].source.partition("\n")
    book.cells[0].source = "\n".join(
        [title, "", *([f"<p>{' '.join(buttons)}</p>", ""] if buttons else []), rest.lstrip("\n")]
    )
    for cell in book.cells[1:]:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../README.md)", "](../index.md)")
            cell.source = re.sub(r"\A# ", "## ", cell.source)  # or the margin lists it as a notebook of its own


def _between(path: str, start: str, end: str) -> str:
    """The text from one line to another, which is not in it."""
    text = (ROOT / path).read_text()
    first = text.index(start)
    return text[first : text.index(end, first)].rstrip() + "\n"


def _pictured(text: str) -> str:
    """A part of the README as Sphinx reads it: its pictures, and links that hold on the site."""
    text = re.sub(r"</?p[^>]*>", "", IMAGE.sub(r"![\2](\1)\n", text))
    return text.replace(f"{PICTURES}/", "static/pictures/").replace("](notebooks/", "](course/")


def _add_an_op() -> str:
    text = (ROOT / "engine/README.md").read_text()
    return "# Add an op" + text[text.index("## Add an op") :].removeprefix("## Add an op")


def _check() -> str:
    text = _between("README.md", "## Check your gradients", "## Compile")
    return _pictured("# Check your gradients" + text.removeprefix("## Check your gradients"))


def _gallery() -> str:
    """Every picture of the README, with its words."""
    lines = ["# Gallery", "", "All of these are drawn by the library, and no formula on them is typed by hand.", ""]
    for image in IMAGE.finditer((ROOT / "README.md").read_text()):
        lines += [_pictured(image[0]), f"*{image[2]}*", ""]
    return "\n".join(lines)


def _promises() -> str:
    """The promises, and each bug that was planted with the law that catches it."""
    text = _between("README.md", "## What it promises", "## Develop")
    rows = re.findall(
        r'Planted\(\s*"((?:[^"\\]|\\.)*)",(.*?)\)(?=,?\n)', (ROOT / "tests/test_planted_bugs.py").read_text(), re.S
    )
    names = dict(re.findall(r"^([A-Z]+) = \w+\.(test_\w+)$", (ROOT / "tests/test_planted_bugs.py").read_text(), re.M))
    table = ["| planted bug | the law that catches it |", "|---|---|"]
    for bug, rest in rows:
        law = next((w for w in re.findall(r"\b(?:[A-Z]{3,}|test_\w+\.test_\w+)\b", rest) if w in names or "." in w), "")
        said = names.get(law, law.rpartition(".")[2]).removeprefix("test_").replace("_", " ")
        table.append(f"| {bug.replace('|', chr(92) + '|').replace('*', chr(92) + '*')} | {said} |")
    return "# Promises" + text.removeprefix("## What it promises") + "\n## Bugs planted\n\n" + "\n".join(table) + "\n"


def _index(text: str, playground: bool, lite: bool) -> str:
    readme = _between("README.md", "## Ten lines", "## Networks").partition("\n")[2]
    leads = {"Open the playground": "playground/index.html"} if playground else {}
    leads |= {"Run the notebooks here": f"lite/{address()}"} if lite else {}
    buttons = " ".join(f'<a class="button" href="{there}">{said}</a>' for said, there in leads.items())
    course = "\n".join(f"{int(path.stem[:2])} · {_title(path)} <course/{path.stem}>" for path in notebooks())
    holes = {"BUTTONS": f"<p>{buttons}</p>" if buttons else "", "TEN_LINES": _pictured(readme), "COURSE": course}
    return re.sub(r"^([A-Z_]+)$", lambda m: holes[m[1]], text, flags=re.M)


def _title(path: Path) -> str:
    title: str = nbformat.read(path, 4).cells[0].source.partition("\n")[0].removeprefix("# ")
    return title
