"""The weighted sums of a wide first layer, z[j] = b[j] + the sum over k of w[j, k] * x[k], for all examples of a chunk.

The lanes are examples, as elsewhere. A block of inputs, of as many examples as fill a tile, is laid out in the first cache and
stays there while the weights of all neurons pass (Goto & van de Geijn, Anatomy of high-performance matrix multiplication,
2008). Each sum runs over the inputs in their order, so its bits are those of the loop that it stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ..front.trace import MEMORY, PARAMETER
from ..loops.placement import Exit
from ..loops.program import For, Polynomial, Statement
from .contraction import WeightedSums, weighted_sums_of
from .emission import Emitter
from .memory import Buffers, Copy
from .native_functions import EVERY, Examples, Rounds, accumulated, entry, fetch, transposed
from .tiles import Tiles
from .vectors import I64, ir

CACHE = 3 * 2**13  # bytes of inputs that stay in the first cache, and leave room for the weights that pass
SHARES = 4  # parts of the neurons that threads divide; each lays out the inputs for itself


class Dots:
    """Writes weighted sums of inputs that are read where the examples were given.

    Args:
        emitter: of the whole program, which reads the sums from then on.
        tiles: the gradients of the same program.
        shape: neurons and vectors of examples in a tile.
        chunk: examples that are done together.
        stride: examples there is room for.
        begin: where in memory there is room.
        columns: of a row of examples.

    Attributes:
        memory: numbers of memory that they need.
    """

    def __init__(self, emitter: Emitter, tiles: Tiles, shape: tuple[int, int], chunk: int, stride: int, begin: int,
                 columns: int) -> None:  # fmt: skip
        self._e, self._stride, self._columns = emitter, stride, columns
        self._high, wide = shape
        vectors, panel = chunk // emitter.lanes, wide * emitter.lanes
        parts = -(-vectors // wide)
        smaller, larger = vectors // parts, vectors % parts
        self._parts = [(n, size) for n, size in ((larger, smaller + 1), (parts - larger, smaller)) if n]
        most = max(1, CACHE // (panel * wide * emitter.align)) * panel
        self._begin, self._block, self.memory = dict[WeightedSums, int](), dict[WeightedSums, int](), 0
        placement = emitter.placement
        loops = [n for n in placement.parts.body[: placement.parts.apart] if isinstance(n, For)]
        for rows, columns_ in [(n, c) for n in loops for c in n.body if isinstance(c, For)]:
            sums = weighted_sums_of(rows, columns_, placement)
            if sums is None or not tiles.reads_rows or sums.shape[1] <= most:  # all inputs fit at once
                continue
            self._begin[sums] = begin + self.memory
            # Inputs in blocks of one size, an eighth more than that if it spares a block.
            self._block[sums] = -(-sums.shape[1] // -(-8 * sums.shape[1] // (9 * most)))
            self.memory += sums.shape[0] * self._stride
            emitter.ready[columns_] = partial(self._read, sums)
        # Before it there is room for what the last square of inputs has in common with the one before.
        self._scratch = (max(self._block.values(), default=0) + emitter.lanes) * panel
        self._scratch_at = begin + self.memory + emitter.lanes * panel
        self.memory += SHARES * self._scratch if self._begin else 0

    @property
    def _examples(self) -> Examples:
        examples = self._e.buffers.examples
        if examples is None:
            raise AssertionError("weighted sums read rows of examples")
        return examples

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
            share = -(-count // (SHARES * self._high)) * self._high  # so that tiles are the same in all
            with e.apart(b, buffers, -(-count // share)) as part:
                begin, end = (part.b.mul(x, I64(share)) for x in (part.begin, part.end))
                end = part.b.select(part.b.icmp_signed("<", end, I64(count)), end, I64(count))
                self._pass(sums, begin, end, part.b.mul(part.begin, I64(self._scratch)))

    def _pass(self, sums: WeightedSums, first: ir.Value, end: ir.Value, scratch: ir.Value) -> None:
        """Write: some neurons, block by block of examples and of inputs."""
        e, b, begun, columns, block = self._e, self._e.b, 0, sums.shape[1], self._block[sums]
        scratch = b.add(scratch, I64(self._scratch_at))
        for times, size in self._parts:
            with Rounds(b, times, name="examples") as part:
                example = b.add(b.mul(part.i, I64(size * e.lanes)), I64(begun))
                with Rounds(b, columns, 0, block, name="inputs") as inputs:
                    left = b.sub(I64(columns), inputs.i)
                    here = b.select(b.icmp_signed("<", left, I64(block)), left, I64(block))
                    self._lay_out(sums, inputs.i, here, example, size, scratch)
                    self._pass_rows(sums, (first, end), (inputs.i, here), example, size, scratch)
            begun += times * size * e.lanes

    def _lay_out(self, sums: WeightedSums, first: ir.Value, count: ir.Value, example: ir.Value, size: int,
                 scratch: ir.Value) -> None:  # fmt: skip
        """Write: some inputs of so many vectors of examples: side by side those of an input. The last square of inputs begins
        earlier, so that it is a whole one."""
        e, b, lanes, examples = self._e, self._e.b, self._e.lanes, self._examples
        first = b.add(first, I64(sums.first_input))
        with Rounds(b, size, name="group") as group:
            within = b.mul(group.i, I64(lanes))
            at = b.add(example, within)
            rows = [examples.row(b, e.real, b.add(at, I64(k)), self._columns) for k in range(lanes)]
            rows = [entry(b, e.real, row, first) for row in rows]
            last, scratch = b.sub(count, I64(lanes)), b.add(scratch, within)
            with Rounds(b, count, 0, lanes, name="square") as square:
                number = b.select(b.icmp_signed("<", square.i, last), square.i, last)
                read = [b.load(entry(b, e.real, row, number), typ=e.vectors.type) for row in rows]
                for k, column in enumerate(transposed(e.vectors, read)):
                    read[k].align = e.bytes
                    to = b.add(b.mul(b.add(number, I64(k)), I64(size * lanes)), scratch)
                    b.store(column, e.guarded(MEMORY, to, lanes)).align = e.align

    def _pass_rows(self, sums: WeightedSums, rows: tuple[ir.Value, ir.Value], inputs: tuple[ir.Value, ir.Value],
                   example: ir.Value, size: int, scratch: ir.Value) -> None:  # fmt: skip
        """Write: the weights of these neurons for inputs that are laid out: tiles, then what is left of all, if it is here."""
        b, high = self._e.b, self._high
        first, end = rows
        whole = b.sub(end, b.srem(b.sub(end, first), I64(high)))
        for start, stop, wide in ((first, whole, high), (whole, end, sums.shape[0] % high)):
            if not wide:
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
        is_first, starts = b.icmp_signed("==", first, I64(0)), []
        for k, pointer in enumerate(pointers):
            before = b.load(pointer, typ=e.vectors.type)
            before.align = e.align
            start = e.loaded(sums.start, Copy({sums.rows.variable: rows[k // size]}), {})
            starts.append(b.select(is_first, start, before))

        def added(number: ir.Value, totals: Sequence[ir.Value]) -> list[ir.Value]:
            at = b.add(b.mul(number, I64(size * e.lanes)), scratch)
            xs = [
                b.load(e.guarded(MEMORY, b.add(at, I64(v * e.lanes)), e.lanes), typ=e.vectors.type) for v in range(size)
            ]
            for x in xs:
                x.align = e.align
            k = (b.add(first, number), 0)
            copies = [Copy({sums.rows.variable: row, sums.columns.variable: k}) for row in rows]
            weights = [e.loaded((PARAMETER, sums.weight), copy, {}) for copy in copies]
            products = [b.fmul(weight, x, flags=e.vectors.flags) for weight in weights for x in xs]
            return [b.fadd(total, product, flags=e.vectors.flags) for total, product in zip(totals, products)]

        examples, high = size * e.lanes, self._high
        block = self._block[sums]
        every = max(EVERY, -(-sums.shape[0] // high) * block // examples)

        def ahead(time: ir.Value) -> None:
            before = b.mul(b.sdiv(rows[0][0], I64(high)), I64(-(-block // every)))
            number = b.add(before, time)
            with b.if_then(b.icmp_signed("<", number, I64(examples))):
                self._fetch_ahead(sums, first, b.add(number, example), examples)

        totals = accumulated(b, count, starts, added, ahead, every)
        for pointer, total in zip(pointers, totals):
            b.store(total, pointer).align = e.align

    def _fetch_ahead(self, sums: WeightedSums, first: ir.Value, example: ir.Value, examples: int) -> None:
        """Write: what is laid out next of an example comes to the cache."""
        e, b = self._e, self._e.b
        behind = b.add(first, I64(self._block[sums]))
        is_last = b.icmp_signed(">=", behind, I64(sums.shape[1]))
        example = b.add(example, b.select(is_last, I64(examples), I64(0)))
        behind = b.add(b.select(is_last, I64(0), behind), I64(sums.first_input))
        row = self._examples.row(b, e.real, example, self._columns)
        fetch(b, entry(b, e.real, row, behind), self._block[sums] * e.bytes)
