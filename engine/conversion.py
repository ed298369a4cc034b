"""Conversion: what an operation is given, as floats and Values, or an error in the user's terms.

A Value is known here by its `_node`, with which rows make nodes of its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from .arguments import is_number, real, shown
from .readings import ReadingError, converted


def number(x: Any, who: str, takes: str = "real numbers and Values") -> float:
    """`x` as a float, or a TypeError in the user's terms."""
    if x.__class__ is float:
        return x
    known = isinstance(x, (float, int))
    x = x if known else unboxed(x)
    if known or (is_number(x) and not _is_complex(x)):
        known = known or hasattr(x, "_node") or getattr(getattr(x, "dtype", None), "kind", "O") in "fiub"
        try:
            return float(x) if known else converted(x, who)
        except OverflowError:
            size = f"an int of {x.bit_length()} bits" if isinstance(x, int) else f"{x!r:.60}"
            raise OverflowError(f"{who} takes numbers that fit a float (up to 1.8e308), got {size}") from None
        except ReadingError:
            raise
        except (TypeError, ValueError):
            pass
    if isinstance(x, str):
        hint = "; convert text with float() first"
    elif getattr(x, "shape", ()) != () or isinstance(x, (list, tuple)):
        hint = "; for many at once use a comprehension or a NumPy array of Values"
    else:
        hint = ""
    raise TypeError(f"{who} takes {takes}, got {shown(x)}{hint}")


def operand(x: object, who: str, takes: str = "real numbers and Values") -> Any:
    """`x` as a float, or the Value that it is."""
    if x.__class__ is float:
        return x
    if not isinstance(x, (float, int)):
        x = unboxed(x)
        if hasattr(x, "_node") and not isinstance(x, type):
            return x
    return number(x, who, takes)


def unboxed(x: Any) -> Any:
    """What an array of objects of shape () holds: NumPy boxes a Value so in asarray, squeeze and where. Else `x`."""
    while getattr(x, "shape", None) == () and getattr(getattr(x, "dtype", None), "kind", "") == "O":
        x = x.item()
    return x


def _is_complex(x: object) -> bool:
    return getattr(getattr(x, "dtype", None), "kind", "") == "c"  # NumPy would drop the imaginary part with a warning


def operands(xs: object, who: str) -> list[Any]:
    """`xs` as a list, from a list, tuple, array or generator; a TypeError in the user's terms from anything else."""
    no_order = (set, frozenset, dict)
    single = hasattr(xs, "_node") or getattr(xs, "shape", None) == ()
    if single or isinstance(xs, (str, bytes, *no_order)) or not hasattr(xs, "__iter__"):
        hint = "; make a list of it, in the order to sum" if isinstance(xs, no_order) else ""
        raise TypeError(f"{who} takes a list of numbers and Values, got {shown(xs)}{hint}")
    if getattr(xs, "ndim", 0) == 1 and getattr(getattr(xs, "dtype", None), "kind", "") in ("O", "f"):
        return xs.tolist()  # type: ignore[attr-defined, no-any-return]  # in a fifth of the time
    return list(xs)


def listed(xs: object, who: str) -> tuple[Any, list[float]]:
    """(operands, their data): a tuple of Values, or where none is a Value the list of floats itself."""
    if xs.__class__ is list or xs.__class__ is tuple:
        xs = tuple(xs)
    elif hasattr(xs, "listed"):  # leaves of a trace, of which no Values are made for this
        found: tuple[Any, list[float]] = xs.listed()
        return found
    else:
        xs = tuple(operands(xs, who))
    try:
        return xs, [x._data for x in xs]
    except AttributeError:
        pass
    xs = [x if x.__class__ is float else operand(x, who) for x in xs]
    for kind in {x.__class__ for x in xs} - {float}:
        return listed([kind(x) if x.__class__ is float else x for x in xs], who)
    return xs, xs


def read(args: Sequence[Any], who: str, lists: int, node: type) -> tuple[list[Any], list[float | list[float]]]:
    """The operands of a new node, and their data: numbers, Values, and lists of them where the op takes lists."""
    keep: list[Any] = []
    found: Any
    vals: list[float | list[float]] = []
    for a in args:
        if lists and isinstance(a, (list, tuple)):
            found, numbers = listed(a, who)
            vals.append(numbers)
        else:
            found = a if a.__class__ is node else operand(a, who)
            vals.append(found if found.__class__ is float else found._data)
        keep.append(found)
    return keep, vals


def with_lists(args: Sequence[object], n: int, who: str) -> tuple[object, ...]:
    """The arguments of an op whose first n are lists, these as lists, of one length; the others are none."""
    lists = [operands(a, who) for a in args[:n]]
    if n > 1 and len({len(a) for a in lists}) > 1:
        raise ValueError(f"{who} takes lists of one length, got {' and '.join([str(len(a)) for a in lists])}")
    for a in args[n:]:
        if isinstance(a, (list, tuple)):
            number(a, who)  # raises, in the user's terms
    return (*lists, *args[n:])


def completed(args: Sequence[object], arity: int, defaults: tuple[float, ...], who: str) -> tuple[object, ...]:
    """The arguments of an op with the default values of those left out."""
    missing = arity - len(args)
    if 0 < missing <= len(defaults):
        return (*args, *defaults[-missing:])
    least = arity - len(defaults)
    takes = str(arity) if not defaults else f"{least} or {arity}"
    raise TypeError(f"{who} takes {takes} argument{'s' * (takes != '1')}, got {len(args)}")


def other_operand(x: object, who: str) -> Any:
    """The other operand of an operator, a float or a Value; None where its own class should answer (an array, say)."""
    if isinstance(x, (float, int)):
        return number(x, who)
    if getattr(x, "shape", ()) != () or isinstance(x, type):
        return None
    x = unboxed(x)
    known = isinstance(x, (str, bytes, complex, list, tuple, dict, set, type(None)))
    return operand(x, who) if known or hasattr(x, "__float__") else None


def no_gradient(leaves: Sequence[Any], grads: Sequence[object]) -> TypeError:
    """What is wrong where a gradient that was set by hand on one of the leaves cannot be added to."""
    given = [(v, g) for v, g in zip(leaves, grads) if g.__class__ is not float]
    v, found = next(((v, g) for v, g in given if not isfinite(real(g) or 0.0) or real(g) is None), given[0])
    leaf = f"the leaf {v.label!r:.60}" if v.label else f"a leaf of data {v._data}"
    return TypeError(f"backward takes numbers as grad to add to, got {shown(found)} on {leaf}; zero_grad() resets it")
