"""The picture for a terminal: an indented tree from the result down, 80 columns, each box once."""

import textwrap
from collections.abc import Iterator

from ...formulas.notation import columns, number_text
from ..model.boxes import Box, PictureModel

COLUMNS = 80
DEEPEST = 12  # indentation stops growing here


def tree(model: PictureModel) -> str:
    """The boxes of a model as text.

    Every box stands below the first that uses it, with its data, its gradient and its chain-rule line; where another
    uses it too, its name alone, with an arrow up.
    """
    lines = list(_lines(model))
    if model.caption:
        lines += ["", *map(_fitted, textwrap.wrap(model.caption, COLUMNS, break_on_hyphens=False))]
    return "\n".join(lines)


def _lines(model: PictureModel) -> Iterator[str]:
    seen: set[Box] = set()
    stack: list[tuple[Box, int]] = [(b, 0) for b in reversed(model.roots)]
    while stack:
        b, depth = stack.pop()
        indent = "  " * min(depth, DEEPEST) + ("" if depth <= DEEPEST else f"[{depth}] ")
        if b in seen:
            yield _fitted(f"{indent}↑ {b.name}")
            continue
        seen.add(b)
        yield from _box(b, indent)
        args = list(dict.fromkeys(e.source.leaf or e.source for e in model.ins[b]))
        stack += [(a, depth + 1) for a in reversed(args)]


def _box(b: Box, indent: str) -> Iterator[str]:
    about = {"group": b.counts, "given": b.counts, "inputs": f"{len(b.outputs):,} inputs"}.get(b.kind, b.kind)
    if b.function != b.name and b.kind == "group":
        about = f"{b.function}, {about}"
    head = f"{b.name} = {b.expression}" if b.kind == "op" else b.name if b.kind == "stub" else f"{b.name} ({about})"
    if b.value is None:
        yield _fitted(indent + head)
        for said in filter(None, (f"{b.name} = {b.expression}" if b.expression else "", b.chain)):
            yield from _wrapped(said, indent + "  ", indent + "    ")
        return
    grad = number_text(b.grad) if b.grad is not None else b.unknown
    numbers = f"data {number_text(b.data):>10}  grad {grad:>10}"
    room = COLUMNS - columns(numbers) - 2
    if columns(indent + head) <= room:
        yield indent + head + " " * (room - columns(indent + head)) + "  " + numbers
    else:
        yield _fitted(indent + head)
        yield " " * (COLUMNS - columns(numbers)) + numbers
    if b.used:
        yield _fitted(f"{indent}  used as {b.used}")
    if b.note:
        yield _fitted(f"{indent}  {b.note}" + (f" {number_text(b.here)}" if b.here is not None else ""))
    if b.chain:
        yield from _wrapped(b.chain, indent + "  ", indent + "    ")


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    """Lines of at most 80 columns, broken before = and + if there is no room."""
    lines, line = [], first
    for i, word in enumerate(text.replace(" = ", "\n= ").replace(" + ", "\n+ ").split("\n")):
        piece = word if i == 0 else f" {word}"
        if i and columns(line + piece) > COLUMNS:
            lines.append(_fitted(line))
            line = rest + word
        else:
            line += piece
    return [*lines, _fitted(line)]


def _fitted(text: str) -> str:
    """`text`, or what fits a line with an ellipsis after it."""
    if columns(text) <= COLUMNS:
        return text
    while columns(text) > COLUMNS - 1:
        text = text[:-1] if columns(text) < COLUMNS + 40 else text[: COLUMNS + 20]
    return text + "…"
