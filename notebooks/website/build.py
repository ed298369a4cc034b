"""`python -m notebooks site`: Sphinx run over the sources, and what it made put in its place, whole or not at all."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from demos.playground import TABS
from demos.playground.bundle import build as build_playground
from demos.playground.fetching import FetchError
from notebooks.execution import notebooks

from .lite.bundle import build as build_lite
from .lite.course import runs
from .pages import ROOT, write_sources


def main(arguments: list[str]) -> int:
    """The exit status of a command line."""
    parser = argparse.ArgumentParser("python -m notebooks site", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/site"), help="the folder that is made or replaced")
    parser.add_argument("--without-playground", action="store_true", help="no page for programs, and no button to it")
    parser.add_argument("--lite", action="store_true", help="JupyterLite, too: the course runs in the reader's browser")
    parser.add_argument(
        "--pyodide",
        default="",
        metavar="PLACE",
        help="folder or https address of Pyodide's whole distribution, for the notebooks of --lite that import NumPy, matplotlib "
        "or scikit-learn: what they need of it is copied; without it their first cell says that they do not run",
    )
    parser.add_argument(
        "--repository",
        default=os.environ.get("GITHUB_REPOSITORY", ""),
        metavar="OWNER/NAME",
        help="where Colab finds the notebooks at GitHub; without it there is no such button",
    )
    given = parser.parse_args(arguments)
    try:
        build(given.out, not given.without_playground, given.repository, given.lite, given.pyodide)
    except FetchError as error:
        print(f"{error}; or build --without-playground and without --lite", file=sys.stderr)
        return 1
    except (ImportError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{given.out / 'index.html'}: open it in a browser; it needs no network")
    if given.lite or not given.without_playground:
        print(f"What runs Python in it takes a web server: python -m http.server --directory {given.out}")
    return 0


def build(out: Path, playground: bool = True, repository: str = "", lite: bool = False, pyodide: str = "") -> None:
    """The site, in a folder that is replaced when all of it is there.

    Args:
        out: the folder; one that holds anything but an earlier site is refused.
        playground: build that page too, and lead to it from the notebooks.
        repository: `owner/name` at GitHub, for the buttons that open Colab.
        lite: build JupyterLite too, and lead to it from the notebooks that run there.
        pyodide: a folder, or an https address, with Pyodide's whole distribution, for more of them to run.

    Raises:
        ImportError: Sphinx, its theme or its reader of notebooks is missing; JupyterLite, with `lite`.
        FileExistsError: the folder is no site.
        ValueError: Sphinx warned of something, which it has printed.
    """
    for package in ("sphinx", "furo", "myst_nb"):
        if find_spec(package) is None:
            raise ImportError(f"the site needs {package}; pip install -e '.[site]'")
    if out.exists() and any(out.iterdir()) and not (out / "searchindex.js").exists():
        raise FileExistsError(f"the site takes a folder that is empty, or a site, got {str(out)!r}; try another --out")
    if pyodide and not lite:
        raise ValueError("--pyodide is for the notebooks of --lite; add --lite")
    with tempfile.TemporaryDirectory() as aside:
        source, made = Path(aside) / "source", Path(aside) / "made"
        source.mkdir()
        write_sources(source, playground, repository, [p for p in notebooks() if lite and runs(p, bool(pyodide))])
        sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", f"{aside}/trees"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([*sphinx, source, made], env=environment, check=False)  # noqa: S603  nothing in it comes from outside
        if done.returncode:
            raise ValueError("the site was not built: Sphinx warned of what stands above, and what was there stays")
        if playground:
            build_playground(made / "playground", TABS)
        if lite:
            build_lite(made / "lite", pyodide)
        (made / ".nojekyll").touch()  # GitHub Pages serves folders with an underscore as they are
        (made / ".buildinfo").unlink(missing_ok=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        fresh = out.with_name(f".{out.name}.part")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(made, fresh)
        shutil.rmtree(out, ignore_errors=True)
        fresh.rename(out)
