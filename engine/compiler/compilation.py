"""What becomes of a function on the way to native code, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .front.flatness import gate
from .front.order import canonical
from .front.trace import EFFECTS, LETTERS, Trace
from .llvm.cache import PROGRAMS
from .llvm.machine import Compiled
from .loops import program as rolled_program
from .loops.placement import Placement
from .loops.recognition import WINDOW, rolled

HARD = 2000  # rolled instructions beyond which LLVM is asked for less


class Compilation:
    """The stages of one compilation, for reading.

    Attributes:
        times: seconds by stage: trace, order, roll, place, emit, llvm.
        instructions: how many the trace holds.
        written: how many the rolled program holds.
        ir: LLVM IR, before LLVM's own passes.
        shared: was there code of the same IR already, so that LLVM had nothing to do?
    """

    def __init__(self) -> None:
        self.times: dict[str, float] = {}
        self.ir, self.shared = "", False
        self._compiled: Any = None

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of what runs inside to a stage."""
        start = time.perf_counter()
        yield
        self.times[stage] = self.times.get(stage, 0.0) + time.perf_counter() - start

    def place(self, trace: Trace, window: int = WINDOW, sums_apart: bool = False, loss: int | None = None) -> Placement:
        """Order, roll and place the instructions of a trace; for a loss, apart what a flat example can do without."""
        self._trace = trace
        with self.timed("order"):
            self._code = canonical(trace)
        with self.timed("roll"):
            self._body = rolled_program.program(*rolled(self._code, window))
        self.instructions, self.written = len(self._code), rolled_program.size(self._body)
        with self.timed("place"):
            flat = None if loss is None else gate(self._code, trace.constants, loss)
            return Placement(self._body, len(self._code), sums_apart, flat)

    def compile(self, vectorise: bool = False, cpu: str = "") -> Compiled:
        """The native code of the IR."""
        with self.timed("llvm"):
            level = 3 if self.written < HARD else 1
            code, self.shared = PROGRAMS.compiled(self.ir, level, vectorise, cpu)
        self._compiled = code
        return code

    @property
    def trace(self) -> str:
        """The flat instructions, one a line."""
        lines = []
        for i, (op, args, target) in enumerate(self._code):
            names = [
                repr(self._trace.constants[a >> 3]) if LETTERS[a & 7] == "c" else f"{LETTERS[a & 7]}[{a >> 3}]"
                for a in args
            ]
            left = f"{LETTERS[EFFECTS[op]]}[{target}]" if op in EFFECTS else f"v[{i}]"
            lines.append(f"{left} = {op}({', '.join(names)})")
        return "\n".join(lines)

    @property
    def program(self) -> str:
        """The rolled loops: v are values, p parameters or arguments, x inputs (one lane an example), g gradients."""
        return rolled_program.text(self._body, self._trace.constants)

    @property
    def assembly(self) -> str:
        """The machine code."""
        return str(self._compiled.assembly(self.ir))

    def __repr__(self) -> str:
        times = ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in self.times.items())
        shared = " (shared code)" if self.shared else ""
        return f"<{self.instructions} instructions, {self.written} rolled; {times}{shared}>"
