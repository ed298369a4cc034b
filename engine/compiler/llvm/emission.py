"""Emit: a placed program as LLVM IR.

One lane an example: every instruction works on a vector of lanes, parameters are the same number in every lane. Several
blocks of lanes go together, and a loop whose rounds are independent and that holds an inner loop is unrolled and jammed:
blocks times rounds accumulators stay in registers and share every load (Lam, Rothberg & Wolf, The cache performance and
optimizations of blocked algorithms, 1991). With one lane and one block the same code emits a plain scalar program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ..front.trace import CONSTANT, EFFECTS, GATHER, GRADIENT, PARAMETER, SCATTERS, SUMS, Trace
from ..loops.placement import Carried, Exit, Handle, Placement
from ..loops.program import For, Node, Statement
from .division import divided
from .indexing import gathered, scatter
from .lowering import lower
from .memory import Buffers, Copy, IndexKey, Memo, Memory
from .native_functions import Rounds, lanes_summed
from .phases import Phase, phase
from .processor import Target, has_fma
from .vectors import I1, I64, Names, Vector, ir

LONG = 64  # rounds
MOST = 8  # rounds that go together
SHARED = (CONSTANT, PARAMETER)  # where the numbers are that all lanes share


class Emitter(Memory):
    """Writes a placed program into native functions.

    Args:
        placement, trace, target, lanes, name: as for `Memory`.
        jam: how many rounds of a jammed loop go together.
        sums: of jammed loops around long ones, so many sums stay in registers.
        direct: sum gradients across lanes at once, for nets whose lane-wide sums would not fit the cache.
    """

    def __init__(self, placement: Placement, trace: Trace, target: Target, lanes: int, jam: int = 1,
                 direct: bool = False, name: str = "program", sums: int = 0) -> None:  # fmt: skip
        super().__init__(placement, trace, target, lanes, name)
        self.jam, self.direct, self._sums = jam, direct, sums
        self.ready: dict[For, Callable[[list[Copy]], None]] = {}  # loops that are done with: what takes what they leave
        self._under_way: tuple[For, Phase] | None = None
        quick = lanes >= 4 and target.dtype == "float64" and has_fma(target.cpu)
        self._by_one_number = self._divisions() if quick else set()

    def emit(self, builder: ir.IRBuilder, buffers: Buffers, start: int = 0, end: int | None = None) -> None:
        """Write the program where a builder stands, but for sums apart; a long one as functions of at most 1,000
        instructions. From one item of the outermost body to another, where values reach these through memory alone."""
        parts = self.placement.parts
        body, segments = parts.body[start:end], parts.segments[start:end]
        self.begin(builder, buffers)
        if len(set(segments)) > 1:
            self._in_parts(body, segments, {})
            return
        copies, run = self._copies(), list[Node]()
        for n in body:
            if isinstance(n, For) and buffers.team is not None and n in self.placement.shared:
                self._body(run, copies, {})
                run = []
                with self.phase(builder, buffers, n, self.together(n, copies)):
                    self._body([n], self._copies(), {})
            else:
                run.append(n)
        self._body(run, copies, {})

    def _copies(self) -> list[Copy]:
        return [Copy({}, {}, n) for n in range(len(self.buffers.blocks))]

    @contextmanager
    def phase(self, b: ir.IRBuilder, buffers: Buffers, loop: For, width: int,
              *more: ir.Value) -> Iterator[Sequence[ir.Value]]:  # fmt: skip
        """Write a loop that threads share: inside, its `stretches` are those of one thread, which so many rounds together
        are dealt out to; what is given besides the buffers is there under other names."""
        units = sum((end - start) // wide for start, end, wide in self._whole_stretches(loop, width))
        with self.apart(b, buffers, units, *more) as part:
            self._under_way = loop, part
            yield part.values[len(part.values) - len(more) :]
            self._under_way = None

    @contextmanager
    def apart(self, b: ir.IRBuilder, buffers: Buffers, count: ir.Value | int, *more: ir.Value) -> Iterator[Phase]:
        """Write a phase of so many rounds, which is given the buffers and more."""
        outside = self.b, self.buffers, self.vectors
        with phase(b, buffers.team, count, [*buffers.values(), *more], self.name) as part:
            self.begin(part.b, buffers.over(part.values))
            yield part
        self.b, self.buffers, self.vectors = outside

    def _in_parts(self, body: Sequence[Node], segments: Sequence[int], index: dict[int, ir.Value]) -> None:
        """Write a body as calls of functions, one for each segment, that are given the buffers and the loop variables."""
        outside = self.b, self.buffers, self.vectors
        given = [*self.buffers.values(), *index.values()]
        parts: dict[int, list[Node]] = {}
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

    def part(self, given: Sequence[ir.Value]) -> tuple[ir.IRBuilder, Sequence[ir.Value]]:
        """(builder, arguments) of a new function that takes these values."""
        module = self.b.module
        kind = ir.FunctionType(ir.VoidType(), [v.type for v in given])
        function = ir.Function(module, kind, module.get_unique_name(f"{self.name}.part"))
        function.linkage = "internal"
        function.attributes.add("noinline")
        for a in function.args:
            if isinstance(a.type, ir.PointerType):
                a.add_attribute("noalias")
        function.scope = Names(function)
        return ir.IRBuilder(function.append_basic_block("entry")), function.args

    def _divisions(self) -> set[Statement]:
        """Divisions by what follows from numbers alone that all lanes and rounds share."""
        same, found = set[Handle](), set[Statement]()
        for s, sources in self.placement.sources.items():
            shared = [
                x[0] in SHARED and x[1].number() is not None if isinstance(x, tuple) else x in same for x in sources
            ]
            if s.op not in EFFECTS and all(shared):
                same.add(s)
            elif s.op == "div" and shared[1] and not isinstance(sources[1], tuple):
                found.add(s)
        return found

    # Instructions ------------------------------------------------------------------------------------------------------

    def _statements(self, statements: list[Statement], copies: list[Copy], memo: Memo) -> None:
        """A stretch of instructions, copy by copy, so that few values wait in registers at a time; where numbers are divided
        by one, instruction by instruction, so that the copies are looked at together."""
        if self._by_one_number.isdisjoint(statements):
            for copy in copies:
                for statement in statements:
                    self._statement(statement, copy, memo)
            return
        for statement in statements:
            if statement in self._by_one_number:
                self._divide(statement, copies, memo)
                continue
            for copy in copies:
                self._statement(statement, copy, memo)

    def _statement(self, statement: Statement, copy: Copy, memo: Memo) -> None:
        if statement.op not in EFFECTS:
            self.make(statement, copy, memo)
        elif statement.op in SCATTERS:
            scatter(self, statement, copy, memo)
        else:
            (value,) = self.operands(statement, copy, memo)
            self.write(EFFECTS[statement.op], statement.target, value, copy)

    def make(self, statement: Statement, copy: Copy, memo: Memo) -> None:
        """The value of an instruction, in a register and, where it is wanted there, in memory."""
        args = [] if statement.op == GATHER.name else self.operands(statement, copy, memo)
        if statement.op == "move":
            out = args[0]
        elif statement.op == GATHER.name:
            out = gathered(self, statement, copy, memo)
        else:
            row = self.rows[statement.op]
            gated = self.lanes > 1 and self.target.contract and statement in self.placement.running
            out = self._gated_sum(args) if gated else None
            if out is None:
                out = lower(self.vectors, row, [Vector(self.vectors, a) for a in args]).value
        copy.values[statement] = out
        if self.lanes == 1 and self.target.contract and statement in self.placement.running:
            out.flags = ["reassoc", *self.vectors.flags]  # LLVM puts the rounds of the loop in lanes
        self._keep(statement, copy)

    def _gated_sum(self, args: Sequence[ir.Value]) -> ir.Value | None:
        """A running sum and what is 0 behind a condition: their sum, of a product one multiply-add, or what there was before."""
        for total, part in (args, reversed(args)):
            if isinstance(part, ir.SelectInstr):
                condition, x, other = part.operands
                if self.vectors.is_constant(Vector(self.vectors, other), 0.0):
                    return self.b.select(condition, self.b.fadd(total, x, flags=self.vectors.flags), total)
        return None

    def _divide(self, statement: Statement, copies: list[Copy], memo: Memo) -> None:
        """The values of a division by one number, as `make` makes them."""
        xs, (y, *_) = zip(*[[Vector(self.vectors, a) for a in self.operands(statement, c, memo)] for c in copies])
        for copy, out in zip(copies, divided(self.vectors, xs, y)):
            copy.values[statement] = out
            self._keep(statement, copy)

    def _keep(self, statement: Statement, copy: Copy) -> None:
        out = copy.values[statement]
        stored = self.placement.store[statement]
        if stored is not None:
            self.spill(stored, out, copy)

    def _sum(self, statement: Statement, copies: list[Copy], memo: Memo) -> None:
        """Add to gradients; copies that add to the same one do so together."""
        sums: dict[IndexKey, tuple[ir.Value, Copy, list[ir.Value]]] = {}
        for copy in copies:
            (value,) = self.operands(statement, copy, memo)
            key, index = self.index(statement.target, copy)
            if self.buffers.mask is not None:
                value = self.b.select(self.buffers.mask, value, self.vectors.constant(-0.0))
            sums.setdefault(key, (index, copy, []))[2].append(value)
        for index, copy, values in sums.values():
            self._accumulate(index, copy, values)

    def _accumulate(self, index: ir.Value, copy: Copy, values: list[ir.Value]) -> None:
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
        if not self.target.contract:
            for v in values:
                total = lanes_summed(self.vectors, v, total)
        else:
            wide = values[0]
            for v in values[1:]:
                wide = b.fadd(wide, v, flags=self.vectors.flags)
            total = b.fadd(total, lanes_summed(self.vectors, wide))
        b.store(total, pointer)

    # Loops -------------------------------------------------------------------------------------------------------------

    def _body(self, body: Sequence[Node], copies: list[Copy], memo: Memo) -> None:
        statements: list[Statement] = []
        for n in body:
            if isinstance(n, Statement) and n.op != "accumulate":
                statements.append(n)
                continue
            self._statements(statements, copies, memo)
            statements = []
            if isinstance(n, Statement):
                self._sum(n, copies, memo)
                continue
            if n in self.ready:
                self.ready[n](copies)
            else:
                self._rounds(n, copies, memo)
        self._statements(statements, copies, memo)

    def _rounds(self, n: For, copies: list[Copy], memo: Memo) -> None:
        """Write a loop."""
        for start, end, width in self.stretches(n, copies, self.together(n, copies)):
            self._loop(n, copies, memo, start, end, width)

    def stretches(self, loop: For, copies: list[Copy], width: int) -> list[tuple[ir.Value, ir.Value, int]]:
        """(start, end, how many go together) so that all rounds are done, but for the last so many together."""
        if loop.count.number() is None:
            return [(I64(0), self.index(loop.count, copies[0])[1], 1)]
        parts = self._whole_stretches(loop, width)
        if self._under_way is None or self._under_way[0] is not loop:
            return [(I64(start), I64(end), wide) for start, end, wide in parts]
        found, before = [], 0
        for start, end, wide in parts:
            after = before + (end - start) // wide
            units = self._under_way[1].within(before, after)
            found.append((*[self.b.add(self.b.mul(k, I64(wide)), I64(start - before * wide)) for k in units], wide))
            before = after
        return found

    @staticmethod
    def _whole_stretches(loop: For, width: int) -> list[tuple[int, int, int]]:
        count = loop.count.number() or 0
        whole = count - count % width
        both = (0, whole, width), (whole, count, count - whole)
        return [(start, end, wide) for start, end, wide in both if start < end]

    def _jams(self, loop: For, copies: list[Copy]) -> bool:
        """Is it a loop of independent rounds around innermost loops, and none around it jammed?"""
        inner = [c for c in loop.body if isinstance(c, For)]
        return (
            self.jam > 1
            and loop not in self.placement.parts.cuts
            and self.placement.facts[loop].parallel
            and not copies[0].jammed
            and bool(inner)
            and not any(isinstance(c, For) for n in inner for c in n.body)
        )

    def together(self, loop: For, copies: list[Copy]) -> int:
        """How many rounds go together, if it is jammed: more where those inside are long, so that what comes before and
        behind them weighs little, and few vectors do; of not so many, such that none is left."""
        if not self._jams(loop, copies):
            return 1
        inner = [c.count.number() or 0 for c in loop.body if isinstance(c, For)]
        most, count = min(self._sums // len(copies), MOST), loop.count.number() or 0
        if min(inner) < LONG or most <= self.jam:
            return self.jam
        even = [width for width in range(most, most // 2, -1) if count % width == 0]
        return even[0] if even and count < 8 * most else most

    def _loop(self, n: For, copies: list[Copy], memo: Memo, start: ir.Value, end: ir.Value,
              width: int) -> None:  # fmt: skip
        b, facts = self.b, self.placement.facts[n]
        if n in self.placement.parts.cuts:
            with Rounds(b, end, start, name=f"i{n.variable}") as loop:
                around = {v: base for v, (base, _) in copies[0].index.items()}
                self._in_parts(n.body, self.placement.parts.cuts[n], {**around, n.variable: loop.i})
            return
        firsts = [
            {
                h: ir.Constant(self.vectors.type, ir.Undefined) if source is None else self.loaded(source, copy, memo)
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
                    inner.values.update({Carried(h, n): p for h, p in phis.items()})
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
                copy.values[Exit(h, n)] = p
            for h, index in facts.after:
                self.spill(index, copy.values[h], copy)

    def _carried_truths(self, loop: Rounds, phis: dict[Handle, ir.Value],
                        firsts: dict[Handle, ir.Value]) -> dict[Handle, ir.Value]:  # fmt: skip
        """For carried values of which it is known where they are not 0, that mask, carried too."""
        found = {}
        for h, p in phis.items():
            known = self.vectors.known_truth(Vector(self.vectors, firsts[h]))
            if known is not None:
                found[h] = mask = loop.carried(self.vectors.type_of(I1))
                mask.add_incoming(known, loop.before)
                self.vectors.remember(mask, Vector(self.vectors, p))
        return found
