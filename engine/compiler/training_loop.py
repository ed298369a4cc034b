"""Training in native code: whole epochs, optimiser included, coming back for progress, stopping and interrupts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Protocol

from ..arguments import flag, function, named, number, package, real, whole
from ..arguments import threads as number_of_threads
from .function import BACKENDS, floats
from .llvm.native_code import Numbers, Turn, aligned
from .llvm.processor import LOCK, Target, is_checked, llvm, processor
from .processes import agreed
from .training_arguments import devices, first_parameters, first_slots, numbers, order_of, rows_of
from .training_functions import WHO, TrainingFunctions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from .array_specialization import ArrayStages
    from .array_training import ArrayTrainingCall, ArrayTrainingCode
    from .compilation import Compilation
    from .training_code import TrainingCall, TrainingCode

GUARD = 64  # numbers on both sides of a buffer, in a checked build
SLICE = 0.05  # seconds of native code between two looks at what Python wants


class Steps(Protocol):
    """What makes the steps of a run."""

    def __call__(self, first: int, last: int, /) -> None:
        """Make some of them."""

    def prepared(self) -> Callable[[], None]:
        """All of them, as a function of no arguments."""


class TrainingLoop:
    """A model, its loss and its optimiser as one native loop over shuffled batches.

    Args:
        loss: (parameters, example) -> the loss of one example, a Value, or (loss, outputs) with a list of Values to be
            kept. It is called with lists of traced Values: once, once more where it takes a number of the example as an
            index (a whole one: what it indexes is gathered, see `jit`), and at the first gradient that is nan.
        update: (parameter, gradient, slots, settings) -> (new parameter, new slots), a pure function of scalars: called
            as loss is, for one parameter, with traced Values. The gradient is that of the mean loss over the batch.
        parameters: the numbers to train.
        examples: one row an example, (examples, columns): inputs, targets, masks, whatever `loss` reads. It is copied.
        penalty: parameters -> a Value that is added to the mean loss of every batch, not to what `run` returns; None: none.
        measure: gradient -> a number, a pure function of a scalar as `update` is: the sum of it over all parameters
            comes to `update` as one setting more, the last (for the norm of the gradient); None: none.
        weight: the square of the length of an example's gradient -> a factor on that gradient, before the sum over the batch:
            a pure function of a scalar, to cut each to a length (as private training does); None: none.
        expected: what that sum is divided by, a positive number; None: how many examples the batch has.
        slots: numbers of state per parameter (an optimiser's moments), or an array (slots, parameters) to start from.
        settings: how many numbers `update` is given at each step (a learning rate, the count of steps).
        batch: examples a step; None: all of them.
        dtype: "float64" or "float32"; None: "float64", and "float32" on XLA, as is usual there.
        threads: how many threads share the loops of a step; "auto": as many as this process has cores. It pays where a
            step takes some 0.1 ms or more, and does nothing below. Results are the same to the last bit for any number:
            threads share rounds of loops (neurons, rows of weights) that feed nobody in the loop, and no sum is parted.
            1, since a training that takes all cores of a machine without having been asked to is a bad neighbour.
        contract: allow fused multiply-adds, and sums over the examples in an order of their own: lane by lane, and then over
            the lanes; in a wide layer's gradient one example after another. Without, a step has the bits of eager mode
            where only + - * / and sqrt occur, but for rows that an example takes by an index several times, or reads
            besides, whose sums may be ordered otherwise: sums run over the examples in eager's order, slower.
        checked: check the bounds of every load and store; None: as the environment variable CHAINRULE_JIT_CHECKED says.
        cpu: which features of the processor to use, as for `jit`.
        window: the longest loop body looked for, in instructions; None: any.
        backend: "llvm"; "numpy" or "xla" for array programs that NumPy or XLA runs, as for `jit`. On XLA many steps are one
            loop on the device, for which a batch of another size is compiled anew.
        mesh: on XLA, the devices that share the examples of each batch, of this process and of others: how many, "all", or
            a `jax.sharding.Mesh`. Examples are not copied then, but read row by row, by each process its own, from an array,
            np.memmap's too, or whatever has a shape and gives rows for an array of their numbers. All processes have to
            make the same calls.

    Attributes:
        parameters: the numbers now, an array; it can be written to.
        examples: the rows, an array; it can be written to, new masks for example.
        expected: as given; another number counts from the next run on, and with inf a step is one of no example.
        slots: the state, an array (slots, parameters).
        gradients: what the last step moved along, penalty included, before `update`.
        outputs: the outputs kept by the last run, an array (epochs, examples in order, outputs).
        stages, update_stages: what became of the two functions.
        ended: whether `between`, in any process, ended the last run.

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

    def __init__(self, loss: Callable[..., object], update: Callable[..., object], parameters: Sequence[float],
                 examples: ArrayLike, *, penalty: Callable[..., object] | None = None,
                 measure: Callable[..., object] | None = None, weight: Callable[..., object] | None = None,
                 expected: float | None = None, slots: int | ArrayLike = 0, settings: int = 0,
                 batch: int | None = None, dtype: str | None = None, threads: int | str = 1,
                 contract: bool = True, checked: bool | None = None, cpu: str | None = None, window: int | None = None,
                 backend: str = "llvm", mesh: object = None) -> None:  # fmt: skip
        package(WHO, "numpy", "NumPy", "pip install numpy")
        import numpy as np

        named(WHO, "backend", backend, BACKENDS)
        if backend == "llvm":
            llvm()
        dtype = floats(WHO, dtype, backend)
        self._dtype = np.dtype(dtype)
        self._mesh = None if mesh is None else devices(mesh, backend)
        self.examples = rows = rows_of(examples, self._dtype, self._mesh)
        self._batch = len(rows) if batch is None else min(whole(WHO, "batch", batch, least=1), len(rows))
        if self._mesh is not None:
            self._mesh.check_batch(WHO, self._batch, len(rows))
        contract, threads = flag(WHO, "contract", contract), number_of_threads(WHO, threads)
        window = None if window is None else whole(WHO, "window", window, least=1)
        function(WHO, "loss", loss)
        function(WHO, "update", update)
        for name, optional in (("penalty", penalty), ("measure", measure), ("weight", weight)):
            if optional is not None:
                function(WHO, name, optional)
        parameters = first_parameters(parameters)
        self._count, self._settings = len(parameters), whole(WHO, "settings", settings)
        start = first_slots(slots, self._count)
        self._slots, self._checked = len(start), is_checked(checked)
        self._guards: list[Numbers] = []  # what lies on both sides of each buffer, in a checked build: nan
        functions = TrainingFunctions(
            loss, update, penalty, measure, parameters, np.array(rows[0], self._dtype).tolist(), self._slots, settings, weight,
            divided=expected is not None,
        )  # fmt: skip
        self._expected = expected
        self._width = 1  # steps in a SLICE, as far as is known
        self.ended = False
        self._turn = Turn()  # one run at a time: all work in the same numbers
        self._in_arrays: ArrayTrainingCode | None = None
        self._array_call: Callable[..., ArrayTrainingCall]
        if backend != "llvm":
            self._prepare_arrays(functions, backend)
        else:
            self._compile(functions, Target(dtype, contract, self._checked, processor(cpu)), window, threads)
        self.parameters[:] = parameters
        self.slots[:] = start
        if expected is not None:
            self.expected = expected

    @property
    def expected(self) -> float | None:
        """What the sum of a step's gradients is divided by; None: how many examples it has."""
        return self._expected

    @expected.setter
    def expected(self, x: float) -> None:
        found = math.inf if real(x) == math.inf else number(WHO, "expected", x, "a positive number", lambda n: n > 0.0)
        if self._expected is None:
            raise ValueError(f"{WHO} takes a number as expected where it was made with one, got {found} now")
        self._expected, self._p[self._padded] = found, 1.0 / found

    def _compile(self, functions: TrainingFunctions, target: Target, window: int | None, threads: int) -> None:
        with LOCK:
            from .llvm.team import Team
            from .training_code import TrainingCode
        self._compiled = partial(TrainingCode, functions, self._batch, target, window)
        self._code = self._compiled(bare=True)
        self.stages: Compilation | ArrayStages = self._code.stages
        self.update_stages: Compilation | ArrayStages = self._code.update_stages
        self._team = Team.of(threads) if self._code.share else None
        self._allocate(self._code)
        self._work = self._workspace(self._code)

    def _prepare_arrays(self, functions: TrainingFunctions, backend: str) -> None:
        with LOCK:
            from .array_training import ArrayTrainingCall, ArrayTrainingCode
            from .xla_calls import xla_call
            from .xla_training import XlaTrainingCode
        code: ArrayTrainingCode
        dtype = self._dtype.name
        if backend == "xla":
            on_xla = XlaTrainingCode(functions, dtype, self._mesh)
            code, self._array_call = on_xla, partial(xla_call, on_xla)
        else:
            code = ArrayTrainingCode(functions, dtype)
            self._array_call = partial(ArrayTrainingCall, code)
        self._in_arrays = code
        self.stages, self.update_stages = code.stages, code.update_stages
        self._allocate(code)

    def _allocate(self, code: TrainingCode | ArrayTrainingCode) -> None:
        self._p = self._buffer(code.padded + code.wide + self._settings + 1)
        self._g = self._buffer(code.padded + code.wide)
        self._s = self._buffer(max(self._slots, 1) * code.padded)
        self._padded = code.padded
        self.parameters = self._p[: self._count]
        self.gradients = self._g[: self._count]
        self.slots = self._s[: self._slots * code.padded].reshape(self._slots, code.padded)[:, : self._count]

    def _workspace(self, code: TrainingCode) -> list[Numbers]:
        """What code works in: inputs by column, sums and values."""
        columns = self.examples.shape[1]
        sizes = ((columns * (1 + code.packs) + code.kept + 1) * code.stride, max(code.sums, 1), code.memory)
        return [self._buffer(size) for size in sizes]

    @cached_property
    def _guarded(self) -> tuple[TrainingCode, list[Numbers]]:
        """Code for the steps at which the other stops, and what it works in."""
        code = self._compiled(bare=False)
        return code, self._workspace(code)

    def _buffer(self, size: int) -> Numbers:
        """Numbers that native code works in."""
        if not self._checked:
            return aligned(size, self._dtype)
        whole = aligned(size + 2 * GUARD, self._dtype)
        self._guards += [whole[:GUARD], whole[GUARD + size :]]
        for guard in self._guards[-2:]:
            guard[:] = math.nan
        return whole[GUARD : GUARD + size]

    # Running -------------------------------------------------------------------------------------------------------------

    def run(self, order: ArrayLike | None = None, *, epochs: int = 1, settings: ArrayLike = (),
            between: Callable[[int], bool | None] | None = None) -> Numbers:  # fmt: skip
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
            IndexError: order names a row that is not there, or an example has an index of none.
            TypeError, ValueError: an argument is not one of these.
        """
        if between is not None:
            function(WHO, "between", between)
        with self._turn.taken():
            call, losses = self._call(order, epochs, settings)
            first, total = 0, losses.size
            while first < total:  # so many steps at a time that an interrupt need not wait
                last = min(first + self._width, total)
                start, made = time.perf_counter(), last - first
                call(first, last)
                took, first = time.perf_counter() - start, last
                self.ended = between is not None and bool(between(first))
                if self._mesh is not None:
                    took, self.ended = agreed(took, self.ended)
                self._width = max(1, min(4 * self._width, int(made * SLICE / max(took, 1e-9))))
                if self.ended:
                    break
            self._check_faults()
        return losses

    def prepared(
        self, order: ArrayLike | None = None, *, epochs: int = 1, settings: ArrayLike = ()
    ) -> Callable[[], None]:
        """A training as a function of no arguments, for calling it often: all checks are done here. Interrupts wait for its end.

        Args:
            order, epochs, settings: as for `run`.
        """
        return self._call(order, epochs, settings)[0].prepared()

    def _call(self, order: ArrayLike | None, epochs: int, settings: ArrayLike) -> tuple[Steps, Numbers]:
        """(what makes the steps, the losses it will write)."""
        import numpy as np

        code = self._in_arrays or self._code
        if self._mesh is None:  # else it is asked of what is read
            code.indices.check(self.examples)
        rows, epochs = order_of(order, len(self.examples), whole(WHO, "epochs", epochs))
        per_epoch = rows.shape[-1]
        steps = -(-per_epoch // self._batch)
        table = numbers("settings", settings, self._dtype)
        wanted = ((self._settings,), (epochs * steps, self._settings))
        if table.shape not in wanted:
            raise ValueError(f"{WHO} takes settings of shape {wanted[0]} or {wanted[1]}, got {table.shape}")
        losses = np.zeros((epochs, steps), self._dtype)
        self.outputs = np.zeros((epochs, per_epoch, code.kept), self._dtype)
        if self._in_arrays is not None:
            state = self._p, self._g, self.slots
            return self._array_call(state, self.examples, rows, self._batch, table, self.outputs, losses), losses
        with LOCK:
            from .training_code import TrainingCall
        strides = (steps, per_epoch, per_epoch if rows.ndim == 2 else 0, self._settings if table.ndim == 2 else 0)
        given: list[Numbers | NDArray[np.int64]] = [self._p, self._g, self._s, self.examples, rows, table]
        written = [self.outputs, losses]

        def guarded() -> TrainingCall:
            code, work = self._guarded
            return TrainingCall(code, [*given, *work, *written], strides, guarded, self._team)  # it does not stop

        return TrainingCall(self._code, [*given, *self._work, *written], strides, guarded, self._team), losses

    def _check_faults(self) -> None:
        if self._in_arrays is not None:
            return
        written = sum([int((guard == guard).sum()) for guard in self._guards])
        written += self._code.faults.value
        if "_guarded" in self.__dict__:
            written += self._guarded[0].faults.value
        if written:
            raise AssertionError(f"training wrote or read {written} times outside its buffers; please report this")
