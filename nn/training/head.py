"""Head: the last layer's output function, and the loss that belongs to it.

A network is trained on the sums of its last layer. A loss that has the output function inside, as the cross-entropies
do, takes them as they are; every other loss gets what the output function makes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from engine import Value, softmax
from engine.arguments import function, real
from engine.arguments import shown as written

from .. import losses
from ..activations import activation_function, value_of
from .objective import Objective, binary_target, class_target, objective, unbound

_SQUARES = (losses.mse, losses.mae, losses.huber)
_USUAL_LOSS = {"sigmoid": "binary_cross_entropy", "softmax": "cross_entropy"}
_INSIDE: dict[Any, str] = {  # the output functions that losses have inside
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

    output: Any
    loss: Any
    objective: Objective
    shown: Callable[[Any], list[float]]


def head(who: str, count: int, output: Any = None, loss: Any = None) -> Head:
    """The head of a network.

    Args:
        who: the function that was called, for messages.
        count: how many outputs there are.
        output: an activation's name or function, or "softmax"; None for the one that suits the loss and the count.
        loss: a name or a function (outputs, target) -> Value; None for the one that suits the output.

    Raises:
        ValueError, TypeError: an argument is not one of these, or they do not go together.

    >>> from engine import Value
    >>> from nn.training.head import head
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
    if goal is None:
        loss = _USUAL_LOSS.get(output, "mse") if isinstance(output, str) else "mse"
        goal = objective(who, loss)
    known = unbound(goal.loss)
    needed = _INSIDE.get(known) if isinstance(known, Hashable) else None
    if needed is not None and output != needed:
        raise ValueError(f"{who} takes output={needed!r} with the loss {goal.name}, got {output!r:.60}")
    activate = _activation(output)

    def shown(z: Any) -> list[float]:
        y = activate(z)
        numbers = [real(x) for x in (y if isinstance(y, list) else [y])]
        if None in numbers:
            raise TypeError(f"{who} takes as output a function that returns a Value, got {written(y)} from it")
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


def _activation(output: Any) -> Callable[[Any], Any]:
    """The output function, of one sum or of a list of them."""
    if output == "softmax":
        return softmax
    one = activation_function(output)
    if one is None:
        return lambda z: z

    def applied(x: Any) -> Any:
        y = one(x)
        return value_of(output, y) if x.__class__ is Value and y.__class__ is not Value else y

    return lambda z: [applied(x) for x in z] if isinstance(z, list) else applied(z)


def _after(activate: Callable[[Any], Any], output: Any, goal: Objective) -> Objective:
    """The objective of sums whose loss is that of the outputs; of probabilities a squared error takes classes too."""
    loss, target = goal.loss, goal.target
    if unbound(loss) in _SQUARES and output == "softmax":
        return goal._replace(loss=lambda z, t: loss(activate(z), _spread(t, z)), target=class_target)
    if unbound(loss) in _SQUARES and output == "sigmoid":
        target = binary_target
    return goal._replace(loss=lambda z, t: loss(activate(z), t), target=target)


def _spread(t: Any, z: Any) -> Any:
    """A class as a list of probabilities, so that a squared error can compare it."""
    return t if isinstance(t, list) else [float(k == t) for k in range(len(z))]
