"""Summary: a network as a table, a row for each layer, as Keras prints it."""

from __future__ import annotations

from engine import Value

from .blocks import Activation, Dropout, Embedding, LayerNorm
from .layers import Layer, Neuron
from .module import Module, frozen, module_of
from .structure import held

ROWS = (Layer, Neuron, Activation, Dropout, LayerNorm, Embedding)  # what stands for all that is inside it


class Table(str):
    """A text that shows as itself, not in quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def summary(model: object) -> Table:
    """The layers of a network with the shape of their outputs and the number of their parameters, as text.

    Args:
        model: a Module or a NeuralNetwork.

    Raises:
        TypeError: model is neither.

    >>> import nn
    >>> nn.summary(nn.MLP(64, [16, 10], seed=0))
    MLP
    ───────────────────────────────────────────────────────────
    layer       what                      output     parameters
    ───────────────────────────────────────────────────────────
    layers.0    Layer(64, 16, 'relu')     (16,)           1,040
    layers.1    Layer(16, 10, 'identity') (10,)             170
    ───────────────────────────────────────────────────────────
    1,210 parameters, 1,210 of them trainable
    """
    net = module_of("summary", model)
    cells = _cells(net)
    widths = [max(len(row[k]) for row in cells) for k in range(4)]
    widths = [max(w, least) for w, least in zip(widths, (11, 20, 10, 10))]
    lines = [
        f"{row[0]:<{widths[0]}} {row[1]:<{widths[1]}} {row[2]:<{widths[2]}} {row[3]:>{widths[3]}}".rstrip()
        for row in cells
    ]
    rule = "─" * (sum(widths) + 3)
    count, fixed = net.parameter_count, len(_frozen(net))
    end = f"{count:,} parameters, {count - fixed:,} of them trainable"
    return Table("\n".join([type(model).__name__, rule, lines[0], rule, *lines[1:], rule, end]))


def _cells(net: Module) -> list[tuple[str, str, str, str]]:
    cells = [("layer", "what", "output", "parameters")]
    covered: set[int] = set()
    shape = "?"
    for path, module in net.named_modules():
        if id(module) in covered:
            continue
        inside = [m for _, m in module.named_modules()][1:]
        if isinstance(module, ROWS) or not inside:
            covered.update(map(id, inside))
            shape = _output(module, shape)
            count = module.parameter_count
        else:
            count = len(_own(module, inside))
            if not count:
                continue  # it only holds others
        cells.append((path or "–", _what(module), shape if isinstance(module, ROWS) else "?", f"{count:,}"))
    return cells


def _own(module: Module, inside: list[Module]) -> set[Value]:
    """What a Module holds outside of those inside it, of which each tells of all in it."""
    own, told = set(held(module)), set[int]()
    for m in inside:
        if id(m) not in told:
            own.difference_update(held(m))
            told.update([id(n) for _, n in m.named_modules()])
    return own


def _output(module: Module, before: str) -> str:
    if isinstance(module, Layer):
        return f"({len(module.neurons)},)"
    if isinstance(module, LayerNorm):
        return f"({len(module.gain)},)"
    if isinstance(module, Embedding):
        return f"({len(module.weight[0])},)"
    return "(1,)" if isinstance(module, Neuron) else before if isinstance(module, (Activation, Dropout)) else "?"


def _what(module: Module) -> str:
    if isinstance(module, ROWS):
        return repr(module).replace("activation=", "")
    return type(module).__name__


def _frozen(net: Module) -> set[Value]:
    """The parameters that no step moves, since a Module around them is not trainable, or since parameters() leaves them out."""
    named = {p for _, p in net.checked_parameters()}
    return frozen(m for _, m in net.named_modules()) | named.difference(net.parameters())
