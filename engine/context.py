"""What surrounds the code that builds a graph: the Module path, `no_grad`, and anomaly detection.

While `active` is empty, and it mostly is, making a node costs one test; else each new node passes through `record`. A
call of a Module is on the stack of its thread, and its place is the thread's; what a `with` sets is an open block.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import threading
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from .arguments import shown
from .open_blocks import Block, held, innermost_block, latest_block
from .open_blocks import active as active

edits = object()  # stays this one while no leaf is given new data: then floats that were read are current
calls = 0  # the latest call of a transform; each leaf is stamped with it, and so known as older than a call or not
_serials = itertools.count(1)


class About(NamedTuple):
    """What a node may carry besides its numbers."""

    label: str
    scope: Scope | None
    line: str | None


class Made(Protocol):
    """A node, as it is recorded."""

    _data: float
    _about: Any

    def __init__(self, data: float) -> None: ...


Node = TypeVar("Node", bound=Made)
F = TypeVar("F", bound=Callable[..., Any])
X = TypeVar("X")
Y = TypeVar("Y")


class _Local(threading.local):
    def __init__(self) -> None:
        self.calls = _Calls()


class _Calls:
    """The calls of Modules on the stack of a thread: the Scope of the innermost."""

    __slots__ = ("place",)

    def __init__(self) -> None:
        self.place: Scope | None = None


_local = _Local()  # reading it costs ten times what reading a slot does: once in a function


class Scope(Block):
    """The place in a Module that made a node; one shared object for all nodes of one call.

    Attributes:
        name: the last part of the path, such as "0".
        parent: the Scope around it, or None.
        path: the whole path, such as "layers.0".
    """

    __slots__ = ("name", "parent")

    def __init__(self, name: str, parent: Scope | None = None) -> None:
        if not isinstance(name, str) or not (parent is None or isinstance(parent, Scope)):
            got = f"{shown(name)} and {shown(parent)}"
            raise TypeError(f"Scope takes a name and the Scope around it, or None, got {got}")
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

    def __enter__(self) -> Scope:
        place, outer = self, innermost()
        around = outer
        while around is not None and around is not self:
            around = around.parent
        if around is self:  # entered in itself
            place = Scope(self.name)
        place.parent = outer
        self._open({"scope": place, "within": _local.calls.place})
        return place

    def call(self, function: Callable[[X], Y], x: X) -> Y:
        """`function(x)` inside this scope: the same as a `with`, in less time."""
        calls = _local.calls
        outer = calls.place
        self.parent = outer
        if held and (block := latest_block()) is not None and block.within is outer:
            self.parent = innermost()
        try:
            if outer is None:
                active.add(calls)
            calls.place = self
            return function(x)
        except TypeError:
            if not callable(function):  # asked after a call failed, so that one that does not costs nothing
                raise TypeError(f"call takes a function, got {shown(function)}") from None
            raise
        finally:
            calls.place = outer
            if outer is None:
                active.discard(calls)

    def __str__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"<scope {self.path!r}>"

    def __reduce__(self) -> tuple[object, ...]:
        return Scope, (self.name, self.parent)


class Setting(Block):
    """A context manager, or a decorator, that has something in force."""

    __slots__ = ("_sets",)

    def __init__(self, **sets: object) -> None:
        self._sets = sets

    def __enter__(self) -> None:
        self._open(self._sets)

    def __call__(self, function: F) -> F:
        """The function, under the setting; a generator or a coroutine while it runs, not while it is suspended."""
        import inspect  # when a function is decorated: 5 ms of `import engine` otherwise

        if inspect.isasyncgenfunction(function):
            raise TypeError(
                f"a setting takes functions to decorate, got the async generator {shown(function)}; open it inside"
            )

        @functools.wraps(function)
        def inside(*args: object, **named: object) -> object:
            with self:
                return function(*args, **named)

        @functools.wraps(function)
        def steps(*args: object, **named: object) -> Generator[object, object, object]:
            generator = function(*args, **named)
            resume, sent = generator.send, None
            while True:
                try:
                    with self:
                        made = resume(sent)
                except StopIteration as end:
                    return end.value
                try:
                    resume, sent = generator.send, (yield made)
                except BaseException as error:
                    resume, sent = generator.throw, error

        @functools.wraps(function)
        async def task(*args: object, **named: object) -> object:
            with self:
                return await function(*args, **named)

        made = (
            steps
            if inspect.isgeneratorfunction(function)
            else task
            if inspect.iscoroutinefunction(function)
            else inside
        )
        return cast("F", made)


def no_grad() -> Setting:
    """A context manager, and a decorator, under which operations return Values without a graph.

    >>> from engine import Value, no_grad
    >>> x = Value(2.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.op is None, y.data
    (True, 4.0)
    """
    return Setting(recording=False)


def enable_grad() -> Setting:
    """A context manager under which operations make graphs, within no_grad too."""
    return Setting(recording=True)


def tracing(recorder: object) -> Setting:
    """A context manager under which every new node is recorded."""
    return Setting(tracing=recorder)


def new_call() -> int:
    """Begin a call of a transform: its number, larger than the stamp of any leaf there is."""
    global calls
    calls = next(_serials)
    return calls


def quiet() -> contextlib.AbstractContextManager[None]:
    """Nodes made inside belong to no scope, and neither no_grad nor detect_anomaly applies: for printing."""
    if not active:
        return contextlib.nullcontext()
    return Setting(scope=None, within=_local.calls.place, recording=True, watch=None)


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


def record(v: Node) -> Node:
    """Give a new node what is in force here; every op that makes nodes ends in this while a context is open."""
    place = _local.calls.place
    if not held:
        v._about = place
        return v
    block = latest_block()
    if block is None or block.outer is not None or block.holder() is None:
        block = innermost_block()
        if block is None:
            v._about = place
            return v
    v._about = block.scope if place is block.within else place
    if block.watch is not None:
        block.watch(v)
    if block.tracing is not None:
        block.tracing.record(v)
    if block.recording:
        return v
    made: Node = type(v)(v._data) if block.tracing is None else block.tracing.detached(v)
    return made


def innermost() -> Scope | None:
    """The scope that a node made here is in."""
    place, block = _local.calls.place, innermost_block()
    if block is None or place is not block.within:
        return place
    return block.scope if isinstance(block.scope, Scope) else None


def recording() -> bool:
    """Do operations make graphs here?"""
    block = innermost_block()
    return block is None or block.recording


def watching() -> bool:
    """Does detect_anomaly apply here?"""
    block = innermost_block()
    return block is not None and block.watch is not None


def recorder() -> Any:
    """While the compiler runs a function: what records its nodes; else None."""
    block = innermost_block()
    return None if block is None else block.tracing


def links() -> bool:
    """Do answers of a transform stay connected to the graph around it? Not under no_grad, but always in a trace."""
    return recording() or recorder() is not None


def refuse(v: object, how: str) -> None:
    """Raise if a trace is running that `v` belongs to: its number is not known when the compiled function runs."""
    if (tracing := recorder()) is not None:
        tracing.refuse(v, how)
