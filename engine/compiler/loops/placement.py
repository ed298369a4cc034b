"""Where every value lives: a register, a value carried round a loop, or memory.

The index of an operand decides. The same value earlier in the same body: its register. Equal after i -> i + 1: carried
from the round before (a phi). Equal at the last round of a loop: that loop's exit value. Anything else is read from
memory, and only what is read from memory is stored, in slots numbered densely.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..front.trace import EFFECTS, VALUE
from .program import For, Polynomial, Statement, runs, size, steps_of

# ("register", step) | ("exit", handle, loop) | ("phi", handle, loop)
Handle = tuple[Any, ...]

LONGEST = 1000  # instructions in one native function: LLVM's time grows faster than linearly beyond


def _cut(body: Sequence[Statement | For]) -> list[int]:
    """For each item, the number of the function it goes to."""
    segments, now, filled = [], 0, 0
    for n in body:
        length = size(n.body) if isinstance(n, For) else 1
        if filled and filled + length > LONGEST:
            now, filled = now + 1, 0
        filled += length
        segments.append(now)
    return segments


class Facts:
    """What is known of one loop: values carried, values in registers inside, what to store after it."""

    def __init__(self) -> None:
        self.carried: dict[Handle, Any] = {}  # handle -> where its first value comes from; None: not needed
        self.available: dict[Any, tuple[int, Handle]] = {}
        self.after: list[tuple[Handle, Polynomial]] = []
        self.parallel = False


class Placement:
    """The plan for a program.

    Attributes:
        sources: for each step, where each operand comes from: ("value", handle), ("memory", index) or (space, index).
        store: for each step, the index under which its value is stored, or None.
        facts: for each loop, its Facts.
        slots: the slot in memory, as a polynomial, for each index that is stored or read.
        size: how many slots.
        segments: for each item of the outermost body, the number of the function it goes to.
        cuts: the same for the bodies of loops that are too long for one function. Inside such a loop values go through
            memory from one function to the next and from round to round.
        running: the additions that are the running sum of an innermost loop, of which only the last is read. Where sums may
            be reordered, the rounds of such a loop can go in lanes.
        apart: how many items of the outermost body come before those that only add to gradients; these may then run
            after all examples are done with the others, since values reach them through memory alone. None: they
            may not.
        gate: the instruction behind which the loss of an example may be flat, or None.
        forward: how many items of the outermost body end with it. Behind them come those that write outputs of the
            example, and from `backward` on what a flat example can do without. Values reach these through memory alone, so
            that all examples may be done with the former first.
    """

    def __init__(self, body: Sequence[Statement | For], length: int, sums_apart: bool = False,
                 gate: int | None = None) -> None:  # fmt: skip
        import numpy as np

        self.body = list(body)
        self.np = np
        self.steps: list[Statement] = []
        self.facts: dict[For, Facts] = {}
        self.sources: dict[Statement, list[Any]] = {}
        self.store: dict[Statement, Polynomial | None] = {}
        self.index: dict[
            Statement | For, dict[int, Any]
        ] = {}  # all values of the loop variables around a node, in order
        self.around: dict[Statement | For, list[For]] = {}
        self.reads: list[tuple[Statement | For, Polynomial]] = []
        self._walk(self.body, {}, [])
        self.apart = self._first_sum() if sums_apart else None
        self.segments = _cut(self.body)
        self.gate = None if self.apart is None or any(self.segments) else self._step_at(gate)
        if self.gate is not None:
            self._part_at(self.gate)
        self.cuts = {loop: _cut(loop.body) for loop in self.facts if size(loop.body) > LONGEST}
        self._parts = self._visible_parts()
        self.owner = np.full(length, -1)
        for n, step in enumerate(self.steps):
            self.owner[self._positions(step.out, step)] = n
        self._top = self._available(self.body)
        self._resolve(self.body, [])
        self._read_exits_from_memory(length)
        if self.apart is not None and not all(self._stands_alone(run) for run in runs(self.body[self.apart :])):
            self.__init__(body, length)  # type: ignore[misc]  # as if it had not been asked for
            return
        self._place_stores(length)
        self._find_parallel()
        self.running = self._running_sums()

    def _walk(self, body: Sequence[Statement | For], index: dict[int, Any], around: list[For]) -> None:
        np = self.np
        rounds = len(next(iter(index.values()))) if index else 1
        for n in body:
            self.index[n], self.around[n] = index, around
            if isinstance(n, Statement):
                self.steps.append(n)
                continue
            self.facts[n] = Facts()
            counts = np.broadcast_to(n.count.evaluated(index), (rounds,))
            inner = {v: np.repeat(a, counts) for v, a in index.items()}
            total = int(counts.sum())
            inner[n.variable] = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
            self._walk(n.body, inner, [*around, n])

    def _first_sum(self) -> int | None:
        """Where the items that only add to gradients begin."""
        sums = [any(step.op == "accumulate" for step in steps_of(n)) for n in self.body]
        first = sums.index(True) if True in sums else None
        others = EFFECTS.keys() - {"accumulate"}
        if first is None or any(step.op in others for n in self.body[first:] for step in steps_of(n)):
            return None
        return first

    def _step_at(self, position: int | None) -> Statement | None:
        """The instruction at a position of the trace; None where a loop is around it."""
        return next((n for n in self.body if isinstance(n, Statement) and n.out.number() == position), None)

    def _part_at(self, gate: Statement) -> None:
        """Put outputs right behind the gate, if they are all made before it."""
        self.forward = self.body.index(gate) + 1
        if (
            self.apart is None or self.forward > self.apart
        ):  # no gradient passes it: it is made where its loss is summed
            self.gate = None
            return
        outputs = [n for n in self.body[self.forward :] if any(step.op == "output" for step in steps_of(n))]
        made = [self._positions(i, step) for n in outputs for step in steps_of(n) for s, i in step.args if s == VALUE]
        if any(step.op != "output" for n in outputs for step in steps_of(n)) or any(
            at.max(initial=0) > self._positions(gate.out, gate)[0] for at in made
        ):
            self.gate = None
            return
        rest = [n for n in self.body[self.forward :] if n not in outputs]
        self.body[self.forward :] = [*outputs, *rest]
        self.backward = self.forward + len(outputs)

    def _visible_parts(self) -> list[int]:
        """Items of the outermost body with one number may hand each other registers."""
        parts = list(self.segments)
        if self.gate is not None:
            parts = [(i >= self.forward) + (i >= self.backward) for i in range(len(self.body))]
        if self.apart is not None:
            part = parts[-1] + 1
            for i in range(self.apart, len(self.body)):
                if isinstance(self.body[i], For) or (i > 0 and isinstance(self.body[i - 1], For)):
                    part += 1
                parts[i] = part
        return parts

    def _stands_alone(self, run: list[Statement]) -> bool:
        """Does a stretch of instructions read no register but its own?"""
        mine = set(run)
        sources = [source for step in run for source in self.sources[step]]
        return all(kind != "value" or (what[0] == "register" and what[1] in mine) for kind, what in sources)

    def _positions(self, p: Polynomial, at: Statement | For) -> Any:
        """All values of an index over the rounds of the loops around a node."""
        index = self.index[at]
        rounds = len(next(iter(index.values()))) if index else 1
        return self.np.broadcast_to(self.np.asarray(p.evaluated(index), dtype=self.np.int64), (rounds,))

    # Registers ---------------------------------------------------------------------------------------------------------

    def _available(self, body: Sequence[Statement | For]) -> dict[Any, tuple[int, Handle]]:
        """{index: (place in the body, handle)} of what is in a register somewhere in a body."""
        found: dict[Any, tuple[int, Handle]] = {}
        for rank, n in enumerate(body):
            if isinstance(n, Statement):
                if n.op not in EFFECTS:
                    found[n.out.key()] = (rank, ("register", n))
                continue
            inner = self.facts[n].available = self._available(n.body)
            for _, handle in [] if n in self.cuts else list(inner.values()):
                index = self._exit_index(handle, n)
                if index is not None:
                    found[index.key()] = (rank, ("exit", handle, n))
        return found

    def _exit_index(self, handle: Handle, loop: For) -> Polynomial | None:
        index = self._index_of(handle)
        last = loop.count + Polynomial({(): -1})
        number = last.number()
        return None if index is None else index.at(loop.variable, last if number is None else number)

    def _index_of(self, handle: Handle) -> Polynomial | None:
        if handle[0] == "register":
            out: Polynomial = handle[1].out
            return out
        return self._exit_index(handle[1], handle[2])

    def _resolve(self, body: Sequence[Statement | For], outer: list[tuple[For, Any, int]]) -> None:
        available = self.facts[outer[-1][0]].available if outer else self._top
        for rank, n in enumerate(body):
            if isinstance(n, For):
                self._resolve(n.body, [*outer, (n, available, rank)])
            else:
                self.sources[n] = [
                    self._source(index, outer, available, rank, n) if space == VALUE else (space, index)
                    for space, index in n.args
                ]

    def _source(self, index: Polynomial, outer: list[Any], available: Any, rank: int, reader: Statement | For) -> Any:
        hit = available.get(index.key())
        parts = self.cuts.get(outer[-1][0]) if outer else self._parts
        if hit and hit[0] < rank and (parts is None or parts[hit[0]] == parts[rank]):
            self._need(hit[1])
            return ("value", hit[1])
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
                return ("value", ("phi", hit[1], loop))
        self.reads.append((reader, index))
        return ("memory", index)

    def _need(self, handle: Handle) -> None:
        while handle[0] == "exit":
            self.facts[handle[2]].carried.setdefault(handle[1], None)
            handle = handle[1]

    # Memory ------------------------------------------------------------------------------------------------------------

    def _wanted(self, length: int) -> Any:
        """Which positions are read from memory."""
        wanted = self.np.zeros(length, bool)
        for reader, index in self.reads:
            wanted[self._positions(index, reader)] = True
        return wanted

    def _read_exits_from_memory(self, length: int) -> None:
        """Let go of registers that hold the last round of a loop, where memory has the value as well: without them the
        rounds of the loop are independent."""
        exits: dict[For, set[Handle]] = {}
        for loop, facts in self.facts.items():
            around_others = loop.count.number() is not None and any(isinstance(c, For) for c in loop.body)
            unneeded = all(source is None for source in facts.carried.values())
            if around_others and facts.carried and not self.around[loop] and unneeded:
                exits[loop] = set(facts.carried)
        if not exits:
            return
        wanted = self._wanted(length)
        kept = {loop: hs for loop, hs in exits.items() if all(self._stored_anyway(h, wanted) for h in hs)}

        def released(source: Any, reader: Statement | For) -> Any:
            given: Any = source or ("", ())
            kind, what = given
            index = self._index_of(what) if kind == "value" and what[0] == "exit" and what[2] in kept else None
            if index is None:
                return source
            self.reads.append((reader, index))
            return ("memory", index)

        for step, sources in self.sources.items():
            self.sources[step] = [released(source, step) for source in sources]
        for loop, facts in self.facts.items():
            facts.carried = {h: released(source, loop) for h, source in facts.carried.items()}
        for loop in kept:
            self.facts[loop].carried = {}

    def _stored_anyway(self, handle: Handle, wanted: Any) -> bool:
        """Is the value of every round of a loop read from memory?"""
        return handle[0] == "register" and bool(wanted[self._positions(handle[1].out, handle[1])].all())

    def _place_stores(self, length: int) -> None:
        np = self.np
        wanted = self._wanted(length)
        kept = np.zeros(length, bool)
        for step in self.steps:
            self.store[step] = None
            out = self._positions(step.out, step)
            need = wanted[out]
            if not need.any():
                continue
            loop = self.around[step][-1] if self.around[step] else None
            if loop is not None and loop not in self.cuts:
                last = self.index[step][loop.variable] == self._positions(loop.count, step) - 1
                handle: Handle = ("exit", ("register", step), loop)
                end = self._index_of(handle)
                if end is not None and not need[~last].any():  # only the last round's value is read
                    self.facts[loop].after.append((handle, end))
                    self._need(handle)
                    kept[out[last]] = True
                    continue
            self.store[step] = step.out
            kept[out] = True
        self._number_slots(np.cumsum(kept) - 1, int(kept.sum()), length)

    def _number_slots(self, slot: Any, size: int, length: int) -> None:
        used = list(self.reads)
        used += [(step, out) for step, out in self.store.items() if out is not None]
        used += [(loop, index) for loop, facts in self.facts.items() for _, index in facts.after]
        self.slots: dict[Any, Polynomial] = {}
        for node, index in used:
            key = index.key()
            if key in self.slots and not self.index[node]:
                continue
            fitted = self._fitted(index, node, slot)
            if fitted is None or self.slots.get(key, fitted) != fitted:  # not regular once packed: keep positions
                self.slots, self.size = {p.key(): p for _, p in used}, length
                return
            self.slots[key] = fitted
        self.size = size

    def _fitted(self, index: Polynomial, node: Statement | For, slot: Any) -> Polynomial | None:
        """The polynomial that gives the slots of an index, or None."""
        number = index.number()
        if number is not None:
            return Polynomial.constant(int(slot[number]))
        np = self.np
        target = slot[self._positions(index, node)]
        around = self.index[node]
        monomials = sorted({*index, (), *[((v, 1),) for v in around]})
        columns = np.stack(
            [np.broadcast_to(np.asarray(Polynomial({m: 1}).evaluated(around)), target.shape) for m in monomials], 1
        )
        some = np.unique(np.linspace(0, len(target) - 1, min(len(target), 4000)).astype(int))
        solution = np.linalg.lstsq(columns[some].astype(float), target[some].astype(float), rcond=None)[0]
        coefficients = np.rint(solution).astype(np.int64)
        if (columns @ coefficients != target).any():
            return None
        return Polynomial({m: int(c) for m, c in zip(monomials, coefficients) if c})

    # Loops whose rounds do not feed each other -------------------------------------------------------------------------

    def _find_parallel(self) -> None:
        np = self.np
        for loop, facts in self.facts.items():
            if facts.carried or facts.after or loop.count.number() is None:
                continue
            inside = [n for n, step in enumerate(self.steps) if loop in self.around[step]]
            if any(loop in self.around[n] and n.count.uses(loop.variable) for n in self.facts):
                continue
            round_of = np.full(len(self.owner), -1)
            for n in inside:
                step = self.steps[n]
                round_of[self._positions(step.out, step)] = self.index[step][loop.variable]
            facts.parallel = True
            for reader, index in self.reads:
                if loop in self.around[reader]:
                    at = self._positions(index, reader)
                    written_here = round_of[at] >= 0
                    if (written_here & (round_of[at] != self.index[reader][loop.variable])).any():
                        facts.parallel = False
                        break

    def _running_sums(self) -> set[Statement]:
        readers: dict[Handle, list[tuple[Statement, For | None]]] = {}
        for step, sources in self.sources.items():
            for kind, what in sources:
                if kind == "value":
                    readers.setdefault(what, []).append((step, self.around[step][-1] if self.around[step] else None))
        found = set()
        for loop, facts in self.facts.items():
            for handle, start in facts.carried.items():
                step = handle[1]
                if start is None or handle[0] != "register" or step.op != "add" or self.store[step] is not None:
                    continue
                innermost = not any(isinstance(n, For) for n in loop.body)
                after = readers.get(handle, [])
                if innermost and readers[("phi", handle, loop)] == [(step, loop)] and not after:
                    found.add(step)
        return found
