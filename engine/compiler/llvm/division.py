"""Division of vectors by a number that is the same in every lane, and round after round: the bits of division, in products.

Dividing takes a processor ten times as long as multiplying. With the reciprocal, which leaves the loop, a quotient is found
and made better twice by what it leaves over; where nothing under- or overflows that is the rounded quotient (Markstein,
Computation of elementary functions on the IBM RISC System/6000, 1990). Any other vector is divided.
"""

from __future__ import annotations

from .vectors import I1, Vector, VectorBuilder, declared

LEAST, MOST = 2.0**-800, 2.0**800  # of what is divided; nothing that is computed on the way is subnormal or infinite
NEAR = 2.0**100  # of the divisor, either way
TIMES = 2  # that a quotient is made better


def divided(k: VectorBuilder, x: Vector, y: Vector) -> Vector:
    """x / y, in float64 and with fused multiply-add in the machine."""
    b = k.builder
    nothing = k.compare("==", x, 0.0)
    size, by = k.choose(nothing, 1.0, abs(x)), abs(y)
    fits = k.both(k.compare(">=", size, LEAST), k.compare("<=", size, MOST))
    fits = k.both(fits, k.both(k.compare(">=", by, 1.0 / NEAR), k.compare("<=", by, NEAR)))
    every = declared(k.module, f"llvm.vector.reduce.and.v{k.lanes}i1", I1, [k.type_of(I1)])
    with b.if_else(b.call(every, [fits]), likely=True) as (then, otherwise):
        with then:
            reciprocal = k.number(b.fdiv(k.constant(1.0), y.value))
            first = quotient = k.number(b.fmul(x.value, reciprocal.value))
            for _ in range(TIMES):
                left = k.fma(k.number(b.fneg(quotient.value)), y, x)
                quotient = k.fma(left, reciprocal, quotient)
            quick = k.choose(nothing, first, quotient).value
            quick_block = b.block
        with otherwise:
            slow = b.fdiv(x.value, y.value)
            slow_block = b.block
    out = b.phi(k.type)
    out.add_incoming(quick, quick_block)
    out.add_incoming(slow, slow_block)
    return Vector(k, out)
