"""Recipes: how to build a network of nn's own classes again, said in JSON.

A recipe is `{"class": name, "arguments": {…}}`, the arguments of the class's constructor without those that only set
where weights start. It is read from a network as it is, and kept only where it builds one of the same structure.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from .layers import MLP, Layer, Neuron, width
from .module import Module


def _layer_size(nin: Any, nout: Any, **_: Any) -> int:
    return (width("Layer", "nin", nin) + 1) * width("Layer", "nout", nout)


def _mlp_size(nin: Any, nouts: Any, **_: Any) -> int:
    widths = [width("MLP", "nin", nin), *[width("MLP", "nouts", n) for n in nouts]]
    return sum([(n + 1) * m for n, m in pairwise(widths)])


# For each class: its constructor's arguments, read from a network; and from such arguments how many parameters there
# will be, so that a recipe cannot ask for more than a file holds.
RECIPES: dict[type, tuple[Callable[[Any], dict[str, Any]], Callable[..., int]]] = {
    Neuron: (
        lambda m: {"nin": len(m.w), "activation": m.activation, "seed": m.seed},
        lambda nin, **_: _layer_size(nin, 1),
    ),
    Layer: (
        lambda m: {"nin": m.nin, "nout": len(m.neurons), "activation": m.neurons[0].activation, "seed": m.seed},
        _layer_size,
    ),
    MLP: (
        lambda m: {
            "nin": m.layers[0].nin,
            "nouts": [len(layer.neurons) for layer in m.layers],
            "activation": m.layers[0].neurons[0].activation if len(m.layers) > 1 else "relu",
            "seed": m.seed,
        },
        _mlp_size,
    ),
}


def recipe(model: Any) -> dict[str, Any] | None:
    """How to build a network with the structure of this one; None where nn's own constructors cannot.

    >>> from nn import MLP
    >>> from nn.recipes import recipe
    >>> recipe(MLP(2, [3, 1], seed=0))
    {'class': 'MLP', 'arguments': {'nin': 2, 'nouts': [3, 1], 'activation': 'relu', 'seed': 0}}
    """
    try:
        read, _ = RECIPES[type(model)]
        made: dict[str, Any] = json.loads(json.dumps({"class": type(model).__name__, "arguments": read(model)}))
        twin = network(made, model.parameter_count)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None  # a class of the user's, a layer taken out, a function as activation, …
    return made if _structure(twin) == _structure(model) else None


def network(recipe: Any, parameter_count: int) -> Any:
    """The network of a recipe, its weights 0, if it has so many parameters.

    Args:
        recipe: anything that JSON can say; what is no recipe raises.
        parameter_count: how many parameters there must be; checked before anything is built.

    Raises:
        ValueError: it is no recipe, of no known class, or of another size.

    >>> from nn.recipes import network
    >>> network({"class": "MLP", "arguments": {"nin": 2, "nouts": [3, 1]}}, 13)
    MLP(2, [3, 1], activation='relu')
    """
    classes = {c.__name__: c for c in RECIPES}
    if not isinstance(recipe, dict) or recipe.keys() != {"class", "arguments"}:
        raise ValueError("a network takes a recipe of class and arguments")
    name, arguments = recipe["class"], recipe["arguments"]
    if not isinstance(name, str) or name not in classes or not isinstance(arguments, dict):
        raise ValueError(f"a recipe takes one of the classes {', '.join(classes)}, got {name!r:.60}")
    try:
        size = RECIPES[classes[name]][1](**arguments)
        if size != parameter_count:
            raise ValueError(f"a recipe for {parameter_count} parameters is wanted, got a {name} of {size}")
        return classes[name](**arguments, init="zeros")
    except TypeError as why:
        raise ValueError(f"a recipe takes the arguments of {name}, got others: {why}") from None


def _structure(model: Module) -> list[Any]:
    return [
        [(path, type(m), repr(m), getattr(m, "activation", None)) for path, m in model.named_modules()],
        [path for path, _ in model.named_parameters()],
    ]
