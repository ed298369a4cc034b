"""Where every value lives: a register, a value carried round a loop, or memory.

The index of an operand decides. The same value earlier in the same body: its register. Equal after i -> i + 1: carried
from the round before (a phi). Equal at the last round of a loop: that loop's exit value. Anything else is read from
memory, and only what is read from memory is stored, in slots numbered densely.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from ..front.trace import EFFECTS, INPUT, MEMORY, SCATTERS, VALUE
from .parts import BodyParts
from .program import For, Key, Node, Polynomial, Statement, loops_of, runs, statements_of
from .shapes import Flags, Positions
from .slots import slots_of
from .spans import Nest, Span


@dataclass(frozen=True, slots=True)
class Exit:
    """What a loop leaves of a value: that of its last round."""

    value: Handle
    loop: For


@dataclass(frozen=True, slots=True)
class Carried:
    """A value of the round before (a phi)."""

    value: Handle
    loop: For


Handle = Statement | Exit | Carried  # what a register holds: an instruction's result, or one of these
Source = Handle | tuple[int, Polynomial]  # where an operand comes from: a register, or a space and an index
Available = dict[Key, tuple[int, Handle]]  # by index: where in a body it was made, and what holds it


@dataclass
class Facts:
    """What is known of one loop.

    Attributes:
        carried: the values that are handed from round to round, and where the first comes from; None: not needed.
        available: what is in a register somewhere inside.
        after: what to store behind it, and under which index.
        parallel: do its rounds not feed each other?
    """

    carried: dict[Handle, Source | None] = field(default_factory=dict)
    available: Available = field(default_factory=dict)
    after: list[tuple[Handle, Polynomial]] = field(default_factory=list)
    parallel: bool = False


class Placement:
    """The plan for a program.

    Args:
        body: the program.
        length: how many instructions it stands for.
        constants: the numbers that it reads.
        sums_apart, gate, large: see `BodyParts`.

    Attributes:
        statements: its instructions.
        parts: how it is cut.
        sources: for each instruction, where each operand comes from.
        store: for each instruction, the index under which its value is stored, or None.
        facts: for each loop, its Facts.
        slots: the slot in memory, as a polynomial, for each index that is stored or read.
        size: how many slots.
        shared: the large loops whose rounds are independent. (A trace writes each output and adds to each gradient once.)
        running: the additions that are the running sum of an innermost loop, of which only the last is read. Where sums may
            be reordered, the rounds of such a loop can go in lanes.
    """

    def __init__(self, body: Sequence[Node], length: int, constants: Sequence[float], sums_apart: bool = False,
                 gate: int | None = None, large: int | None = None) -> None:  # fmt: skip
        self._length, self.constants = length, constants
        self.statements: list[Statement] = []
        self._nest: dict[Node, Nest] = {}
        self._walk(body, Nest())
        self._find_registers(BodyParts(body, self._span, sums_apart, gate, large))
        apart = self.parts.apart
        if apart is not None and not all(self._stands_alone(run) for run in runs(self.parts.body[apart:])):
            self._find_registers(BodyParts(body, self._span, large=large))
        self._place_stores()
        self._find_parallel()
        self.shared = {loop for loop in self.parts.large if self.facts[loop].parallel}
        self.running = self._running_sums()

    def _walk(self, body: Sequence[Node], nest: Nest) -> None:
        for n in body:
            self._nest[n] = nest
            if isinstance(n, Statement):
                self.statements.append(n)
            else:
                self._walk(n.body, Nest(nest, n))

    def _span(self, index: Polynomial, at: Node) -> Span:
        """Where an index leads over the rounds of the loops around a node."""
        return Span(index, self._nest[at])

    def _stands_alone(self, run: list[Statement]) -> bool:
        """Does a stretch of instructions read no register but its own?"""
        mine: set[Source] = {*run}
        return all(isinstance(s, tuple) or s in mine for statement in run for s in self.sources[statement])

    def inputs_read(self, count: int, but: Container[Statement]) -> list[tuple[int, int]]:
        """Which of so many inputs are read, as (first, end) of those side by side, whatever some instructions read."""
        import numpy as np

        read = np.zeros(count, bool)
        sources: list[tuple[Node, Source | None]] = [
            (s, x) for s, found in self.sources.items() if s not in but for x in found
        ]
        sources += [(loop, x) for loop, facts in self.facts.items() for x in facts.carried.values()]
        for at, source in sources:
            if isinstance(source, tuple) and source[0] == INPUT:
                self._span(source[1], at).fill(read, True)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], read, [0]]))).tolist()
        return list(zip(edges[::2], edges[1::2]))

    # Registers ---------------------------------------------------------------------------------------------------------

    def _find_registers(self, parts: BodyParts) -> None:
        self.parts = parts
        self.facts = {loop: Facts() for loop in loops_of(parts.body)}
        self.sources: dict[Statement, list[Source]] = {}
        self._reads: list[tuple[Node, Polynomial]] = []
        self._top = self._available(parts.body)
        self._resolve(parts.body, [])
        self._read_exits_from_memory()

    def _available(self, body: Sequence[Node]) -> Available:
        """What is in a register somewhere in a body."""
        found: Available = {}
        for rank, n in enumerate(body):
            if isinstance(n, Statement):
                if n.op not in EFFECTS:
                    found[n.out.key()] = (rank, n)
                continue
            inner = self.facts[n].available = self._available(n.body)
            for _, handle in [] if n in self.parts.cuts else list(inner.values()):
                index = self._exit_index(handle, n)
                if index is not None:
                    found[index.key()] = (rank, Exit(handle, n))
        return found

    def _exit_index(self, handle: Handle, loop: For) -> Polynomial | None:
        index = self._index_of(handle)
        last = loop.count + Polynomial({(): -1})
        number = last.number()
        return None if index is None else index.at(loop.variable, last if number is None else number)

    def _index_of(self, handle: Handle) -> Polynomial | None:
        return handle.out if isinstance(handle, Statement) else self._exit_index(handle.value, handle.loop)

    def _resolve(self, body: Sequence[Node], outer: list[tuple[For, Available, int]]) -> None:
        available = self.facts[outer[-1][0]].available if outer else self._top
        for rank, n in enumerate(body):
            if isinstance(n, For):
                self._resolve(n.body, [*outer, (n, available, rank)])
            else:
                self.sources[n] = [
                    self._source(index, outer, available, rank, n) if space == VALUE else (space, index)
                    for space, index in n.args
                ]

    def _source(self, index: Polynomial, outer: list[tuple[For, Available, int]], available: Available, rank: int,
                reader: Node) -> Source:  # fmt: skip
        hit = available.get(index.key())
        parts = self.parts.cuts.get(outer[-1][0]) if outer else self.parts.visible
        if hit and hit[0] < rank and (parts is None or parts[hit[0]] == parts[rank]):
            self._need(hit[1])
            return hit[1]
        if outer and parts is None:
            loop, home, place = outer[-1]
            if not index.uses(loop.variable):
                return self._source(index, outer[:-1], home, place, reader)
            hit = available.get(index.shifted(loop.variable).key())
            start = index.at(loop.variable, 0)
            if hit and start is not None:
                self._need(hit[1])
                carried = self.facts[loop].carried
                if carried.get(hit[1]) is None:
                    carried[hit[1]] = self._source(start, outer[:-1], home, place, loop)
                return Carried(hit[1], loop)
        self._reads.append((reader, index))
        return MEMORY, index

    def _need(self, handle: Handle) -> None:
        while isinstance(handle, Exit):
            self.facts[handle.loop].carried.setdefault(handle.value, None)
            handle = handle.value

    # Memory ------------------------------------------------------------------------------------------------------------

    def _wanted(self) -> Flags:
        """Which positions are read from memory."""
        import numpy as np

        wanted = np.zeros(self._length, bool)
        for reader, index in self._reads:
            self._span(index, reader).fill(wanted, True)
        return wanted

    def _read_exits_from_memory(self) -> None:
        """Let go of registers that hold the last round of a loop, where memory has the value as well: without them the
        rounds of the loop are independent."""
        exits: dict[For, set[Handle]] = {}
        for loop, facts in self.facts.items():
            around_others = loop.count.number() is not None and any(isinstance(c, For) for c in loop.body)
            unneeded = all(source is None for source in facts.carried.values())
            if around_others and facts.carried and not self._nest[loop].loops and unneeded:
                exits[loop] = set(facts.carried)
        if not exits:
            return
        wanted = self._wanted()
        kept = {loop: hs for loop, hs in exits.items() if all(self._stored_anyway(h, wanted) for h in hs)}

        def released(source: Source, reader: Node) -> Source:
            index = self._index_of(source) if isinstance(source, Exit) and source.loop in kept else None
            if index is None:
                return source
            self._reads.append((reader, index))
            return MEMORY, index

        for statement, sources in self.sources.items():
            self.sources[statement] = [released(source, statement) for source in sources]
        for loop, facts in self.facts.items():
            facts.carried = {h: s if s is None else released(s, loop) for h, s in facts.carried.items()}
        for loop in kept:
            self.facts[loop].carried = {}

    def _stored_anyway(self, handle: Handle, wanted: Flags) -> bool:
        """Is the value of every round of a loop read from memory?"""
        return isinstance(handle, Statement) and bool(self._span(handle.out, handle).of(wanted).all())

    def _place_stores(self) -> None:
        self.store: dict[Statement, Polynomial | None] = {}
        wanted, stored = self._wanted(), list[Positions]()
        for statement in self.statements:
            self.store[statement] = None
            out = self._span(statement.out, statement)
            need = out.of(wanted)
            if not need.any():
                continue
            loop = self._nest[statement].innermost
            if loop is not None and loop not in self.parts.cuts:
                last = out.last(loop)
                handle = Exit(statement, loop)
                end = self._index_of(handle)
                if end is not None and not need[~last].any():  # only the last round's value is read
                    self.facts[loop].after.append((handle, end))
                    self._need(handle)
                    stored.append(out.positions()[last])
                    continue
            self.store[statement] = statement.out
            stored.append(out.positions().ravel())
        accesses = [self._span(index, node).access() for node, index in [*self._reads, *self._writes()]]
        self.slots, self.size = slots_of(stored, accesses)

    def _writes(self) -> list[tuple[Node, Polynomial]]:
        """Who stores something, and under which index."""
        writes: list[tuple[Node, Polynomial]] = [(s, out) for s, out in self.store.items() if out is not None]
        return writes + [(loop, index) for loop, facts in self.facts.items() for _, index in facts.after]

    # Loops whose rounds do not feed each other -------------------------------------------------------------------------

    def _find_parallel(self) -> None:
        import numpy as np

        writes = self._writes()
        for loop, facts in self.facts.items():
            if facts.carried or facts.after or loop.count.number() is None:
                continue
            if any(s.op in SCATTERS for s in statements_of(loop)):  # rounds may add to the same output
                continue
            if any(loop in self._nest[n].loops and n.count.uses(loop.variable) for n in self.facts):
                continue
            made_in = np.zeros(self.size, np.int64)  # by slot the round and 1; 0: not in this loop
            for writer, index in writes:
                if loop in self._nest[writer].loops:
                    span = self._span(self.slots[index.key()], writer)
                    span.fill(made_in, span.round_of(loop) + 1)
            facts.parallel = not any(
                self._reads_others(made_in, self._span(self.slots[index.key()], reader), loop)
                for reader, index in self._reads
                if loop in self._nest[reader].loops
            )

    @staticmethod
    def _reads_others(made_in: Positions, span: Span, loop: For) -> bool:
        """Does an index lead to what another round of a loop made?"""
        found = span.of(made_in)
        if loop.variable not in span.rounds and (loop.count.number() or 0) > 1:
            return bool(found.any())
        return bool(((found != 0) & (found != span.round_of(loop) + 1)).any())

    def _running_sums(self) -> set[Statement]:
        readers: dict[Handle, list[tuple[Statement, For | None]]] = {}
        for statement, sources in self.sources.items():
            for source in sources:
                if not isinstance(source, tuple):
                    readers.setdefault(source, []).append((statement, self._nest[statement].innermost))
        found = set()
        for loop, facts in self.facts.items():
            if any(isinstance(n, For) for n in loop.body):
                continue
            for handle, start in facts.carried.items():
                if start is None or not isinstance(handle, Statement):
                    continue
                alone = handle.op == "add" and self.store[handle] is None and handle not in readers
                if alone and readers[Carried(handle, loop)] == [(handle, loop)]:
                    found.add(handle)
        return found
