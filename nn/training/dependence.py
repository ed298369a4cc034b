"""Dependence: whether a loss, or a penalty, depends on what is trained; asked of the first batch of a training.

What counts is that the graph leads there, not that a gradient is other than 0: a relu may be dead on a batch. Of the
parameters of one attribute one is enough: an embedding uses the rows of what it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice

from engine import Value, topological_order
from engine.arguments import shown

from ..module import Module
from ..penalties import Penalty
from ..structure import held, stretches
from .console import warn

CONSTANTS = (
    "use the network's outputs themselves and engine's functions: float(y), y.data, math.tanh(y) and Value(…) "
    "of a number are constants"
)
Attribute = tuple[str, str]  # the path of a Module, and the name of an attribute


def check_dependence(who: str, net: Module, trained: Collection[Value], losses: Iterable[Value]) -> None:
    """Refuse losses that depend on nothing that is to be trained; warn of Modules and attributes that they leave out.

    Args:
        who: the function that trains, for messages.
        net: the network.
        trained: those of its parameters that are to move.
        losses: of the examples of a batch; no more are asked for than it takes.

    Raises:
        ValueError: the losses depend on none.

    >>> from nn import MLP
    >>> from nn.training.dependence import check_dependence
    >>> net = MLP(1, [1], seed=0)
    >>> check_dependence("fit", net, net.parameters(), [net([1.0])])
    >>> check_dependence("fit", net, net.parameters(), [Value(1.0)])  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ValueError: fit takes a loss that depends on the parameters, …
    """
    lost = left_out(net, trained, losses)
    if "" in lost:
        raise ValueError(
            f"{who} takes a loss that depends on the parameters, got one that depends on none of the {lost['']:,} "
            f"that are to be trained; {CONSTANTS}"
        )
    if lost:
        listed = ", ".join([f"{name} ({n:,} parameter{'s' * (n != 1)})" for name, n in lost.items()])
        warn(
            RuntimeWarning,
            f"{who} trains {listed:.300}, on which the loss of the first batch does not depend: no gradient comes there; "
            "is it used, and by engine's functions? set trainable = False where it stays as it is on purpose",
        )


def left_out(net: Module, trained: Collection[Value], losses: Iterable[Value]) -> dict[str, int]:
    """How many parameters no loss depends on, by the path of a Module or attribute; the path "" where it is all of them.

    Args:
        net, trained, losses: as for `check_dependence`.

    >>> from nn import MLP
    >>> from nn.training.dependence import left_out
    >>> net = MLP(1, [1], seed=0)
    >>> left_out(net, net.parameters(), [net([1.0])]), left_out(net, net.parameters(), [Value(1.0)])
    ({}, {'': 2})
    """
    place_of = _places(net, set(trained))
    places = list(dict.fromkeys(place_of.values()))
    missing = set(places)
    rest = iter(losses)
    for some in (islice(rest, 1), rest):  # mostly the first example uses all there is
        if missing:
            missing.difference_update([place_of[v] for v in topological_order(some) if v in place_of])
    named = _named(missing, places, {path for path, _ in net.named_modules()}) if missing else {}
    return {name: sum([place in below for place in place_of.values()]) for name, below in named.items()}


def check_penalties(who: str, net: Module, penalties: Iterable[Callable[[Module], object]]) -> None:
    """Refuse penalties that are no Value, or depend on no parameter, those of nn for a network without weights aside.

    >>> from nn import MLP, l2
    >>> from nn.training.dependence import check_penalties
    >>> check_penalties("fit", MLP(1, [1], seed=0), [l2(0.1)])
    """
    known = set(held(net))
    for penalty in penalties:
        x = penalty(net)
        if x.__class__ is not Value:
            raise TypeError(f"{who} takes a penalty that returns a Value, got {shown(x)} from it")
        if not isinstance(penalty, Penalty) and known.isdisjoint(topological_order(x)):
            raise ValueError(
                f"{who} takes a penalty that depends on the parameters, got one that is constant, {x!r}; make it of the "
                "parameters themselves, not of their .data"
            )


def _places(net: Module, trained: Collection[Value]) -> dict[Value, Attribute]:
    """Where each parameter is that is to be trained."""
    modules = {path for path, _ in net.named_modules()}
    found: dict[Value, Attribute] = {}
    for path, x in stretches(net):
        values: list[Value] = x if x.__class__ is list else [x] if x.__class__ is Value else []
        if not values:
            continue
        parts = path.split(".")
        depth = next(n for n in range(len(parts) - 1, -1, -1) if ".".join(parts[:n]) in modules)
        place = ".".join(parts[:depth]), parts[depth]
        found.update([(p, place) for p in values if p in trained])
    return found


def _named(
    missing: Collection[Attribute], places: Iterable[Attribute], modules: Collection[str]
) -> dict[str, set[Attribute]]:
    """What is missing, by the path of the outermost Module that is missing as a whole, or else of the attribute."""
    reached = {outer for place in places if place not in missing for outer in _around(place[0])}
    found: dict[str, set[Attribute]] = {}
    for place in places:
        if place in missing:
            whole = [outer for outer in _around(place[0]) if outer in modules and outer not in reached]
            name = whole[0] if whole else ".".join(place).lstrip(".")
            found.setdefault(name, set()).add(place)
    return found


def _around(path: str) -> list[str]:
    """The paths around a path, outermost first, itself included."""
    parts = path.split(".")
    return ["", *[".".join(parts[: n + 1]) for n in range(len(parts))]]
