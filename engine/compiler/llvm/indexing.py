"""Numbers of a program as indices: a parameter is read by one, an output or a gradient added to by one."""

from __future__ import annotations

from collections.abc import Iterator

from ..front.trace import EFFECTS
from ..loops.program import Polynomial, Statement
from .memory import Copy, Memo, Memory
from .vectors import I32, I64, ir


def gathered(e: Memory, statement: Statement, copy: Copy, memo: Memo) -> ir.Value:
    """Write: the number at an index, lane by lane."""
    space, first = statement.args[0]
    found = [
        e.b.load(e.guarded(space, at, 1), typ=e.real) for at in _places(e, statement, first, copy, memo, range(e.lanes))
    ]
    if e.lanes == 1:
        return found[0]
    value = ir.Constant(e.vectors.type, ir.Undefined)
    for k, x in enumerate(found):
        value = e.b.insert_element(value, x, I32(k))
    return value


def scatter(e: Memory, statement: Statement, copy: Copy, memo: Memo) -> None:
    """Write: what adds to the number at an index, lane by lane; nothing from lanes that do not count."""
    b, x = e.b, e.loaded(e.placement.sources[statement][0], copy, memo)
    if e.buffers.mask is not None:
        x = b.select(e.buffers.mask, x, e.vectors.constant(-0.0))
    for k, at in enumerate(_places(e, statement, statement.target, copy, memo, range(e.lanes))):
        pointer = e.guarded(EFFECTS[statement.op], at, 1)
        one = b.extract_element(x, I32(k)) if e.lanes > 1 else x
        b.store(b.fadd(b.load(pointer, typ=e.real), one), pointer)


def _places(e: Memory, statement: Statement, first: Polynomial, copy: Copy, memo: Memo,
            lanes: range) -> Iterator[ir.Value]:  # fmt: skip
    """Where the index of each lane leads, from a first place on; where it leads nowhere, as in lanes that do not count, to 0."""
    b, begin = e.b, e.index(first, copy)[1]
    operands = [e.loaded(source, copy, memo) for source in e.placement.sources[statement][1:]]
    for k in lanes:
        i, count, step = [b.extract_element(x, I32(k)) if e.lanes > 1 else x for x in operands]
        is_one = b.and_(b.fcmp_ordered(">=", i, b.fneg(count)), b.fcmp_ordered("<", i, count))
        i = b.select(is_one, i, ir.Constant(e.real, 0.0))
        at, size, gap = (b.fptosi(x, I64) for x in (i, count, step))
        at = b.add(at, b.select(b.icmp_signed("<", at, I64(0)), size, I64(0)))
        yield b.add(begin, b.mul(at, gap))
