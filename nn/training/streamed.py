"""Examples that every process gives by itself, part by part: read as they come, once an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from engine.arguments import shown

from ..data import Row, rows, targets
from .stored import Index, Read, Table
from .targets import Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.compiler import Mesh

T = TypeVar("T")
KNOWN = 100  # examples that are kept, to see of what kind all are


class Known(Sequence[T]):
    """A few examples that stand for many, in turn.

    Args:
        few: these.
        count: how many there are.
    """

    def __init__(self, few: Sequence[T], count: int) -> None:
        self._few, self._count = few, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, i: Index) -> Read:
        return self._few[i % len(self._few)]


class Stream:
    """What a process gives of a training's examples.

    Args:
        who: the function that was called, for messages.
        given: a function of the epoch, from 0, that returns an iterable of parts, each (X, y) of some examples; or such
            an iterable itself, if it can be read again in each epoch.

    Attributes:
        who: as given.
        count: how many examples one epoch has here.
        X, y: those of all processes, of which the first ones here are known.

    Raises:
        TypeError, ValueError: given is none of these, or something in it is no example.
    """

    X: Known[Row]
    y: Known[Target]

    def __init__(self, who: str, given: object) -> None:
        self.who, self._given, self.count = who, given, 0
        if hasattr(given, "__next__") or not (callable(given) or hasattr(given, "__iter__")):
            raise TypeError(
                f"{who} takes a function of the epoch that returns parts (X, y), or a list of them, as X where y is None, "
                f"got {shown(given)}{', which ends after one epoch' * hasattr(given, '__next__')}"
            )

    def read(self, processes: int, target: Callable[[Row], Callable[[object, str], Target]]) -> None:
        """Read one epoch, to count it and to see that all are examples.

        Args:
            processes: how many there are that give as much.
            target: the first row -> (a target, its place) -> the target, checked.
        """
        known: list[tuple[Row, Target]] = []
        self.count = 0
        for x, t in self._examples(0):
            if not known:
                self._target = target(x)
            t = self._target(t, f"y of example {self.count}")
            if known and len(x) != len(known[0][0]):
                width = len(known[0][0])
                raise ValueError(
                    f"{self.who} takes rows of one length in X, got {width} numbers in example 0, {len(x)} in example "
                    f"{self.count}"
                )
            if len(known) < KNOWN:
                known.append((x, t))
            self.count += 1
        if not known:
            raise ValueError(f"{self.who} takes at least one example in X, got none")
        self.X = Known([x for x, _ in known], processes * self.count)
        self.y = Known([t for _, t in known], processes * self.count)

    def _examples(self, epoch: int) -> Iterator[tuple[Row, object]]:
        parts = self._given(epoch) if callable(self._given) else self._given
        if not isinstance(parts, Iterable):
            raise TypeError(f"{self.who} takes a function that returns parts (X, y), got {shown(parts)} from it")
        for k, part in enumerate(parts):
            if not isinstance(part, (tuple, list)) or len(part) != 2:
                raise TypeError(f"{self.who} takes parts (X, y) of the examples, got {shown(part)} as part {k}")
            X = rows(self.who, part[0], f"X of part {k}")
            yield from zip(X, targets(self.who, part[1], len(X), f"y of part {k}"))

    def epoch(self, epoch: int) -> Iterator[tuple[Row, Target]]:
        """The examples of an epoch; a ValueError where they are not as many as in the first."""
        count = 0
        for x, t in self._examples(epoch):
            if count == self.count:
                raise self._uneven(epoch, "more")
            yield x, self._target(t, f"y of example {count}")
            count += 1
        if count < self.count:
            raise self._uneven(epoch, count)

    def _uneven(self, epoch: int, got: object) -> ValueError:
        return ValueError(
            f"{self.who} takes as many examples in each epoch, got {self.count} in the first, {got} in epoch {epoch + 1}"
        )


class StreamedTable(Table):
    """What a stream gives as rows of numbers, asked for in the order of an epoch: of each batch those of this process.

    Args:
        stream, mesh: of them.
        batch: how many examples a batch has.
        epoch: returns which epoch it is.
        row, masks: as of a Table.
    """

    def __init__(self, stream: Stream, mesh: Mesh, batch: int, epoch: Callable[[], int],
                 row: Callable[[Row, Target], list[float]], masks: int) -> None:  # fmt: skip
        super().__init__(stream.X, stream.y, row, masks)
        self._stream, self._mesh, self._asked, self._epoch = stream, mesh, epoch, -1
        self._first = self._at = 0
        self._rows: dict[int, list[float]] = {}
        self._batch = min(batch, len(stream.X))
        for size in (self._batch, len(stream.X) % self._batch):
            if size % mesh.count:
                raise ValueError(
                    f"{stream.who} takes batches that {mesh.count} devices can share evenly, the last one of an epoch too, got one of "
                    f"{size} examples; give fewer, or another batch_size"
                )

    def __getitem__(self, i: Index) -> NDArray[np.float64]:
        import numpy as np

        if np.ndim(i) == 0:
            return super().__getitem__(i)
        mesh, steps = self._mesh, np.asarray(i) // self._batch
        own = np.minimum(self._batch, len(self) - steps * self._batch) // mesh.count
        device, at = np.divmod(np.asarray(i) - steps * self._batch, own)
        here = np.searchsorted(mesh.here, device)
        each = self._batch // mesh.processes
        places = steps * each + here * own + at
        try:
            self._read(int(steps.min()) * each, int(places.max()) + 1)
        except BaseException:
            self._epoch = -1  # to begin anew
            raise
        numbers = zip(np.asarray(i).tolist(), places.tolist())
        return np.array([[*self._rows[place], *self._masks.get(k, self._ones)] for k, place in numbers])

    def _read(self, first: int, end: int) -> None:
        """Have the rows from here to there; those before are not asked for again but by who goes back."""
        if self._epoch != self._asked() or first < self._first:
            self._epoch, self._first, self._at = self._asked(), 0, 0
            self._rows = {}
            self._pass = self._stream.epoch(self._epoch)
        for place in range(self._first, min(first, self._at)):
            del self._rows[place]
        self._first = first
        while self._at < end:
            x, t = next(self._pass)
            if self._at >= first:
                self._rows[self._at] = self._row(x, t)
                if len(self._rows[self._at]) != self.columns:
                    raise ValueError(f"{self._stream.who} takes rows of one shape, got another in example {self._at}")
            self._at += 1
        if end == self._stream.count:
            next(self._pass, None)  # which raises an error if there is one more
