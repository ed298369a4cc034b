"""The native code of a training: one step, an update included, in a loop over batches."""

from __future__ import annotations

import ctypes
from typing import Any

from ..adjoints import gradients
from ..arguments import shown
from ..conversion import operand
from ..value import Value
from .compilation import Compilation
from .front.flatness import FEWEST
from .front.recorder import Recorder
from .front.trace import GRADIENT, INPUT, OUTPUT, PARAMETER, Trace
from .llvm.machine import vector_bytes
from .loops.recognition import WINDOW

POINTERS = ["p", "g", "slots", "rows", "order", "settings", "x", "sums", "memory", "outputs", "reached", "losses"]
INTEGERS = ["first", "last", "epoch_steps", "epoch_examples", "epoch_stride", "settings_stride"]


class TrainingCode:
    """Native code for a `TrainingLoop`, which says what the arguments are.

    Behind a relu that is closed the adjoint is 0, and so is what it is multiplied by, unless that is infinite. To guard
    every product of a training against an infinity that is seldom there makes its steps up to 1.8 times as long. So this
    code can be bare: without those guards, it stops before the update of a step whose gradients are nan, and the step is
    done again by code that has them.

    Attributes:
        train: the native function; it is given the address of its arguments, POINTERS and INTEGERS, eight bytes each.
            It writes how many steps are done by then where "reached" points.
        bare: may it stop before the last of the steps?
        faults: how often bounds were broken, in a checked build.
        padded: parameters, filled up to whole vectors; the share of an example stands behind them.
        kept: outputs of an example that are kept.
        packs: are examples whose loss is flat left out of the backward pass?
        lanes, stride, sums, memory: examples a vector, and the sizes of what native code works in.
        stages, update_stages: what became of the two functions.
    """

    def __init__(self, loss: Any, update: Any, penalty: Any, measure: Any, parameters: Any, example: Any, slots: int,
                 settings: int, batch: int, wide: int, contract: bool, checked: bool, cpu: str, window: Any,
                 bare: bool) -> None:  # fmt: skip
        from .llvm.batch import Batch, Tiling, is_direct
        from .llvm.vectors import DOUBLE, FLOAT, add_fault_counter, ir

        self._count, self._columns, self._slots, self._settings = len(parameters), len(example), slots, settings
        self._batch, self._wide = batch, wide
        tiling = Tiling(vector_bytes(cpu), wide, self._batch, contract)
        self.padded = -(-self._count // tiling.lanes) * tiling.lanes
        self.stages, self.update_stages = Compilation(), Compilation()
        self._penalty_memory = 0
        trace = self._loss_trace(loss, parameters, example, contract, bare)
        self.bare = bool(trace.bare)
        update_trace = self._update_trace(update, settings + (measure is not None))
        real = DOUBLE if wide == 8 else FLOAT
        direct = is_direct(self._count + 1, tiling, wide, self._batch, contract)
        vectors = -(-min(self._batch, tiling.chunk) // tiling.lanes)
        skips = contract and tiling.lanes > 1 and vectors >= FEWEST
        placement = self.stages.place(
            trace, WINDOW if window is None else window, contract, self._count if skips else None
        )
        self.packs: bool = placement.gate is not None
        body = Batch(
            placement,
            trace,
            tiling,
            real,
            self._count + 1,
            contract=contract,
            direct=direct,
            checked=checked,
            name="example",
        )
        one = Tiling(vector_bytes(cpu), wide, 1, contract)
        step = Batch(self.update_stages.place(update_trace, 0), update_trace, one, real, 0,
                     contract=contract, direct=False, checked=checked, name="update")  # fmt: skip
        measured = self._measure(measure, one, real, contract, checked)
        with self.stages.timed("emit"):
            module = ir.Module("training")
            add_fault_counter(module)
            penalised = self._penalty(penalty, parameters, real, contract, checked)
            self._emit(module, body, step, penalised, measured, real, contract)
            self.stages.ir = self.update_stages.ir = str(module)
        code = self.update_stages._compiled = self.stages.compile(cpu=cpu)
        self.train = code.function("run", ctypes.c_void_p)
        self.faults = code.variable("faults")
        self.lanes, self.stride, self.sums = tiling.lanes, body.stride, body.sums
        self.memory = self._most_memory(body, step, measured)

    def _loss_trace(self, loss: Any, parameters: Any, row: Any, contract: bool, bare: bool) -> Trace:
        with self.stages.timed("trace"):
            recorder = Recorder()
            ps = [recorder.parameter(float(p), i) for i, p in enumerate(parameters)]
            seed = recorder.parameter(1.0, self.padded)
            example = [recorder.parameter(float(x), i, INPUT) for i, x in enumerate(row)]

            def run() -> tuple[Any, list[Any], list[Value]]:
                returned = loss(list(ps), list(example))
                pair = returned if returned.__class__ is tuple and len(returned) == 2 else (returned, [])
                value, outputs = pair
                if value.__class__ is not Value or not isinstance(outputs, (list, tuple)):
                    raise TypeError(
                        f"TrainingLoop takes a loss that returns a Value, or (Value, list of Values), got {shown(returned)}"
                    )
                kept = [operand(y, "TrainingLoop", "Values and numbers as outputs of the loss") for y in outputs]
                return value, kept, gradients(value, ps, seed)

            value, outputs, found = recorder.run(run, reads=(loss,))
            self.kept = len(outputs)
            kept = [("output", v, k) for k, v in enumerate(outputs)]
            last = ("accumulate", value, self._count) if contract else ("output", value, self.kept)
            effects = [*kept, *[("accumulate", g, i) for i, g in enumerate(found)], last]
            trace = recorder.trace(effects, bare)
            if not trace.shows_bare():
                trace = recorder.trace(effects)
            self._refuse_captured(recorder, "loss")
            return trace

    def _penalty(self, penalty: Any, parameters: Any, real: Any, contract: bool, checked: bool) -> Any:
        """An Emitter that adds the gradient of the penalty, or None."""
        from .llvm.emission import Emitter

        if penalty is None:
            return None
        recorder = Recorder()
        ps = [recorder.parameter(float(p), i) for i, p in enumerate(parameters)]
        found = recorder.run(lambda: gradients(_value(penalty(list(ps))), ps), reads=(penalty,))
        trace = recorder.trace([("accumulate", g, i) for i, g in enumerate(found) if g.op is not None or g._data])
        self._refuse_captured(recorder, "penalty")
        placement = Compilation().place(trace)
        self._penalty_memory = placement.size
        return Emitter(placement, trace, real, 1, 1, contract, True, not contract, checked, "penalty")

    def _most_memory(self, *bodies: Any) -> int:
        return max(1, self._penalty_memory, *[int(body.memory) for body in bodies if body is not None])

    def _measure(self, measure: Any, tiling: Any, real: Any, contract: bool, checked: bool) -> Any:
        """A Batch that sums a function of the gradients, a lane each; or None."""
        from .llvm.batch import Batch

        if measure is None:
            return None
        recorder = Recorder()
        g = recorder.parameter(0.5, 0, INPUT)
        trace = recorder.trace([("accumulate", recorder.run(lambda: measure(g)), 0)])
        self._refuse_captured(recorder, "measure")
        return Batch(Compilation().place(trace, 0), trace, tiling, real, 1,
                     contract=contract, direct=True, checked=checked, name="measure")  # fmt: skip

    def _update_trace(self, update: Any, count: int) -> Trace:
        with self.update_stages.timed("trace"):
            recorder = Recorder()
            p, g, *slots = [recorder.parameter(0.5, i, INPUT) for i in range(2 + self._slots)]
            settings = [recorder.parameter(0.5, i) for i in range(count)]
            after, state = recorder.run(lambda: update(p, g, list(slots), list(settings)))
            if len(state) != self._slots:
                raise ValueError(f"TrainingLoop takes an update that returns {self._slots} slots, got {len(state)}")
            after, *state = [operand(x, "TrainingLoop", "numbers that update returns") for x in (after, *state)]
            effects = [("output", after, 0), *[("output", s, 1 + i) for i, s in enumerate(state) if s is not slots[i]]]
            trace = recorder.trace(effects)
            self._refuse_captured(recorder, "update")
            return trace

    @staticmethod
    def _refuse_captured(recorder: Recorder, who: str) -> None:
        if recorder.captured:
            raise TypeError(
                f"TrainingLoop takes a {who} that reads its arguments only, got one that reads {recorder.captured[0]!r}; "
                "pass its data as a number"
            )

    def _emit(self, module: Any, body: Any, step: Any, penalty: Any, measured: Any, real: Any, contract: bool) -> None:
        from .llvm.batch import call_of, gathered, native, scattered
        from .llvm.emission import MEMORY, SUMS
        from .llvm.rounds import Buffers, Rounds
        from .llvm.vectors import I64

        b, a = native(module, "train", POINTERS, INTEGERS)
        call_of(module, b.function)
        lanes, chunk = body.tiling.lanes, self._chunk(body)
        body.stride = (-(-chunk // lanes) | 1) * lanes
        stride = I64(body.stride)
        columns, padded = self._columns, I64(self.padded)
        body.columns = columns
        memory = I64(self._most_memory(body, step, measured))
        sizes = {PARAMETER: I64(self.padded + 1), INPUT: b.mul(stride, I64(columns)), MEMORY: memory,
                 GRADIENT: I64(self.padded + 1), SUMS: I64(max(body.sums, 1)), OUTPUT: b.mul(stride, I64(self.kept + 1))}  # fmt: skip
        pointers = {PARAMETER: a["p"], INPUT: a["x"], MEMORY: a["memory"], GRADIENT: a["g"], SUMS: a["sums"]}
        pointers[OUTPUT] = b.gep(a["x"], [I64(body.stride * columns)], source_etype=real)
        example_losses = b.gep(pointers[OUTPUT], [I64(body.stride * self.kept)], source_etype=real)
        slots = [b.gep(a["slots"], [b.mul(padded, I64(k))], source_etype=real) for k in range(self._slots)]
        if self.packs:
            body.packed = b.gep(a["x"], [I64(body.stride * (columns + self.kept + 1))], source_etype=real)
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
                penalty.emit(b, Buffers(pointers, sizes, I64(1), [I64(0)]))
            chunks = b.sdiv(b.add(count, I64(chunk - 1)), I64(chunk))
            with Rounds(b, chunks, name="chunk") as part:
                offset = b.mul(part.i, I64(chunk))
                left = b.sub(count, offset)
                here = b.select(b.icmp_signed("<", left, I64(chunk)), left, I64(chunk))
                with b.if_then(b.or_(b.icmp_signed("==", rounds.i, a["first"]), b.not_(unchanged))):
                    gathered(b, real, a["rows"], a["order"], a["x"], b.add(start, offset), here, lanes, columns, stride,
                             backwards=not contract)  # fmt: skip
                body.emit(b, pointers, sizes, here, stride)
                if self.kept:
                    at = b.add(b.add(b.mul(epoch, a["epoch_examples"]), begin), offset)
                    scattered(
                        b, real, pointers[OUTPUT], a["outputs"], at, here, self.kept, stride, backwards=not contract
                    )
            body.finish(b, pointers)
            total = b.gep(a["g"], [I64(self._count)], source_etype=real)
            if not contract:
                self._sum_losses(b, real, example_losses, total, count)
            mean = b.fdiv(b.fadd(b.load(total, typ=real), real(0.0)), b.sitofp(count, real))
            b.store(mean, b.gep(a["losses"], [b.sub(rounds.i, a["first"])], source_etype=real))
            if self.bare:
                with b.if_then(self._is_nan(b, real, a["g"], lanes), likely=False):
                    b.store(rounds.i, a["reached"])
                    b.ret_void()
            settings = b.gep(a["settings"], [b.mul(rounds.i, a["settings_stride"])], source_etype=real)
            if measured is not None:
                settings = self._measured(b, real, measured, settings, a, memory)
            step.emit(
                b,
                {PARAMETER: settings, INPUT: [a["p"], a["g"], *slots], OUTPUT: [a["p"], *slots], MEMORY: a["memory"]},
                {
                    PARAMETER: I64(self._settings + (measured is not None)),
                    INPUT: padded,
                    OUTPUT: padded,
                    MEMORY: memory,
                },
                padded,
                padded,
            )
        b.store(a["last"], a["reached"])
        b.ret_void()

    def _is_nan(self, b: Any, real: Any, gradients: Any, lanes: int) -> Any:
        """Write: is one of the gradients nan?"""
        from .llvm.lowering import lower
        from .llvm.rounds import Rounds
        from .llvm.vectors import I64, VectorBuilder, ir

        vectors, bit = VectorBuilder(b, real, lanes, False, False, lower), ir.IntType(1)
        with Rounds(b, I64(self.padded), 0, lanes, name="nan") as rounds:
            seen = rounds.carried(vectors.type_of(bit))
            v = b.load(b.gep(gradients, [rounds.i], source_etype=real), typ=vectors.type)
            v.align = self._wide
            seen.add_incoming(ir.Constant(vectors.type_of(bit), None), rounds.before)
            seen.add_incoming(b.or_(seen, vectors.is_nan(v)), b.block)
        if lanes == 1:
            return seen
        whole = ir.IntType(lanes)
        return b.icmp_unsigned("!=", b.bitcast(seen, whole), whole(0))

    def _measured(self, b: Any, real: Any, measured: Any, settings: Any, a: Any, memory: Any) -> Any:
        """Write: the settings and, behind them, what is summed over the gradients; they stand behind the parameters."""
        from .llvm.emission import MEMORY
        from .llvm.rounds import Rounds
        from .llvm.vectors import I64

        at = b.gep(a["p"], [I64(self.padded + measured.tiling.lanes)], source_etype=real)
        with Rounds(b, self._settings, name="settings") as rounds:
            x = b.load(b.gep(settings, [rounds.i], source_etype=real), typ=real)
            b.store(x, b.gep(at, [rounds.i], source_etype=real))
        sums = b.gep(at, [I64(self._settings)], source_etype=real)
        pointers = {PARAMETER: at, INPUT: [a["g"]], GRADIENT: sums, MEMORY: a["memory"]}
        sizes = {INPUT: I64(self.padded), GRADIENT: I64(1), MEMORY: memory}
        measured.begin(b, pointers)
        measured.emit(b, pointers, sizes, I64(self._count), I64(self.padded))
        return at

    @staticmethod
    def _sum_losses(b: Any, real: Any, losses: Any, total: Any, count: Any) -> None:
        """0 + loss of the first example + …, in order; the lanes hold them backwards."""
        from .llvm.rounds import Rounds
        from .llvm.vectors import I64

        b.store(real(0.0), total)
        with Rounds(b, count, name="losses") as rounds:
            at = b.sub(b.sub(count, I64(1)), rounds.i)
            b.store(b.fadd(b.load(total, typ=real), b.load(b.gep(losses, [at], source_etype=real), typ=real)), total)

    def _chunk(self, body: Any) -> int:
        """Examples laid out at a time; without reassociation all of a batch, since their order is turned round."""
        return int(body.tiling.chunk) if body.apart else self._batch


def _value(x: Any) -> Value:
    """What a penalty returned: a Value, or a number, which has no gradient."""
    x = operand(x, "TrainingLoop", "a penalty that returns a Value")
    return x if x.__class__ is Value else Value(x)
