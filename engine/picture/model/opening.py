"""What a reader may open and close in a picture: each closed Module, the frame of each open one, and one call of many."""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from ...context import Scope
from ...formulas.naming import bracketed
from .boxes import Box, PictureModel
from .clusters import WIDEST_TITLE, module_word
from .grouping import ScopeTree, View
from .safety import plain
from .text_widths import clipped

EARLY = 4  # calls that go before other Modules where there is not room for all


class Turn(NamedTuple):
    """A change of what is open.

    Attributes:
        element: what is turned, as the end of its id in a drawing: the box of a closed Module, or the frame of an open one.
        kind: open, close; one: of many calls the first, shown beside the others; before, after: another in its place.
        name: "Open layers.0", "Close layers.0", "Open MLP[0]".
        height: of the Module; less for one call of many, and for those far from the first.
        view: what shares boxes then.
    """

    element: str
    kind: str
    name: str
    height: int
    view: View


def turns(model: PictureModel) -> list[Turn]:
    """The changes of one Module, of all calls of it that share a box, or of one of these; none where a part is left out."""
    if model.tree is None or model.hidden:
        return []
    return [*_Turns(model, model.tree)]


class _Turns:
    def __init__(self, model: PictureModel, tree: ScopeTree) -> None:
        self._model, self._tree, self._view = model, tree, model.view
        self._inner: dict[Scope | None, list[Scope]] = {}
        for s in tree.chains:
            self._inner.setdefault(s.parent, []).append(s)
        self._direct = {v.scope for v in model.sweep.order if v.op is not None}
        self._calls = {s: (word, i, calls) for word, calls in tree.calls.items() for i, s in enumerate(calls)}
        self._order = {s: i for i, s in enumerate(tree.chains)}

    def __iter__(self) -> Iterator[Turn]:
        for b in self._model.boxes:
            if b.scope is not None:
                yield from self._opening(b, b.scope)
        for s, (word, _) in self._model.clusters.items():
            around = s.parent in self._model.clusters and s.parent not in self._direct
            if not around or len(self._inner[s.parent]) > 1 or s in self._view.apart:  # else that frame holds the same
                yield from self._closing(s, f"g_{word}")

    def _opening(self, b: Box, scope: Scope) -> Iterator[Turn]:
        held = frozenset(s for v in b.members for s in self._tree.chain(v) if s in self._view.closed)
        if held:
            height = self._tree.heights[scope]
            yield Turn(b.id, "open", f"Open {_word(scope)}", height, self._opened(held))
        if b.calls > 1 and not any(s in self._model.clusters for s in b.scopes):
            yield from self._one(b.id, scope)

    def _closing(self, s: Scope, frame: str) -> Iterator[Turn]:
        height, apart = self._tree.heights[s], self._view.apart
        if s in apart:
            _, i, calls = self._calls[s]
            yield Turn(frame, "close", f"Close {self._named(s)}", height, self._returned(s, calls))
            for kind, near in (("before", calls[i - 1 : i]), ("after", calls[i + 1 : i + 2])):
                for t in filter(self._is_free, near):
                    yield Turn(frame, kind, f"Open {self._named(t)}", height if i < EARLY else -1, self._swapped(s, t))
            return
        many = max(b.calls for b in self._model.boxes if s in b.scopes) > 1
        alike = self._alike(s) if many else {s}
        after = frozenset(c for c in self._view.closed if alike.isdisjoint(self._tree.chains[c])) | alike
        kept = frozenset(c for c in apart if alike.isdisjoint(self._tree.chains[c]))
        yield Turn(frame, "close", f"Close {_word(s)}", height, View(after, kept))
        if many and not any(t in self._model.clusters for t in self._tree.chains[s][:-1]):
            yield from self._one(frame, s)

    def _one(self, element: str, scope: Scope) -> Iterator[Turn]:
        """The first call of the outermost Module around, beside the others; none where another is there."""
        outer = next((s for s in self._tree.chains[scope] if s in self._calls), None)
        if outer is None or any(_same(outer, s) for s in self._view.apart):
            return
        first = min(self._alike(outer), key=self._order.__getitem__)
        view, height = self._opened(self._view.closed & {first}), self._tree.heights[outer]
        yield Turn(element, "one", f"Open {self._named(first)}", height - 1, View(view.closed, view.apart | {first}))

    def _alike(self, s: Scope) -> set[Scope]:
        """The calls that share boxes with one."""
        depth = len(self._tree.chains[s])
        found = {t for t, chain in self._tree.chains.items() if _same(s, t) and len(chain) == depth}
        return found - self._view.apart

    def _is_free(self, s: Scope) -> bool:
        """Whether it is among the others, and nothing closed is around it."""
        return s not in self._view.apart and self._view.closed.isdisjoint(self._tree.chains[s][:-1])

    def _named(self, s: Scope) -> str:
        word, i, _ = self._calls[s]
        return clipped(plain(f"{word}[{i}]"), WIDEST_TITLE, 11)

    # Views ---------------------------------------------------------------------------------------------------------------

    def _opened(self, held: frozenset[Scope]) -> View:
        return View((self._view.closed - held) | _inside(held, self._inner, self._direct), self._view.apart)

    def _returned(self, s: Scope, calls: Collection[Scope]) -> View:
        """That with a call among the others again, open as far as they are."""
        places = next(filter(None, (self._places(s, t) for t in calls if self._is_free(t))), {})
        within = frozenset(self._within(s))
        closed = frozenset(a for a, b in places.items() if b in self._view.closed) if places else frozenset({s})
        return View((self._view.closed - within) | closed, self._view.apart - within)

    def _swapped(self, s: Scope, t: Scope) -> View:
        """That with another call apart in place of one, and as far open."""
        places = self._places(s, t)
        if not places:
            back = self._returned(s, [t])
            return View((back.closed - {t}) | _inside({t} & back.closed, self._inner, self._direct), back.apart | {t})
        both = places | {b: a for a, b in places.items()}
        return View(frozenset(both.get(c, c) for c in self._view.closed), (self._view.apart - {s}) | {t})

    def _places(self, s: Scope, t: Scope) -> dict[Scope, Scope]:
        """For each scope inside of a call that of another call in its place; nothing where these differ."""
        ours, theirs = self._within(s), self._within(t)
        same = len(ours) == len(theirs) and all(map(_same, ours, theirs))
        return dict(zip(ours, theirs)) if same else {}

    def _within(self, s: Scope) -> list[Scope]:
        found = [s]
        for one in found:
            found += self._inner.get(one, ())
        return found


def _same(s: Scope, t: Scope) -> bool:
    module = getattr(s, "module", None)
    return s is t or (module is not None and getattr(t, "module", None) is module)


def _inside(
    held: Collection[Scope], inner: Mapping[Scope | None, list[Scope]], direct: Collection[Scope | None]
) -> frozenset[Scope]:
    """What is closed in these once they are open; of what holds one thing only, that is opened too."""
    while held:
        within = [t for s in held for t in inner.get(s, ())]
        if len(within) != len(held) or any(s in direct for s in held):
            return frozenset(within)
        held = within
    return frozenset()


def _word(scope: Scope) -> str:
    return clipped(plain(bracketed(scope.path)), WIDEST_TITLE, 11) or module_word(scope)
