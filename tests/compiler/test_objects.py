"""Floats that are read where CPython keeps them: those of lists of a known shape and of Values, and nothing else."""

import math
import struct

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine import Value, jit
from engine.compiler.front.flattening import Flat
from engine.compiler.llvm import objects
from engine.compiler.llvm.native_code import aligned
from engine.compiler.llvm.objects import FEWEST, nested_list, values_into
from engine.compiler.repeated import Container

NUMBERS = st.floats(width=64)
SHAPES = st.lists(st.tuples(st.sampled_from([list, tuple]), st.integers(1, 5)), min_size=1, max_size=4)


class Number(float):
    pass


class Row(list):
    pass


def bits(numbers):
    return b"".join(struct.pack("d", x) for x in numbers)


def made(shape, number):
    """Lists and tuples of a shape."""
    if not shape:
        return number()
    (kind, length), *below = shape
    return kind([made(below, number) for _ in range(length)])


def numbers_of(tree):
    return [x for part in tree for x in numbers_of(part)] if isinstance(tree, (list, tuple)) else [tree]


def read(reader, tree):
    """The numbers that are read; None where it is another tree."""
    place = aligned(reader.count + 1, float)
    place[:] = 7.0
    found = reader.into(place[: reader.count])(tree)
    assert place[-1] == 7.0
    return place[:-1].tolist() if found else None


def changed(tree, draw, change):
    """With one part of it another."""
    if tree.__class__ is float or draw(st.booleans()):
        return change(tree)
    at = draw(st.integers(0, len(tree) - 1))
    return tree.__class__([changed(x, draw, change) if k == at else x for k, x in enumerate(tree)])


@given(SHAPES, st.data())
def test_lists_of_a_shape_are_read_to_the_bit(shape, data):
    reader = nested_list(made(shape, lambda: 1.0))
    count = math.prod([length for _, length in shape])
    assert (reader is None) == (count < FEWEST)
    if reader is not None:
        tree = made(shape, lambda: data.draw(NUMBERS))
        assert reader.count == count
        assert bits(read(reader, tree)) == bits(numbers_of(tree))


OTHERS = {
    "whole numbers": lambda x: 1 if x.__class__ is float else [1] * len(x),
    "another class of numbers": lambda x: Number(1.0) if x.__class__ is float else x[:-1],
    "NumPy's numbers": lambda x: np.float64(1.0) if x.__class__ is float else np.array(x, dtype=object),
    "nothing": lambda x: None if x.__class__ is float else x.__class__(),
    "another class": lambda x: [x] if x.__class__ is float else (list if x.__class__ is tuple else tuple)(x),
    "a class of its own": lambda x: (x,) if x.__class__ is float else Row(x),
    "more": lambda x: Value(1.0) if x.__class__ is float else x + x[:1],
    "a number": lambda x: True if x.__class__ is float else 1.0,
    "text": lambda x: "text",
}


@pytest.mark.parametrize("change", OTHERS)
@given(SHAPES, st.data())
def test_another_part_anywhere_is_seen(change, shape, data):
    assume(math.prod([length for _, length in shape]) >= FEWEST)
    tree = made(shape, lambda: 1.0)
    reader = nested_list(tree)
    assert read(reader, tree) is not None
    assert read(reader, changed(tree, data.draw, OTHERS[change])) is None


def test_lists_that_hold_themselves_are_not_read():
    tree = [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]
    reader = nested_list(tree)
    x = [1.0, 2.0]
    x[:] = [x, x]
    assert read(reader, x) is None
    tree[1][3] = tree
    assert read(reader, tree) is None


def test_a_row_that_is_there_twice_is_read_twice():
    row = [1.0, 2.0, 3.0, 4.0]
    assert read(nested_list([row, row[::-1]]), [row, row]) == row * 2


@pytest.mark.parametrize(
    "tree",
    [[[1.0] * 8, [1.0] * 9], [[1.0] * 8, (1.0,) * 8], [1.0] * 8 + [1], [[1.0] * 8, 1.0], [], [[]] * 9, [[1] * 9]],
)
def test_lists_of_no_even_shape_have_no_reader(tree):
    assert nested_list(tree) is None


@given(st.lists(NUMBERS, max_size=12))
def test_values_are_read_to_the_bit(numbers):
    place = aligned(len(numbers) + 1, float)
    place[:] = 7.0
    assert values_into(place[:-1])(tuple(map(Value, numbers)))
    assert bits(place.tolist()) == bits([*numbers, 7.0])


def test_values_whose_numbers_are_no_floats_are_not_read():
    place = aligned(2, float)
    write, whole, gone = values_into(place), Value(2.0), Value(3.0)
    whole._data = 2
    del gone._data
    assert not write((Value(1.0), whole))
    assert not write((Value(1.0), gone))
    assert not write((Value(1.0),))
    assert not values_into(aligned(2, np.float32))((Value(1.0), Value(2.0)))


@pytest.fixture
def unknown(monkeypatch):
    """An interpreter that keeps objects in another way."""
    monkeypatch.setattr(objects, "SIZES", (32, 40, 56, 40))
    objects._offset.cache_clear()
    yield
    objects._offset.cache_clear()


def test_where_objects_are_not_known_all_is_read_in_another_way(unknown):
    args = ([[1.0, 2.0]] * 8, [3.0] * 8)
    assert nested_list(args[0]) is None
    assert not values_into(aligned(1, float))((Value(1.0),))
    place = aligned(24, float)
    assert Container(args, "float64").into(place)(args)
    assert place.tolist() == Flat(args).numbers()


def test_a_list_that_is_changed_between_calls_is_read_as_it_is():
    f, rows = jit(lambda rows: [a + b for a, b in rows]), [[float(k), 1.0] for k in range(8)]
    for _ in range(4):
        assert f(rows) == [k + 1.0 for k in range(8)]
    rows[3][1] = 5.0
    assert f(rows)[3] == 8.0
    rows[3][1] = 5
    assert f(rows)[3] == 8.0
    rows.pop()
    assert len(f(rows)) == 7
