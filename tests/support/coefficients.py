"""The coefficients of engine/special.py; `python -m tests.support.coefficients` prints them, tests/engine/test_special.py compares.

Polynomials through a function at the Chebyshev nodes of an interval, which is within a small factor of the best one
(Trefethen, Approximation Theory and Approximation Practice, 2nd ed., 2019, chapter 16), by mpmath.
"""

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
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(written(), end="")
