"""Console: what a training says while it runs, as a bar, as lines and as warnings, and how Ctrl-C reaches it."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType
from typing import Protocol

PACKAGE = __name__.partition(".")[0]


class Bar:
    """What shows how many updates are made, as tqdm's bar does; this one shows nothing."""

    def update(self, n: int = 1) -> None:
        """So many more."""

    def set_postfix_str(self, text: str) -> None:
        """What is said behind the bar."""


@contextlib.contextmanager
def bar(shown: bool, **how: object) -> Iterator[Bar]:
    """While it is open, tqdm's bar of these arguments, or a silent one where none is to be shown, as in a browser's Python.

    >>> from nn.training.console import bar
    >>> with bar(False, total=100) as silent:
    ...     silent.update()
    """
    if not shown or sys.platform == "emscripten":
        yield Bar()
        return
    from tqdm.auto import tqdm

    with tqdm(**how) as shown_bar:
        yield shown_bar


def line(epoch: int, epochs: int, history: Mapping[str, Sequence[float]]) -> str:
    """What is said after an epoch.

    >>> from nn.training.console import line
    >>> line(4, 9, {"epoch": [3, 4], "loss": [0.75, 0.5]})
    'epoch 4 of 9: loss 0.5000000'
    """
    return f"epoch {epoch} of {epochs}: " + ", ".join(f"{k} {xs[-1]:.7f}" for k, xs in history.items() if k != "epoch")


def warn(category: type[Warning], said: str) -> None:
    """A warning that points to the user's own line, the nearest caller outside this package.

    >>> import warnings
    >>> from nn.training.console import warn
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     warn(UserWarning, "all examples are alike")
    >>> [str(w.message) for w in caught]
    ['all examples are alike']
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(said, category, stacklevel=level)


class Interruptible(Protocol):
    """What is told that Ctrl-C was pressed, and looks at it between two examples: no update is ever half done."""

    interrupted: bool


@contextlib.contextmanager
def flagged_interrupt(flagged: Interruptible) -> Iterator[None]:
    """While it is open, Ctrl-C sets `flagged.interrupted`; a second one raises KeyboardInterrupt at once.

    Only in the main thread, and where Python's own handler is in force: what another program installed stays.

    >>> import signal
    >>> from types import SimpleNamespace
    >>> from nn.training.console import flagged_interrupt
    >>> told = SimpleNamespace(interrupted=False)
    >>> with flagged_interrupt(told):
    ...     signal.raise_signal(signal.SIGINT)
    >>> told.interrupted
    True
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def flag(number: int, frame: FrameType | None) -> None:
        if flagged.interrupted:
            signal.default_int_handler(number, frame)
        flagged.interrupted = True

    signal.signal(signal.SIGINT, flag)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
