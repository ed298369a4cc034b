"""`draw`: a graph at a level of detail, as an object that shows and saves itself."""

import os
from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property, partial

from ..arguments import flag, named, shown, whole
from ..compatibility import OF_PICTURE, Told
from ..formulas.naming import callers_variables, notebook_variables, variable_names
from ..traversal import topological_order
from ..value import Value
from .drawing.dot import RANKDIRS, dot_text, painted
from .drawing.export import converted, saved
from .drawing.latex import aligned
from .drawing.layout import LayoutError, check_timeout
from .drawing.rows import Typeset
from .drawing.svg import Drawing
from .drawing.terminal import tree
from .drawing.theme import THEMES
from .model.boxes import PictureModel
from .model.grouping import Level
from .model.level import HOVERED, WIDEST, model_of, roots_of
from .model.safety import fresh_uid, plain, xml
from .model.sentences import BEFORE
from .player.live import LiveGraph, Room, live_widget
from .player.page import image
from .player.player import Player, player_page

FORMATS = ("svg", "png", "pdf", "html", "gif", "dot", "tex", "txt")
MOST_BYTES = 500_000  # of what a notebook keeps of a picture
MOST_FRAMED = 200  # boxes, from which a page of them takes more


def draw(
    root: Value | Sequence[Value],
    *,
    level: Level = "auto",
    expand: str | Sequence[str] = (),
    theme: str = "auto",
    rankdir: str = "TB",
    force: bool = False,
    timeout: float = 20.0,
    uid: str | None = None,
    names: Mapping[str, object] | None = None,
) -> "Picture":
    """The picture of a graph: values, local derivatives, the chain rule on every edge.

    `dL/da` is how L changes with a through all paths, the gradient; `∂e/∂a` is the derivative along one edge alone.
    Nothing in the graph is changed. Unlabelled nodes are called by the caller's variables.

    Args:
        root: a Value, or a list of them.
        level: "auto" is the finest that stays readable; "full", "neuron", "layer", or a depth from 0. But for "full",
            five and more calls of one Module on many examples share a box.
        expand: paths of Modules to open ("layers.0"), one call of many ("MLP[3]"), and names of `dot`, `total` and
            `mean` nodes to unfold.
        theme: "auto" follows the reader's system; "light", "dark".
        rankdir: the direction of the arrows, TB, LR, BT or RL.
        force: draw more than 2,000 boxes.
        timeout: seconds that the layout may take.
        uid: the prefix of ids in the SVG, a word; new for each picture unless given.
        names: variables to name nodes by, instead of the caller's.

    Returns:
        A Picture: it shows itself in a notebook and in `print`, and has `.svg .dot .latex() .player() .live() .save(file)`.

    Raises:
        TypeError, ValueError: an argument is not one of the above, or the graph is too large without `force`.

    >>> from engine import Value, draw
    >>> a, b = Value(2.0), Value(-3.0)
    >>> L = a * b
    >>> L.backward()
    >>> print(draw(L))
    L = a · b                                       data       −6.0  grad        1.0
      dL/dL = 1.0
      a (input)                                     data        2.0  grad       −3.0
        dL/da = dL/dL·∂L/∂a = 1.0·(−3.0) = −3.0
      b (input)                                     data       −3.0  grad        2.0
        dL/db = dL/dL·∂L/∂b = 1.0·2.0 = 2.0
    """
    given = variable_names(callers_variables(1) if names is None else names)
    return Picture(
        roots_of(root, "draw"), given, level=level, expand=expand, theme=theme, rankdir=rankdir, force=force,
        timeout=timeout, uid=uid,
    )  # fmt: skip


class Picture(Told):
    """A drawn graph, as `draw` gives it.

    Attributes:
        model: its boxes and arrows.
        uid: the prefix of its ids.
    """

    _written = OF_PICTURE

    def __init__(
        self, roots: Sequence[Value], given: Mapping[Value, str], *, level: Level = "auto", theme: str = "auto",
        expand: str | Sequence[str] = (), rankdir: str = "TB", force: bool = False, timeout: float = 20.0,
        uid: str | None = None,
    ) -> None:  # fmt: skip
        self._theme, self._rankdir = named("draw", "theme", theme, THEMES), named("draw", "rankdir", rankdir, RANKDIRS)
        force = flag("draw", "force", force)
        check_timeout("draw", timeout)
        if not isinstance(expand, (list, tuple, set, str)) or not all(isinstance(word, str) for word in expand):
            raise TypeError(f"draw takes expand as a list of paths and names, got {expand!r:.40}")
        self.uid, self._timeout = fresh_uid(uid), timeout
        self._roots, self._given, self._level = roots, given, level
        self._model_of = partial(model_of, level=level, expand=expand, force=force)
        self.model = self._model_of(roots, given=given)
        self._room = Room()

    @cached_property
    def _typeset(self) -> Typeset:
        return Typeset(self.model, self.uid, self._rankdir)

    @property
    def dot(self) -> str:
        """DOT text, complete before any layout program starts."""
        return dot_text(self._typeset)

    @cached_property
    def drawing(self) -> Drawing:
        """The laid-out drawing.

        Raises:
            LayoutError: no layout program was found, or it failed or took too long.
        """
        return Drawing(self._typeset, self._timeout)

    def _drawing(self, model: PictureModel) -> Drawing:
        return Drawing(Typeset(model, self.uid, self._rankdir), self._timeout)

    def within(self, other: "Picture | None") -> "Picture":
        """This picture, no box smaller than in another of the same graph: numbers change, and nothing moves.

        Args:
            other: a Picture, or None for the first.

        >>> from engine import Value, draw
        >>> long, short = draw(Value(-0.125, label="x") * 2.0), draw(Value(1.0, label="x") * 2.0)
        >>> short.within(long).drawing.width == long.within(None).drawing.width
        True
        """
        if not isinstance(other, Picture | None):
            raise TypeError(f"within takes a Picture, or None, got {shown(other)}")
        self._room = other._room if other is not None else Room()
        self._room.grow(self._typeset)
        return self

    @property
    def svg(self) -> str:
        """The drawing, as one SVG file."""
        return self.drawing.svg(self._theme)

    def latex(self) -> str:
        """The forward and the backward pass as an `align*` block of LaTeX (amsmath)."""
        return aligned(self.model)

    def asking(self, partials: Mapping[tuple[Value, int], str], grads: Mapping[Value, str]) -> "Picture":
        """This picture with words in place of some numbers, as ? where a reader is to find them.

        Args:
            partials: words for local derivatives, each by its node and by which of the node's `args`.
            grads: words for gradients, by node.

        Raises:
            TypeError: these are no dicts.
            ValueError: a backward has run: its gradients would stand there.

        >>> from engine import Value, draw
        >>> a = Value(2.0, label="a")
        >>> print(draw(a * 3.0).asking({}, {a: "?"}))
        v1 = a · 3                                      data        6.0  grad          –
          a (input)                                     data        2.0  grad          ?
        """
        for given in (partials, grads):
            if not isinstance(given, Mapping) or not all(isinstance(word, str) for word in given.values()):
                raise TypeError(f"asking takes dicts of words, got {shown(given)}")
        if self.model.sweep.swept:
            raise ValueError("asking takes a graph before backward, got one with gradients; build it again")
        asked = copy(self)
        for drawn in ("_typeset", "drawing"):
            vars(asked).pop(drawn, None)
        asked.model = self._model_of(self._roots, given=self._given)
        for e in asked.model.arrows:
            word = partials.get((e.paths[0].user, e.paths[0].edge)) if e.plain else None
            if word is not None:
                e.formula, e.number = None, plain(word)
                e.line = f"{e.symbol} = {e.number}"
        for b in asked.model.boxes:
            if b.value is not None and b.value in grads:
                b.unknown = plain(grads[b.value])
                b.line = f"{b.line.removesuffix(BEFORE)} = {b.unknown}"
        return asked

    def player(self, step: int = 0) -> Player:
        """The step player of this graph: forward and backward, node by node, in one page.

        A backward need not have run: the player shows the gradients that it gives.

        Args:
            step: where it opens; 0 is before the first.
        """
        return self._player(whole("player", "step", step))

    def _player(self, first: int) -> Player:
        drawing = self._drawing(self._model_of(self._roots, given=self._given, complete=True))
        note = "" if self.model.sweep.swept else "backward has not run: these are the gradients it gives"
        return Player(drawing, self._theme, note, first, self._drawing)

    def live(self) -> LiveGraph:
        """The step player as a notebook widget, with a slider and a field for each leaf: a number set there recomputes all.

        It opens at the last step, where every gradient is known. The graph is recomputed in Python, at the numbers of the
        sliders, and is itself left as it is. The widget needs a running kernel; a saved notebook keeps the picture.

        Returns:
            An anywidget; its `values` are the numbers of the leaves by name, and can be set; `graph` has for each node
            its twin at these numbers.

        Raises:
            ModuleNotFoundError: anywidget is missing (the extra notebooks).
        """
        return self._live(live_widget())

    def live_graph(self, step: int | None = None, opened: Sequence[str] = ()) -> LiveGraph:
        """What `live` shows, without a widget: for a page of your own around the player's.

        Args:
            step: the step at which it opens, from 0; None for the last.
            opened: what was opened and closed in one before, as its `opened` says.

        Returns:
            A LiveGraph: `values` can be set; then `fresh` is what the player's page in a frame is told, with
            `postMessage({"fresh": …})`, and `page` another only where numbers need more room.

        >>> from engine import Value, draw
        >>> x = Value(2.0, label="x")
        >>> graph = draw(x * x).live_graph()
        >>> graph.values = {"x": 3.0}
        >>> graph.values, graph.fields, [v.data for v in graph.graph.values()]
        ({'x': 3.0}, [['x', '3.0', '2.0']], [3.0, 9.0])
        """
        if not isinstance(opened, (list, tuple)) or not all(isinstance(word, str) for word in opened):
            raise TypeError(f"live_graph takes opened as a list of words, as its .opened is, got {shown(opened)}")
        return self._live(LiveGraph, None if step is None else whole("live_graph", "step", step, least=0), opened)

    def _live(self, made: type[LiveGraph], step: int | None = None, opened: Sequence[str] = ()) -> LiveGraph:
        roots, given = self._roots, self._given
        like = self._model_of(roots, given=given, complete=True)

        def typeset(there: Mapping[Value, Value], like: PictureModel) -> Typeset:
            names = {there[v]: name for v, name in given.items() if v in there}
            model = self._model_of([there[r] for r in roots], given=names, complete=True, like=like)
            return Typeset(model, self.uid, self._rankdir)

        def page(typeset: Typeset, first: int, focus: str) -> str:
            return player_page(Drawing(typeset, self._timeout), self._theme, first=first, around=True, focus=focus)

        def still() -> str:
            return image(self._drawing(like), self._theme)

        return made(roots, like, typeset, page, still, step, opened)

    def save(self, path: "str | os.PathLike[str]") -> str:
        """Write a file; its ending says what: svg, png, pdf, html (the player), gif (its steps), dot, tex, txt.

        Args:
            path: where to; a file that is there is replaced once the new one is whole.

        Returns:
            The path.

        Raises:
            ValueError: another ending, or a picture too large for a PNG.
            LayoutError: see `drawing`.
        """
        _, dot, kind = str(path).lower().rpartition(".")
        if not dot or kind not in FORMATS:
            raise ValueError(f"save takes a path that ends in {', '.join('.' + f for f in FORMATS)}, got {str(path)!r}")
        if kind in ("png", "pdf"):
            light = "dark" if self._theme == "dark" else "light"
            drawing, text = self.drawing, painted(self.dot, light)
            return saved(path, converted(partial(drawing.svg, light), drawing.whole, text, kind, self._timeout))
        if kind in ("html", "gif"):
            return self.player().save(path)
        if kind == "txt":
            return saved(path, f"{self}\n".encode())
        return saved(path, (self.svg if kind == "svg" else self.dot if kind == "dot" else self.latex()).encode())

    def __str__(self) -> str:
        return tree(self.model)

    def __repr__(self) -> str:
        return f"<picture of {self.model.root_name}: {len(self.model.boxes)} boxes, {len(self.model.arrows)} edges>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": repr(self)}

    @property
    def html(self) -> str:
        """What a notebook shows: one `<img>`, with every chain-rule line as its alternative text.

        Of a picture that is wide, or says its formulas on pointing only, it is the player's page, with the picture to
        stand for it where scripts are stripped; of one too large for either, the picture that "auto" gives.
        """
        try:
            if self.model.labels and self.drawing.width <= WIDEST:
                return self._still
            boxes = self.model.boxes
            still = self._still if len(boxes) <= HOVERED else self._in_brief
            if len(boxes) <= MOST_FRAMED:
                first = sum(b.kind in ("op", "group") for b in boxes)  # the last step forward
                framed = self._player(len(boxes) + first if self.model.sweep.swept else first).framed(still)
                if len(framed.encode()) <= MOST_BYTES:
                    return framed
            return (
                f"<p>{len(boxes):,} boxes are too many for a notebook. To walk through them, zoom and search: "
                f'<code>draw(…, level={xml(repr(self._level))}).save("graph.html")</code>.</p>{still}'
            )
        except LayoutError as e:
            return f"<p>{xml(str(e))}</p><pre>{chr(10).join(map(xml, str(self).splitlines()))}</pre>"

    @property
    def _still(self) -> str:
        return image(self.drawing, self._theme)

    @property
    def _in_brief(self) -> str:
        """The picture of the same graph that is readable at once."""
        return Picture(self._roots, self._given, theme=self._theme, rankdir=self._rankdir, timeout=self._timeout)._still


def draw_dot(root: Value, format: str = "svg", rankdir: str = "LR") -> Picture:
    """micrograd's call, our picture.

    Args:
        root: a Value.
        format: svg or png, as there; the picture shows itself either way, and `.save("x.png")` writes any.
        rankdir: LR or TB.

    >>> from engine import Value, draw_dot
    >>> draw_dot(Value(2.0, label="a") * 3.0)
    <picture of v1: 2 boxes, 1 edges>
    """
    named("draw_dot", "format", format, FORMATS)
    given = variable_names(callers_variables(1))
    return Picture(roots_of(root, "draw_dot"), given, rankdir=rankdir)


def trace(root: Value) -> tuple[set[Value], set[tuple[Value, Value]]]:
    """micrograd's call: the nodes and the edges (argument, result) below a root, as sets.

    >>> from engine import Value, trace
    >>> nodes, edges = trace(Value(2.0) * Value(3.0))
    >>> len(nodes), len(edges)
    (3, 2)
    """
    nodes = topological_order(roots_of(root, "trace"))
    return set(nodes), {(a, v) for v in nodes for a in v.args if isinstance(a, Value)}


def notebook_bundle(root: Value) -> dict[str, str]:
    """A Value's rich display: its picture, nodes named by the notebook's variables."""
    picture = Picture(roots_of(root, "notebook_bundle"), variable_names(notebook_variables()))
    return {"text/html": picture.html, "text/plain": repr(root)}
