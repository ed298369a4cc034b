"""The steps of a page as a GIF, for places that show no HTML: an image a step, and beneath it what the step says."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...formulas.notation import number_text
from ..drawing.export import cairo_fonts, gif
from ..drawing.svg import MARGIN, Drawing
from ..drawing.theme import literal_rules, palette
from ..model.boxes import Box, PictureModel
from ..model.sentences import tone
from ..model.text_widths import clipped, text_width

MOST_FRAMES, MOST_PIXELS = 300, 2**29  # of all frames together: they are held until the last is made
SCALE, LARGE = 1.5, 1_500  # pixels of an image to one of the drawing, up to an image so large
TITLE_SIZE, WORDS_SIZE, LINE, MOST_LINES = 11, 15, 21.0, 4  # pixels, and lines of the band beneath
NARROWEST = 360  # pixels of an image, so that an equation has room
SVG = "http://www.w3.org/2000/svg"
STEP_STYLE = (  # as page.css has it
    ".pend{opacity:.3}.edge.pend text,.node:not(.got) .r{visibility:hidden}.node:not(.got) .g{fill:var(--muted)}"
    ".edge:not(.got) path{stroke:var(--line);stroke-width:1.2px!important}.edge:not(.got) polygon{fill:var(--line)}"
    ".node.now .box{fill:var(--highlight);stroke:var(--border);stroke-width:2.4}"
    ".edge.forth path{stroke:var(--ink);stroke-width:2.4px!important}.edge.forth polygon{fill:var(--ink)}"
    ".edge.now text{fill:var(--ink);font-weight:700}"
    f".band .title{{font-size:{TITLE_SIZE}px}}.band .words{{font-size:{WORDS_SIZE}px;fill:var(--ink)}}"
    ".band .rail{fill:var(--zero)}.band .run{fill:var(--line)}"
)


@dataclass(slots=True)
class Frame:
    """One image.

    Attributes:
        title, words: what stands beneath: which step it is, and what happens at it.
        seconds: how long it is shown.
        cells: text and sign class of what changes, by the ids that the page has for them.
        marks: the classes that boxes and arrows have at this step, by their ids.
        arrows: sign class and width of arrows that change, by their ids.
        strips: the cells of strips that change.
    """

    title: str
    words: str
    seconds: float
    cells: Mapping[str, Sequence[str]]
    marks: Mapping[str, str]
    arrows: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    strips: Mapping[str, Sequence[str]] = field(default_factory=dict)


def page_steps(model: PictureModel) -> list[tuple[str, Box | None]]:
    """The phase and the box of each step of a player: start, results forward, all boxes backward."""
    boxes = [b for b in model.boxes if b.kind != "tag"]
    ahead = [("forward", b) for b in boxes if b.kind in ("op", "group")]
    back = [("backward", b) for b in reversed(boxes) if b.kind not in ("stub", "given")]
    return [("start", None), *ahead, *back]


def player_frames(model: PictureModel) -> list[Frame]:
    """The frames of a step player, as player.js shows them."""
    steps = page_steps(model)
    forth = {b: i for i, (phase, b) in enumerate(steps) if phase == "forward"}
    back = {b: i for i, (phase, b) in enumerate(steps) if phase == "backward"}
    frames = []
    for now, (phase, current) in enumerate(steps):
        cells, marks = {}, {}
        for b in model.boxes:
            known, got = forth.get(b, -1) <= now, back.get(b.leaf or b, len(steps)) <= now
            marks[b.id] = _classes(pend=not known, got=got, now=b is current)
            if b.value is not None:
                cells[f"{b.id}_d"] = [number_text(b.data) if known else "–", ""]
                cells[f"{b.id}_g"] = [number_text(b.total), tone(b.total)] if got else ["–", ""]
        for e in model.arrows:
            source = e.source.leaf or e.source
            at = e.target is current if phase == "forward" else source is current and phase == "backward"
            marks[e.id] = _classes(
                pend=forth.get(e.target, -1) > now, got=back.get(source, len(steps)) <= now,
                forth=at and phase == "forward", now=at,
            )  # fmt: skip
        place, of = (now, len(forth)) if phase == "forward" else (now - len(forth), len(back))
        title = "start" if current is None else f"{phase} {place} of {of}"
        seconds = {"start": 2.0, "forward": 1.0, "backward": 1.6}[phase] if now < len(steps) - 1 else 4.0
        frames.append(Frame(title, _words(phase, current), seconds, cells, marks))
    return frames


def _classes(**held: bool) -> str:
    return " ".join(name for name, holds in held.items() if holds)


def _words(phase: str, b: Box | None) -> str:
    if b is None:
        return "Forward computes the values, then backward gathers the gradients."
    if phase == "backward":
        return b.chain or f"{b.name}: {len(b.outputs):,} gradients"
    if b.value is None:
        return f"{b.name} = {b.expression}" if b.expression else f"{b.name}: {len(b.outputs):,} values"
    return " = ".join([b.name, *filter(None, [b.expression, b.numbers]), number_text(b.data)])


def animated(drawing: Drawing, theme: str, frames: Sequence[Frame], advice: str) -> bytes:
    """A GIF of the frames, in a loop.

    Args:
        drawing: what all frames show.
        theme: light or dark; "auto" is light, since an image cannot ask.
        frames: what changes in it.
        advice: what to do where the frames are too many.

    Raises:
        ValueError: too many frames, or too large ones.
        ModuleNotFoundError: cairosvg is missing (the extra pdf).
    """
    if len(frames) > MOST_FRAMES:
        raise ValueError(f"save takes at most {MOST_FRAMES} frames as .gif, got {len(frames):,}; {advice}")
    width = max(drawing.width, NARROWEST)
    lines = [_lines(f.words, width - 2 * MARGIN) for f in frames]
    size = width, drawing.height + round(24 + LINE * max(map(len, lines)) + MARGIN)
    scale = SCALE if max(size) * SCALE <= LARGE else 1.0
    if len(frames) * size[0] * size[1] * scale**2 > MOST_PIXELS:
        raise ValueError(
            f"save takes at most {MOST_PIXELS:,} pixels in all frames as .gif, got {len(frames):,} frames of "
            f"{size[0]:,} by {size[1]:,}; {advice}"
        )
    sheet = _Sheet(drawing, theme, size)
    made = (sheet.shown(f, words, (i + 1) / len(frames)) for i, (f, words) in enumerate(zip(frames, lines)))
    return gif(made, [f.seconds for f in frames], scale, palette(theme))


def _lines(words: str, width: float) -> list[str]:
    """`words` broken where a line is full: a formula before `=` and `+`, a sentence between words."""
    lines: list[str] = []
    for said in words.split("\n"):
        first, *more = re.split(r" (?=[=+] )" if " = " in said else " ", said)
        lines.append(clipped(first, width, WORDS_SIZE))
        for piece in more:
            if text_width(f"{lines[-1]} {piece}", WORDS_SIZE) <= width:
                lines[-1] += f" {piece}"
            else:
                lines.append(clipped(piece, width, WORDS_SIZE))
    return lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], f"… {lines[-1]}"]


class _Sheet:
    """A drawing with a band beneath, as one tree of SVG that is changed from frame to frame."""

    def __init__(self, drawing: Drawing, theme: str, size: tuple[int, int]) -> None:
        ET.register_namespace("", SVG)
        self._uid, self._top = drawing.uid, drawing.height
        self._left, (self._width, height) = (drawing.width - size[0]) / 2, size
        self._root = ET.fromstring(drawing.svg("dark" if theme == "dark" else "light", cairo_fonts(), bare=True))  # noqa: S314  made by us, read for our own ids
        place = {"x": f"{self._left:g}", "width": str(self._width), "height": str(height)}
        self._root.attrib |= place | {"viewBox": f"{self._left:g} 0 {self._width} {height}"}
        for e in self._root:
            if e.tag.endswith("style"):
                e.text = (e.text or "") + literal_rules(STEP_STYLE, f"#{self._uid}", theme)
            elif e.get("class") == "paper":
                e.attrib |= place | {"rx": "0"}
        self._named = {key: e for e in self._root.iter() if (key := e.get("id")) is not None}
        self._classes = {key: e.get("class", "") for key, e in self._named.items()}
        self._band = ET.SubElement(self._root, f"{{{SVG}}}g")

    def shown(self, f: Frame, words: list[str], share: float) -> bytes:
        """The SVG of a frame; `share` is how far it is towards the last."""
        for key, (text, sign) in f.cells.items():
            cell = self._named.get(f"a_{self._uid}_{key}")
            if cell is not None:
                cell.text = text
                self._mark(cell, sign)
        for key, (_, width) in f.arrows.items():
            for path in self._named[f"{self._uid}_{key}"].iter(f"{{{SVG}}}path"):
                path.set("style", f"stroke-width:{width:g}px")
        for key, marks in f.marks.items():
            self._mark(self._named[f"{self._uid}_{key}"], f.arrows[key][0] if key in f.arrows else None, marks)
        for key, kinds in f.strips.items():
            box, _, letter = key.rpartition("_")
            found = [e for e in self._named[f"{self._uid}_{box}"] if f"strip_{letter}" in e.get("class", "")]
            for cell, kind in zip(found, kinds):
                cell.set("class", " ".join([kind, *cell.get("class", "").split()[1:]]))
        self._say(f.title, words, share)
        return ET.tostring(self._root, "unicode").encode()

    def _mark(self, e: ET.Element, sign: str | None, marks: str = "") -> None:
        """Give an element its own classes, another sign where one is given, and marks."""
        own = self._classes[e.get("id", "")].split()
        kept = own if sign is None else [name for name in own if name not in ("pos", "neg", "off")]
        e.set("class", " ".join([*kept, sign or "", marks]).strip())

    def _say(self, title: str, words: list[str], share: float) -> None:
        band, left, top = self._band, self._left + MARGIN, self._top + 2
        band.clear()
        band.set("class", "band")
        for name, length in (("rail", 1.0), ("run", share)):
            width = f"{(self._width - 2 * MARGIN) * length:.1f}"
            attributes = {"class": name, "x": f"{left:g}", "y": f"{top:g}", "width": width, "height": "3", "rx": "1.5"}
            ET.SubElement(band, f"{{{SVG}}}rect", attributes)
        for i, text in enumerate([title, *words]):
            attributes = {"class": "words" if i else "title", "x": f"{left:g}", "y": f"{top + 20 + LINE * i:g}"}
            ET.SubElement(band, f"{{{SVG}}}text", attributes).text = text
