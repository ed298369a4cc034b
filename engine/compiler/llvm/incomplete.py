"""The incomplete gamma function of vectors: the formulas of engine/incomplete.py, each where a lane needs it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ... import incomplete, special
from ...incomplete import LARGE, NEAR
from .elementary import where_any
from .vectors import I32, Vector, VectorBuilder, ir

Lowered = Callable[..., Vector]


def horner(k: VectorBuilder, coefficients: Sequence[float], x: Vector) -> Vector:
    """A polynomial, highest power first, with fused steps."""
    y = k.number(coefficients[0])
    for c in coefficients[1:]:
        y = k.fma(y, x, c)
    return y


def stirling(k: VectorBuilder, x: Vector) -> Vector:
    """log Γ(x) less its elementary part, for large x."""
    r = 1.0 / x
    return horner(k, special.STIRLING, r * r) * r


def _from_far(k: VectorBuilder, terms: int, t: Vector, step: Callable[[Vector, Vector], Vector]) -> Vector:
    """What steps (n, t) -> t make of t, for n from the last term down to 1."""
    b, before = k.builder, k.builder.block
    loop, done = b.append_basic_block("terms"), b.append_basic_block("done")
    b.branch(loop)
    b.position_at_end(loop)
    left, n, value = b.phi(I32), b.phi(k.type), b.phi(k.type)
    found, less = step(Vector(k, n), Vector(k, value)), Vector(k, n) - 1.0
    fewer = b.sub(left, ir.Constant(I32, 1))
    for phi, first, then in (
        (left, ir.Constant(I32, terms), fewer), (n, k.constant(float(terms)), less.value), (value, t.value, found.value)
    ):  # fmt: skip
        phi.add_incoming(first, before)
        phi.add_incoming(then, b.block)
    b.cbranch(b.icmp_signed(">", fewer, ir.Constant(I32, 0)), loop, done)
    b.position_at_end(done)
    return found


def _less_log(k: VectorBuilder, m: Vector) -> Vector:
    r = m / (2.0 + m)
    near = r * (m - 2.0 * r * r * horner(k, incomplete.LOG_REST, r * r))
    return k.choose(k.compare(">", abs(m), NEAR), m - k.apply("log1p", m), near)


def _far_kernel(k: VectorBuilder, a: Vector, x: Vector) -> Vector:
    m = (x - a) / a
    exponent = a * k.choose(k.compare(">", m, -NEAR), _less_log(k, m), m - k.apply("log", x / a))
    return k.apply("exp", -exponent - stirling(k, a)) / k.intrinsic("sqrt", 2.0 * math.pi * a)


def _kernel(k: VectorBuilder, a: Vector, x: Vector) -> Vector:
    half = k.apply("exp", -0.5 * x)
    y = k.apply("power", x, a) * half * half / k.apply("gamma", a + 1.0)
    y = k.choose(k.compare("<", x, 1000.0), y, 0.0)
    return where_any(k, k.compare(">=", a, special.FAR), lambda: _far_kernel(k, a, x), y)


def _sum(k: VectorBuilder, a: Vector, x: Vector) -> Vector:
    s = _from_far(k, incomplete.TERMS, k.number(1.0), lambda n, s: 1.0 + s * (x / (a + n)))
    return _kernel(k, a, x) * s


def _fraction(k: VectorBuilder, a: Vector, x: Vector) -> Vector:
    start = x + (2.0 * incomplete.TERMS + 1.0 - a)
    t = _from_far(k, incomplete.TERMS, start, lambda n, t: x + (2.0 * n - 1.0 - a) - n * ((n - a) / t))
    return _kernel(k, a, x) * (a / t)


def _small(k: VectorBuilder, a: Vector, x: Vector) -> Vector:
    s = _from_far(k, incomplete.FEW_TERMS, k.number(0.0), lambda n, s: -x / n * (s + 1.0 / (a + n)))
    shift = horner(k, special.LOG_GAMMA, a) * a - k.apply("log1p", a)
    shift = where_any(k, k.compare(">=", a, 0.5), lambda: k.apply("lgamma", 1.0 + a), shift)
    u = a * k.apply("log", x) - shift
    return -k.apply("expm1", u) - k.apply("exp", u) * a * s


def _near(k: VectorBuilder, a: Vector, x: Vector, above: ir.Value) -> Vector:
    m = (x - a) / a
    half = _less_log(k, m)
    eta = k.intrinsic("copysign", k.intrinsic("sqrt", 2.0 * half), m)
    t = k.number(0.0)
    for row in incomplete.TEMME:
        t = t / a + horner(k, row, eta)
    z = k.intrinsic("sqrt", a * half)
    t = t / k.intrinsic("sqrt", 2.0 * math.pi * a)
    return k.apply("exp", -z * z) * (0.5 * k.apply("erfcx", z) + k.choose(above, t, -t))


def gammainc(upper: bool) -> Lowered:
    """P, or Q."""

    def lowered(k: VectorBuilder, a: Vector, x: Vector) -> Vector:
        if not k.double:
            return k.in_double(lowered, a, x)
        above, inner = k.compare(">=", x, a), k.both(k.compare(">", x, 0.0), k.compare("<", x, math.inf))
        near = k.both(k.compare(">", a, LARGE), k.compare("<=", abs(x - a), NEAR * a))
        fraction = k.both(k.compare(">", x, incomplete.BELOW), k.compare(">", x, a))
        series = k.both(k.both(k.builder.not_(near), k.builder.not_(fraction)), inner)
        y, of_upper = k.number(math.nan), k.either(k.both(near, above), k.both(k.builder.not_(near), fraction))
        if upper:
            log = k.choose(k.compare(">", x, 0.5), k.flag(k.compare("<", a, 1.1 * x)), 0.0)
            log = k.choose(k.compare(">", x, 0.5), log, k.flag(k.compare(">", a * k.apply("log", x), -0.4)))
            small = k.both(k.both(series, k.compare("<=", x, incomplete.BELOW)), k.compare("!=", log, 0.0))
            y = where_any(k, small, lambda: _small(k, a, x), y)
            series, of_upper = k.both(series, k.builder.not_(small)), k.either(of_upper, small)
        y = where_any(k, series, lambda: _sum(k, a, x), y)
        y = where_any(k, k.both(k.both(fraction, k.builder.not_(near)), inner), lambda: _fraction(k, a, x), y)
        y = where_any(k, k.both(near, inner), lambda: _near(k, a, x, above), y)
        y = k.choose(of_upper, y, 1.0 - y) if upper else k.choose(of_upper, 1.0 - y, y)
        ends = k.choose(
            k.compare("==", x, 0.0), float(upper), k.choose(k.compare(">", x, 0.0), float(not upper), math.nan)
        )
        return k.choose(inner, y, ends)

    return lowered


def gamma_density(k: VectorBuilder, a: Vector, x: Vector) -> Vector:
    """The derivative of P in x."""
    if not k.double:
        return k.in_double(gamma_density, a, x)
    half = k.apply("exp", -0.5 * x)
    y = k.apply("power", x, a - 1.0) * half * half / k.apply("gamma", a)
    y = k.choose(k.compare("<", x, 1000.0), y, 0.0)
    middle = k.both(k.compare(">=", a, 1.0), k.compare("<", a, special.FAR))
    y = where_any(k, k.builder.not_(middle), lambda: _kernel(k, a, x) * a / x, y)
    at_0 = k.choose(k.compare("<", a, 1.0), math.inf, k.choose(k.compare("==", a, 1.0), 1.0, 0.0))
    ends = k.choose(k.compare("==", x, 0.0), at_0, k.choose(k.compare(">", x, 0.0), 0.0, math.nan))
    return k.choose(k.both(k.compare(">", x, 0.0), k.compare("<", x, math.inf)), y, ends)


LOWERED: dict[str, Lowered] = {
    "gammainc": gammainc(False), "gammaincc": gammainc(True), "gamma_density": gamma_density,
}  # fmt: skip
