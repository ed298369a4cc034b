"""Twin: a Module of the same structure as another, with other things in the places of some of its Values.

What stands for a Value or a Module is put wherever the original is met: in attributes, private ones too, in sets and keys
of dicts, in what a lambda or a method closes over. A reference that were left would take the number without its gradient.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import CellType, FunctionType, MappingProxyType, MethodType
from typing import Any, Generic, TypeVar

from engine import Value

from .structure import PLAIN, VIEWS, attributes, children, contents, is_array, is_container, is_module, places, walk

T = TypeVar("T")


def rebuilt(root: T, new: Mapping[Value, object]) -> T:
    """A Module like another, with what is given in the places of some Values.

    >>> from nn import MLP
    >>> from nn.twin import rebuilt
    >>> net = MLP(1, [1], seed=0)
    >>> rebuilt(net, {p: Value(k) for k, p in enumerate(net.parameters())}).state()
    {'layers.0.neurons.0.w.0': 0.0, 'layers.0.neurons.0.b': 1.0}
    """
    twin = _Twin(root, new, object.__new__(type(root)))
    for name, x in twin.held.items():
        _set(twin.root, name, x, root)
    return twin.root


def refilled(root: T, new: Mapping[Value, object], x: T) -> dict[str, object]:
    """The attributes that make x, of the class of root, a Module like it, with what is given in the places of some Values."""
    return _Twin(root, new, x).held


class SideBySide(Mapping[Value, object]):
    """What is given in the places of Values: of a list of them that stand side by side among these a slice.

    Args:
        leaves: the Values.
        new: as much in their places.
    """

    def __init__(self, leaves: Sequence[Value], new: Sequence[object]) -> None:
        self._leaves, self._new, self._next = list(leaves), new, 0
        self._places: dict[Value, int] | None = None

    def _place(self, p: Value) -> int | None:
        """Where a Value is among them; most are asked for one after the other."""
        if self._next < len(self._leaves) and self._leaves[self._next] is p:
            return self._next
        if self._places is None:
            self._places = dict(zip(self._leaves, range(len(self._leaves)), strict=True))
        return self._places.get(p)

    def __getitem__(self, p: Value) -> object:
        k = self._place(p)
        if k is None:
            raise KeyError(p)
        self._next = k + 1
        return self._new[k]

    def __iter__(self) -> Iterator[Value]:
        return iter(self._leaves)

    def __len__(self) -> int:
        return len(self._leaves)

    def listed(self, x: list[Value]) -> Sequence[object] | None:
        """What is in the places of a list of Values; None where they do not stand side by side."""
        k = self._place(x[0])
        if k is None or self._leaves[k : k + len(x)] != x:
            return None
        self._next = k + len(x)
        return self._new[k : k + len(x)]


class _Twin(Generic[T]):
    """What stands for a root, which is given, and its attributes, which are found and not set."""

    def __init__(self, root: T, new: Mapping[Value, object], made: T) -> None:
        self._new, self.root = new, made
        modules = [m for _, m in walk(root, values=False)]
        self.made: dict[int, Any] = {id(m): object.__new__(type(m)) for m in modules}  # by what it stands for
        self.made[id(root)] = made
        self.held = self._attributes(root)
        for m in modules:
            if m is not root:
                for k, y in self._attributes(m).items():
                    _set(self.made[id(m)], k, y, m)

    def _attributes(self, x: object) -> dict[str, object]:
        return {k: self._of(y, k[0] != "_") for k, y in attributes(x).items()}

    def _of(self, x: object, public: bool) -> Any:
        """What stands for x: containers in public attributes are always new ones, other things if something in them is."""
        if x.__class__ is Value:
            return self._new.get(x, x)
        if x.__class__ is FunctionType:
            return self._function(x)
        if x.__class__ in PLAIN:
            return x
        if id(x) in self.made:
            return self.made[id(x)]
        fresh: Any
        if is_module(x) or not ((public and is_container(x)) or self._changes(x)):
            return x
        if isinstance(x, MethodType):
            return MethodType(x.__func__, self._of(x.__self__, public))
        if isinstance(x, partial):
            keywords = {k: self._of(y, public) for k, y in x.keywords.items()}
            return type(x)(self._of(x.func, public), *[self._of(y, public) for y in x.args], **keywords)
        if isinstance(x, MappingProxyType):
            return MappingProxyType({k: self._of(y, public) for k, y in x.items()})
        if isinstance(x, (tuple, set, frozenset, *VIEWS)):
            listed: Any = x
            make: Any = getattr(x, "_make", list if isinstance(x, VIEWS) else type(x))
            return make([self._of(y, public) for y in listed])
        if x.__class__ is list and set(map(type, x)) == {Value}:  # weights
            fresh = self._new.listed(x) if isinstance(self._new, SideBySide) else None
            fresh = self.made[id(x)] = list(map(self._new.get, x, x)) if fresh is None else fresh
            return fresh
        fresh = copy.copy(x)
        self.made[id(x)] = fresh
        if isinstance(x, dict):
            fresh.clear()
            for k, y in x.items():
                fresh[k if k.__class__ is str else self._of(k, public)] = self._of(y, public)
        elif is_array(x):
            for place, y in zip(places(x), x.flat):
                fresh[place] = self._of(y, public)
        elif is_container(x):
            fresh.clear()
            fresh.extend([self._of(y, public) for _, y in children(x)])
        else:
            for k, y in children(x):
                _set(fresh, str(k), self._of(y, public), x)
        return fresh

    def _changes(self, x: object) -> bool:
        """Whether something stands for x, or for something in it."""
        return any(self._is_replaced(y) or (y.__class__ is FunctionType and self._reads(y)) for y, _ in contents(x))

    def _is_replaced(self, x: object) -> bool:
        return x in self._new if x.__class__ is Value else id(x) in self.made

    def _reads(self, f: FunctionType) -> bool:
        """Whether a function finds around it, or in its defaults, what something stands for."""
        found = [*[c.cell_contents for c in f.__closure__ or () if _is_filled(c)], f.__defaults__, f.__kwdefaults__]
        return any(self._is_replaced(y) for x in found for y, _ in (contents(x) if is_container(x) else [(x, False)]))

    def _function(self, f: FunctionType) -> Any:
        if id(f) in self.made or not self._reads(f):
            return self.made.get(id(f), f)
        cells = f.__closure__ or ()
        closure = [CellType(self._of(c.cell_contents, False)) if _is_filled(c) else c for c in cells]
        defaults = self._of(f.__defaults__, False)
        fresh = self.made[id(f)] = FunctionType(f.__code__, f.__globals__, f.__name__, defaults, tuple(closure))
        fresh.__kwdefaults__ = self._of(f.__kwdefaults__, False)
        fresh.__dict__.update(f.__dict__)
        return fresh


def _is_filled(cell: CellType) -> bool:
    try:
        return bool(cell.cell_contents is not cell)
    except ValueError:
        return False


def _set(x: object, name: str, y: object, like: object) -> None:
    """Give x an attribute, in its dict or in a slot, where `like` has it."""
    if name in getattr(like, "__dict__", ()):
        x.__dict__[name] = y
    else:
        object.__setattr__(x, name, y)
