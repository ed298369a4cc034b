"""Training in native code: whole epochs, optimiser included, coming back for progress, stopping and interrupts."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..backprop import gradients
from ..value import Value
from .function import DTYPES, add_fault_counter
from .machine import Compiled, aligned, llvm, vector_bytes
from .recognition import WINDOW
from .stages import Stages
from .tape import GRADIENT, INPUT, OUTPUT, PARAMETER, Tape
from .trace import Recorder

POINTERS = ["p", "g", "slots", "rows", "order", "settings", "x", "sums", "memory", "outputs", "losses"]
INTEGERS = ["first", "last", "epoch_steps", "epoch_examples", "epoch_stride", "settings_stride"]
SLICE = 0.05  # seconds of native code between two looks at what Python wants


class TrainingLoop:
    """A model, its loss and its optimiser as one native loop over shuffled batches.

    Args:
        loss: (parameters, example) -> the loss of one example, a Value, or (loss, outputs) with a list of Values to be
            kept. It is called once, with lists of traced Values.
        update: (parameter, gradient, slots, settings) -> (new parameter, new slots), a pure function of scalars: called
            once, for one parameter, with traced Values. The gradient is that of the mean loss over the batch.
        parameters: the numbers to train.
        examples: one row an example, (examples, columns): inputs, targets, masks, whatever `loss` reads. It is copied.
        penalty: parameters -> a Value that is added to the mean loss of every batch, not to what `run` returns; None: none.
        slots: numbers of state per parameter (an optimiser's moments), or an array (slots, parameters) to start from.
        settings: how many numbers `update` is given at each step (a learning rate, the count of steps).
        batch: examples a step; None: all of them.
        dtype: "float64" or "float32".
        contract: allow fused multiply-adds and lane-wide sums. Without, a step has the bits of eager mode where only
            + - * / and sqrt occur: sums run over the examples in eager's order, slower.
        checked: check the bounds of every load and store.
        cpu: compile for another processor, as LLVM names it (a benchmark's wish).

    Attributes:
        parameters: the numbers now, an array; it can be written to.
        examples: the rows, an array; it can be written to, new masks for example.
        slots: the state, an array (slots, parameters).
        outputs: the outputs kept by the last run, an array (epochs, examples in order, outputs).
        stages, update_stages: what became of the two functions.

    The same numbers come out on every run. An interrupt is heard within 0.1 s, between two steps.

    >>> from engine import square
    >>> loop = TrainingLoop(
    ...     lambda p, e: square(p[0] * e[0] + p[1] - e[1]), lambda p, g, slots, settings: (p - settings[0] * g, slots),
    ...     [0.0, 0.0], [[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]], settings=1)
    >>> losses = loop.run(epochs=1000, settings=[0.1])
    >>> [round(float(p), 6) for p in loop.parameters]
    [2.0, 1.0]
    """

    def __init__(self, loss: Callable[..., Any], update: Callable[..., Any], parameters: Sequence[float], examples: Any, *,
                 penalty: Callable[..., Any] | None = None, slots: Any = 0, settings: int = 0,
                 batch: int | None = None, dtype: str = "float64",
                 contract: bool = True, checked: bool = False, cpu: str = "", window: int | None = None) -> None:  # fmt: skip
        import numpy as np

        llvm()
        if dtype not in DTYPES:
            raise ValueError(f"TrainingLoop takes 'float64' or 'float32' as dtype, got {dtype!r}")
        self._np, self._dtype = np, np.dtype(dtype)
        self.examples = self._table(examples)
        self._batch = self._batch_size(batch)
        self._count, self._settings = len(parameters), settings
        start = np.asarray(slots, float) if not isinstance(slots, int) else np.zeros((slots, self._count))
        if start.shape[1:] != (self._count,) and len(start):
            raise ValueError(f"TrainingLoop takes slots of shape (slots, {self._count}), got {start.shape}")
        self._slots = len(start)
        self._compile(loss, update, penalty, parameters, contract, checked, cpu, window)
        self.parameters[:] = parameters
        self.slots[:] = start

    def _table(self, examples: Any) -> Any:
        np = self._np
        rows = np.array(examples, self._dtype, order="C")
        if rows.ndim != 2 or not len(rows):
            raise ValueError(f"TrainingLoop takes examples as a table of at least one row, got shape {rows.shape}")
        return rows

    def _batch_size(self, batch: int | None) -> int:
        size = len(self.examples) if batch is None else batch
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"TrainingLoop takes a whole number of examples from 1 up as batch, got {batch!r}")
        return min(size, len(self.examples))

    # Compiling -----------------------------------------------------------------------------------------------------------

    def _compile(
        self,
        loss: Any,
        update: Any,
        penalty: Any,
        parameters: Any,
        contract: bool,
        checked: bool,
        cpu: str,
        window: Any,
    ) -> None:
        from .batch import Batch, Shape, is_direct
        from .kit import DOUBLE, FLOAT, ir

        wide = self._dtype.itemsize
        shape = Shape(vector_bytes(cpu), wide, self._batch, contract)
        self._padded = -(-self._count // shape.lanes) * shape.lanes
        self.stages, self.update_stages = Stages(), Stages()
        self._penalty_memory = 0
        tape = self._loss_tape(loss, parameters, contract)
        update_tape = self._update_tape(update)
        real = DOUBLE if wide == 8 else FLOAT
        direct = is_direct(self._count + 1, shape, wide, self._batch, contract)
        placement = self.stages.place(tape, WINDOW if window is None else window, sums_apart=contract)
        body = Batch(
            placement,
            tape,
            shape,
            real,
            self._count + 1,
            contract=contract,
            direct=direct,
            checked=checked,
            name="example",
        )
        one = Shape(vector_bytes(cpu), wide, 1, contract)
        step = Batch(self.update_stages.place(update_tape, 0), update_tape, one, real, 0,
                     contract=contract, direct=False, checked=checked, name="update")  # fmt: skip
        with self.stages.timed("emit"):
            module = ir.Module("training")
            add_fault_counter(module)
            self._emit(module, body, step, self._penalty(penalty, parameters, real, contract, checked), real, contract)
            self.stages.ir = self.update_stages.ir = str(module)
        with self.stages.timed("llvm"):
            code = self.stages._compiled = self.update_stages._compiled = Compiled(self.stages.ir, 3, False, cpu)
        self._train = code.function("run", ctypes.c_void_p)
        self._faults = code.variable("faults")
        self._allocate(shape.lanes, body, step)

    def _loss_tape(self, loss: Any, parameters: Any, contract: bool) -> Tape:
        with self.stages.timed("trace"):
            recorder = Recorder()
            ps = [recorder.parameter(float(p), i) for i, p in enumerate(parameters)]
            seed = recorder.parameter(1.0, self._padded)
            example = [recorder.parameter(float(x), i, INPUT) for i, x in enumerate(self.examples[0])]

            def run() -> tuple[Any, list[Any], list[Value]]:
                value = loss(list(ps), list(example))
                value, outputs = value if value.__class__ is tuple else (value, [])
                if value.__class__ is not Value:
                    raise TypeError(f"TrainingLoop takes a loss that returns a Value, got {value!r:.60}")
                return value, list(outputs), gradients(value, ps, seed)

            value, outputs, found = recorder.run(run)
            self._kept = len(outputs)
            kept = [("output", v, k) for k, v in enumerate(outputs)]
            last = ("accumulate", value, self._count) if contract else ("output", value, self._kept)
            tape = recorder.tape([*kept, *[("accumulate", g, i) for i, g in enumerate(found)], last])
            self._refuse_captured(recorder, "loss")
            return tape

    def _penalty(self, penalty: Any, parameters: Any, real: Any, contract: bool, checked: bool) -> Any:
        """An Emitter that adds the gradient of the penalty, or None."""
        from .emission import Emitter

        if penalty is None:
            return None
        recorder = Recorder()
        ps = [recorder.parameter(float(p), i) for i, p in enumerate(parameters)]
        found = recorder.run(lambda: gradients(penalty(list(ps)), ps))
        tape = recorder.tape([("accumulate", g, i) for i, g in enumerate(found) if g.op is not None or g._data])
        self._refuse_captured(recorder, "penalty")
        placement = Stages().place(tape)
        self._penalty_memory = placement.size
        return Emitter(placement, tape, real, 1, 1, contract, True, not contract, checked, "penalty")

    def _update_tape(self, update: Any) -> Tape:
        with self.update_stages.timed("trace"):
            recorder = Recorder()
            p, g, *slots = [recorder.parameter(0.5, i, INPUT) for i in range(2 + self._slots)]
            settings = [recorder.parameter(0.5, i) for i in range(self._settings)]
            after, state = recorder.run(lambda: update(p, g, list(slots), list(settings)))
            if len(state) != self._slots:
                raise ValueError(f"TrainingLoop takes an update that returns {self._slots} slots, got {len(state)}")
            effects = [("output", after, 0), *[("output", s, 1 + i) for i, s in enumerate(state) if s is not slots[i]]]
            tape = recorder.tape(effects)
            self._refuse_captured(recorder, "update")
            return tape

    @staticmethod
    def _refuse_captured(recorder: Recorder, who: str) -> None:
        if recorder.captured:
            raise TypeError(
                f"TrainingLoop takes a {who} that reads its arguments only, got one that reads {recorder.captured[0]!r}; "
                "pass its data as a number"
            )

    def _emit(self, module: Any, body: Any, step: Any, penalty: Any, real: Any, contract: bool) -> None:
        from .batch import call_of, gathered, native, scattered
        from .emission import MEMORY, SUMS
        from .frame import Frame, Rounds
        from .kit import I64

        b, a = native(module, "train", POINTERS, INTEGERS)
        call_of(module, b.function)
        lanes, chunk = body.shape.lanes, self._chunk(body)
        body.stride = (-(-chunk // lanes) | 1) * lanes
        stride = I64(body.stride)
        columns, padded = self.examples.shape[1], I64(self._padded)
        memory = I64(max(body.memory, step.memory, self._penalty_memory, 1))
        sizes = {PARAMETER: I64(self._padded + 1), INPUT: b.mul(stride, I64(columns)), MEMORY: memory,
                 GRADIENT: I64(self._padded + 1), SUMS: I64(max(body.sums, 1)), OUTPUT: b.mul(stride, I64(self._kept + 1))}  # fmt: skip
        pointers = {PARAMETER: a["p"], INPUT: a["x"], MEMORY: a["memory"], GRADIENT: a["g"], SUMS: a["sums"]}
        pointers[OUTPUT] = b.gep(a["x"], [I64(body.stride * columns)], source_etype=real)
        example_losses = b.gep(pointers[OUTPUT], [I64(body.stride * self._kept)], source_etype=real)
        slots = [b.gep(a["slots"], [b.mul(padded, I64(k))], source_etype=real) for k in range(self._slots)]
        body.prepare(b, pointers)
        # A batch that is laid out already, the only one of every epoch, is not laid out again.
        small = b.icmp_signed("<=", a["epoch_examples"], I64(chunk))
        unchanged = b.and_(
            small, b.icmp_signed("==", b.or_(a["epoch_stride"], b.sub(a["epoch_steps"], I64(1))), I64(0))
        )
        with Rounds(b, a["last"], a["first"], name="step") as rounds:
            epoch, within = b.sdiv(rounds.i, a["epoch_steps"]), b.srem(rounds.i, a["epoch_steps"])
            begin = b.mul(within, I64(self._batch))
            left = b.sub(a["epoch_examples"], begin)
            count = b.select(b.icmp_signed("<", left, I64(self._batch)), left, I64(self._batch))
            start = b.add(b.mul(epoch, a["epoch_stride"]), begin)
            share = b.fdiv(real(1.0), b.sitofp(count, real))
            b.store(share, b.gep(a["p"], [padded], source_etype=real))
            body.begin(b, pointers)
            if penalty is not None:
                penalty.emit(b, Frame(pointers, sizes, I64(1), [I64(0)]))
            chunks = b.sdiv(b.add(count, I64(chunk - 1)), I64(chunk))
            with Rounds(b, chunks, name="chunk") as part:
                offset = b.mul(part.i, I64(chunk))
                left = b.sub(count, offset)
                here = b.select(b.icmp_signed("<", left, I64(chunk)), left, I64(chunk))
                with b.if_then(b.or_(b.icmp_signed("==", rounds.i, a["first"]), b.not_(unchanged))):
                    gathered(b, real, a["rows"], a["order"], a["x"], b.add(start, offset), here, lanes, columns, stride,
                             backwards=not contract)  # fmt: skip
                body.emit(b, pointers, sizes, here, stride)
                if self._kept:
                    at = b.add(b.add(b.mul(epoch, a["epoch_examples"]), begin), offset)
                    scattered(
                        b, real, pointers[OUTPUT], a["outputs"], at, here, self._kept, stride, backwards=not contract
                    )
            body.finish(b, pointers)
            total = b.gep(a["g"], [I64(self._count)], source_etype=real)
            if not contract:
                self._sum_losses(b, real, example_losses, total, count)
            mean = b.fdiv(b.load(total, typ=real), b.sitofp(count, real))
            b.store(mean, b.gep(a["losses"], [b.sub(rounds.i, a["first"])], source_etype=real))
            settings = b.gep(a["settings"], [b.mul(rounds.i, a["settings_stride"])], source_etype=real)
            step.emit(
                b,
                {PARAMETER: settings, INPUT: [a["p"], a["g"], *slots], OUTPUT: [a["p"], *slots], MEMORY: a["memory"]},
                {INPUT: padded, OUTPUT: padded, MEMORY: memory},
                padded,
                padded,
            )
        b.ret_void()

    @staticmethod
    def _sum_losses(b: Any, real: Any, losses: Any, total: Any, count: Any) -> None:
        """0 + loss of the first example + …, in order; the lanes hold them backwards."""
        from .frame import Rounds
        from .kit import I64

        b.store(real(0.0), total)
        with Rounds(b, count, name="losses") as rounds:
            at = b.sub(b.sub(count, I64(1)), rounds.i)
            b.store(b.fadd(b.load(total, typ=real), b.load(b.gep(losses, [at], source_etype=real), typ=real)), total)

    def _chunk(self, body: Any) -> int:
        """Examples laid out at a time; without reassociation all of a batch, since their order is turned round."""
        return int(body.shape.chunk) if body.apart else self._batch

    def _allocate(self, lanes: int, body: Any, step: Any) -> None:
        dtype, columns = self._dtype, self.examples.shape[1]
        self._p, self._g = aligned(self._padded + lanes, dtype), aligned(self._padded + lanes, dtype)
        self._s = aligned(max(self._slots, 1) * self._padded, dtype)
        self._x = aligned((columns + self._kept + 1) * body.stride, dtype)
        self._sums = aligned(max(body.sums, 1), dtype)
        self._memory = aligned(max(body.memory, step.memory, self._penalty_memory, 1), dtype)
        self.parameters = self._p[: self._count]
        self.slots = self._s[: self._slots * self._padded].reshape(self._slots, self._padded)[:, : self._count]
        self._fixed = [self._p, self._g, self._s, self.examples]

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
        """
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

    def prepared(self, order: Any = None, *, settings: Any = ()) -> Callable[[], None]:
        """One pass over `order` as a function of no arguments, for calling it often: all checks are done here.

        Args:
            order, settings: as for `run`.
        """
        call, losses = self._call(order, 1, settings)
        call(0, 0)
        context, train = self._np.array(call.context), self._train
        context[POINTERS.index("losses")] = losses.ctypes.data
        context[len(POINTERS) + INTEGERS.index("last")] = losses.size
        at = context.ctypes.data

        def step() -> None:
            train(at)

        step.keep = self, call, losses, context  # type: ignore[attr-defined]
        return step

    def _call(self, order: Any, epochs: int, settings: Any) -> tuple[_Call, Any]:
        """(a call of native code, the losses it will write)."""
        np = self._np
        order = np.arange(len(self.examples)) if order is None else np.ascontiguousarray(order, np.int64)
        epochs = len(order) if order.ndim == 2 else epochs
        if order.size and (order.min() < 0 or order.max() >= len(self.examples)):
            raise IndexError(f"TrainingLoop takes row numbers from 0 to {len(self.examples) - 1}, got {order.max()}")
        per_epoch = order.shape[-1]
        steps = -(-per_epoch // self._batch)
        table = np.ascontiguousarray(settings, self._dtype)
        wanted = ((self._settings,), (epochs * steps, self._settings))
        if table.shape not in wanted:
            raise ValueError(f"TrainingLoop takes settings of shape {wanted[0]} or {wanted[1]}, got {table.shape}")
        losses = np.zeros((epochs, steps), self._dtype)
        self.outputs = np.zeros((epochs, per_epoch, self._kept), self._dtype)
        arrays = [self._p, self._g, self._s, self.examples, order, table, self._x, self._sums, self._memory]
        arrays += [self.outputs, losses]
        strides = (steps, per_epoch, per_epoch if order.ndim == 2 else 0, self._settings if table.ndim == 2 else 0)
        return _Call(self._train, arrays, strides), losses

    def _check_faults(self) -> None:
        if self._faults.value:
            raise AssertionError(
                f"training wrote or read {self._faults.value} times outside its buffers; please report this"
            )


class _Call:
    """A call of native code: the arguments in one array, which native code reads."""

    def __init__(self, train: Any, arrays: list[Any], strides: tuple[int, ...]) -> None:
        import numpy as np

        self._train, self._arrays = train, arrays
        self.context = np.array([*[x.ctypes.data for x in arrays], 0, 0, *strides], np.int64)
        self._at = self.context.ctypes.data

    def __call__(self, first: int, last: int) -> None:
        """Run some steps."""
        losses = self._arrays[-1]
        self.context[len(POINTERS) - 1] = losses.ctypes.data + first * losses.itemsize
        self.context[len(POINTERS) : len(POINTERS) + 2] = first, last
        self._train(self._at)
