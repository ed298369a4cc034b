"""Trainer: a training that can be stopped, saved and resumed with the same bits.

The unit of training is one update: a batch (or `accumulate` of them), its gradient, one step of the optimiser. Between
two updates a Trainer is whole: `state()` there holds all that the rest of the training depends on. What an epoch runs
is in `eager` and `native`.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from math import ceil, inf, isfinite
from typing import TYPE_CHECKING, Any

from engine import Value
from engine.arguments import checked, flag, function, named, whole
from engine.assignment import assign

from ..blocks import Dropout
from ..clipping import clipped_by_norm, clipped_by_value
from ..module import Module
from ..schedules import SCHEDULES
from .caller import stacklevel
from .checkpoint import check_keys, checked_state, generator_state
from .dependence import check_dependence, check_penalties
from .eager import EagerTraining
from .early_stopping import EarlyStopping, calls, chosen, early_stop, limit, monitored, optimiser, penalties
from .examples import Examples
from .interruption import flagged_interrupt
from .metrics import measured, measures
from .objective import Objective, objective
from .progress import NoBar, bar, compiling

if TYPE_CHECKING:
    from .native import NativeTraining

History = dict[str, list[Any]]


class Trainer:
    """A training: what `fit` runs, with everything that it depends on.

    Args:
        net: a Module.
        X, y: examples and targets.
        loss: a name from `nn.losses.LOSSES`, or a function (outputs, target) -> Value for one example.
        optimizer: a name from `nn.optim.OPTIMISERS`, an Optimiser of the net's parameters, or a function of the net
            that makes one; None for Adam(net, lr=0.01). Parameters that it does not hold stay as they are.
        epochs: how many times each example is used, from 1.
        batch_size: examples in a batch; None for all at once. The last batch of an epoch may be smaller.
        seed: an int for shuffling, splitting and Dropout; None for a fresh one, kept in `seed`.
        validation: a part of the examples to hold out, such as 0.2, or (X, y); None for none.
        metrics: a dict name -> function(true, predicted), or "accuracy". Predictions are classes for losses of classes,
            else outputs: scikit-learn's metrics work.
        callbacks: each is called with the Trainer after every epoch: a function, or an object with any of the methods
            on_train_begin, on_batch_end, on_epoch_end, on_train_end. `trainer.stop = True` in one ends the training.
        early_stopping: how many epochs without improvement to wait, or an `EarlyStopping`. After the last epoch the
            best weights are restored.
        schedule: a name from `nn.schedules.SCHEDULES`, or a function of time in epochs that returns the factor on the
            optimiser's learning rate.
        accumulate: how many batches make one update; like batches so many times larger, in less memory.
        clip_value: each gradient is cut to ±this.
        clip_norm: the gradient is scaled down to at most this length.
        penalty: a function of the net that returns a Value to add to the loss, such as nn.l2(1e-4); or a list of them.
        progress: whether to show a bar.
        backend: "eager"; "jit" for native code, many thousand times faster (the extra jit; the last digits of a sum may
            differ; a callback on_batch_end costs a return to Python after each update; what callbacks change in the net,
            the penalties, the optimiser and here counts as in eager mode, but plain numbers that the loss or the net
            reads from elsewhere are fixed when it compiles); "auto" for jit where it is installed and as long as all
            compiles, else eager with a line that says why.

    Attributes:
        net, optimizer, objective: what is trained, how, and what for.
        epochs: how many epochs there are to be; it may be raised to go on.
        batch_size, accumulate: as given; a change counts from the next epoch on.
        epoch: how many are done.
        update: how many updates of the present epoch are done.
        history: the dict that `fit` returns.
        seed: the seed.
        random: the generator, the only source of randomness.
        stop: set it to end the training after this update.
        interrupted: whether Ctrl-C ended the last run.
        best: with early stopping the best epoch so far: {"epoch", "value", "parameters"}.

    Raises:
        ValueError, TypeError: an argument is not one of these.

    >>> import nn
    >>> net = nn.MLP(1, [1], seed=0)
    >>> trainer = nn.Trainer(net, [[0], [1]], [1, 3], loss="mse", optimizer="sgd", epochs=3, seed=0, progress=False)
    >>> half = trainer.state()
    >>> trainer.run()["epoch"], trainer.epoch
    ([1, 2, 3], 3)
    >>> trainer.load_state(half)
    >>> trainer.epoch
    0
    """

    # What a callback may change while it runs.
    epochs: int = checked(lambda who, name, x: whole(who, name, x, least=1))
    batch_size: int | None = checked(lambda who, name, x: None if x is None else whole(who, name, x, least=1))
    accumulate: int = checked(lambda who, name, x: whole(who, name, x, least=1))
    clip_value: float | None = checked(limit)
    clip_norm: float | None = checked(limit)
    progress: bool = checked(flag)
    stop: bool = checked(flag)
    schedule: Any = checked(lambda who, name, x: None if x is None else function(who, name, x))

    def __init__(
        self,
        net: Module,
        X: Any,
        y: Any,
        *,
        loss: Any,
        optimizer: Any = None,
        epochs: int = 10,
        batch_size: int | None = 32,
        seed: int | None = None,
        validation: Any = None,
        metrics: Any = None,
        callbacks: Any = (),
        early_stopping: int | EarlyStopping | None = None,
        schedule: Any = None,
        accumulate: int = 1,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        penalty: Any = None,
        progress: bool = True,
        backend: str = "eager",
        who: str = "fit",
    ) -> None:
        self._who = who
        if not isinstance(net, Module):
            hint = "; train it by its own train, or pass its model" if hasattr(net, "model") else ""
            raise TypeError(f"{who} takes a Module as net, got {net!r:.60}{hint}")
        named(who, "backend", backend, ("eager", "jit", "auto"))
        self.net = net
        self.objective: Objective = objective(who, loss)
        self.epochs = whole(who, "epochs", epochs, least=1)
        self.batch_size = None if batch_size is None else whole(who, "batch_size", batch_size, least=1)
        self.accumulate = whole(who, "accumulate", accumulate, least=1)
        self.clip_value = limit(who, "clip_value", clip_value)
        self.clip_norm = limit(who, "clip_norm", clip_norm)
        self.progress = flag(who, "progress", progress)
        self.metrics = measures(who, metrics, self.objective)
        self._callbacks = calls(who, callbacks)
        self.penalties = penalties(who, penalty)
        self.seed = random.SystemRandom().getrandbits(32) if seed is None else whole(who, "seed", seed, most=inf)
        self.optimizer = optimiser(who, optimizer, net)
        self.lr = self.optimizer.lr
        self.schedule = chosen(who, "schedule", schedule, SCHEDULES, self.epochs)
        self.early_stopping = early_stop(who, early_stopping)

        self._examples = Examples(who, net, self.objective, X, y, validation)
        self._validated = validation is not None
        stopping = self.early_stopping
        self._monitored = "" if stopping is None else monitored(stopping, self._names()[1:])
        self._begin()
        check_penalties(who, net, self.penalties)
        self._checked = False  # whether the loss was seen to depend on what is trained
        self._backend = backend
        self._native: NativeTraining | None = None
        if backend != "eager":
            self._compile()

    def _compile(self) -> None:
        from .native import NativeTraining

        try:
            with compiling(self.progress):
                self._native = NativeTraining(self)
        except Exception as error:
            self._fall_back(error)

    def _fall_back(self, error: Exception) -> None:
        """To eager mode, if that is allowed, with a line that says why; what is wrong in it, too, is told there."""
        if self._backend == "jit":
            from .native import UnsupportedError

            if isinstance(error, (ImportError, UnsupportedError)):
                raise type(error)(f"{self._who} takes backend='jit' where all compiles: {error}") from error
            raise error
        self._native = None
        print(f"{self._who} trains in eager mode: {error}", file=sys.stderr)

    def _by(self, part: Callable[[EagerTraining | NativeTraining], Any]) -> Any:
        """What a training answers: a compiled one, or, where it does not compile any more, an eager one."""
        if self._native is not None:
            from .native import UnsupportedError

            try:
                return part(self._native)
            except UnsupportedError as error:
                self._fall_back(error)
        return part(EagerTraining(self))

    def _begin(self) -> None:
        """The state before the first update, by the seed."""
        self.random = random.Random(self.seed)
        self._examples.divide(self.random)
        self.epoch = self.update = 0
        self.history: History = {name: [] for name in self._names()}
        self.best: dict[str, Any] | None = None
        self.stop = self.interrupted = False
        self._ending = False  # whether a state was loaded in which the training had ended early
        self._sizes = self.batch_size, self.accumulate  # those of the epoch: a change counts from the next one on
        self._order: list[int] = []
        self._sum = 0.0  # of the losses of this epoch's examples
        self._predicted: list[Any] = []
        self._shown: Any = NoBar()

    # Running ---------------------------------------------------------------------------------------------------------

    def run(self) -> History:
        """Train on, up to `epochs`, and return the history."""
        self.stop, self._ending, self.interrupted = self._ending, False, False
        if self.early_stopping and not self.stop and self._waited() >= self.early_stopping.patience:
            self.best = None  # asked to go on after an early stop
        lent = [(m, m.rng) for _, m in self.net.named_modules() if isinstance(m, Dropout)]
        for dropout, _ in lent:
            dropout.rng = self.random
        self._call("on_train_begin")
        try:
            updates = self._updates()
            shown = bar(self.progress, self.epochs * updates, self.epoch * updates + self.update)
            with flagged_interrupt(self), shown as self._shown:
                while self.epoch < self.epochs and not self.stop:
                    self._run_epoch()
        except KeyboardInterrupt:
            self.interrupted = True
            done = f"after update {self.update} of {self._updates()} in epoch {self.epoch + 1}"
            print(f"\n{self._who}: interrupted {done}; the network keeps what it has learned", file=sys.stderr)
        finally:
            self._shown = NoBar()
            for dropout, rng in lent:
                dropout.rng = rng
            if self.schedule is not None:
                self.optimizer.lr = self.lr
            self.net.eval()
        if self.best is not None and self._over():
            assign([p for _, p in self.net.named_parameters()], self.best["parameters"])
        self._call("on_train_end")
        return self.history

    def _run_epoch(self) -> None:
        if not self._order:
            self._sizes = self.batch_size, self.accumulate
            self._order = self._shuffled()
            self._sum, self._predicted = 0.0, []
        self.net.train()
        self._by(lambda training: training.run_epoch())
        if not self.stop:
            self._end_epoch()

    def _shuffled(self) -> list[int]:
        if self._updates() == self._sizes[1] == 1:
            return list(self._examples.trained)  # one batch holds all: the order says nothing
        return self._examples.shuffled(self.random)

    def _updates(self) -> int:
        """Updates in an epoch."""
        count, (size, batches) = len(self._examples.trained), self._sizes
        return ceil(count / ((size or count) * batches))

    def _check(self, losses: Iterable[Value]) -> None:
        """Once, on losses of the first batch: do they depend on what is trained?"""
        frozen = self.optimizer.frozen()
        trained = [p for p in self.optimizer.parameters if p not in frozen]
        if not self._checked and trained:
            check_dependence(self._who, self.net, trained, losses)
            self._checked = True

    def _clip(self) -> None:
        """Cut gradients by value, then by norm, those of frozen parameters aside."""
        if self.clip_value is None and self.clip_norm is None:
            return
        frozen = self.optimizer.frozen()
        moving = [p for p in self.optimizer.parameters if p not in frozen]
        gradients = [p.grad for p in moving]
        if self.clip_value is not None:
            gradients = clipped_by_value(gradients, self.clip_value)
        if self.clip_norm is not None:
            gradients = clipped_by_norm(gradients, self.clip_norm)
        for p, g in zip(moving, gradients):
            p.grad = g

    def _end_epoch(self) -> None:
        row: dict[str, Any] = {"epoch": self.epoch + 1, "loss": self._sum / len(self._order)}
        truth = [self._examples.y[i] for i in self._order]
        row.update(measured(self.metrics, self.objective, truth, self._predicted))
        if self._examples.held is not None:
            X, y = self._examples.held
            self.net.eval()
            summed, predicted = self._by(lambda training: training.evaluated(X, y))
            held = {"loss": summed / len(X), **measured(self.metrics, self.objective, y, predicted)}
            row.update({f"val_{name}": x for name, x in held.items()})
            self.net.train()
        for name, x in row.items():
            self.history[name].append(x)
        self.epoch += 1
        self.update, self._order, self._predicted = 0, [], []
        self._shown.set_postfix_str(", ".join(f"{name} {x:.4g}" for name, x in row.items() if name != "epoch"))
        if not isfinite(row["loss"]):
            self.stop = True
            warnings.warn(
                f"{self._who} stopped in epoch {self.epoch}, whose loss is {row['loss']}; "
                "try a smaller learning rate, clip_norm=1.0, or scaled inputs",
                RuntimeWarning,
                stacklevel=stacklevel(),
            )
        if self.early_stopping is not None:
            self._judge(self.early_stopping, row[self._monitored])
        self._call("on_epoch_end")
        if self.interrupted:
            raise KeyboardInterrupt

    # Early stopping --------------------------------------------------------------------------------------------------

    def _judge(self, stopping: EarlyStopping, x: float) -> None:
        if self.best is None or stopping.better(x, self.best["value"]):
            self.best = {"epoch": self.epoch, "value": x, "parameters": list(self.net.state().values())}
        elif self._waited() >= stopping.patience:
            self.stop = True

    def _over(self) -> bool:
        """Whether nothing is left to do, so that the best weights are wanted; a paused training keeps its latest."""
        stopping = self.early_stopping
        if stopping is None or not stopping.restore or self.update or self.interrupted:
            return False
        return self.epoch >= self.epochs or self._waited() >= stopping.patience or self._diverged()

    def _diverged(self) -> bool:
        """Whether the loss of the latest epoch is nan or infinite."""
        return not all(isfinite(x) for x in self.history["loss"][-1:])

    def _waited(self) -> int:
        return 0 if self.best is None else self.epoch - int(self.best["epoch"])

    # State -----------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All that the rest of the training depends on but data and arguments: dicts and lists of numbers and strings.

        A Trainer made with the same arguments that loads it goes on with the same bits.
        """
        return {
            "net": self.net.state(),
            "optimizer": self.optimizer.state(),
            "lr": self.lr,
            "seed": self.seed,
            "random": generator_state(self.random),
            "epoch": self.epoch,
            "update": self.update,
            "order": list(self._order),
            "sum": self._sum,
            "predicted": [list(p) if isinstance(p, list) else p for p in self._predicted],
            "history": {name: list(xs) for name, xs in self.history.items()},
            "best": None if self.best is None else {**self.best, "parameters": list(self.best["parameters"])},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state` of a Trainer with the same arguments and data.

        Raises:
            TypeError: state is no dict, or something in it is of another kind.
            ValueError: it is of another network, optimiser, data or list of metrics, or of no training at all; nothing is
                changed then.
        """
        assign(*self._loaded(state))

    def _loaded(self, state: Any) -> tuple[list[Value], list[float], list[tuple[Any, str, Any]]]:
        """What a state sets, all of it checked: (parameters, their numbers, the attributes of Trainer and optimiser)."""
        who = "load_state of Trainer"
        check_keys(who, state, self.state())
        parameters, numbers = self.net._loaded(state["net"])
        seed, examples = whole(who, "seed", state["seed"], most=inf), self._examples
        if seed != self.seed:
            examples = examples.divided(random.Random(seed))
        found = checked_state(who, state, examples.trained, self._updates(), len(numbers), bool(self.metrics))
        best, epoch = found["best"], found["epoch"]
        waited = 0 if best is None else epoch - best["epoch"]
        diverged = not all(isfinite(x) for x in found["history"]["loss"][-1:])
        stopping = self.early_stopping
        own = {
            **{name: found[name] for name in ("lr", "random", "epoch", "update", "history", "best")},
            "seed": seed,
            "_examples": examples,
            "_sizes": (self.batch_size, self.accumulate),
            "_order": found["order"],
            "_sum": found["sum"],
            "_predicted": found["predicted"],
            "_ending": diverged or (stopping is not None and waited >= stopping.patience),
        }
        sets = self.optimizer._loaded(state["optimizer"])
        if self.schedule is not None:  # else the optimiser's own is what callbacks have made of it
            sets.append((self.optimizer, "lr", found["lr"]))
        return parameters, numbers, sets + [(self, name, x) for name, x in own.items()]

    def __repr__(self) -> str:
        return f"Trainer(epoch {self.epoch} of {self.epochs}, loss={self.objective.name}, {self.optimizer!r})"

    # Around it -------------------------------------------------------------------------------------------------------

    def _names(self) -> list[str]:
        names = ["loss", *self.metrics]
        return ["epoch", *names, *([f"val_{name}" for name in names] if self._validated else [])]

    def _call(self, event: str) -> None:
        for callback in self._callbacks:
            method = getattr(callback, event, callback if event == "on_epoch_end" and callable(callback) else None)
            if method is not None:
                method(self)
