"""What happens to gradients between calls: laws that any engine with a `.grad` can be held to.

A gradient may be right on a fresh graph and wrong on the second backward, on a graph that two losses share, on a chain
that is deeper than Python's stack. Each law is a short scenario with a known answer.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from .engines import CHAINRULE, Engine, adapter

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


def check_lifecycle(engine: Engine = CHAINRULE) -> None:
    """Hold an engine to the laws of gradients over several calls.

    Args:
        engine: an `Engine` with `backward` and `grad`; with `args` its edges are counted too.

    Raises:
        LifecycleError: a law is broken; `broken` lists all of them.
        TypeError, ValueError: engine is no Engine, or has no `backward` or no `grad`.

    >>> from engine.checks import check_lifecycle
    >>> check_lifecycle()
    """
    adapter("check_lifecycle", engine, "backward", "grad")
    broken = []
    for law in LAWS:
        try:
            why = law(engine)
        except RecursionError:
            why = f"RecursionError on a chain of {DEEP} additions"
        if why:
            broken.append(Broken(law.__name__.lstrip("_").replace("_", " "), why))
    if broken:
        raise LifecycleError(engine.name, broken)


def _differs(what: str, expected: float, got: float) -> str:
    return "" if got == expected else f"{what} should be {expected:g}, got {got:g}"


def _backward(engine: Engine, output: Any) -> None:
    engine.backward(output)  # type: ignore[misc]  # only engines that have one come here


def _grad(engine: Engine, leaf: Any) -> float:
    return float(engine.grad(leaf))  # type: ignore[misc]  # as above


def _one_backward(engine: Engine) -> str:
    x = engine.make(3.0)
    h = engine.fn("mul")(x, x)
    _backward(engine, engine.fn("mul")(h, h))
    return _differs("the gradient of x⁴ at 3", 108.0, _grad(engine, x))


def _repeated_backward(engine: Engine) -> str:
    x = engine.make(3.0)
    h = engine.fn("mul")(x, x)
    y = engine.fn("mul")(h, h)
    _backward(engine, y)
    _backward(engine, y)
    return _differs("the gradient of x⁴ at 3, added up over two calls of backward,", 216.0, _grad(engine, x))


def _two_losses_share_a_subgraph(engine: Engine) -> str:
    x = engine.make(3.0)
    h = engine.fn("mul")(x, x)
    first, second = engine.fn("mul")(h, 5.0), engine.fn("mul")(h, h)
    _backward(engine, first)
    _backward(engine, second)
    return _differs("the gradient of 5x² and x⁴ at 3, added up,", 138.0, _grad(engine, x))


def _an_inner_node_is_a_root_too(engine: Engine) -> str:
    x = engine.make(3.0)
    h = engine.fn("mul")(x, x)
    y = engine.fn("mul")(h, h)
    _backward(engine, y)
    _backward(engine, h)
    return _differs("the gradient of x⁴ and then x² at 3, added up,", 114.0, _grad(engine, x))


def _edges_are_counted(engine: Engine) -> str:
    x = engine.make(3.0)
    y = engine.fn("add")(x, x)
    if engine.args is None:
        return ""
    return _differs("the number of operands of x + x", 2, len(list(engine.args(y))))


def _a_deep_chain(engine: Engine) -> str:
    x = engine.make(1.0)
    y = x
    for _ in range(DEEP):
        y = engine.fn("add")(y, 1.0)
    _backward(engine, y)
    return _differs(f"the gradient through {DEEP} additions", 1.0, _grad(engine, x))


LAWS: list[Callable[[Engine], str]] = [
    _one_backward,
    _repeated_backward,
    _two_losses_share_a_subgraph,
    _an_inner_node_is_a_root_too,
    _edges_are_counted,
    _a_deep_chain,
]
