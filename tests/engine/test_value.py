"""Value as a number among numbers: operators, comparisons, NumPy, labels, copies, pickles, threads."""

import math
import threading
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import any_float, hexes, moderate

import engine
from engine import TABLE, Value, gradients, maximum, no_grad, scope, topological_order

OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
}
COMPARISONS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
NUMBERS = [2.0, 3, True, Fraction(1, 2), np.float64(2.5), np.float32(0.5), np.int64(3), np.bool_(True), np.array(2.0)]


# Operators -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", OPERATORS)
@pytest.mark.parametrize("x", NUMBERS, ids=repr)
def test_operators_and_their_reflections_take_numbers_of_every_kind(sign, x):
    f = OPERATORS[sign]
    for y in (f(Value(1.5), x), f(x, Value(1.5))):
        assert y.__class__ is Value
    assert f(Value(1.5), x).data == f(1.5, float(x))
    assert f(x, Value(1.5)).data == f(float(x), 1.5)
    v = Value(1.5)
    f(x, v).backward()
    w, c = Value(1.5), Value(float(x))
    f(c, w).backward()
    assert v.grad == w.grad


@pytest.mark.parametrize("sign", OPERATORS)
def test_operators_take_arrays_elementwise(sign):
    f = OPERATORS[sign]
    v = Value(1.5)
    for y in (f(v, np.array([1.0, 2.0])), f(np.array([1.0, 2.0]), v)):
        assert y.dtype == object
        assert [e.__class__ for e in y] == [Value, Value]
    assert [e.data for e in f(v, np.array([1.0, 2.0]))] == [f(1.5, 1.0), f(1.5, 2.0)]
    assert [e.data for e in f(np.array([[1.0], [2.0]]), v).ravel()] == [f(1.0, 1.5), f(2.0, 1.5)]


@given(any_float, any_float)
def test_operators_are_ieee(a, b):
    with np.errstate(all="ignore"):
        want = [float(f(np.float64(a), np.float64(b))) for f in OPERATORS.values()]
    got = [f(Value(a), b).data for f in OPERATORS.values()]
    assert hexes(got[:4]) == hexes(want[:4])
    assert got[4] == pytest.approx(want[4], rel=1e-14, abs=1e-320, nan_ok=True)


def test_unary_operators_and_builtins():
    v = Value(-2.5)
    assert (-v).data == 2.5
    assert abs(v).data == 2.5
    assert +v is v
    assert (float(v), int(v), bool(v), bool(Value(0.0)), round(v), round(Value(2.567), 1)) == (
        -2.5, -2, True, False, -2, 2.6
    )  # fmt: skip
    assert sum([Value(1.0), Value(2.0)]).data == 3.0
    assert max([Value(1.0), Value(2.0)]).data == 2.0


def test_in_place_operators_make_a_new_node():
    a = b = Value(2.0)
    a += 1
    a *= 3
    a -= 1
    a /= 2
    a **= 2
    assert (a.data, b.data) == (16.0, 2.0)
    a.backward()
    assert b.grad == 12.0


@given(any_float, any_float)
def test_remainders_and_whole_quotients_are_pythons(a, b):
    with np.errstate(all="ignore"):
        quotient, rest = map(float, divmod(np.float64(a), np.float64(b)))
    for x, y in (
        (Value(a), b),
        (a, Value(b)),
        (Value(a), Value(b)),
        (Value(a), np.float64(b)),
        (np.float64(a), Value(b)),
    ):
        found = [x // y, x % y, *divmod(x, y)]
        assert [v.op.name for v in found] == ["floor_divide", "remainder"] * 2
        assert hexes([v.data for v in found]) == hexes([quotient, rest] * 2)


def test_remainders_differentiate_and_trunc_is_a_whole_number():
    a, b = Value(-5.0), Value(3.0)
    (a % b).backward()
    assert (a.grad, b.grad) == (1.0, 2.0)  # as PyTorch and JAX
    assert (math.trunc(Value(-2.5)), math.trunc(Value(2.5)).__class__) == (-2, int)
    quotients, rests = np.divmod(a, np.array([2.0, 3.0]))
    assert ([v.data for v in quotients], [v.data for v in rests]) == ([-3.0, -2.0], [1.0, 1.0])
    assert [v.data for v in np.fmod(a, np.array([3.0, -3.0]))] == [-2.0, -2.0]


# Comparisons and identity --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", COMPARISONS)
@given(any_float, any_float)
def test_comparisons_are_values_of_one_or_zero(sign, a, b):
    f = COMPARISONS[sign]
    both = (TABLE[{"==": "equal", "!=": "not_equal"}[sign]] if sign in "==!=" else f)(Value(a), Value(b))
    for y in (f(Value(a), b), f(a, Value(b)), both):
        assert y.__class__ is Value
        assert y.data == float(f(a, b))


@given(st.lists(any_float, min_size=1, max_size=4), st.data())
def test_between_values_equality_is_identity_as_hash_is(xs, data):
    vs = [Value(x) for x in xs]
    k = data.draw(st.integers(0, len(vs) - 1))
    v, twin = vs[k], Value(xs[k])
    for x in (v, twin):
        assert [a == x for a in vs] == [a is x for a in vs]
        assert [a != x for a in vs] == [a is not x for a in vs]
        assert (x in vs, vs.count(x), x in dict.fromkeys(vs)) == (x is v, int(x is v), x is v)
    assert vs.index(v) == k
    assert vs == list(vs)
    assert vs != [twin] * len(vs)
    vs.remove(v)
    assert v not in vs


@given(st.lists(st.floats(-2.0, 2.0), min_size=1, max_size=4), st.integers(0, 3))
def test_equality_in_object_arrays_is_identity_and_a_mask(xs, k):
    vs = [Value(x) for x in xs]
    v, array = vs[k % len(vs)], np.array(vs, object)
    alone = [a is v for a in vs]
    for mask in (array == v, v == array, np.equal(array, v), array == np.array([v], object), np.isin(array, [v])):
        assert (mask.dtype, mask.tolist()) == (bool, alone)
    assert (array != v).tolist() == [not same for same in alone]
    assert array[array == v].tolist() == [v]
    assert (np.equal(v, v), np.equal(v, Value(v.data)), np.not_equal(v, v)) == (True, False, False)
    assert [y.data for y in np.array(xs) == v] == [float(x == v.data) for x in xs]  # with numbers the row, as before
    assert (array == xs[0]).tolist() == [x == xs[0] for x in xs]


def test_equality_in_a_compiled_function_is_that_of_eager_mode():
    def f(x, y, frozen):
        a, b = x * 2.0, x * 2.0  # one instruction when compiled, two nodes when traced
        return (
            (x in frozen)
            + 2.0 * (x == y)
            + 4.0 * (a == b)
            + 8.0 * (x != y)
            + 16.0 * engine.equal(x, y)
            + 32.0 * (a == a)
        )

    eager = float(f(*map(Value, (3.0, 3.0)), [Value(3.0)]))
    assert engine.jit(f)(3.0, 3.0, [3.0]) == eager == 8.0 + 16.0 + 32.0
    assert engine.jit(lambda x: x * (x == 3.0))(3.0) == 3.0


def test_visualisers_find_every_node_by_sets_and_by_lists():
    leaves = [Value(0.5) for _ in range(8)]
    root = sum((a * b).tanh() for a in leaves for b in leaves[:4]) * 0.5

    def by_sets(root):  # the trace of micrograd's notebook
        nodes, edges = set(), set()

        def build(v):
            if v not in nodes:
                nodes.add(v)
                for child in v._prev:
                    edges.add((child, v))
                    build(child)

        build(root)
        return nodes, edges

    def by_lists(root):
        nodes, edges = [], []

        def build(v):
            if v not in nodes:
                nodes.append(v)
            for child in v._prev:
                if (child, v) not in edges:
                    edges.append((child, v))
                    build(child)

        build(root)
        return nodes, edges

    for nodes, edges in (by_sets(root), by_lists(root)):
        assert (set(nodes), set(edges)) == engine.trace(root)
        assert len(nodes) == len(topological_order(root)) == 8 + 32 + 32 + 32 + 1


def test_prev_holds_nodes_and_args_the_numbers_too():
    a = Value(2.0)
    assert [(y._prev, y.args) for y in (2 * a, a + a, a**2)] == [({a}, (2.0, a)), ({a}, (a, a)), ({a}, (a, 2.0))]


def test_what_belongs_to_a_node_goes_into_a_dict():
    a, twin = Value(2.0), Value(2.0)
    with pytest.raises(AttributeError, match="'Value' object has no attribute '_m'"):
        a._m = 0.0
    momentum = dict.fromkeys((a, twin), 0.0)
    momentum[a] += 1.0
    assert (momentum[a], momentum[twin]) == (1.0, 0.0)


def test_comparisons_carry_no_gradient():
    a = Value(2.0)
    y = (a > 1.0) * a
    y.backward()
    assert a.grad == 1.0


@pytest.mark.parametrize("other", [None, "a", b"a", [2.0], (2.0,), {}, set()], ids=repr)
def test_a_value_is_not_equal_to_what_is_no_number(other):
    v = Value(2.0)
    assert (v == other) is False
    assert (other == v) is False
    assert (v != other) is True


def test_hash_is_identity():
    a, b = Value(2.0), Value(2.0)
    assert len({a, b}) == 2
    assert {a: 1, b: 2}[a] == 1
    assert hash(a) == hash(a)


# What it shows -------------------------------------------------------------------------------------------------------


def test_repr_is_what_a_beginner_reads():
    a = Value(-4.0, label="a")
    assert repr(a) == "Value(data=-4.0, grad=–, label='a')"
    y = a * 2
    assert repr(y) == "Value(data=-8.0, grad=–)"
    y.backward()
    assert repr(a) == "Value(data=-4.0, grad=2.0, label='a')"
    a.zero_grad()
    assert repr(a) == "Value(data=-4.0, grad=–, label='a')"
    assert a.grad == 0.0


def test_format_is_that_of_the_number():
    v = Value(2.34567, label="v")
    assert f"{v:.3f}" == "2.346"
    assert f"{v}" == repr(v) == str(v)
    assert f"{v!r:>40}" == repr(v).rjust(40)


def test_labels_can_be_set_on_any_node():
    a = Value(1.0)
    assert a.label == ""
    a.label = "a"
    y = a + 1
    y.label = "y"
    assert (a.label, y.label, repr(y)) == ("a", "y", "Value(data=2.0, grad=–, label='y')")
    y.label = None
    assert y.label == ""


def test_a_node_knows_the_scope_that_made_it_whatever_its_label():
    with scope("outer"), scope("inner"):
        y = Value(1.0) + 1.0
    y.label = "y"
    assert (y.scope.path, y.label) == ("outer.inner", "y")
    assert (Value(1.0) + 1.0).scope is None


def test_op_args_and_micrograds_names():
    a, b = Value(2.0), Value(3.0)
    y = a * b
    assert (a.op, a.args, a._prev, a._op) == (None, (), set(), "")
    assert (y.op, y.args, y._prev, y._op) == (TABLE["mul"], (a, b), {a, b}, "*")
    assert [(2 * a)._op, (a + b)._op, (a - b)._op, (a / b)._op, (a**2)._op, a.relu()._op, a.tanh()._op] == [
        "*", "+", "-", "/", "**2", "ReLU", "tanh"
    ]  # fmt: skip
    assert (2 * a).args == (2.0, a)
    assert [x.data for x in engine.dot([a, 1.0], [b, b], 4.0).args if isinstance(x, Value)] == [2.0, 1.0, 3.0, 3.0]


def test_every_row_without_lists_is_a_method():
    for row in TABLE.values():
        if not row.lists:
            assert getattr(Value(0.5), row.name)(*[0.25] * (row.arity - 1)).op is row


def test_data_can_be_set_on_leaves():
    a = Value(1.0)
    a.data = 5
    assert (a.data, a.data.__class__) == (5.0, float)
    a.data -= 0.5
    assert (a + 1).data == 5.5


# Detaching -----------------------------------------------------------------------------------------------------------


def test_detach_is_a_leaf_of_the_same_data_and_label():
    a = Value(2.0, label="a")
    d = (a * a).detach()
    assert (d.op, d.data) == (None, 4.0)
    y = a * d
    y.backward()
    assert (a.grad, a.detach().label) == (4.0, "a")


def test_no_grad_is_a_context_a_decorator_and_one_per_thread():
    a = Value(2.0)
    inside, go, seen = threading.Event(), threading.Event(), []

    def other():
        inside.wait()
        seen.append((a * a).op)
        go.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.set()
        go.wait()
        assert (a * a).op is None
        assert a.tanh().op is None
        assert engine.dot([a], [a]).op is None
        with no_grad():
            pass
        assert (a + 1).op is None
    thread.join()
    assert seen == [TABLE["mul"]]
    assert no_grad()(lambda: a * a)().op is None
    assert (a * a).op is TABLE["mul"]


def test_no_grad_ends_where_an_exception_leaves_it():
    a = Value(2.0)
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    assert (a * a).op is TABLE["mul"]
    assert not engine.context.active


def test_a_no_grad_function_may_run_in_two_threads_at_once():
    a, barrier, ops = Value(2.0), threading.Barrier(2), []

    @no_grad()
    def body():
        barrier.wait()
        ops.append((a * a).op)
        barrier.wait()

    def quiet():
        with no_grad():
            body()
        ops.append((a * a).op)

    def plain():
        body()
        ops.append((a * a).op)

    threads = [threading.Thread(target=f) for f in (quiet, plain)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert ops == [None, None, TABLE["mul"], TABLE["mul"]]


def test_threads_with_graphs_of_their_own_do_not_disturb_each_other():
    def loss(seed):
        w = [Value(seed + 0.1 * k) for k in range(20)]
        y = Value(0.0)
        for k in range(300):
            y = (y * 0.9 + w[k % 20] * w[(3 * k) % 20]).tanh()
        return w, y

    def gradient(seed):
        w, y = loss(seed)
        y.backward()
        return hexes([v.grad for v in w])

    want, got = [gradient(k) for k in range(4)], {}
    threads = [threading.Thread(target=lambda k=k: got.update({k: gradient(k)})) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [got[k] for k in range(4)] == want


# Rows as functions ---------------------------------------------------------------------------------------------------


def test_functions_of_numbers_give_floats():
    assert engine.exp(0).__class__ is float
    assert engine.exp(np.float32(0.0)) == 1.0
    assert maximum(1, True).__class__ is float
    assert engine.leaky_relu(-1.0) == -0.01
    assert engine.leaky_relu(-1.0, 0.5) == -0.5
    assert Value(-1.0).leaky_relu().data == -0.01
    assert Value(-1.0).elu(2.0).op is TABLE["elu"]
    assert engine.softmax([0.0, 0.0]) == [0.5, 0.5]


def test_softmax_and_its_logarithm_differentiate():
    xs = [Value(1.0), Value(2.0), Value(1000.0)]
    ps, ls = engine.softmax(xs), engine.log_softmax(xs)
    assert [p.data for p in ps] == [0.0, 0.0, 1.0]
    assert [v.data for v in ls] == [-999.0, -998.0, 0.0]
    assert [g.data for g in gradients(ls[0], xs)] == [1.0, 0.0, -1.0]


@given(
    st.lists(st.tuples(moderate, moderate), max_size=20) | st.lists(st.tuples(any_float, any_float)),
    any_float | moderate,
)
def test_dot_adds_left_to_right_on_every_python(pairs, b):
    y = b
    for w, x in pairs:
        y += w * x
    assert hexes([engine.dot([Value(w) for w, _ in pairs], [x for _, x in pairs], Value(b)).data]) == hexes([y])
