"""Colab: the first line of a notebook installs what it imports, from the clone that it is in, and replaces nothing that
the runtime has."""

import ast
import re
import shlex
import tomllib
from importlib.metadata import packages_distributions, requires

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from notebooks.execution import HERE, notebooks

PATHS = notebooks()
each = pytest.mark.parametrize("path", PATHS, ids=[p.stem for p in PATHS])
# The runtime "2026.01": Python 3.12.12 on Linux, from pip-freeze.txt at commit bd8aaa4 of
# https://github.com/googlecolab/backend-info, which is what its page on runtime versions links.
COLAB = {
    "anywidget": "0.9.21", "graphviz": "0.21", "ipykernel": "6.17.1", "ipython": "7.34.0", "ipywidgets": "7.7.1",
    "joblib": "1.5.3", "jupyter-client": "7.4.9", "jupyter-server": "2.14.0", "llvmlite": "0.43.0",
    "matplotlib": "3.10.0", "notebook": "6.5.7", "numba": "0.60.0", "numpy": "2.0.2", "pandas": "2.2.2",
    "safetensors": "0.7.0", "scikit-learn": "1.6.1", "scipy": "1.16.3", "tornado": "6.5.1", "tqdm": "4.67.1",
    "traitlets": "5.7.1",
}  # fmt: skip
SYSTEM = {
    "python_version": "3.12", "python_full_version": "3.12.12", "sys_platform": "linux", "platform_machine": "x86_64",
    "platform_system": "Linux", "os_name": "posix", "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}  # fmt: skip
NEW = {
    "graphviz-pure",
    "hypothesis",
    "python-flint",
    "sortedcontainers",
}  # that Colab has not, and that need nothing else
PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]


def cells(path):
    return [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def wanted(line):
    """What an install line asks pip for, as the shell hands it on."""
    words = shlex.split(line.removeprefix("# "))
    assert words[:3] == ["%pip", "install", "-e"]
    folder, bracket, extras = words[3].partition("[")
    assert tomllib.loads((HERE / folder / "pyproject.toml").read_text("utf-8"))["project"]["name"] == "chainrule"
    return [Requirement(f"chainrule{bracket}{extras}"), *map(Requirement, words[4:])]


def installed(asked):
    """Of all that is asked for and required: Colab's version by name, None where it has none; and what pip replaces."""
    kept, replaced, todo, seen = {}, set(), list(asked), set()
    while todo:
        requirement = todo.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        name = canonicalize_name(requirement.name)
        if name == "chainrule":
            assert requirement.extras <= PROJECT["optional-dependencies"].keys()
            texts = [
                *PROJECT["dependencies"],
                *(t for e in requirement.extras for t in PROJECT["optional-dependencies"][e]),
            ]
        else:
            kept[name] = COLAB.get(name)
            if kept[name] and not requirement.specifier.contains(kept[name]):
                replaced.add(name)
            texts = [] if kept[name] else requires(name) or []
        for needed in map(Requirement, texts):
            extras = requirement.extras or {""}
            if not needed.marker or any(needed.marker.evaluate({**SYSTEM, "extra": extra}) for extra in extras):
                todo.append(needed)
    return kept, replaced


def imported(sources):
    """The distributions whose modules the cells import, and those that the library imports for them."""
    modules = set()
    for node in (node for source in sources for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.add(node.module.partition(".")[0])
    text = "\n".join(sources)
    modules |= {module for pattern, module in BEHIND.items() if re.search(pattern, text)}
    known = packages_distributions()
    return {canonicalize_name(known[m][0]) for m in modules - {"engine", "nn"} if m in known}


BEHIND = {
    r"\bdraw\(": "numpy", r'\bjit\((?!.*backend="numpy")|backend=.jit': "llvmlite", r"\.live\(|training_view": "anywidget",
    r"\bchart\(|nn\.plot_": "matplotlib", r"engine\.checks": "flint",
}  # fmt: skip


@each
def test_the_first_line_is_read_alike_by_both_shells(path):
    """cmd.exe knows no quotes but double ones, and no comments."""
    line = cells(path)[0].splitlines()[0]
    assert re.fullmatch(r'# %pip install -e "\.\.\[[a-z,]+\]"( [a-z]+)*', line)
    assert [r.name for r in wanted(line)][0] == "chainrule"


@each
def test_the_first_line_installs_what_the_notebook_imports(path):
    sources = cells(path)
    assert imported(sources) <= installed(wanted(sources[0].splitlines()[0]))[0].keys()


@each
def test_the_first_line_replaces_nothing_that_colab_has(path):
    """But llvmlite, by the one notebook that compiles: it says so."""
    kept, replaced = installed(wanted(cells(path)[0].splitlines()[0]))
    assert replaced == ({"llvmlite"} if path.stem.startswith("12") else set())
    assert {name for name, version in kept.items() if version is None} <= NEW
    text = nbformat.read(path, 4).cells[0].source
    assert ("newer llvmlite than Colab's numba takes" in text) == bool(replaced)


def test_what_would_be_missing_or_replaced_is_found():
    sources = ["import numpy\nfrom hypothesis import given", "from engine.checks import graphs", "engine.jit(f)"]
    assert imported(sources) == {"numpy", "hypothesis", "python-flint", "llvmlite"}
    few, _ = installed(wanted('# %pip install -e "..[plots]"'))
    assert imported(sources) - few.keys() == {"hypothesis", "python-flint", "llvmlite"}
    kept, replaced = installed(wanted('# %pip install -e "..[jit,notebooks]" "numpy>=2.1"'))
    assert {"llvmlite", "numpy"} <= replaced
    assert kept["jupyterlab"] is None  # which Colab has not, and which wants newer parts of Jupyter
    assert installed([Requirement("hypothesis")])[0].keys() <= NEW
    for line in (
        '# %pip install "chainrule[plots]"',
        '# %pip install -e "../..[plots]"',
    ):  # from an index; no clone there
        with pytest.raises((AssertionError, OSError)):
            wanted(line)
