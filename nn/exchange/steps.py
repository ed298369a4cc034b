"""Steps: a network read as a row of plain steps, which is what other frameworks can say of it.

A step is a matrix with biases, a function of numbers or of a whole row, Dropout, a normalisation or a table. A network
can be read so if it is made of nn's own classes, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import engine
from engine import TABLE, Op, Value
from engine.arguments import shown

from ..activations import ActivationLike
from ..blocks import Activation, Dropout, Embedding, LayerNorm, Part, Sequential
from ..layers import MLP, Layer, Neuron
from ..module import Module, module_of
from ..network import NeuralNetwork

OF_ROWS = {"softmax": engine.softmax, "log_softmax": engine.log_softmax}  # see all numbers of a row


@dataclass(frozen=True)
class PlainStep:
    """A step, with where it was read from: its path in the network, and the Module; None of a function."""

    path: str
    module: Module | None


@dataclass(frozen=True)
class Dense(PlainStep):
    """Wx + b."""

    weights: list[list[Value]]  # a row for each output
    biases: list[Value]


@dataclass(frozen=True)
class Nonlinearity(PlainStep):
    """A function of each number, or of the row."""

    function: ActivationLike  # the name of a row, "softmax", "log_softmax", or a variant (see `nn.activations`)


@dataclass(frozen=True)
class Dropping(PlainStep):
    """Dropout."""

    rate: float  # the part that is dropped in training


@dataclass(frozen=True)
class Normalization(PlainStep):
    """LayerNorm."""

    gain: list[Value]
    bias: list[Value]
    epsilon: float  # what is added to the variance


@dataclass(frozen=True)
class Lookup(PlainStep):
    """Embedding: rows by number, one after the other."""

    rows: list[list[Value]]


def steps(who: str, model: object) -> list[PlainStep]:
    """The steps of a network, in order; the identity is none, the output function of a NeuralNetwork is the last.

    Raises:
        TypeError: model is no network, or has a part that is no such step.
        ValueError: the steps do not fit together.
    """
    found = list(_read(who, module_of(who, model)))
    if isinstance(model, NeuralNetwork):
        found += _function("output", None, model.output)
    _fit(who, found)
    return found


def inputs_of(found: list[PlainStep]) -> int | None:
    """How many numbers the first step takes: of a table, numbers of rows; None where any number will do."""
    if found and isinstance(found[0], Lookup):
        width = inputs_of(found[1:])
        return None if width is None else width // len(found[0].rows[0])
    for step in found:
        width = _width(step)[0]
        if width is not None:
            return width
    return None


def outputs_of(found: list[PlainStep]) -> int | None:
    """How many numbers the last step makes; None where it hangs on the inputs."""
    for step in reversed(found):
        width = _width(step)[1]
        if width is not None or isinstance(step, Lookup):
            return width
    return None


def without_equal(who: str, framework: str, names: Iterable[str], step: Nonlinearity, also: str = "") -> ValueError:
    """What is said of a function that another framework does not have."""
    return ValueError(
        f"{who} takes activations that {framework} has too, identity, {', '.join(names)}, "
        f"got {shown(step.function)} at {step.path}; choose one of these{also}"
    )


def flat(rows: Iterable[Iterable[Value]]) -> list[Value]:
    """The Values of a matrix, row after row."""
    return [v for row in rows for v in row]


# Reading -------------------------------------------------------------------------------------------------------------


def _read(who: str, net: Module) -> Iterator[PlainStep]:
    stack: list[tuple[str, Part]] = [("", net)]
    while stack:
        path, x = stack.pop()
        if not isinstance(x, Module):
            yield from _function(path, None, x)
            continue
        _check_forward(who, path, x)
        if isinstance(x, (Sequential, MLP)):
            start = path + "." if path else ""
            layers: list[Part] = [*x.layers]
            stack += [(f"{start}layers.{k}", layer) for k, layer in reversed(list(enumerate(layers)))]
        else:
            yield from _of_module(who, path, x)


def _check_forward(who: str, path: str, module: Module) -> None:
    """Whether a Module runs the `forward` of one of nn's classes."""
    for known in (Sequential, MLP, Layer, Neuron, Activation, Dropout, LayerNorm, Embedding):
        if isinstance(module, known) and type(module).forward is known.forward and "forward" not in vars(module):
            return
    where = f" at {path}" if path else ""
    raise TypeError(
        f"{who} takes networks of nn's own layers in a row, got {type(module).__name__}{where}, whose forward is its "
        "own; write its parts as an nn.Sequential"
    )


def _of_module(who: str, path: str, module: Module) -> Iterator[PlainStep]:
    match module:
        case Layer():
            yield from _layer(who, path, module)
        case Neuron():
            yield Dense(path, module, [module.w], [module.b])
            yield from _function(path, module, module.activation)
        case Activation():
            yield from _function(path, module, module.activation)
        case Dropout():
            yield Dropping(path, module, module.rate)
        case LayerNorm():
            yield Normalization(path, module, module.gain, module.bias, module.epsilon)
        case Embedding():
            yield Lookup(path, module, module.weight)


def _layer(who: str, path: str, layer: Layer) -> Iterator[PlainStep]:
    where = path or "the layer"
    for neuron in layer.neurons:
        _check_forward(who, path, neuron)
        if len(neuron.w) != layer.nin:
            raise ValueError(f"{who} takes neurons of {layer.nin} inputs in {where}, got one of {len(neuron.w)}")
    activations = {name if isinstance(name, str) else id(name): name for name in [n.activation for n in layer.neurons]}
    if len(activations) > 1:
        named = ", ".join([f"{shown(name)}" for name in activations.values()])
        raise ValueError(f"{who} takes one activation for all neurons of a layer, got {named} in {where}")
    yield Dense(path, layer, [n.w for n in layer.neurons], [n.b for n in layer.neurons])
    for activation in activations.values():
        yield from _function(path, layer, activation)


def _function(path: str, module: Module | None, function: ActivationLike) -> Iterator[PlainStep]:
    name = _name(function)
    if name != "identity":
        yield Nonlinearity(path, module, name)


def _name(function: ActivationLike) -> ActivationLike:
    """The name of a row of the table, where a function is one; else the function."""
    if isinstance(function, str):
        return function
    for name, whole in OF_ROWS.items():
        if function is whole:
            return name
    if isinstance(function, Op) and TABLE.get(function.name) is function:
        return function.name
    return next((name for name in TABLE if getattr(Value, name, None) is function), function)


# Widths --------------------------------------------------------------------------------------------------------------


def _width(step: PlainStep) -> tuple[int | None, int | None]:
    """(how many numbers a step takes, how many it makes), where that is fixed."""
    if isinstance(step, Dense):
        return len(step.weights[0]), len(step.weights)
    if isinstance(step, Normalization):
        return len(step.gain), len(step.gain)
    return None, None


def _fit(who: str, found: list[PlainStep]) -> None:
    width: int | None = None
    for k, step in enumerate(found):
        where = step.path or type(step.module).__name__
        if isinstance(step, Lookup) and k:
            raise ValueError(f"{who} takes an Embedding as the first step only, got one at {where}")
        takes, makes = _width(step)
        if None not in (takes, width) and takes != width:
            raise ValueError(
                f"{who} takes steps that fit together, got {width} numbers for {where}, which takes {takes}"
            )
        width = makes or width
        if k == 1 and isinstance(found[0], Lookup) and takes is not None and takes % len(found[0].rows[0]):
            raise ValueError(
                f"{who} takes steps that fit together, got rows of {len(found[0].rows[0])} numbers for {where}, "
                f"which takes {takes}"
            )
