"""A live view: the step player of a graph beside fields for its leaves; a number changed there recomputes the graph.

It needs a running notebook kernel: what a saved notebook keeps of it is blank, so `Picture.player` is what to commit.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isnan

from ... import context
from ...arguments import install_line
from ...conversion import number
from ...transforms.replay import replay
from ...traversal import topological_order
from ...value import Value
from ..model.boxes import PictureModel
from .page import part

NO_FIELDS = 'no leaf has a box of its own at this level; draw(..., level="full") shows them, or expand= the node'


def replayed_graph(roots: Sequence[Value], leaves: Mapping[Value, float]) -> dict[Value, Value]:
    """For each node below the roots its twin, in a graph computed anew with other numbers in some leaves.

    Twins bear the labels of their nodes and stand in their Modules; the graph itself is left as it is.

    >>> from engine import Value
    >>> x = Value(2.0, label="x")
    >>> y = x * x
    >>> there = replayed_graph([y], {x: 3.0})
    >>> there[y].data, there[x], y.data
    (9.0, Value(data=3.0, grad=–, label='x'), 4.0)
    """
    order = topological_order(roots)
    numbers = replay(order, leaves)
    there: dict[Value, Value] = {}
    with context.quiet():
        for v, x in zip(order, numbers):
            if v.op is None:
                there[v] = Value(x)
            else:
                there[v] = v._node(v.op, [_twin(a, there) for a in v._operands()[0]])
            there[v]._about = v._about
    return there


def _twin(a: object, there: Mapping[Value, Value]) -> object:
    if isinstance(a, tuple):
        return [there[e] for e in a]
    return there[a] if isinstance(a, Value) else a


def live_view(roots: Sequence[Value], model: PictureModel, page: Callable[[Mapping[Value, Value], int], str]) -> object:
    """The widget of a picture.

    Args:
        roots: the Values whose graph it is.
        model: its boxes; each leaf that has a box of its own can be edited.
        page: a function of (the twins by their nodes, first step) that makes the player's page.
    """
    try:
        import anywidget
        import traitlets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"live needs {error.name}: {install_line('notebooks')}; without it, player() steps through the graph",
            name=error.name,
        ) from None

    leaves = {b.name: b.node for b in model.boxes if b.is_leaf and b.leaf is None and b.value is not None}

    class Live(anywidget.AnyWidget):
        """A graph whose leaves can be edited: `values` holds their numbers by name, and can be set."""

        _esm = part("live.js")
        _css = part("live.css")
        page = traitlets.Unicode().tag(sync=True)
        step = traitlets.Int(0).tag(sync=True)
        fields = traitlets.List().tag(sync=True)
        message = traitlets.Unicode().tag(sync=True)
        edits = traitlets.Dict().tag(sync=True)

        def __init__(self) -> None:
            self._numbers = {v: v.data for v in leaves.values()}
            super().__init__(message="" if leaves else NO_FIELDS)
            self._take({})
            self.observe(self._edited, "edits")

        @property
        def values(self) -> dict[str, float]:
            """The number of each leaf, by the name that the picture shows."""
            return {name: self._numbers[v] for name, v in leaves.items()}

        @values.setter
        def values(self, numbers: Mapping[str, float]) -> None:
            unknown = [name for name in numbers if name not in leaves]
            if unknown:
                raise ValueError(f"live takes numbers for {', '.join(leaves)}, got {unknown[0]!r:.60}")
            self._take({name: number(x, "live") for name, x in numbers.items()})

        def _edited(self, change: Mapping[str, Mapping[str, float]]) -> None:
            try:
                self._take({str(name): float(x) for name, x in change["new"].items()})
                self.message = ""
            except (KeyError, TypeError, ValueError) as error:
                self.message = f"not a number: {error}"

        def _take(self, numbers: Mapping[str, float]) -> None:
            self._numbers |= {leaves[name]: x for name, x in numbers.items()}
            self.graph = replayed_graph(roots, self._numbers)
            self.page = page(self.graph, self.step)
            self.fields = [[name, number_field(self._numbers[v])] for name, v in leaves.items()]

    return Live()


def number_field(x: float) -> str:
    """A number as an input field takes it; empty for nan."""
    return "" if isnan(x) else repr(x)
