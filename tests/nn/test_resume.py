"""A training killed at any moment goes on with the same bits as one that never was."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nn

CHILD = [sys.executable, str(Path(__file__).parents[1] / "support" / "interrupted.py")]
rng = random.Random(0)

# Fifteen kills where it hurts, during training and during saving; the other five come whenever they come.
KILLS = [
    *[("training", str(n)) for n in (3, 6, 17, 30, 41)],
    *[("half", "2"), ("half", "3"), ("half", "4"), ("half", "2")],
    *[("synced", "2"), ("synced", "3"), ("synced", "5")],
    *[("saved", "1"), ("saved", "2"), ("saved", "3")],
]
rng.shuffle(KILLS)


def child(path, *arguments, **environment):
    env = {**os.environ, "PYTHONPATH": str(Path(nn.__file__).parent.parent), **environment}
    return subprocess.Popen(
        [*CHILD, str(path), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


def result(path, **environment):
    process = child(path, **environment)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out.splitlines()[-1]


def killed(path, event, count, **environment):
    """Start, or go on with, the training, and kill it without warning."""
    whenever = event == "whenever"
    with child(path, *([] if whenever else [event, count]), **environment) as process:
        line = process.stdout.readline()
        if whenever:
            time.sleep(float(count))
        elif line == "begun\n":
            line = process.stdout.readline()
        process.kill()
        assert line == ("begun\n" if whenever else "waiting\n"), process.stderr.read()
    return process.returncode


def test_a_training_killed_twenty_times_gives_the_same_bits(tmp_path):
    path, alone = tmp_path / "run", tmp_path / "alone"
    uninterrupted = result(alone)
    kills = 0
    for event, count in KILLS:
        assert killed(path, event, count) == -signal.SIGKILL
        kills += 1
        if path.exists():  # and it is whole, each time
            assert nn.load(path).parameter_count == 17
    there, delay = path.read_bytes(), 0.05
    while kills < 20:
        if killed(path, "whenever", str(delay * rng.random())) == -signal.SIGKILL:
            kills += 1
            assert nn.load(path).parameter_count == 17
        else:  # it was over before: once more from there, sooner
            path.write_bytes(there)
            delay /= 2.0
    assert result(path) == uninterrupted
    assert path.read_bytes() == alone.read_bytes()


def test_a_training_killed_after_its_last_save_is_over(tmp_path):
    """Early stopping has ended it: all that is left is to put the best weights back."""
    uninterrupted = result(tmp_path / "alone")
    os.replace(tmp_path / "alone", tmp_path / "run")  # as saved at the end of the last epoch
    assert result(tmp_path / "run") == uninterrupted
    epochs = json.loads(uninterrupted)[0]["epoch"]
    assert 3 < epochs < 12


def test_a_training_killed_between_its_last_update_and_the_end_of_the_epoch_saves_the_same_bytes(tmp_path):
    path, alone = tmp_path / "run", tmp_path / "alone"
    uninterrupted = result(alone)
    updates, epochs = 5, json.loads(uninterrupted)[0]["epoch"]
    assert killed(path, "saved", str((updates + 1) * epochs - 1)) == -signal.SIGKILL  # it saves after each epoch too
    assert nn.load(path).parameter_count == 17
    assert result(path) == uninterrupted
    assert path.read_bytes() == alone.read_bytes()


def test_a_save_in_place_is_caught(tmp_path):
    killed(tmp_path / "run", "half", "2", PLANTED_BUG="written in place")
    with pytest.raises(AssertionError, match="load takes a file that save wrote"):
        result(tmp_path / "run")
