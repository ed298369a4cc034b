"""Row checks: what a user's row says of itself, checked before it is in the table; and how help shows a row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from keyword import iskeyword

from . import arguments
from .conversion import number

Domain = tuple[tuple[float, float], ...]


def _check_name(name: object, taken: Collection[str]) -> None:
    """A ValueError where the name of a row is no identifier, or one of those built in."""
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
        raise ValueError(f"op takes a Python identifier as name, got {name!r}")
    if name in taken:
        raise ValueError(f"op takes a new name, got {name!r}, which is in the table already; choose another")


def _check_functions(name: str, forward: object, partials: Sequence[object]) -> None:
    """A TypeError where one of the functions of a row is none."""
    if not callable(forward):
        raise TypeError(f"op {name!r} takes a forward function of floats, got {forward!r}")
    if not partials:
        raise TypeError(f"op {name!r} takes one partial per argument after its forward function, got none")
    for p in partials:
        if not callable(p) and not isinstance(p, (int, float)):
            raise TypeError(f"op {name!r} takes functions or numbers as partials, got {p!r}")


def facts(
    name: str, taken: Collection[str], forward: object, partials: Sequence[object], text: object, tex: object, doc: object,
    binding: object, domain: object, kink: object, reference: object, selects: object, lists: object, defaults: object,
) -> tuple[bool, int, Domain, tuple[float, ...]]:  # fmt: skip
    """What a user's row says of itself, checked: (selects, lists, domain, defaults)."""
    _check_name(name, taken)
    _check_functions(name, forward, partials)
    who, many = f"op {name!r}", "numbers (low, high), or such a pair for each argument"
    for fact, x in (("text", text), ("tex", tex), ("doc", doc)):
        if x is not None:
            arguments.text(who, fact, x)
    arguments.whole(who, "binding", binding, least=1, most=5)
    for p in partials:
        if not callable(p):
            arguments.number(who, "a partial", p)
    if kink is not None:
        arguments.function(who, "kink", kink)
    if reference is not None and not isinstance(reference, str):
        arguments.function(who, "reference", reference, "the name of an elementary function, or a function,")
    lists = arguments.whole(who, "lists", lists, most=len(partials))
    ends = arguments.listed(who, "domain", domain, many)
    pairs = [ends] * len(partials) if len(ends) == 2 and None not in map(arguments.real, ends) else ends
    pairs = [arguments.listed(who, "domain", pair, many) for pair in pairs]
    if len(pairs) != len(partials) or not all(len(p) == 2 and None not in map(arguments.real, p) for p in pairs):
        raise ValueError(f"{who} takes {many} as domain, got {arguments.shown(domain)}")
    intervals = tuple([(arguments.real(low) or 0.0, arguments.real(high) or 0.0) for low, high in pairs])
    if not all(low < high for low, high in intervals):
        raise ValueError(f"{who} takes low below high as domain, got {arguments.shown(domain)}")
    defaults = tuple([number(x, who) for x in arguments.listed(who, "defaults", defaults, "a list of numbers")])
    if len(defaults) > len(partials) - lists:
        raise ValueError(f"{who} takes defaults of its last arguments, got {len(defaults)} for {len(partials) - lists}")
    return arguments.flag(who, "selects", selects), lists, intervals, defaults


def run_once(
    name: str,
    forward: Callable[..., object],
    partials: Sequence[Callable[..., object] | float],
    domain: Domain,
    lists: int,
) -> None:
    """A user's row is run once, on floats inside its domain: what is no number is told here, not where it is drawn."""
    point = [max(min(0.5, high - 0.5), low + 0.5) if high - low > 1.0 else 0.5 * (low + high) for low, high in domain]
    args = [[x, x] if k < lists else x for k, x in enumerate(point)]
    try:
        y = forward(*args)
        found = [("forward function", y), *[("partial", p(*args, y)) for p in partials if callable(p)]]
    except Exception:  # at some points it may raise
        return
    for what, x in found:
        if isinstance(x, bool) or hasattr(x, "_node") or (not isinstance(x, list) and arguments.real(x) is None):
            raise TypeError(f"op {name!r} takes a {what} that returns a float, got {arguments.shown(x)} at {point}")


def signature(
    forward: Callable[..., object], partials: Sequence[Callable[..., object] | float], defaults: Sequence[float]
) -> object:
    """The arguments of a row as its functions call them."""
    from inspect import Parameter, Signature

    arity = len(partials)
    codes = [f.__code__ for f in (*partials, forward) if hasattr(f, "__code__")]
    written = [code.co_varnames for code in codes if code.co_argcount >= arity]
    names = written[0] if written else ["x"] if arity == 1 else [f"x{i}" for i in range(1, arity + 1)]
    values = [Parameter.empty] * (arity - len(defaults)) + list(defaults)
    return Signature([Parameter(n, Parameter.POSITIONAL_ONLY, default=x) for n, x in zip(names, values)])
