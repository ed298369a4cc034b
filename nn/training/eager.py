"""Training in eager mode: what `fit` does where it does not compile, one example after the other.

Ctrl-C, and anything that a loss or a callback raises, leaves the Run as it was after the latest update.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from engine import Value, mean

from ..blocks import Dropout
from .console import Bar
from .objective import Outputs
from .plain import plain
from .run import Run
from .targets import floats


class EagerTraining:
    """A Run moved on in eager mode; `native.NativeTraining` is the compiled form.

    Args:
        run: a Run, before or between updates.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._draws = any(isinstance(m, Dropout) for _, m in run.net.named_modules())
        self._standard = True  # until a batch takes Values

    def run_epoch(self, bar: Bar, told: Callable[[], None] | None) -> None:
        """What is left of the epoch, or as much as there is until someone asks to stop.

        Args:
            bar: what shows how many updates are made.
            told: called after each update; None where nobody listens.
        """
        run = self._run
        while run.update < run.updates and not run.stop:
            before = run.random.getstate() if self._draws or run.private else None
            try:
                self._run_update(run.chosen(1) if run.private is None else run.drawn())
            except BaseException:
                run.optimizer.zero_grad()
                if before is not None:
                    run.random.setstate(before)
                raise
            bar.update()
            if told is not None:
                told()

    def _run_update(self, chosen: Sequence[int]) -> None:
        """The gradient of the mean loss of these examples, in batches, then one step."""
        run = self._run
        predicted: list[object] = []
        for p in run.optimizer.parameters:
            p.zero_grad()
        summed = (self._sum if run.private is None else self._sum_privately)(chosen, predicted)
        if run.interrupted:
            raise KeyboardInterrupt
        run.clip()
        if run.schedule is not None:
            run.optimizer.lr = run.rate(run.update)
        run.optimizer._step(*[(run, "spent", run.spent_after(1))] * (run.private is not None))
        run.summed = summed
        run.predicted += predicted
        run.update += 1

    def _sum(self, chosen: Sequence[int], predicted: list[object]) -> float:
        """The losses so far with those of these examples, when the gradient of their mean is in the parameters.

        Where there are metrics, what is predicted of each example is added to `predicted`.
        """
        run = self._run
        size, summed = run.sizes[0] or len(chosen), run.summed
        for start in range(0, len(chosen), size):
            batch = chosen[start : start + size]
            share, known = len(batch) / len(chosen), len(predicted)
            losses = self._plain_losses(batch, share, predicted, fresh=start == 0)
            if losses is None:
                del predicted[known:]
                losses = self._losses(batch, share, predicted)
            for one in losses:
                summed += one.data
        return summed

    def _sum_privately(self, chosen: Sequence[int], predicted: list[object]) -> float:
        """What `_sum` does in a private training."""
        from .private import private_gradients

        run = self._run
        summed = run.summed
        losses = (self._loss(i, run.net(run.examples.X[i]), predicted) for i in chosen)
        for loss in private_gradients(run, losses):
            summed += loss
        return summed

    def _losses(self, batch: Sequence[int], share: float, predicted: list[object]) -> list[Value]:
        """The losses of some examples, when `share` of the gradient of their mean and of penalties is in the parameters."""
        run = self._run
        losses = [self._loss(i, run.net(run.examples.X[i]), predicted) for i in batch]
        run.check(losses)
        cost = mean(losses)
        for added in run.penalised():
            cost = cost + added
        cost.backward(share)
        return losses

    def _plain_losses(
        self, batch: Sequence[int], share: float, predicted: list[object], fresh: bool
    ) -> list[Value] | None:
        """What `_losses` does, on floats; None where that takes Values, before a gradient has changed."""
        run = self._run
        standard = self._standard and run.checked and not run.penalties
        net = plain(run.net, run.optimizer.parameters) if standard else None
        if net is None:
            return None
        before = run.random.getstate() if self._draws else None
        try:
            outputs = net.outputs([run.examples.X[i] for i in batch])
            losses = [self._loss(i, found, predicted) for i, found in zip(batch, outputs)]
            net.sweep(losses, share)
        except (ArithmeticError, ValueError):
            if before is not None:
                run.random.setstate(before)
            self._standard = False  # it would be so again and again, as with a loss that is often flat
            return None
        net.assign(fresh)
        return losses

    def _loss(self, i: int, outputs: Outputs, predicted: list[object]) -> Value:
        """The loss of an example."""
        run = self._run
        loss = run.objective.value(run.who, outputs, run.examples.y[i])
        if run.metrics:
            predicted.append(run.objective.prediction(floats(outputs)))
        if run.interrupted:
            raise KeyboardInterrupt
        return loss

    def evaluated(self, X: Sequence[object], y: Sequence[object]) -> tuple[float, list[object]]:
        """(the sum of the losses, the predictions) of examples, in evaluation mode."""
        run = self._run
        summed, predicted = 0.0, []
        for outputs, t in zip(self._outputs(X), y):
            summed += float(run.objective.loss(outputs, t))
            if run.metrics:
                predicted.append(run.objective.prediction(floats(outputs)))
            if run.interrupted:
                raise KeyboardInterrupt
        return summed, predicted

    def _outputs(self, X: Sequence[object]) -> Iterable[Outputs]:
        """What the network says of each example."""
        net = plain(self._run.net)
        try:
            if net is not None:
                return net.outputs(X)
        except ArithmeticError:
            pass
        return map(self._run.net, X)
