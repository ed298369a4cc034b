"""A program as loops: what is a loop already, a dot, products or sums, and the loops that are found in the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from ..front.order import WHOLE, Dot, Fill, Ordered, Products, Sums, Whole, positions
from ..front.passes import Beside, Pass
from ..front.trace import CONSTANT, VALUE, Instruction
from .recognition import WINDOW, Item, Loop, Recogniser, Single
from .shapes import Shapes

Placed = Iterable[tuple[Instruction | Whole, int]]  # items of a program, and where each begins


def rolled(code: Ordered, window: int = WINDOW) -> tuple[list[Item], Shapes]:
    """The items that a program rolls into, and what their shapes mean: an op and the spaces of its operands."""
    shapes = Shapes()
    return _rolled(zip(code, positions(code)), shapes, window), shapes


def _rolled(code: Placed, shapes: Shapes, window: int) -> list[Item]:
    import numpy as np

    loops = dict[int, Loop]()
    items, begins = list[Instruction](), list[int]()
    for item, at, loop in _with_loops(code, shapes, window):
        if loop is not None:
            loops[len(items)] = loop
            items.append(("", (), 0))
            begins.append(at)
        elif isinstance(item, WHOLE):
            items += item.instructions(at)
            begins += range(at, at + item.length)
        else:
            items.append(item)
            begins.append(at)
    keys = [(op, args[0] & 7, args[1] & 7) if len(args) == 2 else (op, *[a & 7 for a in args]) for op, args, _ in items]
    known = {key: shapes.id(key) for key in dict.fromkeys(keys)}
    ids, widths = np.array([known[key] for key in keys], int), np.array([len(key) + 1 for key in keys], int)
    for k, loop in loops.items():
        ids[k], widths[k] = loop.shape, len(loop.vector)
    starts = np.concatenate([[0], np.cumsum(widths)])
    numbers, is_operand = np.zeros(starts[-1], int), np.ones(starts[-1], bool)
    numbers[starts[:-1]], numbers[starts[:-1] + 1] = begins, [target for _, _, target in items]
    is_operand[starts[:-1]] = is_operand[starts[:-1] + 1] = False
    for k, loop in loops.items():
        numbers[starts[k] : starts[k + 1]], is_operand[starts[k] : starts[k + 1]] = loop.vector, False
    operands = np.array([a for _, args, _ in items for a in args], int)
    numbers[is_operand] = np.where(operands & 7 == CONSTANT, 0, operands >> 3)  # see _index
    return Recogniser(shapes, ids, numbers, starts, loops, window).run()


def _with_loops(code: Placed, shapes: Shapes, window: int) -> Iterator[tuple[Instruction | Whole, int, Loop | None]]:
    """(item, where it begins, the loop that it is); sums that are none are their dots."""
    for item, at in code:
        if item.__class__ is tuple:
            yield item, at, None
        elif isinstance(item, Sums):
            loop = _sums_as_loop(item, at, shapes, window)
            if loop is None:
                sums = chain(*[item.sum(k, at) for k in range(len(item.rows[0]))])
                yield from _with_loops(sums, shapes, window)
            else:
                yield item, at, loop
        else:
            yield item, at, _as_loop(item, at, shapes) if isinstance(item, WHOLE) else None


def _index(operand: int) -> int:
    """What must advance evenly; which constant it is does not matter, see `folding`."""
    return 0 if operand & 7 == CONSTANT else operand >> 3


def _as_loop(item: Dot | Products | Fill | Pass, at: int, shapes: Shapes) -> Loop | None:
    """A dot, products or a fill at a position as an item; None where the operands do not advance evenly."""
    if isinstance(item, Fill):
        body = [shapes.id(("output", item.number & 7))]
        return Loop(shapes, (*body,), (3,), [at, item.target, _index(item.number)], [1, 1, 0], None, item.length)
    if isinstance(item, Pass):
        return _pass_as_loop(item, at, shapes)
    n = item.round
    if isinstance(item, Dot):
        lists: list[Sequence[int]] = [item.ws, item.xs]
        if item.cs:
            lists.append(item.cs)
        if not all(isinstance(a, range) for a in lists):
            return None
        (w, x, *cs), (dw, dx, *dcs) = [a[0] for a in lists], [_index(a[1]) - _index(a[0]) for a in lists]
    else:
        if not isinstance(item.xs, range):
            return None
        w, x, cs = item.g, item.xs[0], [] if item.c is None else [item.c]
        dw, dx, dcs = 0, _index(item.xs[1]) - _index(x), [0]
    body, sizes = [shapes.id(("mul", w & 7, x & 7))], [4]
    first, step = [at, 0, _index(w), _index(x)], [n, 0, dw, dx]
    for c, dc in zip(cs, dcs):
        body.append(shapes.id(("where", c & 7, VALUE, item.zero & 7)))
        sizes.append(5)
        first += [at + 1, 0, _index(c), at, _index(item.zero)]
        step += [n, 0, dc, n, 0]
    if isinstance(item, Dot):
        body.append(shapes.id(("add", VALUE, VALUE)))
        sizes.append(4)
        first += [at + n - 1, 0, at - 1, at + n - 2]
        step += [n, 0, n, n]
    else:
        body.append(shapes.id((item.effect, VALUE)))
        sizes.append(3)
        first += [at + n - 1, item.target, at + n - 2]
        step += [n, 1, n]
    return Loop(shapes, tuple(body), tuple(sizes), first, step, None, len(item.xs))


def _pass_as_loop(item: Pass, at: int, shapes: Shapes) -> Loop | None:
    """A pass at a position as an item; None where its lists do not advance evenly."""
    body, first, step = list[int](), list[int](), list[int]()
    for k, (op, args) in enumerate(item.body):
        spaces = list[int]()
        first += [at + k, 0]
        step += [item.round, 0]
        for a in args:
            if isinstance(a, Beside):
                operand, index, advance = VALUE, at + a.offset, item.round
            elif isinstance(a, int):
                operand, index, advance = a, _index(a), 0
            elif isinstance(a, range):
                operand, index, advance = a[0], _index(a[0]), _index(a[1]) - _index(a[0])
            else:
                return None
            spaces.append(operand & 7)
            first.append(index)
            step.append(advance)
        body.append(shapes.id((op, *spaces)))
    sizes = tuple([len(args) + 2 for _, args in item.body])
    return Loop(shapes, tuple(body), sizes, first, step, None, item.rounds)


def _sums_as_loop(item: Sums, at: int, shapes: Shapes, window: int) -> Loop | None:
    """Sums side by side at a position as an item; None where they do not advance evenly, from each to the next as from the
    first to the second."""
    if not all(isinstance(row, range) for row in (*item.rows, *item.before)):
        return None
    one, two = (_sum_as_items(item.sum(k, at), shapes, window) for k in (0, 1))
    body = tuple([part.shape for part in one])
    if body != tuple([part.shape for part in two]):
        return None
    first, second = ([*chain(*[part.vector for part in parts])] for parts in (one, two))
    step = [y - x for x, y in zip(first, second)]
    return Loop(shapes, body, tuple([len(part.vector) for part in one]), first, step, None, len(item.rows[0]))


def _sum_as_items(code: Sequence[tuple[Instruction | Dot, int]], shapes: Shapes, window: int) -> list[Item]:
    """What one sum rolls into: where its dot is a loop there is no other to be found."""
    found = list[Item]()
    for item, at in code:
        if isinstance(item, Dot):
            loop = _as_loop(item, at, shapes)
            if loop is None:
                return _rolled(code, shapes, window)
            found.append(loop)
        else:
            op, args, target = item
            found.append(Single(shapes.id((op, *[a & 7 for a in args])), [at, target, *map(_index, args)]))
    return found
