"""Rows of an array as arrays of their own, and back: what is compared with the rounds of a loop stands as it stands there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence

from .parts import joined
from .program import Affine, Array, Axis, Number, Operand, Read, composed, is_same, number_of, part_of, through
from .sums import UNLIKE, take_in

FEW = 8  # rows that are taken apart


def parts_apart(arrays: Sequence[Array], kept: Container[Array]) -> list[Array]:
    """Do to unlike parts side by side, each on its own, what is done to them; returns what is new.

    Args:
        arrays: all, each behind those that it reads where it can be.
        kept: those that stay as they are.
    """
    made = list[Array]()
    for array in arrays:
        array.args = [part_of(a) if isinstance(a, Read) else a for a in array.args]
        if array not in kept and array.op not in UNLIKE and not array.over:
            made += _parts_outside(array)
    return made


def rows_apart(arrays: Sequence[Array], kept: Container[Array]) -> list[Array]:
    """Take rows apart that are read one by one; returns what is new.

    Args:
        arrays: all, each behind those that it reads where it can be.
        kept: those that stay as they are.
    """
    made = list[Array]()
    readers: dict[Array, list[tuple[Array, int]]] = {}
    gone = set[Array]()

    def note(array: Array) -> None:
        for k, a in enumerate(array.args):
            if isinstance(a, Read):
                readers.setdefault(a.array, []).append((array, k))

    for array in arrays:
        note(array)
    for array in arrays[::-1]:
        if array in readers and array not in kept and array.op not in UNLIKE:
            rows = _rows(array, [(reader, k) for reader, k in readers[array] if reader not in gone])
            gone.update([array] if rows else [])
            for row in rows:
                note(row)
            made += rows
    return made


def _parts_outside(array: Array) -> list[Array]:
    """Of what is done to parts side by side, each on its own, these side by side."""
    for a in array.args:
        joined = a.array if isinstance(a, Read) else None
        if joined is None or joined.op != "concatenation" or not isinstance(a, Read) or len(joined.args) > FEW:
            continue
        axis = a.places[joined.along].plain()
        if (
            axis is None
            or joined.lengths != [1] * axis.size
            or any(isinstance(b, Number) and axis in b.axes for b in array.args)
        ):
            continue
        k, parts = array.axes.index(axis), list[Array]()
        for row in range(axis.size):
            parts.append(_row(array, k, row))
        others = [x for x in array.axes if x is not axis]
        array.become("concatenation", [Read(p, [Affine(0, {x: 1}) for x in others]) for p in parts])
        array.along, array.edges = k, list(range(axis.size))
        return parts
    return []


def _row(array: Array, k: int, at: int) -> Array:
    """What an array is at one place of an axis."""
    axes = [Axis(x.size) for x in array.axes]
    env = {x: Affine(0, {y: 1}) for x, y in zip(array.axes, axes)} | {array.axes[k]: Affine(at)}
    del axes[k]
    over = [Axis(x.size) for x in array.over]
    env |= {x: Affine(0, {y: 1}) for x, y in zip(array.over, over)}
    row = Array(array.space, -1, (), axes)
    row.become(array.op, [_composed(a, env) for a in array.args])
    row.over, row.place = over, array.place
    return row


def _composed(a: Operand, env: dict[Axis, Affine]) -> Operand:
    if isinstance(a, Number):
        return Number(a.value, [y for x in a.axes if (y := env[x].plain())])
    return through(part_of(Read(a.array, [composed(p, env) for p in a.places])))


def _rows(array: Array, readers: Sequence[tuple[Array, int]]) -> list[Array]:
    """The rows that are read, where each is read alone: by that one array then."""
    rows: dict[int, Array] = {}
    reads = [a for reader, at in readers if isinstance(a := reader.args[at], Read) and a.array is array]
    for k, axis in enumerate(array.axes):
        if not 1 < axis.size <= FEW or any(isinstance(a, Number) and a.axes for a in array.args):
            continue
        if any(a.places[k].slopes for a in reads):
            continue
        for a in reads:
            at = a.places[k].start
            if at not in rows:
                rows[at] = _row(array, k, at)
            a.array, a.places = rows[at], [*a.places[:k], *a.places[k + 1 :]]
        break
    return list(rows.values())


def together(arrays: Sequence[Array], kept: Container[Array]) -> None:
    """Do once what is done alike to each of some arrays side by side: to these side by side.

    Args:
        arrays: all, each behind those that it reads where it can be.
        kept: those that stay as they are.
    """
    uses = Counter(a.array for array in arrays for a in array.args if isinstance(a, Read))
    for array in arrays:
        take_in(array)
    joins = [a for a in arrays if a.op == "concatenation"]
    todo = list(joins)
    while todo:
        array = todo.pop()
        array.args = [through(part_of(a)) if isinstance(a, Read) else a for a in array.args]
        _spliced(array, uses, kept)
        joined(array)
        if array.op != "concatenation" or _found(array, joins):
            continue
        made = _Together(array, uses, kept).made(joins)
        if made is not None:
            todo += made
            joins += made
            todo += [array] if array.op == "concatenation" else []
            uses.update(a.array for b in [array, *made] for a in b.args if isinstance(a, Read))


def _spliced(array: Array, uses: Mapping[Array, int], kept: Container[Array]) -> None:
    """Parts that are side by side along the same axis stand for themselves."""
    args, edges = list[Operand](), list[int]()
    for a, edge, length in zip(array.args, array.edges, array.lengths):
        inner = a.array if isinstance(a, Read) else None
        if inner is not None and inner.op == "concatenation" and uses[inner] == 1 and inner not in kept:
            along = a.places[inner.along].plain() if isinstance(a, Read) else None
            if along is not None and along not in array.axes and along.size == length == inner.axes[inner.along].size:
                env = dict(zip(inner.axes, a.places)) if isinstance(a, Read) else {}
                for part, at in zip(inner.args, inner.edges):
                    args.append(_with(part, env, inner.axes))
                    edges.append(edge + at)
                continue
        args.append(a)
        edges.append(edge)
    array.args, array.edges = args, edges


def _with(part: Operand, env: Mapping[Axis, Affine], axes: Container[Axis]) -> Operand:
    """A part in other axes, but for its own."""
    if isinstance(part, Number):
        return Number(part.value, [env[x].plain() or x if x in env else x for x in part.axes])
    return Read(part.array, [composed(p, {x: p for x, p in env.items() if x in axes}) for p in part.places])


def _found(array: Array, joins: Sequence[Array]) -> bool:
    """Is it some of what is side by side elsewhere? It is read there then."""
    for other in joins:
        if (
            other is array
            or other.op != "concatenation"
            or other.edges != array.edges
            or len(other.args) != len(array.args)
        ):
            continue
        if other.axes[other.along].size != array.axes[array.along].size or array in _below(other, array):
            continue
        env = _places_in(other, array)
        if env is not None:
            array.become("move", [Read(other, [env[x] for x in other.axes])])
            return True
    return False


def _below(array: Array, other: Array) -> set[Array]:
    """What an array is made of, as far as another."""
    seen, stack = {array}, [array]
    while stack:
        for a in stack.pop().args:
            if isinstance(a, Read) and a.array not in seen:
                seen.add(a.array)
                stack.append(a.array)
                if a.array is other:
                    return seen
    return seen


def _places_in(other: Array, array: Array) -> dict[Axis, Affine] | None:
    """Where along the axes of one concatenation another is; None: it is not some of it."""
    along, env = other.axes[other.along], {other.axes[other.along]: Affine(0, {array.axes[array.along]: 1})}
    for a, b in zip(other.args, array.args):
        if not isinstance(a, Read) or not isinstance(b, Read) or a.array is not b.array:
            return None
        own = [x for x in a.axes if x not in other.axes]
        its = [x for x in b.axes if x not in array.axes]
        if len(own) != len(its):
            return None
        here = dict(zip(own, [Affine(0, {x: 1}) for x in its]))
        for p, q in zip(a.places, b.places):
            if len(p.slopes) > 1:
                return None
            for x, slope in p.slopes.items():
                if x in here:
                    continue
                if slope != 1:
                    return None
                found = Affine(q.start - p.start, q.slopes)
                if not is_same(env.setdefault(x, found), found):
                    return None
            if not is_same(composed(p, {**env, **here}), q):
                return None
    every = [x for x in other.axes if x is not along and x not in env and x.size > 1]
    ends = [p.ends()[0] < 0 or p.ends()[1] >= x.size for x, p in env.items()]
    env |= {x: Affine(0) for x in other.axes if x.size == 1 and x not in env}
    return None if every or any(ends) else env


class _Together:
    """One array in place of what is done alike to several.

    Args:
        array: they side by side.
        uses: how often arrays are read.
        kept: arrays that stay as they are.
    """

    def __init__(self, array: Array, uses: Mapping[Array, int], kept: Container[Array]) -> None:
        self.array, self.parts = array, [a for a in array.args if isinstance(a, Read)]
        first = self.parts[0].array if self.parts else array
        made = [p.array for p in self.parts]
        self.alike = (
            len(self.parts) == len(array.args) == len(set(made)) > 1
            and first.op not in UNLIKE - {"concatenation"}
            and all(uses[a] == 1 and a not in kept and _kind(a) == _kind(first) for a in made)
        )
        self.first = first

    def made(self, joins: Sequence[Array]) -> list[Array] | None:
        """Say what is done; returns what is side by side then. None: nothing can be done."""
        if not self.alike:
            return None
        array, first = self.array, self.first
        axis = array.axes[array.along]
        along = [p.places[p.array.along].plain() for p in self.parts] if first.op == "concatenation" else []
        if along and (None in along or len(set(along)) > 1 or along[0] not in array.axes or along[0] is axis):
            return None
        over, columns = [Axis(x.size) for x in first.over], list[list[Operand]]()
        owns = [[Axis(n) for n in first.lengths] for _ in "1"] if along else []
        for part in self.parts:
            env = dict(zip(part.array.axes, part.places)) | {
                x: Affine(0, {y: 1}) for x, y in zip(part.array.over, over)
            }
            found = list[Operand]()
            for k, a in enumerate(part.array.args):
                own = [x for x in a.axes if x not in part.array.axes and x not in part.array.over]
                if len(own) > 1 or (isinstance(a, Number) and a.axes):
                    return None
                mine = env | {x: Affine(0, {owns[0][k]: 1}) for x in own}
                found.append(Read(a.array, [composed(p, mine) for p in a.places]) if isinstance(a, Read) else a)
            columns.append(_turned(found, columns[0]) if columns and first.op in COMMUTING else found)
        slots = [self._one([column[k] for column in columns]) for k in range(len(first.args))]
        if any(s is None for s in slots):
            return None
        made = [s.array for s in slots if isinstance(s, Read) and s.array.start == NEW]
        for one in made:
            one.start = -1
        new = [a for a in made if a.op == "concatenation" and not _found(a, joins)]
        if len(new) > 1:
            return None
        array.become(first.op, [through(s) for s in slots if s is not None])
        array.over = over
        if along and along[0] is not None:
            array.along, array.edges = array.axes.index(along[0]), list(first.edges)
        return new

    def _one(self, operands: Sequence[Operand]) -> Operand | None:
        """What parts read, as one operand; None where that is none."""
        array, first = self.array, operands[0]
        if all(_is_equal(first, a) for a in operands):
            owned = [
                x for a, part in zip(operands, self.parts) for x in a.axes if x in part.axes and x not in array.axes
            ]
            if not owned:
                return first
        if not all(isinstance(a, Read) for a in operands):
            return None
        axis = array.axes[array.along]
        others = dict.fromkeys(
            x for a, part in zip(operands, self.parts) for x in a.axes if x in array.axes or x not in part.axes
        )
        axes = {x: Axis(x.size) for x in others if x is not axis}
        found = Array(array.space, NEW, (), [Axis(axis.size), *axes.values()])
        found.op, found.edges, found.place = "concatenation", list(array.edges), array.place
        for a, part, n in zip(operands, self.parts, array.lengths):
            own = [x for x in a.axes if x in part.axes and x not in array.axes]
            if len(own) != (n > 1):
                return None
            env = {x: Affine(0, {y: 1}) for x, y in axes.items()}
            found.args += [Read(a.array, [composed(p, env) for p in a.places])] if isinstance(a, Read) else []
        joined(found)
        return Read(found, [Affine(0, {x: 1}) for x in (axis, *axes)])


def _turned(operands: list[Operand], others: Sequence[Operand]) -> list[Operand]:
    """The two operands that may change places, so that they stand as others do."""
    a, b, *rest = operands
    same = [
        isinstance(x, Read) and isinstance(y, Read) and x.array is y.array
        for x, y in zip((a, b, b, a), [*others[:2]] * 2)
    ]
    return [b, a, *rest] if any(same[2:]) and not any(same[:2]) else operands


COMMUTING = frozenset(("add", "mul", "dot", "maximum", "minimum"))
NEW = -2  # where an array starts that was made just now


def _kind(array: Array) -> tuple[object, ...]:
    return (
        array.op,
        len(array.args),
        tuple([x.size for x in array.over]),
        tuple(array.edges if array.op == "concatenation" else ()),
    )


def _is_equal(a: Operand, b: Operand) -> bool:
    if isinstance(a, Number) or isinstance(b, Number):
        return number_of(a) is not None and repr(number_of(a)) == repr(number_of(b))
    return a.array is b.array and all(map(is_same, a.places, b.places))
