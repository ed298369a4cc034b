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
from ..drawing.layout import LayoutError
from ..drawing.rows import PAD_X, Content, Label, Typeset
from ..model.boxes import PictureModel
from ..model.grouping import View
from ..model.opening import turns
from ..model.text_widths import pixels
from .animation import page_steps
from .film import Shot, roomiest, shot_of
from .page import part
from .player import data_of

NO_FIELDS = 'no leaf has a box of its own here; the + of a Module opens it, and draw(..., level="full") shows them all'
MOST, LAST = 2000, 10**9  # boxes and arrows of what a reader opens; a step after all
NUMBER = re.compile(r"(·?)\(?−?\d+\.\d+(?:e−?\d+)?\)?")


class Edits(TypedDict, total=False):
    """What the widget's page sends: numbers by the names of leaves, its step, what it turns, and a ticket that the answer bears."""

    numbers: Mapping[str, float]
    step: int
    turn: Sequence[str]
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
        typeset: a function of the twins by their nodes, and of the model: their picture's words in rows.
        page: a function of (words in rows, first step, focus) that makes the player's page.
        still: the picture as HTML, drawn when it is shown, for pages without a kernel.
        step: the step at which the page opens; None for the last.
        opened: what a reader has opened and closed before, as `opened` has it.

    Attributes:
        graph: for each node its twin at these numbers.
        page: the player's page; another only where numbers need more room than it has.
        step: the step at which it opens.
        fields: for each leaf its name, its number now and at first, as texts.
        fresh: what the page is told in place of another: the numbers of the whole graph.
        opened: what a reader has opened and closed: the elements and kinds of turns, as words.
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
        typeset: Callable[[Mapping[Value, Value], PictureModel], Typeset],
        page: Callable[[Typeset, int, str], str],
        still: Callable[[], str],
        step: int | None = None,
        opened: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._roots, self._typeset, self._page_of, self._still = roots, typeset, page, still
        self._numbers: dict[Value, float] = {}
        self._views: list[tuple[str, View]] = []
        self._show(model)
        for word in opened:
            if (turned := self._turned(word)) is not None:
                self._show(turned)
        self.step = LAST if step is None else step
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
        step, turn = given.get("step"), given.get("turn")
        try:
            numbers = {str(name): number(x, "live") for name, x in given["numbers"].items()}
            self.step = max(0, step) if isinstance(step, int) else self.step
            if numbers or turn is None:
                self._take(numbers)
            self.message = "" if turn is None else self._turn(" ".join(map(str, turn)))
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            self.message = f"{type(error).__name__}: {error}"
        self.answered = real(given.get("ticket")) or 0.0

    # Opening and closing -------------------------------------------------------------------------------------------------

    @property
    def opened(self) -> list[str]:
        """What a reader has opened and closed, in order: the element and the kind of each turn."""
        return [word for word, _ in self._views]

    def _show(self, model: PictureModel, focus: str = "") -> None:
        """Go on with another model of the same graph; the page is a new one."""
        self._model, self._room, self._focus = model, Room(), focus
        self._leaves = {b.name: b.node for b in model.boxes if b.is_leaf and b.leaf is None and b.value is not None}
        self._numbers = {v: v.data for v in self._leaves.values()} | self._numbers
        self.message = "" if self._leaves else NO_FIELDS

    def _turned(self, word: str) -> PictureModel | None:
        """The model after a turn; None if there is no such, or too much of it."""
        turn = next((t for t in turns(self._model) if f"{t.element} {t.kind}" == word), None)
        model = self._model.at(turn.view, MOST) if turn is not None and self._model.at is not None else None
        if turn is None or model is None:
            return None
        before = [view for _, view in self._views]  # to turn back takes away what it turns back
        since = before.index(turn.view) if turn.view in before else len(before)
        self._views = [*self._views, (word, self._model.view)][: since + (turn.view not in before)]
        return model

    def _turn(self, word: str) -> str:
        """Open or close something; what stands against it."""
        before, views, room = self._model, self._views, self._room
        model = self._turned(word)
        if model is None:
            return f"More than {MOST:,} boxes and arrows would be seen: it stays as it is."
        ways, (element, kind) = turns(model), word.split(" ")
        back, way = next(((t.element, t.kind) for t in ways if t.view == before.view), ("", ""))
        again = any((t.element, t.kind) == (back, kind) for t in ways)
        steps = page_steps(before)
        phase, here = steps[min(self.step, len(steps) - 1)]
        places = {(p, b.id[1:]): i for i, (p, b) in enumerate(page_steps(model)) if b is not None}
        near = [*([] if here is None else [here.id]), element, back]
        step, self.step = self.step, next((places[phase, b[1:]] for b in near if (phase, b[1:]) in places), 0)
        try:
            self._show(model, f"{back} {kind if again else way}")
            self._take({})
        except LayoutError as error:
            self._show(before)
            self._views, self._room, self.step = views, room, step
            return str(error)
        return self.message

    def _take(self, numbers: Mapping[str, float]) -> None:
        held = self._numbers | {self._leaves[name]: x for name, x in numbers.items()}
        self.graph = replayed_graph(self._roots, held)
        self._numbers = held
        words = self._typeset(self.graph, self._model)
        shot, data = shot_of(words), data_of(words.model, words.uid)
        with self._at_once():
            if not self._room.holds(shot):
                self.step = min(self.step, len(cast(list[object], data["steps"])) - 1)
                self._room.grow(words)
                self.page = self._page_of(words, self.step, self._focus)
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
