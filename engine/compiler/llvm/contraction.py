"""The gradient of a layer's weights as one contraction: g[j, k] += the sum over the examples of a[j] * b[k].

Its free axes are two loops, of which the inner one walks through gradients that lie side by side; the examples are summed.
So the lanes go along the inner loop: what it reads is laid out as rows first, in panels as wide as a tile, and a tile of
gradients stays in registers while it passes over the examples, one after another, in their order. No lane is left to be
added up (Goto & van de Geijn, Anatomy of high-performance matrix multiplication, 2008).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..front.trace import GRADIENT, INPUT, MEMORY
from ..loops.placement import Placement, Source
from ..loops.program import For, Polynomial, Statement, loops_of
from .emission import Emitter
from .memory import Buffers, Copy
from .native_functions import Rounds, entry, transposed
from .phases import Phase, phase
from .vectors import I32, I64, POINTER, declared, ir

LEAST = 64  # rounds of the inner loop from which on its panels pay
CACHE = 2**14  # bytes of panels that stay in the first cache while all rows pass


@dataclass(frozen=True, slots=True)
class Contraction:
    """What is known of it.

    Attributes:
        rows, columns: the loops over j and over k.
        left, right: where a[j] and b[k] are.
        target: which gradient.
    """

    rows: For
    columns: For
    left: Source
    right: Source
    target: Polynomial

    @property
    def shape(self) -> tuple[int, int]:
        """Rounds of the two loops."""
        return self.rows.count.number() or 0, self.columns.count.number() or 0


def contraction_of(rows: For, columns: For, placement: Placement) -> Contraction | None:
    """A loop in another as a contraction; None where it is none, or too small for panels to pay."""
    if len(columns.body) != 2 or rows.count.number() is None or (columns.count.number() or 0) < LEAST:
        return None
    product, effect = columns.body
    if not (isinstance(product, Statement) and product.op == "mul" and placement.store[product] is None):
        return None
    if not (isinstance(effect, Statement) and placement.sources[effect] == [product] and effect.op == "accumulate"):
        return None
    j, k = rows.variable, columns.variable
    if not _is_walk(effect.target, k, j) or effect.target.get(((k, 1),)) != 1:
        return None
    for left, right in (placement.sources[product], placement.sources[product][::-1]):
        here, there = (_place(placement, source) for source in (left, right))
        if here is None or there is None or there[0] not in (INPUT, MEMORY):
            continue
        if not here[1].uses(k) and not there[1].uses(j) and _is_walk(there[1], k):
            return Contraction(rows, columns, left, right, effect.target)
    return None


def _place(placement: Placement, source: Source) -> tuple[int, Polynomial] | None:
    """(space, index) of what is in memory, its slot for a value."""
    if not isinstance(source, tuple):
        return None
    space, index = source
    return space, placement.slots[index.key()] if space == MEMORY else index


def _is_walk(p: Polynomial, variable: int, *others: int) -> bool:
    """Is it linear in a loop variable, and free of products with it?"""
    mine = [mono for mono in p if any(v == variable for v, _ in mono)]
    return mine == [((variable, 1),)]


class Tiles:
    """Writes contractions.

    Args:
        emitter: of the whole program.
        shape: rows and vectors of columns in a tile: so many sums stay in registers; None: write no contraction.
        room: examples that a panel has room for.
        panels: where in memory they begin.

    Attributes:
        memory: numbers that the panels need.
    """

    def __init__(self, emitter: Emitter, shape: tuple[int, int] | None, room: int, panels: int) -> None:
        self._e, self._room, self._panels = emitter, room, panels
        self._high, self._wide = shape or (1, 1)
        placement = emitter.placement
        loops = list(loops_of(placement.parts.body[placement.parts.apart :]))
        nests = [(n, c) for n in loops for c in n.body if isinstance(c, For) and shape is not None]
        self._found = {pair: contraction_of(*pair, placement) for pair in nests}
        columns = [c.shape[1] for c in self._found.values() if c is not None]
        self.memory = max([-(-n // self._panel) * self._panel * room for n in columns], default=0)

    @property
    def _panel(self) -> int:
        """Columns of a panel."""
        return self._wide * self._e.lanes

    def emit(self, nest: tuple[For, For], b: ir.IRBuilder, buffers: Buffers, copy: Copy, count: ir.Value) -> bool:
        """Write a loop in another, if they are a contraction.

        Args:
            count: examples, an LLVM integer.
        """
        c = self._found.get(nest)
        if c is None:
            return False
        self._c, self._b, self._buffers, self._copy, self._count = c, b, buffers, copy, count
        if buffers.team is None or c.rows not in self._e.placement.shared:
            self._lay_panels(None)
            self._pass_panels()
            return True
        given, e = [*buffers.values(), count], self._e
        outside = e.b, e.buffers, e.vectors
        with phase(b, buffers.team, -(-c.shape[1] // self._panel), given, e.name) as part:
            self._begin(part.b, buffers.over(part.values), part.values[-1])
            self._lay_panels(part)
        e.b, e.buffers, e.vectors = outside
        with e.phase(b, buffers, c.rows, self._high, count) as (here,):
            self._begin(e.b, e.buffers, here)
            self._pass_panels()
        return True

    def _begin(self, b: ir.IRBuilder, buffers: Buffers, count: ir.Value) -> None:
        """Take up writing in a function that threads share."""
        self._b, self._buffers, self._count = b, buffers, count
        self._e.begin(b, buffers.at(I64(0)))

    def _lay_panels(self, part: Phase | None) -> None:
        """Write: the panels, or those of one thread."""
        whole, rest = divmod(self._c.shape[1], self._panel)
        for first, last, width in ((0, whole, self._panel), (whole, whole + 1, rest)):
            if width and first < last:
                low, high = (I64(first), I64(last)) if part is None else part.within(first, last)
                with Rounds(self._b, high, low, name="panel") as panel:
                    self._lay_out(panel.i, width)

    def _pass_panels(self) -> None:
        """Write: all panels pass the rows, so many together as stay in the first cache."""
        b, (whole, rest) = self._b, divmod(self._c.shape[1], self._panel)
        several = max(1, CACHE // (self._room * self._panel * self._e.bytes))
        with Rounds(b, whole, 0, several, name="panels") as block:
            most = b.add(block.i, I64(several))
            end = b.select(b.icmp_signed("<", most, I64(whole)), most, I64(whole))
            self._pass_rows(block.i, end, self._panel)
        if rest:
            self._pass_rows(I64(whole), I64(whole + 1), rest)

    # Panels ------------------------------------------------------------------------------------------------------------

    def _lay_out(self, panel: ir.Value, width: int) -> None:
        """Write: one panel, each example's numbers side by side; what it is too wide for is filled up."""
        b, e, lanes = self._b, self._e, self._e.lanes
        groups = b.sdiv(b.add(self._count, I64(lanes - 1)), I64(lanes))
        first = b.mul(panel, I64(self._panel))
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
        b, lanes = self._b, self._e.lanes
        at = b.mul(b.add(b.mul(panel, I64(self._room)), example), I64(self._panel))
        return self._e.guarded(MEMORY, b.add(at, I64(self._panels + vector * lanes)), lanes)

    # Tiles -------------------------------------------------------------------------------------------------------------

    def _pass_rows(self, first: ir.Value, end: ir.Value, width: int) -> None:
        """Write: some panels, of so many columns, for all rows."""
        b, loop = self._b, self._c.rows
        for start, stop, high in self._e.stretches(loop, [self._copy], self._high):
            with (
                Rounds(b, stop, start, high, f"i{loop.variable}") as rounds,
                Rounds(b, end, first, name="tile") as tile,
            ):
                rows = [{**self._copy.index, loop.variable: (rounds.i, u)} for u in range(high)]
                self._tile(rows, tile.i, width)

    def _tile(self, rows: list[dict[int, tuple[ir.Value, int]]], panel: ir.Value, width: int) -> None:
        """Write: gradients in registers, the examples one after another, back to memory."""
        b, e, variable = self._b, self._e, self._c.columns.variable
        first = b.mul(panel, I64(self._panel))
        vectors = range(-(-width // e.lanes))
        places = [
            (Copy({**row, variable: (first, v * e.lanes)}), min(e.lanes, width - v * e.lanes))
            for row in rows for v in vectors
        ]  # fmt: skip
        pointers = [self._gradients(copy, size) for copy, size in places]
        for pointer in pointers:
            self._fetch(pointer)
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
        for pointer, (_, size), total in zip(pointers, places, sums):
            self._write(b.fadd(self._read(pointer, size), total), pointer, size)

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

    def _read(self, pointer: ir.Value, size: int) -> ir.Value:
        """Write: so many numbers, as a vector."""
        b, e = self._b, self._e
        if size == e.lanes:
            value = b.load(pointer, typ=e.vectors.type)
            value.align = e.bytes
            return value
        value = e.vectors.constant(0.0)
        for k in range(size):
            one = b.load(entry(b, e.real, pointer, I64(k)), typ=e.real)
            value = b.insert_element(value, one, I32(k))
        return value

    def _write(self, value: ir.Value, pointer: ir.Value, size: int) -> None:
        b, e = self._b, self._e
        if size == e.lanes:
            b.store(value, pointer).align = e.bytes
            return
        for k in range(size):
            b.store(b.extract_element(value, I32(k)), entry(b, e.real, pointer, I64(k)))
