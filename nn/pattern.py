"""Pattern: how Modules like one are made, found out once, so that each takes little time.

A Module and a `twin` of it are compared. What they share, others will share too; the rest is Values, Modules, lists,
tuples and dicts, which are put together step by step. Where there is more, each is made as a twin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count, repeat
from operator import itemgetter
from typing import Any

from engine import Value

from .structure import attributes, is_module
from .twin import SideBySide, rebuilt, refilled

Build = Callable[[Iterable[Any]], object]  # of what a container holds
Take = Callable[[list[Any]], Iterable[Any]]  # some of the things that are there


class Pattern:
    """How Modules like one are made.

    Args:
        module: a Module, in which nothing changes.
        leaves: the Values in it that stand for others.

    Attributes:
        shared: those of its attributes that all will have.
    """

    def __init__(self, module: Any, leaves: Sequence[Value]) -> None:
        values = list(map(object.__new__, repeat(object, len(leaves))))
        twin = rebuilt(module, SideBySide(leaves, values))  # whose ids are the places
        held = attributes(twin)
        self.shared = {name: x for name, x in attributes(module).items() if held[name] is x}
        found = _Comparison(values, twin, module)
        self._template = None if found.known else (module, leaves)
        if self._template is None:
            start: list[object] = [*values, *found.modules, *found.constants]
            place = dict(zip(map(id, [*start, *found.containers]), count()))
            self._kinds, self._constants = list(map(type, found.modules[1:])), found.constants
            self._containers = [_step(x, place) for x in found.containers]
            self._held = [_step(x.__dict__, place) for x in found.modules]

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
    """What a twin has of its own besides its Values, and what it shares with the Module that it is a twin of.

    Attributes:
        modules, constants, containers: that; a container comes after those in it.
        known: is that all there is?
    """

    def __init__(self, values: Iterable[object], twin: Any, module: Any) -> None:
        self.modules, self.constants, self.containers = [twin], list[object](), list[Any]()
        self.known = True
        self._met = {*map(id, values), id(twin)}
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
            if id(new) in self._met:
                continue
            kind = new.__class__
            if new is old:
                self.constants.append(new)
                self._met.add(id(new))
            elif is_module(new):
                self.modules.append(new)
                self._met.add(id(new))
                modules.append((new, old))
            elif kind in (list, tuple, dict) and id(new) not in opened and len(new) == len(old):
                if kind is list and self._met.issuperset(map(id, new)):  # weights
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


def _step(x: Any, place: dict[int, int]) -> tuple[Build, Take]:
    """How a container is made: (of what it holds, what that is among the things that are there)."""
    places = list(map(place.__getitem__, map(id, x.values() if x.__class__ is dict else x)))
    first, n = (places or [0])[0], len(places)
    one_after_another = places == list(range(first, first + n))
    take: Take = itemgetter(slice(first, first + n)) if one_after_another else itemgetter(*places)
    return partial(_dict, tuple(x)) if x.__class__ is dict else x.__class__, take


def _dict(keys: tuple[object, ...], values: Iterable[object]) -> dict[object, object]:
    return dict(zip(keys, values))
