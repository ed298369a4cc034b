"""Schedules: the learning rate over time.

A schedule is a pure function of time that returns the factor on the optimiser's learning rate. In `nn.fit` time is
counted in epochs and moves with each update: after half an epoch it is 0.5. The functions here make schedules; they are
made of the engine's operations, so that the same text runs on floats here and, recorded, in a compiled loop.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import pi

from engine import Value, cos, floor, less, maximum, minimum, power, where
from engine.arguments import function, number, real, shown

from .arguments import Number

Schedule = Callable[[Number], Number]


def constant() -> Schedule:
    """The learning rate as it is.

    >>> from nn.schedules import constant
    >>> constant()(3.0)
    1.0
    """
    return _constant


def step(every: float, factor: float = 0.1) -> Schedule:
    """Multiplied by a factor again and again: factor^⌊t/every⌋ (PyTorch's StepLR).

    Args:
        every: the time between, in epochs.
        factor: from 0 to 1.

    Raises:
        TypeError, ValueError: an argument is not one of these.

    >>> from nn.schedules import step
    >>> [step(10, 0.5)(t) for t in (0.0, 9.9, 10.0, 20.0)]
    [1.0, 1.0, 0.5, 0.25]
    """
    every = _positive("step", "every", every)
    factor = _fraction("step", "factor", factor)
    return partial(_step, every=every, factor=factor)


def cosine(total: float, end: float = 0.0) -> Schedule:
    """Half a cosine from 1 down to `end` (PyTorch's CosineAnnealingLR), then constant.

    Loshchilov & Hutter, SGDR: stochastic gradient descent with warm restarts (2017), equation 5.

    Args:
        total: how long it goes down, in epochs.
        end: the last factor, from 0 to 1.

    Raises:
        TypeError, ValueError: an argument is not one of these.

    >>> from nn.schedules import cosine
    >>> [round(cosine(10)(t), 3) for t in (0.0, 5.0, 10.0)]
    [1.0, 0.5, 0.0]
    """
    total = _positive("cosine", "total", total)
    end = _fraction("cosine", "end", end)
    return partial(_cosine, total=total, end=end)


def one_cycle(total: float, peak: float = 0.3, start: float = 0.04, end: float = 4e-6) -> Schedule:
    """Up from `start` to 1, then down to `end`, each by half a cosine (PyTorch's OneCycleLR).

    Smith & Topin, Super-convergence (2018). The optimiser's learning rate is the largest.

    Args:
        total: the length of the cycle, in epochs.
        peak: where the largest rate stands, as a part of the total, between 0 and 1.
        start, end: the first and last factor, from 0 to 1.

    Raises:
        TypeError, ValueError: an argument is not one of these.

    >>> from nn.schedules import one_cycle
    >>> [round(one_cycle(10)(t), 3) for t in (0.0, 3.0, 10.0)]
    [0.04, 1.0, 0.0]
    """
    total = _positive("one_cycle", "total", total)
    peak = number("one_cycle", "peak", peak, "a number between 0 and 1", lambda part: 0.0 < part < 1.0)
    start, end = _fraction("one_cycle", "start", start), _fraction("one_cycle", "end", end)
    return partial(_one_cycle, total=total, top=peak * total, start=start, end=end)


def warmup(length: float, then: Schedule | None = None, start: float = 0.1) -> Schedule:
    """A straight line from `start` to 1 (PyTorch's LinearLR), then another schedule, whose time starts there.

    Args:
        length: how long the rate rises, in epochs.
        then: the schedule after it; None for a constant rate.
        start: the first factor, from 0 to 1.

    Raises:
        TypeError, ValueError: an argument is not one of these.

    >>> from nn.schedules import cosine, warmup
    >>> [warmup(2, cosine(8), start=0.0)(t) for t in (0.0, 1.0, 2.0, 10.0)]
    [0.0, 0.5, 1.0, 0.0]
    """
    length = _positive("warmup", "length", length)
    start = _fraction("warmup", "start", start)
    if then is None:
        then = constant()
    else:
        function("warmup", "then", then, "a schedule, such as nn.schedules.cosine(10),")
    return partial(_warmup, length=length, then=then, start=start)


# By name, for a training of so many epochs.
SCHEDULES: dict[str, Callable[[float], Schedule]] = {
    "constant": lambda epochs: constant(),
    "step": lambda epochs: step(epochs / 3.0),
    "cosine": cosine,
    "one_cycle": one_cycle,
    "warmup": lambda epochs: warmup(0.1 * epochs, cosine(0.9 * epochs)),
}


def factor(who: str, x: object) -> float:
    """What a schedule returned, as the factor that it is."""
    if real(x) is None:
        raise TypeError(f"{who} takes a schedule that returns a number, got {shown(x)} from it")
    return number(who, "what the schedule returns", x, "a number from 0", lambda part: part >= 0.0)


# Of time: functions of a module, so that schedules can be copied and pickled ------------------------------------------


def _constant(t: Number) -> Number:
    _time("constant", t)
    return 1.0


def _step(t: Number, *, every: float, factor: float) -> Number:
    scaled: Number = power(factor, floor(_time("step", t) / every))
    return scaled


def _cosine(t: Number, *, total: float, end: float) -> Number:
    return _half_cosine(minimum(_time("cosine", t) / total, 1.0), 1.0, end)


def _one_cycle(t: Number, *, total: float, top: float, start: float, end: float) -> Number:
    t = _time("one_cycle", t)
    up = _half_cosine(minimum(t / top, 1.0), start, 1.0)
    down = _half_cosine(minimum(maximum((t - top) / (total - top), 0.0), 1.0), 1.0, end)
    there: Number = where(less(t, top), up, down)
    return there


def _warmup(t: Number, *, length: float, then: Schedule, start: float) -> Number:
    t = _time("warmup", t)
    up = start + (1.0 - start) * minimum(t / length, 1.0)
    there: Number = where(less(t, length), up, then(maximum(t - length, 0.0)))
    return there


def _time(who: str, t: Number) -> Number:
    if t.__class__ is float or t.__class__ is Value:
        return t
    found = real(t)
    if found is None:
        raise TypeError(f"{who} takes a time in epochs, got {shown(t)}")
    return found


def _half_cosine(part: Number, first: float, last: float) -> Number:
    return last + 0.5 * (first - last) * (1.0 + cos(pi * part))


def _positive(who: str, name: str, x: float) -> float:
    return number(who, name, x, "a positive number", lambda part: part > 1e-300)


def _fraction(who: str, name: str, x: float) -> float:
    return number(who, name, x, "a number from 0 to 1", lambda factor: 0.0 <= factor <= 1.0)
