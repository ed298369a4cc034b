"""Layers: a neuron, a layer of neurons, and layers in a row (the multi-layer perceptron).

micrograd's signatures and attributes work here: `MLP(2, [16, 16, 1])`, `.layers[0].neurons[0].w`, `.b`. A neuron's
weighted sum is one node of many operands, not a chain of sums and products.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from engine import Operands, Value, dot, scope
from engine.arguments import checked, is_number, listed, shown, whole

from .activations import Activated, ActivationLike, activation_function, value_of
from .arguments import Inputs, Number, is_alone, is_missing, is_row
from .init import Generator, Start, generator, initialiser
from .matrices import Matrix
from .module import Module, new
from .place import Place
from .weights import Slot, kernel_and_bias


class Neuron(Activated, Module):
    """activation(b + w·x): one weighted sum and one activation.

    Args:
        nin: how many inputs.
        nonlin: False for no activation (micrograd's switch).
        activation: a name from `nn.activations.ACTIVATIONS`, or a function of a Value; relu if nothing is given.
        init: how weights start: a name or an initialiser (see `nn.init`); He for relu, else Glorot. Biases start at 0.
        rng, seed: where randomness comes from, a random.Random or an int; without them fresh, and kept in `seed`.
        nout: how many neurons the layer has, for the initialiser.

    Attributes:
        w, b: the parameters: a list of Values, and a Value.
        activation: as given.
        seed: the seed, or None where an rng was given.

    Raises:
        ValueError, TypeError: an argument is not one of these.

    >>> from nn import Neuron
    >>> neuron = Neuron(2, init="zeros", seed=0)
    >>> neuron, neuron([1.0, -2.0]).data
    (Neuron(2, activation='relu'), 0.0)
    """

    def __init__(
        self, nin: int, nonlin: bool = True, *, activation: ActivationLike | None = None, init: Start | None = None,
        rng: Generator | None = None, seed: int | None = None, nout: int = 1,
    ) -> None:  # fmt: skip
        inputs = width("Neuron", "nin", nin)
        outputs = width("Neuron", "nout", nout)
        self.activation = _activation("Neuron", nonlin, activation)
        draw = initialiser(init, self.activation)
        rng, self.seed = generator(rng, seed)
        self.w = [Value(draw(rng, inputs, outputs)) for _ in range(inputs)]
        self.b = Value(0.0)
        self._weights = Operands(self.w)

    @property
    def nonlin(self) -> bool:
        """Whether there is an activation."""
        return self._activate is not None

    def forward(self, x: Inputs) -> Number:
        """The output, a Value; x is a list of as many numbers or Values as there are weights."""
        if x.__class__ is not Operands:
            x = inputs(self, x, len(self.w))
        weights = self._weights.current(self.w)
        if weights is not self._weights:
            self._weights = weights
        y: Number = dot(weights, x, self.b)
        activate = self._activate
        if activate is None:
            return y
        out = activate(y if y.__class__ is Value else Value(y))
        if out.__class__ is not Value:
            out = value_of(self.activation, out)
        return out if y.__class__ is Value else out.data

    def _slots(self, path: str) -> list[Slot]:
        return kernel_and_bias(path, [self.w], [self.b])

    def __repr__(self) -> str:
        return f"Neuron({len(self.w)}, activation={written(self.activation)})"


def width(who: str, name: str, n: object) -> int:
    """A number of inputs or neurons, at least 1."""
    return whole(who, name, n, "whole numbers from 1", least=1)


class Layer(Module):
    """Neurons side by side, each of which sees all inputs.

    Args:
        nin: how many inputs.
        nout: how many neurons.
        nonlin, activation, init, rng, seed: as for `Neuron`.

    Attributes:
        neurons: a list of Neurons.
        nin: how many inputs.
        W, b: the same weights and biases as a matrix, a row for each neuron, and as a vector: see `nn.matrices`.
        seed: the seed, or None where an rng was given.

    >>> from nn import Layer
    >>> layer = Layer(2, 3, activation="tanh", init="zeros", seed=0)
    >>> layer, [y.data for y in layer([1.0, 2.0])]
    (Layer(2, 3, activation='tanh'), [0.0, 0.0, 0.0])
    """

    nin: int = checked(width)

    def __init__(
        self, nin: int, nout: int, nonlin: bool = True, *, activation: ActivationLike | None = None,
        init: Start | None = None, rng: Generator | None = None, seed: int | None = None,
    ) -> None:  # fmt: skip
        self.nin = nin
        outputs = width("Layer", "nout", nout)
        rng, self.seed = generator(rng, seed)
        self.neurons = [
            Neuron(self.nin, nonlin, activation=activation, init=init, rng=rng, nout=outputs) for _ in range(outputs)
        ]

    @property
    def W(self) -> Matrix:  # noqa: N802  the matrix of O = σ(WX + b)
        """The weights as a matrix: row i, column j is what neuron i gives input j."""
        return Matrix("W", [n.w for n in self.neurons])

    @W.setter
    def W(self, numbers: object) -> None:  # noqa: N802  the W of the formula
        self.W[...] = numbers

    @property
    def b(self) -> Matrix:
        """The biases as a vector."""
        return Matrix("b", [n.b for n in self.neurons])

    @b.setter
    def b(self, numbers: object) -> None:
        self.b[...] = numbers

    def forward(self, x: Any) -> Any:
        """A list of one output a neuron; of a single neuron its output alone, as in micrograd."""
        x = inputs(self, x, self.nin)
        out = []
        for neuron in self.neurons:
            if neuron.__class__ is Neuron:  # neuron(x), in less time
                place = new(Place)
                place.module = neuron
                out.append(place.call(neuron.forward, x))
            else:
                out.append(neuron(x))
        return out[0] if len(out) == 1 else out

    def _slots(self, path: str) -> list[Slot]:
        whole = kernel_and_bias(path, [n.w for n in self.neurons], [n.b for n in self.neurons])
        return whole or super()._slots(path)

    def __repr__(self) -> str:
        activations = dict.fromkeys(written(n.activation) for n in self.neurons)
        return f"Layer({self.nin}, {len(self.neurons)}, activation={' '.join(activations)})"


class MLP(Module):
    """A multi-layer perceptron: layers in a row, the last one without activation.

    Args:
        nin: how many inputs.
        nouts: how many neurons in each layer.
        activation: that of all layers but the last; a name from `nn.activations.ACTIVATIONS`, or a function of a Value.
        init: how weights start: a name or an initialiser (see `nn.init`); by default He for relu, Glorot otherwise.
            Biases start at 0.
        rng, seed: where randomness comes from, a random.Random or an int; without them fresh, and kept in `seed`. The
            same seed gives the same bits on every run.

    Attributes:
        layers: a list of Layers.
        seed: the seed, or None where an rng was given.

    A call takes a list (or array) of `nin` numbers or Values and returns a list of Values, or where the last layer is a
    single neuron its one Value. Where it is given another number of inputs, a ValueError names the layer.

    >>> from nn import MLP
    >>> net = MLP(2, [16, 16, 1], seed=1)
    >>> net
    MLP(2, [16, 16, 1], activation='relu')
    >>> loss = (net([1.0, -2.0]) - 1.0) ** 2
    >>> loss.backward()
    >>> net.layers[0].neurons[0].w[0].scope, net.parameter_count
    (None, 337)
    """

    def __init__(
        self, nin: int, nouts: Sequence[int], *, activation: ActivationLike = "relu", init: Start | None = None,
        rng: Generator | None = None, seed: int | None = None,
    ) -> None:  # fmt: skip
        sizes = listed("MLP", "nouts", nouts, "a list of layer sizes, [1] for one layer,")
        widths = [width("MLP", "nin", nin), *[width("MLP", "nouts", n) for n in sizes]]
        if len(widths) == 1:
            raise ValueError("MLP takes at least one layer size in nouts, got []; for one output write [1]")
        rng, self.seed = generator(rng, seed)
        hidden = len(widths) - 2
        self.layers = [
            Layer(n, m, activation=activation if i < hidden else "identity", init=init, rng=rng)
            for i, (n, m) in enumerate(pairwise(widths))
        ]
        activation_function(activation)  # also where no layer uses it

    def forward(self, x: Inputs) -> Any:
        """The outputs of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __repr__(self) -> str:
        if not self.layers:
            return "MLP without layers"
        widths = [len(layer.neurons) for layer in self.layers]
        hidden = dict.fromkeys(written(n.activation) for layer in self.layers[:-1] for n in layer.neurons)
        activation = f", activation={' '.join(hidden)}" if hidden else ""
        return f"MLP({self.layers[0].nin}, {widths}{activation})"


def inputs(module: Module, x: Any, expected: int) -> Operands:
    """The inputs of a Module, read once for all its neurons; a ValueError where they are not `expected` many."""
    if is_alone(x) or isinstance(x, (int, float)):
        x = [x]  # a layer of one neuron hands on its output alone
    elif x.__class__ is not list:
        shape = getattr(x, "shape", None)
        if shape is not None and len(shape) != 1:
            hint = "; call it on one row at a time" if len(shape) > 1 else ""
            raise ValueError(f"{_named(module)} takes {_plural(expected)}, got an array of shape {tuple(shape)}{hint}")
        if hasattr(x, "tolist"):
            x = x.tolist()
        elif not is_row(x):
            raise TypeError(f"{_named(module)} takes a list of {_plural(expected)}, numbers or Values, got {shown(x)}")
    if x.__class__ is not Operands:
        x = x if x.__class__ is list else list(x)
        try:
            x = Operands(x)
        except TypeError:
            raise _no_numbers(module, x, expected) from None
    read: Operands = x
    if len(read) != expected:
        raise ValueError(f"{_named(module)} takes {_plural(expected)}, got {len(read)}")
    return read


def _no_numbers(module: Module, x: list[object], expected: int) -> TypeError:
    """What is wrong with inputs of which one is no number."""
    for k, a in enumerate(x):
        if not is_number(a):
            nested = isinstance(a, (list, tuple)) or getattr(a, "shape", ()) != ()
            hint = (
                "; call it on one row at a time" if nested else "; fill or drop missing ones" if is_missing(a) else ""
            )
            return TypeError(
                f"{_named(module)} takes {_plural(expected)}, numbers or Values, got {shown(a)} as x[{k}]{hint}"
            )
    return TypeError(f"{_named(module)} takes {_plural(expected)}, numbers or Values, got {shown(x)}")


def _plural(n: int) -> str:
    return f"{n} input{'s' * (n != 1)}"


def _named(module: Module) -> str:
    """The path of the running call, or what the Module is where it is the outermost."""
    with scope("") as here:
        return here.path or repr(module)


def _activation(who: str, nonlin: object, activation: ActivationLike | None) -> ActivationLike:
    if not isinstance(nonlin, (bool, int)):
        raise TypeError(f"{who} takes True or False as nonlin, got {shown(nonlin)}; write activation={shown(nonlin)}")
    if not nonlin and activation is not None:
        raise ValueError(f"{who} takes nonlin=False or an activation, got both; leave one out")
    return ("relu" if nonlin else "identity") if activation is None else activation


def written(activation: object) -> str:
    """An activation as it is printed: its name, or the name of its function."""
    return repr(activation if isinstance(activation, str) else getattr(activation, "__name__", activation))
