"""A gradient graph built at one point holds at every other: across kinks, at them, and behind branches not taken."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import (
    TABLE,
    Value,
    abs,
    clip,
    cos,
    dot,
    dot_uses,
    edges,
    elu,
    exp,
    gradients,
    guards,
    jvp,
    leaky_relu,
    log,
    maximum,
    minimum,
    nan_to_num,
    partials,
    pulled,
    relu,
    replay,
    selu,
    sign,
    sin,
    sqrt,
    step,
    topological_order,
    where,
)
from tests.support.strategies import Tape, built, hexes, moderate, tapes


def layers(x):
    """Of four neurons, so that what neurons share gets sums of dots."""
    row = [x, x * x, 1.0 - x, 0.5 * x]
    for k in (1.0, -2.0):
        row = [relu(dot([k, x, j - 1.5, x * j], row, 0.25 * j)) for j in range(4)]
    return relu(dot(row, [1.0, x, -1.0, 0.5]))


POINTS = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0]

KINKS = {
    "relu": lambda x: relu(x),
    "relu of a product": lambda x: relu(-3.0 * x) * x,
    "relu twice": lambda x: relu(relu(x) - 1.0),
    "relu before log": lambda x: log(relu(x)),
    "relu behind log": lambda x: relu(log(x)),
    "relu behind sqrt": lambda x: relu(sqrt(x) * x),
    "relu behind 1/x": lambda x: relu(1.0 / x),
    "abs": lambda x: abs(x) * x,
    "abs behind log": lambda x: abs(log(x + 2.0)),
    "maximum": lambda x: maximum(x, x**2),
    "maximum with a number": lambda x: maximum(x, 0.5) * x,
    "minimum": lambda x: minimum(x, 1.0 - x),
    "maximum behind log": lambda x: maximum(log(x), 0.0),
    "minimum behind 1/x": lambda x: minimum(1.0 / x, x),
    "clip": lambda x: clip(x, -1.0, 1.0) * x,
    "clip of log": lambda x: clip(log(x), -0.5, 0.5),
    "nan_to_num of log": lambda x: nan_to_num(log(x)) * x,
    "clip by its own bounds": lambda x: clip(0.25, x, x + 1.0),
    "where": lambda x: where(x > 0.0, x**2, -x),
    "where guards sqrt": lambda x: where(x > 0.0, sqrt(x), 0.0),
    "where guards log": lambda x: where(x > 0.0, log(x), x),
    "where guards 1/x": lambda x: where(x == 0.0, 1.0, sin(x) / x),
    "where guards x log x": lambda x: where(x > 0.0, x * log(x), 0.0),
    "where guards overflow": lambda x: where(x > 0.0, x, exp(exp(-400.0 * x)) * x),
    "where guards both branches": lambda x: where(x > 0.0, sqrt(x), sqrt(-x)),
    "where inside where": lambda x: where(x > -1.0, where(x > 0.0, log(x), 1.0 / x), log(-x) * x),
    "where shares a branch": lambda x: where(x > 0.0, sqrt(x), 0.0) + sqrt(x + 2.0) + x,
    "where behind relu": lambda x: relu(where(x > 0.0, log(x), 1.0 / x)),
    "where before relu": lambda x: where(x > 0.5, relu(log(x)), relu(1.0 / x)),
    "a shared root of both branches": lambda x: (lambda y: where(x > 0.0, y, 2.0 * y * y))(sqrt(x + 2.0)),
    "a shared root of a branch and of none": lambda x: (lambda y: where(x > 0.0, y, 0.0) + 0.0 * x)(sqrt(x)),
    "leaky_relu": lambda x: leaky_relu(x) * x,
    "leaky_relu behind log": lambda x: leaky_relu(log(x + 2.0), 0.1),
    "leaky_relu by its slope": lambda x: leaky_relu(-1.5, x) + leaky_relu(1.5, x),
    "elu": lambda x: elu(x) * x,
    "elu by its alpha": lambda x: elu(x - 0.5, x),
    "selu": lambda x: selu(x) * x,
    "step": lambda x: step(x) * x**2,
    "sign": lambda x: sign(x) * sin(x),
    "comparison": lambda x: (x > 0.0) * x + (x <= 0.0) * x**2,
    "power": lambda x: x**3 + x**2 + x**1 + x**0,
    "power of a Value": lambda x: (x + 2.0) ** x,
    "power with a Value at 0": lambda x: where(x > 0.0, x**x, 1.0),
    "relu behind exp": lambda x: relu(-(x**2) * exp(800.0 * x)),
    "layers of relus": lambda x: layers(x),
    "relu behind a dot": lambda x: relu(dot([-1.0, x], [exp(800.0 * x), x])),
    "relu behind an infinite number": lambda x: relu(x * math.inf),
    "relu of relu behind exp": lambda x: relu(-relu(exp(800.0 * x)) * x),
    "leaky_relu behind relu": lambda x: relu(leaky_relu(-exp(800.0 * x), x)),
    "maximum behind exp": lambda x: maximum(-x * exp(800.0 * x), 0.0),
    "clip behind exp": lambda x: clip(x * exp(800.0 * x), -1.0, 1.0),
    "relu of cos": lambda x: relu(cos(3.0 * x)) * relu(sin(3.0 * x)),
}


def same(xs, ys):
    """Equal to the bit, but for the sign of a zero: a path that is cut adds none, one that is guarded adds ±0."""
    return hexes([x + 0.0 if x == 0.0 else x for x in xs]) == hexes([y + 0.0 if y == 0.0 else y for y in ys])


def backward_at(f, xs):
    leaves = [Value(x) for x in xs]
    f(*leaves).backward()
    return [v.grad for v in leaves]


def replayed(roots, leaves, xs):
    below = set(topological_order(roots))
    return replay(roots, {v: x for v, x in zip(leaves, xs) if v in below})


@pytest.mark.parametrize("name", KINKS)
def test_a_gradient_graph_replayed_across_a_kink_is_the_gradient_there(name):
    f = KINKS[name]
    for here, there in itertools.product(POINTS, POINTS):
        x = Value(here)
        first = gradients(f(x), [x])
        assert same(replayed(first, [x], [there]), backward_at(f, [there])), (here, there)


@pytest.mark.parametrize("name", KINKS)
def test_a_second_gradient_graph_holds_across_a_kink_too(name):
    f = KINKS[name]

    def slope(x):
        return gradients(f(x), [x])[0]

    for here, there in itertools.product(POINTS, POINTS):
        x = Value(here)
        second = gradients(slope(x), [x])
        assert same(replayed(second, [x], [there]), backward_at(slope, [there])), (here, there)


@pytest.mark.parametrize("name", KINKS)
def test_a_tangent_graph_replayed_across_a_kink_is_the_tangent_there(name):
    f = KINKS[name]
    for here, there in itertools.product(POINTS, POINTS):
        x = Value(here)
        tangent = jvp(f, (x,), (1.0,))[1]
        tangent = tangent if isinstance(tangent, Value) else Value(tangent)
        assert same(replayed([tangent], [x], [there]), [jvp(f, (there,), (1.0,))[1]]), (here, there)


SELECTS = """add sub mul neg square sin cos tanh sigmoid total dot relu abs maximum minimum clip where leaky_relu elu
    sqrt log exp reciprocal div""".split()
endless = moderate | st.sampled_from([math.inf, -math.inf, 1e308, -1e308, 800.0, -800.0, -0.0])


@given(tapes(endless, SELECTS, max_steps=9), st.lists(endless, min_size=3, max_size=3))
def test_gradient_graphs_of_random_graphs_hold_at_other_points(tape, other):
    leaves, nodes = built(tape)
    there = other[: len(leaves)]
    fresh_leaves, fresh_nodes = built(Tape(there, tape.steps))
    graph = gradients(nodes[-1], leaves)
    fresh_nodes[-1].backward()
    expected = [v.grad for v in fresh_leaves]
    assert same(replayed(graph, leaves, there), expected)
    assert same([g.data for g in gradients(fresh_nodes[-1], fresh_leaves)], expected)


@given(tapes(endless, max_steps=9))
def test_gradients_equal_backward(tape):
    leaves, nodes = built(tape)
    graph = gradients(nodes[-1], leaves)
    nodes[-1].backward()
    assert same([g.data for g in graph], [v.grad for v in leaves])


def test_every_row_that_selects_is_among_the_kinks():
    """A new row that selects needs a case here; conditions are reached through `where` and `step`."""
    reached = set()
    for f in KINKS.values():
        for x in POINTS:
            reached |= {v.op.name for v in topological_order(f(Value(x))) if v.op is not None and any(partials(v))}
    choosing = {name for name, row in TABLE.items() if row.selects and any(callable(p) for p in row.partials)}
    assert choosing - {"edge"} <= reached


@pytest.mark.parametrize(
    "bug",
    [
        ("where", lambda c, a, b: a),  # no guards
        ("either_guard", lambda guard, other: guard),  # of two paths only the first is looked at
        ("isfinite", lambda x: True),  # every number is taken for finite
    ],
    ids=lambda bug: bug[0],
)
def test_these_laws_find_gradient_graphs_with_wrong_guards(bug, monkeypatch):
    for module in (dot_uses, pulled, edges, guards):
        monkeypatch.setattr(module, *bug, raising=module is guards)
    wrong = 0
    for name in KINKS:
        try:
            test_a_gradient_graph_replayed_across_a_kink_is_the_gradient_there(name)
        except AssertionError:
            wrong += 1
    assert wrong
