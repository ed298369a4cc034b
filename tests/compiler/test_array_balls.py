"""What NumPy computes from a raised program lies in the balls that certify the scalar one: over random graphs and nets.

The whole law, 5,000 graphs and 1,000 nets:

    MANY=1000 python -m pytest tests/compiler/test_array_balls.py -s
"""

import os
import random

import pytest
from enclosing import DOUBLE, balls_of, precise, summed
from flint import arb
from hypothesis import event, given, settings
from hypothesis import strategies as st
from recurrences import Recurrence, drawn
from test_balls import Judge, Subject, check, chosen_points, of_graph, of_network, wrong_lanes

from engine import dot, jit, tanh, total, value_and_grad
from engine.checks import graphs, mlps
from engine.compiler.arrays import array_program, scans, text
from engine.compiler.arrays.program import Affine

MANY = int(os.environ.get("MANY", "1"))
COUNTS = st.integers(2, 17)


def wrong_batch(subject, count, rng, backend="numpy", precision=DOUBLE):
    """What lies outside its ball where a function sums its examples itself, in loops that are raised to contractions."""
    chosen, judge = chosen_points(count, rng), Judge()
    points = [subject.point, *[subject.near(subject.shared, rng, "float64") for _ in range(3)]]

    def loss(shared, rows):
        return total([subject.function([*shared, *row]) for row in rows]) / count

    rows = [list(points[k][subject.shared :]) for k in chosen]
    value, gradient = jit(value_and_grad(loss), backend=backend, dtype="float64")(
        list(points[0][: subject.shared]), rows
    )
    counts, seed = [chosen.count(k) for k in range(4)], precision.once(1 / arb(count))
    with precise():
        replays, balls = zip(*[balls_of(subject.function, p, precision, seed) for p in points])
        values = summed([b[0] for b in balls], counts, precision)
        judge(subject, "value", value, precision.once(values / count), replays)
        for j, terms in enumerate(list(zip(*balls))[1 : 1 + subject.shared]):
            judge(subject, j, gradient[j], summed(terms, counts, precision), replays)
    return judge.wrong


@settings(max_examples=max(3, MANY))
@given(st.lists(graphs(max_ops=12), min_size=5, max_size=5), COUNTS, st.integers(0, 2**32))
def test_every_derivative_of_a_graph_lies_in_its_ball(drawn, count, seed):
    subjects, rng = [of_graph(graph, "float64") for graph in drawn], random.Random(seed)
    check(lambda *args: wrong_lanes(*args, backend="numpy"), subjects, "float64", count, rng)


@settings(max_examples=max(4, MANY))
@given(mlps(max_width=9), COUNTS, st.integers(0, 2**32))
def test_the_gradient_of_a_batch_through_a_network_lies_in_its_ball(network, count, seed):
    event(network.activation)
    check(wrong_batch, of_network(network, "float64"), count, random.Random(seed))


def wrong_rounds(program, point):
    """What lies outside its ball of a program that carries a state, and of its gradient; refused is what takes too many arrays."""
    judge, subject = Judge(), Subject(repr(program), program, point, 0, "float64")
    try:
        value, gradient = jit(value_and_grad(program), backend="numpy")(list(point))
    except TypeError as error:
        assert " at " in str(error)
        return event("refused")
    with precise():
        replay, balls = balls_of(program, point, DOUBLE)
        for j, (got, ball) in enumerate(zip([value, *gradient], balls)):
            judge(subject, j, got, ball, [replay])
    return judge.wrong


@settings(max_examples=max(6, MANY))
@given(st.integers(0, 2**32))
def test_what_is_carried_from_round_to_round_lies_in_its_ball_and_so_does_its_gradient(seed):
    assert not wrong_rounds(*drawn(seed))


# The law is seen to fail ---------------------------------------------------------------------------------------------


def square_layer(xs):
    """A layer of three neurons of three inputs: whatever is mixed up has the right shape."""
    rows, b, x = [xs[0:3], xs[3:6], xs[6:9]], xs[9:12], xs[12:15]
    return total([tanh(dot(w, x, c)) for w, c in zip(rows, b)])


def squares():
    point = [0.1 * k * (-1.0) ** k for k in range(15)]
    return wrong_batch(Subject("a square layer", square_layer, point, 12, "float64"), 3, random.Random(0))


def without_transpose(said, have, want, right=text._aligned):
    return right(said, [a for a in want if a in have], want) if len(have) == 2 else right(said, have, want)


def along_the_other_axis(rows, library, right=array_program.functions):
    found = right(rows, library)
    return {**found, "sum": lambda x, axis=None, plain=found["sum"]: plain(x, axis=None if axis is None else 1 - axis)}


def one_before(p, size, right=text.slice_text):
    return right(Affine(max(p.start - 1, 0), p.slopes), size)


PLANTED = [
    ("a transposed contraction", text, "_aligned", without_transpose),
    ("a sum along the wrong axis", array_program, "functions", along_the_other_axis),
    ("a stale slice", text, "slice_text", one_before),
]


@pytest.mark.parametrize(("fault", "module", "name", "wrong"), PLANTED, ids=[fault for fault, *_ in PLANTED])
def test_a_planted_fault_is_caught(fault, module, name, wrong, monkeypatch):
    assert not squares()
    monkeypatch.setattr(module, name, wrong)
    assert squares()


def a_recurrent_net():
    program = Recurrence(6, 2, 2, (((0, 0, 0, 0),), ((1, 0, 2, 0), (2, 0, 1, 5))), True, True, True, 1)
    return wrong_rounds(program, [0.1 * k * (-1.0) ** k for k in range(sum(program.sizes))])


def a_round_late(self, p, right=scans.Round.said):
    return right(self, Affine(max(p.start - 1, 0), p.slopes))


def from_the_end(self, scan, right=text.Text._scan):
    return [line.replace("in range(", "in reversed(range(").replace("):", ")):") for line in right(self, scan)]


@pytest.mark.parametrize(
    ("holder", "name", "wrong"), [(scans.Round, "said", a_round_late), (text.Text, "_scan", from_the_end)],
    ids=["a state off by a round", "a reversed order"],
)  # fmt: skip
def test_a_fault_planted_in_a_scan_is_caught(holder, name, wrong, monkeypatch):
    assert not a_recurrent_net()
    monkeypatch.setattr(holder, name, wrong)
    assert a_recurrent_net()
