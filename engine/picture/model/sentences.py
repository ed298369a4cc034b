"""The sentences of a picture: expressions, local derivatives, chain-rule rows and lines, in Unicode.

Each is written here, once, for the drawing, the player, the terminal and the alternative text alike.
"""

import math
from typing import NamedTuple

from ...formulas.formula import expression, partial_formulas
from ...formulas.naming import partial_derivative, places, total_derivative
from ...formulas.notation import Operand, constant, factor, number_part, number_text, written
from ...rule import UNREACHED
from ...value import Value
from .boxes import Arrow, Box, PictureModel
from .clusters import counted
from .matrices import dense_formula, say_many, say_values

MOST_ROWS = 4  # more uses than this show two rows and a count
MOST_TERMS = 8  # in a line of text
BEFORE = " is not known before backward"  # of a gradient, at the end of a box's line
START = "given to backward"  # of the gradient that a root starts with


def finish(model: PictureModel, complete: bool, replayed: bool) -> None:
    """Give each box and arrow of a model its numbers and words.

    Args:
        complete: show gradients as backward would give them.
        replayed: show data as they were when they were used.
    """
    for b in model.boxes:
        _read(model, b, complete, replayed)
    made: dict[Value, tuple[list[str | None], list[str]]] = {}  # of an op all formulas and places at once
    largest = 0.0
    if model.shows_flow:
        flows = [abs(e.product) for e in model.arrows if e.product is not None and math.isfinite(e.product)]
        largest = max(flows, default=0.0)
    for e in model.arrows:
        formula = None
        if e.plain:
            user, edge = e.target.node, e.paths[0].edge
            if user not in made:
                made[user] = partial_formulas(user, model.name, "unicode"), places(user)
            formula, e.place = made[user][0][edge] or "", made[user][1][edge]
        _say_arrow(model, e, formula)
        if e.product is not None and largest > 0.0 and e.product == e.product:
            e.width = round(1.2 + 2.6 * math.sqrt(min(1.0, abs(e.product) / largest)), 2)
    for b in model.boxes:
        _say_box(model, b, replayed)


# Numbers -------------------------------------------------------------------------------------------------------------


def _read(model: PictureModel, b: Box, complete: bool, replayed: bool) -> None:
    sweep = model.sweep

    def data(v: Value) -> float:
        uses = sweep.uses[v] if replayed else None
        return uses[0].data if uses else v.data

    def grad(v: Value) -> float | None:
        return sweep.sum(v) if complete else None if v.grad is UNREACHED else v.grad

    v = b.value
    if v is None:
        b.spread = [(x, None) for x in b.given] or [(data(o), grad(o)) for o in b.outputs if b.kind != "stub"]
    else:
        b.data, b.grad, b.total, b.seed = data(v), grad(v), sweep.sum(v), sweep.seeds.get(v)
        b.derivative = f"grad {model.name(v)}"
        if model.by_root:
            b.derivative = total_derivative(model.root_name, model.name(v), "unicode")
        elif not _is_explained(model, b):
            b.derivative += f" from {_roots(model)}"
    grads = [g for p in b.parameters if (g := grad(p)) is not None]
    b.steepness = math.hypot(*grads) if grads else None


def _roots(model: PictureModel) -> str:
    return model.root_name if len(model.sweep.roots) == 1 else "this graph"


def _is_explained(model: PictureModel, b: Box) -> bool:
    """Whether the chain rule of this graph gives the gradient shown, up to rounding."""
    shown, here = b.grad, b.total
    if shown is None or shown == here or (shown != shown and here != here):
        return True
    scale = math.fsum(abs(u.product) for u in model.sweep.uses[b.node] if math.isfinite(u.product))
    return abs(shown - here) <= 1e-12 * scale


# Arrows --------------------------------------------------------------------------------------------------------------


def tone(x: float | None) -> str:
    """The class of a gradient's colour: its sign."""
    return "pos" if x is not None and x > 0.0 else "neg" if x is not None and x < 0.0 else ""


def _say_arrow(model: PictureModel, e: Arrow, formula: str | None) -> None:
    if not e.taken:
        e.tone = "off"
    elif model.shows_flow and e.local is not None:
        e.tone = tone(e.product) or ("off" if e.product == 0.0 else "")
    if e.local is None:
        say_many(model, e)
        return
    e.symbol = partial_derivative(e.target.function, e.source.name, "unicode", e.place)
    number = number_text(e.local)
    if formula not in ("1", "−1"):
        e.number = number
    if formula not in (number, constant(e.local, "unicode").text) or e.number is None:  # a number is said once
        e.formula = formula
    e.line = " = ".join([e.symbol, *(said for said in (e.formula, e.number) if said is not None)])
    e.line += "" if e.taken else " (not taken)"


# Boxes ---------------------------------------------------------------------------------------------------------------


def _say_box(model: PictureModel, b: Box, replayed: bool) -> None:
    v = b.value
    if b.leaf is not None:
        b.line = b.leaf.line
        return
    if b.dense is not None:
        b.expression = dense_formula(b)
    if v is None:
        b.line = say_values(model, b)
        return
    b.line = f"{b.full} = {number_text(b.data)}"
    if b.kind == "op":
        b.expression, b.numbers = expression(v, model.name, "unicode"), with_numbers(v)
        b.line = f"{b.full} = {b.expression} = {number_text(b.data)}"
    elif b.kind == "group":
        b.line += f"{' = ' + b.expression if b.expression else ''} ({b.counts})"
    if v.op is None and not replayed:
        used = [number_text(u.data) for u in model.sweep.uses[v] if u.data != v.data and u.data == u.data]
        used = list(dict.fromkeys(used))
        b.used = ", ".join(used[:2]) + (", …" if len(used) > 2 else "")
        b.line += f", used here as {b.used}" if used else ""
    if not _is_explained(model, b):
        b.note = "from another backward"
        if model.shows_flow:
            b.note, b.here = f"{'of which ' if v.op is None else ''}from {_roots(model)}", b.total
    if b.grad is None:
        b.line += f"; {b.derivative}{BEFORE}"
        return
    if b.note:
        here = "" if b.here is None else f" {number_text(b.here)}"
        b.line += f"; grad holds {number_text(b.grad)}, {b.note}{here}"
    if model.shows_flow:
        rows = _rows(model, b)
        b.rows, b.tones = [text for text, _ in rows], [sign for _, sign in rows]
        b.chain = _chain(model, b)
        b.line += f"; {b.chain}"


def with_numbers(v: Value, style: str = "unicode") -> str:
    """The expression of an op with its arguments' data in place of their names."""
    if v.op is None:
        return number_text(v.data)
    operands: list[Operand] = []
    for a, x in zip(*v._operands()):
        if isinstance(x, list):
            operands.append([number_part(e, style) for e in x])
        else:
            operands.append(number_part(x, style) if isinstance(a, Value) else constant(x, style))
    return written(v.op, operands, style, elide=True).text


def _rows(model: PictureModel, b: Box) -> list[tuple[str, str]]:
    """The rows under a gradient, each with its tone: one product a use, or two and a count."""
    terms = [e for e in model.outs[b] if e.taken]
    if not terms and b.seed is not None:
        return [(f"{b.derivative} = 1" if model.by_root else START, "")]
    if not terms:
        return [("= 0.0 not taken", "")] if model.outs[b] else []
    rows = [] if b.seed is None else [(f"= {number_text(b.seed)} {START}", "")]
    for e in terms:
        rows.append((f"{'+' if rows else '='} {_product(e, not rows)}", tone(e.product)))
    return [*rows[:2], (f"+ … {len(rows)} terms", "")] if len(rows) > MOST_ROWS else rows


def _product(e: Arrow, first: bool) -> str:
    if e.local is None:
        return f"{factor(e.product or 0.0, first)} by {counted(len(e.paths), 'edge')}"
    return f"{factor(e.target.total, first)}·{factor(e.local)}"


def _chain(model: PictureModel, b: Box) -> str:
    total = number_text(b.total)
    terms = [e for e in model.outs[b] if e.taken]
    if not terms:
        why = "not taken" if b.seed is None else "" if model.by_root else START
        return f"{b.derivative} = {total}" + (f" ({why})" if why else "")
    letters = [] if b.seed is None else [START]
    numbers = [] if b.seed is None else [number_text(b.seed)]
    for e in terms:
        through = f"{e.target.derivative}·{e.symbol}"
        letters.append(through if e.local is not None else f"all paths through {e.target.name}")
        numbers.append(_product(e, not numbers))
    if len(letters) > MOST_TERMS:
        more = f"… {len(terms)} terms"
        letters, numbers = [*letters[: MOST_TERMS - 1], more], [*numbers[: MOST_TERMS - 1], more]
    return f"{b.derivative} = {' + '.join(letters)} = {' + '.join(numbers)} = {total}"


# The legend ----------------------------------------------------------------------------------------------------------


class LegendRow(NamedTuple):
    """A sign of a picture and what it means.

    `sign` is a kind of box (parameter, input), a letter of the notation or a mark for no number (∂, d, –), a strip of
    cells, `=` for the products under a gradient, a tone of an arrow (pos, neg, off), or "wide" for its width.
    """

    sign: str
    words: str


def legend_rows(model: PictureModel) -> list[LegendRow]:
    """The signs that a picture shows, with their meanings."""
    kinds, tones = {"input" if b.kind == "given" else b.kind for b in model.boxes}, {e.tone for e in model.arrows}
    rows = [LegendRow(kind, kind) for kind in ("parameter", "input") if kind in kinds]
    if any(e.local is not None for e in model.arrows):
        rows.append(LegendRow("∂", "along this arrow alone"))
    if any(len(b.spread) > 0 for b in model.boxes):
        rows.append(LegendRow("strip", "a cell for each value"))
    if not model.shows_flow:
        return rows + [LegendRow("–", "not known before backward")] * any(b.unknown == "–" for b in model.boxes)
    if any("·" in row for b in model.boxes for row in b.rows):
        rows.append(LegendRow("=", "one product for each arrow out"))
    if model.by_root:
        rows.append(LegendRow("d", "through all paths: the gradient"))
    if "pos" in tones:
        rows.append(LegendRow("pos", "adds to the gradient"))
    if "neg" in tones:
        rows.append(LegendRow("neg", "takes from the gradient"))
    if tones & {"pos", "neg"}:
        rows.append(LegendRow("wide", "thicker: a larger share"))
    if "off" in tones:
        rows.append(LegendRow("off", "nothing flows back"))
    return rows
