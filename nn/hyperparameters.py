"""Hyperparameters: what each one of an optimiser may be, and how that is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.arguments import flag, number

_FRACTION = (lambda x: 0.0 <= x < 1.0), "a number from 0 to below 1"
_NOT_NEGATIVE = (lambda x: x >= 0.0), "a number from 0"
LEGAL: dict[str, tuple[Callable[[Any], bool], str]] = {
    "lr": ((lambda x: x > 0.0), "a positive number"),
    "momentum": _FRACTION,
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
        name: one of `LEGAL`, or nesterov.
        x: a number.

    Raises:
        TypeError: x is no number.
        ValueError: it is not a legal one.

    >>> from nn.hyperparameters import hyperparameter
    >>> hyperparameter("SGD", "lr", 1), hyperparameter("SGD", "nesterov", 1)
    (1.0, True)
    """
    if name == "nesterov":
        return flag(who, name, x)
    legal, says = LEGAL[name]
    return number(who, name, x, says, legal)
