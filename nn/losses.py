"""Losses: one number that says how wrong the outputs are, the mean over all examples.

Each takes numbers or Values, one example or a list of them (arrays too), and returns a Value, or a float where nothing
is a Value. All are made of rows of the engine's table, so that they can be differentiated, drawn and compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine import Value, dot, log_softmax, logsumexp, mean, relu, softplus, square

Number = Any  # a Value or a float


def mse(outputs: Any, targets: Any) -> Number:
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
    return mean([square(y - t) for y, t in _pairs("mse", outputs, targets)])


def binary_cross_entropy(logits: Any, targets: Any) -> Number:
    """Minus the log-likelihood of yes-or-no targets, where sigmoid(logit) is the probability of 1.

    From logits, so that no probability rounds to 0 or 1: softplus(-z) for target 1, softplus(z) for 0.

    Args:
        logits: a number or Value, or lists of them to any depth.
        targets: the same shape, from 0 to 1.

    Raises:
        ValueError: the shapes differ, there is no number, or a target is not from 0 to 1.
        TypeError: something is no number.

    >>> from nn.losses import binary_cross_entropy
    >>> binary_cross_entropy([0.0, 100.0], [1, 1])
    0.34657359027997264
    """
    return mean([_binary(z, t) for z, t in _pairs("binary_cross_entropy", logits, targets)])


def cross_entropy(logits: Any, targets: Any) -> Number:
    """Minus the log-likelihood of classes, where softmax(logits) are their probabilities.

    Args:
        logits: a list of one number or Value for each class; or a list of such lists, one for each example.
        targets: the number of the right class, from 0, or a list of probabilities; or a list of these.

    Raises:
        ValueError: there are not as many targets as examples, or a target names no class.
        TypeError: something is no number.

    >>> from nn.losses import cross_entropy
    >>> cross_entropy([0.0, 0.0], 1), cross_entropy([[0.0, 0.0], [100.0, 0.0]], [1, 0])
    (0.6931471805599453, 0.34657359027997264)
    """
    rows = _listed(logits)
    if rows is None:
        raise TypeError(f"cross_entropy takes a list of logits, one a class, got {logits!r:.60}")
    if not rows:
        raise ValueError("cross_entropy takes at least one logit, got an empty list")
    if _listed(rows[0]) is None:
        return _categorical(rows, targets)
    right = _listed(targets)
    if right is None or len(right) != len(rows):
        got = "one" if right is None else len(right)
        raise ValueError(f"cross_entropy takes as many targets as examples, got {got} for {len(rows)}")
    examples = [_listed(row) for row in rows]
    sizes = sorted({-1 if row is None else len(row) for row in examples})
    if len(sizes) > 1 or sizes[0] < 1:
        raise ValueError(f"cross_entropy takes as many logits for each example, got {', '.join(map(str, sizes))}")
    return mean([_categorical(row or [], t) for row, t in zip(examples, right)])


def hinge(scores: Any, targets: Any) -> Number:
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
    return mean([_margin(s, t) for s, t in _pairs("hinge", scores, targets)])


def _margin(score: Number, target: Number) -> Number:
    if target.__class__ is not Value and target != 1.0 and target != -1.0:
        raise ValueError(f"hinge takes targets -1 and 1, got {target}; for 0 and 1 use 2*t - 1")
    return relu(1.0 - target * score)


def _binary(z: Number, t: Number) -> Number:
    if t.__class__ is not Value:
        if t == 1.0:
            return softplus(-z)
        if t == 0.0:
            return softplus(z)
        if not 0.0 < t < 1.0:
            raise ValueError(f"binary_cross_entropy takes targets from 0 to 1, got {t}")
    return t * softplus(-z) + (1.0 - t) * softplus(z)


def _categorical(logits: list[Any], target: Any) -> Number:
    zs = [_number("cross_entropy", z) for z in logits]
    probabilities = _listed(target)
    if probabilities is not None:
        if len(probabilities) != len(zs):
            raise ValueError(
                f"cross_entropy takes a probability for each class, got {len(probabilities)} for {len(zs)} logits"
            )
        ps = [_number("cross_entropy", p) for p in probabilities]
        for p in ps:
            if p.__class__ is not Value and not 0.0 <= p <= 1.0:
                raise ValueError(f"cross_entropy takes probabilities from 0 to 1, got {p}")
        return -dot(ps, log_softmax(zs))
    if isinstance(target, bool) or not hasattr(target, "__index__"):
        raise TypeError(f"cross_entropy takes the number of a class or a list of probabilities, got {target!r:.60}")
    label = target.__index__()
    if not 0 <= label < len(zs):
        raise ValueError(f"cross_entropy takes classes from 0 to {len(zs) - 1}, got {label}")
    return logsumexp(zs) - zs[label]


# Shapes --------------------------------------------------------------------------------------------------------------


def _pairs(who: str, outputs: Any, targets: Any) -> list[tuple[Number, Number]]:
    """(output, target) for each number of two nested lists of the same shape."""
    pairs = list(_matching(who, outputs, targets))
    if not pairs:
        raise ValueError(f"{who} takes at least one output, got none")
    return pairs


def _matching(who: str, outputs: Any, targets: Any) -> Iterator[tuple[Number, Number]]:
    stack = [(outputs, targets)]
    while stack:
        y, t = stack.pop()
        ys, ts = _listed(y), _listed(t)
        if ys is None and ts is None:
            yield _number(who, y), _number(who, t)
        elif ys is None or ts is None or len(ys) != len(ts):
            got = ["one number" if xs is None else f"a list of {len(xs)}" for xs in (ts, ys)]
            raise ValueError(f"{who} takes targets of the shape of the outputs, got {got[0]} for {got[1]}")
        else:
            stack.extend(reversed(list(zip(ys, ts))))


def _listed(x: Any) -> list[Any] | None:
    """The elements of a list, tuple or array; None for anything else."""
    if isinstance(x, (list, tuple)):
        return list(x)
    if getattr(x, "shape", ()) != () and hasattr(x, "tolist"):
        elements: list[Any] = x.tolist()
        return elements
    return None


def _number(who: str, x: Any) -> Number:
    if x.__class__ is Value or x.__class__ is float:
        return x
    if isinstance(x, (str, bytes, complex)) or not hasattr(x, "__float__"):
        raise TypeError(f"{who} takes numbers and Values, in lists or arrays, got {x!r:.60}")
    return float(x)
