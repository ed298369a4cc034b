"""Rounds in lanes: a scalar program whose loops of independent rounds work on vectors, one lane a round.

LLVM puts the rounds of innermost loops in lanes. Where such a loop is a sum, its lanes are to be added up behind it, which
takes as long as a short sum, and where it walks across rows it gathers. The loop around it is often better: its rounds do
not feed each other, and what it reads and writes lies side by side (Nuzman & Zaks, Outer-loop vectorization, 2008). Every
round does what it did, in its order, so the bits are the same.

A sum of what lies side by side along it alone, as of a row of weights times its inputs, has its own rounds in lanes, for several
rows at once, whose lanes are added up together. Where sums may be reordered its order changes: each lane is summed for itself.
"""

from __future__ import annotations

from functools import cached_property

from ..front.trace import EFFECTS, GATHER, SCATTERS
from ..loops.placement import Carried, Exit, Source
from ..loops.program import For, Statement, loops_of, statements_of
from .elementary import ULPS
from .lane_memory import LaneMemory
from .memory import Copy, Memo
from .native_functions import Rounds, lanes_summed_together
from .processor import vector_bytes
from .vectors import I1, I32, I64, ir

FEWEST = 4  # rounds that go in lanes
TOGETHER = 4  # vectors of rounds that share what they read
STRIDED = 12  # numbers a round outside inner loops that do not lie side by side
SUMS = 4  # of one sum so many parts, each in a vector, do not wait for each other


class WideEmitter(LaneMemory):
    """Writes a program of one lane. Arguments as for `Emitter`."""

    @cached_property
    def _across(self) -> dict[For, int]:
        """Sums whose own rounds go in lanes while those of a loop around them do: the variable of that."""
        return {}

    @cached_property
    def _lanes(self) -> dict[tuple[For, bool], int]:
        return {}

    def _rounds(self, n: For, copies: list[Copy], memo: Memo) -> None:
        if self._across.get(n) == self._variable if self._variable is not None else self._is_sum(n, n):
            self._sum_in_lanes(n, copies, memo)
            return
        lanes = 1 if self._variable is not None else self._lanes_of(n, len(copies) > 1)
        if lanes == 1:
            super()._rounds(n, copies, memo)
            return
        dear = any(s.op in ULPS for s in statements_of(n))
        for start, end, width in self.stretches(n, copies, self.together(n, copies)):
            several, left = divmod(width, lanes)
            if several:
                self._vectors(n, copies, start, end, width, lanes)
            if not left:
                continue
            begin = self.b.add(start, I64(several * lanes))
            if dear or not self._across.keys().isdisjoint(n.body):
                self._vectors(n, copies, begin, end, left, lanes)
            else:
                self._loop(n, copies, memo, begin, end, 1)

    def _vectors(self, n: For, copies: list[Copy], start: ir.Value, end: ir.Value, width: int,
                 lanes: int) -> None:  # fmt: skip
        """Write: of so many rounds at a time those that fill vectors; or, of fewer, those that fill a part of one."""
        several = max(1, width // lanes)
        left = width if width < lanes else 0
        with self._laned(n.variable, lanes, left), Rounds(self.b, end, start, width, f"i{n.variable}") as rounds:
            self._body(n.body, [
                Copy({**c.index, n.variable: (rounds.i, k * lanes)}, dict(c.values), c.block, c.jammed or several > 1)
                for c in copies for k in range(several)
            ], {})  # fmt: skip

    # Sums whose own rounds are in lanes --------------------------------------------------------------------------------

    def _sum_in_lanes(self, loop: For, copies: list[Copy], memo: Memo) -> None:
        """Write a sum: for each copy, and for each lane of it, one vector, or more, whose lanes are added up at last."""
        ((total, source),) = self._running(loop)
        starts = [self.loaded(source, copy, memo) for copy in copies]
        rounds, many = self._variable, self._left or self.lanes
        each = [
            Copy({v: (at, k + lane * (v == rounds)) for v, (at, k) in c.index.items()}, dict(c.values), c.block, c.jammed)
            for c in copies for lane in range(many)
        ]  # fmt: skip
        lanes, found = self._most, list[ir.Value]()
        with self._laned(loop.variable, lanes):
            for at in range(0, len(each), self._room):
                found += self._parts(loop, total, each[at : at + self._room])
            together = many if rounds is not None else lanes
            summed = [
                lanes_summed_together(self.vectors, found[k : k + together]) for k in range(0, len(found), together)
            ]
        for k, copy in enumerate(copies):
            if rounds is None:
                part = self.b.extract_element(summed[k // lanes], I32(k % lanes))
            elif self.lanes == lanes:
                part = summed[k]
            else:
                first = ir.Constant(ir.VectorType(I32, self.lanes), list(range(self.lanes)))
                part = self.b.shuffle_vector(summed[k], summed[k], first)
            copy.values[Exit(total, loop)] = self.b.fadd(starts[k], part, flags=self.vectors.flags)
            for handle, index in self.placement.facts[loop].after:
                self.spill(index, copy.values[handle], copy)

    def _parts(self, loop: For, total: Statement, each: list[Copy]) -> list[ir.Value]:
        """Write: a vector for each copy, whose lanes are to be added up."""
        b, lanes, vectors = self.b, self.lanes, self.vectors
        whole, left = divmod(loop.count.number() or 0, lanes)
        parts = max(1, SUMS // len(each))
        while whole % parts:
            parts //= 2

        def added(at: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
            places = [(copy, k * lanes) for k in range(len(sums) // len(each)) for copy in each]
            rounds = [
                Copy({**c.index, loop.variable: (at, k)}, {**c.values, Carried(total, loop): before}, c.block, c.jammed)
                for (c, k), before in zip(places, sums)
            ]
            self._statements([s for s in loop.body if isinstance(s, Statement)], rounds, {})
            return [copy.values[total] for copy in rounds]

        with Rounds(b, whole * lanes, 0, parts * lanes, f"i{loop.variable}") as rounds:
            sums = [rounds.carried(vectors.type) for _ in range(parts * len(each))]
            for phi, after in zip(sums, added(rounds.i, sums)):
                phi.add_incoming(vectors.constant(-0.0), rounds.before)
                phi.add_incoming(after, b.block)
        found = list[ir.Value](sums[: len(each)])
        for k in range(len(each), len(sums)):
            found[k % len(each)] = b.fadd(found[k % len(each)], sums[k], flags=vectors.flags)
        if left:
            counts = ir.Constant(vectors.type_of(I1), [k < left for k in range(lanes)])
            self._left = left
            found = [b.select(counts, y, x) for x, y in zip(found, added(I64(whole * lanes), found))]
            self._left = 0
        return found

    def _running(self, loop: For) -> list[tuple[Statement, Source]]:
        """The running sums of a loop, and where they start."""
        carried = self.placement.facts[loop].carried.items()
        return [
            (h, start) for h, start in carried if h in self.placement.running and isinstance(h, Statement) and start
        ]

    def _is_sum(self, loop: For, around: For) -> bool:
        """Is a loop one sum, which may be reordered, of what lies side by side along it, and is made of nothing that is made
        in a loop around it?"""
        running, count = self._running(loop), loop.count.number() or 0
        fewest = self._most if around is not loop else 2 * self._most
        if not self.target.contract or not running or count < fewest or len(self.placement.facts[loop].carried) > 1:
            return False
        if loop in self.placement.parts.cuts:
            return False
        ((total, _),) = running
        made = set(statements_of(around)) - {*loop.body}
        for s in statements_of(loop):
            if s.op == GATHER.name or s.op in EFFECTS or self.placement.store[s] is not None:
                return False
            for source in self.placement.sources[s]:
                if isinstance(source, tuple):
                    if self._stride(*self._place(source), loop.variable) not in (0, 1, -1):
                        return False
                elif isinstance(source, Statement):
                    if source in made:
                        return False
                elif source != Carried(total, loop) and (around is not loop or source.loop is loop):
                    return False
        return True

    @property
    def _room(self) -> int:
        """Vectors that are summed at a time."""
        return 16 if vector_bytes(self.target.cpu) >= 64 else 8

    # Which loops -------------------------------------------------------------------------------------------------------

    def together(self, loop: For, copies: list[Copy]) -> int:
        """How many rounds go together: in vectors, several of them; or as they do without."""
        lanes = 1 if self._variable is not None else self._lanes_of(loop, len(copies) > 1)
        return super().together(loop, copies) if lanes == 1 else lanes * self._together(loop, len(copies), lanes)

    def _together(self, n: For, copies: int, lanes: int) -> int:
        """How many vectors of rounds go together: they share what they read, and their sums stay in registers."""
        if any(isinstance(c, For) for inner in n.body if isinstance(inner, For) for c in inner.body):
            return 1  # the loops inside are jammed
        room = self._room // copies
        if not self._across.keys().isdisjoint(n.body):
            room //= lanes
        return max(1, min(TOGETHER, (n.count.number() or 0) // lanes, room))

    def _jams(self, loop: For, copies: list[Copy]) -> bool:
        """So is a loop around one whose rounds go in lanes."""
        if super()._jams(loop, copies):
            return True
        inner = [c for c in loop.body if isinstance(c, For)]
        return (
            self.jam > 1
            and self._variable is None
            and self.placement.facts[loop].parallel
            and not copies[0].jammed
            and not any(c in self.placement.parts.cuts for c in (loop, *loops_of(loop.body)))
            and any(self._lanes_of(c) > 1 for c in inner)
        )

    def _lanes_of(self, n: For, copied: bool = False) -> int:
        """How many rounds of a loop go in lanes; 1 where none do. Copied: is it in a loop that is jammed?"""
        if (n, copied) not in self._lanes:
            self._lanes[n, copied] = self._found_lanes(n, copied)
        return self._lanes[n, copied]

    def _found_lanes(self, n: For, copied: bool) -> int:
        count, most = n.count.number() or 0, self._most
        lanes = min(most, 1 << count.bit_length() - 1) if count else 1
        parts, inner = self.placement.parts, list(loops_of(n.body))
        if (
            lanes < min(FEWEST, most)
            or not self.placement.facts[n].parallel
            or any(c in parts.cuts for c in (n, *inner))
        ):
            return 1
        if any(s.op == GATHER.name or s.op in SCATTERS for s in statements_of(n)):
            return 1
        if not inner and not copied and not any(s.op in ULPS for s in statements_of(n)):
            return 1  # LLVM does, where it is alone
        strided, across = 0, set[For]()
        home = {s: c for c in n.body if isinstance(c, For) for s in c.body}
        for s in statements_of(n):
            for space, index, written in self._places(s):
                stride = self._stride(space, index, n.variable)
                if stride not in (0, 1, -1) and not written and s in home:
                    across.add(home[s])
                    continue
                if stride is None or (stride == 0 and written):
                    return 1
                if stride not in (0, 1, -1):
                    if s not in n.body:
                        return 1
                    strided += 1
        if strided > STRIDED or not all(self._is_sum(c, n) for c in across):
            return 1
        self._across.update(dict.fromkeys(across, n.variable))
        return lanes
