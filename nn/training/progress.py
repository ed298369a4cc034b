"""Progress: what is said while a training runs, as a bar or as lines."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from engine.arguments import whole

if TYPE_CHECKING:
    from .trainer import Trainer


class NoBar:
    """What stands for the progress bar where none is wanted."""

    def update(self, n: int = 1) -> None:
        """Nothing."""

    def set_postfix_str(self, text: str) -> None:
        """Nothing."""


@contextlib.contextmanager
def bar(shown: bool, updates: int, done: int) -> Iterator[Any]:
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


def printer(who: str, name: str, every: Any) -> Callable[[Trainer], None]:
    """A callback that prints a line after the first epoch and after each so many; 0 for none.

    Args:
        who, name: the function that was called, and its argument, for messages.
        every: how many epochs pass from one line to the next.

    Raises:
        ValueError, TypeError: every is no whole number from 0.

    >>> from types import SimpleNamespace
    >>> from nn.training.progress import printer
    >>> printer("train", "every", 2)(SimpleNamespace(epoch=4, epochs=9, history={"epoch": [4], "loss": [0.5]}))
    epoch 4 of 9: loss 0.5000000
    """
    every = whole(who, name, every)

    def show(trainer: Trainer) -> None:
        epoch = trainer.epoch
        if every and (epoch == 1 or epoch % every == 0):
            found = ", ".join(f"{k} {xs[-1]:.7f}" for k, xs in trainer.history.items() if k != "epoch")
            print(f"epoch {epoch} of {trainer.epochs}: {found}")

    return show
