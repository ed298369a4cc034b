"""How long ADBench's objectives take to compile, beside JAX and PyTorch: `python -m tests.benchmarks.adbench`.

The problems are those of ADBench (Šrajer, Kukelova, Fitzgibbon 2018), written here from its formulas: the likelihood of a
Gaussian mixture with a Wishart prior (d = 10, K = 5) and its gradient, the loss of its LSTM (2 layers, 14 letters) and its
gradient, and the reprojection error of bundle adjustment with the Jacobian of an observation. Ours are plain Python on
numbers, with a Python loop over points or characters; JAX's and PyTorch's are on arrays, JAX's LSTM a `lax.scan`.

Compiling is from the call until there is a function to call: `jit(...).lower(...)` of ours, `jit(...).lower(...).compile()`
of JAX's, the first call, with `backward`, of `torch.compile`, which needs a C++ compiler. PyTorch's eager mode compiles
nothing: its column is a first call. Each has compiled something small before. All times are of the processor, of every thread
and of compilers that were started, so that other programs on the machine count less; each is of a process of its own, which
is ended after `--limit` seconds by the clock. Gradients are compared with JAX's, in float64. `--quick` takes the smallest of
each.
"""

import argparse
import contextlib
import gc
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from math import lgamma, log, pi
from pathlib import Path

from .peers import machine, most_memory, np

D, K, LAYERS, LETTERS = 10, 5, 2, 14
POINTS, CHARACTERS, OBSERVATIONS = (1000, 10_000), (32, 1024), 31_843
GAMMA, M = 1.0, 0

# The problems ----------------------------------------------------------------------------------------------------------


def mixture(n):
    """(alphas, means, inverse covariance factors, points)."""
    rng = np.random.default_rng(0)
    return rng.normal(size=K), rng.normal(size=(K, D)), rng.normal(size=(K, D * (D + 1) // 2)), rng.normal(size=(n, D))


def sequence(n):
    """(gates of the layers, weights outside of them, first states, letters)."""
    rng = np.random.default_rng(0)
    letters = np.eye(LETTERS)[rng.integers(LETTERS, size=n)]
    return (
        rng.normal(size=(LAYERS, 2, 4, LETTERS)) * 0.5, rng.normal(size=(3, LETTERS)) * 0.5,
        rng.normal(size=(LAYERS, 2, LETTERS)) * 0.5, letters,
    )  # fmt: skip


def observations(n):
    """(cameras, points, weights, where they were seen), one of each for each observation."""
    rng = np.random.default_rng(0)
    cameras = rng.normal(size=(n, 11)) * 0.1 + [0.1, 0.2, 0.3, 0, 0, -5, 1, 0, 0, 0, 0]
    return cameras, rng.normal(size=(n, 3)), rng.uniform(0.5, 1.0, n), rng.normal(size=(n, 2)) * 0.1


def prior(n):
    """What of a mixture's likelihood depends on no parameter."""
    freedom = D + M + 1
    multigamma = D * (D - 1) / 4 * log(pi) + sum(lgamma((freedom - j) / 2) for j in range(D))
    return -n * D / 2 * log(2 * pi) - K * (freedom * D * (log(GAMMA) - log(2) / 2) - multigamma)


# Ours ------------------------------------------------------------------------------------------------------------------


def our_mixture(alphas, means, factors, points):
    from engine import dot, exp, logsumexp, total

    logs = [f[:D] for f in factors]
    rows = [[f[D + i * (i - 1) // 2 : D + i * (i + 1) // 2] for i in range(D)] for f in factors]
    scales = [[exp(q) for q in log_scale] for log_scale in logs]
    sums = [total(log_scale) for log_scale in logs]
    heights = [a + s for a, s in zip(alphas, sums)]
    likelihood = []
    for x in points:
        terms = []
        for height, mean, scale, below in zip(heights, means, scales, rows):
            away = [a - b for a, b in zip(x, mean)]
            turned = [s * a + dot(row, away[: len(row)]) for s, a, row in zip(scale, away, below)]
            terms.append(height - 0.5 * dot(turned, turned))
        likelihood.append(logsumexp(terms))
    wishart = 0.0
    for f, scale, s in zip(factors, scales, sums):
        wishart = wishart + 0.5 * GAMMA**2 * (dot(scale, scale) + dot(f[D:], f[D:])) - M * s
    return prior(len(points)) + total(likelihood) - len(points) * logsumexp(alphas) + wishart


def our_lstm(gates, outside, states, letters):
    from engine import exp, log, sigmoid, tanh, total

    into, out, bias = outside
    states = [list(layer) for layer in states]
    losses = []
    for read, follows in zip(letters, letters[1:]):
        x = [a * w for a, w in zip(read, into)]
        for layer, (weight, start) in enumerate(gates):
            hidden, cell = states[layer]
            forget = [sigmoid(a * w + b) for a, w, b in zip(x, weight[0], start[0])]
            take = [sigmoid(h * w + b) for h, w, b in zip(hidden, weight[1], start[1])]
            give = [sigmoid(a * w + b) for a, w, b in zip(x, weight[2], start[2])]
            change = [tanh(h * w + b) for h, w, b in zip(hidden, weight[3], start[3])]
            cell = [c * f + i * n for c, f, i, n in zip(cell, forget, take, change)]
            x = [o * tanh(c) for o, c in zip(give, cell)]
            states[layer] = x, cell
        scores = [a * w + b for a, w, b in zip(x, out, bias)]
        norm = log(2.0 + total([exp(s) for s in scores]))
        losses.append(total([y * (s - norm) for y, s in zip(follows, scores)]))
    return -total(losses) / (len(losses) * LETTERS)


def our_error(camera, point, weight, seen):
    from engine import cos, sin, sqrt

    turn, centre, focal, middle, (k1, k2) = camera[:3], camera[3:6], camera[6], camera[7:9], camera[9:]
    x, y, z = (a - b for a, b in zip(point, centre))
    angle = sqrt(turn[0] * turn[0] + turn[1] * turn[1] + turn[2] * turn[2])
    c, s = cos(angle), sin(angle)
    u, v, w = (t / angle for t in turn)
    along = (u * x + v * y + w * z) * (1.0 - c)
    x, y, z = (
        x * c + (v * z - w * y) * s + u * along,
        y * c + (w * x - u * z) * s + v * along,
        z * c + (u * y - v * x) * s + w * along,
    )
    x, y = x / z, y / z
    square = x * x + y * y
    bent = focal * (1.0 + k1 * square + k2 * square * square)
    return [weight * (x * bent + middle[0] - seen[0]), weight * (y * bent + middle[1] - seen[1]), 1.0 - weight * weight]


# Theirs ----------------------------------------------------------------------------------------------------------------


def array_mixture(library, logsumexp, alphas, means, factors, points):
    """The mixture on arrays of JAX or PyTorch."""
    low, column = np.tril_indices(D, -1)
    scales, away = library.exp(factors[:, :D]), points[:, None] - means
    square = library.zeros((K, D, D), dtype=points.dtype)
    if hasattr(square, "at"):
        square = square.at[:, low, column].set(factors[:, D:])
    else:
        square[:, low, column] = factors[:, D:]
    turned = scales * away + library.einsum("kij,nkj->nki", square, away)
    heights = alphas + factors[:, :D].sum(1)
    likelihood = logsumexp(heights - 0.5 * (turned**2).sum(2), 1).sum()
    wishart = 0.5 * GAMMA**2 * ((scales**2).sum() + (factors[:, D:] ** 2).sum()) - M * factors[:, :D].sum()
    return prior(len(points)) + likelihood - len(points) * logsumexp(alphas, 0) + wishart


def array_step(library, sigmoid, gates, outside, states, read, follows):
    """(the states after a letter, its loss)."""
    x, after = read * outside[0], []
    for (weight, start), (hidden, cell) in zip(gates, states):
        forget, give = sigmoid(x * weight[0] + start[0]), sigmoid(x * weight[2] + start[2])
        take, change = sigmoid(hidden * weight[1] + start[1]), library.tanh(hidden * weight[3] + start[3])
        cell = cell * forget + take * change
        x = give * library.tanh(cell)
        after.append(library.stack([x, cell]))
    scores = x * outside[1] + outside[2]
    return library.stack(after), (follows * (scores - library.log(2.0 + library.exp(scores).sum()))).sum()


def array_error(library, cross, camera, point, weight, seen):
    """The error of an observation, and that of its weight."""
    turn, away = camera[:3], point - camera[3:6]
    angle = library.sqrt(turn @ turn)
    c, axis = library.cos(angle), turn / angle
    x = away * c + cross(axis, away) * library.sin(angle) + axis * (axis @ away) * (1.0 - c)
    p = x[:2] / x[2]
    square = p @ p
    bent = camera[6] * (1.0 + camera[9] * square + camera[10] * square * square)
    return library.stack([*(weight * (p * bent + camera[7:9] - seen)), 1.0 - weight * weight])


def jax_problems():
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy

    def lstm(gates, outside, states, letters):
        def step(states, pair):
            return array_step(jnp, jax.nn.sigmoid, gates, outside, states, *pair)

        _, losses = jax.lax.scan(step, states, (letters[:-1], letters[1:]))
        return -losses.mean() / LETTERS

    def error(*args):
        return array_error(jnp, jnp.cross, *args)

    def mixture(*args):
        return array_mixture(jnp, jax.scipy.special.logsumexp, *args)

    forms = {
        "mixture": jax.value_and_grad(mixture, (0, 1, 2)),
        "lstm": jax.value_and_grad(lstm, (0, 1)),
        "error": jax.vmap(jax.jacrev(error, (0, 1, 2))),
    }

    def compiled(name, args):
        return jax.jit(forms[name]).lower(*args).compile()

    return compiled


def torch_problems(name, compile_):
    """A function of arrays that returns the gradients; what `torch.compile` takes long for, it does when it is called."""
    import torch

    torch.set_num_threads(1)

    def lstm(gates, outside, states, letters):
        losses = 0.0
        for read, follows in zip(letters[:-1], letters[1:]):
            states, loss = array_step(torch, torch.sigmoid, gates, outside, states, read, follows)
            losses = losses + loss
        return -losses / ((len(letters) - 1) * LETTERS)

    def mixture(*args):
        return array_mixture(torch, torch.logsumexp, *args)

    def error(camera, point, weight, seen):
        return array_error(torch, torch.linalg.cross, camera, point, weight, seen)

    if name == "error":
        jacobian = torch.func.vmap(torch.func.jacrev(error, (0, 1, 2)))
        f = torch.compile(jacobian) if compile_ else jacobian
        return lambda *args: [a.numpy() for a in f(*map(torch.tensor, args))]
    f = {"mixture": mixture, "lstm": lstm}[name]
    f = torch.compile(f) if compile_ else f

    def gradient(*args):
        tensors = [torch.tensor(a, requires_grad=k < (3 if name == "mixture" else 2)) for k, a in enumerate(args)]
        value = f(*tensors)
        value.backward()
        return value.item(), tuple(t.grad.numpy() for t in tensors if t.requires_grad)

    return gradient


# A process for each -----------------------------------------------------------------------------------------------------


def timed(run):
    """(what it returns, the seconds of the processor)."""
    gc.collect()
    start = sum(os.times()[:4])
    found = run()
    return found, sum(os.times()[:4]) - start


def our_measure(name, args):
    import engine

    transform, f, argnums = {
        "mixture": (engine.value_and_grad, our_mixture, (0, 1, 2)),
        "lstm": (engine.value_and_grad, our_lstm, (0, 1)),
        "error": (lambda f, argnums: engine.vmap(engine.jacrev(f, argnums)), our_error, (0, 1, 2)),
    }[name]
    engine.jit(lambda x: x + 1.0)(1.0)  # imports, and LLVM's first steps
    step = engine.jit(transform(f, argnums))
    stages, seconds = timed(lambda: step.lower(*args))
    note = f"{stages.instructions:,} instructions, {stages.written} rolled"
    found = step(*args)
    if name == "error":  # a list of observations, each of outputs; the others have an array for each argument
        found = [np.array([[row[k] for row in rows] for rows in found]) for k in range(3)]
    return seconds, found, note


def jax_measure(name, args):
    import jax

    compiled = jax_problems()
    jax.jit(lambda x: x + 1.0).lower(1.0).compile()
    step, seconds = timed(lambda: compiled(name, args))
    return seconds, step(*args), ""


def torch_measure(name, args, compile_):
    import torch

    problem = torch_problems(name, compile_)
    x = torch.ones(1, requires_grad=True)
    (torch.compile(torch.sin) if compile_ else torch.sin)(x).backward()
    found, seconds = timed(lambda: problem(*args))
    return seconds, found, ""


OURS, JAX, COMPILE, EAGER = "chainrule", "JAX", "torch.compile", "PyTorch eager, a first call"
MEASURES = {
    OURS: our_measure,
    JAX: jax_measure,
    COMPILE: lambda name, args: torch_measure(name, args, True),
    EAGER: lambda name, args: torch_measure(name, args, False),
}
PROBLEMS = {"mixture": mixture, "lstm": sequence, "error": observations}


def worker(who, name, n, file):
    """Write what one of them measures, and the memory of its process."""
    try:
        seconds, found, note = MEASURES[who](name, PROBLEMS[name](int(n)))
    except ImportError as error:
        found, seconds, note = None, None, f"left out: {error}"
    Path(file).write_bytes(pickle.dumps((seconds, as_arrays(found), f"{note}; {most_memory():.1f} GB".lstrip("; "))))


def as_arrays(x):
    """Nested lists and tuples of numbers, which are no list of arrays, as arrays."""
    if isinstance(x, (tuple, list)) and any(isinstance(a, (tuple, list)) or hasattr(a, "shape") for a in x):
        with contextlib.suppress(ValueError):
            return np.asarray(x, float)
        return [as_arrays(a) for a in x]
    return x if x is None else np.asarray(x, float)


def measured(who, name, n, limit):
    """(seconds, gradients, note) of a process of its own; seconds are None where it was ended."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "found")
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": folder}  # without what an earlier run compiled
        command = [sys.executable, "-m", "tests.benchmarks.adbench", "--worker", who, name, str(n), str(file)]
        process = subprocess.Popen(command, env=environment, start_new_session=True)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            return None, None, f"not in {limit:g} s"
        finally:  # and compilers that it started
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return pickle.loads(file.read_bytes()) if process.returncode == 0 else (None, None, "failed")


# The table -------------------------------------------------------------------------------------------------------------


def agree(ours, theirs):
    """Are two results equal to rounding?"""
    if isinstance(theirs, (tuple, list)):
        return len(ours) == len(theirs) and all(map(agree, ours, theirs))
    return np.shape(ours) == np.shape(theirs) and np.abs(ours - theirs).max() <= 1e-9 * max(1.0, np.abs(theirs).max())


def cells(name, n, limit):
    """What the table says of each of them, and where gradients differ."""
    found = {who: measured(who, name, n, limit) for who in MEASURES}
    ours, (_, gradients, _) = found[OURS][0], found[JAX]
    told, wrong = [], []
    for who, (seconds, theirs, note) in found.items():
        if seconds is None:
            told.append(note)
            continue
        ratio = "" if who in (OURS, EAGER) or ours is None else f" ({ours / seconds:.2g})"
        told.append(f"{seconds:.2f} s{ratio}")
        print(f"    {who:30s}{seconds:9.2f} s   {note}", flush=True)
        if gradients is not None and not agree(theirs, gradients):
            wrong.append(f"{who}, {name}, {n:,}")
    return told, wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="the smallest of each")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds by the clock for each measurement")
    options = parser.parse_args()
    count = 1 if options.quick else None
    rows = [(f"Gaussian mixture, d = 10, K = 5, {n:,} points", "mixture", n) for n in POINTS[:count]]
    rows += [(f"LSTM, 2 layers, {n:,} characters", "lstm", n) for n in CHARACTERS[:count]]
    rows += [(f"bundle adjustment, {OBSERVATIONS:,} observations", "error", OBSERVATIONS)]
    print(f"{machine()}\nload {os.getloadavg()[0]:.1f} at the start", flush=True)
    lines, wrong = [], []
    for what, name, n in rows:
        print(f"  {what}", flush=True)
        told, differ = cells(name, n, options.limit)
        lines.append([what, *told])
        wrong += differ
    print(f"load {os.getloadavg()[0]:.1f} at the end; in parentheses ours as a multiple of it\n")
    for line in (["problem", *MEASURES], ["---"] * (1 + len(MEASURES)), *lines):
        print(f"| {' | '.join(line)} |")
    print(f"\ngradients that differ from JAX's: {'; '.join(wrong) or 'none'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(*sys.argv[2:])
    else:
        sys.exit(main())
