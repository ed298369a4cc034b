"""Training in native code: what `fit` does with backend="jit".

The network, its loss and the optimiser are traced once and run as one native loop, an epoch at a time. Between two
epochs a Run is as whole as in eager mode: weights, optimiser states and the generator are where they would be, so
that callbacks, early stopping and `state` do not know the difference. Sums run in another order than in eager mode, so
the last digits differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ParamSpec, TypeVar

from engine import TrainingLoop, Value, jit, vmap
from engine.compiler import exact

from ..module import in_mode
from ..optim import Optimiser
from .console import Bar
from .run import Run, UnsupportedError
from .traced import TracedRun, drawn_by

P = ParamSpec("P")
T = TypeVar("T")
LOOKED_AT = 100  # examples of the first batch that eager mode runs, if so many are needed to see where its loss leads


class NativeTraining:
    """The compiled form of a Run.

    Args:
        run: a Run, before or between epochs.
        threads: how many share the loops of a step.
        backend: "llvm", or "numpy" for array programs that NumPy runs.

    Raises:
        UnsupportedError: a part of it does not compile.
        ImportError: llvmlite is missing.
    """

    def __init__(self, run: Run, threads: int | str = 1, backend: str = "llvm") -> None:
        self._run, self._threads, self._backend = run, threads, backend
        self._key: object = None
        self._evaluate: Callable[..., list[list[float]]] | None = None
        self._tables: dict[int, tuple[object, object]] = {}  # examples that were evaluated, as arrays
        with in_mode(run.net, True):
            self._prepare()

    # Compiling -----------------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Compile, if what was compiled before is no longer what is trained."""
        run = self._run
        optimizer = run.optimizer
        if type(optimizer).step is not Optimiser.step:
            raise UnsupportedError("an optimiser with a step of its own needs eager mode")
        frozen = optimizer.frozen()
        moving = [k for k, p in enumerate(optimizer.parameters) if p not in frozen]
        moved = {optimizer.parameters[k] for k in moving}
        still = {p: p.data for _, p in run.net.named_parameters() if p not in moved}
        settings = (
            {name: x for name, x in optimizer.hyperparameters.items() if name != "lr"},
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
        self._evaluate, self._tables = None, {}
        self._traced = traced = TracedRun(run, moving, still)
        table = traced.table()
        self._loop = _compiled(
            TrainingLoop,
            traced.loss,
            traced.update(),
            [optimizer.parameters[k].data for k in moving],
            table,
            penalty=traced.penalty if run.penalties else None,
            measure=None if run.clip_norm is None else traced.measure,
            slots=len(optimizer.initial),
            settings=2,
            batch=run.batch,
            threads=self._threads,
            backend=self._backend,
        )
        self._key = key

    # Running -------------------------------------------------------------------------------------------------------------

    def run_epoch(self, bar: Bar, told: Callable[[], None] | None) -> None:
        """What is left of the epoch, as `EagerTraining` does it."""
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
        with drawn_by(lambda layer, count: [1.0] * count, {layer for layer, _ in self._traced.masks}):
            for i in run.order[: min(run.batch, LOOKED_AT)]:
                outputs = run.net(run.examples.X[i])
                yield run.objective.loss(outputs, run.examples.y[i])

    def _run_updates(self, bar: Bar, most: int) -> None:
        """So many updates, or fewer if someone asks to stop."""
        run, loop = self._run, self._loop
        optimizer, batch, moving = run.optimizer, run.batch, self._traced.moving
        order = run.chosen(most)
        loop.parameters[:] = [optimizer.parameters[k].data for k in moving]
        for s, column in enumerate(loop.slots):
            column[:] = [optimizer.states[k][s] for k in moving]
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
        for k, x, g in zip(moving, loop.parameters.tolist(), loop.gradients.tolist()):
            optimizer.parameters[k].data, optimizer.parameters[k].grad = x, g
        run.clip()
        states = list(optimizer.states)
        for k, *state in zip(moving, *loop.slots.tolist()):
            states[k] = tuple(state)
        optimizer.states, optimizer.steps = states, optimizer.steps + done
        optimizer.lr = rates[done - 1]
        for x, n in zip(losses[:done], counts):  # one by one, so that it is the same in however many parts
            run.summed += x * n
        if run.metrics:
            run.predicted += [self._traced.prediction(o) for o in loop.outputs[0][: sum(counts[:done])].tolist()]
        run.update += done
        if done < len(counts) and self._traced.masks:  # the generator, as it was after the last update that was made
            run.random.setstate(before)
            self._draw(order[: sum(counts[:done])])

    def _draw(self, order: Sequence[int]) -> None:
        """Masks for the examples to come."""
        for i, masks in self._traced.drawn(order):
            self._loop.examples[i, self._traced.columns :] = masks

    def evaluated(self, X: Sequence[object], y: Sequence[object]) -> tuple[float, list[object]]:
        """(the sum of the losses, the predictions) of examples, in evaluation mode."""
        import numpy as np

        traced = self._traced
        if self._evaluate is None:
            self._evaluate = jit(vmap(traced.evaluation(), in_axes=(None, 0)), backend=self._backend)
        if id(X) not in self._tables:
            self._tables[id(X)] = X, np.array([traced.row(x, t) for x, t in zip(X, y)])
        ps = np.array([p.data for p in self._run.net._flatten()[0]])
        found = _compiled(self._evaluate, ps, self._tables[id(X)][1])
        predicted = [traced.prediction(row[1:]) for row in found] if self._run.metrics else []
        return sum([row[0] for row in found]), predicted


def _compiled(compiles: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """What a function that compiles returns; where it raises, whatever that is, the training has to be eager."""
    try:
        return compiles(*args, **options)
    except ImportError:
        raise
    except Exception as error:
        raise UnsupportedError(f"{error}" or type(error).__name__) from error
