"""What compiled training is measured against: the same steps in NumPy, C, micrograd, PyTorch, tinygrad, JAX, CasADi, Keras.

Peers run as wide as our own code does: CHAINRULE_JIT_CPU=x86-64-v3 keeps gcc, OpenBLAS, XLA and PyTorch to AVX2 on a machine
that has more (NumPy's own loops aside). tinygrad (0.14) makes C for clang; where there is none, gcc compiles it.

Ports of micrograd were looked for in PyPI, npm and Debian in November 2026: `micrograd-rust` on PyPI is source only, and
builds where crates.io can be reached; `micrograd-cpp-engine` is a library of float32 tensors that overwrites micrograd; the
others are Python.
"""

import ctypes
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
flags = ["--xla_cpu_multi_thread_eigen=false", "intra_op_parallelism_threads=1"]
if os.environ.get("CHAINRULE_JIT_CPU") == "x86-64-v3":
    flags.append("--xla_cpu_max_isa=AVX2")
    os.environ.update(
        OPENBLAS_CORETYPE="Haswell",
        ATEN_CPU_CAPABILITY="avx2",
        ONEDNN_MAX_CPU_ISA="AVX2",
        MKL_ENABLE_INSTRUCTIONS="AVX2",
    )
os.environ.setdefault("XLA_FLAGS", " ".join(flags))

import numpy as np  # noqa: E402  after the number of threads is set

DEMO, EXAMPLES, L2, RATE = [2, 16, 16, 1], 100, 1e-4, 1e-3
STEPS = 100  # of the demo's training
RATES = 1.0 - 0.9 * np.arange(STEPS) / STEPS
HERE = Path(__file__).parent


def optional(peer):
    """What a peer gives; None, said in a line, where it is not installed."""
    try:
        return peer()
    except ImportError as error:
        print(f"  left out: {error}")
        return None


def most_memory():
    """The most memory that this process had, in GB; Linux's getrusage tells that of its parent where it was more."""
    if sys.platform == "linux":
        (line,) = [s for s in Path("/proc/self/status").read_text().splitlines() if s.startswith("VmHWM")]
        return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def machine():
    """What the processor calls itself, how many there are, what they can do, and Python."""
    from engine.compiler.llvm.processor import features, processor

    try:
        with open("/proc/cpuinfo") as lines:
            model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    told = [f[1:] for f in features().split(",") if f.startswith(("+avx", "+fma", "+sse4", "+neon"))]
    return (
        f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}\n"
        f"features: {', '.join(told)}; compiled for {processor(None) or 'all of them'}"
    )


def seconds(step, steps=1, repeats=15):
    """The best time of one step, of several runs."""
    return alternating({"": step}, repeats)[""] / steps


def alternating(runs, repeats):
    """The best time of each of several functions by name, which take turns."""
    best = {}
    for run in runs.values():
        run()
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            best[name] = min(best.get(name, float("inf")), time.perf_counter() - start)
    return best


def ratio(ours, theirs, repeats):
    """How much longer one function takes than another, each time right after it: the median, which a busy moment that meets
    one of them does not move."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        theirs()
        between = time.perf_counter()
        ours()
        found.append((time.perf_counter() - between) / (between - start))
    return sorted(found)[repeats // 2]


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


def torch_step(widths, examples, compiled=False):
    import torch

    torch.set_num_threads(1)
    x, y, p0 = problem(widths, examples)
    x, y, p = torch.tensor(x), torch.tensor(y), torch.tensor(p0, requires_grad=True)
    label = y.argmax(1)

    def loss(p):
        h = x
        found = layers(p, widths)
        for i, (w, b) in enumerate(found):
            h = h @ w.T + b
            h = h.relu() if i < len(found) - 1 else h
        data = torch.relu(1 - y * h).mean() if widths[-1] == 1 else torch.nn.functional.cross_entropy(h, label)
        return data + L2 * (p * p).sum()

    if compiled:
        os.environ.update(TORCHINDUCTOR_COMPILE_THREADS="1", TORCHINDUCTOR_CACHE_DIR=tempfile.mkdtemp())
        loss = torch.compile(loss)

    def step():
        loss(p).backward()
        with torch.no_grad():
            p.add_(p.grad, alpha=-RATE)
            p.grad = None

    return step


GCC_AS_CLANG = """#!/bin/sh
object=$(mktemp)
gcc -x c -c -O2 -march=%s -fPIC -ffreestanding -fno-math-errno -nostdlib -fno-ident \\
    -D'__builtin_bit_cast(T, x)=({ __typeof__(x) from = (x); T to; __builtin_memcpy(&to, &from, sizeof to); to; })' \\
    - -o "$object" && cat "$object"
rm "$object"
"""


def tinygrad_step(widths, examples):
    if not shutil.which(os.environ.get("CC", "clang")):
        script = Path(tempfile.mkdtemp(), "clang")
        script.write_text(GCC_AS_CLANG % march())
        script.chmod(0o755)
        os.environ["CC"] = str(script)
    os.environ.update(DEV="CPU", CACHELEVEL="0", NUM_CPU_THREADS="1", PARALLEL="0")
    from tinygrad import Device, Tensor, TinyJit

    x, y, p = (Tensor(a).realize() for a in problem(widths, examples))

    @TinyJit
    def step():
        h, at = x, 0
        for i, (a, b) in enumerate(zip(widths, widths[1:])):
            m = p[at : at + (a + 1) * b].reshape(b, a + 1)
            h = h @ m[:, :a].T + m[:, a]
            h = h.relu() if i < len(widths) - 2 else h
            at += (a + 1) * b
        data = (1 - y * h).relu().mean() if widths[-1] == 1 else -(h.log_softmax() * y).sum(1).mean()
        (g,) = (data + L2 * (p * p).sum()).gradient(p)
        p.assign(p - RATE * g).realize()

    def waited():
        step()
        Device["CPU"].synchronize()
        return p

    want = numpy_step(widths, *problem(widths, examples))
    assert np.abs(waited().numpy() - want).max() < 1e-12
    repeated(waited, 2)  # which it takes to compile
    return waited


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


def jax_call():
    """A call of the demo's loss with its gradient, of weights and examples as arrays."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    x, y, p = map(jnp.asarray, problem(DEMO, EXAMPLES))

    def loss(found, x, y):
        h = x
        for i, (w, b) in enumerate(found):
            h = h @ w.T + b
            h = jnp.maximum(h, 0) if i < len(found) - 1 else h
        return jnp.maximum(0, 1 - y * h).mean() + L2 * sum((w * w).sum() + (b * b).sum() for w, b in found)

    call, found = jax.jit(jax.value_and_grad(loss)), layers(p, DEMO)
    return lambda: jax.block_until_ready(call(found, x, y))


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


def march():
    """The machine that C is compiled for, as our own code is; vectors in demo.c are never wider than it has."""
    from engine.compiler.llvm.processor import processor

    return processor(None) or "native"


def _gcc(source, library):
    options = ["-O3", f"-march={march()}", "-ffast-math", "-shared", "-fPIC"]
    subprocess.run(["gcc", *options, source, "-o", library], check=True)


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


def jax_epochs(widths, rows, parameters, orders, dtype="float32"):
    """Whole epochs of gradient descent in one `lax.scan`, as people write it in JAX: batches by row numbers, (epochs, batch)."""
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(dtype == "float64"):
        x, y = jnp.asarray(rows[:, : widths[0]], dtype), jnp.asarray(rows[:, widths[0] :], dtype)
        start = [(jnp.asarray(w, dtype), jnp.asarray(b, dtype)) for w, b in layers(parameters, widths)]
        orders = jnp.asarray(orders)

    def loss(found, x, y):
        h = x
        for i, (w, b) in enumerate(found):
            h = h @ w.T + b
            h = jnp.maximum(h, 0) if i < len(found) - 1 else h
        return -(jax.nn.log_softmax(h) * y).sum(1).mean()

    def step(found, batch):
        value, slopes = jax.value_and_grad(loss)(found, x[batch], y[batch])
        return jax.tree.map(lambda p, g: p - RATE * (g + 2 * L2 * p), found, slopes), value

    many = jax.jit(lambda found, orders: jax.lax.scan(step, found, orders))

    def run():
        with jax.enable_x64(dtype == "float64"):
            found, _ = jax.block_until_ready(many(start, orders))
        return np.concatenate([np.column_stack([w, b]).ravel() for w, b in found])

    return run


def keras_step(widths, examples, dtype="float64"):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    keras.config.set_floatx(dtype)
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
