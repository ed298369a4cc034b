"""A standard network on plain floats: the bits that its Values give, without the Values that nobody looks at.

Standard are Layers in a row, with activations by name, and Dropout between them. Their sums and slopes are the rows of the
engine's table, run on floats in the order in which backward runs them. The loss stays a graph of Values, made of the
outputs. Where anything is cut off or not finite, the answer is an ArithmeticError, and Values say what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import isfinite
from operator import mul
from typing import Any

from engine import TABLE, Value, topological_order

from ..blocks import Dropout, Sequential
from ..layers import MLP, Layer, Neuron
from ..module import Module

Adjoints = list[tuple[int, float]]  # (number of the node in its layer, adjoint), users first, as a sweep meets them
Seen = tuple[list[float], list[float], list[float]]  # of a part: inputs, sums (of Dropout its mask), outputs
DOT = TABLE["dot"].forward


def plain(net: Module, trained: Iterable[Value] | None = None) -> PlainNet | None:
    """The network on floats; None where it is not standard, or where other parameters than its own are trained.

    >>> from nn import MLP
    >>> from nn.training.plain import plain
    >>> net = MLP(2, [3, 1], seed=0)
    >>> plain(net).outputs([1.0, 2.0]).data == net([1.0, 2.0]).data
    True
    """
    parts: list[Layer | Dropout] = []
    waiting: list[Any] = [net]
    while waiting:
        module = waiting.pop()
        if type(module) not in (MLP, Sequential, Layer, Dropout) or "forward" in vars(module):
            return None
        if isinstance(module, (Layer, Dropout)):
            parts.append(module)
        else:
            waiting += reversed(module.layers)
    layers = [part for part in parts if isinstance(part, Layer)]
    neurons = [neuron for layer in layers for neuron in layer.neurons]
    held = [p for n in neurons for p in (*n.w, n.b)]
    own = set(map(id, held))
    standard = (
        isinstance(parts[-1], Layer)
        and all(type(n) is Neuron and "forward" not in vars(n) and isinstance(n.activation, str) for n in neurons)
        and all(p.__class__ is Value and p.op is None for p in held)
        and all(len(n.w) == len(below.neurons) for below, layer in pairwise(layers) for n in layer.neurons)
        and len(own) == len(held)
        and (trained is None or own == set(map(id, trained)))
    )
    return PlainNet(parts) if standard else None


class PlainLayer:
    """The numbers of a Layer, and what a batch adds to their gradients.

    A gradient starts at -0.0, which leaves what is added as it is; where nothing is, it is None.
    """

    def __init__(self, layer: Layer) -> None:
        self.neurons = layer.neurons
        self.weights = [[p.data for p in n.w] for n in layer.neurons]
        self.biases = [n.b.data for n in layer.neurons]
        self.rows = [None if n.activation == "identity" else TABLE[str(n.activation)] for n in layer.neurons]
        self.of_weights: list[list[float] | None] = [None] * len(self.neurons)
        self.of_biases = [-0.0] * len(self.neurons)

    def seen(self, x: list[float]) -> Seen:
        """(inputs, weighted sums, outputs)."""
        if len(x) != len(self.weights[0]):  # of the first layer; Values say what it takes
            raise ArithmeticError
        z = [DOT(ws, x, b) for ws, b in zip(self.weights, self.biases)]
        y = [s if row is None else row.forward(s, *row.defaults) for s, row in zip(z, self.rows)]
        return x, z, y

    def push(self, seen: Seen, adjoints: Adjoints, below: bool) -> Adjoints:
        """Add to the gradients; the adjoints of the inputs, if anything is `below`."""
        x, z, y = seen
        given = [-0.0] * len(x)
        reached = False
        for j, g in adjoints:
            row = self.rows[j]
            if row is not None:
                slope = row.partials[0]
                slope = slope if slope.__class__ is float else slope(z[j], *row.defaults, y[j])
                if not slope and row.selects:
                    continue
                g *= slope
            so_far = self.of_weights[j]
            self.of_weights[j] = [a + g * b for a, b in zip(so_far or [-0.0] * len(x), x)]
            self.of_biases[j] += g
            if below:
                given = [a + g * w for a, w in zip(given, self.weights[j])]
                reached = True
        if not isfinite(sum(given)):
            raise ArithmeticError
        return [(k, given[k]) for k in reversed(range(len(x)))] if reached else []

    def assign(self, fresh: bool) -> None:
        """Set the gradients of the parameters, or add to them."""
        for n, ws, b in zip(self.neurons, self.of_weights, self.of_biases):
            grads = [0.0] * (len(n.w) + 1) if ws is None else [*ws, b]
            for p, g in zip((*n.w, n.b), grads):
                p.grad = g if fresh else p.grad + g


class PlainDropout:
    """A Dropout; its sums are its mask."""

    def __init__(self, dropout: Dropout) -> None:
        self.dropout = dropout

    def seen(self, x: list[float]) -> Seen:
        """(inputs, factors, outputs)."""
        dropout = self.dropout
        if not dropout.training or not dropout.rate:
            return x, [], x
        if dropout.mask is not None:
            raise ArithmeticError
        mask = dropout.draw(len(x))
        return x, mask, list(map(mul, x, mask))

    def push(self, seen: Seen, adjoints: Adjoints, below: bool) -> Adjoints:
        """The adjoints of the inputs."""
        mask = seen[1]
        return [(k, g * mask[k]) for k, g in adjoints] if mask else adjoints

    def assign(self, fresh: bool) -> None:
        """It has no parameters."""


class PlainNet:
    """A standard network, with the numbers that it has now, for one batch."""

    def __init__(self, modules: Sequence[Layer | Dropout]) -> None:
        self.parts = [PlainLayer(m) if isinstance(m, Layer) else PlainDropout(m) for m in modules]
        self._seen: list[tuple[list[Seen], list[Value]]] = []  # of each example, with its outputs

    def outputs(self, x: object, kept: bool = True) -> Any:
        """What the network returns for an example, as leaves; what a sweep needs of it is kept."""
        if not isinstance(x, list) or set(map(type, x)) != {float}:
            raise ArithmeticError
        found: list[Seen] = []
        for part in self.parts:
            found.append(part.seen(x))
            x = found[-1][2]
            if not isfinite(sum(found[-1][1]) + sum(x)):
                raise ArithmeticError
        outputs = [Value(y) for y in x]
        if kept:
            self._seen.append((found, outputs))
        return outputs[0] if len(outputs) == 1 else outputs

    def sweep(self, losses: Sequence[Value], share: float) -> None:
        """Backward from the mean of the losses, one for each example, with `share` as its adjoint."""
        share *= 1.0 / len(losses)
        for loss, (seen, outputs) in zip(reversed(losses), reversed(self._seen)):
            places = {id(y): k for k, y in enumerate(outputs)}
            order = [id(v) for v in topological_order(loss) if v.op is None]
            if set(order) != places.keys():
                raise ArithmeticError
            loss.backward(share)
            adjoints = [(places[y], outputs[places[y]].grad) for y in reversed(order)]
            if not all(g and isfinite(g) for _, g in adjoints):  # of 0 nobody can tell whether it was reached
                raise ArithmeticError
            for k in reversed(range(len(self.parts))):
                adjoints = self.parts[k].push(seen[k], adjoints, below=k > 0)

    def assign(self, fresh: bool) -> None:
        """Set the gradients of the parameters, or add to them."""
        for part in self.parts:
            part.assign(fresh)
