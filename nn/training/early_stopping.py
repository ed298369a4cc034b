"""Early stopping: when a training has no more to gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TypedDict

from engine.arguments import flag, named, number, real, shown, whole

from ..arguments import is_whole


class Best(TypedDict):
    """The best epoch so far, the number that says so, and the parameters after it."""

    epoch: int
    value: float
    parameters: list[float]


@dataclass(frozen=True)
class EarlyStopping:
    """When to stop before all epochs are done: after some epochs in which nothing got better.

    Prechelt, Early stopping - but when? (1998).

    Args:
        patience: how many epochs without improvement to wait, from 1.
        monitor: what to watch: "val_loss", "loss", or a metric's name; None for val_loss, or loss without validation.
        min_change: how much better counts as better, from 0.
        mode: "min" where less is better, "max" where more is.
        restore: whether the weights of the best epoch are put back at the end.

    Raises:
        ValueError, TypeError: an argument is not one of these.

    >>> from nn import EarlyStopping
    >>> EarlyStopping(5, monitor="val_accuracy", mode="max").better(0.9, 0.8)
    True
    """

    patience: int = 10
    monitor: str | None = None
    min_change: float = 0.0
    mode: str = "min"
    restore: bool = True

    def __post_init__(self) -> None:
        whole("EarlyStopping", "patience", self.patience, least=1)
        if self.monitor is not None and not isinstance(self.monitor, str):
            raise TypeError(f"EarlyStopping takes a name as monitor, got {shown(self.monitor)}")
        change = number("EarlyStopping", "min_change", self.min_change, "a number from 0", lambda x: x >= 0.0)
        object.__setattr__(self, "min_change", change)
        named("EarlyStopping", "mode", self.mode, ("min", "max"))
        flag("EarlyStopping", "restore", self.restore)

    def better(self, x: float, best: float) -> bool:
        """Whether x is an improvement on the best so far; nan never is."""
        x, best = _measured("x", x), _measured("best", best)
        if best != best:
            return x == x
        return x < best - self.min_change if self.mode == "min" else x > best + self.min_change


def _measured(name: str, x: object) -> float:
    found = real(x)
    if found is None:
        raise TypeError(f"better takes a number as {name}, got {shown(x)}")
    return found


def early_stop(who: str, stopping: object) -> EarlyStopping | None:
    """An EarlyStopping from one, from a patience, or None."""
    if stopping is None or isinstance(stopping, EarlyStopping):
        return stopping
    if not is_whole(stopping):
        raise TypeError(f"{who} takes a number of epochs or an EarlyStopping as early_stopping, got {shown(stopping)}")
    return EarlyStopping(whole(who, "early_stopping", stopping, least=1))


def monitored(stopping: EarlyStopping, legal: Sequence[str], private: bool = False) -> str:
    """What an EarlyStopping watches, of the numbers that an epoch has; of a private training, those of validation data.

    >>> from nn import EarlyStopping
    >>> from nn.training.early_stopping import monitored
    >>> monitored(EarlyStopping(5), ["loss", "val_loss"])
    'val_loss'
    """
    name = stopping.monitor or ("val_loss" if "val_loss" in legal else "loss")
    if name not in legal:
        hint = "; give validation data" if name.startswith("val_") else ""
        raise ValueError(f"EarlyStopping takes one of {', '.join(legal)} to monitor, got {name!r}{hint}")
    if private and not name.startswith("val_"):
        raise ValueError(
            f"EarlyStopping takes numbers of validation data to monitor in a private training, got {name!r}, which says "
            "more of the examples than ε does; give validation data"
        )
    if name.removeprefix("val_") == "accuracy" and stopping.mode == "min":
        raise ValueError(f"EarlyStopping takes mode='max' to monitor {name!r}, where more is better, got mode='min'")
    return name


def waited(best: Best | None, epoch: int) -> int:
    """How many epochs there have been since the best one."""
    return 0 if best is None else epoch - best["epoch"]


def has_ended(stopping: EarlyStopping | None, best: Best | None, history: Mapping[str, Sequence[float]]) -> bool:
    """Whether a training of this history was ended early: nothing got better, or its loss is nan or infinite.

    >>> from nn.training.early_stopping import has_ended
    >>> has_ended(None, None, {"loss": [1.0, float("nan")]})
    True
    """
    losses = history["loss"]
    diverged = not all(isfinite(x) for x in losses[-1:])
    return diverged or (stopping is not None and waited(best, len(losses)) >= stopping.patience)
