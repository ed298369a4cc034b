"""Copies inside transforms stay connected, as in JAX (tests/peers compares them); outside they are graphs of their own."""

import copy
import gc
import pickle

import numpy as np
import pytest

import engine
import nn
from engine import Value, copying, grad, jit, tanh, topological_order, total, where

COPIES = [copy.copy, copy.deepcopy]


def cube(c):
    """x³, of which two factors are copies: of the argument, and of a node."""
    return lambda x: c(x) * c(x * c(x))


# The derivatives of x³ at 2: 12, and then 12.
TRANSFORMS = {
    "grad": lambda f: grad(f)(2.0),
    "value_and_grad": lambda f: engine.value_and_grad(f)(2.0)[1],
    "jacobian": lambda f: engine.jacobian(f)(2.0),
    "jacfwd": lambda f: engine.jacfwd(f)(2.0),
    "jvp": lambda f: engine.jvp(f, (2.0,), (1.0,))[1],
    "vjp": lambda f: engine.vjp(f, 2.0)[1](1.0)[0],
    "derivative": lambda f: engine.derivative(f)(2.0),
    "hessian": lambda f: engine.hessian(f)(2.0),
    "grad of grad": lambda f: grad(grad(f))(2.0),
    "grad in jit": lambda f: jit(grad(f))(2.0),
    "hessian in jit": lambda f: jit(engine.hessian(f))(2.0),
    "grad of jit": lambda f: grad(jit(f))(2.0),
    "grad of a Value": lambda f: float(grad(f)(Value(2.0))),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("c", COPIES)
def test_derivatives_flow_through_copies(name, c):
    assert TRANSFORMS[name](cube(c)) == 12.0


@pytest.mark.parametrize("c", COPIES)
def test_a_compiled_function_reads_copies_anew(c):
    f = jit(cube(c))
    assert [f(2.0), f(3.0), f(-1.0)] == [8.0, 27.0, -1.0]
    bias = Value(1.0)
    g = jit(lambda x: x + c(bias))
    assert g(2.0) == 3.0
    bias.data = 5.0
    assert g(2.0) == 7.0


@pytest.mark.parametrize(
    ("tree", "squares", "expected"),
    [
        ([1.0, 2.0], lambda p: sum([x * x for x in p]), [2.0, 4.0]),
        ({"w": 3.0, "b": (1.0, 2.0)}, lambda p: p["w"] ** 2 + p["b"][0] * p["b"][1], {"w": 6.0, "b": (2.0, 1.0)}),
        (np.array([1.0, 2.0]), lambda p: (p * p).sum(), [2.0, 4.0]),
    ],
)
def test_copies_of_trees_are_connected(tree, squares, expected):
    got = grad(lambda p: squares(copy.deepcopy(p)))(tree)
    assert (got.tolist() if isinstance(got, np.ndarray) else got) == expected


def test_a_copy_of_a_network_is_the_same_function_of_its_parameters():
    net = nn.MLP(2, [3, 1], activation="tanh", seed=0)
    expected = grad(lambda n: n([1.0, 2.0]))(net).state()
    assert grad(lambda n: copy.deepcopy(n)([1.0, 2.0]))(net).state() == expected
    assert jit(grad(lambda n: copy.deepcopy(n)([1.0, 2.0])))(net).state() == pytest.approx(expected, rel=1e-14)


def test_what_is_shared_stays_shared_in_a_copy():
    def f(x):
        a, b, (c,) = copy.deepcopy([x, x, (x,)])
        assert a is b is c is not x
        return a * b * c

    assert grad(f)(2.0) == 12.0


def test_outside_a_transform_a_copy_is_a_graph_of_its_own():
    kept = []
    x = Value(3.0)

    def f(y):
        kept.append(y * x)
        return kept[0]

    grad(f)(2.0)
    for c in (*COPIES, lambda v: pickle.loads(pickle.dumps(v))):
        leaf, node = c(x), c(kept[0])
        assert leaf.op is None
        assert leaf is not x
        assert node.data == 6.0
    node = copy.deepcopy(x * x)
    node.backward()
    assert x.grad == 0.0
    assert grad(lambda y: copy.deepcopy(x) * y)(2.0) == 3.0  # of what is no argument, a copy is a constant


@pytest.mark.parametrize("call", [lambda f: grad(f)(2.0), lambda f: jit(f)(2.0), lambda f: engine.hessian(f)(2.0)])
@pytest.mark.parametrize("what", [lambda x: x, lambda x: x * x, lambda x: [1.0, {"w": x}]])
def test_pickling_inside_a_transform_is_refused(call, what):
    with pytest.raises(TypeError, match=r"(pickle takes|a pickle at) .*copy.deepcopy stay connected"):
        call(lambda x: pickle.loads(pickle.dumps(what(x))) and x)


def test_a_constant_may_be_pickled_inside_a_transform():
    assert grad(lambda x: x * pickle.loads(pickle.dumps(x.detach())))(3.0) == 3.0


def test_a_call_that_fails_leaves_no_trace():
    kept = []

    def f(x):
        kept.append(x)
        raise LookupError

    with pytest.raises(LookupError):
        grad(f)(2.0)
    assert copy.copy(kept[0]).op is None
    assert pickle.loads(pickle.dumps(kept[0])).data == 2.0


# Freeing in a browser ------------------------------------------------------------------------------------------------


@pytest.fixture
def as_in_a_browser(monkeypatch):
    """Nodes are freed as there; (how many are gone, how deep within each other at most)."""
    seen = {"gone": 0, "inside": 0, "deepest": 0}

    def freed(v):
        seen["gone"] += 1
        seen["inside"] += 1
        seen["deepest"] = max(seen["deepest"], seen["inside"])
        copying.freed(v)
        seen["inside"] -= 1

    gc.collect()  # what other tests left is not counted
    gc.disable()
    monkeypatch.setattr(Value, "__del__", freed, raising=False)
    yield seen
    gc.enable()


def test_in_a_browser_a_dropped_graph_is_freed_at_once_and_not_node_inside_node(as_in_a_browser):
    x = v = Value(1.0)
    for k in range(3000):
        v = v + x if k % 3 else total([v, x, 2.0]) if k % 2 else where(v, v, x)
    count = len(topological_order(v))
    del v
    assert as_in_a_browser["gone"] == count - 1 > 3000
    assert as_in_a_browser["deepest"] <= 3
    del x
    assert as_in_a_browser["gone"] == count


def test_in_a_browser_what_is_still_held_keeps_all_below_it(as_in_a_browser):
    x = Value(3.0)
    y = x * x
    z = tanh(y) + y
    del z
    assert as_in_a_browser["gone"] == 2
    y.backward()
    assert (x.grad, y.args) == (6.0, (x, x))


def test_in_a_browser_a_node_that_was_not_finished_is_freed_without_a_word(as_in_a_browser, recwarn):
    with pytest.raises(TypeError):
        Value(1.0) + "a"
    Value.__new__(Value)
    assert not recwarn.list
