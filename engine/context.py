"""What surrounds the code that builds a graph: the Module path, `no_grad`, and anomaly detection.

The state is one per thread. `active` counts the contexts open in all threads: while it is 0, and it mostly is, making
a node costs one test; else each new node passes through `record`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from .value import Value


active = 0
edits = 0  # stands still while no leaf is given new data: then floats that were read are current
calls = 0  # the latest call of a transform; each leaf is stamped with it, and so known as older than a call or not
_serials = itertools.count(1)
_lock = threading.Lock()
_OWN = tuple(
    os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), part, "") for part in ("engine", "nn")
)


class AnomalyError(FloatingPointError):
    """A value or a partial turned nan or infinite; the message names op, operands, label and line."""


class About(NamedTuple):
    """What a node may carry besides its numbers."""

    label: str
    scope: Scope | None
    line: str | None


class Scope:
    """The place in a Module that made a node; one shared object for all nodes of one call.

    Attributes:
        name: the last part of the path, such as "0".
        parent: the Scope around it, or None.
        path: the whole path, such as "layers.0".
    """

    __slots__ = ("name", "parent")

    def __init__(self, name: str, parent: Scope | None = None) -> None:
        self.name = name
        self.parent = parent

    @property
    def path(self) -> str:
        """The names from the outermost Module to this one, joined by dots."""
        parts: list[str] = []
        scope: Scope | None = self
        while scope is not None:
            if scope.name:
                parts.append(scope.name)
            scope = scope.parent
        return ".".join(reversed(parts))

    def __enter__(self) -> Self:
        state = local.state
        outer = self.parent = state.scope
        if outer is None:
            _count(1)
        state.scope = self
        return self

    def __exit__(self, *_: object) -> None:
        outer = local.state.scope = self.parent
        if outer is None:
            _count(-1)

    def call(self, function: Callable[[Any], Any], x: Any) -> Any:
        """`function(x)` inside this scope: the same as a `with`, in less time."""
        state = local.state
        outer = self.parent = state.scope
        if outer is None:
            _count(1)
        state.scope = self
        try:
            return function(x)
        finally:
            state.scope = outer
            if outer is None:
                _count(-1)

    def __str__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"<scope {self.path!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Scope, (self.name, self.parent)


class _State:
    """What is in force in one thread."""

    __slots__ = ("anomaly", "recording", "scope", "tracing")

    def __init__(self) -> None:
        self.scope: Scope | None = None
        self.recording = True
        self.anomaly = False
        self.tracing: Any = None  # while the compiler runs a function: what records its nodes


class _Local(threading.local):
    def __init__(self) -> None:
        self.state = _State()


local = _Local()  # reading it costs ten times what reading a slot does: once in a function


def _count(change: int) -> None:
    global active
    with _lock:
        active += change


class _Setting(contextlib.ContextDecorator):
    """A context manager, or a decorator, that sets one field of the thread's state."""

    def __init__(self, field: str, value: Any) -> None:
        self._field, self._value = field, value
        self._outer: list[Any] = []

    def _recreate_cm(self) -> _Setting:  # a decorated function may run in several threads at once
        return _Setting(self._field, self._value)

    def __enter__(self) -> None:
        self._outer.append(getattr(local.state, self._field))
        _count(1)
        setattr(local.state, self._field, self._value)

    def __exit__(self, *_: object) -> None:
        setattr(local.state, self._field, self._outer.pop())
        _count(-1)


def no_grad() -> _Setting:
    """A context manager, and a decorator, under which operations return Values without a graph.

    >>> from engine import Value, no_grad
    >>> x = Value(2.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.op is None, y.data
    (True, 4.0)
    """
    return _Setting("recording", False)


def enable_grad() -> _Setting:
    """A context manager under which operations make graphs, within no_grad too."""
    return _Setting("recording", True)


def tracing(recorder: Any) -> _Setting:
    """A context manager under which every new node of this thread is recorded."""
    return _Setting("tracing", recorder)


def new_call() -> int:
    """Begin a call of a transform: its number, larger than the stamp of any leaf there is."""
    global calls
    calls = next(_serials)
    return calls


def detect_anomaly() -> _Setting:
    """A context manager under which the first value or partial that turns nan or infinite raises.

    Raises:
        AnomalyError: it names the op, its operands, the label and the line of the user's code that made the node.

    >>> from engine import Value, detect_anomaly, log
    >>> with detect_anomaly():
    ...     log(Value(0.0, label="x"))  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    AnomalyError: log gave -inf for x = 0.0 …
    """
    return _Setting("anomaly", True)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nodes made inside belong to no scope, and neither no_grad nor detect_anomaly applies: for printing."""
    state = local.state
    outer = state.scope, state.recording, state.anomaly
    state.scope, state.recording, state.anomaly = None, True, False
    try:
        yield
    finally:
        state.scope, state.recording, state.anomaly = outer


def scope(place: str | Scope) -> Scope:
    """A context manager that puts the nodes made inside it under a name; Modules use it for their paths.

    Args:
        place: a name, or a Scope of the caller's own class, whose parent is then set.

    >>> from engine import Value, scope
    >>> with scope("loss"):
    ...     y = Value(2.0) * 3.0
    >>> y.scope.path
    'loss'
    """
    return place if isinstance(place, Scope) else Scope(str(place))


def record(v: Value) -> Value:
    """Give a new node what is in force here; every op that makes nodes ends in this while a context is open."""
    state = local.state
    if state.anomaly:
        v._about = About("", state.scope, user_line())
        if not isfinite(v._data):
            raise AnomalyError(anomaly_message(v, f"gave {v._data}"))
    else:
        v._about = state.scope
    if state.tracing is not None:
        state.tracing.record(v)
    return v if state.recording else v.detach()


def links() -> bool:
    """Do answers of a transform stay connected to the graph around it? Not under no_grad, but always in a trace."""
    state = local.state
    return state.recording or state.tracing is not None


def refuse(v: Any, how: str) -> None:
    """Raise if a trace is running that `v` belongs to: its number is not known when the compiled function runs."""
    recorder = local.state.tracing
    if recorder is not None:
        recorder.refuse(v, how)


def user_line() -> str:
    """File and line of the nearest caller outside engine and nn."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def anomaly_message(v: Any, what: str) -> str:
    """One line that says which node turned non-finite, for which operands, and where it was made."""
    operands = ", ".join(f"{a.label or 'unnamed'} = {x}" if hasattr(a, "label") else str(x) for a, x in v._edges())
    about = v._about
    line = (
        about.line if about.__class__ is About and about.line else "unknown: build the graph under detect_anomaly too"
    )
    node = f" (label {v.label!r})" if v.label else ""
    return f"{v.op.name}{node} {what} for {operands:.300}; line {line}"
