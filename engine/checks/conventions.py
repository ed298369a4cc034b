"""What a row is worth where mathematics gives no answer: at its kinks, its poles and its edges.

The contract of the engine, stated apart from the rows that keep it. IEEE 754 decides the rest: an operand that is nan
gives nan.
"""

import math
from collections.abc import Callable, Sequence
from math import copysign, inf, nan

from ..ieee import SELU_ALPHA, SELU_SCALE

Agreed = tuple[float, list[float | None]]  # the value, and the partials; None is not promised


def convention(name: str, args: Sequence[float]) -> Agreed | None:
    """The value and the partials of an op at an exceptional point, or None where the point is none.

    >>> convention("relu", [0.0])
    (0.0, [0.0])
    """
    find = CONVENTIONS.get(name)
    return find(*args) if find is not None else None


def _at(points: dict[float, Agreed]) -> Callable[[float], Agreed | None]:
    return points.get


def _inverse(x: float) -> Agreed | None:
    return (copysign(inf, x), [-inf]) if x == 0.0 else None


def _log(partial: Callable[[float], float], pole: float) -> Callable[[float], Agreed | None]:
    def agreed(x: float) -> Agreed | None:
        return (-inf, [inf]) if x == pole else (nan, [partial(x)]) if x < pole else None

    return agreed


def _div(a: float, b: float) -> Agreed | None:
    if b != 0.0 or a != a:
        return None
    y = nan if a == 0.0 else copysign(inf, a) * copysign(1.0, b)
    return y, [copysign(inf, b), -y * copysign(1.0, b)]


def _power(x: float, n: float) -> Agreed | None:
    if x == 0.0 and not math.isnan(n):
        if n == 0.0:
            return 1.0, [0.0, 0.0]
        if n > 0.0:
            return 0.0, [
                1.0 if n == 1.0 else inf if n < 1.0 and copysign(1.0, x) > 0.0 else None if n < 1.0 else 0.0,
                0.0,
            ]
        odd = math.fmod(n, 2.0) in (1.0, -1.0)
        return copysign(inf, x) if odd else inf, [
            -inf if odd or x.hex() == "0x0.0p+0" else inf,
            None if odd and copysign(1.0, x) < 0 else -inf,
        ]
    if x < 0.0 and math.isfinite(x) and not float(n).is_integer():
        return nan, [nan, nan]
    if n == 0.0 and x < 0.0:
        return 1.0, [0.0, nan]
    return None


def _maximum(a: float, b: float) -> Agreed | None:
    if a != a or b != b:
        return nan, [nan, nan]
    return (a, [0.5, 0.5]) if a == b else None


def _chosen(c: float, a: float, b: float) -> Agreed:
    return (a, [0.0, 1.0, 0.0]) if c else (b, [0.0, 0.0, 1.0])


def _clip(x: float, low: float, high: float) -> Agreed | None:
    if low == x or x == high:
        return (x, [1.0, 0.0, 0.0]) if low <= high else None
    return None


def _origin(value: float, first: float | None, second: float | None) -> Callable[[float, float], Agreed | None]:
    return lambda a, b: (value, [first, second]) if a == 0.0 and b == 0.0 else None


def _logaddexp(a: float, b: float) -> Agreed | None:
    if a == b == -inf:
        return -inf, [nan, nan]
    if a == inf and b < inf:
        return inf, [1.0, 0.0]
    return (inf, [0.0, 1.0]) if b == inf and a < inf else None


def _leaky_relu(x: float, slope: float) -> Agreed | None:
    return (0.0, [slope, 0.0]) if x == 0.0 else None


def _relu(x: float) -> Agreed | None:
    return (0.0, [0.0]) if x == 0.0 else (nan, [nan]) if x != x else None


CONVENTIONS: dict[str, Callable[..., Agreed | None]] = {
    "relu": _relu,
    "abs": _at({0.0: (0.0, [0.0])}),
    "maximum": _maximum,
    "minimum": _maximum,
    "where": _chosen,
    "edge": _chosen,
    "clip": _clip,
    "leaky_relu": _leaky_relu,
    "elu": lambda x, alpha: (0.0, [alpha, 0.0]) if x == 0.0 else None,
    "selu": _at({0.0: (0.0, [SELU_SCALE * SELU_ALPHA])}),
    "sqrt": lambda x: (x, [copysign(inf, x)]) if x == 0.0 else (nan, [nan]) if x < 0.0 else None,
    "rsqrt": lambda x: (copysign(inf, x), [-inf]) if x == 0.0 else (nan, [nan]) if x < 0.0 else None,
    "cbrt": _at({0.0: (0.0, [inf])}),
    "div": _div,
    "reciprocal": _inverse,
    "power": _power,
    "log": _log(lambda x: 1.0 / x, 0.0),
    "log2": _log(lambda x: 1.0 / math.log(2.0) / x, 0.0),
    "log10": _log(lambda x: 1.0 / math.log(10.0) / x, 0.0),
    "log1p": _log(lambda x: 1.0 / (1.0 + x), -1.0),
    "arcsin": _at({1.0: (math.pi / 2, [inf]), -1.0: (-math.pi / 2, [inf])}),
    "arccos": _at({1.0: (0.0, [-inf]), -1.0: (math.pi, [-inf])}),
    "arccosh": _at({1.0: (0.0, [inf])}),
    "arctanh": _at({1.0: (inf, [inf]), -1.0: (-inf, [inf])}),
    "sinc": _at({0.0: (1.0, [0.0])}),
    "hypot": _origin(0.0, 0.0, 0.0),
    "unit": _origin(0.0, None, None),
    "arctan2": _origin(0.0, nan, nan),
    "logaddexp": _logaddexp,
}
