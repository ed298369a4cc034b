"""Emit: a placed program as LLVM IR.

One lane an example: every instruction works on a vector of lanes, parameters are the same number in every lane. Several
blocks of lanes go together, and a loop whose rounds are independent and that holds an inner loop is unrolled and jammed:
blocks times rounds accumulators stay in registers and share every load (Lam, Rothberg & Wolf, The cache performance and
optimizations of blocked algorithms, 1991). With one lane and one block the same code emits a plain scalar program.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...rule import Op
from ..front.trace import CONSTANT, EFFECTS, GRADIENT, INPUT, OUTPUT, Trace
from ..loops.placement import Placement
from ..loops.program import For, Polynomial, Statement
from .lowering import lower
from .rounds import Buffers, Copy, Rounds, lanes_summed
from .vectors import I1, I64, Vector, VectorBuilder, ir

MEMORY, SUMS = "memory", "sums"  # spaces of the compiled program alone: spilled values, sums a lane
INLINE_BELOW = 500  # rolled instructions up to which elementary functions go in line


class Emitter:
    """Writes a placed program into native functions.

    Args:
        placement, trace: the program.
        real: the LLVM type of a number.
        lanes: examples a vector.
        jam: how many rounds of a jammed loop go together.
        contract: may a product and a sum become one fused multiply-add?
        direct: sum gradients across lanes at once, for nets whose lane-wide sums would not fit the cache.
        ordered: sum strictly in the order of the lanes.
        checked: check the bounds of every load and store; a fault is counted in the global `faults`.
    """

    def __init__(self, placement: Placement, trace: Trace, real: Any, lanes: int, jam: int = 1, contract: bool = True,
                 direct: bool = False, ordered: bool = False, checked: bool = False, name: str = "program") -> None:  # fmt: skip
        self.placement, self.trace, self.real, self.lanes = placement, trace, real, lanes
        self.jam, self.contract, self.direct, self.ordered, self.checked = jam, contract, direct, ordered, checked
        self.name = name
        self.b: Any = None
        self.buffers: Any = None
        self.vectors: Any = None
        self.inline = len(placement.steps) < INLINE_BELOW
        self.bytes = 8 if isinstance(real, ir.DoubleType) else 4
        self.written = {EFFECTS[s.op] for s in placement.steps if s.op in EFFECTS} - {GRADIENT}

    def emit(self, builder: Any, buffers: Buffers, start: int = 0, end: int | None = None) -> None:
        """Write the program where a builder stands, but for sums apart; a long one as functions of at most 1,000
        instructions. From one item of the outermost body to another, where values reach these through memory alone."""
        if end is None:
            end = len(self.placement.body)
        every, segments = self.placement.body[start:end], self.placement.segments[start:end]
        if len(set(segments)) <= 1:
            self.begin(builder, buffers)
            self._whole(every)
            return
        self.begin(builder, buffers)
        self._in_parts(every, segments, {})

    def _in_parts(self, body: Sequence[Statement | For], segments: Sequence[int], index: dict[int, Any]) -> None:
        """Write a body as calls of functions, one for each segment, that are given the buffers and the loop variables."""
        outside = self.b, self.buffers, self.vectors
        given = [*self.buffers.values(), *index.values()]
        parts: dict[int, list[Statement | For]] = {}
        for n, segment in zip(body, segments):
            parts.setdefault(segment, []).append(n)
        for part in parts.values():
            b, buffers, _ = outside
            inner, arguments = self.part(given)
            self.begin(inner, buffers.over(arguments))
            variables = {v: (a, 0) for v, a in zip(index, arguments[len(given) - len(index) :])}
            self._body(part, [Copy(variables, {}, n) for n in range(len(buffers.blocks))], {})
            inner.ret_void()
            b.call(inner.function, given)
        self.b, self.buffers, self.vectors = outside

    def part(self, given: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        """(builder, arguments) of a new function that takes these values."""
        module = self.b.module
        kind = ir.FunctionType(ir.VoidType(), [v.type for v in given])
        function = ir.Function(module, kind, module.get_unique_name(f"{self.name}.part"))
        function.linkage = "internal"
        function.attributes.add("noinline")
        for a in function.args:
            if isinstance(a.type, ir.PointerType):
                a.add_attribute("noalias")
        return ir.IRBuilder(function.append_basic_block("entry")), function.args

    def begin(self, builder: Any, buffers: Buffers) -> None:
        """Take up writing somewhere else."""
        self.b, self.buffers = builder, buffers
        self.vectors = VectorBuilder(builder, self.real, self.lanes, self.contract, self.inline, lower)
        self.align = self.lanes * self.bytes

    def _whole(self, body: Sequence[Statement | For]) -> None:
        self._body(body, [Copy({}, {}, n) for n in range(len(self.buffers.blocks))], {})

    # Addresses ---------------------------------------------------------------------------------------------------------

    def index(self, p: Polynomial, copy: Copy) -> tuple[Any, Any]:
        """(something hashable, LLVM integer) for an index in one copy of a body."""
        b, constant = self.b, 0
        terms: dict[Any, int] = {}
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
        value = None
        for t, c in terms.items():
            t = b.mul(t, I64(c)) if c != 1 else t
            value = t if value is None else b.add(value, t)
        key = (constant, frozenset(terms.items()))
        if value is None:
            return key, I64(constant)
        return key, b.add(value, I64(constant)) if constant else value

    def pointer(self, space: Any, index: Any, copy: Copy, wide: bool) -> Any:
        """The address of a number, or (wide) of a vector of them."""
        b, buffers = self.b, self.buffers
        base = buffers.pointers[space]
        if space in (INPUT, OUTPUT) or (space == MEMORY and buffers.spread):
            if isinstance(base, list):
                base, index = base[index.constant], buffers.blocks[copy.block]
            else:
                index = b.add(b.mul(index, buffers.stride), buffers.blocks[copy.block])
        elif space == MEMORY:
            index = b.mul(index, I64(len(buffers.blocks) * self.lanes))
            index = b.add(index, I64(copy.block * self.lanes))
        elif space == SUMS:
            index = b.mul(index, I64(self.lanes))
        if self.checked and space in buffers.sizes:
            index = self._checked(index, buffers.sizes[space], self.lanes if wide else 1)
        return b.gep(base, [index], source_etype=self.real)

    def _checked(self, index: Any, size: Any, width: int) -> Any:
        """The index, or 0 and a fault counted."""
        b = self.b
        last = b.sub(size, I64(width))
        bad = b.or_(b.icmp_signed("<", index, I64(0)), b.icmp_signed(">", index, last))
        faults = b.module.globals["faults"]
        b.store(b.add(b.load(faults, typ=I64), b.zext(bad, I64)), faults)
        return b.select(bad, I64(0), index)

    def _load(self, space: Any, p: Polynomial, copy: Copy, memo: dict[Any, Any]) -> Any:
        if space == CONSTANT:
            number = p.number()
            if number is not None:
                return self.vectors.constant(self.trace.constants[number])
            self.buffers.pointers.setdefault(CONSTANT, self._table())
        index_key, index = self.index(p, copy)
        wide = space in (INPUT, MEMORY)
        key = (space, index_key, copy.block if wide else 0)
        if key in memo:
            return memo[key]
        pointer = self.pointer(space, index, copy, wide)
        if self.lanes == 1 or wide:
            value = self.b.load(pointer, typ=self.vectors.type)
            value.align = self.align if wide else self.bytes
        else:
            value = self.vectors.splat(self.b.load(pointer, typ=self.real)).value
        if space not in self.written:
            memo[key] = value
        return value

    def _table(self) -> Any:
        """The constants as an array of the module."""
        module, name = self.b.module, f"{self.name}.constants"
        table = module.globals.get(name)
        if table is None:
            numbers = [
                VectorBuilder(self.b, self.real, 1, False, False, lower).constant(x) for x in self.trace.constants
            ]
            kind = ir.ArrayType(self.real, len(numbers))
            table = ir.GlobalVariable(module, kind, name)
            table.initializer, table.global_constant, table.linkage = ir.Constant(kind, numbers), True, "internal"
        return table

    def _store(self, space: Any, index: Any, value: Any, copy: Copy) -> None:
        self.b.store(value, self.pointer(space, index, copy, True)).align = self.align

    def spill(self, index: Polynomial, value: Any, copy: Copy) -> None:
        """Store a value in its slot of memory."""
        _, at = self.index(self.placement.slots[index.key()], copy)
        self._store(MEMORY, at, value, copy)

    def operand(self, source: Any, copy: Copy, memo: dict[Any, Any]) -> Any:
        """The LLVM value of an operand in one copy of a body; loads are remembered in `memo`."""
        kind, what = source
        if kind == "value":
            return copy.values[what]
        if kind == "memory":
            return self._load(MEMORY, self.placement.slots[what.key()], copy, memo)
        return self._load(kind, what, copy, memo)

    # Instructions ------------------------------------------------------------------------------------------------------

    def _steps(self, steps: list[Statement], copies: list[Copy], memo: dict[Any, Any]) -> None:
        """A stretch of instructions, copy by copy, so that few values wait in registers at a time."""
        for copy in copies:
            for step in steps:
                args = [self.operand(s, copy, memo) for s in self.placement.sources[step]]
                if step.op in EFFECTS:
                    _, index = self.index(step.target, copy)
                    self._store(EFFECTS[step.op], index, args[0], copy)
                    continue
                copy.values["register", step] = out = self.value(step.op, args)
                if self.lanes == 1 and self.contract and step in self.placement.running:
                    out.flags = ["reassoc", *self.vectors.flags]  # LLVM puts the rounds of the loop in lanes
                stored = self.placement.store[step]
                if stored is not None:
                    self.spill(stored, out, copy)

    def _sum(self, step: Statement, copies: list[Copy], memo: dict[Any, Any]) -> None:
        """Add to gradients; copies that add to the same one do so together."""
        sums: dict[Any, tuple[Any, Copy, list[Any]]] = {}
        for copy in copies:
            (value,) = [self.operand(s, copy, memo) for s in self.placement.sources[step]]
            key, index = self.index(step.target, copy)
            if self.buffers.mask is not None:
                value = self.b.select(self.buffers.mask, value, self.vectors.constant(-0.0))
            sums.setdefault(key, (index, copy, []))[2].append(value)
        for index, copy, values in sums.values():
            self._accumulate(index, copy, values)

    def value(self, name: str, args: list[Any]) -> Any:
        """The LLVM value of an op of LLVM values."""
        if name == "move":
            return args[0]
        row: Op = self.trace.rows[name]
        return lower(self.vectors, row, [Vector(self.vectors, a) for a in args]).value

    def _accumulate(self, index: Any, copy: Copy, values: list[Any]) -> None:
        """Add to a gradient: lane by lane, or across the lanes at once."""
        b = self.b
        if not self.direct:
            pointer = self.pointer(SUMS, index, copy, True)
            total = b.load(pointer, typ=self.vectors.type)
            total.align = self.align
            for v in values:
                total = b.fadd(total, v, flags=self.vectors.flags)
            b.store(total, pointer).align = self.align
            return
        pointer = self.pointer(GRADIENT, index, copy, False)
        total = b.load(pointer, typ=self.real)
        if self.ordered:
            for v in values:
                total = lanes_summed(self.vectors, v, total)
        else:
            wide = values[0]
            for v in values[1:]:
                wide = b.fadd(wide, v, flags=self.vectors.flags)
            total = b.fadd(total, lanes_summed(self.vectors, wide))
        b.store(total, pointer)

    # Loops -------------------------------------------------------------------------------------------------------------

    def _body(self, body: Sequence[Statement | For], copies: list[Copy], memo: dict[Any, Any]) -> None:
        steps: list[Statement] = []
        for n in body:
            if isinstance(n, Statement) and n.op != "accumulate":
                steps.append(n)
                continue
            self._steps(steps, copies, memo)
            steps = []
            if isinstance(n, Statement):
                self._sum(n, copies, memo)
                continue
            count = n.count.number()
            if count is None or not self._jams(n, copies):
                _, end = self.index(n.count, copies[0])
                self._loop(n, copies, memo, I64(0), end, 1)
                continue
            whole = count - count % self.jam
            if whole:
                self._loop(n, copies, memo, I64(0), I64(whole), self.jam)
            if whole < count:
                self._loop(n, copies, memo, I64(whole), I64(count), count - whole)
        self._steps(steps, copies, memo)

    def _jams(self, loop: For, copies: list[Copy]) -> bool:
        """Is it a loop of independent rounds around innermost loops, and none around it jammed?"""
        inner = [c for c in loop.body if isinstance(c, For)]
        return (
            self.jam > 1
            and loop not in self.placement.cuts
            and self.placement.facts[loop].parallel
            and not copies[0].jammed
            and bool(inner)
            and not any(isinstance(c, For) for n in inner for c in n.body)
        )

    def _loop(self, n: For, copies: list[Copy], memo: dict[Any, Any], start: Any, end: Any, width: int) -> None:
        b, facts = self.b, self.placement.facts[n]
        if n in self.placement.cuts:
            with Rounds(b, end, start, name=f"i{n.variable}") as loop:
                around = {v: base for v, (base, _) in copies[0].index.items()}
                self._in_parts(n.body, self.placement.cuts[n], {**around, n.variable: loop.i})
            return
        firsts = [
            {
                h: ir.Constant(self.vectors.type, ir.Undefined) if source is None else self.operand(source, copy, memo)
                for h, source in facts.carried.items()
            }
            for copy in copies
        ]
        with Rounds(b, end, start, width, f"i{n.variable}") as loop:
            carried = [{h: loop.carried(self.vectors.type) for h in facts.carried} for _ in copies]
            truths = [self._carried_truths(loop, phis, first) for phis, first in zip(carried, firsts)]
            rounds = []
            for copy, phis in zip(copies, carried):
                for u in range(width):
                    at = {**copy.index, n.variable: (loop.i, u)}
                    inner = Copy(at, dict(copy.values), copy.block, copy.jammed or width > 1)
                    inner.values.update({("phi", h, n): p for h, p in phis.items()})
                    rounds.append(inner)
            self._body(n.body, rounds, dict(memo))
            for k, (phis, first) in enumerate(zip(carried, firsts)):
                for h, p in phis.items():
                    p.add_incoming(first[h], loop.before)
                    last = rounds[k * width].values[h]
                    if h in truths[k]:
                        truths[k][h].add_incoming(self.vectors.truth(Vector(self.vectors, last)), b.block)
                    p.add_incoming(last, b.block)
        for copy, phis in zip(copies, carried):
            for h, p in phis.items():
                copy.values["exit", h, n] = p
            for h, index in facts.after:
                self.spill(index, copy.values[h], copy)

    def _carried_truths(self, loop: Rounds, phis: dict[Any, Any], firsts: dict[Any, Any]) -> dict[Any, Any]:
        """For carried values of which it is known where they are not 0, that mask, carried too."""
        found = {}
        for h, p in phis.items():
            known = self.vectors.known_truth(Vector(self.vectors, firsts[h]))
            if known is not None:
                found[h] = mask = loop.carried(self.vectors.type_of(I1))
                mask.add_incoming(known, loop.before)
                self.vectors.remember(mask, Vector(self.vectors, p))
        return found
