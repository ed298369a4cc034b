"""Updates: one step of each optimiser, for one parameter, and how gradients are clipped before it.

An update is a pure function of scalars, `(parameter, gradient, state, …hyperparameters) -> (parameter, state)`, made of
the engine's operations: the same text runs on floats and, recorded, in a compiled loop. `step` counts from 1. All agree
with PyTorch's, also where a gradient that was always 0 is divided by an epsilon of 0, which gives nan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine import clip, div, minimum, sqrt, square, total

from .arguments import Number  # Values while an update is recorded

State = tuple[Number, ...]
Update = Callable[..., tuple[Number, State]]


def sgd_update(
    parameter: Number, gradient: Number, state: State, *, step: Number, lr: Number = 0.01, momentum: Number = 0.0,
    nesterov: bool = False, weight_decay: Number = 0.0,
) -> tuple[Number, State]:  # fmt: skip
    """One step of stochastic gradient descent with momentum; the state is (velocity,), at first 0.

    Sutskever et al., On the importance of initialization and momentum in deep learning (2013), in PyTorch's form.

    >>> from nn.updates import sgd_update
    >>> sgd_update(1.0, 0.5, (0.0,), step=1, lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)
    (0.95, (0.5,))
    """
    (velocity,) = state
    gradient = gradient + weight_decay * parameter
    velocity = momentum * velocity + gradient
    direction = gradient + momentum * velocity if nesterov else velocity
    return parameter - lr * direction, (velocity,)


def adam_update(
    parameter: Number, gradient: Number, state: State, *, step: Number, lr: Number = 0.001, beta1: Number = 0.9,
    beta2: Number = 0.999, epsilon: Number = 1e-8, weight_decay: Number = 0.0,
) -> tuple[Number, State]:  # fmt: skip
    """One step of Adam; the state is (mean, square), running means of the gradient and of its square, at first 0.

    Kingma & Ba, Adam: a method for stochastic optimization (2015), algorithm 1; `step` counts from 1.

    >>> from nn.updates import adam_update
    >>> new, state = adam_update(
    ...     1.0, 0.5, (0.0, 0.0), step=1, lr=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0
    ... )
    >>> round(new, 6)
    0.9
    """
    mean, square = state
    gradient = gradient + weight_decay * parameter
    mean = beta1 * mean + (1.0 - beta1) * gradient
    square = beta2 * square + (1.0 - beta2) * gradient * gradient
    corrected_mean = mean / (1.0 - beta1**step)
    corrected_square = square / (1.0 - beta2**step)
    return parameter - div(lr * corrected_mean, sqrt(corrected_square) + epsilon), (mean, square)


def adamw_update(
    parameter: Number, gradient: Number, state: State, *, step: Number, lr: Number = 0.001, beta1: Number = 0.9,
    beta2: Number = 0.999, epsilon: Number = 1e-8, weight_decay: Number = 0.01,
) -> tuple[Number, State]:  # fmt: skip
    """One step of AdamW: the parameter loses lr · weight_decay of itself, then one step of Adam without decay.

    Loshchilov & Hutter, Decoupled weight decay regularization (2019), algorithm 2.

    >>> from nn.updates import adamw_update
    >>> new, state = adamw_update(
    ...     1.0, 0.0, (0.0, 0.0), step=1, lr=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01
    ... )
    >>> new
    0.999
    """
    parameter = parameter * (1.0 - lr * weight_decay)
    return adam_update(
        parameter, gradient, state, step=step, lr=lr, beta1=beta1, beta2=beta2, epsilon=epsilon, weight_decay=0.0
    )


def rmsprop_update(
    parameter: Number, gradient: Number, state: State, *, step: Number, lr: Number = 0.01, rho: Number = 0.99,
    epsilon: Number = 1e-8, momentum: Number = 0.0, weight_decay: Number = 0.0,
) -> tuple[Number, State]:  # fmt: skip
    """One step of RMSprop; the state is (square, velocity), at first 0.

    Hinton, Neural networks for machine learning, lecture 6e (2012), with PyTorch's momentum.

    >>> from nn.updates import rmsprop_update
    >>> rmsprop_update(1.0, 0.5, (0.0, 0.0), step=1, lr=0.1, rho=0.0, epsilon=0.0, momentum=0.0, weight_decay=0.0)
    (0.9, (0.25, 1.0))
    """
    square, velocity = state
    gradient = gradient + weight_decay * parameter
    square = rho * square + (1.0 - rho) * gradient * gradient
    velocity = momentum * velocity + div(gradient, sqrt(square) + epsilon)
    return parameter - lr * velocity, (square, velocity)


def adagrad_update(
    parameter: Number, gradient: Number, state: State, *, step: Number, lr: Number = 0.01, epsilon: Number = 1e-10,
    weight_decay: Number = 0.0,
) -> tuple[Number, State]:  # fmt: skip
    """One step of Adagrad; the state is (sum of squared gradients,), at first 0.

    Duchi et al., Adaptive subgradient methods for online learning and stochastic optimization (2011).

    >>> from nn.updates import adagrad_update
    >>> adagrad_update(1.0, 0.5, (0.0,), step=1, lr=0.1, epsilon=0.0, weight_decay=0.0)
    (0.9, (0.25,))
    """
    (squares,) = state
    gradient = gradient + weight_decay * parameter
    squares = squares + gradient * gradient
    return parameter - div(lr * gradient, sqrt(squares) + epsilon), (squares,)


# Gradients, cut down before a step -----------------------------------------------------------------------------------


def clipped_by_value(gradients: Sequence[Number], most: Number) -> list[Number]:
    """Each gradient, cut to ±most.

    >>> from nn.updates import clipped_by_value
    >>> clipped_by_value([3.0, -0.5], 1.0)
    [1.0, -0.5]
    """
    return [clip(g, -most, most) for g in gradients]


def clipped_by_norm(gradients: Sequence[Number], most: Number) -> list[Number]:
    """All gradients, scaled by one factor so that the root of the sum of their squares is at most `most`.

    Pascanu et al., On the difficulty of training recurrent neural networks (2013), with PyTorch's 1e-6 in the divisor.

    >>> from nn.updates import clipped_by_norm
    >>> [round(g, 5) for g in clipped_by_norm([3.0, 4.0], 1.0)]
    [0.6, 0.8]
    """
    factor = norm_factor(total([square(g) for g in gradients]), most)
    return [g * factor for g in gradients]


def norm_factor(squares: Number, most: Number) -> Number:
    """The factor on gradients whose squares have this sum.

    >>> from nn.updates import norm_factor
    >>> norm_factor(0.25, 1.0)
    1.0
    """
    return minimum(most / (sqrt(squares) + 1e-6), 1.0)
