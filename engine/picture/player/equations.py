"""What the player says at each step, as MathML: made here once, so that the page only shows and hides."""

from ...formulas.formula import expression, partial_formulas
from ...formulas.graph_names import scope_path
from ...formulas.naming import bracketed, name_text, partial_derivative, total_derivative
from ...formulas.notation import number_part, number_text
from ...value import Value
from ..model.boxes import Arrow, Box, PictureModel
from ..model.safety import xml
from ..model.sentences import MOST_TERMS, tone, with_numbers

EQUALS, DOT, PLUS = "<mo>=</mo>", "<mo>·</mo>", "<mo>+</mo>"


class Equations:
    """What one model's boxes and arrows say."""

    def __init__(self, model: PictureModel) -> None:
        self._model = model
        self._formulas: dict[Value, list[str | None]] = {}

    def forward(self, b: Box) -> str:
        """How a value comes about: expression, numbers, result, and the local derivatives known with it."""
        if b.value is None:
            many = f"<p>{len(b.spread):,} values, each a cell of the strip.</p>"
            return f"<h2>Forward · {xml(b.name)}</h2>{many}{_counted(b)}{self._locals(b)}"
        equals = f"{_name(b.name)}{EQUALS}"
        if b.kind == "group":
            result = _math(equals + _number(b.data))
            return f"<h2>Forward · {xml(b.name)}</h2>{result}{_counted(b)}{self._locals(b)}"
        if b.kind != "op":
            return f"<h2>{xml(b.kind.capitalize())}</h2>{_math(equals + _number(b.data))}"
        lines = [
            equals + expression(b.value, self._model.name, "mathml"),
            EQUALS + with_numbers(b.value, "mathml"),
            f"{EQUALS}<mrow class='b'>{_number(b.data)}</mrow>",
        ]
        return f"<h2>Forward · {xml(b.name)}</h2>{''.join(map(_math, lines))}{self._locals(b)}"

    def _locals(self, b: Box) -> str:
        ins = self._model.ins[b]
        found = [f"<li><math>{self._local(e)}</math></li>" for e in ins[:MOST_TERMS] if e.local is not None]
        if len(ins) > MOST_TERMS:
            found.append(f"<li>… {len(ins):,} in all</li>")
        return f'<p class="note">Local derivatives, known now:</p><ul>{"".join(found)}</ul>' if found else ""

    def _local(self, e: Arrow) -> str:
        """∂z/∂s = formula = number."""
        out = _ratio(e)
        if e.formula is not None:
            user, edge = e.paths[0].user, e.paths[0].edge
            if user not in self._formulas:
                self._formulas[user] = partial_formulas(user, self._model.name, "mathml")
            out += EQUALS + (self._formulas[user][edge] or "")
        if e.number is not None and e.local is not None:
            out += f"{EQUALS}<mrow class='b'>{_number(e.local)}</mrow>"
        return out

    def _derivative(self, b: Box) -> str:
        if self._model.by_root:
            return total_derivative(self._model.root_name, b.name, "mathml")
        return f"<mrow><mi>grad</mi><mspace width='.2em'/>{_name(b.name)}</mrow>"

    def backward(self, b: Box) -> str:
        """How a gradient comes about: symbols, numbers, products, sum."""
        head, outs = f"<h2>Backward · {xml(b.name)}</h2>", self._model.outs[b]
        if b.value is None:
            n = sum(len(e.paths) for e in outs)
            return f"{head}<p>{len(b.outputs):,} gradients, gathered from {n:,} edges.</p>{f'<p>{xml(b.chain)}</p>' if b.chain else ''}{_counted(b)}"
        left = self._derivative(b) + EQUALS
        terms = [e for e in outs if e.taken]
        if not terms:
            note = "No path that a gradient can take leads from here to the result."
            if b.seed is not None:
                note = "Backward starts at the result: it changes one for one with itself."
                note = note if self._model.by_root else "Backward starts here, with the gradient it was given."
            return f'{head}{_math(left + _number(b.total))}<p class="note">{note}</p>'
        shown = terms if len(terms) <= MOST_TERMS else terms[: MOST_TERMS - 1]
        more = [] if shown is terms else ["<mo>…</mo>"]
        seed = [] if b.seed is None else [_number(b.seed)]
        lines = [left + PLUS.join(seed + [self._symbols(e) for e in shown] + more)]
        if any(e.local is not None for e in shown):
            numbers = [_numbers(e, not i and not seed) for i, e in enumerate(shown)]
            lines.append(EQUALS + PLUS.join(seed + numbers + more))
        if len(terms) + len(seed) > 1:
            products = [_coloured(e.product or 0.0, not i and not seed) for i, e in enumerate(shown)]
            lines.append(EQUALS + PLUS.join(seed + products + more))
        lines.append(f"{EQUALS}<mrow class='b'>{_coloured(b.total, True)}</mrow>")
        note = ""
        if any(e.local is None for e in terms):
            note = '<p class="note">A group of many outputs is passed by many paths: their sum is one term.</p>'
        elif len(terms) > 1:
            note = f'<p class="note">{xml(b.name)} is used {len(terms):,} times: one product for each path, then the sum.</p>'
        return head + "".join(map(_math, lines)) + note

    def _symbols(self, e: Arrow) -> str:
        if e.local is None:
            return f"<mtext>via {xml(e.target.name)}</mtext>"
        return self._derivative(e.target) + DOT + _ratio(e)

    def arrow(self, e: Arrow) -> str:
        """An arrow pointed at: its local derivative, and the share of the gradient along it."""
        head = f"<h2>Edge {xml(e.source.name)} → {xml(e.target.name)}</h2>"
        if e.local is None:
            return f"{head}<p>{xml(e.line)}.</p>"
        out = head + _math(self._local(e))
        if not e.taken:
            return out + '<p class="note">Not taken: no gradient flows along it.</p>'
        flow = f"{self._symbols(e)}{EQUALS}{_numbers(e, True)}{EQUALS}{_coloured(e.product or 0.0, True)}"
        return f'{out}<p class="note later">Share of the gradient that flows back along it:</p><div class="later">{_math(flow)}</div>'


# The ledger ----------------------------------------------------------------------------------------------------------


def forward_line(b: Box) -> str:
    """The line of the ledger for a value."""
    if b.value is None:
        return f"{xml(b.name)}: {len(b.outputs):,} values"
    middle = f"{xml(b.numbers)} = " if b.kind == "op" else ""
    return f"{xml(b.name)} = {middle}<b>{number_text(b.data)}</b>"


def backward_line(b: Box) -> str:
    """The line of the ledger for a gradient."""
    if b.value is None:
        return f"{xml(b.chain or b.name)}: {len(b.outputs):,} gradients"
    first, _, rest = b.chain.partition(" = ")
    parts = rest.split(" = ")
    middle = f"{xml(parts[-2])} = " if len(parts) > 1 else ""
    return f'{xml(first)} = {middle}<b class="{tone(b.total)}">{number_text(b.total)}</b>'


# MathML --------------------------------------------------------------------------------------------------------------


def _counted(b: Box) -> str:
    formula = f"<p>{xml(b.name)} = {xml(b.expression)}</p>" if b.expression else ""
    path = b.scope.path if b.scope is not None else ""
    opens = f'<p class="note opens">draw(…, expand="{xml(path)}") opens it.</p>' if path else ""
    if b.scope is not None and b.calls > 1:
        word = bracketed(scope_path(b.scope))
        opens += f'<p class="note one">draw(…, expand="{xml(word)}[0]") opens one of the {b.calls:,}.</p>'
    return f'{formula}<p class="note">{xml(b.counts)}</p>{opens}' if b.kind == "group" else ""


def _ratio(e: Arrow) -> str:
    return partial_derivative(e.target.function, e.source.name, "mathml", e.place)


def _numbers(e: Arrow, first: bool) -> str:
    if e.local is None:
        return _coloured(e.product or 0.0, first)
    local = _number(e.local)
    if number_text(e.local)[0] == "−":
        local = f"<mo>(</mo>{local}<mo>)</mo>"
    return f"{_coloured(e.target.total, first)}{DOT}<mrow class='b'>{local}</mrow>"


def _math(inside: str) -> str:
    return f'<div class="eq"><math displaystyle="true">{inside}</math></div>'


def _name(name: str) -> str:
    return name_text(name, "mathml")


def _number(x: float) -> str:
    return number_part(x, "mathml").text


def _coloured(x: float, first: bool) -> str:
    text = f"<mrow class='{tone(x)}'>{_number(x)}</mrow>"
    return text if first or number_text(x)[0] != "−" else f"<mrow><mo>(</mo>{text}<mo>)</mo></mrow>"
