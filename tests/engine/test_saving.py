"""All that saves follows one rule: files and new names only, the mode kept, links followed, nothing half written."""

import contextlib
import importlib.util
import os
import re
import socket
import stat
from pathlib import Path

import planting
import pytest

import engine
import nn
from demos.folder import Folder, UnwritableError
from engine import Value, draw, exp, film, writing
from engine.checks import GradientError, check_gradients

ROOT = Path(__file__).parents[2]


def loss():
    x = Value(0.5, "x")
    y = exp(x) * x
    y.backward()
    return y


def saves_a_demo(path):
    with Folder(str(path.parent)).new(path.name) as aside:
        aside.write_text("drawn")


SAVERS = {
    "nn.save": ("net", lambda path: nn.save(path, nn.MLP(1, [1], seed=0))),
    "svg": ("x.svg", lambda path: draw(loss()).save(path)),
    "dot": ("x.dot", lambda path: draw(loss()).save(path)),
    "the player": ("x.html", lambda path: draw(loss()).save(path)),
    "film": ("x.html", lambda path: film([loss(), loss()]).save(path)),
    "a demo": ("x.svg", saves_a_demo),
}
if importlib.util.find_spec("onnx"):
    SAVERS["onnx"] = ("net.onnx", lambda path: nn.to_onnx(nn.MLP(1, [1], seed=0), path))


@pytest.fixture(params=SAVERS)
def saver(request, tmp_path):
    """(the path that it saves to, a function that saves there)."""
    name, save = SAVERS[request.param]
    return tmp_path / name, save


def test_a_new_file_has_the_mode_that_any_new_file_has(saver):
    path, save = saver
    (path.parent / "plain").write_text("")
    save(path)
    assert path.stat().st_mode == (path.parent / "plain").stat().st_mode
    assert sorted(os.listdir(path.parent)) == sorted([path.name, "plain"])


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_the_mode_of_a_file_stays(saver, mode, monkeypatch):
    path, save = saver
    path.write_text("secret")
    path.chmod(mode)
    modes, replace = [], os.replace

    def watched(part, there):
        modes.append(stat.S_IMODE(os.stat(part).st_mode))
        replace(part, there)

    monkeypatch.setattr(writing.os, "replace", watched)
    save(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode and modes == [mode]
    assert path.read_bytes() != b"secret" and os.listdir(path.parent) == [path.name]


def test_a_link_is_followed_and_stays_one(saver):
    path, save = saver
    (path.parent / "real").mkdir()
    path.symlink_to(path.parent / "real" / "there")
    for _ in range(2):  # where nothing is yet, then over a file
        save(path)
        assert path.is_symlink() and os.listdir(path.parent / "real") == ["there"]


def no_files(folder):
    """What is no file, by name."""
    os.mkfifo(folder / "pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.path.relpath(folder / "socket"))
    server.close()
    with contextlib.suppress(PermissionError):  # a device is made by a root user only, who is who could lose one
        os.mknod(folder / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    return [p for p in folder.iterdir() if p.name in ("pipe", "socket", "null")]


def test_what_is_no_file_is_never_replaced(saver):
    path, save = saver
    kinds = no_files(path.parent)
    assert len(kinds) >= 2
    for kind in kinds:
        before = os.stat(kind)
        for there in (kind, kind.with_suffix(".link")):
            if there is not kind:
                there.symlink_to(kind)
            path.unlink(missing_ok=True)
            path.symlink_to(there)
            with pytest.raises((FileExistsError, UnwritableError), match=r"which is a device, a pipe or a socket"):
                save(path)
            assert os.stat(kind).st_mode == before.st_mode and os.stat(kind).st_ino == before.st_ino
    assert not [name for name in os.listdir(path.parent) if name.endswith(".part") or "-" in name]


def test_a_write_protected_file_stays(saver, monkeypatch):
    path, save = saver
    path.write_text("kept")
    path.chmod(0o444)
    monkeypatch.setattr(writing.os, "access", lambda there, how: os.stat(there).st_mode & 0o200 != 0)  # as for any user
    with pytest.raises((PermissionError, UnwritableError), match="write-protected"):
        save(path)
    assert path.read_text() == "kept"


def picture_of_a_failure(monkeypatch, **save):
    """The path that a failed check says it drew to."""
    planting.row("sin", partials=(lambda x, y: -engine.cos(x),))(monkeypatch)
    with pytest.raises(GradientError) as caught:
        check_gradients(lambda x: engine.sin(x), 0.5, **save)
    found = re.search(r"picture: (\S+)", str(caught.value))
    return found and Path(found[1])


def test_a_counterexample_is_drawn_over_no_pipe_and_through_no_foreign_link(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.svg")
    assert picture_of_a_failure(monkeypatch, save=tmp_path / "pipe.svg") == tmp_path / "pipe.dot"
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe.svg").st_mode)
    (tmp_path / "shared").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "shared"))
    first = picture_of_a_failure(monkeypatch)
    assert first.parent == tmp_path / "shared"
    first.unlink()
    (tmp_path / "theirs").write_text("theirs")
    first.symlink_to(tmp_path / "theirs")
    second = picture_of_a_failure(monkeypatch)
    assert second.exists() and second.parent != first.parent
    assert (tmp_path / "theirs").read_text() == "theirs"


def test_nothing_else_opens_a_file_to_write():
    """In the sources: all writing goes through one function, but for what a demo writes aside."""
    wrong = []
    for path in [*(ROOT / "engine").rglob("*.py"), *(ROOT / "nn").rglob("*.py")]:
        if path.name != "writing.py":
            found = re.findall(
                r"open\([^)]*, ?[\"'][wax]b?[\"']|write_text\(|write_bytes\(|os\.replace\(", path.read_text("utf-8")
            )
            wrong += [(path.name, f) for f in found]
    assert wrong == []
