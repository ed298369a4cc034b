"""A span leads where its index does, in every round of the loops around it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compiler.loops.program import For, Polynomial
from engine.compiler.loops.spans import Nest, Span

STEPS = st.integers(-4, 4)


def walked(loops, index, rounds=None):
    """(where an index leads, the loop variables), round by round in Python."""
    rounds = rounds or {}
    if not loops:
        return [(index.evaluated(rounds), rounds)]
    first, *rest = loops
    return [
        pair
        for i in range(first.count.evaluated(rounds))
        for pair in walked(rest, index, {**rounds, first.variable: i})
    ]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=3), st.lists(STEPS, min_size=4, max_size=4), st.booleans(), STEPS)
def test_a_span_leads_where_its_index_does(counts, steps, triangular, square):
    loops, nest = [], Nest()
    for k, n in enumerate(counts):
        count = Polynomial({((0, 1),): 1, (): 1}) if triangular and k == 1 else Polynomial.constant(n)
        loops.append(For(k, count))
        nest = Nest(nest, loops[-1])
    index = Polynomial({((k, 1),): s for k, s in enumerate(steps[: len(counts)]) if s})
    if counts and square:
        index = index + Polynomial({((0, 2),): square})
    every = walked(loops, index)
    least = min([at for at, _ in every], default=0)
    index = index + Polynomial.constant(steps[3] + 4 - least)
    every = walked(loops, index)
    table = np.arange(1000, 1200)
    span = Span(index, nest)
    read = np.broadcast_to(span.of(table), span.shape).ravel().tolist()
    assert {*read} == {1000 + at for at, _ in every}
    access = span.access()
    assert access.positions.ravel().tolist() == [x - 1000 for x in read]
    assert span.size == len(read)
    spread = {v: np.broadcast_to(a, access.positions.shape).ravel() for v, a in access.rounds.items()}
    told = [tuple(sorted({v: int(a[i]) for v, a in spread.items()}.items())) for i in range(span.size)]
    assert {(at, *r) for at, r in zip(access.positions.ravel().tolist(), told)} == {
        (at, *sorted((v, i) for v, i in rounds.items() if v in access.rounds)) for at, rounds in every
    }
    written = np.zeros(200, bool)
    span.fill(written, True)
    assert np.flatnonzero(written).tolist() == sorted({at for at, _ in every})
    if loops and all(v in span.rounds for v in range(len(loops))):
        ends = [rounds[len(loops) - 1] + 1 == loops[-1].count.evaluated(rounds) for _, rounds in every]
        assert span.last(loops[-1]).ravel().tolist() == ends


def test_loops_that_an_index_does_not_depend_on_are_not_counted():
    nest = Nest(Nest(None, For(0, Polynomial.constant(10**6))), For(1, Polynomial.constant(5)))
    span = Span(Polynomial({((1, 1),): 2}), nest)
    assert span.shape == (5,) and span.positions().tolist() == [0, 2, 4, 6, 8]
