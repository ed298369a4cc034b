"""Ball arithmetic for the references of the table: the value and the partials of a row, enclosed with certainty.

A ball is a midpoint with a radius (`arb` of python-flint); an operation on balls gives a ball that holds every result.
Johansson, Arb: efficient arbitrary-precision midpoint-radius interval arithmetic (2017). A partial is the first
coefficient of the reference on the power series x + t, so it comes from the elementary functions alone and never from
the row that is being checked.
"""

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..arguments import install_line
from ..rule import Op

try:
    from flint import arb as arb
    from flint import arb_series as arb_series
    from flint import ctx as ctx
except ImportError as error:
    raise ImportError(
        f"engine.checks needs python-flint, which proves the exact derivatives; {install_line('check')}"
    ) from error

Ball = arb
BallOperand = Ball | list[Ball]
Quantity = Any  # an arb or an arb_series, whose types flint's stubs do not let one mix
Operand = Quantity  # one, or a list of them
Reference = Callable[..., Quantity]

PRECISION = 128  # bits of a midpoint
UNIT = 2.0**-53  # the rounding of one correctly rounded operation
TINY = arb(0, 2.0**-1050)  # below the normal floats, where an error in y is larger in a partial such as y*log(x)
NOTHING = arb("nan")
LARGEST = arb(sys.float_info.max)


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Balls with midpoints of some bits."""
    before, ctx.prec = ctx.prec, bits
    try:
        yield
    finally:
        ctx.prec = before


def constant(x: Quantity) -> Ball:
    """The constant term of a series, or a ball itself."""
    return x[0] if x.__class__ is arb_series else x


def _through(value: Reference, slope: Reference) -> Reference:
    """A function of balls and of series, where flint has it for balls only: its value, and the integral of its slope."""

    def function(x: Quantity) -> Quantity:
        if x.__class__ is not arb_series:
            return value(arb(x))
        return value(x[0]) + (x.derivative() * slope(x)).integral()

    return function


def _cosh(x: Quantity) -> Quantity:
    return (x.exp() + (-x).exp()) / 2 if x.__class__ is arb_series else arb(x).cosh()


def _plain(name: str) -> Reference:
    def function(x: Quantity) -> Quantity:
        return getattr(x if x.__class__ is arb_series else arb(x), name)()

    return function


def _taylor(x: Quantity, coefficient: Callable[[int, Ball], Ball]) -> Quantity:
    """A function of which all Taylor coefficients at a point are known, of a ball or a series."""
    if x.__class__ is not arb_series:
        return coefficient(0, arb(x))
    y, moved = arb_series([0], x.prec), x - x[0]
    for k in range(x.prec - 1, -1, -1):
        y = y * moved + coefficient(k, x[0])
    return y


def _inverse(value: Callable[[Ball], Ball], sign: int) -> Reference:
    """erfinv or erfcinv: their derivative is ±√π/2 times exp(y²)."""

    def function(x: Quantity) -> Quantity:
        y: Quantity = value(constant(arb(x) if x.__class__ is not arb_series else x))
        if x.__class__ is not arb_series:
            return y
        start, y = y, arb_series([y], x.prec)
        for _ in range(x.prec):  # each round gains an order
            y = start + (x.derivative() * (y * y).exp() * (sign * arb.pi().sqrt() / 2)).integral()
        return y

    return function


def _psi(n: int, x: Ball) -> Ball:
    """The n-th derivative of digamma, by Hurwitz's zeta function."""
    return (-1) ** (n + 1) * math.factorial(n) * arb(n + 1).zeta(x) if n else x.digamma()


class Arithmetic:
    """What a row's `reference` computes with: the names of mpmath's context, on balls and on series of balls."""

    mpf = staticmethod(arb)
    exp, log, sin, cos, tan = map(staticmethod, map(_plain, ("exp", "log", "sin", "cos", "tan")))
    asin, acos, atan = map(staticmethod, map(_plain, ("asin", "acos", "atan")))
    sqrt, erf, erfc = map(staticmethod, map(_plain, ("sqrt", "erf", "erfc")))
    gamma, loggamma = staticmethod(_plain("gamma")), staticmethod(_plain("lgamma"))
    erfinv, erfcinv = staticmethod(_inverse(arb.erfinv, 1)), staticmethod(_inverse(arb.erfcinv, -1))
    expm1 = staticmethod(_through(arb.expm1, lambda x: x.exp()))
    log1p = staticmethod(_through(arb.log1p, lambda x: 1 / (1 + x)))
    cosh = staticmethod(_cosh)
    sinh = staticmethod(_through(arb.sinh, _cosh))
    tanh = staticmethod(_through(arb.tanh, lambda x: 1 / _cosh(x) ** 2))
    asinh = staticmethod(_through(arb.asinh, lambda x: (1 + x * x).rsqrt()))
    acosh = staticmethod(_through(arb.acosh, lambda x: (x - 1).rsqrt() * (x + 1).rsqrt()))
    atanh = staticmethod(_through(arb.atanh, lambda x: 1 / ((1 - x) * (1 + x))))

    @property
    def pi(self) -> Ball:
        """The circle's number, at the precision in force."""
        return arb.pi()

    @staticmethod
    def floor(x: Quantity) -> Quantity:
        """The largest integer up to x: a constant between its jumps."""
        c = arb(constant(x))
        return c.floor() if c.is_finite() else NOTHING

    @staticmethod
    def sinc(x: Quantity) -> Quantity:
        """sin(πx)/(πx); near 0, where a quotient would lose its digits, the Taylor series with its remainder."""
        if not abs(constant(x)) < 0.5:
            return Arithmetic.sin(arb.pi() * x) / (arb.pi() * x)
        square = arb.pi() * arb.pi() * x * x
        rest: Quantity = arb(0, 1) / math.factorial(81)
        y = arb_series([rest] * x.prec, x.prec) if x.__class__ is arb_series else rest
        for k in range(39, -1, -1):
            y = arb(1) / math.factorial(2 * k + 1) - square * y
        return y

    @staticmethod
    def psi(n: int, x: Quantity) -> Quantity:
        """The polygamma functions."""
        return _taylor(x, lambda k, at: _psi(n + k, at) / math.factorial(k))

    @staticmethod
    def gammainc(a: Quantity, x: Quantity, upper: bool) -> Quantity:
        """The regularized incomplete gamma function of a constant a, and its derivative, the density."""

        def value(x: Ball) -> Ball:
            return x.gamma_upper(constant(a), 1) if upper else x.gamma_lower(constant(a), 1)

        sign = -1 if upper else 1
        return _through(value, lambda x: sign * ((a - 1) * x.log() - x - Arithmetic.loggamma(a)).exp())(x)

    @staticmethod
    def betainc(a: Quantity, b: Quantity, x: Quantity) -> Quantity:
        """The regularized incomplete beta function of constants a and b, and its derivative, the density."""

        def slope(x: Quantity) -> Quantity:
            log = Arithmetic.loggamma(a + b) - Arithmetic.loggamma(a) - Arithmetic.loggamma(b)
            return ((a - 1) * x.log() + (b - 1) * (1 - x).log() + log).exp()

        return _through(lambda x: x.beta_lower(constant(a), constant(b), 1), slope)(x)

    @staticmethod
    def cbrt(x: Quantity) -> Quantity:
        """The real cube root, also below 0."""
        return -((-x) ** (arb(1) / 3)) if constant(x) < 0 else x ** (arb(1) / 3)

    @staticmethod
    def atan2(a: Quantity, b: Quantity) -> Quantity:
        """The angle of (b, a), by the quotient that is not large."""
        x, y = constant(b), constant(a)
        if x > 0:
            return Arithmetic.atan(a / b)
        if y > 0 or y < 0:
            quarter = arb.pi() / 2 if y > 0 else -arb.pi() / 2
            return quarter - Arithmetic.atan(b / a)
        if x < 0 and y.is_zero() and a.__class__ is b.__class__ is arb:
            return arb.pi()
        return Arithmetic.atan(a / b) * NOTHING

    @staticmethod
    def fsum(xs: Iterable[Quantity]) -> Quantity:
        """The sum of some."""
        return sum(xs, arb(0))

    @staticmethod
    def fdot(ws: Iterable[Quantity], xs: Iterable[Quantity]) -> Quantity:
        """The sum of products."""
        return sum((w * x for w, x in zip(ws, xs)), arb(0))


ARITHMETIC = Arithmetic()

# Where the text of a reference holds on part of the row's domain only.
WHOLE: dict[str, Reference] = {
    "cbrt": lambda m, x: m.cbrt(x), "arctan2": lambda m, a, b: m.atan2(a, b), "sinc": lambda m, x: m.sinc(x),
}  # fmt: skip


def reference(row: Op) -> Reference:
    """The reference of a row, as a function of (arithmetic, arguments…)."""
    given = WHOLE.get(row.name, row.reference)
    if given is None:
        raise ValueError(
            f"check_gradients takes ops with a reference, got {row.name!r} without; give engine.op "
            f"reference=, the same function by the names of mpmath, as in reference=lambda m, x: m.exp(x)"
        )

    def function(m: Quantity, *args: Quantity) -> Quantity:
        try:
            return getattr(m, given)(*args) if isinstance(given, str) else given(m, *args)
        except (ValueError, ZeroDivisionError):  # a series divided by a ball around 0
            return NOTHING

    return function


def text(x: Ball, digits: int = 17) -> str:
    """A ball in decimal: all digits that are certain, and the radius."""
    if not x.is_finite():
        return "not finite"
    return str(x.str(digits, radius=False)) + (f" ± {float(x.rad()):.1g}" if not x.is_exact() else "")
