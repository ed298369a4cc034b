"""What a function reads from outside its arguments: by name, in Modules and objects.

A program is right as long as all that is as it was when the function was traced. To look whether it is must cost little
beside a call: what is there is compared by identity, as bytes, and only where that fails a key is made of it.
"""

from __future__ import annotations

import builtins
import contextlib
import itertools
import logging
import os
import sys
import sysconfig
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from functools import cache, partial
from itertools import chain
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from ...lists import Operands
from ...value import Value
from .addresses import addresses
from .keys import attributes, exact, is_generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger("engine.jit")

Names = tuple[Mapping[str, object], list[str]]  # where, and which of those there

MOST = 20_000  # things that are looked at before each call
DATA = 2_000  # a list or dict of more is data: of it the length alone is looked at, which takes no time

_OPEN = (SimpleNamespace, UserDict, UserList, ChainMap)  # whose inside is the user's
_ENGINE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "")
_NN = os.path.join(os.path.dirname(os.path.dirname(_ENGINE)), "nn", "")
_STANDARD = tuple(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib"))
_INSTALLED = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))


class Outside:
    """What a function reads from outside.

    Args:
        f: a function, or whatever can be called.
    """

    def __init__(self, f: Callable[..., object]) -> None:
        self._f = f
        self._classes: dict[type, None] = {}
        self._numbers: dict[Hashable, int] = {}
        self._fresh = itertools.count()
        self._now: tuple[Watch, int] | None = None

    def include(self, classes: set[type]) -> None:
        """Look at what classes of arguments read, too."""
        if not self._classes.keys() >= classes:
            self._classes = dict.fromkeys([*self._classes, *classes])
            self._now = None

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
        key = exact((self._f, *self._classes) if self._classes else self._f, watch=watch)
        if watch.count > MOST:
            log.warning("jit looks at %d of the things that %.60r reads from outside, no more", MOST, self._f)
        now = self._now = watch.begun(), self._numbers.setdefault(key, number)
        return now


def exact_of_constant(x: object) -> Hashable:
    """`exact`, of a function among arguments with what it reads itself."""
    key = exact(x)
    return (key, exact(x, watch=Watch())) if isinstance(x, (FunctionType, MethodType, partial)) else key


class Watch:
    """Containers of what a function reads from outside, and what was in them.

    Attributes:
        count: how many things are in them; it is full with MOST.
    """

    def __init__(self) -> None:
        self.count = 0
        self._cells: list[CellType] = []
        self._names: list[Names] = []  # global names of functions, and those in classes
        self._functions: list[FunctionType] = []
        self._sized: list[Collection[object]] = []  # whose length is looked at: most of the following, and large ones
        self._containers: list[Collection[object]] = []
        self._dicts: list[dict[object, object]] = []
        self._values: list[Collection[object]] = []  # of all dicts
        self._slotted: list[object] = []
        self._arrays: list[object] = []
        self._before: tuple[tuple[object, ...], bytes, list[object]] = (), b"", []

    def hold(self, x: Any) -> bool:
        """Look at what a container holds; False where that is too much."""
        if isinstance(x, (list, tuple, deque, dict, set)) and len(x) > DATA:
            self._sized.append(x)
            return False
        self.count += x.size if hasattr(x, "dtype") else len(x) if hasattr(x, "__len__") else 1
        if self.count > MOST:
            return False
        self.look_at(x)
        return True

    def look_at(self, x: Any) -> None:
        """Add what a container holds to what is looked at."""
        if isinstance(x, dict):
            self._dicts.append(x)
            self._values.append(dict.values(x))
        elif hasattr(x, "dtype") or isinstance(x, bytearray):
            self._arrays.append(x)
        elif isinstance(x, (list, deque, set)):
            self._containers.append(x)
        elif getattr(x, "__slots__", ()):
            self._slotted.append(x)
        if isinstance(x, (list, deque, dict, set)):
            self._sized.append(x)

    def meet(self, values: Iterable[Value]) -> None:
        """It counts which they are."""

    def read(self, x: object) -> list[object]:
        """What there is to be seen besides containers and attributes."""
        if not isinstance(x, (FunctionType, type)):
            return [] if isinstance(x, ModuleType) or is_generator(x) else below(x)
        cells, names = _read(x)
        self._cells += cells
        self._names += names
        self.count += len(cells) + sum([len(listed) for _, listed in names])
        itself: list[object] = []
        if isinstance(x, FunctionType):
            itself += _of_function(x)
            if not is_library(x.__code__.co_filename):
                self._functions.append(x)
        elif names:
            self._sized.append(vars(x))
            itself += names[0][1]
        return itself + [c.cell_contents for c in cells] + [where.get(n) for where, listed in names for n in listed]

    def is_opaque(self, x: object) -> bool:
        """Is an object's inside its library's?"""
        return is_opaque(x)

    def begun(self) -> Watch:
        """This, with what is there now."""
        things = self._things()
        self._before = things, addresses(things), self._rest()
        return self

    def is_current(self) -> bool:
        """Is all as it was?"""
        things, where, rest = self._before
        try:
            if self._rest() != rest:
                return False
            now = self._things()
        except (TypeError, ValueError, RuntimeError):  # a deleted variable; a container that another thread fills
            return False
        here = addresses(now)
        if here == where:
            return True
        same = len(now) == len(things) and all(
            a is b or (a.__class__ is b.__class__ is Operands) for a, b in zip(now, things)
        )
        if same:
            self._before = now, here, rest
        return same

    def _things(self) -> tuple[object, ...]:
        """What is compared by identity: so many things, as long as what holds them is as long as it was."""
        found: list[object] = []
        for holder in self._containers:  # of lists that copies memory, where an iteration over all would go one by one
            found.extend(holder)
        if self._dicts:
            found.extend(chain.from_iterable(self._values))
            found.extend(chain.from_iterable(self._dicts))
        for where, listed in self._names:
            found.extend(map(where.get, listed))
        for f in self._functions:
            found += _of_function(f)
        if self._cells:
            found.extend([c.cell_contents for c in self._cells])
        if self._slotted or self._arrays:
            for x in self._slotted:
                found.extend(attributes(x).values())
            for array in self._numpys():
                found += array.ravel().tolist() if array.dtype.kind == "O" else ()
        return tuple(found)

    def _rest(self) -> list[object]:
        """What is compared by ==: lengths, numbers in arrays."""
        rest: list[object] = [*map(len, self._sized)]
        if self._slotted or self._arrays:
            rest += [len(attributes(x)) for x in self._slotted]
            rest += [bytes(x) for x in self._arrays if isinstance(x, bytearray)]
            for array in self._numpys():
                rest += [array.shape, array.dtype, None if array.dtype.kind == "O" else array.tobytes()]
        return rest

    def _numpys(self) -> list[NDArray[Any]]:
        if not self._arrays:
            return []
        import numpy as np

        return [np.asarray(x) for x in self._arrays if not isinstance(x, bytearray)]


# What is read by name ------------------------------------------------------------------------------------------------


def _read(x: object) -> tuple[list[CellType], list[Names]]:
    """(variables of the functions around, [(where, names there)]) that a function or a class of the user's reads."""
    cells: list[CellType] = []
    names: list[Names] = []
    if isinstance(x, FunctionType):
        for cell in x.__closure__ or ():
            with contextlib.suppress(ValueError):  # not filled yet
                _ = cell.cell_contents
                cells.append(cell)
        if listed := [n for n in names_in(x) if n in x.__globals__ or hasattr(builtins, n)]:
            names.append((x.__globals__, listed))
    elif isinstance(x, type) and not _is_library_class(x):
        names.append((vars(x), [n for n in vars(x) if n[:2] != "__" or n == "__call__"]))
    return cells, names


def _of_function(f: FunctionType) -> tuple[object, ...]:
    """What a function is made of that can be replaced."""
    return f.__code__, f.__defaults__, f.__kwdefaults__


def names_in(x: object) -> tuple[str, ...]:
    """The names in the code of a function of the user's."""
    return _names(x.__code__) if isinstance(x, FunctionType) and not is_library(x.__code__.co_filename) else ()


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
    return is_library_module(kind.__module__)


def is_library_module(name: str) -> bool:
    """Is a module Python's, the engine's or an installed one?"""
    if name.partition(".")[0] in sys.stdlib_module_names:
        return name != "__main__"
    return is_library(getattr(sys.modules.get(name), "__file__", None) or "")


def is_opaque(x: object) -> bool:
    """Is an object's inside its library's? Modules, and what nn makes, have settings."""
    kind = type(x)
    user = hasattr(x, "_flatten") or isinstance(x, _OPEN) or kind.__module__.partition(".")[0] == "nn"
    return not user and _is_library_class(kind)


def below(x: object) -> list[object]:
    """What a method, a partial, a wrapper or an object is made of, its attributes aside."""
    if isinstance(x, MethodType):
        return [x.__func__, x.__self__]
    if isinstance(x, BuiltinFunctionType):
        return [] if isinstance(x.__self__, ModuleType) else [x.__self__]
    if isinstance(x, partial):
        return [x.func, x.args, x.keywords]
    wrapped = getattr(x, "__wrapped__", None)
    return [wrapped] if wrapped is not None else [*user_classes(x)]


def user_classes(x: object) -> list[type]:
    """Those that an object is of and that are no library's."""
    return [c for c in type(x).__mro__ if not _is_library_class(c)]
