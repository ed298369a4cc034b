"""`python -m engine.picture`: expressions as text, nothing evaluated, one clear line for what is not legal."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Value, tanh
from engine.picture.__main__ import main
from engine.picture.parsing import graph_of


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("w*x + b", 7.0), ("-w**2", -4.0), ("+w", 2.0), ("w/x - b", 2.0 / 3.0 - 1.0), ("tanh(w*x)", math.tanh(6.0)),
        ("dot([w, x], [x, 2], b)", 13.0), ("w < x", 1.0), ("maximum(w, x)", 3.0), ("z = w*x; z*z", 36.0), ("2", 2.0),
        ("h = w + b\nh * h", 9.0), ("leaky_relu(-w)", -0.02), ("1e400 * 0", math.nan), ("0.5", 0.5),
    ],
)  # fmt: skip
def test_expressions_are_graphs(text, want):
    values = {"w": 2.0, "x": 3.0, "b": 1.0}
    used = {
        n: x
        for n, x in values.items()
        if n in text.replace("tanh", "").replace("maximum", "").replace("leaky_relu", "")
    }
    assert graph_of(text, used).data == pytest.approx(want, nan_ok=True)


def test_names_become_labels_and_the_result_is_called_l():
    root = graph_of("z = w*x; tanh(z)", {"w": 2.0, "x": 3.0})
    (z,) = root.args
    assert (root.label, z.label, [a.label for a in z.args]) == ("L", "z", ["w", "x"])


def test_a_name_used_twice_is_one_leaf():
    root = graph_of("x*x", {"x": 3.0})
    assert root.args[0] is root.args[1]


def test_the_numbers_are_those_of_the_same_python():
    x = Value(0.3)
    want = tanh(x * x / 7 - 2**x)
    got = graph_of("tanh(x*x/7 - 2**x)", {"x": 0.3})
    assert got.data == want.data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os')", "takes functions of the table"), ("x.real", "got 'x.real'"), ("x[0]", "got 'x[0]'"),
        ("(lambda: 1)()", "got '(lambda: 1)()'"), ("[a for a in x]", "got '[a for a in x]'"), ("'text'", 'got "\'text\'"'),
        ("f'{x}'", "got"), ("True", "got 'True'"), ("1j", "got '1j'"), ("x if x else 1", "got"), ("x and x", "got"),
        ("not x", "got 'not x'"), ("~x", "got '~x'"), ("x % 2", "got 'x % 2'"), ("x // 2", "got 'x // 2'"), ("x @ x", "got"),
        ("x < x < x", "got"), ("x is x", "got"), ("import os", "got 'import os'"), ("def f(): pass", "got"), ("x; del x", "got"),
        ("exp(x, y=1)", "got"), ("exp(*[x])", "got"), ("x = 2", "takes a new name"), ("x += 1", "got"), ("a = b = x", "got"),
        ("x + y", "got none for 'y'; try --at y=1"), ("1 +", "takes Python's notation"), ("", "takes one result"), ("[x]", "one result"),
        ("exp(x, x)", "exp takes 1 argument, got 2"), ("exp([x])", "exp takes real numbers"), ("dot([x], [1, 2])", "dot takes"),
        ("exp", "got none for 'exp'"), ("9" * 400, "fit a float"), ("x" * 10_001, "up to 10,000 characters"), ("[[x]]", "got"), ("x\0", "notation"),
    ],
)  # fmt: skip
def test_all_else_is_one_clear_error(text, message):
    with pytest.raises(ValueError, match="expression") as raised:
        graph_of(text, {"x": 2.0})
    assert message in str(raised.value)


@pytest.mark.parametrize("text", ["-" * 5000 + "x", "x" + "+x" * 4900, "(" * 500 + "x" + ")" * 500, "x**" * 3000 + "x"])
def test_a_deep_expression_is_a_graph_or_one_clear_error(text):
    try:
        root = graph_of(text, {"x": 1.0})
    except ValueError as e:
        assert "nests too deeply" in str(e) or "too many nested parentheses" in str(e)  # each Python has its own depth
    else:
        assert math.isfinite(root.data)


@given(st.text(alphabet="xy()[]{}+-*/=<>.,:;'\"\\ \n_019eabcdfgilmnoprst@#", max_size=40))
def test_no_text_does_anything_but_make_a_graph_or_raise_value_error(text):
    try:
        root = graph_of(text, {})
    except ValueError:
        return
    assert isinstance(root, Value)


def test_the_command_writes_a_file_and_prints_where(tmp_path, capsys):
    out = tmp_path / "neuron.html"
    assert main(["tanh(w*x + b)", "--at", "w=-3", "x=2", "b=6.88", "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    page = out.read_text()
    assert "tanh" in page
    assert "0.7064" in page  # tanh(0.88)


def test_without_a_file_it_prints_the_tree(capsys):
    assert main(["x*x", "--at", "x=3"]) == 0
    assert "dL/dx = dL/dL·∂L/∂(1st x) + dL/dL·∂L/∂(2nd x) = 1.0·3.0 + 1.0·3.0 = 6.0" in capsys.readouterr().out.replace(
        "\n     ", ""
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x*y", "--at", "x=1"], "got none for 'y'"), (["x", "--at", "x=one"], "takes a number for x, got 'one'"),
        (["x", "--at", "x"], "takes NAME=NUMBER, got 'x'"), (["x", "--at", "x=1", "y=2"], "got y"),
        (["x", "--at", "x=1", "--out", "x.bmp"], "ends in .svg"), (["open('x')"], "functions of the table"),
        (["x", "--at", "x=1", "--out", "/nowhere/at/all/x.svg"], "save takes the path of a file in a folder that exists"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_status_two(arguments, message, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert "Traceback" not in said
