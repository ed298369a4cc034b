"""Replay: a graph that stands, at other numbers of its leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import overload

from ..arguments import shown
from ..conversion import number, operand
from ..guards import Number
from ..traversal import topological_order
from ..value import Value


@overload
def replay(root: Number, leaves: Mapping[Value, float]) -> float: ...
@overload
def replay(root: Sequence[Number], leaves: Mapping[Value, float]) -> list[float]: ...
def replay(root: Number | Sequence[Number], leaves: Mapping[Value, float]) -> float | list[float]:
    """What a root would be at other leaf values, computed by the graph as it stands; nothing in it is changed.

    A leaf that is not named keeps the number it had when the graph was built.

    Args:
        root: a Value, or a list of Values; a number is itself.
        leaves: the new number of each leaf, a dict.

    Returns:
        A float, or a list of floats.

    Raises:
        ValueError: a Value in `leaves` is no leaf of the graph.
        TypeError: something is no Value or no number.

    >>> from engine import Value, replay
    >>> x = Value(2.0)
    >>> y = x * x + 1.0
    >>> replay(y, {x: 3.0}), y.data
    (10.0, 5.0)
    """
    roots = [operand(r, "replay") for r in (root if isinstance(root, (list, tuple)) else [root])]
    if not isinstance(leaves, Mapping):
        raise TypeError(f"replay takes a dict {{leaf: number}}, got {shown(leaves)}")
    order = topological_order([r for r in roots if isinstance(r, Value)])
    found = {v for v in order if v.op is None}
    new: dict[Value, float] = {}
    for leaf, x in leaves.items():
        if leaf.__class__ is not Value or leaf not in found:
            what = "a node" if leaf.__class__ is Value and leaf.op is not None else "something that is not in the graph"
            raise ValueError(f"replay takes leaves of the graph, got {what}: {leaf!r}; name the leaves below the root")
        new[leaf] = number(x, "replay")
    for v in order:
        if v.op is not None and any(isinstance(a, Value) and a in new for a in v.args):
            new[v] = v.op.forward(*[_renewed(a, x, new) for a, x in zip(*v._operands())])
    answers = [new.get(r, r._data) if isinstance(r, Value) else r for r in roots]
    return answers if isinstance(root, (list, tuple)) else answers[0]


def _renewed(a: Number | tuple[Number, ...], x: float | list[float], new: dict[Value, float]) -> float | list[float]:
    """The number of an operand, or the numbers of a list of them; those that were there if they are not new."""
    if isinstance(a, tuple) and isinstance(x, list):
        return [new.get(e, y) if isinstance(e, Value) else y for e, y in zip(a, x)]
    return new.get(a, x) if isinstance(a, Value) and isinstance(x, float) else x
