"""Writing: a file that is there whole or not at all, also if the machine stops on the way; how all of engine and nn save.

It is written aside, flushed to the disk, then renamed: at any moment there is the old file or the new one. Links are
followed, and the mode of a file stays. What is no file, such as a device or a pipe, is never replaced by one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from pathlib import Path

__all__ = ["write_whole"]

STALE = 3600.0  # seconds after which a file that was being written belongs to a process that died


def write_whole(who: str, path: str, blob: bytes) -> None:
    """Write a file, whole or not at all.

    Args:
        who: the function that was called, for messages.
        path: where to: a file, which is replaced in one step, or a new name.
        blob: what is to be in it.

    Raises:
        FileNotFoundError: there is no such folder.
        IsADirectoryError, FileExistsError: the path is a folder, or a device, a pipe or a socket.
        OSError: the file cannot be written; what was there stays.

    >>> import os, tempfile
    >>> from engine.writing import write_whole
    >>> path = os.path.join(tempfile.mkdtemp(), "file")
    >>> write_whole("save", path, b"all of it")
    >>> os.path.getsize(path)
    9
    """
    there = os.path.realpath(path)  # a link stays a link
    folder = Path(there).parent
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{who} takes the path of a file in a folder that exists, got {path!r}; make {str(folder)!r} first"
        )
    part = folder / f".chainrule-{secrets.token_hex(8)}.part"
    try:
        old = _replaceable(who, path, there)
        for left in folder.glob(".chainrule-*.part"):
            if _age(left) > STALE:
                left.unlink(missing_ok=True)
        with open(part, "xb", opener=_private if old else None) as file:
            if old and hasattr(os, "fchmod"):
                with contextlib.suppress(OSError):  # only a root user gives a file to another
                    os.fchown(file.fileno(), old.st_uid, old.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, there)
    except BaseException as e:
        part.unlink(missing_ok=True)
        if isinstance(e, OSError) and e.errno is not None:  # of the path that was given, not of the one aside
            why = f"{who} takes a path that can be written to, got {path!r:.200}: {e.strerror}"
            raise type(e)(e.errno, f"{why}; try another folder or name") from None
        raise
    if os.name == "posix":
        entry = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(entry)  # the name as well
        finally:
            os.close(entry)


def _replaceable(who: str, path: str, there: str) -> os.stat_result | None:
    """What is there, if it is a file that may be replaced; None where nothing is."""
    try:
        old = os.stat(there)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(old.st_mode):
        raise IsADirectoryError(f"{who} takes the path of a file, got the folder {path!r}")
    if not stat.S_ISREG(old.st_mode):
        raise FileExistsError(
            f"{who} takes the path of a file or a new name, got {path!r}, which is a device, a pipe or a socket"
        )
    if not os.access(there, os.W_OK):
        raise PermissionError(f"{who} takes a path that can be written to, got {path!r}, which is write-protected")
    return old


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)  # until it has the mode of what it replaces


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
