"""Copies and pickles of Values and graphs: what they keep, what they share, and what they leave out."""

import copy
import pickle
import threading

import pytest
from hypothesis import given
from strategies import built, hexes, moderate, tapes

import engine
from engine import TABLE, Value, topological_order


def facts(nodes):
    place = {v: k for k, v in enumerate(nodes)}
    return [
        (v.op, v.label, hexes([v.data, v.grad]), repr(v), str(v.scope), [place.get(a, a) for a in v.args])
        for v in nodes
    ]


def through_pickle(roots, protocol=pickle.HIGHEST_PROTOCOL):
    return pickle.loads(pickle.dumps(roots, protocol))


@given(tapes(moderate))
def test_deepcopy_and_pickle_give_the_same_graph(tape):
    _, nodes = built(tape)
    root = nodes[-1]
    nodes[0].label = "x"
    root.backward()
    for twin in (copy.deepcopy(root), through_pickle(root), through_pickle(root, 0)):
        assert [f[:5] for f in facts(topological_order(twin))] == [f[:5] for f in facts(topological_order(root))]
        ours, theirs = topological_order(root), topological_order(twin)
        shapes = [
            [[place.get(a) for a in v.args if isinstance(a, Value)] for v in order]
            for order in (ours, theirs)
            for place in [{v: k for k, v in enumerate(order)}]
        ]
        assert shapes[0] == shapes[1]
        assert not {id(v) for v in ours} & {id(v) for v in theirs}


def test_copy_shares_the_arguments():
    a = Value(2.0, label="a")
    y = a * a
    c = copy.copy(y)
    assert c is not y
    assert (c.op, c.data) == (y.op, y.data)
    assert c.args[0] is a


def test_roots_that_share_nodes_still_share_them_after_one_dump():
    a = Value(2.0)
    h = a * a
    first, second = h + 1, h * 3
    for twins in (through_pickle([first, second, a, h]), copy.deepcopy([first, second, a, h])):
        f, s, a2, h2 = twins
        assert f.args[0] is h2
        assert s.args[0] is h2
        assert h2.args == (a2, a2) or (h2.args[0] is a2 and h2.args[1] is a2)
        f.backward()
        s.backward()
        assert a2.grad == 16.0
    assert a.grad == 0.0


def test_a_leaf_shared_with_a_container_is_still_shared():
    a = Value(2.0)
    box = through_pickle({"params": [a], "loss": a * 3.0, "again": [a]})
    box["loss"].backward()
    assert box["params"][0].grad == 3.0
    assert box["again"][0] is box["params"][0]


class Stubborn:
    def __reduce__(self):
        raise RuntimeError("no")


def test_a_failed_dump_leaves_later_dumps_right():
    a = Value(2.0)
    y = a * a
    for bad in ([y, Stubborn()], [Stubborn(), y]):
        with pytest.raises(RuntimeError, match="no"):
            pickle.dumps(bad)
    y.label = "y"
    y._about = engine.context.About("y", Stubborn(), None)  # fails in the middle of the graph
    with pytest.raises(RuntimeError, match="no"):
        pickle.dumps([y * a, a])
    y._about = None
    deep = a
    for _ in range(5000):
        deep = deep * 1.0
    twin, twin_a = through_pickle([deep, a])
    twin.backward()
    assert twin_a.grad == 1.0


def test_pickles_of_several_threads_do_not_mix():
    def chain(n):
        y = Value(1.0)
        for _ in range(n):
            y = y * 1.0
        return y

    got = []
    threads = [
        threading.Thread(target=lambda: got.append(len(topological_order(through_pickle(chain(5000))))))
        for _ in range(4)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert got == [5001] * 4


def test_a_pickle_that_needs_a_row_added_at_run_time_says_so():
    engine.op("fleeting", lambda x: x, 1.0)
    try:
        data = pickle.dumps(Value(1.0).fleeting())
        assert pickle.loads(data).op is TABLE["fleeting"]
    finally:
        del TABLE["fleeting"], Value.fleeting
    with pytest.raises(LookupError, match="the table has no op 'fleeting'; define it with engine.op before loading"):
        pickle.loads(data)
