"""A live view: the step player of a graph beside sliders for its leaves; a number changed there recomputes the graph.

The page is laid out once, with room for the numbers to come; an edit changes words and colours in it. It needs a running
notebook kernel: a saved notebook keeps the picture as it was at first.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from math import isnan
from typing import Any, TypedDict, cast

from ... import context
from ...arguments import install_line, real
from ...conversion import number
from ...transforms.replay import replay
from ...traversal import topological_order
from ...value import Value
from ..drawing.rows import PAD_X, Content, Label, Typeset
from ..model.boxes import PictureModel
from ..model.text_widths import pixels
from .film import Shot, roomiest, shot_of
from .page import part
from .player import data_of

NO_FIELDS = 'no leaf has a box of its own at this level; draw(..., level="full") shows them, or expand= the node'
NUMBER = re.compile(r"(·?)\(?−?\d+\.\d+(?:e−?\d+)?\)?")


class Edits(TypedDict, total=False):
    """What the widget's page sends: numbers by the names of leaves, and a ticket that the answer bears."""

    numbers: Mapping[str, float]
    ticket: float


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


class LiveGraph:
    """A graph whose leaves can be edited: `values` holds their numbers by name, and can be set.

    Args:
        roots: the Values whose graph it is.
        model: its boxes; each leaf that has a box of its own can be edited.
        typeset: a function of the twins by their nodes: their picture's words in rows.
        page: a function of (words in rows, first step) that makes the player's page.
        still: the picture as HTML, drawn when it is shown, for pages without a kernel.
        step: the step at which the page opens; None for the last.

    Attributes:
        graph: for each node its twin at these numbers.
        page: the player's page; another only where numbers need more room than it has.
        step: the step at which it opens.
        fields: for each leaf its name, its number now and at first, as texts.
        fresh: what the page is told in place of another: the numbers of the whole graph.
        message: why nothing can be edited, or why the latest edit was not taken.
        answered: the ticket of the latest edit.
    """

    page = ""
    step = 0
    fields: list[list[str]]
    message: str
    fresh: dict[str, object]
    answered = 0.0

    def __init__(
        self,
        roots: Sequence[Value],
        model: PictureModel,
        typeset: Callable[[Mapping[Value, Value]], Typeset],
        page: Callable[[Typeset, int], str],
        still: Callable[[], str],
        step: int | None = None,
    ) -> None:
        super().__init__()
        self._roots, self._typeset, self._page_of, self._still, self._room = roots, typeset, page, still, Room()
        self._leaves = {b.name: b.node for b in model.boxes if b.is_leaf and b.leaf is None and b.value is not None}
        self._numbers = {v: v.data for v in self._leaves.values()}
        self.message = "" if self._leaves else NO_FIELDS
        self._first = step
        self._take({})

    @property
    def values(self) -> dict[str, float]:
        """The number of each leaf, by the name that the picture shows."""
        return {name: self._numbers[v] for name, v in self._leaves.items()}

    @values.setter
    def values(self, numbers: Mapping[str, float]) -> None:
        unknown = [name for name in numbers if name not in self._leaves]
        if unknown:
            raise ValueError(f"live takes numbers for {', '.join(self._leaves)}, got {unknown[0]!r:.60}")
        self._take({name: number(x, "live") for name, x in numbers.items()})

    def edit(self, edits: Edits) -> None:
        """Take numbers as the page sends them, {"numbers": {name: number}, "ticket": number}.

        What is wrong with them is told in `message`: a page is not to end for it.
        """
        given = edits if isinstance(edits, Mapping) else {}
        try:
            self._take({str(name): number(x, "live") for name, x in given["numbers"].items()})
            self.message = ""
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            self.message = f"{type(error).__name__}: {error}"
        self.answered = real(given.get("ticket")) or 0.0

    def _take(self, numbers: Mapping[str, float]) -> None:
        held = self._numbers | {self._leaves[name]: x for name, x in numbers.items()}
        self.graph = replayed_graph(self._roots, held)
        self._numbers = held
        words = self._typeset(self.graph)
        shot, data = shot_of(words), data_of(words.model, words.uid)
        with self._at_once():
            if not self._room.holds(shot):
                if not self.page:
                    last = len(cast(list[object], data["steps"])) - 1
                    self.step = last if self._first is None else min(self._first, last)
                self._room.grow(words)
                self.page = self._page_of(words, self.step)
            blank = {key: ["", ""] for key in self._room.keys}
            seen = {"words": blank | shot.words, "strips": shot.data["strips"], "arrows": shot.data["arrows"]}
            self.fresh = {"nodes": data["nodes"], "edges": data["edges"], "numbers": seen}
            self.fields = [[name, number_field(held[v]), number_field(v.data)] for name, v in self._leaves.items()]

    def _at_once(self) -> AbstractContextManager[None]:
        """While it is open, what changes is told together at its end."""
        return nullcontext()


def live_widget() -> type[LiveGraph]:
    """LiveGraph as a widget of notebooks."""
    try:
        import anywidget
        import traitlets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"live needs {error.name}: {install_line('notebooks')}; without it, player() steps through the graph",
            name=error.name,
        ) from None

    class Live(LiveGraph, anywidget.AnyWidget):
        _esm = part("live.js")
        _css = part("live.css")
        page = traitlets.Unicode().tag(sync=True)
        step = traitlets.Int().tag(sync=True)
        fields = traitlets.List().tag(sync=True)
        message = traitlets.Unicode().tag(sync=True)
        fresh = traitlets.Dict().tag(sync=True)
        edits = traitlets.Dict().tag(sync=True)
        answered = traitlets.Float(0.0).tag(sync=True)

        def __init__(self, *of: Any) -> None:
            super().__init__(*of)
            self.observe(lambda change: self.edit(change["new"]), "edits")

        def _at_once(self) -> AbstractContextManager[None]:
            return cast("AbstractContextManager[None]", self.hold_sync())

        def _ipython_display_(self) -> None:
            from IPython.display import HTML, display

            display(self._repr_mimebundle_()[0], raw=True)
            display(HTML(f'<div class="chainrule-still">{self._still()}</div>'))

    return Live


class Room:
    """The sizes that boxes and labels have been given: they grow where a number needs it, and never shrink."""

    def __init__(self) -> None:
        self._contents: dict[str, Content] = {}
        self._labels: dict[str, Label] = {}
        self.keys: set[str] = set()

    def holds(self, shot: Shot) -> bool:
        """Whether all that a shot says has its place."""
        return all(_inside(c, self._contents.get(b)) for b, c in shot.contents.items()) and all(
            _inside(label, self._labels.get(e)) for e, label in shot.labels.items()
        )

    def grow(self, words: Typeset) -> None:
        """Give words the room that they need, and what they had; numbers get that of −0.00000 at least."""
        for b, content in words.contents.items():
            here = [content, *filter(None, [self._contents.get(b.id)])]
            rows = [
                replace(row, right=replace(row.right, text=_wide(row.right.text))) for row in content.rows if row.right
            ]
            width = pixels(max([row.width for row in rows], default=0.0) + 2 * PAD_X)
            words.contents[b] = self._contents[b.id] = replace(
                roomiest(here), width=max(width, *(c.width for c in here))
            )
        for e, label in words.labels.items():
            there = [label, *filter(None, [self._labels.get(e.id)])]
            width = pixels(max(sum(replace(c, text=_wide(c.text)).width for c in line) for line in label.lines) + 2)
            words.labels[e] = self._labels[e.id] = replace(roomiest(there), width=max(width, *(x.width for x in there)))
        self.keys |= shot_of(words).words.keys()


def _inside(thing: Content | Label, room: Content | Label | None) -> bool:
    return room is not None and thing.width <= room.width and thing.height <= room.height


def _wide(text: str) -> str:
    """A text with numbers as wide as most are; a factor after another may get parentheses."""
    return NUMBER.sub(lambda m: max(m[0], f"{m[1]}(−0.00000)" if m[1] else "−0.00000", key=len), text)


def number_field(x: float) -> str:
    """A number as an input field takes it; empty for nan."""
    return "" if isnan(x) else repr(x)
