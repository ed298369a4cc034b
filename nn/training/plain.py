"""A standard network on plain floats: the bits that its Values give, without the Values that nobody looks at.

Standard are Layers in a row, with activations by name, and Dropout between them. A batch goes through them as arrays of
examples side by side: activations and their slopes are rows of the engine's table, and each sum has the order that it has
among Values. The loss stays a graph of Values, made of the outputs. Where a number is not finite, or Values alone know
what a sweep reaches, an ArithmeticError sends the batch to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING

from engine import TABLE, Value, mean, topological_order

from ..blocks import Dropout, Sequential
from ..layers import MLP, Layer, Neuron
from ..module import Module
from .objective import Outputs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Table = NDArray[np.float64]  # a row for each example
    Reached = NDArray[np.bool_]  # which numbers of such a table a sweep comes to


def plain(net: Module, trained: Iterable[Value] | None = None) -> PlainNet | None:
    """The network on floats; None where it is not standard, where other parameters than its own are trained, or without NumPy.

    >>> from nn import MLP
    >>> from nn.training.plain import plain
    >>> net = MLP(2, [3, 1], seed=0)
    >>> [y.data == net([1.0, 2.0]).data for y in plain(net).outputs([[1.0, 2.0]])]
    [True]
    """
    parts: list[Layer | Dropout] = []
    waiting: list[object] = [net]
    while waiting:
        module = waiting.pop()
        if type(module) not in (MLP, Sequential, Layer, Dropout) or "forward" in vars(module):
            return None
        if isinstance(module, (Layer, Dropout)):
            parts.append(module)
        elif isinstance(module, (MLP, Sequential)):
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
    return PlainNet(parts) if standard and find_spec("numpy") is not None else None


class PlainLayer:
    """A Layer, with the numbers that it has now."""

    def __init__(self, layer: Layer) -> None:
        import numpy as np

        self.neurons = layer.neurons
        self.weights = np.array([[p.data for p in n.w] for n in layer.neurons])
        self.biases = np.array([n.b.data for n in layer.neurons])
        self.rows = [None if n.activation == "identity" else TABLE[str(n.activation)] for n in layer.neurons]

    def outputs(self, x: Table) -> Table:
        """What the neurons say of each example; kept for a sweep."""
        import numpy as np

        if x.shape[1] != self.weights.shape[1]:  # of the first layer; Values say what it takes
            raise ArithmeticError
        z = np.tile(self.biases, (len(x), 1))
        for k, weights in enumerate(self.weights.T):
            z += x[:, k, None] * weights
        y = z.copy()
        for j, row in enumerate(self.rows):
            if row is not None:
                y[:, j] = [row.forward(s, *row.defaults) for s in z[:, j].tolist()]
        self.x, self.z, self.y = x, finite(z), finite(y)
        return y

    def slopes(self, reached: Reached) -> Table:
        """The derivative of each output with respect to its sum; what is not connected is taken out of `reached`."""
        import numpy as np

        found = np.ones_like(self.z)
        for j, row in enumerate(self.rows):
            if row is not None:
                slope, pairs = row.partials[0], zip(self.z[:, j].tolist(), self.y[:, j].tolist())
                constant = slope.__class__ is float
                found[:, j] = slope if constant else [slope(z, *row.defaults, y) for z, y in pairs]
                if row.selects:
                    reached[:, j] &= found[:, j] != 0.0
        return finite(found)

    def sweep(self, adjoints: Table, reached: Reached, order: Sequence[int]) -> tuple[Table, Reached]:
        """The adjoints of the inputs; the gradients of the parameters are kept. Sums start at -0.0, which changes nothing.

        Args:
            adjoints, reached: of the outputs.
            order: the outputs, as a sweep meets them.
        """
        import numpy as np

        reached = reached.copy()
        given = finite(adjoints * self.slopes(reached))
        self.of_weights, self.of_biases = np.full_like(self.weights, -0.0), np.full_like(self.biases, -0.0)
        for x, gs, here in zip(self.x[::-1], given[::-1], reached[::-1]):
            np.add(self.of_weights, gs[:, None] * x, out=self.of_weights, where=here[:, None])
            np.add(self.of_biases, gs, out=self.of_biases, where=here)
        untouched = ~reached.any(0)
        self.of_weights[untouched], self.of_biases[untouched] = 0.0, 0.0
        below = np.full_like(self.x, -0.0)
        for j in order:
            np.add(below, given[:, j, None] * self.weights[j], out=below, where=reached[:, j, None])
        return finite(below), np.broadcast_to(reached.any(1, keepdims=True), below.shape)

    def assign(self, fresh: bool) -> None:
        """Set the gradients of the parameters, or add to them."""
        for n, ws, b in zip(self.neurons, self.of_weights.tolist(), self.of_biases.tolist()):
            for p, g in zip((*n.w, n.b), (*ws, b)):
                p.grad = g if fresh else p.grad + g


class PlainDropout:
    """A Dropout, with a mask for each example."""

    def __init__(self, dropout: Dropout) -> None:
        self.dropout = dropout
        self.drops = dropout.training and dropout.rate > 0.0
        self.masks: list[list[float]] = []

    def outputs(self, x: Table) -> Table:
        """The inputs times their masks."""
        return x * self.masks if self.drops else x

    def sweep(self, adjoints: Table, reached: Reached, order: Sequence[int]) -> tuple[Table, Reached]:
        """The adjoints of the inputs."""
        return (adjoints * self.masks if self.drops else adjoints), reached

    def assign(self, fresh: bool) -> None:
        """It has no parameters."""


class PlainNet:
    """A standard network, with the numbers that it has now, for one batch."""

    def __init__(self, modules: Sequence[Layer | Dropout]) -> None:
        self.parts = [PlainLayer(m) if isinstance(m, Layer) else PlainDropout(m) for m in modules]
        self.leaves: list[list[Value]] = []  # the outputs for each example

    def outputs(self, examples: Sequence[object]) -> list[Outputs]:
        """What the network returns for each example, as leaves."""
        import numpy as np

        rows = [x for x in examples if isinstance(x, list) and set(map(type, x)) == {float}]
        if len(rows) < len(examples):
            raise ArithmeticError
        self._draw(rows)
        with np.errstate(all="ignore"):
            flow: Table = np.array(rows, float)
            for part in self.parts:
                flow = part.outputs(flow)
        self.leaves = [list(map(Value, ys)) for ys in flow.tolist()]
        return [ys[0] if len(ys) == 1 else ys for ys in self.leaves]

    def _draw(self, rows: Sequence[Sequence[float]]) -> None:
        """The masks, in the order in which examples draw them one by one."""
        for x in rows:
            width = len(x)
            for part in self.parts:
                if isinstance(part, PlainLayer):
                    width = len(part.neurons)
                elif part.drops:
                    if part.dropout.mask is not None:
                        raise ArithmeticError
                    part.masks.append(part.dropout.draw(width))

    def sweep(self, losses: Sequence[Value], share: float) -> None:
        """Backward from the mean of the losses, one for each example, with `share` as its adjoint."""
        import numpy as np

        cost = mean(losses)
        places = {id(y): (i, j) for i, ys in enumerate(self.leaves) for j, y in enumerate(ys)}
        met = [places.get(id(v), (-1, -1)) for v in reversed(topological_order(cost)) if v.op is None]
        order = [j for _, j in met[: len(self.leaves[0])]]
        if met != [(i, j) for i in reversed(range(len(losses))) for j in order] or len(met) != len(places):
            raise ArithmeticError
        cost.backward(share)
        adjoints = np.array([[y.grad for y in ys] for ys in self.leaves])
        if not adjoints.all():  # of 0 nobody can tell whether it was reached
            raise ArithmeticError
        reached = np.ones_like(adjoints, bool)
        with np.errstate(all="ignore"):
            finite(adjoints)
            for part in reversed(self.parts):
                adjoints, reached = part.sweep(adjoints, reached, order)
                order = list(reversed(range(adjoints.shape[1])))

    def assign(self, fresh: bool) -> None:
        """Set the gradients of the parameters, or add to them."""
        for part in self.parts:
            part.assign(fresh)


def finite(table: Table) -> Table:
    """The table, if all of it is finite."""
    import numpy as np

    if not np.isfinite(table).all():
        raise ArithmeticError
    return table
