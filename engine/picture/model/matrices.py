"""The words of what holds several values: a layer in matrices, the numbers it was given, the Jacobian along an arrow."""

from ...formulas.formula import expression
from ...formulas.naming import partial_derivative, total_derivative
from ...formulas.notation import Part, number_text, written
from .boxes import Arrow, Box, PictureModel
from .clusters import counted
from .layers import Jacobian

FEW = 4  # numbers that are written out


def dense_formula(b: Box) -> str:
    """A dense layer in the letters of its box: relu(z1), z1 = W1·layers[0] + b1."""
    if b.dense is None:
        return ""
    w, x, c, z = b.letters
    linear = f"{w}·{x} + {c}" if b.dense.bias else f"{w}·{x}"
    if b.dense.activation is None:
        return linear
    return f"{written(b.dense.activation, [Part(z)], 'unicode').text}, {z} = {linear}"


def _slope(b: Box, column: int | None = None) -> str | None:
    """∂layer/∂x of a dense layer: diag(relu′(z1))·W1; by one of its inputs that of W1's column."""
    if b.dense is None:
        return None
    w, _, _, z = b.letters
    w += "" if column is None else f"[:, {column}]"
    if b.dense.activation is None:
        return w
    text = written(b.dense.activation, [Part(z)], "unicode").text
    name = text.removesuffix(f"({z})") if text.endswith(f"({z})") else b.dense.activation.name
    return f"diag({name}′({z}))·{w}"


def say_many(model: PictureModel, e: Arrow) -> None:
    """The words of an arrow between boxes of which one holds several values."""
    source, target = e.source.leaf or e.source, e.target
    if source.kind == "given":
        e.line = f"the plain numbers {source.name} go into {target.name}: no gradient flows back to them"
        return
    e.symbol = counted(len(e.paths), "edge")
    e.line = f"{e.symbol} from {source.name} to {target.name}"
    calls = max(source.calls, target.calls)
    if calls > 1 and not (e.jacobian is not None and _is_by_example(e.jacobian, source, target)):
        if e.product is not None and model.shows_flow and source.kind in ("group", "op"):
            together = any(b.calls == calls and b.scope is not None for b in model.boxes)
            over = f"over {counted(calls, 'example')}" if together else f"of {e.symbol}"
            e.symbol, e.size, e.number = f"Σ {over}", "= ", number_text(e.product)
            e.line += f"; Σ of what flows back through them = {e.number}"
        return
    if e.jacobian is not None:
        rows, columns, norm = e.jacobian
        e.symbol = partial_derivative(target.function, source.name, "unicode")
        if target.dense is not None:
            inputs, outputs = [list(map(id, xs)) for xs in (target.dense.inputs, source.outputs)]
            if inputs == outputs or (calls > 1 and target.letters[1] == source.name):
                e.formula = _slope(target)
            elif calls == len(outputs) == 1 == inputs.count(outputs[0]):
                e.formula = _slope(target, inputs.index(outputs[0]))
        if calls > 1:
            e.size = f"{rows // calls:,} × {columns // calls:,}, for each of {calls:,} examples"
        else:
            e.size = f"{rows:,} × {columns:,}" + (", norm " if norm is not None else ", too large for its norm")
            e.number = number_text(norm) if norm is not None else None
        e.line += f": {e.symbol}{' = ' + e.formula if e.formula else ''}, {e.size}{e.number or ''}"
    if e.product is not None and model.shows_flow:
        e.line += f", through which {number_text(e.product)} flows back"


def _is_by_example(jacobian: Jacobian, source: Box, target: Box) -> bool:
    """Whether an arrow between calls is a matrix for each."""
    together = source.calls == target.calls and source.scope is not None and target.scope is not None
    return together and (jacobian.rows > source.calls or jacobian.columns > source.calls)


def say_values(model: PictureModel, b: Box) -> str:
    """The sentence of a box that holds several values."""
    if b.given:
        b.counts = (
            f"[{', '.join(map(number_text, b.given))}]" if len(b.given) <= FEW else counted(len(b.given), "number")
        )
        if b.calls > 1:
            b.counts = f"{b.calls:,} × {len(b.given) // b.calls:,} numbers"
        return f"{b.full} = {b.counts}, plain numbers: no gradient flows back to them"
    if b.kind != "group":
        return b.full
    if b.scope is None and b.calls > 1:
        first = b.outputs[0]
        b.counts = f"{b.calls:,} nodes, the first {model.name(first)} = {expression(first, model.name, 'unicode')}"
    line = f"{b.full}{' = ' + b.expression if b.expression else ''}: {b.counts}"
    outs = [e for e in model.outs[b] if e.taken]
    apart = [box.calls == 1 and _are_apart(model, box) for box in (b, *(e.target for e in outs))]
    if model.shows_flow and model.by_root and outs and all(apart) and not b.is_root:
        terms = [
            f"({e.symbol})ᵀ·{total_derivative(model.root_name, e.target.name, 'unicode')}" for e in outs if e.jacobian
        ]
        if len(terms) == len(outs):
            b.chain = f"{total_derivative(model.root_name, b.name, 'unicode')} = {' + '.join(terms)}"
            line += f"; {b.chain}"
    return line


def _are_apart(model: PictureModel, b: Box) -> bool:
    """Whether no output of a box is used inside it."""
    inside = set(b.members)
    return not any(u.user in inside for v in b.outputs for u in model.sweep.uses[v])
