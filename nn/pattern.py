"""Pattern: how Modules like one are made, found out once, so that each takes little time.

A Module and a `twin` of it are compared. What they share, others will share too; the rest is Values, Modules, lists,
tuples and dicts, which are put together step by step. Where there is more, each is made as a twin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from operator import itemgetter
from typing import Any

from engine import Value

from .structure import attributes, is_module
from .twin import SideBySide, rebuilt, refilled

Build = Callable[[Iterable[Any]], object]  # of what a container holds
Take = Callable[[list[Any]], Iterable[Any]]  # some of the things that are there


class _Place(int):
    """Where among the leaves one stands."""


class Pattern:
    """How Modules like one are made.

    Args:
        module: a Module, in which nothing changes where this is not `known`.
        leaves: the Values in it that stand for others.

    Attributes:
        shared: those of its attributes that all will have.
        known: is it known how, and the Module no longer needed?
    """

    def __init__(self, module: Any, leaves: Sequence[Value]) -> None:
        places = list(map(_Place, range(len(leaves))))
        twin = rebuilt(module, SideBySide(leaves, places))
        held = attributes(twin)
        self.shared = {name: x for name, x in attributes(module).items() if held[name] is x}
        found = _Comparison(twin, module)
        self.known = found.known
        self._template = None if found.known else (module, leaves)
        if self._template is None:
            others = [*found.modules, *found.constants, *found.containers]
            place = dict(zip(map(id, others), count(len(leaves))))
            self._kinds, self._constants = list(map(type, found.modules[1:])), found.constants
            self._containers = [_step(x, place, places) for x in found.containers]
            self._held = [_step(x.__dict__, place, places) for x in found.modules]

    def attributes(self, values: Sequence[object], x: Any) -> dict[str, object]:
        """The attributes that make x a Module like the one, with these things in the places of its leaves."""
        if self._template is not None:
            module, leaves = self._template
            return refilled(module, dict(zip(leaves, values, strict=True)), x)
        modules = [x, *map(object.__new__, self._kinds)]
        things = [*values, *modules, *self._constants]
        for build, take in self._containers:
            things.append(build(take(things)))
        held: list[Any] = [build(take(things)) for build, take in self._held]
        for m, attributes_of_m in zip(modules[1:], held[1:]):
            m.__dict__ = attributes_of_m
        found: dict[str, object] = held[0]
        return found


class _Comparison:
    """What a twin has of its own besides places, and what it shares with the Module that it is a twin of.

    Attributes:
        modules, constants, containers: that; a container comes after those in it.
        known: is that all there is?
    """

    def __init__(self, twin: Any, module: Any) -> None:
        self.modules, self.constants, self.containers = [twin], list[object](), list[Any]()
        self.known = True
        self._met = {id(twin)}
        pairs = [(twin, module)]
        for new, old in pairs:
            if new.__dict__.keys() != attributes(new).keys():  # there are slots
                self.known = False
            for name, x in new.__dict__.items():
                pairs += self._compare(x, old.__dict__[name])

    def _compare(self, new: Any, old: Any) -> list[tuple[Any, Any]]:
        """Look at what an attribute holds outside Modules; the Modules, with those that they are twins of."""
        stack, opened, modules = [(new, old, False)], set[int](), list[tuple[Any, Any]]()
        while stack and self.known:
            new, old, done = stack.pop()
            if done:
                self.containers.append(new)
                self._met.add(id(new))
            kind = new.__class__
            if kind is _Place or id(new) in self._met:
                continue
            if new is old:
                self.constants.append(new)
                self._met.add(id(new))
            elif is_module(new):
                self.modules.append(new)
                self._met.add(id(new))
                modules.append((new, old))
            elif kind in (list, tuple, dict) and id(new) not in opened and len(new) == len(old):
                if kind is list and set(map(type, new)) == {_Place}:  # weights
                    self.containers.append(new)
                    self._met.add(id(new))
                    continue
                opened.add(id(new))
                stack.append((new, old, True))
                inside = zip(new.values(), old.values()) if kind is dict else zip(new, old)
                stack += [(x, y, False) for x, y in inside]
                self.known = kind is not dict or all(a is b for a, b in zip(new, old))
            else:
                self.known = False
        return modules


def _step(x: Any, place: dict[int, int], leaves: Sequence[_Place]) -> tuple[Build, Take]:
    """How a container is made: (of what it holds, what that is among the things that are there)."""
    things, n = list(x.values() if x.__class__ is dict else x), len(x)
    are_leaves = set(map(type, things)) == {_Place}
    places = things if are_leaves else [e if e.__class__ is _Place else place[id(e)] for e in things]
    first = (places or [0])[0]
    one_after_another = places == (leaves[first : first + n] if are_leaves else list(range(first, first + n)))
    take: Take = itemgetter(slice(first, first + n)) if one_after_another else itemgetter(*places)
    return partial(_dict, tuple(x)) if x.__class__ is dict else x.__class__, take


def _dict(keys: tuple[object, ...], values: Iterable[object]) -> dict[object, object]:
    return dict(zip(keys, values))
