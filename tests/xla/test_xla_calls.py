"""jit on XLA: what it returns, what it compiles anew, what it refuses and says; and the raised gradient beside JAX's own."""

import logging
import math
import subprocess
import sys

import jax
import numpy as np
import pytest

import engine
import nn
from engine import jit, value_and_grad, vmap

X, Y = [[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]], [1.0, -1.0]


def hinge(net, x, y):
    return sum(engine.relu(1.0 - b * net(a)) for a, b in zip(x, y)) / len(x)


def flat(tree):
    return [x for part in tree for x in flat(part)] if isinstance(tree, (list, tuple)) else [float(tree)]


@pytest.mark.parametrize(("dtype", "digits"), [("float64", 1e-12), (None, 1e-5)])
def test_a_call_is_that_of_native_code(dtype, digits):
    def f(net, x, y):
        value, gradient = value_and_grad(hinge)(net, x, y)
        return {"value": value, "gradient": gradient.parameters(), "soft": engine.softmax(x[0])}

    net = nn.MLP(3, [4, 1], activation="gelu", seed=0)
    ours, native = jit(f, backend="xla", dtype=dtype)(net, X, Y), jit(f)(net, X, Y)
    for name, found in native.items():
        np.testing.assert_allclose(flat(ours[name]), flat(found), rtol=digits, atol=digits)


def test_the_raised_gradient_is_that_which_xla_makes_of_the_raised_forward():
    def loss(w, x):
        return engine.logsumexp([engine.tanh(engine.dot(row, x)) for row in w])

    w, x = [[0.1 * i - 0.2 * j for j in range(3)] for i in range(4)], [0.3, -0.8, 1.1]
    program = jit(loss, backend="xla").lower(w, x).arrays
    with jax.enable_x64(True):
        theirs = jax.grad(lambda w: program.compiled()(1, w, np.array(x))[0])(np.array(w))
    np.testing.assert_allclose(jit(engine.grad(loss), backend="xla", dtype="float64")(w, x), theirs, rtol=1e-13)


def rounds(w, u, xs):
    """A recurrent net whose inputs lie flat, and a product by numbers of each round's own."""
    h = [0.1, -0.2]
    for t in range(6):
        x = xs[2 * t : 2 * t + 2]
        h = [engine.tanh(engine.dot(a, x) + engine.dot(b, h)) * (1.0 / (t * t + 2.0)) for a, b in zip(w, u)]
    return h[0] * h[1]


def test_rounds_that_feed_each_other_are_a_scan_of_jax_with_both_gradients():
    w, u, xs = [[0.1, 0.4], [0.5, -0.3]], [[0.2, 0.1], [-0.3, 0.7]], [0.3 * k % 1.0 - 0.4 for k in range(12)]
    slopes = jit(value_and_grad(rounds, argnums=(0, 1, 2)), backend="xla", dtype="float64")
    program = jit(rounds, backend="xla").lower(w, u, xs).arrays
    assert program.text.count("scan(") == 1
    with jax.enable_x64(True):
        theirs = jax.grad(lambda *args: program.compiled()(1, *args)[0], (0, 1, 2))(*map(np.array, (w, u, xs)))
    value, ours = slopes(w, u, xs)
    for a, b, c in zip(ours, theirs, value_and_grad(rounds, argnums=(0, 1, 2))(w, u, xs)[1]):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(a, np.array(c, float), rtol=1e-12, atol=1e-14)
    assert value == pytest.approx(rounds(w, u, xs), rel=1e-13)


def test_a_scan_has_names_that_no_argument_has():
    def f(kept, a_round):
        h = a_round
        for x in kept:
            h = engine.tanh(0.5 * h + x)
        return h

    given = ([0.3, -0.2, 0.5, 0.1], 0.7)
    f64 = jit(f, backend="xla", dtype="float64")
    assert "scan(" in f64.lower(*given).arrays.text
    assert f64(*given) == pytest.approx(f(*given), rel=1e-13)


def test_what_is_cut_or_bent_at_infinities_and_nan_is_that_of_eager_mode():
    rows = "relu leaky_relu elu selu silu gelu sigmoid softplus tanh step sign abs nan_to_num".split()
    cuts = [(-1.0, 1.0), (-math.inf, 1.0), (0.0, math.inf), (1.0, -1.0)]

    def f(x):
        return [*[engine.TABLE[name](x) for name in rows], *[engine.clip(x, *cut) for cut in cuts]]

    g = vmap(lambda x: engine.jvp(f, (x,), (1.0,)))
    ends = [-math.inf, -1e300, -1.0, -0.0, 0.5, 1e300, math.inf, math.nan]
    for found, want in zip(jit(g, backend="xla", dtype="float64")(ends), g(ends)):
        for name, got, right in zip([*rows, *cuts], found, want):
            assert got == pytest.approx(right, rel=1e-9, nan_ok=True), name


def test_other_shapes_are_compiled_anew_and_said(caplog):
    f = jit(vmap(lambda x: engine.exp(x) * 2.0), backend="xla")
    with caplog.at_level(logging.INFO, "engine.jit"):
        for count in (3, 3, 5):
            assert len(f([0.5] * count)) == count
    said = [m for m in caplog.messages if m.startswith("XLA compiled")]
    assert [m.split(" in ")[0].split(" for ")[1] for m in said] == ["3 examples", "5 examples"]


def test_what_xla_has_not_is_refused_with_its_line_and_the_backend_that_has_it():
    def f(x):
        return engine.lgamma(x) * 2.0

    with pytest.raises(
        TypeError, match=r'functions of ops that XLA has, got f: it has no lgamma at .*test_xla_calls.*; backend="llvm"'
    ):
        jit(f, backend="xla")(0.5)
    with pytest.raises(
        ValueError, match=r'takes, for XLA, functions of ops .* it has no lgamma at .*test_xla_calls.*; backend="llvm"'
    ):
        nn.fit(
            nn.MLP(3, [1], seed=0),
            X,
            Y,
            loss=lambda ys, y: engine.lgamma(ys * ys + 2.0),
            backend="xla",
            progress=False,
        )
    with pytest.raises(ValueError, match="fit takes backend='xla' where all compiles.*differently from call to call"):
        nn.fit(Noisy(), X, Y, loss="mse", backend="xla", progress=False)


class Noisy(nn.Module):
    def __init__(self):
        self.layer, self.calls = nn.Layer(3, 1, seed=0), nn.Dropout(0.5).rng

    def forward(self, x):
        return self.layer([a * self.calls.random() for a in x])


STRICT = {
    "jax_debug_nans": True, "jax_debug_infs": True, "jax_numpy_rank_promotion": "raise",
    "jax_numpy_dtype_promotion": "strict", "jax_transfer_guard": "disallow",
}  # fmt: skip


def test_where_the_owner_of_jax_is_strict_the_numbers_are_the_same():
    def found():
        net = nn.MLP(3, [2, 1], seed=0)
        nn.fit(net, X, Y, loss="mse", epochs=1, seed=0, backend="xla", progress=False)
        return [p.data for p in net.parameters()], jit(lambda x: [engine.log(x), engine.exp(-900.0 * x)], backend="xla")

    weights, f = found()
    before = {name: getattr(jax.config, name) for name in STRICT}
    try:
        for name, x in STRICT.items():
            jax.config.update(name, x)
        strict, f = found()
        logarithm, exponential = f(-1.0)
        assert {name: getattr(jax.config, name) for name in STRICT} == STRICT
    finally:
        for name, x in before.items():
            jax.config.update(name, x)
    assert strict == weights
    assert np.isnan(logarithm)
    assert exponential == float("inf")


def test_eager_mode_has_no_float32():
    with pytest.raises(ValueError, match="fit takes dtype where a backend compiles, .* got 'float32'"):
        nn.fit(nn.MLP(3, [1], seed=0), X, Y, loss="mse", dtype="float32", progress=False)


def test_a_missing_jax_names_the_extra(tmp_path):
    code = (
        "import sys; sys.modules['jax'] = None; import engine, nn\n"
        "for run in (lambda: engine.jit(lambda x: x * 2.0, backend='xla')(1.0),\n"
        "            lambda: nn.fit(nn.MLP(1, [1]), [[0], [1]], [1, 3], loss='mse', backend='xla', progress=False)):\n"
        "    try: run()\n"
        "    except ImportError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == 2
    assert all('backend="xla" takes JAX; install it with: pip install -e ".[xla]"' in line for line in said)


GPUS = [device for device in jax.devices() if device.platform == "gpu"]
if GPUS:  # elsewhere there is nothing to collect

    @pytest.mark.gpu
    def test_digits_are_learned_on_the_gpu(capsys):
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        net = nn.MLP(64, [32, 10], seed=0)
        history = nn.fit(net, (X / 16.0).tolist(), y.tolist(), loss="cross_entropy", epochs=20, seed=0,
                         metrics="accuracy", backend="xla", progress=False)  # fmt: skip
        assert history["accuracy"][-1] > 0.97
        assert "GPU" in capsys.readouterr().err

    @pytest.mark.gpu
    def test_a_gpt_learns_names_on_the_gpu_as_in_eager_mode(capsys):
        import random

        from demos.gpt import GPT, loss, spelled

        found = []
        for backend in ("eager", "xla"):
            net = GPT(6, random.Random(0))
            found.append(nn.fit(net, *spelled(["emma", "ava", "mia", "noah", "liam"], 6), loss=loss, epochs=3, seed=0,
                                batch_size=4, optimizer=nn.Adam(net, lr=0.01), backend=backend, progress=False))  # fmt: skip
        assert found[1]["loss"] == pytest.approx(found[0]["loss"], rel=1e-4)
        assert "GPU" in capsys.readouterr().err
