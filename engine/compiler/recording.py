"""A function, run once on recording Values: what it returned, and its instructions as loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from functools import partial
from math import inf
from random import Random
from typing import TYPE_CHECKING, Any

from .. import context
from ..leaves import Leaves, Needed, is_row
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
from .places import Results, outputs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGE = 4096  # parameters of a Module from which on their Values are made when someone looks at them
MANY = 4  # differentiated numbers a node: with more their gradients are few pieces, and a few examples no shorter
FEW = range(4, 9)  # the numbers of rounds of programs; from three that grow evenly that of many rounds is read off
FEWER = 3  # rounds of a program that confirms what the first of these says of it: then that one is enough
ROLLED = 3  # so many times as long as its items is a program that is loops, and says something

NOT_TAKEN = TypeError, ValueError, ArithmeticError  # by what a function says that it does not take some numbers

Other = Callable[[Numbers, Numbers], Numbers]  # (numbers, as many between 0 and 1) -> numbers to compare at
OTHERS: tuple[Other, ...] = (  # any of their size; where a function does not take all, some near them
    lambda x, u: (2.0 * u - 1.0) * (abs(x) + (x == 0.0)),
    lambda x, u: x * (0.75 + 0.5 * u) + (x == 0.0) * (0.1 * u),
    lambda x, u: x,
)

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
        shortening, found = _Shortening(), None
        self._later: Later | None = None  # of what a few were differentiated
        self._results_of: dict[Other, tuple[Flat, Numbers]] = {}
        with uncollected():
            made = self._of_unmade(shortening if few else None)
            if made is None or shortening.family is not None:
                shortening = _Shortening()
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

    def _recorded(self, shortening: _Shortening | None, many: float = inf) -> tuple[Recorder, object]:
        """(a record, what was returned); the leaves of Modules of so many are not made."""

        def recorded(as_rows: bool) -> tuple[Recorder, object]:
            recorder = Recorder(as_rows)
            recorder.shortens = None if as_rows else shortening
            self._leaves = recorder.parameters(self._given, many=inf if as_rows else many)
            recorder.free = len(recorder.operands) + sum(map(len, recorder.unmade))
            return recorder, self._returned(recorder)

        with self._stages.timed("trace"):
            return indexed(recorded)

    def _of_unmade(self, shortening: _Shortening | None) -> tuple[Recorder, object] | None:
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
            _give(leaves, numbers_of(x))
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
                if not _are_close(found, expected, digits, finite | (other is OTHERS[-1])):
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
            given = _with_others(self._given, other)
            returned = self._called(given) if self._later is None else self._answered(self._later, given)
            self._results_of[other] = given, _numbers(returned)
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
        (root, *_), leaves = later.run.out.leaves, later.run.leaves
        return root.__class__ is Value and (is_row(leaves) or MANY * len(self.recorder.nodes) >= len(leaves))

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

    def _from_shorter(self, family: Family, shortening: _Shortening, returned: object) -> Rolled | None:
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
            for rounds in _few_of(family):
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


class _Shortening:
    """The first function of many rounds that a transform differentiates while a record is made becomes one of a few.

    Attributes:
        family: the functions of fewer rounds; None while there is none.
        other: was the function another one in a later record?
        numbers: what the transform found that depends on no argument.
    """

    def __init__(self) -> None:
        self.family: Family | None = None
        self.other, self.numbers = False, list[float]()
        self._rounds = self._calls = self._at = self._tried = 0

    def begin(self, rounds: int) -> None:
        """The function is recorded again, and is to have so many rounds."""
        self._rounds, self._calls, self.numbers = rounds, 0, []

    def __call__(self, recorder: Recorder, run: Any) -> Any:
        """The call of the function that a transform differentiates."""
        self._calls += 1
        root, is_new = run.out.leaves[0], self.family is None
        if is_new and self._is_long(recorder, run):
            found = Family(recorder, root, run.leaves)
            if found.count:
                self.family, self._at, self._rounds = found, self._calls, _few_of(found)[0]
        if self.family is None or self._calls != self._at:
            return run
        try:
            family = self.family if is_new else self.family.again(recorder, root)
            shorter, nodes = family.member(self._rounds)
        except NotUniformError:
            self.other = True
            if is_new:
                self.family.withdraw()
                self.family = None
            return run
        made, live = recorder.nodes, set(family.nodes)
        first = next(k for k, v in enumerate(made) if v in live)
        recorder.nodes = [*made[:first], *nodes, *[v for v in made[first:] if v not in live]]
        found = run.returning(shorter)
        found.numbers = self.numbers
        return found

    def _is_long(self, recorder: Recorder, run: Any) -> bool:
        """May it have many rounds? It is not looked at again before there is twice as much of it."""
        long = len(recorder.nodes) > 2 * self._tried and len(run.out.leaves) == 1 and not run.is_plain
        if not long or run.out.leaves[0].__class__ is not Value or MANY * len(recorder.nodes) < len(run.leaves):
            return False
        self._tried = len(recorder.nodes)
        return True


def _wants_lists(error: Exception) -> bool:
    """May a list of leaves have been wanted, where these are not made? All else is the function's own."""
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None:
        entry = entry.tb_next
    ours = entry is not None and is_library(entry.tb_frame.f_code.co_filename)
    named = "Leaves" in str(error) or "Row" in str(error)
    return named or isinstance(error, LentError) or (ours and not isinstance(error, (TypeError, ValueError)))


def _numbers(returned: object) -> Numbers:
    """Those in a tree."""
    import numpy as np

    return np.array([x._data if isinstance(x, Value) else x for x in Results(returned).leaves], float)


def _are_close(found: Numbers, expected: Numbers, digits: float, where: NDArray[np.bool_]) -> bool:
    """Are numbers others, to some digits?"""
    import numpy as np

    found, expected = found[: len(expected)][where], expected[where]
    least = digits * 1e-4 * np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    return bool(np.allclose(found, expected, digits, least, equal_nan=True))


def _give(leaves: Any, numbers: list[float]) -> None:
    """Leaves get other numbers."""
    if type(leaves) is Leaves:
        leaves.row.source.give(numbers)
        return
    made = leaves.ravel().tolist() if hasattr(leaves, "shape") else [leaves] if leaves.__class__ is Value else leaves
    for v, x in zip(made, numbers):
        v._data = x


def _with_others(given: Flat, other: Callable[[Numbers, Numbers], Numbers]) -> Flat:
    """Arguments like these with other numbers."""
    import numpy as np

    draw, changed = Random(0).random, copy(given)  # noqa: S311  no secret

    def like(x: Any) -> Any:
        before = np.array(numbers_of(x), float)
        numbers = other(before, np.array([draw() for _ in before])).tolist()
        if x.__class__ is tuple and len(x) < LARGE:
            return tuple(map(Value, numbers))
        if hasattr(x, "shape"):
            return np.reshape(numbers, x.shape)
        return numbers if x.__class__ is list or x.__class__ is tuple else numbers[0]

    changed.leaves = [like(x) for x in given.leaves]
    return changed


def _few_of(family: Family) -> list[int]:
    """How many rounds those members have of which the program is read off."""
    return [n for n in FEW if n > family.reach]
