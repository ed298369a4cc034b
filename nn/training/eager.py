"""Training in eager mode: what `fit` does where it does not compile, one example after the other.

Ctrl-C, and anything that a loss or a callback raises, leaves the Trainer as it was after the latest update.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine import Value, mean
from engine.arguments import real, shown

from ..blocks import Dropout
from ..schedules import factor

if TYPE_CHECKING:
    from .trainer import Trainer


class EagerTraining:
    """The eager form of a Trainer; the compiled one is `nn.training.native.NativeTraining`.

    Args:
        trainer: a Trainer, before or between updates.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._draws = any(isinstance(m, Dropout) for _, m in trainer.net.named_modules())

    def run_epoch(self) -> None:
        """What is left of the epoch, or as much as there is until someone asks to stop."""
        trainer = self._trainer
        size, batches = trainer._sizes
        examples = (size or len(trainer._order)) * batches
        while trainer.update < trainer._updates() and not trainer.stop:
            before = trainer.random.getstate() if self._draws else None
            try:
                self._run_update(trainer._order[trainer.update * examples : (trainer.update + 1) * examples])
            except BaseException:
                trainer.optimizer.zero_grad()
                if before is not None:
                    trainer.random.setstate(before)
                raise
            trainer._shown.update()
            trainer._call("on_batch_end")

    def _run_update(self, chosen: Sequence[int]) -> None:
        """The gradient of the mean loss of these examples, in batches, then one step."""
        trainer = self._trainer
        net, objective, X, y = trainer.net, trainer.objective, trainer._examples.X, trainer._examples.y
        loss, size = objective.loss, trainer._sizes[0] or len(chosen)
        keep, predicted, summed = bool(trainer.metrics), [], trainer._sum
        for p in trainer.optimizer.parameters:
            p.zero_grad()
        for start in range(0, len(chosen), size):
            batch = chosen[start : start + size]
            each = []
            for i in batch:
                outputs = net(X[i])
                one = loss(outputs, y[i])
                if one.__class__ is not Value:
                    raise TypeError(f"{trainer._who} takes a loss that returns a Value, got {one!r:.60} from it")
                each.append(one)
                if keep:
                    predicted.append(objective.prediction(_floats(outputs)))
                if trainer.interrupted:
                    raise KeyboardInterrupt
            trainer._check(each)
            cost = mean(each)
            for penalty in trainer.penalties:
                added = penalty(net)
                if real(added) is None:
                    raise TypeError(f"{trainer._who} takes a penalty that returns a Value, got {shown(added)} from it")
                cost = cost + added
            cost.backward(len(batch) / len(chosen))
            for one in each:
                summed += one.data
        if trainer.interrupted:
            raise KeyboardInterrupt
        trainer._clip()
        if trainer.schedule is not None:
            time = trainer.epoch + trainer.update / trainer._updates()
            trainer.optimizer.lr = trainer.lr * factor(trainer._who, trainer.schedule(time))
        trainer.optimizer.step()
        trainer._sum = summed
        trainer._predicted += predicted
        trainer.update += 1

    def evaluated(self, X: Sequence[Any], y: Sequence[Any]) -> tuple[float, list[Any]]:
        """(the sum of the losses, the predictions) of examples, in evaluation mode."""
        trainer = self._trainer
        summed, predicted = 0.0, []
        for x, t in zip(X, y):
            outputs = trainer.net(x)
            summed += float(trainer.objective.loss(outputs, t))
            if trainer.metrics:
                predicted.append(trainer.objective.prediction(_floats(outputs)))
            if trainer.interrupted:
                raise KeyboardInterrupt
        return summed, predicted


def _floats(outputs: Any) -> Any:
    return [float(y) for y in outputs] if isinstance(outputs, (list, tuple)) else float(outputs)
