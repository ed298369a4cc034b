"""The incomplete gamma and beta functions of vectors: the formulas of engine/incomplete.py, each where a lane needs it."""

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


def _from_far(k: VectorBuilder, terms: int | ir.Value, t: Vector, step: Callable[[Vector, Vector], Vector]) -> Vector:
    """What steps (n, t) -> t make of t, for n from the last term, an int or an LLVM one, down to 1."""
    terms = ir.Constant(I32, terms) if isinstance(terms, int) else terms
    b = k.builder
    most = k.splat(b.sitofp(terms, k.real)).value
    before = b.block
    loop, done = b.append_basic_block("terms"), b.append_basic_block("done")
    b.branch(loop)
    b.position_at_end(loop)
    left, n, value = b.phi(I32), b.phi(k.type), b.phi(k.type)
    found, less = step(Vector(k, n), Vector(k, value)), Vector(k, n) - 1.0
    fewer = b.sub(left, ir.Constant(I32, 1))
    for phi, first, then in (
        (left, terms, fewer), (n, most, less.value), (value, t.value, found.value)
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


def _log_gamma_1(k: VectorBuilder, a: Vector) -> Vector:
    near = horner(k, special.LOG_GAMMA, a) * a - k.apply("log1p", a)
    return where_any(k, k.compare(">=", a, 0.5), lambda: k.apply("lgamma", 1.0 + a), near)


def _small(k: VectorBuilder, a: Vector, x: Vector) -> Vector:
    s = _from_far(k, incomplete.FEW_TERMS, k.number(0.0), lambda n, s: -x / n * (s + 1.0 / (a + n)))
    u = a * k.apply("log", x) - _log_gamma_1(k, a)
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


def _log(k: VectorBuilder, x: Vector, y: Vector) -> Vector:
    return k.choose(k.compare("<", y, 0.5), k.apply("log1p", -y), k.apply("log", x))


def _less_log_at(k: VectorBuilder, m: Vector, whole: Vector) -> Vector:
    return k.choose(k.compare(">", m, -NEAR), _less_log(k, m), m - k.apply("log", whole))


def _beta_kernel(k: VectorBuilder, a: Vector, b: Vector, x: Vector, y: Vector) -> Vector:
    turned, n = k.compare(">", a, b), a + b
    a, b, x, y = (k.choose(turned, q, p) for p, q in ((a, b), (b, a), (x, y), (y, x)))
    small, middle = k.compare("<", b, special.FAR), k.compare("<", a, special.FAR)

    def near() -> Vector:
        gammas = k.apply("gamma", a + 1.0) * k.apply("gamma", b + 1.0)
        log = k.apply("exp", b * _log(k, y, x))
        return k.apply("power", x, a) * log * k.apply("gamma", n + 1.0) / n * a * b / gammas

    def between() -> Vector:
        log = (b - 0.5) * k.apply("log1p", a / b) - a + b * _log(k, y, x) + stirling(k, n) - stirling(k, b)
        return k.apply("power", x * n, a) * k.apply("exp", log) * a / k.apply("gamma", a + 1.0)

    def far() -> Vector:
        away = b * x - a * y
        exponent = a * _less_log_at(k, away / a, x * (n / a)) + b * _less_log_at(k, -away / b, y * (n / b))
        log = stirling(k, n) - stirling(k, a) - stirling(k, b) - exponent
        return k.intrinsic("sqrt", a / (2.0 * math.pi) * (b / n)) * k.apply("exp", log)

    found = where_any(k, small, near, k.number(math.nan))
    found = where_any(k, k.both(middle, k.builder.not_(small)), between, found)
    return where_any(k, k.builder.not_(middle), far, found)


def _beta_fraction(k: VectorBuilder, a: Vector, b: Vector, x: Vector, y: Vector) -> Vector:
    def pair(m: Vector, t: Vector) -> Vector:
        t = 1.0 - (a + m) / (a + 2.0 * m) * (a + b + m) / (a + 2.0 * m + 1.0) * x / t
        return 1.0 + m / (a + 2.0 * m - 1.0) * (b - m) / (a + 2.0 * m) * x / t

    t = _from_far(k, _fraction_terms(k, a, b), k.number(1.0), pair)
    return _beta_kernel(k, a, b, x, y) / a / (1.0 - (a + b) / (a + 1.0) * x / t)


def _fraction_terms(k: VectorBuilder, a: Vector, b: Vector) -> ir.Value:
    """Those of the lane that needs most."""
    roots, build = k.intrinsic("sqrt", k.choose(k.compare(">", a, b), a, b)).value, k.builder
    lanes = [roots] if k.lanes == 1 else [build.extract_element(roots, ir.Constant(I32, i)) for i in range(k.lanes)]
    most = lanes[0]
    for root in lanes[1:]:
        most = build.select(build.fcmp_ordered(">", root, most), root, most)
    return build.add(build.fptosi(most, I32), ir.Constant(I32, 45))


def _log_ratio(k: VectorBuilder, a: Vector, b: Vector) -> Vector:
    y = k.number(0.0)
    for _ in range(10):
        more = k.compare("<", a, 10.0)
        y = k.choose(more, y - k.apply("log1p", b / a), y)
        a = k.choose(more, a + 1.0, a)
    n = a + b
    u, v = 1.0 / n, 1.0 / a
    p = d = k.number(0.0)
    for c in special.STIRLING:
        p, d = p * (v * v) + c, d * (u * u) + p
    series = -b * u * v * (u * d * (u + v) + p)
    return y + (a - 0.5) * k.apply("log1p", b / a) + b * (k.apply("log", n) - 1.0) + series


def _beta_small(k: VectorBuilder, a: Vector, b: Vector, x: Vector, rest: bool) -> Vector:
    terms = incomplete.SMALL_TERMS
    s = _from_far(k, terms, k.number(0.0), lambda n, s: (n - b) * x / n * (s + 1.0 / (a + n)))
    u = a * k.apply("log", x) - _log_gamma_1(k, a)
    if not rest:
        return k.apply("exp", u + _log_ratio(k, b + 1.0, a)) * (b / (a + b)) * (1.0 + a * s)
    u = u + _log_ratio(k, b, a)
    return -k.apply("expm1", u) - k.apply("exp", u) * a * s


def betainc(k: VectorBuilder, a: Vector, b: Vector, x: Vector) -> Vector:
    """I_x(a, b)."""
    if not k.double:
        return k.in_double(betainc, a, b, x)

    def is_small(a: Vector, b: Vector, x: Vector) -> ir.Value:
        return k.both(k.both(k.compare("<", a, 1.0), k.compare("<=", x, 0.5)), k.compare("<=", b * x, 1.1))

    y, inner = 1.0 - x, k.both(k.compare(">", x, 0.0), k.compare("<", x, 1.0))
    rest = k.both(inner, is_small(b, a, y))
    small = k.both(k.both(inner, is_small(a, b, x)), k.builder.not_(rest))
    fraction = k.both(inner, k.builder.not_(k.either(rest, small)))
    below = k.compare("<=", x, a / (a + b))
    ends = k.choose(k.compare("==", x, 1.0), 1.0, k.choose(k.compare("==", x, 0.0), 0.0, math.nan))
    found = where_any(k, rest, lambda: _beta_small(k, b, a, y, True), ends)
    found = where_any(k, small, lambda: _beta_small(k, a, b, x, False), found)

    def by_fraction() -> Vector:
        pairs = ((a, b), (b, a), (x, y), (y, x))
        part = _beta_fraction(k, *[k.choose(below, p, q) for p, q in pairs])
        return k.choose(below, part, 1.0 - part)

    return where_any(k, fraction, by_fraction, found)


def beta_density(k: VectorBuilder, a: Vector, b: Vector, x: Vector) -> Vector:
    """The derivative of I_x(a, b) in x."""
    if not k.double:
        return k.in_double(beta_density, a, b, x)

    def at_0(power: Vector, other: Vector) -> Vector:
        return k.choose(k.compare("<", power, 1.0), math.inf, k.choose(k.compare("==", power, 1.0), other, 0.0))

    ends = k.choose(k.compare("==", x, 0.0), at_0(a, b), k.choose(k.compare("==", x, 1.0), at_0(b, a), math.nan))
    inner = k.both(k.compare(">", x, 0.0), k.compare("<", x, 1.0))
    return where_any(k, inner, lambda: _beta_kernel(k, a, b, x, 1.0 - x) / x / (1.0 - x), ends)


LOWERED: dict[str, Lowered] = {
    "gammainc": gammainc(False), "gammaincc": gammainc(True), "gamma_density": gamma_density,
    "betainc": betainc, "beta_density": beta_density,
}  # fmt: skip
