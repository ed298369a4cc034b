"""The exercises of 00_coming_from_micrograd."""

import math

import engine
from engine import Value

from .answers import called, close, exercise, number


@exercise("00.1")
def two_losses(answer: object) -> str | None:
    """The gradient of p = 2 under 3p² and 5p² together."""
    gradient = number(answer)
    if close(gradient, 32.0):
        return None
    if close(gradient, 44.0):
        return "that is what micrograd says: what the first loss left in h is counted again with the second."
    if close(gradient, 12.0) or close(gradient, 20.0):
        return "that is one of the two losses; their gradients add up."
    if close(gradient, 8.0):
        return "that is the gradient of h; from h to p there is one more factor."
    if close(gradient, 240.0):
        return "the gradients of two losses are added, not multiplied."
    if close(gradient, 16.0):
        return "dh/dp is 2p, and p is 2."
    return f"{gradient:g} is not the slope of the two losses together; write their sum as a function of p."


@exercise("00.2")
def sigmoid_in_pieces(answer: object) -> str | None:
    """A function sigmoid(x) of a Value, made of exp and arithmetic."""
    for at in (0.5, -2.0):
        x = Value(at, label="x")
        y = called(answer, x, what="sigmoid(x)")
        if not isinstance(y, Value):
            return f"for a Value it returns {y!r:.40}: arithmetic on x.data forgets x."
        ops = {v.op.name for v in engine.topological_order(y) if v.op is not None}
        right = 1.0 / (1.0 + math.exp(-at))
        if close(y.data, 1.0 - right):
            return f"at x = {at:g} it gives {y.data:.4f}, and falls where it should rise: which sign has the exponent?"
        if not close(y.data, right):
            return (
                f"at x = {at:g} it gives {y.data:.4f}; between 0 and 1, and more than a half for x > 0, it should be."
            )
        y.backward()
        if not close(x.grad, right * (1.0 - right)):
            return f"the value is right, but x.grad is {x.grad:.4f}: does every step go through Values?"
        if ops & {"sigmoid", "tanh", "softplus"}:
            return f"it uses {', '.join(sorted(ops & {'sigmoid', 'tanh', 'softplus'}))}; exp and arithmetic only."
    return None
