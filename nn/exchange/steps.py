"""Stages: a network read as a row of plain steps, which is what other frameworks can say of it.

A step is a matrix with biases, a function of numbers or of a whole row, Dropout, a normalisation or a table. A network
can be read so if it is made of nn's own classes, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import engine
from engine import TABLE, Op, Value

from ..blocks import Activation, Dropout, Embedding, LayerNorm, Sequential
from ..layers import MLP, Layer, Neuron
from ..module import Module, module_of
from ..network import NeuralNetwork

Whole = Callable[[Any], Any]
OF_ROWS: dict[str, Whole] = {"softmax": engine.softmax, "log_softmax": engine.log_softmax}  # see all numbers of a row


@dataclass(frozen=True)
class Stage:
    """A step.

    Attributes:
        path: the path, in the network, of what it was read from.
        module: the Module itself; None of a function.
    """

    path: str
    module: Module | None


@dataclass(frozen=True)
class Dense(Stage):
    """Wx + b.

    Attributes:
        weights: a row of Values for each output.
        biases: a Value for each output.
    """

    weights: list[list[Value]]
    biases: list[Value]


@dataclass(frozen=True)
class Function(Stage):
    """A function of each number, or of the row.

    Attributes:
        function: the name of a row of the table, "softmax", "log_softmax", or a variant (see `nn.activations`).
    """

    function: Any


@dataclass(frozen=True)
class Dropping(Stage):
    """Dropout.

    Attributes:
        rate: the part that is dropped in training.
    """

    rate: float


@dataclass(frozen=True)
class Normalization(Stage):
    """LayerNorm.

    Attributes:
        gain, bias: lists of Values.
        epsilon: what is added to the variance.
    """

    gain: list[Value]
    bias: list[Value]
    epsilon: float


@dataclass(frozen=True)
class Table(Stage):
    """Embedding: rows by number, one after the other.

    Attributes:
        rows: lists of Values.
    """

    rows: list[list[Value]]


def stages(who: str, model: Any) -> list[Stage]:
    """The steps of a network, in order; the identity is none.

    Args:
        who: the function that was called, for messages.
        model: a Module of nn's own classes, or a NeuralNetwork, whose output function is the last step.

    Raises:
        TypeError: model is no network, or has a part that is no such step.
        ValueError: the steps do not fit together.

    >>> from nn import MLP
    >>> from nn.exchange.steps import stages
    >>> [type(stage).__name__ for stage in stages("to_torch", MLP(2, [3, 1], activation="tanh", seed=0))]
    ['Dense', 'Function', 'Dense']
    """
    found = list(_read(who, module_of(who, model)))
    if isinstance(model, NeuralNetwork):
        found += _function(who, "output", None, model.output)
    _fit(who, found)
    return found


def inputs_of(found: list[Stage]) -> int | None:
    """How many numbers the first step takes: of a table, numbers of rows; None where any number will do.

    >>> from nn import Embedding, Layer, Sequential
    >>> from nn.exchange.steps import inputs_of, stages
    >>> inputs_of(stages("to_onnx", Sequential(Embedding(5, 2, seed=0), Layer(6, 1, seed=0))))
    3
    """
    if found and isinstance(found[0], Table):
        width = inputs_of(found[1:])
        return None if width is None else width // len(found[0].rows[0])
    for stage in found:
        width = _width(stage)[0]
        if width is not None:
            return width
    return None


def outputs_of(found: list[Stage]) -> int | None:
    """How many numbers the last step makes; None where it hangs on the inputs.

    >>> from nn import MLP
    >>> from nn.exchange.steps import outputs_of, stages
    >>> outputs_of(stages("to_onnx", MLP(2, [3, 1], seed=0)))
    1
    """
    for stage in reversed(found):
        width = _width(stage)[1]
        if width is not None or isinstance(stage, Table):
            return width
    return None


# Reading -------------------------------------------------------------------------------------------------------------


def _read(who: str, net: Module) -> Iterator[Stage]:
    stack: list[tuple[str, Any]] = [("", net)]
    while stack:
        path, x = stack.pop()
        if isinstance(x, Module):
            known = _known(who, path, x)
            if known in (Sequential, MLP):
                start = path + "." if path else ""
                stack += [(f"{start}layers.{k}", layer) for k, layer in reversed(list(enumerate(x.layers)))]  # type: ignore[attr-defined]  # known
            else:
                yield from _STEPS[known](who, path, x)
        else:
            yield from _function(who, path, None, x)


def _known(who: str, path: str, module: Module) -> type[Module]:
    """The class of nn whose `forward` a Module runs."""
    classes: list[type[Module]] = [Sequential, MLP, *_STEPS]
    for known in classes:
        if isinstance(module, known) and type(module).forward is known.forward and "forward" not in vars(module):
            return known
    where = f" at {path}" if path else ""
    raise TypeError(
        f"{who} takes networks of nn's own layers in a row, got {type(module).__name__}{where}, whose forward is its "
        "own; write its parts as an nn.Sequential"
    )


def _neuron(who: str, path: str, neuron: Any) -> Iterator[Stage]:
    yield Dense(path, neuron, [neuron.w], [neuron.b])
    yield from _function(who, path, neuron, neuron.activation)


def _layer(who: str, path: str, layer: Any) -> Iterator[Stage]:
    where = path or "the layer"
    for neuron in layer.neurons:
        _known(who, path, neuron)
        if len(neuron.w) != layer.nin:
            raise ValueError(f"{who} takes neurons of {layer.nin} inputs in {where}, got one of {len(neuron.w)}")
    activations = {name if isinstance(name, str) else id(name): name for name in [n.activation for n in layer.neurons]}
    if len(activations) > 1:
        named = ", ".join([f"{name!r:.60}" for name in activations.values()])
        raise ValueError(f"{who} takes one activation for all neurons of a layer, got {named} in {where}")
    yield Dense(path, layer, [n.w for n in layer.neurons], [n.b for n in layer.neurons])
    for activation in activations.values():
        yield from _function(who, path, layer, activation)


def _function(who: str, path: str, module: Module | None, function: Any) -> Iterator[Stage]:
    name = _name(function)
    if name != "identity":
        yield Function(path, module, name)


def _name(function: Any) -> Any:
    """The name of a row of the table, where a function is one; else the function."""
    if isinstance(function, str):
        return function
    for name, whole in OF_ROWS.items():
        if function is whole:
            return name
    if isinstance(function, Op) and TABLE.get(function.name) is function:
        return function.name
    return next((name for name in TABLE if getattr(Value, name, None) is function), function)


_STEPS: dict[type[Module], Callable[[str, str, Any], Iterator[Stage]]] = {
    Layer: _layer,
    Neuron: _neuron,
    Activation: lambda who, path, m: _function(who, path, m, m.activation),
    Dropout: lambda who, path, m: iter([Dropping(path, m, m.rate)]),
    LayerNorm: lambda who, path, m: iter([Normalization(path, m, m.gain, m.bias, m.epsilon)]),
    Embedding: lambda who, path, m: iter([Table(path, m, m.weight)]),
}


# Widths --------------------------------------------------------------------------------------------------------------


def _width(stage: Stage) -> tuple[int | None, int | None]:
    """(how many numbers a step takes, how many it makes), where that is fixed."""
    if isinstance(stage, Dense):
        return len(stage.weights[0]), len(stage.weights)
    if isinstance(stage, Normalization):
        return len(stage.gain), len(stage.gain)
    return None, None


def _fit(who: str, found: list[Stage]) -> None:
    width: int | None = None
    for k, stage in enumerate(found):
        where = stage.path or type(stage.module).__name__
        if isinstance(stage, Table) and k:
            raise ValueError(f"{who} takes an Embedding as the first step only, got one at {where}")
        takes, makes = _width(stage)
        if None not in (takes, width) and takes != width:
            raise ValueError(
                f"{who} takes steps that fit together, got {width} numbers for {where}, which takes {takes}"
            )
        width = makes or width
        if k == 1 and isinstance(found[0], Table) and takes is not None and takes % len(found[0].rows[0]):
            raise ValueError(
                f"{who} takes steps that fit together, got rows of {len(found[0].rows[0])} numbers for {where}, "
                f"which takes {takes}"
            )
