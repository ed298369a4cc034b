"""Rules on sums: over a flattened axis, of two terms that rolled into no loop, and what is done before elements are laid flat."""

from __future__ import annotations

from collections.abc import Sequence

from .program import Affine, Array, Axis, Number, Operand, Read, composed, is_same, number_of, renamed, through, whole

UNLIKE = frozenset(
    ("concatenation", "flattened", "argument", "move", "take", "softmax", "log_softmax", "scan", "numbers")
)  # not of each alone


def join_pairs(array: Array) -> None:
    """x + x is 2·x; and of two sums or products side by side, which roll into no loop, the two are a sum over an axis."""
    if array.op != "add" or not all(isinstance(a, Read) for a in array.args):
        return
    first, second = [_factors(a) for a in array.args if isinstance(a, Read)]
    if _all_same(array.args[:1], array.args[1:]):
        array.become("mul", [Number(2.0), array.args[0]])
        return
    for turned in [second, second[::-1]] if len(first) == len(second) else []:
        axis = Axis(2)
        merged = [_merged(a, b, axis) for a, b in zip(first, turned)]
        found = [m for m in merged if m is not None]
        if len(found) == len(merged):
            if any(p.slopes.get(axis, 0) < 0 for p in found[0].places):
                found = [Read(r.array, [p.turned(axis) for p in r.places]) for r in found]
            array.become("dot" if len(found) == 2 else "total", found)
            array.over = [axis]
            return


def take_in(array: Array) -> None:
    """A sum or product that begins, or ends, beside one term more is a sum of all terms."""
    if array.op != "add" or not all(isinstance(a, Read) for a in array.args):
        return
    reads = [a for a in array.args if isinstance(a, Read)]
    for total, term in (reads, reads[::-1]):
        inner, k = total.array, next(iter(total.array.over), None)
        count = {"total": 1, "dot": 2}.get(inner.op)
        if count is None or len(inner.over) != 1 or k is None or any(number_of(a) != 0.0 for a in inner.args[count:]):
            continue
        env = dict(zip(inner.axes, total.places))
        every = [Read(a.array, [composed(p, env) for p in a.places]) for a in inner.args if isinstance(a, Read)]
        terms = [term] if inner.op == "total" else _factors(term)
        for turned in (terms, terms[::-1]) if len(terms) == len(every) == count else ():
            longer = Axis(k.size + 1)
            found = [_longer(a, b, k, longer) for a, b in zip(every, turned)]
            if None not in [x for f in found for x in f[:1]] or None not in [x for f in found for x in f[1:]]:
                which = 0 if all(f[0] for f in found) else 1
                array.become(inner.op, [x for f in found if (x := f[which])])
                array.over = [longer]
                return


def _longer(read: Read, term: Read, k: Axis, longer: Axis) -> tuple[Read | None, Read | None]:
    """What is read along an axis, with a term more before or behind; None where the term is something else."""
    found = list[Read | None]()
    for at in (-1, k.size):
        same = read.array is term.array and all(
            is_same(composed(p, {k: Affine(at)}), q) for p, q in zip(read.places, term.places)
        )
        index = {k: Affine(-1 if at < 0 else 0, {longer: 1})}
        found.append(Read(read.array, [composed(p, index) for p in read.places]) if same else None)
    return found[0], found[1]


def _factors(read: Read) -> list[Read]:
    """Of a product of two arrays these, else it alone."""
    if read.array.op != "mul":
        return [read]
    env = dict(zip(read.array.axes, read.places))
    inner = [Read(a.array, [composed(p, env) for p in a.places]) for a in read.array.args if isinstance(a, Read)]
    return inner if len(inner) == 2 else [read]


def _all_same(some: Sequence[Operand], others: Sequence[Operand]) -> bool:
    return all(
        isinstance(a, Read) and isinstance(b, Read) and a.array is b.array and all(map(is_same, a.places, b.places))
        for a, b in zip(some, others)
    )


def _merged(a: Read, b: Read, axis: Axis) -> Read | None:
    """The two halves of an array along an axis of two, as one; None where they are not that."""
    if a.array is not b.array:
        return None
    places, halves = list[Affine](), 0
    for p, q, of in zip(a.places, b.places, a.array.axes):
        if is_same(p, q):
            places.append(p)
        elif p.slopes or q.slopes or of.size != 2:
            return None
        else:
            places.append(Affine(p.start, {axis: q.start - p.start}))
            halves += 1
    return Read(a.array, places) if halves == 1 else None


def doubled(operand: Operand) -> Operand | None:
    """The x of 2·x."""
    if not isinstance(operand, Read) or operand.array.op != "mul" or number_of(operand.array.args[0]) != 2.0:
        return None
    x = operand.array.args[1]
    env = dict(zip(operand.array.axes, operand.places))
    return Read(x.array, [composed(p, env) for p in x.places]) if isinstance(x, Read) else None


def lay_flat(array: Array) -> None:
    """A sum over a flattened axis is one over both of its axes, and what is done to all elements is done before."""
    axes, args = _flat_axes(array)
    if axes is None:
        return
    k, outer, inner = axes
    if k not in array.over:
        grid = gridded(array)
        if grid is not None:
            lay_flat(grid)
    elif array.op == "dot":
        product, total = [Array(array.space, -1, (), x) for x in ([*array.axes, outer, inner], array.axes)]
        product.become("mul", args[:2])
        total.become("total", [whole(product)])
        total.over = [outer, inner]
        array.become("add" if args[2:] else "move", [*args[2:], whole(total)])
    elif array.op in ("total", "mean", "top", "any"):
        array.args, array.over = args, [outer, inner]


def gridded(array: Array) -> Array | None:
    """What is done to all elements along a flattened axis, done before they are laid flat; None: it is nothing such."""
    axes, args = _flat_axes(array)
    if axes is None or axes[0] in array.over or array.op == "dot":
        return None
    k, outer, inner = axes
    for a in array.args:
        if isinstance(a, Read) and k in a.axes and a.array.op != "flattened":
            return None
    at = array.axes.index(k)
    sides = [*array.axes[:at], outer, inner, *array.axes[at + 1 :]]
    own = {x: Axis(x.size) for x in [*sides, *array.over]}
    grid = Array(array.space, -1, (), [own[x] for x in sides])
    grid.place = array.place
    grid.become(array.op, [renamed(a, own) for a in args])
    grid.over = [own[x] for x in array.over]
    array.become("flattened", [Read(grid, [Affine(0, {x: 1}) for x in sides])])
    array.along, array.over = at, [outer, inner]
    return grid


def _flat_axes(array: Array) -> tuple[tuple[Axis, Axis, Axis] | None, list[Operand]]:
    """(the flattened axis of operands and the two that it is of, the operands with these in its place)."""
    flat = [a for a in array.args if isinstance(a, Read) and a.array.op == "flattened"]
    axes, lengths = {a.places[a.array.along].plain() for a in flat}, {a.array.over[1].size for a in flat}
    k = axes.pop() if len(axes) == 1 == len(lengths) and array.op not in UNLIKE else None
    if k is None or k.size % min(lengths) or (k in array.over and len(array.over) > 1):
        return None, []
    outer, inner = Axis(k.size // min(lengths)), Axis(min(lengths))
    return (k, outer, inner), [_unfolded(a, k, outer, inner) for a in array.args]


def _unfolded(operand: Operand, k: Axis, outer: Axis, inner: Axis) -> Operand:
    """With two axes in place of one."""
    if isinstance(operand, Number):
        if k not in operand.axes:
            return operand
        import numpy as np

        at = operand.axes.index(k)
        axes = [*operand.axes[:at], outer, inner, *operand.axes[at + 1 :]]
        return Number(np.reshape(operand.value, [a.size for a in axes]), axes)
    index = {k: Affine(0, {outer: inner.size, inner: 1})}
    return through(Read(operand.array, [composed(p, index) for p in operand.places]))
