"""Variants: activations with numbers of their own, as other frameworks have them beside those of `nn.ACTIVATIONS`.

Each stands wherever an activation does: `Layer(2, 3, activation=LeakyReLU(0.2))`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

from engine import elu, greater, leaky_relu, softplus, tanh, where

KAPPA = 0.044715  # of the cubic term
BETA = sqrt(2.0 / pi)
STRAIGHT = 40.0  # from here on softplus(x) is x to the last bit


@dataclass(frozen=True)
class LeakyReLU:
    """x above 0, slope·x below.

    Args:
        slope: a number.

    >>> from nn.variants import LeakyReLU
    >>> LeakyReLU(0.2)(-1.0)
    -0.2
    """

    slope: float

    def __call__(self, x: Any) -> Any:
        """The activation of a number or Value."""
        return leaky_relu(x, self.slope)


@dataclass(frozen=True)
class ELU:
    """x above 0, alpha·(exp(x) - 1) below.

    Args:
        alpha: a number.

    >>> from nn.variants import ELU
    >>> round(ELU(2.0)(-1.0), 6)
    -1.264241
    """

    alpha: float

    def __call__(self, x: Any) -> Any:
        """The activation of a number or Value."""
        return elu(x, self.alpha)


@dataclass(frozen=True)
class Softplus:
    """log(1 + exp(beta·x)) / beta, and x itself where beta·x is above a threshold: PyTorch's form, which is cut at 20.

    Args:
        beta: a number that is not 0.
        threshold: where the straight line begins.

    >>> from nn.variants import Softplus
    >>> Softplus(1.0, 20.0)(21.0)
    21.0
    """

    beta: float
    threshold: float

    def __call__(self, x: Any) -> Any:
        """The activation of a number or Value."""
        z = x if self.beta == 1.0 else self.beta * x
        smooth = softplus(z)
        return where(greater(z, self.threshold), x, smooth if self.beta == 1.0 else smooth / self.beta)


@dataclass(frozen=True)
class TanhGELU:
    """x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))): what gelu was approximated by.

    Hendrycks & Gimpel, Gaussian error linear units (2016).

    >>> from nn.variants import TanhGELU
    >>> round(TanhGELU()(1.0), 6)
    0.841192
    """

    def __call__(self, x: Any) -> Any:
        """The activation of a number or Value."""
        return 0.5 * x * (1.0 + tanh(BETA * (x + KAPPA * (x * x * x))))


# By name.
VARIANTS: dict[str, Callable[..., Any]] = {v.__name__: v for v in (LeakyReLU, ELU, Softplus, TanhGELU)}
