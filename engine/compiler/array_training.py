"""Training on NumPy: the step of a `TrainingLoop` as array programs, where there is no LLVM."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from .array_specialization import ArrayStages
from .array_stages import LineRecorder, line_of
from .arrays.array_program import ArrayProgram
from .arrays.program import NotRaisedError
from .arrays.raising import Given, Result
from .arrays.words import WORDS
from .front.trace import INPUT, PARAMETER, Trace
from .llvm.native_code import Numbers
from .training_functions import WHO, TrainingFunctions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Run:
    """An array program, ready to run.

    Args:
        program: the program.

    Attributes:
        program: as given.
        function: its text, as a function.
    """

    def __init__(self, program: ArrayProgram) -> None:
        self.program, self.function = program, program.compiled()

    def __call__(self, parameters: Numbers, inputs: Numbers | None = None) -> Sequence[Numbers]:
        """The results, for parameters and inputs, one row an example."""
        spaces = {PARAMETER: parameters} if inputs is None else {PARAMETER: parameters, INPUT: inputs}
        return self.function(*self.program.views(spaces))


class ArrayTrainingCode:
    """What `TrainingCode` is, in array programs.

    Args:
        functions: what the training is made of.
        dtype: "float64" or "float32".

    Attributes:
        kept: outputs of an example that are kept.
        indices: which of its numbers are indices.
        stages, update_stages: what became of the two functions.
        padded, wide: how many parameters there are, and 1.
    """

    wide, library = 1, "numpy"

    def __init__(self, functions: TrainingFunctions, dtype: str) -> None:
        start = time.perf_counter()
        self._functions = functions = replace(functions, list_ops=WORDS)
        self._dtype, self._count = dtype, len(functions.parameters)
        self.padded = self._count
        trace, self.kept, self.indices = functions.traced_loss(self._count, True, True)
        self._step = self._raised_loss(trace, False)
        self._guarded: Run | None = None
        between = time.perf_counter()
        names = ["p", "g", *[f"s{k}" for k in range(functions.slots)]]
        columns = [Given(name, INPUT, k, 1, ()) for k, name in enumerate(names)]
        count = functions.settings + (functions.measure is not None)
        settings = Given("settings", PARAMETER, 0, count, (count,))
        self._update = self._raised(
            functions.traced_update(), [settings, *columns], ["p_next", *[f"{n}_next" for n in names[2:]]]
        )
        measure, penalty = functions.traced_measure(), functions.traced_penalty(self.library == "xla")
        self._measure = (
            None if measure is None else self._raised(measure, [Given("g", INPUT, 0, 1, ())], ["measure"], summed=True)
        )
        flat = Given("p", PARAMETER, 0, self._count, None)
        self._penalty = None
        if penalty is not None and _effects(penalty):  # one that is constant has no gradient
            self._penalty = self._raised_penalty(penalty, flat)
        self.stages = ArrayStages(self._step.program, between - start)
        self.update_stages = ArrayStages(self._update.program, time.perf_counter() - between)

    def _raised_loss(self, trace: Trace, guarded: bool, apart: bool = False) -> Run:
        """The loss and its gradient, summed over the examples of a batch, and the outputs of each.

        Args:
            trace, guarded: of them.
            apart: take what is read of an example as arguments of their own.
        """
        count, columns = self._count, len(self._functions.example)
        p, share = Given("p", PARAMETER, 0, count, None), Given("share", PARAMETER, count, 1, ())
        outputs = [Result(count, 1, (), None, True), Result(count + 1, self.kept, (self.kept,), None)]
        names = ["loss", "outputs", "d"]
        results = [*(outputs if self.kept else outputs[:1]), Result(0, count, None, p, True, True)]
        kept_names = names if self.kept else ["loss", "d"]
        x = Given("x", INPUT, 0, columns, None if apart else (columns,))
        recorded = partial(self._recorded, not guarded)
        return Run(self._program(trace, [p, share, x], results, kept_names, guarded, recorded))

    def _recorded(self, bare: bool) -> LineRecorder:
        """The loss recorded once more, with its lines."""
        made = list[LineRecorder]()

        def recorder(as_rows: bool) -> LineRecorder:
            made.append(LineRecorder(as_rows))
            return made[-1]

        replace(self._functions, recorder=recorder).traced_loss(self._count, True, bare)
        return made[-1]

    def _raised_penalty(self, trace: Trace, p: Given) -> Run:
        return self._raised(trace, [p], ["penalty"], whole=True)

    def gradients(self, p: Numbers, rows: Numbers, g: Numbers) -> tuple[float, Numbers | None]:
        """Write the gradients of a batch, its penalty's among them: (its mean loss, the outputs of each example)."""
        import numpy as np

        if not self._functions.divided:
            p[self._count] = 1.0 / len(rows)
        run = self._step
        found = run(p, rows)
        self._write(run, found, g)
        if np.isnan(g[: self._count]).any():
            if self._guarded is None:
                trace, _, _ = self._functions.traced_loss(self._count, True, False)
                self._guarded = self._raised_loss(trace, True)
            found = self._guarded(p, rows)
            self._write(self._guarded, found, g)
        if self._penalty is not None:
            g[self._penalty.program.targets] += np.ravel(self._penalty(p)[0])
        outputs = np.broadcast_to(found[1], (len(rows), self.kept)) if self.kept else None
        return float(found[0]) / len(rows), outputs

    def _write(self, run: Run, found: Sequence[Numbers], g: Numbers) -> None:
        places = run.program.outputs(g)
        for place, x in list(zip(places, found))[1 + bool(self.kept) :]:
            place[...] = x

    def update(self, p: Numbers, g: Numbers, slots: Numbers, settings: Numbers) -> None:
        """Move the parameters along their gradients."""
        import numpy as np

        if self._measure is not None:
            settings = np.append(settings, self._measure(settings, g[:, None])[0])
        found = self._update(settings, np.stack([p, g, *slots], 1))
        for target, x in zip(self._update.program.targets, found):
            (p if target == 0 else slots[target - 1])[...] = x

    def _program(self, trace: Trace, given: Sequence[Given], results: Sequence[Result], names: Sequence[str],
                 guarded: bool = False, recorded: Callable[[], LineRecorder] | None = None) -> ArrayProgram:  # fmt: skip
        try:
            return ArrayProgram(trace, given, results, names, guarded, self.library)
        except NotRaisedError as error:
            library = {"numpy": "NumPy", "xla": "XLA"}[self.library]
            line = line_of(error.place, recorded()) if recorded else ""
            raise TypeError(
                f'{WHO} takes, for {library}, {error.takes}, got others: {error}{line}; backend="llvm" compiles them'
            ) from None

    def _raised(
        self, trace: Trace, given: Sequence[Given], names: Sequence[str], summed: bool = False, whole: bool = False
    ) -> Run:
        """A function whose every effect is a result of its own, or all of them are one."""
        count = _effects(trace)
        results = (
            [Result(0, count, (count,), None)] if whole else [Result(k, 1, (), None, summed) for k in range(count)]
        )
        named = [names[min(k, len(names) - 1)] for k in range(len(results))]
        return Run(self._program(trace, given, results, named))


def _effects(trace: Trace) -> int:
    return sum(op in ("output", "accumulate") for op, _, _ in trace.code)


class ArrayTrainingCall:
    """A call of `ArrayTrainingCode`: some steps of a training.

    Args:
        code: what runs.
        numbers: parameters, gradients and slots.
        examples: the table.
        rows: which of them in which order, by epoch or for all alike.
        batch: examples a step.
        settings: for each step, or for all alike.
        outputs, losses: what is written.
    """

    def __init__(self, code: ArrayTrainingCode, numbers: tuple[Numbers, Numbers, Numbers], examples: Numbers,
                 rows: NDArray[np.int64], batch: int, settings: Numbers, outputs: Numbers, losses: Numbers) -> None:  # fmt: skip
        self._code, self._numbers, self._examples, self._rows = code, numbers, examples, rows
        self._batch, self._settings, self._outputs, self._losses = batch, settings, outputs, losses

    def __call__(self, first: int, last: int) -> None:
        """Run some steps."""
        import numpy as np

        (p, g, slots), code, count = self._numbers, self._code, self._code.padded
        steps = self._losses.shape[1]
        with np.errstate(all="ignore"):
            for step in range(first, last):
                epoch, begin = step // steps, step % steps * self._batch
                order = (self._rows[epoch] if self._rows.ndim == 2 else self._rows)[begin : begin + self._batch]
                loss, outputs = code.gradients(p, self._examples[order], g)
                if outputs is not None:
                    self._outputs[epoch, begin : begin + len(order)] = outputs
                self._losses[epoch, step % steps] = loss
                settings = self._settings[step] if self._settings.ndim == 2 else self._settings
                code.update(p[:count], g[:count], slots[:, :count], settings)

    def prepared(self) -> Callable[[], None]:
        """All steps, as a function of no arguments."""
        return lambda: self(0, self._losses.size)
