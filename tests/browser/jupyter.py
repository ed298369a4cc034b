"""A Jupyter server of its own: no settings, no memory of trust, a port that is free."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

from conftest import PATIENCE

FLAGS = (
    "--no-browser --allow-root --ServerApp.token=t --ServerApp.port_retries=0 --LabApp.news_url=None "
    "--LabApp.expose_app_in_browser=True "
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"
)


def environment(root):
    """The variables under which nothing outside `root` is read or written; makes its folders."""
    env = dict(os.environ, HOME=str(root), IPYTHONDIR=str(root / "ipython"), PYTHONWARNINGS="ignore")
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        env[f"JUPYTER_{name}"] = str(root / name.lower())
    for folder in ("work", "data_dir"):
        (root / folder).mkdir()
    return env


@contextmanager
def serving(module, root, env):
    """`python -m module` on the notebooks in root/work, at the address given."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    flags = [*FLAGS.split(), f"--port={port}", f"--ServerApp.root_dir={root / 'work'}"]
    with open(root / f"{module}.log", "wb") as log:
        process = subprocess.Popen([sys.executable, "-m", module, *flags], env=env, stdout=log, stderr=log)
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token=t", timeout=PATIENCE).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < end, f"{module} did not start"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)
