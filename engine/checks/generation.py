"""Random graphs: steps drawn as genes, each of which fits anywhere and becomes an op that is legal where it stands."""

import math
import random
from collections.abc import Iterable, Sequence
from math import inf
from typing import NamedTuple

from ..arguments import listed, number, whole
from ..ops import PRIVATE
from ..rule import BUILT_IN, TABLE, Op
from .graph import Graph, GraphOperand, GraphStep, looked_up, place

NICE = (0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 3.0)
SIMPLE_FIRST = ("add", "mul", "sub", "neg", "square", "div", "exp", "log", "sin", "relu", "maximum")
MOST = 10**6  # ops in a graph
LARGE = 50.0  # inner values stay below it, so that derivatives of derivatives stay finite
Arguments = Sequence[float | list[float]]
FAR = 16**3 * 8
SIGNLESS = frozenset(("div", "reciprocal", "cbrt"))  # rows whose domain also holds mirrored


class Gene(NamedTuple):
    """What a step is drawn as, before it is known which values there are: any gene fits anywhere.

    Attributes:
        op: a position in the table of rows; where that row is not legal, the next one that is.
        backs: an integer below `FAR`: how far back three operands are, and whether a number stands for the second.
    """

    op: int
    backs: int


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
    values, steps = list(point), list[GraphStep]()
    for gene in genes:
        kind, far = divmod(gene.backs, 16**3)
        backs = [_back(far // 16**k % 16, k, len(values)) for k in range(3)]
        number = numbers[len(steps) % len(numbers)] if kind == 7 else None
        for k in range(len(table)):
            row = table[(gene.op + k) % len(table)]
            operands = _operands(row, backs, number, values)
            args = [looked_up(a, values) for a in operands]
            y = value_at(row, args)
            if y is not None and (ties or not _at_kink(row, args)):
                steps.append(GraphStep(row.name, operands))
                values.append(y)
                break
    return Graph(point, steps)


def _back(far: int, argument: int, count: int) -> int:
    """How far back an operand is: the first mostly next to its user, so that graphs grow deep; others anywhere."""
    if argument == 0:
        far = max(0, far - 12) * 4
    return far % count + 1


def _at_kink(row: Op, args: Arguments) -> bool:
    return row.kink is not None and row.kink(*args) == 0.0 and row.name != "where"


def _operands(row: Op, backs: list[int], number: float | None, values: Sequence[float]) -> tuple[GraphOperand, ...]:
    if row.lists:
        xs = tuple(backs)
        if row.arity == 3:
            return xs, tuple(reversed(xs)), 0.0 if number is None else number
        return (xs[:2],)
    operands: list[GraphOperand] = [*backs[: row.arity]]
    if row.name == "power" and values[place(backs[0], len(values))] <= 0.0:
        operands[1] = float(backs[1] % 3 + 1)
    elif row.name == "clip":
        low = values[place(backs[1], len(values))]
        operands[2] = low + 1.0 if number is None else low + abs(number)
    elif number is not None and row.arity > 1:
        operands[1] = number
    return tuple(operands)


def value_at(row: Op, args: Arguments) -> float | None:
    """The value of a row at operands inside its domain; None outside, or where it is too large to go on with."""
    laid = [(x, *ends) for a, ends in zip(args, row.domain) for x in (a if isinstance(a, list) else [a])]
    flat = [x for x, _, _ in laid]
    inside = all(low < x < high or (row.name in SIGNLESS and x != 0.0) for x, low, high in laid)
    if not (inside or _legal(row, flat)) or (row.name in ("hypot", "unit", "over", "arctan2") and not any(flat)):
        return None
    y = row.forward(*args)
    return y if abs(y) <= LARGE else None


def _legal(row: Op, args: Sequence[float]) -> bool:
    """Whether a row is defined at operands outside its domain."""
    if row.name == "power":
        return args[0] != 0.0 and float(args[1]).is_integer() and abs(args[1]) <= 4.0
    if row.name == "clip":
        return args[1] <= args[2]
    if row.name == "arctan2":
        return args[0] != 0.0
    return row.name == "tan" and abs(math.cos(args[0])) > 1e-3


def random_graph(rng: random.Random, max_ops: int, table: Sequence[Op], min_ops: int = 1) -> Graph:
    """One random graph."""
    point = [_coordinate(rng) for _ in range(rng.randint(1, 3))]
    numbers = [_coordinate(rng) for _ in range(3)]
    genes = [Gene(rng.randrange(len(table)), rng.randrange(FAR)) for _ in range(rng.randint(min_ops, max_ops))]
    return grown(point, numbers, genes, table, ties=rng.random() < 0.2)


def _coordinate(rng: random.Random) -> float:
    kind = rng.random()
    if kind < 0.08:
        return rng.choice(NICE)
    return rng.gauss(0.0, 1.0) if kind < 0.7 else rng.uniform(-5.0, 5.0)


def plain_graph(rng: random.Random, ops: int, table: Sequence[Op], numbers: Sequence[float], inputs: int) -> Graph:
    """One random graph among some numbers, drawn by `rng.random()` alone: no version of Python changes what that gives."""

    def below(n: int) -> int:
        return int(rng.random() * n)

    point, constants = ([numbers[below(len(numbers))] for _ in range(n)] for n in (inputs, 3))
    genes = [Gene(below(len(table)), below(FAR)) for _ in range(ops)]
    return grown(point, constants, genes, table, ties=True)


def random_graphs(
    count: int,
    seed: int,
    max_ops: int = 12,
    ops: Iterable[str] | None = None,
    numbers: Iterable[float] | None = None,
    inputs: int = 2,
) -> Iterable[Graph]:
    """Some random graphs, without Hypothesis: the same for the same seed.

    Args:
        count: how many.
        seed: a whole number.
        max_ops: the largest number of ops.
        ops: the names of the ops to use; by default all.
        numbers: what inputs and constants are drawn from; by default floats. From numbers, every machine and version
            of Python draws the same graphs, with `max_ops` steps where so many are legal.
        inputs: how many inputs a graph from numbers has.

    Raises:
        TypeError, ValueError: an argument is not one of these.

    >>> from engine.checks import random_graphs
    >>> [len(graph.steps) <= 3 for graph in random_graphs(2, seed=0, max_ops=3)]
    [True, True]
    >>> print(next(iter(random_graphs(1, seed=1, max_ops=2, ops=["add", "mul"], numbers=[2.0, 3.0]))))
    2.0 3.0 | add 1 1 | mul 1 1
    """
    who = "random_graphs"
    rng, table = random.Random(whole(who, "seed", seed, least=-inf)), rows(ops)  # noqa: S311  for tests, not for secrets
    count, max_ops = whole(who, "count", count), whole(who, "max_ops", max_ops, least=1, most=MOST)
    if numbers is None:
        return (random_graph(rng, max_ops, table) for _ in range(count))
    among = [number(who, "numbers", x) for x in listed(who, "numbers", numbers, "a list of numbers")]
    if not among:
        raise ValueError(f"{who} takes at least one number as numbers, got none")
    inputs = whole(who, "inputs", inputs, least=1, most=MOST)
    return (plain_graph(rng, max_ops, table, among, inputs) for _ in range(count))
