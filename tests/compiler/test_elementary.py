"""Errors of the vector functions, measured over a million points each."""

import ctypes
import math

import mpmath
import numpy as np
import pytest

from engine import TABLE
from engine.compiler.llvm import elementary
from engine.compiler.llvm.lowering import lower
from engine.compiler.llvm.native_code import Compiled, aligned
from engine.compiler.llvm.native_functions import Rounds
from engine.compiler.llvm.vectors import DOUBLE, FLOAT, I64, POINTER, Vector, VectorBuilder, ir

WIDTHS = {"float64": (DOUBLE, 8), "float32": (FLOAT, 16)}


def native(name, dtype, lanes=None):
    """A row as a function of arrays, vector by vector."""
    real, wide = WIDTHS[dtype]
    lanes = lanes or wide
    module = ir.Module("test")
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, POINTER, I64]), "f")
    b = ir.IRBuilder(function.append_basic_block())
    vectors = VectorBuilder(b, real, lanes, False, True, lower)
    x, y, n = function.args
    with Rounds(b, n, 0, lanes) as rounds:
        v = b.load(b.gep(x, [rounds.i], source_etype=real), typ=vectors.type)
        out = lower(vectors, TABLE[name], [Vector(vectors, v)]).value
        b.store(out, b.gep(y, [rounds.i], source_etype=real))
    b.ret_void()
    call = Compiled(str(module)).function("f", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)

    def run(points):
        size = -(-len(points) // lanes) * lanes
        x, y = aligned(size, dtype), aligned(size, dtype)
        x[: len(points)] = points
        call(x.ctypes.data, y.ctypes.data, size)
        return x[: len(points)], y[: len(points)]

    return run


def points(name, dtype):
    rng = np.random.default_rng(0)
    n, large = 200_000, 300 if dtype == "float64" else 37
    wide = {"exp": 745 if dtype == "float64" else 103, "tanh": 22, "erf": 6.5}.get(name, 100)
    parts = [rng.uniform(-wide, wide, n), rng.normal(size=n), rng.normal(size=n) * 1e-3]
    parts += [10.0 ** rng.uniform(-large, 0, n), -(10.0 ** rng.uniform(-30, 0, n))]
    if name in ("sin", "cos"):
        parts += [rng.uniform(-1e6, 1e6, n), np.arange(1, n) * np.pi / 2, 10.0 ** rng.uniform(5, 20, 1000)]
    if name == "log":
        parts = [10.0 ** rng.uniform(-large, large, n), rng.uniform(0.5, 2, 2 * n), 1 + rng.normal(size=n) * 1e-3]
        parts += [1 + rng.normal(size=n) * 1e-8, rng.uniform(0, 1e-310, 1000) if dtype == "float64" else []]
    if name == "log1p":
        parts = [10.0 ** rng.uniform(-large, large, n), rng.uniform(-0.9, 2, 2 * n), rng.normal(size=n) * 1e-3]
        parts += [
            rng.normal(size=n) * 1e-8,
            10.0 ** rng.uniform(-15 if large > 37 else -6, 0, n) - 1.0,
            2.0 ** rng.uniform(-54, 54, n),
        ]
    return np.concatenate(parts)


def by_hand(name):
    """Is mpmath needed? NumPy has no erf, and some platforms no long double of 64 bits."""
    return name == "erf" or np.finfo(np.longdouble).nmant < 63


def exact(name, x):
    """The function to at least 64 bits."""
    if not by_hand(name):
        return getattr(np, name)(x.astype(np.longdouble))
    with mpmath.workprec(100):
        values = [getattr(mpmath, name)(mpmath.mpf(float(a))) for a in x]
        heads = [float(v) for v in values]
        tails = [float(v - h) for v, h in zip(values, heads)]
    return np.array(heads).astype(np.longdouble) + np.array(tails)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", sorted(elementary.ULPS))
def test_the_worst_error_is_as_stated(name, dtype):
    x, y = native(name, dtype)(points(name, dtype))
    if by_hand(name):
        x, y = x[::50], y[::50]
    want = exact(name, x)
    with np.errstate(all="ignore"):
        rounded = want.astype(dtype)
        error = np.abs(y.astype(np.longdouble) - want) / np.spacing(np.abs(rounded)).astype(np.longdouble)
        error = np.where(np.isfinite(rounded), error, 0)
    assert np.isfinite(y[np.isfinite(rounded)]).all()
    worst = float(error.max())
    stated = elementary.ULPS[name][dtype == "float32"]
    assert worst <= stated
    assert stated <= 2.0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", sorted(elementary.ULPS))
def test_special_points_are_as_in_eager_mode(name, dtype):
    specials = np.array([0.0, -0.0, math.inf, -math.inf, math.nan, -1.0, 1.0, 1e30, -1e30, 1e-30])
    _, got = native(name, dtype)(specials)
    for x, y in zip(specials.tolist(), got.tolist()):
        want = TABLE[name].forward(float(np.dtype(dtype).type(x)))
        if math.isnan(want) or math.isinf(want) or want == 0.0:
            assert repr(y) == repr(want)
        else:
            assert y == pytest.approx(want, rel=1e-6)


def test_vectors_and_single_numbers_give_the_same_bits():
    for name in elementary.ULPS:
        xs = points(name, "float64")[::1000]
        np.testing.assert_array_equal(native(name, "float64")(xs)[1], native(name, "float64", 1)(xs)[1])
        np.testing.assert_array_equal(native(name, "float64")(xs)[1], native(name, "float64", 4)(xs)[1])


def test_a_coefficient_off_by_a_little_is_caught(monkeypatch):
    from engine.compiler.llvm import interpolation

    good = interpolation.sin_tail(5)
    monkeypatch.setattr(interpolation, "sin_tail", lambda degree: [good[0] * (1 + 1e-14), *good[1:]])
    x, y = native("sin", "float64")(points("sin", "float64"))
    want = exact("sin", x)
    assert float((np.abs(y - want) / np.spacing(np.abs(want.astype(float)))).max()) > elementary.ULPS["sin"][0]
