"""The words of what holds several values: a layer in matrices, the numbers it was given, the Jacobian along an arrow."""

from ...formulas.naming import partial_derivative, total_derivative
from ...formulas.notation import Part, number_text, written
from .boxes import Arrow, Box, PictureModel
from .clusters import counted

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


def _slope(b: Box) -> str | None:
    """∂layer/∂x of a dense layer: diag(relu′(z1))·W1."""
    if b.dense is None:
        return None
    w, _, _, z = b.letters
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
    if e.jacobian is not None:
        rows, columns, norm = e.jacobian
        e.symbol = partial_derivative(target.function, source.name, "unicode")
        if target.dense is not None and list(map(id, target.dense.inputs)) == list(map(id, source.outputs)):
            e.formula = _slope(target)
        e.size = f"{rows:,} × {columns:,}" + (", norm " if norm is not None else ", too large for its norm")
        e.number = number_text(norm) if norm is not None else None
        e.line += f": {e.symbol}{' = ' + e.formula if e.formula else ''}, {e.size}{e.number or ''}"
    if e.product is not None and model.shows_flow:
        e.line += f", through which {number_text(e.product)} flows back"


def say_values(model: PictureModel, b: Box) -> str:
    """The sentence of a box that holds several values."""
    if b.given:
        b.counts = (
            f"[{', '.join(map(number_text, b.given))}]" if len(b.given) <= FEW else counted(len(b.given), "number")
        )
        return f"{b.full} = {b.counts}, plain numbers: no gradient flows back to them"
    if b.kind != "group":
        return b.full
    line = f"{b.full}{' = ' + b.expression if b.expression else ''}: {b.counts}"
    outs = [e for e in model.outs[b] if e.taken]
    apart = [_are_apart(model, box) for box in (b, *(e.target for e in outs))]
    if model.shows_flow and model.by_root and outs and all(apart) and not b.is_root:
        terms = [
            f"({e.symbol})ᵀ·{total_derivative(model.root_name, e.target.name, 'unicode')}" for e in outs if e.jacobian
        ]
        if len(terms) == len(outs):
            line += f"; {total_derivative(model.root_name, b.name, 'unicode')} = {' + '.join(terms)}"
    return line


def _are_apart(model: PictureModel, b: Box) -> bool:
    """Whether no output of a box is used inside it."""
    inside = set(b.members)
    return not any(u.user in inside for v in b.outputs for u in model.sweep.uses[v])
