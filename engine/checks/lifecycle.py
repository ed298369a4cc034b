"""What happens to gradients between calls: laws that any engine with a `.grad` can be held to.

A gradient may be right on a fresh graph and wrong on the second backward, on a graph that two losses share, on a chain
that is deeper than Python's stack. Each law is a short scenario with a known answer.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from .engines import CHAINRULE, Adapter, accumulating

DEEP = 20_000


class Broken(NamedTuple):
    """A law that an engine breaks.

    Attributes:
        law: its name.
        why: what was expected and what happened.
    """

    law: str
    why: str


class LifecycleError(AssertionError):
    """An engine breaks laws of the lifecycle of gradients.

    Attributes:
        broken: each `Broken` law.
    """

    def __init__(self, name: str, broken: list[Broken]) -> None:
        self.broken = broken
        super().__init__(
            "\n".join([f"{name} breaks {len(broken)} of {len(LAWS)} laws:", *[f"  {b.law}: {b.why}" for b in broken]])
        )


def check_lifecycle(engine: Adapter = CHAINRULE) -> None:
    """Hold an engine to the laws of gradients over several calls.

    Args:
        engine: an `Engine` with `backward` and `grad`; with `args` its edges are counted too.

    Raises:
        LifecycleError: a law is broken; `broken` lists all of them.
        TypeError, ValueError: engine is no Engine, or has no `backward` or no `grad`.

    >>> from engine.checks import check_lifecycle
    >>> check_lifecycle()
    """
    accumulating("check_lifecycle", engine)
    broken = []
    for name, law in LAWS.items():
        try:
            why = law(engine)
        except RecursionError:
            why = f"RecursionError on a chain of {DEEP} additions"
        if why:
            broken.append(Broken(name, why))
    if broken:
        raise LifecycleError(engine.name, broken)


def _differs(what: str, expected: float, got: float) -> str:
    return "" if got == expected else f"{what} should be {expected:g}, got {got:g}"


def _added_up(engine: Adapter, calls: Sequence[str]) -> float:
    """The gradient of x = 3 after some calls of backward, from h = x*x, y = h*h and z = 5*h."""
    x, mul = engine.make(3.0), engine.fn("mul")
    h = mul(x, x)
    roots = {"h": h, "y": mul(h, h), "z": mul(h, 5.0)}
    return _swept(engine, [roots[name] for name in calls], x)


def _swept(engine: Adapter, roots: Iterable[object], leaf: object) -> float:
    backward, grad = accumulating("check_lifecycle", engine)
    for root in roots:
        backward(root)
    return float(grad(leaf))


def _edges(engine: Adapter) -> str:
    x = engine.make(3.0)
    y = engine.fn("add")(x, x)
    return "" if engine.args is None else _differs("the number of operands of x + x", 2, len(list(engine.args(y))))


def _deep_chain(engine: Adapter) -> str:
    x = engine.make(1.0)
    y = x
    for _ in range(DEEP):
        y = engine.fn("add")(y, 1.0)
    return _differs(f"the gradient through {DEEP} additions", 1.0, _swept(engine, [y], x))


def _law(what: str, expected: float, *calls: str) -> Callable[[Adapter], str]:
    return lambda engine: _differs(what, expected, _added_up(engine, calls))


LAWS: dict[str, Callable[[Adapter], str]] = {
    "one backward": _law("the gradient of x⁴ at 3", 108.0, "y"),
    "repeated backward": _law("the gradient of x⁴ at 3, added up over two calls of backward,", 216.0, "y", "y"),
    "two losses share a subgraph": _law("the gradient of 5x² and x⁴ at 3, added up,", 138.0, "z", "y"),
    "an inner node is a root too": _law("the gradient of x⁴ and then x² at 3, added up,", 114.0, "y", "h"),
    "edges are counted": _edges,
    "a deep chain": _deep_chain,
}
