"""What compiled code is compared with: the flat trace of a rolled one, and instructions interpreted in Python."""

from functools import reduce

from engine.compiler.front.order import flat
from engine.compiler.front.passes import OP_OF, REST, RUNNING
from engine.compiler.front.trace import CONSTANT, LIST, PARAMETER, VALUE
from engine.compiler.loops.program import For
from engine.rule import TABLE


def unrolled(items, shapes):
    """The inverse of `rolled`: the flat trace."""
    for item in items:
        for shape, vector in shapes.unrolled(item.shape, item.vector):
            op, *spaces = shapes.keys[shape]
            yield op, tuple([i * 8 + s for i, s in zip(vector[2:], spaces)]), vector[1]


def without_constants(code):
    """Instructions as rolling sees them: which constant stands in them does not matter to it."""
    return [(op, tuple([CONSTANT if a & 7 == CONSTANT else a for a in args]), target) for op, args, target in code]


def numbers_read(body, table, index=None):
    """(position, which operand) -> the number, for the constants of a rolled program and its table."""
    index, found = index or {}, {}
    for n in body:
        if isinstance(n, For):
            for i in range(n.count.evaluated(index)):
                found.update(numbers_read(n.body, table, {**index, n.variable: i}))
        else:
            out = n.out.evaluated(index)
            found.update({(out, k): table[p.evaluated(index)] for k, (s, p) in enumerate(n.args) if s == CONSTANT})
    return found


def numbers_written(code, constants):
    """(position, which operand) -> the number, for the constants of a program in order."""
    return {
        (at, k): constants[a >> 3]
        for at, (_, args, _) in enumerate(flat(code))
        for k, a in enumerate(args)
        if a & 7 == CONSTANT
    }


def sum_of_products(total, ws, xs, cs=None):
    for w, x, c in zip(ws, xs, cs or [1.0] * len(ws), strict=True):
        total = total + (w * x if c else 0.0)
    return total


def run_tape(code, tape, spaces):
    """Interpret instructions: (effect, target) -> number."""
    values, results = [], {}

    def number(a):
        if a & 7 == LIST:
            return [number(e) for e in tape.lists[a >> 3]]
        return (
            values[a >> 3] if a & 7 == VALUE else tape.constants[a >> 3] if a & 7 == CONSTANT else spaces[a & 7][a >> 3]
        )

    for op, operands, target in code:
        args = [number(a) for a in operands]
        if op in ("dot", "gated"):
            values.append(sum_of_products(*args))
            continue
        if op in RUNNING:
            values.append(reduce(TABLE[RUNNING[op]].forward, args[1], args[0]))
            continue
        if op in OP_OF:
            rounds = max([len(a) for a in args if isinstance(a, list)])
            columns = [a if isinstance(a, list) else [a] * rounds for a in args]
            values += map(TABLE[OP_OF[op]].forward, *columns)
            continue
        if (op, operands, target) == REST:
            continue
        if op in tape.rows:
            values.append(tape.rows[op].forward(*args))
        elif op == "move":
            values.append(args[0])
        else:
            values.append(0.0)
            results[op, target] = results.get((op, target), 0.0) + args[0] if op == "accumulate" else args[0]
    return results


def run_program(body, table, rows, parameters):
    """Interpret a rolled program: target -> number."""
    values, index, written = {}, {}, {}
    spaces = {VALUE: values, PARAMETER: parameters, CONSTANT: table}

    def run(body):
        for n in body:
            if isinstance(n, For):
                for i in range(int(n.count.evaluated(index))):
                    index[n.variable] = i
                    run(n.body)
                continue
            given = [spaces[space][p.evaluated(index)] for space, p in n.args]
            if n.op == "output":
                written[n.target.evaluated(index)] = given[0]
            else:
                values[n.out.evaluated(index)] = given[0] if n.op == "move" else rows[n.op].forward(*given)

    run(body)
    return written
