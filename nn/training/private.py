"""Private training: what it takes, and how the gradients of examples become one that says little about each."""

from __future__ import annotations

from collections.abc import Iterable
from operator import add

from engine import Value, no_grad
from engine.arguments import shown

from ..blocks import Dropout
from ..module import Module, in_mode
from .console import warn
from .privacy import Privacy, clipped, drawn_noise, epsilon
from .run import Run
from .traced import drawn_by

LOOKED_AT = 100  # examples that are run, if so many are needed, to see where the loss leads


def check_private(run: Run) -> None:
    """Refuse a private training that is none: of clipped sums, or of losses that examples share.

    Raises:
        TypeError: private is no Privacy.
        ValueError: a setting of the training does not go with it, or what is said of one example depends on others.
        ImportError: the accountant is missing.
    """
    private, who = run.private, run.who
    if private is None:
        return
    if not isinstance(private, Privacy):
        takes = "an nn.Privacy, such as nn.Privacy(clip=1.0, noise=1.1, delta=1e-5),"
        raise TypeError(f"{who} takes {takes} as private, got {shown(private)}")
    for name in ("clip_norm", "clip_value"):
        if getattr(run, name) is not None:
            raise ValueError(
                f"{who} takes no {name} in a private training, where each example's gradient has at most the length "
                f"private.clip, got {name}={getattr(run, name)}"
            )
    if "epsilon" in run.metrics:
        raise ValueError(f"{who} takes names other than epsilon for metrics of a private training; choose another")
    count = len(run.examples.trained)
    if private.delta >= 1.0 / count:
        warn(
            UserWarning,
            f"{who} got delta={private.delta} for {count} examples; from 1/{count} on, a training that publishes one of "
            "them is called private",
        )
    epsilon([(run.sampling, private.noise, 1)], private.delta)
    with in_mode(run.net, True):
        _check_apart(run)


def _check_apart(run: Run) -> None:
    """Refuse a network or a loss that says something else of an example after it saw another one."""
    trained = run.examples.trained
    first, other = trained[0], trained[-1]
    with drawn_by(lambda layer, count: [1.0] * count, _dropouts(run.net)), no_grad():
        losses, before, names = [], dict[str, dict[str, object]](), list[str]()
        for i in (first, other, first):
            losses.append(_loss(run, i).data)
            after = {path: dict(vars(module)) for path, module in run.net.named_modules()}
            names = [path for path, now in after.items() if _differ(before.get(path, now), now)]
            before = after
    if losses[0] != losses[2] and losses[0] == losses[0]:
        kept = (
            f"; what {', '.join([path or 'the network itself' for path in names])} keeps changes with each"
            if names
            else ""
        )
        raise ValueError(
            f"{run.who} takes, in a private training, a network and a loss that say the same of an example whatever "
            f"others they saw, got {losses[0]:.6g} and then {losses[2]:.6g} of example {first}{kept}; a statistic of a batch "
            "or a generator of its own is none, nn.LayerNorm and nn.Dropout are"
        )


def _differ(before: dict[str, object], after: dict[str, object]) -> bool:
    return before.keys() != after.keys() or any(before[name] is not x for name, x in after.items())


def _dropouts(net: Module) -> list[Dropout]:
    return [m for _, m in net.named_modules() if isinstance(m, Dropout)]


def _loss(run: Run, i: int) -> Value:
    return run.objective.value(run.who, run.net(run.examples.X[i]), run.examples.y[i])


def private_gradients(run: Run, losses: Iterable[Value]) -> list[float]:
    """The losses, when the gradient of a private update is in the parameters: (Σ clipped + noise) / batch size, + penalties.

    Args:
        losses: of the update's examples; each is made when the gradient of the one before was read.
    """
    private, moving = run.private or Privacy(), run.moving()
    if not run.checked:
        with drawn_by(lambda layer, count: [1.0] * count, _dropouts(run.net)):
            run.check([_loss(run, i) for i in run.examples.trained[: min(run.batch, LOOKED_AT)]])
    found, sums = [], [0.0] * len(moving)
    for loss in losses:
        for p in run.optimizer.parameters:
            p.zero_grad()
        loss.backward()
        sums = list(map(add, sums, clipped(private, [p.grad for p in moving])))
        found.append(loss.data)
    for p in run.optimizer.parameters:
        p.zero_grad()
    for added in run.penalised():
        added.backward()
    for p, g, noise in zip(moving, sums, drawn_noise(private, len(moving), run.random).tolist()):
        p.grad = p.grad + (g + noise) / run.expected
    return found
