"""Rounds in lanes: eager mode's bits whatever lies side by side, backwards, apart, and however many rounds are left over."""

import math
import struct

import numpy as np
import pytest
from test_levels import WIDTHS

import engine
from engine import jit
from engine.compiler import compilation
from engine.compiler.llvm import wide
from engine.compiler.llvm.processor import processor, vector_bytes
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

    def seen(self, n, copied=False):
        lanes = lanes_of(self, n, copied)
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


@pytest.mark.parametrize("cpu", WIDTHS)
def test_a_sum_of_what_is_behind_conditions_is_as_in_eager_mode(cpu, laned):
    """Of products that are infinite where the condition is closed, and of numbers."""

    def slopes(w, xs):
        hidden = [[engine.relu(engine.dot(row, x)) for row in w] for x in xs]
        return engine.total([engine.total([h * h for h in hs]) for hs in hidden])

    def counts(a, b):
        found = []
        for j in range(len(b[0])):
            total = 0.0
            for x, row in zip(a, b):
                total = total + engine.where(engine.greater(x * row[j], 0.25), 2.0, 0.0)
            found.append(total)
        return found

    rng = np.random.default_rng(3)
    w, xs = rng.uniform(0.1, 1.0, (16, 16)), rng.normal(size=(100, 16))
    xs[::3, 5] = -np.inf  # all are dead there, and a slope by a weight is 0, not 0 times infinity
    want = engine.value_and_grad(slopes)(w, xs)
    found = jit(engine.value_and_grad(slopes), cpu=cpu)(w, xs)
    assert np.isfinite(np.array(want[1], float)).all()
    np.testing.assert_allclose(found[1], np.array(want[1], float), rtol=1e-12, atol=1e-12)
    a, b = rng.normal(size=40), rng.normal(size=(40, 16))
    assert bits(jit(counts, cpu=cpu)(a, b)) == bits(counts(a, b))
    assert max(lanes for _, lanes in laned["all"]) > 1


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


# Sums whose own rounds are in lanes ------------------------------------------------------------------------------------


def weighed(w, x, bias):
    """A layer of which nothing lies side by side but the weights of each sum, and sums of what they are, read again."""
    outs = [engine.relu(engine.dot(row, x) + b) for row, b in zip(w, bias)]
    roots = [engine.dot(row, x) * engine.dot(row, row) for row in w]
    return [*outs, *roots, engine.total([engine.exp(a) * engine.sin(a) for a in x]), engine.dot(outs, outs)]


def exactly(w, x, bias):
    def dot(a, b):
        return math.fsum(i * j for i, j in zip(a, b))

    outs = [max(0.0, dot(row, x) + b) for row, b in zip(w, bias)]
    roots = [dot(row, x) * dot(row, row) for row in w]
    return [*outs, *roots, math.fsum(math.exp(a) * math.sin(a) for a in x), dot(outs, outs)]


@pytest.fixture
def summed(monkeypatch):
    """(rounds of a sum, lanes of the loop around it) of those whose rounds were put in lanes."""
    found, sum_in_lanes = [], WideEmitter._sum_in_lanes

    def seen(self, loop, copies, memo):
        found.append((loop.count.number(), self._left or self.lanes))
        sum_in_lanes(self, loop, copies, memo)

    monkeypatch.setattr(WideEmitter, "_sum_in_lanes", seen)
    return found


@pytest.mark.parametrize(("rows", "long"), [(4, 4), (5, 8), (16, 16), (27, 16), (6, 13), (19, 23), (3, 37), (9, 64)])
@pytest.mark.parametrize(("dtype", "cpu"), [*[("float64", cpu) for cpu in WIDTHS], ("float32", WIDTHS[0])])
def test_sums_of_rows_are_right_however_many_rounds_are_left(cpu, dtype, rows, long, summed):
    rng = np.random.default_rng(rows)
    w, x, bias = rng.uniform(0.5, 1.5, (rows, long)), rng.uniform(0.5, 1.5, long), rng.uniform(-1.0, 1.0, rows)
    given = [a.astype(dtype).astype(float).tolist() for a in (w, x, bias)]
    got = jit(weighed, dtype=dtype, checked=True, cpu=cpu)(*given)
    np.testing.assert_allclose(got, exactly(*given), rtol=1e-14 if dtype == "float64" else 1e-5)
    lanes = vector_bytes(processor(cpu)) // (8 if dtype == "float64" else 4)
    assert summed or long < max(8, lanes)
    if dtype == "float64":
        summed.clear()
        assert bits(jit(weighed, contract=False, cpu=cpu)(*given)[:rows]) == bits(weighed(*given)[:rows])
        assert not summed


def test_rows_go_in_lanes_together_and_those_that_are_left_fill_a_part_of_a_vector(summed):
    w, x = np.ones((11, 16)).tolist(), [1.0] * 16
    f = jit(lambda w, x: [engine.relu(engine.dot(row, x)) for row in w], cpu=WIDTHS[0])
    assert f(w, x) == [16.0] * 11
    lanes = vector_bytes(processor(WIDTHS[0])) // 8
    whole, left = divmod(11, lanes)
    assert set(summed) == {(16, n) for n in ([lanes] if whole else []) + ([left] if left else [])}


def test_lanes_that_are_not_added_up_are_caught(monkeypatch):
    monkeypatch.setattr(wide, "lanes_summed_together", lambda vectors, terms: terms[0])
    with pytest.raises(AssertionError):
        test_sums_of_rows_are_right_however_many_rounds_are_left(WIDTHS[0], "float64", 16, 16, [0])


def test_rounds_of_a_long_program_are_not_written_one_after_another(monkeypatch):
    def logistic(x, rates):
        for rate in rates:
            x = rate * x * (1.0 - x)
        return x

    found = []
    for long in (1000, 1):
        monkeypatch.setattr(compilation, "LONG", long)
        f = jit(logistic, contract=False, cpu="x86-64")
        assert bits(f(0.3, [2.5] * 12)) == bits(logistic(0.3, [2.5] * 12))
        found.append(f.compilations[0].assembly.count("mulsd"))
    assert found == [24, 4]  # the first round stands apart
