"""What native functions are given and loop over: addresses, loops, the sums of lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..loops.placement import Handle
from .vectors import I64, VectorBuilder, declared, ir


class Buffers:
    """What a native function is given.

    Attributes:
        pointers: the address of each space; for inputs and outputs it may be a list, one address a column.
        sizes: how many numbers each space holds, for bounds checks.
        stride: examples from one column to the next.
        blocks: for each block of lanes, the number of its first example.
        mask: which lanes count when gradients are summed; None: all.
        spread: memory holds every example's values, column by column as inputs do, not those of one block.
    """

    def __init__(self, pointers: dict[Any, Any], sizes: dict[Any, Any], stride: Any, blocks: list[Any],
                 mask: Any = None, spread: bool = False) -> None:  # fmt: skip
        self.pointers, self.sizes, self.stride, self.blocks, self.mask = pointers, sizes, stride, blocks, mask
        self.spread = spread

    def values(self) -> list[Any]:
        """The LLVM values in it, in a fixed order."""
        masks = [] if self.mask is None else [self.mask]
        return [*self.pointers.values(), *self.sizes.values(), self.stride, *self.blocks, *masks]

    def over(self, values: Sequence[Any]) -> Buffers:
        """The same buffers of other values, the arguments of a function."""
        rest = iter(values)
        pointers = {space: next(rest) for space in self.pointers}
        sizes = {space: next(rest) for space in self.sizes}
        stride = next(rest)
        blocks = [next(rest) for _ in self.blocks]
        return Buffers(pointers, sizes, stride, blocks, None if self.mask is None else next(rest), self.spread)


class Copy:
    """One copy of a body under way: loop variable -> (base, offset), values by handle, and which block of lanes."""

    __slots__ = ("index", "values", "block", "jammed")

    def __init__(self, index: dict[int, Any], values: dict[Handle, Any], block: int, jammed: bool = False) -> None:
        self.index, self.values, self.block, self.jammed = index, values, block, jammed


class Rounds:
    """A native loop: `with Rounds(builder, end) as rounds: … rounds.i …`.

    Attributes:
        i: the loop variable, an LLVM integer.
        before: the block from which the loop is entered.
    """

    def __init__(self, builder: Any, end: Any, start: Any = 0, step: int = 1, name: str = "i") -> None:
        self._b, self._step = builder, step
        self._start, end = (I64(x) if isinstance(x, int) else x for x in (start, end))
        self._head, self._body, self._done = (
            builder.function.append_basic_block(f"{name}.{part}") for part in ("head", "body", "done")
        )
        self.before = builder.block
        builder.branch(self._head)
        builder.position_at_end(self._head)
        self.i = builder.phi(I64)
        self.i.add_incoming(self._start, self.before)
        self._test = builder.icmp_signed("<", self.i, end)
        builder.cbranch(self._test, self._body, self._done)

    def carried(self, kind: Any) -> Any:
        """A phi of the loop."""
        with self._b.goto_block(self._head):
            self._b.position_before(self._test)
            return self._b.phi(kind)

    def __enter__(self) -> Rounds:
        self._b.position_at_end(self._body)
        return self

    def __exit__(self, *_: object) -> None:
        b = self._b
        following = b.add(self.i, I64(self._step))
        self.i.add_incoming(following, b.block)
        b.branch(self._head)
        b.position_at_end(self._done)


def lanes_summed(vectors: VectorBuilder, v: Any, start: Any = None) -> Any:
    """The sum of the lanes: as one fixed tree, or, from a start, strictly in order."""
    if vectors.lanes == 1:
        return v if start is None else vectors.builder.fadd(start, v)
    bits = "f64" if vectors.double else "f32"
    reduce = declared(
        vectors.module, f"llvm.vector.reduce.fadd.v{vectors.lanes}{bits}", vectors.real, [vectors.real, vectors.type]
    )
    flags = ("reassoc",) if start is None else ()
    return vectors.builder.call(
        reduce, [ir.Constant(vectors.real, -0.0) if start is None else start, v], fastmath=flags
    )


def lanes_summed_together(vectors: VectorBuilder, terms: list[Any]) -> Any:
    """One vector whose first lanes are the sums of as many vectors, at most as many as there are lanes.

    Halves are folded onto each other, two vectors in one, so that additions work on full vectors: the upper half of the
    one and the lower half of the other change places, what stays is a blend.
    """
    b, lanes = vectors.builder, vectors.lanes
    indices = ir.VectorType(ir.IntType(32), lanes)
    count = 1 << (len(terms) - 1).bit_length()
    folded = [*terms, *[vectors.constant(0.0)] * (count - len(terms))]
    width = lanes
    while width > 1:
        half = width // 2
        pairs = list(zip(folded[::2], folded[1::2])) if len(folded) > 1 else [(folded[0], folded[0])]
        stays, moves = [], []
        for group in range(0, lanes, width):
            low, high = list(range(group, group + half)), list(range(group + half, group + width))
            stays += [*low, *[lanes + k for k in high]]
            moves += [*high, *[lanes + k for k in low]]
        folded = [
            b.fadd(*[b.shuffle_vector(v, w, ir.Constant(indices, order)) for order in (stays, moves)]) for v, w in pairs
        ]
        width = half
    if lanes == 1:
        return folded[0]
    # The sum of vector k stands in the lane whose number is that of k with its bits reversed.
    bits = lanes.bit_length() - 1
    order = [int(f"{k:0{bits}b}"[::-1], 2) for k in range(lanes)]
    return b.shuffle_vector(folded[0], folded[0], ir.Constant(indices, order))
