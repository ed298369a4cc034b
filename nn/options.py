"""Options of a training, read and checked: what each may be, and early stopping."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from .module import Module
from .optim import OPTIMISERS, Adam, Optimiser

EVENTS = ("on_train_begin", "on_batch_end", "on_epoch_end", "on_train_end")


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
            raise TypeError(f"EarlyStopping takes a name as monitor, got {self.monitor!r:.60}")
        if (
            isinstance(self.min_change, str)
            or not hasattr(self.min_change, "__float__")
            or getattr(self.min_change, "shape", ()) != ()
        ):
            raise TypeError(f"EarlyStopping takes a number from 0 as min_change, got {self.min_change!r:.60}")
        if not 0.0 <= self.min_change < inf:
            raise ValueError(f"EarlyStopping takes a number from 0 as min_change, got {self.min_change}")
        if self.mode not in ("min", "max"):
            raise ValueError(f"EarlyStopping takes 'min' or 'max' as mode, got {self.mode!r:.60}")

    def better(self, x: float, best: float) -> bool:
        """Whether x is an improvement on the best so far; nan never is."""
        if best != best:
            return x == x
        return x < best - self.min_change if self.mode == "min" else x > best + self.min_change


def early_stop(who: str, stopping: Any) -> EarlyStopping | None:
    """An EarlyStopping from one, from a patience, or None."""
    if stopping is None or isinstance(stopping, EarlyStopping):
        return stopping
    if isinstance(stopping, bool) or not hasattr(stopping, "__index__"):
        raise TypeError(f"{who} takes a number of epochs or an EarlyStopping as early_stopping, got {stopping!r:.60}")
    return EarlyStopping(whole(who, "early_stopping", stopping, least=1))


def monitored(stopping: EarlyStopping, legal: Sequence[str]) -> str:
    """What an EarlyStopping watches, of the numbers that an epoch has.

    >>> from nn import EarlyStopping
    >>> from nn.options import monitored
    >>> monitored(EarlyStopping(5), ["loss", "val_loss"])
    'val_loss'
    """
    name = stopping.monitor or ("val_loss" if "val_loss" in legal else "loss")
    if name not in legal:
        hint = "; give validation data" if name.startswith("val_") else ""
        raise ValueError(f"EarlyStopping takes one of {', '.join(legal)} to monitor, got {name!r}{hint}")
    if name.removeprefix("val_") == "accuracy" and stopping.mode == "min":
        raise ValueError(f"EarlyStopping takes mode='max' to monitor {name!r}, where more is better, got mode='min'")
    return name


def whole(who: str, name: str, n: Any, *, least: int) -> int:
    """A whole number from `least`."""
    if isinstance(n, bool) or not hasattr(n, "__index__") or getattr(n, "shape", ()) != ():
        raise TypeError(f"{who} takes a whole number from {least} as {name}, got {n!r:.60}")
    count = int(n.__index__())
    if count < least:
        raise ValueError(f"{who} takes a whole number from {least} as {name}, got {count}")
    return count


def limit(who: str, name: str, x: Any) -> float | None:
    """A positive number, or None for no limit."""
    if x is None:
        return None
    if isinstance(x, (str, bytes, complex)) or not hasattr(x, "__float__") or getattr(x, "shape", ()) != ():
        raise TypeError(f"{who} takes a positive number or None as {name}, got {x!r:.60}")
    if not isfinite(x) or x <= 0.0:
        raise ValueError(f"{who} takes a positive number or None as {name}, got {x}")
    return float(x)


def is_part(x: Any) -> bool:
    """Whether a validation is a part of the examples, a number."""
    return hasattr(x, "__float__") and getattr(x, "shape", ()) == () and not isinstance(x, bool)


def part(who: str, name: str, x: Any) -> float:
    """A number between 0 and 1."""
    if not 0.0 < x < 1.0:
        raise ValueError(f"{who} takes a part between 0 and 1 as {name}, got {x}")
    return float(x)


def calls(who: str, callbacks: Any) -> list[Any]:
    """Callbacks as a list: functions, and objects with a method for an event."""
    if callbacks is None:
        return []
    listed = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
    for c in listed:
        if isinstance(c, type) or not (callable(c) or any(callable(getattr(c, event, None)) for event in EVENTS)):
            raise TypeError(
                f"{who} takes functions of the trainer, or objects with any of {', '.join(EVENTS)}, as callbacks, "
                f"got {c!r:.60}"
            )
    return listed


def chosen(who: str, name: str, x: Any, table: Mapping[str, Callable[..., Any]], argument: Any) -> Any:
    """None, a function as it is, or what a table makes of a name and an argument."""
    if x is None:
        return None
    if isinstance(x, str):
        if x not in table:
            near = difflib.get_close_matches(x.lower(), table, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{who} takes one of {', '.join(table)}, or a function, as {name}, got {x!r}{hint}")
        return table[x](argument)
    if isinstance(x, type) or not callable(x):
        raise TypeError(f"{who} takes a name or a function as {name}, got {x!r:.60}")
    return x


def optimiser(who: str, optimizer: Any, net: Module) -> Optimiser:
    """The optimiser that is meant, over the net's parameters."""
    if isinstance(optimizer, Optimiser):
        own = set(net.parameters())
        if not own.issuperset(optimizer.parameters):
            raise ValueError(f"{who} takes an optimizer of the net's own parameters, got {optimizer!r} of others")
        return optimizer
    if optimizer is None:
        return Adam(net, lr=0.01)
    if isinstance(optimizer, type) and issubclass(optimizer, Optimiser):
        made: Any = optimizer(net)
    else:
        made = chosen(who, "optimizer", optimizer, OPTIMISERS, net)
        made = made if isinstance(optimizer, str) else made(net)
    if not isinstance(made, Optimiser):
        raise TypeError(f"{who} takes a function of the net that makes an Optimiser, got one that made {made!r:.60}")
    return made


def penalties(who: str, penalty: Any) -> list[Callable[[Module], Any]]:
    """Penalties as a list of functions of the net."""
    listed = [] if penalty is None else list(penalty) if isinstance(penalty, (list, tuple)) else [penalty]
    for p in listed:
        if isinstance(p, type) or not callable(p):
            raise TypeError(f"{who} takes a function of the net as penalty, such as nn.l2(1e-4), got {p!r:.60}")
    return listed
