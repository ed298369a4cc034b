"""Options of a training, read and checked: what each may be, and early stopping."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.arguments import flag, named, number, real, shown, whole

from ..module import Module
from ..optim import OPTIMISERS, Adam, Optimiser

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


def _measured(name: str, x: Any) -> float:
    found = real(x)
    if found is None:
        raise TypeError(f"better takes a number as {name}, got {shown(x)}")
    return found


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
    >>> from nn.training.early_stopping import monitored
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


def limit(who: str, name: str, x: Any) -> float | None:
    """A positive number, or None for no limit."""
    return None if x is None else number(who, name, x, "a positive number or None", lambda c: c > 0.0)


def is_part(x: Any) -> bool:
    """Whether a validation is a part of the examples, a number."""
    return real(x) is not None and not isinstance(x, bool)


def part(who: str, name: str, x: Any) -> float:
    """A number between 0 and 1."""
    return number(who, name, x, "a part between 0 and 1", lambda p: 0.0 < p < 1.0)


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
    """The optimiser that is meant, over the net's parameters, or some of them: those that it leaves out are frozen."""
    made: Any = optimizer
    if optimizer is None:
        made = Adam(net, lr=0.01)
    elif isinstance(optimizer, type) and issubclass(optimizer, Optimiser):
        made = optimizer(net)
    elif not isinstance(optimizer, Optimiser):
        made = chosen(who, "optimizer", optimizer, OPTIMISERS, net)
        made = made if isinstance(optimizer, str) else made(net)
    if not isinstance(made, Optimiser):
        raise TypeError(f"{who} takes a function of the net that makes an Optimiser, got one that made {made!r:.60}")
    if not {p for _, p in net.checked_parameters()}.issuperset(made.parameters):
        raise ValueError(f"{who} takes an optimizer of the net's own parameters, got {made!r} of others")
    return made


def penalties(who: str, penalty: Any) -> list[Callable[[Module], Any]]:
    """Penalties as a list of functions of the net."""
    listed = [] if penalty is None else list(penalty) if isinstance(penalty, (list, tuple)) else [penalty]
    for p in listed:
        if isinstance(p, type) or not callable(p):
            raise TypeError(f"{who} takes a function of the net as penalty, such as nn.l2(1e-4), got {p!r:.60}")
    return listed
