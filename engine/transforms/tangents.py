"""Tangents as graphs: forward mode on Values, whose result can be differentiated, replayed and compiled.

The tangent of a dot is a dot again, and what a row which selects does not take is guarded, as in `adjoints`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress, repeat
from typing import Any

from .. import context
from ..edges import Inner, check_unchanged, graph_partial, reads
from ..gated import GATED, gated, gates
from ..guards import Guard, Guards, Number, guarded_contribution
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
        guards, known = Guards(tangents), dict[tuple[int, int], list[tuple[Number, bool]]]()
        for v in self._order:
            if not reads(v, tangents.keys()):
                continue
            check_unchanged(v, self._known)
            whole = _of_products(v, tangents, guards, known, gates(v)) if v.op is DOT or v.op is GATED else None
            if whole is None and v.op is GATED:
                whole = _of_products(v, tangents, guards, known, v._a[0])
            for guard, term in whole or self._along_edges(v, tangents, guards):
                if v in tangents:
                    tangents[v] = tangents[v] + term
                    guards.add(v, guard)
                else:
                    tangents[v] = term
                    guards.set(v, guard)

    def _along_edges(self, v: Inner, tangents: Tangents, guards: Guards) -> list[tuple[Sequence[Guard], Number]]:
        """What comes along each edge."""
        found: list[tuple[Sequence[Guard], Number]] = []
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
                    guard, term = guarded_contribution(v.op, tangents[e], q, guards.of(e))
                    if term is not None:
                        found.append(([guard], term))
        return found


def _of_products(
    v: Inner,
    tangents: Tangents,
    guards: Guards,
    known: dict[tuple[int, int], list[tuple[Number, bool]]],
    cs: tuple[Value, ...] | None,
) -> list[tuple[Sequence[Guard], Number]] | None:
    """What comes along all edges of a dot, or of a sum of products behind conditions cs, as one; None where there are no
    conditions, and some of a list have no tangent, or another guard."""
    (*_, ws, xs, start), (*_, wd, xd, _) = v._operands()
    found: Number = -0.0
    through = list[Guard]()
    for a, others, numbers in ((ws, xs, xd), (xs, ws, wd)):
        ts: Sequence[Number | None] = [*map(tangents.get, a)] if a.__class__ is tuple else ()
        given = [t for t in ts if t is not None]
        if not given:
            continue
        if cs is not None:
            moving = [t is not None for t in ts]
            if (id(a), id(cs)) not in known:
                known[id(a), id(cs)] = [guards.behind(e, c) if e in tangents else (c, True) for e, c in zip(a, cs)]
            gated_by = [*compress(known[id(a), id(cs)], moving)]
            through += gated_by
            if len(given) < len(ts):
                others, numbers = type(others)(compress(others, moving)), [*compress(numbers, moving)]
            conditions = Operands([c for c, _ in gated_by])
            found = gated(conditions, Operands(given), read_operands(others, numbers), found, False)
            continue
        kinds = {None if (guard := guards.of(e)) is None else guard[1] for e in a if e in tangents}
        if len(given) < len(ts) or len(kinds) > 1 or (kinds != {None} and context.recorder() is None):
            return None
        (strict,) = kinds
        through += [guards.of(e) for e in a]
        if strict is None:
            found = dot(given, read_operands(others, numbers), found)
        else:
            conditions = Operands([guard[0] for guard in through[-len(a) :] if guard is not None])
            found = gated(conditions, Operands(given), read_operands(others, numbers), found, not strict)
    if not through:
        return None
    terms: list[tuple[Sequence[Guard], Number]] = [(through, found)]
    if start.__class__ is Value and start in tangents:
        terms.append(([guards.of(start)], tangents[start]))
    return terms
