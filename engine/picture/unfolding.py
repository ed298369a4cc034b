"""`dot`, `total` and `mean` taken apart into products and sums: a second graph that computes the same bits.

The graph itself stays as it is: nodes that depend on an unfolded one are copied, all others are shared.
"""

from collections.abc import Collection, Sequence

from .. import ops
from ..value import UNREACHED, Value, new
from .flow import Flow

UNFOLDABLE = ("dot", "total", "mean")


class Unfolded:
    """A graph with some nodes taken apart.

    Attributes:
        roots: those of the new graph.
        origin: for each copied node the one it stands for.
        made: for each product or partial sum its name, p1, s1.
    """

    def __init__(self, flow: Flow, chosen: Collection[Value]) -> None:
        self.origin: dict[Value, Value] = {}
        self.made: dict[Value, str] = {}
        self._owner: dict[Value, Value] = {}
        there: dict[Value, Value] = {}
        for v in flow.order:
            if v in chosen:
                there[v] = self._taken_apart(v, there)
            elif any(a.__class__ is Value and a in there for a in v.args):
                args = [_mapped(a, there) for a in v._operands()[0]]
                there[v] = self._node(v.op, args, v._operands()[1], v)
            if v in there:
                self.origin[there[v]] = v
                there[v].grad, there[v]._data = v.grad, v._data
        self.roots = [there.get(r, r) for r in flow.roots]
        adjoints = Flow(self.roots)
        for v, owner in self._owner.items():  # what backward would have left there
            v.grad = UNREACHED if owner.grad is UNREACHED else adjoints.sum(v)

    def _node(self, op: ops.Op | None, args: Sequence[object], vals: Sequence[object], like: Value) -> Value:
        v = new(Value)
        assert op is not None
        v._data, v.grad, v.op, v._about = op.forward(*vals), UNREACHED, op, like._about
        v._fill(args, vals)
        return v

    def _taken_apart(self, v: Value, there: dict[Value, Value]) -> Value:
        name = v.op.name if v.op is not None else ""
        args, vals = v._operands()
        total: object = 0.0
        x_total, sums, products = 0.0, 0, 0
        if name == "dot":
            total, x_total = _mapped(args[2], there), vals[2]

        def inner(op: ops.Op, a: object, b: object, x: float, y: float, word: str) -> Value:
            node = self._node(op, (a, b), (x, y), v)
            node._about = v.scope
            self.made[node] = word
            self._owner[node] = v
            return node

        terms = list(zip(args[0], vals[0]))
        for i, (a, x) in enumerate(terms):
            a, y = _mapped(a, there), x
            if name == "dot":
                b, y = _mapped(args[1][i], there), vals[1][i]
                if a.__class__ is Value or b.__class__ is Value:
                    products += 1
                    a = inner(ops.TABLE["mul"], a, b, x, y, f"p{products}")
                    y = a._data
                else:
                    a = y = x * y
            if total.__class__ is float and total == 0.0 and a.__class__ is Value and y != 0.0:
                total, x_total = a, y  # 0 + y is y
            elif total.__class__ is Value or a.__class__ is Value:
                sums += 1
                total = inner(ops.TABLE["add"], total, a, x_total, y, f"s{sums}")
                x_total = total._data
            else:
                total = x_total = x_total + y
        if name == "mean":
            total = inner(ops.TABLE["div"], total, float(len(terms)), x_total, float(len(terms)), "mean")
        assert isinstance(total, Value)
        if total not in self._owner:  # a sum of one element, which has a box of its own
            total = self._node(ops.TABLE["identity"], (total,), (x_total,), v)
        self._owner.pop(total, None)
        self.made.pop(total, None)
        total._about = v._about
        return total


def _mapped(a: object, there: dict[Value, Value]) -> object:
    if a.__class__ is tuple:
        return tuple([there.get(e, e) for e in a])
    return there.get(a, a) if a.__class__ is Value else a
