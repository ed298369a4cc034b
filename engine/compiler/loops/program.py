"""The rolled program: loops and instructions whose every index is a polynomial of the loop variables.

It is short enough to print, and printing it shows a reader the matrix product that was hiding in the scalars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from ..front.trace import EFFECTS, GATHER, LETTERS, SCATTERS
from .recognition import Item
from .shapes import LoopShape, Positions, Shapes

Monomial = tuple[tuple[int, int], ...]
Key = frozenset[tuple[Monomial, int]]  # equal for equal polynomials


class Polynomial(dict[Monomial, int]):
    """{monomial: coefficient}. A monomial is a tuple of (loop variable, degree); degree d stands for binomial(i, d)."""

    @classmethod
    def constant(cls, x: int) -> Polynomial:
        """An integer as a polynomial."""
        return cls({(): x}) if x else cls()

    def __add__(self, other: dict[Monomial, int]) -> Polynomial:
        out = Polynomial(self)
        for mono, c in other.items():
            out[mono] = out.get(mono, 0) + c
            if not out[mono]:
                del out[mono]
        return out

    def times(self, variable: int, degree: int) -> Polynomial:
        """The product with binomial(variable, degree)."""
        return Polynomial({tuple(sorted((*mono, (variable, degree)))): c for mono, c in self.items()})

    def key(self) -> Key:
        """What is equal for equal polynomials."""
        return frozenset(self.items())

    def uses(self, variable: int) -> bool:
        """Does a loop variable occur?"""
        for mono in self:
            for v, _ in mono:
                if v == variable:
                    return True
        return False

    def number(self) -> int | None:
        """The integer, where no variable occurs."""
        return self.get((), 0) if set(self) <= {()} else None

    def at(self, variable: int, value: int | Polynomial) -> Polynomial | None:
        """With a variable replaced by an integer, or by a polynomial of others; None where that is no polynomial."""
        if not self.uses(variable):
            return self
        out = Polynomial()
        for mono, c in self.items():
            rest = tuple([m for m in mono if m[0] != variable])
            degree = next((d for v, d in mono if v == variable), 0)
            if degree == 0:
                out = out + {mono: c}
            elif isinstance(value, int):
                factor = value if degree == 1 else value * (value - 1) // 2
                out = out + {rest: c * factor} if factor else out
            elif degree == 1:
                for other, c2 in value.items():
                    if {v for v, _ in rest} & {v for v, _ in other}:
                        return None
                    out = out + Polynomial({tuple(sorted(rest + other)): c * c2})
            else:
                return None
        return out

    def shifted(self, variable: int) -> Polynomial:
        """With variable + 1 for variable: equal to it means `as in the round before`."""
        out = Polynomial(self)
        for mono, c in self.items():
            rest = tuple(m for m in mono if m[0] != variable)
            degree = next((d for v, d in mono if v == variable), 0)
            if degree:
                lower = rest if degree == 1 else tuple(sorted((*rest, (variable, 1))))
                out = out + Polynomial({lower: c})
        return out

    def evaluated(self, index: Mapping[int, Positions]) -> int | Positions:
        """The value at loop variables, round by round."""
        total: int | Positions = 0
        for mono, c in self.items():
            term: int | Positions = c
            for v, d in mono:
                term = term * (index[v] if d == 1 else index[v] * (index[v] - 1) // 2)
            total = total + term
        return total

    def fitted(self, values: Positions, index: Mapping[int, Positions]) -> Polynomial | None:
        """One of the same monomials, or of the first degree, that has these values round by round; None without. They
        stand in an axis a loop variable, or all in one."""
        import numpy as np

        if values.ndim == len(index):
            corner = (0,) * values.ndim
            steps = [int(values[(*corner[:k], 1, *corner[k + 1 :])] - values[corner]) if n > 1 else 0
                     for k, n in enumerate(values.shape)]  # fmt: skip
            linear = Polynomial({((v, 1),): step for v, step in zip(index, steps) if step})
            linear = linear + {(): int(values[corner])}
            if np.all(linear.evaluated(index) == values):
                return linear
        values, index = values.ravel(), {v: np.broadcast_to(a, values.shape).ravel() for v, a in index.items()}
        monomials = sorted({*self, (), *[((v, 1),) for v in index]})
        columns = np.stack(
            [np.broadcast_to(np.asarray(Polynomial({m: 1}).evaluated(index)), values.shape) for m in monomials], 1
        )
        some = np.unique(np.linspace(0, len(values) - 1, min(len(values), 4000)).astype(int))
        solution = np.linalg.lstsq(columns[some].astype(float), values[some].astype(float), rcond=None)[0]
        coefficients = np.rint(solution).astype(np.int64)
        if (columns @ coefficients != values).any():
            return None
        return Polynomial({m: int(c) for m, c in zip(monomials, coefficients) if c})

    def __str__(self) -> str:
        def name(mono: Monomial) -> str:
            return "*".join(f"i{v}" if d == 1 else f"C(i{v},2)" for v, d in mono)

        terms = [
            str(c) if not m else name(m) if c == 1 else f"-{name(m)}" if c == -1 else f"{c}*{name(m)}"
            for m, c in sorted(self.items())
        ]
        return " + ".join(terms).replace("+ -", "- ") or "0"


class Statement:
    """One instruction of a rolled program.

    Attributes:
        op: its name.
        out: its position in the trace: the name of the value it makes.
        target: where an effect writes.
        args: (space, index) for each operand.
    """

    def __init__(self, op: str, out: Polynomial, target: Polynomial, args: list[tuple[int, Polynomial]]) -> None:
        self.op, self.out, self.target, self.args = op, out, target, args


class For:
    """A loop of a rolled program: `variable` runs from 0 to `count` - 1."""

    def __init__(self, variable: int, count: Polynomial) -> None:
        self.variable, self.count = variable, count
        self.body: list[Node] = []


Node = Statement | For


def program(items: Sequence[Item], shapes: Shapes) -> list[Node]:
    """Rolled items as loops with polynomial indices."""
    variables = count()
    return [_node(item.shape, [Polynomial.constant(x) for x in item.vector], shapes, variables) for item in items]


def _node(shape: int, vector: list[Polynomial], shapes: Shapes, variables: Iterator[int]) -> Node:
    key = shapes.keys[shape]
    if not isinstance(key, LoopShape):
        return Statement(key[0], vector[0], vector[1], list(zip(key[1:], vector[2:])))
    body, sizes, quadratic = key
    m = sum(sizes)
    loop = For(next(variables), vector[0])
    inner = [vector[1 + j] + vector[1 + m + j].times(loop.variable, 1) for j in range(m)]
    if quadratic:
        inner = [p + vector[1 + 2 * m + j].times(loop.variable, 2) for j, p in enumerate(inner)]
    o = 0
    for s, size in zip(body, sizes):
        loop.body.append(_node(s, inner[o : o + size], shapes, variables))
        o += size
    return loop


def size(body: Sequence[Node]) -> int:
    """The number of instructions written down."""
    return sum(size(n.body) if isinstance(n, For) else 1 for n in body)


def statements_of(n: Node) -> Iterator[Statement]:
    """The instructions of an item, in order."""
    if isinstance(n, Statement):
        yield n
    else:
        for child in n.body:
            yield from statements_of(child)


def loops_of(body: Sequence[Node]) -> Iterator[For]:
    """All loops of a body, in order."""
    for n in body:
        if isinstance(n, For):
            yield n
            yield from loops_of(n.body)


def runs(body: Sequence[Node]) -> Iterator[list[Statement]]:
    """Stretches of instructions with no loop between them, at every depth."""
    run: list[Statement] = []
    for n in body:
        if isinstance(n, Statement):
            run.append(n)
            continue
        if run:
            yield run
        run = []
        yield from runs(n.body)
    if run:
        yield run


def unrolled(body: Sequence[Node], constants: Sequence[float]) -> Iterator[str]:
    """The flat instructions, one a line."""
    index: dict[int, Any] = {}

    def lines(body: Sequence[Node]) -> Iterator[str]:
        for n in body:
            if isinstance(n, For):
                for i in range(int(n.count.evaluated(index))):
                    index[n.variable] = i
                    yield from lines(n.body)
                continue
            args = [(space, int(i.evaluated(index))) for space, i in n.args]
            names = [repr(constants[i]) if LETTERS[s] == "c" else f"{LETTERS[s]}[{i}]" for s, i in args]
            space, at = (LETTERS[EFFECTS[n.op]], n.target) if n.op in EFFECTS else ("v", n.out)
            if n.op in SCATTERS:
                yield f"{space}[{at.evaluated(index)}{_further(names)}] += {names[0]}"
                continue
            yield f"{space}[{at.evaluated(index)}] = {n.op}({', '.join(names)})"

    yield from lines(body)


SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


def _further(args: Sequence[str]) -> str:
    """What an index is added to, of the operands of what reads or writes by it."""
    _, i, *numbers = args
    count, step = (n.removesuffix(".0") for n in numbers)
    return f" + {step}*({i} mod {count})"


def text(body: Sequence[Node], constants: Sequence[float], indent: str = "") -> str:
    """The program as a reader wants it: one line an instruction, loops indented."""
    lines = []
    for n in body:
        if isinstance(n, For):
            lines.append(f"{indent}for i{n.variable} in range({n.count}):")
            lines.append(text(n.body, constants, indent + "    "))
            continue
        args = []
        for space, index in n.args:
            at = index.number()
            is_number = LETTERS[space] == "c" and at is not None
            args.append(repr(constants[at]) if is_number and at is not None else f"{LETTERS[space]}[{index}]")
        if n.op == GATHER.name:
            space, index = n.args[0]
            lines.append(f"{indent}v[{n.out}] = {LETTERS[space]}[{index}{_further(args)}]")
        elif n.op in SCATTERS:
            lines.append(f"{indent}{LETTERS[EFFECTS[n.op]]}[{n.target}{_further(args)}] += {args[0]}")
        elif n.op in EFFECTS:
            sign = "+=" if n.op == "accumulate" else "="
            lines.append(f"{indent}{LETTERS[EFFECTS[n.op]]}[{n.target}] {sign} {args[0]}")
        elif n.op in SIGNS:
            lines.append(f"{indent}v[{n.out}] = {args[0]} {SIGNS[n.op]} {args[1]}")
        else:
            call = args[0] if n.op == "move" else f"{n.op}({', '.join(args)})"
            lines.append(f"{indent}v[{n.out}] = {call}")
    return "\n".join(lines)
