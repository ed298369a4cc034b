"""Compiled training beside its peers: `python -m tests.benchmarks.jit` prints a table of their README.

Protocol: micrograd's demo step (MLP 2-16-16-1, 100 examples of two moons, hinge loss and L2, forward, backward, 337 gradients,
SGD update `p -= rate * gradient`), the digits net 64-16-10 and the wide net 784-128-10 in batches of 32; one process, one
thread unless said, data in memory; each figure is the best of several runs of many steps. A whole training is the demo's:
100 steps from its start, with its falling rate. That matters, since an example on the right side of the hinge needs no
backward pass, and chainrule leaves it out; how long a step takes where none can be left out is told beside it. The peers
do the same work whatever the numbers. micrograd comes first, before other packages fill the collector's heap. C is
compiled by gcc if there is one. Peers that are not installed are left out. `--plot FILE` draws the demo step.
"""

import argparse
import ctypes
import gc
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np  # noqa: E402  after the number of threads is set

DEMO, EXAMPLES, L2, RATE = [2, 16, 16, 1], 100, 1e-4, 1e-3
STEPS = 100  # of the demo's training
RATES = 1.0 - 0.9 * np.arange(STEPS) / STEPS
HERE = Path(__file__).parent


def seconds(step, steps=1, repeats=15):
    """The best time of one step, of several runs."""
    step()
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - start)
    return best / steps


def repeated(step, times):
    for _ in range(times):
        step()


def size(widths):
    return sum((a + 1) * b for a, b in zip(widths, widths[1:]))


def problem(widths, examples):
    """(inputs, targets, parameters): signs for one output, one-hot rows for several; the demo's are its moons."""
    rng = np.random.default_rng(0)
    if widths == DEMO:
        from sklearn.datasets import make_moons

        x, y = make_moons(examples, noise=0.1, random_state=1337)
        p = rng.uniform(-1, 1, size(widths))
        for _, bias in layers(p, widths):
            bias[:] = 0.0
        return x, 2.0 * y[:, None] - 1.0, p
    x = rng.normal(size=(examples, widths[0]))
    labels = rng.integers(0, max(2, widths[-1]), examples)
    y = np.eye(widths[-1])[labels] if widths[-1] > 1 else 2.0 * labels[:, None] - 1.0
    return x, y, rng.uniform(-1, 1, size(widths)) * (1.0 if widths[0] < 10 else 0.4 / np.sqrt(widths[0]))


# Ours ------------------------------------------------------------------------------------------------------------------


def network(ps, xs, widths):
    from engine import dot, relu

    row, at = xs, 0
    for layer, (a, b) in enumerate(zip(widths, widths[1:])):
        sums = []
        for _ in range(b):
            sums.append(dot(ps[at : at + a], row, ps[at + a]))
            at += a + 1
        row = sums if layer == len(widths) - 2 else [relu(s) for s in sums]
    return row


def example_loss(widths):
    from engine import dot, logsumexp, relu

    def loss(ps, example):
        xs, ys = example[: widths[0]], example[widths[0] :]
        outputs = network(ps, xs, widths)
        if len(outputs) == 1:
            return relu(1.0 + -ys[0] * outputs[0])
        return logsumexp(outputs) - dot(outputs, ys)

    return loss


def sgd(p, g, slots, settings):
    return p - settings[0] * (g + 2 * L2 * p), slots


def ours(widths, examples, **options):
    """(a loop, the seconds it took to compile)."""
    from engine.compiler import TrainingLoop

    x, y, p = problem(widths, examples)
    start = time.perf_counter()
    loop = TrainingLoop(example_loss(widths), sgd, p, np.column_stack([x, y]), settings=1, **options)
    return loop, time.perf_counter() - start


def training(loop):
    """The demo's training as a function: from its start, all its steps."""
    steps, start = loop.prepared(epochs=STEPS, settings=RATES[:, None]), problem(DEMO, EXAMPLES)[2]

    def run():
        loop.parameters[:] = start
        steps()

    return run


# Peers -----------------------------------------------------------------------------------------------------------------


def layers(p, widths):
    at, found = 0, []
    for a, b in zip(widths, widths[1:]):
        m = p[at : at + (a + 1) * b].reshape(b, a + 1)
        found.append((m[:, :a], m[:, a]))
        at += (a + 1) * b
    return found


def numpy_step(widths, x, y, p, rate=RATE):
    found, rows = layers(p, widths), [x]
    for i, (w, b) in enumerate(found):
        z = rows[-1] @ w.T + b
        rows.append(np.maximum(z, 0) if i < len(found) - 1 else z)
    if widths[-1] == 1:
        d = np.where(y * rows[-1] < 1, -y / len(x), 0)
    else:
        e = np.exp(rows[-1] - rows[-1].max(1, keepdims=True))
        d = (e / e.sum(1, keepdims=True) - y) / len(x)
    grads = []
    for i in range(len(found) - 1, -1, -1):
        grads.append(np.concatenate([d.T @ rows[i], d.sum(0)[:, None]], 1).ravel())
        if i:
            d = d @ found[i][0] * (rows[i] > 0)
    return p - rate * (np.concatenate(grads[::-1]) + 2 * L2 * p)


def micrograd_step():
    from micrograd.nn import MLP

    x, y, p = problem(DEMO, EXAMPLES)
    net = MLP(2, [16, 16, 1])
    for v, number in zip(net.parameters(), p.tolist()):
        v.data = number

    def step():
        scores = [net(row) for row in x.tolist()]
        losses = [(1 + -t * s).relu() for t, s in zip(y[:, 0].tolist(), scores)]
        total = sum(losses) * (1.0 / EXAMPLES) + L2 * sum(q * q for q in net.parameters())
        net.zero_grad()
        total.backward()
        for q in net.parameters():
            q.data -= RATE * q.grad

    return step


def torch_step(widths, examples):
    import torch

    torch.set_num_threads(1)
    x, y, p0 = problem(widths, examples)
    x, y, p = torch.tensor(x), torch.tensor(y), torch.tensor(p0, requires_grad=True)
    label = y.argmax(1)

    def step():
        h = x
        found = layers(p, widths)
        for i, (w, b) in enumerate(found):
            h = h @ w.T + b
            h = h.relu() if i < len(found) - 1 else h
        data = torch.relu(1 - y * h).mean() if widths[-1] == 1 else torch.nn.functional.cross_entropy(h, label)
        (data + L2 * (p * p).sum()).backward()
        with torch.no_grad():
            p.add_(p.grad, alpha=-RATE)
            p.grad = None

    return step


def jax_steps(widths, examples, dtype="float64"):
    """(one call a step, the demo's training in one loop)."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    x, y, p = (jnp.asarray(a, dtype) for a in problem(widths, examples))

    def loss(p):
        h = x
        found = layers(p, widths)
        for i, (w, b) in enumerate(found):
            h = h @ w.T + b
            h = jnp.maximum(h, 0) if i < len(found) - 1 else h
        data = jnp.maximum(0, 1 - y * h) if widths[-1] == 1 else -(jax.nn.log_softmax(h) * y).sum(1)
        return data.mean() + L2 * (p * p).sum()

    one = jax.jit(lambda p: p - RATE * jax.grad(loss)(p))
    rates = jnp.asarray(RATES, dtype)
    many = jax.jit(lambda p: jax.lax.fori_loop(0, STEPS, lambda k, q: q - rates[k] * jax.grad(loss)(q), p))
    return lambda: one(p).block_until_ready(), lambda: many(p).block_until_ready()


def casadi_steps():
    """(its virtual machine, its generated C), mapped over the examples, gradients summed by NumPy."""
    import casadi as ca

    x, y, p0 = problem(DEMO, EXAMPLES)
    p, row, target = ca.SX.sym("p", 337), ca.SX.sym("x", 2), ca.SX.sym("y")
    h, at = [row[0], row[1]], 0
    for i, (a, b) in enumerate(zip(DEMO, DEMO[1:])):
        sums = []
        for _ in range(b):
            s = p[at + a]
            for k in range(a):
                s = s + p[at + k] * h[k]
            sums.append(ca.fmax(s, 0) if i < 2 else s)
            at += a + 1
        h = sums
    loss = ca.fmax(1 - target * h[0], 0) / EXAMPLES
    one = ca.Function("step", [p, row, target], [ca.gradient(loss, p), loss])
    steps = [_casadi_loop(one.map(EXAMPLES), x, y, p0)]
    if shutil.which("gcc"):
        folder = tempfile.mkdtemp()
        mapped = one.map(EXAMPLES)
        here = os.getcwd()
        os.chdir(folder)
        try:
            mapped.generate("mapped.c")
        finally:
            os.chdir(here)
        _gcc(f"{folder}/mapped.c", f"{folder}/mapped.so")
        steps.append(_casadi_loop(ca.external(mapped.name(), f"{folder}/mapped.so"), x, y, p0))
    return steps


def _casadi_loop(function, x, y, p0):
    buffer, evaluate = function.buffer()
    p = np.tile(p0, (EXAMPLES, 1)).copy()
    x, y, g, losses = x.copy(), y.ravel().copy(), np.zeros((EXAMPLES, 337)), np.zeros(EXAMPLES)
    for i, a in enumerate((p, x, y)):
        buffer.set_arg(i, memoryview(a))
    for i, a in enumerate((g, losses)):
        buffer.set_res(i, memoryview(a))

    def step():
        evaluate()
        p[:] -= RATE * (g.sum(0) + 2 * L2 * p[0])

    step.keep = buffer
    return step


def _gcc(source, library):
    from engine.compiler.llvm.processor import processor

    machine = f"-march={processor(None) or 'native'}"  # as our own code; vectors in it are never wider than that
    subprocess.run(["gcc", "-O3", machine, "-ffast-math", "-shared", "-fPIC", source, "-o", library], check=True)


def c_step(name, real):
    """A function of the number of steps: C by hand (demo.c), compiled here."""
    folder = tempfile.mkdtemp()
    source = Path(folder, "demo.c")
    source.write_text(f"#define REAL {real}\n" + (HERE / "demo.c").read_text())
    _gcc(str(source), f"{folder}/demo.so")
    train = getattr(ctypes.CDLL(f"{folder}/demo.so"), name)
    x, y, p = (np.ascontiguousarray(a, "float64" if real == "double" else "float32") for a in problem(DEMO, EXAMPLES))
    g = np.zeros(337, p.dtype)

    addresses, start = [ctypes.c_void_p(a.ctypes.data) for a in (p, x, y, g)], p.copy()

    def run():
        p[:] = start
        train(*addresses, ctypes.c_long(STEPS))
        return p

    run.keep = x, y, g
    return run


C_BY_HAND = (
    ("one", "one example at a time", 4),
    ("lanes", "lanes over examples", 1),
    ("support", "lanes, those on the right side left out", 1),
)


# The table -------------------------------------------------------------------------------------------------------------


class Table:
    """Rows as they are measured: what, microseconds, the ratio to ours, and whether it is what it must be."""

    def __init__(self):
        self.rows, self.failed = [], []

    def ours(self, name, time_):
        self.base = time_
        self.rows.append((name, time_))
        print(f"\n{name:64s}{time_ * 1e6:14.2f} µs a step", flush=True)

    def peer(self, name, time_, least=None):
        ratio = time_ / self.base
        self.rows.append((name, time_))
        told = "" if least is None else f"   must be {least:g}: {'yes' if ratio >= least else 'NO'}"
        if least is not None and ratio < least:
            self.failed.append(name)
        print(f"  {name:62s}{time_ * 1e6:14.2f} µs{ratio:12.2f} times{told}", flush=True)

    def bound(self, name, number, most, unit="s"):
        ok = number <= most
        if not ok:
            self.failed.append(name)
        print(f"  {name:62s}{number:14.2f} {unit}   must be at most {most:g}: {'yes' if ok else 'NO'}", flush=True)


def keras_step(widths, examples):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    keras.config.set_floatx("float64")
    x, y, p = problem(widths, examples)
    decay = keras.regularizers.L2(L2)
    dense = [
        keras.layers.Dense(n, "relu" if i < len(widths) - 2 else None, kernel_regularizer=decay, bias_regularizer=decay)
        for i, n in enumerate(widths[1:])
    ]
    net = keras.Sequential([keras.layers.Input((widths[0],)), *dense])
    net.set_weights([a for w, b in layers(p, widths) for a in (w.T, b)])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    net.compile(optimizer=keras.optimizers.SGD(RATE), loss=loss)
    return lambda: net.train_on_batch(x, y)


def optional(peer):
    try:
        return peer()
    except ImportError as error:
        print(f"  left out: {error}")
        return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--plot", help="draw the demo step to this file")
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    table = Table()
    micrograd = optional(lambda: timed_micrograd())
    demo(table, micrograd)
    nets(table)
    irregular(table)
    print("\nall hold" if not table.failed else f"\nfall short: {'; '.join(table.failed)}")
    if options.plot:
        plot(table, options.plot)
    return bool(table.failed)


def timed_micrograd():
    step = micrograd_step()
    step()
    with_collector = seconds(step, repeats=3)
    gc.disable()
    without = seconds(step, repeats=3)
    gc.enable()
    return with_collector, without


def demo(table, micrograd):
    from engine.compiler.llvm.processor import features

    print(
        "features:", ", ".join(f[1:] for f in features().split(",") if f.startswith(("+avx", "+fma", "+sse4", "+neon")))
    )
    x, y, p = problem(DEMO, EXAMPLES)
    start = p.copy()
    for rate in RATES:
        p = numpy_step(DEMO, x, y, p, rate)
    for dtype in ("float64", "float32"):
        loop, compiled = ours(DEMO, EXAMPLES, dtype=dtype)
        whole = training(loop)
        whole()
        assert np.abs(loop.parameters - p).max() < (1e-11 if dtype == "float64" else 2e-3)
        table.ours(f"ours: demo step, {dtype}, whole training in native code", seconds(whole, STEPS, 300))
        full, _ = ours(DEMO, EXAMPLES, dtype=dtype)
        full.examples[:, -1] = 0.0  # a margin that is never reached
        table.peer("ours, where no example can be left out", seconds(training(full), STEPS, 300))
        if dtype == "float64":
            table.bound("to compile it", compiled, 1.0)
            print(f"  {loop.stages}")
            one = loop.prepared(settings=[RATE])
            loop.parameters[:] = start
            table.peer("ours, one call from Python a step", seconds(partial(repeated, one, STEPS), STEPS, 300))
            if micrograd:
                table.peer("micrograd, collector as shipped", micrograd[0], 200_000)
                table.peer("micrograd, collector off", micrograd[1], 40_000)
            torch = optional(lambda: torch_step(DEMO, EXAMPLES))
            if torch:
                table.peer("PyTorch eager, tensors", seconds(torch, repeats=300), 70)
            for step, name, least in zip(
                optional(casadi_steps) or [], ("CasADi SX, its virtual machine", "CasADi SX, its C"), (80, 30)
            ):
                table.peer(name, seconds(step, repeats=50), least)
            table.peer("NumPy by hand", seconds(lambda: numpy_step(DEMO, x, y, p), repeats=500))
        jax = optional(lambda d=dtype: jax_steps(DEMO, EXAMPLES, d))
        if jax:
            called = table.base
            if dtype == "float64":
                table.base = next(t for n, t in table.rows if n.startswith("ours, one call"))
                table.peer("JAX jit, one call a step (ours too)", seconds(jax[0], repeats=500), 8)
                table.base = called
            table.peer(
                "JAX fori_loop, whole training inside", seconds(jax[1], STEPS, 50), 4 if dtype == "float64" else 5
            )
        if shutil.which("gcc"):
            for name, text, least in C_BY_HAND:
                step = c_step(f"train_{name}", "double" if dtype == "float64" else "float")
                if dtype == "float64":
                    assert np.abs(step() - p).max() < 1e-10
                table.peer(f"C by hand, {text}", seconds(step, STEPS, 300), least if dtype == "float64" else None)


def nets(table):
    widths = [64, 32, 16, 1]
    loop, compiled = ours(widths, 100)
    table.ours("ours: 64-32-16-1, 100 examples", seconds(lambda: loop.run(epochs=50, settings=[RATE]), 50))
    table.bound("to compile it", compiled, 1.5)
    x, y, p = problem(widths, 100)
    table.peer("NumPy by hand", seconds(lambda: numpy_step(widths, x, y, p), repeats=200))

    widths, batch, examples = [64, 16, 10], 32, 1792
    loop, compiled = ours(widths, examples, batch=batch)
    rng = np.random.default_rng(0)
    x, y, p = problem(widths, examples)
    steps = examples // batch

    def numpy_epoch():
        q = p
        order = rng.permutation(examples)
        for start in range(0, examples, batch):
            rows = order[start : start + batch]
            q = numpy_step(widths, x[rows], y[rows], q)

    table.ours("ours: digits 64-16-10, batch 32, epochs with shuffling",
               seconds(lambda: loop.run(rng.permutation(examples), settings=[RATE]), steps))  # fmt: skip
    print(f"  {'to compile it':62s}{compiled:14.2f} s")
    table.peer("NumPy by hand", seconds(numpy_epoch, steps), 5)
    peer_steps(table, widths, batch, 1)

    widths, batch = [784, 128, 10], 32
    loop, compiled = ours(widths, batch)
    x, y, p = problem(widths, batch)
    want = numpy_step(widths, x, y, p)
    loop.run(settings=[RATE])
    assert np.abs(loop.parameters - want).max() < 1e-14
    table.ours("ours: 784-128-10, batch 32", seconds(lambda: loop.run(epochs=5, settings=[RATE]), 5))
    table.bound("to compile it", compiled, 12)
    print(f"  {loop.stages}")
    table.peer("NumPy by hand, BLAS on one thread", seconds(lambda: numpy_step(widths, x, y, p), repeats=100), 1.5)
    table.peer("NumPy by hand, BLAS on all threads", all_threads())
    peer_steps(table, widths, batch)


def peer_steps(table, widths, batch, least=None):
    torch = optional(lambda: torch_step(widths, batch))
    if torch:
        table.peer("PyTorch eager, a step", seconds(torch, repeats=200), least)
    jax = optional(lambda: jax_steps(widths, batch))
    if jax:
        table.peer("JAX jit, one call a step", seconds(jax[0], repeats=200), least)
    keras = optional(lambda: keras_step(widths, batch))
    if keras:
        table.peer("Keras on JAX, train_on_batch", seconds(keras, repeats=100), least)


def all_threads():
    """NumPy's wide step in a process that may use every core."""
    code = (
        "from tests.benchmarks.jit import *\n"
        "w = [784, 128, 10]; x, y, p = problem(w, 32)\n"
        "print(seconds(lambda: numpy_step(w, x, y, p), repeats=100))"
    )
    free = {n: str(os.cpu_count()) for n in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    out = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **free}, capture_output=True, text=True, check=True
    )
    return float(out.stdout)


def irregular(table):
    """A random graph in which there are no loops to find: 20,000 instructions with its gradient."""
    import random

    import engine
    from engine import Value, relu, tanh, total

    rng = random.Random(0)
    choices = [(rng.randrange(1, 48), rng.randrange(1, 48), rng.randrange(5)) for _ in range(7000)]

    def f(xs):
        values = list(xs)
        for i, j, op in choices:
            a, b = values[-i], values[-j]
            values.append(((a + b) * 0.5, a * b, a - b, tanh(a), relu(a))[op] if op not in (0,) else (a + b) * 0.5)
        return total(values[-200:])

    xs = [rng.uniform(-1, 1) for _ in range(48)]
    step = engine.jit(engine.value_and_grad(f))
    start = time.perf_counter()
    stages = step.lower(xs)
    compiled = time.perf_counter() - start

    def eager():
        leaves = [Value(x) for x in xs]
        f(leaves).backward()
        return [v.grad for v in leaves]

    np.testing.assert_allclose(step(xs)[1], eager(), rtol=1e-9, atol=1e-12)
    table.ours("ours: an irregular graph with its gradient, called from Python", seconds(lambda: step(xs), repeats=200))
    table.bound("to compile it", compiled, 8)
    print(f"  {stages}")
    table.peer("eager", seconds(eager, repeats=5), 200)


def plot(table, file):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    from nn.canvas import INK, MUTED, POSITIVE, restyle

    names = {"ours: demo step, ": "chainrule, ", "ours, ": "chainrule, ", " (ours too)": ""}
    end = next(i for i, (name, _) in enumerate(table.rows) if "64-32-16-1" in name)
    first = dict(table.rows[:end][::-1])  # peers in float64, which come before those in float32
    rows = sorted(first.items(), key=lambda row: -row[1])
    for old, new in names.items():
        rows = [(name.replace(old, new), t) for name, t in rows]
    fig, axes = plt.subplots(figsize=(9, 0.34 * len(rows) + 1), layout="constrained", facecolor="white")
    restyle(axes)
    ours_ = [name.startswith("chainrule") for name, _ in rows]
    colours = [POSITIVE if o else "#aab4c0" for o in ours_]
    bars = axes.barh([name for name, _ in rows], [t * 1e6 for _, t in rows], color=colours)
    axes.bar_label(bars, [f"{t * 1e6:,.{int(t < 1e-4)}f}" for _, t in rows], padding=4, color=INK)
    axes.set_xscale("log")
    axes.set_xlim(0.1, 10 * rows[0][1] * 1e6)
    axes.set_title("One training step of micrograd's demo, in µs", loc="left", color=INK, weight="bold")
    axes.set_xlabel("µs, logarithmic", color=MUTED)
    axes.tick_params(axis="y", length=0)
    fig.savefig(file, dpi=120)


if __name__ == "__main__":
    sys.exit(main())
