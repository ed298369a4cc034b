"""Activations: the functions between the layers, by name. Each is a row of the engine's table.

Variants have numbers of their own, as other frameworks have them beside those of `ACTIVATIONS`. Each stands wherever an
activation does: `Layer(2, 3, activation=LeakyReLU(0.2))`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

from engine import TABLE, Operands, Value, elu, greater, leaky_relu, softplus, tanh, where
from engine.arguments import nearest, shown

from .arguments import Number

__all__ = ["ACTIVATIONS", "Activated", "ActivationLike", "activation_function", "value_of"]

ActivationLike = str | Callable[[Any], Any]  # a name, or a function of a Value

# What each is for, in a line.
ACTIVATIONS: dict[str, str] = {
    "identity": "none: the weighted sum as it is, for the last layer",
    "relu": "max(x, 0): the usual one; trains fast, but a neuron below 0 for all data is dead",
    "leaky_relu": "relu with slope 0.01 below 0, so that no neuron dies",
    "elu": "relu that bends smoothly to -1 below 0; means stay near 0",
    "selu": "elu scaled so that deep nets keep mean 0 and variance 1",
    "sigmoid": "from 0 to 1: a probability, or a gate; gradients vanish on both sides",
    "tanh": "from -1 to 1, centred at 0: small nets, recurrent nets; gradients vanish on both sides",
    "softplus": "smooth relu: outputs that must be positive",
    "silu": "x·sigmoid(x), also called swish: smooth, for deep nets",
    "gelu": "x·Φ(x): smooth, for transformers",
}

_OTHER_NAMES = {"linear": "identity", "none": "identity", "swish": "silu", "logistic": "sigmoid", "lrelu": "leaky_relu"}


def activation_function(activation: object) -> Callable[[Value], Value] | None:
    """The function that an activation stands for; None for the identity, which makes no node.

    Args:
        activation: a name from `ACTIVATIONS`, or any function of a Value.

    Raises:
        ValueError: there is no activation of this name.
        TypeError: activation is neither a name nor a function.

    >>> from engine import Value
    >>> from nn.activations import activation_function
    >>> activation_function("relu")(Value(-2.0))
    Value(data=0.0, grad=–)
    """
    if isinstance(activation, str):
        if activation in ACTIVATIONS:
            return _FUNCTIONS[activation]
        if activation == "softmax":
            raise ValueError(
                "activation takes a function of one number, got 'softmax', which needs all outputs of a layer; "
                "train with loss='cross_entropy', which has it inside, or put engine.softmax last in a Sequential"
            )
        name = activation.lower().replace(" ", "_")
        hint = nearest(_OTHER_NAMES.get(name, name), ACTIVATIONS)
        raise ValueError(
            f"activation takes one of {', '.join(ACTIVATIONS)}, or a function of a Value, got {activation!r}{hint}"
        )
    if not callable(activation):
        raise TypeError(f"activation takes a name or a function of a Value, got {shown(activation)}")
    return activation


_FUNCTIONS = {name: None if name == "identity" else getattr(Value, name) for name in ACTIVATIONS}


def value_of(activation: object, y: Any) -> Value:
    """What an activation gave for a Value, where that is not plainly a Value: NumPy may have boxed it.

    Raises:
        TypeError: it is a number, or anything else that no gradient passes.
    """
    if getattr(y, "shape", None) == ():
        boxed = Operands([y])[0]
        if isinstance(boxed, Value):
            return boxed
    name = getattr(activation, "__name__", repr(activation))
    hint = f"use engine.{name}" if name in TABLE else "make it of engine's functions, as engine.where for np.where"
    raise TypeError(
        f"activation takes a function that returns a Value for a Value, got {shown(y)} from {name:.60}, and no gradient "
        f"passes that; {hint}"
    )


class Activated:
    """What has an activation: the name or function as given, and beside it the function that it stands for."""

    @property
    def activation(self) -> ActivationLike:
        """A name from `ACTIVATIONS`, or a function of a Value; a Module is found by its name, as in any attribute."""
        given: ActivationLike = self.__dict__["activation"]
        return given

    @activation.setter
    def activation(self, activation: ActivationLike) -> None:
        self._activate = activation_function(activation)
        self.__dict__["activation"] = activation


# Variants ------------------------------------------------------------------------------------------------------------

KAPPA = 0.044715  # of the cubic term
BETA = sqrt(2.0 / pi)
STRAIGHT = 40.0  # from here on softplus(x) is x to the last bit


@dataclass(frozen=True)
class LeakyReLU:
    """x above 0, slope·x below.

    Args:
        slope: a number.

    >>> from nn.activations import LeakyReLU
    >>> LeakyReLU(0.2)(-1.0)
    -0.2
    """

    slope: float

    def __call__(self, x: Number) -> Number:
        """The activation of a number or Value."""
        return leaky_relu(x, self.slope)


@dataclass(frozen=True)
class ELU:
    """x above 0, alpha·(exp(x) - 1) below.

    Args:
        alpha: a number.

    >>> from nn.activations import ELU
    >>> round(ELU(2.0)(-1.0), 6)
    -1.264241
    """

    alpha: float

    def __call__(self, x: Number) -> Number:
        """The activation of a number or Value."""
        return elu(x, self.alpha)


@dataclass(frozen=True)
class Softplus:
    """log(1 + exp(beta·x)) / beta, and x itself where beta·x is above a threshold: PyTorch's form, which is cut at 20.

    Args:
        beta: a number that is not 0.
        threshold: where the straight line begins.

    >>> from nn.activations import Softplus
    >>> Softplus(1.0, 20.0)(21.0)
    21.0
    """

    beta: float
    threshold: float

    def __call__(self, x: Number) -> Number:
        """The activation of a number or Value."""
        z = x if self.beta == 1.0 else self.beta * x
        smooth = softplus(z)
        bent: Number = where(greater(z, self.threshold), x, smooth if self.beta == 1.0 else smooth / self.beta)
        return bent


@dataclass(frozen=True)
class TanhGELU:
    """x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))): what gelu was approximated by.

    Hendrycks & Gimpel, Gaussian error linear units (2016).

    >>> from nn.activations import TanhGELU
    >>> round(TanhGELU()(1.0), 6)
    0.841192
    """

    def __call__(self, x: Number) -> Number:
        """The activation of a number or Value."""
        bent: Number = tanh(BETA * (x + KAPPA * (x * x * x)))
        return 0.5 * x * (1.0 + bent)


# By name.
VARIANTS: dict[str, Callable[..., Callable[[Number], Number]]] = {
    v.__name__: v for v in (LeakyReLU, ELU, Softplus, TanhGELU)
}
