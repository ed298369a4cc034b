"""The array program as formulas, as textbooks write them: in matrices where it can be, elsewhere with an index an axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

from ...formulas.naming import name_text, partial_derivative
from ...formulas.notation import Part, constant, in_parentheses, written
from ...rule import ATOM, POWER, PRODUCT, SIGN, SUM, TABLE, Op
from .notation import BELOW, COMMA, DOTS, FORMS, LOW
from .program import Affine, Array, Axis, Number, Read, number_of, whole
from .scans import OfRound, Scan
from .terms import REDUCTIONS, SOFT, Definition, Node, Term, in_matrices, nodes, reads, whole_axes
from .text import COMPARISONS, slice_text, spelled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LETTERS = "ijklmoprstuv"  # of axes; n is the number of examples
FEW = 6  # numbers that are written out, and parts
MATRIX = SIGN  # how tightly a product of matrices binds
CONDITIONS = frozenset((*COMPARISONS, "step", "inside", "isfinite"))


class Formulas:
    """Formulas of arrays in one style.

    Args:
        style: "unicode", "latex" or "mathml".
        rows: ops of users, by name.
        constants: by name, the arrays of numbers that the program has of its own.
        top: what gradients are of.
    """

    def __init__(self, style: str, rows: Mapping[str, Op], constants: Mapping[str, NDArray[np.float64]],
                 top: str = "L") -> None:  # fmt: skip
        self._style, self._rows, self._constants, self._top = style, {**TABLE, **rows}, constants, top
        self._forms = FORMS[style]
        self._letters: dict[Axis, str] | None = None  # None: in matrices
        self._whole = set[Axis]()  # axes whose length is that of an axis of an array that is read

    def equation(self, d: Definition) -> str:
        """What an array is."""
        term, axes = d.term, d.array.axes
        joined = isinstance(term, Term) and term.op == "concatenation"
        self._letters = None if in_matrices(d) else self._named_axes(d)
        self._whole = {*axes, *[a for r in reads(term) for a in whole_axes(r)]}
        left = self.name(d.array)
        if self._letters is not None and axes:
            left = self._read(whole(d.array), axes)
        said = self._joined(term) if isinstance(term, Term) and joined else self._argument(term, axes)
        return self._put("equation", left.text, said.text)

    def equations(self, scan: Scan) -> list[str]:
        """What a state is before the first round, and what each round makes."""
        rounds = [x for d in scan.lines for x in (self.equations(d) if isinstance(d, Scan) else [self.equation(d)])]
        letter = name_text(scan.letter, self._style)
        last = str(scan.rounds - 1)
        return [*[self.equation(d) for d in scan.starts], *[self._put("rounds", x, letter, last) for x in rounds]]

    def name(self, array: Array) -> Part:
        """What an array is called: a gradient is the derivative of what it is one of."""
        if isinstance(array, OfRound):
            index = [x.replace(" ", "").replace("*", "") for x in array.index]
            some = [x for x in index if x != ":"]
            said = some if len(some) == 1 else index  # alone, it is that of the round
            return self._element(self.name(array.of), said) if some else self.name(array.of)
        if not array.gradient_of:
            return Part(name_text(array.name, self._style))
        text = partial_derivative(self._top, array.gradient_of, self._style)
        return Part(text, POWER)

    def _put(self, form: str, *texts: str) -> str:
        return self._forms[form].format(*texts)

    def _held(self, part: Part, level: int, first: bool = False) -> str:
        """The text, in parentheses where it binds looser or begins with a sign."""
        loose = part.binding < level or (part.signed and level > SUM and not first)
        return in_parentheses(part.text, self._style) if loose else part.text

    def _named_axes(self, d: Definition) -> dict[Axis, str]:
        """A letter for each axis of a line, those of the array first."""
        taken = {r.array.name for r in reads(d.term)}
        free = [x for x in LETTERS if x not in taken]
        axes = dict.fromkeys([*d.array.axes, *[a for t in nodes(d.term) for a in [*t.axes, *getattr(t, "over", ())]]])
        return {a: free[k] if k < len(free) else f"{free[0]}{k}" for k, a in enumerate(axes)}

    # Terms ---------------------------------------------------------------------------------------------------------------

    def _part(self, term: Node, axes: Sequence[Axis]) -> Part:
        if isinstance(term, Number):
            return self._number(term, axes)
        if isinstance(term, Read):
            return self._read(term, axes)
        mine = [a for a in axes if a in term.axes]
        if term.op == "dot":
            return self._dot(term, mine)
        if term.op in REDUCTIONS:
            return self._reduction(term)
        if term.op in ("where", "edge"):
            return self._choice(term, mine)
        if term.op == "mul":
            return self._times(term.args[0], term.args[1], mine)
        if term.op == "div" and self._letters is None and len(mine) == 2 and len(term.args[1].axes) == 1:
            return self._scaled(term.args[1], term.args[0], mine, inverse=True)
        if term.op == "times_examples":
            return Part(
                self._put("product", name_text("n", self._style), self._held(self._part(term.args[0], axes), 3)), 2
            )
        if term.op == "take" and self._letters is not None:
            self._letters[term.over[0]] = self._part(term.args[1], axes).text
            return self._part(term.args[0], axes)
        if term.op == "numbers":
            return self._part(term.args[0], axes)
        if term.op == "flattened":
            return Part(self._put("call", self._function("flat"), self._part(term.args[0], term.args[0].axes).text))
        if term.op in SOFT:
            return self._soft(term, mine)
        return self._elementwise(term, mine)

    def _soft(self, term: Term, axes: Sequence[Axis]) -> Part:
        """Shares along an axis, in matrices along their rows."""
        if self._letters is not None:
            return self._along(term.op, term.over, self._part(term.args[0], []))
        along = [*[a for a in axes if a not in term.over], *term.over]
        said = Part(self._put("call", self._function(term.op), self._part(term.args[0], along).text))
        return said if list(axes) == along else Part(self._transposed(said), POWER)

    def _elementwise(self, term: Term, axes: Sequence[Axis]) -> Part:
        op, args = term.op, list(term.args)
        if op == "add" and isinstance(args[1], Term) and args[1].op == "neg":
            op, args = "sub", [args[0], args[1].args[0]]
        elif op == "add" and (number_of(args[1]) or 0.0) < 0.0:
            op, args = "sub", [args[0], Number(-(number_of(args[1]) or 0.0))]
        parts = [self._argument(a, [*axes, *term.over]) for a in args]
        row = self._rows.get(op)
        if row is not None and not row.lists:
            return written(row, parts, self._style)
        return Part(self._put("call", self._function(op), COMMA[self._style].join([p.text for p in parts])))

    def _function(self, op: str) -> str:
        word = "max" if op == "top" else spelled(op)
        if self._style not in ("latex", "mathml"):
            return word
        return (
            f"<mi>{word}</mi>" if self._style == "mathml" else rf"\operatorname{{{word.replace('_', chr(92) + '_')}}}"
        )

    def _argument(self, arg: Node, axes: Sequence[Axis]) -> Part:
        """Beside others of these axes: a row stands for as many as there are, a column says so."""
        part = self._part(arg, axes)
        if self._letters is not None or len(axes) < 2 or not arg.axes or axes[-1] in arg.axes:
            return part
        return Part(self._put("column", self._held(part, MATRIX)), MATRIX)

    def _times(self, a: Node, b: Node, axes: Sequence[Axis]) -> Part:
        if (isinstance(b, Number) or (a.axes and not b.axes)) and not isinstance(a, Number):
            a, b = b, a
        if number_of(a) == -1.0:
            return written(TABLE["neg"], [self._part(b, axes)], self._style)
        if self._letters is None and a.axes and b.axes:
            if len(axes) == 2 and len(a.axes) == len(b.axes) == 1 and a.axes != b.axes:
                column, row = (a, b) if axes[0] in a.axes else (b, a)
                row_text = self._transposed(self._part(row, axes))
                return Part(self._put("product", self._held(self._part(column, axes), MATRIX, True), row_text), MATRIX)
            if len(axes) == 2 and 1 in (len(a.axes), len(b.axes)) and a.axes != b.axes:
                return self._scaled(*((a, b) if len(a.axes) == 1 else (b, a)), axes)
            left, right = self._part(a, axes), self._part(b, axes)
            return Part(self._put("elementwise", self._factor(left), self._factor(right)), PRODUCT)
        left, right = self._part(a, axes), self._part(b, axes)
        return Part(
            self._put("product", self._held(left, PRODUCT, True), self._held(right, PRODUCT)), PRODUCT, left.signed
        )

    def _factor(self, part: Part) -> str:
        """Of an elementwise product."""
        return in_parentheses(part.text, self._style) if part.binding < POWER else part.text

    def _scaled(self, v: Node, m: Node, axes: Sequence[Axis], inverse: bool = False) -> Part:
        """A matrix whose rows or columns are multiplied by the numbers of a vector."""
        diag = self._put("diag", self._part(v, axes).text)
        diag = self._put("inverse", diag) if inverse else diag
        matrix = self._held(self._argument(m, axes), MATRIX)
        return Part(self._put("product", *((diag, matrix) if axes[0] in v.axes else (matrix, diag))), MATRIX)

    def _choice(self, term: Term, axes: Sequence[Axis]) -> Part:
        c, chosen, other = term.args
        if not (isinstance(c, Term) and c.op in CONDITIONS):
            c = Term("not_equal", [c, Number(0.0)], [], c.axes, term.array)
        if number_of(other) == 0.0 or _is_zero_behind(other, c):
            if number_of(chosen) == 1.0:
                return self._part(c, axes)
            return self._times(chosen, c, axes)
        condition, *parts = [self._argument(a, axes).text for a in (c, chosen, other)]
        return Part(self._put("cases", condition.removeprefix("[").removesuffix("]"), *parts))

    def _transposed(self, part: Part) -> str:
        return self._put("transposed", self._held(part, ATOM))

    # What goes along an axis ---------------------------------------------------------------------------------------------

    def _dot(self, term: Term, axes: Sequence[Axis]) -> Part:
        f, g, *start = term.args
        (k,) = term.over
        if self._letters is not None:
            found = self._sum(term.over, self._times(f, g, axes))
        else:
            fa, ga = ([a for a in x.axes if a is not k] for x in (f, g))
            if axes and axes[0] in ga:
                f, g, fa, ga = g, f, ga, fa
            left, right = self._part(f, [*fa, k]), self._part(g, [k, *ga])
            said = self._held(left, MATRIX, True) if fa else self._transposed(left)
            found = Part(self._put("product", said, self._held(right, MATRIX)), MATRIX, left.signed and bool(fa))
        if not start:
            return found
        return written(TABLE["add"], [found, self._argument(start[0], axes)], self._style)

    def _sum(self, over: Sequence[Axis], x: Part) -> Part:
        letters = self._letters or {}
        said = [letters[a] if a in self._whole else f"{letters[a]}<{a.size}" for a in over]
        return Part(self._put("sum", self._low(said), self._held(x, PRODUCT, True)), PRODUCT)

    def _low(self, letters: Sequence[str]) -> str:
        """Letters of axes, as they stand below a sign."""
        said = ",".join(letters)
        if self._style == "unicode":
            return said.translate(LOW) if said.isalnum() else f"_{{{said}}}"
        return f"<mi>{said.replace('<', '&lt;')}</mi>" if self._style == "mathml" else said

    def _reduction(self, term: Term) -> Part:
        (x,) = term.args
        over = [a for a in term.over if a in x.axes]
        count = constant(float(prod(a.size for a in term.over if a not in x.axes)), self._style)
        found, one = self._part(x, []), constant(1.0, self._style)
        if over:
            found = self._sum(over, found) if term.op == "total" else self._along(term.op, over, found)
        if count == one or term.op not in ("total", "logsumexp"):
            return found
        if term.op == "total":
            return Part(self._put("product", count.text, self._held(found, PRODUCT)), PRODUCT)
        return written(TABLE["add"], [found, written(TABLE["log"], [count], self._style)], self._style)

    def _along(self, op: str, over: Sequence[Axis], x: Part) -> Part:
        letters = self._letters or {}
        return Part(self._put("along", self._function(op), self._low([letters[a] for a in over]), x.text))

    # Leaves --------------------------------------------------------------------------------------------------------------

    def _number(self, x: Number, axes: Sequence[Axis]) -> Part:
        if isinstance(x.value, float):
            return constant(x.value, self._style)
        kept = [a for a in x.axes if a.size > 1]
        value = x.value.reshape([a.size for a in kept])
        if self._letters is None and value.ndim == 1 and len(value) <= FEW:
            texts = [constant(float(v), self._style).text for v in value]
            return Part(self._put("list", COMMA[self._style].join(texts)))
        known = [
            name for name, other in self._constants.items() if other.shape == value.shape and (other == value).all()
        ]
        name = Part(name_text(known[0] if known else "c", self._style))
        if self._letters is not None:
            return self._element(name, [self._letters[a] for a in kept])
        order = [a for a in axes if a in kept]
        return Part(self._put("transposed", name.text), POWER) if order != kept and len(kept) == 2 else name

    def _read(self, r: Read, axes: Sequence[Axis]) -> Part:
        name = self.name(r.array)
        if self._letters is not None:
            if isinstance(r.array, OfRound) and r.array.name != r.array.of.name:
                places, index = iter(r.places), r.array.index
                said = [self._index(next(places)) if x == ":" else x.replace(" ", "") for x in index]
                return self._element(self.name(r.array.of), said)
            return self._element(name, [self._index(p) for p in r.places]) if r.places else name
        said = [slice_text(p, a.size) for p, a in zip(r.places, r.array.axes)]
        while said and said[-1] == ":":
            said.pop()
        found = self._element(name, said) if said else name
        have, want = r.axes, [a for a in axes if a in r.axes]
        return Part(self._transposed(found), POWER) if len(have) == 2 and have != want else found

    def _element(self, name: Part, index: Sequence[str]) -> Part:
        if self._style not in ("latex", "mathml"):
            return Part(self._put("element", name.text, ", ".join(index)))
        short = all(len(x) == 1 and x.isalpha() for x in index)
        said = ("" if short else ",").join(index)
        if self._style == "mathml":
            said = "".join([f"<mi>{x}</mi>" for x in index]) if short else f"<mi>{said}</mi>"
        simple = name.binding == ATOM and "_{" not in name.text and "<msub>" not in name.text
        return Part(self._put("element", name.text if simple else in_parentheses(name.text, self._style), said))

    def _index(self, p: Affine) -> str:
        letters, minus = self._letters or {}, "−" if self._style in ("unicode", "mathml") else "-"
        terms = [(s, (str(abs(s)) if abs(s) > 1 else "") + letters[a]) for a, s in p.slopes.items()]
        terms.sort(key=lambda term: term[0] < 0)
        if p.start or not terms:
            terms.insert(0 if terms and terms[0][0] < 0 else len(terms), (p.start, str(abs(p.start))))
        said = "".join([f"{'+' if s >= 0 else minus}{text}" for s, text in terms])
        return said.removeprefix("+")

    def _joined(self, term: Term) -> Part:
        """Parts side by side, or where they have more than two axes, along one."""
        array, letters = term.array, self._letters
        along = array.axes[array.along]
        others = [a for a in array.axes if a is not along]
        texts = []
        for part in _some(term.args):
            if part is None:
                texts.append(DOTS[self._style])
                continue
            mine = [a for a in part.axes if a not in others]
            if letters is not None:
                letters.update(dict.fromkeys(mine, letters[along]))
            texts.append(self._part(part, [mine[0] if a is along and mine else a for a in array.axes]).text)
        below = letters is None and len(array.axes) == 2 and not array.along
        if letters is None:
            form = "rows" if below else "list"
            return Part(self._put(form, (BELOW if below else COMMA)[self._style].join(texts)))
        low = self._low([letters[along]])
        return Part(self._put("along", self._function("concatenation"), low, COMMA[self._style].join(texts)))


def _some(parts: Sequence[Node]) -> Iterator[Node | None]:
    """The parts, of many the first and the last, with None between."""
    for k, part in enumerate(parts):
        if len(parts) <= FEW or k < FEW - 2 or k == len(parts) - 1:
            yield part
        elif k == FEW - 2:
            yield None


def _is_zero_behind(other: Node, condition: Term) -> bool:
    """Is what is chosen where `h > 0` fails h, a relu, and so 0?"""
    h = condition.args[0]
    met = condition.op == "step" or (condition.op == "greater" and number_of(condition.args[1]) == 0.0)
    if not (
        met and isinstance(h, Read) and isinstance(other, Read) and h.array is other.array and h.array.op == "relu"
    ):
        return False
    return all(p.start == q.start and p.slopes == q.slopes for p, q in zip(h.places, other.places))
