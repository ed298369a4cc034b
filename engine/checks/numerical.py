"""The classic check: central differences, with Richardson extrapolation and an estimate of their own error.

Ridders, Accurate computation of F'(x) and F'(x) F''(x), Advances in Engineering Software 4 (1982).
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..arguments import function, number, real, shown, whole
from ..transforms.trees import Function, Tree, flatten

WHO = "numerical_gradient"


class Estimate(NamedTuple):
    """A numerical gradient.

    Attributes:
        gradient: in the tree of the argument; a tuple of trees for several arguments.
        error: the estimated error of each number, in the same tree.
    """

    gradient: Tree
    error: Tree


def numerical_gradient(f: Function, at: Tree, step: float = 0.1, rounds: int = 8) -> Estimate:
    """The gradient by differences of values alone: good to about ten digits where f is smooth, and it says how good.

    Args:
        f: a function of numbers, lists, tuples, dicts and arrays that returns one number or Value.
        at: its arguments, a tuple (one argument may stand alone).
        step: the first and widest step; relative to numbers above 1.
        rounds: how often the step is shortened.

    Returns:
        An Estimate (gradient, error). The error is an estimate, not a bound: `check_gradients` has bounds.

    Raises:
        TypeError, ValueError: an argument is not one of these, or f returns no number.

    >>> from engine.checks import numerical_gradient
    >>> estimate = numerical_gradient(lambda x: x**3, 2.0)
    >>> abs(estimate.gradient - 12.0) < 1e-9, estimate.error < 1e-9
    (True, True)
    """
    function(WHO, "f", f, "a function of numbers")
    step = number(WHO, "step", step, "a number above 1e-300", lambda h: h > 1e-300)
    rounds = whole(WHO, "rounds", rounds, least=2, most=100)
    args = at if isinstance(at, tuple) else (at,)
    trees = [flatten(a, WHO, f"argument {i}") for i, a in enumerate(args)]
    point = [float(x) for t in trees for x in t.leaves]
    if not point:
        raise ValueError(f"{WHO} takes a point of at least one number, got {at!r}")

    def filled(xs: Iterable[float]) -> list[Tree]:
        rest = iter(xs)
        return [t.rebuild(rest) for t in trees]

    def value(xs: list[float]) -> float:
        y = f(*filled(xs))
        found = real(y)
        if found is None:
            raise TypeError(f"{WHO} takes a function that returns one number, got {shown(y)} from it")
        return found

    found = [_derivative(value, point, i, step, rounds) for i in range(len(point))]
    return Estimate(*[parts[0] if len(parts) == 1 else tuple(parts) for parts in map(filled, zip(*found))])


def _derivative(
    value: Callable[[list[float]], float], point: list[float], i: int, step: float, rounds: int
) -> tuple[float, float]:
    """(derivative, error): Neville's tableau over steps that shrink by 1.4."""

    def difference(h: float) -> float:
        there, back = list(point), list(point)
        there[i] += h
        back[i] -= h
        width = there[i] - back[i]
        if not width:
            raise ValueError(f"{WHO} takes a step that changes {point[i]}, got one of {h}; take a larger one")
        return (value(there) - value(back)) / width

    shrink = 1.4
    h = step * max(1.0, abs(point[i]))
    row = [difference(h)]
    best, error = row[0], float("inf")
    for _ in range(rounds):
        h /= shrink
        longer = [difference(h)]
        factor = shrink * shrink
        for k, old in enumerate(row):
            longer.append((longer[k] * factor - old) / (factor - 1.0))
            factor *= shrink * shrink
            guess = max(abs(longer[-1] - longer[-2]), abs(longer[-1] - old))
            if guess <= error:
                best, error = longer[-1], guess
        row = longer
    return best, error
