"""Native code of a function for arguments of one structure: called once, or mapped over examples."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial

from .compilation import Compilation
from .front.flattening import Flat
from .front.gather import AS_LISTS, Bounds, with_sequences
from .front.recorder import Recorder, indexed, uncollected
from .front.trace import INPUT, MEMORY, OUTPUT, PARAMETER
from .front.transcription import transcribed
from .llvm.batch import Batch, Tiling
from .llvm.memory import Buffers
from .llvm.native_code import aligned
from .llvm.native_functions import Rounds, calls_of, entry, native
from .llvm.phases import phase
from .llvm.processor import Target
from .llvm.team import Team
from .llvm.vectors import I64, POINTER, ir
from .llvm.wide import WideEmitter
from .mapping import MappedExamples
from .places import Results, Spaces, mapped_results, pieces
from .recording import Recording
from .repeated import Container

ATTEMPTS = 3  # to find out how arguments that are built alike are read
PIECES = 4  # of the examples a thread, so that nobody waits long for the last


class Specialization:
    """Native code that runs a function once.

    Args:
        f: the function.
        call: runs it with a tree of arguments.
        given: the arguments.
        target: what code is made for.
        threads: how many share its loops, where they are long.
    """

    @uncollected()
    def __init__(self, f: Callable[..., object], call: Callable[[object], object], given: Flat, target: Target,
                 threads: int = 1) -> None:  # fmt: skip
        self.stages = Compilation(target)
        recording = Recording(f, call, given, self.stages)
        self._compile(recording, given, target, threads)
        if recording.of_few and not recording.agrees(lambda given: self._computed(given).outputs):
            self.stages = Compilation(target)
            self._compile(Recording(f, call, given, self.stages, few=False), given, target, threads)

    def _compile(self, recording: Recording, given: Flat, target: Target, threads: int) -> None:
        recorder, self._results = recording.recorder, recording.results
        self._bounds = Bounds("jit", recorder.indices, PARAMETER) if recorder.indices else None
        self._captured = tuple(recorder.captured)
        placement = self.stages.placed(recording.rolled, examples=1)
        sizes = recorder.free + len(self._captured), len(self._results.leaves), placement.size
        self._results.leaves.clear()  # below them is the whole graph
        with self.stages.module("jit") as module:
            shares = bool(placement.shared)
            b, a = native(module, "program" if shares else "run", ["p", "o", "memory"], ["team"] if shares else [])
            team = b.inttoptr(a["team"], POINTER) if shares else None
            spaces = (PARAMETER, OUTPUT, MEMORY)
            ends = {space: I64(size) for space, size in zip(spaces, sizes)}
            buffers = Buffers(dict(zip(spaces, a.values())), ends, I64(1), team=team)
            WideEmitter(placement, recording.trace, target, 1, 4).emit(b, buffers)
            b.ret_void()
            if shares:
                calls_of(module, b.function, shares)
        code = self.stages.compile(vectorise=True, meanwhile=recording.prepare if recording.of_few else None)
        self._run: Callable[..., None] = code.function("run", *[ctypes.c_void_p] * (1 if shares else 3))
        if shares:
            self._run = partial(_called, self._run, code.address("share"), Team.of(threads))
        self._faults = code.variable("faults") if target.checked else None
        given_pieces = pieces([*given.leaves, self._captured])
        self._new_spaces = partial(Spaces, sizes, target.dtype, given_pieces, self._results.pieces)
        self._spaces: list[Spaces] = []  # those of calls that are not under way
        self._repeated: Container | None = None
        self._attempts, self._dtype = ATTEMPTS, target.dtype

    def run(self, given: Flat) -> object:
        """One call."""
        return self._result(self._computed(given))

    def expect(self, args: tuple[object, ...]) -> None:
        """Arguments built like these are to be `repeat`ed."""
        if self._attempts:
            self._attempts -= 1
            self._repeated = Container(args, self._dtype)

    def repeat(self, args: tuple[object, ...]) -> object:
        """One call with arguments built as `expect`ed; NotImplemented where they are not."""
        spaces, repeated = self._space(), self._repeated
        if repeated is None or not spaces.take_in(args, repeated):
            self._spaces.append(spaces)
            return NotImplemented
        if self._captured:
            spaces.write_last(self._captured)
        return self._result(self._run_on(spaces))

    def _space(self) -> Spaces:
        try:
            return self._spaces.pop()
        except IndexError:
            return self._new_spaces()

    def _result(self, spaces: Spaces) -> object:
        out = spaces.read()
        self._spaces.append(spaces)
        return self._results.rebuild(out)

    def _computed(self, given: Flat) -> Spaces:
        """The arrays of a call, with its results in them."""
        spaces = self._space()
        spaces.write([*given.leaves, self._captured])
        return self._run_on(spaces)

    def _run_on(self, spaces: Spaces) -> Spaces:
        """The same, where its arguments are in them."""
        if self._bounds is not None:
            self._bounds.check(spaces.parameters)
        self._run(*spaces.addresses)
        if self._faults is not None and self._faults.value:
            raise AssertionError(
                f"jit wrote or read {self._faults.value} times outside its own buffers; please report this"
            )
        return spaces


def _called(run: Callable[[object], None], share: int, team: Team | None, *addresses: int) -> None:
    """Call native code whose arguments are in an array, with a team if there is one."""
    context = (ctypes.c_void_p * len(addresses))(*addresses)
    if team is None:
        run(context)
    else:
        team.call(share, ctypes.addressof(context))


class MappedSpecialization:
    """Native code that runs a function for any number of examples.

    Args:
        f: a function of one example.
        given: the arguments.
        target: what code is made for.
        threads: how many share the examples, where these are many.
    """

    @uncollected()
    def __init__(self, f: Callable[..., object], given: MappedExamples, target: Target, threads: int = 1) -> None:
        self.stages, self._threads = Compilation(target), threads

        def recorded(as_rows: bool) -> tuple[Recorder, object]:
            recorder = Recorder(as_rows)
            whole = recorder.parameters(given.whole)
            recorder.free = len(recorder.operands)
            examples, at = [], 0
            for example in given.examples:
                examples.append(recorder.parameters(example, at, INPUT))
                at = len(recorder.operands) - recorder.free
            called = partial(given.call, f, whole, examples, recorder.arguments)
            return recorder, recorder.run(called, reads=(f, *given.modules))

        with self.stages.timed("trace"):
            recorder, returned = indexed(recorded)
            at = len(recorder.operands) - recorder.free
            self._results = Results(with_sequences(returned, AS_LISTS) if recorder.indices else returned)
            self._bounds = [Bounds("jit", recorder.indices, space) for space in (PARAMETER, INPUT)]
            trace = transcribed(recorder, self._results.effects())
        self._captured, self._dtype = recorder.captured, target.dtype
        self._columns, self._outputs = at, len(self._results.leaves)
        tiling = Tiling(target._replace(contract=True))  # nothing is summed over the examples
        batch = Batch(self.stages.place(trace), trace, tiling, target, "example")
        self._lanes, self._group, self._memory = tiling.lanes, tiling.lanes * tiling.blocks, max(batch.memory, 1)
        self._whole = max(recorder.free + len(self._captured), 1)
        with self.stages.module("map") as module:
            shares = ["team"] if threads > 1 else []
            b, a = native(module, "map", ["p", "x", "o", "memory"], ["count", "stride", "size", *shares])
            values = [*a.values()][:7]
            if threads > 1:
                parts = b.sdiv(b.add(a["count"], b.sub(a["size"], I64(1))), a["size"])
                with phase(b, b.inttoptr(a["team"], POINTER), parts, values, "examples") as part:
                    self._emit(part.b, batch, part.values, part.begin, part.end)
            else:
                self._emit(b, batch, values, I64(0), I64(1))
            b.ret_void()
            calls_of(module, b.function, threads > 1)
        code = self.stages.compile()
        run = code.function("run", ctypes.c_void_p)
        self._run, self._team = partial(_called, run, code.address("share") if threads > 1 else 0), Team.of(threads)
        self._faults = code.variable("faults")

    def _emit(self, b: ir.IRBuilder, batch: Batch, given: Sequence[ir.Value], begin: ir.Value, end: ir.Value) -> None:
        """Write the pieces of the examples from one to another: of whole groups of lanes but the last, with a memory each."""
        p, x, o, memory, count, stride, size = given
        real = batch.emitter.real
        with Rounds(b, end, begin, name="piece") as rounds:
            first = b.mul(rounds.i, size)
            left = b.sub(count, first)
            here = b.select(b.icmp_signed("<", left, size), left, size)
            at = entry(b, real, memory, b.mul(rounds.i, I64(self._memory)))
            pointers = {PARAMETER: p, INPUT: entry(b, real, x, first), OUTPUT: entry(b, real, o, first), MEMORY: at}
            ends = {PARAMETER: I64(self._whole), MEMORY: I64(self._memory)}
            for space, columns in ((INPUT, self._columns), (OUTPUT, self._outputs)):
                ends[space] = b.sub(b.mul(stride, I64(columns)), first)
            batch.emit(b, Buffers(pointers, ends, stride), here)

    def run(self, given: MappedExamples) -> object:
        """One call."""
        table = given.table
        count = len(table)
        stride = -(-count // self._lanes) * self._lanes
        whole = given.whole.numbers() + [v._data for v in self._captured]
        # Threads share whole groups, so that each example is computed by the code that one thread computes it by.
        shares = self._threads > 1 and self.stages.pays(count)
        groups = -(-count // self._group)
        size = -(-groups // (PIECES * self._threads if shares else 1)) * self._group
        sizes = (len(whole), self._columns * stride, self._outputs * stride, -(-count // size) * self._memory)
        p, x, o, memory = [aligned(max(size, 1), self._dtype) for size in sizes]
        p[: len(whole)] = whole
        for bounds, numbers in zip(self._bounds, (p, table)):
            bounds.check(numbers)
        inputs = x[: self._columns * stride].reshape(self._columns, stride)
        inputs[:, :count], inputs[:, count:] = table.T, table[-1][:, None]
        arrays = [array.ctypes.data for array in (p, x, o, memory)]
        self._run(self._team if shares else None, *arrays, count, stride, size)
        if self._faults.value:
            raise AssertionError(
                f"jit wrote or read {self._faults.value} times outside its buffers; please report this"
            )
        out = o[: self._outputs * stride].reshape(self._outputs, stride)[:, :count]
        return mapped_results(self._results, out, given.arrays)
