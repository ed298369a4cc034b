"""Scans as they are written: one round of each line, with a letter for the round, in a loop over all rounds."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence, Set
from typing import NamedTuple

from .ordering import components, inner_groups, part_axis, times
from .program import Affine, Array, Axis, NotRaisedError, Number, Read
from .terms import Definition, Node, Term

LETTERS = ("t", "k", "r", "step", "round")


class OfRound(Array):
    """What another array is in one round.

    Attributes:
        of: the other.
        index: along each of its axes, as text; ":" along all of one.
    """

    def __init__(self, of: Array, index: Sequence[str], axes: Sequence[Axis]) -> None:
        super().__init__(of.space, -1, (), axes)
        self.op, self.of, self.index = "argument", of, list(index)
        said = list(index)
        while said and said[-1] == ":":
            said.pop()
        self.name = f"{of.name}[{', '.join(said)}]" if said else of.name


class Scan(NamedTuple):
    """A loop of lines.

    Attributes:
        letter: of the round.
        rounds: how many.
        kept: the arrays that keep what each round makes, in the order of their lines.
        new: those of them that nothing around the loop keeps.
        starts: what is there before the first round, one line a part of a state.
        lines: what a round makes; a loop in it is one of these.
    """

    letter: str
    rounds: int
    kept: list[Array]
    new: list[Array]
    starts: list[Definition]
    lines: list[Definition | Scan]


def scanned(
    lines: Sequence[Definition], results: Sequence[Array], taken: Container[str], library: str = "numpy"
) -> list[Definition | Scan]:
    """Lines with those of each scan together.

    Args:
        lines: of a program, with their names.
        results: what is returned.
        taken: names that are not free.
        library: what runs it, "numpy" or "xla".
    """
    every = components(results)
    readers: dict[Array, set[Array]] = {}
    for group in every:
        for array in group:
            for a in array.args:
                if isinstance(a, Read):
                    readers.setdefault(a.array, set()).add(array)
    letters = [x for x in LETTERS if x not in taken] or ["t_"]
    return _grouped(lines, every, lambda some, group: _scan(some, group, readers, set(results), letters, library, {}))


def _grouped(
    lines: Sequence[Definition],
    groups: Sequence[Sequence[Array]],
    scan: Callable[[list[Definition], Sequence[Array]], Scan],
) -> list[Definition | Scan]:
    """Lines, those of each group that feeds itself as a scan, where its last line is."""
    group_of = {array: k for k, group in enumerate(groups) if len(group) > 1 for array in group}
    mine: dict[int, list[Definition]] = {}
    for d in lines:
        if d.array in group_of:
            mine.setdefault(group_of[d.array], []).append(d)
    last = {max((d for d in some if d.array.op == "scan"), key=lines.index): k for k, some in mine.items()}
    found = list[Definition | Scan]()
    for d in lines:
        if d.array not in group_of:
            found.append(d)
        elif d in last:
            found.append(scan(mine[last[d]], groups[last[d]]))
    return found


def _scan(
    lines: Sequence[Definition], group: Sequence[Array], readers: Mapping[Array, Set[Array]], results: Set[Array],
    letters: Sequence[str], library: str, around: Mapping[Axis, str],
) -> Scan:  # fmt: skip
    time, inside = times(group), set(group)
    kept = {a for a in group if _is_state(a, time) or a in results or not readers.get(a, set()) <= inside}
    states = [d.array for d in lines if _is_state(d.array, time)]
    one = Round(part_axis(states[0]), letters[0], kept, time, library, around)
    starts, rounds = list[Definition](), list[Definition | Scan]()

    def scan(some: list[Definition], inner: Sequence[Array]) -> Scan:
        mine = dict.fromkeys([*time.values(), *[part_axis(a) for a in states]], letters[0])
        return _scan(some, inner, readers, results, letters[1:] or [f"{letters[0]}_"], library, {**around, **mine})

    for d in _grouped(lines, inner_groups(group), scan):
        if isinstance(d, Definition) and d.array in states and isinstance(d.term, Term):
            *before, term = d.term.args
            for edge, part in zip(d.array.edges, before):
                starts.append(Definition(_element(d.array, time[d.array], str(edge)), part))
            here = Round(part_axis(d.array), letters[0], kept, time, library, around)
            at = here.said(Affine(d.array.edges[-1], {here.axis: 1}))
            rounds.append(Definition(_element(d.array, time[d.array], at), here.of(term, d.array.place)))
        elif isinstance(d, Definition):
            rounds.append(one.definition(d))
        else:
            rounds.append(one.scan(d))
    written = [d.array for d in lines if d.array in kept]
    return Scan(letters[0], one.axis.size, written, written, starts, rounds)


def _is_state(array: Array, time: Mapping[Array, Axis]) -> bool:
    return array.op == "scan" and array.axes[array.along] is time[array]


def _element(array: Array, axis: Axis, said: str) -> OfRound:
    return OfRound(array, [said if x is axis else ":" for x in array.axes], [x for x in array.axes if x is not axis])


class Round:
    """What is done in one round.

    Args:
        axis: along which rounds run in a state's part.
        letter: of the round.
        kept: arrays that keep what each round makes.
        time: the axis of rounds, of all arrays of the scan.
        library: what runs it, "numpy" or "xla".
        around: the letters of the rounds around it, by the axes along which these run.
    """

    def __init__(
        self, axis: Axis, letter: str, kept: Container[Array], time: Mapping[Array, Axis], library: str,
        around: Mapping[Axis, str],
    ) -> None:  # fmt: skip
        self.axis, self.letter, self.kept, self.time, self.library = axis, letter, kept, time, library
        self.around = around

    def said(self, p: Affine) -> str:
        """An index in this round, and in those around it, without what other axes have in it."""
        letters = {self.axis: self.letter, **self.around}
        terms = [
            (s, f"{abs(s)} * {letters[x]}" if abs(s) > 1 else letters[x]) for x, s in p.slopes.items() if x in letters
        ]
        said = " + ".join([text for s, text in terms if s > 0])
        if not said or p.start:
            said = f"{said} {'+' if p.start > 0 else '-'} {abs(p.start)}" if said else str(p.start)
        return "".join([said, *[f" - {text}" for s, text in terms if s < 0]])

    def definition(self, d: Definition) -> Definition:
        """A line of a round."""
        of, index = (
            (d.array.of, d.array.index) if isinstance(d.array, OfRound) else (d.array, [":"] * len(d.array.axes))
        )
        axis = self.time[of]
        said = [self.letter if x is axis else i for x, i in zip(of.axes, index)]
        if of not in self.kept:
            said = [i for x, i in zip(of.axes, index) if x is not axis]
        made = OfRound(of, said, [x for x in d.array.axes if x is not axis])
        return Definition(made, self._along(axis).of(d.term, of.place))

    def scan(self, inner: Scan) -> Scan:
        """A loop in a round."""
        new = [self.whole(a) for a in inner.new if a not in self.kept]
        lines = [self.definition(d) if isinstance(d, Definition) else self.scan(d) for d in inner.lines]
        return inner._replace(new=new, starts=[self.definition(d) for d in inner.starts], lines=lines)

    def whole(self, array: Array) -> Array:
        """What a round holds of an array that lasts one round."""
        axes = [x for x in array.axes if x is not self.time.get(array)]
        return OfRound(array, [":"] * len(axes), axes)

    def _along(self, axis: Axis) -> Round:
        return self if axis is self.axis else Round(axis, self.letter, self.kept, self.time, self.library, self.around)

    def of(self, term: Node, place: int) -> Node:
        """A term in a round, of an array made at a place of the trace."""
        if isinstance(term, Number) or self.axis not in term.axes:
            if isinstance(term, Number) and self.axis in term.axes:
                raise NotRaisedError("its numbers differ from round to round", place)
            return term
        if isinstance(term, Read):
            return self._read(term, place)
        again = Term(term.op, [self.of(a, place) for a in term.args], term.over, [], term.array)
        again.axes, again.size = [x for x in term.axes if x is not self.axis], term.size
        return again

    def _read(self, r: Read, place: int) -> Read:
        of, before = (
            (r.array.of, r.array.index) if isinstance(r.array, OfRound) else (r.array, [":"] * len(r.array.axes))
        )
        index, axes, places = list[str](), list[Axis](), list[Affine]()
        local, pairs = of in self.time and of not in self.kept, iter(zip(r.places, r.array.axes))
        for side in before:
            if side != ":":
                index.append(side)
                continue
            p, axis = next(pairs)
            others = {x: s for x, s in p.slopes.items() if x is not self.axis and x not in self.around}
            if self.axis not in p.slopes:
                index.append(":")
                axes.append(axis)
                places.append(p)
            elif not others:
                index += [] if local and axis is self.time[of] else [self.said(p)]
            else:
                ((x, slope),) = others.items() if len(others) == 1 else ((self.axis, 0),)
                if slope < 1:
                    raise NotRaisedError("it reads windows of a sequence in no regular way", place)
                end = Affine(p.start + slope * (x.size - 1) + 1, p.slopes)
                steps = f"{slope} * arange({x.size})" if slope > 1 else f"arange({x.size})"
                if self.library == "xla":  # whose slices have ends that are known
                    index.append(f"{self.said(p)} + {steps}")
                else:
                    index.append(f"{self.said(p)}:{self.said(end)}{f':{slope}' if slope > 1 else ''}")
                axes.append(Axis(x.size))
                places.append(Affine(0, {x: 1}))
        return Read(OfRound(of, index, axes), places)
