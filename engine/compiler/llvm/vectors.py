"""Numbers of the compiled program: LLVM values, one lane an example, with Python's operators and the table's ops.

Rows of the table apply to them as to floats and Values, so that a lowering, an elementary function, and the forward of
a user's own row are written as formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ctypes import c_float
from functools import lru_cache
from itertools import count
from struct import pack, unpack
from typing import ClassVar, TypeAlias

from llvmlite import ir as ir

from ...rule import Op


class _Integers(ir.IntType):  # type: ignore[misc]
    """Integers of some bits, of which each number is one constant, that keeps its text: thousands of indices are few."""

    _instance_cache: ClassVar[dict[int, ir.IntType]] = {}

    def __call__(self, x: int | None) -> ir.Constant:
        return _integer(self.width, x)


@lru_cache(2**12)
def _integer(bits: int, x: int | None) -> ir.Constant:
    return ir.Constant(ir.IntType(bits), x)


I1, I32, I64, POINTER = ir.IntType(1), _Integers(32), _Integers(64), ir.PointerType()
DOUBLE, FLOAT = ir.DoubleType(), ir.FloatType()
TYPES = {"float64": DOUBLE, "float32": FLOAT}
_vector = lru_cache(64)(ir.VectorType)  # thousands of instructions have the same


class Names:
    """What tells the values of a function apart: a number behind each name, where llvmlite looks for one that is free.

    Args:
        function: it has its arguments, which have names.
    """

    def __init__(self, function: ir.Function) -> None:
        self._numbers = count(len(function.args) + 1)

    def register(self, name: str, deduplicate: bool = False) -> str:
        """A name that no other value has."""
        return f"{name}.{next(self._numbers)}"


class VectorBuilder:
    """What makes instructions: a builder, the type of a number, the lanes.

    Attributes:
        contract: may a product and a sum become one fused multiply-add?
        inline: put elementary functions in line?
        lower: (vectors, op, args) -> Vector: how an op is applied.
    """

    def __init__(
        self, builder: ir.IRBuilder, real: ir.Type, lanes: int, contract: bool, inline: bool, lower: Lower
    ) -> None:
        self.builder, self.real, self.lanes, self.inline, self.lower = builder, real, lanes, inline, lower
        self.contract = contract
        self.flags = ("contract",) if contract else ()
        self._masks: dict[int, tuple[ir.Value, ir.Value]] = {}
        self.double = isinstance(real, ir.DoubleType)
        self.integer, self.bits_name = (I64, "f64") if self.double else (I32, "f32")
        self.mantissa, self.bias = (52, 1023) if self.double else (23, 127)

    def type_of(self, scalar: ir.Type) -> ir.Type:
        """A scalar type, one of it a lane."""
        return _vector(scalar, self.lanes) if self.lanes > 1 else scalar

    @property
    def type(self) -> ir.Type:
        """The type of a number."""
        return self.type_of(self.real)

    @property
    def module(self) -> ir.Module:
        """The module that is being written."""
        return self.builder.module

    def constant(self, x: float) -> ir.Constant:
        """An LLVM value: the same number in every lane."""
        return _in_lanes(self.double, self.lanes, pack("d", x if self.double else c_float(x).value))

    def whole(self, x: int) -> ir.Constant:
        """An LLVM value: the same integer in every lane, as wide as a number."""
        t = self.type_of(self.integer)
        return ir.Constant(t, [x] * self.lanes if self.lanes > 1 else x)

    def number(self, x: Operand) -> Vector:
        """A Vector from a float, an LLVM value or a Vector."""
        if isinstance(x, Vector):
            return x
        return Vector(self, self.constant(float(x)) if isinstance(x, (int, float)) else x)

    def apply(self, name: str, *args: Operand) -> Vector:
        """A row of the table by name."""
        from ...rule import row

        return self.lower(self, row(name), args)

    # Masks and choices ---------------------------------------------------------------------------------------------------

    def compare(self, sign: str, a: Operand, b: Operand) -> ir.Value:
        """A mask that is false where a nan is compared; `!=` is true there."""
        a, b = self.number(a).value, self.number(b).value
        if sign == "!=":
            return self.builder.fcmp_unordered("!=", a, b)
        return self.builder.fcmp_ordered(sign, a, b)

    def is_nan(self, x: Operand) -> ir.Value:
        """The mask of nans."""
        return self.compare("!=", x, x)

    def both(self, p: ir.Value, q: ir.Value) -> ir.Value:
        """The mask where both hold."""
        return self.builder.and_(p, q)

    def either(self, p: ir.Value, q: ir.Value) -> ir.Value:
        """The mask where one holds."""
        return self.builder.or_(p, q)

    def choose(self, mask: ir.Value, a: Operand, b: Operand) -> Vector:
        """`a` where the mask holds, else `b`."""
        return Vector(self, self.builder.select(mask, self.number(a).value, self.number(b).value))

    def flag(self, mask: ir.Value) -> Vector:
        """1.0 where the mask holds, else 0.0."""
        return self.remember(mask, self.choose(mask, 1.0, 0.0))

    def remember(self, mask: ir.Value, x: Vector) -> Vector:
        """Note where a number is not 0, so that a choice by it need not compare it again."""
        self._masks[id(x.value)] = (x.value, mask)
        return x

    def known_truth(self, x: Vector) -> ir.Value | None:
        """The mask noted for a number, or None."""
        return self._masks.get(id(x.value), (None, None))[1]

    def truth(self, x: Vector) -> ir.Value:
        """The mask of what is not 0; a nan is true, as in Python."""
        known = self.known_truth(x)
        if known is not None:
            return known
        return self.compare("!=", x, self._zeros() if isinstance(x.value, ir.ShuffleVector) else 0.0)

    def _zeros(self) -> ir.Value:
        """0 in each lane, of which LLVM does not know it: one number in all lanes it would compare before it is in them, and
        put the answer into lanes in four instructions, where to compare vectors takes one."""
        zeros = self.module.globals.get("zeros")
        if zeros is None:
            kind = ir.ArrayType(DOUBLE, 16)  # as many float64 as a vector of 64 bytes has float32
            zeros = ir.GlobalVariable(self.module, kind, "zeros")
            zeros.initializer, zeros.align = ir.Constant(kind, None), 64
        found = self.builder.load(zeros, typ=self.type)
        found.align = 64
        return found

    def is_constant(self, x: Vector, number: float) -> bool:
        """Is it this very constant?"""
        return isinstance(x.value, ir.Constant) and str(x.value) == str(self.constant(number))

    # Instructions and functions ------------------------------------------------------------------------------------------

    def intrinsic(self, name: str, *args: Operand) -> Vector:
        """An LLVM intrinsic of numbers. llvmlite cannot name one over a vector type, so the name is made here."""
        values = [self.number(a).value for a in args]
        bits = self.bits_name if self.lanes == 1 else f"v{self.lanes}{self.bits_name}"
        function = declared(self.module, f"llvm.{name}.{bits}", self.type, [self.type] * len(values))
        return Vector(self, self.builder.call(function, values))

    def fma(self, a: Operand, b: Operand, c: Operand) -> Vector:
        """a*b + c with one rounding."""
        return self.intrinsic("fma", a, b, c)

    def bits(self, x: Vector) -> ir.Value:
        """The bits of a number, as integers."""
        return self.builder.bitcast(x.value, self.type_of(self.integer))

    def from_bits(self, bits: ir.Value) -> Vector:
        """The number that has these bits."""
        return Vector(self, self.builder.bitcast(bits, self.type))

    def function(self, name: str, body: Callable[..., Vector], *args: Operand) -> Vector:
        """Call a function of numbers that is written once a module; contraction is off inside."""
        full = f"{name}.{self.lanes}.{self.bits_name}"
        values = [self.number(a).value for a in args]
        function = self.module.globals.get(full)
        if function is None:
            function = ir.Function(self.module, ir.FunctionType(self.type, [self.type] * len(values)), full)
            function.linkage = "internal"
            function.attributes.add("alwaysinline" if self.inline else "noinline")
            builder = ir.IRBuilder(function.append_basic_block("entry"))
            inner = VectorBuilder(builder, self.real, self.lanes, False, self.inline, self.lower)
            builder.ret(body(inner, *[Vector(inner, a) for a in function.args]).value)
        return Vector(self, self.builder.call(function, values))

    def lanewise(self, name: str, *args: Operand) -> Vector:
        """A function of the C library in float64, lane by lane."""
        values = [self.number(a).value for a in args]
        function = declared(self.module, name, DOUBLE, [DOUBLE] * len(values))
        function.attributes.update(("nounwind", "readnone"))  # so that a call of what does not change leaves a loop
        out = ir.Constant(self.type, ir.Undefined)
        for lane in range(self.lanes):
            parts = values
            if self.lanes > 1:
                parts = [self.builder.extract_element(v, ir.Constant(I32, lane)) for v in values]
            if not self.double:
                parts = [self.builder.fpext(p, DOUBLE) for p in parts]
            y = self.builder.call(function, parts)
            if not self.double:
                y = self.builder.fptrunc(y, FLOAT)
            out = self.builder.insert_element(out, y, ir.Constant(I32, lane)) if self.lanes > 1 else y
        return Vector(self, out)

    def in_double(self, body: Callable[..., Vector], *args: Vector) -> Vector:
        """Compute a function in float64 and round once."""
        wide = VectorBuilder(self.builder, DOUBLE, self.lanes, False, self.inline, self.lower)
        y = body(wide, *[Vector(wide, self.builder.fpext(a.value, wide.type)) for a in args])
        return Vector(self, self.builder.fptrunc(y.value, self.type))

    def splat(self, x: ir.Value) -> Vector:
        """One LLVM scalar in every lane."""
        if self.lanes == 1:
            return Vector(self, x)
        nothing, first = _to_fill(self.double, self.lanes)
        v = self.builder.insert_element(nothing, x, I32(0))
        return Vector(self, self.builder.shuffle_vector(v, nothing, first))


@lru_cache(2**12)  # programs hold the same constants many times; each keeps its text
def _in_lanes(double: bool, lanes: int, number: bytes) -> ir.Constant:
    """The float64 of these bytes in every lane; no key is a float, since -0.0 equals 0.0, and nan not itself."""
    one = ir.Constant(DOUBLE if double else FLOAT, *unpack("d", number))
    return ir.Constant(ir.VectorType(one.type, lanes), [one] * lanes) if lanes > 1 else one


@lru_cache(64)
def _to_fill(double: bool, lanes: int) -> tuple[ir.Constant, ir.Constant]:
    """(a vector of nothing, which lane of it each lane is of one that holds a number in the first)."""
    nothing = ir.Constant(ir.VectorType(DOUBLE if double else FLOAT, lanes), ir.Undefined)
    return nothing, ir.Constant(ir.VectorType(I32, lanes), [0] * lanes)


def declared(module: ir.Module, name: str, result: ir.Type, args: Sequence[ir.Type]) -> ir.Function:
    """The function of this name in a module, declared if it is not there."""
    known = module.globals.get(name)
    return known if known is not None else ir.Function(module, ir.FunctionType(result, args), name)


def _instruction(name: str) -> tuple[Operator, Operator]:
    """(a, b) -> an instruction of them, and with the operands changed round."""

    def made(k: VectorBuilder, a: ir.Value, b: ir.Value) -> Vector:
        return Vector(k, getattr(k.builder, name)(a, b, flags=k.flags))

    return (
        lambda a, b: made(a.vectors, a.value, a.vectors.number(b).value),
        lambda a, b: made(a.vectors, a.vectors.number(b).value, a.value),
    )


def _row(name: str) -> tuple[Operator, Operator]:
    """The same for a row of the table."""
    return lambda a, b: a.vectors.apply(name, a, b), lambda a, b: a.vectors.apply(name, b, a)


class Vector:
    """An LLVM value that a formula can be written with."""

    __slots__ = ("value", "vectors")

    def __init__(self, vectors: VectorBuilder, value: ir.Value) -> None:
        self.vectors, self.value = vectors, value

    def _node(self, op: Op, args: Sequence[Operand]) -> Vector:
        return self.vectors.lower(self.vectors, op, args)

    __add__, __radd__ = _instruction("fadd")
    __sub__, __rsub__ = _instruction("fsub")
    __mul__, __rmul__ = _instruction("fmul")
    __truediv__, __rtruediv__ = _instruction("fdiv")
    __pow__, __rpow__ = _row("power")
    __lt__, __gt__ = _row("less")[0], _row("greater")[0]
    __le__, __ge__ = _row("less_equal")[0], _row("greater_equal")[0]

    def __neg__(self) -> Vector:
        return Vector(self.vectors, self.vectors.builder.fneg(self.value))

    def __pos__(self) -> Vector:
        return self

    def __abs__(self) -> Vector:
        return self.vectors.intrinsic("fabs", self)

    def __bool__(self) -> bool:
        raise TypeError("its forward function branches")

    def __float__(self) -> float:
        raise TypeError("its forward function calls a function of floats")


Operand: TypeAlias = "Vector | float | ir.Value"
Operator = Callable[[Vector, Operand], Vector]
Lower = Callable[[VectorBuilder, Op, Sequence[Operand]], Vector]
