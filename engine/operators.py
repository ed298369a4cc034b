"""The operators and methods of Value, made from the rows of the table.

Most nodes of a graph are made here, so each maker writes out what `Value._node` does, for its number of operands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import context, ops
from .ops import Op, number, operand, unboxed
from .value import NUMPY_NAMES, RESERVED, UNREACHED, Value, new

Method = Callable[..., Any]


def _operand(x: Any, who: str) -> Any:
    """The other operand, a float or a Value; None where its own class should answer (an array, say)."""
    if isinstance(x, (float, int)):
        return number(x, who)
    if getattr(x, "shape", ()) != () or isinstance(x, type):
        return None
    x = unboxed(x)
    known = isinstance(x, (str, bytes, complex, list, tuple, dict, set, type(None)))
    return operand(x, who) if known or hasattr(x, "__float__") else None


def _binary(op: Op) -> Method:
    forward, who = op.forward, op.name

    def method(self: Value, other: Any) -> Any:
        if other.__class__ is Value:
            y: Any = other._data
        elif other.__class__ is float:
            y = other
        else:
            y = other = _operand(other, who)
            if y.__class__ is not float:
                return NotImplemented if y is None else Value._node(op, (self, y))
        x = self._data
        v = new(Value)
        v._data = forward(x, y)
        v.grad = UNREACHED
        v.op = op
        v._a = self
        v._b = other
        v._x = x
        v._y = y
        v._about = None
        return context.record(v) if context.active else v

    return method


def _reflected(op: Op) -> Method:
    forward, who = op.forward, op.name

    def method(self: Value, other: Any) -> Any:
        x = other if other.__class__ is float else _operand(other, who)
        if x.__class__ is not float:
            return NotImplemented if x is None else Value._node(op, (x, self))
        y = self._data
        v = new(Value)
        v._data = forward(x, y)
        v.grad = UNREACHED
        v.op = op
        v._a = x
        v._b = self
        v._x = x
        v._y = y
        v._about = None
        return context.record(v) if context.active else v

    return method


def _unary(op: Op) -> Method:
    forward = op.forward

    def method(self: Value) -> Value:
        x = self._data
        v = new(Value)
        v._data = forward(x)
        v.grad = UNREACHED
        v.op = op
        v._a = self
        v._x = x
        v._about = None
        return context.record(v) if context.active else v

    return method


def _comparison(op: Op) -> Method:
    method = _binary(op)

    def compare(self: Value, other: Any) -> Any:
        if other is None or isinstance(other, (str, bytes, list, tuple, dict, set, complex)):
            return NotImplemented  # so that v == None is False
        return method(self, other)

    return compare


def _identity(op: Op, same: bool) -> Method:
    compare = _comparison(op)

    def method(self: Value, other: Any) -> Any:
        other = unboxed(other)
        return (self is other) is same if other.__class__ is Value else compare(self, other)

    return method


def _named(method: Method, name: str, row: Op) -> None:
    method.__name__, method.__qualname__, method.__doc__ = name, f"Value.{name}", row.__doc__
    setattr(Value, name, method)


def install(row: Op) -> None:
    """Make a row a method of Value, its first argument; one that takes lists stays a function."""
    if row.lists:
        return
    if row.name in RESERVED or (hasattr(Value, row.name) and row.name not in ops.TABLE):
        raise ValueError(f"op takes a name that Value does not use already, got {row.name!r}")
    plain = (_unary, _binary, _of_row)[row.kind - 1]
    _named((_of_row if row.defaults else plain)(row), row.name, row)


def _of_row(row: Op) -> Method:
    def method(self: Value, *args: Any) -> Any:
        return row(self, *args)

    return method


OPERATORS = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "truediv": "div",
    "pow": "power",
    "mod": "remainder",
    "floordiv": "floor_divide",
}
COMPARISONS = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
IDENTITIES = {"eq": ("equal", True), "ne": ("not_equal", False)}  # between two Values, as hash has it
for _name, _row in OPERATORS.items():
    _named(_binary(ops.TABLE[_row]), f"__{_name}__", ops.TABLE[_row])
    _named(_reflected(ops.TABLE[_row]), f"__r{_name}__", ops.TABLE[_row])
for _name, _row in COMPARISONS.items():
    _named(_comparison(ops.TABLE[_row]), f"__{_name}__", ops.TABLE[_row])
for _name, (_row, _same) in IDENTITIES.items():
    _named(_identity(ops.TABLE[_row], _same), f"__{_name}__", ops.TABLE[_row])
_named(_unary(ops.TABLE["neg"]), "__neg__", ops.TABLE["neg"])
_named(_unary(ops.TABLE["abs"]), "__abs__", ops.TABLE["abs"])
for _op in ops.TABLE.values():
    install(_op)
for _ufunc in ("degrees", "fabs", "radians"):  # in an array of objects NumPy calls the method of its own name
    _named(_unary(ops.TABLE[NUMPY_NAMES[_ufunc]]), _ufunc, ops.TABLE[NUMPY_NAMES[_ufunc]])
ops.new_row_hooks.append(install)
