"""Forward functions that answer as IEEE 754 does, where Python's `math` raises.

Floats in, a float out, for every operand: overflow gives an infinity, a pole gives an infinity of the right sign, an
invalid operation gives nan. How far they err is measured by tests/engine/test_rules.py.
"""

import math
import sys
from collections.abc import Callable, Sequence
from functools import reduce
from math import copysign, inf, nan
from operator import add, mul

COMPENSATES = sys.version_info >= (3, 12)  # since then sum carries the rounding along; before, it adds left to right
MOST = math.ldexp(1.0 - 2.0**-53, 1024)
SQRT_PI = math.sqrt(math.pi)
SQRT_2_PI = math.sqrt(2.0 * math.pi)
SQRT_HALF = math.sqrt(0.5)
SQRT_HALF_HEAD = math.ldexp(math.floor(math.ldexp(SQRT_HALF, 26)), -26)
SQRT_HALF_TAIL = (SQRT_HALF - SQRT_HALF_HEAD) - 4.833646656726457e-17  # the digits of 1/√2 after its float
LN2 = math.log(2.0)
LN2_TAIL = 2.3190468138462996e-17  # the digits of ln 2 after its float
SELU_SCALE = 1.0507009873554805  # Klambauer et al., Self-Normalizing Neural Networks (2017)
SELU_ALPHA = 1.6732632423543772


def guard(
    function: Callable[[float], float], overflow: float = inf, pole: float | None = None
) -> Callable[[float], float]:
    """`function` made total: `overflow` beyond the largest float, -inf at `pole`, else nan where it is undefined."""

    def forward(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return overflow
        except ValueError:
            return -inf if x == pole else nan

    return forward


def odd(function: Callable[[float], float]) -> Callable[[float], float]:
    """The total form of an odd function that overflows on both sides."""

    def forward(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return copysign(inf, x)

    return forward


exp = guard(math.exp)
exp2 = guard(math.exp2)
expm1 = guard(math.expm1)
cosh = guard(math.cosh)
sinh = odd(math.sinh)
log = guard(math.log, pole=0.0)
log2 = guard(math.log2, pole=0.0)
log10 = guard(math.log10, pole=0.0)
log1p = guard(math.log1p, pole=-1.0)
sqrt = guard(math.sqrt)
sin = guard(math.sin)
cos = guard(math.cos)
tan = guard(math.tan)
arcsin = guard(math.asin)
arccos = guard(math.acos)
arccosh = guard(math.acosh)


def div(a: float, b: float) -> float:
    try:
        return a / b
    except ZeroDivisionError:
        return nan if a == 0.0 or a != a else copysign(inf, copysign(1.0, a) * copysign(1.0, b))


def power(x: float, n: float) -> float:
    try:
        return math.pow(x, n)
    except OverflowError:
        return -inf if x < 0.0 and math.fmod(n, 2.0) in (1.0, -1.0) else inf
    except ValueError:
        if x != 0.0:
            return nan
        return copysign(inf, x) if math.fmod(n, 2.0) in (1.0, -1.0) else inf


def reciprocal(x: float) -> float:
    return div(1.0, x)


def rsqrt(x: float) -> float:
    return div(1.0, sqrt(x))


def fma(a: float, b: float, c: float) -> float:
    """a*b + c with one rounding: in whole numbers, since `math` has it from Python 3.13 on."""
    if a == 0.0 or b == 0.0 or not (math.isfinite(a) and math.isfinite(b)):
        return a * b + c
    if not math.isfinite(c):
        return c
    (i, p), (j, q), (k, r) = a.as_integer_ratio(), b.as_integer_ratio(), c.as_integer_ratio()
    whole, parts = i * j * r + k * p * q, p * q * r
    try:
        return whole / parts if whole else 0.0
    except OverflowError:
        return inf if whole > 0 else -inf


def cbrt(x: float) -> float:
    """The cube root, with one exact Newton step: C libraries err by up to 4 ulps, this form by half of one."""
    if x == 0.0 or not math.isfinite(x):
        return x
    mantissa, exponent = math.frexp(x)
    third, rest = divmod(exponent, 3)
    mantissa = math.ldexp(mantissa, rest)
    y = math.cbrt(mantissa)
    head = math.ldexp(round(math.ldexp(y, 16)), -16)  # its cube is exact
    tail = y - head
    left = (mantissa - head * head * head) - tail * (3.0 * head * head + tail * (3.0 * head + tail))
    return math.ldexp(y + left / (3.0 * y * y), third)


def _from_whole(x: float) -> tuple[float, float]:
    """x less the nearest whole number, and the sign that this number gives to sines and cosines of πx."""
    r = math.remainder(x, 1.0)
    return r, 1.0 if math.remainder(x - r, 2.0) == 0.0 else -1.0


def sinpi(x: float) -> float:
    """sin(πx), with its digits next to whole numbers too."""
    if not math.isfinite(x):
        return nan
    r, sign = _from_whole(x)
    return sign * (math.sin(math.pi * r) if abs(r) <= 0.25 else copysign(math.cos(math.pi * (0.5 - abs(r))), r))


def cospi(x: float) -> float:
    """cos(πx), with its digits next to its zeros too."""
    if not math.isfinite(x):
        return nan
    r, sign = _from_whole(x)
    return sign * (math.cos(math.pi * r) if abs(r) <= 0.25 else math.sin(math.pi * (0.5 - abs(r))))


def sinc(x: float) -> float:
    return 1.0 if x == 0.0 else sinpi(x) / (math.pi * x)


def arctanh(x: float) -> float:
    try:
        return math.atanh(x)
    except ValueError:
        return copysign(inf, x) if x in (1.0, -1.0) else nan


def sign(x: float) -> float:
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x


def step(x: float) -> float:
    return 1.0 if x > 0.0 else 0.0 if x <= 0.0 else x


def above(a: float, b: float) -> float:
    """1 where a > b, 0 where a < b, one half at a tie: how `maximum` shares its gradient."""
    return 1.0 if a > b else 0.0 if a < b else 0.5 if a == b else nan


def inside(x: float, low: float, high: float) -> float:
    return 1.0 if low <= x <= high else nan if x != x or low != low or high != high else 0.0


def maximum(a: float, b: float) -> float:
    return a if a >= b or a != a else b


def minimum(a: float, b: float) -> float:
    return a if a <= b or a != a else b


def clip(x: float, low: float, high: float) -> float:
    """low below low and high above high; high where low is above high, as NumPy has it."""
    if low <= high:
        return low if x < low else high if x > high else x
    return high if low > high and x == x else nan


def floor(x: float) -> float:
    return copysign(math.floor(x), x) if math.isfinite(x) else x


def ceil(x: float) -> float:
    return copysign(math.ceil(x), x) if math.isfinite(x) else x


def trunc(x: float) -> float:
    return copysign(math.trunc(x), x) if math.isfinite(x) else x


def rint(x: float) -> float:
    return copysign(round(x), x) if math.isfinite(x) else x


def remainder(a: float, b: float) -> float:
    """a % b, of the sign of b; nan where b is 0 or a infinite."""
    try:
        return a % b
    except ZeroDivisionError:
        return nan


def floor_divide(a: float, b: float) -> float:
    try:
        return a // b
    except ZeroDivisionError:
        return div(a, b)


def fmod(a: float, b: float) -> float:
    try:
        return math.fmod(a, b)
    except ValueError:
        return nan


def ieee_remainder(a: float, b: float) -> float:
    try:
        return math.remainder(a, b)
    except ValueError:
        return nan


def xlogy(a: float, b: float) -> float:
    return 0.0 if a == 0.0 and b == b else a * log(b)


def xlog1py(a: float, b: float) -> float:
    return 0.0 if a == 0.0 and b == b else a * log1p(b)


def nan_to_num(x: float) -> float:
    return 0.0 if x != x else max(-MOST, min(x, MOST))


def relu(x: float) -> float:
    return 0.0 if x <= 0.0 else x


def leaky_relu(x: float, slope: float) -> float:
    return x if x > 0.0 else slope * x


def elu(x: float, alpha: float) -> float:
    return x if x > 0.0 else alpha * expm1(x)


def selu(x: float) -> float:
    return SELU_SCALE * elu(x, SELU_ALPHA)


def gap(a: float, b: float) -> float:
    """a - b, and 0 where both are inf."""
    return 0.0 if a == b == inf else a - b


def top(xs: Sequence[float]) -> float:
    return reduce(maximum, xs, -inf)


def sole(xs: Sequence[float], y: float) -> float:
    """y, but nan where it is inf as more than one of a list is."""
    return nan if y == inf and list(xs).count(inf) > 1 else y


def unit(a: float, b: float) -> float:
    """a / hypot(a, b), and 0 at the origin."""
    h = math.hypot(a, b)
    if h == 0.0:
        return 0.0
    if h == inf and math.isfinite(a) and math.isfinite(b):
        a, h = a / 4.0, math.hypot(a / 4.0, b / 4.0)
    return div(a, h)


def over(a: float, b: float) -> float:
    """a / (a² + b²); by two divisions where a square would overflow or underflow."""
    squares = a * a + b * b
    if 1e-280 < squares < 1e280:
        return a / squares
    h = math.hypot(a, b)
    return div(div(a, h), h)


def dot(ws: Sequence[float], xs: Sequence[float], b: float) -> float:
    """b + w1*x1 + w2*x2 + …, left to right: `fsum` and `sumprod` give other bits, and `sum` does on other Pythons."""
    return reduce(add, map(mul, ws, xs), b) if COMPENSATES else sum(map(mul, ws, xs), b)


def total(xs: Sequence[float]) -> float:
    return reduce(add, xs, 0.0)


def mean(xs: Sequence[float]) -> float:
    return reduce(add, xs, 0.0) / len(xs) if len(xs) else nan
