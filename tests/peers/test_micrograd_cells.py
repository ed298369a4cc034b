"""The cells of notebook 00 that say so run on micrograd and here, only the import line differing, and print the same."""

import contextlib
import io
import json
from pathlib import Path

import micrograd.engine

import engine

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "00_coming_from_micrograd.ipynb"
CELLS = [cell for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
SHARED = [cell for cell in CELLS if "micrograd" in cell["metadata"].get("tags", [])]


def printed(replacements=()):
    namespace, out = {}, []
    for cell in SHARED:
        source = "".join(cell["source"])
        for old, new in replacements:
            source = source.replace(old, new)
        with contextlib.redirect_stdout(io.StringIO()) as text:
            exec(source, namespace)
        out.append(text.getvalue())
    return namespace["Value"], out


def test_only_the_import_lines_differ_and_the_cells_print_the_same():
    theirs, there = printed([("from engine ", "from micrograd.engine "), ("from nn ", "from micrograd.nn ")])
    ours, here = printed()
    assert (ours, theirs) == (engine.Value, micrograd.engine.Value)
    assert here == there
    assert len("".join(here).splitlines()) >= 9


def test_they_print_what_the_notebook_shows():
    shown = ["".join(text for o in cell["outputs"] for text in o["text"]) for cell in SHARED]
    assert printed()[1] == shown
    assert sum(map(bool, shown)) == 3


def test_the_import_lines_name_the_two_packages_once():
    text = "".join("".join(cell["source"]) for cell in SHARED)
    assert text.count("from engine import Value\n") == text.count("from nn import MLP") == 1
    assert "engine." not in text
