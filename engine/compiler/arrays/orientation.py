"""Which way axes run: backwards where that spares the reader a reversed axis, since neither arrays nor sums have a direction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .program import Array, Axis, Number, Read


def turn_round(arrays: Sequence[Array], fixed: Iterable[Axis]) -> None:
    """Turn axes round, so that as few reads as possible run backwards.

    Args:
        arrays: all arrays.
        fixed: axes that stay, those of arguments and results.
    """
    reads: dict[Axis, list[tuple[Axis, bool]]] = {}
    for array in arrays:
        for a in array.args:
            if isinstance(a, Read):
                for mine, place in zip(a.array.axes, a.places):
                    for axis, slope in place.slopes.items():
                        reads.setdefault(mine, []).append((axis, slope < 0))
                        reads.setdefault(axis, []).append((mine, slope < 0))
    links = {axis: list(others) for axis, others in reads.items()}
    for array in arrays:
        for axis in _parts(array):
            links.setdefault(array.axes[array.along], []).append((axis, False))
            links.setdefault(axis, []).append((array.axes[array.along], False))
    turned = dict.fromkeys(fixed, False)
    _spread(turned, reads, list(turned))
    _spread(turned, links, [*turned, *links])
    for array in arrays:
        for axis in _parts(array):
            turned[axis] = turned.get(array.axes[array.along], False)
    for array in arrays:
        if array.op == "concatenation" and turned.get(array.axes[array.along]):
            array.reverse()
        for a in array.args:
            if isinstance(a, Read):
                for k, mine in enumerate(a.array.axes):
                    place = a.places[k]
                    for axis in [x for x in place.slopes if turned.get(x)]:
                        place = place.turned(axis)
                    if turned.get(mine):
                        place = place.seen_from_the_end(mine)
                    a.places[k] = place
            elif isinstance(a, Number) and a.axes:
                import numpy as np

                flips = [k for k, axis in enumerate(a.axes) if turned.get(axis)]
                a.value = np.flip(np.asarray(a.value), tuple(flips))


def _spread(
    turned: dict[Axis, bool], links: Mapping[Axis, Sequence[tuple[Axis, bool]]], starts: Sequence[Axis]
) -> None:
    """Turn what is linked to some axes as these are."""
    for start in starts:
        turned.setdefault(start, False)
        stack = [start]
        while stack:
            axis = stack.pop()
            for other, reversed_ in links.get(axis, ()):
                if other not in turned:
                    turned[other] = turned[axis] ^ reversed_
                    stack.append(other)


def _parts(array: Array) -> list[Axis]:
    """The axes of the parts of a concatenation, and of a flattened array, that lie along its own."""
    if array.op == "flattened":
        return array.over
    if array.op != "concatenation":
        return []
    return [axis for a in array.args for axis in a.axes if axis not in array.axes]
