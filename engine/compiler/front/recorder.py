"""Recorder: run a Python function once on recording Values, and write down what it did.

Creation order is a topological order, so the record is the program. Values that the function reads from outside become
further parameters, read anew at every call; a Python branch on a traced value raises and names the user's line.
"""

from __future__ import annotations

import contextlib
import gc
import operator
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from math import isfinite
from struct import pack
from typing import Any, TypeVar

from ... import context
from ...gated import GATED
from ...lists import DOT
from ...readings import refuse, running, user_line
from ...rule import TABLE, Op
from ...value import Value
from . import gather
from .flattening import Flat
from .gather import AS_ROWS, array_rows, with_sequences
from .generators import Generators
from .reductions import LIST_OPS
from .trace import PARAMETER, Trace

IDENTITY = TABLE["identity"]

# detach() while tracing: the same number, behind an edge that is not connected.
DETACHED = Op(
    "detached", operator.pos, (0.0,), text="{0:5}", tex="{0:5}", binding=5, domain=((-1.0, 1.0),), kink=None,
    reference=None, selects=True, lists=0, defaults=(),
)  # fmt: skip

Result = TypeVar("Result")
Kind = tuple[Hashable, ...]  # a row, which of its arguments, what all of them are
Place = tuple[Op, Sequence[Any], int]  # the row of a node, its arguments, which of them

REMEDY = {
    "bool()": "a Python branch would be compiled one way only; use engine.where, maximum, minimum or clip",
    "float()": "leave it a Value, and use engine's functions in place of math's, as engine.exp for math.exp",
    "int()": "use engine.floor, or name the argument in static_argnames",
    "round()": "use engine.floor(x + 0.5), or round what the compiled function returns",
    "format()": "return the number, and print it outside",
    **dict.fromkeys((".data", ".item()"), "compute with the Value itself; its detach() cuts the gradient"),
    "a pickle": "copy.copy and copy.deepcopy stay connected; pickle what the compiled function returns",
    "backward()": "use engine.grad or engine.value_and_grad inside jit",
    "setting .data": "return the new value instead",
}


class TraceError(TypeError):
    """The function needs a number that is known only when the compiled function runs."""


class IndexWantedError(TraceError):
    """The function uses a traced number as an index, or as another whole number."""


class Recorder:
    """What `context.tracing` records: the nodes of one run, in order.

    Args:
        as_rows: hand on lists and arrays that take a traced index.

    Attributes:
        indices: into how many rows each operand that is an index goes.
    """

    def __init__(self, as_rows: bool = False) -> None:
        self._as_rows = as_rows
        self.indices: dict[int, int] = {}
        self.nodes: list[Value] = []
        self.operands: dict[Value, int] = {}
        self.captured: list[Value] = []
        self.spare: set[Value] = set()  # guards that change a number only where something overflows, see adjoints
        self.doubtful: set[Value] = set()  # guards of what was multiplied by a number, for where that is not finite

    def record(self, v: Value) -> None:
        """Called with each new node."""
        self.nodes.append(v)

    def insert(self, before: Mapping[Value, list[Value]]) -> None:
        """Put nodes before others."""
        self.nodes = [n for v in self.nodes for n in (*before.get(v, ()), v)]

    def detached(self, v: Value) -> Value:
        """What detach() gives while tracing."""
        if not self.depends(v, True):
            return Value(v._data, v.label)
        with context.enable_grad():
            cut: Value = DETACHED(v)
            return cut

    def refuse(self, v: Value, how: str) -> None:
        """Raise where Python asks a traced value for its number."""
        if self.depends(v, how not in ("backward()", "partials()")):
            hint = REMEDY.get(how, "its number is known only when the compiled function runs")
            raise TraceError(
                f"jit takes functions that compute with traced values only, got {how} at {user_line()}; {hint}"
            )

    def _captured(self, v: Any) -> bool:
        """Is this leaf older than the trace?"""
        return bool(v._made_in < self._call)

    def depends(self, v: Value, in_flight: bool = True) -> bool:
        """Does it depend on more than constants of the function? A transform's leaves stand for what it is given."""
        seen, stack = {v}, [v]
        while stack:
            leaf: Any = stack.pop()
            if leaf in self.operands:
                return True
            if leaf.op is None and (self._captured(leaf) or (in_flight and leaf._made_in > self._call)):
                return True
            below = [a for a in leaf.args if a.__class__ is Value and a not in seen]
            seen.update(below)
            stack.extend(below)
        return False

    def run(self, function: Callable[[], Result], reads: Sequence[object] = ()) -> Result:
        """Call a function under this recorder, the garbage collector off: a trace is millions of objects, none garbage.

        Args:
            reads: what may hold generators of random numbers, from which nothing may be drawn.
        """
        self._call = context.new_call()
        generators = Generators(*reads)
        collecting = gc.isenabled()
        gc.disable()
        try:
            with context.tracing(self):
                result = function()
        except (TypeError, IndexError, KeyError) as error:
            line = _integer_wanted(error)
            if line is None:
                raise
            raise IndexWantedError(
                f"jit takes functions that compute with traced values only, got one where Python wants a whole number "
                f"or a key, as in range and dicts, at {line}; name the argument in static_argnames, select by "
                "engine.where, or write engine.take(rows, i) for rows[i]"
            ) from error
        finally:
            drawn = generators.drawn()
            if collecting:
                gc.enable()
        if drawn:
            raise TraceError(
                f"jit takes functions that draw no random numbers, which would be the same at every call, got one that "
                f"draws from a {drawn}; pass them as arguments; a Module's eval() switches Dropout off"
            )
        return result

    def index(self, v: Value, rows: int) -> None:
        """An argument is used as an index; a TraceError where it is none, for then no call could be checked."""
        while v not in self.operands and v.op is IDENTITY:
            v = v._a
        operand = self.operands.get(v)
        if operand is None:
            raise TraceError(
                f"jit takes arguments as indices, got one that is computed at {user_line()}; compute it outside and "
                "pass it, or select by engine.where"
            )
        self.indices[operand] = min(rows, self.indices.get(operand, rows))

    def array(self, entries: Any) -> Any:
        """An array that the function is given, as it takes indices."""
        return entries.view(array_rows()) if self._as_rows and entries.dtype.kind == "O" else entries

    def arguments(self, tree: Any) -> Any:
        """A tree that the function is given, as it takes indices."""
        return with_sequences(tree, AS_ROWS) if self._as_rows else tree

    def parameter(self, data: float, index: int, space: int = PARAMETER) -> Value:
        """A new traced leaf."""
        v = Value(data)
        self.operands[v] = index * 8 + space
        return v

    def parameters(self, given: Flat, first: int = 0, space: int = PARAMETER) -> list[object]:
        """Traced leaves for those of a tree, numbered from `first`: arrays of them for arrays, lists for lists."""
        rest = iter([self.parameter(x, first + i, space) for i, x in enumerate(given.numbers())])
        found: list[object] = []
        for x in given.leaves:
            if x.__class__ is list or x.__class__ is tuple:
                found.append(list(islice(rest, len(x))))
            else:
                found.append(self.array(_boxes(rest, x.shape)) if hasattr(x, "shape") else next(rest))
        return found

    def trace(self, effects: Iterable[tuple[str, object, int]], bare: bool = False) -> Trace:
        """The instructions that the effects need: `(effect, a Value or number, target)`, in order.

        Bare, without the spare guards: where one of them matters, an effect is nan.
        """
        trace, effects = Trace(), list(effects)
        spare = self.spare if bare else set[Value]()
        live = self._live([x for _, x, _ in effects], spare)
        nodes = [(v, *_written(v, spare)) for v in self.nodes if v in live and v.op is not None]
        apart, infinite = self._kinds(nodes)
        operands, put = self.operands, partial(self._operand, trace, apart)
        lists: dict[int, tuple[int, ...]] = {}  # by the identity of a node's list, which many nodes share

        def listed(a: Sequence[Any], place: Place) -> tuple[int, ...]:
            found = lists.get(id(a))
            if found is None:
                found = lists[id(a)] = tuple([operands[e] if e in operands else put(e, place) for e in a])
            return found

        for v, row, args in nodes:
            unguarded = v in spare and row is not DOT
            if unguarded or (v in self.doubtful and _kind(*_factor(row, args)) not in infinite):
                operands[v] = put(args[1], (row, args, 1))
            elif row.name in LIST_OPS:
                given = [
                    (listed if isinstance(a, (list, tuple)) else put)(a, (row, args, k)) for k, a in enumerate(args)
                ]
                operands[v] = LIST_OPS[row.name](trace, *given)
            else:
                several = [operands[a] if a in operands else put(a, (row, args, k)) for k, a in enumerate(args)]
                operands[v] = trace.emit(row, tuple(several))
            if v in spare:
                trace.bare.add(operands[v])
        for op, x, target in effects:
            trace.effect(op, put(x), target)
        return trace

    def _kinds(self, nodes: Iterable[tuple[Value, Op, Sequence[Any]]]) -> tuple[set[Hashable], set[Hashable]]:
        """The kinds of places where constants stand apart, and those where one is not finite.

        Where all of a kind are equal they are so in every loop, and can be folded at once. A kind that is rare may be the
        first round of a loop, which is to look like the others.
        """
        found: dict[Kind, list[int]] = {}  # how many, and whether they differ
        first: dict[Kind, bytes] = {}
        infinite = set[Hashable]()
        lists = set[int]()  # that were looked at
        for _, row, args in nodes:
            for k, a in enumerate(args):
                whole = isinstance(a, (list, tuple))
                if whole and id(a) in lists:
                    continue
                if whole:
                    lists.add(id(a))
                    if a.__class__ is tuple and self.operands.keys() >= set(a):
                        continue
                for x in a if whole else (a,):
                    number = self._constant(x)
                    if number is None:
                        continue
                    kind, bits = _kind(row, args, k), pack("d", number)
                    for some in (kind, kind[:2]):
                        counts = found.setdefault(some, [0, 0])
                        counts[0] += 1
                        counts[1] |= first.setdefault(some, bits) != bits
                    if not isfinite(number):
                        infinite.add(kind)

        def stands_apart(kind: Kind) -> bool:
            (count, differ), (every, any_differ) = found[kind], found[kind[:2]]
            return bool(any_differ) and bool(differ or 4 * count < every)

        return {kind for kind in found if stands_apart(kind)}, infinite

    def _constant(self, a: Any) -> float | None:
        """The number that an operand is, if it is one of the function's own."""
        while a.__class__ is Value:
            if a in self.operands:
                return None
            if a.op is IDENTITY:  # a transform's leaf, linked to what it stood for
                a = a._a
                continue
            return None if a.op is not None or self._captured(a) else a._data
        return float(a)

    def _operand(self, trace: Trace, apart: set[Hashable], a: Any, place: Place | None = None) -> int:
        number = self._constant(a)
        if number is not None:
            alone = place is None or _kind(*place) in apart
            return trace.constant_apart(number) if alone else trace.constant(number)
        known = self.operands.get(a)
        while known is None and a.op is IDENTITY:
            a = a._a
            known = self.operands.get(a)
        if known is not None:
            return known
        if a.op is not None:
            raise TraceError(
                "jit takes functions of their arguments, got a Value computed outside; pass it as an argument"
            )
        if running:
            refuse(a, "a reading by jit")
        self.captured.append(a)
        self.operands[a] = operand = (self.free + len(self.captured) - 1) * 8 + PARAMETER
        return operand

    free = 0  # index of the first parameter that is not an argument

    def _live(self, roots: Sequence[object], spare: set[Value]) -> set[Value]:
        live = {v for v in roots if isinstance(v, Value)}
        stack, walked = list(live), set[int]()  # lists, by identity: many nodes share one
        while stack:
            v = stack.pop()
            args, _ = v._operands()
            if v in spare:
                args = args[1:] if v.op is GATED else args[1:2]
            for arg in args:
                if arg.__class__ is tuple:
                    if id(arg) in walked:
                        continue
                    walked.add(id(arg))
                elif arg.__class__ is not Value:
                    continue
                for a in arg if arg.__class__ is tuple else (arg,):
                    if a not in live:
                        live.add(a)
                        if a.op is not None:
                            stack.append(a)
        return live


def indexed(run: Callable[[bool], Result]) -> Result:
    """What a trace makes; where its function uses a number as an index, with arguments that take one."""
    with contextlib.suppress(IndexWantedError):
        return run(False)
    return run(True)


def _kind(row: Op, args: Sequence[Any], k: int) -> Kind:
    """The kind of place that an argument of a node is."""
    return row, k, *[a.op if a.__class__ is Value else a.__class__ for a in args]


def _factor(row: Op, args: Sequence[Any]) -> Place:
    """Where the number stands by which what is behind a guard was multiplied."""
    product = args[1]
    return (product.op, product._operands()[0], 1) if product.__class__ is Value and product.op else (row, args, 1)


def _written(v: Any, spare: set[Value]) -> tuple[Op, Sequence[Any]]:
    """(row, operands) of a node; a sum of products needs no guards where they are spare, and around finite numbers."""
    args = v._operands()[0]
    if v.op is not GATED or (v not in spare and not (args[2].__class__ is list and all(map(isfinite, args[2])))):
        return v.op, args
    return DOT, args[1:]


def _boxes(values: Iterator[Value], shape: tuple[int, ...]) -> object:
    import numpy as np

    boxes = np.empty(shape, object)
    boxes.ravel()[:] = list(islice(values, boxes.size))
    return boxes


def _integer_wanted(error: Exception) -> str | None:
    """The line that used a Value as an integer, an index or a key; None where the error has another cause."""
    text, key = str(error), error.args[0] if error.args else None
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None and entry.tb_next.tb_frame.f_globals is not vars(gather):
        entry = entry.tb_next
    if isinstance(error, TraceError) or entry is None:
        return None
    frame = entry.tb_frame
    met = any(
        x.__class__ is Value or getattr(getattr(x, "dtype", None), "kind", "") == "O" for x in frame.f_locals.values()
    )
    wanted = (
        "'Value' object cannot be interpreted as an integer" in text
        or text.endswith("not Value")
        or (text.startswith("slice indices") and met)
        or key.__class__ is Value
        or (isinstance(error, IndexError) and text.startswith(("only integers", "arrays used as indices")) and met)
    )
    return f"{frame.f_code.co_filename}:{entry.tb_lineno}" if wanted else None
