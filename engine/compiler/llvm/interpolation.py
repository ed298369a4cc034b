"""Coefficients of near-minimax polynomials: Chebyshev interpolation of an exact function in rational arithmetic.

The interpolant at Chebyshev nodes is within a small factor of the best polynomial (Trefethen, Approximation Theory and
Approximation Practice, 2nd ed., 2019, chapter 16). Any degree can be had, and no table is copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache

PI = Fraction("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211707")


def interpolant(function: Callable[[Fraction], Fraction], low: Fraction, high: Fraction, degree: int) -> list[float]:
    """Coefficients, constant first, of the polynomial that meets a function at the Chebyshev nodes of an interval."""
    n = degree + 1
    middle, half = (low + high) / 2, (high - low) / 2
    cosines = [Fraction(math.cos(math.pi * (2 * k + 1) / (2 * n))).limit_denominator(10**12) for k in range(n)]
    nodes = [middle + half * c for c in cosines]
    differences = [function(x) for x in nodes]  # Newton's divided differences, exact
    for level in range(1, n):
        for i in range(n - 1, level - 1, -1):
            differences[i] = (differences[i] - differences[i - 1]) / (nodes[i] - nodes[i - level])
    coefficients = [Fraction(0)] * n
    for i in range(n - 1, -1, -1):
        shifted = [Fraction(0), *coefficients[:-1]]
        coefficients = [s - nodes[i] * c for s, c in zip(shifted, coefficients)]
        coefficients[0] += differences[i]
    return [float(c) for c in coefficients]


def _short(x: Fraction) -> Fraction:
    return Fraction(round(x * 10**40), 10**40)


def _series(term: Callable[[int], Fraction], terms: int) -> Callable[[Fraction], Fraction]:
    """The power series whose coefficients are term(0), term(1), …"""
    coefficients = [term(j) for j in range(terms)]

    def value(x: Fraction) -> Fraction:
        total = Fraction(0)
        for c in reversed(coefficients):
            total = _short(total * x + c)
        return total

    return value


@cache
def exp_tail(degree: int) -> list[float]:
    """q with exp(r) = 1 + r + r*r*q(r) for |r| <= 0.35."""
    half = Fraction(35, 100)
    return interpolant(_series(lambda j: Fraction(1, math.factorial(j + 2)), 30), -half, half, degree)


@cache
def log_tail(degree: int) -> list[float]:
    """q with log((1 + s)/(1 - s)) = 2s + s*s²*q(s²) for s² <= 0.0295."""
    return interpolant(_series(lambda j: Fraction(2, 2 * j + 3), 30), Fraction(0), Fraction(295, 10000), degree)


@cache
def sin_tail(degree: int) -> list[float]:
    """q with sin(r) = r + r*r²*q(r²) for |r| <= π/4."""
    return interpolant(
        _series(lambda j: Fraction(-((-1) ** j), math.factorial(2 * j + 3)), 20), Fraction(0), Fraction(62, 100), degree
    )


@cache
def cos_tail(degree: int) -> list[float]:
    """q with cos(r) = 1 - r²/2 + r⁴*q(r²) for |r| <= π/4."""
    return interpolant(
        _series(lambda j: Fraction((-1) ** j, math.factorial(2 * j + 4)), 20), Fraction(0), Fraction(62, 100), degree
    )


def _exact_erf(x: Fraction) -> Decimal:
    """erf to 60 digits, by its Taylor series."""
    d = Decimal(x.numerator) / Decimal(x.denominator)
    term, total, n = d, d, 0
    while abs(term) > Decimal("1e-75"):
        n += 1
        term = -term * d * d / n
        total += term / (2 * n + 1)
    return 2 * total / (Decimal(PI.numerator) / Decimal(PI.denominator)).sqrt()


@cache
def erf_near(degree: int) -> list[float]:
    """p with erf(x) = x + x*p(x²) for |x| <= 1."""

    def value(t: Fraction) -> Fraction:
        with localcontext() as context:
            context.prec = 90
            if t == 0:
                pi = Decimal(PI.numerator) / Decimal(PI.denominator)
                return Fraction(2 / pi.sqrt() - 1)
            x = (Decimal(t.numerator) / Decimal(t.denominator)).sqrt()
            return _short(Fraction(_exact_erf(Fraction(x)) / x) - 1)

    return interpolant(value, Fraction(0), Fraction(1), degree)


ERFC_CENTRE = 2.0


@cache
def erfc_far(degree: int) -> list[float]:
    """p with erfc(x) = exp(-x²)*p((x - 2)/(x + 2)) for 1 <= x <= 6."""

    def value(t: Fraction) -> Fraction:
        x = Fraction(ERFC_CENTRE) * (1 + t) / (1 - t)
        with localcontext() as context:
            context.prec = 120
            d = Decimal(x.numerator) / Decimal(x.denominator)
            return _short(Fraction((d * d).exp() * (1 - _exact_erf(x))))

    return interpolant(value, Fraction(-1, 3), Fraction(1, 2), degree)


def pi_halves(bits: int, parts: int) -> list[float]:
    """π/2 as a sum of floats: all but the last hold only so many bits, so that their small multiples are exact."""
    rest, result = PI / 2, []
    for _ in range(parts - 1):
        exponent = math.frexp(float(rest))[1]
        part = Fraction(math.floor(rest * Fraction(2) ** (bits - exponent))) / Fraction(2) ** (bits - exponent)
        result.append(float(part))
        rest -= part
    return [*result, float(rest)]
