"""Training: `fit`, in one call what a `Trainer` does."""

from __future__ import annotations

from dataclasses import dataclass

from engine.arguments import install_line, shown

from ..arguments import several
from .settings import Settings, takes
from .trainer import History, Trainer

__all__ = ["History", "Trainer", "fit"]


@dataclass(kw_only=True)
class FitSettings(Settings):
    """What fit takes: the settings, and a view of the training."""

    view: object = None


@takes(FitSettings)
def fit(settings: FitSettings) -> History:
    """Train a network, and return what happened, epoch by epoch.

    Args:
        net: a Module. It is left in evaluation mode.
        X: examples, a row each: lists, a NumPy array, a pandas frame, a sparse matrix.
        y: a target for each, as the loss takes it; None where X gives both, part by part (see mesh of `Trainer`).
        loss: a name from `nn.losses.LOSSES`, or a function (outputs, target) -> Value for one example. The loss of a
            batch is the mean.
        optimizer, epochs, batch_size, seed, validation, metrics, callbacks, early_stopping: see `Trainer`.
        schedule, accumulate, clip_value, clip_norm, penalty, private, progress, backend, threads, dtype, mesh: see
            `Trainer`.
        view: a widget made by `training_view`, or True to show one in the notebook at once: it follows the training.

    Returns:
        A dict of lists, one number an epoch: "epoch", "loss", the metrics by name; and where there is validation data
        "val_loss" and "val_" before each metric. "loss" is the mean over the epoch while the weights moved, without the
        penalty. A private training has "epsilon" besides.

    Raises:
        ValueError, TypeError: an argument is not one of these; nothing has been trained then.

    A loss that depends on none of the parameters to be trained is refused on the first batch, and a Module that it leaves
    out is warned about by name; parameters that the optimizer does not hold, or that are not trainable, are frozen.

    Ctrl-C ends the training after the example at work: the history so far is returned, and a line says so. A loss that
    is nan or infinite ends it with a RuntimeWarning.

    >>> import nn
    >>> net = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> history = nn.fit(net, X, y, loss="binary_cross_entropy", epochs=300, seed=0, progress=False)
    >>> history["epoch"][-1], history["loss"][-1] < 0.1
    (300, True)
    """
    given = {**vars(settings)}
    callbacks = _watched(settings.callbacks, given.pop("view"))
    return Trainer(**{**given, "callbacks": callbacks}).run()


def _watched(callbacks: object, view: object) -> object:
    """Callbacks with a view among them; True stands for one that is shown at once."""
    if view is None or view is False:
        return callbacks
    if view is True:
        try:
            from IPython.display import display
        except ImportError:
            raise ImportError(f"fit takes view=True in a notebook; {install_line('notebooks')}") from None
        from .widget import training_view

        view = training_view()
        display(view)
    if not hasattr(view, "on_epoch_end"):
        raise TypeError(f"fit takes as view a training_view(), or True to show one, got {shown(view)}")
    return [*several(callbacks), view]
