"""Launch: a script in several processes of this machine, which JAX knows as one: `python -m nn.launch --processes 2 train.py`.

On a cluster (SLURM, GKE, MPI) the processes are started as everywhere, and the script calls `jax.distributed.initialize()`.
"""

from __future__ import annotations

import argparse
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from types import FrameType
from typing import IO

NUMBER, COUNT, ADDRESS = "CHAINRULE_PROCESS", "CHAINRULE_PROCESSES", "CHAINRULE_COORDINATOR"
FORWARDED = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
PATIENCE = 5.0  # seconds that processes have to end when they are asked to
PIPE = 2**20  # bytes that a pipe holds at most


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the processes and wait for them; the exit status is that of the first that failed.

    Args:
        arguments: of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m nn.launch",
        description="Run a script in several processes of this machine, joined by jax.distributed over the loopback.",
    )
    parser.add_argument("--processes", type=_count, required=True, help="how many, from 1")
    parser.add_argument("script", help="a Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what the script is given")
    options = parser.parse_args(arguments)
    if not os.path.isfile(options.script):
        parser.error(f"takes a Python file as script, got {options.script!r}, which is none")
    return _Processes(options.processes, [options.script, *options.arguments]).wait()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"takes a whole number from 1, got {text!r}")
    return int(text)


class _Lines(threading.Thread):
    """What a process says, line by line, and which process said it; where nobody hears it, the process is told so.

    Args:
        number: of the process.
        said, where: what it says, and where to.
        one_at_a_time: held while something is written there.
    """

    def __init__(self, number: int, said: IO[bytes], where: IO[bytes], one_at_a_time: threading.Lock) -> None:
        super().__init__(daemon=True)
        self._mark, self._said, self._where, self._one_at_a_time = f"[{number}] ".encode(), said, where, one_at_a_time
        self._reading, self._begun, self._over = threading.Lock(), bytearray(), False
        self.start()

    def run(self) -> None:
        """Until the end."""
        with self._said:
            while not self._over:
                self._is_readable(None)
                with self._reading:
                    if not self._over:
                        self._read()

    def finish(self) -> None:
        """Pass on what was said so far: the process has ended, but a child of it may hold the pipe, and live on."""
        if sys.platform == "win32":
            return self.join()
        with self._reading:
            left = PIPE
            while not self._over and left > 0 and self._is_readable(0.0):
                left -= self._read()
            self._end()
        return None

    def _is_readable(self, patience: float | None) -> bool:
        return sys.platform == "win32" or bool(select.select([self._said], [], [], patience)[0])

    def _read(self) -> int:
        """Pass on the lines that are there; of how many bytes."""
        chunk = os.read(self._said.fileno(), PIPE)
        self._begun += chunk
        if b"\n" in chunk:
            *lines, begun = bytes(self._begun).split(b"\n")
            self._begun = bytearray(begun)
            self._write(lines)
        elif not chunk:
            self._end()
        return len(chunk)

    def _end(self) -> None:
        if not self._over and self._begun:  # a line that was not ended
            self._write([bytes(self._begun)])
        self._over = True

    def _write(self, lines: Sequence[bytes]) -> None:
        try:
            with self._one_at_a_time:
                self._where.write(b"".join([self._mark + line + b"\n" for line in lines]))
                self._where.flush()
        except OSError:
            self._over = True


class _Processes:
    """Processes that run one command, and end together."""

    def __init__(self, count: int, command: Sequence[str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self._ended, self._lines, one_at_a_time = SimpleQueue[int](), list[_Lines](), threading.Lock()
        self._all: list[subprocess.Popen[bytes]] = []
        for number in FORWARDED:
            signal.signal(number, self._forward)
        for k in range(count):  # a signal before the last is there ends the others, and so all
            self._all.append(subprocess.Popen(  # noqa: S603  a script of the user's own
                [sys.executable, "-u", "-m", "nn.launch", *command], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,  # or Ctrl-C came twice
                env={**os.environ, NUMBER: str(k), COUNT: str(count), ADDRESS: address},
            ))  # fmt: skip
        for k, process in enumerate(self._all):
            for said, where in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
                if said is not None:
                    self._lines.append(_Lines(k, said, where.buffer, one_at_a_time))
            self._beside(self._wait_for, k)

    def _beside(self, act: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=act, args=arguments, daemon=True).start()

    def _wait_for(self, number: int) -> None:
        self._all[number].wait()
        self._ended.put(number)

    def wait(self) -> int:
        """Until all have ended; where one fails, the others are ended."""
        failed: int | None = None
        for _ in self._all:
            k = self._ended.get()
            if failed is None and self._all[k].returncode:
                failed = k
                self._forward(signal.SIGTERM, None)
        for lines in self._lines:
            lines.finish()
        if failed is None:
            return 0
        status = self._all[failed].returncode
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        print(f"launch: process {failed} of {len(self._all)} ended {how}, and so did all", file=sys.stderr)
        return 128 - status if status < 0 else status

    def _forward(self, number: int, frame: FrameType | None) -> None:
        for process in self._all:
            process.send_signal(number)  # which does nothing to one that has ended
        if number != signal.SIGINT:  # which is for the script; JAX's processes note the others, and go on
            self._beside(self._kill)

    def _kill(self) -> None:
        """Those that do not end by themselves."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and any(p.poll() is None for p in self._all):
            time.sleep(0.02)
        for process in self._all:
            process.kill()


def _run(command: Sequence[str]) -> None:
    """What each process does: join the others, and run the script as if it had been started alone."""
    import jax

    number = int(os.environ.pop(NUMBER))
    jax.distributed.initialize(os.environ.pop(ADDRESS), int(os.environ.pop(COUNT)), number, local_device_ids=[number])
    sys.argv = list(command)
    sys.path[0] = os.path.dirname(os.path.abspath(command[0]))
    runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    if NUMBER in os.environ:
        _run(sys.argv[1:])
    else:
        sys.exit(main())
