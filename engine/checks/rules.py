"""Each rule of a graph on its own: is this value, is this partial right at the operands it saw?

A rule that is wrong is found here whatever the rest of the graph does to it, and by name.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..backprop import partials as engine_partials
from ..ops import Op
from ..value import Value
from .balls import LARGEST, Ball, arb
from .conventions import convention
from .rounding import float_enclosure

OVERFLOWS = LARGEST / 16


@dataclass
class Fault:
    """What is wrong, and where.

    Attributes:
        part: "value", "partial", "saved operand", "adjoint", "second derivative", or where no node is to blame
            "traversal".
        node: the Value at which it is.
        argument: the position of the edge in `node.args`, for a partial.
        got: what the engine has.
        ball: what it may be.
        inaccurate: it is no more than a few ulps of the rule's largest value away.
        why: a clause that says it in words.
    """

    part: str
    node: Value | None
    argument: int | None
    got: float
    ball: Ball
    inaccurate: bool
    why: str

    @property
    def op(self) -> str:
        """The name of the op to blame, "" where there is none."""
        return self.node.op.name if self.node is not None and self.node.op is not None else ""


def holds(ball: Ball, x: float) -> bool:
    """Whether a float lies in a ball; where floats overflow, or a step towards the ball does, nan and infinities do."""
    if math.isfinite(x):
        return bool(ball.contains(arb(x)))
    return bool(abs(ball).upper() > OVERFLOWS)


def close(ball: Ball, x: float) -> bool:
    """Whether a float is within 16 units of rounding of a ball, counted at the size of the ball or at 1."""
    if not (math.isfinite(x) and ball.is_finite()):
        return False
    return bool((ball + arb(0, 16.0 * 2.0**-53) * (1 + abs(ball))).contains(arb(x)))


def faults(nodes: Sequence[Value]) -> Iterator[Fault]:
    """What is wrong with the rules of some nodes, arguments first: saved operands, values, partials."""
    for v in nodes:
        if v.op is not None:
            yield from _faults_of_node(v, v.op)


def _faults_of_node(v: Value, row: Op) -> Iterator[Fault]:
    args, vals = v._operands()
    for i, (a, x) in enumerate(v._edges()):
        if a.__class__ is Value and a._data != x and (x == x or a._data == a._data):
            yield Fault("saved operand", v, i, x, arb(a._data), False, "is not the value of the node it stands for")
    exact, partials = expected(row, vals, [a.__class__ is Value or a.__class__ is tuple for a in args])
    if exact is not None and not fits(exact, v._data):
        yield Fault("value", v, None, v._data, exact, _close(exact, v._data), "the forward function is wrong")
    for i, (p, ball) in enumerate(zip(engine_partials(v), partials)):
        if p is not None and ball is not None and not fits(ball, p):
            yield Fault("partial", v, i, p, ball, _close(ball, p), "the partial is wrong")


def fits(expected: Any, x: float) -> bool:
    """Whether a number is what is expected of a row: in the ball, or what the convention says."""
    return agrees(expected, x) if expected.__class__ is float else holds(expected, x)


def agrees(agreed: float, x: float) -> bool:
    """Whether a number is what a convention says, to a few ulps where that is finite."""
    if not math.isfinite(agreed):
        return x == agreed or (agreed != agreed and x != x)
    return abs(agreed - x) <= 8.0 * math.ulp(agreed)


def _close(expected: Any, x: float) -> bool:
    return expected.__class__ is not float and close(expected, x)


def expected(row: Op, vals: Sequence[Any], asked: Sequence[bool]) -> tuple[Any, list[Any]]:
    """What a row should give at float operands: a ball, a float where a convention holds, None where nothing is known.

    Returns:
        (value, partials with one entry an operand).
    """
    flat = [x for a in vals for x in (a if a.__class__ is list else [a])]
    count = len(flat)
    agreed = None if row.lists else convention(row.name, vals)
    if agreed is not None:
        return agreed[0], [p if w else None for p, w in zip(agreed[1], asked)]
    if not all(map(math.isfinite, flat)):
        return None, [None] * count
    balls = [[arb(e) for e in a] if a.__class__ is list else arb(a) for a in vals]
    value, partials, _ = float_enclosure(row, balls, asked)
    laid: list[Any] = []
    for a, p in zip(vals, partials):
        if a.__class__ is list:
            laid.extend(p if p is not None else [None] * len(a))
        else:
            laid.append(p)
    return (value if value.is_finite() else None), [p if p is not None and p.is_finite() else None for p in laid]
