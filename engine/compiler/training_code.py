"""The native code of a training: one step, an update included, in a loop over batches."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from .compilation import Compilation
from .front.recorder import uncollected
from .front.trace import GRADIENT, INPUT, MEMORY, OUTPUT, PARAMETER, SCATTERS, SUMS
from .llvm.batch import Batch, Tiling
from .llvm.emission import Emitter
from .llvm.lowering import lower
from .llvm.memory import SETTINGS, SLOTS, Buffers
from .llvm.native_code import Numbers
from .llvm.native_functions import Examples, Rounds, calls_of, entry, gathered, loaded, native, scattered, stored
from .llvm.phases import numbers, phase
from .llvm.processor import Target
from .llvm.team import Team
from .llvm.update import Update
from .llvm.vectors import I1, I64, POINTER, TYPES, VectorBuilder, ir
from .loops.recognition import WINDOW
from .training_functions import ROWS, TrainingFunctions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

POINTERS = ["p", "g", "slots", "rows", "order", "settings", "x", "sums", "memory", "outputs", "reached", "losses"]
INTEGERS = ["first", "last", "epoch_steps", "epoch_examples", "epoch_stride", "settings_stride"]


class TrainingCode:
    """Native code for a `TrainingLoop`.

    Behind a relu that is closed the adjoint is 0, and so is what it is multiplied by, unless that is infinite. To guard
    every product of a training against an infinity that is seldom there makes its steps up to 1.8 times as long. So this
    code can be bare: without those guards, it stops before the update of a step whose gradients are nan, and the step is
    done again by code that has them.

    Args:
        functions: what the training is made of.
        batch: examples a step.
        target: what code is made for.
        window: the longest loop body looked for; None: as usual.
        bare: leave out the guards, if it can be seen where they were needed.

    Attributes:
        train: the native function; it is given the address of its arguments, POINTERS and INTEGERS, eight bytes each.
            It writes how many steps are done by then where "reached" points.
        share: the address of another that is given that of a team besides, to share its loops; 0: it has none to share.
        bare: may it stop before the last of the steps?
        faults: how often bounds were broken, in a checked build.
        padded: parameters, filled up to whole vectors; the share of an example stands behind them.
        kept: outputs of an example that are kept.
        indices: which of its numbers are indices.
        packs: are examples whose loss is flat left out of the backward pass?
        lanes, stride, sums, memory: examples a vector, and the sizes of what native code works in.
        wide: parameters a vector.
        stages, update_stages: what became of the two functions.
    """

    @uncollected()
    def __init__(
        self, functions: TrainingFunctions, batch: int, target: Target, window: int | None, bare: bool
    ) -> None:
        self._count, self._columns = len(functions.parameters), len(functions.example)
        self._slots, self._settings, self._batch = functions.slots, functions.settings, batch
        self._divided = functions.divided
        self._real, self._target = TYPES[target.dtype], target
        # One example alone would leave the other lanes idle: LLVM puts the rounds of its loops in them.
        tiling, one = Tiling(target, batch, 1 if batch == 1 else None, self._count), Tiling(target, 1)
        self.lanes, self.wide = tiling.lanes, one.lanes
        self.padded = -(-self._count // one.lanes) * one.lanes
        self.stages, self.update_stages = Compilation(target), Compilation(target)
        with self.stages.timed("trace"):
            rows = 1 if batch == 1 else ROWS  # one example alone is in no tile
            trace, self.kept, self.indices = functions.traced_loss(self.padded, target.contract, bare, rows)
        with self.update_stages.timed("trace"):
            update = functions.traced_update()
        self.bare = bool(trace.bare)
        apart = target.contract and batch > 1 and not any(op in SCATTERS for op, _, _ in trace.code)
        placement = self.stages.place(
            trace, WINDOW if window is None else window, apart, self._count if tiling.skips() else None,
            examples=batch,
        )  # fmt: skip
        self.packs, self.shares = placement.parts.gate is not None, bool(placement.shared)
        gradients = self._count + 1
        self._body = Batch(placement, trace, tiling, target, "example", gradients, tiling.is_direct(gradients))
        placed = self.update_stages.place(update, 0)
        self._update = Batch(placed, update, Tiling.of_update(target, placed), target, "update")
        self._copies = 2 + self._slots if Update.reads_behind(placed) else 0  # of what it is given, to be read
        self._stored = Update(placed, update, target, one.lanes, self._slots) if Update.is_plain(placed) else None
        measure, penalty = functions.traced_measure(), functions.traced_penalty()
        self._measure = self._penalty = None
        if measure is not None:
            self._measure = Batch(Compilation(target).place(measure, 0), measure, one, target, "measure", 1, True)
        if penalty is not None:
            placement = Compilation(target).place(penalty, examples=int(self.shares), least=0)
            self._penalty = Emitter(placement, penalty, target, 1, 1, True, "penalty")
        with self.stages.module("training") as module:
            self._emit(module)
        del self._body, self._update, self._stored  # and with them the module, thousands of objects
        del self._measure, self._penalty
        code = self.stages.compile(vectorise=self.lanes == 1)
        self.update_stages.join(self.stages)
        self.train, self.share = code.function("run", ctypes.c_void_p), code.address("share") if self.shares else 0
        self.faults = code.variable("faults")

    def _emit(self, module: ir.Module) -> None:
        b, a = native(module, "train", POINTERS, [*INTEGERS, "team"] if self.shares else INTEGERS)
        calls_of(module, b.function, self.shares)
        body, real, lanes, columns = self._body, self._real, self.lanes, self._columns
        # Examples laid out at a time; without reassociation all of a batch, since their order is turned round.
        chunk = body.tiling.chunk if body.apart else self._batch
        body.stride, body.columns = (-(-chunk // lanes) | 1) * lanes, columns
        penalty = 0 if self._penalty is None else self._penalty.placement.size
        self.memory = max(1, penalty, *[x.memory for x in (body, self._update, self._measure) if x is not None])
        self._copies_at = -(-self.memory // self.wide) * self.wide
        self.memory = self._copies_at + self._copies * self.padded
        self.stride, self.sums = body.stride, body.sums
        stride, padded = I64(body.stride), I64(self.padded)
        sizes = {PARAMETER: I64(self.padded + 1), INPUT: b.mul(stride, I64(columns)), MEMORY: I64(self.memory),
                 GRADIENT: I64(self.padded + 1), SUMS: I64(max(self.sums, 1)), OUTPUT: b.mul(stride, I64(self.kept + 1))}  # fmt: skip
        pointers = {PARAMETER: a["p"], INPUT: a["x"], MEMORY: a["memory"], GRADIENT: a["g"], SUMS: a["sums"]}
        pointers[OUTPUT] = entry(b, real, a["x"], I64(body.stride * columns))
        losses = entry(b, real, pointers[OUTPUT], I64(body.stride * self.kept))
        slots = [entry(b, real, a["slots"], b.mul(padded, I64(k))) for k in range(self._slots)]
        if self.packs:
            body.packed = entry(b, real, a["x"], I64(body.stride * (columns + self.kept + 1)))
        self._team = team = b.inttoptr(a["team"], POINTER) if self.shares else None
        buffers = Buffers(pointers, sizes, stride, team=team)
        body.prepare(b, buffers)
        if self._penalty is None:
            body.overwrite()
        follows = self._measure is None and not self.bare  # an update on each gradient at once
        if self._stored is not None and not (follows and body.takes(self._stored)):
            self._stored = None
        # A batch that is laid out already, the only one of every epoch, is not laid out again.
        small = b.icmp_signed("<=", a["epoch_examples"], I64(chunk))
        more = b.or_(a["epoch_stride"], b.sub(a["epoch_steps"], I64(1)))
        unchanged = b.and_(small, b.icmp_signed("==", more, I64(0)))
        if self._stored is not None:
            buffers.pointers.update({SLOTS + k: slot for k, slot in enumerate(slots)})
            buffers.sizes.update({SETTINGS: I64(self._settings), **{SLOTS + k: padded for k in range(self._slots)}})
        with Rounds(b, a["last"], a["first"], name="step") as rounds:
            if self._stored is not None:
                settings = entry(b, real, a["settings"], b.mul(rounds.i, a["settings_stride"]))
                is_last = b.icmp_signed("==", b.add(rounds.i, I64(1)), a["last"])
                buffers = replace(buffers, pointers={**buffers.pointers, SETTINGS: settings}, keep=is_last)
            count = self._emit_gradients(b, a, buffers, rounds.i, chunk, unchanged)
            self._emit_loss(b, a, losses, rounds.i, count)
            if self.bare:
                with b.if_then(self._is_nan(b, a, rounds.i), likely=False):
                    b.ret_void()
            if self._stored is not None:
                body.update_rest(b, buffers, self._stored, self._count)
            else:
                self._emit_update(b, a, slots, rounds.i)
        b.store(a["last"], a["reached"])
        b.ret_void()

    def _emit_gradients(self, b: ir.IRBuilder, a: dict[str, ir.Value], buffers: Buffers, step: ir.Value, chunk: int,
                        unchanged: ir.Value) -> ir.Value:  # fmt: skip
        """Write: the gradients of a step; how many examples it has."""
        real, body, backwards = self._real, self._body, not self._target.contract
        epoch, within = b.sdiv(step, a["epoch_steps"]), b.srem(step, a["epoch_steps"])
        begin = b.mul(within, I64(self._batch))
        count = self._least(b, b.sub(a["epoch_examples"], begin), self._batch)
        start = b.add(b.mul(epoch, a["epoch_stride"]), begin)
        if not self._divided:
            stored(b, real, b.fdiv(real(1.0), b.sitofp(count, real)), a["p"], I64(self.padded))
        body.begin(b, buffers)
        if self._penalty is not None:
            self._penalty.emit(b, replace(buffers, stride=I64(1)))
        chunks = b.sdiv(b.add(count, I64(chunk - 1)), I64(chunk))
        with Rounds(b, chunks, name="chunk") as part:
            offset = b.mul(part.i, I64(chunk))
            here = self._least(b, b.sub(count, offset), chunk)
            examples = Examples(a["rows"], a["order"], b.add(start, offset), here)
            with b.if_then(b.or_(b.icmp_signed("==", step, a["first"]), b.not_(unchanged))):
                self._lay_out(b, examples, a["x"], buffers.stride)
            buffers = replace(buffers, examples=examples)
            if chunk < self._batch:
                buffers = self._between_chunks(b, buffers, part.i, chunks)
            body.emit(b, buffers, here)
            if self.kept:
                at = b.add(b.add(b.mul(epoch, a["epoch_examples"]), begin), offset)
                outputs = buffers.pointers[OUTPUT]
                scattered(b, real, outputs, a["outputs"], at, here, self.kept, buffers.stride, backwards)
        body.finish(b, buffers)
        return count

    @staticmethod
    def _between_chunks(b: ir.IRBuilder, buffers: Buffers, chunk: ir.Value, chunks: ir.Value) -> Buffers:
        """The same for one chunk of several: gradients go on from those of the ones before, the last updates."""
        more = b.icmp_signed(">", chunk, I64(0))
        if buffers.keep is None:
            return replace(buffers, more=more)
        ends = b.icmp_signed("==", b.add(chunk, I64(1)), chunks)
        return replace(buffers, more=more, ends=ends, keep=b.or_(buffers.keep, b.not_(ends)))

    def _lay_out(self, b: ir.IRBuilder, examples: Examples, x: ir.Value, stride: ir.Value) -> None:
        """Write: a chunk of examples as columns."""

        def lay_out(b: ir.IRBuilder, x: ir.Value, examples: Examples, groups: tuple[ir.Value, ir.Value] | None) -> None:
            vectors = VectorBuilder(b, self._real, self.lanes, False, False, lower)
            backwards, wanted = not self._target.contract, self._body.in_columns
            gathered(vectors, examples, x, self._columns, stride, backwards, groups, wanted)

        if self._team is None:
            lay_out(b, x, examples, None)
            return
        groups = b.sdiv(b.add(examples.count, I64(self.lanes - 1)), I64(self.lanes))
        with phase(b, self._team, groups, [x, *examples], "gather") as part:
            x, *own = part.values
            lay_out(part.b, x, Examples(*own), (part.begin, part.end))

    @staticmethod
    def _least(b: ir.IRBuilder, left: ir.Value, most: int) -> ir.Value:
        return b.select(b.icmp_signed("<", left, I64(most)), left, I64(most))

    def _emit_loss(
        self, b: ir.IRBuilder, a: dict[str, ir.Value], losses: ir.Value, step: ir.Value, count: ir.Value
    ) -> None:
        """Write: the mean loss of a step."""
        real = self._real
        total = entry(b, real, a["g"], I64(self._count))
        if not self._target.contract:  # 0 + loss of the first example + …, in order; the lanes hold them backwards
            b.store(real(0.0), total)
            with Rounds(b, count, name="losses") as rounds:
                at = b.sub(b.sub(count, I64(1)), rounds.i)
                b.store(b.fadd(b.load(total, typ=real), loaded(b, real, losses, at)), total)
        mean = b.fdiv(b.fadd(b.load(total, typ=real), real(0.0)), b.sitofp(count, real))
        stored(b, real, mean, a["losses"], b.sub(step, a["first"]))

    def _is_nan(self, b: ir.IRBuilder, a: dict[str, ir.Value], step: ir.Value) -> ir.Value:
        """Write: is one of the gradients nan? Then no more than the steps before are done."""
        b.store(I64(-1), a["reached"])
        with numbers(b, self._team, self.padded, [a["g"], a["reached"], step], "nan") as part:
            inner, (gradients, reached, here) = part.b, part.values
            vectors = VectorBuilder(inner, self._real, self.wide, False, False, lower)
            kind, whole = vectors.type_of(I1), ir.IntType(self.wide)
            with Rounds(inner, part.end, part.begin, self.wide, name="nan") as rounds:
                seen = rounds.carried(kind)
                v = inner.load(entry(inner, self._real, gradients, rounds.i), typ=vectors.type)
                v.align = self._target.bytes
                seen.add_incoming(ir.Constant(kind, None), rounds.before)
                seen.add_incoming(inner.or_(seen, vectors.is_nan(v)), inner.block)
            with inner.if_then(inner.icmp_unsigned("!=", inner.bitcast(seen, whole), whole(0)), likely=False):
                inner.store(here, reached)
        return b.icmp_signed("!=", b.load(a["reached"], typ=I64), I64(-1))

    def _emit_update(self, b: ir.IRBuilder, a: dict[str, ir.Value], slots: list[ir.Value], step: ir.Value) -> None:
        """Write: the update of all parameters."""
        memory, measured = I64(self.memory), self._measure is not None
        settings = entry(b, self._real, a["settings"], b.mul(step, a["settings_stride"]))
        if self._measure is not None:
            settings = self._measured(b, a, self._measure, settings)
        team = None if self._update.placement.size else self._team  # which works in memory of its own, if in any
        copies = [entry(b, self._real, a["memory"], I64(self._copies_at))] if self._copies else []
        given = [settings, a["memory"], a["g"], a["p"], *slots, *copies]
        with numbers(b, team, self.padded, given, "update") as part:
            inner, (settings, at, *numbered) = part.b, part.values
            g, *outputs = [entry(inner, self._real, x, part.begin) for x in numbered]
            inputs, count = [outputs[0], g, *outputs[1 : 1 + self._slots]], inner.sub(part.end, part.begin)
            for k, x in enumerate(inputs) if copies else ():
                with Rounds(inner, count, name="copy") as rounds:
                    number = loaded(inner, self._real, x, rounds.i)
                    stored(inner, self._real, number, outputs[-1], inner.add(rounds.i, I64(k * self.padded)))
            pointers = {PARAMETER: settings, INPUT: outputs.pop() if copies else inputs, OUTPUT: outputs, MEMORY: at}
            ends = inner.add(count, I64(max(0, self._copies - 1) * self.padded))
            sizes = {PARAMETER: I64(self._settings + measured), INPUT: ends, OUTPUT: count, MEMORY: memory}
            self._update.emit(inner, Buffers(pointers, sizes, I64(self.padded)), count)

    def _measured(self, b: ir.IRBuilder, a: dict[str, ir.Value], measure: Batch, settings: ir.Value) -> ir.Value:
        """Write: the settings and, behind them, what is summed over the gradients; they stand behind the parameters."""
        real = self._real
        at = entry(b, real, a["p"], I64(self.padded + self.wide))
        with Rounds(b, self._settings, name="settings") as rounds:
            stored(b, real, loaded(b, real, settings, rounds.i), at, rounds.i)
        sums = entry(b, real, at, I64(self._settings))
        pointers = {PARAMETER: at, INPUT: [a["g"]], GRADIENT: sums, MEMORY: a["memory"]}
        sizes = {INPUT: I64(self.padded), GRADIENT: I64(1), MEMORY: I64(self.memory)}
        buffers = Buffers(pointers, sizes, I64(self.padded))
        measure.begin(b, buffers)
        measure.emit(b, buffers, I64(self._count))
        return at


class TrainingCall:
    """A call of native code: the arguments in one array, which native code reads.

    Args:
        code: whose native function it is.
        arrays: what its pointers point to, "reached" aside.
        strides: its integers from the third on.
        guarded: () -> a call of the code that makes the steps at which this one stops.
        team: who shares its loops; None: nobody.
    """

    def __init__(self, code: TrainingCode, arrays: Sequence[Numbers | NDArray[np.int64]],
                 strides: tuple[int, ...], guarded: Callable[[], TrainingCall], team: Team | None) -> None:  # fmt: skip
        import numpy as np

        self._train: Callable[[int], None] = partial(team.call, code.share) if team and code.share else code.train
        self._arrays, self._guarded = arrays, guarded
        self._reached = ctypes.c_int64()
        addresses = [x.ctypes.data for x in arrays]
        addresses.insert(POINTERS.index("reached"), ctypes.addressof(self._reached))
        self._context = np.array([*addresses, 0, 0, *strides], np.int64)
        self._at = self._context.ctypes.data

    def __call__(self, first: int, last: int) -> None:
        """Run some steps."""
        self._native(first, last)
        while self._reached.value < last:
            stopped = self._reached.value
            self._guarded()(stopped, stopped + 1)
            self._native(stopped + 1, last)

    def _native(self, first: int, last: int) -> None:
        losses = self._arrays[-1]
        self._context[POINTERS.index("losses")] = losses.ctypes.data + first * losses.itemsize
        self._context[len(POINTERS) : len(POINTERS) + 2] = first, last
        self._train(self._at)

    def prepared(self) -> Callable[[], None]:
        """All steps, as a function of no arguments."""
        self(0, 0)
        context, train, reached, total = self._context.copy(), self._train, self._reached, self._arrays[-1].size
        context[len(POINTERS) + INTEGERS.index("last")] = total
        at = context.ctypes.data

        def run(keep: object = context) -> None:  # which native code reads
            train(at)
            if reached.value < total:
                self(reached.value, total)

        return run
