"""A program over many examples: lanes, blocks of lanes, and what is left of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..front.trace import GRADIENT, INPUT, Trace
from ..loops.placement import Placement
from .emission import SUMS, Emitter
from .lowering import lower
from .reduction import Reduction
from .rounds import Buffers, Rounds, lanes_summed, lanes_summed_together
from .support_vectors import SupportVectors
from .vectors import I32, I64, POINTER, VectorBuilder, ir

CHUNK = 16  # vectors of examples: their values stay in the first cache for most nets
WIDE = 2**20  # bytes of lane-wide sums beyond which gradients are summed across lanes at once


class Tiling:
    """How a batch is cut for a processor.

    Attributes:
        lanes: examples a vector.
        blocks: vectors that go together.
        chunk: examples that are laid out as columns at a time.
        most: vectors that go together at most, where their sums come apart.
        jam: rounds of a jammed loop that go together. blocks * jam accumulators take half the vector registers.
    """

    def __init__(self, vector_bytes: int, number_bytes: int, examples: int | None, contract: bool) -> None:
        self.lanes = max(1, vector_bytes // number_bytes)
        self.blocks, self.jam = (4, 4) if vector_bytes >= 64 else (4, 2)
        if examples is not None:
            self.blocks = max(1, min(self.blocks, examples // self.lanes))
        self.chunk = CHUNK * self.lanes
        if examples is not None:
            # A batch in chunks of one size, and an odd number of vectors a column, which spreads them over the cache.
            chunks = -(-examples // self.chunk)
            self.chunk = -(-examples // (chunks * self.lanes)) * self.lanes
        self.most = 5 if vector_bytes >= 64 else self.blocks
        if not contract:
            self.blocks = 1  # so that sums run over the examples in order

    def parts(self) -> list[tuple[int, int]]:
        """A whole chunk as (how often, how many vectors that go together), sizes as even as they can be."""
        vectors = self.chunk // self.lanes
        parts = -(-vectors // self.most)
        smaller, larger = vectors // parts, vectors % parts
        return [(n, size) for n, size in ((larger, smaller + 1), (parts - larger, smaller)) if n]


class Batch:
    """Writes a program of one example for every example of a batch.

    Args:
        placement, trace: the program of one example; parameters, inputs and outputs as spaces.
        tiling: lanes, blocks, jam.
        gradients: how many sums over the examples it makes.
        direct: sum across lanes at once.
    """

    def __init__(self, placement: Placement, trace: Trace, tiling: Tiling, real: Any, gradients: int, *,
                 contract: bool, direct: bool, checked: bool, name: str) -> None:  # fmt: skip
        self.placement, self.tiling, self.real, self.gradients, self.direct = placement, tiling, real, gradients, direct
        self.stride = 0  # examples from one column of inputs or memory to the next
        self.columns = 0  # of inputs
        self.packed: Any = None  # where inputs of the examples that are not flat are written side by side
        self.emitter = Emitter(
            placement, trace, real, tiling.lanes, tiling.jam, contract, direct, not contract, checked, name
        )

    @property
    def apart(self) -> bool:
        """Do the sums come after all examples of a chunk?"""
        return self.placement.apart is not None

    @property
    def _end(self) -> int:
        """How many items of the outermost body come before the sums."""
        apart = self.placement.apart
        return len(self.placement.body) if apart is None else apart

    @property
    def memory(self) -> int:
        """Numbers of memory the program needs."""
        if self.apart:
            return self.placement.size * self.stride
        return self.placement.size * self.tiling.lanes * self.tiling.blocks

    @property
    def sums(self) -> int:
        """Numbers of memory that lane-wide sums need."""
        return 0 if self.direct or self.apart else self.gradients * self.tiling.lanes

    def emit(self, b: Any, pointers: dict[Any, Any], sizes: dict[Any, Any], count: Any, stride: Any) -> None:
        """Write it for one chunk of examples: whole blocks, then what is left. The sums go on from what they were."""
        if self.apart:
            self._emit_chunk(b, pointers, sizes, count, stride)
            return
        lanes, blocks = self.tiling.lanes, self.tiling.blocks
        done = b.sdiv(count, I64(lanes * blocks))
        if blocks > 1:
            with Rounds(b, done, name="blocks") as rounds:
                first = b.mul(rounds.i, I64(lanes * blocks))
                starts = [b.add(first, I64(lanes * k)) for k in range(blocks)]
                self.emitter.emit(b, Buffers(pointers, sizes, stride, starts))
        begun = b.mul(done, I64(blocks)) if blocks > 1 else I64(0)
        groups = b.sdiv(b.add(count, I64(lanes - 1)), I64(lanes))
        with Rounds(b, groups, begun, name="rest") as rounds:
            first = b.mul(rounds.i, I64(lanes))
            mask = self._mask(b, b.sub(count, first)) if self.gradients and lanes > 1 else None
            self.emitter.emit(b, Buffers(pointers, sizes, stride, [first], mask))

    def _emit_chunk(self, b: Any, pointers: dict[Any, Any], sizes: dict[Any, Any], count: Any, stride: Any) -> None:
        """Write it for a whole chunk, whatever stands behind the examples of a smaller one, then the sums over `count`
        of them."""
        every = [(0, self._end)]
        if self.placement.gate is None:
            self._blocks(b, pointers, sizes, stride, self.tiling.parts(), every)
        else:
            self._blocks(b, pointers, sizes, stride, self.tiling.parts(), [(0, self.placement.backward)])
            pointers, count = self._supported(b, pointers, sizes, count, stride)
        buffers = Buffers(pointers, sizes, stride, [I64(0)], spread=True)
        tile = 16 if self.tiling.jam >= 4 else 8
        Reduction(self.emitter, self._mask, tile).emit(b, buffers, count)

    def _blocks(self, b: Any, pointers: dict[Any, Any], sizes: dict[Any, Any], stride: Any, parts: list[tuple[Any, int]],
                items: list[tuple[int, int]]) -> None:  # fmt: skip
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
                    self.emitter.emit(b, Buffers(pointers, sizes, stride, starts, spread=True), start, end)
            if isinstance(times, int):
                begun += times * size * lanes

    def _supported(self, b: Any, pointers: dict[Any, Any], sizes: dict[Any, Any], count: Any,
                   stride: Any) -> tuple[dict[Any, Any], Any]:  # fmt: skip
        """Write the rest for the examples that are not flat, or for all where they are more than half.

        Returns:
            The pointers and the number of examples that the sums are to run over.
        """
        placement, lanes = self.placement, self.tiling.lanes
        backward = (placement.backward, self._end)
        support = SupportVectors(
            self.emitter, Buffers(pointers, sizes, stride, [I64(0)], spread=True), count, self._mask
        )
        size = support.size(b)
        few = b.icmp_signed("<=", b.mul(size, I64(2)), count)
        with b.if_else(few) as (then, otherwise):
            with then:
                support.pack(b, self.packed, self.columns)
                pairs = b.sdiv(b.add(size, I64(2 * lanes - 1)), I64(2 * lanes))
                own = {**pointers, INPUT: self.packed}
                self._blocks(b, own, sizes, stride, [(pairs, 2)], [(0, placement.forward), backward])
            with otherwise:
                self._blocks(b, pointers, sizes, stride, self.tiling.parts(), [backward])
        return {**pointers, INPUT: b.select(few, self.packed, pointers[INPUT])}, b.select(few, size, count)

    def begin(self, b: Any, pointers: dict[Any, Any]) -> None:
        """Write what comes before the first chunk of a step."""
        if self.gradients:  # what is left out of a sum counts 0.0
            self._zero(b, pointers[GRADIENT], self.gradients, -0.0 if self.placement.gate is None else 0.0)

    def finish(self, b: Any, pointers: dict[Any, Any]) -> None:
        """Write what comes after the last chunk of a step."""
        if self.sums:
            self._reduce(b, pointers)

    def prepare(self, b: Any, pointers: dict[Any, Any]) -> None:
        """Write what comes before the first step."""
        self._zero(b, pointers[SUMS], self.sums)

    def _zero(self, b: Any, at: Any, size: int, value: float = -0.0) -> None:
        """Write: set numbers to -0.0, which adds nothing, or to another number."""
        lanes = self.tiling.lanes
        nothing = VectorBuilder(b, self.real, lanes, False, False, lower).constant(value)
        whole = size - size % lanes
        for number, start, end, step in ((nothing, 0, whole, lanes), (ir.Constant(self.real, value), whole, size, 1)):
            with Rounds(b, end, start, step, name="zero") as rounds:
                b.store(number, b.gep(at, [rounds.i], source_etype=self.real)).align = self.emitter.bytes

    def _reduce(self, b: Any, pointers: dict[Any, Any]) -> None:
        """Add the lanes of every sum to the gradients, as many sums at a time as there are lanes, and set them back to -0.0."""
        lanes = self.tiling.lanes
        vectors = VectorBuilder(b, self.real, lanes, False, False, lower)
        whole = self.gradients - self.gradients % lanes
        with Rounds(b, whole, 0, lanes, name="reduce") as rounds:
            taken = [self._taken(b, vectors, pointers, b.add(rounds.i, I64(k))) for k in range(lanes)]
            at = b.gep(pointers[GRADIENT], [rounds.i], source_etype=self.real)
            old = b.load(at, typ=vectors.type)
            old.align = self.emitter.bytes
            b.store(b.fadd(old, lanes_summed_together(vectors, taken)), at).align = self.emitter.bytes
        with Rounds(b, self.gradients, whole, name="reduce.rest") as rounds:
            at = b.gep(pointers[GRADIENT], [rounds.i], source_etype=self.real)
            total = lanes_summed(vectors, self._taken(b, vectors, pointers, rounds.i))
            b.store(b.fadd(b.load(at, typ=self.real), total), at)

    def _taken(self, b: Any, vectors: VectorBuilder, pointers: dict[Any, Any], index: Any) -> Any:
        at = b.gep(pointers[SUMS], [b.mul(index, I64(self.tiling.lanes))], source_etype=self.real)
        v = b.load(at, typ=vectors.type)
        v.align = self.tiling.lanes * self.emitter.bytes
        b.store(vectors.constant(-0.0), at).align = self.tiling.lanes * self.emitter.bytes
        return v

    def _mask(self, b: Any, left: Any) -> Any:
        """The first `left` lanes."""
        lanes = self.tiling.lanes
        kind = ir.VectorType(I32, lanes)
        numbers = ir.Constant(kind, list(range(lanes)))
        v = b.insert_element(ir.Constant(kind, ir.Undefined), b.trunc(left, I32), I32(0))
        v = b.shuffle_vector(v, ir.Constant(kind, ir.Undefined), ir.Constant(kind, [0] * lanes))
        return b.icmp_signed("<", numbers, v)


def is_direct(gradients: int, tiling: Tiling, number_bytes: int, examples: int | None, contract: bool) -> bool:
    """Should gradients be summed across lanes at once? Lane-wide sums pay for several groups, while they fit the cache."""
    few = examples is not None and examples <= tiling.lanes * tiling.blocks
    return not contract or few or gradients * tiling.lanes * number_bytes > WIDE


def native(module: Any, name: str, pointers: Sequence[str], integers: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """(builder, arguments by name) of a new function whose pointers do not overlap."""
    kind = ir.FunctionType(ir.VoidType(), [POINTER] * len(pointers) + [I64] * len(integers))
    function = ir.Function(module, kind, name)
    for a, label in zip(function.args, [*pointers, *integers]):
        a.name = label
        if label in pointers:
            a.add_attribute("noalias")
    return ir.IRBuilder(function.append_basic_block("entry")), dict(zip([*pointers, *integers], function.args))


def call_of(module: Any, function: Any) -> None:
    """Write `run`: it calls a function with arguments it reads, eight bytes each, from the one array it is given."""
    b, a = native(module, "run", ["context"], [])
    values = []
    for i, argument in enumerate(function.args):
        at = b.gep(a["context"], [I64(i)], source_etype=I64)
        values.append(b.load(at, typ=argument.type))
    b.call(function, values)
    b.ret_void()


def gathered(b: Any, real: Any, rows: Any, order: Any, x: Any, first: Any, count: Any, lanes: int, columns: int,
             stride: Any, backwards: bool = False) -> None:  # fmt: skip
    """Lay examples out as lanes want them: x[column*stride + i] = rows[order[first + i]*columns + column].

    The last group is filled up with the last example. Backwards, the last example comes first.
    """
    padded = b.mul(b.sdiv(b.add(count, I64(lanes - 1)), I64(lanes)), I64(lanes))
    with Rounds(b, padded, name="gather") as outer:
        last = b.sub(count, I64(1))
        i = b.select(b.icmp_signed("<", outer.i, last), outer.i, last)
        i = b.sub(last, i) if backwards else i
        row = b.mul(b.load(b.gep(order, [b.add(first, i)], source_etype=I64), typ=I64), I64(columns))
        with Rounds(b, columns, name="column") as inner:
            number = b.load(b.gep(rows, [b.add(row, inner.i)], source_etype=real), typ=real)
            b.store(number, b.gep(x, [b.add(b.mul(inner.i, stride), outer.i)], source_etype=real))


def scattered(b: Any, real: Any, o: Any, rows: Any, first: Any, count: Any, columns: int, stride: Any,
              backwards: bool = False) -> None:  # fmt: skip
    """The way back: rows[(first + i)*columns + column] = o[column*stride + i]."""
    with Rounds(b, count, name="scatter") as outer:
        i = b.sub(b.sub(count, I64(1)), outer.i) if backwards else outer.i
        row = b.mul(b.add(first, outer.i), I64(columns))
        with Rounds(b, columns, name="column") as inner:
            number = b.load(b.gep(o, [b.add(b.mul(inner.i, stride), i)], source_etype=real), typ=real)
            b.store(number, b.gep(rows, [b.add(row, inner.i)], source_etype=real))
