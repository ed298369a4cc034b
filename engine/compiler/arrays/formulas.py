"""The array program as formulas: LaTeX, matrices in capitals, as textbooks write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import inf

from ...rule import TABLE
from .program import Array, Axis, Number, Read
from .terms import Definition, Node, Term
from .text import BINDING, Text

SIGNS = {"add": "+", "sub": "-", "mul": r"\odot"}
COMPARISONS = {"less": "<", "less_equal": r"\leq", "greater": ">", "greater_equal": r"\geq", "equal": "=",
               "not_equal": r"\neq"}  # fmt: skip
WORDS = {"total": r"\sum", "mean": r"\operatorname{mean}", "top": r"\max", "logsumexp": r"\operatorname{logsumexp}",
         "any": r"\bigvee"}  # fmt: skip


def symbol(name: str) -> str:
    """A name in LaTeX: W0 is W with an index; of longer names the letters are upright."""
    found = re.fullmatch(r"([^\W\d_]+)_?(\d*)", name)
    if found is None:
        return rf"\mathtt{{{_escaped(name)}}}"
    letters, index = found.groups()
    body = letters if len(letters) == 1 else rf"\mathrm{{{_escaped(letters)}}}"
    return f"{body}_{{{index}}}" if index else body


def _named(array: Array) -> str:
    """What an array is called; a gradient is the derivative of L."""
    if array.gradient_of:
        return rf"\frac{{\partial L}}{{\partial {symbol(array.gradient_of)}}}"
    return symbol(array.name)


def _escaped(name: str) -> str:
    return re.sub(r"([\\{}_^#&%$~])", lambda m: {"_": r"\_"}.get(m[0], ""), name)


class Formulas(Text):
    """Lines of LaTeX."""

    def _line(self, d: Definition) -> str:
        if isinstance(d.term, Term) and d.term.op == "concatenation":
            parts = r",\; ".join(self.text(a, a.axes) for a in d.term.args)
            return rf"{_named(d.array)} &= \left[{parts}\right]"
        said = self.text(d.term, d.array.axes)
        return f"{_named(d.array)} &= {said}"

    def text(self, term: Node, axes: Sequence[Axis], loose: int = 0) -> str:
        """A formula, in parentheses where it binds looser than asked."""
        if isinstance(term, Number):
            return self._constant(term)
        if isinstance(term, Read):
            return self._element(term, axes)
        if term.op == "dot":
            return self._product(term, axes, loose)
        binding = BINDING.get(term.op, 5)
        given = [self.text(a, [x for x in dict.fromkeys([*axes, *term.over]) if x in a.axes]) for a in term.args]
        if term.op in WORDS:
            return f"{WORDS[term.op]} {self.text(term.args[0], [*axes, *term.over], 3)}"
        if term.op in SIGNS or term.op == "div":
            a, b = term.args
            if term.op == "div":
                return rf"\frac{{{given[0]}}}{{{given[1]}}}"
            sign = " " if term.op == "mul" and not (a.axes and b.axes) else f" {SIGNS[term.op]} "
            after = binding + (term.op in ("sub", "mul"))
            said = f"{self.text(a, axes, binding)}{sign}{self.text(b, axes, after)}"
        elif term.op == "neg":
            said = f"-{self.text(term.args[0], axes, 2)}"
        elif term.op in COMPARISONS or term.op == "step":
            left, right = [*given, "0"][:2]
            return rf"\left[{left} {COMPARISONS.get(term.op, '>')} {right}\right]"
        elif term.op in ("where", "edge"):
            c, chosen, other = given
            c = c.removeprefix(r"\left[").removesuffix(r"\right]")
            return rf"\begin{{cases}} {chosen} & {c} \\ {other} & \text{{else}} \end{{cases}}"
        else:
            name = symbol_of(term.op)
            return rf"{name}\left({', '.join(given)}\right)"
        return rf"\left({said}\right)" if binding < loose else said

    @staticmethod
    def _constant(x: Number) -> str:
        if isinstance(x.value, float):
            if abs(x.value) == inf:
                return r"\infty" if x.value > 0 else r"-\infty"
            said = f"{x.value:.6g}"
            return re.sub(r"e([+-])0*(\d+)", lambda m: rf" \cdot 10^{{{m[1].strip('+')}{m[2]}}}", said)
        return r"\mathrm{const}"

    @staticmethod
    def _element(r: Read, axes: Sequence[Axis]) -> str:
        said = _named(r.array)
        picked = [str(p.start) for p in r.places if not p.slopes]
        if picked:
            said = rf"{{{said}}}_{{[{', '.join(picked)}]}}"
        have, want = r.axes, [a for a in axes if a in r.axes]
        return rf"{said}^{{\top}}" if len(have) == 2 and have != want else said

    def _product(self, term: Term, axes: Sequence[Axis], loose: int) -> str:
        f, g, *start = term.args
        (k,) = term.over
        rest = [a for a in axes if a in f.axes or a in g.axes]
        fa, ga = ([a for a in x.axes if a is not k] for x in (f, g))
        if len(fa) <= 1 and len(ga) <= 1 and not (fa and fa == ga):
            if rest and rest[0] in ga:
                f, g, fa, ga = g, f, ga, fa
            left = self.text(f, [*fa, k], 3)
            left = rf"{left}^{{\top}}" if not fa else left
            said = f"{left} {self.text(g, [k, *ga], 3)}"
        else:
            said = rf"\sum {self.text(f, f.axes, 3)} \odot {self.text(g, g.axes, 3)}"
        if not start:
            return said
        said = f"{said} + {self.text(start[0], axes, 1)}"
        return rf"\left({said}\right)" if loose > 1 else said


def symbol_of(op: str) -> str:
    """The name of a function."""
    known = {"exp": r"\exp", "log": r"\ln", "sin": r"\sin", "cos": r"\cos", "tanh": r"\tanh", "maximum": r"\max",
             "minimum": r"\min"}  # fmt: skip
    return known.get(op, rf"\operatorname{{{_escaped(op)}}}") if op in TABLE or op not in known else known[op]


def formulas(lines: Sequence[Definition]) -> str:
    """The lines as one block of equations."""
    inside = " \\\\\n".join(Formulas(lines).lines)
    return f"\\begin{{aligned}}\n{inside}\n\\end{{aligned}}"
