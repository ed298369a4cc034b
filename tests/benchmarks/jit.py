"""Compiled training beside its peers: `python -m tests.benchmarks.jit` prints a table of their README.

Protocol: micrograd's demo step (MLP 2-16-16-1, 100 examples of two moons, hinge loss and L2, forward, backward, 337 gradients,
SGD update `p -= rate * gradient`), the digits net 64-16-10 and the wide net 784-128-10 in batches; one process, one
thread unless said, data in memory; each figure is the best of several runs of many steps, and what is close is measured in
turns. A whole training is the demo's: 100 steps from its start, with its falling rate. That matters, since an example on the
right side of the hinge needs no backward pass, and chainrule leaves it out; how long a step takes where none can be left out
is told beside it, and is what those are compared with that leave none out, in C. The other peers do the same work whatever
the numbers. micrograd comes first, before other packages fill the collector's heap. C is compiled by gcc if there is one.

How long compiling may take is told in LLVM's own time for the same IR and in starts of a bare interpreter, both measured in
the same run. Peers that are not installed are left out (extra `peers`). `--plot FILE` draws the demo step, and
CHAINRULE_JIT_CPU=x86-64-v3 keeps ours and the peers to AVX2.
"""

import argparse
import gc
import inspect
import json
import os
import shutil
import subprocess
import sys
import time
from functools import partial

from . import gpt
from .peers import (
    DEMO,
    EXAMPLES,
    L2,
    RATE,
    RATES,
    STEPS,
    alternating,
    c_step,
    casadi_steps,
    jax_call,
    jax_epochs,
    jax_steps,
    keras_step,
    layers,
    machine,
    micrograd_step,
    most_memory,
    np,
    numpy_step,
    optional,
    problem,
    ratio,
    repeated,
    seconds,
    tinygrad_step,
    torch_step,
)  # fmt: skip

WIDE = [784, 128, 10]
WIDER = [784, 512, 512, 10]

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


def timed(compile_):
    """(what was compiled, the seconds it took): none of it was there before, and the collector does not see the peers."""
    from engine.compiler.llvm.native_code import PROGRAMS

    PROGRAMS.clear()
    gc.collect()
    gc.freeze()
    start = time.perf_counter()
    return compile_(), time.perf_counter() - start


def ours(widths, examples, **options):
    """(a loop, the seconds it took to compile)."""
    from engine.compiler import TrainingLoop

    x, y, p = problem(widths, examples)
    rows = np.column_stack([x, y])
    return timed(lambda: TrainingLoop(example_loss(widths), sgd, p, rows, settings=1, **options))


def training(loop):
    """The demo's training as a function: from its start, all its steps."""
    steps, start = loop.prepared(epochs=STEPS, settings=RATES[:, None]), problem(DEMO, EXAMPLES)[2]

    def run():
        loop.parameters[:] = start
        steps()

    return run


# The table -------------------------------------------------------------------------------------------------------------


class Table:
    """Rows as they are measured: what, microseconds, the ratio to ours, and whether it is what it must be."""

    def __init__(self):
        self.rows, self.failed = [], []
        self.start = seconds(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True), repeats=7)
        print(f"a start of the bare interpreter: {self.start * 1e3:.1f} ms")

    def ours(self, name, time_, what="step"):
        self.base, self.name = time_, name
        self.rows.append((name, time_))
        print(f"\n{name:64s}{time_ * 1e6:14.2f} µs a {what}", flush=True)

    def peer(self, name, time_, least=None, base=None):
        """A peer's row; its ratio is to the row before that `ours` wrote, unless `base` is given."""
        ratio = time_ / (base or self.base)
        self.rows.append((name, time_))
        told = "" if least is None else f"   must be {least:g}: {self._held(name, ratio >= least)}"
        print(f"  {name:62s}{time_ * 1e6:14.2f} µs{ratio:12.2f} times{told}", flush=True)

    def most(self, name, told, number, most, unit=""):
        """A row of what may be no more than so much."""
        ok = self._held(name, number <= most)
        print(f"  {name:62s}{told:>17s}{number:12.2f} {unit or 'times'}   must be at most {most:g}: {ok}", flush=True)

    def compiled(self, taken, llvm, times=1.0, starts=0):
        """How long it took to compile, of LLVM's own time; `starts` of an interpreter are allowed besides."""
        held = self._held("to compile it", taken <= times * llvm + starts * self.start)
        most = f"LLVM's own time and {starts} starts of Python" if starts else f"{times:g}"
        print(f"  {'to compile it':62s}{taken:14.2f} s {taken / llvm:12.2f} times LLVM's   must be at most {most}: {held}",
              flush=True)  # fmt: skip

    def _held(self, name, ok):
        if not ok:
            self.failed.append(f"{name} ({self.name.removeprefix('ours: ')})")
        return "yes" if ok else "NO"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--plot", help="draw the demo step to this file")
    options = parser.parse_args()
    print(machine())
    table = Table()
    micrograd = optional(timed_micrograd)
    demo(table, micrograd)
    calls(table)
    nets(table)
    wide(table)
    one_name(table)
    on_xla(table, [64, 16, 10], 32, 560)
    on_xla(table, WIDE, 128, 64)
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
    from engine.compiler.llvm.processor import processor, vector_bytes

    wide = vector_bytes(processor(None)) / 64  # peers who compute one number at a time gain nothing by wide vectors
    ours([1, 1], 1)  # imports, and LLVM's first steps
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
        every = seconds(training(full), STEPS, 300)
        table.peer("ours, where no example can be left out", every)
        if dtype == "float64":
            table.compiled(compiled, loop.stages.times["llvm"], 2)
            print(f"  {loop.stages}")
            one = loop.prepared(settings=[RATE])
            loop.parameters[:] = start
            table.peer("ours, one call from Python a step", seconds(partial(repeated, one, STEPS), STEPS, 300))
            if micrograd:
                table.peer("micrograd, collector as shipped", micrograd[0], 200_000 * wide)
                table.peer("micrograd, collector off", micrograd[1], 40_000 * wide)
            torch = optional(lambda: torch_step(DEMO, EXAMPLES))
            if torch:
                table.peer("PyTorch eager, tensors", seconds(torch, repeats=300), 70)
            if shutil.which("g++"):
                inductor = optional(lambda: torch_step(DEMO, EXAMPLES, compiled=True))
                if inductor:
                    table.peer("PyTorch, torch.compile", seconds(inductor, repeats=300), 40)
            if shutil.which("clang") or shutil.which("gcc"):
                tinygrad = optional(lambda: tinygrad_step(DEMO, EXAMPLES))
                if tinygrad:
                    table.peer("tinygrad, its JIT on the CPU", seconds(tinygrad, repeats=200), 50)
            for step, name, least in zip(
                optional(casadi_steps) or [], ("CasADi SX, its virtual machine", "CasADi SX, its C"), (80, 30 * wide)
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
            by_hand(table, whole, training(full), dtype, p)


def by_hand(table, whole, every, dtype, want):
    """C in turns with ours: with what it leaves out, or all examples."""
    steps = {
        name: c_step(f"train_{name}", "double" if dtype == "float64" else "float")
        for name in ("one", "lanes", "support")
    }
    if dtype == "float64":
        assert all(np.abs(step() - want).max() < 1e-10 for step in steps.values())
    best = {name: t / STEPS for name, t in alternating({"ours": whole, "every": every, **steps}, 300).items()}
    table.peer("C by hand, one example at a time (ours on all, too)", best["one"], 2, best["every"])
    table.peer("C by hand, lanes over examples (ours on all, too)", best["lanes"], 1, best["every"])
    table.peer("C by hand, lanes, those on the right side left out", best["support"], 1, best["ours"])


def calls(table):
    """`jit(value_and_grad(loss))`, as it is written first: a mean over a list of examples."""
    import engine
    import nn

    x, y, p = problem(DEMO, EXAMPLES)
    xs, ys = x.tolist(), y[:, 0].tolist()
    want = (p - numpy_step(DEMO, x, y, p, 1.0)).tolist()
    net = nn.MLP(2, DEMO[1:], seed=1)
    for v, number in zip(net.parameters(), p.tolist()):
        v.data = number

    def mean_loss(net, xs, ys):
        losses = [engine.relu(1.0 - y * net(x)) for x, y in zip(xs, ys)]
        return engine.total(losses) / len(losses) + L2 * sum(p * p for p in net.parameters())

    def array_loss(found, xs, ys):
        losses = []
        for x, y in zip(xs, ys):
            for k, (w, b) in enumerate(found):
                x = [engine.dot(row, x, bias) for row, bias in zip(w, b)]
                x = x if k == len(found) - 1 else [engine.relu(a) for a in x]
            losses.append(engine.relu(1.0 - y * x[0]))
        return engine.total(losses) / len(losses) + L2 * engine.total(
            [a * a for w, b in found for a in [*b, *(v for row in w for v in row)]]
        )

    found = [(w.copy(), b.copy()) for w, b in layers(p, DEMO)]
    forms = {
        "net and lists": (engine.jit(engine.value_and_grad(mean_loss)), (net, xs, ys)),
        "weights and arrays": (engine.jit(engine.value_and_grad(array_loss)), (found, x, y[:, 0].copy())),
        "data closed over": (engine.jit(engine.value_and_grad(lambda net: mean_loss(net, xs, ys))), (net,)),
    }
    engine.jit(engine.value_and_grad(lambda x: x * x))(2.0)  # imports
    compiled = {}
    for name, (step, arguments) in forms.items():
        compiled[name] = timed(partial(step.lower, *arguments))
        gradient = step(*arguments)[1]
        got = flat(gradient) if isinstance(gradient, list) else [float(v) for v in gradient.parameters()]
        assert np.abs(np.subtract(got, want)).max() < 1e-12
    runs = {name: partial(step, *arguments) for name, (step, arguments) in forms.items()}
    jax = optional(jax_call)
    best = alternating({**runs, **({"JAX": jax} if jax else {})}, 200)
    for name in forms:
        table.ours(f"ours: jit(value_and_grad(loss)), 100 examples, {name}", best[name], "call")
        stages, taken = compiled[name]
        table.compiled(taken, stages.times["llvm"], 2)
        print(f"  {stages}")
        if name == "data closed over":
            table.most(
                "to compile it, beside data that is passed", f"{taken:.2f} s", taken / compiled["net and lists"][1], 1.5
            )
        if jax:
            table.peer("JAX jit(value_and_grad), arrays", best["JAX"], 2 if name == "weights and arrays" else 1)


def flat(gradients):
    """Rows of weights and biases as the demo has them: each neuron's weights, then its bias."""
    return np.concatenate([np.column_stack([w, b]).ravel() for w, b in gradients])


def nets(table):
    widths = [64, 32, 16, 1]
    loop, compiled = ours(widths, 100)
    table.ours("ours: 64-32-16-1, 100 examples", seconds(lambda: loop.run(epochs=50, settings=[RATE]), 50))
    table.compiled(compiled, loop.stages.times["llvm"], 2)
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
    table.compiled(compiled, loop.stages.times["llvm"], 2)
    table.peer("NumPy by hand", seconds(numpy_epoch, steps), 5)
    peer_steps(table, widths, batch, 1)


def wide(table):
    """784-128-10 against BLAS, by batch and by threads; and 784-512-512-10."""
    from engine.compiler import TrainingLoop
    from engine.compiler.llvm.processor import processor, vector_bytes

    least = {64: (2.2, 2.2), 32: (1.7, 1.4), 16: (None, None)}[vector_bytes(processor(None))]
    for batch, times in zip((32, 128), least):
        loop, compiled = ours(WIDE, batch)
        x, y, p = problem(WIDE, batch)
        loop.run(settings=[RATE])
        assert np.abs(loop.parameters - numpy_step(WIDE, x, y, p)).max() < 1e-14
        best = alternating(
            {"ours": loop.prepared(settings=[RATE]), "NumPy": partial(numpy_step, WIDE, x, y, p)}, 3200 // batch
        )
        table.ours(f"ours: 784-128-10, batch {batch}", best["ours"])
        table.compiled(compiled, loop.stages.times["llvm"], starts=15)
        print(f"  {loop.stages}")
        table.peer("NumPy by hand, BLAS on one thread", best["NumPy"], times)
        if batch == 32:
            peer_steps(table, WIDE, batch)
        if (os.cpu_count() or 1) > 1 and "threads" in inspect.signature(TrainingLoop).parameters:
            best = worker("two_threads", batch, threads=2)
            table.ours(f"ours: 784-128-10, batch {batch}, two threads", best["ours"])
            table.peer("NumPy by hand, BLAS on two threads", best["NumPy"], 1)
        elif batch == 32:
            table.peer("NumPy by hand, BLAS on two threads", worker("two_threads", batch, threads=2)["NumPy"])
    found = worker("wider")
    table.ours("ours: 784-512-512-10, batch 32", found["ours"])
    table.compiled(found["compiled"], found["llvm"], starts=40)
    table.most("memory it took at most, compiled and trained", f"{found['peak']:.2f} GB", found["peak"], 0.4, "GB")
    table.peer("NumPy by hand, BLAS on one thread", found["NumPy"])


def two_threads(batch):
    """Ours and NumPy's step on 784-128-10, in a process that may use two threads."""
    from engine.compiler import TrainingLoop

    x, y, p = problem(WIDE, int(batch))
    runs = {"NumPy": partial(numpy_step, WIDE, x, y, p)}
    if "threads" in inspect.signature(TrainingLoop).parameters:
        runs["ours"] = ours(WIDE, int(batch), threads=2)[0].prepared(settings=[RATE])
    return alternating(runs, 3200 // int(batch))


def wider():
    """784-512-512-10 in a process of its own, whose memory is measured."""
    ours([1, 1], 1)  # imports, and LLVM's first steps
    loop, compiled = ours(WIDER, 32)
    step = loop.prepared(settings=[RATE])
    step()
    peak = most_memory()
    x, y, p = problem(WIDER, 32)
    assert np.abs(loop.parameters - numpy_step(WIDER, x, y, p)).max() < 1e-14
    best = alternating({"ours": step, "NumPy": partial(numpy_step, WIDER, x, y, p)}, 30)
    return {**best, "compiled": compiled, "llvm": loop.stages.times["llvm"], "peak": peak}


WORKERS = {"two_threads": two_threads, "wider": wider}


def worker(name, *arguments, threads=1):
    """What a function answers in a process of its own, where BLAS has so many threads."""
    many = {n: str(threads) for n in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, "-m", "tests.benchmarks.jit", "--worker", name, *map(str, arguments)]
    return json.loads(
        subprocess.run(command, env={**os.environ, **many}, capture_output=True, text=True, check=True).stdout
    )


def peer_steps(table, widths, batch, least=None):
    torch = optional(lambda: torch_step(widths, batch))
    if torch:
        table.peer("PyTorch eager, a step", seconds(torch, repeats=200), least)
    if widths == WIDE and (shutil.which("clang") or shutil.which("gcc")):
        tinygrad = optional(lambda: tinygrad_step(widths, batch))
        if tinygrad:
            table.peer("tinygrad, its JIT on the CPU", seconds(tinygrad, repeats=20), 1)
    jax = optional(lambda: jax_steps(widths, batch))
    if jax:
        table.peer("JAX jit, one call a step", seconds(jax[0], repeats=200), least)
    keras = optional(lambda: keras_step(widths, batch))
    if keras:
        table.peer("Keras on JAX, train_on_batch", seconds(keras, repeats=100), least)


def one_name(table):
    """The step of the demo's GPT at batch 1."""
    (loop, steps), _ = timed(gpt.ours)
    steps_of = {"ours": steps}
    jax, torch = optional(gpt.jax_steps), optional(gpt.torch_step)
    want = steps().copy()
    if jax:
        steps_of["JAX"] = jax
        assert np.abs(np.concatenate([np.ravel(m) for m in jax()]) - want).max() < 1e-12
    best = {name: t / gpt.STEPS for name, t in alternating(steps_of, 60).items()}
    table.ours("ours: GPT, 8 letters, Adam, whole training in native code", best["ours"])
    table.compiled(sum(loop.stages.times.values()) + loop.update_stages.times["trace"], loop.stages.times["llvm"], 5)
    print(f"  {loop.stages}")
    if jax:
        table.peer("JAX fori_loop, whole training inside", best["JAX"], 1.5)
    if torch:
        table.peer("PyTorch eager, a step", seconds(torch, repeats=50), 50)


def on_xla(table, widths, batch, steps):
    """Epochs of shuffled batches on XLA, in float32, beside JAX written by hand; Keras makes one step a call."""
    x, y, p = problem(widths, 8 * batch)
    rows, rng = np.column_stack([x, y]), np.random.default_rng(0)
    orders = np.array([rng.permutation(len(rows)) for _ in range(steps // 8)])
    jax = optional(lambda: jax_epochs(widths, rows, p, orders.reshape(-1, batch)))
    if not jax:
        return
    loop, compiled = ours(widths, len(rows), batch=batch, backend="xla")
    run = loop.prepared(orders, settings=[RATE])
    _, first = timed(run)
    assert np.abs(loop.parameters - jax()).max() < 1e-4

    def again():
        loop.parameters[:] = p
        run()

    best = {name: t / orders.size * batch for name, t in alternating({"ours": again, "JAX": jax}, 40).items()}
    table.ours(f"ours on XLA: {'-'.join(map(str, widths))}, batch {batch}, float32, whole epochs", best["ours"])
    by_hand = f"{best['JAX'] * 1e6:.2f} µs"
    table.most("JAX by hand, the same epochs in one lax.scan, in turns", by_hand, ratio(again, jax, 40), 1.1)
    table.most("to compile it, before XLA", f"XLA {first:.2f} s", compiled, 2, "s")
    keras = optional(lambda: keras_step(widths, batch, "float32"))
    if keras:
        table.peer("Keras on JAX, train_on_batch", seconds(keras, repeats=100), 5 if widths != WIDE else None)


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
    stages, compiled = timed(lambda: step.lower(xs))

    def eager():
        leaves = [Value(x) for x in xs]
        f(leaves).backward()
        return [v.grad for v in leaves]

    np.testing.assert_allclose(step(xs)[1], eager(), rtol=1e-9, atol=1e-12)
    table.ours("ours: an irregular graph with its gradient, called from Python", seconds(lambda: step(xs), repeats=200))
    table.compiled(compiled, stages.times["llvm"], 5)
    print(f"  {stages}")
    table.peer("eager", seconds(eager, repeats=5), 200)


def plot(table, file):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    from nn.canvas import INK, MUTED, POSITIVE, restyle

    names = {"ours: demo step, ": "chainrule, ", "ours, ": "chainrule, ", " (ours too)": "", " (ours on all, too)": ""}
    end = next((i for i, (name, _) in enumerate(table.rows) if "jit(value" in name), None)
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
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(WORKERS[sys.argv[2]](*sys.argv[3:])))
    else:
        sys.exit(main())
