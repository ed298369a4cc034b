"""Light algebra for printing: what a partial computed on Values, with its ones, zeros and signs folded away.

A partial is written for all arguments, so on the ones at hand it meets many constants: the derivative of x**2 runs as
2.0*power(x, 1.0) and reads `2*x`. The rewriting makes new Values; the graph it is given stays as it is. Beside the sign
of a zero, 0·inf and the last bit of a product of constants it keeps every value.
"""

from collections.abc import Callable, Container
from math import copysign
from typing import cast

from ..ops import add, div, mul, neg, over, power, sub, where
from ..rule import TABLE, Op
from ..traversal import topological_order
from ..value import Value

Term = Value | float
Argument = Term | list[Term]


class Folder:
    """Folds graphs over given leaves; equal nodes become one node, in all the graphs it folds.

    Args:
        given: the leaves that stand for something; any other leaf is a number.
    """

    def __init__(self, given: Container[Value]) -> None:
        self._given = given
        self._made: dict[object, Term] = {}

    def folded(self, root: Value) -> Term:
        """What a graph folds to: a Value, or a number."""
        if root in self._given:
            return root
        done: dict[Value, Term] = {}
        for v in topological_order(root):
            if v.op is None:
                done[v] = v if v in self._given else v.data
                continue
            args: list[Argument] = []
            for a in v._operands()[0]:
                if isinstance(a, tuple):
                    args.append([done[e] for e in a])
                else:
                    args.append(done[a] if isinstance(a, Value) else a)
            done[v] = self(v.op, *args)
        return done[root]

    def __call__(self, op: Op, *args: Argument) -> Term:
        """The node of an op, or what stands for it."""
        rule = _RULES.get(op)
        if rule and any(isinstance(a, Value) for a in args):
            answer = rule(self, *args)
            if answer is not None:
                return answer
        return self.node(op, *args)

    def node(self, op: Op, *args: Argument) -> Term:
        """The node of an op as it is, made once."""
        key = (op, *[_key(a) for a in args])
        if key not in self._made:
            self._made[key] = op(*args)
        return self._made[key]


def _key(a: object) -> object:
    if isinstance(a, Value):
        return a
    if isinstance(a, list):
        return tuple([_key(e) for e in a])
    return repr(a)  # tells -0.0 from 0.0, and finds nan again


def _signed(a: Term) -> Term | None:
    """x, where `a` is -x: the negative of a node or of a number, or a multiple of a negative number."""
    if isinstance(a, float):
        return -a if copysign(1.0, a) < 0.0 else None
    return a._a if a.op is neg else None


def _neg(make: Folder, a: Value) -> Term | None:
    if a.op is neg:
        return cast("Term", a._a)
    if a.op in (mul, div) and isinstance(a._a, float):
        return make(a.op, -a._a, a._b)
    return None


def _mul(make: Folder, a: Term, b: Term) -> Term | None:
    if isinstance(b, float):
        a, b = b, a
    x, z = _signed(a), _signed(b)
    if _is(a, 0.0):
        return 0.0
    if _is(a, 1.0):
        return b
    if _is(a, -1.0):
        return make(neg, b)
    if z is not None:
        return make(mul, x, z) if x is not None else make(neg, make(mul, a, z))
    if isinstance(a, float):
        return make.node(mul, a, b)
    if x is not None:
        return make(neg, make(mul, x, b))
    return make(power, a, 2.0) if a is b else None


def _div(make: Folder, a: Term, b: Term) -> Term | None:
    x, z = _signed(a), _signed(b)
    if _is(a, 0.0):
        return 0.0
    if _is(b, 1.0):
        return a
    if z is not None:
        return make(div, x, z) if x is not None else make(neg, make(div, a, z))
    return make(neg, make(div, x, b)) if isinstance(x, Value) else None


def _add(make: Folder, a: Term, b: Term) -> Term | None:
    if _is(a, 0.0):
        return b
    if _is(b, 0.0):
        return a
    x = _subtrahend(make, b)
    return None if x is None else make(sub, a, x)


def _sub(make: Folder, a: Term, b: Term) -> Term | None:
    if _is(b, 0.0):
        return a
    if _is(a, 0.0):
        return make(neg, b)
    x = _subtrahend(make, b)
    return None if x is None else make(add, a, x)


def _subtrahend(make: Folder, b: Term) -> Term | None:
    """x, where adding `b` is subtracting x: -x, -2*x, -2/x."""
    if isinstance(b, Value) and b.op in (mul, div) and isinstance(b._a, float) and b._a < 0.0:
        return make(b.op, -b._a, b._b)
    return _signed(b)


def _power(_: Folder, x: Term, n: Term) -> Term | None:
    if _is(n, 1.0):
        return x
    return 1.0 if _is(n, 0.0) else None


def _over(make: Folder, a: Term, b: Term) -> Term | None:
    """1/(1 + x²): a square of a constant is a constant."""
    if isinstance(a, float) and isinstance(b, Value):
        return make(div, a, make(add, a * a, make(power, b, 2.0)))
    return None


def _where(_: Folder, condition: Term, a: Term, b: Term) -> Term | None:
    if isinstance(condition, float):
        return a if condition else b
    return None


def _edge(_: Folder, condition: Term, at_edge: Term, formula: Term) -> Term:
    """The value at an exceptional point is not part of the formula."""
    return formula


def _is(a: Term, x: float) -> bool:
    return isinstance(a, float) and a == x


_RULES: dict[Op, Callable[..., Term | None]] = {
    neg: _neg, mul: _mul, div: _div, add: _add, sub: _sub, power: _power, where: _where, over: _over,
    TABLE["edge"]: _edge,
}  # fmt: skip
