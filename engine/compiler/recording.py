"""A function, run once on recording Values: what it returned, and its instructions as loops."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ..value import Value
from .compilation import Compilation
from .front.flattening import Flat
from .front.gather import AS_LISTS, with_sequences
from .front.recorder import Later, Recorder, indexed, uncollected
from .front.trace import Trace
from .front.transcription import transcribed
from .llvm.native_code import Numbers
from .loops.extension import Rolled, extended
from .loops.rounds import Family, NotUniformError
from .places import Results

MANY = 4  # differentiated numbers a node: with more their gradients are few pieces, and a few examples no shorter
FEW = range(4, 9)  # the numbers of rounds of programs; from three that grow evenly that of many rounds is read off


class Recording:
    """A function on the way to a rolled program.

    Args:
        f: the function; of a gradient of many examples, all alike, only a few are differentiated.
        call: runs it with a tree of arguments.
        given: the arguments.
        stages: where times are noted.
        few: be content with a few examples?

    Attributes:
        recorder: what was recorded.
        results: what was returned.
        trace: the instructions; of a few examples: of these.
        rolled: the program.
        of_few: was it read off programs of a few examples?
    """

    def __init__(self, f: Callable[..., object], call: Callable[[object], object], given: Flat, stages: Compilation,
                 few: bool = True) -> None:  # fmt: skip
        self._stages = stages

        def recorded(as_rows: bool) -> tuple[Recorder, object]:
            recorder = Recorder(as_rows)
            recorder.whole = f if hasattr(f, "gradient_of") else None
            traced = recorder.parameters(given)
            recorder.free = len(recorder.operands)
            tree = recorder.arguments(given.rebuild(traced))
            return recorder, recorder.run(lambda: call(tree), reads=(f, *given.modules))

        with uncollected():
            with stages.timed("trace"):
                self.recorder, returned = indexed(recorded)
            found = self._from_few(returned) if few and isinstance(returned, Later) else None
            self.of_few = found is not None
            self._whole = returned if isinstance(returned, Later) and self.of_few else None
            self.rolled = self._rolled(self.recorder, returned) if found is None else found

    def agrees(self, found: Numbers) -> bool:
        """Are these numbers, which native code computed, eager mode's to some digits? A program of few is believed then."""
        import numpy as np

        if self._whole is None:
            return True
        leaves = Results(self._whole.answered(self._whole.run.apart())).leaves
        expected = np.array([x._data if isinstance(x, Value) else x for x in leaves], float)
        digits = 1e-6 if found.dtype == float else 1e-2
        finite = expected[np.isfinite(expected)]
        least = digits * 1e-4 * np.abs(finite).max(initial=0.0)
        return bool(np.allclose(found[: len(expected)], expected, digits, least, equal_nan=True))

    def _rolled(self, recorder: Recorder, returned: object, is_first: bool = True) -> Rolled:
        """The program of what a function returned; only the first of several says in which tree."""
        with self._stages.timed("trace"):
            if isinstance(returned, Later):
                returned = recorder.answered(returned)
            returned = with_sequences(returned, AS_LISTS) if recorder.indices else returned
            results = Results(returned)
            if is_first:
                self.results = results
            effects = results.effects()
            pair = returned if isinstance(returned, tuple) and returned.__class__ is tuple else ()
            if pair and pair[0].__class__ is Value:
                # A lone result first, as in (value, gradient), would turn the loop that writes the rest by one place.
                effects = [*effects[1:], *effects[:1]]
            self.trace: Trace = transcribed(recorder, effects)
        return self._stages.roll(self.trace)

    def _from_few(self, later: Later) -> Rolled | None:
        """The program, read off those of a few examples; None where they do not tell."""
        recorder, (root, *_) = self.recorder, later.run.out.leaves
        if root.__class__ is not Value or MANY * len(recorder.nodes) < len(later.run.leaves):
            return None
        with self._stages.timed("trace"):
            family = Family(recorder, root, later.run.leaves)
        few: list[Rolled] = []
        with suppress(NotUniformError):
            for rounds in [n for n in FEW if n > family.reach] if family.count else ():
                with self._stages.timed("trace"):
                    root, nodes = family.member(rounds)
                    run = later.run.returning(root)
                    member = later._replace(run=run.listed() if few else run)
                few.append(self._rolled(recorder.fork(nodes), member, not few))
                found = extended(few[-3:], range(rounds - 2, rounds + 1), family.count) if len(few) > 2 else None
                if found is not None:
                    return found
        family.withdraw()
        return None
