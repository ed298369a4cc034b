"""A state machine over the lifecycle of a graph, beside a model of plain dictionaries.

Hypothesis builds nodes, runs backward from any of them, in any order and more than once, edits leaves, copies and
pickles; after each step every number must be the model's. Data are small integers, so that all of them are exact.
"""

import copy
import pickle
from fractions import Fraction
from typing import Any

from ..adjoints import gradients
from ..value import Value
from .engines import CHAINRULE, Engine, adapter

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
except ImportError as error:
    raise ImportError("lifecycle_machine needs Hypothesis; pip install 'chainrule[check]'") from error

LARGEST = 1000
HALF = Fraction(1, 2)


def _tie(a: Any, b: Any) -> Fraction:
    return Fraction(a > b) if a != b else HALF


# The model's own arithmetic: for each op its value and its partials.
OPS: dict[str, Any] = {
    "add": (lambda a, b: a + b, lambda a, b: (1, 1)),
    "sub": (lambda a, b: a - b, lambda a, b: (1, -1)),
    "mul": (lambda a, b: a * b, lambda a, b: (b, a)),
    "maximum": (max, lambda a, b: (_tie(a, b), _tie(b, a))),
    "neg": (lambda a: -a, lambda a: (-1,)),
    "square": (lambda a: a * a, lambda a: (2 * a,)),
    "relu": (lambda a: max(a, Fraction(0)), lambda a: (int(a > 0),)),
}


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


def _is(got: float, expected: Fraction) -> bool:
    return got == float(expected) or abs(got - float(expected)) <= 1e-12 * abs(float(expected))


def lifecycle_machine(engine: Engine = CHAINRULE) -> type[RuleBasedStateMachine]:
    """The state machine of an engine with `backward` and `grad`.

    Args:
        engine: an `Engine`; ours is also copied, pickled, edited and differentiated as a graph.

    Returns:
        A class: its `.TestCase` is a test, and `hypothesis.stateful.run_state_machine_as_test` runs it.

    >>> from engine.checks import lifecycle_machine
    >>> TestLifecycle = lifecycle_machine().TestCase
    """
    adapter("lifecycle_machine", engine, "backward", "grad")
    backward: Any = engine.backward
    grad: Any = engine.grad
    names = [name for name in OPS if _has(engine, name)]
    unary = [n for n in names if n in ("neg", "square", "relu")]
    binary = [n for n in names if n not in unary]

    class Lifecycle(RuleBasedStateMachine):
        nodes: Any = Bundle("nodes")

        def __init__(self) -> None:
            super().__init__()
            self.model = ExactModel()
            self.theirs: dict[int, Any] = {}

        @rule(target=nodes, x=st.integers(-3, 3))
        def leaf(self, x: int) -> int:
            key = self.model.leaf(Fraction(x))
            self.theirs[key] = engine.make(float(x))
            return key

        def _made(self, op: str, args: tuple[int, ...]) -> Any:
            key = self.model.node(op, args)
            if key is None:
                return multiple()
            self.theirs[key] = engine.fn(op)(*[self.theirs[a] for a in args])
            return key

        @rule(target=nodes, op=st.sampled_from(binary), a=nodes, b=nodes)
        def build(self, op: str, a: int, b: int) -> Any:
            return self._made(op, (a, b))

        if unary:

            @rule(target=nodes, op=st.sampled_from(unary), a=nodes)
            def build_of_one(self, op: str, a: int) -> Any:
                return self._made(op, (a,))

        @rule(root=nodes)
        def run_backward(self, root: int) -> None:
            backward(self.theirs[root])
            self.model.backward(root)

        @rule(root=nodes)
        def run_backward_twice(self, root: int) -> None:
            for _ in range(2):
                self.run_backward(root)

        @invariant()
        def numbers_are_the_models(self) -> None:
            for key, v in self.theirs.items():
                assert engine.value(v) == self.model.data[key], f"node {key} holds {engine.value(v)}"  # noqa: S101  the machine is a test
                if key not in self.model.made:
                    got, expected = grad(v), self.model.grad[key]
                    assert _is(float(got), expected), f"leaf {key} has gradient {got}, not {expected}"  # noqa: S101  the machine is a test

    return _OurRules.extended(Lifecycle) if engine is CHAINRULE else Lifecycle


class _OurRules:
    """What else our own Values can do."""

    @staticmethod
    def extended(machine: Any) -> type[RuleBasedStateMachine]:
        class OurLifecycle(machine):  # type: ignore[misc]  # a class made at run time
            nodes = machine.nodes

            @rule(root=machine.nodes)
            def zero(self, root: int) -> None:
                self.theirs[root].zero_grad()
                for key in self.model.below(root):
                    self.model.grad[key] = Fraction(0)

            @rule(node=machine.nodes, x=st.integers(-3, 3))
            def edit(self, node: int, x: int) -> None:
                if node not in self.model.made:
                    self.theirs[node].data = float(x)
                    self.model.data[node] = Fraction(x)

            @rule(target=machine.nodes, node=machine.nodes)
            def detach(self, node: int) -> int:
                key: int = self.model.leaf(self.model.data[node])
                self.theirs[key] = self.theirs[node].detach()
                return key

            @rule(root=machine.nodes, how=st.sampled_from([copy.copy, copy.deepcopy, "pickle"]))
            def copied(self, root: int, how: Any) -> None:
                original = self.theirs[root]
                twin = pickle.loads(pickle.dumps(original)) if how == "pickle" else how(original)  # noqa: S301  our own bytes
                self._same(twin.data, original.data)
                self._same(twin.grad, original.grad)
                if how is not copy.copy:
                    twin.backward()  # must not reach the original

            @rule(root=machine.nodes)
            def differentiated_as_a_graph(self, root: int) -> None:
                keys = [k for k in sorted(self.model.below(root)) if k not in self.model.made]
                if any(self.theirs[k].data != x for k, x in self._operands_of_leaves(root)):
                    return  # a leaf was edited since: gradients raises
                found = gradients(self.theirs[root], [self.theirs[k] for k in keys])
                adjoints = self.model.adjoints(root)
                for k, g in zip(keys, found):
                    self._same(g.data, float(adjoints.get(k, Fraction(0))))

            def _operands_of_leaves(self, root: int) -> list[tuple[int, Fraction]]:
                made = [self.model.made[k] for k in self.model.below(root) if k in self.model.made]
                return [(a, x) for _, args, xs in made for a, x in zip(args, xs)]

            @staticmethod
            def _same(a: float, b: float) -> None:
                if a != b:
                    raise AssertionError(f"{a} is not {b}")

            @invariant()
            def inner_nodes_hold_the_latest_adjoint(self) -> None:
                for key, v in self.theirs.items():
                    if key in self.model.made and isinstance(v, Value):
                        self._same(v.grad, float(self.model.grad[key]))

        OurLifecycle.__name__ = OurLifecycle.__qualname__ = "Lifecycle"
        return OurLifecycle


def _has(engine: Engine, name: str) -> bool:
    arity = 1 if name in ("neg", "square", "relu") else 2
    try:
        y = engine.fn(name)(*[engine.make(2.0) for _ in range(arity)])
        return float(engine.value(y)) == float(OPS[name][0](*[Fraction(2)] * arity))
    except (TypeError, AttributeError, NotImplementedError):
        return False
