"""Objective: what a network is trained for. A loss of one example, the targets it takes, what its outputs predict."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, NamedTuple

from .. import losses
from ..data import number

Loss = Callable[[Any, Any], Any]


_OTHER_NAMES = {
    "mean_squared_error": "mse",
    "squared_error": "mse",
    "l2": "mse",
    "mean_absolute_error": "mae",
    "l1": "mae",
    "bce": "binary_cross_entropy",
    "log": "binary_cross_entropy",
    "binary_crossentropy": "binary_cross_entropy",
    "categorical_cross_entropy": "cross_entropy",
    "categorical_crossentropy": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy",
    "nll": "cross_entropy",
    "kl": "kl_divergence",
    "kld": "kl_divergence",
}


class Objective(NamedTuple):
    """A loss with what it means.

    Attributes:
        name: how messages call the loss.
        loss: (outputs, target) -> Value, for one example.
        target: (who, target, number of outputs, place) -> the target as the loss takes it, checked.
        prediction: outputs as numbers -> what they say about the target: a class, or numbers.
        classes: whether predictions are classes.
    """

    name: str
    loss: Loss
    target: Callable[[str, Any, int, str], Any]
    prediction: Callable[[Any], Any]
    classes: bool


def objective(who: str, loss: Any) -> Objective:
    """The objective that a loss stands for.

    Args:
        who: the function that was called, for messages.
        loss: a name from `nn.losses.LOSSES`; one of those functions, with keywords bound by functools.partial if
            wanted; or any function (outputs, target) -> Value for one example.

    Raises:
        ValueError: there is no loss of this name.
        TypeError: loss is neither a name nor a function.

    >>> from nn.training.objective import objective
    >>> objective("fit", "cross_entropy").prediction([0.1, 0.7, 0.2])
    1
    """
    if isinstance(loss, Objective):
        return loss
    if isinstance(loss, str):
        if loss not in losses.LOSSES:
            written = loss.lower().replace(" ", "_").replace("-", "_").removesuffix("_loss")
            other = _OTHER_NAMES.get(written)
            matches = [other] if other else difflib.get_close_matches(written, losses.LOSSES, 1)
            hint = f"; did you mean {matches[0]!r}?" if matches else ""
            raise ValueError(
                f"{who} takes one of {', '.join(losses.LOSSES)}, or a function (outputs, target) -> Value, as loss, "
                f"got {loss!r}{hint}"
            )
        loss = losses.LOSSES[loss]
    if not callable(loss):
        raise TypeError(f"{who} takes a name or a function (outputs, target) -> Value as loss, got {loss!r:.60}")
    function = unbound(loss)
    name = getattr(function, "__name__", "loss")
    known = _MEANINGS.get(function) if isinstance(function, Hashable) else None
    target, prediction, classes = known or (_anything, _same, False)
    return Objective(name, loss, target, prediction, classes)


def unbound(function: Any) -> Any:
    """The function itself, of one that has keywords bound by functools.partial.

    >>> from functools import partial
    >>> from nn.losses import huber
    >>> from nn.training.objective import unbound
    >>> unbound(partial(huber, delta=2.0)) is huber
    True
    """
    while isinstance(function, partial):
        function = function.func
    return function


def floats(outputs: Any) -> Any:
    """Outputs as numbers: a list of them, or one.

    >>> from engine import Value
    >>> from nn.training.objective import floats
    >>> floats([Value(1.0), Value(2.0)]), floats(Value(3.0))
    ([1.0, 2.0], 3.0)
    """
    return [float(y) for y in outputs] if isinstance(outputs, (list, tuple)) else float(outputs)


# Targets, as each loss takes them ------------------------------------------------------------------------------------


def class_target(who: str, t: Any, outputs: int, place: str) -> Any:
    """The number of a class, or a probability for each."""
    if outputs == 1:
        raise ValueError(
            f"{who} with cross_entropy takes a network of one output for each class, got one output; "
            "for two classes and one output use binary_cross_entropy"
        )
    if isinstance(t, list):
        if len(t) == 1 != outputs:
            return class_target(who, t[0], outputs, place)
        return probability_target(who, t, outputs, place)
    label = number(who, t, place)
    if label != int(label):
        raise ValueError(f"{who} takes whole numbers as classes, got {t!r} in {place}")
    if not 0 <= label < outputs:
        raise ValueError(
            f"{who} takes classes from 0 to {outputs - 1}, one for each output, got {int(label)} in {place}"
        )
    return int(label)


def probability_target(who: str, t: Any, outputs: int, place: str) -> Any:
    """A probability for each class."""
    ps = number_target(who, t, outputs, place)
    listed = ps if isinstance(ps, list) else [ps]
    for p in listed:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{who} takes probabilities from 0 to 1 as targets, got {p} in {place}")
    if abs(sum(listed) - 1.0) > 1e-6:
        raise ValueError(f"{who} takes probabilities that sum to 1 as targets, got the sum {sum(listed)} in {place}")
    return ps


def binary_target(who: str, t: Any, outputs: int, place: str) -> Any:
    """For each output a number from 0 to 1."""
    ts = number_target(who, t, outputs, place)
    for x in ts if isinstance(ts, list) else [ts]:
        if not 0.0 <= x <= 1.0:
            hint = "; for -1 and 1 use (y + 1) / 2, or hinge" if x == -1.0 else ""
            raise ValueError(f"{who} takes targets from 0 to 1 for binary_cross_entropy, got {x} in {place}{hint}")
    return ts


def sign_target(who: str, t: Any, outputs: int, place: str) -> Any:
    """For each output -1 or 1."""
    ts = number_target(who, t, outputs, place)
    for x in ts if isinstance(ts, list) else [ts]:
        if x not in (-1.0, 1.0):
            raise ValueError(f"{who} takes targets -1 and 1 for hinge, got {x} in {place}; for 0 and 1 use 2*y - 1")
    return ts


def number_target(who: str, t: Any, outputs: int, place: str) -> Any:
    """A number for each output; of one output the number alone."""
    ts = [number(who, x, place) for x in (t if isinstance(t, list) else [t])]
    if len(ts) != outputs:
        raise ValueError(f"{who} takes as many targets as the network has outputs, {outputs}, got {len(ts)} in {place}")
    return ts[0] if outputs == 1 else ts


def _anything(who: str, t: Any, outputs: int, place: str) -> Any:
    return t


# What outputs predict ------------------------------------------------------------------------------------------------


def largest(outputs: Any) -> Any:
    """The number of the largest output, the first of equal ones."""
    return outputs.index(max(outputs)) if isinstance(outputs, list) else 0


def above(threshold: float, low: int) -> Callable[[Any], Any]:
    """A function of outputs: for each 1 where it is above a threshold, else `low`."""

    def prediction(outputs: Any) -> Any:
        return (
            [1 if y > threshold else low for y in outputs]
            if isinstance(outputs, list)
            else (1 if outputs > threshold else low)
        )

    return prediction


def _same(outputs: Any) -> Any:
    return outputs


_MEANINGS: dict[Any, tuple[Callable[[str, Any, int, str], Any], Callable[[Any], Any], bool]] = {
    losses.mse: (number_target, _same, False),
    losses.mae: (number_target, _same, False),
    losses.huber: (number_target, _same, False),
    losses.binary_cross_entropy: (binary_target, above(0.0, 0), True),
    losses.cross_entropy: (class_target, largest, True),
    losses.hinge: (sign_target, above(0.0, -1), True),
    losses.kl_divergence: (probability_target, largest, True),
}
