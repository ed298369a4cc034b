"""How each row of the table becomes machine code.

A machine instruction, an elementary function (elementary.py), a function of the C library called lane by lane, or the
row's own forward written in other rows. A row that is in none of these tables, a user's own, is lowered by running its
forward function on the numbers of the compiled program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ... import ieee
from ...rule import TABLE, Op
from ...untabled import Untabled
from . import elementary, special
from .vectors import Operand, Vector, VectorBuilder, ir

Lowering = Callable[..., Vector]


def lower(k: VectorBuilder, op: Op, args: Sequence[Operand]) -> Vector:
    """Apply an op to numbers of the compiled program."""
    numbers = [k.number(a) for a in args]
    name = op.name
    if isinstance(op, Untabled):
        return k.function(name, special.part(*op.key), *numbers)
    if TABLE.get(name) is op:
        if name in special.LOWERED:
            return k.function(name, special.LOWERED[name], *numbers)
        if name in elementary.ULPS:
            return k.function(name, getattr(elementary, name), *numbers)
        if name in C_LIBRARY:
            return k.lanewise(C_LIBRARY[name], *numbers)
        if name in FORMULAS:
            return k.number(FORMULAS[name](k, *numbers))
    try:
        return k.number(op.forward(*numbers))
    except (TypeError, AttributeError, ValueError) as error:
        raise TypeError(
            f"jit takes ops whose forward is written with + - * / and engine's functions, got {name!r}: {error}"
        ) from error


# Called lane by lane, in float64: the library's own errors apply. With glibc all rows keep the accuracy contract of
# engine.checks (tests/compiler/test_contract.py measures them).
C_LIBRARY = {
    "power": "pow", "exp2": "exp2", "expm1": "expm1", "log2": "log2", "log10": "log10",
    "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2",
    "sinh": "sinh", "cosh": "cosh", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "hypot": "hypot",
    "erfc": "erfc", "fmod": "fmod", "ieee_remainder": "remainder",
}  # fmt: skip


COMPARISONS = {
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
}  # fmt: skip


def _compared(sign: str) -> Lowering:
    return lambda k, a, b: k.flag(k.compare(sign, a, b))


def _intrinsic(name: str) -> Lowering:
    return lambda k, *numbers: k.intrinsic(name, *numbers)


def _step(k: VectorBuilder, x: Vector) -> Vector:
    positive = k.builder.fcmp_unordered(">", x.value, k.constant(0.0))  # or nan
    return k.remember(positive, k.choose(k.compare("<=", x, 0.0), 0.0, k.choose(k.compare(">", x, 0.0), 1.0, x)))


def _above(k: VectorBuilder, a: Vector, b: Vector) -> Vector:
    tie = k.choose(k.compare("==", a, b), 0.5, math.nan)
    return k.choose(k.compare(">", a, b), 1.0, k.choose(k.compare("<", a, b), 0.0, tie))


def _inside(k: VectorBuilder, x: Vector, low: Vector, high: Vector) -> Vector:
    undefined = k.either(k.is_nan(x), k.either(k.is_nan(low), k.is_nan(high)))
    within = k.both(k.compare("<=", low, x), k.compare("<=", x, high))
    return k.choose(within, 1.0, k.choose(undefined, math.nan, 0.0))


def _where(k: VectorBuilder, c: Vector, a: Vector, b: Vector) -> Vector:
    mask = k.truth(c)
    y = k.choose(mask, a, b)
    if k.is_constant(b, 0.0) and k.known_truth(a) is not None:
        k.remember(k.both(mask, k.known_truth(a)), y)
    elif k.is_constant(a, 1.0) and k.known_truth(b) is not None:
        k.remember(k.either(mask, k.known_truth(b)), y)
    return y


def _extreme(sign: str) -> Lowering:
    return lambda k, a, b: k.choose(k.either(k.compare(sign, a, b), k.is_nan(a)), a, b)


def _clip(k: VectorBuilder, x: Vector, low: Vector, high: Vector) -> Vector:
    cut = k.choose(k.compare("<", x, low), low, k.choose(k.compare(">", x, high), high, x))
    crossed = k.choose(k.compare(">", low, high), k.choose(k.is_nan(x), x, high), math.nan)
    return k.choose(k.compare("<=", low, high), cut, crossed)


def _elu(k: VectorBuilder, x: Vector, alpha: Operand) -> Vector:
    return k.choose(k.compare(">", x, 0.0), x, alpha * k.apply("expm1", x))


def _sigmoid(k: VectorBuilder, x: Vector) -> Vector:
    e = k.apply("exp", -abs(x))
    return k.choose(k.compare(">=", x, 0.0), 1.0, e) / (1.0 + e)


def _softplus(k: VectorBuilder, x: Vector) -> Vector:
    return k.apply("maximum", x, 0.0) + k.apply("log1p", k.apply("exp", -abs(x)))


def _sech2(k: VectorBuilder, x: Vector) -> Vector:
    e = k.apply("exp", -2.0 * abs(x))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


def _logistic_pdf(k: VectorBuilder, x: Vector) -> Vector:
    e = k.apply("exp", -abs(x))
    return e / ((1.0 + e) * (1.0 + e))


def _square_parts(k: VectorBuilder, x: Vector) -> tuple[Vector, Vector]:
    """x as head + tail where head² is exact; for |x| < 64."""
    head = k.intrinsic("rint", x * 2.0**20) * 2.0**-20
    return head, x - head


def _bell(half: float, scale: float) -> Lowering:
    """exp(-x²·half)/scale without rounding x²; 0 from 64 on."""

    def lowered(k: VectorBuilder, x: Vector) -> Vector:
        if not k.double:
            return k.in_double(lowered, x)
        head, tail = _square_parts(k, x)
        y = k.apply("exp", -half * head * head) * k.apply("exp", -half * tail * (x + head))
        y = y / scale if scale != 1.0 else y
        return k.choose(k.is_nan(x), x, k.choose(k.compare("<", abs(x), 64.0), y, 0.0))

    return lowered


def _normal_cdf(k: VectorBuilder, x: Vector) -> Vector:
    if not k.double:
        return k.in_double(_normal_cdf, x)
    t = x * ieee.SQRT_HALF
    head, tail = _square_parts(k, x)
    error = k.fma(head, ieee.SQRT_HALF_HEAD, -t) + head * ieee.SQRT_HALF_TAIL + tail * ieee.SQRT_HALF
    y = 0.5 * k.apply("erfc", -t) + error * k.apply("gauss", t) / ieee.SQRT_PI
    far = k.choose(k.compare(">", x, 0.0), 1.0, 0.0)
    return k.choose(k.is_nan(x), x, k.choose(k.compare("<", abs(t), 30.0), y, far))


def _silu(k: VectorBuilder, x: Vector) -> Vector:
    if not k.double:
        return k.in_double(_silu, x)
    half = k.apply("exp", 0.5 * x)  # below -700 exp(x) loses digits before x multiplies it
    tail = k.choose(k.compare(">", x, -1500.0), half * x * half, -0.0)
    return k.choose(k.compare("<", x, -700.0), tail, x * _sigmoid(k, x))


def _gelu(k: VectorBuilder, x: Vector) -> Vector:
    if not k.double:
        return k.in_double(_gelu, x)
    s = 1.0 / (x * x)
    series = k.number(1.0)
    for n in (13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0):
        series = 1.0 - n * s * series
    tail = -k.apply("normal_pdf", x) * series
    return k.choose(k.compare("<", x, -37.0), tail, x * k.apply("normal_cdf", x))


def _logaddexp(exp: str, two: float, scale: float) -> Lowering:
    """log(e**a + e**b), of a base whose logarithm of 2 is `two`."""

    def lowered(k: VectorBuilder, a: Vector, b: Vector) -> Vector:
        most, rest = k.apply("maximum", a, b), k.apply("log1p", k.apply(exp, -abs(a - b)))
        apart = most + (rest if scale == 1.0 else rest / scale)
        return k.choose(k.compare("==", a, b), a + two, apart)

    return lowered


def _unless_0(log: str) -> Lowering:
    """a times a logarithm of b, 0 where a is 0."""

    def lowered(k: VectorBuilder, a: Vector, b: Vector) -> Vector:
        none = k.both(k.compare("==", a, 0.0), k.compare("==", b, b))
        return k.choose(none, 0.0, a * k.apply(log, b))

    return lowered


def _log1mexp(k: VectorBuilder, x: Vector) -> Vector:
    near, far = k.apply("log", -k.apply("expm1", -x)), k.apply("log1p", -k.apply("exp", -x))
    return k.choose(k.compare("<=", x, ieee.LN2), near, far)


def _logexpm1(k: VectorBuilder, x: Vector) -> Vector:
    if not k.double:
        return k.in_double(_logexpm1, x)
    middle = k.apply("log1p", 2.0 * k.apply("expm1", (x - ieee.LN2) - ieee.LN2_TAIL))
    large, small = x + k.apply("log1p", -k.apply("exp", -x)), k.apply("log", k.apply("expm1", x))
    ends = k.choose(k.compare(">", x, 1.0), large, small)
    return k.choose(k.both(k.compare(">", x, 0.25), k.compare("<", x, 1.5)), middle, ends)


def _logsubexp(k: VectorBuilder, a: Vector, b: Vector) -> Vector:
    apart = k.apply("maximum", a, b) + k.apply("log1mexp", abs(a - b))
    same = k.choose(k.compare("==", a, math.inf), math.nan, -math.inf)
    return k.choose(k.compare("==", a, b), same, apart)


def _left(k: VectorBuilder, a: Vector, b: Vector) -> tuple[Vector, ir.Value]:
    """(what division leaves, where its sign is not that of b)."""
    left = k.apply("fmod", a, b)
    apart = k.compare("<", left * k.intrinsic("copysign", k.number(1.0), b), 0.0)
    return left, k.both(apart, k.compare("!=", left, 0.0))


def _remainder(k: VectorBuilder, a: Vector, b: Vector) -> Vector:
    left, apart = _left(k, a, b)
    none = k.compare("==", left, 0.0)
    return k.choose(none, k.intrinsic("copysign", k.number(0.0), b), k.choose(apart, left + b, left))


def _floor_divide(k: VectorBuilder, a: Vector, b: Vector) -> Vector:
    left, apart = _left(k, a, b)
    whole = (a - left) / b
    whole = k.choose(apart, whole - 1.0, whole)
    lower = k.intrinsic("floor", whole)
    lower = k.choose(k.compare(">", whole - lower, 0.5), lower + 1.0, lower)
    lower = k.choose(k.compare("==", whole, 0.0), k.intrinsic("copysign", k.number(0.0), a / b), lower)
    return k.choose(k.compare("==", b, 0.0), a / b, lower)


def _nan_to_num(k: VectorBuilder, x: Vector) -> Vector:
    most = ieee.MOST if k.double else 3.4028234663852886e38
    cut = k.choose(k.compare("<", x, -most), -most, k.choose(k.compare(">", x, most), most, x))
    return k.choose(k.is_nan(x), 0.0, cut)


def _of_pi(sine: bool) -> Lowering:
    """sin(πx) or cos(πx), from the nearest whole number or the zero next to it."""

    def lowered(k: VectorBuilder, x: Vector) -> Vector:
        if not k.double:
            return k.in_double(lowered, x)
        r = k.apply("ieee_remainder", x, 1.0)
        near, far = math.pi * r, math.pi * (0.5 - abs(r))
        if sine:
            y = k.choose(
                k.compare("<=", abs(r), 0.25), k.apply("sin", near), k.intrinsic("copysign", k.apply("cos", far), r)
            )
        else:
            y = k.choose(k.compare("<=", abs(r), 0.25), k.apply("cos", near), k.apply("sin", far))
        return k.choose(k.compare("==", k.apply("ieee_remainder", x - r, 2.0), 0.0), y, -y)

    return lowered


def _cbrt(k: VectorBuilder, x: Vector) -> Vector:
    """The C library's cube root errs by up to 4 ulps: one Newton step on the exact residual mends it."""
    if not k.double:
        return k.lanewise("cbrt", x)
    y = k.lanewise("cbrt", x)
    square = y * y
    residual = k.fma(square, y, -x) + k.fma(y, y, -square) * y
    better = y - residual / (3.0 * square)
    exact = k.both(k.compare(">", abs(x), 1e-280), k.compare("<", abs(x), math.inf))
    return k.choose(exact, better, y)


def _unit(k: VectorBuilder, a: Vector, b: Vector) -> Vector:
    h = k.apply("hypot", a, b)
    finite = k.both(k.compare("<", abs(a), math.inf), k.compare("<", abs(b), math.inf))
    too_long = k.both(k.compare("==", h, math.inf), finite)
    ratio = k.choose(too_long, a / 4.0, a) / k.choose(too_long, k.apply("hypot", a / 4.0, b / 4.0), h)
    return k.choose(k.compare("==", h, 0.0), 0.0, ratio)


def _over(k: VectorBuilder, a: Vector, b: Vector) -> Vector:
    h = k.apply("hypot", a, b)
    return a / h / h


FORMULAS: dict[str, Lowering] = {
    **{name: _compared(sign) for name, sign in COMPARISONS.items()},
    **{name: _intrinsic(name) for name in ("floor", "ceil", "trunc", "sqrt", "copysign")},
    "step": _step,
    "above": _above,
    "inside": _inside,
    "sign": lambda k, x: k.choose(k.compare(">", x, 0.0), 1.0, k.choose(k.compare("<", x, 0.0), -1.0, x)),
    "where": _where,
    "edge": _where,
    "maximum": _extreme(">="),
    "minimum": _extreme("<="),
    "clip": _clip,
    "cbrt": lambda k, x: k.function("cbrt_", _cbrt, x),
    "relu": lambda k, x: k.choose(k.compare("<=", x, 0.0), 0.0, x),
    "leaky_relu": lambda k, x, slope: k.choose(k.compare(">", x, 0.0), x, slope * x),
    "elu": _elu,
    "selu": lambda k, x: ieee.SELU_SCALE * _elu(k, x, ieee.SELU_ALPHA),
    "sigmoid": _sigmoid,
    "logistic_pdf": _logistic_pdf,
    "logsigmoid": lambda k, x: -_softplus(k, -x),
    "softplus": _softplus,
    "silu": _silu,
    "sech2": _sech2,
    "gauss": _bell(1.0, 1.0),
    "normal_pdf": _bell(0.5, ieee.SQRT_2_PI),
    "normal_cdf": _normal_cdf,
    "gelu": _gelu,
    "logaddexp": _logaddexp("exp", math.log(2.0), 1.0),
    "logsubexp": _logsubexp,
    "log1mexp": _log1mexp,
    "logexpm1": _logexpm1,
    "bose": lambda k, x: k.choose(k.compare(">", x, 40.0), k.apply("exp", -x), 1.0 / k.apply("expm1", x)),
    "xlogy": _unless_0("log"),
    "xlog1py": _unless_0("log1p"),
    "exp10": lambda k, x: k.apply("power", 10.0, x),
    "rsqrt": lambda k, x: 1.0 / k.intrinsic("sqrt", x),
    "fma": lambda k, *numbers: k.fma(*numbers),
    "round": lambda k, x: k.intrinsic("rint", x),
    "share": lambda k, a, b: a / b,
    "gap": lambda k, a, b: k.choose(k.both(*[k.compare("==", x, math.inf) for x in (a, b)]), 0.0, a - b),
    "sinc": lambda k, x: k.choose(k.compare("==", x, 0.0), 1.0, k.apply("sinpi", x) / (math.pi * x)),
    "sinpi": _of_pi(True),
    "cospi": _of_pi(False),
    "remainder": _remainder,
    "floor_divide": _floor_divide,
    "logaddexp2": _logaddexp("exp2", 1.0, math.log(2.0)),
    "nan_to_num": _nan_to_num,
    "isfinite": lambda k, x: k.flag(k.compare("<", abs(x), math.inf)),
    "unit": _unit,
    "over": _over,
}
