"""Metrics: what is said about a training's predictions besides the loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from engine.arguments import real, shown

from ..arguments import several
from .objective import Objective
from .targets import Floats, Target, class_target

Metric = Callable[[list[Target], list[Target]], float]


def accuracy(true: list[Target], predicted: list[Target]) -> float:
    """The part of predictions that are right.

    >>> from nn.training.metrics import accuracy
    >>> accuracy([0, 1, 2, 3], [0, 1, 2, 2])
    0.75
    """
    right = [p for t, p in zip(true, predicted) if t == p]
    return len(right) / len(true)


METRICS: dict[str, Metric] = {"accuracy": accuracy}


def measures(who: str, metrics: object, objective: Objective) -> dict[str, Metric]:
    """Metrics by name, from a dict, a name, or a list of names and functions."""
    if metrics is None:
        return {}
    if not isinstance(metrics, Mapping):
        listed = several(metrics)
        names = [m if isinstance(m, str) else getattr(m, "__name__", repr(m)) for m in listed]
        twice = [name for k, name in enumerate(names) if name in names[:k]]
        if twice:
            raise ValueError(
                f"{who} takes metrics of different names, got two called {shown(twice[0])}; "
                "write a dict name -> function(true, predicted)"
            )
        metrics = dict(zip(names, listed))
    found = {}
    for name, measure in metrics.items():
        if not isinstance(name, str) or name in ("epoch", "loss") or name.startswith("val_"):
            raise ValueError(
                f"{who} takes names other than epoch, loss and val_… for metrics, got {shown(name)}; choose another"
            )
        if isinstance(measure, str):
            if measure not in METRICS:
                raise ValueError(
                    f"{who} takes {', '.join(map(repr, METRICS))} or functions (true, predicted) as metrics, got "
                    f"{measure!r}; scikit-learn has many, such as sklearn.metrics.f1_score"
                )
            measure = METRICS[measure]
        if measure is accuracy and not objective.classes:
            raise ValueError(
                f"{who} takes accuracy where the loss is one of classes, got the loss {shown(objective.name)}, whose "
                "predictions are the outputs; take such a loss, its keywords bound by functools.partial, or a function "
                "(true, predicted) as metric"
            )
        if not callable(measure):
            raise TypeError(f"{who} takes functions (true, predicted) as metrics, got {shown(measure)} as {name!r}")
        found[name] = measure
    return found


def measured(
    metrics: Mapping[str, Metric], objective: Objective, truth: Sequence[Target], predicted: list[Target]
) -> dict[str, float]:
    """What each metric says of predictions, by name; of classes where the objective's predictions are classes.

    >>> from nn.training.metrics import METRICS, measured
    >>> from nn.training.objective import objective
    >>> measured(METRICS, objective("fit", "cross_entropy"), [[0.1, 0.9], 0], [1, 1])
    {'accuracy': 0.5}
    """
    if not metrics:
        return {}
    if objective.classes:
        truth = [_class(objective, t) for t in truth]
    return {name: _number(name, metric(list(truth), predicted)) for name, metric in metrics.items()}


def _number(name: str, x: object) -> float:
    found = real(x)
    if found is None:
        raise TypeError(f"metrics takes functions (true, predicted) that return a number, got {shown(x)} from {name!r}")
    return found


def _class(objective: Objective, t: Floats) -> object:
    """The class that a target names; of probabilities the one that they make most likely."""
    if objective.target is class_target and not isinstance(t, list):
        return t
    middle = [p - 0.5 for p in t] if isinstance(t, list) else t - 0.5  # a logit is 0 where a probability is 1/2
    return objective.prediction(middle)
