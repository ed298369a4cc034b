"""The problems of a drill: small graphs by level and seed, whose derivatives the head can do.

Graphs are those of the project's own strategy, `engine.checks.random_graphs`, drawn until one has what its level is
about and every derivative in it is a simple fraction; a neuron and a softmax have their shape, and numbers are drawn.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import tanh
from typing import NamedTuple, TypeVar

from engine import TABLE, Value, topological_order
from engine.arguments import whole
from engine.checks import Graph, random_graphs
from engine.formulas.chain import Chain, Path, chain_rule

DENOMINATORS, LARGEST = (*range(1, 37), 1000), 99  # of fractions that the head can do
MOST_TRIES = 100_000  # a level finds its graph within some hundreds
LN2, LN3, LN5, HALF_LN3 = 0.6931471805599453, 1.0986122886681098, 1.6094379124341003, 0.5493061443340549
WHOLE = (-4.0, -3.0, -2.0, 2.0, 3.0, 4.0, 5.0, 0.5)
FOR_TANH = (-LN3, -HALF_LN3, HALF_LN3, LN2, LN3, 2.0)  # tanh of LN2, LN3, HALF_LN3: 3/5, 4/5, 1/2
FOR_EXP = (-2 * LN2, -LN3, -LN2, 0.0, LN3 - LN2, LN2, LN3, 2 * LN2, LN5, LN2 + LN3, 3 * LN2)  # e to them: 1/4 to 8

Found = dict[Value, Chain]
T = TypeVar("T")


class Shape(NamedTuple):
    """A graph that is always the same: its steps, as `Graph.parse` reads them, and the names of inputs and steps."""

    steps: str
    names: str


def _softmax(count: int, which: int, end: str = "", names: str = "") -> Shape:
    """A probability of a softmax, and what is made of it."""
    zs, es = ([f"{letter}{k}" for k in range(1, count + 1)] for letter in "ze")
    sums = ["add 2 1"] if count == 2 else ["add 3 2", "add 1 2"]  # e1 + e2, and + e3
    steps = [f"exp {count}"] * count + sums + [f"div {count + len(sums) + 1 - which} 1"]
    return Shape(" | ".join(steps) + end, " ".join([*zs, *es, *"ts"[2 - len(sums) :], f"p{which}", names]))


class Level(NamedTuple):
    """What the problems of a level are.

    Attributes:
        title: in words.
        asks: "partials", "grads" or "both".
        ops, steps, inputs: of the graphs that are drawn.
        numbers: what inputs are drawn from.
        sums: of a neuron, what w1·x1 + w2·x2 + b may be: b makes it so.
        needs, wants: what a graph must be, and its chain rule.
        shapes: of what graphs one is taken; none where each is drawn.
    """

    title: str
    asks: str
    ops: tuple[str, ...] = ()
    steps: int = 0
    inputs: int = 2
    numbers: Sequence[float] = WHOLE
    sums: Sequence[float] = ()
    needs: Callable[[Graph], bool] = lambda graph: True
    wants: Callable[[Found], bool] = lambda found: True
    shapes: Sequence[Shape] = ()


def _shared(found: Found) -> bool:
    return any(len(chain.paths) > 1 and v.op is None for v, chain in found.items())


def _inner_shared(found: Found) -> bool:
    return any(len(chain.paths) > 1 and v.op is not None for v, chain in found.items())


def _of(op: str, found: Found) -> Iterator[float]:
    """The operands of an op."""
    return (p.data for chain in found.values() for p in chain.paths if _name(p.user) == op)


def _factors(found: Found) -> Iterator[tuple[Value, Value]]:
    """The two factors of each product."""
    pairs = (v.args for v in found if _name(v) == "mul")
    return ((a, b) for a, b in pairs if isinstance(a, Value) and isinstance(b, Value) and a is not b)


def _dead(found: Found) -> bool:
    alive = all(chain.sum or v.op is not None for v, chain in found.items())
    return alive and [x < 0.0 for x in _of("relu", found)] == [True]


def _has_one_relu(graph: Graph) -> bool:
    return [step.op for step in graph.steps].count("relu") == 1


def _bends_inside(graph: Graph) -> bool:
    """A tanh in the middle, whose slope the head can do."""
    first, middle, last = graph.steps
    if middle.op != "tanh" or last.op == "tanh":
        return False
    y = tanh(Graph(graph.inputs, [first])(*graph.inputs))
    return fraction(1.0 - y * y) is not None


def _in_reach(found: Found) -> bool:
    """No tanh is where it is straight or flat."""
    return all(0.1 < abs(x) < 2.0 for x in _of("tanh", found))


PROBABILITIES = ((2, 1), (2, 2), (3, 1), (3, 2), (3, 3))  # of how many, and which
LEVELS = (
    Level("a product", "partials", ("mul",), 1, numbers=(*WHOLE, -9.0, -8.0, -7.0, -6.0, -5.0, 6.0, 7.0, 8.0, 9.0)),
    Level("two steps", "partials", ("mul", "add", "sub"), 2, 3),
    Level("two steps", "grads", ("mul", "add", "sub"), 2, 3),
    Level("two paths", "grads", ("mul", "add", "sub", "square"), 3, 2, wants=_shared),
    Level("two paths from an inner node", "both", ("mul", "add", "sub", "square", "div"), 3, 2, wants=_inner_shared),
    Level("relu at a dead point", "both", ("mul", "add", "sub", "relu"), 4, 2, needs=_has_one_relu, wants=_dead),
    Level("a chain through tanh, whose slope is 1 − tanh²", "both", ("tanh", "mul", "tanh", "add", "sub", "square"), 3, 2, FOR_TANH, needs=_bends_inside, wants=_in_reach),
    Level(
        "a neuron, tanh at its end", "both", sums=(-LN3, -LN2, -HALF_LN3, HALF_LN3, LN2, LN3),
        shapes=[Shape("mul 5 4 | mul 4 3 | add 2 1 | add 1 4 | tanh 1", "w1 x1 w2 x2 b p1 p2 s z n")],
    ),
    Level("a softmax", "both", numbers=FOR_EXP, shapes=[_softmax(n, k) for n, k in PROBABILITIES]),
    Level(
        "a softmax with its loss", "grads", numbers=FOR_EXP,
        shapes=[_softmax(n, k, " | log 1 | neg 1", "l L") for n, k in PROBABILITIES],
    ),
)  # fmt: skip


def _name(v: Value) -> str:
    return v.op.name if v.op is not None else ""


def fraction(x: float) -> Fraction | None:
    """A number that the head can do as a fraction: up to three decimals, or a small denominator; None for others.

    >>> fraction(1 / 3), fraction(0.6931)
    (Fraction(1, 3), None)
    """
    for below in DENOMINATORS if abs(x) <= LARGEST else ():
        over = round(x * below)
        if abs(x - over / below) < 1e-9:
            return Fraction(over, below)
    return None


def exact(x: float) -> Fraction:
    """The fraction that a number of a problem is: problems are chosen for that."""
    found = fraction(x)
    if found is None:
        raise ValueError(f"exact takes a number that the head can do, got {x!r}")
    return found


class Field(NamedTuple):
    """A number that is asked for.

    Attributes:
        name: "∂u/∂a", the derivative along one edge, or "dL/da", the gradient of a node.
        path: the edge; None for a gradient.
        node: the argument of the edge, or the node of the gradient.
        right: the answer.
    """

    name: str
    path: Path | None
    node: Value
    right: Fraction


class Problem:
    """One graph and what is asked of it.

    Attributes:
        level, seed: what it is made of.
        root: its output, labelled; no backward has run.
        chains: the chain rule at each node, users first.
    """

    def __init__(self, level: int, seed: int, root: Value) -> None:
        self.level, self.seed, self.root, self.about = level, seed, root, LEVELS[level - 1]
        self.chains = chain_rule(root)
        self.inputs = [v for v in topological_order(root) if v.op is None]

    @property
    def asked_edges(self) -> list[Path]:
        """The edges whose local derivative is asked for, arguments first; beyond the first levels no 1 of a sum."""
        if self.about.asks == "grads":
            return []
        order = {v: i for i, v in enumerate(topological_order(self.root))}
        paths = [p for chain in self.chains.values() for p in chain.paths]
        plain = self.about.asks == "both"
        asked = [p for p in paths if not (plain and _name(p.user) in ("add", "sub"))]
        return sorted(asked, key=lambda p: (order[p.user], p.edge))

    @property
    def asked_nodes(self) -> list[Value]:
        """The nodes whose gradient is asked for, users first."""
        return [v for v in self.chains if v is not self.root] if self.about.asks != "partials" else []


def problem(level: int, seed: int) -> Problem:
    """The problem of a level and a seed: the same on every machine."""
    level = whole("drill", "level", level, least=1, most=len(LEVELS))
    seed = whole("drill", "seed", seed)
    about = LEVELS[level - 1]
    for graph, names in _graphs(about, 100 * seed + level):
        if len(graph.steps) < about.steps or not about.needs(graph) or 0 in graph.uses()[:-1]:
            continue
        made = _labelled(graph, names)
        if made is not None and _is_simple(made, about.wants):
            return Problem(level, seed, made)
    raise RuntimeError(f"drill found no graph of level {level} for seed {seed}; take another seed")


def _graphs(about: Level, seed: int) -> Iterator[tuple[Graph, list[str]]]:
    """Graphs, with the names of their nodes where they have a shape."""
    if not about.shapes:
        for graph in random_graphs(MOST_TRIES, seed, about.steps, about.ops, about.numbers, about.inputs):
            yield graph, []
        return
    rng = random.Random(seed)

    def one_of(things: Sequence[T]) -> T:
        return things[int(rng.random() * len(things))]  # as `random_graphs` draws: the same on every machine

    shape = about.shapes[0] if len(about.shapes) == 1 else one_of(about.shapes)
    steps, names = Graph.parse("0 | " + shape.steps).steps, shape.names.split()
    for _ in range(MOST_TRIES):
        xs = [one_of(about.numbers) for _ in range(len(names) - len(steps))]
        if about.sums:
            xs[-1] = one_of(about.sums) - (xs[0] * xs[1] + xs[2] * xs[3])
        yield Graph(xs, steps), names


def _labelled(graph: Graph, names: Sequence[str]) -> Value | None:
    leaves = [Value(x) for x in graph.inputs]
    steps: list[Value] = []

    def step(name: str) -> Callable[..., Value]:
        def taken(*args: object) -> Value:
            steps.append(TABLE[name](*args))
            return steps[-1]

        return taken

    root: Value = graph(*leaves, fn=step)
    inner = [v for v in topological_order(root) if v.op is not None]
    if len(inner) != len(graph.steps):
        return None
    nodes = [*leaves, *steps] if names else [*(v for v in topological_order(root) if v.op is None), *inner]
    for v, name in zip(nodes, names or [*"abcdefg"[: len(leaves)], *"uvwst"[: len(inner) - 1], "L"]):
        v.label = name
    return root


def _is_simple(root: Value, wants: Callable[[Found], bool]) -> bool:
    found = chain_rule(root)
    numbers = [p.local for chain in found.values() for p in chain.paths] + [chain.sum for chain in found.values()]
    return (
        all(fraction(x) is not None for x in numbers)
        and all((v.data or v.op is None or _name(v) == "relu") and abs(v.data) < 100.0 for v in found)
        and (wants is _dead or 0.0 not in numbers)
        and all(abs(a.data) != abs(b.data) for a, b in _factors(found))  # or an operand passes for the other
        and wants(found)
    )
