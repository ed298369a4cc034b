"""A function on the way to native code, stage by stage: from a trace to a placed program, from a module to code."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .arrays.array_program import ArrayProgram
from .front.order import WHOLE, Ordered, canonical, positions
from .front.recorder import uncollected
from .front.trace import Trace
from .llvm.module_text import module_text
from .llvm.native_code import PROGRAMS, Compiled
from .llvm.processor import Target
from .llvm.team import DIVIDE, team_code
from .llvm.vectors import I64, ir
from .loops import program as rolled_program
from .loops.extension import Rolled
from .loops.flat_code import FlatCode
from .loops.folding import Occurrences, folded
from .loops.parts import gate_of
from .loops.placement import Placement
from .loops.recognition import WINDOW
from .loops.rolling import rolled
from .loops.turning import turned

log = logging.getLogger("engine.jit")

LEAST = 2**22  # numbers that a step computes, some 0.1 ms: from here on its loops can be shared by threads
SHARED = 2**18  # numbers that a loop computes from which on it pays to share it
# Rolled instructions of a program of one lane beyond which LLVM does not write rounds one after another: they are in lanes
# where it spares time, and it took LLVM nearly half of its own.
LONG = 300
HARD = 2000  # rolled instructions beyond which LLVM is asked for less


def _forget(module: ir.Module) -> None:
    """Take a module apart, tens of thousands of objects that hold each other, which the collector would have to find."""
    for function in module.functions:
        for block in function.blocks:
            for instruction in block.instructions:
                if instruction.__class__ is ir.PhiInstr:  # alone it holds what comes behind it
                    instruction.incomings = ()
            block.instructions, block.terminator = [], None
        function.blocks = []


class Compilation:
    """The stages of one compilation, for reading.

    Args:
        target: what code is made for.

    Attributes:
        times: seconds by stage: trace, order, roll, fold, place, emit, llvm.
        instructions: how many the trace holds.
        written: how many the rolled program holds.
        ir: LLVM IR, before LLVM's own passes.
        uniform: are all numbers in what was rolled last the same in every round, and folded by value?
        shared: was there code of the same IR already, so that LLVM had nothing to do?
        raise_arrays: () -> the array program; None: it is not known what was compiled.
    """

    raise_arrays: Callable[[], ArrayProgram] | None = None

    _compiled: Compiled

    def __init__(self, target: Target) -> None:
        self.times: dict[str, float] = {}
        self.ir, self.shared, self.uniform, self._target = "", False, False, target

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of what runs inside to a stage."""
        start = time.perf_counter()
        with uncollected():
            yield
        self.times[stage] = self.times.get(stage, 0.0) + time.perf_counter() - start

    def place(self, trace: Trace, window: int = WINDOW, sums_apart: bool = False, loss: int | None = None,
              examples: int = 0, least: int | None = None) -> Placement:  # fmt: skip
        """Order, roll and place the instructions of a trace; for a loss, apart what a flat example can do without; where it
        computes so many numbers or more, of so many examples, for threads to share."""
        rolled = self.roll(trace, window)
        gate = None
        if loss is not None:
            at = positions(self._code)
            single = {i: item for i, item in zip(at, self._code) if not isinstance(item, WHOLE)}
            gate = gate_of(single, self._trace.constants, loss)
        return self.placed(rolled, sums_apart, gate, examples, least)

    def pays(self, examples: int) -> bool:
        """Is there so much to compute for so many examples that threads can share them?"""
        return self.instructions * examples >= LEAST

    def roll(self, trace: Trace, window: int = WINDOW) -> Rolled:
        """The instructions of a trace as loops."""
        self._trace = trace
        self._code, body = self._rolled(trace, window)
        with self.timed("fold"):
            numbers = Occurrences(body, self._code, trace.constants)
            varying = numbers.varying()
            other, self.uniform = folded(trace, varying), not varying
        if other is not None:
            code, again = self._rolled(other, window)
            if rolled_program.size(again) <= rolled_program.size(body):
                self._trace, self._code, body = other, code, again
                numbers = Occurrences(body, code, other.constants)
            else:
                self.uniform = False
        with self.timed("fold"):
            return Rolled(body, numbers.length, numbers.tabulated())

    def flat(self, trace: Trace) -> FlatCode:
        """The instructions of a trace in order, of which no loops are wanted, its numbers folded by value."""
        with self.timed("fold"):
            trace = folded(trace, set()) or trace
        with self.timed("order"):
            return FlatCode(canonical(trace), trace.constants)

    def placed(self, rolled: Rolled, sums_apart: bool = False, gate: int | None = None, examples: int = 0,
               least: int | None = None) -> Placement:  # fmt: skip
        """The rolled program with a place for each number; the rest as for `place`."""
        self._body, self.instructions, self._table = rolled
        self._trace, self._code = Trace(), []  # nobody looks at them again
        self.written = rolled_program.size(self._body)
        with self.timed("place"):
            work, least = self.instructions * examples, LEAST if least is None else least
            large = SHARED // examples if examples and work >= least else None
            return Placement(self._body, self.instructions, self._table, sums_apart, gate, large)

    def _rolled(self, trace: Trace, window: int) -> tuple[Ordered, list[rolled_program.Node]]:
        """(the instructions of a trace in the order that rolls, the program they roll into)."""
        with self.timed("order"):
            code = canonical(trace)
        with self.timed("roll"):
            return code, turned(rolled_program.program(*rolled(code, window)))

    @contextmanager
    def module(self, name: str) -> Iterator[ir.Module]:
        """A module to write into, with the global that counts accesses out of bounds; what it holds then is the IR."""
        with self.timed("emit"):
            module = ir.Module(name)
            ir.GlobalVariable(module, I64, "faults").initializer = I64(0)
            yield module
            self.ir = module_text(module)
            _forget(module)

    def compile(self, vectorise: bool = False, meanwhile: Callable[[], None] | None = None) -> Compiled:
        """The native code of the IR; LLVM may look for loops to vectorise, where there is not too much to look at, and unrolls
        those of short programs. Meanwhile Python may do something else."""
        with self.timed("llvm"):
            easy = self.written < HARD
            if not easy:
                log.warning(
                    "this compiles slowly: %d instructions are left after loops were found. Where a list grows "
                    "(keys.append), lists of one length and a mask that is an argument are one loop",
                    self.written,
                )
            if DIVIDE in self.ir:
                team_code()
            unroll = not vectorise or self.written < LONG
            how = 2 if easy else 1, vectorise and easy, self._target.cpu, unroll
            code, self.shared = PROGRAMS.compiled(self.ir, *how, meanwhile)
        self._compiled = code
        return code

    def join(self, whole: Compilation) -> None:
        """This is a part of another one, whose code is that of both."""
        self.ir, self._compiled = whole.ir, whole._compiled

    @property
    def trace(self) -> str:
        """The flat instructions, one a line."""
        return "\n".join(rolled_program.unrolled(self._body, self._table))

    @property
    def program(self) -> str:
        """The rolled loops: v are values, p parameters or arguments, x inputs (one lane an example), g gradients."""
        return rolled_program.text(self._body, self._table)

    @property
    def arrays(self) -> ArrayProgram:
        """What the loops compute, in vectors and matrices: NumPy's text, and as `latex` the formulas."""
        if self.raise_arrays is None:
            raise TypeError("arrays are of a function that jit compiles, got a part of a training; lower(...) it alone")
        return self.raise_arrays()

    @property
    def latex(self) -> str:
        """The formulas of the arrays."""
        return self.arrays.latex

    @property
    def assembly(self) -> str:
        """The machine code."""
        return self._compiled.assembly(self.ir)

    def __repr__(self) -> str:
        times = ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in self.times.items())
        shared = " (shared code)" if self.shared else ""
        return f"<{self.instructions} instructions, {self.written} rolled; {times}{shared}>"
