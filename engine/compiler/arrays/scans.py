"""Scans as they are written: one round of each line, with a letter for the round, in a loop over all rounds."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from .ordering import components, part_axis, times
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
        starts: what is there before the first round, one line a part of a state.
        lines: what a round makes.
    """

    letter: str
    rounds: int
    kept: list[Array]
    starts: list[Definition]
    lines: list[Definition]


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
    groups = [g for g in every if len(g) > 1]
    group_of = {array: k for k, group in enumerate(groups) for array in group}
    mine: list[list[Definition]] = [[d for d in lines if group_of.get(d.array) == k] for k in range(len(groups))]
    last = [max(k for k, d in enumerate(lines) if d in some and d.array.op == "scan") for some in mine]
    letter = next((x for x in LETTERS if x not in taken), "t_")
    found = list[Definition | Scan]()
    for at, d in enumerate(lines):
        if d.array not in group_of:
            found.append(d)
        for k, end in enumerate(last):
            if at == end:
                inside = set(groups[k])
                kept = {a for a in inside if a.op == "scan" or a in results or not readers.get(a, set()) <= inside}
                found.append(_scan(mine[k], groups[k], kept, letter, library))
    return found


def _scan(
    lines: Sequence[Definition], group: Sequence[Array], kept: Container[Array], letter: str, library: str
) -> Scan:
    time = times(group)
    starts, rounds = list[Definition](), list[Definition]()
    count = 0
    for d in lines:
        array, axis, term, first = d.array, time[d.array], d.term, 0
        if array.op == "scan" and isinstance(term, Term):
            *before, term = term.args
            first = array.edges[-1]
            for edge, part in zip(array.edges, before):
                starts.append(Definition(_element(array, axis, str(edge)), part))
            axis = part_axis(array)
        count = axis.size
        one = Round(axis, letter, kept, group, library)
        made = one.of(term)
        if array in kept:
            rounds.append(Definition(_element(array, time[array], one.said(Affine(first, {axis: 1}))), made))
        else:
            rounds.append(Definition(one.local(array, time[array]), made))
    return Scan(letter, count, [d.array for d in lines if d.array in kept], starts, rounds)


def _element(array: Array, axis: Axis, said: str) -> OfRound:
    return OfRound(array, [said if x is axis else ":" for x in array.axes], [x for x in array.axes if x is not axis])


class Round:
    """Terms in one round."""

    def __init__(self, axis: Axis, letter: str, kept: Container[Array], group: Sequence[Array], library: str) -> None:
        self.axis, self.letter, self.kept, self.group, self.library = axis, letter, kept, set(group), library

    def said(self, p: Affine) -> str:
        """An index, without what other axes have in it."""
        slope = p.slopes.get(self.axis, 0)
        if not slope:
            return str(p.start)
        said = self.letter if abs(slope) == 1 else f"{abs(slope)} * {self.letter}"
        if slope < 0:
            return f"{p.start} - {said}"
        return f"{said} + {p.start}" if p.start > 0 else f"{said} - {-p.start}" if p.start else said

    def local(self, array: Array, axis: Axis) -> Array:
        """An array that lasts one round."""
        return OfRound(array, [":"] * (len(array.axes) - 1), [x for x in array.axes if x is not axis])

    def of(self, term: Node) -> Node:
        """A term in a round."""
        if isinstance(term, Number) or self.axis not in term.axes:
            if isinstance(term, Number) and self.axis in term.axes:
                raise NotRaisedError("its numbers differ from round to round")
            return term
        if isinstance(term, Read):
            return self._read(term)
        again = Term(term.op, [self.of(a) for a in term.args], term.over, [], term.array)
        again.axes, again.size = [x for x in term.axes if x is not self.axis], term.size
        return again

    def _read(self, r: Read) -> Read:
        index, axes, places = list[str](), list[Axis](), list[Affine]()
        local = r.array in self.group and r.array not in self.kept
        for p, axis in zip(r.places, r.array.axes):
            others = {x: s for x, s in p.slopes.items() if x is not self.axis}
            if self.axis not in p.slopes:
                index.append(":")
                axes.append(axis)
                places.append(p)
            elif not others:
                index += [] if local else [self.said(p)]
            else:
                ((x, slope),) = others.items() if len(others) == 1 else ((self.axis, 0),)
                if slope < 1:
                    raise NotRaisedError("it reads windows of a sequence in no regular way", r.array.place)
                end = Affine(p.start + slope * (x.size - 1) + 1, p.slopes)
                steps = f"{slope} * arange({x.size})" if slope > 1 else f"arange({x.size})"
                if self.library == "xla":  # whose slices have ends that are known
                    index.append(f"{self.said(p)} + {steps}")
                else:
                    index.append(f"{self.said(p)}:{self.said(end)}{f':{slope}' if slope > 1 else ''}")
                axes.append(Axis(x.size))
                places.append(Affine(0, {x: 1}))
        return Read(OfRound(r.array, index, axes), places)
