"""What surrounds the code that builds a graph: the Module path, `no_grad`, and anomaly detection.

The state is one per thread. `active` counts the contexts open in all threads: while it is 0, and it mostly is, making
a node costs one test; else each new node passes through `record`.
"""

import contextlib
import os
import sys
import threading
from collections import namedtuple
from math import isfinite

About = namedtuple("About", "label scope line")  # what a node may carry besides its numbers

active = 0
_lock = threading.Lock()
_OWN = tuple(
    os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), part, "") for part in ("engine", "nn")
)


class _State(threading.local):
    scope = None
    recording = True
    anomaly = False


state = _State()


class AnomalyError(FloatingPointError):
    """A value or a partial turned nan or infinite; the message names op, operands, label and line."""


class Scope:
    """The place in a Module that made a node; one shared object for all nodes of one call.

    Attributes:
        name: the last part of the path, such as "0".
        parent: the Scope around it, or None.
        path: the whole path, such as "layers.0".
    """

    __slots__ = ("name", "parent")

    def __init__(self, name, parent=None):
        self.name = name
        self.parent = parent

    @property
    def path(self):
        parts, scope = [], self
        while scope is not None:
            if scope.name:
                parts.append(scope.name)
            scope = scope.parent
        return ".".join(reversed(parts))

    def __str__(self):
        return self.path

    def __repr__(self):
        return f"<scope {self.path!r}>"

    def __reduce__(self):
        return Scope, (self.name, self.parent)


def _count(change):
    global active
    with _lock:
        active += change


class _Setting(contextlib.ContextDecorator):
    """A context manager, or a decorator, that sets one field of the thread's state."""

    def __init__(self, field, value):
        self._field, self._value, self._outer = field, value, []

    def __enter__(self):
        self._outer.append(getattr(state, self._field))
        _count(1)
        setattr(state, self._field, self._value)

    def __exit__(self, *_):
        setattr(state, self._field, self._outer.pop())
        _count(-1)


def no_grad():
    """A context manager, and a decorator, under which operations return Values without a graph.

    >>> from engine import Value, no_grad
    >>> x = Value(2.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.op is None, y.data
    (True, 4.0)
    """
    return _Setting("recording", False)


def detect_anomaly():
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


class scope:
    """A context manager that puts the nodes made inside it under a name; Modules use it for their paths.

    Args:
        place: a name, or a Scope of the caller's own class, whose parent is then set.

    >>> from engine import Value, scope
    >>> with scope("loss"):
    ...     y = Value(2.0) * 3.0
    >>> y.scope.path
    'loss'
    """

    __slots__ = ("_place", "_outer")

    def __init__(self, place):
        self._place = place if isinstance(place, Scope) else Scope(str(place))

    def __enter__(self):
        outer = self._outer = state.scope
        if outer is None:
            _count(1)
        self._place.parent = outer
        state.scope = self._place
        return self._place

    def __exit__(self, *_):
        outer = state.scope = self._outer
        if outer is None:
            _count(-1)


def record(v):
    """Give a new node what is in force here; every op that makes nodes ends in this while a context is open."""
    if state.anomaly:
        v._about = About("", state.scope, user_line())
        if not isfinite(v._data):
            raise AnomalyError(anomaly_message(v, f"gave {v._data}"))
    else:
        v._about = state.scope
    return v if state.recording else v.detach()


def user_line():
    """File and line of the nearest caller outside engine and nn."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def anomaly_message(v, what):
    operands = ", ".join(f"{a.label or 'unnamed'} = {x}" if hasattr(a, "label") else str(x) for a, x in v._edges())
    about = v._about
    line = (
        about.line if about.__class__ is About and about.line else "unknown: build the graph under detect_anomaly too"
    )
    node = f" (label {v.label!r})" if v.label else ""
    return f"{v.op.name}{node} {what} for {operands:.300}; line {line}"
