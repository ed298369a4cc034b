"""The course, thirteen notebooks to step through, in JupyterLab."""

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from engine.arguments import install_line

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


def opened(options: argparse.Namespace) -> int:
    """Open the notebooks and wait until JupyterLab is closed; without it, say how to install it. The exit status."""
    if importlib.util.find_spec("jupyterlab") is None:
        print(f"The notebooks open in JupyterLab, which is not installed: {install_line('notebooks')},")
        print("then python -m demos notebooks again.")
        return 0
    print(f"Opening {FOLDER.name} in JupyterLab; Ctrl-C here closes it.", flush=True)
    try:
        command = [sys.executable, "-m", "jupyterlab", str(FOLDER)]
        return subprocess.run(command, check=False).returncode  # noqa: S603  nothing in it comes from outside
    except KeyboardInterrupt:
        return 130
