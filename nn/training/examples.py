"""Examples: what a training learns from and what it is judged on, read, checked and divided."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from engine.arguments import number, real, shown

from ..arguments import several
from ..data import Row, check_order, permutation, rows, targets
from ..init import Generator
from ..module import Module, in_mode
from .console import warn
from .objective import Objective
from .stored import Stored, is_stored, stored_rows
from .streamed import Stream
from .targets import Target

if TYPE_CHECKING:
    from engine.compiler import Mesh


class Examples:
    """Inputs and targets, of which some may be held out.

    Args:
        who: the function that was called, for messages.
        net: the network, asked once, so that a wrong width is found before any training.
        objective: the loss with the targets it takes.
        X, y: examples and targets.
        validation: a part of the examples to hold out, such as 0.2, or (X, y); None for none.
        mesh: who shares them: arrays are left where they are then, and what is asked for is read; and X may be a function
            of the epoch that gives parts (X, y) of this process's own, where y is None.

    Attributes:
        X, y: all examples and targets.
        trained: the numbers of those that are trained on.
        held: (X, y) of those that are held out, or None.
        stream: what gives them part by part, or None.

    Raises:
        ValueError, TypeError: an argument is not one of these, or not for this network.

    >>> import random
    >>> from nn import MLP
    >>> from nn.training.examples import Examples
    >>> from nn.training.objective import objective
    >>> examples = Examples("fit", MLP(1, [1], seed=0), objective("fit", "mse"), [[0], [1], [2]], [0, 1, 2], 0.3)
    >>> examples.divide(random.Random(0))
    >>> examples.trained, examples.held
    ([1, 2], ([[0.0]], [0.0]))
    """

    def __init__(self, who: str, net: Module, objective: Objective, X: object, y: object, validation: object,
                 mesh: Mesh | None = None) -> None:  # fmt: skip
        self._who, self._objective = who, objective
        self.X: Sequence[Row]
        self.y: Sequence[Target]
        self.stream: Stream | None = None
        if y is None and (mesh is not None or callable(X)):
            self.stream = self._streamed(net, X, validation, mesh)
            self.X, self.y = self.stream.X, self.stream.y
        else:
            self.X = stored_rows(who, X) if mesh is not None and is_stored(X) else rows(who, X)
            check_order(who, X, y)
        outputs = _outputs_of(net, self.X[0])
        if self.stream is None:
            self.y = self._targets(y, outputs, mesh is not None)
        self.held: tuple[list[Row], list[Target]] | None = None
        self.trained = list(range(len(self.X)))
        self._part: float | None = None
        if real(validation) is not None and not isinstance(validation, bool):
            takes = "a part between 0 and 1"
            self._part = number(who, "validation", validation, takes, lambda part: 0.0 < part < 1.0)
            self._count_held()
        elif validation is not None:
            self.held = self._given(net, validation, outputs)
        if objective.classes and self.stream is None and len(self.y) > 1 and all(t == self.y[0] for t in self.y):
            warn(
                UserWarning,
                f"{who} got {len(self.y)} examples of one class in y, {self.y[0]}: all that can be learned is to say it",
            )

    def divided(self, rng: Generator) -> Examples:
        """These examples, as a generator would divide them."""
        twin = copy.copy(self)
        twin.divide(rng)
        return twin

    def divide(self, rng: Generator) -> None:
        """Choose by a generator which examples are held out, where a part of them is."""
        if self._part is None:
            return
        held, order = self._count_held(), permutation(len(self.X), rng)
        self.trained = sorted(order[held:])
        apart = sorted(order[:held])
        self.held = [self.X[i] for i in apart], [self.y[i] for i in apart]

    def shuffled(self, rng: Generator) -> list[int]:
        """The numbers of the examples that are trained on, in random order, or as they come."""
        if self.stream is not None:  # which gives them in an order of its own
            return list(self.trained)
        return [self.trained[i] for i in permutation(len(self.trained), rng)]

    def _count_held(self) -> int:
        count = len(self.X)
        held = round(count * (self._part or 0.0))
        if not 0 < held < count:
            raise ValueError(
                f"{self._who} takes a validation part that leaves examples on both sides, "
                f"got {self._part} of {count} examples"
            )
        return held

    def _streamed(self, net: Module, X: object, validation: object, mesh: Mesh | None) -> Stream:
        if mesh is None:
            raise ValueError(
                f'{self._who} takes a function of the epoch as X with backend="xla" and a mesh, which of one device is mesh=1, '
                "got none"
            )
        if real(validation) is not None:
            raise ValueError(
                f"{self._who} takes (X, y) as validation of examples that come part by part, got {shown(validation)}"
            )

        def targets_for(x: Row) -> Callable[[object, str], Target]:
            outputs = _outputs_of(net, x)
            return lambda t, place: self._objective.target(self._who, t, outputs, place)

        found = Stream(self._who, X)
        found.read(mesh.processes, targets_for)
        return found

    def _targets(self, y: object, outputs: int, stored: bool) -> Sequence[Target]:
        if not (stored and is_stored(y)):
            return self._read(targets(self._who, y, len(self.X)), outputs, "y")
        found = Stored(y, lambda t, i: self._objective.target(self._who, t, outputs, f"row {i} of y"))
        if len(found) != len(self.X):
            raise ValueError(f"{self._who} takes one target in y for each of {len(self.X)} examples, got {len(found)}")
        return found

    def _read(self, y: Sequence[object], outputs: int, name: str) -> list[Target]:
        return [self._objective.target(self._who, t, outputs, f"row {i} of {name}") for i, t in enumerate(y)]

    def _given(self, net: Module, validation: object, outputs: int) -> tuple[list[Row], list[Target]]:
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise TypeError(f"{self._who} takes a part such as 0.2, or (X, y), as validation, got {shown(validation)}")
        X = rows(self._who, validation[0], "validation X")
        check_order(self._who, validation[0], validation[1], "validation y")
        y = self._read(targets(self._who, validation[1], len(X), "validation y"), outputs, "validation y")
        _outputs_of(net, X[0])
        return X, y


def _outputs_of(net: Module, x: Row) -> int:
    """How many outputs a network has, found by one evaluation."""
    with in_mode(net, False):
        return len(several(net(x)))
