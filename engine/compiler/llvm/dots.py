"""The weighted sums of a wide first layer, z[j] = b[j] + the sum over k of w[j, k] * x[k], for all examples of a chunk.

The lanes are examples, as elsewhere. A block of inputs, of as many examples as fill a tile, is laid out in the first cache and
stays there while the weights of all neurons pass (Goto & van de Geijn, Anatomy of high-performance matrix multiplication,
2008). Each sum runs over the inputs in their order, so its bits are those of the loop that it stands for.
"""

from __future__ import annotations

from functools import partial

from ..front.trace import MEMORY, PARAMETER
from ..loops.placement import Exit
from ..loops.program import For, Polynomial, Statement
from .contraction import WeightedSums, weighted_sums_of
from .emission import Emitter
from .memory import Buffers, Copy, Memo
from .native_functions import Rounds, transposed
from .tiles import Tiles
from .vectors import I64, ir

CACHE = 3 * 2**13  # bytes of inputs that stay in the first cache, and leave room for the weights that pass
SHARES = 4  # parts of the neurons that threads divide; each lays out the inputs for itself


class Dots:
    """Writes the weighted sums of inputs whose panels are there for a gradient.

    Args:
        emitter: of the whole program, which reads the sums from then on.
        tiles: who lays out the panels.
        chunk: examples that are done together.
        begin: where in memory there is room.

    Attributes:
        memory: numbers of memory that they need.
    """

    def __init__(self, emitter: Emitter, tiles: Tiles, chunk: int, begin: int) -> None:
        self._e, self._tiles, self._stride = emitter, tiles, tiles.room
        vectors = chunk // emitter.lanes
        parts = -(-vectors // tiles.wide)
        smaller, larger = vectors // parts, vectors % parts
        self._parts = [(n, size) for n, size in ((larger, smaller + 1), (parts - larger, smaller)) if n]
        self._block = max(1, CACHE // (tiles.panel * tiles.wide * emitter.align))  # panels
        self._scratch = self._block * tiles.panel * tiles.wide * emitter.lanes
        self._begin, self._panels, self.memory = dict[WeightedSums, int](), dict[WeightedSums, int](), 0
        placement = emitter.placement
        loops = [n for n in placement.parts.body[: placement.parts.apart] if isinstance(n, For)]
        for rows, columns in [(n, c) for n in loops for c in n.body if isinstance(c, For)]:
            sums = weighted_sums_of(rows, columns, placement)
            if sums is None or sums.shape[1] <= self._block * tiles.panel:  # all inputs fit at once
                continue
            panels = tiles.panels_from(sums.first_input, sums.shape[1])
            if panels is not None:
                self._begin[sums], self._panels[sums] = begin + self.memory, panels
                self.memory += sums.shape[0] * self._stride
                emitter.ready[columns] = partial(self._read, sums)
        self._scratch_at = begin + self.memory
        self.memory += SHARES * self._scratch if self._begin else 0

    @property
    def products(self) -> set[Statement]:
        """What reads inputs in the loops that need not be written."""
        return {sums.product for sums in self._begin}

    def _read(self, sums: WeightedSums, copies: list[Copy]) -> None:
        """Take the sums of some examples as what their loop leaves."""
        e = self._e
        for copy in copies:
            _, row = e.index(Polynomial({((sums.rows.variable, 1),): 1}), copy)
            value = e.b.load(self._sum(sums, row, e.buffers.blocks[copy.block]), typ=e.vectors.type)
            value.align = e.align
            copy.values[Exit(sums.total, sums.columns)] = value
            for handle, index in e.placement.facts[sums.columns].after:
                e.spill(index, copy.values[handle], copy)

    def _sum(self, sums: WeightedSums, row: ir.Value, example: ir.Value) -> ir.Value:
        """The address of the sum of a neuron for a vector of examples."""
        b = self._e.b
        at = b.add(b.mul(row, I64(self._stride)), b.add(example, I64(self._begin[sums])))
        return self._e.guarded(MEMORY, at, self._e.lanes)

    def emit(self, b: ir.IRBuilder, buffers: Buffers) -> None:
        """Write all of them."""
        e = self._e
        for sums in self._begin:
            count = sums.shape[0]
            e.begin(b, buffers)
            if buffers.team is None or sums.rows not in e.placement.shared:
                self._pass(sums, I64(0), I64(count), I64(0))
                continue
            share = -(-count // (SHARES * self._tiles.high)) * self._tiles.high  # so that tiles are the same in all
            with e.apart(b, buffers, -(-count // share)) as part:
                begin, end = (part.b.mul(x, I64(share)) for x in (part.begin, part.end))
                end = part.b.select(part.b.icmp_signed("<", end, I64(count)), end, I64(count))
                self._pass(sums, begin, end, part.b.mul(part.begin, I64(self._scratch)))

    def _pass(self, sums: WeightedSums, first: ir.Value, end: ir.Value, scratch: ir.Value) -> None:
        """Write: some neurons, block by block of examples and of inputs."""
        e, b, begun, columns = self._e, self._e.b, 0, sums.shape[1]
        scratch = b.add(scratch, I64(self._scratch_at))
        block = self._block * self._tiles.panel
        for times, size in self._parts:
            with Rounds(b, times, name="examples") as part:
                example = b.add(b.mul(part.i, I64(size * e.lanes)), I64(begun))
                self._start(sums, first, end, example, size)
                with Rounds(b, columns, 0, block, name="inputs") as inputs:
                    left = b.sub(I64(columns), inputs.i)
                    here = b.select(b.icmp_signed("<", left, I64(block)), left, I64(block))
                    self._lay_out(sums, inputs.i, here, example, size, scratch)
                    self._pass_rows(sums, (first, end), (inputs.i, here), example, size, scratch)
            begun += times * size * e.lanes

    def _start(self, sums: WeightedSums, first: ir.Value, end: ir.Value, example: ir.Value, size: int) -> None:
        """Write: what sums begin with."""
        e, b = self._e, self._e.b
        with Rounds(b, end, first, name="start") as row:
            copy = Copy({sums.rows.variable: (row.i, 0)})
            value = e.loaded(sums.start, copy, {})
            for v in range(size):
                b.store(value, self._sum(sums, row.i, b.add(example, I64(v * e.lanes)))).align = e.align

    def _lay_out(self, sums: WeightedSums, first: ir.Value, count: ir.Value, example: ir.Value, size: int,
                 scratch: ir.Value) -> None:  # fmt: skip
        """Write: some inputs, whole panels, of so many vectors of examples: side by side those of an input."""
        e, b, panel = self._e, self._e.b, self._tiles.panel
        panels = b.sdiv(b.add(count, I64(panel - 1)), I64(panel))
        before = b.sdiv(first, I64(panel))
        with (
            Rounds(b, panels, name="panel") as p,
            Rounds(b, size, name="group") as group,
            Rounds(b, panel, 0, e.lanes, name="square") as square,
        ):
            lanes_at = b.mul(group.i, I64(e.lanes))
            at, there = b.add(example, lanes_at), b.add(before, p.i)
            pointers = [
                self._tiles.laid(self._panels[sums], there, b.add(at, I64(k)), square.i) for k in range(e.lanes)
            ]
            read = [b.load(pointer, typ=e.vectors.type) for pointer in pointers]
            first_number = b.add(b.mul(p.i, I64(panel)), square.i)
            for k, column in enumerate(transposed(e.vectors, read)):
                read[k].align = e.align
                number = b.add(first_number, I64(k))
                to = b.add(b.mul(number, I64(size * e.lanes)), b.add(lanes_at, scratch))
                b.store(column, e.guarded(MEMORY, to, e.lanes)).align = e.align

    def _pass_rows(self, sums: WeightedSums, rows: tuple[ir.Value, ir.Value], inputs: tuple[ir.Value, ir.Value],
                   example: ir.Value, size: int, scratch: ir.Value) -> None:  # fmt: skip
        """Write: the weights of these neurons for inputs that are laid out: tiles, then what is left one by one."""
        b, high = self._e.b, self._tiles.high
        first, end = rows
        whole = b.sub(end, b.srem(b.sub(end, first), I64(high)))
        for start, stop, wide in ((first, whole, high), (whole, end, 1)):
            if wide == 1 and sums.shape[0] % high == 0:
                continue
            with Rounds(b, stop, start, wide, name="neurons") as row:
                self._tile(sums, [(row.i, u) for u in range(wide)], inputs, example, size, scratch)

    def _tile(self, sums: WeightedSums, rows: list[tuple[ir.Value, int]], inputs: tuple[ir.Value, ir.Value],
              example: ir.Value, size: int, scratch: ir.Value) -> None:  # fmt: skip
        """Write: sums of some neurons and examples in registers while the inputs pass."""
        e, b = self._e, self._e.b
        first, count = inputs
        pointers = [
            self._sum(sums, b.add(i, I64(u)), b.add(example, I64(v * e.lanes))) for i, u in rows for v in range(size)
        ]
        before = [b.load(pointer, typ=e.vectors.type) for pointer in pointers]
        for value in before:
            value.align = e.align
        with Rounds(b, count, name="input") as k:
            totals = [k.carried(e.vectors.type) for _ in pointers]
            at = b.add(b.mul(k.i, I64(size * e.lanes)), scratch)
            xs = [
                b.load(e.guarded(MEMORY, b.add(at, I64(v * e.lanes)), e.lanes), typ=e.vectors.type) for v in range(size)
            ]
            added: list[ir.Value] = []
            for row in rows:
                copy, memo = Copy({sums.rows.variable: row, sums.columns.variable: (b.add(first, k.i), 0)}), Memo()
                weight = e.loaded((PARAMETER, sums.weight), copy, memo)
                for x in xs:
                    x.align = e.align
                    product = b.fmul(weight, x, flags=e.vectors.flags)
                    added.append(b.fadd(totals[len(added)], product, flags=e.vectors.flags))
            for total, start, after in zip(totals, before, added):
                total.add_incoming(start, k.before)
                total.add_incoming(after, b.block)
        for pointer, total in zip(pointers, totals):
            b.store(total, pointer).align = e.align
