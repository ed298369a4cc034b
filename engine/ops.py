"""The table of rules: one row an op, and the only file edited to add one.

A row holds all that is known of a primitive: its forward function on floats, one partial per argument, its notation,
where it is defined, where it has a kink, and an independent reference. A partial takes the arguments, then the output,
and is plain Python: it runs on floats (backward), on Values (higher derivatives), and on named Values (printing), so
the formula a reader sees is the rule that ran. It uses `+ - * /`, literal integer powers and rows of this table, and
never branches: a condition is a row too.
"""

import math
import operator
from math import inf

from . import exponentials, ieee, special
from .rule import BUILT_IN, POWER, PRODUCT, REAL, SIGN, SUM, TABLE, op
from .untabled import POSITIVE, untabled

UNIT = (-1.0, 1.0)  # a domain


def _function(tex):
    return tex + r"\left({0:0}\right)"


def _slope(x, n, y):
    """n*x**(n - 1), and 0 at n = 0, also for x = 0, where it can still be differentiated in n.

    Where the float n - 1 is rounded it is n*y/x: for x**0.3 at 1e300 the rounding would cost 350 ulps. Like `edge`, it
    folds its conditions where n is a number.
    """
    if n.__class__ is float:
        if n == 0.0:
            return 0.0
        if n == 2.0:
            return n * x
        if n - 1.0 + 1.0 == n:
            return n * (ieee.power(x, n - 1.0) if x.__class__ is float else x ** (n - 1.0))
        return edge(equal(inside(y, 1e-308, 1e308), 1.0), n * y / x, n * power(x, n - 1.0))
    rounded = not_equal(n - 1.0 + 1.0, n) * equal(inside(y, 1e-308, 1e308), 1.0)  # 0 where y is nan
    slope = edge(rounded, n * y / x, n * power(x, n - 1.0))
    return edge(equal(n, 0.0), n * where(greater(abs(x), 1e-308), y / x, 0.0), slope)


# The Taylor series of sinc'(x)/x in x², highest power first.
_SINC = [2.0 * k * (-1.0) ** k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(14, 0, -1)]


def _sinc_slope(x, y):
    """The slope of sinc: near 0 its series, differentiable to any order; beyond (cos πx - sinc x)/x."""
    s = _SINC[0]
    for c in _SINC[1:]:
        s = s * (x * x) + c
    return edge(less(x * x, 0.3), x * s, (cospi(x) - y) / x)


_whole = round  # Python's, which the row of its name hides


_ERFCX_FAR = [(2.0 * k + 1.0) * c for k, c in zip(range(15, -1, -1), special.ERFCX_FAR)]


def _erfcx_slope(x, y):
    """The slope of erfcx: 2*x*y - 2/√π, and above 0, where that cancels, a polynomial in (x - 3)/(x + 3), or in 1/x²."""
    formula = 2.0 * x * y - 2.0 / ieee.SQRT_PI
    if x.__class__ is float and not x > 0.0:
        return formula
    near, far = special.ERFCX_SLOPE[0], _ERFCX_FAR[0]
    for c in special.ERFCX_SLOPE[1:]:
        near = near * ((x - 3.0) / (x + 3.0)) + c
    for c in _ERFCX_FAR[1:]:
        far = far * (0.5 / x / x) + c
    far = -1.0 / ieee.SQRT_PI * far / x / x
    return edge(greater_equal(x, 10.0), far, edge(greater(x, 0.0), near / (1.0 + x) / (1.0 + x), formula))


def _nearest(r, b):
    """A remainder from -b/2 to b/2, whichever its sign at a tie."""
    return r if r > -b / 2 else r + b


# fmt: off
# Arithmetic -----------------------------------------------------------------------------------------------------------
add = op("add", operator.add, 1.0, 1.0, text="{0:1} + {1:2}", tex="{0:1} + {1:2}", binding=SUM, reference=lambda m, a, b: a + b, doc="a + b.")
sub = op("sub", operator.sub, 1.0, -1.0, text="{0:1} - {1:2}", tex="{0:1} - {1:2}", binding=SUM, reference=lambda m, a, b: a - b, doc="a - b.")
mul = op("mul", operator.mul, lambda a, b, y: b, lambda a, b, y: a, text="{0:2}*{1:4}", tex=r"{0:2} \cdot {1:4}", binding=PRODUCT, reference=lambda m, a, b: a * b, doc="a * b.")
div = op("div", ieee.div, lambda a, b, y: 1.0 / b, lambda a, b, y: -y / b, text="{0:2}/{1:4}", tex=r"\frac{{0:0}}{{1:0}}", binding=PRODUCT, domain=(REAL, POSITIVE), reference=lambda m, a, b: a / b, doc="a / b; infinite or nan where b is 0.")
power = op("power", ieee.power,
           _slope,
           lambda x, n, y: edge(equal(x, 0.0) * greater_equal(n, 0.0), 0.0, y * log(x)),
           text="{0:5}**{1:5}", tex="{0:5}^{{1:0}}", binding=POWER, domain=(POSITIVE, REAL), reference=lambda m, x, n: x**n, doc="x to the power n; nan for a negative x and an n that is no integer.")
neg = op("neg", operator.neg, -1.0, text="-{0:2}", tex="-{0:2}", binding=SIGN, reference=lambda m, x: -x, doc="-x.")
identity = op("identity", operator.pos, 1.0, reference=lambda m, x: x, doc="x itself, as a node of its own.")
square = op("square", lambda x: x * x, lambda x, y: 2.0 * x, text="{0:5}**2", tex="{0:5}^{2}", binding=POWER, reference=lambda m, x: x * x, doc="x * x.")
reciprocal = op("reciprocal", ieee.reciprocal, lambda x, y: -y * y, text="1/{0:4}", tex=r"\frac{1}{{0:0}}", binding=PRODUCT, domain=POSITIVE, reference=lambda m, x: 1 / x, doc="1 / x.")
remainder = op("remainder", ieee.remainder, 1.0, lambda a, b, y: -floor_divide(a, b), domain=(REAL, POSITIVE), kink=operator.mod, reference=lambda m, a, b: a - b * m.floor(a / b), doc="a % b: what division leaves, of the sign of b; nan where b is 0.")
fmod = op("fmod", ieee.fmod, 1.0, lambda a, b, y: -floor((a - y) / b + 0.5), domain=(REAL, POSITIVE), kink=operator.mod, reference=lambda m, a, b: a - b * m.floor(a / b) if a > 0 else a + b * m.floor(-a / b), doc="What division leaves, of the sign of a, as C's fmod; nan where b is 0.")
ieee_remainder = op("ieee_remainder", ieee.ieee_remainder, 1.0, lambda a, b, y: -floor((a - y) / b + 0.5), domain=(REAL, POSITIVE), kink=lambda a, b: (a + b / 2) % b, reference=lambda m, a, b: _nearest(a - b * m.floor(a / b + m.mpf(1) / 2), b), doc="a less the multiple of b that is nearest, the even one at a tie: math.remainder; nan where b is 0.")
fma = op("fma", ieee.fma, lambda a, b, c, y: b, lambda a, b, c, y: a, 1.0, reference=lambda m, a, b, c: a * b + c, doc="a*b + c, rounded once.")
deg2rad = op("deg2rad", lambda x: x * (math.pi / 180.0), math.pi / 180.0, reference=lambda m, x: x * m.pi / 180, doc="Degrees to radians.")
rad2deg = op("rad2deg", lambda x: x * (180.0 / math.pi), 180.0 / math.pi, reference=lambda m, x: x * 180 / m.pi, doc="Radians to degrees.")

# Conditions: 1 or 0, with derivative 0, so that nothing flows through them ----------------------------------------------
less = op("less", lambda a, b: float(a < b), 0.0, 0.0, text="[{0:1} < {1:1}]", tex="[{0:1} < {1:1}]", kink=lambda a, b: a - b, selects=True, doc="1 where a < b, else 0; derivative 0.")
less_equal = op("less_equal", lambda a, b: float(a <= b), 0.0, 0.0, text="[{0:1} <= {1:1}]", tex=r"[{0:1} \leq {1:1}]", kink=lambda a, b: a - b, selects=True, doc="1 where a <= b, else 0; derivative 0.")
greater = op("greater", lambda a, b: float(a > b), 0.0, 0.0, text="[{0:1} > {1:1}]", tex="[{0:1} > {1:1}]", kink=lambda a, b: a - b, selects=True, doc="1 where a > b, else 0; derivative 0.")
greater_equal = op("greater_equal", lambda a, b: float(a >= b), 0.0, 0.0, text="[{0:1} >= {1:1}]", tex=r"[{0:1} \geq {1:1}]", kink=lambda a, b: a - b, selects=True, doc="1 where a >= b, else 0; derivative 0.")
equal = op("equal", lambda a, b: float(a == b), 0.0, 0.0, text="[{0:1} == {1:1}]", tex="[{0:1} = {1:1}]", kink=lambda a, b: a - b, selects=True, doc="1 where a == b, else 0; derivative 0.")
not_equal = op("not_equal", lambda a, b: float(a != b), 0.0, 0.0, text="[{0:1} != {1:1}]", tex=r"[{0:1} \neq {1:1}]", kink=lambda a, b: a - b, selects=True, doc="1 where a != b, else 0; derivative 0.")
step = op("step", ieee.step, 0.0, text="[{0:1} > 0]", tex="[{0:1} > 0]", kink=lambda x: x, selects=True, doc="1 above 0, 0 up to 0: the derivative of relu.")
above = op("above", ieee.above, 0.0, 0.0, kink=lambda a, b: a - b, selects=True, doc="1 where a > b, 0 where a < b, 1/2 at a tie: the derivative of maximum.")
inside = op("inside", ieee.inside, 0.0, 0.0, 0.0, text="[{1:1} <= {0:1} <= {2:1}]", tex=r"[{1:1} \leq {0:1} \leq {2:1}]", kink=lambda x, low, high: (x - low) * (x - high), selects=True, doc="1 where low <= x <= high: the derivative of clip.")
sign = op("sign", ieee.sign, 0.0, kink=lambda x: x, selects=True, doc="1 above 0, -1 below, 0 at 0; derivative 0.")
floor = op("floor", ieee.floor, 0.0, tex=r"\left\lfloor {0:0} \right\rfloor", kink=lambda x: x - _whole(x), selects=True, doc="The largest integer up to x; derivative 0.")
ceil = op("ceil", ieee.ceil, 0.0, tex=r"\left\lceil {0:0} \right\rceil", kink=lambda x: x - _whole(x), selects=True, doc="The smallest integer from x on; derivative 0.")
trunc = op("trunc", ieee.trunc, 0.0, kink=lambda x: x - _whole(x), selects=True, doc="The integer next to x on the side of 0; derivative 0.")
round = op("round", ieee.rint, 0.0, kink=lambda x: x - 0.5 - _whole(x - 0.5), selects=True, doc="The integer nearest to x, the even one at a tie; derivative 0.")
floor_divide = op("floor_divide", ieee.floor_divide, 0.0, 0.0, tex=r"\left\lfloor \frac{{0:0}}{{1:0}} \right\rfloor", domain=(REAL, POSITIVE), kink=operator.mod, selects=True, doc="a // b: the largest integer up to a / b; derivative 0.")
isfinite = op("isfinite", lambda x: float(math.isfinite(x)), 0.0, selects=True, doc="1 where x is neither infinite nor nan, else 0; derivative 0.")

# Choices: the argument that is not chosen contributes nothing -----------------------------------------------------------
where = op("where", lambda c, a, b: a if c else b,
           0.0, lambda c, a, b, y: where(c, 1.0, 0.0), lambda c, a, b, y: where(c, 0.0, 1.0),
           kink=lambda c, a, b: c, selects=True, reference=lambda m, c, a, b: a if c else b, doc="a where c is not 0, else b.")
_edge = op("edge", lambda c, a, b: a if c else b,
           0.0, lambda c, a, b, y: edge(c, 1.0, 0.0), lambda c, a, b, y: edge(c, 0.0, 1.0),
           text="{2:0}", tex="{2:0}", kink=lambda c, a, b: c, selects=True, reference=lambda m, c, a, b: a if c else b, doc="A where whose formula is printed alone: at_edge where the condition is not 0.")
maximum = op("maximum", ieee.maximum, lambda a, b, y: above(a, b), lambda a, b, y: above(b, a), tex=r"\max\left({0:0}, {1:0}\right)", kink=lambda a, b: a - b, selects=True, reference=lambda m, a, b: a if a > b else b, doc="The larger one; nan if one is; at a tie each has half of the derivative.")
minimum = op("minimum", ieee.minimum, lambda a, b, y: above(b, a), lambda a, b, y: above(a, b), tex=r"\min\left({0:0}, {1:0}\right)", kink=lambda a, b: a - b, selects=True, reference=lambda m, a, b: a if a < b else b, doc="The smaller one; nan if one is; at a tie each has half of the derivative.")
clip = op("clip", ieee.clip, lambda x, low, high, y: inside(x, low, high), lambda x, low, high, y: less(x, low) * less_equal(low, high), lambda x, low, high, y: greater(maximum(x, low), high),
          kink=lambda x, low, high: (x - low) * (x - high), selects=True, domain=(REAL, (-inf, -1.0), (1.0, inf)), reference=lambda m, x, low, high: high if x > high or low > high else low if x < low else x, doc="x, but low below low and high above high; derivative 1 at both bounds. High where low is above high, as in NumPy.")
copysign = op("copysign", math.copysign, lambda a, b, y: sign(a) * copysign(1.0, b), 0.0, kink=lambda a, b: a * b, reference=lambda m, a, b: (a if a > 0 else -a) if b > 0 else (-a if a > 0 else a), doc="a with the sign of b; derivative 0 at 0.")
nan_to_num = op("nan_to_num", ieee.nan_to_num, lambda x, y: isfinite(x), selects=True, reference=lambda m, x: x, doc="x, but 0 for nan and the largest float for infinity; derivative 0 there.")
abs = op("abs", operator.abs, lambda x, y: sign(x), tex=r"\left|{0:0}\right|", kink=lambda x: x, reference=lambda m, x: x if x > 0 else -x, doc="x without its sign; derivative 0 at 0.")

# Exponentials and powers ------------------------------------------------------------------------------------------------
exp = op("exp", ieee.exp, lambda x, y: y, tex="e^{{0:0}}", binding=POWER, reference="exp", doc="e to the power x.")
exp2 = op("exp2", ieee.exp2, lambda x, y: math.log(2.0) * y, tex="2^{{0:0}}", binding=POWER, reference=lambda m, x: m.exp(x * m.log(m.mpf(2))), doc="2 to the power x.")
exp10 = op("exp10", lambda x: ieee.power(10.0, x), lambda x, y: math.log(10.0) * y, tex="10^{{0:0}}", binding=POWER, reference=lambda m, x: m.exp(x * m.log(m.mpf(10))), doc="10 to the power x.")
expm1 = op("expm1", ieee.expm1, lambda x, y: exp(x), tex="e^{{0:0}} - 1", binding=SUM, reference="expm1", doc="exp(x) - 1, accurate near 0.")
log = op("log", ieee.log, lambda x, y: 1.0 / x, tex=_function(r"\ln"), domain=POSITIVE, reference="log", doc="The natural logarithm; -inf at 0, nan below.")
log2 = op("log2", ieee.log2, lambda x, y: 1.0 / math.log(2.0) / x, tex=_function(r"\log_2"), domain=POSITIVE, reference=lambda m, x: m.log(x) / m.log(m.mpf(2)), doc="The logarithm to base 2.")
log10 = op("log10", ieee.log10, lambda x, y: 1.0 / math.log(10.0) / x, tex=_function(r"\log_{10}"), domain=POSITIVE, reference=lambda m, x: m.log(x) / m.log(m.mpf(10)), doc="The logarithm to base 10.")
log1p = op("log1p", ieee.log1p, lambda x, y: 1.0 / (1.0 + x), tex=r"\ln\left(1 + {0:1}\right)", domain=(-1.0, inf), reference="log1p", doc="log(1 + x), accurate near 0.")
sqrt = op("sqrt", ieee.sqrt, lambda x, y: 0.5 / y, tex=r"\sqrt{{0:0}}", domain=POSITIVE, reference="sqrt", doc="The square root; nan below 0.")
rsqrt = op("rsqrt", ieee.rsqrt, lambda x, y: -0.5 * y / x, text="1/sqrt({0:0})", tex=r"\frac{1}{\sqrt{{0:0}}}", binding=PRODUCT, domain=POSITIVE, reference=lambda m, x: 1 / m.sqrt(x), doc="1 / sqrt(x).")
cbrt = op("cbrt", ieee.cbrt, lambda x, y: 1.0 / (3.0 * y**2), tex=r"\sqrt[3]{{0:0}}", domain=POSITIVE, reference=lambda m, x: x ** (m.mpf(1) / 3), doc="The cube root, of negative numbers too.")

xlogy = op("xlogy", ieee.xlogy, lambda a, b, y: log(b), lambda a, b, y: edge(equal(a, 0.0) * equal(b, 0.0), 0.0, a / b), domain=(REAL, POSITIVE), reference=lambda m, a, b: a * m.log(b), doc="a*log(b), 0 where a is 0.")
xlog1py = op("xlog1py", ieee.xlog1py, lambda a, b, y: log1p(b), lambda a, b, y: edge(equal(a, 0.0) * equal(b, -1.0), 0.0, a / (1.0 + b)), domain=(REAL, (-1.0, inf)), reference=lambda m, a, b: a * m.log1p(b), doc="a*log(1 + b), 0 where a is 0.")
log1mexp = op("log1mexp", exponentials.log1mexp, lambda x, y: _bose(x), domain=POSITIVE, reference=lambda m, x: m.log(-m.expm1(-x)), doc="log(1 - exp(-x)) without cancellation; nan below 0.")
logexpm1 = op("logexpm1", exponentials.logexpm1, lambda x, y: -_bose(-x), domain=POSITIVE, reference=lambda m, x: m.log(m.expm1(x)), doc="log(exp(x) - 1), the inverse of softplus, without overflow; nan below 0.")
logsubexp = op("logsubexp", exponentials.logsubexp, lambda a, b, y: -_bose(b - a), lambda a, b, y: -_bose(a - b), kink=lambda a, b: a - b, reference=lambda m, a, b: m.log((m.exp(a) - m.exp(b)) * (1 if a > b else -1)), doc="log(abs(exp(a) - exp(b))) without overflow.")
_bose = op("bose", exponentials.bose, lambda x, y: y * _bose(-x), text="1/expm1({0:0})", tex=r"\frac{1}{e^{{0:0}} - 1}", binding=PRODUCT, domain=POSITIVE, reference=lambda m, x: 1 / m.expm1(x), doc="1/(exp(x) - 1), as in Bose's statistics: the derivative of log1mexp.")

# Trigonometric and hyperbolic -------------------------------------------------------------------------------------------
sin = op("sin", ieee.sin, lambda x, y: cos(x), tex=_function(r"\sin"), reference="sin", doc="The sine of x radians.")
cos = op("cos", ieee.cos, lambda x, y: -sin(x), tex=_function(r"\cos"), reference="cos", doc="The cosine of x radians.")
tan = op("tan", ieee.tan, lambda x, y: 1.0 + y**2, tex=_function(r"\tan"), domain=(-math.pi / 2, math.pi / 2), reference="tan", doc="The tangent of x radians.")
arcsin = op("arcsin", ieee.arcsin, lambda x, y: 1.0 / sqrt(_difference_of_squares(1.0, x)), tex=_function(r"\arcsin"), domain=UNIT, reference="asin", doc="The angle whose sine is x, in radians.")
arccos = op("arccos", ieee.arccos, lambda x, y: -1.0 / sqrt(_difference_of_squares(1.0, x)), tex=_function(r"\arccos"), domain=UNIT, reference="acos", doc="The angle whose cosine is x, in radians.")
arctan = op("arctan", math.atan, lambda x, y: over(1.0, x), tex=_function(r"\arctan"), reference="atan", doc="The angle whose tangent is x, in radians.")
arctan2 = op("arctan2", math.atan2, lambda a, b, y: over(b, a), lambda a, b, y: -over(a, b), domain=(REAL, POSITIVE), reference=lambda m, a, b: m.atan(a / b), doc="The angle of the point with x = b and y = a, in radians.")
sinpi = op("sinpi", ieee.sinpi, lambda x, y: math.pi * cospi(x), reference=lambda m, x: m.sin(m.pi * x), doc="sin(πx).")
cospi = op("cospi", ieee.cospi, lambda x, y: -math.pi * sinpi(x), reference=lambda m, x: m.cos(m.pi * x), doc="cos(πx).")
sinc = op("sinc", ieee.sinc, _sinc_slope, reference=lambda m, x: m.sin(m.pi * x) / (m.pi * x) if x else m.mpf(1), doc="sin(πx)/(πx), 1 at 0.")
sinh = op("sinh", ieee.sinh, lambda x, y: cosh(x), tex=_function(r"\sinh"), reference="sinh", doc="The hyperbolic sine.")
cosh = op("cosh", ieee.cosh, lambda x, y: sinh(x), tex=_function(r"\cosh"), reference="cosh", doc="The hyperbolic cosine.")
tanh = op("tanh", math.tanh, lambda x, y: sech2(x), tex=_function(r"\tanh"), reference="tanh", doc="The hyperbolic tangent.")
sech2 = op("sech2", exponentials.sech2, lambda x, y: -2.0 * y * tanh(x), tex=r"\operatorname{sech}^2\left({0:0}\right)", reference=lambda m, x: 1 / m.cosh(x) ** 2, doc="1/cosh²: the derivative of tanh, accurate where 1 - tanh² is 0.")
arcsinh = op("arcsinh", math.asinh, lambda x, y: 1.0 / hypot(1.0, x), tex=_function(r"\operatorname{arcsinh}"), reference="asinh", doc="The inverse of sinh.")
arccosh = op("arccosh", ieee.arccosh, lambda x, y: 1.0 / sqrt(x - 1.0) / sqrt(x + 1.0), tex=_function(r"\operatorname{arccosh}"), domain=(1.0, inf), reference="acosh", doc="The inverse of cosh.")
arctanh = op("arctanh", ieee.arctanh, lambda x, y: 1.0 / _difference_of_squares(1.0, x), tex=_function(r"\operatorname{arctanh}"), domain=UNIT, reference="atanh", doc="The inverse of tanh.")

# Two sides of a triangle ------------------------------------------------------------------------------------------------
hypot = op("hypot", math.hypot, lambda a, b, y: unit(a, b), lambda a, b, y: unit(b, a), tex=r"\sqrt{{0:5}^2 + {1:5}^2}", kink=lambda a, b: a * a + b * b, reference=lambda m, a, b: m.sqrt(a * a + b * b), doc="sqrt(a² + b²) without overflow; derivatives 0 at the origin.")
unit = op("unit", ieee.unit,
          lambda a, b, y: over(b, a) * unit(b, a), lambda a, b, y: -y * over(b, a),
          text="{0:2}/hypot({0:0}, {1:0})", tex=r"\frac{{0:0}}{\sqrt{{0:5}^2 + {1:5}^2}}", binding=PRODUCT, kink=lambda a, b: a * a + b * b, reference=lambda m, a, b: a / m.sqrt(a * a + b * b), doc="a/hypot(a, b), 0 at the origin.")
over = op("over", ieee.over,
          lambda a, b, y: _difference_of_squares(over(b, a), y), lambda a, b, y: -2.0 * y * over(b, a),
          text="{0:2}/({0:5}**2 + {1:5}**2)", tex=r"\frac{{0:0}}{{0:5}^2 + {1:5}^2}", binding=PRODUCT, kink=lambda a, b: a * a + b * b, reference=lambda m, a, b: a / (a * a + b * b), doc="a/(a² + b²), without overflow: the derivative of arctan2.")

# Activations and the functions behind them ------------------------------------------------------------------------------
relu = op("relu", ieee.relu, lambda x, y: step(x), kink=lambda x: x, selects=True, reference=lambda m, x: x if x > 0 else m.mpf(0), doc="max(x, 0); derivative 0 at 0.")
leaky_relu = op("leaky_relu", ieee.leaky_relu, lambda x, slope, y: where(less_equal(x, 0.0), slope, step(x)), lambda x, slope, y: where(greater(x, 0.0), 0.0, x), kink=lambda x, slope: x, defaults=(0.01,), reference=lambda m, x, slope: x if x > 0 else slope * x, doc="x above 0, slope*x below.")
elu = op("elu", ieee.elu, lambda x, alpha, y: where(less_equal(x, 0.0), alpha * exp(x), step(x)), lambda x, alpha, y: where(greater(x, 0.0), 0.0, expm1(x)), kink=lambda x, alpha: x, defaults=(1.0,), reference=lambda m, x, alpha: x if x > 0 else alpha * m.expm1(x), doc="x above 0, alpha*(exp(x) - 1) below.")
selu = op("selu", ieee.selu, lambda x, y: where(less_equal(x, 0.0), ieee.SELU_SCALE * ieee.SELU_ALPHA * exp(x), ieee.SELU_SCALE * step(x)), kink=lambda x: x, reference=lambda m, x: m.mpf(ieee.SELU_SCALE) * (x if x > 0 else m.mpf(ieee.SELU_ALPHA) * m.expm1(x)), doc="elu scaled so that activations keep mean 0 and variance 1.")
sigmoid = op("sigmoid", exponentials.sigmoid, lambda x, y: _logistic_pdf(x), tex=_function(r"\sigma"), reference=lambda m, x: 1 / (1 + m.exp(-x)), doc="1 / (1 + exp(-x)).")
_logistic_pdf = op("logistic_pdf", exponentials.logistic_pdf, lambda x, y: -y * tanh(0.5 * x), text="sigmoid({0:0})*sigmoid(-{0:2})", tex=r"\sigma\left({0:0}\right) \cdot \sigma\left(-{0:2}\right)", binding=PRODUCT, reference=lambda m, x: m.exp(-x) / (1 + m.exp(-x)) ** 2, doc="Density of the logistic distribution: the derivative of sigmoid, with one that keeps its digits around 0.")
logsigmoid = op("logsigmoid", exponentials.logsigmoid, lambda x, y: sigmoid(-x), tex=_function(r"\ln\sigma"), reference=lambda m, x: -m.log1p(m.exp(-x)), doc="log(sigmoid(x)) without overflow.")
softplus = op("softplus", exponentials.softplus, lambda x, y: sigmoid(x), tex=r"\ln\left(1 + e^{{0:0}}\right)", reference=lambda m, x: m.log1p(m.exp(x)), doc="log(1 + exp(x)) without overflow.")
silu = op("silu", exponentials.silu, lambda x, y: sigmoid(x) + y * sigmoid(-x), reference=lambda m, x: x / (1 + m.exp(-x)), doc="x*sigmoid(x).")
gelu = op("gelu", exponentials.gelu, lambda x, y: normal_cdf(x) + x * normal_pdf(x), reference=lambda m, x: x * m.erfc(-x / m.sqrt(m.mpf(2))) / 2, doc="x times the normal distribution at x.")
erf = op("erf", math.erf, lambda x, y: 2.0 / ieee.SQRT_PI * gauss(x), reference="erf", doc="The error function.")
erfc = op("erfc", math.erfc, lambda x, y: -2.0 / ieee.SQRT_PI * gauss(x), reference="erfc", doc="1 - erf(x), accurate for large x.")
erfcx = op("erfcx", special.erfcx, _erfcx_slope, domain=(-26.0, inf), reference=lambda m, x: m.exp(x * x) * m.erfc(x), doc="exp(x²)*erfc(x) without underflow for large x.")
erfinv = op("erfinv", special.erfinv, lambda x, y: untabled("erfinv", 1)(x), domain=UNIT, reference="erfinv", doc="The inverse of erf, for x between -1 and 1.")
erfcinv = op("erfcinv", special.erfcinv, lambda x, y: untabled("erfcinv", 1)(x), domain=(0.0, 2.0), reference="erfcinv", doc="The inverse of erfc, for x between 0 and 2.")
gauss = op("gauss", exponentials.gauss, lambda x, y: -2.0 * x * y, tex="e^{-{0:5}^2}", binding=POWER, reference=lambda m, x: m.exp(-x * x), doc="exp(-x²), accurate for large x.")
normal_pdf = op("normal_pdf", exponentials.normal_pdf, lambda x, y: -x * y, tex=_function(r"\varphi"), reference=lambda m, x: m.exp(-x * x / 2) / m.sqrt(2 * m.pi), doc="Density of the standard normal distribution.")
normal_cdf = op("normal_cdf", exponentials.normal_cdf, lambda x, y: normal_pdf(x), tex=_function(r"\Phi"), reference=lambda m, x: m.erfc(-x / m.sqrt(m.mpf(2))) / 2, doc="The standard normal distribution function.")
gamma = op("gamma", special.gamma, lambda x, y: y * digamma(x), tex=_function(r"\Gamma"), domain=POSITIVE, reference="gamma", doc="The gamma function: (x - 1)! at whole numbers; nan at the negative ones.")
lgamma = op("lgamma", special.lgamma, lambda x, y: digamma(x), domain=POSITIVE, reference="loggamma", doc="The logarithm of abs(gamma(x)) without overflow, accurate at its zeros 1 and 2.")
digamma = op("digamma", special.digamma, lambda x, y: trigamma(x), domain=POSITIVE, reference=lambda m, x: m.psi(0, x), doc="The derivative of lgamma.")
trigamma = op("trigamma", lambda x: special.polygamma(1, x), lambda x, y: untabled("polygamma", 2)(x), domain=POSITIVE, reference=lambda m, x: m.psi(1, x), doc="The derivative of digamma.")
logaddexp = op("logaddexp", exponentials.logaddexp, lambda a, b, y: sigmoid(a - b), lambda a, b, y: sigmoid(b - a), tex=r"\ln\left(e^{{0:0}} + e^{{1:0}}\right)", reference=lambda m, a, b: m.log(m.exp(a) + m.exp(b)), doc="log(exp(a) + exp(b)) without overflow.")

logaddexp2 = op("logaddexp2", exponentials.logaddexp2, lambda a, b, y: sigmoid(math.log(2.0) * (a - b)), lambda a, b, y: sigmoid(math.log(2.0) * (b - a)), tex=r"\log_2\left(2^{{0:0}} + 2^{{1:0}}\right)", reference=lambda m, a, b: m.log(m.exp(a * m.log(m.mpf(2))) + m.exp(b * m.log(m.mpf(2)))) / m.log(m.mpf(2)), doc="log2(2**a + 2**b) without overflow.")

# Lists: the partial of a list is the list of its edges' partials ---------------------------------------------------------
_dot = op("dot", ieee.dot, lambda ws, xs, b, y: xs, lambda ws, xs, b, y: ws, 1.0, tex=r"{+ {0:2} \cdot {1:4} +} + {2:1}", binding=SUM, lists=2, defaults=(0.0,), reference=lambda m, ws, xs, b: b + m.fdot(ws, xs), doc="b + w1*x1 + w2*x2 + …, one node.")
total = op("total", ieee.total, lambda xs, y: [1.0] * len(xs), tex="{+ {0:1} +}", binding=SUM, lists=1, reference=lambda m, xs: m.fsum(xs), doc="The sum of a list, one node.")
mean = op("mean", ieee.mean, lambda xs, y: [1.0 / len(xs)] * len(xs), lists=1, reference=lambda m, xs: m.fsum(xs) / len(xs), doc="The mean of a list, one node.")
logsumexp = op("logsumexp", exponentials.logsumexp, lambda xs, y: _shares(xs, _sole(xs, y)), tex=r"\ln\left({+ e^{{0:0}} +}\right)", lists=1, reference=lambda m, xs: m.log(m.fsum([m.exp(x) for x in xs])), doc="log(exp(x1) + exp(x2) + …), one node that does not overflow.")
_held = op("held", operator.pos, 0.0, text="{0:0}", tex="{0:0}", selects=True, doc="x, as a constant: derivative 0.")
_share = op("share", ieee.div, lambda a, b, y: 1.0 / b, lambda a, b, y: -y / b, text="{0:0}", tex="{0:0}", domain=(REAL, POSITIVE), reference=lambda m, a, b: a / b, doc="a / b, printed as a: b is 1, but for the rounding of what a is made of.")
_difference_of_squares = op("difference_of_squares", lambda a, b: (a - b) * (a + b), lambda a, b, y: 2.0 * a, lambda a, b, y: -2.0 * b, text="({0:1} - {1:2})*({0:1} + {1:2})", tex=r"\left({0:1} - {1:2}\right) \cdot \left({0:1} + {1:2}\right)", binding=PRODUCT, reference=lambda m, a, b: (a - b) * (a + b), doc="a² - b² without cancellation.")
_top = op("top", ieee.top, 0.0, lists=1, selects=True, doc="The largest of a list, as a constant: derivative 0.")
_gap = op("gap", ieee.gap, 1.0, -1.0, text="{0:1} - {1:2}", tex="{0:1} - {1:2}", binding=SUM, reference=lambda m, a, b: a - b, doc="a - b, and 0 where both are inf.")
_sole = op("sole", ieee.sole, 0.0, 1.0, text="{1:0}", tex="{1:0}", lists=1, selects=True, reference=lambda m, xs, y: y, doc="y, but nan where more than one of a list is inf.")
# fmt: on


BUILT_IN.update(TABLE)
# Parts of other rows.
PRIVATE = frozenset(("edge", "top", "gap", "sole", "held", "share", "difference_of_squares", "bose", "logistic_pdf"))
# A star import is all the rows, but Python's own round, which takes digits, stays: that row is engine.round.
__all__ = sorted(BUILT_IN - PRIVATE - {"dot", "round"})  # noqa: PLE0605


def edge(condition, at_edge, formula):
    """`where`, printed as its formula alone: how a row states its value at an exceptional point."""
    if condition.__class__ is float:
        return at_edge if condition else formula
    return _edge(condition, at_edge, formula)


def _shares(xs, y):
    powers = [exp(_gap(x, y)) for x in xs]
    # They add up to 1, but for the rounding of y, which is all of log(n) where xs are huge.
    if y.__class__ is float:
        whole = ieee.total(powers)
        return [p / whole for p in powers]
    whole = _held(total(powers))
    return [_share(p, whole) for p in powers]
