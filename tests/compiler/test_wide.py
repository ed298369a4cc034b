"""Rounds in lanes: eager mode's bits whatever lies side by side, backwards, apart, and however many rounds are left over."""

import struct

import numpy as np
import pytest
from test_levels import WIDTHS

import engine
from engine import jit
from engine.compiler.llvm import wide
from engine.compiler.llvm.wide import WideEmitter


def bits(tree):
    return ["nan" if x != x else struct.pack("d", x) for x in np.array(tree, float).ravel().tolist()]


def sums(a, b, step):
    """c[j] = sum over k of a[k] * b[k][step j], with an elementary function behind it."""
    rows = range(0, len(b[0]), abs(step))
    found = []
    for j in rows if step > 0 else reversed(rows):
        total = 0.25
        for x, row in zip(a, b):
            total = total + x * row[j]
        found.append(engine.relu(total) + total)
    return found


def layer(w, xs):
    """Two layers of many examples, with all gradients."""

    def loss(w):
        outs = []
        for x in xs:
            hidden = [engine.relu(engine.dot(row, x)) for row in w]
            outs.append(engine.total([engine.relu(engine.dot(row[: len(hidden)], hidden)) for row in w]))
        return engine.total(outs)

    return engine.value_and_grad(loss)(w)


@pytest.fixture
def laned(monkeypatch):
    """Which loops were found to go in lanes."""
    found, lanes_of = [], WideEmitter._lanes_of

    def seen(self, n):
        lanes = lanes_of(self, n)
        found.append((n.count.number(), lanes))
        return lanes

    monkeypatch.setattr(WideEmitter, "_lanes_of", seen)
    return {"all": found}


@pytest.mark.parametrize("step", [1, -1, 3])
@pytest.mark.parametrize("cpu", WIDTHS)
def test_sums_side_by_side_have_eager_bits(cpu, step, laned):
    rng = np.random.default_rng(0)
    for wide_, long in ((4, 3), (8, 5), (19, 7), (37, 2), (40, 3)):
        a, b = rng.normal(size=long).tolist(), rng.normal(size=(long, wide_)).tolist()
        f = jit(lambda a, b: sums(a, b, step), contract=False, checked=True, cpu=cpu)
        assert bits(f(a, b)) == bits(sums(a, b, step))
    assert any(lanes > 1 for _, lanes in laned["all"]) == (step != 3) or cpu == "x86-64"


@pytest.mark.parametrize(("dtype", "cpu"), [*[("float64", cpu) for cpu in WIDTHS], ("float32", WIDTHS[0])])
def test_layers_of_many_examples_agree_with_eager_mode(cpu, dtype, laned):
    rng = np.random.default_rng(1)
    w, xs = rng.normal(size=(11, 11)).tolist(), rng.normal(size=(7, 11)).tolist()
    want = layer(w, xs)
    got = jit(layer, dtype=dtype, checked=True, cpu=cpu)(w, xs)
    near = 1e-12 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(got[0], want[0], rtol=near)
    np.testing.assert_allclose(got[1], want[1], rtol=near, atol=near * 50)
    if dtype == "float64":
        assert bits(jit(layer, contract=False, cpu=cpu)(w, xs)[1]) == bits(want[1])


def test_what_lies_backwards_and_is_read_forwards_is_caught(monkeypatch):
    monkeypatch.setattr(WideEmitter, "_turned", lambda self, value: value)
    with pytest.raises(AssertionError):
        test_sums_side_by_side_have_eager_bits("native", -1, {"all": [(0, 2)]})


def test_rounds_that_feed_each_other_do_not_go_in_lanes(laned):
    def f(x, rows):
        for row in rows:  # each round reads what the one before made
            total = 0.0
            for a in row:
                total = total + a * x
            x = total
        return x

    rows = [[0.1 * i + 0.01 * k for k in range(9)] for i in range(16)]
    assert bits(jit(f, contract=False)(0.5, rows)) == bits(f(0.5, rows))
    assert all(lanes == 1 for count, lanes in laned["all"] if count == 16)
    assert wide.FEWEST > 1
