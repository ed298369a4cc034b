"""Names for Values: a user's variables, paths in Modules, and how a formula writes a name and a derivative."""

import re
import sys
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from functools import lru_cache
from itertools import product
from typing import Protocol, cast

from ..arguments import shown
from ..context import Scope
from ..value import Value
from .mathml import clean, escaped
from .notation import in_parentheses

_INDEX = re.compile(r"\.(\d+)(?=\.|$)")
CO_OPTIMIZED = 1  # a code object's flag: a function, whose variables are no dict (see inspect.CO_OPTIMIZED)


def names(namespace: Mapping[str, object]) -> dict[str, Value]:
    """Label the Values of a namespace by their variables' names: `names(locals())`.

    Values inside lists, tuples, dicts and NumPy arrays, up to two levels deep, become `w[0]` and `layer['b']`. A label
    that is there stays; a variable that starts with `_` is skipped; a Value with several names takes the first, and a
    variable of its own before a place in a list.

    Args:
        namespace: a mapping of names to anything.

    Returns:
        The labels it gave, each with its Value.

    Raises:
        TypeError: namespace is no mapping.

    >>> from engine import Value, names
    >>> a, w = Value(2.0), [Value(3.0), Value(4.0)]
    >>> list(names(dict(a=a, w=w)))
    ['a', 'w[0]', 'w[1]']
    >>> w[1].label
    'w[1]'
    """
    if not isinstance(namespace, Mapping):
        raise TypeError(f"names takes a mapping of names to Values, got {shown(namespace)}; try names(locals())")
    # In and Out are the history of a notebook: what is there has a better name or none.
    level = [(k, v) for k, v in namespace.items() if isinstance(k, str) and k[:1] != "_" and k not in ("In", "Out")]
    given: dict[str, Value] = {}
    for _ in range(3):
        deeper: list[tuple[str, object]] = []
        for name, found in level:
            if isinstance(found, Value):
                if not found.label:
                    found.label = name
                    given[name] = found
            else:
                deeper.extend(_elements(name, found))
        level = deeper
    return given


class _Grid(Protocol):
    """An array of NumPy, without importing it."""

    shape: tuple[int, ...]

    def __getitem__(self, place: tuple[int, ...], /) -> object: ...


def _elements(name: str, box: object) -> Iterable[tuple[str, object]]:
    if isinstance(box, (list, tuple)):
        return [(f"{name}[{i}]", element) for i, element in enumerate(box)]
    if isinstance(box, Mapping):
        return [(f"{name}[{key!r}]", element) for key, element in box.items() if isinstance(key, (str, int))]
    if type(box).__module__ == "numpy" and getattr(getattr(box, "dtype", None), "kind", "") == "O":
        grid = cast("_Grid", box)
        places = product(*map(range, grid.shape))
        return [(f"{name}[{', '.join(map(str, i))}]", grid[i]) for i in places]
    return ()


def variable_names(namespace: Mapping[str, object]) -> dict[Value, str]:
    """The variables that hold a Value, and places in lists of Values, by Value; the first name wins."""
    if not isinstance(namespace, Mapping):
        raise TypeError(f"names takes a mapping of names to Values, got {shown(namespace)}; try names=locals()")
    level = [
        (name, x)
        for name, x in list(namespace.items())
        if isinstance(name, str) and name.isidentifier() and name[0] != "_" and name not in ("In", "Out")
    ]
    lists = [(name, x) for name, x in level if isinstance(x, (list, tuple)) and len(x) <= 1000]
    found: dict[Value, str] = {}
    for name, x in [*level, *(place for named in lists for place in _elements(*named))]:
        if isinstance(x, Value):
            found.setdefault(x, name)
    return found


def notebook_variables() -> dict[str, object]:
    """The variables of the running notebook or IPython shell, if there is one."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return dict(getattr(shell, "user_ns", None) or {})


def callers_variables(depth: int) -> dict[str, object]:
    """The variables of a function `depth` calls up, local ones first."""
    frame = sys._getframe(depth + 1)
    seen = frame.f_locals
    variables = {**seen, **{k: x for k, x in frame.f_globals.items() if k not in seen}}
    # Before 3.13 this dict stays with the frame of a function, and would keep a graph that the function drops. It is
    # emptied, unless the user has it too, from locals(): the references are the frame's, ours and the call's.
    if sys.version_info < (3, 13) and frame.f_code.co_flags & CO_OPTIMIZED and sys.getrefcount(seen) <= 3:
        seen.clear()
    return variables


def bracketed(path: str) -> str:
    """A dotted path as Python writes it: layers.0.w.1 as layers[0].w[1].

    >>> bracketed("layers.0.w.1")
    'layers[0].w[1]'
    """
    return _INDEX.sub(r"[\1]", path)


def parameter_paths(scopes: Iterable[Scope], wanted: Container[Value]) -> dict[Value, str]:
    """Of wanted leaves, those that belong to a Module whose scope made a node, each with its dotted path.

    Args:
        scopes: outer ones before those inside, which belong to the Modules of the outer.
        wanted: the leaves to name.
    """
    there: dict[Value, str] = {}
    named: set[int] = set()
    for scope in scopes:
        module = getattr(scope, "module", None)
        if module is None or id(module) in named:
            continue
        named.update(id(m) for _, m in module.named_modules())
        for name, parameter in module.named_parameters():
            if parameter in wanted:
                there.setdefault(parameter, f"{scope.path}.{name}" if scope.path else name)
    return there


def scopes_of(order: Iterable[Value]) -> list[Scope]:
    """The scopes that made the nodes of a graph, and those around them, outer ones first."""
    found: dict[Scope, None] = {}
    for v in order:
        scope, inner = v.scope, []
        while scope is not None and scope not in found:
            inner.append(scope)
            scope = scope.parent
        found.update(dict.fromkeys(reversed(inner)))
    return list(found)


# In formulas ---------------------------------------------------------------------------------------------------------

_SUBSCRIPTED = re.compile(r"([^\W\d_](?:\w*[^\W\d])??)_?(\d+)|([^\W\d]\w*)((?:\[\d+(?:, ?\d+)*\])+)")
_LATEX = {
    "\\": r"\backslash ", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"{\wedge}", "~": r"{\sim}", "<": r"{<}", ">": r"{>}", " ": r"\ ", "-": r"\text{-}", "'": r"\text{'}",
    "`": r"\text{`}", '"': r"\text{''}",
}  # fmt: skip


class Spelled(str):
    """A name that is written letter by letter, since with a subscript it would be another's of the same graph."""

    __slots__ = ()


def subscripted(name: str) -> tuple[str, str]:
    """A name as its stem and its index, which is "" where it has none: x1, x_1 and x[1] are one.

    >>> from engine.formulas.naming import subscripted
    >>> subscripted("x_1"), subscripted("W[0][1]"), subscripted("loss")
    (('x', '1'), ('W', '0,1'), ('loss', ''))
    """
    match = None if isinstance(name, Spelled) else _SUBSCRIPTED.fullmatch(name)
    if match is None:
        return name, ""
    return match[1] or match[3], match[2] or match[4][1:-1].replace("][", ",").replace(", ", ",")


def name_text(label: str, style: str) -> str:
    """A name in a formula: verbatim in text and Unicode; elsewhere escaped, with digits at its end as a subscript."""
    if style in ("text", "unicode"):
        return clean(label)
    stem, index = subscripted(clean(label) if label.__class__ is str else label)
    if style == "latex":
        letter = len(stem) == 1
        stem = "".join([_LATEX.get(c, c) for c in stem])
        stem = stem if letter and (len(stem) == 1 or not index) else rf"\mathit{{{stem}}}"
        return f"{stem}_{{{index}}}" if index else stem
    stem = f"<mi>{escaped(stem)}</mi>"
    return f"<msub>{stem}<mn>{index}</mn></msub>" if index else stem


_COMPOUND = re.compile(r"[-/+*·−=^ ]")
_ORDINAL = re.compile(r"\d+(st|nd|rd|th) ")
_RAISED = "  ²³⁴⁵⁶⁷⁸⁹"


def total_derivative(top: str, bottom: str, style: str) -> str:
    """How `top` changes with `bottom` through all paths, as a gradient says it: dtop/dbottom.

    Of what is itself called dy/dx the derivative by x is d²y/dx², and that by another is d(dy/dx)/da.
    """
    head, _, below = top.rpartition("/d")
    order = max(1, _RAISED.find(head[1:2] or " ", 2))
    times = _RAISED[order].strip()
    derived = head[1 + len(times) :]
    if head[:1] == "d" and derived and below == bottom + times and order < 9:
        d, x = _power(_D[style], order + 1, style), name_text(bottom, style)
        return _fraction(d + name_text(derived, style), _D[style] + _power(x, order + 1, style), style)
    return _fraction(_D[style] + _held(top, style), _D[style] + _held(bottom, style), style)


def partial_derivative(top: str, bottom: str, style: str, place: str = "") -> str:
    """How `top` changes with `bottom` along one edge, all else held: ∂top/∂bottom.

    `place` says which operand it is, where an op takes the same one more than once: ∂top/∂(1st bottom).
    """
    d, below = _PARTIAL[style], _held(bottom, style)
    if place and style == "latex":
        below = in_parentheses(rf"\text{{{place} }}{name_text(bottom, style)}", style)
    elif place and style == "mathml":
        below = in_parentheses(f"<mtext>{place}&#160;</mtext>{name_text(bottom, style)}", style)
    elif place:
        below = f"({place} {name_text(bottom, style)})"
    return _fraction(d + _held(top, style), d + below, style)


_D = {"text": "d", "unicode": "d", "latex": r"\mathrm{d}", "mathml": "<mtext>d</mtext>"}
_PARTIAL = {"text": "∂", "unicode": "∂", "latex": r"\partial ", "mathml": "<mi>∂</mi>"}


@lru_cache(10_000, typed=True)  # a picture says each name in many places
def _held(name: str, style: str) -> str:
    """A name after a d, in parentheses where it would fall apart, in quotes where it would say which operand it is."""
    text = name_text(name, style)
    if _ORDINAL.match(name):
        left, right = {"latex": (r"\text{“}", r"\text{”}"), "mathml": ("<mrow><mo>“</mo>", "<mo>”</mo></mrow>")}.get(
            style, ("“", "”")
        )
        return f"{left}{text}{right}"
    return in_parentheses(text, style) if _COMPOUND.search(re.sub(r"\[[^\]]*\]", "", name)) else text


def _power(text: str, order: int, style: str) -> str:
    if style == "latex":
        return f"{text}^{{{order}}}"
    return f"<msup>{text}<mn>{order}</mn></msup>" if style == "mathml" else text + _RAISED[order]


def _fraction(top: str, bottom: str, style: str) -> str:
    if style == "latex":
        return rf"\frac{{{top}}}{{{bottom}}}"
    if style == "mathml":
        return f"<mfrac><mrow>{top}</mrow><mrow>{bottom}</mrow></mfrac>"
    return f"{top}/{bottom}"


def places(v: Value) -> list[str]:
    """For each edge of a node "1st", "2nd", … where it takes that argument more than once, else "".

    >>> from engine import Value
    >>> from engine.formulas.naming import places
    >>> x = Value(3.0)
    >>> places(x * x), places(x * 2.0)
    (['1st', '2nd'], ['', ''])
    """
    values = [a for a in v.args if isinstance(a, Value)]
    if len(set(values)) == len(values):
        return [""] * len(v.args)
    times = Counter(values)
    met, found = Counter[Value](), list[str]()
    for a in v.args:
        place = ""
        if isinstance(a, Value) and times[a] > 1:
            met[a] += 1
            place = _ordinal(met[a])
        found.append(place)
    return found


def _ordinal(n: int) -> str:
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"
