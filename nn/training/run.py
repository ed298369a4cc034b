"""Run: what a training is, as data. Eager and native training take it, move it on, and leave it whole after each update."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import ceil
from operator import attrgetter
from typing import Generic, TypeVar

from engine import Value

from ..arguments import Number
from ..module import Module
from ..optim import Optimiser
from ..schedules import factor
from ..updates import clipped_by_norm, clipped_by_value
from .dependence import check_dependence
from .examples import Examples
from .metrics import Metric
from .objective import Objective

T = TypeVar("T")
RUN = attrgetter("_run")


class UnsupportedError(ValueError):
    """This training has a part that does not compile; the message names it."""


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
        sizes: (examples in a batch, or None for all; batches in an update) of this epoch.
        seed, random: the seed, and the generator that started from it, the only source of randomness.
        epoch, update: how many are done, of the training and of the epoch.
        order: the numbers of the epoch's examples, as they are used; [] before the first update is prepared.
        summed: the losses of the epoch's examples so far.
        predicted: what was predicted of each, where there are metrics.
        stop, interrupted: whether a callback, or Ctrl-C, asked to end.
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
    epoch: int = 0
    update: int = 0
    order: list[int] = field(default_factory=list)
    summed: float = 0.0
    predicted: list[object] = field(default_factory=list)
    stop: bool = False
    interrupted: bool = False
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
        self.sizes = size, batches
        one = self.updates == batches == 1  # one batch holds all: the order says nothing
        self.order = list(self.examples.trained) if one else self.examples.shuffled(self.random)
        self.summed, self.predicted = 0.0, []

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
