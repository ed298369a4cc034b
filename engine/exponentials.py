"""Forward functions made of exponentials, in forms that neither overflow nor lose digits.

The textbook formulas of sech², exp(-x²) and the normal distribution lose them for large x, those of log(1 - exp(-x)) and
the like next to a zero. The bounds are measured by tests/engine/test_rules.py.
"""

import math
from collections.abc import Sequence
from functools import reduce
from math import inf, nan
from operator import add

from .ieee import (
    LN2,
    LN2_TAIL,
    SQRT_2_PI,
    SQRT_HALF,
    SQRT_HALF_HEAD,
    SQRT_HALF_TAIL,
    SQRT_PI,
    div,
    exp,
    exp2,
    expm1,
    log,
    log1p,
    maximum,
    top,
)


def bose(x: float) -> float:
    return exp(-x) if x > 40.0 else div(1.0, math.expm1(x))


def log1mexp(x: float) -> float:
    """Mächler, Accurately computing log(1 - exp(-|a|)) (2012)."""
    return log(-expm1(-x)) if x <= LN2 else log1p(-exp(-x))


def logexpm1(x: float) -> float:
    """Around its zero ln 2 by exp(x) - 1 = 1 + 2*expm1(x - ln 2)."""
    if 0.25 < x < 1.5:
        return math.log1p(2.0 * math.expm1((x - LN2) - LN2_TAIL))
    return x + log1p(-math.exp(-x)) if x > 1.0 else log(expm1(x))


def logaddexp(a: float, b: float) -> float:
    if a == b:
        return a + math.log(2.0)
    return maximum(a, b) + math.log1p(math.exp(-abs(a - b)))


def logaddexp2(a: float, b: float) -> float:
    if a == b:
        return a + 1.0
    return maximum(a, b) + math.log1p(exp2(-abs(a - b))) / math.log(2.0)


def logsubexp(a: float, b: float) -> float:
    if a == b:
        return nan if a == inf else -inf
    return maximum(a, b) + log1mexp(abs(a - b))


def logsumexp(xs: Sequence[float]) -> float:
    largest = top(xs)
    if not math.isfinite(largest):
        return largest
    others = list(xs)
    others.remove(largest)
    return largest + math.log1p(reduce(add, [math.exp(x - largest) for x in others], 0.0))


def sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    z = math.exp(x)
    return z / (1.0 + z)


def softplus(x: float) -> float:
    return maximum(x, 0.0) + math.log1p(math.exp(-abs(x)))


def logsigmoid(x: float) -> float:
    return -softplus(-x)


def logistic_pdf(x: float) -> float:
    """sigmoid(x)·sigmoid(-x)."""
    e = math.exp(-abs(x))
    return e / ((1.0 + e) * (1.0 + e))


def sech2(x: float) -> float:
    """1/cosh² without cosh, which overflows, and without 1 - tanh², which is 0 from 19 on."""
    e = math.exp(-2.0 * abs(x))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


def silu(x: float) -> float:
    if x < -700.0:  # where exp(x) loses digits before x multiplies it
        return math.exp(0.5 * x) * x * math.exp(0.5 * x) if x > -1500.0 else -0.0
    return x * sigmoid(x)


def square_parts(x: float) -> tuple[float, float]:
    """x as head + tail where head² is exact, so that exp(-x²) keeps its digits for large x."""
    head = math.ldexp(round(math.ldexp(x, 20)), -20) if abs(x) < 64.0 else x
    return head, x - head


def gauss(x: float) -> float:
    if not abs(x) < 64.0:  # also nan
        return x if x != x else 0.0
    head, tail = square_parts(x)
    return math.exp(-head * head) * math.exp(-tail * (x + head))


def normal_pdf(x: float) -> float:
    if not abs(x) < 64.0:
        return x if x != x else 0.0
    head, tail = square_parts(x)
    return math.exp(-0.5 * head * head) * math.exp(-0.5 * tail * (x + head)) / SQRT_2_PI


def normal_cdf(x: float) -> float:
    """Half of erfc(-x/√2), corrected to first order for the rounding of x/√2."""
    t = x * SQRT_HALF
    if not abs(t) < 30.0:
        return x if x != x else 1.0 if x > 0.0 else 0.0
    head, tail = square_parts(x)
    error = ((head * SQRT_HALF_HEAD - t) + head * SQRT_HALF_TAIL) + tail * SQRT_HALF
    return 0.5 * math.erfc(-t) + error * gauss(t) / SQRT_PI


def gelu(x: float) -> float:
    if x < -37.0:  # where normal_cdf loses digits before x multiplies it: its asymptotic series, times x
        s = 1.0 / (x * x)
        series = 1.0
        for k in (13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0):
            series = 1.0 - k * s * series
        return -normal_pdf(x) * series
    return x * normal_cdf(x)
