"""Arguments are asked for in one way: the same odd values are refused everywhere, in the same words."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from engine.arguments import flag, function, listed, named, number, real, shown, text, whole


class Unsayable:
    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "given, read",
    [
        (2, 2.0), (True, 1.0), (Fraction(1, 4), 0.25), (Decimal("0.25"), 0.25), (np.float32(0.5), 0.5), (np.array(3), 3.0),
        (10**400, math.inf), (-(10**400), -math.inf), (Fraction(10**400), math.inf),
        ("2", None), (b"2", None), (2j, None), (np.complex64(1), None), (float, None), (None, None), ([1.0], None),
        (np.ones(1), None), (np.array("2"), None), (np.array(None), None), (np.datetime64("2020"), None), (Decimal("sNaN"), None),
    ],
)  # fmt: skip
def test_a_real_number_is_read_as_a_float_whatever_its_type(given, read):
    assert real(given) == read


@pytest.mark.parametrize(
    "ask, error, says",
    [
        (lambda: number("f", "x", "1"), TypeError, "f takes a number as x, got '1'"),
        (lambda: number("f", "x", 10**400), ValueError, "f takes a number as x, got an int of 1329 bits, which no float holds"),
        (lambda: number("f", "x", -math.inf), ValueError, "f takes a number as x, got -inf"),
        (lambda: number("f", "x", math.nan), ValueError, "f takes a number as x, got nan"),
        (lambda: number("f", "x", -1, "a number from 0", lambda x: x >= 0), ValueError, "f takes a number from 0 as x, got -1"),
        (lambda: whole("f", "n", 1.0), TypeError, "f takes a whole number from 0 as n, got 1.0"),
        (lambda: whole("f", "n", True), TypeError, "f takes a whole number from 0 as n, got True"),
        (lambda: whole("f", "n", np.array([1])), TypeError, "f takes a whole number from 0 as n, got array([1])"),
        (lambda: whole("f", "n", 0, least=1), ValueError, "f takes a whole number from 1 as n, got 0"),
        (lambda: whole("f", "n", 10**400), ValueError, "f takes a whole number from 0 as n, got an int of 1329 bits"),
        (lambda: whole("f", "n", 4, most=3), ValueError, "f takes a whole number from 0 to 3 as n, got 4"),
        (lambda: flag("f", "on", "yes"), TypeError, "f takes True or False as on, got 'yes'"),
        (lambda: flag("f", "on", 2), ValueError, "f takes True or False as on, got 2"),
        (lambda: text("f", "name", b"a"), TypeError, "f takes text as name, got b'a'"),
        (lambda: named("f", "mode", "Mni", ("min", "max")), ValueError, "f takes 'min' or 'max' as mode, got 'Mni'; did you mean 'min'?"),
        (lambda: named("f", "mode", np.ones(2), ("a", "b", "c")), TypeError, "f takes 'a', 'b' or 'c' as mode, got array([1., 1.])"),
        (lambda: function("f", "g", 3), TypeError, "f takes a function as g, got 3"),
        (lambda: listed("f", "xs", "ab"), TypeError, "f takes a list as xs, got 'ab'"),
        (lambda: listed("f", "xs", {"a": 1}), TypeError, "f takes a list as xs, got {'a': 1}"),
        (lambda: listed("f", "xs", np.array(1.0)), TypeError, "f takes a list as xs, got array(1.)"),
        (lambda: listed("f", "xs", Unsayable()), TypeError, "f takes a list as xs, got a Unsayable"),
    ],
)  # fmt: skip
def test_what_is_not_legal_is_refused_in_one_form(ask, error, says):
    with pytest.raises(error) as caught:
        ask()
    assert str(caught.value) == says


def test_what_is_legal_comes_back_as_what_it_stands_for():
    assert whole("f", "n", np.int64(3)) == 3
    assert whole("f", "seed", 10**400, most=math.inf) == 10**400
    assert [flag("f", "on", x) for x in (True, 0, np.bool_(True), 1.0)] == [True, False, True, True]
    assert listed("f", "xs", (x for x in "ab")) == ["a", "b"]
    assert named("f", "mode", "min", ("min", "max")) == "min"
    assert len(shown("x" * 1000)) == 60
