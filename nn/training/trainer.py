"""Trainer: a training that can be stopped, saved and resumed with the same bits.

The unit of training is one update: a batch (or `accumulate` of them), its gradient, one step of the optimiser. Between
two updates a Trainer is whole: `state()` there holds all that the rest of the training depends on. What runs an epoch
is a `backend`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf, isfinite
from random import Random, SystemRandom

from engine import Value
from engine.arguments import checked, flag, function, whole
from engine.assignment import assign

from ..blocks import Dropout
from ..module import Module
from ..optim import Optimiser
from ..schedules import Schedule
from .backend import Backend
from .checkpoint import TrainingState, checked_state, state_of, with_keys
from .console import Bar, bar, flagged_interrupt, warn
from .early_stopping import Best, EarlyStopping, early_stop, has_ended, monitored, waited
from .examples import Examples
from .metrics import Metric, measured
from .objective import Objective
from .privacy import Privacy, Spent, epsilon
from .run import Heard, OfRun
from .settings import CHECKS, TrainerSettings, calls, takes
from .stored import check_part

History = dict[str, list[float]]


class Trainer:
    """A training: what `fit` runs, with everything that it depends on.

    Args:
        net: a Module.
        X, y: examples and targets; or, see mesh, what gives both part by part, and None.
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
        private: an `nn.Privacy`: how little one example may say (DP-SGD). The history has "epsilon" then, what the
            training has spent; batches are of any size, `batch_size` on average, and a penalty, which reads no example,
            costs nothing.
        progress: whether to show a bar.
        backend: "eager"; "jit" for native code, many thousand times faster (the extra jit; the last digits of a sum may
            differ; a callback on_batch_end costs a return to Python after each update; what callbacks change in the net,
            the penalties, the optimiser and here counts as in eager mode, but plain numbers that the loss or the net
            reads from elsewhere are fixed when it compiles); "numpy" for the same in matrices, where there is no LLVM;
            "xla" for the same on what JAX finds, a GPU, a TPU or the processor (the extra xla), with a line that says which;
            "auto" for jit where it is installed, else NumPy, as long as all compiles, else eager, with a line that says
            which and why.
        threads: how many threads share the loops of native code where an update takes some 0.1 ms or more; "auto": as
            many as this process has cores. The weights are the same to the last bit for any number. Eager mode has one.
        dtype: the numbers that compiled code computes in, "float64" or "float32"; None: "float64", and "float32" with "xla",
            as is usual there. Eager mode has float64 alone.
        mesh: with "xla", the devices that share the examples of each batch, of this process and of those that joined by
            `jax.distributed`: how many, "all", or a `jax.sharding.Mesh`. Every process makes the same calls, with the same
            examples; of NumPy's arrays, np.memmap's too, it reads its own rows of each batch: of n devices, d takes the
            d-th n-th of it, shuffled as on one device, and of a last batch that n does not divide all take the rest. Or each
            gives examples of its own: X is a function of the epoch, from 0, that returns an iterator of parts (X, y), and y
            is None. It is read once to count it, then once an epoch, in its own order; of each batch every process gives as
            many rows. What differs from process to process is refused in all of them; `nn.save` with the Trainer writes in
            the first.

    Attributes:
        net, optimizer, objective, examples: what is trained, how, what for, and on what.
        epochs: how many epochs there are to be; it may be raised to go on.
        batch_size, accumulate: as given; a change counts from the next epoch on.
        epoch: how many are done.
        update: how many updates of the present epoch are done.
        history: the dict that `fit` returns.
        seed: the seed.
        random: the generator, the only source of randomness.
        stop: set it to end the training after this update.
        interrupted: whether Ctrl-C ended the last run.
        epsilon, spent: of a private training, up to the latest update.
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
    epochs: int = checked(CHECKS["epochs"])
    batch_size: int | None = checked(CHECKS["batch_size"])
    accumulate: int = checked(CHECKS["accumulate"])
    progress: bool = checked(CHECKS["progress"])
    clip_value = OfRun[float | None](CHECKS["clip_value"])
    clip_norm = OfRun[float | None](CHECKS["clip_norm"])
    stop = OfRun[bool](flag)
    schedule = OfRun[Schedule | None](lambda who, name, x: None if x is None else function(who, name, x))
    net = OfRun[Module]()
    objective = OfRun[Objective]()
    optimizer = OfRun[Optimiser]()
    examples = OfRun[Examples]()
    penalties = OfRun[list[Callable[[Module], Value]]]()
    metrics = OfRun[dict[str, Metric]]()
    lr = OfRun[float]()
    seed = OfRun[int]()
    random = OfRun[Random]()
    epoch = OfRun[int]()
    update = OfRun[int]()
    interrupted = OfRun[bool]()

    @takes(TrainerSettings)
    def __init__(self, settings: TrainerSettings) -> None:
        if settings.mesh is None or settings.backend != "xla":  # which is refused there
            self._make(settings)
        else:
            from engine.compiler import together

            from .processes import asked_for, check_alike, common_seed

            if settings.seed is None:
                settings.seed = common_seed(SystemRandom().getrandbits(32 if settings.private is None else 128))
            with together(settings.who):
                self._make(settings)
            check_alike(settings.who, asked_for(self._run, self.epochs))
        self._backend = Backend(self._run, settings, self.progress, self.writes)

    def _make(self, settings: TrainerSettings) -> None:
        self._run = run = settings.run(settings.who)
        if run.mesh is not None and run.examples.stream is None:
            check_part(run.examples.X, run.examples.y, run.mesh.process, run.mesh.processes)
        self.epochs, self.batch_size, self.accumulate = settings.epochs, settings.batch_size, settings.accumulate
        self.progress = settings.progress and self.writes
        self._callbacks = calls(settings.who, settings.callbacks)
        self.early_stopping = early_stop(settings.who, settings.early_stopping)
        names = ["loss", *run.metrics]
        if run.examples.held is not None:
            names += [f"val_{name}" for name in names]
        self._monitored = (
            "" if self.early_stopping is None else monitored(self.early_stopping, names, bool(run.private))
        )
        names += ["epsilon"] * (run.private is not None)
        self.history: History = {name: [] for name in ("epoch", *names)}
        self.best: Best | None = None
        self._ending = False  # whether a state was loaded in which the training had ended early
        self._bar: Bar = Bar()

    # Running ---------------------------------------------------------------------------------------------------------

    def run(self) -> History:
        """Train on, up to `epochs`, and return the history."""
        run = self._run
        self.stop, self._ending, self.interrupted, run.heard = self._ending, False, False, Heard()
        self._watched = any(hasattr(c, "on_batch_end") for c in self._callbacks)
        if run.mesh is not None:
            from engine.compiler import anyone

            from .processes import check_alike, reached

            check_alike(run.who, reached(run))
            self._watched = anyone(self._watched)  # each update is one of all
        if self.early_stopping and not self.stop and waited(self.best, self.epoch) >= self.early_stopping.patience:
            self.best = None  # asked to go on after an early stop
        lent = [(m, m.rng) for _, m in self.net.named_modules() if isinstance(m, Dropout)]
        for dropout, _ in lent:
            dropout.rng = self.random
        self._call("on_train_begin")
        try:
            updates = self._run.updates
            done = self.epoch * updates + self.update
            shown = bar(self.progress, total=self.epochs * updates, initial=done, unit="update")
            with flagged_interrupt(run if run.mesh is None else run.heard), shown as self._bar:
                while self.epoch < self.epochs and not self.stop:
                    self._run_epoch()
        except KeyboardInterrupt:
            self.interrupted = True
            where = f"after update {self.update} of {self._run.updates} in epoch {self.epoch + 1}"
            spent = "" if self._run.private is None else f", at ε = {self.epsilon:.4g}"
            print(
                f"\n{self._run.who}: interrupted {where}; the network keeps what it has learned{spent}", file=sys.stderr
            )
        finally:
            self._bar = Bar()
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
        run = self._run
        if not run.begun:
            run.begin_epoch(self.batch_size, self.accumulate)
        elif run.update == run.updates:  # saved after its last update: the rate was that update's
            run.optimizer.lr = run.rate(run.update - 1)
        run.net.train()
        told = partial(self._call, "on_batch_end") if self._watched else None
        self._backend.run(lambda training: training.run_epoch(self._bar, told))
        if not run.stop:
            self._end_epoch()

    def _end_epoch(self) -> None:
        run, examples = self._run, self.examples
        order, summed, predicted = run.order, run.summed, run.predicted
        if not order:  # by chance a private training took no example
            order = examples.trained
            summed, predicted = self._evaluated([examples.X[i] for i in order], [examples.y[i] for i in order])
        row: dict[str, float] = {"epoch": run.epoch + 1, "loss": summed / len(order)}
        true = [examples.y[i] for i in order] if run.metrics else []
        row.update(measured(run.metrics, run.objective, true, predicted))
        if examples.held is not None:
            X, y = examples.held
            summed, predicted = self._evaluated(X, y)
            held = {"loss": summed / len(X), **measured(self.metrics, self.objective, y, predicted)}
            row.update({f"val_{name}": x for name, x in held.items()})
        if run.private is not None:
            row["epsilon"] = self.epsilon
        for name, x in row.items():
            self.history[name].append(x)
        run.end_epoch()
        self._bar.set_postfix_str(", ".join(f"{name} {x:.4g}" for name, x in row.items() if name != "epoch"))
        if not isfinite(row["loss"]):
            self.stop = True
            warn(
                RuntimeWarning,
                f"{run.who} stopped in epoch {self.epoch}, whose loss is {row['loss']}; "
                f"try a smaller learning rate,{' clip_norm=1.0,' * (run.private is None)} or scaled inputs",
            )
        if self.early_stopping is not None:
            self._judge(self.early_stopping, row[self._monitored])
        self._call("on_epoch_end")
        if run.mesh is not None:
            from .processes import check_alike, settings_of

            check_alike(run.who, settings_of(run, self.epochs, (self.batch_size, self.accumulate)))
        if self.interrupted:
            raise KeyboardInterrupt

    def _evaluated(self, X: Sequence[object], y: Sequence[object]) -> tuple[float, list[object]]:
        """(the sum of the losses, the predictions) of examples, as the network is now."""
        self.net.eval()
        found = self._backend.run(lambda training: training.evaluated(X, y))
        self.net.train()
        return found

    @property
    def writes(self) -> bool:
        """Whether this process writes files and says how far it is: of a mesh of several the first."""
        return self._run.mesh is None or self._run.mesh.process == 0

    @property
    def private(self) -> Privacy | None:
        """How much one example may say, as given."""
        return self._run.private

    @property
    def spent(self) -> list[Spent]:
        """What a private training has spent: (the probability of an example, the noise, how many updates), one after the other."""
        return list(self._run.spent)

    @property
    def epsilon(self) -> float:
        """ε of a private training up to its latest update, as `nn.Privacy` explains it; infinite of another."""
        private = self._run.private
        return inf if private is None else epsilon(self._run.spent, private.delta)

    # Early stopping --------------------------------------------------------------------------------------------------

    def _judge(self, stopping: EarlyStopping, x: float) -> None:
        if self.best is None or stopping.better(x, self.best["value"]):
            self.best = {"epoch": self.epoch, "value": x, "parameters": list(self.net.state().values())}
        elif waited(self.best, self.epoch) >= stopping.patience:
            self.stop = True

    def _over(self) -> bool:
        """Whether nothing is left to do, so that the best weights are wanted; a paused training keeps its latest."""
        stopping = self.early_stopping
        if stopping is None or not stopping.restore or self.update or self.interrupted:
            return False
        return self.epoch >= self.epochs or has_ended(stopping, self.best, self.history)

    # State -----------------------------------------------------------------------------------------------------------

    def state(self) -> TrainingState:
        """All that the rest of the training depends on but data and arguments: dicts and lists of numbers and strings.

        A Trainer made with the same arguments that loads it goes on with the same bits.
        """
        return state_of(self._run, self.history, self.best)

    def load_state(self, state: Mapping[str, object]) -> None:
        """Go on from a `state` of a Trainer with the same arguments and data.

        Raises:
            TypeError: state is no dict, or something in it is of another kind.
            ValueError: it is of another network, optimiser, data or list of metrics, or of no training at all; nothing is
                changed then.
        """
        assign(*self._loaded(state))

    def _loaded(self, given: object) -> tuple[list[Value], list[float], list[tuple[object, str, object]]]:
        """What a state sets, all of it checked: (parameters, their numbers, the attributes of Trainer and optimiser)."""
        who = "load_state of Trainer"
        state = with_keys(who, given, self.state())
        parameters, numbers = self.net._loaded(state["net"])
        seed, examples = whole(who, "seed", state["seed"], most=inf), self.examples
        if seed != self.seed:
            examples = examples.divided(Random(seed))
        found = checked_state(who, state, self._run, examples, len(numbers))
        run = {**found._asdict(), "seed": seed, "examples": examples, "sizes": (self.batch_size, self.accumulate)}
        own = {"history": run.pop("history"), "best": run.pop("best")}
        own["_ending"] = has_ended(self.early_stopping, found.best, found.history)
        sets = self.optimizer._loaded(state["optimizer"])
        if self.schedule is not None:  # else the optimiser's own is what callbacks have made of it
            sets.append((self.optimizer, "lr", found.lr))
        sets += [(self, name, x) for name, x in own.items()] + [(self._run, name, x) for name, x in run.items()]
        return parameters, numbers, sets

    def __repr__(self) -> str:
        return f"Trainer(epoch {self.epoch} of {self.epochs}, loss={self.objective.name}, {self.optimizer!r})"

    # Around it -------------------------------------------------------------------------------------------------------

    def _call(self, event: str) -> None:
        if self._run.mesh is None:
            self._call_here(event)
        else:
            from .processes import call_in_all

            call_in_all(self._run, partial(self._call_here, event))

    def _call_here(self, event: str) -> None:
        for callback in self._callbacks:
            method = getattr(callback, event, callback if event == "on_epoch_end" and callable(callback) else None)
            if method is not None:
                method(self)
