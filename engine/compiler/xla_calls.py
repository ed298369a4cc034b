"""Calls of a training on XLA: what the device is sent, how many steps it makes at a time, and what comes back of them."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from .array_training import ArrayTrainingCall
from .arrays.xla import floats, installed
from .llvm.native_code import Numbers
from .mesh import Mesh, Share
from .processes import together
from .training_functions import WHO
from .xla_training import GUARDED, WATCHED, Lattice, XlaTrainingCode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger("engine.jit")

MOST = 4096  # steps of a call
NUMBERS = 2**19  # rows that a call is told at most, so that their numbers are no more to move than a small net
BYTES = 2**24  # of examples that a device of a mesh is sent at most for a call
OnDevice = Any  # a number or an array of JAX's, or what it traces in place of one
State = Any  # several of these


class XlaTrainingCall(ArrayTrainingCall):
    """A call of `XlaTrainingCode`: some steps of a training.

    Args:
        code, numbers, examples, rows, batch, settings, outputs, losses: as of an `ArrayTrainingCall`.
    """

    def __init__(self, code: XlaTrainingCode, numbers: tuple[Numbers, Numbers, Numbers], examples: Numbers,
                 rows: NDArray[np.int64], batch: int, settings: Numbers, outputs: Numbers, losses: Numbers) -> None:  # fmt: skip
        batch = max(1, min(batch, rows.shape[-1]))
        super().__init__(code, numbers, examples, rows, batch, settings, outputs, losses)
        self._on_xla, self._dtype, self._left = code, losses.dtype.name, rows.shape[-1] % batch
        self._most = max(1, min(MOST, NUMBERS // batch, padded(losses.size)))
        p, g, slots = numbers
        self._places = [view(of, block) for of in (p, *slots, g) for block in code.blocks]
        self._tables: dict[bool, State] = {}
        self._told: tuple[OnDevice, OnDevice] | None = None

    def __call__(self, first: int, last: int) -> None:
        """Run some steps."""
        while first < last:
            end = min(last, first + self._most)
            done = self._run(first, end, self._most, self._on_xla.care)
            if done < 0:
                done = self._run(first, end, self._most, WATCHED)
            if first + done < end:  # a gradient was nan: the steps before it once more, and it with guards
                if done:
                    self._run(first, first + done, self._most, self._on_xla.care)
                done += self._run(first + done, first + done + 1, 1, GUARDED)
            first += done

    def _run(self, first: int, last: int, most: int, care: int) -> int:
        """Run steps, and write what comes of them; of one whose gradient is nan, write nothing, and return what `program` did."""
        import numpy as np

        code, count, per_epoch = self._on_xla, last - first, self._losses.shape[1]
        counts = np.array([count, first, per_epoch, self._rows.shape[-1] * (self._rows.ndim - 1)], np.int32)
        given = self._places[: -len(code.blocks)]
        numbers = np.concatenate([*[x.ravel() for x in given], self._numbers[0][code.padded :][:1]])
        program = code.program(self._batch, self._left, most, care)
        with floats(self._dtype):
            start = time.perf_counter()
            made, numbers, *kept = map(np.asarray, program(*self._given(counts, numbers, care == GUARDED, most)))
            if program not in code.known:
                code.known.add(program)
                log.info("XLA compiled %d examples a step in %.2f s", self._batch, time.perf_counter() - start)
        done, begin = int(made), 0
        if done < count:
            return done
        for place in self._places:
            place[...] = numbers[begin : begin + place.size].reshape(place.shape)
            begin += place.size
        self._losses.reshape(-1)[first:last] = numbers[begin : begin + done]
        for outputs in kept:
            for k in range(done):
                epoch, at, n = self._batch_of(first + k)
                self._outputs[epoch, at : at + n] = self._kept(outputs, k, n)
        return done

    def _batch_of(self, step: int) -> tuple[int, int, int]:
        """(the epoch, where in its order the batch begins, how many examples it has)."""
        epoch, at = divmod(step, self._losses.shape[1])
        begin = at * self._batch
        return epoch, begin, min(self._batch, self._rows.shape[-1] - begin)

    def _given(self, counts: NDArray[np.int32], numbers: Numbers, guarded: bool, most: int) -> State:
        """What a program is called with: here all examples, and in which order they are used, are sent once."""
        import numpy as np

        send = installed().device_put
        if guarded not in self._tables:
            self._tables[guarded] = send(
                [np.ascontiguousarray(view(self._examples, x)) for x in self._on_xla.inputs(guarded)]
            )
        if (
            self._told is None
        ):  # of few lengths, for each of which a program is compiled; past the end a batch is read whole
            order = np.zeros(padded(self._rows.size + self._batch), np.int32)
            order[: self._rows.size] = self._rows.ravel()
            self._told = send(self._all_settings()), send(order)
        settings, order = self._told
        return counts, numbers, settings, self._tables[guarded], order

    def _all_settings(self) -> Numbers:
        import numpy as np

        if self._settings.ndim == 1:
            return self._settings[None]
        settings = np.zeros((padded(len(self._settings)), self._settings.shape[1]), self._dtype)
        settings[: len(self._settings)] = self._settings
        return settings

    def _kept(self, outputs: Numbers, step: int, size: int) -> Numbers:
        """The outputs of a step."""
        return outputs[step, :size]


class SharedTrainingCall(XlaTrainingCall):
    """A call whose examples the devices of a mesh share: each is sent its own rows of each batch, and no others.

    Of a batch of B rows, device d of n takes those from d·B/n to (d+1)·B/n in the order of the epoch; of a last, smaller
    batch, which n may not divide, as many each, and the rest, fewer than n, all of them.

    Args:
        code, mesh: what runs, and where.
        given: as of an `XlaTrainingCall`.
    """

    def __init__(self, code: XlaTrainingCode, mesh: Mesh, *given: OnDevice) -> None:
        super().__init__(code, *given)
        self._mesh, self._width = mesh, Share.widest(self._batch, self._left, mesh)
        a_step = self._width * self._examples.shape[1] * 8
        self._most = max(1, min(self._most, BYTES // a_step))

    def _given(self, counts: NDArray[np.int32], numbers: Numbers, guarded: bool, most: int) -> State:
        import numpy as np

        mesh, first, count = self._mesh, int(counts[1]), int(counts[0])
        with together(WHO):
            parts = [self._part(device, range(first, first + count), most) for device in mesh.here]
        read = [[np.ascontiguousarray(view(part, x)) for x in self._on_xla.inputs(guarded)] for part in parts]
        if self._told is None:
            self._told = mesh.everywhere(self._all_settings()), mesh.everywhere(np.zeros(1, np.int32))
        settings, order = self._told
        tables = [mesh.apart(of) for of in zip(*read)]
        return mesh.everywhere(counts), mesh.everywhere(numbers), settings, tables, order

    def _part(self, device: int, steps: range, most: int) -> Numbers:
        """A device's rows of so many steps, one after the other, and zeros up to the most of a call."""
        import numpy as np

        wanted: list[NDArray[np.int64]] = []
        places: list[range] = []
        for k, step in enumerate(steps):
            epoch, begin, n = self._batch_of(step)
            order = self._rows[epoch] if self._rows.ndim == 2 else self._rows
            chosen = Share.of(n, self._mesh).places(device, self._mesh.count)
            wanted.append(order[begin : begin + n][chosen])
            places.append(range(k * self._width, k * self._width + len(chosen)))
        read = np.asarray(self._examples[np.concatenate(wanted)], self._dtype)
        self._on_xla.indices.check(read)
        table = np.zeros((most * self._width, self._examples.shape[1]), self._dtype)
        table[np.concatenate(places)] = read
        return table

    def _kept(self, outputs: Numbers, step: int, size: int) -> Numbers:
        import numpy as np

        part = Share.of(size, self._mesh)
        own = outputs[:, step, : part.own].reshape(-1, outputs.shape[-1])
        return np.concatenate([own, outputs[0, step, part.own : part.size]])


def padded(count: int) -> int:
    """A length that is one of few: the next power of 2, from 8."""
    return max(8, 1 << (count - 1).bit_length())


def view(numbers: Numbers, lattice: Lattice) -> Numbers:
    """The numbers of a lattice, of a table those of each row."""
    import numpy as np

    start, shape, strides = lattice
    steps = [*numbers.strides[:-1], *[s * numbers.itemsize for s in strides]]
    return np.lib.stride_tricks.as_strided(numbers[..., start:], (*numbers.shape[:-1], *shape), steps)


def xla_call(code: XlaTrainingCode, *given: OnDevice) -> XlaTrainingCall:
    """What makes steps of it, on one device or on those of its mesh."""
    return XlaTrainingCall(code, *given) if code.mesh is None else SharedTrainingCall(code, code.mesh, *given)
