"""Leaves of a trace that stand side by side: thousands of parameters, most of which are read in whole lists alone.

A Value is made for one of them when somebody looks at it; what a dot of a slice needs, its gradient and its place in a
program, are a first number, a step and a count.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from itertools import pairwise
from typing import Any, TypeGuard, cast, overload

from . import context
from .value import Value


class Source:
    """Leaves that are numbered.

    Args:
        numbers: theirs.
        first: the operand of the first in a program; those of the others advance by 8.
        operands: where the operand of each Value that is made is noted.

    Attributes:
        numbers, first: as given.
        operands: all places where that is noted.
        places: the number of each Value that is made.
        is_list_wanted: was something asked of a list of them that these do not do, and lists do?
    """

    is_list_wanted = False

    def __init__(self, numbers: Sequence[float], first: int, operands: MutableMapping[Value, int]) -> None:
        self.numbers, self.first, self.operands = numbers, first, [operands]
        self._packed: array[float] | None = None
        self._made: dict[int, Value] = {}
        self.places: dict[Value, int] = {}
        self._call = context.calls

    def __len__(self) -> int:
        return len(self.numbers)

    def value(self, k: int) -> Value:
        """The Value of one, as old as the others."""
        found = self._made.get(k)
        if found is None:
            found = self._made[k] = Value(self.numbers[k])
            found._made_in = self._call
            self.places[found] = k
            for operands in self.operands:
                operands[found] = self.first + 8 * k
        return found

    def give(self, numbers: Sequence[float]) -> None:
        """They get other numbers."""
        self.numbers, self._packed = numbers, None
        for k, v in self._made.items():
            v._data = numbers[k]

    def numbers_at(self, places: range) -> list[float]:
        """The numbers of some, evenly spaced; of those far apart from an array, since floats lie where they were made."""
        which, numbers = slice(places.start, places.stop if places.stop >= 0 else None, places.step), self.numbers
        if isinstance(numbers, array):
            return numbers[which].tolist()
        if abs(places.step) == 1:
            return list(numbers[which])
        if self._packed is None:
            self._packed = array("d", numbers)
        return self._packed[which].tolist()

    def beginning(self, a: Sequence[Value]) -> int | None:
        """The number of the first of some Values; None where they do not stand side by side here."""
        if is_row(a):
            return a.places.start if a.source is self and a.places.step == 1 else None
        at = self.places.get(a[0])
        alike = at is not None and [self.places.get(v) for v in a] == [*range(at, at + len(a))]
        return at if alike else None


class Row:
    """Some of them, evenly spaced: a list of operands, which nodes hold as they hold a tuple of Values.

    Attributes:
        source: the leaves.
        places: which of them.
    """

    __slots__ = ("places", "source")
    __class__ = property(lambda self: tuple)  # all who ask take it for one

    def __init__(self, source: Source, places: range) -> None:
        self.source, self.places = source, places

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[Value]:
        return map(self.source.value, self.places)

    @overload
    def __getitem__(self, k: int) -> Value: ...
    @overload
    def __getitem__(self, k: slice) -> Row: ...
    def __getitem__(self, k: int | slice) -> Value | Row:
        places = self.places[k]
        return Row(self.source, places) if isinstance(places, range) else self.source.value(places)

    def __eq__(self, other: object) -> bool:
        return is_row(other) and self.source is other.source and self.places == other.places

    def __hash__(self) -> int:
        return hash((id(self.source), self.places))

    def as_tuple(self) -> tuple[Value, ...]:
        """What all who ask take it for."""
        return cast("tuple[Value, ...]", self)

    @property
    def is_whole(self) -> bool:
        """Are these all that there are, in order?"""
        return self.places == range(len(self.source))

    def numbers(self) -> list[float]:
        """Theirs."""
        return self.source.numbers_at(self.places)

    def operands(self) -> range:
        """Theirs in a program."""
        r, first = self.places, self.source.first
        return range(first + 8 * r.start, first + 8 * r.stop, 8 * r.step)


def is_row(a: object) -> TypeGuard[Row]:
    """Is a list of operands a row of leaves?"""
    return type(a) is Row


class _Listed(list[Any]):
    """What the class of Leaves seems to be: a kind of list."""


class Leaves:
    """A list of leaves as a function is given it, to be read and not to be changed. What else it is asked it notes, also where
    the function catches the error, or asks whether it has a method: then it is to be given a list.

    Args:
        row: the leaves.

    Attributes:
        row: as given.
        module: where a Module was made of all of them, (it, the one that it is like).
    """

    __slots__ = ("_numbers", "module", "row")
    __hash__ = None  # type: ignore[assignment]  # as of a list
    __class__ = property(lambda self: _Listed)  # so that isinstance says list

    def __init__(self, row: Row) -> None:
        self.row = row
        self._numbers: list[float] | None = None
        self.module: tuple[object, object] | None = None

    def __reduce__(self) -> tuple[object, ...]:
        """A copy is a list."""
        return list, (list(self),)

    def __len__(self) -> int:
        return len(self.row)

    def __iter__(self) -> Iterator[Value]:
        return iter(self.row)

    @overload
    def __getitem__(self, k: int) -> Value: ...
    @overload
    def __getitem__(self, k: slice) -> Leaves: ...
    def __getitem__(self, k: int | slice) -> Value | Leaves:
        source = self.row.source
        try:
            places = self.row.places[k]
        except TypeError:  # it names a range
            raise self._wanted(TypeError) from None
        return Leaves(Row(source, places)) if isinstance(places, range) else source.value(places)

    def __eq__(self, other: object) -> bool:
        raise self._wanted(TypeError)

    def __add__(self, other: object) -> Any:
        return self._not_implemented(other, list)

    def __mul__(self, other: object) -> Any:
        return self._not_implemented(other, int)

    __radd__, __rmul__ = __add__, __mul__

    def __setitem__(self, k: object, v: object) -> None:
        raise self._wanted(TypeError)

    def __delitem__(self, k: object) -> None:
        raise self._wanted(TypeError)

    def __getattr__(self, name: str) -> Any:
        raise self._wanted(AttributeError) if hasattr(list, name) else AttributeError(name)

    def __repr__(self) -> str:
        self._wanted(TypeError)
        return repr(list(self))

    def _wanted(self, kind: type[Exception]) -> Exception:
        self.row.source.is_list_wanted = True
        return kind("leaves that are not made do not do what lists do")

    def _not_implemented(self, other: object, kind: type) -> Any:
        if isinstance(other, kind):
            self._wanted(TypeError)
        return NotImplemented

    def listed(self) -> tuple[Row, list[float]]:
        """(they as operands, their numbers)."""
        if self._numbers is None:
            self._numbers = self.row.numbers()
        return self.row, self._numbers


Sequence.register(Leaves)  # for `match`, which asks the type itself whether it is a sequence


class Needed(set[Value]):
    """All leaves of a source, made or not, and Values that come to them."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    def __len__(self) -> int:
        return super().__len__() + len(self._source)

    def __contains__(self, v: object) -> bool:
        return super().__contains__(v) or v in self._source.places

    def operands(self) -> range:
        """Those of the leaves in a program."""
        return Row(self._source, range(len(self._source))).operands()

    def isdisjoint(self, vs: Iterable[object]) -> bool:
        """Is none of these among them?"""
        if is_row(vs):
            return vs.source is not self._source
        return super().isdisjoint(vs) and self._source.places.keys().isdisjoint(vs)

    def issuperset(self, vs: Iterable[object]) -> bool:
        """Are all of these among them?"""
        if is_row(vs):
            return vs.source is self._source
        return super().issuperset(vs) or all(v in self for v in vs)


class Columns:
    """The entries of lists, place by place: of rows of leaves that stand evenly spaced a row of leaves again.

    Args:
        lists: of one length.
    """

    def __init__(self, lists: Sequence[Sequence[float | Value]]) -> None:
        self._lists, self._rows = lists, list[Row]()
        rows = [a for a in lists if is_row(a)]
        gaps = {(b.source, b.places.start - a.places.start, b.places.step) for a, b in pairwise(rows)}
        if len(rows) == len(lists) and len(gaps) == 1 and rows[0].places.step == rows[-1].places.step:
            self._rows = rows

    def __getitem__(self, k: int) -> Sequence[float | Value] | Leaves:
        if not self._rows:
            return [a[k] for a in self._lists]
        first, second, count = self._rows[0], self._rows[1], len(self._rows)
        at, gap = first.places[k], second.places.start - first.places.start
        return Leaves(Row(first.source, range(at, at + gap * count, gap))) if gap else [a[k] for a in self._lists]
