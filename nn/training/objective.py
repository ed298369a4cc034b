"""Objective: what a network is trained for: a loss of one example, the targets it takes, what its outputs predict.

A network is trained on the sums of its last layer. A loss that has the output function inside, as the cross-entropies
do, takes them as they are; every other loss gets what the output function makes of them. Both together are a Head.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, NamedTuple

from engine import Value, softmax
from engine.arguments import function, nearest, real
from engine.arguments import shown as said

from .. import losses
from ..activations import activation_function, value_of
from ..arguments import Number
from . import targets
from .targets import Floats, Target

Outputs = Any  # of a network: a Value, or a list of them
LossFunction = Callable[[Any, Any], Value]  # of (outputs, target), for one example
Output = str | Callable[[Value], Value]
Reading = Callable[[str, object, int, str], object]
Prediction = Callable[[Floats], object]


_OTHER_NAMES = {
    "mean_squared_error": "mse",
    "squared_error": "mse",
    "l2": "mse",
    "mean_absolute_error": "mae",
    "l1": "mae",
    "bce": "binary_cross_entropy",
    "log": "binary_cross_entropy",
    "binary_crossentropy": "binary_cross_entropy",
    "categorical_cross_entropy": "cross_entropy",
    "categorical_crossentropy": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy",
    "nll": "cross_entropy",
    "kl": "kl_divergence",
    "kld": "kl_divergence",
}


class Objective(NamedTuple):
    """A loss with what it means.

    Attributes:
        name: how messages call the loss.
        loss: (outputs, target) -> Value, for one example.
        target: (who, target, number of outputs, place) -> the target as the loss takes it, checked.
        prediction: outputs as numbers -> what they say about the target: a class, or numbers.
        classes: whether predictions are classes.
    """

    name: str
    loss: LossFunction
    target: Reading
    prediction: Prediction
    classes: bool

    def value(self, who: str, outputs: Outputs, target: Target) -> Value:
        """The loss of one example; a TypeError where it is no Value."""
        found = self.loss(outputs, target)
        if found.__class__ is not Value:
            raise TypeError(f"{who} takes a loss that returns a Value, got {said(found)} from it")
        return found


def objective(who: str, loss: object) -> Objective:
    """The objective that a loss stands for.

    Args:
        who: the function that was called, for messages.
        loss: a name from `nn.losses.LOSSES`; one of those functions, with keywords bound by functools.partial if
            wanted; or any function (outputs, target) -> Value for one example.

    Raises:
        ValueError: there is no loss of this name.
        TypeError: loss is neither a name nor a function.

    >>> from nn.training.objective import objective
    >>> objective("fit", "cross_entropy").prediction([0.1, 0.7, 0.2])
    1
    """
    if isinstance(loss, Objective):
        return loss
    if isinstance(loss, str):
        if loss not in losses.LOSSES:
            written = loss.lower().replace(" ", "_").replace("-", "_").removesuffix("_loss")
            other = _OTHER_NAMES.get(written)
            hint = f"; did you mean {other!r}?" if other else nearest(written, losses.LOSSES)
            raise ValueError(
                f"{who} takes one of {', '.join(losses.LOSSES)}, or a function (outputs, target) -> Value, as loss, "
                f"got {loss!r}{hint}"
            )
        loss = losses.LOSSES[loss]
    if not callable(loss):
        hint = "; give the function itself, loss=nn.mse, without calling it" if real(loss) is not None else ""
        raise TypeError(f"{who} takes a name or a function (outputs, target) -> Value as loss, got {said(loss)}{hint}")
    function = unbound(loss)
    name = getattr(function, "__name__", "loss")
    known = _MEANINGS.get(function) if isinstance(function, Hashable) else None
    target, prediction, classes = known or (targets.any_target, targets.themselves, False)
    return Objective(name, loss, target, prediction, classes)


def unbound(function: object) -> object:
    """The function itself, of one that has keywords bound by functools.partial.

    >>> from functools import partial
    >>> from nn.losses import huber
    >>> from nn.training.objective import unbound
    >>> unbound(partial(huber, delta=2.0)) is huber
    True
    """
    while isinstance(function, partial):
        function = function.func
    return function


_MEANINGS: dict[object, tuple[Reading, Prediction, bool]] = {
    losses.mse: (targets.number_target, targets.themselves, False),
    losses.mae: (targets.number_target, targets.themselves, False),
    losses.huber: (targets.number_target, targets.themselves, False),
    losses.binary_cross_entropy: (targets.binary_target, targets.above(0.0, 0), True),
    losses.cross_entropy: (targets.class_target, targets.largest, True),
    losses.hinge: (targets.sign_target, targets.above(0.0, -1), True),
    losses.kl_divergence: (targets.probability_target, targets.largest, True),
}


# The last layer's output function, and the loss that belongs to it ---------------------------------------------------

_SQUARES = (losses.mse, losses.mae, losses.huber)
_USUAL_LOSS = {"sigmoid": "binary_cross_entropy", "softmax": "cross_entropy"}
_INSIDE: dict[object, str] = {  # the output functions that losses have inside
    losses.binary_cross_entropy: "sigmoid",
    losses.cross_entropy: "softmax",
    losses.kl_divergence: "softmax",
}


class Head(NamedTuple):
    """An output function and a loss that go together.

    Attributes:
        output: a name from `nn.activations.ACTIVATIONS`, "softmax", or a function.
        loss: a name from `nn.losses.LOSSES`, or a function.
        objective: the loss of the last layer's sums, with the targets it takes.
        shown: (sums of the last layer) -> the outputs, a list of floats.
    """

    output: Output
    loss: str | LossFunction
    objective: Objective
    shown: Callable[[Outputs], list[float]]


def head(who: str, count: int, output: Output | None = None, loss: str | LossFunction | None = None) -> Head:
    """The head of a network.

    Args:
        who: the function that was called, for messages.
        count: how many outputs there are.
        output: an activation's name or function, or "softmax"; None for the one that suits the loss and the count.
        loss: a name or a function (outputs, target) -> Value; None for the one that suits the output.

    Raises:
        ValueError, TypeError: an argument is not one of these, or they do not go together.

    >>> from engine import Value
    >>> from nn.training.objective import head
    >>> head("NeuralNetwork", 3).output, head("NeuralNetwork", 3).loss
    ('softmax', 'cross_entropy')
    >>> head("NeuralNetwork", 1).shown(Value(0.0))
    [0.5]
    """
    goal = None if loss is None else objective(who, loss)
    if output is None:
        output = _usual_output(count, goal)
    if not isinstance(output, str):
        function(who, "output", output, "a name or a function of a Value")
    elif output == "softmax" and count == 1:
        raise ValueError(f"{who} takes softmax for two outputs or more, got one; use sigmoid")
    if goal is None or loss is None:
        loss = _USUAL_LOSS.get(output, "mse") if isinstance(output, str) else "mse"
        goal = objective(who, loss)
    known = unbound(goal.loss)
    needed = _INSIDE.get(known) if isinstance(known, Hashable) else None
    if needed is not None and output != needed:
        raise ValueError(f"{who} takes output={needed!r} with the loss {goal.name}, got {said(output)}")
    activate = _activation(output)

    def shown(z: Outputs) -> list[float]:
        y = activate(z)
        numbers = [real(x) for x in (y if isinstance(y, list) else [y])]
        if None in numbers:
            raise TypeError(f"{who} takes as output a function that returns a Value, got {said(y)} from it")
        return [x for x in numbers if x is not None]

    if needed is None and output != "identity":
        goal = _after(activate, output, goal)
    return Head(output, loss, goal, shown)


def _usual_output(count: int, goal: Objective | None) -> str:
    function = None if goal is None else unbound(goal.loss)
    if function in (*_SQUARES, losses.hinge):
        return "identity"
    if function is losses.kl_divergence:
        return "softmax"
    return "sigmoid" if count == 1 or function is losses.binary_cross_entropy else "softmax"


def _activation(output: Output) -> Callable[[Outputs], Outputs]:
    """The output function, of one sum or of a list of them."""
    if output == "softmax":
        return softmax
    one = activation_function(output)
    if one is None:
        return lambda z: z

    def applied(x: Value) -> Value:
        y = one(x)
        return value_of(output, y) if x.__class__ is Value and y.__class__ is not Value else y

    return lambda z: [applied(x) for x in z] if isinstance(z, list) else applied(z)


def _after(activate: Callable[[Outputs], Outputs], output: Output, goal: Objective) -> Objective:
    """The objective of sums whose loss is that of the outputs; of probabilities a squared error takes classes too."""
    loss, target = goal.loss, goal.target
    if unbound(loss) in _SQUARES and output == "softmax":
        return goal._replace(loss=lambda z, t: loss(activate(z), _spread(t, z)), target=targets.class_target)
    if unbound(loss) in _SQUARES and output == "sigmoid":
        target = targets.binary_target
    return goal._replace(loss=lambda z, t: loss(activate(z), t), target=target)


def _spread(t: object, z: list[Number]) -> object:
    """A class as a list of probabilities, so that a squared error can compare it."""
    return t if isinstance(t, list) else [float(k == t) for k in range(len(z))]
