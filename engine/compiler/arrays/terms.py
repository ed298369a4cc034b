"""Terms: what the text of an array is made of, once those that are read but once stand where they are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from .program import Affine, Array, Axis, Number, Operand, Read

LONGEST = 12  # ops in one line
REDUCTIONS = {
    "total": "sum",
    "mean": "mean",
    "top": "max",
    "logsumexp": "logsumexp",
    "any": "any",
}  # as they are called
SOFT = frozenset(("softmax", "log_softmax"))
NAMED = frozenset(("concatenation", "flattened", "argument", "scan", "numbers"))
ACTIVATIONS = frozenset(("relu", "tanh", "sigmoid", "leaky_relu", "elu", "gelu", "silu", "softplus", "selu"))


class Term:
    """An op of terms.

    Attributes:
        op, args: the two.
        over: the axis that is used up, or along which it is taken.
        axes: those of the result.
        size: how many ops it holds.
        array: whose it is.
    """

    def __init__(self, op: str, args: Sequence[Node], over: Sequence[Axis], axes: Sequence[Axis], array: Array) -> None:
        self.op, self.args, self.over, self.array = op, list(args), list(over), array
        found = {x for a in args for x in a.axes}
        self.axes: list[Axis] = [a for a in dict.fromkeys(axes) if a in found]
        self.size: int = 1 + sum(a.size for a in args if isinstance(a, Term))


Node = Term | Read | Number


class Definition:
    """A line: a name and the term it stands for."""

    def __init__(self, array: Array, term: Node) -> None:
        self.array, self.term = array, term


def definitions(arrays: Sequence[Array], results: Sequence[Array]) -> list[Definition]:
    """The lines of a program.

    Args:
        arrays: all of them, each behind those that it reads.
        results: those that are returned.
    """
    uses = Counter(a.array for array in arrays for a in array.args if isinstance(a, Read))
    wanted, found = set(results), list[Definition]()
    handed_on = {a.args[0].array for a in results if a.op == "move" and isinstance(a.args[0], Read)}
    carried = {
        a.args[-1].array for a in arrays if a.op == "scan" and isinstance(a.args[-1], Read)
    }  # in the state's line
    inline: dict[Array, Term] = {}

    def operand(a: Operand, op: str) -> Node:
        if not isinstance(a, Read) or a.array not in inline:
            return a
        axes = [p.plain() for p in a.places]
        term = inline[a.array]
        in_part = [x.size for x in a.array.axes] != [x and x.size for x in axes]
        shares = in_part and any(isinstance(x, Term) and x.op in SOFT for x in nodes(term))  # of all, not of that part
        if (
            None in axes
            or shares
            or len(set(axes)) < len(axes)
            or (op == "dot" and term.op in ("dot", "concatenation"))
        ):
            found.append(Definition(a.array, inline.pop(a.array)))
            return a
        inline.pop(a.array)
        return _renamed(term, {x: Affine(0, {y: 1}) for x, y in zip(a.array.axes, axes) if y is not None})

    for array in arrays:
        if array.op == "argument":
            continue
        if array.op == "move" and array in wanted:
            found.append(Definition(array, operand(array.args[0], "move")))
            continue
        args = [operand(a, array.op) for a in array.args]
        term = Term(array.op, args, array.over, [*array.axes, *array.over], array)
        if array.over and array.op not in SOFT:
            term.axes = [a for a in term.axes if a not in array.over]
        whole = len(term.axes) == len(array.axes)
        hidden = (
            array.op in ACTIVATIONS
            and array not in handed_on
            and any(isinstance(a, Term) and _contracts(a) for a in args)
        )
        alone = uses[array] == 1 and array not in wanted and array.op not in NAMED
        if (alone and array in carried) or (alone and whole and not hidden and term.size < LONGEST) or (not array.axes and term.size == 1 and not array.over and array not in wanted
                                                and all(isinstance(a, Number) for a in args)):  # fmt: skip
            inline[array] = term
        else:
            found.append(Definition(array, term))
    return found


def _contracts(term: Node) -> bool:
    return isinstance(term, Term) and (term.op == "dot" or any(map(_contracts, term.args)))


def _renamed(term: Node, env: dict[Axis, Affine]) -> Node:
    """A term with other axes."""

    def axis(a: Axis) -> Axis:
        return (env[a].plain() or a) if a in env else a

    if isinstance(term, Number):
        return Number(term.value, [axis(a) for a in term.axes])
    if isinstance(term, Read):
        return Read(term.array, [Affine(p.start, {axis(a): s for a, s in p.slopes.items()}) for p in term.places])
    again = Term(term.op, [_renamed(a, env) for a in term.args], [axis(a) for a in term.over], [], term.array)
    again.axes, again.size = [axis(a) for a in term.axes], term.size
    return again


def nodes(term: Node) -> Iterator[Node]:
    """A term and all in it."""
    stack = [term]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.args if isinstance(node, Term) else []))


def reads(term: Node) -> Iterator[Read]:
    """What a term reads."""
    return (node for node in nodes(term) if isinstance(node, Read))


def whole_axes(r: Read) -> Iterator[Axis]:
    """The axes along which the whole of an array is read."""
    for p, axis in zip(r.places, r.array.axes):
        plain = p.plain()
        if plain is not None and plain.size == axis.size:
            yield plain


def in_matrices(d: Definition) -> bool:
    """Can a line be read without an index for each axis?"""
    if len(d.array.axes) > 2:
        return False
    for node in nodes(d.term):
        if len(node.axes) > 2:
            return False
        if isinstance(node, Read):
            if any(len(p.slopes) > 1 for p in node.places) or len(node.axes) < sum(len(p.slopes) for p in node.places):
                return False
        elif isinstance(node, Term):
            if node.op in REDUCTIONS or node.op == "take":
                return False
            if node.op == "dot" and not _is_product(node):
                return False
    return True


def _is_product(term: Term) -> bool:
    """Is a contraction a product of matrices or vectors?"""
    f, g = term.args[:2]
    (k,) = term.over
    fa, ga = ([a for a in x.axes if a is not k] for x in (f, g))
    return k in f.axes and k in g.axes and len(fa) <= 1 and len(ga) <= 1 and not (fa and fa == ga)
