"""What the laws are run on: floats of every kind, and graphs as flat tapes.

A tape is a list of leaves and a list of (row, operands), where an operand is a constant or how far back its node lies.
Leaving out an entry leaves a valid graph, sharing comes free, and a failing tape shrinks to the one or two ops at fault.
"""

import functools
import math
import struct
from typing import NamedTuple

from hypothesis import strategies as st

from engine import TABLE, Value, partials, topological_order

INF, NAN = math.inf, math.nan
MOST, LEAST = 1.7976931348623157e308, 5e-324
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, INF, -INF, NAN, LEAST, -LEAST, 2.2250738585072014e-308, MOST, -MOST]

nice = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0])
moderate = nice | st.floats(-10.0, 10.0)
random_bits = st.binary(min_size=8, max_size=8).map(lambda b: struct.unpack("<d", b)[0])
any_float = st.sampled_from(SPECIAL) | moderate | random_bits


class Tape(NamedTuple):
    leaves: list
    steps: list  # of (row name, operands: how far back, or a constant)


def operand_count(row):
    return row.arity + row.lists  # a list holds two operands


def applied(row, operands):
    """The row on a flat list of operands, two for each list it takes."""
    pairs = [list(operands[2 * k : 2 * k + 2]) for k in range(row.lists)]
    return row(*pairs, *operands[2 * row.lists :])


@functools.cache  # making a strategy takes longer than drawing from it
def tapes_of(numbers, counts, max_steps, max_leaves):
    """Tapes of rows, given as (name, how many operands)."""
    operand = st.integers(1, 8) | (numbers if numbers is not any_float else moderate)
    steps = {
        name: st.tuples(st.just(name), st.lists(operand, min_size=count, max_size=count)) for name, count in counts
    }
    return st.builds(
        Tape,
        st.lists(numbers, min_size=1, max_size=max_leaves),
        st.lists(st.sampled_from([*steps]).flatmap(steps.get), min_size=1, max_size=max_steps),
    )


def tapes(numbers=moderate, rows=None, max_steps=12, max_leaves=3):
    counts = tuple((name, operand_count(TABLE[name])) for name in sorted(rows or TABLE))
    return tapes_of(numbers, counts, max_steps, max_leaves)


def built(tape):
    """(leaves, nodes) of a tape; the last node is the root."""
    leaves = [Value(x) for x in tape.leaves]
    nodes = list(leaves)
    for name, operands in tape.steps:
        found = [nodes[-min(o, len(nodes))] if isinstance(o, int) else o for o in operands]
        if not any(isinstance(o, Value) for o in found):
            found[0] = nodes[-1]
        nodes.append(applied(TABLE[name], found))
    return leaves, nodes


def forward_sweep(root, leaves, tangents):
    """The tangent of a root: forward mode with the partials of the table, an edge at a time."""
    tangent = dict(zip(leaves, tangents))
    for v in topological_order(root):
        if v.op is None:
            continue
        parts = [
            p * tangent[a]
            for a, p in zip(v.args, partials(v))
            if isinstance(a, Value) and a in tangent and (p or not v.op.selects)
        ]
        if parts:
            total = parts[0]
            for part in parts[1:]:
                total += part
            tangent[v] = total
    return tangent.get(root, 0.0)


def hexes(xs):
    """Floats to the bit; nan is one, whatever its sign."""
    return ["nan" if x != x else float(x).hex() for x in xs]
