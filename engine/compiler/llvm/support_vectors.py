"""A batch without its flat examples: a hinge loss learns from its support vectors alone.

Where the loss of an example is 0 behind a relu, it adds 0 to the loss and to every gradient; the others are called support
vectors (Cortes & Vapnik, SupportVectors-vector networks, Machine Learning 20, 1995). All examples run forward; those that count are
packed side by side.
"""

from __future__ import annotations

from collections.abc import Callable

from ..front.trace import INPUT, MEMORY
from .emission import Emitter
from .memory import Buffers, Copy
from .native_functions import Rounds
from .vectors import I64, POINTER, declared, ir


class SupportVectors:
    """Writes which examples of a chunk are not flat, and packs them.

    Args:
        emitter: of the whole program.
        buffers: pointers, sizes and stride; memory is spread.
        count: examples in the chunk, an LLVM integer.
        mask: (builder, number of examples left) -> the lanes that count.
    """

    def __init__(self, emitter: Emitter, buffers: Buffers, count: ir.Value,
                 mask: Callable[[ir.IRBuilder, ir.Value], ir.Value]) -> None:  # fmt: skip
        self._e, self._buffers, self._count, self._mask = emitter, buffers, count, mask

    def size(self, b: ir.IRBuilder) -> ir.Value:
        """Write: how many there are, an LLVM integer."""
        return self._visited(b, lambda chosen, first, before: None)

    def pack(self, b: ir.IRBuilder, to: ir.Value, columns: int) -> None:
        """Write: their inputs, column by column, closed up."""
        e, own = self._e, self._buffers.with_inputs(to)
        name = f"llvm.masked.compressstore.v{e.lanes}{e.vectors.bits_name}"

        def copied(chosen: ir.Value, first: ir.Value, before: ir.Value) -> None:
            store = declared(b.module, name, ir.VoidType(), [e.vectors.type, POINTER, chosen.type])
            for column in range(columns):
                value = self._vector(b, INPUT, column, first)
                e.buffers = own.at(before)
                b.call(store, [value, e.pointer(INPUT, I64(column), Copy(), True), chosen])

        self._visited(b, copied)

    def _visited(self, b: ir.IRBuilder, visit: Callable[[ir.Value, ir.Value, ir.Value], None]) -> ir.Value:
        """Write: pass over the examples, a vector at a time, with (the lanes that are not flat, the number of the first,
        how many there were before); how many there were in all."""
        e = self._e
        e.begin(b, self._buffers)
        ones = declared(b.module, f"llvm.ctpop.i{e.lanes}", ir.IntType(e.lanes), [ir.IntType(e.lanes)])
        groups = b.sdiv(b.add(self._count, I64(e.lanes - 1)), I64(e.lanes))
        with Rounds(b, groups, name="support") as rounds:
            before = rounds.carried(I64)
            first = b.mul(rounds.i, I64(e.lanes))
            loss = self._vector(b, MEMORY, self._slot(), first)
            chosen = b.and_(e.vectors.compare("!=", loss, 0.0), self._mask(b, b.sub(self._count, first)))
            visit(chosen, first, before)
            here = b.zext(b.call(ones, [b.bitcast(chosen, ir.IntType(e.lanes))]), I64)
            before.add_incoming(I64(0), rounds.before)
            before.add_incoming(b.add(before, here), b.block)
        return before

    def _slot(self) -> int | None:
        """Where the relu's value is in memory."""
        placement = self._e.placement
        gate = placement.parts.gate
        return None if gate is None else placement.slots[gate.out.key()].number()

    def _vector(self, b: ir.IRBuilder, space: int, column: int | None, first: ir.Value) -> ir.Value:
        e = self._e
        e.buffers = self._buffers.at(first)
        value = b.load(e.pointer(space, I64(column), Copy(), True), typ=e.vectors.type)
        value.align = e.align
        return value
