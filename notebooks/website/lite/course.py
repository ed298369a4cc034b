"""The notebooks as JupyterLite has them: what each needs that a browser has not stands in its first cell."""

import ast
import json
import re
from pathlib import Path

import nbformat

from notebooks.execution import HERE, notebooks

MODULES = {"numpy": "NumPy", "matplotlib": "matplotlib", "sklearn": "scikit-learn"}  # of a whole Pyodide
COMPILES = r'\bjit\((?!.*backend="numpy")|backend="jit"'
CLONE = r"^# %pip install .*\nimport sys\n\nsys\.path\.append\(.*\n+"
RUNS = (
    "> This copy runs in your browser, on a Python that takes some seconds to start: **Run → Run All Cells**, or Shift+Enter "
    "cell by cell. What you change stays in this browser."
)
NO_MODULES = (
    "> **Not here:** it imports {}, which this site was built without, so its cells end with `ModuleNotFoundError`. "
    "Python of your own runs all of it."
)
NO_COMPILER = (
    "> **Not all of it here:** no browser has llvmlite, so the cells that compile say that it is missing. "
    "Python of your own runs all of it."
)


def write(folder: Path, whole: bool) -> None:
    """Write every notebook, with its outputs, and the page for those who come from another library."""
    folder.mkdir()
    for path in notebooks():
        book = nbformat.read(path, 4)
        book.cells[0].source = "\n\n".join([book.cells[0].source, *_notes(_needs(book), whole)])
        for cell in book.cells:  # what is about the clone that a notebook is in
            cell.source = re.sub(
                CLONE, "", cell.source.replace("[the library itself](../README.md)", "the library itself")
            )
        text = json.dumps(
            book, ensure_ascii=False, indent=1
        )  # texts whole: JupyterLite shows lists of lines with commas
        (folder / path.name).write_text(text, "utf-8")
    (folder / "coming_from.md").write_text((HERE / "coming_from.md").read_text("utf-8"), "utf-8")


def runs(path: Path, whole: bool) -> bool:
    """Whether a browser has all that a notebook imports.

    Args:
        path: the notebook.
        whole: the browser has what a whole distribution of Pyodide has: NumPy, matplotlib, scikit-learn.
    """
    return whole or not _needs(nbformat.read(path, 4)) & MODULES.keys()


def address(path: Path | None = None) -> str:
    """Where a notebook opens, or the list of them, from the folder of the build."""
    return f"notebooks/index.html?path={path.name}" if path else "tree/index.html"


def _notes(needs: set[str], whole: bool) -> list[str]:
    absent = [said for module, said in MODULES.items() if module in needs and not whole]
    said = [NO_MODULES.format(" and ".join(filter(None, [", ".join(absent[:-1]), absent[-1]])))] if absent else []
    return [*(said or [RUNS]), *([NO_COMPILER] if "llvmlite" in needs else [])]


def _needs(book: nbformat.NotebookNode) -> set[str]:
    """The modules that a notebook imports, and llvmlite where it compiles."""
    code = "\n".join(cell.source for cell in book.cells if cell.cell_type == "code")
    found = {"llvmlite"} if re.search(COMPILES, code) else set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found
