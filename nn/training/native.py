"""Training in native code: what `fit` does with backend="jit".

The network, its loss and the optimiser are traced once and run as one native loop, an epoch at a time. Between two
epochs a Run is as whole as in eager mode: weights, optimiser states and the generator are where they would be, so
that callbacks, early stopping and `state` do not know the difference. Sums run in another order than in eager mode, so
the last digits differ.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from math import ceil, inf, sqrt
from typing import ParamSpec, TypeVar

from engine import TrainingLoop, Value, jit, vmap
from engine.compiler import NoRowError, exact, together

from ..module import in_mode
from ..optim import Optimiser
from ..structure import held
from ..updates import norm_factor
from .console import Bar
from .privacy import Privacy, drawn_noise
from .run import Run, UnsupportedError
from .traced import TracedRun, drawn_by

P = ParamSpec("P")
T = TypeVar("T")
LOOKED_AT = 100  # examples of the first batch that eager mode runs, if so many are needed to see where its loss leads


class _Places:
    """Parameters in the order in which a network holds them: tied otherwise they make another program.

    Args:
        parameters: they; all other Values, such as those that a forward pass keeps, are passed over.
    """

    def __init__(self, parameters: Iterable[Value]) -> None:
        self._parameters = set(parameters)
        self.met: list[Value] = []

    def meet(self, values: Iterable[Value]) -> None:
        """These are there."""
        self.met += [v for v in values if v in self._parameters]

    def hold(self, x: object) -> bool:
        """Is it to be gone into?"""
        return True

    def read(self, x: object) -> list[object]:
        """What a function reads is fixed when it compiles."""
        return []

    def is_opaque(self, x: object) -> bool:
        """Is it told by its class alone?"""
        return False


class NativeTraining:
    """The compiled form of a Run.

    Args:
        run: a Run, before or between epochs.
        threads: how many share the loops of a step.
        backend: "llvm"; "numpy" or "xla" for array programs that NumPy or XLA runs.
        dtype: of its numbers; None: as is usual for the backend.

    Raises:
        UnsupportedError: a part of it does not compile.
        ImportError: llvmlite is missing, or JAX for XLA.
    """

    def __init__(self, run: Run, threads: int | str = 1, backend: str = "llvm", dtype: str | None = None) -> None:
        self._run, self._threads, self._backend, self._dtype = run, threads, backend, dtype
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
        still = {p: p.data for p in held(run.net) if p not in moved}
        settings = (
            {name: x for name, x in optimizer.hyperparameters.items() if name != "lr"},
            array("q", moving).tobytes(),
            array("d", still.values()).tobytes(),
            run.sizes,
            (run.clip_value, run.clip_norm),
            run.private and (run.private.clip, run.expected),
            bool(run.metrics),
            tuple(run.objective),
            run.penalties,
            run.net,
        )
        places = _Places(optimizer.parameters)
        key = run.net, optimizer, exact(settings, numbers=False, watch=places), places.met
        if key == self._key:
            return
        self._evaluate, self._tables = None, {}
        self._filled = run.private is not None and self._backend == "xla"  # which compiles every size of a batch
        self._traced = traced = TracedRun(run, moving, still, self._filled)
        table = traced.table()
        private = run.private
        if private is not None and (run.clip_value is not None or run.clip_norm is not None):
            raise UnsupportedError("a private training that cuts gradients twice needs eager mode")
        self._loop = _compiled(
            TrainingLoop,
            traced.loss,
            traced.update(),
            [optimizer.parameters[k].data for k in moving],
            table,
            penalty=traced.penalty if run.penalties else None,
            measure=None if run.clip_norm is None else traced.measure,
            weight=None if private is None else partial(norm_factor, most=private.clip),
            expected=None if private is None else run.expected,
            slots=len(optimizer.initial) + (private is not None),  # the last is the noise
            settings=2,
            batch=run.batch if private is None else None,
            threads=self._threads,
            backend=self._backend,
            dtype=self._dtype,
            mesh=run.mesh,
        )
        self._key = key

    # Running -------------------------------------------------------------------------------------------------------------

    def run_epoch(self, bar: Bar, told: Callable[[], None] | None) -> None:
        """What is left of the epoch, as `EagerTraining` does it."""
        run = self._run
        with (
            together(run.who) if run.examples.stream and not run.checked else nullcontext()
        ):  # which each sees others of
            run.check(self._losses())
        while run.update < run.updates and not run.stop:
            self._prepare()
            most = run.updates - run.update if told is None else 1
            if run.private is None:
                self._run_updates(bar, most)
            else:
                self._run_privately(bar, most, run.private)
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
        optimizer, batch = run.optimizer, run.batch
        order = run.chosen(most)
        self._load()
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
            return run.interrupted or run.stop or run.heard.interrupted

        try:
            losses = self._steps(order, settings, between)
        except BaseException:  # of examples that could not be read: the Run is as it was before
            run.random.setstate(before)
            raise
        run.interrupted = run.interrupted or (loop.ended and not run.stop)
        self._store(loop.gradients.tolist(), done, rates[done - 1])
        run.clip()
        for x, n in zip(losses[:done], counts):  # one by one, so that it is the same in however many parts
            run.summed += x * n
        if run.metrics:
            run.predicted += [self._traced.prediction(o) for o in loop.outputs[0][: sum(counts[:done])].tolist()]
        run.update += done
        if done < len(counts) and self._traced.masks:  # the generator, as it was after the last update that was made
            run.random.setstate(before)
            self._draw(order[: sum(counts[:done])])

    def _run_privately(self, bar: Bar, most: int, private: Privacy) -> None:
        """What `_run_updates` does in a private training: a step after the other, each with its noise, of any size."""
        run, loop, steps = self._run, self._loop, self._run.optimizer.steps
        before, summed, done = run.random.getstate(), run.summed, 0
        predicted: list[object] = []
        self._load()
        try:
            while done < most and not (done and (run.interrupted or run.stop)):
                chosen, rate = run.drawn(done), run.rate(run.update + done)
                self._draw(chosen)
                noise = loop.slots[-1] = drawn_noise(private, len(loop.parameters), run.random) / run.expected
                loop.expected = run.expected if chosen else inf  # by chance there is none
                order = self._filled_up(chosen) if self._filled else chosen or [0]
                (loss,) = self._steps(order, [rate, steps + 1.0 + done], self._is_interrupted)
                run.interrupted = run.interrupted or loop.ended
                summed += loss * len(order) if chosen else 0.0
                if run.metrics:
                    predicted += [self._traced.prediction(o) for o in loop.outputs[0][: len(chosen)].tolist()]
                done += 1
                bar.update()
        except BaseException:
            run.random.setstate(before)
            raise
        self._store((loop.gradients + noise).tolist(), done, rate)
        run.spent, run.summed, run.update = run.spent_after(done), summed, run.update + done
        run.predicted += predicted

    def _steps(
        self,
        order: Sequence[int],
        settings: Sequence[float] | Sequence[Sequence[float]],
        between: Callable[[int], bool],
    ) -> list[float]:
        """The losses of some updates."""
        try:
            losses: list[float] = self._loop.run(order, settings=settings, between=between)[0].tolist()
        except NoRowError as error:
            raise self._refusal(error, self._run.examples.X) or error from None
        return losses

    def _refusal(self, error: BaseException | None, X: Sequence[object]) -> Exception | None:
        """What eager mode raises of the example in which compiled code found an index of no row; None if there is none."""
        if not isinstance(error, NoRowError) or error.example is None or error.example >= len(X):
            return None
        try:
            with drawn_by(lambda layer, count: [1.0] * count, {layer for layer, _ in self._traced.masks}):
                self._run.net(X[error.example])
        except Exception as said:
            return said
        return None

    def _is_interrupted(self, steps: int) -> bool:
        return self._run.heard.interrupted

    def _filled_up(self, chosen: Sequence[int]) -> list[int]:
        """A batch of one of few sizes, which most batches are not longer than."""
        run, count = self._run, len(self._run.examples.X)
        size, shared = (
            ceil(run.expected + 3.0 * sqrt(run.expected * (1.0 - run.sampling))),
            run.mesh.count if run.mesh else 1,
        )
        size = min(count, ceil(size / shared) * shared)
        return [*chosen, *[count] * (min(count, max(1, ceil(len(chosen) / size)) * size) - len(chosen))]

    def _load(self) -> None:
        """Into the loop, the numbers of the network and of the optimiser."""
        loop, optimizer, moving = self._loop, self._run.optimizer, self._traced.moving
        loop.parameters[:] = [optimizer.parameters[k].data for k in moving]
        for s, column in enumerate(loop.slots[: len(optimizer.initial)]):
            column[:] = [optimizer.states[k][s] for k in moving]

    def _store(self, gradients: Sequence[float], done: int, rate: float) -> None:
        """Out of the loop, after so many updates, the last of them at this learning rate."""
        loop, optimizer, moving = self._loop, self._run.optimizer, self._traced.moving
        for k, x, g in zip(moving, loop.parameters.tolist(), gradients):
            optimizer.parameters[k].data, optimizer.parameters[k].grad = x, g
        states = list(optimizer.states)
        for k, *state in zip(moving, *loop.slots[: len(optimizer.initial)].tolist()):
            states[k] = tuple(state)
        optimizer.states, optimizer.steps, optimizer.lr = states, optimizer.steps + done, rate

    def _draw(self, order: Sequence[int]) -> None:
        """Masks for the examples to come."""
        begin = self._traced.columns
        for i, masks in self._traced.drawn(order):
            self._loop.examples[i, begin : begin + len(masks)] = masks

    def evaluated(self, X: Sequence[object], y: Sequence[object]) -> tuple[float, list[object]]:
        """(the sum of the losses, the predictions) of examples, in evaluation mode."""
        import numpy as np

        traced = self._traced
        if self._evaluate is None:
            many = vmap(traced.evaluation(), in_axes=(None, 0))
            self._evaluate = jit(many, backend=self._backend, dtype=self._dtype, threads=self._threads)
        if id(X) not in self._tables:
            self._tables[id(X)] = X, np.array([traced.row(x, t) for x, t in zip(X, y)])
        ps = np.array([p.data for p in self._run.net._flatten()[0]])
        try:
            found = _compiled(self._evaluate, ps, self._tables[id(X)][1])
        except UnsupportedError as error:
            said = self._refusal(error.__cause__, X)
            if said is None:
                raise
            raise said from None
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
