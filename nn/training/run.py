"""Run: what a training is, as data. Eager and native training take it, move it on, and leave it whole after each update."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil
from operator import attrgetter
from typing import TYPE_CHECKING, Generic, TypeVar

from engine import Value
from engine.arguments import real, shown

from ..arguments import Number
from ..module import Module
from ..optim import Optimiser
from ..schedules import factor
from ..updates import clipped_by_norm, clipped_by_value
from .dependence import check_dependence
from .examples import Examples
from .metrics import Metric
from .objective import Objective
from .privacy import Privacy, Spent, sampled

if TYPE_CHECKING:
    from engine.compiler import Mesh

T = TypeVar("T")
RUN = attrgetter("_run")


class UnsupportedError(ValueError):
    """This training has a part that does not compile; the message names it."""


@dataclass
class Heard:
    """Whether Ctrl-C was pressed."""

    interrupted: bool = False


@dataclass(eq=False)
class Run:
    """A training between two updates.

    Attributes:
        who: the function that was called, for messages.
        net, objective, optimizer, examples: what is trained, what for, how, and on what.
        penalties: functions of the net.
        metrics: functions of (true, predicted), by name.
        schedule: the factor on the learning rate `lr`, a function of time in epochs; None for no schedule.
        clip_value, clip_norm: limits of the gradient, or None.
        private: how much one example may say; None for no limit.
        mesh: the devices that share the examples of a batch; None for one.
        sizes: (examples in a batch, or None for all; batches in an update) of this epoch.
        seed, random: the seed, and the generator that started from it, the only source of randomness.
        epoch, update: how many are done, of the training and of the epoch.
        order: the numbers of the epoch's examples, as they are used; [] before the first update is prepared.
        ends: of a private training, where in the order each update's examples end; its batches are of any size.
        spent: of a private training, (the probability of an example, the noise, how many updates) one after the other.
        summed: the losses of the epoch's examples so far.
        predicted: what was predicted of each, where there are metrics.
        stop, interrupted: whether a callback, or Ctrl-C, asked to end.
        heard: where Ctrl-C is noted before all processes know of it.
        checked: whether the loss was seen to depend on what is trained.
    """

    who: str
    net: Module
    objective: Objective
    optimizer: Optimiser
    examples: Examples
    penalties: list[Callable[[Module], Value]]
    metrics: dict[str, Metric]
    lr: float
    schedule: Callable[[float], object] | None
    clip_value: float | None
    clip_norm: float | None
    sizes: tuple[int | None, int]
    seed: int
    random: random.Random
    private: Privacy | None = None
    mesh: Mesh | None = None
    epoch: int = 0
    update: int = 0
    order: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    spent: list[Spent] = field(default_factory=list)
    summed: float = 0.0
    predicted: list[object] = field(default_factory=list)
    stop: bool = False
    interrupted: bool = False
    heard: Heard = field(default_factory=Heard)
    checked: bool = False

    @property
    def batch(self) -> int:
        """Examples in an update, but for the last one of an epoch."""
        size, batches = self.sizes
        return (size or len(self.examples.trained)) * batches

    @property
    def updates(self) -> int:
        """Updates in an epoch."""
        return ceil(len(self.examples.trained) / self.batch)

    def begin_epoch(self, size: int | None, batches: int) -> None:
        """Choose in what order, and in what batches, the examples are used."""
        self.sizes, self.summed, self.predicted = (size, batches), 0.0, []
        if self.private is not None:
            drawn = [sampled(self.examples.trained, self.sampling, self.random) for _ in range(self.updates)]
            self.order, self.ends = [i for batch in drawn for i in batch], list(accumulate(map(len, drawn)))
            return
        one = self.updates == batches == 1  # one batch holds all: the order says nothing
        self.order = list(self.examples.trained) if one else self.examples.shuffled(self.random)

    def end_epoch(self) -> None:
        """Be before the first update of the next."""
        self.epoch, self.update, self.order, self.ends, self.predicted = self.epoch + 1, 0, [], [], []

    @property
    def begun(self) -> bool:
        """Whether it was chosen what the updates of this epoch use."""
        return bool(self.order or self.ends)

    @property
    def sampling(self) -> float:
        """The probability with which an example is in an update of a private training."""
        return min(1.0, self.batch / len(self.examples.trained))

    def spent_after(self, updates: int) -> list[Spent]:
        """What a private training has spent after so many updates more."""
        noise = 0.0 if self.private is None else self.private.noise
        *before, (rate, last, made) = self.spent or [(self.sampling, noise, 0)]
        if (rate, last) == (self.sampling, noise):
            return [*before, (rate, noise, made + updates)]
        return [*self.spent, (self.sampling, noise, updates)]

    @property
    def expected(self) -> float:
        """How many examples an update of a private training has on average."""
        return self.sampling * len(self.examples.trained)

    def drawn(self, after: int = 0) -> list[int]:
        """The examples of the next update of a private training, or of one so many later."""
        here = self.update + after
        return self.order[self.ends[here - 1] if here else 0 : self.ends[here]]

    def chosen(self, updates: int) -> list[int]:
        """The examples of so many updates from here."""
        return self.order[self.update * self.batch : (self.update + updates) * self.batch]

    def rate(self, update: int) -> float:
        """The learning rate of an update of this epoch."""
        if self.schedule is None:
            return self.optimizer.lr
        return self.lr * factor(self.who, self.schedule(self.epoch + update / self.updates))

    def moving(self) -> list[Value]:
        """The parameters that a step moves."""
        frozen = self.optimizer.frozen()
        return [p for p in self.optimizer.parameters if p not in frozen]

    def penalised(self) -> list[Value]:
        """What the penalties add to a loss."""
        found = [penalty(self.net) for penalty in self.penalties]
        for added in found:
            if real(added) is None:
                raise TypeError(f"{self.who} takes a penalty that returns a Value, got {shown(added)} from it")
        return found

    def check(self, losses: Iterable[Value]) -> None:
        """Once, on losses of the first batch: do they depend on what is trained?"""
        trained = [] if self.checked else self.moving()
        if trained:
            check_dependence(self.who, self.net, trained, losses)
            self.checked = True

    def clip(self) -> None:
        """Cut gradients by value, then by norm, those of frozen parameters aside."""
        if self.clip_value is None and self.clip_norm is None:
            return
        moving = self.moving()
        gradients: list[Number] = [p.grad for p in moving]
        if self.clip_value is not None:
            gradients = clipped_by_value(gradients, self.clip_value)
        if self.clip_norm is not None:
            gradients = clipped_by_norm(gradients, self.clip_norm)
        for p, g in zip(moving, gradients):
            p.grad = float(g)


class OfRun(Generic[T]):
    """An attribute of a Trainer that stands in its Run, `_run`: eager and native training see what a callback sets."""

    def __init__(self, check: Callable[[str, str, object], T] | None = None) -> None:
        self._check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self._name, self._read = name, attrgetter(f"_run.{name}")

    def __get__(self, trainer: object, owner: type) -> T:
        x: T = self._read(trainer)
        return x

    def __set__(self, trainer: object, x: T) -> None:
        x = x if self._check is None else self._check("Trainer", self._name, x)
        setattr(RUN(trainer), self._name, x)
