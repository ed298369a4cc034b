"""A million nodes: built, differentiated, printed, pickled, copied and dropped, without recursion and without a trace."""

import copy
import gc
import pickle
import sys

import pytest

import engine
from engine import Value, explain, gradients, topological_order, total
from engine.formulas.formula import to_text

MILLION = 1_000_000
SMALL = 2_000


def chain(n):
    x = y = Value(1.0, label="x")
    for _ in range(n // 2):
        y = y * 1.0
        y = y + 0.0
    return [x], y


def sum_by_plus(n):
    xs = [Value(1.0) for _ in range(n // 2)]  # and as many additions, less one
    y = xs[0]
    for x in xs[1:]:
        y = y + x
    return xs, y


def chain_with_leaves(n):
    xs = [Value(1.0)]
    y = xs[0]
    for _ in range(n // 3):
        xs.append(Value(0.0))
        y = y * 1.0
        y = y + xs[-1]
    return xs, y


def sum_by_total(n):
    xs = [Value(1.0) for _ in range(n)]
    return xs, total(xs)


@pytest.fixture(autouse=True)
def _without_the_collector():
    """Python's own recursion limit; the collector off, so that only reference counts free anything, and to save time."""
    assert sys.getrecursionlimit() <= 1000
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def values_alive():
    return sum(type(o) is Value for o in gc.get_objects())


def twins(root):
    yield copy.deepcopy(root)
    yield pickle.loads(pickle.dumps(root))


def is_workable(leaf, root):
    root.backward()
    assert leaf.grad == 1.0
    (g,) = gradients(root, [leaf])
    assert g.data == 1.0
    assert repr(root) == f"Value(data={root.data}, grad=1.0)"
    for twin in twins(root):
        assert (twin.data, twin.op) == (root.data, root.op)
    root.zero_grad()
    assert leaf.grad == 0.0


GRAPHS = {"chain": chain, "sum by +": sum_by_plus, "sum by total": sum_by_total}


@pytest.mark.parametrize(("graph", "n"), [(chain_with_leaves, MILLION), (sum_by_total, MILLION // 5)])
def test_a_million_nodes_are_built_differentiated_printed_pickled_copied_and_dropped(graph, n):
    """A million in depth; a wide graph has none in which anything could run out."""
    before = values_alive()
    leaves, root = graph(n)
    is_workable(leaves[0], root)
    del leaves, root
    assert values_alive() == before


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS.keys())
def test_formulas_of_deep_and_wide_graphs_are_printed(graph):
    leaves, root = graph(MILLION // 20)
    root.backward()
    assert to_text(root)
    assert str(explain(root, leaves[0]))


def test_the_order_of_a_deep_graph_ends_at_its_root():
    leaves, root = chain(MILLION // 10)
    order = topological_order(root)
    assert (order[0], order[-1], len(order)) == (leaves[0], root, MILLION // 10 + 1)


def used(what):
    """Do something to a graph and drop everything."""
    leaves, root = chain(SMALL)
    root = root * engine.dot(leaves, leaves, root) + engine.where(leaves[0] > 0, root, 1.0)
    what(leaves, root)


def anomaly(x):
    with engine.detect_anomaly(), pytest.raises(engine.AnomalyError):
        engine.log(x - 1.0)


def failed_pickle(y):
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps([y, lambda: 0])


USES = {
    "backward": lambda xs, y: y.backward(),
    "backward with a rerun on Values": lambda xs, y: (y + engine.sqrt(xs[0] - 1.0)).backward(),
    "gradients": lambda xs, y: gradients(y, xs),
    "gradients of gradients": lambda xs, y: gradients(gradients(y, xs)[0], xs),
    "backward of gradients": lambda xs, y: gradients(y, xs)[0].backward(),
    "deepcopy": lambda xs, y: copy.deepcopy(y),
    "copy": lambda xs, y: copy.copy(y),
    "pickle": lambda xs, y: pickle.loads(pickle.dumps([y, xs])),
    "topological_order": lambda xs, y: topological_order(y),
    "explain": lambda xs, y: str(explain(y, xs[0])),
    "to_text": lambda xs, y: to_text(y),
    "zero_grad": lambda xs, y: y.zero_grad(),
    "transforms": lambda xs, y: engine.grad(lambda x: engine.tanh(x) * x)(2.0),
    "an anomaly": lambda xs, y: anomaly(xs[0]),
    "a failed pickle": lambda xs, y: failed_pickle(y),
}


@pytest.mark.parametrize("what", USES.values(), ids=USES.keys())
def test_no_node_is_left_of_a_dropped_graph(what):
    used(what)  # what a first call keeps (caches of imports) is not counted
    before = values_alive()
    used(what)
    assert values_alive() == before
