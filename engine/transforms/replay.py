"""Replay: a graph that stands, at other numbers of its leaves; once, or written out as a function to be called often."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import cast, overload

from .. import ieee
from ..arguments import shown
from ..conversion import number, operand
from ..guards import Number, check_free
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
        ValueError: a Value in `leaves` is no leaf of the graph, or a transform's, for whose number a gradient was made.
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
        check_free("replay", leaf)
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


SIGNS = {operator.add: "+", operator.sub: "-", operator.mul: "*"}
SHORT = 16  # terms of a dot that are written out


@overload
def straight_line(root: Number, leaves: Sequence[Value]) -> Callable[..., float]: ...
@overload
def straight_line(root: Sequence[Number], leaves: Sequence[Value]) -> Callable[..., list[float]]: ...
def straight_line(
    root: Number | Sequence[Number], leaves: Sequence[Value]
) -> Callable[..., float] | Callable[..., list[float]]:
    """The graph of a root as a plain Python function of some leaves, a line for each node: `replay`, written out.

    It gives the bits of `replay`, at a tenth of its time, and needs no compiler: for a grid of points, or a loop of training.

    Args:
        root: a Value, or a list of them, such as a loss and its `gradients`; a number is itself.
        leaves: those whose numbers the function takes, in this order. Others keep the number that they had when the graph
            was built; one that no root depends on is taken and makes no difference.

    Returns:
        A function of as many floats, that returns a float, or a list of floats.

    Raises:
        ValueError: something in `leaves` is no leaf, stands there twice, or is refused by `replay`.
        TypeError: something is no Value or no number.

    >>> from engine import Value, gradients, straight_line
    >>> x, w = Value(2.0), Value(0.5)
    >>> loss = (w * x - 1.0) ** 2
    >>> f = straight_line([loss, *gradients(loss, [w])], [x, w])
    >>> f(2.0, 0.5), f(3.0, 1.0)
    ([0.0, 0.0], [4.0, 12.0])
    """
    roots = [operand(r, "straight_line") for r in (root if isinstance(root, (list, tuple)) else [root])]
    if not isinstance(leaves, (list, tuple)):
        raise TypeError(f"straight_line takes a list of leaves, got {shown(leaves)}")
    names: dict[Value, str] = {}
    for leaf in leaves:
        if leaf.__class__ is not Value or leaf.op is not None or leaf in names:
            what = f"{leaf!r:.60} twice" if leaf.__class__ is Value and leaf in names else shown(leaf)
            raise ValueError(f"straight_line takes leaves, each once, got {what}; name the leaves below the root")
        check_free("straight_line", leaf)
        names[leaf] = f"x{len(names)}"
    parameters, lines, used = list(names.values()), list[str](), dict[str, object]()
    for v in topological_order([r for r in roots if isinstance(r, Value)]):
        if v.op is not None and any(isinstance(a, Value) and a in names for a in v.args):
            names[v] = f"v{len(lines)}"
            lines.append(f"    {names[v]} = {_written(v, names, used)}")
    ends = [_word(r, r._data, names, used) if isinstance(r, Value) else constant(r, used) for r in roots]
    floats = [f"    {x} = float({x})" for x in parameters]
    many = isinstance(root, (list, tuple))
    back = f"    return [{', '.join(ends)}]" if many else f"    return {ends[0]}"
    source = "\n".join([f"def straight_line({', '.join(parameters)}):", *floats, *lines, back])
    exec(source, used)  # noqa: S102  of our own names and numbers; what a user calls things is not in it
    return cast("Callable[..., float]", used["straight_line"])


def _written(v: Value, names: Mapping[Value, str], used: dict[str, object]) -> str:
    """A node as an expression: signs where its row has one, else a call of what it computes."""
    op = v.op
    assert op is not None  # noqa: S101  for mypy
    operands = [_word(a, x, names, used) for a, x in zip(*v._operands())]
    if op.forward in SIGNS:
        return f" {SIGNS[op.forward]} ".join(operands)
    if op.forward is ieee.dot and len(v._operands()[0][0]) <= SHORT:
        (ws, xs, _), (us, ys, _) = v._operands()
        terms = [f"{_word(w, u, names, used)} * {_word(x, y, names, used)}" for w, u, x, y in zip(ws, us, xs, ys)]
        return " + ".join([operands[2], *terms])
    return f"{constant(op.forward, used)}({', '.join(operands)})"


def _word(a: object, x: object, names: Mapping[Value, str], used: dict[str, object]) -> str:
    """An operand: a name, a number, or a list of them."""
    if isinstance(a, tuple) and isinstance(x, list):
        return f"[{', '.join([_word(e, y, names, used) for e, y in zip(a, x)])}]"
    return names[a] if isinstance(a, Value) and a in names else constant(x, used)


def constant(x: object, used: dict[str, object]) -> str:
    """A number, or a name for what is none that can be written."""
    if x.__class__ is float and isfinite(x):
        return repr(x) if x > 0.0 else f"({x!r})"
    name = f"c{len(used)}"
    used[name] = x
    return name
