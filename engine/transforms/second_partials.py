"""The partials of a row and how they change, as one plain Python function of floats, written from the row when first needed.

A partial runs once on Values that stand for the operands; what it made is written down, a line for each node, and below it
what its tangent is, by the partials of these nodes. Where a row states its value at an edge, the line is a branch. What is no
row of the table, or selects, or has lists, is not written, and stays with `curvature` as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from .. import context
from ..edges import Inner, graph_partial
from ..ops import add, div, equal, greater, greater_equal, less, less_equal, mul, not_equal, power, sub
from ..rule import BUILT_IN, TABLE, Op
from ..value import Value
from .replay import constant

Word = str | None  # of a number; None where there is none
Found = Callable[..., Any]
MOST = 1000  # functions from which on no exponent gets its own
ROWS = {op: (op.partials, op.forward) for op in TABLE.values()}
SAMPLE = 0.5  # which number the operands have while a partial is read makes no difference


class UnwrittenError(Exception):
    """A partial that cannot be written."""


class Rates(dict[tuple[object, ...], Found | None]):
    """The functions that are written, by (partials of a row, does its first operand move, its second, the number that it is
    raised to); None where none can be. Of few exponents there is a function each, others stand.

    Args:
        write: (row, which operands move, exponent) -> the function.
    """

    def __init__(self, write: Callable[[Op, tuple[int, ...], float | None], Found]) -> None:
        super().__init__()
        self._write = write

    def of(self, op: Op, first: bool, second: bool, b: object) -> Found | None:
        """The function of a row."""
        exponent = b if op is power and b.__class__ is float else None
        found = self.get((op.partials, first, second, exponent), self)
        return self._made(op, first, second, exponent) if isinstance(found, Rates) else found

    def _made(self, op: Op, first: bool, second: bool, exponent: float | None) -> Found | None:
        found = None
        if exponent is not None and len(self) > MOST:
            return self.of(op, first, second, None)
        if op.name in BUILT_IN and op.kind < 3 and not op.selects:
            with suppress(UnwrittenError):
                found = self._write(op, tuple([i for i, moves in enumerate((first, second)) if moves]), exponent)
        self[op.partials, first, second, exponent] = found
        return found


def _changes(op: Op, moving: tuple[int, ...], exponent: float | None) -> Found:
    """(data of operands and output, tangents of operands that move, these) -> (tangent of the output, and for each of these
    (it, its partial, the tangent of that, None where it does not change))."""
    text = _Text(op, exponent)
    ps = [text.partial(text.out, i) for i in moving]
    words = [text.value(p) for p in ps]
    text.moving = {text.operands[i]: f"t{i}" for i in moving}
    tangent = text.moving[text.out] = text.named(" + ".join([_product(f"t{i}", x) for i, x in zip(moving, words)]))
    edges = [f"(v{i}, {x}, {text.tangent(p)})" for i, x, p in zip(moving, words, ps)]
    return text.function([f"{name}{i}" for name in "tv" for i in moving], f"{tangent}, ({', '.join(edges)},)")


def _curvatures(op: Op, moving: tuple[int, ...], exponent: float | None) -> Found:
    """(data of operands and output, operands that move) -> for each of these (it, its partial, (how that changes with each of
    them: (which, by how much, None where it does not)))."""
    text = _Text(op, exponent)
    ps = [text.partial(text.out, i) for i in moving]
    words = [text.value(p) for p in ps]
    terms: list[list[str]] = [[] for _ in moving]
    for i, word in zip(moving, words):
        text.moving = {text.operands[i]: "1.0", text.out: word}
        for found, p in zip(terms, ps):
            if (rate := text.tangent(p)) is not None:
                found.append(f"(v{i}, {rate}), ")
    edges = [f"(v{i}, {word}, ({''.join(found)}))" for i, word, found in zip(moving, words, terms)]
    return text.function([f"v{i}" for i in moving], f"{', '.join(edges)},")


changes, curvatures = Rates(_changes), Rates(_curvatures)


class _Text:
    """The lines of a function, as they are written.

    Args:
        op: the row whose partials they are of.
        exponent: its second operand, where that is a number.

    Attributes:
        operands, out: what stands for the operands and the output.
        moving: the tangents of these and of what was made of them, by their names; None where there is none.
    """

    def __init__(self, op: Op, exponent: float | None) -> None:
        self._slots = ["a", "b"][: op.arity]
        self.operands: list[Any] = [Value(SAMPLE), Value(SAMPLE) if exponent is None else exponent][: op.arity]
        self.moving: dict[Any, Word] = {}
        with context.quiet():
            self.out: Inner = op(*self.operands)
        self._names: dict[Any, str] = {v: a for v, a in zip(self.operands, self._slots) if v.__class__ is Value}
        self._names[self.out] = "y"
        self._used: dict[str, object] = {"plus": _plus, "times": _times}
        self._lines: list[str] = []
        words = [
            self._slots[i] if x.__class__ is Value else constant(x, self._used) for i, x in enumerate(self.operands)
        ]
        self._known = {_expression(op, words, self._used): "y"}  # names by what they are
        self._maybe: set[str] = set()  # names of tangents that may be None
        self._indent = 1
        self._count = 0

    def function(self, more: Sequence[str], end: str) -> Found:
        """What is written, of the data of operands and output and more, and its answer."""
        head = f"def rates({', '.join([*self._slots, 'y', *more])}):"
        exec("\n".join([head, *self._lines, f"    return {end}"]), self._used)  # noqa: S102  of our own names and numbers
        return cast(Found, self._used["rates"])

    def partial(self, v: Inner, i: int) -> Any:
        """A partial of a node, as a graph or a number."""
        _check_unchanged(v.op)
        p = v.op.partials[i]
        if p.__class__ is float:
            return p
        with context.quiet():
            return graph_partial(p, v)

    def named(self, expression: str) -> str:
        """A name for an expression."""
        if expression not in self._known:
            self._count += 1
            self._known[expression] = f"x{self._count}"
            self._line(f"x{self._count} = {expression}")
        return self._known[expression]

    def value(self, v: Any) -> str:
        """The name of a node, after the lines that compute it, or a number."""
        if v.__class__ is float:
            return constant(v, self._used)
        if v in self._names:
            return self._names[v]
        if v.op is None or v.op.lists:
            raise UnwrittenError
        args = v._operands()[0]
        if v.op.name in ("edge", "where"):
            name: str = self._branch(v, args, self.value)
        else:
            name = self.named(_expression(v.op, [self.value(a) for a in args], self._used))
        self._names[v] = name
        return name

    def tangent(self, v: Any) -> Word:
        """The name of the tangent of a node, after the lines that compute it; None if it has none."""
        if v.__class__ is float:
            return None
        if v in self.moving:
            return self.moving[v]
        if v.op is None:
            return None
        args = v._operands()[0]
        found: Word = None
        if v.op.name in ("edge", "where"):
            if any(self.tangent_exists(a) for a in args[1:]):
                found = self._branch(v, args, self.tangent)
        elif not v.op.selects:
            for i, a in enumerate(args):
                if (t := self.tangent(a)) is not None:
                    found = self._sum(found, self._along(t, self.value(self.partial(v, i))))
        elif any(p != 0.0 for p in v.op.partials):
            raise UnwrittenError
        self.moving[v] = found
        return found

    def tangent_exists(self, v: Any) -> bool:
        """Does a node depend on what moves?"""
        if v.__class__ is float:
            return False
        return self.moving.get(v) is not None or (
            v not in self.moving and v.op is not None and any(map(self.tangent_exists, v._operands()[0]))
        )

    def _along(self, t: str, p: str) -> str:
        if t in self._maybe:
            name = self.named(f"times({t}, {p})")
            self._maybe.add(name)
            return name
        product = _product(t, p)
        return product if product.isidentifier() or product == "1.0" else self.named(product)

    def _sum(self, a: Word, b: str) -> str:
        if a is None:
            return b
        if self._maybe.isdisjoint((a, b)):
            return self.named(f"{a} + {b}")
        name = self.named(f"plus({a}, {b})")
        if a in self._maybe and b in self._maybe:
            self._maybe.add(name)
        return name

    def _branch(self, v: Inner, args: tuple[Any, ...], write: Callable[[Any], Word]) -> str:
        """A name for one of two, of which only one is computed."""
        condition = self.value(args[0])
        self._count += 1
        name = f"x{self._count}"
        for head, arg in ((f"if {condition}:", args[1]), ("else:", args[2])):
            self._line(head)
            kept = self._known.copy(), self._names.copy(), self.moving.copy()
            self._indent += 1
            word = write(arg)
            self._line(f"{name} = {word}")
            if word is None or word in self._maybe:
                self._maybe.add(name)
            self._indent -= 1
            self._known, self._names, self.moving = kept
        return name

    def _line(self, text: str) -> None:
        self._lines.append("    " * self._indent + text)


SIGNS: Mapping[object, str] = {  # where Python is not IEEE, it raises
    add: "+", sub: "-", mul: "*", div: "/", less: "<", less_equal: "<=", greater: ">", greater_equal: ">=", equal: "==",
    not_equal: "!=",
}  # fmt: skip


def _check_unchanged(op: Op) -> None:
    """A row may be another for a while, and what is written would stay."""
    partials, forward = ROWS.get(op, (op.partials, op.forward))
    if op.partials is not partials or op.forward is not forward:
        raise UnwrittenError


def _expression(op: Op, words: list[str], used: dict[str, object]) -> str:
    _check_unchanged(op)
    if op in SIGNS:
        return f" {SIGNS[op]} ".join(words)
    if op.name == "neg":
        return f"-{words[0]}"
    name = f"f_{op.name.replace('.', '_')}"
    used[name] = op.forward
    return f"{name}({', '.join(words)})"


def _product(t: str, p: str) -> str:
    """A tangent times a partial."""
    if p == "1.0":
        return t
    if t == "1.0":
        return p
    return f"-{t}" if p == "(-1.0)" else f"{t} * {p}"


def _plus(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else a + b


def _times(t: float | None, p: float) -> float | None:
    return None if t is None else t * p
