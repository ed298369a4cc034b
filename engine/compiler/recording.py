"""A function, run once on recording Values: what it returned, and its instructions as loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from math import inf

from .. import context
from ..leaves import Needed, is_row
from ..value import Value
from .compilation import Compilation
from .front.flattening import Flat, numbers_of
from .front.gather import AS_LISTS, with_sequences
from .front.outside import is_library
from .front.recorder import Later, LentError, Recorder, TraceError, indexed, uncollected
from .front.squares import gathered
from .front.trace import Trace
from .front.transcription import transcribed
from .llvm.native_code import Numbers
from .loops.extension import Rolled, extended
from .loops.members import NotUniformError
from .loops.numbers import gradient, renew
from .loops.prediction import predicted
from .loops.rounds import Family
from .other_numbers import NOT_TAKEN, OTHERS, Other, are_close, give, results_of, with_others
from .places import Results, outputs
from .shortening import FEWER, Shortening, few_of, has_many_nodes

LARGE = 4096  # parameters of a Module from which on their Values are made when someone looks at them
ROLLED = 3  # so many times as long as its items is a program that is loops, and says something

Member = Callable[[int, bool], tuple[Recorder, object]]  # (rounds, is it the first?) -> a record, what was returned


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
        self._stages, self._f, self._call, self._given = stages, f, call, given
        shortening, found = Shortening(), None
        self._later: Later | None = None  # of what a few were differentiated
        self._results_of: dict[Other, tuple[Flat, Numbers]] = {}
        with uncollected():
            made = self._of_unmade(shortening if few else None)
            if made is None or shortening.family is not None:
                shortening = Shortening()
                made = self._recorded(shortening if few else None)
            self.recorder, returned = made
            if isinstance(returned, Later):
                leaves = returned.run.leaves
                squared = Needed(leaves.source) if is_row(leaves) else set(leaves)
                self.recorder.nodes = gathered(self.recorder.nodes, squared, returned.run.out.leaves)
            if shortening.family is not None:
                found = self._from_shorter(shortening.family, shortening, returned)
                if found is None:
                    self.recorder, returned = self._recorded(None)
            elif few and isinstance(returned, Later) and self._is_of_many_nodes(returned):
                found, self._later = self._from_few(returned), returned
            self.of_few = found is not None
            self.rolled = self._rolled(self.recorder, returned) if found is None else found

    def _recorded(self, shortening: Shortening | None, many: float = inf) -> tuple[Recorder, object]:
        """(a record, what was returned); the leaves of Modules of so many are not made."""

        def recorded(as_rows: bool) -> tuple[Recorder, object]:
            recorder = Recorder(as_rows)
            recorder.shortens = None if as_rows else shortening
            self._leaves = recorder.parameters(self._given, many=inf if as_rows else many)
            recorder.free = len(recorder.operands) + sum(map(len, recorder.unmade))
            return recorder, self._returned(recorder)

        with self._stages.timed("trace"):
            return indexed(recorded)

    def _of_unmade(self, shortening: Shortening | None) -> tuple[Recorder, object] | None:
        """The record of the gradient of a large Module, with leaves that are not made; None where that is none, or where
        such leaves do not do what is asked of them."""
        if hasattr(self._f, "gradient_of") and any(
            x.__class__ is tuple and len(x) >= LARGE for x in self._given.leaves
        ):
            try:
                return self._recorded(shortening, LARGE)
            except Exception as error:
                if not _wants_lists(error):
                    raise
        return None

    def _returned(self, recorder: Recorder) -> object:
        """What the function returns of recording Values."""
        recorder.whole = self._f if hasattr(self._f, "gradient_of") else None
        tree = recorder.arguments(self._given.rebuild(self._leaves))
        return recorder.run(partial(self._call, tree), reads=(self._f, *self._given.modules))

    def _called(self, given: Flat) -> object:
        """What it returns, called once more: of numbers, where it takes them, for then no graph of a gradient is made. They
        are not the user's, who is not to be warned of them."""
        import numpy as np

        with context.no_grad():
            if not self.recorder.indices:
                with suppress(Exception), np.errstate(all="ignore"):
                    return self._call(given.rebuild(given.leaves))
            return self._call(given.rebuild(Recorder().parameters(given)))

    def _answered(self, later: Later, given: Flat) -> object:
        """What it returns, by its record, which computes with these from then on."""
        for leaves, x in zip(self._leaves, given.leaves):
            give(leaves, numbers_of(x))
        renew(self.recorder.nodes)
        if is_row(later.run.leaves):
            (root,), (_, _, with_value) = later.run.out.leaves, vars(self._f)["gradient_of"]
            slopes = gradient(self.recorder.nodes, root, later.run.leaves.source)
            return [*later.run.out.leaves, slopes] if with_value else slopes
        return later.answered(later.run.apart())

    def agrees(self, computed: Callable[[Flat], Numbers]) -> bool:
        """Does native code compute eager mode's numbers, to some digits? A program of few is believed then.

        They are compared at other arguments first: at these a weight may be 0 and a unit dead, which hides what is wrong.
        """
        if not self.of_few:
            return True
        import numpy as np

        for other in self._others():
            with suppress(*NOT_TAKEN):
                given, expected = self._expected(other)
                found = computed(given)
                digits = 1e-5 if found.dtype == float else 1e-1
                finite = np.isfinite(expected)
                if not are_close(found, expected, digits, finite | (other is OTHERS[-1])):
                    return False
                if finite.all():
                    break
        return True

    def prepare(self) -> None:
        """Compute the numbers that `agrees` compares with first."""
        with suppress(*NOT_TAKEN):
            self._expected(self._others()[0])

    def _others(self) -> Sequence[Other]:
        return OTHERS if not self.recorder.indices else OTHERS[-1:]

    def _expected(self, other: Other) -> tuple[Flat, Numbers]:
        """(arguments like those given with other numbers, eager mode's results)."""
        if other not in self._results_of:
            given = with_others(self._given, other, LARGE)
            returned = self._called(given) if self._later is None else self._answered(self._later, given)
            self._results_of[other] = given, results_of(returned)
        return self._results_of[other]

    def _rolled(self, recorder: Recorder, returned: object, is_first: bool = True) -> Rolled:
        """The program of what a function returned."""
        self.trace = self._traced(recorder, returned, is_first)
        return self._stages.roll(self.trace)

    def _traced(self, recorder: Recorder, returned: object, is_first: bool) -> Trace:
        """The instructions of what a function returned; only the first of several says in which tree."""
        with self._stages.timed("trace"):
            pieces = None
            if isinstance(returned, Later):
                if is_row(returned.run.leaves):
                    returned = returned._replace(run=returned.run.in_pieces())
                    pieces = returned.run.pieces
                returned = recorder.answered(returned)
            returned = with_sequences(returned, AS_LISTS) if recorder.indices else returned
            pair = returned if isinstance(returned, tuple) and returned.__class__ is tuple else ()
            if is_first or pieces is None:
                results = Results(returned)
                if is_first:
                    self.results = results
                effects = results.effects(pieces)
            else:  # of a Module that is like that of the first
                effects = outputs([*[v for v in pair if v.__class__ is Value], *pieces])
            if pair and pair[0].__class__ is Value:
                # A lone result first, as in (value, gradient), would turn the loop that writes the rest by one place.
                effects = [*effects[1:], *effects[:1]]
            return transcribed(recorder, effects)

    def _is_of_many_nodes(self, later: Later) -> bool:
        root = later.run.out.leaves[0]
        return root.__class__ is Value and (is_row(later.run.leaves) or has_many_nodes(self.recorder, later.run))

    def _from_few(self, later: Later) -> Rolled | None:
        """The program, read off those of a few examples; None where they do not tell."""
        recorder, (root, *_) = self.recorder, later.run.out.leaves
        with self._stages.timed("trace"):
            family = Family(recorder, root, later.run.leaves)

        def member(rounds: int, is_first: bool) -> tuple[Recorder, object]:
            root, nodes = family.member(rounds)
            run = later.run.returning(root)
            listed = not (is_first or is_row(run.leaves))
            return recorder.fork(nodes), later._replace(run=run.listed() if listed else run)

        found = self._extended(family, member) if family.count else None
        if found is None:
            family.withdraw()
        return found

    def _from_shorter(self, family: Family, shortening: Shortening, returned: object) -> Rolled | None:
        """The program, read off those of functions that a transform inside was given fewer examples."""
        first, before, size = self.recorder, self.recorder.fork([]), len(self.recorder.nodes)
        numbers = shortening.numbers

        def member(rounds: int, is_first: bool) -> tuple[Recorder, object]:
            if is_first:
                return first, returned
            shortening.begin(rounds)
            recorder = before.fork([])
            again = self._returned(recorder)
            growth = abs(len(recorder.nodes) - size)
            # Most of the record is of something else, or a slope counts the rounds, which Python may make anything of.
            # A program that confirms is the only other one; where several are to be fitted, more of it has to be rounds.
            least = growth * (family.count - rounds) * (2 if rounds == FEWER else 1)
            if shortening.other or least < size or shortening.numbers != numbers:
                raise NotUniformError
            return recorder, again

        return self._extended(family, member)

    def _extended(self, family: Family, member: Member) -> Rolled | None:
        """The program, read off those of some members of a family; None where they do not tell."""
        few: list[Rolled] = []
        with suppress(NotUniformError, TraceError):
            for rounds in few_of(family):
                with self._stages.timed("trace"):
                    recorder, returned = member(rounds, not few)
                few.append(self._rolled(recorder, returned, not few))
                if len(few) == 1:
                    found = self._predicted(family, few[0], rounds, member)
                else:
                    found = extended(few[-3:], range(rounds - 2, rounds + 1), family.count) if len(few) > 2 else None
                if found is not None:
                    return found
        return None

    def _predicted(self, family: Family, program: Rolled, rounds: int, member: Member) -> Rolled | None:
        """What the program of a few rounds says, where that of fewer confirms it."""
        if family.reach >= FEWER - 1 or not self._stages.uniform or program.length <= ROLLED * len(program.body):
            return None
        with suppress(NotUniformError):
            with self._stages.timed("trace"):
                recorder, returned = member(FEWER, False)
            code = self._stages.flat(self._traced(recorder, returned, False))
            with self._stages.timed("roll"):
                return predicted(program, rounds, code, FEWER, family.count)
        return None


def _wants_lists(error: Exception) -> bool:
    """May a list of leaves have been wanted, where these are not made? All else is the function's own."""
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None:
        entry = entry.tb_next
    ours = entry is not None and is_library(entry.tb_frame.f_code.co_filename)
    named = "Leaves" in str(error) or "Row" in str(error)
    return named or isinstance(error, LentError) or (ours and not isinstance(error, (TypeError, ValueError)))
