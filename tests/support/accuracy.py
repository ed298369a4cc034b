"""The accuracy of every row against 50-digit references; `python -m tests.support.accuracy` writes the table accuracy.md.

The reference of a derivative is a central difference of `row.reference` in mpmath, with steps of 2^-400 and some
3,500 bits, so it is independent of the partials of the table and good to more than 50 digits.

The unit is the ulp of the exact result; for second derivatives, and for the rows of SUMS, whose results change sign
where their terms cancel, it is the ulp of the largest term that the formula adds (`largest_term`): no arithmetic in
floats can promise more there. In derivatives it is at least the ulp of 1e-305: there a factor that fell below the
normal floats, where it has fewer digits, may have grown again.
"""

import math
import random
import sys
from pathlib import Path

import flint
import mpmath

from engine import Value, gradients, topological_order
from engine.rule import TABLE

BOUNDS = (4.0, 4.0, 16.0)  # ulps, for the value, the first and the second derivative
TABLE_FILE = Path(__file__).with_name("accuracy.md")
STEP = 400  # bits: the step of a difference is 2^-STEP times the argument, or 2^-STEP above 1
SUMS = {"over", "silu", "gelu", "logaddexp", "logaddexp2", "logsubexp", "sinc", "total", "mean", "dot", "logsumexp"}
LENGTH = 3  # of the lists given to a row that takes lists


# Points --------------------------------------------------------------------------------------------------------------


def operand(rng, low, high):
    """A float inside (low, high): nice, moderate, small, large, or close to an end."""
    while True:
        kind = rng.randrange(6)
        if kind == 0:
            x = float(rng.choice([0.0, 0.5, 1.0, 2.0, 3.0, 10.0, 0.1, 20.0]))
        elif kind == 1:
            x = rng.uniform(0.1, 10.0)
        elif kind == 2:
            x = 10.0 ** rng.uniform(-2.0, 2.9)
        elif kind == 3:
            x = 10.0 ** rng.uniform(-300.0, -2.0)
        elif kind == 4:
            x = 10.0 ** rng.uniform(2.0, 300.0)
        else:
            end = rng.choice([e for e in (low, high) if math.isfinite(e)] or [0.0])
            x = end + 10.0 ** rng.uniform(-17.0, 0.0) * rng.choice([-1.0, 1.0])
        if kind != 5 and low < 0.0:
            x *= rng.choice([-1.0, 1.0])
        if low < x < high:
            return x


def point(row, rng):
    """Arguments inside a row's domain, off its kink."""
    while True:
        args = [
            [operand(rng, *span) for _ in range(LENGTH)] if k < row.lists else operand(rng, *span)
            for k, span in enumerate(row.domain)
        ]
        if row.arity == 2 and not row.lists and rng.random() < 0.25 and row.domain[0] == row.domain[1]:
            args[1] = args[0] * (1.0 + rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(-16.0, 0.0))  # close to each other
            if not row.domain[1][0] < args[1] < row.domain[1][1]:
                continue
        if row.name in ("remainder", "fmod", "ieee_remainder") and not 1e-50 < abs(args[0] / args[1]) < 1e50:
            continue  # jumps would lie closer than the steps of a difference
        if row.kink is None or row.kink(*[mpmath.mpf(a) for a in args]) != 0:
            return args


# The exact derivatives -----------------------------------------------------------------------------------------------


def bits(x):
    return math.frexp(x)[1]


def by_flint(f, x):
    """A function of one number at mpmath's precision, by flint, which is a hundred times faster here."""
    with flint.ctx.workprec(mpmath.mp.prec + 100):
        man, exp = map(int, abs(x).man_exp)
        y = f(flint.arb(man if x > 0 else -man) * flint.arb(2) ** exp).mid()
        return mpmath.ldexp(*map(int, y.man_exp())) if y.is_finite() else mpmath.mpf(math.inf)


class Arithmetic:
    """mpmath, with an erfc that also answers far out, where mpmath 1.3 raises."""

    def __getattr__(self, name):
        return getattr(mpmath.mp, name)

    def erfc(self, x):
        if abs(x) < 1e9:
            return mpmath.erfc(x)
        tail = mpmath.exp(-x * x) / (abs(x) * mpmath.sqrt(mpmath.pi))
        return tail if x > 0 else 2 - tail

    def psi(self, n, x):
        scale = (-1) ** (n + 1) * math.factorial(n)
        return by_flint(lambda a: scale * flint.arb(n + 1).zeta(a) if n else a.digamma(), x)

    def erfinv(self, x):
        return by_flint(flint.arb.erfinv, x)

    def erfcinv(self, x):
        return by_flint(flint.arb.erfcinv, x)

    def gamma(self, x):
        return by_flint(flint.arb.gamma, x)

    def loggamma(self, x):
        return by_flint(flint.arb.lgamma, x)

    def erf(self, x):
        return mpmath.erf(x) if abs(x) < 1e9 else mpmath.sign(x) * (1 - self.erfc(abs(x)))


ARITHMETIC = Arithmetic()


def reference_at(f, *args):
    """A row's reference in mpmath."""
    return getattr(ARITHMETIC, f)(*args) if isinstance(f, str) else f(ARITHMETIC, *args)


class Exact:
    """The value and the derivatives of a row's reference at a point."""

    def __init__(self, row, args):
        self.row, self.args = row, args
        self.flat = [x for a in args for x in (a if a.__class__ is list else [a])]
        least = min([0, *[bits(x) for x in self.flat if x]])
        most = max([0, *[bits(x) for x in self.flat]])
        self.step = mpmath.ldexp(1, least - most - STEP)
        self.precision = 1200 + 3 * (STEP + most - least)
        self.seen = {}

    def at(self, moves):
        """The reference with some arguments moved: moves are (index, steps)."""
        if moves not in self.seen:
            with mpmath.workprec(self.precision):
                xs = [mpmath.mpf(x) for x in self.flat]
                for i, n in moves:
                    xs[i] += n * self.step
                self.seen[moves] = mpmath.mpf(self._reference(xs))
        return self.seen[moves]

    def _reference(self, xs):
        left = iter(xs)
        args = [[next(left) for _ in a] if a.__class__ is list else next(left) for a in self.args]
        return reference_at(self.row.reference, *args)

    def value(self):
        return self.at(())

    def first(self, i):
        with mpmath.workprec(self.precision):
            return (self.at(((i, 1),)) - self.at(((i, -1),))) / (2 * self.step)

    def second(self, i, j):
        with mpmath.workprec(self.precision):
            if i == j:
                return (self.at(((i, 1),)) - 2 * self.at(()) + self.at(((i, -1),))) / self.step**2
            corners = [(a * b, self.at(((i, a), (j, b)))) for a in (1, -1) for b in (1, -1)]
            return sum(s * f for s, f in corners) / (4 * self.step**2)


# What the engine gives -----------------------------------------------------------------------------------------------


def largest_term(root):
    """The largest |term| that a formula adds once its products are multiplied out; |data| where it adds nothing."""
    size = {}
    for v in topological_order(root):
        name, xs = (v.op.name if v.op else ""), [size[a] if a.__class__ is Value else abs(a) for a in v.args]
        if name in ("add", "sub", "total"):
            term = max(xs, default=0.0)
        elif name == "mul":
            term = xs[0] * xs[1]
        elif name == "difference_of_squares":
            term = max(xs) * max(xs)
        elif name == "div" and v._y:
            term = xs[0] / abs(v._y)
        elif name == "mean":
            term = max(xs) / len(xs)
        elif name == "dot":
            half = len(xs) // 2
            term = max(xs[-1], *[w * x for w, x in zip(xs[:half], xs[half:-1])])
        elif name == "neg":
            term = xs[0]
        elif name in ("where", "edge"):
            term = xs[1] if v._x[0] else xs[2]
        elif name in (
            "logaddexp",
            "logaddexp2",
            "logsubexp",
            "logsumexp",
        ):  # the largest operand and the logarithm of a small sum
            term = abs(max(map(float, v.args)))
        else:
            term = abs(v.data)
        size[v] = math.inf if term != term or any(x != x for x in xs) else max(term, abs(v.data))
    return size[root]


def ulps(got, term, exact, order):
    """The distance of a float from the exact number, in ulps of the exact number or of a larger term."""
    if order == 2 and term == math.inf and not math.isfinite(got):
        return 0.0  # a first derivative on the way is beyond the floats
    with mpmath.workprec(200):
        if abs(exact) >= mpmath.ldexp(1, 1024) * (1 - mpmath.ldexp(1, -50)):
            return 0.0 if got == math.copysign(math.inf, exact) or abs(got) > 1.79e308 else math.inf
        if not math.isfinite(got):
            return math.inf
        unit = math.ulp(max(min(term, sys.float_info.max), abs(float(exact)), 1e-305 if order else 0.0))
        return float(abs(got - exact) / unit)


def errors(row, args):
    """(order, ulps, what) for the value, each first and each second derivative at one point."""
    exact = Exact(row, args)
    leaves = [[Value(x) for x in a] if a.__class__ is list else Value(a) for a in args]
    flat = [v for a in leaves for v in (a if a.__class__ is list else [a])]
    y = row(*leaves)
    term = largest_term if row.name in SUMS else (lambda v: abs(v.data))
    yield 0, ulps(y.data, term(y), exact.value(), 0), ()
    firsts = gradients(y, flat)
    for i, g in enumerate(firsts):
        yield 1, ulps(g.data, term(g), exact.first(i), 1), (i,)
        for j, h in enumerate(gradients(g, flat)):
            yield 2, ulps(h.data, largest_term(h), exact.second(i, j), 2), (i, j)


def worst(row, count, seed):
    """For each order the largest error over `count` points, with the point: [(ulps, args, which)] * 3."""
    rng = random.Random(f"{seed} {row.name}")
    found = [(0.0, None, None)] * 3
    for _ in range(count):
        args = point(row, rng)
        for order, error, which in errors(row, args):
            if error > found[order][0]:
                found[order] = (error, args, which)
    return found


def measured_rows():
    return [row for row in TABLE.values() if row.reference is not None]


# The table -----------------------------------------------------------------------------------------------------------

POINTS, SEED = 200, 1
EXCEPTIONS = {  # at most five: the orders that exceed their bound, and the reason
    "power": ({2}, "∂²/∂x∂n adds y/x, which is lost where y = x**n lies below the floats and y/x does not"),
    "logaddexp": ({1, 2}, "sigmoid(a - b): the rounding of a - b is up to abs(a - b)/2 ulps of the result"),
    "logaddexp2": (
        {1, 2},
        "sigmoid(ln 2 · (a - b)): the roundings of its operand are up to abs(a - b) ulps of the result",
    ),
    "logsubexp": ({1, 2}, "1/(exp(a - b) - 1): the rounding of a - b is up to abs(a - b)/2 ulps of the result"),
    "logsumexp": ({0, 1, 2}, "exp(x - y): the rounding of x - y is up to abs(x - y)/2 ulps of the result"),
}
HEAD = """# Accuracy of the rows

Written by `python -m tests.support.accuracy`: {points} points a row, from 1e-300 to 1e300 and close to the ends of its domain,
against 50-digit references, in ulps as tests/support/accuracy.py defines them. Bounds: {bounds}.

| row | value | first derivative | second derivative | |
|---|---:|---:|---:|---|
"""


def line(row, found):
    figures = " | ".join(f"{error:.2g}" for error, *_ in found)
    return f"| {row.name} | {figures} | {EXCEPTIONS.get(row.name, ('', ''))[1]} |\n"


def written():
    """The table as text."""
    text = HEAD.format(points=POINTS, bounds=", ".join(f"{b:g}" for b in BOUNDS))
    for row in measured_rows():
        found = worst(row, POINTS, SEED)
        text += line(row, found)
        for (error, args, which), bound in zip(found, BOUNDS):
            if error > bound:
                print(f"{row.name} d{which}: {error:.3g} ulps at {args}", file=sys.stderr)
    return text


def stated():
    """What the file says: row name to three figures."""
    cells = [row.split("|") for row in TABLE_FILE.read_text(encoding="utf-8").splitlines() if row.startswith("| ")]
    return {c[1].strip(): tuple(map(float, c[2:5])) for c in cells[1:]}


if __name__ == "__main__":
    TABLE_FILE.write_text(written(), encoding="utf-8")
    print(TABLE_FILE)
