"""Losses: one number that says how wrong the outputs are, the mean over all examples.

Each takes numbers or Values, one example or a list of them (arrays too), and returns a Value, or a float where nothing
is a Value. All are made of rows of the engine's table, so that they can be differentiated, drawn and compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from engine import (
    TABLE,
    Value,
    abs,
    dot,
    isfinite,
    log,
    log_softmax,
    logsumexp,
    mean,
    minimum,
    relu,
    softplus,
    square,
    total,
    where,
)
from engine.arguments import number, shown, whole

from .arguments import Number, check_first, elements, is_whole, pairs, scalar

Loss = Any  # a Value, or a float where nothing is a Value: who calls knows which


def mse(outputs: object, targets: object) -> Loss:
    """Mean squared error: the mean of (output - target)² over all numbers.

    Args:
        outputs: a number or Value, or lists of them to any depth.
        targets: the same shape.

    Raises:
        ValueError: the shapes differ, or there is no number.
        TypeError: something is no number.

    >>> from nn.losses import mse
    >>> mse([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    return mean([square(y - t) for y, t in pairs("mse", outputs, targets)])


def mae(outputs: object, targets: object) -> Loss:
    """Mean absolute error: the mean of |output - target|; one far outlier weighs no more than its distance.

    Args:
        outputs: a number or Value, or lists of them to any depth.
        targets: the same shape.

    Raises:
        ValueError: the shapes differ, or there is no number.
        TypeError: something is no number.

    >>> from nn.losses import mae
    >>> mae([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    return mean([abs(y - t) for y, t in pairs("mae", outputs, targets)])


def huber(outputs: object, targets: object, delta: float = 1.0) -> Loss:
    """The mean of a loss that is half the square up to delta, and a straight line beyond.

    Huber, Robust estimation of a location parameter (1964). With c the smaller of |output - target| and delta, one
    number's loss is c·(|output - target| - c/2).

    Args:
        outputs: a number or Value, or lists of them to any depth.
        targets: the same shape.
        delta: where the line begins, positive.

    Raises:
        ValueError: the shapes differ, there is no number, or delta is not positive.
        TypeError: something is no number.

    >>> from nn.losses import huber
    >>> huber(0.5, 0.0), huber(3.0, 0.0)
    (0.125, 2.5)
    """
    bound = scalar("huber", delta)
    if not bound > 0.0:
        raise ValueError(f"huber takes a positive delta, got {bound}")
    return mean([_huber(abs(y - t), bound) for y, t in pairs("huber", outputs, targets)])


def binary_cross_entropy(
    logits: object, targets: object, *, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None
) -> Loss:
    """Minus the log-likelihood of yes-or-no targets, where sigmoid(logit) is the probability of 1.

    From logits, so that no probability rounds to 0 or 1: softplus(-z) for target 1, softplus(z) for 0.

    Args:
        logits: a number or Value, or lists of them to any depth.
        targets: the same shape, from 0 to 1.
        label_smoothing: how far targets move towards 1/2, from 0 to 1: t becomes t·(1 - s) + s/2.
        class_weights: two factors, on the parts of the loss for 0 and for 1; the mean stays over the examples.

    Raises:
        ValueError: the shapes differ, there is no number, or a target is not from 0 to 1.
        TypeError: something is no number.

    >>> from nn.losses import binary_cross_entropy
    >>> binary_cross_entropy([0.0, 100.0], [1, 1])
    0.34657359027997264
    """
    who = "binary_cross_entropy"
    both = pairs(who, logits, targets)
    if both[0][0].__class__ is not Value:
        check_first(who, "logits", logits, targets)
    smoothing = _smoothing(who, label_smoothing)
    if not smoothing and class_weights is None:
        return mean([_binary(z, t) for z, t in both])
    weights = _weights(who, class_weights, 2)
    return mean([_weighted_binary(z, _binary_target(t), smoothing, weights) for z, t in both])


def cross_entropy(
    logits: object, targets: object, *, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None
) -> Loss:
    """Minus the log-likelihood of classes, where softmax(logits) are their probabilities.

    Args:
        logits: a list of one number or Value for each class; or a list of such lists, one for each example.
        targets: the number of the right class, from 0, or a list of probabilities; or a list of these.
        label_smoothing: how much of the probability is spread evenly over all classes, from 0 to 1 (Szegedy et al.,
            Rethinking the inception architecture, 2016, section 7).
        class_weights: a factor for each class on its part of the loss; the mean stays over the examples (as in Keras;
            PyTorch divides by the weights that occur).

    Raises:
        ValueError: there are not as many targets as examples, or a target names no class.
        TypeError: something is no number.

    >>> from nn.losses import cross_entropy
    >>> cross_entropy([0.0, 0.0], 1), cross_entropy([[0.0, 0.0], [100.0, 0.0]], [1, 0])
    (0.6931471805599453, 0.34657359027997264)
    """
    rows = elements(logits)
    if not rows or rows[0].__class__ is not Value:
        check_first("cross_entropy", "logits", logits, targets)
    if rows is None:
        raise TypeError(f"cross_entropy takes a list of logits, one a class, got {shown(logits)}")
    if not rows:
        raise ValueError("cross_entropy takes at least one logit, got an empty list")
    if elements(rows[0]) is None:
        return _categorical(rows, targets, label_smoothing, class_weights)
    right = elements(targets)
    if right is None or len(right) != len(rows):
        got = "one" if right is None else len(right)
        raise ValueError(f"cross_entropy takes as many targets as examples, got {got} for {len(rows)}")
    examples = [elements(row) for row in rows]
    sizes = sorted({-1 if row is None else len(row) for row in examples})
    if len(sizes) > 1 or sizes[0] < 1:
        raise ValueError(f"cross_entropy takes as many logits for each example, got {', '.join(map(str, sizes))}")
    return mean([_categorical(row or [], t, label_smoothing, class_weights) for row, t in zip(examples, right)])


def hinge(scores: object, targets: object) -> Loss:
    """The mean of relu(1 - target·score): 0 where each score is on the side of its target, at least 1 away from 0.

    Args:
        scores: a number or Value, or lists of them to any depth.
        targets: the same shape, each -1 or 1.

    Raises:
        ValueError: the shapes differ, there is no number, or a target is neither -1 nor 1.
        TypeError: something is no number.

    >>> from nn.losses import hinge
    >>> hinge([0.5, -2.0], [1, -1])
    0.25
    """
    return mean([_margin(s, t) for s, t in pairs("hinge", scores, targets)])


def kl_divergence(logits: object, targets: object) -> Loss:
    """The Kullback-Leibler divergence of softmax(logits) from the target distribution: Σ p·(ln p - ln softmax).

    It is the cross-entropy less the entropy of the targets: 0 where both agree. A probability 0 adds nothing.

    Args:
        logits: a list of one number or Value for each class; or a list of such lists, one for each example.
        targets: a probability for each class; or a list of such lists.

    Raises:
        ValueError: the shapes differ, there is no number, or a probability is not from 0 to 1.
        TypeError: something is no number.

    >>> from nn.losses import kl_divergence
    >>> kl_divergence([0.0, 0.0], [0.5, 0.5])
    0.0
    """
    rows, right = elements(logits), elements(targets)
    check_first("kl_divergence", "logits", logits, targets)
    if rows is None or right is None:
        raise TypeError(
            f"kl_divergence takes a list of logits and of probabilities, got {shown(logits)}, {shown(targets)}"
        )
    if not rows or len(rows) != len(right):
        raise ValueError(f"kl_divergence takes as many probabilities as logits, got {len(right)} for {len(rows)}")
    if elements(rows[0]) is None:
        return _divergence(rows, right)
    return mean([_divergence(elements(row) or [], elements(t) or []) for row, t in zip(rows, right)])


# By name.
LOSSES: dict[str, Callable[..., Loss]] = {
    "mse": mse,
    "mae": mae,
    "huber": huber,
    "binary_cross_entropy": binary_cross_entropy,
    "cross_entropy": cross_entropy,
    "hinge": hinge,
    "kl_divergence": kl_divergence,
}


# Of one number, or of one example ------------------------------------------------------------------------------------


def _huber(distance: Number, delta: Number) -> Loss:
    near = minimum(distance, delta)
    return near * (distance - 0.5 * near)


def _divergence(logits: list[object], probabilities: list[object]) -> Loss:
    who = "kl_divergence"
    if not logits or len(logits) != len(probabilities):
        raise ValueError(f"{who} takes a probability for each class, got {len(probabilities)} for {len(logits)} logits")
    terms = []
    for p, q in zip(_probabilities(who, probabilities), log_softmax([scalar(who, z) for z in logits])):
        if p.__class__ is Value:
            terms.append(where(p > 0.0, p * (log(p) - q), 0.0))
        elif p != 0.0:
            terms.append(p * (log(p) - q))
    return total(terms)


def _margin(score: Number, target: Number) -> Loss:
    if target.__class__ is not Value and target != 1.0 and target != -1.0:
        raise ValueError(f"hinge takes targets -1 and 1, got {target}; for 0 and 1 use 2*t - 1")
    return relu(1.0 - target * score)


def _binary(z: Number, t: Number) -> Loss:
    if t.__class__ is not Value:
        if t == 1.0:
            return softplus(-z)
        if t == 0.0:
            return softplus(z)
    t = _binary_target(t)
    return _part(t, softplus(-z)) + _part(1.0 - t, softplus(z))


def _weighted_binary(z: Number, t: Number, smoothing: float, weights: list[float]) -> Loss:
    t = t * (1.0 - smoothing) + 0.5 * smoothing
    return _part(weights[1] * t, softplus(-z)) + _part(weights[0] * (1.0 - t), softplus(z))


def _part(weight: Number, term: Number) -> Loss:
    """weight * term, and 0 where the weight is exactly 0, whatever the term: a class that is masked has -inf."""
    if weight.__class__ is not Value and weight != 0.0:
        return weight * term
    return weight * _term(weight, term)


def _term(weight: Number, term: Number) -> Loss:
    """A term that may be multiplied by its weight: where that is 0, infinities and nan are replaced by 0."""
    return where(where(weight, 1.0, isfinite(term)), term, 0.0)


def _binary_target(t: Number) -> Number:
    if t.__class__ is not Value and not 0.0 <= t <= 1.0:
        raise ValueError(f"binary_cross_entropy takes targets from 0 to 1, got {t}")
    return t


def _categorical(
    logits: list[object], target: object, label_smoothing: float, class_weights: Sequence[float] | None
) -> Loss:
    who = "cross_entropy"
    zs = [scalar(who, z) for z in logits]
    smoothing = _smoothing(who, label_smoothing)
    plain = not smoothing and class_weights is None
    probabilities = elements(target)
    if probabilities is not None:
        if len(probabilities) != len(zs):
            raise ValueError(f"{who} takes a probability for each class, got {len(probabilities)} for {len(zs)} logits")
        ps = _probabilities(who, probabilities)
    else:
        if not is_whole(target):
            hint = f"; write int({target})" if target.__class__ is float and target.is_integer() else ""
            raise TypeError(f"{who} takes the number of a class or a list of probabilities, got {shown(target)}{hint}")
        label = whole(who, "target", target, "the number of a class", least=-inf)
        if not 0 <= label < len(zs):
            raise ValueError(f"{who} takes classes from 0 to {len(zs) - 1}, got {label}")
        if plain:
            largest = TABLE["top"](zs)  # taken off first, as log_softmax does for all classes
            return logsumexp([z - largest for z in zs]) - (zs[label] - largest)
        ps = [float(k == label) for k in range(len(zs))]
    if not plain:
        weights = _weights(who, class_weights, len(zs))
        ps = [w * (p * (1.0 - smoothing) + smoothing / len(zs)) for p, w in zip(ps, weights)]
    parts = [(p, q) for p, q in zip(ps, log_softmax(zs)) if p.__class__ is Value or p != 0.0]
    if not parts:  # a graph all the same
        return 0.0 * _term(0.0, logsumexp(zs))
    return -dot([p for p, _ in parts], [q if p.__class__ is not Value else _term(p, q) for p, q in parts])


def _probabilities(who: str, probabilities: list[object]) -> list[Number]:
    ps = [scalar(who, p) for p in probabilities]
    for p in ps:
        if p.__class__ is not Value and not 0.0 <= p <= 1.0:
            raise ValueError(f"{who} takes probabilities from 0 to 1, got {p}")
    return ps


def _smoothing(who: str, s: float) -> float:
    return number(who, "label_smoothing", s, "a number from 0 to 1", lambda s: 0.0 <= s <= 1.0)


def _weights(who: str, weights: Sequence[float] | None, classes: int) -> list[float]:
    if weights is None:
        return [1.0] * classes
    listed = elements(weights)
    if listed is None or len(listed) != classes:
        got = "no list" if listed is None else len(listed)
        raise ValueError(f"{who} takes one factor for each of {classes} classes as class_weights, got {got}")
    ws = [float(scalar(who, w)) for w in listed]
    if not all(0.0 <= w < inf for w in ws):
        raise ValueError(f"{who} takes finite class_weights from 0, got {ws}")
    return ws
