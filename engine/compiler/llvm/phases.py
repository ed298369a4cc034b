"""Phases: loops whose rounds feed nobody in the loop, written as functions of (begin, end) that a team of threads divides.

What a round computes does not depend on who computes it, or on where the others' rounds begin: rounds that go together in
one thread go together in many. So results have the same bits for any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .native_functions import entry
from .team import DIVIDE
from .vectors import I64, POINTER, declared, ir

BODY = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64])
TOGETHER = 2**11  # numbers that are passed over in one round


class Phase:
    """A phase under way.

    Attributes:
        b: the builder, inside its function.
        values: what it was given, there.
        begin, end: the rounds to do, LLVM integers.
    """

    def __init__(self, b: ir.IRBuilder, values: Sequence[ir.Value], begin: ir.Value, end: ir.Value) -> None:
        self.b, self.values, self.begin, self.end = b, values, begin, end

    def within(self, first: int, last: int) -> tuple[ir.Value, ir.Value]:
        """Write: what of [begin, end) is in [first, last)."""
        b, (low, high) = self.b, (I64(first), I64(last))
        begin, end = (b.select(b.icmp_signed("<", x, low), low, x) for x in (self.begin, self.end))
        return begin, b.select(b.icmp_signed("<", end, high), end, high)


@contextmanager
def phase(b: ir.IRBuilder, team: ir.Value, count: ir.Value | int, given: Sequence[ir.Value],
          name: str) -> Iterator[Phase]:  # fmt: skip
    """Write a phase where a builder stands: `with phase(b, team, count, given, "gather") as p: … p.begin, p.end …`.

    Args:
        team: the address of a team, at run time; null: the caller does all rounds.
        count: how many rounds.
        given: LLVM values that it reads.
    """
    module, unique = b.module, b.module.get_unique_name
    kinds = [v.type for v in given]
    inner = ir.Function(module, ir.FunctionType(ir.VoidType(), [*kinds, I64, I64]), unique(f"{name}.rounds"))
    outer = ir.Function(module, BODY, unique(f"{name}.phase"))
    for f in (inner, outer):
        f.linkage = "internal"
    inner.attributes.add("noinline")
    for a in inner.args:
        if isinstance(a.type, ir.PointerType):
            a.add_attribute("noalias")
    o = ir.IRBuilder(outer.append_basic_block("entry"))
    arguments, begin, end = outer.args
    read = [_unpacked(o, o.load(entry(o, I64, arguments, I64(i)), typ=_packed_type(k)), k) for i, k in enumerate(kinds)]
    o.call(inner, [*read, begin, end])
    o.ret_void()
    made = ir.IRBuilder(inner.append_basic_block("entry"))
    yield Phase(made, inner.args[:-2], *inner.args[-2:])
    made.ret_void()
    _write_call(b, team, outer, count, given)


@contextmanager
def numbers(b: ir.IRBuilder, team: ir.Value | None, count: int, given: Sequence[ir.Value],
            name: str) -> Iterator[Phase]:  # fmt: skip
    """Write what is done with each of so many numbers: where there is a team as a phase, from number begin to number end."""
    if team is None:
        yield Phase(b, given, I64(0), I64(count))
        return
    with phase(b, team, -(-count // TOGETHER), given, name) as part:
        begin, end = (part.b.mul(x, I64(TOGETHER)) for x in (part.begin, part.end))
        end = part.b.select(part.b.icmp_signed("<", end, I64(count)), end, I64(count))
        yield Phase(part.b, part.values, begin, end)


def _write_call(b: ir.IRBuilder, team: ir.Value, outer: ir.Function, count: ir.Value | int,
                given: Sequence[ir.Value]) -> None:  # fmt: skip
    with b.goto_entry_block():  # once, and not in each step
        arguments = b.alloca(I64, len(given))
    # The pointer that llvmlite's alloca makes has a type, and LLVM's have none any more.
    arguments.type, arguments.descr = POINTER, lambda buf: buf.append(f"alloca i64, i64 {len(given)}\n")
    for i, v in enumerate(given):
        b.store(_packed(b, v), entry(b, I64, arguments, I64(i)))
    rounds = I64(count) if isinstance(count, int) else count
    divide = declared(b.module, DIVIDE, ir.VoidType(), [POINTER, POINTER, POINTER, I64])
    b.call(divide, [team, outer, arguments, rounds])


def _packed_type(kind: ir.Type) -> ir.Type:
    return kind if not isinstance(kind, ir.VectorType) else I64


def _packed(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """A value as eight bytes: a mask as an integer."""
    if not isinstance(value.type, ir.VectorType):
        return value
    return b.zext(b.bitcast(value, ir.IntType(value.type.count)), I64)


def _unpacked(b: ir.IRBuilder, value: ir.Value, kind: ir.Type) -> ir.Value:
    if not isinstance(kind, ir.VectorType):
        return value
    return b.bitcast(b.trunc(value, ir.IntType(kind.count)), kind)
