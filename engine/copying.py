"""Copying, pickling and freeing of graphs of any depth, without recursion, sharing kept.

A root is pickled as the list of its nodes, arguments first; each node then refers only to nodes the pickler has
written already, and the pickler's own memo keeps what is shared, also between several roots in one dump.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence

from . import context
from .rule import TABLE, UNREACHED, Node, Op, new
from .traversal import topological_order

Note = context.About | context.Scope | None


def _copied(v: Node, args: Sequence[object]) -> Node:
    """A node like v. What a transform gives its function has copies that stay connected to it, as in JAX."""
    if v.op is None and hasattr(v, "_lent"):
        return v._node(TABLE["identity"], [v])
    return _filled(new(v.__class__), v.op, v._data, v.grad, v._about, args, v._operands()[1])


def _filled(
    v: Node, op: Op | None, data: float, grad: float, about: Note, args: Sequence[object], vals: Sequence[object]
) -> Node:
    v._data, v.grad, v._about = data, grad, about
    if op is None:
        v.op, v._made_in = None, context.calls
    else:
        v._fill(op, args, vals)
    return v


def _traced(v: Node) -> Node | None:
    """The identity of what a trace computes, which is all that may stand for it there; None outside."""
    recorder = context.recorder() if context.active else None
    return v._node(TABLE["identity"], [v]) if recorder is not None and recorder.depends(v) else None


def copy(self: Node) -> Node:
    """`copy.copy` of a node."""
    traced = _traced(self)
    return traced if traced is not None else _copied(self, self._operands()[0])


def deepcopy(self: Node, memo: dict[int, Node]) -> Node:
    """`copy.deepcopy` of a node and all below it."""
    traced = _traced(self)
    if traced is not None:
        memo[id(self)] = traced
    for v in [self] if self.op is None or traced is not None else topological_order(self):
        if id(v) not in memo:
            memo[id(v)] = _copied(v, [_there(a, memo) for a in v._operands()[0]])
    return memo[id(self)]


def _there(a: object, memo: dict[int, Node]) -> object:
    if isinstance(a, Node):
        return memo[id(a)]
    return tuple([memo[id(e)] for e in a]) if a.__class__ is tuple else a


class _Tape:
    """What a root is pickled as. While it is being written, its nodes reduce to themselves alone.

    A dump that fails drops the tape, and the weak reference to it with it.
    """

    __slots__ = ("__weakref__", "root")

    def __init__(self, root: Node) -> None:
        self.root = root

    def __reduce__(self) -> tuple[object, ...]:
        _writing.tape = weakref.ref(self)
        return list, ([*topological_order(self.root), _End()],)


class _End:
    def __reduce__(self) -> tuple[object, ...]:
        _writing.tape = _none
        return int, ()


def _none() -> None:
    return None


class _Writing(threading.local):
    tape: Callable[[], _Tape | None] = staticmethod(_none)


_writing = _Writing()


def reduce(self: Node, protocol: int) -> tuple[object, ...]:
    """What a node is pickled as."""
    if context.active:
        context.refuse(self, "a pickle")
    if self.op is None and hasattr(self, "_lent"):
        raise TypeError(
            "pickle takes Values of the caller's, got one that a transform gives its function, and what is loaded would "
            "be a constant; copy.copy and copy.deepcopy stay connected; for a constant use its detach()"
        )
    if self.op is None or _writing.tape() is not None:
        row = (self.__class__, self.op, self._data, None if self.grad is UNREACHED else self.grad, self._about)
        args, vals = self._operands()
        return restored, (*row, *args, *vals)  # laid flat: two tuples less a node to write, memoise and read
    return _last, (_Tape(self),)


def _last(nodes: list[Node]) -> Node:
    return nodes[-2]


def restored(kind: type[Node], op: Op | None, data: float, grad: float | None, about: Note, *operands: object) -> Node:
    """The node of a pickle."""
    half = len(operands) // 2
    grad = UNREACHED if grad is None else grad
    return _filled(new(kind), op, data, grad, about, operands[:half], operands[half:])


# Freeing -------------------------------------------------------------------------------------------------------------

_waiting: list[object] = []
_freeing = False


def freed(self: Node) -> None:
    """`__del__` of a node in a browser, whose stack overflows where Python itself frees a chain of some thousand nodes.

    What a node holds waits in a list, and the first node that is being freed lets go of it from there.
    """
    global _freeing
    if getattr(self, "op", None) is None:  # a leaf, or a node that was not finished
        return
    _waiting.append([getattr(self, slot, None) for slot in ("_a", "_b")])
    self._a = self._b = None
    if not _freeing:
        _freeing = True
        try:
            while _waiting:
                _waiting.pop()
        finally:
            _freeing = False
