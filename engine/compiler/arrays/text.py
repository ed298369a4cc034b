"""The array program as text: code of NumPy's, with the names of engine's functions."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import count
from math import inf, prod
from typing import TYPE_CHECKING

from .program import EXAMPLES, Affine, Axis, Number, Read
from .scans import OfRound, Scan
from .terms import REDUCTIONS, SOFT, Definition, Node, Term

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
BINDING = {"add": 1, "sub": 1, "mul": 2, "div": 2, "neg": 3}
COMPARISONS = {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!="}
SYNTAX = frozenset(
    (
        *SIGNS,
        *COMPARISONS,
        *REDUCTIONS,
        "neg",
        "dot",
        "concatenation",
        "scan",
        "numbers",
        "flattened",
        "argument",
        "times_examples",
    )
)


class Text:
    """Lines of code.

    Args:
        lines: what arrays are.
        library: what runs it: "numpy", or "xla", whose arrays do not change, so that a round hands on new ones.
        taken: names that are not free for constants.

    Attributes:
        constants: by name, the arrays of numbers that the program has of its own.
    """

    def __init__(self, lines: Sequence[Definition | Scan], library: str, taken: Container[str]) -> None:
        self._library, self._taken = library, taken
        self.constants: dict[str, NDArray[np.float64]] = {}
        self.lines = list[str]()
        for d in lines:
            self.lines += self._scan(d) if isinstance(d, Scan) else [self._line(d)]

    def _scan(self, scan: Scan) -> list[str]:
        """A loop that fills arrays round by round."""
        kept = ", ".join([array.name for array in dict.fromkeys(scan.kept)])
        opened, closed = [f"for {scan.letter} in range({scan.rounds}):"], list[str]()
        if self._library == "xla":
            opened = [f"def a_round({scan.letter}, kept):", f"    ({kept},) = kept"]
            closed = [f"    return ({kept},)", f"({kept},) = scan(a_round, {scan.rounds}, ({kept},))"]
        inside = [line for d in scan.lines for line in (self._scan(d) if isinstance(d, Scan) else [self._line(d)])]
        return [
            *[f"{array.name} = empty({_shape(array.axes)})" for array in scan.new],
            *[self._line(d) for d in scan.starts],
            *opened,
            *[f"    {line}" for line in inside],
            *closed,
        ]

    def _line(self, d: Definition) -> str:
        axes = d.array.axes
        if isinstance(d.term, Term) and d.term.op == "flattened":
            return f"{d.array.name} = {self._flattened(d.term, axes)}"
        joined = isinstance(d.term, Term) and d.term.op == "concatenation"
        said = self._concatenation(d.term, axes) if isinstance(d.term, Term) and joined else self.text(d.term, axes)
        stored = isinstance(d.array, OfRound) and d.array.name != d.array.of.name  # which broadcasts
        if len(d.term.axes) + joined < len(axes) and not stored:
            said = f"full({_shape(axes)}, {said})"
        if isinstance(d.array, OfRound) and stored and self._library == "xla":
            name = d.array.of.name
            return f"{name} = {name}.at{d.array.name.removeprefix(name)}.set({said})"
        return f"{d.array.name} = {said}"

    def text(self, term: Node, axes: Sequence[Axis], loose: int = 0) -> str:
        """Code of what broadcasts against some axes; in parentheses where it binds looser than asked."""
        if isinstance(term, Number):
            return self._number(term, axes)
        if isinstance(term, Read):
            return self._read(term, axes)
        if term.op == "dot":
            return self._dot(term, axes, loose)
        if term.op in REDUCTIONS:
            return self._reduction(term, axes, loose)
        if term.op in SOFT:
            return self._soft(term, axes)
        if term.op == "take":
            return self._take(term, axes)
        if term.op == "numbers":
            said = self.text(term.args[0], axes)
            return f"array({said})" if self._library == "xla" else said
        if term.op == "times_examples":
            said = f"n * {self.text(term.args[0], axes, 3)}"
            return f"({said})" if loose > 2 else said
        binding = BINDING.get(term.op, 5)
        if term.op in SIGNS:
            left, right = term.args
            said = f"{self.text(left, axes, binding)} {SIGNS[term.op]} {self.text(right, axes, binding + 1)}"
        elif term.op == "neg":
            said = f"-{self.text(term.args[0], axes, 3)}"
        elif term.op in COMPARISONS:
            said, binding = f"{self._condition(term, axes)} + 0.0", 1
            said = f"({said.removesuffix(' + 0.0')}) + 0.0"
        elif term.op in ("where", "edge"):
            c, a, b = term.args
            return f"where({self._condition(c, axes)}, {self.text(a, axes)}, {self.text(b, axes)})"
        else:
            return f"{spelled(term.op)}({', '.join([self.text(a, axes) for a in term.args])})"
        return f"({said})" if binding < loose else said

    def _condition(self, term: Node, axes: Sequence[Axis]) -> str:
        if isinstance(term, Term) and term.op in COMPARISONS:
            a, b = [self.text(a, axes, 1) for a in term.args]
            return f"{a} {COMPARISONS[term.op]} {b}"
        if isinstance(term, Term) and term.op == "step":
            return f"{self.text(term.args[0], axes, 1)} > 0"
        return f"{self.text(term, axes, 1)} != 0"

    # Leaves --------------------------------------------------------------------------------------------------------------

    def _number(self, x: Number, axes: Sequence[Axis]) -> str:
        if isinstance(x.value, float):
            if x.value != x.value or abs(x.value) == inf:
                return {"inf": "inf", "-inf": "-inf"}.get(str(x.value), "nan")
            return (
                str(int(x.value))
                if x.value.is_integer() and abs(x.value) < 1e6 and str(x.value) != "-0.0"
                else repr(x.value)
            )
        kept = [a for a in x.axes if a.size > 1]
        value = x.value.reshape([a.size for a in kept])
        known = [
            name for name, other in self.constants.items() if other.shape == value.shape and (other == value).all()
        ]
        free = (c for k in count(len(self.constants)) if (c := f"c{k}") not in self._taken and c not in self.constants)
        name = known[0] if known else next(free)
        self.constants[name] = value
        return _aligned(name, kept, axes)

    def _read(self, r: Read, axes: Sequence[Axis]) -> str:
        name = r.array.name
        alone = [p.plain() for p in r.places]
        if all(p is not None and p.size == a.size for p, a in zip(alone, r.array.axes)) and len(set(alone)) == len(
            alone
        ):
            return _aligned(name, [p for p in alone if p is not None], axes)
        if any(len(p.slopes) > 1 for p in r.places) or len(r.axes) < sum(len(p.slopes) for p in r.places):
            return self._gathered(r, axes)
        said = [slice_text(p, a.size) for p, a in zip(r.places, r.array.axes)]
        if isinstance(r.array, OfRound) and "arange" not in name:
            rest = iter(said)
            name, said = r.array.of.name, [next(rest) if x == ":" else x for x in r.array.index]
        while said and said[-1] == ":":
            said.pop()
        return _aligned(f"{name}[{', '.join(said)}]" if said else name, r.axes, axes)

    def _gathered(self, r: Read, axes: Sequence[Axis]) -> str:
        """Windows and diagonals: an index array for each axis."""
        have = [a for a in axes if a in r.axes and a.size < EXAMPLES]
        first = [a for a in r.axes if a.size == EXAMPLES]

        def along(p: Affine) -> str:
            terms = []
            for a, s in p.slopes.items():
                index = f"arange({a.size})" if s == 1 else f"{s} * arange({a.size})"
                terms.append(_aligned(index if s == 1 else f"({index})", [a], have))
            return " + ".join([*terms, *([str(p.start)] if p.start or not terms else [])])

        said = [":"] * len(first) + [along(p) for p in r.places[len(first) :]]
        return _aligned(f"{r.array.name}[{', '.join(said)}]", [*first, *have], axes)

    # What goes along an axis -----------------------------------------------------------------------------------------------

    def _reduction(self, term: Term, axes: Sequence[Axis], loose: int) -> str:
        rest = [a for a in axes if a in term.axes]
        inner = [*rest, *term.over]
        (x,) = term.args
        count = prod(a.size for a in term.over if a not in x.axes)
        if isinstance(x, Read):  # as it stands
            natural = [a for a in x.axes if a in inner]
            inner = natural if [a for a in natural if a not in term.over] == rest else inner
        inner = [a for a in inner if a in x.axes]
        places = [inner.index(a) for a in term.over if a in inner]
        along = f", axis={places[0] if len(places) == 1 else tuple(places)}" if 0 < len(places) < len(inner) else ""
        word = REDUCTIONS[term.op]
        if places:
            said = self._condition(x, inner) if term.op == "any" else self.text(x, inner)
            said = _aligned(f"{word}({said}{along})", rest, axes)
            if count == 1 or word in ("mean", "max", "any"):
                return said
            said, binding = (f"{count} * {said}", 2) if word == "sum" else (f"{said} + log({count})", 1)
            return f"({said})" if binding < loose else said
        if word == "any":
            said, binding = self._condition(x, inner), 0
        elif word == "sum":
            said, binding = f"{count} * {self.text(x, inner, 2)}", 2
        elif word == "logsumexp":
            said, binding = f"{self.text(x, inner, 1)} + log({count})", 1
        else:
            said, binding = self.text(x, inner, loose), loose
        aligned = _aligned(f"({said})", rest, axes)
        return aligned if aligned != f"({said})" or binding < loose else said

    def _soft(self, term: Term, axes: Sequence[Axis]) -> str:
        inner = [a for a in axes if a in term.axes]
        (x,) = term.args
        along = f", axis={inner.index(term.over[0])}" if len(inner) > 1 else ""
        return _aligned(f"{term.op}({self.text(x, inner)}{along})", inner, axes)

    def _take(self, term: Term, axes: Sequence[Axis]) -> str:
        rest = [a for a in axes if a in term.axes]
        xs, i = term.args
        return _aligned(f"take({self.text(xs, [*rest, *term.over])}, {self.text(i, rest)})", rest, axes)

    def _dot(self, term: Term, axes: Sequence[Axis], loose: int) -> str:
        f, g, *start = term.args
        rest = [a for a in axes if a in f.axes or a in g.axes]
        rest = [a for a in rest if a not in term.over]
        said, binding = self._contraction(f, g, term.over, rest, loose if not start else 1)
        aligned = _aligned(f"({said})", rest, axes)
        said, binding = (said, binding) if aligned == f"({said})" else (aligned, 5)
        if start:
            said, binding = f"{said} + {self.text(start[0], axes, 1)}", 1
        return f"({said})" if binding < loose else said

    def _contraction(self, f: Node, g: Node, over: Sequence[Axis], rest: Sequence[Axis], loose: int) -> tuple[str, int]:
        (k,) = over
        sides = [(x, [a for a in x.axes if a is not k]) for x in (f, g)]
        without = [x for x in (f, g) if k not in x.axes]
        if without:
            inside = g if without[0] is f else f
            summed = self._summed(inside, k, rest)
            return f"{self.text(without[0], rest, 2)} * {summed}", 2
        (a, fa), (b, ga) = sides
        if len(fa) <= 1 and len(ga) <= 1 and not (fa and fa == ga):
            if rest and rest[0] in ga:
                (a, fa), (b, ga) = (b, ga), (a, fa)
            return f"{self.text(a, [*fa, k], 3)} @ {self.text(b, [k, *ga], 3)}", 2
        if set(fa) == set(ga) == set(rest):
            inner = [*rest, k]
            return f"sum({self.text(f, inner, 2)} * {self.text(g, inner, 2)}{f', axis={len(rest)}' if rest else ''})", 5
        letters = {x: "ijlmnopq"[i] for i, x in enumerate(dict.fromkeys([*rest, *fa, *ga]))} | {k: "k"}
        letters_of = ",".join("".join(letters[x] for x in side.axes) for side in (f, g))
        given = ", ".join(self.text(side, side.axes) for side in (f, g))
        return f'einsum("{letters_of}->{"".join(letters[x] for x in rest)}", {given})', 5

    def _summed(self, x: Node, k: Axis, rest: Sequence[Axis]) -> str:
        if k not in x.axes:
            return f"{k.size} * {self.text(x, rest, 2)}"
        inner = [*[a for a in rest if a in x.axes], k]
        said = f"sum({self.text(x, inner)}{f', axis={len(inner) - 1}' if len(inner) > 1 else ''})"
        return _aligned(said, inner[:-1], rest)

    def _flattened(self, term: Term, axes: Sequence[Axis]) -> str:
        at = axes.index(term.array.axes[term.array.along])
        inside = [*axes[:at], *term.over, *axes[at + 1 :]]
        (x,) = term.args
        said = self.text(x, inside)
        if len(x.axes) < len(inside):
            said = f"full({_shape(inside)}, {said})"
        return f"reshape({said}, {_shape(axes)})"

    def _concatenation(self, term: Term, axes: Sequence[Axis]) -> str:
        array = term.array
        along = array.axes[array.along]
        at, others = axes.index(along), [a for a in axes if a is not along]
        if not others and array.lengths == [1] * len(term.args):
            return f"array([{', '.join([self.text(part, []) for part in term.args])}])"
        behind, here = axes[at + 1 :], [x for x in others if x in term.axes]
        rows = array.lengths == [1] * len(term.args) and all(set(part.axes) == set(here) for part in term.args)
        if rows and len(behind) <= len(here) and here == others[len(others) - len(here) :]:  # the rest broadcasts
            behind_it = -1 - len(behind) if len(behind) < len(here) else 0
            said = ", ".join([self.text(part, here) for part in term.args])
            return f"stack([{said}]{f', axis={behind_it}' if behind_it else ''})"
        parts = []
        for part, length in zip(term.args, array.lengths):
            mine = [a for a in part.axes if a not in others]
            if mine:
                parts.append(self.text(part, [mine[0] if a is along else a for a in axes]))
            else:
                said = self.text(part, others, 5)
                axis = at - len(others) - 1
                if length > 1:
                    parts.append(f"repeat(expand({said}, {axis}), {length}, {axis})")
                elif part.axes == others and others and not at:
                    parts.append(f"{said}[None]")
                else:
                    parts.append(f"expand({said}, {axis})")
        if any(a.size == 1 or a not in term.axes for a in axes[:at]):  # no part may have it: from the end, then
            at -= len(axes)
        where = f", axis={at}" if at else ""
        return f"concatenate([{', '.join(parts)}]{where})"


def _shape(axes: Sequence[Axis]) -> str:
    sizes = ["n" if a.size == EXAMPLES else str(a.size) for a in axes]
    return f"({', '.join(sizes)})" if len(sizes) > 1 else f"({sizes[0]},)" if sizes else "()"


def spelled(op: str) -> str:
    """The name of a row, as code may call it."""
    return op.replace(".", "_")


def slice_text(p: Affine, size: int) -> str:
    """An index of an axis of some size, as code has it in brackets."""
    if not p.slopes:
        return str(p.start)
    ((axis, slope),) = p.slopes.items()
    end = p.start + slope * axis.size
    step = f":{slope}" if slope != 1 else ""
    if slope < 0:
        return f"{'' if p.start == size - 1 else p.start}:{'' if end < 0 else end}{step}"
    end = p.start + slope * (axis.size - 1) + 1
    return f"{p.start or ''}:{'' if end == size else end}{step}"


def _aligned(said: str, have: Sequence[Axis], want: Sequence[Axis]) -> str:
    """Code of an array, its axes put in another's order."""
    order = [a for a in want if a in have]
    if list(have) != order:
        said += ".T" if len(have) == 2 else f".transpose({', '.join(str(list(have).index(a)) for a in order)})"
    seen, index = False, []
    for a in want:
        seen = seen or a in have
        if seen:
            index.append(":" if a in have else "None")
    return f"{said}[{', '.join(index)}]" if "None" in index else said
