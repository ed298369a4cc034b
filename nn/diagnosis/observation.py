"""Observation: what each unit of a network did on some examples, read off the graphs that the network made.

A unit is a Neuron, or an activation of the table that any other Module applies. Its graph tells its weighted sum, its
output, the slope of the activation between them, and after backward the derivative of the loss. Nothing is hooked into
the network: a node knows the Module that made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import fsum, inf, isfinite, sqrt

from engine import Value, partials, topological_order
from engine.arguments import real, shown

from ..activations import ACTIVATIONS
from ..layers import Neuron
from ..module import Module
from ..place import Place
from ..training.objective import LossFunction

_ROWS = frozenset(ACTIVATIONS) - {"identity"}


@dataclass(slots=True)
class Unit:
    """One unit, over the examples."""

    parameters: tuple[float, ...]  # the numbers of the parameters that the weighted sum reads directly
    inputs: list[float] = field(default_factory=list)  # its weighted sums
    outputs: list[float] = field(default_factory=list)  # what it hands on
    slopes: list[float] = field(default_factory=list)  # the derivatives of the outputs by the weighted sums
    gradients: list[float] = field(default_factory=list)  # the derivatives of each example's loss by the weighted sum

    @property
    def dead(self) -> bool:
        """Whether its slope is 0 on all examples: no gradient passes, so it never learns again."""
        return bool(self.slopes) and not any(self.slopes)


class UnitLayer:
    """The units that belong to one Module of a network.

    Attributes:
        path: the Module's path, as in `named_modules`; the class's name for the network itself.
        activation: the name of the row, "identity", or "function" where the units compute something else.
        units: a list of Units.
    """

    def __init__(self, path: str, activation: str) -> None:
        self.path, self.activation = path, activation
        self.units: list[Unit] = []
        self._index: dict[tuple[int, int], Unit] = {}

    def unit(self, key: tuple[int, int], source: Value) -> Unit:
        """The unit of a key, new where it is met for the first time."""
        found = self._index.get(key)
        if found is None:
            read = tuple([a.data for a in source.args if isinstance(a, Value) and a.op is None])
            found = self._index[key] = Unit(read)
            self.units.append(found)
        return found

    @property
    def dead(self) -> list[int]:
        """The indices of the units that are dead; a saturated sigmoid or tanh is not."""
        return [] if self.activation in ("sigmoid", "tanh") else [i for i, u in enumerate(self.units) if u.dead]

    def saturated(self, threshold: float) -> float:
        """The share of outputs where a sigmoid's or tanh's slope is below so much of its steepest; else 0."""
        steepest = {"sigmoid": 0.25, "tanh": 1.0}.get(self.activation)
        slopes = [s for u in self.units for s in u.slopes]
        if steepest is None or not slopes:
            return 0.0
        return sum([s < threshold * steepest for s in slopes]) / len(slopes)

    @property
    def gradient(self) -> float:
        """The root mean square, over the examples, of the length of the loss's gradient by all weighted sums."""
        largest = max([abs(g) for u in self.units for g in u.gradients], default=0.0)
        if not 0.0 < largest < inf:
            return largest
        squares = fsum([(g / largest) ** 2 for u in self.units for g in u.gradients])
        return largest * sqrt(squares / max([len(u.gradients) for u in self.units]))

    def __repr__(self) -> str:
        return f"<layer {self.path}: {len(self.units)} units, {self.activation}>"


@dataclass
class Observation:
    """A network's units and losses over some examples.

    Attributes:
        layers: a list of UnitLayers, in the order of the graph.
        losses: the loss of each example.
        outputs: the network's outputs for each example, as floats.
        broken: the loss of the first example where a value or a gradient is nan or infinite, a Value; else None.
    """

    layers: list[UnitLayer] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    outputs: list[list[float] | float] = field(default_factory=list)
    broken: Value | None = None

    @property
    def loss(self) -> float:
        """The mean loss."""
        return fsum(self.losses) / len(self.losses) if all(map(isfinite, self.losses)) else self.losses[-1]


def observation(net: Module, examples: Sequence[object], targets: Iterable[object], loss: LossFunction) -> Observation:
    """Run a network forward and backward on examples and read off what its units did; loss is that of one example.

    The parameters' `.grad` gather the sum of all examples' gradients, as in training. It ends with the first example
    on which something is not finite.
    """
    paths = {id(m): path for path, m in net.named_modules()}
    layers: dict[str, UnitLayer] = {}
    seen = Observation()
    parameters = [p for _, p in net.checked_parameters()]
    for x, t in zip(examples, targets):
        outputs = net(x)
        error = loss(outputs, t)
        if real(error) is None:
            raise TypeError(f"a loss takes (outputs, target) and returns a Value, got {shown(error)} from it")
        seen.outputs.append([float(y) for y in outputs] if isinstance(outputs, list) else float(outputs))
        seen.losses.append(float(error))
        if not isinstance(error, Value):
            continue
        if error.op is not None:
            error.backward()
        met = _units(topological_order(error), type(net).__name__, paths)
        finite = isfinite(error.data) and all(isfinite(v.grad) for _, _, v, _ in met)
        if not finite or not all(isfinite(p.grad) for p in parameters):
            seen.broken = error
            break
        for path, key, source, result in met:
            if path not in layers:
                layers[path] = UnitLayer(path, _activation(source, result))
            unit = layers[path].unit(key, source)
            unit.inputs.append(source.data)
            unit.outputs.append(result.data)
            unit.slopes.append(_slope(source, result))
            unit.gradients.append(source.grad)
    seen.layers = list(layers.values())
    return seen


Met = tuple[str, tuple[int, int], Value, Value]


def _units(order: list[Value], root: str, paths: dict[int, str]) -> list[Met]:
    """(path of the layer, key of the unit, weighted sum, output) for each unit of one graph."""
    calls: dict[Place, list[Value]] = {}
    for v in order:
        place = v.scope
        while place is not None and not isinstance(place, Place):
            place = place.parent
        if place is not None and v.op is not None:
            calls.setdefault(place, []).append(v)
    place_of = {v: i for i, v in enumerate(order)}
    met: dict[Value, Met] = {}  # by what the unit hands on
    counts: dict[int, int] = {}

    def add(path: str, module: object, source: Value, result: Value) -> None:
        k = counts[id(module)] = counts.get(id(module), -1) + 1
        met[result] = path or root, (id(module), k), source, result

    others = []
    for place, nodes in calls.items():
        module = place.module
        path = paths.get(id(module), type(module).__name__)
        if isinstance(module, Neuron):
            source = next((v for v in nodes if v.op is not None and v.op.name == "dot"), nodes[0])
            add(path.rpartition("neurons.")[0].rstrip(".") or path, module, source, nodes[-1])
        else:
            others += [(path, module, v) for v in nodes if v.op is not None and v.op.name in _ROWS]
    for path, module, v in others:
        summed = v.args[0]
        if not isinstance(summed, Value):
            continue
        if summed in met and met[summed][2] is summed:  # an activation that stands after a layer without one
            met[v] = *met.pop(summed)[:3], v
        else:
            add(path, module, summed, v)
    return sorted(met.values(), key=lambda m: place_of[m[2]])


def _activation(source: Value, result: Value) -> str:
    if source is result:
        return "identity"
    row = result.op.name if result.op is not None else ""
    return row if row in ACTIVATIONS and result.args[0] is source else "function"


def _slope(source: Value, result: Value) -> float:
    if source is result:
        return 1.0
    if result.args[0] is source:
        return partials(result)[0] or 0.0
    return source.grad / result.grad if result.grad else 1.0  # no one looks: nothing is known
