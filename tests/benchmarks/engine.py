"""The engine beside micrograd: `python -m tests.benchmarks.engine` prints a table of their README.

Protocol: micrograd's demo step (MLP 2-16-16-1, 100 examples, hinge loss and L2, forward, backward, 337 gradients, SGD
update) in a training loop; each engine in a process of its own, taken in turns so that a change of the machine's speed
meets both; Python's collector as shipped, and off; the median of the steps. Fails when a figure is missed.
"""

import argparse
import gc
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc

WIDTHS = [2, 16, 16, 1]


def data():
    rng = random.Random(0)
    X = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(100)]
    return X, [1.0 if x[0] * x[1] > 0 else -1.0 for x in X]


def scalar_net(Value):
    """The network in plain scalar code, the same text for both engines."""
    rng = random.Random(1)
    layers = [
        [([Value(rng.uniform(-1, 1)) for _ in range(n)], Value(0.0)) for _ in range(m)]
        for n, m in zip(WIDTHS, WIDTHS[1:])
    ]

    def net(x):
        for i, layer in enumerate(layers):
            x = [sum((w * a for w, a in zip(ws, x)), b) for ws, b in layer]
            if i < len(layers) - 1:
                x = [a.relu() for a in x]
        return x[0]

    return net, [p for layer in layers for ws, b in layer for p in (*ws, b)]


def training_step(engine):
    """(a function that does one step, the number of parameters)."""
    if engine == "micrograd":
        from micrograd.engine import Value
    else:
        from engine import Value
    if engine == "nn.MLP":
        import nn

        net = nn.MLP(2, WIDTHS[1:], seed=1)
        parameters = net.parameters()
    else:
        net, parameters = scalar_net(Value)
    X, Y = data()

    def step():
        scores = [net([Value(a) for a in x]) for x in X]
        losses = [(1 + -y * s).relu() for y, s in zip(Y, scores)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in parameters)
        for p in parameters:
            p.grad = 0.0
        loss.backward()
        for p in parameters:
            p.data -= 0.05 * p.grad
        return loss.data

    return step, len(parameters)


def worker_steps(engine, collector, steps):
    """Seconds of each step of a training loop."""
    step, parameters = training_step(engine)
    assert parameters == 337
    if collector == "off":
        gc.disable()
    times = []
    for _ in range(int(steps)):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times


def worker_memory(engine):
    """Bytes of a binary node, with data and grad."""
    if engine == "micrograd":
        from micrograd.engine import Value

        n = 500  # micrograd's backward is recursive
    else:
        from engine import Value

        n = 100_000
    a, x = Value(1.0), Value(0.0)
    nodes = [x]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(n):
        x = x + a
        nodes.append(x)
    x.backward(0.5) if engine != "micrograd" else x.backward()
    for i, v in enumerate(nodes):  # a grad of its own for each node, as in a real graph
        v.grad = float(i) + 0.5
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before - sys.getsizeof(nodes)
    return held / n


def worker_growth(collector):
    """Seconds per node for forward and backward, at 10⁴ to 10⁶ nodes."""
    from engine import Value

    if collector == "off":
        gc.disable()
    times = {}
    for n in (10_000, 100_000, 1_000_000):
        rounds = []
        for _ in range(3 if n == 1_000_000 else 7):
            a = Value(1e-3)
            x = Value(0.5)
            start = time.perf_counter()
            for _ in range(n // 2):
                x = x * a + a
            x.backward()
            rounds.append((time.perf_counter() - start) / n)
            del x
        times[n] = statistics.median(rounds)
    return times


def worker_pickle():
    """Seconds per node to pickle and load, at 10⁴ to 10⁶ nodes."""
    import pickle

    from engine import Value

    times = {}
    for n in (10_000, 100_000, 1_000_000):
        x = Value(0.5)
        for _ in range(n):
            x = x + 1.0
        start = time.perf_counter()
        pickle.loads(pickle.dumps(x))
        times[n] = (time.perf_counter() - start) / n
    return times


def worker_drawing():
    """Seconds to build 10⁶ nodes, to draw them, and to show them in a notebook."""
    from engine import Value, draw

    rounds = []
    for _ in range(3):
        start = time.perf_counter()
        a, x = Value(1e-3), Value(0.5)
        for _ in range(500_000):
            x = x * a + a
        built = time.perf_counter()
        draw(x).svg  # noqa: B018  reading it draws it
        drawn = time.perf_counter()
        x._repr_mimebundle_()
        rounds.append((built - start, drawn - built, time.perf_counter() - drawn))
    return [statistics.median(seconds) for seconds in zip(*rounds)]


def run(*arguments):
    """What a worker returns, from a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.engine", "--worker", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def import_cost(rounds=15):
    """How many starts of a bare interpreter `import engine` costs beyond one, in CPU time; code is compiled to bytecode."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def seconds(code):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", code], check=True, env=environment)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        seconds("import engine")
        pairs = [(seconds("pass"), seconds("import engine")) for _ in range(rounds)]
    bare, whole = map(statistics.median, zip(*pairs))
    return (whole - bare) / bare


def step_medians(rounds, steps):
    """Median milliseconds a step, for each engine and collector setting; engines take turns."""
    times = {}
    for _ in range(rounds):
        for engine in ("micrograd", "plain", "nn.MLP"):
            for collector in ("as shipped", "off"):
                count = steps if engine == "micrograd" else 4 * steps
                seconds = run("steps", engine, collector, count)
                times.setdefault((engine, collector), []).extend(seconds[2:])
    return {key: statistics.median(ts) * 1e3 for key, ts in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="processes for each engine and setting")
    parser.add_argument(
        "--steps", type=int, default=12, help="steps a process for micrograd (four times as many for us)"
    )
    options = parser.parse_args()
    ms = step_medians(options.rounds, options.steps)
    memory = {engine: run("memory", engine) for engine in ("micrograd", "plain")}
    growth = {collector: run("growth", collector) for collector in ("as shipped", "off")}
    pickling = run("pickle")
    rows = []

    def row(what, figure, floor, holds):
        rows.append((what, figure, floor, "yes" if holds else "NO"))

    for engine, floors in (("plain", (10, 2)), ("nn.MLP", (35, 5))):
        for collector, floor in zip(("as shipped", "off"), floors):
            ours, theirs = ms[engine, collector], ms["micrograd", collector]
            what = "the same scalar code" if engine == "plain" else "through nn.MLP"
            ratio = theirs / ours
            row(
                f"demo step, {what}, collector {collector}",
                f"{ratio:.1f} times micrograd ({ours:.1f} ms, {theirs:.0f} ms)",
                f"at least {floor} times",
                ratio >= floor,
            )
    ours, theirs = memory["plain"], memory["micrograd"]
    row("memory of a binary node", f"{ours:.0f} bytes (micrograd {theirs:.0f})", "at most 160", ours <= 160)
    for collector, most in (("as shipped", 2.5), ("off", 1.5)):
        times = growth[collector]
        ratio = max(times.values()) / min(times.values())
        each = ", ".join(f"{t * 1e9:.0f}" for t in times.values())
        row(
            f"time per node, 10⁴ to 10⁶ nodes, collector {collector}",
            f"within {ratio:.2f} times ({each} ns)",
            f"within {most} times",
            ratio <= most,
        )
    ratio = max(pickling.values()) / min(pickling.values())
    row(
        "time per node to pickle and load, 10⁴ to 10⁶ nodes",
        f"within {ratio:.2f} times",
        "within 2.5 times",
        ratio <= 2.5,
    )
    build, *shows = run("drawing")
    row(
        "to draw 10⁶ nodes, and to show them in a notebook",
        f"{max(shows) / build:.1f} times as long as to build them ({', '.join(f'{t:.1f} s' for t in shows)})",
        "at most 4 times",
        max(shows) <= 4.0 * build,
    )
    cost = import_cost()
    row("`import engine`", f"{cost:.1f} times a bare interpreter's start", "at most 4 times", cost <= 4)

    print(
        f"Python {platform.python_version()}, {platform.machine()}, one thread; median of the steps of a training loop,"
    )
    print(f"each engine in its own process, {options.rounds} processes in turns.\n")
    print("| what | measured | must be | holds |\n|---|---|---|---|")
    for cells in rows:
        print("| " + " | ".join(cells) + " |")
    return 0 if all(cells[-1] == "yes" for cells in rows) else 1


WORKERS = {
    "steps": worker_steps,
    "memory": worker_memory,
    "growth": worker_growth,
    "pickle": worker_pickle,
    "drawing": worker_drawing,
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(WORKERS[sys.argv[2]](*sys.argv[3:])))
    else:
        sys.exit(main())
