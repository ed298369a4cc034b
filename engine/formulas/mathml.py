"""The LaTeX of a row's notation, read as MathML: the few commands that formulas of one row need."""

import re
import unicodedata

HOLE = re.compile(r"\{(\d+):(\d)\}")
_JOINERS = "\u200c\u200d"  # spelling, in Persian and in emoji


def clean(label: str) -> str:
    """A label with control characters, line ends, direction marks and lone surrogates replaced by U+FFFD."""
    if label.isprintable():
        return label
    kinds = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")
    return "".join(["\ufffd" if unicodedata.category(c) in kinds and c not in _JOINERS else c for c in label])


def escaped(text: str) -> str:
    """Text for HTML and MathML."""
    text = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&#x27;")


_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\{\d+:\d\}|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
_OPERATORS = {
    r"\cdot": "·", r"\times": "×", r"\le": "≤", r"\ge": "≥", r"\ne": "≠", r"\leq": "≤", r"\geq": "≥", r"\neq": "≠", r"\lfloor": "⌊", r"\rfloor": "⌋",
    r"\lceil": "⌈", r"\rceil": "⌉", r"\dots": "…", r"\pm": "±", r"\{": "{", r"\}": "}", r"\|": "‖", "-": "−",
    r"\langle": "⟨", r"\rangle": "⟩",
}  # fmt: skip
_LETTERS = {
    r"\sigma": "σ", r"\varphi": "φ", r"\phi": "ϕ", r"\Phi": "Φ", r"\pi": "π", r"\Gamma": "Γ", r"\alpha": "α",
    r"\beta": "β", r"\gamma": "γ", r"\delta": "δ", r"\lambda": "λ", r"\mu": "μ", r"\theta": "θ", r"\infty": "∞",
    r"\psi": "ψ", r"\zeta": "ζ", r"\partial": "∂",
}  # fmt: skip
_SPACES = (r"\,", r"\;", r"\:", r"\!", r"\ ", r"\left", r"\right", r"\quad")


def mathml_from_tex(tex: str) -> str:
    """A template of LaTeX as MathML, holes kept: the few commands that formulas of one row need."""
    return _TexReader(tex).row("")


class _TexReader:
    def __init__(self, tex: str) -> None:
        self._pieces = _TOKEN.findall(tex)[::-1]

    def row(self, end: str) -> str:
        """One element: all up to `end`, in an mrow unless it is one element already."""
        items: list[str] = []
        while self._pieces:
            piece = self._pieces.pop()
            if piece == end:
                break
            if piece in ("^", "_"):
                base = items.pop() if items else "<mrow></mrow>"
                items.append(self._script("msup" if piece == "^" else "msub", base))
            elif not piece.isspace() and piece not in _SPACES:
                items.append(self._item(piece))
        return items[0] if len(items) == 1 else f"<mrow>{''.join(items)}</mrow>"

    def _script(self, kind: str, base: str) -> str:
        return f"<{kind}>{base}{self._argument()}</{kind}>"

    def _argument(self) -> str:
        while self._pieces and self._pieces[-1].isspace():
            self._pieces.pop()
        return self._item(self._pieces.pop()) if self._pieces else "<mrow></mrow>"

    def _word(self) -> str:
        letters: list[str] = []
        if self._pieces and self._pieces.pop() == "{":
            while self._pieces and (piece := self._pieces.pop()) != "}":
                letters.append(piece.replace("\\", ""))
        return escaped("".join(letters))

    def _item(self, piece: str) -> str:
        if HOLE.fullmatch(piece):
            return piece
        if piece == "{":
            return self.row("}")
        if piece == r"\frac":
            return f"<mfrac>{self._argument()}{self._argument()}</mfrac>"
        if piece == r"\sqrt":
            if self._pieces and self._pieces[-1] == "[":
                self._pieces.pop()
                degree = self.row("]")
                return f"<mroot>{self._argument()}{degree}</mroot>"
            return f"<msqrt>{self._argument()}</msqrt>"
        if piece in (r"\operatorname", r"\mathrm", r"\mathit", r"\text"):
            return f"<mi>{self._word()}</mi>"
        if piece in _LETTERS:
            return f"<mi>{_LETTERS[piece]}</mi>"
        if piece[0].isdigit():
            return f"<mn>{piece}</mn>"
        if piece[0] == "\\" and piece not in _OPERATORS:
            return f"<mi>{escaped(piece[1:])}</mi>"
        if piece.isalpha():
            return f"<mi>{piece}</mi>"
        return f"<mo>{escaped(_OPERATORS.get(piece, piece))}</mo>"
