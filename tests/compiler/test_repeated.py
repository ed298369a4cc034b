"""Arguments that are built like those of the call before are read without a look at each; what is built otherwise is seen."""

import collections
import gc
import math
import struct
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from engine import Value, jit, total, value_and_grad
from engine.compiler import function
from engine.compiler.front.flattening import Flat
from engine.compiler.llvm.native_code import aligned
from engine.compiler.llvm.unpacking import Unpacking
from engine.compiler.repeated import Container

NUMBERS = st.floats(width=64)
NAMES = st.text("ab", min_size=1, max_size=2)
TREES = st.recursive(
    NUMBERS | st.none() | st.booleans() | NAMES | st.just(np.ones((2, 3))) | st.just(np.ones(3, np.int32)),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.lists(inside, max_size=4).map(tuple)
        | st.dictionaries(NAMES, inside, max_size=3)
        | st.lists(st.lists(NUMBERS, min_size=2, max_size=2), min_size=1, max_size=4)
    ),
    max_leaves=12,
)
OTHERS = (
    st.integers(-2, 2) | st.just(np.float64(1.0)) | st.just(b"g1234567") | st.just(Value(1.0)) | st.just({1.0: 2.0})
)


def bits(numbers):
    return b"".join(struct.pack("d", x) for x in numbers)


def read(container, args):
    """The numbers that are read; None where they are not built alike."""
    place = aligned(container.count + 1, float)
    place[:] = 7.0
    found = container.into(place[: container.count])(args)
    assert place[-1] == 7.0
    return place[:-1].tolist() if found else None


def rebuilder(tree):
    flat = Flat(tree)
    return lambda x: flat.rebuild([[x] * len(leaf) if leaf.__class__ is list else x for leaf in flat.leaves])


def shape(tree):
    """What a tree is besides its numbers."""
    if tree.__class__ is dict:
        return tree.__class__, *[(k, shape(x)) for k, x in tree.items()]
    if tree.__class__ in (list, tuple):
        return (tree.__class__, *map(shape, tree))
    return float if tree.__class__ is float else repr(tree)


def with_numbers(tree, draw, met):
    """The same structure with other numbers; parts may be such as were met, the very same."""
    again = met.setdefault(repr(shape(tree)), [])
    if again and draw(st.booleans()):
        return draw(st.sampled_from(again))
    if tree.__class__ is float:
        tree = draw(NUMBERS)
    elif tree.__class__ in (list, tuple):
        tree = tree.__class__([with_numbers(x, draw, met) for x in tree])
    elif tree.__class__ is dict:
        tree = {k: with_numbers(x, draw, met) for k, x in tree.items()}
    else:
        return tree * 2 if tree.__class__ is np.ndarray else tree
    again.append(tree)
    return tree


@given(st.lists(TREES, max_size=3).map(tuple), st.data())
def test_what_is_built_alike_is_read_to_the_bit(args, data):
    other = with_numbers(args, data.draw, {})
    assert bits(read(Container(args, "float64"), other)) == bits(Flat(other).numbers())


ROWS = [[1.0, 2.0], [3.0, 4.0]]
SHARED = {
    "a number": lambda x: [[x, x], [5.0, x]],
    "a row": lambda x: [[x, 6.0]] * 2,
    "a row held elsewhere": lambda x: [KEPT[0][:1] + [x], KEPT[0]],
    "nothing": lambda x: [[x, 6.0], [7.0, 8.0]],
}
KEPT = [[9.0, 10.0]]


@pytest.mark.parametrize("kind", SHARED)
@pytest.mark.parametrize("wrapped", [lambda x: x, lambda x: (x, x), lambda x: [{"a": 1.0, "b": x}, {"a": 2.0, "b": x}]])
def test_what_is_met_again_is_read_by_marshal_too(kind, wrapped):
    tree = (wrapped(ROWS), "text", None, "text", True, "".join(["te", "xt"]))
    unpacking = Unpacking(tree, rebuilder(tree), Flat(tree).numbers())
    for x in (0.25, -0.0, math.inf):
        other = (wrapped(SHARED[kind](x)), "text", None, "text", True, "".join(["te", "xt"]))
        place = aligned(len(Flat(tree).numbers()), float)
        assert unpacking.reading(place.ctypes.data)(other)
        assert bits(place.tolist()) == bits(Flat(other).numbers())


@pytest.mark.parametrize(
    "other",
    [
        (ROWS, "text", {"a": 1.0, "b": "other"}),
        (ROWS, "text", {"a": 1.0, "b": "a"}),
        (ROWS, "other", {"a": 1.0, "b": "text"}),
        (ROWS, "a", {"a": 1.0, "b": "text"}),
        (ROWS, "text", {"b": 1.0, "a": "text"}),
        ([ROWS[0]] * 3, "text", {"a": 1.0, "b": "text"}),
        ([ROWS[0], ROWS], "text", {"a": 1.0, "b": "text"}),
        ([ROWS[0], [1.0]], "text", {"a": 1.0, "b": "text"}),
        ([ROWS[0], (3.0, 4.0)], "text", {"a": 1.0, "b": "text"}),
        ([ROWS[0], [3.0, None]], "text", {"a": 1.0, "b": "text"}),
        (ROWS, "text", {"a": 1.0, "b": "text"}, 1.0),
        (ROWS, "text"),
    ],
)
def test_marshal_sees_what_else_is_met_again(other):
    tree = (ROWS, "text", {"a": 1.0, "b": "text"})
    unpacking = Unpacking(tree, rebuilder(tree), Flat(tree).numbers())
    place = aligned(5, float)
    assert unpacking.reading(place.ctypes.data)(tree)
    assert not unpacking.reading(place.ctypes.data)(other)


@given(st.lists(TREES, max_size=2).map(tuple), st.lists(TREES | OTHERS, max_size=2).map(tuple))
def test_what_is_built_otherwise_is_not_read(args, other):
    numbers = read(Container(args, "float64"), other)
    if numbers is not None:
        assert Flat(args).key == Flat(other).key
        assert bits(numbers) == bits(Flat(other).numbers())


@given(TREES, OTHERS | TREES, st.data())
def test_one_place_that_is_another_is_seen(tree, x, data):
    """Wherever in a tree it is."""
    args = (tree, [1.0, [2.0, 3.0]])

    def changed(y):
        inside = y.__class__ in (list, tuple, dict) and len(y) > 0
        if not inside or data.draw(st.booleans()):
            return x
        if y.__class__ is dict:
            key = data.draw(st.sampled_from(sorted(y)))
            return {k: changed(v) if k == key else v for k, v in y.items()}
        at = data.draw(st.integers(0, len(y) - 1))
        return y.__class__([changed(v) if k == at else v for k, v in enumerate(y)])

    other = changed(args)
    if other.__class__ is tuple and read(Container(args, "float64"), other) is not None:
        assert not Flat(other).holds_values
        assert Flat(args).key == Flat(other).key


@pytest.mark.parametrize(
    "x", [{1.0: 2.0}, b"text", math.sin, np.float64(1.0), 1, [[1, 2.0]] * 2, {"b": [1]}, {2: "a", "b": 1.0}]
)
def test_what_else_there_is_is_read_as_in_a_first_call(x):
    container = Container(([2.0], x, 3.0), "float64")
    assert read(container, ([5.0], x, 6.0)) == [5.0, *Flat(x).numbers(), 6.0]
    assert read(container, ([5.0], "other", 6.0)) is None
    assert read(container, ([5.0], Value(1.0), 6.0)) is None
    assert read(container, ([5.0], object(), 6.0)) is None


ARRAYS = {"w": np.ones((2, 3)), "b": [np.ones(2), 1.0]}


@pytest.mark.parametrize(
    "other",
    [
        {"w": np.ones((2, 3)), "c": [np.ones(2), 1.0]},
        {"b": [np.ones(2), 1.0], "w": np.ones((2, 3))},
        {"w": np.ones((3, 2)), "b": [np.ones(2), 1.0]},
        {"w": np.ones((2, 3)), "b": [np.ones((1, 2)), 1.0]},
        {"w": np.ones((2, 3)), "b": (np.ones(2), 1.0)},
        {"w": np.ones((2, 3)), "b": [np.ones(2), 1.0, 1.0]},
        {"w": np.array([[Value(1.0)] * 3] * 2), "b": [np.ones(2), 1.0]},
        {"w": [[1.0] * 3] * 2, "b": [np.ones(2), 1.0]},
    ],
)
def test_arrays_in_other_places_are_not_read(other):
    container = Container((ARRAYS, 2.0), "float64")
    assert read(container, (ARRAYS, 3.0)) == [1.0] * 9 + [3.0]
    assert read(container, (other, 2.0)) is None


def test_what_contains_itself_is_not_read():
    container, x = Container(([1.0, [2.0]],), "float64"), [1.0]
    x.append(x)
    assert read(container, (x,)) is None


class Pair(nn.Module):
    def __init__(self, *numbers):
        self.w = [Value(x) for x in numbers]
        self.scale = 2.0
        self.queue = collections.deque()


def loss(m, xs, named):
    return m.scale * total([w * x[0] + named["a"] * x[1] for w, x in zip(m.w, xs)])


@pytest.fixture
def repeated(monkeypatch):
    """A compiled gradient that was called several times, its arguments, and how often they were worked out since."""
    step, args = jit(value_and_grad(loss)), (Pair(1.0, 2.0), [(3.0, 4.0), (5.0, 6.0)], {"a": 7.0, "b": "text"})
    for _ in range(3):
        step(*args)
    made = []

    def flat(*given):
        made.append(given)
        return Flat(*given)

    monkeypatch.setattr(function, "Flat", flat)
    return step, args, made


def test_a_call_like_the_one_before_works_nothing_out(repeated):
    step, (m, _, _), made = repeated
    m.w[0].data = -1.0
    value, gradient = step(m, [(0.5, 1.0), (2.0, -1.0)], {"a": 3.0, "b": "text"})
    assert (value, [w.data for w in gradient.w], made) == (2.0 * (-0.5 + 3.0 + 4.0 - 3.0), [1.0, 4.0], [])


def test_another_module_that_is_built_alike_is_read(repeated):
    step, (_, xs, named), made = repeated
    assert (step(Pair(0.0, 1.0), xs, named)[0], made) == (2.0 * (28.0 + 5.0 + 42.0), [])


def test_a_module_that_was_read_is_freed():
    step, m = jit(value_and_grad(loss)), Pair(1.0, 2.0)
    for _ in range(4):
        step(m, [(3.0, 4.0)] * 2, {"a": 7.0})
    held = weakref.ref(m.queue)
    del m
    gc.collect()
    assert held() is None


CHANGES = {
    "a whole number": lambda m, xs, named: (m, [(3, 4.0), (5.0, 6.0)], named),
    "whole numbers": lambda m, xs, named: (m, [(3, 4), (5, 6)], {**named, "a": 7}),
    "an example less": lambda m, xs, named: (m, xs[:1], named),
    "lists in place of tuples": lambda m, xs, named: (m, [*map(list, xs)], named),
    "an array": lambda m, xs, named: (m, np.array(xs), named),
    "a setting": lambda m, xs, named: (m, xs, {**named, "b": "other"}),
    "the order of names": lambda m, xs, named: (m, xs, dict(reversed(named.items()))),
    "one of NumPy's numbers": lambda m, xs, named: (m, xs, {**named, "a": np.float64(7.0)}),
    "a setting of the Module": lambda m, xs, named: (setattr(m, "scale", 3.0), (m, xs, named))[1],
    "a parameter less": lambda m, xs, named: (Pair(1.0), xs, named),
    "a parameter shared": lambda m, xs, named: (m.w.__setitem__(1, m.w[0]), (m, xs, named))[1],
    "a Module of another class": lambda m, xs, named: (type("Other", (Pair,), {})(1.0, 2.0), xs, named),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_structure_is_seen(repeated, change):
    step, args, made = repeated
    args = CHANGES[change](*args)
    for _ in range(4):
        value, gradient = step(*args)
        wanted, slopes = value_and_grad(loss)(*args)
        assert (value, [w.data for w in gradient.w]) == (wanted.data, [w.data for w in slopes.w])
    assert made


def test_values_are_computed_as_in_eager_mode(repeated):
    step, (m, xs, named), _ = repeated
    value, _ = step(m, xs, {**named, "a": Value(7.0)})
    assert isinstance(value, Value)


def test_what_is_read_from_outside_is_looked_at_before():
    settings, offset = {"scale": 2.0}, Value(0.0)
    f = jit(lambda x: settings["scale"] * x[0] + offset)
    assert [f([1.0]) for _ in range(4)] == [2.0] * 4
    offset.data = 1.0
    assert f([1.0]) == 3.0
    settings["scale"] = 5.0
    assert [f([1.0]) for _ in range(4)] == [6.0] * 4


def test_structures_that_take_turns_are_told_apart():
    f = jit(total)
    for k in (1, 1, 1, 2, 1, 2, 2, 2, 3, 3, 3, 1, 1, 1):
        assert f([1.0] * k) == k


def test_a_call_by_name_is_told_from_one_by_place():
    f = jit(lambda x=1.0, y=2.0: 10.0 * x + y)
    assert [f(3.0, 4.0) for _ in range(3)] == [34.0] * 3
    assert (f(y=5.0), f(3.0), f(3.0, y=1.0), f(2.0, 1.0)) == (15.0, 32.0, 31.0, 21.0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_floats_of_each_width_are_read(dtype):
    f = jit(lambda w, x: total([a * x[0] for row in w for a in row]), dtype=dtype)
    for k in range(4):
        w = np.full((2, 2), 0.1 * k)
        assert f(w, [2.0]) == pytest.approx(0.8 * k, rel=1e-6)


def test_an_index_is_checked_at_each_call():
    f = jit(lambda rows, i: rows[i])
    for _ in range(4):
        assert f([[1.0], [2.0]], 1.0) == [2.0]
    with pytest.raises(IndexError):
        f([[1.0], [2.0]], 2.0)
    assert f([[1.0], [2.0]], 0.0) == [1.0]


def test_threads_have_places_of_their_own():
    f, wrong = jit(lambda x: [a + 1.0 for a in x]), []
    f([0.0] * 50)

    def calls(number):
        wrong.extend([1 for _ in range(200) if f([number] * 50) != [number + 1.0] * 50])

    threads = [threading.Thread(target=calls, args=(float(k),)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.parametrize("begins", [[], [1.0]])
def test_a_list_that_holds_itself_twice_is_refused_by_a_warm_function_too(begins):
    f = jit(lambda a: a[0] + a[1])
    for _ in range(4):
        assert f([1.0, 2.0]) == 3.0
    x = list(begins)
    x += [x, x]
    with pytest.raises(ValueError, match="contains itself"):
        f(x)
    assert f([1.0, 2.0]) == 3.0
