"""Colours, light and dark, and the style sheet of every picture.

Hue means the sign of a gradient and nothing else. All text has a contrast of 4.5 or better on everything it stands on;
tests/picture computes it from the drawn SVG.
"""

import re

from .export import Fonts

LIGHT = {
    "paper": "#ffffff", "node": "#fdfdfe", "leaf": "#f1f4f8", "group": "#f8f9fb", "faint": "#d5dae1", "ink": "#1c2128",
    "muted": "#57606b", "positive": "#0a5ea8", "negative": "#a84300", "line": "#7f8893", "highlight": "#fff3c4",
    "border": "#7a5b00", "p1": "#dbe9f6", "p2": "#a9cbe8", "p3": "#5f9fd3", "p4": "#2a73b8", "n1": "#fbe3d3",
    "n2": "#f3bd97", "n3": "#dd8445", "n4": "#b5530f", "zero": "#eceff3",
}  # fmt: skip
DARK = {
    "paper": "#14181d", "node": "#1c2229", "leaf": "#262d36", "group": "#191e24", "faint": "#3a424c", "ink": "#e6eaef",
    "muted": "#a3adb8", "positive": "#6cb6ff", "negative": "#ffa657", "line": "#717b87", "highlight": "#4a3d0c",
    "border": "#f2cc60", "p1": "#16304b", "p2": "#1f4f80", "p3": "#3b82c4", "p4": "#7cc0ff", "n1": "#43270f",
    "n2": "#7a4415", "n3": "#c2742b", "n4": "#ffb777", "zero": "#2b323a",
}  # fmt: skip
THEMES = ("auto", "light", "dark")

# First what fontconfig knows or has a twin for: many renderers take the first, and put any font in place of one unknown.
SANS_STACK = "Helvetica,Arial,'Liberation Sans',sans-serif"
MONO_STACK = "'DejaVu Sans Mono',ui-monospace,Menlo,Consolas,'Liberation Mono',monospace"

_HEAT = "".join(f".{k}{{fill:var(--{k})}}" for k in ("p1", "p2", "p3", "p4", "n1", "n2", "n3", "n4", "zero"))

# Classes: the text of a box h name, x expression, m muted word, d data, g grad, c chain-rule row; l edge label;
# pos, neg: the sign of a gradient; off: an edge that carries nothing.
STYLE = (
    "text{font-family:SANS;fill:var(--muted);white-space:pre}"
    ".h{font-size:14px;font-weight:700;fill:var(--ink)}.x{font-size:12px;font-weight:400;fill:var(--muted)}"
    ".k{font-size:10px;font-weight:400;fill:var(--muted)}.m{font-size:10px}.l,.t{font-size:11px}.l b,.l .v{font-weight:700;fill:var(--ink)}"
    ".d,.g,.c{font-family:MONO;text-anchor:end}.d{font-size:12px;fill:var(--ink)}.g{font-size:12px;font-weight:700}.c{font-size:10px}"
    "text.pos,tspan.pos{fill:var(--positive)}text.neg,tspan.neg{fill:var(--negative)}"
    ".box{fill:var(--node);stroke:var(--line);stroke-width:1}.leaf .box{fill:var(--leaf)}.dashed .box{stroke-dasharray:5 3}"
    ".root .box{stroke:var(--ink);stroke-width:2}.ghost{fill:none;stroke:var(--line);stroke-width:1}"
    ".cluster rect{fill:var(--group);stroke:var(--faint)}"
    ".edge path{fill:none;stroke:var(--line);stroke-width:1.2}.edge polygon{fill:var(--line)}"
    ".pos path{stroke:var(--positive)}.pos polygon{fill:var(--positive)}"
    ".neg path{stroke:var(--negative)}.neg polygon{fill:var(--negative)}"
    ".off path{stroke:var(--faint)}.off polygon{fill:var(--faint)}.edge.dashed path{stroke-dasharray:4 3}"
    ".s{fill:var(--ink)}.paper{fill:var(--paper)}" + _HEAT
).replace("SANS", SANS_STACK).replace("MONO", MONO_STACK)  # fmt: skip
# Behind text that crosses a line. What does not know paint-order would paint it over the text.
HALO = ".edge text,.cluster text{paint-order:stroke;stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}"


_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")


def variables(colours: dict[str, str]) -> str:
    """Colours as CSS variables."""
    return ";".join(f"--{k}:{v}" for k, v in colours.items())


def scoped(rules: str, scope: str) -> str:
    """`rules` with `scope` before each selector, so that they touch one picture of a page only."""
    out = []
    for selectors, body in _RULE.findall(rules):
        out.append(",".join(f"{scope} {s}" for s in selectors.split(",")) + "{" + body + "}")
    return "".join(out)


def colour_rules(scope: str, theme: str) -> str:
    """The variables of a theme, for one element."""
    if theme == "dark":
        return f"{scope}{{{variables(DARK)}}}"
    light = f"{scope}{{{variables(LIGHT)}}}"
    return light if theme == "light" else f"{light}@media (prefers-color-scheme:dark){{{scope}{{{variables(DARK)}}}}}"


def style_sheet(scope: str, theme: str, fonts: Fonts | None = None) -> str:
    """The style of one picture: plain rules that most renderers know, those that only browsers read, and LibreOffice's.

    Args:
        scope: a selector.
        theme: auto, light or dark.
        fonts: for converters, which take the first family of a list, whether it is there or not.
    """
    rules = STYLE
    if fonts is not None:
        rules = rules.replace(SANS_STACK, f"'{fonts.sans}'").replace(MONO_STACK, f"'{fonts.mono}'")
        rules = re.sub(r"font-size:(\d+)px", lambda m: f"font-size:{int(m[1]) * fonts.scale:.4g}px", rules)
    sheet, browsers = literal_rules(rules, scope, theme), f"{scope}:not(a)"  # which LibreOffice cannot read
    sheet += f"@supports (paint-order:stroke){{{literal_rules(HALO, browsers, theme)}}}"
    if theme == "auto":
        sheet += f"@media (prefers-color-scheme:dark){{{literal_rules(_coloured(STYLE + HALO), browsers, 'dark')}}}"
    if (
        fonts is None
    ):  # LibreOffice takes all for rules that stands in @, and of a selector the parent and the element only
        sheet += f"@supports not (color:red){{a{{}}{literal_rules(rules, '', theme)}}}"
    return sheet


def literal_rules(rules: str, scope: str, theme: str) -> str:
    """`rules` for one picture with a theme's colours in place of variables; auto is light."""
    colours = DARK if theme == "dark" else LIGHT
    return re.sub(r"var\(--(\w+)\)", lambda m: colours[m[1]], scoped(rules, scope) if scope else rules)


def palette(theme: str) -> list[str]:
    """The colours of a picture as an image has them: those of the theme, and those at the rims of letters and lines."""
    colours = DARK if theme == "dark" else LIGHT
    found = dict.fromkeys(colours.values())
    for front in ("ink", "muted", "positive", "negative", "line", "border"):
        for back in ("paper", "leaf", "highlight"):
            for share in (0.3, 0.55, 0.8):
                found[_mixed(colours[front], colours[back], share)] = None
    return list(found)


def _mixed(front: str, back: str, share: float) -> str:
    pairs = ((int(front[i : i + 2], 16), int(back[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(share * f + (1 - share) * b):02x}" for f, b in pairs)


def _coloured(rules: str) -> str:
    """Of each rule what sets a colour."""
    found = ((selectors, re.findall(r"[\w-]+:var[^;}]*", body)) for selectors, body in _RULE.findall(rules))
    return "".join(f"{selectors}{{{';'.join(body)}}}" for selectors, body in found if body)
