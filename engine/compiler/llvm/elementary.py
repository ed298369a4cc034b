"""exp, tanh, log, log1p, sin, cos and erf of vectors, written as LLVM, since calls of the C library do not vectorise.

Argument reduction as in Muller, Elementary Functions (3rd ed., 2016), chapters 11 and 6; coefficients are generated
(interpolation.py). The worst errors over a million points are stated in `ULPS` and measured by
tests/compiler/test_elementary.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from . import interpolation
from .interpolation import ERFC_CENTRE, PI
from .vectors import Vector, VectorBuilder, ir

LN2 = 0.693147180559945309417232121458176568

# Worst error in units in the last place: (float64, float32).
ULPS = {
    "exp": (0.83, 0.89),
    "tanh": (1.8, 1.8),
    "log": (0.86, 0.51),
    "log1p": (1.25, 0.51),
    "sin": (0.83, 0.51),
    "cos": (0.87, 0.51),
    "erf": (0.95, 0.51),
}


def _polynomial(k: VectorBuilder, x: Vector, coefficients: list[float]) -> Vector:
    """Horner's rule with fused multiply-adds."""
    out = k.number(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        out = k.fma(out, x, c)
    return out


class _Reduced:
    """x as n·ln 2 + r + tail, |r| <= ln(2)/2."""

    def __init__(self, k: VectorBuilder, x: Vector) -> None:
        high = float.fromhex("0x1.62e42fefa3800p-1") if k.double else float.fromhex("0x1.62e400p-1")
        low = float.fromhex("0x1.ef35793c76730p-45") if k.double else float.fromhex("0x1.7f7d1cp-20")
        magic = 1.5 * 2.0**k.mantissa  # adding it rounds to a whole number, which stands in the low bits
        self.k = k
        shifted = x * (1.0 / LN2) + magic
        n = shifted - magic
        head = k.fma(n, -high, x)
        self.r = k.fma(n, -low, head)
        self.tail = k.fma(n, -low, head - self.r)
        q = _polynomial(k, self.r, interpolation.exp_tail(10 if k.double else 4))
        self.square_part = self.r * self.r, q
        b, unused = k.builder, 12 if k.double else 9
        self.n = b.ashr(b.shl(k.bits(shifted), k.whole(unused)), k.whole(unused))

    def power_of_two(self, n: ir.Value) -> Vector:
        """2**n for a normal result."""
        k = self.k
        return k.from_bits(k.builder.shl(k.builder.add(n, k.whole(k.bias)), k.whole(k.mantissa)))


def exp(k: VectorBuilder, x: Vector) -> Vector:
    """e**x."""
    top, low = (709.782712893384, -745.2) if k.double else (88.72283172607422, -104.0)
    inside = k.choose(k.compare("<", x, low), low, k.choose(k.compare(">", x, top), top, x))
    reduced = _Reduced(k, inside)
    r2, q = reduced.square_part
    p = 1.0 + (reduced.r + k.fma(r2, q, reduced.tail))
    half = k.builder.ashr(reduced.n, k.whole(1))
    rest = k.builder.sub(reduced.n, half)  # two factors, since results may be subnormal
    y = p * reduced.power_of_two(half) * reduced.power_of_two(rest)
    y = k.choose(k.compare(">", x, top), math.inf, y)
    return k.choose(k.is_nan(x), x, y)


def tanh(k: VectorBuilder, x: Vector) -> Vector:
    """m/(m + 2) with m = expm1(2|x|), by one Newton step; 1 - 2/(m + 2) where that is the better form."""
    top = 20.0 if k.double else 10.0
    a = abs(x)
    a = k.choose(k.compare(">", a, top), top, a)
    a = a + a
    reduced = _Reduced(k, a)
    scale = reduced.power_of_two(reduced.n)
    r2, q = reduced.square_part
    e = reduced.r + k.fma(r2, q, k.fma(reduced.tail, reduced.r, reduced.tail))
    m = k.fma(scale, e, scale - 1.0)
    large = k.compare(">", a, 1.0)
    d = m + 2.0
    ratio = k.choose(large, -2.0, m) / d
    left = (2.0 - d) + m  # what rounding took from d
    rest = k.fma(-ratio, d, m) - ratio * left
    y = k.choose(large, 1.0 + ratio, k.fma(rest, k.fma(ratio, -0.5, 0.5), ratio))  # 1/d = (1 - ratio)/2
    y = k.intrinsic("copysign", y, x)
    return k.choose(k.is_nan(x), x, y)


def log(k: VectorBuilder, x: Vector) -> Vector:
    """n·ln 2 + log m with √½ <= m < √2, and log m from s = (m - 1)/(m + 1)."""
    if not k.double:
        return k.in_double(log, x)
    b = k.builder
    tiny = k.compare("<", x, 2.2250738585072014e-308)
    scaled = k.choose(tiny, x * 2.0**54, x)
    bits = k.bits(scaled)
    offset = b.sub(bits, k.whole(0x3FE6A09E667F3BCD))  # bits of √½
    n = b.ashr(offset, k.whole(52))
    m = k.from_bits(b.sub(bits, b.shl(n, k.whole(52))))
    n = b.sub(n, b.select(tiny, k.whole(54), k.whole(0)))
    times = Vector(k, b.sitofp(n, k.type))
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    r = z * _polynomial(k, z, interpolation.log_tail(7))
    half_square = 0.5 * f * f
    high, low = float.fromhex("0x1.62e42fee00000p-1"), float.fromhex("0x1.a39ef35793c76p-33")
    # log m = f - f²/2 + s*(f²/2 + r): the leading term f is exact.
    y = times * high - ((half_square - (s * (half_square + r) + times * low)) - f)
    y = k.choose(k.compare("==", x, math.inf), math.inf, y)
    y = k.choose(k.compare("==", x, 0.0), -math.inf, y)
    y = k.choose(k.compare("<", x, 0.0), math.nan, y)
    return k.choose(k.is_nan(x), x, y)


def log1p(k: VectorBuilder, x: Vector) -> Vector:
    """log u + c/u, where u is the float next to 1 + x, and c what rounding took from it."""
    if not k.double:
        return k.in_double(log1p, x)
    u = 1.0 + x
    c = k.choose(k.compare(">", x, 1.0), 1.0 - (u - x), x - (u - 1.0))
    y = log(k, u) + c / u
    usual = k.both(k.compare(">", x, -1.0), k.compare("<", x, math.inf))
    y = k.choose(usual, y, log(k, u))  # -inf, nan and inf as log has them
    return k.choose(k.compare("==", x, 0.0), x, y)


FAR = 1.0e6  # beyond, the angle is reduced by the C library


def _sine(k: VectorBuilder, x: Vector, quarter: int, name: str) -> Vector:
    """sin(x + quarter·π/2)."""
    b = k.builder
    magic = 1.5 * 2.0**52
    shifted = x * float(2 / PI) + magic
    n = shifted - magic
    first, second, third = interpolation.pi_halves(33, 3)
    t = x - n * first  # exact, as is the next product
    w = n * second
    r = t - w
    error = (t - r) - w
    w = n * third - error
    head = r - w
    tail = (r - head) - w
    z = head * head
    sine = head + (head * (z * _polynomial(k, z, interpolation.sin_tail(5))) + (tail - 0.5 * z * tail))
    half = 0.5 * z
    one = 1.0 - half
    cosine = one + (((1.0 - one) - half) + (z * z * _polynomial(k, z, interpolation.cos_tail(5)) - head * tail))
    turn = b.add(k.bits(shifted), k.whole(quarter))
    odd = b.icmp_unsigned("!=", b.and_(turn, k.whole(1)), k.whole(0))
    y = k.choose(odd, cosine, sine)
    negative = b.shl(b.and_(turn, k.whole(2)), k.whole(62))
    y = k.from_bits(b.xor(k.bits(y), negative))
    if quarter == 0:
        y = k.choose(k.compare("==", x, 0.0), x, y)
    far = k.builder.not_(k.compare("<=", abs(x), FAR))
    return where_any(k, far, lambda: k.lanewise(name, x), y)


def where_any(k: VectorBuilder, mask: ir.Value, rare: Callable[[], Vector], usual: Vector) -> Vector:
    """`rare` in every lane where the mask holds, else `usual`; no work where it holds in none."""
    b = k.builder
    some = mask
    if k.lanes > 1:
        some = b.icmp_unsigned("!=", b.bitcast(mask, ir.IntType(k.lanes)), ir.Constant(ir.IntType(k.lanes), 0))
    before = b.block
    with b.if_then(some, likely=False):
        found = k.choose(mask, rare(), usual)
        inside = b.block
    result = b.phi(k.type)
    result.add_incoming(usual.value, before)
    result.add_incoming(found.value, inside)
    return Vector(k, result)


def sin(k: VectorBuilder, x: Vector) -> Vector:
    """The sine: reduction by π/2 in three parts, then a polynomial."""
    return _sine(k, x, 0, "sin") if k.double else k.in_double(sin, x)


def cos(k: VectorBuilder, x: Vector) -> Vector:
    """The cosine."""
    return _sine(k, x, 1, "cos") if k.double else k.in_double(cos, x)


def erf(k: VectorBuilder, x: Vector) -> Vector:
    """x + x·p(x²) up to 1; 1 - exp(-x²)·p((x - 2)/(x + 2)) beyond, where x² is taken exactly."""
    if not k.double:
        return k.in_double(erf, x)
    a = abs(x)
    near = k.choose(k.compare("<", a, 1.0), a, 1.0)
    z = near * near
    p = _polynomial(k, z, interpolation.erf_near(14))
    small = k.fma(near, p, near)
    far = k.choose(k.compare("<", a, 6.0), k.choose(k.compare(">", a, 1.0), a, 1.0), 6.0)
    square = far * far
    error = k.fma(far, far, -square)
    g = _polynomial(k, (far - ERFC_CENTRE) / (far + ERFC_CENTRE), interpolation.erfc_far(16))
    e = exp(k, -square)
    large = 1.0 - k.fma(-e, error, e) * g
    y = k.choose(k.compare("<", a, 1.0), small, large)
    y = k.intrinsic("copysign", y, x)
    return k.choose(k.is_nan(x), x, y)
