"""Training in native code: what `fit` does with backend="jit".

The network, its loss and the optimiser are traced once and run as one native loop, an epoch at a time. Between two
epochs a Run is as whole as in eager mode: weights, optimiser states and the generator are where they would be, so
that callbacks, early stopping and `state` do not know the difference. Sums run in another order than in eager mode, so
the last digits differ.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from engine import TrainingLoop, Value, clip, jit, square, topological_order, vmap
from engine.arguments import shown
from engine.compiler import Generators, exact

from ..blocks import Dropout
from ..data import DEEPEST
from ..module import in_mode
from ..optim import Optimiser
from ..updates import norm_factor
from .console import Bar
from .run import Run, UnsupportedError
from .targets import class_target

LOOKED_AT = 100  # examples of the first batch that eager mode runs, if so many are needed to see where its loss leads


class NativeTraining:
    """The compiled form of a Run.

    Args:
        run: a Run, before or between epochs.

    Raises:
        UnsupportedError: a part of it does not compile.
        ImportError: llvmlite is missing.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._key: Any = None
        self._evaluate: Any = None
        self._tables: dict[int, Any] = {}  # examples that were evaluated, as arrays
        with in_mode(run.net, True):
            self._prepare()

    # Compiling -----------------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Compile, if what was compiled before is no longer what is trained."""
        run = self._run
        optimizer = run.optimizer
        if type(optimizer).step is not Optimiser.step:
            raise UnsupportedError("an optimiser with a step of its own needs eager mode")
        fixed = {name: x for name, x in optimizer.hyperparameters.items() if name != "lr"}
        frozen = optimizer.frozen()
        moving = [k for k, p in enumerate(optimizer.parameters) if p not in frozen]
        moved = {optimizer.parameters[k] for k in moving}
        still = {p: p.data for _, p in run.net.named_parameters() if p not in moved}
        settings = (
            fixed,
            moving,
            list(still.values()),
            run.sizes,
            (run.clip_value, run.clip_norm),
            bool(run.metrics),
            tuple(run.objective),
            run.penalties,
            run.net,
        )
        key = run.net, optimizer, exact(settings, numbers=False)
        if key == self._key:
            return
        self._evaluate, self._tables, self._moving, self._still = None, {}, moving, still
        self._masks = self._probe()
        rows = [self._row(x, t) for x, t in zip(run.examples.X, run.examples.y)]
        width = len(rows[0])
        if any(len(row) != width for row in rows):
            raise UnsupportedError("examples of several lengths need eager mode")
        self._first_mask = width
        masks = [1.0] * sum(count for _, count in self._masks)
        self._loop = _compiled(
            TrainingLoop,
            self._loss,
            self._update(fixed),
            [optimizer.parameters[k].data for k in self._moving],
            [row + masks for row in rows],
            penalty=self._penalty if run.penalties else None,
            measure=None if run.clip_norm is None else self._square,
            slots=len(optimizer.initial),
            settings=2,
            batch=run.batch,
        )
        self._key = key

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
            with _drawn_by(draw, layers):
                for _ in range(2):
                    found.clear()
                    outputs = net(x)
                    loss = objective.loss(outputs, t)
                    roots = [v for v in (loss, *[p(net) for p in run.penalties]) if v.__class__ is Value]
                    seen.append(repr([(v.op and v.op.name, v.data) for v in topological_order(roots)]))
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

    def _row(self, x: Any, t: Any) -> list[float]:
        """An example as numbers: its inputs, then its target."""
        return [*_numbers(x), *_numbers(self._target(t))]

    def _target(self, t: Any) -> Any:
        """The target as numbers that a trace can hold: for a class its probabilities."""
        run = self._run
        if run.objective.target is class_target and not isinstance(t, list):
            return [float(k == t) for k in range(self._width)]
        return t

    def _network(self, ps: Sequence[Any]) -> Any:
        """The network with other numbers in the places of the parameters that move."""
        net, optimizer = self._run.net, self._run.optimizer
        moved = dict(zip([optimizer.parameters[k] for k in self._moving], ps))
        own, rebuild = net._flatten()
        return rebuild([moved[p] if p in moved else Value(self._still[p]) for p in own])

    def _like(self) -> tuple[Any, Any]:
        """The first example and its target, in whose shapes a row of numbers is read."""
        examples = self._run.examples
        return examples.X[0], self._target(examples.y[0])

    def _loss(self, ps: list[Any], example: list[Any]) -> Any:
        masks = iter(example[self._first_mask :])
        layers = {layer for layer, _ in self._masks}
        with _drawn_by(lambda layer, count: [next(masks) for _ in range(count)], layers):
            loss, outputs = _of_one_example(self._network(ps), self._run.objective.loss, self._like(), example)
        return (loss, outputs) if self._run.metrics else loss

    def _penalty(self, ps: list[Any]) -> Any:
        net = self._network(ps)
        first, *more = [penalty(net) for penalty in self._run.penalties]
        for penalty in more:
            first = first + penalty
        return first

    def _cut(self, g: Any) -> Any:
        limit = self._run.clip_value
        return g if limit is None else clip(g, -limit, limit)

    def _square(self, g: Any) -> Any:
        return square(self._cut(g))

    def _update(self, fixed: dict[str, Any]) -> Callable[..., Any]:
        update, most = type(self._run.optimizer).update, self._run.clip_norm

        def step(p: Any, g: Any, slots: list[Any], settings: list[Any]) -> Any:
            g = self._cut(g)
            lr, count, *squares = settings
            if most is not None:
                g = g * norm_factor(squares[0], most)
            return update(p, g, tuple(slots), step=count, lr=lr, **fixed)

        return step

    # Running -------------------------------------------------------------------------------------------------------------

    def run_epoch(self, bar: Bar, told: Callable[[], None] | None) -> None:
        """What is left of the epoch, or as much as there is until someone asks to stop."""
        run = self._run
        run.check(self._losses())
        while run.update < run.updates and not run.stop:
            self._prepare()
            self._run_updates(bar, run.updates - run.update if told is None else 1)
            if told is not None:
                told()
            if run.interrupted:
                run.optimizer.zero_grad()
                raise KeyboardInterrupt

    def _losses(self) -> Iterator[Value]:
        """The losses of the examples of a batch, of the first ones of a large batch, in eager mode, one after the other."""
        run = self._run
        with _drawn_by(lambda layer, count: [1.0] * count, {layer for layer, _ in self._masks}):
            for i in run.order[: min(run.batch, LOOKED_AT)]:
                outputs = run.net(run.examples.X[i])
                yield run.objective.loss(outputs, run.examples.y[i])

    def _run_updates(self, bar: Bar, most: int) -> None:
        """So many updates, or fewer if someone asks to stop."""
        run, loop = self._run, self._loop
        optimizer, batch = run.optimizer, run.batch
        order = run.chosen(most)
        loop.parameters[:] = [optimizer.parameters[k].data for k in self._moving]
        for s, column in enumerate(loop.slots):
            column[:] = [optimizer.states[k][s] for k in self._moving]
        before = run.random.getstate()
        self._draw(order)
        counts = [len(order[i : i + batch]) for i in range(0, len(order), batch)]
        rates = [run.rate(run.update + u) for u in range(len(counts))]
        settings = [[rate, optimizer.steps + 1.0 + u] for u, rate in enumerate(rates)]
        shown = done = 0

        def between(steps: int) -> bool:
            nonlocal shown, done
            bar.update(steps - shown)
            shown = done = steps
            return run.interrupted or run.stop

        losses = loop.run(order, settings=settings, between=between)[0].tolist()
        for k, x, g in zip(self._moving, loop.parameters.tolist(), loop.gradients.tolist()):
            optimizer.parameters[k].data, optimizer.parameters[k].grad = x, g
        run.clip()
        states = list(optimizer.states)
        for k, *state in zip(self._moving, *loop.slots.tolist()):
            states[k] = tuple(state)
        optimizer.states, optimizer.steps = states, optimizer.steps + done
        optimizer.lr = rates[done - 1]
        for x, n in zip(losses[:done], counts):  # one by one, so that it is the same in however many parts
            run.summed += x * n
        if run.metrics:
            run.predicted += [self._prediction(o) for o in loop.outputs[0][: sum(counts[:done])].tolist()]
        run.update += done
        if done < len(counts) and self._masks:  # the generator, as it was after the last update that was made
            run.random.setstate(before)
            self._draw(order[: sum(counts[:done])])

    def _draw(self, order: Sequence[int]) -> None:
        """Masks for the examples to come, drawn as eager mode would."""
        if self._masks:
            for i in order:
                masks = [factor for layer, count in self._masks for factor in layer.draw(count)]
                self._loop.examples[i, self._first_mask :] = masks

    def _prediction(self, outputs: list[float]) -> Any:
        return self._run.objective.prediction(outputs if self._listed else outputs[0])

    def evaluated(self, X: Sequence[Any], y: Sequence[Any]) -> tuple[float, list[Any]]:
        """(the sum of the losses, the predictions) of examples, in evaluation mode."""
        if self._evaluate is None:  # it reads what it needs, not the Run, in which something always changes
            net, loss, like = self._run.net, self._run.objective.loss, self._like()

            def one(ps: Any, row: Any) -> Any:
                _, rebuild = net._flatten()
                found, outputs = _of_one_example(rebuild(ps), loss, like, row)
                return [found, *outputs]

            self._evaluate = jit(vmap(one, in_axes=(None, 0)))
        import numpy as np

        if id(X) not in self._tables:
            self._tables[id(X)] = X, np.array([self._row(x, t) for x, t in zip(X, y)])
        ps = np.array([p.data for p in self._run.net._flatten()[0]])
        found = _compiled(self._evaluate, ps, self._tables[id(X)][1])
        predicted = [self._prediction(row[1:]) for row in found] if self._run.metrics else []
        return sum([row[0] for row in found]), predicted


def _compiled(compiles: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What a function that compiles returns; where it raises, whatever that is, the training has to be eager."""
    try:
        return compiles(*args, **options)
    except ImportError:
        raise
    except Exception as error:
        raise UnsupportedError(f"{error}" or type(error).__name__) from error


def _of_one_example(net: Any, loss: Any, like: tuple[Any, Any], row: Sequence[Any]) -> tuple[Value, list[Any]]:
    """(loss, outputs) of one row."""
    rest = iter(row)
    outputs = net(_like(like[0], rest))
    found = loss(outputs, _like(like[1], rest))
    return found, _numbered(outputs)


def _numbered(outputs: Any) -> list[Any]:
    """Outputs as a list of numbers; [] of those that are another tree, which are for the loss alone."""
    listed = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    numbers = [y.item() if getattr(y, "shape", None) == () else y for y in listed]
    return numbers if all(y.__class__ is Value or isinstance(y, (int, float)) for y in numbers) else []


@contextlib.contextmanager
def _drawn_by(draw: Callable[[Dropout, int], list[Any]], layers: Iterable[Dropout]) -> Iterator[None]:
    """While it is open, Dropouts get their masks from a function of (layer, how many)."""
    for layer in layers:
        layer.__dict__["draw"] = partial(draw, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.__dict__["draw"]


def _numbers(x: Any, depth: int = 0) -> list[float]:
    """The numbers of nested lists, in order."""
    if depth > DEEPEST:
        raise UnsupportedError(
            f"an example of more than {DEEPEST} levels, or one that contains itself, needs eager mode"
        )
    if isinstance(x, (list, tuple)):
        return [n for e in x for n in _numbers(e, depth + 1)]
    if not hasattr(x, "__float__"):
        raise UnsupportedError(f"{shown(x)} among the examples needs eager mode")
    return [float(x)]


def _like(x: Any, rest: Iterator[Any]) -> Any:
    """The next numbers, in the nested lists of `x`."""
    if isinstance(x, (list, tuple)):
        return [_like(e, rest) for e in x]
    return next(rest)
