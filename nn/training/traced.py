"""A Run as functions of numbers: what native code is recorded from.

Examples are rows of numbers, parameters a list of them: only what moves, and what Dropout draws, comes from outside.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from engine import Value, clip, square, topological_order
from engine.arguments import is_number, shown
from engine.compiler import Generators

from ..arguments import Number, several
from ..blocks import Dropout
from ..data import DEEPEST
from ..module import Module
from ..twin import SideBySide, rebuilt
from ..updates import State, norm_factor
from .objective import LossFunction, Outputs
from .run import Run, UnsupportedError
from .stored import Stored, Table
from .streamed import StreamedTable
from .targets import class_target

Nested: TypeAlias = Number | list["Nested"]  # numbers in lists to any depth


class TracedRun:
    """The loss, the penalty and the update of a Run, as pure functions.

    Args:
        run: a Run, before or between updates; its network is in training mode.
        moving: which of the optimiser's parameters move.
        still: the parameters of the network that do not, and their numbers.
        filled: whether there is a row more, of an example that counts for nothing, to fill batches up with.

    Attributes:
        moving, still: as given.
        masks: (Dropout, how many inputs it has) for each call of one in the network, in order.
        columns: how many numbers an example of the table has, masks aside.

    Raises:
        UnsupportedError: a number is another one from call to call, or an example is none of numbers.
    """

    def __init__(self, run: Run, moving: Sequence[int], still: Mapping[Value, float], filled: bool = False) -> None:
        self._run, self.moving, self.still, self._filled = run, moving, still, filled
        self.masks = self._probe()

    def table(self) -> list[list[float]] | Table:
        """All examples as numbers, with 1 for each mask."""
        examples, mesh, masks = self._run.examples, self._run.mesh, sum(count for _, count in self.masks)
        if examples.stream is not None and mesh is not None:
            table: Table = StreamedTable(
                examples.stream, mesh, self._run.batch, lambda: self._run.epoch, self.row, masks
            )
            self.columns = table.columns
            return table
        if isinstance(examples.X, Stored):
            table = Table(examples.X, examples.y, self.row, masks, self._filled)
            self.columns = table.columns
            return table
        rows = [self.row(x, t) for x, t in zip(examples.X, examples.y)]
        self.columns = len(rows[0])
        if any(len(row) != self.columns for row in rows):
            raise UnsupportedError("examples of several lengths need eager mode")
        ones = [1.0] * masks
        if self._filled:
            return [*[[*row, *ones, 1.0] for row in rows], [*rows[0], *ones, 0.0]]
        return [row + ones for row in rows]

    def _probe(self) -> list[tuple[Dropout, int]]:
        """(Dropout, how many inputs it has) for each call of one in the network, in order.

        The first example is run twice in eager mode, and the penalties, to see that no number is another one each time.
        """
        run = self._run
        net, objective, x, t = run.net, run.objective, run.examples.X[0], run.examples.y[0]
        layers = [m for _, m in net.named_modules() if isinstance(m, Dropout) and m.rate and m.training]
        found: list[tuple[Dropout, int]] = []

        def draw(layer: Dropout, count: int) -> list[float]:
            found.append((layer, count))
            return [1.0] * count

        generators = Generators(net, objective.loss, run.penalties)
        seen = []
        try:
            with drawn_by(draw, layers):
                for _ in range(2):
                    found.clear()
                    outputs = net(x)
                    loss = objective.loss(outputs, t)
                    roots = [v for v in (loss, *[p(net) for p in run.penalties]) if v.__class__ is Value]
                    seen.append(_computed(roots))
        finally:
            drawn = generators.drawn()
        if drawn or seen[0] != seen[1]:
            what = f"draw from a {drawn}, " if drawn else ""
            raise UnsupportedError(
                f"a network, a loss or a penalty that answers differently from call to call, Dropout aside, needs eager "
                f"mode: they {what}are compiled once"
            )
        self._listed = isinstance(outputs, (list, tuple))
        self._width = len(outputs) if self._listed else 1
        if run.metrics and not _numbered(outputs):
            raise UnsupportedError(
                f"metrics of outputs that are no list of numbers need eager mode, got {shown(outputs)}"
            )
        return found

    def row(self, x: object, t: object) -> list[float]:
        """An example as numbers: its inputs, then its target."""
        return [*_numbers(x), *_numbers(self._target(t))]

    def _target(self, t: object) -> object:
        """The target as numbers that a trace can hold: for a class its probabilities."""
        if self._run.objective.target is class_target and not isinstance(t, list):
            return [float(k == t) for k in range(self._width)]
        return t

    def _network(self, ps: Sequence[Number]) -> Module:
        """The network with other numbers in the places of the parameters that move."""
        net, optimizer = self._run.net, self._run.optimizer
        own, rebuild = net._flatten()
        moving = [optimizer.parameters[k] for k in self.moving]
        if moving == own and net._is_what_it_holds():
            return rebuilt(net, SideBySide(own, ps))
        moved = dict(zip(moving, ps))
        network: Module = rebuild([moved[p] if p in moved else Value(self.still[p]) for p in own])
        return network

    def _like(self) -> tuple[object, object]:
        """The first example and its target, in whose shapes a row of numbers is read."""
        examples = self._run.examples
        return examples.X[0], self._target(examples.y[0])

    def loss(self, ps: Sequence[Number], example: Sequence[Number]) -> Value | tuple[Value, list[Number]]:
        """The loss of one example; where there are metrics, with the outputs."""
        masks = iter(example[self.columns :])
        layers = {layer for layer, _ in self.masks}
        with drawn_by(lambda layer, count: [next(masks) for _ in range(count)], layers):
            loss, outputs = _of_one_example(self._network(ps), self._run.objective.loss, self._like(), example)
        loss = loss * example[-1] if self._filled else loss
        return (loss, outputs) if self._run.metrics else loss

    def penalty(self, ps: Sequence[Number]) -> Value:
        """The sum of the penalties."""
        net = self._network(ps)
        first, *more = [penalty(net) for penalty in self._run.penalties]
        for penalty in more:
            first = first + penalty
        return first

    def _cut(self, g: Number) -> Number:
        limit = self._run.clip_value
        return g if limit is None else clip(g, -limit, limit)

    def measure(self, g: Number) -> Number:
        """What a gradient adds to the square of their norm."""
        return square(self._cut(g))

    def update(self) -> Callable[[Number, Number, list[Number], list[Number]], tuple[Number, State]]:
        """(parameter, gradient, state, [learning rate, step, …]) -> (parameter, state)."""
        optimizer, most = self._run.optimizer, self._run.clip_norm
        private = self._run.private is not None
        update, fixed = type(optimizer).update, {k: x for k, x in optimizer.hyperparameters.items() if k != "lr"}

        def step(p: Number, g: Number, slots: list[Number], settings: list[Number]) -> tuple[Number, State]:
            *state, noise = [*slots] if private else [*slots, 0.0]
            g = g + noise if private else self._cut(g)
            lr, count, *squares = settings
            if most is not None:
                g = g * norm_factor(squares[0], most)
            moved, after = update(p, g, tuple(state), step=count, lr=lr, **fixed)
            return moved, (*after, noise) if private else after

        return step

    def evaluation(self) -> Callable[[Sequence[Number], Sequence[Number]], list[Number]]:
        """(parameters, example) -> [loss, outputs…]; it reads what it needs, not the Run, in which something changes."""
        net, loss, like = self._run.net, self._run.objective.loss, self._like()

        def one(ps: Sequence[Number], row: Sequence[Number]) -> list[Number]:
            _, rebuild = net._flatten()
            found, outputs = _of_one_example(rebuild(ps), loss, like, row)
            return [found, *outputs]

        return one

    def prediction(self, outputs: list[float]) -> object:
        """What the outputs of an example predict."""
        return self._run.objective.prediction(outputs if self._listed else outputs[0])

    def drawn(self, order: Iterable[int]) -> Iterator[tuple[int, list[float]]]:
        """(number, masks) of the examples to come, drawn as eager mode would."""
        if self.masks:
            for i in order:
                yield i, [factor for layer, count in self.masks for factor in layer.draw(count)]


def _computed(roots: Sequence[Value]) -> tuple[list[str], bytes]:
    """(the ops below some Values, all numbers there, bit by bit)."""
    order = topological_order(roots)
    return [v.op.name if v.op else "" for v in order], array("d", [v.data for v in order]).tobytes()


def _of_one_example(
    net: Module, loss: LossFunction, like: tuple[object, object], row: Sequence[Number]
) -> tuple[Value, list[Number]]:
    """(loss, outputs) of one row."""
    rest = iter(row)
    outputs = net(_like(like[0], rest))
    found = loss(outputs, _like(like[1], rest))
    return found, _numbered(outputs)


def _numbered(outputs: Outputs) -> list[Number]:
    """Outputs as a list of numbers; [] of those that are another tree, which are for the loss alone."""
    numbers = [y.item() if getattr(y, "shape", None) == () else y for y in several(outputs)]
    return numbers if all(y.__class__ is Value or isinstance(y, (int, float)) for y in numbers) else []


@contextlib.contextmanager
def drawn_by(draw: Callable[[Dropout, int], Sequence[Number]], layers: Iterable[Dropout]) -> Iterator[None]:
    """While it is open, Dropouts get their masks from a function of (layer, how many)."""
    for layer in layers:
        layer.__dict__["draw"] = partial(draw, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.__dict__["draw"]


def _numbers(x: object, depth: int = 0) -> list[float]:
    """The numbers of nested lists, in order."""
    if depth > DEEPEST:
        raise UnsupportedError(
            f"an example of more than {DEEPEST} levels, or one that contains itself, needs eager mode"
        )
    if isinstance(x, (list, tuple)):
        return list(x) if {*map(type, x)} == {float} else [n for e in x for n in _numbers(e, depth + 1)]
    if not is_number(x):
        raise UnsupportedError(f"{shown(x)} among the examples needs eager mode")
    return [float(x)]


def _like(x: object, rest: Iterator[Number]) -> Nested:
    """The next numbers, in the nested lists of `x`."""
    if isinstance(x, (list, tuple)):
        return [_like(e, rest) for e in x]
    return next(rest)
