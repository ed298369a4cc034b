"""Generators of random numbers that a function holds or reads: whether it drew from them."""

from __future__ import annotations

import pickle
import random
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from types import FunctionType, ModuleType
from typing import Any

from ...value import Value
from .keys import attributes, is_generator, numpys_bits
from .outside import Watch, below, is_library_module, is_opaque, names_in

_PLAIN = (float, int, str, bool, bytes, type(None), Value)
_NUMBERS = {float, int, Value}


class Generators:
    """Python's generator of random numbers, NumPy's, and those that something holds or reads, in the state they have.

    Args:
        roots: functions, Modules, objects.

    Attributes:
        names: those in the user's code that was met on the way.
    """

    def __init__(self, *roots: object) -> None:
        self.names: set[str] = set()
        self._states = [(g, _state(g)) for g in [*_generators(roots, self.names), *_shared()]]

    def drawn(self) -> str:
        """The class of one from which numbers were drawn since, "" without any. All get the state back that they had."""
        moved = [(g, state) for g, state in self._states if pickle.dumps(_state(g)) != pickle.dumps(state)]
        for g, state in moved:
            if isinstance(g, random.Random):
                g.setstate(state)
            elif hasattr(g, "set_state"):
                g.set_state(state)
            else:
                numpys_bits(g).state = state
        return f"{type(moved[0][0]).__module__}.{type(moved[0][0]).__qualname__}" if moved else ""


def _shared() -> list[object]:
    """The generators behind the functions of the modules `random` and, if it is there, `numpy.random`."""
    draws: list[object] = [random.random]
    with suppress(ImportError):
        import numpy as np

        draws.append(np.random.random)
    return [getattr(draw, "__self__") for draw in draws]  # noqa: B009  mypy sees no __self__


def _state(g: Any) -> Any:
    if isinstance(g, random.SystemRandom):
        return None
    if isinstance(g, random.Random):
        return g.getstate()
    return g.get_state(legacy=False) if hasattr(g, "get_state") else numpys_bits(g).state


def _generators(roots: Iterable[object], names: set[str]) -> list[Any]:
    """Those that are held or read; lists of numbers and Values are passed by. The names in code are added to a set."""
    found: list[Any] = []
    met: dict[int, object] = {}
    stack: list[Any] = list(roots)
    while stack:
        x = stack.pop()
        if x.__class__ in _PLAIN or id(x) in met:
            continue
        met[id(x)] = x
        if isinstance(x, ModuleType):  # engine, asked for a dtype, would look for names like it
            mine = not is_library_module(x.__name__)
            stack.extend([y for y in vars(x).values() if isinstance(y, (FunctionType, type))] if mine else ())
        elif is_generator(x):
            found.append(x)
        elif isinstance(x, (list, tuple, deque, set, frozenset)):
            stack.extend([] if isinstance(x, list) and {*map(type, x)} <= _NUMBERS else x)
        elif isinstance(x, dict):
            stack.extend(x.values())
        elif getattr(getattr(x, "dtype", None), "kind", "") == "O":
            stack.extend(x.ravel().tolist())
        elif isinstance(x, (FunctionType, type)):
            names.update(names_in(x))
            stack.extend(Watch().read(x))
        else:
            stack.extend(below(x))
            stack.extend(() if is_opaque(x) else attributes(x).values())
    return found
