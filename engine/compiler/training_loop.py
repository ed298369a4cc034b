"""Training in native code: whole epochs, optimiser included, coming back for progress, stopping and interrupts."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, SupportsIndex

from ..arguments import flag, function, named, real, shown, whole
from ..value import Value
from .function import DTYPES
from .llvm.machine import Turn, aligned, is_checked, llvm, processor
from .training_code import INTEGERS, POINTERS, TrainingCode

WHO = "TrainingLoop"
GUARD = 64  # numbers on both sides of a buffer, in a checked build
SLICE = 0.05  # seconds of native code between two looks at what Python wants


class TrainingLoop:
    """A model, its loss and its optimiser as one native loop over shuffled batches.

    Args:
        loss: (parameters, example) -> the loss of one example, a Value, or (loss, outputs) with a list of Values to be
            kept. It is called with lists of traced Values: once, and once more at the first gradient that is nan.
        update: (parameter, gradient, slots, settings) -> (new parameter, new slots), a pure function of scalars: called
            as loss is, for one parameter, with traced Values. The gradient is that of the mean loss over the batch.
        parameters: the numbers to train.
        examples: one row an example, (examples, columns): inputs, targets, masks, whatever `loss` reads. It is copied.
        penalty: parameters -> a Value that is added to the mean loss of every batch, not to what `run` returns; None: none.
        measure: gradient -> a number, a pure function of a scalar as `update` is: the sum of it over all parameters
            comes to `update` as one setting more, the last (for the norm of the gradient); None: none.
        slots: numbers of state per parameter (an optimiser's moments), or an array (slots, parameters) to start from.
        settings: how many numbers `update` is given at each step (a learning rate, the count of steps).
        batch: examples a step; None: all of them.
        dtype: "float64" or "float32".
        contract: allow fused multiply-adds and lane-wide sums. Without, a step has the bits of eager mode where only
            + - * / and sqrt occur: sums run over the examples in eager's order, slower.
        checked: check the bounds of every load and store; None: as the environment variable CHAINRULE_JIT_CHECKED says.
        cpu: which features of the processor to use, as for `jit`.

    Attributes:
        parameters: the numbers now, an array; it can be written to.
        examples: the rows, an array; it can be written to, new masks for example.
        slots: the state, an array (slots, parameters).
        gradients: what the last step moved along, penalty included, before `update`.
        outputs: the outputs kept by the last run, an array (epochs, examples in order, outputs).
        stages, update_stages: what became of the two functions.

    Where a loss is flat behind a relu, as a hinge loss is, examples that are on the right side of it have no gradient. Of
    large batches they go through the forward pass alone, as soon as they are half of it (with contract).

    Raises:
        TypeError, ValueError: an argument is not one of these, or a function returns something else.

    The same numbers come out on every run; threads that call `run` take turns. An interrupt is heard within 0.1 s, between two steps.

    >>> from engine import square
    >>> loop = TrainingLoop(
    ...     lambda p, e: square(p[0] * e[0] + p[1] - e[1]), lambda p, g, slots, settings: (p - settings[0] * g, slots),
    ...     [0.0, 0.0], [[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]], settings=1)
    >>> losses = loop.run(epochs=1000, settings=[0.1])
    >>> [round(float(p), 6) for p in loop.parameters]
    [2.0, 1.0]
    """

    def __init__(self, loss: Callable[..., Any], update: Callable[..., Any], parameters: Sequence[float], examples: Any, *,
                 penalty: Callable[..., Any] | None = None, measure: Callable[..., Any] | None = None,
                 slots: Any = 0, settings: int = 0,
                 batch: int | None = None, dtype: str = "float64",
                 contract: bool = True, checked: bool | None = None, cpu: str | None = None, window: int | None = None) -> None:  # fmt: skip
        import numpy as np

        llvm()
        named(WHO, "dtype", dtype, DTYPES)
        self._np, self._dtype = np, np.dtype(dtype)
        self.examples = self._table(examples)
        self._batch = self._batch_size(batch)
        contract = flag(WHO, "contract", contract)
        window = None if window is None else whole(WHO, "window", window, least=1)
        function(WHO, "loss", loss)
        update = _updating(function(WHO, "update", update))
        penalty = None if penalty is None else function(WHO, "penalty", penalty)
        measure = None if measure is None else _measuring(function(WHO, "measure", measure))
        start = _numbers("parameters", parameters, np.float64)
        if start.ndim != 1:
            raise ValueError(f"{WHO} takes a list of numbers as parameters, got an array of shape {start.shape}")
        parameters = start.tolist()
        self._count, self._settings = len(parameters), whole(WHO, "settings", settings)
        counted = not isinstance(slots, bool) and isinstance(slots, SupportsIndex) and not hasattr(slots, "__len__")
        shape = (whole(WHO, "slots", slots), self._count) if counted else ()
        start = np.zeros(shape) if counted else _numbers("slots", slots, np.float64)
        if not start.ndim:
            raise TypeError(f"{WHO} takes a whole number or an array (slots, parameters) as slots, got {shown(slots)}")
        start = start if len(start) else np.zeros((0, self._count))
        if start.shape[1:] != (self._count,) and len(start):
            raise ValueError(f"TrainingLoop takes slots of shape (slots, {self._count}), got {start.shape}")
        self._slots, self._checked = len(start), is_checked(checked)
        self._guards: list[Any] = []  # what lies on both sides of each buffer, in a checked build: nan
        self._compiled = partial(
            TrainingCode, loss, update, penalty, measure, list(parameters), self.examples[0].copy(), self._slots,
            settings, self._batch, self._dtype.itemsize, contract, self._checked, processor(cpu), window,
        )  # fmt: skip
        self._code = self._compiled(bare=True)
        self.stages, self.update_stages = self._code.stages, self._code.update_stages
        self._turn = Turn()  # one run at a time: all work in the same numbers
        self._allocate()
        self.parameters[:] = parameters
        self.slots[:] = start

    def _table(self, examples: Any) -> Any:
        rows = _numbers("examples", examples, self._dtype)
        if rows.ndim != 2 or not len(rows):
            raise ValueError(f"TrainingLoop takes examples as a table of at least one row, got shape {rows.shape}")
        return rows

    def _batch_size(self, batch: int | None) -> int:
        size = len(self.examples)
        return size if batch is None else min(whole(WHO, "batch", batch, least=1), size)

    def _allocate(self) -> None:
        code = self._code
        self._p = self._buffer(code.padded + code.lanes + self._settings + 1)
        self._g = self._buffer(code.padded + code.lanes)
        self._s = self._buffer(max(self._slots, 1) * code.padded)
        self._work = self._workspace(code)
        self.parameters: Any = self._p[: self._count]
        self.gradients: Any = self._g[: self._count]
        self.slots: Any = self._s[: self._slots * code.padded].reshape(self._slots, code.padded)[:, : self._count]

    def _workspace(self, code: TrainingCode) -> list[Any]:
        """What code works in: inputs by column, sums and values."""
        columns = self.examples.shape[1]
        sizes = ((columns * (1 + code.packs) + code.kept + 1) * code.stride, max(code.sums, 1), code.memory)
        return [self._buffer(size) for size in sizes]

    @cached_property
    def _guarded(self) -> tuple[TrainingCode, list[Any]]:
        """Code for the steps at which the other stops, and what it works in."""
        code = self._compiled(bare=False)
        return code, self._workspace(code)

    def _buffer(self, size: int) -> Any:
        """Numbers that native code works in."""
        if not self._checked:
            return aligned(size, self._dtype)
        whole = aligned(size + 2 * GUARD, self._dtype)
        self._guards += [whole[:GUARD], whole[GUARD + size :]]
        for guard in self._guards[-2:]:
            guard[:] = math.nan
        return whole[GUARD : GUARD + size]

    # Running -------------------------------------------------------------------------------------------------------------

    def run(
        self,
        order: Any = None,
        *,
        epochs: int = 1,
        settings: Any = (),
        between: Callable[[int], bool | None] | None = None,
    ) -> Any:
        """Train.

        Args:
            order: which examples, in which order, as row numbers: (examples,) for every epoch alike, or
                (epochs, examples); None: all, as they stand.
            epochs: how many passes over `order`; of two dimensions it says so itself.
            settings: the numbers for `update`: (settings,) for every step alike, or (steps, settings).
            between: called every 0.05 s or so, between two steps, with the number of steps done; True ends the run.

        Returns:
            The mean loss of each step, an array (epochs, steps of an epoch), as before the step's update; 0 for steps
            that were not made.

        Raises:
            IndexError: order names a row that is not there.
            TypeError, ValueError: an argument is not one of these.
        """
        if between is not None:
            function(WHO, "between", between)
        with self._turn.taken():
            call, losses = self._call(order, epochs, settings)
            first, width, total = 0, 1, losses.size
            while first < total:  # so many steps at a time that an interrupt need not wait
                last = min(first + width, total)
                start = time.perf_counter()
                call(first, last)
                took = time.perf_counter() - start
                width = max(1, min(4 * width, int(width * SLICE / max(took, 1e-9))))
                first = last
                if between is not None and between(first):
                    break
            self._check_faults()
        return losses

    def prepared(self, order: Any = None, *, epochs: int = 1, settings: Any = ()) -> Callable[[], None]:
        """A training as a function of no arguments, for calling it often: all checks are done here. Interrupts wait for its end.

        Args:
            order, epochs, settings: as for `run`.
        """
        call, losses = self._call(order, epochs, settings)
        call(0, 0)
        context, train = self._np.array(call.context), self._code.train
        context[POINTERS.index("losses")] = losses.ctypes.data
        context[len(POINTERS) + INTEGERS.index("last")] = total = losses.size
        at, reached = context.ctypes.data, call.reached

        def step() -> None:
            train(at)
            if reached.value < total:
                call(reached.value, total)

        step.keep = self, losses, context  # type: ignore[attr-defined]  # a function carries what its code points into
        return step

    def _call(self, order: Any, epochs: int, settings: Any) -> tuple[_Call, Any]:
        """(a call of native code, the losses it will write)."""
        np = self._np
        epochs = whole(WHO, "epochs", epochs)
        try:
            given = np.asarray(np.arange(len(self.examples)) if order is None else order)
        except ValueError:
            raise TypeError(f"TrainingLoop takes row numbers as order, got {shown(order)}") from None
        if given.size and given.dtype.kind not in "iu":
            raise TypeError(f"TrainingLoop takes row numbers, whole numbers, as order, got an array of {given.dtype}")
        if given.ndim not in (1, 2):
            raise ValueError(
                f"TrainingLoop takes (examples,) or (epochs, examples) as order, got an array of shape {given.shape}"
            )
        order = np.ascontiguousarray(given, np.int64)
        epochs = len(order) if order.ndim == 2 else epochs
        if order.size and (order.min() < 0 or order.max() >= len(self.examples)):
            raise IndexError(
                f"TrainingLoop takes row numbers from 0 to {len(self.examples) - 1}, got {order.min() if order.min() < 0 else order.max()}"
            )
        per_epoch = order.shape[-1]
        steps = -(-per_epoch // self._batch)
        table = _numbers("settings", settings, self._dtype)
        wanted = ((self._settings,), (epochs * steps, self._settings))
        if table.shape not in wanted:
            raise ValueError(f"TrainingLoop takes settings of shape {wanted[0]} or {wanted[1]}, got {table.shape}")
        losses = np.zeros((epochs, steps), self._dtype)
        self.outputs = np.zeros((epochs, per_epoch, self._code.kept), self._dtype)
        strides = (steps, per_epoch, per_epoch if order.ndim == 2 else 0, self._settings if table.ndim == 2 else 0)
        given, written = [self._p, self._g, self._s, self.examples, order, table], [self.outputs, losses]

        def guarded() -> _Call:
            code, work = self._guarded
            return _Call(code.train, [*given, *work, *written], strides, guarded)  # it does not stop

        return _Call(self._code.train, [*given, *self._work, *written], strides, guarded), losses

    def _check_faults(self) -> None:
        written = sum([int((guard == guard).sum()) for guard in self._guards])
        written += self._code.faults.value
        if "_guarded" in self.__dict__:
            written += self._guarded[0].faults.value
        if written:
            raise AssertionError(f"training wrote or read {written} times outside its buffers; please report this")


def _numbers(name: str, x: Any, dtype: Any) -> Any:
    """A new array of real numbers; None, text and complex numbers are none."""
    import numpy as np

    try:
        read = np.asarray(x)
        if read.dtype.kind == "O":
            found = [real(e) for e in read.ravel().tolist()]
            if None not in found:
                return np.array(found, dtype).reshape(read.shape)
        elif read.dtype.kind in "biuf":
            return np.array(read, dtype, order="C")
    except (ArithmeticError, TypeError, ValueError):  # lists of different lengths, and what is no list
        pass
    raise TypeError(f"{WHO} takes numbers as {name}, got {shown(x)}")


def _updating(update: Callable[..., Any]) -> Callable[..., Any]:
    def updated(*given: Any) -> Any:
        found = update(*given)
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise TypeError(
                f"{WHO} takes as update a function that returns (parameter, slots), got {shown(found)} from it"
            )
        return found

    return updated


def _measuring(measure: Callable[..., Any]) -> Callable[..., Any]:
    def measured(gradient: Any) -> Any:
        found = measure(gradient)
        if real(found) is None and found.__class__ is not Value:
            raise TypeError(f"{WHO} takes as measure a function that returns a number, got {shown(found)} from it")
        return found

    return measured


class _Call:
    """A call of native code: the arguments in one array, which native code reads.

    Args:
        guarded: () -> a call of the code that makes the steps at which this one stops.
    """

    def __init__(self, train: Any, arrays: list[Any], strides: tuple[int, ...], guarded: Callable[[], _Call]) -> None:
        import numpy as np

        self._train, self._arrays, self._guarded = train, arrays, guarded
        self.reached = ctypes.c_int64()
        addresses = [x.ctypes.data for x in arrays]
        addresses.insert(POINTERS.index("reached"), ctypes.addressof(self.reached))
        self.context = np.array([*addresses, 0, 0, *strides], np.int64)
        self._at = self.context.ctypes.data

    def __call__(self, first: int, last: int) -> None:
        """Run some steps."""
        self._native(first, last)
        while self.reached.value < last:
            stopped = self.reached.value
            self._guarded()(stopped, stopped + 1)
            self._native(stopped + 1, last)

    def _native(self, first: int, last: int) -> None:
        losses = self._arrays[-1]
        self.context[POINTERS.index("losses")] = losses.ctypes.data + first * losses.itemsize
        self.context[len(POINTERS) : len(POINTERS) + 2] = first, last
        self._train(self._at)
