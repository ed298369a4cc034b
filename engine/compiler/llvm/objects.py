"""Floats read where CPython keeps them: of nested lists whose shape is known, and of Values.

A list holds the addresses of what is in it, and an object begins with that of its class. Native code that knows the shape of a
list follows them and compares each class and each length; deeper than the shape it goes nowhere.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import sysconfig
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any

from ...value import Value
from .native_code import Compiled, Numbers
from .processor import LOCK

CLASS, LENGTH, INSIDE, NUMBER = (
    8,
    16,
    24,
    16,
)  # bytes of an object before these; in a list the address of what is inside
SIZES = (16, 24, 40, 24)  # where objects, floats, lists and tuples begin so
DEEPEST = 32  # levels
FEWEST = 8  # numbers of a list from which on it is read so

# A level of a list: its class, how many are inside, is that elsewhere, are these numbers?
CODE = f"""
define i64 @lists(ptr %x, ptr %levels, ptr %to) {{
  %end = call ptr @level(ptr %x, ptr %levels, ptr %to)
  %read = icmp ne ptr %end, null
  %result = zext i1 %read to i64
  ret i64 %result
}}

define internal ptr @level(ptr %x, ptr %level, ptr %to) {{
entry:
  %class.in = getelementptr i8, ptr %x, i64 {CLASS}
  %class = load i64, ptr %class.in
  %class.wanted = load i64, ptr %level
  %is.class = icmp eq i64 %class, %class.wanted
  br i1 %is.class, label %known, label %other
known:
  %length.in = getelementptr i8, ptr %x, i64 {LENGTH}
  %length = load i64, ptr %length.in
  %length.wanted.in = getelementptr i64, ptr %level, i64 1
  %length.wanted = load i64, ptr %length.wanted.in
  %is.length = icmp eq i64 %length, %length.wanted
  br i1 %is.length, label %alike, label %other
alike:
  %here = getelementptr i8, ptr %x, i64 {INSIDE}
  %there = load ptr, ptr %here
  %elsewhere.in = getelementptr i64, ptr %level, i64 2
  %elsewhere = load i64, ptr %elsewhere.in
  %is.elsewhere = icmp ne i64 %elsewhere, 0
  %inside = select i1 %is.elsewhere, ptr %there, ptr %here
  %numbers.in = getelementptr i64, ptr %level, i64 3
  %numbers = load i64, ptr %numbers.in
  %are.numbers = icmp ne i64 %numbers, 0
  %below = getelementptr i64, ptr %level, i64 4
  br i1 %are.numbers, label %number, label %list
number:
  %i = phi i64 [0, %alike], [%i.next, %float]
  %f.in = getelementptr ptr, ptr %inside, i64 %i
  %f = load ptr, ptr %f.in
  %f.class.in = getelementptr i8, ptr %f, i64 {CLASS}
  %f.class = load i64, ptr %f.class.in
  %is.float = icmp eq i64 %f.class, {id(float)}
  br i1 %is.float, label %float, label %other
float:
  %f.number.in = getelementptr i8, ptr %f, i64 {NUMBER}
  %f.number = load double, ptr %f.number.in
  %f.to = getelementptr double, ptr %to, i64 %i
  store double %f.number, ptr %f.to
  %i.next = add i64 %i, 1
  %i.more = icmp slt i64 %i.next, %length
  br i1 %i.more, label %number, label %read
read:
  %behind = getelementptr double, ptr %to, i64 %length
  ret ptr %behind
list:
  %k = phi i64 [0, %alike], [%k.next, %listed]
  %at = phi ptr [%to, %alike], [%after, %listed]
  %x.in = getelementptr ptr, ptr %inside, i64 %k
  %x.inside = load ptr, ptr %x.in
  %after = call ptr @level(ptr %x.inside, ptr %below, ptr %at)
  %is.list = icmp ne ptr %after, null
  br i1 %is.list, label %listed, label %other
listed:
  %k.next = add i64 %k, 1
  %k.more = icmp slt i64 %k.next, %length
  br i1 %k.more, label %list, label %done
done:
  ret ptr %after
other:
  ret ptr null
}}

define i64 @values(ptr %x, i64 %count, i64 %offset, ptr %to) {{
entry:
  %inside = getelementptr i8, ptr %x, i64 {INSIDE}
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %value, label %read
value:
  %i = phi i64 [0, %entry], [%i.next, %float]
  %v.in = getelementptr ptr, ptr %inside, i64 %i
  %v = load ptr, ptr %v.in
  %f.in = getelementptr i8, ptr %v, i64 %offset
  %f = load ptr, ptr %f.in
  %is.there = icmp ne ptr %f, null
  br i1 %is.there, label %there, label %other
there:
  %f.class.in = getelementptr i8, ptr %f, i64 {CLASS}
  %f.class = load i64, ptr %f.class.in
  %is.float = icmp eq i64 %f.class, {id(float)}
  br i1 %is.float, label %float, label %other
float:
  %f.number.in = getelementptr i8, ptr %f, i64 {NUMBER}
  %f.number = load double, ptr %f.number.in
  %f.to = getelementptr double, ptr %to, i64 %i
  store double %f.number, ptr %f.to
  %i.next = add i64 %i, 1
  %more = icmp slt i64 %i.next, %count
  br i1 %more, label %value, label %read
read:
  ret i64 1
other:
  ret i64 0
}}
"""


def are_known() -> bool:
    """Are objects where CPython has them, and is no other thread at them?"""
    return (
        sys.implementation.name == "cpython"
        and not sysconfig.get_config_var("Py_GIL_DISABLED")
        and struct.calcsize("P") == 8
        and tuple([kind.__basicsize__ for kind in (object, float, list, tuple)]) == SIZES
    )


@cache
def _compiled() -> tuple[Any, Any]:
    with LOCK:
        code, place = Compiled(CODE, level=1, vectorise=False), ctypes.c_void_p
        lists: Any = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.py_object, place, place)(code.address("lists"))
        kinds = ctypes.py_object, ctypes.c_int64, ctypes.c_int64, place
        values: Any = ctypes.PYFUNCTYPE(ctypes.c_int64, *kinds)(code.address("values"))
        lists.code = values.code = code  # keeps the code in memory
        return lists, values


class NestedList:
    """Reads lists and tuples of one shape, of floats.

    Args:
        levels: (class, length) of each level.

    Attributes:
        count: of the numbers.
    """

    def __init__(self, levels: Sequence[tuple[type, int]]) -> None:
        self.count = 1
        told = list[int]()
        for level, (kind, length) in enumerate(levels, 1):
            self.count *= length
            told += id(kind), length, kind is list, level == len(levels)
        self._levels = array("q", told)

    def into(self, place: Numbers) -> Callable[[Any], bool]:
        """A function that writes the numbers of a list there; False where it is not like this."""
        call, address = _compiled()[0], place.ctypes.data
        return lambda x: bool(call(x, self._levels.buffer_info()[0], address))


def nested_list(x: Any) -> NestedList | None:
    """What reads lists like one; None where that is of no even shape, or of few numbers, or objects are not known."""
    levels, level = list[tuple[type, int]](), [x]
    while len(levels) < DEEPEST and are_known():
        kinds = set(map(type, level))
        if kinds == {float}:
            return NestedList(levels) if len(level) >= FEWEST else None
        lengths = set(map(len, level)) if kinds in ({list}, {tuple}) else set[int]()
        if len(lengths) != 1 or 0 in lengths:
            return None
        levels.append((kinds.pop(), lengths.pop()))
        level = [*chain.from_iterable(level)]
    return None


@cache
def _offset() -> int | None:
    """Where in a Value the address of its number is; None where objects are not known."""
    v = Value(0.1)
    found = range(CLASS + 8, Value.__basicsize__, 8) if are_known() else ()
    places = [at for at in found if ctypes.c_void_p.from_address(id(v) + at).value == id(v._data)]
    return places[0] if len(places) == 1 else None


def values_into(place: Numbers) -> Callable[[tuple[Value, ...]], bool]:
    """A function that writes the numbers of Values there; False where they are not all floats, or objects are not known."""
    offset, count, address = _offset(), len(place), place.ctypes.data
    if offset is None or place.dtype != float:
        return lambda values: False
    return lambda values: len(values) == count and bool(_compiled()[1](values, count, offset, address))
