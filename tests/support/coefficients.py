"""The coefficients of engine/special.py and incomplete.py; `python -m tests.support.coefficients` prints them, the tests of both compare.

Polynomials through a function at the Chebyshev nodes of an interval, which is within a small factor of the best one
(Trefethen, Approximation Theory and Approximation Practice, 2nd ed., 2019, chapter 16), by mpmath.
"""

from fractions import Fraction

import mpmath

DIGITS = 60


def interpolant(f, low, high, count):
    """Coefficients, highest power first, of the polynomial that meets f at the Chebyshev nodes of an interval."""
    middle, half = (mpmath.mpf(low) + high) / 2, (mpmath.mpf(high) - low) / 2
    nodes = [middle + half * mpmath.cos(mpmath.pi * (2 * k + 1) / (2 * count)) for k in range(count)]
    differences = [f(x) for x in nodes]
    for level in range(1, count):
        for i in range(count - 1, level - 1, -1):
            differences[i] = (differences[i] - differences[i - 1]) / (nodes[i] - nodes[i - level])
    coefficients = [mpmath.mpf(0)] * count
    for x, d in zip(reversed(nodes), reversed(differences)):
        coefficients = [s - x * c for s, c in zip([mpmath.mpf(0), *coefficients[:-1]], coefficients)]
        coefficients[0] += d
    return [float(c) for c in reversed(coefficients)]


def through_0(f):
    """f(s)/s, for a function that is 0 at 0."""
    return lambda s: f(s) / s if s else mpmath.diff(f, 0)


def erfcx(x):
    return mpmath.exp(x * x) * mpmath.erfc(x)


def of_ratio(f, centre, low, high, count):
    """`interpolant` in (x - centre)/(x + centre)."""
    ends = [(mpmath.mpf(x) - centre) / (x + centre) for x in (low, high)]
    return interpolant(lambda t: f(centre * (1 + t) / (1 - t)), *ends, count)


def inverse_tail(s):
    """The y with erfc(y) = exp(-s²), by Newton's method for the logarithm."""
    y = mpmath.sqrt(s * s - mpmath.log(1 + mpmath.sqrt(mpmath.pi) * s)) if s > 1 else s * mpmath.mpf("0.6")
    for _ in range(12):
        left = s * s - y * y + mpmath.log(erfcx(y))
        y += mpmath.sqrt(mpmath.pi) / 2 * erfcx(y) * left
    return y


def temme():
    """The coefficients of engine/incomplete.py: of Temme's expansion, in whole numbers; a row for each power of 1/a.

    With 1/(λ - 1) = (q0 + q1·η + …)/η the first row is that less 1/η, and each next one the derivative of the one before
    over η, less the pole (DLMF 8.12.11). A row ends where its terms are below 3e-18 at a = 100 and η = 0.34.
    """
    orders, size = 7, 36
    m = [Fraction(0), Fraction(1)]  # λ - 1 in powers of η, from η = m/(1 + m)·dm/dη
    for k in range(2, size + 2):
        m.append((m[k - 1] - sum(m[i] * (k + 1 - i) * m[k + 1 - i] for i in range(2, k))) / (k + 1))
    q = [Fraction(1)]
    for j in range(1, size + 1):
        q.append(-sum(m[i + 1] * q[j - i] for i in range(1, j + 1)))
    rows = [q[1 : size + 1]]
    for _ in range(orders - 1):
        above = rows[-1]
        rows.append([(j + 2) * above[j + 2] - above[1] * q[j + 1] for j in range(len(above) - 2)])
    kept = []
    for k, row in enumerate(rows):
        count = 1 + max(j for j, c in enumerate(row[:19]) if abs(c) * 0.34**j > 3e-18 * 100.0**k)
        kept.append(tuple(map(float, reversed(row[:count]))))
    return tuple(reversed(kept))


def tables():
    """Name to list of floats."""
    with mpmath.workdps(DIGITS):
        root = mpmath.findroot(mpmath.digamma, mpmath.mpf("1.4616"))
        head = float(root)
        return {
            "LOG_GAMMA": interpolant(through_0(lambda s: mpmath.loggamma(2 + s)), -0.75, 0.5, 24),
            "GAMMA": interpolant(lambda s: mpmath.gamma(2 + s), -0.5, 0.5, 19),
            "DIGAMMA": interpolant(lambda s: mpmath.digamma(2 + s), -0.5, 0.5, 19),
            "DIGAMMA_AT_ROOT": interpolant(through_0(lambda d: mpmath.digamma(root + d)), -0.32, 0.32, 18),
            "DIGAMMA_ROOT": [head, float(root - head)],
            "ERFCX": of_ratio(lambda x: erfcx(x) * (1 + x), 3, 0, 10, 22),
            "ERFCX_SLOPE": of_ratio(
                lambda x: (2 * x * erfcx(x) - 2 / mpmath.sqrt(mpmath.pi)) * (1 + x) ** 2, 3, 0, 10, 26
            ),
            "ERFINV": interpolant(lambda z: mpmath.erfinv(mpmath.sqrt(z)) / mpmath.sqrt(z), 0, 0.25, 15),
            "ERFCINV": of_ratio(lambda s: inverse_tail(s) / s, 2, 0.8, 27.4, 13),
            "STIRLING": [float(mpmath.bernoulli(2 * k) / (2 * k * (2 * k - 1))) for k in range(9, 0, -1)],
            "LOG_LESS": [float(mpmath.bernoulli(2 * k) / (2 * k)) for k in range(10, 0, -1)],
        }


def written():
    """The tables as Python."""
    lines = []
    for name, numbers in tables().items():
        lines += [f"{name} = (", *[f"    {x!r}," for x in numbers], ")"]
    lines += ["TEMME = (", *[f"    {row!r}," for row in temme()], ")"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(written(), end="")
