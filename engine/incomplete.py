"""The incomplete gamma function of floats: a sum, a continued fraction, and next to x = a an expansion for large a.

Each is run from its far end for a fixed number of terms, so that compiled code does the same (compiler/llvm/incomplete.py).
"""

import math
from math import inf, nan

from .special import FAR, LOG_GAMMA, STIRLING, erfcx, gamma, horner, lgamma, stirling

TERMS = 110  # of the sum and of the fraction: as many as the slowest needs, at x = a = LARGE
LARGE, NEAR = 100.0, 0.3  # from which a on, and up to which abs(x - a)/a, the expansion is meant
SMALL_TERMS = 60  # of the sums for the beta function
FEW_TERMS, BELOW = 20, 1.1  # up to here Q is a series in x, where it is small against P
LOG_REST = tuple([1.0 / (2.0 * k + 3.0) for k in range(12, -1, -1)])  # log1p(m) by r = m/(2 + m)

# Temme's coefficients of η, highest power first, a row for each power of 1/a: DLMF 8.12.
# fmt: off
TEMME = (
    (0.0002708782096718045, -0.0005921664373536939, 0.0005313079364639922),
    (6.797780477937208e-05, -0.00019932570516188847, 0.0002772753244959392, -6.972813758365857e-05,
     -0.00033679855336635813),
    (-1.6954149536558305e-06, 2.507497226237533e-10, 1.1375726970678419e-05, -3.968365047179435e-05,
     6.641498215465122e-05, -1.4638452578843418e-06, -0.0002990724803031902, 0.0007840392217200666,
     -0.0008618882909167117),
    (-1.6958404091930278e-07, -2.7861080291528143e-11, 1.4230900732435883e-06, -5.6749528269915965e-06,
     1.1082654115347302e-05, -2.396505113867297e-07, -7.561801671883977e-05, 0.00026772063206283885,
     -0.0004691894943952557, 0.00022947209362139917, 0.0006494341563786008),
    (-1.409252991086752e-08, -2.0477098421990866e-10, 1.4280614206064242e-07, -6.298992138380055e-07,
     1.3721957309062934e-06, 3.423578734096138e-08, -1.2760635188618728e-05, 5.2923448829120125e-05,
     -0.0001073665322636516, 2.0093878600823047e-06, 0.0007716049382716049, -0.0026813271604938273,
     0.004133597883597883),
    (1.1951628599778148e-08, -5.752545603517705e-08, 1.378633446915721e-07, 4.647127802807434e-09,
     -1.6120900894563446e-06, 7.64916091608111e-06, -1.8098550334489977e-05, -4.018775720164609e-07,
     0.00020576131687242798, -0.0009902263374485596, 0.0026455026455026454, -0.003472222222222222,
     -0.001851851851851852),
    (9.14769958223679e-10, -4.382036018453353e-09, 1.0261809784240309e-08, 6.707853543401498e-09,
     -1.7665952736826078e-07, 8.296711340953087e-07, -1.85406221071516e-06, -2.185448510679992e-06,
     3.919263178522438e-05, -0.0001787551440329218, 0.0003527336860670194, 0.0011574074074074073,
     -0.014814814814814815, 0.08333333333333333, -0.3333333333333333),
)
# fmt: on


def _less_log(m: float) -> float:
    """m - log1p(m), with its digits next to 0."""
    if abs(m) > NEAR:
        return m - math.log1p(m)
    r = m / (2.0 + m)
    return r * (m - 2.0 * r * r * horner(LOG_REST, r * r))


def _exponent(a: float, x: float) -> float:
    """x - a - a·log(x/a)."""
    m = (x - a) / a
    return a * (_less_log(m) if m > -NEAR else m - math.log(x / a) if x / a > 0.0 else inf)


def _kernel(a: float, x: float) -> float:
    """x**a·exp(-x)/Γ(a + 1)."""
    if a < FAR:
        half = math.exp(-0.5 * x)  # exp(-x) has lost digits before x**a multiplies it
        return math.pow(x, a) * half * half / gamma(a + 1.0) if x < 1000.0 else 0.0
    return math.exp(-_exponent(a, x) - stirling(a)) / math.sqrt(2.0 * math.pi * a)


def gamma_density(a: float, x: float) -> float:
    """x**(a - 1)·exp(-x)/Γ(a), the derivative of P(a, x) in x."""
    if not 0.0 < x < inf:
        return 0.0 if x > 0.0 else nan if x != 0.0 else inf if a < 1.0 else 1.0 if a == 1.0 else 0.0
    if 1.0 <= a < FAR:  # where x**a may be 0, and x**(a - 1) is not
        half = math.exp(-0.5 * x)
        return math.pow(x, a - 1.0) * half * half / gamma(a) if x < 1000.0 else 0.0
    return _kernel(a, x) * a / x


def _sum(a: float, x: float) -> float:
    """P(a, x) for x that is not much above a."""
    s = 1.0
    for n in range(TERMS, 0, -1):
        s = 1.0 + s * (x / (a + n))
    return _kernel(a, x) * s


def _fraction(a: float, x: float) -> float:
    """Q(a, x) for x above a and above BELOW, by Legendre's continued fraction."""
    t = x + (2.0 * TERMS + 1.0 - a)
    for n in range(TERMS, 0, -1):
        t = x + (2.0 * n - 1.0 - a) - n * ((n - a) / t)
    return _kernel(a, x) * (a / t)


def _log_gamma_1(a: float) -> float:
    """log Γ(1 + a), small where a is."""
    return horner(LOG_GAMMA, a) * a - math.log1p(a) if a < 0.5 else lgamma(1.0 + a)


def _small(a: float, x: float) -> float:
    """Q(a, x) for small a and x, where P is nearly 1."""
    s = 0.0
    for n in range(FEW_TERMS, 0, -1):
        s = -x / n * (s + 1.0 / (a + n))
    u = a * math.log(x) - _log_gamma_1(a)
    return -math.expm1(u) - math.exp(u) * a * s


def _near(a: float, x: float, sign: float) -> float:
    """The smaller of P and Q for large a and x next to a: Temme's expansion; sign is 1 for Q, at x from a on."""
    m = (x - a) / a
    half = _less_log(m)
    eta = math.copysign(math.sqrt(2.0 * half), m)
    t = 0.0
    for row in TEMME:
        t = t / a + horner(row, eta)
    z = math.sqrt(a * half)
    return math.exp(-z * z) * (0.5 * erfcx(z) + sign * t / math.sqrt(2.0 * math.pi * a))


def gammainc(a: float, x: float, upper: bool = False) -> float:
    """P(a, x), or Q(a, x), for a above 0: what is computed is the smaller of them, or 1 less it."""
    if not 0.0 < x < inf:
        return float(upper == (x == 0.0)) if x >= 0.0 else nan
    if a > LARGE and abs(x - a) <= NEAR * a:
        y, of_upper = _near(a, x, 1.0 if x >= a else -1.0), x >= a
    elif x > BELOW and x > a:
        y, of_upper = _fraction(a, x), True
    elif upper and x <= BELOW and (a < 1.1 * x if x > 0.5 else a * math.log(x) > -0.4):
        y, of_upper = _small(a, x), True
    else:
        y, of_upper = _sum(a, x), False
    return y if of_upper == upper else 1.0 - y


# The incomplete beta function -----------------------------------------------------------------------------------------


def _log(x: float, y: float) -> float:
    """log x, of an x = 1 - y that may be rounded."""
    return math.log1p(-y) if y < 0.5 else math.log(x)


def _less_log_at(m: float, whole: float) -> float:
    """m - log(1 + m), where 1 + m is known too."""
    return _less_log(m) if m > -NEAR else m - math.log(whole) if whole > 0.0 else inf


def _beta_kernel(a: float, b: float, x: float, y: float) -> float:
    """x**a·y**b/B(a, b), for y = 1 - x."""
    if a > b:
        a, b, x, y = b, a, y, x
    n = a + b
    if b < FAR:
        return math.pow(x, a) * math.exp(b * _log(y, x)) * gamma(n + 1.0) / n * a * b / gamma(a + 1.0) / gamma(b + 1.0)
    rest = stirling(n) - stirling(b)
    if a < FAR:
        rest += (b - 0.5) * math.log1p(a / b) - a + b * _log(y, x)
        return math.pow(x * n, a) * math.exp(rest) * a / gamma(a + 1.0)
    away = b * x - a * y
    exponent = a * _less_log_at(away / a, x * (n / a)) + b * _less_log_at(-away / b, y * (n / b))
    return math.sqrt(a / (2.0 * math.pi) * (b / n)) * math.exp(rest - stirling(a) - exponent)


def beta_density(a: float, b: float, x: float) -> float:
    """x**(a - 1)·(1 - x)**(b - 1)/B(a, b), the derivative of I_x(a, b) in x."""
    if 0.0 < x < 1.0:
        return _beta_kernel(a, b, x, 1.0 - x) / x / (1.0 - x)
    if x not in (0.0, 1.0):
        return nan
    power, other = (a, b) if x == 0.0 else (b, a)
    return inf if power < 1.0 else other if power == 1.0 else 0.0


def _beta_fraction(a: float, b: float, x: float, y: float) -> float:
    """I_x(a, b) for x up to a/(a + b): DLMF 8.17.22."""
    t = 1.0
    for m in range(fraction_terms(a, b), 0, -1):
        t = 1.0 - (a + m) / (a + 2.0 * m) * (a + b + m) / (a + 2.0 * m + 1.0) * x / t
        t = 1.0 + m / (a + 2.0 * m - 1.0) * (b - m) / (a + 2.0 * m) * x / t
    t = 1.0 - (a + b) / (a + 1.0) * x / t
    return _beta_kernel(a, b, x, y) / a / t


def fraction_terms(a: float, b: float) -> int:
    """As many as the fraction of the beta function needs, halved: a pair a step."""
    return 45 + int(math.sqrt(max(a, b)))


def _log_ratio(a: float, b: float) -> float:
    """log Γ(a + b)/Γ(a) for b below 1, small where b is."""
    y = 0.0
    while a < 10.0:
        y -= math.log1p(b / a)
        a += 1.0
    n = a + b
    u, v = 1.0 / n, 1.0 / a
    p = d = 0.0  # Stirling's series at v, and its difference quotient from v to u, in squares
    for c in STIRLING:
        p, d = p * (v * v) + c, d * (u * u) + p
    series = -b * u * v * (u * d * (u + v) + p)
    return y + (a - 0.5) * math.log1p(b / a) + b * (math.log(n) - 1.0) + series


def _beta_small(a: float, b: float, x: float, rest: bool) -> float:
    """I_x(a, b) for small a and b·x, or 1 less it, which is small where a is."""
    s = 0.0
    for n in range(SMALL_TERMS, 0, -1):
        s = (n - b) * x / n * (s + 1.0 / (a + n))
    u = a * math.log(x) - _log_gamma_1(a)
    if not rest:
        return math.exp(u + _log_ratio(b + 1.0, a)) * (b / (a + b)) * (1.0 + a * s)
    u += _log_ratio(b, a)
    return -math.expm1(u) - math.exp(u) * a * s


def betainc(a: float, b: float, x: float) -> float:
    """I_x(a, b), for a and b above 0."""
    if not 0.0 < x < 1.0:
        return 1.0 if x == 1.0 else 0.0 if x == 0.0 else nan
    y = 1.0 - x
    if b < 1.0 and y <= 0.5 and a * y <= 1.1:
        return _beta_small(b, a, y, True)
    if a < 1.0 and x <= 0.5 and b * x <= 1.1:
        return _beta_small(a, b, x, False)
    if x <= a / (a + b):
        return _beta_fraction(a, b, x, y)
    return 1.0 - _beta_fraction(b, a, y, x)
