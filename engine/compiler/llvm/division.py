"""Division of vectors by a number that is the same in every lane, and round after round: the bits of division, in products.

Dividing takes a processor ten times as long as multiplying. With the reciprocal, which leaves the loop, a quotient is found
and made better twice by what it leaves over; where nothing under- or overflows that is the rounded quotient (Markstein,
Computation of elementary functions on the IBM RISC System/6000, 1990). Vectors of which one holds another number are divided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .vectors import I1, Vector, VectorBuilder, declared, ir

LEAST, MOST = 2.0**-800, 2.0**800  # of what is divided; nothing that is computed on the way is subnormal or infinite
NEAR = 2.0**100  # of the divisor, either way
TIMES = 2  # that a quotient is made better


def divided(k: VectorBuilder, xs: Sequence[Vector], y: Vector) -> list[ir.Value]:
    """Each x / y, in float64 and with fused multiply-add in the machine."""
    b = k.builder
    every = declared(k.module, f"llvm.vector.reduce.and.v{k.lanes}i1", I1, [k.type_of(I1)])
    with b.if_else(b.call(every, [_all_fit(k, xs, y)]), likely=True) as (then, otherwise):
        with then:
            reciprocal = k.number(b.fdiv(k.constant(1.0), y.value))
            quick = [_better(k, x, y, reciprocal).value for x in xs]
            quick_block = b.block
        with otherwise:
            slow = [b.fdiv(x.value, y.value) for x in xs]
            slow_block = b.block
    found = []
    for ways in zip(quick, slow):
        found.append(b.phi(k.type))
        for value, block in zip(ways, (quick_block, slow_block)):
            found[-1].add_incoming(value, block)
    return found


def _all_fit(k: VectorBuilder, xs: Sequence[Vector], y: Vector) -> ir.Value:
    """The mask of the lanes in which all may be divided so."""
    b = k.builder
    least = most = k.number(1.0)
    for x in xs:
        # A bit less than its size, which makes a nan of 0; where a nan is compared, the other number is taken.
        size = k.from_bits(b.add(k.bits(abs(x)), k.whole(-1)))
        least = k.choose(k.compare("<", size, least), size, least)
        most = k.choose(k.compare(">", size, most), size, most)
    near = k.both(k.compare(">=", y, 1.0 / NEAR), k.compare("<=", y, NEAR))
    return k.both(k.compare(">=", least, k.choose(near, LEAST, math.inf)), k.compare("<=", most, MOST))


def _better(k: VectorBuilder, x: Vector, y: Vector, reciprocal: Vector) -> Vector:
    """The quotient by a number above 0; what is left over is negated, so that a 0 keeps its sign."""
    quotient = k.number(k.builder.fmul(x.value, reciprocal.value))
    for _ in range(TIMES):
        quotient = k.fma(-k.fma(quotient, y, -x), reciprocal, quotient)
    return quotient
