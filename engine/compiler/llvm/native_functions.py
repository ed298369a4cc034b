"""Native functions: what they are given, their loops, entries of arrays, the sums of lanes, rows of examples as columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .vectors import I32, I64, POINTER, Names, VectorBuilder, declared, ir

LINE = 64  # bytes of a line of the cache
EVERY = 4  # rounds of a loop between lines that it asks for, at least
BYTE = ir.IntType(8)


class Rounds:
    """A native loop: `with Rounds(builder, end) as rounds: … rounds.i …`.

    Args:
        unrolls: may LLVM write several rounds one after another? Where one fills the registers, it would run out of them.

    Attributes:
        i: the loop variable, an LLVM integer.
        before: the block from which the loop is entered.
    """

    def __init__(
        self, builder: ir.IRBuilder, end: ir.Value, start: ir.Value = 0, step: int = 1, name: str = "i",
        unrolls: bool = True,
    ) -> None:  # fmt: skip
        self._b, self._step, self._unrolls = builder, step, unrolls
        self._start, end = (I64(x) if isinstance(x, int) else x for x in (start, end))
        self._head, self._body, self._done = (
            builder.function.append_basic_block(f"{name}.{part}") for part in ("head", "body", "done")
        )
        self.before = builder.block
        builder.branch(self._head)
        builder.position_at_end(self._head)
        self.i = builder.phi(I64)
        self.i.add_incoming(self._start, self.before)
        self._test = builder.icmp_signed("<", self.i, end)
        builder.cbranch(self._test, self._body, self._done)

    def carried(self, kind: ir.Type) -> ir.PhiInstr:
        """A phi of the loop."""
        with self._b.goto_block(self._head):
            self._b.position_before(self._test)
            return self._b.phi(kind)

    def __enter__(self) -> Rounds:
        self._b.position_at_end(self._body)
        return self

    def __exit__(self, *_: object) -> None:
        b = self._b
        following = b.add(self.i, I64(self._step))
        self.i.add_incoming(following, b.block)
        back = b.branch(self._head)
        if not self._unrolls:
            node = b.module.add_metadata([["llvm.loop.unroll.disable"]])
            node.operands = (node, *node.operands[-1:])  # of a loop, LLVM wants a node that names itself
            back.set_metadata("llvm.loop", node)
        b.position_at_end(self._done)


def accumulated(b: ir.IRBuilder, count: ir.Value, firsts: Sequence[ir.Value],
                added: Callable[[ir.Value, Sequence[ir.Value]], Sequence[ir.Value]],
                ahead: Callable[[ir.Value], None], every: int) -> Sequence[ir.Value]:  # fmt: skip
    """Write a loop: what some values become in so many rounds.

    Args:
        firsts: the values before it.
        added: (round, values) -> the values after it.
        ahead: (time) asks for lines, every so many rounds.
    """
    every = max(EVERY, every)
    with Rounds(b, count, 0, every, name="some") as some:
        outside = [some.carried(v.type) for v in firsts]
        ahead(b.sdiv(some.i, I64(every)))
        behind = b.add(some.i, I64(every))
        last = b.select(b.icmp_signed("<", behind, count), behind, count)
        with Rounds(b, last, some.i, name="one", unrolls=False) as one:
            inside = [one.carried(v.type) for v in firsts]
            for phi, before, after in zip(inside, outside, added(one.i, inside)):
                phi.add_incoming(before, one.before)
                phi.add_incoming(after, b.block)
        for phi, first, after in zip(outside, firsts, inside):
            phi.add_incoming(first, some.before)
            phi.add_incoming(after, b.block)
    return outside


def fetch(b: ir.IRBuilder, pointer: ir.Value, size: int, written: bool = False) -> None:
    """Write: so many bytes from an address on come to the second cache, and what will be written to the first."""
    prefetch = declared(b.module, "llvm.prefetch.p0", ir.VoidType(), [POINTER, I32, I32, I32])
    for offset in range(0, size + LINE, LINE):  # lines in which they lie, wherever they begin
        line = entry(b, BYTE, pointer, I64(offset))
        b.call(prefetch, [line, I32(int(written)), I32(3 if written else 2), I32(1)])


def lanes_summed(vectors: VectorBuilder, v: ir.Value, start: ir.Value | None = None) -> ir.Value:
    """The sum of the lanes: as one fixed tree, or, from a start, strictly in order."""
    if vectors.lanes == 1:
        return v if start is None else vectors.builder.fadd(start, v)
    reduce = declared(
        vectors.module,
        f"llvm.vector.reduce.fadd.v{vectors.lanes}{vectors.bits_name}",
        vectors.real,
        [vectors.real, vectors.type],
    )
    flags = ("reassoc",) if start is None else ()
    return vectors.builder.call(
        reduce, [ir.Constant(vectors.real, -0.0) if start is None else start, v], fastmath=flags
    )


def lanes_summed_together(vectors: VectorBuilder, terms: Sequence[ir.Value]) -> ir.Value:
    """One vector whose first lanes are the sums of as many vectors, at most as many as there are lanes.

    Halves are folded onto each other, two vectors in one, so that additions work on full vectors: the upper half of the
    one and the lower half of the other change places, what stays is a blend.
    """
    b, lanes = vectors.builder, vectors.lanes
    indices = ir.VectorType(I32, lanes)
    count = 1 << (len(terms) - 1).bit_length()
    folded = [*terms, *[vectors.constant(0.0)] * (count - len(terms))]
    width = lanes
    while width > 1:
        half = width // 2
        pairs = list(zip(folded[::2], folded[1::2])) if len(folded) > 1 else [(folded[0], folded[0])]
        stays, moves = [], []
        for group in range(0, lanes, width):
            low, high = list(range(group, group + half)), list(range(group + half, group + width))
            stays += [*low, *[lanes + k for k in high]]
            moves += [*high, *[lanes + k for k in low]]
        folded = [
            b.fadd(*[b.shuffle_vector(v, w, ir.Constant(indices, order)) for order in (stays, moves)]) for v, w in pairs
        ]
        width = half
    if lanes == 1:
        return folded[0]
    # The sum of vector k stands in the lane whose number is that of k with its bits reversed.
    bits = lanes.bit_length() - 1
    order = [int(f"{k:0{bits}b}"[::-1], 2) for k in range(lanes)]
    return b.shuffle_vector(folded[0], folded[0], ir.Constant(indices, order))


def transposed(vectors: VectorBuilder, rows: Sequence[ir.Value]) -> list[ir.Value]:
    """As many vectors as there are lanes, rows of a square, as its columns: squares of 1, 2, 4, … change places."""
    b, lanes, found = vectors.builder, vectors.lanes, list(rows)
    order = ir.VectorType(I32, lanes)
    step = 1
    while step < lanes:
        upper = [k if not k & step else lanes + k - step for k in range(lanes)]
        lower = [k + step if not k & step else lanes + k for k in range(lanes)]
        for i in range(lanes):
            if not i & step:
                pair = found[i], found[i + step]
                found[i], found[i + step] = (b.shuffle_vector(*pair, ir.Constant(order, o)) for o in (upper, lower))
        step *= 2
    return found


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
    function.scope = Names(function)
    return ir.IRBuilder(function.append_basic_block("entry")), dict(zip([*pointers, *integers], function.args))


def calls_of(module: ir.Module, function: ir.Function, shared: bool) -> None:
    """Write `run`: it calls a function with arguments it reads, eight bytes each, from the one array it is given. Where loops
    are shared, that is without a team, 0 as its last argument; and write `share`, which is given one besides."""
    for name in ("run", "share") if shared else ("run",):
        b, a = native(module, name, ["context", "team"] if name == "share" else ["context"], [])
        read = function.args[:-1] if shared else function.args
        values = [b.load(entry(b, I64, a["context"], I64(i)), typ=x.type) for i, x in enumerate(read)]
        team = b.ptrtoint(a["team"], I64) if name == "share" else I64(0)
        b.call(function, [*values, team] if shared else values)
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


def part_loaded(vectors: VectorBuilder, pointer: ir.Value, size: int) -> ir.Value:
    """So many numbers that lie side by side, as a vector; at most as many as it has lanes."""
    b, real = vectors.builder, vectors.real
    if size == vectors.lanes:
        value = b.load(pointer, typ=vectors.type)
        value.align = 8 if vectors.double else 4
        return value
    value = vectors.constant(0.0)
    for k in range(size):
        value = b.insert_element(value, loaded(b, real, pointer, I64(k)), I32(k))
    return value


def part_stored(vectors: VectorBuilder, value: ir.Value, pointer: ir.Value, size: int) -> None:
    """Write so many lanes side by side."""
    b, real = vectors.builder, vectors.real
    if size == vectors.lanes:
        b.store(value, pointer).align = 8 if vectors.double else 4
        return
    for k in range(size):
        stored(b, real, b.extract_element(value, I32(k)), pointer, I64(k))


class Examples(NamedTuple):
    """Some examples as they were given, LLVM values.

    Attributes:
        rows: the address of all rows; so many columns are a row.
        order: the address of the numbers of rows.
        first: where in that order they begin.
        count: how many they are.
    """

    rows: ir.Value
    order: ir.Value
    first: ir.Value
    count: ir.Value

    def row(self, b: ir.IRBuilder, kind: ir.Type, i: ir.Value, columns: int, backwards: bool = False) -> ir.Value:
        """Write: the address of a row; behind the last one is the last. Backwards, the last example comes first."""
        last = b.sub(self.count, I64(1))
        at = b.select(b.icmp_signed("<", i, last), i, last)
        at = b.sub(last, at) if backwards else at
        return entry(b, kind, self.rows, b.mul(loaded(b, I64, self.order, b.add(self.first, at)), I64(columns)))


def gathered(vectors: VectorBuilder, examples: Examples, x: ir.Value, columns: int, stride: ir.Value, backwards: bool,
             groups: tuple[ir.Value, ir.Value] | None, wanted: Sequence[tuple[int, int]]) -> None:  # fmt: skip
    """Write: lay examples out as lanes want them: x[column*stride + i] = rows[order[first + i]*columns + column].

    The last group is filled up with the last example. Backwards, the last example comes first. Groups are of as many
    examples as there are lanes; all of them, or those from one to another. Columns are (first, end) of those wanted.
    """
    b, real, lanes = vectors.builder, vectors.real, vectors.lanes
    size = 8 if vectors.double else 4
    begin, end = (I64(0), examples.count) if groups is None else [b.mul(g, I64(lanes)) for g in groups]
    with Rounds(b, end, begin, lanes, name="gather") as outer:
        starts = [examples.row(b, real, b.add(outer.i, I64(k)), columns, backwards) for k in range(lanes)]
        for least, most in wanted:
            whole = most - (most - least) % lanes
            if least < whole:
                with Rounds(b, whole, least, lanes, name="square") as inner:
                    read = [b.load(entry(b, real, start, inner.i), typ=vectors.type) for start in starts]
                    for k, column in enumerate(transposed(vectors, read)):
                        read[k].align = size
                        at = b.add(b.mul(b.add(inner.i, I64(k)), stride), outer.i)
                        stored(b, real, column, x, at).align = size
            if whole < most:
                with Rounds(b, most, whole, name="column") as inner:
                    for k, start in enumerate(starts):
                        number = loaded(b, real, start, inner.i)
                        stored(b, real, number, x, b.add(b.add(b.mul(inner.i, stride), outer.i), I64(k)))


def scattered(b: ir.IRBuilder, real: ir.Type, o: ir.Value, rows: ir.Value, first: ir.Value, count: ir.Value,
              columns: int, stride: ir.Value, backwards: bool = False) -> None:  # fmt: skip
    """The way back: rows[(first + i)*columns + column] = o[column*stride + i]."""
    with Rounds(b, count, name="scatter") as outer:
        i = b.sub(b.sub(count, I64(1)), outer.i) if backwards else outer.i
        row = b.mul(b.add(first, outer.i), I64(columns))
        with Rounds(b, columns, name="column") as inner:
            number = loaded(b, real, o, b.add(b.mul(inner.i, stride), i))
            stored(b, real, number, rows, b.add(row, inner.i))
