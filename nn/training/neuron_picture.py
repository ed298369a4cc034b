"""One neuron on one example, with the chain rule from the loss down to its weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING

from engine import Value, draw, scope, topological_order, total

from ..layers import Neuron
from ..module import in_mode
from .trainer import Trainer

if TYPE_CHECKING:
    from engine.picture import Picture

FEW = 8  # weights of a neuron up to which each has a box


def explained(trainer: Trainer, neuron: Neuron, example: int, last: Picture | None = None) -> Picture | None:
    """The picture of a neuron on an example: its sum, its output y, and in one box L all that follows, up to the loss.

    Its gradients are those of the loss of this example. All that does not depend on the neuron counts as the number it is.

    Args:
        trainer: whose network, loss and examples they are; nothing in them is changed.
        neuron: a Neuron of the network.
        example: the number of the example.
        last: a picture of the same before; boxes keep their sizes.

    Returns:
        A Picture; None where the loss does not depend on the neuron, or its weights are numbers.

    >>> import nn
    >>> from nn.training.neuron_picture import explained
    >>> net = nn.MLP(2, [3, 1], seed=0)
    >>> trainer = nn.Trainer(net, [[0.5, 1.0], [1.0, 0.0]], [0, 1], loss="binary_cross_entropy", progress=False)
    >>> explained(trainer, net.layers[0].neurons[2], 0)
    <picture of L: 6 boxes, 5 edges>
    """
    X, y = trainer.examples.X, trainer.examples.y
    with in_mode(trainer.net, False):
        loss = trainer.objective.value("training_view", trainer.net(X[example]), y[example])
    order = topological_order(loss)
    mine = [v for v in order if getattr(v.scope, "module", None) is neuron]
    sums = [v for v in mine if v.op is not None and v.op.name == "dot"]
    if not sums:
        return None
    n = len(neuron.w)
    twin = copy.deepcopy(neuron)  # whose gradients no training reads
    twin.zero_grad()
    output = twin([float(x) for x in sums[0].args[n : 2 * n]])
    if output.__class__ is not Value:
        return None
    for v in topological_order(output):
        v.label = "z" if v.op is not None and v.op.name == "dot" else v.label
    output.label = "y"
    end = [v for v in mine if v.scope is sums[0].scope][-1]
    there = {end: output}
    few = n <= FEW  # then the neuron is open, and what is closed lies a level deeper
    with scope("loss") if few else nullcontext(), scope("L"):
        for v in order[order.index(end) + 1 :]:
            again = _again(v, there)
            if again is not None:
                there[v] = again
    if loss not in there:
        return None
    there[loss].backward()
    drawn: Picture = draw(there[loss], level=int(few), rankdir="LR", names={"w": twin.w, "b": twin.b}, uid="neuron")
    drawn.model.caption = ""  # what is in the one group is said beside the picture
    return drawn.within(last)


def _again(v: Value, there: Mapping[Value, Value]) -> Value | None:
    """A node at the twins of its arguments that have one, the others as numbers; None where none has one."""
    op, args = v.op, [there.get(a, a.data) if isinstance(a, Value) else a for a in v.args]
    if op is None or not any(isinstance(a, Value) for a in args):
        return None
    n = (len(args) - op.arity + op.lists) // max(1, op.lists)  # elements in each list
    lists, rest = [args[k * n : (k + 1) * n] for k in range(op.lists)], args[op.lists * n :]
    if op.name == "dot":  # as products, so that the numbers among them have no boxes
        terms = list(zip(*lists))
        moving = [(w, x) for w, x in terms if isinstance(w, Value) or isinstance(x, Value)]
        still = [t for t in terms if t not in moving]
        beside = op([w for w, _ in still], [x for _, x in still], 0.0)
        products: Value = total([w * x for w, x in moving]) + (beside + rest[0])
        return products
    again: Value = op(*lists, *rest)
    return again
