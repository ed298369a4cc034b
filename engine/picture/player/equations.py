"""What the player says at each step, as MathML: made here once, so that the page only shows and hides."""

from ...formulas.formula import expression, partial_formulas
from ...formulas.notation import name_text, number_part, number_text
from ...value import Value
from ..model.assembly import PictureModel
from ..model.boxes import Arrow, Box
from ..model.safety import xml
from ..model.sentences import MOST_TERMS, chain_line, counts, edge_text, gradient_note, tone, with_numbers

EQUALS, DOT, PLUS = "<mo>=</mo>", "<mo>·</mo>", "<mo>+</mo>"


class Equations:
    """The panels of one model's boxes and edges."""

    def __init__(self, model: PictureModel) -> None:
        self._model = model
        self._formulas: dict[Value, list[str | None]] = {}

    def forward(self, b: Box) -> str:
        """How a value comes about: expression, numbers, result, and the local derivatives known with it."""
        model, v = self._model, b.value
        if v is None or b.kind == "group":
            words = f'<p class="note">{xml(counts(model, b))}</p>' if b.kind == "group" else ""
            result = _math(f"{_name(b.name)}{EQUALS}{_number(v.data)}") if v is not None else ""
            many = f"<p>{len(b.outputs):,} values, each a cell of the strip.</p>" if v is None else ""
            return f"<h2>Forward · {xml(b.name)}</h2>{result}{many}{words}{self._locals(b)}"
        if v.op is None:
            return f"<h2>{xml(b.kind.capitalize())}</h2>{_math(f'{_name(b.name)}{EQUALS}{_number(v.data)}')}"
        lines = [
            f"{_name(b.name)}{EQUALS}{expression(v, model.name, 'mathml')}",
            EQUALS + with_numbers(v, "mathml"),
            f"{EQUALS}<mrow class='b'>{_number(v.data)}</mrow>",
        ]
        return f"<h2>Forward · {xml(b.name)}</h2>{''.join(map(_math, lines))}{self._locals(b)}"

    def _locals(self, b: Box) -> str:
        found = [f"<li>{_inline(self._local(e))}</li>" for e in self._model.ins[b][:MOST_TERMS] if e.local is not None]
        if len(self._model.ins[b]) > MOST_TERMS:
            found.append(f"<li>… {len(self._model.ins[b]):,} in all</li>")
        return f'<p class="note">Local derivatives, known now:</p><ul>{"".join(found)}</ul>' if found else ""

    def _local(self, e: Arrow) -> str:
        """∂z/∂s = formula = number."""
        text = edge_text(self._model, e)
        out = self._ratio(e)
        if e.plain and text.formula is not None:
            out += EQUALS + self._formula(e)
        if text.number is not None and e.local is not None:
            out += f"{EQUALS}<mrow class='b'>{_number(e.local)}</mrow>"
        return out

    def _formula(self, e: Arrow) -> str:
        user = e.paths[0].user
        if user not in self._formulas:
            self._formulas[user] = partial_formulas(user, self._model.name, "mathml")
        return self._formulas[user][e.paths[0].edge] or ""

    @staticmethod
    def _ratio(e: Arrow) -> str:
        return _fraction(_name(e.target.name), _name(e.source.name))

    def _derivative(self, b: Box) -> str:
        if self._model.by_root:
            return _fraction(_name(self._model.root_name), _name(b.name))
        return f"<mrow><mi>grad</mi><mspace width='.2em'/>{_name(b.name)}</mrow>"

    def backward(self, b: Box) -> str:
        """How a gradient comes about: symbols, numbers, products, sum."""
        model, v = self._model, b.value
        head = f"<h2>Backward · {xml(b.name)}</h2>"
        if v is None:
            n = sum(len(e.paths) for e in self._model.outs[b])
            return f"{head}<p>{len(b.outputs):,} gradients, gathered from {n:,} edges.</p>" + self._counted(b)
        total = model.sweep.sum(v)
        terms = [e for e in self._model.outs[b] if e.taken]
        if not terms:
            if v in model.sweep.seeds:
                note = "Backward starts at the result: it changes one for one with itself."
                note = note if model.by_root else "Backward starts here, with the gradient it was given."
                return f'{head}{_math(self._derivative(b) + EQUALS + _number(total))}<p class="note">{note}</p>'
            note = "No path that a gradient can take leads from here to the result."
            return f'{head}{_math(self._derivative(b) + EQUALS + _number(0.0))}<p class="note">{note}</p>'
        shown = terms if len(terms) <= MOST_TERMS else terms[: MOST_TERMS - 1]
        more = [] if shown is terms else ["<mo>…</mo>"]
        seed = [_number(model.sweep.seeds[v])] if v in model.sweep.seeds else []
        symbols = [self._symbols(e) for e in shown]
        lines = [self._derivative(b) + EQUALS + PLUS.join(seed + symbols + more)]
        if any(e.local is not None for e in shown):
            numbers = [self._numbers(e, not i and not seed) for i, e in enumerate(shown)]
            lines.append(EQUALS + PLUS.join(seed + numbers + more))
        if len(terms) + len(seed) > 1:
            products = [_coloured(e.product or 0.0, not i and not seed) for i, e in enumerate(shown)]
            lines.append(EQUALS + PLUS.join(seed + products + more))
        lines.append(f"{EQUALS}<mrow class='b'>{_coloured(total, True)}</mrow>")
        note = ""
        if any(e.local is None for e in terms):
            note = '<p class="note">A group of many outputs is passed by many paths: their sum is one term.</p>'
        elif len(terms) > 1:
            note = f'<p class="note">{xml(b.name)} is used {len(terms):,} times: one product for each path, then the sum.</p>'
        return head + "".join(map(_math, lines)) + note + self._other(b)

    def _other(self, b: Box) -> str:
        found = None if self._model.complete else gradient_note(self._model, b)
        if found is None or b.value is None:
            return ""
        return f'<p class="note">Its grad holds {xml(number_text(b.value.grad))}: more than one backward has added to it.</p>'

    def _counted(self, b: Box) -> str:
        return f'<p class="note">{xml(counts(self._model, b))}</p>' if b.kind == "group" else ""

    def _symbols(self, e: Arrow) -> str:
        if e.local is None or e.target.value is None:
            return f"<mtext>via {xml(e.target.name)}</mtext>"
        return self._derivative(e.target) + DOT + self._ratio(e)

    def _numbers(self, e: Arrow, first: bool) -> str:
        if e.local is None or e.target.value is None:
            return _coloured(e.product or 0.0, first)
        local = _number(e.local)
        if number_text(e.local)[0] == "−":
            local = f"<mo>(</mo>{local}<mo>)</mo>"
        return f"{_coloured(self._model.sweep.adjoints[e.target.value], first)}{DOT}<mrow class='b'>{local}</mrow>"

    def edge(self, e: Arrow) -> str:
        """An edge pointed at: its local derivative, and the share of the gradient along it."""
        model = self._model
        head = f"<h2>Edge {xml(e.source.name)} → {xml(e.target.name)}</h2>"
        if e.local is None or e.target.value is None:
            return f"{head}<p>{xml(edge_text(model, e).line)}.</p>"
        out = head + _math(self._local(e))
        if not e.taken:
            return out + '<p class="note">Not taken: no gradient flows along it.</p>'
        flow = f"{self._derivative(e.target)}{DOT}{self._ratio(e)}{EQUALS}{self._numbers(e, True)}{EQUALS}{_coloured(e.product or 0.0, True)}"
        return f'{out}<p class="note later">Share of the gradient that flows back along it:</p><div class="later">{_math(flow)}</div>'

    # The ledger ------------------------------------------------------------------------------------------------------

    def forward_line(self, b: Box) -> str:
        """The line of the ledger for a value."""
        v = b.value
        if v is None:
            return f"{xml(b.name)}: {len(b.outputs):,} values"
        middle = f"{xml(with_numbers(v))} = " if b.kind == "op" else ""
        return f"{xml(b.name)} = {middle}<b>{number_text(v.data)}</b>"

    def backward_line(self, b: Box) -> str:
        """The line of the ledger for a gradient."""
        if b.value is None:
            return f"{xml(b.name)}: {len(b.outputs):,} gradients"
        total = self._model.sweep.sum(b.value)
        first, _, rest = chain_line(self._model, b).partition(" = ")
        parts = rest.split(" = ")
        middle = f"{xml(parts[-2])} = " if len(parts) > 1 else ""
        return f'{xml(first)} = {middle}<b class="{tone(total)}">{number_text(total)}</b>'


def _math(inside: str) -> str:
    return f'<div class="eq"><math displaystyle="true">{inside}</math></div>'


def _inline(inside: str) -> str:
    return f"<math>{inside}</math>"


def _name(name: str) -> str:
    return name_text(name, "mathml")


def _number(x: float) -> str:
    return number_part(x, "mathml").text


def _coloured(x: float, first: bool) -> str:
    text = f"<mrow class='{tone(x)}'>{_number(x)}</mrow>"
    return text if first or number_text(x)[0] != "−" else f"<mrow><mo>(</mo>{text}<mo>)</mo></mrow>"


def _fraction(a: str, b: str) -> str:
    return f"<mfrac><mrow><mo>∂</mo>{a}</mrow><mrow><mo>∂</mo>{b}</mrow></mfrac>"
