"""A program over many examples: lanes, blocks of lanes, and what is left of a batch."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from ..front.trace import GRADIENT, INPUT, PARAMETER, SUMS, Trace
from ..loops.parts import FEWEST
from ..loops.placement import Placement
from ..loops.program import statements_of
from .dots import Dots
from .emission import Emitter
from .lowering import lower
from .memory import Buffers
from .native_functions import Rounds, entry, lanes_summed, lanes_summed_together, part_loaded, stored
from .phases import TOGETHER, numbers
from .processor import Target, vector_bytes
from .reduction import Reduction
from .support_vectors import SupportVectors
from .tiles import Tiles
from .update import Update
from .vectors import I32, I64, VectorBuilder, ir
from .wide import WideEmitter

CHUNK = 16  # vectors of examples: their values stay in the first cache for most nets
LARGE, LONG = 2**18, 128  # bytes of gradients that leave the first cache once a chunk: so many examples at least
FEW = 2  # vectors of examples: to mask them all is as fast as to write the last, and what is whole, apart
SLOW, GROUP, SHORT = (
    {"div", "sqrt"},
    4,
    40,
)  # so many vectors of parameters are updated together, if in few instructions
WIDE = 2**20  # bytes of lane-wide sums beyond which gradients are summed across lanes at once


class Tiling:
    """How a batch is cut for a processor.

    Args:
        target: what code is made for.
        examples: in a batch; None: any number.
        lanes: examples a vector; None: as many as a register holds.
        gradients: how many sums over the examples there are.

    Attributes:
        lanes: examples a vector.
        blocks: vectors that go together.
        chunk: examples that are laid out as columns at a time.
        most: vectors that go together at most, where their sums come apart.
        jam: rounds of a jammed loop that go together. blocks * jam accumulators take half the vector registers.
        sums: of long loops so many accumulators stay in registers, blocks times rounds.
        tile: rows and vectors in a tile of a contraction: all registers but those of a row and a number; None: with vectors
            of two or four numbers it is faster to add up their lanes. A panel of three vectors and 128 examples leaves room
            in a first cache of 32 KiB; of four vectors of 64 bytes it would fill it, and each tile would read it anew.
        sums_tile: rows and vectors in a tile of weighted sums, whose blocks of inputs are as long as the cache has room.
    """

    def __init__(
        self, target: Target, examples: int | None = None, lanes: int | None = None, gradients: int = 0
    ) -> None:
        wide = vector_bytes(target.cpu)
        self._examples, self._target = examples, target
        self.lanes = lanes or max(1, wide // target.bytes)
        self.blocks, self.jam = (4, 4) if wide >= 64 else (4, 2)
        self.sums = 20 if wide >= 64 else 12 if wide >= 32 else 8
        self.tile = (8, 3) if wide >= 64 else (4, 3) if wide >= 32 else None
        self.sums_tile = (6, 4) if wide >= 64 else (4, 3)
        self.chunk = CHUNK * self.lanes
        if self.tile is not None and gradients * target.bytes > LARGE:
            self.chunk = max(LONG, self.chunk)
        if examples is not None:
            self.blocks = max(1, min(self.blocks, examples // self.lanes))
            # A batch in chunks of one size, and an odd number of vectors a column, which spreads them over the cache.
            chunks = -(-examples // self.chunk)
            self.chunk = -(-examples // (chunks * self.lanes)) * self.lanes
        self.most = 5 if wide >= 64 else self.blocks
        if not target.contract:
            self.blocks = 1  # so that sums run over the examples in order

    @classmethod
    def of_update(cls, target: Target, placement: Placement) -> Tiling:
        """Of parameters, as examples that nothing is summed over: several vectors wait together for what takes long."""
        tiling = cls(target, 1)
        if len(placement.parts.body) == len(placement.statements) <= SHORT and any(
            s.op in SLOW for s in placement.statements
        ):
            tiling.blocks = GROUP
        return tiling

    def parts(self) -> list[tuple[int, int]]:
        """A whole chunk as (how often, how many vectors that go together), sizes as even as they can be."""
        vectors = self.chunk // self.lanes
        parts = -(-vectors // self.most)
        smaller, larger = vectors // parts, vectors % parts
        return [(n, size) for n, size in ((larger, smaller + 1), (parts - larger, smaller)) if n]

    def is_direct(self, gradients: int) -> bool:
        """Should gradients be summed across lanes at once? Lane-wide sums pay for several groups, while they fit the
        cache."""
        few = self._examples is not None and self._examples <= self.lanes * self.blocks
        return not self._target.contract or few or gradients * self.lanes * self._target.bytes > WIDE

    def skips(self) -> bool:
        """Can it pay to leave flat examples out of a batch?"""
        vectors = -(-min(self._examples or 0, self.chunk) // self.lanes)
        return self._target.contract and self.lanes > 1 and vectors >= FEWEST


class Batch:
    """Writes a program of one example for every example of a batch.

    Args:
        placement, trace: the program of one example; parameters, inputs and outputs as spaces.
        tiling: lanes, blocks, jam.
        target: what code is made for.
        gradients: how many sums over the examples it makes.
        direct: sum across lanes at once.
    """

    def __init__(self, placement: Placement, trace: Trace, tiling: Tiling, target: Target, name: str,
                 gradients: int = 0, direct: bool = False) -> None:  # fmt: skip
        self.placement, self.tiling, self.gradients, self.direct = placement, tiling, gradients, direct
        self.stride = 0  # examples from one column of inputs or memory to the next
        self.columns = 0  # of inputs
        self.packed: ir.Value = None  # where inputs of the examples that are not flat are written side by side
        kind = WideEmitter if tiling.lanes == tiling.blocks == 1 else Emitter
        self.emitter = kind(placement, trace, target, tiling.lanes, tiling.jam, direct, name, tiling.sums)
        self._real, self._parts = self.emitter.real, placement.parts

    @property
    def apart(self) -> bool:
        """Do the sums come after all examples of a chunk?"""
        return self._parts.apart is not None

    @property
    def memory(self) -> int:
        """Numbers of memory the program needs."""
        if self.apart:
            return self.placement.size * self.stride + self._tiles.memory + self._dots.memory
        return self.placement.size * self.tiling.lanes * self.tiling.blocks

    @cached_property
    def _tiles(self) -> Tiles:
        return Tiles(self.emitter, self.tiling.tile, self.stride, self.placement.size * self.stride, self.columns)

    @cached_property
    def _dots(self) -> Dots:
        begin = self.placement.size * self.stride + self._tiles.memory
        tiling = self.tiling
        return Dots(self.emitter, self._tiles, tiling.sums_tile, tiling.chunk, self.stride, begin, self.columns)

    @cached_property
    def in_columns(self) -> list[tuple[int, int]]:
        """Which inputs are to be laid out as columns, (first, end) of those side by side: panels have the others."""
        in_panels = self._tiles.products | self._dots.products if self.apart else set()
        return self.placement.inputs_read(self.columns, in_panels) if in_panels else [(0, self.columns)]

    @property
    def sums(self) -> int:
        """Numbers of memory that lane-wide sums need."""
        return 0 if self.direct or self.apart else self.gradients * self.tiling.lanes

    def emit(self, b: ir.IRBuilder, buffers: Buffers, count: ir.Value) -> None:
        """Write it for one chunk of examples: whole blocks, then what is left. The sums go on from what they were."""
        if self.apart:
            self._emit_chunk(b, replace(buffers, spread=True), count)
            return
        lanes, blocks = self.tiling.lanes, self.tiling.blocks
        done = b.sdiv(count, I64(lanes * blocks))
        if blocks > 1:
            with Rounds(b, done, name="blocks") as rounds:
                first = b.mul(rounds.i, I64(lanes * blocks))
                self.emitter.emit(b, buffers.at(*[b.add(first, I64(lanes * k)) for k in range(blocks)]))
        begun = b.mul(done, I64(blocks)) if blocks > 1 else I64(0)
        groups = b.sdiv(b.add(count, I64(lanes - 1)), I64(lanes))
        with Rounds(b, groups, begun, name="rest") as rounds:
            first = b.mul(rounds.i, I64(lanes))
            mask = self._mask(b, b.sub(count, first)) if self.gradients and lanes > 1 else None
            self.emitter.emit(b, buffers.at(first, mask=mask))

    def _emit_chunk(self, b: ir.IRBuilder, buffers: Buffers, count: ir.Value) -> None:
        """Write it for a whole chunk, whatever stands behind the examples of a smaller one, then the sums over `count`
        of them."""
        if self._parts.gate is None:
            self._dots.emit(b, buffers)
            self._blocks(b, buffers, self.tiling.parts(), [(0, self._parts.apart)])
        else:
            self._blocks(b, buffers, self.tiling.parts(), [(0, self._parts.backward)])
            buffers, count = self._supported(b, buffers, count)
        few = self.tiling.chunk <= FEW * self.tiling.lanes
        Reduction(self.emitter, self._mask, 16 if self.tiling.jam >= 4 else 8, self._tiles, few).emit(b, buffers, count)

    def _blocks(self, b: ir.IRBuilder, buffers: Buffers, parts: list[tuple[ir.Value, int]],
                items: list[tuple[int, int | None]]) -> None:  # fmt: skip
        """Write some items of the program, from one to another, for blocks of vectors.

        Args:
            parts: (how often, how many vectors that go together); the last may be an LLVM integer.
        """
        lanes, begun = self.tiling.lanes, 0
        for times, size in parts:
            with Rounds(b, times, name=f"blocks{size}") as rounds:
                first = b.add(b.mul(rounds.i, I64(lanes * size)), I64(begun))
                starts = [b.add(first, I64(lanes * k)) for k in range(size)]
                for start, end in items:
                    self.emitter.emit(b, buffers.at(*starts), start, end)
            if isinstance(times, int):
                begun += times * size * lanes

    def _supported(self, b: ir.IRBuilder, buffers: Buffers, count: ir.Value) -> tuple[Buffers, ir.Value]:
        """Write the rest for the examples that are not flat, or for all where they are more than half.

        Returns:
            The buffers and the number of examples that the sums are to run over.
        """
        parts, lanes = self._parts, self.tiling.lanes
        backward = (parts.backward, parts.apart)
        support = SupportVectors(self.emitter, buffers, count, self._mask)
        size = support.size(b)
        few = b.icmp_signed("<=", b.mul(size, I64(2)), count)
        with b.if_else(few) as (then, otherwise):
            with then:
                support.pack(b, self.packed, self.columns)
                pairs = b.sdiv(b.add(size, I64(2 * lanes - 1)), I64(2 * lanes))
                own = buffers.with_inputs(self.packed)
                self._blocks(b, own, [(pairs, 2)], [(0, parts.forward), backward])
            with otherwise:
                self._blocks(b, buffers, self.tiling.parts(), [backward])
        inputs = b.select(few, self.packed, buffers.pointers[INPUT])
        return buffers.with_inputs(inputs), b.select(few, size, count)

    def begin(self, b: ir.IRBuilder, buffers: Buffers) -> None:
        """Write what comes before the first chunk of a step."""
        if self.gradients:  # what is left out of a sum counts 0.0
            at, nothing = buffers.pointers[GRADIENT], -0.0 if self._parts.gate is None else 0.0
            whole = [(0, self.gradients, 1, 0)]
            for first, size, times, step in self._tiles.gaps(self.gradients) if self.apart else whole:
                with Rounds(b, times, name="gap") as rounds:
                    start = b.add(b.mul(rounds.i, I64(step)), I64(first))
                    team = buffers.team if size >= TOGETHER else None
                    self._zero(b, entry(b, self._real, at, start), size, nothing, team)

    def overwrite(self) -> None:
        """Gradients are those of the examples alone: what need not be 0 before is not set to 0."""
        if self.apart:
            self._tiles.overwrites = True

    def takes(self, update: Update) -> bool:
        """Is an update written where gradients are stored from now on? It is where nothing behind them reads parameters."""
        parts = self._parts
        if not self.apart or not self._tiles.is_written:
            return False
        behind = [p.number() for n in parts.body[parts.apart :] for s in statements_of(n) for space, p in s.args
                  if space == PARAMETER]  # fmt: skip
        if any(k is None or k < self.gradients for k in behind):
            return False
        self._tiles.update = update
        return True

    def update_rest(self, b: ir.IRBuilder, buffers: Buffers, update: Update, count: int) -> None:
        """Write: the update of those of so many parameters whose gradients are not stored by a contraction."""
        lanes = self.tiling.lanes
        for first, size, times, step in self._tiles.gaps(count):
            with Rounds(b, times, name="gap") as rounds:
                start = b.add(b.mul(rounds.i, I64(step)), I64(first))
                whole = size - size % lanes
                for begin, end, width in ((0, whole, lanes), (whole, size, 1)):
                    with Rounds(b, end, begin, width, name="update") as part:
                        index = b.add(start, part.i)
                        at = entry(b, self._real, buffers.pointers[GRADIENT], index)
                        update.at(b, buffers, index, part_loaded(self._builder(b), at, width), width)

    def finish(self, b: ir.IRBuilder, buffers: Buffers) -> None:
        """Write what comes after the last chunk of a step."""
        if self.sums:
            self._reduce(b, buffers)

    def prepare(self, b: ir.IRBuilder, buffers: Buffers) -> None:
        """Write what comes before the first step."""
        self._zero(b, buffers.pointers[SUMS], self.sums)

    def _zero(self, b: ir.IRBuilder, at: ir.Value, size: int, value: float = -0.0,
              team: ir.Value | None = None) -> None:  # fmt: skip
        """Write: set numbers to -0.0, which adds nothing, or to another number."""
        lanes = self.tiling.lanes
        nothing = self._builder(b).constant(value)
        whole = size - size % lanes
        with numbers(b, team, whole, [at], "zero") as part, Rounds(part.b, part.end, part.begin, lanes) as rounds:
            stored(part.b, self._real, nothing, part.values[0], rounds.i).align = self.emitter.bytes
        with Rounds(b, size, whole, name="zero") as rounds:
            stored(b, self._real, ir.Constant(self._real, value), at, rounds.i).align = self.emitter.bytes

    def _reduce(self, b: ir.IRBuilder, buffers: Buffers) -> None:
        """Add the lanes of every sum to the gradients, as many sums at a time as there are lanes, and set them back to -0.0."""
        lanes, real, gradients = self.tiling.lanes, self._real, buffers.pointers[GRADIENT]
        vectors = self._builder(b)
        whole = self.gradients - self.gradients % lanes
        with Rounds(b, whole, 0, lanes, name="reduce") as rounds:
            taken = [self._taken(b, vectors, buffers, b.add(rounds.i, I64(k))) for k in range(lanes)]
            at = entry(b, real, gradients, rounds.i)
            old = b.load(at, typ=vectors.type)
            old.align = self.emitter.bytes
            b.store(b.fadd(old, lanes_summed_together(vectors, taken)), at).align = self.emitter.bytes
        with Rounds(b, self.gradients, whole, name="reduce.rest") as rounds:
            at = entry(b, real, gradients, rounds.i)
            total = lanes_summed(vectors, self._taken(b, vectors, buffers, rounds.i))
            b.store(b.fadd(b.load(at, typ=real), total), at)

    def _taken(self, b: ir.IRBuilder, vectors: VectorBuilder, buffers: Buffers, index: ir.Value) -> ir.Value:
        at = entry(b, self._real, buffers.pointers[SUMS], b.mul(index, I64(self.tiling.lanes)))
        v = b.load(at, typ=vectors.type)
        v.align = self.emitter.align
        b.store(vectors.constant(-0.0), at).align = self.emitter.align
        return v

    def _builder(self, b: ir.IRBuilder) -> VectorBuilder:
        return VectorBuilder(b, self._real, self.tiling.lanes, False, False, lower)

    def _mask(self, b: ir.IRBuilder, left: ir.Value) -> ir.Value:
        """The first `left` lanes."""
        lanes = self.tiling.lanes
        kind = ir.VectorType(I32, lanes)
        numbers = ir.Constant(kind, list(range(lanes)))
        v = b.insert_element(ir.Constant(kind, ir.Undefined), b.trunc(left, I32), I32(0))
        v = b.shuffle_vector(v, ir.Constant(kind, ir.Undefined), ir.Constant(kind, [0] * lanes))
        return b.icmp_signed("<", numbers, v)
