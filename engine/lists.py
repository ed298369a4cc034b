"""Lists of operands: `dot`, the node that most of a network is made of, operands that many nodes share, and `take`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from math import nan
from operator import is_, mul
from typing import Any

from . import context
from .arguments import flag, real, shown
from .context import active, record
from .conversion import listed, operand
from .ieee import COMPENSATES
from .ops import equal, less, where
from .rule import TABLE, UNREACHED, Op, new
from .value import Value

DOT = TABLE["dot"]

Known = dict[int, tuple[Any, list[Any], list[Any]]]  # rows by identity: they, all that stands in them, their columns


class Operands:
    """Numbers and Values that several n-ary nodes share, read once: what a layer hands to each of its neurons.

    Args:
        xs: numbers and Values.

    Later edits of leaves among them do not reach the nodes made from it.

    >>> from engine import Operands, Value, dot
    >>> xs = Operands([Value(3.0), Value(4.0)])
    >>> [dot(ws, xs).data for ws in ([1.0, 0.0], [0.0, 1.0])]
    [3.0, 4.0]
    """

    __slots__ = ("_args", "_vals", "_edits", "_read")

    def __init__(self, xs: Iterable[float | Value]) -> None:
        self._edits: object = None
        self._read: Collection[tuple[Value, ...]] = ()
        self._args: Sequence[float | Value]
        self._vals: list[float]
        self._args, self._vals = (xs._args, xs._vals) if xs.__class__ is Operands else listed(xs, "Operands")

    def current(self, xs: Sequence[float | Value]) -> Operands:
        """These operands, if they were read from the same Values of a list and no leaf was edited since; else read anew.

        A Neuron keeps its weights so over the examples of a batch.

        >>> from engine import Operands, Value
        >>> ws = [Value(1.0), Value(2.0)]
        >>> kept = Operands(ws).current(ws)
        >>> kept.current(ws) is kept
        True
        >>> ws[0].data = 3.0
        >>> kept.current(ws) is kept
        False
        """
        try:
            # A hash of Values is one of their identities, and a lookup compares those first: no comparison makes a node.
            if self._edits is context.edits and xs.__class__ is list and tuple(xs) in self._read:
                return self
        except TypeError:
            pass  # no Values: what they are is said below
        edits = context.edits
        read = Operands(xs)
        if read._args.__class__ is tuple:
            read._edits, read._read = edits, frozenset((read._args,))
        return read

    def __reduce__(self) -> tuple[object, ...]:
        return Operands, (self._args,)

    def __len__(self) -> int:
        return len(self._args)

    def __iter__(self) -> Iterator[float | Value]:
        return iter(self._args)

    def __getitem__(self, i: int) -> float | Value:
        found: float | Value = self._args[i]
        return found


def read_operands(args: Sequence[float | Value], numbers: list[float]) -> Operands:
    """Operands whose numbers are known: all of them Values, or none."""
    made: Operands = new(Operands)
    made._args, made._vals = (args, numbers) if args[0].__class__ is Value else (numbers, numbers)
    made._edits, made._read = None, ()
    return made


def dot(ws: Sequence[float | Value] | Operands, xs: Sequence[float | Value] | Operands, b: float | Value = 0.0) -> Any:
    """b + w1*x1 + w2*x2 + …, summed left to right, as one node.

    Args:
        ws, xs: as many weights as inputs: numbers or Values, in lists, tuples or arrays.
        b: a number or Value to start from.

    Returns:
        A Value, or a float where no operand is a Value.

    Raises:
        ValueError: the lengths differ.

    >>> from engine import Value, dot
    >>> dot([1.0, 2.0], [Value(3.0), Value(4.0)], 0.5)
    Value(data=11.5, grad=–)
    """
    ws, wd = (ws._args, ws._vals) if ws.__class__ is Operands else listed(ws, "dot")
    xs, xd = (xs._args, xs._vals) if xs.__class__ is Operands else listed(xs, "dot")
    if len(wd) != len(xd):
        raise ValueError(f"dot takes as many weights as inputs, got {len(wd)} and {len(xd)}")
    start: Any = b if b.__class__ is Value else operand(b, "dot")
    y: float = start._data if start.__class__ is Value else start
    if ws.__class__ is list and xs.__class__ is list and start.__class__ is float:
        return DOT.forward(wd, xd, y)
    v = new(Value)
    v._x = wd, xd, y
    v._a = ws, xs, start
    if COMPENSATES:
        for w, x in zip(wd, xd):
            y += w * x
        v._data = y
    else:
        v._data = sum(map(mul, wd, xd), y)
    v.grad = UNREACHED
    v.op = DOT
    v._about = None
    return record(v) if active else v


def dot_node(ws: Any, wd: list[float], xs: Any, xd: list[float], start: float | Value = -0.0) -> Value:
    """`dot` of lists that are read, of which one is of Values."""
    y = start._data if isinstance(start, Value) else start
    v = new(Value)
    v._x = wd, xd, y
    v._a = ws, xs, start
    v._data = DOT.forward(wd, xd, y)
    v.grad = UNREACHED
    v.op = DOT
    v._about = None
    return record(v) if active else v


def take(rows: Any, i: Any, negative: bool = True) -> Any:
    """rows[i], and in a compiled function a gather where i is one of its arguments.

    Args:
        rows: a list or an array of numbers and Values, or of lists of them that are of one length, to any depth.
        i: a whole number from -len(rows) on, below len(rows).
        negative: may i be negative, and count from the end, as in Python?

    Raises:
        TypeError: rows is neither, or i no whole number.
        IndexError: i is not one of these. A compiled function looks at each call.
        ValueError: the lists have different lengths.

    >>> from engine import jit, take
    >>> take([[1.0, 2.0], [3.0, 4.0]], -1)
    [3.0, 4.0]
    >>> jit(lambda rows, i: take(rows, i)[0] * 2.0)([[1.0, 2.0], [3.0, 4.0]], 1)
    6.0
    """
    if not isinstance(rows, (list, tuple)) and not (hasattr(rows, "reshape") and rows.ndim):
        raise TypeError(f"take takes a list or an array as rows, got {shown(rows)}")
    negative = flag("take", "negative", negative)
    if i.__class__ is Value and (tracing := context.recorder()) is not None:
        tracing.index(i, -len(rows) if negative else 0, len(rows))
        return _taken(rows, i, tracing.columns)
    at = real(i)
    if at is None or not at.is_integer():
        raise TypeError(f"take takes a whole number as an index, got {shown(i)}")
    least = -len(rows) if negative else 0
    if not least <= at < len(rows):
        raise IndexError(f"take takes a whole number from {least} to {len(rows) - 1} as an index, got {int(at)}")
    return rows[int(at)]


def _taken(rows: Any, i: Value, known: Known) -> Any:
    """The row at an index whose number is not known yet."""
    if hasattr(rows, "reshape"):
        taken = _entries(rows, rows.ravel().tolist(), i, known)
        if rows.ndim == 1:
            return taken[0]
        found = rows[0].astype(object)
        found.ravel()[:] = taken
        return found
    if any(hasattr(row, "reshape") for row in rows):
        import numpy as np

        return _taken(np.array(list(rows), object), i, {})
    if not {row.__class__ for row in rows} <= {list, tuple}:
        return _entries(rows, list(rows), i, known)[0]
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise ValueError(f"take takes rows of one length, got {' and '.join(map(str, sorted(lengths)))}")
    entries = list(chain.from_iterable(rows))
    if any(issubclass(kind, (list, tuple)) or hasattr(kind, "reshape") for kind in {x.__class__ for x in entries}):
        return type(rows[0])([_taken(column, i, {}) for column in zip(*rows)])
    return type(rows[0])(_entries(rows, entries, i, known))


def _entries(rows: Any, entries: list[Any], i: Value, known: Known) -> list[Value]:
    """Those of the row, of all that stand in rows. Many indices go into the same rows, and share their columns."""
    of, before, columns = known.get(id(rows), (None, [], []))
    if of is not rows or len(before) != len(entries) or not all(map(is_, before, entries)):
        width = len(entries) // len(rows)
        columns = [Operands(entries[k::width]) for k in range(width)]
        known[id(rows)] = rows, entries, columns
    return [_take_node(column, i) for column in columns]


def _take_node(column: Operands, i: Value) -> Value:
    v = new(Value)
    v._x = column._vals, i._data
    v._a = column._args, i
    v._data = TAKE.forward(*v._x)
    v.grad = UNREACHED
    v.op = TAKE
    v._about = None
    return record(v)


def _places(xs: Sequence[Any], i: Any, _: object) -> list[Any]:
    """1 for the entry that is taken, 0 for the others."""
    at = where(less(i, 0.0), i + float(len(xs)), i)
    return [equal(at, float(k)) for k in range(len(xs))]


# An entry of a list, in traces alone; nan where there is none, which a compiled function refuses before it runs.
TAKE = Op(
    "take", lambda xs, i: xs[int(i)] if -len(xs) <= i < len(xs) else nan, (_places, 0.0), text="take({0:0}, {1:0})",
    tex=r"\operatorname{take}\left({0:0}, {1:0}\right)", binding=5, domain=((-1.0, 1.0),) * 2, kink=None,
    reference=None, selects=True, lists=1, defaults=(),
)  # fmt: skip
