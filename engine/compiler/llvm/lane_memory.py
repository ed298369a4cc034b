"""Numbers of rounds in lanes: what the rounds of a loop read and write, side by side, apart, or the same for all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..front.trace import CONSTANT, EFFECTS, GRADIENT, INPUT, MEMORY, OUTPUT
from ..loops.placement import Exit, Source
from ..loops.program import Polynomial, Statement
from .emission import Emitter
from .memory import Copy, Memo
from .processor import vector_bytes
from .vectors import I32, I64, VectorBuilder, ir


class LaneMemory(Emitter):
    """Writes loads and stores of a program of one lane, of which the rounds of a loop may be in lanes for a while. Arguments
    as for `Emitter`."""

    _variable: int | None = None  # of the loop whose rounds are in lanes now
    _left = 0  # so many lanes count; 0: all

    @contextmanager
    def _laned(self, variable: int, lanes: int, left: int = 0) -> Iterator[None]:
        """Inside, the rounds of a loop are in lanes, of which so many count."""
        outside = self._variable, self.lanes, self.vectors, self._left
        k = self.vectors
        self._variable, self.lanes, self._left = variable, lanes, left
        self.vectors = VectorBuilder(self.b, self.real, lanes, k.contract, k.inline, k.lower)
        yield
        self._variable, self.lanes, self.vectors, self._left = outside

    @property
    def _most(self) -> int:
        """Lanes of a vector."""
        return vector_bytes(self.target.cpu) // self.bytes

    def _places(self, s: Statement) -> Iterator[tuple[int, Polynomial, bool]]:
        """(space, index, is it written) of what an instruction reads from memory and writes there."""
        placement = self.placement
        for source in placement.sources[s]:
            if isinstance(source, tuple):
                yield *self._place(source), False
        stored = placement.store[s]
        if stored is not None:
            yield MEMORY, placement.slots[stored.key()], True
        for facts in placement.facts.values():
            for handle, index in facts.after:
                if isinstance(handle, Exit) and handle.value is s:
                    yield MEMORY, placement.slots[index.key()], True
        if s.op in EFFECTS:
            yield GRADIENT if s.op == "accumulate" else EFFECTS[s.op], s.target, True

    def _place(self, source: tuple[int, Polynomial]) -> tuple[int, Polynomial]:
        space, index = source
        return space, self.placement.slots[index.key()] if space == MEMORY else index

    def _stride(self, space: int, index: Polynomial, variable: int) -> int | None:
        """From one round to the next; None where it changes."""
        mine = [mono for mono in index if any(v == variable for v, _ in mono)]
        if mine not in ([], [((variable, 1),)]):
            return None
        stride = index.get(((variable, 1),), 0)
        stretched = space in (INPUT, OUTPUT) and getattr(self.buffers.stride, "constant", 0) != 1
        return 2 if stretched and stride else stride

    def loaded(self, source: Source, copy: Copy, memo: Memo) -> ir.Value:
        """As in one lane, in all of them."""
        value = super().loaded(source, copy, memo)
        return value if value.type == self.vectors.type else self.vectors.splat(value).value

    def _load(self, space: int, p: Polynomial, copy: Copy, memo: Memo) -> ir.Value:
        if self._variable is None or (space == CONSTANT and p.number() is not None):
            return super()._load(space, p, copy, memo)
        if space == CONSTANT:
            self.buffers.pointers.setdefault(CONSTANT, self._table())
        index_key, index = self.index(p, copy)
        key = (space, index_key, 0)
        if key not in memo:
            value = self._read(space, index, self._stride(space, p, self._variable) or 0, p, copy)
            if space in self._written:
                return value
            memo[key] = value
        return memo[key]

    def _read(self, space: int, index: ir.Value, stride: int, p: Polynomial, copy: Copy) -> ir.Value:
        b = self.b
        if stride == 0:
            return self.vectors.splat(b.load(self.pointer(space, index, copy, False), typ=self.real)).value
        if stride in (1, -1) and not self._left:
            value = b.load(self._side_by_side(space, index, stride, copy), typ=self.vectors.type)
            value.align = self.bytes
            return value if stride == 1 else self._turned(value)
        value = self.vectors.constant(0.0) if self._left else ir.Constant(self.vectors.type, ir.Undefined)
        for k, pointer in enumerate(self._apart(space, index, p, copy)):
            value = b.insert_element(value, b.load(pointer, typ=self.real), I32(k))
        return value

    def write(self, space: int, p: Polynomial, value: ir.Value, copy: Copy) -> None:
        """Store a value, one number a lane."""
        if self._variable is None:
            super().write(space, p, value, copy)
            return
        index, stride = self.index(p, copy)[1], self._stride(space, p, self._variable)
        if stride in (1, -1) and not self._left:
            value = value if stride == 1 else self._turned(value)
            self.b.store(value, self._side_by_side(space, index, stride, copy)).align = self.bytes
            return
        for k, pointer in enumerate(self._apart(space, index, p, copy)):
            self.b.store(self.b.extract_element(value, I32(k)), pointer)

    def _sum(self, statement: Statement, copies: list[Copy], memo: Memo) -> None:
        if self._variable is None:
            super()._sum(statement, copies, memo)
            return
        for copy in copies:
            (value,) = self.operands(statement, copy, memo)
            p = statement.target
            stride = self._stride(GRADIENT, p, self._variable) or 0
            total = self._read(GRADIENT, self.index(p, copy)[1], stride, p, copy)
            self.write(GRADIENT, p, self.b.fadd(total, value, flags=self.vectors.flags), copy)

    def pointer(self, space: int, index: ir.Value, copy: Copy, wide: bool) -> ir.Value:
        """The address of a number, or (wide) of those of all lanes."""
        if self._variable is None or space != MEMORY:
            return super().pointer(space, index, copy, wide)
        return self.guarded(space, index, self.lanes if wide else 1)

    def _side_by_side(self, space: int, index: ir.Value, stride: int, copy: Copy) -> ir.Value:
        """The address of the numbers of all lanes."""
        return self.pointer(space, index if stride == 1 else self.b.sub(index, I64(self.lanes - 1)), copy, True)

    def _apart(self, space: int, index: ir.Value, p: Polynomial, copy: Copy) -> list[ir.Value]:
        """The address of the number of each lane that counts."""
        step = p.get((((self._variable or 0), 1),), 0)
        return [
            self.pointer(space, self.b.add(index, I64(k * step)), copy, False) for k in range(self._left or self.lanes)
        ]

    def _turned(self, value: ir.Value) -> ir.Value:
        order = ir.Constant(ir.VectorType(I32, self.lanes), list(range(self.lanes))[::-1])
        return self.b.shuffle_vector(value, value, order)
