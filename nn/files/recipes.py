"""Recipes: how to build a network of nn's own classes again, said in JSON.

A recipe is `{"class": name, "arguments": {…}}`, the arguments of the class's constructor without those that only set
where weights start, an activation that is no name as `{"function": name}` of the engine's table or as
`{"variant": name, "numbers": […]}` (see `nn.activations`); with `"frozen"`, the paths of Modules that are not trainable, and `"evaluation": true` for a network
in evaluation mode. It is read from a network as it is, and kept only where it builds one of the same structure.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import engine
from engine import TABLE, Op
from engine.arguments import shown

from ..activations import VARIANTS, ActivationLike
from ..blocks import Activation, Dropout, Embedding, LayerNorm, Sequential
from ..layers import MLP, Layer, Neuron, width
from ..module import Module, module_of
from ..network import NeuralNetwork

Network = Module | NeuralNetwork
Arguments = dict[str, Any]  # of a constructor, as JSON says them
CLASSES: dict[str, Callable[..., Any]] = {
    kind.__name__: kind
    for kind in (Neuron, Layer, MLP, Embedding, LayerNorm, Activation, Dropout, NeuralNetwork, Sequential)
}


def recipe(model: object) -> Arguments | None:
    """How to build a network with the structure of this one; None where nn's own constructors cannot."""
    try:
        made: Arguments = json.loads(json.dumps(_read(model), default=_said))
        module = module_of("a recipe", model)
        frozen = [path for path, m in module.named_modules() if not m.trainable]
        made |= {"frozen": frozen} if frozen else {}
        made |= {} if module.training else {"evaluation": True}
        twin = network(made, module.parameter_count)
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError):
        return None  # a class of the user's, a layer taken out, a function as activation, …
    return made if _structure(twin) == _structure(model) else None


def network(recipe: Arguments, parameter_count: int) -> Network:
    """The network of a recipe; where its parameters start means nothing.

    Raises:
        ValueError: it is no recipe, of no known class, or of another parameter count, before anything is built.
    """
    try:
        name, arguments = _class(recipe)  # a function alone is no network
        size = _size(recipe)
        if size != parameter_count:
            raise ValueError(f"a recipe for {parameter_count} parameters is wanted, got one for {size}")
        model: Network = _build(recipe)
        foreign = arguments.keys() - _arguments(model).keys()
        if foreign:
            raise ValueError(f"a recipe of {name} takes no {shown(min(foreign))}")
    except (ArithmeticError, LookupError, TypeError) as why:
        raise ValueError(f"a recipe takes the arguments of its class, got others: {why}") from None
    module = module_of("a recipe", model)
    modules = dict(module.named_modules())
    frozen = recipe.get("frozen", [])
    if not isinstance(frozen, list) or not all(isinstance(path, str) and path in modules for path in frozen):
        raise ValueError(f"a recipe takes paths of Modules as frozen, got {shown(frozen)}")
    for path in frozen:
        modules[path].trainable = False
    if recipe.get("evaluation"):
        module.eval()
    return model


def _structure(model: object) -> list[object]:
    module = module_of("a recipe", model)
    return [
        repr(model),
        [(path, type(m), repr(m), m.trainable, getattr(m, "activation", None)) for path, m in module.named_modules()],
        [path for path, _ in module.named_parameters()],
    ]


# One layer, or what stands for one in a Sequential -------------------------------------------------------------------


def _read(layer: object) -> Arguments:
    name = type(layer).__name__
    if CLASSES.get(name) is type(layer):
        return {"class": name, "arguments": _arguments(layer)}
    (name,) = [name for name in _functions() if _functions()[name] is layer]
    return {"function": name}


def _arguments(layer: object) -> Arguments:
    """The arguments that build a network of one of the classes."""
    match layer:
        case Neuron():
            return {"nin": len(layer.w), "activation": layer.activation, "seed": layer.seed}
        case Layer():
            activation = layer.neurons[0].activation
            return {"nin": layer.nin, "nout": len(layer.neurons), "activation": activation, "seed": layer.seed}
        case MLP(layers=layers):
            activation = layers[0].neurons[0].activation if len(layers) > 1 else "relu"
            nouts = [len(layer.neurons) for layer in layers]
            return {"nin": layers[0].nin, "nouts": nouts, "activation": activation, "seed": layer.seed}
        case Embedding(weight=rows):
            return {"count": len(rows), "dimension": len(rows[0]), "seed": layer.seed}
        case LayerNorm():
            return {"nin": len(layer.gain), "epsilon": layer.epsilon}
        case Activation():
            return {"activation": layer.activation}
        case Dropout():
            return {"rate": layer.rate, "seed": layer.seed}
        case Sequential():
            return {"layers": [_read(inner) for inner in layer.layers]}
    keys = ("layers", "alpha", "activation", "output", "loss", "batch_size", "seed", "validation")
    return {key: getattr(layer, key) for key in keys}


def _size(recipe: Arguments) -> int:
    """How many parameters there will be, so that a recipe cannot ask for more than a file holds."""
    if isinstance(recipe, dict) and recipe.keys() == {"function"}:
        return 0
    name, said = _class(recipe)
    match name:
        case "Neuron":
            return _layer_size(said["nin"], 1)
        case "Layer":
            return _layer_size(said["nin"], said["nout"])
        case "MLP":
            return _widths_size([said["nin"], *said["nouts"]])
        case "NeuralNetwork":
            return _widths_size(said["layers"])
        case "Embedding":
            return width(name, "count", said["count"]) * width(name, "dimension", said["dimension"])
        case "LayerNorm":
            return 2 * width(name, "nin", said["nin"])
        case "Sequential":
            return sum([_size(layer) for layer in said["layers"]])
    return 0


def _layer_size(nin: object, nout: object) -> int:
    return (width("Layer", "nin", nin) + 1) * width("Layer", "nout", nout)


def _widths_size(widths: list[object]) -> int:
    read = [width("a recipe", "layers", n) for n in widths]
    return sum([(n + 1) * m for n, m in pairwise(read)])


def _build(recipe: Arguments) -> Any:
    if recipe.keys() == {"function"}:
        name = recipe["function"]
        if not isinstance(name, str) or name not in _functions():
            raise ValueError(f"a recipe takes a function of engine by name, got {shown(name)}")
        return _functions()[name]
    name, said = _class(recipe)
    if name == "Sequential":
        if said.keys() != {"layers"}:
            raise TypeError(f"Sequential takes layers, got {', '.join(said)}")
        return Sequential(*[_build(layer) for layer in said["layers"]])
    start = {} if name in ("LayerNorm", "Activation", "Dropout") else {"init": "zeros"}
    understood = {key: _activation(x) if isinstance(x, dict) else x for key, x in said.items()}
    return CLASSES[name](**understood, **start)


def _class(recipe: Arguments) -> tuple[str, Arguments]:
    """(the name of the class, the arguments of its constructor) of a recipe."""
    if (
        not isinstance(recipe, dict)
        or not {"class", "arguments"} <= recipe.keys() <= {"class", "arguments", "frozen", "evaluation"}
        or not isinstance(recipe["class"], str)
        or not isinstance(recipe["arguments"], dict)
    ):
        raise ValueError(f"a recipe takes class and arguments, got {shown(recipe)}")
    if recipe["class"] not in CLASSES:
        raise ValueError(f"a recipe takes one of the classes {', '.join(CLASSES)}, got {shown(recipe['class'])}")
    return recipe["class"], recipe["arguments"]


def _said(activation: object) -> Arguments:
    """An activation that is no name, as JSON can say it."""
    if type(activation) in VARIANTS.values():
        return {"variant": type(activation).__name__, "numbers": list(vars(activation).values())}
    if isinstance(activation, Op) and TABLE.get(activation.name) is activation:
        return {"function": activation.name}
    raise TypeError(f"a recipe takes activations by name, got {shown(activation)}")


def _activation(said: Arguments) -> ActivationLike:
    if said.keys() == {"function"}:
        return TABLE[said["function"]]
    if said.keys() != {"variant", "numbers"} or not all(isinstance(x, (int, float)) for x in said["numbers"]):
        raise ValueError(f"a recipe takes function, or variant and numbers, as activation, got {shown(said)}")
    return VARIANTS[said["variant"]](*said["numbers"])


def _functions() -> dict[str, Callable[..., Any]]:
    return {**TABLE, "softmax": engine.softmax, "log_softmax": engine.log_softmax}
