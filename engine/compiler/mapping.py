"""jit of vmap: a function of one example, traced once, run over all examples in the lanes of vectors."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from ..transforms.batching import stacked
from .compilation import Compilation
from .front.flattening import Flat, flat
from .front.recorder import Recorder
from .front.trace import INPUT, OUTPUT, PARAMETER
from .llvm.machine import aligned, llvm, vector_bytes


class MappedExamples:
    """The arguments of a mapped call: one Flat for what is handed on whole, the examples as the rows of a table.

    Attributes:
        whole: the arguments that are not mapped.
        table: one row an example.
        shapes: for each mapped argument, the Flat of its first example.
        arrays: was an array mapped?
        alike: are all examples of an argument of one structure?
        holds_values: is one of the numbers a Value, those of Modules aside?
        modules: the Modules among the arguments, of examples those of the first.
        key: equal for calls of one structure and as many examples.
    """

    def __init__(self, args: Sequence[Any], axes: Sequence[int | None]) -> None:
        import numpy as np

        self.axes = axes
        self.whole = flat([a for a, axis in zip(args, axes) if axis is None])
        mapped = [a for a, axis in zip(args, axes) if axis is not None]
        self.arrays = any(hasattr(a, "shape") for a in mapped)
        self.alike, self.holds_values, self.modules = True, self.whole.holds_values, [*self.whole.modules]
        columns = []
        self.shapes: list[Flat] = []
        for a in mapped:
            if hasattr(a, "shape"):
                self.shapes.append(flat(a[0]))
                columns.append(np.asarray(a, float).reshape(len(a), -1))
            else:
                rows = [flat(x) for x in a]
                self.holds_values = self.holds_values or any(row.holds_values for row in rows)
                if any(row.key != rows[0].key for row in rows):
                    self.alike = False
                    return
                self.shapes.append(rows[0])
                self.modules += rows[0].modules
                columns.append(np.array([_numbers(row.leaves) for row in rows]).reshape(len(rows), -1))
        self.table = np.concatenate(columns, 1)
        self.key = (self.whole.key, tuple(s.key for s in self.shapes), tuple(axes), self.arrays)

    def call(self, f: Callable[..., Any], whole: Any, examples: Sequence[Any]) -> Any:
        """f of the arguments in their places."""
        rest, mapped = iter(whole), iter(examples)
        return f(*[next(rest) if axis is None else next(mapped) for axis in self.axes])


def mapped_axes(args: Sequence[Any], kwargs: Any, in_axes: Any, out_axes: Any) -> list[int | None] | None:
    """The axes of a call that runs in lanes: axis 0 of arrays and lists, or None; None where it takes the plain way."""
    axes = list(in_axes) if isinstance(in_axes, (list, tuple)) else [in_axes] * len(args)
    if kwargs or len(axes) != len(args) or out_axes != 0 or isinstance(out_axes, bool):
        return None
    mapped = [a for a, axis in zip(args, axes) if axis == 0 and not isinstance(axis, bool)]
    if not mapped or any(axis not in (0, None) for axis in axes):
        return None
    for a in mapped:
        is_array = hasattr(a, "shape") and a.ndim > 0 and a.dtype.kind in "fiu"
        if not (is_array or isinstance(a, list)) or not len(a) or len(a) != len(mapped[0]):
            return None
    return axes


class Mapped:
    """Native code for one structure of arguments, for any number of examples."""

    def __init__(
        self, f: Callable[..., Any], given: MappedExamples, dtype: str, contract: bool, checked: bool, cpu: str
    ) -> None:
        import numpy as np

        llvm()
        self._np, self._dtype, self.stages = np, np.dtype(dtype), Compilation()
        recorder = Recorder()
        with self.stages.timed("trace"):
            result = flat(
                recorder.run(lambda: self._traced(recorder, f, given), reads=(f, *given.modules)), "jit, as results,"
            )
            leaves: list[Any] = []
            self._shapes = [getattr(x, "shape", None) for x in result.leaves]
            for x in result.leaves:
                leaves.extend(x.ravel().tolist() if hasattr(x, "shape") else [x])
            trace = recorder.trace([("output", x, i) for i, x in enumerate(leaves)])
        self._rebuild, self._outputs, self._captured = result.rebuild, len(leaves), recorder.captured
        self._columns, self._given = given.table.shape[1], recorder.free
        self._compile(trace, contract, checked, cpu)

    @staticmethod
    def _traced(recorder: Recorder, f: Callable[..., Any], given: MappedExamples) -> Any:
        at = 0

        def traced(shape: Flat, space: int) -> Any:
            nonlocal at
            leaves = []
            for leaf in shape.leaves:
                numbers = _numbers([leaf])
                values = [recorder.parameter(x, at + i, space) for i, x in enumerate(numbers)]
                at += len(values)
                leaves.append(_boxes(values, leaf.shape) if hasattr(leaf, "shape") else values[0])
            return shape.rebuild(leaves)

        whole = traced(given.whole, PARAMETER)
        recorder.free, at = at, 0
        return given.call(f, whole, [traced(shape, INPUT) for shape in given.shapes])

    def _compile(self, trace: Any, contract: bool, checked: bool, cpu: str) -> None:
        from .llvm.batch import Batch, Tiling, native
        from .llvm.emission import MEMORY
        from .llvm.vectors import DOUBLE, FLOAT, I64, add_fault_counter, ir

        real = DOUBLE if self._dtype.itemsize == 8 else FLOAT
        tiling = Tiling(vector_bytes(cpu), self._dtype.itemsize, None, True)
        batch = Batch(
            self.stages.place(trace),
            trace,
            tiling,
            real,
            0,
            contract=contract,
            direct=False,
            checked=checked,
            name="example",
        )
        self._lanes, self._memory = tiling.lanes, max(batch.memory, 1)
        with self.stages.timed("emit"):
            module = ir.Module("map")
            add_fault_counter(module)
            b, a = native(module, "map", ["p", "x", "o", "memory"], ["count", "stride"])
            sizes = {
                PARAMETER: I64(max(self._given + len(self._captured), 1)),
                INPUT: b.mul(a["stride"], I64(self._columns)),
                OUTPUT: b.mul(a["stride"], I64(self._outputs)),
                MEMORY: I64(self._memory),
            }
            pointers = {PARAMETER: a["p"], INPUT: a["x"], OUTPUT: a["o"], MEMORY: a["memory"]}
            batch.emit(b, pointers, sizes, a["count"], a["stride"])
            b.ret_void()
            self.stages.ir = str(module)
        code = self.stages.compile(cpu=cpu)
        self._run = code.function("map", *[ctypes.c_void_p] * 4, *[ctypes.c_int64] * 2)
        self._faults = code.variable("faults")

    def run(self, given: MappedExamples) -> Any:
        """One call."""
        np, table = self._np, given.table
        count = len(table)
        stride = -(-count // self._lanes) * self._lanes
        whole = _numbers(given.whole.leaves) + [v._data for v in self._captured]
        p, memory = aligned(max(len(whole), 1), self._dtype), aligned(self._memory, self._dtype)
        x, o = (
            aligned(max(self._columns, 1) * stride, self._dtype),
            aligned(max(self._outputs, 1) * stride, self._dtype),
        )
        p[: len(whole)] = whole
        columns = x[: self._columns * stride].reshape(self._columns, stride)
        columns[:, :count], columns[:, count:] = table.T, table[-1][:, None]
        self._run(p.ctypes.data, x.ctypes.data, o.ctypes.data, memory.ctypes.data, count, stride)
        if self._faults.value:
            raise AssertionError(
                f"jit wrote or read {self._faults.value} times outside its buffers; please report this"
            )
        out = o[: self._outputs * stride].reshape(self._outputs, stride)[:, :count]
        return self._as_results(np.ascontiguousarray(out.T), given.arrays)

    def _as_results(self, rows: Any, arrays: bool) -> Any:
        """Rows of numbers as eager vmap returns them."""
        if self._shapes == [None] and self._rebuild([1.5]) == 1.5:
            return rows[:, 0] if arrays else rows[:, 0].tolist()
        results = []
        for row in rows.tolist() if None in self._shapes else rows:
            leaves, at = [], 0
            for shape in self._shapes:
                size = 1 if shape is None else int(self._np.prod(shape))
                part = row[at : at + size]
                leaves.append(part[0] if shape is None else self._np.asarray(part, self._dtype).reshape(shape))
                at += size
            results.append(self._rebuild(leaves))
        return stacked(results, arrays)


def _numbers(leaves: Sequence[Any]) -> list[float]:
    """Floats, in order, of leaves that are floats, Values and arrays."""
    found: list[float] = []
    for x in leaves:
        if hasattr(x, "shape"):
            found.extend(x.ravel().astype(float).tolist())
        else:
            found.append(x._data if hasattr(x, "_data") else float(x))
    return found


def _boxes(values: list[Any], shape: tuple[int, ...]) -> Any:
    import numpy as np

    boxes = np.empty(len(values), object)
    boxes[:] = values
    return boxes.reshape(shape)
