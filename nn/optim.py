"""Optimisers: how parameters move against their gradients.

The classes hold the parameters and one state for each; what they do to one parameter is a pure function in `updates`.
All agree with PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .optimiser import Optimiser
from .updates import adagrad_update, adam_update, adamw_update, rmsprop_update, sgd_update

__all__ = ["OPTIMISERS", "SGD", "Adagrad", "Adam", "AdamW", "Optimiser", "RMSprop"]


class SGD(Optimiser):
    """Stochastic gradient descent, with momentum if wanted.

    Args:
        parameters: a Module, or a list of Values.
        lr: the learning rate, positive.
        momentum: how much of the last velocity stays, from 0 to below 1.
        nesterov: look ahead by one velocity; needs momentum.
        weight_decay: adds weight_decay · parameter to each gradient.

    Raises:
        ValueError, TypeError: an argument is not one of these.

    >>> from nn import MLP, SGD
    >>> SGD(MLP(2, [16, 16, 1], seed=0), lr=0.1, momentum=0.9)
    SGD(337 parameters, lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)
    """

    update = staticmethod(sgd_update)
    initial = (0.0,)

    def _checked(self, hyperparameters: Mapping[str, float]) -> dict[str, float]:
        checked = super()._checked(hyperparameters)
        if checked["nesterov"] and not checked["momentum"]:
            raise ValueError("SGD takes nesterov only with momentum, got momentum 0; try momentum=0.9")
        return checked


class Adam(Optimiser):
    """Adam: steps of about lr in each parameter, whatever the size of its gradients.

    Args:
        parameters: a Module, or a list of Values.
        lr: the learning rate, positive.
        beta1, beta2: how much of the running means stays, from 0 to below 1.
        epsilon: added to the root of the mean square, from 0.
        weight_decay: adds weight_decay · parameter to each gradient.

    Raises:
        ValueError, TypeError: an argument is not one of these.

    >>> from nn import MLP, Adam
    >>> Adam(MLP(2, [16, 16, 1], seed=0), lr=0.01)
    Adam(337 parameters, lr=0.01, beta1=0.9, beta2=0.999, epsilon=1e-08, weight_decay=0.0)
    """

    update = staticmethod(adam_update)
    initial = (0.0, 0.0)


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: every parameter shrinks at the same rate.

    Args:
        parameters: a Module, or a list of Values.
        lr, beta1, beta2, epsilon: as for `Adam`.
        weight_decay: each step takes lr · weight_decay of a parameter off it. (An l2 penalty goes through the
            gradient instead, which Adam divides by its size.)

    Raises:
        ValueError, TypeError: an argument is not one of these.

    >>> from nn import MLP, AdamW
    >>> AdamW(MLP(2, [16, 16, 1], seed=0)).weight_decay
    0.01
    """

    update = staticmethod(adamw_update)


class RMSprop(Optimiser):
    """Gradients divided by the root of a running mean of their squares.

    Args:
        parameters: a Module, or a list of Values.
        lr: the learning rate, positive.
        rho: how much of the running mean stays, from 0 to below 1 (PyTorch calls it alpha).
        epsilon: added to the root, from 0.
        momentum: how much of the last velocity stays, from 0 to below 1.
        weight_decay: adds weight_decay · parameter to each gradient.

    Raises:
        ValueError, TypeError: an argument is not one of these.

    >>> from nn import MLP, RMSprop
    >>> RMSprop(MLP(2, [16, 16, 1], seed=0))
    RMSprop(337 parameters, lr=0.01, rho=0.99, epsilon=1e-08, momentum=0.0, weight_decay=0.0)
    """

    update = staticmethod(rmsprop_update)
    initial = (0.0, 0.0)


class Adagrad(Optimiser):
    """Gradients divided by the root of the sum of all their squares: steps become smaller and smaller.

    Args:
        parameters: a Module, or a list of Values.
        lr: the learning rate, positive.
        epsilon: added to the root, from 0.
        weight_decay: adds weight_decay · parameter to each gradient.

    Raises:
        ValueError, TypeError: an argument is not one of these.

    >>> from nn import MLP, Adagrad
    >>> Adagrad(MLP(2, [16, 16, 1], seed=0))
    Adagrad(337 parameters, lr=0.01, epsilon=1e-10, weight_decay=0.0)
    """

    update = staticmethod(adagrad_update)
    initial = (0.0,)


# By name, as `nn.fit` takes them.
OPTIMISERS: dict[str, Callable[..., Optimiser]] = {
    "sgd": SGD,
    "momentum": lambda parameters: SGD(parameters, momentum=0.9),
    "nesterov": lambda parameters: SGD(parameters, momentum=0.9, nesterov=True),
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}
