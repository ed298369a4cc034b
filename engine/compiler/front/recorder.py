"""Recorder: run a Python function once on recording Values, and write down what it did.

Creation order is a topological order, so the record is the program. Values that the function reads from outside become
further parameters, read anew at every call; a Python branch on a traced value raises and names the user's line.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import operator
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from copy import copy
from functools import partial
from math import inf
from typing import Any, NamedTuple, TypeVar

from ... import context
from ...gated import Products
from ...leaves import Leaves, Row, Source, is_row
from ...lists import DOT, Known
from ...readings import refuse, running, user_line
from ...rule import TABLE, Op
from ...value import Value
from . import gather
from .flattening import Flat, numbers_of
from .gather import AS_ROWS, array_rows, with_sequences
from .generators import Generators
from .trace import PARAMETER

log = logging.getLogger("engine.jit")

IDENTITY = TABLE["identity"]
SLOW = 20_000  # numbers: their derivatives take seconds where each of them is a node

# detach() while tracing: the same number, behind an edge that is not connected.
DETACHED = Op(
    "detached", operator.pos, (0.0,), text="{0:5}", tex="{0:5}", binding=5, domain=((-1.0, 1.0),), kink=None,
    reference=None, selects=True, lists=0, defaults=(),
)  # fmt: skip

Result = TypeVar("Result")
Run = Any  # the linearization that a transform makes

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


class LentError(TraceError):
    """The function may ask of which class a list is, or asked of one what leaves that are not made do not do."""


Starts = tuple[float | Value, tuple[Value, ...], list[Value]]  # a number, leaves, and the products that sums start from


class Later(NamedTuple):
    """What a transform was to return, while its sweep waits.

    Attributes:
        run: the call of its function, which is recorded.
        answered: what it returns of such a call.
    """

    run: Run
    answered: Callable[[Run], object]


class Recorder:
    """What `context.tracing` records: the nodes of one run, in order.

    Args:
        as_rows: hand on lists and arrays that take a traced index.

    Attributes:
        indices: into how many rows each operand that is an index goes.
        columns: the columns of rows that an index goes into.
        whole: the transform that is compiled, whose sweep is to wait.
        shortens: makes a function of a few rounds of one of many that a transform differentiates.
        answers: is what is recorded now read by nobody else?
        adds: if it is added to sums over examples, rows of a table from which on it is added to those that are taken; else 0.
        unmade: leaves of Modules of which Values are made when someone looks at them.
    """

    whole: object = None
    shortens: Callable[[Recorder, Run], Run] | None = None
    answers, adds = False, 0

    def __init__(self, as_rows: bool = False) -> None:
        self._as_rows = as_rows
        self.indices: dict[int, tuple[int, int]] = {}
        self.columns: Known = {}
        self.nodes: list[Value] = []
        self._inputs: dict[tuple[Value, ...], tuple[tuple[Value, ...], list[float]]] = {}
        self._latest: tuple[Sequence[Value], list[float]] = (), []  # of them: neurons side by side are given the same
        self.operands: dict[Value, int] = {}
        self.unmade: list[Leaves] = []
        self._lent: list[Source] = []  # leaves that are not made
        self.products: dict[Value, Products] = {}  # nodes that are made alike, by the first of them
        self.starts: list[Starts] = []
        self.captured: list[Value] = []
        self.spare: set[Value] = set()  # guards that change a number only where something overflows, see adjoints
        self.doubtful: set[Value] = set()  # guards of what was multiplied by a number, for where that is not finite

    def record(self, v: Value) -> None:
        """Called with each new node; inputs that many dots are given are one list from here on."""
        if v.op is DOT:
            found: Any = v
            (ws, xs, start), (wd, xd, y) = found._a, found._x
            if (xs is not self._latest[0] or xd is not self._latest[1]) and xs.__class__ is tuple and not is_row(xs):
                xs, numbers = self._latest = self._inputs.setdefault(xs, (xs, xd))
                if numbers == xd:
                    found._a, found._x = (ws, xs, start), (wd, numbers, y)
        self.nodes.append(v)

    def record_products(self, made: Products) -> None:
        """Note nodes that are the products of one number and a list."""
        self.nodes += made.nodes
        self.products[made.nodes[0]] = made
        if made.spare:
            self.spare.update(made.nodes)

    def begins(self, transform: object) -> bool:
        """Is it the transform that is compiled? Its arguments are leaves of this trace, and its sweep waits."""
        begins = transform is self.whole is not None
        self.whole = None if begins else self.whole
        return begins

    def later(self, run: Run, answered: Callable[[Run], object]) -> Later:
        """What that transform returns when its function has run."""
        return Later(run, answered)

    def shortened(self, run: Run) -> Run:
        """The call of a function that a transform differentiates, or of one like it."""
        if self.shortens is not None and len(run.leaves) >= SLOW:
            log.warning(
                "this compiles slowly: derivatives by %d numbers, inside of a function or with aux; "
                "jit(value_and_grad(loss)) alone, of one argument, does not",
                len(run.leaves),
            )
        return run if self.shortens is None else self.shortens(self, run)

    def resumed(self, function: Callable[[], Result]) -> Result:
        """Call more of the function."""
        with uncollected(), context.tracing(self):
            return function()

    def answered(self, later: Later) -> object:
        """What a transform returns, which nobody else reads."""
        self.answers = True
        return self.resumed(partial(later.answered, later.run))

    def finish(self) -> None:
        """Let go of which operand is which; rows of leaves hold these too, and without no cycle is left to be found."""
        self.operands.clear()

    def fork(self, nodes: Sequence[Value]) -> Recorder:
        """A recorder of the same call, with other nodes so far."""
        other = copy(self)
        captured = {v: (self.free + k) * 8 + PARAMETER for k, v in enumerate(self.captured)}
        other.nodes, other.operands, other.products = list(nodes), {**self.operands, **captured}, {}
        other.spare, other.doubtful, other.starts, other.answers = set(), set(), [], False
        for source in self._lent:
            source.operands.append(other.operands)
        return other

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
        """Call a function under this recorder.

        Args:
            reads: what may hold generators of random numbers, from which nothing may be drawn.
        """
        self._call = context.new_call()
        generators = Generators(*reads)
        if self._lent and not generators.names.isdisjoint(("type", "__class__")):
            raise LentError("jit lends leaves that are not made to functions that take any kind of list for a list")
        try:
            with uncollected(), context.tracing(self):
                result = self._lending(function)
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
            context.recorder()  # forgets the block that was left, which would hold this for longer
        if drawn:
            raise TraceError(
                f"jit takes functions that draw no random numbers, which would be the same at every call, got one that "
                f"draws from a {drawn}; pass them as arguments; a Module's eval() switches Dropout off"
            )
        return result

    def _lending(self, function: Callable[[], Result]) -> Result:
        """What a function returns; a LentError where it asked leaves for what they do not do, whatever came of that."""
        try:
            result = function()
        except Exception:
            if not any(source.is_list_wanted for source in self._lent):
                raise
        else:
            if not any(source.is_list_wanted for source in self._lent):
                return result
        raise LentError("jit lends leaves that are not made to functions that only read them")

    def index(self, v: Value, least: int, rows: int) -> None:
        """An argument is used as an index from the least on, below rows; a TraceError where it is none, for then no call could be checked."""
        while v not in self.operands and v.op is IDENTITY:
            v = v._a
        operand = self.operands.get(v)
        if operand is None:
            raise TraceError(
                f"jit takes arguments as indices, got one that is computed at {user_line()}; compute it outside and "
                "pass it, or select by engine.where"
            )
        before, end = self.indices.get(operand, (least, rows))
        self.indices[operand] = max(least, before), min(rows, end)

    def array(self, entries: Any) -> Any:
        """An array that the function is given, as it takes indices."""
        return entries.view(array_rows()) if self._as_rows and entries.dtype.kind == "O" else entries

    def arguments(self, tree: Any) -> Any:
        """A tree that the function is given, as it takes indices."""
        return with_sequences(tree, AS_ROWS) if self._as_rows else tree

    def parameter(self, data: float, index: int, space: int = PARAMETER) -> Value:
        """A new traced leaf."""
        return self.row([data], index, space)[0]

    def row(self, numbers: Iterable[float], first: int = 0, space: int = PARAMETER) -> list[Value]:
        """New traced leaves, numbered from `first`."""
        made = [Value(x) for x in numbers]
        self.operands.update(zip(made, range(first * 8 + space, (first + len(made)) * 8 + space, 8)))
        return made

    def unmade_row(self, numbers: Sequence[float], first: int = 0) -> Leaves:
        """Parameters, numbered from `first`, as leaves of which Values are made when someone looks at them."""
        self._lent.append(Source(numbers, first * 8 + PARAMETER, self.operands))
        return Leaves(Row(self._lent[-1], range(len(numbers))))

    def parameters(self, given: Flat, first: int = 0, space: int = PARAMETER, many: float = inf) -> list[object]:
        """Traced leaves for those of a tree, numbered from `first`: arrays of them for arrays, lists for lists; for Modules
        of so many or more such as are not made yet."""
        found: list[object] = []
        modules = iter(given.modules)
        for x in given.leaves:
            numbers, module = numbers_of(x), next(modules) if x.__class__ is tuple else None
            if module is not None and len(x) >= many and getattr(module, "_is_what_it_holds", bool)():
                self.unmade.append(self.unmade_row(numbers, first))
                found.append(self.unmade[-1])
            else:
                made = self.row(numbers, first, space)
                listed = x.__class__ is list or x.__class__ is tuple
                found.append(made if listed else self.array(_boxes(made, x.shape)) if hasattr(x, "shape") else made[0])
            first += len(numbers)
        return found

    def unmade_of(self, x: object) -> tuple[Row, object] | None:
        """(the leaves that a Module was made of, the one that it is like), where no Values are made of these yet."""
        for leaves in self.unmade:
            if leaves.module is not None and leaves.module[0] is x:
                return leaves.row, leaves.module[1]
        return None

    def constant(self, a: Any) -> float | None:
        """The number that an operand is, if it is one of the function's own."""
        while a.__class__ is Value:
            if a in self.operands:
                return None
            if a.op is IDENTITY:  # a transform's leaf, linked to what it stood for
                a = a._a
                continue
            if a.op is None and getattr(a, "_lent", None).__class__ is Value:
                a = a._lent
                continue
            return None if a.op is not None or self._captured(a) else a._data
        return float(a)

    def captured_operand(self, v: Value) -> int:
        """That of a leaf from outside, which becomes a parameter."""
        if v.op is not None:
            raise TraceError(
                "jit takes functions of their arguments, got a Value computed outside; pass it as an argument"
            )
        if running:
            refuse(v, "a reading by jit")
        self.captured.append(v)
        self.operands[v] = operand = (self.free + len(self.captured) - 1) * 8 + PARAMETER
        return operand

    free = 0  # index of the first parameter that is not an argument


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """The garbage collector is off: a trace is millions of objects, none garbage."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def indexed(run: Callable[[bool], Result]) -> Result:
    """What a trace makes; where its function uses a number as an index, with arguments that take one."""
    with contextlib.suppress(IndexWantedError):
        return run(False)
    return run(True)


def origin(a: Any, known: Container[Value] = ()) -> Any:
    """The Value that a leaf of a transform stands for, down to one that is known; another Value itself."""
    while a not in known:
        if a.op is IDENTITY:
            a = a._a
        elif a.op is None and getattr(a, "_lent", None).__class__ is Value:
            a = a._lent
        else:
            break
    return a


def _boxes(values: list[Value], shape: tuple[int, ...]) -> object:
    import numpy as np

    boxes = np.empty(shape, object)
    boxes.ravel()[:] = values
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
