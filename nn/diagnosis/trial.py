"""Trial: an optimiser makes a few steps on copies, and the loss tells whether its learning rate is too large."""

from __future__ import annotations

import copy
from math import floor, fsum, inf, isfinite, log10
from typing import Any

from ..module import Module
from ..optim import Optimiser
from ..training.objective import Objective
from .findings import Finding

STEPS = 5
RISE = 1.5  # times the loss before
HALVINGS = 20


def learning_rate(
    model: Module, optimiser: Optimiser, goal: Objective, xs: list[Any], ts: list[Any], before: float, constant: float
) -> list[Finding]:
    """Whether a few steps of an optimiser make the loss larger, where smaller steps of it do not.

    Args:
        model, optimiser: a network and an optimiser of it; the steps are made on copies.
        goal: the objective, whose loss is taken on all examples at once.
        xs, ts: the examples and their targets.
        before: their mean loss.
        constant: that of constant outputs.
    """
    limit = max(RISE * before, before + 0.1 * constant)
    worst, _ = _trial(model, optimiser, goal, xs, ts, optimiser.lr)
    if worst <= limit:
        return []
    best = before, 0.0
    for k in range(1, HALVINGS):
        rate = _one_digit(optimiser.lr / 2.0**k)
        highest, reached = _trial(model, optimiser, goal, xs, ts, rate)
        if highest <= limit and reached < best[0]:
            best = reached, rate
        elif best[1]:
            break
    if not best[1]:
        return []
    message = (
        f"in {STEPS} steps with learning rate {optimiser.lr:.4g} the loss rises from {before:.4g} to {worst:.4g}; "
        f"with {best[1]:g} it falls to {best[0]:.4g}"
    )
    remedy = f"start with a learning rate of {best[1]:g}"
    return [Finding("learning rate too large", "", optimiser.lr, message, remedy)]


def _one_digit(x: float) -> float:
    """x rounded down to one significant digit."""
    unit = 10.0 ** floor(log10(x))
    return float(f"{floor(x / unit) * unit:.1g}")


def _trial(
    model: Module, optimiser: Optimiser, goal: Objective, xs: list[Any], ts: list[Any], rate: float
) -> tuple[float, float]:
    """(the highest, the last) mean loss after each of a few steps, on copies; inf where one is not finite."""
    twin, mover = copy.deepcopy((model, optimiser))
    mover.lr = rate
    reached: list[float] = []
    for step in range(STEPS + 1):
        twin.zero_grad()
        losses = [goal.loss(twin(x), t) for x, t in zip(xs, ts)]
        if not all(isfinite(e.data) for e in losses):
            return inf, inf
        reached.append(fsum([e.data for e in losses]) / len(losses))
        if step < STEPS:
            for e in losses:
                e.backward(1.0 / len(losses))
            mover.step()
    return max(reached), reached[-1]
