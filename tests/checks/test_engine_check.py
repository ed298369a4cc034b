"""A pasted engine: what is planted in it is found on the smallest graph, named, drawn, and sought in its own line."""

import re

import pytest

from engine import TABLE, Value
from engine.checks import check_engine
from engine.checks.__main__ import main

RIGHT = """import math

class Value:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0.0, parents
        self.push = lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))
        def push():
            self.grad += out.grad
            other.grad += out.grad
        out.push = push
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))
        def push():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.push = push
        return out

    def __sub__(self, other):
        return self + other * -1.0

    def __pow__(self, n):
        assert isinstance(n, (int, float))
        out = Value(self.data**n, (self,))
        def push():
            self.grad += n * self.data ** (n - 1) * out.grad
        out.push = push
        return out

    def tanh(self):
        t = math.tanh(self.data)
        out = Value(t, (self,))
        def push():
            self.grad += (1 - t * t) * out.grad
        out.push = push
        return out

    def backward(self):
        order, seen = [], set()
        def visit(v):
            if v not in seen:
                seen.add(v)
                for p in v.parents:
                    visit(p)
                order.append(v)
        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            v.push()
"""


def planted(*swaps):
    source = RIGHT
    for old, new in swaps:
        assert old in source
        source = source.replace(old, new)
    return check_engine(source)


def line(text):
    return RIGHT.splitlines().index(text) + 1


def test_a_right_engine_is_right_and_what_happens_between_calls_is_noted():
    found = check_engine(RIGHT)
    assert found.ok and found.graph is None and found.svg == ""
    assert found.ops == ["add", "mul", "tanh", "square", "sub"]
    assert f"proved on {found.checked} graphs of add, mul, tanh, square, sub" in str(found)
    assert found.checked > 200
    assert "between calls, repeated backward: the gradient of x⁴ at 3" in str(found)


SUM = (
    "self.grad += out.grad\n            other.grad += out.grad",
    "self.grad = out.grad\n            other.grad = out.grad",
)


@pytest.mark.parametrize(
    ("swap", "graph", "says", "method"),
    [
        (SUM, "1.0 | add 1 1", r"has 1.0 as dy/dx0, and 2.0 is right.*\(= in place of \+=\)\.$", "__add__"),
        (("other.data * out.grad", "self.data * out.grad"), " | mul ", "The rule of mul is wrong for operand 1", "__mul__"),
        (("self.data * out.grad", "-self.data * out.grad"), " | mul ", "The rule of mul is wrong for operand 2", "__mul__"),
        (("(1 - t * t)", "(1 - t)"), "1.0 | tanh 1", "The rule of tanh is wrong for operand 1", "tanh"),
        (("n * self.data ** (n - 1)", "self.data ** (n - 1)"), "1.0 | square 1", "The rule of square is wrong for operand 1", "__pow__"),
        (("other * -1.0", "other"), " | sub ", "has .* as y, and .* is right. The rule of sub is wrong forward", "__sub__"),
        (("math.tanh(self.data)", "math.tan(self.data)"), "| tanh 1", "The rule of tanh is wrong forward", "tanh"),
        (("other.data * out.grad", "other.data"), "|", r"a rule does not multiply by it \(· out.grad is missing\)\.$", "backward"),
        (("reversed(order)", "order"), " | sub ", "Sub is made of other operations, and these are right on their own", "backward"),
        (("if v not in seen:", "if True:"), "|", "right on its own: shared nodes are swept more than once", ""),
        (("self.grad = 1.0", "self.grad = 2.0"), "|", "every gradient is 2 times what it should be", ""),
        (("(self, other))\n        def push():\n            self.grad += out", "(other,))\n        def push():\n            self.grad += out"), "|", "Every rule is right on its own", ""),
    ],
)  # fmt: skip
def test_a_planted_mistake_is_found_on_a_small_graph(swap, graph, says, method):
    found = planted(swap)
    assert not found.ok
    assert graph in str(found.graph)
    assert len(found.graph.steps) <= 2
    assert re.search(says, found.says), found.says
    if method:
        assert found.line == line(next(x for x in RIGHT.splitlines() if f"def {method}(" in x))
    assert "#d00000" in found.svg
    assert "not" in found.svg or "forward" in found.says


def test_the_edge_whose_share_is_lost_is_the_one_in_red():
    found = planted(SUM)
    red = re.findall(r"#engine #engine_(e\d+) path\{stroke:#d00000", found.svg)
    assert len(red) == 1
    assert "1.0, not 2.0" in found.svg


def test_the_edge_of_a_wrong_rule_shows_both_numbers():
    found = planted(("(1 - t * t)", "(1 - t)"))
    assert "= 0.2384, not 0.42" in found.svg
    assert re.findall(r"#engine #engine_(e\d+) path\{stroke:#d00000", found.svg) == ["e0"]


# What is wrong with the source -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("swap", "says", "text"),
    [
        (("def tanh(self):", "def tanh(self)"), "this is no Python: expected ':'", "    def tanh(self):"),
        (("math.tanh(self.data)", "math.tanh(self.dat)"), "AttributeError: .*'dat'", "        t = math.tanh(self.data)"),
        (("math.tanh(", "tanh("), "the name 'tanh' is used there, but it means nothing yet", "        t = math.tanh(self.data)"),
        (("import math", "import nothing_like_it"), "ModuleNotFoundError", "import math"),
        (("(1 - t * t)", "(1 - u * t)"), "the name 'u' is used there", "            self.grad += (1 - t * t) * out.grad"),
    ],
)  # fmt: skip
def test_what_the_source_raises_is_told_with_its_line(swap, says, text):
    found = planted(swap)
    assert not found.ok
    assert found.line == line(text)
    assert re.search(f"^Line {found.line} of your engine.*{says}", found.says), found.says


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "got no class"),
        ("x = 1", "got no class"),
        ("class Node:\n    pass", "got Node without backward"),
        ("class V:\n    def __init__(self, d):\n        self.data = d\n    def backward(self):\n        pass", "got V without + and *"),
        ("raise SystemExit", "Line 1 of your engine: SystemExit"),
        ("class Value:\n    def __init__(self):\n        self.data = 1\n    def backward(self):\n        pass", "TypeError"),
    ],
)  # fmt: skip
def test_what_is_no_engine_is_told(source, says):
    found = check_engine(source)
    assert not found.ok
    assert says in found.says


def test_an_engine_without_plain_numbers_is_checked_without_them():
    swap = "other = other if isinstance(other, Value) else Value(other)"
    found = planted((swap, "pass"), ("other * -1.0", "other * Value(-1.0)"))
    assert found.ok, found.says
    assert "plain numbers as operands are not checked" in str(found)


def test_a_number_without_a_wrapper_is_no_wrong_gradient_and_lost_digits_are_noted():
    found = planted(("(1 - t * t)", "(1 - t * t + 1e-13)"))
    assert found.ok, found.says
    assert "digits are lost on" in str(found)


def test_rows_of_the_readme_are_checked_too_and_leave_no_trace():
    before = set(TABLE)
    found = check_engine(
        'import engine\n\ncubed = engine.op("cubed", lambda x: x * x * x,\n'
        "                  lambda x, y: 3.0 * x, reference=lambda m, x: x**3)"
    )
    assert set(TABLE) == before and not hasattr(Value, "cubed")
    assert not found.ok and str(found.graph) == "2.0 | cubed 1" and found.line == 4
    assert "your rule has 6.0 as ∂y/∂x0, and 12.0 is right. The rule of cubed is wrong for operand 1." in found.says
    assert "= 6.0, not 12.0" in found.svg


def test_progress_is_told_and_a_notebook_shows_the_picture():
    counts = []
    found = check_engine(RIGHT, told=counts.append)
    assert counts == sorted(counts) and counts[-1] <= found.checked < counts[-1] + 10
    shown = planted(SUM)._repr_mimebundle_()
    assert "<img" in shown["text/html"] and "in place of" in shown["text/plain"]


def test_a_file_is_checked_from_the_command_line(tmp_path, capsys):
    file, picture = tmp_path / "mine.py", tmp_path / "wrong.svg"
    file.write_text(RIGHT)
    assert main([str(file)]) == 0
    assert capsys.readouterr().out.startswith("All gradients are right, proved on")
    file.write_text(RIGHT.replace("(1 - t * t)", "(1 - t)"))
    assert main([str(file), "--save", str(picture)]) == 1
    assert capsys.readouterr().out.endswith(f"The rule of tanh is wrong for operand 1.\npicture: {picture}\n")
    assert picture.read_text().startswith("<svg")
    assert main([str(tmp_path / "none.py")]) == 2
    assert "none.py" in capsys.readouterr().err
