"""Clipping: gradients cut down before a step, as pure functions of scalars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import clip, minimum, sqrt, square, total

Number = Any  # a float, or a Value while a loop is recorded


def clipped_by_value(gradients: Sequence[Number], most: Number) -> list[Number]:
    """Each gradient, cut to ±most.

    >>> from nn.clipping import clipped_by_value
    >>> clipped_by_value([3.0, -0.5], 1.0)
    [1.0, -0.5]
    """
    return [clip(g, -most, most) for g in gradients]


def clipped_by_norm(gradients: Sequence[Number], most: Number) -> list[Number]:
    """All gradients, scaled by one factor so that the root of the sum of their squares is at most `most`.

    Pascanu et al., On the difficulty of training recurrent neural networks (2013), with PyTorch's 1e-6 in the divisor.

    >>> from nn.clipping import clipped_by_norm
    >>> [round(g, 5) for g in clipped_by_norm([3.0, 4.0], 1.0)]
    [0.6, 0.8]
    """
    factor = norm_factor(total([square(g) for g in gradients]), most)
    return [g * factor for g in gradients]


def norm_factor(squares: Number, most: Number) -> Number:
    """The factor on gradients whose squares have this sum.

    >>> from nn.clipping import norm_factor
    >>> norm_factor(0.25, 1.0)
    1.0
    """
    return minimum(most / (sqrt(squares) + 1e-6), 1.0)
