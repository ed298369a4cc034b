"""The outermost body of a program in parts: functions of bounded length, sums that come last, what a flat example lacks.

A loss is flat where an example on the right side of a hinge teaches nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite, nan

from ..front.trace import CONSTANT, EFFECTS, VALUE, Instruction
from .program import For, Node, Polynomial, Statement, loops_of, size, statements_of
from .spans import Span

LONGEST = 1000  # instructions in one native function: LLVM's time grows faster than linearly beyond
Find = Callable[[Polynomial, Node], Span]

FEWEST = 6  # vectors of examples in a chunk from which on a choice among them pays


def segments(body: Sequence[Node]) -> list[int]:
    """For each item, the number of the function it goes to."""
    found, now, filled = [], 0, 0
    for n in body:
        length = size([n])
        if filled and filled + length > LONGEST:
            now, filled = now + 1, 0
        filled += length
        found.append(now)
    return found


def gate_of(code: Mapping[int, Instruction], constants: Sequence[float], loss: int) -> int | None:
    """The position of the relu behind which a loss, and with it all its gradients, are 0; None where there is none.

    The loss is that relu, or made of it by finite factors and squares.

    Args:
        code: instructions by position, those of dots aside.
        constants: the numbers of the trace.
        loss: the target that the loss is added to.
    """

    def number(operand: int) -> float | None:
        op, args, _ = code.get(operand >> 3, ("", (), 0)) if operand & 7 == VALUE else ("", (), 0)
        operand = args[0] if op == "move" else operand
        return constants[operand >> 3] if operand & 7 == CONSTANT else None

    at = next((args[0] for op, args, target in code.values() if op == "accumulate" and target == loss), CONSTANT)
    while at & 7 == VALUE and at >> 3 in code:
        op, args, _ = code[at >> 3]
        if op == "relu":
            return at >> 3
        fixed = [x for x in map(number, args) if x is not None]
        keeps_zero = (
            op in ("move", "neg")
            or (op == "add" and fixed == [0.0])
            or (op == "mul" and (args[0] == args[1] or (all(map(isfinite, fixed)) and len(fixed) == 1)))
            or (op == "div" and isfinite(number(args[1]) or nan))
        )
        if not keeps_zero:
            return None
        at = next((a for a in args if number(a) is None), CONSTANT)
    return None


class BodyParts:
    """How a program is cut.

    Args:
        body: the outermost one.
        spans: (index, node) -> where it leads, over the rounds of the loops around the node.
        sums_apart: may what only adds to gradients come after all else?
        gate: the position in the trace behind which a loss may be flat.
        large: from so many instructions on that it executes, a loop may be one that threads share; None: none is.

    Attributes:
        body: the items, in the order in which they are to run.
        segments: for each of them, the number of the function it goes to.
        cuts: the same for the bodies of loops that are too long for one function. Inside such a loop values go through
            memory from one function to the next and from round to round.
        apart: how many items come before those that only add to gradients; these may then run after all examples are
            done with the others, since values reach them through memory alone. None: they may not.
        gate: the instruction behind which the loss of an example may be flat, or None.
        forward: how many items end with it. Behind them come those that write outputs of the example, and from
            `backward` on what a flat example can do without. Values reach these through memory alone, so that all
            examples may be done with the former first.
        large: the loops among the items that threads may share. Values reach them and leave them through memory alone.
        visible: for each item, a number; items of one number may hand each other registers.
    """

    def __init__(self, body: Sequence[Node], spans: Find, sums_apart: bool = False, gate: int | None = None,
                 large: int | None = None) -> None:  # fmt: skip
        self.body = self._sums_last(body) if sums_apart else list(body)
        self.cuts = {loop: segments(loop.body) for loop in loops_of(body) if size(loop.body) > LONGEST}
        self.apart = self._first_sum() if sums_apart else None
        self.segments = segments(self.body)
        self.gate: Statement | None = None
        self.forward = self.backward = len(self.body)
        if self.apart is not None and not any(self.segments):
            self._part_at(gate, self.apart, spans)
        self.large = set() if large is None or any(self.segments) else self._large(large, spans)
        self.visible = self._visible()

    @staticmethod
    def _sums_last(body: Sequence[Node]) -> list[Node]:
        """A body with what adds to gradients behind all else: nothing reads it."""
        adds = [any(s.op == "accumulate" for s in statements_of(n)) for n in body]
        return [n for n, a in zip(body, adds) if not a] + [n for n, a in zip(body, adds) if a]

    def _first_sum(self) -> int | None:
        """Where the items that only add to gradients begin."""
        sums = [any(s.op == "accumulate" for s in statements_of(n)) for n in self.body]
        first = sums.index(True) if True in sums else None
        others = EFFECTS.keys() - {"accumulate"}
        if first is None or any(s.op in others for n in self.body[first:] for s in statements_of(n)):
            return None
        return first

    def _part_at(self, position: int | None, apart: int, spans: Find) -> None:
        """Put outputs right behind the gate, if no loop is around it and they are all made before it."""
        gate = next((n for n in self.body if isinstance(n, Statement) and n.out.number() == position), None)
        if gate is None:
            return
        forward = self.body.index(gate) + 1
        if forward > apart:  # no gradient passes it: it is made where its loss is summed
            return
        outputs = [n for n in self.body[forward:] if any(s.op == "output" for s in statements_of(n))]
        writers = [(n, s) for n in outputs for s in statements_of(n)]
        made = [spans(index, s).positions() for _, s in writers for space, index in s.args if space == VALUE]
        if any(s.op != "output" for _, s in writers) or any(at.max(initial=0) > position for at in made):
            return
        self.body[forward:] = [*outputs, *[n for n in self.body[forward:] if n not in outputs]]
        self.gate, self.forward, self.backward = gate, forward, forward + len(outputs)

    def _large(self, least: int, spans: Find) -> set[For]:
        loops = [n for n in self.body if isinstance(n, For) and n not in self.cuts and (n.count.number() or 0) > 1]
        return {n for n in loops if sum(spans(s.out, s).size for s in statements_of(n)) >= least}

    def _visible(self) -> list[int]:
        visible = list(self.segments)
        if self.gate is not None:
            visible = [(i >= self.forward) + (i >= self.backward) for i in range(len(self.body))]
        if self.apart is not None:
            part = visible[-1] + 1
            for i in range(self.apart, len(self.body)):
                if isinstance(self.body[i], For) or (i > 0 and isinstance(self.body[i - 1], For)):
                    part += 1
                visible[i] = part
        part = 0
        for i, n in enumerate(self.body):
            part += n in self.large or (i > 0 and self.body[i - 1] in self.large)
            visible[i] += part
        return visible
