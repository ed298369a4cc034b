"""Training on XLA: the step of a `TrainingLoop` as array programs, and many steps as one loop on the device; `xla_calls`
runs it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from math import prod
from typing import TYPE_CHECKING, Any

from .array_training import ArrayTrainingCode, Run
from .arrays.program import Array
from .arrays.raising import Given, Result
from .arrays.xla import installed
from .front.trace import INPUT, PARAMETER, VALUE, Trace
from .mesh import Mesh, Share
from .training_functions import TrainingFunctions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

READS = 8  # so many parts of an example are gathered apart: what is cut from one gathered row is copied once more
TRUSTED, WATCHED, GUARDED = range(
    3
)  # nan is looked for in the end; at each step, which ends there; not at all, by all guards
SPREADS = {"add", "sub", "mul", "div", "neg", "sqrt", "square"}  # ops that are nan where an operand is
Lattice = tuple[int, tuple[int, ...], tuple[int, ...]]  # start, sizes, strides
OnDevice = Any  # a number or an array of JAX's, or what it traces in place of one
State = Any  # parameters, gradients and slots, arrays of JAX's by block, and what was computed by step


class XlaTrainingCode(ArrayTrainingCode):
    """What `ArrayTrainingCode` is, on XLA. Parameters and what goes with them lie there in blocks, those of the gradient.

    Args:
        functions, dtype: as there.
        mesh: the devices that share the examples of a step; None: one device has them all.
    """

    library = "xla"

    def __init__(self, functions: TrainingFunctions, dtype: str, mesh: Mesh | None = None) -> None:
        super().__init__(functions, dtype)
        self.mesh = mesh
        self.care = TRUSTED if keeps_nan(functions.traced_update()) else WATCHED
        self._programs: dict[tuple[int, int, int, int], Callable[..., State]] = {}
        self.known = set[object]()  # of them, those that XLA has compiled

    @cached_property
    def blocks(self) -> list[Lattice]:
        """Where the parameters of each block are: as they are read and as their gradient comes, if that can be."""
        found, whole = self._gradient_places(self._step), list(range(self._count))
        read = [place_of(a) for a in self._step.program.arguments if a.space == PARAMETER and a.start < self._count]
        held = [k for block in found for k in positions(block).ravel().tolist()]
        return found if sorted(held) == whole and set(read) <= set(found) else [(0, (self._count,), (1,))]

    def run(self, guarded: bool) -> Run:
        """The loss and its gradient."""
        if not guarded:
            return self._step
        if self._guarded is None:
            trace, _, _ = self._functions.traced_loss(self._count, True, False)
            self._guarded = self._raised_loss(trace, True)
        return self._guarded

    def inputs(self, guarded: bool) -> list[Lattice]:
        """What is read of an example."""
        return [place_of(a) for a in self.run(guarded).program.arguments if a.space == INPUT]

    def _raised_loss(self, trace: Trace, guarded: bool, apart: bool = True) -> Run:
        found = super()._raised_loss(trace, guarded, apart)
        many = apart and sum(a.space == INPUT for a in found.program.arguments) > READS
        return self._raised_loss(trace, guarded, False) if many else found

    def _raised_penalty(self, trace: Trace, p: Given) -> Run:
        results = [Result(0, self._count, None, None, places=self.blocks)]
        return Run(self._program(trace, [p], results, ["penalty"]))

    def _gradient_places(self, run: Run) -> list[Lattice]:
        return run.program.places[1 + bool(self.kept) :]

    def program(self, batch: int, left: int, most: int, care: int) -> Callable[..., State]:
        """What makes steps: (see `_steps`) -> (how many it made, all numbers in one row, the outputs of each step).

        Args:
            batch: examples of a step.
            left: of the last step of an epoch, where they are fewer; else 0.
            most: steps that it can make.
            care: GUARDED has all guards against 0·inf. Without, a step whose gradient is nan means nothing: WATCHED stops there,
                and TRUSTED, for an update that keeps nan, has made -1 steps if there was one.
        """
        key = batch, left, most, care
        if key not in self._programs:
            steps: Callable[..., State] = partial(self._steps, *key)
            if self.mesh is not None:
                steps = self.mesh.split(steps, [True, True, True, False, True])
            self._programs[key] = installed().jit(steps)
        return self._programs[key]

    def _steps(self, batch: int, left: int, most: int, care: int, counts: OnDevice, numbers: OnDevice, settings: OnDevice,
               tables: State, order: OnDevice) -> State:  # fmt: skip
        """Make steps.

        Args:
            batch, left, most, care: as of `program`.
            counts: how many steps, the number of the first, how many an epoch has, and where in the order the next one is.
            numbers: parameters and slots, block by block, and the weight of an example.
            settings: of each step, or of all alike.
            tables: the examples, by what is read of them; of a mesh, those of this device, a `Share` each step.
            order: which examples, epoch after epoch.
        """
        jax, np = installed(), installed().numpy
        dtype, (ps, *slots) = numbers.dtype, self._unpacked(numbers)
        width = batch if self.mesh is None else Share.widest(batch, left, self.mesh)
        losses, outputs = np.zeros(most, dtype), np.zeros((most, width, self.kept), dtype)

        def step(size: int, k: OnDevice, state: State) -> State:
            ps, _, slots, losses, outputs, _ = state
            share = numbers[-1] if self._functions.divided else np.asarray(1.0 / size, dtype)
            now = counts[1] + k
            if self.mesh is None:
                part, begin = Share(size, 0), now // counts[2] * counts[3] + now % counts[2] * batch
                rows = jax.lax.dynamic_slice_in_dim(order, begin, size)
                inputs = [x[rows] for x in tables]
            else:
                part = Share.of(size, self.mesh)
                inputs = [jax.lax.dynamic_slice_in_dim(x, k * width, part.size) for x in tables]
            loss, kept, gs, failed = self._derived(ps, share, inputs, part, care)
            loss = loss / size
            ps, slots = self._moved(ps, gs, slots, settings[now % len(settings)])
            losses = losses.at[k].set(loss)
            if self.kept:
                outputs = outputs.at[k, : part.size].set(kept)
            return ps, gs, slots, losses, outputs, failed

        def made(size: int, state: tuple[OnDevice, State]) -> tuple[OnDevice, State]:
            k, before = state
            after = step(size, k, before)
            return k + 1 - after[-1].astype(k.dtype), after

        def goes_on(state: tuple[OnDevice, State]) -> OnDevice:
            return (state[0] < counts[0]) & ~state[1][-1]

        def is_whole(state: tuple[OnDevice, State]) -> OnDevice:
            return goes_on(state) & ((counts[1] + state[0] + 1) % counts[2] != 0)

        def epoch(state: tuple[OnDevice, State]) -> State:
            """Whole batches, and the last one apart: a choice at each step would copy what it chooses from."""
            state = jax.lax.while_loop(is_whole, partial(made, batch), state)
            return jax.lax.cond(goes_on(state), partial(made, left), lambda state: state, state)

        body = epoch if left else partial(made, batch)
        start = 0 * counts[0], (ps, [np.zeros_like(p) for p in ps], slots, losses, outputs, np.asarray(False))
        done, (ps, gs, slots, losses, outputs, _) = jax.lax.while_loop(goes_on, body, start)
        if care == TRUSTED:
            done = np.where(np.asarray([_holds_nan(p) for p in ps]).any(), -1, done)
        if self.kept and self.mesh is not None:
            outputs = self.mesh.gathered(outputs)
        numbers = np.concatenate([x.ravel() for x in (*ps, *itertools.chain(*slots), *gs, losses)])
        return (done, numbers, outputs) if self.kept else (done, numbers)

    def _unpacked(self, numbers: OnDevice) -> list[State]:
        """Parameters and slots, by block."""
        found, at = list[State](), 0
        for _ in range(1 + self._functions.slots):
            found.append([])
            for _, shape, _ in self.blocks:
                found[-1].append(numbers[at : at + prod(shape)].reshape(shape))
                at += prod(shape)
        return found

    def _derived(
        self, ps: State, share: OnDevice, inputs: State, part: Share, care: int
    ) -> tuple[OnDevice, OnDevice, State, OnDevice]:
        """(the summed loss of a batch, the outputs of what is here, its gradient by block, whether one of it is nan)."""
        np, ends, found = installed().numpy, (0, part.own, part.size), list[tuple[OnDevice, OnDevice, State]]()
        for (begin, end), apart in zip(itertools.pairwise(ends), (True, False)):
            if begin < end:
                loss, kept, gs = self._summed(ps, share, [x[begin:end] for x in inputs], end - begin, care == GUARDED)
                if self.mesh is not None and apart:
                    loss, *gs = self.mesh.total([loss, *gs])
                found.append((loss, kept, gs))
        losses, outputs, gradients = zip(*found)
        loss, gs = sum(losses[1:], losses[0]), [sum(of[1:], of[0]) for of in zip(*gradients)]
        failed = np.asarray([_holds_nan(g) for g in gs] if care == WATCHED else [False]).any()
        if self._penalty is not None:
            more = self._penalty.function(1, *self._read(self._penalty, ps, share, []))
            gs = [g + m for g, m in zip(gs, self._by_block(self._penalty.program.places, more, share.dtype))]
        return loss, np.concatenate(outputs) if self.kept else None, gs, failed

    def _summed(
        self, ps: State, share: OnDevice, inputs: State, size: int, guarded: bool
    ) -> tuple[OnDevice, OnDevice, State]:
        """(the summed loss of some examples, the outputs of each, their gradient by block)."""
        np, run = installed().numpy, self.run(guarded)
        loss, *found = run.function(size, *self._read(run, ps, share, inputs))
        kept = np.broadcast_to(found.pop(0), (size, self.kept)) if self.kept else None
        return loss, kept, self._by_block(self._gradient_places(run), found, share.dtype)

    def _read(self, run: Run, ps: State, share: OnDevice, inputs: State) -> list[OnDevice]:
        """What a program is called with."""
        np = installed().numpy
        held, given, left = dict(zip(self.blocks, ps)), list[OnDevice](), iter(inputs)
        held[self._count, (), ()] = share
        for a in run.program.arguments:
            if a.space == INPUT:
                given.append(next(left))
                continue
            place = place_of(a)
            if place not in held:
                flat = np.zeros(self._count, ps[0].dtype)
                for block, p in zip(self.blocks, ps):
                    flat = flat.at[positions(block)].set(p)
                held[place] = flat[positions(place)]
            given.append(held[place])
        return given

    def _by_block(self, places: Sequence[Lattice], found: State, dtype: OnDevice) -> State:
        """A gradient that comes in pieces."""
        np = installed().numpy
        if list(places) == self.blocks:
            return [np.broadcast_to(g, shape).astype(dtype) for g, (_, shape, _) in zip(found, self.blocks)]
        flat = np.zeros(self._count, dtype)
        for place, g in zip(places, found):
            flat = flat.at[positions(place)].set(g)
        return [flat[positions(block)] for block in self.blocks]

    def _moved(self, ps: State, gs: State, slots: State, settings: OnDevice) -> tuple[State, State]:
        """(parameters, slots) after an update."""
        np = installed().numpy
        if self._measure is not None:
            read = len(self._measure.program.arguments)
            settings = np.append(settings, sum([self._measure.function(g.size, *[g.ravel()] * read)[0] for g in gs]))
        ps, slots = list(ps), [list(of) for of in slots]
        for b, (_, shape, _) in enumerate(self.blocks):
            columns = [x[b].reshape(shape or 1) for x in (ps, gs, *slots)]
            given = [settings if a.space == PARAMETER else columns[a.start] for a in self._update.program.arguments]
            for target, x in zip(self._update.program.targets, self._updated(shape or (1,), given)):
                (slots[target - 1] if target else ps)[b] = x.reshape(shape)
        return ps, slots

    def _updated(self, shape: tuple[int, ...], given: State) -> State:
        """What the update makes of a block, in the block's own shape: flattened, XLA would copy it once more each step."""

        def update(*given: OnDevice) -> State:
            found = self._update.function(shape[-1], *given)
            return [installed().numpy.broadcast_to(x, shape[-1:]) for x in found]

        for _ in shape[1:]:
            axes = [None if a.space == PARAMETER else 0 for a in self._update.program.arguments]
            update = installed().vmap(update, axes)
        return update(*given)


def keeps_nan(update: Trace) -> bool:
    """Is a parameter sure to be nan after an update where it or its gradient was? So it stays, to the last step."""
    nan: list[set[int]] = []  # of each instruction, the inputs of which one that is nan makes it nan
    for op, operands, target in update.code:
        at = [nan[x >> 3] if x & 7 == VALUE else {x >> 3} if x & 7 == INPUT else set[int]() for x in operands]
        if op == "output" and target == 0:
            return at[0] >= {0, 1}
        nan.append(set[int]().union(*at) if op in SPREADS else set())
    return False


def place_of(array: Array) -> Lattice:
    """Where an argument lies: of an input, in an example."""
    shape = array.shape[1:] if array.space == INPUT else array.shape
    return array.start, shape, array.strides


def _holds_nan(x: OnDevice) -> OnDevice:
    """Is one of these numbers nan, or are there infinities of both signs, for which a step with guards costs time alone? Sums
    of columns are as quick as an update, where `isnan` takes all columns in turn."""
    np = installed().numpy
    return np.isnan(x.sum(0) if x.ndim > 1 else x).any()


def positions(lattice: Lattice) -> NDArray[np.int64]:
    """The numbers' places, in the shape of their array."""
    import numpy as np

    start, shape, strides = lattice
    at = np.asarray(start)
    for n, stride in zip(shape, strides):
        at = at[..., None] + stride * np.arange(n)
    return at
