"""Writing: a file that is there whole or not at all, also if the machine stops on the way.

It is written aside, flushed to the disk, then renamed: at any moment there is the old file or the new one.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

STALE = 3600.0  # seconds after which a file that was being written belongs to a process that died


def write_whole(who: str, path: str, blob: bytes) -> None:
    """Write a file, whole or not at all.

    Args:
        who: the function that was called, for messages.
        path: where to; an existing file is replaced in one step.
        blob: what is to be in it.

    Raises:
        FileNotFoundError: there is no such folder.
        OSError: the file cannot be written; what was there stays.

    >>> import os, tempfile
    >>> from nn.writing import write_whole
    >>> path = os.path.join(tempfile.mkdtemp(), "file")
    >>> write_whole("save", path, b"all of it")
    >>> os.path.getsize(path)
    9
    """
    path = os.path.realpath(path)  # a link stays a link
    folder = Path(path).parent
    if not folder.is_dir() or os.path.isdir(path):
        raise FileNotFoundError(f"{who} takes the path of a file in a folder that exists, got {path!r}")
    for old in folder.glob(".chainrule-*.part"):
        if _age(old) > STALE:
            old.unlink(missing_ok=True)
    part = folder / f".chainrule-{secrets.token_hex(8)}.part"
    try:
        with open(part, "xb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        entry = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(entry)  # the name as well
        finally:
            os.close(entry)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
