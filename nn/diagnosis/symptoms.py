"""Symptoms: the checks of a diagnosis, each a function that returns what it finds: of an observation, or of a few steps.

A check speaks only where a figure is far from what healthy networks show, trained or not. The limits are the constants
below; each stands well beyond the worst of the healthy networks in tests/nn/test_diagnosis.py.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from math import floor, fsum, inf, isfinite, log10, sqrt

from engine import mean

from ..data import Row
from ..module import Module
from ..optim import Optimiser
from ..training.objective import Objective
from .findings import Symptom
from .observation import Unit, UnitLayer

DEAD_SHARE = 0.5  # of a layer's units, and beyond it one deviation of as many throws of a coin: relu kills by chance
SATURATED_SHARE = 0.6  # of a layer's outputs
SHRINKING = 1e-3  # the first layer's gradient over the last one's
GROWING = 1e3
EXPLODED = 100.0  # times the loss of a constant
CLIMBED = 10.0  # times the lowest loss of a history
LARGE_INPUT = 10.0
STEPS = 5  # that an optimiser makes on copies
RISE = 1.5  # of the loss in these, times the loss before
HALVINGS = 20

RANDOM = 'start from random weights: init="he_normal" for relu, "glorot_uniform" otherwise'


def symmetric_weights(layers: Sequence[UnitLayer]) -> list[Symptom]:
    """Hidden units that are the same and get the same gradient: they stay the same for ever."""
    found = []
    for layer in layers[:-1]:  # output units differ by their targets
        groups: dict[tuple[tuple[float, ...], ...], list[Unit]] = {}
        for u in layer.units:
            groups.setdefault((u.parameters, tuple(u.inputs), tuple(u.gradients)), []).append(u)
        count = sum([len(group) for group in groups.values() if len(group) > 1])
        if count:
            message = (
                f"{count} of {len(layer.units)} units in {layer.path} have the same weights and get the same "
                f"gradients, so they stay copies of each other and count as {len(groups) - len(layer.units) + count}"
            )
            found.append(Symptom("symmetric weights", layer.path, count / len(layer.units), message, RANDOM))
    return found


def dead_units(layers: Sequence[UnitLayer]) -> list[Symptom]:
    """Layers of which most units have slope 0 on all examples."""
    found = []
    for layer in layers:
        dead = layer.dead
        count = len(layer.units)
        share = len(dead) / count
        if share < 1.0 and len(dead) <= DEAD_SHARE * count + 0.5 * sqrt(count):
            continue
        sums = [x for i in dead for x in layer.units[i].inputs]
        message = (
            f"{len(dead)} of {count} units in {layer.path} ({layer.activation}) are flat on all examples: "
            f"their weighted sums are {sum(sums) / len(sums):.3g} on average, at most {max(sums):.3g}"
            + ("; nothing before this layer learns" if share == 1.0 else "")
        )
        remedy = (
            "start again from He weights and biases of 0, with a smaller learning rate and inputs of mean 0; or use "
            'activation="leaky_relu", whose slope is never 0'
        )
        found.append(Symptom("dead units", layer.path, share, message, remedy))
    return found


def saturation(layers: Sequence[UnitLayer], saturated: Sequence[float], examples: Sequence[Row]) -> list[Symptom]:
    """Layers of sigmoid or tanh that are flat nearly everywhere."""
    found = []
    for k, (layer, share) in enumerate(zip(layers, saturated)):
        if share < SATURATED_SHARE:
            continue
        sums = [abs(x) for u in layer.units for x in u.inputs]
        message = (
            f"{share:.0%} of the outputs of {layer.path} ({layer.activation}) lie where it is flat: the weighted sums "
            f"are ±{sum(sums) / len(sums):.3g} on average, and gradients hardly pass"
        )
        reach = _reach(examples)
        if k == 0 and reach > LARGE_INPUT:
            remedy = f"scale the inputs, which reach {reach:.4g}, to mean 0 and standard deviation 1"
        else:
            remedy = 'start from smaller weights (init="glorot_uniform"), with a smaller learning rate; or use relu'
        found.append(Symptom("saturation", layer.path, share, message, remedy))
    return found


def gradient_flow(layers: Sequence[UnitLayer]) -> list[Symptom]:
    """Gradients that shrink or grow on their way from the last layer to the first."""
    if len(layers) < 2 or any(not any(any(u.parameters) for u in layer.units) for layer in layers[1:]):
        return []  # behind a layer of zeros gradients are 0 until its first step
    first, last = layers[0].gradient, layers[-1].gradient
    if last == 0.0:
        return []
    ratio = first / last
    if SHRINKING <= ratio <= GROWING:
        return []
    factor = ratio ** (1.0 / (len(layers) - 1))
    kind, verb = ("vanishing gradients", "shrink") if ratio < 1.0 else ("exploding gradients", "grow")
    message = (
        f"from {layers[-1].path} back to {layers[0].path} gradients {verb} from {last:.2g} to {first:.2g}, "
        f"by a factor of {factor:.3g} a layer"
    )
    squashing = dict.fromkeys([x.activation for x in layers if x.activation in ("sigmoid", "tanh")])
    if ratio > 1.0:
        remedy = 'start from smaller weights (init="he_normal" for relu, "glorot_uniform" otherwise), or clip_norm=1.0'
    elif squashing:
        remedy = (
            f'use activation="relu" instead of {" and ".join(squashing)}, LayerNorm between layers, or fewer layers'
        )
    else:
        remedy = 'start from larger weights (init="he_normal" for relu), LayerNorm between layers, or fewer layers'
    return [Symptom(kind, layers[0].path, factor, message, remedy)]


def exploding_loss(loss: float, constant: float, history: Sequence[float]) -> list[Symptom]:
    """A loss far above that of constant outputs, or one that climbed while it was trained."""
    remedy = "start again with a learning rate ten times smaller, or clip_norm=1.0"
    found = []
    if 0.0 < EXPLODED * constant < loss:
        message = f"the loss is {loss:.4g}, where constant outputs give {constant:.4g}"
        remedy_now = f"{remedy}; before training: smaller initial weights, inputs of mean 0 and standard deviation 1"
        found.append(Symptom("exploding loss", "", loss / constant, message, remedy_now))
    if not history:
        return found
    broken = next((k for k, x in enumerate(history) if not isfinite(x)), None)
    lowest = min([x for x in history if isfinite(x)], default=0.0)
    if broken is not None:
        message = f"the loss turned {history[broken]} in epoch {broken + 1} of {len(history)}"
        found.append(Symptom("exploding loss", "", history[broken], message, remedy))
    elif history[-1] > history[0] and history[-1] > CLIMBED * lowest:
        message = f"the loss climbed from {lowest:.4g} to {history[-1]:.4g} in {len(history)} epochs"
        found.append(Symptom("exploding loss", "", history[-1] / lowest if lowest else history[-1], message, remedy))
    return found


def learning_rate(
    model: Module,
    optimiser: Optimiser,
    goal: Objective,
    xs: list[Row],
    ts: list[object],
    before: float,
    constant: float,
) -> list[Symptom]:
    """Whether a few steps of an optimiser make the loss larger, where smaller steps of it do not; made on copies.

    Before is the mean loss of the examples now, constant that of constant outputs.
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
    return [Symptom("learning rate too large", "", optimiser.lr, message, remedy)]


def _one_digit(x: float) -> float:
    """x rounded down to one significant digit."""
    unit = 10.0 ** floor(log10(x))
    return float(f"{floor(x / unit) * unit:.1g}")


def _trial(
    model: Module, optimiser: Optimiser, goal: Objective, xs: list[Row], ts: list[object], rate: float
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
            mean(losses).backward()  # one sweep: the lists of weights that examples share are walked once
            mover._step()
    return max(reached), reached[-1]


def _reach(examples: Sequence[Row]) -> float:
    """The largest absolute number in examples, at any depth."""
    largest, stack = 0.0, list(examples)
    while stack:
        x = stack.pop()
        if isinstance(x, list):
            stack += x
        else:
            largest = max(largest, abs(x))
    return largest
