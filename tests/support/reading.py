"""Reads printed formulas back: a small evaluator for our text, and Unicode and MathML read as text by what is seen.

It knows the grammar of Python, `[x > 0]` as 1 or 0, and the table's forward functions; it knows nothing of templates
and levels, so that a missing parenthesis changes what it computes.
"""

import ast
import math
import operator
import re
import struct
import xml.etree.ElementTree as ET

import engine
from engine import TABLE

BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "power"}
COMPARE = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip


def evaluated(text, env):
    """The number that Python text of one or more lines stands for."""
    env = dict(env)
    *lines, last = text.split("\n")
    for line in lines:
        name, formula = line.split(" = ", 1)
        assert name not in env
        env[name] = evaluated(formula, env)
    return _number(ast.parse(last, mode="eval").body, env)


def _number(e, env):
    if isinstance(e, ast.Constant):
        return float(e.value)
    if isinstance(e, ast.Name):
        return {"inf": math.inf, "nan": math.nan}[e.id] if e.id in ("inf", "nan") else env[e.id]
    if isinstance(e, ast.UnaryOp):
        return -_number(e.operand, env)
    if isinstance(e, ast.BinOp):
        return TABLE[BINARY[type(e.op)]].forward(_number(e.left, env), _number(e.right, env))
    if isinstance(e, ast.Call):
        if e.func.id == "floor" and isinstance(e.args[0], ast.BinOp) and isinstance(e.args[0].op, ast.Div):
            whole = e.args[0]  # ⌊a/b⌋ is a // b, which is -1 where a quotient below 0 is too small to be a number
            return TABLE["floor_divide"].forward(_number(whole.left, env), _number(whole.right, env))
        if e.func.id == "polygamma":
            return engine.polygamma(e.args[0].value, _number(e.args[1], env))
        if e.func.id.endswith("_density"):
            return engine.untabled.untabled(e.func.id, 1)(*[_number(a, env) for a in e.args])
        if e.func.id in ("gammainc", "gammaincc", "betainc"):
            return getattr(engine, e.func.id)(*[_number(a, env) for a in e.args])
        if e.func.id.endswith("_slope"):
            return engine.untabled.untabled(e.func.id[:-6], 1)(_number(e.args[0], env))
        return TABLE[e.func.id](*[_number(a, env) for a in e.args])
    assert isinstance(e, ast.List)
    if len(e.elts) != 1 or not isinstance(e.elts[0], ast.Compare):
        return [_number(a, env) for a in e.elts]
    first, *rest = [_number(a, env) for a in (e.elts[0].left, *e.elts[0].comparators)]
    if len(rest) == 2:
        return TABLE["inside"].forward(rest[0], first, rest[1])
    if type(e.elts[0].ops[0]) is ast.Gt and ast.unparse(e.elts[0].comparators[0]) == "0":
        return TABLE["step"].forward(first)
    return float(COMPARE[type(e.elts[0].ops[0])](first, rest[0]))


def bits(x):
    return "nan" if x != x else struct.pack("d", x)


def close(x, y, ulps, size=0.0):
    """Whether x and y differ by a few units in the last place of the larger, or of `size`."""
    if x == y or (x != x and y != y):
        return True
    scale = max(abs(x), abs(y), size)
    return math.isfinite(scale) and abs(x - y) <= ulps * math.ulp(scale)


# Unicode -------------------------------------------------------------------------------------------------------------

SIGNS = [
    (" · ", "*"), ("−", "-"), ("∞", "inf"), ("≤", "<="), ("≥", ">="), ("≠", "!="), (" = ", " == "), ("^", "**"),
    ("sech²(", "sech2("), ("ln σ(", "logsigmoid("), ("σ(", "sigmoid("), ("ln(", "log("), ("⌊", "floor("), ("⌋", ")"),
    ("⌈", "ceil("), ("⌉", ")"),
]  # fmt: skip
LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def from_unicode(text):
    """Python text of the same meaning."""
    for new, old in SIGNS:
        text = text.replace(new, old)
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda m: f"**({m[0].translate(LOWERED)})", text)
    return text.replace("√", "sqrt").replace("∛", "cbrt")


# MathML --------------------------------------------------------------------------------------------------------------

NAMES = {
    "ln": "log",
    "σ": "sigmoid",
    "Φ": "normal_cdf",
    "Γ": "gamma",
    "φ": "normal_pdf",
    "max": "maximum",
    "min": "minimum",
}
OPERATORS = {"·": "*", "−": "-", "≤": "<=", "≥": ">=", "≠": "!=", "=": "==", "⌊": "floor(", "⌋": ")", "⌈": "ceil(",
             "⌉": ")", ",": ", "}  # fmt: skip


def from_mathml(xml):
    """Python text of the same meaning: grouping that is not seen is dropped, grouping that is seen is parentheses."""
    return seen(ET.fromstring(xml))


def seen(e):
    """The same of an element."""
    parts = list(e)
    if e.tag in ("math", "mrow"):
        if len(parts) > 2 and parts[0].text == parts[-1].text == "|":
            return f"abs({''.join(map(seen, parts[1:-1]))})"
        return "".join(map(seen, parts))
    if e.tag == "mfrac":
        return f"(({seen(parts[0])})/({seen(parts[1])}))"
    if e.tag == "msqrt":
        return f"sqrt({''.join(map(seen, parts))})"
    if e.tag == "mroot":
        return f"cbrt({seen(parts[0])})"
    if e.tag == "msub":
        return seen(parts[0]) + parts[1].text
    if e.tag == "msup":
        assert parts[0].tag != "mfrac", "a fraction as a base needs parentheses"
        base, exponent = map(seen, parts)
        if base == "e":
            return f"exp({exponent})"
        return "sech2" if base == "sech" else f"{base}**({exponent})"
    if e.tag == "mo":
        return OPERATORS.get(e.text, e.text)
    text = e.text or ""  # a space has none
    return NAMES.get(text, text).replace("−", "-")
