"""Native functions of arrays: what they are given, how they read and write it, rows of examples as columns and back."""

from __future__ import annotations

from collections.abc import Sequence

from .rounds import Rounds
from .vectors import I64, POINTER, ir


def native(
    module: ir.Module, name: str, pointers: Sequence[str], integers: Sequence[str]
) -> tuple[ir.IRBuilder, dict[str, ir.Value]]:
    """(builder, arguments by name) of a new function whose pointers do not overlap."""
    kind = ir.FunctionType(ir.VoidType(), [POINTER] * len(pointers) + [I64] * len(integers))
    function = ir.Function(module, kind, name)
    for a, label in zip(function.args, [*pointers, *integers]):
        a.name = label
        if label in pointers:
            a.add_attribute("noalias")
    return ir.IRBuilder(function.append_basic_block("entry")), dict(zip([*pointers, *integers], function.args))


def call_of(module: ir.Module, function: ir.Function) -> None:
    """Write `run`: it calls a function with arguments it reads, eight bytes each, from the one array it is given."""
    b, a = native(module, "run", ["context"], [])
    values = []
    for i, argument in enumerate(function.args):
        values.append(b.load(entry(b, I64, a["context"], I64(i)), typ=argument.type))
    b.call(function, values)
    b.ret_void()


def entry(b: ir.IRBuilder, kind: ir.Type, array: ir.Value, index: ir.Value) -> ir.Value:
    """The address of an entry of an array of this type."""
    return b.gep(array, [index], source_etype=kind)


def loaded(b: ir.IRBuilder, kind: ir.Type, array: ir.Value, index: ir.Value) -> ir.Value:
    """An entry of an array."""
    return b.load(entry(b, kind, array, index), typ=kind)


def stored(b: ir.IRBuilder, kind: ir.Type, value: ir.Value, array: ir.Value, index: ir.Value) -> ir.Value:
    """Write an entry of an array; the instruction."""
    return b.store(value, entry(b, kind, array, index))


def gathered(b: ir.IRBuilder, real: ir.Type, rows: ir.Value, order: ir.Value, x: ir.Value, first: ir.Value,
             count: ir.Value, lanes: int, columns: int, stride: ir.Value, backwards: bool = False) -> None:  # fmt: skip
    """Lay examples out as lanes want them: x[column*stride + i] = rows[order[first + i]*columns + column].

    The last group is filled up with the last example. Backwards, the last example comes first.
    """
    padded = b.mul(b.sdiv(b.add(count, I64(lanes - 1)), I64(lanes)), I64(lanes))
    with Rounds(b, padded, name="gather") as outer:
        last = b.sub(count, I64(1))
        i = b.select(b.icmp_signed("<", outer.i, last), outer.i, last)
        i = b.sub(last, i) if backwards else i
        row = b.mul(loaded(b, I64, order, b.add(first, i)), I64(columns))
        with Rounds(b, columns, name="column") as inner:
            number = loaded(b, real, rows, b.add(row, inner.i))
            stored(b, real, number, x, b.add(b.mul(inner.i, stride), outer.i))


def scattered(b: ir.IRBuilder, real: ir.Type, o: ir.Value, rows: ir.Value, first: ir.Value, count: ir.Value,
              columns: int, stride: ir.Value, backwards: bool = False) -> None:  # fmt: skip
    """The way back: rows[(first + i)*columns + column] = o[column*stride + i]."""
    with Rounds(b, count, name="scatter") as outer:
        i = b.sub(b.sub(count, I64(1)), outer.i) if backwards else outer.i
        row = b.mul(b.add(first, outer.i), I64(columns))
        with Rounds(b, columns, name="column") as inner:
            number = loaded(b, real, o, b.add(b.mul(inner.i, stride), i))
            stored(b, real, number, rows, b.add(row, inner.i))
