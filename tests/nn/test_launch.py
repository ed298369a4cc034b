"""`python -m nn.launch`: what each process is given, which said what, and that all end when one fails. Without JAX itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JAX = """
import types
def initialize(address, count, number, local_device_ids):
    global process, processes
    assert address.startswith("127.0.0.1:") and local_device_ids == [number]
    process, processes = number, count
distributed = types.SimpleNamespace(initialize=initialize)
"""


@pytest.fixture
def launch(tmp_path):
    """What starts a script in so many processes, with something in JAX's place that only tells their numbers."""
    (tmp_path / "jax.py").write_text(JAX)

    def started(script, *arguments, patience=60.0):
        (tmp_path / "train.py").write_text(script)
        run = f"import sys, nn.launch; nn.launch.PATIENCE = {patience}; sys.exit(nn.launch.main())"
        return subprocess.Popen(
            [sys.executable, "-c", run, "--processes", "2", tmp_path / "train.py", *arguments],
            env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return started


def test_each_process_gets_the_arguments_and_each_line_says_whose_it_is(launch):
    script = "import jax, sys; print(__name__, jax.process, jax.processes, *sys.argv[1:], end='')"
    running = launch(script, "--lr", "0.1", "--processes", "7")
    said, errors = running.communicate(timeout=60)
    assert sorted(said.splitlines()) == [f"[{k}] __main__ {k} 2 --lr 0.1 --processes 7" for k in range(2)]
    assert (running.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("end", "status", "how"),
    [("sys.exit(3)", 3, "with status 3"), ("os.kill(os.getpid(), 9)", 137, "by SIGKILL")],
    ids=["an exit", "a kill"],
)
def test_when_one_fails_all_end_with_its_status(launch, end, status, how):
    running = launch(f"import jax, os, sys, time\nif jax.process == 1: {end}\ntime.sleep(600)")
    _, errors = running.communicate(timeout=60)
    assert running.returncode == status
    assert errors == f"launch: process 1 of 2 ended {how}, and so did all\n"


def test_signals_are_passed_on(launch):
    script = (
        "import signal, sys\nsignal.signal(signal.SIGINT, lambda *_: sys.exit(print('asked to end')))\n"
        "print('ready', flush=True)\nsignal.pause()"
    )
    running = launch(script)
    assert sorted(running.stdout.readline() for _ in range(2)) == ["[0] ready\n", "[1] ready\n"]
    running.send_signal(signal.SIGINT)
    said, errors = running.communicate(timeout=60)
    assert sorted(said.splitlines()) == ["[0] asked to end", "[1] asked to end"]
    assert (running.returncode, errors) == (0, "")


def test_who_does_not_hear_that_it_is_to_end_is_ended(launch):
    running = launch(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready')\nsignal.pause()", patience=0.2
    )
    assert sorted(running.stdout.readline() for _ in range(2)) == ["[0] ready\n", "[1] ready\n"]
    running.terminate()
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 137
    assert errors.endswith("of 2 ended by SIGKILL, and so did all\n")


def test_who_is_not_heard_any_more_is_told_and_does_not_wait(launch):
    with launch("while True: print('x' * 1000)", patience=1.0) as running:
        assert running.stdout.readline().endswith("xxx\n")
        running.stdout.close()
        errors = running.stderr.read()
        assert running.wait(60) != 0
    assert "BrokenPipeError" in errors
    assert "and so did all\n" in errors


def test_a_child_that_lives_on_is_not_waited_for(launch):
    script = (
        "import jax, subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('x' * 70000, child.pid, sep='\\n', end='')"
    )
    running = launch(script)
    said, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (0, "")
    for k in "01":
        line, child = [line[4:] for line in said.splitlines() if line[1] == k]
        os.kill(int(child), signal.SIGKILL)  # it is there
        assert line == "x" * 70000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train.py"], "the following arguments are required: --processes"),
        (["--processes", "0", "train.py"], "takes a whole number from 1, got '0'"),
        (["--processes", "2", "missing.py"], "takes a Python file as script, got 'missing.py', which is none"),
    ],
)
def test_what_cannot_be_started_is_refused(capsys, arguments, said):
    from nn.launch import main

    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
