"""A state machine over the lifecycle of a graph, beside a model of plain dictionaries.

Hypothesis builds nodes, runs backward from any of them, in any order and more than once, edits leaves, copies and
pickles; after each step every number must be the model's. Data are small integers, so that all of them are exact.
"""

import copy
import pickle
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Generic

from ..adjoints import gradients
from ..arguments import install_line
from ..value import Value
from .engines import CHAINRULE, Adapter, Engine, Node, accumulating

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule
except ImportError as error:
    raise ImportError(f"lifecycle_machine needs Hypothesis; {install_line('check')}") from error

LARGEST = 1000


def _tie(a: Fraction, b: Fraction) -> Fraction:
    return Fraction(a > b) if a != b else Fraction(1, 2)


# The model's own arithmetic: for each op its value and its partials.
OPS: dict[str, tuple[Callable[..., Fraction], Callable[..., tuple[Fraction | int, ...]]]] = {
    "add": (lambda a, b: a + b, lambda a, b: (1, 1)),
    "sub": (lambda a, b: a - b, lambda a, b: (1, -1)),
    "mul": (lambda a, b: a * b, lambda a, b: (b, a)),
    "maximum": (max, lambda a, b: (_tie(a, b), _tie(b, a))),
    "neg": (lambda a: -a, lambda a: (-1,)),
    "square": (lambda a: a * a, lambda a: (2 * a,)),
    "relu": (lambda a: max(a, Fraction(0)), lambda a: (int(a > 0),)),
}
UNARY = ("neg", "square", "relu")


class ExactModel:
    """A graph as dictionaries: what every node holds, was made of, and should have as gradient."""

    def __init__(self) -> None:
        self.data: dict[int, Fraction] = {}
        self.made: dict[int, tuple[str, tuple[int, ...], tuple[Fraction, ...]]] = {}
        self.grad: dict[int, Fraction] = {}

    def leaf(self, x: Fraction) -> int:
        """A new leaf."""
        key = len(self.data)
        self.data[key], self.grad[key] = x, Fraction(0)
        return key

    def node(self, op: str, args: tuple[int, ...]) -> int | None:
        """A new node, None where its value would be too large to stay exact."""
        operands = tuple(self.data[a] for a in args)
        y = Fraction(OPS[op][0](*operands))
        if abs(y) > LARGEST:
            return None
        key = self.leaf(y)
        self.made[key] = op, args, operands
        return key

    def adjoints(self, root: int) -> dict[int, Fraction]:
        """The derivative of a root with respect to all nodes below it."""
        found = {root: Fraction(1)}
        for key in sorted(self.below(root), reverse=True):  # a node is younger than its operands
            if key in self.made and key in found:
                op, args, operands = self.made[key]
                for a, p in zip(args, OPS[op][1](*operands)):
                    found[a] = found.get(a, Fraction(0)) + found[key] * p
        return found

    def below(self, root: int) -> set[int]:
        """A root and all that it was made of."""
        seen, stack = {root}, [root]
        while stack:
            for a in self.made.get(stack.pop(), ("", (), ()))[1]:
                if a not in seen:
                    seen.add(a)
                    stack.append(a)
        return seen

    def backward(self, root: int) -> None:
        """Leaves add up, inner nodes hold the adjoint of the latest call."""
        adjoints = self.adjoints(root)
        for key in self.below(root):
            g = adjoints.get(key, Fraction(0))
            self.grad[key] = g if key in self.made else self.grad[key] + g


def lifecycle_machine(engine: Adapter = CHAINRULE) -> type[RuleBasedStateMachine]:
    """The state machine of an engine with `backward` and `grad`.

    Args:
        engine: an `Engine`; ours is also copied, pickled, edited and differentiated as a graph.

    Returns:
        A class: its `.TestCase` is a test, and `hypothesis.stateful.run_state_machine_as_test` runs it.

    >>> from engine.checks import lifecycle_machine
    >>> TestLifecycle = lifecycle_machine().TestCase
    """
    accumulating("lifecycle_machine", engine)
    if engine is CHAINRULE:
        return _ValueLifecycle
    names, theirs = [name for name in OPS if _has(engine, name)], engine

    class Lifecycle(_NodeLifecycle[object]):
        engine = theirs
        unary = tuple(n for n in names if n in UNARY)
        binary = tuple(n for n in names if n not in UNARY)

    return Lifecycle


def _has(engine: Adapter, name: str) -> bool:
    arity = 1 if name in UNARY else 2
    try:
        y = engine.fn(name)(*[engine.make(2.0) for _ in range(arity)])
        return float(engine.value(y)) == float(OPS[name][0](*[Fraction(2)] * arity))
    except (TypeError, AttributeError, NotImplementedError):
        return False


def _check_same(what: str, got: float, expected: float | Fraction, tolerance: float = 0.0) -> None:
    right = float(expected)
    if not (got == right or abs(got - right) <= tolerance * abs(right)):
        raise AssertionError(f"{what} {got}, not {right}")


class _NodeLifecycle(RuleBasedStateMachine, Generic[Node]):
    """The rules for any engine: nodes are built and swept.

    Attributes:
        engine: the engine.
        unary, binary: the names of its ops among those of the model.
    """

    engine: Engine[Node]
    unary: Sequence[str]
    binary: Sequence[str]
    nodes: Bundle[int] = Bundle("nodes")

    def __init__(self) -> None:
        super().__init__()
        self.backward, self.grad = accumulating("lifecycle_machine", self.engine)
        self.model = ExactModel()
        self.theirs: dict[int, Node] = {}

    @rule(target=nodes, x=st.integers(-3, 3))
    def leaf(self, x: int) -> int:
        key = self.model.leaf(Fraction(x))
        self.theirs[key] = self.engine.make(float(x))
        return key

    def _made(self, op: str, *args: int) -> int:
        key = self.model.node(op, args)
        if key is None:
            return args[0]
        self.theirs[key] = self.engine.fn(op)(*[self.theirs[a] for a in args])
        return key

    @rule(target=nodes, op=st.integers(0, 11), a=nodes, b=nodes)
    def build(self, op: int, a: int, b: int) -> int:
        return self._made(self.binary[op % len(self.binary)], a, b)

    @precondition(lambda self: self.unary)
    @rule(target=nodes, op=st.integers(0, 5), a=nodes)
    def build_of_one(self, op: int, a: int) -> int:
        return self._made(self.unary[op % len(self.unary)], a)

    @rule(root=nodes)
    def run_backward(self, root: int) -> None:
        self.backward(self.theirs[root])
        self.model.backward(root)

    @rule(root=nodes)
    def run_backward_twice(self, root: int) -> None:
        for _ in range(2):
            self.run_backward(root)

    @invariant()
    def numbers_are_the_models(self) -> None:
        for key, v in self.theirs.items():
            _check_same(f"node {key} holds", self.engine.value(v), self.model.data[key])
            if key not in self.model.made:
                _check_same(f"leaf {key} has gradient", float(self.grad(v)), self.model.grad[key], 1e-12)


class _ValueLifecycle(_NodeLifecycle[Value]):
    """What else our own Values can do."""

    engine = CHAINRULE
    unary = UNARY
    binary = tuple(name for name in OPS if name not in UNARY)
    nodes = _NodeLifecycle.nodes

    @rule(root=nodes)
    def zero(self, root: int) -> None:
        self.theirs[root].zero_grad()
        for key in self.model.below(root):
            self.model.grad[key] = Fraction(0)

    @rule(node=nodes, x=st.integers(-3, 3))
    def edit(self, node: int, x: int) -> None:
        if node not in self.model.made:
            self.theirs[node].data = float(x)
            self.model.data[node] = Fraction(x)

    @rule(target=nodes, node=nodes)
    def detach(self, node: int) -> int:
        key = self.model.leaf(self.model.data[node])
        self.theirs[key] = self.theirs[node].detach()
        return key

    @rule(root=nodes, how=st.sampled_from([copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]))  # noqa: S301  our own bytes
    def copied(self, root: int, how: Callable[[Value], Value]) -> None:
        original = self.theirs[root]
        twin = how(original)
        _check_same("a copy holds", twin.data, original.data)
        _check_same("a copy has gradient", twin.grad, original.grad)
        if how is not copy.copy:
            twin.backward()

    @rule(root=nodes)
    def differentiated_as_a_graph(self, root: int) -> None:
        keys = [k for k in sorted(self.model.below(root)) if k not in self.model.made]
        made = [self.model.made[k] for k in self.model.below(root) if k in self.model.made]
        if any(self.theirs[a].data != x for _, args, xs in made for a, x in zip(args, xs)):
            return
        adjoints = self.model.adjoints(root)
        for k, g in zip(keys, gradients(self.theirs[root], [self.theirs[k] for k in keys])):
            _check_same(f"∂/∂{k} as a graph is", g.data, adjoints.get(k, Fraction(0)))

    @invariant()
    def inner_nodes_hold_the_latest_adjoint(self) -> None:
        for key, v in self.theirs.items():
            if key in self.model.made:
                _check_same(f"node {key} has gradient", v.grad, self.model.grad[key])
