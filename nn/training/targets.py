"""Targets: what each loss takes to learn from, checked, and what outputs predict about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arguments import Number, several
from ..data import number

Target = Any  # as a loss takes it: numbers, or whatever a function of the user's reads
Floats = float | list[float]  # of one output, or of several


def floats(outputs: Number | list[Number] | tuple[Number, ...]) -> Floats:
    """Outputs as numbers: a list of them, or one.

    >>> from engine import Value
    >>> from nn.training.targets import floats
    >>> floats([Value(1.0), Value(2.0)]), floats(Value(3.0))
    ([1.0, 2.0], 3.0)
    """
    return [float(y) for y in outputs] if isinstance(outputs, (list, tuple)) else float(outputs)


# Targets, as each loss takes them ------------------------------------------------------------------------------------


def class_target(who: str, t: object, outputs: int, place: str) -> Floats:
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


def probability_target(who: str, t: object, outputs: int, place: str) -> Floats:
    """A probability for each class."""
    ps = number_target(who, t, outputs, place)
    for p in several(ps):
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{who} takes probabilities from 0 to 1 as targets, got {p} in {place}")
    if abs(sum(several(ps)) - 1.0) > 1e-6:
        raise ValueError(
            f"{who} takes probabilities that sum to 1 as targets, got the sum {sum(several(ps))} in {place}"
        )
    return ps


def binary_target(who: str, t: object, outputs: int, place: str) -> Floats:
    """For each output a number from 0 to 1."""
    ts = number_target(who, t, outputs, place)
    for x in several(ts):
        if not 0.0 <= x <= 1.0:
            hint = "; for -1 and 1 use (y + 1) / 2, or hinge" if x == -1.0 else ""
            raise ValueError(f"{who} takes targets from 0 to 1 for binary_cross_entropy, got {x} in {place}{hint}")
    return ts


def sign_target(who: str, t: object, outputs: int, place: str) -> Floats:
    """For each output -1 or 1."""
    ts = number_target(who, t, outputs, place)
    for x in several(ts):
        if x not in (-1.0, 1.0):
            raise ValueError(f"{who} takes targets -1 and 1 for hinge, got {x} in {place}; for 0 and 1 use 2*y - 1")
    return ts


def number_target(who: str, t: object, outputs: int, place: str) -> Floats:
    """A number for each output; of one output the number alone."""
    ts = [number(who, x, place) for x in (t if isinstance(t, list) else [t])]
    if len(ts) != outputs:
        raise ValueError(f"{who} takes as many targets as the network has outputs, {outputs}, got {len(ts)} in {place}")
    return ts[0] if outputs == 1 else ts


def any_target(who: str, t: object, outputs: int, place: str) -> object:
    """Whatever it is: a function of the user's reads it."""
    return t


# What outputs predict ------------------------------------------------------------------------------------------------


def largest(outputs: Floats) -> int:
    """The number of the largest output, the first of equal ones."""
    return outputs.index(max(outputs)) if isinstance(outputs, list) else 0


def above(threshold: float, low: int) -> Callable[[Floats], object]:
    """A function of outputs: for each 1 where it is above a threshold, else `low`."""

    def prediction(outputs: Floats) -> object:
        if isinstance(outputs, list):
            return [1 if y > threshold else low for y in outputs]
        return 1 if outputs > threshold else low

    return prediction


def themselves(outputs: Floats) -> object:
    """The outputs as they are."""
    return outputs
