"""Structure: what a Module holds, at any depth, and Modules of the same structure with other numbers."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from engine import Value


class Declares(type):
    """The type of Module classes: which attributes hold parameters is settled when `__init__` has ended."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """A new Module, with its parameters declared."""
        module = super().__call__(*args, **kwargs)
        module._parameter_attributes = frozenset(
            [k for k, x in vars(module).items() if k[0] != "_" and holds(x, Value)]
        )
        return module

    @property
    def __signature__(cls) -> Any:  # for help and completion, which would show the arguments of the call above
        from inspect import Signature, signature

        declared: Any = cls
        if declared.__init__ is object.__init__:
            return Signature()
        of_init = signature(declared.__init__)
        return of_init.replace(parameters=list(of_init.parameters.values())[1:], return_annotation=Signature.empty)


def _is_module(x: Any) -> bool:
    return isinstance(type(x), Declares)


def children(x: Any) -> Iterable[tuple[Any, Any]]:
    """(key, what is there) for what a Module or a container holds.

    >>> from nn.structure import children
    >>> list(children([3.0, "text"]))
    [(0, 3.0), (1, 'text')]
    """
    if _is_module(x):
        return [(k, y) for k, y in vars(x).items() if k[0] != "_"]
    if isinstance(x, dict):
        return x.items()
    return enumerate(x) if isinstance(x, (list, tuple)) else ()


def walk(root: Any, values: bool = True) -> Iterator[tuple[str, Any]]:
    """(path, what is there) for each Module and, if values are wanted, each parameter, once each, in order; a Module before
    what it holds.

    >>> from nn import MLP
    >>> from nn.structure import walk
    >>> [path for path, x in walk(MLP(1, [1], seed=0))]
    ['', 'layers.0', 'layers.0.neurons.0', 'layers.0.neurons.0.w.0', 'layers.0.neurons.0.b']
    """
    seen: set[int] = set()
    stack: list[tuple[str, Any, bool]] = [("", root, False)]  # path, what is there, whether a Value is a parameter here
    while stack:
        path, x, declared = stack.pop()
        is_value = x.__class__ is Value
        if id(x) in seen or not (declared if is_value else isinstance(x, (list, tuple, dict)) or _is_module(x)):
            continue
        seen.add(id(x))
        if is_value:
            if values:
                yield path, x
            continue
        start = path + "." if path else ""
        if x.__class__ is list and all(y.__class__ is Value for y in x):  # weights, most of what there is
            for k, y in enumerate(x if declared and values else ()):
                if id(y) not in seen:
                    seen.add(id(y))
                    yield f"{start}{k}", y
            continue
        if _is_module(x):
            yield path, x
            below = [(f"{start}{k}", y, k in x._parameter_attributes) for k, y in children(x)]
        else:
            below = [(f"{start}{k}", y, declared) for k, y in children(x)]
        below.reverse()
        stack += below


def holds(x: Any, kind: type) -> bool:
    """Whether x is of a kind, or a container with one in it, at any depth outside Modules.

    >>> from nn.structure import holds
    >>> holds({"rates": [0.1, (0.2,)]}, float), holds({"rates": []}, float)
    (True, False)
    """
    seen: set[int] = set()
    stack = [x]
    while stack:
        x = stack.pop()
        if isinstance(x, kind):
            return True
        if isinstance(x, (list, tuple, dict)) and id(x) not in seen:
            seen.add(id(x))
            stack.extend([y for _, y in children(x)])
    return False


def rebuilt(root: Any, new_leaves: Iterator[Any]) -> Any:
    """A Module of the same structure, with what is given in the places of the parameters, in the order of `walk`.

    >>> from nn import MLP
    >>> from nn.structure import rebuilt
    >>> rebuilt(MLP(1, [1], seed=0), iter([2.0, 3.0])).state()
    {'layers.0.neurons.0.w.0': 2.0, 'layers.0.neurons.0.b': 3.0}
    """
    made: dict[int, Any] = {}

    def twin(x: Any, declared: bool) -> Any:
        if id(x) in made:
            return made[id(x)]
        if x.__class__ is Value:
            if not declared:
                return x
            leaf = next(new_leaves)
            made[id(x)] = fresh = Value(leaf) if leaf.__class__ is float else leaf
            return fresh
        if _is_module(x):
            fresh = made[id(x)] = object.__new__(type(x))
            for k, y in vars(x).items():
                fresh.__dict__[k] = y if k[0] == "_" else twin(y, k in x._parameter_attributes)
            return fresh
        if isinstance(x, (list, dict)):
            fresh = made[id(x)] = copy.copy(x)
            for k, y in children(x):
                fresh[k] = twin(y, declared)
            return fresh
        if isinstance(x, tuple):
            parts = [twin(y, declared) for y in x]
            return x._make(parts) if hasattr(x, "_make") else type(x)(parts)
        return x

    return twin(root, False)
