"""Answers: the checks of the exercises. A check says what is wrong with an answer, never what is right.

The checks of one notebook are one module, imported when the first of its exercises is asked for.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from engine.arguments import is_number, shown
from nn.arguments import is_row

# The module of each notebook's checks, in the order of the course.
NOTEBOOKS = (
    "coming_from_micrograd", "derivatives", "value_and_graph", "chain_rule", "build_it_yourself", "neuron_to_mlp",
    "train_moons", "activations_and_depth", "digits", "words_and_films", "overfitting", "checking_gradients",
    "second_derivatives_and_jit",
)  # fmt: skip

T = TypeVar("T")
Check = Callable[[object], str | None]
CHECKS: dict[str, Check] = {}


class WrongAnswerError(Exception):
    """What is wrong with an answer, raised where it is found."""


class NoAnswerError(Exception):
    """There is no answer yet."""


class Verdict(NamedTuple):
    """Whether an answer is right, and what there is to say about it."""

    right: bool
    says: str


def exercise(name: str) -> Callable[[Check], Check]:
    """Make a function the check of an exercise, such as "03.1": it takes the answer and returns what is wrong, or None."""

    def kept(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return kept


def check_answer(name: str, answer: object) -> None:
    """Print whether an answer is right, and if not, what is wrong with it.

    Args:
        name: the exercise, as its cell has it: "03.1".
        answer: whatever the exercise asks for.

    Raises:
        ValueError: there is no such exercise.

    >>> from nn.course import check_answer
    >>> check_answer("01.1", ...)
    No answer yet: put yours in place of the three dots.
    """
    print(verdict(name, answer).says)


def verdict(name: str, answer: object) -> Verdict:
    """Whether an answer is right, and what `check_answer` prints.

    Args:
        name: the exercise: "03.1".
        answer: whatever the exercise asks for.

    Raises:
        ValueError: there is no such exercise.

    >>> from nn.course import verdict
    >>> verdict("01.1", "steep").right
    False
    """
    check = _check(name)
    try:
        given(answer)
        problem = check(answer)
    except NoAnswerError:
        return Verdict(False, "No answer yet: put yours in place of the three dots.")
    except WrongAnswerError as wrong:
        problem = str(wrong)
    return Verdict(True, "Right.") if problem is None else Verdict(False, f"Not yet: {problem}")


def _check(name: str) -> Check:
    if isinstance(name, str) and name not in CHECKS:
        number = name[:2] if name[:2].isdecimal() else "99"
        if int(number) < len(NOTEBOOKS):
            import_module("." + NOTEBOOKS[int(number)], __package__)
    if not isinstance(name, str) or name not in CHECKS:
        raise ValueError(f"check_answer takes the name of an exercise, such as '03.1', got {shown(name)}")
    return CHECKS[name]


# For checks: what an answer must be before it can be right or wrong; else a WrongAnswerError is raised ------------------


def given(answer: T) -> T:
    """The answer, unless it is still the three dots."""
    if answer is ...:
        raise NoAnswerError
    return answer


def number(answer: object, what: str = "the answer") -> float:
    """The answer as a float; a Value counts by its data."""
    given(answer)
    if not is_number(answer):
        raise WrongAnswerError(f"{what} is a number, and {_shown(answer)} is not one.")
    return float(answer)


def numbers(answer: object, count: int, what: str = "the answer") -> list[float]:
    """The answer as so many floats."""
    given(answer)
    if not is_row(answer):
        raise WrongAnswerError(f"{what} is a list of {count} numbers, and {_shown(answer)} is not one.")
    entries = list(answer)
    if len(entries) != count:
        raise WrongAnswerError(f"{what} is a list of {count} numbers, and this one has {len(entries)}.")
    return [number(x, f"entry {k} of {what}") for k, x in enumerate(entries)]


def function_of(answer: object) -> Callable[..., Any]:
    """The answer as a function."""
    given(answer)
    if not callable(answer):
        raise WrongAnswerError(f"the answer is a function, without calling it, and {_shown(answer)} is not one.")
    return answer


def called(function: object, *arguments: object, what: str = "") -> Any:
    """What the student's function returns; the call is written as `what` says, `slope(f, 3.0)`."""
    run = function_of(function)
    what = what or f"{getattr(function, '__name__', 'function')}({', '.join(map(_shown, arguments))})"
    try:
        with warnings.catch_warnings():  # what is wrong is told below
            warnings.simplefilter("ignore")
            result = run(*arguments)
    except Exception as error:  # whatever a student's code may raise
        raise WrongAnswerError(f"{what} stops with {type(error).__name__}: {str(error).rstrip('.')}.") from error
    if result is None:
        raise WrongAnswerError(f"{what} returns None; is a `return` missing?")
    return given(result)


def close(a: float, b: float, tolerance: float = 1e-6) -> bool:
    """Whether two numbers agree, relative to their size or to 1."""
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def all_close(a: Sequence[float], b: Sequence[float], tolerance: float = 1e-6) -> bool:
    """Whether two lists of numbers agree, one by one."""
    return len(a) == len(b) and all(close(x, y, tolerance) for x, y in zip(a, b))


def _shown(answer: object) -> str:
    text = repr(answer)
    return text if len(text) <= 60 else text[:59] + "…"
