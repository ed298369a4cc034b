"""Numbers that a function brings along: they roll as its arguments do, whatever they are, and are folded where that holds
in every round.
"""

import random
import re
from math import isfinite

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import hexes
from test_balls import MANY
from test_graphs import plus_zero

import engine
import nn
from engine import Value, dot, jit, maximum, mean, relu, total, value_and_grad, where
from engine.compiler.compilation import Compilation
from engine.compiler.front.flattening import Flat
from engine.compiler.front.kinds import Kinds
from engine.compiler.front.recorder import Recorder
from engine.compiler.front.trace import Trace
from engine.compiler.front.transcription import transcribed
from engine.compiler.llvm.processor import Target, processor
from engine.compiler.loops import folding
from engine.compiler.specialization import Results

# The law: closed over or passed, a program is as long, and has the bits of eager mode ---------------------------------------

NUMBERS = st.sampled_from([0.0, -0.0, 1.0, 1.0, -1.0, 2.0, 0.5, 3.0, 1e-300, float("inf"), float("nan")])
TERMS = {
    "product": lambda w, d, e: w * d,
    "scaled": lambda w, d, e: d * (w + e) * 1.0,
    "shifted": lambda w, d, e: (w - d) ** 2,
    "quotient": lambda w, d, e: d / w + e,
    "power": lambda w, d, e: (w * d) ** 2 - e,
    "hinge": lambda w, d, e: relu(1 - d * w) * e,
    "masked": lambda w, d, e: where(d, w * e, w),
    "chosen": lambda w, d, e: where(w, d, w * e) + where(engine.less(w, d), e, w),
    "largest": lambda w, d, e: maximum(w, d) * e,
    "plus zero": lambda w, d, e: w * d + -0.0,
    "inverse": lambda w, d, e: 1.0 / (w * d) + e,
}
WAYS = {
    "total": lambda term, ws, rows: total([term(ws[1], d, e) for d, e in rows]),
    "mean": lambda term, ws, rows: mean([term(ws[2], d, e) + ws[0] for d, e in rows]),
    "sum": lambda term, ws, rows: sum(term(ws[0] * ws[1], d, e) for d, e in rows),
    "dot": lambda term, ws, rows: dot([d for d, _ in rows], [term(ws[1], d, e) for d, e in rows]),
    "neurons": lambda term, ws, rows: total([relu(dot(row, ws[:2], ws[2])) for row in rows]),
    "table": lambda term, ws, rows: total([term(w, d, e) for w in ws for d, e in rows]),
}


def rounds(state, term, rows):
    """A recurrence over rows."""
    for d, e in rows:
        state = 0.5 * term(state, d, e) + 0.25
    return state


WAYS["recurrence"] = lambda term, ws, rows: rounds(ws[0] * ws[1], term, rows) + ws[2]


def written(f, *args):
    """How many instructions are left of a function, rolled."""
    recorder, given = Recorder(), Flat(args)
    traced = recorder.parameters(given)
    recorder.free = len(recorder.operands)
    returned = Results(recorder.run(lambda: f(*given.rebuild(traced))))
    stages = Compilation(Target("float64", True, False, processor(None)))
    stages.place(transcribed(recorder, returned.effects()))
    return stages.written


def law(way, term, data):
    """A program over rows of data, closed over and passed."""
    rows, ws = [data[i : i + 2] for i in range(0, len(data) - 1, 2)] * 2, [0.75, -1.5, 2.0]

    def loss(ws, rows):
        return WAYS[way](TERMS[term], ws, rows)

    for transform in (lambda f: f, value_and_grad):
        closed, passed = transform(lambda ws: loss(ws, rows)), transform(loss)
        extra = 0 if all(map(isfinite, data)) else 2  # guards of what is not finite, in rounds at an edge
        assert written(closed, ws) <= written(passed, ws, rows) + extra
    leaves = [Value(w) for w in ws]
    value = loss(leaves, rows)
    value.backward()
    found, slopes = jit(closed, contract=False)(ws)  # and its gradient
    assert hexes([found]) == hexes([value.data])
    assert hexes(plus_zero(slopes)) == hexes(plus_zero([w.grad for w in leaves]))


def mixed(data):
    """Does each column hold two numbers? One that holds a single one is a constant, and other terms are shared."""
    return len(set(hexes(data[0::2]))) > 1 and len(set(hexes(data[1 : len(data) // 2 * 2 : 2]))) > 1


@pytest.mark.parametrize("way", sorted(WAYS))
@settings(max_examples=5 * MANY, deadline=None)
@given(st.sampled_from(sorted(TERMS)), st.lists(NUMBERS, min_size=8, max_size=18).filter(mixed))
@example("product", [1.0, 0.0, -0.0, 1.0, 2.0, 1.0, 1.0, 0.0, 1.0, -1.0])
@example("plus zero", [0.0, 1.0, -0.0, 1.0, 0.0, 1.0, -0.0, 1.0, 0.0, 1.0])
@example("masked", [0.0] * 14 + [1.0, -0.0])
def test_data_closed_over_rolls_as_if_passed_and_has_the_bits_of_eager_mode(way, term, data):
    law(way, term, data)


# What it is for -------------------------------------------------------------------------------------------------------


def hinge(net, X, y):
    """micrograd's demo: hinge loss over examples in lists, and L2."""
    losses = [relu(1 - t * net(x)) for x, t in zip(X, y)]
    return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in net.parameters())


def demo(examples):
    """(a net, inputs, labels, its loss with these closed over)."""
    rng = random.Random(examples)
    X = [[rng.choice([0.0, 1.0, rng.random()]), rng.random()] for _ in range(examples)]
    y = [(-1.0, 1.0)[rng.random() < 0.5] for _ in X]
    return nn.MLP(2, [5, 5, 1], seed=0), X, y, lambda net: hinge(net, X, y)


def test_a_loss_with_its_examples_closed_over_is_as_short_as_one_that_is_given_them():
    net, X, y, closed = demo(14)
    step, given = jit(value_and_grad(closed), contract=False), jit(value_and_grad(hinge), contract=False)
    (value, slopes), (other, others) = step(net), given(net, X, y)
    assert hexes([value, *[p.data for p in slopes.parameters()]]) == hexes(
        [other, *[p.data for p in others.parameters()]]
    )
    assert step.compilations[0].written <= given.compilations[0].written
    longer, *_, more = demo(28)
    assert written(value_and_grad(more), longer) == written(value_and_grad(closed), net)


def test_data_that_several_neurons_read_is_written_down_once():
    net, *_, closed = demo(14)
    tables = re.findall(r"\[(\d+) x double\] \[", jit(closed).lower(net).ir)
    assert [14 * 3 <= int(n) < 14 * 4 for n in tables] == [True]  # inputs, labels, and what is no data


MATRICES = {
    "random": lambda i, j: random.Random(99 * i + j).random(),
    "zeros and ones": lambda i, j: (0.0, 1.0)[(i * j + i) % 3 == 1],
    "levels": lambda i, j: (i * 7 + j * 5) % 11 / 4,
    "symmetric": lambda i, j: 1.0 / (1 + i + j),
    "signs of zero": lambda i, j: (0.0, -0.0)[(i + j * j) % 3 == 0],
}


@pytest.mark.parametrize("name", sorted(MATRICES))
@pytest.mark.parametrize("by_hand", [False, True])
def test_a_matrix_rolls_whatever_its_entries(name, by_hand):
    matrix_law(name, by_hand)


def matrix_law(name, by_hand):
    """A quadratic form, its matrix closed over and passed."""
    n = 9
    M = [[MATRICES[name](i, j) for j in range(n)] for i in range(n)]
    xs = [random.Random(i).uniform(-1, 1) for i in range(n)]

    def product(a, b):
        return sum(v * w for v, w in zip(a, b)) if by_hand else dot(a, b)

    def form(xs, M):
        return product(xs, [product(row, xs) for row in M])

    assert written(lambda xs: form(xs, M), xs) <= written(form, xs, M)
    assert hexes([jit(lambda xs: form(xs, M), contract=False)(xs)]) == hexes([form([Value(x) for x in xs], M).data])


def test_what_is_the_same_in_every_round_is_folded_and_nothing_else():
    xs, ones = [0.5, -2.0, 3.0, 7.0, -1.0], [1.0] * 5
    plain = written(total, xs)
    assert written(lambda xs: total([x * c for x, c in zip(xs, ones)]), xs) == plain
    assert written(lambda xs: total([c * (x + -0.0) / 1.0 for x, c in zip(xs, ones)]), xs) == plain
    for entry in range(5):
        others = [*ones[:entry], 2.0, *ones[entry + 1 :]]
        assert written(lambda xs, others=tuple(others): total([x * c for x, c in zip(xs, others)]), xs) == plain + 1
    straight = jit(lambda x, y: x * 1.0 + y * 2.0 * 3.0).lower(1.0, 2.0)
    assert straight.program.count("*") == 2 and "1.0" not in straight.program


# Planted: each is caught by the law, or by a length -------------------------------------------------------------------------


def signs_are_equal(numbers):
    return bool((numbers == numbers[0]).all())


def first_rounds_only(numbers):
    return len(set(hexes(numbers[:2]))) == 1


def inner_loop_only(self, numbers, around, right=folding.Occurrences._along):
    return right(self, numbers.reshape(-1, numbers.shape[-1])[0], around[-1:])


PLANTS = {
    "0.0 and -0.0 are one number": lambda patch: patch.setattr(folding, "_same", signs_are_equal),
    "two rounds stand for all": lambda patch: patch.setattr(folding, "_same", first_rounds_only),
    "an outer loop changes nothing": lambda patch: patch.setattr(folding.Occurrences, "_along", inner_loop_only),
    "folded by value before rolling": lambda patch: patch.setattr(Trace, "constant_apart", Trace.constant),
    "places of one kind hold one number": lambda patch: patch.setattr(Kinds, "stand_apart", lambda self, place: False),
}


@pytest.mark.parametrize("name", sorted(PLANTS))
def test_planted_bugs_are_caught(name, monkeypatch):
    def laws():
        law("table", "product", [0.0, 1.0, -0.0, 1.0, 1.0, 0.5, 1.0, 2.0, 3.0, 1.0, -1.0, 1.0])
        law("sum", "inverse", [0.0, 1.0, 0.0, 2.0, -0.0, 1.0, 0.0, 0.0])
        matrix_law("zeros and ones", by_hand=False)

    laws()
    PLANTS[name](monkeypatch)
    with pytest.raises(AssertionError):
        laws()


def test_a_dot_that_does_not_roll_reads_each_of_its_own_numbers():
    def f(p, q):
        return dot([p, p, q], [-2.0, -2.0, -1.0], -1.0)

    assert jit(f)(1.0, 10.0) == f(Value(1.0), Value(10.0)).data == -15.0


def test_a_fold_that_is_passed_over_would_change_nothing(monkeypatch):
    right, outcomes = folding._changes, []

    def watched(instructions, varying):
        outcomes.append(right(instructions, varying))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(folding, "_changes", lambda *_: True)
            assert outcomes[-1] or folding.folded(instructions, varying) is None
        return outcomes[-1]

    monkeypatch.setattr(folding, "_changes", watched)
    rows = [[0.5 * i + k for k in range(3)] for i in range(4)]

    def terms(factors):
        return lambda xs: total([c * x + 0.01 * relu(c - x) + relu(c - x) for c, x in zip(factors, xs)])

    def chosen(factors):
        return lambda xs: total([where(x > 0.5, c, x * 3.0) * dot(row, xs[:3]) for c, x, row in zip(factors, xs, rows)])

    for factors in ([0.25] * 4, [1.0] * 4, [0.25, 0.5, 1.0, 2.0], [0.0] * 4):
        for f in (terms(factors), chosen(factors), value_and_grad(terms(factors))):
            jit(f).lower([1.0, 2.0, 3.0, 4.0])
    assert set(outcomes) == {True, False}
