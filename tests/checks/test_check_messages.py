"""What a user reads: bad input, a failure, a picture, the command line."""

import json
import math
import os
import random
import subprocess
import sys

import numpy as np
import planting
import pytest

import engine
from engine import TABLE, Value
from engine.checks import GradientError, Graph, check_gradients, numerical_gradient
from engine.checks.__main__ import main


@pytest.fixture
def wrong_sin(monkeypatch):
    planting.row("sin", partials=(lambda x, y: -engine.cos(x),))(monkeypatch)


# What can be checked ---------------------------------------------------------------------------------------------------


def test_functions_of_lists_dicts_and_arrays():
    assert check_gradients(lambda p: p["w"] * p["b"][1], ({"w": 2.0, "b": [1.0, 3.0]},)).verdicts["ok"] == 4
    assert check_gradients(lambda a: engine.total(list((a * a).ravel())), (np.arange(1.0, 5.0).reshape(2, 2),)).ok
    names = check_gradients(lambda p: p["w"] * p["b"][1], ({"w": 2.0, "b": [1.0, 3.0]},)).subject.names
    assert names == ["p['w']", "p['b'][0]", "p['b'][1]"]


def test_a_value_that_was_built_already():
    x, y = Value(0.5, label="x"), Value(2.0, label="y")
    report = check_gradients(engine.exp(x) * y + x, order=2, modes=("reverse", "forward"))
    assert report.subject.names == ["x", "y"]
    assert report.ok
    assert x.grad == 0.0


def test_an_op_of_ones_own(request):
    name = "triple_for_this_test"
    triple = TABLE.get(name) or engine.op(
        name, lambda x: 3.0 * x * x, lambda x, y: 6.0 * x, reference=lambda m, x: 3 * x * x
    )
    request.addfinalizer(lambda: TABLE.pop(name, None))
    assert check_gradients(lambda x: triple(x), 0.7, order=2).ok
    triple.partials = (lambda x, y: 5.0 * x,)
    with pytest.raises(GradientError, match=name):
        check_gradients(lambda x: triple(x), 0.7, save=False)


def test_an_op_without_a_reference_says_how_to_give_one(request):
    name = "opaque_for_this_test"
    opaque = engine.op(name, lambda x: x, 1.0)
    request.addfinalizer(lambda: TABLE.pop(name, None))
    with pytest.raises(ValueError, match="reference="):
        check_gradients(lambda x: opaque(x), 0.7)


# What cannot -----------------------------------------------------------------------------------------------------------


def mutates(p):
    p[0] = p[0] * 2.0
    return p[0] * p[1]


def sets_data(x):
    x.data = 3.0
    return x * x


state = random.Random(0)
WRONG = {
    "returns a list": (lambda x: [x, x], 1.0, TypeError, "returns one number, got a list of 2"),
    "returns nothing": (lambda x: None, 1.0, TypeError, "returns nothing"),
    "returns text": (lambda x: "one", 1.0, TypeError, "returns a Value, got 'one'"),
    "raises": (lambda x: x.nonsense, 1.0, RuntimeError, "AttributeError"),
    "wants an integer": (lambda x, n: [x for _ in range(n)][0], (1.0, 3), RuntimeError, "closing over it"),
    "changes its argument": (mutates, ([1.0, 2.0],), ValueError, "changes them"),
    "sets data": (sets_data, 1.0, TypeError, r"setting \.data of one .* compute a new Value"),
    "is random": (lambda x: x * state.random(), 1.0, ValueError, "one answer"),
    "never uses Values": (lambda x: math.sin(x.data), 1.0, TypeError, "plain number"),
    "applies math": (lambda x: x * math.sin(x), 1.0, TypeError, r"math\.sin of one .* use engine\.sin;"),
    "at nan": (lambda x: x, math.nan, ValueError, "finite numbers, got x = nan"),
    "at infinity": (lambda x: x, math.inf, ValueError, "finite numbers"),
    "at nothing": (lambda: Value(1.0), (), ValueError, "at least one number"),
    "without a point": (lambda x: x, None, TypeError, "the point"),
    "at text": (lambda x: x, "0.5", TypeError, "real numbers"),
    "no function": (3.0, 1.0, TypeError, "a function, a Graph or a Value"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_function_that_cannot_be_checked_says_why(what):
    f, at, error, message = WRONG[what]
    with pytest.raises(error, match=message) as caught:
        check_gradients(f, at)
    assert str(caught.value).startswith("check_gradients takes")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": 4}, "a whole number from 1 to 3 as order"),
        ({"order": True and "2"}, "a whole number from 1 to 3 as order"),
        ({"modes": ("sideways",)}, "'reverse' or 'forward' as modes"),
        ({"modes": ()}, "'reverse' or 'forward' as modes"),
        ({"engine": "micrograd"}, "Engine"),
    ],
)
def test_settings_say_what_they_take(settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        check_gradients(lambda x: x, 1.0, **settings)


def test_an_argument_that_is_ignored_is_noted_and_its_derivative_is_0():
    report = check_gradients(lambda x, y: x * x, (1.0, 2.0), order=2, modes=("reverse", "forward"))
    assert report.ok
    assert "does not use y" in str(report)


def test_integers_are_taken_as_floats_and_a_rounded_one_is_noted():
    assert check_gradients(lambda x: x * x, 3).ok
    assert "9007199254740993 is no float" in str(check_gradients(lambda x: x * x, 2**53 + 1))


# A failure -------------------------------------------------------------------------------------------------------------


def test_a_failure_tells_all_in_order(wrong_sin, tmp_path):
    file = tmp_path / "graph.svg"
    with pytest.raises(GradientError) as caught:
        check_gradients(lambda x, y: engine.sin(x * y) + x, (0.5, 2.0), save=file)
    text = str(caught.value)
    parts = [
        "f: ∂/∂x (reverse mode) is wrong in chainrule: the rule of sin for operand 1 is",
        "function\n    sin(x · y) + x",
        "point\n    x = 0.5, y = 2.0",
        "chainrule        -0.08060461173627953",
        "exact, by balls  2.08060461173628 ± ",
        "by Taylor series 2.080604611736279",
        "rule: sin(v1) at (1.0)",
        "∂/∂v1 = −cos(v1)",
        "gives -0.5403023058681398",
        "should be 0.54030230586814",
        "to reproduce\n    check_gradients(f, (0.5, 2.0))",
        f"picture: {file}",
    ]
    places = [text.find(part) for part in parts]
    assert places == sorted(places), text
    assert -1 not in places, text
    svg = file.read_text()
    assert "<title>WRONG = sin(" in svg
    assert "stroke: #d00000" in svg


def test_a_failure_fits_a_terminal(wrong_sin):
    with pytest.raises(GradientError) as caught:
        check_gradients(
            lambda x, y: engine.sin(x * y) + engine.exp(engine.sin(x) * y + x * x * y), (0.5, 2.0), save=False
        )
    lines = str(caught.value).split("\n")
    assert max(len(line) for line in lines) <= 80
    assert "```text" in caught.value.report._repr_markdown_()


def test_a_picture_that_cannot_be_drawn_fails_nothing(wrong_sin, tmp_path):
    with pytest.raises(GradientError) as caught:
        check_gradients(lambda x: engine.sin(x), 0.5, save=tmp_path / "no" / "folder" / "x.svg")
    assert "picture" not in str(caught.value)


def test_a_success_is_told_in_one_line():
    assert str(check_gradients(lambda x: x * x, 0.5)) == "f at (0.5): 2 ok"


# The command line ------------------------------------------------------------------------------------------------------


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "functions_to_check.py").write_text("import engine\ndef good(x, y):\n    return engine.exp(x) * y\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return "functions_to_check"


def test_the_command_line_says_ok(module, capsys):
    assert main([f"{module}:good", "--at", "0.5", "2.0", "--order", "2", "--mode", "reverse", "forward"]) == 0
    assert "ok" in capsys.readouterr().out


def test_the_command_line_says_wrong(wrong_sin, capsys):
    assert main(["0.5 | sin 1", "--save", os.devnull]) == 1
    assert "the rule of sin" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["no_module_of_this_name:f", "--at", "1"], ["0.5 | nonsense 1"], ["math:sin", "--at", "1"]],
)
def test_the_command_line_refuses_what_makes_no_sense(arguments, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_the_command_line_checks_random_graphs(wrong_sin, capsys):
    assert main(["--graphs", "60", "--seed", "1", "--max-ops", "12"]) == 1
    out = capsys.readouterr().out
    assert "60 graphs, seed 1" in out
    assert "Graph.parse(" in out


def test_without_the_extra_the_message_names_it():
    code = (
        "import sys, json; sys.modules['flint'] = None; sys.modules['hypothesis'] = None\n"
        "import engine.checks\nfound = []\n"
        "for name in ('check_gradients', 'graphs', 'lifecycle_machine'):\n"
        "    try: getattr(engine.checks, name)\n"
        "    except ImportError as error: found.append(str(error))\n"
        "engine.checks.numerical_gradient\nprint(json.dumps(found))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    found = json.loads(out)
    assert len(found) == 3
    assert all('pip install -e ".[check]" in the folder of chainrule' in message for message in found)


# The classic check -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "at"), [(lambda x: engine.exp(x), 0.5), (lambda x: engine.sin(x) / x, 3.0), (lambda x: x**5, 40.0)]
)
def test_numerical_gradients_know_how_good_they_are(f, at):
    estimate = numerical_gradient(f, at)
    exact = engine.grad(f)(at)
    assert abs(estimate.gradient - exact) <= 20 * estimate.error + 1e-12 * abs(exact)
    assert estimate.error <= 1e-7 * abs(exact)


def test_numerical_gradients_come_in_the_tree_of_the_arguments():
    estimate = numerical_gradient(lambda p, x: p["w"] * x[1], ({"w": 2.0}, [1.0, 3.0]))
    assert estimate.gradient[0]["w"] == pytest.approx(3.0)
    assert estimate.gradient[1] == pytest.approx([0.0, 2.0])


@pytest.mark.parametrize(
    "settings, takes", [({"step": 0.0}, "a number above 1e-300"), ({"rounds": 1}, "from 2 to 100")]
)
def test_numerical_gradients_say_what_they_take(settings, takes):
    with pytest.raises(ValueError, match=takes):
        numerical_gradient(lambda x: x, 1.0, **settings)
    with pytest.raises(ValueError, match="at least one number"):
        numerical_gradient(lambda x: x, ())


def test_a_graph_that_is_not_the_callers_point():
    assert check_gradients(Graph.parse("0.5 | exp 1"), (0.75,)).subject.point == [0.75]
