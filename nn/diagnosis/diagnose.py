"""Diagnosis: what a teacher would say about a network that does not learn.

All checks read one observation of the network on some examples. The most basic illness comes first, and what only
follows from it is left out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from math import fsum, isfinite
from typing import Any

from engine import AnomalyError, Value, detect_anomaly, log, no_grad
from engine.arguments import is_number, number, shown, whole

from ..arguments import plain
from ..data import Row, check_order, evenly, rows, targets
from ..module import Module, frozen, module_of
from ..network import NeuralNetwork
from ..optim import SGD, Optimiser
from ..training.dependence import CONSTANTS, left_out
from ..training.objective import LossFunction, Objective, objective
from .findings import Diagnosis, Symptom
from .first_nan import finding_of_origin
from .observation import observation
from .symptoms import dead_units, exploding_loss, gradient_flow, learning_rate, saturation, symmetric_weights

FLAT = 0.05  # a sigmoid or tanh is saturated where its slope is below so much of its steepest
LEARNT = 0.5  # a loss below so much of a constant's: gradients may be small, units saturated by what they learnt


def diagnose(
    net: Module | NeuralNetwork, X: object, y: object, *, loss: str | LossFunction | None = None,
    optimizer: Optimiser | float | None = None, history: object = None, examples: int = 100,
) -> Diagnosis:  # fmt: skip
    """What is wrong with a network, layer by layer, and what to do.

    It finds what the loss does not depend on, dead units, vanishing and exploding gradients, saturation, symmetric weights, an exploding loss, a learning
    rate that is too large, and where the first nan comes from. The network runs forward and backward on up to
    `examples` of the examples, evenly spaced. All of this happens on a copy in evaluation mode: the network, its
    gradients and the optimiser stay as they are.

    Args:
        net: a Module; or a NeuralNetwork, which says loss, optimizer and history itself.
        X: the examples, as for `nn.fit`. Rows with nan or infinities are reported and left out.
        y: a target for each.
        loss: as for `nn.fit`: a name, or a function of one example's outputs and target. By default cross_entropy
            for classes, binary_cross_entropy for 0 and 1 and one output, mse for anything else.
        optimizer: an optimiser of this network, or a learning rate of plain SGD: tried for a few steps.
        history: a dict such as `nn.fit` returns, or a list of losses: whether the loss explodes in it.
        examples: how many examples to look at, at least 1.

    Returns:
        A Diagnosis: a sequence of Findings, empty where nothing is wrong, that prints as a report.

    Raises:
        TypeError, ValueError: an argument is not one of these.

    >>> from nn import MLP, diagnose
    >>> net = MLP(2, [4, 1], activation="tanh", init="zeros", seed=0)
    >>> found = diagnose(net, [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1, 1, 0])
    >>> found.kinds, found[0].layer
    (['symmetric weights'], 'layers.0')
    >>> print(found[0].remedy)
    start from random weights: init="he_normal" for relu, "glorot_uniform" otherwise
    """
    model = module_of("diagnose", net)
    examples = whole("diagnose", "examples", examples, least=1)
    if isinstance(net, NeuralNetwork):
        optimizer = net.optimizer if optimizer is None else optimizer
        history = net.history or None if history is None else history
    losses = _losses(history)
    twin, optimiser = _copies(model, optimizer)
    xs, ts, total, findings = _finite_examples(X, y)
    chosen = evenly(len(xs), examples)
    about = f"{len(chosen):,} of {total:,} examples"
    if not chosen:
        return Diagnosis(findings, [], [], float("nan"), about)
    goal, xs, ts = examples_of("diagnose", net, twin, [xs[k] for k in chosen], [ts[k] for k in chosen], loss)
    seen = observation(twin, xs, ts, goal.loss)
    about += f", {goal.name} {seen.loss:.4g}"
    if seen.broken is not None:
        x, t = xs[len(seen.losses) - 1], ts[len(seen.losses) - 1]
        findings.append(finding_of_origin(seen.broken, twin, _line(lambda: goal.loss(twin(x), t).backward())))
        return Diagnosis(findings + exploding_loss(0.0, 0.0, losses), [], [], seen.loss, about)
    findings += _broken_parameters(twin)
    lost = _left_out(twin, optimiser, (goal.loss(twin(x), t) for x, t in zip(xs, ts)))
    if any(not f.layer for f in lost):
        return Diagnosis(findings + lost + exploding_loss(0.0, 0.0, losses), [], [], seen.loss, about)
    findings += lost
    saturated = [layer.saturated(FLAT) for layer in seen.layers]
    constant = _constant_losses(goal, seen.outputs[0], ts)
    symmetric = symmetric_weights(seen.layers)
    dead = [] if symmetric else dead_units(seen.layers)
    findings += symmetric + dead
    if not constant or seen.loss > LEARNT * min(constant):
        blocked = saturation(seen.layers, saturated, xs)
        findings += blocked
        if not (lost or symmetric or blocked or any(f.figure == 1.0 for f in dead)):
            findings += gradient_flow(seen.layers)
    findings += exploding_loss(seen.loss, max(constant, default=0.0), losses)
    if optimiser is not None:
        findings += learning_rate(twin, optimiser, goal, xs, ts, seen.loss, max(constant, default=seen.loss))
    return Diagnosis(findings, seen.layers, saturated, seen.loss, about)


# What is given -------------------------------------------------------------------------------------------------------


def examples_of(
    who: str, net: Module | NeuralNetwork, model: Module, xs: Sequence[Row], ts: Sequence[object],
    loss: str | LossFunction | Objective | None = None,
) -> tuple[Objective, list[Row], list[object]]:  # fmt: skip
    """(objective, examples, targets as it takes them); without a loss, the one that the targets ask for."""
    with no_grad():
        first = model(xs[0])
    outputs = len(first) if isinstance(first, list) else 1
    if loss is None:
        loss = getattr(net, "objective", None)
    goal = objective(who, _usual_loss(ts, outputs) if loss is None else loss)
    return goal, list(xs), [goal.target(who, t, outputs, f"y[{k}]") for k, t in enumerate(ts)]


def _usual_loss(ts: Sequence[object], outputs: int) -> str:
    numbers = [t[0] if isinstance(t, list) and len(t) == 1 else t for t in ts]
    if outputs == 1:
        return "binary_cross_entropy" if all(t in (0, 1) for t in numbers) else "mse"
    if all(isinstance(t, int) and 0 <= t < outputs for t in numbers):
        return "cross_entropy"
    rows = [t for t in numbers if isinstance(t, list)]
    shares = len(rows) == len(ts) and all(set(t) <= {0, 1} and sum(t) == 1 for t in rows)
    return "cross_entropy" if shares else "mse"


def _losses(history: Any) -> list[float]:
    if history is None:
        return []
    listed = plain(history.get("loss") if isinstance(history, dict) or hasattr(history, "columns") else history)
    if not isinstance(listed, list) or not all(map(is_number, listed)):
        raise TypeError(
            f'diagnose takes a list of losses, or a dict with one as "loss", as history, got {shown(history)}'
        )
    return [float(x) for x in listed]


def _copies(model: Module, optimizer: Optimiser | float | None) -> tuple[Module, Optimiser | None]:
    """A copy of the network in evaluation mode, and of its optimiser, which moves the copy."""
    rate, given = None, optimizer if isinstance(optimizer, Optimiser) else None
    if isinstance(optimizer, Optimiser):
        if not {p for _, p in model.checked_parameters()}.issuperset(optimizer.parameters):
            raise ValueError("diagnose takes an optimiser of this network, got one of other parameters")
    elif optimizer is not None:
        rate = number("diagnose", "optimizer", optimizer, "an optimiser or a learning rate")
    twin, optimiser = copy.deepcopy((model, given))
    twin.eval().zero_grad()
    return twin, optimiser if rate is None else SGD(twin, lr=rate)


def _finite_examples(X: object, y: object) -> tuple[list[Row], list[object], int, list[Symptom]]:
    """(examples, targets, how many were given, findings): those whose numbers are all finite, and whether there are others."""
    listed = plain(X)
    given = [plain(x) for x in listed] if isinstance(listed, (list, tuple)) else listed
    broken = {i: bad for i, x in enumerate(given) if (bad := _not_finite(x))} if isinstance(given, list) else {}
    xs = rows("diagnose", [_filled(x) if i in broken else x for i, x in enumerate(given)] if broken else given)
    check_order("diagnose", X, y)
    ts = targets("diagnose", y, len(xs))
    broken_targets = {i: bad for i, t in enumerate(ts) if (bad := _not_finite(t))}
    findings = []
    for name, where in (("X", broken), ("y", broken_targets)):
        if where:
            first = min(where)
            message = f"{len(where):,} of {len(xs):,} rows of {name} are not finite: row {first} has {where[first][0]}"
            remedy = f"fill or drop these rows of {name} before training; they are left out here"
            findings.append(Symptom("not finite", "", float(len(where)), message, remedy))
    kept = [i for i in range(len(xs)) if i not in broken and i not in broken_targets]
    return [xs[i] for i in kept], [ts[i] for i in kept], len(xs), findings


def _not_finite(x: object) -> list[float]:
    """The numbers in x, at any depth, that are nan or infinite."""
    found, stack = [], [x]
    seen: dict[int, object] = {}  # a list may hold itself
    while stack:
        x = plain(stack.pop())
        if isinstance(x, list):
            if id(x) in seen:
                continue
            seen[id(x)] = x
            if not _sums_finitely(x):
                stack += reversed(x)
        elif isinstance(x, float) and not isfinite(x):
            found.append(x)
    return found


def _sums_finitely(x: list[float]) -> bool:
    """Whether x is numbers with a finite sum, and so finite all: quickly told."""
    try:
        summed = sum(x, 0.0)  # not 0, to which NumPy would add a date, with a warning
        return isinstance(summed, (int, float)) and isfinite(summed)
    except (ArithmeticError, TypeError, ValueError):
        return False


def _filled(x: object) -> object:
    """x with 0 for what is not finite, so that its shape can be read."""
    x = plain(x)
    if isinstance(x, list):
        return [_filled(e) for e in x]
    return 0.0 if isinstance(x, float) and not isfinite(x) else x


# What is measured ----------------------------------------------------------------------------------------------------


def _left_out(net: Module, optimiser: Optimiser | None, losses: Iterable[object]) -> list[Symptom]:
    """What is to be trained, and no gradient comes to."""
    moving = net.parameters() if optimiser is None else optimiser.parameters
    found = []
    for name, n in left_out(
        net, set(moving) - frozen(m for _, m in net.named_modules()), (x for x in losses if isinstance(x, Value))
    ).items():
        message = f"the loss depends on none of the {n:,} parameters{name and f' of {name}'}: no gradient comes there"
        found.append(Symptom("no gradient", name, float(n), message, CONSTANTS))
    return found


def _broken_parameters(model: Module) -> list[Symptom]:
    """Parameters that are not finite although all losses are: something like relu hides them."""
    broken = [(path, p.data) for path, p in model.named_parameters() if not isfinite(p.data)]
    if not broken:
        return []
    message = f"{len(broken)} parameters are not finite, first {broken[0][0]} = {broken[0][1]}"
    remedy = "training diverged: start again with a smaller learning rate, or clip_norm=1.0"
    return [Symptom("not finite", broken[0][0].partition(".neurons.")[0], float(len(broken)), message, remedy)]


def _line(run: Callable[[], object]) -> str:
    """The line of a user's Module or loss that makes the first number that is not finite; "" where it is in nn."""
    found = []
    for function in (lambda: log(Value(0.0)), run):
        try:
            with detect_anomaly():
                function()
        except AnomalyError as why:
            found.append(str(why).rpartition("; line ")[2])
    return found[1] if found[1:] and found[1] != found[0] else ""  # the first is where diagnose was called


def _constant_losses(goal: Objective, outputs: list[float] | float, ts: Sequence[object]) -> list[float]:
    """The mean loss of outputs that are 0, and for numbers of outputs that are the mean target, where finite."""
    shape = outputs if isinstance(outputs, list) else [outputs]
    constants = [[0.0] * len(shape)]
    columns = [t if isinstance(t, list) else [t] for t in ts]
    if not goal.classes and all(len(c) == len(shape) and all(isinstance(x, (int, float)) for x in c) for c in columns):
        constants.append([fsum(c) / len(ts) for c in zip(*columns)])
    found = []
    with no_grad():
        for constant in constants:
            values = [Value(c) for c in constant]
            losses = [float(goal.loss(values if isinstance(outputs, list) else values[0], t)) for t in ts]
            if all(map(isfinite, losses)):
                found.append(fsum(losses) / len(ts))
    return found
