"""The order of arrays, each behind those that it reads; arrays that feed each other from round to round stand together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .program import Array, Axis, Read


class CycleError(Exception):
    """Arrays that are made of each other.

    Attributes:
        arrays: each reads the next, and the last the first.
    """

    def __init__(self, arrays: list[Array]) -> None:
        super().__init__("a cycle")
        self.arrays = arrays


def ordered(results: Iterable[Array]) -> list[Array]:
    """The arrays that results need, each behind those that it reads; of a scan those that it reads in the same round.

    Raises:
        CycleError: one is made of itself.
    """
    return [array for group in components(results) for array in _in_a_round(group)]


def components(results: Iterable[Array]) -> list[list[Array]]:
    """The arrays that results need, in groups that are made of each other, each behind what it reads (Tarjan 1972)."""
    found, path = list[list[Array]](), list[Array]()
    number, low, closed = dict[Array, int](), dict[Array, int](), set[Array]()
    stack = list[tuple[Array, Iterator[Array]]]()

    def visit(array: Array) -> None:
        number[array] = low[array] = len(number)
        path.append(array)
        stack.append((array, iter([a.array for a in array.args if isinstance(a, Read)])))

    for result in results:
        if result not in number:
            visit(result)
        while stack:
            array, rest = stack[-1]
            for below in rest:
                if below not in number:
                    visit(below)
                    break
                if below not in closed:
                    low[array] = min(low[array], number[below])
            else:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[array])
                if low[array] == number[array]:
                    at = path.index(array) if path[-1] is not array else len(path) - 1
                    found.append(path[at:])
                    closed.update(path[at:])
                    del path[at:]
    return found


def _in_a_round(group: Sequence[Array]) -> list[Array]:
    """Arrays that feed each other, each behind those that it reads in the same round."""
    mine, done = set(group), dict[Array, bool]()  # False: under way
    stack = list(group)[::-1]
    while stack:
        array = stack[-1]
        if array not in done:
            done[array] = False
            reads = [a for a in array.args if isinstance(a, Read) and a.array in mine and not _is_before(a)]
            below = [a.array for a in reads if not done.get(a.array)]
            open_ones = [a for a in below if a in done]
            if open_ones:
                under_way = [a for a in stack if done.get(a) is False]
                raise CycleError(under_way[under_way.index(open_ones[0]) :])
            stack.extend(reversed(below))
            continue
        stack.pop()
        if not done[array]:
            done.pop(array)
            done[array] = True
    return list(done)


def _is_before(read: Read) -> bool:
    """Does it read, in a round, what a round before it made?"""
    array = read.array
    return array.op == "scan" and read.places[array.along].start < array.edges[-1]


def times(group: Sequence[Array]) -> dict[Array, Axis]:
    """The axis along which the rounds of a scan run, of each of its arrays."""
    mine = set(group)
    found = {array: array.axes[array.along] for array in group if array.op == "scan"}
    stack = list(found)
    while stack:
        array = stack.pop()
        axis = part_axis(array) if array.op == "scan" else found[array]
        for a in array.args:
            if isinstance(a, Read) and a.array in mine:
                for p, along in zip(a.places, a.array.axes):
                    if axis in p.slopes and a.array not in found:
                        found[a.array] = along
                        stack.append(a.array)
    return found


def part_axis(state: Array) -> Axis:
    """The axis along which the rounds run in what makes a state."""
    (axis,) = [x for x in state.args[-1].axes if x not in state.axes]
    return axis


def scan_axes(results: Iterable[Array]) -> Iterator[Axis]:
    """The axes along which rounds run."""
    for group in components(results):
        if len(group) > 1:
            yield from times(group).values()
            yield from [part_axis(array) for array in group if array.op == "scan"]
