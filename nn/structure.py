"""Structure: what a Module holds, at any depth.

What holds something is a list, a tuple, a dict, a deque, an array of objects, an object with public attributes, such as a
dataclass, a bound method or a functools.partial. Sets and the keys of dicts say no order: what is nowhere else is refused.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache, partial
from inspect import Signature, getattr_static, signature
from itertools import product
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from engine import Value
from engine.compatibility import Absent

from .elsewhere import check_call

if TYPE_CHECKING:
    from numpy.typing import NDArray

VIEWS: tuple[type[Iterable[object]], ...] = type({}.keys()), type({}.values())
_SEQUENCES: tuple[type[Iterable[object]], ...] = (list, tuple, deque, *VIEWS)
PLAIN = frozenset(  # the classes of what holds nothing, and is met most
    (float, int, str, bool, bytes, complex, type(None), FunctionType, BuiltinFunctionType, Value)
)
_EMPTY = PLAIN - {Value}


class Declared(Protocol):
    """A Module, as far as it is known here."""

    _parameter_attributes: frozenset[str]

    def parameters(self) -> list[Value]:
        """What is trained."""


class Declares(type):
    """The type of Module classes: which attributes hold parameters is settled when `__init__` has ended."""

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, object], **options: object) -> None:
        super().__init__(name, bases, namespace, **options)
        for k, x in namespace.items():
            if k[0] != "_" and _declared(x):
                raise TypeError(
                    f"{name} takes parameters that __init__ makes, got {k} in the class itself, one for all Modules; "
                    f"write self.{k} = … in __init__, or a float for a constant"
                )

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        """A new Module, with its parameters declared."""
        try:
            module = super().__call__(*args, **kwargs)
        except TypeError:
            check_call(cls.__name__, cls.__signature__, args, kwargs)
            raise
        module._parameter_attributes = frozenset(
            [k for k, x in attributes(module).items() if k[0] != "_" and _declared(x)]
        )
        return module

    def __dir__(cls) -> list[str]:
        """The attributes that there are, without those that only say what is written instead."""
        return [k for k in super().__dir__() if not isinstance(getattr_static(cls, k, None), Absent) or hasattr(cls, k)]

    @property
    def __signature__(cls) -> Signature:  # for help and completion, which would show the arguments of the call above
        made_by: Callable[..., None] = getattr(cls, "__init__")  # noqa: B009  cls.__init__ is the metaclass's own, for types
        if made_by is object.__init__:
            return Signature()
        of_init = signature(made_by)
        return of_init.replace(parameters=list(of_init.parameters.values())[1:], return_annotation=Signature.empty)


# One level -----------------------------------------------------------------------------------------------------------


def is_module(x: object) -> TypeGuard[Declared]:
    """Whether x is a Module."""
    return isinstance(type(x), Declares)


def is_array(x: object) -> TypeGuard[NDArray[Any]]:
    """Whether x is an array of objects; NumPy is not imported to find out."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, numpy.ndarray) and bool(x.dtype.kind == "O")


def is_container(x: object) -> bool:
    """Whether x is of a class that is made to hold things."""
    return isinstance(x, (*_SEQUENCES, dict, MappingProxyType, set, frozenset)) or is_array(x)


def attributes(x: Any) -> dict[str, object]:
    """The attributes of an object by name, those in slots too."""
    found: dict[str, object] = dict(getattr(x, "__dict__", ()))
    for name in _slots(x.__class__):
        if name not in found and hasattr(x, name):
            found[name] = getattr(x, name)
    return found


@lru_cache(1000)
def _slots(kind: type) -> list[str]:
    """The names in the slots of a class and of those it is made of."""
    found: list[str] = []
    for c in kind.__mro__:
        names = c.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            private = name[:2] == "__" != name[-2:]
            found.append(f"_{c.__name__.lstrip('_')}{name}" if private else name)  # as Python mangles it
    return [name for name in found if name not in ("__dict__", "__weakref__")]


def children(x: object) -> Iterable[tuple[object, object]]:
    """(key, what is there) for what a container, a Module or an object holds in an order."""
    if x.__class__ in PLAIN or isinstance(x, (set, frozenset, type, ModuleType)):
        return ()
    if isinstance(x, _SEQUENCES):
        return enumerate(x)
    if isinstance(x, (dict, MappingProxyType)):
        return x.items()
    if is_array(x):
        return [(".".join(map(str, place)) or "0", y) for place, y in zip(places(x), x.flat)]
    if isinstance(x, MethodType):
        return [("self", x.__self__)]
    if isinstance(x, partial):
        return [("func", x.func), ("args", x.args), ("keywords", x.keywords)]
    return [(k, y) for k, y in attributes(x).items() if k[0] != "_"]


def _children(module: Declared) -> Iterable[tuple[object, object]]:
    """`children` of a Module, of most in less time."""
    if not _is_plain(module.__class__):
        return children(module)
    return [(k, y) for k, y in vars(module).items() if y.__class__ not in _EMPTY and k[0] != "_"]


@lru_cache(1000)
def _is_plain(kind: type) -> bool:
    """Has a class neither slots nor a container or the like among those it is made of?"""
    others: tuple[type, ...] = (*_SEQUENCES, dict, MappingProxyType, set, frozenset, MethodType, partial)
    return not _slots(kind) and not issubclass(kind, others) and not hasattr(kind, "dtype")


def places(array: NDArray[Any]) -> Iterable[tuple[int, ...]]:
    """The indices of an array, in order."""
    return product(*map(range, array.shape))


def _unordered(x: object) -> Iterable[object]:
    """The elements of a set, and the keys of a dict but for text."""
    if isinstance(x, (set, frozenset)):
        return x
    return [k for k in x if k.__class__ not in (str, int)] if isinstance(x, (dict, MappingProxyType)) else ()


# At any depth --------------------------------------------------------------------------------------------------------


def walk(root: object, values: bool = True, without: Collection[object] = ()) -> Iterator[tuple[str, object]]:
    """(path, what is there) for each Module and, if values are wanted, each parameter, once each, in order; a Module
    before what it holds. Modules of `without` are passed by, with all that is in them.

    Raises:
        TypeError: only a set, or a key of a dict, holds one.
    """
    for path, x in stretches(root, values, without):
        if x.__class__ is list:
            start = path + "." if path else ""
            yield from [(f"{start}{k}", y) for k, y in enumerate(x)]
        else:
            yield path, x


def stretches(root: object, values: bool = True, without: Collection[object] = ()) -> Iterator[tuple[str, Any]]:
    """`walk`, with lists of parameters whole: weights are most of what there is."""
    seen, met = {id(m) for m in without}, set[Value]()
    passed: set[int] = set()  # seen where Values are no parameters
    stack: list[tuple[str, object, bool]] = [
        ("", root, False)
    ]  # path, what is there, whether a Value is a parameter here
    loose: list[tuple[str, object]] = []
    while stack:
        path, x, declared = stack.pop()
        if x.__class__ is Value:
            if declared and values and x not in met:
                met.add(x)
                yield path, x
            continue
        if x.__class__ in PLAIN or id(x) in seen:
            continue
        module = x if is_module(x) else None
        if not declared and module is None:
            if id(x) in passed or not is_container(x):
                continue
            passed.add(id(x))
        else:
            seen.add(id(x))
        start = path + "." if path else ""
        if x.__class__ is list and set(map(type, x)) <= {Value}:
            if declared and values:
                if met.isdisjoint(x):
                    before = len(met)
                    met.update(x)
                    if len(met) == before + len(x):
                        yield path, x
                        continue
                    met.difference_update(x)  # one is in it twice
                for k, y in enumerate(x):
                    if y not in met:
                        met.add(y)
                        yield f"{start}{k}", y
            continue
        if module is not None:
            yield path, x
            own = module._parameter_attributes
            below = [(f"{start}{k}", y, k in own) for k, y in _children(module) if y.__class__ not in _EMPTY]
        else:
            below = [(f"{start}{k}", y, declared) for k, y in children(x) if y.__class__ not in _EMPTY]
            for key in _unordered(x):
                loose += [
                    (path, y)
                    for y, _ in contents(key)
                    if is_module(y) or (y.__class__ is Value and declared and values)
                ]
        below.reverse()
        stack += below
    for path, y in loose:
        if y not in met if y.__class__ is Value else id(y) not in seen:
            raise TypeError(
                f"{type(root).__name__} takes parameters and Modules in attributes, lists, tuples, dicts and arrays, got "
                f"{y!r:.60} in a set or a key at {path}, which says no order; make it a list"
            )


def held(module: Declared) -> list[Value]:
    """The parameters that a Module holds, in order."""
    found: list[Value] = []
    for _, x in stretches(module):
        if x.__class__ is list:
            found += x
        elif x.__class__ is Value:
            found.append(x)
    return found


def contents(x: object) -> Iterator[tuple[object, bool]]:
    """(what is there, whether it is in an object) for x and all that it holds, at any depth outside Modules."""
    seen: set[int] = set()
    stack = [(x, False)]
    while stack:
        x, in_object = stack.pop()
        yield x, in_object
        if x.__class__ not in PLAIN and not is_module(x) and id(x) not in seen:
            seen.add(id(x))
            in_object = in_object or not is_container(x)
            stack += [(y, in_object) for y in _unordered(x)]
            stack += [(y, in_object) for _, y in children(x)]


def _declared(x: object) -> bool:
    """Whether x holds parameters outside Modules, or Modules in objects, which are found in the same way."""
    if x.__class__ in PLAIN:
        return x.__class__ is Value
    return any(y.__class__ is Value or (in_object and is_module(y)) for y, in_object in contents(x))


# What a class says of its parameters itself ---------------------------------------------------------------------------


def said_parameters(module: Declared) -> list[Value]:
    """What an overridden `parameters()` names."""
    who = type(module).__name__
    if not callable(module.parameters):
        raise TypeError(f"{who} takes no attribute of the name parameters, which is a method: call it weights")
    said = module.parameters()
    if isinstance(said, (str, bytes)) or not isinstance(said, Iterable):
        raise TypeError(f"{who}.parameters() takes a list of Values to return, got {said!r:.60}")
    listed = list(said)
    for p in listed:
        if p.__class__ is not Value:
            raise TypeError(f"{who}.parameters() takes a list of Values to return, got {p!r:.60} in it")
    return listed


def why_missing(module: object, p: Value) -> str:
    """Why a Value that `parameters()` names is no parameter."""
    who = type(module).__name__
    for name, x in attributes(module).items():
        if any(y is p for y, _ in contents(x)):
            hint = (
                f"the attribute {name} is private; name it {name.lstrip('_')}"
                if name[0] == "_"
                else f"the attribute {name} got it after __init__; make it there"
            )
            break
    else:
        hint = "keep it in an attribute, or return [p for _, p in self.named_parameters() if …]"
    return f"{who}.parameters() takes Values that the Module's public attributes hold, got {p!r:.60}: {hint}"
