"""Tangents as graphs: forward mode on Values, whose result can be differentiated, replayed and compiled.

The tangent of a dot is a dot again, and what a row which selects does not take is guarded, as in `adjoints`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

from .. import context
from ..edges import Inner, check_unchanged, graph_partial, reads
from ..gated import gated
from ..guards import Guard, Number, either_guard, guarded_contribution
from ..lists import DOT, Operands, dot, read_operands
from ..value import Value

Tangents = dict[Value, Number]


class ForwardSweep:
    """Forward sweeps over one graph, which share the partials.

    Args:
        order: its nodes, arguments first.
    """

    def __init__(self, order: Iterable[Inner]) -> None:
        self._order = [v for v in order if v.op is not None]
        self._partials = dict[tuple[Value, int], Any]()
        self._known = set[tuple[int, int]]()

    def fill_in(self, tangents: Tangents) -> None:
        """Add the tangents of the nodes to those of leaves."""
        guards: dict[Value, Guard] = dict.fromkeys(tangents)
        for v in self._order:
            if not reads(v, tangents.keys()):
                continue
            check_unchanged(v, self._known)
            terms = (_of_dot(v, tangents, guards) if v.op is DOT else None) or self._along_edges(v, tangents, guards)
            for guard, term in terms:
                if v in tangents:
                    tangents[v] = tangents[v] + term
                    guards[v] = either_guard(guards[v], guard)
                else:
                    tangents[v], guards[v] = term, guard

    def _along_edges(self, v: Inner, tangents: Tangents, guards: dict[Value, Guard]) -> list[tuple[Guard, Number]]:
        """What comes along each edge."""
        found: list[tuple[Guard, Number]] = []
        for i, (a, p) in enumerate(zip(v._operands()[0], v.op.partials)):
            these = a if a.__class__ is tuple else (a,) if a.__class__ is Value else ()
            if tangents.keys().isdisjoint(these):
                continue
            if p.__class__ is not float:
                if (v, i) not in self._partials:
                    self._partials[v, i] = graph_partial(p, v)
                p = self._partials[v, i]
            for e, q in zip(these, p if a.__class__ is tuple and p.__class__ is not float else repeat(p)):
                if e in tangents:
                    guard, term = guarded_contribution(v.op, tangents[e], q, guards[e])
                    if term is not None:
                        found.append((guard, term))
        return found


def _of_dot(v: Inner, tangents: Tangents, guards: dict[Value, Guard]) -> list[tuple[Guard, Number]] | None:
    """What comes along all edges of a dot, as one; None where some of a list have no tangent, or another guard."""
    (ws, xs, start), (wd, xd, _) = v._a, v._x
    found: Number = -0.0
    through = list[Guard]()
    for a, others, numbers in ((ws, xs, xd), (xs, ws, wd)):
        ts: Sequence[Number | None] = [*map(tangents.get, a)] if a.__class__ is tuple else ()
        given = [t for t in ts if t is not None]
        if not given:
            continue
        kinds = {None if (guard := guards[e]) is None else guard[1] for e in a if e in guards}
        if len(given) < len(ts) or len(kinds) > 1 or (kinds != {None} and context.recorder() is None):
            return None
        (strict,) = kinds
        through += [guards[e] for e in a]
        if strict is None:
            found = dot(given, read_operands(others, numbers), found)
        else:
            conditions = Operands([guard[0] for guard in through[-len(a) :] if guard is not None])
            found = gated(conditions, Operands(given), read_operands(others, numbers), found, not strict)
    if not through:
        return None
    guard = None if None in through else through[0]
    for other in through[1:] if guard is not None else ():
        guard = either_guard(guard, other)
    terms = [(guard, found)]
    if start.__class__ is Value and start in tangents:
        terms.append((guards[start], tangents[start]))
    return terms
