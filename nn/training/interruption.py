"""Interruption: Ctrl-C as a flag that is looked at between two examples, so that no update is ever half done."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def flagged_interrupt(flagged: Any) -> Iterator[None]:
    """While it is open, Ctrl-C sets `flagged.interrupted`; a second one raises KeyboardInterrupt at once.

    Only in the main thread, and where Python's own handler is in force: what another program installed stays.

    >>> import signal
    >>> from types import SimpleNamespace
    >>> from nn.training.interruption import flagged_interrupt
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

    def flag(number: int, frame: Any) -> None:
        if flagged.interrupted:
            signal.default_int_handler(number, frame)
        flagged.interrupted = True

    signal.signal(signal.SIGINT, flag)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
