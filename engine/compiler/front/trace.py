"""The trace: a flat list of instructions, equal ones shared, constant ones folded.

An instruction is `(op, operands, target)`. An operand is one integer, `index * 8 + space`, so that along a row of
operands it advances by a constant stride, and the loops can be found again. Only identities that hold for every IEEE
number are applied: x*1, x + -0.0, x - 0.0, x/1, --x; x*0 and x + 0.0 stay as they are.

A dot is one instruction, of a start and two lists of operands: it is a loop already, and nobody looks at its products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import copysign, nan
from struct import Struct

from ...rule import TABLE, Op

# The spaces that numbers are in; the last two are of the compiled program alone: spilled values, sums a lane.
VALUE, PARAMETER, INPUT, CONSTANT, GRADIENT, OUTPUT, MEMORY, SUMS = range(8)
LETTERS = "vpxcgo"  # how a space is printed
LIST = MEMORY  # in a trace: lists of operands
SHORTEST = 3  # operands from which on a dot is one instruction: so many rounds make a loop

# Instructions that are kept for what they do: add to a gradient, write an output. The target says where.
# Those of some more operands: set so many to a number; add at an index, of so many that stand so far apart.
EFFECTS = {"accumulate": GRADIENT, "output": OUTPUT, "fill": OUTPUT, "accumulate_at": GRADIENT, "output_at": OUTPUT}
SCATTERS = frozenset(("accumulate_at", "output_at"))

# Read the number at an index, of so many that stand so far apart from a first one on.
GATHER = Op(
    "gather", lambda x, i, count, step: nan, (0.0,) * 4, text="gather({0:0}, {1:0}, {2:0}, {3:0})", tex="", binding=5,
    domain=((-1.0, 1.0),) * 4, kink=None, reference=None, selects=True, lists=0, defaults=(),
)  # fmt: skip

Instruction = tuple[str, tuple[int, ...], int]

_bits = Struct("d").pack

COMMUTATIVE = frozenset(("add", "mul", "equal", "not_equal"))


class Trace:
    """Instructions under way.

    Attributes:
        code: the instructions, arguments before users.
        constants: the numbers that operands in the space CONSTANT stand for.
        rows: the op behind each name that occurs in the code.
        lists: the lists of operands that operands in the space LIST stand for.
        apart: which of the constants are nothing but where they stand: equal ones are several, and none is folded by its
            value, so that numbers a function brought along roll as its arguments do.
        bare: operands that are nan where, behind a closed guard that was left out, 0 met an infinity.
    """

    def __init__(self) -> None:
        self.code: list[Instruction] = []
        self.constants: list[float] = []
        self.apart: set[int] = set()
        self.rows: dict[str, Op] = {}
        self.lists: list[Sequence[int]] = []
        self.bare: set[int] = set()
        self._constant_of: dict[bytes, int] = {}
        self._list_of: dict[Sequence[int], int] = {}
        self._lists_given: dict[int, tuple[Sequence[int], int | None]] = {}  # by their identity
        self._seen: dict[tuple[object, ...], int] = {}
        self._made: dict[int, tuple[str, tuple[int, ...]]] = {}  # what passes make, one by one

    def constant(self, x: float) -> int:
        """The operand for a number; 0.0 and -0.0 are two."""
        key = _bits(x)
        index = self._constant_of.get(key)
        if index is None:
            index = self._constant_of[key] = len(self.constants)
            self.constants.append(x)
        return index * 8 + CONSTANT

    def constant_apart(self, x: float) -> int:
        """The operand for a number that stands here alone, whatever others are equal."""
        self.apart.add(len(self.constants))
        self.constants.append(x)
        return (len(self.constants) - 1) * 8 + CONSTANT

    def shared(self, operand: int) -> int | bytes:
        """The operand that a constant which stands alone has among those that do not; where none is equal, its bits."""
        key = _bits(self.constants[operand >> 3])
        index = self._constant_of.get(key)
        return key if index is None else index * 8 + CONSTANT

    def sum_of_products(
        self, start: int, ws: Sequence[int], xs: Sequence[int], cs: Sequence[int] | None = None
    ) -> int | None:
        """The operand for a dot of operands as one instruction, or with conditions cs for what the row `gated` gives;
        None where there are few of them, or a constant beside others."""
        if len(ws) < SHORTEST:
            return None
        lists = [self.listed(a) for a in (ws, xs, cs) if a is not None]
        found = [a for a in lists if a is not None]
        if len(found) < len(lists) or all(self.lists[a >> 3][0] & 7 == CONSTANT for a in found[:2]):
            return None
        name = "dot" if cs is None else "gated"
        key = (name, start, *found)
        operand = self._seen.get(key)
        if operand is None:
            operand = self._seen[key] = len(self.code) * 8 + VALUE
            self.code.append((name, (start, *found), 0))
            if cs is not None:
                self.constant(0.0)
            self.rows.update({name: TABLE[name] for name in ("dot", "mul", "add", "where")})
        return operand

    def products(self, op: str, target: int, g: int, xs: Sequence[int], c: Sequence[int]) -> int | None:
        """Append, as one instruction, what writes g*x for each x of a list to targets from one on, behind a condition or
        none. Its operand, which nobody reads; None where a constant is among the others."""
        found = self.listed(xs)
        if found is None or any(a & 7 == CONSTANT for a in (g, *c, self.lists[found >> 3][0])):
            return None
        if c:
            self.constant(0.0)
        self.rows.update({name: TABLE[name] for name in ("mul", "where")})
        self.code.append((op, (g, found, *c), target))
        return (len(self.code) - 1) * 8 + VALUE

    def sums(self, op: str, target: int, given: Sequence[Sequence[int]]) -> None:
        """Append, as one instruction, what writes the sum of g*x for each place of as many lists x to targets from one on. It
        is given g, conditions or none, the lists, and two of what is added before or none."""
        self.constant(-0.0)
        self.constant(0.0)
        self.rows.update({name: TABLE[name] for name in ("add", "mul", "where")})
        lists = [self.listed(a) for a in given]
        self.code.append((op, tuple([a for a in lists if a is not None]), target))

    def put(self, op: str, args: tuple[int, ...], name: str) -> int:
        """Append an instruction of lists, whose rounds are of a row of the table; the operand for it, or for its first number."""
        self.rows.update({row: TABLE[row] for row in (op, name) if row in TABLE})
        operand = self._seen[op, *args] = len(self.code) * 8 + VALUE
        self.code.append((op, args, 0))
        return operand

    def note(self, name: str, args: Iterable[tuple[int, ...]], operands: Iterable[int]) -> None:
        """The operands for an op of some operands are on the trace, made by one instruction."""
        for given, operand in zip(args, operands):
            self._seen[name, *given] = operand
            self._made[operand] = name, given
            if name in COMMUTATIVE:
                self._seen[name, given[1], given[0]] = operand

    def gather(self, xs: range, i: int) -> int:
        """The operand for the entry of some parameters at an index."""
        return self.emit(GATHER, (xs[0], i, self.constant(float(len(xs))), self.constant(float(xs.step >> 3))))

    def scatter(self, op: str, x: int, i: int, target: int, targets: range) -> None:
        """Append what adds an operand where an effect writes, at an index, of so many that stand so far apart from a first one
        on."""
        count, step = self.constant(float(len(targets))), self.constant(float(targets.step))
        self.code.append((f"{op}_at", (x, i, count, step), target))

    def fill(self, target: int, x: int, count: int) -> None:
        """Append, as one instruction, what sets so many outputs to a number."""
        self.code.append(("fill", (x, self.constant(float(count))), target))

    def listed(self, given: Sequence[int]) -> int | None:
        """The operand for a list; constants, which nothing else reads from there, stand side by side."""
        known = self._lists_given.get(id(given))  # many dots share one
        if known is None:
            known = self._lists_given[id(given)] = given, self._new_list(given)
        return known[1]

    def _new_list(self, given: Sequence[int]) -> int | None:
        operands = given if isinstance(given, range) else spaced(tuple(given))
        index = self._list_of.get(operands)
        if index is None:
            uniform = isinstance(operands, range) and operands[0] & 7 != CONSTANT
            constants = 0 if uniform else sum([a & 7 == CONSTANT for a in operands])
            if constants and constants < len(operands):
                return None
            index = self._list_of[operands] = len(self.lists)
            if constants:
                first = len(self.constants)
                self.constants.extend([self.constants[a >> 3] for a in operands])
                self.apart.update(range(first, len(self.constants)))
                self.lists.append(range(first * 8 + CONSTANT, len(self.constants) * 8 + CONSTANT, 8))
            else:
                self.lists.append(operands)
        return index * 8 + LIST

    def number(self, operand: int) -> float | None:
        """What a constant operand stands for; None for the others, and where the number is not to count."""
        return self.constants[operand >> 3] if operand & 7 == CONSTANT and operand >> 3 not in self.apart else None

    def instruction(self, operand: int) -> tuple[str, tuple[int, ...]]:
        """(op, operands) that make an operand; ("", ()) where it is no value, or of a row that is not the table's."""
        if operand & 7 != VALUE:
            return "", ()
        op, args = self._made.get(operand) or self.code[operand >> 3][:2]
        return (op, args) if self.rows.get(op) is TABLE.get(op) else ("", ())

    def operand_of(self, name: str, operand: int) -> int | None:
        """x, where the operand is this function of x."""
        op, args = self.instruction(operand)
        return args[0] if op == name else None

    def other_factor(self, operand: int, factor: int) -> int | None:
        """x, where the operand is x*factor."""
        op, args = self.instruction(operand)
        return args[args[0] == factor] if op == "mul" and factor in args else None

    def seen(self, name: str, args: tuple[int | bytes, ...]) -> int | None:
        """The operand for an op of operands if it is on the trace."""
        return self._seen.get((name, *args))

    def effect(self, op: str, operand: int, target: int) -> None:
        """Append an instruction that writes."""
        self.code.append((op, (operand,), target))

    def emit(self, row: Op, args: tuple[int, ...]) -> int:
        """The operand for an op of operands."""
        name = row.name
        if row.lists:
            raise TypeError(f"tape takes ops of numbers, got {name}")
        beside = False  # a constant?
        if len(args) != 2 or args[0] & 7 == CONSTANT or args[1] & 7 == CONSTANT:
            constants = [a >> 3 for a in args if a & 7 == CONSTANT]
            if len(constants) == len(args):
                put = self.constant if self.apart.isdisjoint(constants) else self.constant_apart
                return put(row.forward(*[self.constants[i] for i in constants]))
            beside = bool(constants)
        rewrite = IDENTITIES.get(name) if beside or name not in BESIDE_CONSTANTS else None
        if rewrite is not None:
            found = rewrite(self, args)
            if found is not None:
                return found
        if name == "edge":
            name, row = "where", WHERE
        key = (name, *args)
        operand = self._seen.get(key)
        if operand is None:
            operand = self._seen[key] = len(self.code) * 8 + VALUE
            self.code.append((name, args, 0))
            self.rows[name] = WHERE if name == "where" else row
            if name in COMMUTATIVE:
                self._seen[name, args[1], args[0]] = operand
        return operand

    def shows_bare(self) -> bool:
        """Is what is bare nan in sums over the examples alone, and sure to be seen there?"""
        bare = set(self.bare)
        if not bare:
            return True
        lists = dict[int, bool]()  # is one of these in a list? All of it is older than who first reads it

        def reads(args: tuple[int, ...]) -> bool:
            for a in args:
                if a & 7 == LIST and a not in lists:
                    whole = self.lists[a >> 3]
                    even = isinstance(whole, range) and whole[0] & 7 != VALUE
                    lists[a] = not even and not bare.isdisjoint(whole)
                if a in bare or (a & 7 == LIST and lists[a]):
                    return True
            return False

        for i, (op, args, _) in enumerate(self.code):
            if reads(args):
                chosen = {"where": args[:1], "gated": args[3:]}.get(op, ())  # by conditions
                if op in LINEAR and self.rows.get(op) is TABLE.get(op) and not reads(chosen):
                    bare.add(i * 8 + VALUE)
                elif op != "accumulate":
                    return False
        return True


def spaced(operands: Sequence[int]) -> Sequence[int]:
    """A list of operands, as a range where they are of one space and advance by a constant stride."""
    first, step = operands[0], operands[1] - operands[0]
    if step and not step & 7 and operands[-1] == first + step * (len(operands) - 1):
        even = range(first, first + step * len(operands), step)
        if tuple(even) == operands:
            return even
    return operands


MUL, DIV, NEG, WHERE = (TABLE[name] for name in ("mul", "div", "neg", "where"))
BESIDE_CONSTANTS = frozenset(("add", "sub", "mul", "div", "power"))  # rewritten where one operand is a constant alone
LINEAR = frozenset(
    ("add", "sub", "mul", "div", "neg", "where", "dot", "gated", "total")
)  # a nan among the terms is one in the result


def _is(trace: Trace, operand: int, x: float) -> bool:
    """Is the operand this very number, sign of zero included?"""
    if operand & 7 != CONSTANT:
        return False
    number = trace.number(operand)
    return number == x and copysign(1.0, number) == copysign(1.0, x)


def _mul(trace: Trace, args: tuple[int, ...]) -> int | None:
    for a, b in (args, args[::-1]):
        if a & 7 == CONSTANT:
            if _is(trace, a, 1.0):
                return b
            if _is(trace, a, -1.0):
                return trace.emit(NEG, (b,))
    return None


def _neg(trace: Trace, args: tuple[int, ...]) -> int | None:
    a = args[0]
    if a & 7 == VALUE and trace.code[a >> 3][0] == "neg":
        return trace.code[a >> 3][1][0]
    return None


def _power(trace: Trace, args: tuple[int, ...]) -> int | None:
    x, n = args
    if _is(trace, n, 1.0):
        return x
    if _is(trace, n, 2.0):
        return trace.emit(MUL, (x, x))
    if _is(trace, n, -1.0):
        return trace.emit(DIV, (trace.constant(1.0), x))
    if trace.number(n) == 0.0:
        return trace.constant(1.0)
    return None


def _step(trace: Trace, args: tuple[int, ...]) -> int | None:
    """step(x) is step(relu(x)) for every x, and relu(x) is kept anyway, so that x need not be."""
    relu = trace.seen("relu", args)
    return None if relu is None else trace.emit(TABLE["step"], (relu,))


def _where(trace: Trace, args: tuple[int, ...]) -> int | None:
    c, a, b = args
    if a == b:
        return a
    condition = trace.number(c)
    if condition is not None:
        return a if condition else b
    if b & 7 == CONSTANT and _is(trace, b, 0.0):
        return _gated(trace, c, a)
    if a & 7 == CONSTANT and _is(trace, a, 1.0):
        return _either(trace, c, b)
    return None


def _gated(trace: Trace, c: int, a: int) -> int | None:
    """Behind relu, `where(step(r), g*step(r), 0)` with r = relu(x) is `where(r > 0, g, r)`, since r is 0 or nan elsewhere;
    a further condition outside it stays outside."""
    if trace.instruction(a)[0] != "mul":
        return None
    outer, step = _behind(trace, c)
    r, g = trace.operand_of("step", step), trace.other_factor(a, step)
    if r is None or g is None or trace.operand_of("relu", r) is None:
        return None
    found = trace.emit(WHERE, (trace.emit(TABLE["greater"], (r, trace.constant(0.0))), g, r))
    return found if outer is None else trace.emit(WHERE, (outer, found, trace.constant(0.0)))


def _either(trace: Trace, c: int, b: int) -> int | None:
    """Two conditions behind the same third one: `(o and x) or (o and y)` is `o and (x or y)`."""
    (outer, x), (other, y) = _behind(trace, c), _behind(trace, b)
    if outer is None or outer != other:
        return None
    return trace.emit(WHERE, (outer, trace.emit(WHERE, (x, trace.constant(1.0), y)), trace.constant(0.0)))


def _behind(trace: Trace, c: int) -> tuple[int | None, int]:
    """(o, x) of a condition `where(o, x, 0)`, else (None, the condition)."""
    op, args = trace.instruction(c)
    return (args[0], args[1]) if op == "where" and _is(trace, args[2], 0.0) else (None, c)


def _scaled(factor: float) -> Rewrite:
    return lambda trace, args: trace.emit(MUL, (args[0], trace.constant(factor)))


Rewrite = Callable[[Trace, tuple[int, ...]], int | None]  # (trace, operands) -> an operand, or None

# What an op is rewritten to where it is the same for every number.
IDENTITIES: dict[str, Rewrite] = {
    "mul": _mul,
    "add": lambda t, args: args[1] if _is(t, args[0], -0.0) else args[0] if _is(t, args[1], -0.0) else None,
    "sub": lambda t, args: args[0] if _is(t, args[1], 0.0) else None,
    "div": lambda t, args: args[0] if _is(t, args[1], 1.0) else None,
    "neg": _neg,
    "power": _power,
    "step": _step,
    "where": _where,
    "edge": _where,
    "identity": lambda trace, args: args[0],
    "detached": lambda trace, args: args[0],
    "held": lambda trace, args: args[0],
    "square": lambda trace, args: trace.emit(MUL, (args[0], args[0])),
    "reciprocal": lambda trace, args: trace.emit(DIV, (trace.constant(1.0), args[0])),
    "deg2rad": _scaled(TABLE["deg2rad"].partials[0]),
    "rad2deg": _scaled(TABLE["rad2deg"].partials[0]),
}
