"""Checkpoint: the state of a training as plain data, checked before anything of it is used."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, NamedTuple, NotRequired, TypedDict, cast

from engine.arguments import float_of, listed, number, shown, whole

from .early_stopping import Best
from .examples import Examples
from .privacy import Spent
from .run import Run


class PrivateState(TypedDict):
    """Where in the order the examples of each update end, and what was spent, as a Run has it."""

    ends: list[int]
    spent: list[list[float]]


class TrainingState(TypedDict):
    """What `Trainer.state` returns: dicts and lists of numbers and text."""

    net: dict[str, float]
    optimizer: dict[str, object]
    lr: float
    seed: int
    random: list[object]
    epoch: int
    update: int
    order: list[int]
    sum: float
    predicted: list[object]
    history: dict[str, list[float]]
    best: Best | None
    private: NotRequired[PrivateState]


class Checkpoint(NamedTuple):
    """What a state stands for, by the names that it has in a Run; the history and the best epoch are the Trainer's."""

    epoch: int
    update: int
    order: list[int]
    ends: list[int]
    spent: list[Spent]
    predicted: list[object]
    history: dict[str, list[float]]
    lr: float
    summed: float
    random: random.Random
    best: Best | None


def state_of(run: Run, history: Mapping[str, Sequence[float]], best: Best | None) -> TrainingState:
    """The state of a training, in lists and dicts of its own."""
    version, internal, gauss = run.random.getstate()
    state: TrainingState = {
        "net": run.net.state(),
        "optimizer": run.optimizer.state(),
        "lr": run.lr,
        "seed": run.seed,
        "random": [version, list(internal), gauss],
        "epoch": run.epoch,
        "update": run.update,
        "order": list(run.order),
        "sum": run.summed,
        "predicted": [list(p) if isinstance(p, list) else p for p in run.predicted],
        "history": {name: list(xs) for name, xs in history.items()},
        "best": None if best is None else {**best, "parameters": list(best["parameters"])},
    }
    if run.private is not None:
        state["private"] = {"ends": list(run.ends), "spent": [list(part) for part in run.spent]}
    return state


def with_keys(who: str, state: object, own: TrainingState) -> TrainingState:
    """A state for a Trainer whose present one is `own`: of the same metrics, and so far only the keys are known.

    >>> from nn.training.checkpoint import with_keys
    >>> with_keys("load_state", {"history": {"loss": []}, "epoch": 3}, {"history": {"loss": []}})["epoch"]
    3
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"{who} takes a dict such as state() returns, got {shown(state)}")
    missing = [key for key in own if key not in state]
    if missing:
        raise ValueError(f"{who} takes a dict such as state() returns, got one without {missing[0]!r}")
    history = state["history"]
    if not isinstance(history, Mapping):
        raise TypeError(f"{who} takes a dict of lists as history, got {shown(history)}")
    if list(history) != list(own["history"]):
        raise ValueError(
            f"{who} takes a history of {', '.join(own['history'])}, got one of {', '.join(map(str, history))}; "
            "make the Trainer with the same validation and metrics"
        )
    return cast("TrainingState", state)


def checked_state(who: str, state: TrainingState, run: Run, examples: Examples, parameters: int) -> Checkpoint:
    """A Trainer's state, but for its network and its optimiser, as what it stands for.

    Args:
        examples: those of the Run, divided as the state's seed says.
        parameters: how many the network has.
    """
    trained, updates = examples.trained, run.updates
    epoch, update = whole(who, "epoch", state["epoch"]), whole(who, "update", state["update"], most=updates)
    order = [whole(who, "order", i) for i in listed(who, "order", state["order"])]
    ends, spent = ([], []) if run.private is None else _private(who, state["private"], run, order, trained)
    if order and run.private is None and (len(order) != len(trained) or set(order) != set(trained)):
        raise ValueError(
            f"{who} takes a training on {len(trained)} examples, each once in the order, got one on {len(set(order))}, "
            f"{len(order)} in its order"
        )
    if update and not (order or ends):
        raise ValueError(f"{who} takes an order of the examples as order after update {update} of an epoch, got none")
    predicted = [_prediction(who, p) for p in listed(who, "predicted", state["predicted"])]
    begun = bool(run.metrics) and update > 0 and (run.private is None or ends[update - 1] > 0)
    if (len(predicted) > 0) != begun or len(predicted) > max(len(trained), len(order)):
        raise ValueError(f"{who} takes a prediction for each example of the epoch as predicted, got {len(predicted)}")
    history = {
        name: [
            whole(who, "history", x) if name == "epoch" else float_of(who, "history", x)
            for x in listed(who, "history", xs)
        ]
        for name, xs in state["history"].items()
    }
    if any(len(xs) != epoch for xs in history.values()):
        lengths = ", ".join([str(len(xs)) for xs in history.values()])
        raise ValueError(f"{who} takes a history of {epoch} epochs, as its epoch says, got lists of {lengths}")
    lr = number(who, "lr", state["lr"], "a positive number", lambda lr: lr > 0.0)
    summed, generator = float_of(who, "sum", state["sum"]), restored_generator(who, state["random"])
    best = None if state["best"] is None else _best(who, state["best"], epoch, parameters)
    return Checkpoint(epoch, update, order, ends, spent, predicted, history, lr, summed, generator, best)


def _private(
    who: str, state: object, run: Run, order: Sequence[int], trained: Sequence[int]
) -> tuple[list[int], list[Spent]]:
    """What a private training has besides: (where the examples of each update end, what was spent)."""
    if not isinstance(state, Mapping) or state.keys() != {"ends", "spent"}:
        raise TypeError(f"{who} takes a dict of ends and spent as private, got {shown(state)}")
    ends = [whole(who, "ends", end, most=len(order)) for end in listed(who, "ends", state["ends"])]
    if ends != sorted(ends) or len(ends) not in (0, run.updates) or (ends[-1] if ends else 0) != len(order):
        raise ValueError(
            f"{who} takes an end in the order for each of {run.updates} updates as ends, got {shown(ends)}"
        )
    if not set(order).issubset(trained):
        raise ValueError(f"{who} takes an order of the examples that are trained on, got others in it")
    spent = []
    for part in listed(who, "spent", state["spent"]):
        three = listed(who, "spent", part)
        if len(three) != 3:
            raise ValueError(f"{who} takes a probability, a noise and a number of updates in spent, got {shown(part)}")
        rate = number(who, "spent", three[0], "a probability", lambda q: 0.0 < q <= 1.0)
        noise = number(who, "spent", three[1], "a noise from 0", lambda x: x >= 0.0)
        spent.append((rate, noise, whole(who, "spent", three[2])))
    return ends, spent


def _prediction(who: str, p: object) -> object:
    """Numbers, or one of them: a class is a whole one."""
    if isinstance(p, (list, tuple)):
        return [float_of(who, "predicted", x) for x in p]
    return p if isinstance(p, int) else float_of(who, "predicted", p)


def _best(who: str, best: object, epoch: int, parameters: int) -> Best:
    if not isinstance(best, Mapping) or best.keys() != {"epoch", "value", "parameters"}:
        raise TypeError(f"{who} takes a dict of epoch, value and parameters, or None, as best, got {shown(best)}")
    numbers = [float_of(who, "best", x) for x in listed(who, "best", best["parameters"])]
    if len(numbers) != parameters:
        raise ValueError(f"{who} takes a best of {parameters} parameters, got one of {len(numbers)}")
    return {
        "epoch": whole(who, "best", best["epoch"], least=1, most=epoch),
        "value": float_of(who, "best", best["value"]),
        "parameters": numbers,
    }


def restored_generator(who: str, state: Any) -> random.Random:
    """A generator that goes on from such a state.

    >>> import random
    >>> from nn.training.checkpoint import restored_generator
    >>> generator = random.Random(0)
    >>> restored_generator("load_state", generator.getstate()).random() == generator.random()
    True
    """
    generator = random.Random(0)
    try:
        version, internal, gauss = state
        whole(who, "random", version)
        numbers = tuple([i if type(i) is int and i >= 0 else whole(who, "random", i, most=inf) for i in internal])
        generator.setstate((version, numbers, None if gauss is None else float_of(who, "random", gauss)))
    except (ArithmeticError, TypeError, ValueError) as why:
        raise type(why)(f"{who} takes the state of a generator as random, got {shown(state)}: {why}") from None
    return generator
