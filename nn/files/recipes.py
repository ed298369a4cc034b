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
from typing import Any, NamedTuple

import engine
from engine import TABLE, Op

from ..activations import VARIANTS
from ..blocks import Activation, Dropout, Embedding, LayerNorm, Sequential
from ..layers import MLP, Layer, Neuron, width
from ..module import module_of
from ..network import NeuralNetwork

Arguments = dict[str, Any]


class Row(NamedTuple):
    """What recipes know about a class.

    Attributes:
        arguments: a network -> the arguments of its constructor.
        size: such arguments -> how many parameters there will be, so that a recipe cannot ask for more than a file holds.
        build: such arguments -> the network.
    """

    arguments: Callable[[Any], Arguments]
    size: Callable[..., int]
    build: Callable[..., Any]


def recipe(model: Any) -> Arguments | None:
    """How to build a network with the structure of this one; None where nn's own constructors cannot.

    >>> from nn import MLP
    >>> from nn.files.recipes import recipe
    >>> recipe(MLP(2, [3, 1], seed=0))
    {'class': 'MLP', 'arguments': {'nin': 2, 'nouts': [3, 1], 'activation': 'relu', 'seed': 0}}
    """
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


def network(recipe: Any, parameter_count: int) -> Any:
    """The network of a recipe, if it has so many parameters; where they start means nothing.

    Args:
        recipe: anything that JSON can say; what is no recipe raises.
        parameter_count: how many parameters there must be; checked before anything is built.

    Raises:
        ValueError: it is no recipe, of no known class, or of another size.

    >>> from nn.files.recipes import network
    >>> network({"class": "MLP", "arguments": {"nin": 2, "nouts": [3, 1]}}, 13)
    MLP(2, [3, 1], activation='relu')
    """
    try:
        row = _row(recipe)  # of a class: a function alone is no network
        size = row.size(**recipe["arguments"])
        if size != parameter_count:
            raise ValueError(f"a recipe for {parameter_count} parameters is wanted, got one for {size}")
        model = row.build(**_understood(recipe["arguments"]))
        foreign = recipe["arguments"].keys() - row.arguments(model).keys()
        if foreign:
            raise ValueError(f"a recipe of {recipe['class']} takes no {min(foreign)!r:.60}")
    except (ArithmeticError, LookupError, TypeError) as why:
        raise ValueError(f"a recipe takes the arguments of its class, got others: {why}") from None
    module = module_of("a recipe", model)
    modules = dict(module.named_modules())
    frozen = recipe.get("frozen", [])
    if not isinstance(frozen, list) or not all(isinstance(path, str) and path in modules for path in frozen):
        raise ValueError(f"a recipe takes paths of Modules as frozen, got {frozen!r:.60}")
    for path in frozen:
        modules[path].trainable = False
    if recipe.get("evaluation"):
        module.eval()
    return model


def _structure(model: Any) -> list[Any]:
    module = module_of("a recipe", model)
    return [
        repr(model),
        [(path, type(m), repr(m), m.trainable, getattr(m, "activation", None)) for path, m in module.named_modules()],
        [path for path, _ in module.named_parameters()],
    ]


# One layer, or what stands for one in a Sequential -------------------------------------------------------------------


def _read(layer: Any) -> Arguments:
    if type(layer) in ROWS:
        return {"class": type(layer).__name__, "arguments": ROWS[type(layer)].arguments(layer)}
    (name,) = [name for name in _functions() if _functions()[name] is layer]
    return {"function": name}


def _size(recipe: Any) -> int:
    if isinstance(recipe, dict) and recipe.keys() == {"function"}:
        return 0
    return _row(recipe).size(**recipe["arguments"])


def _build(recipe: Any) -> Any:
    if recipe.keys() != {"function"}:
        return _row(recipe).build(**_understood(recipe["arguments"]))
    name = recipe["function"]
    if not isinstance(name, str) or name not in _functions():
        raise ValueError(f"a recipe takes a function of engine by name, got {name!r:.60}")
    return _functions()[name]


def _row(recipe: Any) -> Row:
    if (
        not isinstance(recipe, dict)
        or not {"class", "arguments"} <= recipe.keys() <= {"class", "arguments", "frozen", "evaluation"}
        or not isinstance(recipe["class"], str)
        or not isinstance(recipe["arguments"], dict)
    ):
        raise ValueError(f"a recipe takes class and arguments, got {recipe!r:.60}")
    for c, row in ROWS.items():
        if c.__name__ == recipe["class"]:
            return row
    known = ", ".join([c.__name__ for c in ROWS])
    raise ValueError(f"a recipe takes one of the classes {known}, got {recipe['class']!r:.60}")


def _said(activation: Any) -> Arguments:
    """An activation that is no name, as JSON can say it."""
    if type(activation) in VARIANTS.values():
        return {"variant": type(activation).__name__, "numbers": list(vars(activation).values())}
    if isinstance(activation, Op) and TABLE.get(activation.name) is activation:
        return {"function": activation.name}
    raise TypeError(f"a recipe takes activations by name, got {activation!r:.60}")


def _understood(arguments: Arguments) -> Arguments:
    """Arguments of a constructor, with the activations that are meant."""
    return {key: _activation(x) if isinstance(x, dict) else x for key, x in arguments.items()}


def _activation(said: Arguments) -> Any:
    if said.keys() == {"function"}:
        return TABLE[said["function"]]
    if said.keys() != {"variant", "numbers"} or not all(isinstance(x, (int, float)) for x in said["numbers"]):
        raise ValueError(f"a recipe takes function, or variant and numbers, as activation, got {said!r:.60}")
    return VARIANTS[said["variant"]](*said["numbers"])


def _functions() -> dict[str, Any]:
    return {**TABLE, "softmax": engine.softmax, "log_softmax": engine.log_softmax}


# The classes ---------------------------------------------------------------------------------------------------------


def _layer_size(nin: Any, nout: Any, **_: Any) -> int:
    return (width("Layer", "nin", nin) + 1) * width("Layer", "nout", nout)


def _layers_size(layers: Any, **_: Any) -> int:
    widths = [width("a recipe", "layers", n) for n in layers]
    return sum([(n + 1) * m for n, m in pairwise(widths)])


def _embedding_size(count: Any, dimension: Any, **_: Any) -> int:
    return width("Embedding", "count", count) * width("Embedding", "dimension", dimension)


ROWS: dict[type, Row] = {
    Neuron: Row(
        lambda m: {"nin": len(m.w), "activation": m.activation, "seed": m.seed},
        lambda nin, **_: _layer_size(nin, 1),
        lambda **arguments: Neuron(**arguments, init="zeros"),
    ),
    Layer: Row(
        lambda m: {"nin": m.nin, "nout": len(m.neurons), "activation": m.neurons[0].activation, "seed": m.seed},
        _layer_size,
        lambda **arguments: Layer(**arguments, init="zeros"),
    ),
    MLP: Row(
        lambda m: {
            "nin": m.layers[0].nin,
            "nouts": [len(layer.neurons) for layer in m.layers],
            "activation": m.layers[0].neurons[0].activation if len(m.layers) > 1 else "relu",
            "seed": m.seed,
        },
        lambda nin, nouts, **_: _layers_size([nin, *nouts]),
        lambda **arguments: MLP(**arguments, init="zeros"),
    ),
    Embedding: Row(
        lambda m: {"count": len(m.weight), "dimension": len(m.weight[0]), "seed": m.seed},
        _embedding_size,
        lambda **arguments: Embedding(**arguments, init="zeros"),
    ),
    LayerNorm: Row(
        lambda m: {"nin": len(m.gain), "epsilon": m.epsilon},
        lambda nin, **_: 2 * width("LayerNorm", "nin", nin),
        LayerNorm,
    ),
    Activation: Row(
        lambda m: {"activation": m.activation},
        lambda **_: 0,
        Activation,
    ),
    Dropout: Row(
        lambda m: {"rate": m.rate, "seed": m.seed},
        lambda **_: 0,
        Dropout,
    ),
    NeuralNetwork: Row(
        lambda m: {
            key: getattr(m, key)
            for key in ("layers", "alpha", "activation", "output", "loss", "batch_size", "seed", "validation")
        },
        _layers_size,
        lambda **arguments: NeuralNetwork(**arguments, init="zeros"),
    ),
    Sequential: Row(
        lambda m: {"layers": [_read(layer) for layer in m.layers]},
        lambda layers: sum([_size(layer) for layer in layers]),
        lambda layers: Sequential(*[_build(layer) for layer in layers]),
    ),
}
