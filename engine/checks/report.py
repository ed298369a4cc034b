"""What a check found, in words that name the mistake, the numbers that prove it, and the line that shows it again."""

import contextlib
import hashlib
import os
import re
import tempfile
import textwrap
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ..formulas.formula import partial_formulas, to_text
from ..formulas.graph_names import GraphNames
from ..traversal import topological_order
from ..value import Value
from ..writing import write_whole
from .balls import Ball, text
from .checked_function import CheckedFunction
from .faults import Fault

COLUMNS = 80
Save = str | os.PathLike[str] | Literal[False] | None


class Finding(NamedTuple):
    """The verdict on one number.

    Attributes:
        argument: the name of the argument, or "" for the value of the function.
        along: for orders 2 and 3 what the function was differentiated along before: an argument, or "d", a direction.
        order: 0 for the value, 1 for the first derivative, and so on.
        mode: "reverse" or "forward".
        verdict: "ok", "wrong", "inaccurate", "kink", "singular" or "inconclusive".
        got: the engine's number.
        ball: what a correct engine may compute, as a ball.
        exact: the exact number by Taylor series, as a ball; None where there is none.
    """

    argument: str
    order: int
    mode: str
    verdict: str
    got: float
    ball: Ball
    exact: Ball | None
    along: str = ""

    @property
    def error(self) -> float:
        """How far the engine is from the middle of the ball, in radii: up to 1 is right."""
        radius = float(self.ball.rad()) if self.ball.is_finite() else 0.0
        return abs(self.got - float(self.ball.mid())) / radius if radius else 0.0

    def what(self) -> str:
        """The number that is meant, as a reader would write it."""
        if not self.order:
            return "the value"
        of = f"∂/∂{self.argument}"
        if self.order > 1:
            power = "" if self.order == 2 else "²"
            of = f"∂{'⁰¹²³'[self.order]}/∂{self.along}{power} ∂{self.argument}"
        return f"{of} ({self.mode} mode)"


@dataclass
class Report:
    """What `check_gradients` found.

    Attributes:
        subject: the function, its point and the names of its arguments.
        engine: the name of the engine.
        findings: a `Finding` for each argument, order and mode.
        faults: the rules that are wrong, and what is wrong with the traversal.
        notes: what a reader should know.
    """

    subject: CheckedFunction
    engine: str
    root: Value
    findings: list[Finding] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    settings: str = ""
    save: Save = None
    _picture: str | None = None

    @property
    def verdicts(self) -> Counter[str]:
        """How often each verdict was given."""
        return Counter(f.verdict for f in self.findings)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; in our own engine nothing may be inaccurate either."""
        found = self.verdicts
        return not found["wrong"] and not (found["inaccurate"] and self.engine == "chainrule")

    @property
    def blame(self) -> Fault | None:
        """The fault that explains the rest: one that is plainly wrong before one that is inaccurate."""
        return min(self.faults, key=lambda f: f.inaccurate) if self.faults else None

    def __str__(self) -> str:
        if self.ok:
            counts = ", ".join([f"{n} {v}" for v, n in self.verdicts.items()])
            lines = [f"{self.subject.name} at ({self.subject.point_text()}): {counts}"]
            return "\n".join([*lines, *[f"note: {n}" for n in self.notes]])
        return "\n".join(self._message())

    def _repr_markdown_(self) -> str:
        return f"```text\n{self}\n```"

    # The message of a failure ----------------------------------------------------------------------------------------

    def _message(self) -> list[str]:
        bad = [f for f in self.findings if f.verdict in ("wrong", "inaccurate")]
        worst = min(bad, key=lambda f: (f.verdict != "wrong", f.order))
        formula = to_text(self.root, "unicode").split("\n")
        pairs = [f"{n} = {x!r}" for n, x in list(zip(self.subject.names, self.subject.point))[:12]]
        picture = self.picture()
        return [
            *_wrapped(self._sentence(worst), ""),
            "",
            "function",
            *[w for line in formula[:12] for w in _wrapped(line, "    ")],
            *[f"    … {len(formula) - 12} more lines"] * (len(formula) > 12),
            "point",
            *_wrapped(", ".join(pairs) + (", …" if len(self.subject.names) > 12 else ""), "    "),
            f"numbers: {worst.what()}",
            f"    {self.engine:<16} {worst.got!r}",
            f"    exact, by balls  {text(worst.ball)}",
            f"    by Taylor series {text(worst.exact) if worst.exact is not None else 'none: the point is on a kink'}",
            *self._rule(),
            *[f"note: {n}" for n in self.notes],
            "to reproduce",
            f"    {self.subject.reproduce(self.settings)}",
            *([f"picture: {picture}"] if picture else []),
        ]

    def _sentence(self, worst: Finding) -> str:
        blame = self.blame
        what = f"{self.subject.name}: {worst.what()} is {worst.verdict} in {self.engine}"
        if blame is None:
            return f"{what}; every rule is right on its own and the sweep matches no known mistake."
        if blame.node is None or blame.node.op is None:
            return f"{what}; every rule is right on its own, the traversal is at fault: {blame.why}."
        op, operand = blame.op, f"operand {(blame.argument or 0) + 1}"
        told = {
            "value": f"the forward function of {op} is wrong",
            "partial": f"the rule of {op} for {operand} is wrong",
            "saved operand": f"{operand} that {op} saved is not the value of the node it stands for",
            "second derivative": f"the rule of {op} for {operand} is right as a number and wrong as a graph",
        }
        return f"{what}: {told[blame.part]}."

    def _rule(self) -> list[str]:
        blame = self.blame
        if blame is None or blame.node is None or blame.node.op is None:
            return []
        known = GraphNames(topological_order(self.root)).found
        v, op = blame.node, blame.node.op
        if v not in known:
            known = GraphNames(topological_order(v)).found
        args = [known.get(a, str(x)) if isinstance(a, Value) else repr(a) for a, x in v._edges()]
        at = ", ".join([repr(x) for _, x in v._edges()][:8])
        lines = [f"rule: {op.name}({', '.join(args[:8])}) at ({at})"]
        if blame.argument is not None and blame.part != "saved operand":
            formula = None
            with contextlib.suppress(Exception):  # a wrong rule may be one that cannot be printed
                formula = partial_formulas(v, lambda n: known.get(n, "?"), "unicode")[blame.argument]
            lines += _wrapped(f"∂/∂{args[blame.argument]} = {formula or 'a rule that does not print'}", "    ")
        should = text(blame.ball) if not isinstance(blame.ball, float) else f"{blame.ball!r} (convention)"
        return [*lines, f"    gives {blame.got!r}", f"    should be {should}"]

    def picture(self) -> str | None:
        """The file with the graph, the guilty node marked; None where it could not be drawn."""
        if self._picture is None and self.save is not False:
            self._picture = _drawn(self)
        return self._picture


class GradientError(AssertionError):
    """A gradient is wrong.

    Attributes:
        report: the `Report` with all findings.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return str(self.report)


def _wrapped(line: str, indent: str) -> list[str]:
    return textwrap.wrap(
        line, COLUMNS, initial_indent=indent, subsequent_indent=indent + "    ", break_long_words=False
    ) or [indent]


GUILTY = "WRONG"


def _drawn(report: Report) -> str | None:
    """Save the picture, the guilty node named and outlined; a failure to draw is not a failure of the check."""
    from ..picture import draw

    path = "" if report.save is None or report.save is False else str(os.fspath(report.save))
    if not path:
        key = hashlib.sha256(report.subject.reproduce(report.settings).encode()).hexdigest()[:12]
        path = os.path.join(tempfile.gettempdir(), f"gradient-{key}.svg")
        if os.path.islink(path):  # somebody else's, in a folder that all share: to be followed by nobody
            path = os.path.join(tempfile.mkdtemp(), os.path.basename(path))
    guilty = report.blame.node if report.blame is not None else None
    with contextlib.suppress(Exception):
        report.root.backward()  # our own graph of the function: the picture shows its gradients
    for file in (path, os.path.splitext(path)[0] + ".dot"):
        with contextlib.suppress(Exception):
            picture = draw(report.root, names={GUILTY: guilty} if guilty is not None else {})
            if not file.endswith(".svg"):
                return str(picture.save(file))
            svg = _outlined(picture.svg)
            write_whole("check_gradients", file, svg.encode())
            return file
    return None


def _outlined(svg: str) -> str:
    """An SVG with the box of the guilty node outlined."""
    found = re.search(rf'<g class="node[^"]*" id="([^"]+)"><title>{GUILTY}\b', svg)
    if found is None:
        return svg
    style = f"<style>#{found[1]} .box {{ stroke: #d00000; stroke-width: 3px; }}</style></svg>"
    head, _, tail = svg.rpartition("</svg>")
    return head + style + tail
