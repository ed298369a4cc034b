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

from ..front.trace import GRADIENT, INPUT, MEMORY, PARAMETER
from ..loops.program import For, Statement, loops_of
from .contraction import Contraction, contraction_of
from .emission import Emitter
from .memory import Buffers, Copy
from .native_functions import Rounds, entry, loaded, part_loaded, part_stored, transposed
from .phases import Phase
from .update import Update
from .vectors import I32, I64, POINTER, declared, ir

CACHE = 2**14  # bytes of panels that stay in the first cache while all rows pass


class Tiles:
    """Writes contractions.

    Args:
        emitter: of the whole program.
        shape: rows and vectors of columns in a tile: so many sums stay in registers; None: write no contraction.
        room: examples that a panel has room for.
        panels: where in memory they begin.

    Attributes:
        memory: numbers that the panels need.
        overwrites: are the gradients those of the examples alone, so that a contraction need not add to what is there?
        update: what is done with parameters where their gradients are stored; None: nothing.
    """

    update: Update | None = None

    def __init__(self, emitter: Emitter, shape: tuple[int, int] | None, room: int, panels: int) -> None:
        self._e, self.room, self._panels = emitter, room, panels
        self.high, self.wide = shape or (1, 1)
        placement = emitter.placement
        loops = list(loops_of(placement.parts.body[placement.parts.apart :]))
        nests = [(n, c) for n in loops for c in n.body if isinstance(c, For) and shape is not None]
        self._found = {pair: contraction_of(*pair, placement) for pair in nests}
        found = [c for c in self._found.values() if c is not None]
        outermost = [c for c in found if c.rows in placement.parts.body and placement.parts.gate is None]
        self._from_rows = [c for c in outermost if c.first_input is not None]
        self._written, done = list[Contraction](), 0  # those between which no gradients lie but in rows of their own
        for c in sorted(outermost, key=lambda c: c.first_target or 0):
            if c.first_target is not None and c.first_target >= done:
                self._written.append(c)
                done = c.end
        self._begin_at, self.memory, self.overwrites = dict[Contraction, int](), 0, False
        for c in self._from_rows:  # laid out with the examples, and there until the last of them is done with
            self._begin_at[c], self.memory = self.memory, self.memory + self._size(c)
        self.memory += max([self._size(c) for c in found if c not in self._begin_at], default=0)

    def _size(self, c: Contraction) -> int:
        return -(-c.shape[1] // self.panel) * self.panel * self.room

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
        e, is_laid = self._e, c in self._begin_at
        if buffers.team is None or c.rows not in e.placement.shared:
            if not is_laid:
                self._lay_panels(None)
            self._pass_panels()
            return True
        if not is_laid:
            with e.apart(b, buffers, -(-c.shape[1] // self.panel), count) as part:
                self._begin(e.b, e.buffers, part.values[-1])
                self._lay_panels(part)
        with e.phase(b, buffers, c.rows, self.high, count) as (here,):
            self._begin(e.b, e.buffers, here)
            self._pass_panels()
        return True

    def _begin(self, b: ir.IRBuilder, buffers: Buffers, count: ir.Value) -> None:
        """Take up writing in a function that threads share."""
        self._b, self._buffers, self._count = b, buffers, count
        self._e.begin(b, buffers.at(I64(0)))

    def _lay_panels(self, part: Phase | None) -> None:
        """Write: the panels, or those of one thread."""
        whole, rest = divmod(self._c.shape[1], self.panel)
        for first, last, width in ((0, whole, self.panel), (whole, whole + 1, rest)):
            if width and first < last:
                low, high = (I64(first), I64(last)) if part is None else part.within(first, last)
                with Rounds(self._b, high, low, name="panel") as panel:
                    self._lay_out(panel.i, width)

    def _pass_panels(self) -> None:
        """Write: all panels pass the rows, so many together as stay in the first cache."""
        b, (whole, rest) = self._b, divmod(self._c.shape[1], self.panel)
        several = max(1, CACHE // (self.room * self.panel * self._e.bytes))
        with Rounds(b, whole, 0, several, name="panels") as block:
            most = b.add(block.i, I64(several))
            end = b.select(b.icmp_signed("<", most, I64(whole)), most, I64(whole))
            self._pass_rows(block.i, end, self.panel)
        if rest:
            self._pass_rows(I64(whole), I64(whole + 1), rest)

    # Panels ------------------------------------------------------------------------------------------------------------

    def _lay_out(self, panel: ir.Value, width: int) -> None:
        """Write: one panel, each example's numbers side by side; what it is too wide for is filled up."""
        b, e, lanes = self._b, self._e, self._e.lanes
        groups = b.sdiv(b.add(self._count, I64(lanes - 1)), I64(lanes))
        first = b.mul(panel, I64(self.panel))
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
        begin = self._begin_at.get(self._c, sum(map(self._size, self._begin_at)))
        return self.laid(begin, panel, example, I64(vector * self._e.lanes))

    def laid(self, begin: int, panel: ir.Value, example: ir.Value, column: ir.Value) -> ir.Value:
        """The address of a vector from a column of a panel on; the panels begin so many numbers behind the first."""
        b = self._e.b
        at = b.mul(b.add(b.mul(panel, I64(self.room)), example), I64(self.panel))
        return self._e.guarded(MEMORY, b.add(b.add(at, column), I64(self._panels + begin)), self._e.lanes)

    def panels_from(self, first: int, count: int) -> int | None:
        """Where panels begin that hold so many inputs from one on while a chunk is under way; None: there are none."""
        return next((at for c, at in self._begin_at.items() if (c.first_input, c.shape[1]) == (first, count)), None)

    @property
    def is_written(self) -> bool:
        """Are there gradients that a contraction writes, and nobody else?"""
        return self.overwrites and bool(self._written)

    @property
    def products(self) -> set[Statement]:
        """What reads inputs that are in panels from the rows of examples on."""
        return {n for c in self._from_rows for n in c.columns.body if isinstance(n, Statement)}

    def gather(self, b: ir.IRBuilder, buffers: Buffers, given: Sequence[ir.Value], columns: int) -> None:
        """Write: the panels of inputs, from rows of examples, whose numbers lie side by side already.

        Args:
            given, columns: rows, order, first, count and columns, as for `gathered`.
        """
        if not self._from_rows:
            return
        e, count = self._e, given[-1]
        e.begin(b, buffers)
        if buffers.team is None:
            self._copy_rows(b, given, I64(0), count, columns)
            return
        with e.apart(b, buffers, count, *given) as part:
            self._copy_rows(part.b, part.values[-4:], part.begin, part.end, columns)

    def _copy_rows(self, b: ir.IRBuilder, given: Sequence[ir.Value], begin: ir.Value, end: ir.Value,
                   columns: int) -> None:  # fmt: skip
        e, (rows, order, first, _) = self._e, given
        self._b = b
        with Rounds(b, end, begin, name="example") as example:
            row = b.mul(loaded(b, I64, order, b.add(first, example.i)), I64(columns))
            for c in self._from_rows:
                self._c = c
                whole, rest = divmod(c.shape[1], self.panel)
                at = b.add(row, I64(c.first_input or 0))
                with Rounds(b, whole, name="panel") as panel:
                    self._copy_row(entry(b, e.real, rows, b.add(at, b.mul(panel.i, I64(self.panel)))), panel.i,
                                   example.i, self.panel)  # fmt: skip
                if rest:
                    last = entry(b, e.real, rows, b.add(at, I64(whole * self.panel)))
                    self._copy_row(last, I64(whole), example.i, rest)

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
        with nullcontext() if update is None else b.if_then(e.buffers.keep):
            for pointer in pointers:
                self._fetch(pointer)
        for index in indices if update is not None else ():
            self._fetch(entry(b, e.real, e.buffers.pointers[PARAMETER], index))
        nothing = e.vectors.constant(-0.0)
        with Rounds(b, self._count, name="examples") as example:
            sums = [example.carried(e.vectors.type) for _ in places]
            e.buffers = self._buffers.at(example.i)
            right = [b.load(self._laid(panel, example.i, v), typ=e.vectors.type) for v in vectors]
            for v in right:
                v.align = e.bytes
            added: list[ir.Value] = []
            for row in rows:
                left = self._splat(Copy(row))
                for v in right:
                    product = b.fmul(left, v, flags=e.vectors.flags)
                    added.append(b.fadd(sums[len(added)], product, flags=e.vectors.flags))
            for phi, after in zip(sums, added):
                phi.add_incoming(nothing, example.before)
                phi.add_incoming(after, b.block)
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

    def _fetch(self, pointer: ir.Value) -> None:
        """Write: gradients come to the cache while the examples pass."""
        kind = [POINTER, I32, I32, I32]
        fetch = declared(self._b.module, "llvm.prefetch.p0", ir.VoidType(), kind)
        self._b.call(fetch, [pointer, I32(1), I32(3), I32(1)])

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
