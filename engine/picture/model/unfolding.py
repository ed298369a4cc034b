"""`dot`, `total` and `mean` taken apart into products and sums: a second graph that computes the same bits.

The graph itself stays as it is: nodes that depend on an unfolded one are copied, all others are shared.
"""

from collections.abc import Collection, Sequence

from ...formulas.chain import Sweep
from ...rule import TABLE, UNREACHED, Op, new
from ...value import Value

UNFOLDABLE = ("dot", "total", "mean")


class Unfolded:
    """A graph with some nodes taken apart.

    Attributes:
        roots: those of the new graph.
        origin: for each copied node the one it stands for.
        made: for each product or partial sum its name, p1, s1.
    """

    def __init__(self, sweep: Sweep, chosen: Collection[Value]) -> None:
        self.origin: dict[Value, Value] = {}
        self.made: dict[Value, str] = {}
        self._owner: dict[Value, Value] = {}
        there: dict[Value, Value] = {}
        for v in sweep.order:
            if v in chosen and v.op is not None:
                there[v] = self._taken_apart(v, v.op, there)
            elif v.op is not None and any(isinstance(a, Value) and a in there for a in v.args):
                args = [_mapped(a, there) for a in v._operands()[0]]
                there[v] = self._node(v.op, args, v._operands()[1], v)
            if v in there:
                self.origin[there[v]] = v
                there[v].grad, there[v]._data = v.grad, v._data
        self.roots = [there.get(r, r) for r in sweep.roots]
        adjoints = Sweep(self.roots)
        for v, owner in self._owner.items():  # what backward would have left there
            v.grad = UNREACHED if owner.grad is UNREACHED else adjoints.sum(v)

    @staticmethod
    def _node(op: Op, args: Sequence[object], vals: Sequence[object], like: Value) -> Value:
        v = new(Value)
        v._data, v.grad, v._about = op.forward(*vals), UNREACHED, like._about
        v._fill(op, args, vals)
        return v

    def _taken_apart(self, v: Value, op: Op, there: dict[Value, Value]) -> Value:
        args, vals = v._operands()
        total: Operand = (0.0, 0.0)
        if op.name == "dot":
            total = (there.get(args[2], args[2]), vals[2])
            factors = zip(args[0], vals[0], args[1], vals[1])
            terms = [
                self._made("mul", (there.get(w, w), p), (there.get(x, x), q), v, f"p{i}")
                for i, (w, p, x, q) in enumerate(factors, 1)
            ]
        else:
            terms = [(there.get(a, a), x) for a, x in zip(args[0], vals[0])]
        for i, term in enumerate(terms, 1):
            is_first = not isinstance(total[0], Value) and total[1] == 0.0 and isinstance(term[0], Value)
            # 0 + x is x, but for -0.0
            total = term if is_first and term[1] != 0.0 else self._made("add", total, term, v, f"s{i}")
        if op.name == "mean":
            n = float(len(terms))
            total = self._made("div", total, (n, n), v, "mean")
        last, x = total
        if not isinstance(last, Value) or last not in self._owner:  # a sum of one, which has a box of its own
            last = self._node(TABLE["identity"], (last,), (x,), v)
        self._owner.pop(last, None)
        self.made.pop(last, None)
        last._about = v._about
        return last

    def _made(self, op: str, a: "Operand", b: "Operand", v: Value, name: str) -> "Operand":
        """A node that is named; of two numbers, a number."""
        if not isinstance(a[0], Value) and not isinstance(b[0], Value):
            x = TABLE[op].forward(a[1], b[1])
            return x, x
        node = self._node(TABLE[op], (a[0], b[0]), (a[1], b[1]), v)
        node._about = v.scope
        self.made[node], self._owner[node] = name, v
        return node, node.data


Operand = tuple[Value | float, float]  # what stands in a graph, and its data


def _mapped(a: object, there: dict[Value, Value]) -> object:
    if isinstance(a, tuple):
        return tuple([there.get(e, e) for e in a])
    return there.get(a, a) if isinstance(a, Value) else a
