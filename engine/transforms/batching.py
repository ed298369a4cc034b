"""vmap: a function of one example, mapped over many.

Lists and arrays have axes; tuples, dicts and Modules are trees of them. In eager scalars the map is a plain loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import wraps
from math import inf

from ..arguments import shown, whole
from ..readings import Call
from ..value import Value
from .trees import Container, Function, array, check_function, container, described, flatten, is_array

DEEPEST = 100  # levels of a tree that is gone through level by level


def vmap(f: Function, in_axes: object = 0, out_axes: object = 0) -> Function:
    """A function mapped over an axis of its arguments.

    Args:
        f: a function of one example.
        in_axes: the axis to map over, None to hand an argument on whole; a tuple has one entry for each argument,
            and an entry may be a tuple, list or dict of them. Arguments by name are mapped over axis 0.
        out_axes: where the mapped axis goes in the output; None for an output that is the same for all examples.

    Returns:
        A function of many examples. Lists and arrays have axes (a list of lists has two); tuples, dicts and Modules
        are trees whose members are mapped. Numbers come back in a list, or in an array where an array was mapped.

    Raises:
        ValueError: the mapped axes differ in length, or there is none; an axis is not there.
        TypeError: f is no function, or an axis no integer.

    >>> from engine import grad, vmap
    >>> vmap(grad(lambda x: x**2))([1.0, 2.0, 3.0])
    [2.0, 4.0, 6.0]
    >>> vmap(lambda w, x: w * x, in_axes=(None, 0))(10.0, [1.0, 2.0])
    [10.0, 20.0]
    """
    check_function("vmap", f)

    @wraps(f, updated=())
    def mapped(*args: object, **kwargs: object) -> object:
        axes: Sequence[object] = in_axes if isinstance(in_axes, (list, tuple)) else [in_axes] * len(args)
        if len(axes) != len(args):
            raise ValueError(
                f"vmap takes one entry of in_axes for each positional argument, got {len(axes)} for {len(args)}"
            )
        whole = [*args, *kwargs.values()]
        places = [*[f"argument {i}" for i in range(len(args))], *[f"argument {k}" for k in kwargs]]
        for x in whole:
            _check_depth(x)
        batch = _MappedExamples()
        slices = [batch.slices(x, axis, place) for x, axis, place in zip(whole, [*axes, *[0] * len(kwargs)], places)]
        if batch.length is None:
            raise ValueError(
                f"vmap takes at least one argument to map over, got in_axes={in_axes!r} and nothing mapped"
            )
        examples = [[x if s is None else s[i] for x, s in zip(whole, slices)] for i in range(batch.length)]
        results = Call("vmap", lambda: _values(examples)).run(
            lambda: [f(*taken[: len(args)], **dict(zip(kwargs, taken[len(args) :]))) for taken in examples]
        )
        if not results:
            return array([], (0,)) if batch.arrays else []
        return batch.stacked(results, out_axes)

    vars(mapped)["mapping"] = f, in_axes, out_axes  # for the compiler, which maps in lanes
    return mapped


def _values(examples: list[list[object]]) -> Iterator[Value]:
    """The Values among the arguments."""
    for taken in examples:
        for x in taken:
            yield from (e for e in flatten(x, "vmap", "an argument", keep=True).leaves if e.__class__ is Value)


def stacked(results: list[object], arrays: bool) -> object:
    """The outputs of all examples as vmap returns them; `arrays` says whether an array was mapped."""
    batch = _MappedExamples()
    batch.arrays = arrays
    return batch.stacked(results, 0)


class _MappedExamples:
    """The examples of one call: how many, and whether arrays hold them."""

    def __init__(self) -> None:
        self.length: int | None = None
        self.arrays = False
        self._first = ""

    def slices(self, x: object, axis: object, place: str) -> list[object] | None:
        """x cut along an axis, one slice an example; None where nothing of it is mapped."""
        if axis is None:
            return None
        level = None if is_array(x) else container(x)
        if isinstance(axis, (dict, list, tuple)):
            level, axes = _members(axis, level, place, "in_axes")
        elif is_array(x):
            k = _axis(axis, x.ndim, x, place)
            self._agree(x.shape[k], place)
            self.arrays = True
            return [_scalar(x[(slice(None),) * k + (i,)]) for i in range(x.shape[k])]
        elif isinstance(x, list):
            return self._list_slices(x, _axis(axis, _rank(x), x, place), place)
        elif level is None:
            raise ValueError(
                f"vmap takes lists and arrays to map over, got {described(x)} as {place}; in_axes=None hands it on whole"
            )
        else:
            axes = [axis] * len(level.children)
        cut = [self.slices(c, a, place + level.key(k)) for c, a, k in zip(level.children, axes, level.keys)]
        if all(s is None for s in cut):
            return None
        return [
            level.build([c if s is None else s[i] for c, s in zip(level.children, cut)])
            for i in range(self.length or 0)
        ]

    def _list_slices(self, x: list[object], axis: int, place: str) -> list[object] | None:
        if axis == 0:
            self._agree(len(x), place)
            return list(x)
        cut = [self.slices(e, axis - 1, f"{place}[{i}]") for i, e in enumerate(x)]
        return [list(column) for column in zip(*[s for s in cut if s is not None])]

    def _agree(self, length: int, place: str) -> None:
        if self.length is None:
            self.length, self._first = length, place
        elif length != self.length:
            raise ValueError(
                f"vmap takes mapped axes of one length, got {self.length} in {self._first} and {length} in {place}"
            )

    def stacked(self, results: list[object], axis: object) -> object:
        """The outputs of all examples as one output."""
        first = results[0]
        _check_depth(first)
        if axis is None:
            return _unmapped(results)
        level = None if is_array(first) else container(first)
        if isinstance(axis, (dict, list, tuple)):
            level, axes = _members(axis, level, "the output", "out_axes")
        elif is_array(first):
            import numpy as np

            arrays = [np.asarray(x) for x in results]
            shapes = list(dict.fromkeys(x.shape for x in arrays))
            if len(shapes) > 1:
                raise ValueError(f"vmap takes a function whose outputs have one shape, got {shapes[0]} and {shapes[1]}")
            return np.stack(arrays, _axis(axis, first.ndim + 1, first, "the output, mapped"))
        elif level is None or isinstance(first, list):
            k = _axis(axis, _rank(first) + 1, first, "the output, mapped")
            return self._stacked_lists(results, k)
        else:
            axes = [axis] * len(level.children)
        columns = zip(*_columns(results))
        return level.build([self.stacked(list(column), a) for column, a in zip(columns, axes)])

    def _stacked_lists(self, results: list[object], axis: int) -> object:
        if axis > 0:
            return [self.stacked(list(column), axis - 1) for column in zip(*_columns(results))]
        if not self.arrays or isinstance(results[0], list):
            return results
        import numpy as np

        return array(results, (len(results),)) if any(r.__class__ is Value for r in results) else np.array(results)


def _columns(results: list[object]) -> list[Sequence[object]]:
    levels = [None if is_array(r) else container(r) for r in results]
    kind = levels[0].kind if levels[0] is not None else None
    for i, level in enumerate(levels):
        if level is None or level.kind != kind:
            raise ValueError(
                f"vmap takes functions that return one shape for all examples, got {described(results[0])} for the first "
                f"and {described(results[i])} for example {i}"
            )
    return [level.children for level in levels if level is not None]


def _unmapped(results: list[object]) -> object:
    first = results[0]
    for r in results:
        if r is not first and (r.__class__ is Value or first.__class__ is Value or not _same(r, first)):
            raise ValueError(
                "vmap takes out_axes=None for an output that is the same for all examples, got "
                f"{described(first)} and {described(r)}"
            )
    return first


def _same(a: object, b: object) -> bool:
    if is_array(a) or is_array(b):
        return is_array(a) and is_array(b) and a.shape == b.shape and bool((a == b).all())
    return bool(a == b)


def _members(
    axes: Sequence[object] | dict[object, object], level: Container | None, place: str, name: str
) -> tuple[Container, list[object]]:
    """A level of a tree, and the entry of a tree of axes for each member of it."""
    if level is not None and len(axes) == len(level.children):
        if not isinstance(axes, dict):
            return level, list(axes)
        if set(axes) == set(level.keys):
            return level, [axes[k] for k in level.keys]
    raise ValueError(f"vmap takes {name} in the shape of {place}, got {shown(axes)}")


def _axis(axis: object, rank: int, x: object, place: str) -> int:
    k = whole("vmap", "axes", axis, "integers and None", least=-inf)
    if not -rank <= k < rank:
        raise ValueError(f"vmap takes an axis from {-rank} to {rank - 1} for {place}, {described(x)}, got {k}")
    return k % rank


def _rank(x: object) -> int:
    """How many axes x has: the depth of its lists, by their first members, and the axes of an array in them."""
    rank = 0
    while isinstance(x, list):
        rank += 1
        x = x[0] if x else None
    return rank + (x.ndim if is_array(x) else 0)


def _scalar(x: object) -> object:
    return x.item() if not is_array(x) and hasattr(x, "dtype") and hasattr(x, "item") else x


def _check_depth(tree: object) -> None:
    """Raise where a tree is nested too deep to be gone through level by level, as one that contains itself is."""
    deepest: dict[int, int] = {}
    stack: list[tuple[object, int]] = [(tree, 0)]
    while stack:
        x, depth = stack.pop()
        if depth > DEEPEST:
            raise ValueError(
                f"vmap takes trees of up to {DEEPEST} levels, got a deeper one, or one that contains itself: {shown(tree)}"
            )
        if isinstance(x, (list, tuple, dict)) and deepest.get(id(x), -1) < depth:
            deepest[id(x)] = depth
            below = x.values() if isinstance(x, dict) else x
            stack.extend([(y, depth + 1) for y in below if isinstance(y, (list, tuple, dict))])
