"""Floats in the bytes that marshal writes for a tree: native code reads them where all the other bytes are as they were.

What marshal writes says each class and each length, so that one comparison of bytes sees every change of structure. Which
bytes are those of numbers is found by writing the tree with other numbers.
"""

from __future__ import annotations

import ctypes
import struct
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from marshal import dumps
from typing import Any, cast

from .native_code import Compiled
from .processor import LOCK

VERSION = 2  # of marshal's format: the last in which what is met again is written again
DEEPEST = 2**31
CONTAINERS = {list, tuple, dict}
(ONES,) = struct.unpack("d", b"\xff" * 8)  # it differs from 0.0 in all bits

CODE = """
define i64 @unpack(ptr noalias %data, ptr noalias %settings) {
entry:
  %like = load ptr, ptr %settings
  %mask.in = getelementptr i64, ptr %settings, i64 1
  %mask = load ptr, ptr %mask.in
  %size.in = getelementptr i64, ptr %settings, i64 2
  %size = load i64, ptr %size.in
  %places.in = getelementptr i64, ptr %settings, i64 3
  %places = load ptr, ptr %places.in
  %count.in = getelementptr i64, ptr %settings, i64 4
  %count = load i64, ptr %count.in
  %to.in = getelementptr i64, ptr %settings, i64 5
  %to = load ptr, ptr %to.in
  br label %compare
compare:
  %i = phi i64 [0, %entry], [%i.next, %compare]
  %before = phi i8 [0, %entry], [%differ, %compare]
  %data.at = getelementptr i8, ptr %data, i64 %i
  %like.at = getelementptr i8, ptr %like, i64 %i
  %mask.at = getelementptr i8, ptr %mask, i64 %i
  %is = load i8, ptr %data.at
  %was = load i8, ptr %like.at
  %counts = load i8, ptr %mask.at
  %other = xor i8 %is, %was
  %here = and i8 %other, %counts
  %differ = or i8 %before, %here
  %i.next = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %i.next, %size
  br i1 %more, label %compare, label %compared
compared:
  %alike = icmp eq i8 %differ, 0
  %any = icmp sgt i64 %count, 0
  %go = and i1 %alike, %any
  br i1 %go, label %read, label %done
read:
  %k = phi i64 [0, %compared], [%k.next, %read]
  %place.at = getelementptr i64, ptr %places, i64 %k
  %place = load i64, ptr %place.at
  %from = getelementptr i8, ptr %data, i64 %place
  %number = load double, ptr %from, align 1
  %to.at = getelementptr double, ptr %to, i64 %k
  store double %number, ptr %to.at
  %k.next = add nuw nsw i64 %k, 1
  %unread = icmp slt i64 %k.next, %count
  br i1 %unread, label %read, label %done
done:
  %result = zext i1 %alike to i64
  ret i64 %result
}
"""


def unpack() -> Callable[[bytes, object], int]:
    """The native function; it is so short that it keeps the interpreter's lock."""
    with LOCK:
        return _compiled()


@cache
def _compiled() -> Callable[[bytes, object], int]:
    code = Compiled(CODE)
    call: Any = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_char_p, ctypes.c_void_p)(code.address("unpack"))
    call.code = code  # keeps the code in memory
    return cast("Callable[[bytes, object], int]", call)


class Unpacking:
    """Reads the floats of trees that are like one: of lists, tuples and dicts of floats, text, bools and None.

    Args:
        tree: it.
        rebuilt: makes such a tree of one number.
        numbers: its numbers in order.

    Raises:
        ValueError: marshal writes such a tree in another way.
    """

    def __init__(self, tree: Any, rebuilt: Callable[[float], Any], numbers: Sequence[float]) -> None:
        self._depth = _levels(tree, DEEPEST, DEEPEST)
        self._like, ones = dumps(rebuilt(0.0), VERSION), dumps(rebuilt(ONES), VERSION)
        self._mask = bytes([255 ^ a ^ b for a, b in zip(self._like, ones)])
        found = [i for i, x in enumerate(self._mask) if not x]
        self._places = array("q", found[::8])
        to = array("d", bytes(8 * len(numbers)))
        if len(found) != 8 * len(numbers) or not self.reading(to.buffer_info()[0])(tree):
            raise ValueError("marshal writes each float as eight bytes, and nothing besides for the same tree")
        if to.tobytes() != array("d", numbers).tobytes():
            raise ValueError("marshal writes the numbers of a tree in order")

    def reading(self, address: int) -> Callable[[Any], bool]:
        """A function that writes the numbers of a tree from an address on; False where it is not like this one."""
        call, size = unpack(), len(self._like)
        like, mask = (ctypes.cast(ctypes.c_char_p(x), ctypes.c_void_p).value or 0 for x in (self._like, self._mask))
        places, count = self._places.buffer_info()
        settings: Any = (ctypes.c_int64 * 6)(like, mask, size, places, count, address)
        settings.holder = self  # whose addresses these are

        def read(tree: Any) -> bool:
            if _levels(tree, self._depth, size) != self._depth:
                return False
            try:
                data = dumps(tree, VERSION)
            except ValueError:  # there is something else in it
                return False
            return len(data) == size and call(data, settings) == 1

        return read


def _levels(tree: Any, most: int, size: int) -> int:
    """How many levels of containers there are, up to one more than so many, or than hold so many things: of a list that holds
    itself twice marshal would write without end."""
    level, found = [tree], 0
    while found <= most and len(level) <= size and not CONTAINERS.isdisjoint(map(type, level)):
        kinds = set(map(type, level))
        held = level if kinds <= CONTAINERS else [x for x in level if x.__class__ in CONTAINERS]
        if dict in kinds:
            held = [x.values() if x.__class__ is dict else x for x in held]
        level, found = [*chain.from_iterable(held)], found + 1
    return found
