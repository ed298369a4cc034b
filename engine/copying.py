"""Copying and pickling of graphs of any depth, without recursion, sharing kept.

A root is pickled as the list of its nodes, arguments first; each node then refers only to nodes the pickler has
written already, and the pickler's own memo keeps what is shared, also between several roots in one dump.
"""

import threading
import weakref

from .backprop import topological_order
from .value import UNREACHED, Value, new


def zero_grad(root):
    """Take the gradients off a root and all nodes below it: they read 0.0 and show as – again."""
    for v in topological_order(root):
        v.grad = UNREACHED


def _copied(v, args):
    c = new(Value)
    c._data, c.grad, c.op, c._about = v._data, v.grad, v.op, v._about
    if v.op is not None:
        c._fill(args, v._operands()[1])
    return c


def _copy(self):
    return _copied(self, self._operands()[0])


def _deepcopy(self, memo):
    for v in topological_order(self):
        if id(v) not in memo:
            memo[id(v)] = _copied(v, [_there(a, memo) for a in v._operands()[0]])
    return memo[id(self)]


def _there(a, memo):
    if a.__class__ is Value:
        return memo[id(a)]
    return tuple([memo[id(e)] for e in a]) if a.__class__ is tuple else a


class _Tape:
    """What a root is pickled as. While it is being written, its nodes reduce to themselves alone.

    A dump that fails drops the tape, and the weak reference to it with it.
    """

    __slots__ = ("root", "__weakref__")

    def __init__(self, root):
        self.root = root

    def __reduce__(self):
        _writing.tape = weakref.ref(self)
        return list, ([*topological_order(self.root), _End()],)


class _End:
    def __reduce__(self):
        _writing.tape = _none
        return int, ()


def _none():
    return None


class _Writing(threading.local):
    tape = staticmethod(_none)


_writing = _Writing()


def _reduce(self, protocol):
    if self.op is None or _writing.tape() is not None:
        grad = None if self.grad is UNREACHED else self.grad
        return restored, (self.op, *self._operands(), self._data, grad, self._about)
    return _last, (_Tape(self),)


def _last(nodes):
    return nodes[-2]


def restored(op, args, vals, data, grad, about):
    """The node of a pickle."""
    v = new(Value)
    v._data, v.grad, v.op, v._about = data, UNREACHED if grad is None else grad, op, about
    if op is not None:
        v._fill(args, vals)
    return v


Value.zero_grad = zero_grad
Value.__copy__, Value.__deepcopy__, Value.__reduce_ex__ = _copy, _deepcopy, _reduce
