"""Compiled results lie in the balls of engine.checks: every value and derivative, both number types, 1 to 37 examples.

The whole law, 10,000 graphs and 200 networks, takes about an hour and a half:

    MANY=500 python -m pytest tests/compiler/test_balls.py -s
"""

import math
import os
import random
from collections import Counter

import numpy as np
import pytest
from enclosing import PRECISIONS, as_numbers, balls_of, precise, summed
from flint import arb
from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from engine import Value, gradients, jit, vmap
from engine.checks import Graph, graphs, mlps
from engine.compiler import batch, elementary, interpolation, lowering
from engine.compiler.training import TrainingLoop
from engine.trees import flatten

MANY = int(os.environ.get("MANY", "1"))
DTYPES = ("float64", "float32")
COUNTS = st.integers(1, 37)
seen = Counter()


@pytest.fixture(scope="module", autouse=True)
def tell():
    """Say at the end how many numbers had which verdict."""
    yield
    print(f"\n{sum(seen.values())} numbers: {', '.join(f'{n} {verdict}' for verdict, n in seen.most_common())}")


def as_value(y):
    return y if isinstance(y, Value) else Value(y)


def of_graph(graph, dtype):
    """(a function of a list of numbers, its point), all constants numbers of the type."""
    graph = as_numbers(graph, dtype)
    return lambda xs: as_value(graph(*xs)), graph.inputs


def of_network(network, dtype):
    """The same of a network: its parameters, then its inputs."""
    tree = flatten(network.point, "test", "network")
    return lambda xs: network(*tree.rebuild(list(xs))), tuple(float(np.dtype(dtype).type(x)) for x in tree.leaves)


def laid_out(point, first, dtype, count, rng):
    """(a few points that differ from number `first` on, which of them each of `count` examples is)."""
    kind = np.dtype(dtype).type

    def near():
        moved = [x * (1.0 + 0.01 * rng.gauss(0.0, 1.0)) if rng.random() < 0.7 else x for x in point[first:]]
        return (*point[:first], *[float(kind(x)) for x in moved])

    points = [point, *[near() for _ in range(min(count, 4) - 1)]]
    chosen = list(range(len(points))) + [rng.randrange(len(points)) for _ in range(count - len(points))]
    rng.shuffle(chosen)
    return points, chosen


def judged(got, ball, replay):
    """The verdict on a number: it must lie in its ball; where floats overflow, nan and infinities are right too."""
    if not ball.is_finite():
        return "singular"
    if not math.isfinite(got):
        return "overflow" if replay.overflows() else "wrong"
    if not ball.contains(got):
        return "wrong"
    if replay.kinks_met():
        return "kink"
    units, radius = replay.precision.units, float(ball.rad())
    return "wide" if radius > 0.01 * abs(float(ball.mid())) and radius > 1e-12 * units else "ok"


def wrong_lanes(function, point, dtype, count, rng, contract=True):
    """What lies outside its ball where each lane has a point of its own: (example, number, got, ball)."""
    points, chosen = laid_out(point, 0, dtype, count, rng)

    def derivatives(xs):
        y = function(xs)
        return [y, *gradients(y, list(xs))]

    found = jit(vmap(derivatives), dtype=dtype, contract=contract)([list(points[k]) for k in chosen])
    with precise():
        balls = [balls_of(function, p, PRECISIONS[dtype]) for p in points]
        known, wrong = {}, []
        for i, k in enumerate(chosen):
            replay, row = balls[k]
            for j, (got, ball) in enumerate(zip(found[i], row)):
                if (k, j, got) not in known:
                    known[k, j, got] = judged(got, ball, replay)
                    seen[known[k, j, got]] += 1
                if known[k, j, got] == "wrong":
                    wrong.append((i, j, got, ball))
        return wrong


def wrong_sums(function, point, first, dtype, count, rng):
    """What lies outside its ball where the loss is the mean over examples, which differ from number `first` on."""
    points, chosen = laid_out(point, first, dtype, count, rng)
    rows = [[*points[k][first:], 1.0] for k in chosen]
    loop = TrainingLoop(
        lambda ps, example: function([*ps, *example[:-1]]),
        lambda p, g, slots, settings: (p, [g]),
        point[:first],
        rows,
        slots=1,
        dtype=dtype,
    )
    got = [float(loop.run()[0, 0]), *loop.slots[0].tolist()]
    with precise():
        precision = PRECISIONS[dtype]
        counts = [chosen.count(k) for k in range(len(points))]
        seed = precision.once(1 / arb(count))
        replays, balls = zip(*[balls_of(function, p, precision, seed) for p in points])
        terms = list(zip(*balls))[: 1 + first]
        wanted = [summed(column, counts, precision) for column in terms]
        wanted[0] = precision.once(wanted[0] / count)
        wrong = []
        for j, (x, ball) in enumerate(zip(got, wanted)):
            verdicts = [judged(x, ball, replay) for replay in replays]
            verdict = next((v for v in ("overflow", "wrong", "kink") if v in verdicts), verdicts[0])
            seen[verdict] += 1
            if verdict == "wrong":
                wrong.append((j, x, ball))
        return wrong


def check(law, *args):
    wrong = law(*args)
    assert not wrong, "; ".join(f"{at}: {x!r} not in {ball}" for *at, x, ball in wrong[:3])


@settings(max_examples=20 * MANY)
@given(graphs(max_ops=12), COUNTS, st.integers(0, 2**32))
def test_every_derivative_of_a_graph_lies_in_its_ball(graph, count, seed):
    for dtype in DTYPES:
        function, point = of_graph(graph, dtype)
        rng = random.Random(seed)
        check(wrong_lanes, function, point, dtype, count, rng)
        check(wrong_sums, function, point, rng.randint(1, len(point)), dtype, count, rng)


@settings(max_examples=max(2, 2 * MANY // 5))
@given(mlps(max_width=9), COUNTS, st.integers(0, 2**32))
def test_the_gradient_of_a_batch_through_a_network_lies_in_its_ball(network, count, seed):
    event(network.activation)
    for dtype in DTYPES:
        function, point = of_network(network, dtype)
        note(repr(network))
        check(wrong_sums, function, point, len(point) - len(network.point[1]), dtype, count, random.Random(seed))


# The law is seen to fail ---------------------------------------------------------------------------------------------


def law_of(text, dtype="float64", count=11):
    """The law on a graph that shows a planted bug."""
    function, point = of_graph(Graph.parse(text), dtype)
    check(wrong_lanes, function, point, dtype, count, random.Random(0))
    check(wrong_sums, function, point, 1, dtype, count, random.Random(0))


def scaled(name, factor):
    """A function of the compiler, wrong by a factor."""
    right = getattr(elementary, name)
    return elementary, name, lambda k, x: right(k, x) * factor


PLANTED = [
    ("an exp wrong by 4e-16", "0.7 | exp 1", *scaled("exp", 1.0 + 2.0**-51)),
    ("an exp in float32 wrong by 2e-7", "0.7 | exp 1", *scaled("exp", 1.0 + 2.0**-22)),
    ("a polynomial of another degree", "0.3 | tanh 1 | sin 1", interpolation, "sin_tail",
     lambda degree, right=interpolation.sin_tail: [*right(degree - 1), 0.0]),
    ("a softplus without its guard", "800.0 0.5 | softplus 2 | mul 1 2", lowering.FORMULAS, "softplus",
     lambda k, x: k.apply("log", 1.0 + k.apply("exp", x))),
    ("the derivative of tanh as 1 - y*y", "12.0 | tanh 1", lowering.FORMULAS, "sech2",
     lambda k, x: 1.0 - k.apply("tanh", x) * k.apply("tanh", x)),
    ("a tail that counts its padding", "0.7 0.3 | mul 1 2", batch.Batch, "_mask", lambda self, b, left: None),
]  # fmt: skip


@pytest.mark.parametrize(("bug", "text", "place", "name", "planted"), PLANTED, ids=[p[0] for p in PLANTED])
def test_a_planted_bug_is_caught(bug, text, place, name, planted, monkeypatch):
    dtype = "float32" if "float32" in bug else "float64"
    law_of(text, dtype)
    (monkeypatch.setitem if isinstance(place, dict) else monkeypatch.setattr)(place, name, planted)
    with pytest.raises(AssertionError, match="not in"):
        law_of(text, dtype)


def test_swapped_lanes_of_a_tail_are_caught(monkeypatch):
    from engine.compiler.mapping import Mapped

    right = Mapped._as_results

    def swapped(self, rows, arrays):
        rows[8:] = np.roll(rows[8:], 1, 0)
        return right(self, rows, arrays)

    monkeypatch.setattr(Mapped, "_as_results", swapped)
    with pytest.raises(AssertionError, match="not in"):
        law_of("0.7 | exp 1", count=13)
