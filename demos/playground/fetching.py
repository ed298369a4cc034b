"""Files of others that a page ships: named with their hashes in a lock file, fetched once, kept in the user's cache."""

import hashlib
import io
import json
import os
import tarfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TypedDict

from engine.writing import write_whole

LOCK = Path(__file__).with_name("files.json")


class FetchError(Exception):
    """A file could not be fetched, or is not the one that the lock file names; the message says what to do."""


class Foreign(TypedDict):
    """One archive or wheel: where it lies, its SHA-256, and what of it the page ships (name in it: name on the page)."""

    url: str
    sha256: str
    licence: str
    takes: dict[str, str]


def foreign(lock: Path = LOCK) -> dict[str, list[Foreign]]:
    """What files.json, or another such file, names: by what it is needed for, a list of archives."""
    found: dict[str, list[Foreign]] = json.loads(lock.read_text("utf-8"))
    return found


def fetched(archive: Foreign) -> dict[str, bytes]:
    """The files that the page takes of an archive, by their names on the page."""
    blob = _blob(archive["url"], archive["sha256"])
    if not archive["takes"]:
        return {archive["url"].rpartition("/")[2]: blob}
    with tarfile.open(fileobj=io.BytesIO(blob)) as packed:
        return {name: _member(packed, inside) for inside, name in archive["takes"].items()}


def _member(packed: tarfile.TarFile, name: str) -> bytes:
    file = packed.extractfile(name)
    if file is None:
        raise FetchError(f"files.json takes {name} of an archive that has no such file")
    return file.read()


def cache() -> Path:
    """The folder that keeps what was fetched."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chainrule" / "playground"


def _blob(url: str, sha256: str) -> bytes:
    kept = cache() / f"{sha256[:16]}-{url.rpartition('/')[2]}"
    if kept.is_file() and hashlib.sha256(blob := kept.read_bytes()).hexdigest() == sha256:
        return blob
    print(f"Fetching {url}", flush=True)
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  an https address of a lock file
            blob = answer.read()
    except (urllib.error.URLError, OSError) as error:
        why = getattr(error, "reason", error)
        raise FetchError(
            f"the page takes {url}, and cannot fetch it: {why}. Run this again with a network; what is fetched is kept "
            f"in {cache()} and not asked for twice"
        ) from None
    if (found := hashlib.sha256(blob).hexdigest()) != sha256:
        raise FetchError(f"the page takes {url} with the SHA-256 {sha256}, got {found}; nothing of it is used")
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_whole("playground", str(kept), blob)
    return blob
