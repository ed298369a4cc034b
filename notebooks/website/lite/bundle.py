"""The build: JupyterLite's pages, and beside them Pyodide, Graphviz and wheels, all of them pinned; twice the same bytes."""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from datetime import datetime
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

from demos.playground.bundle import HERE as PLAYGROUND
from demos.playground.bundle import ROOT, shipped, zipped
from demos.playground.fetching import FetchError, fetched, foreign

from . import course

HERE = Path(__file__).parent
INSTALLED = Path(sys.prefix) / "share" / "jupyter" / "labextensions"
KERNEL = "@jupyterlite/pyodide-kernel-extension"
SETTINGS = f"{KERNEL}:kernel"
PACKAGES = ("jupyterlite-core", "jupyterlite-pyodide-kernel", "ipywidgets", "anywidget")
WHOLE = ("numpy", "matplotlib", "scikit-learn")  # what Pyodide's whole distribution has, and no index of packages
DEPENDS = {"hypothesis": ["sortedcontainers", "python-flint"]}  # who imports the one is about to check gradients

Files = dict[str, bytes]
Lock = dict[str, dict[str, object]]  # a package's name in Pyodide's lock file, and what stands there


def build(folder: Path, pyodide: str = "") -> None:
    """Write JupyterLite and the course into a folder that is not there yet.

    Args:
        folder: where to.
        pyodide: a folder, or an https address, with the files of Pyodide's whole distribution, of which NumPy, matplotlib
            and scikit-learn are taken; "" for none of them.

    Raises:
        ImportError: JupyterLite, its kernel or its widgets are missing.
        FetchError: a file of others cannot be had, or is not the one that is named.
        ValueError: JupyterLite was not built, and the message has what it says.
    """
    for package in ("jupyterlite_core", "jupyterlite_pyodide_kernel", "jupyter_server", "anywidget"):
        if find_spec(package) is None:
            raise ImportError(f"the site with --lite needs {package}; pip install -e '.[lite]'")
    started = {**_own_wheel(), **_wheels_of_the_kernel()}
    source = folder.with_name(f"{folder.name}-source")
    _write_source(source, list(_lock(started)))
    course.write(source / "course", bool(pyodide))
    _run(source, folder)
    for name, blob in _python(started, pyodide).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(blob)
    for listing in folder.glob("api/contents/**/all.json"):  # which has the order of the disk
        listed = json.loads(listing.read_text("utf-8"))
        listed["content"].sort(key=lambda entry: entry["name"])
        listing.write_text(json.dumps(listed, indent=1), "utf-8")


def _write_source(source: Path, packages: list[str]) -> None:
    """What JupyterLite builds from: our settings, and the extensions that the notebooks need, not all that are installed."""
    source.mkdir()
    settings = json.loads((HERE / "jupyter-lite.json").read_text("utf-8"))
    kernel = settings["jupyter-config-data"]["litePluginSettings"][SETTINGS]
    kernel["loadPyodideOptions"] = {"packages": [*packages, "jedi"]}  # see start.mjs
    (source / "jupyter-lite.json").write_text(json.dumps(settings), "utf-8")
    for name in ("jupyter_lite_config.json", "overrides.json"):
        shutil.copy(HERE / name, source)
    for extension in (KERNEL, "@jupyter-widgets/jupyterlab-manager", "anywidget"):
        shutil.copytree(INSTALLED / extension, source / "labextensions" / extension)


def _run(source: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "jupyterlite_core", "build", "--log-level", "ERROR"]
    extensions = f"--FederatedExtensionAddon.extra_labextensions_path={source / 'labextensions'}"
    places = ["--lite-dir", source, "--contents", source / "course", "--output-dir", folder, extensions]
    day = re.findall(r'^date-released: "(.*)"$', (ROOT / "CITATION.cff").read_text("utf-8"), re.M)[0]
    released = datetime.fromisoformat(f"{day}T00:00:00+00:00")  # the time of every file, as a reader sees it
    environment = {**os.environ, "SOURCE_DATE_EPOCH": f"{released.timestamp():.0f}"}
    done = subprocess.run(  # noqa: S603  nothing in it comes from outside
        [*command, *places], cwd=source, env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise ValueError(f"the site was not built; JupyterLite says\n{done.stdout}{done.stderr}")


def _python(started: Files, pyodide: str) -> Files:
    """Pyodide, Graphviz and the wheels, with a lock file that names no others; and the licences of all of them."""
    archives = foreign()
    core = {name: blob for archive in archives["python"] for name, blob in fetched(archive).items()}
    later = {name: blob for archive in archives["checks"] for name, blob in fetched(archive).items()}
    theirs = json.loads(core["pyodide-lock.json"])
    packages = _lock({**started, **later})
    whole, named = _whole(pyodide, theirs["packages"], set(packages)) if pyodide else ({}, {})
    packages |= named
    core["pyodide-lock.json"] = json.dumps({**theirs, "packages": packages}, sort_keys=True).encode()
    core["start.mjs"] = (HERE / "start.mjs").read_bytes()
    files = {f"python/{name}": blob for name, blob in {**core, **started, **later, **whole}.items()}
    return files | {f"licences/{name}": blob for name, blob in _licences(whole).items()}


def _own_wheel() -> Files:
    """Chainrule as a wheel of its Python and what that reads, without all that it could install."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    about = f"chainrule-{version}.dist-info"
    files = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in shipped("engine", "nn")}
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.4\nName: chainrule\nVersion: {version}\n".encode()
    files[f"{about}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: chainrule\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{about}/licenses/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"]).encode()
    return {f"chainrule-{version}-py3-none-any.whl": zipped(files)}


def _wheels_of_the_kernel() -> Files:
    """Those that wheels.json pins, and those that come with the extension."""
    shim = INSTALLED / KERNEL / "static" / "pypi"
    own = {
        path.name: path.read_bytes()
        for name in ("ipykernel", "piplite", "pyodide_kernel")
        for path in shim.glob(f"{name}-*")
    }
    pinned = foreign(HERE / "wheels.json")["kernel"]
    return own | {name: blob for archive in pinned for name, blob in fetched(archive).items()}


def _lock(wheels: Files) -> Lock:
    """What Pyodide's lock file says of wheels: a cell that imports one of their modules loads it."""
    named: Lock = {}
    for file, blob in wheels.items():
        distributed, version = file.split("-")[:2]
        name = distributed.lower().replace("_", "-")
        with zipfile.ZipFile(io.BytesIO(blob)) as wheel:
            tops = {inside.split("/")[0].removesuffix(".py") for inside in wheel.namelist() if inside.endswith(".py")}
        named[name] = {
            "name": name, "version": version, "file_name": file, "sha256": hashlib.sha256(blob).hexdigest(),
            "imports": sorted(tops), "depends": DEPENDS.get(name, []),
            "install_dir": "site", "package_type": "package", "unvendored_tests": False,
        }  # fmt: skip
    return named


def _whole(pyodide: str, theirs: Lock, have: set[str]) -> tuple[Files, Lock]:
    """Of a whole distribution: what WHOLE names with all that it depends on, checked against Pyodide's own lock file."""
    files: Files = {}
    named: Lock = {}
    todo = list(WHOLE)
    while todo:
        name = todo.pop()
        if name in named or name in have:
            continue
        named[name] = entry = theirs[name]
        file, sha256 = str(entry["file_name"]), str(entry["sha256"])
        if pyodide.startswith("https://"):
            archive = {"url": f"{pyodide.rstrip('/')}/{file}", "sha256": sha256, "licence": "", "takes": {}}
            files |= fetched(archive)
        else:
            files[file] = _of_folder(Path(pyodide) / file, sha256)
        todo += entry["depends"]
    return files, named


def _of_folder(path: Path, sha256: str) -> bytes:
    if not path.is_file():
        raise FetchError(f"--pyodide takes a folder with the files of Pyodide's distribution, and {path} is not there")
    if (found := hashlib.sha256(blob := path.read_bytes()).hexdigest()) != sha256:
        raise FetchError(f"--pyodide takes {path.name} with the SHA-256 {sha256}, got {found}; it is another version's")
    return blob


def _licences(whole: Files) -> Files:
    """The texts, and a table of what they are for; a wheel has its own in it."""
    texts = {path.name: path.read_bytes() for path in (PLAYGROUND / "licences").iterdir()}
    said = texts.pop("README.md").decode().replace("the playground", "the course in a browser")
    said = said.replace("`chainrule.zip`, the page", "its wheel, the notebooks")
    for package in PACKAGES:
        there = distribution(package)
        [text] = [file for file in there.files or [] if file.name == "LICENSE"]
        texts[f"{package}.txt"] = Path(str(text.locate())).read_bytes()
        inside = "of what is in it: `third-party-licenses.json` in `build` and `extensions`"
        said += f"| {package} {there.version} | PyPI | [{package}.txt]({package}.txt); {inside} |\n"
    for wheel in foreign(HERE / "wheels.json")["kernel"]:
        name = wheel["url"].rpartition("/")[2]
        said += f"| `{name}` | [PyPI]({wheel['url']}) | {wheel['licence']}, text in it |\n"
    said += "".join(f"| `{name}` | Pyodide's distribution | text in it |\n" for name in sorted(whole))
    return {**texts, "README.md": said.encode(), "chainrule.txt": (ROOT / "LICENSE").read_bytes()}
