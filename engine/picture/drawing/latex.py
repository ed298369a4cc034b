"""A graph's forward and backward pass as LaTeX: an aligned block, one line a step."""

from ...formulas.formula import expression
from ...formulas.naming import name_text, partial_derivative, total_derivative
from ...formulas.notation import factor
from ..model.boxes import Arrow, Box, PictureModel
from ..model.sentences import MOST_TERMS, START

LIMIT = 200  # lines


def aligned(model: PictureModel) -> str:
    """The equations of a model, results first, then gradients, for a document with amsmath."""
    lines = [_forward(model, b) for b in model.boxes if b.kind == "op"]
    lines += [_backward(model, b) for b in reversed(model.boxes) if b.value is not None and b.kind != "tag"]
    if len(lines) > LIMIT:
        lines = [*lines[: LIMIT - 1], rf"& \text{{and {len(lines) - LIMIT + 1:,} more lines}}"]
    body = " \\\\\n".join(lines)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}\n"


def _name(name: str) -> str:
    return name_text(name, "latex")


def _number(x: float, first: bool = True) -> str:
    return factor(x, first, "latex")


def _derivative(model: PictureModel, b: Box) -> str:
    if model.by_root:
        return total_derivative(model.root_name, b.name, "latex")
    of = rf"\operatorname{{grad}} {_name(b.name)}"
    return rf"{of}\text{{ from }}{_name(model.root_name)}" if b.note else of


def _forward(model: PictureModel, b: Box) -> str:
    return f"{_name(b.name)} &= {expression(b.node, model.name, 'latex')} = {_number(b.data)}"


def _backward(model: PictureModel, b: Box) -> str:
    left, total = _derivative(model, b), _number(b.total)
    terms = [e for e in model.outs[b] if e.taken]
    if not terms:
        return f"{left} &= {total}"
    more = [r"\dots"] if len(terms) > MOST_TERMS else []
    shown = terms[: MOST_TERMS - 1] if more else terms
    start = [] if b.seed is None else [(rf"\text{{{START}}}", _number(b.seed))]
    symbols = " + ".join([text for text, _ in start] + [_symbols(model, b, e) for e in shown] + more)
    numbers = " + ".join([x for _, x in start] + [_numbers(e, not i and not start) for i, e in enumerate(shown)] + more)
    return f"{left} &= {symbols} = {numbers} = {total}"


def _symbols(model: PictureModel, b: Box, e: Arrow) -> str:
    if e.local is None:
        return rf"\text{{paths through }} {_name(e.target.name)}"
    return rf"{_derivative(model, e.target)} \cdot {partial_derivative(e.target.function, b.name, 'latex', e.place)}"


def _numbers(e: Arrow, first: bool) -> str:
    if e.local is None:
        return _number(e.product or 0.0, first)
    return rf"{_number(e.target.total, first)} \cdot {_number(e.local, False)}"
