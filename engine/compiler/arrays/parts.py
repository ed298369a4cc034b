"""Arrays without what they need not have: parts that are one, and axes along which all is the same."""

from __future__ import annotations

from collections.abc import Container, Sequence

from .program import Affine, Array, Axis, Operand, Read, composed, is_same, number_of


def drop_idle_axes(arrays: Sequence[Array], kept: Container[Array]) -> None:
    """Take out the axes along which arrays are the same everywhere, since no operand runs along them.

    Args:
        arrays: all, each behind those that it reads where it can be.
        kept: those that stay as they are.
    """
    readers: dict[Array, list[Read]] = {}
    for array in arrays:
        for a in array.args:
            if isinstance(a, Read):
                readers.setdefault(a.array, []).append(a)
    stack = list(arrays)[::-1]
    while stack:
        array = stack.pop()
        if array in kept or array.op == "argument":
            continue
        used = {x for a in array.args for x in a.axes}
        for k in range(len(array.axes) - 1, -1, -1):
            if array.axes[k] in used or (array.op in ("concatenation", "flattened") and k == array.along):
                continue
            array.along -= k < array.along
            del array.axes[k]
            array.strides = (*array.strides[:k], *array.strides[k + 1 :])
            for read in readers.get(array, ()):
                del read.places[k]


def share(arrays: Sequence[Array], kept: Container[Array]) -> None:
    """Read one array where several are made in the same way of the same.

    Args:
        arrays: all, each behind those that it reads where it can be.
        kept: those that stay as they are.
    """
    first: dict[object, Array] = {}
    same: dict[Array, Array] = {}
    for array in arrays:
        for a in array.args:
            if isinstance(a, Read):
                a.array = same.get(a.array, a.array)
        if array not in kept and array.op != "argument" and (key := _key(array)) is not None:
            other = first.setdefault(key, array)
            if other is not array:
                same[array] = other
    for array in arrays:
        for a in array.args:
            if isinstance(a, Read):
                a.array = same.get(a.array, a.array)


def _key(array: Array) -> object:
    """What is equal for arrays that are made in the same way of the same; None: of numbers that differ."""
    number = {x: k for k, x in enumerate([*array.axes, *array.over])}
    found: list[object] = [array.op, array.shape, tuple([x.size for x in array.over]), array.along, tuple(array.edges)]
    for a in array.args:
        if isinstance(a, Read):
            for x in a.axes:
                number.setdefault(x, len(number))
            found.append(
                (a.array, *[(p.start, frozenset((number[x], s) for x, s in p.slopes.items())) for p in a.places])
            )
        elif a.axes:
            return None
        else:
            found.append(repr(a.value))
    return tuple(found)


def joined(array: Array) -> None:
    """Parts that are side by side in another array too are one part; one part alone is read there."""
    if array.op != "concatenation":
        return
    parts, edges = list[tuple[Operand, int]](), list[int]()
    for k in [k for k, length in enumerate(array.lengths) if length == 1]:
        for beside in (*array.args[max(0, k - 1) : k], *array.args[k + 1 : k + 2]):
            array.args[k] = _of_state(array.args[k], beside, array)
    for part, edge, length in zip(array.args, array.edges, array.lengths):
        both = _side_by_side(array, *parts[-1], part, length) if parts else None
        if both is not None:
            parts[-1] = both, parts[-1][1] + length
        else:
            parts.append((part, length))
            edges.append(edge)
    array.args, array.edges = [part for part, _ in parts], edges
    (first, length), axis = parts[0], array.axes[array.along]
    rows = [a for a in array.args if isinstance(a, Read) and all(x in array.axes for x in a.axes)]
    if len(rows) == len(array.args) and all(_is_same_read(a, rows[0]) for a in rows):
        array.become("move", [rows[0]])  # the same everywhere
        return
    if len(parts) == 1 and isinstance(first, Read) and length > 1:
        env = {x: Affine(0, {axis: 1}) for x in first.axes if x not in array.axes}
        array.become("move", [Read(first.array, [composed(p, env) for p in first.places])])


def _is_same_read(a: Read, b: Read) -> bool:
    return a.array is b.array and all(map(is_same, a.places, b.places))


def _of_state(part: Operand, beside: Operand, array: Array) -> Operand:
    """What a state starts from, beside what it is later, as some of the state."""
    if not isinstance(beside, Read) or beside.array.op != "scan":
        return part
    for p, x in zip(beside.places, beside.array.axes):
        if any((a in array.axes) == (x is beside.array.axes[beside.array.along]) for a in p.slopes):
            return part  # they are beside each other along another axis
    state, env = beside.array, dict(zip(beside.array.axes, beside.places))
    for k, start in enumerate(state.args[:-1]):
        at = Read(start.array, [composed(p, env) for p in start.places]) if isinstance(start, Read) else start
        if isinstance(at, Read) and isinstance(part, Read):
            same = at.array is part.array and all(map(is_same, at.places, part.places))
        else:
            same = number_of(at) is not None and repr(number_of(at)) == repr(number_of(part))
        if same and state.edges[k + 1] - state.edges[k] == 1:
            return Read(
                state, [Affine(k) if x is state.axes[state.along] else p for x, p in zip(state.axes, beside.places)]
            )
    return part


def _side_by_side(array: Array, a: Operand, n: int, b: Operand, m: int) -> Read | None:
    """Two parts of so many elements as one, where they are one behind the other."""
    if not isinstance(a, Read) or not isinstance(b, Read) or a.array is not b.array:
        return None
    part, places, moved = Axis(n + m), list[Affine](), 0
    for p, q in zip(a.places, b.places):
        ps, qs = ({x: s for x, s in of.slopes.items() if x not in array.axes} for of in (p, q))
        rest = {x: s for x, s in p.slopes.items() if x in array.axes}
        if rest != {x: s for x, s in q.slopes.items() if x in array.axes}:
            return None
        steps = {*ps.values(), *qs.values()} or {q.start - p.start}
        if len(steps) > 1 or len(ps) != (n > 1 and bool(ps)) or q.start - p.start != n * (step := steps.pop()):
            return None
        if (n > 1 and bool(step) != bool(ps)) or (m > 1 and bool(step) != bool(qs)):
            return None
        moved += step != 0
        places.append(Affine(p.start, {**rest, part: step} if step else rest))
    return Read(a.array, places) if moved == 1 else None
