"""Reads printed equations back: every side as a number, and what each symbol is said to be.

Unicode, MathML and LaTeX are read to the same Python text, in which a derivative is a name like any other. A printed
number is known to half a unit of its last digit, so a side is known within what such units make of it.
"""

import ast
import math
import re
import xml.etree.ElementTree as ET
from html import unescape

from reading import evaluated, from_unicode, seen

from engine.formulas.mathml import mathml_from_tex

NAME = r"[a-zA-Z]\w*(?:\.\w+|\[\d+\]|_\d+)*"
HELD = rf"(?:{NAME}|\([^()]*\))"
DERIVATIVE = re.compile(rf"(?:(?<!\w)d[²³]?{HELD}/d|∂{HELD}/∂){HELD}[²³]?")
GRAD = re.compile(rf"grad ?{NAME}(?: from (?:this graph|{NAME}))?")
NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?:e-?\d+)?")
LEFT_OUT = ("…", "given to backward", "paths through", "via ")  # of a sum, and of what is no single number


class Claims:
    """All that was printed of one graph."""

    def __init__(self):
        self.data = {}  # of each name, to the last bit
        self.known = {}  # what symbols are said to be: (number, half a unit, where)
        self.sides = {}  # the sides of equations and where they stand, evaluated when all symbols are known
        self.idents = {}
        self.rows = set()
        self.where = set()

    def ident(self, symbol):
        return self.idents.setdefault(plain(symbol), f"sym{len(self.idents)}q")

    # Reading ---------------------------------------------------------------------------------------------------------

    def unicode(self, text, where):
        """`A = B = C`, with notes after it."""
        text = re.sub(r" \((?:not taken|given to backward)\)$|: (?:no path|not taken|behind|\S+ does not).*$", "", text)
        sides = [self._python(side) for side in split(text, " = ")]
        if len(sides) > 1:
            self._claim(sides, where)

    def _python(self, side):
        if any(word in side for word in LEFT_OUT):
            return None
        side = re.sub(r" by [\d,]+ edges?", "", side)
        side = self._derivatives(side)
        return self._names(from_unicode(side.replace("·", " · ").replace("  ·  ", " · ")))

    def _derivatives(self, text):
        text = DERIVATIVE.sub(lambda m: self.ident(m[0]), text)
        return GRAD.sub(lambda m: self.ident(m[0]), text)

    def _names(self, python):
        """Names, of which Python would take some apart."""
        return re.sub(NAME, lambda m: self.ident(m[0]) if plain(m[0]) in self.data else m[0], python)

    def mathml(self, pieces, where):
        """The sides of an equation, each a list of MathML elements."""
        self._claim([self._from_mathml(piece) for piece in pieces], where)

    def _from_mathml(self, piece):
        tree = ET.Element("math")
        tree.extend(piece)
        if any(word in "".join(tree.itertext()) for word in LEFT_OUT):
            return None
        for parent in list(tree.iter()):
            for i, child in enumerate(parent):
                if child.tag == "mfrac" and (symbol := derivative_of(child)):
                    parent[i] = ET.Element("mi")
                    parent[i].text = self.ident(symbol)
        text = seen(tree).replace("∞", "inf")
        return self._names(self._derivatives(text))

    def latex(self, row, where):
        """`A &= B = C`, of an aligned block."""
        row = row.replace("&=", "=").replace("&", "")
        row = re.sub(r" \\quad \\text\{.*$", "", row)
        if row not in self.rows:
            self.rows.add(row)
            self.mathml([sides_of(mathml_from_tex(side))[0] for side in split(row, " = ")], where)

    def _claim(self, sides, where):
        self.where.add(where.rpartition(", ")[2])
        self.sides.setdefault(tuple(sides), where)
        last = sides[-1]
        value = printed(last) if last is not None else None
        for side in sides[:-1]:
            if value is not None and side is not None and re.fullmatch(r"sym\d+q", side):
                self.known.setdefault(side, []).append((*value, where))

    def number(self, symbol, text, where):
        """A symbol and its number, where they stand apart."""
        value = printed(from_unicode(text))
        if value is not None:
            self.known.setdefault(self.ident(symbol), []).append((*value, where))

    # Checking --------------------------------------------------------------------------------------------------------

    def assert_true(self):
        """One symbol, one value; and each side of each equation is what its last side says."""
        names = {ident: symbol for symbol, ident in self.idents.items()}
        env, unit = {}, {}
        for ident, said in self.known.items():
            x, half, where = said[0]
            for y, other, there in said[1:]:
                same = x == y or (x != x and y != y) or abs(x - y) <= 2.01 * (half + other)
                assert same, f"{names[ident]} is {x} in {where} and {y} in {there}"
            env[ident], unit[ident] = x, half
        for name, x in self.data.items():
            if name in self.idents:
                env[self.idents[name]], unit[self.idents[name]] = x, 1e-12 * abs(x)
        read = {
            side: worth(side, env, unit) for side in dict.fromkeys(s for sides in self.sides for s in sides) if side
        }
        read = {side: w for side, w in read.items() if w is not None and math.isfinite(w[0]) and math.isfinite(w[1])}
        for sides, where in self.sides.items():
            self._assert_equal([(side, read[side]) for side in sides if side in read], where, names, env)

    @staticmethod
    def _assert_equal(read, where, names, env):
        for (a, (x, slack)), (b, (y, more)) in zip(read, read[1:]):
            said = [re.sub(r"sym\d+q", lambda m: names[m[0]], side) for side in (a, b)]
            near = abs(x - y) <= 1.6 * (slack + more) + 1e-9 * (abs(x) + abs(y)) + 1e-300
            near = near or abs(x - y) <= 1.6 * (slack + more + rounding(a, env) + rounding(b, env))
            assert near, f"{where}: {said[0]} is {x}, {said[1]} is {y}"


def plain(symbol):
    """A symbol without what subscripts have no room for: a_2, x[0]."""
    return re.sub(r"[_\[\] ]", "", symbol)


def worth(side, env, unit):
    """What a side is, and how far that may be off; None where a symbol in it has no number anywhere."""
    known = {name: env[name] for name in re.findall(r"sym\d+q", side) if name in env}
    if len(known) < len(set(re.findall(r"sym\d+q", side))):
        return None
    units = {name: unit[name] for name in known}

    def constant(m):
        name = f"num{len(units)}q"
        known[name] = float(m[0])
        units[name] = half_unit(m[0])
        return name

    text = NUMBER.sub(constant, side)
    x = evaluated(text, known)
    slack = 0.0
    for name, off in units.items():
        if off:
            moved = [evaluated(text, known | {name: known[name] + d}) for d in (off, -off)]
            slack += max(abs(y - x) for y in moved)
    return x, slack


def rounding(side, env):
    """How far off a side may be since each operation in it rounds: log(1 + exp(-80)) is read as 0."""
    x, off = evaluated(side, env), 0.0
    tree = ast.parse(side, mode="eval")
    for i in range(sum(isinstance(e, OPERATIONS) for e in ast.walk(tree))):
        moved = ast.unparse(Rounded(i).visit(ast.parse(side, mode="eval")))
        off += abs(evaluated(moved, env | {"nearly1q": 1.0 + 2.0**-52}) - x)
    return off if math.isfinite(off) else 0.0


OPERATIONS = (ast.BinOp, ast.Call)


class Rounded(ast.NodeTransformer):
    """One operation of a formula is a little more than it is."""

    def __init__(self, which):
        self.left = which

    def visit(self, e):
        e = self.generic_visit(e)
        if isinstance(e, OPERATIONS):
            self.left -= 1
            if self.left == -1:
                return ast.BinOp(e, ast.Mult(), ast.Name("nearly1q"))
        return e


def half_unit(digits):
    """Half a unit of the last of the four digits that are printed of a number."""
    x = float(digits)
    if not x or not math.isfinite(x):
        return 0.0
    place = math.floor(math.log10(abs(x))) - 3
    return 0.5 * 10.0 ** (min(place, 0) if "e" not in digits else place)


def printed(python):
    """(number, half a unit) of a side that is a number; else None."""
    text = python.strip()
    while text[:1] == "(" and text[-1:] == ")":
        text = text[1:-1]
    sign = -1.0 if text[:1] == "-" else 1.0
    text = text.lstrip("-").replace("*10**(", "e").removesuffix(")")
    if text in ("inf", "nan"):
        return sign * float(text), 0.0
    if not re.fullmatch(r"\d+(?:\.\d+)?(?:e-?\d+)?", text):
        return None
    return sign * float(text), half_unit(text)


def split(text, by):
    """Split where no bracket is open."""
    parts, depth, start, i = [], 0, 0, 0
    while i < len(text):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if not depth and text.startswith(by, i):
            parts.append(text[start:i])
            start = i = i + len(by)
        else:
            i += 1
    return [*parts, text[start:]]


def sides_of(inside):
    """The sides of an equation in MathML, each a list of elements; the first is empty where it begins with `=`."""
    sides = [[]]
    for child in ET.fromstring(f"<math>{unescape_entities(inside)}</math>"):
        if child.tag == "mo" and child.text == "=":
            sides.append([])
        else:
            sides[-1].append(child)
    return sides


def derivative_of(fraction):
    """dL/da or ∂v1/∂(1st x), where a fraction is one; else None."""
    top, bottom = ("".join(part.itertext()).replace("\u00a0", " ") for part in fraction)
    if top[:1] != bottom[:1] or top[:1] not in ("d", "∂"):
        return None
    powers = [e for part in fraction for e in part.iter("msup")]
    if powers:
        top, bottom = (text.replace("2", "²", 1) if i == 0 else text[:-1] + "²" for i, text in enumerate((top, bottom)))
    symbol = f"{top}/{bottom}"
    return symbol if DERIVATIVE.fullmatch(symbol) else None


def unescape_entities(xml):
    return re.sub(r"&(?!amp;|lt;|gt;|quot;|apos;|#)\w+;", lambda m: unescape(m[0]), xml)
