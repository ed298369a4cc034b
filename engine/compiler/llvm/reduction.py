"""Sums over the examples of a chunk, after all of them are done with everything else.

A gradient of a weight is a sum of products over the examples. Here the examples are the innermost loop: a tile of
gradients stays in registers while it passes over them, and its lanes are added up once. Values come from memory, where
the first part of the program left them example by example: a matrix product whose inner dimension is the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..front.trace import GRADIENT
from ..loops.parts import LONGEST
from ..loops.program import For, Node, Statement, size
from .emission import Emitter
from .memory import Buffers, Copy, Memo
from .native_functions import Rounds, lanes_summed_together
from .tiles import Tiles
from .vectors import I64, ir


class Reduction:
    """Writes the part of a placed program that only adds to gradients.

    Args:
        emitter: of the whole program.
        mask: (builder, number of examples left) -> the lanes that count.
        tile: vectors that add up side by side: half the registers of AVX-512, all but a few loads of AVX2.
        tiles: what writes the contractions in it.
        few: mask every vector of examples, not the last alone.
    """

    def __init__(self, emitter: Emitter, mask: Callable[[ir.IRBuilder, ir.Value], ir.Value], tile: int,
                 tiles: Tiles, few: bool) -> None:  # fmt: skip
        self._e, self._mask, self._tile, self._tiles, self._few = emitter, mask, tile, tiles, few

    def emit(self, b: ir.IRBuilder, buffers: Buffers, count: ir.Value) -> None:
        """Write it, a long one as functions of at most 1,000 instructions.

        Args:
            b: the builder.
            buffers: pointers, sizes and stride; memory is spread.
            count: examples in the chunk, an LLVM integer.
        """
        e = self._e
        parts = self._parts(e.placement.parts.body[e.placement.parts.apart :])
        if len(parts) == 1:
            self._write(parts[0], b, buffers, count)
            return
        e.begin(b, buffers)
        given = [*buffers.values(), count]
        for part in parts:
            inner, arguments = e.part(given)
            self._write(part, inner, buffers.over(arguments), arguments[-1])
            inner.ret_void()
            b.call(inner.function, given)

    def _parts(self, body: Sequence[Node]) -> list[list[Node]]:
        """A body in parts, each of at most 1,000 instructions with all the copies in a tile."""
        parts: list[list[Node]] = [[]]
        filled = 0
        for unit in self._units(body):
            length = sum(1 if isinstance(n, Statement) else size(n.body) * self._tile for n in unit)
            if filled and filled + length > LONGEST:
                parts.append([])
                filled = 0
            parts[-1] += unit
            filled += length
        return parts

    def _units(self, body: Sequence[Node]) -> list[list[Node]]:
        """Loops, and stretches of instructions cut, where no register is read across the cut, after a tile of sums."""
        place = {n: i for i, n in enumerate(body) if isinstance(n, Statement)}
        earliest = len(body)
        cuts = set()
        for i in range(len(body) - 1, -1, -1):
            n = body[i]
            if isinstance(n, Statement):
                read = [s for s in self._e.placement.sources[n] if isinstance(s, Statement)]
                earliest = min([earliest, *[place[s] for s in read if s in place]])
            if earliest >= i:
                cuts.add(i)
        units: list[list[Node]] = []
        sums = 0
        for i, n in enumerate(body):
            alone = isinstance(n, For) or not units or isinstance(units[-1][-1], For)
            if alone or (i in cuts and sums >= self._tile):
                units.append([])
                sums = 0
            units[-1].append(n)
            sums += isinstance(n, Statement) and n.op == "accumulate"
        return units

    def _write(self, body: Sequence[Node], b: ir.IRBuilder, buffers: Buffers, count: ir.Value) -> None:
        self._begin(b, buffers, count)
        self._body(body, [Copy()])

    def _begin(self, b: ir.IRBuilder, buffers: Buffers, count: ir.Value) -> None:
        self._b, self._buffers, self._count = b, buffers, count
        lanes = I64(self._e.lanes)
        self._whole = b.sdiv(count, lanes)
        self._groups = b.sdiv(b.add(count, I64(self._e.lanes - 1)), lanes)
        self._e.begin(b, buffers.at(I64(0)))

    def _body(self, body: Sequence[Node], copies: list[Copy]) -> None:
        for unit in self._units(body):
            if isinstance(unit[0], For):
                self._for(unit[0], copies)
            else:
                self._run([n for n in unit if isinstance(n, Statement)], copies)

    def _for(self, n: For, copies: list[Copy]) -> None:
        """A loop around others and around sums of its own as two loops: rounds only add, in any order."""
        inner = [c for c in n.body if isinstance(c, For)]
        if len(copies) == 1:
            inner = [c for c in inner if not self._tiles.emit((n, c), self._b, self._buffers, copies[0], self._count)]
        own = [c for c in n.body if isinstance(c, Statement)]
        if inner:
            self._tiled(n, inner, copies, 2 if len(copies) == 1 else 1)
        if own:
            sums = sum(c.op == "accumulate" for c in own)
            self._tiled(n, own, copies, max(1, self._tile // (len(copies) * max(sums, 1))))

    def _tiled(self, n: For, body: Sequence[Node], copies: list[Copy], most: int) -> None:
        """So many rounds together, in parts as even as they can be."""
        count = n.count.number()
        even = -(-count // -(-count // most)) if count else 1
        if self._buffers.team is not None and n in self._e.placement.shared:
            outside = self._b, self._buffers, self._count
            with self._e.phase(self._b, self._buffers.at(I64(0)), n, even, self._count) as (count_here,):
                self._begin(self._e.b, self._e.buffers, count_here)
                self._rounds(n, body, copies, even)
            self._begin(*outside)
            return
        self._rounds(n, body, copies, even)

    def _rounds(self, n: For, body: Sequence[Node], copies: list[Copy], even: int) -> None:
        for start, end, width in self._e.stretches(n, copies, even):
            with Rounds(self._b, end, start, width, f"i{n.variable}") as rounds:
                self._body(body, [Copy({**c.index, n.variable: (rounds.i, u)}) for c in copies for u in range(width)])

    def _run(self, run: list[Statement], copies: list[Copy]) -> None:
        """Pass over the examples: whole vectors, then a masked one; few of them masked."""
        targets = [(statement, copy) for copy in copies for statement in run if statement.op == "accumulate"]
        if not targets:
            return
        totals = [self._e.vectors.constant(-0.0) for _ in targets]
        stretches = [(I64(0), self._whole, False), (self._whole, self._groups, True)]
        if self._e.lanes == 1:
            stretches = stretches[:1]
        elif self._few:
            stretches = [(I64(0), self._groups, True)]
        for start, end, masked in stretches:
            with Rounds(self._b, end, start, name="examples", unrolls=False) as rounds:
                first = self._b.mul(rounds.i, I64(self._e.lanes))
                mask = self._mask(self._b, self._b.sub(self._count, first)) if masked else None
                self._e.buffers = self._buffers.at(first, mask=mask)
                sums = [rounds.carried(self._e.vectors.type) for _ in targets]
                added = self._added(run, copies, sums, mask)
                for phi, before, after in zip(sums, totals, added):
                    phi.add_incoming(before, rounds.before)
                    phi.add_incoming(after, self._b.block)
            totals = sums
        self._store(targets, totals)

    def _added(self, run: list[Statement], copies: list[Copy], sums: list[ir.Value],
               mask: ir.Value | None) -> list[ir.Value]:  # fmt: skip
        e = self._e
        memo: Memo = {}
        added: list[ir.Value] = []
        for copy in copies:
            copy = Copy(copy.index)
            for statement in run:
                if statement.op != "accumulate":
                    e.make(statement, copy, memo)
                    continue
                (value,) = e.operands(statement, copy, memo)
                value = value if mask is None else self._b.select(mask, value, e.vectors.constant(-0.0))
                added.append(self._b.fadd(sums[len(added)], value, flags=e.vectors.flags))
        return added

    def _store(self, targets: list[tuple[Statement, Copy]], totals: list[ir.Value]) -> None:
        """Add up the lanes, as many sums at a time as there are lanes, and add that to the gradients."""
        b, e = self._b, self._e
        for at in range(0, len(targets), e.lanes):
            some = targets[at : at + e.lanes]
            places = [e.index(statement.target, copy) for statement, copy in some]
            summed = lanes_summed_together(e.vectors, totals[at : at + e.lanes])
            pointers = [e.pointer(GRADIENT, index, copy, False) for (_, index), (_, copy) in zip(places, some)]
            (first, terms), _ = places[0]
            in_a_row = all(key == (first + k, terms) for k, (key, _) in enumerate(places))
            if in_a_row and len(some) == e.lanes:
                old = b.load(pointers[0], typ=e.vectors.type)
                old.align = e.bytes
                b.store(b.fadd(old, summed), pointers[0]).align = e.bytes
                continue
            for k, pointer in enumerate(pointers):
                one = b.extract_element(summed, ir.Constant(ir.IntType(32), k)) if e.lanes > 1 else summed
                b.store(b.fadd(b.load(pointer, typ=e.real), one), pointer)
