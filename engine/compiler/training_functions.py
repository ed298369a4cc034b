"""What a training is made of, as functions of numbers, and their traces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ..adjoints import gradient_lists, gradients
from ..arguments import real, shown
from ..conversion import operand
from ..gated import Products
from ..lists import Operands, dot
from ..ops import total, where
from ..value import Value
from .front.gather import Bounds
from .front.recorder import Recorder, indexed
from .front.reductions import LIST_OPS
from .front.trace import INPUT, Trace
from .front.transcription import Write, transcribed

WHO = "TrainingLoop"
ROWS = 64  # of a table from which on a batch adds to those that its examples take: else it compares with each, in tiles
MANY = 4096  # parameters from which on their Values are made when someone looks at them


@dataclass(frozen=True)
class TrainingFunctions:
    """The functions of a `TrainingLoop`, which says what they are, and numbers like those they are given.

    Attributes:
        loss, update, penalty, measure, weight: the functions.
        parameters, example: numbers that the loss is given.
        slots, settings: how many numbers the update is given besides.
        divided: is the sum over a batch divided by a number of the loop's, not by how many examples there are?
        list_ops: what is put down in traces for rows of lists.
        recorder: what makes the recorder of the loss.
    """

    loss: Callable[..., object]
    update: Callable[..., object]
    penalty: Callable[..., object] | None
    measure: Callable[..., object] | None
    parameters: Sequence[float]
    example: Sequence[float]
    slots: int
    settings: int
    weight: Callable[..., object] | None = None
    divided: bool = False
    list_ops: Mapping[str, Callable[..., int]] = field(default_factory=lambda: LIST_OPS)
    recorder: Callable[[bool], Recorder] = Recorder

    def traced_loss(self, share: int, contract: bool, bare: bool, rows: int = ROWS) -> tuple[Trace, int, Bounds]:
        """(the loss of one example and its gradient, how many outputs are kept, which of its numbers are indices).

        Args:
            share: where, among the parameters, the weight of the example stands.
            contract: sum the loss over the examples; else it is an output of each, the last.
            bare: leave out the spare guards, if what they guard is sure to be seen.
            rows: of a table, from which on the gradient is added to those that the example takes.
        """
        if len(self.parameters) >= MANY:
            with suppress(Exception):  # what such leaves do not do, and what is wrong, is said of a list
                return self._traced_loss(self.recorder(False), share, contract, bare, rows, True)
        return indexed(lambda as_rows: self._traced_loss(self.recorder(as_rows), share, contract, bare, rows))

    def _traced_loss(self, recorder: Recorder, share: int, contract: bool, bare: bool, rows: int,
                     unmade: bool = False) -> tuple[Trace, int, Bounds]:  # fmt: skip
        count = len(self.parameters)
        leaves = recorder.unmade_row(self.parameters) if unmade else None
        ps: Sequence[Value] = recorder.row(self.parameters) if leaves is None else leaves.row.as_tuple()
        seed = recorder.parameter(1.0, share)
        example = recorder.row(map(float, self.example), space=INPUT)

        def run() -> tuple[Value, list[float | Value], list[Value | Products]]:
            given = recorder.arguments(list(ps)) if leaves is None else leaves
            returned = self.loss(given, recorder.arguments(list(example)))
            pair = returned if isinstance(returned, tuple) and returned.__class__ is tuple else ()
            value, outputs = pair if len(pair) == 2 else (returned, [])
            if not isinstance(value, Value) or not isinstance(outputs, (list, tuple)):
                raise TypeError(
                    f"{WHO} takes a loss that returns a Value, or (Value, list of Values), got {shown(returned)}"
                )
            kept = [operand(y, WHO, "Values and numbers as outputs of the loss") for y in outputs]
            if self.weight is None:
                recorder.adds = rows if self.list_ops is LIST_OPS else 0
                return value, kept, gradient_lists(value, ps, seed)
            found = gradient_lists(value, ps, 1.0)
            factor = self.weight(_squares(found))
            if real(factor) is None and factor.__class__ is not Value:
                raise TypeError(f"{WHO} takes as weight a function that returns a number, got {shown(factor)} from it")
            return value, kept, _scaled(found, seed * operand(factor, WHO, "a number that weight returns"))

        value, outputs, found = recorder.run(run, reads=(self.loss, self.weight))
        kept = [("output", v, k) for k, v in enumerate(outputs)]
        last = ("accumulate", value, count) if contract else ("output", value, len(outputs))
        effects: list[Write] = [*kept, *_accumulated(found), last]
        trace = transcribed(recorder, effects, bare, self.list_ops)
        if not trace.shows_bare():
            trace = transcribed(recorder, effects, False, self.list_ops)
        _refuse_captured(recorder, "loss")
        if any(operand & 7 != INPUT for operand in recorder.indices):
            raise TypeError(f"{WHO} takes numbers of an example as indices, got a parameter as one")
        recorder.finish()
        return trace, len(outputs), Bounds(WHO, recorder.indices, INPUT)

    def traced_update(self) -> Trace:
        """The update of one parameter, as an example whose inputs are the parameter, its gradient and its slots."""
        recorder = Recorder()
        p, g, *slots = [recorder.parameter(0.5, i, INPUT) for i in range(2 + self.slots)]
        settings = [recorder.parameter(0.5, i) for i in range(self.settings + (self.measure is not None))]

        def run() -> tuple[object, Sequence[object]]:
            found = self.update(p, g, list(slots), list(settings))
            if not isinstance(found, (tuple, list)) or len(found) != 2:
                raise TypeError(
                    f"{WHO} takes as update a function that returns (parameter, slots), got {shown(found)} from it"
                )
            after, state = found
            return after, state

        after, state = recorder.run(run)
        if len(state) != self.slots:
            raise ValueError(f"{WHO} takes an update that returns {self.slots} slots, got {len(state)}")
        after, *state = [operand(x, WHO, "numbers that update returns") for x in (after, *state)]
        trace = transcribed(
            recorder,
            [("output", after, 0), *[("output", s, 1 + i) for i, s in enumerate(state) if s is not slots[i]]],
            list_ops=self.list_ops,
        )
        _refuse_captured(recorder, "update")
        return trace

    def traced_measure(self) -> Trace | None:
        """The measure of one gradient, as an example; None without."""
        if self.measure is None:
            return None
        recorder, measure = Recorder(), self.measure
        g = recorder.parameter(0.5, 0, INPUT)

        def run() -> object:
            found = measure(g)
            if real(found) is None and found.__class__ is not Value:
                raise TypeError(f"{WHO} takes as measure a function that returns a number, got {shown(found)} from it")
            return found

        trace = transcribed(recorder, [("accumulate", recorder.run(run), 0)], list_ops=self.list_ops)
        _refuse_captured(recorder, "measure")
        return trace

    def traced_penalty(self, whole: bool = False) -> Trace | None:
        """The gradient of the penalty; None without.

        Args:
            whole: what is 0 whatever the parameters are as well.
        """
        if self.penalty is None:
            return None
        recorder, penalty = Recorder(), self.penalty
        ps = recorder.row(self.parameters)

        def run() -> list[Value]:
            x = operand(penalty(list(ps)), WHO, "a penalty that returns a Value")
            return gradients(x if isinstance(x, Value) else Value(x), ps)

        found = recorder.run(run, reads=(penalty,))
        trace = transcribed(
            recorder,
            [("accumulate", g, i) for i, g in enumerate(found) if whole or g.op is not None or g._data],
            list_ops=self.list_ops,
        )
        _refuse_captured(recorder, "penalty")
        return trace


def _accumulated(found: Sequence[Value | Products]) -> Iterator[Write]:
    """What adds gradients to sums, one after the other."""
    at = 0
    for g in found:
        yield "accumulate", g, at
        at += len(g) if isinstance(g, Products) else 1


def _squares(found: Sequence[Value | Products]) -> Value:
    """The sum of the squares of a gradient. What a list gets of one dot, g*x for each x, adds g² · Σx²: without a square
    for each weight (Goodfellow, Efficient per-example gradient computations, 2015)."""
    alone = [g for g in found if isinstance(g, Value) and (g.op is not None or g._data)]
    parts: list[float | Value] = [dot(alone, alone)] if alone else []
    layers: dict[int, tuple[Sequence[float | Value], list[float | Value]]] = {}
    for made in found:
        if isinstance(made, Products):
            g = made.g if made.c is None or made.spare else where(made.c, made.g, 0.0)
            layers.setdefault(id(made.xs), (made.xs, []))[1].append(g)
    for xs, gs in layers.values():
        inputs, adjoints = Operands(xs), Operands(gs)
        parts.append(dot(adjoints, adjoints) * dot(inputs, inputs))
    found_sum: Value = total(parts)
    return found_sum


def _scaled(found: Sequence[Value | Products], factor: float | Value) -> list[Value | Products]:
    """A gradient times a factor."""
    return [
        Products(factor * x.g, x.xs, x._vals, x.c, x.spare) if isinstance(x, Products)
        else x * factor if x.op is not None or x._data else x
        for x in found
    ]  # fmt: skip


def _refuse_captured(recorder: Recorder, who: str) -> None:
    if recorder.captured:
        raise TypeError(
            f"{WHO} takes a {who} that reads its arguments only, got one that reads {recorder.captured[0]!r}; "
            "pass its data as a number"
        )
