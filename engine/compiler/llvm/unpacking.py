"""Floats in the bytes that marshal writes for a tree: native code reads them where all else is as it was.

Marshal writes each object as its class, its length and what it holds, so that one walk over the bytes sees every change of
structure. What is met again it writes as a reference, which ends a tree that holds itself.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from marshal import dumps
from typing import Any, cast

from .native_code import Compiled
from .processor import LOCK

FLAT, REFERRING = (
    2,
    3,
)  # versions of marshal's format: the last that writes again what is met again, the first that refers
NUMBER, TEXT, INTERNED, DICT, END, REFERENCE = b"gut{0r"  # classes, as they are written
SEQUENCES, OTHERS = b"[(", b"NTF"
LARGEST = 2**31 - 1
FLAG = 128  # added to the class of what may be referred to

# Each object is told in six numbers: its class, where in %like it begins, the length of what follows the class, which it is,
# which object follows all of it, and how many numbers come before. After the last all numbers are before.
CODE = f"""
define i64 @unpack(ptr noalias %data, ptr noalias %settings) {{
entry:
  %size = load i64, ptr %settings
  %like.in = getelementptr i64, ptr %settings, i64 1
  %like = load ptr, ptr %like.in
  %objects.in = getelementptr i64, ptr %settings, i64 2
  %objects = load ptr, ptr %objects.in
  %count.in = getelementptr i64, ptr %settings, i64 3
  %count = load i64, ptr %count.in
  %met.in = getelementptr i64, ptr %settings, i64 4
  %met = load ptr, ptr %met.in
  %to.in = getelementptr i64, ptr %settings, i64 5
  %to = load ptr, ptr %to.in
  br label %next

next: ; object k at byte i, where so many were met that may be referred to
  %k = phi i64 [0, %entry], [%k.itself, %float], [%k.itself, %rest], [%k.again, %copy]
  %i = phi i64 [0, %entry], [%i.itself, %float], [%i.itself, %rest], [%i.again, %copy]
  %many = phi i64 [0, %entry], [%many.itself, %float], [%many.itself, %rest], [%many, %copy]
  %last = icmp eq i64 %k, %count
  br i1 %last, label %end, label %object
end:
  %all = icmp eq i64 %i, %size
  %result = zext i1 %all to i64
  ret i64 %result
other:
  ret i64 0
object:
  %told = getelementptr [6 x i32], ptr %objects, i64 %k
  %which.in = getelementptr i32, ptr %told, i64 3
  %which = load i32, ptr %which.in
  %n.in = getelementptr i32, ptr %told, i64 5
  %n = load i32, ptr %n.in
  %to.here = getelementptr double, ptr %to, i32 %n
  %inside = icmp slt i64 %i, %size
  br i1 %inside, label %class, label %other
class:
  %at = getelementptr i8, ptr %data, i64 %i
  %after = getelementptr i8, ptr %at, i64 1
  %byte = load i8, ptr %at
  %refers = icmp eq i8 %byte, {REFERENCE}
  br i1 %refers, label %reference, label %itself

itself:
  %kind = load i32, ptr %told
  %plain = and i8 %byte, {FLAG - 1}
  %is = zext i8 %plain to i32
  %equals = icmp eq i32 %is, %kind
  %text = icmp eq i32 %kind, {TEXT}
  %interned = icmp eq i32 %is, {INTERNED}
  %name = and i1 %text, %interned
  %alike = or i1 %equals, %name
  %length.in = getelementptr i32, ptr %told, i64 2
  %length.short = load i32, ptr %length.in
  %length = zext i32 %length.short to i64
  %past = add i64 %i, 1
  %i.itself = add i64 %past, %length
  %fits = icmp sle i64 %i.itself, %size
  %whole = and i1 %alike, %fits
  br i1 %whole, label %known, label %other
known:
  %k.itself = add i64 %k, 1
  %met.here = getelementptr i64, ptr %met, i64 %many
  store i64 %k, ptr %met.here
  %flagged = icmp slt i8 %byte, 0
  %one = zext i1 %flagged to i64
  %many.itself = add i64 %many, %one
  %is.float = icmp eq i32 %kind, {NUMBER}
  br i1 %is.float, label %float, label %rest
float:
  %number = load double, ptr %after, align 1
  store double %number, ptr %to.here
  br label %next
rest:
  %j = phi i64 [0, %known], [%j.next, %equal]
  %more = icmp slt i64 %j, %length
  br i1 %more, label %compare, label %next
compare:
  %here.at = getelementptr i8, ptr %after, i64 %j
  %here = load i8, ptr %here.at
  %begin.in = getelementptr i32, ptr %told, i64 1
  %begin = load i32, ptr %begin.in
  %like.begin = getelementptr i8, ptr %like, i32 %begin
  %j.next = add i64 %j, 1
  %like.at = getelementptr i8, ptr %like.begin, i64 %j.next
  %there = load i8, ptr %like.at
  %same = icmp eq i8 %here, %there
  br i1 %same, label %equal, label %other
equal:
  br label %rest

reference:
  %i.again = add i64 %i, 5
  %fits.again = icmp sle i64 %i.again, %size
  br i1 %fits.again, label %index, label %other
index:
  %index.short = load i32, ptr %after, align 1
  %index.long = zext i32 %index.short to i64
  %is.met = icmp ult i64 %index.long, %many
  br i1 %is.met, label %before, label %other
before:
  %met.at = getelementptr i64, ptr %met, i64 %index.long
  %k.before = load i64, ptr %met.at
  %told.before = getelementptr [6 x i32], ptr %objects, i64 %k.before
  %which.before.in = getelementptr i32, ptr %told.before, i64 3
  %which.before = load i32, ptr %which.before.in
  %n.before.in = getelementptr i32, ptr %told.before, i64 5
  %n.before = load i32, ptr %n.before.in
  %from.there = getelementptr double, ptr %to, i32 %n.before
  %k.after.in = getelementptr i32, ptr %told, i64 4
  %k.after = load i32, ptr %k.after.in
  %k.again = zext i32 %k.after to i64
  %told.after = getelementptr [6 x i32], ptr %objects, i64 %k.again
  %n.after.in = getelementptr i32, ptr %told.after, i64 5
  %n.after = load i32, ptr %n.after.in
  %numbers = sub i32 %n.after, %n
  %is.it = icmp eq i32 %which.before, %which
  br i1 %is.it, label %copy, label %other
copy:
  %c = phi i32 [0, %before], [%c.next, %number.again]
  %uncopied = icmp slt i32 %c, %numbers
  br i1 %uncopied, label %number.again, label %next
number.again:
  %from = getelementptr double, ptr %from.there, i32 %c
  %copied = load double, ptr %from
  %to.again = getelementptr double, ptr %to.here, i32 %c
  store double %copied, ptr %to.again
  %c.next = add i32 %c, 1
  br label %copy
}}
"""


def unpack() -> Callable[[bytes, object], int]:
    """The native function; it is so short that it keeps the interpreter's lock."""
    with LOCK:
        return _compiled()


@cache
def _compiled() -> Callable[[bytes, object], int]:
    code = Compiled(CODE, level=1, vectorise=False)
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
        self._like = dumps(rebuilt(0.0), FLAT)
        if len(self._like) > LARGEST:
            raise ValueError("it is longer than the numbers here that count it")
        self._objects = array("i", chain.from_iterable(_objects(self._like)))
        to = array("d", bytes(8 * len(numbers)))
        if self._objects[-1] != len(numbers) or not self.reading(to.buffer_info()[0])(tree):
            raise ValueError("marshal writes each float as eight bytes, and nothing besides for the same tree")
        if to.tobytes() != array("d", numbers).tobytes():
            raise ValueError("marshal writes the numbers of a tree in order")

    def reading(self, address: int) -> Callable[[Any], bool]:
        """A function that writes the numbers of a tree from an address on; False where it is not like this one."""
        call, (objects, parts) = unpack(), self._objects.buffer_info()
        count = parts // 6 - 1
        met = array("q", bytes(8 * (count + 1)))
        like = ctypes.cast(ctypes.c_char_p(self._like), ctypes.c_void_p).value or 0
        settings: Any = (ctypes.c_int64 * 6)(0, like, objects, count, met.buffer_info()[0], address)
        settings.holder = self, met  # whose addresses these are

        def read(tree: Any) -> bool:
            try:
                data = dumps(tree, REFERRING)
            except ValueError:  # there is something else in it
                return False
            settings[0] = len(data)
            return call(data, settings) == 1

        return read


def _objects(data: bytes) -> list[list[int]]:
    """What `CODE` is told of marshal's bytes, without references, for a tree of which all numbers are one."""
    found, whichs, numbers, at = list[list[int]](), dict[bytes, int](), 0, 0
    begun: list[list[int]] = []  # what is not whole yet: which object, and how many in it are missing
    while at < len(data):
        kind, length = data[at], int.from_bytes(data[at + 1 : at + 5], "little")
        begun.append([len(found), length if kind in SEQUENCES else -1 if kind == DICT else 0])
        if kind == TEXT:
            length += 4
        elif kind in SEQUENCES:
            length = 4
        elif kind in (NUMBER, DICT, END, *OTHERS):
            length = 8 * (kind == NUMBER)
        else:
            raise ValueError(f"marshal writes {chr(kind)!r} here")
        found.append([kind, at, length, 0, 0, numbers])
        at, numbers = at + 1 + length, numbers + (kind == NUMBER)
        if kind == END:
            begun[-2][1] = 1
        while begun and not begun[-1][1]:
            whole = found[begun.pop()[0]]
            whole[3:5] = whichs.setdefault(data[whole[1] : at], len(whichs)), len(found)
            if begun:
                begun[-1][1] -= 1
    return [*found, [0, at, 0, 0, 0, numbers]]
