"""Tables of which rows are taken by indices, in traces: where among what is differentiated they lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .guards import Number
from .value import Value


class Taken(NamedTuple):
    """An entry of a list that was taken by an index.

    Attributes:
        now: when.
        node: what took it.
        g: its adjoint.
    """

    now: int
    node: Any
    g: Number

    @property
    def list(self) -> tuple[Value, ...]:
        """What it was taken from."""
        found: tuple[Value, ...] = self.node._a[0]
        return found


class Table(NamedTuple):
    """Values, side by side, with lists among them that entries are taken of.

    Attributes:
        first, end: from where to where they lie.
        columns: by the identity of a list, where among them its Values are.
        uses: the entries that are taken.
    """

    first: int
    end: int
    columns: dict[int, range]
    uses: Sequence[Taken]


def tables(taken: Sequence[Taken], wrt: Sequence[Value], lists: Iterable[tuple[Value, ...]]) -> list[Table]:
    """The tables whose columns are lists of which entries are taken, where these stand evenly spaced among Values, the entries
    are Values, and none of other lists ends in the midst of a table."""
    places = {v: k for k, v in enumerate(wrt)}
    if len(places) < len(wrt):
        return []
    evenly = list[tuple[range, int]]()
    for key, a in {id(use.list): use.list for use in taken}.items():
        at = [places[v] for v in a]
        if at[0] < at[1] and at == [*(even := range(at[0], at[-1] + 1, at[1] - at[0]))]:
            evenly.append((even, key))
    found = list[Table]()
    for even, key in sorted(evenly, key=lambda x: x[0].start):
        first, end, columns = even.start, even.stop, {key: even}
        if found and first < found[-1].end:
            before = found.pop()
            first, end, columns = before.first, max(end, before.end), {**before.columns, **columns}
        uses = [use for use in taken if id(use.list) in columns]
        found.append(Table(first, end, columns, uses))
    inside = [[places.get(v, -1) for v in a] for a in lists]
    return [
        table for table in found
        if all(isinstance(use.g, Value) for use in table.uses)
        and all(len({table.first <= k < table.end for k in at}) == 1 for at in inside)
    ]  # fmt: skip
