"""Arguments: a number, a whole number, a flag, a name, a function and a list, each asked for in one way.

All take who asks, the argument's name and what was given, and return it as what it stands for. What is nothing of the
kind raises "<who> takes <what is legal> as <name>, got <what was given>": a TypeError, or a ValueError where the kind is
right and the value is not. No value reaches the code behind that it was not written for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib import import_module
from math import inf, isfinite, isinf
from operator import index
from types import ModuleType
from typing import Any, TypeGuard

__all__ = [
    "checked",
    "flag",
    "float_of",
    "function",
    "install_line",
    "is_number",
    "listed",
    "named",
    "nearest",
    "number",
    "package",
    "path",
    "real",
    "shown",
    "text",
    "threads",
    "whole",
]

_UNORDERED = (str, bytes, bytearray, memoryview, set, frozenset, Mapping, type)  # what has no elements, or no order


def shown(x: object) -> str:
    """What was given, short, for a message: whatever it is, this raises nothing.

    >>> from engine.arguments import shown
    >>> shown("abc"), shown(10**400)
    ("'abc'", 'an int of 1329 bits')
    """
    try:
        if isinstance(x, int) and x.bit_length() > 1024:
            return f"an int of {x.bit_length()} bits"
        return f"{x!r:.60}"
    except Exception:  # of a __repr__ that is not ours, or nested too deep
        return f"a {type(x).__name__}"


def install_line(extra: str) -> str:
    """How one gets what an extra of the project brings, for a message; bash, cmd and PowerShell read the line alike.

    >>> from engine.arguments import install_line
    >>> install_line("jit")
    'pip install -e ".[jit]" in the folder of chainrule'
    """
    return f'pip install -e ".[{extra}]" in the folder of chainrule'


def package(who: str, name: str, called: str, install: str) -> ModuleType:
    """A package of others; else an ImportError that says how to install it.

    >>> from engine.arguments import package
    >>> package("grad", "nobody_has_this", "Nobody", "pip install nobody")
    Traceback (most recent call last):
    ModuleNotFoundError: grad takes Nobody, which is not installed; pip install nobody
    """
    try:
        return import_module(name)
    except ImportError as error:
        missing = f"{who} takes {called}, which is not installed; {install}"
        raise ModuleNotFoundError(missing, name=name) from error


def is_number(x: object) -> TypeGuard[float]:
    """Does x hold one number? A Value and an array of no dimensions do; text, complex numbers and classes do not.

    >>> from engine.arguments import is_number
    >>> is_number(2), is_number("2"), is_number([2])
    (True, False, False)
    """
    return not isinstance(x, (str, bytes, complex, type)) and hasattr(x, "__float__") and getattr(x, "shape", ()) == ()


def real(x: object) -> float | None:
    """x as a float where it is a real number, an array of no dimensions included; else None. Too large ones are ±inf.

    >>> from engine.arguments import real
    >>> real(2), real("2"), real(2j), real(-(10**400))
    (2.0, None, None, -inf)
    """
    if x.__class__ is float:
        return x
    if not is_number(x):
        return None
    if getattr(getattr(x, "dtype", None), "kind", "f") not in "biufO":
        return None
    try:
        return float(x)
    except OverflowError:
        return inf if x > 0 else -inf
    except (TypeError, ValueError):
        return None


def number(
    who: str, name: str, x: object, takes: str = "a number", legal: Callable[[float], bool] = lambda x: True
) -> float:
    """A finite number.

    Args:
        takes: what is legal, in words.
        legal: whether a finite number is.

    >>> from engine.arguments import number
    >>> number("SGD", "lr", 1, "a positive number", lambda x: x > 0.0)
    1.0
    """
    found = real(x)
    if found is None:
        raise TypeError(f"{who} takes {takes} as {name}, got {shown(x)}")
    if not isfinite(found) or not legal(found):
        too_large = isinf(found) and x not in (inf, -inf)
        got = f"{shown(x)}, which no float holds" if too_large else shown(x) if isinstance(x, int) else found
        raise ValueError(f"{who} takes {takes} as {name}, got {got}")
    return found


def float_of(who: str, name: str, x: object) -> float:
    """A number, which may be nan or infinite, as where a training has diverged.

    >>> from engine.arguments import float_of
    >>> float_of("load_state", "sum", float("inf"))
    inf
    """
    found = real(x)
    if found is None or (isinf(found) and isinstance(x, int)):
        raise TypeError(f"{who} takes a number as {name}, got {shown(x)}")
    return found


def whole(who: str, name: str, x: Any, takes: str = "", *, least: float = 0, most: float = sys.maxsize) -> int:
    """A whole number from `least`; as far as anything can be counted, where nothing else is said.

    >>> from engine.arguments import whole
    >>> whole("fit", "epochs", 3, least=1)
    3
    """
    takes = takes or f"a whole number from {least}" + (f" to {most}" if most not in (sys.maxsize, inf) else "")
    try:
        count = None if isinstance(x, bool) else index(x)
    except TypeError:
        count = None
    if count is None:
        raise TypeError(f"{who} takes {takes} as {name}, got {shown(x)}")
    if not least <= count <= most:
        raise ValueError(f"{who} takes {takes} as {name}, got {shown(count)}")
    return count


def threads(who: str, x: object) -> int:
    """How many threads are meant: a whole number from 1 to 256, or "auto" for as many as this process has cores.

    >>> from engine.arguments import threads
    >>> threads("jit", 2)
    2
    """
    if isinstance(x, str) and x == "auto":
        has = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(has, 256)
    return whole(who, "threads", x, "a whole number from 1 to 256, or 'auto',", least=1, most=256)


def flag(who: str, name: str, x: object) -> bool:
    """True or False; 1 and 0 are these.

    >>> from engine.arguments import flag
    >>> flag("grad", "has_aux", 1)
    True
    """
    found = real(x)
    if found not in (0.0, 1.0):
        wrong = TypeError if found is None else ValueError
        raise wrong(f"{who} takes True or False as {name}, got {shown(x)}")
    return found == 1.0


def text(who: str, name: str, x: object, takes: str = "text") -> str:
    """Text as it is.

    >>> from engine.arguments import text
    >>> text("Scope", "name", "layers.0")
    'layers.0'
    """
    if not isinstance(x, str):
        raise TypeError(f"{who} takes {takes} as {name}, got {shown(x)}")
    return x


def named(who: str, name: str, x: object, legal: Iterable[str], also: str = "") -> str:
    """One of some names; a name that is none of them is told the nearest.

    Args:
        legal: the names.
        also: what else is legal, for the message.

    >>> from engine.arguments import named
    >>> named("draw", "theme", "dark", ("auto", "light", "dark"))
    'dark'
    """
    names = list(legal)
    takes = f"one of {', '.join(names)}{also}" if len(names) > 3 or also else _either(names)
    if not isinstance(x, str):
        raise TypeError(f"{who} takes {takes} as {name}, got {shown(x)}")
    if x not in names:
        raise ValueError(f"{who} takes {takes} as {name}, got {shown(x)}{nearest(x.lower(), names)}")
    return x


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of a message about a name that is wrong: the one that was meant, if any is near.

    >>> from engine.arguments import nearest
    >>> nearest("rleu", ["relu", "tanh"]), nearest("sin", ["relu", "tanh"])
    ("; did you mean 'relu'?", '')
    """
    return _nearest(name, tuple(names))


@lru_cache(256)  # whenever an optimiser is made, it is asked about the attributes that are none of its settings
def _nearest(name: str, names: tuple[str, ...]) -> str:
    import difflib  # when a name is wrong, not when engine is imported

    near = difflib.get_close_matches(name, names, 1, 0.65)
    return f"; did you mean {near[0]!r}?" if near else ""


def checked(check: Callable[[str, str, Any], object]) -> Any:
    """An attribute that is checked whenever it is set, by a function of (class, attribute, what was given).

    >>> from engine.arguments import checked, number
    >>> class Scaled:
    ...     scale: float = checked(number)
    >>> scaled = Scaled()
    >>> scaled.scale = 2
    >>> scaled.scale
    2.0
    """
    return _Checked(check)


class _Checked:
    """Only what sets: an attribute without __get__ is read from the instance, as fast as any."""

    def __init__(self, check: Callable[[str, str, Any], object]) -> None:
        self._check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __set__(self, holder: object, x: object) -> None:
        vars(holder)[self._name] = self._check(type(holder).__name__, self._name, x)


def _either(names: list[str]) -> str:
    *first, last = map(repr, names)
    return f"{', '.join(first)} or {last}" if first else last


def path(who: str, name: str, x: Any) -> str:
    """A path as text, which the system can have: text, bytes, or an os.PathLike.

    >>> from engine.arguments import path
    >>> path("save", "path", b"net.safetensors")
    'net.safetensors'
    """
    try:
        found = os.fsdecode(x)
        os.fsencode(found)
    except (TypeError, UnicodeError):
        found = "\0"
    if "\0" in found or not found:
        wrong = ValueError if isinstance(x, (str, bytes)) else TypeError
        raise wrong(f"{who} takes the {name} of a file, got {shown(x)}")
    return found


def function(who: str, name: str, x: object, takes: str = "a function") -> Callable[..., Any]:
    """What can be called, as it is.

    >>> from engine.arguments import function
    >>> function("jit", "f", abs)
    <built-in function abs>
    """
    if not callable(x):
        raise TypeError(f"{who} takes {takes} as {name}, got {shown(x)}")
    return x


def listed(who: str, name: str, x: Any, takes: str = "a list") -> list[Any]:
    """The elements of what has an order, in a new list: no text, no set, no dict.

    >>> from engine.arguments import listed
    >>> listed("film", "frames", (1, 2), "a list of Values")
    [1, 2]
    """
    try:
        elements = None if isinstance(x, _UNORDERED) else iter(x)
    except TypeError:
        elements = None
    if elements is None:
        raise TypeError(f"{who} takes {takes} as {name}, got {shown(x)}")
    return list(elements)
