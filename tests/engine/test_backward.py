"""Reverse accumulation: known answers, and laws over random graphs of all rows."""

import copy
import math
import signal
from contextlib import contextmanager

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from strategies import Tape, any_float, applied, built, forward_sweep, hexes, moderate, tapes

import engine
from engine import TABLE, Operands, Value, dot, gradients, no_grad, partials, relu, sqrt, topological_order, where
from engine.backprop import _marked_order

INTEGER = ["add", "sub", "mul", "neg", "square", "relu", "abs", "maximum", "minimum", "total", "dot", "where", "clip"]
integers = st.integers(-2, 2).map(float)
SHARED = Tape([1.0], [("add", [1, 1]), ("add", [1, 2]), ("mul", [1, 2]), ("add", [3, 1])])  # a wrong order shows here


# Known answers -------------------------------------------------------------------------------------------------------


def test_micrograds_readme_example():
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert (g.data, a.grad, b.grad) == (24.70408163265306, 138.83381924198252, 645.5772594752186)


def test_two_losses_that_share_a_node_add_up_in_the_leaf():
    p = Value(2.0)
    h = p * p
    first, second = 3 * h, 5 * h
    first.backward()
    assert (p.grad, h.grad) == (12.0, 3.0)
    second.backward()
    assert (p.grad, h.grad) == (32.0, 5.0)


def test_backward_twice_doubles_the_leaf():
    x = Value(3.0)
    y = x**3
    y.backward()
    assert x.grad == 27.0
    y.backward()
    assert (x.grad, y.grad) == (54.0, 1.0)


def test_a_plus_a_has_two_edges():
    a = Value(3.0)
    y = a + a
    assert y.args == (a, a)
    y.backward()
    assert a.grad == 2.0
    assert forward_sweep(y, [a], [1.0]) == 2.0
    assert gradients(y, [a])[0].data == 2.0


def test_the_same_leaf_at_every_place_of_a_dot():
    a = Value(3.0)
    y = engine.dot([a, a], [a, 2.0], a)
    y.backward()
    assert (y.data, a.grad) == (18.0, 9.0)


def test_backward_of_a_leaf_adds_to_its_gradient():
    a = Value(3.0)
    a.backward()
    a.backward(0.5)
    assert a.grad == 1.5


def test_a_node_that_only_cut_edges_reach_shows_zero_and_others_a_dash():
    a, b = Value(-1.0), Value(4.0)
    s = sqrt(b)
    y = where(a > 0, s, a)
    other = s + 1.0
    y.backward()
    assert (a.grad, b.grad, s.grad) == (1.0, 0.0, 0.0)
    assert "grad=0.0" in repr(b)
    assert "grad=0.0" in repr(s)
    assert "grad=–" in repr(other)
    y.zero_grad()
    assert all("grad=–" in repr(v) for v in topological_order(y))
    assert b.grad == 0.0


def test_a_gradient_may_be_added_to_before_any_backward():
    p = Value(1.0)
    p.grad += 2.0
    (3 * p).backward()
    assert p.grad == 5.0


# Laws over random graphs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grad", [None, "1", [0.0], 1j, 10**400])
def test_a_gradient_set_to_no_number_is_refused_and_all_leaves_stay_as_they_were(grad):
    a, b = Value(2.0, label="a"), Value(3.0)
    b.grad = 7.0
    for root in (b * a, a):
        a.grad = grad
        with pytest.raises(
            TypeError, match=r"backward takes numbers as grad to add to, got .* on the leaf 'a'; zero_grad"
        ):
            root.backward()
        assert (a.grad, b.grad) == (grad, 7.0)
    root = a * b
    root.zero_grad()
    root.backward()
    assert (a.grad, b.grad) == (3.0, 2.0)


def cut_at_non_finite(root):
    """Whether a row that is not `where` cuts, and something is not finite: there gradients may answer nan."""
    nodes = [v for v in topological_order(root) if v.op is not None]
    numbers = [x for v in nodes for x in [v.data, *[p for p in partials(v) if p is not None]]]
    cuts = any(v.op.selects and any(map(callable, v.op.partials)) for v in nodes)
    return cuts and not all(map(math.isfinite, numbers))


def backward_and_gradients_agree(tape):
    leaves, nodes = built(tape)
    root = nodes[-1]
    if cut_at_non_finite(root):
        event("cut at a non-finite value")
        return
    graph = [g.data for g in gradients(root, leaves)]
    root.backward()
    swept = [v.grad for v in leaves]
    if any(v.op is not None and v.op.selects for v in topological_order(root)):
        event("with rows that select")  # a branch not taken adds +0 in the graph and nothing in the sweep
        graph, swept = [g + 0.0 for g in graph], [g + 0.0 for g in swept]
    assert hexes(graph) == hexes(swept)


@settings(max_examples=400)
@given(tapes(moderate))
@example(SHARED)
def test_backward_and_gradients_give_the_same_bits(tape):
    backward_and_gradients_agree(tape)


@settings(max_examples=200)
@given(tapes(any_float))
def test_backward_and_gradients_give_the_same_bits_at_any_floats(tape):
    backward_and_gradients_agree(tape)


def order_is_topological(tape):
    orders_agree(built(tape)[1][-1])


def orders_agree(root):
    order = topological_order(root)
    place = {v: k for k, v in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is root
    assert all(place[a] < place[v] for v in order for a in v.args if isinstance(a, Value))
    first_argument_first(root, order)
    if root.op is not None:
        marked, leaves = [], []
        _marked_order([root], marked, leaves, [])
        assert [id(v) for v in marked] == [id(v) for v in order if v.op is not None]
        assert {id(v) for v in leaves} == {id(v) for v in order if v.op is None}
        assert len(leaves) == len({id(v) for v in leaves})


def first_argument_first(root, order):
    """The order is that of the textbook's recursive walk."""
    seen, walked = set(), []

    def walk(v):
        if v not in seen:
            seen.add(v)
            for a in v.args:
                if isinstance(a, Value):
                    walk(a)
            walked.append(v)

    walk(root)
    assert [id(v) for v in walked] == [id(v) for v in order]


@given(tapes())
@example(SHARED)
def test_the_marked_order_is_the_topological_order(tape):
    order_is_topological(tape)


@st.composite
def shared_lists(draw):
    """The root of a graph of dots over few lists of operands, each shared by many: nodes of lists made of such dots."""
    nodes = [Value(draw(moderate)) for _ in range(3)]
    lists = []
    for _ in range(draw(st.integers(1, 8))):
        if not lists or draw(st.booleans()):
            lists.append(Operands([nodes[i % len(nodes)] for i in draw(st.tuples(*[st.integers(0, 99)] * 2))]))
        pair = draw(st.tuples(st.sampled_from(lists), st.sampled_from(lists)))
        nodes.append(dot(*pair, nodes[draw(st.integers(0, 99)) % len(nodes)]))
    return nodes[-1]


@given(shared_lists())
def test_lists_of_operands_that_nodes_share_are_ordered_and_swept_as_others(root):
    orders_agree(root)
    leaves = [v for v in topological_order(root) if v.op is None]
    root.backward()
    assert hexes([v.grad for v in leaves]) == hexes([g.data for g in gradients(root, leaves)])


def copied_out(tape):
    """(leaves, root) of the tree that a tape unfolds into: nothing is shared, each use has its own copy."""
    leaves = [[] for _ in tape.leaves]

    def node(k):
        if k < len(tape.leaves):
            leaves[k].append(Value(tape.leaves[k]))
            return leaves[k][-1]
        name, operands = tape.steps[k - len(tape.leaves)]
        backs = [k - min(o, k) if isinstance(o, int) else None for o in operands]
        if all(b is None for b in backs):
            backs[0] = k - 1
        return applied(TABLE[name], [o if b is None else node(b) for o, b in zip(operands, backs)])

    return leaves, node(len(tape.leaves) + len(tape.steps) - 1)


def sharing_is_copying(tape):
    leaves, nodes = built(tape)
    if not all(abs(v.data) < 1000.0 for v in nodes):
        event("integers grow too large")
        return
    nodes[-1].backward()
    copies, root = copied_out(tape)
    root.backward()
    assert root.data == nodes[-1].data
    sums = [sum((c.grad for c in places), 0.0) for places in copies]
    assert max(map(abs, sums), default=0.0) < 2.0**50  # so that integers are exact
    assert sums == [v.grad for v in leaves]


@given(tapes(integers, rows=INTEGER, max_steps=5))
@example(SHARED)
def test_sharing_is_copying(tape):
    sharing_is_copying(tape)


def forward_mode_is_reverse_mode(tape):
    leaves, nodes = built(tape)
    if not all(abs(v.data) < 1000.0 for v in nodes):
        event("integers grow too large")
        return
    root = nodes[-1]
    root.backward()
    for k, leaf in enumerate(leaves):
        tangents = [float(i == k) for i in range(len(leaves))]
        assert forward_sweep(root, leaves, tangents) == leaf.grad


@given(tapes(integers, rows=INTEGER, max_steps=8))
@example(SHARED)
def test_forward_mode_is_reverse_mode(tape):
    forward_mode_is_reverse_mode(tape)


def repeats(tape):
    leaves, nodes = built(tape)
    root = nodes[-1]
    root.backward()
    once, inner = [v.grad for v in leaves], [v.grad for v in nodes if v.op is not None]
    root.backward()
    if root.op is not None:
        assert hexes([v.grad for v in leaves]) == hexes([g + g for g in once])
        assert hexes([v.grad for v in nodes if v.op is not None]) == hexes(inner)


@given(tapes())
@example(SHARED)
def test_backward_again_adds_the_same_to_leaves_and_leaves_inner_nodes(tape):
    repeats(tape)


def by_hand(tape):
    leaves, nodes = built(tape)
    root = nodes[-1]
    order = topological_order(root)
    root.grad = 1.0
    for v in reversed(order):
        v._backward()
    grads = [v.grad for v in leaves]
    root.zero_grad()
    root.backward()
    assert hexes([g + 0.0 for g in grads]) == hexes([v.grad + 0.0 for v in leaves])


@given(tapes(rows=set(TABLE) - {name for name, row in TABLE.items() if row.selects}))
@example(SHARED)
def test_micrograds_backward_by_hand_is_backward(tape):
    by_hand(tape)


def seed_scales(tape, factor):
    _, nodes = built(tape)
    root = nodes[-1]
    root.backward(factor)
    scaled = [v.grad for v in nodes]
    if not all(g == 0.0 or 1e-200 < abs(g) < 1e200 or not math.isfinite(g) for g in scaled):
        return  # where something under- or overflows, a factor 2 is no longer exact
    root.zero_grad()
    root.backward()
    leaves = [(s, factor * v.grad) for s, v in zip(scaled, nodes) if v.op is None]
    assert hexes([s for s, _ in leaves]) == hexes([g for _, g in leaves])


@given(tapes(), st.sampled_from([0.125, 0.5, 2.0, 8.0]))
@example(SHARED, 2.0)
def test_the_gradient_is_linear_in_its_seed(tape, factor):
    seed_scales(tape, factor)


def edited_leaf_is_harmless(tape):
    leaves, nodes = built(tape)
    root = nodes[-1]
    root.backward()
    before = hexes([v.grad for v in leaves])
    copied_leaves, copied_nodes = built(tape)
    for v in copied_leaves:
        v.data = 123.0
    copied_nodes[-1].backward()
    assert hexes([v.grad for v in copied_leaves]) == before


@given(tapes())
@example(SHARED)
def test_editing_a_leaf_after_forward_does_not_change_backward(tape):
    edited_leaf_is_harmless(tape)


def test_gradients_refuses_a_graph_whose_leaf_was_edited():
    x = Value(3.0)
    y = x * x
    x.data = 4.0
    with pytest.raises(
        RuntimeError, match=r"takes a graph as it was computed, but the data of Value\(data=4.0.* was 3.0"
    ):
        gradients(y, [x])
    x.data = 3.0
    assert gradients(y, [x])[0].data == 6.0


def test_backward_inside_no_grad_is_backward():
    x = Value(0.0)
    y = sqrt(x)
    with no_grad():
        y.backward()
    assert x.grad == math.inf


# Interrupts ----------------------------------------------------------------------------------------------------------


@contextmanager
def interrupting_row():
    """A row whose partial is where the user presses Ctrl-C."""

    pressed = False  # not yet: a new row is tried once

    def stop(x, y):
        if pressed:
            raise KeyboardInterrupt
        return 1.0

    try:
        row = engine.op("interrupting", lambda x: x, stop)
        pressed = True
        yield row
    finally:
        del TABLE["interrupting"], Value.interrupting


@pytest.fixture
def interrupting():
    with interrupting_row() as row:
        yield row


def left_as_it_was(leaves, root):
    before = [(v.grad, repr(v)) for v in leaves]
    with pytest.raises(KeyboardInterrupt):
        root.backward()
    assert [(v.grad, repr(v)) for v in leaves] == before


def test_an_interrupted_backward_leaves_leaf_gradients_as_they_were(interrupting):
    a, b = Value(2.0), Value(3.0)
    (a * 5.0).backward()
    root = (interrupting(a * b) + a * b) * relu(a)
    left_as_it_was([a, b], root)
    assert (a.grad, b.grad) == (5.0, 0.0)
    (a * b).backward()
    assert (a.grad, b.grad) == (8.0, 2.0)


def test_a_signal_at_any_moment_leaves_leaf_gradients_whole():
    """The leaves hold what they held before the call or after it, never a mixture."""
    leaves = [Value(0.1 * k) for k in range(30)]
    root = Value(1.0)
    for k in range(600):
        root = root * 0.99 + leaves[k % 30] * leaves[(7 * k) % 30]
    root.backward()
    step = [v.grad for v in leaves]
    interrupts = 0

    def stop(*_):
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, stop)
    try:
        for k in range(300):
            for v in leaves:
                v.grad = 0.0
            finished = False
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 2e-6 * (k + 1))
                    root.backward()
                    finished = True
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0.0)
            except KeyboardInterrupt:
                interrupts += 1
            grads = [v.grad for v in leaves]
            assert grads == step or (not finished and grads == [0.0] * len(leaves)), k
    finally:
        signal.signal(signal.SIGALRM, old)
    assert interrupts > 10


def test_a_graph_can_be_differentiated_after_an_interrupt(interrupting):
    a = Value(2.0)
    h = a * a
    with pytest.raises(KeyboardInterrupt):
        interrupting(h).backward()
    copy.deepcopy(h).backward()
    h.backward()
    assert a.grad == 4.0
