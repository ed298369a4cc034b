"""Laws that need no oracle, over graphs of all ops: looking changes nothing, and backward does each edge once."""

import pickle

import pytest
from hypothesis import given

import engine
from engine import Value, explain, topological_order
from engine.checks import Graph, graphs


def built(graph):
    leaves = [Value(x, label=f"x{i}") for i, x in enumerate(graph.inputs)]
    return graph(*leaves), leaves


def seen(output):
    """All that a graph is: numbers to the bit, gradients, labels, and who is made of whom."""
    order = topological_order(output)
    place = {v: i for i, v in enumerate(order)}
    return [
        (v.op, v.data.hex(), v.grad.hex(), repr(v), [place.get(a, a) if isinstance(a, Value) else a for a in v.args])
        for v in order
    ]


@given(graphs())
def test_explaining_and_drawing_change_nothing(graph):
    output, _ = built(graph)
    output.backward()
    before = seen(output)
    str(explain(output))
    text = engine.draw(output).dot
    assert text
    assert seen(output) == before


@given(graphs(max_ops=20))
def test_a_pickle_of_a_graph_is_the_graph_to_the_bit(graph):
    output, _ = built(graph)
    output.backward()
    assert seen(pickle.loads(pickle.dumps(output))) == seen(output)


@given(graphs(max_ops=20))
def test_backward_asks_each_node_for_its_partials_once(graph):
    output, _ = built(graph)
    edges = sum(isinstance(a, Value) for v in topological_order(output) for a in v.args)
    asked = []
    rows = {v.op for v in topological_order(output) if v.op is not None}
    right = {row: row.partials for row in rows}
    for row in rows:
        row.partials = tuple(
            p if isinstance(p, float) else lambda *args, p=p, row=row: (asked.append(row), p(*args))[1]
            for p in right[row]
        )
    try:
        output.backward()
    finally:
        for row in rows:
            row.partials = right[row]
    # Rows of the table ask other rows' forwards, never their partials: an edge is asked once at most, twice where a
    # float partial raises and is run again on Values.
    assert len(asked) <= 2 * edges


def ladder(depth):
    """A graph of 3 nodes a rung and 2^depth paths."""
    x = Value(1.0)
    y = x
    for _ in range(depth):
        y = engine.sin(y) + engine.cos(y)
    return y, x


@pytest.mark.parametrize("depth", [1, 10, 100])
def test_a_gradient_costs_at_most_five_times_its_function_however_many_paths_there_are(depth):
    y, x = ladder(depth)
    y.backward()
    (slope,) = engine.gradients(y, [x])
    assert slope.data == x.grad
    assert len(topological_order(slope)) <= 5 * len(topological_order(y))


def test_seen_notices_a_changed_bit():
    output, leaves = built(Graph.parse("0.5 | exp 1 | mul 1 1"))
    before = seen(output)
    leaves[0].grad = 5e-324
    assert seen(output) != before
