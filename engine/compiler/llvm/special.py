"""The gamma and error functions of vectors: the formulas of engine/special.py without branches, all lanes at once.

Polynomials are fused; what only negative arguments need is computed where a lane has one. Their errors against the
contract of engine.checks are measured by tests/compiler/test_contract.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ... import ieee, special
from . import incomplete
from .elementary import where_any
from .incomplete import Lowered, horner, stirling
from .vectors import Vector, VectorBuilder


def _recurred(
    k: VectorBuilder, x: Vector, step: Callable[[Vector, Vector], Vector], start: float
) -> tuple[Vector, Vector]:
    """x less whole numbers until it is at most 2.5, for x up to 8, and what the steps on the way make of a start."""
    total = k.number(start)
    for _ in range(6):
        more = k.compare(">", x, 2.5)
        less = x - 1.0
        total = k.choose(more, step(total, less), total)
        x = k.choose(more, less, x)
    return x, total


def _shifted(k: VectorBuilder, x: Vector, y: Vector, middle: float) -> Vector:
    """The argument s of the polynomials: x, x - 1 or y - 2."""
    return k.choose(k.compare("<", x, 0.5), x, k.choose(k.compare("<", x, middle), x - 1.0, y - 2.0))


def gamma(k: VectorBuilder, x: Vector) -> Vector:
    """The gamma function."""
    if not k.double:
        return k.in_double(gamma, x)
    usual = _gamma_of_positive(k, x)
    return where_any(k, k.compare("<=", x, -0.5), lambda: _gamma_reflected(k, x), usual)


def _gamma_of_positive(k: VectorBuilder, x: Vector) -> Vector:
    y, product = _recurred(k, x, lambda p, less: p * less, 1.0)
    p = horner(k, special.GAMMA, _shifted(k, x, y, 1.5))
    small = k.compare("<", x, 0.5)
    below = k.choose(small, x * (1.0 + x), x)
    near = k.choose(k.compare("<", x, 1.5), p / below, p * product)
    return where_any(k, k.compare(">=", x, special.FAR), lambda: _gamma_far(k, x), near)


def _gamma_far(k: VectorBuilder, x: Vector) -> Vector:
    half, rest = _far_factors(k, x)
    return k.choose(k.compare(">", x, 171.7), math.inf, half * rest * half)


def _far_factors(k: VectorBuilder, x: Vector) -> tuple[Vector, Vector]:
    """Γ(x) = half·rest·half, for x from 8 on."""
    rest = k.apply("exp", -x) * special.ROOT_2PI
    rest = rest + rest * k.apply("expm1", stirling(k, x))
    return k.apply("power", x, 0.5 * x - 0.25), rest


def _gamma_reflected(k: VectorBuilder, x: Vector) -> Vector:
    z, y = -x, -math.pi / (x * k.apply("sinpi", x))
    half, rest = _far_factors(k, z)
    y = k.choose(k.compare("<", z, special.FAR), y / _gamma_of_positive(k, z), y / half / rest / half)
    y = k.choose(k.compare("<", x, -190.0), k.intrinsic("copysign", k.number(0.0), y), y)
    return k.choose(k.compare("==", x, k.intrinsic("floor", x)), math.nan, y)


def lgamma(k: VectorBuilder, x: Vector) -> Vector:
    """log |Γ(x)|."""
    if not k.double:
        return k.in_double(lgamma, x)

    def reflected() -> Vector:
        y = k.apply("log", math.pi / abs(x * k.apply("sinpi", x))) - _lgamma_of_positive(k, -x)
        return k.choose(k.compare("==", x, k.intrinsic("floor", x)), math.inf, y)

    return where_any(k, k.compare("<=", x, -0.5), reflected, _lgamma_of_positive(k, x))


def _lgamma_of_positive(k: VectorBuilder, x: Vector) -> Vector:
    y, product = _recurred(k, x, lambda p, less: p * less, 1.0)
    s = _shifted(k, x, y, 1.25)
    small, far = k.compare("<", x, 0.5), k.compare(">=", x, special.FAR)
    near, shift = horner(k, special.LOG_GAMMA, s) * s, k.apply("log1p", s)
    log = k.apply("log", k.choose(k.either(small, far), abs(x), product))
    less = k.choose(small, (near - shift) - log, k.choose(k.compare("<", x, 1.25), near - shift, log + near))
    whole = (x - 0.5) * (log - 1.0) + (special.HALF_LOG_2PI - 0.5 + stirling(k, x))
    return k.choose(far, whole, less)


def digamma(k: VectorBuilder, x: Vector) -> Vector:
    """The derivative of log Γ."""
    if not k.double:
        return k.in_double(digamma, x)

    def reflected() -> Vector:
        pole = math.pi * k.apply("cospi", x) / k.apply("sinpi", x)
        whole = k.compare("==", x, k.intrinsic("floor", x))
        return k.choose(whole, math.nan, _digamma_of_positive(k, -x) - 1.0 / x - pole)

    return where_any(k, k.compare("<", x, -0.25), reflected, _digamma_of_positive(k, x))


def _digamma_of_positive(k: VectorBuilder, x: Vector) -> Vector:
    y, total = _recurred(k, x, lambda t, less: t + 1.0 / less, 0.0)
    p, r = horner(k, special.DIGAMMA, _shifted(k, x, y, 1.5)), 1.0 / x
    small = k.compare("<", x, 0.5)
    below = k.choose(small, p - 1.0 / (1.0 + x), p) - r
    near = k.choose(k.compare("<", x, 1.5), below, total + p)
    head, tail = special.DIGAMMA_ROOT
    d = (x - head) - tail
    near = k.choose(k.compare("<", abs(d), 0.32), d * horner(k, special.DIGAMMA_AT_ROOT, d), near)
    far = k.apply("log", x) - (0.5 * r + horner(k, special.LOG_LESS, r * r) * (r * r))
    return k.choose(k.compare(">=", x, special.FAR), far, near)


def polygamma(n: int) -> Lowered:
    """The n-th derivative of digamma, n from 1 on."""

    def lowered(k: VectorBuilder, x: Vector) -> Vector:
        if not k.double:
            return k.in_double(lowered, x)

        def reflected() -> Vector:
            cot = k.apply("cospi", x) / k.apply("sinpi", x)
            pole = -(math.pi ** (n + 1)) * horner(k, special.cotangent_derivative(n), cot)
            mirrored = _polygamma_of_positive(k, n, 1.0 - x)
            return k.choose(k.compare("==", x, -math.inf), math.nan, pole + mirrored if n % 2 == 0 else pole - mirrored)

        return where_any(k, k.compare("<=", x, 0.0), reflected, _polygamma_of_positive(k, n, x))

    return lowered


def _polygamma_of_positive(k: VectorBuilder, n: int, x: Vector) -> Vector:
    terms, half = [], n // 2
    for _ in range(10 + n):
        near = k.compare("<", x, 10.0 + n)
        term = float(math.factorial(n)) / _power(x, n + 1 - half)
        terms.append(k.choose(near, term / _power(x, half) if half else term, 0.0))
        x = k.choose(near, x + 1.0, x)
    r = 1.0 / x
    factors = special.polygamma_factors(n)
    y = ((horner(k, factors, r * r) * r + 0.5 * n) * r + 1.0) * float(math.factorial(n - 1))
    for exponent in (half, n - half):
        y = y / _power(x, exponent) if exponent else y
    for term in reversed(terms):
        y = y + term
    return y if n % 2 else -y


def _power(x: Vector, n: int) -> Vector:
    """x to a whole power from 1 on."""
    y = x
    for bit in f"{n:b}"[1:]:
        y = y * y
        y = y * x if bit == "1" else y
    return y


# The error function -----------------------------------------------------------------------------------------------------


def erfcx(k: VectorBuilder, x: Vector) -> Vector:
    """exp(x²)·erfc(x)."""
    if not k.double:
        return k.in_double(erfcx, x)
    a = abs(x)
    above = _erfcx_of_positive(k, a)

    def below() -> Vector:
        head = k.intrinsic("rint", a * 2.0**20) * 2.0**-20
        y = k.apply("exp", head * head) * k.apply("exp", (a - head) * (a + head))
        return k.choose(k.compare("<", a, 64.0), 2.0 * y - above, math.inf)

    return where_any(k, k.compare("<", x, 0.0), below, above)


def _erfcx_of_positive(k: VectorBuilder, x: Vector) -> Vector:
    d = 1.0 + x
    near = horner(k, special.ERFCX, (x - 3.0) / (x + 3.0)) / d
    near = near - near * (x - (d - 1.0)) / d
    far = horner(k, special.ERFCX_FAR, 0.5 / x / x) / x / ieee.SQRT_PI
    return k.choose(k.compare("<", x, 10.0), near, far)


def _near_0(k: VectorBuilder, x: Vector) -> Vector:
    return x * horner(k, special.ERFINV, x * x)


def _tail(k: VectorBuilder, q: Vector) -> Vector:
    w = -k.apply("log", q)
    s = k.intrinsic("sqrt", w)
    y = s * horner(k, special.ERFCINV, (s - 2.0) / (s + 2.0))
    e = _erfcx_of_positive(k, y)
    y = y + 0.5 * ieee.SQRT_PI * e * (w - y * y + k.apply("log", e))
    return k.choose(k.compare("==", q, 0.0), math.inf, y)


def _slope_near_0(k: VectorBuilder, x: Vector) -> Vector:
    y = _near_0(k, x)
    return 0.5 * ieee.SQRT_PI * k.apply("exp", y * y)


def _slope_of_tail(k: VectorBuilder, q: Vector) -> Vector:
    y = 0.5 * ieee.SQRT_PI * _erfcx_of_positive(k, _tail(k, q)) / q
    return k.choose(k.compare("==", q, 0.0), math.inf, y)


def _inverse(near: Lowered, tail: Lowered, odd: bool) -> Lowered:
    def lowered(k: VectorBuilder, x: Vector) -> Vector:
        if not k.double:
            return k.in_double(lowered, x)
        y = tail(k, 1.0 - abs(x))
        y = k.intrinsic("copysign", y, x) if odd else y
        return k.choose(k.compare("<=", abs(x), 0.5), near(k, x), y)

    return lowered


def _complementary_inverse(near: Lowered, tail: Lowered, odd: bool) -> Lowered:
    def lowered(k: VectorBuilder, x: Vector) -> Vector:
        if not k.double:
            return k.in_double(lowered, x)
        small = k.compare("<", x, 1.0)
        y = tail(k, k.choose(small, x, 2.0 - x))
        y = k.choose(small, y, -y) if odd else -y
        middle = k.both(k.compare(">", x, 0.5), k.compare("<", x, 1.5))
        return k.choose(middle, near(k, 1.0 - x) if odd else -near(k, 1.0 - x), y)

    return lowered


LOWERED: dict[str, Lowered] = {
    "gamma": gamma,
    "lgamma": lgamma,
    "digamma": digamma,
    "trigamma": polygamma(1),
    "erfcx": erfcx,
    "erfinv": _inverse(_near_0, _tail, True),
    "erfcinv": _complementary_inverse(_near_0, _tail, True),
}


def part(name: str, n: int) -> Lowered:
    """A row outside the table: the n-th derivative of an inverse, or of digamma, or what has parameters."""
    if name in incomplete.LOWERED:
        return incomplete.LOWERED[name]
    if name == "polygamma":
        return polygamma(n)
    return (_inverse if name == "erfinv" else _complementary_inverse)(_slope_near_0, _slope_of_tail, False)
