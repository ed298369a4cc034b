"""The order of arrays, each behind those that it reads; arrays that feed each other from round to round stand together."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence

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
    return [array for group in components(results) for array in _in_rounds(group)]


def _in_rounds(group: Sequence[Array]) -> Iterator[Array]:
    """Arrays that feed each other, each behind those that it reads in the same round; those of a scan inside together."""
    stack = [list(group)]
    while stack:
        mine = stack.pop()
        inside, time = inner_groups(mine), times(mine)
        if len(inside) == 1 and any(a.op == "scan" and a.axes[a.along] is not time.get(a) for a in mine):
            raise CycleError(mine)
        if len(inside) == 1 or all(len(g) == 1 for g in inside):
            yield from _in_a_round(mine)
        else:
            stack += inside[::-1]


def inner_groups(group: Sequence[Array]) -> list[list[Array]]:
    """What feeds each other within a round of a scan, each behind what it reads."""
    time = times(group)
    outer = {a for a in group if a.op == "scan" and a.axes[a.along] is time.get(a)}
    return components(group, set(group), lambda _, read: read.array in outer and is_before(read))


def components(
    results: Iterable[Array],
    inside: Container[Array] | None = None,
    cut: Callable[[Array, Read], bool] = lambda array, read: False,
) -> list[list[Array]]:
    """The arrays that results need, in groups that are made of each other, each behind what it reads (Tarjan 1972).

    Args:
        results: they.
        inside: arrays among which this is asked; None: among all.
        cut: what does not count of what an array reads.
    """
    found, path = list[list[Array]](), list[Array]()
    number, low, closed = dict[Array, int](), dict[Array, int](), set[Array]()
    stack = list[tuple[Array, Iterator[Array]]]()

    def visit(array: Array) -> None:
        number[array] = low[array] = len(number)
        path.append(array)
        reads = [
            a for a in array.args if isinstance(a, Read) and (inside is None or a.array in inside) and not cut(array, a)
        ]
        stack.append((array, iter([a.array for a in reads])))

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
            reads = [a for a in array.args if isinstance(a, Read) and a.array in mine and not is_before(a)]
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


def is_before(read: Read) -> bool:
    """Does it read, in a round, what a round before it made?"""
    array = read.array
    return array.op == "scan" and read.places[array.along].start < array.edges[-1]


def times(group: Sequence[Array]) -> dict[Array, Axis]:
    """The axis along which the rounds of a scan run, of each of its arrays; of a scan in another those of the outer one."""
    found = dict[Array, Axis]()
    for state in [a for a in group if a.op == "scan"]:
        if state not in found or found[state] is not state.axes[state.along]:
            reached = _reached(state, set(group))
            if len(reached) > len(found):
                found = reached
    return found


def _reached(state: Array, mine: Container[Array]) -> dict[Array, Axis]:
    """The axes that run with the rounds of a state."""
    found, stack = {state: state.axes[state.along]}, [state]
    while stack:
        array = stack.pop()
        axis = found[array]
        if array.op == "scan" and axis is array.axes[array.along]:
            axis = part_axis(array)
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
        for state in group if len(group) > 1 else ():
            if state.op == "scan":
                yield from _reached(state, set(group)).values()
                yield part_axis(state)
