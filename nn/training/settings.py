"""Settings: what a training is asked for, declared once for `fit` and `Trainer`, and checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import partial, wraps
from math import inf
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from engine import Value
from engine.arguments import flag, named, number, real, shown, threads, whole

from ..arguments import several
from ..elsewhere import TRAINING, check_call
from ..module import Module
from ..optim import OPTIMISERS, Adam, Optimiser
from ..schedules import SCHEDULES, Schedule
from .dependence import check_penalties
from .early_stopping import EarlyStopping
from .examples import Examples
from .metrics import measures
from .objective import LossFunction, Objective, objective
from .privacy import Privacy
from .run import Run

if TYPE_CHECKING:
    from engine.compiler import Mesh

P = ParamSpec("P")
S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")
Penalties = Callable[[Module], Value] | list[Callable[[Module], Value]] | tuple[Callable[[Module], Value], ...] | None
EVENTS = ("on_train_begin", "on_batch_end", "on_epoch_end", "on_train_end")


def limit(who: str, name: str, x: object) -> float | None:
    """A positive number, or None for no limit."""
    return None if x is None else number(who, name, x, "a positive number or None", lambda c: c > 0.0)


count = partial(whole, least=1)
CHECKS: dict[str, Callable[[str, str, Any], Any]] = {  # asked when a training is made, and when a callback sets one
    "threads": lambda who, name, x: threads(who, x),
    "backend": lambda who, name, x: named(who, name, x, ("eager", "jit", "numpy", "xla", "auto")),
    "dtype": lambda who, name, x: None if x is None else named(who, name, x, ("float64", "float32")),
    "epochs": count,
    "batch_size": lambda who, name, x: None if x is None else count(who, name, x),
    "accumulate": count,
    "clip_value": limit,
    "clip_norm": limit,
    "progress": flag,
}


@dataclass
class Settings:
    """What `fit` and `Trainer` take; each is explained there."""

    net: Module
    X: object
    y: object
    _: KW_ONLY
    loss: str | LossFunction | Objective
    optimizer: str | Optimiser | Callable[[Module], Optimiser] | None = None
    epochs: int = 10
    batch_size: int | None = 32
    seed: int | None = None
    validation: object = None
    metrics: object = None
    callbacks: object = ()
    early_stopping: int | EarlyStopping | None = None
    schedule: str | Schedule | None = None
    accumulate: int = 1
    clip_value: float | None = None
    clip_norm: float | None = None
    penalty: Penalties = None
    private: Privacy | None = None
    progress: bool = True
    backend: str = "eager"
    threads: int | str = 1
    dtype: str | None = None
    mesh: object = None

    def run(self, who: str) -> Run:
        """The Run that is meant; a ValueError or TypeError where a setting is not legal.

        Args:
            who: the function that was called, for messages.
        """
        net = self.net
        if not isinstance(net, Module):
            hint = "; train it by its own train, or pass its model" if hasattr(net, "model") else ""
            hint = "; make one first, such as nn.MLP(2, [4, 1])" if isinstance(net, type) else hint
            raise TypeError(f"{who} takes a Module as net, got {shown(net)}{hint}")
        for name, check in CHECKS.items():
            setattr(self, name, check(who, name, getattr(self, name)))
        if self.backend == "eager" and self.dtype == "float32":
            raise ValueError(
                f"{who} takes dtype where a backend compiles, as eager mode has float64 alone, got {self.dtype!r}"
            )
        mesh = None if self.mesh is None else self._devices(who)
        goal = objective(who, self.loss)
        metrics = measures(who, self.metrics, goal)
        penalties = listed_penalties(who, self.penalty)
        optimizer = chosen_optimiser(who, self.optimizer, net)
        schedule = chosen(who, "schedule", self.schedule, SCHEDULES, self.epochs)
        bits = 32 if self.private is None else 128  # of a private one nobody is to try them all
        seed = SystemRandom().getrandbits(bits) if self.seed is None else whole(who, "seed", self.seed, most=inf)
        generator = Random(seed)
        examples = Examples(who, net, goal, self.X, self.y, self.validation, mesh)
        if examples.stream is not None and (metrics or self.private is not None):
            got = "a private training" if self.private is not None else f"metrics={', '.join(metrics)}"
            raise ValueError(
                f"{who} takes no metrics and no privacy where examples come part by part, of which no process has all, got {got}"
            )
        examples.divide(generator)
        check_penalties(who, net, penalties)
        run = Run(
            who=who, net=net, objective=goal, optimizer=optimizer, examples=examples, penalties=penalties,
            metrics=metrics, lr=optimizer.lr, schedule=schedule, clip_value=self.clip_value, clip_norm=self.clip_norm,
            sizes=(self.batch_size, self.accumulate), seed=seed, random=generator, private=self.private, mesh=mesh,
        )  # fmt: skip
        if mesh is not None and self.private is None:  # whose batches are of any size
            mesh.check_batch(who, min(run.batch, len(examples.trained)), len(examples.trained))
        if self.private is not None:
            from .private import check_private  # which brings the compiler's modules

            check_private(run)
        return run

    def _devices(self, who: str) -> Mesh:
        if self.backend != "xla":
            raise ValueError(f'{who} takes a mesh with backend="xla", which shares examples out, got {self.backend!r}')
        from engine.compiler import Mesh

        return Mesh(who, self.mesh)


@dataclass(kw_only=True)
class TrainerSettings(Settings):
    """What a Trainer takes: the settings, and the function that was called, for messages."""

    who: str = "fit"


class takes(Generic[P, S]):  # noqa: N801  a decorator is written as a function is
    """A decorator: a function, or a method, of settings takes what the settings are made of, and says so in `help`.

    >>> from dataclasses import dataclass
    >>> from nn.training.settings import takes
    >>> @dataclass
    ... class Size:
    ...     width: int
    ...     height: int = 1
    >>> @takes(Size)
    ... def area(size: Size) -> int:
    ...     return size.width * size.height
    >>> area(3, height=2)
    6
    """

    def __init__(self, settings: Callable[P, S]) -> None:
        self._settings: Callable[..., S] = settings

    @overload
    def __call__(self, act: Callable[[S], R]) -> Callable[P, R]: ...
    @overload
    def __call__(self, act: Callable[[T, S], R]) -> Callable[Concatenate[T, P], R]: ...
    def __call__(self, act: Callable[..., R]) -> Callable[..., R]:
        """The function as it is called."""
        *own, _ = inspect.signature(act).parameters.values()
        takes = inspect.signature(self._settings).parameters.values()
        signature = inspect.signature(act).replace(parameters=[*own, *takes])
        legal = signature.replace(parameters=[p for p in takes if p.name != "who"])

        @wraps(act)
        def called(*args: object, **named: object) -> R:
            try:
                given = signature.bind(*args, **named).arguments
            except TypeError as error:
                check_call(act.__qualname__.removesuffix(".__init__"), legal, args[len(own) :], named, elsewhere(named))
                raise TypeError(f"{act.__qualname__}() {error}") from None
            return act(*[given.pop(p.name) for p in own], self._settings(**given))

        vars(called)["__signature__"] = signature  # what inspect and help read
        return called


def elsewhere(named: Mapping[str, object]) -> dict[str, str]:
    """What a training takes elsewhere than in an argument of a like name, with the optimiser that was asked for."""
    asked = OPTIMISERS.get(str(named.get("optimizer")))
    made = asked.__name__ if isinstance(asked, type) else "Adam"
    return {name: text.replace("{made}", made) for name, text in TRAINING.items()}


def calls(who: str, callbacks: object) -> list[Any]:
    """Callbacks as a list: functions, and objects with a method for an event."""
    listed = [] if callbacks is None else several(callbacks)
    for c in listed:
        if isinstance(c, type) or not (callable(c) or any(callable(getattr(c, event, None)) for event in EVENTS)):
            raise TypeError(
                f"{who} takes functions of the trainer, or objects with any of {', '.join(EVENTS)}, as callbacks, "
                f"got {shown(c)}"
            )
    return listed


def chosen(who: str, name: str, x: object, table: Mapping[str, Callable[..., Any]], argument: object) -> Any:
    """None, a function as it is, or what a table makes of a name and an argument."""
    if isinstance(x, str):
        return table[named(who, name, x, table, ", or a function,")](argument)
    if isinstance(x, type) or not (x is None or callable(x)):
        raise TypeError(f"{who} takes a name or a function as {name}, got {shown(x)}")
    return x


def chosen_optimiser(who: str, optimizer: object, net: Module) -> Optimiser:
    """The optimiser that is meant, over the net's parameters, or some of them: those that it leaves out are frozen."""
    made = optimizer
    if optimizer is None:
        made = Adam(net, lr=0.01)
    elif isinstance(optimizer, type) and issubclass(optimizer, Optimiser):
        made = optimizer(net)
    elif real(optimizer) is not None:
        rate = TRAINING["lr"].format(made="Adam", x=shown(optimizer))
        raise TypeError(f"{who} takes {rate}, got {shown(optimizer)} as optimizer")
    elif not isinstance(optimizer, Optimiser):
        made = chosen(who, "optimizer", optimizer, OPTIMISERS, net)
        made = made if isinstance(optimizer, str) else made(net)
    if not isinstance(made, Optimiser):
        raise TypeError(f"{who} takes a function of the net that makes an Optimiser, got one that made {shown(made)}")
    if not set(net._leaves()).issuperset(made.parameters):
        raise ValueError(f"{who} takes an optimizer of the net's own parameters, got {made!r} of others")
    return made


def listed_penalties(who: str, penalty: Penalties) -> list[Callable[[Module], Value]]:
    """Penalties as a list of functions of the net."""
    listed = [] if penalty is None else several(penalty)
    for p in listed:
        if isinstance(p, type) or not callable(p):
            raise TypeError(f"{who} takes a function of the net as penalty, such as nn.l2(1e-4), got {shown(p)}")
    return listed
