"""A film of training: one graph, step by step, on one page; boxes stay where they are, numbers and colours change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypedDict, TypeVar

from ...arguments import named, shown
from ...formulas.naming import callers_variables, variable_names
from ...formulas.notation import number_text
from ...traversal import topological_order
from ...value import Value
from ..drawing.layout import check_timeout
from ..drawing.rows import Content, Label, Typeset
from ..drawing.svg import Drawing
from ..drawing.theme import THEMES
from ..model.boxes import PictureModel
from ..model.grouping import Level
from ..model.level import model_of, roots_of
from ..model.safety import fresh_uid, json_number, xml
from .animation import Frame
from .page import Page, page_of, part
from .player import SIDE_WIDTH
from .updates import Leaf, Update, updates

PANEL = (
    '<div class="panel"><div class="say"><div><h2>%s by step</h2><svg class="curve" viewBox="0 0 300 120" '
    'aria-hidden="true"></svg></div><div><p class="rule"></p><ul class="updates" aria-live="polite"></ul></div></div></div>'
)
SPEED = (
    '<label class="speed">speed <select><option value="0.25">¼×</option><option value="0.5">½×</option>'
    '<option value="1" selected>1×</option><option value="2">2×</option><option value="4">4×</option></select></label>'
)
_Sized = TypeVar("_Sized", Content, Label)


class Changes(TypedDict):
    """What changes in a shot but for words: strips and arrows by their ids, numbers of boxes in full, the loss."""

    strips: dict[str, list[str]]
    arrows: dict[str, tuple[str, float]]
    numbers: dict[str, list[float | str | None]]
    loss: str
    height: float | str | None


@dataclass(slots=True)
class Shot:
    """One graph of a film, as it was when it was given.

    Attributes:
        contents, labels: of its boxes and arrows, by their ids.
        words: the texts that may change, with their classes, by the id that the page knows them by.
        data: all else that changes, as the page reads it.
        leaves: the numbers and gradients of the leaves that have a box, in its order.
    """

    contents: dict[str, Content]
    labels: dict[str, Label]
    words: dict[str, list[str]]
    data: Changes
    leaves: list[Leaf]


def film(
    frames: Iterable[Value],
    *,
    level: Level = "auto",
    theme: str = "auto",
    timeout: float = 20.0,
    uid: str | None = None,
    names: Mapping[str, object] | None = None,
) -> "Film":
    """One page that shows a graph over training steps: same layout, numbers and colours change.

    Data are those that each graph was computed with, gradients those that its backward gives, so a list of kept losses
    and a generator that yields each one give the same film.

    Args:
        frames: the loss of each step: Values whose graphs have one shape.
        level, theme, timeout, uid, names: as in `draw`.

    Returns:
        A Film: it shows itself in a notebook; `.save("film.html")` writes the page.

    Raises:
        TypeError, ValueError: no frames, or one of another shape; an argument is not one of these.

    >>> from engine import Value, film
    >>> w, losses = Value(1.0), []
    >>> for _ in range(3):
    ...     loss = (w * 2.0 - 6.0) ** 2
    ...     w.zero_grad()
    ...     loss.backward()
    ...     losses.append(loss)
    ...     w.data -= 0.1 * w.grad
    >>> film(losses)
    <film of loss: 3 frames>
    """
    named("film", "theme", theme, THEMES)
    if isinstance(frames, Value):
        raise TypeError("film takes the losses of many steps, got one Value; try draw")
    if not isinstance(frames, Iterable) or getattr(frames, "shape", None) == ():
        raise TypeError(f"film takes the losses of many steps, got {shown(frames)}; try a list of Values")
    check_timeout("film", timeout)
    given = variable_names(callers_variables(1) if names is None else names)
    if isinstance(frames, (list, tuple)) and frames and isinstance(frames[0], Value):
        given = {v: name for v, name in given.items() if v.op is None or "[" not in name} | {
            frames[0]: given.get(frames[-1], "L")  # a loop leaves its variable at the last
        }
    shots: list[Shot] = []
    first: PictureModel | None = None
    shape: list[tuple[object, ...]] = []
    for i, root in enumerate(frames):
        roots = roots_of(root, "film")
        given = given if first is not None else {roots[0]: "L"} | given
        order = topological_order(roots)
        here = _shape(order)
        if first is None:
            shape = here
        elif here != shape:
            raise ValueError(
                f"film takes graphs of one shape, got {len(order):,} nodes in frame {i} and "
                f"{len(first.sweep.order):,} in frame 0, or other ops; film each shape by itself"
            )
        model = model_of(roots, level, given=given, complete=True, replayed=True, like=first)
        shots.append(shot_of(Typeset(model, "")))
        first = first or model
    if first is None:
        raise ValueError("film takes at least one frame, got none")
    return Film(first, shots, theme, timeout, fresh_uid(uid))


def _shape(order: list[Value]) -> list[tuple[object, ...]]:
    place = {v: i for i, v in enumerate(order)}
    return [(v.op.name if v.op else "", *[place[a] for a in v.args if isinstance(a, Value)]) for v in order]


def shot_of(typeset: Typeset) -> Shot:
    """What a graph shows now."""
    model = typeset.model
    words: dict[str, list[str]] = {}
    strips: dict[str, list[str]] = {}
    for b, content in typeset.contents.items():
        for row in content.rows:
            if row.kind == "h" and len(row.left) > 1:
                words[f"{b.id}_x"] = [row.left[1].text, ""]
            if row.right is not None:
                words[f"{b.id}_{row.right.key}"] = [row.right.text, row.right.tone]
            if row.strip is not None:
                strips.setdefault(f"{b.id}_{row.kind}", []).extend(row.strip)
    for e, label in typeset.labels.items():
        words.update((f"{e.id}_l{i}", [line[-1].text, ""]) for i, line in enumerate(label.lines))
    single = [b for b in model.boxes if b.value is not None and b.kind != "tag"]
    data: Changes = {
        "strips": strips,
        "arrows": {e.id: (e.tone, e.width) for e in model.arrows},
        "numbers": {b.id: [json_number(b.data), json_number(b.total)] for b in single},
        "loss": number_text(model.sweep.roots[-1].data),
        "height": json_number(model.sweep.roots[-1].data),
    }
    contents = {b.id: content for b, content in typeset.contents.items()}
    leaves = [Leaf(b.name, b.derivative, b.data, b.total) for b in single if b.is_leaf]
    return Shot(contents, {e.id: label for e, label in typeset.labels.items()}, words, data, leaves)


class Film(Page):
    """A film of a graph: `.html` is one self-contained page."""

    def __init__(self, model: PictureModel, frames: list[Shot], theme: str, timeout: float, uid: str) -> None:
        self.frames, self.uid, self._name = frames, uid, model.root_name
        typeset = Typeset(model, uid)
        typeset.contents = {b: roomiest([f.contents[b.id] for f in frames]) for b in typeset.contents}
        typeset.labels = {e: roomiest([f.labels[e.id] for f in frames]) for e in typeset.labels}
        drawing = Drawing(typeset, timeout)
        self.updates = [*updates([f.leaves for f in frames]), Update("", [])]
        super().__init__(partial(_film_page, drawing, frames, self.updates, theme), drawing, theme)

    def _frames(self) -> list[Frame]:
        last, always = len(self.frames), {key: ["", ""] for f in self.frames for key in f.words}
        model = self.drawing.model
        marks = dict.fromkeys([*(b.id for b in model.boxes), *(e.id for e in model.arrows)], "got")
        return [
            Frame(
                f"step {i} of {last}", "\n".join([f"{self._name} = {f.data['loss']}", *u.lines[:1]]), 0.4 if i < last else 3.0,
                always | f.words, marks, f.data["arrows"], f.data["strips"],
            )
            for i, (f, u) in enumerate(zip(self.frames, self.updates), 1)
        ]  # fmt: skip

    def _heights(self) -> tuple[int, int]:
        height = self.drawing.height
        return max(height + 160, 420) if self.drawing.width <= SIDE_WIDTH else height + 440, height + 440

    def __repr__(self) -> str:
        return f"<film of {self._name}: {len(self.frames)} frames>"


def _film_page(drawing: Drawing, frames: list[Shot], moves: list[Update], theme: str) -> str:
    always = {key: ["", ""] for f in frames for key in f.words}
    data = {
        "version": 1,
        "uid": drawing.uid,
        "root": drawing.model.root_name,
        "frames": [
            {"words": always | f.words, **f.data, "rule": _rule(move, i == len(frames)), "lines": move.lines}
            for i, (f, move) in enumerate(zip(frames, moves), 1)
        ],
    }
    return page_of(
        drawing, theme, data, xml(f"{drawing.title}, {len(frames)} steps"), "film.js", "frame", part("film.css"),
        KIND=" film side" if drawing.width <= SIDE_WIDTH else " film", TICK="0", PANEL=PANEL % xml(drawing.model.root_name), FIND=SPEED, ROLE="img",
        LEGEND="<span>four significant digits</span>",
    )  # fmt: skip


def _rule(move: Update, last: bool) -> str:
    if last:
        return "The last step."
    if move.rate:
        return f"Then each parameter moves against its gradient, at the learning rate {move.rate}:"
    return "Then, not by w ← w − rate · gradient:" if move.lines else "No leaf with a box of its own moves."


def roomiest(things: list[_Sized]) -> _Sized:
    """The one with the most lines, as wide and as high as any."""
    most = max(things, key=lambda t: t.height)
    return replace(most, width=max(t.width for t in things))
