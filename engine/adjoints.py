"""Gradients as graphs: reverse accumulation on Values, whose result can be differentiated, replayed, drawn and compiled.

Outside of traces adjoints are pushed, see `edges`; in one they are pulled, each sum where it is needed.

Where `backprop` cuts an edge by value, a graph is guarded by `where`, so that it holds at other leaf values too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from . import context
from .arguments import shown
from .conversion import operand, unboxed
from .edges import Leading, pushed, reads
from .gated import Products
from .guards import Number
from .leaves import Needed, is_row
from .pulled import Pull
from .traversal import inner_order, values_of
from .value import Value


def gradients(root: Value | Sequence[Value], wrt: Iterable[Value], gradient: object = 1.0) -> list[Value]:
    """The derivatives of a root with respect to Values, as Values: graphs that can be differentiated and replayed.

    The partials of the table run on the graph's own Values. `.grad` is neither read nor written. What would be cut by
    value in `backward` is guarded by `where` here, so that the graph holds at other leaf values too.

    Args:
        root: a Value, or a list of Values.
        wrt: a list of Values, leaves or inner nodes.
        gradient: the adjoint of the root, a number or a Value; for a list of roots one for all, or a list of them.

    Returns:
        A list of Values, one for each of `wrt`; 0.0 where the root does not depend on it.

    Raises:
        RuntimeError: the data of a leaf was changed after the forward pass.
        TypeError: root or an element of wrt is no Value.
        ValueError: not as many gradients as roots.

    >>> from engine import Value, gradients
    >>> x = Value(3.0)
    >>> (first,) = gradients(x**3, [x])
    >>> (second,) = gradients(first, [x])
    >>> first.data, second.data
    (27.0, 18.0)
    """
    if isinstance(wrt, Value):
        raise TypeError(f"gradients takes a list of Values to differentiate by, got {shown(wrt)}; put it in a list")
    roots, wrt = values_of(root, "gradients"), values_of(wrt, "gradients")
    return expanded(graph_sweep(inner_order(roots), roots, _seeds(gradient, root, len(roots)), wrt))


def gradient_lists(root: Value, wrt: Sequence[Value], gradient: Number) -> list[Value | Products]:
    """`gradients`, those of a list that one dot reads in one piece."""
    return graph_sweep(inner_order([root]), [root], [gradient], wrt)


def expanded(found: Iterable[Number | Products]) -> list[Any]:
    """Adjoints one by one, also those that are in one piece."""
    return [v for x in found for v in (x.values() if isinstance(x, Products) else (x,))]


def _seeds(gradient: object, root: object, count: int) -> list[Number]:
    gradient = unboxed(gradient)
    alone = isinstance(gradient, (Value, str)) or getattr(gradient, "shape", None) == ()
    if alone or not hasattr(gradient, "__iter__"):
        gradient = [gradient] * count
    elif isinstance(root, Value):
        raise TypeError(f"gradients takes one gradient for one root, got {shown(gradient)}")
    seeds = [operand(g, "gradients") for g in gradient]
    if len(seeds) != count:
        raise ValueError(f"gradients takes as many gradients as roots, got {len(seeds)} and {count}")
    return seeds


def graph_sweep(
    order: list[Value], roots: list[Value], seeds: Sequence[Number], wrt: Sequence[Value]
) -> list[Value | Products]:  # fmt: skip
    """`gradient_lists` over the inner nodes below the roots, in order."""
    if not context.active or context.recorder() is None:
        return [*pushed(roots, seeds, wrt, Leading(order, wrt), unchanged=False, as_it_is=False)]
    needed, inner = Needed(wrt.source) if is_row(wrt) and wrt.is_whole else set(wrt), set[Value]()
    for v in order:
        if reads(v, needed):
            needed.add(v)
            inner.add(v)
    pull = Pull(needed, inner)
    for r, seed in zip(roots, seeds):
        pull.seeds[r] = pull.seeds[r] + seed if r in pull.seeds else seed
    for v in reversed(order):
        if v in inner and (g := pull(v)) is not None:
            pull.pass_on(v, g)
    return pull.found(wrt)
