"""A function's array program, from its arguments and results: how `lower(...).arrays` and backend="numpy" come by it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from itertools import groupby
from math import prod
from typing import Any, NamedTuple

from ..value import Value
from .arrays.array_program import ArrayProgram
from .arrays.program import NotRaisedError
from .arrays.raising import Given, Result
from .arrays.words import WORDS
from .front.flattening import Flat
from .front.gather import AS_LISTS, with_sequences
from .front.recorder import Recorder, indexed
from .front.trace import INPUT, PARAMETER, Trace
from .front.transcription import transcribed
from .mapping import MappedExamples
from .places import Results

Path = tuple[object, ...]


class LineRecorder(Recorder):
    """A Recorder that keeps the user's line of each node."""

    def __init__(self, as_rows: bool = False) -> None:
        super().__init__(as_rows)
        self.lines: dict[Value, str] = {}

    def record(self, v: Value) -> None:
        """Called with each new node."""
        from ..readings import user_line

        super().record(v)
        self.lines[v] = user_line()

    def finish(self) -> None:
        """Nothing: what is refused later is looked for among the operands."""


class Traced(NamedTuple):
    """What a trace of words comes to.

    Attributes:
        program: the arrays.
        recorder: what was recorded.
        results: what was returned.
    """

    program: ArrayProgram
    recorder: Recorder
    results: Results


class Place(NamedTuple):
    """Numbers of one leaf of a tree.

    Attributes:
        path: where it is.
        first, size: which of the tree's numbers.
        shape: of an array or nested lists; None: it is a Module.
    """

    path: Path
    first: int
    size: int
    shape: tuple[int, ...] | None


def leaf_places(key: Sequence[Hashable]) -> list[Place]:
    """The leaves of a tree that hold numbers, by the key of the tree; numbers in tuples are leaves each."""
    found, stack = list[Place](), list[Path]([()])
    at = 0
    for part in key:
        if not stack:
            break
        path, entry = stack.pop(), part
        leaves: list[tuple[Path, tuple[int, ...] | None, int]] = []
        if not isinstance(entry, tuple):
            leaves.append((path, (), 1))
        elif entry[0] == "array":
            leaves.append((path, entry[1], prod(entry[1])))
        elif entry[0] == "module":
            leaves.append((path, None, entry[2]))
        elif isinstance(entry[0], tuple):
            paths, levels = [path], list(entry)
            while levels and levels[0][0] is tuple:
                _, n = levels.pop(0)
                paths = [(*p, k) for p in paths for k in range(n)]
            shape = tuple([n for _, n in levels])
            leaves += [(p, shape, prod(shape)) for p in paths]
        elif entry[0] != "static":
            names = entry[1] if isinstance(entry[1], tuple) else range(entry[1])
            stack.extend([(*path, name) for name in reversed(names)])
        for where, shape_of, count in leaves:
            found.append(Place(where, at, count, shape_of))
            at += count
    return found


def parameter_names(f: Callable[..., object], path: Path, by_name: bool) -> str:
    """What an argument is called, by where it is among the arguments: as in the function's signature."""
    first, *rest = path
    if by_name:
        if first == 1:
            return _spelled(rest)
        first, *rest = rest
    if isinstance(first, str):
        return _spelled([first, *rest])
    try:
        names = [p.name for p in inspect.signature(f).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        names = []
    name = names[first] if isinstance(first, int) and first < len(names) else f"x{first}"
    return _spelled([name, *rest])


def _spelled(path: Sequence[object]) -> str:
    """The last name on a path, and the numbers behind it."""
    names = [k for k, x in enumerate(path) if isinstance(x, str)]
    first = names[-1] if names else 0
    return "_".join(str(x) for x in path[first:]) or "x"


def array_program(
    f: Callable[..., object], call: Callable[[Any], object], given: Flat, library: str = "numpy", guarded: bool = False
) -> Traced:
    """The array program of a function for arguments of one structure.

    Args:
        f: the function.
        call: runs it with a tree of arguments.
        given: the arguments.
        library: what runs it, "numpy" or "xla".
        guarded: with all guards against 0·inf; without, a result is nan where one of them was needed.

    Raises:
        TypeError: it is none of reasonable length; the message says which line of the function shows that.
    """

    def recorded(recorder: Recorder) -> object:
        traced = recorder.parameters(given)
        recorder.free = len(recorder.operands)
        tree = recorder.arguments(given.rebuild(traced))
        return recorder.run(lambda: call(tree), reads=(f, *given.modules))

    by_name = given.key[-1:] == ("by name",)
    arguments = {
        path: Given(parameter_names(f, path, by_name), PARAMETER, first, count, shape)
        for path, first, count, shape in leaf_places(given.key)
    }
    return _traced(f, recorded, arguments, library, guarded)


def mapped_program(
    f: Callable[..., object], given: MappedExamples, library: str = "numpy", guarded: bool = False
) -> Traced:
    """The array program of a function of one example, for many of them."""

    def recorded(recorder: Recorder) -> object:
        whole = recorder.parameters(given.whole)
        recorder.free = len(recorder.operands)
        examples, at = [], 0
        for example in given.examples:
            examples.append(recorder.parameters(example, at, INPUT))
            at = len(recorder.operands) - recorder.free
        called = partial(given.call, f, whole, examples, recorder.arguments)
        return recorder.run(called, reads=(f, *given.modules))

    whole, at = iter(_split(leaf_places(given.whole.key))), 0
    mapped, arguments = iter(given.examples), dict[Path, Given]()
    for k, axis in enumerate(given.axes):
        if axis is None:
            places, space, first = next(whole, []), PARAMETER, 0
        else:
            places, space, first = leaf_places(next(mapped).key), INPUT, at
            places = [p._replace(path=(k, *p.path)) for p in places]
            at += sum(p.size for p in places)
        for p in places:
            path = (k, *p.path[1:])
            arguments[path] = Given(parameter_names(f, path, False), space, first + p.first, p.size, p.shape)
    return _traced(f, recorded, arguments, library, guarded)


def _split(places: Sequence[Place]) -> list[list[Place]]:
    """The leaves of a list, one list an entry."""
    return [list(some) for _, some in groupby(places, lambda p: p.path[0])]


def _traced(f: Callable[..., object], record: Callable[[Recorder], object], arguments: dict[Path, Given],
            library: str, guarded: bool) -> Traced:  # fmt: skip
    def traced(new: Callable[[bool], Recorder]) -> tuple[Recorder, Results, Trace]:
        def recorded(as_rows: bool) -> tuple[Recorder, object]:
            recorder = new(as_rows)
            return recorder, record(recorder)

        recorder, returned = indexed(recorded)
        results = Results(with_sequences(returned, AS_LISTS) if recorder.indices else returned)
        effects = [("accumulate", x, k) for _, x, k in results.effects()]
        trace = transcribed(recorder, effects, not guarded, WORDS)
        if not guarded and not trace.shows_bare():
            trace = transcribed(recorder, effects, False, WORDS)
        return recorder, results, trace

    recorder, results, trace = traced(Recorder)
    if recorder.captured:
        count = len(recorder.captured)
        arguments["outside",] = Given("v", PARAMETER, recorder.free, count, (count,))
    outputs, names = _outputs(f, results, arguments)
    try:
        return Traced(
            ArrayProgram(trace, list(arguments.values()), outputs, names, guarded, library), recorder, results
        )
    except NotRaisedError as error:
        line = line_of(error.place, traced(LineRecorder)[0])
        raise TypeError(
            f"jit takes, for arrays, {error.takes}, got {name_of(f)}: {error}{line}; "
            'backend="llvm" compiles it, and lower(...).program shows its loops'
        ) from None


def line_of(place: int | None, recorder: object) -> str:
    """Where the user's program made an instruction; "" where that is not known."""
    if place is None or not isinstance(recorder, LineRecorder):
        return ""
    found = [line for v, line in recorder.lines.items() if recorder.operands.get(v, -1) == place * 8]
    return f" at {found[0]}" if found else ""


def name_of(f: object) -> str:
    """What a function is called."""
    return getattr(f, "__name__", type(f).__name__)


def _outputs(
    f: Callable[..., object], results: Results, arguments: dict[Path, Given]
) -> tuple[list[Result], list[str]]:
    """(the results, their names): `d` before the name of what a gradient is taken of."""
    outputs, names = list[Result](), list[str]()
    gradient_of: tuple[tuple[int, ...], bool, bool] | None = getattr(f, "gradient_of", None)
    base = name_of(f) if name_of(f).isidentifier() else "out"
    places = [p for p in leaf_places(results.key) if p.size]  # of an array without numbers there is nothing to say
    for path, first, count, shape in places:
        of = None
        if gradient_of is not None:
            argnums, single, with_value = gradient_of
            inside = path[1:] if with_value and path[:1] == (1,) else path if not with_value else None
            if inside is not None and (single or inside):
                of = arguments.get((argnums[0], *inside) if single else (argnums[int(str(inside[0]))], *inside[1:]))
        modules = [g for g in arguments.values() if g.shape is None and g.size == count] if shape is None else []
        like = of if of is not None and of.shape is None else modules[0] if modules else None
        outputs.append(Result(first, count, shape, like, gradient=of is not None))
        if of is not None:
            names.append("d" if like is not None else f"d{of.name}")
        elif gradient_of is not None:
            values = [p for p in places if p.path[:1] == (0,)]
            names.append(base if len(values) < 2 or not path[1:] else _spelled([base, *path[1:]]))
        else:
            names.append(f"{base}_" if like is not None else base if len(places) == 1 else _spelled([base, *path]))
    return outputs, names
