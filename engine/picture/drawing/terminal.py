"""The picture for a terminal: an indented tree from the result down, 80 columns, each box once."""

from collections.abc import Iterator

from ...formulas.notation import columns, number_text
from ..model.assembly import PictureModel
from ..model.boxes import Box
from ..model.sentences import box_expression, chain_line, counts, data_note, gradient_note

COLUMNS = 80
DEEPEST = 12  # indentation stops growing here
NUMBERS = 32  # columns kept for `data … grad …` at the right


def tree(model: PictureModel) -> str:
    """The boxes of a model as text.

    Every box stands below the first that uses it, with its data, its gradient and its chain-rule line; where another
    uses it too, its name alone, with an arrow up.
    """
    lines = list(_lines(model))
    if model.caption:
        lines += ["", *_wrapped(model.caption, "", "")]
    return "\n".join(lines)


def _lines(model: PictureModel) -> Iterator[str]:
    seen: set[Box] = set()
    roots = [model.box(r) for r in model.sweep.roots]
    stack: list[tuple[Box, int]] = [(b, 0) for b in reversed(list(dict.fromkeys(roots)))]
    while stack:
        b, depth = stack.pop()
        indent = "  " * min(depth, DEEPEST) + ("" if depth <= DEEPEST else f"[{depth}] ")
        if b in seen:
            yield clipped(f"{indent}↑ {b.name}", COLUMNS)
            continue
        seen.add(b)
        yield from _box(model, b, indent)
        args = list(dict.fromkeys(model.untagged(e.source) for e in model.ins[b]))
        stack += [(a, depth + 1) for a in reversed(args)]


def _box(model: PictureModel, b: Box, indent: str) -> Iterator[str]:
    v = b.value
    if b.kind == "op" and v is not None:
        head = f"{b.name} = {box_expression(model, v)}"
    elif b.kind == "group":
        head = f"{b.name} ({counts(model, b)})"
    elif b.kind == "inputs":
        head = f"{b.name} ({len(b.outputs):,} inputs)"
    else:
        head = b.name if b.kind == "stub" else f"{b.name} ({b.kind})"
    if v is None:
        yield clipped(indent + head, COLUMNS)
        return
    grad = model.gradient(v)
    numbers = f"data {number_text(model.data(v)):>10}  grad {number_text(grad) if grad is not None else '–':>10}"
    room = COLUMNS - columns(numbers) - 2
    if columns(indent + head) <= room:
        yield indent + head + " " * (room - columns(indent + head)) + "  " + numbers
    else:
        yield clipped(indent + head, COLUMNS)
        yield " " * (COLUMNS - columns(numbers)) + numbers
    used = data_note(model, v)
    if used is not None:
        yield clipped(f"{indent}  used as {used}", COLUMNS)
    note = gradient_note(model, b)
    if note is not None:
        yield clipped(f"{indent}  {note[0]}" + (f" {number_text(note[1])}" if note[1] is not None else ""), COLUMNS)
    if model.shows_flow and grad is not None:
        yield from _wrapped(chain_line(model, b), indent + "  ", indent + "    ")


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    """Lines of at most 80 columns, broken before = and + if there is no room."""
    lines, line = [], first
    for i, word in enumerate(text.replace(" = ", "\n= ").replace(" + ", "\n+ ").split("\n")):
        piece = word if i == 0 else f" {word}"
        if i and columns(line + piece) > COLUMNS:
            lines.append(clipped(line, COLUMNS))
            line = rest + word
        else:
            line += piece
    return [*lines, clipped(line, COLUMNS)]


def clipped(text: str, room: int) -> str:
    """`text`, or what fits with an ellipsis after it."""
    if columns(text) <= room:
        return text
    while columns(text) > room - 1:
        text = text[:-1] if columns(text) < room + 40 else text[: room + 20]
    return text + "…"
