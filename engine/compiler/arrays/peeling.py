"""Rounds that stand before or behind a loop, since they looked otherwise there, taken into its scan.

The first round of a recurrent net reads the state that it is given, and nothing reads what the last would hand on: recognition
leaves both out. Here arrays are compared, not instructions: what comes before is a round too where it does the same with what
a round before it would read, and what that is becomes the state that the scan starts from. So which arrays of a round are
states is found on the way, and a loop that was found to begin in the middle of a round begins where its rounds do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .matching import At, Claim, Element, Extent, LoopArrays, claim_of, inverse, is_equal, latest
from .program import Affine, Array, Axis, Number, Operand, Read, composed, part_of, whole
from .recurrences import NoScanError, Recurrence

JOINED = frozenset(("concatenation", "flattened", "scan"))  # of which a part may be read
DEEPEST = 9  # rounds that stand before a loop


class Peeled:
    """The rounds of a scan, and those that stand outside of its loop.

    Args:
        scan: it.
        along: the axis of the loop, of all arrays that are its rounds.
        groups: of all arrays that are needed, each behind those that it reads.
    """

    def __init__(self, scan: Recurrence, along: Mapping[Array, Axis], groups: Sequence[Sequence[Array]]) -> None:
        self._arrays = [a for group in groups for a in group]
        needed = {a for group in groups if len(group) == 1 for a in group} | scan.mine
        self._inner = [a for a in scan.group if a not in scan.states]
        self._time = {a: x for a, x in {**along, **scan.time}.items() if a in needed and a not in scan.states}
        self.rounds = scan.rounds
        self._made = dict[Array, Array]()  # what each state is made of
        self._loop = LoopArrays(self._time, self._made)
        starts = dict[At, Operand]()
        for state in scan.states:
            for at, start in self._starts_of(state).items():
                if not is_equal(starts.setdefault(at, start), start):
                    raise NoScanError
        self._extent = Extent(dict.fromkeys(self._time, 0), {a: x.size for a, x in self._time.items()}, starts, {})

    def _starts_of(self, state: Array) -> dict[At, Operand]:
        """What a state was before the loop, by round."""
        made = state.args[-1]
        if not isinstance(made, Read):
            raise NoScanError
        self._made[state] = made.array
        mine = self._loop.others(made.array)
        axes = [made.places[made.array.axes.index(x)].plain() for x in mine]
        env = {x: Affine(0, {y: 1}) for x, y in zip(axes, mine) if x}
        found = dict[At, Operand]()
        for part, edge, length in zip(state.args[:-1], state.edges, state.lengths):
            for k in range(length):
                at = {x: Affine(k) for x in part.axes if x not in state.axes}
                if isinstance(part, Number) and part.axes:
                    raise NoScanError
                one = Read(part.array, [composed(p, env | at) for p in part.places]) if isinstance(part, Read) else part
                found[made.array, edge + k - state.edges[-1]] = one
        return found

    # Rounds before and behind --------------------------------------------------------------------------------------------

    def take_in(self) -> None:
        """Let the scan reach as far as rounds do, of all its arrays as many."""
        found, limit = None, -DEEPEST
        while found is None and limit < 0:
            ahead = self._extent.copy()
            reached = self._before(ahead, limit)
            found = self._behind(ahead) if reached is None else None
            found = None if found is not None and self._is_circular(found) else found
            firsts = [ahead.first[a] for a in self._inner if a.op != "move"]
            limit = max(limit + 1, min(firsts, default=-1) + 1 if reached is None else reached + 1)
        if found is None:
            found = self._behind(self._extent.copy())
        self._extent = self._extent if found is None or self._is_circular(found) else found

    def _is_circular(self, e: Extent) -> bool:
        """Is what was there before the first round made of what rounds make?"""
        stack, seen = [a.array for a in e.starts.values() if isinstance(a, Read)], set[Array]()
        while stack:
            array = stack.pop()
            if array in e.known or array in self._inner or array in self._made:
                return True
            if array not in seen:
                seen.add(array)
                stack += [a.array for a in array.args if isinstance(a, Read)]
        return False

    def _before(self, e: Extent, limit: int) -> int | None:
        """Take in what comes before, from a round on; the round of what leaves no scan, None: there is none."""
        todo, claims = latest(e.starts), list[Claim]()
        while todo or claims:
            must = bool(claims)
            claim = claims.pop() if claims else self._claimed(todo.pop(), e)
            if claim is None or (must and self._loop.reads(claim.element, whole(claim.other), e, {})):
                continue
            (array, t, _), other = claim
            news = None
            if max(limit, e.first[array] - 1) <= t < 0:
                news = self._loop.news(claim.element, other, e, True) or self._term(claim, e)
            if news is None:
                if must:
                    return t
                continue
            e.starts.pop((array, t), None)
            if array.op == other.op:
                e.take_in(claim.element, other)
            e.first[array] = min(e.first[array], t)
            e.starts |= news[0]
            todo += latest([*news[0], *[(array, t - 1)] * ((array, t - 1) in e.starts)])
            claims += news[1]
        self._hand_on(e)
        return max(
            (t for array, t in e.starts if array not in self._made.values() and array not in self._inner), default=None
        )

    def _claimed(self, at: At, e: Extent) -> Claim | None:
        """That what was there before the first round is one more; None: it is none."""
        array, t = at
        start = e.starts.get(at)
        if start is None or t != e.first[array] - 1:
            return None
        element = self._loop.whole(array, t)
        if array.op == "move":
            element = self._loop.source(element, e, of=True)
        claim = claim_of(element, self._loop.others(element.array), start)
        return None if claim is None or claim.other in e.known else claim

    def _hand_on(self, e: Extent) -> None:
        """Let what is handed on be read where it was made, where that is in a round now."""
        for array, t in latest(e.starts):
            element = self._loop.whole(array, t)
            start = e.starts[array, t]
            if array.op == "move" and self._loop.reads(self._loop.source(element, e, of=True), start, e, {}):
                del e.starts[array, t]
                e.first[array] = t

    def _term(self, claim: Claim, e: Extent) -> tuple[dict[At, Operand], list[Claim]] | None:
        """Of a sum that the first round has but one term of, that the other was 0 before."""
        array, t, others = claim.element
        if array.op != "add" or claim.other.op == "add":
            return None
        env = dict(zip(self._loop.others(array), others)) | {self._time[array]: Affine(t)}
        reads = [self._loop.element(part_of(Read(a.array, [composed(p, env) for p in a.places])), e)
                 for a in array.args if isinstance(a, Read)]  # fmt: skip
        for absent, term in (reads, reads[::-1]) if len(reads) == 2 else ():
            if absent is None or term is None or term.array.op != claim.other.op or absent.round != t:
                continue
            if absent[:2] in e.starts or absent.round >= e.first[absent.array]:
                continue
            zero = inverse(self._loop.others(absent.array), absent.places, Number(0.0))
            if zero is not None:
                return {absent[:2]: zero}, [Claim(term, claim.other)]
        return None

    def _behind(self, e: Extent) -> Extent | None:
        """Take in what comes behind, as long as all arrays have as many rounds in the end; None: they never have."""
        best = e.copy() if self._is_even(e) else None
        by_op: dict[str, list[Array]] = {}
        for array in self._time:
            by_op.setdefault(array.op, []).append(array)
        skipped = {*self._time, *self._made}
        for other in self._arrays:
            if other in skipped or other in e.known:
                continue
            for array in by_op.get(other.op, ()):
                if self._reads_alike(array, other, e) and any(
                    self._is_behind(element, other, e) for element in self._candidates(array, other, e)
                ):
                    if array in self._inner and self._is_even(e):
                        best = e.copy()
                    break
        self._run_on(e)
        return e if self._is_even(e) else best

    def _reads_alike(self, array: Array, other: Array, e: Extent) -> bool:
        """Does an array outside read what one of the loop may read? A quick answer: no is no."""
        for a, b in zip(array.args, other.args):
            if not isinstance(b, Read) or b.array in e.known or b.array in self._time or b.array in self._made:
                continue
            if isinstance(a, Number) or (a.array is not b.array and a.array.op not in JOINED):
                return False
        return True

    def _run_on(self, e: Extent) -> None:
        """Let arrays that have fewer rounds run on, where what they read is there: nothing reads what they make then."""
        inner = [a for a in self._inner if a.op != "move"]
        most = max([e.end[a] - e.first[a] for a in inner], default=0)
        todo = [a for a in inner if e.end[a] - e.first[a] < most]
        while todo:
            on = [a for a in todo if all(self._is_there(a, b, e) for b in a.args)]
            for a in on:
                e.end[a] += 1
            todo = [a for a in todo if e.end[a] - e.first[a] < most] if on else []

    def _is_there(self, array: Array, operand: Operand, e: Extent) -> bool:
        """Is there what an array reads in the round behind its last?"""
        axis, t = self._time[array], e.end[array]
        if isinstance(operand, Number):
            return axis not in operand.axes
        read = Read(operand.array, [composed(p, {axis: Affine(t)}) for p in operand.places])
        element = self._loop.element(read, e)
        if element is None:
            return all(p.ends()[0] >= 0 and p.ends()[1] < x.size for p, x in zip(read.places, read.array.axes))
        return element.array.op == "move" or e.first[element.array] <= element.round < e.end[element.array]

    def _candidates(self, array: Array, other: Array, e: Extent) -> Iterator[Element]:
        """What an array outside may be of one of the loop: all that its next round makes, or some."""
        mine, its = self._loop.others(array), [Affine(0, {x: 1}) for x in other.axes]
        more, end = len(mine) - len(its), e.end[array]
        if more == 0 and [x.size for x in mine] == [x.size for x in other.axes]:
            yield Element(array, end, its)
        for k in range(len(mine) if more == 1 else 0):
            if [x.size for x in [*mine[:k], *mine[k + 1 :]]] == [x.size for x in other.axes]:
                for at in range(mine[k].size):
                    for t in {end, max(end - 1, self.rounds)}:
                        yield Element(array, t, [*its[:k], Affine(at), *its[k:]])

    def _is_behind(self, element: Element, other: Array, e: Extent) -> bool:
        if self._loop.news(element, other, e, False) is None:
            return False
        e.take_in(element, other)
        return True

    def _is_even(self, e: Extent) -> bool:
        """Have all arrays as many rounds, and states a start for each round that is read before?"""
        if any(isinstance(start, Read) and start.array in e.known for start in e.starts.values()):
            return False  # it is there in the loop alone
        counts = {e.end[a] - e.first[a] for a in self._inner if a.op != "move"}
        depths: dict[Array, list[int]] = {}
        for array, t in e.starts:
            depths.setdefault(array, []).append(e.first[array] - t)
        return len(counts) == 1 and all(sorted(d) == list(range(1, len(d) + 1)) for d in depths.values())

    # What becomes of it --------------------------------------------------------------------------------------------------

    def write(self) -> list[Array]:
        """Say it in arrays; returns the states."""
        e, states = self._extent, dict[Array, Array]()
        for array in self._inner:
            if array.op == "move":
                e.end[array] = e.first[array] + max(e.end[a] - e.first[a] for a in self._inner)
        for array in {array: None for array, _ in e.starts}:
            states[array] = self._state(array)
        for array in self._arrays:
            if array not in self._made:
                array.args = [self._moved(array, a, states) if isinstance(a, Read) else a for a in array.args]
        for array, axis in self._time.items():
            axis.size = e.end[array] - e.first[array]
        for array, state in states.items():
            state.axes[state.along].size = state.edges[-1] + self._time[array].size
            state.args.append(self._whole(array, state))
        for array in self._inner:
            array.args = [self._stored(array, a) for a in array.args]
        return list(states.values())

    def _stored(self, array: Array, operand: Operand) -> Operand:
        """Numbers that differ from round to round, as an array of their own."""
        if isinstance(operand, Read) or self._time[array] not in operand.axes:
            return operand
        stored, axes = Array(array.space, -1, (), [Axis(x.size) for x in operand.axes]), operand.axes
        stored.become("numbers", [Number(operand.value, stored.axes)])
        stored.place = array.place
        return Read(stored, [Affine(0, {x: 1}) for x in axes])

    def _state(self, array: Array) -> Array:
        """The state that an array makes, without that part."""
        along, axes = array.axes.index(self._time[array]), [Axis(x.size) for x in array.axes]
        state = Array(array.space, -1, (), axes)
        rounds = sorted(t for of, t in self._extent.starts if of is array)
        state.op, state.along, state.edges = "scan", along, list(range(len(rounds) + 1))
        env = {x: Affine(0, {y: 1}) for x, y in zip(array.axes, axes)}
        for t in rounds:
            start = self._extent.starts[array, t]
            if isinstance(start, Read):
                start = self._moved(state, Read(start.array, [composed(p, env) for p in start.places]), {})
            state.args.append(start)
        state.place = array.place
        return state

    def _whole(self, array: Array, state: Array) -> Read:
        part = Axis(self._time[array].size)
        return Read(array, [Affine(0, {part if k == state.along else x: 1}) for k, x in enumerate(state.axes)])

    def _moved(self, reader: Array, read: Read, states: Mapping[Array, Array]) -> Read:
        """The same of an operand, with the rounds counted anew."""
        e = self._extent
        if reader in self._time:
            env = {self._time[reader]: Affine(e.first[reader], {self._time[reader]: 1})}
            read = Read(read.array, [composed(p, env) for p in read.places])
        array, places = read.array, list(read.places)
        if array in e.known:
            env = dict(zip(array.axes, places))
            array, t, others = e.known[array]
            places = [composed(p, env) for p in others]
            places.insert(array.axes.index(self._time[array]), Affine(t))
        elif array in self._made:
            last, env, time = array.args[-1], dict(zip(array.axes, places)), places[array.along]
            time = Affine(time.start - array.edges[-1], time.slopes)
            array = self._made[array]
            others = last.places if isinstance(last, Read) else []
            places = [time if x is self._time[array] else composed(p, env) for p, x in zip(others, array.axes)]
            (source, *_) = array.args
            if array.op == "move" and array not in states and isinstance(source, Read):
                env = dict(zip(array.axes, places))
                array, places = source.array, [composed(p, env) for p in source.places]
        if array not in self._time:
            return read
        k = array.axes.index(self._time[array])
        state = states.get(array)
        depth = state.edges[-1] if state is not None else 0
        places[k] = Affine(places[k].start - e.first[array] + depth, places[k].slopes)
        return Read(state or array, places)
