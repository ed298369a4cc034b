"""`check_engine`: somebody's own engine, as source text, checked from the smallest graphs up, and what is wrong drawn.

Graphs of one op come first, each op alone, then random ones of growing size; the first that is wrong is made smaller.
So a plain mistake is found in tens of checks, and Hypothesis is not needed.
"""

import contextlib
import linecache
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import islice
from typing import Any

from ..arguments import function
from ..arguments import text as written
from ..picture.drawing.layout import LayoutError
from ..rule import TABLE, Op
from ..value import Value
from .check import check_gradients
from .engine_source import FILE, SIGNS, Adapted, adapted, line_and_words
from .engines import CHAINRULE
from .generation import random_graphs, value_at
from .graph import Graph, GraphOperand, GraphStep, looked_up
from .lifecycle import LAWS
from .report import GradientError, Report
from .wrong_graph import WrongGraph, differs

NUMBERS = (2.0, 3.0, -1.0, 0.5, -2.0, 1.5)
ROUNDS = ((2, 30), (3, 60), (5, 60), (8, 60))  # how many steps, and how many random graphs of them
MOST_SHRINKS = 200
MORE = 60  # graphs that tell mistakes apart
BETWEEN = ("repeated backward", "two losses share a subgraph", "an inner node is a root too")


@dataclass
class EngineCheck:
    """What `check_engine` found.

    Attributes:
        says: the verdict in words.
        ok: nothing is wrong: the source runs, and all gradients are right.
        ops: the ops that were found and checked.
        checked: how many graphs were.
        line: the line of the source to look at; None where there is none.
        graph: the smallest graph found on which the engine is wrong.
        report: what `check_gradients` says of it.
        notes: what else a reader should know.
        svg: the graph with the engine's numbers where they are wrong, and the edge to blame in red; "" where none is.
    """

    says: str
    ok: bool = False
    ops: list[str] = field(default_factory=list)
    checked: int = 0
    line: int | None = None
    graph: Graph | None = None
    report: Report | None = None
    notes: list[str] = field(default_factory=list)
    svg: str = ""

    def __str__(self) -> str:
        return "\n".join([self.says, *[f"note: {n}" for n in self.notes]])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        data = b64encode(self.svg.encode()).decode()
        image = f'<img alt="the graph" src="data:image/svg+xml;base64,{data}">' if self.svg else ""
        return {"text/html": f"<p>{escape(str(self))}</p>{image}", "text/plain": str(self)}


def check_engine(source: str, told: Callable[[int], object] | None = None) -> EngineCheck:
    """Check an engine that is given as text: a class with .data, .grad and .backward(), or rows added by `engine.op`.

    Args:
        source: Python. It is run: check none whose author you do not trust.
        told: called with how many graphs have been checked, now and then.

    Returns:
        An EngineCheck. What the source raises is in it, with the line, and is not raised.

    Raises:
        TypeError, ValueError: source is no text, or told no function.

    >>> from engine.checks import check_engine
    >>> print(check_engine("class Value:\\n    data = dta").says)
    Line 2 of your engine: the name 'dta' is used there, but it means nothing yet.
    """
    source = written("check_engine", "source", source)
    if told is not None:
        function("check_engine", "told", told)
    linecache.cache[FILE] = (len(source), None, source.splitlines(True), FILE)
    before = set(TABLE)
    try:
        space: dict[str, Any] = {"__name__": "your_engine"}
        try:
            exec(compile(source, FILE, "exec"), space)  # noqa: S102  what the function is for
        except BaseException as error:
            return _stopped(error)
        added = [name for name in TABLE if name not in before]
        classes = [x for x in space.values() if isinstance(x, type) and x.__module__ == "your_engine"]
        made = [x for x in classes if callable(getattr(x, "backward", None))]
        if added and not made:
            return _Check(Adapted(CHAINRULE, [*added, "add", "mul", "tanh"]), told).run()
        if not made:
            return EngineCheck(
                "check_engine takes a class with .data, .grad and .backward(), got "
                + (f"{classes[0].__name__} without backward" if classes else "no class")
            )
        try:
            own = adapted(next((x for x in made if x.__name__ == "Value"), made[0]))
        except Exception as error:
            return _stopped(error)
        return _Check(own, told).run()
    finally:
        for name in [name for name in TABLE if name not in before]:
            del TABLE[name]
            delattr(Value, name)


def _stopped(error: BaseException, where: str = "") -> EngineCheck:
    """What the source raised, in its own line."""
    line, words = line_and_words(error)
    return EngineCheck(f"{f'Line {line} of your engine' if line else 'Your engine'}{where}: {words}.", line=line)


# The search -----------------------------------------------------------------------------------------------------------


class _Check:
    """One engine, its ops and what was found."""

    def __init__(self, own: Adapted, told: Callable[[int], object] | None) -> None:
        self.engine, self.ops, self.kind, self.constants = own.engine, own.ops, own.kind, own.constants
        self.composed = own.composed
        self.told, self.found = told, EngineCheck("", ops=own.ops, notes=list(own.notes))

    def run(self) -> EngineCheck:
        """Graphs, small ones first; then what happens between calls."""
        graphs = self._graphs()
        for graph in graphs:
            wrong = self._wrong(graph)
            if wrong is not None:
                return self._told(*self._smaller(graph, wrong), graphs)
        self.found.ok = True
        self.found.says = f"All gradients are right, proved on {self.found.checked} graphs of {', '.join(self.ops)}."
        if self.kind is not None:
            self._between()
        return self.found

    def _graphs(self) -> Iterator[Graph]:
        for name in self.ops:
            yield from _alone(name, self.constants)
        for steps, count in ROUNDS:
            yield from random_graphs(count, steps, steps, self.ops, NUMBERS)

    def _wrong(self, graph: Graph) -> Exception | None:
        self.found.checked += 1
        if self.told is not None and self.found.checked % 10 == 0:
            self.told(self.found.checked)
        try:
            check_gradients(graph, engine=self.engine, save=False)
        except GradientError as error:
            if any(differs(f) for f in error.report.findings if f.verdict == "wrong"):
                return error
            self._note(f"digits are lost on {graph}, as by 1 − t² where t is nearly 1")
        except Exception as error:  # of the engine that is checked, whatever it is
            return error
        return None

    def _note(self, note: str) -> None:
        kind = note.split()[0]
        if all(other.split()[0] != kind for other in self.found.notes):  # one of a kind says it
            self.found.notes.append(note)

    def _smaller(self, graph: Graph, wrong: Exception) -> tuple[Graph, Exception]:
        """A graph that is wrong in the same way, and none of whose parts can be left out."""
        tries, going = 0, True
        while going and tries < MOST_SHRINKS:
            going = False
            for less in _parts(graph):
                tries += 1
                found = self._wrong(less)
                if found is not None and type(found) is type(wrong):
                    graph, wrong, going = less, found, True
                    break
        return graph, wrong

    def _told(self, graph: Graph, wrong: Exception, more: Iterator[Graph]) -> EngineCheck:
        if not isinstance(wrong, GradientError):
            stopped = _stopped(wrong, f", on the graph {graph}")
            stopped.ops, stopped.checked, stopped.notes = self.ops, self.found.checked, self.found.notes
            return stopped
        self.found.graph, self.found.report = graph, wrong.report
        drawn = WrongGraph(graph, wrong.report)
        self.found.says = f"{drawn.says} {self._why(wrong.report, more)}"
        self.found.line = self._line(drawn.op, wrong.report)
        with contextlib.suppress(LayoutError):
            self.found.svg = drawn.svg()
        return self.found

    def _why(self, report: Report, more: Iterator[Graph]) -> str:
        """What is to blame; of the mistakes that one graph does not tell apart, those that other graphs leave."""
        blame = report.blame
        if blame is None:
            return "Every rule is right on its own, and the sweep makes no mistake that is known."
        if blame.op in self.composed and blame.argument is not None:
            return (
                f"{blame.op.capitalize()} is made of other operations, and these are right on their own: it is how {blame.op} "
                "puts them together, or the order in which backward goes."
            )
        if blame.op:
            what = f"for operand {blame.argument + 1}" if blame.argument is not None else "forward"
            return f"The rule of {blame.op} is wrong {what}."
        alike = blame.why.split("; or ")
        for graph in islice(more, MORE) if len(alike) > 1 else ():
            other = self._wrong(graph)
            why = other.report.blame if isinstance(other, GradientError) else None
            both = [w for w in alike if why is not None and w in why.why.split("; or ")]
            alike = both or alike
        return f"Every rule is right on its own: {'; or '.join(alike)}."

    def _line(self, op: str, report: Report) -> int | None:
        """Where the source says what is wrong: the method of an op, or backward; of a row its function."""
        if self.kind is None:
            row, k = TABLE.get(op), report.blame.argument if report.blame is not None else None
            what: object = row and (row.forward if k is None or row.lists else row.partials[k])
        else:
            forward = report.blame is not None and bool(report.blame.op) and report.blame.argument is None
            op = op if forward or op not in self.composed else ""
            method = getattr(self.kind, SIGNS.get(op, op if op != "square" else "__pow__"), None) if op else None
            what = method or self.kind.backward
        code = getattr(what, "__code__", None)
        return code.co_firstlineno if code is not None and code.co_filename == FILE else None

    def _between(self) -> None:
        """What the laws of the lifecycle say, as notes: the gradients of one backward are right."""
        if self.constants and {"add", "mul"} <= set(self.ops):
            for name in BETWEEN:
                try:
                    why = LAWS[name](self.engine)
                except Exception as error:
                    why = f"{type(error).__name__}: {error}"
                if why:
                    self.found.notes.append(f"between calls, {name}: {why}")


def _alone(name: str, constants: bool) -> Iterator[Graph]:
    """An op on its own: on two leaves, on one twice, with a number; where it is legal."""
    row = TABLE[name]
    if row.arity == 1:
        for x in (2.0, 0.5, -1.0):
            yield from _legal((x,), GraphStep(name, (1,)), row)
        return
    for point in ((2.0, 3.0), (3.0, -2.0)):
        yield from _legal(point, GraphStep(name, (2, 1)), row)
    yield from _legal((3.0,), GraphStep(name, (1, 1)), row)
    if constants:
        yield from _legal((3.0,), GraphStep(name, (1, 2.0)), row)


def _legal(point: Sequence[float], step: GraphStep, row: Op) -> Iterator[Graph]:
    if value_at(row, [looked_up(a, point) for a in step.operands]) is not None:
        yield Graph(point, [step])


def _parts(graph: Graph) -> Iterator[Graph]:
    """The same with a step or an input less, or with a plainer number."""
    for i in range(len(graph.steps)):
        if len(graph.steps) > 1:
            yield from _runnable(graph.inputs, [*graph.steps[:i], *graph.steps[i + 1 :]])
    for i in range(len(graph.inputs)):
        if len(graph.inputs) > 1 and not graph.uses()[i]:
            yield from _runnable([*graph.inputs[:i], *graph.inputs[i + 1 :]], graph.steps)
        for x in (1.0, 2.0, 3.0):
            if x < abs(graph.inputs[i]) or (x == abs(graph.inputs[i]) and graph.inputs[i] < 0.0):
                yield from _runnable([*graph.inputs[:i], x, *graph.inputs[i + 1 :]], graph.steps)


def _runnable(inputs: Sequence[float], steps: Sequence[GraphStep]) -> Iterator[Graph]:
    """The graph of these, with operands within it, if every op is legal where it stands."""
    values, kept = list(inputs), list[GraphStep]()
    for step in steps:
        operands = tuple(_within(a, len(values)) for a in step.operands)
        y = value_at(TABLE[step.op], [looked_up(a, values) for a in operands])
        if y is None:
            return
        kept.append(GraphStep(step.op, operands))
        values.append(y)
    yield Graph(inputs, kept)


def _within(a: GraphOperand, count: int) -> GraphOperand:
    return (a - 1) % count + 1 if isinstance(a, int) else a
