"""jit gives what eager mode gives: whatever trees go in and come out, and whatever values are static."""

import math
import struct
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine import Value, jit, vmap
from engine.compiler.front.flattening import Flat
from engine.compiler.front.keys import exact

Point = namedtuple("Point", "x y")


class Named(dict):
    """A dict of a class of its own."""


class Rows(list):
    """A list of a class of its own."""


class Pair(tuple):
    """A tuple of a class of its own."""

    __slots__ = ()


@dataclass(frozen=True)
class Config:
    scale: object = 1.0


NUMBERS = st.one_of(st.floats(), st.integers(-(10**6), 10**6), st.sampled_from([math.inf, -math.inf, 0.0, -0.0]))
FIXED = st.one_of(st.none(), st.booleans(), st.text("ab", max_size=2), st.sampled_from([b"a", Config(0.0), ...]))
ARRAYS = st.tuples(
    st.sampled_from([(), (1,), (0,), (2, 1), (2, 2)]),
    st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.uint8, np.int8]),
).map(lambda how: np.arange(float(np.prod(how[0]))).astype(how[1]).reshape(how[0]))
KEYS = st.one_of(st.text("ab", max_size=2), st.integers(0, 3), st.booleans())


def containers(inner):
    lists, dicts = st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)
    return st.one_of(
        *[lists.map(kind) for kind in (list, tuple, Rows, Pair)],
        *[dicts.map(kind) for kind in (dict, OrderedDict, Named, lambda d: defaultdict(list, d))],
        st.dictionaries(KEYS, NUMBERS, max_size=2).map(Counter),
        st.tuples(inner, inner).map(Point._make),
    )


TREES = st.recursive(st.one_of(NUMBERS, FIXED, ARRAYS), containers, max_leaves=8)


def bits(x):
    return "nan" if x != x else struct.pack("d", x)


def assert_same(got, want):
    """The same tree, of the same classes; numbers come back as floats, of arrays as arrays."""
    pairs = [(got, want)]
    while pairs:
        got, want = pairs.pop()
        if isinstance(want, np.ndarray) and want.ndim:
            assert got.dtype == float and got.shape == want.shape
            assert (got == want.astype(float)).all()
        elif isinstance(want, (int, float, np.ndarray)) and not isinstance(want, bool):
            assert got.__class__ is float and bits(got) == bits(float(want))
        else:
            assert type(got) is type(want)
            if isinstance(want, dict):
                assert [(k, type(k)) for k in got] == [(k, type(k)) for k in want]
                assert getattr(got, "default_factory", None) is getattr(want, "default_factory", None)
                pairs += zip(got.values(), want.values())
            elif isinstance(want, (list, tuple)):
                assert len(got) == len(want)
                pairs += zip(got, want)
            else:
                assert got == want


@given(tree=TREES)
@settings(max_examples=60)
@example(tree=[{True: 1.0}, {1: 1.0}, {1.0: 1.0}])
@example(tree=Counter(a=2, b=1))
@example(tree=Pair([1.0, [Rows([2.0])]]))
def test_trees_of_every_class_come_back_as_they_are(tree):
    assert_same(jit(lambda x: x)(tree), tree)


@given(trees=st.lists(TREES, min_size=2, max_size=4))
@settings(max_examples=40)
@example(trees=[{"a": 1.0}, OrderedDict(a=1.0), Named(a=1.0), Counter(a=1.0)])
@example(trees=[Config(0.0), Config(-0.0), Config(0), Config(False), Config(0.0)])
@example(trees=[{True: 1.0}, {1: 1.0}, {1.0: 1.0}])
def test_trees_that_differ_share_no_program(trees):
    f = jit(lambda x: x)
    for tree in trees:
        assert_same(f(tree), tree)


ODD = [1, 1.0, True, 0, 0.0, -0.0, False, None, "1", b"1", math.nan, -math.nan, math.inf, 1j, complex(0.0, -0.0), 0j]
ODD += [
    Decimal("1"),
    Decimal("1.0"),
    Decimal("-0"),
    np.float64(0.0),
    np.float64(-0.0),
    np.int64(1),
    np.bool_(True),
    ...,
]
STATIC = st.recursive(
    st.one_of(st.sampled_from(ODD), st.floats()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(tuple),
        st.frozensets(inner, max_size=1),
        st.tuples(inner).map(lambda x: Config(*x)),
    ),
    max_leaves=3,
)


@given(values=st.lists(STATIC, min_size=2, max_size=6))
@settings(max_examples=60)
@example(values=[(1,), (True,), (1.0,)])
@example(values=[0.0, -0.0, 0, False])
@example(values=[frozenset([1]), frozenset([True]), frozenset([1.0])])
@example(values=[Config(0.0), Config(-0.0), Config((0.0,)), Config((-0.0,))])
@example(values=[Decimal("1"), Decimal("1.0")])
def test_static_arguments_that_python_calls_equal_are_told_apart(values):
    def f(x, k):
        return x + sum(repr(k).encode())

    compiled = jit(f, static_argnames="k")
    for k in [*values, *values]:
        assert compiled(1.0, k) == f(1.0, k)


def test_a_static_nan_is_compiled_once():
    f = jit(lambda x, k: x, static_argnames="k")
    for nan in (math.nan, float("nan"), -float("nan")):
        f(1.0, nan)
    assert len(f.compilations) == 1


def test_a_static_object_that_changes_is_seen():
    class Power:
        def __init__(self):
            self.n, self.more = 2, [1.0]

        @jit(static_argnames="self")
        def raised(self, x):
            return x**self.n + self.more[0]

    power = Power()
    assert power.raised(3.0) == 10.0
    power.n = 3
    assert power.raised(3.0) == 28.0
    power.more[0] = 5.0
    assert power.raised(3.0) == 32.0


@pytest.mark.parametrize("flags", [[True, True], [True, False]])
def test_bools_among_the_examples_of_vmap_are_bools_as_in_eager_mode(flags):
    g = vmap(lambda x, up: x if up else -x)
    assert jit(g)([1.0, 2.0], flags) == g([1.0, 2.0], flags)


def test_examples_of_several_structures_are_mapped_as_in_eager_mode():
    g = vmap(lambda x: x[0] * len(x))
    assert jit(g)([[1.0, 2.0], [3.0]]) == g([[1.0, 2.0], [3.0]]) == [2.0, 3.0]


@pytest.mark.parametrize("tree", [10**400, [1.0, -(10**400)], {"a": np.array([10**400], object)}])
@pytest.mark.parametrize(
    "f", [jit(lambda x: x), lambda x: jit(vmap(lambda e: e))([x]), lambda x: jit(lambda e: x)(1.0)]
)
def test_a_number_that_is_too_large_is_refused_in_the_users_terms(f, tree):
    with pytest.raises(OverflowError, match=r"jit.* takes numbers that fit a float .*, got an int of 1329 bits"):
        f(tree)


def endless():
    xs = [1.0]
    xs.append({"a": (xs,)})
    return xs


@pytest.mark.parametrize("call", [jit(lambda x: x), jit(vmap(lambda x: x)), jit(lambda _: endless())])
def test_a_tree_that_contains_itself_is_refused(call):
    with pytest.raises(ValueError, match="takes trees that end, got one that contains itself"):
        call(endless())


def test_trees_may_be_nested_to_any_depth():
    tree = [2.0]
    for _ in range(3000):
        tree = [tree]
    found = jit(lambda x: x)(tree)
    for _ in range(3000):
        (found,) = found
    assert found == [2.0]


def test_values_anywhere_in_the_arguments_make_it_the_function_itself():
    class Anything:
        pass

    x, f = Value(2.0), jit(lambda x, *more: x)
    for tree in ([[x]], {"a": (x,)}, Point(x, 1.0), Rows([x]), np.array([x, 1.0], object)):
        assert f(tree) is tree
    assert f(x, Anything()) is x  # what jit would not take
    assert jit(lambda x, k: x, static_argnames="k")(1.0, (x,)) == 1.0


def test_a_key_is_of_what_an_object_holds():
    class Held:
        __slots__ = ("__private", "public")

        def __init__(self, public, private):
            self.public, self.__private = public, private

    def key(public=1.0, private=1.0):
        return exact(deque([Held(public, private)]), numbers=False)

    assert key() == key() and len({key(), key(public=1), key(private=1), key([1.0]), key((1.0,)), key({"a": 1.0})}) == 6
    again = [1.0]
    assert exact([again, again]) != exact([[1.0], [1.0]])
    assert Flat({"a": [1.0, (2.0,)]}).key == Flat({"a": [3.0, (4.0,)]}).key
