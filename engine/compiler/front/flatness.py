"""Which losses are flat: an example on the right side of a hinge teaches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan

from .trace import CONSTANT, VALUE, Instruction

FEWEST = 6  # vectors of examples in a chunk from which on a choice among them pays


def gate(code: Sequence[Instruction], constants: Sequence[float], loss: int) -> int | None:
    """The position of the relu behind which a loss, and with it all its gradients, are 0; None where there is none.

    The loss is that relu, or made of it by finite factors and squares.

    Args:
        code: instructions in order.
        constants: the numbers of the trace.
        loss: the target that the loss is added to.
    """

    def number(operand: int) -> float | None:
        if operand & 7 == VALUE and code[operand >> 3][0] == "move":
            operand = code[operand >> 3][1][0]
        return constants[operand >> 3] if operand & 7 == CONSTANT else None

    at = next((args[0] for op, args, target in code if op == "accumulate" and target == loss), CONSTANT)
    while at & 7 == VALUE:
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
