"""Progress: what is said while a training runs, as a bar or as lines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol


class Bar(Protocol):
    """What shows how many updates are made, as tqdm's bar does."""

    def update(self, n: int = 1) -> object:
        """So many more."""

    def set_postfix_str(self, text: str, /) -> object:
        """What is said behind the bar."""


class NoBar:
    """What stands for the progress bar where none is wanted."""

    def update(self, n: int = 1) -> None:
        """Nothing."""

    def set_postfix_str(self, text: str) -> None:
        """Nothing."""


@contextlib.contextmanager
def bar(shown: bool, updates: int, done: int) -> Iterator[Bar]:
    """While it is open, a bar of so many updates, of which some are done; a NoBar where none is to be shown.

    >>> from nn.training.progress import bar
    >>> with bar(False, 100, 0) as silent:
    ...     silent.update()
    """
    if not shown:
        yield NoBar()
        return
    from tqdm.auto import tqdm

    with tqdm(total=updates, initial=done, unit="update") as shown_bar:
        yield shown_bar


@contextlib.contextmanager
def compiling(shown: bool) -> Iterator[None]:
    """While it is open, the word `compiling` where the bar will be: a large network takes some seconds.

    >>> from nn.training.progress import compiling
    >>> with compiling(False):
    ...     program = "native code"
    """
    if not shown:
        yield
        return
    from tqdm.auto import tqdm

    with tqdm(desc="compiling", bar_format="{desc}", leave=False):
        yield


def line(epoch: int, epochs: int, history: Mapping[str, Sequence[float]]) -> str:
    """What is said after an epoch.

    >>> from nn.training.progress import line
    >>> line(4, 9, {"epoch": [3, 4], "loss": [0.75, 0.5]})
    'epoch 4 of 9: loss 0.5000000'
    """
    return f"epoch {epoch} of {epochs}: " + ", ".join(f"{k} {xs[-1]:.7f}" for k, xs in history.items() if k != "epoch")
