"""Contractions in tiles of registers, with the lanes along the inner loop.

What the inner loop reads is laid out as rows first, in panels as wide as a tile, and a tile of gradients stays in registers
while it passes over the examples (Goto & van de Geijn, Anatomy of high-performance matrix multiplication, 2008).

Which sums change their order: none is parted. The gradient of each weight is the sum over the examples of a chunk, one after
another in their order; sums of chunks are added in theirs. (Where a layer is narrow the examples are in lanes, and their sum
is that of each lane first: see reduction.py.)
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

from ..front.trace import GRADIENT, INPUT, MEMORY
from ..loops.program import For, Statement, loops_of
from .contraction import Contraction, contraction_of
from .emission import Emitter
from .memory import Buffers, Copy
from .native_functions import Rounds, accumulated, entry, fetch, part_loaded, part_stored, transposed
from .phases import Phase
from .update import Update
from .vectors import I64, ir

CACHE = 2**14  # bytes of panels that stay in the first cache while all rows pass


class Tiles:
    """Writes contractions.

    Args:
        emitter: of the whole program.
        shape: rows and vectors of columns in a tile: so many sums stay in registers; None: write no contraction.
        room: examples that a panel has room for.
        panels: where in memory they begin.
        columns: of a row of examples.

    Attributes:
        memory: numbers that the panels need.
        reads_rows: may inputs be read where the examples were given?
        overwrites: are the gradients those of the examples alone, so that a contraction need not add to what is there?
        update: what is done with parameters where their gradients are stored; None: nothing.
    """

    update: Update | None = None

    def __init__(self, emitter: Emitter, shape: tuple[int, int] | None, room: int, panels: int, columns: int) -> None:
        self._e, self._room, self._panels, self._columns = emitter, room, panels, columns
        self.high, self.wide = shape or (1, 1)
        placement = emitter.placement
        loops = list(loops_of(placement.parts.body[placement.parts.apart :]))
        nests = [(n, c) for n in loops for c in n.body if isinstance(c, For) and shape is not None]
        self._found = {pair: contraction_of(*pair, placement) for pair in nests}
        found = [c for c in self._found.values() if c is not None]
        self.reads_rows = shape is not None and placement.parts.gate is None
        outermost = [c for c in found if c.rows in placement.parts.body and self.reads_rows]
        self._from_rows = {c for c in outermost if c.first_input is not None}
        self._written, done = list[Contraction](), 0  # those between which no gradients lie but in rows of their own
        for c in sorted(outermost, key=lambda c: c.first_target or 0):
            if c.first_target is not None and c.first_target >= done:
                self._written.append(c)
                done = c.end
        # Panels pass the rows so many together as stay in the first cache.
        self._several = max(1, CACHE // (room * self.panel * emitter.bytes))
        self.memory, self.overwrites = max(map(self._size, found), default=0), False

    def _blocks(self, c: Contraction) -> int:
        """How often panels pass the rows; those that are not whole pass by themselves."""
        whole, rest = divmod(c.shape[1], self.panel)
        return -(-whole // self._several) + bool(rest)

    def _size(self, c: Contraction) -> int:
        """Numbers that panels need which pass together; each thread has its own."""
        return (self._blocks(c) if c.rows in self._e.placement.shared else 1) * self._several * self.panel * self._room

    @property
    def panel(self) -> int:
        """Columns of a panel."""
        return self.wide * self._e.lanes

    def emit(self, nest: tuple[For, For], b: ir.IRBuilder, buffers: Buffers, copy: Copy, count: ir.Value) -> bool:
        """Write a loop in another, if they are a contraction.

        Args:
            count: examples, an LLVM integer.
        """
        c = self._found.get(nest)
        if c is None:
            return False
        self._c, self._b, self._buffers, self._copy, self._count = c, b, buffers, copy, count
        blocks = self._blocks(c)
        if buffers.team is None or c.rows not in self._e.placement.shared:
            self._pass_panels(Phase(b, (), I64(0), I64(blocks)))
            return True
        with self._e.apart(b, buffers, blocks, count) as part:
            self._b, self._buffers, self._count = part.b, self._e.buffers, part.values[-1]
            self._e.begin(part.b, self._buffers.at(I64(0)))
            self._pass_panels(part)
        return True

    def _pass_panels(self, part: Phase) -> None:
        """Write: block by block panels are laid out, and pass all rows."""
        b, (whole, rest), several = self._b, divmod(self._c.shape[1], self.panel), self._several
        room, most = b.mul(part.begin, I64(several)), -(-whole // several)
        for low, high, width in ((0, most, self.panel), (most, most + 1, rest)):
            if not width or low == high:
                continue
            begin, end = part.within(low, high)
            with Rounds(b, end, begin, name="panels") as block:
                first = b.mul(block.i, I64(several)) if width == self.panel else I64(whole)
                behind, all_ = b.add(first, I64(several)), I64(whole + bool(width == rest))
                last = b.select(b.icmp_signed("<", behind, all_), behind, all_)
                self._to_room = b.sub(room, first)
                with Rounds(b, last, first, name="panel") as panel:
                    self._lay_out(panel.i, width)
                self._pass_rows(first, last, width)

    # Panels ------------------------------------------------------------------------------------------------------------

    def _lay_out(self, panel: ir.Value, width: int) -> None:
        """Write: one panel, each example's numbers side by side; what it is too wide for is filled up."""
        b, e, lanes, c = self._b, self._e, self._e.lanes, self._c
        first = b.mul(panel, I64(self.panel))
        if c in self._from_rows and self._buffers.examples is not None:
            first = b.add(first, I64(c.first_input or 0))
            with Rounds(b, self._count, name="example") as one:
                row = self._buffers.examples.row(b, e.real, one.i, self._columns)
                self._copy_row(entry(b, e.real, row, first), panel, one.i, width)
            return
        groups = b.sdiv(b.add(self._count, I64(lanes - 1)), I64(lanes))
        with Rounds(b, groups, name="lay") as group:
            example = b.mul(group.i, I64(lanes))
            e.buffers = self._buffers.at(example)
            for v in range(-(-width // lanes)):
                read = [self._column(first, v * lanes + k) if v * lanes + k < width else e.vectors.constant(0.0)
                        for k in range(lanes)]  # fmt: skip
                for k, row in enumerate(transposed(e.vectors, read)):
                    b.store(row, self._laid(panel, b.add(example, I64(k)), v)).align = e.bytes

    def _column(self, first: ir.Value, offset: int) -> ir.Value:
        copy = Copy({**self._copy.index, self._c.columns.variable: (first, offset)})
        return self._e.loaded(self._c.right, copy, {})

    def _laid(self, panel: ir.Value, example: ir.Value, vector: int) -> ir.Value:
        """The address of a vector in a panel."""
        b = self._b
        at = b.add(b.mul(b.add(panel, self._to_room), I64(self._room)), example)
        at = b.add(b.mul(at, I64(self.panel)), I64(vector * self._e.lanes + self._panels))
        return self._e.guarded(MEMORY, at, self._e.lanes)

    @property
    def is_written(self) -> bool:
        """Are there gradients that a contraction writes, and nobody else?"""
        return self.overwrites and bool(self._written)

    @property
    def products(self) -> set[Statement]:
        """What reads inputs that are in panels from the rows of examples on."""
        return {n for c in self._from_rows for n in c.columns.body if isinstance(n, Statement)}

    def _copy_row(self, row: ir.Value, panel: ir.Value, example: ir.Value, width: int) -> None:
        """Write: so many numbers of an example into a panel."""
        e = self._e
        for v in range(-(-width // e.lanes)):
            size = min(e.lanes, width - v * e.lanes)
            value = part_loaded(e.vectors, entry(self._b, e.real, row, I64(v * e.lanes)), size)
            self._b.store(value, self._laid(panel, example, v)).align = e.bytes

    def gaps(self, size: int) -> list[tuple[int, int, int, int]]:
        """Of so many gradients those that no contraction writes: (first, how many, how often, how far from one to the next)."""
        found, done = [], 0
        for c in self._written if self.overwrites else []:
            (rows, columns), first = c.shape, c.first_target or 0
            found += [(done, first - done, 1, 0), (first + columns, c.step - columns, rows - 1, c.step)]
            done = c.end
        return [gap for gap in [*found, (done, size - done, 1, 0)] if gap[1] and gap[2]]

    # Tiles -------------------------------------------------------------------------------------------------------------

    def _pass_rows(self, first: ir.Value, end: ir.Value, width: int) -> None:
        """Write: some panels, of so many columns, for all rows."""
        b, loop = self._b, self._c.rows
        for start, stop, high in self._e.stretches(loop, [self._copy], self.high):
            with (
                Rounds(b, stop, start, high, f"i{loop.variable}") as rounds,
                Rounds(b, end, first, name="tile") as tile,
            ):
                rows = [{**self._copy.index, loop.variable: (rounds.i, u)} for u in range(high)]
                self._tile(rows, tile.i, width)

    def _tile(self, rows: list[dict[int, tuple[ir.Value, int]]], panel: ir.Value, width: int) -> None:
        """Write: gradients in registers, the examples one after another, back to memory."""
        b, e, variable = self._b, self._e, self._c.columns.variable
        first = b.mul(panel, I64(self.panel))
        vectors = range(-(-width // e.lanes))
        places = [
            (Copy({**row, variable: (first, v * e.lanes)}), min(e.lanes, width - v * e.lanes))
            for row in rows for v in vectors
        ]  # fmt: skip
        indices = [e.index(self._c.target, copy)[1] for copy, _ in places]
        pointers = [e.guarded(GRADIENT, index, size) for index, (_, size) in zip(indices, places)]
        update = self.update if self._c in self._written else None

        def added(example: ir.Value, sums: Sequence[ir.Value]) -> list[ir.Value]:
            e.buffers = self._buffers.at(example)
            right = [b.load(self._laid(panel, example, v), typ=e.vectors.type) for v in vectors]
            for v in right:
                v.align = e.bytes
            left = [self._splat(Copy(row)) for row in rows]
            products = [b.fmul(x, v, flags=e.vectors.flags) for x in left for v in right]
            return [b.fadd(total, product, flags=e.vectors.flags) for total, product in zip(sums, products)]

        ahead = partial(self._fetch_ahead, rows, first, width)
        firsts = [e.vectors.constant(-0.0) for _ in places]
        sums = accumulated(b, self._count, firsts, added, ahead, self._room // len(rows))
        whole = [self._with_those_before(p, size, total) for p, (_, size), total in zip(pointers, places, sums)]
        if update is not None:
            with nullcontext() if e.buffers.ends is None else b.if_then(e.buffers.ends):
                for total, index, (_, size) in zip(whole, indices, places):
                    update.at(b, e.buffers, index, total, size)
        with nullcontext() if update is None else b.if_then(e.buffers.keep):  # last: no load waits for these stores
            for total, pointer, (_, size) in zip(whole, pointers, places):
                part_stored(e.vectors, total, pointer, size)

    def _with_those_before(self, pointer: ir.Value, size: int, total: ir.Value) -> ir.Value:
        """Write: a sum over the examples of a chunk, and what it is added to."""
        b, more, vectors = self._b, self._e.buffers.more, self._e.vectors
        if not self.overwrites or self._c not in self._written:
            return b.fadd(part_loaded(vectors, pointer, size), total)
        if more is None:
            return total
        return b.fadd(b.select(more, part_loaded(vectors, pointer, size), vectors.constant(-0.0)), total)

    def _fetch_ahead(self, rows: list[dict[int, tuple[ir.Value, int]]], first: ir.Value, width: int,
                     time: ir.Value) -> None:  # fmt: skip
        """Write: what a row of a tile is stored to comes to the cache while the examples pass, and some of the next panels."""
        b, e, c, pointers = self._b, self._e, self._c, self._buffers.pointers
        row = b.add(rows[0][c.rows.variable][0], time)
        place = Copy({**rows[0], c.rows.variable: (row, 0), c.columns.variable: (first, 0)})
        index, size = e.index(c.target, place)[1], width * e.bytes
        gradient = entry(b, e.real, pointers[GRADIENT], index)
        if self.update is not None and c in self._written:
            written = [entry(b, e.real, pointers[space], index) for space in self.update.spaces]
            for p in written:
                fetch(b, p, size, written=True)
            gradient = b.select(self._buffers.keep, gradient, written[0])
        fetch(b, gradient, size, written=True)
        if c in self._from_rows and self._buffers.examples is not None:
            given = self._buffers.examples.row(b, e.real, row, self._columns)
            behind = b.add(first, I64((c.first_input or 0) + self._several * self.panel))
            fetch(b, entry(b, e.real, given, behind), size)

    def _splat(self, copy: Copy) -> ir.Value:
        """One example's a[j] in every lane."""
        e, source = self._e, self._c.left
        if not isinstance(source, tuple) or source[0] not in (INPUT, MEMORY):
            return e.loaded(source, copy, {})
        space, index = source
        _, at = e.index(e.placement.slots[index.key()] if space == MEMORY else index, copy)
        return e.vectors.splat(self._b.load(e.pointer(space, at, copy, False), typ=e.real)).value

    def _gradients(self, copy: Copy, size: int) -> ir.Value:
        _, index = self._e.index(self._c.target, copy)
        return self._e.guarded(GRADIENT, index, size)
