"""What surrounds the code that builds a graph: the Module path, `no_grad`, and anomaly detection.

`active` holds what is open in all threads: while it is empty, and it mostly is, making a node costs one test; else each
new node passes through `record`. A call of a Module is on the stack of its thread, and its place is the thread's. What a
`with` sets belongs to a context, so that asyncio tasks that overlap do not see each other's; a thread starts with none.

What a `with` sets is in force while the `with` holds its `__exit__`, a method of an object that nobody else holds: it is
dropped in C, where no KeyboardInterrupt comes between, also where the block was interrupted on its way in or out. So
nothing stays in force behind a block that was left, in whatever order blocks are left.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import threading
import weakref
from _thread import allocate_lock
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, TypeVar

from .arguments import shown

active: set[object] = set()  # what holds open blocks, weakly, and a mark for each outermost call of a Module
_held: set[object] = set()  # what holds open blocks alone
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
    _about: About | Scope | None

    def __init__(self, data: float) -> None: ...


Node = TypeVar("Node", bound=Made)


class _Opened:
    """An open block: what is in force in it."""

    __slots__ = (
        "watch",
        "held",
        "kept",
        "outer",
        "owner",
        "recording",
        "scope",
        "sets",
        "state",
        "tracing",
        "within",
    )

    def __init__(self, owner: _Block, sets: dict[str, Any], outer: _Opened | None, held: Any, kept: Any) -> None:
        self.owner, self.sets, self.outer = owner, sets, outer
        self.state: dict[str, Any] = {**(DEFAULTS if outer is None else outer.state), **sets}
        self.scope, self.within, self.recording, self.watch, self.tracing = self.state.values()
        self.held = held  # what the `with` holds, weakly
        self.kept = kept  # that itself, where __enter__ was called by hand or by an ExitStack


DEFAULTS = {
    "scope": None,
    "within": None,  # the call of a Module that was running where the scope was set
    "recording": True,
    "watch": None,  # under detect_anomaly: what is called with each new node
    "tracing": None,  # while the compiler runs a function: what records its nodes
}


class _Local(threading.local):
    def __init__(self) -> None:
        self.calls = _Calls()


class _Calls:
    """The calls of Modules on the stack of a thread: the Scope of the innermost."""

    __slots__ = ("place",)

    def __init__(self) -> None:
        self.place: Scope | None = None


_local = _Local()  # reading it costs ten times what reading a slot does: once in a function
_blocks: ContextVar[_Opened | None] = ContextVar("blocks", default=None)
_entering: ContextVar[Any] = ContextVar("entering", default=None)  # what will hold the block that is about to be opened


def _in_force() -> _Opened | None:
    """The innermost open block; None outside of all."""
    top = block = _blocks.get()
    while block is not None:
        if block.held() is None:
            return _without_left()
        block = block.outer
    return top


def _without_left() -> _Opened | None:
    """The open blocks without those that were left."""
    found, block = [], _blocks.get()
    while block is not None:
        found.append(block)
        block = block.outer
    for b in reversed(found):
        if b.held() is not None:
            block = _Opened(b.owner, b.sets, block, b.held, b.kept)
    _blocks.set(block)
    return block


class _Exit:
    """The `__exit__` of a block: that of a new lock, for want of a simpler object that has one in C.

    `with` looks it up, then calls `__enter__`.
    """

    def __get__(self, owner: _Block | None, kind: type) -> Any:
        if owner is None:
            return lambda owner, *error: owner.__exit__(*error)
        block = _blocks.get()
        while block is not None:
            if block.owner is owner and block.kept is not None:
                kept, block.kept = block.kept, None
                return kept.__exit__
            block = block.outer
        lock = allocate_lock()
        try:
            lock.acquire()
            _entering.set(weakref.ref(lock))
            return lock.__exit__
        finally:
            del lock  # a traceback that is kept would hold it


class _Block:
    """What `with` takes to have something in force until the block ends."""

    __slots__ = ()

    __exit__ = _Exit()

    def _open(self, sets: dict[str, Any]) -> None:
        held, kept = _entering.get(), None
        lock = held and held()
        try:
            if lock is None:
                lock = kept = allocate_lock()
                lock.acquire()
                held = weakref.ref(lock)
            for counted in (
                active,
                _held,
            ):  # until it is dropped; in one call, as what is to be discarded needs its hash
                counted.update(map(weakref.ref, (lock,), (counted.discard,)))
            _entering.set(None)
            _blocks.set(_Opened(self, sets, _in_force(), held, kept))
        finally:
            del lock, kept


class Scope(_Block):
    """The place in a Module that made a node; one shared object for all nodes of one call.

    Attributes:
        name: the last part of the path, such as "0".
        parent: the Scope around it, or None.
        path: the whole path, such as "layers.0".
    """

    __slots__ = ("name", "parent")

    def __init__(self, name: str, parent: Scope | None = None) -> None:
        if not isinstance(name, str) or not (parent is None or isinstance(parent, Scope)):
            raise TypeError(f"Scope takes a name and the Scope around it, or None, got {name!r:.60} and {parent!r:.60}")
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

    def call(self, function: Callable[[Any], Any], x: Any) -> Any:
        """`function(x)` inside this scope: the same as a `with`, in less time."""
        calls = _local.calls
        outer = calls.place
        self.parent = outer
        if _held and (block := _blocks.get()) is not None and block.within is outer:
            self.parent = innermost()
        if outer is not None:
            try:
                calls.place = self
                return function(x)
            except TypeError:
                _refuse_uncallable(function)
                raise
            finally:
                calls.place = outer
        mark = object()
        try:
            active.add(mark)
            calls.place = self
            return function(x)
        except TypeError:
            _refuse_uncallable(function)
            raise
        finally:
            calls.place = None
            active.discard(mark)

    def __str__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"<scope {self.path!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Scope, (self.name, self.parent)


class Setting(_Block):
    """A context manager, or a decorator, that has something in force."""

    __slots__ = ("_sets",)

    def __init__(self, **sets: Any) -> None:
        self._sets = sets

    def __enter__(self) -> None:
        self._open(self._sets)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, under the setting; a generator or a coroutine while it runs, not while it is suspended."""
        import inspect  # when a function is decorated: 5 ms of `import engine` otherwise

        if inspect.isasyncgenfunction(function):
            raise TypeError(
                f"a setting takes functions to decorate, got the async generator {function!r:.60}; open it inside"
            )

        @functools.wraps(function)
        def inside(*args: Any, **named: Any) -> Any:
            with self:
                return function(*args, **named)

        @functools.wraps(function)
        def steps(*args: Any, **named: Any) -> Generator[Any, Any, Any]:
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
        async def task(*args: Any, **named: Any) -> Any:
            with self:
                return await function(*args, **named)

        if inspect.isgeneratorfunction(function):
            return steps
        return task if inspect.iscoroutinefunction(function) else inside


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


def tracing(recorder: Any) -> Setting:
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


def _refuse_uncallable(function: Any) -> None:
    """Asked after a call failed, so that a call that does not costs nothing."""
    if not callable(function):
        raise TypeError(f"call takes a function, got {shown(function)}") from None


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
    if not _held:
        v._about = place
        return v
    block = _blocks.get()
    if block is None or block.outer is not None or block.held() is None:
        block = _in_force()
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
    return type(v)(v._data) if block.tracing is None else block.tracing.detached(v)


def innermost() -> Scope | None:
    """The scope that a node made here is in."""
    place, block = _local.calls.place, _in_force()
    return place if block is None or place is not block.within else block.scope


def recording() -> bool:
    """Do operations make graphs here?"""
    block = _in_force()
    return block is None or block.recording


def watching() -> bool:
    """Does detect_anomaly apply here?"""
    block = _in_force()
    return block is not None and block.watch is not None


def recorder() -> Any:
    """While the compiler runs a function: what records its nodes; else None."""
    block = _in_force()
    return None if block is None else block.tracing


def links() -> bool:
    """Do answers of a transform stay connected to the graph around it? Not under no_grad, but always in a trace."""
    return recording() or recorder() is not None


def refuse(v: Any, how: str) -> None:
    """Raise if a trace is running that `v` belongs to: its number is not known when the compiled function runs."""
    if (tracing := recorder()) is not None:
        tracing.refuse(v, how)
