"""Blocks: Modules in a row, and the layers between them: Activation, Dropout, LayerNorm, Embedding.

There is no BatchNorm: the statistics of a batch are no function of one example, so that what a network says about an
example would depend on its neighbours. LayerNorm has the same use and looks at one example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import isinf, nan
from typing import Any

from engine import Op, Operands, Value, dot, equal, mean, sqrt, square, take, total, where
from engine.arguments import checked, number, real, shown, whole

from .activations import ACTIVATIONS, Activated, ActivationLike, value_of
from .arguments import Inputs, Number, is_alone, is_missing, is_row, shape
from .init import Generator, Start, generator, given_generator, initialiser
from .layers import width, written
from .module import Module

Part = Callable[[Any], Any]  # of a Sequential: a Module, or a function of what flows between them


class Sequential(Module):
    """Modules, or functions, in a row: each gets what the one before returned.

    Args:
        *layers: Modules, and functions of what flows between them, such as engine.softmax.

    Attributes:
        layers: the list of them.

    >>> from nn import Dropout, Layer, Sequential
    >>> net = Sequential(Layer(2, 8, seed=0), Dropout(0.5, seed=0), Layer(8, 1, activation="identity", seed=1))
    >>> net.parameter_count, len(net)
    (33, 3)
    """

    def __init__(self, *layers: Part) -> None:
        if len(layers) == 1 and isinstance(layers[0], (list, tuple)):
            layers = tuple(layers[0])
        if not layers:
            raise ValueError("Sequential takes at least one Module or function, got none")
        for layer in layers:
            if isinstance(layer, type) or not callable(layer):
                hint = f"; write {layer.__name__}(...)" if isinstance(layer, type) else ""
                hint = f"; write Activation({layer!r})" if isinstance(layer, str) and layer in ACTIVATIONS else hint
                raise TypeError(f"Sequential takes Modules and functions, got {shown(layer)}{hint}")
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        """What the last one returns."""
        for layer in self.layers:
            try:
                x = layer(x)
            except TypeError:
                if not isinstance(layer, Op) or layer.lists or not is_row(x):
                    raise
                name = layer.name
                write = f"nn.Activation({name!r})" if name in ACTIVATIONS else f"lambda xs: [{name}(x) for x in xs]"
                raise TypeError(f"{name} takes one number, got a list in a Sequential; write {write}") from None
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Part]:
        return iter(self.layers)

    def __getitem__(self, i: int) -> Part:
        return self.layers[i]

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        inside = "".join(f"  {getattr(layer, 'name', None) or repr(layer)},\n" for layer in self.layers)
        return f"Sequential(\n{inside})"


class Activation(Activated, Module):
    """An activation as a step of its own: of a list it is applied to each element.

    Args:
        activation: a name from `nn.ACTIVATIONS`, or a function of a Value.

    Attributes:
        activation: as given.

    Raises:
        ValueError, TypeError: activation is neither.

    >>> from nn import Activation, Layer, LayerNorm, Sequential
    >>> net = Sequential(Layer(2, 3, activation="identity", seed=0), LayerNorm(3), Activation("relu"))
    >>> [y.data for y in net[2]([Value(-1.0), Value(2.0)])]
    [0.0, 2.0]
    """

    def __init__(self, activation: ActivationLike) -> None:
        self.activation = activation

    def forward(self, x: Inputs) -> Inputs:
        """The activation of each input, a list; of one Value alone its activation."""
        activate = self._activate
        if activate is None:
            return x
        ys = [activate(a if a.__class__ is Value else Value(a)) for a in _list(self, x)]
        ys = [y if y.__class__ is Value else value_of(self.activation, y) for y in ys]
        return ys[0] if is_alone(x) else ys

    def __repr__(self) -> str:
        return f"Activation({written(self.activation)})"


def _part(who: str, name: str, x: object) -> float:
    return number(who, name, x, "the part to drop, a number from 0 to below 1,", lambda part: 0.0 <= part < 1.0)


class Dropout(Module):
    """While training, each input is 0 with probability `rate`, else divided by 1 - rate; in evaluation it is handed on.

    So the mean is the same in both (inverted dropout). Srivastava et al., Dropout: a simple way to prevent neural
    networks from overfitting (2014). `nn.fit` lends its own seeded generator, so that a training is reproducible.

    Args:
        rate: the part to drop, from 0 to below 1.
        rng, seed: where masks come from, a random.Random or an int; without them fresh, and kept in `seed`.

    Attributes:
        rate: as given.
        rng: the generator that masks are drawn from.
        mask: None to draw one at each call; or factors to use instead, numbers or Values, as a compiled loop passes in.

    Raises:
        ValueError, TypeError: an argument is not one of these.

    >>> from nn import Dropout
    >>> dropout = Dropout(0.5, seed=1)
    >>> [y.data for y in dropout([Value(1.0), Value(1.0), Value(1.0)])]
    [0.0, 2.0, 2.0]
    >>> dropout.eval()([1.0, 1.0])
    [1.0, 1.0]
    """

    rate: float = checked(_part)
    rng: Generator = checked(lambda who, name, rng: given_generator(rng))
    mask: list[Number] | None = checked(lambda who, name, mask: None if mask is None else _list(who, mask, "factors"))

    def __init__(self, rate: float = 0.5, *, rng: Generator | None = None, seed: int | None = None) -> None:
        self.rate = rate
        self.rng, self.seed = generator(rng, seed)
        self.mask = None

    def draw(self, count: int) -> list[float]:
        """A mask: `count` factors, each 0 or 1/(1 - rate)."""
        kept, draw = 1.0 / (1.0 - self.rate), self.rng.random
        return [kept if draw() >= self.rate else 0.0 for _ in range(whole("draw", "count", count))]

    def forward(self, x: Inputs) -> Inputs:
        """The inputs times a mask; outside training as they are."""
        if not self.training or not self.rate:
            return x
        xs = _list(self, x)
        mask = self.draw(len(xs)) if self.mask is None else self.mask
        if len(mask) != len(xs):
            raise ValueError(f"Dropout takes a mask as long as its inputs, {len(xs)}, got {len(mask)}")
        out = [a * m for a, m in zip(xs, mask)]
        return out[0] if is_alone(x) else out

    def __repr__(self) -> str:
        return f"Dropout({self.rate})"


class LayerNorm(Module):
    """Inputs shifted and scaled to mean 0 and variance 1, then gain · x + bias, each input with its own.

    Ba et al., Layer normalization (2016).

    Args:
        nin: how many inputs.
        epsilon: added to the variance, positive.

    Attributes:
        gain, bias: the parameters, lists of Values; at first 1 and 0.

    Raises:
        ValueError, TypeError: an argument is not one of these.

    >>> from nn import LayerNorm
    >>> [round(y.data, 3) for y in LayerNorm(3)([1.0, 2.0, 3.0])]
    [-1.225, 0.0, 1.225]
    """

    epsilon: float = checked(lambda who, name, x: number(who, name, x, "a positive number", lambda x: 0.0 < x < 1e300))

    def __init__(self, nin: int, epsilon: float = 1e-5) -> None:
        count = width("LayerNorm", "nin", nin)
        self.epsilon = epsilon
        self.gain = [Value(1.0) for _ in range(count)]
        self.bias = [Value(0.0) for _ in range(count)]

    def forward(self, x: Inputs) -> list[Value]:
        """A list of as many Values."""
        xs = _list(self, x)
        if len(xs) != len(self.gain):
            raise ValueError(f"LayerNorm takes {len(self.gain)} inputs, got {len(xs)}")
        middle = mean(xs)
        centred = [a - middle for a in xs]
        spread = sqrt(mean([square(c) for c in centred]) + self.epsilon)
        return [g * (c / spread) + b for g, c, b in zip(self.gain, centred, self.bias)]

    def __repr__(self) -> str:
        return f"LayerNorm({len(self.gain)})"


class Embedding(Module):
    """A table with a row of parameters for each of a number of things, such as the letters of an alphabet.

    Args:
        count: how many things.
        dimension: how many parameters each has.
        init: how they start: a name or an initialiser (see `nn.init`); by default normal with standard deviation 1.
        rng, seed: where randomness comes from, a random.Random or an int; without them fresh, and kept in `seed`.

    Attributes:
        weight: the list of rows.

    A call takes the number of a thing, from 0, and returns its row; or a list of numbers, and returns the rows one
    after the other in one list, as the next layer wants them.

    Raises:
        ValueError, TypeError: an argument is not one of these, or a call names no row.

    >>> from nn import Embedding
    >>> letters = Embedding(27, 2, init="zeros", seed=0)
    >>> [v.data for v in letters(3)], len(letters([3, 1, 20]))
    ([0.0, 0.0], 6)
    """

    def __init__(
        self, count: int, dimension: int, *, init: Start | None = None, rng: Generator | None = None,
        seed: int | None = None,
    ) -> None:  # fmt: skip
        count = width("Embedding", "count", count)
        dimension = width("Embedding", "dimension", dimension)
        draw = initialiser("normal" if init is None else init)
        rng, self.seed = generator(rng, seed)
        self.weight = [[Value(draw(rng, count, dimension)) for _ in range(dimension)] for _ in range(count)]

    def forward(self, x: Inputs) -> list[Value]:
        """The row of a number, or the rows of a list of numbers in one list."""
        sizes = shape(x)
        if not isinstance(x, Iterable) or sizes == ():
            return list(self._row(x))
        if sizes is not None and len(sizes) != 1:
            raise ValueError(f"{self!r} takes one row of whole numbers, got an array of shape {tuple(sizes)}")
        return [v for i in x for v in self._row(i)]

    def _row(self, i: Any) -> list[Value]:
        if is_alone(i):
            (i,) = Operands([i])
            try:
                int(i)
            except TypeError:  # in a trace its number is not known
                return self._looked_up(i)
        place = real(i)
        if place is None:
            raise TypeError(f"Embedding takes whole numbers, got {shown(i)}; give each thing a number first")
        if not 0.0 <= place < len(self.weight) or place != int(place):
            got = shown(i) if isinf(place) else str(place).removesuffix(".0")
            raise ValueError(f"Embedding takes whole numbers from 0 to {len(self.weight) - 1}, got {got}")
        return self.weight[int(place)]

    def _looked_up(self, i: Any) -> list[Value]:
        """The row of a number that a compiled program is given later; of one that it computes, by a one-hot row times the
        table, nan for no row."""
        try:
            return list(take(self.weight, i, negative=False))
        except TypeError:  # no number of an example, which could be looked at before it is used
            places = [equal(i, float(k)) for k in range(len(self.weight))]
            there = total(places)
            return [where(there, dot(places, column), nan) for column in zip(*self.weight)]

    def __repr__(self) -> str:
        return f"Embedding({len(self.weight)}, {len(self.weight[0])})"


def _list(module: Module | str, x: object, what: str = "numbers and Values") -> list[Number]:
    if is_alone(x):
        x = [x]
    if not is_row(x):
        raise TypeError(f"{module!s} takes a list of {what}, got {shown(x)}")
    sizes = shape(x)
    if sizes is not None and len(sizes) != 1:
        raise ValueError(f"{module!s} takes one row of {what}, got an array of shape {tuple(sizes)}")
    return [a if a.__class__ is Value or a.__class__ is float else _number(module, a, what) for a in x]


def _number(module: Module | str, a: Any, what: str) -> Number:
    try:
        return Operands([a])[0]
    except TypeError:
        hint = "; fill or drop missing ones first" if is_missing(a) else ""
        raise TypeError(f"{module!s} takes a list of {what}, got {shown(a)} in it{hint}") from None
