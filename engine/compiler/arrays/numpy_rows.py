"""Rows of the table, and what goes along an axis, written for arrays where NumPy has no such function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import ieee
from ...rule import TABLE

Numbers = Any  # an array, or a number of NumPy's


def relu(x: Numbers) -> Numbers:
    return np.maximum(x, 0.0)


def where(c: Numbers, a: Numbers, b: Numbers) -> Numbers:
    return np.where(c, a, b)


def sigmoid(x: Numbers) -> Numbers:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0.0, 1.0, e) / (1.0 + e)


def softplus(x: Numbers) -> Numbers:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def sech2(x: Numbers) -> Numbers:
    e = np.exp(-2.0 * np.abs(x))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


def elu(x: Numbers, alpha: Numbers = 1.0) -> Numbers:
    return np.where(x > 0.0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def gap(a: Numbers, b: Numbers) -> Numbers:
    return np.where((a == np.inf) & (b == np.inf), 0.0, a - b)


def above(a: Numbers, b: Numbers) -> Numbers:
    return np.where(a > b, 1.0, np.where(a < b, 0.0, np.where(a == b, 0.5, np.nan)))


def nested(x: Numbers, axis: int) -> tuple[Numbers, Numbers, Numbers]:
    """(x - top, exp of it, the sum of these without the largest, which is 1)."""
    top = x.max(axis=axis, keepdims=True)
    shifted = x - top
    terms = np.exp(shifted)
    return (
        shifted,
        terms,
        np.where(shifted == 0.0, 0.0, terms).sum(axis=axis, keepdims=True)
        + ((shifted == 0.0).sum(axis=axis, keepdims=True) - 1.0),
    )


def logsumexp(x: Numbers, axis: int = -1) -> Numbers:
    top = x.max(axis=axis, keepdims=True)
    _, _, rest = nested(x, axis)
    return np.where(np.abs(top) == np.inf, top, top + np.log1p(rest)).squeeze(axis)


def log_softmax(x: Numbers, axis: int = -1) -> Numbers:
    shifted, _, rest = nested(x, axis)
    return shifted - np.log1p(rest)


def softmax(x: Numbers, axis: int = -1) -> Numbers:
    _, terms, rest = nested(x, axis)
    return terms * np.exp(-np.log1p(rest))


def einsum(spelled: str, *arrays: Numbers) -> Numbers:
    return np.einsum(spelled, *arrays, optimize=True)


def full(shape: tuple[int, ...], x: Numbers) -> Numbers:
    return np.broadcast_to(x, shape)


def expand(x: Numbers, axis: int) -> Numbers:
    """With an axis more, counted from the end."""
    x = np.asarray(x)
    return np.expand_dims(x.reshape((1,) * (-axis - 1 - x.ndim) + x.shape), axis)


def concatenate(parts: Sequence[Numbers], axis: int = 0) -> Numbers:
    """Parts that broadcast against each other, side by side."""
    most = max(axis + 1, -axis, *[np.ndim(p) for p in parts])
    axis %= most
    parts = [np.reshape(p, (1,) * (most - np.ndim(p)) + np.shape(p)) for p in parts]
    shapes = [list(p.shape) for p in parts]
    for shape in shapes:
        shape[axis] = 1
    others = np.broadcast_shapes(*shapes)
    return np.concatenate(
        [np.broadcast_to(p, (*others[:axis], p.shape[axis], *others[axis + 1 :])) for p in parts], axis
    )


def take(rows: Numbers, i: Numbers) -> Numbers:
    at = np.asarray(i).astype(np.intp)
    return np.take_along_axis(rows, at[..., None], -1)[..., 0] if np.ndim(at) else rows[..., at]


WRITTEN: dict[str, Callable[..., Numbers]] = {
    **{name: getattr(np, name) for name in ("sum", "max", "mean", "any", "arange", "array", "repeat", "reshape")},
    **{f.__name__: f for f in (relu, where, sigmoid, softplus, sech2, elu, gap, above, logsumexp, log_softmax,
                               softmax, einsum, full, take, expand, concatenate)},
    "edge": where,
    "leaky_relu": lambda x, slope: np.where(x > 0.0, x, slope * x),
    "selu": lambda x: ieee.SELU_SCALE * elu(x, ieee.SELU_ALPHA),
    "logsigmoid": lambda x: -softplus(-x),
    "isfinite": lambda x: np.isfinite(x) + 0.0,
    "deg2rad": lambda x: x * TABLE["deg2rad"].partials[0],
    "rad2deg": lambda x: x * TABLE["rad2deg"].partials[0],
    "reciprocal": lambda x: 1.0 / x,
    "identity": lambda x: x,
    "move": lambda x: x,
    "detached": lambda x: x,
}  # fmt: skip
