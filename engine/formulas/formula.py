"""Values as formulas: expressions, local derivatives and whole graphs, as text, Unicode, LaTeX and MathML.

A local derivative is printed by running the partial of the table on named Values and writing down what it computed,
so no derivative is typed by hand: the formula a reader sees is the rule that ran. What it computed is folded lightly
first (`1*x`, `0 + x`, signs, `u*u`), since a partial written for all arguments meets many ones and zeros.
"""

from collections.abc import Callable
from typing import cast

from .. import context
from ..rule import Op
from ..traversal import partials, topological_order
from ..value import Value
from .folding import Folder
from .graph_names import GraphNames
from .naming import name_text
from .notation import STYLES, Operand, Part, constant, number_text, written

__all__ = ["expression", "number_text", "partial_formulas", "to_latex", "to_mathml", "to_text"]

DEEPEST = 50  # an inner node nested deeper gets a name and a line of its own
LONGEST = 20_000  # characters of a local derivative; one that shares inner nodes could double at each of them

Name = Callable[[Value], str]


def expression(v: Value, name: Name, style: str = "text") -> str:
    """The expression of one node in terms of its arguments' names.

    Args:
        v: a Value; a leaf is written as its number.
        name: a function from a Value to its name.
        style: "text" (Python), "unicode", "latex" or "mathml". Long lists are elided in all but the first.

    >>> from engine import Value
    >>> from engine.formulas.formula import expression
    >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
    >>> expression(w * x, lambda v: v.label), expression(w**2, lambda v: v.label, "unicode")
    ('w*x', 'w²')
    """
    _check(style)
    if v.op is None:
        return constant(v.data, style, whole=False).text
    operands = _operands(v, lambda a, _: Part(name_text(name(a), style)), style)
    return written(v.op, operands, style, elide=style != "text").text


def _check(style: str) -> None:
    if style not in STYLES:
        raise ValueError(f"style takes {', '.join(map(repr, STYLES))}, got {style!r}")


def _operands(v: Value, part: Callable[[Value, float], Part], style: str, whole: bool = True) -> list[Operand]:
    """How the operands of a node are written.

    Args:
        part: a function from an argument and its data to how it is written.
        whole: numbers among the arguments in a list are written without `.0` if they have no fraction.
    """
    found: list[Operand] = []
    for a, x in zip(*v._operands()):
        if isinstance(a, tuple):
            found.append([part(e, d) if isinstance(e, Value) else constant(d, style, whole) for e, d in zip(a, x)])
        elif isinstance(a, list):
            found.append([constant(e, style) for e in a])
        else:
            found.append(part(a, x) if isinstance(a, Value) else constant(x, style))
    return found


def partial_formulas(v: Value, name: Name, style: str = "text") -> list[str | None]:
    """The local derivatives of a node as formulas, one an edge as in `v.args`; None for an operand that is a number.

    Args:
        v: a Value.
        name: a function from a Value to its name, for the arguments and, where a rule uses its output, for v.
        style: "text" (Python), "unicode", "latex" or "mathml".

    >>> from engine import Value, exp
    >>> from engine.formulas.formula import partial_formulas
    >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
    >>> partial_formulas(w * x, lambda v: v.label), partial_formulas(w**2, lambda v: v.label, "unicode")
    (['x', 'w'], ['2 · w', None])
    """
    _check(style)
    if v.op is None:
        return []
    with context.quiet():
        args, vals = v._operands()
        stands: dict[Value, Value] = {}  # one stand-in for each argument, so that a*a meets the same Value twice

        def stand(a: Value, x: float) -> Value:
            if a not in stands:
                stands[a] = Value(x)
            return stands[a]

        inputs: list[object] = []
        for a, x in zip(args, vals):
            if isinstance(a, tuple):
                inputs.append([stand(e, d) for e, d in zip(a, x)])
            else:
                inputs.append(stand(a, x) if isinstance(a, Value) else a)
        output = Value(v.data)
        parts = {s: Part(name_text(name(a), style)) for a, s in stands.items()}
        parts[output] = Part(name_text(name(v), style))
        writer = _PartialsWriter(parts, style)
        formulas: list[str | None] = []
        for i, (a, x, p) in enumerate(zip(args, vals, v.op.partials)):
            if isinstance(a, (Value, tuple)):
                count = len(a) if isinstance(a, tuple) else None
                for k, q in enumerate(_ran(p, inputs, output, count)):
                    formulas.append(writer.formula(q) if q is not None else _digits(v, i, k, style))
            else:
                formulas.extend([None] * (len(x) if isinstance(x, list) else 1))
    return formulas


def _ran(p: object, inputs: list[object], output: Value, count: int | None) -> list[object]:
    """What one partial computes, for a list `count` elements; None where it can only run on floats."""
    if callable(p):
        try:
            p = p(*inputs, output)
        except (ArithmeticError, ValueError, TypeError):
            p = None
    if count is None:
        return [p]
    return list(p) if isinstance(p, (list, tuple)) else [p] * count


def _digits(v: Value, i: int, k: int, style: str) -> str:
    """The number of a local derivative, where its rule leaves the table."""
    before = sum([len(x) if isinstance(x, list) else 1 for x in v._operands()[1][:i]])
    return constant(cast("float", partials(v)[before + k]), style).text


class _PartialsWriter:
    """Writes the graphs that the partials of one node computed, folded, each node once."""

    def __init__(self, parts: dict[Value, Part], style: str) -> None:
        self._folder = Folder(parts.copy())
        self._parts = parts
        self._style = style

    def formula(self, q: object) -> str:
        folded = self._folder.folded(q) if isinstance(q, Value) else q
        if not isinstance(folded, Value):
            return constant(float(cast("float", folded)), self._style).text
        for v in topological_order(folded) if folded not in self._parts else ():
            if v not in self._parts:
                operands = _operands(v, lambda a, _: self._parts[a], self._style)
                part = written(cast("Op", v.op), operands, self._style)
                self._parts[v] = Part("…") if len(part.text) > LONGEST else part
        return self._parts[folded].text


# Whole graphs --------------------------------------------------------------------------------------------------------


def to_text(root: Value, style: str = "text") -> str:
    """A Value as Python text that evaluates to the same number, or in style "unicode" as people write it.

    A leaf is its label, or its number. An inner node that is used more than once, or nested deeper than 50, has a line
    of its own; the last line is the root.

    >>> from engine import Value
    >>> from engine.formulas.formula import to_text
    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> c = a + b
    >>> print(to_text(c * c))
    v1 = a + b
    v1*v1
    """
    return "\n".join([f"{name} = {text}" if name else text for name, text in _lines(root, style)])


def to_latex(root: Value) -> str:
    r"""A Value as LaTeX, without dollar signs; several lines are `aligned`.

    >>> from engine import Value, tanh
    >>> from engine.formulas.formula import to_latex
    >>> print(to_latex(tanh(Value(2.0, label="x1") / Value(3.0, label="y"))))
    \tanh\left(\frac{x_{1}}{y}\right)
    """
    lines = _lines(root, "latex")
    if len(lines) == 1:
        return lines[0][1]
    rows = [f"{name} &= {text}" if name else f"&\\phantom{{=}} {text}" for name, text in lines]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def to_mathml(root: Value) -> str:
    """A Value as a MathML element, of MathML Core only.

    >>> from engine import Value
    >>> from engine.formulas.formula import to_mathml
    >>> to_mathml(Value(2.0, label="x") + 1)
    '<math display="block"><mrow><mi>x</mi><mo>+</mo><mn>1</mn></mrow></math>'
    """
    lines = _lines(root, "mathml")
    if len(lines) == 1:
        return f'<math display="block">{lines[0][1]}</math>'
    rows = [
        f"<mtr><mtd>{name}</mtd><mtd>{'<mo>=</mo>' if name else ''}</mtd><mtd>{text}</mtd></mtr>"
        for name, text in lines
    ]
    return f'<math display="block"><mtable>{"".join(rows)}</mtable></math>'


def _lines(root: Value, style: str) -> list[tuple[str, str]]:
    """(name, formula) of each node that has a line of its own, arguments first; the root has no name."""
    order = topological_order(root)
    uses: dict[Value, int] = {}
    for v in order:
        for a in v.args:
            if isinstance(a, Value):
                uses[a] = uses.get(a, 0) + 1
    known = GraphNames(order)
    parts: dict[Value, Part] = {}

    def part_of(a: Value, x: float) -> Part:
        """A leaf without a label is the number it was at forward time."""
        return parts.get(a) or constant(x, style, whole=False)

    depth: dict[Value, int] = {}
    lines: list[tuple[str, str]] = []
    for v in order:
        if v.op is None:
            if v.label:
                parts[v] = Part(name_text(known[v], style))
            depth[v] = 0
            continue
        deep = 1 + max([depth[a] for a in v.args if isinstance(a, Value)], default=0)
        part = written(v.op, _operands(v, part_of, style, whole=False), style)
        if v is not root and (uses[v] > 1 or deep > DEEPEST):
            name = name_text(known[v], style)
            lines.append((name, part.text))
            part, deep = Part(name), 0
        parts[v], depth[v] = part, deep
    last = parts.get(root)
    lines.append(("", last.text if last else constant(root.data, style, whole=False).text))
    return lines
