"""The exercises of 04_build_it_yourself: what a Value must do, as laws over any class that somebody wrote."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from .answers import NoAnswerError, WrongAnswerError, called, close, exercise, given

DOUBLINGS = 40
CALLS = 200_000  # are enough for a graph of 41 nodes, and not for its 2⁴⁰ paths
DEEP = 20_000
TOO_DEEP = "RecursionError: calls inside calls inside calls, too deep for Python."

Homemade = type[Any]  # a class that somebody wrote: what its objects can do is found out
Law = Callable[[Homemade], str | None]
LAWS: dict[str, Law] = {}


class _EndlessError(BaseException):
    """A graph is walked path by path; no `except Exception` on the way is to keep that to itself."""


def report(value: Homemade) -> None:
    """Print which laws a home-made Value keeps, and what is wrong where it does not.

    Args:
        value: a class. `value(2.0)` has `.data` and `.grad`, sums and products with others and with numbers, and
            `.backward()`.

    >>> from engine import Value
    >>> report(Value)
    sums and products                 ok
    one path                          ok
    two paths                         ok
    two paths of different length     ok
    a number used again and again     ok
    backward twice                    ok
    two losses over one number        ok
    a deep graph                      ok
    """
    for name, law in LAWS.items():
        print(f"{name:33} {_broken(law, value) or 'ok'}")


def _law(name: str) -> Callable[[Law], Law]:
    def kept(law: Law) -> Law:
        LAWS[name] = law
        return law

    return kept


def _broken(law: Law, value: Homemade) -> str | None:
    """What is wrong by a law, in a sentence, whatever the class may do."""
    try:
        return law(value)
    except NoAnswerError:
        raise
    except _EndlessError:
        return f"stopped: over {CALLS:,} calls for {DOUBLINGS + 1} numbers, the same ones again."
    except RecursionError:
        return TOO_DEEP
    except Exception as error:  # whatever a student's code may raise
        return f"{type(error).__name__}: {str(error).rstrip('.')}."


def _told(what: str, found: object, right: float) -> str | None:
    if not isinstance(found, (int, float)):
        return f"{what} is {found!r:.40}."
    return None if close(found, right) else f"{what} is {found:.6g}, not {right:.6g}."


@_law("sums and products")
def _arithmetic(value: Homemade) -> str | None:
    a, b = value(2.0), value(-3.0)
    results = [("a + b", (a + b).data, -1.0), ("a * b", (a * b).data, -6.0), ("a * 3.0", (a * 3.0).data, 6.0)]
    results += [("3.0 * a", (3.0 * a).data, 6.0), ("a + 1.0", (a + 1.0).data, 3.0), ("1.0 + a", (1.0 + a).data, 3.0)]
    return next(filter(None, [_told(f"a = 2, b = -3: {what}", x, right) for what, x, right in results]), None)


@_law("one path")
def _one_path(value: Homemade) -> str | None:
    a, b, c = value(2.0), value(-3.0), value(10.0)
    (a * b + c).backward()
    found = [_told("L = a*b + c: a.grad", a.grad, -3.0), _told("L = a*b + c: b.grad", b.grad, 2.0)]
    return found[0] or found[1] or _told("L = a*b + c: c.grad", c.grad, 1.0)


@_law("two paths")
def _two_paths(value: Homemade) -> str | None:
    a = value(3.0)
    (a * a + a).backward()
    return _told("L = a*a + a at 3: a.grad", a.grad, 7.0)


@_law("two paths of different length")
def _lengths(value: Homemade) -> str | None:
    builds: list[tuple[str, Callable[[Any, Any], Any]]] = [
        ("h = a*a, k = 3*h, L = h*k", lambda h, k: h * k),
        ("h = a*a, k = 3*h, L = k*h", lambda h, k: k * h),
    ]
    for text, build in builds:
        a = value(2.0)
        h = a * a
        build(h, h * 3.0).backward()
        wrong = _told(f"{text} at 2: a.grad", a.grad, 96.0)
        if wrong:
            return wrong
    return None


@_law("a number used again and again")
def _doublings(value: Homemade) -> str | None:
    v = one = value(1.0)
    for _ in range(DOUBLINGS):
        v = v + v
    with _few_calls():
        v.backward()
    return _told(f"{DOUBLINGS} doublings: the gradient of the first", one.grad, 2.0**DOUBLINGS)


@_law("backward twice")
def _twice(value: Homemade) -> str | None:
    a = value(2.0)
    loss = a * a * 3.0
    loss.backward()
    loss.backward()
    if isinstance(a.grad, (int, float)) and close(a.grad, 12.0):
        return "L = a*a*3 at 2: a.grad is 12 after two calls: the second is lost, and two losses could not be added."
    return _told("L = a*a*3 at 2: two calls shall give twice the gradient; a.grad", a.grad, 24.0)


@_law("two losses over one number")
def _two_losses(value: Homemade) -> str | None:
    p = value(2.0)
    h = p * p
    (h * 3.0).backward()
    (h * 5.0).backward()
    return _told("h = p*p; 3*h and 5*h: p.grad after both", p.grad, 32.0)


@_law("a deep graph")
def _deep(value: Homemade) -> str | None:
    chain = [value(0.0)]  # a list frees its last first; a long chain that is freed at once overflows a browser's stack
    for _ in range(DEEP):
        chain.append(chain[-1] + 1.0)
    try:
        chain[-1].backward()
        return _told(f"{DEEP:,} sums on top of one another: the gradient of the first", chain[0].grad, 1.0)
    except RecursionError:
        return TOO_DEEP


@contextmanager
def _few_calls() -> Iterator[None]:
    """Stops what calls too many functions."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls > CALLS:
            sys.setprofile(None)
            raise _EndlessError

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)


@exercise("04.1")
def exponential(answer: object) -> str | None:
    """A class with a method exp."""
    value = _class(answer)
    if not hasattr(value, "exp"):
        return "it has no method exp; Value.exp = exp gives it the function."
    return _broken(_exponential, value)


def _exponential(value: Homemade) -> str | None:
    for at in (0.5, -2.0):
        x = value(at)
        y = given(x.exp())
        right = math.exp(at)
        if not isinstance(y, value):
            return f"x.exp() is {y!r:.40}, and no Value: it does not remember x."
        if not close(y.data, right):
            return f"at x = {at:g} exp gives {y.data:.6g}; math.exp gives another number."
        y.backward()
        if x.grad == 0.0:
            return "nothing comes back to x: which edge does the new number have?"
        if close(x.grad, 1.0):
            return "its local derivative is 1 everywhere, as if x went through unchanged."
        if close(x.grad, at * math.exp(at - 1.0)) or close(x.grad, at):
            return "xⁿ has the slope n·xⁿ⁻¹, but here it is the exponent that moves."
        if not close(x.grad, right):
            return f"at x = {at:g} the gradient is {x.grad:.6g}; nudge x and measure the slope."
    x = value(0.5)
    (x.exp() * 3.0).backward()
    return None if close(x.grad, 3.0 * math.exp(0.5)) else "with something behind it the gradient is wrong: 3·exp(x)."


@exercise("04.2")
def backward_again_and_again(answer: object) -> str | None:
    """A class that keeps every law but that of depth, which may be kept too."""
    value = _class(answer)
    with suppress(AttributeError, TypeError):
        given(value(1.0).backward())
    for name, law in LAWS.items():
        broken = None if law is _deep else _broken(law, value)
        if broken:
            return f"{name}: {broken}"
    return None


class _Number:
    """A number of the notebook, as far as an order asks."""

    def __init__(self, *arguments: _Number) -> None:
        self.edges = [(a, 1.0) for a in arguments]


@exercise("04.3")
def order_without_calls(answer: object) -> str | None:
    """A function topological(root): all numbers, each once, arguments first, at any depth."""
    a, b = _Number(), _Number()
    h = _Number(a, a)
    root = _Number(_Number(h, b), h)
    wrong = _misordered(called(answer, root, what="topological(L)"), root, 5)
    if wrong:
        return wrong
    doubled = _Number()
    chain = [doubled]
    for _ in range(DOUBLINGS):
        doubled = _Number(doubled, doubled)
    try:
        with _few_calls():
            listed = called(answer, doubled, what="topological(v), of 40 doublings,")
    except _EndlessError:
        return f"stopped: over {CALLS:,} calls for {DOUBLINGS + 1} numbers, the same ones again."
    wrong = _misordered(listed, doubled, DOUBLINGS + 1)
    for _ in range(DEEP):
        chain.append(_Number(chain[-1]))
    return wrong or _misordered(called(answer, chain[-1], what=f"topological(v), {DEEP:,} deep,"), chain[-1], DEEP + 1)


def _misordered(listed: object, root: _Number, count: int) -> str | None:
    """What is wrong with an order of so many numbers."""
    if not isinstance(listed, list):
        return f"topological(L) is a list of the numbers, and this is {listed!r:.40}."
    place = {v: k for k, v in enumerate(listed)}
    if len(place) < len(listed):
        return f"of {count} numbers some are listed more than once: {len(listed)} entries."
    if root not in place:
        return "the number that was given is not in the list itself."
    if len(listed) != count:
        return f"there are {count} numbers, and {len(listed)} in the list."
    if any(place.get(a, count) > place[v] for v in listed for a, _ in v.edges):
        return "some number stands before one of its arguments."
    return None


def _class(answer: object) -> Homemade:
    given(answer)
    if not isinstance(answer, type):
        raise WrongAnswerError(f"the answer is the class Value itself, and {answer!r:.40} is not one.")
    return answer
