"""The chain rule in words of one node: every path's factors, their products, and the sum.

Lines are about a root, since a node knows its arguments and not its users: the sum over the users of a node is found by
a sweep from the root. The graph and its `.grad` are neither asked nor changed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..value import Value
from .chain import Path, chain_rule
from .formula import expression, partial_formulas
from .graph_names import GraphNames
from .mathml import clean, escaped
from .naming import (
    name_text,
    parameter_paths,
    partial_derivative,
    places,
    scopes_of,
    total_derivative,
)
from .notation import columns, constant, factor, number_part

TERMS = 12
NODES = 100
COLUMNS = 80


class _Equation(NamedTuple):
    """Equal sides, each a list of summands; `given` is an equation that comes before it as its reason."""

    sides: list[list[str]]
    given: Sequence[list[str]] = ()
    note: str = ""


class _AtNode(NamedTuple):
    """The equations about one node: the chain rule, then a local derivative for each path."""

    chain: _Equation
    locals: list[_Equation]


class Explanation:
    """Chain-rule lines of one root: `print` shows text, a notebook MathML.

    Attributes:
        root: the Value that is differentiated.
        chains: for each node of the graph its paths and their sum, as numbers (see `engine.formulas.chain.chain_rule`).
    """

    def __init__(
        self, root: Value, nodes: Sequence[Value], hidden: int, terms: int | None, given: Mapping[Value, str]
    ) -> None:
        self.root, self.chains = root, chain_rule(root)
        self._nodes, self._hidden, self._terms = nodes, hidden, terms
        self._places: dict[Value, list[str]] = {}
        order = [*reversed(self.chains), *(v for v in nodes if v not in self.chains)]
        scopes = scopes_of(order)
        paths = parameter_paths(scopes, {v for v in order if v.op is None})
        self._names = GraphNames(order, given, first=[root], parameters=paths, scopes=scopes)

    def __str__(self) -> str:
        lines = []
        for block in self._blocks("unicode"):
            lines += _wrapped(_line(block.chain), "")
            lines += [line for equation in block.locals for line in _wrapped(_line(equation), "    ")]
        return "\n".join(lines + self._rest())

    __repr__ = __str__

    def to_latex(self) -> str:
        """The lines as LaTeX, an `aligned` for each node."""
        blocks = []
        for block in self._blocks("latex"):
            rows = [_row(equation) for equation in (block.chain, *block.locals)]
            blocks.append("\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}")
        return "\n\n".join(blocks + [rf"\text{{{line}}}" for line in self._rest()])

    latex = to_latex

    def to_html(self) -> str:
        """The lines as HTML with MathML: plain elements without attributes, which no notebook takes out."""
        items = []
        for block in self._blocks("mathml"):
            details = "".join([f"<li><p>{_mathml(equation)}</p></li>" for equation in block.locals])  # lines keep apart
            items.append(f"<div><p>{_mathml(block.chain)}</p>{f'<ul>{details}</ul>' if details else ''}</div>")
        return f"<div>{''.join(items)}{''.join([f'<p>{line}</p>' for line in self._rest()])}</div>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.to_html()}

    def _rest(self) -> list[str]:
        if not self._hidden:
            return []
        return [
            f"… {self._hidden:,} more nodes: explain(root, node) for one of them, explain(root, nodes=None) for all"
        ]

    # Equations -------------------------------------------------------------------------------------------------------

    def _blocks(self, style: str) -> Iterator[_AtNode]:
        written: dict[Value, tuple[str, list[str | None]]] = {}  # the formulas of each user, made once
        for v in self._nodes:
            yield self._block(v, written, style)

    def _block(self, v: Value, written: dict[Value, tuple[str, list[str | None]]], style: str) -> _AtNode:
        left = [self._total(v, style)]
        if v is self.root:
            return _AtNode(_Equation([left, [number_part(1.0, style).text]]), [])
        if v not in self.chains:
            zero = number_part(0.0, style).text
            return _AtNode(_Equation([left, [zero]], note=f"{clean(self._names[self.root])} does not depend on it"), [])
        paths, total = self.chains[v]
        taken = [p for p in paths if p.connected]
        sides = [left, *self._sums(v, taken, style), [number_part(total, style).text]]
        details = []
        for p in [*taken[: self._terms], *[p for p in paths if not p.connected]][: self._terms]:
            if p.user not in written:
                formulas = partial_formulas(p.user, self._names.__getitem__, style)
                written[p.user] = expression(p.user, self._names.__getitem__, style), formulas
            text, formulas = written[p.user]
            details.append(self._local(v, p, text, formulas[p.edge] or "", style))
        return _AtNode(_Equation(sides, note="" if taken else "no path to it is taken"), details)

    def _sums(self, v: Value, taken: list[Path], style: str) -> list[list[str]]:
        """The sum over the paths in symbols, in numbers, and where it is one, in products."""
        if not taken:
            return []
        shown = taken[: self._terms]
        more = [_more(len(taken) - len(shown), style)] if len(taken) > len(shown) else []
        symbols = [(self._total(p.user, style), self._partial(p, v, style)) for p in shown]
        factors = [(factor(p.adjoint, k == 0, style), factor(p.local, False, style)) for k, p in enumerate(shown)]
        sides = [[_product(a, b, style) for a, b in pairs] for pairs in (symbols, factors)]
        if len(taken) > 1:
            sides.append([factor(p.product, k == 0, style) for k, p in enumerate(shown)])
        return [side + more for side in sides]

    def _local(self, v: Value, p: Path, text: str, formula: str, style: str) -> _Equation:
        """`c = a · b, so ∂c/∂a = b = 3.0`."""
        sides = [[self._partial(p, v, style)], [formula], [number_part(p.local, style).text]]
        if formula == constant(p.local, style).text:
            del sides[1]
        selected_away = p.local == 0.0 and p.user.op is not None and p.user.op.selects
        note = "" if p.connected else "not taken" if selected_away else "behind a branch not taken"
        return _Equation(sides, [[name_text(self._names[p.user], style)], [text]], note)

    def _total(self, v: Value, style: str) -> str:
        return total_derivative(self._names[self.root], self._names[v], style)

    def _partial(self, p: Path, v: Value, style: str) -> str:
        if p.user not in self._places:
            self._places[p.user] = places(p.user)
        return partial_derivative(self._names[p.user], self._names[v], style, self._places[p.user][p.edge])


# In any style --------------------------------------------------------------------------------------------------------


def _product(a: str, b: str, style: str) -> str:
    if style == "mathml":
        return f"<mrow>{a}<mo>·</mo>{b}</mrow>"
    return a + (r" \cdot " if style == "latex" else "·") + b


def _more(count: int, style: str) -> str:
    text = f"… {count:,} more term{'s' * (count > 1)}"
    return rf"\text{{{text}}}" if style == "latex" else f"<mtext>{text}</mtext>" if style == "mathml" else text


# Text ----------------------------------------------------------------------------------------------------------------


def _equal(sides: Sequence[list[str]]) -> str:
    return " = ".join([" + ".join(side) for side in sides])


def _line(equation: _Equation) -> str:
    line = (f"{_equal(equation.given)}, so " if equation.given else "") + _equal(equation.sides)
    return f"{line}: {equation.note}" if equation.note else line


def _wrapped(text: str, indent: str) -> list[str]:
    """Lines of 80 columns, broken before ` = ` and ` + `, the later ones further in."""
    if columns(indent + text) <= COLUMNS:
        return [indent + text]
    lines: list[str] = []
    line, sides = "", 0
    for piece in re.split(r"(?<=, so)(?= )|(?= [=+] )", text):
        sides += piece.startswith(" = ")
        room = COLUMNS - len(indent) - 4 * bool(lines)
        if line and (columns(line + piece) > room or (piece.startswith(" = ") and sides > 1 and not indent)):
            lines.append(line)
            line = piece.lstrip()
        else:
            line += piece
    lines.append(line)
    return [indent + "    " * (k > 0) + line for k, line in enumerate(lines)]


# LaTeX and MathML ----------------------------------------------------------------------------------------------------


def _row(equation: _Equation) -> str:
    first, *others = [" + ".join(side) for side in equation.sides]
    row = f"{first} &= " + (" = " if equation.given else " \\\\\n&= ").join(others)
    if equation.given:
        row += rf" \quad \text{{since }} {_equal(equation.given)}"
    return row + rf" \quad \text{{{_plain(equation.note)}}}" if equation.note else row


def _plain(note: str) -> str:
    return "".join([c if c.isalnum() or c == " " else "-" for c in note])


def _mathml(equation: _Equation) -> str:
    """A `<math>` for each summand, so that a browser can break the line between them; fractions of full size, and signs
    between two things, the first of them empty, with room on both sides."""
    html = f"{_sides(equation.given)}, so " if equation.given else ""
    html += _sides(equation.sides)
    return f"{html}: {escaped(equation.note)}" if equation.note else html


def _sides(sides: Sequence[list[str]]) -> str:
    pieces = []
    for i, side in enumerate(sides):
        for k, summand in enumerate(side):
            sign = "+" if k else "=" if i else ""
            pieces.append(
                f'<math displaystyle="true">{f"<mrow></mrow><mo>{sign}</mo>" if sign else ""}{summand}</math>'
            )
    return " ".join(pieces)
