"""Functions made of rows: of lists, and those with parameters, by which nothing is differentiated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Any, TypeVar

from .arguments import number, shown, whole
from .conversion import operand, operands
from .ops import digamma, exp, lgamma, logsumexp, total, trigamma
from .rule import TABLE
from .untabled import untabled
from .value import Value

X = TypeVar("X", float, Value)


def softmax(xs: Iterable[float | Value]) -> list[Any]:
    """exp(x) / sum of exp, for each x of a list: a list of Values (or floats) that sum to 1.

    The largest is taken from all first, so that none overflows, and a number added to all changes nothing.

    >>> from engine import softmax
    >>> softmax([0.0, 0.0]), softmax([1e17, 1e17])
    ([0.5, 0.5], [0.5, 0.5])
    """
    powers = [exp(x) for x in _centred(xs, "softmax")]
    whole = total(powers)
    return [p / whole for p in powers]


def log_softmax(xs: Iterable[float | Value]) -> list[Any]:
    """The logarithm of `softmax`, without its underflow.

    >>> from engine import log_softmax
    >>> log_softmax([1000.0, 0.0])
    [0.0, -1000.0]
    """
    xs = _centred(xs, "log_softmax")
    y = logsumexp(xs)
    return [x - y for x in xs]


def _centred(xs: object, who: str) -> list[Any]:
    xs = operands(xs, who)
    largest = TABLE["top"](xs)
    return [x - largest for x in xs]


def polygamma(n: int, x: X) -> X:
    """The n-th derivative of digamma at x, for a whole number n from 0 to 160; it is differentiable in x.

    >>> from engine import polygamma
    >>> print(f"{polygamma(2, 1.0):.12f}")
    -2.404113806319
    """
    n = whole("polygamma", "n", n, most=160)
    row: Callable[[X], X] = (digamma, trigamma)[n] if n < 2 else untabled("polygamma", n)
    return row(x)


def gammainc(a: float, x: X) -> X:
    """The regularized lower incomplete gamma function P(a, x), for a number a above 0; it is differentiated in x alone.

    Its derivative in a is no formula of rows: a Value as a is refused.

    >>> from engine import gammainc
    >>> print(f"{gammainc(2.0, 1.0):.12f}")
    0.264241117657
    """
    y: X = untabled("gammainc", 0)(_parameter("gammainc", "a", a), x)
    return y


def gammaincc(a: float, x: X) -> X:
    """The regularized upper incomplete gamma function Q(a, x) = 1 - P(a, x), accurate where it is small: see `gammainc`.

    >>> from engine import gammaincc
    >>> print(f"{gammaincc(2.0, 100.0):.12e}")
    3.757276735781e-42
    """
    y: X = untabled("gammaincc", 0)(_parameter("gammaincc", "a", a), x)
    return y


def betainc(a: float, b: float, x: X) -> X:
    """The regularized incomplete beta function I_x(a, b), for numbers a and b above 0, up to a million.

    It is differentiated in x, which goes from 0 to 1, alone: see `gammainc`.

    >>> from engine import betainc
    >>> print(f"{betainc(2.0, 3.0, 0.5):.12f}")
    0.687500000000
    """
    a, b = (_parameter("betainc", name, p, 1e6) for name, p in (("a", a), ("b", b)))
    y: X = untabled("betainc", 0)(a, b, x)
    return y


def _parameter(who: str, name: str, x: object, most: float = inf) -> float:
    """A parameter by which nothing is differentiated."""
    takes = "a number above 0" + (f", up to {most:g}," if most < inf else "")
    if hasattr(x, "_node"):
        raise TypeError(
            f"{who} takes {takes} as {name}, got {shown(x)}; it is differentiated in x alone, so give a float, in "
            "jit by static_argnames"
        )
    return number(who, name, x, takes, lambda x: 0.0 < x <= most)


def lbeta(a: Any, b: Any) -> Any:
    """The logarithm of `beta`, as lgamma(a) + (lgamma(b) - lgamma(a + b)): to some units of the largest of the three.

    >>> from engine import lbeta
    >>> print(f"{lbeta(2.0, 3.0):.12f}")
    -2.484906649788
    """
    a, b = operand(a, "lbeta"), operand(b, "lbeta")
    return lgamma(a) + (lgamma(b) - lgamma(a + b))


def beta(a: Any, b: Any) -> Any:
    """gamma(a)*gamma(b)/gamma(a + b) for a and b above 0, as exp(lbeta(a, b)), so that no factor overflows.

    >>> from engine import beta
    >>> print(f"{beta(2.0, 3.0):.12f}")
    0.083333333333
    """
    return exp(lbeta(operand(a, "beta"), operand(b, "beta")))
