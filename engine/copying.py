"""Copying and pickling of graphs of any depth, without recursion, sharing kept.

A root is pickled as the list of its nodes, arguments first; each node then refers only to nodes the pickler has
written already, and the pickler's own memo keeps what is shared, also between several roots in one dump.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

from . import context
from .backprop import topological_order
from .ops import TABLE, Op
from .value import UNREACHED, Value, new


def zero_grad(root: Value) -> None:
    """Take the gradients off a root and all nodes below it: they read 0.0 and show as – again."""
    for v in topological_order(root):
        v.grad = UNREACHED


def _copied(v: Value, args: Any) -> Value:
    """A node like v. What a transform gives its function has copies that stay connected to it, as in JAX."""
    if v.op is None and hasattr(v, "_b"):
        return TABLE["identity"](v)  # type: ignore[no-any-return]  # a row gives Any
    c = new(Value)
    c._data, c.grad, c.op, c._about = v._data, v.grad, v.op, v._about
    if v.op is None:
        c._a = context.calls
    else:
        c._fill(args, v._operands()[1])
    return c


def _traced(v: Value) -> Any:
    """The identity of what a trace computes, which is all that may stand for it there; None outside."""
    recorder = context.recorder() if context.active else None
    return TABLE["identity"](v) if recorder is not None and recorder.depends(v) else None


def _copy(self: Value) -> Value:
    traced: Value | None = _traced(self)
    return traced if traced is not None else _copied(self, self._operands()[0])


def _deepcopy(self: Value, memo: dict[int, Any]) -> Value:
    traced = _traced(self)
    if traced is not None:
        memo[id(self)] = traced
    for v in [self] if self.op is None or traced is not None else topological_order(self):
        if id(v) not in memo:
            memo[id(v)] = _copied(v, [_there(a, memo) for a in v._operands()[0]])
    copy: Value = memo[id(self)]
    return copy


def _there(a: Any, memo: dict[int, Any]) -> Any:
    if a.__class__ is Value:
        return memo[id(a)]
    return tuple([memo[id(e)] for e in a]) if a.__class__ is tuple else a


class _Tape:
    """What a root is pickled as. While it is being written, its nodes reduce to themselves alone.

    A dump that fails drops the tape, and the weak reference to it with it.
    """

    __slots__ = ("__weakref__", "root")

    def __init__(self, root: Value) -> None:
        self.root = root

    def __reduce__(self) -> tuple[Any, ...]:
        _writing.tape = weakref.ref(self)
        return list, ([*topological_order(self.root), _End()],)


class _End:
    def __reduce__(self) -> tuple[Any, ...]:
        _writing.tape = _none
        return int, ()


def _none() -> None:
    return None


class _Writing(threading.local):
    tape: Callable[[], _Tape | None] = staticmethod(_none)


_writing = _Writing()


def _reduce(self: Value, protocol: int) -> tuple[Any, ...]:
    if context.active:
        context.refuse(self, "a pickle")
    if self.op is None and hasattr(self, "_b"):
        raise TypeError(
            "pickle takes Values of the caller's, got one that a transform gives its function, and what is loaded would "
            "be a constant; copy.copy and copy.deepcopy stay connected; for a constant use its detach()"
        )
    if self.op is None or _writing.tape() is not None:
        grad = None if self.grad is UNREACHED else self.grad
        if self.op is None:
            return restored, (None, self._data, grad, self._about)
        if self.op.kind == 2:  # laid flat: two tuples less a node to write, memoise and read
            return restored, (self.op, self._data, grad, self._about, self._a, self._b, self._x, self._y)
        args, vals = self._operands()
        return restored, (self.op, self._data, grad, self._about, *args, *vals)
    return _last, (_Tape(self),)


def _last(nodes: list[Any]) -> Value:
    root: Value = nodes[-2]
    return root


def restored(op: Op | None, data: float, grad: float | None, about: Any, *operands: Any) -> Value:
    """The node of a pickle."""
    v = new(Value)
    v._data, v.grad, v.op, v._about = data, UNREACHED if grad is None else grad, op, about
    if op is None:
        v._a = context.calls
    else:
        half = len(operands) // 2
        v._fill(operands[:half], operands[half:])
    return v


for _name, _method in {
    "zero_grad": zero_grad,
    "__copy__": _copy,
    "__deepcopy__": _deepcopy,
    "__reduce_ex__": _reduce,
}.items():
    setattr(Value, _name, _method)
