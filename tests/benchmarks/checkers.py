"""Gradient checkers side by side on the same graphs, points and planted faults.

`python -m tests.benchmarks.checkers [graphs]` prints the table: for each fault the share of graphs in which each checker
raises, each with its own defaults, in double precision; and for right rules the share of false alarms. One fault at a
time is planted in one rule of each framework; the graphs are random, contain that op, and come from one seed.
`python -m tests.benchmarks.checkers sensitivity [graphs]` scales each rule of the table by 1 + 1e-8 and by 1 + 1e-12.
"""

import importlib.metadata
import random
import sys
import time
import warnings
from typing import NamedTuple

import autograd.extend
import autograd.numpy as anp
import autograd.test_util
import jax
import jax.numpy as jnp
import jax.test_util
import torch

from engine import Value, partials, topological_order
from engine.checks import GradientError, check_gradients
from engine.checks.engines import OPERATORS
from engine.checks.generation import random_graph, rows
from engine.checks.graph import Graph, GraphStep
from engine.rule import TABLE

jax.config.update("jax_enable_x64", True)

OPS = ["add", "mul", "sub", "neg", "square", "div", "exp", "sin", "cos", "tanh", "log", "sqrt", "relu"]
SEED = 20240601


class Fault(NamedTuple):
    """A wrong derivative of an op of one argument: d(m, x, y), where m has the functions of NumPy."""

    name: str
    op: str
    d: object
    at: float | None = None  # the operand at which the fault shows; None for anywhere
    mode: str = "reverse"
    order: int = 1


FAULTS = [
    Fault("sin': sign", "sin", lambda m, x, y: -m.cos(x)),
    Fault("exp' times 1.1", "exp", lambda m, x, y: y * 1.1),
    Fault("exp' times 1 + 1e-3", "exp", lambda m, x, y: y * (1 + 1e-3)),
    Fault("exp' times 1 + 1e-5", "exp", lambda m, x, y: y * (1 + 1e-5)),
    Fault("exp' times 1 + 1e-8", "exp", lambda m, x, y: y * (1 + 1e-8)),
    Fault("exp' times 1 + 1e-12", "exp", lambda m, x, y: y * (1 + 1e-12)),
    Fault("sqrt': 1/(2x)", "sqrt", lambda m, x, y: 0.5 / x),
    Fault("square': x", "square", lambda m, x, y: x),
    Fault("tanh': 1 - y", "tanh", lambda m, x, y: 1 - y),
    Fault("tanh': 1 - y*y at 20", "tanh", lambda m, x, y: 1 - y * y, at=20.0),
    Fault("relu' is 1 at its kink", "relu", lambda m, x, y: m.where(x >= 0.0, 1.0, 0.0), at=0.0),
    Fault("log' is 0 at 1e-9", "log", lambda m, x, y: m.where(x < 1e-8, 0.0, 1 / x), at=1e-9),
    Fault("sin'': forgotten", "sin", None, order=2),
]
VALUES = {  # each framework's own functions
    "sin": (anp.sin, jnp.sin, torch.sin),
    "exp": (anp.exp, jnp.exp, torch.exp),
    "sqrt": (anp.sqrt, jnp.sqrt, torch.sqrt),
    "square": (anp.square, jnp.square, torch.square),
    "tanh": (anp.tanh, jnp.tanh, torch.tanh),
    "cos": (anp.cos, jnp.cos, torch.cos),
    "log": (anp.log, jnp.log, torch.log),
    "relu": (lambda x: anp.where(x > 0, x, 0.0), jax.nn.relu, torch.relu),
}


class Ours:
    """check_gradients on the engine, the fault planted in the table."""

    package = "chainrule"

    def caught(self, graph, fault):
        row = TABLE[fault.op] if fault else None
        before = row.partials if row else ()
        if fault:
            row.partials = (self._partial(fault),)
        try:
            check_gradients(graph, order=fault.order if fault else 1, save=False)
        except GradientError:
            return True
        finally:
            if fault:
                row.partials = before
        return False

    @staticmethod
    def _partial(fault):
        import math

        import engine

        if fault.d is None:
            return lambda x, y: engine.Value(math.cos(x.data)) if isinstance(x, engine.Value) else math.cos(x)

        class Functions:
            cos, where = staticmethod(engine.cos), staticmethod(lambda c, a, b: engine.where(float(c), a, b))

        return lambda x, y: fault.d(Functions, x, y)


class Torch:
    package = "torch"

    def caught(self, graph, fault):
        def function(name):
            if fault and name == fault.op:
                return self._wrong(fault).apply
            return VALUES[name][2] if name in VALUES else OPERATORS[name]

        inputs = tuple(torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in graph.inputs)
        used = [x for x, n in zip(inputs, graph.uses()) if n]
        f = lambda *xs: graph(*inputs_with(inputs, used, xs), fn=function)  # noqa: E731
        try:
            if fault and fault.order == 2:
                torch.autograd.gradgradcheck(f, tuple(used))
            else:
                torch.autograd.gradcheck(f, tuple(used))
        except (RuntimeError, ValueError):
            return True
        return False

    @staticmethod
    def _wrong(fault):
        class Wrong(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = VALUES[fault.op][2](x)
                ctx.save_for_backward(x, y)
                return y

            @staticmethod
            def backward(ctx, g):
                x, y = ctx.saved_tensors
                if fault.d is None:
                    return g * torch.cos(x.detach())
                return g * fault.d(torch, x, y)

        return Wrong


def inputs_with(inputs, used, xs):
    """The inputs, those that are checked replaced."""
    new = dict(zip(map(id, used), xs))
    return [new.get(id(x), x) for x in inputs]


class Jax:
    package = "jax"

    def caught(self, graph, fault):
        def function(name):
            if fault and name == fault.op:
                return self._wrong(fault)
            return VALUES[name][1] if name in VALUES else OPERATORS[name]

        f = lambda *xs: graph(*xs, fn=function)  # noqa: E731
        try:
            jax.test_util.check_grads(f, graph.inputs, order=fault.order if fault else 1, modes=["rev"])
        except (AssertionError, FloatingPointError):
            return True
        return False

    @staticmethod
    def _wrong(fault):
        right = VALUES[fault.op][1]
        wrong = jax.custom_jvp(right)

        @wrong.defjvp
        def rule(primals, tangents):
            (x,), (t,) = primals, tangents
            y = right(x)
            d = jnp.cos(jax.lax.stop_gradient(x)) if fault.d is None else fault.d(jnp, x, y)
            return y, d * t

        return wrong


class Autograd:
    package = "autograd"

    def caught(self, graph, fault):
        def function(name):
            if fault and name == fault.op:
                return self._wrong(fault)
            return VALUES[name][0] if name in VALUES else OPERATORS[name]

        f = lambda *xs: graph(*xs, fn=function)  # noqa: E731
        try:
            autograd.test_util.check_grads(f, modes=["rev"], order=fault.order if fault else 1)(*graph.inputs)
        except (AssertionError, ZeroDivisionError, TypeError):
            return True
        return False

    @staticmethod
    def _wrong(fault):
        right = VALUES[fault.op][0]
        wrong = autograd.extend.primitive(right)
        if fault.d is None:
            autograd.extend.defvjp(wrong, lambda y, x: lambda g: g * anp.cos(autograd.tracer.getval(x)))
        else:
            autograd.extend.defvjp(wrong, lambda y, x: lambda g: g * fault.d(anp, x, y))
        return wrong


def graphs_with(fault, count):
    """Random graphs whose output runs through the op of a fault; at the operand where it shows, if there is one."""
    rng = random.Random(SEED)
    table = rows(OPS)
    found = []
    while len(found) < count:
        if fault and fault.at is not None:
            graph = Graph(
                [fault.at], [GraphStep(fault.op, (1,)), GraphStep("mul", (1, round(rng.uniform(0.5, 3.0), 3)))]
            )
        else:
            graph = random_graph(rng, 8, table)
            if fault and (all(s.op != fault.op for s in reached(graph)) or operands(graph, fault.op) & {0.0, 1.0}):
                continue  # not there, or at an operand where the wrong rule gives the right number
        found.append(graph)
    return found


def operands(graph, op):
    """The operands of an op in a graph."""
    seen = set()

    def function(name):
        return lambda *xs: (seen.update(xs) if name == op else None, TABLE[name](*xs))[1]

    graph(*graph.inputs, fn=function)
    return seen


def reached(graph):
    """The steps that the output depends on."""
    kept, needed, first = [], {len(graph.inputs) + len(graph.steps) - 1}, len(graph.inputs)
    for i in range(len(graph.steps) - 1, -1, -1):
        if first + i in needed:
            kept.append(graph.steps[i])
            needed |= {first + i - 1 - (b - 1) % (first + i) for b in graph.steps[i].operands if isinstance(b, int)}
    return kept


def main(count=100):
    """Print the table."""
    warnings.simplefilter("ignore")
    checkers = [Ours(), Torch(), Jax(), Autograd()]
    versions = [f"{c.package} {importlib.metadata.version(c.package)}" for c in checkers]
    print(f"{count} random graphs a row, 1 to 8 ops, seed {SEED}; each checker with its defaults; share caught")
    print(f"{'fault':<26}" + "".join(f"{v:>18}" for v in versions))
    spent = [0.0] * len(checkers)
    for fault in [*FAULTS, None]:
        graphs = graphs_with(fault, count)
        shares = []
        for k, checker in enumerate(checkers):
            start = time.perf_counter()
            shares.append(sum(checker.caught(g, fault) for g in graphs) / count)
            spent[k] += time.perf_counter() - start
        print(
            f"{fault.name if fault else 'right rules: false alarms':<26}" + "".join(f"{s:>18.0%}" for s in shares),
            flush=True,
        )
    checks = count * (len(FAULTS) + 1)
    print(f"{'milliseconds a check':<26}" + "".join(f"{1e3 * s / checks:>18.2f}" for s in spent))


# How small an error is seen ----------------------------------------------------------------------------------------------


def scaled(p, factor):
    """A rule that is off by a factor."""
    if isinstance(p, float):
        return p * factor
    return lambda *args: [q * factor for q in found] if isinstance(found := p(*args), list) else found * factor


def matters(graph, row):
    """Whether the output is made by an op with a partial that is not 0 there."""
    output = graph(*map(Value, graph.inputs))
    nodes = topological_order(output) if isinstance(output, Value) else []
    return any(v.op is row and any(partials(v)) for v in nodes)


def sensitivity(count=300, max_ops=12):
    """Print, for rules scaled by a hair, the share of graphs in which they are seen: the mean over ops, and the worst."""
    for factor in (1.0 + 1e-8, 1.0 + 1e-12):
        shares = {}
        for row in rows():
            if not any(row.partials):
                continue
            rng, table, right, caught, asked = random.Random(SEED), rows(), row.partials, 0, 0
            while asked < count:
                graph = random_graph(rng, max_ops, [*table, *[row] * 30])
                if not matters(graph, row):
                    continue
                asked += 1
                row.partials = tuple(scaled(p, factor) for p in right)
                try:
                    check_gradients(graph, save=False)
                except GradientError:
                    caught += 1
                finally:
                    row.partials = right
            shares[row.name] = caught / asked
        worst = min(shares, key=shares.get)
        mean = sum(shares.values()) / len(shares)
        print(
            f"times 1 + {factor - 1:.0e}: {mean:.2%} caught over {len(shares)} ops, {count} graphs each; {worst} {shares[worst]:.2%}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["sensitivity"]:
        sensitivity(*map(int, sys.argv[2:]))
    else:
        main(*map(int, sys.argv[1:]))
