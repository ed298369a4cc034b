"""Flat tapes: graphs as lists of (op, how far back its operands are), easy to draw, to shrink, to print and to run.

Deleting an element leaves a valid graph, an operand may be shared by itself, and the last element is the output. A
recursive tree of expressions can do neither: it never shares an inner node, and so never meets a wrong traversal.
"""

import math
import random
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any, NamedTuple

from ..arguments import listed, real, shown, whole
from ..arguments import text as written
from ..ops import BUILT_IN, PRIVATE, TABLE, Op

NICE = (0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 3.0)
SIMPLE_FIRST = ("add", "mul", "sub", "neg", "square", "div", "exp", "log", "sin", "relu", "maximum")
MOST = 10**6  # ops in a graph
LARGE = 50.0  # inner values stay below it, so that derivatives of derivatives stay finite


class Step(NamedTuple):
    """One op of a tape; an int operand counts back from it (1 is the one before), a float is a number."""

    op: str
    operands: tuple[Any, ...]

    def __str__(self) -> str:
        return " ".join([self.op, *map(_operand_text, self.operands)])


def _operand_text(a: Any) -> str:
    return "[" + ",".join(map(repr, a)) + "]" if isinstance(a, tuple) else repr(a)


class Graph:
    """A function of some numbers, as a flat tape, with the point to check it at.

    Args:
        inputs: the point: the data of the leaves.
        steps: the ops in order.

    Raises:
        TypeError, ValueError: inputs holds no number, or something that is none; something among the steps is no Step.

    Called with as many numbers or Values as there are inputs, it runs.

    >>> graph = Graph.parse("0.5 2.0 | mul 1 2 | exp 1")
    >>> graph(0.5, 2.0)
    2.718281828459045
    >>> print(graph)
    0.5 2.0 | mul 1 2 | exp 1
    """

    def __init__(self, inputs: Iterable[float], steps: Iterable[Step]) -> None:
        self.inputs = tuple([_input(x) for x in listed("Graph", "inputs", inputs, "a list of numbers")])
        self.steps = tuple(listed("Graph", "steps", steps, "a list of Steps"))
        if not self.inputs:
            raise ValueError("Graph takes at least one number as inputs, got none")
        for step in self.steps:
            if not isinstance(step, Step):
                raise TypeError(f"Graph takes Steps as steps, got {shown(step)}; from text make it with Graph.parse")

    def __call__(self, *xs: Any, fn: Callable[[str], Callable[..., Any]] = TABLE.__getitem__) -> Any:
        """The output for some leaves; `fn` gives the ops of another engine by their names."""
        values = list(xs)
        for step in self.steps:
            values.append(fn(step.op)(*[_looked_up(a, values) for a in step.operands]))
        return values[-1]

    def __str__(self) -> str:
        return " | ".join([" ".join(map(repr, self.inputs)), *map(str, self.steps)])

    def __repr__(self) -> str:
        return f'Graph.parse("{self}")'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and (self.inputs, self.steps) == (other.inputs, other.steps)

    def __hash__(self) -> int:
        return hash((self.inputs, self.steps))

    @classmethod
    def parse(cls, text: str) -> "Graph":
        """The graph that a printed one stands for.

        Raises:
            TypeError, ValueError: the text is no graph.
        """
        head, *rest = written("Graph.parse", "text", text, "text such as '0.5 2.0 | mul 1 2 | exp 1'").split("|")
        try:
            inputs = [float(x) for x in head.split()]
            steps = [Step(words[0], tuple(map(_operand, words[1:]))) for words in map(str.split, rest)]
        except (ValueError, IndexError):
            raise ValueError(f"Graph takes text such as '0.5 2.0 | mul 1 2 | exp 1', got {text!r:.80}") from None
        unknown = [s.op for s in steps if s.op not in TABLE]
        if unknown or not inputs:
            what = f"the unknown op {unknown[0]!r}" if unknown else "no inputs"
            raise ValueError(f"Graph takes ops of the table after its inputs, got {what}; add rows with engine.op")
        return cls(inputs, steps)

    def uses(self) -> list[int]:
        """How often each input and each step is an operand."""
        counts = [0] * len(self.inputs)
        for step in self.steps:
            for a in step.operands:
                for e in a if isinstance(a, tuple) else (a,):
                    if isinstance(e, int):
                        counts[_place(e, len(counts))] += 1
            counts.append(0)
        return counts


def _input(x: Any) -> float:
    found = real(x)
    if found is None:
        raise TypeError(f"Graph takes numbers as inputs, got {shown(x)}")
    return found


def _operand(word: str) -> Any:
    if word.startswith("["):
        return tuple([_operand(w) for w in word[1:-1].split(",") if w])
    return int(word) if word.lstrip("-").isdigit() else float(word)


def _place(back: int, count: int) -> int:
    return count - 1 - (back - 1) % count


def _looked_up(a: Any, values: Sequence[Any]) -> Any:
    if isinstance(a, tuple):
        return [_looked_up(e, values) for e in a]
    return values[_place(a, len(values))] if isinstance(a, int) else a


# Drawing -------------------------------------------------------------------------------------------------------------


class Gene(NamedTuple):
    """What a step is drawn as, before it is known which values there are: any gene fits anywhere.

    Attributes:
        op: a position in the table of rows; where that row is not legal, the next one that is.
        backs: an integer below `FAR`: how far back three operands are, and whether a number stands for the second.
    """

    op: int
    backs: int


FAR = 16**3 * 8


def rows(ops: Iterable[str] | None = None) -> list[Op]:
    """The rows to draw from, simple ones first, since what shrinks shrinks towards them.

    Raises:
        TypeError, ValueError: a name is none of the table.
    """
    usual = [*SIMPLE_FIRST, *sorted(BUILT_IN - PRIVATE.union(SIMPLE_FIRST))]
    names = usual if ops is None else listed("graphs", "ops", ops, "a list of names of the table")
    unknown = [n for n in names if not isinstance(n, str) or n not in TABLE]
    if unknown or not names:
        raise ValueError(f"graphs takes ops of the table, got {unknown[0] if unknown else 'none'!r}")
    return [TABLE[n] for n in names]


def grown(
    point: Sequence[float], numbers: Sequence[float], genes: Iterable[Gene], table: Sequence[Op], ties: bool
) -> Graph:
    """The graph of some genes; every op is legal at the values that run into it.

    Args:
        point: the inputs.
        numbers: constants to take operands from.
        genes: a step each.
        table: the rows that genes count.
        ties: whether ops may meet their kinks.
    """
    values, steps = list(point), list[Step]()
    for gene in genes:
        kind, far = divmod(gene.backs, 16**3)
        backs = [_back(far // 16**k % 16, k, len(values)) for k in range(3)]
        number = numbers[len(steps) % len(numbers)] if kind == 7 else None
        for k in range(len(table)):
            row = table[(gene.op + k) % len(table)]
            operands = _operands(row, backs, number, values)
            args = [_looked_up(a, values) for a in operands]
            y = value_at(row, args)
            if y is not None and (ties or not _at_kink(row, args)):
                steps.append(Step(row.name, operands))
                values.append(y)
                break
    return Graph(point, steps)


def _back(far: int, argument: int, count: int) -> int:
    """How far back an operand is: the first mostly next to its user, so that graphs grow deep; others anywhere."""
    if argument == 0:
        far = max(0, far - 12) * 4
    return far % count + 1


def _at_kink(row: Op, args: Sequence[Any]) -> bool:
    return row.kink is not None and row.kink(*args) == 0.0 and row.name != "where"


def _operands(row: Op, backs: list[int], number: float | None, values: Sequence[float]) -> tuple[Any, ...]:
    if row.lists:
        xs = tuple(backs)
        if row.arity == 3:
            return xs, tuple(reversed(xs)), 0.0 if number is None else number
        return (xs[:2],)
    operands: list[Any] = backs[: row.arity]
    if row.name == "power" and values[_place(backs[0], len(values))] <= 0.0:
        operands[1] = float(backs[1] % 3 + 1)
    elif row.name == "clip":
        low = values[_place(backs[1], len(values))]
        operands[2] = low + 1.0 if number is None else low + abs(number)
    elif number is not None and row.arity > 1:
        operands[1] = number
    return tuple(operands)


SIGNLESS = frozenset(("div", "reciprocal", "cbrt"))  # rows whose domain also holds mirrored


def value_at(row: Op, args: Sequence[Any]) -> float | None:
    """The value of a row at operands inside its domain; None outside, or where it is too large to go on with."""
    for a, (low, high) in zip(args, row.domain):
        for x in a if isinstance(a, list) else (a,):
            if not low < x < high and not (row.name in SIGNLESS and x != 0.0) and not _legal(row, args):
                return None
    if row.name in ("hypot", "unit", "over", "arctan2") and not any(args):
        return None
    y = row.forward(*args)
    return y if abs(y) <= LARGE else None


def _legal(row: Op, args: Sequence[Any]) -> bool:
    if row.name == "power":
        return bool(args[0] != 0.0 and float(args[1]).is_integer() and abs(args[1]) <= 4.0)
    if row.name == "clip":
        return bool(args[1] <= args[2])
    if row.name == "arctan2":
        return bool(args[0] != 0.0)
    return row.name == "tan" and abs(math.cos(args[0])) > 1e-3


def random_graph(rng: random.Random, max_ops: int, table: Sequence[Op], min_ops: int = 1) -> Graph:
    """One random graph."""
    point = [_number(rng) for _ in range(rng.randint(1, 3))]
    numbers = [_number(rng) for _ in range(3)]
    genes = [Gene(rng.randrange(len(table)), rng.randrange(FAR)) for _ in range(rng.randint(min_ops, max_ops))]
    return grown(point, numbers, genes, table, ties=rng.random() < 0.2)


def _number(rng: random.Random) -> float:
    kind = rng.random()
    if kind < 0.08:
        return rng.choice(NICE)
    return rng.gauss(0.0, 1.0) if kind < 0.7 else rng.uniform(-5.0, 5.0)


def random_graphs(count: int, seed: int, max_ops: int = 12, ops: Iterable[str] | None = None) -> Iterable[Graph]:
    """Some random graphs, without Hypothesis: the same for the same seed.

    Args:
        count: how many.
        seed: a whole number.
        max_ops: the largest number of ops.
        ops: the names of the ops to use; by default all.

    Raises:
        TypeError, ValueError: an argument is not one of these.

    >>> from engine.checks import random_graphs
    >>> [len(graph.steps) <= 3 for graph in random_graphs(2, seed=0, max_ops=3)]
    [True, True]
    """
    who = "random_graphs"
    rng, table = random.Random(whole(who, "seed", seed, least=-inf)), rows(ops)  # noqa: S311  for tests, not for secrets
    count, max_ops = whole(who, "count", count), whole(who, "max_ops", max_ops, least=1, most=MOST)
    return (random_graph(rng, max_ops, table) for _ in range(count))
