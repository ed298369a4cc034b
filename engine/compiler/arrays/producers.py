"""Which statement of a rolled program makes a value, in which round: arithmetic on the polynomials of its loops."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

from ..loops.program import For, Node, Polynomial, Statement
from .program import NotRaisedError

Env = dict[int, int]  # the rounds of loops, by variable
MOST = 10_000  # pieces that a lattice may be of


def at_rounds(p: Polynomial, env: Env) -> int:
    """The value of an index in some rounds."""
    total = 0
    for mono, c in p.items():
        for v, degree in mono:
            c *= env[v] if degree == 1 else env[v] * (env[v] - 1) // 2
        total += c
    return total


class Piece(NamedTuple):
    """A box of a lattice that one statement makes.

    Attributes:
        offset, sizes: the box.
        statement: what makes it.
        env: the rounds in which it makes the first corner.
        deltas: for each axis, by how much the rounds advance along it.
    """

    offset: tuple[int, ...]
    sizes: tuple[int, ...]
    statement: Statement
    env: Env
    deltas: tuple[Env, ...]

    def affine(self, p: Polynomial) -> tuple[int, list[int]]:
        """(value at the corner, slope along each axis) of an index."""
        start = at_rounds(p, self.env)
        return start, [
            at_rounds(p, {v: x + d.get(v, 0) for v, x in self.env.items()}) - start if n > 1 and d else 0
            for d, n in zip(self.deltas, self.sizes)
        ]


class Producers:
    """The statements of a program, found by the positions of what they make.

    Args:
        body: the program.
    """

    def __init__(self, body: Sequence[Node]) -> None:
        self._body = body

    def at(self, position: int) -> tuple[Statement, Env, list[For]]:
        """(the statement that makes a value, in which round of which loops)."""
        env: Env = {}
        loops: list[For] = []
        body = self._body
        while True:
            low, high = 0, len(body)
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if position_of(body[middle], env) <= position else (low, middle)
            node = body[low]
            if isinstance(node, Statement):
                return node, env, loops
            loops.append(node)
            low, high = 0, max(at_rounds(node.count, env), 1)
            while high - low > 1:
                middle = (low + high) // 2
                env[node.variable] = middle
                low, high = (middle, high) if position_of(node.body[0], env) <= position else (low, middle)
            env[node.variable] = low
            body = node.body

    def pieces(self, start: int, strides: Sequence[int], sizes: Sequence[int], alone: Set[object],
               serial: Set[int] = frozenset()) -> list[Piece]:  # fmt: skip
        """The boxes of a lattice of positions, each made by one statement whose rounds advance evenly.

        Args:
            start, strides, sizes: the lattice.
            alone: variables of loops of which a box has but one round.
            serial: of loops that carry a state: an axis of a box in one runs along the rounds of a single loop.
        """
        found = []
        stack = [((0,) * len(strides), tuple(sizes))]
        while stack:
            offset, box = stack.pop()
            corner = start + sum(o * s for o, s in zip(offset, strides))
            statement, env, loops = self.at(corner)
            deltas = list[Env]()
            cut: tuple[int, int] | None = None
            for a, (n, stride) in enumerate(zip(box, strides)):
                delta: Env = {}
                if n > 1 and cut is None:
                    other, there, _ = self.at(corner + stride)
                    delta = {v: there[v] - x for v, x in env.items() if there.get(v, x) != x}
                    mixed = len(delta) > 1 and not serial.isdisjoint(env)
                    if other is not statement or mixed or not alone.isdisjoint(delta):
                        cut = a, 1
                deltas.append(delta)
            cut = cut or _cut(statement, env, loops, deltas, box)
            if cut is None:
                found.append(Piece(offset, box, statement, env, tuple(deltas)))
                if len(found) > MOST:
                    raise NotRaisedError(f"an array of it is of more than {MOST} pieces")
                continue
            a, n = cut
            behind = (*offset[:a], offset[a] + n, *offset[a + 1 :])
            stack.append((behind, (*box[:a], box[a] - n, *box[a + 1 :])))
            stack.append((offset, (*box[:a], n, *box[a + 1 :])))
        return found


def position_of(node: Node, env: Env) -> int:
    """The position of the first value that a node makes."""
    if isinstance(node, Statement):
        return at_rounds(node.out, env)
    inner = env
    while isinstance(node, For):
        inner, node = {**inner, node.variable: 0}, node.body[0]
    return at_rounds(node.out, inner)


def _cut(
    statement: Statement, env: Env, loops: Sequence[For], deltas: Sequence[Env], box: Sequence[int]
) -> tuple[int, int] | None:
    """(an axis along which a box is to be cut, after how many); None where all its rounds are rounds of the loops."""
    moving = {v: a for a, delta in enumerate(deltas) for v in delta}
    for p in [*[p for _, p in statement.args], *[loop.count for loop in loops], statement.out]:
        for mono in p:
            bent = [v for v, degree in mono if v in moving and (degree > 1 or sum(w in moving for w, _ in mono) > 1)]
            if bent:
                return moving[bent[0]], 1
    for loop in loops:
        v, count = loop.variable, at_rounds(loop.count, env)
        steps = [delta.get(v, 0) for delta in deltas]
        shrinks = [count - at_rounds(loop.count, {**env, **_after(env, delta)}) for delta in deltas]
        if any(steps) and any(shrinks):
            return moving[v], 1
        for ahead, room in ((steps, count - 1 - env[v]), ([-s for s in steps], env[v]), (shrinks, count - 1 - env[v])):
            reach = [max(0, s) * (n - 1) for s, n in zip(ahead, box)]
            if sum(reach) > room:
                a = max(range(len(ahead)), key=lambda a: ahead[a] * (box[a] > 1))
                rest = room - sum(reach) + reach[a]
                return a, max(1, rest // ahead[a] + 1) if rest >= 0 else 1
    return None


def _after(env: Env, delta: Env) -> Env:
    return {v: env[v] + d for v, d in delta.items()}
