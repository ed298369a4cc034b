"""Optimisers: how parameters move against their gradients.

An update is a pure function of scalars, `(parameter, gradient, state, …hyperparameters) -> (parameter, state)`, made of
the engine's operations: the same text runs on floats here, and on recorded Values where a loop is compiled. The classes
hold the parameters and one state for each. Both agree with PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any, ClassVar

from engine import Value, power, sqrt

from .module import Module

Number = Any  # a float, or a Value while an update is recorded
State = tuple[Number, ...]
Update = Callable[..., tuple[Number, State]]


def sgd_update(
    parameter: Number,
    gradient: Number,
    state: State,
    *,
    step: Number,
    lr: Number,
    momentum: Number,
    nesterov: bool,
    weight_decay: Number,
) -> tuple[Number, State]:
    """One step of stochastic gradient descent with momentum; the state is (velocity,), at first 0.

    Sutskever et al., On the importance of initialization and momentum in deep learning (2013), in PyTorch's form.

    >>> from nn.optim import sgd_update
    >>> sgd_update(1.0, 0.5, (0.0,), step=1, lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)
    (0.95, (0.5,))
    """
    (velocity,) = state
    gradient = gradient + weight_decay * parameter
    velocity = momentum * velocity + gradient
    direction = gradient + momentum * velocity if nesterov else velocity
    return parameter - lr * direction, (velocity,)


def adam_update(
    parameter: Number,
    gradient: Number,
    state: State,
    *,
    step: Number,
    lr: Number,
    beta1: Number,
    beta2: Number,
    epsilon: Number,
    weight_decay: Number,
) -> tuple[Number, State]:
    """One step of Adam; the state is (mean, square), running means of the gradient and of its square, at first 0.

    Kingma & Ba, Adam: a method for stochastic optimization (2015), algorithm 1; `step` counts from 1.

    >>> from nn.optim import adam_update
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
    corrected_mean = mean / (1.0 - power(beta1, step))
    corrected_square = square / (1.0 - power(beta2, step))
    return parameter - lr * corrected_mean / (sqrt(corrected_square) + epsilon), (mean, square)


class Optimiser:
    """What optimisers share: parameters, a state for each, and the count of steps.

    A subclass names its update, the state to start from, and its hyperparameters, which are attributes: they may be
    changed between steps, as a schedule does with `lr`.

    Attributes:
        parameters: the list of Values that a step changes.
        states: the state of each, a tuple of floats.
        steps: how many steps were made.
    """

    update: ClassVar[Update]
    initial: ClassVar[State]
    names: ClassVar[tuple[str, ...]]

    lr: float

    def __init__(self, parameters: Module | Iterable[Value]) -> None:
        self.parameters = _parameters(type(self).__name__, parameters)
        self.states: list[State] = [self.initial] * len(self.parameters)
        self.steps = 0

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """What the update takes besides parameter, gradient, state and step.

        >>> from engine import Value
        >>> from nn import SGD
        >>> SGD([Value(1.0)], lr=0.1).hyperparameters
        {'lr': 0.1, 'momentum': 0.0, 'nesterov': False, 'weight_decay': 0.0}
        """
        return {name: getattr(self, name) for name in self.names}

    def step(self) -> None:
        """Move each parameter by its `.grad`, which is 0 where no backward has been.

        >>> from engine import Value
        >>> from nn import SGD
        >>> p = Value(1.0)
        >>> (p * p).backward()
        >>> SGD([p], lr=0.1).step()
        >>> p.data
        0.8
        """
        update, fixed = type(self).update, self.hyperparameters
        fixed["step"] = self.steps + 1
        moved = [update(p.data, p.grad, s, **fixed) for p, s in zip(self.parameters, self.states)]
        for p, (x, _) in zip(self.parameters, moved):
            p.data = x
        self.states = [s for _, s in moved]
        self.steps += 1

    def zero_grad(self) -> None:
        """Take the gradients off all parameters."""
        for p in self.parameters:
            p.zero_grad()

    def state(self) -> dict[str, Any]:
        """Steps, hyperparameters and states: a plain dict, which JSON and pickle keep to the last bit."""
        return {"steps": self.steps, **self.hyperparameters, "states": [list(s) for s in self.states]}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state` of the same kind of optimiser over as many parameters.

        Raises:
            TypeError: state is no dict.
            ValueError: it is of another kind of optimiser, or for other parameters.
        """
        who = f"load_state of {type(self).__name__}"
        if not isinstance(state, Mapping):
            raise TypeError(f"{who} takes a dict such as state() returns, got {state!r:.60}")
        expected = {"steps", "states", *self.names}
        if state.keys() != expected:
            raise ValueError(f"{who} takes the keys {', '.join(sorted(expected))}, got {', '.join(map(str, state))}")
        states = [tuple([float(x) for x in s]) for s in state["states"]]
        if len(states) != len(self.parameters) or any(len(s) != len(self.initial) for s in states):
            raise ValueError(
                f"{who} takes {len(self.initial)} numbers for each of its {len(self.parameters)} parameters, "
                f"got {len(states)} states; was it saved for another network?"
            )
        self._set(**{name: state[name] for name in self.names})
        self.states, self.steps = states, int(state["steps"])

    def _set(self, **hyperparameters: Any) -> None:
        for name, x in hyperparameters.items():
            legal, says = LEGAL[name]
            if isinstance(x, (str, bytes, complex)) or not hasattr(x, "__float__"):
                raise TypeError(f"{type(self).__name__} takes {says} as {name}, got {x!r:.60}")
            if not isfinite(x) or not legal(x):
                raise ValueError(f"{type(self).__name__} takes {says} as {name}, got {x}")
        for name, x in hyperparameters.items():
            setattr(self, name, bool(x) if name == "nesterov" else float(x))

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={x}" for name, x in self.hyperparameters.items())
        return f"{type(self).__name__}({len(self.parameters)} parameters, {said})"


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
    names = ("lr", "momentum", "nesterov", "weight_decay")

    momentum: float
    nesterov: bool
    weight_decay: float

    def __init__(
        self,
        parameters: Module | Iterable[Value],
        lr: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters)
        self._set(lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)
        if self.nesterov and not self.momentum:
            raise ValueError("SGD takes nesterov only with momentum, got momentum 0; try momentum=0.9")


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
    names = ("lr", "beta1", "beta2", "epsilon", "weight_decay")

    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float

    def __init__(
        self,
        parameters: Module | Iterable[Value],
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters)
        self._set(lr=lr, beta1=beta1, beta2=beta2, epsilon=epsilon, weight_decay=weight_decay)


# What a hyperparameter may be, and how that is said.
_FRACTION = (lambda x: 0.0 <= x < 1.0), "a number from 0 to below 1"
_NOT_NEGATIVE = (lambda x: x >= 0.0), "a number from 0"
LEGAL: dict[str, tuple[Callable[[Any], bool], str]] = {
    "lr": ((lambda x: x > 0.0), "a positive number"),
    "momentum": _FRACTION,
    "nesterov": ((lambda x: x in (0, 1)), "True or False"),
    "weight_decay": _NOT_NEGATIVE,
    "beta1": _FRACTION,
    "beta2": _FRACTION,
    "epsilon": _NOT_NEGATIVE,
}


def _parameters(who: str, parameters: Any) -> list[Value]:
    if isinstance(parameters, Module):
        parameters = parameters.parameters()
    if isinstance(parameters, (Value, str, bytes)) or not hasattr(parameters, "__iter__"):
        raise TypeError(f"{who} takes a Module or a list of Values, got {parameters!r:.60}")
    found = list(parameters)
    for p in found:
        if p.__class__ is not Value:
            raise TypeError(f"{who} takes Values as parameters, got {p!r:.60}")
        if p.op is not None:
            raise ValueError(f"{who} takes leaves as parameters, got the result of {p.op.name}: {p!r}")
    if not found:
        raise ValueError(f"{who} takes at least one parameter, got none")
    if len(set(found)) < len(found):
        raise ValueError(f"{who} takes each parameter once, got {len(found) - len(set(found))} of them again")
    return found
