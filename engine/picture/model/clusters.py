"""The frames around boxes, one an open Module, the tags of leaves that many of them use, and what a closed one holds."""

import re
from collections.abc import Iterable, Mapping, Sequence

from ...context import Scope
from ...formulas.naming import bracketed
from .boxes import Arrow, Box
from .grouping import ScopeTree
from .safety import plain
from .text_widths import clipped

WIDEST_TITLE = 300.0  # pixels
TAGGED = 3  # clusters, or ranks of groups, from which a leaf that all use is tagged


def tags(boxes: Sequence[Box], ins: Mapping[Box, list[Arrow]], outs: Mapping[Box, list[Arrow]]) -> list[Box]:
    """Small boxes that stand for leaves used in many places, one beside each, so that no arrow crosses them all.

    Their edges start from them; the leaf's own box keeps its chain-rule rows.
    """
    rank: dict[Box, int] = {}
    for b in boxes:
        rank[b] = max([rank.get(e.source, -1) + 1 for e in ins[b]], default=0)
    made = []
    for leaf in [b for b in boxes if b.kind in ("input", "parameter", "inputs", "parameters")]:
        places: dict[tuple[Scope | Box, ...], list[Arrow]] = {}
        for e in outs[leaf]:
            group = (e.target,) if e.target.kind == "group" else ()
            places.setdefault((*e.target.scopes, *group), []).append(e)
        inside = [place for place in places if place and isinstance(place[-1], Scope)]
        ranks = {rank[place[-1]] for place in places if place and isinstance(place[-1], Box)}
        if len(inside) < TAGGED and len(ranks) < TAGGED:
            continue
        for i, edges in enumerate(places.values()):
            tag = Box(f"{leaf.id}_{i}", "tag", leaf.value, leaf.members, [], False, leaf, scopes=edges[0].target.scopes)
            tag.name, tag.full = leaf.name, leaf.full
            made.append(tag)
            for e in edges:
                e.source = tag
    return made


def clusters(boxes: Iterable[Box], called: Mapping[Scope, str]) -> dict[Scope, tuple[str, str]]:
    """For each open scope with more than one box a word for its id, and its title, which for some is known."""
    inside: dict[Scope, int] = {}
    calls: dict[Scope, int] = {}
    for b in boxes:
        for s in b.scopes:
            inside[s] = inside.get(s, 0) + (b.kind != "tag")
            calls[s] = max(calls.get(s, 1), b.calls)
    found: dict[Scope, tuple[str, str]] = {}
    used: set[str] = set()
    for s, count in inside.items():
        if count > 1:
            word = stem = re.sub(r"\W+", "_", s.path[:60], flags=re.ASCII).strip("_") or "scope"
            n = 2
            while word in used:
                word, n = f"{stem}_{n}", n + 1
            used.add(word)
            module = getattr(s, "module", None)
            title = plain("  ".join(filter(None, [bracketed(s.path), "" if module is None else type(module).__name__])))
            title = called.get(s) or (f"{title} × {calls[s]:,}" if calls[s] > 1 else title)
            found[s] = word, clipped(title, WIDEST_TITLE, 11) or "scope"
    return found


def module_word(scope: Scope) -> str:
    """What a scope's Module is called: "neuron" for a Neuron, or for the path neurons.3."""
    module = getattr(scope, "module", None)
    word = scope.name.rstrip("0123456789.").rpartition(".")[2].lower().removesuffix("s")
    if module is not None:
        word = type(module).__name__
    word = word if word.isupper() else word.lower()
    return plain(word) or "module"


def counted(n: int, word: str) -> str:
    """A number of things: 1 edge, 2,000 edges."""
    return f"{n:,} {word}{'s' * (n != 1)}"


def contents(b: Box, tree: ScopeTree) -> str:
    """What is in a group: 16 neurons · 48 parameters · 80 operations."""
    said = []
    members = b.members if b.calls == 1 or b.scope is None else [v for v in b.members if b.scope in tree.chain(v)]
    if b.scope is not None:
        depth = len(b.scopes) + 1
        chains = [tree.chain(v) for v in members]
        inner = dict.fromkeys(chain[depth] for chain in chains if len(chain) > depth)
        words = {module_word(s) for s in inner}
        if inner:
            said.append(counted(len(inner), words.pop() if len(words) == 1 else "module"))
    if b.parameters:
        said.append(counted(len(b.parameters), "parameter"))
    ops = sum(v.op is not None for v in members)
    if ops:
        said.append(counted(ops, "operation"))
    if b.calls > 1 and b.scope is not None:
        said.append(counted(b.calls, "call"))
    return " · ".join(said)
