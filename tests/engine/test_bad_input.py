"""What users get wrong, and what they are told: who, what it takes, what it got, and what to try."""

import math
import re
from fractions import Fraction

import numpy as np
import pytest

import engine
from engine import (
    TABLE,
    Value,
    backward,
    clip,
    dot,
    exp,
    explain,
    gradients,
    leaky_relu,
    log_softmax,
    logsumexp,
    maximum,
    mean,
    names,
    op,
    partials,
    softmax,
    topological_order,
    total,
    where,
)  # fmt: skip
from engine.checks import Graph, check_gradients


class Badly:
    def __float__(self):
        return "no float"

    def __repr__(self):
        return "Badly()"


def v():
    return Value(2.0)


def node():
    return v() * 3.0


V = "Value(data=2.0, grad=–)"
REAL = "takes real numbers and Values, got"
LIST = "takes a list of numbers and Values, got"
LABEL = "takes a number and a str as its label, got"
CHILDREN = "; what has children is made by an operation on them: engine.op adds one, with its derivative"
TEXT = "; convert text with float() first"
MANY = "; for many at once use a comprehension or a NumPy array of Values"
LEAF = "; change its leaves and build the graph again, or use replay"
HUGE = "takes numbers that fit a float (up to 1.8e308), got an int of 1329 bits"

CASES = [
    # What a Value is made of
    (lambda: Value("2.0"), TypeError, f"Value takes a real number, got '2.0'{TEXT}"),
    (lambda: Value(b"2"), TypeError, "Value takes a real number, got b'2'"),
    (lambda: Value(None), TypeError, "Value takes a real number, got None"),
    (lambda: Value(2j), TypeError, "Value takes a real number, got 2j"),
    (lambda: Value(np.complex64(1)), TypeError, "Value takes a real number, got np.complex64(1+0j)"),
    (lambda: Value(np.complex128(1)), TypeError, "Value takes a real number, got np.complex128(1+0j)"),
    (lambda: Value([1.0]), TypeError, f"Value takes a real number, got [1.0]{MANY}"),
    (lambda: Value({}), TypeError, "Value takes a real number, got {}"),
    (lambda: Value(np.ones(2)), TypeError, f"Value takes a real number, got array([1., 1.]){MANY}"),
    (lambda: Value(np.array("a")), TypeError, "Value takes a real number, got array('a', dtype='<U1')"),
    (lambda: Value(np.str_("1")), TypeError, f"Value takes a real number, got np.str_('1'){TEXT}"),
    (lambda: Value(np.datetime64("2020-01-01")), TypeError, "Value takes a real number, got np.datetime64('2020-01-01')"),
    (lambda: Value(float), TypeError, "Value takes a real number, got <class 'float'>"),
    (lambda: Value(Badly()), TypeError, "Value takes a real number, got Badly()"),
    (lambda: Value(v()), TypeError, f"Value takes a real number, got {V}; use it as it is, or its detach()"),
    (lambda: Value(10**400), OverflowError, f"Value {HUGE}"),
    (lambda: Value(Fraction(10**400)), OverflowError, re.compile(r"Value takes numbers that fit .*, got Fraction\(10{40}")),
    (lambda: Value(3.0, (v(), v())), TypeError, f"Value {LABEL} ({V}, {V}){CHILDREN}"),
    (lambda: Value(3.0, (v(), v()), "+"), TypeError, f"Value {LABEL} ({V}, {V}), …{CHILDREN}"),
    (lambda: Value(3.0, ()), TypeError, f"Value {LABEL} (){CHILDREN}"),
    (lambda: setattr(v(), "label", {v()}), TypeError, f"Value {LABEL} {{{V}}}{CHILDREN}"),
    (lambda: type("V", (Value,), {}), TypeError, "Value takes no subclasses; for a new operation add a row with engine.op"),
    # Operators
    (lambda: v() + "a", TypeError, f"add {REAL} 'a'{TEXT}"),
    (lambda: "a" + v(), TypeError, f"add {REAL} 'a'{TEXT}"),
    (lambda: v() - None, TypeError, f"sub {REAL} None"),
    (lambda: None - v(), TypeError, f"sub {REAL} None"),
    (lambda: v() * [1.0], TypeError, f"mul {REAL} [1.0]{MANY}"),
    (lambda: [1.0] * v(), TypeError, f"mul {REAL} [1.0]{MANY}"),
    (lambda: (1.0,) + v(), TypeError, f"add {REAL} (1.0,){MANY}"),
    (lambda: v() / 2j, TypeError, f"div {REAL} 2j"),
    (lambda: 2j / v(), TypeError, f"div {REAL} 2j"),
    (lambda: v() ** "2", TypeError, f"power {REAL} '2'{TEXT}"),
    (lambda: {} ** v(), TypeError, "power takes real numbers and Values, got {}"),
    (lambda: v() + 10**400, OverflowError, f"add {HUGE}"),
    (lambda: v() < 10**400, OverflowError, f"less {HUGE}"),
    (lambda: v() + object(), TypeError, "unsupported operand type(s) for +: 'Value' and 'object'"),
    (lambda: v() % "2", TypeError, f"remainder {REAL} '2'{TEXT}"),
    (lambda: divmod(v(), None), TypeError, f"floor_divide {REAL} None"),
    (lambda: v() @ 2, TypeError, "unsupported operand type(s) for @: 'Value' and 'int'"),
    (lambda: v() < "a", TypeError, "'<' not supported between instances of 'Value' and 'str'"),
    (lambda: v() >= None, TypeError, "'>=' not supported between instances of 'Value' and 'NoneType'"),
    (lambda: v() > 2j, TypeError, "'>' not supported between instances of 'Value' and 'complex'"),
    (lambda: f"{v():q}", ValueError, re.compile("Unknown format code 'q'")),
    (lambda: int(Value(math.nan)), ValueError, "cannot convert float NaN to integer"),
    (lambda: list(v()), TypeError, "'Value' object is not iterable"),
    # Attributes
    (lambda: setattr(node(), "data", 1.0), AttributeError, f"data takes a new number on leaves only, got a node made by mul{LEAF}"),
    (lambda: setattr(v(), "data", "1"), TypeError, f"data takes a real number, got '1'{TEXT}"),
    (lambda: setattr(v(), "data", None), TypeError, "data takes a real number, got None"),
    (lambda: setattr(v(), "weight", 1.0), AttributeError, re.compile("'Value' object has no attribute 'weight'")),
    (lambda: setattr(v(), "args", ()), AttributeError, re.compile("property 'args' of 'Value' object has no setter")),
    # Functions of numbers
    (lambda: exp("a"), TypeError, f"exp {REAL} 'a'{TEXT}"),
    (lambda: exp(None), TypeError, f"exp {REAL} None"),
    (lambda: exp(1j), TypeError, f"exp {REAL} 1j"),
    (lambda: exp([1.0]), TypeError, f"exp {REAL} [1.0]{MANY}"),
    (lambda: exp([v()]), TypeError, f"exp {REAL} [{V}]{MANY}"),
    (lambda: exp((v(),)), TypeError, f"exp {REAL} ({V},){MANY}"),
    (lambda: exp(np.ones(2)), TypeError, f"exp {REAL} array([1., 1.]){MANY}"),
    (lambda: exp(), TypeError, "exp takes 1 argument, got 0"),
    (lambda: exp(v(), v()), TypeError, "exp takes 1 argument, got 2"),
    (lambda: maximum(1.0), TypeError, "maximum takes 2 arguments, got 1"),
    (lambda: maximum(v(), "a"), TypeError, f"maximum {REAL} 'a'{TEXT}"),
    (lambda: v().maximum([1.0]), TypeError, f"maximum {REAL} [1.0]{MANY}"),
    (lambda: where(v()), TypeError, "where takes 3 arguments, got 1"),
    (lambda: clip(v(), "a", 1.0), TypeError, f"clip {REAL} 'a'{TEXT}"),
    (lambda: clip(v(), 0.0), TypeError, "clip takes 3 arguments, got 2"),
    (lambda: leaky_relu(), TypeError, "leaky_relu takes 1 or 2 arguments, got 0"),
    (lambda: v().leaky_relu("a"), TypeError, f"leaky_relu {REAL} 'a'{TEXT}"),
    # Functions of lists
    (lambda: total(v()), TypeError, f"total {LIST} {V}"),
    (lambda: total(2.0), TypeError, f"total {LIST} 2.0"),
    (lambda: total("12"), TypeError, f"total {LIST} '12'"),
    (lambda: total(["a"]), TypeError, f"total {REAL} 'a'{TEXT}"),
    (lambda: total([v(), None]), TypeError, f"total {REAL} None"),
    (lambda: total({1.0}), TypeError, f"total {LIST} {{1.0}}; make a list of it, in the order to sum"),
    (lambda: total(v(), v()), TypeError, "total takes 1 argument, got 2"),
    (lambda: mean(None), TypeError, f"mean {LIST} None"),
    (lambda: logsumexp([v(), [v()]]), TypeError, f"logsumexp {REAL} [{V}]{MANY}"),
    (lambda: total(np.ones((2, 2))), TypeError, f"total {REAL} array([1., 1.]){MANY}"),
    (lambda: softmax(v()), TypeError, f"softmax {LIST} {V}"),
    (lambda: log_softmax(1.0), TypeError, f"log_softmax {LIST} 1.0"),
    (lambda: dot([v()], [v(), v()]), ValueError, "dot takes as many weights as inputs, got 1 and 2"),
    (lambda: dot([v()], v()), TypeError, f"dot {LIST} {V}"),
    (lambda: dot(2.0, [v()]), TypeError, f"dot {LIST} 2.0"),
    (lambda: dot("ab", "cd"), TypeError, f"dot {LIST} 'ab'"),
    (lambda: dot([v()], [None]), TypeError, f"dot {REAL} None"),
    (lambda: dot([v()], [v()], "a"), TypeError, f"dot {REAL} 'a'{TEXT}"),
    (lambda: dot([[v()]], [[v()]]), TypeError, f"dot {REAL} [{V}]{MANY}"),
    (lambda: TABLE["dot"]([v()], [v(), v()], 0.0), ValueError, "dot takes lists of one length, got 1 and 2"),
    (lambda: TABLE["dot"]([v()], [v()], [0.0]), TypeError, f"dot {REAL} [0.0]{MANY}"),
    # Explanations and checks
    (lambda: explain(node(), terms="x"), TypeError, "explain takes a whole number from 1 as terms, got 'x'"),
    (lambda: explain(node(), nodes=1.5), TypeError, "explain takes a whole number from 1 as nodes, got 1.5"),
    (lambda: check_gradients(exp, (0.5,), modes=5), TypeError, "check_gradients takes a list of 'reverse' and 'forward' as modes, got 5"),
    (lambda: check_gradients(exp, (0.5,), order=None), TypeError, "check_gradients takes a whole number from 1 to 3 as order, got None"),
    (lambda: Graph.parse(3), TypeError, "Graph.parse takes text such as '0.5 2.0 | mul 1 2 | exp 1' as text, got 3"),
    # Gradients
    (lambda: v().backward("a"), TypeError, f"backward takes a real number as gradient, got 'a'{TEXT}"),
    (lambda: v().backward(None), TypeError, "backward takes a real number as gradient, got None"),
    (lambda: node().backward([1.0]), TypeError, f"backward takes a real number as gradient, got [1.0]{MANY}"),
    (lambda: backward(2.0), TypeError, "backward takes a Value, got 2.0; of several losses call it on each, or on their sum"),
    (lambda: backward([v()]), TypeError, re.compile("backward takes a Value, got .*; of several losses call it on each")),
    (lambda: gradients(2.0, [v()]), TypeError, "gradients takes a Value or a list of Values, got 2.0"),
    (lambda: gradients([v(), None], [v()]), TypeError, "gradients takes a Value or a list of Values, got None"),
    (lambda: gradients(v(), v()), TypeError, f"gradients takes a list of Values to differentiate by, got {V}; put it in a list"),
    (lambda: gradients(v(), [2.0]), TypeError, "gradients takes a Value or a list of Values, got 2.0"),
    (lambda: gradients(v(), None), TypeError, "gradients takes a Value or a list of Values, got None"),
    (lambda: gradients(v(), [v()], "a"), TypeError, f"gradients {REAL} 'a'{TEXT}"),
    (lambda: gradients(v(), [v()], [1.0]), TypeError, "gradients takes one gradient for one root, got [1.0]"),
    (lambda: gradients([v()] * 2, [v()], [1.0]), ValueError, "gradients takes as many gradients as roots, got 1 and 2"),
    (lambda: topological_order("a"), TypeError, "topological_order takes a Value or a list of Values, got 'a'"),
    (lambda: topological_order([2.0]), TypeError, "topological_order takes a Value or a list of Values, got 2.0"),
    (lambda: partials(2.0), TypeError, "partials takes a Value, got 2.0"),
    # NumPy
    (lambda: np.isnan(v()), TypeError, "numpy.isnan takes no Values: the table has no row of this name; engine.op adds one"),
    (lambda: np.add.reduce(v()), TypeError, "numpy.add takes Values in plain calls only, got reduce with []"),
    (lambda: np.exp(v(), where=True), TypeError, "numpy.exp takes Values in plain calls only, got __call__ with ['where']"),
    (lambda: np.add(v(), "a"), TypeError, f"add {REAL} 'a'{TEXT}"),
    # New rows
    (lambda: op("2x", exp, 1.0), ValueError, "op takes a Python identifier as name, got '2x'"),
    (lambda: op(None, exp, 1.0), ValueError, "op takes a Python identifier as name, got None"),
    (lambda: op("lambda", exp, 1.0), ValueError, "op takes a Python identifier as name, got 'lambda'"),
    (lambda: op("exp", exp, 1.0), ValueError, "op takes a new name, got 'exp', which is in the table already; choose another"),
    (lambda: op("data", exp, 1.0), ValueError, "op takes a name that Value does not use already, got 'data'"),
    (lambda: op("gradients", exp, 1.0), ValueError, "op takes a name that engine does not use already, got 'gradients'; choose another"),
    (lambda: op("draw", exp, 1.0), ValueError, "op takes a name that engine does not use already, got 'draw'; choose another"),
    (lambda: op("fresh", "exp", 1.0), TypeError, "op 'fresh' takes a forward function of floats, got 'exp'"),
    (lambda: op("fresh", exp), TypeError, "op 'fresh' takes one partial per argument after its forward function, got none"),
    (lambda: op("fresh", exp, "y"), TypeError, "op 'fresh' takes functions or numbers as partials, got 'y'"),
    # The package
    (lambda: engine.missing, AttributeError, "engine has no 'missing'"),
    (lambda: names(2), TypeError, "names takes a mapping of names to Values, got 2; try names(locals())"),
]  # fmt: skip


def told(case):
    expression, kind, message = case
    with pytest.raises(kind) as caught:
        expression()
    assert type(caught.value) is kind
    if isinstance(message, re.Pattern):
        assert message.match(str(caught.value)), str(caught.value)
    else:
        assert str(caught.value) == message


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{k}-{c[2] if isinstance(c[2], str) else c[2].pattern}" for k, c in enumerate(CASES)]
)
def test_bad_input_is_refused_in_the_users_terms(case):
    told(case)


def test_there_are_at_least_sixty_cases_and_none_twice():
    assert len(CASES) >= 60
    assert "fresh" not in TABLE


def test_equality_with_anything_never_raises():
    for other in (None, "a", 2j, [1.0], {}, object(), int):
        assert (v() == other) is False
        assert (v() != other) is True


def test_what_is_refused_leaves_nothing_behind():
    a = v()
    for bad in ("a", None, [1.0]):
        with pytest.raises(TypeError):
            a.backward(bad)
    assert repr(a) == V
