"""The order that rolls: the same program, whatever way its sums were written.

1. Roots keep creation order: effects, values used more than once, and every sum (how often a sum is used may differ at
   the edges of a loop). Any other value, and a sum whose only use is an effect or a function of one argument, sits just
   before that use.
2. A sum is `move first; (term; add)*`, running sum on the left. If the first term is itself computed the sum starts from
   -0.0, which is exact: -0.0 + x is x for every x. Every reduction is then a whole loop, nothing peeled.
"""

from __future__ import annotations

from .trace import EFFECTS, VALUE, Instruction, Trace


def canonical(trace: Trace) -> list[Instruction]:
    """The live instructions of a trace in the order that rolls."""
    code = list(trace.code)
    uses, live = _uses(code)
    spine = _sums(trace, code, uses, live)
    alone = [False] * len(code)  # read by something that reads nothing else
    for i in range(len(trace.code)):
        args = code[i][1]
        if live[i] and len(args) == 1 and args[0] & 7 == VALUE:
            alone[args[0] >> 3] = True
    inside = [
        uses[i] == 1 and op not in EFFECTS and (op != "add" or i in spine or alone[i])
        for i, (op, _, _) in enumerate(code)
    ]
    return _placed(code, inside, [i for i in range(len(trace.code)) if live[i] and not inside[i]])


def _uses(code: list[Instruction]) -> tuple[list[int], list[bool]]:
    live, uses = [False] * len(code), [0] * len(code)
    for i in range(len(code) - 1, -1, -1):
        op, args, _ = code[i]
        if op in EFFECTS:
            live[i] = True
        if live[i]:
            for a in args:
                if a & 7 == VALUE:
                    live[a >> 3] = True
                    uses[a >> 3] += 1
    return uses, live


def _sums(trace: Trace, code: list[Instruction], uses: list[int], live: list[bool]) -> set[int]:
    """Rewrite chains of additions in place; returns the running sums inside them."""
    spine: set[int] = set()

    def computed_here(a: int) -> bool:
        return a & 7 == VALUE and uses[a >> 3] == 1

    def running(a: int) -> bool:
        return computed_here(a) and code[a >> 3][0] == "add"

    def append(op: str, args: tuple[int, ...]) -> int:
        code.append((op, args, 0))
        uses.append(1)
        return (len(code) - 1) * 8 + VALUE

    for i in range(len(trace.code)):
        op, args, _ = code[i]
        if op != "add" or not live[i]:
            continue
        a, b = args
        if running(b) and not running(a):
            a, b = b, a
        if running(a):
            spine.add(a >> 3)
        else:
            if computed_here(a) and not computed_here(b):
                a, b = b, a  # start from the leaf
            if computed_here(a):
                a = append("add", (append("move", (trace.constant(-0.0),)), a))
                spine.add(a >> 3)
            else:
                a = append("move", (a,))
        code[i] = ("add", (a, b), 0)
    return spine


def _placed(code: list[Instruction], inside: list[bool], roots: list[int]) -> list[Instruction]:
    place: dict[int, int] = {}
    result: list[Instruction] = []
    stack: list[int] = []
    for root in roots:
        stack.append(root)
        while stack:
            i = stack.pop()
            if i >= 0:
                stack.append(~i)
                stack.extend([a >> 3 for a in reversed(code[i][1]) if a & 7 == VALUE and inside[a >> 3]])
            else:
                op, args, target = code[~i]
                place[~i] = len(result)
                result.append((op, tuple([place[a >> 3] * 8 if a & 7 == VALUE else a for a in args]), target))
    return result
