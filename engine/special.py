"""The gamma and error functions of floats that Python's `math` has not, or not with all their digits.

As in `ieee`, every operand has an answer: a pole is an infinity, what is undefined nan. Polynomials are in s = x - 2, so
that next to 1 and 2, where log Γ is 0, no digit is lost; from 8 on the asymptotic series of the Digital Library of
Mathematical Functions, https://dlmf.nist.gov/5.11, to which small arguments come by recurrence, negative ones by
reflection. The tables are written by `python -m tests.support.coefficients`; the bounds are measured by
tests/engine/test_rules.py.
"""

import math
from math import copysign, inf, nan

from .exponentials import square_parts
from .ieee import SQRT_PI, cospi, div, exp, floor, log, sinpi

HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
ROOT_2PI = math.sqrt(2.0 * math.pi)
FAR = 8.0  # from here on the asymptotic series

# fmt: off
LOG_GAMMA = (
    2.0872345523855944e-08, 1.9252738080907253e-08, 1.2311940674691939e-09, -5.4761567198377156e-08, 4.1947729091372775e-08,
    -8.318260450484709e-08, 2.189957197224495e-07, -4.542692598845455e-07, 9.522912389321117e-07, -2.0383618772604693e-06,
    4.375514402098904e-06, -9.439572157511762e-06, 2.050712305129801e-05, -4.492623255243891e-05, 9.945752049004698e-05,
    -0.00022315475849535044, 0.0005096695243448249, -0.00119275391170809, 0.0028905103307528984, -0.007385551028673811,
    0.020580808427784397, -0.0673523010531981, 0.3224670334241132, 0.42278433509846713,
)
GAMMA = (
    2.584210735300929e-06, -5.167425827999643e-06, 7.2632956346064904e-06, -1.4518030694390135e-05, 3.0554308764876926e-05,
    -6.099437734759249e-05, 0.00012165717113737426, -0.0002409081678851826, 0.0004903901012192666, -0.0009195771393381067,
    0.0021039332448517375, -0.0028526456294803125, 0.01115404572113896, -0.0002669820747604432, 0.07424901075347107,
    0.08157691924717193, 0.41184033042643986, 0.4227843350984668, 1.0,
)
DIGAMMA = (
    -2.5861773625857027e-06, 5.17334585434095e-06, -7.278587670411483e-06, 1.4564976260589657e-05, -3.068902288655258e-05,
    6.144972571559871e-05, -0.0001226967064798969, 0.00024605326824719294, -0.0004941902550788927, 0.0009945784300194591,
    -0.002008392730204003, 0.00407735600617157, -0.008349277384931816, 0.017343061990467628, -0.03692775514332708,
    0.08232323371105249, -0.20205690315959446, 0.6449340668482267, 0.42278433509846713,
)
DIGAMMA_AT_ROOT = (
    -0.0009193895824531965, 0.0013438492972231765, -0.0015406570244168695, 0.0022520981100011554, -0.0033736342057954023,
    0.004932383234203535, -0.0072043004210356745, 0.010538449641762097, -0.015424774258500924, 0.022597660442166677,
    -0.03316112630774384, 0.04880428791989668, -0.0721995612581262, 0.1078240506937055, -0.1639427054424001,
    0.2584997609556416, -0.44276316898359214, 0.9676722454476212,
)
DIGAMMA_ROOT = (
    1.4616321449683622, 9.549995429965697e-17,
)
ERFCX = (
    3.8407255544212684e-09, 2.4252916982408938e-08, 4.336394771695195e-08, -6.018474283291101e-08, -2.942076722743402e-07,
    6.826571974367437e-08, 1.5911987894902371e-06, 2.583916511531521e-07, -8.991128133571354e-06, -1.5139482922338858e-06,
    5.6119602551011855e-05, -2.0551668199310994e-05, -0.00036728850710006405, 0.0006458142095358926, 0.0016185691288739615,
    -0.009750689293168992, 0.02195776401259854, -0.023803913108656125, -0.010235388899007136, 0.09902075367943994,
    -0.23092733308380922, 0.7160046047255598,
)
ERFCX_SLOPE = (
    2.2195593933427213e-09, 2.0031937895847413e-08, 6.824119548312421e-08, 7.005037123827445e-08, -1.9033702236029612e-07,
    -5.672353128388102e-07, 2.118616989919443e-07, 2.6737139203310654e-06, 1.0082424302961542e-06, -1.1681054118120718e-05,
    -1.0070132440628983e-05, 5.3379917534183476e-05, 5.642613537346141e-05, -0.0002761169214342625, -0.0002054972285765985,
    0.0016024652547703944, -0.00039002849830399285, -0.008348377676145713, 0.017550490628980325, 0.000209117122337268,
    -0.0658182437291535, 0.13897039952793788, -0.1090201596113393, -0.10852958956914459, 0.43993078235099875,
    -0.869956160114766,
)
ERFINV = (
    0.12003690619362008, -0.09642274527103643, 0.08722866446698135, -0.0014607021070302691, 0.030910158235606017,
    0.026969129751201436, 0.03181283844468519, 0.03645513184554066, 0.042837381929296245, 0.05173125434128652,
    0.06495961849686033, 0.08655212922928228, 0.1275561753057025, 0.23201366653465413, 0.886226925452758,
)
ERFCINV = (
    -0.0092975904597323, 0.03617648962507171, -0.06624969665290589, 0.0657793408154262, -0.014322227533895495,
    -0.07130697022437942, 0.13754933711873743, -0.12822353508853318, 0.006752382787810286, 0.20194234064194455,
    -0.42376409184069086, 0.4309177035866004, 0.8340941620437666,
)
STIRLING = (
    0.17964437236883057, -0.029550653594771242, 0.00641025641025641, -0.0019175269175269176, 0.0008417508417508417,
    -0.0005952380952380953, 0.0007936507936507937, -0.002777777777777778, 0.08333333333333333,
)
LOG_LESS = (
    -26.456212121212122, 3.0539543302701198, -0.4432598039215686, 0.08333333333333333, -0.021092796092796094,
    0.007575757575757576, -0.004166666666666667, 0.003968253968253968, -0.008333333333333333, 0.08333333333333333,
)
# fmt: on


def horner(coefficients: tuple[float, ...], x: float) -> float:
    """A polynomial, highest power first."""
    y = coefficients[0]
    for c in coefficients[1:]:
        y = y * x + c
    return y


# The gamma function ---------------------------------------------------------------------------------------------------


def stirling(x: float) -> float:
    """log Γ(x) less (x - 1/2)·log x - x + log √2π, for x from 8 on: DLMF 5.11.1."""
    r = 1.0 / x
    return horner(STIRLING, r * r) * r


def gamma(x: float) -> float:
    """Γ(x): a pole of two signs at 0, nan at the negative whole numbers, as SciPy has it."""
    if x < 0.5:
        return _gamma_reflected(x)
    if x >= FAR:
        if x > 171.7:
            return inf
        rest = math.exp(-x) * ROOT_2PI
        rest += rest * math.expm1(stirling(x))
        if x < 140.0:
            return math.pow(x, x - 0.5) * rest
        half = math.pow(x, 0.5 * x - 0.25)  # of two factors, since x**(x - 1/2) may overflow where Γ does not
        return half * rest * half
    if x < 1.5:
        return horner(GAMMA, x - 1.0) / x
    y = 1.0
    while x > 2.5:
        x -= 1.0
        y *= x
    return y * horner(GAMMA, x - 2.0)  # also nan


def _gamma_reflected(x: float) -> float:
    if x > -0.5:
        return div(horner(GAMMA, x), x * (1.0 + x))
    if x == floor(x):  # -inf too
        return nan
    y = -math.pi / (x * sinpi(x))  # over Γ(-x), since -x is exact
    if x > -160.0:
        return y / gamma(-x)
    if x < -190.0:
        return copysign(0.0, y)
    half = math.pow(-x, -0.5 * x - 0.25)
    return y / half / (math.exp(x) * ROOT_2PI * math.exp(stirling(-x))) / half


def lgamma(x: float) -> float:
    """log |Γ(x)|, to 4 ulps above 0; below, where it has further zeros, to some ulps of the terms that cancel there."""
    if x < 0.5:
        if x > -0.5:
            return horner(LOG_GAMMA, x) * x - math.log1p(x) - log(abs(x))
        if x == floor(x):  # -inf too
            return inf
        return math.log(math.pi / abs(x * sinpi(x))) - lgamma(-x)
    if x < 1.25:
        s = x - 1.0
        return horner(LOG_GAMMA, s) * s - math.log1p(s)
    if x >= FAR:
        return (x - 0.5) * (math.log(x) - 1.0) + (HALF_LOG_2PI - 0.5 + stirling(x))
    y = 1.0
    while x > 2.5:
        x -= 1.0
        y *= x
    s = x - 2.0
    return math.log(y) + horner(LOG_GAMMA, s) * s


def digamma(x: float) -> float:
    """The derivative of log Γ, with all its digits next to its zero 1.4616 too."""
    if x < 0.5:
        if x < -0.25 or x == -inf:
            return digamma(-x) - 1.0 / x - math.pi * cospi(x) / sinpi(x) if x != floor(x) else nan
        return horner(DIGAMMA, x) - 1.0 / (1.0 + x) - div(1.0, x)
    d = (x - DIGAMMA_ROOT[0]) - DIGAMMA_ROOT[1]
    if -0.32 < d < 0.32:
        return d * horner(DIGAMMA_AT_ROOT, d)
    if x < 1.5:
        return horner(DIGAMMA, x - 1.0) - 1.0 / x
    if x >= FAR:
        r = 1.0 / x
        return math.log(x) - (0.5 * r + horner(LOG_LESS, r * r) * (r * r))
    y = 0.0
    while x > 2.5:
        x -= 1.0
        y += 1.0 / x
    return y + horner(DIGAMMA, x - 2.0)


EULER_MACLAURIN = tuple([2.0 * k * c for k, c in zip(range(10, 0, -1), LOG_LESS)])  # Bernoulli's numbers B20 to B2


def polygamma_factors(n: int) -> list[float]:
    """The coefficients of ζ(n + 1, x)·n beyond its integral and half of its first term, highest order first."""
    return [
        b * math.perm(n + 2 * k - 1, 2 * k) / math.factorial(2 * k) for k, b in zip(range(10, 0, -1), EULER_MACLAURIN)
    ]


def cotangent_derivative(n: int) -> tuple[float, ...]:
    """The n-th derivative of cot, as a polynomial in cot, highest power first."""
    q = [0, 1]
    for _ in range(n):
        slope = [k * c for k, c in enumerate(q)][1:]
        q = [-(a + b) for a, b in zip([*slope, 0, 0], [0, 0, *slope])]
    return tuple(map(float, reversed(q)))


def polygamma(n: int, x: float) -> float:
    """The n-th derivative of digamma, n from 1 on: n! times Hurwitz's zeta function, by Euler and Maclaurin's formula.

    DLMF 5.15 and 25.11.5; reflected below 0.
    """
    if not x > 0.0:
        if x != x or x == -inf:
            return nan
        pole = -(math.pi ** (n + 1)) * horner(cotangent_derivative(n), div(cospi(x), sinpi(x)))
        return pole + (polygamma(n, 1.0 - x) if n % 2 == 0 else -polygamma(n, 1.0 - x))
    terms, half = [], n // 2  # of two factors, since x**(n + 1) may overflow where the term is no small one
    while x < 10.0 + n:
        terms.append(math.factorial(n) * _power(x, -half) * _power(x, half - n - 1))
        x += 1.0
    r = 1.0 / x
    y = ((horner(tuple(polygamma_factors(n)), r * r) * r + 0.5 * n) * r + 1.0) * math.factorial(n - 1)
    y = y * _power(x, -half) * _power(x, half - n)
    for term in reversed(terms):
        y += term
    return y if n % 2 else -y


def _power(x: float, n: int) -> float:
    try:
        return math.pow(x, n)
    except OverflowError:
        return inf


# The error function -----------------------------------------------------------------------------------------------------


def erfcx(x: float) -> float:
    """exp(x²)·erfc(x), which neither overflows nor underflows above -26."""
    if x < 0.0:
        return 2.0 * _exp_square(x) - erfcx(-x)
    if x < 10.0:
        d = 1.0 + x
        y = horner(ERFCX, (x - 3.0) / (x + 3.0)) / d
        return y - y * (x - (d - 1.0)) / d  # with what rounding took from 1 + x
    return horner(ERFCX_FAR, (0.5 / x) / x) / x / SQRT_PI  # also nan


ERFCX_FAR = tuple([float((-1) ** k * math.prod(range(1, 2 * k, 2))) for k in range(15, -1, -1)])  # DLMF 7.12.1


def _exp_square(x: float) -> float:
    if not abs(x) < 64.0:
        return x if x != x else inf
    head, tail = square_parts(x)
    return exp(head * head) * math.exp(tail * (x + head))


def erfinv(x: float) -> float:
    """The number whose error function is x; infinite at -1 and 1, nan beyond."""
    return _near_0(x) if abs(x) <= 0.5 else copysign(_tail(1.0 - abs(x)), x)


def erfcinv(x: float) -> float:
    """The number whose complementary error function is x, for x from 0 to 2."""
    return _near_0(1.0 - x) if 0.5 < x < 1.5 else _tail(x) if x < 1.0 else -_tail(2.0 - x)


def _near_0(x: float) -> float:
    return x * horner(ERFINV, x * x)


def _tail(q: float) -> float:
    """The y with erfc(y) = q, for q up to 1/2: a step of Newton's method for log erfc from a polynomial of 8 digits."""
    if not q > 0.0:
        return inf if q == 0.0 else nan
    w = -math.log(q)
    s = math.sqrt(w)
    y = s * horner(ERFCINV, (s - 2.0) / (s + 2.0))
    e = erfcx(y)
    return y + 0.5 * SQRT_PI * e * (w - y * y + math.log(e))


def erfinv_slope(x: float) -> float:
    """The derivative of erfinv, exp(y²)·√π/2; in the tails by erfcx, since there y has not the digits that y² needs."""
    return _slope_near_0(x) if abs(x) <= 0.5 else _slope_of_tail(1.0 - abs(x))


def erfcinv_slope(x: float) -> float:
    """The derivative of erfcinv."""
    return -(_slope_near_0(1.0 - x) if 0.5 < x < 1.5 else _slope_of_tail(x if x < 1.0 else 2.0 - x))


def _slope_near_0(x: float) -> float:
    y = _near_0(x)
    return 0.5 * SQRT_PI * math.exp(y * y)


def _slope_of_tail(q: float) -> float:
    return 0.5 * SQRT_PI * erfcx(_tail(q)) / q if q > 0.0 else inf if q == 0.0 else nan
