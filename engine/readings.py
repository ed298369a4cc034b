"""Numbers read off Values where that loses a derivative: refused inside a transform, warned about outside.

`math.sin(x)` reads the number of x by `float(x)`: what comes of it is a constant, whose derivative is 0. So a transform
runs its function in a `Call`, in which no number is read off what depends on its inputs. A branch is no such reading:
where it is taken one way, the derivative is that of the side taken.
"""

from __future__ import annotations

import builtins
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from contextvars import ContextVar, Token
from functools import reduce
from math import inf
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from . import context

if TYPE_CHECKING:
    from dis import Instruction

running: set[object] = set()  # the calls under way in all threads: while it is empty, a reading costs one test
_calls: ContextVar[tuple[Call, ...]] = ContextVar("calls", default=())  # of this thread or task, outermost first
_quiet: set[tuple[int, int]] = set()  # (code, instruction) of readings that are not warned about

HINTS = {
    "int()": "use engine.floor",
    "round()": "use engine.floor(x + 0.5)",
    "format()": "print(x) and f'{x}' show it",
    "backward()": "use engine.grad or engine.gradients, which give Values",
    "setting .data": "compute a new Value",
    "a reading by jit": "pass it to the compiled function as an argument",
}
ON_PURPOSE = "; for a number on purpose write x.detach() or x.data"
# What the table calls the functions of math, statistics and NumPy that it has under another name.
ROWS = {
    "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan", "atan2": "arctan2",
    "atanh": "arctanh", "degrees": "rad2deg", "dist": "hypot", "fabs": "abs", "fmean": "mean", "fsum": "total",
    "pow": "power", "radians": "deg2rad", "sumprod": "dot",
}  # fmt: skip
HARMLESS = frozenset(("ceil", "floor", "isclose", "isfinite", "isinf", "isnan", "trunc"))  # of no derivative to lose
LIBRARIES = frozenset(("engine", "nn", "numpy", "pandas")) | sys.stdlib_module_names - {"__main__"}


class Row(Protocol):
    """The op of a node, as it is read."""

    @property
    def partials(self) -> Sequence[object]:
        """One an argument."""


class Read(Protocol):
    """A node, as it is read."""

    _data: float

    @property
    def op(self) -> Row | None:
        """Its row; None for a leaf."""

    def _operands(self) -> tuple[Sequence[object], Sequence[object]]: ...


class ReadingError(TypeError):
    """A number was read where a derivative would be lost."""


class Call:
    """One call of a function by a transform, or by anyone who needs the graph of what it computes whole.

    Args:
        who: the transform, for messages.
        inputs: the Values that the function is given, or a function that returns them, called at the first reading.
        number: where leaves are made in it, the stamp of the oldest.

    Attributes:
        young: Values made in it that are known to depend on no older leaf.
    """

    __slots__ = ("_constants", "_inputs", "_who", "number", "young")

    def __init__(
        self, who: str, inputs: Iterable[object] | Callable[[], Iterable[object]], number: float = inf
    ) -> None:
        self._who = who
        self._inputs = inputs
        self._constants: set[object] = set()
        self.number = number
        self.young: set[object] = set()

    def run(self, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the function returns."""
        token: Token[tuple[Call, ...]] = _calls.set((*_calls.get(), self))
        running.add(self)
        try:
            return f(*args, **kwargs)
        finally:
            running.discard(self)
            _calls.reset(token)

    def depends(self, v: Read) -> bool:
        """Is there a path from v to an input, on which no partial is 0 by its rule?"""
        inputs, constants = self._read_inputs(), self._constants
        seen, stack = {v}, [v]
        while stack:
            node = stack.pop()
            if node in inputs:
                return True
            if node.op is None or node in constants:
                continue
            for a, p in zip(node._operands()[0], node.op.partials):
                if p.__class__ is float and p == 0.0:
                    continue
                for e in a if a.__class__ is tuple else (a,):
                    if e.__class__ is v.__class__ and e not in seen:
                        seen.add(e)
                        stack.append(e)
        constants.update([node for node in seen if node.op is not None])
        return False

    def _read_inputs(self) -> Collection[object]:
        if self._inputs.__class__ is not frozenset:
            self._inputs = frozenset(self._inputs() if callable(self._inputs) else self._inputs)
        return self._inputs

    def refuse(self, v: Read, how: str) -> None:
        """Raise if v depends on an input."""
        if self.depends(v):
            frame = _caller()
            name, function = _applied(frame)
            what = "" if function is float else name
            read = f"{what} of" if what and how == "float()" else f"{how} of"
            hint = HINTS.get(how) or _alternative(what, v)
            purpose = "" if how in ("backward()", "setting .data") else ON_PURPOSE
            raise ReadingError(
                f"{self._who} takes functions that compute with Values, got {read} one that depends on the inputs, at "
                f"{frame.f_code.co_filename}:{frame.f_lineno}; {hint}{purpose}"
            )


class _Conversion(Call):
    """The call of a `__float__` that is not ours."""

    __slots__ = ("_object",)

    def __init__(self, who: str, x: object) -> None:
        super().__init__(who, ())
        self._object = x

    def refuse(self, v: Read, how: str) -> None:
        """No Value may be behind it."""
        kind = type(self._object).__name__
        raise ReadingError(f"{self._who} takes real numbers and Values, got a {kind} that holds one; give that itself")


def innermost() -> Call | None:
    """The call that is running here."""
    calls = _calls.get()
    return calls[-1] if calls else None


def converted(x: object, who: str) -> float:
    """`float(x)` of what is no number and no Value; a ReadingError where it is that of a Value inside."""
    found: float = _Conversion(who, x).run(float, x)
    return found


# What Value does as a number among numbers. Each refuses where a derivative would be lost with the number.


def check(v: Read, how: str) -> None:
    """Raise where what `how` names would lose a derivative: in a trace, and in a call that v depends on the inputs of."""
    if context.active:
        context.refuse(v, how)
    if running:
        refuse(v, how)


def as_float(self: Read) -> float:
    """The number; a function of math that asks a node for it warns."""
    check(self, "float()")
    if self.op is not None and not running:
        warn(self)
    return self._data


def as_int(self: Read) -> int:
    """The number without its fraction."""
    check(self, "int()")
    return int(self._data)


def rounded(self: Read, digits: int | None = None) -> float:
    """The number as round gives it."""
    check(self, "round()")
    return round(self._data, digits)


def formatted(self: Read, spec: str) -> str:
    """The number in a format; without one, the Value as it shows itself."""
    if not spec:
        return repr(self)
    check(self, "format()")
    return format(self._data, spec)


def item(self: Read) -> float:
    """The number, on purpose: as `.data`."""
    if context.active:
        context.refuse(self, ".item()")
    return self._data


def refuse(v: Read, how: str) -> None:
    """Raise if a call is running that v depends on the inputs of."""
    for call in reversed(_calls.get()):
        call.refuse(v, how)


def warn(v: Read) -> None:
    """Warn once a line where a function of math is applied to a node: the gradient ends there."""
    frame = sys._getframe(2)
    site = id(frame.f_code), frame.f_lasti
    if site in _quiet:
        return
    name, function = _applied(frame)
    if (
        getattr(function, "__module__", None) != "math"
        or getattr(function, "__name__", "") in HARMLESS
        or _package(frame) in LIBRARIES
    ):
        if len(_quiet) > 10_000:
            _quiet.clear()
        _quiet.add(site)
        return
    warnings.warn_explicit(
        f"{name} reads the number of a node, and no gradient flows through it; {_alternative(name, v)}; "
        "for a number on purpose write .data",
        UserWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        frame.f_globals.get("__name__"),
        frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _alternative(name: str, v: Read) -> str:
    """What to write in place of a function that reads numbers."""
    row = name.rpartition(".")[2]
    row = ROWS.get(row, row)
    if hasattr(v, row) or row in ROWS.values():
        return f"use engine.{row}"
    if name == STORING:
        return "use a list, or an array of dtype object"
    return "use engine's functions in place of others, as engine.sin for math.sin"


# The line that reads ------------------------------------------------------------------------------------------------

STORING = "storing in an array of floats"


def _caller() -> FrameType:
    """The nearest frame outside engine, nn, and the libraries that read numbers for others."""
    frame = first = sys._getframe(2)
    while _package(frame) in LIBRARIES:
        if frame.f_back is None:
            return first
        frame = frame.f_back
    return frame


def user_line() -> str:
    """File and line of the nearest caller outside engine and nn."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _package(frame) in ("engine", "nn", "contextlib"):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _applied(frame: FrameType) -> tuple[str, object]:
    """The name of the function that a frame is calling, as it is written there, and the function.

    ("", None) where it is calling nothing, or what an expression gave.
    """
    import dis

    until = [i for i in dis.get_instructions(frame.f_code) if i.offset <= frame.f_lasti]
    call = until.pop()
    if call.opname == "STORE_SUBSCR":
        return STORING, None
    start = _start(call)
    begun = [i for i in until if start is not None and _start(i) == start and not i.opname.startswith(INSIDE_CALLS)]
    names = [i.argval for i in begun if i.opname.startswith("LOAD_") and isinstance(i.argval, str)]
    if not call.opname.startswith(("CALL", "PRECALL")) or not names or len(names) < len(begun):
        return "", None
    return ".".join(names), _named(names, frame)


INSIDE_CALLS = ("PUSH_NULL", "PRECALL", "KW_NAMES", "CACHE")  # of one call, beside the name


def _start(instruction: Instruction) -> tuple[int, int] | None:
    """Line and column where the expression of an instruction begins, where Python keeps them."""
    p = instruction.positions
    return None if p is None or p.lineno is None or p.col_offset is None else (p.lineno, p.col_offset)


def _named(names: list[str], frame: FrameType) -> object:
    """What a dotted name stands for, where all but its end are modules."""
    scopes = (frame.f_locals, frame.f_globals, vars(builtins))
    found = next((scope[names[0]] for scope in scopes if names[0] in scope), None)
    return reduce(lambda x, name: vars(x).get(name) if isinstance(x, ModuleType) else None, names[1:], found)
