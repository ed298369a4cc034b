"""A graph written out as a function gives the bits of `replay`, for every row, and refuses what is no leaf."""

import operator
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import any_float, built, tapes

from engine import Value, dot, gradients, relu, replay, straight_line, topological_order
from engine.transforms import replay as written_out


def bits(xs):
    return [struct.pack("<d", x) if x == x else b"nan" for x in xs]


def agrees(tape, data):
    leaves, nodes = built(tape)
    mine = [v for v in leaves if data.draw(st.booleans())]
    numbers = [data.draw(any_float) for _ in mine]
    below = set(topological_order(nodes))
    asked = {v: x for v, x in zip(mine, numbers) if v in below}
    return bits(straight_line(nodes, mine)(*numbers)) == bits(replay(nodes, asked))


@given(tapes(), st.data())
def test_it_gives_the_bits_of_replay(tape, data):
    assert agrees(tape, data)


@given(st.integers(0, 40), st.lists(any_float, min_size=41, max_size=41))
def test_a_dot_of_any_length_gives_the_bits_of_replay(n, numbers):
    ws, b = [Value(1.0) for _ in range(n)], Value(0.5)
    root = dot(ws, [0.25 * k - 1.0 for k in range(n)], b)
    numbers = numbers[: n + 1]
    assert bits([straight_line(root, [*ws, b])(*numbers)]) == bits([replay(root, dict(zip([*ws, b], numbers)))])


def test_a_loss_and_its_gradients_are_one_function_across_a_kink_too():
    x, w = Value(2.0), Value(0.5)
    loss = relu(w * x) ** 2
    f = straight_line([loss, *gradients(loss, [w, x])], [w, x])
    assert f(0.5, 2.0) == [1.0, 4.0, 1.0]
    assert f(-0.5, 2.0) == [0.0, 0.0, 0.0]


def test_the_graph_stays_and_a_leaf_that_is_not_named_keeps_the_number_it_had():
    x, w = Value(2.0), Value(3.0)
    y = w * x
    w.data = 7.0
    f = straight_line(y, [x])
    assert (f(5.0), y.data, x.data, replay(y, {x: 5.0})) == (15.0, 6.0, 2.0, 15.0)
    assert straight_line(y, [])() == 6.0
    assert straight_line([x, 4.0, y], [x])(5) == [5.0, 4.0, 15.0]
    assert straight_line(w * 1.0, [x, w])(1.0, 2.0) == 2.0


def test_what_a_user_calls_things_is_in_no_source():
    x = Value(2.0, label="__import__('os').abort()")
    assert straight_line(x * x, [x])(3.0) == 9.0


def test_a_long_chain_is_written_out_without_recursion():
    x = v = Value(1.0)
    for _ in range(20_000):
        v = v * 0.5 + x
    assert straight_line(v, [x])(1.0) == v.data


def test_it_says_what_it_takes():
    x = Value(2.0)
    y = x * x
    with pytest.raises(
        ValueError, match=r"straight_line takes leaves, each once, got .*name the leaves below the root"
    ):
        straight_line(y, [y])
    with pytest.raises(ValueError, match="twice"):
        straight_line(y, [x, x])
    with pytest.raises(ValueError, match="straight_line takes leaves"):
        straight_line(y, [2.0])
    with pytest.raises(TypeError, match="straight_line takes a list of leaves"):
        straight_line(y, x)
    with pytest.raises(TypeError, match="straight_line takes"):
        straight_line("y", [x])


def test_a_planted_bug_is_caught(monkeypatch):
    x = Value(2.0)
    y = x - 5.0
    monkeypatch.setitem(written_out.SIGNS, operator.sub, "+")
    assert straight_line(y, [x])(3.0) != replay(y, {x: 3.0})
