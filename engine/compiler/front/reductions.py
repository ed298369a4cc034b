"""Ops of lists, written down as the reductions they are: loops over the list, left to right as in eager mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, nan

from ...rule import TABLE
from .passes import each, highest, is_highest, total
from .trace import PARAMETER, Trace


def _put(t: Trace, name: str, *args: int) -> int:
    return t.emit(TABLE[name], args)


def _dot(t: Trace, ws: Sequence[int], xs: Sequence[int], b: int) -> int:
    whole = t.sum_of_products(b, ws, xs)
    if whole is not None:
        return whole
    for w, x in zip(ws, xs):
        b = _put(t, "add", b, _put(t, "mul", w, x))
    return b


def _gated(t: Trace, cs: Sequence[int], ws: Sequence[int], xs: Sequence[int], b: int) -> int:
    whole = t.sum_of_products(b, ws, xs, cs)
    if whole is not None:
        return whole
    for c, w, x in zip(cs, ws, xs):
        b = _put(t, "add", b, _put(t, "where", c, _put(t, "mul", w, x), t.constant(0.0)))
    return b


def _total(t: Trace, xs: Sequence[int]) -> int:
    return total(t, xs, t.constant(0.0))


def _mean(t: Trace, xs: Sequence[int], count: int | None = None) -> int:
    if not xs:
        return t.constant(TABLE["mean"].forward([]))
    return _put(t, "div", _total(t, xs), t.constant(float(len(xs))) if count is None else count)


def _top(t: Trace, xs: Sequence[int]) -> int:
    """The largest; 0 for what it was taken from."""
    made = [t.instruction(x) for x in xs]
    if made and all(op == "sub" and args[1] == made[0][1][1] for op, args in made):
        return t.constant(0.0) if is_highest(t, made[0][1][1], [args[0] for _, args in made]) else highest(t, xs)
    return highest(t, xs)


def _sole(t: Trace, xs: Sequence[int], y: int) -> int:
    endless = each(t, "equal", xs, t.constant(inf)) if xs else ()
    tied = _put(t, "greater", _total(t, endless), t.constant(1.0))
    tied = _put(t, "mul", tied, _put(t, "equal", y, t.constant(inf)))
    return _put(t, "where", tied, t.constant(nan), y)


def _logsumexp(t: Trace, xs: Sequence[int]) -> int:
    """The largest term is taken out, so that small others count; an infinite one is the answer."""
    top = _top(t, xs)
    if not xs:
        return top
    largest = each(t, "equal", xs, top)
    less = xs if t.number(top) == 0.0 else each(t, "sub", xs, top)
    terms = each(t, "where", largest, t.constant(0.0), each(t, "exp", less))
    ties = _put(t, "sub", _total(t, largest), t.constant(1.0))
    rest = _put(t, "add", _total(t, terms), ties)
    result = _put(t, "add", top, _put(t, "log1p", rest))
    endless = _put(t, "equal", _put(t, "abs", top), t.constant(inf))
    return _put(t, "where", endless, top, result)


def _take(t: Trace, xs: Sequence[int], i: int) -> int:
    """One of a list; where they are no parameters side by side by comparing the index with each place, from the end where it
    is negative."""
    if isinstance(xs, range) and xs[0] & 7 == PARAMETER:
        return t.gather(xs, i)
    at = _put(t, "where", _put(t, "less", i, t.constant(0.0)), _put(t, "add", i, t.constant(float(len(xs)))), i)
    here = [_put(t, "equal", at, t.constant(float(k))) for k in range(len(xs))]
    found = t.constant(nan)
    for x, same in zip(xs, here):
        found = _put(t, "where", same, x, found)
    return found


def scaled(t: Trace, op: str, target: int, g: int, xs: Sequence[int], c: Sequence[int]) -> list[int]:
    """Write g*x side by side for each x of a list, behind a condition or none: what is put on the trace for it."""
    whole = t.products(op, target, g, xs, c)
    if whole is not None:
        return [whole]
    made = []
    for k, x in enumerate(xs):
        y = _put(t, "mul", g, x)
        made.append(_put(t, "where", c[0], y, t.constant(0.0)) if c else y)
        t.effect(op, made[-1], target + k)
    return made


# For each row of lists, what is put on the trace for its operands.
LIST_OPS: dict[str, Callable[..., int]] = {
    "dot": _dot, "gated": _gated, "total": _total, "mean": _mean, "logsumexp": _logsumexp, "top": _top, "sole": _sole,
    "take": _take,
}  # fmt: skip
