"""JupyterLite's copy of the course: what a notebook needs that a browser has not is in its first cell; files are pinned."""

import hashlib
import io
import json
import re
import zipfile

import nbformat
import pytest

from demos.playground.fetching import FetchError, foreign
from notebooks.execution import notebooks
from notebooks.website import build as building
from notebooks.website import pages
from notebooks.website.lite import bundle, course


def first_cells(folder, whole):
    course.write(folder, whole)
    return {path.name[:2]: nbformat.read(folder / path.name, 4).cells[0].source for path in notebooks()}


def test_the_first_cell_says_what_a_browser_has_not(tmp_path):
    core, whole = first_cells(tmp_path / "core", False), first_cells(tmp_path / "whole", True)
    running = [number for number, text in core.items() if "This copy runs in your browser" in text]
    assert running == ["00", "02", "03", "04"] == [p.name[:2] for p in notebooks() if course.runs(p, False)]
    assert "it imports NumPy, matplotlib and scikit-learn, which" in core["06"]
    assert "it imports matplotlib, which" in core["01"]
    assert all("This copy runs in your browser" in text for text in whole.values())
    assert [number for number, text in whole.items() if "no browser has llvmlite" in text] == ["12"]


def test_a_copy_says_nothing_of_the_clone_that_it_is_not_in(tmp_path):
    course.write(tmp_path / "course", False)
    texts = [path.read_text() for path in (tmp_path / "course").glob("*.ipynb")]
    assert len(texts) == len(notebooks())
    assert not [t for t in texts if "%pip" in t or "sys.path.append" in t or "](../" in t]
    printed = [o["text"] for t in texts for c in json.loads(t)["cells"] for o in c.get("outputs", []) if "text" in o]
    assert len(printed) > 50 and all(isinstance(text, str) for text in printed)  # JupyterLite puts commas between lines


def test_a_button_leads_to_the_copy_that_runs():
    [path] = notebooks(["03"])
    here, nowhere = nbformat.read(path, 4), nbformat.read(path, 4)
    pages._link(here, path.stem, False, "", f"../lite/{course.address(path)}")
    pages._link(nowhere, path.stem, False, "", "")
    button = f'href="../lite/notebooks/index.html?path={path.name}">Run it here</a>'
    assert button in here.cells[0].source and "Run it here" not in nowhere.cells[0].source


def test_every_wheel_is_pinned_by_https_and_hash_and_runs_in_a_browser():
    wheels = foreign(bundle.HERE / "wheels.json")["kernel"]
    assert all(w["url"].startswith("https://files.pythonhosted.org/") and len(w["sha256"]) == 64 for w in wheels)
    assert all(w["url"].endswith("-none-any.whl") and w["licence"] for w in wheels)


def test_the_licence_of_every_file_of_others_is_beside_it():
    files = bundle._licences({"numpy-1.whl": b""})
    table = files.pop("README.md").decode()
    assert set(re.findall(r"\]\(([^:)]*)\)", table)) == files.keys()
    pinned = [
        archive["url"]
        for use in (*foreign().values(), *foreign(bundle.HERE / "wheels.json").values())
        for archive in use
    ]
    assert not [url for url in pinned if named(url) not in table.lower()]
    assert "`numpy-1.whl` | Pyodide's distribution" in table


def named(url):
    """A package as a table names it."""
    file = url.rpartition("/")[2]
    return {"viz": "viz.js", "python_flint": "python-flint"}.get(file.split("-")[0], file.split("-")[0])


def test_our_wheel_has_what_python_reads_and_is_loaded_by_an_import():
    [(name, blob)] = bundle._own_wheel().items()
    inside = zipfile.ZipFile(io.BytesIO(blob)).namelist()
    assert {"engine/value.py", "engine/picture/player/live.js", "nn/module.py"} <= set(inside)
    entry = bundle._lock({name: blob})["chainrule"]
    assert (entry["imports"], entry["sha256"]) == (["engine", "nn"], hashlib.sha256(blob).hexdigest())


@pytest.mark.parametrize("package", ["jupyterlite_core", "jupyterlite_pyodide_kernel"])
def test_without_jupyterlite_the_error_names_the_extra(tmp_path, monkeypatch, package):
    monkeypatch.setattr(bundle, "find_spec", lambda name: None if name == package else name)
    with pytest.raises(ImportError, match=rf"--lite needs {package}; pip install -e '\.\[lite\]'"):
        bundle.build(tmp_path / "lite")
    assert not [*tmp_path.iterdir()]


def distribution(folder, **broken):
    """A whole Pyodide of four small files, and its lock."""
    lock = {}
    for name, needed in (
        ("numpy", []),
        ("matplotlib", ["numpy", "six"]),
        ("scikit-learn", ["numpy", "joblib"]),
        ("joblib", []),
    ):
        file = f"{name}-1.whl"
        (folder / file).write_bytes(broken.get(name, name).encode())
        lock[name] = {"file_name": file, "sha256": hashlib.sha256(name.encode()).hexdigest(), "depends": needed}
    return lock


def test_of_a_whole_pyodide_what_notebooks_import_is_taken_with_what_it_needs(tmp_path):
    lock = distribution(tmp_path)
    files, named = bundle._whole(str(tmp_path), {**lock, "torch": {}}, {"six"})
    assert named == lock and {name.encode() for name in lock} == set(files.values())


def test_another_versions_pyodide_is_refused_and_a_file_that_is_missing_is_named(tmp_path):
    lock = distribution(tmp_path, joblib="another")
    with pytest.raises(FetchError, match=r"--pyodide takes joblib-1\.whl with the SHA-256 .*; it is another version's"):
        bundle._whole(str(tmp_path), lock, {"six"})
    (tmp_path / "numpy-1.whl").unlink()
    with pytest.raises(FetchError, match=r"folder with the files of Pyodide's distribution, and .*numpy-1\.whl is not"):
        bundle._whole(str(tmp_path), lock, {"six", "scikit-learn"})


def test_every_wheel_of_the_start_is_told_to_the_kernel(tmp_path):
    """Or it would ask an index; jedi is told, and left out by start.mjs."""
    started = bundle._lock({**bundle._own_wheel(), **bundle._wheels_of_the_kernel()})
    assert {"chainrule", "ipykernel", "comm", "pyodide-kernel", "ipython", "micropip", "piplite"} <= started.keys()
    assert "jedi" not in started
    assert re.search(r'name !== "jedi"', (bundle.HERE / "start.mjs").read_text())


def test_pyodide_without_lite_is_refused(tmp_path):
    with pytest.raises(ValueError, match="--pyodide is for the notebooks of --lite; add --lite"):
        building.build(tmp_path / "site", playground=False, pyodide="there")
