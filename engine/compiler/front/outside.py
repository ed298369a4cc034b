"""What a function reads from outside its arguments: by name, in Modules and objects, from generators of random numbers.

A program is right as long as all that is as it was when the function was traced. To look whether it is must cost little
beside a call: what is there is compared by identity, in C, and only where that fails a key is made of it.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import pickle
import random
import sys
import sysconfig
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable, Hashable
from functools import cache, partial
from itertools import chain
from operator import is_
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

from ...value import Value
from .keys import attributes, exact

log = logging.getLogger("engine.jit")

MOST = 20_000  # things that are looked at before each call
DATA = 2_000  # a list or dict of more is data: of it the length alone is looked at, which takes no time

_OPEN = (SimpleNamespace, UserDict, UserList, ChainMap)  # whose inside is the user's
_PLAIN = (float, int, str, bool, bytes, type(None), Value)
_ENGINE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "")
_NN = os.path.join(os.path.dirname(os.path.dirname(_ENGINE)), "nn", "")
_STANDARD = tuple(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib"))
_INSTALLED = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))


class Outside:
    """What a function reads from outside.

    Args:
        f: a function, or whatever can be called.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self._f = f
        self._numbers: dict[Hashable, int] = {}
        self._fresh = itertools.count()
        self._now: tuple[Watch, int] | None = None

    def number(self) -> int:
        """The same number as long as all is as it was."""
        now = self._now
        if now is None or not now[0].is_current():
            now = self._look(next(self._fresh))
        return now[1]

    def settle(self, number: int) -> None:
        """What the function changed itself, while it was traced, is no change."""
        if self._now is not None and not self._now[0].is_current():
            self._look(number)

    def _look(self, number: int) -> tuple[Watch, int]:
        watch = Watch()
        key = exact(self._f, watch=watch)
        if watch.count > MOST:
            log.warning("jit looks at %d of the things that %.60r reads from outside, no more", MOST, self._f)
        now = self._now = watch.begun(), self._numbers.setdefault(key, number)
        return now


class Watch:
    """Containers of what a function reads from outside, and what was in them.

    Attributes:
        count: how many things are in them; it is full with MOST.
    """

    def __init__(self) -> None:
        self.count = 0
        self._cells: list[Any] = []
        self._names: list[tuple[Any, list[str]]] = []  # global names of functions, and those in classes
        self._containers: list[Any] = []
        self._dicts: list[Any] = []
        self._slotted: list[Any] = []
        self._arrays: list[Any] = []
        self._data: list[Any] = []
        self._before: Any = None

    def hold(self, x: Any) -> bool:
        """Look at what a container holds; False where that is too much."""
        if isinstance(x, (list, tuple, deque, dict, set)) and len(x) > DATA:
            self._data.append(x)
            return False
        self.count += x.size if hasattr(x, "dtype") else len(x) if hasattr(x, "__len__") else 1
        if self.count > MOST:
            return False
        if isinstance(x, dict):
            self._dicts.append(x)
        elif hasattr(x, "dtype") or isinstance(x, bytearray):
            self._arrays.append(x)
        elif isinstance(x, (list, deque, set)):
            self._containers.append(x)
        elif getattr(x, "__slots__", ()):
            self._slotted.append(x)
        return True

    def read(self, x: Any) -> list[Any]:
        """What there is to be seen besides containers and attributes."""
        if not isinstance(x, (FunctionType, type)):
            return [] if isinstance(x, ModuleType) or _is_generator(x) else below(x)
        cells, names = _read(x)
        self._cells += cells
        self._names += names
        self.count += len(cells) + sum([len(listed) for _, listed in names])
        defaults = [] if isinstance(x, type) else [x.__defaults__, x.__kwdefaults__]
        return defaults + [c.cell_contents for c in cells] + [where[n] for where, listed in names for n in listed]

    def is_opaque(self, x: Any) -> bool:
        """Is an object's inside its library's?"""
        return is_opaque(x)

    def begun(self) -> Watch:
        """This, with what is there now."""
        self._before = self._contents()
        return self

    def is_current(self) -> bool:
        """Is all as it was?"""
        try:
            things, rest = self._contents()
        except (ValueError, RuntimeError):  # a variable that was deleted; a container that another thread fills
            return False
        before, others = self._before
        return len(things) == len(before) and all(map(is_, things, before)) and rest == others

    def _contents(self) -> tuple[list[Any], list[Any]]:
        things = [c.cell_contents for c in self._cells]
        things += [where.get(name) for where, listed in self._names for name in listed]
        things += chain.from_iterable(self._containers)
        things += chain.from_iterable(self._dicts)
        things += chain.from_iterable(map(dict.values, self._dicts))
        things += chain.from_iterable([attributes(x).values() for x in self._slotted])
        rest: list[Any] = [*map(len, self._containers), *map(len, self._dicts), *map(len, self._data)]
        for x in self._arrays:
            if isinstance(x, bytearray):
                rest.append(bytes(x))
                continue
            import numpy as np

            array = np.asarray(x)
            if array.dtype.kind == "O":
                things += array.ravel().tolist()
            else:
                rest.append(array.tobytes())
        return things, rest


# What is read by name ------------------------------------------------------------------------------------------------


def _read(x: Any) -> tuple[list[Any], list[tuple[Any, list[str]]]]:
    """(variables of the functions around, [(where, names there)]) that a function or a class of the user's reads."""
    cells: list[Any] = []
    names: list[tuple[Any, list[str]]] = []
    if isinstance(x, FunctionType):
        for cell in x.__closure__ or ():
            with contextlib.suppress(ValueError):  # not filled yet
                _ = cell.cell_contents
                cells.append(cell)
        if not is_library(x.__code__.co_filename):
            names.append((x.__globals__, [n for n in _names(x.__code__) if n in x.__globals__]))
    elif isinstance(x, type) and not _is_library_class(x):
        names.append((vars(x), [n for n in vars(x) if n[:2] != "__" or n == "__call__"]))
    return cells, names


@cache
def _names(code: CodeType) -> tuple[str, ...]:
    """The names that code reads, that of functions inside it included."""
    found: dict[str, None] = {}
    stack = [code]
    while stack:
        code = stack.pop()
        found.update(dict.fromkeys(code.co_names))
        stack += [c for c in code.co_consts if isinstance(c, CodeType)]
    return tuple(found)


@cache
def is_library(path: str) -> bool:
    """Is a file of Python's, of the engine's or of an installed package? What is global there is nobody's to change."""
    installed = any(part in path for part in _INSTALLED)
    return installed or path.startswith((_ENGINE, _NN, *_STANDARD, "<frozen"))


def _is_library_class(kind: type) -> bool:
    name = kind.__module__
    if name.partition(".")[0] in sys.stdlib_module_names:
        return name != "__main__"
    return is_library(getattr(sys.modules.get(name), "__file__", None) or "")


def is_opaque(x: Any) -> bool:
    """Is an object's inside its library's? Modules, and what nn makes, have settings."""
    kind = type(x)
    user = hasattr(x, "_flatten") or isinstance(x, _OPEN) or kind.__module__.partition(".")[0] == "nn"
    return not user and _is_library_class(kind)


# Random numbers ------------------------------------------------------------------------------------------------------


class Generators:
    """Python's generator of random numbers, NumPy's, and those that something holds or reads, in the state they have.

    Args:
        roots: functions, Modules, objects.
    """

    def __init__(self, *roots: Any) -> None:
        self._states = [(g, _state(g)) for g in [*_generators(roots), *_shared()]]

    def drawn(self) -> str:
        """The class of one from which numbers were drawn since, "" without any. All get the state back that they had."""
        moved = [(g, state) for g, state in self._states if pickle.dumps(_state(g)) != pickle.dumps(state)]
        for g, state in moved:
            if isinstance(g, random.Random):
                g.setstate(state)
            elif hasattr(g, "set_state"):
                g.set_state(state)
            else:
                _bits(g).state = state
        return f"{type(moved[0][0]).__module__}.{type(moved[0][0]).__qualname__}" if moved else ""


def _shared() -> list[Any]:
    """The generators behind the functions of the modules `random` and `numpy.random`."""
    import numpy as np

    python: Any = random.random
    numpy: Any = np.random.random
    return [python.__self__, numpy.__self__]


def _is_generator(x: Any) -> bool:
    return isinstance(x, random.Random) or _bits(x) is not None


def _bits(x: Any) -> Any:
    """What a generator of NumPy draws from; None for all else."""
    kind = type(x)
    if not kind.__module__.startswith("numpy.random"):
        return None
    return next((found for name in ("bit_generator", "_bit_generator") if (found := getattr(x, name, None))), None)


def _state(g: Any) -> Any:
    if isinstance(g, random.SystemRandom):
        return None
    if isinstance(g, random.Random):
        return g.getstate()
    return g.get_state(legacy=False) if hasattr(g, "get_state") else _bits(g).state


def _generators(roots: Any) -> list[Any]:
    """Those that are held or read; lists of numbers are passed by."""
    found: list[Any] = []
    met: dict[int, Any] = {}
    stack = list(roots)
    while stack:
        x = stack.pop()
        if x.__class__ in _PLAIN or id(x) in met:
            continue
        met[id(x)] = x
        if _is_generator(x):
            found.append(x)
        elif isinstance(x, (list, tuple, deque, set, frozenset)):
            stack.extend([] if isinstance(x, list) and x and x[0].__class__ in (float, int) else x)
        elif isinstance(x, dict):
            stack.extend(x.values())
        elif getattr(getattr(x, "dtype", None), "kind", "") == "O":
            stack.extend(x.ravel().tolist())
        elif isinstance(x, (FunctionType, type)):
            stack.extend(Watch().read(x))
        elif not isinstance(x, ModuleType):
            stack.extend(below(x))
            stack.extend(() if is_opaque(x) else attributes(x).values())
    return found


def below(x: Any) -> list[Any]:
    """What a method, a partial, a wrapper or an object is made of, its attributes aside."""
    if isinstance(x, MethodType):
        return [x.__func__, x.__self__]
    if isinstance(x, BuiltinFunctionType):
        return [] if isinstance(x.__self__, ModuleType) else [x.__self__]
    if isinstance(x, partial):
        return [x.func, x.args, x.keywords]
    wrapped = getattr(x, "__wrapped__", None)
    return [wrapped] if wrapped is not None else [c for c in type(x).__mro__ if not _is_library_class(c)]
