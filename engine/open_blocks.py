"""Open blocks: what a `with` has in force until its block is left, in whatever way and order.

It is in force while the `with` holds its `__exit__`, a method of an object that nobody else holds: that is dropped in C,
where no KeyboardInterrupt comes between, also where the block was interrupted on its way in or out. So nothing stays in
force behind a block that was left. What is open belongs to a context, so that asyncio tasks that overlap do not see each
other's; a thread starts with none.
"""

from __future__ import annotations

import weakref
from _thread import LockType, allocate_lock
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

active: set[object] = set()  # what holds open blocks, weakly, and a mark for each outermost call of a Module
held: set[object] = set()  # what holds open blocks alone

Holder = weakref.ref[LockType]
NOTHING: dict[str, object] = {"scope": None, "within": None, "recording": True, "watch": None, "tracing": None}


class Opened:
    """An open block: what it sets, and what is in force in it with what the blocks around it set.

    Attributes:
        scope: the Scope of the nodes made in it.
        within: the call of a Module that was running where the scope was set.
        recording: whether operations make graphs.
        watch: under detect_anomaly, what is called with each new node.
        tracing: while the compiler runs a function, what records its nodes.
    """

    __slots__ = (
        "_state", "holder", "kept", "outer", "owner", "recording", "scope", "sets", "tracing", "watch", "within",
    )  # fmt: skip

    def __init__(self, owner: Block, sets: dict[str, object], holder: Holder, kept: LockType | None) -> None:
        self.owner, self.sets = owner, sets
        self.holder = holder  # what the `with` holds
        self.kept = kept  # that itself, where __enter__ was called by hand or by an ExitStack

    def inside(self, outer: Opened | None) -> Opened:
        """This block, inside another one."""
        self.outer = outer
        self._state: dict[str, Any] = {**(NOTHING if outer is None else outer._state), **self.sets}
        self.scope, self.within, self.recording, self.watch, self.tracing = self._state.values()
        return self


blocks: ContextVar[Opened | None] = ContextVar("blocks", default=None)
latest_block = blocks.get  # the block that was opened last; it may have been left
_entering: ContextVar[Holder | None] = ContextVar("entering", default=None)  # will hold the next block


def innermost_block() -> Opened | None:
    """The innermost open block; None outside of all."""
    top = block = blocks.get()
    while block is not None:
        if block.holder() is None:
            return _without_left()
        block = block.outer
    return top


def _without_left() -> Opened | None:
    """The open blocks without those that were left."""
    found, block = [], blocks.get()
    while block is not None:
        found.append(block)
        block = block.outer
    for b in reversed(found):
        if b.holder() is not None:
            block = Opened(b.owner, b.sets, b.holder, b.kept).inside(block)
    blocks.set(block)
    return block


class _LockExit:
    """The `__exit__` of a block: that of a new lock, for want of a simpler object that has one in C.

    `with` looks it up, then calls `__enter__`.
    """

    def __get__(self, owner: Block | None, kind: type) -> Callable[..., bool | None]:
        if owner is None:
            return lambda owner, *error: owner.__exit__(*error)
        block = blocks.get()
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


class Block:
    """What `with` takes to have something in force until the block ends."""

    __slots__ = ()

    __exit__ = _LockExit()

    def _open(self, sets: dict[str, object]) -> None:
        holder, kept = _entering.get(), None
        lock = holder and holder()
        try:
            if holder is None or lock is None:
                lock = kept = allocate_lock()
                lock.acquire()
                holder = weakref.ref(lock)
            for counted in (active, held):  # until it is dropped; in one call, as to be discarded it needs its hash
                counted.update(map(weakref.ref, (lock,), (counted.discard,)))
            _entering.set(None)
            blocks.set(Opened(self, sets, holder, kept).inside(innermost_block()))
        finally:
            del lock, kept
