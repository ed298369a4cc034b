"""Memory of a compiled program: the buffers that a native function is given, and where in them a number is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..front.trace import CONSTANT, EFFECTS, GRADIENT, INPUT, MEMORY, OUTPUT, SUMS, Trace
from ..loops.placement import Handle, Placement, Source
from ..loops.program import Polynomial, Statement
from .lowering import lower
from .native_functions import Examples
from .processor import Target
from .vectors import I64, TYPES, VectorBuilder, ir

# Spaces besides those of a program: the settings of an update, and its slots, as many spaces as there are.
SETTINGS, SLOTS = 8, 9

INLINE_BELOW = 500  # rolled instructions up to which elementary functions go in line

IndexKey = tuple[int, frozenset[tuple[ir.Value, int]]]  # equal for equal indices
Memo = dict[tuple[int, IndexKey, int], ir.Value]  # what was loaded: by space, index and block


@dataclass
class Buffers:
    """What a native function is given.

    Attributes:
        pointers: the address of each space; for inputs and outputs it may be a list, one address a column.
        sizes: how many numbers each space holds, for bounds checks.
        stride: examples from one column to the next.
        blocks: for each block of lanes, the number of its first example.
        mask: which lanes count when gradients are summed; None: all.
        spread: memory holds every example's values, column by column as inputs do, not those of one block.
        more: were the gradients begun by another chunk of the same step? None: a step is one chunk.
        keep: are gradients stored whose parameters are updated at once? None: none are updated at once.
        ends: does the chunk end its step, so that they are updated? None: a step is one chunk.
        examples: as they were given; None: they are nobody's rows.
        team: the address of the team that loops are shared with, or null; None: where no loop is shared.
    """

    pointers: dict[int, ir.Value]
    sizes: dict[int, ir.Value]
    stride: ir.Value
    blocks: Sequence[ir.Value] = (I64(0),)
    mask: ir.Value | None = None
    spread: bool = False
    more: ir.Value | None = None
    keep: ir.Value | None = None
    ends: ir.Value | None = None
    examples: Examples | None = None
    team: ir.Value | None = None

    def at(self, *blocks: ir.Value, mask: ir.Value | None = None) -> Buffers:
        """The same for other blocks of lanes."""
        return replace(self, blocks=blocks, mask=mask)

    def with_inputs(self, pointer: ir.Value) -> Buffers:
        """The same with other inputs."""
        return replace(self, pointers={**self.pointers, INPUT: pointer})

    def values(self) -> list[ir.Value]:
        """The LLVM values in it, in a fixed order."""
        some = [v for v in (self.mask, self.more, self.keep, self.ends) if v is not None]
        stride = [] if isinstance(self.stride, ir.Constant) else [self.stride]
        pointers = [p for x in self.pointers.values() for p in (x if isinstance(x, list) else [x])]
        return [*pointers, *self.sizes.values(), *stride, *self.blocks, *some, *(self.examples or ())]

    def over(self, values: Sequence[ir.Value]) -> Buffers:
        """The same of other values, the arguments of a function, in which no loop is shared."""
        rest = iter(values)
        return Buffers(
            {
                space: [next(rest) for _ in x] if isinstance(x, list) else next(rest)
                for space, x in self.pointers.items()
            },
            {space: next(rest) for space in self.sizes},
            self.stride if isinstance(self.stride, ir.Constant) else next(rest),
            [next(rest) for _ in self.blocks],
            None if self.mask is None else next(rest),
            self.spread,
            None if self.more is None else next(rest),
            None if self.keep is None else next(rest),
            None if self.ends is None else next(rest),
            None if self.examples is None else Examples(*[next(rest) for _ in self.examples]),
        )


@dataclass(slots=True)
class Copy:
    """One copy of a body under way: loop variable -> (base, offset), values by handle, and which block of lanes."""

    index: dict[int, tuple[ir.Value, int]] = field(default_factory=dict)
    values: dict[Handle, ir.Value] = field(default_factory=dict)
    block: int = 0
    jammed: bool = False


class Memory:
    """Writes loads and stores of a placed program where a builder stands.

    Args:
        placement, trace: the program.
        target: what code is made for; in a checked build a fault is counted in the global `faults`.
        lanes: examples a vector.
        name: of the functions it is written in.
    """

    b: ir.IRBuilder
    buffers: Buffers
    vectors: VectorBuilder
    _known: dict[tuple[ir.Block, frozenset[tuple[ir.Value, int]]], ir.Value]  # sums and addresses, by block

    def __init__(self, placement: Placement, trace: Trace, target: Target, lanes: int, name: str = "program") -> None:
        self.placement, self.rows, self.target, self.lanes, self.name = placement, trace.rows, target, lanes, name
        self.real, self.bytes = TYPES[target.dtype], target.bytes
        self.align = lanes * self.bytes
        self._inline = len(placement.statements) < INLINE_BELOW
        self._written = {EFFECTS[s.op] for s in placement.statements if s.op in EFFECTS} - {GRADIENT}

    def begin(self, builder: ir.IRBuilder, buffers: Buffers) -> None:
        """Take up writing somewhere else."""
        self.b, self.buffers, self._known = builder, buffers, {}
        self.vectors = VectorBuilder(builder, self.real, self.lanes, self.target.contract, self._inline, lower)

    def index(self, p: Polynomial, copy: Copy) -> tuple[IndexKey, ir.Value]:
        """(something hashable, LLVM integer) for an index in one copy of a body."""
        constant, terms = self._terms(p, copy)
        return (constant, frozenset(terms.items())), self._index_of(constant, terms)

    def _terms(self, p: Polynomial, copy: Copy) -> tuple[int, dict[ir.Value, int]]:
        """An index as (a number, what is added to it, how often)."""
        b, constant = self.b, 0
        terms: dict[ir.Value, int] = {}
        for mono, c in p.items():
            if not mono:
                constant += c
            elif len(mono) == 1 and mono[0][1] == 1:
                base, offset = copy.index[mono[0][0]]
                constant += c * offset
                terms[base] = terms.get(base, 0) + c
            else:
                product = None
                for v, degree in mono:
                    base, offset = copy.index[v]
                    t = b.add(base, I64(offset)) if offset else base
                    if degree == 2:
                        t = b.lshr(b.mul(t, b.sub(t, I64(1))), I64(1))
                    product = t if product is None else b.mul(product, t)
                terms[product] = terms.get(product, 0) + c
        return constant, terms

    def _index_of(self, constant: int, terms: dict[ir.Value, int]) -> ir.Value:
        """Write: an index from what it is made of."""
        b = self.b
        if not terms:
            return I64(constant)
        key = (b.block, frozenset(terms.items()))
        value = self._known.get(key)
        if value is None:
            for t, c in terms.items():
                t = b.mul(t, I64(c)) if c != 1 else t
                value = t if value is None else b.add(value, t)
            self._known[key] = value
        return b.add(value, I64(constant)) if constant else value

    def _address(self, space: int, constant: int, terms: dict[ir.Value, int], copy: Copy, wide: bool) -> ir.Value:
        """The address of a number, or (wide) of a vector of them: so far from another that copies of a body share."""
        b, buffers, block = self.b, self.buffers, self.buffers.blocks[copy.block]
        base, spread = buffers.pointers[space], space in (INPUT, OUTPUT) or (space == MEMORY and buffers.spread)
        if self.target.checked or isinstance(base, list) or (spread and not isinstance(buffers.stride, ir.Constant)):
            return self.pointer(space, self._index_of(constant, terms), copy, wide)
        if spread:
            scale, constant = buffers.stride.constant, constant * buffers.stride.constant
            terms = {t: c * scale for t, c in terms.items()}
            if isinstance(block, ir.Constant):
                constant += block.constant
            else:
                terms[block] = terms.get(block, 0) + 1
        elif space in (MEMORY, SUMS):
            scale = self.lanes * (len(buffers.blocks) if space == MEMORY else 1)
            constant = constant * scale + (copy.block * self.lanes if space == MEMORY else 0)
            terms = {t: c * scale for t, c in terms.items()}
        if terms:
            key = (b.block, frozenset([(base, 0), *terms.items()]))
            shared = self._known.get(key)
            if shared is None:
                shared = self._known[key] = b.gep(base, [self._index_of(0, terms)], source_etype=self.real)
            base = shared
        return b.gep(base, [I64(constant)], source_etype=self.real) if constant else base

    def pointer(self, space: int, index: ir.Value, copy: Copy, wide: bool) -> ir.Value:
        """The address of a number, or (wide) of a vector of them."""
        b, buffers = self.b, self.buffers
        base = buffers.pointers[space]
        if space in (INPUT, OUTPUT) or (space == MEMORY and buffers.spread):
            if isinstance(base, list):
                base, index = base[index.constant], buffers.blocks[copy.block]
            else:
                index = b.add(_times(b, index, buffers.stride), buffers.blocks[copy.block])
        elif space == MEMORY:
            index = _times(b, index, I64(len(buffers.blocks) * self.lanes))
            index = b.add(index, I64(copy.block * self.lanes)) if copy.block else index
        elif space == SUMS:
            index = _times(b, index, I64(self.lanes))
        return self.guarded(space, index, self.lanes if wide else 1, base)

    def guarded(self, space: int, index: ir.Value, width: int, base: ir.Value | None = None) -> ir.Value:
        """The address of so many numbers from one on; in a checked build within bounds."""
        base = self.buffers.pointers[space] if base is None else base
        if self.target.checked and space in self.buffers.sizes:
            index = self._checked(index, self.buffers.sizes[space], width)
        return self.b.gep(base, [index], source_etype=self.real)

    def _checked(self, index: ir.Value, size: ir.Value, width: int) -> ir.Value:
        """The index, or 0 and a fault counted."""
        b = self.b
        last = b.sub(size, I64(width))
        bad = b.or_(b.icmp_signed("<", index, I64(0)), b.icmp_signed(">", index, last))
        faults = b.module.globals["faults"]
        b.store(b.add(b.load(faults, typ=I64), b.zext(bad, I64)), faults)
        return b.select(bad, I64(0), index)

    def _load(self, space: int, p: Polynomial, copy: Copy, memo: Memo) -> ir.Value:
        if space == CONSTANT:
            number = p.number()
            if number is not None:
                return self.vectors.constant(self.placement.constants[number])
            self.buffers.pointers.setdefault(CONSTANT, self._table())
        constant, terms = self._terms(p, copy)
        wide = space in (INPUT, MEMORY)
        key = (space, (constant, frozenset(terms.items())), copy.block if wide else 0)
        if key in memo:
            return memo[key]
        pointer = self._address(space, constant, terms, copy, wide)
        if self.lanes == 1 or wide:
            value = self.b.load(pointer, typ=self.vectors.type)
            value.align = self.align if wide else self.bytes
        else:
            value = self.vectors.splat(self.b.load(pointer, typ=self.real)).value
        if space not in self._written:
            memo[key] = value
        return value

    def _table(self) -> ir.GlobalVariable:
        """The constants as an array of the module."""
        module, name = self.b.module, f"{self.name}.constants"
        table = module.globals.get(name)
        if table is None:
            numbers = [
                VectorBuilder(self.b, self.real, 1, False, False, lower).constant(x) for x in self.placement.constants
            ]
            kind = ir.ArrayType(self.real, len(numbers))
            table = ir.GlobalVariable(module, kind, name)
            table.initializer, table.global_constant, table.linkage = ir.Constant(kind, numbers), True, "internal"
        return table

    def spill(self, index: Polynomial, value: ir.Value, copy: Copy) -> None:
        """Store a value in its slot of memory."""
        self.write(MEMORY, self.placement.slots[index.key()], value, copy)

    def write(self, space: int, p: Polynomial, value: ir.Value, copy: Copy) -> None:
        """Store a value where an index says."""
        self.b.store(value, self._address(space, *self._terms(p, copy), copy, True)).align = self.align

    def operands(self, statement: Statement, copy: Copy, memo: Memo) -> list[ir.Value]:
        """The LLVM values that an instruction reads."""
        return [self.loaded(source, copy, memo) for source in self.placement.sources[statement]]

    def loaded(self, source: Source, copy: Copy, memo: Memo) -> ir.Value:
        """The LLVM value of an operand in one copy of a body; loads are remembered in `memo`."""
        if not isinstance(source, tuple):
            return copy.values[source]
        space, index = source
        return self._load(space, self.placement.slots[index.key()] if space == MEMORY else index, copy, memo)


def _times(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """Write: a product of integers; of two numbers it is one."""
    constant = isinstance(x, ir.Constant) and isinstance(y, ir.Constant)
    return I64(x.constant * y.constant) if constant else b.mul(x, y)
