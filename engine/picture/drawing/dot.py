"""The picture as DOT text, complete before any tool starts, and its skeleton: the sizes alone, for layout.

The whole text is for a reader with Graphviz at hand: HTML-like tables in the light colours. The skeleton holds no word
of a user's, so no label can reach or break the layout program.
"""

from collections.abc import Callable

from ..drawing.rows import LABEL_GAP, BoxRow, Content, Label, edge_tone, edge_width, largest_product
from ..model.assembly import PictureModel
from ..model.boxes import Arrow, Box
from ..model.safety import dot_string, xml
from ..model.sentences import box_line
from ..model.text_widths import text_width
from .theme import LIGHT

RANKDIRS = ("TB", "LR", "BT", "RL")
MANY = 150  # boxes, from which straight lines and a bounded search keep the layout short
MARGIN = 10


class DotText:
    """DOT text of a model.

    Args:
        model: boxes and edges.
        uid: the prefix of all ids.
        contents: for each box its rows.
        labels: for each edge that shows one its label.
        rankdir: TB, LR, BT or RL.
    """

    def __init__(
        self, model: PictureModel, uid: str, contents: dict[Box, Content], labels: dict[Arrow, Label], rankdir: str
    ) -> None:
        self.model, self.uid, self.contents, self.labels, self._rankdir = model, uid, contents, labels, rankdir

    def whole(self) -> str:
        """The document: tables, colours, tooltips."""
        largest = largest_product(self.model)
        return self._document(self._table, lambda e: self._arrow(e, largest), self._title)

    def skeleton(self) -> str:
        """Sizes and ids only."""
        return self._document(self._size, self._bare, lambda box, title: f"label={_space(text_width(title, 11), 14)}")

    def _document(
        self, node: Callable[[Box], str], edge: Callable[[Arrow], str], cluster: Callable[[str, str], str]
    ) -> str:
        many = len(self.model.boxes) > MANY
        speed = " splines=line nslimit=2 nslimit1=2 mclimit=0.2" if many else ""
        out = [
            f'digraph "{self.uid}" {{',
            f'graph [rankdir={self._rankdir} bgcolor="transparent" nodesep=0.2 ranksep=0.2 fontname="Helvetica"{speed}]',
            'node [shape=plain fontname="Helvetica"]',
            'edge [fontname="Helvetica" fontsize=11 arrowsize=0.7 penwidth=1.2]',
        ]
        tree: dict[tuple[int, ...], list[Box]] = {}
        scopes = {}
        for b in self.model.boxes:
            tree.setdefault(tuple(map(id, b.scopes)), []).append(b)
            for depth, s in enumerate(b.scopes):
                scopes[tuple(map(id, b.scopes[: depth + 1]))] = s
        shown = self.model.clusters
        children: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        for path in scopes:
            children.setdefault(path[:-1], []).append(path)
        opened: tuple[int, ...] | None
        stack: list[tuple[int, ...] | None] = [()]
        while stack:
            opened = stack.pop()
            if opened is None:
                out.append("}")
                continue
            if opened:
                scope = scopes[opened]
                if scope in shown:
                    name, title = shown[scope]
                    out.append(f'subgraph "cluster_{name}" {{ {cluster(name, title)} labeljust=l margin={MARGIN}')
                    stack.append(None)
            out += [f'"{self.uid}_{b.id}" [{node(b)}]' for b in tree.get(opened, ())]
            stack += reversed(children.get(opened, ()))
        out += [
            f'"{self.uid}_{e.source.id}" -> "{self.uid}_{e.target.id}" [id="{self.uid}_{e.id}"{edge(e)}]'
            for e in self.model.arrows
        ]
        return "\n".join([*out, "}", ""])

    # The skeleton ----------------------------------------------------------------------------------------------------

    def _size(self, b: Box) -> str:
        c = self.contents[b]
        return f'shape=box fixedsize=true label="" width={c.width / 72:.5f} height={c.height / 72:.5f}'

    def _bare(self, e: Arrow) -> str:
        label = self.labels.get(e)
        return f" label={_space(label.width + LABEL_GAP + 2, label.height)}" if label is not None else ""

    # The whole text --------------------------------------------------------------------------------------------------

    def _title(self, name: str, title: str) -> str:
        font = f'<FONT COLOR="{LIGHT["muted"]}" POINT-SIZE="11">{xml(title)}</FONT>'
        return f'label=<{font}> style="rounded,filled" color="{LIGHT["faint"]}" fillcolor="{LIGHT["group"]}"'

    def _table(self, b: Box) -> str:
        content = self.contents[b]
        rows = "".join(f"<TR>{self._cells(r, content)}</TR>" for r in content.rows)
        dashed = b.kind in ("input", "inputs", "stub", "tag")
        fill = LIGHT["leaf" if b.kind in ("input", "inputs", "parameter", "tag") else "node"]
        return (
            f'label=<<TABLE BORDER="{2 if b.is_root else 1}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" '
            f'WIDTH="{content.width:.0f}" HEIGHT="{content.height:.0f}" COLOR="{LIGHT["ink" if b.is_root else "line"]}" '
            f'BGCOLOR="{fill}" STYLE="ROUNDED{",DASHED" if dashed else ""}">{rows}</TABLE>> '
            f"tooltip={dot_string(box_line(self.model, b))}"
        )

    def _cells(self, row: BoxRow, content: Content) -> str:
        left = "".join(_font(c.text, c.kind, c.tone) for c in row.left if c.text)
        if row.strip is not None:
            cells = "".join(
                f'<TD WIDTH="9" HEIGHT="12" FIXEDSIZE="TRUE" BGCOLOR="{LIGHT[tone]}"></TD>' for tone in row.strip
            )
            right = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="1" CELLPADDING="0"><TR>{cells}</TR></TABLE>'
            return f'<TD ALIGN="LEFT">{left or " "}</TD><TD ALIGN="RIGHT">{right}</TD>'
        if row.right is None:
            return f'<TD COLSPAN="2" ALIGN="LEFT">{left or " "}</TD>'
        right = _font(row.right.text, row.right.kind, row.right.tone)
        if not left:
            return f'<TD COLSPAN="2" ALIGN="RIGHT">{right}</TD>'
        return f'<TD ALIGN="LEFT">{left}</TD><TD ALIGN="RIGHT">{right}</TD>'

    def _arrow(self, e: Arrow, largest: float) -> str:
        tone = {"pos": "positive", "neg": "negative", "off": "faint", "": "line"}[edge_tone(self.model, e)]
        label = self.labels.get(e)
        words = ""
        if label is not None:
            lines = ["".join(_font(c.text, c.kind, "") for c in line) for line in label.lines]
            rows = "".join(f'<TR><TD ALIGN="LEFT">{line}</TD></TR>' for line in lines)
            words = f' label=<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{rows}</TABLE>>'
        style = ' style="dashed"' if e.source.kind == "stub" else ""
        return f'{words} color="{LIGHT[tone]}" penwidth={edge_width(e, largest)}{style}'


def _space(width: float, height: float) -> str:
    return (
        f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" FIXEDSIZE="TRUE" WIDTH="{width:.0f}" '
        f'HEIGHT="{height:.0f}"><TR><TD></TD></TR></TABLE>>'
    )


_COLOURS = {"h": "ink", "d": "ink", "v": "ink"}
_SIZES = {"h": 14, "x": 12, "k": 10, "m": 10, "d": 12, "g": 12, "c": 10, "t": 11, "l": 11, "v": 11}


def _font(text: str, kind: str, tone: str) -> str:
    colour = LIGHT[{"pos": "positive", "neg": "negative"}.get(tone) or _COLOURS.get(kind, "muted")]
    face = ' FACE="Courier"' if kind in "dgc" else ""
    text = xml(text)
    if kind in "hgv":
        text = f"<B>{text}</B>"
    return f'<FONT COLOR="{colour}" POINT-SIZE="{_SIZES[kind]}"{face}>{text}</FONT>'
