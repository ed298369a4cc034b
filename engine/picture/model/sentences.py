"""The sentences of a picture: expressions, local derivatives, chain-rule rows and lines, in Unicode.

Each number is printed here, once, for the drawing, the player, the terminal and the alternative text alike.
"""

from dataclasses import dataclass

from ...formulas.formula import expression
from ...formulas.notation import Operand, constant, factor, number_part, number_text, written
from ...value import Value
from .assembly import PictureModel
from .boxes import Arrow, Box
from .clusters import module_word

MOST_ROWS = 4  # more uses than this show two rows and a count
MOST_TERMS = 8  # in a line of text


def tone(x: float | None) -> str:
    """The class of a gradient's colour: its sign."""
    return "pos" if x is not None and x > 0.0 else "neg" if x is not None and x < 0.0 else ""


@dataclass(slots=True)
class EdgeText:
    """What an edge says: `∂p1/∂w1`, its formula, its number; and all of it as a line.

    `formula` is None where the edge stands for a whole group's derivative; `number` where the formula is 1 or −1, or
    where there is no single number.
    """

    symbol: str
    formula: str | None
    number: str | None
    line: str


def edge_text(model: PictureModel, e: Arrow) -> EdgeText:
    """The words of one edge."""
    if e.local is None or e.source.value is None or e.target.value is None:
        n = len(e.paths)
        symbol = f"{n:,} edge{'s' * (n != 1)}"
        flows = (
            f", through which {number_text(e.product)} flows back" if e.product is not None and model.shows_flow else ""
        )
        return EdgeText(symbol, None, None, f"{symbol} from {e.source.name} to {e.target.name}{flows}")
    symbol = f"∂{e.target.name}/∂{e.source.name}"
    formula: str | None = None
    if e.plain:
        formula = model.partial_formula(e.paths[0].user, e.paths[0].edge)
    number: str | None = number_text(e.local)
    if formula in ("1", "−1"):
        number = None
    elif formula is not None and formula in (number, constant(e.local, "unicode").text):
        formula = None  # a number is said once
    middle = f" = {formula}" if formula is not None else ""
    line = f"{symbol}{middle}" + (f" = {number}" if number is not None else "")
    return EdgeText(symbol, formula, number, line if e.taken else line + " (not taken)")


def box_expression(model: PictureModel, v: Value) -> str:
    """The expression of an op in the names of its arguments."""
    return expression(v, model.name, "unicode")


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


def chain_rows(model: PictureModel, b: Box) -> list[str]:
    """The rows under a gradient: one product a use, or two and a count."""
    if b.value is None:
        return []
    rows = []
    if b.value in model.sweep.seeds:
        rows.append(
            "seed" if not any(e.taken for e in model.outs[b]) else f"= {number_text(model.sweep.seeds[b.value])} seed"
        )
    for e in model.outs[b]:
        if e.taken:
            rows.append(f"{'+' if rows else '='} {_product(model, e, not rows)}")
    if not rows:
        return ["= 0.0 not taken"] if model.outs[b] else []
    if len(rows) > MOST_ROWS:
        return [*rows[:2], f"+ … {len(rows)} terms"]
    return rows


def _product(model: PictureModel, e: Arrow, first: bool) -> str:
    if e.local is None or e.target.value is None:
        n = len(e.paths)
        return f"{factor(e.product or 0.0, first)} by {n:,} edge{'s' * (n != 1)}"
    return f"{factor(model.sweep.adjoints[e.target.value], first)}·{factor(e.local)}"


def chain_line(model: PictureModel, b: Box) -> str:
    """The whole chain rule of one box: ∂L/∂w1 = ∂L/∂p1·∂p1/∂w1 = −1.543·2.0 = −3.085."""
    v = b.value
    if v is None:
        return ""
    symbol, total = model.derivative(v), number_text(model.sweep.sum(v))
    terms = [e for e in model.outs[b] if e.taken]
    if v in model.sweep.seeds and not terms:
        return f"{symbol} = {total} (seed)"
    if not terms:
        return f"{symbol} = {total} (not taken)"
    letters, numbers = [], []
    if v in model.sweep.seeds:
        letters.append("seed")
        numbers.append(number_text(model.sweep.seeds[v]))
    for e in terms:
        if e.local is not None and e.target.value is not None:
            letters.append(f"{model.derivative(e.target.value)}·∂{e.target.name}/∂{b.name}")
        else:
            letters.append(f"all paths through {e.target.name}")
        numbers.append(_product(model, e, not numbers))
    if len(letters) > MOST_TERMS:
        letters = [*letters[: MOST_TERMS - 1], f"… {len(terms)} terms"]
        numbers = [*numbers[: MOST_TERMS - 1], f"… {len(terms)} terms"]
    return f"{symbol} = {' + '.join(letters)} = {' + '.join(numbers)} = {total}"


def gradient_note(model: PictureModel, b: Box) -> tuple[str, float | None] | None:
    """What a box must add where `.grad` is not what flows here: words and a number, or None."""
    if b.value is None or model.explained(b.value):
        return None
    if not model.shows_flow:
        return "from another backward", None
    here = model.sweep.sum(b.value)
    return ("of which from here" if b.value.op is None else "from here"), here


def data_note(model: PictureModel, v: Value) -> str | None:
    """The data that a leaf had when it was used, where it has been changed since."""
    if v.op is not None or model.replayed:
        return None
    used = list(
        dict.fromkeys(number_text(u.data) for u in model.sweep.uses[v] if u.data != v.data and u.data == u.data)
    )
    return ", ".join(used[:2]) + (", …" if len(used) > 2 else "") if used else None


def box_line(model: PictureModel, b: Box) -> str:
    """All that a box says, as one sentence: its tooltip, and its part of the alternative text."""
    v = b.value
    if v is None:
        return f"{b.full}: {counts(model, b)}" if b.kind == "group" else f"{b.full}"
    is_op = b.kind == "op"
    head = (
        f"{b.full} = {box_expression(model, v)} = {number_text(model.data(v))}"
        if is_op
        else f"{b.full} = {number_text(model.data(v))}"
    )
    if b.kind == "group":
        head += f" ({counts(model, b)})"
    used = data_note(model, v)
    if used is not None:
        head += f", used here as {used}"
    shown = model.gradient(v)
    if shown is None:
        return f"{head}; {model.derivative(v)} is not known before backward"
    note = gradient_note(model, b)
    if note is not None:
        head += f"; grad holds {number_text(shown)}, {note[0]}" + (
            f" {number_text(note[1])}" if note[1] is not None else ""
        )
    return f"{head}; {chain_line(model, b)}" if model.shows_flow else head


def counts(model: PictureModel, b: Box) -> str:
    """What is in a group: 16 neurons · 48 parameters · 80 operations."""
    said = []
    if b.scope is not None:
        inner = list(dict.fromkeys(s for v in b.members if (s := model.child_scope(v, b.scope)) is not None))
        words = {module_word(s) for s in inner}
        if inner:
            said.append(_plural(len(inner), words.pop() if len(words) == 1 else "module"))
    if b.parameters:
        said.append(_plural(len(b.parameters), "parameter"))
    ops = sum(v.op is not None for v in b.members)
    if ops:
        said.append(_plural(ops, "operation"))
    return " · ".join(said)


def _plural(n: int, word: str) -> str:
    return f"{n:,} {word}" + "s" * (n != 1)
