"""The one place where a user's text becomes part of another language: DOT, SVG and HTML, JSON in a script.

For names in MathML and LaTeX that is `naming.name_text`. Everything that is drawn passes through `plain` first: one
line, no control characters, nothing that turns the reading direction or breaks an encoder.
"""

import json
import re
import secrets
import unicodedata

_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str, longest: int = 200) -> str:
    """One line of visible characters: controls become their pictures (␀ ␊), direction marks and surrogates �.

    >>> plain("a\\0b\\nc")
    'a␀b␊c'
    """
    text = str(text)
    cut = text[:longest] if len(text) <= longest else text[: longest - 1] + "…"
    return cut if cut.isprintable() else "".join(map(_visible, cut))


def _visible(c: str) -> str:
    if c < "\x20":
        return chr(0x2400 + ord(c))
    if c == "\x7f":
        return "␡"
    if c in _DIRECTION or unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or ord(c) & 0xFFFE == 0xFFFE:
        return "\ufffd"
    return c


def xml(text: str) -> str:
    """DotText for SVG, HTML, MathML and DOT's HTML-like labels, between tags or inside a quoted attribute."""
    text = plain(text, 100_000).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&#39;")


def dot_string(text: str) -> str:
    r"""A quoted DOT string: entities are for Graphviz's own decoding, and `\N` stays two characters."""
    return '"' + plain(text, 100_000).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') + '"'


def json_text(data: object) -> str:
    """JSON for a `<script>` element: no `<` appears, so nothing in it can end the element or open a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def json_number(x: float | None) -> float | str | None:
    """A number for JSON, which has no infinities: those as the strings that Python's and JavaScript's numbers read."""
    if x is None or x - x == 0.0:
        return x
    return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"


def fresh_uid(uid: str | None) -> str:
    """The prefix of a picture's ids: the one given, if it is a word, or a new one.

    Raises:
        ValueError: it is no word of ASCII letters, digits and underscores that starts with a letter.
    """
    if uid is None:
        return "v" + secrets.token_hex(4)
    if not isinstance(uid, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,40}", uid):
        raise ValueError(f"draw takes as uid a word of ASCII letters, digits and _, got {uid!r:.60}")
    return uid
