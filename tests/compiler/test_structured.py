"""Programs with loops of every shape, compiled: recurrent, convolved, attending, scanned, in triangles, in powers.

All values and derivatives lie in their balls, alone in the lanes and summed over a batch. MANY=50 for a long run.
"""

import random

import pytest
from compiling import leave_passes_out
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import hexes
from test_balls import COUNTS, DTYPES, MANY, Subject, check, wrong_lanes, wrong_sums
from test_graphs import plus_zero

from engine import TABLE, Value, dot, gradients, jit, softmax, square, total, vmap
from engine.compiler.loops.placement import Placement

SIZES = st.integers(1, 7)
KINDS = {}


def kind(f):
    """Registers (act, n, m, t) -> (how many parameters, how many inputs, the loss of (take, inputs))."""
    KINDS[f.__name__] = f
    return f


def layer(take, xs, width, act):
    """A layer of so many neurons on some numbers."""
    return [act(dot([take() for _ in xs], xs, take())) for _ in range(width)]


@kind
def recurrent(act, n, m, t):
    def loss(take, xs):
        weights, state = [[take() for _ in range(n + m + 1)] for _ in range(n)], [0.0] * n
        for step in range(t):
            seen = [*xs[step * m : (step + 1) * m], *state]
            state = [act(dot(w[:-1], seen, w[-1])) for w in weights]
        return total([square(s) for s in state])

    return n * (n + m + 1), m * t, loss


@kind
def convolved(act, n, m, t):
    def loss(take, xs):
        kernels = [[take() for _ in range(n + 1)] for _ in range(m)]
        rows = [[act(dot(k[:-1], xs[i : i + n], k[-1])) for i in range(len(xs) - n + 1)] for k in kernels]
        pooled = [TABLE["maximum"](row[i], row[i + 1]) for row in rows for i in range(0, len(row) - 1, 2)]
        return total([square(x) for x in [*pooled, *[row[-1] for row in rows]]])

    return m * (n + 1), n + t, loss


@kind
def attending(act, n, m, t):
    def loss(take, xs):
        rows = [xs[i * n : (i + 1) * n] for i in range(t)]
        matrices = [[[take() for _ in range(n)] for _ in range(m)] for _ in range(2)]
        queries, keys = ([[dot(w, row) for w in matrix] for row in rows] for matrix in matrices)
        out = []
        for i in range(t):  # each sees itself and what is before it
            weights = softmax([dot(queries[i], keys[j]) for j in range(i + 1)])
            out += [act(dot(weights, [rows[j][c] for j in range(i + 1)])) for c in range(n)]
        return total([square(x) for x in out])

    return 2 * n * m, n * t, loss


@kind
def scanned(act, n, m, t):
    def loss(take, xs):
        decay, gain = [take() for _ in range(n)], [take() for _ in range(n)]
        states, terms = [0.0] * n, []
        for x in xs:
            states = [d * s + g * x for d, s, g in zip(decay, states, gain)]
            terms.append(act(total(states)))
        return total([square(x) for x in terms])

    return 2 * n, t + m, loss


@kind
def paired(act, n, m, t):
    def loss(take, xs):
        scale = [take() for _ in range(n)]
        terms = [act(scale[(i + j) % n] * (xs[i] - xs[j])) for i in range(len(xs)) for j in range(i)]
        return total([square(x) for x in terms]) + square(xs[0])

    return n, m + t, loss


@kind
def powers(act, n, m, t):
    def loss(take, xs):
        matrix = [[take() for _ in range(n)] for _ in range(n)]
        for _ in range(t):
            xs = [act(dot(row, xs)) for row in matrix]
        return total([square(x) for x in xs])

    return n * n, n, loss


@kind
def residual(act, n, m, t):
    def loss(take, xs):
        for _ in range(1 + t % 3):
            inner = layer(take, xs, m, act)
            xs = [x + y for x, y in zip(xs, layer(take, inner, n, lambda s: s))]
        middle = total(xs) / float(n)
        return total([square(x - middle) for x in xs]) + total([square(x) for x in xs])

    return (1 + t % 3) * (m * (n + 1) + n * (m + 1)), n, loss


@kind
def evaluated(act, n, m, t):
    def loss(take, xs):
        coefficients, terms = [take() for _ in range(n)], []
        for x in xs:
            y = coefficients[0]
            for c in coefficients[1:]:
                y = y * x + c
            terms.append(act(y))
        return total([square(y) for y in terms])

    return n, m + t, loss


def subject(name, act, n, m, t, dtype, rng):
    """A program of these sizes, as a Subject."""
    shared, inputs, loss = KINDS[name](TABLE[act], n, m, t)

    def function(numbers):
        parameters = iter(numbers[:shared])
        return loss(lambda: next(parameters), list(numbers[shared:]))

    point = [
        rng.choice([0.5, -1.0, 0.25]) if rng.random() < 0.1 else rng.uniform(-1, 1) for _ in range(shared + inputs)
    ]
    return Subject(f"{name}({act}, {n}, {m}, {t})", function, point, shared, dtype)


def law(name, act, n, m, t, count, seed, dtypes=DTYPES):
    for dtype in dtypes:
        rng = random.Random(seed)
        program = subject(name, act, n, m, t, dtype, rng)
        check(wrong_sums, [program], dtype, count, rng)
        if dtype == DTYPES[seed % 2]:
            with pytest.MonkeyPatch.context() as patch:
                if MANY == 1:  # LLVM's passes meet the same loops where examples are summed
                    leave_passes_out(patch.setattr)
                check(wrong_lanes, [program], dtype, count, rng)


@pytest.mark.usefixtures("outlined")
@pytest.mark.parametrize("name", sorted(KINDS))
@settings(max_examples=MANY)
@given(st.sampled_from(["tanh", "relu", "sigmoid", "identity"]), SIZES, SIZES, SIZES, COUNTS, st.integers(0, 99))
@example("tanh", 4, 3, 5, 11, 0)
def test_programs_with_loops_lie_in_their_balls(name, act, n, m, t, count, seed):
    law(name, act, n, m, t, count, seed)


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"attending"}))
@settings(max_examples=MANY)
@given(st.sampled_from(["relu", "identity"]), SIZES, SIZES, SIZES, st.integers(0, 99))
@example("relu", 5, 3, 4, 0)
def test_without_contraction_programs_with_loops_have_the_bits_of_eager_mode(name, act, n, m, t, seed):
    program = subject(name, act, n, m, t, "float64", random.Random(seed))

    def derivatives(xs):
        y = program.function(xs)
        return [y, *gradients(y, list(xs))]

    wanted = [v.data for v in derivatives([Value(x) for x in program.point])]
    got = jit(derivatives, contract=False)(list(program.point))
    lanes = jit(vmap(derivatives), contract=False)([list(program.point)] * 3)
    for found in (got, lanes[0], lanes[2]):
        assert hexes(plus_zero(found)) == hexes(plus_zero(wanted))


@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize("name", ["attending", "recurrent"])
def test_loops_that_feed_each_other_and_run_side_by_side_are_caught(name, monkeypatch):
    right = Placement._find_parallel

    def all_parallel(self):
        right(self)
        for facts in self.facts.values():
            facts.parallel = True

    monkeypatch.setattr(Placement, "_find_parallel", all_parallel)
    with pytest.raises(AssertionError):
        law(name, "tanh", 4, 3, 5, 11, 0, ["float64"])
