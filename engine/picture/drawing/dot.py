"""The picture as DOT text, complete before any tool starts, and its skeleton: the sizes alone, for layout.

The whole text is for a reader with Graphviz at hand: HTML-like tables in the light colours. The skeleton holds no word
of a user's, so no label can reach or break the layout program.
"""

import re
from collections.abc import Callable

from ...context import Scope
from ..model.boxes import Arrow, Box, PictureModel
from ..model.safety import dot_string, xml
from ..model.text_widths import widest
from .rows import FONTS, LABEL_GAP, BoxRow, Typeset
from .theme import DARK, LIGHT

RANKDIRS = ("TB", "LR", "BT", "RL")
MANY = 150  # boxes, from which straight lines and a bounded search keep the layout short
MARGIN = 10
LABEL_TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"'
SIDE = f'<TD WIDTH="{LABEL_GAP:.0f}"></TD>'  # keeps words off the sides of a box, and off the arrow that they stand at


def dot_text(typeset: Typeset) -> str:
    """The document: tables, colours, tooltips."""
    return _document(typeset, _table, _arrow, _title)


def painted(dot: str, theme: str) -> str:
    """The document on paper and in the colours of a theme, for an image. No user's text has a quote that is not escaped."""
    colours = DARK if theme == "dark" else LIGHT
    there = {LIGHT[word]: colour for word, colour in colours.items()}
    dot = dot.replace('bgcolor="transparent"', f'bgcolor="{LIGHT["paper"]}"', 1)
    return re.sub('(?<==")#[0-9a-f]{6}(?=")', lambda m: there[m[0]], dot)


def skeleton(typeset: Typeset, turned: bool = False) -> str:
    """Sizes and ids only; `turned` has the frames in reversed order, which turns a drawing of them around."""
    return _document(typeset, _size, _bare, lambda title: f"label={_space(widest(title, 11), 14)}", turned)


def _document(
    typeset: Typeset,
    node: Callable[[Typeset, Box], str],
    edge: Callable[[Typeset, Arrow], str],
    cluster: Callable[[str], str],
    turned: bool = False,
) -> str:
    model, uid = typeset.model, typeset.uid
    settings = " splines=line nslimit=0.1 nslimit1=2 mclimit=0.2" if len(model.boxes) > MANY else ""
    rows = _rows(model)
    if rows:  # a second search for few crossings would not keep the order inside frames
        settings += " remincross=false"
    out = [
        f'digraph "{uid}" {{',
        f'graph [rankdir={typeset.rankdir} bgcolor="transparent" nodesep=0.2 ranksep=0.2 fontname="Helvetica"{settings}]',
        'node [shape=plain fontname="Helvetica"]',
        'edge [fontname="Helvetica" fontsize=11 arrowsize=0.7 penwidth=1.2]',
    ]
    inside: dict[tuple[Scope, ...], list[Box]] = {}
    children: dict[tuple[Scope, ...], dict[tuple[Scope, ...], None]] = {}
    for b in model.boxes:
        inside.setdefault(b.scopes, []).append(b)
        for depth in range(len(b.scopes)):
            children.setdefault(b.scopes[:depth], {})[b.scopes[: depth + 1]] = None
    stack: list[tuple[Scope, ...] | None] = [()]
    while stack:
        opened = stack.pop()
        if opened is None:
            out.append("}")
            continue
        if opened and opened[-1] in model.clusters:
            name, title = model.clusters[opened[-1]]
            out.append(f'subgraph "cluster_{name}" {{ {cluster(title)} labeljust=l margin={MARGIN}')
            stack.append(None)
        out += [f'"{uid}_{b.id}" [{node(typeset, b)}]' for b in inside.get(opened, ())]
        for row in rows.get(opened, ()):
            names = [f'"{uid}_{b.id}"' for b in (row if typeset.rankdir in ("TB", "BT") else reversed(row))]
            out.append(f"{{ rank=same; {' -> '.join(names)} [style=invis] }}")
        within = list(children.get(opened, {}))
        stack += within if turned else reversed(within)
    out += [
        f'"{uid}_{e.source.id}" -> "{uid}_{e.target.id}" [id="{uid}_{e.id}"{edge(typeset, e)}]' for e in model.arrows
    ]
    return "\n".join([*out, "}", ""])


def _rows(model: PictureModel) -> dict[tuple[Scope, ...], list[list[Box]]]:
    """Modules that stay in their order, such as the neurons of a layer, by the frame that they are in.

    They see the same, so none of them depends on another: it would depend on itself.
    """
    alike: dict[tuple[tuple[Scope, ...], type, frozenset[Box]], list[Box]] = {}
    for b in model.boxes:
        if b.kind == "group":
            seen = frozenset(e.source.leaf or e.source for e in model.ins[b])
            alike.setdefault((b.scopes, type(getattr(b.scope, "module", None)), seen), []).append(b)
    rows: dict[tuple[Scope, ...], list[list[Box]]] = {}
    for (scopes, _, _), row in alike.items():
        if len(row) > 1:
            rows.setdefault(scopes, []).append(row)
    return rows


# The skeleton --------------------------------------------------------------------------------------------------------


def _size(typeset: Typeset, b: Box) -> str:
    c = typeset.contents[b]
    return f'shape=box fixedsize=true label="" width={c.width / 72:.5f} height={c.height / 72:.5f}'


def _bare(typeset: Typeset, e: Arrow) -> str:
    label = typeset.labels.get(e)
    return f" label={_space(label.width + LABEL_GAP + 2, label.height)}" if label is not None else ""


def _space(width: float, height: float) -> str:
    return f'<{LABEL_TABLE} FIXEDSIZE="TRUE" WIDTH="{width:.0f}" HEIGHT="{height:.0f}"><TR><TD></TD></TR></TABLE>>'


# The whole text ------------------------------------------------------------------------------------------------------


def _title(title: str) -> str:
    font = f'<FONT COLOR="{LIGHT["muted"]}" POINT-SIZE="11">{xml(title)}</FONT>'
    return f'label=<{font}> style="rounded,filled" color="{LIGHT["faint"]}" fillcolor="{LIGHT["group"]}"'


def _table(typeset: Typeset, b: Box) -> str:
    content = typeset.contents[b]
    wide = max((len(r.strip) for r in content.rows if r.strip is not None), default=0)
    rows = "".join(f"<TR>{SIDE}{_cells(r, wide)}{SIDE}</TR>" for r in content.rows)
    above = '<TR><TD HEIGHT="4"></TD></TR>'
    return (
        f'label=<<TABLE BORDER="{2 if b.is_root else 1}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" '
        f'WIDTH="{content.width:.0f}" HEIGHT="{content.height:.0f}" COLOR="{LIGHT["ink" if b.is_root else "line"]}" '
        f'BGCOLOR="{LIGHT["leaf" if b.is_leaf else "node"]}" STYLE="ROUNDED{",DASHED" if b.dashed else ""}">{above}{rows}'
        f"</TABLE>> tooltip={dot_string(b.line)}"
    )


def _cells(row: BoxRow, wide: int) -> str:
    left = "".join(_font(c.text, c.kind, c.tone) for c in row.left if c.text)
    if row.strip is not None:
        cells = "".join(
            f'<TD WIDTH="9" HEIGHT="12" FIXEDSIZE="TRUE" BGCOLOR="{LIGHT[tone]}"></TD>' for tone in row.strip
        )
        cells += '<TD WIDTH="9" HEIGHT="12" FIXEDSIZE="TRUE"></TD>' * (wide - len(row.strip))
        right = (
            f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="1" CELLPADDING="0" FIXEDSIZE="TRUE" '
            f'WIDTH="{10 * wide + 1}" HEIGHT="14"><TR>{cells}</TR></TABLE>'
        )
        return f'<TD ALIGN="LEFT">{left or " "}</TD><TD ALIGN="RIGHT">{right}</TD>'
    if row.right is None:
        return f'<TD COLSPAN="2" ALIGN="LEFT">{left or " "}</TD>'
    right = _font(row.right.text, row.right.kind, row.right.tone)
    if not left:
        return f'<TD COLSPAN="2" ALIGN="RIGHT">{right}</TD>'
    return f'<TD ALIGN="LEFT">{left}</TD><TD ALIGN="RIGHT">{right}</TD>'


def _arrow(typeset: Typeset, e: Arrow) -> str:
    tone = {"pos": "positive", "neg": "negative", "off": "faint", "": "line"}[e.tone]
    label = typeset.labels.get(e)
    words = ""
    if label is not None:
        lines = ["".join(_font(c.text, c.kind, "") for c in line) for line in label.lines]
        rows = "".join(f'<TR>{SIDE}<TD ALIGN="LEFT">{line}</TD>{SIDE}</TR>' for line in lines)
        words = f" label=<{LABEL_TABLE}>{rows}</TABLE>>"
    style = ' style="dashed"' if e.source.kind == "stub" else ""
    return f'{words} color="{LIGHT[tone]}" penwidth={e.width}{style}'


def _font(text: str, kind: str, tone: str) -> str:
    colour = LIGHT[{"pos": "positive", "neg": "negative"}.get(tone) or ("ink" if kind in "hdv" else "muted")]
    face = ' FACE="Courier"' if kind in "dgc" else ""
    text = xml(text)
    if kind in "hgv":
        text = f"<B>{text}</B>"
    return f'<FONT COLOR="{colour}" POINT-SIZE="{FONTS[kind][0]}"{face}>{text}</FONT>'
