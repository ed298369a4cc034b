"""Penalties: what large weights cost, as a part of the loss.

A penalty is a function of a Module that returns a Value, made of the same scalar function of each weight. An l2 penalty
and an optimiser's `weight_decay` differ: with `SGD` an l2 penalty of strength s is a weight_decay of 2s on the weights
alone, with the adaptive optimisers it is not, since they divide its gradient by their running size as all else, while
`AdamW` takes its decay off the parameters directly. Also `weight_decay` shrinks biases, and no loss shows it.
"""

from __future__ import annotations

from collections.abc import Callable

from engine import Value, abs, square, total
from engine.arguments import checked, flag, number, shown, text
from engine.arguments import function as callable_

from .arguments import Number
from .module import Module

BIASES = frozenset(("b", "bias", "biases", "gain"))  # parameters of these names are no weights


class Penalty:
    """Strength times the sum of a function over all weights of a Module.

    Args:
        name: how it is called.
        function: a function of one weight, made of the engine's operations.
        strength: from 0.
        biases: whether biases (parameters called b, bias or biases, and the gain of LayerNorm) count too.

    >>> from engine import cosh
    >>> from nn import MLP
    >>> from nn.penalties import Penalty
    >>> Penalty("soft", lambda w: cosh(w) - 1.0, 0.1)(MLP(1, [1], init="zeros", seed=0)).data
    0.0
    """

    name: str = checked(text)
    function: Callable[[Number], Number] = checked(callable_)
    strength: float = checked(lambda who, name, s: number(who, name, s, "a number from 0", lambda s: s >= 0.0))
    biases: bool = checked(flag)

    def __init__(self, name: str, function: Callable[[Number], Number], strength: float, biases: bool = False) -> None:
        self.name = text("Penalty", "name", name)
        self.strength = number(name, "strength", strength, "a number from 0", lambda s: s >= 0.0)
        self.function, self.biases = function, flag(name, "biases", biases)

    def __call__(self, net: Module) -> Value:
        """The penalty of a Module's weights, a Value."""
        if not isinstance(net, Module):
            raise TypeError(f"{self.name} takes a Module, got {shown(net)}")
        named = net.checked_parameters()
        trained = set(net.parameters())
        weights = [p for path, p in named if p in trained and (self.biases or not is_bias(path))]
        penalty = self.strength * total([self.function(w) for w in weights])
        return penalty if penalty.__class__ is Value else Value(penalty)

    def __repr__(self) -> str:
        return f"{self.name}({self.strength}{', biases=True' if self.biases else ''})"


def l1(strength: float, biases: bool = False) -> Penalty:
    """Strength times the sum of |w|: drives weights to exactly 0, so that few inputs are used.

    Args:
        strength: from 0.
        biases: whether biases count too.

    Raises:
        TypeError, ValueError: an argument is not one of these.

    >>> from nn import MLP
    >>> from nn.penalties import l1
    >>> net = MLP(2, [1], init=lambda rng, inputs, outputs: -3.0, seed=0)
    >>> l1(0.5)(net).data
    3.0
    """
    return Penalty("l1", abs, strength, biases)


def l2(strength: float, biases: bool = False) -> Penalty:
    """Strength times the sum of w²: keeps all weights small.

    Args:
        strength: from 0.
        biases: whether biases count too.

    Raises:
        TypeError, ValueError: an argument is not one of these.

    >>> from nn import MLP
    >>> from nn.penalties import l2
    >>> net = MLP(2, [1], init=lambda rng, inputs, outputs: -3.0, seed=0)
    >>> l2(0.5)(net).data
    9.0
    """
    return Penalty("l2", square, strength, biases)


def is_bias(path: str) -> bool:
    """Whether the parameter at a path is a bias, by its name: what a penalty skips.

    >>> from nn.penalties import is_bias
    >>> is_bias("layers.0.neurons.1.b"), is_bias("layers.0.neurons.1.w.0")
    (True, False)
    """
    names = [part for part in text("is_bias", "path", path).split(".") if not part.isdigit()]
    return bool(names) and names[-1] in BIASES
