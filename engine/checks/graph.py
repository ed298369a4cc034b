"""Flat tapes: graphs as lists of (op, how far back its operands are), easy to draw, to shrink, to print and to run.

Deleting an element leaves a valid graph, an operand may be shared by itself, and the last element is the output. A
recursive tree of expressions can do neither: it never shares an inner node, and so never meets a wrong traversal.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from ..arguments import listed, real, shown
from ..arguments import text as written
from ..rule import TABLE
from .engines import Node, Operation

GraphOperand = int | float | tuple[int | float, ...]  # an int counts back from its user, a float is a number
X = TypeVar("X")


class GraphStep(NamedTuple):
    """One op of a tape; an int operand counts back from it (1 is the one before), a float is a number."""

    op: str
    operands: tuple[GraphOperand, ...]

    def __str__(self) -> str:
        return " ".join([self.op, *map(_operand_text, self.operands)])


def _operand_text(a: GraphOperand) -> str:
    return "[" + ",".join(map(repr, a)) + "]" if isinstance(a, tuple) else repr(a)


class Graph:
    """A function of some numbers, as a flat tape, with the point to check it at.

    Args:
        inputs: the point: the data of the leaves.
        steps: the ops in order.

    Raises:
        TypeError, ValueError: inputs holds no number, or something that is none; something among the steps is no GraphStep.

    Called with as many numbers or Values as there are inputs, it runs.

    >>> graph = Graph.parse("0.5 2.0 | mul 1 2 | exp 1")
    >>> graph(0.5, 2.0)
    2.718281828459045
    >>> print(graph)
    0.5 2.0 | mul 1 2 | exp 1
    """

    def __init__(self, inputs: Iterable[float], steps: Iterable[GraphStep]) -> None:
        self.inputs = tuple([_input(x) for x in listed("Graph", "inputs", inputs, "a list of numbers")])
        self.steps = tuple(listed("Graph", "steps", steps, "a list of Steps"))
        if not self.inputs:
            raise ValueError("Graph takes at least one number as inputs, got none")
        for step in self.steps:
            if not isinstance(step, GraphStep):
                raise TypeError(f"Graph takes Steps as steps, got {shown(step)}; from text make it with Graph.parse")

    def __call__(self, *xs: Node, fn: Callable[[str], Operation] = TABLE.__getitem__) -> Node:
        """The output for some leaves; `fn` gives the ops of another engine by their names."""
        values = list(xs)
        for step in self.steps:
            values.append(fn(step.op)(*[looked_up(a, values) for a in step.operands]))
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
            steps = [GraphStep(words[0], tuple(map(_operand, words[1:]))) for words in map(str.split, rest)]
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
                        counts[place(e, len(counts))] += 1
            counts.append(0)
        return counts


def _input(x: object) -> float:
    found = real(x)
    if found is None:
        raise TypeError(f"Graph takes numbers as inputs, got {shown(x)}")
    return found


def _operand(word: str) -> GraphOperand:
    if word.startswith("["):
        return tuple([_number(w) for w in word[1:-1].split(",") if w])
    return _number(word)


def _number(word: str) -> int | float:
    return int(word) if word.lstrip("-").isdigit() else float(word)


def place(back: int, count: int) -> int:
    """The position of an operand so far back from the next of some values."""
    return count - 1 - (back - 1) % count


def looked_up(a: GraphOperand, values: Sequence[X]) -> X | float | list[X | float]:
    """What an operand stands for, at the values before its user."""

    def one(e: int | float) -> X | float:
        return values[place(e, len(values))] if isinstance(e, int) else e

    return [one(e) for e in a] if isinstance(a, tuple) else one(a)
