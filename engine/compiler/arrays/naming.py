"""Names for arrays: those of arguments and what is read of them, h for what is hidden, d for what a gradient is made of."""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence, Set

from ..front.trace import INPUT
from .program import Array, Read
from .raising import Given
from .terms import ACTIVATIONS, Definition


def free_name(name: str, taken: Set[str]) -> str:
    """A name that is not taken, and that a line of code may begin with."""
    name = name if name.isidentifier() and not keyword.iskeyword(name) else "x"
    found, n = name, 0
    while found in taken:
        found, n = f"{name}_{n}" if name[-1:].isdigit() else f"{name}{n}", n + 1
    return found


def name_arguments(arrays: Mapping[Array, Given], reserved: Set[str]) -> dict[Array, str]:
    """Names of what is read of arguments: W0, b0, W1, … of a Module.

    Args:
        arrays: which argument each is of.
        reserved: names of functions.
    """
    names, taken = dict[Array, str](), set(reserved)
    modules = {g for g in arrays.values() if g.shape is None and g.space != INPUT}
    for g in sorted(set(arrays.values()), key=lambda g: (g.space, g.first)):
        mine = sorted([a for a, of in arrays.items() if of is g], key=lambda a: a.start)
        if g.shape is not None:
            names[mine[0]] = free_name(g.name, taken)
            taken.add(names[mine[0]])
            continue
        if g.space == INPUT:
            for k, a in enumerate(mine):
                names[a] = free_name(f"{g.name}{k}" if len(mine) > 1 else g.name, taken)
                taken.add(names[a])
            continue
        before = f"{g.name}_" if len(modules) > 1 else ""
        letters = [_letter(a, behind) for a, behind in zip(mine, [*mine[1:], None])]
        alone, layer = letters == ["W", "b"], -1
        for a, letter in zip(mine, letters):
            layer = layer + 1 if letter == "W" else max(layer, 0)
            names[a] = free_name(f"{before}{letter}{'' if alone else layer}", taken)
            taken.add(names[a])
    return names


def _letter(a: Array, behind: Array | None) -> str:
    """W for weights, a row of them too, b for biases."""
    row = len(a.axes) == 1 and a.strides == (1,) and behind is not None and not behind.axes
    return "W" if len(a.axes) > 1 or row else "b"


def name_lines(lines: Sequence[Definition], hidden: Mapping[Array, str], taken: Set[str]) -> None:
    """Names for the arrays between arguments and results.

    Args:
        lines: the definitions, in order.
        hidden: names wished for some.
        taken: names that are not free.
    """
    seen, counts = set(taken), dict[str, int]()
    for line in lines:
        if line.array.name:
            continue
        if line.array in hidden and hidden[line.array] not in seen:
            line.array.name = hidden[line.array]
        else:
            op = line.array.op
            made = line.array.args[-1] if op == "scan" else None
            op = made.array.op if isinstance(made, Read) else op
            stem = (
                "h"
                if op in ACTIVATIONS
                else "s"
                if made is not None
                else "p"
                if op == "softmax"
                else "z"
                if op == "dot"
                else "t"
            )
            bare = [x for x in (stem, "s", "u", "v") if not {x, f"{x}0"} & seen] if made is not None else []
            if bare:  # whose index is that of the round
                line.array.name = bare[0]
                seen |= {bare[0], f"{bare[0]}0"}
                continue
            while f"{stem}{counts.get(stem, 0)}" in seen:
                counts[stem] = counts.get(stem, 0) + 1
            line.array.name = f"{stem}{counts.get(stem, 0)}"
        seen.add(line.array.name)


def adjoints(results: Sequence[Array]) -> dict[Array, str]:
    """d0 for what `dW0` is made of, and so on."""
    found = dict[Array, str]()
    for array in results:
        made = array
        while made.op == "move" and isinstance(made.args[0], Read):
            made = made.args[0].array
        if not array.name.startswith(("dW", "db")) or not (array.name[2:] or "0").isdigit():
            continue
        for a in made.args[:2]:
            if isinstance(a, Read) and a.array.op not in ACTIVATIONS and a.array.op != "argument":
                found.setdefault(a.array, f"d{array.name[2:]}")
    return found
