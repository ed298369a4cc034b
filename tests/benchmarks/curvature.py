"""What second derivatives take, in times of `value_and_grad`: `python -m tests.benchmarks.curvature` prints a table.

Protocol: one process; each round takes all calls of a function in turns, in CPU time; the median of the rounds. With
--compiled it is compiled functions, the fastest of many calls, and what compiling takes. Fails when a ratio is above the
limit, 4. Names of functions as arguments measure those alone.
"""

import argparse
import itertools
import math
import platform
import random
import statistics
import sys
import time

import engine
from engine import (
    dot,
    exp,
    grad,
    hvp,
    log,
    logsumexp,
    maximum,
    relu,
    sin,
    softmax,
    sqrt,
    tanh,
    total,
    value_and_grad,
    where,
)

LIMIT = 4.0


def pairs(term):
    """The sum of a term over neighbours."""
    return lambda xs: sum([term(a, b) for a, b in zip(xs, xs[1:])])


def net(activation, count=10):
    """The squared error of an MLP 4-16-16-1 over some examples, as a function of its weights in a list."""
    rng = random.Random(0)
    examples = [([rng.gauss(0, 1) for _ in range(4)], rng.gauss(0, 1)) for _ in range(count)]
    shapes = [(4, 16), (16, 16), (16, 1)]

    def layers(ws):
        at = 0
        for n, m in shapes:
            yield [(ws[k : k + n], ws[k + n]) for k in range(at, at + m * (n + 1), n + 1)]
            at += m * (n + 1)

    def loss(ws):
        *hidden, ((last, bias),) = layers(ws)
        errors = []
        for x, y in examples:
            for layer in hidden:
                x = [activation(dot(row, x, b)) for row, b in layer]
            errors.append((dot(last, x, bias) - y) ** 2)
        return total(errors)

    return loss, sum([m * (n + 1) for n, m in shapes])


def recurrent(ws, width=8, rounds=12):
    """The last state of a recurrent layer."""
    rows = [ws[k : k + width + 1] for k in range(0, width * (width + 1), width + 1)]
    h = [0.1 * k for k in range(width)]
    for t in range(rounds):
        h = [tanh(dot(row[:-1], h, row[-1]) + 0.1 * t) for row in rows]
    return total(h)


def polynomial(cs, x=0.7):
    """The square of Horner's sum in a number of its own."""
    y = cs[0]
    for c in cs[1:]:
        y = y * (x + c) + c
    return y * y


def cross_entropy(xs):
    """Of rows of ten scores, the second of each."""
    return -total([log(softmax(xs[k : k + 10])[1]) for k in range(0, len(xs) - 9, 10)])


MLP_TANH, MLP_RELU = net(tanh), net(relu)
FUNCTIONS = {
    "MLP, tanh": MLP_TANH,
    "MLP, relu": MLP_RELU,
    "recurrent layer": (recurrent, 72),
    "a*b + b*b": (pairs(lambda a, b: a * b + b * b), 200),
    "a*b*a": (pairs(lambda a, b: a * b * a), 200),
    "sin(a*b)*a": (pairs(lambda a, b: sin(a * b) * a), 200),
    "sin(a)": (lambda xs: total([sin(a) for a in xs]), 200),
    "Rosenbrock": (pairs(lambda a, b: 100.0 * (b - a**2) ** 2 + (1.0 - a) ** 2), 200),
    "a**3": (lambda xs: sum([a**3 for a in xs]), 200),
    "a**2.5 * b**-0.5": (pairs(lambda a, b: a**2.5 * b**-0.5), 200),
    "a**b": (pairs(lambda a, b: a**b), 200),
    "a/b": (pairs(lambda a, b: a / b), 200),
    "exp(a)*log(b)": (pairs(lambda a, b: exp(a) * log(b)), 200),
    "sqrt(a*a + b*b)": (pairs(lambda a, b: sqrt(a * a + b * b)), 200),
    "dot(x, x)": (lambda xs: dot(xs, xs), 1000),
    "dot(x, x)*sum": (lambda xs: dot(xs, xs) * sum(xs), 200),
    "dot(x, y)**2": (lambda xs: dot(xs[:100], xs[100:]) ** 2, 200),
    "quadratic form": (lambda xs: dot(xs, [dot(row, xs) for row in FORM]), 20),
    "logsumexp": (logsumexp, 200),
    "softmax, cross entropy": (cross_entropy, 200),
    "maximum(a, b)*a": (pairs(lambda a, b: maximum(a, b) * a), 200),
    "where(a < b, a*a, b)": (pairs(lambda a, b: where(a < b, a * a, b)), 200),
    "Horner": (polynomial, 100),
}
_rng = random.Random(1)
FORM = [[_rng.uniform(-1, 1) for _ in range(20)] for _ in range(20)]


COMPILED = {**FUNCTIONS, "MLP, tanh, 100 examples": net(tanh, 100)}


def calls(f, xs, tangent):
    """By name: what is measured, and its arguments."""

    def along(x, t):
        return hvp(f, (x,), (t,))

    return {
        "value_and_grad": (value_and_grad(f), xs),
        "hvp": (along, xs, tangent),
        "grad of grad": (grad(lambda x: dot(grad(f)(x), tangent)), xs),
        "hvp along Values": (along, xs, [engine.Value(t) for t in tangent]),
    }


def arguments_of(count):
    rng = random.Random(2)
    return [rng.uniform(0.1, 1.0) for _ in range(count)], [rng.uniform(-1, 1) for _ in range(count)]


def ratios(f, count, rounds):
    """How many times as long as `value_and_grad` the others take, by name."""
    measured = calls(f, *arguments_of(count))
    times = []
    for _ in range(rounds):
        marks = [time.process_time()]
        for call, *arguments in measured.values():
            call(*arguments)
            marks.append(time.process_time())
        times.append([b - a for a, b in itertools.pairwise(marks)])
    first, *others = map(statistics.median, zip(*times))
    return dict(zip([*measured][1:], [other / first for other in others]))


def compiled(f, count, rounds):
    """The same of compiled functions: (of a call, of compiling)."""
    measured = calls(f, *arguments_of(count))
    del measured["hvp along Values"]  # compiled, each is
    engine.jit(lambda x: x + 1.0)(1.0)
    steps, compiling = [], []
    for call, *arguments in measured.values():
        step = engine.jit(call)
        start = time.process_time()
        step.lower(*arguments)
        compiling.append(time.process_time() - start)
        step(*arguments)
        steps.append((step, arguments))
    best = [math.inf] * len(steps)
    for _ in range(20 * rounds):
        for k, (step, arguments) in enumerate(steps):
            start = time.perf_counter()
            step(*arguments)
            best[k] = min(best[k], time.perf_counter() - start)
    return {
        f"{name}, {what}": x / xs[0]
        for what, xs in (("a call", best), ("to compile", compiling))
        for name, x in zip([*measured][1:], xs[1:])
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="functions; all where there is none")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--compiled", action="store_true", help="compiled functions, not eager ones")
    options = parser.parse_args()
    measured, functions = (compiled, COMPILED) if options.compiled else (ratios, FUNCTIONS)
    found = {name: measured(*functions[name], options.rounds) for name in options.names or functions}
    columns = [*next(iter(found.values()))]
    print(
        f"Python {platform.python_version()}, {platform.machine()}; times of value_and_grad, each at most {LIMIT:g}\n"
    )
    print("| function | " + " | ".join(columns) + " | holds |\n" + "|---" * (len(columns) + 2) + "|")
    missed = 0
    for name, of in found.items():
        holds = max(of.values()) <= LIMIT
        missed += not holds
        cells = [f"{ratio:.1f}" for ratio in of.values()]
        print(f"| `{name}` | " + " | ".join(cells) + f" | {'yes' if holds else 'NO'} |")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
