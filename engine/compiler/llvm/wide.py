"""Rounds in lanes: a scalar program whose loops of independent rounds work on vectors, one lane a round.

LLVM puts the rounds of innermost loops in lanes. Where such a loop is a sum, its lanes are to be added up behind it, which
takes as long as a short sum, and where it walks across rows it gathers. The loop around it is often better: its rounds do
not feed each other, and what it reads and writes lies side by side (Nuzman & Zaks, Outer-loop vectorization, 2008). Every
round does what it did, in its order, so the bits are the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..front.trace import CONSTANT, EFFECTS, GATHER, GRADIENT, INPUT, MEMORY, OUTPUT, SCATTERS
from ..loops.placement import Exit, Source
from ..loops.program import For, Polynomial, Statement, loops_of, statements_of
from .elementary import ULPS
from .emission import Emitter
from .memory import Copy, Memo
from .native_functions import Rounds
from .processor import vector_bytes
from .vectors import I32, I64, VectorBuilder, ir

FEWEST = 4  # rounds that go in lanes
TOGETHER = 4  # vectors of rounds that share what they read
STRIDED = 12  # numbers a round outside inner loops that do not lie side by side


class WideEmitter(Emitter):
    """Writes a program of one lane. Arguments as for `Emitter`."""

    _variable: int | None = None  # whose rounds are in lanes now

    def _rounds(self, n: For, copies: list[Copy], memo: Memo) -> None:
        lanes = 1 if self._variable is not None else self._lanes_of(n)
        if lanes == 1:
            super()._rounds(n, copies, memo)
            return
        for start, end, width in self.stretches(n, copies, self.together(n, copies)):
            several, left = divmod(width, lanes)
            if several:
                self._vectors(n, copies, start, end, width, lanes)
            if left:
                self._loop(n, copies, memo, self.b.add(start, I64(several * lanes)), end, 1)

    def _vectors(self, n: For, copies: list[Copy], start: ir.Value, end: ir.Value, width: int,
                 lanes: int) -> None:  # fmt: skip
        """Write: of so many rounds at a time those that fill vectors."""
        scalar, several = self.vectors, width // lanes
        self._variable, self.lanes = n.variable, lanes
        self.vectors = VectorBuilder(self.b, self.real, lanes, scalar.contract, scalar.inline, scalar.lower)
        with Rounds(self.b, end, start, width, f"i{n.variable}") as rounds:
            self._body(n.body, [
                Copy({**c.index, n.variable: (rounds.i, k * lanes)}, dict(c.values), c.block, c.jammed or several > 1)
                for c in copies for k in range(several)
            ], {})  # fmt: skip
        self._variable, self.lanes, self.vectors = None, 1, scalar

    def together(self, loop: For, copies: list[Copy]) -> int:
        """How many rounds go together: in vectors, several of them; or as they do without."""
        lanes = 1 if self._variable is not None else self._lanes_of(loop)
        return super().together(loop, copies) if lanes == 1 else lanes * self._together(loop, len(copies), lanes)

    def _together(self, n: For, copies: int, lanes: int) -> int:
        """How many vectors of rounds go together: they share what they read, and their sums stay in registers."""
        if any(isinstance(c, For) for inner in n.body if isinstance(inner, For) for c in inner.body):
            return 1  # the loops inside are jammed
        room = 16 if vector_bytes(self.target.cpu) >= 64 else 8
        return max(1, min(TOGETHER, (n.count.number() or 0) // lanes, room // copies))

    def _jams(self, loop: For, copies: list[Copy]) -> bool:
        """So is a loop around one whose rounds go in lanes."""
        if super()._jams(loop, copies):
            return True
        inner = [c for c in loop.body if isinstance(c, For)]
        return (
            self.jam > 1
            and self._variable is None
            and self.placement.facts[loop].parallel
            and not copies[0].jammed
            and not any(c in self.placement.parts.cuts for c in (loop, *loops_of(loop.body)))
            and any(self._lanes_of(c) > 1 for c in inner)
        )

    # Which loops -------------------------------------------------------------------------------------------------------

    def _lanes_of(self, n: For) -> int:
        """How many rounds of a loop go in lanes; 1 where none do."""
        count, most = n.count.number() or 0, vector_bytes(self.target.cpu) // self.bytes
        lanes = min(most, 1 << count.bit_length() - 1) if count else 1
        parts, inner = self.placement.parts, list(loops_of(n.body))
        if (
            lanes < min(FEWEST, most)
            or not self.placement.facts[n].parallel
            or any(c in parts.cuts for c in (n, *inner))
        ):
            return 1
        if any(s.op == GATHER.name or s.op in SCATTERS for s in statements_of(n)):
            return 1
        if not inner and not any(s.op in ULPS for s in statements_of(n)):
            return 1  # LLVM does
        strided = 0
        for s in statements_of(n):
            for space, index, written in self._places(s):
                stride = self._stride(space, index, n.variable)
                if stride is None or (stride == 0 and written):
                    return 1
                if stride not in (0, 1, -1):
                    if s not in n.body:
                        return 1
                    strided += 1
        return lanes if strided <= STRIDED else 1

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

    # What is read and written ------------------------------------------------------------------------------------------

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
        if stride in (1, -1):
            value = b.load(self._side_by_side(space, index, stride, copy), typ=self.vectors.type)
            value.align = self.bytes
            return value if stride == 1 else self._turned(value)
        value = ir.Constant(self.vectors.type, ir.Undefined)
        for k, pointer in enumerate(self._apart(space, index, p, copy)):
            value = b.insert_element(value, b.load(pointer, typ=self.real), I32(k))
        return value

    def write(self, space: int, p: Polynomial, value: ir.Value, copy: Copy) -> None:
        """Store a value, one number a lane."""
        if self._variable is None:
            super().write(space, p, value, copy)
            return
        index, stride = self.index(p, copy)[1], self._stride(space, p, self._variable)
        if stride in (1, -1):
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
        """The address of each lane's number."""
        step = p.get((((self._variable or 0), 1),), 0)
        return [self.pointer(space, self.b.add(index, I64(k * step)), copy, False) for k in range(self.lanes)]

    def _turned(self, value: ir.Value) -> ir.Value:
        order = ir.Constant(ir.VectorType(I32, self.lanes), list(range(self.lanes))[::-1])
        return self.b.shuffle_vector(value, value, order)
