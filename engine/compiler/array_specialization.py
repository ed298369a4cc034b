"""A function on NumPy or XLA, for arguments of one structure: its array program, and what runs that."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .array_stages import Traced, array_program, mapped_program, name_of
from .arrays.array_program import ArrayProgram, Runnable
from .front.flattening import Flat
from .front.gather import Bounds
from .front.trace import INPUT, PARAMETER
from .llvm.native_code import Numbers
from .mapping import MappedExamples
from .places import Spaces, mapped_results, pieces

Allocated = tuple[Spaces, list[Any], list[Any]]  # the numbers of a call, and its arguments and results in them


class ArrayStages:
    """What became of a function, for reading.

    Attributes:
        arrays: the array program.
        times: seconds by stage.
    """

    def __init__(self, arrays: ArrayProgram, seconds: float) -> None:
        self.arrays, self.times = arrays, {"arrays": seconds}

    @property
    def latex(self) -> str:
        """The formulas of the arrays."""
        return self.arrays.latex

    def __repr__(self) -> str:
        return f"<{len(self.arrays.definitions)} arrays in {self.times['arrays']:.3f} s>"


class ArraySpecialization:
    """A function's array program, run by NumPy or XLA.

    Where a result is nan, the program is run once more with its guards against 0·inf, as in `TrainingCode`.

    Args:
        f, call, given: as of a `Specialization`.
        dtype: "float64" or "float32".
        library: "numpy" or "xla".
    """

    def __init__(self, f: Callable[..., object], call: Callable[[object], object], given: Flat, dtype: str,
                 library: str) -> None:  # fmt: skip
        start = time.perf_counter()
        self._again, self._name, self._dtype = partial(array_program, f, call, library=library), name_of(f), dtype
        self._traced = traced = self._again(given)
        self._program, recorder, self._results = self._compiled(traced), traced.recorder, traced.results
        self.stages = ArrayStages(traced.program, time.perf_counter() - start)
        self._captured = tuple(recorder.captured)
        self._bounds = Bounds("jit", recorder.indices, PARAMETER) if recorder.indices else None
        sizes = recorder.free + len(self._captured), len(self._results.leaves), 0
        given_pieces = pieces([*given.leaves, self._captured])
        self._new_spaces = partial(Spaces, sizes, dtype, given_pieces, self._results.pieces)
        self._spaces: list[Allocated] = []  # those of calls that are not under way
        self._guarded: tuple[Runnable, Traced] | None = None

    def _compiled(self, traced: Traced) -> Runnable:
        return traced.program.runnable(self._name, self._dtype)

    def _allocated(self, traced: Traced) -> Allocated:
        spaces = self._new_spaces()
        program = traced.program
        return spaces, program.views({PARAMETER: spaces.parameters}), program.outputs(spaces.outputs)

    def run(self, given: Flat) -> object:
        """One call."""
        import numpy as np

        spaces, views, outputs = self._spaces.pop() if self._spaces else self._allocated(self._traced)
        spaces.write([*given.leaves, self._captured])
        if self._bounds is not None:
            self._bounds.check(spaces.parameters)
        with np.errstate(all="ignore"):
            for place, x in zip(outputs, self._program(*views)):
                place[...] = x
            if np.isnan(spaces.outputs).any():
                self._run_guarded(given, spaces)
        out = spaces.read()
        self._spaces.append((spaces, views, outputs))
        return self._results.rebuild(out)

    def _run_guarded(self, given: Flat, spaces: Spaces) -> None:
        """The same with guards."""
        if self._guarded is None:
            traced = self._again(given, guarded=True)
            self._guarded = self._compiled(traced), traced
        run, traced = self._guarded
        _write(run, traced.program, {PARAMETER: spaces.parameters}, spaces.outputs)


class MappedArraySpecialization:
    """A function's array program for any number of examples, run by NumPy or XLA.

    Args:
        f, given: as of a `MappedSpecialization`.
        dtype: "float64" or "float32".
        library: "numpy" or "xla".
    """

    def __init__(self, f: Callable[..., object], given: MappedExamples, dtype: str, library: str) -> None:
        start = time.perf_counter()
        self._again, self._name, self._dtype = partial(mapped_program, f, library=library), name_of(f), dtype
        self._traced = traced = self._again(given)
        recorder = traced.recorder
        self._run, self._captured = traced.program.runnable(self._name, dtype), tuple(recorder.captured)
        self._bounds = [Bounds("jit", recorder.indices, space) for space in (PARAMETER, INPUT)]
        self.stages = ArrayStages(traced.program, time.perf_counter() - start)
        self._guarded: tuple[Runnable, Traced] | None = None

    def run(self, given: MappedExamples) -> object:
        """One call."""
        import numpy as np

        whole = np.array(given.whole.numbers() + [v._data for v in self._captured], self._dtype)
        table = np.ascontiguousarray(given.table, self._dtype)
        for bounds, numbers in zip(self._bounds, (whole, table)):
            bounds.check(numbers)
        results = self._traced.results
        out = np.zeros((len(table), len(results.leaves)), self._dtype)
        spaces = {PARAMETER: whole, INPUT: table}
        with np.errstate(all="ignore"):
            _write(self._run, self._traced.program, spaces, out)
            if np.isnan(out).any():
                if self._guarded is None:
                    traced = self._again(given, guarded=True)
                    self._guarded = traced.program.runnable(self._name, self._dtype), traced
                _write(self._guarded[0], self._guarded[1].program, spaces, out)
        return mapped_results(results, out.T, given.arrays)


def _write(run: Runnable, program: ArrayProgram, spaces: Mapping[int, Numbers], out: Numbers) -> None:
    """Run a program, its results where they belong."""
    for place, x in zip(program.outputs(out), run(*program.views(spaces))):
        place[...] = x
