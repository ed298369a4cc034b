"""Hyperparameters: what each one of an optimiser may be, and how that is said."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

_FRACTION = (lambda x: 0.0 <= x < 1.0), "a number from 0 to below 1"
_NOT_NEGATIVE = (lambda x: x >= 0.0), "a number from 0"
LEGAL: dict[str, tuple[Callable[[Any], bool], str]] = {
    "lr": ((lambda x: x > 0.0), "a positive number"),
    "momentum": _FRACTION,
    "nesterov": ((lambda x: x in (0, 1)), "True or False"),
    "weight_decay": _NOT_NEGATIVE,
    "rho": _FRACTION,
    "beta1": _FRACTION,
    "beta2": _FRACTION,
    "epsilon": _NOT_NEGATIVE,
}


def hyperparameter(who: str, name: str, x: Any) -> float | bool:
    """A hyperparameter as a float, or a bool where it is one.

    Args:
        who: the optimiser's class, for messages.
        name: one of `LEGAL`.
        x: a number.

    Raises:
        TypeError: x is no number.
        ValueError: it is not a legal one.

    >>> from nn.hyperparameters import hyperparameter
    >>> hyperparameter("SGD", "lr", 1), hyperparameter("SGD", "nesterov", 1)
    (1.0, True)
    """
    legal, says = LEGAL[name]
    if isinstance(x, (str, bytes, complex)) or not hasattr(x, "__float__") or getattr(x, "shape", ()) != ():
        raise TypeError(f"{who} takes {says} as {name}, got {x!r:.60}")
    if not isfinite(x) or not legal(x):
        raise ValueError(f"{who} takes {says} as {name}, got {x}")
    return bool(x) if name == "nesterov" else float(x)
