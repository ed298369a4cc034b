"""Compiled results lie in the balls of engine.checks: every value and derivative, both number types, 1 to 37 examples.

The whole law, 10,000 graphs and 200 networks, takes half an hour of an idle processor:

    MANY=500 python -m pytest tests/compiler/test_balls.py -s
"""

import math
import os
import random
from collections import Counter
from functools import partial

import numpy as np
import pytest
from compiling import leave_passes_out
from enclosing import PRECISIONS, as_numbers, balls_of, precise, summed
from flint import arb
from hypothesis import event, given, settings
from hypothesis import strategies as st

from engine import TABLE, Value, gradients, jit, total, vmap
from engine.checks import Graph, graphs, mlps, random_graphs
from engine.checks.generation import value_at
from engine.checks.graph import looked_up
from engine.compiler.llvm import batch, elementary, interpolation, lowering
from engine.compiler.training_loop import TrainingLoop
from engine.ops import PRIVATE
from engine.rule import BUILT_IN
from engine.transforms.trees import flatten

MANY = int(os.environ.get("MANY", "1"))
ROWS = sorted(BUILT_IN - PRIVATE)
TOGETHER = 5 if MANY == 1 else 20  # graphs compiled as one program: LLVM is most of the time
DTYPES = ("float64", "float32")
COUNTS = st.integers(1, 37)
seen = Counter()


@pytest.fixture(scope="module", autouse=True)
def tell():
    """Say at the end how many numbers had which verdict."""
    yield
    print(f"\n{sum(seen.values())} numbers: {', '.join(f'{n} {verdict}' for verdict, n in seen.most_common())}")


class Subject:
    """A function of a list of numbers, and its point: the first of them shared by all examples.

    Attributes:
        name: what to call it.
        function, point: the two.
        shared: how many numbers are shared where examples are summed.
    """

    def __init__(self, name, function, point, shared, dtype, legal=lambda point: True):
        kind = np.dtype(dtype).type
        self.name, self.function, self.shared, self.legal = name, function, shared, legal
        self.point = tuple(float(kind(x)) for x in point)

    def near(self, first, rng, dtype):
        """Another point, close by from number `first` on, where the function is defined there."""
        kind = np.dtype(dtype).type
        moved = [x * (1.0 + 0.01 * rng.gauss(0.0, 1.0)) if rng.random() < 0.7 else x for x in self.point[first:]]
        point = (*self.point[:first], *[float(kind(x)) for x in moved])
        return point if self.legal(point) else self.point


def of_graph(graph, dtype):
    """A Subject from a Graph, its constants numbers of the type."""
    graph = as_numbers(graph, dtype)

    def function(xs):
        y = graph(*xs)
        return y if isinstance(y, Value) else Value(y)

    def legal(point):
        values = list(point)
        for step in graph.steps:
            values.append(value_at(TABLE[step.op], [looked_up(a, values) for a in step.operands]))
            if values[-1] is None:
                return False
        return True

    return Subject(repr(graph), function, graph.inputs, 1 + len(graph.steps) % len(graph.inputs), dtype, legal)


def of_network(network, dtype):
    """A Subject from a network: its parameters, then its inputs."""
    tree = flatten(network.point, "test", "network")
    shared = len(tree.leaves) - len(network.point[1])
    return Subject(repr(network), lambda xs: network(*tree.rebuild(list(xs))), tree.leaves, shared, dtype)


def chosen_points(count, rng):
    """Which of up to four points each example is at; all of them occur."""
    chosen = [i if i < 4 else rng.randrange(4) for i in range(count)]
    rng.shuffle(chosen)
    return chosen


def judged(got, ball, replays):
    """The verdict on a number: it must lie in its ball; where floats overflow, nan and infinities are right too."""
    if not ball.is_finite():
        return "singular"
    if not math.isfinite(got):
        return "overflow" if any(r.beyond() for r in replays) else "wrong"
    if not ball.contains(got):
        return "wrong"
    if any(r.kinks_met() for r in replays):
        return "kink"
    units, radius = replays[0].precision.units, float(ball.rad())
    return "wide" if radius > 0.01 * abs(float(ball.mid())) and radius > 1e-12 * units else "ok"


class Judge:
    """Counts verdicts, each number of a subject once, and keeps the numbers that are wrong."""

    def __init__(self):
        self.known, self.wrong = {}, []

    def __call__(self, subject, where, got, ball, replays):
        key = subject.name, where, got
        if key not in self.known:
            verdict = self.known[key] = judged(got, ball, replays)
            seen[verdict] += 1
            if verdict == "wrong":
                self.wrong.append(f"{subject.name}, number {where}: {got!r} not in {ball}")


def wrong_lanes(subjects, dtype, count, rng, contract=True, number=None, backend="llvm"):
    """What lies outside its ball where each example has a point of its own."""
    number = number or arb
    chosen, judge = chosen_points(count, rng), Judge()
    points = [[s.point, *[s.near(0, rng, dtype) for _ in range(3)]] for s in subjects]

    def derivatives(*rows):
        found = []
        for s, xs in zip(subjects, rows):
            y = s.function(xs)
            found += [y, *gradients(y, list(xs))]
        return found

    columns = [[list(of[k]) for k in chosen] for of in points]
    rows = iter(zip(*jit(vmap(derivatives), dtype=dtype, contract=contract, backend=backend)(*columns)))
    with precise():
        for s, of in zip(subjects, points):
            balls = [
                balls_of(s.function, p, PRECISIONS[dtype], None, number) if k in chosen else None
                for k, p in enumerate(of)
            ]
            for j in range(1 + len(s.point)):
                for k, got in zip(chosen, next(rows)):
                    replay, expected = balls[k]
                    judge(s, (k, j), got, expected[j], [replay])
    return judge.wrong


def wrong_sums(subjects, dtype, count, rng):
    """What lies outside its ball where the loss is the mean over examples."""
    chosen, judge = chosen_points(count, rng), Judge()
    points = [[s.point, *[s.near(s.shared, rng, dtype) for _ in range(3)]] for s in subjects]

    def loss(ps, example):
        ps, example, outputs = iter(ps), iter(example), []
        for s in subjects:
            own = [next(ps if i < s.shared else example) for i in range(len(s.point))]
            outputs.append(s.function(own))
        return total(outputs), outputs

    rows = [[1.0, *[x for s, of in zip(subjects, points) for x in of[k][s.shared :]]] for k in chosen]
    loop = TrainingLoop(
        lambda ps, example: loss(ps, example[1:]),
        lambda p, g, slots, settings: (p, [g]),
        [x for s in subjects for x in s.point[: s.shared]],
        rows,
        slots=1,
        dtype=dtype,
    )
    loop.run()
    sums, outputs = iter(loop.slots[0].tolist()), loop.outputs[0].tolist()
    with precise():
        precision = PRECISIONS[dtype]
        counts, seed = [chosen.count(k) for k in range(4)], precision.once(1 / arb(count))
        for place, (s, of) in enumerate(zip(subjects, points)):
            replays, balls = zip(*[balls_of(s.function, p, precision, seed) for p in of])
            for k, output in zip(chosen, outputs):
                judge(s, (k, 0), output[place], balls[k][0], [replays[k]])
            for j, terms in enumerate(list(zip(*balls))[1 : 1 + s.shared], 1):
                judge(s, j, next(sums), summed(terms, counts, precision), replays)
    return judge.wrong


def check(law, subjects, dtype, *args):
    """In float32 the program is the same but for the type: with LLVM's passes it is in float64, and in a long run."""
    with pytest.MonkeyPatch.context() as patch:
        if dtype == "float32" and MANY == 1:
            leave_passes_out(patch.setattr)
        wrong = law(subjects, dtype, *args)
    assert not wrong, "; ".join(wrong[:3])


@pytest.mark.usefixtures("outlined")
@settings(max_examples=max(4, MANY))
@given(st.lists(graphs(max_ops=12), min_size=TOGETHER, max_size=TOGETHER), COUNTS, st.integers(0, 2**32))
def test_every_derivative_of_a_graph_lies_in_its_ball(drawn, count, seed):
    for dtype in DTYPES:
        subjects, rng = [of_graph(graph, dtype) for graph in drawn], random.Random(seed)
        check(wrong_sums, subjects, dtype, count, rng)
        # Gradients of single examples take twice as long to compile: a long run takes them of half of the lists.
        if MANY == 1 or dtype == dict(enumerate(DTYPES)).get(seed % 4):
            check(wrong_lanes, subjects, dtype, count, rng)


@settings(max_examples=max(2, 2 * MANY // 5))
@given(mlps(max_width=9), COUNTS, st.integers(0, 2**32))
def test_the_gradient_of_a_batch_through_a_network_lies_in_its_ball(network, count, seed):
    event(network.activation)
    for dtype in DTYPES:
        check(wrong_sums, [of_network(network, dtype)], dtype, count, random.Random(seed))


def slopes(graph, dtype):
    """A Subject for each derivative of a graph: its own derivatives are second ones."""
    subject = of_graph(graph, dtype)

    def slope(k):
        return lambda xs: gradients(subject.function(xs), list(xs))[k]

    for k in range(len(subject.point)):
        yield Subject(f"∂{k} of {subject.name}", slope(k), subject.point, 1, dtype, subject.legal)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("part", range(4))
@pytest.mark.usefixtures("outlined")
def test_second_derivatives_of_every_row_lie_in_their_balls(part, dtype):
    drawn = []
    for name in ROWS[part::4]:
        found = [g for g in random_graphs(60, MANY, 1, [name]) if g.steps]
        assert found, name
        drawn += found[: min(MANY, 20)]
    subjects = [s for g in drawn for s in slopes(g, dtype)]
    check(partial(wrong_lanes, number=PRECISIONS[dtype].number), subjects, dtype, 11, random.Random(part))


# The law is seen to fail ---------------------------------------------------------------------------------------------


def law_of(text, dtype="float64", count=11):
    """The law on a graph that shows a planted bug."""
    subjects = [of_graph(Graph.parse(text), dtype)]
    check(wrong_lanes, subjects, dtype, count, random.Random(0))
    check(wrong_sums, subjects, dtype, count, random.Random(0))


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
    from engine.compiler import specialization

    right = specialization.mapped_results

    def swapped(results, columns, arrays):
        columns[:, 8:] = np.roll(columns[:, 8:], 1, 1)
        return right(results, columns, arrays)

    monkeypatch.setattr(specialization, "mapped_results", swapped)
    with pytest.raises(AssertionError, match="not in"):
        law_of("0.7 | exp 1", count=13)
