"""The build: the page of the playground in a folder, whole or not at all, and twice the same bytes."""

import base64
import hashlib
import io
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from html import escape
from importlib import import_module
from pathlib import Path

import engine
import nn
from demos.playground.fetching import fetched, foreign

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SHIPPED = ("engine", "nn", "demos/playground/answers.py", "demos/playground/tabs")  # what Python has in the browser
PARTS = {".py", ".html", ".css", ".js"}
ZIP = "chainrule.zip"
MODULES = ("editor.js", "link.js", "model.js", "python.js")  # what page.js and the tabs import, of the page's own


def build(folder: Path, tabs: Mapping[str, str]) -> None:
    """Write the page; a folder that holds another build is replaced once the new one is whole.

    Args:
        folder: where to.
        tabs: the tabs of the page by name, with what they are called.

    Raises:
        FetchError: a file of others cannot be had.
        FileExistsError: the folder holds something that is no such page.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / ZIP).is_file():
        raise FileExistsError(f"playground takes a folder that is empty, or holds a playground; got {folder}")
    files = dict(_files(tabs))
    aside = Path(tempfile.mkdtemp(prefix=".playground-", dir=folder.parent))
    try:
        for name, blob in files.items():
            path = aside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(blob)
        aside.chmod(0o755)
        if folder.exists():
            folder.rename(old := aside.with_name(f"{aside.name}.old"))
            aside.rename(folder)
            shutil.rmtree(old)
        else:
            aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _files(tabs: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each file of the page."""
    sizes: dict[str, dict[str, int]] = {}
    for use, archives in foreign().items():
        for archive in archives:
            for name, blob in fetched(archive).items():
                sizes.setdefault(use, {})[name] = len(blob)
                yield name, blob
    packed = _packed()
    yield ZIP, packed
    for name in ("worker.js", "frame.js", "frame.html", "page.js", *MODULES):
        yield name, (HERE / "page" / name).read_bytes()
    sizes["python"] |= {ZIP: len(packed), "worker.js": (HERE / "page" / "worker.js").stat().st_size}
    yield "files.json", json.dumps(sizes, indent=1).encode()
    player = ROOT / "engine" / "picture" / "player"
    yield "live.js", (player / "live.js").read_bytes()
    css = [HERE / "page" / "page.css", player / "live.css", *(HERE / "tabs" / f"{name}.css" for name in tabs)]
    yield "page.css", b"\n".join(path.read_bytes() for path in css)
    for name in tabs:
        yield f"tabs/{name}.js", (HERE / "tabs" / f"{name}.js").read_bytes()
        tab = import_module(f"demos.playground.tabs.{name}")
        if hasattr(tab, "built"):
            yield f"tabs/{name}.json", json.dumps(tab.built(), allow_nan=False, sort_keys=True).encode()
    for path in sorted((HERE / "licences").iterdir()):
        yield f"licences/{path.name}", path.read_bytes()
    yield "licences/chainrule.txt", (ROOT / "LICENSE").read_bytes()
    yield "index.html", _page(tabs).encode()


def _page(tabs: Mapping[str, str]) -> str:
    """index.html with its tabs, and the scripts of player pages as the only ones that may stand inside a page."""
    buttons, panels = [], []
    for i, (name, title) in enumerate(tabs.items()):
        first = str(i == 0).lower()
        buttons.append(
            f'<button type="button" role="tab" id="tab-{name}" aria-controls="{name}" aria-selected="{first}" '
            f'tabindex="{0 if i == 0 else -1}">{escape(title)}</button>'
        )
        inside = (HERE / "tabs" / f"{name}.html").read_text("utf-8")
        hidden = "" if i == 0 else " hidden"
        panels.append(
            f'<section class="tab" id="{name}" role="tabpanel" aria-labelledby="tab-{name}"{hidden}>\n{inside}</section>'
        )
    modules = (*MODULES, "live.js", *(f"tabs/{name}.js" for name in tabs))
    preloads = [f'<link rel="modulepreload" href="{name}">' for name in modules]
    opening = [*tabs][:1]  # its picture is the first thing seen
    preloads += [f'<link rel="preload" href="tabs/{name}.json" as="fetch" crossorigin>' for name in opening]
    holes = {
        "PRELOADS": "\n".join(preloads),
        "TABS": "\n".join(buttons),
        "PANELS": "\n".join(panels),
        "SCRIPTS": " ".join(_script_hashes()),
    }
    text = (HERE / "page" / "index.html").read_text("utf-8")
    return re.sub("%([A-Z]+)%", lambda m: holes[m[1]], text)


def _script_hashes() -> list[str]:
    """Sources of a Content-Security-Policy: the script of each kind of page that the playground shows in a frame."""
    net = nn.MLP(2, [2, 1], seed=0)
    picture = engine.draw(net([0.5, -1.0]), level="layer", uid="p", names={})  # with a Module that its player opens
    pages = [
        engine.draw(engine.Value(1.0), uid="p", names={}).player().html,
        picture.live_graph().page,
        picture.player().html,
    ]
    scripts = {s for page in pages for s in re.findall(r"(?s)<script>(.*?)</script>", page)}
    return sorted(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)


def _packed() -> bytes:
    """The project's own Python."""
    files = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in shipped(*SHIPPED)}
    return zipped(files | dict.fromkeys(("demos/__init__.py", "demos/playground/__init__.py"), b""))


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Files as a zip, the same bytes whenever and wherever it is made."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, blob in sorted(files.items()):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            packed.writestr(info, blob)
    return file.getvalue()


def shipped(*names: str) -> Iterator[Path]:
    """The files of packages, as Python in a browser has them."""
    for name in names:
        there = ROOT / name
        files = [there] if there.is_file() else there.rglob("*")
        yield from (f for f in files if f.suffix in PARTS and "__pycache__" not in f.parts)
