"""What compiled code is compared with: the flat trace of a rolled one, and instructions interpreted in Python."""

from engine.compiler.front.trace import CONSTANT, VALUE


def unrolled(items, shapes):
    """The inverse of `rolled`: the flat trace."""
    for item in items:
        for shape, vector in shapes.unrolled(item.shape, item.vector):
            op, *spaces = shapes.keys[shape]
            yield op, tuple([i * 8 + s for i, s in zip(vector[2:], spaces)]), vector[1]


def run_tape(code, tape, spaces):
    """Interpret instructions: (effect, target) -> number."""
    values, results = [], {}
    for op, operands, target in code:
        args = [
            values[a >> 3] if a & 7 == VALUE else tape.constants[a >> 3] if a & 7 == CONSTANT else spaces[a & 7][a >> 3]
            for a in operands
        ]
        if op in tape.rows:
            values.append(tape.rows[op].forward(*args))
        elif op == "move":
            values.append(args[0])
        else:
            values.append(0.0)
            results[op, target] = results.get((op, target), 0.0) + args[0] if op == "accumulate" else args[0]
    return results
