"""Initialisers: where weights start.

An initialiser is a function `(rng, inputs, outputs) -> float` that draws one weight of a neuron with so many inputs, in
a layer of so many outputs. The functions here make initialisers.

Randomness comes from `rng.random()` alone, the one method of Python's generator whose sequence is promised never to
change; normal numbers are made from it by Box and Muller's formula. The same seed gives the same bits on every run.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from math import inf
from typing import Protocol, runtime_checkable

from engine.arguments import nearest, number, shown, whole


@runtime_checkable
class Generator(Protocol):
    """Anything with a method `random()` that draws uniformly from [0, 1), such as random.Random."""

    def random(self) -> float:
        """A number from [0, 1)."""


Initialiser = Callable[[Generator, int, int], float]
Start = str | Initialiser | Callable[[], Initialiser]  # a name, an initialiser, or what makes one


def zeros() -> Initialiser:
    """Every weight 0: right for biases, wrong for weights.

    Neurons of a layer that start equal receive equal gradients, and stay equal for ever: the layer has one neuron.

    >>> from nn.init import zeros
    >>> zeros()(None, 2, 1)
    0.0
    """
    return constant(0.0)


def constant(value: float) -> Initialiser:
    """Every weight the same number; see `zeros` for why this is rarely wanted.

    Args:
        value: a finite number.

    Raises:
        TypeError, ValueError: value is no finite number.

    >>> from nn.init import constant
    >>> constant(0.5)(None, 2, 1)
    0.5
    """
    value = _finite("constant", "value", value)
    return lambda rng, inputs, outputs: value


def uniform(low: float = -1.0, high: float = 1.0) -> Initialiser:
    """Uniform between two numbers; without arguments from -1 to 1, as micrograd does.

    Args:
        low, high: finite, low not above high.

    Raises:
        TypeError, ValueError: low is above high, or one is no finite number.

    >>> import random
    >>> from nn.init import uniform
    >>> uniform(0.0, 2.0)(random.Random(0), 2, 1)
    1.6888437030500962
    """
    low, high = _finite("uniform", "low", low), _finite("uniform", "high", high)
    if low > high:
        raise ValueError(f"uniform takes low up to high, got {low} and {high}")
    return lambda rng, inputs, outputs: low + (high - low) * float(rng.random())


def normal(mean: float = 0.0, std: float = 1.0) -> Initialiser:
    """Normally distributed.

    Args:
        mean, std: finite, std not negative.

    Raises:
        TypeError, ValueError: std is negative, or one is no finite number.

    >>> import random
    >>> from nn.init import normal
    >>> -5.0 < normal()(random.Random(0), 2, 1) < 5.0
    True
    """
    mean, std = _finite("normal", "mean", mean), _finite("normal", "std", std)
    if std < 0.0:
        raise ValueError(f"normal takes a std from 0, got {std}")
    return lambda rng, inputs, outputs: mean + std * _standard_normal(rng)


def glorot_uniform(gain: float = 1.0) -> Initialiser:
    """Uniform with variance gain² · 2 / (inputs + outputs), for activations that are linear around 0, such as tanh.

    Keeps the variance of values forward and of gradients backward near 1 (Glorot & Bengio, Understanding the difficulty
    of training deep feedforward neural networks, 2010).

    Args:
        gain: a factor, positive.

    Raises:
        TypeError, ValueError: gain is no positive number.

    >>> import random
    >>> from nn.init import glorot_uniform
    >>> abs(glorot_uniform()(random.Random(0), 2, 1)) <= 2.0**0.5
    True
    """
    return _scaled_uniform("glorot_uniform", gain, lambda inputs, outputs: 2.0 / (inputs + outputs))


def glorot_normal(gain: float = 1.0) -> Initialiser:
    """Normal with mean 0 and the variance of `glorot_uniform`; gain is a factor likewise.

    >>> import random
    >>> from nn.init import glorot_normal
    >>> -5.0 < glorot_normal()(random.Random(0), 2, 1) < 5.0
    True
    """
    return _scaled_normal("glorot_normal", gain, lambda inputs, outputs: 2.0 / (inputs + outputs))


def he_uniform(gain: float = 1.0) -> Initialiser:
    """Uniform with variance gain² · 2 / inputs, for relu, which lets half of the variance through.

    He et al., Delving deep into rectifiers (2015).

    Args:
        gain: a factor, positive.

    Raises:
        TypeError, ValueError: gain is no positive number.

    >>> import random
    >>> from nn.init import he_uniform
    >>> abs(he_uniform()(random.Random(0), 6, 1)) <= 1.0
    True
    """
    return _scaled_uniform("he_uniform", gain, lambda inputs, outputs: 2.0 / inputs)


def he_normal(gain: float = 1.0) -> Initialiser:
    """Normal with mean 0 and the variance of `he_uniform`; gain is a factor likewise.

    >>> import random
    >>> from nn.init import he_normal
    >>> -5.0 < he_normal()(random.Random(0), 2, 1) < 5.0
    True
    """
    return _scaled_normal("he_normal", gain, lambda inputs, outputs: 2.0 / inputs)


def lecun_uniform(gain: float = 1.0) -> Initialiser:
    """Uniform with variance gain² / inputs, for selu, and for activations near the identity.

    LeCun et al., Efficient backprop (1998), section 4.6.

    Args:
        gain: a factor, positive.

    Raises:
        TypeError, ValueError: gain is no positive number.

    >>> import random
    >>> from nn.init import lecun_uniform
    >>> abs(lecun_uniform()(random.Random(0), 3, 1)) <= 1.0
    True
    """
    return _scaled_uniform("lecun_uniform", gain, lambda inputs, outputs: 1.0 / inputs)


def lecun_normal(gain: float = 1.0) -> Initialiser:
    """Normal with mean 0 and the variance of `lecun_uniform`; gain is a factor likewise.

    >>> import random
    >>> from nn.init import lecun_normal
    >>> -5.0 < lecun_normal()(random.Random(0), 2, 1) < 5.0
    True
    """
    return _scaled_normal("lecun_normal", gain, lambda inputs, outputs: 1.0 / inputs)


INITIALISERS: dict[str, Callable[..., Initialiser]] = {
    f.__name__: f
    for f in (zeros, uniform, normal, glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform, lecun_normal)
}


def initialiser(init: object, activation: object = None) -> Initialiser:
    """The initialiser that `init` stands for.

    Args:
        init: a name from `INITIALISERS`, an initialiser, or None for the usual one of the activation: He for relu,
            else Glorot, both uniform.
        activation: the name of the activation.

    Raises:
        ValueError: there is no initialiser of this name.
        TypeError: init is nothing of the kind.

    >>> import random
    >>> from nn.init import he_uniform, initialiser
    >>> initialiser(None, "relu")(random.Random(0), 6, 1) == he_uniform()(random.Random(0), 6, 1)
    True
    """
    if init is None:
        return he_uniform() if activation == "relu" else glorot_uniform()
    if isinstance(init, str):
        if init not in INITIALISERS:
            hint = nearest(init, INITIALISERS)
            raise ValueError(f"init takes one of {', '.join(INITIALISERS)}, or a function, got {init!r}{hint}")
        return INITIALISERS[init]()
    for maker in INITIALISERS.values():
        if init is maker:
            return maker()
    if init is constant or not callable(init):
        hint = "; write constant(0.5)" if init is constant else ""
        raise TypeError(f"init takes a name or a function (rng, inputs, outputs) -> weight, got {shown(init)}{hint}")
    return init


def generator(rng: Generator | None = None, seed: int | None = None) -> tuple[Generator, int | None]:
    """(a generator of random numbers, the seed it was made from).

    Args:
        rng: a generator to use, whose seed is not known; or None.
        seed: an int from 0; or None for a fresh one from the operating system.

    Raises:
        TypeError: rng or seed is nothing of the kind.
        ValueError: both are given, or seed is negative.

    >>> from nn.init import generator
    >>> rng, seed = generator(seed=3)
    >>> seed, rng.random()
    (3, 0.23796462709189137)
    """
    if rng is not None:
        if seed is not None:
            raise ValueError(f"a network takes rng or seed, got both (seed {seed!r}); leave one out")
        return given_generator(rng), None
    if seed is None:
        seed = random.SystemRandom().getrandbits(32)
    seed = whole("a network", "seed", seed, most=inf)
    return random.Random(seed), seed


def given_generator(rng: object) -> Generator:
    """A generator that was given; a TypeError where it is none."""
    if isinstance(rng, type) or not isinstance(rng, Generator) or not callable(rng.random):
        raise TypeError(f"rng takes a generator such as random.Random(0), got {shown(rng)}; for a number use seed=")
    return rng


def _standard_normal(rng: Generator) -> float:
    """Box & Muller, A note on the generation of random normal deviates (1958); the sine is not kept, so no state is."""
    radius = math.sqrt(-2.0 * math.log(1.0 - float(rng.random())))
    return radius * math.cos(2.0 * math.pi * float(rng.random()))


def _scaled_uniform(who: str, gain: float, variance: Callable[[int, int], float]) -> Initialiser:
    gain = _positive_gain(who, gain)

    def draw(rng: Generator, inputs: int, outputs: int) -> float:
        limit = gain * math.sqrt(3.0 * variance(inputs, outputs))
        return limit * (2.0 * float(rng.random()) - 1.0)

    return draw


def _scaled_normal(who: str, gain: float, variance: Callable[[int, int], float]) -> Initialiser:
    gain = _positive_gain(who, gain)
    return lambda rng, inputs, outputs: gain * math.sqrt(variance(inputs, outputs)) * _standard_normal(rng)


def _positive_gain(who: str, gain: float) -> float:
    return number(who, "gain", gain, "a positive number", lambda x: x > 0.0)


def _finite(who: str, name: str, x: float) -> float:
    return number(who, name, x, "a finite number")
