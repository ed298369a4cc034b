"""An engine as source text: its class as an `Engine` of the ops that it has, and what it raises in its own lines."""

import traceback
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..rule import TABLE
from .engines import OPERATORS, Adapter, Engine, Operation, operators_and_methods

FILE = "your engine"
SIGNS = {
    "add": "__add__",
    "mul": "__mul__",
    "sub": "__sub__",
    "div": "__truediv__",
    "power": "__pow__",
    "neg": "__neg__",
}  # the methods that are operators


@dataclass
class Adapted:
    """An engine as the checks take it.

    Attributes:
        engine: the adapter.
        ops: the names of the ops that it has, those first of which others are made.
        composed: those that make more than one node.
        kind: its class; None for our own engine.
        constants: plain numbers may be operands.
        notes: what is not checked.
    """

    engine: Adapter
    ops: list[str]
    composed: Collection[str] = ()
    kind: Any = None
    constants: bool = True
    notes: list[str] = field(default_factory=list)


def adapted(kind: Any) -> Adapted:
    """A class with .data, .grad and .backward() as an `Engine`.

    Raises:
        TypeError: it has no operators.
        Exception: whatever its own code raises.
    """
    notes: list[str] = []
    x, ops = kind(2.0), sorted(_ops(kind, notes), key=lambda op: op[2])  # those first of which others are made
    found, composed = {name: f for name, f, _ in ops}, {name for name, _, many in ops if many}
    if not found:
        raise TypeError(f"check_engine takes a class with operators, got {kind.__name__} without + and *")
    some = next(iter(found))
    y = found[some](*[x, kind(3.0)][: TABLE[some].arity])
    float(x.data), float(y.data)
    y.backward()
    float(x.grad or 0.0)
    constants = all(_runs(found[name], kind(2.0), 3.0) for name in ("add", "mul") if name in found)
    if not constants:
        notes.append("plain numbers as operands are not checked: x + 1.0 and x * 2.0 do not work")
    missing = [sign for name, sign in (("add", "+"), ("mul", "*"), ("sub", "-")) if name not in found]
    if missing:
        notes.append(f"not checked, since not there: {', '.join(missing)}")

    def operation(name: str) -> Operation:
        f = found[name] if name in found else operators_and_methods(name)
        return lambda *xs: f(*[kind(a) if isinstance(a, float) and not constants else a for a in xs])

    def grads(output: Any, leaves: Sequence[Any]) -> list[float]:
        output.backward()
        return [float(leaf.grad or 0.0) for leaf in leaves]

    engine = Engine(
        "your engine", kind, lambda y: float(y.data), grads, operation, None, lambda y: y.backward(),
        lambda x: float(x.grad or 0.0),
    )  # fmt: skip
    return Adapted(engine, list(found), composed, kind, constants, notes)


def _ops(kind: Any, notes: list[str]) -> Iterator[tuple[str, Operation, bool]]:
    """The ops of the table that a class has by an operator or by a method, and that take nodes; whether each is made of others."""
    names = [n for n, row in TABLE.items() if not row.lists and row.arity <= 2 and hasattr(kind, SIGNS.get(n, n))]
    names += ["square"] * (hasattr(kind, "__pow__") and "square" not in names)
    for name in names:
        f = OPERATORS[name] if name in OPERATORS and name != "square" else operators_and_methods(name)
        if name == "square" and not hasattr(kind, "square"):
            f = lambda x: x**2.0  # noqa: E731  as a learner writes it
        try:
            made, count = _counted(kind, f, [kind(2.0), kind(3.0)][: TABLE[name].arity])
        except (AssertionError, NotImplementedError, TypeError) as error:
            if name != "power":  # which often takes numbers only
                notes.append(f"{name} is not checked: it raises {type(error).__name__}: {error}")
            continue
        if hasattr(made, "data") and hasattr(made, "backward"):
            yield name, f, count > 1


def _counted(kind: Any, f: Operation, operands: Sequence[object]) -> tuple[Any, int]:
    """(what an op makes, how many objects of the class it makes for that)."""
    begin, count = kind.__init__, 0

    def counting(self: object, *args: object, **named: object) -> None:
        nonlocal count
        count += 1
        begin(self, *args, **named)

    kind.__init__ = counting
    try:
        return f(*operands), count
    finally:
        kind.__init__ = begin


def _runs(f: Operation, *operands: object) -> bool:
    try:
        f(*operands)
    except Exception:
        return False
    return True


def line_and_words(error: BaseException) -> tuple[int | None, str]:
    """The line of the source in which something was raised, if it was there, and what."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, SyntaxError) and error.filename == FILE:
        return error.lineno, f"this is no Python: {error.msg}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == FILE]
    said = f"{type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, NameError) and error.name:
        said = f"the name {error.name!r} is used there, but it means nothing yet"
    return lines[-1] if lines else None, said
