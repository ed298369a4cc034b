"""Trees: nested lists, tuples, dicts, arrays and Modules, seen as their numbers and a program that builds them again.

JAX calls them pytrees. A tree is walked with an explicit stack, in the order in which it is written, and its shape is
kept as a postfix program: building it again is one run of a stack machine. An array is one block of many numbers;
None is a tree without any. A Module, or any class, takes part through one method `_flatten() -> (leaves, rebuild)`.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice, repeat
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeGuard

from .. import context
from ..arguments import is_number, shown
from ..conversion import operand
from ..guards import Number
from ..value import Value

if TYPE_CHECKING:
    from numpy import generic
    from numpy.typing import NDArray

    Array = NDArray[generic]

Tree = Any  # numbers, Values, None, and lists, tuples, dicts, arrays and Modules of them, which no type says
Function = Callable[..., Tree]
Shape = tuple[int, ...] | None  # of an array; None for a number that stands alone
Build = Callable[[list[Any]], object]  # from the children of a level, in order
Step = tuple[Build, int] | int  # how what holds so many is built; or so many numbers
Place = tuple["Place", Callable[[object], str] | None, object] | None  # in a tree: the level above, and the key there


class Flattenable(Protocol):
    """A class that takes part as a tree."""

    def _flatten(self) -> tuple[Sequence[Number], Build]: ...


class Container(NamedTuple):
    """One level of a tree. Two containers match when their kinds are equal."""

    kind: tuple[object, ...]
    key: Callable[[object], str]  # writes a key as it is written behind a name: [0], ['w'], .w
    keys: Sequence[object]
    children: Sequence[object]
    build: Build


class Flattening:
    """The numbers of a tree, and how to build one like it.

    Attributes:
        leaves: floats and Values, in order.
        blocks: for each place of a number or an array, None or the array's shape.
    """

    __slots__ = ("_program", "blocks", "leaves")

    def __init__(self, leaves: list[Number], blocks: list[Shape], program: list[Step]) -> None:
        self.leaves = leaves
        self.blocks = blocks
        self._program = program

    def rebuild(self, leaves: Iterable[object]) -> object:
        """A tree of the same shape with other leaves; of an iterator as many as there are are taken."""
        rest = iter(leaves)
        if self.blocks.count(None) == len(self.blocks):
            return self.rebuild_blocks(islice(rest, len(self.blocks)))
        return self.rebuild_blocks(
            next(rest) if shape is None else array(list(islice(rest, prod(shape))), shape) for shape in self.blocks
        )

    def rebuild_blocks(self, blocks: Iterable[object]) -> object:
        """A tree of the same shape with anything in the places of its numbers and arrays."""
        rest: Iterator[object] = iter(blocks)
        built: list[object] = []
        for step in self._program:
            if isinstance(step, int):
                built.extend(islice(rest, step))
            else:
                build, count = step
                children = built[len(built) - count :]
                del built[len(built) - count :]
                built.append(build(children))
        return built[0]


class _Closing(NamedTuple):
    """Stands on the stack behind the children of a container."""

    build: Build
    size: int
    identity: int


_ANYTHING = object()
_NUMBERS = {float, Value}


def flatten(
    tree: object, who: str, what: str, like: object = _ANYTHING, like_what: str = "", keep: bool = False
) -> Flattening:
    """The leaves of a tree and its shape.

    Args:
        tree: numbers, Values, None, and lists, tuples, dicts, arrays and Modules of them.
        who: the function that asks, for messages.
        what: what the tree is to the user, for messages, such as "argument 0".
        like: another tree: this one must have its shape, and is read in its order.
        like_what: what that is to the user.
        keep: leave anything that holds no Value as it is, an int or a string too: the leaves are Values.

    Raises:
        TypeError: a leaf is no real number.
        ValueError: the tree has another shape than `like`, or contains itself.
    """
    leaves: list[Number] = []
    blocks: list[Shape] = []
    program: list[Step] = []
    opened: set[int] = set()
    stack: list[tuple[object, object, Place]] = [(tree, like, (None, None, what))]
    while stack:
        x, model, place = stack.pop()
        if isinstance(x, _Closing):
            opened.discard(x.identity)
            program.append((x.build, x.size))
            continue
        one = x.__class__ is float or x.__class__ is Value
        level = None if one or is_array(x) else container(x)
        models: Iterable[object] = repeat(_ANYTHING)
        if model is not _ANYTHING:
            level, models = _matched(x, level, model, who, place, like_what)
        if level is not None:
            if id(x) in opened:
                raise ValueError(f"{who} takes trees that end, got one that contains itself at {_path(place)}")
            count = len(level.children)
            alike = model is _ANYTHING or _NUMBERS.issuperset(map(type, models))
            if alike and _NUMBERS.issuperset(map(type, level.children)):  # weights
                program += count, (level.build, count)
                blocks += [None] * count
                leaves += [child for child in level.children if isinstance(child, (float, Value))]
                continue
            opened.add(id(x))
            stack.append((_Closing(level.build, count, id(x)), None, None))
            below = [(child, m, (place, level.key, k)) for child, m, k in zip(level.children, models, level.keys)]
            stack.extend(reversed(below))
            continue
        if keep and (x.dtype != object if is_array(x) else x.__class__ is not Value):
            program.append((partial(_kept, x), 0))
            continue
        program.append(1)
        blocks.append(x.shape if is_array(x) else None)
        leaves.extend(_entries(x, who, place) if is_array(x) else [_leaf(x, who, place)])
    return Flattening(leaves, blocks, program)


def _kept(x: object, _: list[object]) -> object:
    return x


def is_array(x: object) -> TypeGuard[Array]:
    """Whether x is a NumPy array; NumPy is not imported to find out."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, getattr(numpy, "ndarray", ()))


def array(entries: Sequence[object], shape: tuple[int, ...]) -> Array:
    """An array of floats where all entries are plain floats, else an array of objects."""
    import numpy as np

    out = np.empty(len(entries), float if all(e.__class__ is float for e in entries) else object)
    for i, e in enumerate(entries):
        out[i] = e
    tracing = context.recorder()
    return out.reshape(shape) if tracing is None else tracing.array(out.reshape(shape))


def described(x: object) -> str:
    """A tree in a few words."""
    if is_array(x):
        return f"an array of shape {x.shape}"
    level = container(x)
    if level is None:
        return f"the number {x!r}" if is_number(x) else f"{shown(x)} ({type(x).__name__})"
    count = len(level.children)
    if isinstance(x, dict):
        return f"a dict with the keys {', '.join(map(repr, x)):.80}" if x else "an empty dict"
    if x is None:
        return "None"
    name = type(x).__name__
    noun = "parameter" if _takes_part(x) else "element"
    return f"a {name} of {count} {noun}{'s' * (count != 1)}"


def check_function(who: str, f: object) -> None:
    """A TypeError where f is none."""
    if not callable(f):
        raise TypeError(f"{who} takes a function, got {described(f)}; write {who}(f), without calling f")


_item, _attribute, _parameter = "[{!r}]".format, ".{}".format, " parameter {}".format


def container(x: object) -> Container | None:
    """The outermost level of a tree; None for a number, and for what is no tree."""
    if x is None:
        return Container(("None",), _item, (), (), partial(_kept, None))
    if isinstance(x, dict):
        keys = tuple(x)
        return Container((type(x), frozenset(keys)), _item, keys, tuple(x.values()), _dict_builder(x, keys))
    if isinstance(x, (list, tuple)):
        cls = type(x)
        if hasattr(cls, "_fields"):
            return Container((cls, len(x)), _attribute, cls._fields, x, getattr(cls, "_make", cls))
        return Container((cls, len(x)), _item, range(len(x)), x, cls)
    if _takes_part(x):
        leaves, rebuild = x._flatten()
        return Container((type(x), len(leaves)), _parameter, range(len(leaves)), leaves, rebuild)
    return None


def _takes_part(x: object) -> TypeGuard[Flattenable]:
    return hasattr(type(x), "_flatten")


def _dict_builder(x: dict[object, object], keys: tuple[object, ...]) -> Build:
    empty = copy.copy(x)  # an OrderedDict stays one, a defaultdict keeps its factory
    empty.clear()
    return partial(_dict, empty, keys)


def _dict(empty: dict[object, object], keys: tuple[object, ...], children: list[object]) -> dict[object, object]:
    filled = copy.copy(empty)
    for key, child in zip(keys, children):
        filled[key] = child  # the update of a Counter counts
    return filled


def _matched(
    x: object, level: Container | None, model: object, who: str, place: Place, what: str
) -> tuple[Container | None, Sequence[object]]:
    """The level, and the children of the model, both in the order of the model; a ValueError where they differ."""
    expected = None if is_array(model) else container(model)
    same = (level and level.kind) == (expected and expected.kind)
    if is_array(model) or is_array(x):  # a number is as good as an array of shape ()
        same = same and getattr(model, "shape", ()) == getattr(x, "shape", ())
    if not same:
        raise ValueError(
            f"{who} takes {_path(place)} in the shape of {what}, which has {described(model)} there, got {described(x)}"
        )
    if level is not None and isinstance(x, dict) and isinstance(model, dict):
        keys = tuple(model)
        level = level._replace(keys=keys, children=[x[k] for k in keys], build=_dict_builder(x, keys))
    return level, () if expected is None else expected.children


def _path(place: Place) -> str:
    parts = []
    while place is not None:
        parent, write, key = place
        parts.append(str(key) if write is None else write(key))
        place = parent
    return "".join(reversed(parts))


def _leaf(x: object, who: str, place: Place) -> Number:
    if isinstance(x, Value) or (isinstance(x, float) and x.__class__ is float):
        return x
    if not is_number(x):
        hint = "; a set has no order, use a list" if isinstance(x, (set, frozenset)) else ""
        raise TypeError(
            f"{who} takes real numbers, Values, and lists, tuples, dicts, arrays and Modules of them, "
            f"got {shown(x)} ({type(x).__name__}) at {_path(place)}{hint}"
        )
    found: Number = operand(x, who)
    return found


def _entries(x: Array, who: str, place: Place) -> list[Number]:
    if x.dtype.kind in "fiub":
        entries: list[Number] = x.astype(float).ravel().tolist()
        return entries
    if x.dtype.kind != "O":
        raise TypeError(f"{who} takes arrays of real numbers and Values, got dtype {x.dtype} at {_path(place)}")
    return [_leaf(e, who, (place, _item, i)) for i, e in enumerate(x.ravel().tolist())]
