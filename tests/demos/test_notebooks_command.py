"""`python -m demos notebooks`."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from demos.__main__ import main

ROOT = Path(__file__).parents[2]


def test_it_opens_the_folder_in_jupyterlab_and_passes_its_status_on(monkeypatch, capsys):
    ran = []

    def run(command, **options):
        ran.append(command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(subprocess, "run", run)
    assert main(["notebooks"]) == 3
    assert ran == [[sys.executable, "-m", "jupyterlab", str(ROOT / "notebooks")]]
    assert (ROOT / "notebooks" / "00_coming_from_micrograd.ipynb").exists()
    assert capsys.readouterr().out == "Opening notebooks in JupyterLab; Ctrl-C here closes it.\n"


def test_without_jupyterlab_it_prints_the_command(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("nothing is to be run"))
    assert main(["notebooks"]) == 0
    said = capsys.readouterr().out
    assert 'pip install -e ".[notebooks]" in the folder of chainrule,\nthen python -m demos notebooks again.\n' in said


def test_help_and_near_misses_know_it(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "notebooks   The course" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["notebook"])
    assert "did you mean 'notebooks'?" in capsys.readouterr().err
